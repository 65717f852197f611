"""How a body carries out one repetition: the poses between rest and turning point.

They are chosen so that the true angle of the bones reaches the planned range, with the planned
compensations. What is planned stands in `performance`, when it happens in `simulation`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from motion import body, quaternion
from motion.body import FigureAngles, Side
from motion.joints import Direction, SegmentAxis, joint_direction, segment_direction
from motion.performance import PlannedRepetition, plan, possible_faults, with_fault
from motion.template import (
    Compensation,
    DominantMovement,
    ExerciseTemplate,
    JointMovement,
    LearnedMovement,
    SegmentMovement,
    measured_movement,
    movement_slots,
)

Float64 = NDArray[np.float64]

# Poses between rest and turning point at which the angle is evaluated: between two of them a cubic
# is off by less than a thousandth of a degree on the widest movements.
POINTS: Final = 65
# How far beyond the figure's own turning point a range may lie, as a multiple of the way there.
FURTHEST: Final = 3.0
# Solutions are taken when they are this close: a hundredth of what the sensors resolve.
CLOSE_DEG: Final = 0.01
# A planned compensation that misses its value by more than this is beyond the body's joints.
REACHED_DEG: Final = 1.0
# A change of the trunk's angle and of its compensations settles within a handful of rounds.
ROUNDS: Final = 12
# An angle that a figure changes by less than this is not what it moves.
UNMOVED_DEG: Final = 3.0
# A path whose angle hardly rises with the way along it, at some place less than this share of the
# average, cannot be timed by its angle.
LEAST_RISE: Final = 0.1
# The share of the excursion at which a repetition starts: compensations count from there.
START_SHARE: Final = 0.05
# A compensation of this size shows what it is coupled to; small enough to be added to any pose.
NUDGE_DEG: Final = 10.0
_LYING: Final = frozenset({"supine", "prone", "side_lying", "quadruped"})
_SIDEWAYS: Final = frozenset({"abduction", "adduction", "bend_left", "bend_right"})
_TURNING: Final = frozenset(
    {"internal_rotation", "external_rotation", "turn_left", "turn_right", "pronation", "supination"}
)


def _plane(axis: str) -> SegmentAxis:
    """About which axis of a segment a movement goes."""
    if axis in _TURNING:
        return SegmentAxis.Y
    return SegmentAxis.X if axis in _SIDEWAYS else SegmentAxis.Z


@dataclass(frozen=True, slots=True, eq=False)
class Path:
    """The way from rest to the turning point: `rest` + u `change`, angles (31,) in degrees.

    timing: the way u made at a share of the measured range. range_deg: the measured angle at the
    turning point, with its sign.
    """

    rest: Float64
    change: Float64
    timing: CubicSpline | None
    range_deg: float

    def poses(self, share: Float64) -> Float64:
        """Angles (n, 31) at shares (n,) of the measured range."""
        way = share if self.timing is None else self.timing(share)
        poses: Float64 = self.rest + way[:, None] * self.change
        return poses


@dataclass(frozen=True, slots=True)
class Coupling:
    """What a compensation goes with.

    own_deg: what the exercise rightly done has of it at the goal. angle_per_deg: by how much each
    further degree of it changes the measured angle if the exercise is otherwise done the same.
    others_per_deg: the same of the other compensations.
    """

    own_deg: float
    angle_per_deg: float
    others_per_deg: Mapping[str, float]


@dataclass(frozen=True)
class Choreography:
    """A template on one side of a body. worn: segments of slots that are not named after one."""

    template: ExerciseTemplate
    side: Side
    worn: Mapping[str, str] | None = None

    @classmethod
    def of(
        cls,
        template: ExerciseTemplate,
        side: str | None = None,
        worn: Mapping[str, str] | None = None,
    ) -> "Choreography":
        """On `side`, the template's own by default."""
        return cls(template, body.exercised(template, side), worn)

    @cached_property
    def figure(self) -> FigureAngles:
        """The poses of the template on this side."""
        return FigureAngles.of(self.template, self.side)

    @cached_property
    def segments(self) -> dict[str, str]:
        """The segment that each slot's sensor rides on."""
        return {slot: body.segment_of(slot, self.side, self.worn) for slot in self.template.slots}

    @cached_property
    def goal_deg(self) -> float:
        """The angle at the figure's peak: the goal, or the target of a hold."""
        band = self.template.band
        return self.template.range.goal_deg if band is None else band.target_deg

    @cached_property
    def axis(self) -> Float64 | None:
        """Of a learned or dominant movement, the axis (3,) in the main segment's frame."""
        if not isinstance(self.template.movement, LearnedMovement | DominantMovement):
            return None
        figure = self.figure
        way = np.linspace(0.0, 1.0, POINTS)[:, None] * (figure.peak - figure.rest)
        main = movement_slots(self.template.movement)[0]
        return body.turning_axis(self.by_slot(figure.rest + way)[main])

    def by_slot(self, angles_deg: Float64) -> dict[str, Float64]:
        """Orientations (n, 4), segment to room, by slot, of a body with angles (n, 31)."""
        pelvis = body.base_pelvis(self.figure.position, self.side)
        found = body.orientations(angles_deg, pelvis, self.segments.values())
        return {slot: found[segment] for slot, segment in self.segments.items()}

    def angle_deg(self, orientation: Mapping[str, Float64]) -> Float64:
        """The true angle (n,) of the movement, 0 in the first pose."""
        return body.bone_angle_deg(self.template.movement, self.side, orientation, self.axis)

    def compensations_deg(self, orientation: Mapping[str, Float64]) -> dict[str, float]:
        """The largest departure from the first pose, by compensation."""
        return {
            each.name: float(np.max(np.abs(body.compensation_deg(each, self.side, orientation))))
            for each in self.template.compensations
        }

    def excursion(self, compensation: Compensation) -> Float64:
        """Angles (31,) per degree of a compensation, as it is likely to happen.

        A tilt goes the way in which the figure already leans, else sideways away from what moves
        sideways, back from a limb that is lifted forward, and forward otherwise.
        """
        segment = self.segments[compensation.segment]
        kind = segment.removeprefix("left_").removeprefix("right_")
        if compensation.axis == "tilt":
            direction = self._leaning(compensation, segment, kind)
        elif compensation.against is not None:
            against = self.segments[compensation.against]
            inner = against.removeprefix("left_").removeprefix("right_")
            direction = joint_direction(inner, kind, compensation.axis)
        else:
            direction = segment_direction(kind, compensation.axis)
        lying = self.template.position in _LYING
        return body.excursion(segment, direction, self.side, both_stay=lying)

    def _leaning(self, compensation: Compensation, segment: str, kind: str) -> Direction:
        movement = measured_movement(self.template.movement)
        axis = movement.axis if isinstance(movement, JointMovement | SegmentMovement) else "flexion"
        moving = movement.distal if isinstance(movement, JointMovement) else kind
        plane = _plane(axis)
        figure, unit = self.figure, np.zeros(3)
        moved = self.by_slot(np.stack([figure.rest, figure.peak]))[compensation.segment]
        # About an upright axis nothing leans; joints turn about z, and most of them about no other.
        for about in (plane, SegmentAxis.Z, SegmentAxis.X, SegmentAxis.Y):
            direction = Direction(about, 1.0)
            unit[:] = np.eye(3)[about]
            level = abs(float(quaternion.rotated(moved[0], unit)[2])) < body.VERTICAL_AXIS
            if level and body.turns(segment, about):
                break
        own = float(body.turned_about(unit, moved)[-1])
        if abs(own) < UNMOVED_DEG:
            own = 1.0
            if about is SegmentAxis.Z:
                # Forward is negative for the trunk, positive for limbs but those that bend back.
                back = axis == "flexion" and moving not in body.TRUNK
                forward = segment_direction(kind, "flexion" if kind != "foot" else "dorsiflexion")
                own = -forward.sign if back and kind in body.TRUNK else forward.sign
            elif about is SegmentAxis.X:
                # To the left is negative.
                own = -1.0 if self.side == "right" else 1.0
        return Direction(direction.axis, math.copysign(1.0, own))

    def path(self, planned: PlannedRepetition) -> Path:
        """The way to the turning point of a planned repetition.

        Raises ValueError when the figure's movement does not reach the range.
        """
        figure = self.figure
        turning = figure.peak if planned.way > 0 else figure.opposite
        if turning is None:
            raise ValueError(f"{self.template.id} goes one way only; plan no other.")
        moves = turning - figure.rest
        aim_deg = planned.way * planned.range_deg
        wanted = {
            each.name: planned.compensations[each.name]
            for each in self.template.compensations
            if planned.compensations.get(each.name, 0.0) > 0.0
        }
        vectors = {
            each.name: self.excursion(each)
            for each in self.template.compensations
            if each.name in wanted
        }
        amounts = dict.fromkeys(wanted, 0.0)
        aside = np.zeros_like(moves)
        scale = self._reach(aside, moves, aim_deg)
        for _ in range(ROUNDS if wanted else 0):
            found = self._departures(aside + scale * moves)
            missing = {name: deg - found[name] for name, deg in wanted.items()}
            # What the exercise itself brings along cannot be taken away by adding less.
            if all(
                abs(gap) < CLOSE_DEG or (gap < 0.0 and amounts[name] == 0.0)
                for name, gap in missing.items()
            ):
                break
            for name, gap in missing.items():
                amounts[name] = max(0.0, amounts[name] + gap)
            aside = np.sum([amounts[name] * vectors[name] for name in wanted], axis=0)
            scale = self._reach(aside, moves, aim_deg)
        return self._timed(aside + scale * moves, mirrored=planned.mirrored)

    def reaches(self, planned: PlannedRepetition) -> bool:
        """Whether this body comes to the planned range, with the planned compensations."""
        try:
            path = self.path(planned)
        except ValueError:
            return False
        if planned.mirrored:
            return self.reaches(replace(planned, mirrored=False))
        found = self._departures(path.change)
        return all(found[name] > deg - REACHED_DEG for name, deg in planned.compensations.items())

    def faults(self) -> tuple[str, ...]:
        """The faults that can be put into a repetition of this body, as `with_fault` takes them."""
        ways = plan(self.template, 2, np.random.default_rng(0))
        return tuple(
            fault
            for fault in possible_faults(self.template)
            if all(self.reaches(with_fault(each, fault, self.template)) for each in ways)
        )

    def _reach(self, aside: Float64, moves: Float64, aim_deg: float) -> float:
        """How far along `moves`, beyond `aside`, the angle has `aim_deg`."""
        rest = self.figure.rest
        scales = np.linspace(0.0, FURTHEST, POINTS)
        grid = rest + aside + scales[:, None] * moves
        angle = np.sign(aim_deg) * self.angle_deg(self.by_slot(np.vstack([rest, grid])))[1:]
        beyond = np.flatnonzero(angle >= abs(aim_deg))
        if len(beyond) == 0 or beyond[0] == 0:
            raise ValueError(
                f"the figure of {self.template.id} does not come to {abs(aim_deg):.0f} degrees; "
                "give its peak more of the joint that is measured."
            )
        high = int(beyond[0])
        low = high - 1
        # Regula falsi on the true angle: the bracket is a few degrees wide, and nearly straight.
        ends = [(float(scales[at]), float(angle[at]) - abs(aim_deg)) for at in (low, high)]
        scale = ends[1][0]
        for _ in range(ROUNDS):
            (a, fa), (b, fb) = ends
            scale = a - fa * (b - a) / (fb - fa)
            pose = np.linspace(0.0, 1.0, 9)[:, None] * (aside + scale * moves)
            at = np.sign(aim_deg) * self.angle_deg(self.by_slot(rest + pose))[-1] - abs(aim_deg)
            if abs(at) < CLOSE_DEG:
                break
            ends = [(scale, float(at)), ends[1]] if at < 0.0 else [ends[0], (scale, float(at))]
        return scale

    def _departures(self, change: Float64) -> dict[str, float]:
        share = np.linspace(START_SHARE, 1.0, POINTS)[:, None]
        return self.compensations_deg(self.by_slot(self.figure.rest + share * change))

    def _timed(self, change: Float64, *, mirrored: bool) -> Path:
        rest = self.figure.rest
        share = np.linspace(0.0, 1.0, POINTS)
        angle = self.angle_deg(self.by_slot(rest + share[:, None] * change))
        reached = float(angle[-1])
        made = angle / reached
        even = np.min(np.diff(made)) * (POINTS - 1) < LEAST_RISE
        timing = None if even else CubicSpline(made, share)
        if mirrored:
            # The other limb does the same; the worn sensors see of it what they see.
            rest, change = body.mirrored(rest), body.mirrored(change)
            seen = self.angle_deg(self.by_slot(rest + share[:, None] * change))
            reached = float(seen[-1])
        return Path(rest, change, timing, reached)

    def couplings(self) -> dict[str, Coupling]:
        """What each compensation changes besides itself, and what it has of the exercise itself."""
        figure = self.figure
        share = np.linspace(0.0, 1.0, POINTS)[:, None]
        way = figure.rest + share * (figure.peak - figure.rest)
        alone = self.by_slot(way)
        angle_deg = float(self.angle_deg(alone)[-1])
        own = self.compensations_deg(alone)
        found = {}
        for each in self.template.compensations:
            with_it = self.by_slot(way + share * NUDGE_DEG * self.excursion(each))
            after = self.compensations_deg(with_it)
            found[each.name] = Coupling(
                own_deg=own[each.name],
                angle_per_deg=(float(self.angle_deg(with_it)[-1]) - angle_deg) / NUDGE_DEG,
                others_per_deg={
                    name: (after[name] - own[name]) / NUDGE_DEG for name in own if name != each.name
                },
            )
        return found
