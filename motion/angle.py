"""From orientations to the one angle that a template asks for, with its standard deviation.

Each sensor contributes one coordinate (a tilt along a learned direction, an inclination about an
axis, a turn about the vertical, a twist about an axis) with a weight. Which axis, when none is
given, is found by `axis`; repetitions are found by `repetition`.
"""

import math
from enum import IntEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion import quaternion
from motion._jit import njit
from motion.axis import tilt_vector, up_vector
from motion.calibration import Calibration
from motion.joints import Direction, SegmentAxis, joint_direction, segment_direction
from motion.orientation import INCLINATION_FLOOR_RAD, USUAL_DISAGREEMENT_RAD
from motion.template import (
    DominantMovement,
    ExerciseTemplate,
    JointMovement,
    LearnedMovement,
    SegmentMovement,
    measured_movement,
    movement_slots,
)

Float64 = NDArray[np.float64]


class Coordinate(IntEnum):
    """What one sensor contributes."""

    TILT = 0  # change of inclination along a direction in the sensor's frame
    INCLINATION = 1  # inclination about an axis in the sensor's frame
    TURN = 2  # rotation about the vertical
    TWIST = 3  # rotation about an axis in the sensor's frame, heading included


# Inclination of a sensor about one level axis, before it is known how far its gyroscope and gravity
# disagree.
TILT_SD_DEG: Final = math.degrees(math.hypot(INCLINATION_FLOOR_RAD, USUAL_DISAGREEMENT_RAD))
# A reading stands for the interval before it, and its time is known to no better than that: a
# uniform share of what the angle moves meanwhile, whose deviation is a twelfth's root.
READING_SHARE: Final = 1.0 / math.sqrt(12.0)
# Relative heading without correction: variance 1 + 3 t + (3 t)^2 degrees squared, t in minutes
# since it was last zeroed (fitted to two-segment recordings).
HEADING_START_DEG2: Final = 1.0
HEADING_WALK_DEG2_PER_MIN: Final = 3.0
HEADING_DRIFT_DEG_PER_MIN: Final = 3.0
# An axis that is off by a small angle shows a range too small by half the square of that angle.
# With a deviation s in each of two directions the root mean square of this is sqrt(2) s^2. An axis
# that was given or demonstrated lies within about 10 degrees, two deviations ...
AXIS_KNOWN_SHARE: Final = math.sqrt(2.0) * math.radians(5.0) ** 2
# ... one taken from the first movement within about 14.
AXIS_FOUND_SHARE: Final = math.sqrt(2.0) * math.radians(7.0) ** 2
# A strapped sensor turns against its bone by some 1.5 degrees between rest and peak, in any
# direction: so much of it about one axis. It belongs to a bone's range, not to the deviation of an
# angle, which is that of what the sensors do.
SOFT_TISSUE_SD_DEG: Final = 1.5 / math.sqrt(3.0)

# Rotation about the vertical within one repetition: half a degree, and 3 degrees a minute.
RANGE_HEADING_SD_DEG: Final = 0.5
RANGE_HEADING_DRIFT_DEG_PER_S: Final = 3.0 / 60.0

# One block a sensor in the configuration ...
C_KIND: Final = 0
C_WEIGHT: Final = 1
C_AXIS: Final = 2
C_UP: Final = 5
C_REFERENCE: Final = 8
C_VERTICAL: Final = 12  # square of the axis's vertical part
C_TILT_SD: Final = 13
C_BLOCK: Final = 14
# ... and in the state.
S_LAST: Final = 0
S_HAS: Final = 1
S_BLOCK: Final = 2

_DEG: Final = 180.0 / math.pi


