"""One's own first repetitions as a reference: taken once and never moved, bounded by the
prescription, each side and way by itself, and the same for a whole session.
"""

import dataclasses
import math
from typing import Any

import pytest

from motion.errors import TemplateError
from motion.events import Event, RepetitionEvent
from motion.evidence import Evidence
from motion.quality import RepetitionMeasure, judge, rule_outcomes
from motion.reference import (
    FIRST,
    LOWEST_SHARE,
    OWN_SHARE,
    OwnReferences,
    Reference,
    least_range,
)
from motion.session import (
    BeginSetControl,
    Control,
    PauseControl,
    ResumeControl,
    Session,
    SkipControl,
    StartControl,
)
from motion.template import ExerciseTemplate, RangeOfMotion
from motion.tracker import Tracker
from tests.motion.movement import Rep, Worn, feed, keep, record, repetitions, template

RANGE = {"count_from_deg": 15, "minimum_deg": 45, "goal_deg": 55, "limit_deg": 100}
TARGET = RangeOfMotion.model_validate(RANGE)


def exercise(**fields: Any) -> ExerciseTemplate:
    document = {"range": RANGE | {"reference": "own"}, **fields}
    axes = {"one": {"axis": [1, 0, 0], "start_up": [0, 0, 1]}}
    return template({"kind": "learned", "coordinate": "tilt", "axes": axes}, **document)


OWN = exercise()


def swings(*ranges_deg: float, first_s: float = 2.0) -> tuple[Rep, ...]:
    return tuple(
        Rep(first_s + 4.0 * number, deg, 1.2, 0.3, 1.2) for number, deg in enumerate(ranges_deg)
    )


def counted(asked: ExerciseTemplate, *ranges_deg: float) -> list[RepetitionEvent]:
    samples = record(swings(*ranges_deg), Worn(), 4.0 * len(ranges_deg) + 3.0)
    return repetitions(feed(Tracker(asked), [samples]))


def short(events: list[RepetitionEvent]) -> list[int]:
    return [event.index for event in events if "range_short" in event.faults]


# --- the threshold ------------------------------------------------------------------------------


def test_without_a_reference_the_prescribed_minimum_holds_exactly() -> None:
    assert least_range(TARGET, None) == (45.0, 0.0)


def test_a_share_of_the_reference_is_asked_with_its_uncertainty() -> None:
    least_deg, sd_deg = least_range(TARGET, Reference(56.0, 1.5))
    assert least_deg == pytest.approx(OWN_SHARE * 56.0)
    assert sd_deg == pytest.approx(OWN_SHARE * 1.5)


@pytest.mark.parametrize("first_deg", [1.0, 20.0, 45.9])
def test_small_first_repetitions_lower_the_bar_by_a_twentieth_and_no_further(
    first_deg: float,
) -> None:
    assert least_range(TARGET, Reference(first_deg, 1.0)) == (LOWEST_SHARE * 45.0, 0.0)


@pytest.mark.parametrize("first_deg", [64.8, 90.0, 300.0])
def test_who_reaches_the_goal_is_never_short(first_deg: float) -> None:
    assert least_range(TARGET, Reference(first_deg, 1.0)) == (55.0, 0.0)


def test_the_median_is_taken_so_that_one_odd_repetition_decides_nothing() -> None:
    reference = Reference.of([(12.0, 1.0), (58.0, 2.0), (60.0, 2.0)])
    assert reference.range_deg == 58.0
    # Of three normal values (Gaussian order statistics).
    assert reference.sd_deg == pytest.approx(2.0 * math.sqrt(1.0 - math.sqrt(3.0) / math.pi), 1e-3)


def test_a_reference_of_nothing_has_no_shares() -> None:
    assert Reference(0.0, 1.0).share(40.0) is None


def test_it_is_fixed_by_the_first_three_and_never_follows() -> None:
    references = OwnReferences()
    for number, deg in enumerate((60.0, 62.0, 61.0, 30.0, 20.0, 10.0)):
        known = references.known(None, None)
        assert (known is None) == (number < FIRST)
        references.add(None, None, deg, 1.0)
        if known is not None:
            assert known.range_deg == 61.0


def test_each_side_and_way_has_its_own() -> None:
    references = OwnReferences()
    kinds: list[tuple[str, str | None]] = [("left", None), ("right", None), ("left", "bend_left")]
    for side, way in kinds:
        for _ in range(FIRST - 1):
            references.add(side, way, 50.0, 1.0)
    references.add("left", None, 50.0, 1.0)
    assert references.known("left", None) is not None
    assert references.known("right", None) is None
    assert references.known("left", "bend_left") is None


# --- judging ------------------------------------------------------------------------------------


def measure(rom_deg: float, sd_deg: float, **changes: Any) -> RepetitionMeasure:
    made = RepetitionMeasure(
        start_s=1.0, peak_s=2.0, end_s=3.0, rom_deg=rom_deg, rom_sd_deg=sd_deg, out_s=0.9,
        hold_s=0.2, back_s=0.9, active_s=1.5, time_sd_s=0.05, smoothness_out=-1.6,
        smoothness_back=-1.6, compensations={}, interrupted=False, paused=False, whole=True,
    )  # fmt: skip
    return dataclasses.replace(made, **changes)


