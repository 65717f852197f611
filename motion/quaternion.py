"""Rotations as quaternions: the one owner of the convention.

A quaternion is (w, x, y, z), of unit length, and turns sensor coordinates into earth coordinates;
q and -q are the same rotation. Filters that estimate one live elsewhere.
"""

import math
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from motion._jit import njit

Float64 = NDArray[np.float64]
Quaternion = tuple[float, float, float, float]
Vector = tuple[float, float, float]

IDENTITY: Final[Quaternion] = (1.0, 0.0, 0.0, 0.0)

# Up to this squared half angle cosine and sinc come from polynomials through x^6. The first term
# left out is x^7 / 14! = 7e-16 at 0.25, three units of the last place. 0.25 is a step of 57
# degrees, which only a turn of 5,700 deg/s reaches at 100 Hz.
SHORT_STEP: Final = 0.25
# How far a squared length may lie from 1 for one Newton step to restore it: the step leaves
# 3/8 of the square of this, 4e-17, below half a unit of the last place.
NEARLY_UNIT: Final = 1e-8
# Below this squared length a vector has no direction worth keeping: subnormal numbers begin at
# 2e-308, and the square keeps half its digits down to here.
NO_LENGTH: Final = 1e-290
# Sine below which two opposite vectors no longer define a plane: rounding of the cross product
# (1e-16) then turns it by as much as the fallback is off (1e-8), so either is as good.
OPPOSITE: Final = 1e-8
# Below this sine a series or the chord replaces the quotient of two vanishing numbers. The first
# term that the series of the arctangent leaves out is 1e-4^4 / 5 = 2e-17.
SMALL_SINE: Final = 1e-4


@njit
def read(array: Float64, at: int) -> Quaternion:
    """The four values of `array` from index `at` on."""
    return (array[at], array[at + 1], array[at + 2], array[at + 3])


@njit
def write(array: Float64, at: int, q: Quaternion) -> None:
    """Store `q` in `array` from index `at` on."""
    array[at] = q[0]
    array[at + 1] = q[1]
    array[at + 2] = q[2]
    array[at + 3] = q[3]


@njit
def conjugate(q: Quaternion) -> Quaternion:
    """The opposite rotation: earth to sensor, for a quaternion sensor to earth."""
    return (q[0], -q[1], -q[2], -q[3])


@njit
def multiply(a: Quaternion, b: Quaternion) -> Quaternion:
    """The rotation `b` followed by `a`, both seen in the frame into which `a` turns."""
    return (
        a[0] * b[0] - a[1] * b[1] - a[2] * b[2] - a[3] * b[3],
        a[0] * b[1] + a[1] * b[0] + a[2] * b[3] - a[3] * b[2],
        a[0] * b[2] - a[1] * b[3] + a[2] * b[0] + a[3] * b[1],
        a[0] * b[3] + a[1] * b[2] - a[2] * b[1] + a[3] * b[0],
    )


@njit
def rotate(q: Quaternion, v: Vector) -> Vector:
    """A vector in sensor coordinates, given in earth coordinates."""
    w, x, y, z = q
    # v + 2 w (u x v) + 2 u x (u x v), with u the vector part: fewer products than the matrix.
    tx = 2.0 * (y * v[2] - z * v[1])
    ty = 2.0 * (z * v[0] - x * v[2])
    tz = 2.0 * (x * v[1] - y * v[0])
    return (
        v[0] + w * tx + (y * tz - z * ty),
        v[1] + w * ty + (z * tx - x * tz),
        v[2] + w * tz + (x * ty - y * tx),
    )


@njit
def rotate_back(q: Quaternion, v: Vector) -> Vector:
    """A vector in earth coordinates, given in sensor coordinates."""
    return rotate((q[0], -q[1], -q[2], -q[3]), v)


@njit
def normalise(q: Quaternion) -> Quaternion:
    """`q` with unit length; the identity where it has no length at all."""
    squared = q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3]
    if not squared > NO_LENGTH:
        return (1.0, 0.0, 0.0, 0.0)
    scale = 1.0 / math.sqrt(squared)
    return (q[0] * scale, q[1] * scale, q[2] * scale, q[3] * scale)


@njit
def renormalise(q: Quaternion) -> Quaternion:
    """`q` with unit length, by one Newton step where only rounding has touched its length."""
    squared = (q[0] * q[0] + q[1] * q[1]) + (q[2] * q[2] + q[3] * q[3])
    if not abs(squared - 1.0) < NEARLY_UNIT:
        return normalise(q)
    scale = 1.5 - 0.5 * squared
    return (q[0] * scale, q[1] * scale, q[2] * scale, q[3] * scale)


