"""Kernels that find an axis, each against NumPy or SciPy, and on movements whose axis, period and
direction are known.
"""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from motion.axis import (
    find_period,
    mean_orientation,
    mean_vector,
    periodic_direction,
    principal_direction,
    rotation_vectors,
    tilt_vector,
    tilt_vectors,
    up_vector,
)
from tests.motion.movement import in_sensor

Float64 = NDArray[np.float64]

STEP_S = 0.02
SEEDS = st.integers(0, 2**32 - 1)


def wxyz(rotations: Rotation) -> Float64:
    return np.ascontiguousarray(np.roll(rotations.as_quat(), 1, axis=-1))


def apart_deg(one: Float64, other: Float64) -> float:
    """Angle between two axes, whatever their sign."""
    cosine = abs(float(one @ other)) / float(np.linalg.norm(one) * np.linalg.norm(other))
    return math.degrees(math.acos(min(1.0, cosine)))


def direction(kernel_output: Float64) -> Float64:
    assert np.linalg.norm(kernel_output) == pytest.approx(1.0, abs=1e-12)
    return kernel_output


@settings(deadline=None)
@given(SEEDS, st.integers(2, 60))
def test_principal_direction_equals_the_first_eigenvector(seed: int, count: int) -> None:
    random = np.random.default_rng(seed)
    vectors = random.normal(size=(count, 3)) * random.uniform(0.1, 5.0, 3)
    vectors = Rotation.random(random_state=seed % 2**31).apply(vectors) + random.normal(size=3)
    mean, axis = np.empty(3), np.empty(3)
    mean_vector(vectors, mean)
    assert mean == pytest.approx(vectors.mean(axis=0), abs=1e-12)
    principal_direction(vectors, mean, axis)
    centred = vectors - mean
    values, directions = np.linalg.eigh(centred.T @ centred)
    # Where two are nearly equal, any direction between them is as good.
    along = float(((centred @ direction(axis)) ** 2).sum())
    assert along == pytest.approx(values[-1], rel=1e-9)
    if values[-1] > 1.1 * values[-2]:
        assert apart_deg(axis, directions[:, -1]) < 1e-5


