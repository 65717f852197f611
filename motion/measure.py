"""What is measured of one repetition that the segmentation has found.

Range and its deviation, times, smoothness, compensations, and whether it begins and ends in the
pose of the exercise. Judging the measured values is `quality`'s.
"""

import dataclasses
import math
from collections.abc import Collection
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion import repetition as rep
from motion._jit import njit
from motion.angle import (
    C_TILT_SD,
    AngleModel,
    Coordinate,
    deviation_kernel,
    segment_axis,
)
from motion.attitude import Attitudes
from motion.axis import up_vector
from motion.calibration import Calibration
from motion.columns import Columns
from motion.heading import facing_kernel
from motion.joint_angle import joint_code, joint_deviation_kernel
from motion.quality import RepetitionMeasure, reach_deg, sparc
from motion.signature import Moments, Signature
from motion.template import Compensation, ExerciseTemplate, HoldBand, LearnedMovement

Float64 = NDArray[np.float64]

# Two edges of a part, each known to half a sample (uniform) and to what tremor moves a crossing.
EDGE_SD_S: Final = 0.05
# An absence from the band of a hold that is still part of it (design, Exercise template).
LONGEST_ABSENCE_S: Final = 1.0
# Beyond this squared vertical part gravity shows less of a rotation about an axis than heading.
UPRIGHT: Final = 0.5
# A neutral pose is off by as much as the inclination that is compared with it: how far the sensor
# can be off shows only in movement, long after the pose was taken, and stands for both. Two errors
# that do not hang together add up to this many times one.
TWO_MEASURED: Final = math.sqrt(2.0)


# What `hold_kernel` tells.
H_ENTERED: Final = 0  # s, when the angle entered the band
H_TIME: Final = 1  # s in the band, short absences included
H_ABSENCES: Final = 2  # longer absences that were followed by a return
H_SIZE: Final = 3


@njit
def hold_kernel(
    t: Float64, above: Float64, low_deg: float, high_deg: float, longest_s: float, out: Float64
) -> None:
    """How long n samples `above` the rest, degrees, were held between two levels.

    Crossings lie between samples. An absence of up to `longest_s` is part of the hold.
    """
    entered = math.inf
    total = 0.0
    absences = 0.0
    since = 0.0  # when the present stay began
    left = 0.0  # when the last stay ended
    within = False
    held = False
    for i in range(len(t)):
        now_within = low_deg <= above[i] <= high_deg
        if now_within != within:
            crossing = t[i]
            if i > 0:
                level = low_deg
                if max(above[i], above[i - 1]) > high_deg:
                    level = high_deg
                rise = above[i] - above[i - 1]
                if rise != 0.0:
                    share = min(1.0, max(0.0, (level - above[i - 1]) / rise))
                    crossing = t[i - 1] + share * (t[i] - t[i - 1])
            if now_within:
                if not held:
                    entered = crossing
                elif crossing - left <= longest_s:
                    total += crossing - left
                else:
                    absences += 1.0
                held = True
                since = crossing
            else:
                total += crossing - since
                left = crossing
            within = now_within
    if within:
        total += t[len(t) - 1] - since
    out[H_ENTERED] = entered if held else t[0]
    out[H_TIME] = total
    out[H_ABSENCES] = absences


