"""The file of raw packets beside a live session: what arrived, when, and how it was read then.

Writes and reads its layout in bounded memory, and decodes an old session again. How packets become
samples is `intake`'s business; the recording of the samples is `recording`'s.
"""

import os
import secrets
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, Final, Literal, Self

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from devices.errors import PacketFileError, PacketFileFault
from devices.intake import Intake, SensorSetup
from devices.packets import Packet
from devices.recording import MOST_SENSORS, Slot
from firmware_profiles.errors import ProfileError
from firmware_profiles.schema import Profile
from motion.samples import Samples, Watermark

METADATA_KEY: Final = b"gonio.packets"
SCHEMA: Final = 1
# What stands in `characteristic` for what is no packet.
LINK: Final = "link"
TICK: Final = "tick"
UP: Final = b"up"
DOWN: Final = b"down"

# The value of an attribute is at most 512 bytes long (Bluetooth Core, volume 3, part F, 3.2.9).
LONGEST_PACKET: Final = 512
# No host runs so long: 292 years in nanoseconds are 63 bits.
LARGEST_NS: Final = 2**62
# A row group is written after so many rows, 40 s of eight sensors at 100 Hz, or so many bytes.
GROUP_ROWS: Final = 32_768
GROUP_BYTES: Final = 4 * 2**20
# Rows decoded at once.
BATCH_ROWS: Final = 4096
# What a reader takes of one row group, uncompressed: its rows at the longest packet, four times.
LARGEST_GROUP_BYTES: Final = 4 * GROUP_ROWS * LONGEST_PACKET
# Eight profiles as documents are 300 kB.
LARGEST_FOOTER_BYTES: Final = 32 * 2**20
LONGEST_QUOTE: Final = 80

_COLUMNS: Final = ("sensor", "arrival_ns", "characteristic", "bytes")
_READ_ERRORS: Final = (pa.ArrowException, OSError, ValueError, KeyError, TypeError, EOFError)


class _Part(BaseModel):
    """Keys that this version does not know are kept."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False, populate_by_name=True)


class PacketSensor(_Part):
    """How a sensor's packets are read. profile: as a document, so that it stays what it was."""

    profile: dict[str, JsonValue]
    mode: str | None = None
    rate_hz: float | None = Field(default=None, gt=0, le=100_000)
    parameters: dict[str, float] = Field(default_factory=dict)

    @classmethod
    def of(cls, setup: SensorSetup) -> Self:
        """As a session has set it up."""
        return cls(
            profile=setup.profile.document(),
            mode=setup.mode,
            rate_hz=setup.rate_hz,
            parameters=dict(setup.parameters),
        )


class PacketFileInfo(_Part):
    """The JSON document in the file's metadata. origin_ns: the arrival that is session time 0."""

    layout: Annotated[Literal[1], Field(alias="schema")] = SCHEMA
    sensors: dict[Slot, PacketSensor] = Field(min_length=1, max_length=MOST_SENSORS)
    origin_ns: int = Field(ge=-LARGEST_NS, le=LARGEST_NS)
    id: str | None = None

    def setups(self, *, path: str) -> dict[str, SensorSetup]:
        """What an intake needs; raises PacketFileError where a profile cannot be used."""
        setups = {}
        for slot, sensor in self.sensors.items():
            try:
                profile = Profile.from_document(sensor.profile, path=f"{path}: sensor {slot!r}")
                setup = SensorSetup(profile, sensor.mode, sensor.rate_hz, sensor.parameters)
                Intake({slot: setup}, self.origin_ns)
            except ProfileError as error:
                raise PacketFileError(
                    PacketFileFault.PROFILE,
                    f"{path}: the profile of the sensor {slot!r} cannot be used ({error}).",
                    path=path,
                    field=f"sensors.{slot}.profile",
                ) from None
            setups[slot] = setup
        return setups


@dataclass(frozen=True, slots=True)
class Arrived:
    """A packet of the sensor in a slot."""

    sensor: str
    packet: Packet


@dataclass(frozen=True, slots=True)
class LinkChanged:
    """The link of a sensor came up or went down."""

    sensor: str
    up: bool
    at_ns: int


@dataclass(frozen=True, slots=True)
class Ticked:
    """A watermark was asked for."""

    at_ns: int


