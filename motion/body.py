"""A whole body as fifteen rigid segments: where each points and lies, given its joint angles.

Holds the base poses that figures add to, the supports a body rests on, and the angle of a movement
read off the bones alone. Movement in time is `simulation`'s, what the engine measures `angle`'s.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from motion import quaternion
from motion.joints import (
    JOINTS,
    LIMB_POSE,
    TRUNK_POSE,
    ClinicalAxis,
    Direction,
    Joint,
    SegmentAxis,
    joint_direction,
    segment_direction,
)
from motion.template import (
    Compensation,
    DominantMovement,
    ExerciseTemplate,
    Figure,
    HoldMovement,
    JointMovement,
    LearnedMovement,
    Movement,
    SegmentMovement,
    movement_slots,
)

Float64 = NDArray[np.float64]
Side = Literal["left", "right"]
Fixed = Literal["feet", "pelvis", "thorax", "hands_and_knees", "hands_and_feet"]
Position = Literal[
    "standing", "seated", "supine", "prone", "side_lying", "quadruped", "kneeling", "any"
]
Point = tuple[float, float, float]
SIDES: Final[tuple[Side, Side]] = ("left", "right")

# HOW TO WRITE A FIGURE
#
# The room: z is up; a body that stands looks along x, so that its left is y. Segments after ISB:
# x forward, y up along the segment, z to the right, all parallel in the anatomical position
# (standing, palms forward), in which every angle is 0.
#
# A pose is written in degrees beyond those of the position (BASE_POSES), each angle positive in the
# direction it is named after, for the left limb as for the right one. So the peak of "bend forward
# 45 degrees in the low back" is {lumbar_flexion: 45} in every position. `hip_flexion` is both
# hips, `left_hip_flexion` one of them; where both are written the one-sided one holds for its side.
# Other directions are the negative: extension is flexion -, bend_left is bend_right -, adduction
# abduction -, external rotation internal rotation -, supination pronation -, plantarflexion
# dorsiflexion -, posterior tilt pelvis_flexion -.
#
# Each joint turns the outer segment against the inner one, in the order of Grood and Suntay:
# flexion first, about z of the inner segment; then abduction or bending; then rotation about y of
# the outer segment. The shoulder goes by abduction first, about x of the thorax, then flexion, then
# rotation: an arm abducted by 90 and flexed by 90 points forward, abducted by 90 and flexed by 45
# between forward and sideways (horizontal adduction), and abduction may pass 90.
#
# The pelvis turns against the room, in the same order, starting from the position. Everything hangs
# on it: who bends forward with the pelvis (pelvis_flexion: 40) and keeps the legs where they are
# writes hip_flexion: 40 with it. The like holds for
#   pelvis_bend_right: b   right_hip_abduction: b, left_hip_abduction: -b
#   pelvis_turn_left: t    right_hip_internal_rotation: -t, left_hip_internal_rotation: t
# and, with the trunk lying or the thorax still, lumbar_* with the opposite sign of pelvis_*.
#
# Feet are flat while pelvis_flexion - hip_flexion + knee_flexion - ankle_dorsiflexion is what it is
# in the position. Some usual poses, beyond the position:
#   squat to a thigh h degrees from upright, shin s   hip_flexion: h + p, pelvis_flexion: p,
#                                                     knee_flexion: h + s, ankle_dorsiflexion: s
#   heel raise                         ankle_dorsiflexion: -30 (the body rises over the toes)
#   sit to stand (seated, fixed feet)  hip_flexion: -90, knee_flexion: -90
#   hook lying (supine)                hip_flexion: 45, knee_flexion: 90, ankle_dorsiflexion: -25
#   hands on the thighs (seated)       shoulder_flexion: 20, elbow_flexion: 50
#   forearm upright at the side        elbow_flexion: 80, so that the hand points forward
#
# Rest and peak are both written from the position: what stays as it is at rest (bent knees in hook
# lying) stands in both.
#
# The side: a figure is written for the template's own side, and for the right one where `side` is
# none, alternate or right; its limb is then right_hip_flexion and so on. On the other side it is
# mirrored, and with it which side one lies on: side lying is on the side that is not exercised, so
# the exercised limbs are on top. A slot without left_ or right_ is the exercised side.
#
# What is fixed: of the named parts those points that touch the floor in all poses keep their place.
# When two parts are fixed and the angles do not quite agree, the difference is shared;
# `slip_m` tells how much it is.

# Joint angles of each position, degrees, by the names of joints.POSE_ANGLES. Upright arms hang with
# the thumb forward, slightly bent and clear of the thigh; upright bodies stand or sit straight.
_ARMS: Final[Mapping[str, float]] = {
    "shoulder_abduction": 6.0,
    "elbow_flexion": 10.0,
    "elbow_pronation": 80.0,
}
# On hands and knees the hands are flat with the fingers forward: the arm has turned by 180 degrees,
# 50 of them at the shoulder, so that the elbow points backwards and outwards.
_HANDS_DOWN: Final[Mapping[str, float]] = {
    "shoulder_flexion": 75.0,
    "shoulder_internal_rotation": 50.0,
    "elbow_pronation": 130.0,
    "wrist_flexion": -85.0,
}
BASE_POSES: Final[Mapping[str, Mapping[str, float]]] = {
    "standing": _ARMS,
    "seated": {**_ARMS, "hip_flexion": 90.0, "knee_flexion": 90.0},
    # On the back, looking up, head towards -x; legs straight, palms down beside the body.
    "supine": {
        "shoulder_abduction": 12.0,
        "elbow_flexion": 5.0,
        "elbow_pronation": 150.0,
        "ankle_dorsiflexion": -20.0,
    },
    # On the belly, looking down, head towards x; legs straight, feet stretched, arms at the sides
    # with the palms up.
    "prone": {
        "shoulder_abduction": 12.0,
        "elbow_pronation": 20.0,
        "ankle_dorsiflexion": -60.0,
        "neck_flexion": -5.0,
    },
    # On the left side with the right one exercised, looking along -y, head towards x. Hips and
    # knees a little bent, the lower arm under the head, the upper one along the body.
    "side_lying": {
        "hip_flexion": 15.0,
        "knee_flexion": 25.0,
        "ankle_dorsiflexion": -10.0,
        "right_shoulder_abduction": -4.0,
        "right_shoulder_flexion": 12.0,
        "right_elbow_flexion": 25.0,
        "right_elbow_pronation": 80.0,
        "left_shoulder_flexion": 150.0,
        "left_elbow_flexion": 100.0,
        "left_elbow_pronation": 60.0,
        # The lower shoulder is wider than the hip.
        "lumbar_bend_right": 10.0,
        "neck_bend_right": -5.0,
    },
    # Thighs and arms upright, head towards x, looking down and a little ahead. An arm is longer
    # than a thigh, so that the trunk rises by 15 degrees towards the shoulders.
    "quadruped": {
        **_HANDS_DOWN,
        "hip_flexion": 75.0,
        "knee_flexion": 90.0,
        "ankle_dorsiflexion": -65.0,
        "neck_flexion": -15.0,
    },
    # On both knees, trunk and thighs upright, shins level.
    "kneeling": {**_ARMS, "knee_flexion": 90.0, "ankle_dorsiflexion": -65.0},
    # Templates that go in any position are drawn and simulated standing.
    "any": _ARMS,
}

_HALF: Final = math.sqrt(0.5)
Quaternion = quaternion.Quaternion
# Pelvis to room in each position; what is left out is upright. Backwards is a positive turn about
# z, which takes x (forward) up; side lying takes z (to the right) up, and for the left side down.
UPRIGHT: Final[Quaternion] = (_HALF, _HALF, 0.0, 0.0)
_ON_THE_BACK: Final = quaternion.multiply(UPRIGHT, (_HALF, 0.0, 0.0, _HALF))
_ON_THE_BELLY: Final = quaternion.multiply(UPRIGHT, (_HALF, 0.0, 0.0, -_HALF))
_HALF_OF_75: Final = math.radians(0.5 * 75.0)
_ON_ALL_FOURS: Final = quaternion.multiply(
    UPRIGHT, (math.cos(_HALF_OF_75), 0.0, 0.0, -math.sin(_HALF_OF_75))
)
_BASE_PELVIS: Final[Mapping[str, Quaternion]] = {
    "supine": _ON_THE_BACK,
    "prone": _ON_THE_BELLY,
    "quadruped": _ON_ALL_FOURS,
    "side_lying": (_HALF, 0.0, 0.0, -_HALF),
}
_ON_THE_RIGHT_SIDE: Final[Quaternion] = (0.0, _HALF, _HALF, 0.0)

# Every angle of a body, one column each: the trunk's, then the left limbs', then the right ones'.
CHANNELS: Final = (*TRUNK_POSE, *(f"{side}_{name}" for side in SIDES for name in LIMB_POSE))
_COLUMN: Final = {name: index for index, name in enumerate(CHANNELS)}
# Mirroring exchanges the sides and turns round what has a side in its name.
_MIRROR_FROM: Final = np.array(
    [
        _COLUMN[
            name.replace("left_", "right_")
            if name.startswith("left_")
            else name.replace("right_", "left_")
            if name.startswith("right_")
            else name
        ]
        for name in CHANNELS
    ]
)
_MIRROR_SIGN: Final = np.array(
    [-1.0 if name.endswith(("_bend_right", "_turn_left")) else 1.0 for name in CHANNELS]
)

# Lengths as shares of standing height: Drillis & Contini 1966, as printed in Winter, Biomechanics
# and Motor Control of Human Movement (2009), figure 4.1. There the heights above the floor are
# ankle 0.039, knee 0.285, hip 0.530, shoulder 0.818, chin 0.870.
THIGH: Final = 0.245
SHANK: Final = 0.246
ANKLE_HEIGHT: Final = 0.039
UPPER_ARM: Final = 0.186
FOREARM: Final = 0.146
HAND: Final = 0.108
SHOULDER_HALF: Final = 0.129
# Hip centres lie 0.36 of the distance of the iliac spines apart from the middle (Bell, Pedersen &
# Brand, J Biomech 23:617, 1990), which is some 0.137 of the height.
HIP_HALF: Final = 0.049
# The trunk bends at L4/L5, level with the iliac crest, which stands at 0.60; the neck at C7, 0.85.
LUMBAR: Final = 0.070
SHOULDERS: Final = 0.818 - 0.530 - LUMBAR
NECK: Final = 0.850 - 0.530 - LUMBAR
VERTEX: Final = 1.0 - 0.850
STATURE_M: Final = 1.75  # of an adult, between the means of women and men in Europe


class _Link(NamedTuple):
    """How a segment hangs on the next inner one: where, and by which angles.

    columns, signs: of the rotations about z, x and y; column -1 is an angle that does not exist.
    """

    segment: str
    inner: str
    at: Point
    columns: tuple[int, int, int]
    signs: tuple[float, float, float]
    abduction_first: bool


def _link(inner: str, outer: str, at: Point, side: Side | None) -> _Link:
    joint = JOINTS[inner, outer]
    columns, signs = [-1, -1, -1], [1.0, 1.0, 1.0]
    order = (SegmentAxis.Z, SegmentAxis.X, SegmentAxis.Y)
    for name in LIMB_POSE if side else TRUNK_POSE:
        of, _, axis = name.partition("_")
        if of == joint:
            direction = joint_direction(inner, outer, axis)
            place = order.index(direction.axis)
            columns[place] = _COLUMN[f"{side}_{name}" if side else name]
            signs[place] = direction.sign_on(side)
    if side is None:
        ends = (inner, outer)
    else:
        ends = (inner if inner in TRUNK else f"{side}_{inner}", f"{side}_{outer}")
    if side == "left":
        at = (at[0], at[1], -at[2])
    return _Link(
        ends[1],
        ends[0],
        at,
        (columns[0], columns[1], columns[2]),
        (signs[0], signs[1], signs[2]),
        joint is Joint.SHOULDER,
    )


TRUNK: Final = ("pelvis", "thorax", "head")
_LIMBS: Final[tuple[tuple[str, str, Point], ...]] = (
    ("thorax", "upper_arm", (0.0, SHOULDERS, SHOULDER_HALF)),
    ("upper_arm", "forearm", (0.0, -UPPER_ARM, 0.0)),
    ("forearm", "hand", (0.0, -FOREARM, 0.0)),
    ("pelvis", "thigh", (0.0, 0.0, HIP_HALF)),
    ("thigh", "shank", (0.0, -THIGH, 0.0)),
    ("shank", "foot", (0.0, -SHANK, 0.0)),
)
_LINKS: Final = (
    _link("pelvis", "thorax", (0.0, LUMBAR, 0.0), None),
    _link("thorax", "head", (0.0, NECK, 0.0), None),
    *(_link(inner, outer, at, side) for side in SIDES for inner, outer, at in _LIMBS),
)
_PELVIS_COLUMNS: Final = tuple(
    _COLUMN[f"pelvis_{axis}"] for axis in ("flexion", "bend_right", "turn_left")
)
_PELVIS_SIGNS: Final = tuple(
    segment_direction("pelvis", axis).sign for axis in ("flexion", "bend_right", "turn_left")
)
# Every segment by name, from the pelvis outwards; left_ and right_ before those of the limbs.
BODY_SEGMENTS: Final = ("pelvis", *(link.segment for link in _LINKS))
_LINK_OF: Final = {link.segment: link for link in _LINKS}


_ORDER: Final = (SegmentAxis.Z, SegmentAxis.X, SegmentAxis.Y)


def turns(segment: str, axis: SegmentAxis) -> bool:
    """Whether a segment of BODY_SEGMENTS can turn about its axis at its own joint."""
    return segment == "pelvis" or _LINK_OF[segment].columns[_ORDER.index(axis)] >= 0


def excursion(segment: str, direction: Direction, side: Side, *, both_stay: bool) -> Float64:
    """Angles (31,) per degree by which a segment of BODY_SEGMENTS turns at its own joint.

    What hangs on it turns with it, but a turning pelvis leaves the legs where they are, and with
    both_stay the thorax too. Raises ValueError where the joint cannot turn that way.
    """
    place = _ORDER.index(direction.axis)
    amount = direction.sign_on("left" if segment.startswith("left_") else side)
    angles = np.zeros(len(CHANNELS))
    if segment != "pelvis":
        link = _LINK_OF[segment]
        if link.columns[place] < 0:
            raise ValueError(f"the {segment} does not turn about its {direction.axis.name.lower()}")
        angles[link.columns[place]] = amount / link.signs[place]
        return angles
    angles[_PELVIS_COLUMNS[place]] = amount / _PELVIS_SIGNS[place]
    for other in ("left_thigh", "right_thigh", *(["thorax"] if both_stay else [])):
        link = _LINK_OF[other]
        angles[link.columns[place]] = -amount / link.signs[place]
    return angles


class Contact(NamedTuple):
    """A place that can bear the body: in the segment's frame, with the flesh around it.

    at, radius: shares of the height. Segments without left_ or right_ stand for both.
    """

    segment: str
    at: Point
    radius: float


# Half the depth of a trunk at the buttocks, the chest and the waist, of the back of a head, of
# knees and elbows: chosen so that drawn bodies lie and kneel on the floor, to about a centimetre.
CONTACTS: Final[Mapping[str, Contact]] = {
    "heel": Contact("foot", (-0.038, -ANKLE_HEIGHT, 0.0), 0.0),
    "ball": Contact("foot", (0.078, -ANKLE_HEIGHT, 0.0), 0.0),
    "toe": Contact("foot", (0.112, -ANKLE_HEIGHT + 0.006, 0.0), 0.006),
    "knee": Contact("shank", (0.0, 0.0, 0.0), 0.030),
    "wrist": Contact("hand", (0.0, 0.0, 0.0), 0.016),
    "palm": Contact("hand", (0.0, -0.055, 0.0), 0.012),
    "elbow": Contact("forearm", (0.0, 0.0, 0.0), 0.022),
    "shoulder": Contact("upper_arm", (0.0, -0.01, 0.0), 0.032),
    "hip": Contact("thigh", (0.0, 0.0, 0.0), 0.052),
    "chest": Contact("thorax", (0.0, 0.16, 0.0), 0.058),
    "head": Contact("head", (0.012, 0.085, 0.0), 0.052),
}
# Which contacts are meant by what is fixed. A forearm plank rests on the elbows.
_HANDS: Final = ("palm", "wrist", "elbow")
_FIXED: Final[Mapping[str, tuple[str, ...]]] = {
    "feet": ("heel", "ball"),
    "pelvis": (),
    "thorax": (),
    "hands_and_knees": (*_HANDS, "knee"),
    "hands_and_feet": (*_HANDS, "ball", "toe"),
}
# What is fixed and in the air keeps the place of its own centre.
_FIXED_POINT: Final[Mapping[str, tuple[str, Point]]] = {
    "pelvis": ("pelvis", (0.0, 0.0, 0.0)),
    "thorax": ("thorax", (0.0, SHOULDERS, 0.0)),
}
# A contact within this of the lowest one bears: soft tissue, and angles written in whole fives.
BEARS_M: Final = 0.03


def channels_deg(pose: Mapping[str, float]) -> Float64:
    """A pose by names (joints.POSE_ANGLES) as the angles of CHANNELS, (31,) degrees."""
    angles = np.zeros(len(CHANNELS))
    # Those of both sides first, so that a one-sided one holds for its side.
    for name in sorted(pose, key=lambda each: each in _COLUMN):
        if name in _COLUMN:
            angles[_COLUMN[name]] = pose[name]
        elif name in LIMB_POSE:
            for side in SIDES:
                angles[_COLUMN[f"{side}_{name}"]] = pose[name]
        else:
            raise ValueError(f"a pose has no angle {name!r}; joints.POSE_ANGLES lists them.")
    return angles


def mirrored(angles_deg: Float64) -> Float64:
    """The mirror image of angles (..., 31)."""
    image: Float64 = angles_deg[..., _MIRROR_FROM] * _MIRROR_SIGN
    return image


def base_deg(position: str, side: Side = "right") -> Float64:
    """The joint angles (31,) of a position with `side` exercised."""
    angles = channels_deg(BASE_POSES[position])
    return mirrored(angles) if side == "left" else angles


def base_pelvis(position: str, side: Side = "right") -> Quaternion:
    """Orientation of the pelvis to the room in a position with `side` exercised."""
    if position == "side_lying" and side == "left":
        return _ON_THE_RIGHT_SIDE
    return _BASE_PELVIS.get(position, UPRIGHT)


@dataclass(frozen=True, slots=True, eq=False)
class FigureAngles:
    """The poses of a figure on one side, whole: angles (31,) in degrees, the position's included.

    opposite: the other turning point of a movement that goes both ways, else None.
    """

    position: str
    side: Side
    fixed: Fixed
    rest: Float64
    peak: Float64
    opposite: Float64 | None

    @classmethod
    def of(cls, template: ExerciseTemplate, side: Side | None = None) -> "FigureAngles":
        """The template's figure on `side` (its own, or the right one, where none is given).

        Raises ValueError when the template has no figure, or none of its opposite way.
        """
        figure = template.figure
        if figure is None:
            raise ValueError(f"the template {template.id} has no figure; write one.")
        side = exercised(template, side)
        written: Side = "left" if template.side == "left" else "right"
        base = base_deg(template.position, written)
        rest, peak = base + channels_deg(figure.rest), base + channels_deg(figure.peak)
        opposite = None
        if template.direction == "both":
            opposite = _opposite(template, figure, base, rest, peak)
        if side != written:
            rest, peak = mirrored(rest), mirrored(peak)
            opposite = None if opposite is None else mirrored(opposite)
        return cls(template.position, side, figure.fixed, rest, peak, opposite)


def _opposite(
    template: ExerciseTemplate, figure: Figure, base: Float64, rest: Float64, peak: Float64
) -> Float64:
    if figure.opposite is not None:
        return base + channels_deg(figure.opposite)
    opposite = rest + mirrored(peak - rest)
    if np.allclose(opposite, peak):
        raise ValueError(
            f"the figure of {template.id} is its own mirror image; give its opposite pose."
        )
    return opposite


def exercised(template: ExerciseTemplate, side: str | None = None) -> Side:
    """The side that is exercised: the one given, else the template's own, else the right one."""
    return "left" if (side or template.side) == "left" else "right"


