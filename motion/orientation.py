"""Orientation of one sensor from its gyroscope and accelerometer: the 6D VQF.

Written from Laidig and Seel, "VQF: highly accurate IMU orientation estimation with bias estimation
and magnetic disturbance rejection", Information Fusion 91, 2023. No magnetometer: heading starts
arbitrary and drifts; what corrects it, and all that several sensors share, lives elsewhere.
"""

import math
from dataclasses import dataclass, fields
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from motion import quaternion
from motion._jit import njit
from motion.errors import SamplesError, SamplesFault
from motion.quaternion import Quaternion, Vector

Float64 = NDArray[np.float64]
Six = tuple[float, float, float, float, float, float]

# Beyond this (rad/s, m/s2) a reading is broken: real sensors end at 70 rad/s and 4,000 m/s2, and
# the squares that follow stay finite by far. NaN and infinity fail the comparison too.
LARGEST_READING: Final = 1e6
# Share of |u| + u_z in |u| below which gravity u points straight down, so that no direction of
# correction is defined: twice the squared cosine of the half angle, at a cosine of 1e-6.
UPSIDE_DOWN: Final = 2e-12
# Growth of the bias that the forgetting time refers to: 0.1 deg/s.
BIAS_FORGOTTEN_RADPS: Final = math.radians(0.1)

# How far an inclination is off is told by how far gyroscope and gravity disagree: what the filter
# had to correct within its time constant, a mean square over DISAGREEMENT_S about either level axis
# (a few movements; 3 and 30 s state what is off less well). Until as much is known, half a degree,
# the usual disagreement of limbs and rigs in movement.
DISAGREEMENT_S: Final = 10.0
USUAL_DISAGREEMENT_RAD: Final = math.radians(0.5)
# What does not show as disagreement: an accelerometer's error that is the same in all postures, the
# sensor in its housing. Chosen so that stated deviations hold, with one recording left out.
INCLINATION_FLOOR_RAD: Final = math.radians(0.25)
# What an accelerometer at rest reads, near enough everywhere.
GRAVITY_MPS2: Final = 9.81

# Layout of the state, one array of float64 per sensor, all zeros but for the quaternions and the
# covariance. The first part is for readers, the rest belongs to the kernels.
QUATERNION: Final = 0  # 4: sensor to earth, the result
BIAS: Final = 4  # 3: gyroscope bias, rad/s, sensor frame
BIAS_COVARIANCE: Final = 7  # 6: xx, xy, xz, yy, yz, zz of its error, (rad/s)^2
AT_REST: Final = 13  # 1.0 while at rest, else 0.0
REST_S: Final = 14  # seconds since the last reading that was not still
REST_GYR_DEVIATION: Final = 15  # last squared deviation from the low-passed rate, (rad/s)^2
REST_ACC_DEVIATION: Final = 16  # the same of the acceleration, (m/s2)^2
GYR_QUATERNION: Final = 17  # 4: sensor to the almost inertial frame, by integration alone
INCLINATION: Final = 21  # 4: almost inertial frame to earth
# Low-pass filters. A count is the number of readings while a filter starts, -1 once it has; each
# filter of three channels has six delay elements, the first three of them sums during the start.
REST_GYR_COUNT: Final = 25
REST_GYR_DELAYS: Final = 26
REST_ACC_COUNT: Final = 32
REST_ACC_DELAYS: Final = 33
SLOW_COUNT: Final = 39  # of all that follow
ACC_DELAYS: Final = 40  # specific force in the almost inertial frame
ROW_X_DELAYS: Final = 46  # rows of the rotation matrix
ROW_Y_DELAYS: Final = 52
ROW_Z_DELAYS: Final = 58
LEVEL_BIAS_DELAYS: Final = 64  # bias in earth coordinates, x and y
CORRECTED: Final = 70  # 2: x and y of what was corrected within the time constant, rad, earth
DISAGREEMENT: Final = 72  # mean square of it about one axis, rad^2
STATE_SIZE: Final = 73

