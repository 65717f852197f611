"""The packets of a session as they were received, in a Parquet file beside the recording.

Rows are what the intake was told, in its order: packets, links made and lost, ticks of the hub; the
very samples and watermarks can be made of them again. The recording itself is `recording`'s.
"""

import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

import pyarrow as pa
import pyarrow.parquet as pq

from devices.errors import PacketFileError, PacketFileFault
from devices.intake import Intake, SensorSetup
from devices.packets import Packet
from devices.recording import MOST_SENSORS
from firmware_profiles.errors import ProfileError
from firmware_profiles.schema import Profile
from motion.samples import Samples, Watermark

METADATA_KEY: Final = b"gonio.packets"
SCHEMA: Final = 1
SUFFIX: Final = ".packets.parquet"

# Rows that are no packets. A characteristic is a UUID, so that neither can be taken for one.
LINK: Final = "link"
TICK: Final = "tick"
UP: Final = b"up"
DOWN: Final = b"down"

# A minute of two sensors at 100 packets a second, with the ticks.
GROUP_ROWS: Final = 12_600
# A footer that describes eight sensors has some 100 kB of profiles.
LARGEST_FOOTER_BYTES: Final = 16 * 2**20
# The longest value that Bluetooth can notify (Core 5.4, vol. 3, part F, 3.2.9).
LONGEST_VALUE: Final = 512
_READ_ERRORS: Final = (pa.ArrowException, OSError, ValueError, KeyError, TypeError, EOFError)

_COLUMNS: Final = pa.schema(
    [
        pa.field("sensor", pa.dictionary(pa.int8(), pa.string())),
        pa.field("arrival_ns", pa.int64()),
        pa.field("characteristic", pa.dictionary(pa.int16(), pa.string())),
        pa.field("bytes", pa.binary()),
    ]
)


class Row(NamedTuple):
    """One thing that the intake was told. sensor: the slot, empty for a tick."""

    sensor: str
    arrival_ns: int
    characteristic: str
    data: bytes


class PacketFileWriter:
    """Writes packets as they come; what a hub tells its intake, it tells this.

    The file gets its name with `close`, like a recording.
    """

    def __init__(self, path: Path, sensors: Mapping[str, SensorSetup], origin_ns: int) -> None:
        """Raises PacketFileError when the file cannot be written."""
        self.path = path
        self._rows: list[Row] = []
        self._closed = False
        document = {
            "schema": SCHEMA,
            "origin_ns": origin_ns,
            "sensors": {
                slot: {
                    "profile": setup.profile.document(),
                    "mode": setup.mode,
                    "rate_hz": setup.rate_hz,
                    "parameters": dict(setup.parameters),
                }
                for slot, setup in sensors.items()
            },
        }
        self._part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
        schema = _COLUMNS.with_metadata({METADATA_KEY: json.dumps(document).encode()})
        with self._writing():
            self._file = self._part.open("xb")
            self._parquet = pq.ParquetWriter(
                self._file,
                schema,
                compression="zstd",
                use_dictionary=["sensor", "characteristic"],
                write_page_checksum=True,
            )

    def packet(self, slot: str, packet: Packet) -> None:
        """Keep a packet."""
        self._add(Row(slot, packet.arrival_ns, packet.characteristic, packet.data))

    def link(self, slot: str, up: bool, at_ns: int) -> None:
        """Keep that a link was made or lost."""
        self._add(Row(slot, at_ns, LINK, UP if up else DOWN))

    def tick(self, now_ns: int) -> None:
        """Keep that the intake was asked for a watermark."""
        self._add(Row("", now_ns, TICK, b""))

    def close(self) -> None:
        """Write what is held and give the file its name; raises PacketFileError."""
        if self._closed:
            return
        with self._writing():
            if self._rows:
                self._write_group()
            self._parquet.close()
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            os.replace(self._part, self.path)
        self._closed = True

    def abort(self) -> None:
        """Drop everything; a file of that name from before stays as it was."""
        if self._closed:
            return
        self._closed = True
        with suppress(*_READ_ERRORS):
            self._parquet.close()
        self._file.close()
        self._part.unlink(missing_ok=True)

    def _add(self, row: Row) -> None:
        self._rows.append(row)
        if len(self._rows) >= GROUP_ROWS:
            with self._writing():
                self._write_group()

    def _write_group(self) -> None:
        columns = list(zip(*self._rows, strict=True))
        arrays = [
            pa.array(columns[0]).dictionary_encode().cast(_COLUMNS.field(0).type),
            pa.array(columns[1], pa.int64()),
            pa.array(columns[2]).dictionary_encode().cast(_COLUMNS.field(2).type),
            pa.array(columns[3], pa.binary()),
        ]
        table = pa.Table.from_arrays(arrays, schema=self._parquet.schema)
        self._parquet.write_table(table, row_group_size=len(self._rows))
        self._rows.clear()

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
                f"{self.path} cannot be written ({reason[:160]}); check that the folder exists, "
                "allows writing and has room.",
                path=str(self.path),
            ) from None


