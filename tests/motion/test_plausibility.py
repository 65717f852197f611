"""Units, life and calibration of a sensor are judged from its samples; bad rows are flagged."""

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from motion.errors import SamplesError, SamplesFault
from motion.plausibility import (
    ACC_FULL_SCALE_TOLERANCE,
    ACC_FULL_SCALES_MPS2,
    FLAG_SAME_SINCE,
    FLAG_STATE_SIZE,
    FROZEN_S,
    FROZEN_SAMPLES,
    GYR_FULL_SCALE_TOLERANCE,
    GYR_FULL_SCALES_RADPS,
    SATURATED_SAMPLES,
    FindingKind,
    Plausibility,
    PlausibilityCheck,
    RowFlag,
    flag_rows,
)
from motion.samples import Samples

G = 9.80665
DEG = math.degrees(1.0)
Array = NDArray[np.float64]


def swinging(
    seconds: float = 30.0,
    rate_hz: float = 50.0,
    swing_deg: float = 60.0,
    rest_s: float = 2.0,
    seed: int = 0,
) -> tuple[Array, Array, Array]:
    """A sensor that turns about its x axis, which is horizontal, up and down with rests between.

    Returns t_s (n,), acc (n, 3) m/s2, gyr (n, 3) rad/s.
    """
    random = np.random.default_rng(seed)
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    move_s = 3.0
    within = np.minimum(t % (move_s + rest_s), move_s)
    swing = math.radians(swing_deg)
    angle = 0.3 + 0.5 * swing * (1.0 - np.cos(2.0 * np.pi * within / move_s))
    rate = np.pi * swing / move_s * np.sin(2.0 * np.pi * within / move_s)
    zero = np.zeros_like(t)
    acc = G * np.stack([zero, np.sin(angle), np.cos(angle)], axis=1)
    gyr = np.stack([rate, zero, zero], axis=1) + 0.01
    return t, acc + random.normal(0, 0.02, acc.shape), gyr + random.normal(0, 0.003, gyr.shape)


def judged(t: Array, acc: Array, gyr: Array) -> Plausibility:
    check = PlausibilityCheck("wrist")
    check.update(Samples.of("wrist", t, acc, gyr))
    return check.result()


def kinds(found: Plausibility) -> list[FindingKind]:
    return [finding.kind for finding in found.findings]


# --- sound sensors


@settings(max_examples=60, deadline=None)
@given(
    seconds=st.floats(0.0, 40.0),
    rate_hz=st.sampled_from([12.5, 25.0, 50.0, 104.0]),
    swing_deg=st.floats(0.0, 150.0),
    rest_s=st.floats(0.0, 4.0),
    turn=st.tuples(*[st.floats(-1.0, 1.0)] * 4),
    seed=st.integers(0, 99),
)
def test_a_sound_sensor_is_found_sound(
    seconds: float, rate_hz: float, swing_deg: float, rest_s: float, turn: Any, seed: int
) -> None:
    t, acc, gyr = swinging(seconds, rate_hz, swing_deg, rest_s, seed)
    if len(t) == 0:
        return
    w, x, y, z = np.array(turn) / max(1e-3, float(np.linalg.norm(turn)))
    rotation = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )
    if abs(np.linalg.det(rotation) - 1.0) > 1e-6:
        rotation = np.eye(3)
    found = judged(t, acc @ rotation.T, gyr @ rotation.T)
    assert found.findings == ()
    found.raise_if_unusable()


def test_figures_of_a_sound_sensor() -> None:
    found = judged(*swinging())
    assert found.gyroscope_ratio == pytest.approx(1.0, abs=0.1)
    assert found.rest_norm_mps2 is not None
    assert found.rest_norm_mps2[0] == pytest.approx(G, rel=0.005)
    assert found.rest_norm_mps2[1] == pytest.approx(G, rel=0.005)


# --- wrong units and swapped columns


