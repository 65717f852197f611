"""Makes a calibration of a short still pose and one functional movement.

The pose tells which way is up in each sensor's frame, the movement the axis from left to right:
together they fix the sensor on its segment, however it was strapped on. What a calibration is
stands in `calibration`, axes of hinges in free movement in `hinge`.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion.axis import mean_orientation, rotation_vectors, up_vector
from motion.calibration import (
    Calibration,
    Quaternion,
    Vector,
    angle_between_deg,
    rotated,
    vector,
)
from motion.errors import CalibrationError, CalibrationFault
from motion.hinge import HINGE_SHARE, hinge_axes
from motion.samples import Samples
from motion.stream import SensorStream

Float64 = NDArray[np.float64]

# A pose is a second in which no sensor leaves its mean by more than this; breathing and sway stay
# below 2 degrees at the trunk.
POSE_S: Final = 1.0
STILL_DEG: Final = 3.0
# A second of pose and the briskest movement out and back.
SHORTEST_S: Final = 2.5
# Orientations settle on what comes before the given span, where there is something.
WARM_UP_S: Final = 20.0
# Below this a movement is no movement.
LEAST_MOVEMENT_DEG: Final = 10.0
# Who comes up again stands as before to within this; a stop in the middle of the movement does not
# pass for the pose.
BACK_DEG: Final = 15.0
# An axis counts where its sensor has turned this far from the pose.
TURNED_DEG: Final = 5.0
# The axis from left to right is level in every admitted position; one further from level than this
# was another movement.
LEVEL_DEG: Final = 40.0
# What soft parts and straps turn a sensor by during the movement, degrees: against an excursion it
# turns the axis that is found.
SOFT_DEG: Final = 1.5
# An accelerometer's offset of 0.1 m/s2 and the person's own sway tilt the vertical by so much.
VERTICAL_SD_DEG: Final = 1.0
# A calibration worse than this is worth repeating.
POOR_DEG: Final = 6.0
# In a bow the trunk turns at least as far as the pelvis; beyond this the two were swapped.
SWAPPED_DEG: Final = 8.0
SWAPPED_SHARE: Final = 0.2
# The outward side of a sensor and the side of the body where it is worn: worse than this, the
# movement was another or the sensor is worn elsewhere.
OUTWARD_DEG: Final = 50.0

# Joints with one axis, by their segments. The axis that is found lies this near to that of the
# movement, else it is something else; anatomically it is off the axis from left to right by so much
# (knee and elbow, 2 to 4 degrees).
_HINGES: Final = (("thigh", "shank"), ("upper_arm", "forearm"))
HINGE_NEAR_DEG: Final = 25.0
HINGE_SD_DEG: Final = 3.0

# Which axis of a segment points up in a position (ISB: x forward, y up along the segment, z right).
UP_AXES: Final[dict[str, Vector]] = {
    "standing": (0.0, 1.0, 0.0),
    "seated": (0.0, 1.0, 0.0),
    "kneeling": (0.0, 1.0, 0.0),
    "supine": (1.0, 0.0, 0.0),
    "prone": (-1.0, 0.0, 0.0),
    "quadruped": (-1.0, 0.0, 0.0),
}


@dataclass(frozen=True, slots=True)
class FunctionalMovement:
    """A movement that shows the axis from left to right. signs: by segment, of its rotation about z
    on the way out. told: what to do, for a person. parents: segments that turn at least as far as
    those they are given for."""

    signs: Mapping[str, float]
    told: str
    parents: Mapping[str, str]


# Signs by the right-hand rule about z: forward of the trunk is negative, of a limb positive.
FUNCTIONAL_MOVEMENTS: Final = {
    "bow": FunctionalMovement(
        {"pelvis": -1.0, "thorax": -1.0, "head": -1.0},
        "stand still for two seconds, bow forward as far as is comfortable, and come up again",
        {"pelvis": "thorax"},
    ),
    "squat": FunctionalMovement(
        {"pelvis": -1.0, "thorax": -1.0, "thigh": 1.0, "shank": -1.0},
        "stand still for two seconds, bend hips and knees as if to sit down, and come up again",
        {"shank": "thigh"},
    ),
    "arm_raise": FunctionalMovement(
        {"upper_arm": 1.0, "forearm": 1.0, "hand": 1.0},
        "let the straight arm hang still for two seconds, raise it forward, and lower it again",
        {},
    ),
    "nod": FunctionalMovement(
        {"head": -1.0},
        "look straight ahead for two seconds, bring your chin to your chest, and come up again",
        {},
    ),
    "heel_raise": FunctionalMovement(
        {"foot": -1.0},
        "stand still for two seconds, come up onto your toes, and come down again",
        {},
    ),
}


@dataclass(frozen=True, slots=True)
class CalibrationSpan:
    """Where samples hold a still pose and a functional movement: seconds of session time.

    movement: of FUNCTIONAL_MOVEMENTS; None is the one that shows the axes of all sensors. position:
    in which it was done.
    """

    from_s: float
    to_s: float
    movement: str | None = None
    position: str = "standing"


@dataclass(frozen=True, slots=True)
class _Track:
    """One sensor's orientations (n, 4) at times (n,) within the span."""

    t: Float64
    q: Float64


