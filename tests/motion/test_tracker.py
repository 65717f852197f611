"""One exercise from samples to repetitions. First the promise that all else leans on: whatever the
chunks, the interleaving of sensors and the snapshots, the events are equal to the last bit. Then
what a tracker copes with, against movements of known truth.
"""

import math
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motion.angle import AXIS_KNOWN_SHARE
from motion.calibration import Calibration
from motion.errors import OrderError, OrderFault, SamplesError, SamplesFault
from motion.events import (
    AngleEvent,
    CueEvent,
    Event,
    PhaseEvent,
    PhaseName,
    RepetitionEvent,
    SensorEvent,
    SensorState,
)
from motion.orientation import INCLINATION_FLOOR_RAD
from motion.samples import Samples
from motion.stream import SensorStream
from motion.template import ExerciseTemplate, LearnedMovement
from motion.tracker import Tracker
from tests.motion.exercises import Exercise, exercises
from tests.motion.movement import (
    Motion,
    Rep,
    Worn,
    X,
    Z,
    damaged,
    even,
    feed,
    feed_restoring,
    in_chunks,
    keep,
    lines,
    lost,
    one_by_one,
    path,
    record,
    repetitions,
    rotation,
    sensor_by_sensor,
    template,
    total,
    tremor,
    truth,
)

KINDS = tuple(exercises())
# Watermarks of live sessions lie behind the newest sample.
BEHIND_S = 0.2

DOMINANT = template({"kind": "dominant", "sensor": "one"})
TILT = template(
    {
        "kind": "learned",
        "coordinate": "tilt",
        "axes": {"one": {"axis": [1, 0, 0], "start_up": [0, 0, 1]}},
    }
)
BOTH = pytest.mark.parametrize("exercise", [DOMINANT, TILT], ids=["dominant", "learned"])


@cache
def expected(kind: str) -> tuple[str, ...]:
    """The events of an exercise, everything between two watermarks handed over at once."""
    exercise = exercises()[kind]
    return tuple(lines(feed(exercise.tracker(), exercise.samples, behind_s=BEHIND_S)))


def tracked(
    exercise: ExerciseTemplate,
    motion: Motion | tuple[Rep, ...],
    last_s: float,
    worn: Worn | None = None,
) -> tuple[Tracker, list[RepetitionEvent]]:
    """A tracker after a synthetic recording, and its repetitions."""
    tracker = Tracker(exercise)
    events = feed(tracker, [record(motion, worn or Worn(), last_s)])
    return tracker, repetitions(events)


