"""Figures of one repetition: its angle with parts and levels, its values against what is asked.

Colours and axes are `figure`'s; the page around them is `explanation_page`'s.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import plotly.graph_objects as go

from motion.events import RepetitionEvent
from motion.measure import LONGEST_ABSENCE_S
from motion.quality import Bound, Comparison
from motion.template import HoldBand
from server import wording
from server.curve import CurvePoint
from server.explanation import Explanation, levels
from server.figure import (
    BACK,
    CORRECT,
    HATCHING,
    HEADROOM,
    HOLD,
    INCORRECT,
    INK,
    MUTED,
    OUT,
    TARGET,
    ZONE,
    angle_line,
    axis,
    layout,
    uncertainty,
)

# A level further up than so many times what was reached would squeeze the curve to a line.
FURTHEST_SHOWN: Final = 2.5
# Pixels of the plot on a phone, where levels are closest to each other, and of a line of text.
PHONE_PX: Final = 262.0
LABEL_PX: Final = 13.0
# Width of the plot on a phone, and of the name of a part.
PHONE_WIDTH_PX: Final = 224.0
NAME_PX: Final = 30.0
# Room beside the curve, as a share of the time shown.
EDGE: Final = 0.02
# Bars: half the height of the asked zone and of the value, in rows.
_ZONE_HALF: Final = 0.28
_BAR: Final = 0.3
# The colours of the parts are the tempo figure's, whose bars are opaque: weaker under a curve.
PART_OPACITY: Final = 0.3


def angle_figure(explanation: Explanation) -> Any:
    """The angle, from where ranges are measured, over session time: parts shaded, start, peak and
    end marked, the levels of the template as lines."""
    sought = explanation.sought
    event, template = sought.evidence.event, sought.evidence.template
    points = sought.points
    figure = go.Figure()
    figure.add_trace(uncertainty(points))
    figure.add_trace(angle_line(points))
    angles = [point.angle_deg for point in points if math.isfinite(point.angle_deg)]
    highest = max([event.judged_range_deg, *angles])
    named = levels(template, sought.evidence.reference)
    shown = [level for level in named if level[1] <= FURTHEST_SHOWN * max(highest, 1.0)]
    top = max([highest, *(deg for _, deg in shown)])
    low = min([0.0, *angles])
    room = HEADROOM * (top - low)
    visible = (low - room, top + room)
    figure.add_trace(_moments(explanation))
    zone = (dict(named).get("min", template.range.minimum_deg), template.range.limit_deg)
    _levels(figure, zone, shown, visible)
    times = [event.start_s, event.end_s, *(point.t_s for point in points)]
    # So that a marker at the very start or end is whole.
    margin = EDGE * (max(times) - min(times))
    span = [min(times) - margin, max(times) + margin]
    _shade(figure, explanation, span[1] - span[0])
    figure.update_layout(**layout())
    figure.update_layout(
        hovermode="closest",
        xaxis={
            **axis("time in the recording, s"),
            "range": span,
            "minallowed": span[0],
            "maxallowed": span[1],
        },
        yaxis={**axis(f"angle {wording.measured_from(template)}, °"), "range": list(visible)},
    )
    return figure


def _parts(explanation: Explanation) -> list[tuple[str, str, float, float]]:
    """(name, colour, from, to) in seconds of session time: the way out, the hold, the way back.

    Of a hold, only where the angle was in its band: that may be several stretches.
    """
    sought = explanation.sought
    event, band = sought.evidence.event, sought.evidence.template.band
    if band is not None:
        return [("hold", HOLD, *stretch) for stretch in _in_band(sought.points, event, band)]
    # The parts lie between the crossings of the band, start and end of a learned exercise outside.
    left_s = sought.evidence.left_s
    turned_s = left_s + event.out_s
    back_s = turned_s + event.hold_s
    parts = [
        ("out", OUT, left_s, turned_s),
        ("hold", HOLD, turned_s, back_s),
        ("back", BACK, back_s, back_s + event.back_s),
    ]
    return [part for part in parts if part[3] > part[2]]


def _in_band(
    points: Sequence[CurvePoint], event: RepetitionEvent, band: HoldBand
) -> list[tuple[float, float]]:
    """Stretches in the band, absences so short that they count as held included."""
    stretches: list[tuple[float, float]] = []
    away = False
    for point in points:
        if not event.start_s <= point.t_s <= event.end_s:
            continue
        if abs(point.angle_deg - band.target_deg) > band.band_deg:
            away = True
            continue
        if stretches and (not away or point.t_s - stretches[-1][1] <= LONGEST_ABSENCE_S):
            stretches[-1] = (stretches[-1][0], point.t_s)
        else:
            stretches.append((point.t_s, point.t_s))
        away = False
    return stretches


def _shade(figure: Any, explanation: Explanation, shown_s: float) -> None:
    """The parts as bands under the curve, named where there is room."""
    for name, colour, from_s, to_s in _parts(explanation):
        figure.add_shape(
            type="rect",
            yref="paper",
            x0=from_s,
            x1=to_s,
            y0=0,
            y1=1,
            line={"width": 0},
            fillcolor=colour,
            opacity=PART_OPACITY,
            layer="below",
        )
        if PHONE_WIDTH_PX * (to_s - from_s) / shown_s >= NAME_PX:
            figure.add_annotation(
                x=0.5 * (from_s + to_s),
                yref="paper",
                y=0.0,
                yanchor="bottom",
                text=name,
                showarrow=False,
                font={"size": 12, "color": INK},
            )


def _moments(explanation: Explanation) -> Any:
    """Start, peak and end on the curve; a start that was not seen is none."""
    sought = explanation.sought
    event = sought.evidence.event
    named = [
        ("start", event.start_s, "top left"),
        ("peak", event.peak_s, "top center"),
        ("end", event.end_s, "top right"),
    ]
    if not sought.evidence.measure.whole:
        named = named[1:]
    return go.Scatter(
        x=[t_s for _, t_s, _ in named],
        y=[_height(sought.points, t_s) for _, t_s, _ in named],
        mode="markers+text",
        text=[name for name, _, _ in named],
        textposition=[place for _, _, place in named],
        textfont={"size": 12, "color": INK},
        marker={"color": INK, "size": 8},
        cliponaxis=False,
        name="moments",
        customdata=[f"{name} at {wording.clock(t_s)}" for name, t_s, _ in named],
        hovertemplate="%{customdata}, %{y:.1f}°<extra></extra>",
    )


def _height(points: Sequence[CurvePoint], t_s: float) -> float:
    """The angle of the point nearest in time."""
    nearest = min(points, key=lambda point: abs(point.t_s - t_s), default=None)
    return 0.0 if nearest is None else nearest.angle_deg


def _levels(
    figure: Any,
    zone: tuple[float, float],
    shown: Sequence[tuple[str, float]],
    visible: tuple[float, float],
) -> None:
    """The zone that is asked for, its lines, and their names where they do not cover each other."""
    low, high = visible
    figure.add_shape(
        type="rect",
        xref="paper",
        x0=0,
        x1=1,
        y0=zone[0],
        y1=min(zone[1], high),
        line={"width": 0},
        fillcolor=TARGET,
        opacity=ZONE,
        layer="below",
    )
    lines = [("rest", 0.0, MUTED, "solid")]
    dashes = {"goal": "solid", "target": "solid", "limit": "dash", "counts": "dashdot"}
    lines += [(name, deg, TARGET, dashes.get(name, "dot")) for name, deg in shown]
    px = [PHONE_PX * (deg - low) / (high - low) for _, deg, _, _ in lines]
    for (name, deg, colour, dash), at, placed in zip(lines, px, _spread(px), strict=True):
        figure.add_shape(
            type="line",
            xref="paper",
            x0=0,
            x1=1,
            y0=deg,
            y1=deg,
            line={"color": colour, "width": 1.5, "dash": dash},
            layer="above",
        )
        figure.add_annotation(
            xref="paper",
            x=1,
            xanchor="left",
            y=deg,
            yanchor="middle",
            yshift=placed - at,
            text=f" {name}" if name == "rest" else f" {name} {deg:.0f}°",
            showarrow=False,
            font={"size": 11, "color": colour},
        )


def _spread(heights: Sequence[float]) -> list[float]:
    """The same heights, ascending, at least a line of text apart."""
    placed: list[float] = []
    for height in heights:
        placed.append(max(height, placed[-1] + LABEL_PX) if placed else height)
    return placed


@dataclass(frozen=True, slots=True)
class Bar:
    """A value, and what rules compare it with: nothing where none looks at it."""

    label: str
    value: float
    sd: float
    compared: tuple[Comparison, ...]

    @property
    def kept(self) -> bool:
        return all(each.kept for each in self.compared)

    @property
    def least(self) -> float:
        """The lower end of what is asked; none of these values is negative."""
        found = [each.threshold for each in self.compared if each.bound is Bound.LEAST]
        return max(found, default=0.0)

    @property
    def most(self) -> float | None:
        """The upper end, None where there is none."""
        found = [each.threshold for each in self.compared if each.bound is Bound.MOST]
        return min(found, default=None)


def tempo_bars(explanation: Explanation) -> list[Bar]:
    """Every part of the repetition, in seconds; of a hold only what is asked of it.

    Where the start was not seen, the way back is all that is known.
    """
    evidence = explanation.sought.evidence
    measure = evidence.measure
    parts = (
        ("out", "out_s", measure.out_s),
        ("hold", "hold_s", measure.hold_s),
        ("back", "back_s", measure.back_s),
        ("above a fifth", "active_s", measure.active_s),
    )
    bars = [
        Bar(label, value, measure.time_sd_s, _compared(explanation, name))
        for label, name, value in parts
    ]
    if not measure.whole:
        return [bar for bar in bars if bar.label == "back"]
    if evidence.template.band is None:
        return bars
    return [bar for bar in bars if bar.label == "hold" or bar.compared]


def compensation_bars(explanation: Explanation) -> list[Bar]:
    """Every compensation that was measured, in degrees."""
    measured = explanation.sought.evidence.measure.compensations
    return [
        Bar(wording.rule_words(name), value_deg, sd_deg, _compared(explanation, name))
        for name, (value_deg, sd_deg) in measured.items()
    ]


def _compared(explanation: Explanation, measured: str) -> tuple[Comparison, ...]:
    """Every comparison of one value, whatever rule it belongs to."""
    return tuple(
        comparison
        for outcome in explanation.outcomes
        for comparison in outcome.comparisons
        if comparison.measured == measured
    )


def bars_figure(bars: Sequence[Bar], title: str, unit: str, digits: int) -> Any:
    """Each value as a bar over the zone that is asked for, whose ends are numbered."""
    figure = go.Figure()
    reached = max((max(bar.value + bar.sd, bar.least) for bar in bars), default=0.0)
    ends = [
        bar.most
        for bar in bars
        if bar.most is not None and bar.most <= FURTHEST_SHOWN * max(reached, 1e-9)
    ]
    top = 1.12 * max([reached, *ends, 1e-9])
    count = len(bars)
    for number, bar in enumerate(bars):
        row = count - 1 - number
        if bar.compared:
            _zone(figure, row, bar.least, bar.most, top)
        figure.add_annotation(
            x=0.0,
            xanchor="left",
            y=row + _ZONE_HALF,
            yanchor="bottom",
            yshift=-2,
            text=_figures(bar, unit, digits),
            showarrow=False,
            font={"size": 12, "color": INK},
        )
    figure.add_trace(
        go.Bar(
            orientation="h",
            x=[bar.value for bar in bars],
            y=list(range(count - 1, -1, -1)),
            width=_BAR,
            marker={
                "color": [_colour(bar) for bar in bars],
                "line": {"width": 0},
                "pattern": {
                    "shape": ["" if bar.kept else "/" for bar in bars],
                    "solidity": 0.25,
                    "size": 6,
                    "fillmode": "overlay",
                    "fgcolor": HATCHING,
                    "fgopacity": 0.5,
                },
            },
            error_x={
                "type": "data",
                "array": [bar.sd for bar in bars],
                "color": INK,
                "thickness": 1.4,
                "width": 4,
            },
            hovertemplate=f"%{{x:.{digits}f}}{unit}<extra></extra>",
            name=title,
        )
    )
    figure.update_layout(**layout())
    figure.update_layout(
        margin={"l": 96, "r": 20, "t": 12, "b": 46},
        bargap=0.0,
        xaxis={**axis(title), "range": [0.0, top]},
        yaxis={
            **axis(""),
            "range": [-0.5, count - 0.3],
            "tickmode": "array",
            "tickvals": list(range(count - 1, -1, -1)),
            "ticktext": [f"{_wrapped(bar.label)} " for bar in bars],
            "showgrid": False,
            "ticks": "",
            "fixedrange": True,
        },
    )
    return figure


def _colour(bar: Bar) -> str:
    if not bar.compared:
        return MUTED
    return CORRECT if bar.kept else INCORRECT


def _figures(bar: Bar, unit: str, digits: int) -> str:
    """The value in figures, and what is asked."""
    value = f"<b>{bar.value:.{digits}f}{unit}</b>"
    if not bar.compared:
        return value
    if bar.most is None:
        return f"{value}, at least {bar.least:.4g}{unit}"
    if bar.least == 0.0:
        return f"{value}, at most {bar.most:.4g}{unit}"
    return f"{value}, asked {bar.least:.4g} to {bar.most:.4g}{unit}"


def _wrapped(label: str) -> str:
    """A compensation's name over two lines where one has no room for it."""
    words = label.split(" ")
    if len(label) <= 13 or len(words) < 2:
        return label
    half = (len(words) + 1) // 2
    return " ".join(words[:half]) + "<br>" + " ".join(words[half:])


def _zone(figure: Any, row: int, least: float, most: float | None, top: float) -> None:
    """The asked interval of one row, with a line at each end that is in sight."""
    figure.add_shape(
        type="rect",
        x0=least,
        x1=top if most is None else min(most, top),
        y0=row - _ZONE_HALF,
        y1=row + _ZONE_HALF,
        line={"width": 0},
        fillcolor=TARGET,
        opacity=0.16,
        layer="below",
    )
    for end in (least, most):
        if end is not None and 0.0 < end <= top:
            figure.add_shape(
                type="line",
                x0=end,
                x1=end,
                y0=row - _ZONE_HALF,
                y1=row + _ZONE_HALF,
                line={"color": TARGET, "width": 2},
                layer="above",
            )
