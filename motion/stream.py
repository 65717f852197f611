"""One sensor's stream: order, doubtful samples, gaps and rate, up to its orientation over time.

What a sensor delivers goes in, in any chunks; orientations at its valid sample times come out. The
filter itself is `orientation`, what makes a sample doubtful stands in `plausibility`.
"""

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion._jit import njit
from motion.columns import Columns
from motion.events import Silence
from motion.orientation import (
    AT_REST,
    DISAGREEMENT,
    QUATERNION,
    STATE_SIZE,
    USUAL_DISAGREEMENT_RAD,
    coefficients,
    doubt_kernel,
    inclination_sd_kernel,
    new_state,
    restart_kernel,
    update_kernel,
)
from motion.plausibility import FLAG_STATE_SIZE, RowFlag, flag_rows
from motion.rest import heading_apart
from motion.samples import Samples

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

# A sensor without a valid sample for longer than this is silent.
SILENT_S: Final = 0.5
# A norm of the acceleration at rest that varies with posture by more is a bad calibration.
NORM_VARIES: Final = 0.05
# Lost samples are interpolated up to here, through a silence too, although nothing is told of it:
# a straight line of the rate is off by some 45 degrees after half a second of brisk exercise, but
# the first specific force of an arm in motion is no better, and knows no heading. Later the
# movement has turned more than once.
BRIDGED_S: Final = 1.0
# What this leaves of the inclination's error is 3 rad/s2 times the square of the time (in public
# recordings of arms, 10 degrees in 0.2 s, 18 in 0.3 s). A specific force shows the vertical to
# 0.3 rad while the arm swings, alike for 0.3 s. So the inclination is worth as much as readings
# over 0.3 s (0.3 / 3 T2)2 = 0.003 / T4 seconds, ...
TRUST_S5: Final = 0.003
# ... and never less than those that are alike.
TRUST_LEAST_S: Final = 0.2
# The sampling period comes from so many samples: times in whole milliseconds then tell it to 1 %.
PERIOD_SAMPLES: Final = 16
# Of their intervals those count that lie this close to the median, as a share of it: an interval
# with a lost sample in it is twice as long.
PERIOD_SPREAD: Final = 0.5
# No wearable is sampled faster. It bounds the work that one gap can make.
SHORTEST_PERIOD_S: Final = 1.0 / 2000.0
# An interval longer than this many periods has lost samples in it, which are interpolated.
LOST_PERIODS: Final = 1.5
# The norm of the acceleration counts as one at rest after so much rest, ...
NORM_REST_S: Final = 1.0
# ... smoothed over this time.
NORM_SMOOTHING_S: Final = 0.5

# Working state of a stream, one array. What was received:
W_UNTIL: Final = 0  # samples before this have been read; what comes older is late
W_READ_T: Final = 1  # last sample read, valid or not
W_VALID_T: Final = 2  # last valid sample; before any, the time the stream began
W_SINCE_T: Final = 3  # first valid sample after the last silence
W_DOUBT: Final = 4  # why the last sample was not valid, a RowFlag
W_LATE: Final = 5
W_REPEATED: Final = 6
# What became of it:
W_LAST_T: Final = 7
W_STARTED: Final = 8
W_HEADING: Final = 9
W_NORM: Final = 10
W_NORM_LOW: Final = 11
W_NORM_HIGH: Final = 12
W_REST_S: Final = 13
W_ACC: Final = 14
W_GYR: Final = 17
W_SIZE: Final = 20

_REASONS: Final = {
    RowFlag.VALID: "no samples",
    RowFlag.NOT_FINITE: "values that are no numbers",
    RowFlag.SATURATED: "saturated",
    RowFlag.FROZEN: "frozen",
}


@njit
def _move_row(t: Float64, acc: Float32, gyr: Float32, source: int, target: int) -> None:
    t[target] = t[source]
    for k in range(3):
        acc[target, k] = acc[source, k]
        gyr[target, k] = gyr[source, k]


@njit
def arrange_kernel(
    work: Float64, t: Float64, acc: Float32, gyr: Float32, start: int, first: int, stop: int
) -> int:
    """Keep of the rows `first` to `stop` those of a new time; returns where they end.

    The rows `start` to `first` are in order of time. Late and repeated ones are counted. Returns -1
    when the rows are not in order of time; nothing has been touched then.
    """
    before = t[first - 1] if first > start else -math.inf
    for i in range(first, stop):
        if t[i] < before:
            return -1
        if not math.isnan(t[i]):
            before = t[i]
    at = first
    for i in range(first, stop):
        if not (t[i] >= work[W_UNTIL] and math.isfinite(t[i])):
            work[W_LATE] += 1.0
        elif t[i] == work[W_READ_T] or (at > start and t[i] == t[at - 1]):
            work[W_REPEATED] += 1.0
        else:
            if at < i:
                _move_row(t, acc, gyr, i, at)
            at += 1
    return at


