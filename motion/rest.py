"""Rest: notices stillness, keeps the neutral pose, learns from it how headings drift.

Works on orientations alone and depends on no range or tempo of a template, so that angles can be
kept and segmented again when a therapist moves a target. The rest *level* of an angle is tracked
by `repetition`.
"""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion._jit import njit

Float64 = NDArray[np.float64]

# Still: no sensor turned further than this from where the stillness began. Standing sway and
# breathing stay below 2 degrees at the trunk; tremor of a held limb adds about one.
STILL_RAD: Final = math.radians(3.0)
# The neutral pose is taken from the first still half-second.
NEUTRAL_S: Final = 0.5
# A pose is the neutral one again when its inclination agrees within this ...
SAME_INCLINATION_RAD: Final = math.radians(10.0)
# ... and its heading as well as can be expected: within so many standard deviations, and never
# further than this, lest a held turn is taken for drift.
SAME_HEADING_SDS: Final = 3.0
SAME_HEADING_RAD: Final = math.radians(10.0)
# A heading that changes faster than this, and than its drift can be, is turned, however slowly a
# turn begins. Averaged over a time that lets no step through.
TURNING_RADPS: Final = math.radians(0.5)
RATE_SDS: Final = 2.0
TURNING_S: Final = 0.25
# How far a heading has drifted, and how fast it does, is estimated for each sensor by a Kalman
# filter with two states. A gyroscope is half a degree a second off before the orientation filter
# knows its bias, and this is left on average when a first pose is taken ...
RATE_SD_RADPS: Final = math.radians(0.4)
# ... and the orientation filter, which learns it too, changes what is left by this within a second.
RATE_WALK_RADPS: Final = math.radians(0.08)
HEADING_WALK_RAD: Final = math.radians(0.1)
# Who comes back to rest stands as before to within this; who has not moved since the neutral pose
# was taken only sways. Both as of one second of rest.
RETURN_SD_RAD: Final = math.radians(1.5)
SWAY_SD_RAD: Final = math.radians(0.5)
# What is found is put in no faster than this, so that the angle never jumps.
REZERO_RADPS: Final = math.radians(3.0)

# State: a head, then one block a sensor.
STILL_FROM_T: Final = 0
ZERO_T: Final = 1
HAS_ANCHOR: Final = 2
HAS_NEUTRAL: Final = 3
LAST_T: Final = 4
NEUTRAL_FROM_T: Final = 5  # since when it had been still when the neutral pose was taken
HEAD: Final = 6
ANCHOR: Final = 0
NEUTRAL: Final = 4
CORRECTION: Final = 8  # what is put in
DRIFT: Final = 9  # what is estimated, and its rate, with their covariance
RATE: Final = 10
DRIFT_VARIANCE: Final = 11
COVARIANCE: Final = 12
RATE_VARIANCE: Final = 13
HEADING: Final = 14  # against the neutral pose, corrected, at the last sample
TURNING: Final = 15  # its rate, smoothed
BLOCK: Final = 16


@njit
def _turn(angle: float, q: Float64, out: Float64) -> None:
    """`out` is `q` turned about the vertical by `angle` (earth frame)."""
    c = math.cos(0.5 * angle)
    s = math.sin(0.5 * angle)
    w, x, y, z = q[0], q[1], q[2], q[3]
    out[0] = c * w - s * z
    out[1] = c * x - s * y
    out[2] = c * y + s * x
    out[3] = c * z + s * w


@njit
def _apart(p: Float64, q: Float64) -> float:
    """Rotation angle between two orientations."""
    w = abs(p[0] * q[0] + p[1] * q[1] + p[2] * q[2] + p[3] * q[3])
    # Not acos, which loses half the digits near no rotation.
    x = p[0] * q[1] - p[1] * q[0] - p[2] * q[3] + p[3] * q[2]
    y = p[0] * q[2] + p[1] * q[3] - p[2] * q[0] - p[3] * q[1]
    z = p[0] * q[3] - p[1] * q[2] + p[2] * q[1] - p[3] * q[0]
    return 2.0 * math.atan2(math.sqrt(x * x + y * y + z * z), w)


