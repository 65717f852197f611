"""The angle of one repetition in a few lines of text, with the levels that a template names.

A look in a terminal without a browser; the figure proper is `explanation_figure`'s.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Final

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from motion.events import RepetitionEvent
from server import wording
from server.curve import CurvePoint

ROWS: Final = 10
# Wider curves are no easier to read, narrower ones show no shape.
MOST_COLUMNS: Final = 72
LEAST_COLUMNS: Final = 16
_EIGHTHS: Final = " ▁▂▃▄▅▆▇█"

CURVE_STYLE: Final = "bold cyan"
AROUND_STYLE: Final = "dim"
LEVEL_STYLE: Final = "green"


class Sketch:
    """A renderable. points: degrees above the rest, in order of time. levels: (name, degrees)."""

    def __init__(
        self,
        points: Sequence[CurvePoint],
        event: RepetitionEvent,
        levels: Sequence[tuple[str, float]],
    ) -> None:
        self._points = [point for point in points if math.isfinite(point.angle_deg)]
        self._event = event
        self._levels = levels

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if not self._points:
            return
        plain = not options.encoding.startswith("utf")
        highest = max(point.angle_deg for point in self._points)
        shown = [level for level in self._levels if level[1] <= 2.0 * max(highest, 1.0)]
        top = 1.02 * max([highest, *(deg for _, deg in shown)])
        labels = self._labels(shown, top)
        margin = max(len(label) for label in labels)
        columns = min(MOST_COLUMNS, max(LEAST_COLUMNS, options.max_width - margin - 1))
        first_s, last_s = self._points[0].t_s, self._points[-1].t_s
        heights = self._heights(columns, first_s, last_s)
        for row in range(ROWS - 1, -1, -1):
            yield self._line(row, labels[row], margin, heights, top, first_s, last_s, plain=plain)
        yield from self._axis(margin, columns, first_s, last_s)

    def _labels(self, shown: Sequence[tuple[str, float]], top: float) -> list[str]:
        """What stands before each row, from the lowest on; the higher of two levels wins."""
        labels = ["rest", *[""] * (ROWS - 1)]
        for name, deg in shown:
            row = min(ROWS - 1, int(ROWS * deg / top))
            labels[row] = f"{name} {deg:.0f}°"
        return labels

    def _heights(self, columns: int, first_s: float, last_s: float) -> list[float | None]:
        """The highest angle in each column; None where there is none."""
        heights: list[float | None] = [None] * columns
        for point in self._points:
            column = _column(point.t_s, columns, first_s, last_s)
            before = heights[column]
            heights[column] = point.angle_deg if before is None else max(before, point.angle_deg)
        if columns > len(self._points):
            # A slow sensor leaves columns between two samples empty.
            for column in range(1, columns):
                if heights[column] is None:
                    heights[column] = heights[column - 1]
        return heights

    def _line(
        self,
        row: int,
        label: str,
        margin: int,
        heights: Sequence[float | None],
        top: float,
        first_s: float,
        last_s: float,
        *,
        plain: bool,
    ) -> Text:
        line = Text(label.rjust(margin) + " ", style=LEVEL_STYLE)
        levelled = bool(label)
        for column, height in enumerate(heights):
            eighths = 0 if height is None else round(8 * (ROWS * max(height, 0.0) / top - row))
            cell = _EIGHTHS[max(0, min(8, eighths))]
            if plain and cell != " ":
                cell = "#"
            t_s = first_s + (column + 0.5) * (last_s - first_s) / len(heights)
            within = self._event.start_s <= t_s <= self._event.end_s
            if cell == " " and levelled:
                line.append("." if plain else "·", style=LEVEL_STYLE)
            else:
                line.append(cell, style=CURVE_STYLE if within else AROUND_STYLE)
        return line

    def _axis(self, margin: int, columns: int, first_s: float, last_s: float) -> Iterator[Text]:
        """A mark under the start, the peak and the end, and their times."""
        event = self._event
        marks = [" "] * columns
        words = [" "] * columns
        free = 0
        for name, t_s in (("start", event.start_s), ("peak", event.peak_s), ("end", event.end_s)):
            column = _column(t_s, columns, first_s, last_s)
            marks[column] = "^"
            told = f"{name} {wording.clock(t_s)}"
            begin = max(free, min(column, columns - len(told)))
            if begin + len(told) <= columns:
                words[begin : begin + len(told)] = told
                free = begin + len(told) + 2
        yield Text(" " * (margin + 1) + "".join(marks), style=LEVEL_STYLE)
        yield Text(" " * (margin + 1) + "".join(words), style="dim")


def _column(t_s: float, columns: int, first_s: float, last_s: float) -> int:
    share = (t_s - first_s) / max(last_s - first_s, 1e-9)
    return max(0, min(columns - 1, int(columns * share)))