class RepetitionMeter:
    """Measures repetitions in a history of orientations and angles.

    The history's columns that are read: t (n,) seconds, q (n, 4 s) quaternions of all sensors in
    the template's order, speed (n,) angular speed in rad/s. Rows are numbered from the first sample
    ever.
    """

    def __init__(
        self,
        template: ExerciseTemplate,
        calibration: Calibration | None,
        model: AngleModel,
        side: str | None = None,
    ) -> None:
        self._template = template
        self._calibration = calibration
        self._side = side
        self._model = model

    def measure(
        self, row: Float64, history: Columns, period_s: float, *, whole: bool
    ) -> RepetitionMeasure:
        """row: (ROW_SIZE,) of `repetition`. whole: its start was seen."""
        start, end, plateau_from, plateau_to = (
            int(row[at]) - history.base
            for at in (rep.ROW_START, rep.ROW_END, rep.ROW_PLATEAU_FROM, rep.ROW_PLATEAU_TO)
        )
        rom_deg = float(row[rep.ROW_ROM])
        speed = history["speed"]
        measure = RepetitionMeasure(
            start_s=float(row[rep.ROW_START_T] - row[rep.ROW_EARLIER]),
            peak_s=float(row[rep.ROW_PEAK_T]),
            end_s=float(row[rep.ROW_END_T] + row[rep.ROW_LATER]),
            rom_deg=rom_deg,
            rom_sd_deg=self._model.range_sd_deg(
                rom_deg, float(row[rep.ROW_END_T] - row[rep.ROW_START_T])
            ),
            out_s=float(row[rep.ROW_OUT]),
            hold_s=float(row[rep.ROW_HOLD]),
            back_s=float(row[rep.ROW_BACK]),
            active_s=float(row[rep.ROW_ACTIVE]),
            time_sd_s=math.sqrt(2.0 * (EDGE_SD_S**2 + period_s**2 / 12.0)),
            smoothness_out=_smoothness(speed[start : plateau_from + 1], period_s)
            if whole
            else None,
            smoothness_back=_smoothness(speed[plateau_to : end + 1], period_s),
            compensations={
                compensation.name: self._compensation(compensation, history["q"][start : end + 1])
                for compensation in self._template.compensations
            },
            interrupted=bool(row[rep.ROW_INTERRUPTED]),
            paused=bool(row[rep.ROW_PAUSED]),
            whole=whole,
            reach_deg=reach_deg(float(row[rep.ROW_REST]), rom_deg)
            if self._template.range.measured_from == "start"
            else None,
        )
        band = self._template.band
        return measure if band is None else self._held(measure, row, history, band)

    def _held(
        self, measure: RepetitionMeasure, row: Float64, history: Columns, band: HoldBand
    ) -> RepetitionMeasure:
        """The same repetition as a hold: it starts where the angle enters the band."""
        start, end = (int(row[at]) - history.base for at in (rep.ROW_START, rep.ROW_END))
        t = history["t"][start : end + 1]
        above = row[rep.ROW_WAY] * (history["angle"][start : end + 1] - row[rep.ROW_REST])
        low_deg, high_deg = band.target_deg - band.band_deg, band.target_deg + band.band_deg
        held = np.empty(H_SIZE)
        hold_kernel(t, np.ascontiguousarray(above), low_deg, high_deg, LONGEST_ABSENCE_S, held)
        entered_s = float(held[H_ENTERED])
        hold_s = float(held[H_TIME])
        within = above[(above >= low_deg) & (above <= high_deg)]
        return dataclasses.replace(
            measure,
            start_s=entered_s,
            rom_deg=float(np.median(within)) if len(within) else measure.rom_deg,
            out_s=0.0,
            hold_s=hold_s,
            back_s=measure.end_s - entered_s - hold_s,
            active_s=measure.end_s - entered_s,
            # There is no way out and back to be smooth on.
            smoothness_out=None,
            smoothness_back=None,
            sagging=bool(held[H_ABSENCES] > 0.0),
            paused=False,
        )

    def _compensation(self, compensation: Compensation, q: Float64) -> tuple[float, float]:
        """Largest departure from the start and its deviation, degrees; q: (n, 4 s)."""
        index = self._model.slots.index(compensation.segment)
        own = np.ascontiguousarray(q[:, 4 * index : 4 * index + 4])
        sd_deg = self._model.departure_sd_deg(index)
        if compensation.against is not None and self._calibration is not None:
            other = self._model.slots.index(compensation.against)
            proximal = np.ascontiguousarray(q[:, 4 * other : 4 * other + 4])
            bones = np.stack(
                [
                    self._calibration.sensor_to_segment(slot)
                    for slot in (compensation.against, compensation.segment)
                ]
            )
            # Within one repetition the heading does not drift: it is as the start shows it.
            facing = facing_kernel(proximal[0], own[0], bones[0], bones[1])
            heading = np.full(len(own), facing)
            code = joint_code(compensation.against, compensation.segment, compensation.axis)
            value = joint_deviation_kernel(code, bones, proximal, own, heading)
            return value, math.hypot(sd_deg, self._model.departure_sd_deg(other))
        kind, axis = self._compensation_axis(compensation, own[0])
        return deviation_kernel(int(kind), axis, own, np.empty(6)), sd_deg

    def _compensation_axis(
        self, compensation: Compensation, start: Float64
    ) -> tuple[Coordinate, Float64]:
        """Without a calibration a bend cannot be told from a flexion: the whole tilt is taken."""
        axis = compensation.axis
        if axis != "tilt" and self._calibration is not None:
            vector = segment_axis(self._calibration, compensation.segment, axis, self._side)
            up = np.empty(3)
            up_vector(start, up)
            upright = float((vector * up).sum()) ** 2 > UPRIGHT
            return (Coordinate.TWIST if upright else Coordinate.INCLINATION), vector
        if axis in ("turn_left", "turn_right"):
            return Coordinate.TURN, np.zeros(3)
        return Coordinate.TILT, np.zeros(3)

    def like_demonstrated(
        self,
        row: Float64,
        history: Columns,
        signature: Signature | None,
        others: Attitudes,
        taken: Collection[str] = (),
    ) -> bool:
        """Whether a repetition of a learned exercise begins and ends near its pose.

        signature: of the exercise as it is worn. others: sensors beside those of the template.
        taken: sensors whose pose is a neutral one that they showed themselves.
        """
        if signature is None or not isinstance(self._template.movement, LearnedMovement):
            return True
        rows = [int(row[at]) - history.base for at in (rep.ROW_START, rep.ROW_PEAK, rep.ROW_END)]
        if rows[0] > 0 and history["gap"][rows[0]] == 1:
            # It began in a silence: the pose before that is the one it began in.
            rows[0] -= 1
        q, t = history["q"], history["t"]
        seen: dict[str, Moments] = {}
        doubts_rad = {
            slot: math.radians(float(self._model.config[index, C_TILT_SD]))
            * (TWO_MEASURED if slot in taken else 1.0)
            for index, slot in enumerate(self._model.slots)
        }
        for slot in signature.ups:
            if slot in self._model.slots:
                index = self._model.slots.index(slot)
                start, peak, end = (q[at, 4 * index : 4 * index + 4] for at in rows)
                seen[slot] = (start, peak, end)
                continue
            found = [others.at(slot, float(t[at])) for at in rows]
            first, turning, last = found
            if first is not None and turning is not None and last is not None:
                seen[slot] = (first, turning, last)
        return signature.alike(seen, doubts_rad=doubts_rad)


def _smoothness(speed: Float64, period_s: float) -> float | None:
    value = sparc(speed, 1.0 / period_s)
    return None if math.isnan(value) else value
