"""Figures of a replay, built once with plotly for report, page and notebook alike.

Angle over time, range and tempo of each repetition, trends within a set. Colours tell correct from
incorrect to the colour-blind too, and never alone: hatching and marker shapes say the same. The
page around the figures is `report`'s.
"""

import bisect
import dataclasses
import html
import math
import statistics
from collections.abc import Sequence
from typing import Any, Final

import plotly.graph_objects as go

from motion.events import RepetitionEvent, Silence, Verdict
from motion.quantity import Quantity
from motion.template import ExerciseTemplate
from motion.trend import SetTrend, Trend
from server import wording
from server.curve import AngleCurve, CurvePoint

# Okabe & Ito, "Color Universal Design" (2008): blue, vermilion, bluish green.
CORRECT: Final = "#0072b2"
INCORRECT: Final = "#d55e00"
TARGET: Final = "#009e73"
# Parts of a repetition, from ColorBrewer's colour-blind safe PuOr: none is taken for a verdict.
OUT: Final = "#5e3c99"
HOLD: Final = "#fdb863"
BACK: Final = "#b2abd2"
INK: Final = "#1b2430"
# Hatching over light bars: dark on a dark page too, so it is not INK.
HATCHING: Final = "#1a2231"
MUTED: Final = "#55606e"
GRID: Final = "#e3e8ee"
SILENCE: Final = "#8a94a0"
# What replaces them on a dark page, each with a contrast of at least 3 to the page there.
DARK: Final = {
    CORRECT: "#4fb0ea",
    INCORRECT: "#ff9350",
    TARGET: "#2cc99a",
    OUT: "#9d7fd6",
    HOLD: "#e8a450",
    BACK: "#cfc8ea",
    INK: "#e8edf3",
    MUTED: "#a3aebb",
    GRID: "#2c3541",
    SILENCE: "#7d8896",
}

# More numbers than this beside the peaks would cover each other.
MOST_LABELS: Final = 60
# Marks of more repetitions than this are small, and have no bars of uncertainty.
MANY: Final = 200
# Opacity of plain and of hatched bands: equally strong to the eye, and weaker than the curve.
SHADE: Final = 0.12
HATCH: Final = 0.28
# Opacity of the target zone, which lies under the bands.
ZONE: Final = 0.06
# How the times of a set are told apart: symbol and dash.
TIMES: Final = {
    Quantity.OUT: ("circle", "solid"),
    Quantity.HOLD: ("square-open", "dot"),
    Quantity.BACK: ("diamond-open", "dash"),
}
# Width of the line of a trend that is stated, and of one that is not.
STATED_WIDTH: Final = 2.6
UNSTATED_WIDTH: Final = 1.1
# Digits behind the point: finer than any screen shows, and half of the page's size.
DIGITS: Final = 3
# Room above the highest peak for its number, as a share of the visible range.
HEADROOM: Final = 0.12

_NAN: Final = math.nan
_FONT: Final = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', sans-serif"


def angle_figure(
    curve: AngleCurve,
    repetitions: Sequence[RepetitionEvent],
    silences: Sequence[Silence],
    template: ExerciseTemplate,
) -> Any:
    """Angle over time with its uncertainty, repetitions shaded by verdict, target, silences.

    The angle is shown from the usual rest between repetitions, as ranges are, so that the target
    can be read off; what the engine calls zero is wherever the recording began.
    """
    points = _above_rest(curve.points(), repetitions)
    figure = go.Figure()
    low, high = _visible(points, template)
    times = [point.t_s for point in points]
    ends = [*times, *(event.start_s for event in repetitions), *(e.end_s for e in repetitions)]
    span = [min(ends), max(ends)] if ends else [0.0, 1.0]
    # So that a marker at the very start or end is whole.
    margin = 0.01 * (span[1] - span[0])
    span = [span[0] - margin, span[1] + margin]
    for verdict, colour, pattern in (
        (Verdict.CORRECT, CORRECT, ""),
        (Verdict.INCORRECT, INCORRECT, "/"),
    ):
        spans = [(e.start_s, e.end_s) for e in repetitions if e.verdict is verdict]
        figure.add_trace(_shading(spans, colour, pattern, verdict.value))
    silent = [(silence.from_s, silence.to_s) for silence in silences]
    figure.add_trace(_shading(silent, SILENCE, "x", "sensor silent"))
    figure.add_trace(uncertainty(points))
    figure.add_trace(angle_line(points))
    for verdict, colour, symbol in (
        (Verdict.CORRECT, CORRECT, "circle"),
        (Verdict.INCORRECT, INCORRECT, "x"),
    ):
        chosen = [event for event in repetitions if event.verdict is verdict]
        peaks = _peaks(
            chosen, points, colour, verdict.value, labels=len(repetitions) <= MOST_LABELS
        )
        peaks.marker = _marker(colour, symbol, len(repetitions))
        figure.add_trace(peaks)
    _target(figure, template, high, layer="above")
    figure.update_layout(**layout())
    figure.update_layout(
        hovermode="closest",
        xaxis={**axis("time, s"), "range": span, "minallowed": span[0], "maxallowed": span[1]},
        yaxis={**axis(wording.angle_axis(template)), "range": [low, high]},
        # Shading covers the whole height, however the angle is zoomed.
        yaxis2={"overlaying": "y", "range": [0, 1], "visible": False, "fixedrange": True},
    )
    return figure


