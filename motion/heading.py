"""The heading between two sensors on neighbouring segments: one estimate a joint, with a variance.

Two orientations without magnetometer have unrelated headings. Both sensors feel the acceleration of
the joint's centre, which settles the difference, whatever kind of joint it is; a pose in which the
heading is known settles it too. The orientations are `orientation`'s, axes of joints `hinge`'s.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from motion import quaternion
from motion._jit import njit
from motion.errors import SamplesError, SamplesFault

Float64 = NDArray[np.float64]

# The measurement (Seel, Schauer, Raisch, "Joint axis and position estimation from inertial
# measurement data by exploiting kinematic constraints", IEEE CCA 2012): with R sensor to earth, a
# the specific force and r the arm from sensor to joint, R a + (R r)'' is the joint's acceleration
# less gravity, the same for both sensors once the distal one is turned about the vertical by the
# heading d. Both sides pass one band-pass filter h:
#     h R1 a1 + (h R1)'' r1 = Rz(d) (h R2 a2 + (h R2)'' r2)
# An extended Kalman filter estimates d, r1 and r2. R is differentiated, not the gyroscope, whose
# noise it has integrated once already.

# Below 1 Hz an error of inclination, 0.17 m/s2 a degree, passes for acceleration and pulls the
# heading; voluntary movement and the bumps it brings lie above. 2 Hz keeps a distance from the one
# without losing the other.
BAND_FROM_HZ: Final = 2.0
# Limbs move with up to 5 Hz; soft parts swing from 8 Hz on.
BAND_TO_HZ: Final = 8.0
# Readings of a band that ends at 8 Hz are independent at its Nyquist rate, 16 Hz, and by little
# more dependent at 25 Hz; more of them cost time and say the same again.
CORRECTIONS_HZ: Final = 25.0
# The slowest pole of the band-pass, at 2 Hz, forgets its start as exp(-8.9 t): to a percent.
SETTLED_S: Final = 0.5
# Standard deviation of what is left of the difference in acceleration, per axis, m/s2. A segment is
# not rigid; on limbs and rigs alike it is 0.2 to 0.4.
DISAGREEMENT_MPS2: Final = 0.3
# A correction whose normalised square error exceeds this is weakened until it does not: of a
# chi-square variable with 3 degrees of freedom, one in 135 does.
SURPRISING: Final = 12.0
# Two gyroscopes, each with 0.1 deg/s of bias left about the vertical (the filter's own deviation in
# motion), part by 0.14 deg/s: 8 degrees after a minute.
DRIFT_DEG_PER_SQRT_MIN: Final = 8.0
# A strap creeps by millimetres; without any growth a later shift would never be followed.
CREEP_M_PER_SQRT_MIN: Final = 0.005
# Arms from sensor to joint, m: no segment of a body has its sensor farther than twice this.
ARM_SD_M: Final = 0.3
# The linearised filter follows from 45 degrees off; eight starts are at most 22.5 off.
HYPOTHESES: Final = 8
# A hypothesis that is e^-20 times as likely as the best will not come back.
UNBELIEVABLE: Final = 20.0
# Two hypotheses one degree apart are one: that is half of what the filter ever knows.
SAME_HEADING_RAD: Final = math.radians(1.0)
# Beyond this deviation the linearised filter says nothing any more: look in all directions again.
LOST_SD_RAD: Final = math.radians(45.0)
# Deviation of a heading of which nothing is known (uniform over the circle).
UNKNOWN_SD_RAD: Final = math.pi / math.sqrt(3.0)
# The band must lie below the Nyquist frequency, with room for the filter's own shape.
SLOWEST_HZ: Final = 2.0 * BAND_TO_HZ + 4.0

_UNKNOWNS: Final = 7  # d, r1 (3), r2 (3)
_COVARIANCE: Final = _UNKNOWNS * _UNKNOWNS
# Channels: R1 by rows (9), R2 by rows (9), R1 a1 (3), R2 a2 (3).
_MATRICES: Final = 18
_CHANNELS: Final = 24

# Layout of the coefficients.
_HIGH_PASS: Final = 0  # b0, b1, b2, a1, a2
_LOW_PASS: Final = 5
_RATE_SQUARED: Final = 10
_EVERY: Final = 11  # samples from one correction to the next
_SETTLED: Final = 12  # samples
_NOISE: Final = 13  # (m/s2)^2
_DRIFT: Final = 14  # rad^2 a sample
_CREEP: Final = 15  # m^2 a sample
_ARM: Final = 16  # m^2
_PER_SAMPLE: Final = 17  # s from one row to the next
_COEFFICIENTS_SIZE: Final = 18

# Layout of the state. Behind it lies room that a kernel fills anew at every sample.
_COUNT: Final = 0  # samples since the start or the last gap
_HEADING: Final = 1  # rad
_VARIANCE: Final = 2  # rad^2
_PREVIOUS: Final = 3  # 8: the two orientations of the sample before
_LAST: Final = 11  # channels one sample ago
_LAST_BUT_ONE: Final = _LAST + _CHANNELS
_HIGH_DELAY: Final = _LAST_BUT_ONE + _CHANNELS  # two delay elements a channel
_LOW_DELAY: Final = _HIGH_DELAY + 2 * _CHANNELS
_LIKELIHOOD: Final = _LOW_DELAY + 2 * _CHANNELS  # log, relative to the best; -inf: given up
_ESTIMATE: Final = _LIKELIHOOD + HYPOTHESES
_ESTIMATE_COVARIANCE: Final = _ESTIMATE + HYPOTHESES * _UNKNOWNS
_STATE_SIZE: Final = _ESTIMATE_COVARIANCE + HYPOTHESES * _COVARIANCE
_Y: Final = _STATE_SIZE  # filtered channels
_H: Final = _Y + _CHANNELS  # 3 x 7: derivative of the difference
_PH: Final = _H + 3 * _UNKNOWNS  # 7 x 3: covariance times H'
_K: Final = _PH + 3 * _UNKNOWNS  # 7 x 3: gain
_ROOM_SIZE: Final = _K + 3 * _UNKNOWNS


@dataclass(frozen=True, slots=True)
class RelativeHeadingParameters:
    """Tuning of the estimator; see the constants of this module for where the values come from.

    disagreement_mps2: standard deviation of the measurement, m/s2 per axis.
    drift_deg_per_sqrt_min, creep_m_per_sqrt_min: growth of the deviation of heading and arms.
    arm_sd_m: deviation of each component of the arms before anything is known, metres.
    Raises ValueError when one of them is not a positive number.
    """

    disagreement_mps2: float = DISAGREEMENT_MPS2
    drift_deg_per_sqrt_min: float = DRIFT_DEG_PER_SQRT_MIN
    creep_m_per_sqrt_min: float = CREEP_M_PER_SQRT_MIN
    arm_sd_m: float = ARM_SD_M

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if not (value > 0.0 and math.isfinite(value)):
                raise ValueError(f"{name} is {value}; give a positive number.")


def _butterworth(edge_hz: float, rate_hz: float, *, high: bool) -> tuple[float, ...]:
    """b0, b1, b2, a1, a2 of a second-order Butterworth filter (bilinear transform, prewarped)."""
    warped = math.tan(math.pi * edge_hz / rate_hz)
    scale = 1.0 + math.sqrt(2.0) * warped + warped * warped
    b0 = (1.0 if high else warped * warped) / scale
    b1 = -2.0 * b0 if high else 2.0 * b0
    a1 = 2.0 * (warped * warped - 1.0) / scale
    a2 = (1.0 - math.sqrt(2.0) * warped + warped * warped) / scale
    return (b0, b1, b0, a1, a2)


def _coefficients(rate_hz: float, parameters: RelativeHeadingParameters) -> Float64:
    c = np.zeros(_COEFFICIENTS_SIZE)
    c[_HIGH_PASS : _HIGH_PASS + 5] = _butterworth(BAND_FROM_HZ, rate_hz, high=True)
    c[_LOW_PASS : _LOW_PASS + 5] = _butterworth(BAND_TO_HZ, rate_hz, high=False)
    c[_RATE_SQUARED] = rate_hz * rate_hz
    c[_EVERY] = max(1, round(rate_hz / CORRECTIONS_HZ))
    # Two samples and the one before them are gone before the first second difference.
    c[_SETTLED] = 3 + math.ceil(SETTLED_S * rate_hz)
    c[_NOISE] = parameters.disagreement_mps2**2
    minute = 60.0 * rate_hz
    c[_DRIFT] = math.radians(parameters.drift_deg_per_sqrt_min) ** 2 / minute
    c[_CREEP] = parameters.creep_m_per_sqrt_min**2 / minute
    c[_ARM] = parameters.arm_sd_m**2
    c[_PER_SAMPLE] = 1.0 / rate_hz
    return c


@njit
def _wrapped(angle: float) -> float:
    return math.atan2(math.sin(angle), math.cos(angle))


@njit
def _start(state: Float64, c: Float64) -> None:
    """Nothing known: hypotheses all around, arms of length zero."""
    for i in range(state.shape[0]):
        state[i] = 0.0
    for j in range(1, _UNKNOWNS):
        state[_ESTIMATE_COVARIANCE + (_UNKNOWNS + 1) * j] = c[_ARM]
    _look_around(state, 0)
    state[_HEADING] = 0.0
    state[_VARIANCE] = math.pi * math.pi / 3.0


@njit
def _look_around(state: Float64, best: int) -> None:
    """Hypotheses in all directions, with the arms of `best` and what is known of them."""
    x = _ESTIMATE + _UNKNOWNS * best
    p = _ESTIMATE_COVARIANCE + _COVARIANCE * best
    for j in range(_UNKNOWNS):
        state[p + j] = 0.0
        state[p + _UNKNOWNS * j] = 0.0
    state[p] = (math.pi / HYPOTHESES) ** 2
    for h in range(HYPOTHESES):
        state[_LIKELIHOOD + h] = 0.0
        if h != best:
            for j in range(_UNKNOWNS):
                state[_ESTIMATE + _UNKNOWNS * h + j] = state[x + j]
            for j in range(_COVARIANCE):
                state[_ESTIMATE_COVARIANCE + _COVARIANCE * h + j] = state[p + j]
    for h in range(HYPOTHESES):
        state[_ESTIMATE + _UNKNOWNS * h] += 2.0 * math.pi * h / HYPOTHESES
    state[_VARIANCE] = math.pi * math.pi / 3.0


@njit
def _filter(state: Float64, c: Float64, channel: int, x: float, first: bool) -> float:
    """One channel's band-pass: high-pass, then low-pass (transposed direct form II)."""
    high = _HIGH_DELAY + 2 * channel
    low = _LOW_DELAY + 2 * channel
    if first:
        # As if the first value had been there for ever: no step to swing after.
        state[high] = -c[_HIGH_PASS] * x
        state[high + 1] = c[_HIGH_PASS + 2] * x
        state[low] = 0.0
        state[low + 1] = 0.0
    u = c[_HIGH_PASS] * x + state[high]
    state[high] = c[_HIGH_PASS + 1] * x - c[_HIGH_PASS + 3] * u + state[high + 1]
    state[high + 1] = c[_HIGH_PASS + 2] * x - c[_HIGH_PASS + 4] * u
    v = c[_LOW_PASS] * u + state[low]
    state[low] = c[_LOW_PASS + 1] * u - c[_LOW_PASS + 3] * v + state[low + 1]
    state[low + 1] = c[_LOW_PASS + 2] * u - c[_LOW_PASS + 4] * v
    return float(v)


