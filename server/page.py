"""A page that needs nothing but itself: frame, style, script, and the parts that pages share.

Whatever stems from a file is escaped, and the page may load nothing. What stands on a page is its
own module's: `report`, `explanation_page`.
"""

import html
import json
import math
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, Final

from plotly.offline import get_plotlyjs

from devices.recording import Recording
from motion.template import ExerciseTemplate, Tempo
from server import figure, wording
from server.engine import engine_versions

# Nothing is fetched, whatever a recording's texts may hold.
_POLICY: Final = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"
)
CIRCLE: Final = '<svg viewBox="0 0 12 12" aria-hidden="true"><circle cx="6" cy="6" r="5"/></svg>'
CROSS: Final = (
    '<svg viewBox="0 0 12 12" aria-hidden="true">'
    '<path d="M2 2 10 10M10 2 2 10" stroke-width="3.2"/></svg>'
)


def page(title: str, body: Sequence[str], figures: Mapping[str, Any]) -> str:
    """The whole document. body: parts as HTML, empty ones left out; figures: by the name that
    `plot` gives them."""
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
            f"<title>{text(title)}</title>",
            f"<style>{_resource('page.css')}</style>",
            "</head>",
            "<body>",
            "<main>",
            *(part for part in body if part),
            "</main>",
            *data,
            f"<script>{get_plotlyjs()}</script>",
            f"<script>{_resource('page.js')}</script>",
            "</body>",
            "</html>",
            "",
        ]
    )


def _resource(name: str) -> str:
    return resources.files("server").joinpath(name).read_text("utf-8")


def text(text: str) -> str:
    """`text` as HTML shows it."""
    return html.escape(wording.printable(text))


def sentence(words: str) -> str:
    """`words` as HTML shows them, numbers kept with their per cent sign."""
    return text(words).replace(" %", "&nbsp;%")


def _json(name: str, document: str) -> str:
    """Data for the script; nothing within it can end the element."""
    safe = document.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return f'<script type="application/json" id="{name}">{safe}</script>'


def classed(name: str) -> str:
    """The attribute of a class, or nothing."""
    return f" class='{name}'" if name else ""


def head(title: str, facts: Sequence[str]) -> str:
    """The title, and what is to be known before all else."""
    spans = "".join(f"<span>{text(fact)}</span>" for fact in facts)
    return f"<header><h1>{text(title)}</h1><p class='meta'>{spans}</p></header>"


def recording_facts(recording: Recording, side: str | None) -> list[str]:
    """Which recording, which side, when."""
    info = recording.info
    facts = [f"Recording {info.id or Path(recording.path).name}"]
    if side is not None:
        facts.append(f"{side} side")
    if info.started_at is not None:
        facts.append(f"{info.started_at:%d %B %Y, %H:%M}")
    return facts


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
        "kept": '<rect width="22" height="14" fill="var(--correct-mark)"/>',
        "broken": '<rect width="22" height="14" fill="var(--incorrect-mark)"/>'
        '<path d="M0 14 14 0M8 14 22 0" stroke="var(--hatching)" opacity=".5"/>',
        "asked": '<rect width="22" height="14" fill="var(--target)" opacity=".2"/>'
        '<path d="M1 0V14M21 0V14" stroke="var(--target)" stroke-width="2"/>',
        "unasked": '<rect width="22" height="14" fill="var(--muted)"/>',
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


def legend(entries: Sequence[tuple[str, str]]) -> str:
    """What the marks of a figure mean: (kind of mark, label)."""
    items = "".join(f"<li>{_swatch(kind)}{label}</li>" for kind, label in entries)
    return f"<ul class='legend'>{items}</ul>"


def plot(name: str, height: str, description: str) -> str:
    """The place of a figure. height: `tall`, `low` or `flat`."""
    return (
        f"<div class='plot {height}' data-figure='figure-{name}' role='img' "
        f"aria-label='{description}'></div>"
    )


def notes(lines: Sequence[str], template: ExerciseTemplate) -> str:
    """What is to be known about data and template, or nothing."""
    told = [*lines]
    if template.cannot_see:
        told.append(f"What the sensors cannot see: {template.cannot_see}")
    if not told:
        return ""
    items = "".join(f"<li>{text(line)}</li>" for line in told)
    return f"<section class='notes'><h2>What to know</h2><ul>{items}</ul></section>"


def _measured_from(template: ExerciseTemplate) -> list[tuple[str, str]]:
    if template.range.measured_from == "rest":
        return []
    return [("Measured", wording.measured_from(template))]


def prescription(template: ExerciseTemplate) -> str:
    """What the template asks for."""
    target = template.range
    entries = [
        ("Minimum", wording.least_words(target)),
        ("Goal", f"{target.goal_deg:g}°"),
        ("Limit", f"{target.limit_deg:g}°"),
        *_measured_from(template),
        *_tempo_entries(template.tempo),
        *(
            (wording.rule_words(each.name).capitalize(), f"at most {each.limit_deg:g}°")
            for each in template.compensations
        ),
        ("Dose", f"{template.dose.sets} x {template.dose.repetitions}"),
        ("Template", f"{template.id}, version {template.version}"),
    ]
    items = "".join(
        f"<div><dt>{text(name)}</dt><dd>{text(value)}</dd></div>" for name, value in entries
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


def footer() -> str:
    """What made the page."""
    engine: dict[str, Any] = engine_versions()
    versions = ", ".join(f"{name} {engine[name]}" for name in ("gonio", "numpy", "numba", "cpu"))
    return f"<footer><p>Made by {text(versions)}.</p></footer>"
