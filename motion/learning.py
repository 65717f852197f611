"""A template from demonstrated repetitions: which sensors, which axes, how far, how fast.

Orientations may warm up on the whole recording; axes, range and tempo come from the given
intervals alone. What a template is stands in `template`; tracking by it is `tracker`'s.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from motion import repetition as rep
from motion.angle import AngleModel
from motion.axis import rotation_vectors, tilt_vectors, up_vector
from motion.errors import LearningError, LearningFault
from motion.quality import reach_deg
from motion.samples import Samples
from motion.stream import SensorStream
from motion.template import ExerciseTemplate, LearnedMovement

Float64 = NDArray[np.float64]

# The margins below were chosen on three people x eight exercises, one person left out at a time;
# the experiment log has the table.
# A movement counts from this share of the demonstrated excursion: anything from 0.15 to 0.22 gives
# the same counts.
COUNT_FROM_SHARE: Final = 0.18
# Short is what stays below this share of the demonstrated range, or reach.
MINIMUM_SHARE: Final = 0.82
# The aim is the demonstration, less what two measurements of one movement differ by.
GOAL_SHARE: Final = 0.95
# Beyond this share it is another movement, or harmful.
LIMIT_SHARE: Final = 1.6
# Too fast is what takes less than this share of the demonstrated time, too slow more than that.
FASTEST_SHARE: Final = 0.57
SLOWEST_SHARE: Final = 2.0
# Sensors that turn less than this share of the main one carry noise, not the movement.
LEAST_SHARE: Final = 0.05
# When inclination shows less than half of the rotation, the movement is about the vertical.
TILT_SHARE: Final = 0.5
# Start and end pose are means over this share of the interval.
ENDS_SHARE: Final = 0.05
# Less than this is no demonstration: five times the noise of an angle.
LEAST_MOVEMENT_DEG: Final = 5.0
SHORTEST_INTERVAL_S: Final = 0.5
# Stillness appended to an interval, so that a return cut short comes to its end.
TAIL_S: Final = 2.0

# What a therapist should know who opens a learned template.
COMMENTS: Final = {
    "movement": (
        "Directions that the demonstration gave, in the sensors' own frames: leave them as they "
        "are."
    ),
    "range": (
        "Degrees. Less than count_from_deg above the rest before, nothing happened; a repetition\n"
        "below minimum_deg counts and is too small; goal_deg is the aim; beyond limit_deg it goes\n"
        "too far. Change these to what the patient should reach. measured_from start: these three\n"
        "are how far beyond the demonstrated start the movement turns; rest: above the rest before."
    ),
    "tempo": (
        "Shortest and longest time in seconds. active_s is the time above a fifth of the range;\n"
        "out_s, hold_s and back_s can be prescribed as well."
    ),
}


@dataclass(slots=True)
class _Demonstrated:
    """Orientations of all sensors within one interval, at the sample times of the first."""

    t: Float64
    q: dict[str, Float64]


def learn(
    samples: Mapping[str, Samples],
    intervals: Sequence[tuple[float, float]],
    *,
    sensor: str | None = None,
    template_id: str = "learned",
    name: str = "Learned exercise",
    reference: Literal["prescription", "own"] = "prescription",
) -> ExerciseTemplate:
    """Make a template from demonstrated repetitions.

    samples: a recording's samples by slot. intervals: (from, to) in seconds of one whole
    repetition each, from rest to rest. sensor: use this slot alone. reference: what a range is too
    small against, as `template.RangeOfMotion` says. Raises LearningError.
    """
    chosen = _chosen(samples, sensor)
    if not intervals:
        raise LearningError(LearningFault.INTERVAL, "Give at least one interval with --from, --to.")
    oriented = {slot: _oriented(chosen[slot]) for slot in chosen}
    for slot, (t, _) in oriented.items():
        if len(t) == 0:
            raise LearningError(
                LearningFault.NO_SENSOR,
                f"The sensor {slot!r} holds no usable samples; leave it out with --sensor.",
            )
    demonstrated = [_cut(oriented, start, end) for start, end in intervals]
    starts = {slot: _start_up(demonstrated, slot) for slot in oriented}
    rotation = _about_the_vertical(demonstrated, starts)
    axes = _axes(demonstrated, starts, rotation=rotation)
    main = max(axes, key=lambda slot: float((axes[slot] ** 2).sum()))
    unit = math.sqrt(float((axes[main] ** 2).sum()))
    learned = {
        slot: {
            "axis": _rounded(axes[slot] / unit, 4),
            "start_up": _rounded(starts[slot], 4),
        }
        for slot in sorted(axes, key=lambda slot: -float((axes[slot] ** 2).sum()))
        if math.sqrt(float((axes[slot] ** 2).sum())) >= LEAST_SHARE * unit
    }
    document: dict[str, Any] = {
        "id": template_id,
        "version": 1,
        "name": name,
        "region": "other",
        "position": "any",
        "sensors": {slot: {"placement": "as in the demonstration"} for slot in learned},
        "movement": {
            "kind": "learned",
            "coordinate": "rotation" if rotation else "tilt",
            "axes": learned,
            "poses": {slot: _rounded(starts[slot], 4) for slot in starts if slot not in learned},
        },
        "range": {"count_from_deg": 1, "minimum_deg": 1, "goal_deg": 1, "limit_deg": 360},
    }
    draft = ExerciseTemplate.from_document(document, source="learned template")
    measured = [_measured(draft, part) for part in demonstrated]
    excursion = min(m.excursion_deg for m in measured)
    range_deg = _median([m.range_deg for m in measured])
    active_s = _median([m.active_s for m in measured])
    if range_deg < LEAST_MOVEMENT_DEG:
        raise LearningError(
            LearningFault.NO_MOVEMENT,
            f"The sensors turn by {range_deg:.1f} degrees in the interval; choose one that holds "
            "a whole repetition.",
        )
    document["range"] = {
        "count_from_deg": round(COUNT_FROM_SHARE * excursion, 1),
        "minimum_deg": round(MINIMUM_SHARE * range_deg, 1),
        "goal_deg": round(GOAL_SHARE * range_deg, 1),
        "limit_deg": round(min(LIMIT_SHARE * range_deg, 360.0), 1),
        "measured_from": "rest" if rotation else "start",
        "reference": reference,
    }
    document["tempo"] = {
        "active_s": [round(FASTEST_SHARE * active_s, 2), round(SLOWEST_SHARE * active_s, 2)]
    }
    document["cannot_see"] = (
        "Movements of body parts that carry no sensor, and differences from the demonstration "
        "that turn no sensor."
    )
    told = ", ".join(f"{start:g}-{end:g} s" for start, end in intervals)
    what = "range" if rotation else "reach"
    document["derived_from"] = (
        f"demonstration at {told}: {what} {range_deg:.1f} degrees, active for {active_s:.2f} s"
    )
    return ExerciseTemplate.from_document(document, source="learned template")


def _chosen(samples: Mapping[str, Samples], sensor: str | None) -> dict[str, Samples]:
    if not samples:
        raise LearningError(LearningFault.NO_SENSOR, "The recording holds no sensor.")
    if sensor is None:
        return dict(samples)
    if sensor not in samples:
        raise LearningError(
            LearningFault.NO_SENSOR,
            f"The recording has no sensor {sensor!r}; it has {', '.join(sorted(samples))}.",
        )
    return {sensor: samples[sensor]}


def _oriented(samples: Samples) -> tuple[Float64, Float64]:
    stream = SensorStream(samples.sensor)
    stream.push(samples)
    stream.advance(math.inf, last=True)
    return stream.oriented["t"], stream.oriented["q"]


def _cut(
    oriented: Mapping[str, tuple[Float64, Float64]], start_s: float, end_s: float
) -> _Demonstrated:
    if not (math.isfinite(start_s) and math.isfinite(end_s)):
        raise LearningError(LearningFault.INTERVAL, "An interval needs two times in seconds.")
    if end_s - start_s < SHORTEST_INTERVAL_S:
        raise LearningError(
            LearningFault.INTERVAL,
            f"The interval {start_s:g}-{end_s:g} s is too short or reversed; give the start and "
            "the end of one whole repetition.",
        )
    first_s = max(t[0] for t, _ in oriented.values())
    last_s = min(t[-1] for t, _ in oriented.values())
    # The clocks of sensors differ by up to a sample at both ends.
    if start_s < first_s - 0.1 or end_s > last_s + 0.1:
        raise LearningError(
            LearningFault.INTERVAL,
            f"The interval {start_s:g}-{end_s:g} s lies outside the recording, which has all "
            f"sensors from {first_s:.2f} to {last_s:.2f} s.",
        )
    times = next(iter(oriented.values()))[0]
    t = times[(times >= start_s) & (times <= end_s)]
    if len(t) < 5:
        raise LearningError(
            LearningFault.INTERVAL,
            f"The interval {start_s:g}-{end_s:g} s holds only {len(t)} samples; choose another.",
        )
    # The nearest sample is good enough: axes and ranges do not hang on half a sample.
    q = {}
    for slot, (own_t, own_q) in oriented.items():
        right = np.clip(np.searchsorted(own_t, t), 1, len(own_t) - 1)
        nearest = np.where(t - own_t[right - 1] < own_t[right] - t, right - 1, right)
        q[slot] = np.ascontiguousarray(own_q[nearest])
    return _Demonstrated(t, q)


def _ups(q: Float64) -> Float64:
    ups = np.empty((len(q), 3))
    for i in range(len(q)):
        up_vector(q[i], ups[i])
    return ups


def _start_up(demonstrated: Sequence[_Demonstrated], slot: str) -> Float64:
    total = np.zeros(3)
    for part in demonstrated:
        ups = _ups(part.q[slot])
        ends = max(2, int(ENDS_SHARE * len(ups)))
        total += ups[:ends].mean(axis=0) + ups[-ends:].mean(axis=0)
    mean: Float64 = total / np.linalg.norm(total)
    return mean


def _tilts(q: Float64, reference: Float64) -> Float64:
    tilts = np.empty((len(q), 3))
    tilt_vectors(q, reference, tilts)
    return tilts


def _rotations(q: Float64) -> Float64:
    vectors = np.empty((len(q), 3))
    rotation_vectors(q, q[0].copy(), vectors)
    return vectors


def _about_the_vertical(
    demonstrated: Sequence[_Demonstrated], starts: Mapping[str, Float64]
) -> bool:
    tilt = {slot: 0.0 for slot in starts}
    whole = {slot: 0.0 for slot in starts}
    for part in demonstrated:
        for slot in starts:
            tilts = np.linalg.norm(_tilts(part.q[slot], starts[slot]), axis=1)
            rotations = np.linalg.norm(_rotations(part.q[slot]), axis=1)
            tilt[slot] = max(tilt[slot], float(tilts.max()))
            whole[slot] = max(whole[slot], float(rotations.max()))
    most = max(whole, key=lambda slot: whole[slot])
    return max(tilt.values()) < TILT_SHARE * whole[most]


def _axes(
    demonstrated: Sequence[_Demonstrated], starts: Mapping[str, Float64], *, rotation: bool
) -> dict[str, Float64]:
    """First principal direction from rest of all sensors' rotations together, not weighted."""
    slots = list(starts)
    parts = []
    for part in demonstrated:
        columns = [
            _rotations(part.q[slot]) if rotation else _tilts(part.q[slot], starts[slot])
            for slot in slots
        ]
        parts.append(np.concatenate(columns, axis=1))
    vectors = np.concatenate(parts)
    _, directions = np.linalg.eigh(vectors.T @ vectors)
    direction = directions[:, -1]
    along = vectors @ direction
    if along[np.argmax(np.abs(along))] < 0:
        direction = -direction
    return {slot: direction[3 * i : 3 * i + 3] for i, slot in enumerate(slots)}