@njit
def _sense(
    state: Float64, at: int, matrix_at: int, vector_at: int, q: Float64, acc: Float64
) -> None:
    """Rotation matrix and specific force in earth coordinates of one sensor into its channels."""
    now = (q[0], q[1], q[2], q[3])
    # A filter that integrates each reading over a whole period ends half a period after it; the
    # orientation at the reading itself lies half-way back.
    middle = quaternion.nlerp(quaternion.read(state, at), now, 0.5)
    quaternion.write(state, at, now)
    m = quaternion.matrix(middle)
    for i in range(9):
        state[_Y + matrix_at + i] = m[i]
    v = quaternion.rotate(middle, (acc[0], acc[1], acc[2]))
    for i in range(3):
        state[_Y + vector_at + i] = v[i]


@njit
def _usable(q: Float64, acc: Float64) -> bool:
    total = abs(q[0]) + abs(q[1]) + abs(q[2]) + abs(q[3]) + abs(acc[0]) + abs(acc[1]) + abs(acc[2])
    return bool(total < math.inf)


@njit
def _correct(state: Float64, c: Float64, hypothesis: int) -> None:
    """One step of a hypothesis's extended Kalman filter with the filtered channels."""
    x = _ESTIMATE + _UNKNOWNS * hypothesis
    p = _ESTIMATE_COVARIANCE + _COVARIANCE * hypothesis
    cosine, sine = math.cos(state[x]), math.sin(state[x])
    # The joint's acceleration as either sensor tells it, each in its own heading.
    ax, ay, az = state[_Y + 18], state[_Y + 19], state[_Y + 20]
    bx, by, bz = state[_Y + 21], state[_Y + 22], state[_Y + 23]
    for j in range(3):
        mx, my, mz = state[_Y + j], state[_Y + 3 + j], state[_Y + 6 + j]
        arm = state[x + 1 + j]
        ax, ay, az = ax + mx * arm, ay + my * arm, az + mz * arm
        state[_H + 1 + j], state[_H + 8 + j], state[_H + 15 + j] = mx, my, mz
        mx, my, mz = state[_Y + 9 + j], state[_Y + 12 + j], state[_Y + 15 + j]
        arm = state[x + 4 + j]
        bx, by, bz = bx + mx * arm, by + my * arm, bz + mz * arm
        state[_H + 4 + j] = sine * my - cosine * mx
        state[_H + 11 + j] = -(sine * mx + cosine * my)
        state[_H + 18 + j] = -mz
    turned_x, turned_y = cosine * bx - sine * by, sine * bx + cosine * by
    ex, ey, ez = turned_x - ax, turned_y - ay, bz - az
    state[_H], state[_H + 7], state[_H + 14] = turned_y, -turned_x, 0.0
    for i in range(_UNKNOWNS):
        for r in range(3):
            total = 0.0
            for j in range(_UNKNOWNS):
                total += state[p + _UNKNOWNS * i + j] * state[_H + _UNKNOWNS * r + j]
            state[_PH + 3 * i + r] = total
    sxx, sxy, sxz, syy, syz, szz = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for j in range(_UNKNOWNS):
        hx, hy, hz = state[_H + j], state[_H + 7 + j], state[_H + 14 + j]
        px, py, pz = state[_PH + 3 * j], state[_PH + 3 * j + 1], state[_PH + 3 * j + 2]
        sxx, sxy, sxz = sxx + hx * px, sxy + hx * py, sxz + hx * pz
        syy, syz, szz = syy + hy * py, syz + hy * pz, szz + hz * pz
    noise = c[_NOISE]
    weakened = False
    while True:
        nxx, nyy, nzz = sxx + noise, syy + noise, szz + noise
        ixx = nyy * nzz - syz * syz
        ixy = sxz * syz - sxy * nzz
        ixz = sxy * syz - nyy * sxz
        determinant = nxx * ixx + sxy * ixy + sxz * ixz
        scale = 1.0 / determinant
        ixx, ixy, ixz = ixx * scale, ixy * scale, ixz * scale
        iyy = (nxx * nzz - sxz * sxz) * scale
        iyz = (sxy * sxz - nxx * syz) * scale
        izz = (nxx * nyy - sxy * sxy) * scale
        gx = ixx * ex + ixy * ey + ixz * ez
        gy = ixy * ex + iyy * ey + iyz * ez
        gz = ixz * ex + iyz * ey + izz * ez
        surprise = ex * gx + ey * gy + ez * gz
        if weakened or surprise <= SURPRISING:
            break
        noise *= surprise / SURPRISING
        weakened = True
    state[_LIKELIHOOD + hypothesis] -= 0.5 * (surprise + math.log(determinant))
    for i in range(_UNKNOWNS):
        px, py, pz = state[_PH + 3 * i], state[_PH + 3 * i + 1], state[_PH + 3 * i + 2]
        state[x + i] += px * gx + py * gy + pz * gz
        state[_K + 3 * i] = px * ixx + py * ixy + pz * ixz
        state[_K + 3 * i + 1] = px * ixy + py * iyy + pz * iyz
        state[_K + 3 * i + 2] = px * ixz + py * iyz + pz * izz
    for i in range(_UNKNOWNS):
        kx, ky, kz = state[_K + 3 * i], state[_K + 3 * i + 1], state[_K + 3 * i + 2]
        for j in range(i, _UNKNOWNS):
            change = kx * state[_PH + 3 * j] + ky * state[_PH + 3 * j + 1]
            value = state[p + _UNKNOWNS * i + j] - (change + kz * state[_PH + 3 * j + 2])
            state[p + _UNKNOWNS * i + j] = value
            state[p + _UNKNOWNS * j + i] = value


