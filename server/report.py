"""The report of a replay: one HTML file that needs nothing but itself, for a therapist.

Holds the page; its figures come from `figure`, its words from `wording`. Whatever stems from a file
is escaped, and the page may load nothing.
"""

import html
import json
import math
import statistics
from collections.abc import Iterable, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, Final

from plotly.offline import get_plotlyjs

from motion.events import RepetitionEvent, Verdict
from motion.quantity import RANGE_SHARE
from motion.symmetry import Symmetry, symmetries
from motion.template import ExerciseTemplate, Tempo
from motion.trend import SetTrend, trends_within_sets
from server import figure, terminal, wording
from server.curve import AngleCurve
from server.engine import engine_versions
from server.output import write_text
from server.replay import Outcome, Replay

# Nothing is fetched, whatever a recording's texts may hold.
_POLICY: Final = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"
)
_CIRCLE: Final = '<svg viewBox="0 0 12 12" aria-hidden="true"><circle cx="6" cy="6" r="5"/></svg>'
_CROSS: Final = (
    '<svg viewBox="0 0 12 12" aria-hidden="true">'
    '<path d="M2 2 10 10M10 2 2 10" stroke-width="3.2"/></svg>'
)
_CELL_CLASSES: Final = {"Start": "start", "Goal": "text goal"}

# Sets with figures of their own; those after them are told in their sentence.
MOST_TREND_FIGURES: Final = 12


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
    trends = trends_within_sets(repetitions)
    drawn = [number for number, trend in enumerate(trends) if trend.trends][:MOST_TREND_FIGURES]
    for number in drawn:
        figures[f"trend-range-{number}"] = figure.trend_range_figure(trends[number])
        figures[f"trend-time-{number}"] = figure.trend_time_figure(trends[number])
    notes = [*replay.notes, *warnings, *terminal.sensor_lines(outcome)]
    body = [
        _head(replay),
        _cards(outcome),
        _angle_section(silences=len(outcome.silences), found=len(curve) > 0),
        _repetition_sections() if repetitions else "",
        _trend_sections(trends, drawn),
        *(_symmetry_section(each) for each in symmetries(repetitions)),
        _notes(notes, template),
        _prescription(template),
        _table(repetitions, template),
        _footer(),
    ]
    data = [f"{_json('dark-colours', json.dumps(figure.DARK))}"]
    data += [_json(f"figure-{name}", made.to_json()) for name, made in figures.items()]
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="referrer" content="no-referrer">',
            f"<title>{_text(template.name)} - Gonio report</title>",
            f"<style>{_resource('report.css')}</style>",
            "</head>",
            "<body>",
            "<main>",
            *(part for part in body if part),
            "</main>",
            *data,
            f"<script>{get_plotlyjs()}</script>",
            f"<script>{_resource('report.js')}</script>",
            "</body>",
            "</html>",
            "",
        ]
    )


def _resource(name: str) -> str:
    return resources.files("server").joinpath(name).read_text("utf-8")


def _text(text: str) -> str:
    return html.escape(wording.printable(text))


def _sentence(text: str) -> str:
    """Text whose numbers stay with their per cent sign."""
    return _text(text).replace(" %", "&nbsp;%")


def _json(name: str, document: str) -> str:
    """Data for the script; nothing within it can end the element."""
    safe = document.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return f'<script type="application/json" id="{name}">{safe}</script>'


def _head(replay: Replay) -> str:
    recording = replay.recording
    info = recording.info
    facts = [f"Recording {info.id or Path(recording.path).name}"]
    if replay.side is not None:
        facts.append(f"{replay.side} side")
    if info.started_at is not None:
        facts.append(f"{info.started_at:%d %B %Y, %H:%M}")
    facts.append(f"lasting {wording.duration(recording.duration_s)}")
    spans = "".join(f"<span>{_text(fact)}</span>" for fact in facts)
    return f"<header><h1>{_text(replay.template.name)}</h1><p class='meta'>{spans}</p></header>"


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
        f"<span class='detail'>{_text(detail)}</span></li>"
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


