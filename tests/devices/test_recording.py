"""The recording layout: what is written is read back, in order, and bad files say why."""

import json
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devices.errors import RecordingError, RecordingFault
from devices.recording import (
    METADATA_KEY,
    ROW_GROUP_S,
    Recording,
    RecordingInfo,
    RecordingWriter,
    SensorInfo,
    SessionLog,
    copy_recording,
    read_info,
)
from motion.samples import Samples, Watermark

VALUES = ("acc_x", "acc_y", "acc_z", "gyr_x", "gyr_y", "gyr_z")
DOCUMENT = b'{"schema": 1, "sensors": {"u1": {"rate_hz": 10}, "u2": {"rate_hz": 10}}}'


def some_samples(slot: str, t_s: Any, seed: int = 0) -> Samples:
    t = np.asarray(t_s, np.float64)
    random = np.random.default_rng(seed)
    return Samples.of(slot, t, random.normal(size=(t.size, 3)), random.normal(size=(t.size, 3)))


def info_of(*slots: str, **fields: Any) -> RecordingInfo:
    return RecordingInfo(sensors={slot: SensorInfo(rate_hz=10) for slot in slots}, **fields)


def table_of(document: bytes | None = DOCUMENT, rows: int = 10, **changes: Any) -> pa.Table:
    """A sound table of one sensor with columns changed (None removes one)."""
    columns: dict[str, Any] = {
        "sensor": pa.array(["u1"] * rows, pa.string()),
        "t_s": pa.array(np.arange(rows) / 10.0),
    }
    columns |= {name: pa.array(np.ones(rows), pa.float32()) for name in VALUES}
    columns |= changes
    table = pa.table({name: column for name, column in columns.items() if column is not None})
    return table.replace_schema_metadata(None if document is None else {METADATA_KEY: document})


def table_of_samples(parts: list[Samples]) -> pa.Table:
    """The rows of all parts, in the order of the parts."""
    return table_of(
        rows=sum(len(part) for part in parts),
        sensor=pa.array([part.sensor for part in parts for _ in range(len(part))]),
        t_s=pa.array(np.concatenate([part.t_s for part in parts])),
        **{
            name: pa.array(np.concatenate([part.acc_mps2[:, axis] for part in parts]))
            for axis, name in enumerate(VALUES[:3])
        },
        **{
            name: pa.array(np.concatenate([part.gyr_radps[:, axis] for part in parts]))
            for axis, name in enumerate(VALUES[3:])
        },
    )


def assert_same(one: Samples, other: Samples) -> None:
    assert one.sensor == other.sensor
    assert one.t_s.tobytes() == other.t_s.tobytes()
    assert one.acc_mps2.tobytes() == other.acc_mps2.tobytes()
    assert one.gyr_radps.tobytes() == other.gyr_radps.tobytes()


def gathered(parts: Iterator[Any]) -> dict[str, Samples]:
    """Samples of a feed, joined by sensor."""
    by_slot: dict[str, list[Samples]] = {}
    for part in parts:
        if isinstance(part, Samples):
            by_slot.setdefault(part.sensor, []).append(part)
    return {
        slot: Samples.of(
            slot,
            np.concatenate([part.t_s for part in given]),
            np.concatenate([part.acc_mps2 for part in given]),
            np.concatenate([part.gyr_radps for part in given]),
        )
        for slot, given in by_slot.items()
    }


def opened(path: Path) -> None:
    """Everything that reading may trip over."""
    recording = Recording.open(path)
    for _ in recording.inputs():
        pass


# --- round trips


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_what_is_written_is_read_back_to_the_last_bit(tmp_path: Path, data: Any) -> None:
    path = tmp_path / "r.parquet"
    float32 = st.floats(width=32)
    written = []
    for slot in ("u1", "u2"):
        steps = data.draw(st.lists(st.floats(0.001, 40.0), min_size=2, max_size=30))
        rows = st.lists(st.tuples(*[float32] * 6), min_size=len(steps), max_size=len(steps))
        values = np.array(data.draw(rows), np.float32)
        written.append(Samples.of(slot, np.cumsum(steps), values[:, :3], values[:, 3:]))
    with RecordingWriter(path, info_of("u1", "u2")) as writer:
        for samples in written:
            cut = data.draw(st.integers(0, len(samples)))
            writer.write(samples.rows(0, cut))
            writer.write(samples.rows(cut, len(samples)))
    recording = Recording.open(path)
    for samples in written:
        assert_same(recording.samples()[samples.sensor], samples)
        assert_same(gathered(recording.inputs())[samples.sensor], samples)


