"""The 6D VQF against two oracles, and its promises: chunks, snapshots, restarts, bad readings."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from vqf import VQF

from motion.errors import SamplesError, SamplesFault
from motion.orientation import (
    AT_REST,
    BIAS,
    BIAS_COVARIANCE,
    INCLINATION_FLOOR_RAD,
    LARGEST_READING,
    QUATERNION,
    REST_ACC_DEVIATION,
    REST_GYR_DEVIATION,
    STATE_SIZE,
    USUAL_DISAGREEMENT_RAD,
    OrientationFilter,
    VqfParameters,
    coefficients,
    new_state,
    update_kernel,
)
from motion.quaternion import IDENTITY, exponential, multiply, rotated
from tests.motion.oracle_vqf import PlainVqf

Float64 = NDArray[np.float64]

PERIOD_S = 0.01
GRAVITY_MPS2 = 9.81
CONJUGATE = np.array([1.0, -1.0, -1.0, -1.0])


def _still(
    n: int, *, bias_dps: tuple[float, float, float], seed: int = 0
) -> tuple[Float64, Float64]:
    """A tilted sensor that lies still: rates (n, 3) with bias and noise, specific force (n, 3)."""
    random = np.random.default_rng(seed)
    gyr = np.radians(bias_dps) + random.normal(0, 0.002, (n, 3))
    up = np.array([0.3, -0.5, 0.8])
    acc = GRAVITY_MPS2 * up / np.linalg.norm(up) + random.normal(0, 0.02, (n, 3))
    return gyr, acc


def _moving(
    n: int,
    *,
    bias_dps: tuple[float, float, float] = (0.0, 0.0, 0.0),
    seed: int = 0,
    speed_radps: float = 2.0,
    shaking_mps2: float = 1.0,
    period_s: float = PERIOD_S,
) -> tuple[Float64, Float64]:
    """Smooth rotation about all axes, some acceleration: rates (n, 3), specific force (n, 3)."""
    random = np.random.default_rng(seed)
    t_s = np.arange(n) * period_s
    rate = np.zeros((n, 3))
    for axis in range(3):
        for _ in range(3):
            frequency_hz, phase = random.uniform(0.1, 1.5), random.uniform(0, 2 * math.pi)
            rate[:, axis] += speed_radps / 3 * np.sin(2 * math.pi * frequency_hz * t_s + phase)
    orientation = np.empty((n, 4))
    q = IDENTITY
    for i, (x, y, z) in enumerate((rate * period_s).tolist()):
        q = multiply(q, exponential((x, y, z)))
        orientation[i] = q
    force = random.normal(0, shaking_mps2, (n, 3))
    force[:, 2] += GRAVITY_MPS2
    acc = rotated(orientation * [1.0, -1.0, -1.0, -1.0], force)
    gyr = rate + np.radians(bias_dps) + random.normal(0, 0.002, (n, 3))
    return gyr, acc


def _everyday(n: int, seed: int, period_s: float) -> tuple[Float64, Float64]:
    """Movement, rest, movement, and a few readings without specific force."""
    bias = (0.4, -0.7, 0.2)
    third = n // 3
    before = _moving(third, bias_dps=bias, seed=seed, period_s=period_s)
    rest = _still(third, bias_dps=bias, seed=seed + 1)
    after = _moving(n - 2 * third, bias_dps=bias, seed=seed + 2, speed_radps=8.0, period_s=period_s)
    gyr = np.concatenate([before[0], rest[0], after[0]])
    acc = np.concatenate([before[1], rest[1], after[1]])
    acc[n // 7] = 0.0
    acc[-n // 7 : -n // 7 + 3] = 0.0
    return gyr, acc


def _apart(a: Float64, b: Float64) -> float:
    """Largest difference of quaternions (n, 4), up to sign."""
    sign = np.where(np.sum(a * b, axis=-1, keepdims=True) < 0, -1.0, 1.0)
    return float(np.max(np.abs(a - sign * b)))


def _up(q: Float64) -> Float64:
    """The earth's z axis in sensor coordinates, (3,)."""
    return rotated(q * [1.0, -1.0, -1.0, -1.0], [0.0, 0.0, 1.0])


