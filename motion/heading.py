"""The heading between two sensors on neighbouring segments: one estimate a joint, with a variance.

Two orientations without magnetometer have unrelated headings. Both sensors feel the acceleration of
the joint's centre, which settles the difference, whatever kind of joint it is; so do a pose in
which it is known, and a joint's axes where it has one or two: `hinge` and `two_axes` find those.
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
# An extended Kalman filter estimates d, r1, r2 and the rate at which d drifts. R is differentiated,
# not the gyroscope, whose noise it has integrated once already.

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
# What is left of the difference in acceleration, per axis, once the estimate is good: 0.03 to 0.15
# m/s2 on rigs, 0.1 to 0.4 on limbs, which are not rigid. It is measured as it goes, over this time:
# a few movements, and less than what differs from one exercise to the next.
RESIDUE_S: Final = 5.0
# What is left is not noise: it comes of inclinations that are off for the third of a second that a
# movement takes one way. Of 25 readings a second nine say the same, so that each counts a ninth:
# three times the deviation.
ALIKE: Final = 9.0
# Deviation of a reading before anything is measured: three times what limbs leave at least.
DISAGREEMENT_MPS2: Final = 0.5
# No pair of accelerometers agrees better than to 0.03 m/s2 in the band: a reading never counts for
# more than this. One that is ten times worse is no reading: the residue then is a mistaken heading.
LEAST_DISAGREEMENT_MPS2: Final = 0.1
MOST_DISAGREEMENT_MPS2: Final = 1.0
# Accelerometers at rest: 0.06 m/s2 of noise an axis in this band, the worst of those in use.
RESTING_MPS2: Final = 0.1
# A correction whose normalised square error exceeds this is weakened until it does not: of a
# chi-square variable with 3 degrees of freedom, one in 135 does.
SURPRISING: Final = 12.0
# Two gyroscopes, each with 0.1 deg/s of bias left about the vertical (the filter's own deviation in
# motion), part by 0.14 deg/s: 8 degrees after a minute ...
PARTING_DEG_PER_S: Final = 0.14
# ... and for as long as the filter takes to forget a bias.
PARTING_S: Final = 100.0
# What else there is: 1 % of scale at 40 deg/s that change direction every half second walk by
# 0.4^2 * 0.5 deg2 a second, 2.2 degrees in a minute.
DRIFT_DEG_PER_SQRT_MIN: Final = 2.0
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
# A hinge's axis says which way it points as long as it is not upright: below this length of its
# horizontal part an inclination off by a degree turns it by 3. So does an angle between two axes
# that changes with the heading by less.
LEAST_LEVEL: Final = 0.3
# What a second of axes says of the heading, if they are level and known for sure: inclinations of
# both sensors that are off by 0.7 degrees.
READING_SD_RAD: Final = math.radians(1.0)
# The same for axes that a calibration has left: they lie within 3 degrees of the joint's own, which
# are not fixed either.
AXES_SD_RAD: Final = math.radians(3.0)
# However long it is said: what is wrong with axes and inclinations stays so.
AXES_FLOOR_RAD: Final = math.radians(1.2)
# A reading further off than this many deviations is left out.
AXES_GATE: Final = 3.0
# Two headings fit one angle between two axes, mostly farther apart than twice this.
AMBIGUOUS_SD_RAD: Final = math.radians(20.0)
# The band must lie below the Nyquist frequency, with room for the filter's own shape.
SLOWEST_HZ: Final = 2.0 * BAND_TO_HZ + 4.0

_UNKNOWNS: Final = 8  # d, r1 (3), r2 (3), rate of d
_SEEN: Final = 7  # those that a reading depends on: all but the last
_RATE: Final = 7
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
_NOISE: Final = 13  # (m/s2)^2 at the start
_DRIFT: Final = 14  # rad^2 a sample
_CREEP: Final = 15  # m^2 a sample
_ARM: Final = 16  # m^2
_PER_SAMPLE: Final = 17  # s from one row to the next
_PARTING: Final = 18  # (rad/s)^2
_KEPT: Final = 19  # share of the rate that is left a sample later
_LEARNT: Final = 20  # share of the residue that a correction replaces
_COEFFICIENTS_SIZE: Final = 21

# What is known of a joint's axes, one array: none, a hinge's or two at a fixed angle; the proximal
# one in the proximal sensor's frame, the distal one in the distal's.
_KIND: Final = 0
_HINGE: Final = 1.0
_TWO_AXES: Final = 2.0
_PROXIMAL: Final = 1  # 3
_DISTAL: Final = 4  # 3
_COSINE: Final = 7  # of the angle between the two
_READING: Final = 8  # variance of what a second of readings says: rad^2, of a cosine for two axes
_FLOOR: Final = 9  # rad^2
_AXES_SIZE: Final = 10

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
_RESIDUE: Final = _ESTIMATE_COVARIANCE + HYPOTHESES * _COVARIANCE  # mean square, (m/s2)^2
_STATE_SIZE: Final = _RESIDUE + 1
_Y: Final = _STATE_SIZE  # filtered channels
_H: Final = _Y + _CHANNELS  # 3 x 7: derivative of the difference
_PH: Final = _H + 3 * _SEEN  # 8 x 3: covariance times H'
_K: Final = _PH + 3 * _UNKNOWNS  # 8 x 3: gain
_LEFT: Final = _K + 3 * _UNKNOWNS  # by hypothesis: mean square of what is left, (m/s2)^2
_UNFITTED: Final = _LEFT + HYPOTHESES  # by hypothesis: share of a reading it cannot follow
_ROOM_SIZE: Final = _UNFITTED + HYPOTHESES


@dataclass(frozen=True, slots=True)
class RelativeHeadingParameters:
    """Tuning of the estimator; see the constants of this module for where the values come from.

    disagreement_mps2: standard deviation of a reading, m/s2 per axis, until it is measured.
    parting_deg_per_s, parting_s: deviation of the rate of drift, and how long it lasts.
    drift_deg_per_sqrt_min, creep_m_per_sqrt_min: growth of the deviation of heading and arms.
    arm_sd_m: deviation of each component of the arms before anything is known, metres.
    Raises ValueError when one of them is not a positive number.
    """

    disagreement_mps2: float = DISAGREEMENT_MPS2
    parting_deg_per_s: float = PARTING_DEG_PER_S
    parting_s: float = PARTING_S
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
    # Rows too slow for the band never settle: no reading of the joint's centre.
    c[_SETTLED] = math.inf
    if rate_hz >= SLOWEST_HZ:
        c[_HIGH_PASS : _HIGH_PASS + 5] = _butterworth(BAND_FROM_HZ, rate_hz, high=True)
        c[_LOW_PASS : _LOW_PASS + 5] = _butterworth(BAND_TO_HZ, rate_hz, high=False)
        # Two samples and the one before them are gone before the first second difference.
        c[_SETTLED] = 3 + math.ceil(SETTLED_S * rate_hz)
    c[_RATE_SQUARED] = rate_hz * rate_hz
    c[_EVERY] = max(1, round(rate_hz / CORRECTIONS_HZ))
    c[_NOISE] = parameters.disagreement_mps2**2
    minute = 60.0 * rate_hz
    c[_DRIFT] = math.radians(parameters.drift_deg_per_sqrt_min) ** 2 / minute
    c[_CREEP] = parameters.creep_m_per_sqrt_min**2 / minute
    c[_ARM] = parameters.arm_sd_m**2
    c[_PER_SAMPLE] = 1.0 / rate_hz
    c[_PARTING] = math.radians(parameters.parting_deg_per_s) ** 2
    c[_KEPT] = 1.0 - c[_PER_SAMPLE] / parameters.parting_s
    c[_LEARNT] = min(1.0, c[_EVERY] * c[_PER_SAMPLE] / RESIDUE_S)
    return c


@njit
def _wrapped(angle: float) -> float:
    return math.atan2(math.sin(angle), math.cos(angle))


@njit
def _start(state: Float64, c: Float64) -> None:
    """Nothing known: hypotheses all around, arms of length zero."""
    for i in range(state.shape[0]):
        state[i] = 0.0
    for j in range(1, _RATE):
        state[_ESTIMATE_COVARIANCE + (_UNKNOWNS + 1) * j] = c[_ARM]
    state[_ESTIMATE_COVARIANCE + (_UNKNOWNS + 1) * _RATE] = c[_PARTING]
    state[_RESIDUE] = c[_NOISE] / ALIKE
    _look_around(state, 0)
    state[_HEADING] = 0.0
    state[_VARIANCE] = math.pi * math.pi / 3.0


@njit
def _look_around(state: Float64, best: int) -> None:
    """Hypotheses in all directions, with the arms and the rate of `best` and what is known of
    them."""
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
def _correct(state: Float64, hypothesis: int, noise: float) -> None:
    """One step of a hypothesis's extended Kalman filter with the filtered channels.

    noise: variance of a reading, (m/s2)^2 per axis.
    """
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
        state[_H + 1 + j], state[_H + _SEEN + 1 + j], state[_H + 2 * _SEEN + 1 + j] = mx, my, mz
        mx, my, mz = state[_Y + 9 + j], state[_Y + 12 + j], state[_Y + 15 + j]
        arm = state[x + 4 + j]
        bx, by, bz = bx + mx * arm, by + my * arm, bz + mz * arm
        state[_H + 4 + j] = sine * my - cosine * mx
        state[_H + _SEEN + 4 + j] = -(sine * mx + cosine * my)
        state[_H + 2 * _SEEN + 4 + j] = -mz
    turned_x, turned_y = cosine * bx - sine * by, sine * bx + cosine * by
    ex, ey, ez = turned_x - ax, turned_y - ay, bz - az
    state[_H], state[_H + _SEEN], state[_H + 2 * _SEEN] = turned_y, -turned_x, 0.0
    for i in range(_UNKNOWNS):
        for r in range(3):
            total = 0.0
            for j in range(_SEEN):
                total += state[p + _UNKNOWNS * i + j] * state[_H + _SEEN * r + j]
            state[_PH + 3 * i + r] = total
    sxx, sxy, sxz, syy, syz, szz = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for j in range(_SEEN):
        hx, hy, hz = state[_H + j], state[_H + _SEEN + j], state[_H + 2 * _SEEN + j]
        px, py, pz = state[_PH + 3 * j], state[_PH + 3 * j + 1], state[_PH + 3 * j + 2]
        sxx, sxy, sxz = sxx + hx * px, sxy + hx * py, sxz + hx * pz
        syy, syz, szz = syy + hy * py, syz + hy * pz, szz + hz * pz
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
    # What the corrected estimate leaves of the difference, and the share that it was to leave.
    state[_LEFT + hypothesis] = noise * noise * (gx * gx + gy * gy + gz * gz) / 3.0
    state[_UNFITTED + hypothesis] = noise * (ixx + iyy + izz) / 3.0
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
def _likeliest(state: Float64) -> int:
    best = 0
    for h in range(1, HYPOTHESES):
        if state[_LIKELIHOOD + h] > state[_LIKELIHOOD + best]:
            best = h
    return best


@njit
def _conclude(state: Float64) -> None:
    """Weigh the hypotheses, give up the hopeless, and state heading and variance of the mixture."""
    best = _likeliest(state)
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
def _absorb(state: Float64, hypothesis: int, error: float, slope: float, variance: float) -> None:
    """A scalar reading, `error` above what a hypothesis expects, which grows by `slope` with d."""
    x = _ESTIMATE + _UNKNOWNS * hypothesis
    p = _ESTIMATE_COVARIANCE + _COVARIANCE * hypothesis
    scale = 1.0 / (slope * slope * state[p] + variance)
    state[_LIKELIHOOD + hypothesis] -= 0.5 * (error * error * scale - math.log(scale))
    for i in range(_UNKNOWNS):
        state[_PH + i] = state[p + i] * slope
    for i in range(_UNKNOWNS):
        gain = state[_PH + i] * scale
        state[x + i] += gain * error
        for j in range(_UNKNOWNS):
            state[p + _UNKNOWNS * i + j] -= gain * state[_PH + j]


@njit
def _tell(state: Float64, heading: float, variance: float, gate: float) -> bool:
    """A reading of the heading from elsewhere, rad and rad^2, into every hypothesis.

    Left out, and False, where it is further off than `gate` deviations.
    """
    apart = _wrapped(heading - state[_HEADING])
    if apart * apart > gate * gate * (state[_VARIANCE] + variance):
        return False
    for h in range(HYPOTHESES):
        if state[_LIKELIHOOD + h] > -math.inf:
            error = _wrapped(heading - state[_ESTIMATE + _UNKNOWNS * h])
            _absorb(state, h, error, 1.0, variance)
    _conclude(state)
    return True


@njit
def _tell_axes(state: Float64, c: Float64, axes: Float64, q1: Float64, q2: Float64) -> bool:
    """What the joint's axes say of the heading now; False where that is nothing, or too far off."""
    if axes[_KIND] == 0.0 or state[_VARIANCE] <= axes[_FLOOR]:
        return False
    ax, ay, az = quaternion.rotate(
        quaternion.read(q1, 0), (axes[_PROXIMAL], axes[_PROXIMAL + 1], axes[_PROXIMAL + 2])
    )
    bx, by, bz = quaternion.rotate(
        quaternion.read(q2, 0), (axes[_DISTAL], axes[_DISTAL + 1], axes[_DISTAL + 2])
    )
    # The axes enclose an angle with the cosine  az bz + along cos(d) + across sin(d).
    along, across = ax * bx + ay * by, ay * bx - ax * by
    # A second of readings is to count as one, and none is to lead below the floor.
    share = 1.0 / (c[_EVERY] * c[_PER_SAMPLE])
    least = state[_VARIANCE] * axes[_FLOOR] / (state[_VARIANCE] - axes[_FLOOR])
    if axes[_KIND] == _HINGE:
        level = (ax * ax + ay * ay) * (bx * bx + by * by)
        if level < LEAST_LEVEL**4:
            return False
        heading = math.atan2(across, along)
        variance = axes[_READING] / level
        apart = _wrapped(heading - state[_HEADING])
        if apart * apart > AXES_GATE * AXES_GATE * (state[_VARIANCE] + variance):
            return False
        return _tell(state, heading, max(share * variance, least), math.inf)
    if state[_VARIANCE] > AMBIGUOUS_SD_RAD**2:
        return False
    wanted = axes[_COSINE] - az * bz
    cosine, sine = math.cos(state[_HEADING]), math.sin(state[_HEADING])
    error = wanted - (along * cosine + across * sine)
    slope = across * cosine - along * sine
    spread = slope * slope * state[_VARIANCE] + axes[_READING]
    if abs(slope) < LEAST_LEVEL or error * error > AXES_GATE * AXES_GATE * spread:
        return False
    variance = max(share * axes[_READING], least * slope * slope)
    for h in range(HYPOTHESES):
        if state[_LIKELIHOOD + h] > -math.inf:
            cosine = math.cos(state[_ESTIMATE + _UNKNOWNS * h])
            sine = math.sin(state[_ESTIMATE + _UNKNOWNS * h])
            error = wanted - (along * cosine + across * sine)
            slope = across * cosine - along * sine
            _absorb(state, h, error, slope, variance)
    _conclude(state)
    return True


