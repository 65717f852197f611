"""Time a sample takes: the whole tracker, live and in one go, beside the package `vqf`.

Signals are made here, so that no recording is needed. `vqf` does a part of the work, orientation,
and is the yardstick because everyone can run it on their own machine.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks import peers
from benchmarks.replaying import WATERMARKS_PER_S, in_order
from benchmarks.report import Report, Table, Track, number
from motion import quaternion
from motion.calibration import Calibration
from motion.events import RepetitionEvent
from motion.learning import learn
from motion.orientation import OrientationFilter
from motion.samples import Samples
from motion.template import ExerciseTemplate
from motion.tracker import Tracker

Float64 = NDArray[np.float64]

NAME: Final = "speed"

RATE_HZ: Final = 100.0
DURATION_S: Final = 180.0
# Timed by turns, ours and peers, so that other work on the machine disturbs all alike; what
# counts is the fastest of a few rounds, as nothing makes a program faster than it is.
ROUNDS: Final = 9

# One repetition: out and back in SWING_S, then still until EVERY_S.
SWING_S: Final = 3.0
EVERY_S: Final = 4.0
RANGE_DEG: Final = 80.0
STANDARD_GRAVITY_MPS2: Final = 9.80665
# Noise of a wearable sensor at 100 Hz.
GYR_NOISE_RADPS: Final = 0.003
ACC_NOISE_MPS2: Final = 0.03

# The segment's z axis, to the right, is the one that flexion turns about.
AXIS: Final = np.array([0.0, 0.0, 1.0])


def swinging(slot: str, share: float, duration_s: float, seed: int) -> Samples:
    """A sensor on a limb that hangs down and swings forward again and again.

    share: how much of the movement this sensor makes. Its axes are those of the segment, y up.
    """
    t_s = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    within_s = np.minimum(np.mod(t_s, EVERY_S), SWING_S)
    phase = 2.0 * math.pi * within_s / SWING_S
    half_rad = -0.5 * math.radians(share * RANGE_DEG)
    turned = half_rad * (1.0 - np.cos(phase))
    rate = half_rad * np.sin(phase) * 2.0 * math.pi / SWING_S
    q = quaternion.from_rotation_vectors(turned[:, None] * AXIS)
    up = np.broadcast_to([0.0, STANDARD_GRAVITY_MPS2, 0.0], (len(t_s), 3))
    acc = quaternion.rotated(q * np.array([1.0, -1.0, -1.0, -1.0]), up)
    noise = np.random.default_rng(seed)
    gyr = rate[:, None] * AXIS + GYR_NOISE_RADPS * noise.standard_normal((len(t_s), 3))
    acc += ACC_NOISE_MPS2 * noise.standard_normal((len(t_s), 3))
    return Samples.of(slot, t_s, acc, gyr)


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of exercise and the signals of its sensors."""

    name: str
    template: ExerciseTemplate
    samples: dict[str, Samples]
    calibration: Calibration | None = None

    @property
    def total(self) -> int:
        """Samples of all sensors."""
        return sum(len(one) for one in self.samples.values())


def cases(duration_s: float) -> list[Case]:
    """A watch, a movement learned on three sensors, a joint without and with calibration."""

    def signals(shares: dict[str, float]) -> dict[str, Samples]:
        return {
            slot: swinging(slot, share, duration_s, seed)
            for seed, (slot, share) in enumerate(shares.items())
        }

    watch = signals({"wrist": 1.0})
    limb = signals({"hand": 1.0, "forearm": 0.7, "upper_arm": 0.4})
    joint = signals({"thigh": 0.2, "shank": 1.0})
    calibration = Calibration(dict.fromkeys(joint, (1.0, 0.0, 0.0, 0.0)), 2.0)
    learned = learn(limb, [(EVERY_S, EVERY_S + SWING_S)])
    knee = _joint_template()
    return [
        Case("dominant (a watch)", ExerciseTemplate.load("watch-abduction"), watch),
        Case("learned", learned, limb),
        Case("joint", knee, joint),
        Case("joint, calibrated", knee, joint, calibration),
    ]


def _joint_template() -> ExerciseTemplate:
    return ExerciseTemplate.from_document(
        {
            "id": "knee",
            "version": 1,
            "name": "Bend the knee",
            "region": "knee",
            "position": "standing",
            "sensors": {"thigh": {"placement": "thigh"}, "shank": {"placement": "shank"}},
            "movement": {
                "kind": "joint", "proximal": "thigh", "distal": "shank", "axis": "flexion",
            },
            "range": {"count_from_deg": 15, "minimum_deg": 40, "goal_deg": 60, "limit_deg": 120},
            "tempo": {"out_s": [0.5, 6.0], "back_s": [0.5, 6.0]},
            "compensations": [
                {"name": "thigh_tilt", "segment": "thigh", "limit_deg": 40, "cue": "Still thigh"}
            ],
        },
        source="speed",
    )  # fmt: skip


def live(case: Case, *, angles: bool) -> int:
    """Track with a watermark every 100 ms, as a live session does; the repetitions counted."""
    tracker = Tracker(case.template, case.calibration, angles=angles)
    counted = 0
    for one in in_order(case.samples):
        if isinstance(one, Samples):
            tracker.push(one)
        else:
            counted += _repetitions(tracker.advance(one.t_s))
    return counted + _repetitions(tracker.finish())


