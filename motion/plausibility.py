"""Is what a sensor says physically sensible? Its units, its life, and each of its rows.

`PlausibilityCheck` judges a stream as a whole, `flag_rows` each sample as it comes; neither knows
movements or exercises. Turning flagged rows into a silent sensor is the business of `stream`.
"""

import math
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion._jit import njit
from motion.errors import SamplesError, SamplesFault
from motion.samples import Samples

Float64 = NDArray[np.float64]
Float32 = NDArray[np.float32]
UInt8 = NDArray[np.uint8]

STANDARD_GRAVITY_MPS2: Final = 9.80665


class RowFlag(IntEnum):
    """Why a sample is not to be trusted."""

    VALID = 0
    NOT_FINITE = 1
    SATURATED = 2
    FROZEN = 3


# Full scales of the accelerometers and gyroscopes in wearables. The last five gyroscope scales are
# those of the LSM6 family, whose 2^15 steps of 4.375, 8.75 ... mdeg/s go 15 % beyond the nominal.
ACC_FULL_SCALES_MPS2: Final = np.array([2.0, 4.0, 8.0, 16.0, 32.0]) * STANDARD_GRAVITY_MPS2
GYR_FULL_SCALES_RADPS: Final = np.array(
    [125.0, 245.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0, 143.4, 286.7, 573.4, 1146.9, 2293.8]
) * (math.pi / 180.0)
# Calibration moves a saturated value: scale and offset of accelerometers are good to 1-2 %, ...
ACC_FULL_SCALE_TOLERANCE: Final = 0.03
# ... scales of gyroscopes to 3 %, with offsets of some deg/s.
GYR_FULL_SCALE_TOLERANCE: Final = 0.05
# Two equal neighbours at a turning point are chance; three at the very extreme are a stop.
SATURATED_SAMPLES: Final = 3
# Six noisy axes do not repeat for half a second, the span after which a sensor is silent ...
FROZEN_S: Final = 0.5
# ... and not five times in a row, which matters at low rates and after gaps.
FROZEN_SAMPLES: Final = 5

# State of `flag_rows`: zeros to begin with.
FLAG_STARTED: Final = 0
FLAG_SAME_SINCE: Final = 1  # time of the first of the identical samples, the one it froze on
FLAG_SAME_COUNT: Final = 2
FLAG_PREVIOUS: Final = 3
FLAG_RUN: Final = 9
FLAG_HIGHEST: Final = 15
FLAG_LOWEST: Final = 21
FLAG_STATE_SIZE: Final = 27


@njit
def _at_full_scale(value: float, scales: Float64, tolerance: float) -> bool:
    size = abs(value)
    for k in range(len(scales)):  # noqa: SIM110 (numba compiles no generators)
        if abs(size - scales[k]) <= tolerance * scales[k]:
            return True
    return False


@njit
def flag_rows(state: Float64, t_s: Float64, acc: Float32, gyr: Float32, out_flags: UInt8) -> None:
    """Say of each sample, as it comes, whether it can be trusted.

    state: (FLAG_STATE_SIZE,), zeros for a new stream, carried from chunk to chunk; results are the
    same to the last bit however the stream is cut. t_s: (n,) s, increasing. acc: (n, 3) m/s2. gyr:
    (n, 3) rad/s. out_flags: (n,) receives `RowFlag` values.

    NOT_FINITE: a value is NaN or infinite. SATURATED: an axis stands at the most extreme value it
    ever gave, near a full scale, for three samples or more; flagged from the third on. FROZEN: all
    six values repeat for more than half a second; flagged from then on, and state[FLAG_SAME_SINCE]
    is the time it froze.
    """
    for i in range(len(t_s)):
        finite = True
        for axis in range(3):
            if not (math.isfinite(acc[i, axis]) and math.isfinite(gyr[i, axis])):
                finite = False
        if not finite:
            out_flags[i] = 1
            state[FLAG_STARTED] = 0.0
            for k in range(6):
                state[FLAG_RUN + k] = 0.0
            continue
        same = state[FLAG_STARTED] == 1.0
        saturated = False
        for k in range(6):
            value = float(acc[i, k]) if k < 3 else float(gyr[i, k - 3])
            repeats = state[FLAG_STARTED] == 1.0 and value == state[FLAG_PREVIOUS + k]
            if not repeats:
                same = False
                state[FLAG_RUN + k] = 0.0
            extreme = value >= state[FLAG_HIGHEST + k] or value <= state[FLAG_LOWEST + k]
            if not extreme:
                state[FLAG_RUN + k] = 0.0
            else:
                state[FLAG_HIGHEST + k] = max(state[FLAG_HIGHEST + k], value)
                state[FLAG_LOWEST + k] = min(state[FLAG_LOWEST + k], value)
                if k < 3:
                    at = _at_full_scale(value, ACC_FULL_SCALES_MPS2, ACC_FULL_SCALE_TOLERANCE)
                else:
                    at = _at_full_scale(value, GYR_FULL_SCALES_RADPS, GYR_FULL_SCALE_TOLERANCE)
                if at:
                    state[FLAG_RUN + k] += 1.0
                    if state[FLAG_RUN + k] >= SATURATED_SAMPLES:
                        saturated = True
                else:
                    state[FLAG_RUN + k] = 0.0
            state[FLAG_PREVIOUS + k] = value
        if same:
            state[FLAG_SAME_COUNT] += 1.0
        else:
            state[FLAG_SAME_COUNT] = 1.0
            state[FLAG_SAME_SINCE] = t_s[i]
        state[FLAG_STARTED] = 1.0
        if state[FLAG_SAME_COUNT] >= FROZEN_SAMPLES and t_s[i] - state[FLAG_SAME_SINCE] > FROZEN_S:
            out_flags[i] = 3
        elif saturated:
            out_flags[i] = 2
        else:
            out_flags[i] = 0


