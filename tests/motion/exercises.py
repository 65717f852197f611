"""One exercise of each kind with a recording of it, which holds what recordings hold: rests, a
fidget, a partial repetition, a silence, doubtful samples. What must come of it is the tests'.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from motion.calibration import Calibration
from motion.samples import Samples
from motion.template import ExerciseTemplate
from motion.tracker import Tracker
from tests.motion.movement import (
    Axis,
    Float64,
    Motion,
    Worn,
    X,
    Z,
    damaged,
    lost,
    path,
    product,
    record,
    rotation,
    template,
    total,
    tremor,
)

# Segments hang or stand with their y axis up; flexion turns them about their negative z axis.
FLEXION: Axis = (0.0, 0.0, -1.0)
UPRIGHT = (math.sqrt(0.5), math.sqrt(0.5), 0.0, 0.0)
# Some way to strap a sensor on.
STRAP = product(rotation(X, 40.0), rotation((0.3, -0.5, 0.8), 130.0))
OTHER_STRAP = product(rotation(Z, -75.0), rotation((1.0, 0.2, 0.1), 65.0))


def everyday(tremor_deg: float = 0.3) -> Motion:
    """Five repetitions with a fidget, one that stays partial, a bounce and a pause among them."""
    return total(
        path(
            (2.0, 0.0), (3.1, 62.0), (3.3, 62.0), (4.4, 0.0),
            (5.0, 0.0), (5.3, 6.0), (5.7, 0.0),
            (6.5, 0.0), (7.5, 55.0), (7.9, 40.0), (8.4, 66.0), (9.5, 9.0), (10.6, 60.0),
            (11.7, 0.0),
            (13.0, 0.0), (13.8, 40.0), (17.5, 40.0), (18.2, 58.0), (19.5, 0.0),
            (21.0, 0.0), (22.0, 60.0), (23.0, 0.0),
            (24.0, 0.0), (25.0, 61.0),
        ),
        tremor(tremor_deg),
    )  # fmt: skip


def both_ways() -> Motion:
    """Out and back each way in turn, once without a rest between, and a silence in the middle."""
    return total(
        path(
            (2.0, 0.0), (3.0, 40.0), (4.0, 0.0), (5.0, 0.0), (6.0, -42.0), (7.0, 0.0), (8.0, 38.0),
            (9.0, 0.0), (13.5, 0.0), (14.5, -40.0), (15.5, 0.0), (17.0, 0.0), (17.5, 45.0),
            (18.5, 0.0), (21.0, 0.0), (22.0, -30.0),
        ),
        tremor(0.3),
    )  # fmt: skip


def holding() -> Motion:
    """Three holds: one that wavers, one that sags, one that is left early; one never reached."""
    return total(
        path(
            (2.0, 0.0), (3.0, 42.0), (5.0, 42.0), (5.4, 25.0), (5.9, 43.0), (8.0, 43.0), (9.0, 0.0),
            (10.0, 0.0), (11.0, 40.0), (13.0, 40.0), (14.0, 15.0), (16.5, 15.0), (17.5, 41.0),
            (19.0, 41.0), (20.0, 0.0), (21.0, 0.0), (22.0, 40.0), (23.0, 40.0), (24.0, 0.0),
            (25.0, 0.0), (26.0, 41.0),
        ),
        tremor(0.3),
    )  # fmt: skip


LAST_S = 26.0


@dataclass(frozen=True)
class Exercise:
    """A template with what its sensors recorded, and how many repetitions that holds."""

    template: ExerciseTemplate
    samples: Sequence[Samples]
    calibration: Calibration | None = None
    counted: int = 5
    partial: int = 1

    def tracker(self) -> Tracker:
        """A tracker that tells angles too."""
        return Tracker(self.template, self.calibration, angles=True)


def _recorded(*worn: Worn, motion: Motion | None = None) -> list[Samples]:
    """A movement; the last sensor fell silent once and said nonsense another time."""
    samples = [record(motion or everyday(), each, LAST_S) for each in worn]
    samples[-1] = damaged(lost(samples[-1], 12.0, 12.8), 16.0, 16.2, "nan")
    return samples


def _pose(q: Float64) -> tuple[float, float, float, float]:
    w, x, y, z = (float(part) for part in q)
    return w, x, y, z


def _compensations(segment: str) -> list[dict[str, Any]]:
    return [
        {"name": axis, "segment": segment, "axis": axis, "limit_deg": 20, "cue": "Keep still"}
        for axis in ("tilt", "bend_left", "turn_left")
    ]


@cache
def exercises() -> dict[str, Exercise]:
    """By kind."""
    limb = Worn(noise_dps=0.3, bias_dps=(0.3, -0.2, 0.1)).turned(STRAP)
    thigh = Worn("thigh", FLEXION, UPRIGHT, 50.0, 0.3, noise_dps=0.3, seed=2).turned(STRAP)
    shank = Worn("shank", FLEXION, UPRIGHT, 104.0, 1.3, 0.0071, noise_dps=0.3, seed=3)
    shank = shank.turned(OTHER_STRAP)
    worn = Calibration({"thigh": _pose(STRAP), "shank": _pose(OTHER_STRAP)}, quality_deg=4.0)
    joint = {"kind": "joint", "proximal": "thigh", "distal": "shank", "axis": "flexion"}
    pelvis = Worn("pelvis", Z, UPRIGHT, 25.0, -0.1, noise_dps=0.3, seed=4)
    turning = Worn("thorax", (0.0, 1.0, 0.0), UPRIGHT, 50.0, noise_dps=0.3, seed=5)
    aside = Worn("aside", rate_hz=31.0, share=0.01, seed=9).turned(OTHER_STRAP)
    slow, fast = Worn("slow", rate_hz=25.0, seed=6), Worn("fast", rate_hz=200.0, seed=7)
    middle = Worn("middle", rate_hz=50.0, share=0.4, first_s=0.3, seed=8).turned(STRAP)
    one = {"one": {"axis": list(limb.axis), "start_up": _up(limb)}}
    trunk = Worn("pelvis", FLEXION, UPRIGHT, 100.0, noise_dps=0.3, seed=9).turned(STRAP)
    side = Worn("pelvis", (-1.0, 0.0, 0.0), UPRIGHT, noise_dps=0.3, seed=10).turned(STRAP)
    girdle = Calibration({"pelvis": _pose(STRAP)}, quality_deg=2.0)
    return {
        "dominant": Exercise(template({"kind": "dominant", "sensor": "one"}), _recorded(limb)),
        "dominant, against one's own": Exercise(
            template(
                {"kind": "dominant", "sensor": "one"},
                range={
                    "count_from_deg": 15,
                    "minimum_deg": 45,
                    "goal_deg": 65,
                    "limit_deg": 100,
                    "reference": "own",
                },
            ),
            _recorded(limb),
        ),
        "dominant about the vertical": Exercise(
            template({"kind": "dominant", "sensor": "one"}),
            _recorded(Worn(axis=Z, noise_dps=0.3)),
        ),
        "segment": Exercise(
            template(
                {"kind": "segment", "segment": "thigh", "axis": "flexion"},
                ["thigh"],
                compensations=_compensations("thigh"),
                range={"count_from_deg": 5, "minimum_deg": 10, "goal_deg": 18, "limit_deg": 19},
            ),
            _recorded(thigh),
        ),
        "segment, calibrated": Exercise(
            template(
                {"kind": "segment", "segment": "shank", "axis": "flexion"},
                ["shank"],
                compensations=_compensations("shank"),
            ),
            _recorded(shank),
            worn,
        ),
        "segment that turns": Exercise(
            template({"kind": "segment", "segment": "thorax", "axis": "turn_left"}, ["thorax"]),
            _recorded(turning),
        ),
        "joint": Exercise(
            template(joint, ["thigh", "shank"], compensations=_compensations("thigh")),
            _recorded(thigh, shank),
        ),
        "joint, calibrated": Exercise(
            template(joint, ["shank", "thigh"], compensations=_compensations("thigh")),
            _recorded(shank, thigh),
            worn,
        ),
        "joint that turns": Exercise(
            template(
                {"kind": "joint", "proximal": "pelvis", "distal": "thorax", "axis": "turn_left"},
                ["pelvis", "thorax"],
            ),
            _recorded(pelvis, turning),
        ),
        "learned tilt": Exercise(
            template({"kind": "learned", "coordinate": "tilt", "axes": one}), _recorded(limb)
        ),
        "learned rotation": Exercise(
            template({"kind": "learned", "coordinate": "rotation", "axes": one}),
            _recorded(limb),
        ),
        "learned with three sensors": Exercise(
            template(
                {
                    "kind": "learned",
                    "coordinate": "tilt",
                    "axes": {
                        "slow": {"axis": list(slow.axis), "start_up": _up(slow)},
                        "fast": {"axis": list(fast.axis), "start_up": _up(fast)},
                        "middle": {
                            "axis": [0.4 * part for part in middle.axis],
                            "start_up": _up(middle),
                        },
                    },
                },
                ["middle", "slow", "fast"],
                compensations=[*_compensations("middle")],
            ),
            _recorded(middle, slow, fast),
        ),
        "learned beside a bystander": Exercise(
            template(
                {
                    "kind": "learned",
                    "axes": {"slow": {"axis": list(slow.axis), "start_up": _up(slow)}},
                    "poses": {"aside": _up(aside)},
                },
                ["slow"],
            ),
            _recorded(aside, slow),
        ),
        "hold": Exercise(
            template(
                {"kind": "hold", "segment": "pelvis", "axis": "flexion"},
                ["pelvis"],
                range={"target_deg": 40, "band_deg": 10},
                tempo={"hold_s": [4, 60]},
            ),
            _recorded(trunk, motion=holding()),
            girdle,
            counted=3,
        ),
        "both ways": Exercise(
            template(
                {"kind": "segment", "segment": "pelvis", "axis": "bend_left"},
                ["pelvis"],
                direction="both",
                side="alternate",
            ),
            _recorded(side, motion=both_ways()),
            girdle,
        ),
    }


def _up(worn: Worn) -> list[float]:
    """The direction that points up at rest, in the sensor's frame."""
    w, x, y, z = worn.pose
    return [2.0 * (x * z - w * y), 2.0 * (y * z + w * x), 1.0 - 2.0 * (x * x + y * y)]
