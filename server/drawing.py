"""The figure of a template: a body in motion, as an SVG that stands by itself.

Shapes over the poses of `motion.body`, seen from one side, with the sensors where they are worn.
Holds no kinematics and no pages; plots of what was measured are `figure`'s.
"""

import html
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from motion import body, quaternion
from motion.body import FigureAngles, Point, Posture, Side, WornSensor
from motion.template import (
    ExerciseTemplate,
    HoldMovement,
    movement_slots,
)

Float64 = NDArray[np.float64]
Tone = Literal["skin", "hair", "shirt", "shorts"]

# Units of the drawing to a metre: whole units are then finer than a pixel of a card on a screen.
PER_M: Final = 400.0
# Sides of the picture, 4 to 3, and what stays free around the body, metres.
ASPECT: Final = 4.0 / 3.0
MARGIN_M: Final = 0.12
# A picture shows at least this much, so that a sitting body is not drawn larger than a standing
# one could be.
LEAST_HEIGHT_M: Final = 1.30
# A picture wider than this many heights is set below its like and not beside it.
WIDE: Final = 1.6
# Directions in which the outline of a shape is sought. Of a circle with a radius of 40 units this
# cuts off half a unit.
DIRECTIONS: Final = 20
# A head is nearly a circle, where corners show most.
HEAD_DIRECTIONS: Final = 36
# Poses between rest and peak, evenly spaced in time: the steps of a smooth movement are then finest
# where it is slowest.
STEPS: Final = 8
# Colours by name: on a light page, on a dark one. The clothes carry the picture, the accents (a
# sensor, the path) are the report's vermilion and green, which the colour-blind can tell apart.
COLOURS: Final[dict[str, tuple[str, str]]] = {
    "page": ("#ffffff", "#1a212a"),
    "skin": ("#b9c9d8", "#a9b8c6"),
    "hair": ("#4d6379", "#6d8196"),
    "shirt": ("#5f8fb4", "#5b8db5"),
    "shorts": ("#3f6384", "#3d6486"),
    "far-skin": ("#d3dde6", "#7c8b9a"),
    "far-shirt": ("#9bbad1", "#41678a"),
    "far-shorts": ("#8ca4ba", "#2e4d69"),
    "ground": ("#eef1f4", "#2a333e"),
    "edge": ("#d3dbe2", "#3b4756"),
    "sensor": ("#d55e00", "#ff9350"),
    "path": ("#009e73", "#2cc99a"),
}


class Sphere(NamedTuple):
    """A ball of flesh in a segment's frame; shares of the height. z is outwards for limbs."""

    segment: str
    at: Point
    radius: float


class Shape(NamedTuple):
    """What several spheres span, in one colour."""

    tone: Tone
    spheres: tuple[Sphere, ...]


def _shape(tone: Tone, *spheres: tuple[str, float, float, float, float]) -> Shape:
    return Shape(tone, tuple(Sphere(name, (x, y, z), radius) for name, x, y, z, radius in spheres))