# A window long enough to average noise and tremor, short enough to find rest between repetitions.
WINDOW_S: Final = 0.5
# The acceleration of a window deviates from its mean by less than this share of its norm: 0.6
# degrees of tilt, a third of a percent above the noise of the coarsest converters (8 mg steps).
STILL_SPREAD: Final = 0.01
# A longer interval between samples begins everything anew.
GAP_S: Final = 0.5
# Low-pass on the direction of gravity and, alike, on its predicted rate of change: below 1 Hz.
GRAVITY_FILTER_S: Final = 0.2
# The norm of the acceleration within a window stays within this ratio, so that it is mostly
# gravity: linear accelerations up to a fifth of it.
QUIET_RATIO: Final = 1.5
# Gravity turned by 3 degrees in a window: five times the noise of its direction.
TURNED: Final = 0.05
# Observed and predicted turning of gravity have the same direction within 45 degrees.
AGREEMENT: Final = 0.7
# Ratio of integrated rate to turning of gravity. 57.3 means deg/s for rad/s, 1/57.3 the reverse; on
# human movement in right units nearly all windows give 0.1 to 9, the spread of linear acceleration.
RATIO_TOO_LARGE: Final = 20.0
RATIO_TOO_SMALL: Final = 1.0 / RATIO_TOO_LARGE
# So many windows must agree on a wrong unit, ...
TURNING_WINDOWS: Final = 4
# ... be this share of all windows in which gravity turned, and outnumber the others twofold.
TURNING_SHARE: Final = 0.5
# No gyroscope in a wearable measures more than 4000 deg/s (70 rad/s).
GREATEST_RATE_RADPS: Final = 75.0
# Glitches may exceed it now and then; a hundredth of all samples is no glitch.
IMPOSSIBLE_SHARE: Final = 0.01

# Fewer rows or seconds allow no verdict on units.
LEAST_ROWS: Final = 20
LEAST_S: Final = 2.0
# A second of the very same values is no living sensor.
CONSTANT_S: Final = 1.0

# Norms are counted in bins of 10 % from 0.001 to 100 000, whatever the unit.
BIN_RATIO: Final = 1.1
BIN_LEAST: Final = 1e-3
BINS: Final = 194
# The norm at rest is known from a second of stillness on.
REST_WINDOWS: Final = 2
# Norm at rest of an accelerometer in m/s2: half to twice gravity, beyond any calibration fault.
REST_NORM_MPS2: Final = (5.0, 20.0)
# Median norm of one that never rests: swinging an arm as fast as one can reaches 25 m/s2, and
# the median of a sustained movement does not fall below half of gravity.
MOVING_NORM_MPS2: Final = (4.5, 60.0)
# The same in g and in thousandths of g; what lies between the ranges stays undecided.
REST_NORM_G: Final = (0.5, 2.0)
MOVING_NORM_G: Final = (0.4, 3.5)
# Below this the median holds no gravity at all.
NO_GRAVITY: Final = 0.3

