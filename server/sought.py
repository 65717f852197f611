"""One repetition sought in a replay: which one is meant, and what is kept of it.

Replays a recording in bounded memory with a witness and its angles. What the evidence says is up
to `explanation`, and to what shows that.
"""

import math
import statistics
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from motion.events import AngleEvent, RepetitionEvent, SetEvent
from motion.evidence import Evidence
from motion.repetition import LONGEST_S
from motion.stream import SILENT_S
from server import wording
from server.curve import AngleCurve, CurvePoint
from server.errors import ReplayError, ReplayFault
from server.replay import Outcome, Progress, Replay, no_progress

# Long enough to see the rest before and after, short enough that the repetition fills the figure.
CONTEXT_S: Final = 3.0
# Angles told later are measured along an axis that may have been found better meanwhile. When they
# differ by more than this from those that were judged, they would show another movement.
SAME_DEG: Final = 3.0
# Points of the curve: four times what a phone shows, twice a wide screen.
MOST_SPANS: Final = 1000
# Of so many sets a sentence names each.
MOST_SETS: Final = 6


@dataclass(frozen=True, slots=True)
class Sought:
    """A repetition that was found.

    set_number: sets are numbered in the order in which they follow each other in the recording,
    from 1, whatever exercise they are of. points: the angle in degrees from where ranges are
    measured, in the repetition's own direction, from before its start to after its end.
    """

    evidence: Evidence
    set_number: int
    sets: list[SetEvent]
    points: list[CurvePoint]
    outcome: Outcome


@dataclass(slots=True)
class _Candidate:
    """One repetition of the number that is sought. angles: told around it, in order of time."""

    evidence: Evidence
    angles: list[AngleEvent] = field(default_factory=list)

    def take(self, event: AngleEvent) -> None:
        repetition = self.evidence.event
        if repetition.start_s - CONTEXT_S <= event.t_s <= repetition.end_s + CONTEXT_S:
            self.angles.append(event)


def seek(
    replay: Replay, index: int, set_number: int | None = None, progress: Progress = no_progress
) -> Sought:
    """Replay and find repetition `index` of its set. Raises ReplayError with what there is when
    there is none, or when several sets have one and `set_number` does not say which."""
    outcome = Outcome()
    # By the number of the event, which comes after its evidence.
    handed: dict[int, Evidence] = {}

    def witness(evidence: Evidence) -> None:
        handed[evidence.event.seq] = evidence

    recent: deque[AngleEvent] = deque()
    found: dict[int, _Candidate] = {}
    number = 1
    newest_s = -math.inf
    for event in replay.run(outcome, angles=True, witness=witness, progress=progress):
        match event:
            case AngleEvent() if event.t_s > newest_s:
                newest_s = event.t_s
                recent.append(event)
                while newest_s - recent[0].t_s > LONGEST_S + 2.0 * CONTEXT_S:
                    recent.popleft()
                for candidate in found.values():
                    candidate.take(event)
            case RepetitionEvent():
                evidence = handed.pop(event.seq)
                if event.index == index and set_number in (None, number):
                    found[number] = _Candidate(evidence)
                    for told in recent:
                        found[number].take(told)
            case SetEvent():
                number += 1
            case _:
                pass
    if len(found) != 1:
        raise _refusal(replay, outcome.sets, index, set_number, several=len(found) > 1)
    ((number, candidate),) = found.items()
    return Sought(
        evidence=candidate.evidence,
        set_number=number,
        sets=outcome.sets,
        points=_points(candidate),
        outcome=outcome,
    )


def _refusal(
    replay: Replay, sets: Sequence[SetEvent], index: int, set_number: int | None, *, several: bool
) -> ReplayError:
    path = replay.recording.path
    filled = [(number, each) for number, each in enumerate(sets, 1) if each.repetitions]
    if not filled:
        message = (
            f"No repetition was counted in {path}, so that there is none to explain; `gonio "
            "replay` tells what was found instead."
        )
    elif several:
        message = (
            f"Several sets of {path} have a repetition {index}: say which with --set "
            f"({_set_words(filled)})."
        )
    else:
        where = "" if set_number is None else f" in set {set_number}"
        options = "--rep" if len(sets) == 1 else "--set and --rep"
        message = (
            f"{path} has no repetition {index}{where}; choose with {options} from what was "
            f"counted: {_set_words(filled, alone=len(sets) == 1)}."
        )
    return ReplayError(ReplayFault.NO_REPETITION, message, path=path)


def _set_words(filled: Sequence[tuple[int, SetEvent]], *, alone: bool = False) -> str:
    """Which repetitions each set has."""
    several = len({each.exercise for _, each in filled}) > 1
    words = []
    for number, each in filled[:MOST_SETS]:
        count = wording.counted(each.repetitions, "repetition")
        numbers = "1" if each.repetitions == 1 else f"1 to {each.repetitions}"
        of = f" of {each.exercise}" if several else ""
        words.append(f"{count}, {numbers}" if alone else f"set {number}{of}: {numbers}")
    more = len(filled) - MOST_SETS
    return "; ".join([*words, *([f"and {more} more sets"] if more > 0 else [])])


def _points(candidate: _Candidate) -> list[CurvePoint]:
    """The angle as it was judged, continued on both sides by what was told of it."""
    evidence = candidate.evidence
    event = evidence.event
    judged = [
        AngleEvent(*values)
        for values in zip(
            evidence.t_s.tolist(),
            evidence.angle_deg.tolist(),
            evidence.angle_sd_deg.tolist(),
            strict=True,
        )
        if event.start_s - CONTEXT_S <= values[0] <= event.end_s + CONTEXT_S
    ]
    curve = AngleCurve(MOST_SPANS)
    for angle in _continued(judged, candidate.angles):
        above_deg = evidence.way * (angle.angle_deg - evidence.zero_deg)
        curve.add(AngleEvent(angle.t_s, above_deg, angle.angle_sd_deg))
    return curve.points()


def _continued(judged: list[AngleEvent], told: list[AngleEvent]) -> list[AngleEvent]:
    """`judged` with what goes on without a gap before and after it, from the same zero."""
    then = {angle.t_s: angle.angle_deg for angle in judged}
    apart = [then[angle.t_s] - angle.angle_deg for angle in told if angle.t_s in then]
    if not apart:
        # Counting was paused: from then on the angle has another zero.
        return judged
    shift_deg = statistics.median(apart)
    if max(abs(each - shift_deg) for each in apart) > SAME_DEG:
        return judged
    moved = [AngleEvent(t.t_s, t.angle_deg + shift_deg, t.angle_sd_deg) for t in told]
    first_s, last_s = judged[0].t_s, judged[-1].t_s
    before = _adjoining(first_s, (angle for angle in reversed(moved) if angle.t_s < first_s))
    after = _adjoining(last_s, (angle for angle in moved if angle.t_s > last_s))
    return [*reversed(before), *judged, *after]


def _adjoining(from_s: float, angles: Iterable[AngleEvent]) -> list[AngleEvent]:
    kept: list[AngleEvent] = []
    for angle in angles:
        if abs(angle.t_s - from_s) > SILENT_S:
            break
        kept.append(angle)
        from_s = angle.t_s
    return kept
