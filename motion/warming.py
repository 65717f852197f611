"""Compiles, or loads from the cache, every kernel before the first sample needs it.

A cold compile takes the better part of a minute; a server must not say that it is ready before,
and a person at a terminal wants to see what happens.
"""

import math
from collections.abc import Iterator

import numpy as np

from motion.calibration import Calibration
from motion.samples import Samples
from motion.stream import SensorStream
from motion.template import ExerciseTemplate
from motion.tracker import Tracker

_RATE_HZ = 50.0


def _swings(sensor: str, seconds: float) -> Samples:
    """A sensor that rests, then swings by 60 degrees about its x axis, three seconds a swing."""
    t = np.arange(int(seconds * _RATE_HZ)) / _RATE_HZ
    moving = np.maximum(t - 1.0, 0.0)
    phase = 2.0 * math.pi * moving / 3.0
    angle = math.radians(30.0) * (1.0 - np.cos(phase))
    rate = np.where(t > 1.0, math.radians(30.0) * np.sin(phase) * 2.0 * math.pi / 3.0, 0.0)
    zero = np.zeros_like(t)
    acc = 9.81 * np.stack([zero, np.sin(angle), np.cos(angle)], axis=1)
    gyr = np.stack([rate, zero, zero], axis=1)
    return Samples.of(sensor, t, acc, gyr)


def _template(movement: dict[str, object], slots: list[str]) -> ExerciseTemplate:
    return ExerciseTemplate.from_document(
        {
            "id": "warming",
            "version": 1,
            "name": "Warming up",
            "region": "other",
            "position": "any",
            "sensors": {slot: {"placement": "none"} for slot in slots},
            "movement": movement,
            "range": {"count_from_deg": 10, "minimum_deg": 20, "goal_deg": 30, "limit_deg": 90},
            "compensations": [
                {"name": "sway", "segment": slots[0], "axis": "tilt", "limit_deg": 90, "cue": "-"}
            ],
        },
        source="warming",
    )


def _track(template: ExerciseTemplate, calibration: Calibration | None = None) -> None:
    tracker = Tracker(template, calibration)
    for slot in template.slots:
        tracker.push(_swings(slot, 9.0))
    tracker.advance(8.0)
    tracker.finish()


def warmup() -> Iterator[str]:
    """Take the steps one by one; each is named before it is taken."""
    yield "orientation"
    stream = SensorStream("one")
    stream.push(_swings("one", 1.0))
    stream.advance(math.inf, last=True)
    yield "axis of a movement"
    _track(_template({"kind": "dominant", "sensor": "one"}, ["one"]))
    yield "angles of two sensors"
    _track(
        _template(
            {"kind": "joint", "proximal": "two", "distal": "one", "axis": "flexion"},
            ["one", "two"],
        )
    )
    yield "calibrated joints and holds"
    pair = ["pelvis", "thorax"]
    straight = Calibration(dict.fromkeys(pair, (1.0, 0.0, 0.0, 0.0)), 1.0)
    joint: dict[str, object] = {
        "kind": "joint",
        "proximal": "pelvis",
        "distal": "thorax",
        "axis": "flexion",
    }
    _track(_template(joint, pair), straight)
    segment = _template({"kind": "segment", "segment": "pelvis", "axis": "flexion"}, ["pelvis"])
    _track(segment, straight)
    held = segment.document() | {
        # The way that the limb swings, so that a hold is measured.
        "movement": {"kind": "hold", "segment": "pelvis", "axis": "bend_right"},
        "range": {"target_deg": 40, "band_deg": 20},
        "compensations": [],
    }
    _track(ExerciseTemplate.from_document(held, source="warming"), straight)
    both = segment.document() | {
        "movement": {"kind": "segment", "segment": "pelvis", "axis": "bend_left"},
        "direction": "both",
    }
    _track(ExerciseTemplate.from_document(both, source="warming"), straight)
    yield "repetitions"
    learned = {"axis": [1.0, 0.0, 0.0], "start_up": [0.0, 0.0, 1.0]}
    _track(_template({"kind": "learned", "coordinate": "tilt", "axes": {"one": learned}}, ["one"]))