@pytest.mark.parametrize("rest_s", [0.0, 2.0])
@pytest.mark.parametrize(
    ("acc_by", "gyr_by", "kind", "remedy"),
    [
        (1.0, DEG, FindingKind.UNITS_ANGULAR_RATE, "gyr_x..z by 0.0174533"),
        (1.0, 1.0 / DEG, FindingKind.UNITS_ANGULAR_RATE, "gyr_x..z by 57.29578"),
        (1.0 / G, 1.0, FindingKind.UNITS_ACCELERATION, "acc_x..z by 9.80665"),
        (1000.0 / G, 1.0, FindingKind.UNITS_ACCELERATION, "acc_x..z by 0.00980665"),
        (16384.0 / G, 1.0, FindingKind.UNITS_ACCELERATION, "to m/s2"),
    ],
)
def test_wrong_units_are_named_with_the_factor(
    rest_s: float, acc_by: float, gyr_by: float, kind: FindingKind, remedy: str
) -> None:
    t, acc, gyr = swinging(rest_s=rest_s, swing_deg=50.0)
    found = judged(t, acc * acc_by, gyr * gyr_by)
    assert kinds(found) == [kind]
    assert remedy in found.findings[0].message
    assert "'wrist'" in found.findings[0].message
    factor = None if remedy == "to m/s2" else pytest.approx(1.0 / (acc_by * gyr_by))
    assert found.findings[0].factor == factor


def test_both_units_wrong_are_both_told() -> None:
    t, acc, gyr = swinging()
    assert kinds(judged(t, acc / G, gyr * DEG)) == [
        FindingKind.UNITS_ACCELERATION,
        FindingKind.UNITS_ANGULAR_RATE,
    ]


def test_rates_that_no_gyroscope_measures_are_told_even_in_wild_movement() -> None:
    t, acc, gyr = swinging(rest_s=0.0, swing_deg=150.0)
    wild = acc + np.random.default_rng(1).normal(0, 10.0, acc.shape)
    found = judged(t, wild, gyr * DEG)
    assert kinds(found) == [FindingKind.UNITS_ANGULAR_RATE]
    assert "75 rad/s" in found.findings[0].message


def test_single_glitches_of_the_gyroscope_are_no_wrong_unit() -> None:
    t, acc, gyr = swinging()
    gyr[::200] = 500.0
    assert judged(t, acc, gyr).findings == ()


@pytest.mark.parametrize("rest_s", [0.0, 2.0])
@pytest.mark.parametrize("swing_deg", [40.0, 90.0])
def test_swapped_columns_are_told(rest_s: float, swing_deg: float) -> None:
    t, acc, gyr = swinging(rest_s=rest_s, swing_deg=swing_deg)
    found = judged(t, gyr, acc)
    assert kinds(found) == [FindingKind.SWAPPED]
    assert "exchange" in found.findings[0].message


def test_g_and_degrees_of_a_slow_movement_are_not_taken_for_swapped() -> None:
    t = np.arange(1500) / 50.0
    angle = 0.6 * t  # never still, never faster: 34 deg/s
    zero = np.zeros_like(t)
    random = np.random.default_rng(2)
    acc = np.stack([zero, np.sin(angle), np.cos(angle)], axis=1)
    gyr = np.stack([zero + 0.6, 0.1 * np.sin(3 * t), zero], axis=1) * DEG
    found = judged(t, acc + random.normal(0, 0.01, acc.shape), gyr + random.normal(0, 1, gyr.shape))
    assert kinds(found) == [FindingKind.UNITS_ACCELERATION, FindingKind.UNITS_ANGULAR_RATE]


def test_an_acceleration_without_gravity_is_told() -> None:
    t, acc, gyr = swinging()
    random = np.random.default_rng(4)
    found = judged(t, random.normal(0, 0.05, acc.shape), gyr)
    assert kinds(found) == [FindingKind.UNITS_ACCELERATION]
    assert "gravity" in found.findings[0].message


def test_a_gyroscope_whose_unit_cannot_be_seen_is_left_alone() -> None:
    t, acc, gyr = swinging(swing_deg=0.0)
    found = judged(t, acc, gyr * DEG)
    assert found.findings == ()
    assert found.gyroscope_ratio is None


def test_too_short_a_stream_gives_no_verdict_on_units() -> None:
    t, acc, gyr = swinging(seconds=1.5)
    assert judged(t, acc / G, gyr * DEG).findings == ()


# --- dead sensors