def _swatch(kind: str) -> str:
    drawn = {
        "angle": '<path d="M1 10 C6 10 6 4 11 4 S16 10 21 10" fill="none" '
        'stroke="var(--ink)" stroke-width="2"/>',
        "band": '<rect width="22" height="14" fill="var(--muted)" opacity=".3"/>',
        "correct": '<rect width="22" height="14" fill="var(--correct-mark)" opacity=".18"/>'
        '<circle cx="11" cy="7" r="4" fill="var(--correct-mark)"/>',
        "incorrect": '<path d="M0 14 14 0M8 14 22 0M-8 14 6 0M16 14 30 0" '
        'stroke="var(--incorrect-mark)" opacity=".45"/>'
        '<path d="M8 4 14 10M14 4 8 10" stroke="var(--incorrect-mark)" stroke-width="2.6"/>',
        "target": '<rect width="22" height="14" fill="var(--target)" opacity=".15"/>'
        '<path d="M0 7H22" stroke="var(--target)" stroke-width="1.6"/>',
        "silence": '<path d="M0 14 14 0M8 14 22 0M0 0 14 14M8 0 22 14" '
        'stroke="var(--silence)" opacity=".7"/>',
        "out": '<rect width="22" height="14" fill="var(--out)"/>',
        "hold": '<rect width="22" height="14" fill="var(--hold)"/>'
        '<path d="M0 14 14 0M8 14 22 0" stroke="var(--hatching)" opacity=".5"/>',
        "back": '<rect width="22" height="14" fill="var(--back)"/>'
        '<g fill="var(--hatching)" opacity=".55"><circle cx="6" cy="7" r="1.4"/>'
        '<circle cx="12" cy="7" r="1.4"/><circle cx="18" cy="7" r="1.4"/></g>',
        "trend": '<path d="M0 3 22 11" stroke="var(--ink)" stroke-width="2"/>',
        "trend-out": '<path d="M0 7H22" stroke="var(--out)" stroke-width="1.6"/>'
        '<circle cx="11" cy="7" r="4" fill="var(--out)"/>',
        "trend-hold": '<path d="M0 7H22" stroke="var(--out)" stroke-width="1.6" '
        'stroke-dasharray="2 2"/><rect x="7.5" y="3.5" width="7" height="7" fill="var(--card)" '
        'stroke="var(--out)" stroke-width="1.6"/>',
        "trend-back": '<path d="M0 7H22" stroke="var(--out)" stroke-width="1.6" '
        'stroke-dasharray="4 3"/><path d="M11 2 16 7 11 12 6 7Z" fill="var(--card)" '
        'stroke="var(--out)" stroke-width="1.6"/>',
    }
    return f'<svg viewBox="0 0 22 14" aria-hidden="true">{drawn[kind]}</svg>'


def _legend(entries: Sequence[tuple[str, str]]) -> str:
    items = "".join(f"<li>{_swatch(kind)}{label}</li>" for kind, label in entries)
    return f"<ul class='legend'>{items}</ul>"


def _plot(name: str, height: str, description: str) -> str:
    return (
        f"<div class='plot {height}' data-figure='figure-{name}' role='img' "
        f"aria-label='{description} The values stand in the table of repetitions.'></div>"
    )


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
        + _legend(entries)
        + _plot("angle", "tall", "Angle over time, repetitions shaded by verdict.")
        + "<noscript><p>The figures need JavaScript; the table below does not.</p></noscript>"
        + "</section>"
    )


def _repetition_sections() -> str:
    return (
        "<div class='pair'><section><h2>Range of each repetition</h2>"
        + _legend([("correct", "correct"), ("incorrect", "incorrect"), ("target", "target")])
        + _plot("range", "low", "Range of each repetition with its standard deviation.")
        + "</section><section><h2>Tempo of each repetition</h2>"
        + _legend([("out", "out"), ("hold", "hold"), ("back", "back")])
        + _plot("tempo", "low", "Duration of each part of each repetition.")
        + "</section></div>"
    )