# --- oracles ------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate_hz", [25.0, 100.0, 286.0])
def test_equals_the_plain_oracle_reading_by_reading(rate_hz: float) -> None:
    period_s = 1 / rate_hz
    gyr, acc = _everyday(int(24 * rate_hz), 11, period_s)
    plain, fast = PlainVqf(period_s), OrientationFilter(period_s)
    for i in range(len(gyr)):
        wanted = plain.update(gyr[i].tolist(), acc[i].tolist())
        got = fast.update(gyr[i : i + 1], acc[i : i + 1])
        assert _apart(got, np.array([wanted])) < 1e-9
        assert fast.at_rest == plain.at_rest
    np.testing.assert_allclose(fast.bias_radps, plain.bias, rtol=0, atol=1e-12)
    assert fast.bias_sd_radps == pytest.approx(plain.bias_sd_radps, rel=1e-9)


@pytest.mark.parametrize("rate_hz", [20.0, 50.0, 100.0, 286.0, 1000.0])
def test_equals_the_vqf_package_with_its_defaults(rate_hz: float) -> None:
    period_s = 1 / rate_hz
    gyr, acc = _everyday(int(24 * rate_hz), 5, period_s)
    peer, fast = VQF(period_s), OrientationFilter(period_s)
    theirs = peer.updateBatch(gyr, acc)
    rest = np.empty(len(gyr), dtype=bool)
    bias = np.empty((len(gyr), 3))
    ours = np.empty((len(gyr), 4))
    for i in range(len(gyr)):
        ours[i] = fast.update(gyr[i : i + 1], acc[i : i + 1])[0]
        rest[i], bias[i] = fast.at_rest, fast.bias_radps
    assert _apart(ours, theirs["quat6D"]) < 1e-9
    np.testing.assert_array_equal(rest, theirs["restDetected"])
    assert rest.any()
    assert not rest.all()
    np.testing.assert_allclose(bias, theirs["bias"], rtol=0, atol=1e-11)
    np.testing.assert_allclose(fast.bias_sd_radps, peer.getBiasEstimate()[1], rtol=1e-9)
    deviations = np.sqrt(
        [
            fast.state[REST_GYR_DEVIATION] / VqfParameters().rest_gyr_radps ** 2,
            fast.state[REST_ACC_DEVIATION] / VqfParameters().rest_acc_mps2 ** 2,
        ]
    )
    np.testing.assert_allclose(deviations, peer.getRelativeRestDeviations(), rtol=1e-7)


@pytest.mark.parametrize("spread", [0.01, 1.0, 100.0])
def test_equals_the_vqf_package_on_noise(spread: float) -> None:
    random = np.random.default_rng(3)
    gyr = random.normal(0, spread, (3000, 3))
    acc = random.normal(0, 10 * spread, (3000, 3))
    theirs = VQF(PERIOD_S).updateBatch(gyr, acc)["quat6D"]
    assert _apart(OrientationFilter(PERIOD_S).update(gyr, acc), theirs) < 1e-9


def test_parameters_have_the_defaults_of_the_vqf_package() -> None:
    peer, ours = VQF(PERIOD_S).params, VqfParameters()
    assert ours.acc_tau_s == peer["tauAcc"]
    assert ours.bias_sd_start_radps == math.radians(peer["biasSigmaInit"])
    assert ours.bias_forgetting_s == peer["biasForgettingTime"]
    assert ours.bias_limit_radps == math.radians(peer["biasClip"])
    assert ours.bias_sd_motion_radps == math.radians(peer["biasSigmaMotion"])
    assert ours.bias_vertical_forgetting == peer["biasVerticalForgettingFactor"]
    assert ours.bias_sd_rest_radps == math.radians(peer["biasSigmaRest"])
    assert ours.rest_min_s == peer["restMinT"]
    assert ours.rest_tau_s == peer["restFilterTau"]
    assert ours.rest_gyr_radps == math.radians(peer["restThGyr"])
    assert ours.rest_acc_mps2 == peer["restThAcc"]


