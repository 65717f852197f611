"""Finds the axis that a movement turns about, when nobody said which.

Principal directions of rotation vectors, and the direction of their periodic part, which does not
take a movement that has two swings a cycle for two. Deterministic kernels, no BLAS.
"""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion._jit import njit

Float64 = NDArray[np.float64]

# Repetitions faster than this are tremor or noise, slower ones do not show in the first seconds.
SHORTEST_PERIOD_S: Final = 0.6
LONGEST_PERIOD_S: Final = 6.0
# Lags beyond this share of the record rest on too few pairs.
LONGEST_LAG_SHARE: Final = 0.6
# A peak of the autocorrelation below this is no period.
LEAST_CORRELATION: Final = 0.2
# The first peak this close to the highest is the period; the highest is often a multiple of it.
SAME_PEAK: Final = 0.8
# Jacobi sweeps for a symmetric 3 x 3 matrix; it converges quadratically, six reach 1e-16.
_SWEEPS: Final = 8


@njit
def mean_vector(vectors: Float64, mean: Float64) -> None:
    """Mean (3,) of (n, 3) vectors."""
    n = vectors.shape[0]
    for j in range(3):
        mean[j] = 0.0
    for i in range(n):
        for j in range(3):
            mean[j] += vectors[i, j] / n


@njit
def principal_direction(vectors: Float64, mean: Float64, axis: Float64) -> None:
    """First principal direction of (n, 3) vectors about `mean` (3,), written to `axis` (3,)."""
    c = np.zeros((3, 3))
    for i in range(vectors.shape[0]):
        for j in range(3):
            for k in range(j, 3):
                c[j, k] += (vectors[i, j] - mean[j]) * (vectors[i, k] - mean[k])
    for j in range(3):
        for k in range(j):
            c[j, k] = c[k, j]
    v = np.zeros((3, 3))
    for j in range(3):
        v[j, j] = 1.0
    for _ in range(_SWEEPS):
        for j in range(2):
            for k in range(j + 1, 3):
                if abs(c[j, k]) < 1e-300 or 0.5 * abs(c[k, k] - c[j, j]) > 1e154 * abs(c[j, k]):
                    # Nothing left to turn; the square of theta would overflow.
                    continue
                theta = 0.5 * (c[k, k] - c[j, j]) / c[j, k]
                sign = 1.0 if theta >= 0.0 else -1.0
                tangent = sign / (abs(theta) + math.sqrt(theta * theta + 1.0))
                cosine = 1.0 / math.sqrt(tangent * tangent + 1.0)
                sine = tangent * cosine
                for m in range(3):
                    a = c[m, j]
                    b = c[m, k]
                    c[m, j] = cosine * a - sine * b
                    c[m, k] = sine * a + cosine * b
                for m in range(3):
                    a = c[j, m]
                    b = c[k, m]
                    c[j, m] = cosine * a - sine * b
                    c[k, m] = sine * a + cosine * b
                for m in range(3):
                    a = v[m, j]
                    b = v[m, k]
                    v[m, j] = cosine * a - sine * b
                    v[m, k] = sine * a + cosine * b
    best = 0
    for j in range(1, 3):
        if c[j, j] > c[best, best]:
            best = j
    for m in range(3):
        axis[m] = v[m, best]


@njit
def find_period(vectors: Float64, step_s: float) -> int:
    """Period of (n, 3) vectors in samples by autocorrelation over all channels; 0 when none."""
    n = vectors.shape[0]
    last = min(int(LONGEST_PERIOD_S / step_s), int(LONGEST_LAG_SHARE * n))
    first = max(1, int(SHORTEST_PERIOD_S / step_s))
    if last - first < 3:
        return 0
    mean = np.empty(3)
    mean_vector(vectors, mean)
    power = 0.0
    for i in range(n):
        for j in range(3):
            power += (vectors[i, j] - mean[j]) ** 2
    if power <= 0.0:
        return 0
    correlation = np.zeros(last + 1)
    for lag in range(first - 1, last + 1):
        total = 0.0
        for i in range(n - lag):
            for j in range(3):
                total += (vectors[i, j] - mean[j]) * (vectors[i + lag, j] - mean[j])
        correlation[lag] = total / (n - lag) / (power / n)
    highest = 0.0
    for lag in range(first, last):
        here = correlation[lag]
        if here >= correlation[lag - 1] and here > correlation[lag + 1]:
            highest = max(highest, here)
    if highest < LEAST_CORRELATION:
        return 0
    for lag in range(first, last):
        here = correlation[lag]
        if (
            here >= correlation[lag - 1]
            and here > correlation[lag + 1]
            and here >= SAME_PEAK * highest
        ):
            return lag
    return 0