# Swapped columns of a sensor that never rests. The median norm of an accelerometer stays above
# 0.8 of gravity (0.95 is the least seen) and below 40 m/s2 (24), ...
SWAPPED_NORM: Final = (7.85, 40.0)
# ... its lowest tenth above this (2.8 is the least seen), while a rate passes near zero.
SWAPPED_LOW: Final = 2.5
# A window of equal values is frozen, not steady; rounding leaves this much of its norm.
FROZEN_SPREAD: Final = 1e-5

# Share by which the norm at rest may vary, or lie off gravity. Sound sensors stay below 2 % and
# 3 %; 5 % bend the direction of gravity by up to 3 degrees.
NORM_VARIATION: Final = 0.05

# State of `check_kernel`: zeros to begin with.
C_ROWS: Final = 0
C_FINITE: Final = 1
C_ACC_FINITE: Final = 2
C_GYR_FINITE: Final = 3
C_ACC_VARIES: Final = 4
C_GYR_VARIES: Final = 5
C_FIRST_T: Final = 6
C_LAST_T: Final = 7
C_FIRST: Final = 8  # the first finite values, six
C_RUNNING: Final = 14  # the filters hold something
C_GRAVITY: Final = 15  # low-passed direction
C_RATE: Final = 18  # low-passed rate of change, as the gyroscope predicts it
C_TURN: Final = 21  # its integral over the window
C_GRAVITY_THEN: Final = 24  # direction when the window began
C_WINDOW_T: Final = 27
C_COUNT: Final = 28
C_SUM: Final = 29  # six
C_SQUARES_ACC: Final = 35
C_SQUARES_GYR: Final = 36
C_LEAST: Final = 37
C_GREATEST: Final = 38
C_STILL_ACC: Final = 39  # windows
C_STILL_GYR: Final = 40
C_STILL_BEFORE: Final = 41
C_NORM_BEFORE: Final = 42
C_TURNED: Final = 43  # windows in which gravity turned
C_TOO_LARGE: Final = 44
C_FITTING: Final = 45
C_TOO_SMALL: Final = 46
C_LOG_RATIO: Final = 47
C_RESTS: Final = 48  # still windows that follow one of the same norm
C_REST_LEAST: Final = 49  # their two smallest norms, ascending
C_REST_GREATEST: Final = 51  # their two greatest, descending
C_LAST_FINITE_T: Final = 53
C_ACC_BINS: Final = 54
C_GYR_BINS: Final = C_ACC_BINS + BINS
C_REST_BINS: Final = C_GYR_BINS + BINS
CHECK_STATE_SIZE: Final = C_REST_BINS + BINS


@njit
def _bin(norm: float) -> int:
    if norm <= BIN_LEAST:
        return 0
    return min(BINS - 1, int(math.log(norm / BIN_LEAST) / math.log(BIN_RATIO)))


@njit
def _add_rest(state: Float64, norm: float) -> None:
    """Keep the two smallest and the two greatest norms at rest: one may be a jolt."""
    first = state[C_RESTS] == 0.0
    state[C_RESTS] += 1.0
    if first or norm < state[C_REST_LEAST]:
        state[C_REST_LEAST + 1] = norm if first else state[C_REST_LEAST]
        state[C_REST_LEAST] = norm
    elif norm < state[C_REST_LEAST + 1] or state[C_RESTS] == 2.0:
        state[C_REST_LEAST + 1] = norm
    if first or norm > state[C_REST_GREATEST]:
        state[C_REST_GREATEST + 1] = norm if first else state[C_REST_GREATEST]
        state[C_REST_GREATEST] = norm
    elif norm > state[C_REST_GREATEST + 1] or state[C_RESTS] == 2.0:
        state[C_REST_GREATEST + 1] = norm


