"""A change means something when it is beyond chance, beyond measuring errors and large enough; what
a session's repetitions share counts in full between two sessions, and not within one.
"""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motion import change as change_module
from motion import trend as trend_module
from motion.change import (
    LEAST_REPETITIONS,
    Measured,
    SessionChange,
    change_between,
    changed,
    changes_between,
    means_something,
)
from motion.decline import declines
from motion.errors import ComparisonError, ComparisonFault
from motion.events import RepetitionEvent
from motion.quantity import CHANCE, Quantity, chance_of
from motion.symmetry import symmetries
from motion.trend import trends_within_sets
from tests.motion.repetitions import repetition, with_ranges

DRAWS = 300
RANGE_SD_DEG = 3.0

values = st.floats(1.0, 150.0)
deviations = st.floats(0.0, 20.0)


def only(before: list[RepetitionEvent], after: list[RepetitionEvent]) -> SessionChange:
    (found,) = changes_between(before, after)
    return found


def session(
    random: np.random.Generator, count: int, rom_deg: float, *, offset_sd_deg: float = RANGE_SD_DEG
) -> list[RepetitionEvent]:
    """A session as people do it, whose strapping is off by something that all repetitions share."""
    offset_deg = random.normal(0.0, offset_sd_deg)
    return [
        repetition(
            number,
            rom_deg=rom_deg * random.normal(1.0, 0.05) + offset_deg,
            rom_sd_deg=RANGE_SD_DEG,
            out_s=1.5 * random.normal(1.0, 0.15),
            hold_s=abs(random.normal(1.0, 0.4)),
            back_s=1.5 * random.normal(1.0, 0.15),
            smoothness_out=random.normal(-1.7, 0.15),
            score=min(100.0, random.normal(92.0, 5.0)),
        )
        for number in range(1, count + 1)
    ]


# --- two measured values ------------------------------------------------------------------------


@given(values, deviations, values, deviations)
def test_swapping_two_values_mirrors_the_change(
    one: float, one_sd: float, other: float, other_sd: float
) -> None:
    there = change_between(Quantity.RANGE, Measured(one, one_sd), Measured(other, other_sd))
    back = change_between(Quantity.RANGE, Measured(other, other_sd), Measured(one, one_sd))
    assert back.change == -there.change
    assert (back.low, back.high) == (-there.high, -there.low)
    assert (back.stated, back.detectable) == (there.stated, there.detectable)
    assert there.low <= there.change <= there.high


def test_two_values_differ_beyond_1_96_deviations_of_their_difference() -> None:
    sd = math.hypot(3.0, 4.0)
    for apart, beyond in ((1.95, False), (1.97, True)):
        change = change_between(
            Quantity.RANGE, Measured(40.0, 3.0), Measured(40.0 + apart * sd, 4.0)
        )
        assert change.stated is beyond
        assert change.beyond_chance is beyond
        assert change.detectable == pytest.approx(1.96 * sd, rel=1e-4)


def test_what_is_sure_and_small_means_nothing() -> None:
    change = change_between(Quantity.RANGE, Measured(60.0, 0.1), Measured(57.0, 0.1))
    assert change.beyond_chance
    assert not change.stated


def test_what_is_large_and_unsure_means_nothing() -> None:
    change = change_between(Quantity.RANGE, Measured(60.0, 15.0), Measured(40.0, 15.0))
    assert not change.beyond_chance
    assert not change.stated


def test_of_an_unknown_uncertainty_nothing_can_be_said() -> None:
    change = change_between(Quantity.RANGE, Measured(60.0, math.inf), Measured(10.0, 1.0))
    assert (change.stated, change.low, change.high) == (False, -math.inf, math.inf)
    assert change.detectable == math.inf


def test_the_percentage_is_of_the_first_value_and_only_where_it_means_something() -> None:
    change = change_between(Quantity.RANGE, Measured(50.0, 1.0), Measured(60.0, 1.0))
    assert change.percent is not None
    assert change.percent[0] == pytest.approx(20.0)
    assert change_between(Quantity.SCORE, Measured(50.0, 1.0), Measured(60.0, 1.0)).percent is None


