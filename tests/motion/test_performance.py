"""Plans are right by their template, faults lie clearly beyond their threshold and alone, and a
body's poses come to what was planned.
"""

from collections.abc import Sequence

import numpy as np
import pytest

from motion.choreography import Choreography
from motion.performance import (
    PART_SHARE,
    PlannedRepetition,
    aimed_deg,
    minimum_jerk,
    minimum_jerk_time,
    plan,
    possible_faults,
    with_fault,
)
from motion.template import ExerciseTemplate
from tests.motion.figured import DOCUMENTS, TEMPLATES

each = pytest.mark.parametrize("id", TEMPLATES)


def _random(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def _changed(id: str, **fields: object) -> ExerciseTemplate:
    document = next(document for document in DOCUMENTS if document["id"] == id)
    return ExerciseTemplate.from_document({**document, **fields}, source=id)


def _within(value: float, interval: Sequence[float] | None) -> bool:
    return interval is None or interval[0] <= value <= interval[1]


def test_smooth_movements_make_their_way_in_the_known_shares_of_the_time() -> None:
    np.testing.assert_allclose(minimum_jerk([-1.0, 0.0, 0.5, 1.0, 2.0]), [0.0, 0.0, 0.5, 1.0, 1.0])
    assert float(minimum_jerk(minimum_jerk_time(0.2))) == pytest.approx(0.2)
    assert pytest.approx(0.62, abs=0.005) == PART_SHARE


@each
def test_a_plan_is_right_by_its_template(id: str) -> None:
    template = TEMPLATES[id]
    for seed in range(20):
        for planned in plan(template, 4, _random(seed)):
            if template.band is None:
                target = template.range
                assert target.minimum_deg + 3.0 < planned.range_deg < target.limit_deg - 3.0
            else:
                assert abs(planned.range_deg - template.band.target_deg) < template.band.band_deg
            assert _within(planned.out_s, template.tempo.out_s)
            assert _within(planned.hold_s, template.tempo.hold_s)
            assert _within(planned.back_s, template.tempo.back_s)
            for compensation in template.compensations:
                value_deg = planned.compensations[compensation.name]
                assert 0.0 <= value_deg <= 0.3 * compensation.limit_deg
            assert planned.intended == ()


def test_a_plan_is_the_same_for_the_same_seed() -> None:
    template = TEMPLATES["low-back-bend"]
    assert plan(template, 5, _random(3)) == plan(template, 5, _random(3))
    assert plan(template, 5, _random(3)) != plan(template, 5, _random(4))


def test_ways_and_sides_take_turns() -> None:
    assert [p.way for p in plan(TEMPLATES["side-bend"], 4, _random())] == [1, -1, 1, -1]
    assert [p.mirrored for p in plan(TEMPLATES["bird-dog"], 3, _random())] == [False, True, False]
    assert {p.way for p in plan(TEMPLATES["squat"], 4, _random())} == {1}


def test_intervals_given_replace_those_of_the_template() -> None:
    planned = plan(
        TEMPLATES["squat"], 1, _random(), range_deg=(80, 80), out_s=(3, 3), rest_s=(4, 4)
    )
    assert (planned[0].range_deg, planned[0].out_s, planned[0].rest_s) == (80.0, 3.0, 4.0)


def test_the_aim_lies_between_the_goal_and_the_middle_of_what_is_allowed() -> None:
    ranges = {"count_from_deg": 10, "minimum_deg": 30, "goal_deg": 45, "limit_deg": 70}
    assert aimed_deg(_changed("squat", range=ranges)) == (45.0, 50.0)
    assert aimed_deg(_changed("squat", range=ranges | {"goal_deg": 60})) == (50.0, 60.0)
    # Who reaches the goal does not go far beyond it ...
    assert aimed_deg(_changed("squat", range=ranges | {"limit_deg": 180})) == (45.0, 56.25)
    # ... and keeps away from the minimum and the limit.
    assert aimed_deg(_changed("squat", range=ranges | {"goal_deg": 30}))[0] == 36.0
    assert aimed_deg(_changed("squat", range=ranges | {"goal_deg": 69}))[1] == 64.0


def test_a_time_without_parts_is_shared_by_both_ways() -> None:
    template = _changed("squat", tempo={"active_s": [2.0, 4.0]})
    planned = plan(template, 1, _random())[0]
    assert planned.out_s == pytest.approx(planned.back_s)
    assert planned.plateau_s == pytest.approx(0.0)


def test_slow_movements_leave_room_for_a_short_hold() -> None:
    template = _changed(
        "squat", tempo={"out_s": [1.0, 6.0], "hold_s": [0.0, 1.2], "back_s": [1.0, 6.0]}
    )
    for seed in range(10):
        planned = plan(template, 1, _random(seed))[0]
        assert planned.slow_ends_s <= 1.2
        assert planned.out_s >= 1.0
        assert planned.back_s >= 1.0


def test_a_repetition_lies_where_it_was_planned() -> None:
    planned = PlannedRepetition(60.0, 1.5, 2.0, 1.2, 1.0)
    t = np.arange(0.0, planned.whole_s, 0.001)
    share = planned.shares(t)
    above = t[share > 0.95]
    assert above[-1] - above[0] == pytest.approx(2.0, abs=0.005)
    assert above[0] - t[share > 0.05][0] == pytest.approx(1.5, abs=0.005)
    assert t[share > 0.05][-1] - above[-1] == pytest.approx(1.2, abs=0.005)
    assert t[-1] - t[share > 1e-9][-1] == pytest.approx(1.0, abs=0.01)


def test_a_sag_leaves_the_band_for_its_time() -> None:
    template = TEMPLATES["bridge"]
    planned = with_fault(plan(template, 1, _random())[0], "sagging", template)
    t = np.arange(0.0, planned.whole_s, 0.001)
    held = planned.range_deg * planned.shares(t) >= 32.0 - 8.0
    edges = t[:-1][np.diff(held.astype(int)) != 0]
    assert len(edges) == 4
    assert edges[2] - edges[1] == pytest.approx(1.3, abs=0.01)
    assert edges[1] - edges[0] + edges[3] - edges[2] == pytest.approx(planned.hold_s, abs=0.02)


@each
def test_faults_lie_beyond_their_threshold_by_a_fifth_and_six_degrees(id: str) -> None:
    template = TEMPLATES[id]
    right = plan(template, 1, _random())[0]
    for fault in possible_faults(template):
        faulty = with_fault(right, fault, template)
        rule, _, part = fault.partition(":")
        assert faulty.intended == (fault if rule == "compensation" else rule,)
        target, tempo = template.range, template.tempo
        match rule:
            case "range_short":
                assert faulty.range_deg <= target.minimum_deg - max(6.0, 0.2 * target.minimum_deg)
                assert faulty.range_deg > target.count_from_deg
            case "range_over":
                assert faulty.range_deg >= target.limit_deg + max(6.0, 0.2 * target.limit_deg)
            case "too_fast":
                prescribed = getattr(tempo, part)
                assert getattr(faulty, part) <= prescribed[0] - max(0.3, 0.3 * prescribed[0]) + 1e-9
            case "hold_short":
                assert tempo.hold_s is not None
                assert faulty.hold_s <= 0.7 * tempo.hold_s[0]
            case "compensation":
                limit = next(c.limit_deg for c in template.compensations if c.name == part)
                assert faulty.compensations[part] >= limit + max(6.0, 0.2 * limit)


def test_what_a_template_does_not_judge_cannot_be_done_wrong() -> None:
    squat, right = TEMPLATES["squat"], plan(TEMPLATES["squat"], 1, _random())[0]
    for fault in ("sagging", "hold_short", "too_fast:active_s", "too_fast", "jerky"):
        with pytest.raises(ValueError, match="squat does not"):
            with_fault(right, fault, squat)
    with pytest.raises(ValueError, match="no compensation 'shrug'"):
        with_fault(right, "compensation:shrug", squat)
    assert "range_over" not in possible_faults(TEMPLATES["bridge"])
    assert "sagging" in possible_faults(TEMPLATES["bridge"])


def test_a_fault_without_room_for_it_is_refused() -> None:
    narrow = {"count_from_deg": 12, "minimum_deg": 14, "goal_deg": 20, "limit_deg": 60}
    template = _changed("squat", range=narrow, tempo={"out_s": [0.4, 2.0], "hold_s": [0.3, 1.0]})
    assert set(possible_faults(template)) == {"range_over", "compensation:trunk_lean"}


@each
def test_the_bones_come_to_the_planned_range_and_compensations(id: str) -> None:
    template = TEMPLATES[id]
    choreography = Choreography.of(template)
    for planned in plan(template, 2, _random(5)):
        path = choreography.path(planned)
        bones = choreography.by_slot(path.poses(np.linspace(0.0, 1.0, 101)))
        angle_deg = choreography.angle_deg(bones)
        if not planned.mirrored:
            assert angle_deg[-1] == pytest.approx(planned.way * planned.range_deg, abs=0.02)
            # The measured angle itself moves smoothly, not just the joints.
            even = np.linspace(0.0, angle_deg[-1], 101)
            np.testing.assert_allclose(angle_deg, even, atol=0.02)
        found = choreography.compensations_deg(
            choreography.by_slot(path.poses(np.linspace(0.05, 1.0, 101)))
        )
        own = choreography.couplings()
        for name, value_deg in planned.compensations.items():
            if value_deg > 1.2 * own[name].own_deg + 1.0:
                assert found[name] == pytest.approx(value_deg, abs=0.1)


@each
def test_every_fault_that_is_offered_can_be_done(id: str) -> None:
    choreography = Choreography.of(TEMPLATES[id])
    offered = choreography.faults()
    assert offered
    assert set(offered) <= set(possible_faults(TEMPLATES[id]))


def test_couplings_tell_what_a_compensation_goes_with() -> None:
    squat = Choreography.of(TEMPLATES["squat"]).couplings()["trunk_lean"]
    assert squat.own_deg == pytest.approx(30.0, abs=0.1)
    assert squat.angle_per_deg == pytest.approx(0.0, abs=1e-6)
    # The thorax turns with the pelvis: seen from the room, that is part of the range.
    turn = Choreography.of(TEMPLATES["half-kneeling-turn"]).couplings()["pelvis_turn"]
    assert turn.own_deg == pytest.approx(0.0, abs=1e-6)
    assert turn.angle_per_deg == pytest.approx(1.0, abs=0.02)


def test_a_range_that_a_figure_does_not_come_to_is_refused() -> None:
    figure = {"peak": {"neck_flexion": 40}}
    choreography = Choreography.of(_changed("low-back-bend", figure=figure))
    planned = plan(choreography.template, 1, _random())[0]
    assert not choreography.reaches(planned)
    with pytest.raises(ValueError, match="low-back-bend does not come to"):
        choreography.path(planned)
    with pytest.raises(ValueError, match="one way only"):
        Choreography.of(TEMPLATES["squat"]).path(plan(TEMPLATES["side-bend"], 2, _random())[1])
