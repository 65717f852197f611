"""A whole session as sensors would record it, and what is true of it: a body is calibrated, walks
about, lies down, does its exercises.

The poses of an exercise come from `choreography`, the plan from `performance`, the sensors and
their errors from `imu`. What the engine makes of the samples is not looked at here.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion import body, quaternion
from motion.body import STATURE_M, Side, WornSensor
from motion.calibrating import CalibrationSpan, movements_for
from motion.calibration import Calibration
from motion.choreography import Choreography, Path
from motion.events import Fault
from motion.imu import SensorErrors, StrappedSensor
from motion.performance import (
    ACTIVE_FROM,
    LONGEST_ABSENCE_S,
    Performance,
    PlannedRepetition,
    minimum_jerk,
)
from motion.repetition import plateau_deg
from motion.samples import Samples
from motion.template import (
    DominantMovement,
    ExerciseTemplate,
    HoldBand,
    Judging,
    LearnedMovement,
)

Float64 = NDArray[np.float64]

# The grid on which bodies move: a movement of half a second has a hundred points on it.
FINE_HZ: Final = 200.0
# Standing still before anything, before a set, and at the ends of a calibration.
LEAD_S: Final = 1.0
START_POSE_S: Final = 1.5
CALIBRATION_STILL_S: Final = (3.0, 1.5)
# A functional movement: out, a short stop, back, a short stop; twice.
FUNCTIONAL_S: Final = (1.4, 0.3, 1.4, 0.4)
FUNCTIONAL_TIMES: Final = 2
# People are told to move straight and are so far off, degrees (Euclidean mean of two directions).
SLOPPY_DEG: Final = 3.0
# Quiet standing and sitting sway and breathe by so much, degrees, root mean square at the trunk.
SWAY_DEG: Final = 0.3
SWAY_HZ: Final = (0.15, 0.27, 0.4, 0.55)  # sway is slower than half a hertz, breathing a quarter
# Changing the position takes 2 to 4 s, getting into the start pose within one of them less.
CHANGE_S: Final = (2.5, 4.0)
POSE_S: Final = (1.2, 1.8)
# Who sits or lies down bends hips and knees on the way.
ON_THE_WAY: Final[Mapping[str, float]] = {"hip_flexion": 50.0, "knee_flexion": 60.0}
# Poses nearer than this are the same.
SAME_POSE_DEG: Final = 0.1
# Calm walking about a room: steps a second, speed, bounce from lowest to highest.
STEPS_HZ: Final = 1.8
WALK_MPS: Final = 1.0
BOUNCE_M: Final = 0.036
SETTING_OFF_S: Final = 1.5
# The band that a repetition leaves and re-enters (design, What a repetition is).
BAND: Final = 0.05

_POSES: Final[Mapping[str, Mapping[str, float]]] = {
    "bow": {
        "pelvis_flexion": 40.0,
        "hip_flexion": 40.0,
        "lumbar_flexion": 30.0,
        "shoulder_flexion": 70.0,
    },
    "squat": {
        "hip_flexion": 80.0,
        "pelvis_flexion": 25.0,
        "knee_flexion": 80.0,
        "ankle_dorsiflexion": 25.0,
        "shoulder_flexion": 60.0,
    },
    "arm_raise": {"shoulder_flexion": 90.0},
    "nod": {"neck_flexion": 40.0},
    "heel_raise": {"ankle_dorsiflexion": -30.0},
}
# What is not straight about a functional movement: which angles stray with which.
_STRAYING: Final = {
    "pelvis_flexion": ("pelvis_bend_right", "pelvis_turn_left"),
    "lumbar_flexion": ("lumbar_bend_right", "lumbar_turn_left"),
    "neck_flexion": ("neck_bend_right", "neck_turn_left"),
    "shoulder_flexion": ("shoulder_abduction", "shoulder_internal_rotation"),
    "hip_flexion": ("hip_abduction", "hip_internal_rotation"),
}


@dataclass(frozen=True, slots=True)
class Exercise:
    """What is to be done of one template: its sets, and the seconds of rest between them.

    between_s: of staying in the start pose; where walk_s is given, of walking about instead.
    """

    choreography: Choreography
    sets: tuple[Performance, ...]
    between_s: float = 6.0
    walk_s: float = 0.0

    @classmethod
    def of(
        cls,
        template: ExerciseTemplate,
        *sets: Performance,
        side: str | None = None,
        worn: Mapping[str, str] | None = None,
    ) -> "Exercise":
        """On `side`, the template's own by default; worn: segments of slots named otherwise."""
        return cls(Choreography.of(template, side, worn), sets)