# Layout of the coefficients, derived from the parameters and the sampling period.
PERIOD: Final = 0  # s
RATE: Final = 1  # Hz
SLOW_FILTER: Final = 2  # 6: b0, b1, b2, a1, a2 of the inclination filter, its start-up time in s
REST_FILTER: Final = 8  # 6: the same of rest detection
REST_GYR_LIMIT: Final = 14  # squared deviation, (rad/s)^2
REST_ACC_LIMIT: Final = 15  # squared deviation, (m/s2)^2
REST_MIN: Final = 16  # s
BIAS_LIMIT: Final = 17  # rad/s
BIAS_START: Final = 18  # variance at the start, (rad/s)^2
BIAS_GROWTH: Final = 19  # variance gained per sample, (rad/s)^2
WEIGHT_MOTION: Final = 20  # measurement variances, (rad/s)^2
WEIGHT_VERTICAL: Final = 21
WEIGHT_REST: Final = 22
CORRECTED_DECAY: Final = 23  # share that a sum over the time constant loses per sample
DISAGREEMENT_GAIN: Final = 24  # weight of one sample in the mean square
COEFFICIENTS_SIZE: Final = 25


@dataclass(frozen=True, slots=True)
class VqfParameters:
    """Tuning of the filter; the defaults are the paper's and those of the `vqf` package.

    acc_tau_s: time constant of the accelerometer's low-pass filter, in seconds (tau_acc).
    bias_sd_start_radps: standard deviation of the bias at the start, rad/s.
    bias_forgetting_s: time in which the deviation of a known bias grows to 0.1 deg/s.
    bias_limit_radps: the estimate stays within this of zero on each axis, rad/s.
    bias_sd_motion_radps: deviation to which the estimate converges in motion, rad/s.
    bias_vertical_forgetting: weight that keeps the unobservable vertical bias from growing.
    bias_sd_rest_radps: deviation to which the estimate converges at rest, rad/s.
    rest_min_s: rest is detected after this much stillness, in seconds.
    rest_tau_s: time constant of the low-pass filter of rest detection, in seconds.
    rest_gyr_radps: greatest deviation of a still gyroscope from its low-passed value, rad/s.
    rest_acc_mps2: the same for the accelerometer, m/s2.
    Raises ValueError when one of them is not a positive number.
    """

    acc_tau_s: float = 3.0
    bias_sd_start_radps: float = math.radians(0.5)
    bias_forgetting_s: float = 100.0
    bias_limit_radps: float = math.radians(2.0)
    bias_sd_motion_radps: float = math.radians(0.1)
    bias_vertical_forgetting: float = 0.0001
    bias_sd_rest_radps: float = math.radians(0.03)
    rest_min_s: float = 1.5
    rest_tau_s: float = 0.5
    rest_gyr_radps: float = math.radians(2.0)
    rest_acc_mps2: float = 0.5

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not (value > 0.0 and math.isfinite(value)):
                raise ValueError(f"{field.name} is {value}; give a positive number.")


def _butterworth(tau_s: float, period_s: float) -> tuple[float, float, float, float, float]:
    """b0, b1, b2, a1, a2 of a low-pass filter of second order whose step response has `tau_s`.

    Bilinear transform of the second-order Butterworth prototype with cut-off frequency
    sqrt(2) / (2 pi tau), by which the paper defines the time constant.
    """
    warped = math.tan(math.sqrt(2.0) / 2.0 * period_s / tau_s)
    scale = warped * warped + math.sqrt(2.0) * warped + 1.0
    b0 = warped * warped / scale
    return (
        b0,
        2.0 * b0,
        b0,
        2.0 * (warped * warped - 1.0) / scale,
        (1.0 - math.sqrt(2.0) * warped + warped * warped) / scale,
    )


