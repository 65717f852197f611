"""Steps and gait: told by the vertical acceleration of most sensors, whatever turns; exercises,
however hurried, are none.
"""

import math
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import butter, sosfreqz

from motion.gait import (
    ANY_HZ,
    BREAK_S,
    SHOWN_S,
    STANDS_S,
    STEPS_HZ,
    STRIDE_S,
    SURE_S,
    GaitDetector,
    coefficients,
)

Float64 = NDArray[np.float64]
Flags = NDArray[np.uint8]

RATE_HZ = 50.0


def detected(
    vertical: list[Float64], rate_hz: float = RATE_HZ, gap: Flags | None = None
) -> tuple[Flags, Flags]:
    """Steps and gait of sensors that lie on their sides, with these accelerations upwards."""
    count = len(vertical[0])
    q = np.tile([math.sqrt(0.5), math.sqrt(0.5), 0.0, 0.0], (count, len(vertical)))
    acc = np.zeros((count, 3 * len(vertical)))
    for index, one in enumerate(vertical):
        # Turned by a right angle about x, the sensor's y axis points up.
        acc[:, 3 * index + 1] = 9.81 + one
    none = np.zeros(count, np.uint8) if gap is None else gap
    return GaitDetector(len(vertical)).update(
        1.0 / rate_hz, np.arange(count) / rate_hz, q, acc, none
    )


def bouncing(
    seconds: float, steps_hz: float = 1.8, size_mps2: float = 2.0, rate_hz: float = RATE_HZ
) -> Float64:
    """Two seconds of standing, then steps."""
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    return np.where(t < 2.0, 0.0, size_mps2 * np.sin(2.0 * math.pi * steps_hz * (t - 2.0)))


@pytest.mark.parametrize("rate_hz", [25.0, 50.0, 200.0])
@pytest.mark.parametrize("steps_hz", [1.4, 1.8, 2.5])
def test_steps_are_told_within_a_second_and_gait_soon_after(
    steps_hz: float, rate_hz: float
) -> None:
    one = bouncing(10.0, steps_hz, rate_hz=rate_hz)
    steps, walks = detected([one, one], rate_hz)
    first_s = int(np.argmax(steps)) / rate_hz
    assert 2.0 < first_s < 3.0
    assert int(np.argmax(walks)) / rate_hz == pytest.approx(first_s + SURE_S[1], abs=1.5 / rate_hz)
    assert walks[int(np.argmax(walks)) :].all()


def test_one_sensor_alone_must_show_steps_for_longer() -> None:
    steps, walks = detected([bouncing(12.0)])
    late_s = (int(np.argmax(walks)) - int(np.argmax(steps))) / RATE_HZ
    assert late_s == pytest.approx(SURE_S[0], abs=0.03)


def test_who_stands_again_does_not_walk_any_more() -> None:
    one = np.concatenate([bouncing(10.0), np.zeros(round(4.0 * RATE_HZ))])
    steps, walks = detected([one, one])
    last_step = int(np.flatnonzero(steps)[-1])
    last_walk = int(np.flatnonzero(walks)[-1])
    assert last_step / RATE_HZ < 11.0
    assert (last_walk - last_step) / RATE_HZ == pytest.approx(STANDS_S, abs=0.05)


@pytest.mark.parametrize(
    ("hz", "size_mps2"),
    [(0.5, 3.0), (0.9, 3.0), (4.5, 3.0), (1.8, 0.6)],
    ids=["slow swings", "fast swings", "shaking", "too gentle"],
)
def test_what_is_no_rhythm_of_steps_is_none(hz: float, size_mps2: float) -> None:
    one = bouncing(20.0, hz, size_mps2)
    steps, walks = detected([one, one])
    assert not steps[round(3.0 * RATE_HZ) :].any()
    assert not walks.any()


def test_steps_that_only_one_of_two_sensors_shows_are_no_gait() -> None:
    steps, walks = detected([bouncing(20.0), np.zeros(round(20.0 * RATE_HZ))])
    assert not steps.any()
    assert not walks.any()
    steps, walks = detected([bouncing(20.0), np.zeros(round(20.0 * RATE_HZ)), bouncing(20.0)])
    assert walks.any()