@njit
def _conclude(state: Float64) -> None:
    """Weigh the hypotheses, give up the hopeless, and state heading and variance of the mixture."""
    best = 0
    for h in range(1, HYPOTHESES):
        if state[_LIKELIHOOD + h] > state[_LIKELIHOOD + best]:
            best = h
    top = state[_LIKELIHOOD + best]
    heading = state[_ESTIMATE + _UNKNOWNS * best]
    weight, variance = 0.0, 0.0
    for h in range(HYPOTHESES):
        relative = state[_LIKELIHOOD + h] - top
        apart = _wrapped(state[_ESTIMATE + _UNKNOWNS * h] - heading)
        if relative < -UNBELIEVABLE or (h != best and abs(apart) < SAME_HEADING_RAD):
            state[_LIKELIHOOD + h] = -math.inf
            continue
        state[_LIKELIHOOD + h] = relative
        share = math.exp(relative)
        weight += share
        spread = state[_ESTIMATE_COVARIANCE + _COVARIANCE * h] + apart * apart
        variance += share * spread
    state[_HEADING] = _wrapped(heading)
    state[_VARIANCE] = variance / weight


@njit
def _tell(state: Float64, heading: float, variance: float, gate: float) -> bool:
    """A reading of the heading from elsewhere, rad and rad^2, into every hypothesis.

    Left out, and False, where it is further off than `gate` deviations.
    """
    apart = _wrapped(heading - state[_HEADING])
    if apart * apart > gate * gate * (state[_VARIANCE] + variance):
        return False
    for h in range(HYPOTHESES):
        if state[_LIKELIHOOD + h] == -math.inf:
            continue
        x = _ESTIMATE + _UNKNOWNS * h
        p = _ESTIMATE_COVARIANCE + _COVARIANCE * h
        e = _wrapped(heading - state[x])
        scale = 1.0 / (state[p] + variance)
        state[_LIKELIHOOD + h] -= 0.5 * (e * e * scale - math.log(scale))
        for i in range(_UNKNOWNS):
            state[_PH + i] = state[p + i]
        for i in range(_UNKNOWNS):
            gain = state[_PH + i] * scale
            state[x + i] += gain * e
            for j in range(_UNKNOWNS):
                state[p + _UNKNOWNS * i + j] -= gain * state[_PH + j]
    _conclude(state)
    return True


