"""A set left open while its person walks about: nothing is counted, and it is said; the exercise
goes on afterwards. Neither snapshots nor a set that begins in mid-walk change that.
"""

from functools import cache
from itertools import pairwise

import msgspec
import numpy as np
import pytest

from motion.calibrating import calibrate_spans
from motion.events import (
    Event,
    PhaseEvent,
    PhaseName,
    RepetitionEvent,
    SetEvent,
    decode,
    encode,
    encode_lines,
)
from motion.performance import plan
from motion.samples import Samples
from motion.session import BeginSetControl, Session, StartControl
from motion.simulation import Exercise, Simulation, simulate
from motion.template import ExerciseTemplate

pytestmark = pytest.mark.compiled

WALK_S = 12.0
COUNT = 3


@cache
def walked(id: str) -> Simulation:
    """Two sets of an exercise with a walk between them."""
    template = ExerciseTemplate.load(id)
    random = np.random.default_rng(5)
    sets = Exercise.of(template, plan(template, COUNT, random), plan(template, COUNT, random))
    return simulate(Exercise(sets.choreography, sets.sets, walk_s=WALK_S), 5)


def run(
    simulation: Simulation, *, begin_s: float, every_s: float = 0.5, snapshots: bool = False
) -> list[Event]:
    """One set for the engine, from `begin_s` to the end; snapshots: at each watermark."""
    calibration = calibrate_spans(simulation.samples, simulation.calibrations)
    template = simulation.exercises[0].template
    session = Session()
    events: list[Event] = session.control(
        StartControl(template.document(), None, calibration.document())
    )
    begun = False
    for step in range(1, round(simulation.duration_s / every_s) + 1):
        until_s = step * every_s
        for samples in simulation.samples.values():
            session.push(_between(samples, until_s - every_s, until_s))
        events += session.advance(until_s)
        if not begun and until_s >= begin_s:
            begun = True
            events += session.control(BeginSetControl())
        if snapshots:
            session = Session.restore(session.state())
    return events + session.finish()


def _between(samples: Samples, from_s: float, to_s: float) -> Samples:
    return samples.where((samples.t_s >= from_s) & (samples.t_s < to_s))


def counted(events: list[Event]) -> list[RepetitionEvent]:
    return [event for event in events if isinstance(event, RepetitionEvent)]


def the_set(events: list[Event]) -> SetEvent:
    (found,) = (event for event in events if isinstance(event, SetEvent))
    return found


@pytest.mark.parametrize("id", ["side-bend", "squat"])
def test_walking_is_not_counted_and_the_exercise_before_and_after_is(id: str) -> None:
    simulation = walked(id)
    before, after = simulation.exercises[0].sets
    events = run(simulation, begin_s=before.from_s)
    true = [one for each in (before, after) for one in each.repetitions]
    found = counted(events)
    assert len(found) == len(true)
    for event, one in zip(found, true, strict=True):
        assert abs(event.peak_s - one.peak_s) < 1.0
    told = the_set(events)
    # Known for sure after a second and a half of steps, and left a second after the last.
    assert WALK_S - 5.0 < told.walked_s < WALK_S + 1.0
    phases = [event for event in events if isinstance(event, PhaseEvent)]
    (walk,) = (event.t_s for event in phases if event.phase is PhaseName.WALK)
    assert before.to_s < walk < before.to_s + 6.0
    (stands,) = (b.t_s for a, b in pairwise(phases) if a.phase is PhaseName.WALK)
    assert told.walked_s == pytest.approx(stands - walk, abs=0.05)


@pytest.mark.parametrize("id", ["bridge", "heel-slide", "clamshell"])
def test_who_walks_and_lies_down_again_goes_on_with_the_set(id: str) -> None:
    simulation = walked(id)
    before, after = simulation.exercises[0].sets
    found = counted(run(simulation, begin_s=before.from_s))
    true = [one for each in (before, after) for one in each.repetitions]
    assert len(found) == len(true)
    for event, one in zip(found, true, strict=True):
        assert abs(event.start_s - one.start_s) < 1.0


def test_the_rest_is_where_the_exercise_is_done_and_not_where_the_set_began() -> None:
    # The set begins while the person still stands; the figure shows that the exercise lies.
    simulation = walked("bridge")
    before, after = simulation.exercises[0].sets
    found = counted(run(simulation, begin_s=before.from_s - 6.0))
    assert len(found) == len(before.repetitions) + len(after.repetitions)


def test_snapshots_while_somebody_lies_down_again_change_nothing() -> None:
    simulation = walked("bridge")
    begin_s = simulation.exercises[0].sets[0].from_s
    assert encode_lines(run(simulation, begin_s=begin_s, snapshots=True)) == encode_lines(
        run(simulation, begin_s=begin_s)
    )


def test_the_first_steps_are_set_aside_before_it_is_sure_that_somebody_walks() -> None:
    simulation = walked("side-bend")
    events = run(simulation, begin_s=simulation.exercises[0].sets[0].from_s)
    assert the_set(events).strides > 0
    assert decode(encode(the_set(events))) == the_set(events)


def test_a_set_that_begins_in_mid_walk_counts_from_the_exercise_on() -> None:
    simulation = walked("side-bend")
    before, after = simulation.exercises[0].sets
    events = run(simulation, begin_s=before.to_s + 8.0)
    assert len(counted(events)) == len(after.repetitions)
    assert the_set(events).strides == 0
    assert the_set(events).walked_s > 2.0


def test_snapshots_while_walking_change_nothing() -> None:
    simulation = walked("side-bend")
    begin_s = simulation.exercises[0].sets[0].from_s
    assert encode_lines(run(simulation, begin_s=begin_s, snapshots=True)) == encode_lines(
        run(simulation, begin_s=begin_s)
    )


def test_sets_of_recordings_made_before_walking_was_told_can_be_read() -> None:
    told = the_set(run(walked("side-bend"), begin_s=0.0))
    document = msgspec.to_builtins(told)
    del document["strides"], document["walked_s"]
    old = decode(msgspec.json.encode(document))
    assert isinstance(old, SetEvent)
    assert (old.strides, old.walked_s) == (0, 0.0)
