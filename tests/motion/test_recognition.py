"""Repetitions get the name of their exercise, whatever their range and tempo; a session says once
that another exercise is done, and never for a single slip. All of it to the last bit.
"""

import math
from collections.abc import Iterable, Sequence

import pytest

from motion.calibration import Calibration
from motion.errors import RecognitionError, RecognitionFault
from motion.events import Event, LooksLikeEvent, RecognisedEvent, RepetitionEvent, SetEvent
from motion.recognition import SURE, ExerciseWatch, Recogniser
from motion.samples import Samples
from motion.session import (
    BeginSetControl,
    Control,
    NeutralControl,
    PauseControl,
    ResumeControl,
    Session,
    StartControl,
    control_document,
    control_from_document,
)
from motion.template import ExerciseTemplate
from tests.motion.movement import (
    Delivery,
    Rep,
    Worn,
    Z,
    in_chunks,
    lines,
    one_by_one,
    record,
    sensor_by_sensor,
    slices,
    template,
)
from tests.motion.plans import BEND, EVERY_S, LIFT, LYING, ROLL, SWAY, done, exercise

# Controls with the times at which they are given.
Timed = Sequence[tuple[float, Control]]


def named(
    recogniser: Recogniser, samples: Sequence[Samples], *, delivery: Delivery = list,
    restore_each: int = 0,
) -> list[RecognisedEvent]:  # fmt: skip
    """Feed a recogniser with a watermark every 100 ms, replaced by its snapshot now and then."""
    events: list[RecognisedEvent] = []
    count = 0
    for parts, until_s in slices(samples):
        for part in delivery(parts):
            events += recogniser.push(part)
            count += 1
            if restore_each and count % restore_each == 0:
                recogniser = Recogniser.restore(recogniser.state())
        if until_s < math.inf:
            events += recogniser.advance(until_s)
    return events + recogniser.finish()


def session(
    samples: Sequence[Samples], prescribed: ExerciseTemplate, among: Sequence[ExerciseTemplate],
    controls: Timed = (), *, delivery: Delivery = list,
    restore_each: int = 0,
) -> list[Event]:  # fmt: skip
    """One exercise of a plan, its set begun at once; controls at their times."""
    running = Session()
    others = [other.document() for other in among]
    start = StartControl(prescribed.document(), among=others)
    logged = control_from_document(control_document(start))
    events = running.control(logged) + running.control(BeginSetControl())
    todo = list(controls)
    count = 0
    for parts, until_s in slices(samples):
        for part in delivery(parts):
            events += running.push(part)
            count += 1
            if restore_each and count % restore_each == 0:
                running = Session.restore(running.state())
        if until_s < math.inf:
            events += running.advance(until_s)
        while todo and todo[0][0] <= until_s:
            events += running.control(todo.pop(0)[1])
    return events + running.finish()


def looks(events: Iterable[Event]) -> list[LooksLikeEvent]:
    return [event for event in events if isinstance(event, LooksLikeEvent)]


# --- names --------------------------------------------------------------------------------------


def test_each_repetition_gets_the_name_of_its_exercise() -> None:
    order = ["bend", "lift", "lift", "roll", "bend", "roll"]
    events = named(Recogniser([BEND, LIFT, ROLL]), done(order))
    assert [event.exercise for event in events] == order
    assert all(event.sure > SURE for event in events)


def test_short_and_fast_repetitions_keep_their_name() -> None:
    order = ["lift", "lift", "bend", "bend"]
    events = named(Recogniser([BEND, LIFT]), done(order, short=[0, 2], fast=[1, 3]))
    assert [event.exercise for event in events] == order


def test_a_name_is_told_within_half_a_second_of_the_end() -> None:
    for event in named(Recogniser([BEND, LIFT]), done(["bend", "lift", "bend"])):
        assert 0.0 <= event.reported_s - event.end_s <= 0.5
        assert event.start_s < event.peak_s < event.end_s


def test_the_pose_of_a_sensor_that_hardly_moves_tells_exercises_apart() -> None:
    samples = done(["bend", "bend"])
    events = named(Recogniser([LYING, BEND]), samples)
    assert [event.exercise for event in events] == ["bend", "bend"]
    # Without that sensor nothing tells them apart, and that is said.
    alone = named(Recogniser([LYING, BEND]), samples[:1])
    assert [event.sure < 0.51 for event in alone] == [True, True]