def _rotation(z: Float64, x: Float64, y: Float64, abduction_first: bool) -> Float64:
    """Quaternions (n, 4) of rotations in radians about z, x and y, or x, z and y."""
    cz, cx, cy = np.cos(0.5 * z), np.cos(0.5 * x), np.cos(0.5 * y)
    sz, sx, sy = np.sin(0.5 * z), np.sin(0.5 * x), np.sin(0.5 * y)
    # The product of the first two differs only in the sign of its y.
    w, i, j, k = cz * cx, cz * sx, sz * sx, sz * cx
    if abduction_first:
        j = -j
    return np.stack(
        [w * cy - j * sy, i * cy - k * sy, w * sy + j * cy, i * sy + k * cy],
        axis=-1,
    )


def orientations(
    angles_deg: Float64, pelvis: ArrayLike, segments: Iterable[str] = BODY_SEGMENTS
) -> dict[str, Float64]:
    """Orientations (n, 4), segment to room, of the segments named, and of those they hang on.

    angles_deg: (n, 31) by CHANNELS. pelvis: (4,) or (n, 4), the pelvis of the position to the room,
    to which the pelvis angles are added.
    """
    angles = np.radians(angles_deg)
    first, second, third = (
        sign * angles[:, column]
        for sign, column in zip(_PELVIS_SIGNS, _PELVIS_COLUMNS, strict=True)
    )
    found = {"pelvis": quaternion.products(pelvis, _rotation(first, second, third, False))}
    wanted = set(segments)
    for link in reversed(_LINKS):
        if link.segment in wanted:
            wanted.add(link.inner)
    none = np.zeros(len(angles))
    for link in _LINKS:
        if link.segment not in wanted:
            continue
        turns = [
            sign * angles[:, column] if column >= 0 else none
            for column, sign in zip(link.columns, link.signs, strict=True)
        ]
        turn = _rotation(turns[0], turns[1], turns[2], link.abduction_first)
        found[link.segment] = quaternion.products(found[link.inner], turn)
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Posture:
    """n poses of a body in the room.

    orientations: (n, 4) by segment, segment to room. origins: (n, 3) by segment, its inner joint
    centre in metres (of the pelvis the middle between the hips).
    """

    orientations: dict[str, Float64]
    origins: dict[str, Float64]
    height_m: float

    def point(self, segment: str, at: Point) -> Float64:
        """Places (n, 3) in metres of a point of a segment; at: in its frame, shares of height."""
        turned = quaternion.rotated(self.orientations[segment], np.array(at) * self.height_m)
        placed: Float64 = self.origins[segment] + turned
        return placed

    def contact(self, name: str, side: Side) -> tuple[Float64, float]:
        """Where a contact of CONTACTS is, (n, 3), and its radius; both in metres."""
        contact = CONTACTS[name]
        segment = contact.segment if contact.segment in TRUNK else f"{side}_{contact.segment}"
        return self.point(segment, contact.at), contact.radius * self.height_m

    def moved(self, by: Float64) -> "Posture":
        """The whole body displaced by (n, 3) or (3,) metres."""
        origins = {segment: origin + by for segment, origin in self.origins.items()}
        return Posture(self.orientations, origins, self.height_m)

    @classmethod
    def joined(cls, parts: Sequence["Posture"]) -> "Posture":
        """The poses of all parts after each other."""
        return cls(
            {
                name: np.concatenate([part.orientations[name] for part in parts])
                for name in parts[0].orientations
            },
            {
                name: np.concatenate([part.origins[name] for part in parts])
                for name in parts[0].origins
            },
            parts[0].height_m,
        )


