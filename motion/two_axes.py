"""The two axes of a joint like the elbow in the frames of both sensors beside it, online.

Laidig, Mueller and Seel, "Automatic anatomical calibration for IMU-based elbow angle measurement in
disturbed magnetic fields", Current Directions in Biomedical Engineering 3(2), 2017, and Laidig,
Weygers and Seel, "Self-calibrating magnetometer-free inertial motion tracking of 2-DoF joints",
Sensors 22:9850, 2022. What axes tell of the heading is `heading`'s, one axis alone `hinge`'s.
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
from motion.movement import READINGS_HZ, MovementWindow

Float64 = NDArray[np.float64]

# A joint with an axis j1 fixed in the proximal segment and j2 fixed in the distal one turns about
# nothing else, and the two keep their angle. With R sensor to earth and d the heading between both:
#     (R1 j1 x Rz(d) R2 j2) . w = 0     with w the rate of the one segment against the other,
#     R1 j1 . Rz(d) R2 j2 = c
# Gauss-Newton over both unit vectors, d and its drift, and c, on the last half minute. Both
# conditions hold for wrong headings too while the joint moves little; the heading that the joint's
# centre tells keeps the fit to the right one.

# Movement that is looked at, and how old it may be: in a minute headings drift along a line.
WINDOW_S: Final = 30.0
OLDEST_S: Final = 60.0
# Before the first fit; both axes have hardly been used before.
FIRST_S: Final = 5.0
# Deviation of one reading. On a rig 0.05 rad/s of the rate do not fit, alike for six readings, and
# 0.01 of the cosine, alike for a second: each counts by so much less.
RATE_SD_RADPS: Final = 0.12
COSINE_SD: Final = 0.05
# The joint centre's heading is a hint: never better than three degrees, and half of what it states.
HINT_SD_RAD: Final = math.radians(3.0)
HINT_DOUBT: Final = 2.0
# Rate at which two headings part, as in `heading`.
PARTING_RADPS: Final = math.radians(0.14)
# Cosine from which two axes are as good as one.
NEARLY_ONE: Final = 0.9
# Axes that are known to this move a reading of the heading by no more than the joint itself does.
CONVERGED_DEG: Final = 3.0
# Rate that does not fit over the joint's own, and change of the angle: rigs with two axes leave
# 0.03 and a degree, those with three 0.2 and more, or 3 degrees and more.
PAIR_SHARE: Final = 0.1
PAIR_DEG: Final = 3.0
# The axes of a gyroscope itself are straight to about this.
FLOOR_DEG: Final = 0.5
# Steps of the fit, the smallest that is taken (a hundredth of the floor), and damping of the first.
STEPS: Final = 30
SMALL_STEP: Final = 1e-4
DAMPING: Final = 1e-3

_UNKNOWNS: Final = 7  # j1 (2), j2 (2), d, drift, c
# A row: time, orientations, rates in earth coordinates of either.
_T: Final = 0
_Q1: Final = 1
_Q2: Final = 5
_W1: Final = 9
_W2: Final = 12
_ROW: Final = 15
# A fit: axes (6), d, drift, c; then what is known of it.
_D: Final = 6
_DRIFT: Final = 7
_C: Final = 8
_AXIS_VARIANCE: Final = 9  # 2
_SHARE: Final = 11
_ANGLE: Final = 12
_COST: Final = 13
_FIT_SIZE: Final = 14


@njit
def _residuals(
    row: Float64, fit: Float64, end: float, tangent: Float64, slopes: Float64
) -> tuple[float, float, float]:
    """Rate and cosine that do not fit, and the joint's squared rate; their derivatives (2, 7)."""
    d = fit[_D] + fit[_DRIFT] * (row[_T] - end)
    cosine, sine = math.cos(d), math.sin(d)
    q1, q2 = quaternion.read(row, _Q1), quaternion.read(row, _Q2)
    ax, ay, az = quaternion.rotate(q1, (fit[0], fit[1], fit[2]))
    lx, ly, bz = quaternion.rotate(q2, (fit[3], fit[4], fit[5]))
    bx, by = cosine * lx - sine * ly, sine * lx + cosine * ly
    vx, vy = cosine * row[_W2] - sine * row[_W2 + 1], sine * row[_W2] + cosine * row[_W2 + 1]
    wx, wy, wz = vx - row[_W1], vy - row[_W1 + 1], row[_W2 + 2] - row[_W1 + 2]
    # b x w and w x a: the derivatives of the triple product by a and b.
    px, py, pz = by * wz - bz * wy, bz * wx - bx * wz, bx * wy - by * wx
    rx, ry, rz = wy * az - wz * ay, wz * ax - wx * az, wx * ay - wy * ax
    sx, sy = ay * bz - az * by, az * bx - ax * bz
    dot = ax * bx + ay * by + az * bz
    triple = ax * px + ay * py + az * pz
    length = math.sqrt(max(1.0 - dot * dot, 1e-6))
    fold = triple * dot / (length * length * length)
    for k in range(2):
        tx, ty, tz = quaternion.rotate(q1, (tangent[k, 0], tangent[k, 1], tangent[k, 2]))
        slopes[1, k] = tx * bx + ty * by + tz * bz
        slopes[0, k] = (tx * px + ty * py + tz * pz) / length + fold * slopes[1, k]
        tx, ty, tz = quaternion.rotate(
            q2, (tangent[2 + k, 0], tangent[2 + k, 1], tangent[2 + k, 2])
        )
        tx, ty = cosine * tx - sine * ty, sine * tx + cosine * ty
        slopes[1, 2 + k] = tx * ax + ty * ay + tz * az
        slopes[0, 2 + k] = (tx * rx + ty * ry + tz * rz) / length + fold * slopes[1, 2 + k]
    turned = ay * bx - ax * by
    slopes[1, 4] = turned
    slopes[0, 4] = (rx * -by + ry * bx + sx * -vy + sy * vx) / length + fold * turned
    slopes[0, 5] = slopes[0, 4] * (row[_T] - end)
    slopes[1, 5] = slopes[1, 4] * (row[_T] - end)
    slopes[0, 6], slopes[1, 6] = 0.0, -1.0
    return triple / length, dot - fit[_C], wx * wx + wy * wy + wz * wz


