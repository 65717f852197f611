"""The file of raw packets: written, read, and decoded again to the last bit."""

import json
import os
import random
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devices import packet_file
from devices.errors import PacketFileError, PacketFileFault
from devices.intake import Intake, SensorSetup
from devices.packet_file import (
    METADATA_KEY,
    Arrived,
    PacketEvent,
    PacketFile,
    PacketFileInfo,
    PacketFileWriter,
    PacketSensor,
    Ticked,
    feed,
    redecode,
)
from devices.packets import Packet
from firmware_profiles.library import profile_ids
from firmware_profiles.schema import Profile
from motion.samples import Samples, Watermark
from tests.devices.radio import (
    DOT,
    ORIGIN_NS,
    disturbed,
    dot,
    dot_bytes,
    link,
    sent,
    session,
    stalled,
    thingy,
    ticks,
)

SETUPS = {"left": dot(), "right": thingy()}
INFO = PacketFileInfo(
    sensors={slot: PacketSensor.of(setup) for slot, setup in SETUPS.items()},
    origin_ns=ORIGIN_NS,
    id="morning",
)


def write(path: Path, events: list[PacketEvent], info: PacketFileInfo = INFO) -> Path:
    with PacketFileWriter(path, info) as writer:
        for event in events:
            writer.write(event)
    return path


def bits(items: list[Samples | Watermark]) -> list[object]:
    return [
        (item.sensor, item.t_s.tobytes(), item.acc_mps2.tobytes(), item.gyr_radps.tobytes())
        if isinstance(item, Samples)
        else item.t_s.hex()
        for item in items
    ]


def events_of_a_bad_morning(seed: int) -> list[PacketEvent]:
    return disturbed(
        session(
            sent("left", 0.0, 12.0, setup=SETUPS["left"]),
            stalled(sent("right", 0.0, 12.0, setup=SETUPS["right"], phase_s=0.02), 3.0, 4.2),
            sent("left", 13.5, 18.0, setup=SETUPS["left"], offset_s=-13.0),
            [link("left", True, 0.0), link("left", False, 12.5), link("left", True, 13.2)],
            ticks(18.0),
        ),
        seed,
    )


@pytest.mark.parametrize("seed", range(3))
def test_an_old_session_is_decoded_again_to_the_last_bit(tmp_path: Path, seed: int) -> None:
    events = events_of_a_bad_morning(seed)
    intake = Intake(SETUPS, ORIGIN_NS)
    live = []
    with PacketFileWriter(tmp_path / "morning.packets.parquet", INFO) as writer:
        for event in events:
            writer.write(event)
            live += feed(intake, event)
    again = list(redecode(tmp_path / "morning.packets.parquet"))
    assert bits(again) == bits(live)
    assert sum(isinstance(item, Watermark) for item in live) > 150
    assert intake.counts["left"].reconnects == 1
    assert intake.counts["left"].duplicate > 0
    assert intake.counts["left"].refused


def test_an_old_session_can_be_read_with_another_profile(tmp_path: Path) -> None:
    path = write(tmp_path / "x.parquet", session(sent("left", 0.0, 2.0, setup=SETUPS["left"])))
    document = dot().profile.document()
    document["modes"]["rate-quantities"]["packets"][0]["header"][1]["scale"] = 2.0
    better = SensorSetup(Profile.from_document(document))
    doubled, plain = list(redecode(path, {"left": better})), list(redecode(path))
    for one, two in zip(plain, doubled, strict=True):
        assert isinstance(one, Samples)
        assert isinstance(two, Samples)
        np.testing.assert_array_equal(two.acc_mps2, 2.0 * one.acc_mps2)
        np.testing.assert_array_equal(two.t_s, one.t_s)


def test_rows_come_back_as_they_were_written_over_several_row_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packet_file, "GROUP_ROWS", 100)
    monkeypatch.setattr(packet_file, "BATCH_ROWS", 30)
    events = events_of_a_bad_morning(1)
    path = write(tmp_path / "x.parquet", events)
    file = PacketFile.open(path)
    assert list(file.events()) == events
    assert file.rows == len(events)
    assert pq.ParquetFile(path).num_row_groups > 5
    assert (file.info.id, file.info.origin_ns) == ("morning", ORIGIN_NS)