def test_metadata_come_back_with_keys_of_later_versions(tmp_path: Path) -> None:
    path = tmp_path / "r.parquet"
    document = {
        "schema": 1,
        "id": "a/b",
        "subject": "s1",
        "sensors": {"u1": {"rate_hz": 25.0, "serial": "D4", "battery": 0.5}},
        "annotations": [
            {"kind": "repetition", "label": "correct", "start_s": 1.5, "end_s": 2.5, "by": "me"}
        ],
        "expected": {"repetitions": 30, "in_order": [["correct", 10], ["too_fast", 20]]},
        "events": [{"type": "rep", "smoothness_out": None, "rom_deg": 0.1 + 0.2}],
        "started_at": "2026-01-02T03:04:05Z",
    }
    info = RecordingInfo.from_json(json.dumps(document).encode(), path="x")
    with RecordingWriter(path, info) as writer:
        writer.write(some_samples("u1", [0.0, 1.0]))
    read = Recording.open(path).info
    assert json.loads(read.to_json()) == document
    assert read.started_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert read.expected.in_order == [("correct", 10), ("too_fast", 20)]
    assert read_info(path) == read


def test_floats_in_metadata_keep_every_bit() -> None:
    values: list[Any] = []
    random = np.random.default_rng(7)
    for bits in random.integers(0, 2**64, 2000, dtype=np.uint64):
        value = struct.unpack("d", int(bits).to_bytes(8, "little"))[0]
        if np.isfinite(value):
            values.append(value)
    info = info_of("u1", events=[{"values": values}])
    read = RecordingInfo.from_json(info.to_json(), path="x")
    assert read.events is not None
    assert read.events[0]["values"] == values


def test_any_parquet_reader_finds_metadata_and_types(tmp_path: Path) -> None:
    path = tmp_path / "r.parquet"
    with RecordingWriter(path, info_of("u1", id="before")) as writer:
        writer.write(some_samples("u1", [0.0, 1.0]))
        writer.update_info(id="after")
    schema = pq.read_schema(path)
    assert json.loads(schema.metadata[METADATA_KEY])["id"] == "after"
    assert pa.types.is_dictionary(schema.field("sensor").type)
    assert schema.field("t_s").type == pa.float64()
    assert [schema.field(name).type for name in VALUES] == [pa.float32()] * 6


# --- reading


def layouts(parts: list[Samples]) -> dict[str, pa.Table]:
    table = table_of_samples(parts)
    by_time = np.argsort(table["t_s"].to_numpy(), kind="stable")
    return {"sensor_after_sensor": table, "by_time": table.take(pa.array(by_time))}