@njit
def _cost(
    rows: Float64, fit: Float64, hint: Float64, a: Float64, b: Float64, slopes: Float64
) -> float:
    """Sum of squared residuals in deviations; normal equations (7, 7) and (7,) of the next step.

    hint: a time, the heading then and its deviation.
    """
    tangent = np.empty((4, 3))
    tangents(fit, 0, tangent, 0)
    tangents(fit, 3, tangent, 2)
    a[:] = 0.0
    b[:] = 0.0
    end = hint[0]
    rates, cosines, squares = 0.0, 0.0, 0.0
    for i in range(rows.shape[0]):
        rate, cosine, square = _residuals(rows[i], fit, end, tangent, slopes)
        rates += rate * rate
        cosines += cosine * cosine
        squares += square
        for r in range(2):
            residual = rate if r == 0 else cosine
            weight = 1.0 / (RATE_SD_RADPS**2 if r == 0 else COSINE_SD**2)
            for j in range(_UNKNOWNS):
                slope = weight * slopes[r, j]
                b[j] -= slope * residual
                for k in range(j + 1):
                    a[j, k] += slope * slopes[r, k]
    apart = math.atan2(math.sin(fit[_D] - hint[1]), math.cos(fit[_D] - hint[1]))
    a[4, 4] += 1.0 / (hint[2] * hint[2])
    b[4] -= apart / (hint[2] * hint[2])
    a[5, 5] += 1.0 / PARTING_RADPS**2
    b[5] -= fit[_DRIFT] / PARTING_RADPS**2
    count = rows.shape[0]
    fit[_SHARE] = math.sqrt(rates / squares) if squares > 0.0 else math.inf
    fit[_ANGLE] = math.sqrt(cosines / count) / math.sqrt(max(1.0 - fit[_C] * fit[_C], 1e-6))
    return float(
        rates / RATE_SD_RADPS**2
        + cosines / COSINE_SD**2
        + (apart / hint[2]) ** 2
        + (fit[_DRIFT] / PARTING_RADPS) ** 2
    )