@njit
def sift_kernel(
    work: Float64,
    flags: Float64,
    t: Float64,
    acc: Float32,
    gyr: Float32,
    first: int,
    stop: int,
    silences: Float64,
) -> tuple[int, int]:
    """Move the valid ones of rows `first` to `stop` together; keep the books of silences.

    Returns where they end, and how many rows (from, to, RowFlag) of `silences` were written.
    """
    doubts = np.empty(stop - first, np.uint8)
    flag_rows(flags, t[first:stop], acc[first:stop], gyr[first:stop], doubts)
    work[W_READ_T] = t[stop - 1]
    written = 0
    at = first
    for i in range(first, stop):
        if doubts[i - first] == 0:
            if t[i] - work[W_VALID_T] > SILENT_S:
                if work[W_VALID_T] > -math.inf:
                    silences[written, 0] = work[W_VALID_T]
                    silences[written, 1] = t[i]
                    silences[written, 2] = work[W_DOUBT]
                    written += 1
                work[W_SINCE_T] = t[i]
            work[W_VALID_T] = t[i]
            if at < i:
                _move_row(t, acc, gyr, i, at)
            at += 1
        work[W_DOUBT] = doubts[i - first]
    return at, written


@njit
def _write_turned(angle: float, q: Float64, out: Float64) -> None:
    c = math.cos(0.5 * angle)
    s = math.sin(0.5 * angle)
    out[0] = c * q[0] - s * q[3]
    out[1] = c * q[1] - s * q[2]
    out[2] = c * q[2] + s * q[1]
    out[3] = c * q[3] + s * q[0]


@njit
def lost_between(interval_s: float, period_s: float) -> int:
    """How many samples are lost between two; none can be told of a silence longer than bridged."""
    if interval_s <= LOST_PERIODS * period_s or interval_s > BRIDGED_S:
        return 0
    return max(0, round(interval_s / period_s) - 1)


@njit
def orient_kernel(
    work: Float64,
    state: Float64,
    filter_coefficients: Float64,
    period_s: float,
    t: Float64,
    acc: NDArray[np.float32],
    gyr: NDArray[np.float32],
    q_out: Float64,
) -> None:
    """Orientation at each valid sample.

    Lost samples are interpolated up to BRIDGED_S; a longer silence restarts the filter with bias
    and heading kept. t: (n,) s. acc: (n, 3) m/s2. gyr: (n, 3) rad/s. q_out: (n, 4).
    """
    before = np.empty(4)
    for i in range(len(t)):
        ax, ay, az = float(acc[i, 0]), float(acc[i, 1]), float(acc[i, 2])
        gx, gy, gz = float(gyr[i, 0]), float(gyr[i, 1]), float(gyr[i, 2])
        silent = False
        if work[W_STARTED] == 1.0:
            interval = t[i] - work[W_LAST_T]
            if interval > BRIDGED_S:
                silent = True
                _write_turned(work[W_HEADING], state[QUATERNION : QUATERNION + 4], before)
                restart_kernel(state, filter_coefficients, True)
                work[W_REST_S] = 0.0
            elif interval > LOST_PERIODS * period_s:
                if interval > SILENT_S:
                    work[W_REST_S] = 0.0
                steps = lost_between(interval, period_s) + 1
                for k in range(1, steps):
                    f = k / steps
                    update_kernel(
                        state,
                        filter_coefficients,
                        work[W_GYR] + f * (gx - work[W_GYR]),
                        work[W_GYR + 1] + f * (gy - work[W_GYR + 1]),
                        work[W_GYR + 2] + f * (gz - work[W_GYR + 2]),
                        work[W_ACC] + f * (ax - work[W_ACC]),
                        work[W_ACC + 1] + f * (ay - work[W_ACC + 1]),
                        work[W_ACC + 2] + f * (az - work[W_ACC + 2]),
                    )
                squared = interval * interval
                doubt_kernel(
                    state, filter_coefficients, TRUST_LEAST_S + TRUST_S5 / (squared * squared)
                )
        update_kernel(state, filter_coefficients, gx, gy, gz, ax, ay, az)
        quaternion = state[QUATERNION : QUATERNION + 4]
        if silent:
            work[W_HEADING] = heading_apart(before, quaternion)
        _write_turned(work[W_HEADING], quaternion, q_out[i])
        if state[AT_REST] == 1.0:
            norm = math.sqrt(ax * ax + ay * ay + az * az)
            if work[W_REST_S] == 0.0:
                work[W_NORM] = norm
            work[W_NORM] += min(1.0, period_s / NORM_SMOOTHING_S) * (norm - work[W_NORM])
            work[W_REST_S] += period_s
            if work[W_REST_S] >= NORM_REST_S:
                if work[W_NORM_HIGH] == 0.0:
                    work[W_NORM_LOW] = work[W_NORM]
                    work[W_NORM_HIGH] = work[W_NORM]
                work[W_NORM_LOW] = min(work[W_NORM_LOW], work[W_NORM])
                work[W_NORM_HIGH] = max(work[W_NORM_HIGH], work[W_NORM])
        else:
            work[W_REST_S] = 0.0
        work[W_STARTED] = 1.0
        work[W_LAST_T] = t[i]
        work[W_ACC] = ax
        work[W_ACC + 1] = ay
        work[W_ACC + 2] = az
        work[W_GYR] = gx
        work[W_GYR + 1] = gy
        work[W_GYR + 2] = gz