PacketEvent = Arrived | LinkChanged | Ticked


def feed(intake: Intake, event: PacketEvent) -> list[Samples | Watermark]:
    """What an intake makes of one event: the same live and from a file."""
    if isinstance(event, Arrived):
        return list(intake.packet(event.sensor, event.packet))
    if isinstance(event, LinkChanged):
        intake.link(event.sensor, event.up, event.at_ns)
        return []
    watermark = intake.tick(event.at_ns)
    return [] if watermark is None else [watermark]


class PacketFile:
    """A file of raw packets whose container, columns and metadata were found sound by `open`.

    info: the metadata. rows: how many there are.
    """

    def __init__(self, path: str, info: PacketFileInfo, rows: int) -> None:
        self.path = path
        self.info = info
        self.rows = rows

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Raises PacketFileError, which names the file, what is wrong and the remedy.

        The file is not held open, and its rows are checked as they are read.
        """
        text = str(path)
        _check_container(text)
        with _opened(text) as file:
            with _reading(text):
                schema = file.schema_arrow
                document = dict(file.metadata.metadata or {}).get(METADATA_KEY)
                rows = file.metadata.num_rows
            _check_columns(schema, text)
        if document is None:
            raise PacketFileError(
                PacketFileFault.METADATA,
                f"{text} lacks the metadata key {METADATA_KEY.decode()!r}, so that nobody knows "
                "how to read its packets; give the file that was written beside a live session.",
                path=text,
            )
        try:
            info = PacketFileInfo.model_validate_json(document)
        except ValidationError as error:
            raise _metadata_error(error, text) from None
        return cls(text, info, rows)

    def events(self) -> Iterator[PacketEvent]:
        """Packets, link changes and ticks in the order in which they were written, streaming.

        Raises PacketFileError naming the row.
        """
        row = 0
        with _opened(self.path) as file:
            for group in range(file.num_row_groups):
                with _reading(self.path):
                    size = file.metadata.row_group(group).total_byte_size
                if not 0 <= size <= LARGEST_GROUP_BYTES:
                    raise PacketFileError(
                        PacketFileFault.TOO_LARGE,
                        f"{self.path}: row group {group} holds {size / 2**20:.0f} MB, more than "
                        f"packets do; write the file in groups of at most {GROUP_ROWS} rows.",
                        path=self.path,
                    )
                with _reading(self.path):
                    batches = file.iter_batches(
                        batch_size=BATCH_ROWS,
                        row_groups=[group],
                        columns=list(_COLUMNS),
                        use_threads=False,
                    )
                while True:
                    with _reading(self.path):
                        batch = next(batches, None)
                        if batch is None:
                            break
                        columns = [batch.column(name).to_pylist() for name in _COLUMNS]
                    for values in zip(*columns, strict=True):
                        yield self._event(row, *values)
                        row += 1

    def _event(
        self, row: int, sensor: str | None, at_ns: int | None, kind: str | None, data: bytes | None
    ) -> PacketEvent:
        if sensor is None or at_ns is None or kind is None or data is None:
            raise self._wrong(row, "has an empty field")
        if abs(at_ns) > LARGEST_NS:
            raise self._wrong(row, f"has the arrival {at_ns} ns, which no clock shows")
        if kind == TICK:
            return Ticked(at_ns)
        if sensor not in self.info.sensors:
            raise self._wrong(row, f"is of the sensor {_quoted(sensor)}, which is not described")
        if kind == LINK:
            if data not in (UP, DOWN):
                raise self._wrong(row, "is a link change that is neither up nor down")
            return LinkChanged(sensor, data == UP, at_ns)
        if len(data) > LONGEST_PACKET:
            raise self._wrong(row, f"holds {len(data)} bytes, more than Bluetooth LE sends")
        return Arrived(sensor, Packet(at_ns, kind, data))

    def _wrong(self, row: int, what: str) -> PacketFileError:
        return PacketFileError(
            PacketFileFault.ROW,
            f"{self.path}: row {row} (counted from 0) {what}; the file was not written by a live "
            "session, or is damaged: use another copy.",
            path=self.path,
            row=row,
        )


def redecode(
    path: str | Path, changed: Mapping[str, SensorSetup] | None = None
) -> Iterator[Samples | Watermark]:
    """Samples and watermarks that a live session got from these packets, to the last bit.

    changed: by slot, what is read in another way than then, with a better profile say. Raises
    PacketFileError.
    """
    packets = PacketFile.open(path)
    setups = {**packets.info.setups(path=packets.path), **(changed or {})}
    intake = Intake(setups, packets.info.origin_ns)
    for event in packets.events():
        yield from feed(intake, event)


class PacketFileWriter:
    """Writes packets as they arrive; a context manager.

    Rows keep the order in which they come. They go to a temporary file beside `path`, in row
    groups, and only `close` gives it its name: a crash leaves no half file, an exception within
    the `with` leaves nothing. Memory holds one row group.
    """

    def __init__(self, path: str | Path, info: PacketFileInfo) -> None:
        """Raises PacketFileError if unwritable."""
        self.path = str(path)
        self.info = info
        self._rows: list[tuple[str, int, str, bytes]] = []
        self._bytes = 0
        self._closed = False
        target = Path(path)
        self._part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
        document = info.model_dump_json(by_alias=True, exclude_none=True).encode()
        self._schema = pa.schema(
            [
                pa.field("sensor", pa.dictionary(pa.int8(), pa.string())),
                pa.field("arrival_ns", pa.int64()),
                pa.field("characteristic", pa.dictionary(pa.int16(), pa.string())),
                pa.field("bytes", pa.binary()),
            ],
            metadata={METADATA_KEY: document},
        )
        with self._writing():
            self._file = self._part.open("xb")
            self._parquet = pq.ParquetWriter(
                self._file,
                self._schema,
                compression="zstd",
                use_dictionary=["sensor", "characteristic"],
                write_page_checksum=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()

    def write(self, event: PacketEvent) -> None:
        """Append an event, in the order in which the intake gets them.

        Raises PacketFileError when the disk is full; ValueError when the sensor is not described,
        the packet is longer than one can be, or the writer is closed.
        """
        if self._closed:
            raise ValueError(f"{self.path} is closed; nothing more can be written")
        if isinstance(event, Ticked):
            row = ("", event.at_ns, TICK, b"")
        elif isinstance(event, LinkChanged):
            row = (event.sensor, event.at_ns, LINK, UP if event.up else DOWN)
        else:
            row = (event.sensor, *event.packet)
        if row[0] and row[0] not in self.info.sensors:
            raise ValueError(f"the sensor {row[0]!r} is not in the metadata of {self.path}")
        if len(row[3]) > LONGEST_PACKET:
            raise ValueError(f"a packet of {len(row[3])} bytes is none of Bluetooth LE")
        self._rows.append((row[0], row[1], row[2], bytes(row[3])))
        self._bytes += len(row[3])
        if len(self._rows) >= GROUP_ROWS or self._bytes >= GROUP_BYTES:
            with self._writing():
                self._write_group()

    def close(self) -> None:
        """Write what is held and give the file its name; raises PacketFileError if unwritable."""
        if self._closed:
            return
        with self._writing():
            self._write_group()
            self._parquet.close()
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            os.replace(self._part, self.path)
        self._closed = True

    def abort(self) -> None:
        """Drop everything written; a file of that name from before stays as it was."""
        if self._closed:
            return
        self._closed = True
        self._rows.clear()
        # The disk may be full; what is closed here is deleted in the next line but one.
        with suppress(*_READ_ERRORS):
            self._parquet.close()
        self._file.close()
        self._part.unlink(missing_ok=True)

    def _write_group(self) -> None:
        if not self._rows:
            return
        sensors, arrivals, characteristics, data = zip(*self._rows, strict=True)
        table = pa.Table.from_arrays(
            [
                pa.array(sensors, pa.string()).dictionary_encode().cast(self._schema.field(0).type),
                pa.array(arrivals, pa.int64()),
                pa.array(characteristics, pa.string())
                .dictionary_encode()
                .cast(self._schema.field(2).type),
                pa.array(data, pa.binary()),
            ],
            schema=self._schema,
        )
        self._parquet.write_table(table, row_group_size=table.num_rows)
        self._rows.clear()
        self._bytes = 0

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except (OSError, pa.ArrowException) as error:
            if hasattr(self, "_parquet"):
                self.abort()
            reason = getattr(error, "strerror", None) or str(error)
            raise PacketFileError(
                PacketFileFault.UNWRITABLE,
                f"{_quoted(self.path)} cannot be written ({reason[: 2 * LONGEST_QUOTE]}); check "
                "that the folder exists, allows writing and has room.",
                path=self.path,
            ) from None


def _quoted(value: object) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST_QUOTE else f"{text[:LONGEST_QUOTE]}..."


def _check_container(path: str) -> None:
    """Tell a missing, foreign or cut-off file from a Parquet file before pyarrow sees it."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise PacketFileError(
                PacketFileFault.UNREADABLE,
                f"{path} is not a regular file; give the path of a file of packets.",
                path=path,
            )
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            head = file.read(4)
            file.seek(max(0, size - 8))
            tail = file.read(8)
    except FileNotFoundError:
        raise PacketFileError(
            PacketFileFault.NOT_FOUND,
            f"{path} does not exist; raw packets lie beside a live session's recording, as "
            "ID.packets.parquet.",
            path=path,
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise PacketFileError(
            PacketFileFault.UNREADABLE,
            f"{_quoted(path)} cannot be read ({reason}); check the path and its permissions.",
            path=path,
        ) from None
    if head != b"PAR1":
        raise PacketFileError(
            PacketFileFault.NOT_PARQUET,
            f"{path} is not a Parquet file; give the packets of a live session.",
            path=path,
        )
    footer = int.from_bytes(tail[:4], "little")
    if size < 12 or tail[4:] != b"PAR1" or footer > min(size - 12, LARGEST_FOOTER_BYTES):
        raise PacketFileError(
            PacketFileFault.DAMAGED,
            f"{path} is a Parquet file whose end is missing or damaged; copy it again.",
            path=path,
        )


def _check_columns(schema: Any, path: str) -> None:
    kinds = pa.types
    for name in _COLUMNS:
        found = schema.names.count(name)
        if found != 1:
            raise PacketFileError(
                PacketFileFault.COLUMNS,
                f"{path} {'lacks the column' if not found else 'has more than one column'} {name}; "
                f"a file of packets has {', '.join(_COLUMNS)}.",
                path=path,
            )
        kind = schema.field(name).type
        if name == "arrival_ns":
            fits = kinds.is_int64(kind)
        elif name == "bytes":
            fits = kinds.is_binary(kind) or kinds.is_large_binary(kind)
        else:
            kind = kind.value_type if kinds.is_dictionary(kind) else kind
            fits = kinds.is_string(kind) or kinds.is_large_string(kind)
        if not fits:
            raise PacketFileError(
                PacketFileFault.COLUMNS,
                f"{path}: column {name} has the type {str(kind)[:LONGEST_QUOTE]}, which is not "
                "that of packets; give the packets of a live session.",
                path=path,
            )


def _metadata_error(error: ValidationError, path: str) -> PacketFileError:
    first = error.errors(include_url=False, include_input=False)[0]
    field = ".".join(str(part) for part in first["loc"]).replace("layout", "schema")
    field = field.encode("unicode_escape").decode()[:LONGEST_QUOTE]
    return PacketFileError(
        PacketFileFault.METADATA,
        f"{path}: the JSON document in the metadata key {METADATA_KEY.decode()!r} does not "
        f"describe packets ({field}: {str(first['msg'])[: 2 * LONGEST_QUOTE]}); use another copy, "
        "or a newer gonio.",
        path=path,
        field=field or None,
    )


@contextmanager
def _opened(path: str) -> Iterator[Any]:
    with _reading(path):
        source = pa.OSFile(path, "rb")
    with source:
        with _reading(path):
            file = pq.ParquetFile(
                source,
                buffer_size=2**18,
                pre_buffer=False,
                page_checksum_verification=True,
            )
        yield file


@contextmanager
def _reading(path: str) -> Iterator[None]:
    """Turn what pyarrow raises on a broken file into one sentence."""
    try:
        yield
    except PacketFileError:
        raise
    except _READ_ERRORS as error:
        detail = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise PacketFileError(
            PacketFileFault.DAMAGED,
            f"{path} is damaged, or uses a feature of Parquet that this reader lacks "
            f"({detail[: 2 * LONGEST_QUOTE]}); copy it again.",
            path=path,
        ) from None