def at_once(case: Case) -> int:
    """Track with one watermark at the end; the repetitions counted."""
    tracker = Tracker(case.template, case.calibration)
    for one in case.samples.values():
        tracker.push(one)
    return _repetitions(tracker.finish())


def _repetitions(events: Sequence[Any]) -> int:
    return sum(isinstance(event, RepetitionEvent) for event in events)


class Stopwatch:
    """The fastest time of each task in seconds, and what it returned last."""

    def __init__(self) -> None:
        self.fastest_s: dict[str, float] = {}
        self.results: dict[str, Any] = {}

    def time(self, name: str, task: Callable[[], Any]) -> None:
        """Do the task once more; its time is kept if it is the fastest."""
        began = time.perf_counter()
        self.results[name] = task()
        took_s = time.perf_counter() - began
        self.fastest_s[name] = min(took_s, self.fastest_s.get(name, math.inf))


def orientation_tasks(samples: Samples) -> dict[str, Callable[[], Any]]:
    """Orientation alone: ours in one call, `vqf` in one call, `vqf` with one call a sample."""
    gyr, acc = peers.readings(samples)
    vqf = peers.load("vqf").VQF
    period_s = 1.0 / RATE_HZ

    def singly() -> None:
        update = vqf(period_s).update
        for row in range(len(gyr)):
            update(gyr[row], acc[row])

    return {
        "ours": lambda: OrientationFilter(period_s).update(gyr, acc),
        "vqf": lambda: vqf(period_s).updateBatch(gyr, acc),
        "vqf_singly": singly,
    }


def tracker_tasks(case: Case) -> dict[str, Callable[[], int]]:
    """The whole tracker; each task returns the repetitions counted."""
    return {
        "live": partial(live, case, angles=False),
        "angles": partial(live, case, angles=True),
        "at_once": partial(at_once, case),
    }


def run(track: Track, *, duration_s: float = DURATION_S, rounds: int = ROUNDS) -> Report:
    """Time everything `rounds` times; raises BenchmarkError when the peer is missing."""
    tracked = cases(duration_s)
    watch = tracked[0].samples["wrist"]
    tasks: dict[str, Callable[[], Any]] = dict(orientation_tasks(watch))
    for case in tracked:
        # What warming up left out is compiled now, before anything is timed.
        live(case, angles=True)
        tasks |= {f"{case.name}/{name}": task for name, task in tracker_tasks(case).items()}
    stopwatch = Stopwatch()
    for _ in track(range(rounds), NAME):
        for name, task in tasks.items():
            stopwatch.time(name, task)
    return _report(tracked, len(watch), stopwatch, duration_s, rounds)


def _report(
    tracked: Sequence[Case], samples: int, stopwatch: Stopwatch, duration_s: float, rounds: int
) -> Report:
    orientation_us = {
        name: 1e6 * stopwatch.fastest_s[name] / samples for name in ("ours", "vqf", "vqf_singly")
    }
    vqf_us = orientation_us["vqf"]
    alone = Table(
        "speed: orientation alone, microseconds a sample",
        ["filter", "time", "times vqf"],
        [
            [label, number(orientation_us[name], 3), number(orientation_us[name] / vqf_us)]
            for name, label in (
                ("ours", "ours, one call in all"),
                ("vqf", "vqf, one call in all"),
                ("vqf_singly", "vqf, one call a sample"),
            )
        ],
    )
    rows = []
    figures: dict[str, Any] = {}
    for case in tracked:
        figure: dict[str, Any] = {
            "sensors": len(case.samples),
            "counted": stopwatch.results[f"{case.name}/live"],
        }
        cells = [case.name, str(figure["sensors"]), str(figure["counted"])]
        for name in ("live", "angles", "at_once"):
            took_us = 1e6 * stopwatch.fastest_s[f"{case.name}/{name}"] / case.total
            figure |= {f"{name}_us": took_us, f"{name}_times_vqf": took_us / vqf_us}
            cells += [number(took_us), number(took_us / vqf_us, 1)]
        rows.append(cells)
        figures[case.name] = figure
    whole = Table(
        "speed: the whole tracker, microseconds a sample of one sensor",
        [
            "exercise", "sensors", "counted", "live", "times vqf", "with angles", "times vqf",
            "at once", "times vqf",
        ],
        rows,
    )  # fmt: skip
    definitions = [
        f"The fastest of {rounds} rounds, in each of which everything has its turn, on "
        f"{duration_s:g} s of made signals: {RATE_HZ:g} Hz, a repetition every {EVERY_S:g} s. "
        "Times are divided by the samples of all sensors together.",
        f"Live: samples pushed and advanced with a watermark every {1000 / WATERMARKS_PER_S:g} "
        "ms; with angles: an angle event for every sample of the first sensor too; at once: "
        "everything pushed, one watermark at the end. The tracker sifts, orients and aligns the "
        "sensors, finds the angle, segments, measures and judges; counted says that it did.",
        "Times vqf: as a multiple of the C++ filter of the package vqf in the same run, six axes, "
        "default parameters, all samples of one sensor in one call, which is orientation and "
        "nothing else. One call a sample is how a program in Python has to call it live.",
    ]
    return Report(
        NAME, [alone, whole], definitions, {"orientation_us": orientation_us, "tracker": figures}
    )
