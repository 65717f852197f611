"""The axis of a hinge in the frames of both sensors beside it, from any movement of the two.

Olsson et al., "Robust plug-and-play joint axis estimation using inertial sensors", Sensors 20:3534,
2020. Says how good the axis is, and whether the joint is a hinge at all. What the axis tells of the
heading is `heading`'s, joints with two axes are `two_axes`'s.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from motion import quaternion
from motion._jit import njit
from motion.errors import SamplesError, SamplesFault
from motion.least_squares import factorise, move, solve, tangents
from motion.movement import READINGS_HZ, MovementWindow, moving

Float64 = NDArray[np.float64]

# The parts of both angular rates at right angles to a hinge's axis are one vector, seen from two
# frames: they have the same length,
#     |w1 x j1| = |w2 x j2|
# whatever the angle of the joint and the frames' headings. Gauss-Newton over both unit vectors; the
# accelerometers have no part in it but through the up directions that tell which way round.

# As much movement as is looked at: a minute, in which a strap does not creep.
WINDOW_S: Final = 60.0
# Two seconds of movement before the first fit: a knee bends once in that time.
FIRST_S: Final = 2.0
# Residual rate over the joint's own: a gyroscope's scale and its axes are true to one or two
# percent, so that hinges leave 0.02; joints with more axes leave 0.3 and more, once they use them.
HINGE_SHARE: Final = 0.1
# An axis this well known turns the heading by less than inclinations do.
CONVERGED_DEG: Final = 1.0
# However much movement there is: the axes of a gyroscope itself are straight to about this.
FLOOR_DEG: Final = 0.5
# Residuals that follow each other are alike; at 0.95 of it, 40 readings count as one.
MOST_ALIKE: Final = 0.95
# Vertical part of an axis, root mean square, from which it says which way round the axis is: six
# times what an inclination is off by.
UPRIGHT: Final = 0.1
# Steps of the fit; from nine starts the best takes six, and a start after new movement two.
STEPS: Final = 30
# A step below this is the last: a hundredth of the floor.
SMALL_STEP: Final = 1e-4
# Damping of the first step, a share of the largest curvature.
DAMPING: Final = 1e-3

# One row: rates of both sensors, up direction in both frames.
_ROW: Final = 12
# Result of a fit: axes (6), curvature's inverse diagonal summed by axis (2, per unit residual),
# mean square residual, likeness of neighbouring residuals.
_AXES: Final = 0
_SPREAD: Final = 6
_SQUARE: Final = 8
_ALIKE: Final = 9
_FIT_SIZE: Final = 10


@dataclass(frozen=True, slots=True)
class HingeAxes:
    """The axis of a hinge as unit vectors (3,) in the proximal and distal sensor's frame.

    sd_deg: root mean square angle by which either is off. residual_share: rate that does not fit
    over the joint's own; `is_hinge` asks for less than a tenth. paired: both are known to point the
    same way; which of the two ways that is, is arbitrary.
    """

    proximal: Float64
    distal: Float64
    sd_deg: tuple[float, float]
    residual_share: float
    paired: bool

    @property
    def converged(self) -> bool:
        """Whether both axes are known to within a degree."""
        return max(self.sd_deg) <= CONVERGED_DEG

    @property
    def is_hinge(self) -> bool:
        """Whether the movement was a hinge's, and shows its axis, the same way for both."""
        return self.converged and self.paired and self.residual_share < HINGE_SHARE


@njit
def _across(row: Float64, at: int, axes: Float64, axis: int) -> tuple[float, float]:
    """Length of a rate's part at right angles to an axis, and the part along it."""
    x, y, z = row[at], row[at + 1], row[at + 2]
    along = x * axes[axis] + y * axes[axis + 1] + z * axes[axis + 2]
    return math.sqrt(max(x * x + y * y + z * z - along * along, 0.0)), along


@njit
def _square(rows: Float64, count: int, axes: Float64) -> float:
    """Mean square of the residual, (rad/s)^2."""
    total = 0.0
    for i in range(count):
        one, _ = _across(rows[i], 0, axes, 0)
        other, _ = _across(rows[i], 3, axes, 3)
        total += (one - other) * (one - other)
    return total / count


@njit
def _normal(
    rows: Float64, count: int, axes: Float64, tangent: Float64, a: Float64, b: Float64
) -> None:
    """Normal equations (4, 4) and (4,) of the step along the tangents (4, 3)."""
    a[:] = 0.0
    b[:] = 0.0
    slope = np.empty(4)
    for i in range(count):
        residual = 0.0
        for side in range(2):
            at = 3 * side
            across, along = _across(rows[i], at, axes, at)
            sign = 1.0 - 2.0 * side
            residual += sign * across
            # The derivative of |w x j| by j is -(w j) w / |w x j|, where there is one.
            scale = -sign * along / max(across, 1e-9)
            for k in range(2 * side, 2 * side + 2):
                slope[k] = scale * (
                    rows[i, at] * tangent[k, 0]
                    + rows[i, at + 1] * tangent[k, 1]
                    + rows[i, at + 2] * tangent[k, 2]
                )
        for j in range(4):
            b[j] -= slope[j] * residual
            for k in range(j + 1):
                a[j, k] += slope[j] * slope[k]


