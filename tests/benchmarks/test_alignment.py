"""The alignment benchmark: the simulated radio does what its case says, the figures are right."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks import alignment
from benchmarks.alignment import CASES, Case, errors, measured, rms, simulated
from devices.clock import Timing

PLAIN = Case("plain", Timing(rate_hz=100.0, tick_s=1e-6), drift_ppm=0.0)


def of(case: Case, seed: int = 0, duration_s: float = 20.0) -> alignment.Stream:
    return simulated(case, duration_s, np.random.default_rng(seed))


def test_packets_wait_for_a_connection_event() -> None:
    stream = of(replace(PLAIN, jitter_s=1e-9))
    delay_ms = 1e3 * stream.delay_s
    assert np.min(delay_ms) > 2.0
    assert np.ptp(delay_ms) == pytest.approx(40.0, abs=3.0)
    assert stream.least_delay_s() == np.min(stream.delay_s)
    assert np.all(np.diff(stream.arrival_ns) >= 0)


def test_the_least_delay_so_far_falls_with_time() -> None:
    stream = of(replace(PLAIN, spread=True))
    assert stream.least_delay_s(0.5) > stream.least_delay_s(20.0) == stream.least_delay_s()


def test_a_drifting_clock_shows_in_the_timestamps() -> None:
    stream = of(replace(PLAIN, drift_ppm=50.0), seed=3)
    ticks = np.array([each for each in stream.ticks if each is not None])
    drift = (ticks[-1] - ticks[0]) * 1e-6 / (stream.true_s[-1] - stream.true_s[0]) - 1.0
    assert 1e-6 < abs(drift) < 51e-6


def test_lost_packets_are_missing_and_stalls_hold_packets_up() -> None:
    whole, lossy = of(PLAIN), of(replace(PLAIN, loss=0.05))
    assert len(whole.first) == 2000
    assert 1850 < len(lossy.first) < 1950
    stalled = of(replace(PLAIN, stall_s=1.0, every_s=4.0))
    assert np.max(stalled.delay_s) > 0.4
    assert len(stalled.first) == 2000


def test_errors_by_arrival_are_the_delays() -> None:
    stream = of(PLAIN)
    _, arrived, _ = errors(PLAIN, stream)
    np.testing.assert_allclose(arrived, stream.delay_s, atol=1e-8)


def test_the_same_seed_gives_the_same_figures() -> None:
    one, other = (measured(PLAIN, [3], 5.0) for _ in range(2))
    assert one.clock_ms.tobytes() == other.clock_ms.tobytes()
    assert one.clock_ms.shape == (1, 1)
    assert rms(np.array([3.0, -4.0])) == pytest.approx(np.sqrt(12.5))


def test_every_case_is_in_the_table_and_in_the_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alignment, "CASES", CASES[:2])
    report = alignment.run(seeds=1)
    assert [row[0] for row in report.tables[0].rows] == [case.name for case in CASES[:2]]
    assert len(report.tables[0].rows[0]) == len(report.tables[0].columns)
    figures = report.figures[alignment.AIM]
    assert figures["told_s"] == [5.0, 20.0, 60.0]
    assert figures["clock_rms_ms"][1] < alignment.ASKED_MS < figures["arrival_rms_ms"][1]