@njit
def _grow(state: Float64, c: Float64) -> None:
    """What one sample period adds to the variances; look around again when all is lost."""
    unknown = math.pi * math.pi / 3.0
    state[_VARIANCE] = min(state[_VARIANCE] + c[_DRIFT], unknown)
    best, alive = 0, 0
    for h in range(HYPOTHESES):
        if state[_LIKELIHOOD + h] == -math.inf:
            continue
        alive += 1
        best = h
        p = _ESTIMATE_COVARIANCE + _COVARIANCE * h
        state[p] += c[_DRIFT]
        for j in range(1, _UNKNOWNS):
            at = p + (_UNKNOWNS + 1) * j
            state[at] = min(state[at] + c[_CREEP], c[_ARM])
    if alive == 1 and state[_ESTIMATE_COVARIANCE + _COVARIANCE * best] > LOST_SD_RAD**2:
        _look_around(state, best)


@njit
def _step(
    state: Float64, c: Float64, q1: Float64, q2: Float64, acc1: Float64, acc2: Float64
) -> None:
    _grow(state, c)
    if not (_usable(q1, acc1) and _usable(q2, acc2)):
        state[_COUNT] = 0.0
        return
    count = state[_COUNT]
    state[_COUNT] = count + 1.0
    _sense(state, _PREVIOUS, 0, 18, q1, acc1)
    _sense(state, _PREVIOUS + 4, 9, 21, q2, acc2)
    if count < 1.0:
        # No orientation before the first: there is no middle yet.
        return
    for i in range(_CHANNELS):
        value, last, last_but_one = state[_Y + i], state[_LAST + i], state[_LAST_BUT_ONE + i]
        state[_LAST_BUT_ONE + i], state[_LAST + i] = last, value
        if count >= 3.0:
            # Numerov's pair: second differences of the one are these means of the other, to within
            # half a percent up to 8 Hz at 50 Hz, where either alone would be 8 percent off.
            if i < _MATRICES:
                value = (value - 2.0 * last + last_but_one) * c[_RATE_SQUARED]
            else:
                value = (value + 10.0 * last + last_but_one) / 12.0
            state[_Y + i] = _filter(state, c, i, value, count == 3.0)
    if count < c[_SETTLED] or count % c[_EVERY] != 0.0:
        return
    felt = 0.0
    for i in range(_MATRICES, _CHANNELS):
        felt += state[_Y + i] * state[_Y + i]
    if felt < 2.0 * c[_NOISE]:
        # What both sensors feel is no more than what they disagree by: noise at rest, which would
        # slowly make the filter sure of nothing.
        return
    for h in range(HYPOTHESES):
        if state[_LIKELIHOOD + h] > -math.inf:
            _correct(state, c, h)
    _conclude(state)


