"""Rotations against SciPy, and their laws over the whole input space."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation, Slerp

from motion import quaternion
from motion.quaternion import IDENTITY, SHORT_STEP, Quaternion, Vector

Float64 = NDArray[np.float64]

_part = st.floats(-1.0, 1.0)
_coordinate = st.floats(-100.0, 100.0)
_share = st.floats(0.0, 1.0)


@st.composite
def rotations(draw: st.DrawFn) -> Quaternion:
    """Unit quaternions of either sign, the identity and half turns among them."""
    parts = draw(st.tuples(_part, _part, _part, _part).filter(lambda q: math.hypot(*q) > 1e-3))
    return quaternion.normalise(parts)


vectors = st.tuples(_coordinate, _coordinate, _coordinate)
long_vectors = vectors.filter(lambda v: math.hypot(*v) > 1e-3)
each = settings(deadline=None, max_examples=200)


def _scipy(*q: Quaternion) -> Rotation:
    return Rotation.from_quat(np.array(q), scalar_first=True)


def _same(a: Quaternion, b: Quaternion, tolerance: float = 1e-12) -> bool:
    return quaternion.angle_between(a, b) < tolerance


@each
@given(rotations(), rotations())
def test_product_equals_scipy(a: Quaternion, b: Quaternion) -> None:
    wanted = (_scipy(a) * _scipy(b)).as_matrix()[0]
    np.testing.assert_allclose(_scipy(quaternion.multiply(a, b)).as_matrix()[0], wanted, atol=1e-12)


@each
@given(rotations(), rotations(), vectors)
def test_product_rotates_by_the_second_factor_first(
    a: Quaternion, b: Quaternion, v: Vector
) -> None:
    wanted = quaternion.rotate(a, quaternion.rotate(b, v))
    got = quaternion.rotate(quaternion.multiply(a, b), v)
    np.testing.assert_allclose(got, wanted, atol=1e-11)


@each
@given(rotations(), vectors)
def test_rotation_equals_scipy_and_the_matrix(q: Quaternion, v: Vector) -> None:
    got = quaternion.rotate(q, v)
    np.testing.assert_allclose(got, _scipy(q).apply(np.array(v))[0], atol=1e-11)
    matrix = np.array(quaternion.matrix(q)).reshape(3, 3)
    np.testing.assert_allclose(matrix, _scipy(q).as_matrix()[0], atol=1e-13)
    np.testing.assert_allclose(quaternion.rotate_back(q, got), v, atol=1e-11)


@each
@given(rotations())
def test_conjugate_is_the_opposite_rotation(q: Quaternion) -> None:
    assert _same(quaternion.multiply(q, quaternion.conjugate(q)), IDENTITY)


def test_a_sensor_turned_left_about_the_vertical_points_left() -> None:
    q = quaternion.exponential((0.0, 0.0, math.pi / 2))
    np.testing.assert_allclose(quaternion.rotate(q, (1.0, 0.0, 0.0)), (0.0, 1.0, 0.0), atol=1e-15)


@each
@given(st.tuples(*([st.floats(-20.0, 20.0)] * 3)))
def test_exponential_equals_scipy(v: Vector) -> None:
    got = quaternion.exponential(v)
    angle = math.hypot(*v)
    assert got[0] == pytest.approx(math.cos(0.5 * angle), abs=1e-14)
    wanted = Rotation.from_rotvec(np.array(v)).as_matrix()
    np.testing.assert_allclose(_scipy(got).as_matrix()[0], wanted, atol=1e-12)


def test_polynomials_reach_rounding_up_to_where_they_end() -> None:
    end = 2.0 * math.sqrt(SHORT_STEP)
    for angle in np.linspace(0.0, 1.05 * end, 2001).tolist():
        w, x, y, z = quaternion.exponential((angle, 0.0, 0.0))
        assert w == pytest.approx(math.cos(0.5 * angle), abs=1e-15)
        assert x == pytest.approx(math.sin(0.5 * angle), abs=1e-15)
        assert (y, z) == (0.0, 0.0)


@each
@given(st.tuples(_part, _part, _part), st.integers(-12, 0))
def test_logarithm_undoes_the_exponential(v: Vector, exponent: int) -> None:
    scale = 1.8 * 10.0**exponent
    wanted = (v[0] * scale, v[1] * scale, v[2] * scale)
    got = quaternion.logarithm(quaternion.exponential(wanted))
    np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-14 + 1e-13 * math.hypot(*wanted))


@each
@given(rotations())
def test_logarithm_takes_the_shorter_way_and_ignores_the_sign(q: Quaternion) -> None:
    v = quaternion.logarithm(q)
    assert math.hypot(*v) <= math.pi + 1e-12
    assert _same(quaternion.exponential(v), q)
    other = quaternion.logarithm((-q[0], -q[1], -q[2], -q[3]))
    assert _same(quaternion.exponential(other), q)


@each
@given(rotations(), rotations())
def test_angle_between_equals_scipy(a: Quaternion, b: Quaternion) -> None:
    wanted = (_scipy(a).inv() * _scipy(b)).magnitude()[0]
    assert quaternion.angle_between(a, b) == pytest.approx(wanted, abs=1e-12)
    assert quaternion.angle_between(b, a) == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize("angle", [0.0, 1e-12, 1e-8, 1e-3, 1.0, math.pi - 1e-8, math.pi])
def test_angle_between_keeps_its_digits_at_both_ends(angle: float) -> None:
    turned = quaternion.exponential((0.0, angle, 0.0))
    assert quaternion.angle_between(IDENTITY, turned) == pytest.approx(angle, rel=1e-12, abs=1e-15)


@each
@given(rotations(), rotations(), _share)
def test_slerp_equals_scipy(a: Quaternion, b: Quaternion, share: float) -> None:
    if quaternion.angle_between(a, b) > math.pi - 1e-3:
        return  # Both ways are equally short: either is right.
    got = quaternion.slerp(a, b, share)
    wanted = Slerp([0.0, 1.0], _scipy(a, b))([share])
    np.testing.assert_allclose(_scipy(got).as_matrix(), wanted.as_matrix(), atol=1e-11)


@each
@given(rotations(), vectors, _share)
def test_nlerp_is_near_slerp_between_neighbours(a: Quaternion, v: Vector, share: float) -> None:
    length = max(1.0, math.hypot(*v))
    step = (0.3 * v[0] / length, 0.3 * v[1] / length, 0.3 * v[2] / length)
    b = quaternion.multiply(a, quaternion.exponential(step))
    apart = quaternion.angle_between(quaternion.nlerp(a, b, share), quaternion.slerp(a, b, share))
    assert apart <= 4e-4 * math.hypot(*step) + 1e-12


@each
@given(rotations(), rotations())
def test_interpolation_meets_its_ends_whatever_the_signs(a: Quaternion, b: Quaternion) -> None:
    opposite = (-b[0], -b[1], -b[2], -b[3])
    for between in (quaternion.slerp, quaternion.nlerp):
        for end in (b, opposite):
            assert _same(between(a, end, 0.0), a, 1e-9)
            assert _same(between(a, end, 1.0), b, 1e-9)


@each
@given(long_vectors, long_vectors)
def test_from_two_vectors_turns_one_into_the_other_by_the_least_angle(u: Vector, v: Vector) -> None:
    q = quaternion.from_two_vectors(u, v)
    turned = np.array(quaternion.rotate(q, u)) / math.hypot(*u)
    wanted = np.array(v) / math.hypot(*v)
    np.testing.assert_allclose(turned, wanted, atol=1e-7)
    between = 2.0 * math.atan2(
        float(np.linalg.norm(np.array(u) / math.hypot(*u) - wanted)),
        float(np.linalg.norm(np.array(u) / math.hypot(*u) + wanted)),
    )
    assert quaternion.angle_between(IDENTITY, q) == pytest.approx(between, abs=2e-8)


@each
@given(long_vectors, st.integers(-12, -1))
def test_from_two_vectors_copes_with_near_opposites(u: Vector, exponent: int) -> None:
    nearly = (-u[0] + 10.0**exponent, -u[1], -u[2] - 10.0**exponent)
    if math.hypot(*nearly) < 1e-3:
        return  # No direction is left.
    q = quaternion.from_two_vectors(u, nearly)
    turned = np.array(quaternion.rotate(q, u)) / math.hypot(*u)
    np.testing.assert_allclose(turned, np.array(nearly) / math.hypot(*nearly), atol=3e-8)


@pytest.mark.parametrize("u", [(1.0, 0.0, 0.0), (0.0, 2.0, 0.0), (0.0, 0.0, -3.0), (1.0, 2.0, 2.0)])
def test_exact_opposites_give_a_half_turn(u: Vector) -> None:
    q = quaternion.from_two_vectors(u, (-u[0], -u[1], -u[2]))
    assert q[0] == 0.0
    np.testing.assert_allclose(quaternion.rotate(q, u), (-u[0], -u[1], -u[2]), atol=1e-15)


def test_vectors_without_length_give_the_identity() -> None:
    assert quaternion.from_two_vectors((0.0, 0.0, 0.0), (1.0, 0.0, 0.0)) == IDENTITY
    assert quaternion.from_two_vectors((1.0, 0.0, 0.0), (0.0, 0.0, 0.0)) == IDENTITY
    assert quaternion.normalise((0.0, 0.0, 0.0, 0.0)) == IDENTITY
    assert quaternion.normalise((math.nan, 0.0, 0.0, 0.0)) == IDENTITY


@each
@given(rotations(), st.floats(1e-3, 1e3))
def test_normalise_restores_unit_length(q: Quaternion, scale: float) -> None:
    scaled = (q[0] * scale, q[1] * scale, q[2] * scale, q[3] * scale)
    for restored in (quaternion.normalise(scaled), quaternion.renormalise(scaled)):
        assert math.hypot(*restored) == pytest.approx(1.0, abs=1e-15)
        assert _same(restored, q)


@each
@given(rotations(), st.floats(-4e-9, 4e-9))
def test_one_newton_step_is_enough_after_rounding(q: Quaternion, error: float) -> None:
    scale = 1.0 + error
    restored = quaternion.renormalise((q[0] * scale, q[1] * scale, q[2] * scale, q[3] * scale))
    assert math.hypot(*restored) == pytest.approx(1.0, abs=5e-16)


def test_read_and_write_agree() -> None:
    array = np.zeros(6)
    quaternion.write(array, 2, (0.1, 0.2, 0.3, 0.4))
    np.testing.assert_array_equal(array, [0.0, 0.0, 0.1, 0.2, 0.3, 0.4])
    assert quaternion.read(array, 2) == (0.1, 0.2, 0.3, 0.4)


# --- arrays -------------------------------------------------------------------------------------


def _random_rotations(*shape: int) -> Float64:
    parts = np.random.default_rng(4).normal(size=(*shape, 4))
    unit: Float64 = parts / np.linalg.norm(parts, axis=-1, keepdims=True)
    return unit


def test_arrays_give_the_bits_of_the_kernels() -> None:
    a, b = _random_rotations(2, 50)
    v = np.random.default_rng(5).normal(size=(50, 3))
    for i in range(50):
        p, q = quaternion.read(a[i], 0), quaternion.read(b[i], 0)
        u = (float(v[i, 0]), float(v[i, 1]), float(v[i, 2]))
        assert tuple(quaternion.products(a, b)[i]) == quaternion.multiply(p, q)
        assert tuple(quaternion.rotated(a, v)[i]) == quaternion.rotate(p, u)
        assert tuple(quaternion.rotation_vectors(a)[i]) == quaternion.logarithm(p)
        assert tuple(quaternion.from_rotation_vectors(v)[i]) == quaternion.exponential(u)
        assert quaternion.angles_between(a, b)[i] == quaternion.angle_between(p, q)


def test_arrays_are_broadcast() -> None:
    many, one = _random_rotations(3, 5), _random_rotations()
    assert quaternion.products(many, one).shape == (3, 5, 4)
    assert quaternion.products(one, many).shape == (3, 5, 4)
    assert quaternion.rotated(many, [0.0, 0.0, 1.0]).shape == (3, 5, 3)
    assert quaternion.rotated(one, np.ones((7, 3))).shape == (7, 3)
    assert quaternion.rotation_vectors(many).shape == (3, 5, 3)
    assert quaternion.from_rotation_vectors(np.ones(3)).shape == (4,)
    assert quaternion.angles_between(many, one).shape == (3, 5)
    assert quaternion.angles_between(one, one).shape == ()
    assert quaternion.products(np.empty((0, 4)), one).shape == (0, 4)


def test_a_wrong_last_axis_is_named() -> None:
    with pytest.raises(ValueError, match=r"b has shape \(5, 3\)"):
        quaternion.products(np.ones((5, 4)), np.ones((5, 3)))
    with pytest.raises(ValueError, match="v has shape"):
        quaternion.rotated(np.ones(4), 1.0)
