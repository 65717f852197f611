"""The page of `gonio explain`: the verdict in sentences, the plot, and every rule in a table.

Holds what stands on the page. Its frame comes from `page`, its words from `explanation`, its
figures from `explanation_figure`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from motion.events import Verdict
from server import page, terminal, wording
from server.explanation import Explanation, Row, State
from server.explanation_figure import Bar, angle_figure, bars_figure, compensation_bars, tempo_bars
from server.output import write_text
from server.page import classed, text
from server.replay import Replay

_STATES: Final = {State.KEPT: "correct", State.BROKEN: "incorrect", State.NOTED: ""}


def write_page(
    path: Path, replay: Replay, explanation: Explanation, warnings: Sequence[str] = ()
) -> None:
    """Write the page of an explanation; raises OutputError."""
    write_text(path, page_html(replay, explanation, warnings))


def page_html(replay: Replay, explanation: Explanation, warnings: Sequence[str] = ()) -> str:
    """The page. warnings: sentences about the data, beside those that the replay holds."""
    template = explanation.sought.evidence.template
    times = tempo_bars(explanation)
    figures = {
        "angle": angle_figure(explanation),
        "tempo": bars_figure(times, "duration, s", " s", 2),
    }
    deviations = compensation_bars(explanation)
    if deviations:
        figures["compensations"] = bars_figure(deviations, "largest deviation, °", "°", 1)
    told = [*replay.notes_for_any, *warnings, *terminal.sensor_lines(explanation.sought.outcome)]
    body = [
        page.head(f"{template.name}: {_lower(explanation.name)}", _facts(replay, explanation)),
        _verdict(explanation),
        _angle_section(held=template.band is not None),
        _bars_sections(times, deviations),
        _table(explanation.rows()),
        page.notes(told, template),
        page.prescription(template),
        page.footer(),
    ]
    return page.page(f"{template.name}, {_lower(explanation.name)} - Gonio", body, figures)


def _lower(name: str) -> str:
    return name[:1].lower() + name[1:]


def _facts(replay: Replay, explanation: Explanation) -> list[str]:
    event = explanation.sought.evidence.event
    facts = page.recording_facts(replay.recording, event.side)
    if event.way is not None:
        facts.append(wording.rule_words(event.way))
    return [
        *facts,
        f"from {wording.clock(event.start_s)} to {wording.clock(event.end_s)}",
        f"score {event.score:.0f} of 100",
    ]


def _verdict(explanation: Explanation) -> str:
    verdict = explanation.sought.evidence.event.verdict
    first, *sentences = explanation.sentences()
    mark = page.CIRCLE if verdict is Verdict.CORRECT else page.CROSS
    colour = f"var(--{verdict.value}-mark)"
    mark = mark.replace("<svg", f"<svg fill='{colour}' stroke='{colour}'", 1)
    items = "".join(f"<p>{text(sentence)}</p>" for sentence in sentences)
    return (
        f"<section class='why {verdict.value}-edge'><h2 class='verdict {verdict.value}'>"
        f"{mark}{text(first)}</h2>{items}</section>"
    )


def _angle_section(*, held: bool) -> str:
    parts = (
        [("hold", "in the band")] if held else [(part, part) for part in ("out", "hold", "back")]
    )
    entries = [
        ("angle", "angle"),
        ("band", "± 1 standard deviation"),
        *parts,
        ("target", "asked range"),
    ]
    return (
        "<section><h2>Angle over time "
        "<small class='hint'>drag to zoom, double-click to reset</small></h2>"
        + page.legend(entries)
        + page.plot(
            "angle",
            "tall",
            "Angle of the repetition over time, with its parts and the levels of the template. "
            "The values stand in the table of rules.",
        )
        + "<noscript><p>The figures need JavaScript; the table below does not.</p></noscript>"
        + "</section>"
    )


def _bars_sections(times: Sequence[Bar], deviations: Sequence[Bar]) -> str:
    # Figures side by side are of one height.
    height = "low" if max(len(times), len(deviations)) > 2 else "flat"
    tempo = (
        "<section><h2>Tempo against what is asked</h2>"
        + _bars_legend(times)
        + page.plot("tempo", height, "Duration of each part. The values stand in the table.")
        + "</section>"
    )
    if not deviations:
        return tempo
    return (
        f"<div class='pair'>{tempo}<section><h2>Compensations against their limits</h2>"
        + _bars_legend(deviations)
        + page.plot("compensations", height, "Each compensation. The values stand in the table.")
        + "</section></div>"
    )


def _bars_legend(bars: Sequence[Bar]) -> str:
    entries = [("kept", "kept"), ("broken", "beyond"), ("asked", "asked")]
    if not all(bar.compared for bar in bars):
        entries.append(("unasked", "not asked for"))
    return page.legend(entries)


def _table(rows: Sequence[Row]) -> str:
    heads = [
        ("text", "Rule"),
        ("", "Measured"),
        ("", "Asked"),
        ("", "Margin"),
        ("", "Margin, sd"),
        ("text", "Outcome"),
    ]
    head = "".join(
        f"<th scope='col' role='columnheader'{classed(kind)}>{label}</th>" for kind, label in heads
    )
    return (
        "<section class='table'><h2>Every rule that applies</h2><table role='table' class='rules'>"
        "<caption>Measured with its standard deviation. The margin is the distance from what is "
        "asked, negative beyond it; a close call lies within one standard deviation (sd). Where a "
        "rule looks at several values, the worst one decides. A note never makes a repetition "
        "incorrect.</caption>"
        f"<thead role='rowgroup'><tr role='row'>{head}</tr></thead>"
        f"<tbody role='rowgroup'>{''.join(_row(row) for row in rows)}</tbody></table></section>"
    )


def _row(row: Row) -> str:
    cells = "".join(
        f"<td role='cell' data-label='{label}'>{text(value)}</td>"
        for label, value in (
            ("Measured", row.measured),
            ("Asked", row.asked),
            ("Margin", row.margin),
            ("Margin, sd", row.margin_sds),
        )
    )
    colour = _STATES[row.state]
    return (
        f"<tr role='row'{'' if row.decisive else classed('aside')}>"
        f"<th scope='row' role='rowheader' class='text'>{text(row.rule)}</th>{cells}"
        f"<td role='cell' class='text verdict {colour}'>{text(row.outcome)}</td></tr>"
    )
