"""What an exercise looks like in three moments: how its sensors stand at the start, which way they
turn until the turning point, and how they stand at the end.

Compares a repetition with that, sensor by sensor, whatever its range and tempo. Which exercise a
repetition is decides `recognition`; whether it counts, `measure`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from motion import body, quaternion
from motion.axis import rotation_vectors, tilt_vector, up_vector
from motion.calibration import Calibration, Vector, rotated, vector
from motion.template import (
    DominantMovement,
    ExerciseTemplate,
    LearnedMovement,
    movement_slots,
)

Float64 = NDArray[np.float64]

# A distance of two unit vectors that point up: as far as that, 63 degrees, is another pose.
# Generous, since a limb that hangs freely may come to rest anywhere: right repetitions of three
# people came within 51 degrees of the demonstrated pose, those of their other exercises no nearer
# than 68.
POSE_APART: Final = 1.05
# A pose is further away than that when two standard deviations of its inclination say so.
DOUBTS: Final = 2.0
# Movements whose directions, over all sensors, are more than 45 degrees apart are different ones.
ALONG: Final = 0.7
# What a movement across the demonstrated direction adds to a distance; the opposite one adds twice
# as much. Anything from 0.25 to 1 names all repetitions of three people rightly.
DIRECTION_WEIGHT: Final = 0.5
# Poses of the library are drawn, not measured: more digits would mean nothing.
DIGITS: Final = 4

# Orientations (4,), sensor to earth, at the start, the turning point and the end.
Moments = tuple[Float64, Float64, Float64]


@dataclass(frozen=True, slots=True)
class Signature:
    """An exercise in its sensors' own frames.

    ups: unit vectors that point up at the start. turns: rotations from the start to the turning
    point in a common unit, zero for sensors that hardly move; ways: those of each way, one or two.
    tilt: whether the turns show changes of inclination only, or whole rotations. moving: the
    sensors that it is measured with; the others are bystanders, which may be missing.
    """

    ups: dict[str, Vector]
    ways: tuple[dict[str, Vector], ...]
    tilt: bool
    moving: tuple[str, ...]

    @classmethod
    def of(
        cls, template: ExerciseTemplate, calibration: Calibration | None, side: str | None
    ) -> Self | None:
        """From a demonstration, or from a calibration and the template's figure; else None."""
        demonstrated = cls.demonstrated(template)
        if (
            demonstrated is not None
            or isinstance(template.movement, DominantMovement)
            or template.figure is None
            or calibration is None
            or not set(template.slots) <= set(calibration.rotations)
        ):
            return demonstrated
        return cls._drawn(template, calibration, side)

    @classmethod
    def demonstrated(cls, template: ExerciseTemplate) -> Self | None:
        """Of a learned exercise; else None."""
        movement = template.movement
        if isinstance(movement, LearnedMovement):
            moving = {slot: vector(learned.axis) for slot, learned in movement.axes.items()}
            standing = {slot: vector((0.0, 0.0, 0.0)) for slot in movement.poses}
            ups = {slot: learned.start_up for slot, learned in movement.axes.items()}
            return cls(
                ups | movement.poses,
                (moving | standing,),
                movement.coordinate == "tilt",
                movement_slots(movement),
            )
        return None

    @classmethod
    def _drawn(
        cls, template: ExerciseTemplate, calibration: Calibration, side: str | None
    ) -> Self | None:
        """As the figure stands and moves, seen by sensors that the calibration knows."""
        try:
            figure = body.FigureAngles.of(template, body.exercised(template, side))
            worn = {slot: body.segment_of(slot, figure.side) for slot in template.slots}
        except ValueError:
            # A slot that is not named after a segment, or a way back that is not drawn.
            return None
        peaks = [figure.peak] + ([] if figure.opposite is None else [figure.opposite])
        poses = np.stack([figure.rest, *peaks])
        pelvis = body.base_pelvis(figure.position, figure.side)
        found = body.orientations(poses, pelvis, worn.values())
        ups: dict[str, Vector] = {}
        ways: tuple[dict[str, Vector], ...] = tuple({} for _ in peaks)
        for slot, segment in worn.items():
            q = found[segment]
            w, x, y, z = calibration.rotations[slot]
            to_sensor = (w, -x, -y, -z)
            up = np.empty(3)
            up_vector(q[0], up)
            ups[slot] = _rounded(rotated(to_sensor, vector(up.tolist())))
            start = q[0] * [1.0, -1.0, -1.0, -1.0]
            turns = quaternion.rotation_vectors(quaternion.products(start, q[1:]))
            for way, turn in zip(ways, turns, strict=True):
                way[slot] = _rounded(rotated(to_sensor, vector(turn.tolist())))
        return cls(ups, ways, False, template.slots)

    @property
    def bystanders(self) -> tuple[str, ...]:
        """Sensors that hardly move, whose pose is compared where they are worn."""
        return tuple(slot for slot in self.ups if slot not in self.moving)

    def worn_anew(self, worn: Mapping[str, tuple[Vector, Vector]]) -> Self:
        """The same with sensors turned in their straps. worn: by slot, where a direction of the
        sensor points up that was up before, and what points up now."""
        return replace(
            self,
            ups={slot: _turned_with(worn, slot, up) for slot, up in self.ups.items()},
            ways=tuple(
                {slot: _turned_with(worn, slot, turn) for slot, turn in way.items()}
                for way in self.ways
            ),
        )

    def apart(self, slot: str, moments: Moments) -> float:
        """Distance from the start pose at the start or the end, whichever is larger: 0 to 2."""
        start, _, end = moments
        return max(math.sqrt(square) for square in self._pose_squares(slot, start, end))

    def along(self, seen: Mapping[str, Moments]) -> float:
        """Cosine between the movement that is seen and the exercise's, over all sensors."""
        turned = {
            slot: self._turn(*seen[slot][:2]) for slot in self.ups if slot in seen
        }  # fmt: skip
        size = math.sqrt(math.fsum(part * part for turn in turned.values() for part in turn))
        best = -1.0
        for way in self.ways:
            aim = math.sqrt(math.fsum(part * part for slot in turned for part in way[slot]))
            if size * aim == 0.0:
                continue
            dot = math.fsum(
                a * b for slot, turn in turned.items() for a, b in zip(turn, way[slot], strict=True)
            )
            best = max(best, dot / (size * aim))
        return best

    def distance(self, seen: Mapping[str, Moments]) -> float:
        """How far a repetition is from this exercise: 0 is the same.

        The squared distance of the pose, mean over sensors, start and end, and the share of the
        movement that goes another way. Range and tempo do not enter. Infinite when a sensor that
        the exercise is measured with is not seen.
        """
        if any(slot not in seen for slot in self.moving):
            return math.inf
        squares = [
            square
            for slot in self.ups
            if slot in seen
            for square in self._pose_squares(slot, seen[slot][0], seen[slot][2])
        ]
        return math.fsum(squares) / len(squares) + DIRECTION_WEIGHT * (1.0 - self.along(seen))

    def alike(
        self,
        seen: Mapping[str, Moments],
        pose_apart: float = POSE_APART,
        doubts_rad: Mapping[str, float] = MappingProxyType({}),
    ) -> bool:
        """Whether a repetition may be one of this exercise.

        doubts_rad: standard deviations of inclinations, by slot; none where nothing is given.
        Every sensor that moves starts and ends near its pose, as far as it is known. A bystander
        elsewhere may be an arm that rests otherwise: it takes more than half of several of them, or
        a movement in another direction besides.
        """
        for slot in self.moving:
            reach = pose_apart + DOUBTS * doubts_rad.get(slot, 0.0)
            if slot in seen and self.apart(slot, seen[slot]) > reach:
                return False
        there = [slot for slot in self.bystanders if slot in seen]
        elsewhere = sum(self.apart(slot, seen[slot]) > pose_apart for slot in there)
        if elsewhere > 1 and 2 * elsewhere > len(there):
            return False
        return elsewhere == 0 or self.along(seen) >= ALONG

    def _pose_squares(self, slot: str, start: Float64, end: Float64) -> tuple[float, float]:
        first, last = (
            math.fsum((a - b) * (a - b) for a, b in zip(_up(q), self.ups[slot], strict=True))
            for q in (start, end)
        )
        return first, last

    def _turn(self, start: Float64, peak: Float64) -> Vector:
        turn = np.empty((1, 3))
        if self.tilt:
            before, now = np.empty(3), np.empty(3)
            up_vector(start, before)
            up_vector(peak, now)
            tilt_vector(now, before, turn[0])
        else:
            rotation_vectors(peak.reshape(1, 4), start, turn)
        return vector(turn[0].tolist())

    def state(self) -> list[Any]:
        """What `worn_anew` may have changed, for snapshots; `restored` is the inverse."""
        return [self.ups, list(self.ways)]

    def restored(self, state: list[Any]) -> Self:
        """As it was when `state` was taken."""
        ups, ways = state
        return replace(
            self,
            ups={slot: vector(up) for slot, up in ups.items()},
            ways=tuple({slot: vector(turn) for slot, turn in way.items()} for way in ways),
        )


def turned(source: Vector, target: Vector, moved: Vector) -> Vector:
    """`moved` under the smallest rotation that takes unit vector `source` to `target`."""
    x = source[1] * target[2] - source[2] * target[1]
    y = source[2] * target[0] - source[0] * target[2]
    z = source[0] * target[1] - source[1] * target[0]
    cosine = source[0] * target[0] + source[1] * target[1] + source[2] * target[2]
    px, py, pz = moved
    if cosine < -1.0 + 1e-9:
        return (-px, -py, -pz)
    dot = (x * px + y * py + z * pz) / (1.0 + cosine)
    return (
        cosine * px + (y * pz - z * py) + x * dot,
        cosine * py + (z * px - x * pz) + y * dot,
        cosine * pz + (x * py - y * px) + z * dot,
    )


def _turned_with(worn: Mapping[str, tuple[Vector, Vector]], slot: str, moved: Vector) -> Vector:
    if slot not in worn:
        return moved
    before, now = worn[slot]
    return now if moved == before else turned(before, now, moved)


def _up(q: Float64) -> Vector:
    up = np.empty(3)
    up_vector(q, up)
    return vector(up.tolist())


def _rounded(parts: Vector) -> Vector:
    return vector([round(part, DIGITS) for part in parts])