def test_large_packets_close_a_row_group_early(tmp_path: Path) -> None:
    data = random.Random(1).randbytes(512)
    events: list[PacketEvent] = [
        Arrived("left", Packet(index, DOT, data)) for index in range(packet_file.GROUP_BYTES // 256)
    ]
    assert pq.ParquetFile(write(tmp_path / "x.parquet", events)).num_row_groups == 2


@pytest.mark.parametrize("profile_id", profile_ids())
def test_a_profile_survives_being_stored_beside_the_packets(
    tmp_path: Path, profile_id: str
) -> None:
    profile = Profile.load(profile_id)
    setup = SensorSetup(profile, profile.default_mode, profile.rate_hz())
    info = PacketFileInfo(sensors={"wrist": PacketSensor.of(setup)}, origin_ns=0)
    path = write(tmp_path / "x.parquet", [Ticked(0)], info)
    assert PacketFile.open(path).info.setups(path="x")["wrist"] == setup


def test_a_session_without_packets_is_a_file_without_rows(tmp_path: Path) -> None:
    assert list(redecode(write(tmp_path / "x.parquet", []))) == []


def test_nothing_has_the_name_of_the_file_before_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    writer = PacketFileWriter(path, INFO)
    writer.write(Ticked(0))
    assert not path.exists()
    writer.close()
    assert os.listdir(tmp_path) == ["x.parquet"]
    writer.close()
    with pytest.raises(ValueError, match="closed"):
        writer.write(Ticked(1))


def test_an_exception_leaves_no_file_and_keeps_the_one_before(tmp_path: Path) -> None:
    path = write(tmp_path / "x.parquet", [Ticked(7)])

    def fail() -> None:
        with PacketFileWriter(path, INFO) as writer:
            writer.write(Ticked(8))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert os.listdir(tmp_path) == ["x.parquet"]
    assert list(PacketFile.open(path).events()) == [Ticked(7)]


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(PacketFileError, match="cannot be written") as caught:
        PacketFileWriter(tmp_path / "no" / "x.parquet", INFO)
    assert caught.value.reason is PacketFileFault.UNWRITABLE


def test_what_is_no_packet_of_the_session_is_not_written(tmp_path: Path) -> None:
    with PacketFileWriter(tmp_path / "x.parquet", INFO) as writer:
        with pytest.raises(ValueError, match="'ankle'"):
            writer.write(Arrived("ankle", Packet(0, DOT, b"")))
        with pytest.raises(ValueError, match="513 bytes"):
            writer.write(Arrived("left", Packet(0, DOT, bytes(513))))


def table(**columns: object) -> pa.Table:
    """A sound table of one packet, with columns replaced or, by None, left out."""
    whole: dict[str, object] = {
        "sensor": pa.array(["left"]),
        "arrival_ns": pa.array([ORIGIN_NS], pa.int64()),
        "characteristic": pa.array([DOT]),
        "bytes": pa.array([dot_bytes(0.0, 0.0)], pa.binary()),
    } | columns
    return pa.table({name: values for name, values in whole.items() if values is not None})


def store(path: Path, content: pa.Table, document: bytes | None = None) -> Path:
    if document is None:
        document = INFO.model_dump_json(by_alias=True, exclude_none=True).encode()
    pq.write_table(content.replace_schema_metadata({METADATA_KEY: document}), path)
    return path


def refusal(path: Path) -> PacketFileError:
    with pytest.raises(PacketFileError) as caught:
        list(redecode(path))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    return caught.value


def test_a_sound_table_of_other_make_is_read(tmp_path: Path) -> None:
    (samples,) = redecode(store(tmp_path / "x.parquet", table()))
    assert len(samples) == 1  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "columns",
    [
        {"sensor": None},
        {"bytes": None},
        {"sensor": pa.array([1])},
        {"arrival_ns": pa.array([0.5])},
        {"characteristic": pa.array([b"x"], pa.binary())},
        {"bytes": pa.array(["text"])},
    ],
)
def test_other_columns_are_refused(tmp_path: Path, columns: dict[str, object]) -> None:
    error = refusal(store(tmp_path / "x.parquet", table(**columns)))
    assert error.reason is PacketFileFault.COLUMNS
    assert next(iter(columns)) in str(error)


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"sensor": pa.array([None], pa.string())}, "empty"),
        ({"bytes": pa.array([None], pa.binary())}, "empty"),
        ({"arrival_ns": pa.array([None], pa.int64())}, "empty"),
        ({"arrival_ns": pa.array([2**63 - 1], pa.int64())}, "no clock"),
        ({"sensor": pa.array(["ankle"])}, "'ankle'"),
        ({"characteristic": pa.array(["link"])}, "neither up nor down"),
        ({"bytes": pa.array([bytes(513)], pa.binary())}, "513 bytes"),
    ],
)
def test_a_row_that_no_session_writes_is_named(
    tmp_path: Path, columns: dict[str, object], told: str
) -> None:
    sound = table()
    wrong = pa.concat_tables([sound, sound, table(**columns)])
    error = refusal(store(tmp_path / "x.parquet", wrong))
    assert (error.reason, error.row) == (PacketFileFault.ROW, 2)
    assert told in str(error)