@njit
def _end_window(state: Float64) -> None:
    """Judge the window that is complete: is it still, and does gravity turn with the gyroscope?"""
    n = state[C_COUNT]
    x, y, z = state[C_SUM] / n, state[C_SUM + 1] / n, state[C_SUM + 2] / n
    norm = math.sqrt(x * x + y * y + z * z)
    variance = max(0.0, state[C_SQUARES_ACC] / n - norm * norm)
    still = norm > BIN_LEAST and variance < (STILL_SPREAD * norm) ** 2
    if still:
        state[C_STILL_ACC] += 1.0
        state[C_REST_BINS + _bin(norm)] += 1.0
        # Only the second still window in a row tells the norm at rest: the first may be a swing.
        before = state[C_NORM_BEFORE]
        if state[C_STILL_BEFORE] == 1.0 and abs(norm - before) < STILL_SPREAD * norm:
            _add_rest(state, norm)
    state[C_STILL_BEFORE] = 1.0 if still else 0.0
    state[C_NORM_BEFORE] = norm
    x, y, z = state[C_SUM + 3] / n, state[C_SUM + 4] / n, state[C_SUM + 5] / n
    rate = math.sqrt(x * x + y * y + z * z)
    variance = max(0.0, state[C_SQUARES_GYR] / n - rate * rate)
    if rate > BIN_LEAST and (FROZEN_SPREAD * rate) ** 2 < variance < (STILL_SPREAD * rate) ** 2:
        state[C_STILL_GYR] += 1.0

    if state[C_GREATEST] >= QUIET_RATIO * state[C_LEAST]:
        return
    seen, predicted, both = 0.0, 0.0, 0.0
    for j in range(3):
        turned = state[C_GRAVITY + j] - state[C_GRAVITY_THEN + j]
        seen += turned * turned
        predicted += state[C_TURN + j] * state[C_TURN + j]
        both += turned * state[C_TURN + j]
    seen, predicted = math.sqrt(seen), math.sqrt(predicted)
    if seen < TURNED:
        return
    state[C_TURNED] += 1.0
    if both < AGREEMENT * seen * predicted or predicted == 0.0:
        return
    ratio = predicted / seen
    state[C_LOG_RATIO] += math.log(ratio)
    if ratio > RATIO_TOO_LARGE:
        state[C_TOO_LARGE] += 1.0
    elif ratio < RATIO_TOO_SMALL:
        state[C_TOO_SMALL] += 1.0
    else:
        state[C_FITTING] += 1.0


@njit
def _begin_window(state: Float64, t: float) -> None:
    state[C_WINDOW_T] = t
    for k in range(C_COUNT, C_LEAST):
        state[k] = 0.0
    state[C_LEAST] = math.inf
    state[C_GREATEST] = 0.0
    for j in range(3):
        state[C_TURN + j] = 0.0
        state[C_GRAVITY_THEN + j] = state[C_GRAVITY + j]