@pytest.mark.parametrize(
    "fields",
    [
        {"value": math.nan, "sd": 1.0},
        {"value": 1.0, "sd": -1.0},
        {"value": 1.0, "sd": math.nan},
        {"value": 1.0, "sd": 1.0, "scatter_sd": -0.1},
        {"value": 1.0, "sd": 1.0, "freedom": 0.0},
    ],
)
def test_a_value_without_a_sensible_uncertainty_is_refused(fields: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="deviations that are not negative"):
        Measured(**fields)


def test_all_three_must_hold() -> None:
    told: dict[str, Any] = {
        "quantity": Quantity.RANGE,
        "before": 60.0,
        "after": 40.0,
        "interval": (-25.0, -15.0),
        "chance": 0.01,
        "allowed": 0.05,
    }
    assert means_something(**told)
    for broken in ({"chance": 0.06}, {"interval": (-45.0, 5.0)}, {"after": 58.0}):
        assert not means_something(**(told | broken))


# --- repetitions --------------------------------------------------------------------------------


def test_a_deviation_counts_in_full_between_sessions_however_many_repetitions() -> None:
    steady = with_ranges([60.0, 60.2, 59.8] * 20, rom_sd_deg=4.0)
    between = Measured.of(Quantity.RANGE, steady, within=False)
    within = Measured.of(Quantity.RANGE, steady, within=True)
    assert between is not None
    assert within is not None
    assert between.sd == 4.0
    # Independent errors of sixty: about 4 / sqrt(60), with the scatter that was seen in it.
    assert math.hypot(within.sd, within.scatter_sd) == pytest.approx(
        4.0 * math.sqrt(math.pi / 2 / 60)
    )


def test_between_strappings_the_range_above_the_rest_is_compared_and_no_reach() -> None:
    # The same movement with a strap that sits ten degrees otherwise.
    one = [repetition(k, rom_deg=60.0 + k % 3, reach_deg=60.0 + k % 3) for k in range(1, 9)]
    other = [repetition(k, rom_deg=60.0 + k % 3, reach_deg=50.0 + k % 3) for k in range(1, 9)]
    assert only(one, other).statements == []
    within = changed(Quantity.RANGE, one, other, within=True)
    assert within is not None
    assert within.change == -10.0


def test_within_a_session_scatter_that_is_seen_is_not_counted_twice() -> None:
    wide = with_ranges([50.0, 70.0, 60.0, 45.0, 75.0, 60.0], rom_sd_deg=1.0)
    within = Measured.of(Quantity.RANGE, wide, within=True)
    assert within is not None
    assert within.sd == 0.0
    assert within.scatter_sd > 3.0


def test_a_planted_change_between_two_sessions_is_found() -> None:
    random = np.random.default_rng(3)
    found = 0
    for _ in range(DRAWS):
        compared = only(session(random, 10, 45.0), session(random, 10, 63.0))
        change = compared.changes[Quantity.RANGE]
        found += change in compared.statements and change.change > 0.0
    assert found >= 0.9 * DRAWS


@pytest.mark.parametrize("count", [3, 10, 30])
def test_two_strappings_alone_make_a_statement_in_fewer_than_one_pair_in_twenty(count: int) -> None:
    random = np.random.default_rng(count)
    stated = sum(
        bool(only(session(random, count, 40.0), session(random, count, 40.0)).statements)
        for _ in range(DRAWS)
    )
    assert stated <= CHANCE * DRAWS


def test_taken_for_one_session_two_strappings_would_be_called_a_change() -> None:
    # Why what a session shares must count in full: thirty repetitions do not lessen it.
    random = np.random.default_rng(5)
    wrong = 0
    for _ in range(DRAWS):
        pair = session(random, 30, 25.0), session(random, 30, 25.0)
        change = changed(Quantity.RANGE, *pair, within=True)
        assert change is not None
        wrong += change.stated
    assert wrong > 3 * CHANCE * DRAWS


