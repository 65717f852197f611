"""Synthetic recordings with a known truth: minimum-jerk repetitions about any axis, as sensors see
them, with rests, noise, bias, drift of heading and any rate. What the engine makes of them is the
tests' business.
"""

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motion.events import Event, RepetitionEvent, encode_lines
from motion.samples import Samples
from motion.session import Session
from motion.template import ExerciseTemplate
from motion.tracker import Tracker

Float64 = NDArray[np.float64]
Axis = tuple[float, float, float]
# The true angle in degrees at times (n,) in seconds.
Motion = Callable[[Float64], Float64]

GRAVITY = 9.81
X: Axis = (1.0, 0.0, 0.0)
Y: Axis = (0.0, 1.0, 0.0)
Z: Axis = (0.0, 0.0, 1.0)


@dataclass(frozen=True)
class Rep:
    """One repetition: `range_deg` out in `out_s`, held for `hold_s`, back in `back_s`."""

    start_s: float
    range_deg: float = 60.0
    out_s: float = 1.2
    hold_s: float = 0.3
    back_s: float = 1.2

    @property
    def over_s(self) -> float:
        return self.start_s + self.out_s + self.hold_s + self.back_s


@dataclass(frozen=True)
class Truth:
    """A repetition by the definition: 5 % crossings outside, 95 % crossings inside, or two
    degrees below the top."""

    start_s: float
    end_s: float
    out_s: float
    hold_s: float
    back_s: float
    active_s: float
    range_deg: float


def minimum_jerk(share: Float64) -> Float64:
    """Way made at a share (n,) of the time: 0 to 1."""
    x = np.clip(share, 0.0, 1.0)
    way: Float64 = x**3 * (10.0 - 15.0 * x + 6.0 * x**2)
    return way