# Half widths and depths of a lean adult, as shares of the height, rounded: the joint centres are
# those of `body`, the flesh around them is drawn by eye.
_LEG: Final = (
    _shape(
        "skin",
        ("thigh", 0, 0.004, 0, 0.052),
        ("thigh", 0.002, -0.130, 0.002, 0.0455),
        ("shank", 0, 0, 0, 0.0325),
    ),
    _shape(
        "skin",
        ("shank", 0, 0, 0, 0.0315),
        ("shank", -0.006, -0.075, 0, 0.0335),
        ("shank", 0, -body.SHANK, 0, 0.0195),
    ),
    _shape(
        "skin",
        ("foot", 0, 0, 0, 0.0195),
        ("foot", -0.026, -0.022, 0, 0.017),
        ("foot", 0.070, -0.027, 0.004, 0.012),
        ("foot", 0.103, -0.030, 0.0, 0.009),
    ),
    _shape("shorts", ("thigh", 0, 0.004, 0, 0.052), ("thigh", 0.002, -0.130, 0.002, 0.0455)),
)
_ARM: Final = (
    _shape(
        "skin",
        ("upper_arm", 0, 0, -0.010, 0.033),
        ("upper_arm", 0, -0.080, 0, 0.0285),
        ("forearm", 0, 0, 0, 0.0215),
    ),
    _shape(
        "skin",
        ("forearm", 0, 0, 0, 0.0215),
        ("forearm", 0, -0.04, 0, 0.0225),
        ("hand", 0, 0, 0, 0.0145),
    ),
    _shape(
        "skin",
        ("hand", 0, -0.004, 0, 0.014),
        ("hand", 0, -0.045, 0.006, 0.0135),
        ("hand", 0, -0.045, -0.006, 0.0135),
        ("hand", 0.006, -0.090, 0, 0.0085),
    ),
    _shape("skin", ("hand", 0.002, -0.020, 0.008, 0.009), ("hand", 0.010, -0.055, 0.022, 0.0065)),
    _shape(
        "shirt",
        ("upper_arm", 0, 0, -0.010, 0.033),
        ("upper_arm", 0, -0.080, 0, 0.0285),
    ),
)
_TRUNK: Final = (
    _shape(
        "skin", ("thorax", 0.002, body.NECK - 0.015, 0, 0.029), ("head", 0.008, 0.045, 0, 0.027)
    ),
    _shape(
        "shorts",
        ("pelvis", 0, -0.004, 0.048, 0.052),
        ("pelvis", 0, -0.004, -0.048, 0.052),
        ("pelvis", 0, 0.045, 0.036, 0.050),
        ("pelvis", 0, 0.045, -0.036, 0.050),
    ),
    _shape(
        "shirt",
        ("pelvis", 0, 0.040, 0.036, 0.0505),
        ("pelvis", 0, 0.040, -0.036, 0.0505),
        ("thorax", 0, 0.02, 0.034, 0.050),
        ("thorax", 0, 0.02, -0.034, 0.050),
    ),
    _shape(
        "shirt",
        ("thorax", 0, 0.0, 0.034, 0.050),
        ("thorax", 0, 0.0, -0.034, 0.050),
        ("thorax", 0.002, 0.120, 0.046, 0.057),
        ("thorax", 0.002, 0.120, -0.046, 0.057),
        ("thorax", -0.004, 0.196, 0.092, 0.034),
        ("thorax", -0.004, 0.196, -0.092, 0.034),
        ("thorax", -0.006, 0.222, 0.030, 0.032),
        ("thorax", -0.006, 0.222, -0.030, 0.032),
    ),
)
_HAIR: Final = (_shape("hair", ("head", -0.008, 0.098, 0, 0.0545)),)
_FACE: Final = (
    _shape(
        "skin",
        ("head", 0.010, 0.090, 0, 0.0475),
        ("head", 0.030, 0.042, 0, 0.0225),
    ),
    _shape("skin", ("head", 0.050, 0.078, 0, 0.008), ("head", 0.061, 0.064, 0, 0.0065)),
)
_PART_OF: Final[dict[str, str]] = {
    "pelvis": "trunk", "thorax": "trunk", "head": "head",
    "thigh": "leg", "shank": "leg", "foot": "leg",
    "upper_arm": "arm", "forearm": "arm", "hand": "arm",
}  # fmt: skip
# The inner segment of a limb, which tells whether it is on the far side.
_ROOTS: Final = {"leg": "thigh", "arm": "upper_arm"}
# A strap and its box: half thicknesses, and half sides along and across; shares of the height.
STRAP: Final = 0.006
BOX_ALONG: Final = 0.0145
BOX_ACROSS: Final = 0.0115
BOX_DEPTH: Final = 0.007
BOX_ROUND: Final = 0.0035
# A limb that hangs on the body this much further away than its like is drawn pale, metres: the hips
# of a body seen from beside are 0.17 apart.
FAR_M: Final = 0.06
# How much nearer than its trunk a sensor on it is at least, metres: enough to be drawn after it.
ON_TOP_M: Final = 0.001
# Cosine of what is turned towards the viewer below which it is turned away: not quite edge-on.
TURNED_AWAY: Final = -0.2
# From the middle of the hair to that of the face, unit vector; and the cosine below which it points
# away from the viewer by more than when one looks at a prone head from beside.
FACE_FROM_HAIR: Final = (0.67, -0.74, 0.0)
HAIR_COVERS: Final = -0.5
# A strap seen from nearer to the end of its segment than this cosine tells would look like a lid.
EDGE_ON: Final = 0.7
# The path of a movement is shown where it is longer than this on the page, metres.
LEAST_PATH_M: Final = 0.18
# The end of a measured segment whose path shows the movement.
_ENDS: Final[dict[str, tuple[str, Point]]] = {
    "pelvis": ("pelvis", (0.0, body.LUMBAR, 0.0)),
    "thorax": ("head", (0.0, body.VERTEX, 0.0)),
    "head": ("head", (0.06, 0.08, 0.0)),
    "thigh": ("shank", (0.0, 0.0, 0.0)),
    "shank": ("foot", (0.0, 0.0, 0.0)),
    "foot": ("foot", (0.10, -0.03, 0.0)),
    "upper_arm": ("hand", (0.0, -0.05, 0.0)),
    "forearm": ("hand", (0.0, -0.05, 0.0)),
    "hand": ("hand", (0.0, -0.10, 0.0)),
}


