"""One sensor's stream: what is late, repeated, doubtful or missing, and the orientation that comes
out, against a plain loop over the orientation filter. However the samples are handed over, the
result is the same to the last bit.
"""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from motion.orientation import OrientationFilter, doubt_kernel
from motion.samples import Samples
from motion.stream import (
    BRIDGED_S,
    PERIOD_SAMPLES,
    SILENT_S,
    TRUST_LEAST_S,
    TRUST_S5,
    SensorStream,
    period_kernel,
)
from tests.motion.movement import (
    Rep,
    Worn,
    X,
    Z,
    damaged,
    even,
    in_sensor,
    keep,
    lost,
    path,
    product,
    record,
    rotation,
    total,
    tremor,
)

Float64 = NDArray[np.float64]

WORN = Worn(rate_hz=50.0, bias_dps=(0.3, -0.2, 0.1), noise_dps=0.3)
MOVING = record(even(2, first_s=1.0, every_s=3.0), WORN, 8.0)


def whole(samples: Samples) -> SensorStream:
    """The stream of a recording given at once."""
    stream = SensorStream(samples.sensor)
    stream.push(samples)
    stream.advance(math.inf, last=True)
    return stream


def turned(q: Float64, heading_rad: float) -> Float64:
    """q (4,) turned about the vertical."""
    return product(rotation(Z, math.degrees(heading_rad)), q)


def heading_between(q: Float64, reference: Float64) -> float:
    """The part about the vertical of the rotation from `reference` (4,) to q (4,)."""
    w, _, _, z = product(q, reference * [1.0, -1.0, -1.0, -1.0])
    return 2.0 * math.atan2(z, w)


def plain_orientations(samples: Samples, period_s: float) -> Float64:
    """What `orient_kernel` computes, step by step: (n, 4)."""
    t, acc, gyr = samples.t_s, samples.acc_mps2.astype(float), samples.gyr_radps.astype(float)
    plain = OrientationFilter(period_s)
    heading_rad = 0.0
    out: list[Float64] = []
    for i in range(len(t)):
        interval_s = t[i] - t[i - 1] if i else 0.0
        if interval_s > BRIDGED_S:
            plain.restart()
        elif interval_s > 1.5 * period_s:
            missing = round(interval_s / period_s)
            for k in range(1, missing):
                share = k / missing
                plain.update(
                    [gyr[i - 1] + share * (gyr[i] - gyr[i - 1])],
                    [acc[i - 1] + share * (acc[i] - acc[i - 1])],
                )
            trust_s = TRUST_LEAST_S + TRUST_S5 / (interval_s * interval_s) ** 2
            doubt_kernel(plain.state, plain.coefficients, trust_s)
        q = plain.update([gyr[i]], [acc[i]])[0]
        if interval_s > BRIDGED_S:
            heading_rad = heading_between(out[-1], q)
        out.append(turned(q, heading_rad))
    return np.array(out)


def apart_deg(p: Float64, q: Float64) -> Float64:
    """Angles (n,) of the rotations between orientations (n, 4)."""
    w = np.abs(product(p * [1.0, -1.0, -1.0, -1.0], q)[..., 0])
    angles: Float64 = np.degrees(2.0 * np.arccos(np.minimum(w, 1.0)))
    return angles


# --- order and chunks ---------------------------------------------------------------------------


@settings(deadline=None, max_examples=25)
@given(st.data())
def test_any_chunks_in_any_order_give_the_same_to_the_last_bit(data: st.DataObject) -> None:
    samples = lost(damaged(MOVING, 3.0, 3.4, "nan"), 5.0, 5.7)
    random = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    parts: list[tuple[Samples, float]] = []
    first = 0
    for until_s in [*np.arange(0.5, 8.0, 0.25), math.inf]:
        stop = int(np.searchsorted(samples.t_s, until_s))
        parts.append((samples.rows(first, stop), float(until_s) - 0.2))
        first = stop
    plain, shuffled = SensorStream("one"), SensorStream("one")
    for part, until_s in parts:
        plain.push(part)
        order = random.permutation(len(part))
        cuts = np.sort(random.integers(0, len(part) + 1, 3))
        for rows in np.split(order, cuts):
            shuffled.push(Samples.of("one", part.t_s[rows], *_values(part, rows)))
        for stream in (plain, shuffled):
            stream.advance(until_s, last=until_s == math.inf)
    for name in ("t", "q"):
        assert shuffled.oriented[name].tobytes() == plain.oriented[name].tobytes()
    assert shuffled.silences == plain.silences
    assert (shuffled.late, shuffled.repeated) == (plain.late, plain.repeated) == (0, 0)


