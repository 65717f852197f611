"""What a person reads in a terminal: tables of repetitions, summaries, progress.

Words come from `wording`; nothing here decides anything. Output for programs is JSON, in `cli`.
"""

import io
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Final, Self, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.status import Status
from rich.table import Table
from rich.text import Text

from motion.change import SessionChange
from motion.decline import declines
from motion.events import RecognisedEvent, RepetitionEvent, SetEvent, Verdict
from motion.plausibility import Plausibility
from motion.recognition import SURE
from motion.stream import SILENT_S
from motion.symmetry import symmetries
from motion.template import ExerciseTemplate
from motion.trend import trends_within_sets
from motion.warming import warmup
from server import wording
from server.explanation import Explanation, State, levels
from server.replay import FirstPass, Outcome, Replay
from server.sketch import Sketch

# Loading compiled kernels takes about a second; only compiling them is worth a word.
QUIET_WARMUP_S: Final = 2.0
# Below this many seconds of recording a replay is over before a bar could be read.
LONG_RECORDING_S: Final = 600.0
# A table of more repetitions than this says nothing that the report does not say better.
MOST_ROWS: Final = 200
# Width of a file or a pipe: wide enough for every column of the table.
PLAIN_WIDTH: Final = 110
# From these widths on the table has room for smoothness, and for the score with wider gaps.
WIDE_WIDTH: Final = 100
ROOMY_WIDTH: Final = 72
# Silences told one by one; a recording with more of them has another problem.
MOST_SILENCES: Final = 50

CORRECT_STYLE: Final = "green"
INCORRECT_STYLE: Final = "yellow"


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Leave it to the caller; rich would end the program with code 1."""
        raise BrokenPipeError


def console(stream: TextIO | None = None) -> Console:
    """A console for people. Paths and ids are never taken for markup or emoji."""
    target = sys.stdout if stream is None else stream
    width = None if target.isatty() else PLAIN_WIDTH
    return _Console(file=target, highlight=False, markup=False, emoji=False, width=width)


def show_at_once() -> None:
    """Lines of a command that goes on are seen when they are written, in a pipe or a file too."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)


def plain_text(text: str, style: str = "") -> Text:
    """Text from a file, without control characters."""
    return Text(wording.printable(text), style=style)


def repetition_table(
    out: Console, template: ExerciseTemplate | None = None, *, header: bool = True
) -> Table:
    """The table that `repetition_row` fills, with columns for the width of `out`.

    template: the exercise; one whose range is judged against one's own has a column for shares.
    Columns keep their places in a table of one row, so that rows can be printed as they come.
    """
    gutter = 2 if out.width >= ROOMY_WIDTH else 1
    table = Table(
        box=None,
        padding=(0, gutter, 0, 0),
        pad_edge=False,
        show_edge=False,
        show_header=header,
        header_style="bold",
    )
    table.add_column("#", justify="right", min_width=3, no_wrap=True)
    table.add_column("start", justify="right", min_width=7, no_wrap=True)
    table.add_column("range", min_width=10, no_wrap=True)
    if _has_shares(template):
        table.add_column("of goal/own", justify="right", min_width=11, no_wrap=True)
    table.add_column("out/hold/back s", justify="right", min_width=15, no_wrap=True)
    if out.width >= WIDE_WIDTH:
        table.add_column("smoothness", justify="right", min_width=11, no_wrap=True)
    if out.width >= ROOMY_WIDTH:
        table.add_column("score", justify="right", min_width=5, no_wrap=True)
    table.add_column("verdict", overflow="fold")
    return table


def _has_shares(template: ExerciseTemplate | None) -> bool:
    return template is not None and template.range.reference == "own"


def repetition_row(
    out: Console, event: RepetitionEvent, template: ExerciseTemplate | None = None
) -> list[Text]:
    """One repetition as cells of the table."""
    goal = "*" if event.goal_reached else ""
    cells = [
        Text(str(event.index)),
        Text(wording.clock(event.start_s)),
        Text(f"{event.judged_range_deg:>3.0f}° ± {event.rom_sd_deg:<2.0f}{goal}"),
    ]
    if template is not None and _has_shares(template):
        cells.append(Text(wording.shares_words(event, template)))
    cells.append(Text(wording.tempo_words(event)))
    if out.width >= WIDE_WIDTH:
        cells.append(Text(wording.smoothness_words(event)))
    if out.width >= ROOMY_WIDTH:
        cells.append(Text(f"{event.score:.0f}"))
    return [*cells, verdict_text(event)]