def hanging(orientation: dict[str, Float64], height_m: float = STATURE_M) -> Posture:
    """A body whose pelvis is held at the room's origin."""
    origins = {"pelvis": np.zeros((len(orientation["pelvis"]), 3))}
    for link in _LINKS:
        if link.segment in orientation:
            at = np.array(link.at) * height_m
            turned = quaternion.rotated(orientation[link.inner], at)
            origins[link.segment] = origins[link.inner] + turned
    return Posture(orientation, origins, height_m)


def _anchors(body: Posture, fixed: Fixed) -> list[Float64]:
    """Places (n, 3) of what stays where it is, of a hanging body."""
    if fixed in _FIXED_POINT:
        return [body.point(*_FIXED_POINT[fixed])]
    points, bottoms = [], []
    for side in SIDES:
        for name in _FIXED[fixed]:
            point, radius = body.contact(name, side)
            points.append(point)
            bottoms.append(point[:, 2] - radius)
    above = np.array(bottoms) - np.min(bottoms, axis=0)
    bearing = np.all(above < BEARS_M, axis=1)
    if not bearing.any():
        # Nothing bears throughout: what does so longest.
        share = np.mean(above < BEARS_M, axis=1)
        bearing = share == share.max()
    return [point for point, bears in zip(points, bearing, strict=True) if bears]