def _values(samples: Samples, rows: NDArray[np.intp]) -> tuple[NDArray[np.float32], ...]:
    return samples.acc_mps2[rows], samples.gyr_radps[rows]


def test_a_snapshot_anywhere_continues_to_the_last_bit() -> None:
    samples = lost(damaged(MOVING, 6.0, 6.3, "frozen"), 3.0, 3.8)
    for at in range(0, len(samples), 29):
        stream, again = SensorStream("one"), SensorStream("one")
        stream.push(samples.rows(0, at))
        stream.advance(0.02 * at - 0.1, last=False)
        again.restore(stream.state())
        for each in (stream, again):
            each.push(samples.rows(at, len(samples)))
            each.advance(math.inf, last=True)
        assert again.oriented["q"].tobytes() == stream.oriented["q"].tobytes()
        assert again.silences == stream.silences
        assert len(again.oriented) == len(samples)


def test_samples_older_than_the_watermark_are_dropped_and_counted() -> None:
    stream = SensorStream("one")
    stream.push(MOVING.rows(50, 100))
    stream.advance(float(MOVING.t_s[80]), last=False)
    stream.push(MOVING.rows(20, 50))
    stream.push(MOVING.rows(100, 200))
    stream.advance(math.inf, last=True)
    assert stream.late == 30
    assert stream.oriented["t"].tolist() == MOVING.t_s[50:200].tolist()


def test_a_sample_at_the_watermark_itself_is_not_late() -> None:
    stream = SensorStream("one")
    stream.push(MOVING.rows(0, 50))
    stream.advance(float(MOVING.t_s[50]), last=False)
    stream.push(MOVING.rows(50, 60))
    stream.advance(math.inf, last=True)
    assert stream.late == 0
    assert len(stream.oriented) == 60


@pytest.mark.parametrize("between", [False, True], ids=["at once", "a watermark between"])
def test_repeated_samples_are_dropped_and_counted(between: bool) -> None:
    once, twice = SensorStream("one"), SensorStream("one")
    for stream, again in ((once, 100), (twice, 90)):
        stream.push(MOVING.rows(0, 100))
        if between:
            stream.advance(float(MOVING.t_s[89]), last=False)
        stream.push(MOVING.rows(again, 100))
        stream.push(MOVING.rows(again + 5 if again < 100 else 100, 200))
        stream.advance(math.inf, last=True)
    assert (once.repeated, twice.repeated) == (0, 15)
    assert twice.oriented["q"].tobytes() == once.oriented["q"].tobytes()


def test_a_sample_that_comes_again_behind_the_watermark_counts_as_late() -> None:
    stream = SensorStream("one")
    stream.push(MOVING.rows(0, 100))
    stream.advance(float(MOVING.t_s[100]), last=False)
    stream.push(MOVING.rows(99, 101))
    stream.advance(math.inf, last=True)
    assert (stream.late, stream.repeated) == (1, 0)
    assert len(stream.oriented) == 101


@pytest.mark.parametrize("nowhen", [math.nan, math.inf, -math.inf])
def test_samples_without_a_time_are_dropped_and_counted(nowhen: float) -> None:
    t = MOVING.t_s.copy()
    t[[7, 8, 100]] = nowhen
    stream = SensorStream("one")
    stream.push(Samples.of("one", t, MOVING.acc_mps2, MOVING.gyr_radps))
    stream.advance(math.inf, last=True)
    assert stream.late == 3
    chosen = np.isfinite(t)
    assert stream.oriented["t"].tolist() == MOVING.t_s[chosen].tolist()


