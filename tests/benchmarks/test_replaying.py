"""Samples in memory are fed as a recording of them is, and what the engine refuses is told with
the recording's path.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.errors import BenchmarkError, BenchmarkFault
from benchmarks.replaying import in_order, naming, repetitions
from devices.recording import Recording
from motion.errors import LearningError, LearningFault
from motion.samples import Samples, Watermark
from tests.benchmarks import made
from tests.motion.movement import Worn, even, record, template


def told(inputs: Iterable[Samples | Watermark | dict[str, Any]]) -> list[Any]:
    """Watermarks, and between them the times that each sensor has given by then."""
    given: dict[str, list[float]] = {}
    found: list[Any] = []
    for one in inputs:
        if isinstance(one, Samples):
            given.setdefault(one.sensor, []).extend(one.t_s.tolist())
        elif isinstance(one, Watermark):
            found.append((one.t_s, {slot: list(times) for slot, times in given.items()}))
    return [*found, given]


@pytest.mark.parametrize("first_s", [0.0, 0.25, 7.3])
def test_samples_in_memory_are_fed_as_their_recording_is(tmp_path: Path, first_s: float) -> None:
    samples = {}
    for slot, rate_hz, late_s in (("u1", 25.0, 0.0), ("u2", 40.0, 0.11)):
        t = first_s + late_s + np.arange(60) / rate_hz
        samples[slot] = Samples.of(slot, t, np.ones((60, 3)), np.zeros((60, 3)))
    path = made.write(tmp_path / "r.parquet", samples.values(), 25.0)
    fed = told(in_order(samples))
    assert fed == told(Recording.open(path).inputs())
    assert fed[-1] == {slot: one.t_s.tolist() for slot, one in samples.items()}


@pytest.mark.compiled
def test_a_set_is_counted_from_its_first_repetition_to_its_last() -> None:
    axes = {"one": {"axis": [1.0, 0.0, 0.0], "start_up": [0.0, 0.0, 1.0]}}
    exercise = template({"kind": "learned", "coordinate": "tilt", "axes": axes})
    reps = even(4)
    samples = record(reps, Worn("one"), reps[-1].over_s + 1.0)
    counted = repetitions(exercise, in_order({"one": samples}))
    assert [one.peak_s for one in counted] == pytest.approx(
        [rep.start_s + rep.out_s + 0.5 * rep.hold_s for rep in reps], abs=0.3
    )


def test_what_the_engine_refuses_is_told_with_the_path() -> None:
    told = r"^r\.parquet: No movement\.$"
    with pytest.raises(BenchmarkError, match=told) as caught, naming("r.parquet"):
        raise LearningError(LearningFault.NO_MOVEMENT, "No movement.")
    assert caught.value.reason is BenchmarkFault.REPLAY
