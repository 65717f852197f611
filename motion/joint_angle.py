"""The angle of a joint between two calibrated segments, in the clinical order, with its deviation.

Grood and Suntay (1983), as the ISB recommends: flexion about z of the proximal segment, abduction
about the floating axis, rotation about y of the distal one. Where the heading between the segments
comes from is `heading`'s, which directions a joint has `joints`'s.
"""

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion import quaternion
from motion._jit import njit
from motion.angle import (
    C_TILT_SD,
    C_WEIGHT,
    READING_SHARE,
    TILT_SD_DEG,
    AngleModel,
    direction_axis,
)
from motion.calibration import Calibration
from motion.joints import Direction, Joint, SegmentAxis, joint_direction, joint_of
from motion.template import ExerciseTemplate, JointMovement

Float64 = NDArray[np.float64]

# Which angle of the decomposition, one code each.
FLEXION: Final = 0  # about z of the proximal segment: seen in its sagittal plane
ABDUCTION: Final = 1  # about the floating axis: how far the distal segment leaves that plane
ROTATION: Final = 2  # about y of the distal segment
ELEVATION: Final = 3  # seen in the frontal plane: a shoulder's abduction goes beyond 90 degrees

_DEG: Final = 180.0 / math.pi

# State of the angle: last value (rad, continued beyond a half-turn), value at the start, and the
# squared vertical part of the axis at the last sample.
S_LAST: Final = 0
S_START: Final = 1
S_BEGUN: Final = 2
S_VERTICAL: Final = 3
S_SIZE: Final = 4


@njit
def _bone(q: Float64, at: int, bone: Float64) -> quaternion.Quaternion:
    """Segment to earth from sensor to earth `q[at:]` and sensor to segment `bone`."""
    return quaternion.multiply(
        quaternion.read(q, at), quaternion.conjugate(quaternion.read(bone, 0))
    )


@njit
def clinical_angle(
    code: int, proximal: quaternion.Quaternion, distal: quaternion.Quaternion
) -> tuple[float, float]:
    """One angle in radians by the right-hand rule, and the vertical part of the axis it is about.

    proximal, distal: segment to earth, of one heading.
    """
    relative = quaternion.multiply(quaternion.conjugate(proximal), distal)
    _, m01, _, _, m11, _, m20, m21, m22 = quaternion.matrix(relative)
    axes = quaternion.matrix(proximal)
    if code == FLEXION:
        return math.atan2(-m01, m11), axes[8]
    if code == ABDUCTION:
        # The floating axis: proximal x turned about z by the flexion.
        flexion = math.atan2(-m01, m11)
        vertical = math.cos(flexion) * axes[6] + math.sin(flexion) * axes[7]
        return math.asin(min(1.0, max(-1.0, m21))), vertical
    if code == ELEVATION:
        return math.atan2(m21, m11), axes[6]
    return math.atan2(-m20, m22), quaternion.matrix(distal)[7]


@njit
def joint_angle_kernel(
    code: int,
    sign: float,
    share: float,
    bones: Float64,
    tilt_sd_deg: Float64,
    state: Float64,
    q1: Float64,
    q2: Float64,
    heading: Float64,
    variance: Float64,
    angle_deg: Float64,
    sd_deg: Float64,
) -> None:
    """The angle of n samples and its deviation.

    bones: (2, 4) sensor to segment, proximal and distal. tilt_sd_deg: (2,). q1, q2: (n, 4) sensor
    to earth. heading, variance: (n,) rad, rad^2.
    """
    turn = 2.0 * math.pi
    tilt = tilt_sd_deg[0] * tilt_sd_deg[0] + tilt_sd_deg[1] * tilt_sd_deg[1]
    for i in range(len(angle_deg)):
        half = 0.5 * heading[i]
        facing = (math.cos(half), 0.0, 0.0, math.sin(half))
        proximal = _bone(q1[i], 0, bones[0])
        distal = quaternion.multiply(facing, _bone(q2[i], 0, bones[1]))
        value, vertical = clinical_angle(code, proximal, distal)
        value *= sign
        if state[S_BEGUN] == 0.0:
            state[S_BEGUN] = 1.0
            state[S_START] = value
            state[S_LAST] = value
        value += turn * math.floor((state[S_LAST] - value) / turn + 0.5)
        timing = READING_SHARE * _DEG * (value - state[S_LAST])
        state[S_LAST] = value
        state[S_VERTICAL] = vertical * vertical
        angle = _DEG * (value - state[S_START])
        angle_deg[i] = angle
        sd_deg[i] = math.sqrt(
            (1.0 - vertical * vertical) * tilt
            + vertical * vertical * variance[i] * _DEG * _DEG
            + timing * timing
            + (share * angle) * (share * angle)
        )


@njit
def joint_deviation_kernel(
    code: int, bones: Float64, q1: Float64, q2: Float64, heading: Float64
) -> float:
    """Largest departure of a joint's angle from its first value over n samples, degrees."""
    largest = 0.0
    start = 0.0
    turn = 2.0 * math.pi
    for i in range(q1.shape[0]):
        half = 0.5 * heading[i]
        facing = (math.cos(half), 0.0, 0.0, math.sin(half))
        distal = quaternion.multiply(facing, _bone(q2[i], 0, bones[1]))
        value, _ = clinical_angle(code, _bone(q1[i], 0, bones[0]), distal)
        if i == 0:
            start = value
        apart = value - start
        apart -= turn * math.floor(apart / turn + 0.5)
        largest = max(largest, abs(apart))
    return _DEG * largest