@njit
def _grow(state: Float64, c: Float64) -> None:
    """What one sample period adds to headings and variances; look around when all is lost."""
    period, kept = c[_PER_SAMPLE], c[_KEPT]
    leading = _likeliest(state)
    best, alive, growth = 0, 0, 0.0
    for h in range(HYPOTHESES):
        if state[_LIKELIHOOD + h] == -math.inf:
            continue
        alive += 1
        best = h
        x = _ESTIMATE + _UNKNOWNS * h
        p = _ESTIMATE_COVARIANCE + _COVARIANCE * h
        rate = p + _UNKNOWNS * _RATE
        state[x] += period * state[x + _RATE]
        state[x + _RATE] *= kept
        added = period * (2.0 * state[rate] + period * state[rate + _RATE]) + c[_DRIFT]
        state[p] += added
        if h == leading:
            growth = added
            state[_HEADING] = _wrapped(state[x])
        for j in range(1, _UNKNOWNS):
            state[p + j] += period * state[rate + j]
        for j in range(1, _RATE):
            at = p + (_UNKNOWNS + 1) * j
            state[at] = min(state[at] + c[_CREEP], c[_ARM])
            state[rate + j] *= kept
            state[p + _UNKNOWNS * j] = state[p + j]
            state[p + _UNKNOWNS * j + _RATE] = state[rate + j]
        state[p + _RATE] *= kept
        state[rate] = state[p + _RATE]
        state[rate + _RATE] += (1.0 - kept * kept) * (c[_PARTING] - state[rate + _RATE])
    state[_VARIANCE] = min(state[_VARIANCE] + growth, math.pi * math.pi / 3.0)
    if alive == 1 and state[_ESTIMATE_COVARIANCE + _COVARIANCE * best] > LOST_SD_RAD**2:
        _look_around(state, best)


