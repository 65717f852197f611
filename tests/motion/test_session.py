"""A session is a function of its log. The order of controls, what each of them does and when, the
books it keeps; and that neither chunks nor snapshots nor samples that are ahead of the watermark
change a bit of what is told.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motion.calibration import Calibration
from motion.errors import OrderError, OrderFault, SamplesError, TemplateError
from motion.events import (
    AngleEvent,
    EndReason,
    Event,
    RepetitionEvent,
    SensorEvent,
    SensorState,
    SessionEvent,
    SetEvent,
    encode_lines,
)
from motion.samples import Samples
from motion.session import (
    BeginSetControl,
    Control,
    EndSetControl,
    NeutralControl,
    PauseControl,
    ResumeControl,
    Session,
    SkipControl,
    StartControl,
    StopControl,
    control_document,
    control_from_document,
)
from motion.template import ExerciseTemplate
from tests.motion.exercises import Exercise, exercises
from tests.motion.movement import (
    Delivery,
    Worn,
    Z,
    even,
    in_chunks,
    keep,
    lines,
    one_by_one,
    path,
    record,
    repetitions,
    sensor_by_sensor,
    template,
)

DOMINANT = template({"kind": "dominant", "sensor": "one"})
TILT = template(
    {
        "kind": "learned",
        "coordinate": "tilt",
        "axes": {"one": {"axis": [1, 0, 0], "start_up": [0, 0, 1]}},
    },
    id="tilting",
)
EVERY_S = 0.1


def start(exercise: ExerciseTemplate, **fields: Any) -> StartControl:
    return StartControl(exercise.document(), **fields)


START, BEGIN, PAUSE, RESUME = start(DOMINANT), BeginSetControl(), PauseControl(), ResumeControl()

# Controls by the session time of the watermark after which they come.
Controls = Sequence[tuple[float, Control]]


def run(
    samples: Sequence[Samples],
    controls: Controls,
    last_s: float,
    *,
    ahead_s: float = 0.0,
    early: bool = False,
    delivery: Delivery = list,
    restore_each: int = 0,
    angles: bool = True,
) -> list[Event]:
    """A session from 0 to `last_s`, with a watermark every tenth of a second.

    ahead_s: samples newer than the watermark are pushed up to this far ahead of it. early: those
    before the controls of a watermark, not after. restore_each: replaced by its snapshot at every
    so many samples.
    """
    session = Session(angles=angles)
    events: list[Event] = []
    left = list(controls)
    count = pushed = 0
    done_s = -math.inf

    def push(until_s: float) -> None:
        nonlocal session, count, pushed, done_s
        parts = [keep(one, (one.t_s >= done_s) & (one.t_s < until_s)) for one in samples]
        done_s = max(done_s, until_s)
        for part in delivery(parts):
            events.extend(session.push(part))
            pushed += len(part)
            if restore_each and pushed // restore_each > count:
                count = pushed // restore_each
                session = Session.restore(session.state())

    for number in range(round(last_s / EVERY_S) + 1):
        watermark_s = number * EVERY_S
        push(watermark_s)
        if early:
            push(watermark_s + ahead_s)
        if number:
            events += session.advance(watermark_s)
        while left and left[0][0] <= watermark_s + 1e-9:
            events += session.control(left.pop(0)[1])
        if session.ended:
            break
        push(watermark_s + ahead_s)
    return events + session.finish()


def by_kind(events: Iterable[Event], *kinds: type[Event]) -> list[Any]:
    return [event for event in events if isinstance(event, kinds)]


def peaks(events: Iterable[Event]) -> list[int]:
    # Peaks lie on a plateau from 3.2 to 3.5 s, and so on.
    return [math.floor(event.peak_s) for event in repetitions(events)]


SWINGS = record(even(9), Worn(), 38.0)

EVENTFUL: Controls = (
    (0.0, START),
    (1.0, BEGIN),
    (9.4, PAUSE),
    (11.3, RESUME),
    (16.8, NeutralControl()),
    (17.2, BEGIN),
    (21.7, SkipControl()),
    (21.9, start(TILT)),
    (22.0, BEGIN),
    (25.3, start(DOMINANT, side="left")),
    (25.3, BEGIN),
    (37.0, SkipControl()),
    (38.0, StopControl(EndReason.FATIGUE)),
)


@cache
def eventful() -> tuple[str, ...]:
    return tuple(lines(run([SWINGS], EVENTFUL, 38.0)))


# --- equal to the last bit ----------------------------------------------------------------------


def test_the_eventful_session_holds_something_to_compare() -> None:
    events = run([SWINGS], EVENTFUL, 38.0)
    assert peaks(events) == [3, 7, 15, 19, 23, 27, 31, 35]
    assert [(event.set_index, event.repetitions) for event in by_kind(events, SetEvent)] == [
        (1, 3),
        (2, 1),
        (1, 1),
        (1, 3),
    ]
    assert len(by_kind(events, AngleEvent)) > 500


@pytest.mark.parametrize("ahead_s", [0.0, 0.07, 0.25])
@pytest.mark.parametrize("early", [False, True], ids=["controls first", "samples first"])
@pytest.mark.parametrize("delivery", [list, one_by_one, sensor_by_sensor, in_chunks(3)])
def test_samples_that_are_ahead_of_the_watermark_change_nothing(
    ahead_s: float, early: bool, delivery: Delivery
) -> None:
    # The log does not say which of them came before a control: a replay must give the same.
    events = run([SWINGS], EVENTFUL, 38.0, ahead_s=ahead_s, early=early, delivery=delivery)
    assert lines(events) == list(eventful())


def test_snapshots_at_every_hundredth_sample_give_the_same_to_the_last_bit() -> None:
    for ahead_s in (0.0, 0.25):
        events = run(
            [SWINGS], EVENTFUL, 38.0, ahead_s=ahead_s, delivery=one_by_one, restore_each=100
        )
        assert lines(events) == list(eventful())


@pytest.mark.compiled
@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), ahead_s=st.floats(0.0, 0.25), early=st.booleans())
def test_any_chunks_and_snapshots_give_the_same_to_the_last_bit(
    seed: int, ahead_s: float, early: bool
) -> None:
    each = int(np.random.default_rng(seed).integers(5, 400))
    events = run(
        [SWINGS],
        EVENTFUL,
        38.0,
        ahead_s=ahead_s,
        early=early,
        delivery=in_chunks(seed),
        restore_each=each,
    )
    assert lines(events) == list(eventful())


@pytest.mark.compiled
@pytest.mark.parametrize(
    "kind",
    ["joint", "joint, calibrated", "learned with three sensors", "segment that turns", "hold"],
)
def test_sessions_of_several_sensors_are_equal_to_the_last_bit(kind: str) -> None:
    exercise = exercises()[kind]
    controls = _whole(exercise)
    expected = lines(run(exercise.samples, controls, 26.0))
    assert len(repetitions(run(exercise.samples, controls, 26.0))) == exercise.counted
    for delivery in (one_by_one, sensor_by_sensor):
        events = run(
            exercise.samples,
            controls,
            26.0,
            ahead_s=0.2,
            early=True,
            delivery=delivery,
            restore_each=100,
        )
        assert lines(events) == expected


@pytest.mark.compiled
def test_exercises_that_take_over_what_was_known_are_equal_to_the_last_bit() -> None:
    # Bias and heading of the sensors go on from one exercise to the next, with a gap between.
    joint, segment = exercises()["joint, calibrated"], exercises()["segment, calibrated"]
    assert joint.calibration is not None
    calibration = joint.calibration.document()
    again = joint.template.model_copy(update={"id": "again"})
    controls: Controls = [
        (0.0, start(joint.template, calibration=calibration)),
        (0.0, BEGIN),
        (9.9, SkipControl()),
        (11.8, start(again, calibration=calibration)),
        (11.8, BEGIN),
        (20.2, start(segment.template, calibration=calibration)),
        (20.2, BEGIN),
    ]
    events = run(joint.samples, controls, 26.0)
    assert {event.exercise for event in repetitions(events)} == {"synthetic", "again"}
    expected = lines(events)
    for seed in range(6):
        events = run(
            joint.samples,
            controls,
            26.0,
            ahead_s=0.05 * seed,
            early=seed % 2 == 1,
            delivery=in_chunks(seed),
            restore_each=(100, 23, 7)[seed % 3],
        )
        assert lines(events) == expected


def _whole(exercise: Exercise) -> Controls:
    calibration = exercise.calibration
    document = None if calibration is None else calibration.document()
    return ((0.0, start(exercise.template, calibration=document)), (0.0, BEGIN))


def test_what_is_pushed_may_be_overwritten_by_the_caller() -> None:
    session = Session()
    session.control(START)
    session.control(BEGIN)
    buffer = SWINGS.rows(0, 500).copy()
    session.push(buffer)
    buffer.t_s[:] = 0.0
    buffer.acc_mps2[:] = 0.0
    session.advance(9.9)
    assert session.tracker is not None
    assert session.tracker.late_samples == {"one": 0}
    assert session.tracker.assessment.index == 2


# --- what controls do ---------------------------------------------------------------------------


def test_nothing_counts_before_a_set_has_begun() -> None:
    events = run([SWINGS], [(0.0, START), (9.3, BEGIN)], 22.0)
    assert peaks(events) == [11, 15, 19]
    assert [event.index for event in repetitions(events)] == [1, 2, 3]


def test_samples_before_any_exercise_are_ignored() -> None:
    events = run([SWINGS], [(9.3, START), (9.3, BEGIN)], 22.0)
    assert peaks(events) == [11, 15, 19]
    assert by_kind(events, SessionEvent)[0].late_samples == {}


def test_samples_of_sensors_that_the_exercise_does_not_use_are_ignored() -> None:
    other = record(even(9), Worn("other", axis=Z), 38.0)
    controls: Controls = [(0.0, START), (0.0, BEGIN)]
    assert lines(run([SWINGS, other], controls, 20.0)) == lines(run([SWINGS], controls, 20.0))


def test_each_set_counts_from_one_and_is_told_when_it_ends() -> None:
    events = run([SWINGS], [(0.0, START), (0.0, BEGIN), (13.5, BEGIN), (26.0, SkipControl())], 30.0)
    first, second = by_kind(events, SetEvent)
    assert [event.index for event in repetitions(events)] == [1, 2, 3, 1, 2, 3]
    assert [event.set_index for event in repetitions(events)] == [1, 1, 1, 2, 2, 2]
    assert (first.set_index, first.repetitions, first.correct) == (1, 3, 3)
    assert (second.set_index, second.repetitions) == (2, 3)
    assert (second.start_s, second.end_s) == (first.end_s, pytest.approx(26.0))
    assert first.end_s == pytest.approx(13.5)


def test_a_set_tells_means_and_goals_of_its_repetitions() -> None:
    reps = (*even(2, range_deg=35.0), *even(2, first_s=10.0, range_deg=70.0))
    events = run([record(reps, Worn(), 18.0)], [(0.0, START), (0.0, BEGIN)], 18.0)
    found = repetitions(events)
    [told] = by_kind(events, SetEvent)
    assert told.goal_reached == 2
    assert told.mean_rom_deg == math.fsum(event.rom_deg for event in found) / 4
    assert told.mean_score == math.fsum(event.score for event in found) / 4
    assert [str(event.verdict) for event in found] == ["incorrect"] * 2 + ["correct"] * 2
    assert told.correct == 2
    assert by_kind(events, SessionEvent)[0].correct == 2


def test_nothing_counts_between_the_end_of_a_set_and_the_next() -> None:
    controls: Controls = [
        (0.0, START), (0.0, BEGIN), (13.5, EndSetControl()), (17.0, PAUSE), (18.0, RESUME),
        (25.5, BEGIN),
    ]  # fmt: skip
    events = run([SWINGS], controls, 38.0)
    first, second = by_kind(events, SetEvent)
    assert peaks(events) == [3, 7, 11, 27, 31, 35]
    assert (first.repetitions, first.end_s) == (3, pytest.approx(13.5))
    assert (second.repetitions, second.start_s) == (3, pytest.approx(25.5))
    assert by_kind(events, SessionEvent)[0].sets == 2


def test_an_empty_set_has_no_means() -> None:
    events = run([SWINGS], [(0.0, START), (0.0, BEGIN), (0.5, BEGIN), (1.0, StopControl())], 2.0)
    assert [
        (event.repetitions, event.mean_rom_deg, event.mean_score)
        for event in by_kind(events, SetEvent)
    ] == [(0, None, None), (0, None, None)]


def test_nothing_counts_during_a_pause_and_the_axis_is_kept() -> None:
    controls: Controls = [(0.0, START), (0.0, BEGIN), (9.5, PAUSE), (21.5, RESUME)]
    events = run([SWINGS], controls, 38.0, angles=False)
    assert peaks(events) == [3, 7, 23, 27, 31, 35]
    assert [event.index for event in repetitions(events)] == [1, 2, 3, 4, 5, 6]
    # The axis is kept: no new search delays the first repetition after the pause.
    first = repetitions(events)[2]
    assert first.reported_s - first.end_s < 0.2
    assert len(by_kind(events, SetEvent)) == 1


@pytest.mark.parametrize(
    "control",
    [PauseControl(), NeutralControl(), BeginSetControl(), EndSetControl(), SkipControl()],
)
def test_a_repetition_whose_end_is_awaited_belongs_to_what_a_control_ends(
    control: Control,
) -> None:
    # Back within 5 percent at 4.5 s, seen to be still at 4.8 s.
    controls: Controls = ((0.1, start(TILT)), (0.2, BEGIN), (4.6, control))
    told = run([SWINGS], controls, 5.0)
    [first] = by_kind(told, RepetitionEvent)
    assert (first.set_index, first.reported_s) == (1, pytest.approx(4.6))
    assert 4.4 < first.end_s <= 4.6
    assert by_kind(told, SetEvent)[0].repetitions == 1
    assert by_kind(told, SessionEvent)[0].repetitions == 1
    undisturbed = by_kind(run([SWINGS], controls[:2], 5.0), RepetitionEvent)
    assert undisturbed[0].reported_s > 4.65


def test_resume_without_a_set_counts_nothing() -> None:
    assert peaks(run([SWINGS], [(0.0, START), (1.0, PAUSE), (2.0, RESUME)], 20.0)) == []


def test_neutral_takes_axis_and_rest_anew() -> None:
    # Worn otherwise from 17.5 s on: without a new neutral pose the old axis sees nothing of it.
    before = record(even(4), Worn(), 17.5)
    turned = record(even(9), Worn(axis=(0.0, 1.0, 0.0)), 38.0)
    after = keep(turned, turned.t_s >= 17.5)
    both = Samples.of(
        "one",
        np.concatenate([before.t_s, after.t_s]),
        np.concatenate([before.acc_mps2, after.acc_mps2]),
        np.concatenate([before.gyr_radps, after.gyr_radps]),
    )
    controls: Controls = [(0.0, START), (0.0, BEGIN)]
    without = run([both], controls, 38.0)
    events = run([both], [*controls, (17.6, NeutralControl())], 38.0)
    assert peaks(without) == [3, 7, 11, 15]
    assert peaks(events) == [3, 7, 11, 15, 19, 23, 27, 31, 35]
    assert [event.rom_deg for event in repetitions(events)] == pytest.approx([60.0] * 9, abs=1.5)


def test_skip_ends_the_exercise_and_the_session_goes_on() -> None:
    controls: Controls = [
        (0.0, START),
        (0.0, BEGIN),
        (9.5, SkipControl()),
        (13.8, start(TILT)),
        (13.8, BEGIN),
    ]
    events = run([SWINGS], controls, 30.0)
    assert [event.exercise for event in repetitions(events)] == ["synthetic"] * 2 + ["tilting"] * 4
    assert [(event.exercise, event.set_index) for event in by_kind(events, SetEvent)] == [
        ("synthetic", 1),
        ("tilting", 1),
    ]
    assert len(by_kind(events, SessionEvent)) == 1


def test_a_new_exercise_ends_the_one_under_way() -> None:
    controls: Controls = [(0.0, START), (0.0, BEGIN), (9.5, start(TILT)), (9.5, BEGIN)]
    events = run([SWINGS], controls, 18.0)
    assert [(event.exercise, event.repetitions) for event in by_kind(events, SetEvent)] == [
        ("synthetic", 2),
        ("tilting", 2),
    ]


def test_a_repetition_that_has_returned_counts_when_its_exercise_is_skipped() -> None:
    # At 8.4 s it is past 70 percent of the way back, and a step above the band.
    counts = [
        len(repetitions(run([SWINGS], [(0.0, START), (0.0, BEGIN), (at, SkipControl())], 12.0)))
        for at in (7.8, 8.4)
    ]
    assert counts == [1, 2]


def test_what_comes_after_the_watermark_does_not_belong_to_a_skipped_exercise() -> None:
    session = Session()
    session.control(START)
    session.control(BEGIN)
    session.push(SWINGS.rows(0, 500))
    session.advance(7.0)
    events = session.control(SkipControl())
    assert peaks(events) == []
    assert by_kind(events, SetEvent)[0].partial == 1
    session.control(start(TILT))
    session.control(BEGIN)
    assert peaks(session.advance(9.9)) == []
    assert session.tracker is not None
    assert session.tracker.watermark_s == 9.9


def test_stop_takes_all_samples_that_have_come() -> None:
    session = Session()
    session.control(START)
    session.control(BEGIN)
    session.push(SWINGS.rows(0, 250))
    session.advance(4.3)
    events = session.control(StopControl())
    [rep] = repetitions(events)
    assert rep.reported_s == SWINGS.t_s[249]
    assert by_kind(events, SetEvent)[0].end_s == SWINGS.t_s[249]


@pytest.mark.parametrize("reason", list(EndReason))
def test_the_reason_of_a_stop_is_told(reason: EndReason) -> None:
    events = run([SWINGS], [(0.0, START), (0.0, BEGIN), (9.5, StopControl(reason))], 12.0)
    [summary] = by_kind(events, SessionEvent)
    assert summary.reason is reason
    assert summary.end_s == pytest.approx(9.5)


def test_a_log_that_just_ends_is_the_end_of_a_recording() -> None:
    [summary] = by_kind(run([SWINGS], [(0.0, START), (0.0, BEGIN)], 12.0), SessionEvent)
    assert summary.reason is EndReason.END_OF_RECORDING


def test_samples_older_than_the_start_of_an_exercise_are_late() -> None:
    session = Session()
    session.advance(5.0)
    session.control(START)
    session.control(BEGIN)
    session.push(SWINGS.rows(0, 300))
    session.advance(6.0)
    assert session.tracker is not None
    assert session.tracker.late_samples == {"one": 250}


def test_a_sensor_that_never_comes_is_told_from_the_start_of_the_exercise() -> None:
    session = Session()
    session.advance(5.0)
    session.control(START)
    events = session.advance(5.4)
    events += session.advance(5.6)
    assert [(e.state, e.since_s) for e in by_kind(events, SensorEvent)] == [
        (SensorState.SILENT, 5.0)
    ]


# --- the books ----------------------------------------------------------------------------------


def test_the_summary_adds_up_all_exercises() -> None:
    events = run([SWINGS], EVENTFUL, 38.0)
    [summary] = by_kind(events, SessionEvent)
    sets = by_kind(events, SetEvent)
    assert events.index(summary) == len(events) - 1
    assert summary.sets == len(sets) == 4
    assert summary.repetitions == len(repetitions(events)) == sum(s.repetitions for s in sets)
    assert summary.correct == sum(s.correct for s in sets)
    assert summary.start_s == pytest.approx(0.1)
    assert summary.reason is EndReason.FATIGUE


def test_what_must_not_be_lost_is_numbered_without_a_gap() -> None:
    events = run([SWINGS], EVENTFUL, 38.0)
    durable = by_kind(events, RepetitionEvent, SetEvent, SessionEvent)
    assert [event.seq for event in durable] == list(range(1, len(durable) + 1))


def test_times_of_sets_are_watermarks() -> None:
    for told in by_kind(run([SWINGS], EVENTFUL, 38.0), SetEvent):
        for moment in (told.start_s, told.end_s):
            assert moment == round(moment / EVERY_S) * EVERY_S


def test_partial_and_unlike_movements_are_counted_by_set() -> None:
    leaning = Worn(pose=(math.cos(0.9), math.sin(0.9), 0.0, 0.0))
    controls: Controls = [(0.0, start(TILT)), (0.0, BEGIN), (9.5, BEGIN)]
    events = run([record(even(4), leaning, 19.0)], controls, 19.0)
    assert [(told.repetitions, told.unlike) for told in by_kind(events, SetEvent)] == [
        (0, 2),
        (0, 2),
    ]
    # A posture that was taken and kept is partial, in the set in which it was.
    posture = path(
        (2.0, 0.0), (3.0, 60.0), (4.0, 0.0), (6.0, 0.0), (7.0, 60.0), (25.0, 60.0), (26.0, 120.0),
        (27.0, 60.0),
    )  # fmt: skip
    controls = [(0.0, START), (0.0, BEGIN), (24.5, BEGIN)]
    events = run([record(posture, Worn(), 30.0)], controls, 30.0)
    assert [(told.repetitions, told.partial) for told in by_kind(events, SetEvent)] == [
        (1, 1),
        (1, 0),
    ]
    controls = [(0.0, start(TILT)), (0.0, BEGIN)]
    [told] = by_kind(run([keep(SWINGS, SWINGS.t_s < 7.0)], controls, 7.0), SetEvent)
    assert (told.repetitions, told.partial) == (1, 1)


def test_late_samples_and_silences_of_all_exercises_are_summed_up() -> None:
    session = Session()
    gappy = keep(SWINGS, (SWINGS.t_s < 4.6) | (SWINGS.t_s > 5.8))
    for number in range(1, 181):
        if number in (1, 91):
            session.control(START if number == 1 else start(TILT))
            session.control(BEGIN)
        from_s, until_s = (number - 1) * EVERY_S, number * EVERY_S
        session.push(keep(gappy, (gappy.t_s >= from_s) & (gappy.t_s < until_s)))
        session.advance(until_s)
        if number in (50, 150):
            session.push(SWINGS.rows(0, 10))
    assert [silence.sensor for silence in session.silences] == ["one"]
    [summary] = by_kind(session.finish(), SessionEvent)
    assert summary.late_samples == {"one": 20}
    assert [(s.from_s, s.to_s) for s in summary.silences] == [
        (pytest.approx(4.58), pytest.approx(5.82))
    ]
    assert [finding.state for finding in session.sensor_findings] == [
        SensorState.SILENT,
        SensorState.STREAMING,
    ]
    again = Session.restore(session.state())
    assert again.sensor_findings == session.sensor_findings
    assert again.silences == session.silences


# --- the order of controls ----------------------------------------------------------------------


@pytest.mark.parametrize("control", [BEGIN, PAUSE, RESUME, NeutralControl()])
def test_controls_without_an_exercise_are_refused(control: Control) -> None:
    for session in (Session(), _skipped()):
        with pytest.raises(OrderError, match="start one first") as caught:
            session.control(control)
        assert caught.value.reason is OrderFault.CONTROL


def _skipped() -> Session:
    session = Session()
    session.control(START)
    session.control(SkipControl())
    return session


_ENDS: dict[str, Callable[[Session], object]] = {
    "stop": lambda session: session.control(StopControl()),
    "finish": lambda session: session.finish(),
}
_REFUSED: dict[str, Callable[[Session], object]] = {
    "push": lambda session: session.push(SWINGS),
    "advance": lambda session: session.advance(99.0),
    "start": lambda session: session.control(START),
    "stop": lambda session: session.control(StopControl()),
}


@pytest.mark.parametrize("end", _ENDS.values(), ids=_ENDS)
@pytest.mark.parametrize("verb", _REFUSED.values(), ids=_REFUSED)
def test_an_ended_session_takes_nothing_more(
    end: Callable[[Session], object], verb: Callable[[Session], object]
) -> None:
    session = Session()
    session.control(START)
    end(session)
    for each in (session, Session.restore(session.state())):
        assert each.ended
        assert each.finish() == []
        with pytest.raises(OrderError) as caught:
            verb(each)
        assert caught.value.reason is OrderFault.FINISHED


@pytest.mark.parametrize("watermark_s", [4.9, -math.inf, math.nan])
def test_watermarks_never_go_back(watermark_s: float) -> None:
    session = Session()
    session.advance(5.0)
    with pytest.raises(OrderError) as caught:
        session.advance(watermark_s)
    assert caught.value.reason is OrderFault.WATERMARK_BACKWARDS
    assert session.watermark_s == 5.0


@pytest.mark.parametrize(
    ("control", "error"),
    [
        pytest.param(StartControl({"id": "x"}), TemplateError, id="template"),
        pytest.param(start(DOMINANT, calibration={}), SamplesError, id="calibration"),
        pytest.param(
            start(
                exercises()["joint, calibrated"].template,
                calibration=Calibration({"shank": (1.0, 0.0, 0.0, 0.0)}, 1.0).document(),
            ),
            SamplesError,
            id="calibration that lacks a sensor",
        ),
    ],
)
def test_a_start_that_cannot_be_leaves_the_exercise_under_way_alone(
    control: StartControl, error: type[Exception]
) -> None:
    session = Session()
    session.control(START)
    session.control(BEGIN)
    session.push(SWINGS.rows(0, 250))
    found = repetitions(session.advance(4.9))
    with pytest.raises(error):
        session.control(control)
    assert session.tracker is not None
    assert session.tracker.template == DOMINANT
    told = session.finish()
    assert by_kind(told, SetEvent)[0].repetitions == len(found) == 1


@pytest.mark.parametrize(
    "control",
    [
        start(TILT, side="right", calibration={"rotations": {}, "quality_deg": 1.0}),
        BEGIN,
        PAUSE,
        RESUME,
        NeutralControl(),
        SkipControl(),
        *(StopControl(reason) for reason in EndReason),
    ],
    ids=lambda control: type(control).__name__,
)
def test_controls_come_back_from_the_log(control: Control) -> None:
    document = msgspec.json.decode(msgspec.json.encode(control_document(control)))
    assert control_from_document(document) == control


@pytest.mark.parametrize(
    "document",
    [
        None,
        7,
        "stop",
        [],
        {},
        {"control": "dance"},
        {"control": "start"},
        {"control": "start", "template": "watch-row"},
        {"control": "start", "template": {}, "side": 3},
        {"control": "stop", "reason": "bored"},
        {"control": ["stop"]},
    ],
    ids=repr,
)
def test_documents_that_are_no_control_are_refused(document: object) -> None:
    with pytest.raises(OrderError, match="none") as caught:
        control_from_document(document)
    assert caught.value.reason is OrderFault.CONTROL


def test_a_session_without_anything_is_still_summed_up() -> None:
    [summary] = Session().finish()
    assert isinstance(summary, SessionEvent)
    assert (summary.start_s, summary.end_s, summary.sets, summary.repetitions) == (0.0, 0.0, 0, 0)
    assert encode_lines([summary]).startswith(b'{"type":"session","seq":1')