@pytest.mark.parametrize("row_group_size", [7, 100, 1_000_000])
@pytest.mark.parametrize("layout", ["sensor_after_sensor", "by_time"])
def test_the_order_of_sensors_in_the_file_changes_nothing(
    tmp_path: Path, layout: str, row_group_size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("devices.recording.BATCH_ROWS", 64)
    parts = [
        some_samples("u1", np.arange(500) / 25.0, 1),
        some_samples("u2", 0.3 + np.arange(200) / 11.0, 2),
    ]
    path = tmp_path / "r.parquet"
    pq.write_table(layouts(parts)[layout], path, row_group_size=row_group_size)
    recording = Recording.open(path)
    assert recording.slots == ("u1", "u2")
    assert recording.rows == {"u1": 500, "u2": 200}
    assert (recording.first_s, recording.last_s) == (0.0, 499 / 25.0)
    for part in parts:
        assert_same(recording.samples()[part.sensor], part)
        assert_same(gathered(recording.inputs())[part.sensor], part)
        whole = gathered(samples for chunk in recording.chunks() for samples in chunk)
        assert_same(whole[part.sensor], part)
        assert_same(recording.samples([part.sensor])[part.sensor], part)


def test_chunks_hold_one_span_of_every_sensor_and_leave_gaps_out(tmp_path: Path) -> None:
    path = tmp_path / "r.parquet"
    times = np.concatenate([10.0 + np.arange(20) / 10.0, 5000.03 + np.arange(20) / 10.0])
    with RecordingWriter(path, info_of("u1", "u2")) as writer:
        writer.write(some_samples("u1", times))
        writer.write(some_samples("u2", times + 0.05))
    chunks = list(Recording.open(path).chunks(span_s=0.5))
    assert len(chunks) == 8
    for chunk in chunks:
        assert [samples.sensor for samples in chunk] == ["u1", "u2"]
        both = np.concatenate([samples.t_s for samples in chunk])
        assert both.max() - both.min() <= 0.5


def test_a_cut_of_time_takes_its_bounds_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("devices.recording.BATCH_ROWS", 16)
    path = tmp_path / "r.parquet"
    with RecordingWriter(path, info_of("u1", "u2")) as writer:
        writer.write(some_samples("u1", np.arange(300.0)))
        writer.write(some_samples("u2", np.arange(5.0)))
    cut = Recording.open(path).samples(start_s=10.0, end_s=200.0)
    assert cut["u1"].t_s.tolist() == list(np.arange(10.0, 201.0))
    assert len(cut["u2"]) == 0
    assert cut["u2"].acc_mps2.shape == (0, 3)


def test_without_log_a_watermark_comes_at_every_tenth_of_a_second(tmp_path: Path) -> None:
    path = tmp_path / "r.parquet"
    with RecordingWriter(path, info_of("u1", "u2")) as writer:
        writer.write(some_samples("u1", 0.3 + np.arange(100) / 25.0))
        writer.write(some_samples("u2", 0.41 + np.arange(120) / 50.0))
    inputs = list(Recording.open(path).inputs())
    watermarks = [item.t_s for item in inputs if isinstance(item, Watermark)]
    assert watermarks == [k / 10 for k in range(4, 43)]
    reached = 0.3
    for item in inputs:
        if isinstance(item, Watermark):
            reached = item.t_s
        elif isinstance(item, Samples):
            assert item.t_s[0] >= reached
            assert item.t_s[-1] <= reached + 0.1 + 1e-9
    assert isinstance(inputs[-1], Samples)


def test_a_gap_without_samples_still_has_its_watermarks(tmp_path: Path) -> None:
    path = tmp_path / "r.parquet"
    with RecordingWriter(path, info_of("u1")) as writer:
        writer.write(some_samples("u1", [0.0, 0.05, 30.0, 30.1]))
    inputs = list(Recording.open(path).inputs())
    assert sum(isinstance(item, Watermark) for item in inputs) == 301


def test_a_stored_log_drives_the_feed_in_its_exact_order(tmp_path: Path) -> None:
    path = tmp_path / "r.parquet"
    log = SessionLog()
    log.add_control({"control": "start", "template": {"id": "x"}})
    log.add_control({"control": "begin_set"})
    log.add_watermark(0.25)
    log.add_control({"control": "pause"})
    log.add_watermark(0.5)
    log.add_watermark(0.5)
    log.add_control({"control": "stop"})
    with RecordingWriter(path, info_of("u1", log=log)) as writer:
        writer.write(some_samples("u1", [0.1, 0.25, 0.3, 0.6]))
    told: list[Any] = []
    for item in Recording.open(path).inputs():
        match item:
            case Samples():
                told += item.t_s.tolist()
            case Watermark():
                told.append(f"to {item.t_s}")
            case dict():
                told.append(item["control"])
    assert told == [
        "start", "begin_set", 0.1, 0.25, "to 0.25", "pause", 0.3, "to 0.5", "to 0.5", 0.6, "stop",
    ]  # fmt: skip


@given(
    st.lists(
        st.one_of(
            st.floats(allow_nan=False, allow_infinity=False),
            st.dictionaries(st.text(max_size=3), st.integers(0, 9), max_size=2),
        )
    )
)
def test_a_log_keeps_controls_and_watermarks_in_order(items: list[Any]) -> None:
    times = iter(sorted(item for item in items if isinstance(item, float)))
    log = SessionLog()
    added: list[Watermark | dict[str, int]] = []
    for item in items:
        if isinstance(item, dict):
            log.add_control(item)
            added.append(item)
        else:
            watermark = Watermark(next(times))
            added.append(watermark)
            log.add_watermark(watermark.t_s)
    read = RecordingInfo.from_json(info_of("u1", log=log).to_json(), path="x").log
    assert read is not None
    assert list(read.items()) == added
    assert len(read) == len(items)


@pytest.mark.parametrize("t_s", [0.5, np.nan, np.inf])
def test_a_log_refuses_watermarks_that_go_backwards(t_s: float) -> None:
    log = SessionLog(watermarks_s=[1.0])
    with pytest.raises(ValueError, match="cannot follow"):
        log.add_watermark(t_s)


def test_slots_can_be_picked_and_renamed(tmp_path: Path) -> None:
    path = tmp_path / "r.parquet"
    with RecordingWriter(path, info_of("u1", "u2", "u3")) as writer:
        for slot in ("u1", "u2", "u3"):
            writer.write(some_samples(slot, [0.0, 1.0]))
    recording = Recording.open(path)
    feed = gathered(recording.inputs(["u3", "u1"], {"u3": "pelvis"}))
    assert sorted(feed) == ["pelvis", "u1"]
    with pytest.raises(ValueError, match="the same"):
        list(recording.inputs(["u1", "u2"], {"u1": "u2"}))


def test_what_cannot_be_asked_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.parquet"
    pq.write_table(table_of(), path)
    recording = Recording.open(path)
    with pytest.raises(ValueError, match="at least one"):
        recording.samples([])
    with pytest.raises(ValueError, match="span_s"):
        list(recording.chunks(span_s=0.0))


def test_missing_values_are_read_as_nan(tmp_path: Path) -> None:
    path = tmp_path / "r.parquet"
    pq.write_table(table_of(acc_y=pa.array([1.0, None] + [1.0] * 8, pa.float32())), path)
    assert np.isnan(Recording.open(path).samples()["u1"].acc_mps2[1, 1])


def test_a_dictionary_that_names_a_slot_twice_loses_no_row(tmp_path: Path) -> None:
    path = tmp_path / "r.parquet"
    names = pa.DictionaryArray.from_arrays(
        pa.array([0, 1, 2, 0, 1, 2, 0, 1, 2, 0], pa.int8()), pa.array(["u1", "u2", "u1"])
    )
    pq.write_table(table_of(sensor=names), path)
    assert Recording.open(path).rows == {"u1": 7, "u2": 3}
    assert len(Recording.open(path).samples()["u1"]) == 7


# --- bad files


def file_of(table: pa.Table) -> Callable[[Path], None]:
    return lambda path: pq.write_table(table, path)


def bytes_of(raw: bytes) -> Callable[[Path], None]:
    return lambda path: (path.write_bytes(raw), None)[1]


def cut_off(path: Path) -> None:
    pq.write_table(table_of(), path)
    path.write_bytes(path.read_bytes()[:-50])


def emptied_pages(path: Path) -> None:
    pq.write_table(table_of(rows=5000, t_s=pa.array(np.arange(5000) / 7.0)), path)
    raw = path.read_bytes()
    path.write_bytes(raw[:100] + bytes(2000) + raw[2100:])


def times(*values: float | None) -> pa.Table:
    return table_of(rows=len(values), t_s=pa.array(values, pa.float64()))


BAD_FILES: dict[str, tuple[Callable[[Path], None], RecordingFault, list[str]]] = {
    "no_bytes": (bytes_of(b""), RecordingFault.EMPTY, ["empty", "copy it again"]),
    "text": (bytes_of(b"sensor,t_s\nu1,0"), RecordingFault.NOT_PARQUET, ["not a Parquet file"]),
    "only_magic": (bytes_of(b"PAR1"), RecordingFault.TRUNCATED, ["end is missing"]),
    "cut_off": (cut_off, RecordingFault.TRUNCATED, ["end is missing"]),
    "damaged": (emptied_pages, RecordingFault.DAMAGED, ["damaged"]),
    "no_rows": (file_of(table_of(rows=0)), RecordingFault.NO_ROWS, ["no rows"]),
    "missing_columns": (
        file_of(table_of(acc_x=None, t_s=None, gyr_z=None)),
        RecordingFault.COLUMNS,
        ["t_s, acc_x, gyr_z"],
    ),
    "no_sensor_column": (file_of(table_of(sensor=None)), RecordingFault.COLUMNS, ["sensor"]),
    "part_of_a_magnetometer": (
        file_of(table_of(mag_x=pa.array(np.ones(10), pa.float32()))),
        RecordingFault.COLUMNS,
        ["mag_y, mag_z"],
    ),
    "doubled_column": (
        file_of(table_of().append_column("t_s", pa.array(np.arange(10) / 10.0))),
        RecordingFault.COLUMNS,
        ["more than one", "t_s"],
    ),
    "text_for_acceleration": (
        file_of(table_of(acc_x=pa.array(["1"] * 10))),
        RecordingFault.COLUMN_TYPE,
        ["acc_x", "string", "float"],
    ),
    "whole_numbers_for_time": (
        file_of(table_of(t_s=pa.array(range(10)))),
        RecordingFault.COLUMN_TYPE,
        ["t_s", "int64", "seconds"],
    ),
    "numbers_for_sensor": (
        file_of(table_of(sensor=pa.array(range(10)))),
        RecordingFault.COLUMN_TYPE,
        ["sensor", "text"],
    ),
    "no_metadata": (file_of(table_of(None)), RecordingFault.METADATA, ["gonio.recording", "add"]),
    "row_without_sensor": (
        file_of(table_of(sensor=pa.array(["u1"] * 4 + [None] + ["u1"] * 5))),
        RecordingFault.SENSOR,
        ["row 4"],
    ),
    "undescribed_sensor": (
        file_of(table_of(sensor=pa.array(["u1"] * 4 + ["u9"] * 6))),
        RecordingFault.SENSOR,
        ["row 4", "u9", "sensors"],
    ),
    "unsorted": (
        file_of(times(0.0, 1.0, 3.0, 2.0)),
        RecordingFault.TIME_UNSORTED,
        ["row 3", "'u1'", "2.0 s", "3.0 s", "sort"],
    ),
    "repeated": (
        file_of(times(0.0, 1.0, 1.0, 2.0)),
        RecordingFault.TIME_REPEATED,
        ["row 2", "'u1'", "1.0 s", "remove"],
    ),
    "time_is_nan": (
        file_of(times(0.0, np.nan, 1.0)), RecordingFault.TIME_NOT_FINITE, ["row 1", "t_s"],
    ),
    "time_is_missing": (
        file_of(times(0.0, None, 1.0)), RecordingFault.TIME_NOT_FINITE, ["row 1", "t_s"],
    ),
    "time_in_microseconds": (
        file_of(times(0.0, 1e6, 2e6)), RecordingFault.TIME_SPAN, ["48 hours", "seconds"],
    ),
    "single_sample": (
        file_of(times(0.0)), RecordingFault.SINGLE_SAMPLE, ["single sample", "'u1'"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_bad_file_gives_one_sentence_with_the_remedy(tmp_path: Path, case: str) -> None:
    write, fault, words = BAD_FILES[case]
    path = tmp_path / "bad.parquet"
    write(path)
    with pytest.raises(RecordingError) as caught:
        opened(path)
    message = str(caught.value)
    assert caught.value.reason is fault
    assert caught.value.path == str(path)
    assert str(path) in message
    assert "\n" not in message
    assert message.endswith(".")
    for word in words:
        assert word in message


def test_the_error_of_a_row_carries_sensor_and_row(tmp_path: Path) -> None:
    path = tmp_path / "bad.parquet"
    parts = [some_samples("u1", [0.0, 1.0, 2.0]), some_samples("u2", [0.0, 1.0, 0.5])]
    pq.write_table(table_of_samples(parts), path, row_group_size=2)
    with pytest.raises(RecordingError) as caught:
        Recording.open(path)
    assert (caught.value.sensor, caught.value.row) == ("u2", 5)


BAD_METADATA = {
    "no_text": b"\xff\xfe\x00",
    "no_json": b"hello",
    "a_list": b"[1]",
    "no_schema": b'{"sensors": {"u1": {"rate_hz": 1}}}',
    "later_schema": b'{"schema": 2, "sensors": {"u1": {"rate_hz": 1}}}',
    "schema_as_text": b'{"schema": "1", "sensors": {"u1": {"rate_hz": 1}}}',
    "no_sensors": b'{"schema": 1}',
    "no_rate": b'{"schema": 1, "sensors": {"u1": {}}}',
    "rate_is_nan": b'{"schema": 1, "sensors": {"u1": {"rate_hz": NaN}}}',
    "rate_is_negative": b'{"schema": 1, "sensors": {"u1": {"rate_hz": -1}}}',
    "control_characters": b'{"schema": 1, "sensors": {"u\\u0007": {"rate_hz": 1}}}',
    "thousand_sensors": json.dumps(
        {"schema": 1, "sensors": {f"u{k}": {"rate_hz": 1} for k in range(1000)}}
    ).encode(),
    "endless_name": json.dumps({"schema": 1, "sensors": {"u" * 9999: {"rate_hz": 1}}}).encode(),
    "deep": b'{"schema": 1, "x": ' + b"[" * 50_000,
    "log_backwards": DOCUMENT[:-1] + b', "log": {"watermarks_s": [2, 1]}}',
    "log_control_beyond": DOCUMENT[:-1] + b', "log": {"controls": [{"after": 1, "control": {}}]}}',
    "log_controls_unordered": DOCUMENT[:-1]
    + b', "log": {"watermarks_s": [1], "controls": ['
    + b'{"after": 1, "control": {}}, {"after": 0, "control": {}}]}}',
    "annotations_as_text": DOCUMENT[:-1] + b', "annotations": "none"}',
}


@pytest.mark.parametrize("case", BAD_METADATA)
def test_hostile_metadata_give_one_sentence(tmp_path: Path, case: str) -> None:
    path = tmp_path / "bad.parquet"
    pq.write_table(table_of(BAD_METADATA[case]), path)
    with pytest.raises(RecordingError) as caught:
        opened(path)
    assert caught.value.reason is RecordingFault.METADATA
    assert str(path) in str(caught.value)
    assert len(str(caught.value)) < len(str(path)) + 500
    assert "\n" not in str(caught.value)


def test_metadata_beyond_any_size_are_not_even_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("devices.recording.LARGEST_FOOTER_BYTES", 10_000)
    path = tmp_path / "bad.parquet"
    pq.write_table(table_of(DOCUMENT[:-1] + b', "x": "' + b"a" * 20_000 + b'"}'), path)
    with pytest.raises(RecordingError, match="metadata, more than any recording"):
        Recording.open(path)


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("none.parquet", RecordingFault.NOT_FOUND),
        (".", RecordingFault.UNREADABLE),
        ("a\0b", RecordingFault.UNREADABLE),
        ("n" * 300, RecordingFault.UNREADABLE),
    ],
)
def test_a_path_that_is_no_file_is_told(tmp_path: Path, name: str, fault: RecordingFault) -> None:
    with pytest.raises(RecordingError) as caught:
        Recording.open(tmp_path / name)
    assert caught.value.reason is fault


def test_a_slot_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    path = tmp_path / "r.parquet"
    with RecordingWriter(path, info_of("u1", "u2", "idle", "brief")) as writer:
        writer.write(some_samples("u1", [0.0, 1.0]))
        writer.write(some_samples("u2", [0.0, 1.0]))
        writer.write(some_samples("brief", [0.0]))
    recording = Recording.open(path)
    for slot, fault, words in (
        ("u9", RecordingFault.UNKNOWN_SENSOR, "u1, u2"),
        ("idle", RecordingFault.NO_SAMPLES, "no sample of the sensor 'idle'"),
        ("brief", RecordingFault.SINGLE_SAMPLE, "single sample of the sensor 'brief'"),
    ):
        with pytest.raises(RecordingError, match=words) as caught:
            recording.samples([slot])
        assert caught.value.reason is fault
        assert caught.value.sensor == slot
    assert len(recording.samples(["u1"])["u1"]) == 2


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    changes=st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=4
    ),
    in_footer=st.booleans(),
)
def test_no_damage_gives_anything_but_a_recording_error(
    tmp_path: Path, changes: list[tuple[float, int]], in_footer: bool
) -> None:
    path = tmp_path / "r.parquet"
    if not path.exists():
        with RecordingWriter(path, info_of("u1", "u2")) as writer:
            writer.write(some_samples("u1", np.arange(400) / 3.0))
            writer.write(some_samples("u2", np.arange(300) / 3.0))
    raw = bytearray(path.read_bytes())
    first = len(raw) - 8 - int.from_bytes(raw[-8:-4], "little") if in_footer else 0
    for share, value in changes:
        raw[first + int(share * (len(raw) - first))] = value
    damaged = tmp_path / "damaged.parquet"
    damaged.write_bytes(raw)
    told = f"{damaged} reads well."
    try:
        opened(damaged)
    except RecordingError as error:
        told = str(error)
    assert str(damaged) in told
    assert told.endswith(".")


