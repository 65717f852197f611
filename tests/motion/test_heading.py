"""The heading from a joint's centre, its axes and poses, simulated and against plain NumPy."""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

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
    JointHeading,
    RelativeHeading,
    RelativeHeadingParameters,
    packed_axes,
    rotations_about_vertical,
)
from tests.motion.jointed import Jointed, jointed

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
    # It goes on with the drift that it knew: none, here.
    assert off(held, found[-1]).max() < 0.5
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


# --- readings from elsewhere


def likely(estimator: RelativeHeading) -> list[tuple[float, float]]:
    """Heading and likelihood of every hypothesis that is alive."""
    at, width = heading_module._ESTIMATE, heading_module._UNKNOWNS
    headings = estimator.state[at : at + heading_module.HYPOTHESES * width : width]
    likelihoods = estimator.state[heading_module._LIKELIHOOD :][: heading_module.HYPOTHESES]
    return [
        (float(one), float(how))
        for one, how in zip(headings, likelihoods, strict=True)
        if how > -math.inf
    ]


def test_what_is_told_moves_every_hypothesis_and_decides_between_them() -> None:
    estimator = RelativeHeading(RATE_HZ)
    before = likely(estimator)
    assert len(before) == heading_module.HYPOTHESES
    assert estimator.tell(1.5, math.radians(40.0))
    after = dict(zip((one for one, _ in before), likely(estimator), strict=False))
    for one, (moved, _) in after.items():
        assert off(np.array(moved), 1.5) < off(np.array(one), 1.5)
    best = max(likely(estimator), key=lambda each: each[1])[0]
    assert off(np.array(best), 1.5) < 6.0


def test_what_is_told_takes_effect_at_once() -> None:
    estimator = RelativeHeading(RATE_HZ)
    estimator.tell(-2.0, math.radians(2.0))
    pair = simulated(0.1, 0.0, moving=False)
    found, sd = estimator.update(*pair.arrays())
    assert off(found, -2.0).max() < 0.5
    assert np.degrees(sd).max() == pytest.approx(2.0, abs=0.1)


def test_a_gate_leaves_out_what_is_too_far_off() -> None:
    estimator = RelativeHeading(RATE_HZ)
    estimator.tell(0.0, math.radians(2.0))
    before = estimator.state.tobytes()
    assert not estimator.tell(math.radians(30.0), math.radians(2.0), gate=3.0)
    assert estimator.state.tobytes() == before
    assert estimator.tell(math.radians(5.0), math.radians(2.0), gate=3.0)


def constrained(joint: Jointed, **axes: Any) -> tuple[Float64, Float64, RelativeHeading]:
    estimator = RelativeHeading(RATE_HZ)
    estimator.constrain(**axes)
    found, sd = estimator.update(*joint.oriented)
    return found, sd, estimator


@pytest.mark.parametrize("true", [-2.5, 0.0, 1.0])
def test_a_hinge_tells_the_heading_that_its_centre_leaves_open(true: float) -> None:
    joint = jointed(10.0, 1, heading_rad=true)
    _, sd, _ = constrained(joint)
    assert np.degrees(sd[-1]) > 60.0
    found, sd, _ = constrained(joint, hinge=(joint.axis_proximal, joint.axis_distal))
    assert off(found[100:], true).max() < 1.0
    assert np.degrees(sd[100:]).max() < 5.0
    assert np.degrees(sd[-1]) < 3.0


def test_two_axes_tell_the_heading_once_it_is_nearly_known() -> None:
    joint = jointed(20.0, 2, heading_rad=1.0)
    pair = (joint.axis_proximal, joint.axis_distal, math.pi / 2)
    found, sd, _ = constrained(joint, two_axes=pair)
    assert np.degrees(sd[-1]) > 60.0
    estimator = RelativeHeading(RATE_HZ)
    estimator.constrain(two_axes=pair)
    estimator.tell(1.0 + math.radians(12.0), math.radians(10.0))
    found, sd = estimator.update(*joint.oriented)
    assert off(found[500:], 1.0).max() < 2.0
    assert np.degrees(sd[-1]) < 4.0


def test_axes_are_no_better_than_their_floor_however_long_they_are_told() -> None:
    joint = jointed(60.0, 1)
    hinge = (joint.axis_proximal, joint.axis_distal)
    for floor in (1.2, 5.0):
        _, sd, _ = constrained(
            joint, hinge=hinge, sd_rad=math.radians(1.0), floor_rad=math.radians(floor)
        )
        assert np.degrees(sd).min() > 0.99 * floor
        assert np.degrees(sd[500:]).max() < 1.5 * floor