def _add_ranges(
    figure: Any, repetitions: Sequence[RepetitionEvent], numbers: Sequence[int]
) -> None:
    """Ranges over the numbers of their repetitions, with standard deviations, by verdict."""
    numbered = list(zip(numbers, repetitions, strict=True))
    for verdict, colour, symbol in (
        (Verdict.CORRECT, CORRECT, "circle"),
        (Verdict.INCORRECT, INCORRECT, "x"),
    ):
        chosen = [(number, event) for number, event in numbered if event.verdict is verdict]
        figure.add_trace(
            go.Scatter(
                x=[number for number, _ in chosen],
                y=[event.judged_range_deg for _, event in chosen],
                error_y={
                    "type": "data",
                    "array": [event.rom_sd_deg for _, event in chosen],
                    "color": colour,
                    "thickness": 1.2,
                    "width": 2,
                    "visible": len(numbered) <= MANY,
                },
                mode="markers",
                marker=_marker(colour, symbol, len(numbered)),
                name=verdict.value,
                customdata=[_hover(event) for _, event in chosen],
                hovertemplate="%{customdata}<extra></extra>",
            )
        )


def range_figure(repetitions: Sequence[RepetitionEvent], template: ExerciseTemplate) -> Any:
    """Range of each repetition with its standard deviation, against minimum, goal and limit."""
    figure = go.Figure()
    _add_ranges(figure, repetitions, range(1, len(repetitions) + 1))
    tops = [event.judged_range_deg + event.rom_sd_deg for event in repetitions]
    top = 1.1 * max([*tops, template.range.goal_deg])
    _target(figure, template, top)
    figure.update_layout(**layout())
    figure.update_layout(
        xaxis=_numbers(len(repetitions)),
        yaxis={**axis(wording.range_axis(template)), "range": [0.0, top]},
    )
    return figure


def tempo_figure(repetitions: Sequence[RepetitionEvent]) -> Any:
    """Seconds out, held and back of each repetition, one upon the other."""
    figure = go.Figure()
    numbers = list(range(1, len(repetitions) + 1))
    for name, colour, pattern, values in (
        ("out", OUT, "", [event.out_s for event in repetitions]),
        ("hold", HOLD, "/", [event.hold_s for event in repetitions]),
        ("back", BACK, ".", [event.back_s for event in repetitions]),
    ):
        figure.add_trace(
            go.Bar(
                x=numbers,
                y=values,
                name=name,
                marker={
                    "color": colour,
                    "line": {"width": 0},
                    "pattern": {
                        "shape": pattern,
                        "solidity": 0.25,
                        "size": 6,
                        "fillmode": "overlay",
                        "fgcolor": HATCHING,
                        "fgopacity": 0.5,
                    },
                },
                customdata=[_hover(event) for event in repetitions],
                hovertemplate=f"{name} %{{y:.1f}} s<br>%{{customdata}}<extra></extra>",
            )
        )
    figure.update_layout(**layout())
    figure.update_layout(
        margin={**layout()["margin"], "r": 16},
        barmode="stack",
        bargap=0.3,
        xaxis=_numbers(len(repetitions)),
        yaxis={**axis("duration, s"), "rangemode": "tozero"},
    )
    return figure


def trend_range_figure(trend: SetTrend) -> Any:
    """Range of the repetitions of one set, with the line of its trend."""
    figure = go.Figure()
    events = trend.repetitions
    _add_ranges(figure, events, [event.index for event in events])
    if Quantity.RANGE in trend.trends:
        figure.add_trace(_trend_line(trend.trends[Quantity.RANGE], INK, "solid"))
    top = 1.1 * max(event.judged_range_deg + event.rom_sd_deg for event in events)
    return _by_number(figure, trend, {**axis("range, °"), "range": [0.0, top]})


def trend_times(trend: SetTrend) -> list[Quantity]:
    """The times that `trend_time_figure` shows: both ways, and the hold where it says something."""
    trends = trend.trends
    return [
        quantity
        for quantity in TIMES
        if quantity in trends
        and (quantity is not Quantity.HOLD or trends[quantity].stated or Quantity.OUT not in trends)
    ]


