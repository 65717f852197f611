"""What is measured of one repetition that the segmentation has found.

Range and its deviation, times, smoothness, compensations, and whether it begins and ends in the
pose of the exercise. Judging the measured values is `quality`'s.
"""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion import repetition as rep
from motion.angle import (
    C_TILT_SD,
    C_UP,
    C_VERTICAL,
    C_WEIGHT,
    AngleModel,
    Coordinate,
    deviation_kernel,
    segment_axis,
)
from motion.axis import up_vector
from motion.calibration import Calibration
from motion.columns import Columns
from motion.quality import RepetitionMeasure, sparc
from motion.template import Compensation, ExerciseTemplate, LearnedMovement

Float64 = NDArray[np.float64]

# Two edges of a part, each known to half a sample (uniform) and to what tremor moves a crossing.
EDGE_SD_S: Final = 0.05
# A repetition of a learned exercise begins and ends near the demonstrated pose: distance of the
# unit vectors that point up (63 degrees apart), for every sensor. Generous, since a limb that hangs
# freely may come to rest anywhere.
POSE_APART: Final = 1.05
# Rotation about the vertical within one repetition: half a degree, and 3 degrees a minute.
RANGE_HEADING_SD_DEG: Final = 0.5
RANGE_HEADING_DRIFT_DEG_PER_S: Final = 3.0 / 60.0


class RepetitionMeter:
    """Measures repetitions in a history of orientations and angles.

    The history's columns that are read: q (n, 4 s) quaternions of all sensors in the template's
    order, speed (n,) angular speed in rad/s. Rows are numbered from the first sample ever.
    """

    def __init__(
        self, template: ExerciseTemplate, calibration: Calibration | None, model: AngleModel
    ) -> None:
        self._template = template
        self._calibration = calibration
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
        return RepetitionMeasure(
            start_s=float(row[rep.ROW_START_T]),
            peak_s=float(row[rep.ROW_PEAK_T]),
            end_s=float(row[rep.ROW_END_T]),
            rom_deg=rom_deg,
            rom_sd_deg=self._rom_sd_deg(rom_deg, float(row[rep.ROW_END_T] - row[rep.ROW_START_T])),
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
        )

    def _rom_sd_deg(self, rom_deg: float, duration_s: float) -> float:
        """Deviation of a range: two readings of each tilt, drift between them, the axis."""
        variance = (self._model.share * rom_deg) ** 2
        heading = RANGE_HEADING_SD_DEG + RANGE_HEADING_DRIFT_DEG_PER_S * duration_s
        for block in self._model.config:
            vertical = block[C_VERTICAL]
            # The slow part of an inclination's error, about half, cancels between two readings.
            tilt = block[C_TILT_SD]
            variance += block[C_WEIGHT] ** 2 * (
                (1.0 - vertical) * tilt * tilt + vertical * heading * heading
            )
        return math.sqrt(variance)

    def _compensation(self, compensation: Compensation, q: Float64) -> tuple[float, float]:
        """Largest departure from the start and its deviation, degrees; q: (n, 4 s)."""
        index = self._model.slots.index(compensation.segment)
        kind, axis = self._compensation_axis(compensation)
        own = np.ascontiguousarray(q[:, 4 * index : 4 * index + 4])
        value = deviation_kernel(int(kind), axis, own, np.empty(6))
        return value, float(self._model.config[index, C_TILT_SD])

    def _compensation_axis(self, compensation: Compensation) -> tuple[Coordinate, Float64]:
        """Without a calibration a bend cannot be told from a flexion: the whole tilt is taken."""
        axis = compensation.axis
        if axis in ("turn_left", "turn_right"):
            return Coordinate.TURN, np.zeros(3)
        if axis == "tilt" or self._calibration is None:
            return Coordinate.TILT, np.zeros(3)
        return (
            Coordinate.INCLINATION,
            segment_axis(self._calibration, compensation.segment, axis),
        )

    def like_demonstrated(self, row: Float64, history: Columns) -> bool:
        """Whether a repetition of a learned exercise begins and ends near its pose."""
        if not isinstance(self._template.movement, LearnedMovement):
            return True
        up = np.empty(3)
        q = history["q"]
        for at in (int(row[rep.ROW_START]) - history.base, int(row[rep.ROW_END]) - history.base):
            for index, block in enumerate(self._model.config):
                if block[C_WEIGHT] == 0.0:
                    continue
                up_vector(q[at, 4 * index : 4 * index + 4], up)
                apart = up - block[C_UP : C_UP + 3]
                if math.sqrt(float((apart * apart).sum())) > POSE_APART:
                    return False
        return True


def _smoothness(speed: Float64, period_s: float) -> float | None:
    value = sparc(speed, 1.0 / period_s)
    return None if math.isnan(value) else value