def _trend_sections(trends: Sequence[SetTrend], drawn: Sequence[int]) -> str:
    """A section a set, those with figures two in a row. drawn: numbers of those."""
    names = wording.trend_names(trends)
    sections = [_trend_section(number, trends[number], names[number]) for number in drawn]
    rows = [
        f"<div class='pair'>{sections[at]}{sections[at + 1]}</div>"
        if at + 1 < len(sections)
        else sections[at]
        for at in range(0, len(sections), 2)
    ]
    others = [number for number in range(len(trends)) if number not in drawn]
    if others:
        items = "".join(
            f"<li>{_text(_headed(names[number], wording.trend_words(trends[number])))}</li>"
            for number in others
        )
        title = "Trend within other sets" if drawn else "Trend within the set"
        rows.append(f"<section><h2>{title}</h2><ul class='plain'>{items}</ul></section>")
    return "".join(rows)


def _headed(name: str, words: str) -> str:
    return f"{name[:1].upper()}{name[1:]}: {words}" if name else words


def _trend_title(trend: SetTrend, name: str) -> str:
    if f"set {trend.set_index}" in name:
        return f"Trend within {name}"
    return f"Trend within the set: {name}" if name else "Trend within the set"


def _trend_section(number: int, trend: SetTrend, name: str) -> str:
    times = figure.trend_times(trend)
    left_out = (
        f"<p class='caption'>{trend.left_out} paused or not fully recorded, left out.</p>"
        if trend.left_out
        else ""
    )
    return (
        f"<section class='trend'><h2>{_text(_trend_title(trend, name))}</h2>"
        f"<p class='finding'>{_sentence(wording.trend_words(trend))}</p><div class='plots'><div>"
        + _legend([("correct", "correct"), ("incorrect", "incorrect"), ("trend", "trend of range")])
        + _plot(f"trend-range-{number}", "low", "Range by number with the line of its trend.")
        + "</div><div>"
        + _legend([(f"trend-{each}", wording.quantity_words(each)) for each in times])
        + _plot(f"trend-time-{number}", "low", "Times by number with the lines of their trends.")
        + "</div></div>"
        + _changes(trend)
        + left_out
        + "</section>"
    )


def _changes(trend: SetTrend) -> str:
    """First and last value of every quantity, on its line, and the change between them."""
    items = "".join(
        f"<div><dt>{_text(wording.quantity_words(quantity).capitalize())}</dt>"
        f"<dd>{wording.value_words(quantity, each.before)} to "
        f"{wording.value_words(quantity, each.after)} "
        f"<small>{wording.change_words(each)}</small></dd></div>"
        for quantity, each in trend.trends.items()
    )
    return (
        f"<dl class='prescription changes'>{items}</dl><p class='caption'>First to last repetition "
        "on the line of the trend; change with its 95 % interval. Thick lines are the changes told "
        "above; chance alone brings one in fewer than one set in twenty.</p>"
    )


def _symmetry_section(symmetry: Symmetry) -> str:
    items = "".join(
        f"<div><dt>{_text(wording.quantity_words(quantity).capitalize())}</dt>"
        f"<dd>{wording.value_words(quantity, each.left)} / "
        f"{wording.value_words(quantity, each.right)} "
        f"{_index(each.index_percent)}<small>{wording.gap_words(each)}</small></dd></div>"
        for quantity, each in symmetry.differences.items()
    )
    values = (
        f"<dl class='prescription changes'>{items}</dl><p class='caption'>Medians, left / right; "
        "difference with its 95 % interval. Symmetry index: the smaller side in percent of the "
        f"larger; sides are usually called alike from {100 * RANGE_SHARE:.0f} % on.</p>"
        if items
        else ""
    )
    return (
        "<section class='symmetry'><h2>Left against right</h2>"
        f"<p class='finding'>{_sentence(wording.symmetry_words(symmetry))}</p>{values}</section>"
    )