def test_other_parameters_mean_what_they_mean_to_the_vqf_package() -> None:
    gyr, acc = _everyday(2400, 8, PERIOD_S)
    peer = VQF(
        PERIOD_S,
        tauAcc=1.0,
        biasSigmaInit=1.0,
        biasForgettingTime=50.0,
        biasClip=1.0,
        biasSigmaMotion=0.2,
        biasVerticalForgettingFactor=0.01,
        biasSigmaRest=0.05,
        restMinT=0.7,
        restFilterTau=0.3,
        restThGyr=1.5,
        restThAcc=0.4,
    )
    ours = OrientationFilter(
        PERIOD_S,
        VqfParameters(
            acc_tau_s=1.0,
            bias_sd_start_radps=math.radians(1.0),
            bias_forgetting_s=50.0,
            bias_limit_radps=math.radians(1.0),
            bias_sd_motion_radps=math.radians(0.2),
            bias_vertical_forgetting=0.01,
            bias_sd_rest_radps=math.radians(0.05),
            rest_min_s=0.7,
            rest_tau_s=0.3,
            rest_gyr_radps=math.radians(1.5),
            rest_acc_mps2=0.4,
        ),
    )
    theirs = peer.updateBatch(gyr, acc)
    assert _apart(ours.update(gyr, acc), theirs["quat6D"]) < 1e-9
    np.testing.assert_allclose(ours.bias_radps, theirs["bias"][-1], rtol=0, atol=1e-11)


@pytest.mark.parametrize(
    "force", [[0.0, 0.0, -9.81], [0.0, 1e-12, -9.81], [1e-4, 0.0, -9.81], [9.81, 0.0, 0.0]]
)
def test_a_sensor_that_starts_upside_down_is_turned_upright(force: list[float]) -> None:
    acc = np.array([force] * 5)
    got = OrientationFilter(PERIOD_S).update(np.zeros((5, 3)), acc)
    assert _apart(got, VQF(PERIOD_S).updateBatch(np.zeros((5, 3)), acc)["quat6D"]) < 1e-9
    np.testing.assert_allclose(_up(got[0]), acc[0] / np.linalg.norm(acc[0]), atol=1e-9)


# --- chunks, snapshots --------------------------------------------------------------------------

SPLIT_GYR, SPLIT_ACC = _everyday(900, 21, PERIOD_S)
SPLIT_WHOLE = OrientationFilter(PERIOD_S)
SPLIT_OUT = SPLIT_WHOLE.update(SPLIT_GYR, SPLIT_ACC)


@settings(deadline=None, max_examples=20)
@given(st.lists(st.integers(0, 900), max_size=40))
def test_chunks_of_any_length_give_the_same_bits(cuts: list[int]) -> None:
    tested = OrientationFilter(PERIOD_S)
    bounds = [0, *sorted(cuts), 900]
    parts = [tested.update(SPLIT_GYR[a:b], SPLIT_ACC[a:b]) for a, b in itertools.pairwise(bounds)]
    assert np.concatenate(parts).tobytes() == SPLIT_OUT.tobytes()
    assert tested.state.tobytes() == SPLIT_WHOLE.state.tobytes()


def test_one_reading_at_a_time_gives_the_same_bits_through_the_kernel() -> None:
    constants = coefficients(PERIOD_S)
    state = new_state(constants)
    for i in range(900):
        update_kernel(state, constants, *SPLIT_GYR[i].tolist(), *SPLIT_ACC[i].tolist())
        assert state[QUATERNION : QUATERNION + 4].tobytes() == SPLIT_OUT[i].tobytes()
    assert state.tobytes() == SPLIT_WHOLE.state.tobytes()


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 900))
def test_a_copied_state_continues_to_the_last_bit(cut: int) -> None:
    first, second = OrientationFilter(PERIOD_S), OrientationFilter(PERIOD_S)
    first.update(SPLIT_GYR[:cut], SPLIT_ACC[:cut])
    second.state[:] = np.frombuffer(first.state.tobytes())
    rest = second.update(SPLIT_GYR[cut:], SPLIT_ACC[cut:])
    assert rest.tobytes() == SPLIT_OUT[cut:].tobytes()


def test_float32_readings_are_computed_in_float64() -> None:
    gyr, acc = SPLIT_GYR.astype(np.float32), SPLIT_ACC.astype(np.float32)
    narrow = OrientationFilter(PERIOD_S).update(gyr, acc)
    wide = OrientationFilter(PERIOD_S).update(gyr.astype(np.float64), acc.astype(np.float64))
    assert narrow.dtype == np.float64
    assert narrow.tobytes() == wide.tobytes()


