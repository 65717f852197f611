"""The body as joints between segments: which directions each has, and their ISB signs.

One table maps what a clinician says (flexion, abduction, turn_left ...) to an axis of the segment
and a sign, for each joint and side. How an angle about such an axis comes about is `angle`'s.
"""

import math
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Final, Literal

# Directions that one sensor or a pair can measure, each positive in its own direction.
ClinicalAxis = Literal[
    "flexion", "extension", "bend_left", "bend_right", "turn_left", "turn_right",
    "abduction", "adduction", "internal_rotation", "external_rotation",
    "anterior_tilt", "posterior_tilt", "dorsiflexion", "plantarflexion",
    "pronation", "supination",
]  # fmt: skip


class SegmentAxis(IntEnum):
    """Axes of a segment after ISB: x forward, y up along the segment, z to the right; all in the
    anatomical position (standing, palms forward)."""

    X = 0
    Y = 1
    Z = 2


class Joint(StrEnum):
    LUMBAR = "lumbar"
    NECK = "neck"
    HIP = "hip"
    KNEE = "knee"
    ANKLE = "ankle"
    SHOULDER = "shoulder"
    ELBOW = "elbow"
    WRIST = "wrist"
    OTHER = "joint"  # between segments that are not named after the body


@dataclass(frozen=True, slots=True)
class Direction:
    """Rotation about an axis of the segment, sign +1 or -1 after the right-hand rule.

    The sign is the right side's; `mirrored` tells that the left side has the opposite one.
    """

    axis: SegmentAxis
    sign: float
    mirrored: bool = False

    def sign_on(self, side: str | None) -> float:
        """The sign on `side`, the right one's where no side is given."""
        return -self.sign if self.mirrored and side == "left" else self.sign


_OPPOSITES: Final[dict[str, str]] = {}


def _pair(
    positive: str, negative: str, axis: SegmentAxis, sign: float, *, mirrored: bool = False
) -> dict[str, Direction]:
    _OPPOSITES[positive], _OPPOSITES[negative] = negative, positive
    return {
        positive: Direction(axis, sign, mirrored),
        negative: Direction(axis, -sign, mirrored),
    }


# Signs by the right-hand rule about ISB axes. Bending the trunk forward moves its upper end, and y,
# towards x: negative about z. Lifting a limb forward moves its lower end towards x, and y away from
# it: positive about z. A knee bends the other way. Raising the right limb sideways moves its lower
# end towards z, and y away from it: negative about x. Turning to the left moves x away from z:
# positive about y; so does turning a right limb inwards.
_TRUNK: Final = (
    _pair("flexion", "extension", SegmentAxis.Z, -1.0)
    | _pair("bend_right", "bend_left", SegmentAxis.X, 1.0)
    | _pair("turn_left", "turn_right", SegmentAxis.Y, 1.0)
)
_SIDEWAYS: Final = {axis: each for axis, each in _TRUNK.items() if axis.endswith(("left", "right"))}
_PELVIS: Final = _TRUNK | _pair("anterior_tilt", "posterior_tilt", SegmentAxis.Z, -1.0)
_BALL: Final = (
    _pair("flexion", "extension", SegmentAxis.Z, 1.0)
    | _pair("abduction", "adduction", SegmentAxis.X, -1.0, mirrored=True)
    | _pair("internal_rotation", "external_rotation", SegmentAxis.Y, 1.0, mirrored=True)
)
_KNEE: Final = _pair("flexion", "extension", SegmentAxis.Z, -1.0)
_ANKLE: Final = _pair("dorsiflexion", "plantarflexion", SegmentAxis.Z, 1.0)
_FOREARM: Final = _pair("flexion", "extension", SegmentAxis.Z, 1.0) | _pair(
    "pronation", "supination", SegmentAxis.Y, 1.0, mirrored=True
)
_HAND: Final = _pair("flexion", "extension", SegmentAxis.Z, 1.0)

JOINTS: Final[dict[tuple[str, str], Joint]] = {
    ("pelvis", "thorax"): Joint.LUMBAR,
    ("thorax", "head"): Joint.NECK,
    ("pelvis", "thigh"): Joint.HIP,
    ("thigh", "shank"): Joint.KNEE,
    ("shank", "foot"): Joint.ANKLE,
    ("thorax", "upper_arm"): Joint.SHOULDER,
    ("upper_arm", "forearm"): Joint.ELBOW,
    ("forearm", "hand"): Joint.WRIST,
}
_JOINT_DIRECTIONS: Final[dict[Joint, dict[str, Direction]]] = {
    Joint.LUMBAR: _TRUNK,
    Joint.NECK: _TRUNK,
    Joint.HIP: _BALL,
    Joint.KNEE: _KNEE,
    Joint.ANKLE: _ANKLE,
    Joint.SHOULDER: _BALL,
    Joint.ELBOW: _FOREARM,
    Joint.WRIST: _HAND,
    # Whatever it is, its directions are those of the trunk.
    Joint.OTHER: _TRUNK,
}
# A segment by itself has the directions of the joint that moves it, the next one towards the trunk.
_SEGMENT_DIRECTIONS: Final[dict[str, dict[str, Direction]]] = {
    "pelvis": _PELVIS,
    "thorax": _TRUNK,
    "head": _TRUNK,
    "thigh": _BALL,
    "shank": _KNEE,
    "foot": _ANKLE,
    "upper_arm": _BALL,
    "forearm": _FOREARM,
    "hand": _HAND,
}
SEGMENTS: Final = tuple(_SEGMENT_DIRECTIONS)
# Joints with fewer than three degrees of freedom: the relative heading of their segments follows
# from the joint's axes. An elbow bends about z of the upper arm and turns about y of the forearm.
HINGES: Final = frozenset({Joint.KNEE})