# --- equal to the last bit ----------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_recordings_of_every_kind_hold_something_to_compare(kind: str) -> None:
    exercise = exercises()[kind]
    tracker = exercise.tracker()
    events = feed(tracker, exercise.samples, behind_s=BEHIND_S)
    assert len(repetitions(events)) == exercise.counted
    assert tracker.partial == exercise.partial
    assert {type(event) for event in events} >= {
        AngleEvent,
        PhaseEvent,
        RepetitionEvent,
        SensorEvent,
    }
    assert len(tracker.silences) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_one_by_one_gives_the_same_to_the_last_bit(kind: str) -> None:
    exercise = exercises()[kind]
    events = feed(exercise.tracker(), exercise.samples, behind_s=BEHIND_S, delivery=one_by_one)
    assert lines(events) == list(expected(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_sensor_by_sensor_and_backwards_gives_the_same_to_the_last_bit(kind: str) -> None:
    exercise = exercises()[kind]
    events = feed(
        exercise.tracker(), exercise.samples, behind_s=BEHIND_S, delivery=sensor_by_sensor
    )
    assert lines(events) == list(expected(kind))


@pytest.mark.compiled
@settings(deadline=None, max_examples=60)
@given(kind=st.sampled_from(KINDS), seed=st.integers(0, 2**32 - 1))
def test_any_chunks_give_the_same_to_the_last_bit(kind: str, seed: int) -> None:
    exercise = exercises()[kind]
    events = feed(exercise.tracker(), exercise.samples, behind_s=BEHIND_S, delivery=in_chunks(seed))
    assert lines(events) == list(expected(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_snapshots_at_every_hundredth_sample_give_the_same_to_the_last_bit(kind: str) -> None:
    exercise = exercises()[kind]
    events = feed_restoring(exercise.tracker(), exercise.samples, behind_s=BEHIND_S)
    assert lines(events) == list(expected(kind))


@pytest.mark.parametrize("kind", ["dominant", "joint", "learned with three sensors"])
def test_a_snapshot_of_a_restored_tracker_is_the_same_snapshot(kind: str) -> None:
    exercise = exercises()[kind]
    tracker = exercise.tracker()
    for count in range(1, 8):
        feed(tracker, [_first(one, 3.7 * (count - 1), 3.7 * count) for one in exercise.samples],
             finish=False)  # fmt: skip
        snapshot = tracker.state()
        assert Tracker.restore(snapshot).state() == snapshot


def _first(samples: Samples, from_s: float, to_s: float) -> Samples:
    return keep(samples, (samples.t_s >= from_s) & (samples.t_s < to_s))


@pytest.mark.compiled
@settings(deadline=None, max_examples=30)
@given(kind=st.sampled_from(KINDS), seed=st.integers(0, 2**32 - 1))
def test_snapshots_anywhere_give_the_same_to_the_last_bit(kind: str, seed: int) -> None:
    exercise = exercises()[kind]
    each = int(np.random.default_rng(seed).integers(7, 700))
    events = feed_restoring(exercise.tracker(), exercise.samples, each=each, behind_s=BEHIND_S)
    assert lines(events) == list(expected(kind))


def test_taking_a_snapshot_changes_nothing() -> None:
    exercise = exercises()["joint"]
    tracker = exercise.tracker()

    def delivery(parts: list[Samples]) -> list[Samples]:
        tracker.state()
        return parts

    events = feed(tracker, exercise.samples, behind_s=BEHIND_S, delivery=delivery)
    assert lines(events) == list(expected("joint"))


def test_a_snapshot_taken_while_paused_continues_to_the_last_bit() -> None:
    samples = record(even(6), Worn(), 27.0)
    told: list[list[str]] = []
    for restore in (False, True):
        tracker = Tracker(DOMINANT, angles=True)
        events: list[Event] = []
        for from_s, to_s, counting in ((0.0, 9.1, False), (9.1, 13.3, True), (13.3, 27.0, True)):
            events += feed(tracker, [_first(samples, from_s, to_s)], finish=False)
            events += tracker.count(counting)
            if restore:
                tracker = Tracker.restore(tracker.state())
        told.append(lines(events + tracker.finish()))
    assert told[0] == told[1]


# --- what is reported, and when -----------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("rate_hz", [25.0, 50.0, 100.0, 200.0])
def test_agrees_with_the_truth_of_the_movement(exercise: ExerciseTemplate, rate_hz: float) -> None:
    reps = (
        *even(2, out_s=1.5, hold_s=0.5, back_s=0.9),
        *even(2, first_s=10.0, range_deg=50.0, out_s=0.8, hold_s=1.0, back_s=1.4),
        *even(2, first_s=18.0, range_deg=80.0, out_s=1.2, hold_s=0.0, back_s=1.2),
    )
    _, found = tracked(exercise, reps, 27.0, Worn(rate_hz=rate_hz, noise_dps=0.2))
    assert len(found) == len(reps)
    for event, rep in zip(found, reps, strict=True):
        true = truth(rep)
        if exercise is TILT:
            assert (event.start_s, event.end_s) == pytest.approx((rep.start_s, rep.over_s), abs=0.1)
        else:
            assert event.start_s == pytest.approx(true.start_s, abs=0.05)
            assert event.end_s == pytest.approx(true.end_s, abs=0.05)
        assert event.out_s == pytest.approx(true.out_s, abs=0.05)
        assert event.hold_s == pytest.approx(true.hold_s, abs=0.05)
        assert event.back_s == pytest.approx(true.back_s, abs=0.05)
        assert event.active_s == pytest.approx(true.active_s, abs=0.05)
        assert event.rom_deg == pytest.approx(true.range_deg, abs=1.0)
        assert abs(event.rom_deg - true.range_deg) < 2.0 * event.rom_sd_deg
        assert rep.start_s + rep.out_s - 0.1 < event.peak_s < event.end_s
        assert event.goal_reached == (rep.range_deg > 55.0)


@pytest.mark.parametrize("kind", KINDS)
def test_the_parts_of_every_repetition_add_up(kind: str) -> None:
    exercise = exercises()[kind]
    learned = isinstance(exercise.template.movement, LearnedMovement)
    for event in repetitions(feed(exercise.tracker(), exercise.samples)):
        parts_s = event.out_s + event.hold_s + event.back_s
        lasted_s = event.end_s - event.start_s
        if learned:
            # What creeps before and after lies outside the parts.
            assert parts_s < lasted_s < parts_s + 1.0
        else:
            assert parts_s == pytest.approx(lasted_s, abs=1e-9)
        assert min(event.out_s, event.hold_s, event.back_s) >= 0.0
        assert event.start_s < event.peak_s < event.end_s


@pytest.mark.parametrize("kind", KINDS)
def test_repetitions_are_numbered_and_reported_at_the_watermark_that_released_them(
    kind: str,
) -> None:
    exercise = exercises()[kind]
    tracker = exercise.tracker()
    tracker.assessment.seq = 41
    watermarks: list[float] = []
    count = 0
    for until_s in np.arange(0.13, 26.0, 0.13):
        for samples in exercise.samples:
            tracker.push(_first(samples, until_s - 0.13, until_s))
        for event in repetitions(tracker.advance(float(until_s))):
            assert event.reported_s == until_s
            assert event.end_s <= until_s
            assert (event.index, event.seq) == (count + 1, count + 41)
            watermarks.append(event.reported_s)
            count += 1
    assert count == exercise.counted
    assert watermarks == sorted(watermarks)


@pytest.mark.compiled
def test_95_of_100_repetitions_are_reported_within_half_a_second_of_their_end() -> None:
    random = np.random.default_rng(4)
    late_s: list[float] = []
    for kind in (DOMINANT, TILT):
        for seed in range(8):
            points, t = [(2.0, 0.0)], 2.0
            for _ in range(6):
                out_s, back_s = random.uniform(0.8, 2.0, 2)
                # A quarter comes back only in part, or turns at once.
                level = random.choice([0.0, 0.0, 0.0, random.uniform(0.0, 12.0)])
                rest_s = random.choice([0.1, 0.6, 1.5])
                for step_s, angle in ((out_s, random.uniform(45, 75)), (back_s, level)):
                    t += step_s
                    points.append((t, angle))
                t += rest_s
                points.append((t, level))
            _, found = tracked(kind, path(*points), t + 2.0, Worn(seed=seed))
            assert len(found) == 6
            late_s += [event.reported_s - event.end_s for event in found]
    assert np.quantile(late_s, 0.95) <= 0.5


@BOTH
def test_a_repetition_is_told_once_and_never_again(exercise: ExerciseTemplate) -> None:
    _, found = tracked(exercise, even(6), 27.0)
    assert [event.index for event in found] == [1, 2, 3, 4, 5, 6]
    for before, after in pairwise(found):
        assert before.end_s <= after.start_s
        assert before.seq < after.seq
        assert before.reported_s < after.reported_s


def test_phases_follow_the_movement() -> None:
    tracker = Tracker(TILT)
    samples = record((Rep(2.0, hold_s=1.5), Rep(8.0, hold_s=1.5)), Worn(), 13.0)
    told = [event.phase for event in feed(tracker, [samples]) if isinstance(event, PhaseEvent)]
    assert told == 2 * [PhaseName.OUT, PhaseName.HOLD, PhaseName.BACK, PhaseName.REST]


def test_the_limit_is_cued_when_it_is_crossed_and_not_afterwards() -> None:
    exercise = TILT.model_copy(update={"range": TILT.range.model_copy(update={"limit_deg": 57.0})})
    samples = record((Rep(2.0, range_deg=80.0, hold_s=3.0),), Worn(), 10.0)
    events = feed(Tracker(exercise), [samples])
    [cue] = [event for event in events if isinstance(event, CueEvent)]
    assert cue.code == "limit"
    assert 2.0 < cue.t_s < 3.2
    assert cue.expires_s == cue.t_s + 2.0
    [rep] = repetitions(events)
    assert rep.faults == ["range_over"]
    assert events.index(cue) < events.index(rep)


def test_the_side_comes_from_the_template_or_the_caller() -> None:
    left = template({"kind": "dominant", "sensor": "one"}, side="left")
    assert Tracker(left).side == "left"
    assert Tracker(left, side="right").side == "right"
    assert Tracker(DOMINANT).side is None


# --- what a tracker copes with ------------------------------------------------------------------

# Ten seconds into which something else happens, with a repetition before and one after it.
BEFORE = ((2.0, 0.0), (3.0, 60.0), (4.0, 0.0), (6.0, 0.0))


def after(from_s: float) -> tuple[tuple[float, float], ...]:
    return ((from_s + 2.0, 0.0), (from_s + 3.0, 60.0), (from_s + 4.0, 0.0))


@BOTH
@pytest.mark.parametrize(
    ("middle", "count", "partial", "notes"),
    [
        pytest.param([(6.3, 9.0), (6.8, 0.0), (7.2, 10.0), (7.6, 0.0)], 2, 0, [], id="fidgeting"),
        pytest.param([(7.0, 40.0), (17.0, 40.0), (18.0, 60.0), (19.0, 0.0)], 3, 0, ["paused"],
                     id="pause on the way out"),
        pytest.param([(7.0, 60.0), (8.0, 35.0), (20.0, 35.0), (21.0, 0.0)], 3, 0, ["paused"],
                     id="pause on the way back"),
        pytest.param([(7.0, 60.0), (7.4, 48.0), (7.8, 61.0), (8.8, 0.0)], 3, 0, [], id="bounce"),
        pytest.param([(7.0, 60.0), (7.7, 30.0), (8.4, 58.0), (9.4, 0.0)], 3, 0, [],
                     id="goes out again half-way"),
        pytest.param([(7.0, 40.0), (7.6, 22.0), (8.4, 60.0), (9.4, 0.0)], 3, 0, [],
                     id="changes direction half-way out"),
        pytest.param([(7.0, 60.0), (8.0, 10.0), (9.0, 60.0), (10.0, 0.0)], 4, 0, [],
                     id="turns outwards before the rest"),
        pytest.param([(7.0, -20.0), (8.0, 0.0)], 2, 0, [], id="dip below the rest"),
        pytest.param([(7.0, 60.0), (7.5, 60.0), (8.5, -12.0), (9.5, 0.0)], 3, 0, [],
                     id="swings through the rest"),
        pytest.param([(7.0, 13.0), (7.6, 0.0)], 2, 0, [], id="too small to count"),
    ],
)  # fmt: skip
def test_counts_what_is_a_repetition(
    exercise: ExerciseTemplate,
    middle: list[tuple[float, float]],
    count: int,
    partial: int,
    notes: list[str],
) -> None:
    end_s = middle[-1][0]
    motion = path(*BEFORE, *middle, *after(end_s))
    tracker, found = tracked(exercise, motion, end_s + 6.0)
    assert len(found) == count
    assert tracker.partial == partial
    assert found[0].end_s < 4.1
    assert found[-1].start_s > end_s + 1.9
    assert found[-1].rom_deg == pytest.approx(60.0, abs=1.5)
    if count == 3:
        assert [note for note in found[1].notes if note == "paused"] == notes
        assert found[1].rom_deg == pytest.approx(60.0, abs=2.0)


@BOTH
def test_copes_with_a_tremor(exercise: ExerciseTemplate) -> None:
    reps = even(6)
    tracker, found = tracked(exercise, total(reps, tremor(1.5, 6.0)), 27.0)
    assert len(found) == 6
    assert tracker.partial == 0
    for event, rep in zip(found, reps, strict=True):
        assert event.rom_deg == pytest.approx(60.0, abs=3.0)
        edges = (truth(rep).start_s, truth(rep).end_s)
        if exercise is TILT:
            edges = (rep.start_s, rep.over_s)
        assert (event.start_s, event.end_s) == pytest.approx(edges, abs=0.12)


@BOTH
def test_copes_with_a_rest_that_drifts(exercise: ExerciseTemplate) -> None:
    _, found = tracked(exercise, total(even(15), lambda t: 0.5 * t), 63.0)
    assert len(found) == 15
    # A drift of half a degree a second moves the peak by one degree on the way.
    assert all(event.rom_deg == pytest.approx(60.0, abs=2.0) for event in found)


def test_a_longer_standstill_is_a_new_posture_from_which_counting_goes_on() -> None:
    motion = path(
        *BEFORE, (7.0, 55.0), (27.0, 55.0), (28.0, 115.0), (29.0, 55.0), (31.0, 55.0),
        (32.0, 115.0), (33.0, 55.0),
    )  # fmt: skip
    tracker, found = tracked(DOMINANT, motion, 36.0)
    assert tracker.partial == 1
    assert [round(event.start_s) for event in found] == [2, 27, 31]
    assert all(event.rom_deg == pytest.approx(60.0, abs=1.5) for event in found)


def test_a_prescribed_hold_is_no_new_posture() -> None:
    long_hold = TILT.model_copy(
        update={"tempo": TILT.tempo.model_copy(update={"hold_s": (10.0, 30.0)})}
    )
    tracker, found = tracked(long_hold, (Rep(2.0, hold_s=25.0),), 33.0)
    assert (len(found), tracker.partial) == (1, 0)
    assert found[0].hold_s == pytest.approx(25.3, abs=0.2)


def test_getting_into_position_is_no_repetition() -> None:
    # From sitting down to lying, then the exercise.
    motion = path(
        (1.0, 0.0), (2.5, -85.0), (6.0, -85.0), (7.0, -25.0), (8.0, -85.0), (10.0, -85.0),
        (11.0, -25.0), (12.0, -85.0), (14.0, -85.0), (15.0, -25.0), (16.0, -85.0),
    )  # fmt: skip
    lying = template(
        {
            "kind": "learned",
            "coordinate": "tilt",
            "axes": {
                "one": {
                    "axis": [1, 0, 0],
                    "start_up": [0, math.sin(math.radians(-85)), math.cos(math.radians(-85))],
                }
            },
        }
    )
    _, found = tracked(lying, motion, 19.0)
    assert [round(event.start_s) for event in found] == [6, 10, 14]


@BOTH
def test_a_recording_that_begins_at_a_turning_point_loses_no_whole_repetition(
    exercise: ExerciseTemplate,
) -> None:
    motion = path(
        (0.0, 60.0), (1.2, 0.0), (4.5, 0.0), (5.5, 60.0), (6.5, 0.0), (9.5, 0.0), (10.5, 60.0),
        (11.5, 0.0), (14.0, 0.0),
    )  # fmt: skip
    _, found = tracked(exercise, motion, 15.0)
    whole = [event for event in found if event.start_s > 2.0]
    starts_s = [4.5, 9.5] if exercise is TILT else [4.7, 9.7]
    assert [round(event.start_s, 1) for event in whole] == pytest.approx(starts_s, abs=0.15)
    # What was under way is told as interrupted, if at all.
    assert all("interrupted" in event.notes for event in found if event.start_s < 2.0)


@BOTH
@pytest.mark.parametrize(
    ("last_deg", "counted"),
    [
        pytest.param(60.0, False, id="on the way out"),
        pytest.param(24.0, False, id="60 percent back"),
        pytest.param(13.0, True, id="78 percent back"),
    ],
)
def test_an_unfinished_repetition_counts_only_when_it_has_returned(
    exercise: ExerciseTemplate, last_deg: float, counted: bool
) -> None:
    points = [*BEFORE, (7.0, 60.0), (8.0, 0.0), (10.0, 0.0), (11.0, 60.0)]
    if last_deg < 60.0:
        points.append((12.0, last_deg))
    tracker, found = tracked(exercise, path(*points), points[-1][0])
    assert len(found) == 2 + counted
    assert tracker.partial == 1 - counted
    if counted:
        newest_s = points[-1][0] - 0.02
        assert found[-1].reported_s == pytest.approx(newest_s)
        assert found[-1].end_s == pytest.approx(newest_s, abs=0.05)


def test_the_way_the_sensor_is_strapped_on_makes_no_difference_to_a_dominant_movement() -> None:
    strapped = Worn(noise_dps=0.05).turned(rotation((0.3, -0.7, 0.5), 140.0))
    _, found = tracked(DOMINANT, even(4), 19.0, strapped)
    assert [event.rom_deg for event in found] == pytest.approx([60.0] * 4, abs=1.0)


# --- sensors that fail --------------------------------------------------------------------------


def sensor_states(events: list[Event]) -> list[tuple[str, SensorState]]:
    return [(event.sensor, event.state) for event in events if isinstance(event, SensorEvent)]


SILENT, STREAMING = SensorState.SILENT, SensorState.STREAMING
"""What is told of a sensor, shortened."""


@BOTH
def test_a_silence_in_a_repetition_is_told_and_the_repetition_marked(
    exercise: ExerciseTemplate,
) -> None:
    tracker = Tracker(exercise)
    samples = lost(record(even(4), Worn(), 19.0), 6.9, 7.7)
    events = feed(tracker, [samples])
    found = repetitions(events)
    assert ["interrupted" in event.notes for event in found] == [False, True, False, False]
    told = [event for event in events if isinstance(event, SensorEvent)]
    assert [event.state for event in told] == [SILENT, STREAMING]
    silent, again = told
    assert silent.since_s == pytest.approx(6.88)
    assert 0.5 < silent.t_s - silent.since_s <= 0.61
    assert silent.reason == "no samples"
    assert again.t_s == pytest.approx(7.7, abs=0.11)
    assert again.since_s == pytest.approx(7.7)
    [silence] = tracker.silences
    assert silence.sensor == "one"
    assert silence.from_s == pytest.approx(6.88)
    assert silence.to_s == pytest.approx(7.7)


@BOTH
@pytest.mark.parametrize(
    "from_s",
    [
        pytest.param(6.2, id="over its start"),
        pytest.param(6.4, id="soon after its start"),
        pytest.param(6.9, id="on the way out"),
        pytest.param(7.4, id="at the top"),
        pytest.param(7.9, id="over its end"),
    ],
)
def test_a_silence_anywhere_in_a_repetition_loses_none_and_invents_none(
    exercise: ExerciseTemplate, from_s: float
) -> None:
    samples = lost(record(even(4), Worn(), 19.0), from_s, from_s + 0.7)
    found = repetitions(feed(Tracker(exercise), [samples]))
    assert [round((event.peak_s - 3.35) / 4.0) for event in found] == [0, 1, 2, 3]
    assert ["interrupted" in event.notes for event in found] == [False, True, False, False]


@BOTH
@pytest.mark.parametrize("long_s", [0.1, 0.3, 0.45])
def test_a_short_loss_is_bridged(exercise: ExerciseTemplate, long_s: float) -> None:
    samples = lost(record(even(4), Worn(), 19.0), 7.0, 7.0 + long_s)
    events = feed(Tracker(exercise), [samples])
    assert sensor_states(events) == []
    assert [event.notes for event in repetitions(events)] == [[], [], [], []]


@BOTH
def test_a_silence_at_rest_marks_no_repetition(exercise: ExerciseTemplate) -> None:
    samples = lost(record(even(4, every_s=5.0), Worn(), 23.0), 5.2, 6.4)
    found = repetitions(feed(Tracker(exercise), [samples]))
    assert len(found) == 4
    assert not any("interrupted" in event.notes for event in found)


@BOTH
def test_a_silence_longer_than_a_repetition_invents_nothing(exercise: ExerciseTemplate) -> None:
    samples = lost(record(even(4), Worn(), 19.0), 5.4, 9.4)
    found = repetitions(feed(Tracker(exercise), [samples]))
    assert [round((event.peak_s - 3.35) / 4.0) for event in found] == [0, 2, 3]


@BOTH
@pytest.mark.parametrize("kind", ["nan", "frozen", "saturated"])
def test_values_that_cannot_be_trusted_are_a_silence(exercise: ExerciseTemplate, kind: str) -> None:
    reason = {"nan": "values that are no numbers"}.get(kind, kind)
    tracker = Tracker(exercise)
    samples = damaged(record(even(4, every_s=5.0), Worn(), 23.0), 8.2, 9.8, kind)
    events = feed(tracker, [samples])
    assert sensor_states(events) == [("one", SILENT), ("one", STREAMING)]
    assert [silence.reason for silence in tracker.silences] == [reason]
    assert len(repetitions(events)) == 4


@BOTH
def test_a_sensor_that_dies_half_way_is_told_and_ends_nothing(exercise: ExerciseTemplate) -> None:
    tracker = Tracker(exercise)
    samples = keep(record(even(4), Worn(), 19.0), record(even(4), Worn(), 19.0).t_s < 10.9)
    events = feed(tracker, [samples], finish=False)
    for until_s in np.arange(11.0, 19.0, 0.1):
        events += tracker.advance(float(until_s))
    events += tracker.finish()
    assert len(repetitions(events)) == 2
    assert tracker.partial == 1
    assert sensor_states(events) == [("one", SILENT)]
    [silence] = tracker.silences
    assert silence.to_s == pytest.approx(18.9)


def test_one_of_two_sensors_that_dies_stops_the_angle_and_not_the_other() -> None:
    exercise = exercises()["joint, calibrated"]
    shank, thigh = exercise.samples
    tracker = exercise.tracker()
    events = feed(tracker, [shank, keep(thigh, thigh.t_s < 10.0)])
    angles = [event.t_s for event in events if isinstance(event, AngleEvent)]
    assert max(angles) <= 10.0
    assert sensor_states(events) == [("thigh", SILENT)]
    assert [silence.sensor for silence in tracker.silences] == ["thigh"]
    assert [event.index for event in repetitions(events)] == [1, 2]


def test_a_sensor_that_never_comes_is_told_once_it_is_silent() -> None:
    exercise = exercises()["joint, calibrated"]
    events = feed(exercise.tracker(), [exercise.samples[0]])
    told = [event for event in events if isinstance(event, SensorEvent)]
    assert [(event.sensor, event.state) for event in told] == [("thigh", SILENT)]
    assert told[0].t_s < 0.8
    assert repetitions(events) == []


def test_no_sensor_at_all_is_a_silence_too() -> None:
    tracker = Tracker(DOMINANT)
    events: list[Event] = []
    for until_s in np.arange(3.0, 6.0, 0.1):
        events += tracker.advance(float(until_s))
    assert sensor_states(events) == [("one", SILENT)]
    assert tracker.finish() == []
    [silence] = tracker.silences
    assert silence.from_s == 3.0
    assert silence.to_s == pytest.approx(5.9)


def test_a_sensor_without_any_valid_sample_is_told_with_the_reason() -> None:
    tracker = Tracker(DOMINANT)
    samples = damaged(record(even(2), Worn(), 8.0), -1.0, 99.0, "nan")
    events = feed(tracker, [samples])
    [event] = [event for event in events if isinstance(event, SensorEvent)]
    assert (event.state, event.reason) == (SILENT, "values that are no numbers")
    assert repetitions(events) == []


def test_late_samples_are_counted_and_change_nothing() -> None:
    samples = record(even(4), Worn(), 19.0)
    tracker, disturbed = Tracker(DOMINANT, angles=True), Tracker(DOMINANT, angles=True)
    expected_events = feed(tracker, [samples])

    def delivery(parts: list[Samples]) -> list[Samples]:
        old = _first(samples, disturbed.watermark_s - 1.0, disturbed.watermark_s)
        return [old, *parts, old]

    assert lines(feed(disturbed, [samples], delivery=delivery)) == lines(expected_events)
    assert tracker.late_samples == {"one": 0}
    assert disturbed.late_samples["one"] > 1000


def test_repeated_samples_change_nothing() -> None:
    samples = record(even(4), Worn(), 19.0)
    expected_events = feed(Tracker(DOMINANT, angles=True), [samples])
    tracker = Tracker(DOMINANT, angles=True)
    events = feed(tracker, [samples], delivery=lambda parts: [*parts, *parts])
    assert lines(events) == lines(expected_events)
    assert tracker.late_samples == {"one": 0}


def test_a_badly_calibrated_accelerometer_is_told_once_and_widens_the_uncertainty() -> None:
    postures = path((4.0, 0.0), (5.0, 90.0), (12.0, 90.0), (13.0, 0.0), (18.0, 0.0))
    samples = record(postures, Worn(noise_dps=0.05), 20.0)
    acc = samples.acc_mps2.copy()
    acc[:, 2] += 1.2
    off = Samples.of("one", samples.t_s, acc, samples.gyr_radps)
    good, bad = (feed(Tracker(TILT, angles=True), [each]) for each in (samples, off))
    assert sensor_states(good) == []
    assert sensor_states(bad) == [("one", SensorState.ACCELEROMETER_OFF)]
    [told] = [event for event in bad if isinstance(event, SensorEvent)]
    assert "m/s2 with posture" in told.reason
    good_sd, bad_sd = (
        [event.angle_sd_deg for event in events if isinstance(event, AngleEvent)]
        for events in (good, bad)
    )
    assert bad_sd[-1] > 2.0 * good_sd[-1]


# --- several sensors ----------------------------------------------------------------------------


def _joint(rates_hz: tuple[float, float], first_s: tuple[float, float]) -> Exercise:
    axes = {
        slot: {"axis": [share, 0, 0], "start_up": [0, 0, 1]}
        for slot, share in (("shank", 1.0), ("thigh", 0.5))
    }
    samples = [
        record(
            even(4),
            Worn(slot, rate_hz=rate_hz, share=share, first_s=begin_s, seed=round(rate_hz)),
            19.0,
        )
        for slot, share, rate_hz, begin_s in zip(
            ("shank", "thigh"), (1.0, 0.5), rates_hz, first_s, strict=True
        )
    ]
    movement = {"kind": "learned", "coordinate": "tilt", "axes": axes}
    return Exercise(template(movement, ["shank", "thigh"]), samples)


@pytest.mark.parametrize("rate_hz", [25.0, 50.0, 100.0, 200.0])
@pytest.mark.parametrize("other_hz", [25.0, 50.0, 100.0, 200.0])
def test_sensors_are_brought_together_by_their_times_alone(rate_hz: float, other_hz: float) -> None:
    exercise = _joint((rate_hz, other_hz), (0.0, 0.0131))
    events = feed(exercise.tracker(), exercise.samples)
    angles = [event for event in events if isinstance(event, AngleEvent)]
    first = exercise.samples[0].t_s
    # Angles stand at the times of the template's first sensor, from when the other has begun.
    assert [event.t_s for event in angles] == first[first >= 0.0131].tolist()
    found = repetitions(events)
    assert len(found) == 4
    for event, rep in zip(found, even(4), strict=True):
        assert event.rom_deg == pytest.approx(60.0, abs=0.8)
        assert event.start_s == pytest.approx(rep.start_s, abs=0.08)
        assert event.end_s == pytest.approx(rep.over_s, abs=0.08)


def test_a_sensor_that_comes_late_delays_the_angle_and_no_more() -> None:
    exercise = _joint((50.0, 100.0), (0.0, 4.7))
    events = feed(exercise.tracker(), exercise.samples)
    angles = [event.t_s for event in events if isinstance(event, AngleEvent)]
    assert min(angles) == pytest.approx(4.7, abs=0.021)
    assert [round(event.peak_s) for event in repetitions(events)] == [7, 11, 15]
    assert sensor_states(events) == [("thigh", SILENT), ("thigh", STREAMING)]


# --- uncertainty --------------------------------------------------------------------------------


def test_uncertainty_of_a_turn_grows_and_that_of_a_tilt_does_not() -> None:
    turning = template({"kind": "segment", "segment": "one", "axis": "turn_left"})
    sds = {}
    for name, exercise in (("turn", turning), ("tilt", TILT)):
        # Away from the neutral pose, so that nothing zeroes the heading again.
        motion = path((2.0, 0.0), (3.0, 40.0))
        worn = Worn(axis=Z if name == "turn" else X)
        events = feed(Tracker(exercise, angles=True), [record(motion, worn, 63.0)])
        angles = [event for event in events if isinstance(event, AngleEvent)]
        sds[name] = {round(event.t_s): event.angle_sd_deg for event in angles}
    assert sds["turn"][60] > sds["turn"][30] > sds["turn"][5] > 1.0
    assert sds["turn"][60] ** 2 - sds["turn"][5] ** 2 == pytest.approx(
        (1 + 3 * (58 / 60) + (3 * 58 / 60) ** 2) - (1 + 3 * (3 / 60) + (3 * 3 / 60) ** 2), rel=0.1
    )
    # A tilt is known the better the longer gyroscope and gravity have agreed.
    floor_deg, share = math.degrees(INCLINATION_FLOOR_RAD), AXIS_KNOWN_SHARE
    assert sds["tilt"][5] > sds["tilt"][30] > 0.99 * sds["tilt"][60]
    assert sds["tilt"][60] == pytest.approx(math.hypot(floor_deg, 40.0 * share), rel=0.02)


def test_a_calibration_of_low_quality_widens_the_uncertainty() -> None:
    exercise = exercises()["segment, calibrated"]
    assert exercise.calibration is not None
    sds = []
    for quality_deg in (1.0, 20.0):
        calibration = Calibration(exercise.calibration.rotations, quality_deg)
        tracker = Tracker(exercise.template, calibration)
        found = repetitions(feed(tracker, exercise.samples))
        sds.append(found[0].rom_sd_deg)
    assert sds[1] > 1.2 * sds[0]


# --- verbs --------------------------------------------------------------------------------------


def test_push_and_watermarks_alone_tell_nothing() -> None:
    tracker = Tracker(DOMINANT)
    assert tracker.push(record(even(4), Worn(), 19.0)) == []


def test_a_sensor_that_the_template_lacks_is_refused() -> None:
    with pytest.raises(SamplesError, match="has no sensor 'two'; it has one") as caught:
        Tracker(DOMINANT).push(record(even(1), Worn("two"), 3.0))
    assert (caught.value.reason, caught.value.sensor) == (SamplesFault.UNKNOWN_SENSOR, "two")


@pytest.mark.parametrize("watermark_s", [4.99, -math.inf, math.nan])
def test_watermarks_never_go_back(watermark_s: float) -> None:
    tracker = Tracker(DOMINANT)
    tracker.advance(5.0)
    with pytest.raises(OrderError) as caught:
        tracker.advance(watermark_s)
    assert caught.value.reason is OrderFault.WATERMARK_BACKWARDS
    tracker.advance(5.0)


def test_a_finished_exercise_takes_nothing_more() -> None:
    tracker = Tracker(DOMINANT)
    feed(tracker, [record(even(1), Worn(), 6.0)])
    assert tracker.finish() == []
    with pytest.raises(OrderError) as caught:
        tracker.push(record(even(1), Worn(), 6.0))
    assert caught.value.reason is OrderFault.FINISHED
    with pytest.raises(OrderError):
        tracker.advance(99.0)


def test_nothing_counts_while_paused_and_an_axis_that_was_found_is_kept() -> None:
    samples = record(even(8), Worn(), 35.0)
    tracker = Tracker(DOMINANT)
    feed(tracker, [_first(samples, 0.0, 9.5)], finish=False)
    assert tracker.axis_settled
    tracker.count(False)
    assert repetitions(feed(tracker, [_first(samples, 9.5, 17.5)], finish=False)) == []
    tracker.count(True)
    assert tracker.axis_settled
    events = feed(tracker, [_first(samples, 17.5, 35.0)])
    # The first one after the pause is complete: the axis need not be found again.
    assert [round(event.peak_s) for event in repetitions(events)] == [19, 23, 27, 31]
    assert [event.index for event in repetitions(events)] == [3, 4, 5, 6]


def test_an_axis_that_was_not_settled_is_looked_for_again_after_a_pause() -> None:
    samples = record(even(6), Worn(), 27.0)
    tracker = Tracker(DOMINANT)
    feed(tracker, [_first(samples, 0.0, 2.5)], finish=False)
    tracker.count(False)
    feed(tracker, [_first(samples, 2.5, 5.0)], finish=False)
    tracker.count(True)
    assert not tracker.axis_settled
    events = feed(tracker, [_first(samples, 5.0, 27.0)])
    assert [round(event.peak_s) for event in repetitions(events)] == [7, 11, 15, 19, 23]


def test_a_repetition_under_way_at_a_pause_is_given_up() -> None:
    samples = record(even(6), Worn(), 27.0)
    tracker = Tracker(TILT)
    feed(tracker, [_first(samples, 0.0, 7.2)], finish=False)
    tracker.count(False)
    feed(tracker, [_first(samples, 7.2, 7.4)], finish=False)
    tracker.count(True)
    events = feed(tracker, [_first(samples, 7.4, 27.0)])
    assert [round(event.peak_s) for event in repetitions(events)] == [11, 15, 19, 23]


def test_a_learned_repetition_spans_its_whole_movement_and_is_timed_by_its_band() -> None:
    samples = record(even(4, first_s=4.0), Worn(), 21.0)
    plain = repetitions(feed(Tracker(TILT, onsets=False), [samples]))
    found = repetitions(feed(Tracker(TILT), [samples]))
    for one, by_band in zip(found, plain, strict=True):
        # A minimum jerk leaves 5 percent of the way after a fifth of its time, and a twentieth of
        # its speed after a sixteenth.
        assert by_band.start_s - one.start_s == pytest.approx(0.2, abs=0.1)
        assert one.end_s - by_band.end_s == pytest.approx(0.2, abs=0.1)
        for part in ("peak_s", "rom_deg", "out_s", "hold_s", "back_s", "active_s", "verdict"):
            assert getattr(one, part) == getattr(by_band, part)
        assert 0.0 <= one.reported_s - one.end_s <= 0.5


def test_only_learned_exercises_are_spanned_by_speed() -> None:
    samples = record(even(6), Worn(), 27.0)
    for found in (Tracker(DOMINANT), Tracker(DOMINANT, onsets=False)):
        for one in repetitions(feed(found, [samples])):
            spent_s = one.out_s + one.hold_s + one.back_s
            assert one.end_s - one.start_s == pytest.approx(spent_s, abs=1e-9)


def test_a_learned_exercise_follows_sensors_that_are_worn_anew() -> None:
    # Put on again turned by 35 degrees: the neutral pose tells, the axis turns along.
    worn = Worn(noise_dps=0.05).turned(rotation((0.0, 1.0, 0.0), 35.0))
    samples = record(even(4, first_s=4.0), worn, 21.0)
    tracker = Tracker(TILT)
    tracker.take_neutral()
    found = repetitions(feed(tracker, [samples]))
    assert [event.rom_deg for event in found] == pytest.approx([60.0] * 4, abs=1.5)


@pytest.mark.parametrize("anew", [False, True])
def test_a_neutral_pose_is_as_doubtful_as_the_sensor_that_showed_it(
    anew: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A new rest 80 degrees from the pose is 1.29 away: beyond 1.05 and two deviations of one
    # inclination (1.26), within those of two (1.35).
    monkeypatch.setattr(SensorStream, "inclination_sd_deg", 6.0)
    away = path((2.0, 0.0), (3.5, 80.0), (22.0, 80.0), (23.2, 140.0), (23.5, 140.0), (24.7, 80.0))
    tracker = Tracker(TILT)
    if anew:
        tracker.take_neutral()
    found = repetitions(feed(tracker, [record(away, Worn(noise_dps=0.05), 28.0)]))
    assert (len(found), tracker.unlike) == ((1, 0) if anew else (0, 1))


def test_a_posture_unlike_the_demonstrated_one_does_not_count() -> None:
    leaning = Worn().turned(rotation(X, 100.0))
    tracker, found = tracked(TILT, even(4), 19.0, leaning)
    assert found == []
    assert tracker.unlike == 4


def test_a_repetition_that_began_in_a_silence_began_in_the_pose_before_it() -> None:
    samples = record(even(4, range_deg=90.0), Worn(), 19.0)
    whole = Tracker(TILT)
    assert len(repetitions(feed(whole, [samples]))) == 4
    # When the samples come again the limb is up, further from the start than any start may be.
    tracker = Tracker(TILT)
    found = repetitions(feed(tracker, [lost(samples, 5.7, 6.95)]))
    assert (len(found), tracker.unlike) == (4, 0)
    assert "interrupted" in found[1].notes