@dataclass(frozen=True, slots=True)
class TrueRepetition:
    """What is true of one repetition, by the engine's definitions.

    range_deg, compensations: of the bones. out_s to active_s as the engine tells them; entering the
    band starts a hold, which has no way out. sensor_range_deg: what the sensors' own orientations
    would give if they were known without error: soft tissue alone makes the difference. faults: by
    the template's rules, from these values. seen: whether the worn sensors see it; where they do
    not, range and times are the other limb's.
    """

    set_index: int
    index: int
    way: int
    mirrored: bool
    seen: bool
    start_s: float
    peak_s: float
    end_s: float
    range_deg: float
    sensor_range_deg: float
    out_s: float
    hold_s: float
    back_s: float
    active_s: float
    sagged: bool
    compensations: Mapping[str, float]
    faults: tuple[str, ...]
    intended: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class TrueSet:
    """One set: from the start pose to the last return, with the true angle (n,) at times (n,).

    The truth is that of the movement; what the body sways besides is left to the sensors.
    """

    from_s: float
    to_s: float
    t_s: Float64
    angle_deg: Float64
    repetitions: tuple[TrueRepetition, ...]


@dataclass(frozen=True, slots=True, eq=False)
class TrueExercise:
    """One exercise of a session."""

    template: ExerciseTemplate
    side: Side
    sets: tuple[TrueSet, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Simulation:
    """Samples by slot, and the truth behind them. sensors: as they were drawn."""

    samples: dict[str, Samples]
    sensors: dict[str, StrappedSensor]
    calibrations: tuple[CalibrationSpan, ...]
    exercises: tuple[TrueExercise, ...]
    duration_s: float

    def perfect_calibration(self) -> Calibration:
        """How the sensors really sit on their segments."""
        return Calibration(
            rotations={
                slot: (float(q[0]), float(q[1]), float(q[2]), float(q[3]))
                for slot, q in ((slot, each.mounting) for slot, each in self.sensors.items())
            },
            quality_deg=0.0,
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Phase:
    """A stretch of the session, n poses on the fine grid, seen from where it begins.

    angles: (n, 31) degrees. pelvis: (n, 4) or (4,), of the position. place: (n, 3) of the pelvis in
    metres, z above the floor. heading: (n,) rad to the left. softness: (n,), see `imu`.
    """

    angles: Float64
    pelvis: Float64
    place: Float64
    heading: Float64
    softness: Float64
    end: Float64  # place (3,) at its end


@dataclass(frozen=True, slots=True, eq=False)
class _Done:
    """A planned repetition in the session: rows of the fine grid from its start to its rest."""

    planned: PlannedRepetition
    path: Path
    start_s: float


@dataclass(slots=True, eq=False)
class _Set:
    choreography: Choreography
    first: int
    last: int = 0
    done: list[_Done] = field(default_factory=list)


class _Stage:
    """Puts phases one after the other; keeps where the body is and in which pose."""

    def __init__(self, random: np.random.Generator, height_m: float) -> None:
        self.random = random
        self.height_m = height_m
        self.position = "standing"
        self.side: Side = "right"
        self.pose = body.base_deg("standing")
        self.rows = 0
        self._phases: list[_Phase] = []
        self._height = self._resting_height(self.pose)

    @property
    def now_s(self) -> float:
        return self.rows / FINE_HZ

    def _resting_height(self, pose: Float64) -> float:
        path = body.pelvis_path(pose[None], self.position, self.side, "pelvis", self.height_m)
        return float(path[0, 2])

    def _times(self, seconds: float) -> Float64:
        return np.arange(max(1, round(seconds * FINE_HZ))) / FINE_HZ

    def add(self, phase: _Phase) -> None:
        """The phase that follows; the body ends where it ends."""
        self._phases.append(phase)
        self.rows += len(phase.angles)

    def _pelvis(self) -> Float64:
        return np.array(body.base_pelvis(self.position, self.side))

    def _stay(self, angles: Float64, place: Float64 | None = None) -> _Phase:
        count = len(angles)
        if place is None:
            place = np.tile([0.0, 0.0, self._height], (count, 1))
        none = np.zeros(count)
        end = np.array([0.0, 0.0, self._height])
        return _Phase(angles, self._pelvis(), place, none, none, end)

    def still(self, seconds: float) -> None:
        """Stays in the pose it is in."""
        self.add(self._stay(np.tile(self.pose, (len(self._times(seconds)), 1))))

    def go(self, pose: Float64, position: str, side: Side) -> None:
        """Into a pose of a position, smoothly and in the time that it takes."""
        same = position == self.position and (side == self.side or position != "side_lying")
        if same and float(np.max(np.abs(pose - self.pose))) < SAME_POSE_DEG:
            self.side = side
            return
        t = self._times(self.random.uniform(*(POSE_S if same else CHANGE_S)))
        way = minimum_jerk(t / (len(t) / FINE_HZ))
        angles = self.pose + way[:, None] * (pose - self.pose)
        before, low = self._pelvis(), self._height
        self.position, self.side = position, side
        self._height = self._resting_height(pose)
        after = self._pelvis()
        if not same:
            # Up and down again, at a standstill at both ends.
            bend = 64.0 * (way * (1.0 - way)) ** 3
            angles += bend[:, None] * body.channels_deg(ON_THE_WAY)
        turn = quaternion.rotation_vectors(quaternion.products(before * _INVERSE, after))
        pelvis = quaternion.products(before, quaternion.from_rotation_vectors(way[:, None] * turn))
        place = np.zeros((len(t), 3))
        place[:, 2] = low + way * (self._height - low)
        none = np.zeros(len(t))
        end = np.array([0.0, 0.0, self._height])
        self.add(_Phase(angles, pelvis, place, none, none, end))
        self.pose = pose

    def walk(self, seconds: float) -> None:
        """Walks about the room from standing, turning this way and that, and stands again."""
        standing = body.base_deg("standing")
        self.go(standing, "standing", self.side)
        t = self._times(seconds)
        setting_off = min(SETTING_OFF_S, 0.4 * seconds)
        going = minimum_jerk(t / setting_off) * minimum_jerk((seconds - t) / setting_off)
        phase = math.pi * STEPS_HZ * t + self.random.uniform(0.0, 2.0 * math.pi)
        angles = np.tile(standing, (len(t), 1))
        for name, value in _gait(phase).items():
            angles[:, body.CHANNELS.index(name)] += going * value
        turning = np.zeros(len(t))
        for period_s, most_radps in ((17.0, 0.5), (7.3, 0.35), (29.0, 0.3)):
            start = self.random.uniform(0.0, 2.0 * math.pi)
            turning += most_radps * np.sin(2.0 * math.pi * t / period_s + start)
        heading = np.cumsum(going * turning) / FINE_HZ
        forward = WALK_MPS * going
        place = np.zeros((len(t), 3))
        place[:, 0] = np.cumsum(forward * np.cos(heading)) / FINE_HZ
        place[:, 1] = np.cumsum(forward * np.sin(heading)) / FINE_HZ
        aside = going * 0.02 * np.sin(phase)
        ahead = going * 0.01 * np.sin(2.0 * phase)
        place[:, 0] += ahead * np.cos(heading) - aside * np.sin(heading)
        place[:, 1] += ahead * np.sin(heading) + aside * np.cos(heading)
        place[:, 2] = self._height - going * 0.5 * BOUNCE_M * np.cos(2.0 * phase)
        softness = 0.3 * going * np.sin(phase)
        self.add(_Phase(angles, self._pelvis(), place, heading, softness, place[-1].copy()))

    def calibrate(self, movement: str, sloppy_deg: float) -> tuple[float, float]:
        """A still pose and a functional movement, from standing; its span in seconds."""
        standing = body.base_deg("standing")
        self.go(standing, "standing", self.side)
        from_s = self.now_s
        self.still(CALIBRATION_STILL_S[0])
        out_s, stop_s, back_s, rest_s = FUNCTIONAL_S
        for _ in range(FUNCTIONAL_TIMES):
            change = body.channels_deg(self._strayed(_POSES[movement], sloppy_deg))
            t = self._times(out_s + stop_s + back_s + rest_s)
            share = minimum_jerk(t / out_s) - minimum_jerk((t - out_s - stop_s) / back_s)
            angles = standing + share[:, None] * change
            place = body.pelvis_path(angles, "standing", self.side, "feet", self.height_m)
            phase = self._stay(angles, place)
            self.add(_Phase(angles, phase.pelvis, place, phase.heading, share, phase.end))
        self.still(CALIBRATION_STILL_S[1])
        return from_s, self.now_s

    def _strayed(self, pose: Mapping[str, float], sloppy_deg: float) -> dict[str, float]:
        """The same movement about axes that are a little off."""
        strayed = dict(pose)
        for name, strays in _STRAYING.items():
            if name in pose:
                off = np.radians(sloppy_deg) * self.random.standard_normal(2) / math.sqrt(2.0)
                for stray, share in zip(strays, np.sin(off), strict=True):
                    strayed[stray] = strayed.get(stray, 0.0) + float(share) * pose[name]
        bend = strayed.get("pelvis_bend_right", 0.0)
        turn = strayed.get("pelvis_turn_left", 0.0)
        # The legs stay where they are.
        for side, sign in (("right", 1.0), ("left", -1.0)):
            for name, more in (("hip_abduction", bend), ("hip_internal_rotation", -turn)):
                strayed[f"{side}_{name}"] = strayed.get(name, 0.0) + sign * more
        return strayed

    def set(self, choreography: Choreography, performance: Performance) -> _Set:
        """The start pose, and the repetitions of one set."""
        figure = choreography.figure
        paths = [choreography.path(planned) for planned in performance]
        self.go(paths[0].rest if paths else figure.rest, figure.position, figure.side)
        found = _Set(choreography, self.rows)
        self.still(START_POSE_S)
        for number, (planned, path) in enumerate(zip(performance, paths, strict=True)):
            found.done.append(_Done(planned, path, self.now_s))
            t = self._times(planned.whole_s)
            share = planned.shares(t)
            angles = path.poses(share)
            place = body.pelvis_path(
                np.vstack([path.rest, angles]),
                figure.position,
                figure.side,
                figure.fixed,
                self.height_m,
            )[1:]
            after = paths[min(number + 1, len(paths) - 1)].rest
            self.pose = after
            if np.max(np.abs(after - path.rest)) > SAME_POSE_DEG:
                # The sides take turns at rest, where the start poses of both differ.
                resting = minimum_jerk((t - (t[-1] - planned.rest_s)) / planned.rest_s)
                angles += resting[:, None] * (after - path.rest)
                self._height = self._resting_height(after)
                place[:, 2] += resting * (self._height - place[0, 2])
            softness = share * path.range_deg / choreography.goal_deg
            stay = self._stay(angles, place)
            self.add(_Phase(angles, stay.pelvis, place, stay.heading, softness, stay.end))
        found.last = self.rows
        return found

    def played(self) -> tuple[Float64, Float64, Float64, Float64]:
        """The whole session: angles (n, 31), pelvis of the position in the room (n, 4), its place
        (n, 3), softness (n,)."""
        facing, at = 0.0, np.zeros(2)
        pelvis, places = [], []
        for phase in self._phases:
            heading = facing + phase.heading
            turn = np.zeros((len(heading), 4))
            turn[:, 0], turn[:, 3] = np.cos(0.5 * heading), np.sin(0.5 * heading)
            pelvis.append(quaternion.products(turn, phase.pelvis))
            cosine, sine = math.cos(facing), math.sin(facing)
            way = np.array([[cosine, -sine], [sine, cosine]])
            place = phase.place.copy()
            place[:, :2] = at + phase.place[:, :2] @ way.T
            places.append(place)
            at = at + way @ phase.end[:2]
            facing = float(heading[-1])
        return (
            np.concatenate([phase.angles for phase in self._phases]),
            np.concatenate(pelvis),
            np.concatenate(places),
            np.concatenate([phase.softness for phase in self._phases]),
        )


_INVERSE: Final = np.array([1.0, -1.0, -1.0, -1.0])


def _gait(phase: Float64) -> dict[str, Float64]:
    """Angles of calm walking beyond standing, degrees; phase: of a stride, right thigh forward at
    a quarter. Excursions after Perry & Burnfield, Gait Analysis (2010), rounded."""
    found = {
        "pelvis_flexion": 2.0 + 1.5 * np.sin(2.0 * phase),
        "pelvis_bend_right": 4.0 * np.cos(phase),
        "pelvis_turn_left": 5.0 * np.sin(phase),
        "lumbar_flexion": 1.5 * np.sin(2.0 * phase + 0.6),
        "lumbar_bend_right": -4.5 * np.cos(phase),
        "lumbar_turn_left": -8.0 * np.sin(phase),
        "neck_turn_left": 3.0 * np.sin(phase),
    }
    for side, late in (("right", 0.0), ("left", math.pi)):
        own = phase + late
        swing = (0.5 * (1.0 + np.cos(own + 0.5))) ** 3
        found[f"{side}_hip_flexion"] = 10.0 + 20.0 * np.sin(own)
        found[f"{side}_knee_flexion"] = 6.0 + 52.0 * swing
        found[f"{side}_ankle_dorsiflexion"] = 8.0 * np.sin(own + 1.0)
        found[f"{side}_shoulder_flexion"] = -16.0 * np.sin(own)
        found[f"{side}_elbow_flexion"] = 10.0 - 8.0 * np.sin(own)
    return found


def _swaying(count: int, sway_deg: float, random: np.random.Generator) -> Float64:
    """Angles (n, 31) that a body adds by itself while it stands, sits or lies."""
    t = np.arange(count) / FINE_HZ
    angles = np.zeros((count, len(body.CHANNELS)))
    amplitude = sway_deg * math.sqrt(2.0 / len(SWAY_HZ))
    for name in ("pelvis_flexion", "lumbar_flexion", "pelvis_bend_right", "lumbar_bend_right",
                 "pelvis_turn_left", "neck_flexion"):  # fmt: skip
        for hz in SWAY_HZ:
            start = random.uniform(0.0, 2.0 * math.pi)
            angles[:, body.CHANNELS.index(name)] += amplitude * np.sin(
                2.0 * math.pi * hz * t + start
            )
    return angles


def simulate(
    exercises: Exercise | Sequence[Exercise],
    seed: int,
    *,
    rate_hz: float = 100.0,
    errors: SensorErrors | None = None,
    calibrated: bool | None = None,
    walk_s: float = 0.0,
    sloppy_deg: float = SLOPPY_DEG,
    sway_deg: float = SWAY_DEG,
    height_m: float = STATURE_M,
) -> Simulation:
    """One session with one strapping: calibration, then the exercises, each in its position.

    seed: the same session again for the same seed, and the same movement whatever the errors.
    errors: of good consumer sensors by default. calibrated: with a calibration at the beginning, by
    default where an exercise needs one. walk_s: seconds of walking about after the calibration and
    between exercises. Raises ValueError where one slot would be worn in two places.
    """
    todo = [exercises] if isinstance(exercises, Exercise) else list(exercises)
    places = _strapped(todo)
    errors = SensorErrors() if errors is None else errors
    if calibrated is None:
        calibrated = any(
            not isinstance(each.choreography.template.movement, LearnedMovement | DominantMovement)
            for each in todo
        )
    stage = _Stage(np.random.default_rng((seed, 0)), height_m)
    stage.still(LEAD_S)
    spans = []
    if calibrated:
        for movement in movements_for(sensor.segment for sensor in places.values()):
            from_s, to_s = stage.calibrate(movement, sloppy_deg)
            spans.append(CalibrationSpan(from_s, to_s, movement))
    sets: list[list[_Set]] = []
    for exercise in todo:
        if walk_s > 0.0:
            stage.walk(walk_s)
        done = []
        for number, performance in enumerate(exercise.sets):
            if number and exercise.walk_s > 0.0:
                stage.walk(exercise.walk_s)
            elif number:
                stage.still(exercise.between_s)
            done.append(stage.set(exercise.choreography, performance))
        sets.append(done)
    stage.still(LEAD_S)
    angles, pelvis, place, softness = stage.played()
    clean = angles
    if sway_deg > 0.0:
        angles = angles + _swaying(len(angles), sway_deg, np.random.default_rng((seed, 1)))
    t_s = np.arange(len(angles)) / FINE_HZ
    moving = body.hanging(
        body.orientations(angles, pelvis, [each.segment for each in places.values()]), height_m
    ).moved(place)
    sensors, samples = {}, {}
    for number, (slot, worn) in enumerate(places.items()):
        random = np.random.default_rng((seed, 2, number))
        sensor = StrappedSensor.drawn(slot, worn, errors, random, rate_hz, height_m)
        sensors[slot] = sensor
        samples[slot] = sensor.samples(
            t_s,
            moving.orientations[worn.segment],
            moving.origins[worn.segment],
            softness,
            random,
        )
    exercises_done = tuple(
        TrueExercise(
            exercise.choreography.template,
            exercise.choreography.side,
            tuple(
                _true_set(index, one, clean, pelvis, softness, t_s, sensors)
                for index, one in enumerate(done, 1)
            ),
        )
        for exercise, done in zip(todo, sets, strict=True)
    )
    return Simulation(samples, sensors, tuple(spans), exercises_done, stage.now_s)


def _strapped(todo: Sequence[Exercise]) -> dict[str, WornSensor]:
    """Where each slot is worn throughout; ValueError where that changes."""
    places: dict[str, WornSensor] = {}
    for exercise in todo:
        choreography = exercise.choreography
        for slot, place in choreography.template.sensors.items():
            worn = WornSensor.of(slot, place.placement, choreography.side, choreography.worn)
            if places.setdefault(slot, worn) != worn:
                raise ValueError(
                    f"{choreography.template.id} wears the sensor {slot!r} elsewhere than an "
                    "exercise before it; simulate them as two sessions."
                )
    return places


def _true_set(
    set_index: int,
    one: _Set,
    angles: Float64,
    pelvis: Float64,
    softness: Float64,
    t_s: Float64,
    sensors: Mapping[str, StrappedSensor],
) -> TrueSet:
    choreography = one.choreography
    rows = slice(one.first, one.last)
    found = body.orientations(angles[rows], pelvis[rows], choreography.segments.values())
    bones = {slot: found[segment] for slot, segment in choreography.segments.items()}
    carried = {slot: sensors[slot].carried(q, softness[rows]) for slot, q in bones.items()}
    t = t_s[rows]
    angle_deg = choreography.angle_deg(bones)
    sensor_deg = choreography.angle_deg(carried)
    repetitions = tuple(
        _true_repetition(set_index, index, each, choreography, t, angle_deg, sensor_deg, bones)
        for index, each in enumerate(one.done, 1)
    )
    return TrueSet(float(t[0]), one.last / FINE_HZ, t, angle_deg, repetitions)


def _true_repetition(
    set_index: int,
    index: int,
    done: _Done,
    choreography: Choreography,
    t_s: Float64,
    angle_deg: Float64,
    sensor_deg: Float64,
    bones: Mapping[str, Float64],
) -> TrueRepetition:
    planned, template = done.planned, choreography.template
    first = int(np.searchsorted(t_s, done.start_s - 0.5 / FINE_HZ))
    over_s = done.start_s + planned.whole_s - planned.rest_s
    last = min(len(t_s), int(np.searchsorted(t_s, over_s)) + 1)
    t = t_s[first:last]
    above = angle_deg[first:last] - angle_deg[first]
    sign = -1.0 if float(above[np.argmax(np.abs(above))]) < 0.0 else 1.0
    above = sign * above
    way = int(sign) if template.direction == "both" else 1
    seen = float(above.max()) >= template.range.count_from_deg and way == sign
    if not seen:
        # What the other limb does has the same times.
        above = planned.range_deg * planned.shares(t - done.start_s)
    top = float(above.max())
    start_s, end_s = _crossings(t, above, BAND * top)
    up_s, down_s = _crossings(t, above, plateau_deg(top))
    active_from_s, active_to_s = _crossings(t, above, ACTIVE_FROM * top)
    plateau = np.flatnonzero(above >= top - 1e-9)
    values = {
        "range_deg": top,
        "start_s": start_s,
        "peak_s": float(t[plateau].mean()),
        "end_s": end_s,
        "out_s": up_s - start_s,
        "hold_s": down_s - up_s,
        "back_s": end_s - down_s,
        "active_s": active_to_s - active_from_s,
    }
    sagged = False
    if template.band is not None:
        held, sagged = _held(t, above, template.band)
        values |= held
        values["back_s"] = end_s - values["start_s"] - values["hold_s"]
        values["active_s"] = end_s - values["start_s"]
    within = (t >= start_s) & (t <= end_s)
    compensations = choreography.compensations_deg(
        {slot: q[first:last][within] for slot, q in bones.items()}
    )
    seen_by = sign * (sensor_deg[first:last] - sensor_deg[first])
    return TrueRepetition(
        set_index=set_index,
        index=index,
        way=way,
        mirrored=planned.mirrored,
        seen=seen,
        sensor_range_deg=range_of(seen_by, template.band),
        sagged=sagged,
        compensations=compensations,
        faults=_faults(template, values, sagged, compensations),
        intended=planned.intended,
        **values,
    )


def range_of(above: Float64, band: HoldBand | None) -> float:
    """The highest angle; of a hold the median within its band."""
    if band is None:
        return float(above.max())
    within = above[np.abs(above - band.target_deg) <= band.band_deg]
    return float(np.median(within)) if len(within) else float(above.max())


def _crossings(t: Float64, above: Float64, level: float) -> tuple[float, float]:
    """Times at which a curve first rises above a level and last falls below it."""
    inside = np.flatnonzero(above > level)
    rise, fall = int(inside[0]), int(inside[-1])
    times = []
    for out, within in ((rise - 1, rise), (fall + 1, fall)):
        out = min(max(out, 0), len(t) - 1)
        span = above[within] - above[out]
        share = 1.0 if span == 0.0 else (level - above[out]) / span
        times.append(float(t[out] + share * (t[within] - t[out])))
    return times[0], times[1]


def _held(t: Float64, above: Float64, band: HoldBand) -> tuple[dict[str, float], bool]:
    """What a hold amounts to: when it was entered, its time in the band with short absences, the
    median there; and whether it was left for longer and entered again."""
    within = np.abs(above - band.target_deg) <= band.band_deg
    steps = np.flatnonzero(np.diff(within.astype(int)))
    edges = []
    for step in steps:
        low, high = above[step], above[step + 1]
        level = band.target_deg + math.copysign(band.band_deg, 0.5 * (low + high) - band.target_deg)
        edges.append(float(t[step] + (level - low) / (high - low) * (t[step + 1] - t[step])))
    entered, left = edges[::2], edges[1::2]
    hold_s = sum(out - into for into, out in zip(entered, left, strict=True))
    absences = [into - out for out, into in zip(left[:-1], entered[1:], strict=True)]
    hold_s += sum(gap for gap in absences if gap <= LONGEST_ABSENCE_S)
    held = {
        "start_s": entered[0],
        "hold_s": hold_s,
        "out_s": 0.0,
        "range_deg": float(np.median(above[within])),
    }
    return held, any(gap > LONGEST_ABSENCE_S for gap in absences)


def _faults(
    template: ExerciseTemplate,
    values: Mapping[str, float],
    sagged: bool,
    compensations: Mapping[str, float],
) -> tuple[str, ...]:
    """The template's rules applied to true values, in the engine's words and order."""
    target, tempo = template.range, template.tempo
    found = []
    if template.band is not None:
        found += [Fault.SAGGING] if sagged else []
    else:
        found += [Fault.RANGE_SHORT] if values["range_deg"] < target.minimum_deg else []
        found += [Fault.RANGE_OVER] if values["range_deg"] > target.limit_deg else []
        parts = (("out_s", tempo.out_s), ("back_s", tempo.back_s), ("active_s", tempo.active_s))
        hurried = any(part is not None and values[name] < part[0] for name, part in parts)
        found += [Fault.TOO_FAST] if hurried else []
    if tempo.hold_s is not None and values["hold_s"] < tempo.hold_s[0]:
        found.append(Fault.HOLD_SHORT)
    names = [str(rule) for rule in found]
    notes = {str(rule) for rule, side in template.rules.items() if side is Judging.NOTE}
    names = [name for name in names if name not in notes]
    names += [
        f"compensation:{each.name}"
        for each in template.compensations
        if compensations[each.name] > each.limit_deg
    ]
    return tuple(names)