def test_disorder_behind_a_sample_without_a_time_is_put_right() -> None:
    t = MOVING.t_s.copy()
    t[[5, 6, 7]] = t[7], math.nan, t[5]
    stream = SensorStream("one")
    stream.push(Samples.of("one", t, MOVING.acc_mps2, MOVING.gyr_radps))
    stream.advance(math.inf, last=True)
    assert (np.diff(stream.oriented["t"]) > 0.0).all()
    assert len(stream.oriented) == len(MOVING) - 1


def test_nothing_is_released_before_its_watermark() -> None:
    stream = SensorStream("one")
    stream.push(MOVING)
    assert len(stream.oriented) == 0
    stream.advance(2.0, last=False)
    assert stream.oriented["t"].max() < 2.0
    assert stream.first_pending_t == 2.0
    assert stream.newest_t == MOVING.t_s[-1]


# --- orientation --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "samples",
    [
        pytest.param(MOVING, id="complete"),
        pytest.param(keep(MOVING, np.arange(len(MOVING)) % 7 != 3), id="every seventh lost"),
        pytest.param(lost(MOVING, 1.3, 1.75), id="lost for less than a silence"),
        pytest.param(lost(MOVING, 1.3, 2.4), id="silent once"),
        pytest.param(lost(lost(MOVING, 1.3, 2.4), 4.4, 5.2), id="silent twice"),
    ],
)
def test_equals_a_plain_loop_over_the_filter(samples: Samples) -> None:
    stream = whole(samples)
    expected = plain_orientations(samples, stream.period_s)
    np.testing.assert_allclose(stream.oriented["q"], expected, rtol=0, atol=1e-9)
    assert stream.oriented["acc"].tolist() == samples.acc_mps2.tolist()


@pytest.mark.parametrize("turn_deg", [0.0, 50.0])
def test_heading_is_kept_over_a_silence_and_inclination_read_anew(turn_deg: float) -> None:
    worn = Worn(pose=_pose(rotation(Z, turn_deg)), noise_dps=0.02)
    tilting = path((1.0, 0.0), (2.0, 30.0), (3.0, 70.0), (4.0, 0.0))
    samples = lost(record(tilting, worn, 7.0), 2.0, 3.0)
    q = whole(samples).oriented["q"]
    at = int(np.flatnonzero(np.diff(samples.t_s) > 0.9)[0])
    assert heading_between(q[at + 1], q[at]) == pytest.approx(0.0, abs=1e-6)
    up = in_sensor(q[at + 1 :], Z)
    true_deg = tilting(samples.t_s[at + 1 :])
    tilt_deg = np.degrees(np.arctan2(up[:, 1], up[:, 2]))
    assert np.abs(tilt_deg - true_deg)[0] < 1.0
    assert np.abs(tilt_deg - true_deg)[-50:].max() < 1.0


def _pose(q: Float64) -> tuple[float, float, float, float]:
    w, x, y, z = (float(part) for part in q)
    return w, x, y, z


def test_a_turn_during_lost_samples_is_not_lost() -> None:
    turning = path((1.0, 0.0), (3.0, 90.0))
    samples = record(turning, Worn(axis=Z, noise_dps=0.01), 5.0)
    gappy = lost(samples, 1.8, 2.2)
    difference = apart_deg(whole(gappy).oriented["q"][-1:], whole(samples).oriented["q"][-1:])
    # The turn went on at up to 80 degrees a second; only its curvature is not seen.
    assert difference[0] < 3.0


# --- doubtful samples and silences --------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "reason"),
    [("nan", "values that are no numbers"), ("frozen", "frozen"), ("saturated", "saturated")],
)
def test_doubtful_samples_do_not_come_out_and_their_silence_is_told(kind: str, reason: str) -> None:
    stream = whole(damaged(MOVING, 3.0, 4.5, kind))
    # A sensor is frozen after half a second, saturated from the third sample on.
    begun_s = {"nan": 3.0, "frozen": 3.0 + SILENT_S, "saturated": 3.04}[kind]
    t = stream.oriented["t"]
    assert not ((t > begun_s + 0.03) & (t < 4.5)).any()
    [silence] = stream.silences
    assert silence.reason == reason
    assert silence.from_s == pytest.approx(begun_s, abs=0.03)
    assert silence.to_s == 4.5