@njit
def heading_apart(q: Float64, reference: Float64) -> float:
    """Heading of `q` against `reference`: the part of q * conj(reference) about the vertical."""
    w = (
        q[0] * reference[0]
        + q[1] * reference[1]
        + q[2] * reference[2]
        + q[3] * reference[3]
    )  # fmt: skip
    z = (
        -q[0] * reference[3]
        - q[1] * reference[2]
        + q[2] * reference[1]
        + q[3] * reference[0]
    )  # fmt: skip
    angle = 2.0 * math.atan2(z, w)
    if angle > math.pi:
        angle -= 2.0 * math.pi
    elif angle <= -math.pi:
        angle += 2.0 * math.pi
    return angle


@njit
def _drift(block: Float64, passed: float) -> None:
    """Predict the drift of one sensor's heading, and put it in."""
    block[DRIFT] += block[RATE] * passed
    block[DRIFT_VARIANCE] += passed * (
        2.0 * block[COVARIANCE]
        + passed * block[RATE_VARIANCE]
        + HEADING_WALK_RAD * HEADING_WALK_RAD
    )
    block[COVARIANCE] += passed * block[RATE_VARIANCE]
    block[RATE_VARIANCE] += passed * RATE_WALK_RADPS * RATE_WALK_RADPS
    most = REZERO_RADPS * passed
    block[CORRECTION] += max(-most, min(most, block[DRIFT] - block[CORRECTION]))


@njit
def _follow_heading(block: Float64, q: Float64, passed: float, anew: bool) -> None:
    """Note how fast a sensor turns about the vertical, `passed` seconds after the last look."""
    heading = heading_apart(q, block[NEUTRAL : NEUTRAL + 4])
    if anew or passed <= 0.0:
        block[TURNING] = 0.0
    else:
        turned = heading - block[HEADING]
        turned -= 2.0 * math.pi * math.floor(turned / (2.0 * math.pi) + 0.5)
        share = min(1.0, passed / TURNING_S)
        block[TURNING] += share * (turned / passed - block[TURNING])
    block[HEADING] = heading


@njit
def _returned(block: Float64, q: Float64, passed: float, sd: float) -> bool:
    """Take the heading at rest as a reading of its drift, with deviation `sd` within a second;
    false where the pose is another."""
    heading = block[HEADING]
    # What is left after taking the heading out is the inclination.
    whole = _apart(q, block[NEUTRAL : NEUTRAL + 4])
    cosine = math.cos(0.5 * whole) / max(math.cos(0.5 * heading), 1e-9)
    tilt = 2.0 * math.acos(min(1.0, max(-1.0, cosine)))
    error = heading + block[CORRECTION] - block[DRIFT]
    expected = math.sqrt(block[DRIFT_VARIANCE] + sd * sd)
    if (
        tilt > SAME_INCLINATION_RAD
        or abs(error) > min(SAME_HEADING_SDS * expected, SAME_HEADING_RAD)
        or abs(block[TURNING]) > TURNING_RADPS + RATE_SDS * math.sqrt(block[RATE_VARIANCE])
    ):
        return False
    if passed > 0.0:
        total = block[DRIFT_VARIANCE] + sd * sd / passed
        gain = block[DRIFT_VARIANCE] / total
        rate_gain = block[COVARIANCE] / total
        block[DRIFT] += gain * error
        block[RATE] += rate_gain * error
        block[RATE_VARIANCE] -= rate_gain * block[COVARIANCE]
        block[COVARIANCE] *= 1.0 - gain
        block[DRIFT_VARIANCE] *= 1.0 - gain
    return True


