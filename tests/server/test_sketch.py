"""The curve of a repetition in a terminal."""

import io

import pytest
from rich.console import Console

from server.curve import CurvePoint
from server.explanation import levels
from server.sketch import ROWS, Sketch
from tests.server.explanations import exercise, explained
from tests.server.outcomes import repetition


def drawn(sketch: Sketch, width: int = 80, encoding: str = "utf-8") -> list[str]:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    Console(file=stream, width=width).print(sketch)
    stream.flush()
    stream.seek(0)
    return stream.read().splitlines()


def sketch() -> Sketch:
    explanation = explained()
    return Sketch(explanation.sought.points, repetition(1), levels(exercise()))


def test_levels_and_moments_are_named() -> None:
    lines = drawn(sketch())
    assert len(lines) == ROWS + 2
    text = "\n".join(lines)
    for told in ("limit 100°", "goal 55°", "min 45°", "counts 15°", "rest"):
        assert told in text
    assert lines[-2].count("^") == 3
    assert lines[-1].split() == ["start", "3.0", "s", "peak", "4.0", "s", "end", "5.0", "s"]


def test_it_is_high_where_the_angle_is_and_low_at_rest() -> None:
    lines = drawn(sketch())
    margin = lines[-2].index("^")
    peak = lines[-2].index("^", margin + 1)
    heights = [sum(line[column] == "█" for line in lines[:ROWS]) for column in (margin, peak)]
    assert heights[0] < 2 < 4 <= heights[1]


@pytest.mark.parametrize("width", [30, 50, 80, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    lines = drawn(sketch(), width)
    assert len(lines) == ROWS + 2
    assert max(map(len, lines)) <= width


def test_a_terminal_without_blocks_is_served() -> None:
    text = "\n".join(drawn(sketch(), encoding="latin-1"))
    assert "#" in text
    assert "█" not in text


def test_a_curve_without_points_draws_nothing() -> None:
    assert drawn(Sketch([], repetition(1), [])) == []


def test_a_slow_sensor_leaves_no_holes() -> None:
    points = [CurvePoint(3.0 + 0.1 * k, 60.0, 2.0, False) for k in range(20)]
    top = drawn(Sketch(points, repetition(1), []))[1]
    assert "  " not in top.strip()