def test_a_gap_of_half_a_second_is_no_silence_and_a_longer_one_is() -> None:
    samples = keep(MOVING, MOVING.t_s < 6.0)
    t = samples.t_s.copy()
    t[150:] += 0.5 - (t[150] - t[149])
    exact = Samples.of("one", t, samples.acc_mps2, samples.gyr_radps)
    assert t[150] - t[149] <= SILENT_S
    assert whole(exact).silences == []
    t[150:] += 1e-6
    longer = Samples.of("one", t, samples.acc_mps2, samples.gyr_radps)
    [silence] = whole(longer).silences
    assert (silence.from_s, silence.to_s, silence.reason) == (t[149], t[150], "no samples")


def test_a_sensor_that_never_says_anything_is_silent_from_the_beginning() -> None:
    stream = SensorStream("one")
    stream.begin(3.0)
    stream.advance(10.0, last=False)
    assert stream.valid_t == 3.0
    assert stream.doubt == "no samples"
    stream.close(10.0)
    assert [(s.from_s, s.to_s, s.reason) for s in stream.silences] == [(3.0, 10.0, "no samples")]


def test_a_sensor_without_any_valid_sample_says_why() -> None:
    stream = SensorStream("one")
    stream.begin(0.0)
    stream.push(damaged(MOVING, -1.0, 99.0, "nan"))
    stream.advance(7.0, last=False)
    stream.close(8.0)
    assert len(stream.oriented) == 0
    [silence] = stream.silences
    assert silence.reason == "values that are no numbers"


def test_a_stream_that_ends_early_has_a_silence_at_its_end() -> None:
    stream = SensorStream("one")
    stream.push(MOVING)
    stream.advance(20.0, last=False)
    stream.close(20.0)
    [silence] = stream.silences
    assert (silence.from_s, silence.to_s) == (MOVING.t_s[-1], 20.0)
    stream.close(20.0)
    assert len(stream.silences) == 1


def test_a_stream_that_goes_on_in_another_exercise_keeps_what_it_learned_and_no_books() -> None:
    samples = record(path((20.0, 0.0), (21.0, 40.0)), WORN, 40.0)
    first = lost(samples, 3.0, 4.0)
    stream = SensorStream("one")
    stream.push(first.rows(0, 400))
    stream.push(first.rows(399, 500))
    stream.advance(11.0, last=True)
    stream.push(first.rows(0, 3))
    assert (stream.late, stream.repeated, len(stream.silences)) == (3, 1, 1)
    stream.rejoin(15.0)
    assert (stream.late, stream.repeated, stream.silences) == (0, 0, [])
    assert len(stream.oriented) == 0
    stream.push(keep(samples, samples.t_s >= 15.2))
    stream.advance(math.inf, last=True)
    # The time between two exercises is no silence; being away after that is one.
    assert stream.silences == []
    assert stream.oriented["t"][0] == pytest.approx(15.2)
    late = SensorStream("one")
    late.push(first)
    late.advance(9.0, last=False)
    late.rejoin(15.0)
    late.close(16.0)
    assert [(s.from_s, s.to_s) for s in late.silences] == [(15.0, 16.0)]


# --- the sampling period ------------------------------------------------------------------------


@pytest.mark.parametrize("rate_hz", [12.5, 25.0, 50.0, 100.0, 200.0, 286.0])
@pytest.mark.parametrize("first_s", [0.0, 1234.567])
def test_the_period_comes_from_times_in_whole_milliseconds(rate_hz: float, first_s: float) -> None:
    t = np.round(first_s + np.arange(PERIOD_SAMPLES) / rate_hz, 3)
    assert period_kernel(t) * rate_hz == pytest.approx(1.0, abs=0.015)


