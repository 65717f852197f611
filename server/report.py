"""The report of a replay: one HTML file that needs nothing but itself, for a therapist.

Holds what stands on the page. Its frame comes from `page`, its figures from `figure`, its words
from `wording`.
"""

import math
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from motion.events import RepetitionEvent, Verdict
from motion.template import ExerciseTemplate
from server import figure, page, terminal, wording
from server.curve import AngleCurve
from server.output import write_text
from server.page import classed, text
from server.replay import Outcome, Replay

_CELL_CLASSES: Final = {"Start": "start", "Goal": "text goal"}


def write_report(
    path: Path, replay: Replay, outcome: Outcome, warnings: Sequence[str] = ()
) -> None:
    """Write the report of a replay that was run with `angles`; raises OutputError."""
    write_text(path, report_html(replay, outcome, warnings))


def report_html(replay: Replay, outcome: Outcome, warnings: Sequence[str] = ()) -> str:
    """The page. warnings: sentences about the data, beside those that the outcome holds."""
    template = replay.template
    repetitions = outcome.repetitions
    curve = outcome.curve if outcome.curve is not None else AngleCurve()
    figures = {
        "angle": figure.angle_figure(curve, repetitions, outcome.silences, template),
        "range": figure.range_figure(repetitions, template),
        "tempo": figure.tempo_figure(repetitions),
    }
    notes = [*replay.notes, *warnings, *terminal.sensor_lines(outcome)]
    body = [
        page.head(
            template.name,
            [
                *page.recording_facts(replay.recording, replay.side),
                f"lasting {wording.duration(replay.recording.duration_s)}",
            ],
        ),
        _cards(outcome),
        _angle_section(silences=len(outcome.silences), found=len(curve) > 0),
        _repetition_sections() if repetitions else "",
        page.notes(notes, template),
        page.prescription(template),
        _table(repetitions, template),
        page.footer(),
    ]
    return page.page(f"{template.name} - Gonio report", body, figures)


def _cards(outcome: Outcome) -> str:
    repetitions = outcome.repetitions
    correct = sum(event.verdict is Verdict.CORRECT for event in repetitions)
    goal = sum(event.goal_reached for event in repetitions)
    partial = sum(event.partial for event in outcome.sets)
    unlike = sum(event.unlike for event in outcome.sets)
    left_out = [f"{partial} not finished"] if partial else []
    left_out += [f"{unlike} unlike the exercise"] if unlike else []
    sets = wording.counted(len(outcome.sets), "set")
    cards = [("Repetitions", str(len(repetitions)), ", ".join([sets, *left_out]))]
    if repetitions:
        ranges = [event.rom_deg for event in repetitions]
        spread = statistics.stdev(ranges) if len(ranges) > 1 else 0.0
        out, hold, back = (
            statistics.median(values)
            for values in zip(
                *((event.out_s, event.hold_s, event.back_s) for event in repetitions), strict=True
            )
        )
        scores = [event.score for event in repetitions]
        cards += [
            (
                "Correct",
                f"{correct} <small>of {len(repetitions)}</small>",
                _most_common(repetitions),
            ),
            (
                "Range",
                f"{statistics.fmean(ranges):.0f}° <small>± {spread:.0f}</small>",
                f"goal reached {wording.times(goal)}",
            ),
            (
                "Tempo, s",
                " <small>/</small> ".join(f"{part:.1f}" for part in (out, hold, back)),
                "out / hold / back, median",
            ),
            (
                "Score",
                f"{statistics.fmean(scores):.0f} <small>of 100</small>",
                _between(min(scores), max(scores)),
            ),
        ]
    items = "".join(
        f"<li><span class='label'>{label}</span> <span class='value'>{value}</span> "
        f"<span class='detail'>{text(detail)}</span></li>"
        for label, value, detail in cards
    )
    return f"<ul class='cards' aria-label='Summary'>{items}</ul>"


def _between(least: float, most: float) -> str:
    low, high = f"{least:.0f}", f"{most:.0f}"
    return "each time" if low == high else f"{low} to {high}"


def _most_common(repetitions: Iterable[RepetitionEvent]) -> str:
    """The two faults that were seen most often."""
    seen: dict[str, int] = {}
    for event in repetitions:
        for fault in event.faults:
            seen[fault] = seen.get(fault, 0) + 1
    if not seen:
        return "no faults"
    most = sorted(seen, key=lambda rule: -seen[rule])[:2]
    return ", ".join(f"{wording.times(seen[rule])} {wording.rule_words(rule)}" for rule in most)


def _plot(name: str, height: str, description: str) -> str:
    return page.plot(name, height, f"{description} The values stand in the table of repetitions.")