@njit
def _descend(rows: Float64, count: int, axes: Float64) -> float:
    """Move `axes` (6,) to the nearest minimum of the mean square residual, and return that."""
    tangent = np.empty((4, 3))
    a, damped = np.empty((4, 4)), np.empty((4, 4))
    b, step, tried = np.empty(4), np.empty(4), np.empty(6)
    damping = DAMPING
    best = _square(rows, count, axes)
    for _ in range(STEPS):
        tangents(axes, 0, tangent, 0)
        tangents(axes, 3, tangent, 2)
        _normal(rows, count, axes, tangent, a, b)
        largest = max(max(a[0, 0], a[1, 1]), max(a[2, 2], a[3, 3]))
        moved = 0.0
        for _ in range(8):
            damped[:] = a
            for k in range(4):
                damped[k, k] += damping * largest + 1e-12
            step[:] = b
            if factorise(damped):
                solve(damped, step)
                tried[:] = axes
                move(tried, 0, tangent, 0, step[0], step[1])
                move(tried, 3, tangent, 2, step[2], step[3])
                square = _square(rows, count, tried)
                if square <= best:
                    best = square
                    axes[:] = tried
                    moved = abs(step[0]) + abs(step[1]) + abs(step[2]) + abs(step[3])
                    damping *= 0.1
                    break
            damping = max(10.0 * damping, 1e-9)
        if moved < SMALL_STEP:
            break
    return best


@njit
def _evaluate(rows: Float64, count: int, fit: Float64) -> None:
    """Complete `fit`, whose axes are found."""
    tangent = np.empty((4, 3))
    a, b = np.empty((4, 4)), np.empty(4)
    axes = fit[_AXES : _AXES + 6]
    tangents(axes, 0, tangent, 0)
    tangents(axes, 3, tangent, 2)
    _normal(rows, count, axes, tangent, a, b)
    squares, products, before = 0.0, 0.0, 0.0
    for i in range(count):
        one, _ = _across(rows[i], 0, axes, 0)
        other, _ = _across(rows[i], 3, axes, 3)
        residual = one - other
        squares += residual * residual
        products += residual * before
        before = residual
    fit[_SQUARE] = squares / count
    fit[_ALIKE] = products / squares if squares > 0.0 else 0.0
    fit[_SPREAD] = math.inf
    fit[_SPREAD + 1] = math.inf
    if not factorise(a):
        return
    for side in range(2):
        total = 0.0
        for k in range(2 * side, 2 * side + 2):
            b[:] = 0.0
            b[k] = 1.0
            solve(a, b)
            total += b[k]
        fit[_SPREAD + side] = total