def test_a_second_of_a_hinge_counts_as_one_reading() -> None:
    joint = jointed(2.02, 1, level=True)
    hinge = (joint.axis_proximal, joint.axis_distal)
    _, sd, _ = constrained(joint, hinge=hinge, sd_rad=math.radians(6.0))
    # From unknown; two seconds of readings make it the root of two better.
    assert np.degrees(sd[-1]) == pytest.approx(6.0 / math.sqrt(2.0), rel=0.05)


def test_a_hinge_that_stands_upright_tells_nothing() -> None:
    upright = np.broadcast_to(np.array([1.0, 0.0, 0.0, 0.0]), (500, 4))
    gravity = np.broadcast_to(np.array([0.0, 0.0, 9.81]), (500, 3))
    estimator = RelativeHeading(RATE_HZ)
    estimator.constrain(hinge=([0.1, 0.0, 1.0], [0.1, 0.0, 1.0]))
    _, sd = estimator.update(upright, upright, gravity, gravity)
    assert np.degrees(sd).min() > 100.0


def test_axes_that_contradict_a_known_heading_are_left_out() -> None:
    joint = jointed(10.0, 1)
    across = np.cross(joint.axis_distal, [0.3, 0.5, -0.2])
    estimator = RelativeHeading(RATE_HZ)
    estimator.constrain(hinge=(joint.axis_proximal, across), sd_rad=math.radians(1.0))
    estimator.tell(0.0, math.radians(2.0))
    found, _ = estimator.update(*joint.oriented)
    alone = RelativeHeading(RATE_HZ)
    alone.tell(0.0, math.radians(2.0))
    expected, _ = alone.update(*joint.oriented)
    assert off(found, expected).max() < 6.0


@pytest.mark.parametrize("axes", [1, 2])
def test_told_axes_come_out_the_same_however_samples_are_divided(axes: int) -> None:
    joint = jointed(6.0, axes)
    ends = (joint.axis_proximal, joint.axis_distal)
    given_axes: dict[str, Any] = (
        {"hinge": ends} if axes == 1 else {"two_axes": (*ends, math.pi / 2)}
    )

    def run(edges: list[int]) -> bytes:
        estimator = RelativeHeading(RATE_HZ)
        estimator.constrain(**given_axes)
        estimator.tell(0.1, math.radians(8.0))
        parts = [
            np.stack(estimator.update(*(array[start:stop] for array in joint.oriented)))
            for start, stop in pairwise(edges)
        ]
        return np.concatenate(parts, axis=1).tobytes()

    assert run([0, 300]) == run([0, 1, 7, 8, 100, 101, 240, 300])


def test_a_calibrated_knee_is_held_by_its_hinge() -> None:
    joint = jointed(20.0, 1, heading_rad=0.4)
    bones = np.array([[1.0, 0.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]])
    never_still = np.full(1000, -1.0)
    gap = np.zeros(1000, np.uint8)
    held = JointHeading(RATE_HZ, bones, hinge=(joint.axis_proximal, joint.axis_distal))
    found, variance = held.update(*joint.oriented, gap, never_still)
    assert off(found[-1:], 0.4)[0] < 1.0
    assert math.degrees(math.sqrt(variance[-1])) < 3.0
    loose = JointHeading(RATE_HZ, bones)
    _, variance = loose.update(*joint.oriented, gap, never_still)
    assert math.degrees(math.sqrt(variance[-1])) > 60.0


def test_a_slow_hinge_is_held_too() -> None:
    joint = jointed(20.0, 1, heading_rad=0.4)
    q1, q2, acc1, acc2 = (np.ascontiguousarray(array[::5]) for array in joint.oriented)
    bones = np.array([[1.0, 0.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]])
    held = JointHeading(10.0, bones, hinge=(joint.axis_proximal, joint.axis_distal))
    gap = np.zeros(200, np.uint8)
    found, _ = held.update(q1, q2, acc1, acc2, gap, np.full(200, -1.0))
    assert off(found[-1:], 0.4)[0] < 1.0


def test_axes_that_make_no_sense_are_refused() -> None:
    x, y = [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]
    with pytest.raises(ValueError, match="one axis or two"):
        packed_axes((x, y), (x, y, 1.0))
    with pytest.raises(ValueError, match="not all zero"):
        packed_axes((x, [0.0, 0.0, 0.0]))
    with pytest.raises(ValueError, match="three numbers"):
        packed_axes((x, [1.0, 0.0]))
    with pytest.raises(ValueError, match="from 0 to pi"):
        packed_axes(None, (x, y, 0.0))
    with pytest.raises(ValueError, match="sd_rad"):
        packed_axes((x, y), sd_rad=0.0)
    with pytest.raises(ValueError, match="heading_rad"):
        RelativeHeading(RATE_HZ).tell(math.nan, 0.1)


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
    left: float = 0.0
    unfitted: float = 0.0

    def absorb(self, error: float, slope: float, variance: float) -> None:
        h = np.zeros((1, 8))
        h[0, 0] = slope
        total = float((h @ self.p @ h.T)[0, 0]) + variance
        gain = (self.p @ h.T / total)[:, 0]
        self.likelihood -= 0.5 * (error**2 / total + math.log(total))
        self.x = self.x + gain * error
        self.p = self.p - np.outer(gain, h @ self.p)