def _index(index: float | None) -> str:
    return "" if index is None else f"<small>index {index:.0f} %</small> "


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
        *(("", f"{_text(wording.rule_words(name)).capitalize()}, °") for name in names),
        ("", "Score"),
        ("text", "Verdict"),
        ("text", "Faults and notes"),
    ]
    head = "".join(
        f"<th scope='col' role='columnheader'{_class(kind)}>{label}</th>" for kind, label in heads
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
                f"{_text(name[:1].upper() + name[1:])}</th></tr>"
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


def _class(name: str) -> str:
    return f" class='{name}'" if name else ""


def _row(event: RepetitionEvent, names: Sequence[str]) -> str:
    cells = [
        ("Start", _text(wording.clock(event.start_s))),
        ("Range", f"{event.rom_deg:.0f}° ± {event.rom_sd_deg:.0f}"),
        ("Goal", "reached" if event.goal_reached else ""),
        ("Tempo, s", wording.tempo_words(event)),
        ("Smoothness", wording.smoothness_words(event)),
    ]
    for name in names:
        value = event.compensations.get(name)
        shown = "-" if value is None or math.isnan(value) else f"{value:.0f}"
        cells.append((f"{_text(wording.rule_words(name))}, °", shown))
    cells.append(("Score", f"{event.score:.0f}"))
    verdict = event.verdict.value
    mark = _CIRCLE if event.verdict is Verdict.CORRECT else _CROSS
    colour = f"var(--{verdict}-mark)"
    mark = mark.replace("<svg", f"<svg fill='{colour}' stroke='{colour}'", 1)
    faults, aside = _text(wording.rules_words(event.faults)), _text(wording.aside_words(event))
    words = "; ".join(
        part for part in (faults, f"<span class='aside'>{aside}</span>" if aside else "") if part
    )
    if event.goal_reached:
        # On a phone, in place of the column.
        words = f"<span class='narrow'>goal reached{'; ' if words else ''}</span>{words}"
    columns = "".join(
        f"<td role='cell'{_class(_CELL_CLASSES.get(label, ''))} data-label='{label}'>{value}</td>"
        for label, value in cells
    )
    return (
        f"<tr role='row'><th scope='row' role='rowheader'>{event.index}</th>{columns}"
        f"<td role='cell' class='text verdict {verdict}'>{mark}{verdict}</td>"
        f"<td role='cell' class='text words'>{words}</td></tr>"
    )


def _prescription(template: ExerciseTemplate) -> str:
    target = template.range
    entries = [
        ("Minimum", f"{target.minimum_deg:g}°"),
        ("Goal", f"{target.goal_deg:g}°"),
        ("Limit", f"{target.limit_deg:g}°"),
        *_tempo_entries(template.tempo),
        *(
            (wording.rule_words(each.name).capitalize(), f"at most {each.limit_deg:g}°")
            for each in template.compensations
        ),
        ("Dose", f"{template.dose.sets} x {template.dose.repetitions}"),
        ("Template", f"{template.id}, version {template.version}"),
    ]
    items = "".join(
        f"<div><dt>{_text(name)}</dt><dd>{_text(value)}</dd></div>" for name, value in entries
    )
    return f"<section><h2>Prescription</h2><dl class='prescription'>{items}</dl></section>"


def _tempo_entries(tempo: Tempo) -> list[tuple[str, str]]:
    parts = (
        ("Out", tempo.out_s),
        ("Hold", tempo.hold_s),
        ("Back", tempo.back_s),
        ("Above a fifth of the range", tempo.active_s),
    )
    return [(name, _seconds(*bounds)) for name, bounds in parts if bounds is not None]


def _seconds(least: float, most: float) -> str:
    if math.isinf(most):
        return f"at least {least:g} s"
    return f"{least:g} to {most:g} s"


def _notes(lines: Sequence[str], template: ExerciseTemplate) -> str:
    told = [*lines]
    if template.cannot_see:
        told.append(f"What the sensors cannot see: {template.cannot_see}")
    if not told:
        return ""
    items = "".join(f"<li>{_text(line)}</li>" for line in told)
    return f"<section class='notes'><h2>What to know</h2><ul>{items}</ul></section>"


def _footer() -> str:
    engine: dict[str, Any] = engine_versions()
    versions = ", ".join(f"{name} {engine[name]}" for name in ("gonio", "numpy", "numba", "cpu"))
    return f"<footer><p>Made by {_text(versions)}.</p></footer>"