def coefficients(period_s: float, parameters: VqfParameters | None = None) -> Float64:
    """What the kernels compute with: (COEFFICIENTS_SIZE,) for readings `period_s` seconds apart.

    Raises ValueError when the period is not positive, or so long that the filters cannot follow:
    half the period must stay below both time constants.
    """
    p = VqfParameters() if parameters is None else parameters
    if not (period_s > 0.0 and math.isfinite(period_s)):
        raise ValueError(f"period_s is {period_s}; give the positive time between two readings.")
    shortest = min(p.acc_tau_s, p.rest_tau_s)
    if period_s >= 2.0 * shortest:
        raise ValueError(
            f"period_s is {period_s:g}; filters with a time constant of {shortest:g} s need "
            f"readings less than {2.0 * shortest:g} s apart."
        )
    out = np.zeros(COEFFICIENTS_SIZE)
    out[PERIOD] = period_s
    out[RATE] = 1.0 / period_s
    for at, tau_s in ((SLOW_FILTER, p.acc_tau_s), (REST_FILTER, p.rest_tau_s)):
        out[at : at + 5] = _butterworth(tau_s, period_s)
        out[at + 5] = tau_s
    out[REST_GYR_LIMIT] = p.rest_gyr_radps**2
    out[REST_ACC_LIMIT] = p.rest_acc_mps2**2
    out[REST_MIN] = p.rest_min_s
    out[BIAS_LIMIT] = p.bias_limit_radps
    out[BIAS_START] = p.bias_sd_start_radps**2
    growth = BIAS_FORGOTTEN_RADPS**2 * period_s / p.bias_forgetting_s
    out[BIAS_GROWTH] = growth
    # The measurement variance with which a scalar Kalman filter settles at the wanted variance.
    motion, rest = p.bias_sd_motion_radps**2, p.bias_sd_rest_radps**2
    out[WEIGHT_MOTION] = motion * motion / growth + motion
    out[WEIGHT_VERTICAL] = out[WEIGHT_MOTION] / p.bias_vertical_forgetting
    out[WEIGHT_REST] = rest * rest / growth + rest
    out[CORRECTED_DECAY] = min(1.0, period_s / p.acc_tau_s)
    out[DISAGREEMENT_GAIN] = min(1.0, period_s / DISAGREEMENT_S)
    return out


def new_state(coefficients: Float64) -> Float64:
    """State before the first reading, (STATE_SIZE,)."""
    state = np.zeros(STATE_SIZE)
    restart_kernel(state, coefficients, False)
    return state


@njit
def restart_kernel(state: Float64, coefficients: Float64, keep_bias: bool) -> None:
    """Forget orientation, rest and filters; with `keep_bias` not the bias and its covariance."""
    for i in range(STATE_SIZE):
        if not (keep_bias and BIAS <= i < AT_REST):
            state[i] = 0.0
    state[QUATERNION] = 1.0
    state[GYR_QUATERNION] = 1.0
    state[INCLINATION] = 1.0
    state[DISAGREEMENT] = USUAL_DISAGREEMENT_RAD**2
    if not keep_bias:
        state[BIAS_COVARIANCE] = coefficients[BIAS_START]
        state[BIAS_COVARIANCE + 3] = coefficients[BIAS_START]
        state[BIAS_COVARIANCE + 5] = coefficients[BIAS_START]


@njit
def bias_sd_kernel(state: Float64, coefficients: Float64) -> float:
    """Standard deviation of the bias in rad/s along the direction known least, from above.

    The largest eigenvalue is bounded by the largest absolute row sum (Gershgorin).
    """
    xx, xy, xz = state[BIAS_COVARIANCE], state[BIAS_COVARIANCE + 1], state[BIAS_COVARIANCE + 2]
    yy, yz, zz = state[BIAS_COVARIANCE + 3], state[BIAS_COVARIANCE + 4], state[BIAS_COVARIANCE + 5]
    largest = max(
        abs(xx) + abs(xy) + abs(xz), abs(xy) + abs(yy) + abs(yz), abs(xz) + abs(yz) + abs(zz)
    )
    return math.sqrt(min(largest, coefficients[BIAS_START]))


@njit
def inclination_sd_kernel(state: Float64) -> float:
    """Standard deviation of the inclination about one level axis, rad."""
    return math.sqrt(INCLINATION_FLOOR_RAD * INCLINATION_FLOOR_RAD + state[DISAGREEMENT])


