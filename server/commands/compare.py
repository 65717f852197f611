"""`gonio compare`: two sessions of one exercise, and which change between them means something.

Replays both and shows what `motion.change` finds, which decides.
"""

import io
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import msgspec

from devices.recording import Recording
from motion.change import Change, SessionChange, changes_between
from motion.events import RepetitionEvent
from motion.quantity import Quantity
from motion.template import ExerciseTemplate
from server import terminal, wording
from server.commands.planning import Asked, Request, exercise_options
from server.replay import Outcome, Replay, no_progress


@click.command()
@click.argument("before", metavar="REC1", type=click.Path(path_type=Path))
@click.argument("after", metavar="REC2", type=click.Path(path_type=Path))
@exercise_options
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
def compare(
    before: Path,
    after: Path,
    template: str | None,
    slots: Sequence[str],
    side: str | None,
    as_json: bool,
) -> None:
    """Say what changed from the session REC1 to the session REC2, and what is only chance.

    For range, times, smoothness and score: both medians, the change with its 95 % interval, the
    smallest change that could be told from chance and measuring errors, and whether this one means
    something. Session recordings replay their own logs; --template then takes the place of their
    template.
    """
    errors = terminal.console(sys.stderr)
    terminal.prepare_kernels(errors)
    sessions = []
    for recording in (before, after):
        asked: Asked = {
            "recording": recording,
            "template": template,
            "among": (),
            "slots": slots,
            "side": side,
            "calibrate": (),
            "position": "standing",
        }
        chosen = Request.of(asked).template
        sessions.append(Run.of(planned(recording, asked), chosen))
    first, second = sessions
    compared = compared_sessions(first, second)
    if as_json:
        if isinstance(sys.stdout, io.TextIOWrapper):
            # JSON is UTF-8, whatever the terminal's encoding.
            sys.stdout.reconfigure(encoding="utf-8")
        document = {
            "type": "comparison",
            "before": first.plan.recording.path,
            "after": second.plan.recording.path,
            "compared": [_document(each) for each in compared],
        }
        sys.stdout.write(msgspec.json.encode(document).decode() + "\n")
        sys.stdout.flush()
        for session in sessions:
            for line in session.lines:
                terminal.say(errors, line)
        return
    _show(first, second, compared)


def planned(recording: Path, asked: Asked) -> Replay:
    """The replay of another recording for the same template, slots and side.

    What is asked of calibrations holds for one recording alone, so that it is left out.
    """
    request = Request.of({**asked, "recording": recording, "calibrate": ()})
    return request.plan(Recording.open(recording))


@dataclass(frozen=True, slots=True)
class Run:
    """A session that was replayed. lines: what is to be known about it, with its name."""

    plan: Replay
    repetitions: list[RepetitionEvent]
    lines: list[str]

    @classmethod
    def of(cls, plan: Replay, asked: ExerciseTemplate | None) -> "Run":
        """Replay; `asked`: the one exercise that is wanted of a session of several."""
        errors = terminal.console(sys.stderr)
        with terminal.progress_bar(errors, "Checking", plan) as bar:
            found = plan.check(bar or no_progress)
        outcome = Outcome()
        with terminal.progress_bar(errors, "Replaying", plan) as bar:
            for _ in plan.run(outcome, progress=bar or no_progress):
                pass
        repetitions = [
            event for event in outcome.repetitions if asked is None or event.exercise == asked.id
        ]
        told = [
            *plan.notes,
            *terminal.first_pass_lines(plan, found),
            *terminal.sensor_lines(outcome),
        ]
        path = plan.recording.path
        return cls(plan, repetitions, [f"{path}: {line}" for line in told])


def compared_sessions(first: Run, second: Run) -> list[SessionChange]:
    """What `changes_between` finds; the score only where both were judged by one prescription."""
    one, other = first.plan.templates, second.plan.templates
    same = all(
        _prescription(one[name]) == _prescription(other[name]) for name in one if name in other
    )
    chosen = [quantity for quantity in Quantity if same or quantity is not Quantity.SCORE]
    return changes_between(first.repetitions, second.repetitions, chosen)


def _prescription(template: ExerciseTemplate) -> dict[str, Any]:
    """What a score depends on."""
    document = template.document()
    return {name: document.get(name) for name in ("range", "tempo", "compensations")}


def _show(first: Run, second: Run, compared: Sequence[SessionChange]) -> None:
    out = terminal.console()
    for each in compared:
        exercise = second.plan.templates[each.exercise]
        kind = (each.way or each.side or "").replace("_", " ")
        terminal.say(out, f"{exercise.name}, {kind}" if kind else exercise.name, "bold")
        counts = " and ".join(
            wording.counted(len(events), "repetition") for events in (each.before, each.after)
        )
        names = f"{first.plan.recording.path}, then {second.plan.recording.path}"
        terminal.say(out, f"{names}: {counts}", "dim")
        if each.changes:
            out.print()
            out.print(terminal.session_change_table(out, each))
            out.print()
        terminal.say(out, wording.session_change_words(each), "bold")
        if each.changes and Quantity.SCORE not in each.changes:
            terminal.say(
                out, "The scores are not compared: the sessions had different prescriptions."
            )
        out.print()
    for note in [
        wording.SESSIONS_COMPARED,
        *first.lines,
        *second.lines,
    ]:
        terminal.say(out, f"- {note}")


def _document(compared: SessionChange) -> dict[str, Any]:
    return {
        "exercise": compared.exercise,
        "side": compared.side,
        "way": compared.way,
        "repetitions": [len(compared.before), len(compared.after)],
        "left_out": compared.left_out,
        "changes": {
            quantity.value: _change_document(change)
            for quantity, change in compared.changes.items()
        },
        "sentences": wording.session_change_words(compared),
    }


def _change_document(change: Change) -> dict[str, Any]:
    numbers = {
        "before": change.before,
        "after": change.after,
        "change": change.change,
        "low": change.low,
        "high": change.high,
        "detectable": change.detectable,
    }
    # JSON has no infinity, which stands for an uncertainty that is not known.
    known = {name: value if math.isfinite(value) else None for name, value in numbers.items()}
    return {**known, "means_something": change.stated}