@njit
def periodic_direction(vectors: Float64, period: int, axis: Float64) -> None:
    """Main direction of the Fourier component of (n, 3) vectors at `period` samples."""
    n = vectors.shape[0]
    mean = np.empty(3)
    mean_vector(vectors, mean)
    parts = np.zeros((2, 3))
    for i in range(n):
        phase = 2.0 * math.pi * i / period
        c = math.cos(phase)
        s = math.sin(phase)
        for j in range(3):
            parts[0, j] += (vectors[i, j] - mean[j]) * c
            parts[1, j] += (vectors[i, j] - mean[j]) * s
    principal_direction(parts, np.zeros(3), axis)


@njit
def mean_orientation(q: Float64, mean: Float64) -> None:
    """Mean of (n, 4) orientations that lie within a half-turn of the first."""
    for k in range(4):
        mean[k] = 0.0
    for i in range(q.shape[0]):
        dot = 0.0
        for k in range(4):
            dot += q[i, k] * q[0, k]
        sign = 1.0 if dot >= 0.0 else -1.0
        for k in range(4):
            mean[k] += sign * q[i, k]
    norm = math.sqrt(mean[0] ** 2 + mean[1] ** 2 + mean[2] ** 2 + mean[3] ** 2)
    for k in range(4):
        mean[k] /= norm


@njit
def rotation_vectors(q: Float64, reference: Float64, out: Float64) -> None:
    """Rotation (n, 3) in radians from `reference` (4,) to each of `q` (n, 4), sensor frame."""
    a, b, c, d = reference[0], -reference[1], -reference[2], -reference[3]
    for i in range(q.shape[0]):
        w0, x0, y0, z0 = q[i, 0], q[i, 1], q[i, 2], q[i, 3]
        w = a * w0 - b * x0 - c * y0 - d * z0
        x = a * x0 + b * w0 + c * z0 - d * y0
        y = a * y0 - b * z0 + c * w0 + d * x0
        z = a * z0 + b * y0 - c * x0 + d * w0
        if w < 0.0:
            w, x, y, z = -w, -x, -y, -z
        sine = math.sqrt(x * x + y * y + z * z)
        scale = 2.0
        if sine > 1e-12:
            scale = 2.0 * math.atan2(sine, w) / sine
        out[i, 0] = scale * x
        out[i, 1] = scale * y
        out[i, 2] = scale * z


@njit
def up_vector(q: Float64, up: Float64) -> None:
    """The earth's up direction (3,) in the frame of a sensor with orientation `q` (4,)."""
    w, x, y, z = q[0], q[1], q[2], q[3]
    up[0] = 2.0 * (x * z - w * y)
    up[1] = 2.0 * (y * z + w * x)
    up[2] = 1.0 - 2.0 * (x * x + y * y)


@njit
def tilt_vector(up: Float64, reference: Float64, out: Float64) -> None:
    """Smallest rotation (3,) in radians, sensor frame, that a change of inclination shows.

    up, reference: (3,) unit vectors that point up, in the sensor frame, now and at the reference.
    """
    x = up[1] * reference[2] - up[2] * reference[1]
    y = up[2] * reference[0] - up[0] * reference[2]
    z = up[0] * reference[1] - up[1] * reference[0]
    sine = math.sqrt(x * x + y * y + z * z)
    cosine = up[0] * reference[0] + up[1] * reference[1] + up[2] * reference[2]
    scale = 1.0
    if sine > 1e-12:
        scale = math.atan2(sine, cosine) / sine
    out[0] = scale * x
    out[1] = scale * y
    out[2] = scale * z


@njit
def tilt_vectors(q: Float64, reference: Float64, out: Float64) -> None:
    """`tilt_vector` of each of `q` (n, 4) from the `reference` (3,) that points up; out (n, 3)."""
    up = np.empty(3)
    for i in range(q.shape[0]):
        up_vector(q[i], up)
        tilt_vector(up, reference, out[i])