def test_how_likely_each_exercise_is_adds_up_to_less_than_one() -> None:
    for event in named(Recogniser([BEND, LIFT, ROLL]), done(["roll", "bend"])):
        assert set(event.likely) == {"bend", "lift", "roll"}
        assert event.sure == event.likely[event.exercise] == max(event.likely.values())
        assert 0.9 < math.fsum(event.likely.values()) < 1.0


def test_a_movement_like_none_of_them_gets_no_name() -> None:
    assert named(Recogniser([LYING, exercise("lying", id="again")]), done(["lift", "lift"])) == []


def test_a_plan_whose_exercises_cannot_be_told_apart_is_refused() -> None:
    twice = exercise("lift", id="bend")
    unknown = template({"kind": "segment", "segment": "limb", "axis": "bend_left"}, ["limb"])
    for other, reason, id_ in (
        (twice, RecognitionFault.TWICE, "bend"),
        (unknown, RecognitionFault.NO_SIGNATURE, "synthetic"),
    ):
        with pytest.raises(RecognitionError) as caught:
            Recogniser([BEND, other])
        assert (caught.value.reason, caught.value.exercise) == (reason, id_)


def test_exercises_of_the_library_are_told_apart_with_a_calibration() -> None:
    # The thigh stands on its y axis, z to the right: flexion is about z, abduction about x.
    upright = (math.sqrt(0.5), math.sqrt(0.5), 0.0, 0.0)
    calibration = Calibration({"thigh": (1.0, 0.0, 0.0, 0.0)}, quality_deg=1.0)
    plan = [ExerciseTemplate.load(id_) for id_ in ("hip-march", "hip-abduction-standing")]
    for axis, name in ((Z, "hip-march"), ((-1.0, 0.0, 0.0), "hip-abduction-standing")):
        worn = Worn("thigh", axis, upright, noise_dps=0.05)
        reps = [Rep(2.0 + 5.0 * k, 60.0 if axis == Z else 30.0, 1.5, 0.5, 1.5) for k in range(3)]
        events = named(Recogniser(plan, calibration, "right"), [record(reps, worn, 18.0)])
        assert [event.exercise for event in events] == [name] * 3


def test_sensors_worn_otherwise_are_known_from_the_neutral_pose() -> None:
    samples = done(["lift", "bend", "roll", "bend"], turned_deg=40.0, wait_s=4.0)
    recogniser = Recogniser([BEND, LIFT, ROLL])
    recogniser.take_neutral()
    events = named(recogniser, samples)
    assert [event.exercise for event in events] == ["lift", "bend", "roll", "bend"]


# --- equal to the last bit ----------------------------------------------------------------------


@pytest.mark.parametrize("delivery", [one_by_one, sensor_by_sensor, in_chunks(5)])
@pytest.mark.parametrize("restore_each", [0, 97])
def test_names_are_the_same_however_the_stream_is_cut(
    delivery: Delivery, restore_each: int
) -> None:
    samples = done(["bend", "lift", "roll", "lift"], turned_deg=20.0, wait_s=4.0)

    def anew() -> Recogniser:
        recogniser = Recogniser([BEND, LIFT, ROLL, LYING])
        recogniser.take_neutral()
        return recogniser

    expected = lines(named(anew(), samples))
    assert len(expected) == 4
    again = named(anew(), samples, delivery=delivery, restore_each=restore_each)
    assert lines(again) == expected


@pytest.mark.parametrize("delivery", [one_by_one, in_chunks(7)])
def test_a_session_of_a_plan_is_the_same_to_the_last_bit(delivery: Delivery) -> None:
    samples = done(["bend", "lift", "lift", "lift", "bend", "roll", "roll"])
    controls: Timed = [(10.2, PauseControl()), (10.4, ResumeControl()), (21.5, BeginSetControl())]
    expected = session(samples, BEND, [LIFT, ROLL], controls)
    assert [event.looks_like for event in looks(expected)] == ["lift", "roll"]
    again = session(samples, BEND, [LIFT, ROLL], controls, delivery=delivery, restore_each=53)
    assert lines(again) == lines(expected)


