"""Holds, movements that go both ways, and sides that alternate: what counts as one repetition, what
is measured of it, and which mistakes are named.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest

from motion.calibration import Calibration
from motion.events import Event, RepetitionEvent, SensorEvent, SensorState
from motion.measure import H_ABSENCES, H_ENTERED, H_SIZE, H_TIME, hold_kernel
from motion.session import BeginSetControl, Session, StartControl
from motion.template import ExerciseTemplate
from motion.tracker import Tracker
from tests.motion.exercises import FLEXION, UPRIGHT
from tests.motion.movement import (
    Motion,
    Worn,
    feed,
    lines,
    path,
    product,
    record,
    repetitions,
    rotation,
    template,
)

STRAP = rotation((0.2, 1.0, -0.4), 130.0)
Point = tuple[float, float]


def calibrated(**straps: np.ndarray) -> Calibration:
    rotations = {slot: tuple(float(part) for part in strap) for slot, strap in straps.items()}
    return Calibration(rotations, quality_deg=2.0)  # type: ignore[arg-type]


def one_sensor(motion: Motion, last_s: float, *, axis: tuple[float, float, float]) -> list:  # type: ignore[type-arg]
    """The pelvis turns about an axis of its own by `motion`."""
    return [record(motion, Worn("pelvis", axis, UPRIGHT, 100.0).turned(STRAP), last_s)]


def tracked(exercise: ExerciseTemplate, points: Sequence[Point], axis: str = "z") -> list[Event]:
    axes = {"z": FLEXION, "x": (1.0, 0.0, 0.0)}
    last_s = points[-1][0] + 2.0
    tracker = Tracker(exercise, calibrated(pelvis=STRAP))
    return feed(tracker, one_sensor(path(*points), last_s, axis=axes[axis]))


# --- holds --------------------------------------------------------------------------------------

HOLD = template(
    {"kind": "hold", "segment": "pelvis", "axis": "flexion"},
    ("pelvis",),
    range={"target_deg": 40, "band_deg": 10},
    tempo={"hold_s": [5, 60]},
)
UP: list[Point] = [(0.0, 0.0), (3.0, 0.0), (4.0, 40.0)]


def held(points: Sequence[Point]) -> RepetitionEvent:
    (event,) = repetitions(tracked(HOLD, points))
    return event


def test_a_hold_is_one_repetition_from_the_band_to_the_rest() -> None:
    event = held([*UP, (12.0, 40.0), (13.0, 0.0)])
    assert event.faults == []
    assert event.goal_reached
    # Minimum jerk passes 30 of 40 degrees after 0.64 of a second, and again on the way down.
    assert event.start_s == pytest.approx(3.64, abs=0.05)
    assert event.hold_s == pytest.approx(8.72, abs=0.1)
    assert event.rom_deg == pytest.approx(40.0, abs=0.5)
    assert event.out_s == 0.0
    assert event.out_s + event.hold_s + event.back_s == pytest.approx(event.end_s - event.start_s)
    assert event.smoothness_out is None


def test_a_hold_of_a_minute_is_no_new_posture() -> None:
    assert held([*UP, (64.0, 40.0), (65.0, 0.0)]).hold_s == pytest.approx(60.7, abs=0.2)


def test_a_hold_that_ends_early_is_named() -> None:
    assert held([*UP, (6.0, 40.0), (7.0, 0.0)]).faults == ["hold_short"]


def test_a_short_absence_is_part_of_the_hold() -> None:
    event = held(
        [*UP, (8.0, 40.0), (8.4, 25.0), (8.6, 25.0), (9.0, 40.0), (13.0, 40.0), (14.0, 0.0)]
    )
    assert event.faults == []
    assert event.hold_s == pytest.approx(9.7, abs=0.1)


def test_a_long_absence_that_returns_is_sagging() -> None:
    event = held(
        [*UP, (9.0, 40.0), (9.5, 22.0), (12.0, 22.0), (12.5, 40.0), (18.0, 40.0), (19.0, 0.0)]
    )
    assert event.faults == ["sagging"]
    assert event.hold_s == pytest.approx(5.5 + 5.9, abs=0.4)


def test_coming_down_and_staying_below_the_band_is_no_sagging() -> None:
    event = held([*UP, (11.0, 40.0), (12.0, 20.0), (15.0, 20.0), (16.0, 0.0)])
    assert event.faults == []


def test_what_never_reaches_the_band_is_no_hold() -> None:
    assert (
        repetitions(tracked(HOLD, [(0.0, 0.0), (3.0, 0.0), (4.0, 26.0), (9.0, 26.0), (10.0, 0.0)]))
        == []
    )


# No absence of the twenty movements is this long to within a sample.
ABSENCE_S = 0.9


def plain_hold(t: np.ndarray, above: np.ndarray, low: float, high: float) -> tuple[float, float]:
    """(time in the band with absences of up to ABSENCE_S, longer absences), on a fine grid."""
    within = (above >= low) & (above <= high)
    step = t[1] - t[0]
    inside = np.flatnonzero(within)
    filled = within.copy()
    absences = 0
    for a, b in pairwise(inside):
        if b > a + 1:
            if (b - a) * step <= ABSENCE_S:
                filled[a:b] = True
            else:
                absences += 1
    return float(filled.sum() * step), float(absences)


@pytest.mark.parametrize("seed", range(20))
def test_the_hold_kernel_agrees_with_a_plain_count(seed: int) -> None:
    noise = np.random.default_rng(seed)
    times = np.cumsum(noise.uniform(0.4, 3.0, 12))
    levels = noise.uniform(10.0, 60.0, 12)
    t = np.arange(0.0, float(times[-1]), 0.002)
    above = np.interp(t, times, levels)
    out = np.empty(H_SIZE)
    hold_kernel(t, above, 30.0, 50.0, ABSENCE_S, out)
    time_s, absences = plain_hold(t, above, 30.0, 50.0)
    assert out[H_TIME] == pytest.approx(time_s, abs=0.02)
    assert out[H_ABSENCES] == absences
    if time_s > 0.0:
        assert out[H_ENTERED] == pytest.approx(t[(above >= 30.0) & (above <= 50.0)][0], abs=0.003)


# --- both ways, and sides that alternate --------------------------------------------------------

BENDS: list[Point] = [(0.0, 0.0), (3.0, 0.0)]
for _k in range(6):
    _at = BENDS[-1][0]
    BENDS += [
        (_at + 1.2, (-1.0) ** _k * (30.0 + _k)),
        (_at + 2.4, 0.0),
        (_at + 2.5 + 0.5 * _k, 0.0),
    ]


def both_ways(**fields: object) -> ExerciseTemplate:
    return template(
        {"kind": "segment", "segment": "pelvis", "axis": "bend_right"},
        ("pelvis",),
        direction="both",
        range={"count_from_deg": 8, "minimum_deg": 15, "goal_deg": 25, "limit_deg": 60},
        **fields,
    )


def test_each_way_out_and_back_is_one_repetition_with_its_name() -> None:
    found = repetitions(tracked(both_ways(), BENDS, "x"))
    assert [event.way for event in found] == ["bend_right", "bend_left"] * 3
    assert [event.rom_deg for event in found] == pytest.approx(
        [30.0, 31.0, 32.0, 33.0, 34.0, 35.0], abs=0.7
    )


def test_ways_may_follow_each_other_without_a_rest() -> None:
    def swaying(t: np.ndarray) -> np.ndarray:
        return np.where((t > 3.0) & (t < 27.0), 30.0 * np.sin(2.0 * np.pi * (t - 3.0) / 4.0), 0.0)

    samples = one_sensor(swaying, 30.0, axis=(1.0, 0.0, 0.0))
    found = repetitions(feed(Tracker(both_ways(), calibrated(pelvis=STRAP)), samples))
    assert [event.way for event in found] == ["bend_right", "bend_left"] * 6
    assert all(event.rom_deg == pytest.approx(30.0, abs=0.7) for event in found)


def test_alternating_sides_are_told_by_the_way() -> None:
    found = repetitions(tracked(both_ways(side="alternate"), BENDS, "x"))
    assert [event.side for event in found] == ["right", "left"] * 3


def test_alternating_sides_take_turns_where_no_way_tells_them() -> None:
    exercise = template(
        {"kind": "segment", "segment": "pelvis", "axis": "flexion"}, ("pelvis",), side="alternate"
    )
    points: list[Point] = [(0.0, 0.0), (3.0, 0.0)]
    for _ in range(4):
        at = points[-1][0]
        points += [(at + 1.2, 60.0), (at + 2.4, 0.0), (at + 3.5, 0.0)]
    assert [event.side for event in repetitions(tracked(exercise, points))] == [
        "left", "right", "left", "right",
    ]  # fmt: skip


@pytest.mark.parametrize(("exercise", "axis"), [(HOLD, "z"), (both_ways(), "x")])
def test_snapshots_and_chunks_change_nothing(exercise: ExerciseTemplate, axis: str) -> None:
    points = [*UP, (12.0, 40.0), (13.0, 0.0), *[(t + 15.0, a) for t, a in BENDS]]
    axes = {"z": FLEXION, "x": (1.0, 0.0, 0.0)}
    (samples,) = one_sensor(path(*points), 40.0, axis=axes[axis])
    worn = calibrated(pelvis=STRAP)
    expected = lines(feed(Tracker(exercise, worn, angles=True), [samples]))
    tracker = Tracker(exercise, worn, angles=True)
    events: list[Event] = []
    for start in range(0, len(samples), 10):
        stop = start + 10
        for row in range(start, min(stop, len(samples))):
            events += tracker.push(samples.rows(row, row + 1))
        if start % 100 == 0:
            tracker = Tracker.restore(tracker.state())
        if stop < len(samples):
            events += tracker.advance(float(samples.t_s[stop]))
    events += tracker.finish()
    whole = Tracker(exercise, worn, angles=True)
    again: list[Event] = []
    for start in range(0, len(samples), 10):
        again += whole.push(samples.rows(start, min(start + 10, len(samples))))
        if start + 10 < len(samples):
            again += whole.advance(float(samples.t_s[start + 10]))
    again += whole.finish()
    assert lines(events) == lines(again)
    assert len(expected) > 100


# --- a strap that slips -------------------------------------------------------------------------


def test_a_strap_that_slipped_between_two_exercises_is_told() -> None:
    exercise = template({"kind": "segment", "segment": "pelvis", "axis": "flexion"}, ("pelvis",))
    points: list[Point] = [(0.0, 0.0), (3.0, 0.0), (4.2, 60.0), (5.4, 0.0), (8.0, 0.0)]
    worn = Worn("pelvis", FLEXION, UPRIGHT, 100.0)
    first = record(path(*points), worn.turned(STRAP), 8.0)
    slipped = product(rotation((1.0, 0.3, 0.0), 15.0), STRAP)
    second = record(path(*points), worn.turned(slipped), 8.0)
    session = Session()
    events: list[Event] = []
    for begin, samples in ((0.0, first), (10.0, second)):
        events += session.control(
            StartControl(exercise.document(), calibration=calibrated(pelvis=STRAP).document())
        )
        events += session.control(BeginSetControl())
        for stop in range(50, len(samples) + 50, 50):
            chunk = samples.rows(stop - 50, min(stop, len(samples)))
            moved = type(chunk).of("pelvis", chunk.t_s + begin, chunk.acc_mps2, chunk.gyr_radps)
            events += session.push(moved)
            events += session.advance(begin + stop / 100.0)
    events += session.finish()
    told = [event for event in events if isinstance(event, SensorEvent)]
    assert [event.state for event in told] == [SensorState.SLIPPED]
    # Turned by 15 degrees about an axis that is nearly level.
    assert "14 degrees" in told[0].reason
    assert "calibrate again" in told[0].reason
    assert told[0].t_s > 10.0
    assert len(repetitions(events)) == 2
