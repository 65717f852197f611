"""Recordings fed to the engine as a live session would be, and the repetitions that come out.

The order of inputs is the recording's own, or one watermark every 100 ms of session time for
samples in memory. Scores are `scoring`'s.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import numpy as np

from benchmarks.errors import BenchmarkError, BenchmarkFault
from motion.errors import MotionError
from motion.events import EndReason, Event, RepetitionEvent
from motion.evidence import Witness
from motion.samples import Samples, Watermark
from motion.session import BeginSetControl, NeutralControl, Session, StartControl, StopControl
from motion.template import ExerciseTemplate

# As a recording without log is fed: whole tenths, so that each time is the double nearest to it.
WATERMARKS_PER_S: Final = 10


def in_order(
    samples: Mapping[str, Samples], watermarks_per_s: int = WATERMARKS_PER_S
) -> Iterator[Samples | Watermark]:
    """Samples in memory as inputs of a session, by default with a watermark every 100 ms."""
    first_s = min(float(one.t_s[0]) for one in samples.values())
    last_s = max(float(one.t_s[-1]) for one in samples.values())
    done = dict.fromkeys(samples, 0)
    count = math.floor(first_s * watermarks_per_s) + 1
    while True:
        until_s = count / watermarks_per_s
        for slot, one in samples.items():
            stop = int(np.searchsorted(one.t_s, until_s, "right"))
            if stop > done[slot]:
                yield one.rows(done[slot], stop)
                done[slot] = stop
        if until_s > last_s:
            return
        yield Watermark(until_s)
        count += 1


def repetitions(
    template: ExerciseTemplate,
    inputs: Iterable[Samples | Watermark | dict[str, Any]],
    *,
    neutral: bool = False,
    witness: Witness | None = None,
) -> list[RepetitionEvent]:
    """What a session with one set of the exercise counts in `inputs`, told as by `events`."""
    told = events(template, inputs, neutral=neutral, witness=witness)
    return [event for event in told if isinstance(event, RepetitionEvent)]


def events(
    template: ExerciseTemplate,
    inputs: Iterable[Samples | Watermark | dict[str, Any]],
    *,
    angles: bool = False,
    neutral: bool = False,
    witness: Witness | None = None,
) -> list[Event]:
    """What a session with one set of the exercise tells of `inputs` (controls are left out).

    neutral: the set begins with the control that takes the neutral pose.
    """
    session = Session(angles=angles, witness=witness)
    told: list[Event] = session.control(StartControl(template.document()))
    told += session.control(BeginSetControl())
    if neutral:
        told += session.control(NeutralControl())
    for one in inputs:
        if isinstance(one, Samples):
            told += session.push(one)
        elif isinstance(one, Watermark):
            told += session.advance(one.t_s)
    told += session.control(StopControl(EndReason.END_OF_RECORDING))
    return told + session.finish()


@contextmanager
def naming(path: str) -> Iterator[None]:
    """Raise BenchmarkError with the recording's path for what the engine cannot do with it."""
    try:
        yield
    except MotionError as error:
        raise BenchmarkError(BenchmarkFault.REPLAY, f"{path}: {error}", path=path) from None