def test_the_interval_holds_the_change() -> None:
    random = np.random.default_rng(7)
    held = 0
    for _ in range(DRAWS):
        change = changed(Quantity.RANGE, session(random, 8, 60.0), session(random, 8, 50.0))
        assert change is not None
        held += change.low <= -10.0 <= change.high
    assert held >= 0.95 * DRAWS


def test_what_is_detectable_is_what_is_stated() -> None:
    before = with_ranges([50.0, 51.0, 49.0, 50.0], rom_sd_deg=2.0)
    for beyond in (0.99, 1.01):
        change = changed(Quantity.RANGE, before, before)
        assert change is not None
        by = beyond * change.detectable
        after = with_ranges([each.rom_deg + by for each in before], rom_sd_deg=2.0)
        moved = changed(Quantity.RANGE, before, after)
        assert moved is not None
        assert moved.detectable == pytest.approx(change.detectable)
        assert moved.stated == (beyond > 1.0)


def test_all_quantities_together_have_five_percent() -> None:
    events = [repetition(1)]
    assert sum(chance_of(quantity, events) for quantity in Quantity) == pytest.approx(CHANCE)


# --- two sessions -------------------------------------------------------------------------------


def test_every_exercise_side_and_way_is_compared_with_itself() -> None:
    before = [
        *with_ranges([60.0] * 4, side="left"),
        *with_ranges([40.0] * 4, side="right"),
        *with_ranges([30.0] * 4, exercise="other", way="bend_left"),
        *with_ranges([30.0] * 4, exercise="first only"),
    ]
    after = [
        *with_ranges([30.0] * 4, exercise="other", way="bend_left"),
        *with_ranges([40.0] * 4, side="left"),
        *with_ranges([40.0] * 4, side="right"),
    ]
    found = changes_between(before, after)
    assert [(each.exercise, each.side, each.way) for each in found] == [
        ("synthetic", "left", None),
        ("synthetic", "right", None),
        ("other", None, "bend_left"),
    ]
    assert [[each.quantity for each in one.statements] for one in found] == [
        [Quantity.RANGE],
        [],
        [],
    ]


def test_interrupted_and_paused_repetitions_are_left_out_and_counted() -> None:
    before = with_ranges([60.0] * 4)
    after = [*with_ranges([60.0] * 4), *with_ranges([10.0] * 4, notes=["paused"])]
    found = only(before, after)
    assert (len(found.after), found.left_out, found.statements) == (4, 4, [])


def test_of_too_few_repetitions_nothing_is_told() -> None:
    found = only(with_ranges([60.0] * 8), with_ranges([20.0] * (LEAST_REPETITIONS - 1)))
    assert (found.changes, found.statements) == ({}, [])


def test_quantities_may_be_left_out() -> None:
    before, after = with_ranges([60.0] * 4), with_ranges([60.0] * 4)
    (found,) = changes_between(before, after, [Quantity.RANGE, Quantity.OUT])
    assert list(found.changes) == [Quantity.RANGE, Quantity.OUT]


@pytest.mark.parametrize(
    ("before", "after", "reason", "words"),
    [
        ([], [repetition(1)], ComparisonFault.NO_REPETITIONS, "in the first session"),
        ([repetition(1)], [], ComparisonFault.NO_REPETITIONS, "in the second session"),
        (
            [repetition(1, exercise="squat")],
            [repetition(1, exercise="bridge")],
            ComparisonFault.OTHER_EXERCISE,
            "has squat, the second bridge",
        ),
        (
            [repetition(1, side="left")],
            [repetition(1, side="right")],
            ComparisonFault.OTHER_SIDE,
            "has left, the second right",
        ),
        (
            [repetition(1, side="left")],
            [repetition(1)],
            ComparisonFault.OTHER_SIDE,
            "has left, the second no side",
        ),
    ],
)
def test_sessions_with_nothing_in_common_are_refused(
    before: list[RepetitionEvent],
    after: list[RepetitionEvent],
    reason: ComparisonFault,
    words: str,
) -> None:
    with pytest.raises(ComparisonError, match=words) as caught:
        changes_between(before, after)
    assert caught.value.reason is reason