def test_the_uncertainty_of_the_reference_widens_what_is_borderline() -> None:
    reference = Reference(56.0, 2.0)
    near = OWN_SHARE * 56.0 + 2.3
    assert judge(measure(near, 2.0), OWN, reference).borderline == ["range_short"]
    # Without that of the reference it would be clear: 2.3 of 2.0 degrees.
    assert judge(measure(near, 2.0), OWN, Reference(56.0, 0.0)).borderline == []
    (rule,) = [
        each
        for each in rule_outcomes(measure(near, 2.0), OWN, reference)
        if each.rule == "range_short"
    ]
    assert rule.decisive is not None
    assert rule.decisive.margin_sd == pytest.approx(math.hypot(2.0, OWN_SHARE * 2.0))
    assert rule.decisive.margin_sds == pytest.approx(2.3 / math.hypot(2.0, OWN_SHARE * 2.0))


def test_goal_limit_and_score_stay_with_the_prescription() -> None:
    reference = Reference(56.0, 2.0)
    for rom_deg in (48.0, 54.0, 60.0, 120.0):
        own, prescribed = (judge(measure(rom_deg, 1.0), OWN, each) for each in (reference, None))
        assert own.score_parts == prescribed.score_parts
        assert own.goal_reached == prescribed.goal_reached
        assert ("range_over" in own.faults) == ("range_over" in prescribed.faults)


# --- a set --------------------------------------------------------------------------------------


def test_a_slow_decline_is_seen_that_the_prescription_lets_pass() -> None:
    declining = (58, 58, 58, 56, 54, 53, 50, 48, 47)
    prescribed = counted(exercise(range=RANGE), *declining)
    own = counted(OWN, *declining)
    assert short(prescribed) == []
    # Below 49.3 degrees; the reference does not follow.
    assert short(own) == [8, 9]
    assert len({event.range_reference_deg for event in own[FIRST:]}) == 1


def test_small_steady_repetitions_are_the_persons_own() -> None:
    # Every one is a little below the prescribed minimum; the first three are judged by it.
    assert short(counted(OWN, *[44.0] * 6)) == [1, 2, 3]
    # Far too small they stay so, whatever came first.
    assert short(counted(OWN, *[30.0] * 6)) == [1, 2, 3, 4, 5, 6]


def test_both_figures_are_reported_where_the_template_asks_for_it() -> None:
    events = counted(OWN, 58, 58, 58, 50)
    assert [event.range_reference_deg for event in events[:FIRST]] == [None] * FIRST
    assert [event.rom_share_own for event in events[:FIRST]] == [None] * FIRST
    last, first = events[-1], sorted(event.rom_deg for event in events[:FIRST])
    assert last.range_reference_deg == first[1]
    assert last.rom_share_own == pytest.approx(last.rom_deg / first[1])
    for event in counted(exercise(range=RANGE), 58, 58, 58, 50):
        assert (event.range_reference_deg, event.rom_share_own) == (None, None)


def test_where_the_reach_is_judged_the_reference_is_one_of_reaches() -> None:
    events = counted(
        exercise(range=RANGE | {"reference": "own", "measured_from": "start"}), 58, 57, 59, 48
    )
    reaches = sorted(event.judged_range_deg for event in events[:FIRST])
    assert events[-1].reach_deg is not None
    assert events[-1].range_reference_deg == reaches[1]
    assert events[-1].rom_share_own == events[-1].reach_deg / reaches[1]
    assert reaches[1] != sorted(event.rom_deg for event in events[:FIRST])[1]


def test_what_was_not_fully_recorded_is_no_reference() -> None:
    samples = record(swings(58, 58, 58, 58, 58), Worn(), 23.0)
    gappy = keep(samples, ~((samples.t_s > 2.9) & (samples.t_s < 3.6)))
    events = repetitions(feed(Tracker(OWN), [gappy]))
    assert "interrupted" in events[0].notes
    assert [event.range_reference_deg is None for event in events] == [True] * 4 + [False]


def test_the_witness_is_told_what_was_judged_against() -> None:
    seen: list[Evidence] = []
    tracker = Tracker(OWN, witness=seen.append)
    feed(tracker, [record(swings(58, 58, 58, 48), Worn(), 19.0)])
    assert [each.reference is None for each in seen] == [True, True, True, False]
    (rule,) = [each for each in seen[-1].outcomes() if each.rule == "range_short"]
    assert rule.broken
    assert rule.broken == ("range_short" in seen[-1].event.faults)


# --- a session ----------------------------------------------------------------------------------


def start(side: str | None = None, **fields: Any) -> StartControl:
    return StartControl(exercise(**fields).document(), side)