# --- writing


def test_row_groups_are_at_most_a_minute_and_ordered_by_time(tmp_path: Path) -> None:
    path = tmp_path / "r.parquet"
    with RecordingWriter(path, info_of("u1", "u2")) as writer:
        for second in range(200):
            writer.write(some_samples("u2", second + np.arange(20) / 20.0))
            writer.write(some_samples("u1", second + 0.01 + np.arange(10) / 10.0))
    file = pq.ParquetFile(path)
    assert file.num_row_groups == 4
    before = -np.inf
    for group in range(file.num_row_groups):
        t_s = file.read_row_group(group)["t_s"].to_numpy()
        assert np.all(np.diff(t_s) >= 0.0)
        assert t_s[-1] - t_s[0] <= ROW_GROUP_S
        assert t_s[0] >= before
        before = t_s[-1]
    assert file.metadata.row_group(0).column(2).compression == "ZSTD"
    assert "BYTE_STREAM_SPLIT" in file.metadata.row_group(0).column(2).encodings


def test_sensors_written_one_after_the_other_are_all_kept(tmp_path: Path) -> None:
    path = tmp_path / "r.parquet"
    parts = [some_samples(slot, np.arange(3000) / 10.0, k) for k, slot in enumerate(("u1", "u2"))]
    with RecordingWriter(path, info_of("u1", "u2")) as writer:
        for part in parts:
            for row in range(0, 3000, 100):
                writer.write(part.rows(row, row + 100))
    assert pq.ParquetFile(path).num_row_groups <= 11
    for part in parts:
        assert_same(Recording.open(path).samples()[part.sensor], part)


