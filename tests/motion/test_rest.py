"""Stillness, the neutral pose and the re-zeroing of heading, against a plain loop over rotations of
SciPy. A held turn is no drift, and the angle never jumps.
"""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from motion.rest import (
    HEADING_WALK_RAD,
    NEUTRAL_S,
    RATE_SD_RADPS,
    RATE_SDS,
    RATE_WALK_RADPS,
    RETURN_SD_RAD,
    REZERO_RADPS,
    SAME_HEADING_RAD,
    SAME_HEADING_SDS,
    SAME_INCLINATION_RAD,
    STILL_RAD,
    SWAY_SD_RAD,
    TURNING_RADPS,
    TURNING_S,
    RestTracker,
    heading_apart,
)
from tests.motion.movement import X, Z, minimum_jerk, path, product, rotation

Float64 = NDArray[np.float64]

RATE_HZ = 50.0


def times(last_s: float) -> Float64:
    return np.arange(math.ceil(last_s * RATE_HZ)) / RATE_HZ


def about(axis: tuple[float, float, float], angle_deg: Float64) -> Float64:
    """Rotations (n, 4) about an axis by angles (n,)."""
    return np.array([rotation(axis, float(angle)) for angle in angle_deg])


def tracked(
    q: Float64, t: Float64, sensors: int = 1
) -> tuple[RestTracker, Float64, Float64, Float64]:
    """Tracker, corrected orientations, seconds of stillness and times of zeroing."""
    rest = RestTracker(sensors)
    corrected = q.copy()
    still_s, zero_t = rest.update(t, corrected, np.zeros(len(t), np.uint8))
    return rest, corrected, still_s, zero_t


def headings_deg(q: Float64) -> Float64:
    """Heading (n,) of each orientation against the first."""
    return np.degrees([heading_apart(each, q[0]) for each in q])


# --- the plain loop -----------------------------------------------------------------------------


def scipy_rotation(q: Float64) -> Rotation:
    return Rotation.from_quat(np.roll(q, -1, axis=-1))


def plain_heading(q: Rotation, reference: Rotation) -> float:
    """The twist about the vertical of the rotation from `reference` to q."""
    _, _, z, w = (q * reference.inv()).as_quat()
    angle = 2.0 * math.atan2(z, w)
    return math.remainder(angle, 2.0 * math.pi)


def plain(
    t: Float64, q: Float64, gap: NDArray[np.uint8]
) -> tuple[Float64, list[float], list[float]]:
    """What `rest_kernel` does, one sensor, in rotations and matrices: corrected, seconds still,
    time of zero. The filter's state is (drift, rate)."""
    anchor: Rotation | None = None
    neutral: Rotation | None = None
    since = neutral_since = last = zero = float(t[0])
    correction = turned = turning = 0.0
    state = np.zeros(2)
    covariance = np.diag([0.0, RATE_SD_RADPS**2])
    corrected, stills, zeros = [], [], []
    for i in range(len(t)):
        now = float(t[i])
        passed = now - last
        if neutral is not None:
            moves = np.array([[1.0, passed], [0.0, 1.0]])
            state = moves @ state
            walk = np.diag([HEADING_WALK_RAD**2, RATE_WALK_RADPS**2])
            covariance = moves @ covariance @ moves.T + passed * walk
            most = REZERO_RADPS * passed
            correction += float(np.clip(state[0] - correction, -most, most))
        pose = Rotation.from_rotvec([0.0, 0.0, -correction]) * scipy_rotation(q[i])
        if anchor is None or gap[i] or (pose * anchor.inv()).magnitude() > STILL_RAD:
            anchor, since = pose, now
        if neutral is not None:
            heading = plain_heading(pose, neutral)
            if gap[i] or passed <= 0.0:
                turning = 0.0
            else:
                rate = math.remainder(heading - turned, 2.0 * math.pi) / passed
                turning += min(1.0, passed / TURNING_S) * (rate - turning)
            turned = heading
        if now - since >= NEUTRAL_S:
            if neutral is None:
                neutral, zero, neutral_since = pose, now, since
                turned = turning = 0.0
                state[0] = correction
                covariance = np.diag([0.0, covariance[1, 1]])
            else:
                heading = plain_heading(pose, neutral)
                level = Rotation.from_rotvec([0.0, 0.0, -heading]) * pose
                tilt = (level * neutral.inv()).magnitude()
                error = heading + correction - state[0]
                sd = SWAY_SD_RAD if since == neutral_since else RETURN_SD_RAD
                gate = SAME_HEADING_SDS * math.sqrt(covariance[0, 0] + sd**2)
                same = tilt <= SAME_INCLINATION_RAD and abs(error) <= min(gate, SAME_HEADING_RAD)
                least = TURNING_RADPS + RATE_SDS * math.sqrt(covariance[1, 1])
                if same and abs(turning) <= least:
                    if passed > 0.0:
                        gain = covariance[:, 0] / (covariance[0, 0] + sd**2 / passed)
                        state = state + gain * error
                        covariance = covariance - np.outer(gain, covariance[0])
                    zero = now
        last = now
        corrected.append(np.roll(pose.as_quat(), 1))
        stills.append(now - since)
        zeros.append(zero)
    return np.array(corrected), stills, zeros