# The helpers of `update_kernel` take and return tuples, never the arrays: numba counts references
# to an array at every call, which would triple the time of a step.


@njit
def _read6(array: Float64, at: int) -> Six:
    return (
        array[at], array[at + 1], array[at + 2], array[at + 3], array[at + 4], array[at + 5],
    )  # fmt: skip


@njit
def _write6(array: Float64, at: int, values: Six) -> None:
    array[at] = values[0]
    array[at + 1] = values[1]
    array[at + 2] = values[2]
    array[at + 3] = values[3]
    array[at + 4] = values[4]
    array[at + 5] = values[5]


@njit
def _is_reading(v: Vector) -> bool:
    return abs(v[0]) <= LARGEST_READING and (
        abs(v[1]) <= LARGEST_READING and abs(v[2]) <= LARGEST_READING
    )


@njit
def _low_pass(c: Six, period_s: float, count: float, d: Six, v: Vector) -> tuple[Vector, Six]:
    """One step of a low-pass filter of three channels: output and delay elements."""
    b0, b1, b2, a1, a2, tau_s = c
    if count >= 0.0:
        # The filter starts with the average of what it has seen, until that spans tau.
        x, y, z = d[0] + v[0], d[1] + v[1], d[2] + v[2]
        readings = count + 1.0
        mean = (x / readings, y / readings, z / readings)
        if readings * period_s < tau_s:
            return mean, (x, y, z, 0.0, 0.0, 0.0)
        # Delay elements of a filter that has seen this average for ever.
        first, second = 1.0 - b0, b2 - a2
        return mean, (
            mean[0] * first, mean[1] * first, mean[2] * first,
            mean[0] * second, mean[1] * second, mean[2] * second,
        )  # fmt: skip
    # Transposed direct form II.
    x, y, z = b0 * v[0] + d[0], b0 * v[1] + d[1], b0 * v[2] + d[2]
    return (x, y, z), (
        b1 * v[0] - a1 * x + d[3],
        b1 * v[1] - a1 * y + d[4],
        b1 * v[2] - a1 * z + d[5],
        b2 * v[0] - a2 * x,
        b2 * v[1] - a2 * y,
        b2 * v[2] - a2 * z,
    )


@njit
def _count(c: Six, period_s: float, count: float) -> float:
    """The count of a filter after one more reading."""
    if count < 0.0 or (count + 1.0) * period_s >= c[5]:
        return -1.0
    return count + 1.0


@njit
def _squared_distance(u: Vector, v: Vector) -> float:
    dx, dy, dz = u[0] - v[0], u[1] - v[1], u[2] - v[2]
    return dx * dx + dy * dy + dz * dz


@njit
def _clip(value: float, limit: float) -> float:
    return max(-limit, min(limit, value))


@njit
def _upright(inclination: Quaternion, low_acc: Vector) -> tuple[Quaternion, float, float]:
    """Inclination correction: the smallest rotation that turns low-passed gravity upright.

    Also returns x and y of the unit vector that gravity was along before the correction.
    """
    ux, uy, uz = quaternion.rotate(inclination, low_acc)
    squared = ux * ux + uy * uy + uz * uz
    if squared < quaternion.NO_LENGTH:
        return inclination, 0.0, 0.0
    length = math.sqrt(squared)
    w = length + uz
    if w > UPSIDE_DOWN * length:
        scale = 1.0 / math.sqrt(2.0 * length * w)
        correction = (w * scale, uy * scale, -ux * scale, 0.0)
    else:
        correction = (0.0, 1.0, 0.0, 0.0)
    corrected = quaternion.renormalise(quaternion.multiply(correction, inclination))
    return corrected, ux / length, uy / length