@njit
def rest_kernel(
    state: Float64,
    t: Float64,
    q: Float64,
    gap: NDArray[np.uint8],
    rezero: bool,
    still_s: Float64,
    zero_t: Float64,
) -> None:
    """With `rezero` correct headings in place; tell how long the pose has been still.

    t: (n,) seconds. q: (n, 4 s) quaternions of s sensors side by side. gap: (n,). still_s: (n,)
    out, seconds of stillness. zero_t: (n,) out, time of the last re-zeroing.
    """
    sensors = q.shape[1] // 4
    for i in range(len(t)):
        now = t[i]
        passed = now - state[LAST_T]
        corrects = rezero and state[HAS_NEUTRAL] == 1.0
        still = state[HAS_ANCHOR] == 1.0 and gap[i] == 0
        for s in range(sensors):
            block = state[HEAD + s * BLOCK : HEAD + (s + 1) * BLOCK]
            qs = q[i, 4 * s : 4 * s + 4]
            if corrects:
                _drift(block, passed)
            if block[CORRECTION] != 0.0:
                _turn(-block[CORRECTION], qs, qs)
            if corrects:
                _follow_heading(block, qs, passed, gap[i] == 1)
            if still and _apart(qs, block[ANCHOR : ANCHOR + 4]) > STILL_RAD:
                still = False
        if not still:
            state[HAS_ANCHOR] = 1.0
            state[STILL_FROM_T] = now
            for s in range(sensors):
                for k in range(4):
                    state[HEAD + s * BLOCK + ANCHOR + k] = q[i, 4 * s + k]
        still_s[i] = now - state[STILL_FROM_T]
        if still_s[i] >= NEUTRAL_S:
            if state[HAS_NEUTRAL] == 0.0:
                state[HAS_NEUTRAL] = 1.0
                state[NEUTRAL_FROM_T] = state[STILL_FROM_T]
                state[ZERO_T] = now
                for s in range(sensors):
                    block = state[HEAD + s * BLOCK : HEAD + (s + 1) * BLOCK]
                    for k in range(4):
                        block[NEUTRAL + k] = q[i, 4 * s + k]
                    block[DRIFT] = block[CORRECTION]
                    block[DRIFT_VARIANCE] = 0.0
                    block[COVARIANCE] = 0.0
                    block[HEADING] = 0.0
                    block[TURNING] = 0.0
            elif rezero:
                unmoved = state[STILL_FROM_T] == state[NEUTRAL_FROM_T]
                sd = SWAY_SD_RAD if unmoved else RETURN_SD_RAD
                zeroed = True
                for s in range(sensors):
                    block = state[HEAD + s * BLOCK : HEAD + (s + 1) * BLOCK]
                    if not _returned(block, q[i, 4 * s : 4 * s + 4], passed, sd):
                        zeroed = False
                if zeroed:
                    state[ZERO_T] = now
        state[LAST_T] = now
        zero_t[i] = state[ZERO_T]


class RestTracker:
    """Stillness, neutral pose and heading of one or several sensors, online.

    rezero: whether the heading of each sensor is corrected where the neutral pose returns. drifts:
    of a tracker before it, to go on with. State is one array; any chunking gives the same to the
    last bit.
    """

    def __init__(self, sensors: int, *, rezero: bool = True, drifts: Float64 | None = None) -> None:
        self._rezero = rezero
        self.state = np.zeros(HEAD + sensors * BLOCK)
        self._blocks[:, RATE_VARIANCE] = RATE_SD_RADPS**2
        if drifts is not None:
            self.drifts = drifts

    @property
    def _blocks(self) -> Float64:
        """The blocks (s, BLOCK) of the sensors, within the state."""
        blocks: Float64 = self.state[HEAD:].reshape(-1, BLOCK)
        return blocks

    @property
    def drifts(self) -> Float64:
        """Rate by which each heading drifts, rad/s, and its variance: (s, 2)."""
        found: Float64 = self._blocks[:, [RATE, RATE_VARIANCE]]
        return found

    @drifts.setter
    def drifts(self, drifts: Float64) -> None:
        self._blocks[:, [RATE, RATE_VARIANCE]] = drifts

    @property
    def has_neutral(self) -> bool:
        """Whether a still half-second has been seen since the start or `forget_neutral`."""
        return bool(self.state[HAS_NEUTRAL])

    def neutral(self, sensor: int) -> Float64:
        """Neutral pose (4,) of the sensor by index, earth heading as in what `update` returns."""
        start = HEAD + sensor * BLOCK + NEUTRAL
        pose: Float64 = self.state[start : start + 4].copy()
        return pose

    def forget_neutral(self) -> None:
        """Take the neutral pose anew from the next still half-second."""
        self.state[HAS_NEUTRAL] = 0.0
        self.state[HAS_ANCHOR] = 0.0

    def update(self, t: Float64, q: Float64, gap: NDArray[np.uint8]) -> tuple[Float64, Float64]:
        """Correct `q` (n, 4 s) in place; returns seconds of stillness and time of last zero."""
        still_s = np.empty(len(t))
        zero_t = np.empty(len(t))
        if len(t):
            if self.state[HAS_ANCHOR] == 0.0 and self.state[LAST_T] == 0.0:
                self.state[LAST_T] = t[0]
                self.state[ZERO_T] = t[0]
            rest_kernel(self.state, t, q, gap, self._rezero, still_s, zero_t)
        return still_s, zero_t