@st.composite
def _poses(draw: st.DrawFn) -> tuple[Float64, Float64, NDArray[np.uint8]]:
    """Times, orientations that rest, move and drift, and marks of silences."""
    first = rotation(
        draw(st.sampled_from([X, Z, (0.3, -0.5, 0.8)])), draw(st.floats(-170.0, 170.0))
    )
    tilt = [(0.0, 0.0)]
    turn = [(0.0, 0.0)]
    at = draw(st.sampled_from([0.3, 0.8]))
    for _ in range(draw(st.integers(1, 4))):
        angles = draw(st.sampled_from([(40.0, 0.0), (2.7, 0.0), (9.0, 9.0), (12.0, 12.0), (0, 0)]))
        heading = draw(st.sampled_from([0.0, 1.0, 3.0, 4.5, 7.0, -2.0, 30.0]))
        tilt += [(at, tilt[-1][1]), (at + 0.5, angles[0]), (at + 1.0, angles[1])]
        turn += [(at, turn[-1][1]), (at + 1.0, heading)]
        at += 1.0 + draw(st.sampled_from([0.3, 0.9, 1.6]))
    t = times(at)
    moving = product(about(Z, path(*turn)(t)), about(X, path(*tilt)(t)))
    gap = np.zeros(len(t), np.uint8)
    if draw(st.booleans()):
        gap[draw(st.integers(0, len(t) - 1))] = 1
    return t, product(moving, np.broadcast_to(first, moving.shape)), gap


@settings(deadline=None, max_examples=30)
@given(_poses())
def test_equals_a_plain_loop_over_rotations(
    poses: tuple[Float64, Float64, NDArray[np.uint8]],
) -> None:
    t, q, gap = poses
    expected, stills, zeros = plain(t, q, gap)
    corrected = q.copy()
    still_s, zero_t = RestTracker(1).update(t, corrected, gap)
    apart = (scipy_rotation(corrected) * scipy_rotation(expected).inv()).magnitude()
    assert apart.max() < 1e-7
    assert still_s.tolist() == pytest.approx(stills, abs=1e-9)
    assert zero_t.tolist() == pytest.approx(zeros, abs=1e-9)


@settings(deadline=None, max_examples=60)
@given(
    st.floats(-179.0, 179.0),
    st.floats(0.0, 85.0),
    st.tuples(st.floats(-1, 1), st.floats(-1, 1)).filter(lambda v: math.hypot(*v) > 0.1),
    st.floats(-1.0, 1.0),
)
def test_heading_apart_is_the_twist_about_the_vertical(
    heading_deg: float, tilt_deg: float, axis: tuple[float, float], sign: float
) -> None:
    reference = rotation((0.4, 0.2, -0.7), 77.0) * (1.0 if sign >= 0.0 else -1.0)
    tilted = product(rotation((*axis, 0.0), tilt_deg), reference)
    q = product(rotation(Z, heading_deg), tilted)
    assert heading_apart(q, reference) == pytest.approx(math.radians(heading_deg), abs=1e-9)


# --- stillness and the neutral pose -------------------------------------------------------------