def test_strided_and_read_only_readings_are_taken() -> None:
    both = np.concatenate([SPLIT_GYR, SPLIT_ACC], axis=1)
    both.flags.writeable = False
    got = OrientationFilter(PERIOD_S).update(both[:, :3], both[:, 3:])
    assert got.tobytes() == SPLIT_OUT.tobytes()


# --- behaviour ----------------------------------------------------------------------------------


def test_inclination_is_right_from_the_first_reading() -> None:
    acc = np.array([[3.0, -5.0, 8.0]])
    tested = OrientationFilter(PERIOD_S)
    tested.update(np.zeros((1, 3)), acc)
    np.testing.assert_allclose(_up(tested.quaternion), acc[0] / np.linalg.norm(acc[0]), atol=1e-12)


def test_a_quarter_turn_about_the_vertical_turns_the_heading_by_a_quarter() -> None:
    gyr = np.tile([0.0, 0.0, math.pi / 2], (100, 1))
    acc = np.tile([0.0, 0.0, GRAVITY_MPS2], (100, 1))
    tested = OrientationFilter(PERIOD_S)
    tested.update(gyr, acc)
    np.testing.assert_allclose(
        rotated(tested.quaternion, [1.0, 0.0, 0.0]), [0.0, 1.0, 0.0], atol=1e-3
    )


def test_rest_is_detected_after_its_time_and_ends_with_the_first_movement() -> None:
    gyr, acc = _still(160, bias_dps=(0.0, 0.0, 0.0))
    tested = OrientationFilter(PERIOD_S)
    seen = []
    for i in range(160):
        tested.update(gyr[i : i + 1], acc[i : i + 1])
        seen.append(tested.at_rest)
    assert seen.index(True) in (149, 150)
    assert all(seen[150:])
    tested.update([[0.0, 0.2, 0.0]], acc[:1])
    assert not tested.at_rest


def test_a_steady_turn_is_no_rest() -> None:
    gyr = np.tile([0.0, 0.0, math.radians(5.0)], (600, 1))
    acc = np.tile([0.0, 0.0, GRAVITY_MPS2], (600, 1))
    tested = OrientationFilter(PERIOD_S)
    tested.update(gyr, acc)
    assert not tested.at_rest


def test_bias_is_found_at_rest() -> None:
    bias = (0.6, -0.9, 0.4)
    tested = OrientationFilter(PERIOD_S)
    uncertain = tested.bias_sd_radps
    tested.update(*_still(1500, bias_dps=bias))
    np.testing.assert_allclose(np.degrees(tested.bias_radps), bias, atol=0.03)
    assert tested.bias_sd_radps < uncertain / 10


def test_bias_is_found_in_motion() -> None:
    bias = (0.5, -0.4, 0.3)
    tested = OrientationFilter(PERIOD_S)
    tested.update(*_moving(9000, bias_dps=bias, shaking_mps2=0.3))
    assert not tested.at_rest
    np.testing.assert_allclose(np.degrees(tested.bias_radps), bias, atol=0.15)


def test_the_vertical_bias_is_not_invented_while_its_axis_stays_vertical() -> None:
    n = 9000
    t_s = np.arange(n) * PERIOD_S
    gyr = np.radians([0.5, 0.5, 0.5]) + np.outer(np.sin(2.0 * t_s), [0.0, 0.0, 1.0])
    acc = np.tile([0.0, 0.0, GRAVITY_MPS2], (n, 1))
    tested = OrientationFilter(PERIOD_S)
    tested.update(gyr, acc)
    level, vertical = np.degrees(tested.bias_radps[:2]), np.degrees(tested.bias_radps[2])
    np.testing.assert_allclose(level, 0.5, atol=0.1)
    assert abs(vertical) < 0.05


def test_bias_stays_within_its_limit() -> None:
    tested = OrientationFilter(PERIOD_S)
    tested.update(*_still(1500, bias_dps=(1.95, -1.95, 1.95)))
    tested.update(*_moving(500, bias_dps=(30.0, -30.0, 30.0)))
    assert np.all(np.abs(tested.bias_radps) <= VqfParameters().bias_limit_radps)