def verdict_text(event: RepetitionEvent) -> Text:
    """Verdict or faults in words, then the notes."""
    if event.verdict is Verdict.CORRECT:
        text = Text("correct", style=CORRECT_STYLE)
    else:
        text = plain_text(wording.rules_words(event.faults), INCORRECT_STYLE)
    aside = wording.aside_words(event)
    if aside:
        text.append(wording.printable(f" ({aside})"), style="dim")
    return text


def say(out: Console, line: str, style: str = "") -> None:
    """A sentence: wrapped at words in a terminal, whole on one line in a file or a pipe."""
    out.print(plain_text(line, style), soft_wrap=not out.is_terminal)


def show_outcome(out: Console, replay: Replay, outcome: Outcome, warnings: Iterable[str]) -> None:
    """Everything that `gonio replay` tells a person."""
    show_head(out, replay)
    out.print()
    if outcome.repetitions:
        show_repetitions(out, outcome.repetitions, replay.template)
    show_summary(out, replay, outcome, warnings)


def show_head(out: Console, replay: Replay) -> None:
    """Which exercise, which recording, which target."""
    _show_head(out, replay, replay.template, replay.side)


def _show_head(out: Console, replay: Replay, template: ExerciseTemplate, side: str | None) -> None:
    recording = replay.recording
    say(out, _titled(template, side), "bold")
    name = recording.info.id or recording.path
    say(out, f"{name}, {wording.duration(recording.duration_s)}", "dim")
    say(out, f"Target: {wording.target_words(template)}", "dim")


def title(replay: Replay) -> str:
    """The exercise, and the side where one is known."""
    return _titled(replay.template, replay.side)


def _titled(template: ExerciseTemplate, side: str | None) -> str:
    return template.name if side is None else f"{template.name}, {side}"


def show_summary(out: Console, replay: Replay, outcome: Outcome, warnings: Iterable[str]) -> None:
    """Sets, then what is to be known about sensors and template."""
    repetitions = outcome.repetitions
    if any(event.goal_reached for event in repetitions[:MOST_ROWS]):
        say(out, "* goal reached", "dim")
    if repetitions:
        out.print()
    for line in summary_lines(outcome):
        say(out, line, "bold")
    for line in likeness_lines(outcome):
        say(out, line, INCORRECT_STYLE)
    for line in comparison_lines(repetitions):
        say(out, line)
    show_notes(out, replay.template, [*replay.notes, *warnings, *sensor_lines(outcome)])


def show_notes(out: Console, template: ExerciseTemplate, lines: Iterable[str]) -> None:
    """What is to be known about sensors and template."""
    told = [*lines]
    if template.cannot_see:
        told.append(f"What the sensors cannot see: {template.cannot_see}")
    if told:
        out.print()
    for line in told:
        say(out, f"- {line}")


def show_explanation(
    out: Console, replay: Replay, explanation: Explanation, warnings: Iterable[str]
) -> None:
    """Everything that `gonio explain` tells a person: sentences, curve, rules."""
    sought = explanation.sought
    event, template = sought.evidence.event, sought.evidence.template
    _show_head(out, replay, template, event.side)
    out.print()
    verdict, *sentences = explanation.sentences()
    correct = event.verdict is Verdict.CORRECT
    say(out, verdict, f"bold {CORRECT_STYLE if correct else INCORRECT_STYLE}")
    for sentence in sentences:
        say(out, sentence)
    out.print()
    out.print(Sketch(sought.points, event, levels(template, sought.evidence.reference)))
    out.print()
    out.print(rule_table(out, explanation))
    told = [*replay.notes_for_any, *warnings, *sensor_lines(sought.outcome)]
    show_notes(out, template, told)