@njit
def _coordinate(config: Float64, q: Float64, work: Float64) -> float:
    """One sensor's coordinate in radians, not unwrapped. work: (6,) scratch."""
    kind = int(config[C_KIND])
    axis = config[C_AXIS : C_AXIS + 3]
    if kind == 0 or kind == 1:
        up = work[:3]
        up_vector(q, up)
        reference = config[C_UP : C_UP + 3]
        if kind == 0:
            tilt = work[3:6]
            tilt_vector(up, reference, tilt)
            return float(axis[0] * tilt[0] + axis[1] * tilt[1] + axis[2] * tilt[2])
        along_up = axis[0] * up[0] + axis[1] * up[1] + axis[2] * up[2]
        along = axis[0] * reference[0] + axis[1] * reference[1] + axis[2] * reference[2]
        sine = (
            axis[0] * (up[1] * reference[2] - up[2] * reference[1])
            + axis[1] * (up[2] * reference[0] - up[0] * reference[2])
            + axis[2] * (up[0] * reference[1] - up[1] * reference[0])
        )
        cosine = (
            up[0] * reference[0] + up[1] * reference[1] + up[2] * reference[2] - along_up * along
        )
        return math.atan2(sine, cosine)
    r0, r1, r2, r3 = (
        config[C_REFERENCE],
        config[C_REFERENCE + 1],
        config[C_REFERENCE + 2],
        config[C_REFERENCE + 3],
    )
    w = q[0] * r0 + q[1] * r1 + q[2] * r2 + q[3] * r3
    if kind == 2:
        z = -q[0] * r3 - q[1] * r2 + q[2] * r1 + q[3] * r0
        return 2.0 * math.atan2(z, w)
    x = r0 * q[1] - r1 * q[0] - r2 * q[3] + r3 * q[2]
    y = r0 * q[2] + r1 * q[3] - r2 * q[0] - r3 * q[1]
    z = r0 * q[3] - r1 * q[2] + r2 * q[1] - r3 * q[0]
    return 2.0 * math.atan2(axis[0] * x + axis[1] * y + axis[2] * z, w)


@njit
def angle_kernel(
    config: Float64,
    state: Float64,
    share: float,
    t: Float64,
    q: Float64,
    zero_t: Float64,
    angle_deg: Float64,
    sd_deg: Float64,
) -> None:
    """The weighted sum of all sensors' coordinates over n samples, and its deviation.

    config: (s, C_BLOCK). state: (s, S_BLOCK). t: (n,). q: (n, 4 s). zero_t: (n,) time of the last
    re-zeroing of heading. angle_deg, sd_deg: (n,) out.
    """
    work = np.empty(6)
    turn = 2.0 * math.pi
    for i in range(len(t)):
        total = 0.0
        variance = 0.0
        moved = 0.0
        minutes = max(0.0, t[i] - zero_t[i]) / 60.0
        drift = HEADING_DRIFT_DEG_PER_MIN * minutes
        heading = HEADING_START_DEG2 + HEADING_WALK_DEG2_PER_MIN * minutes + drift * drift
        for s in range(config.shape[0]):
            value = _coordinate(config[s], q[i, 4 * s : 4 * s + 4], work)
            known = state[s, S_HAS] == 1.0
            if config[s, C_KIND] != 0.0:
                # Continue from the last value: no jump at a half-turn.
                if known:
                    value += turn * math.floor((state[s, S_LAST] - value) / turn + 0.5)
                else:
                    value -= turn * math.floor(value / turn + 0.5)
            weight = config[s, C_WEIGHT]
            total += weight * value
            if known:
                moved += weight * (value - state[s, S_LAST])
            state[s, S_LAST] = value
            state[s, S_HAS] = 1.0
            vertical = config[s, C_VERTICAL]
            tilt = config[s, C_TILT_SD]
            variance += weight * weight * ((1.0 - vertical) * tilt * tilt + vertical * heading)
        angle = _DEG * total
        timing = READING_SHARE * _DEG * moved
        angle_deg[i] = angle
        sd_deg[i] = math.sqrt(variance + timing * timing + (share * angle) * (share * angle))