@njit
def _correct_bias(
    bias: Vector, covariance: Six, limit: float, e: Vector, w: Vector,
    hx: Vector, hy: Vector, hz: Vector,
) -> tuple[Vector, Six]:  # fmt: skip
    """Kalman update of the bias by three measurements with errors `e`, variances `w`, rows `h`.

    K = P H' (W + H P H')^-1, b += K e, P -= K H P; errors and result are clipped to `limit`.
    """
    pxx, pxy, pxz, pyy, pyz, pzz = covariance
    # Rows of H P.
    ax = hx[0] * pxx + hx[1] * pxy + hx[2] * pxz
    ay = hx[0] * pxy + hx[1] * pyy + hx[2] * pyz
    az = hx[0] * pxz + hx[1] * pyz + hx[2] * pzz
    bx = hy[0] * pxx + hy[1] * pxy + hy[2] * pxz
    by = hy[0] * pxy + hy[1] * pyy + hy[2] * pyz
    bz = hy[0] * pxz + hy[1] * pyz + hy[2] * pzz
    cx = hz[0] * pxx + hz[1] * pxy + hz[2] * pxz
    cy = hz[0] * pxy + hz[1] * pyy + hz[2] * pyz
    cz = hz[0] * pxz + hz[1] * pyz + hz[2] * pzz
    # S = W + H P H', symmetric, and its inverse by cofactors.
    sxx = w[0] + (ax * hx[0] + ay * hx[1] + az * hx[2])
    sxy = ax * hy[0] + ay * hy[1] + az * hy[2]
    sxz = ax * hz[0] + ay * hz[1] + az * hz[2]
    syy = w[1] + (bx * hy[0] + by * hy[1] + bz * hy[2])
    syz = bx * hz[0] + by * hz[1] + bz * hz[2]
    szz = w[2] + (cx * hz[0] + cy * hz[1] + cz * hz[2])
    ixx = syy * szz - syz * syz
    ixy = sxz * syz - sxy * szz
    ixz = sxy * syz - sxz * syy
    scale = 1.0 / (sxx * ixx + sxy * ixy + sxz * ixz)
    ixx, ixy, ixz = ixx * scale, ixy * scale, ixz * scale
    iyy = (sxx * szz - sxz * sxz) * scale
    iyz = (sxy * sxz - sxx * syz) * scale
    izz = (sxx * syy - sxy * sxy) * scale
    # Rows of K = (H P)' S^-1.
    kxx = ax * ixx + bx * ixy + cx * ixz
    kxy = ax * ixy + bx * iyy + cx * iyz
    kxz = ax * ixz + bx * iyz + cx * izz
    kyx = ay * ixx + by * ixy + cy * ixz
    kyy = ay * ixy + by * iyy + cy * iyz
    kyz = ay * ixz + by * iyz + cy * izz
    kzx = az * ixx + bz * ixy + cz * ixz
    kzy = az * ixy + bz * iyy + cz * iyz
    kzz = az * ixz + bz * iyz + cz * izz
    ex, ey, ez = _clip(e[0], limit), _clip(e[1], limit), _clip(e[2], limit)
    return (
        (
            _clip(bias[0] + (kxx * ex + kxy * ey + kxz * ez), limit),
            _clip(bias[1] + (kyx * ex + kyy * ey + kyz * ez), limit),
            _clip(bias[2] + (kzx * ex + kzy * ey + kzz * ez), limit),
        ),
        (
            pxx - (kxx * ax + kxy * bx + kxz * cx),
            pxy - (kxx * ay + kxy * by + kxz * cy),
            pxz - (kxx * az + kxy * bz + kxz * cz),
            pyy - (kyx * ay + kyy * by + kyz * cy),
            pyz - (kyx * az + kyy * bz + kyz * cz),
            pzz - (kzx * az + kzy * bz + kzz * cz),
        ),
    )