@dataclass(frozen=True, slots=True, eq=False)
class Camera:
    """Parallel projection: unit vectors (3,) in the room to the right, up and towards the viewer.

    plain: towards the viewer if he stood straight before, beside or above the body. What covers
    what goes by it: a body's far end is no further away for being looked at from a little round.
    Of a left exercise the mirror image is drawn of what would be seen of the right one.
    """

    right: Float64
    up: Float64
    towards: Float64
    plain: Float64

    @classmethod
    def of(cls, view: str, side: Side, *, lying: bool = False) -> "Camera":
        """From where a figure is drawn; a little round and from above, so that both sides show.

        From the feet of a body that lies its knees would hide the rest: that is seen from higher.
        """
        round_deg, above_deg = {"side": (18.0, 9.0), "front": (12.0, 7.0), "above": (12.0, 48.0)}[
            view
        ]
        if view == "front" and lying:
            above_deg = 38.0
        # Azimuth of the viewer, from straight ahead of the body towards its right.
        azimuth = math.radians(round_deg if view == "front" else 90.0 - round_deg)
        elevation = math.radians(above_deg)
        level = np.array([math.cos(azimuth), -math.sin(azimuth), 0.0])
        right = np.array([math.sin(azimuth), math.cos(azimuth), 0.0])
        z = np.array([0.0, 0.0, 1.0])
        towards = math.cos(elevation) * level + math.sin(elevation) * z
        up = math.cos(elevation) * z - math.sin(elevation) * level
        axis = {"side": [0.0, -1.0, 0.0], "front": [1.0, 0.0, 0.0], "above": [0.0, 0.0, 1.0]}[view]
        plain = np.array(axis)
        if side == "left":
            mirror = np.array([1.0, -1.0, 1.0])
            right, up = -right * mirror, up * mirror
            towards, plain = towards * mirror, plain * mirror
        return cls(right, up, towards, plain)

    def project(self, points: Float64) -> Float64:
        """Units of the drawing (..., 2), to the right and down, of points (..., 3) in metres."""
        flat: Float64 = np.stack([points @ self.right, -(points @ self.up)], axis=-1) * PER_M
        return flat

    def depth(self, points: Float64) -> Float64:
        """How near to the viewer points (..., 3) are, metres."""
        near: Float64 = points @ self.plain
        return near


def _outline(centres: Float64, radii: Float64, directions: int = DIRECTIONS) -> Float64:
    """Corners (n, directions, 2) of what circles (n, k, 2) with radii (k,) span.

    In each direction the furthest point, so that corners correspond from pose to pose.
    """
    angles = 2.0 * math.pi * np.arange(directions) / directions
    towards = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    reach = centres @ towards.T + radii[None, :, None]
    furthest = np.argmax(reach, axis=1)
    chosen = np.take_along_axis(centres, furthest[:, :, None], axis=1)
    outline: Float64 = chosen + radii[furthest][:, :, None] * towards
    return outline


def _subpath(corners: Float64) -> str:
    """A closed outline (m, 2) in whole units, each corner given from the last one."""
    whole = np.rint(corners).astype(int)
    steps = np.diff(whole, axis=0)
    moves = " ".join(f"{x} {y}" for x, y in steps)
    return f"M{whole[0][0]} {whole[0][1]}l{moves}z"


@dataclass(frozen=True, slots=True, eq=False)
class _Film:
    """A body in n poses, and the loop that shows them.

    order: which pose is shown at each of the times `shares` of the loop. still: the poses of a
    picture that does not move, at rest first.
    """

    body: Posture
    camera: Camera
    side: Side
    order: tuple[int, ...]
    shares: tuple[float, ...]
    loop_s: float
    still: tuple[int, ...]

    @classmethod
    def of(cls, template: ExerciseTemplate, side: Side | None) -> "_Film":
        figure = FigureAngles.of(template, side)
        view = template.figure.view if template.figure is not None else "side"
        turnings = [figure.peak]
        if figure.opposite is not None:
            turnings.append(figure.opposite)
        elif template.side == "alternate" and np.allclose(body.mirrored(figure.rest), figure.rest):
            turnings.append(body.mirrored(figure.peak))
        share = _minimum_jerk(np.linspace(0.0, 1.0, STEPS + 1))[:, None]
        # Each way by itself: what bears the body in one may be lifted in the other.
        ways = [
            body.placed(
                figure.rest + share * (turn - figure.rest),
                figure.position,
                figure.side,
                figure.fixed,
            )
            for turn in turnings
        ]
        out_s, hold_s, back_s, rest_s = _seconds(template)
        order, times, now = [0], [0.0], 0.0
        for way in range(len(turnings)):
            first = way * (STEPS + 1)
            for step in range(1, STEPS + 1):
                order.append(first + step)
                times.append(now + out_s * step / STEPS)
            order.append(first + STEPS)
            times.append(now + out_s + hold_s)
            for step in range(1, STEPS + 1):
                order.append(first + STEPS - step)
                times.append(now + out_s + hold_s + back_s * step / STEPS)
            now += out_s + hold_s + back_s + rest_s
            order.append(first)
            times.append(now)
        return cls(
            Posture.joined(ways),
            Camera.of(view, figure.side, lying=template.position in _ON_A_MAT),
            figure.side,
            tuple(order),
            tuple(time / now for time in times),
            now,
            (0, *(way * (STEPS + 1) + STEPS for way in range(len(turnings)))),
        )