def test_bursts_with_pauses_between_never_add_up_to_gait() -> None:
    # A hurried repetition shakes for a second, then the person rests.
    burst = bouncing(3.2)[round(2.0 * RATE_HZ) :]
    rest = np.zeros(round((BREAK_S + 1.2) * RATE_HZ))
    one = np.concatenate([rest, *[burst, rest] * 8])
    steps, walks = detected([one, one])
    assert steps.any()
    assert not walks.any()


def test_a_silence_begins_anew() -> None:
    one = bouncing(4.2)
    gap = np.zeros(len(one), np.uint8)
    at = round(3.4 * RATE_HZ)
    gap[at] = 1
    assert detected([one, one])[1].any()
    steps, walks = detected([one, one], gap=gap)
    assert steps[at - 1] == 1
    assert steps[at] == 0
    assert not walks.any()


def test_an_accelerometer_that_is_off_makes_no_steps_as_it_begins() -> None:
    gap = np.zeros(200, np.uint8)
    gap[100] = 1
    steps, _ = detected([np.full(200, 3.0)] * 2, gap=gap)
    assert not steps.any()


@pytest.mark.parametrize("period_s", [0.04, 0.01])
def test_the_filters_are_butterworth_band_passes(period_s: float) -> None:
    parts = coefficients(period_s)
    for at, edges in ((0, ANY_HZ), (3, STEPS_HZ)):
        b0, a1, a2 = parts[at : at + 3]
        expected = butter(1, edges, "bandpass", fs=1.0 / period_s, output="sos")
        np.testing.assert_allclose([[b0, 0.0, -b0, 1.0, a1, a2]], expected, atol=1e-12)
        _, response = sosfreqz(expected, edges, fs=1.0 / period_s)
        np.testing.assert_allclose(np.abs(response), math.sqrt(0.5), rtol=1e-6)


def test_any_chunking_gives_the_same_to_the_last_bit() -> None:
    random = np.random.default_rng(3)
    count = 700
    q = random.standard_normal((count, 8))
    q[:, :4] /= np.linalg.norm(q[:, :4], axis=1)[:, None]
    q[:, 4:] /= np.linalg.norm(q[:, 4:], axis=1)[:, None]
    acc = 4.0 * random.standard_normal((count, 6))
    t = np.arange(count) / RATE_HZ
    gap = (random.uniform(size=count) < 0.01).astype(np.uint8)
    whole, parts = GaitDetector(2), GaitDetector(2)
    expected = whole.update(1.0 / RATE_HZ, t, q, acc, gap)
    edges = [0, 1, 2, 50, 51, 333, count]
    found = [
        parts.update(1.0 / RATE_HZ, t[a:b], q[a:b], acc[a:b], gap[a:b]) for a, b in pairwise(edges)
    ]
    for index in range(2):
        np.testing.assert_array_equal(
            np.concatenate([one[index] for one in found]), expected[index]
        )
    np.testing.assert_array_equal(whole.state, parts.state)


def test_a_stride_shows_by_steps_right_after_its_end() -> None:
    # Until the first step has landed nothing shows: the movement ends before.
    t = np.arange(200) / RATE_HZ
    after = np.zeros(200, np.uint8)
    after[t >= 2.2] = 1
    assert GaitDetector(2).is_stride(t, after, 1.4, 2.0)
    late = np.zeros(200, np.uint8)
    late[t >= 2.0 + SHOWN_S + 0.1] = 1
    assert not GaitDetector(2).is_stride(t, late, 1.4, 2.0)


def test_who_walks_off_after_a_slow_repetition_has_done_it() -> None:
    t = np.arange(200) / RATE_HZ
    after = np.zeros(200, np.uint8)
    after[t >= 2.2] = 1
    assert not GaitDetector(2).is_stride(t, after, 2.0 - STRIDE_S - 0.1, 2.0)


def test_one_sensor_alone_is_not_waited_for() -> None:
    t = np.arange(200) / RATE_HZ
    after = np.zeros(200, np.uint8)
    after[t >= 2.0] = 1
    assert GaitDetector(1).awaited_s == (0.0, 0.0)
    assert not GaitDetector(1).is_stride(t, after, 1.4, 2.0)
