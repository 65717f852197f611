"""What fits inside kernels share: small normal equations, and unit vectors as unknowns.

Cholesky's factorisation in plain loops: the same to the last bit wherever it runs, which a linear
algebra library does not promise. What is fitted is its callers' business.
"""

import math

import numpy as np
from numpy.typing import NDArray

from motion._jit import njit

Float64 = NDArray[np.float64]


@njit
def factorise(a: Float64) -> bool:
    """Replace the lower triangle of `a` (n, n) by its Cholesky factor; False if it has none."""
    n = a.shape[0]
    for j in range(n):
        total = a[j, j]
        for k in range(j):
            total -= a[j, k] * a[j, k]
        if not total > 0.0:
            return False
        root = math.sqrt(total)
        a[j, j] = root
        for i in range(j + 1, n):
            total = a[i, j]
            for k in range(j):
                total -= a[i, k] * a[j, k]
            a[i, j] = total / root
    return True


@njit
def solve(factor: Float64, b: Float64) -> None:
    """Replace `b` (n,) by the solution, `factor` (n, n) as `factorise` left it."""
    n = factor.shape[0]
    for i in range(n):
        total = b[i]
        for k in range(i):
            total -= factor[i, k] * b[k]
        b[i] = total / factor[i, i]
    for i in range(n - 1, -1, -1):
        total = b[i]
        for k in range(i + 1, n):
            total -= factor[k, i] * b[k]
        b[i] = total / factor[i, i]


@njit
def tangents(axes: Float64, at: int, out: Float64, row: int) -> None:
    """Two unit vectors at right angles to the one in axes[at:], into rows `row` on of `out`."""
    x, y, z = axes[at], axes[at + 1], axes[at + 2]
    if abs(x) <= abs(y) and abs(x) <= abs(z):
        ax, ay, az = 0.0, z, -y
    elif abs(y) <= abs(z):
        ax, ay, az = -z, 0.0, x
    else:
        ax, ay, az = y, -x, 0.0
    scale = 1.0 / math.sqrt(ax * ax + ay * ay + az * az)
    ax, ay, az = ax * scale, ay * scale, az * scale
    out[row, 0], out[row, 1], out[row, 2] = ax, ay, az
    out[row + 1, 0] = y * az - z * ay
    out[row + 1, 1] = z * ax - x * az
    out[row + 1, 2] = x * ay - y * ax


@njit
def move(axes: Float64, at: int, tangent: Float64, row: int, a: float, b: float) -> None:
    """Move the unit vector in axes[at:] by `a` and `b` along its tangents, and back to length 1."""
    x = axes[at] + a * tangent[row, 0] + b * tangent[row + 1, 0]
    y = axes[at + 1] + a * tangent[row, 1] + b * tangent[row + 1, 1]
    z = axes[at + 2] + a * tangent[row, 2] + b * tangent[row + 1, 2]
    scale = 1.0 / math.sqrt(x * x + y * y + z * z)
    axes[at], axes[at + 1], axes[at + 2] = x * scale, y * scale, z * scale
