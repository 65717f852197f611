"""The order of a plan."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from motion.template import ExerciseTemplate
from server.plan_order import POSITIONS, Needs, by_position_and_strap

straps = st.frozensets(
    st.sampled_from(
        [("pelvis", "front", "none"), ("thorax", "front", "none"), ("arm", "o", "left")]
    )
)
needs = st.lists(st.builds(Needs, st.sampled_from(POSITIONS), straps), max_size=12)


@given(needs)
def test_every_exercise_is_done_once_and_every_position_taken_once(exercises: list[Needs]) -> None:
    order = by_position_and_strap(exercises)
    assert sorted(order) == list(range(len(exercises)))
    positions = [exercises[at].position for at in order]
    changes = sum(a != b for a, b in pairwise(positions))
    assert changes == max(0, len(set(positions)) - 1)


@given(needs)
def test_ordering_twice_changes_nothing_within_a_position_and_strap(
    exercises: list[Needs],
) -> None:
    order = by_position_and_strap(exercises)
    for each in set(exercises):
        places = [at for at in order if exercises[at] == each]
        # The therapist's order, one after the other.
        assert places == sorted(places)
        where = [order.index(at) for at in places]
        assert where == list(range(where[0], where[0] + len(where)))


def test_the_strap_that_shares_most_comes_next() -> None:
    pelvis, thorax, arm = ("pelvis", "f", ""), ("thorax", "f", ""), ("arm", "o", "")
    exercises = [
        Needs("standing", frozenset([pelvis])),
        Needs("standing", frozenset([arm])),
        Needs("standing", frozenset([pelvis, thorax])),
    ]
    assert by_position_and_strap(exercises) == [0, 2, 1]


def test_the_other_arm_is_another_strap() -> None:
    template = ExerciseTemplate.load("shoulder-abduction")
    left, right = Needs.of(template, "left"), Needs.of(template, "right")
    assert by_position_and_strap([left, right, left]) == [0, 2, 1]