# --- restart ------------------------------------------------------------------------------------


def test_restart_keeps_the_bias_and_forgets_the_rest() -> None:
    tested = OrientationFilter(PERIOD_S)
    tested.update(*_still(1000, bias_dps=(0.6, -0.9, 0.4)))
    bias, sd_radps = tested.bias_radps, tested.bias_sd_radps
    tested.restart()
    np.testing.assert_array_equal(tested.bias_radps, bias)
    assert tested.bias_sd_radps == sd_radps
    assert not tested.at_rest
    np.testing.assert_array_equal(tested.quaternion, [1.0, 0.0, 0.0, 0.0])
    fresh = OrientationFilter(PERIOD_S).state
    fresh[BIAS:BIAS_COVARIANCE] = bias
    fresh[BIAS_COVARIANCE:AT_REST] = tested.state[BIAS_COVARIANCE:AT_REST]
    assert tested.state.tobytes() == fresh.tobytes()


def test_restart_without_the_bias_is_a_new_filter() -> None:
    tested = OrientationFilter(PERIOD_S)
    tested.update(SPLIT_GYR, SPLIT_ACC)
    tested.restart(keep_bias=False)
    assert tested.state.tobytes() == OrientationFilter(PERIOD_S).state.tobytes()
    assert tested.update(SPLIT_GYR, SPLIT_ACC).tobytes() == SPLIT_OUT.tobytes()


def test_inclination_is_right_at_once_after_a_restart() -> None:
    tested = OrientationFilter(PERIOD_S)
    tested.update(SPLIT_GYR, SPLIT_ACC)
    tested.restart()
    tested.update(np.zeros((1, 3)), [[-9.81, 0.0, 0.0]])
    np.testing.assert_allclose(_up(tested.quaternion), [-1.0, 0.0, 0.0], atol=1e-3)


# --- bad readings -------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 2 * LARGEST_READING, 1e308])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_broken_angular_rate_changes_nothing(bad: float, axis: int) -> None:
    tested = OrientationFilter(PERIOD_S)
    before = tested.update(SPLIT_GYR[:500], SPLIT_ACC[:500])[-1]
    state = tested.state.copy()
    gyr = SPLIT_GYR[500:501].copy()
    gyr[0, axis] = bad
    np.testing.assert_array_equal(tested.update(gyr, SPLIT_ACC[500:501])[0], before)
    assert tested.state.tobytes() == state.tobytes()


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 2 * LARGEST_READING, 1e308])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_broken_specific_force_is_integrated_like_none(bad: float, axis: int) -> None:
    acc = SPLIT_ACC[:600].copy()
    acc[300:310] = 0.0
    without = OrientationFilter(PERIOD_S)
    wanted = without.update(SPLIT_GYR[:600], acc)
    acc[300:310, axis] = bad
    tested = OrientationFilter(PERIOD_S)
    assert tested.update(SPLIT_GYR[:600], acc).tobytes() == wanted.tobytes()
    assert tested.state.tobytes() == without.state.tobytes()


_any_reading = st.floats(width=64, allow_nan=True, allow_infinity=True) | st.floats(
    -LARGEST_READING, LARGEST_READING
)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(*([_any_reading] * 6)), max_size=30))
def test_no_reading_poisons_the_state(rows: list[tuple[float, ...]]) -> None:
    values = np.array(rows, dtype=np.float64).reshape(-1, 6)
    tested = OrientationFilter(PERIOD_S)
    out = tested.update(values[:, :3], values[:, 3:])
    assert np.all(np.isfinite(tested.state))
    np.testing.assert_allclose(np.linalg.norm(out, axis=1), 1.0, atol=1e-9)
    assert np.all(tested.state[[BIAS_COVARIANCE, BIAS_COVARIANCE + 3, BIAS_COVARIANCE + 5]] > 0)


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 2**32 - 1))
def test_a_filter_recovers_from_absurd_readings(seed: int) -> None:
    random = np.random.default_rng(seed)
    tested = OrientationFilter(PERIOD_S)
    scale = 10.0 ** random.uniform(-200, 6, (200, 1))
    tested.update(scale * random.uniform(-1, 1, (200, 3)), scale * random.uniform(-1, 1, (200, 3)))
    tested.restart(keep_bias=False)
    assert tested.update(SPLIT_GYR, SPLIT_ACC).tobytes() == SPLIT_OUT.tobytes()