@dataclass
class Axes:
    proximal: Float64
    distal: Float64
    between_rad: float | None = None


def told(
    hypotheses: list[Hypothesis],
    axes: Axes,
    q1: Float64,
    q2: Float64,
    heading: float,
    variance: float,
) -> bool:
    """A second oracle: the reading of a hinge or of two axes into every hypothesis."""
    floor = heading_module.AXES_FLOOR_RAD**2
    if variance <= floor:
        return False
    least = variance * floor / (variance - floor)
    a, b = quaternion.rotated(q1, axes.proximal), quaternion.rotated(q2, axes.distal)
    sd = heading_module.AXES_SD_RAD
    if axes.between_rad is None:
        level = math.hypot(a[0], a[1]) * math.hypot(b[0], b[1])
        reading = math.atan2(a[1], a[0]) - math.atan2(b[1], b[0])
        error = math.remainder(reading - heading, 2 * math.pi)
        single = (sd / level) ** 2
        if level < 0.09 or error**2 > 9 * (variance + single):
            return False
        spread = max(25.0 * single, least)
        readings = [(math.remainder(reading - one.x[0], 2 * math.pi), 1.0) for one in hypotheses]
    else:
        single = (sd * math.sin(axes.between_rad)) ** 2

        def compare(d: float) -> tuple[float, float]:
            turn = rotations_about_vertical(d)
            turned = quaternion.rotated(turn, b)
            error = math.cos(axes.between_rad or 0.0) - float(a @ turned)
            return error, float(a @ np.cross([0.0, 0.0, 1.0], turned))

        error, slope = compare(heading)
        wide = variance > heading_module.AMBIGUOUS_SD_RAD**2
        if wide or abs(slope) < 0.3 or error**2 > 9 * (slope**2 * variance + single):
            return False
        spread = max(25.0 * single, least * slope**2)
        readings = [compare(one.x[0]) for one in hypotheses]
    for one, (error, slope) in zip(hypotheses, readings, strict=True):
        one.absorb(error, slope, spread)
    return True


def concluded(hypotheses: list[Hypothesis]) -> tuple[list[Hypothesis], float, float]:
    """Hypotheses that are left, heading and variance of the mixture."""
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
    variance = float(np.dot(weights, spreads) / sum(weights))
    return kept, math.remainder(best.x[0], 2 * math.pi), variance