@njit
def check_kernel(state: Float64, t_s: Float64, acc: Float32, gyr: Float32) -> None:
    """Gather what `PlausibilityCheck` judges by; one pass, nothing stored but sums and counts.

    state: (CHECK_STATE_SIZE,), zeros for a new stream. t_s: (n,) s. acc, gyr: (n, 3) as given,
    whatever their units.

    A direction u fixed to the earth changes in the sensor's frame by du/dt = u x w, which is linear
    in the rate w; filtering both sides alike keeps that equality. So the ratio of the two over a
    window is the unit of w, without knowing it.
    """
    values = np.empty(6)
    direction = np.empty(3)
    rate = np.empty(3)
    for i in range(len(t_s)):
        t = t_s[i]
        if state[C_ROWS] == 0.0:
            state[C_FIRST_T] = t
        state[C_ROWS] += 1.0
        acc_finite, gyr_finite = True, True
        for j in range(3):
            values[j] = acc[i, j]
            values[j + 3] = gyr[i, j]
            acc_finite = acc_finite and math.isfinite(values[j])
            gyr_finite = gyr_finite and math.isfinite(values[j + 3])
        if acc_finite:
            state[C_ACC_FINITE] += 1.0
            for j in range(3):
                if state[C_ACC_FINITE] == 1.0:
                    state[C_FIRST + j] = values[j]
                elif values[j] != state[C_FIRST + j]:
                    state[C_ACC_VARIES] = 1.0
        if gyr_finite:
            state[C_GYR_FINITE] += 1.0
            for j in range(3, 6):
                if state[C_GYR_FINITE] == 1.0:
                    state[C_FIRST + j] = values[j]
                elif values[j] != state[C_FIRST + j]:
                    state[C_GYR_VARIES] = 1.0
        state[C_LAST_T] = t
        if not (acc_finite and gyr_finite):
            continue
        interval = t - state[C_LAST_FINITE_T]
        state[C_LAST_FINITE_T] = t
        state[C_FINITE] += 1.0
        squares_acc = values[0] * values[0] + values[1] * values[1] + values[2] * values[2]
        squares_gyr = values[3] * values[3] + values[4] * values[4] + values[5] * values[5]
        norm = math.sqrt(squares_acc)
        state[C_ACC_BINS + _bin(norm)] += 1.0
        state[C_GYR_BINS + _bin(math.sqrt(squares_gyr))] += 1.0
        if norm == 0.0:
            state[C_RUNNING] = 0.0
            continue
        for j in range(3):
            direction[j] = values[j] / norm
        rate[0] = direction[1] * values[5] - direction[2] * values[4]
        rate[1] = direction[2] * values[3] - direction[0] * values[5]
        rate[2] = direction[0] * values[4] - direction[1] * values[3]
        if state[C_RUNNING] == 0.0 or not 0.0 < interval <= GAP_S:
            state[C_RUNNING] = 1.0
            state[C_STILL_BEFORE] = 0.0
            for j in range(3):
                state[C_GRAVITY + j] = direction[j]
                state[C_RATE + j] = rate[j]
            _begin_window(state, t)
        else:
            share = interval / (GRAVITY_FILTER_S + interval)
            for j in range(3):
                state[C_GRAVITY + j] += share * (direction[j] - state[C_GRAVITY + j])
                before = state[C_RATE + j]
                state[C_RATE + j] += share * (rate[j] - before)
                state[C_TURN + j] += 0.5 * (before + state[C_RATE + j]) * interval
        state[C_COUNT] += 1.0
        for k in range(6):
            state[C_SUM + k] += values[k]
        state[C_SQUARES_ACC] += squares_acc
        state[C_SQUARES_GYR] += squares_gyr
        state[C_LEAST] = min(state[C_LEAST], norm)
        state[C_GREATEST] = max(state[C_GREATEST], norm)
        if t - state[C_WINDOW_T] >= WINDOW_S:
            _end_window(state)
            _begin_window(state, t)


class FindingKind(StrEnum):
    """What can be implausible about a sensor; all but the last make it unusable."""

    DEAD = "dead"
    SWAPPED = "swapped"
    UNITS_ACCELERATION = "units_acceleration"
    UNITS_ANGULAR_RATE = "units_angular_rate"
    ACCELEROMETER_OFF = "accelerometer_off"