@njit
def _descend(rows: Float64, fit: Float64, hint: Float64) -> None:
    """Move `fit` to the nearest minimum, and complete it."""
    a, next_a, damped = np.empty((7, 7)), np.empty((7, 7)), np.empty((7, 7))
    b, next_b, step = np.empty(7), np.empty(7), np.empty(7)
    tangent, slopes = np.empty((4, 3)), np.empty((2, 7))
    tried = np.empty(_FIT_SIZE)
    damping = DAMPING
    best = _cost(rows, fit, hint, a, b, slopes)
    for _ in range(STEPS):
        tangents(fit, 0, tangent, 0)
        tangents(fit, 3, tangent, 2)
        moved = 0.0
        for _ in range(8):
            damped[:] = a
            for k in range(_UNKNOWNS):
                damped[k, k] += damping * a[k, k] + 1e-9
            step[:] = b
            if factorise(damped):
                solve(damped, step)
                tried[:] = fit
                move(tried, 0, tangent, 0, step[0], step[1])
                move(tried, 3, tangent, 2, step[2], step[3])
                for k in range(3):
                    tried[_D + k] += step[4 + k]
                tried[_C] = min(max(tried[_C], -NEARLY_ONE), NEARLY_ONE)
                cost = _cost(rows, tried, hint, next_a, next_b, slopes)
                if cost <= best:
                    best = cost
                    fit[:] = tried
                    a[:] = next_a
                    b[:] = next_b
                    for k in range(_UNKNOWNS):
                        moved += abs(step[k])
                    damping *= 0.1
                    break
            damping = max(10.0 * damping, 1e-9)
        if moved < SMALL_STEP:
            break
    fit[_COST] = best
    for k in range(2):
        fit[_AXIS_VARIANCE + k] = math.inf
    damped[:] = a
    if not factorise(damped):
        return
    # Residuals larger than expected are worth less.
    scale = max(1.0, best / (2.0 * rows.shape[0]))
    for side in range(2):
        total = 0.0
        for k in range(2 * side, 2 * side + 2):
            step[:] = 0.0
            step[k] = 1.0
            solve(damped, step)
            total += step[k]
        fit[_AXIS_VARIANCE + side] = scale * total