@njit
def _fit(rows: Float64, count: int, known: bool, fit: Float64) -> None:
    """Fit to `count` rows (n, 12), from the axes in `fit` if `known`, else from nine starts."""
    axes = np.empty(6)
    best = math.inf
    if known:
        axes[:] = fit[_AXES : _AXES + 6]
        best = _descend(rows, count, axes)
        fit[_AXES : _AXES + 6] = axes
    else:
        for start in range(9):
            axes[:] = 0.0
            axes[start // 3] = 1.0
            axes[3 + start % 3] = 1.0
            square = _descend(rows, count, axes)
            if square < best:
                best = square
                fit[_AXES : _AXES + 6] = axes
    _evaluate(rows, count, fit)


def _result(rows: Float64, fit: Float64, relative: Float64 | None = None) -> HingeAxes:
    """What a fit to `rows` (n, 12) says. relative: (n, 4) distal seen from proximal, if known."""
    n = len(rows)
    proximal, distal = fit[_AXES : _AXES + 3].copy(), fit[_AXES + 3 : _AXES + 6].copy()
    upright = _along(rows[:, 6:9], proximal), _along(rows[:, 9:12], distal)
    agreement = float((upright[0] * upright[1]).sum()) / n
    paired = abs(agreement) >= UPRIGHT**2
    if not paired and relative is not None:
        agreement = float(_along(quaternion.rotated(relative, distal), proximal).sum())
        paired = True
    if agreement < 0.0:
        distal = -distal
    rates = _along(rows[:, 0:3], proximal), _along(rows[:, 3:6], distal)
    # Which way round is not known: the slower of both is the safer guess.
    options = (rates[0] - rates[1],) if paired else (rates[0] - rates[1], rates[0] + rates[1])
    own = min(float((rate * rate).sum()) / n for rate in options)
    square = float(fit[_SQUARE])
    alike = min(max(float(fit[_ALIKE]), 0.0), MOST_ALIKE)
    square_error = square * n / max(n - 4, 1) * (1.0 + alike) / (1.0 - alike)
    spread_deg = [
        math.hypot(FLOOR_DEG, math.degrees(math.sqrt(square_error * float(fit[_SPREAD + side]))))
        for side in range(2)
    ]
    return HingeAxes(
        proximal,
        distal,
        (spread_deg[0], spread_deg[1]),
        math.sqrt(square / own) if own > 0.0 else math.inf,
        paired,
    )


def _along(vectors: Float64, axis: Float64) -> Float64:
    """Parts (n,) of vectors (n, 3) along `axis` (3,)."""
    result: Float64 = vectors[:, 0] * axis[0] + vectors[:, 1] * axis[1] + vectors[:, 2] * axis[2]
    return result


def packed_rows(
    gyr_proximal_radps: ArrayLike,
    gyr_distal_radps: ArrayLike,
    up_proximal: ArrayLike,
    up_distal: ArrayLike,
) -> Float64:
    """Rows (n, 12) of what two sensors say at one time; SamplesError when they do not fit."""
    named = {
        "gyr_proximal_radps": gyr_proximal_radps,
        "gyr_distal_radps": gyr_distal_radps,
        "up_proximal": up_proximal,
        "up_distal": up_distal,
    }
    arrays = []
    for name, values in named.items():
        array = np.asarray(values, dtype=np.float64)
        if array.ndim != 2 or array.shape[1] != 3:
            raise SamplesError(
                SamplesFault.SHAPE,
                f"{name} has shape {array.shape}; give one row of 3 values per sample.",
            )
        arrays.append(array)
    if len({len(array) for array in arrays}) > 1:
        lengths = ", ".join(str(len(array)) for array in arrays)
        raise SamplesError(
            SamplesFault.SHAPE, f"The arrays have {lengths} rows; give as many of each."
        )
    return np.concatenate(arrays, axis=1)


def hinge_axes(
    t_s: ArrayLike,
    gyr_proximal_radps: ArrayLike,
    gyr_distal_radps: ArrayLike,
    up_proximal: ArrayLike,
    up_distal: ArrayLike,
    relative: ArrayLike | None = None,
) -> HingeAxes:
    """The axis of the joint between two sensors, from all of a movement.

    t_s: (n,) seconds, of both sensors. gyr_*: (n, 3) rad/s, sensor frames. up_*: (n, 3) the earth's
    up direction, sensor frames. relative: (n, 4) orientation of the distal sensor seen from the
    proximal one, heading included, where that is known: it tells which way round where the axis
    stays level. Rows with a NaN are left out. Without movement the deviation is infinite. Raises
    SamplesError on other shapes.
    """
    rows = packed_rows(gyr_proximal_radps, gyr_distal_radps, up_proximal, up_distal)
    t = np.asarray(t_s, dtype=np.float64)
    turned = None if relative is None else np.asarray(relative, dtype=np.float64)
    if t.shape != (len(rows),) or (turned is not None and turned.shape != (len(rows), 4)):
        raise SamplesError(
            SamplesFault.SHAPE,
            f"t_s has shape {t.shape}"
            + ("" if turned is None else f", relative {turned.shape}")
            + f" for {len(rows)} rows; give as many of each.",
        )
    # The first row of every period; the comparison fails for NaN.
    period = np.floor(t * READINGS_HZ)
    chosen = np.concatenate([[True], period[1:] != period[:-1]]) if len(rows) else np.empty(0, bool)
    chosen &= moving(rows, 0, 3)
    if turned is not None:
        chosen &= np.isfinite(turned).all(axis=1)
    rows = np.ascontiguousarray(rows[chosen])
    fit = np.zeros(_FIT_SIZE)
    if len(rows) < FIRST_S * READINGS_HZ:
        fit[_AXES], fit[_AXES + 3] = 1.0, 1.0
        return HingeAxes(fit[0:3], fit[3:6], (math.inf, math.inf), math.inf, paired=False)
    _fit(rows, len(rows), False, fit)
    return _result(rows, fit, None if turned is None else turned[chosen])


class HingeFinder:
    """The axis of a hinge, online: the last minute of movement, fitted anew every second of it.

    rate_hz: samples a second of both sensors. The result is the same to the last bit however the
    samples are divided.
    """

    def __init__(self, rate_hz: float) -> None:
        self._window = MovementWindow(rate_hz, WINDOW_S, FIRST_S, _ROW, (0, 3))
        self._fit = np.zeros(_FIT_SIZE)
        self.axes: HingeAxes | None = None

    def update(
        self,
        gyr_proximal_radps: ArrayLike,
        gyr_distal_radps: ArrayLike,
        up_proximal: ArrayLike,
        up_distal: ArrayLike,
    ) -> HingeAxes | None:
        """Take a chunk of samples; what is known of the axis after it, None before any movement.

        gyr_*: (n, 3) rad/s, up_*: (n, 3) the earth's up direction, sensor frames. Rows with a NaN
        are left out. Raises SamplesError on other shapes.
        """
        rows = packed_rows(gyr_proximal_radps, gyr_distal_radps, up_proximal, up_distal)
        for _ in self._window.take(rows):
            kept = self._window.rows
            known = self.axes is not None and self.axes.converged
            _fit(kept, len(kept), known, self._fit)
            self.axes = _result(kept, self._fit)
        return self.axes