@dataclass(frozen=True, slots=True)
class _Measured:
    excursion_deg: float  # peak less the deeper of the two rests
    range_deg: float  # as it is judged: from the mean of the two rests, or the reach
    active_s: float


def _measured(template: ExerciseTemplate, part: _Demonstrated) -> _Measured:
    """What the engine itself makes of a demonstrated repetition."""
    q = np.concatenate([part.q[slot] for slot in template.slots], axis=1)
    model = AngleModel(template, None)
    model.begin(q[0])
    angle, _ = model.evaluate(part.t, q, np.full(len(q), part.t[0]))
    peak = int(np.argmax(angle))
    before = float(angle[: peak + 1].min())
    after = float(angle[peak:].min())
    excursion = float(angle[peak]) - min(before, after)
    step_s = float(np.median(np.diff(part.t)))
    tail = math.ceil(TAIL_S / step_s)
    t = np.concatenate([part.t, part.t[-1] + step_s * np.arange(1, tail + 1)])
    a = np.concatenate([angle, np.full(tail, angle[-1])])
    count_from = max(COUNT_FROM_SHARE * excursion, 1e-3)
    segmenter = rep.Segmenter(rep.SegmenterParameters(count_from_deg=count_from))
    rows, _ = segmenter.update(t, a, np.zeros(len(t), np.uint8), 0)
    rows = np.concatenate([rows, segmenter.finish(t, a, 0)])
    if not len(rows) or excursion < LEAST_MOVEMENT_DEG:
        raise LearningError(
            LearningFault.NO_MOVEMENT,
            f"No whole repetition is seen from {part.t[0]:.2f} to {part.t[-1]:.2f} s; choose an "
            "interval that begins and ends at rest.",
        )
    longest = rows[int(np.argmax(rows[:, rep.ROW_ROM]))]
    # The engine knows the rest before alone; a demonstration knows both.
    rest_deg = 0.5 * (before + after)
    range_deg = float(angle[peak]) - rest_deg
    tilt = isinstance(template.movement, LearnedMovement) and template.movement.coordinate == "tilt"
    return _Measured(
        excursion,
        reach_deg(rest_deg, range_deg) if tilt else range_deg,
        float(longest[rep.ROW_ACTIVE]),
    )


def _median(values: Sequence[float]) -> float:
    return float(np.median(values))


def _rounded(vector: Float64, digits: int) -> list[float]:
    return [round(float(part), digits) for part in vector]
