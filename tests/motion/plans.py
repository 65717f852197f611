"""A plan of exercises that one moving sensor and one at rest tell apart, and recordings of it,
one exercise after the other. What must come of it is the tests'.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from motion.samples import Samples
from motion.template import ExerciseTemplate
from tests.motion.movement import Axis, Rep, Worn, X, Y, record, rotation, template

EVERY_S = 4.0
UP = [0.0, 0.0, 1.0]
# What a demonstration shows: axis of the limb, and what points up in the sensor that hardly moves.
SHOWN: dict[str, tuple[Axis, list[float]]] = {
    "bend": (X, UP),
    "lift": (Y, UP),
    "roll": ((-1.0, 0.0, 0.0), UP),
    "sway": ((1.0, 2.0, 0.0), UP),
    "lying": (X, [0.0, 1.0, 0.0]),
}


def exercise(name: str, **fields: Any) -> ExerciseTemplate:
    axis, aside = SHOWN[name]
    unit = [part / math.hypot(*axis) for part in axis]
    movement = {
        "kind": "learned",
        "axes": {"limb": {"axis": unit, "start_up": UP}},
        "poses": {"aside": aside},
    }
    fields = {"id": name, "name": name.capitalize(), **fields}
    return template(movement, ["limb"], **fields)


BEND, LIFT, ROLL, SWAY, LYING = (exercise(name) for name in SHOWN)


def done(
    names: Sequence[str], *, short: Iterable[int] = (), fast: Iterable[int] = (),
    turned_deg: float = 0.0, wait_s: float = 2.0,
) -> list[Samples]:  # fmt: skip
    """One repetition after the other; short, fast: those that are. All sensors are strapped on
    turned by an angle."""
    parts = []
    for number, name in enumerate(names):
        size = 30.0 if number in short else 60.0
        way_s = 0.6 if number in fast else 1.2
        from_s = wait_s + EVERY_S * number
        rep = Rep(from_s, size, way_s, 0.3, way_s)
        worn = Worn("limb", SHOWN[name][0], noise_dps=0.05).turned(rotation(X, turned_deg))
        whole = record((rep,), worn, wait_s + EVERY_S * len(names))
        first_s = -1.0 if number == 0 else from_s
        chosen = (whole.t_s >= first_s) & (whole.t_s < from_s + EVERY_S)
        parts.append((whole.t_s[chosen], whole.acc_mps2[chosen], whole.gyr_radps[chosen]))
    t, acc, gyr = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    aside = Worn("aside", rate_hz=31.0, noise_dps=0.05, seed=2).turned(rotation(Y, turned_deg))
    return [Samples.of("limb", t, acc, gyr), record((), aside, float(t[-1]))]