def _minimum_jerk(share: Float64) -> Float64:
    way: Float64 = share**3 * (10.0 - 15.0 * share + 6.0 * share**2)
    return way


def _seconds(template: ExerciseTemplate) -> tuple[float, float, float, float]:
    """Out, hold, back and rest of the drawn movement: unhurried, and no longer than one watches."""

    def within(part: tuple[float, float] | None, usual: float, most: float) -> float:
        return usual if part is None else min(most, max(0.5 * usual, 0.5 * (part[0] + part[1])))

    held = isinstance(template.movement, HoldMovement)
    tempo = template.tempo
    return (
        within(tempo.out_s, 1.6, 2.2),
        within(tempo.hold_s, 2.5 if held else 0.6, 3.0 if held else 1.2),
        within(tempo.back_s, 1.6, 2.2),
        1.0,
    )


class _Piece(NamedTuple):
    """One path: its colours and its outline in each of the n poses."""

    tone: str
    outlines: tuple[str, ...]


class _Part(NamedTuple):
    """What is drawn together, how near it is to the viewer, and whether a rim sets it off."""

    depth: float
    rim: bool
    pieces: tuple[_Piece, ...]


class _Studio:
    """Turns what is worn and what it is worn on into paths, and keeps what they cover."""

    def __init__(self, film: _Film) -> None:
        self.film = film
        self.low = np.full(2, np.inf)
        self.high = np.full(2, -np.inf)

    def seen(self, points: Float64) -> Float64:
        """Projected points (..., 2); the picture grows to hold them."""
        flat = self.film.camera.project(points)
        self.cover(flat)
        return flat

    def cover(self, flat: Float64) -> None:
        """The picture must hold these points (..., 2) of the drawing."""
        rows = flat.reshape(-1, 2)
        self.low = np.minimum(self.low, rows.min(axis=0))
        self.high = np.maximum(self.high, rows.max(axis=0))

    def spanned(
        self, spheres: Iterable[Sphere], side: Side | None, directions: int = DIRECTIONS
    ) -> tuple[Float64, Float64]:
        """Outlines (n, directions, 2) of what spheres span, and their mean depth (n,)."""
        posture, camera = self.film.body, self.film.camera
        places, radii = [], []
        for segment, (x, y, z), radius in spheres:
            name = segment if segment in body.TRUNK or side is None else f"{side}_{segment}"
            places.append(posture.point(name, (x, y, -z if side == "left" else z)))
            radii.append(radius * posture.height_m * PER_M)
        points = np.stack(places, axis=1)
        outline = _outline(camera.project(points), np.array(radii), directions)
        self.cover(outline)
        return outline, np.asarray(camera.depth(points).mean(axis=1))

    def part(
        self, name: str, shapes: Sequence[Shape], worn: Sequence[WornSensor], far: bool = False
    ) -> list[_Part]:
        """A part of the body in its colours, with its sensors; those of the trunk by themselves."""
        side: Side | None = None
        for each in body.SIDES:
            side = each if name.startswith(each) else side
        depths = []
        pieces: list[_Piece] = []
        for tone, spheres in shapes:
            directions = HEAD_DIRECTIONS if name == "head" else DIRECTIONS
            outline, depth = self.spanned(spheres, side, directions)
            depths.append(depth)
            colour = f"far-{tone}" if far else tone
            paths = tuple(_subpath(corners) for corners in outline)
            if pieces and pieces[-1].tone == colour:
                # One path of one colour: no seam within a limb.
                paths = tuple(a + b for a, b in zip(pieces[-1].outlines, paths, strict=True))
                pieces.pop()
            pieces.append(_Piece(colour, paths))
        before: list[_Piece] = []
        after: list[_Piece] = []
        boxes: list[_Part] = []
        for sensor in worn:
            strap, box, hidden = self.sensor(sensor)
            piece = _Piece("sensor", box)
            if hidden:
                before.append(piece)
            elif name == "trunk":
                at = self.film.body.point(sensor.segment, sensor.at)
                boxes.append(_Part(float(np.mean(self.film.camera.depth(at))), False, (piece,)))
            else:
                after.append(piece)
            end_on = quaternion.rotated(
                self.film.body.orientations[sensor.segment], [0.0, 1.0, 0.0]
            )
            if float(np.max(np.abs(end_on @ self.film.camera.towards))) < EDGE_ON:
                after.insert(0, _Piece("strap", strap))
        rim = name.endswith("arm") and not far
        depth_m = float(np.mean(depths))
        # A box on the belly is nearer than the thighs that hang beside it, but never behind its own
        # trunk.
        on_top = [each._replace(depth=max(each.depth, depth_m + ON_TOP_M)) for each in boxes]
        return [_Part(depth_m, rim, (*before, *pieces, *after)), *on_top]

    def sensor(self, sensor: WornSensor) -> tuple[tuple[str, ...], tuple[str, ...], bool]:
        """Outlines of a strap and of its box, and whether the body hides the box."""
        kind = sensor.segment.removeprefix("left_").removeprefix("right_")
        seat = body.SEATS[kind]
        x, y, z = seat.at
        # The shoulders and hips are stadiums, limbs are round: corners half-way between.
        wide = max(0.0, seat.width - seat.depth)
        ring = [
            Sphere(sensor.segment, (x + seat.depth * a - STRAP * a, y, z + wide * b + c), STRAP)
            for b in (-1.0, 1.0)
            for a, c in (
                (1.0, 0.0), (-1.0, 0.0),
                (0.7, 0.7 * b * (seat.depth - STRAP)), (-0.7, 0.7 * b * (seat.depth - STRAP)),
                (0.0, b * (seat.depth - STRAP)),
            )
        ]  # fmt: skip
        strap, _ = self.spanned(ring, None)
        outward = np.array(sensor.outward)
        across = np.array(quaternion.rotate(sensor.mounting, (1.0, 0.0, 0.0)))
        along = np.array(quaternion.rotate(sensor.mounting, (0.0, 1.0, 0.0)))
        corners = [
            np.array(sensor.at) + out * outward + i * BOX_ACROSS * across + j * BOX_ALONG * along
            for out in (0.0, BOX_DEPTH)
            for i in (-1.0, 1.0)
            for j in (-1.0, 1.0)
        ]
        box, _ = self.spanned(
            [Sphere(sensor.segment, (c[0], c[1], c[2]), BOX_ROUND) for c in corners], None
        )
        normal = quaternion.rotated(self.film.body.orientations[sensor.segment], outward)
        hidden = float(np.mean(normal @ self.film.camera.towards)) < TURNED_AWAY
        return (
            tuple(_subpath(one) for one in strap),
            tuple(_subpath(one) for one in box),
            hidden,
        )