def test_dead_sensors_are_told() -> None:
    t, acc, gyr = swinging()
    nothing = np.full_like(acc, np.nan)
    for a, g, words in (
        (nothing, gyr, "accelerometer of the sensor 'wrist' gave no valid number"),
        (acc, nothing, "gyroscope of the sensor 'wrist' gave no valid number"),
        (acc * 0.0, gyr, "accelerometer of the sensor 'wrist' gave the same values"),
        (acc, np.full_like(gyr, 0.25), "gyroscope of the sensor 'wrist' gave the same values"),
    ):
        found = judged(t, a, g)
        assert kinds(found) == [FindingKind.DEAD]
        assert words in found.findings[0].message
        assert "leave it out" in found.findings[0].message
    assert kinds(judged(t, nothing, nothing)) == [FindingKind.DEAD] * 2


def test_a_sensor_without_samples_is_dead() -> None:
    with pytest.raises(SamplesError, match="gave no samples") as caught:
        PlausibilityCheck("wrist").result().raise_if_unusable()
    assert caught.value.reason is SamplesFault.DEAD


def test_a_sensor_that_dies_half_way_is_not_dead_throughout() -> None:
    t, acc, gyr = swinging()
    acc[700:] = acc[700]
    gyr[700:] = gyr[700]
    assert judged(t, acc, gyr).findings == ()


def test_missing_rows_and_gaps_disturb_no_verdict() -> None:
    t, acc, gyr = swinging(seconds=60.0)
    acc[::7] = np.nan
    gyr[3::31, 1] = np.inf
    t[1500:] += 20.0
    assert judged(t, acc, gyr).findings == ()
    assert kinds(judged(t, acc, gyr * DEG)) == [FindingKind.UNITS_ANGULAR_RATE]


# --- calibration


def test_a_norm_that_varies_with_posture_is_a_finding_and_no_error() -> None:
    t, acc, gyr = swinging(swing_deg=100.0, seconds=60.0)
    half = len(t) // 2
    acc[half:] = acc[half:, [0, 2, 1]] * [1.0, -1.0, 1.0]  # another rest posture
    gyr[half:] = gyr[half:, [0, 2, 1]] * [1.0, -1.0, 1.0]
    found = judged(t, acc + np.array([0.0, 0.9, 0.0]), gyr)
    assert kinds(found) == [FindingKind.ACCELEROMETER_OFF]
    assert found.rest_norm_mps2 is not None
    least, greatest = found.rest_norm_mps2
    assert greatest - least > 0.5
    assert f"from {least:.2f} to {greatest:.2f}" in found.findings[0].message
    found.raise_if_unusable()


def test_a_norm_off_gravity_in_a_single_posture_is_a_finding() -> None:
    t, acc, gyr = swinging()
    found = judged(t, acc * 0.8, gyr)
    assert kinds(found) == [FindingKind.ACCELEROMETER_OFF]
    assert "7.8" in found.findings[0].message


def test_one_moment_of_steady_push_is_no_bad_calibration() -> None:
    t, acc, gyr = swinging(seconds=60.0, swing_deg=0.0)
    acc[1000:1060] *= 1.12  # 1.2 s
    assert judged(t, acc, gyr).findings == ()


# --- how it is asked


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 1000), max_size=12), st.sampled_from([1.0, DEG]))
def test_chunks_change_no_verdict(cuts: list[int], gyr_by: float) -> None:
    t, acc, gyr = swinging(seconds=20.0)
    whole = Samples.of("wrist", t, acc, gyr * gyr_by)
    check = PlausibilityCheck("wrist")
    bounds = [0, *sorted(cuts), len(t)]
    for start, stop in pairwise(bounds):
        check.update(whole.rows(start, stop))
    assert check.result() == judged(t, acc, gyr * gyr_by)


def test_the_error_names_file_and_sensor_and_carries_its_reason() -> None:
    t, acc, gyr = swinging()
    with pytest.raises(SamplesError, match=r"walk\.parquet: .*'wrist'") as caught:
        judged(t, gyr, acc).raise_if_unusable("walk.parquet")
    assert caught.value.reason is SamplesFault.SWAPPED
    assert caught.value.sensor == "wrist"


# --- rows


def flagged(t: Any, acc: Any, gyr: Any, cuts: list[int] | None = None) -> tuple[list[int], Array]:
    samples = Samples.of("wrist", t, acc, gyr)
    state = np.zeros(FLAG_STATE_SIZE)
    out = np.zeros(len(samples), np.uint8)
    bounds = [0, *sorted(cuts or []), len(samples)]
    for start, stop in pairwise(bounds):
        part = samples.rows(start, stop)
        flag_rows(state, part.t_s, part.acc_mps2, part.gyr_radps, out[start:stop])
    return out.tolist(), state