def changed(change: Callable[[dict[str, object]], object]) -> bytes:
    document = json.loads(INFO.model_dump_json(by_alias=True, exclude_none=True))
    change(document)
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("document", "field"),
    [
        (b"{", None),
        (changed(lambda info: info.update(schema=2)), "schema"),
        (changed(lambda info: info.update(sensors={})), "sensors"),
        (changed(lambda info: info.pop("origin_ns")), "origin_ns"),
        (changed(lambda info: info.update(origin_ns=2**70)), "origin_ns"),
    ],
)
def test_metadata_that_describe_no_packets_are_refused(
    tmp_path: Path, document: bytes, field: str | None
) -> None:
    error = refusal(store(tmp_path / "x.parquet", table(), document))
    assert (error.reason, error.field) == (PacketFileFault.METADATA, field)


def test_a_stored_profile_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    def change(info: dict[str, object]) -> None:
        info["sensors"]["left"]["profile"]["modes"] = {}  # type: ignore[index]

    error = refusal(store(tmp_path / "x.parquet", table(), changed(change)))
    assert (error.reason, error.field) == (PacketFileFault.PROFILE, "sensors.left.profile")


def test_a_parquet_file_of_something_else_is_refused(tmp_path: Path) -> None:
    pq.write_table(table(), tmp_path / "x.parquet")
    assert refusal(tmp_path / "x.parquet").reason is PacketFileFault.METADATA


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, PacketFileFault.NOT_FOUND),
        (b"", PacketFileFault.NOT_PARQUET),
        (b"sensor,arrival_ns\n", PacketFileFault.NOT_PARQUET),
        (b"PAR1 and then nothing", PacketFileFault.DAMAGED),
    ],
)
def test_what_is_no_whole_parquet_file_is_refused(
    tmp_path: Path, content: bytes | None, reason: PacketFileFault
) -> None:
    path = tmp_path / "x.parquet"
    if content is not None:
        path.write_bytes(content)
    assert refusal(path).reason is reason


def test_a_folder_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path).reason is PacketFileFault.UNREADABLE


def test_a_row_group_larger_than_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "x.parquet", events_of_a_bad_morning(2))
    monkeypatch.setattr(packet_file, "LARGEST_GROUP_BYTES", 1000)
    assert refusal(path).reason is PacketFileFault.TOO_LARGE


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    events = session(sent("left", 0.0, 3.0, setup=SETUPS["left"]), ticks(3.0))
    return write(tmp_path_factory.mktemp("packets") / "sound.parquet", events)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(at=st.floats(0.0, 1.0), value=st.integers(0, 255), cut=st.booleans())
def test_a_damaged_file_gives_an_error_that_names_it_or_nothing_worse(
    sound: Path, tmp_path: Path, at: float, value: int, cut: bool
) -> None:
    data = bytearray(sound.read_bytes())
    place = min(len(data) - 1, int(at * len(data)))
    if cut:
        del data[place:]
    else:
        data[place] = value
    path = tmp_path / "damaged.parquet"
    path.write_bytes(data)
    told = None
    try:
        for item in redecode(path):
            assert isinstance(item, Samples | Watermark)
    except PacketFileError as error:
        told = str(error)
    assert told is None or str(path) in told


def test_memory_does_not_grow_with_the_length_of_a_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packet_file, "GROUP_ROWS", 1000)
    monkeypatch.setattr(packet_file, "BATCH_ROWS", 500)

    def peak(rows: int) -> int:
        tracemalloc.start()
        with PacketFileWriter(tmp_path / f"{rows}.parquet", INFO) as writer:
            for index in range(rows):
                writer.write(Arrived("left", Packet(index, DOT, dot_bytes(index, index))))
        for _ in PacketFile.open(tmp_path / f"{rows}.parquet").events():
            pass
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return highest

    few, many = peak(4000), peak(20_000)
    assert many < 1.3 * few
