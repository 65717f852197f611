"""A recording as CSV, which an import turns into the same recording, bit for bit."""

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devices.errors import RecordingError, RecordingFault
from devices.exporting import REPETITION_COLUMNS, repetition_rows, sample_rows
from devices.importing import Given, import_recording
from devices.recording import Recording, RecordingInfo, RecordingWriter, SensorInfo
from motion.samples import Samples
from tests.devices.exports import moving

COLUMNS = ("acc_x", "acc_y", "acc_z", "gyr_x", "gyr_y", "gyr_z")
SLOTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1,
                max_size=12)  # fmt: skip


def write(path: Path, *samples: Samples, mag: Any = None, **fields: Any) -> Path:
    sensors = {each.sensor: SensorInfo(rate_hz=50) for each in samples}
    info = RecordingInfo(sensors=sensors, **fields)
    with RecordingWriter(path, info, magnetometer=mag is not None) as writer:
        for each in samples:
            writer.write(each, mag)
    return path


def exported(path: Path, target: Path) -> Path:
    target.write_text("".join(sample_rows(Recording.open(path))), "utf-8", newline="")
    return target


def assert_same(one: Path, other: Path) -> None:
    """The same rows of each sensor in the same order; NaN is NaN, whatever its bits.

    Only which of two sensors comes first at one time may differ.
    """
    first, second = pq.read_table(one), pq.read_table(other)
    assert first.column_names == second.column_names
    sensors, others = (np.array(each["sensor"].to_pylist()) for each in (first, second))
    assert sorted(set(sensors)) == sorted(set(others))
    for slot in set(sensors):
        for name in first.column_names[1:]:
            here = first[name].to_numpy()[sensors == slot]
            there = second[name].to_numpy()[others == slot]
            assert here.dtype == there.dtype
            missing = np.isnan(here)
            assert np.array_equal(missing, np.isnan(there))
            assert here[~missing].tobytes() == there[~missing].tobytes()


def test_a_recording_comes_back_bit_for_bit(tmp_path: Path) -> None:
    one, other = moving("one"), moving("two", 33.3)
    two = Samples("two", other.t_s - 2.125, other.acc_mps2, other.gyr_radps)
    path = write(tmp_path / "a.parquet", one, two)
    text = exported(path, tmp_path / "a.csv")
    told = import_recording([Given(text)], tmp_path / "b.parquet")
    assert_same(path, tmp_path / "b.parquet")
    assert told.notes == ("Times are session times, as Gonio wrote them.",)
    assert exported(tmp_path / "b.parquet", tmp_path / "b.csv").read_bytes() == text.read_bytes()


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(slots=st.lists(SLOTS, min_size=1, max_size=3, unique=True), data=st.data())
def test_any_values_and_names_come_back_bit_for_bit(
    tmp_path: Path, slots: list[str], data: Any
) -> None:
    value = st.floats(width=32) | st.sampled_from([0.0, -0.0, 1.17549435e-38, 3.4028235e38])
    parts = []
    for slot in slots:
        count = data.draw(st.integers(2, 8))
        first_s = data.draw(st.floats(-1000.0, 1000.0))
        steps = data.draw(st.lists(st.floats(0.01, 0.02), min_size=count, max_size=count))
        rows = st.lists(st.tuples(*[value] * 6), min_size=count, max_size=count)
        values = np.array(data.draw(rows), np.float32)
        # A sensor without any valid sample would be refused.
        values[0] = np.arange(6)
        parts.append(Samples.of(slot, first_s + np.cumsum(steps), values[:, :3], values[:, 3:]))
    path = write(tmp_path / "a.parquet", *parts)
    text = exported(path, tmp_path / "a.csv")
    import_recording([Given(text)], tmp_path / "b.parquet")
    assert_same(path, tmp_path / "b.parquet")


def test_a_magnetometer_comes_back(tmp_path: Path) -> None:
    samples = moving()
    mag = np.random.default_rng(1).normal(0, 40, (len(samples), 3)).astype(np.float32)
    mag[7] = np.nan
    path = write(tmp_path / "a.parquet", samples, mag=mag)
    import_recording([Given(exported(path, tmp_path / "a.csv"))], tmp_path / "b.parquet")
    assert_same(path, tmp_path / "b.parquet")


def test_rows_are_ordered_by_time_and_nan_is_empty(tmp_path: Path) -> None:
    nothing = moving("one", last_s=25.0)
    nothing.acc_mps2[2, 1] = np.nan
    path = write(tmp_path / "a.parquet", nothing, moving("two", last_s=25.0))
    text = exported(path, tmp_path / "a.csv").read_text()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert list(rows[0]) == ["sensor", "t_s", *COLUMNS]
    assert [row["sensor"] for row in rows] == ["one", "two"] * len(nothing)
    assert [row["t_s"] for row in rows[:6]] == ["0", "0", "0.02", "0.02", "0.04", "0.04"]
    assert rows[4]["acc_y"] == ""


def test_parts_are_bounded(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", moving(last_s=95.0))
    parts = list(sample_rows(Recording.open(path)))
    assert len(parts) == 11
    assert max(part.count("\n") for part in parts) <= 501


def test_a_sensor_with_a_single_sample_is_left_out(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", moving("one"), moving("two").rows(0, 1))
    text = "".join(sample_rows(Recording.open(path)))
    assert "two" not in text


# --- repetitions

REP = {
    "type": "rep", "seq": 4, "exercise": "lumbar-bend", "side": None, "set_index": 0, "index": 3,
    "start_s": 12.32, "peak_s": 14.1, "end_s": 16.02, "reported_s": 16.1, "rom_deg": 0.1 + 0.2,
    "rom_sd_deg": 2.0, "goal_reached": False, "out_s": 1.2, "hold_s": 0.8, "back_s": 1.7,
    "active_s": 2.0, "smoothness_out": None, "smoothness_back": -1.6,
    "compensations": {"pelvis_tilt": 11.0, "hip, left": 2.5}, "score": 87.0,
    "score_parts": {"range": 40.0}, "verdict": "incorrect", "faults": ["too_fast", "range_short"],
    "borderline": [], "notes": [],
}  # fmt: skip


def test_repetitions_are_a_row_each(tmp_path: Path) -> None:
    events = [{"type": "set", "seq": 5}, REP, {**REP, "index": 4, "later": 1}]
    path = write(tmp_path / "a.parquet", moving(), events=events)
    text = "".join(repetition_rows(Recording.open(path)))
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["index"] for row in rows] == ["3", "4"]
    first = rows[0]
    assert tuple(first) == REPETITION_COLUMNS
    assert float(first["rom_deg"]) == 0.1 + 0.2
    assert first["side"] == first["smoothness_out"] == first["borderline"] == ""
    assert first["goal_reached"] == "false"
    assert first["faults"] == "too_fast; range_short"
    assert first["compensations"] == "pelvis_tilt=11.0; hip, left=2.5"


def test_a_recording_without_events_has_no_repetitions(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", moving())
    with pytest.raises(RecordingError, match="stores no events") as caught:
        list(repetition_rows(Recording.open(path)))
    assert caught.value.reason is RecordingFault.NO_EVENTS
    assert (
        "".join(
            repetition_rows(Recording.open(write(tmp_path / "b.parquet", moving(), events=[])))
        ).count("\n")
        == 1
    )