def rule_table(out: Console, explanation: Explanation) -> Table:
    """Every rule that applies to a repetition, with the value that it looks at."""
    gutter = 2 if out.width >= ROOMY_WIDTH else 1
    table = Table(
        box=None, padding=(0, gutter, 0, 0), pad_edge=False, show_edge=False, header_style="bold"
    )
    table.add_column("rule", overflow="fold")
    table.add_column("measured", justify="right", no_wrap=True)
    table.add_column("asked", justify="right", no_wrap=True)
    table.add_column("margin", justify="right", no_wrap=True)
    if out.width >= ROOMY_WIDTH:
        table.add_column("in sd", justify="right", no_wrap=True)
    table.add_column("outcome", overflow="fold")
    styles = {State.KEPT: CORRECT_STYLE, State.BROKEN: INCORRECT_STYLE, State.NOTED: ""}
    for row in explanation.rows():
        sds = [Text(row.margin_sds)] if out.width >= ROOMY_WIDTH else []
        table.add_row(
            plain_text(row.rule),
            Text(row.measured),
            Text(row.asked),
            Text(row.margin),
            *sds,
            Text(row.outcome, style=styles[row.state]),
            style="" if row.decisive else "dim",
        )
    return table


def show_repetitions(
    out: Console, repetitions: list[RepetitionEvent], template: ExerciseTemplate | None = None
) -> None:
    """The table; only the first ones of very many."""
    table = repetition_table(out, template)
    shown = repetitions[:MOST_ROWS]
    names = set_names(repetitions)
    for number, event in enumerate(shown):
        name = names.get((event.exercise, event.set_index), "")
        new = number == 0 or (event.exercise, event.set_index) != (
            shown[number - 1].exercise,
            shown[number - 1].set_index,
        )
        if name and new:
            blanks = [Text("")] * (len(table.columns) - 1)
            table.add_row(*blanks, plain_text(name, "bold"))
        table.add_row(*repetition_row(out, event, template))
    out.print(table)
    if len(repetitions) > len(shown):
        say(
            out,
            f"... and {len(repetitions) - len(shown)} more; --report and --json show them all.",
        )


def set_names(events: Iterable[RepetitionEvent | SetEvent]) -> dict[tuple[str, int], str]:
    """What tells the sets apart, by exercise and set; nothing where there is only one."""
    sets = list(dict.fromkeys((event.exercise, event.set_index) for event in events))
    several = len({exercise for exercise, _ in sets}) > 1
    if len(sets) < 2:
        return {}
    return {
        (exercise, number): f"{exercise}, set {number}" if several else f"set {number}"
        for exercise, number in sets
    }


def summary_lines(outcome: Outcome) -> list[str]:
    """One line a set."""
    lines = []
    names = set_names(outcome.sets)
    for event in outcome.sets:
        parts = ["no repetition was counted"]
        if event.repetitions:
            parts = [
                wording.counted(event.repetitions, "repetition"),
                f"{event.correct} correct",
                f"{event.goal_reached} reached the goal",
            ]
        if event.mean_rom_deg is not None:
            parts.append(f"mean range {event.mean_rom_deg:.0f}°")
        if event.mean_score is not None:
            parts.append(f"mean score {event.mean_score:.0f}")
        if event.partial:
            parts.append(f"{event.partial} not finished")
        if event.unlike:
            parts.append(f"{event.unlike} unlike the exercise, not counted")
        parts += wording.walking(event.strides, event.walked_s)
        name = names.get((event.exercise, event.set_index))
        line = ", ".join(parts)
        line = f"{name}: {line}" if name else line
        lines.append(line[:1].upper() + line[1:])
    return lines or ["No set was begun, so nothing was counted"]


def comparison_lines(repetitions: Sequence[RepetitionEvent]) -> list[str]:
    """Trends within sets, declines from one's own first repetitions and differences of left and
    right; only what is worth a statement."""
    trends = trends_within_sets(repetitions)
    named = zip(trends, wording.trend_names(trends), strict=True)
    told = [(name, wording.trend_words(trend)) for trend, name in named if trend.statements]
    fallen = declines(repetitions)
    told += [
        (wording.decline_name(each, fallen), wording.decline_words(each))
        for each in fallen
        if each.change.stated
    ]
    compared = symmetries(repetitions)
    told += [
        (each.exercise if len(compared) > 1 else "", wording.symmetry_words(each))
        for each in compared
        if each.statements
    ]
    return [f"{name[:1].upper()}{name[1:]}: {words}" if name else words for name, words in told]