def _part_of(segment: str) -> str:
    """The name of the part of the body that a segment belongs to."""
    side, _, kind = segment.rpartition("_") if segment in body.TRUNK else segment.partition("_")
    part = _PART_OF[kind]
    return f"{side}_{part}" if side else part


def _parts(studio: _Studio, worn: Sequence[WornSensor]) -> list[_Part]:
    """Everything of the body, the furthest first."""
    film = studio.film

    def root_depth(limb: str, side: Side) -> float:
        origin = film.body.origins[f"{side}_{_ROOTS[limb]}"]
        return float(np.mean(film.camera.depth(origin)))

    # Of a head that is turned away, or seen from above, the hair covers the face.
    facing = quaternion.rotated(film.body.orientations["head"][0], FACE_FROM_HAIR)
    away = float(facing @ film.camera.towards) < HAIR_COVERS
    shapes = {"trunk": _TRUNK, "head": (*_FACE, *_HAIR) if away else (*_HAIR, *_FACE)}
    pale = set()
    for limb, flesh in (("leg", _LEG), ("arm", _ARM)):
        for side in body.SIDES:
            name, other = f"{side}_{limb}", body.SIDES[side == "left"]
            shapes[name] = flesh
            if root_depth(limb, side) < root_depth(limb, other) - FAR_M:
                pale.add(name)
    parts = [
        part
        for name, flesh in shapes.items()
        for part in studio.part(
            name, flesh, [each for each in worn if _part_of(each.segment) == name], name in pale
        )
    ]
    return sorted(parts, key=lambda part: part.depth)


def _path(piece: _Piece, film: _Film, pose: int | None) -> str:
    """A path in one pose, or going through all of them."""
    opening = f'<path class="{piece.tone}" d="{piece.outlines[pose or 0]}"'
    if pose is not None or all(outline == piece.outlines[0] for outline in piece.outlines):
        return opening + "/>"
    frames = ";".join(piece.outlines[index] for index in film.order)
    times = ";".join(f"{share:.3f}".rstrip("0").rstrip(".") for share in film.shares)
    return (
        f'{opening}><animate attributeName="d" dur="{film.loop_s:.1f}s" '
        f'repeatCount="indefinite" keyTimes="{times}" values="{frames}"/></path>'
    )


def _polygon(tone: str, flat: Float64) -> str:
    return f'<path class="{tone}" d="{_subpath(flat)}"/>'


def _slab(studio: _Studio, low: Point, high: Point, top: str, front: str) -> str:
    """A box between two corners in metres: what is seen of it from in front and above."""
    (x0, y0, z0), (x1, y1, z1) = low, high
    corners = [(x, y, z) for x in (x0, x1) for y in (y0, y1) for z in (z0, z1)]
    flat = studio.seen(np.array(corners))
    whole = _outline(flat[None], np.full(len(flat), 4.0))[0]
    roof = [(x0, y0, z1), (x1, y0, z1), (x1, y1, z1), (x0, y1, z1)]
    above = _outline(studio.seen(np.array(roof))[None], np.full(4, 4.0))[0]
    return _polygon(front, whole) + _polygon(top, above)