@njit
def update_kernel(
    state: Float64,
    coefficients: Float64,
    gx: float,
    gy: float,
    gz: float,
    ax: float,
    ay: float,
    az: float,
) -> None:
    """One reading: angular rate in rad/s, specific force in m/s2, sensor frame.

    The result is in `state` (QUATERNION, BIAS, AT_REST ...). A reading whose angular rate is not
    finite changes nothing; one whose specific force is zero or not finite is integrated only.
    Kernels give float64 scalars: `float(x)` leaves float32 as it is, `np.float64(x)` does not, and
    each type of scalar is compiled anew.
    """
    if not _is_reading((gx, gy, gz)):
        return
    period_s = coefficients[PERIOD]
    limit = coefficients[BIAS_LIMIT]
    rest_filter = _read6(coefficients, REST_FILTER)
    slow_filter = _read6(coefficients, SLOW_FILTER)
    gyr = (gx, gy, gz)

    # Rest detection, the gyroscope's part. A steady turn faster than any bias is no rest either.
    count = state[REST_GYR_COUNT]
    low_gyr, d = _low_pass(rest_filter, period_s, count, _read6(state, REST_GYR_DELAYS), gyr)
    _write6(state, REST_GYR_DELAYS, d)
    state[REST_GYR_COUNT] = _count(rest_filter, period_s, count)
    deviation = _squared_distance(gyr, low_gyr)
    state[REST_GYR_DEVIATION] = deviation
    if (
        deviation >= coefficients[REST_GYR_LIMIT]
        or abs(low_gyr[0]) > limit
        or abs(low_gyr[1]) > limit
        or abs(low_gyr[2]) > limit
    ):
        state[REST_S] = 0.0
        state[AT_REST] = 0.0

    # Strap-down integration.
    bx, by, bz = state[BIAS], state[BIAS + 1], state[BIAS + 2]
    step = quaternion.exponential(
        ((gx - bx) * period_s, (gy - by) * period_s, (gz - bz) * period_s)
    )
    turned = quaternion.multiply(quaternion.read(state, GYR_QUATERNION), step)
    turned = quaternion.renormalise(turned)
    quaternion.write(state, GYR_QUATERNION, turned)
    inclination = quaternion.read(state, INCLINATION)
    if not _is_reading((ax, ay, az)) or (ax == 0.0 and ay == 0.0 and az == 0.0):
        quaternion.write(state, QUATERNION, quaternion.multiply(inclination, turned))
        return
    acc = (ax, ay, az)

    # Rest detection, the accelerometer's part.
    count = state[REST_ACC_COUNT]
    low, d = _low_pass(rest_filter, period_s, count, _read6(state, REST_ACC_DELAYS), acc)
    _write6(state, REST_ACC_DELAYS, d)
    state[REST_ACC_COUNT] = _count(rest_filter, period_s, count)
    deviation = _squared_distance(acc, low)
    state[REST_ACC_DEVIATION] = deviation
    if deviation >= coefficients[REST_ACC_LIMIT]:
        state[REST_S] = 0.0
        state[AT_REST] = 0.0
    else:
        state[REST_S] += period_s
        if state[REST_S] >= coefficients[REST_MIN]:
            state[AT_REST] = 1.0

    # Inclination correction.
    count = state[SLOW_COUNT]
    low, d = _low_pass(
        slow_filter, period_s, count, _read6(state, ACC_DELAYS), quaternion.rotate(turned, acc)
    )
    _write6(state, ACC_DELAYS, d)
    inclination, ux, uy = _upright(inclination, low)
    quaternion.write(state, INCLINATION, inclination)
    q = quaternion.multiply(inclination, turned)
    quaternion.write(state, QUATERNION, q)
    if count < 0.0:
        # Not while the filter starts: then it corrects that it knew nothing.
        decay, gain = coefficients[CORRECTED_DECAY], coefficients[DISAGREEMENT_GAIN]
        cx = state[CORRECTED] + uy - decay * state[CORRECTED]
        cy = state[CORRECTED + 1] - ux - decay * state[CORRECTED + 1]
        state[CORRECTED] = cx
        state[CORRECTED + 1] = cy
        mean = 0.5 * (cx * cx + cy * cy)
        state[DISAGREEMENT] += gain * (mean - state[DISAGREEMENT])

    # Bias estimation. What the low-passed specific force shows of the bias it shows through the
    # low-passed rotation and the low-passed correction made so far, so both pass the same filter.
    rxx, rxy, rxz, ryx, ryy, ryz, rzx, rzy, rzz = quaternion.matrix(q)
    level = (rxx * bx + rxy * by + rxz * bz, ryx * bx + ryy * by + ryz * bz, 0.0)
    hx, d = _low_pass(slow_filter, period_s, count, _read6(state, ROW_X_DELAYS), (rxx, rxy, rxz))
    _write6(state, ROW_X_DELAYS, d)
    hy, d = _low_pass(slow_filter, period_s, count, _read6(state, ROW_Y_DELAYS), (ryx, ryy, ryz))
    _write6(state, ROW_Y_DELAYS, d)
    hz, d = _low_pass(slow_filter, period_s, count, _read6(state, ROW_Z_DELAYS), (rzx, rzy, rzz))
    _write6(state, ROW_Z_DELAYS, d)
    level, d = _low_pass(slow_filter, period_s, count, _read6(state, LEVEL_BIAS_DELAYS), level)
    _write6(state, LEVEL_BIAS_DELAYS, d)
    state[SLOW_COUNT] = _count(slow_filter, period_s, count)
    growth, start = coefficients[BIAS_GROWTH], coefficients[BIAS_START]
    pxx, pxy, pxz, pyy, pyz, pzz = _read6(state, BIAS_COVARIANCE)
    if pxx < start:
        pxx += growth
    if pyy < start:
        pyy += growth
    if pzz < start:
        pzz += growth
    if state[AT_REST] != 0.0:
        weight = coefficients[WEIGHT_REST]
        e = (low_gyr[0] - bx, low_gyr[1] - by, low_gyr[2] - bz)
        w = (weight, weight, weight)
        hx, hy, hz = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
    else:
        # The correction of inclination in this step, as a rate, beyond what the estimate so far
        # explains. The vertical has no such error: a weak pull towards zero.
        weight = coefficients[WEIGHT_MOTION]
        rate_hz = coefficients[RATE]
        e = (
            level[0] - uy * rate_hz - (hx[0] * bx + hx[1] * by + hx[2] * bz),
            level[1] + ux * rate_hz - (hy[0] * bx + hy[1] * by + hy[2] * bz),
            -(hz[0] * bx + hz[1] * by + hz[2] * bz),
        )
        w = (weight, weight, coefficients[WEIGHT_VERTICAL])
    bias, covariance = _correct_bias(
        (bx, by, bz), (pxx, pxy, pxz, pyy, pyz, pzz), limit, e, w, hx, hy, hz
    )
    state[BIAS], state[BIAS + 1], state[BIAS + 2] = bias
    _write6(state, BIAS_COVARIANCE, covariance)


