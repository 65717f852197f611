"""The heading from the joint's centre, on a simulated pair of segments and against plain NumPy."""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.signal import butter, lfilter, lfilter_zi

from motion import heading as heading_module
from motion import quaternion
from motion.errors import SamplesError
from motion.heading import (
    RelativeHeading,
    RelativeHeadingParameters,
    rotations_about_vertical,
)

Float64 = NDArray[np.float64]

RATE_HZ = 50.0
ARM_PROXIMAL_M = np.array([0.12, 0.02, -0.03])
ARM_DISTAL_M = np.array([-0.18, 0.01, 0.02])


@dataclass
class Pair:
    """Readings of two sensors on segments that share a joint, each with its own heading."""

    q_proximal: Float64
    q_distal: Float64
    acc_proximal: Float64
    acc_distal: Float64

    def arrays(self) -> tuple[Float64, Float64, Float64, Float64]:
        return self.q_proximal, self.q_distal, self.acc_proximal, self.acc_distal


def simulated(
    seconds: float, heading_rad: float | Float64, *, seed: int = 0, moving: bool = True
) -> Pair:
    """Random movement of both segments up to 4 Hz; `heading_rad` is what the estimator must find.

    Twenty steps a sample; accelerations at the middle of the sample period, orientations at its
    end, as a filter that integrates every reading over a whole period leaves them.
    """
    random = np.random.default_rng(seed)
    fine = 20
    step_s = 1.0 / (RATE_HZ * fine)
    count = round(seconds * RATE_HZ)
    t = np.arange(count * fine + 2) * step_s

    def wander(scale: float) -> Float64:
        total = np.zeros((len(t), 3))
        for frequency in random.uniform(0.3, 4.0, 12):
            phase = random.uniform(0, 2 * math.pi, 3)
            total += np.sin(2 * math.pi * frequency * t[:, None] + phase) / frequency
        return total * (scale if moving else 0.0)

    joint = wander(0.04)
    q1 = quaternion.from_rotation_vectors(wander(0.12) + random.normal(size=3))
    q2 = quaternion.from_rotation_vectors(wander(0.2) + random.normal(size=3))
    readings = []
    for q, arm in ((q1, ARM_PROXIMAL_M), (q2, ARM_DISTAL_M)):
        place = joint - quaternion.rotated(q, arm)
        force = np.zeros_like(place)
        force[1:-1] = (place[2:] - 2 * place[1:-1] + place[:-2]) / step_s**2
        force[:, 2] += 9.81
        acc = quaternion.rotated(q * np.array([1.0, -1.0, -1.0, -1.0]), force)
        ends = np.arange(1, count + 1) * fine
        readings.append((q[ends], acc[ends - fine // 2]))
    (end1, acc1), (end2, acc2) = readings
    turned = np.broadcast_to(np.asarray(heading_rad, dtype=np.float64), (count,))
    end2 = quaternion.products(rotations_about_vertical(-turned), end2)
    noise = 0.02
    return Pair(
        end1,
        end2,
        acc1 + random.normal(scale=noise, size=acc1.shape),
        acc2 + random.normal(scale=noise, size=acc2.shape),
    )


def off(found: Float64, true: float | Float64) -> Float64:
    """Degrees between headings."""
    apart = (found - true + math.pi) % (2.0 * math.pi) - math.pi
    result: Float64 = np.abs(np.degrees(apart))
    return result


@pytest.mark.parametrize("true", np.radians([-170.0, -100.0, -30.0, 0.0, 22.5, 90.0, 180.0]))
def test_any_heading_is_found_within_ten_seconds(true: float) -> None:
    found, sd = RelativeHeading(RATE_HZ).update(*simulated(20.0, true).arrays())
    assert off(found[500:], true).max() < 2.0
    assert np.degrees(sd[-1]) < 5.0


def test_the_arms_come_with_it() -> None:
    estimator = RelativeHeading(RATE_HZ)
    estimator.update(*simulated(30.0, 1.0).arrays())
    proximal, distal = estimator.arms_m
    assert np.abs(proximal - ARM_PROXIMAL_M).max() < 0.01
    assert np.abs(distal - ARM_DISTAL_M).max() < 0.01


def test_a_drifting_heading_is_followed() -> None:
    true = np.radians(np.linspace(0.0, 20.0, 6000))
    found, sd = RelativeHeading(RATE_HZ).update(*simulated(120.0, true).arrays())
    late = slice(1000, None)
    assert off(found[late], true[late]).max() < 4.0
    assert (off(found[late], true[late]) < np.degrees(3.0 * sd[late])).all()


def test_the_deviation_covers_the_error_from_the_first_sample_on() -> None:
    for seed in range(5):
        true = -2.0 + seed
        found, sd = RelativeHeading(RATE_HZ).update(*simulated(15.0, true, seed=seed).arrays())
        assert (off(found, true) < np.degrees(3.0 * sd) + 0.5).mean() > 0.95


def test_without_movement_nothing_is_claimed() -> None:
    _, sd = RelativeHeading(RATE_HZ).update(*simulated(30.0, 1.0, moving=False).arrays())
    assert np.degrees(sd).min() > 60.0


def test_a_long_rest_loses_the_heading_and_movement_brings_it_back() -> None:
    estimator = RelativeHeading(RATE_HZ, RelativeHeadingParameters(drift_deg_per_sqrt_min=40.0))
    estimator.update(*simulated(20.0, 0.0).arrays())
    _, sd = estimator.update(*simulated(180.0, 0.0, moving=False).arrays())
    assert math.degrees(sd[-1]) > 45.0
    found, sd = estimator.update(*simulated(20.0, 2.5, seed=3).arrays())
    assert off(found[-1:], 2.5)[0] < 3.0
    assert math.degrees(sd[-1]) < 15.0


def test_rows_with_nan_keep_the_heading_and_widen_it() -> None:
    estimator = RelativeHeading(RATE_HZ)
    found, sd = estimator.update(*simulated(20.0, 0.7).arrays())
    hole = simulated(10.0, 0.7, seed=1)
    hole.acc_distal[:] = np.nan
    held, wider = estimator.update(*hole.arrays())
    assert (held == found[-1]).all()
    assert (np.diff(wider) > 0.0).all()
    assert wider[0] > sd[-1]
    again, _ = estimator.update(*simulated(10.0, 0.7, seed=2).arrays())
    assert off(again, 0.7).max() < 3.0


def test_one_violent_jolt_does_not_turn_the_heading() -> None:
    pair = simulated(30.0, 0.7)
    pair.acc_distal[1000:1003] += 80.0
    found, _ = RelativeHeading(RATE_HZ).update(*pair.arrays())
    assert off(found[600:], 0.7).max() < 3.0


@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(0, 400), max_size=30))
def test_division_into_chunks_changes_no_bit(cuts: list[int]) -> None:
    pair = simulated(8.0, 1.2)
    pair.acc_proximal[150] = np.nan
    whole = np.stack(RelativeHeading(RATE_HZ).update(*pair.arrays()))
    estimator = RelativeHeading(RATE_HZ)
    edges = [0, *sorted(cuts), 400]
    parts = [
        np.stack(estimator.update(*(array[start:stop] for array in pair.arrays())))
        for start, stop in pairwise(edges)
    ]
    assert np.concatenate(parts, axis=1).tobytes() == whole.tobytes()


def test_a_copied_state_continues_to_the_last_bit() -> None:
    pair = simulated(8.0, 1.2)
    first, second = RelativeHeading(RATE_HZ), RelativeHeading(RATE_HZ)
    first.update(*(array[:333] for array in pair.arrays()))
    second.state = first.state
    rest = [array[333:] for array in pair.arrays()]
    assert np.stack(first.update(*rest)).tobytes() == np.stack(second.update(*rest)).tobytes()


def test_restart_is_as_good_as_new() -> None:
    pair = simulated(5.0, 1.2)
    used = RelativeHeading(RATE_HZ)
    used.update(*simulated(5.0, -1.0, seed=4).arrays())
    used.restart()
    new = RelativeHeading(RATE_HZ)
    assert np.stack(used.update(*pair.arrays())).tobytes() == (
        np.stack(new.update(*pair.arrays())).tobytes()
    )


def test_wrong_shapes_rates_and_parameters_are_refused() -> None:
    pair = simulated(1.0, 0.0)
    estimator = RelativeHeading(RATE_HZ)
    with pytest.raises(SamplesError, match="q_distal has shape"):
        estimator.update(pair.q_proximal, pair.acc_distal, pair.acc_proximal, pair.acc_distal)
    with pytest.raises(SamplesError, match="as many of each"):
        estimator.update(pair.q_proximal[:9], pair.q_distal, pair.acc_proximal, pair.acc_distal)
    with pytest.raises(ValueError, match="at least 20 samples"):
        RelativeHeading(12.0)
    with pytest.raises(ValueError, match="drift_deg_per_sqrt_min"):
        RelativeHeadingParameters(drift_deg_per_sqrt_min=0.0)
    with pytest.raises(ValueError, match="state has shape"):
        estimator.state = np.zeros(3)


@dataclass
class Hypothesis:
    likelihood: float
    x: Float64
    p: Float64


def naive(pair: Pair) -> tuple[float, float]:
    """The last heading and its deviation, with SciPy's filters and NumPy's matrices."""
    middles, forces = [], []
    for q, acc in ((pair.q_proximal, pair.acc_proximal), (pair.q_distal, pair.acc_distal)):
        middle = q[1:] + q[:-1] * np.sign((q[1:] * q[:-1]).sum(axis=1, keepdims=True))
        middle /= np.linalg.norm(middle, axis=1, keepdims=True)
        middles.append(middle)
        forces.append(quaternion.rotated(middle, acc[1:]))
    matrices = [
        np.stack([quaternion.rotated(q, axis) for axis in np.eye(3)], axis=-1) for q in middles
    ]
    second = [(m[2:] - 2 * m[1:-1] + m[:-2]) * RATE_HZ**2 for m in matrices]
    means = [(f[2:] + 10 * f[1:-1] + f[:-2]) / 12 for f in forces]
    high = butter(2, heading_module.BAND_FROM_HZ, "high", fs=RATE_HZ)
    low = butter(2, heading_module.BAND_TO_HZ, "low", fs=RATE_HZ)

    def band(values: Float64) -> Float64:
        flat = values.reshape(len(values), -1)
        start = lfilter_zi(*high)[:, None] * flat[:1]
        passed, _ = lfilter(*high, flat, axis=0, zi=start)
        result: Float64 = lfilter(*low, passed, axis=0).reshape(values.shape)
        return result

    m1, m2 = band(second[0]), band(second[1])
    f1, f2 = band(means[0]), band(means[1])
    drift = np.zeros((7, 7))
    drift[0, 0] = math.radians(heading_module.DRIFT_DEG_PER_SQRT_MIN) ** 2 / 60 / RATE_HZ
    creep = heading_module.CREEP_M_PER_SQRT_MIN**2 / 60 / RATE_HZ
    hypotheses = [
        Hypothesis(
            0.0,
            np.array([k * math.pi / 4] + [0.0] * 6),
            np.diag([(math.pi / 8) ** 2] + [heading_module.ARM_SD_M**2] * 6),
        )
        for k in range(heading_module.HYPOTHESES)
    ]
    settled = 3 + math.ceil(heading_module.SETTLED_S * RATE_HZ)
    noise = heading_module.DISAGREEMENT_MPS2**2
    heading, variance = 0.0, 0.0
    for sample in range(len(pair.q_proximal)):
        variance += drift[0, 0]
        for hypothesis in hypotheses:
            hypothesis.p += drift
            for j in range(1, 7):
                grown = hypothesis.p[j, j] + creep
                hypothesis.p[j, j] = min(grown, heading_module.ARM_SD_M**2)
        i = sample - 3
        if sample < settled or sample % 2 or (f1[i] ** 2 + f2[i] ** 2).sum() < 2 * noise:
            continue
        for one in hypotheses:
            c, s = math.cos(one.x[0]), math.sin(one.x[0])
            turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
            slope = np.array([[-s, -c, 0], [c, -s, 0], [0, 0, 0]])
            distal = f2[i] + m2[i] @ one.x[4:7]
            h = np.concatenate([-(slope @ distal)[:, None], m1[i], -turn @ m2[i]], axis=1)
            e = turn @ distal - f1[i] - m1[i] @ one.x[1:4]
            spread = h @ one.p @ h.T
            surprise = float(e @ np.linalg.solve(spread + noise * np.eye(3), e))
            total = spread + noise * max(1.0, surprise / heading_module.SURPRISING) * np.eye(3)
            gain = one.p @ h.T @ np.linalg.inv(total)
            one.likelihood -= 0.5 * float(
                e @ np.linalg.solve(total, e) + np.linalg.slogdet(total)[1]
            )
            one.x = one.x + gain @ e
            one.p = one.p - gain @ total @ gain.T
        best = max(hypotheses, key=lambda one: one.likelihood)
        kept, weights, spreads = [], [], []
        for one in hypotheses:
            relative = one.likelihood - best.likelihood
            apart = math.remainder(one.x[0] - best.x[0], 2 * math.pi)
            same = one is not best and abs(apart) < heading_module.SAME_HEADING_RAD
            if relative >= -heading_module.UNBELIEVABLE and not same:
                kept.append(one)
                weights.append(math.exp(relative))
                spreads.append(one.p[0, 0] + apart**2)
        hypotheses = kept
        heading = math.remainder(best.x[0], 2 * math.pi)
        variance = float(np.dot(weights, spreads) / sum(weights))
    return heading, math.sqrt(variance)


@pytest.mark.parametrize("seconds", [0.8, 2.0, 10.0])
def test_the_kernel_equals_plain_numpy(seconds: float) -> None:
    pair = simulated(seconds, -0.9, seed=7)
    found, sd = RelativeHeading(RATE_HZ).update(*pair.arrays())
    expected, expected_sd = naive(pair)
    assert found[-1] == pytest.approx(expected, abs=1e-9)
    assert sd[-1] == pytest.approx(expected_sd, rel=1e-7)