def session_change_table(out: Console, compared: SessionChange) -> Table:
    """Every quantity of both sessions, with its change, its interval and what could be detected."""
    gutter = 2 if out.width >= ROOMY_WIDTH else 1
    table = Table(
        box=None, padding=(0, gutter, 0, 0), pad_edge=False, show_edge=False, header_style="bold"
    )
    table.add_column("", no_wrap=True)
    table.add_column("first", justify="right", no_wrap=True)
    table.add_column("second", justify="right", no_wrap=True)
    table.add_column("change (95 % interval)", justify="right", no_wrap=True)
    if out.width >= ROOMY_WIDTH:
        table.add_column("detectable", justify="right", no_wrap=True)
    table.add_column("means something", overflow="fold")
    for quantity, change in compared.changes.items():
        detectable = [Text(wording.detectable_words(change))] if out.width >= ROOMY_WIDTH else []
        table.add_row(
            Text(wording.quantity_words(quantity)),
            Text(wording.value_words(quantity, change.before)),
            Text(wording.value_words(quantity, change.after)),
            Text(wording.change_words(change)),
            *detectable,
            Text("yes" if change.stated else "no"),
            style="" if change.stated else "dim",
        )
    return table


def likeness_lines(outcome: Outcome) -> list[str]:
    """Where another exercise was done than the one under way."""
    return [wording.looks_like_words(event) for event in outcome.looks_like]


def show_recognised(out: Console, plan: Replay, events: Sequence[RecognisedEvent]) -> None:
    """Everything that `gonio recognise` tells a person, but for what is to be known besides."""
    recording = plan.recording
    templates = [plan.template, *plan.among]
    names = {template.id: template.name for template in templates}
    name = recording.info.id or recording.path
    say(out, f"{name}, {wording.duration(recording.duration_s)}", "bold")
    say(out, f"Told apart: {', '.join(names.values())}", "dim")
    out.print()
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("#", justify="right", no_wrap=True)
    table.add_column("start", justify="right", no_wrap=True)
    table.add_column("end", justify="right", no_wrap=True)
    table.add_column("exercise", overflow="fold")
    table.add_column("sure", justify="right", no_wrap=True)
    for number, event in enumerate(events[:MOST_ROWS], 1):
        table.add_row(
            Text(str(number)),
            Text(wording.clock(event.start_s)),
            Text(wording.clock(event.end_s)),
            plain_text(names[event.exercise]),
            Text(f"{100.0 * event.sure:.0f} %", style="" if event.sure >= SURE else "dim"),
        )
    if events:
        out.print(table)
        if len(events) > MOST_ROWS:
            say(out, f"... and {len(events) - MOST_ROWS} more; --json shows them all.")
        out.print()
    totals = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    totals.add_column("exercise", overflow="fold")
    totals.add_column("repetitions", justify="right", no_wrap=True)
    totals.add_column("first", justify="right", no_wrap=True)
    totals.add_column("last", justify="right", no_wrap=True)
    totals.add_column("least sure", justify="right", no_wrap=True)
    for template in templates:
        own = [event for event in events if event.exercise == template.id]
        cells = ["-", "-", "-"]
        if own:
            least = min(event.sure for event in own)
            first, last = wording.clock(own[0].start_s), wording.clock(own[-1].end_s)
            cells = [first, last, f"{100.0 * least:.0f} %"]
        totals.add_row(plain_text(template.name), Text(str(len(own))), *(Text(c) for c in cells))
    out.print(totals)