@njit
def doubt_kernel(state: Float64, coefficients: Float64, weight_s: float) -> None:
    """From now on the inclination so far counts as `weight_s` seconds of readings do.

    For after lost readings. The slow filter goes back to averaging, as at its start, from the
    gravity that the inclination shows; bias and rest detection stay.
    """
    period_s = coefficients[PERIOD]
    if state[SLOW_COUNT] >= 0.0:
        known_s = state[SLOW_COUNT] * period_s
    else:
        known_s = coefficients[SLOW_FILTER + 5]
    if weight_s >= known_s:
        return
    count = max(1.0, math.floor(weight_s / period_s + 0.5))
    state[SLOW_COUNT] = count
    inclination = quaternion.read(state, INCLINATION)
    ux, uy, uz = quaternion.rotate(quaternion.conjugate(inclination), (0.0, 0.0, GRAVITY_MPS2))
    _write6(state, ACC_DELAYS, (count * ux, count * uy, count * uz, 0.0, 0.0, 0.0))
    q = quaternion.read(state, QUATERNION)
    rxx, rxy, rxz, ryx, ryy, ryz, rzx, rzy, rzz = quaternion.matrix(q)
    bx, by, bz = state[BIAS], state[BIAS + 1], state[BIAS + 2]
    _write6(state, ROW_X_DELAYS, (count * rxx, count * rxy, count * rxz, 0.0, 0.0, 0.0))
    _write6(state, ROW_Y_DELAYS, (count * ryx, count * ryy, count * ryz, 0.0, 0.0, 0.0))
    _write6(state, ROW_Z_DELAYS, (count * rzx, count * rzy, count * rzz, 0.0, 0.0, 0.0))
    level_x, level_y = rxx * bx + rxy * by + rxz * bz, ryx * bx + ryy * by + ryz * bz
    _write6(state, LEVEL_BIAS_DELAYS, (count * level_x, count * level_y, 0.0, 0.0, 0.0, 0.0))


