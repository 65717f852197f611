"""The gauge: what a moving person sees, whatever the width of the terminal."""

import io

import pytest
from rich.console import Console

from motion.events import AngleEvent, CueEvent, PhaseEvent, PhaseName
from motion.template import ExerciseTemplate
from server.gauge import Gauge
from tests.motion.movement import template
from tests.server.outcomes import repetition

DOMINANT = {"kind": "dominant", "sensor": "one"}


def lines(gauge: Gauge, width: int = 80) -> list[str]:
    out = Console(file=io.StringIO(), width=width, color_system=None)
    with out.capture() as capture:
        out.print(gauge, end="")
    return [line.rstrip() for line in capture.get().splitlines()]


def moved(gauge: Gauge, angle_deg: float, t_s: float = 1.0) -> Gauge:
    """From a rest at -40 degrees."""
    gauge.tell(AngleEvent(t_s - 0.5, -40.0, 1.0))
    gauge.tell(AngleEvent(t_s, -40.0 + angle_deg, 2.4))
    return gauge


def gauge_of(exercise: ExerciseTemplate | None = None) -> Gauge:
    return Gauge(exercise or template(DOMINANT), 30.0)


@pytest.mark.parametrize("width", [44, 60, 80, 200])
@pytest.mark.parametrize("angle_deg", [-20.0, 0.0, 30.0, 50.0, 60.0, 99.0, 1000.0])
def test_it_fits_any_width_and_angle(width: int, angle_deg: float) -> None:
    shown = lines(moved(gauge_of(), angle_deg), width)
    assert len(shown) == 5
    assert all(len(line) <= width for line in shown)
    assert "▾" in shown[1]


def test_marks_stand_over_their_places() -> None:
    shown = lines(moved(gauge_of(), 45.0))
    marks, bar = shown[1], shown[2]
    # There is no room for a word between minimum and goal.
    assert marks.index("▾45°") < marks.index("▾goal 55°") < marks.index("limit 100°▾")
    # Filled up to the minimum, shaded from there to the limit.
    assert bar.rindex("█") + 1 == pytest.approx(marks.index("▾45°"), abs=1)
    assert bar.rindex("░") + 1 == marks.rindex("▾")


def test_a_limit_far_beyond_the_goal_is_told_at_the_edge() -> None:
    far = {"count_from_deg": 10, "minimum_deg": 20, "goal_deg": 35, "limit_deg": 120}
    shown = lines(moved(gauge_of(template(DOMINANT, range=far)), 10.0))
    assert shown[1].endswith("limit 120°▸")
    assert shown[2].endswith("░")


def test_it_tells_angle_phase_count_and_cue() -> None:
    gauge = gauge_of()
    gauge.reached_s = 3.0
    assert "finding the direction of the movement" in lines(gauge)[3]
    moved(gauge, 33.3)
    gauge.tell(PhaseEvent(1.0, PhaseName.OUT))
    assert "33° ± 2  on the way out" in lines(gauge)[3]
    assert lines(gauge)[3].endswith("3 of 30 s")
    assert lines(gauge)[4] == ""
    gauge.tell(CueEvent(3.0, 5.0, "too_fast", "Slower\x1b[2J"))
    assert lines(gauge)[4] == "cue to the patient: Slower[2J"
    gauge.reached_s = 5.1
    assert lines(gauge)[4] == ""


def test_the_count_stands_in_large_digits() -> None:
    gauge = gauge_of()
    for number in range(1, 13):
        gauge.tell(repetition(number))
    shown = lines(gauge)
    assert shown[1].startswith("▀█  ▀▀█")
    assert shown[2].startswith(" █  █▀▀")
    for number in range(13, 101):
        gauge.tell(repetition(number))
    assert lines(gauge)[1].startswith("▀█  █▀█ █▀█")


def test_the_angle_is_above_the_latest_rest() -> None:
    gauge = gauge_of()
    for k in range(200):
        gauge.tell(AngleEvent(0.1 * k, 0.0 if k < 50 else 20.0, 1.0))
    assert "0° ± 1" in lines(gauge)[3]
