"""The evidence of a repetition: what its verdict was made from, and nothing that changes it."""

from functools import cache

import numpy as np
import pytest

from motion.events import Event, RepetitionEvent
from motion.evidence import Evidence
from motion.template import Judging
from motion.tracker import Tracker
from tests.motion.exercises import exercises
from tests.motion.movement import feed, lines

KINDS = list(exercises())


@cache
def watched(kind: str) -> tuple[list[Event], list[Evidence]]:
    """Events of an exercise whose repetitions are witnessed, and what the witness was handed."""
    exercise = exercises()[kind]
    seen: list[Evidence] = []
    tracker = Tracker(exercise.template, exercise.calibration, angles=True, witness=seen.append)
    return feed(tracker, exercise.samples), seen


@pytest.mark.parametrize("kind", KINDS)
def test_a_witness_changes_nothing(kind: str) -> None:
    exercise = exercises()[kind]
    assert lines(watched(kind)[0]) == lines(feed(exercise.tracker(), exercise.samples))


@pytest.mark.parametrize("kind", KINDS)
def test_every_repetition_has_its_evidence_and_the_outcomes_are_its_verdict(kind: str) -> None:
    events, seen = watched(kind)
    repetitions = [event for event in events if isinstance(event, RepetitionEvent)]
    assert repetitions == [evidence.event for evidence in seen]
    assert repetitions
    for evidence in seen:
        outcomes = evidence.outcomes()
        broken = {
            judging: [each.rule for each in outcomes if each.broken and each.judging is judging]
            for judging in Judging
        }
        assert evidence.event.faults == broken[Judging.FAULT]
        assert evidence.event.notes == broken[Judging.NOTE]
        assert evidence.event.borderline == [each.rule for each in outcomes if each.borderline]


@pytest.mark.parametrize("kind", KINDS)
def test_the_angle_that_was_judged_spans_the_repetition_and_shows_its_range(kind: str) -> None:
    for evidence in watched(kind)[1]:
        event = evidence.event
        assert evidence.t_s[0] <= event.start_s
        assert evidence.t_s[-1] >= event.end_s - 0.05
        within = (evidence.t_s >= event.start_s) & (evidence.t_s <= event.end_s)
        above = evidence.way * (evidence.angle_deg - evidence.rest_deg)[within]
        band = evidence.template.band
        if band is None:
            assert above.max() == pytest.approx(event.rom_deg)
            assert evidence.t_s[within][np.argmax(above)] == event.peak_s
        else:
            held = above[abs(above - band.target_deg) <= band.band_deg]
            assert np.median(held) == pytest.approx(event.rom_deg)