def test_nothing_has_the_final_name_before_the_end(tmp_path: Path) -> None:
    path = tmp_path / "r.parquet"
    writer = RecordingWriter(path, info_of("u1"))
    writer.write(some_samples("u1", np.arange(100.0)))
    assert not path.exists()
    writer.close()
    writer.close()
    assert [entry.name for entry in tmp_path.iterdir()] == ["r.parquet"]
    with pytest.raises(ValueError, match="closed"):
        writer.write(some_samples("u1", [200.0, 201.0]))


def test_a_failure_leaves_what_was_there_before(tmp_path: Path) -> None:
    path = tmp_path / "r.parquet"
    path.write_bytes(b"before")
    with suppress(ZeroDivisionError), RecordingWriter(path, info_of("u1")) as writer:
        writer.write(some_samples("u1", np.arange(100.0)))
        writer.write(some_samples("u1", [1.0 / 0]))
    assert [entry.name for entry in tmp_path.iterdir()] == ["r.parquet"]
    assert path.read_bytes() == b"before"


def test_a_recording_without_samples_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(RecordingError) as caught, RecordingWriter(tmp_path / "r", info_of("u1")):
        pass
    assert caught.value.reason is RecordingFault.NO_ROWS
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="folder exists") as caught:
        RecordingWriter(tmp_path / "none" / "r.parquet", info_of("u1"))
    assert caught.value.reason is RecordingFault.UNWRITABLE