@njit
def deviation_kernel(kind: int, axis: Float64, q: Float64, work: Float64) -> float:
    """Largest departure in degrees from the first of (n, 4) orientations: a compensation.

    kind: Coordinate. TILT takes the change of inclination whatever its direction (axis unused).
    """
    config = np.zeros(C_BLOCK)
    config[C_KIND] = float(kind)
    for k in range(3):
        config[C_AXIS + k] = axis[k]
    up = np.empty(3)
    up_vector(q[0], up)
    for k in range(3):
        config[C_UP + k] = up[k]
    for k in range(4):
        config[C_REFERENCE + k] = q[0, k]
    tilt = np.empty(3)
    largest = 0.0
    for i in range(q.shape[0]):
        if kind == 0:
            up_vector(q[i], work[:3])
            tilt_vector(work[:3], up, tilt)
            value = math.sqrt(tilt[0] ** 2 + tilt[1] ** 2 + tilt[2] ** 2)
        else:
            value = _coordinate(config, q[i], work)
            value = abs(value - 2.0 * math.pi * math.floor(value / (2.0 * math.pi) + 0.5))
        largest = max(largest, value)
    return _DEG * largest


@njit
def speed_kernel(
    q: Float64,
    t: Float64,
    gap: NDArray[np.uint8],
    period_s: float,
    main: int,
    against: int,
    start: int,
    speed: Float64,
) -> None:
    """Angular speed in rad/s of the sensor `main`, seen from the sensor `against` (-1: earth).

    q: (n, 4 s). t, gap, speed: (n,); the rows from `start` on are written. Over whole sampling
    periods, so that jitter of the times does not enter; 0 where nothing is known of before.
    """
    before = quaternion.IDENTITY
    for i in range(max(start - 1, 0), len(t)):
        now = quaternion.read(q[i], 4 * main)
        if against >= 0:
            now = quaternion.multiply(quaternion.conjugate(quaternion.read(q[i], 4 * against)), now)
        if i >= start:
            if i == 0 or gap[i] == 1:
                speed[i] = 0.0
            else:
                steps = max(1.0, math.floor((t[i] - t[i - 1]) / period_s + 0.5))
                speed[i] = quaternion.angle_between(before, now) / (steps * period_s)
        before = now


def _rotate_back(q: Float64, vector: Float64) -> Float64:
    """`vector` (3,) of the target frame of `q` (4,), in its source frame."""
    w, x, y, z = q
    px, py, pz = vector
    # v + 2 u x (u x v - w v) with u the vector part: the inverse rotation.
    cx, cy, cz = y * pz - z * py - w * px, z * px - x * pz - w * py, x * py - y * px - w * pz
    return np.array(
        [
            px + 2.0 * (y * cz - z * cy),
            py + 2.0 * (z * cx - x * cz),
            pz + 2.0 * (x * cy - y * cx),
        ]
    )


def direction_axis(
    calibration: Calibration, slot: str, direction: Direction, side: str | None
) -> Float64:
    """A direction of a segment as a unit axis (3,) in its sensor's frame."""
    vector = np.zeros(3)
    vector[direction.axis] = direction.sign_on(side)
    return _rotate_back(calibration.sensor_to_segment(slot), vector)


def segment_axis(
    calibration: Calibration, slot: str, axis: str, side: str | None = None
) -> Float64:
    """The clinical direction `axis` of a segment as a unit axis (3,) in its sensor's frame."""
    return direction_axis(calibration, slot, segment_direction(slot, axis), side)