@dataclass(frozen=True, slots=True)
class PacketFile:
    """The packets of a session on disk, with what is needed to decode them.

    sensors: setups by slot. origin_ns: session time 0 on the clock of the arrivals.
    """

    path: str
    sensors: Mapping[str, SensorSetup]
    origin_ns: int

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Check the file's kind, columns and description; raises PacketFileError."""
        text = str(path)
        if not Path(path).is_file():
            raise PacketFileError(
                PacketFileFault.NOT_FOUND,
                f"{text} does not exist; raw packets of a session stand in a file whose name ends "
                f"in {SUFFIX}.",
                path=text,
            )
        with _reading(text), pq.ParquetFile(text) as file:
            if file.metadata.serialized_size > LARGEST_FOOTER_BYTES:
                raise ValueError("its description is larger than that of any session")
            schema = file.schema_arrow
            _check_columns(schema)
            described = (schema.metadata or {}).get(METADATA_KEY)
            if described is None:
                raise ValueError(f"it lacks the metadata key {METADATA_KEY.decode()!r}")
            document = json.loads(described)
            if document.get("schema") != SCHEMA:
                raise ValueError(f"its layout {document.get('schema')!r} is unknown here")
            origin_ns = document["origin_ns"]
            sensors = document["sensors"]
            if type(origin_ns) is not int or not isinstance(sensors, dict):
                raise ValueError("its description is not one of a session")
            if not 1 <= len(sensors) <= MOST_SENSORS:
                raise ValueError(f"it names {len(sensors)} sensors")
            setups = {slot: _setup(slot, each, text) for slot, each in sensors.items()}
        return cls(text, setups, origin_ns)

    def rows(self) -> Iterator[Row]:
        """Everything in order, in bounded memory; raises PacketFileError where it is damaged."""
        with _reading(self.path), pq.ParquetFile(self.path) as file:
            last_ns = -(2**63)
            for batch in file.iter_batches(batch_size=GROUP_ROWS, use_threads=False):
                values = [column.to_pylist() for column in batch.columns]
                names = list(batch.schema.names)
                order = [names.index(field.name) for field in _COLUMNS]
                for row in zip(*(values[index] for index in order), strict=True):
                    found = Row(*row)
                    if None in found:
                        raise ValueError("a value is missing")
                    # Arrivals of one sensor may lie a little before those of another.
                    if found.sensor and found.sensor not in self.sensors:
                        raise ValueError(f"the sensor {found.sensor!r} is not described")
                    if len(found.data) > LONGEST_VALUE:
                        raise ValueError("a packet is longer than Bluetooth allows")
                    if found.characteristic == TICK:
                        if found.arrival_ns < last_ns:
                            raise ValueError("its ticks go backwards in time")
                        last_ns = found.arrival_ns
                    elif not found.sensor:
                        raise ValueError("a packet has no sensor")
                    yield found

    def inputs(
        self, profiles: Mapping[str, Profile] | None = None
    ) -> Iterator[Samples | Watermark]:
        """Decode the packets anew: the samples and watermarks that the session had.

        profiles: other profiles by slot, as when one has been corrected. Raises PacketFileError,
        and ProfileError where another profile lacks the mode or rate.
        """
        setups = {
            slot: SensorSetup(
                (profiles or {}).get(slot, setup.profile),
                setup.mode,
                setup.rate_hz,
                setup.parameters,
            )
            for slot, setup in self.sensors.items()
        }
        intake = Intake(setups, self.origin_ns)
        for row in self.rows():
            if row.characteristic == TICK:
                watermark = intake.tick(row.arrival_ns)
                if watermark is not None:
                    yield watermark
            elif row.characteristic == LINK:
                intake.link(row.sensor, row.data == UP, row.arrival_ns)
            else:
                yield from intake.packet(
                    row.sensor, Packet(row.arrival_ns, row.characteristic, row.data)
                )


def _setup(slot: str, document: Any, path: str) -> SensorSetup:
    try:
        profile = Profile.from_document(document["profile"], path=f"{path}, sensor {slot}")
        setup = SensorSetup(
            profile, document["mode"], document["rate_hz"], dict(document["parameters"])
        )
        profile.substitutions(profile.rate_hz(setup.mode, setup.rate_hz), setup.parameters)
    except ProfileError as error:
        raise ValueError(str(error).rstrip(".")) from None
    return setup


def _check_columns(schema: Any) -> None:
    for wanted in _COLUMNS:
        if wanted.name not in schema.names:
            raise ValueError(f"it lacks the column {wanted.name}")
        kind = schema.field(wanted.name).type
        if pa.types.is_dictionary(wanted.type):
            if pa.types.is_dictionary(kind):
                kind = kind.value_type
            fits = pa.types.is_string(kind) or pa.types.is_large_string(kind)
        else:
            fits = kind == wanted.type
        if not fits:
            raise ValueError(f"its column {wanted.name} has the type {str(kind)[:80]}")


@contextmanager
def _reading(path: str) -> Iterator[None]:
    try:
        yield
    except PacketFileError:
        raise
    except (*_READ_ERRORS, AttributeError, RecursionError) as error:
        detail = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise PacketFileError(
            PacketFileFault.DAMAGED,
            f"{path} holds no packets that can be read ({detail[:160].rstrip('.')}); give the file "
            f"that `gonio record` wrote beside the recording, ending in {SUFFIX}.",
            path=path,
        ) from None
