"""Several sensors at common times, against a plain loop that knows all of them from end to end:
whatever the rates, offsets and gaps, and however the samples are released.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from motion.alignment import Alignment
from motion.stream import SILENT_S, SensorStream

Float64 = NDArray[np.float64]
# Times (n,), orientations (n, 4) and specific force (n, 3) of one sensor.
Oriented = tuple[Float64, Float64, Float64]


def oriented(t: Float64, seed: int) -> Oriented:
    """Orientations that wander, with either sign."""
    random = np.random.default_rng(seed)
    q = np.cumsum(0.2 * random.standard_normal((len(t), 4)), axis=0)
    q[:, 0] += 2.0
    q /= np.linalg.norm(q, axis=1, keepdims=True)
    return t, q * random.choice([-1.0, 1.0], (len(t), 1)), random.normal(0.0, 9.0, (len(t), 3))


def fill(stream: SensorStream, sensor: Oriented, start: int = 0, stop: int | None = None) -> None:
    """As if the stream had oriented these samples."""
    rows = [column[start:stop] for column in sensor]
    at = stream.oriented.append(len(rows[0]))
    for name, values in zip(("t", "q", "acc"), rows, strict=True):
        stream.oriented.arrays[name][at : at + len(values)] = values


def released(sensors: list[Oriented], watermarks_s: list[float]) -> Alignment:
    """All of it, released watermark by watermark, then the end."""
    streams = [SensorStream(f"s{number}") for number in range(len(sensors))]
    alignment = Alignment(streams)
    done = [0] * len(sensors)
    for until_s in [*watermarks_s, math.inf]:
        for number, sensor in enumerate(sensors):
            stop = int(np.searchsorted(sensor[0], until_s))
            fill(streams[number], sensor, done[number], stop)
            done[number] = stop
        alignment.advance(until_s, last=until_s == math.inf)
    return alignment


@dataclass
class Plain:
    """What comes of it: times, gap marks, and both kinds of columns side by side."""

    t: list[float]
    gap: list[int]
    q: Float64
    acc: Float64


def plain(sensors: list[Oriented], last_watermark_s: float) -> Plain:
    """All sensors at the times of the first, as the definition says."""
    first_t, first_q, first_acc = sensors[0]
    found = Plain([], [], np.empty((0, 4 * len(sensors))), np.empty((0, 3 * len(sensors))))
    left_out = False
    for i in range(len(first_t)):
        now = float(first_t[i])
        row, forces = [first_q[i]], [first_acc[i]]
        for t, q, acc in sensors[1:]:
            before = [k for k in range(len(t)) if t[k] <= now]
            after = [k for k in range(len(t)) if t[k] > now]
            held = before and max(now, last_watermark_s) - t[before[-1]] <= SILENT_S
            if before and (t[before[-1]] == now or (not after and held)):
                # Met exactly; or at the end of the stream, unless a watermark showed it silent.
                row.append(q[before[-1]])
                forces.append(acc[before[-1]])
            elif before and after and t[after[0]] - t[before[-1]] <= SILENT_S:
                b, a = before[-1], after[0]
                share = (now - t[b]) / (t[a] - t[b])
                sign = -1.0 if q[b] @ q[a] < 0.0 else 1.0
                mixed = (1.0 - share) * q[b] + share * sign * q[a]
                row.append(mixed / np.linalg.norm(mixed))
                forces.append((1.0 - share) * acc[b] + share * acc[a])
        if len(row) < len(sensors):
            left_out = True
            continue
        silent = not found.t or now - found.t[-1] > SILENT_S
        found.gap.append(int(left_out or silent))
        left_out = False
        found.t.append(now)
        found.q = np.concatenate([found.q, [np.concatenate(row)]])
        found.acc = np.concatenate([found.acc, [np.concatenate(forces)]])
    return found


@st.composite
def _sensor(draw: st.DrawFn) -> Float64:
    """Times of a sensor: any rate and offset, with a few gaps."""
    rate_hz = draw(st.sampled_from([4.0, 25.0, 50.0, 100.0, 104.0]))
    first_s = draw(st.sampled_from([0.0, 0.003, 0.4, 1.7]))
    last_s = draw(st.sampled_from([2.0, 3.5, 4.0]))
    t = first_s + np.arange(math.ceil(max(last_s - first_s, 0.0) * rate_hz)) / rate_hz
    for _ in range(draw(st.integers(0, 2))):
        from_s = draw(st.floats(0.0, 4.0))
        long_s = draw(st.sampled_from([0.1, 0.45, 0.6, 1.5]))
        t = t[(t < from_s) | (t > from_s + long_s)]
    return t


@settings(deadline=None, max_examples=60)
@given(
    times=st.lists(_sensor(), min_size=1, max_size=3),
    steps=st.lists(st.sampled_from([0.01, 0.1, 0.25, 0.7]), max_size=30),
    seed=st.integers(0, 99),
)
def test_equals_the_plain_definition_however_it_is_released(
    times: list[Float64], steps: list[float], seed: int
) -> None:
    sensors = [oriented(t, seed + number) for number, t in enumerate(times)]
    watermarks_s = np.cumsum(steps).tolist()
    rows = released(sensors, watermarks_s).rows
    expected = plain(sensors, watermarks_s[-1] if steps else -math.inf)
    assert rows["t"].tolist() == expected.t
    assert rows["gap"].tolist() == expected.gap
    np.testing.assert_allclose(rows["q"], expected.q, rtol=0, atol=1e-12)
    np.testing.assert_allclose(rows["acc"], expected.acc, rtol=0, atol=1e-12)


@settings(deadline=None, max_examples=30)
@given(
    times=st.lists(_sensor(), min_size=2, max_size=3),
    steps=st.lists(st.sampled_from([0.05, 0.1, 0.25]), min_size=5, max_size=20),
    at=st.integers(0, 4),
)
def test_a_snapshot_continues_to_the_last_bit(
    times: list[Float64], steps: list[float], at: int
) -> None:
    sensors = [oriented(t, number) for number, t in enumerate(times)]
    watermarks_s = np.cumsum(steps).tolist()
    expected = released(sensors, watermarks_s).rows
    streams = [SensorStream(f"s{number}") for number in range(len(sensors))]
    alignment = Alignment(streams)
    done = [0] * len(sensors)
    for count, until_s in enumerate([*watermarks_s, math.inf]):
        for number, sensor in enumerate(sensors):
            stop = int(np.searchsorted(sensor[0], until_s))
            fill(streams[number], sensor, done[number], stop)
            done[number] = stop
        if count == at:
            states = [stream.state() for stream in streams]
            streams = [SensorStream(f"s{number}") for number in range(len(sensors))]
            for stream, state in zip(streams, states, strict=True):
                stream.restore(state)
            again = Alignment(streams)
            again.restore(alignment.state())
            alignment = again
        alignment.advance(until_s, last=until_s == math.inf)
    for name in ("t", "q", "acc", "gap"):
        assert alignment.rows[name].tobytes() == expected[name].tobytes()


@pytest.mark.parametrize("rate_hz", [25.0, 50.0, 100.0, 200.0])
def test_times_are_those_of_the_first_sensor(rate_hz: float) -> None:
    first_t = 0.0071 + np.arange(80) / 40.0
    other_t = np.arange(math.ceil(2.1 * rate_hz)) / rate_hz
    rows = released([oriented(first_t, 0), oriented(other_t, 1)], [0.5, 1.0, 1.5]).rows
    assert rows["t"].tolist() == first_t.tolist()


def test_a_sample_waits_for_the_next_of_the_other_sensor_and_no_longer() -> None:
    first, other = oriented(np.arange(0.0, 1.0, 0.02), 0), oriented(np.arange(0.0, 1.0, 0.1), 1)
    streams = [SensorStream("first"), SensorStream("other")]
    alignment = Alignment(streams)
    fill(streams[0], first)
    fill(streams[1], other, stop=5)
    alignment.advance(0.85, last=False)
    assert alignment.rows["t"].max() == pytest.approx(0.4)
    # Half a second after its last sample the other sensor is silent: nothing will be interpolated.
    alignment.advance(0.95, last=False)
    assert len(streams[0].oriented) == 0
    assert alignment.rows["t"].max() == pytest.approx(0.4)


def test_a_sensor_that_has_not_begun_holds_the_others_back_for_half_a_second() -> None:
    streams = [SensorStream("first"), SensorStream("other")]
    alignment = Alignment(streams)
    fill(streams[0], oriented(np.arange(0.0, 1.0, 0.02), 0))
    alignment.advance(0.5, last=False)
    assert len(streams[0].oriented) == 50
    alignment.advance(1.0, last=False)
    assert len(alignment.rows) == 0
    assert streams[0].oriented["t"].min() == pytest.approx(0.5)


def test_samples_of_sensors_that_are_ahead_do_not_pile_up() -> None:
    streams = [SensorStream("silent"), SensorStream("talking")]
    alignment = Alignment(streams)
    for count in range(1, 200):
        t = np.arange(count - 1, count, 0.02)
        fill(streams[1], oriented(t, count))
        alignment.advance(float(count), last=False)
    assert len(streams[1].oriented) <= 60


def test_times_are_strictly_increasing_and_every_silence_is_marked() -> None:
    t = np.concatenate([np.arange(0.0, 1.0, 0.02), np.arange(1.6, 3.0, 0.02)])
    rows = released([oriented(t, 0)], [0.5, 1.2, 2.0]).rows
    assert all(before < after for before, after in pairwise(rows["t"].tolist()))
    assert np.flatnonzero(rows["gap"]).tolist() == [0, 50]