# Thickness of a mat, of the seat of a chair and of its legs, metres.
MAT_M: Final = 0.03
SEAT_M: Final = 0.045
LEG_M: Final = 0.035
# Toes below this bear on the floor, metres.
ON_THE_FLOOR_M: Final = 0.06
_ON_A_MAT: Final = ("supine", "prone", "side_lying", "quadruped", "kneeling")


def _ground(studio: _Studio, position: str, support: str | None) -> str:
    """The mat, the chair or the floor, and what else bears, drawn behind the body."""
    film = studio.film
    rest = [film.body.origins[segment][0] for segment in body.BODY_SEGMENTS]
    ends = [
        film.body.point(f"{side}_{segment}", at)[0]
        for side in body.SIDES
        for segment, at in (("foot", (0.11, -0.03, 0.0)), ("hand", (0.0, -0.10, 0.0)))
    ]
    top = film.body.point("head", (0.0, body.VERTEX, 0.0))[0]
    # Toes that only come down on the way out lie on the mat as well.
    toes = [film.body.point(f"{side}_foot", (0.11, -0.03, 0.0)) for side in body.SIDES]
    down = [at for toe in toes for at in toe if at[2] < ON_THE_FLOOR_M]
    low = np.min([*rest, *ends, top, *down], axis=0)
    high = np.max([*rest, *ends, top, *down], axis=0)
    if position in _ON_A_MAT:
        x0, x1 = low[0] - 0.10, high[0] + 0.10
        y0, y1 = min(low[1], -0.28) - 0.05, max(high[1], 0.28) + 0.05
        return _slab(studio, (x0, y0, -MAT_M), (x1, y1, 0.0), "ground", "edge")
    feet = np.array([film.body.origins[f"{side}_foot"][0] for side in body.SIDES])
    middle = feet.mean(axis=0) + np.array([0.05, 0.0, 0.0])
    turn = np.linspace(0.0, 2.0 * math.pi, 40, endpoint=False)
    reach = np.array([0.40, 0.36])
    if position == "seated":
        middle, reach = middle - np.array([0.25, 0.0, 0.0]), np.array([0.62, 0.46])
    disc = np.stack(
        [
            middle[0] + reach[0] * np.cos(turn),
            middle[1] + reach[1] * np.sin(turn),
            np.zeros(len(turn)),
        ],
        axis=-1,
    )
    floor = _polygon("ground", studio.seen(disc))
    match support:
        case "wall":
            floor += _wall(studio, float(top[2]))
        case "table":
            floor += _table(studio)
        case "chair":
            floor += _chair_to_hold(studio)
    return floor + (_chair(studio) if position == "seated" else "")


def _wall(studio: _Studio, high: float) -> str:
    """A wall that the back touches in whichever pose is nearest to it."""
    film = studio.film
    front = float(np.min(film.body.origins["pelvis"][:, 0])) - 0.052 * film.body.height_m
    thick, beside, above = 0.06, 0.42, 0.08
    low, top = (front - thick, -beside, 0.0), (front, beside, high + above)
    face = [(front, y, z) for y, z in ((-beside, 0.0), (beside, 0.0))]
    face += [(front, y, high + above) for y in (beside, -beside)]
    return _slab(studio, low, top, "edge", "edge") + _polygon("ground", studio.seen(np.array(face)))


# What lies between the middle of a palm and what it rests on, metres.
PALM_M: Final = 0.025


def _palm(film: _Film, side: Side) -> Float64:
    palm: Float64 = film.body.point(f"{side}_hand", (0.0, -0.05, 0.0))[0]
    return palm


def _table(studio: _Studio) -> str:
    """A table under the hand that is not exercised."""
    film = studio.film
    x, y, z = _palm(film, body.SIDES[film.side == "left"])
    outwards = 1.0 if film.side == "right" else -1.0
    x0, x1 = x - 0.10, x + 0.42
    y0, y1 = sorted((y - outwards * 0.14, y + outwards * 0.40))
    high = z - PALM_M
    legs = [
        _slab(studio, (a, b, 0.0), (a + LEG_M, b + LEG_M, high - SEAT_M), "edge", "edge")
        for b in (y0, y1 - LEG_M)
        for a in (x0, x1 - LEG_M)
    ]
    return "".join(legs) + _slab(studio, (x0, y0, high - SEAT_M), (x1, y1, high), "ground", "edge")