@njit
def _run(
    state: Float64, c: Float64, q1: Float64, q2: Float64, acc1: Float64, acc2: Float64, out: Float64
) -> None:
    for i in range(out.shape[0]):
        _step(state, c, q1[i], q2[i], acc1[i], acc2[i])
        out[i, 0] = state[_HEADING]
        out[i, 1] = math.sqrt(state[_VARIANCE])


def _rows(name: str, values: ArrayLike, width: int) -> Float64:
    array = np.asarray(values)
    if array.ndim != 2 or array.shape[1] != width:
        raise SamplesError(
            SamplesFault.SHAPE,
            f"{name} has shape {array.shape}; give one row of {width} values per sample.",
        )
    # Kernels are compiled for writeable arrays in C order only.
    return np.require(array, np.float64, ["C", "W"])


class RelativeHeading:
    """Heading of a distal against a proximal sensor, online, nothing about the joint told.

    rate_hz: samples a second of both sensors, at least 20. Arms, starting heading and kind of joint
    are unknown; the estimate is good after some ten seconds of movement. The result is the same to
    the last bit however the samples are divided. `state` is the whole memory: copy it out, and into
    another estimator with equal rate and parameters, to continue there. Raises ValueError for a
    rate too low.
    """

    def __init__(self, rate_hz: float, parameters: RelativeHeadingParameters | None = None) -> None:
        if not (rate_hz >= SLOWEST_HZ and math.isfinite(rate_hz)):
            raise ValueError(
                f"rate_hz is {rate_hz}; movement of up to {BAND_TO_HZ:g} Hz needs at least "
                f"{SLOWEST_HZ:g} samples a second."
            )
        self.parameters = RelativeHeadingParameters() if parameters is None else parameters
        self._coefficients = _coefficients(rate_hz, self.parameters)
        self._memory = np.zeros(_ROOM_SIZE)
        _start(self._memory, self._coefficients)

    def update(
        self,
        q_proximal: ArrayLike,
        q_distal: ArrayLike,
        acc_proximal_mps2: ArrayLike,
        acc_distal_mps2: ArrayLike,
    ) -> tuple[Float64, Float64]:
        """Heading and its standard deviation, (n,) and (n,), radians, after each sample.

        q_*: (n, 4) unit quaternions, sensor to earth, each as its filter gave it after the reading.
        acc_*_mps2: (n, 3) specific force, m/s2, sensor frame. The heading, between -pi and pi, is
        the angle about the vertical by which the distal orientation must be turned to share the
        proximal one's earth: conj(q_proximal) Rz(heading) q_distal is the relative orientation. A
        row with a NaN starts the filters anew and keeps the estimate, whose deviation grows.
        Raises SamplesError on other shapes.
        """
        q1 = _rows("q_proximal", q_proximal, 4)
        q2 = _rows("q_distal", q_distal, 4)
        acc1 = _rows("acc_proximal_mps2", acc_proximal_mps2, 3)
        acc2 = _rows("acc_distal_mps2", acc_distal_mps2, 3)
        if not len(q1) == len(q2) == len(acc1) == len(acc2):
            raise SamplesError(
                SamplesFault.SHAPE,
                f"The arrays have {len(q1)}, {len(q2)}, {len(acc1)} and {len(acc2)} rows; give as "
                "many of each.",
            )
        out = np.empty((len(q1), 2))
        _run(self._memory, self._coefficients, q1, q2, acc1, acc2, out)
        return np.ascontiguousarray(out[:, 0]), np.ascontiguousarray(out[:, 1])

    def restart(self) -> None:
        """Forget everything, as when a sensor's orientation began anew or its strap was moved."""
        _start(self._memory, self._coefficients)

    @property
    def state(self) -> Float64:
        """The memory; assign an equal estimator's to continue from there."""
        return self._memory[:_STATE_SIZE]

    @state.setter
    def state(self, value: ArrayLike) -> None:
        given = np.asarray(value, dtype=np.float64)
        if given.shape != (_STATE_SIZE,):
            raise ValueError(f"the state has shape {given.shape}, not ({_STATE_SIZE},)")
        self._memory[:_STATE_SIZE] = given

    @property
    def arms_m(self) -> tuple[Float64, Float64]:
        """Vectors from either sensor to the joint in metres, (3,) and (3,), each in its frame."""
        best = int(np.argmax(self._memory[_LIKELIHOOD : _LIKELIHOOD + HYPOTHESES]))
        at = _ESTIMATE + _UNKNOWNS * best
        return self._memory[at + 1 : at + 4].copy(), self._memory[at + 4 : at + 7].copy()