def test_the_neutral_pose_is_taken_from_the_first_still_half_second() -> None:
    t = times(4.0)
    moving = path((0.0, 0.0), (1.0, 50.0))
    q = about(X, moving(t))
    rest = RestTracker(1)
    had = []
    for i in range(len(t)):
        rest.update(t[i : i + 1], q[i : i + 1].copy(), np.zeros(1, np.uint8))
        had.append(rest.has_neutral)
    taken_s = t[had.index(True)]
    # The last three degrees of the way are still already.
    assert 1.0 + NEUTRAL_S - 0.3 <= taken_s <= 1.0 + NEUTRAL_S + 0.03
    assert rest.neutral(0) == pytest.approx(rotation(X, 50.0), abs=1e-3)


def test_sway_is_still_and_a_movement_is_not() -> None:
    t = times(6.0)
    _, _, still_s, _ = tracked(about(X, 1.2 * np.sin(2.0 * math.pi * 0.3 * t)), t)
    assert still_s[-1] == pytest.approx(t[-1])
    _, _, still_s, _ = tracked(about(X, 10.0 * t), t)
    assert still_s.max() < NEUTRAL_S


def test_all_sensors_must_be_still() -> None:
    t = times(4.0)
    still = np.tile(rotation(X, 30.0), (len(t), 1))
    rest, _, still_s, _ = tracked(np.concatenate([still, about(X, 30.0 * t)], axis=1), t, 2)
    assert not rest.has_neutral
    assert still_s.max() < NEUTRAL_S


def test_no_stillness_spans_a_silence() -> None:
    t = np.concatenate([times(0.4), 3.0 + times(0.4)])
    q = np.tile(rotation(X, 30.0), (len(t), 1))
    gap = np.zeros(len(t), np.uint8)
    gap[20] = 1
    rest = RestTracker(1)
    still_s, _ = rest.update(t, q, gap)
    assert not rest.has_neutral
    assert still_s[20] == 0.0


def test_a_forgotten_neutral_pose_is_taken_anew() -> None:
    t = times(3.0)
    rest = RestTracker(1)
    rest.update(t, np.tile(rotation(X, 10.0), (len(t), 1)), np.zeros(len(t), np.uint8))
    rest.forget_neutral()
    assert not rest.has_neutral
    later = 3.0 + times(0.4)
    rest.update(later, np.tile(rotation(X, 40.0), (len(later), 1)), np.zeros(20, np.uint8))
    assert not rest.has_neutral
    later = 3.4 + times(0.4)
    rest.update(later, np.tile(rotation(X, 40.0), (len(later), 1)), np.zeros(20, np.uint8))
    assert rest.neutral(0) == pytest.approx(rotation(X, 40.0))


# --- heading ------------------------------------------------------------------------------------


def excursion(
    tilt_deg: float, drift_deg: float, held_tilt_deg: float = 0.0
) -> tuple[Float64, Float64]:
    """A second of rest, a second away, six back: turned by `drift_deg` and tilted meanwhile."""
    t = times(8.0)
    tilt = path((1.0, 0.0), (1.5, tilt_deg), (2.0, held_tilt_deg))(t)
    turn = path((1.0, 0.0), (2.0, drift_deg))(t)
    return t, product(about(Z, turn), about(X, tilt))


@pytest.mark.parametrize("drift_deg", [-3.0, -1.0, 2.0, 3.5])
def test_heading_is_corrected_when_the_neutral_pose_returns(drift_deg: float) -> None:
    t, q = excursion(40.0, drift_deg)
    _, corrected, _, zero_t = tracked(q, t)
    heading = headings_deg(corrected)
    # Not before it has returned for half a second.
    away = t < 2.0 + NEUTRAL_S - 0.3
    assert heading[away] == pytest.approx(headings_deg(q)[away], abs=0.1)
    # A person does not come back to the degree either, so that what is seen is only half believed.
    assert abs(heading[-1]) < 0.6 * abs(drift_deg)
    assert zero_t[-1] == t[-1]


@pytest.mark.parametrize("rate_dps", [-0.8, 0.3, 0.6])
def test_a_drift_that_goes_on_is_learned(rate_dps: float) -> None:
    t = times(90.0)
    tilt = np.zeros_like(t)
    for begin in range(3, 88, 9):
        tilt += 40.0 * (minimum_jerk((t - begin) / 3.0) - minimum_jerk((t - begin - 4.0) / 3.0))
    rest, corrected, _, _ = tracked(product(about(Z, rate_dps * t), about(X, tilt)), t)
    # From the third repetition on a movement of seven seconds drifts by less than a degree.
    heading = headings_deg(corrected)[t > 21.0]
    assert np.ptp(heading) < 1.0
    assert np.degrees(rest.drifts[0, 0]) == pytest.approx(rate_dps, abs=0.05)
    later = RestTracker(1, drifts=rest.drifts)
    assert later.drifts.tolist() == rest.drifts.tolist()