@njit
def period_kernel(t: Float64) -> float:
    """Sampling period in seconds of times (n,), n at least 2: mean of the usual intervals."""
    intervals = np.sort(t[1:] - t[:-1])
    usual = intervals[len(intervals) // 2]
    total = 0.0
    count = 0
    for interval in intervals:
        if abs(interval - usual) <= PERIOD_SPREAD * usual:
            total += interval
            count += 1
    # A sensor slower than that is silent between any two samples.
    return min(max(total / count, SHORTEST_PERIOD_S), SILENT_S)


class SensorStream:
    """Samples of one sensor in, orientations at its valid sample times out.

    `oriented` has the columns t (n,) in seconds, q (n, 4), sensor to earth, and acc (n, 3),
    specific force in m/s2, sensor frame; whoever reads them drops them. Late, repeated and doubtful
    samples are left out and accounted for.
    """

    def __init__(self, sensor: str) -> None:
        self.sensor = sensor
        self.silences: list[Silence] = []
        self.period_s = math.nan  # nominal time between samples, NaN until it is known
        self.oriented = Columns(t=(0, np.float64), q=(4, np.float64), acc=(3, np.float64))
        self._pending = _sample_columns()  # not released by a watermark yet, in order of time
        self._valid = _sample_columns()  # released, valid, not oriented yet
        self._flags = np.zeros(FLAG_STATE_SIZE)
        self._filter = np.zeros(STATE_SIZE)
        self._filter[DISAGREEMENT] = USUAL_DISAGREEMENT_RAD**2
        self._coefficients = np.zeros(0)
        self._work = np.zeros(W_SIZE)
        for moment in (W_UNTIL, W_READ_T, W_VALID_T, W_SINCE_T, W_LAST_T):
            self._work[moment] = -math.inf

    @property
    def late(self) -> int:
        """Samples that came behind the watermark, or without a time."""
        return int(self._work[W_LATE])

    @property
    def repeated(self) -> int:
        """Samples of a time that had one already."""
        return int(self._work[W_REPEATED])

    @property
    def valid_t(self) -> float:
        """Time of the last valid sample; before any, of `begin`; -inf before that."""
        return float(self._work[W_VALID_T])

    @property
    def since_t(self) -> float:
        """Time of the first valid sample after the last silence."""
        return float(self._work[W_SINCE_T])

    @property
    def first_pending_t(self) -> float:
        """Time of the oldest sample that no watermark has released; inf without any."""
        return float(self._pending["t"][0]) if len(self._pending) else math.inf

    @property
    def waiting_t(self) -> float:
        """Time of the oldest valid sample that waits for the period to be known; inf without."""
        return float(self._valid["t"][0]) if len(self._valid) else math.inf

    @property
    def newest_t(self) -> float:
        """Time of the newest sample, valid or not; -inf before any."""
        return float(self._pending["t"][-1]) if len(self._pending) else float(self._work[W_READ_T])

    @property
    def doubt(self) -> str:
        """Why the last sample was not valid, in words; without a doubt: no samples."""
        return _REASONS[RowFlag(int(self._work[W_DOUBT]))]

    @property
    def rest_norms_mps2(self) -> tuple[float, float]:
        """Least and greatest norm of the acceleration at rest so far; zeros before any rest."""
        return float(self._work[W_NORM_LOW]), float(self._work[W_NORM_HIGH])

    @property
    def inclination_sd_deg(self) -> float:
        """Standard deviation of the inclination about one level axis after the last orientation,
        degrees; the usual one before any."""
        return math.degrees(inclination_sd_kernel(self._filter))

    def begin(self, t_s: float) -> None:
        """The streams of an exercise begin at `t_s`: no valid sample since then is a silence."""
        if self._work[W_VALID_T] == -math.inf:
            self._work[W_VALID_T] = t_s

    def rejoin(self, t_s: float) -> None:
        """Go on in another exercise from `t_s`: what was learned of the sensor is kept, the books
        are begun anew, and the time between is no silence."""
        self.silences = []
        self.oriented.drop(len(self.oriented))
        self._work[W_LATE] = self._work[W_REPEATED] = 0.0
        if self._work[W_VALID_T] > -math.inf:
            self._work[W_VALID_T] = max(t_s, float(self._work[W_VALID_T]))

    def push(self, samples: Samples) -> None:
        """Buffer samples, in any order."""
        count = len(samples)
        pending = self._pending
        first = pending.append(count)
        rows = slice(first, first + count)
        arrays = pending.arrays
        t, acc, gyr = arrays["t"], arrays["acc"], arrays["gyr"]
        t[rows] = samples.t_s
        acc[rows] = samples.acc_mps2
        gyr[rows] = samples.gyr_radps
        end = arrange_kernel(self._work, t, acc, gyr, pending.start, first, pending.stop)
        if end < 0:
            start = pending.start
            order = np.argsort(pending["t"], kind="stable")
            for array in (t, acc, gyr):
                array[start : pending.stop] = array[start : pending.stop][order]
            end = arrange_kernel(self._work, t, acc, gyr, start, start, pending.stop)
        pending.cut(end - pending.start)

    def advance(self, until_s: float, *, last: bool) -> None:
        """Orient what is older than `until_s`; with `last` all that there is."""
        work = self._work
        pending, valid = self._pending, self._valid
        count = len(pending) if last else int(np.searchsorted(pending["t"], until_s))
        work[W_UNTIL] = until_s
        if count:
            first = valid.append(count)
            for name, array in valid.arrays.items():
                array[first : first + count] = pending[name][:count]
            pending.drop(count)
            self._sift(first)
        if not len(valid):
            return
        if math.isnan(self.period_s):
            if len(valid) < PERIOD_SAMPLES and not last:
                return
            # Uncompiled, a kernel gives NumPy's float, which no snapshot can hold.
            self.period_s = float(period_kernel(valid["t"])) if len(valid) > 1 else SILENT_S
            self._coefficients = coefficients(self.period_s)
            self._filter = new_state(self._coefficients)
        count = len(valid)
        at = self.oriented.append(count)
        arrays = self.oriented.arrays
        arrays["t"][at : at + count] = valid["t"]
        arrays["acc"][at : at + count] = valid["acc"]
        orient_kernel(
            work,
            self._filter,
            self._coefficients,
            self.period_s,
            valid["t"],
            valid["acc"],
            valid["gyr"],
            arrays["q"][at : at + count],
        )
        valid.drop(count)

    def _sift(self, first: int) -> None:
        valid = self._valid
        arrays = valid.arrays
        # A silence needs two samples more than half a second apart.
        silences = np.empty((valid.stop - first, 3))
        end, written = sift_kernel(
            self._work, self._flags, arrays["t"], arrays["acc"], arrays["gyr"], first, valid.stop,
            silences,
        )  # fmt: skip
        valid.cut(end - valid.start)
        for from_s, to_s, doubt in silences[:written]:
            reason = _REASONS[RowFlag(int(doubt))]
            self.silences.append(Silence(self.sensor, float(from_s), float(to_s), reason))

    def close(self, end_s: float) -> None:
        """The stream has ended: a silence until then is one too."""
        if self.valid_t > -math.inf and end_s - self.valid_t > SILENT_S:
            self.silences.append(Silence(self.sensor, self.valid_t, end_s, self.doubt))
            self._work[W_VALID_T] = end_s

    def state(self) -> dict[str, Any]:
        """For snapshots; `restore` is the inverse."""
        return {
            "silences": [[s.from_s, s.to_s, s.reason] for s in self.silences],
            "period_s": self.period_s,
            "oriented": self.oriented.state(),
            "pending": self._pending.state(),
            "valid": self._valid.state(),
            "flags": self._flags,
            "filter": self._filter,
            "work": self._work,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from `state`."""
        self.silences = [Silence(self.sensor, *silence) for silence in state["silences"]]
        self.period_s = state["period_s"]
        if not math.isnan(self.period_s):
            self._coefficients = coefficients(self.period_s)
        self.oriented.restore(state["oriented"])
        self._pending.restore(state["pending"])
        self._valid.restore(state["valid"])
        # Into the arrays that are there, so that a wrong size raises.
        self._flags[:], self._filter[:], self._work[:] = (
            state["flags"], state["filter"], state["work"],
        )  # fmt: skip


def _sample_columns() -> Columns:
    return Columns(t=(0, np.float64), acc=(3, np.float32), gyr=(3, np.float32))