# A neutral pose is taken with the segments facing the same way to within this; the body's own
# asymmetry and the calibration's axes.
NEUTRAL_SD_RAD: Final = math.radians(5.0)
# Who comes back to the neutral pose comes back to within this ...
RETURN_SD_RAD: Final = math.radians(3.0)
# ... however long the pose is then kept: it is told once a second, and never trusted beyond this.
RETURN_FLOOR_RAD: Final = math.radians(1.0)
RETURN_GATE: Final = 3.0
# A pose is the neutral one again when both inclinations agree within this.
SAME_INCLINATION: Final = math.radians(10.0)
# Stillness that makes a pose, as in `rest`.
POSE_S: Final = 0.5

# Before a pose is taken the first one that is seen is all there is.
FIRST_SD_RAD: Final = math.radians(10.0)

# Memory of a joint's neutral pose, one array.
_HAS_NEUTRAL: Final = 0
_NEUTRAL_UPS: Final = 1  # 3 and 3: the earth's up direction in either sensor's frame
_BEGUN: Final = 7
_POSE_SIZE: Final = 8


@njit
def _up(q: Float64) -> tuple[float, float, float]:
    """The earth's up direction in the frame of a sensor with orientation `q` (4,)."""
    return (
        2.0 * (q[1] * q[3] - q[0] * q[2]),
        2.0 * (q[2] * q[3] + q[0] * q[1]),
        1.0 - 2.0 * (q[1] * q[1] + q[2] * q[2]),
    )


