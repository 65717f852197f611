"""Recordings and templates on disk for the tests of the command line, sound ones and bad ones.

Movements and damage come from `tests.motion.movement`; what a command says of them is the tests'
business.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from devices.recording import METADATA_KEY, RecordingInfo, RecordingWriter, SensorInfo
from motion.samples import Samples
from tests.motion.movement import Rep, Worn, even, record, template

RATE_HZ = 50.0
SWINGS = 6
# Long enough for the swings of `swings`.
LASTS_S = 30.0


def swings(
    slot: str = "one", reps: Sequence[Rep] = even(SWINGS), last_s: float = LASTS_S
) -> Samples:
    """One sensor on a limb that is moved."""
    return record(reps, Worn(slot=slot, rate_hz=RATE_HZ), last_s)


def write(path: Path, *samples: Samples, **fields: Any) -> Path:
    """A recording of these sensors; fields: of its metadata."""
    sensors = {each.sensor: SensorInfo(rate_hz=RATE_HZ) for each in samples}
    with RecordingWriter(path, RecordingInfo(sensors=sensors, **fields)) as writer:
        for each in samples:
            writer.write(each)
    return path


def write_template(path: Path, slots: Sequence[str] = ("one",), **fields: Any) -> Path:
    """A template of one sensor, or of two that form a joint."""
    movement: dict[str, Any] = {"kind": "dominant", "sensor": slots[0]}
    if len(slots) == 2:
        movement = {"kind": "joint", "proximal": slots[0], "distal": slots[1], "axis": "flexion"}
    path.write_text(template(movement, slots, **fields).to_yaml(), "utf-8")
    return path


def rewrite(path: Path, change: Callable[[pa.Table], pa.Table]) -> Path:
    """Change a recording as no writer of ours would."""
    pq.write_table(change(pq.read_table(path)), path)
    return path


def with_column(name: str, values: Callable[[Any], Any]) -> Callable[[pa.Table], pa.Table]:
    """For `rewrite`: other values in one column, in the same type."""

    def change(table: pa.Table) -> pa.Table:
        at = table.schema.get_field_index(name)
        field = table.schema.field(at)
        old = table.column(at).to_numpy()
        return table.set_column(at, field, pa.array(np.asarray(values(old)), field.type))

    return change


def with_metadata(document: bytes) -> Callable[[pa.Table], pa.Table]:
    """For `rewrite`: another description."""
    return lambda table: table.replace_schema_metadata({METADATA_KEY: document})


def with_units(samples: Samples, acc: float = 1.0, gyr: float = 1.0) -> Samples:
    """The same samples in other units."""
    return Samples.of(samples.sensor, samples.t_s, samples.acc_mps2 * acc, samples.gyr_radps * gyr)


def dead(samples: Samples) -> Samples:
    """A sensor that says the same throughout."""
    return Samples.of(
        samples.sensor,
        samples.t_s,
        np.tile(samples.acc_mps2[:1], (len(samples), 1)),
        np.tile(samples.gyr_radps[:1], (len(samples), 1)),
    )