@njit
def _compare(state: Float64, c: Float64) -> None:
    """Correct every hypothesis with the filtered channels."""
    felt = 0.0
    for i in range(_MATRICES, _CHANNELS):
        felt += state[_Y + i] * state[_Y + i]
    if felt < 2.0 * max(RESTING_MPS2**2, state[_RESIDUE]):
        # What both sensors feel is no more than what they disagree by: noise at rest, which would
        # slowly make the filter sure of nothing.
        return
    noise = ALIKE * state[_RESIDUE]
    noise = min(max(noise, LEAST_DISAGREEMENT_MPS2**2), MOST_DISAGREEMENT_MPS2**2)
    for h in range(HYPOTHESES):
        if state[_LIKELIHOOD + h] > -math.inf:
            _correct(state, h, noise)
    _conclude(state)
    best = _likeliest(state)
    # One jolt is no measure.
    left = min(state[_LEFT + best], SURPRISING * state[_RESIDUE])
    state[_RESIDUE] += c[_LEARNT] * (left - state[_UNFITTED + best] * state[_RESIDUE])


@njit
def _step(
    state: Float64,
    c: Float64,
    axes: Float64,
    q1: Float64,
    q2: Float64,
    acc1: Float64,
    acc2: Float64,
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
    if count % c[_EVERY] != 0.0:
        return
    if count >= c[_SETTLED]:
        _compare(state, c)
    _tell_axes(state, c, axes, q1, q2)


@njit
def _run(
    state: Float64,
    c: Float64,
    axes: Float64,
    q1: Float64,
    q2: Float64,
    acc1: Float64,
    acc2: Float64,
    out: Float64,
) -> None:
    for i in range(out.shape[0]):
        _step(state, c, axes, q1[i], q2[i], acc1[i], acc2[i])
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


OneAxis = tuple[ArrayLike, ArrayLike]
TwoAxes = tuple[ArrayLike, ArrayLike, float]


def packed_axes(
    hinge: OneAxis | None = None,
    two_axes: TwoAxes | None = None,
    sd_rad: float = AXES_SD_RAD,
    floor_rad: float = AXES_FLOOR_RAD,
) -> Float64:
    """What is known of a joint's axes as the kernels take it; ValueError when it makes no sense.

    hinge: the joint's one axis, (3,) in the proximal and (3,) in the distal sensor's frame,
    pointing the same way. two_axes: one (3,) fixed in the proximal, one (3,) in the distal frame,
    and the angle between them in radians, which does not change. sd_rad: deviation of what a second
    of readings says, the axis level. floor_rad: nothing is told while the heading is known to this.
    """
    axes = np.zeros(_AXES_SIZE)
    if hinge is not None and two_axes is not None:
        raise ValueError("a joint has one axis or two: give hinge or two_axes")
    for name, value in (("sd_rad", sd_rad), ("floor_rad", floor_rad)):
        if not (value > 0.0 and math.isfinite(value)):
            raise ValueError(f"{name} is {value}; give a positive number.")
    axes[_FLOOR] = floor_rad**2
    axes[_READING] = sd_rad**2
    if two_axes is not None:
        between = float(two_axes[2])
        if not 0.0 < between < math.pi:
            raise ValueError(f"the angle between two axes is {between}; give one from 0 to pi.")
        axes[_KIND] = _TWO_AXES
        axes[_COSINE] = math.cos(between)
        axes[_READING] *= math.sin(between) ** 2
    elif hinge is not None:
        axes[_KIND] = _HINGE
    for at, given in ((_PROXIMAL, two_axes or hinge), (_DISTAL, two_axes or hinge)):
        if given is None:
            continue
        axis = np.asarray(given[0 if at == _PROXIMAL else 1], dtype=np.float64)
        length = math.sqrt(float((axis * axis).sum())) if axis.shape == (3,) else math.nan
        if not (length > 0.0 and math.isfinite(length)):
            raise ValueError(f"an axis is {axis.tolist()}; give three numbers, not all zero.")
        axes[at : at + 3] = axis / length
    return axes


class RelativeHeading:
    """Heading of a distal against a proximal sensor, online, nothing about the joint told.

    rate_hz: samples a second of both sensors, at least 20. Arms, starting heading and kind of joint
    are unknown; the estimate is good after some ten seconds of movement. What is known of the joint
    from elsewhere may be told: `tell`, `constrain`. The result is the same to the last bit however
    the samples are divided. `state` is the whole memory but for what `constrain` was given: copy it
    out, and into another estimator with equal rate and parameters, to continue there. Raises
    ValueError for a rate too low.
    """

    def __init__(self, rate_hz: float, parameters: RelativeHeadingParameters | None = None) -> None:
        if not (rate_hz >= SLOWEST_HZ and math.isfinite(rate_hz)):
            raise ValueError(
                f"rate_hz is {rate_hz}; movement of up to {BAND_TO_HZ:g} Hz needs at least "
                f"{SLOWEST_HZ:g} samples a second."
            )
        self.parameters = RelativeHeadingParameters() if parameters is None else parameters
        self._coefficients = _coefficients(rate_hz, self.parameters)
        self._axes = packed_axes()
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
        _run(self._memory, self._coefficients, self._axes, q1, q2, acc1, acc2, out)
        return np.ascontiguousarray(out[:, 0]), np.ascontiguousarray(out[:, 1])

    def tell(self, heading_rad: float, sd_rad: float, *, gate: float = math.inf) -> bool:
        """A reading of the heading from elsewhere, as of the last sample, for every hypothesis.

        It counts in full each time: what comes of the same data twice must be told once. False, and
        nothing changes, where it is further off than `gate` deviations of the difference. Raises
        ValueError when it is not finite, or its deviation not positive.
        """
        if not (math.isfinite(heading_rad) and 0.0 < sd_rad < math.inf):
            raise ValueError(
                f"heading_rad is {heading_rad}, sd_rad {sd_rad}; give a number and a positive one."
            )
        return bool(_tell(self._memory, float(heading_rad), float(sd_rad) ** 2, float(gate)))

    def constrain(
        self,
        *,
        hinge: OneAxis | None = None,
        two_axes: TwoAxes | None = None,
        sd_rad: float = AXES_SD_RAD,
        floor_rad: float = AXES_FLOOR_RAD,
    ) -> None:
        """From the next sample on the joint has these axes, or none known; see `packed_axes`."""
        self._axes = packed_axes(hinge, two_axes, sd_rad, floor_rad)

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
    axes: Float64,
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
        _step(state, c, axes, q1[i], q2[i], acc1[i], acc2[i])
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
    """Heading of a distal against a proximal segment: joint's centre, axes and the neutral pose.

    rate_hz: of the rows. bones: (2, 4) sensor to segment of both. hinge, two_axes: the joint's axes
    in the sensors' frames, where it has less than three; see `packed_axes`. Below 20 Hz the joint's
    centre tells nothing.
    """

    def __init__(
        self,
        rate_hz: float,
        bones: Float64,
        *,
        hinge: OneAxis | None = None,
        two_axes: TwoAxes | None = None,
        axes_sd_rad: float = AXES_SD_RAD,
    ) -> None:
        self._bones = np.ascontiguousarray(bones)
        self._axes = packed_axes(hinge, two_axes, axes_sd_rad)
        self._coefficients = _coefficients(rate_hz, RelativeHeadingParameters())
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
            self.memory, self._coefficients, self._axes, self.pose, self._bones, q1, q2, acc1,
            acc2, gap, still_s, heading, variance,
        )  # fmt: skip
        return heading, variance


def rotations_about_vertical(heading_rad: ArrayLike) -> Float64:
    """Quaternions (n, 4) that turn earth coordinates about the vertical by angles (n,), radians."""
    half = 0.5 * np.asarray(heading_rad, dtype=np.float64)
    zero = np.zeros_like(half)
    return np.stack([np.cos(half), zero, zero, np.sin(half)], axis=-1)