@njit
def _near(up: tuple[float, float, float], pose: Float64, at: int) -> bool:
    x, y, z = up[0] - pose[at], up[1] - pose[at + 1], up[2] - pose[at + 2]
    return bool(x * x + y * y + z * z <= SAME_INCLINATION * SAME_INCLINATION)


@njit
def _returned(state: Float64, facing: float) -> bool:
    """Whether a pose of neutral inclinations is the neutral one: held turned, it is as level."""
    apart = _wrapped(facing - state[_HEADING])
    return bool(apart * apart <= RETURN_GATE * RETURN_GATE * (state[_VARIANCE] + RETURN_SD_RAD**2))


@njit
def facing_kernel(q1: Float64, q2: Float64, bone1: Float64, bone2: Float64) -> float:
    """Heading, rad, by which the distal segment must be turned to face the way the proximal does.

    q: (4,) sensor to earth. bone: (4,) sensor to segment. Of all turns about the vertical it leaves
    the smallest rotation between the two segments.
    """
    one = quaternion.multiply(
        quaternion.read(q1, 0), quaternion.conjugate(quaternion.read(bone1, 0))
    )
    other = quaternion.multiply(
        quaternion.read(q2, 0), quaternion.conjugate(quaternion.read(bone2, 0))
    )
    between = quaternion.multiply(one, quaternion.conjugate(other))
    return _wrapped(2.0 * math.atan2(between[3], between[0]))


