"""The curve of a report: bounded, in order, with no peak and no gap lost."""

import math

import pytest

from motion.events import AngleEvent
from server.curve import AngleCurve
from tests.server.outcomes import angles


def curve_of(events: list[AngleEvent], most_spans: int) -> AngleCurve:
    curve = AngleCurve(most_spans)
    for event in events:
        curve.add(event)
    return curve


def test_a_short_recording_keeps_every_sample() -> None:
    events = angles(20.0)
    points = curve_of(events, 10_000).points()
    assert [(p.t_s, p.angle_deg, p.angle_sd_deg) for p in points] == [
        (e.t_s, e.angle_deg, e.angle_sd_deg) for e in events
    ]
    assert not any(point.after_gap for point in points)


def test_memory_is_bounded_and_no_peak_is_lost() -> None:
    events = angles(1200.0)
    spike = AngleEvent(events[-1].t_s + 0.02, 500.0, 2.0)
    dip = AngleEvent(events[-1].t_s + 0.04, -500.0, 2.0)
    curve = AngleCurve(most_spans=300)
    for event in [*events[:30_000], spike, dip]:
        curve.add(event)
        assert len(curve) <= 301
    points = curve.points()
    assert 200 <= len(points) <= 600
    times = [point.t_s for point in points]
    assert times == sorted(times)
    assert max(point.angle_deg for point in points) == 500.0
    assert min(point.angle_deg for point in points) == -500.0


@pytest.mark.parametrize("most_spans", [50, 10_000])
def test_gaps_stay_gaps_however_long_the_recording(most_spans: int) -> None:
    before, after = angles(200.0), angles(200.0)
    shifted = [AngleEvent(e.t_s + 230.0, e.angle_deg, e.angle_sd_deg) for e in after]
    points = curve_of([*before, *shifted], most_spans).points()
    gaps = [point for point in points if point.after_gap]
    assert [gap.t_s for gap in gaps] == [pytest.approx(230.0, abs=10.0)]
    assert not [point for point in points if 200.0 < point.t_s < 230.0]


def test_samples_that_come_again_are_taken_once() -> None:
    events = angles(10.0)
    again = [*events[:300], *events[100:]]
    assert curve_of(again, 10_000).points() == curve_of(events, 10_000).points()
    curve = curve_of([AngleEvent(math.nan, 1.0, 1.0)], 10)
    assert len(curve) == 0
    assert curve.points() == []