def test_no_readings_give_no_orientations() -> None:
    tested = OrientationFilter(PERIOD_S)
    state = tested.state.copy()
    assert tested.update(np.empty((0, 3)), np.empty((0, 3))).shape == (0, 4)
    assert tested.state.tobytes() == state.tobytes()


# --- what it knows of its own error --------------------------------------------------------------


def test_a_still_sensor_is_known_to_the_floor_and_a_new_one_as_is_usual() -> None:
    tested = OrientationFilter(PERIOD_S)
    usual = math.hypot(INCLINATION_FLOOR_RAD, USUAL_DISAGREEMENT_RAD)
    assert tested.inclination_sd_rad == pytest.approx(usual)
    # Finding the vertical, half a turn away at first, is no disagreement.
    tested.update(*_still(299, bias_dps=(0.0, 0.0, 0.0)))
    assert tested.inclination_sd_rad == pytest.approx(usual)
    tested.update(*_still(6000, bias_dps=(0.0, 0.0, 0.0)))
    assert tested.inclination_sd_rad == pytest.approx(INCLINATION_FLOOR_RAD, rel=0.01)
    tested.restart()
    assert tested.inclination_sd_rad == pytest.approx(usual)


def test_the_more_gyroscope_and_gravity_disagree_the_less_certain_is_an_inclination() -> None:
    """A gyroscope that shows too much turns an inclination away, and gravity turns it back."""
    found, off = [], []
    gyr, acc = _moving(6000, speed_radps=1.5, shaking_mps2=0.0)
    right = OrientationFilter(PERIOD_S).update(gyr, acc)
    for scale in (1.0, 1.02, 1.04, 1.08):
        tested = OrientationFilter(PERIOD_S)
        q = tested.update(scale * gyr, acc)
        up, felt = (
            rotated(one, np.array([0.0, 0.0, 1.0])) for one in (right * CONJUGATE, q * CONJUGATE)
        )
        off.append(float(np.sqrt(0.5 * ((up - felt)[2000:] ** 2).sum(axis=1).mean())))
        found.append(tested.inclination_sd_rad)
    assert all(less < more for less, more in itertools.pairwise(found))
    assert found[0] < math.radians(0.5)
    for stated, true in zip(found[2:], off[2:], strict=True):
        # A fast swing leaves gravity no time to correct: of its error the filter sees a third.
        assert 0.3 < stated / true < 1.5


@pytest.mark.parametrize(
    ("gyr_shape", "acc_shape", "named"),
    [((3,), (3,), "gyr_radps"), ((5, 4), (5, 3), "gyr_radps"), ((5, 3), (5,), "acc_mps2")],
)
def test_a_wrong_shape_is_named(
    gyr_shape: tuple[int, ...], acc_shape: tuple[int, ...], named: str
) -> None:
    with pytest.raises(SamplesError, match=named) as caught:
        OrientationFilter(PERIOD_S).update(np.zeros(gyr_shape), np.zeros(acc_shape))
    assert caught.value.reason is SamplesFault.SHAPE


def test_different_numbers_of_rows_are_refused() -> None:
    with pytest.raises(SamplesError, match="5 rows and acc_mps2 4"):
        OrientationFilter(PERIOD_S).update(np.zeros((5, 3)), np.zeros((4, 3)))


@pytest.mark.parametrize("period_s", [0.0, -0.01, math.nan, math.inf, 1.0])
def test_a_period_that_no_filter_can_follow_is_refused(period_s: float) -> None:
    with pytest.raises(ValueError, match="period_s"):
        OrientationFilter(period_s)


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
def test_a_parameter_that_is_not_positive_is_named(value: float) -> None:
    with pytest.raises(ValueError, match="rest_tau_s"):
        VqfParameters(rest_tau_s=value)


def test_the_state_is_one_small_array() -> None:
    assert OrientationFilter(PERIOD_S).state.shape == (STATE_SIZE,)
    assert STATE_SIZE <= 80