@njit
def _fit(rows: Float64, known: bool, fit: Float64, hint: Float64) -> None:
    """Fit to rows (n, 15), from `fit` if `known`, else from nine pairs of axes."""
    if known:
        # The heading has gone on since.
        apart = math.atan2(math.sin(fit[_D] - hint[1]), math.cos(fit[_D] - hint[1]))
        fit[_D] = hint[1] + apart
        _descend(rows, fit, hint)
        return
    tried = np.empty(_FIT_SIZE)
    best = math.inf
    for start in range(9):
        tried[:] = 0.0
        tried[start // 3] = 1.0
        tried[3 + start % 3] = 1.0
        tried[_D] = hint[1]
        _descend(rows, tried, hint)
        if tried[_COST] < best:
            best = tried[_COST]
            fit[:] = tried


@dataclass(frozen=True, slots=True)
class AxisPair:
    """Two axes (3,) of a joint: one fixed in the proximal sensor's frame, one in the distal's.

    between_rad: the angle between them. sd_deg: root mean square angle by which either is off.
    residual_share: rate that does not fit, over the joint's own. residual_deg: by how much the
    angle between the axes changes. Each axis and its opposite are one; the angle goes with them.
    """

    proximal: Float64
    distal: Float64
    between_rad: float
    sd_deg: tuple[float, float]
    residual_share: float
    residual_deg: float

    @property
    def converged(self) -> bool:
        """Whether both axes are known to within three degrees."""
        return max(self.sd_deg) <= CONVERGED_DEG

    @property
    def has_two_axes(self) -> bool:
        """Whether the movement was of a joint with two axes, and shows both."""
        return self.converged and self.residual_share < PAIR_SHARE and self.residual_deg < PAIR_DEG


class TwoAxesFinder:
    """Two axes of a joint, online: the last half minute of movement, fitted every second of it.

    rate_hz: samples a second of both sensors. The result is the same to the last bit however the
    samples are divided.
    """

    def __init__(self, rate_hz: float) -> None:
        self._window = MovementWindow(rate_hz, WINDOW_S, FIRST_S, _ROW, (_W1, _W2))
        self._period_s = 1.0 / rate_hz
        self._fit = np.zeros(_FIT_SIZE)
        self.axes: AxisPair | None = None

    def update(
        self,
        q_proximal: ArrayLike,
        q_distal: ArrayLike,
        gyr_proximal_radps: ArrayLike,
        gyr_distal_radps: ArrayLike,
        heading_rad: ArrayLike,
        heading_sd_rad: ArrayLike,
    ) -> AxisPair | None:
        """Take a chunk of samples; what is known of the axes after it, None before any movement.

        q_*: (n, 4) sensor to earth. gyr_*: (n, 3) rad/s, sensor frames. heading_*: (n,) what the
        joint's centre tells of the heading, and its deviation. Rows with a NaN are left out. Raises
        SamplesError on other shapes.
        """
        named = {
            "q_proximal": (q_proximal, 4),
            "q_distal": (q_distal, 4),
            "gyr_proximal_radps": (gyr_proximal_radps, 3),
            "gyr_distal_radps": (gyr_distal_radps, 3),
        }
        arrays = []
        for name, (values, width) in named.items():
            array = np.asarray(values, dtype=np.float64)
            if array.ndim != 2 or array.shape[1] != width:
                raise SamplesError(
                    SamplesFault.SHAPE,
                    f"{name} has shape {array.shape}; give one row of {width} values per sample.",
                )
            arrays.append(array)
        heading, deviation = (
            np.asarray(values, dtype=np.float64) for values in (heading_rad, heading_sd_rad)
        )
        n = len(arrays[0])
        if any(len(array) != n for array in arrays) or not heading.shape == deviation.shape == (n,):
            raise SamplesError(
                SamplesFault.SHAPE,
                "The arrays have "
                + ", ".join(str(array.shape[0]) for array in arrays)
                + f" rows, the heading {heading.shape} and {deviation.shape}; give as many each.",
            )
        rows = np.empty((n, _ROW))
        rows[:, _T] = (self._window.seen + np.arange(n)) * self._period_s
        rows[:, _Q1 : _Q1 + 4], rows[:, _Q2 : _Q2 + 4] = arrays[0], arrays[1]
        rows[:, _W1 : _W1 + 3] = quaternion.rotated(arrays[0], arrays[2])
        rows[:, _W2 : _W2 + 3] = quaternion.rotated(arrays[1], arrays[3])
        for taken in self._window.take(rows):
            hint_sd = max(HINT_SD_RAD, HINT_DOUBT * float(deviation[taken - 1]))
            end_s = float(rows[taken - 1, _T])
            self._refit(np.array([end_s, float(heading[taken - 1]), hint_sd]))
        return self.axes

    def _refit(self, hint: Float64) -> None:
        kept = self._window.rows
        kept = np.ascontiguousarray(kept[kept[:, _T] >= hint[0] - OLDEST_S])
        if len(kept) < FIRST_S * READINGS_HZ:
            return
        fit = self._fit
        _fit(kept, self.axes is not None and self.axes.has_two_axes, fit, hint)
        sd_deg = [
            math.hypot(FLOOR_DEG, math.degrees(math.sqrt(float(fit[_AXIS_VARIANCE + side]))))
            for side in range(2)
        ]
        self.axes = AxisPair(
            fit[0:3].copy(),
            fit[3:6].copy(),
            math.acos(float(fit[_C])),
            (sd_deg[0], sd_deg[1]),
            float(fit[_SHARE]),
            math.degrees(float(fit[_ANGLE])),
        )
