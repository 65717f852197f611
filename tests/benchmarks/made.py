"""Repetition events, recordings and data folders that the tests of the benchmarks make for
themselves. What is asserted of them is the tests' business.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from devices.recording import RecordingInfo, RecordingWriter
from motion.events import RepetitionEvent, Verdict
from motion.samples import Samples
from tests.motion.movement import Rep, Worn, record

Float64 = NDArray[np.float64]

RATE_HZ = 25.0
LABELS = ("correct", "too_fast", "range_short")


def event(
    peak_s: float,
    faults: Sequence[str] = (),
    *,
    start_s: float | None = None,
    end_s: float | None = None,
    late_s: float = 0.1,
    rom_deg: float = 50.0,
) -> RepetitionEvent:
    """A counted repetition; it lasts from a second before its peak to a second after it."""
    start = peak_s - 1.0 if start_s is None else start_s
    end = peak_s + 1.0 if end_s is None else end_s
    return RepetitionEvent(
        seq=1,
        exercise="made",
        side=None,
        set_index=1,
        index=1,
        start_s=start,
        peak_s=peak_s,
        end_s=end,
        reported_s=end + late_s,
        rom_deg=rom_deg,
        rom_sd_deg=1.0,
        goal_reached=True,
        out_s=peak_s - start,
        hold_s=0.0,
        back_s=end - peak_s,
        active_s=1.0,
        smoothness_out=None,
        smoothness_back=None,
        compensations={},
        score=100.0,
        score_parts={},
        verdict=Verdict.INCORRECT if faults else Verdict.CORRECT,
        faults=list(faults),
        borderline=[],
        notes=[],
    )


def write(path: Path, samples: Iterable[Samples], rate_hz: float, **info: Any) -> Path:
    """A recording of the given sensors."""
    parts = list(samples)
    sensors = {one.sensor: {"rate_hz": rate_hz} for one in parts}
    document = {"schema": 1, "sensors": sensors, **info}
    path.parent.mkdir(parents=True, exist_ok=True)
    with RecordingWriter(path, RecordingInfo.model_validate(document)) as writer:
        for one in parts:
            writer.write(one)
    return path


def write_reference(path: Path, columns: Mapping[str, Any]) -> Path:
    """A reference with the given columns; floats as float32, which is how they are kept."""
    arrays = {
        name: values.astype(np.float32) if values.dtype.kind == "f" else values
        for name, values in ((name, np.asarray(values)) for name, values in columns.items())
    }
    pq.write_table(pa.table(arrays), path)
    return path


def kind(label: str, start_s: float) -> Rep:
    """One repetition of a kind of execution."""
    if label == "too_fast":
        return Rep(start_s, range_deg=60.0, out_s=0.5, hold_s=0.1, back_s=0.5)
    return Rep(start_s, range_deg=30.0 if label == "range_short" else 60.0)


def uci_pt(folder: Path, name: str = "s1_e1") -> Path:
    """The folder of a set of one exercise: a demonstration of each kind, and a test of three
    blocks, its bounds annotated."""
    shown = [kind(label, 4.0 + 8.0 * number) for number, label in enumerate(LABELS)]
    tested = [
        kind(label, start_s + 4.0 * number)
        for label, start_s in zip(LABELS, (3.0, 102.0, 162.0), strict=True)
        for number in range(10)
    ]
    for what, reps, last_s in (("demonstration", shown, 30.0), ("test", tested, 206.0)):
        labels = LABELS if what == "demonstration" else [each for each in LABELS for _ in range(10)]
        annotations = [
            {
                "kind": "template" if what == "demonstration" else "repetition",
                "label": label,
                "start_s": rep.start_s,
                "end_s": rep.over_s,
            }
            for label, rep in zip(labels, reps, strict=True)
        ]
        sensors = [
            record(reps, Worn(slot, rate_hz=RATE_HZ, share=share, seed=seed), last_s)
            for seed, (slot, share) in enumerate((("u1", 1.0), ("u2", 0.5)))
        ]
        write(folder / f"{name}_{what}.parquet", sensors, RATE_HZ, annotations=annotations)
    return folder