def pelvis_path(
    angles_deg: Float64,
    position: str,
    side: Side = "right",
    fixed: Fixed = "feet",
    height_m: float = STATURE_M,
) -> Float64:
    """Places (n, 3) in metres of a pelvis whose body moves through angles (n, 31) with its `fixed`
    part where it is in the first.

    In the first pose the pelvis stands over the room's origin and the lowest contact touches z = 0.
    """
    pelvis = base_pelvis(position, side)
    first = hanging(orientations(angles_deg[:1], pelvis), height_m)
    lowest = min(
        float(point[0, 2]) - radius
        for name in CONTACTS
        for each in SIDES
        for point, radius in [first.contact(name, each)]
    )
    start = np.array([0.0, 0.0, -lowest])
    if fixed == "pelvis":
        return np.tile(start, (len(angles_deg), 1))
    needed = ["thorax", *(f"{each}_{CONTACTS[n].segment}" for each in SIDES for n in _FIXED[fixed])]
    body = hanging(orientations(angles_deg, pelvis, needed), height_m)
    anchor = np.mean(_anchors(body, fixed), axis=0)
    path: Float64 = start + anchor[0] - anchor
    return path


def placed(
    angles_deg: Float64,
    position: str,
    side: Side = "right",
    fixed: Fixed = "feet",
    height_m: float = STATURE_M,
) -> Posture:
    """A body that moves through angles (n, 31) as `pelvis_path` tells."""
    body = hanging(orientations(angles_deg, base_pelvis(position, side)), height_m)
    return body.moved(pelvis_path(angles_deg, position, side, fixed, height_m))