def _chair_to_hold(studio: _Studio) -> str:
    """A chair that stands before the body with its back towards it, under both hands."""
    film = studio.film
    x, _, z = np.mean([_palm(film, side) for side in body.SIDES], axis=0)
    high, seat, half, depth = z - PALM_M, 0.46, 0.24, 0.42
    legs = [
        _slab(studio, (a, b, 0.0), (a + LEG_M, b + LEG_M, top), "edge", "edge")
        for b in (half - LEG_M, -half)
        for a, top in ((x + depth - LEG_M, seat), (x, high))
    ]
    board = _slab(studio, (x, -half, seat - SEAT_M), (x + depth, half, seat), "ground", "edge")
    back = _slab(studio, (x, -half, high - 0.30), (x + LEG_M, half, high), "ground", "edge")
    return "".join(legs) + board + back


def _chair(studio: _Studio) -> str:
    hip = studio.film.body.origins["pelvis"][0]
    high = hip[2] - 0.052 * studio.film.body.height_m
    x0, x1 = hip[0] - 0.21, hip[0] + 0.27
    y0, y1 = hip[1] - 0.22, hip[1] + 0.22
    # The far legs and the back first; the front and the right are nearer to the viewer.
    feet = [(x, y) for y in (y1 - LEG_M, y0) for x in (x0, x1 - LEG_M)]
    if studio.film.side == "left":
        feet.reverse()
    legs = [
        _slab(studio, (x, y, 0.0), (x + LEG_M, y + LEG_M, high - SEAT_M), "edge", "edge")
        for x, y in feet
    ]
    back = _slab(
        studio, (x0 - 0.02, y0, high + 0.16), (x0 + 0.01, y1, high + 0.46), "ground", "edge"
    )
    posts = [
        _slab(
            studio,
            (x0 - 0.02, y, high - SEAT_M),
            (x0 + 0.01, y + LEG_M, high + 0.2),
            "edge",
            "edge",
        )
        for y in (y1 - LEG_M, y0)
    ]
    seat = _slab(studio, (x0, y0, high - SEAT_M), (x1, y1, high), "ground", "edge")
    return "".join([*legs, *posts, back, seat])


def _hints(studio: _Studio, template: ExerciseTemplate) -> str:
    """The way of the end of what is measured, as a dashed line with a head; none if it is short."""
    film = studio.film
    slot = movement_slots(template.movement)[0]
    segment = body.segment_of(slot, film.side, _riding(template))
    side = segment.partition("_")[0] + "_" if segment not in body.TRUNK else ""
    kind = segment.removeprefix("left_").removeprefix("right_")
    end, at = _ENDS[kind]
    name = end if end in body.TRUNK else f"{side}{end}"
    track = film.camera.project(film.body.point(name, at))
    drawn = []
    # Of sides that take turns the first shows what both do.
    for peak in film.still[1:] if template.direction == "both" else film.still[1:2]:
        way = track[peak - STEPS : peak + 1]
        gone = np.sqrt(np.sum(np.diff(way, axis=0) ** 2, axis=1))
        if gone.sum() < LEAST_PATH_M * PER_M:
            continue
        ahead = way[-1] - way[-4]
        ahead = ahead / math.hypot(ahead[0], ahead[1])
        aside = np.array([-ahead[1], ahead[0]])
        head = np.array([way[-1] + 16 * ahead, way[-1] + 9 * aside, way[-1] - 9 * aside])
        drawn.append(f'<path class="way" d="{_smooth(way)}"/>' + _polygon("tip", head))
    return "".join(drawn)


def _smooth(points: Float64) -> str:
    """A curve through points (n, 2), whose tangents are those of Catmull and Rom."""
    tangents = np.gradient(points, axis=0) / 3.0
    curve = f"M{points[0][0]:.0f} {points[0][1]:.0f}"
    for index in range(1, len(points)):
        controls = (
            points[index - 1] + tangents[index - 1],
            points[index] - tangents[index],
            points[index],
        )
        curve += "C" + " ".join(f"{x:.0f} {y:.0f}" for x, y in controls)
    return curve


def _riding(template: ExerciseTemplate) -> dict[str, str]:
    """Segments of slots that are not named after one: the forearm, as for a watch."""
    ridden = {}
    for slot in template.sensors:
        try:
            body.segment_of(slot, "right")
        except ValueError:
            ridden[slot] = "forearm"
    return ridden


