"""Disturbances do to samples what they say, no more and no less."""

import math

import numpy as np
import pytest

from benchmarks import disturbances
from motion.samples import Samples
from tests.motion.movement import Worn, even, record

RATE_HZ = 50.0
RATES = {"one": RATE_HZ}


def recorded(noise_dps: float = 0.0) -> dict[str, Samples]:
    return {"one": record(even(10), Worn(rate_hz=RATE_HZ, noise_dps=noise_dps), 45.0)}


def test_turned_sensors_measure_the_same_in_another_frame() -> None:
    before = recorded()["one"]
    after = disturbances.turned(recorded(), 30.0, np.random.default_rng(1))["one"]
    for a, b in ((before.acc_mps2, after.acc_mps2), (before.gyr_radps, after.gyr_radps)):
        np.testing.assert_allclose(np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1), atol=1e-5)
    # One turn by the angle: the rotation that takes one set of vectors to the other.
    vectors = np.concatenate([before.acc_mps2, 10.0 * before.gyr_radps]).astype(np.float64)
    others = np.concatenate([after.acc_mps2, 10.0 * after.gyr_radps]).astype(np.float64)
    turn, *_ = np.linalg.lstsq(vectors[:, 1:], others, rcond=None)
    assert np.linalg.matrix_rank(turn) == 2
    still = before.acc_mps2[0].astype(np.float64) @ after.acc_mps2[0].astype(np.float64) / 9.81**2
    assert 0.0 < math.degrees(math.acos(min(1.0, still))) <= 30.1


def test_bias_is_constant_and_of_the_given_size() -> None:
    before = recorded()["one"]
    after = disturbances.biased(recorded(), 1.0, np.random.default_rng(2))["one"]
    added = after.gyr_radps.astype(np.float64) - before.gyr_radps
    np.testing.assert_allclose(added - added[0], 0.0, atol=1e-6)
    assert math.degrees(float(np.linalg.norm(added[0]))) == pytest.approx(1.0, abs=1e-4)
    np.testing.assert_array_equal(after.acc_mps2, before.acc_mps2)


def test_the_noise_floor_is_that_of_the_sensor_and_grows_as_asked() -> None:
    samples = recorded(noise_dps=0.2)
    _, floor = disturbances.noise_floor(samples["one"], RATE_HZ)
    assert np.degrees(floor) == pytest.approx([0.2] * 3, rel=0.35)
    noisier = disturbances.noisier(samples, RATES, 3.0, np.random.default_rng(3))
    _, more = disturbances.noise_floor(noisier["one"], RATE_HZ)
    assert more / floor == pytest.approx([3.0] * 3, rel=0.35)


@pytest.mark.parametrize("share", [0.01, 0.05])
def test_the_share_of_packets_is_lost_in_bursts(share: float) -> None:
    count = 400_000
    nothing = np.zeros((count, 3))
    long = {"one": Samples.of("one", np.arange(count) / RATE_HZ, nothing, nothing)}
    kept = disturbances.lossy(long, share, np.random.default_rng(4))["one"]
    assert 1.0 - len(kept) / count == pytest.approx(share, rel=0.2)
    gaps = np.diff(kept.t_s) - 1.0 / RATE_HZ
    bursts = gaps[gaps > 1e-6]
    mean_s = disturbances.BURST_PACKETS * disturbances.PACKET_S
    assert float(bursts.mean()) == pytest.approx(mean_s, rel=0.15)


@pytest.mark.parametrize("rate_hz", [25.0, 50.0, 200.0])
def test_another_rate_keeps_the_movement(rate_hz: float) -> None:
    before = recorded()["one"]
    after = disturbances.resampled(recorded(), RATES, rate_hz)["one"]
    assert float(np.median(np.diff(after.t_s))) == pytest.approx(1.0 / rate_hz)
    inner = (after.t_s > 1.0) & (after.t_s < 44.0)
    for axis in range(3):
        expected = np.interp(after.t_s, before.t_s, before.gyr_radps[:, axis])
        np.testing.assert_allclose(after.gyr_radps[inner, axis], expected[inner], atol=0.02)


def test_what_a_lower_rate_cannot_hold_is_filtered_out_first() -> None:
    t_s = np.arange(3000) / 50.0
    fast = np.sin(2.0 * math.pi * 20.0 * t_s)[:, None] * np.ones(3)
    samples = {"one": Samples.of("one", t_s, fast, fast)}
    after = disturbances.resampled(samples, RATES, 25.0)["one"]
    assert float(np.abs(after.gyr_radps[100:-100]).max()) < 0.1


def test_a_standstill_holds_the_pose_and_shifts_what_follows() -> None:
    before = recorded(noise_dps=0.1)
    at_s = 4.2
    after = disturbances.with_standstills(before, RATES, [at_s], 10.0, np.random.default_rng(5))
    one, other = before["one"], after["one"]
    assert len(other) == len(one) + 500
    assert (np.diff(other.t_s) > 0.0).all()
    held = (other.t_s > at_s + 0.05) & (other.t_s < at_s + 9.9)
    assert math.degrees(float(np.abs(other.gyr_radps[held]).max())) < 1.0
    np.testing.assert_allclose(
        other.acc_mps2[held].mean(axis=0),
        one.acc_mps2[int(np.searchsorted(one.t_s, at_s))],
        atol=0.5,
    )
    np.testing.assert_array_equal(other.gyr_radps[-100:], one.gyr_radps[-100:])
    assert other.t_s[-1] == pytest.approx(one.t_s[-1] + 10.0)


def test_a_sensor_can_be_put_upright_as_another() -> None:
    one = recorded(noise_dps=0.1)["one"]
    up = [0.6, 0.0, 0.8]
    mean = disturbances.upright_as(one, up, np.random.default_rng(6)).acc_mps2.mean(axis=0)
    np.testing.assert_allclose(mean / np.linalg.norm(mean), up, atol=1e-4)
