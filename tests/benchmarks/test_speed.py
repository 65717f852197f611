"""The speed table: what is timed does its work, and figures are per sample. No time is asserted
but that it is one.
"""

import math
import time
from collections.abc import Callable

import numpy as np
import pytest

from benchmarks import speed
from benchmarks.report import untracked
from motion import quaternion
from motion.orientation import OrientationFilter


def test_made_signals_swing_as_told_and_obey_gravity() -> None:
    samples = speed.swinging("shank", 1.0, 8.0, seed=0)
    assert len(samples) == 800
    q = OrientationFilter(1.0 / speed.RATE_HZ).update(samples.gyr_radps, samples.acc_mps2)
    apart = np.degrees(quaternion.angles_between(np.broadcast_to(q[0], q.shape), q))
    # The turning point is in the middle of a swing, and a swing comes back.
    assert apart[150] == pytest.approx(speed.RANGE_DEG, abs=2.0)
    assert apart[350] == pytest.approx(0.0, abs=2.0)
    assert np.linalg.norm(samples.acc_mps2, axis=1) == pytest.approx(9.81, abs=0.3)


def test_signals_are_the_same_every_time() -> None:
    one, other = (speed.swinging("shank", 1.0, 2.0, seed=3) for _ in range(2))
    assert one.gyr_radps.tobytes() == other.gyr_radps.tobytes()
    assert one.acc_mps2.tobytes() == other.acc_mps2.tobytes()


def test_a_stopwatch_keeps_the_fastest_time_and_the_last_result(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ticks = iter([0.0, 5.0, 10.0, 12.0, 20.0, 23.0])
    monkeypatch.setattr(time, "perf_counter", lambda: next(ticks))
    stopwatch = speed.Stopwatch()
    for result in ("a", "b", "c"):
        task: Callable[[], str] = result.upper
        stopwatch.time("task", task)
    assert stopwatch.fastest_s == {"task": 2.0}
    assert stopwatch.results == {"task": "C"}


@pytest.mark.compiled
def test_every_way_of_tracking_counts_every_repetition() -> None:
    cases = speed.cases(20.0)
    assert [len(case.samples) for case in cases] == [1, 3, 2, 2]
    for case in cases:
        assert set(case.samples) == set(case.template.slots)
        for task in speed.tracker_tasks(case).values():
            assert task() == 5


@pytest.mark.compiled
def test_times_are_told_per_sample_and_beside_vqf(monkeypatch: pytest.MonkeyPatch) -> None:
    # Every look at the clock is a second later, so that each task takes one second.
    clock = iter(range(10_000))
    monkeypatch.setattr(time, "perf_counter", lambda: float(next(clock)))
    figures = speed.run(untracked, duration_s=12.0, rounds=2).figures
    samples = 12.0 * speed.RATE_HZ
    assert figures["orientation_us"] == pytest.approx(
        dict.fromkeys(("ours", "vqf", "vqf_singly"), 1e6 / samples)
    )
    for figure in figures["tracker"].values():
        assert figure["counted"] == 3
        for way in ("live", "angles", "at_once"):
            assert figure[f"{way}_us"] == pytest.approx(1e6 / samples / figure["sensors"])
            assert figure[f"{way}_times_vqf"] == pytest.approx(1.0 / figure["sensors"])
    assert not math.isnan(figures["orientation_us"]["ours"])
