"""The first movement of an exercise that names no axis: it gives axis, direction and rest.

For `dominant` movements, and for tilts without a calibration. Looks at the history again at fixed
samples until the axis is settled; from then on the axis is kept. Repetitions that end meanwhile
are reported at once, by the axis as far as it is known.
"""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion import quaternion
from motion._jit import njit
from motion.angle import C_AXIS, C_KIND, C_WEIGHT, AngleModel, Coordinate
from motion.axis import (
    find_period,
    mean_orientation,
    mean_vector,
    periodic_direction,
    principal_direction,
    rotation_vectors,
    tilt_vectors,
    up_vector,
)
from motion.columns import Columns
from motion.repetition import (
    ROW_BACK,
    ROW_END,
    ROW_END_T,
    ROW_HOLD,
    ROW_PEAK,
    ROW_PEAK_T,
    ROW_PLATEAU_FROM,
    ROW_PLATEAU_TO,
    ROW_REST,
    ROW_ROM,
    ROW_SIZE,
    ROW_START,
    ROW_START_T,
    TURN_LEAST_DEG,
    TURN_SHARE,
    Segmenter,
    SegmenterParameters,
)
from motion.rest import NEUTRAL_S
from motion.stream import lost_between

Float64 = NDArray[np.float64]

# How often the history is looked at while the axis is sought: twice a watermark's period.
LOOK_EVERY_S: Final = 0.2
# The axis is settled this long after the range first reached the least excursion: two periods of a
# brisk repetition, more than half of a slow one. A second more or less changes the counts of two in
# a hundred recordings, in either direction.
SETTLED_AFTER_S: Final = 2.8
# Before there is a movement, older history than this says nothing about it.
WINDOW_S: Final = 6.0
# A period is believed when the record holds so many of it, and is at least so long.
PERIODS_SEEN: Final = 1.6
PERIOD_RECORD_S: Final = 2.0
# Axes are found at this rate; faster samples add work and no knowledge.
AXIS_RATE_HZ: Final = 50.0
# A recording that begins in motion tells its rest by where it dwells: on one side at least so
# many times as long as on the other, within this share of the range from the ends.
DWELL_RATIO: Final = 2.2
DWELL_SHARE: Final = 0.3


@dataclass(slots=True)
class Seen:
    """What a look at the history gave. `rows` as of `repetition`; `unseen_start` tells the row of a
    repetition that was under way when the stream began."""

    rows: Float64
    unseen_start: bool
    segmenter: Segmenter | None


def _first_turn(angle: Float64, least_deg: float) -> tuple[int, int]:
    """Direction (1: down into a valley, -1: up to a peak, 0: none yet) and index of the first turn
    after a swing of at least `least_deg`."""
    low = high = 0
    direction = 0
    for i in range(len(angle)):
        x = angle[i]
        if x < angle[low]:
            low = i
        if x > angle[high]:
            high = i
        if direction == 0:
            if angle[high] - angle[low] >= least_deg:
                direction = 1 if low > high else -1
            continue
        turned = max(TURN_LEAST_DEG, TURN_SHARE * (angle[high] - angle[low]))
        if direction == 1 and x - angle[low] > turned:
            return 1, low
        if direction == -1 and angle[high] - x > turned:
            return -1, high
    return 0, 0


@njit
def opposed_kernel(one: Float64, other: Float64) -> bool:
    """Whether two angles (n,) depart from their first values in opposite directions."""
    total = 0.0
    for i in range(len(one)):
        total += (one[i] - one[0]) * (other[i] - other[0])
    return total < 0.0


@njit
def evenly_kernel(t: Float64, q: Float64, period_s: float) -> Float64:
    """Orientations q (n, 4 s) at times t (n,) with what is lost between them interpolated, so that
    one row follows another after `period_s`."""
    n = len(t)
    lost = 0
    for i in range(1, n):
        lost += lost_between(t[i] - t[i - 1], period_s)
    out = np.empty((n + lost, q.shape[1]))
    at = 0
    for i in range(n):
        if i > 0:
            steps = lost_between(t[i] - t[i - 1], period_s) + 1
            for k in range(1, steps):
                for s in range(0, q.shape[1], 4):
                    between = quaternion.nlerp(
                        quaternion.read(q[i - 1], s), quaternion.read(q[i], s), k / steps
                    )
                    quaternion.write(out[at], s, between)
                at += 1
        for s in range(q.shape[1]):
            out[at, s] = q[i, s]
        at += 1
    return out