def session(
    controls: list[tuple[float, Control]], *ranges_deg: float, restore: bool = False
) -> list[Event]:
    """Swings at 2, 6, 10 ... s, with controls at times in order."""
    samples = record(swings(*ranges_deg), Worn(), 4.0 * len(ranges_deg) + 3.0)
    running, events, left = Session(), [], list(controls)
    done = 0
    for number in range(1, 40 * len(ranges_deg) + 30):
        until_s = number / 10
        stop = int((samples.t_s < until_s).sum())
        events += running.push(samples.rows(done, stop))
        done = stop
        events += running.advance(until_s)
        while left and left[0][0] <= until_s + 1e-9:
            events += running.control(left.pop(0)[1])
        if restore and number % 7 == 0:
            running = Session.restore(running.state())
    return events + running.finish()


BEGIN = BeginSetControl()


def test_a_second_set_is_judged_against_the_first() -> None:
    events = session([(0.1, start()), (0.1, BEGIN), (13.9, BEGIN)], 58, 58, 58, 48, 48)
    told = repetitions(events)
    assert [(event.set_index, event.index) for event in told][-2:] == [(2, 1), (2, 2)]
    assert ["range_short" in event.faults for event in told] == [False] * 3 + [True] * 2


def test_a_pause_keeps_it() -> None:
    pause: list[tuple[float, Control]] = [(13.8, PauseControl()), (14.0, ResumeControl())]
    events = session([(0.1, start()), (0.1, BEGIN), *pause], 58, 58, 58, 48, 48)
    assert short(repetitions(events)) == [4, 5]


def test_an_exercise_that_is_started_again_keeps_it_and_the_other_side_has_its_own() -> None:
    again: list[tuple[float, Control]] = [
        (0.1, start("left")),
        (0.1, BEGIN),
        (13.8, SkipControl()),
        (13.8, start("right")),
        (13.8, BEGIN),
        (25.8, start("left")),
        (25.8, BEGIN),
    ]
    told = repetitions(session(again, 58, 58, 58, 48, 48, 48, 48, 48))
    assert [event.side for event in told] == ["left"] * 3 + ["right"] * 3 + ["left"] * 2
    assert ["range_short" in event.faults for event in told] == [False] * 6 + [True] * 2


def test_another_exercise_or_version_takes_its_own() -> None:
    controls: list[tuple[float, Control]] = [
        (0.1, start()),
        (0.1, BEGIN),
        (13.8, start(version=2)),
        (13.8, BEGIN),
    ]
    told = repetitions(session(controls, 58, 58, 58, 48, 48))
    assert short(told) == []


def test_sides_that_alternate_have_one_each() -> None:
    alternating = StartControl(exercise(side="alternate").document())
    controls: list[tuple[float, Control]] = [(0.1, alternating), (0.1, BEGIN)]
    told = repetitions(session(controls, *[58, 48] * 4))
    assert [event.side for event in told] == ["left", "right"] * 4
    assert short(told) == []
    assert [event.range_reference_deg is None for event in told] == [True] * 6 + [False] * 2


def test_each_way_of_an_exercise_has_its_own() -> None:
    asked = template(
        {"kind": "segment", "segment": "pelvis", "axis": "bend_left"},
        ["pelvis"],
        direction="both",
        range=RANGE | {"reference": "own"},
    )
    motion = swings(*[58, -48] * 4)
    worn = Worn("pelvis", (-1.0, 0.0, 0.0), (math.sqrt(0.5), math.sqrt(0.5), 0.0, 0.0))
    told = repetitions(feed(Tracker(asked), [record(motion, worn, 35.0)]))
    assert [event.way for event in told] == ["bend_left", "bend_right"] * 4
    assert short(told) == []
    last = {event.way: event.range_reference_deg for event in told[-2:]}
    assert last["bend_left"] == pytest.approx(58.0, abs=1.5)
    assert last["bend_right"] == pytest.approx(48.0, abs=1.5)


def test_snapshots_carry_it_within_and_between_exercises() -> None:
    controls: list[tuple[float, Control]] = [
        (0.1, start("left")),
        (0.1, BEGIN),
        (13.8, SkipControl()),
        (14.0, start("left")),
        (14.0, BEGIN),
    ]
    ranges = (58, 58, 58, 48, 48)
    events = session(controls, *ranges)
    assert ["range_short" in event.faults for event in repetitions(events)][3:] == [True, True]
    assert session(controls, *ranges, restore=True) == events


# --- templates ----------------------------------------------------------------------------------


def test_a_hold_has_no_range_that_could_be_ones_own() -> None:
    with pytest.raises(TemplateError, match=r"range\.reference"):
        template(
            {"kind": "hold", "segment": "pelvis", "axis": "flexion"},
            ["pelvis"],
            range={"target_deg": 40, "band_deg": 10, "reference": "own"},
        )


def test_the_prescription_is_the_default_and_own_comes_back_from_yaml() -> None:
    assert exercise(range=RANGE).range.reference == "prescription"
    assert "reference" not in exercise(range=RANGE).to_yaml()
    assert "reference: own" in OWN.to_yaml()
    assert ExerciseTemplate.from_document(OWN.document()) == OWN


def test_anything_else_than_these_two_is_refused() -> None:
    with pytest.raises(TemplateError, match=r"range\.reference.*prescription.*own"):
        exercise(range=RANGE | {"reference": "mine"})