def trend_time_figure(trend: SetTrend) -> Any:
    """Times of the repetitions of one set, with the lines of their trends."""
    figure = go.Figure()
    events = trend.repetitions
    top = 0.0
    for quantity in trend_times(trend):
        symbol, dash = TIMES[quantity]
        values = [quantity.of(event) for event in events]
        top = max(top, *values)
        figure.add_trace(
            go.Scatter(
                x=[event.index for event in events],
                y=values,
                mode="markers",
                marker=_marker(OUT, symbol, len(events)),
                name=wording.quantity_words(quantity),
                customdata=[_hover(event) for event in events],
                hovertemplate="%{customdata}<extra></extra>",
            )
        )
        figure.add_trace(_trend_line(trend.trends[quantity], OUT, dash))
    return _by_number(figure, trend, {**axis("time, s"), "range": [0.0, 1.1 * top]})


def _trend_line(trend: Trend, colour: str, dash: str) -> Any:
    return go.Scatter(
        x=[trend.first, trend.last],
        y=[trend.before, trend.after],
        mode="lines",
        line={
            "color": colour,
            "width": STATED_WIDTH if trend.stated else UNSTATED_WIDTH,
            "dash": dash,
        },
        name=f"trend of the {wording.quantity_words(trend.quantity)}",
        hovertemplate=f"{wording.change_words(trend)}<extra></extra>",
    )


def _by_number(figure: Any, trend: SetTrend, yaxis: dict[str, Any]) -> Any:
    """The figure over the numbers of the repetitions in their set."""
    first, last = trend.repetitions[0].index, trend.repetitions[-1].index
    figure.update_layout(**layout())
    figure.update_layout(
        margin={**layout()["margin"], "r": 16}, xaxis=_numbers(last, first), yaxis=yaxis
    )
    return figure


def layout() -> dict[str, Any]:
    """What all figures share."""
    return {
        "template": None,
        "showlegend": False,
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": _FONT, "size": 13, "color": INK},
        "margin": {"l": 52, "r": 64, "t": 12, "b": 46},
        "hoverlabel": {"align": "left"},
    }


def axis(title: str) -> dict[str, Any]:
    """An axis with this title."""
    return {
        "title": {"text": title, "font": {"size": 13, "color": MUTED}},
        "gridcolor": GRID,
        "linecolor": GRID,
        "tickcolor": GRID,
        "tickfont": {"color": MUTED},
        "zeroline": False,
        "ticks": "outside",
    }


def _numbers(last: int, first: int = 1) -> dict[str, Any]:
    span = [first - 0.6, max(last, first) + 0.6]
    return {
        **axis("repetition"),
        "range": span,
        "showgrid": False,
        "dtick": 1 if last - first < 12 else None,
        "tickformat": "d",
        "minallowed": span[0],
        "maxallowed": span[1],
    }


def _visible(points: Sequence[CurvePoint], template: ExerciseTemplate) -> tuple[float, float]:
    """Lowest and highest angle to show: all of the curve, and the goal."""
    angles = [point.angle_deg for point in points if math.isfinite(point.angle_deg)]
    low = min([0.0, *angles])
    high = max([template.range.goal_deg, *angles])
    room = HEADROOM * (high - low)
    return low - 0.5 * room, high + room


def _shading(spans: Sequence[tuple[float, float]], colour: str, pattern: str, name: str) -> Any:
    """Upright bands over `spans` as one trace."""
    x: list[float] = []
    y: list[float] = []
    for start, end in spans:
        x += _rounded(start, start, end, end, start, _NAN)
        y += [0.0, 1.0, 1.0, 0.0, 0.0, _NAN]
    fill = {"shape": pattern, "fgcolor": colour, "bgcolor": "rgba(0,0,0,0)", "size": 8}
    return go.Scatter(
        x=x,
        y=y,
        yaxis="y2",
        mode="none",
        fill="toself",
        fillcolor=colour if not pattern else "rgba(0,0,0,0)",
        fillpattern=fill if pattern else None,
        opacity=SHADE if not pattern else HATCH,
        hoverinfo="skip",
        name=name,
    )


def uncertainty(points: Sequence[CurvePoint]) -> Any:
    """One standard deviation either side; each stretch without a gap is a polygon."""
    x: list[float] = []
    y: list[float] = []
    for stretch in _stretches(points):
        times = _rounded(*(point.t_s for point in stretch))
        x += [*times, *reversed(times), _NAN]
        y += _rounded(*(point.angle_deg + point.angle_sd_deg for point in stretch))
        y += _rounded(*(point.angle_deg - point.angle_sd_deg for point in reversed(stretch)), _NAN)
    return go.Scatter(
        x=x,
        y=y,
        mode="none",
        fill="toself",
        fillcolor=MUTED,
        opacity=0.22,
        hoverinfo="skip",
        name="± 1 standard deviation",
    )