@pytest.mark.parametrize("scale", [1e-160, 1e-9, 1.0, 1e9])
@pytest.mark.parametrize("axis", [(1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (1.0, 1.0, 0.0), (1, -2, 3)])
def test_principal_direction_of_a_line_is_the_line(
    axis: tuple[float, float, float], scale: float
) -> None:
    along = np.linspace(-1.0, 1.0, 21)[:, None] * np.array(axis) * scale
    found = np.empty(3)
    principal_direction(along, np.zeros(3), found)
    if scale > 1e-100:
        assert apart_deg(found, np.array(axis)) < 1e-5
    assert np.isfinite(found).all()


def test_principal_direction_of_nothing_is_still_a_direction() -> None:
    axis = np.empty(3)
    principal_direction(np.zeros((5, 3)), np.zeros(3), axis)
    direction(axis)


@pytest.mark.parametrize("period_s", [0.8, 1.3, 2.0, 3.1, 4.0])
@pytest.mark.parametrize("phase", [0.0, 1.0, 2.5])
def test_the_period_of_a_movement_is_found(period_s: float, phase: float) -> None:
    t = np.arange(0.0, 3.0 * period_s, STEP_S)
    swing = np.sin(2.0 * math.pi * t / period_s + phase)
    vectors = swing[:, None] * [0.6, 0.1, 0.3]
    vectors += 0.02 * np.random.default_rng(0).normal(size=vectors.shape)
    assert find_period(vectors, STEP_S) * STEP_S == pytest.approx(period_s, rel=0.05)


def test_the_period_is_that_of_the_repetition_and_not_of_two_swings_within_it() -> None:
    # A row: out twice a cycle along one axis, once along another.
    t = np.arange(0.0, 9.0, STEP_S)
    vectors = np.zeros((len(t), 3))
    vectors[:, 0] = 0.5 * np.sin(2.0 * math.pi * t / 3.0)
    vectors[:, 1] = 0.2 * np.sin(4.0 * math.pi * t / 3.0)
    assert find_period(vectors, STEP_S) * STEP_S == pytest.approx(3.0, rel=0.05)


def test_the_first_of_equal_periods_is_taken_not_a_multiple() -> None:
    t = np.arange(0.0, 12.0, STEP_S)
    vectors = np.sin(2.0 * math.pi * t / 1.5)[:, None] * [1.0, 0.0, 0.0]
    assert find_period(vectors, STEP_S) * STEP_S == pytest.approx(1.5, rel=0.03)


@pytest.mark.parametrize("name", ["nothing", "noise", "one ramp", "too short"])
def test_what_does_not_repeat_has_no_period(name: str) -> None:
    vectors = np.zeros((300, 3))
    match name:
        case "noise":
            vectors += np.random.default_rng(1).normal(size=(300, 3))
        case "one ramp":
            vectors[:, 0] = np.linspace(0.0, 1.0, 300)
        case "too short":
            vectors = np.sin(np.arange(8.0))[:, None] * np.ones(3)
    assert find_period(vectors, STEP_S) == 0


def test_periodic_direction_ignores_what_does_not_repeat_with_it() -> None:
    t = np.arange(0.0, 6.0, STEP_S)
    axis = np.array([0.2, -0.9, 0.4])
    vectors = 0.4 * np.sin(2.0 * math.pi * t / 2.0 + 0.7)[:, None] * axis
    # A slow turn away, which has more power than the movement.
    vectors += (t / 6.0)[:, None] * [1.2, 0.0, 0.0] - [0.6, 0.0, 0.0]
    found, plain = np.empty(3), np.empty(3)
    periodic_direction(vectors, round(2.0 / STEP_S), found)
    principal_direction(vectors, vectors.mean(axis=0), plain)
    assert apart_deg(direction(found), axis) < 25.0
    assert apart_deg(plain, axis) > 50.0


def test_periodic_direction_is_the_direction_of_the_fourier_component() -> None:
    random = np.random.default_rng(2)
    vectors = random.normal(size=(200, 3))
    period = 40
    wave = np.exp(-2j * math.pi * np.arange(200) / period)
    component = ((vectors - vectors.mean(axis=0)) * wave[:, None]).sum(axis=0)
    parts = np.stack([component.real, component.imag])
    _, directions = np.linalg.eigh(parts.T @ parts)
    found = np.empty(3)
    periodic_direction(vectors, period, found)
    assert apart_deg(found, directions[:, -1]) < 1e-5


@settings(deadline=None)
@given(SEEDS, st.floats(0.01, 0.6))
def test_mean_orientation_is_near_the_mean_of_scipy(seed: int, spread: float) -> None:
    random = np.random.default_rng(seed)
    middle = Rotation.random(random_state=seed % 2**31)
    all_of_them = middle * Rotation.from_rotvec(random.normal(0.0, spread, (30, 3)))
    signs = random.choice([-1.0, 1.0], (30, 1))
    mean = np.empty(4)
    mean_orientation(np.ascontiguousarray(wxyz(all_of_them) * signs), mean)
    found = Rotation.from_quat(np.roll(mean, -1))
    assert np.linalg.norm(mean) == pytest.approx(1.0, abs=1e-12)
    assert (found * all_of_them.mean().inv()).magnitude() < 0.25 * spread


@settings(deadline=None)
@given(SEEDS)
def test_rotation_vectors_equal_those_of_scipy(seed: int) -> None:
    random = np.random.default_rng(seed)
    reference = Rotation.random(random_state=seed % 2**31)
    turned = reference * Rotation.from_rotvec(random.normal(0.0, 0.8, (20, 3)))
    signs = random.choice([-1.0, 1.0], (20, 1))
    out = np.empty((20, 3))
    rotation_vectors(np.ascontiguousarray(wxyz(turned) * signs), wxyz(reference), out)
    np.testing.assert_allclose(out, (reference.inv() * turned).as_rotvec(), rtol=0, atol=1e-9)


def test_no_rotation_is_the_zero_vector() -> None:
    q = wxyz(Rotation.from_rotvec([[0.1, 0.2, 0.3]]))
    out = np.ones((1, 3))
    rotation_vectors(q, q[0].copy(), out)
    assert out == pytest.approx(np.zeros((1, 3)), abs=1e-12)


@settings(deadline=None)
@given(SEEDS)
def test_up_and_tilt_equal_those_of_scipy(seed: int) -> None:
    first, second = Rotation.random(2, random_state=seed % 2**31)
    up, reference, out = np.empty(3), np.empty(3), np.empty(3)
    up_vector(wxyz(first), up)
    up_vector(wxyz(second), reference)
    assert up == pytest.approx(in_sensor(wxyz(first), (0.0, 0.0, 1.0)), abs=1e-12)
    assert up == pytest.approx(first.inv().apply([0.0, 0.0, 1.0]), abs=1e-12)
    tilt_vector(up, reference, out)
    # The smallest rotation that takes what points up now to where it pointed at the reference.
    assert Rotation.from_rotvec(out).apply(up) == pytest.approx(reference, abs=1e-9)
    assert np.linalg.norm(out) == pytest.approx(math.acos(np.clip(up @ reference, -1, 1)), abs=1e-6)


def test_tilt_does_not_see_a_turn_about_the_vertical() -> None:
    tilted = Rotation.from_rotvec([0.5, 0.0, 0.0])
    turned = Rotation.from_rotvec(np.linspace(0.0, 6.0, 9)[:, None] * [0.0, 0.0, 1.0]) * tilted
    up = np.empty(3)
    up_vector(wxyz(Rotation.identity()), up)
    out = np.empty((9, 3))
    tilt_vectors(wxyz(turned), up, out)
    assert np.degrees(np.linalg.norm(out, axis=1)) == pytest.approx(math.degrees(0.5))
    assert out == pytest.approx(np.tile([0.5, 0.0, 0.0], (9, 1)), abs=1e-12)


def test_tilt_by_a_half_turn_is_finite() -> None:
    out = np.empty(3)
    tilt_vector(np.array([0.0, 0.0, -1.0]), np.array([0.0, 0.0, 1.0]), out)
    assert np.isfinite(out).all()