def minimum_jerk_time(way: float) -> float:
    """Inverse of `minimum_jerk`, by halving."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        if float(minimum_jerk(np.array(middle))) < way:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


def truth(rep: Rep) -> Truth:
    """What a perfect engine would report of `rep`."""
    plateau = 1.0 - max(0.05, min(2.0 / rep.range_deg, 0.15))
    early, late = minimum_jerk_time(0.05), minimum_jerk_time(plateau)
    fifth = minimum_jerk_time(0.2)
    back_from = rep.start_s + rep.out_s + rep.hold_s
    start_s = rep.start_s + early * rep.out_s
    top_s = rep.start_s + late * rep.out_s
    leave_s = back_from + (1.0 - late) * rep.back_s
    end_s = back_from + (1.0 - early) * rep.back_s
    active_s = back_from + (1.0 - fifth) * rep.back_s - (rep.start_s + fifth * rep.out_s)
    return Truth(
        start_s, end_s, top_s - start_s, leave_s - top_s, end_s - leave_s, active_s, rep.range_deg
    )


def even(
    count: int,
    *,
    first_s: float = 2.0,
    every_s: float = 4.0,
    range_deg: float = 60.0,
    out_s: float = 1.2,
    hold_s: float = 0.3,
    back_s: float = 1.2,
) -> tuple[Rep, ...]:
    """`count` equal repetitions."""
    return tuple(Rep(first_s + every_s * k, range_deg, out_s, hold_s, back_s) for k in range(count))


def angle_deg(motion: Sequence[Rep] | Motion, t: Float64) -> Float64:
    """The true angle at times t (n,), of repetitions or of any motion."""
    if callable(motion):
        return motion(t)
    angle = np.zeros_like(t)
    for rep in motion:
        back_from = rep.start_s + rep.out_s + rep.hold_s
        way = minimum_jerk((t - rep.start_s) / rep.out_s)
        way -= minimum_jerk((t - back_from) / rep.back_s)
        angle += rep.range_deg * way
    return angle


def path(*points: tuple[float, float]) -> Motion:
    """Through points (time in s, angle in degrees), at a standstill in each, minimum-jerk between;
    before the first and after the last it stands still."""

    def motion(t: Float64) -> Float64:
        angle = np.full_like(t, points[0][1])
        for (from_s, from_deg), (to_s, to_deg) in itertools.pairwise(points):
            angle += (to_deg - from_deg) * minimum_jerk((t - from_s) / (to_s - from_s))
        return angle

    return motion


def total(*motions: Motion | Sequence[Rep]) -> Motion:
    """Several motions at once."""

    def motion(t: Float64) -> Float64:
        angle = np.zeros_like(t)
        for each in motions:
            angle += angle_deg(each, t)
        return angle

    return motion


def tremor(deg: float = 1.5, hz: float = 6.0) -> Motion:
    """A trembling of amplitude `deg` that never stops."""
    return lambda t: deg * np.sin(2.0 * math.pi * hz * t)


def creep(deg_per_min: float) -> Motion:
    """A rest position that drifts."""
    return lambda t: deg_per_min / 60.0 * t


def rotation(axis: Axis, angle_deg: float) -> Float64:
    """Quaternion (4,) of a rotation about `axis`."""
    half = math.radians(0.5 * angle_deg)
    unit = np.array(axis) / math.sqrt(sum(part * part for part in axis))
    return np.array([math.cos(half), *(math.sin(half) * unit)])


def product(p: Float64, q: Float64) -> Float64:
    """Quaternion product of (..., 4) and (..., 4)."""
    pw, px, py, pz = np.moveaxis(p, -1, 0)
    qw, qx, qy, qz = np.moveaxis(q, -1, 0)
    return np.stack(
        [
            pw * qw - px * qx - py * qy - pz * qz,
            pw * qx + px * qw + py * qz - pz * qy,
            pw * qy - px * qz + py * qw + pz * qx,
            pw * qz + px * qy - py * qx + pz * qw,
        ],
        axis=-1,
    )


def in_sensor(q: Float64, vector: Axis) -> Float64:
    """An earth vector in the frame of a sensor with orientations q (n, 4)."""
    conjugate = q * np.array([1.0, -1.0, -1.0, -1.0])
    pure = np.broadcast_to(np.array([0.0, *vector]), q.shape)
    return product(product(conjugate, pure), q)[..., 1:]


@dataclass(frozen=True)
class Worn:
    """A sensor on the limb.

    axis: the movement's axis in the sensor's frame. pose: orientation at rest, sensor to earth.
    share: how much of the angle this sensor makes. bias_dps, noise: of the gyroscope; the
    accelerometer's noise is a tenth of it in m/s2. drift_dpm: heading drift, degrees a minute.
    """

    slot: str = "one"
    axis: Axis = X
    pose: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 0.0)
    rate_hz: float = 50.0
    share: float = 1.0
    first_s: float = 0.0
    bias_dps: Axis = (0.0, 0.0, 0.0)
    noise_dps: float = 0.1
    drift_dpm: float = 0.0
    seed: int = 1

    def turned(self, by: Float64) -> "Worn":
        """The same movement with the sensor turned in its strap by the rotation (4,)."""
        conjugate = by * np.array([1.0, -1.0, -1.0, -1.0])
        x, y, z = product(product(conjugate, np.array([0.0, *self.axis])), by)[1:]
        w = product(np.array(self.pose), by)
        pose = (float(w[0]), float(w[1]), float(w[2]), float(w[3]))
        return replace(self, axis=(float(x), float(y), float(z)), pose=pose)


def record(motion: Sequence[Rep] | Motion, worn: Worn, last_s: float) -> Samples:
    """What the sensor delivers from its first sample until `last_s`."""
    t = worn.first_s + np.arange(math.ceil((last_s - worn.first_s) * worn.rate_hz)) / worn.rate_hz
    unit = np.array(worn.axis) / math.sqrt(sum(part * part for part in worn.axis))
    angle = worn.share * np.radians(angle_deg(motion, t))
    turned = np.concatenate(
        [np.cos(0.5 * angle)[:, None], np.sin(0.5 * angle)[:, None] * unit], axis=1
    )
    q = product(np.broadcast_to(np.array(worn.pose), turned.shape), turned)
    step = 0.25 / worn.rate_hz
    rate = np.radians(angle_deg(motion, t + step) - angle_deg(motion, t - step)) / (2.0 * step)
    noise = np.random.default_rng(worn.seed)
    gyr = worn.share * rate[:, None] * unit
    gyr += np.radians(worn.bias_dps)
    gyr += math.radians(worn.drift_dpm / 60.0) * in_sensor(q, Z)
    gyr += np.radians(worn.noise_dps) * noise.standard_normal((len(t), 3))
    acc = in_sensor(q, (0.0, 0.0, GRAVITY))
    acc += 0.1 * worn.noise_dps * noise.standard_normal((len(t), 3))
    return Samples.of(worn.slot, t, acc, gyr)


def between(samples: Samples, from_s: float, to_s: float) -> NDArray[np.bool_]:
    """Which samples lie from `from_s` on and before `to_s`."""
    inside: NDArray[np.bool_] = (samples.t_s >= from_s) & (samples.t_s < to_s)
    return inside


def keep(samples: Samples, chosen: NDArray[np.bool_]) -> Samples:
    """The chosen samples alone."""
    return Samples.of(
        samples.sensor, samples.t_s[chosen], samples.acc_mps2[chosen], samples.gyr_radps[chosen]
    )


def lost(samples: Samples, from_s: float, to_s: float) -> Samples:
    """As if the samples of a span never came."""
    return keep(samples, ~between(samples, from_s, to_s))


def damaged(samples: Samples, from_s: float, to_s: float, kind: str) -> Samples:
    """Samples of a span that came but cannot be trusted: `nan`, `frozen` or `saturated`."""
    acc, gyr = samples.acc_mps2.copy(), samples.gyr_radps.copy()
    rows = np.flatnonzero(between(samples, from_s, to_s))
    match kind:
        case "nan":
            gyr[rows] = math.nan
        case "frozen":
            acc[rows], gyr[rows] = acc[rows[0]], gyr[rows[0]]
        case "saturated":
            acc[rows, 0] = 16.0 * 9.80665
        case _:
            raise ValueError(kind)
    return Samples.of(samples.sensor, samples.t_s, acc, gyr)


def template(
    movement: dict[str, Any], slots: Sequence[str] = ("one",), **fields: Any
) -> ExerciseTemplate:
    """A template with the given movement and sensible other fields."""
    document: dict[str, Any] = {
        "id": "synthetic",
        "version": 1,
        "name": "Synthetic",
        "region": "other",
        "position": "any",
        "sensors": {slot: {"placement": "limb"} for slot in slots},
        "movement": movement,
        "range": {"count_from_deg": 15, "minimum_deg": 45, "goal_deg": 55, "limit_deg": 100},
        "tempo": {"active_s": [1.0, 6.0]},
    }
    return ExerciseTemplate.from_document({**document, **fields}, source="test")


Feed = Tracker | Session
# What lies between two watermarks: samples of all sensors, then the watermark.
Slice = tuple[list[Samples], float]
# How the samples of a slice are handed over: in which pieces, in which order.
Delivery = Callable[[list[Samples]], Iterable[Samples]]


def slices(
    samples: Sequence[Samples], *, every_s: float = 0.1, behind_s: float = 0.0
) -> list[Slice]:
    """A watermark every so often, `behind_s` behind the newest sample, with the samples before it.

    The last slice holds what remains; its watermark is infinite and stands for the end.
    """
    first_s = min((float(one.t_s[0]) for one in samples if len(one)), default=0.0)
    last_s = max((float(one.t_s[-1]) for one in samples if len(one)), default=0.0)
    count = math.floor(first_s / every_s) + 1
    moments = []
    while count * every_s <= last_s:
        moments.append(count * every_s)
        count += 1
    cut = []
    done = [0] * len(samples)
    for until_s in [*moments, math.inf]:
        parts = []
        for number, one in enumerate(samples):
            stop = int(np.searchsorted(one.t_s, until_s, "right"))
            parts.append(one.rows(done[number], stop))
            done[number] = stop
        cut.append((parts, until_s - behind_s))
    return cut


def feed(
    tracker: Feed,
    samples: Iterable[Samples],
    *,
    every_s: float = 0.1,
    behind_s: float = 0.0,
    finish: bool = True,
    delivery: Delivery = list,
) -> list[Event]:
    """Everything in order with a watermark every so often, as a recording without log is fed."""
    events: list[Event] = []
    for parts, until_s in slices(list(samples), every_s=every_s, behind_s=behind_s):
        for part in delivery(parts):
            events += tracker.push(part)
        if until_s < math.inf:
            events += tracker.advance(until_s)
    if finish:
        events += tracker.finish()
    return events


def one_by_one(parts: list[Samples]) -> Iterable[Samples]:
    """Sample by sample in the order of their times, as sensors send them."""
    rows = [(float(t), part, at) for part in parts for at, t in enumerate(part.t_s)]
    for _, part, at in sorted(rows, key=lambda row: row[0]):
        yield part.rows(at, at + 1)


def sensor_by_sensor(parts: list[Samples]) -> Iterable[Samples]:
    """The last sensor first, each sample by sample from the newest back."""
    for part in reversed(parts):
        for at in reversed(range(len(part))):
            yield part.rows(at, at + 1)


def in_chunks(seed: int) -> Delivery:
    """Random chunks, now of one sensor, now of another, some of them empty."""
    random = np.random.default_rng(seed)

    def delivery(parts: list[Samples]) -> Iterable[Samples]:
        left = [part for part in parts if len(part)]
        while left:
            number = int(random.integers(len(left)))
            part = left[number]
            count = int(random.integers(1 + len(part)))
            yield part.rows(0, count)
            left[number] = part.rows(count, len(part))
            if not len(left[number]):
                del left[number]

    return delivery


def feed_restoring(
    tracker: Tracker, samples: Iterable[Samples], *, each: int = 100, behind_s: float = 0.0
) -> list[Event]:
    """As `feed`, one by one, with the tracker replaced by its snapshot at every so many samples."""
    events: list[Event] = []
    count = 0
    for parts, until_s in slices(list(samples), behind_s=behind_s):
        for part in one_by_one(parts):
            events += tracker.push(part)
            count += 1
            if count % each == 0:
                tracker = Tracker.restore(tracker.state())
        if until_s < math.inf:
            events += tracker.advance(until_s)
    return events + tracker.finish()


def repetitions(events: Iterable[Event]) -> list[RepetitionEvent]:
    """The repetitions among the events."""
    return [event for event in events if isinstance(event, RepetitionEvent)]


def lines(events: Iterable[Event]) -> list[str]:
    """Events to the last bit, one text each, for a readable difference."""
    return encode_lines(events).decode().splitlines()