def joint_code(proximal: str, distal: str, axis: str) -> int:
    """Which angle of the decomposition a clinical direction of a joint is."""
    direction = joint_direction(proximal, distal, axis)
    if direction.axis is SegmentAxis.Z:
        return FLEXION
    if direction.axis is SegmentAxis.Y:
        return ROTATION
    return ELEVATION if joint_of(proximal, distal) is Joint.SHOULDER else ABDUCTION


class JointAngle(AngleModel):
    """The angle of a joint whose two sensors are calibrated."""

    def __init__(
        self,
        template: ExerciseTemplate,
        movement: JointMovement,
        calibration: Calibration,
        side: str | None,
    ) -> None:
        direction = joint_direction(movement.proximal, movement.distal, movement.axis)
        self._code = joint_code(movement.proximal, movement.distal, movement.axis)
        self._sign = direction.sign_on(side)
        self.bones = np.stack(
            [calibration.sensor_to_segment(slot) for slot in (movement.proximal, movement.distal)]
        )
        self._joint_state = np.zeros(S_SIZE)
        super().__init__(template, calibration, side)

    @property
    def hinge(self) -> tuple[Float64, Float64] | None:
        """A hinge's axis, (3,) in the proximal and in the distal sensor's frame; None of others."""
        if self._joint is not Joint.KNEE:
            return None
        return self._along(SegmentAxis.Z, SegmentAxis.Z)

    @property
    def two_axes(self) -> tuple[Float64, Float64, float] | None:
        """The two axes of a joint that has no third, one (3,) in the proximal and one (3,) in the
        distal sensor's frame, and the angle between them, rad; None of others.

        An elbow bends about the axis of the upper arm from left to right, and the forearm turns
        about its own length (ISB, Wu et al. 2005).
        """
        if self._joint is not Joint.ELBOW:
            return None
        return *self._along(SegmentAxis.Z, SegmentAxis.Y), 0.5 * math.pi

    @property
    def _joint(self) -> Joint:
        return joint_of(self.slots[self.against], self.slots[self.main])

    def _along(self, proximal: SegmentAxis, distal: SegmentAxis) -> tuple[Float64, Float64]:
        """An axis of either segment, (3,) and (3,) in their sensors' frames."""
        calibration = self._calibration
        if calibration is None:
            raise TypeError("only a calibrated joint knows its axes")
        slots = (self.slots[self.against], self.slots[self.main])
        inner, outer = (
            direction_axis(calibration, slot, Direction(axis, 1.0), None)
            for slot, axis in zip(slots, (proximal, distal), strict=True)
        )
        return inner, outer

    def same_joint(self, other: "JointAngle") -> bool:
        """Whether `other` is about the same two sensors, worn the same way."""
        ends = (self.slots[self.against], self.slots[self.main])
        others = (other.slots[other.against], other.slots[other.main])
        return ends == others and bool((self.bones == other.bones).all())

    def reset(self) -> None:
        """As at the beginning: no start of the angle."""
        self.config[:] = 0.0
        self.state[:] = 0.0
        self.config[:, C_TILT_SD] = TILT_SD_DEG
        for index, weight in ((self.main, 1.0), (self.against, -1.0)):
            self.config[index, C_WEIGHT] = weight
        self.begun = False
        self._joint_state[:] = 0.0

    def begin(self, q: Float64) -> None:
        """The angle is counted from the next sample on."""
        self._joint_state[:] = 0.0
        self.begun = True

    def evaluate(
        self,
        t: Float64,
        q: Float64,
        zero_t: Float64,
        heading: Float64 | None = None,
        variance: Float64 | None = None,
    ) -> tuple[Float64, Float64]:
        """Angle and standard deviation (n,), (n,) in degrees; continues from the last call."""
        if heading is None or variance is None:
            raise ValueError("the angle of a joint needs the heading between its segments")
        angle = np.empty(len(t))
        sd = np.empty(len(t))
        pair = [self.against, self.main]
        proximal, distal = (np.ascontiguousarray(q[:, 4 * s : 4 * s + 4]) for s in pair)
        joint_angle_kernel(
            self._code, self._sign, self.share, self.bones, self.config[pair, C_TILT_SD],
            self._joint_state, proximal, distal, heading, variance, angle, sd,
        )  # fmt: skip
        return angle, sd

    def vertical_share(self, index: int) -> float:
        """Squared vertical part of the axis, at the last sample."""
        return float(self._joint_state[S_VERTICAL])

    def memory(self) -> list[Any]:
        """For snapshots; `recall` is the inverse."""
        return [*super().memory(), self._joint_state]

    def recall(self, memory: list[Any]) -> None:
        """Continue from `memory`."""
        super().recall(memory[:-1])
        self._joint_state[:] = memory[-1]