def test_a_full_disk_is_told_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    writer = RecordingWriter(tmp_path / "r.parquet", info_of("u1"))
    writer.write(some_samples("u1", [0.0, 1.0]))
    with pytest.raises(RecordingError, match="No space left") as caught:
        writer.close()
    assert caught.value.reason is RecordingFault.UNWRITABLE
    assert list(tmp_path.iterdir()) == []


def test_the_writer_refuses_what_no_reader_would_take(tmp_path: Path) -> None:
    with RecordingWriter(tmp_path / "r.parquet", info_of("u1")) as writer:
        writer.write(some_samples("u1", [0.0, 1.0]))
        for samples, fault in (
            (some_samples("u9", [0.0]), RecordingFault.UNKNOWN_SENSOR),
            (some_samples("u1", [1.0]), RecordingFault.TIME_REPEATED),
            (some_samples("u1", [3.0, 2.0]), RecordingFault.TIME_UNSORTED),
            (some_samples("u1", [np.nan]), RecordingFault.TIME_NOT_FINITE),
        ):
            with pytest.raises(RecordingError) as caught:
                writer.write(samples)
            assert caught.value.reason is fault
        writer.write(some_samples("u1", []))
        with pytest.raises(RecordingError, match="engine"):
            writer.update_info(engine="fast")
        with pytest.raises(ValueError, match="slots"):
            writer.update_info(sensors={"u2": {"rate_hz": 1}})
        with pytest.raises(ValueError, match="magnetometer"):
            writer.write(some_samples("u1", [5.0]), np.ones((1, 3)))
    assert len(Recording.open(tmp_path / "r.parquet").samples()["u1"]) == 2


