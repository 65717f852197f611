"""Rest: notices stillness, keeps the neutral pose, re-zeroes heading when it returns.

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
# ... and its heading within this. Drift between two rests is a degree or two; a held turn larger
# than this must not be taken for drift.
SAME_HEADING_RAD: Final = math.radians(5.0)
# Time constant of the re-zeroing, so that the angle never jumps ...
REZERO_S: Final = 0.5
# ... and its fastest: what a gyroscope whose bias is unknown yet drifts by (0.5 degrees a second on
# each of two axes), and no turn that somebody sets out to do.
REZERO_RADPS: Final = math.radians(1.0)
# A heading that changes faster is turned, however slowly a turn begins; sway of the trunk stays
# below a degree a second. Averaged over a time that lets no step through.
TURNING_RADPS: Final = math.radians(1.5)
TURNING_S: Final = 0.25

# State: a head, then one block a sensor.
STILL_FROM_T: Final = 0
ZERO_T: Final = 1
HAS_ANCHOR: Final = 2
HAS_NEUTRAL: Final = 3
LAST_T: Final = 4
HEAD: Final = 5
ANCHOR: Final = 0
NEUTRAL: Final = 4
CORRECTION: Final = 8
HEADING: Final = 9  # against the neutral pose, at the last sample
TURNING: Final = 10  # its rate, smoothed
BLOCK: Final = 11


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
def _follow_heading(state: Float64, q: Float64, passed: float, anew: bool) -> None:
    """Note how fast each sensor turns about the vertical, `passed` seconds after the last look."""
    share = min(1.0, passed / TURNING_S)
    for s in range(len(q) // 4):
        block = state[HEAD + s * BLOCK : HEAD + (s + 1) * BLOCK]
        heading = heading_apart(q[4 * s : 4 * s + 4], block[NEUTRAL : NEUTRAL + 4])
        if anew or passed <= 0.0:
            block[TURNING] = 0.0
        else:
            turned = heading - block[HEADING]
            turned -= 2.0 * math.pi * math.floor(turned / (2.0 * math.pi) + 0.5)
            block[TURNING] += share * (turned / passed - block[TURNING])
        block[HEADING] = heading


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
        still = state[HAS_ANCHOR] == 1.0 and gap[i] == 0
        for s in range(sensors):
            block = state[HEAD + s * BLOCK : HEAD + (s + 1) * BLOCK]
            qs = q[i, 4 * s : 4 * s + 4]
            if block[CORRECTION] != 0.0:
                _turn(-block[CORRECTION], qs, qs)
            if still and _apart(qs, block[ANCHOR : ANCHOR + 4]) > STILL_RAD:
                still = False
        if not still:
            state[HAS_ANCHOR] = 1.0
            state[STILL_FROM_T] = now
            for s in range(sensors):
                for k in range(4):
                    state[HEAD + s * BLOCK + ANCHOR + k] = q[i, 4 * s + k]
        still_s[i] = now - state[STILL_FROM_T]
        if rezero and state[HAS_NEUTRAL] == 1.0:
            _follow_heading(state, q[i], now - state[LAST_T], gap[i] == 1)
        if still_s[i] >= NEUTRAL_S:
            if state[HAS_NEUTRAL] == 0.0:
                state[HAS_NEUTRAL] = 1.0
                state[ZERO_T] = now
                for s in range(sensors):
                    for k in range(4):
                        state[HEAD + s * BLOCK + NEUTRAL + k] = q[i, 4 * s + k]
                    state[HEAD + s * BLOCK + HEADING] = 0.0
                    state[HEAD + s * BLOCK + TURNING] = 0.0
            elif rezero:
                passed = now - state[LAST_T]
                gain = min(1.0, passed / REZERO_S)
                zeroed = True
                for s in range(sensors):
                    block = state[HEAD + s * BLOCK : HEAD + (s + 1) * BLOCK]
                    qs = q[i, 4 * s : 4 * s + 4]
                    neutral = block[NEUTRAL : NEUTRAL + 4]
                    heading = heading_apart(qs, neutral)
                    # What is left after taking the heading out is the inclination.
                    tilt = 0.0
                    whole = _apart(qs, neutral)
                    cosine = math.cos(0.5 * whole) / max(math.cos(0.5 * heading), 1e-9)
                    tilt = 2.0 * math.acos(min(1.0, max(-1.0, cosine)))
                    turning = abs(block[TURNING]) > TURNING_RADPS
                    same = tilt <= SAME_INCLINATION_RAD and abs(heading) <= SAME_HEADING_RAD
                    if same and not turning:
                        most = REZERO_RADPS * passed
                        change = max(-most, min(most, gain * heading))
                        block[CORRECTION] += change
                        block[HEADING] -= change
                    else:
                        zeroed = False
                if zeroed:
                    state[ZERO_T] = now
        state[LAST_T] = now
        zero_t[i] = state[ZERO_T]


class RestTracker:
    """Stillness, neutral pose and heading of one or several sensors, online.

    rezero: whether the heading of each sensor is corrected where the neutral pose returns. State is
    one array; any chunking gives the same to the last bit.
    """

    def __init__(self, sensors: int, *, rezero: bool = True) -> None:
        self._rezero = rezero
        self.state = np.zeros(HEAD + sensors * BLOCK)
        self._started = False

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