@njit
def exponential(v: Vector) -> Quaternion:
    """The rotation by |v| radians about the direction of `v` (a rotation vector)."""
    x = 0.25 * (v[0] * v[0] + v[1] * v[1] + v[2] * v[2])
    if x <= SHORT_STEP:
        # Taylor series of cos(sqrt x) and sin(sqrt x) / (2 sqrt x), summed in pairs: the chain of
        # dependent operations is half as long as Horner's, and this is where a filter waits.
        xx = x * x
        cosine = (1.0 - x * (1.0 / 2.0)) + xx * (
            ((1.0 / 24.0) - x * (1.0 / 720.0))
            + xx * (((1.0 / 40320.0) - x * (1.0 / 3628800.0)) + xx * (1.0 / 479001600.0))
        )
        scale = (0.5 - x * (1.0 / 12.0)) + xx * (
            ((1.0 / 240.0) - x * (1.0 / 10080.0))
            + xx * (((1.0 / 725760.0) - x * (1.0 / 79833600.0)) + xx * (1.0 / 12454041600.0))
        )
    else:
        half = math.sqrt(x)
        cosine = math.cos(half)
        scale = 0.5 * math.sin(half) / half
    return (cosine, scale * v[0], scale * v[1], scale * v[2])


@njit
def logarithm(q: Quaternion) -> Vector:
    """The rotation vector of `q` in radians, by the shorter way: its length is at most pi."""
    w, x, y, z = q
    if w < 0.0:
        w, x, y, z = -w, -x, -y, -z
    sine = math.sqrt(x * x + y * y + z * z)
    if sine < SMALL_SINE:
        # atan(t) / t = 1 - t^2 / 3 + ... with t = sine / w; the cosine is near 1 here.
        ratio = sine / w
        scale = 2.0 * (1.0 - ratio * ratio * (1.0 / 3.0)) / w
    else:
        scale = 2.0 * math.atan2(sine, w) / sine
    return (scale * x, scale * y, scale * z)


@njit
def angle_between(a: Quaternion, b: Quaternion) -> float:
    """Angle in radians, 0 to pi, of the rotation that takes one orientation into the other."""
    d = multiply((a[0], -a[1], -a[2], -a[3]), b)
    # The arctangent keeps its digits near 0 and pi, where the arccosine loses half of them.
    return 2.0 * math.atan2(math.sqrt(d[1] * d[1] + d[2] * d[2] + d[3] * d[3]), abs(d[0]))


@njit
def nlerp(a: Quaternion, b: Quaternion, share: float) -> Quaternion:
    """Between `a` (share 0) and `b` (share 1) by the shorter way, along the normalised chord.

    Off the even rotation by less than 4e-4 of the angle between them up to 0.3 rad.
    """
    before = 1.0 - share
    after = share
    if a[0] * b[0] + a[1] * b[1] + a[2] * b[2] + a[3] * b[3] < 0.0:
        after = -share
    return normalise(
        (
            before * a[0] + after * b[0],
            before * a[1] + after * b[1],
            before * a[2] + after * b[2],
            before * a[3] + after * b[3],
        )
    )


@njit
def slerp(a: Quaternion, b: Quaternion, share: float) -> Quaternion:
    """Between `a` (share 0) and `b` (share 1) by the shorter way, at an even rate."""
    sign = 1.0
    if a[0] * b[0] + a[1] * b[1] + a[2] * b[2] + a[3] * b[3] < 0.0:
        sign = -1.0
    apart = 0.0
    together = 0.0
    for i in range(4):
        apart += (a[i] - sign * b[i]) * (a[i] - sign * b[i])
        together += (a[i] + sign * b[i]) * (a[i] + sign * b[i])
    arc = 2.0 * math.atan2(math.sqrt(apart), math.sqrt(together))
    sine = math.sin(arc)
    if sine < SMALL_SINE:
        # The chord is as good as the arc here: they differ by less than 1e-13 rad.
        return nlerp(a, b, share)
    before = math.sin((1.0 - share) * arc) / sine
    after = sign * math.sin(share * arc) / sine
    return normalise(
        (
            before * a[0] + after * b[0],
            before * a[1] + after * b[1],
            before * a[2] + after * b[2],
            before * a[3] + after * b[3],
        )
    )


@njit
def from_two_vectors(u: Vector, v: Vector) -> Quaternion:
    """The smallest rotation that turns the direction of `u` into that of `v`.

    For opposite directions the axis is the one perpendicular to `u` and to its smallest component;
    the identity where either vector has no length.
    """
    uu = u[0] * u[0] + u[1] * u[1] + u[2] * u[2]
    vv = v[0] * v[0] + v[1] * v[1] + v[2] * v[2]
    if not (uu > NO_LENGTH and vv > NO_LENGTH):
        return (1.0, 0.0, 0.0, 0.0)
    su = 1.0 / math.sqrt(uu)
    sv = 1.0 / math.sqrt(vv)
    ux, uy, uz = u[0] * su, u[1] * su, u[2] * su
    vx, vy, vz = v[0] * sv, v[1] * sv, v[2] * sv
    cosine = ux * vx + uy * vy + uz * vz
    x = uy * vz - uz * vy
    y = uz * vx - ux * vz
    z = ux * vy - uy * vx
    squared_sine = x * x + y * y + z * z
    if cosine < 0.0 and squared_sine < OPPOSITE * OPPOSITE:
        if abs(ux) <= abs(uy) and abs(ux) <= abs(uz):
            return normalise((0.0, 0.0, uz, -uy))
        if abs(uy) <= abs(uz):
            return normalise((0.0, -uz, 0.0, ux))
        return normalise((0.0, uy, -ux, 0.0))
    if cosine < 0.0:
        # 1 + cosine without the cancellation of near opposites.
        return normalise((squared_sine / (1.0 - cosine), x, y, z))
    return normalise((1.0 + cosine, x, y, z))