def slip_m(template: ExerciseTemplate, side: Side | None = None) -> float:
    """How far what is fixed slides or lifts at most between rest and peak, metres.

    A few centimetres do not show; more means that the angles of the peak do not fit the rest.
    """
    figure = FigureAngles.of(template, side)
    worst = 0.0
    for turning in (figure.peak, figure.opposite):
        if turning is not None:
            share = np.linspace(0.0, 1.0, 11)[:, None]
            way = figure.rest + share * (turning - figure.rest)
            body = placed(way, figure.position, figure.side, figure.fixed)
            for anchor in _anchors(body, figure.fixed):
                gone = np.sqrt(np.sum((anchor - anchor[0]) ** 2, axis=1))
                worst = max(worst, float(np.max(gone)))
    return worst


# A watch at the wrist rides on the forearm.
_WORN_ON: Final[Mapping[str, str]] = {"wrist": "forearm"}
_LIMB_SEGMENTS: Final = tuple(outer for _, outer, _ in _LIMBS)


def segment_of(slot: str, side: Side, worn: Mapping[str, str] | None = None) -> str:
    """The segment of BODY_SEGMENTS that a slot's sensor rides on, `side` being exercised.

    worn: segment by slot, for slots that are not named after one. Raises ValueError for those.
    """
    name = (worn or {}).get(slot) or _WORN_ON.get(slot, slot)
    if name in BODY_SEGMENTS:
        return name
    if name in _LIMB_SEGMENTS:
        return f"{side}_{name}"
    raise ValueError(
        f"the slot {slot!r} is not named after a segment; tell on which one it is worn, "
        f"one of {', '.join((*TRUNK, *_LIMB_SEGMENTS))}."
    )