def naive_flags(t: Array, acc: Array, gyr: Array) -> list[int]:
    """The definition, row by row over the whole past."""
    values = np.concatenate([acc, gyr], axis=1).astype(np.float32).astype(np.float64)
    flags = []
    for i in range(len(t)):
        if not np.isfinite(values[i]).all():
            flags.append(RowFlag.NOT_FINITE)
            continue
        past = values[: i + 1][np.isfinite(values[: i + 1]).all(axis=1)]
        same = 1
        while same <= i and np.array_equal(values[i - same], values[i]):
            same += 1
        saturated = False
        for k in range(6):
            value = values[i, k]
            run = 1
            while run <= i and values[i - run, k] == value and np.isfinite(values[i - run]).all():
                run += 1
            scales = ACC_FULL_SCALES_MPS2 if k < 3 else GYR_FULL_SCALES_RADPS
            tolerance = ACC_FULL_SCALE_TOLERANCE if k < 3 else GYR_FULL_SCALE_TOLERANCE
            near = np.any(np.abs(abs(value) - scales) <= tolerance * scales)
            extreme = value >= max(0.0, past[:, k].max()) or value <= min(0.0, past[:, k].min())
            saturated |= bool(run >= SATURATED_SAMPLES and near and extreme)
        if same >= FROZEN_SAMPLES and t[i] - t[i - same + 1] > FROZEN_S:
            flags.append(RowFlag.FROZEN)
        else:
            flags.append(RowFlag.SATURATED if saturated else RowFlag.VALID)
    return [int(flag) for flag in flags]


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from([0.01, 0.1, 0.3, 2.0]),
            st.integers(1, 8),
            st.sampled_from([0.0, 9.81, 19.6, 19.7, -19.5, 39.2, math.nan]),
            st.sampled_from([0.0, 1.0, 8.7, -8.7, 34.9, math.inf]),
        ),
        min_size=1,
        max_size=12,
    ),
    cuts=st.lists(st.integers(0, 40), max_size=5),
)
def test_flags_follow_their_definition_however_the_stream_is_cut(rows: Any, cuts: Any) -> None:
    steps = np.concatenate([[step] * count for step, count, _, _ in rows])
    t = np.cumsum(steps)
    acc, gyr = np.zeros((len(t), 3)), np.zeros((len(t), 3))
    acc[:, 1] = np.concatenate([[a] * count for _, count, a, _ in rows])
    gyr[:, 2] = np.concatenate([[g] * count for _, count, _, g in rows])
    whole, state = flagged(t, acc, gyr)
    assert whole == naive_flags(t, acc, gyr)
    inside = [cut for cut in cuts if cut <= len(t)]
    pieces, state_of_pieces = flagged(t, acc, gyr, inside)
    assert pieces == whole
    assert state_of_pieces.tobytes() == state.tobytes()


def test_a_stop_at_full_scale_is_saturated_from_the_third_sample_on() -> None:
    t, acc, gyr = swinging(seconds=2.0, swing_deg=10.0)
    gyr[40:46, 1] = 8.73
    flags, _ = flagged(t, acc, gyr)
    assert flags == [0] * 42 + [RowFlag.SATURATED] * 4 + [0] * 54


def test_a_full_scale_that_was_exceeded_before_is_no_stop() -> None:
    t, acc, gyr = swinging(seconds=2.0, swing_deg=10.0)
    gyr[20, 1] = 9.1
    gyr[40:46, 1] = 8.73
    assert flagged(t, acc, gyr)[0] == [0] * len(t)


def test_the_moment_a_sensor_froze_is_known() -> None:
    t, acc, gyr = swinging(seconds=4.0)
    acc[100:] = acc[100]
    gyr[100:] = gyr[100]
    flags, state = flagged(t, acc, gyr)
    assert flags == [0] * 126 + [RowFlag.FROZEN] * 74
    assert state[FLAG_SAME_SINCE] == t[100]


def test_rest_with_the_noise_of_one_step_is_not_frozen() -> None:
    t, acc, gyr = swinging(seconds=60.0, rate_hz=25.0, swing_deg=0.0)
    acc = np.round(acc / 0.0383) * 0.0383  # 1/256 g
    gyr = np.round(gyr / 0.0021) * 0.0021  # 1/8 deg/s
    assert flagged(t, acc, gyr)[0] == [0] * len(t)
