"""Outcomes of replays made by hand, for what only shows them."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from devices.recording import Recording
from motion.events import AngleEvent, EndReason, RepetitionEvent, SessionEvent, Silence, Verdict
from motion.template import ExerciseTemplate
from server.curve import AngleCurve
from server.replay import Outcome, Replay
from tests.motion.movement import template
from tests.motion.repetitions import EVERY_S
from tests.motion.repetitions import repetition as repetition
from tests.server.recordings import swings, write


def faulty(number: int, *faults: str, **fields: Any) -> RepetitionEvent:
    """An incorrect one."""
    return repetition(
        number,
        **({"verdict": Verdict.INCORRECT, "faults": list(faults), "goal_reached": False} | fields),
    )


def angles(last_s: float, every_s: float = 0.02) -> list[AngleEvent]:
    """An angle that swings as often as the repetitions come."""
    count = math.floor(last_s / every_s)
    return [
        AngleEvent(k * every_s, 30.0 - 30.0 * math.cos(2 * math.pi * k * every_s / EVERY_S), 2.0)
        for k in range(count)
    ]


def outcome(repetitions: Sequence[RepetitionEvent], silences: Sequence[Silence] = ()) -> Outcome:
    """What a replay with angles would have given."""
    last_s = EVERY_S * (len(repetitions) + 2)
    session = SessionEvent(
        seq=len(repetitions) + 1,
        start_s=0.0,
        end_s=last_s,
        reason=EndReason.DONE,
        sets=1,
        repetitions=len(repetitions),
        correct=sum(event.verdict is Verdict.CORRECT for event in repetitions),
        late_samples={},
        silences=list(silences),
    )
    curve = AngleCurve()
    for event in angles(last_s):
        curve.add(event)
    return Outcome(events=[*repetitions, session], curve=curve)


def plan(folder: Path, exercise: ExerciseTemplate | None = None, **info: Any) -> Replay:
    """A replay of a short recording, planned and not run."""
    path = write(folder / "r.parquet", swings(last_s=5.0), **info)
    chosen = exercise or template({"kind": "dominant", "sensor": "one"})
    return Replay.plan(Recording.open(path), chosen)