def movements_for(slots: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The functional movements that show the axes of these sensors, and of which: one for all of
    them where there is one, else each for what those before it do not show.

    Raises CalibrationError for a sensor that no movement calibrates.
    """
    left = list(slots)
    for name, movement in FUNCTIONAL_MOVEMENTS.items():
        if {_segment(slot) for slot in left} <= set(movement.signs):
            return {name: tuple(left)}
    needed = {}
    for name, movement in FUNCTIONAL_MOVEMENTS.items():
        shown = tuple(slot for slot in left if _segment(slot) in movement.signs)
        if shown:
            needed[name] = shown
            left = [slot for slot in left if slot not in shown]
    if left:
        raise CalibrationError(
            CalibrationFault.SENSORS,
            f"No movement calibrates {', '.join(left)}; there are movements for {_shown()}.",
        )
    return needed


def _shown() -> str:
    return "; ".join(f"{', '.join(m.signs)} ({name})" for name, m in FUNCTIONAL_MOVEMENTS.items())


def _movement_for(slots: Iterable[str]) -> str:
    """The one functional movement that shows the axes of these sensors."""
    needed = movements_for(slots)
    if len(needed) > 1:
        each = " and ".join(f"{name} for {', '.join(shown)}" for name, shown in needed.items())
        raise CalibrationError(
            CalibrationFault.SENSORS,
            f"No one movement calibrates these sensors together: it takes {each}, one after the "
            "other; give the span and the movement of each.",
        )
    return next(iter(needed))


def calibrate_spans(
    samples: Mapping[str, Samples],
    spans: Sequence[CalibrationSpan],
    *,
    side: str | None = None,
    worn: Mapping[str, str] | None = None,
    outward: Mapping[str, Vector] | None = None,
) -> Calibration:
    """Calibrate the sensors of `samples` (by slot) from one or several movements.

    Each sensor is calibrated by the last of the movements that show its axis: one that is repeated
    takes the place of the first. Arguments as in `calibrate`. Raises CalibrationError, also for a
    sensor that none of the movements shows.
    """
    if len(spans) == 1 and spans[0].movement is None:
        spans = [replace(spans[0], movement=_movement_for(samples))]
    left = set(samples)
    parts: list[Calibration] = []
    for span in reversed(spans):
        name = _movement_for(sorted(left)) if span.movement is None else span.movement
        functional = _functional(name)
        shown = [slot for slot in samples if slot in left and _segment(slot) in functional.signs]
        if not shown:
            continue
        parts.append(
            calibrate(
                {slot: samples[slot] for slot in shown},
                span.from_s,
                span.to_s,
                movement=name,
                position=span.position,
                side=side,
                worn=worn,
                outward=outward,
            )
        )
        left -= set(shown)
    if left or not parts:
        missing = ", ".join(sorted(left)) or "any sensor"
        needed = "; ".join(movements_for(sorted(left))) if left else _shown()
        raise CalibrationError(
            CalibrationFault.SENSORS,
            f"None of the movements calibrates {missing}; add the span of one that does: {needed}.",
        )
    parts.reverse()
    qualities = {slot: q for part in parts for slot, q in part.qualities_deg.items()}
    poses: dict[str, dict[str, Vector]] = {}
    for part in parts:
        for position, ups in part.poses.items():
            poses.setdefault(position, {}).update(ups)
    return Calibration(
        rotations={slot: parts_of for part in parts for slot, parts_of in part.rotations.items()},
        quality_deg=max(qualities.values()),
        qualities_deg=qualities,
        poses=poses,
        advice=[sentence for part in parts for sentence in part.advice],
    )


def _functional(name: str) -> FunctionalMovement:
    functional = FUNCTIONAL_MOVEMENTS.get(name)
    if functional is None:
        raise CalibrationError(
            CalibrationFault.MOVEMENT,
            f"There is no calibration movement {name!r}; choose {', '.join(FUNCTIONAL_MOVEMENTS)}.",
        )
    return functional


def calibrate(
    samples: Mapping[str, Samples],
    from_s: float = -math.inf,
    to_s: float = math.inf,
    *,
    movement: str | None = None,
    position: str = "standing",
    side: str | None = None,
    worn: Mapping[str, str] | None = None,
    outward: Mapping[str, Vector] | None = None,
) -> Calibration:
    """Calibrate the sensors of `samples` (by slot) from a still pose and one functional movement.

    from_s, to_s: the span in seconds that holds both; what comes before it only settles the
    orientations. movement: of FUNCTIONAL_MOVEMENTS, by default the one that fits the slots.
    position: in which it was done. worn, outward: by slot, the side of the body a sensor is worn on
    (front, back, left, right, outside, inside) and which direction of its own frame points away
    from the body, where that is known: then a wrong movement and a wrong side are noticed. Raises
    CalibrationError, which says what to do again.
    """
    if not samples:
        raise CalibrationError(CalibrationFault.SENSORS, "There is no sensor to calibrate.")
    up_axis = UP_AXES.get(position)
    if up_axis is None:
        raise CalibrationError(
            CalibrationFault.POSITION,
            f"A calibration cannot be done in the position {position!r}; do it "
            f"{', '.join(UP_AXES)}.",
        )
    functional = _functional(movement if movement is not None else _movement_for(samples))
    if to_s - from_s < SHORTEST_S:
        raise CalibrationError(
            CalibrationFault.SHORT,
            f"A calibration of {to_s - from_s:.1f} s is too short; {functional.told}.",
        )
    tracks = {slot: _tracked(one, from_s, to_s) for slot, one in samples.items()}
    pose_from, pose_to = _still_span(tracks, functional)
    found = {
        slot: _found(slot, track, pose_from, pose_to, functional, up_axis)
        for slot, track in tracks.items()
    }
    _check_swapped(found, functional)
    for proximal, distal in _HINGES:
        pair = [slot for kind in (proximal, distal) for slot in found if _segment(slot) == kind]
        if len(pair) == 2:
            _straightened(found, samples, tracks, pair[0], pair[1], np.array(up_axis))
    rotations: dict[str, Quaternion] = {}
    qualities: dict[str, float] = {}
    advice: list[str] = []
    for slot, one in found.items():
        rotations[slot] = one.rotation
        qualities[slot] = one.quality_deg
        _check_worn(slot, one, (worn or {}).get(slot), (outward or {}).get(slot), side, functional)
        if one.quality_deg > POOR_DEG:
            advice.append(
                f"The axis of {slot} is known to {one.quality_deg:.0f} degrees only, since it "
                f"turned by {one.excursion_deg:.0f}: {functional.told}, further and straight ahead."
            )
    return Calibration(
        rotations=rotations,
        quality_deg=max(qualities.values()),
        qualities_deg=qualities,
        poses={position: {slot: one.up for slot, one in found.items()}},
        advice=advice,
    )


def _segment(slot: str) -> str:
    return slot.removeprefix("left_").removeprefix("right_")


def _tracked(samples: Samples, from_s: float, to_s: float) -> _Track:
    stream = SensorStream(samples.sensor)
    begin = int(np.searchsorted(samples.t_s, from_s - WARM_UP_S))
    end = int(np.searchsorted(samples.t_s, to_s, "right"))
    stream.push(samples.rows(begin, end))
    stream.advance(math.inf, last=True)
    t, q = stream.oriented["t"], stream.oriented["q"]
    within = t >= from_s
    if int(within.sum()) < 2 or float(np.ptp(t[within])) < 2.0 * POSE_S:
        raise CalibrationError(
            CalibrationFault.NO_SAMPLES,
            f"The sensor {samples.sensor} gave nothing usable in the span of the calibration; "
            "check it, and calibrate again.",
            sensor=samples.sensor,
        )
    return _Track(np.ascontiguousarray(t[within]), np.ascontiguousarray(q[within]))


def _still_span(
    tracks: Mapping[str, _Track], functional: FunctionalMovement
) -> tuple[float, float]:
    """The first second in which every sensor is still and after which all move."""
    first = max(float(track.t[0]) for track in tracks.values())
    last = min(float(track.t[-1]) for track in tracks.values())
    begin = first
    while begin + POSE_S < last:
        still = all(
            _stillness_deg(track, begin, begin + POSE_S) <= STILL_DEG for track in tracks.values()
        )
        if still:
            # As much of the same stillness as there is, up to three seconds.
            end = begin + POSE_S
            while end + 0.25 < min(last, begin + 3.0 * POSE_S) and all(
                _stillness_deg(t, begin, end + 0.25) <= STILL_DEG for t in tracks.values()
            ):
                end += 0.25
            return begin, end
        begin += 0.1
    raise CalibrationError(
        CalibrationFault.MOVING,
        f"No second of stillness is seen before the movement; {functional.told}.",
    )


def _stillness_deg(track: _Track, from_s: float, to_s: float) -> float:
    chosen = np.ascontiguousarray(track.q[(track.t >= from_s) & (track.t <= to_s)])
    if len(chosen) < 2:
        return math.inf
    mean = np.empty(4)
    mean_orientation(chosen, mean)
    vectors = np.empty((len(chosen), 3))
    rotation_vectors(chosen, mean, vectors)
    return math.degrees(float(np.sqrt((vectors**2).sum(axis=1)).max()))


@dataclass(frozen=True, slots=True)
class _Found:
    rotation: Quaternion
    up: Vector  # the earth's up direction in the segment's frame, in the pose
    quality_deg: float
    excursion_deg: float


def _found(
    slot: str,
    track: _Track,
    pose_from: float,
    pose_to: float,
    functional: FunctionalMovement,
    up_axis: Vector,
) -> _Found:
    sign = functional.signs.get(_segment(slot))
    if sign is None:
        raise CalibrationError(
            CalibrationFault.SENSORS,
            f"The movement does not calibrate the sensor {slot!r}; it is for "
            f"{', '.join(functional.signs)}.",
            sensor=slot,
        )
    posed = np.ascontiguousarray(track.q[(track.t >= pose_from) & (track.t <= pose_to)])
    pose = np.empty(4)
    mean_orientation(posed, pose)
    up = np.empty(3)
    up_vector(pose, up)
    after = np.ascontiguousarray(track.q[track.t >= pose_to])
    vectors = np.empty((len(after), 3))
    rotation_vectors(after, pose, vectors)
    angles = np.sqrt((vectors**2).sum(axis=1))
    excursion_deg = math.degrees(float(angles.max(initial=0.0)))
    if excursion_deg < LEAST_MOVEMENT_DEG:
        raise CalibrationError(
            CalibrationFault.NO_MOVEMENT,
            f"The sensor {slot} turned by {excursion_deg:.0f} degrees only; {functional.told}.",
            sensor=slot,
        )
    back = np.empty(3)
    up_vector(after[-1], back)
    apart_deg = angle_between_deg(vector(back.tolist()), vector(up.tolist()))
    if apart_deg > BACK_DEG:
        raise CalibrationError(
            CalibrationFault.MOVING,
            f"The sensor {slot} ends {apart_deg:.0f} degrees off the pose in which it began; "
            f"{functional.told}.",
            sensor=slot,
        )
    turned = vectors[angles > math.radians(TURNED_DEG)]
    axis = _main_direction(turned)
    steepness_deg = math.degrees(math.asin(min(1.0, abs(float(axis @ up)))))
    if steepness_deg > LEVEL_DEG:
        raise CalibrationError(
            CalibrationFault.MOVEMENT,
            f"The sensor {slot} turned about an axis {steepness_deg:.0f} degrees off level, which "
            f"is another movement; {functional.told}.",
            sensor=slot,
        )
    level = axis - float(axis @ up) * up
    level /= math.sqrt(float(level @ level))
    along = vectors @ level
    departed = np.flatnonzero(np.abs(along) > 0.5 * np.abs(along).max())
    # Where the way out turns positive about z, `level` is z; elsewhere it is turned round.
    z = level * sign * (1.0 if along[departed[0]] > 0.0 else -1.0)
    rotation = _frame(up, z, np.array(up_axis))
    across = np.cross(up, level)
    aside = turned @ across
    # Half of what leaves the plane of the movement does so on the way out and back alike.
    wobble_deg = math.degrees(math.atan2(float(np.sqrt((aside**2).mean())), 1.0)) / 2.0
    spread_deg = wobble_deg / max(float(np.sqrt(((turned @ level) ** 2).mean())), 1e-6)
    soft_deg = math.degrees(math.atan2(SOFT_DEG, excursion_deg))
    quality_deg = math.sqrt(VERTICAL_SD_DEG**2 + soft_deg**2 + spread_deg**2)
    return _Found(
        rotation,
        (float(up_axis[0]), float(up_axis[1]), float(up_axis[2])),
        quality_deg,
        excursion_deg,
    )


def _straightened(
    found: dict[str, _Found],
    samples: Mapping[str, Samples],
    tracks: Mapping[str, _Track],
    proximal: str,
    distal: str,
    up_axis: Float64,
) -> None:
    """Turn both segments of a hinge joint to the axis that they share, where the movement shows it.

    Who squats does not move straight ahead; the knee still bends about its own axis.
    """
    one, other = tracks[proximal], tracks[distal]
    t = one.t[(one.t >= other.t[0]) & (one.t <= other.t[-1])]
    rates, ups = [], []
    for slot, track in ((proximal, one), (distal, other)):
        rates.append(_at(t, samples[slot].t_s, samples[slot].gyr_radps.astype(np.float64)))
        up = np.empty((len(track.q), 3))
        for q, row in zip(track.q, up, strict=True):
            up_vector(q, row)
        ups.append(_at(t, track.t, up))
    axes = hinge_axes(t, rates[0], rates[1], ups[0], ups[1])
    # Which way round each axis points, the movement itself tells.
    if not axes.converged or axes.residual_share >= HINGE_SHARE:
        return
    for slot, axis, sd_deg in zip(
        (proximal, distal), (axes.proximal, axes.distal), axes.sd_deg, strict=True
    ):
        old = found[slot]
        w, x, y, n = old.rotation
        z = np.array(rotated((w, -x, -y, -n), (0.0, 0.0, 1.0)), dtype=np.float64)
        up = np.array(rotated((w, -x, -y, -n), vector(up_axis.tolist())), dtype=np.float64)
        if float(axis @ z) < 0.0:
            axis = -axis
        if float(axis @ z) < math.cos(math.radians(HINGE_NEAR_DEG)):
            continue
        level = axis - float(axis @ up) * up
        level /= math.sqrt(float(level @ level))
        quality_deg = math.sqrt(VERTICAL_SD_DEG**2 + HINGE_SD_DEG**2 + sd_deg**2)
        found[slot] = replace(
            old,
            rotation=_frame(up, level, up_axis),
            quality_deg=min(old.quality_deg, quality_deg),
        )


def _at(t: Float64, times: Float64, values: Float64) -> Float64:
    """Vectors (n, 3) at times (m,), interpolated."""
    return np.stack([np.interp(t, times, values[:, k]) for k in range(3)], axis=1)


def _main_direction(vectors: Float64) -> Float64:
    """The direction (3,) of the rotation vectors (n, 3), whichever way round."""
    _, directions = np.linalg.eigh(vectors.T @ vectors)
    direction: Float64 = directions[:, -1]
    return direction


def _frame(up: Float64, z: Float64, up_axis: Float64) -> Quaternion:
    """Sensor to segment: `up` and `z` (3,), at right angles in the sensor's frame, are the axes
    `up_axis` and z of the segment."""
    third = np.cross(up_axis, np.array([0.0, 0.0, 1.0]))
    sensor = np.stack([up, z, np.cross(up, z)], axis=1)
    segment = np.stack([up_axis, np.array([0.0, 0.0, 1.0]), third], axis=1)
    m = segment @ sensor.T
    # The largest of the four components first, so that none is the root of a small number.
    trace = float(np.trace(m))
    squares = [1.0 + trace, *(1.0 + 2.0 * float(m[k, k]) - trace for k in range(3))]
    largest = int(np.argmax(squares))
    root = math.sqrt(squares[largest])
    half = 0.5 / root
    if largest == 0:
        q = (
            0.5 * root,
            float(m[2, 1] - m[1, 2]) * half,
            float(m[0, 2] - m[2, 0]) * half,
            float(m[1, 0] - m[0, 1]) * half,
        )
    else:
        i, j, k = [(0, 1, 2), (1, 2, 0), (2, 0, 1)][largest - 1]
        parts = [0.0, 0.0, 0.0]
        parts[i] = 0.5 * root
        parts[j] = float(m[j, i] + m[i, j]) * half
        parts[k] = float(m[k, i] + m[i, k]) * half
        q = (float(m[k, j] - m[j, k]) * half, parts[0], parts[1], parts[2])
    return q if q[0] >= 0.0 else (-q[0], -q[1], -q[2], -q[3])


def _check_swapped(found: Mapping[str, _Found], functional: FunctionalMovement) -> None:
    by_segment = {_segment(slot): (slot, one) for slot, one in found.items()}
    for less, more in functional.parents.items():
        if less not in by_segment or more not in by_segment:
            continue
        slot, small = by_segment[less]
        other, large = by_segment[more]
        beyond = small.excursion_deg - large.excursion_deg
        if beyond > max(SWAPPED_DEG, SWAPPED_SHARE * large.excursion_deg):
            raise CalibrationError(
                CalibrationFault.SWAPPED,
                f"The sensor {slot} turned by {small.excursion_deg:.0f} degrees and {other} by "
                f"{large.excursion_deg:.0f}, where it is the other way round: the two seem to be "
                "swapped; exchange them and calibrate again.",
                sensor=slot,
            )


def _check_worn(
    slot: str,
    found: _Found,
    worn: str | None,
    outward: Vector | None,
    side: str | None,
    functional: FunctionalMovement,
) -> None:
    """Does the sensor's outward side point to where it is worn?"""
    if worn is None or outward is None:
        return
    left = slot.startswith("left_") or side == "left"
    outer = -1.0 if left else 1.0
    directions: dict[str, Vector] = {
        "front": (1.0, 0.0, 0.0),
        "back": (-1.0, 0.0, 0.0),
        "right": (0.0, 0.0, 1.0),
        "left": (0.0, 0.0, -1.0),
        "outside": (0.0, 0.0, outer),
        "inside": (0.0, 0.0, -outer),
    }
    expected = directions.get(worn)
    if expected is None:
        return
    apart_deg = angle_between_deg(rotated(found.rotation, outward), expected)
    if apart_deg <= OUTWARD_DEG:
        return
    if apart_deg >= 180.0 - OUTWARD_DEG:
        where = "on the other side of the body" if expected[2] != 0.0 else "on the opposite side"
        raise CalibrationError(
            CalibrationFault.WORN,
            f"The sensor {slot} seems to be worn {where}, not {worn}; move it and calibrate again.",
            sensor=slot,
        )
    raise CalibrationError(
        CalibrationFault.MOVEMENT,
        f"The sensor {slot} turned to the side, or is not worn {worn}; {functional.told}.",
        sensor=slot,
    )