# --- another exercise is done -------------------------------------------------------------------


def test_two_foreign_repetitions_in_a_row_are_told_once_a_stretch() -> None:
    order = ["bend", "lift", "lift", "lift", "lift", "bend", "lift", "lift", "lift"]
    first, second = looks(session(done(order), BEND, [LIFT, ROLL]))
    assert (first.exercise, first.looks_like, first.name) == ("bend", "lift", "Lift")
    assert first.repetitions == second.repetitions == 2
    assert SURE <= first.sure < 1.0
    assert first.start_s == pytest.approx(2.0 + EVERY_S, abs=0.3)
    assert first.end_s == pytest.approx(2.0 + 2 * EVERY_S + 2.7, abs=0.3)
    assert 0.0 <= first.reported_s - first.end_s <= 0.5
    assert second.start_s == pytest.approx(2.0 + 6 * EVERY_S, abs=0.3)


def test_the_exercise_that_is_prescribed_is_never_told_to_be_another() -> None:
    samples = done(["bend"] * 6, short=[1, 2, 3], fast=[3, 4])
    assert looks(session(samples, BEND, [LIFT, ROLL, LYING])) == []


def test_a_single_slip_tells_nothing() -> None:
    order = ["bend", "lift", "bend", "lift", "bend", "roll", "lift", "bend"]
    assert looks(session(done(order), BEND, [LIFT, ROLL])) == []


def test_yet_another_exercise_is_told_too() -> None:
    events = looks(session(done(["lift", "lift", "roll", "roll"]), BEND, [LIFT, ROLL]))
    assert [event.looks_like for event in events] == ["lift", "roll"]


def test_a_new_set_begins_without_what_was_seen_before() -> None:
    samples = done(["lift", "lift"])
    assert len(looks(session(samples, BEND, [LIFT]))) == 1
    assert looks(session(samples, BEND, [LIFT], [(5.5, BeginSetControl())])) == []


def test_nothing_is_told_of_what_is_done_during_a_pause() -> None:
    samples = done(["lift", "lift", "lift", "bend"])
    controls: Timed = [(0.5, PauseControl()), (13.6, ResumeControl())]
    assert looks(session(samples, BEND, [LIFT], controls)) == []


def test_without_a_plan_nothing_is_compared_and_old_logs_are_read() -> None:
    document = control_document(StartControl(BEND.document()))
    del document["among"]
    assert control_from_document(document) == StartControl(BEND.document())
    assert looks(session(done(["lift"] * 3), BEND, [])) == []


def test_what_is_told_is_numbered_without_a_gap() -> None:
    events = session(done(["bend", "lift", "lift", "bend"]), BEND, [LIFT])
    numbered = [event.seq for event in events if hasattr(event, "seq")]
    assert numbered == list(range(1, len(numbered) + 1))
    assert len(looks(events)) == 1


def test_foreign_repetitions_in_another_pose_are_not_counted() -> None:
    events = session(done(["sway", "sway"]), LYING, [SWAY])
    assert not any(isinstance(event, RepetitionEvent) for event in events)
    [told] = [event for event in events if isinstance(event, SetEvent)]
    assert told.repetitions == 0
    assert told.unlike == 2
    assert [event.looks_like for event in looks(events)] == ["sway"]


def test_a_neutral_pose_holds_for_all_exercises_of_the_plan() -> None:
    samples = done(["lift", "lift", "bend"], turned_deg=35.0, wait_s=4.0)
    [event] = looks(session(samples, BEND, [LIFT], [(0.3, NeutralControl())]))
    assert event.looks_like == "lift"


def test_an_unsure_repetition_neither_tells_nor_interrupts() -> None:
    def seen(name: str, sure: float) -> RecognisedEvent:
        return RecognisedEvent(name, 0.0, 1.0, 2.0, 2.1, sure, {name: sure})

    watch = ExerciseWatch()
    assert watch.note(seen("lift", 0.95), "bend") is None
    assert watch.note(seen("roll", 0.6), "bend") is None
    assert watch.note(seen("lift", 0.95), "bend") is not None
    # Of the prescribed exercise an unsure one is enough to be taken for it.
    assert watch.note(seen("bend", 0.4), "bend") is None
    assert watch.note(seen("lift", 0.95), "bend") is None