_FAULTS: Final = {
    FindingKind.DEAD: SamplesFault.DEAD,
    FindingKind.SWAPPED: SamplesFault.SWAPPED,
    FindingKind.UNITS_ACCELERATION: SamplesFault.UNITS_ACCELERATION,
    FindingKind.UNITS_ANGULAR_RATE: SamplesFault.UNITS_ANGULAR_RATE,
}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something implausible. message: one sentence that names the sensor and the remedy.

    factor: what the values are to be multiplied by, where a wrong unit explains them.
    """

    kind: FindingKind
    message: str
    factor: float | None = None


@dataclass(frozen=True, slots=True)
class Plausibility:
    """What was found about one sensor.

    rest_norm_mps2: least and greatest norm of the acceleration while the sensor rested, None if it
    never did for a second. gyroscope_ratio: turning of the gyroscope over
    turning of gravity, 1 in right units; None if gravity hardly turned.
    """

    sensor: str
    findings: tuple[Finding, ...]
    rest_norm_mps2: tuple[float, float] | None
    gyroscope_ratio: float | None

    def raise_if_unusable(self, path_hint: str = "") -> None:
        """Raise SamplesError for the first finding that makes the sensor unusable.

        path_hint: the file, put before the message.
        """
        for finding in self.findings:
            fault = _FAULTS.get(finding.kind)
            if fault is not None:
                where = f"{path_hint}: " if path_hint else ""
                raise SamplesError(fault, f"{where}{finding.message}", sensor=self.sensor)


class PlausibilityCheck:
    """Gathers one sensor's stream and judges whether it is physically sensible.

    Needs constant memory and one pass; `result` may be asked at any time. Says nothing where the
    stream does not tell: units need two seconds, the gyroscope's also some turning of gravity.
    """

    def __init__(self, slot: str) -> None:
        self.slot = slot
        self._state = np.zeros(CHECK_STATE_SIZE)

    def update(self, samples: Samples) -> None:
        """Take a chunk of any length; `samples.sensor` is not looked at."""
        check_kernel(self._state, samples.t_s, samples.acc_mps2, samples.gyr_radps)

    def result(self) -> Plausibility:
        """Judge what came so far."""
        state = self._state
        findings = [*self._dead(state)]
        if not findings and self._enough(state):
            if _swapped(state):
                findings.append(
                    Finding(
                        FindingKind.SWAPPED,
                        f"acceleration and angular rate of the sensor {self.slot!r} are swapped: "
                        f"gyr_x..z behave like an acceleration (median norm "
                        f"{_quantile(state, C_GYR_BINS, 0.5):.2g}), acc_x..z like a rate "
                        f"({_quantile(state, C_ACC_BINS, 0.5):.2g}); exchange the columns.",
                    )
                )
            else:
                findings += self._acceleration_units(state)
                findings += self._rate_units(state)
        norms = _rest_norms(state)
        if not findings and norms is not None:
            findings += self._calibration(norms)
        return Plausibility(self.slot, tuple(findings), norms, _gyroscope_ratio(state))

    def _dead(self, state: Float64) -> list[Finding]:
        if state[C_ROWS] == 0.0:
            told = [f"the sensor {self.slot!r} gave no samples"]
        else:
            told = []
            lasted = state[C_LAST_T] - state[C_FIRST_T] >= CONSTANT_S
            for name, finite, varies, first in (
                ("accelerometer", C_ACC_FINITE, C_ACC_VARIES, C_FIRST),
                ("gyroscope", C_GYR_FINITE, C_GYR_VARIES, C_FIRST + 3),
            ):
                if state[finite] == 0.0:
                    told.append(
                        f"the {name} of the sensor {self.slot!r} gave no valid number throughout"
                    )
                elif lasted and state[varies] == 0.0:
                    values = ", ".join(f"{value:.4g}" for value in state[first : first + 3])
                    told.append(
                        f"the {name} of the sensor {self.slot!r} gave the same values throughout "
                        f"({values})"
                    )
        return [
            Finding(
                FindingKind.DEAD, f"{what}; check the sensor and record again, or leave it out."
            )
            for what in told
        ]

    @staticmethod
    def _enough(state: Float64) -> bool:
        lasted = state[C_LAST_T] - state[C_FIRST_T] >= LEAST_S
        return bool(lasted and state[C_FINITE] >= LEAST_ROWS)

    def _acceleration_units(self, state: Float64) -> list[Finding]:
        rested = state[C_STILL_ACC] >= REST_WINDOWS
        norm = _quantile(state, C_REST_BINS if rested else C_ACC_BINS, 0.5)
        low, high = REST_NORM_MPS2 if rested else MOVING_NORM_MPS2
        low_g, high_g = REST_NORM_G if rested else MOVING_NORM_G
        factor = None
        if low <= norm <= high:
            return []
        if low_g <= norm <= high_g:
            factor = STANDARD_GRAVITY_MPS2
            remedy = "it is given in g: multiply acc_x..z by 9.80665"
        elif 1000.0 * low_g <= norm <= 1000.0 * high_g:
            factor = STANDARD_GRAVITY_MPS2 / 1000.0
            remedy = "it is given in thousandths of g: multiply acc_x..z by 0.00980665"
        elif not rested and norm < NO_GRAVITY:
            remedy = "gravity seems to have been taken out: export the acceleration with gravity"
        elif rested or norm > high:
            remedy = "convert acc_x..z to m/s2"
        else:
            return []
        when = "at rest" if rested else "in movement (median)"
        return [
            Finding(
                FindingKind.UNITS_ACCELERATION,
                f"the acceleration of the sensor {self.slot!r} has a norm of about {norm:.2g} "
                f"{when} where 9.81 m/s2 is due; {remedy}.",
                factor,
            )
        ]

    def _rate_units(self, state: Float64) -> list[Finding]:
        bins = state[C_GYR_BINS : C_GYR_BINS + BINS]
        beyond = float(bins[_bin(GREATEST_RATE_RADPS) + 1 :].sum())
        total = float(bins.sum())
        if beyond >= TURNING_WINDOWS and beyond > IMPOSSIBLE_SHARE * total:
            return [
                self._rate_finding(
                    f"exceeds {GREATEST_RATE_RADPS:.0f} rad/s, more than any gyroscope measures, "
                    f"in {100.0 * beyond / total:.0f} % of the samples",
                    "it is given in deg/s: multiply gyr_x..z by 0.0174533",
                    math.radians(1.0),
                )
            ]
        for votes, remedy, factor in (
            (
                C_TOO_LARGE,
                "it is given in deg/s: multiply gyr_x..z by 0.0174533",
                math.radians(1.0),
            ),
            (
                C_TOO_SMALL,
                "it was converted twice, it seems: multiply gyr_x..z by 57.29578",
                math.degrees(1.0),
            ),
        ):
            if _agreed(state, votes):
                ratio = _gyroscope_ratio(state)
                told = f"turns {ratio:.2g} times as much as gravity does in the acceleration"
                return [self._rate_finding(told, remedy, factor)]
        return []

    def _rate_finding(self, told: str, remedy: str, factor: float) -> Finding:
        return Finding(
            FindingKind.UNITS_ANGULAR_RATE,
            f"the angular rate of the sensor {self.slot!r} {told}; {remedy}.",
            factor,
        )

    def _calibration(self, norms: tuple[float, float]) -> list[Finding]:
        least, greatest = norms
        if greatest - least > NORM_VARIATION * STANDARD_GRAVITY_MPS2:
            told = f"varies from {least:.2f} to {greatest:.2f} m/s2 with posture"
        elif (
            least < (1.0 - NORM_VARIATION) * STANDARD_GRAVITY_MPS2
            or greatest > (1.0 + NORM_VARIATION) * STANDARD_GRAVITY_MPS2
        ):
            told = f"is {0.5 * (least + greatest):.2f} m/s2 where 9.81 is due"
        else:
            return []
        return [
            Finding(
                FindingKind.ACCELEROMETER_OFF,
                f"the accelerometer of the sensor {self.slot!r} is badly calibrated: its norm at "
                f"rest {told}; its angles are less certain, calibrate the sensor anew.",
            )
        ]


def _quantile(state: Float64, bins: int, share: float) -> float:
    """Quantile of the norms counted in the bins that begin at `bins`; 0 when there are none."""
    counted = np.cumsum(state[bins : bins + BINS])
    if counted[-1] == 0.0:
        return 0.0
    at = int(np.searchsorted(counted, share * counted[-1]))
    return float(BIN_LEAST * BIN_RATIO ** (at + 0.5))


def _swapped(state: Float64) -> bool:
    """Whether the accelerometer's columns hold the angular rate, and the other way round.

    At rest an acceleration is a steady vector far from zero, and a rate is not. Without rest the
    norms decide, in SI units.
    """
    acc, gyr = state[C_STILL_ACC], state[C_STILL_GYR]
    if max(acc, gyr) >= REST_WINDOWS:
        return bool(gyr > acc)
    acc_median, gyr_median = (_quantile(state, bins, 0.5) for bins in (C_ACC_BINS, C_GYR_BINS))
    low, high = SWAPPED_NORM
    if not acc_median < low <= gyr_median <= high:
        return False
    if _quantile(state, C_GYR_BINS, 0.1) < SWAPPED_LOW:
        return False
    # A slow movement in g and deg/s looks the same, but there gravity follows the gyroscope.
    return not _agreed(state, C_TOO_LARGE)


def _agreed(state: Float64, votes: int) -> bool:
    """Whether the windows counted at `votes` decide on the gyroscope's unit."""
    others = state[C_TOO_LARGE] + state[C_FITTING] + state[C_TOO_SMALL] - state[votes]
    return bool(
        state[votes] >= TURNING_WINDOWS
        and state[votes] >= TURNING_SHARE * state[C_TURNED]
        and state[votes] > 2.0 * others
    )


def _gyroscope_ratio(state: Float64) -> float | None:
    votes = state[C_TOO_LARGE] + state[C_FITTING] + state[C_TOO_SMALL]
    return math.exp(state[C_LOG_RATIO] / votes) if votes >= TURNING_WINDOWS else None


def _rest_norms(state: Float64) -> tuple[float, float] | None:
    """Least and greatest norm at rest; with four or more, the second ones, which no jolt makes."""
    if state[C_RESTS] == 0.0:
        return None
    at = 1 if state[C_RESTS] >= 4.0 else 0
    return float(state[C_REST_LEAST + at]), float(state[C_REST_GREATEST + at])