def plain_slots(template: ExerciseTemplate, side: str | None = None) -> frozenset[str]:
    """The slots whose segments are in the start pose as in the plain position.

    What the start pose changes beyond a segment does not move it: arms that are crossed leave the
    trunk where it was. Of a slot that is not named after a segment nothing is known.
    """
    rest = {} if template.figure is None else template.figure.rest
    if not rest:
        return frozenset(template.slots)
    doing = exercised(template, side)
    angles = channels_deg(rest)
    if doing != ("left" if template.side == "left" else "right"):
        angles = mirrored(angles)
    moved = {"pelvis"} if any(angles[column] for column in _PELVIS_COLUMNS) else set[str]()
    # Links are in the order from the pelvis outwards.
    for link in _LINKS:
        if link.inner in moved or any(angles[column] for column in link.columns if column >= 0):
            moved.add(link.segment)
    plain = set()
    for slot in template.slots:
        try:
            segment = segment_of(slot, doing)
        except ValueError:
            continue
        if segment not in moved:
            plain.add(slot)
    return frozenset(plain)


class Seat(NamedTuple):
    """Where on a segment a sensor is strapped.

    at: middle of the strap in the segment's frame. depth, width: from there to the skin in front
    and behind, and to the sides. Shares of the height.
    """

    at: Point
    depth: float
    width: float