def _angle_section(*, silences: int, found: bool) -> str:
    if not found:
        return (
            "<section><h2>Angle over time</h2><p>No movement was large enough to find its axis, "
            "so that there is no angle to show.</p></section>"
        )
    entries = [
        ("angle", "angle"),
        ("band", "± 1 standard deviation"),
        ("correct", "correct"),
        ("incorrect", "incorrect"),
        ("target", "target"),
    ]
    if silences:
        entries.append(("silence", "sensor silent"))
    return (
        "<section><h2>Angle over time "
        "<small class='hint'>drag to zoom, double-click to reset</small></h2>"
        + page.legend(entries)
        + _plot("angle", "tall", "Angle over time, repetitions shaded by verdict.")
        + "<noscript><p>The figures need JavaScript; the table below does not.</p></noscript>"
        + "</section>"
    )


def _repetition_sections() -> str:
    return (
        "<div class='pair'><section><h2>Range of each repetition</h2>"
        + page.legend([("correct", "correct"), ("incorrect", "incorrect"), ("target", "target")])
        + _plot("range", "low", "Range of each repetition with its standard deviation.")
        + "</section><section><h2>Tempo of each repetition</h2>"
        + page.legend([("out", "out"), ("hold", "hold"), ("back", "back")])
        + _plot("tempo", "low", "Duration of each part of each repetition.")
        + "</section></div>"
    )


def _table(repetitions: Sequence[RepetitionEvent], template: ExerciseTemplate) -> str:
    if not repetitions:
        return "<section><h2>Repetitions</h2><p>No repetition was counted.</p></section>"
    names = [compensation.name for compensation in template.compensations]
    heads = [
        ("", "#"),
        ("", "Start"),
        ("", "Range"),
        ("text", "Goal"),
        ("", "Out / hold / back, s"),
        ("", "Smoothness"),
        *(("", f"{text(wording.rule_words(name)).capitalize()}, °") for name in names),
        ("", "Score"),
        ("text", "Verdict"),
        ("text", "Faults and notes"),
    ]
    head = "".join(
        f"<th scope='col' role='columnheader'{classed(kind)}>{label}</th>" for kind, label in heads
    )
    sets = terminal.set_names(repetitions)
    rows: list[str] = []
    before = ""
    for event in repetitions:
        name = sets.get((event.exercise, event.set_index), "")
        if name != before:
            before = name
            rows.append(
                f"<tr role='row' class='set'><th scope='rowgroup' colspan='{len(heads)}'>"
                f"{text(name[:1].upper() + name[1:])}</th></tr>"
            )
        rows.append(_row(event, names))
    return (
        "<section class='table'><h2>Repetitions</h2><table role='table'>"
        "<caption>Range with its standard deviation; smoothness of the way out and back (0 is "
        "smoothest, below -3.5 is jerky). A close call is a rule within one standard deviation "
        "of its threshold.</caption>"
        f"<thead role='rowgroup'><tr role='row'>{head}</tr></thead>"
        f"<tbody role='rowgroup'>{''.join(rows)}</tbody></table></section>"
    )


def _row(event: RepetitionEvent, names: Sequence[str]) -> str:
    cells = [
        ("Start", text(wording.clock(event.start_s))),
        ("Range", f"{event.rom_deg:.0f}° ± {event.rom_sd_deg:.0f}"),
        ("Goal", "reached" if event.goal_reached else ""),
        ("Tempo, s", wording.tempo_words(event)),
        ("Smoothness", wording.smoothness_words(event)),
    ]
    for name in names:
        value = event.compensations.get(name)
        shown = "-" if value is None or math.isnan(value) else f"{value:.0f}"
        cells.append((f"{text(wording.rule_words(name))}, °", shown))
    cells.append(("Score", f"{event.score:.0f}"))
    verdict = event.verdict.value
    mark = page.CIRCLE if event.verdict is Verdict.CORRECT else page.CROSS
    colour = f"var(--{verdict}-mark)"
    mark = mark.replace("<svg", f"<svg fill='{colour}' stroke='{colour}'", 1)
    faults, aside = (
        text(wording.rules_words(event.faults)),
        text(wording.aside_words(event)),
    )
    words = "; ".join(
        part for part in (faults, f"<span class='aside'>{aside}</span>" if aside else "") if part
    )
    if event.goal_reached:
        # On a phone, in place of the column.
        words = f"<span class='narrow'>goal reached{'; ' if words else ''}</span>{words}"
    columns = "".join(
        f"<td role='cell'{classed(_CELL_CLASSES.get(label, ''))} data-label='{label}'>{value}</td>"
        for label, value in cells
    )
    return (
        f"<tr role='row'><th scope='row' role='rowheader'>{event.index}</th>{columns}"
        f"<td role='cell' class='text verdict {verdict}'>{mark}{verdict}</td>"
        f"<td role='cell' class='text words'>{words}</td></tr>"
    )