# --- one's own first repetitions ----------------------------------------------------------------


def judged_by_own(*sets: list[float], **fields: Any) -> list[RepetitionEvent]:
    """Sets one after the other; from the fourth repetition on there is a reference."""
    events: list[RepetitionEvent] = []
    for set_index, ranges_deg in enumerate(sets, 1):
        for index, deg in enumerate(ranges_deg, 1):
            known = None if len(events) < 3 else sorted(e.rom_deg for e in events[:3])[1]
            given = {"rom_sd_deg": 1.0, "range_reference_deg": known, **fields}
            events.append(
                repetition(len(events) + 1, set_index=set_index, index=index, rom_deg=deg, **given)
            )
    return events


FIRST_SET = [60.0, 60.5, 59.5, 60.2, 59.8, 60.1, 59.9]


def test_a_later_set_that_fell_behind_the_first_repetitions_is_told() -> None:
    found = declines(judged_by_own(FIRST_SET, [48.0, 48.5, 47.5, 48.2, 47.9, 48.1]))
    assert [(each.set_index, each.change.stated) for each in found] == [(1, False), (2, True)]
    assert found[1].change.before == 60.0
    assert found[1].change.change == pytest.approx(-12.0, abs=0.2)


def test_small_and_scattered_differences_from_the_first_are_none() -> None:
    found = declines(judged_by_own(FIRST_SET, [57.0] * 6, [40.0, 75.0, 50.0, 66.0, 58.0, 47.0]))
    assert [each.change.stated for each in found] == [False, False, False]


def test_each_side_has_its_own_beginning() -> None:
    left = judged_by_own(FIRST_SET, [48.0] * 6, side="left")
    right = judged_by_own([48.0, 48.5, 47.5, *[48.0] * 4], [48.0] * 6, side="right")
    found = declines([*left[:7], *right[:7], *left[7:], *right[7:]])
    assert [(each.side, each.set_index, each.change.stated) for each in found] == [
        ("left", 1, False),
        ("right", 1, False),
        ("left", 2, True),
        ("right", 2, False),
    ]


def test_against_the_prescription_there_is_no_decline_to_tell() -> None:
    assert declines(with_ranges([*FIRST_SET, *[30.0] * 7])) == []
    assert declines([]) == []


def test_chance_states_a_decline_in_fewer_than_one_session_in_twenty() -> None:
    random = np.random.default_rng(11)
    stated = 0
    for _ in range(DRAWS):
        # So wide that chance often makes what would matter.
        sets = [random.normal(60.0, 12.0, 8).tolist() for _ in range(4)]
        stated += any(each.change.stated for each in declines(judged_by_own(*sets)))
    assert stated <= CHANCE * DRAWS


# --- one place ----------------------------------------------------------------------------------


def test_every_report_asks_the_one_place_that_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    falling = judged_by_own([60.0 - 2.0 * number for number in range(10)], [30.0] * 6)
    left, right = with_ranges([60.0] * 6, side="left"), with_ranges([30.0] * 6, side="right")

    def stated() -> list[bool]:
        return [
            any(each.statements for each in trends_within_sets(falling)),
            any(each.statements for each in symmetries([*left, *right])),
            any(each.change.stated for each in declines(falling)),
            any(each.statements for each in changes_between(falling, with_ranges([20.0] * 6))),
        ]

    assert stated() == [True] * 4
    for module in (change_module, trend_module):
        monkeypatch.setattr(module, "means_something", lambda *_: False)
    assert stated() == [False] * 4
