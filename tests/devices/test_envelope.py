"""The lower envelope, against a slow search for the same line."""

import math

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from devices.envelope import BLOCKS, PACKETS_A_WITNESS, USUAL_DELAY_S, Envelope
from motion.samples import Float64

PRIOR_SD = 100e-6


def oracle(x: Float64, y: Float64, prior: float, prior_sd: float) -> tuple[float, float]:
    """Drift and offset of the line of greatest posterior under the points, by minimisation."""
    weight = x.size / (PACKETS_A_WITNESS * USUAL_DELAY_S)

    def cost(drift: float) -> float:
        offset = np.min(y - drift * x)
        apart = np.mean(y) - drift * np.mean(x) - offset
        return float(weight * apart + 0.5 * ((drift - prior) / prior_sd) ** 2)

    found = minimize_scalar(cost, bounds=(-0.01, 0.01), method="bounded", options={"xatol": 1e-13})
    return float(found.x), float(np.min(y - found.x * x))


def points(count: int, seed: int, drift: float) -> tuple[Float64, Float64]:
    random = np.random.default_rng(seed)
    x = np.cumsum(random.uniform(0.005, 0.015, count))
    return x, np.asarray(3.0 + drift * x + random.exponential(0.02, count))


@pytest.mark.parametrize("count", [2, 10, 100, 3000])
@pytest.mark.parametrize("drift", [-80e-6, 50e-6])
@pytest.mark.parametrize("seed", range(3))
def test_the_line_is_the_one_of_greatest_posterior_under_the_points(
    count: int, drift: float, seed: int
) -> None:
    x, y = points(count, seed, drift)
    envelope = Envelope(10e-6, PRIOR_SD, math.inf)
    for device_s, ahead_s in zip(x, y, strict=True):
        envelope.add(float(device_s), float(device_s + ahead_s))
    expected_drift, offset = oracle(x, y, 10e-6, PRIOR_SD)
    assert envelope.drift == pytest.approx(expected_drift, abs=2e-9)
    end_s = float(x[-1])
    assert envelope.at(end_s) == pytest.approx(end_s + offset + expected_drift * end_s, abs=1e-7)
    assert envelope.device_at(envelope.at(end_s)) == pytest.approx(end_s, abs=1e-9)


def test_no_arrival_lies_below_the_line() -> None:
    x, y = points(5000, 3, 40e-6)
    envelope = Envelope(0.0, PRIOR_SD, 600.0)
    for index, (device_s, ahead_s) in enumerate(zip(x, y, strict=True)):
        envelope.add(float(device_s), float(device_s + ahead_s))
        if index % 500 == 499:
            line = [envelope.at(float(each)) for each in x[: index + 1]]
            assert np.min((x + y)[: index + 1] - line) > -1e-9


def test_what_is_older_than_the_horizon_is_forgotten() -> None:
    envelope = Envelope(0.0, PRIOR_SD, 100.0)
    for index in range(10_000):
        # The first ten seconds are a second less late than the rest.
        device_s = 0.05 * index
        envelope.add(device_s, device_s + (0.0 if device_s < 10.0 else 1.0))
    assert envelope.at(500.0) == pytest.approx(501.0, abs=1e-6)
    assert envelope.span_s == pytest.approx(100.0, abs=100.0 / BLOCKS)


def test_what_came_before_a_long_silence_is_forgotten() -> None:
    envelope = Envelope(0.0, PRIOR_SD, 100.0)
    for index in range(1000):
        envelope.add(0.05 * index, 0.05 * index)
    for index in range(200):
        device_s = 500.0 + 0.05 * index
        envelope.add(device_s, device_s + 1.0)
    assert envelope.at(510.0) == pytest.approx(511.0, abs=1e-6)


def test_points_at_or_before_the_newest_are_ignored() -> None:
    envelope = Envelope(0.0, PRIOR_SD, 100.0)
    envelope.add(1.0, 1.5)
    envelope.add(1.0, 1.2)
    envelope.add(0.5, 0.5)
    assert envelope.at(1.0) == 1.5


def test_a_run_to_come_knows_the_drift_the_better_the_longer_the_last_one() -> None:
    envelope = Envelope(0.0, PRIOR_SD, 600.0)
    assert envelope.next_prior(0.01) == (0.0, PRIOR_SD)
    for index in range(20_000):
        envelope.add(0.02 * index, 0.02 * index * (1.0 + 30e-6))
    drift, drift_sd = envelope.next_prior(0.01)
    assert drift == pytest.approx(30e-6, abs=1e-6)
    assert drift_sd == pytest.approx(0.01 / 400.0, rel=0.05)