class AngleModel:
    """The angle of one template: which coordinate of which sensor, with which weight.

    `sought` tells that the axes must first be found in a movement: `give_axes` sets them. The
    reference poses come from `begin`.
    main, against: indices of the sensor that moves most and of the one it moves against (-1:
    none).
    """

    def __init__(
        self,
        template: ExerciseTemplate,
        calibration: Calibration | None,
        side: str | None = None,
    ) -> None:
        self.slots = template.slots
        self._movement = measured_movement(template.movement)
        self._calibration = calibration
        self._side = side
        self.main = self.slots.index(movement_slots(self._movement)[0])
        self.against = -1
        if isinstance(self._movement, JointMovement):
            self.against = self.slots.index(self._movement.proximal)
        self.config = np.zeros((len(self.slots), C_BLOCK))
        self.state = np.zeros((len(self.slots), S_BLOCK))
        self.share = AXIS_KNOWN_SHARE
        self.sought = False
        self.begun = False
        self.reset()

    def reset(self) -> None:
        """As at the beginning: axes as the template gives them, no reference poses."""
        self.config[:] = 0.0
        self.state[:] = 0.0
        self.config[:, C_TILT_SD] = TILT_SD_DEG
        self.begun = False
        match self._movement:
            case LearnedMovement() as movement:
                self._learned(movement)
            case DominantMovement() as movement:
                self._set(self.slots.index(movement.sensor), Coordinate.TWIST, 1.0)
                self._seek()
            case SegmentMovement() as movement:
                direction = segment_direction(movement.segment, movement.axis)
                self._clinical(movement.segment, direction, 1.0)
            case JointMovement() as movement:
                direction = joint_direction(movement.proximal, movement.distal, movement.axis)
                self._clinical(movement.distal, direction, 1.0)
                self._clinical(movement.proximal, direction, -1.0)

    def _set(self, index: int, kind: Coordinate, weight: float) -> None:
        self.config[index, C_KIND] = float(kind)
        self.config[index, C_WEIGHT] = weight
        if kind is Coordinate.TURN:
            self.config[index, C_VERTICAL] = 1.0

    def _seek(self) -> None:
        self.sought = True
        self.share = AXIS_FOUND_SHARE

    def _clinical(self, slot: str, direction: Direction, weight: float) -> None:
        index = self.slots.index(slot)
        if self._calibration is None and direction.axis is SegmentAxis.Y:
            # Upright, a turn is about the vertical, which needs no calibration.
            self._set(index, Coordinate.TURN, weight * direction.sign_on(self._side))
            return
        self._set(index, Coordinate.INCLINATION, weight)
        if self._calibration is None:
            self._seek()
        else:
            self.config[index, C_AXIS : C_AXIS + 3] = direction_axis(
                self._calibration, slot, direction, self._side
            )

    def _learned(self, movement: LearnedMovement) -> None:
        tilt = movement.coordinate == "tilt"
        total = sum(part**2 for axis in movement.axes.values() for part in axis.axis)
        main = max(math.sqrt(sum(p * p for p in a.axis)) for a in movement.axes.values())
        for slot, learned in movement.axes.items():
            index = self.slots.index(slot)
            axis = np.array(learned.axis)
            length = math.sqrt(sum(part * part for part in learned.axis))
            self._set(index, Coordinate.TILT if tilt else Coordinate.TWIST, length * main / total)
            self.config[index, C_AXIS : C_AXIS + 3] = axis / max(length, 1e-12)
            self.config[index, C_UP : C_UP + 3] = learned.start_up

    def give_axes(self, axes: Float64, weights: Float64, references: Float64) -> None:
        """Set the axes (s, 3) in the sensors' frames, weights (s,) and reference poses (s, 4)."""
        for index in range(len(self.slots)):
            if self.config[index, C_WEIGHT] == 0.0:
                continue
            self.config[index, C_AXIS : C_AXIS + 3] = axes[index]
            self.config[index, C_WEIGHT] = weights[index]
        self._refer(references)

    def begin(self, q: Float64) -> None:
        """Take the reference poses from orientations (4 s,)."""
        self._refer(q.reshape(-1, 4))

    def _refer(self, references: Float64) -> None:
        up = np.empty(3)
        for index in range(len(self.slots)):
            kind = Coordinate(int(self.config[index, C_KIND]))
            reference = references[index]
            if kind is Coordinate.TILT:
                continue  # the demonstrated start is the reference
            up_vector(reference, up)
            axis = self.config[index, C_AXIS : C_AXIS + 3]
            if kind is not Coordinate.TURN and not self.sought and self._calibrated:
                # Gravity shows a rotation about a level axis, heading one about an upright one.
                upright = float((axis * up).sum()) ** 2 > 0.5
                kind = Coordinate.TWIST if upright else Coordinate.INCLINATION
                self.config[index, C_KIND] = float(kind)
                self.config[index, C_UP : C_UP + 3] = 0.0
                self.config[index, C_VERTICAL] = 0.0
            if kind is Coordinate.TWIST:
                learned_up = self.config[index, C_UP : C_UP + 3]
                if not self.sought and learned_up.any():
                    reference = _with_up(reference, up, learned_up)
                    up_vector(reference, up)
                self.config[index, C_VERTICAL] = float((axis * up).sum()) ** 2
            else:
                self.config[index, C_UP : C_UP + 3] = up
            self.config[index, C_REFERENCE : C_REFERENCE + 4] = reference
        self.state[:] = 0.0
        self.begun = True

    @property
    def _calibrated(self) -> bool:
        return self._calibration is not None and isinstance(
            self._movement, SegmentMovement | JointMovement
        )

    def vertical_share(self, index: int) -> float:
        """Squared vertical part of the axis that a sensor's coordinate is about."""
        return float(self.config[index, C_VERTICAL])

    def range_sd_deg(self, range_deg: float, duration_s: float) -> float:
        """Deviation of a bone's range: two readings of each tilt, drift between them, the axis, and
        soft tissue. At both ends the angle turns, so that the time of a reading does not matter."""
        variance = (self.share * range_deg) ** 2
        # The slow part of an inclination's error, about half of its variance, cancels between the
        # readings at rest and at the peak: their difference is off by as much as one of them.
        heading = RANGE_HEADING_SD_DEG + RANGE_HEADING_DRIFT_DEG_PER_S * duration_s
        for index, block in enumerate(self.config):
            vertical = self.vertical_share(index)
            tilt = block[C_TILT_SD]
            variance += block[C_WEIGHT] ** 2 * (
                (1.0 - vertical) * tilt * tilt
                + vertical * heading * heading
                + SOFT_TISSUE_SD_DEG**2
            )
        return math.sqrt(variance)

    def departure_sd_deg(self, index: int) -> float:
        """Deviation of how far one segment's inclination has departed: as in `range_sd_deg`, of one
        sensor about a level axis."""
        return math.hypot(float(self.config[index, C_TILT_SD]), SOFT_TISSUE_SD_DEG)

    def memory(self) -> list[Any]:
        """For snapshots; `recall` is the inverse."""
        return [self.config, self.state, self.share, self.begun]

    def recall(self, memory: list[Any]) -> None:
        """Continue from `memory`."""
        self.config[:], self.state[:], self.share, self.begun = memory

    def evaluate(
        self,
        t: Float64,
        q: Float64,
        zero_t: Float64,
        heading: Float64 | None = None,
        variance: Float64 | None = None,
    ) -> tuple[Float64, Float64]:
        """Angle and standard deviation (n,), (n,) in degrees; continues from the last call.

        t, zero_t: (n,). q: (n, 4 s). heading, variance: (n,) of a calibrated joint.
        """
        angle = np.empty(len(t))
        sd = np.empty(len(t))
        angle_kernel(self.config, self.state, self.share, t, q, zero_t, angle, sd)
        return angle, sd


def _with_up(q: Float64, up: Float64, wanted: Float64) -> Float64:
    """The orientation nearest to `q` in whose frame `wanted` points up."""
    # Rotating the sensor by r turns up into conj(r) up r: r takes `wanted` to `up`.
    x = wanted[1] * up[2] - wanted[2] * up[1]
    y = wanted[2] * up[0] - wanted[0] * up[2]
    z = wanted[0] * up[1] - wanted[1] * up[0]
    w = 1.0 + float((wanted * up).sum())
    if w < 1e-9:
        return q.copy()
    norm = math.sqrt(w * w + x * x + y * y + z * z)
    w, x, y, z = w / norm, x / norm, y / norm, z / norm
    a, b, c, d = q
    return np.array(
        [
            a * w - b * x - c * y - d * z,
            a * x + b * w + c * z - d * y,
            a * y - b * z + c * w + d * x,
            a * z + b * y - c * x + d * w,
        ]
    )