@njit
def matrix(q: Quaternion) -> tuple[float, float, float, float, float, float, float, float, float]:
    """Rotation matrix by rows: column j holds the sensor's axis j in earth coordinates."""
    w, x, y, z = q
    x2, y2, z2 = x + x, y + y, z + z
    xx, yy, zz = x * x2, y * y2, z * z2
    xy, xz, yz = x * y2, x * z2, y * z2
    wx, wy, wz = w * x2, w * y2, w * z2
    return (
        1.0 - (yy + zz),
        xy - wz,
        xz + wy,
        xy + wz,
        1.0 - (xx + zz),
        yz - wx,
        xz - wy,
        yz + wx,
        1.0 - (xx + yy),
    )


@njit
def _products(a: Float64, b: Float64, out: Float64) -> None:
    for i in range(out.shape[0]):
        write(out[i], 0, multiply(read(a[i], 0), read(b[i], 0)))


@njit
def _rotated(q: Float64, v: Float64, out: Float64) -> None:
    for i in range(out.shape[0]):
        x, y, z = rotate(read(q[i], 0), (v[i, 0], v[i, 1], v[i, 2]))
        out[i, 0] = x
        out[i, 1] = y
        out[i, 2] = z


@njit
def _rotation_vectors(q: Float64, out: Float64) -> None:
    for i in range(out.shape[0]):
        x, y, z = logarithm(read(q[i], 0))
        out[i, 0] = x
        out[i, 1] = y
        out[i, 2] = z


@njit
def _from_rotation_vectors(v: Float64, out: Float64) -> None:
    for i in range(out.shape[0]):
        write(out[i], 0, exponential((v[i, 0], v[i, 1], v[i, 2])))


@njit
def _angles_between(a: Float64, b: Float64, out: Float64) -> None:
    for i in range(out.shape[0]):
        out[i] = angle_between(read(a[i], 0), read(b[i], 0))


def _rows(*operands: tuple[str, ArrayLike, int]) -> tuple[list[Float64], tuple[int, ...]]:
    """Operands (name, values, width) broadcast against each other, each as (rows, width)."""
    arrays = []
    for name, values, width in operands:
        array = np.asarray(values, dtype=np.float64)
        if array.ndim == 0 or array.shape[-1] != width:
            raise ValueError(
                f"{name} has shape {array.shape}; give arrays whose last axis has length {width}."
            )
        arrays.append(array)
    shape = np.broadcast_shapes(*(array.shape[:-1] for array in arrays))
    # Kernels are compiled for writeable C order only; broadcasting gives neither.
    rows = [
        np.array(np.broadcast_to(array, (*shape, array.shape[-1])), order="C").reshape(
            -1, array.shape[-1]
        )
        for array in arrays
    ]
    return rows, shape


def products(a: ArrayLike, b: ArrayLike) -> Float64:
    """Rotations `b` followed by `a`: (..., 4) and (..., 4), broadcast, to (..., 4).

    Raises ValueError when a last axis does not have length 4.
    """
    (first, second), shape = _rows(("a", a, 4), ("b", b, 4))
    out = np.empty_like(first)
    _products(first, second, out)
    return out.reshape(*shape, 4)


def rotated(q: ArrayLike, v: ArrayLike) -> Float64:
    """Vectors (..., 3) in sensor coordinates turned by (..., 4), broadcast, to (..., 3).

    Raises ValueError when a last axis has another length.
    """
    (first, second), shape = _rows(("q", q, 4), ("v", v, 3))
    out = np.empty_like(second)
    _rotated(first, second, out)
    return out.reshape(*shape, 3)


def rotation_vectors(q: ArrayLike) -> Float64:
    """Rotation vectors in radians, (..., 3), by the shorter way, of quaternions (..., 4).

    Raises ValueError when the last axis does not have length 4.
    """
    (first,), shape = _rows(("q", q, 4))
    out = np.empty((first.shape[0], 3))
    _rotation_vectors(first, out)
    return out.reshape(*shape, 3)


def from_rotation_vectors(v: ArrayLike) -> Float64:
    """Quaternions (..., 4) of rotation vectors (..., 3) in radians.

    Raises ValueError when the last axis does not have length 3.
    """
    (first,), shape = _rows(("v", v, 3))
    out = np.empty((first.shape[0], 4))
    _from_rotation_vectors(first, out)
    return out.reshape(*shape, 4)


def angles_between(a: ArrayLike, b: ArrayLike) -> Float64:
    """Angles in radians, 0 to pi, between orientations (..., 4) and (..., 4), broadcast.

    Raises ValueError when a last axis does not have length 4.
    """
    (first, second), shape = _rows(("a", a, 4), ("b", b, 4))
    out = np.empty(first.shape[0])
    _angles_between(first, second, out)
    return out.reshape(shape)
