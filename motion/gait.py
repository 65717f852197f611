"""Gait: tells steps from the exercise, so that nothing is counted while a person walks about.

Looks at the vertical acceleration of sensors alone: who walks is lifted and let down with every
step, and all that is strapped on goes along, whatever turns. Knows no angle and no template; what
is done about steps is `tracker`'s.
"""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion._jit import njit

Float64 = NDArray[np.float64]
Flags = NDArray[np.uint8]

# People take 1.4 (slow, old) to 2.5 (hurried) steps a second. The band-pass is wider, so that it
# follows within a step.
STEPS_HZ: Final = (1.2, 3.2)
# What is compared with it: without drift and breathing, without what rings after an impact.
ANY_HZ: Final = (0.5, 6.0)
# Mean squares are taken over about half a step: the first steps must show.
SMOOTHING_S: Final = 0.25
# Of steps two thirds and more of the power lie in the band. Of fast exercises that is so for one
# sensor at times, hardly ever for most of them at once.
STEP_SHARE: Final = 0.6
# Root mean square of the vertical acceleration: calm walking has 1.5 to 3 m/s2 at the trunk, slow
# walking of old people about 1; breathing, sway and slow exercises stay below 0.5.
STEP_LEAST_MPS2: Final = 0.7
# Steps for so long are gait, by one sensor alone and by several: in 720 repetitions of exercises,
# a third of them hurried, one sensor shows steps for 2.2 s at most, most of several for 0.5 s.
SURE_S: Final = (4.0, 1.5)
# Two steps may differ so much that for this long there seem to be none.
BREAK_S: Final = 0.3
# Who has not stepped for longer than two slow steps stands again.
STANDS_S: Final = 1.0
# A repetition with steps in more than this share of its samples is a stride, by one sensor and by
# several: in the same repetitions the share is 0.73 at most in one sensor, 0.06 in most of several.
STRIDE_SHARE: Final = (0.8, 0.1)
# Of the first step the filters show nothing before it lands. A movement no longer than two slow
# steps may be a stride that ends before; its steps show this long after its end at the latest. With
# a watermark every 100 ms and 50 samples a second that still keeps the report within half a second.
STRIDE_S: Final = 1.4
SHOWN_S: Final = 0.38
GRAVITY_MPS2: Final = 9.81

# State: a head, then one block a sensor.
STEPPING_FROM_T: Final = 0  # since when there have been steps without a break
STEPPED_T: Final = 1  # last sample with steps
WALKING: Final = 2  # 1 while it is gait
STARTED: Final = 3  # 1 from the first sample on
HEAD: Final = 4
FILTERS: Final = 0  # two states of each of the two filters
POWER: Final = 4  # mean square of the whole, and of the band
BAND_POWER: Final = 5
BLOCK: Final = 6

# Coefficients: b0, a1, a2 of each of the two filters (b1 is 0, b2 is -b0), and the smoothing's.
COEFFICIENTS: Final = 7


def coefficients(period_s: float) -> Float64:
    """Coefficients (7,) for samples that come every `period_s`: two band-passes of second order by
    the bilinear transform, edges prewarped, and an exponential mean."""
    values: list[float] = []
    for low_hz, high_hz in (ANY_HZ, STEPS_HZ):
        # An edge at half the rate and beyond cannot be had: the nearest that can is taken.
        low, high = (math.tan(math.pi * min(edge * period_s, 0.45)) for edge in (low_hz, high_hz))
        width, centre = high - low, low * high
        scale = 1.0 / (1.0 + width + centre)
        values += [width * scale, 2.0 * (centre - 1.0) * scale, (1.0 - width + centre) * scale]
    return np.array([*values, 1.0 - math.exp(-period_s / SMOOTHING_S)])


@njit
def _vertical(q: Float64, acc: Float64) -> float:
    """Specific force along the earth's up direction, without gravity."""
    w, x, y, z = q[0], q[1], q[2], q[3]
    up = (
        2.0 * (x * z - w * y) * acc[0]
        + 2.0 * (y * z + w * x) * acc[1]
        + (1.0 - 2.0 * (x * x + y * y)) * acc[2]
    )
    return float(up - GRAVITY_MPS2)


@njit
def _filtered(block: Float64, at: int, b0: float, a1: float, a2: float, value: float) -> float:
    """One sample through a band-pass, transposed direct form; its state lies at `at`."""
    out = b0 * value + block[at]
    block[at] = block[at + 1] - a1 * out
    block[at + 1] = -b0 * value - a2 * out
    return float(out)