def _style(name: str) -> str:
    """Rules for this picture alone; the page may set --figure-NAME to have its own colours."""
    light = "".join(f"--{key}:var(--figure-{key},{day});" for key, (day, _) in COLOURS.items())
    dark = "".join(f"--{key}:var(--figure-{key},{night});" for key, (_, night) in COLOURS.items())
    fills = "".join(f"#{name} .{key}{{fill:var(--{key})}}" for key in COLOURS)
    return (
        f"<style>#{name}{{{light}}}"
        f"@media (prefers-color-scheme:dark){{#{name}{{{dark}}}}}"
        f"{fills}"
        f"#{name} .near .skin,#{name} .near .shirt{{stroke:var(--page);stroke-width:7;"
        "paint-order:stroke;stroke-linejoin:round}"
        f"#{name} .strap{{fill:var(--hair);opacity:.75}}"
        f"#{name} .sensor{{stroke:var(--page);stroke-width:5;paint-order:stroke}}"
        f"#{name} .way{{fill:none;stroke:var(--path);stroke-width:5;stroke-dasharray:2 14;"
        "stroke-linecap:round}"
        f"#{name} .tip{{fill:var(--path)}}"
        f"#{name} .ghost{{opacity:.35}}"
        f"#{name} .still{{display:none}}"
        f"@media (prefers-reduced-motion:reduce){{#{name} .moving{{display:none}}"
        f"#{name} .still{{display:inline}}}}</style>"
    )


def _body(parts: Sequence[_Part], film: _Film, pose: int | None) -> str:
    groups = []
    for part in parts:
        inner = "".join(_path(piece, film, pose) for piece in part.pieces)
        groups.append(f'<g class="near">{inner}</g>' if part.rim else f"<g>{inner}</g>")
    return "".join(groups)


def _picture(
    template: ExerciseTemplate, side: Side | None
) -> tuple[_Film, _Studio, str, list[_Part]]:
    film = _Film.of(template, side)
    studio = _Studio(film)
    riding = _riding(template)
    worn = [
        WornSensor.of(slot, place.placement, film.side, riding)
        for slot, place in template.sensors.items()
    ]
    parts = _parts(studio, worn)
    support = template.figure.support if template.figure is not None else None
    behind = _ground(studio, template.position, support) + _hints(studio, template)
    return film, studio, behind, parts


def _frame(studio: _Studio) -> tuple[float, float, float, float]:
    """Left, top, width and height of the picture, with room around what is drawn."""
    low, high = studio.low - MARGIN_M * PER_M, studio.high + MARGIN_M * PER_M
    height = max(high[1] - low[1], LEAST_HEIGHT_M * PER_M)
    width = max(high[0] - low[0], ASPECT * height)
    height = max(height, width / ASPECT)
    # The ground stays where it is: what is free is above the body and on both sides of it.
    left = 0.5 * (low[0] + high[0]) - 0.5 * width
    top = high[1] - height + 0.5 * max(0.0, height - (high[1] - low[1]))
    return round(left), round(top), round(width), round(height)


def _document(template: ExerciseTemplate, name: str, box: Sequence[float], inner: str) -> str:
    told = " ".join(template.instructions) or "A body that does the exercise, from rest to its end."
    left, top, width, height = box
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" id="{name}" role="img" '
        f'viewBox="{left:g} {top:g} {width:g} {height:g}" '
        f'aria-labelledby="{name}-title {name}-desc">'
        f'<title id="{name}-title">{html.escape(template.name)}</title>'
        f'<desc id="{name}-desc">{html.escape(told)}</desc>'
        f"{_style(name)}{inner}</svg>\n"
    )


def _name(template: ExerciseTemplate, side: Side, kind: str) -> str:
    # Ids of templates may hold dots, which mean something else in a style sheet.
    return f"{kind}-{template.id.replace('.', '_')}-{side}"


def animated_svg(template: ExerciseTemplate, side: Side | None = None) -> str:
    """The exercise in motion, on `side` (the template's own by default), as SVG text.

    It needs nothing from outside and runs no script. Whoever asks for reduced motion sees the peak,
    and the rest pale behind it. Raises ValueError when the template has no figure.
    """
    film, studio, behind, parts = _picture(template, side)
    # The peak stands out; rest and the way to the other side are pale behind it.
    peak, *pale = (_body(parts, film, pose) for pose in (film.still[1], 0, *film.still[2:]))
    inner = (
        f'{behind}<g class="moving">{_body(parts, film, None)}</g>'
        f'<g class="still"><g class="ghost">{"".join(pale)}</g>{peak}</g>'
    )
    return _document(template, _name(template, film.side, "figure"), _frame(studio), inner)


def static_svg(template: ExerciseTemplate, side: Side | None = None) -> str:
    """Rest and turning points beside each other, or below each other for who lies, as SVG text.

    Raises ValueError when the template has no figure.
    """
    film, studio, behind, parts = _picture(template, side)
    margin = MARGIN_M * PER_M
    (left, top), (right, bottom) = studio.low - margin, studio.high + margin
    width, height = round(right - left), round(bottom - top)
    across = width < WIDE * height
    drawn = []
    for place, pose in enumerate(film.still):
        x, y = (place * width, 0) if across else (0, place * height)
        drawn.append(f'<g transform="translate({x} {y})">{behind}{_body(parts, film, pose)}</g>')
    count = len(film.still)
    box = (
        round(left),
        round(top),
        width * (count if across else 1),
        height * (1 if across else count),
    )
    return _document(template, _name(template, film.side, "still"), box, "".join(drawn))