@njit
def run_kernel(
    state: Float64, coefficients: Float64, gyr: Float64, acc: Float64, quaternion_out: Float64
) -> None:
    """`update_kernel` over gyr (n, 3) and acc (n, 3), orientations into quaternion_out (n, 4)."""
    for i in range(gyr.shape[0]):
        update_kernel(
            state, coefficients,
            gyr[i, 0], gyr[i, 1], gyr[i, 2], acc[i, 0], acc[i, 1], acc[i, 2],
        )  # fmt: skip
        for j in range(4):
            quaternion_out[i, j] = state[QUATERNION + j]


def _readings(name: str, values: ArrayLike) -> Float64:
    array = np.asarray(values)
    if array.ndim != 2 or array.shape[1] != 3:
        raise SamplesError(
            SamplesFault.SHAPE,
            f"{name} has shape {array.shape}; give one row of three values per reading.",
        )
    # Kernels are compiled for writeable arrays in C order only.
    return np.require(array, np.float64, ["C", "W"])


class OrientationFilter:
    """Orientation of one sensor, fed in chunks of any length.

    period_s: time between readings in seconds. The result is the same to the last bit however the
    readings are divided. `state` is the whole memory of the filter: copy it out, and into another
    filter with equal period and parameters, to continue there.
    """

    def __init__(self, period_s: float, parameters: VqfParameters | None = None) -> None:
        self.parameters = VqfParameters() if parameters is None else parameters
        self.coefficients = coefficients(period_s, self.parameters)
        self.state = new_state(self.coefficients)

    def update(self, gyr_radps: ArrayLike, acc_mps2: ArrayLike) -> Float64:
        """Orientations (n, 4), sensor to earth, of readings (n, 3) and (n, 3), sensor frame.

        Angular rate in rad/s, specific force in m/s2, float32 or float64. A row whose angular rate
        is not finite repeats the orientation before it; a row whose specific force is zero or not
        finite is integrated without correction. Raises SamplesError on other shapes.
        """
        gyr = _readings("gyr_radps", gyr_radps)
        acc = _readings("acc_mps2", acc_mps2)
        if gyr.shape != acc.shape:
            raise SamplesError(
                SamplesFault.SHAPE,
                f"gyr_radps has {len(gyr)} rows and acc_mps2 {len(acc)}; give as many of each.",
            )
        out = np.empty((len(gyr), 4))
        run_kernel(self.state, self.coefficients, gyr, acc, out)
        return out

    def restart(self, keep_bias: bool = True) -> None:
        """Begin anew, as after a gap in the data; the bias and its covariance outlive the gap."""
        restart_kernel(self.state, self.coefficients, keep_bias)

    @property
    def quaternion(self) -> Float64:
        """Orientation after the last reading, (4,), sensor to earth."""
        return self.state[QUATERNION : QUATERNION + 4].copy()

    @property
    def bias_radps(self) -> Float64:
        """Gyroscope bias in rad/s, (3,), sensor frame."""
        return self.state[BIAS : BIAS + 3].copy()

    @property
    def bias_sd_radps(self) -> float:
        """Upper bound of the bias's standard deviation in any direction, rad/s."""
        return bias_sd_kernel(self.state, self.coefficients)

    @property
    def inclination_sd_rad(self) -> float:
        """Standard deviation of the inclination about one level axis, rad: a floor, and how far
        gyroscope and gravity have disagreed lately."""
        return inclination_sd_kernel(self.state)

    @property
    def at_rest(self) -> bool:
        """Whether the sensor has been still for `rest_min_s`."""
        return bool(self.state[AT_REST])