@given(lost_samples=st.sets(st.integers(1, 20), max_size=4), jitter=st.floats(0.0, 0.2))
def test_the_period_is_told_apart_from_lost_samples(lost_samples: set[int], jitter: float) -> None:
    chosen = [k for k in range(22) if k not in lost_samples]
    moved = np.random.default_rng(0).uniform(-0.5, 0.5, 22) * jitter
    t = 0.01 * (np.arange(22) + moved)[chosen]
    usual = [b - a for a, b in pairwise(t) if abs(b - a - 0.01) < 0.004]
    assert period_kernel(t) == pytest.approx(sum(usual) / len(usual), rel=0.05)


def test_nothing_comes_out_before_the_period_is_known() -> None:
    stream = SensorStream("one")
    stream.push(MOVING.rows(0, PERIOD_SAMPLES - 1))
    stream.advance(10.0, last=False)
    assert len(stream.oriented) == 0
    assert stream.waiting_t == MOVING.t_s[0]
    stream.push(keep(MOVING, MOVING.t_s >= 10.0))
    stream.advance(11.0, last=False)
    assert len(stream.oriented) == 0


def test_samples_that_waited_for_the_period_come_out_all_together() -> None:
    stream = SensorStream("one")
    for at in range(PERIOD_SAMPLES):
        stream.push(MOVING.rows(at, at + 1))
        stream.advance(float(MOVING.t_s[at + 1]), last=False)
    assert len(stream.oriented) == PERIOD_SAMPLES
    assert stream.period_s == pytest.approx(0.02, rel=1e-6)
    assert stream.waiting_t == math.inf


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_stream_too_short_for_a_period_still_comes_out_at_its_end(count: int) -> None:
    stream = whole(MOVING.rows(0, count))
    assert stream.oriented["t"].tolist() == MOVING.t_s[:count].tolist()
    assert np.isfinite(stream.oriented["q"]).all()


def test_absurdly_close_samples_do_not_make_a_gap_endless_work() -> None:
    t = np.concatenate([np.arange(PERIOD_SAMPLES) * 1e-12, [0.4]])
    count = len(t)
    stream = whole(
        Samples.of("one", t, np.tile([0.0, 0.0, 9.81], (count, 1)), np.zeros((count, 3)))
    )
    assert stream.period_s == 1.0 / 2000.0
    assert len(stream.oriented) == count


def test_a_sensor_slower_than_a_silence_is_silent_between_its_samples() -> None:
    t = np.arange(40.0)
    gyr = 1e-3 * np.random.default_rng(0).standard_normal((40, 3))
    stream = whole(Samples.of("one", t, np.tile([0.0, 0.0, 9.81], (40, 1)), gyr))
    assert len(stream.silences) == 39


# --- the accelerometer at rest ------------------------------------------------------------------


def test_the_norm_at_rest_tells_a_badly_calibrated_accelerometer() -> None:
    postures = path((3.0, 0.0), (4.0, 90.0), (12.0, 90.0), (13.0, 0.0))
    samples = record(postures, Worn(axis=X, noise_dps=0.05), 14.0)
    low, high = whole(samples).rest_norms_mps2
    assert low == pytest.approx(9.81, abs=0.02)
    assert high == pytest.approx(9.81, abs=0.02)
    acc = samples.acc_mps2.copy()
    acc[:, 2] += 0.8
    offset = Samples.of("one", samples.t_s, acc, samples.gyr_radps)
    low, high = whole(offset).rest_norms_mps2
    assert low == pytest.approx(math.hypot(9.81, 0.8), abs=0.05)
    assert high == pytest.approx(9.81 + 0.8, abs=0.05)


def test_no_norm_is_taken_from_a_limb_that_never_rests() -> None:
    moving = total(even(6, first_s=0.0, every_s=2.7), tremor(3.0))
    assert whole(record(moving, Worn(), 16.0)).rest_norms_mps2 == (0.0, 0.0)


def test_heading_drifts_with_the_bias_and_inclination_does_not() -> None:
    still = record((Rep(99.0),), Worn(bias_dps=(0.0, 0.0, 0.4), noise_dps=0.02), 2.0)
    q = whole(still).oriented["q"]
    assert abs(heading_between(q[-1], q[0])) == pytest.approx(math.radians(0.8), rel=0.3)
    assert in_sensor(q[-1], Z) == pytest.approx([0.0, 0.0, 1.0], abs=0.01)