class FirstMovement:
    """Seeks the axis of one exercise in the history of its orientations."""

    def __init__(self, model: AngleModel, parameters: SegmenterParameters) -> None:
        self._model = model
        self._parameters = parameters
        self.looks = 0  # samples until the next look
        self.found_t = math.nan
        self.main = np.zeros(3)
        self.begin = 0  # absolute index from which segmentation runs
        self.last_end_t = -math.inf
        self.was_still = False

    def state(self) -> list[object]:
        """For snapshots; `restore` is the inverse."""
        return [
            self.looks,
            self.found_t,
            self.main.tolist(),
            self.begin,
            self.last_end_t,
            self.was_still,
        ]

    def restore(self, state: list[object]) -> None:
        """Continue from `state`."""
        looks, found_t, main, begin, last_end_t, was_still = state
        self.looks = int(looks)  # type: ignore[call-overload]
        self.found_t = float(found_t)  # type: ignore[arg-type]
        self.main = np.array(main, dtype=np.float64)
        self.begin = int(begin)  # type: ignore[call-overload]
        self.last_end_t = float(last_end_t)  # type: ignore[arg-type]
        self.was_still = bool(was_still)

    def oldest_needed(self, history: Columns) -> int:
        """Absolute index of the oldest row that the next look needs."""
        if not math.isnan(self.found_t) or not len(history):
            return history.base
        t = history["t"]
        return history.base + int(np.searchsorted(t, t[-1] - WINDOW_S))

    def look(
        self, history: Columns, period_s: float, *, last: bool
    ) -> tuple[Seen, Float64, Float64]:
        """Look at the whole history; returns what was seen, the angle and its deviation.

        Columns that are read: t (n,), q (n, 4 s), gap, still_s, zero_t (n,).
        """
        t, q, gap, still_s, zero_t = (
            history[name] for name in ("t", "q", "gap", "still_s", "zero_t")
        )
        base = history.base
        nothing = Seen(np.empty((0, ROW_SIZE)), False, None)
        count_from = self._parameters.count_from_deg
        since = self._give_axes(t, q, gap, period_s)
        angle, sd = self._model.evaluate(t, q, zero_t)
        if math.isnan(self.found_t) and float(np.ptp(angle)) < count_from:
            return nothing, angle, sd
        unseen = False
        first_rows: list[Float64] = []
        if not self.main.any():
            still = np.flatnonzero(still_s >= NEUTRAL_S)
            self.was_still = self.was_still or bool(len(still) and still[0] < len(t) - 1)
            flip = False
            if self.was_still:
                level = angle[still[-1]] if len(still) else angle[0]
                after = angle[still[-1] :] if len(still) else angle
                away = np.flatnonzero(np.abs(after - level) >= count_from)
                if not len(away):
                    return nothing, angle, sd
                flip = bool(after[away[0]] < level)
                self.begin = base
            else:
                direction, turn = _first_turn(angle, count_from)
                if direction == 0:
                    return nothing, angle, sd
                flip = direction == -1
                self.begin = base + turn
            if flip:
                angle = self._flip(t, q, zero_t)
            if not self.was_still:
                first_rows.append(self._row_under_way(t, angle, self.begin - base, base))
                unseen = True
                self.last_end_t = float(t[self.begin - base])
            self.main = self._main_axis()
            self.found_t = float(t[-1])
        settled = t[-1] - max(self.found_t, since) >= SETTLED_AFTER_S
        if settled and not self.was_still and self._rests_on_top(angle):
            angle = self._flip(t, q, zero_t)
            self.begin = base + int(np.searchsorted(t, self.last_end_t))
        segmenter = Segmenter(self._parameters, self.begin)
        rows, _ = segmenter.update(t, angle, gap, base)
        if last:
            rows = np.concatenate([rows, segmenter.finish(t, angle, base)])
        for row in rows:
            if row[ROW_PEAK_T] > self.last_end_t:
                first_rows.append(row)
                self.last_end_t = float(row[ROW_END_T])
        all_rows = np.array(first_rows) if first_rows else np.empty((0, ROW_SIZE))
        return Seen(all_rows, unseen, segmenter if settled or last else None), angle, sd

    def _main_axis(self) -> Float64:
        block = self._model.config[self._model.main]
        axis: Float64 = block[C_AXIS : C_AXIS + 3] * math.copysign(1.0, block[C_WEIGHT])
        return axis

    def _flip(self, t: Float64, q: Float64, zero_t: Float64) -> Float64:
        self._model.config[:, C_WEIGHT] *= -1.0
        self._model.state[:] = 0.0
        self.main = -self.main
        angle, _ = self._model.evaluate(t, q, zero_t)
        return angle

    def _rests_on_top(self, angle: Float64) -> bool:
        low, high = float(angle.min()), float(angle.max())
        span = DWELL_SHARE * (high - low)
        below = int(np.count_nonzero(angle < low + span))
        above = int(np.count_nonzero(angle > high - span))
        return above > DWELL_RATIO * max(below, 1)

    def _row_under_way(self, t: Float64, angle: Float64, turn: int, base: int) -> Float64:
        """The repetition that was under way at the first sample: seen from there to the turn."""
        peak = int(np.argmax(angle[: turn + 1]))
        rest = angle[turn]
        plateau = rest + 0.95 * (angle[peak] - rest)
        last = peak
        while last < turn and angle[last + 1] >= plateau:
            last += 1
        row = np.zeros(ROW_SIZE)
        row[ROW_START_T] = t[0]
        row[ROW_PEAK_T] = t[peak]
        row[ROW_END_T] = t[turn]
        row[ROW_ROM] = angle[peak] - rest
        row[ROW_HOLD] = t[last] - t[0]
        row[ROW_BACK] = t[turn] - t[last]
        row[ROW_REST] = rest
        row[ROW_START] = base
        row[ROW_PEAK] = base + peak
        row[ROW_END] = base + turn
        row[ROW_PLATEAU_FROM] = base
        row[ROW_PLATEAU_TO] = base + last
        return row

    def _give_axes(self, t: Float64, q: Float64, gap: NDArray[np.uint8], period_s: float) -> float:
        # Across a silence nobody knows how the sensor turned: the longest stretch without one.
        edges = [0, *(np.flatnonzero(gap[1:]) + 1).tolist(), len(t)]
        first, stop = max(pairwise(edges), key=lambda part: float(t[part[1] - 1] - t[part[0]]))
        model = self._model
        stride = max(1, round(1.0 / (period_s * AXIS_RATE_HZ)))
        sensors = len(model.slots)
        even = evenly_kernel(t[first:stop], q[first:stop], period_s)
        axes = np.zeros((sensors, 3))
        references = np.zeros((sensors, 4))
        for index in range(sensors):
            own = np.ascontiguousarray(even[::stride, 4 * index : 4 * index + 4])
            mean_orientation(own, references[index])
            kind = Coordinate(int(model.config[index, C_KIND]))
            vectors = np.empty((len(own), 3))
            if kind is Coordinate.TWIST:
                rotation_vectors(own, references[index], vectors)
            else:
                up = np.empty(3)
                up_vector(references[index], up)
                tilt_vectors(own, up, vectors)
            mean = np.empty(3)
            mean_vector(vectors, mean)
            step_s = stride * period_s
            seen_s = len(own) * step_s
            period = find_period(vectors, step_s) if seen_s >= PERIOD_RECORD_S else 0
            if period and seen_s >= PERIODS_SEEN * period * step_s:
                periodic_direction(vectors, period, axes[index])
            else:
                principal_direction(vectors, mean, axes[index])
        weights = np.full(sensors, -1.0)
        weights[model.main] = 1.0
        model.give_axes(axes, weights, references)
        self._same_direction(t, q)
        if self.main.any() and float((self._main_axis() * self.main).sum()) < 0.0:
            model.config[:, C_WEIGHT] *= -1.0
        if self.main.any():
            self.main = self._main_axis()
        return float(t[edges[-2]]) if len(edges) > 2 else -math.inf

    def _same_direction(self, t: Float64, q: Float64) -> None:
        """Without a calibration the segments of a joint are taken to move the same way round."""
        model = self._model
        if model.against < 0:
            return
        weights = model.config[:, C_WEIGHT].copy()
        series = []
        for index in (model.main, model.against):
            model.config[:, C_WEIGHT] = 0.0
            model.config[index, C_WEIGHT] = 1.0
            model.state[:] = 0.0
            angle, _ = model.evaluate(t, q, t)
            series.append(angle)
        model.config[:, C_WEIGHT] = weights
        model.state[:] = 0.0
        if opposed_kernel(*series):
            model.config[model.against, C_WEIGHT] *= -1.0