def angle_line(points: Sequence[CurvePoint]) -> Any:
    """The angle over time, with gaps where it was not known."""
    x: list[float] = []
    y: list[float] = []
    sd: list[float] = []
    for stretch in _stretches(points):
        x += _rounded(*(point.t_s for point in stretch), _NAN)
        y += _rounded(*(point.angle_deg for point in stretch), _NAN)
        sd += _rounded(*(point.angle_sd_deg for point in stretch), _NAN)
    return go.Scatter(
        x=x,
        y=y,
        customdata=sd,
        mode="lines",
        line={"color": INK, "width": 1.6},
        name="angle",
        hovertemplate="%{x:.2f} s: %{y:.1f}° ± %{customdata:.1f}<extra></extra>",
    )


def _rounded(*values: float) -> list[float]:
    return [round(value, DIGITS) for value in values]


def _stretches(points: Sequence[CurvePoint]) -> list[list[CurvePoint]]:
    stretches: list[list[CurvePoint]] = []
    for point in points:
        if point.after_gap or not stretches:
            stretches.append([])
        stretches[-1].append(point)
    return stretches


def _marker(colour: str, symbol: str, repetitions: int) -> dict[str, Any]:
    return {"color": colour, "symbol": symbol, "size": 8 if repetitions <= MANY else 4}


def _peaks(
    repetitions: Sequence[RepetitionEvent],
    points: Sequence[CurvePoint],
    colour: str,
    name: str,
    *,
    labels: bool,
) -> Any:
    return go.Scatter(
        x=[event.peak_s for event in repetitions],
        y=[_height(event, points) for event in repetitions],
        mode="markers+text" if labels else "markers",
        text=[str(event.index) for event in repetitions] if labels else None,
        textposition="top center",
        textfont={"size": 11, "color": colour},
        name=name,
        customdata=[_hover(event) for event in repetitions],
        hovertemplate="%{customdata}<extra></extra>",
    )


def _above_rest(
    points: Sequence[CurvePoint], repetitions: Sequence[RepetitionEvent]
) -> list[CurvePoint]:
    """The curve from the median of where the ranges of the repetitions are measured from."""
    rests = [_height(event, points) - event.judged_range_deg for event in repetitions]
    rest_deg = statistics.median(rests) if rests else 0.0
    return [dataclasses.replace(p, angle_deg=p.angle_deg - rest_deg) for p in points]


def _height(event: RepetitionEvent, points: Sequence[CurvePoint]) -> float:
    """The angle at the peak; the range where the angle is not known there."""
    first = bisect.bisect_left(points, event.start_s, key=_time)
    last = bisect.bisect_right(points, event.end_s, key=_time)
    return max((point.angle_deg for point in points[first:last]), default=event.judged_range_deg)


def _time(point: CurvePoint) -> float:
    return point.t_s


def _hover(event: RepetitionEvent) -> str:
    """What a repetition says of itself; texts that may stem from a file are escaped."""
    verdict = "correct" if event.verdict is Verdict.CORRECT else wording.rules_words(event.faults)
    lines = [
        f"<b>Repetition {event.index}</b>: {html.escape(verdict)}",
        f"range {event.judged_range_deg:.0f}° ± {event.rom_sd_deg:.0f}, score {event.score:.0f}",
        f"out / hold / back {wording.tempo_words(event)} s",
    ]
    if aside := wording.aside_words(event):
        lines.append(html.escape(aside))
    return "<br>".join(lines)


def _target(figure: Any, template: ExerciseTemplate, top: float, layer: str = "below") -> None:
    """The zone from minimum to limit, and its lines with their names where they are visible.

    layer: of the lines, above or below what is drawn over the zone.
    """
    target = template.range
    figure.add_shape(
        type="rect",
        xref="paper",
        x0=0,
        x1=1,
        y0=target.minimum_deg,
        y1=target.limit_deg,
        line={"width": 0},
        fillcolor=TARGET,
        opacity=ZONE,
        layer="below",
    )
    for name, value, dash in (
        ("minimum", target.minimum_deg, "dot"),
        ("goal", target.goal_deg, "solid"),
        ("limit", target.limit_deg, "dash"),
    ):
        if value > top:
            continue
        figure.add_shape(
            type="line",
            xref="paper",
            x0=0,
            x1=1,
            y0=value,
            y1=value,
            line={"color": TARGET, "width": 1.5, "dash": dash},
            layer=layer,
        )
        figure.add_annotation(
            xref="paper",
            x=1,
            xanchor="left",
            y=value,
            yanchor="middle",
            text=f" {name}<br> {value:g}°",
            align="left",
            showarrow=False,
            font={"size": 11, "color": TARGET},
        )