# How far each joint goes from the anatomical position, degrees, in the most mobile of adults and as
# sensors on the skin see it: the norms of the American Academy of Orthopaedic Surgeons, and about a
# third more. The low back is all of the spine between pelvis and breastbone. What is prescribed
# beyond these is a slip of the pen.
_FURTHEST_DEG: Final[dict[Joint, dict[str, float]]] = {
    Joint.LUMBAR: {
        "flexion": 110.0, "extension": 60.0, "bend_left": 60.0, "bend_right": 60.0,
        "turn_left": 90.0, "turn_right": 90.0,
    },
    Joint.NECK: {
        "flexion": 90.0, "extension": 100.0, "bend_left": 70.0, "bend_right": 70.0,
        "turn_left": 110.0, "turn_right": 110.0,
    },
    Joint.HIP: {
        "flexion": 150.0, "extension": 45.0, "abduction": 80.0, "adduction": 50.0,
        "internal_rotation": 75.0, "external_rotation": 80.0,
    },
    Joint.KNEE: {"flexion": 165.0, "extension": 20.0},
    Joint.ANKLE: {"dorsiflexion": 50.0, "plantarflexion": 80.0},
    Joint.SHOULDER: {
        "flexion": 190.0, "extension": 90.0, "abduction": 190.0, "adduction": 75.0,
        "internal_rotation": 110.0, "external_rotation": 120.0,
    },
    Joint.ELBOW: {"flexion": 165.0, "extension": 20.0, "pronation": 110.0, "supination": 110.0},
    Joint.WRIST: {"flexion": 110.0, "extension": 110.0},
}  # fmt: skip


def joint_of(proximal: str, distal: str) -> Joint:
    """The joint between two segments."""
    return JOINTS.get((proximal, distal), Joint.OTHER)


def joint_direction(proximal: str, distal: str, axis: str) -> Direction:
    """The direction `axis` of a joint; ValueError tells which ones it has."""
    joint = joint_of(proximal, distal)
    return _among(_JOINT_DIRECTIONS[joint], axis, f"the {joint} of {proximal} and {distal}")


def segment_direction(segment: str, axis: str) -> Direction:
    """The direction `axis` of one segment; ValueError tells which ones it has."""
    return _among(_SEGMENT_DIRECTIONS.get(segment, _TRUNK), axis, f"the {segment}")


def opposite(axis: str) -> str:
    """The direction that is negative where `axis` is positive."""
    return _OPPOSITES[axis]


def furthest_deg(proximal: str, distal: str, axis: str) -> float:
    """The longest way of a joint in the direction `axis`, from its other end; inf if not known."""
    of = _FURTHEST_DEG.get(joint_of(proximal, distal), {})
    return of.get(axis, math.inf) + of.get(opposite(axis), math.inf)


def _among(directions: dict[str, Direction], axis: str, whose: str) -> Direction:
    # Left and right of the room are understood for every segment.
    direction = directions.get(axis) or _SIDEWAYS.get(axis)
    if direction is None:
        raise ValueError(f"{whose} has no {axis}; it has {', '.join(directions)}")
    return direction


# What a whole body's pose is given by, degrees, each positive in the direction it is named after.
# Those of a limb hold for both sides, or for one with left_ or right_ before them. The pelvis turns
# against the room, the lumbar spine (thorax) against the pelvis, and so on outwards.
TRUNK_POSE: Final = tuple(
    f"{part}_{axis}"
    for part in ("pelvis", "lumbar", "neck")
    for axis in ("flexion", "bend_right", "turn_left")
)
LIMB_POSE: Final = (
    "hip_flexion", "hip_abduction", "hip_internal_rotation", "knee_flexion", "ankle_dorsiflexion",
    "shoulder_flexion", "shoulder_abduction", "shoulder_internal_rotation", "elbow_flexion",
    "elbow_pronation", "wrist_flexion",
)  # fmt: skip
_ONE_SIDED: Final = (f"{side}_{name}" for side in ("left", "right") for name in LIMB_POSE)
POSE_ANGLES: Final = frozenset((*TRUNK_POSE, *LIMB_POSE, *_ONE_SIDED))