# --- copying


def magnetic(path: Path) -> dict[str, np.ndarray[Any, np.dtype[np.float32]]]:
    table = pq.read_table(path)
    slots = np.array(table["sensor"].to_pylist())
    order = np.argsort(table["t_s"].to_numpy(), kind="stable")
    values = np.stack([table[name].to_numpy() for name in ("mag_x", "mag_y", "mag_z")], axis=1)
    return {str(slot): values[order][slots[order] == slot] for slot in np.unique(slots)}


def test_a_copy_keeps_the_rows_with_the_magnetometer(tmp_path: Path) -> None:
    source, target = tmp_path / "a.parquet", tmp_path / "b.parquet"
    field = np.random.default_rng(3).normal(size=(900, 3)).astype(np.float32)
    with RecordingWriter(source, info_of("u1", "u2", "u3", id="a"), magnetometer=True) as writer:
        writer.write(some_samples("u1", np.arange(900) / 3.0, 1), field)
        writer.write(some_samples("u2", np.arange(900) / 3.0, 2))
        writer.write(some_samples("u3", np.arange(900) / 3.0, 3))
    copy_recording(
        source, target, ["u2", "u1"], {"id": "b", "source": "a"}, rename={"u1": "pelvis"}
    )
    original, copy = Recording.open(source), Recording.open(target)
    assert copy.slots == ("u2", "pelvis")
    assert (copy.info.id, copy.info.source) == ("b", "a")
    assert copy.magnetometer
    assert_same(copy.samples()["u2"], original.samples()["u2"])
    renamed = original.samples()["u1"]
    assert copy.samples()["pelvis"].acc_mps2.tobytes() == renamed.acc_mps2.tobytes()
    assert magnetic(target)["pelvis"].tobytes() == field.tobytes()
    assert np.isnan(magnetic(target)["u2"]).all()
    file = pq.ParquetFile(target)
    assert np.all(np.diff(file.read()["t_s"].to_numpy()) >= 0.0)
    with pytest.raises(ValueError, match="the same"):
        copy_recording(source, target, ["u1", "u2"], rename={"u1": "u2"})


def test_a_copy_may_take_the_place_of_its_source(tmp_path: Path) -> None:
    path = tmp_path / "r.parquet"
    pq.write_table(table_of_samples([some_samples("u1", np.arange(200) / 2.0)]), path)
    before = Recording.open(path).samples()["u1"]
    copy_recording(path, path, info_changes={"id": "again", "events": [{"type": "rep"}]})
    after = Recording.open(path)
    assert_same(after.samples()["u1"], before)
    assert after.info.id == "again"
    copy_recording(path, path, info_changes={"events": None})
    assert read_info(path).events is None
    with pytest.raises(RecordingError, match="events"):
        copy_recording(path, path, info_changes={"events": 3})