# Straps as the makers of such sensors show them: below the hip bones, round the chest, above and
# below the knee, above the elbow and behind the wrist.
SEATS: Final[Mapping[str, Seat]] = {
    "pelvis": Seat((0.0, 0.030, 0.0), 0.056, 0.098),
    "thorax": Seat((0.0, 0.135, 0.0), 0.059, 0.092),
    "head": Seat((0.005, 0.105, 0.0), 0.055, 0.048),
    "upper_arm": Seat((0.0, -0.105, 0.0), 0.029, 0.029),
    "forearm": Seat((0.0, -0.125, 0.0), 0.018, 0.018),
    "hand": Seat((0.0, -0.045, 0.0), 0.012, 0.022),
    "thigh": Seat((0.0, -0.140, 0.0), 0.045, 0.045),
    "shank": Seat((0.0, -0.080, 0.0), 0.034, 0.034),
    "foot": Seat((0.040, -0.024, 0.0), 0.030, 0.020),
}
_OUTWARD: Final[Mapping[str, Point]] = {
    "front": (1.0, 0.0, 0.0),
    "back": (-1.0, 0.0, 0.0),
    "right": (0.0, 0.0, 1.0),
    "left": (0.0, 0.0, -1.0),
    "top": (0.0, 1.0, 0.0),
    # A watch lies on the back of the forearm, which looks backwards with the palms forward.
    "wrist": (-1.0, 0.0, 0.0),
}
# Away from the other limb and towards it, on the right.
_SIDEWARD: Final[Mapping[str, float]] = {"outside": 1.0, "inside": -1.0}
# Where a strap whose placement says nothing of the kind is worn.
_USUAL: Final[Mapping[str, str]] = {
    "pelvis": "back", "thorax": "front", "head": "front", "upper_arm": "outside",
    "forearm": "wrist", "hand": "back", "thigh": "front", "shank": "front", "foot": "top",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class WornSensor:
    """A sensor on the body, as it should be put on.

    segment: of BODY_SEGMENTS. at: its place in the segment's frame, shares of the height. outward:
    unit vector away from the body there. mounting: sensor to segment; the sensor's z points
    outwards, its y up along the segment (forward where outwards is up).
    """

    segment: str
    at: Point
    outward: Point
    mounting: Quaternion

    @classmethod
    def of(
        cls, slot: str, placement: str, side: Side, worn: Mapping[str, str] | None = None
    ) -> "WornSensor":
        """From a template's slot and the first word of its placement that tells a direction."""
        segment = segment_of(slot, side, worn)
        kind = _kind(segment)
        known = (word for word in placement.lower().split() if word in {*_OUTWARD, *_SIDEWARD})
        word = next(known, _USUAL[kind])
        if word in _SIDEWARD:
            outward = (0.0, 0.0, _SIDEWARD[word] * (-1.0 if segment.startswith("left_") else 1.0))
        else:
            outward = _OUTWARD[word]
        seat = SEATS[kind]
        reach = seat.width if outward[2] else seat.depth
        x, y, z = (seat.at[axis] + reach * outward[axis] for axis in range(3))
        up = np.array([1.0, 0.0, 0.0] if outward[1] else [0.0, 1.0, 0.0])
        return cls(segment, (x, y, z), outward, _mounting(np.array(outward), up))


def _mounting(z: Float64, y: Float64) -> Quaternion:
    """The rotation whose frame has these axes, sensor to segment."""
    first = quaternion.from_two_vectors((0.0, 0.0, 1.0), (z[0], z[1], z[2]))
    now = quaternion.rotate(first, (0.0, 1.0, 0.0))
    # About z, so that y comes where it belongs; a half-turn has no other axis to choose.
    cosine = float(np.dot(now, y))
    sine = float(np.dot(np.cross(now, y), z))
    half = 0.5 * math.atan2(sine, cosine)
    return quaternion.multiply((math.cos(half), *(math.sin(half) * z).tolist()), first)


def _kind(slot: str) -> str:
    """A slot without its side, as joints.JOINTS knows it."""
    return slot.removeprefix("left_").removeprefix("right_")


def _side_of(slot: str, side: Side) -> Side:
    return "left" if slot.startswith("left_") else "right" if slot.startswith("right_") else side


def _columns(q: Float64) -> Float64:
    """The axes (3, n, 3) of a segment in the room: axes[j] is its axis j."""
    return np.stack([quaternion.rotated(q, axis) for axis in np.eye(3)])


def _dot(a: Float64, b: Float64) -> Float64:
    product: Float64 = np.sum(a * b, axis=-1)
    return product


# An abducted arm at rest leaves its rotation undefined in the order flexion, abduction, rotation:
# beyond 45 degrees (sine 0.7) the order of the shoulder, abduction first, is the better defined.
_WELL_DEFINED: Final = 0.7
# An axis nearer to the vertical than to the horizontal is seen by heading, not by gravity.
VERTICAL_AXIS: Final = math.sqrt(0.5)


def _joint_angle(
    direction: Direction, sign: float, shoulder: bool, p: Float64, d: Float64
) -> Float64:
    """Radians about one axis of a joint, of the axes (3, n, 3) of its segments."""
    (xp, yp, zp), (xd, yd, zd) = p, d
    match direction.axis:
        case SegmentAxis.Z:
            angle = np.arctan2(-_dot(yd, xp), _dot(yd, yp))
        case SegmentAxis.X:
            along = _dot(yd, zp)
            angle = np.arctan2(along, _dot(yd, yp)) if shoulder else _arcsine(along)
        case SegmentAxis.Y:
            if shoulder and abs(float(_dot(yd[0], zp[0]))) > _WELL_DEFINED:
                angle = np.arctan2(_dot(zd, xp), _dot(xd, xp))
            else:
                angle = np.arctan2(-_dot(xd, zp), _dot(zd, zp))
    result: Float64 = sign * angle
    return result


def _arcsine(sine: Float64) -> Float64:
    angle: Float64 = np.arcsin(np.clip(sine, -1.0, 1.0))
    return angle


def _segment_angle(axis: Float64, q: Float64) -> Float64:
    """Radians that a segment has turned about its own axis (3,), as gravity sees it where that axis
    is rather level at first, else about the vertical."""
    along = quaternion.rotated(q[0], axis)
    if abs(along[2]) < VERTICAL_AXIS:
        up = quaternion.rotated(q * [1.0, -1.0, -1.0, -1.0], [0.0, 0.0, 1.0])
        first = up[0] - axis * _dot(up[0], axis)
        angle = np.arctan2(_dot(np.cross(up, first), axis), _dot(up, first))
    else:
        turn = quaternion.products(q, q[0] * [1.0, -1.0, -1.0, -1.0])
        angle = 2.0 * np.arctan2(turn[:, 3], turn[:, 0]) * np.sign(along[2])
    result: Float64 = angle
    return result


def _from_first(angle: Float64) -> Float64:
    """Continuous degrees, 0 at first."""
    whole = np.degrees(np.unwrap(angle))
    result: Float64 = whole - whole[0]
    return result


def turned_about(axis: Float64, q: Float64) -> Float64:
    """Degrees (n,) that a segment with orientations (n, 4) has turned about its own axis (3,), by
    gravity where that axis is rather level at first, else about the vertical; 0 at first."""
    return _from_first(_segment_angle(axis, q))


def turning_axis(q: Float64) -> Float64:
    """The axis (3,) of a segment, in its own frame, about which orientations (n, 4) turn most.

    Its sign makes the first half of the way out positive.
    """
    steps = quaternion.rotation_vectors(
        quaternion.products(q[:-1] * [1.0, -1.0, -1.0, -1.0], q[1:])
    )
    _, directions = np.linalg.eigh(steps.T @ steps)
    axis: Float64 = directions[:, -1]
    gone = np.cumsum(steps @ axis)
    return axis if gone[np.argmax(np.abs(gone))] >= 0.0 else -axis


def bone_angle_deg(
    movement: Movement,
    side: Side,
    orientation: Mapping[str, Float64],
    axis: Float64 | None = None,
) -> Float64:
    """The true clinical angle (n,) in degrees, from the bones alone: 0 in the first pose.

    orientation: by slot, (n, 4) segment to room. Joints: flexion is seen in the sagittal plane of
    the inner segment, bending and abduction by how far the outer one leaves it (a shoulder's goes
    on past 90 degrees), rotation about the outer segment (Grood & Suntay, J Biomech Eng 105:136,
    1983). Segments: see `_segment_angle`. Learned and dominant movements: the turn of the main
    sensor's segment about `axis` in its own frame, by default the one it turns about most.
    """
    match movement:
        case HoldMovement():
            return bone_angle_deg(movement.angle(), side, orientation)
        case JointMovement(proximal=inner, distal=outer):
            direction = joint_direction(_kind(inner), _kind(outer), movement.axis)
            shoulder = JOINTS.get((_kind(inner), _kind(outer))) is Joint.SHOULDER
            sign = direction.sign_on(_side_of(outer, side))
            p, d = _columns(orientation[inner]), _columns(orientation[outer])
            return _from_first(_joint_angle(direction, sign, shoulder, p, d))
        case SegmentMovement(segment=segment):
            direction = segment_direction(_kind(segment), movement.axis)
            unit = np.zeros(3)
            unit[direction.axis] = direction.sign_on(_side_of(segment, side))
            return turned_about(unit, orientation[segment])
        case LearnedMovement() | DominantMovement():
            q = orientation[movement_slots(movement)[0]]
            about = turning_axis(q) if axis is None else axis
            turn = quaternion.products(q[0] * [1.0, -1.0, -1.0, -1.0], q)
            return _from_first(2.0 * np.arctan2(turn[:, 1:] @ about, turn[:, 0]))


def compensation_deg(
    compensation: Compensation, side: Side, orientation: Mapping[str, Float64]
) -> Float64:
    """The true departure (n,) from the first pose, degrees; positive in its own direction.

    A tilt is the change of inclination whatever its direction, never negative.
    """
    if compensation.axis == "tilt":
        q = orientation[compensation.segment]
        up = quaternion.rotated(q * [1.0, -1.0, -1.0, -1.0], [0.0, 0.0, 1.0])
        across = np.sqrt(np.sum(np.cross(up, up[0]) ** 2, axis=1))
        tilt: Float64 = np.degrees(np.arctan2(across, _dot(up, up[0])))
        return tilt
    return bone_angle_deg(compensation_movement(compensation, compensation.axis), side, orientation)


def compensation_movement(
    compensation: Compensation, axis: ClinicalAxis
) -> JointMovement | SegmentMovement:
    """The movement whose angle a compensation about an axis is."""
    if compensation.against is None:
        return SegmentMovement(kind="segment", segment=compensation.segment, axis=axis)
    return JointMovement(
        kind="joint", proximal=compensation.against, distal=compensation.segment, axis=axis
    )


def by_slot(
    slots: Sequence[str],
    side: Side,
    orientation: Mapping[str, Float64],
    worn: Mapping[str, str] | None = None,
) -> dict[str, Float64]:
    """Orientations of segments under the names of the slots that ride on them."""
    return {slot: orientation[segment_of(slot, side, worn)] for slot in slots}


def figure_range_deg(
    template: ExerciseTemplate, side: Side | None = None, worn: Mapping[str, str] | None = None
) -> tuple[float, float | None]:
    """The angle of the movement at the figure's peak, and at its opposite (None without one).

    At the peak it should be the goal (or the target of a hold), at the opposite its negative.
    """
    figure = FigureAngles.of(template, side)
    slots = movement_slots(template.movement)
    reached = []
    for turning in (figure.peak, figure.opposite):
        if turning is not None:
            # Thirty steps: no joint turns by half a turn between two of them.
            share = np.linspace(0.0, 1.0, 31)[:, None]
            way = figure.rest + share * (turning - figure.rest)
            needed = [segment_of(slot, figure.side, worn) for slot in slots]
            found = orientations(way, base_pelvis(figure.position, figure.side), needed)
            named = by_slot(slots, figure.side, found, worn)
            reached.append(float(bone_angle_deg(template.movement, figure.side, named)[-1]))
    return reached[0], reached[1] if len(reached) > 1 else None