@njit
def gait_kernel(
    state: Float64,
    parts: Float64,
    sure_s: float,
    t: Float64,
    q: Float64,
    acc: Float64,
    gap: Flags,
    steps: Flags,
    walks: Flags,
) -> None:
    """Tell at each sample whether it shows steps, and whether it is gait by now.

    t: (n,) seconds. q, acc: (n, 4 s) and (n, 3 s) of s sensors side by side. gap: (n,). steps,
    walks: (n,) out.
    """
    sensors = q.shape[1] // 4
    for i in range(len(t)):
        now = t[i]
        stepping = 0
        anew = gap[i] == 1 or state[STARTED] == 0.0
        state[STARTED] = 1.0
        for s in range(sensors):
            block = state[HEAD + s * BLOCK : HEAD + (s + 1) * BLOCK]
            vertical = _vertical(q[i, 4 * s : 4 * s + 4], acc[i, 3 * s : 3 * s + 3])
            if anew:
                # As if it had always been so: an accelerometer that is off rings otherwise.
                block[:] = 0.0
                block[FILTERS] = -parts[0] * vertical
                block[FILTERS + 1] = -parts[0] * vertical
            whole = _filtered(block, FILTERS, parts[0], parts[1], parts[2], vertical)
            band = _filtered(block, FILTERS + 2, parts[3], parts[4], parts[5], whole)
            block[POWER] += parts[6] * (whole * whole - block[POWER])
            block[BAND_POWER] += parts[6] * (band * band - block[BAND_POWER])
            if (
                block[POWER] > STEP_LEAST_MPS2 * STEP_LEAST_MPS2
                and block[BAND_POWER] > STEP_SHARE * block[POWER]
            ):
                stepping += 1
        # Most of them: one may be strapped where steps arrive otherwise, as at a shank.
        if 2 * stepping > sensors:
            if now - state[STEPPED_T] > BREAK_S or gap[i] == 1:
                state[STEPPING_FROM_T] = now
            state[STEPPED_T] = now
            if now - state[STEPPING_FROM_T] >= sure_s:
                state[WALKING] = 1.0
            steps[i] = 1
        else:
            if now - state[STEPPED_T] >= STANDS_S:
                state[WALKING] = 0.0
            steps[i] = 0
        walks[i] = 1 if state[WALKING] == 1.0 else 0


class GaitDetector:
    """Steps and gait in the vertical acceleration of one or several sensors, online.

    State is one array; any chunking gives the same to the last bit.
    """

    def __init__(self, sensors: int) -> None:
        self.state = np.zeros(HEAD + sensors * BLOCK)
        self.state[STEPPED_T] = -math.inf
        self._several = int(sensors > 1)
        self._parts = np.zeros(0)
        self._period_s = math.nan

    @property
    def awaited_s(self) -> tuple[float, float]:
        """How long a movement lasts at most whose steps may show after its end alone, and for how
        long they are waited for: seconds. Of one sensor, which shows steps in exercises too, a
        wait would tell nothing."""
        return (STRIDE_S, SHOWN_S) if self._several else (0.0, 0.0)

    def is_stride(self, t: Float64, steps: Flags, start_s: float, end_s: float) -> bool:
        """Whether what passes for a repetition is a step or two of somebody who sets off.

        A repetition that was told is never taken back, so that this must show in itself or right
        after it, long before it is sure that somebody walks. t: (n,) seconds; steps: (n,) of
        `update`, as far as they are known.
        """
        first = int(np.searchsorted(t, start_s))
        stop = int(np.searchsorted(t, end_s, "right"))
        share = STRIDE_SHARE[self._several]
        if steps[first:stop].sum() > share * (stop - first):
            return True
        longest_s, awaited_s = self.awaited_s
        if end_s - start_s > longest_s:
            return False
        stop = int(np.searchsorted(t, end_s + awaited_s, "right"))
        begun = bool(stop > first and steps[stop - 1] == 1)
        return begun or bool(steps[first:stop].sum() > share * (stop - first))

    def update(
        self, period_s: float, t: Float64, q: Float64, acc: Float64, gap: Flags
    ) -> tuple[Flags, Flags]:
        """Whether each of n samples shows steps, and whether it is gait by now: 1 or 0, (n,) each.

        period_s: nominal time between samples. t: (n,) seconds. q: (n, 4 s) sensor to earth, acc:
        (n, 3 s) m/s2 in the frames of s sensors. gap: (n,) 1 where a silence precedes.
        """
        if period_s != self._period_s:
            self._period_s = period_s
            self._parts = coefficients(period_s)
        steps = np.empty(len(t), np.uint8)
        walks = np.empty(len(t), np.uint8)
        sure_s = SURE_S[self._several]
        gait_kernel(self.state, self._parts, sure_s, t, q, acc, gap, steps, walks)
        return steps, walks
