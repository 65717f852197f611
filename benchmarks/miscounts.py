"""The recordings whose count is off: each with its angle, what was counted, and why it is off.

Runs them once more with angles; the counts themselves come from the scored run. The page is
`server.page`'s, the figure `server.figure`'s.
"""

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.replaying import events
from motion.events import AngleEvent, Event, Note, RepetitionEvent, SessionEvent, SetEvent
from motion.samples import Samples, Watermark
from motion.template import ExerciseTemplate
from server import figure, page, wording
from server.curve import AngleCurve
from server.output import write_text
from server.page import text

# A repetition so many times as long as the usual one holds two, as one that turned too early for
# the definition; two that follow each other take twice the time.
LONG: Final = 1.6
# One of less than this share of the usual range is no whole one: a start, a stop, a fidget.
SMALL: Final = 0.5


@dataclass(frozen=True, slots=True)
class Miscount:
    """A recording with `found` in place of `expected` repetitions. inputs: gives it anew."""

    name: str
    template: ExerciseTemplate
    inputs: Callable[[], Iterable[Samples | Watermark | dict[str, Any]]]
    found: int
    expected: int


def reasons(told: Sequence[Event]) -> list[str]:
    """What may have put a count off, as far as the events of a run show it; clauses of a sentence.

    told: the events of one set. Empty where nothing stands out.
    """
    counted = [event for event in told if isinstance(event, RepetitionEvent)]
    if not counted:
        return ["nothing was counted"]
    usual_s = statistics.median(event.end_s - event.start_s for event in counted)
    usual_deg = statistics.median(event.rom_deg for event in counted)
    found = []
    if Note.INTERRUPTED in counted[0].notes:
        share = round(100.0 * counted[0].rom_deg / usual_deg)
        found.append(
            f"it begins in mid-movement, which is counted as the first repetition ({share} % of "
            "the usual range was seen)"
        )
    for event in counted:
        lasted_s = event.end_s - event.start_s
        if lasted_s > LONG * usual_s:
            found.append(
                f"repetition {event.index} lasts {lasted_s:.1f} s in place of {usual_s:.1f}: what "
                "may be several did not come back by 70 % in between"
            )
        elif event.rom_deg < SMALL * usual_deg and Note.INTERRUPTED not in event.notes:
            found.append(
                f"repetition {event.index} has {event.rom_deg:.0f}° in place of {usual_deg:.0f}°"
            )
    partial = sum(event.partial for event in told if isinstance(event, SetEvent))
    unlike = sum(event.unlike for event in told if isinstance(event, SetEvent))
    if partial:
        movements = wording.counted(partial, "movement")
        found.append(f"{movements} began and had not come back by 70 % when it ended")
    if unlike:
        found.append(f"{wording.counted(unlike, 'movement')} began or ended in another pose")
    return found


def sentence(miscount: Miscount, told: Sequence[Event]) -> str:
    """One line: how many, and why."""
    why = reasons(told)
    because = "; ".join(why) if why else "nothing stands out"
    return f"{miscount.found} counted, {miscount.expected} expected: {because}."


def write_miscounts(path: Path, miscounts: Sequence[Miscount]) -> None:
    """Write one HTML page with a figure and a sentence for each; raises OutputError."""
    figures: dict[str, Any] = {}
    body = [
        page.head(
            "Recordings whose count is off",
            [wording.counted(len(miscounts), "recording")],
        )
    ]
    for number, miscount in enumerate(miscounts, start=1):
        told = events(miscount.template, miscount.inputs(), angles=True)
        curve = AngleCurve()
        for event in told:
            if isinstance(event, AngleEvent):
                curve.add(event)
        counted = [event for event in told if isinstance(event, RepetitionEvent)]
        silences = next(event.silences for event in told if isinstance(event, SessionEvent))
        figures[f"recording-{number}"] = figure.angle_figure(
            curve, counted, silences, miscount.template
        )
        body.append(
            f"<section><h2>{text(miscount.name)}</h2><p>{text(sentence(miscount, told))}</p>"
            + page.plot(f"recording-{number}", "low", "Angle over time with what was counted.")
            + "</section>"
        )
    body.append(page.footer())
    write_text(path, page.page("Recordings whose count is off - Gonio", body, figures))
