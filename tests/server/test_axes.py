"""Axes of the report say what is judged: the range above the rest, or the reach from the start."""

import pytest

from motion.template import ExerciseTemplate
from server.curve import AngleCurve
from server.figure import angle_figure, range_figure
from tests.motion.movement import template


def learned(measured_from: str) -> ExerciseTemplate:
    return template(
        movement={
            "kind": "learned",
            "axes": {"one": {"axis": [1, 0, 0], "start_up": [0, 0, 1]}},
        },
        range={
            "count_from_deg": 12, "minimum_deg": 45, "goal_deg": 55, "limit_deg": 90,
            "measured_from": measured_from,
        },
    )  # fmt: skip


@pytest.mark.parametrize(
    ("measured_from", "ranges", "angles"),
    [
        ("rest", "range, °", "angle above rest, °"),
        ("start", "reach, °", "angle from the start, °"),
    ],
)
def test_axes_name_what_is_judged(measured_from: str, ranges: str, angles: str) -> None:
    exercise = learned(measured_from)
    assert range_figure([], exercise).layout.yaxis.title.text == ranges
    assert angle_figure(AngleCurve(), [], [], exercise).layout.yaxis.title.text == angles