def test_the_correction_never_jumps() -> None:
    t, q = excursion(40.0, 3.5)
    _, corrected, _, _ = tracked(q, t)
    steps = np.abs(np.diff(headings_deg(corrected)))
    after = t[1:] > 2.05
    assert steps[after].max() <= math.degrees(REZERO_RADPS) / RATE_HZ + 1e-9


@pytest.mark.parametrize(
    ("drift_deg", "held_tilt_deg"),
    [
        pytest.param(12.0, 0.0, id="turned"),
        pytest.param(-30.0, 0.0, id="turned far"),
        pytest.param(2.0, 14.0, id="tilted"),
        pytest.param(170.0, 0.0, id="turned round"),
    ],
)
def test_another_pose_is_not_taken_for_drift(drift_deg: float, held_tilt_deg: float) -> None:
    t, q = excursion(40.0, drift_deg, held_tilt_deg)
    _, corrected, _, zero_t = tracked(q, t)
    assert headings_deg(corrected)[-1] == pytest.approx(headings_deg(q)[-1], abs=1.2)
    assert zero_t[-1] < 1.2


@pytest.mark.parametrize("out_s", [1.0, 2.0, 4.0, 10.0])
def test_a_turn_that_is_held_and_comes_back_keeps_its_size(out_s: float) -> None:
    top_s = 1.0 + out_s
    turn = path((1.0, 0.0), (top_s, 45.0), (top_s + 3.0, 45.0), (2.0 * top_s + 2.0, 1.0))
    t = times(2.0 * top_s + 5.0)
    _, corrected, _, _ = tracked(about(Z, turn(t)), t)
    heading = headings_deg(corrected)
    assert heading[(t > top_s + 0.1) & (t < top_s + 2.9)] == pytest.approx(
        45.0,
        abs=max(1.0, 0.3 * out_s),  # as well as the drift is known after a second of rest
    )
    assert abs(heading[-1]) < 1.0


def test_each_sensor_is_zeroed_for_itself() -> None:
    t, one = excursion(40.0, 3.0)
    _, two = excursion(20.0, 20.0)
    _, corrected, _, zero_t = tracked(np.concatenate([one, two], axis=1), t, 2)
    assert abs(headings_deg(corrected[:, :4])[-1]) < 1.8
    assert headings_deg(corrected[:, 4:])[-1] == pytest.approx(20.0, abs=0.2)
    # What is told to be zeroed is so for all of them.
    assert zero_t[-1] < 1.2


def test_drift_between_many_rests_does_not_add_up() -> None:
    t = times(60.0)
    # Two degrees a minute, and a movement every four seconds.
    tilt = np.zeros_like(t)
    for begin in range(2, 58, 4):
        tilt += 40.0 * (minimum_jerk(t - begin) - minimum_jerk(t - begin - 1.0))
    q = product(about(Z, 20.0 * t / 60.0), about(X, tilt))
    _, corrected, _, zero_t = tracked(q, t)
    assert np.abs(headings_deg(corrected)).max() < 1.5
    assert (t - zero_t).max() < 4.0


# --- equal to the last bit ----------------------------------------------------------------------


def test_any_chunks_and_snapshots_give_the_same_to_the_last_bit() -> None:
    t, one = excursion(40.0, 3.0)
    _, two = excursion(-25.0, -2.0)
    q = np.concatenate([one, two], axis=1)
    gap = np.zeros(len(t), np.uint8)
    gap[200] = 1
    expected = q.copy()
    told = np.array(RestTracker(2).update(t, expected, gap))
    for seed in range(5):
        random = np.random.default_rng(seed)
        rest = RestTracker(2)
        corrected, parts = q.copy(), [told[:, :0]]
        at = 0
        while at < len(t):
            stop = at + int(random.integers(0, 30))
            parts.append(np.array(rest.update(t[at:stop], corrected[at:stop], gap[at:stop])))
            again = RestTracker(2)
            again.state[:] = rest.state
            rest, at = again, stop
        assert corrected.tobytes() == expected.tobytes()
        assert np.concatenate(parts, axis=1).tobytes() == told.tobytes()
