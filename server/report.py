"""The report of a replay: one HTML file that needs nothing but itself, for a therapist.

Holds what stands on the page. Its frame comes from `page`, its figures from `figure`, its words
from `wording`.
"""

import math
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from motion.change import Change, SessionChange
from motion.decline import Decline, declines
from motion.events import RepetitionEvent, Verdict
from motion.quantity import RANGE_SHARE, Quantity
from motion.symmetry import Symmetry, symmetries
from motion.template import ExerciseTemplate
from motion.trend import SetTrend, trends_within_sets
from server import figure, page, terminal, wording
from server.curve import AngleCurve
from server.output import write_text
from server.page import classed, sentence, text
from server.replay import Outcome, Replay

_CELL_CLASSES: Final = {"Start": "start", "Goal": "text goal"}

# Sets with figures of their own; those after them are told in their sentence.
MOST_TREND_FIGURES: Final = 12


def write_report(
    path: Path,
    replay: Replay,
    outcome: Outcome,
    warnings: Sequence[str] = (),
    since: Sequence[SessionChange] = (),
) -> None:
    """Write the report of a replay that was run with `angles`; raises OutputError."""
    write_text(path, report_html(replay, outcome, warnings, since))


def report_html(
    replay: Replay,
    outcome: Outcome,
    warnings: Sequence[str] = (),
    since: Sequence[SessionChange] = (),
) -> str:
    """The page. warnings: sentences about the data, beside those that the outcome holds. since:
    what changed from a session before."""
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
    notes = [
        *terminal.likeness_lines(outcome),
        *replay.notes,
        *warnings,
        *terminal.sensor_lines(outcome),
    ]
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
        *(_since_section(each, several=len(since) > 1) for each in since),
        _trend_sections(trends, drawn),
        _decline_section(declines(repetitions)),
        *(_symmetry_section(each) for each in symmetries(repetitions)),
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
    left_out += wording.walking(
        sum(event.strides for event in outcome.sets),
        math.fsum(event.walked_s for event in outcome.sets),
    )
    sets = wording.counted(len(outcome.sets), "set")
    cards = [("Repetitions", str(len(repetitions)), ", ".join([sets, *left_out]))]
    if repetitions:
        ranges = [event.judged_range_deg for event in repetitions]
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
            f"<li>{text(_headed(names[number], wording.trend_words(trends[number])))}</li>"
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
        f"<section class='trend'><h2>{text(_trend_title(trend, name))}</h2>"
        f"<p class='finding'>{sentence(wording.trend_words(trend))}</p><div class='plots'><div>"
        + page.legend(
            [("correct", "correct"), ("incorrect", "incorrect"), ("trend", "trend of range")]
        )
        + _plot(f"trend-range-{number}", "low", "Range by number with the line of its trend.")
        + "</div><div>"
        + page.legend([(f"trend-{each}", wording.quantity_words(each)) for each in times])
        + _plot(f"trend-time-{number}", "low", "Times by number with the lines of their trends.")
        + "</div></div>"
        + _changes(trend)
        + left_out
        + "</section>"
    )


def _changes(trend: SetTrend) -> str:
    """First and last value of every quantity, on its line, and the change between them."""
    items = "".join(
        _compared(
            quantity,
            f"{wording.value_words(quantity, each.before)} to "
            f"{wording.value_words(quantity, each.after)} ",
            wording.change_words(each),
        )
        for quantity, each in trend.trends.items()
    )
    return (
        f"<dl class='prescription changes'>{items}</dl><p class='caption'>First to last repetition "
        "on the line of the trend; change with its 95 % interval. Thick lines are the changes told "
        "above; chance alone brings one in fewer than one set in twenty.</p>"
    )


def _compared(quantity: Quantity, values: str, difference: str) -> str:
    """One entry: what is compared, both values as HTML, and how far they are apart."""
    name = text(wording.quantity_words(quantity).capitalize())
    return f"<div><dt>{name}</dt><dd>{values}<small>{difference}</small></dd></div>"


def _since_section(compared: SessionChange, *, several: bool) -> str:
    """What changed from a session before."""
    items = "".join(
        _compared(quantity, _before_and_after(change), _change_and_detectable(change))
        for quantity, change in compared.changes.items()
    )
    values = (
        f"<dl class='prescription changes'>{items}</dl>"
        f"<p class='caption'>{wording.SESSIONS_COMPARED}</p>"
        if items
        else ""
    )
    name = f": {wording.session_change_name(compared)}" if several else ""
    counts = " and ".join(str(len(events)) for events in (compared.before, compared.after))
    return (
        f"<section class='since'><h2>{text(f'Since the session before{name}')}</h2>"
        f"<p class='finding'>{sentence(wording.session_change_words(compared))}</p>{values}"
        f"<p class='caption'>{counts} repetitions are compared.</p></section>"
    )


def _before_and_after(change: Change) -> str:
    before, after = (
        wording.value_words(change.quantity, each) for each in (change.before, change.after)
    )
    return f"{before} to {after} "


def _change_and_detectable(change: Change) -> str:
    return f"{wording.change_words(change)}, detectable {wording.detectable_words(change)}"


def _decline_section(found: Sequence[Decline]) -> str:
    """Sets against one's own first repetitions, where the range is judged by these."""
    if not found:
        return ""
    items = "".join(
        f"<li>{sentence(_headed(wording.decline_name(each, found), words))}</li>"
        for each in found
        if (words := wording.decline_words(each))
    )
    return (
        "<section class='decline'><h2>Against one&#x27;s own first repetitions</h2>"
        f"<ul class='plain'>{items}</ul></section>"
    )


def _symmetry_section(symmetry: Symmetry) -> str:
    items = "".join(
        _compared(
            quantity,
            f"{wording.value_words(quantity, each.left)} / "
            f"{wording.value_words(quantity, each.right)} {_index(each.index_percent)}",
            wording.gap_words(each),
        )
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
        f"<p class='finding'>{sentence(wording.symmetry_words(symmetry))}</p>{values}</section>"
    )


def _index(index: float | None) -> str:
    return "" if index is None else f"<small>index {index:.0f} %</small> "


def _table(repetitions: Sequence[RepetitionEvent], template: ExerciseTemplate) -> str:
    if not repetitions:
        return "<section><h2>Repetitions</h2><p>No repetition was counted.</p></section>"
    names = [compensation.name for compensation in template.compensations]
    own = template.range.reference == "own"
    shares = (
        " Shares of the range: of the prescribed goal, and of the median of one's own first three "
        "repetitions."
        if own
        else ""
    )
    heads = [
        ("", "#"),
        ("", "Start"),
        ("", "Range"),
        *([("", "Of goal / own")] if own else []),
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
        rows.append(_row(event, names, template if own else None))
    return (
        "<section class='table'><h2>Repetitions</h2><table role='table'>"
        "<caption>Range with its standard deviation; smoothness of the way out and back (0 is "
        "smoothest, below -3.5 is jerky). A close call is a rule within one standard deviation "
        f"of its threshold.{shares}</caption>"
        f"<thead role='rowgroup'><tr role='row'>{head}</tr></thead>"
        f"<tbody role='rowgroup'>{''.join(rows)}</tbody></table></section>"
    )


def _row(event: RepetitionEvent, names: Sequence[str], own: ExerciseTemplate | None) -> str:
    """own: the exercise, where ranges are judged against one's own first repetitions."""
    cells = [
        ("Start", text(wording.clock(event.start_s))),
        ("Range", f"{event.judged_range_deg:.0f}° ± {event.rom_sd_deg:.0f}"),
        *([] if own is None else [("Of goal / own", wording.shares_words(event, own))]),
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