@njit
def joint_heading_kernel(
    state: Float64,
    c: Float64,
    pose: Float64,
    bones: Float64,
    q1: Float64,
    q2: Float64,
    acc1: Float64,
    acc2: Float64,
    gap: NDArray[np.uint8],
    still_s: Float64,
    heading: Float64,
    variance: Float64,
) -> None:
    """Heading (n,) rad and its variance (n,) after each of n samples.

    bones: (2, 4) sensor to segment. still_s: (n,) how long the pose has been still, negative while
    no exercise is counted.
    """
    for i in range(len(still_s)):
        if gap[i] == 1:
            state[_COUNT] = 0.0
        _step(state, c, q1[i], q2[i], acc1[i], acc2[i])
        if pose[_BEGUN] == 0.0 and still_s[i] >= 0.0:
            pose[_BEGUN] = 1.0
            facing = facing_kernel(q1[i], q2[i], bones[0], bones[1])
            _tell(state, facing, FIRST_SD_RAD**2, math.inf)
        if still_s[i] >= POSE_S:
            up1, up2 = _up(q1[i]), _up(q2[i])
            facing = facing_kernel(q1[i], q2[i], bones[0], bones[1])
            if pose[_HAS_NEUTRAL] == 0.0:
                pose[_HAS_NEUTRAL] = 1.0
                for k in range(3):
                    pose[_NEUTRAL_UPS + k] = up1[k]
                    pose[_NEUTRAL_UPS + 3 + k] = up2[k]
                _tell(state, facing, NEUTRAL_SD_RAD**2, math.inf)
            elif (
                _near(up1, pose, _NEUTRAL_UPS)
                and _near(up2, pose, _NEUTRAL_UPS + 3)
                and state[_VARIANCE] > RETURN_FLOOR_RAD**2
                and _returned(state, facing)
            ):
                # One reading a second, told in parts.
                _tell(state, facing, RETURN_SD_RAD**2 / c[_PER_SAMPLE], math.inf)
        heading[i] = state[_HEADING]
        variance[i] = state[_VARIANCE]


class JointHeading:
    """Heading of a distal against a proximal segment: the joint's centre, and the neutral pose.

    rate_hz: of the rows. bones: (2, 4) sensor to segment of both. Below 20 Hz the joint's centre
    tells nothing and the neutral pose alone is used.
    """

    def __init__(self, rate_hz: float, bones: Float64) -> None:
        self._bones = np.ascontiguousarray(bones)
        fast = rate_hz >= SLOWEST_HZ
        self._coefficients = _coefficients(
            rate_hz if fast else SLOWEST_HZ, RelativeHeadingParameters()
        )
        if not fast:
            # Never settled: no reading of the joint's centre; drift for the rows' own rate.
            self._coefficients[_SETTLED] = math.inf
            self._coefficients[_DRIFT] *= SLOWEST_HZ / rate_hz
        self._coefficients[_PER_SAMPLE] = 1.0 / rate_hz
        self.memory = np.zeros(_ROOM_SIZE)
        self.pose = np.zeros(_POSE_SIZE)
        _start(self.memory, self._coefficients)

    def forget_neutral(self) -> None:
        """Take the neutral pose anew from the next still half-second."""
        self.pose[:] = 0.0

    def update(
        self,
        q1: Float64,
        q2: Float64,
        acc1: Float64,
        acc2: Float64,
        gap: NDArray[np.uint8],
        still_s: Float64,
    ) -> tuple[Float64, Float64]:
        """Heading and variance (n,), (n,), rad and rad^2, of n rows of the proximal (1) and distal
        (2) sensor: q (n, 4), acc (n, 3) m/s2, gap (n,), still_s (n,) s."""
        heading = np.empty(len(still_s))
        variance = np.empty(len(still_s))
        joint_heading_kernel(
            self.memory, self._coefficients, self.pose, self._bones, q1, q2, acc1, acc2, gap,
            still_s, heading, variance,
        )  # fmt: skip
        return heading, variance


def rotations_about_vertical(heading_rad: ArrayLike) -> Float64:
    """Quaternions (n, 4) that turn earth coordinates about the vertical by angles (n,), radians."""
    half = 0.5 * np.asarray(heading_rad, dtype=np.float64)
    zero = np.zeros_like(half)
    return np.stack([np.cos(half), zero, zero, np.sin(half)], axis=-1)