def naive(
    pair: Pair, axes: Axes | None = None, first: tuple[float, float] | None = None
) -> tuple[float, float]:
    """The last heading and its deviation, with SciPy's filters and NumPy's matrices.

    first: a heading and its deviation that are told before the first sample.
    """
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
    drift = np.zeros((8, 8))
    drift[0, 0] = math.radians(heading_module.DRIFT_DEG_PER_SQRT_MIN) ** 2 / 60 / RATE_HZ
    parting = math.radians(heading_module.PARTING_DEG_PER_S) ** 2
    onward = np.eye(8)
    onward[0, 7] = 1.0 / RATE_HZ
    onward[7, 7] = 1.0 - 1.0 / RATE_HZ / heading_module.PARTING_S
    drift[7, 7] = (1.0 - onward[7, 7] ** 2) * parting
    creep = heading_module.CREEP_M_PER_SQRT_MIN**2 / 60 / RATE_HZ
    hypotheses = [
        Hypothesis(
            0.0,
            np.array([k * math.pi / 4] + [0.0] * 7),
            np.diag([(math.pi / 8) ** 2] + [heading_module.ARM_SD_M**2] * 6 + [parting]),
        )
        for k in range(heading_module.HYPOTHESES)
    ]
    settled = 3 + math.ceil(heading_module.SETTLED_S * RATE_HZ)
    residue = heading_module.DISAGREEMENT_MPS2**2 / heading_module.ALIKE
    learnt = 2.0 / RATE_HZ / heading_module.RESIDUE_S
    heading, variance = 0.0, math.pi**2 / 3.0
    if first:
        for one in hypotheses:
            one.absorb(math.remainder(first[0] - one.x[0], 2 * math.pi), 1.0, first[1] ** 2)
        hypotheses, heading, variance = concluded(hypotheses)
    for sample in range(len(pair.q_proximal)):
        likeliest = max(hypotheses, key=lambda one: one.likelihood)
        for hypothesis in hypotheses:
            before = hypothesis.p[0, 0]
            hypothesis.x = onward @ hypothesis.x
            hypothesis.p = onward @ hypothesis.p @ onward.T + drift
            if hypothesis is likeliest:
                heading = math.remainder(hypothesis.x[0], 2 * math.pi)
                variance = min(variance + hypothesis.p[0, 0] - before, math.pi**2 / 3.0)
            for j in range(1, 7):
                grown = hypothesis.p[j, j] + creep
                hypothesis.p[j, j] = min(grown, heading_module.ARM_SD_M**2)
        i = sample - 3
        if sample < 2 or sample % 2:
            continue
        felt = (f1[i] ** 2 + f2[i] ** 2).sum()
        least = 2 * max(heading_module.RESTING_MPS2**2, residue)
        if sample < settled or felt < least:
            q1, q2 = pair.q_proximal[sample], pair.q_distal[sample]
            if axes and told(hypotheses, axes, q1, q2, heading, variance):
                hypotheses, heading, variance = concluded(hypotheses)
            continue
        noise = heading_module.ALIKE * residue
        noise = max(noise, heading_module.LEAST_DISAGREEMENT_MPS2**2)
        noise = min(noise, heading_module.MOST_DISAGREEMENT_MPS2**2)
        for one in hypotheses:
            c, s = math.cos(one.x[0]), math.sin(one.x[0])
            turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
            slope = np.array([[-s, -c, 0], [c, -s, 0], [0, 0, 0]])
            distal = f2[i] + m2[i] @ one.x[4:7]
            parts = [-(slope @ distal)[:, None], m1[i], -turn @ m2[i], np.zeros((3, 1))]
            h = np.concatenate(parts, axis=1)
            e = turn @ distal - f1[i] - m1[i] @ one.x[1:4]
            spread = h @ one.p @ h.T
            surprise = float(e @ np.linalg.solve(spread + noise * np.eye(3), e))
            weakened = noise * max(1.0, surprise / heading_module.SURPRISING)
            total = spread + weakened * np.eye(3)
            inverse = np.linalg.inv(total)
            one.left = float(((weakened * inverse @ e) ** 2).sum()) / 3
            one.unfitted = weakened * float(np.trace(inverse)) / 3
            gain = one.p @ h.T @ inverse
            one.likelihood -= 0.5 * float(
                e @ np.linalg.solve(total, e) + np.linalg.slogdet(total)[1]
            )
            one.x = one.x + gain @ e
            one.p = one.p - gain @ total @ gain.T
        hypotheses, heading, variance = concluded(hypotheses)
        best = max(hypotheses, key=lambda one: one.likelihood)
        left = min(best.left, heading_module.SURPRISING * residue)
        residue += learnt * (left - best.unfitted * residue)
        q1, q2 = pair.q_proximal[sample], pair.q_distal[sample]
        if axes and told(hypotheses, axes, q1, q2, heading, variance):
            hypotheses, heading, variance = concluded(hypotheses)
    return heading, math.sqrt(variance)


@pytest.mark.parametrize("seconds", [0.8, 2.0, 10.0])
def test_the_kernel_equals_plain_numpy(seconds: float) -> None:
    pair = simulated(seconds, -0.9, seed=7)
    found, sd = RelativeHeading(RATE_HZ).update(*pair.arrays())
    expected, expected_sd = naive(pair)
    assert found[-1] == pytest.approx(expected, abs=1e-9)
    assert sd[-1] == pytest.approx(expected_sd, rel=1e-7)


@pytest.mark.parametrize("axes", [1, 2])
@pytest.mark.parametrize("first", [None, (0.95, math.radians(10.0))])
def test_the_kernel_with_axes_equals_plain_numpy(
    axes: int, first: tuple[float, float] | None
) -> None:
    joint = jointed(6.0, axes, heading_rad=1.0)
    between_rad = None if axes == 1 else math.pi / 2
    known = Axes(joint.axis_proximal, joint.axis_distal, between_rad)
    estimator = RelativeHeading(RATE_HZ)
    if between_rad is None:
        estimator.constrain(hinge=(known.proximal, known.distal))
    else:
        estimator.constrain(two_axes=(known.proximal, known.distal, between_rad))
    if first:
        estimator.tell(*first)
    found, sd = estimator.update(*joint.oriented)
    expected, expected_sd = naive(Pair(*joint.oriented), known, first)
    assert found[-1] == pytest.approx(expected, abs=1e-9)
    assert sd[-1] == pytest.approx(expected_sd, rel=1e-7)