def sensor_lines(outcome: Outcome) -> list[str]:
    """Silences, late samples and other findings about sensors, with their times."""
    silences = outcome.silences
    lines = [wording.silence_words(silence) for silence in silences[:MOST_SILENCES]]
    if len(silences) > MOST_SILENCES:
        lines.append(
            f"... and {len(silences) - MOST_SILENCES} more such spans, the last one until "
            f"{wording.clock(silences[-1].to_s)}; --json lists them all."
        )
    lines += [
        f"Sensor {event.sensor} at {wording.clock(event.t_s)}: {event.reason}; its angles are less "
        "certain."
        for event in outcome.sensor_findings
    ]
    if outcome.session is not None:
        lines += [
            f"Sensor {sensor}: {wording.counted(late, 'sample')} came too late and "
            f"{'was' if late == 1 else 'were'} left out."
            for sensor, late in outcome.session.late_samples.items()
        ]
    return lines


def first_pass_lines(replay: Replay, found: FirstPass) -> list[str]:
    """What the first pass found, as sentences."""
    lines = plausibility_lines(found.plausibility)
    if found.begins_s - replay.recording.first_s > SILENT_S:
        lines.append(
            f"The recording begins at {wording.clock(replay.recording.first_s)}, the sensors used "
            f"here at {wording.clock(found.begins_s)}."
        )
    return lines + [wording.losses_words(losses) for losses in found.losses]


def plausibility_lines(results: Iterable[Plausibility]) -> list[str]:
    """Findings of the first pass, as sentences."""
    return [
        finding.message[:1].upper() + finding.message[1:]
        for result in results
        for finding in result.findings
    ]


def template_table(templates: Iterable[ExerciseTemplate]) -> Table:
    """The exercise library."""
    table = Table(box=None, padding=(0, 1), header_style="bold", show_edge=False)
    table.add_column("id", no_wrap=True)
    table.add_column("exercise")
    table.add_column("region")
    table.add_column("sensors")
    for template in templates:
        sensors = ", ".join(
            place.placement if place.placement == slot else f"{slot} ({place.placement})"
            for slot, place in template.sensors.items()
        )
        table.add_row(
            plain_text(template.id, "bold"),
            plain_text(template.name),
            Text(template.region.replace("_", " ")),
            plain_text(sensors),
        )
    return table


class KernelWarmup:
    """Loads the compiled kernels; says so only when they must be compiled first."""

    def __init__(self, out: Console) -> None:
        self._out = out
        self._status: Status | None = None
        self._step = ""
        self._lock = threading.Lock()
        self._timer = threading.Timer(QUIET_WARMUP_S, self._announce)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        with self._lock:
            if self._status is not None:
                self._status.stop()

    def run(self) -> None:
        """Take every step."""
        for step in warmup():
            with self._lock:
                self._step = step
                if self._status is not None:
                    self._show()

    def _announce(self) -> None:
        with self._lock:
            self._status = self._out.status("")
            if self._out.is_terminal:
                self._status.start()
            self._show()

    def _show(self) -> None:
        text = f"Preparing kernels (first run only): {self._step} ..."
        if self._out.is_terminal and self._status is not None:
            self._status.update(text)
        else:
            self._out.print(text)


def prepare_kernels(out: Console) -> float:
    """Load or compile the kernels, telling about it on `out`; seconds that it took."""
    began = time.monotonic()
    with KernelWarmup(out) as kernels:
        kernels.run()
    return time.monotonic() - began


class _Reached:
    """Moves a bar at most ten times a second, however often it is told."""

    def __init__(self, bar: Progress, first_s: float, last_s: float) -> None:
        self._bar = bar
        self._first_s = first_s
        self._task = bar.add_task("", total=max(last_s - first_s, 1e-9))
        self._next = 0.0

    def __call__(self, t_s: float) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + 0.1
            self._bar.update(self._task, completed=t_s - self._first_s)


@contextmanager
def progress_bar(out: Console, what: str, replay: Replay) -> Iterator[_Reached | None]:
    """A bar over session time for long recordings in a terminal, otherwise None."""
    recording = replay.recording
    if not out.is_terminal or recording.duration_s < LONG_RECORDING_S:
        yield None
        return
    columns = (TextColumn(what), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=out, transient=True) as bar:
        yield _Reached(bar, recording.first_s, recording.last_s)
