"""The recording: one Parquet file with the samples of a session, and what is known about it.

Reads, writes and copies the layout, streaming, in bounded memory; knows its metadata and its log.
What the samples mean is `motion`'s business; playing them at their own pace is `playback`'s.
"""

import base64
import math
import os
import secrets
import stat
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, Final, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import ArrayLike, NDArray
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    JsonValue,
    ValidationError,
    field_validator,
    model_validator,
)

from devices.errors import RecordingError, RecordingFault
from motion.samples import Float32, Float64, Samples, Watermark

METADATA_KEY: Final = b"gonio.recording"
SCHEMA: Final = 1

VALUE_COLUMNS: Final = ("acc_x", "acc_y", "acc_z", "gyr_x", "gyr_y", "gyr_z")
MAGNETOMETER_COLUMNS: Final = ("mag_x", "mag_y", "mag_z")
REQUIRED_COLUMNS: Final = ("sensor", "t_s", *VALUE_COLUMNS)

# A full-body suit has 17 sensors; the dictionary of slot names is indexed with int8.
MOST_SENSORS: Final = 64
# No wearable records longer on one battery charge, and times in milliseconds or microseconds
# exceed this after three minutes.
LONGEST_RECORDING_S: Final = 48 * 3600.0
# The footer of 48 hours at a watermark every 100 ms (1.7 million numbers of up to eight
# characters, held twice, once in base64: 33 MB), with as much again for events.
LARGEST_FOOTER_BYTES: Final = 64 * 2**20
# A recording without log is fed with a watermark every 100 ms: ten a second (design, Order and
# time). Kept as a whole number so that k / 10 is the double nearest to each time.
WATERMARKS_PER_S: Final = 10
# Rows decoded at once: 2 MB of columns, small beside the process, large beside the cost of a call.
BATCH_ROWS: Final = 65_536
# Compressed bytes read ahead a column; without it pyarrow loads whole row groups.
READ_AHEAD_BYTES: Final = 2**18
# The feed hands samples over in pieces of at most this span where no watermark cuts them.
LONGEST_PIECE_S: Final = 10.0
# A row group holds at most a minute (design, Recording) ...
ROW_GROUP_S: Final = 60.0
# ... and is written once a sensor is this far past it. Sources drop what comes more than 250 ms
# late; 5 s lets sensors that are written in turns still share a row group.
HOLD_BACK_S: Final = 5.0
# Nobody reads more of a damaged value than this in a message.
LONGEST_QUOTE: Final = 80

# What pyarrow raises on broken files; its own classes derive partly from these.
_READ_ERRORS: Final = (pa.ArrowException, OSError, ValueError, KeyError, TypeError, EOFError)

Slot = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]


class _Part(BaseModel):
    """Keys that this version does not know are kept: what a later version adds stays readable."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False, populate_by_name=True)


class SensorInfo(_Part):
    """What is known of one sensor. rate_hz: nominal samples a second."""

    rate_hz: float = Field(gt=0, le=100_000)
    profile: str | None = None
    serial: str | None = None
    firmware: str | None = None
    placement: str | None = None


class Annotation(_Part):
    """A span of session time that someone has labelled, in seconds."""

    kind: str
    label: str | None = None
    start_s: float
    end_s: float


class Expected(_Part):
    """What the recording is known to hold. in_order: (label, number) of successive blocks."""

    repetitions: int | None = Field(default=None, ge=0)
    in_order: list[tuple[str, int]] | None = None


class LoggedControl(_Part):
    """A control of a session. after: how many watermarks came before it."""

    after: int = Field(ge=0)
    control: dict[str, JsonValue]


class SessionLog(_Part):
    """Watermarks and controls of a session in their exact order; the samples are the rows.

    Kept as two lists because there are ten watermarks a second and a handful of controls:
    `watermarks_s` (session time, seconds, never decreasing) and `controls`, each with the number of
    watermarks before it; controls with the same number stand in their order.
    """

    watermarks_s: list[FiniteFloat] = Field(default_factory=list)
    controls: list[LoggedControl] = Field(default_factory=list)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        times = np.array(self.watermarks_s, dtype=np.float64)
        if np.any(times[1:] < times[:-1]):
            raise ValueError("watermarks_s goes backwards in time")
        places = [control.after for control in self.controls]
        if places != sorted(places) or (places and places[-1] > times.size):
            raise ValueError("controls are out of order or lie beyond the last watermark")
        return self

    def add_watermark(self, t_s: float) -> None:
        """Append a watermark at session time `t_s` seconds; ValueError if it goes backwards."""
        if not math.isfinite(t_s) or (self.watermarks_s and t_s < self.watermarks_s[-1]):
            raise ValueError(f"a watermark at {t_s!r} s cannot follow the ones before it")
        self.watermarks_s.append(t_s)

    def add_control(self, control: dict[str, JsonValue]) -> None:
        """Append a control, a JSON-able mapping, after all watermarks so far."""
        self.controls.append(LoggedControl(after=len(self.watermarks_s), control=control))

    def __len__(self) -> int:
        return len(self.watermarks_s) + len(self.controls)

    def items(self) -> Iterator[Watermark | dict[str, JsonValue]]:
        """Watermarks and controls in the order in which they were added."""
        controls = iter(self.controls)
        control = next(controls, None)
        for count, t_s in enumerate(self.watermarks_s):
            while control is not None and control.after <= count:
                yield control.control
                control = next(controls, None)
            yield Watermark(t_s)
        while control is not None:
            yield control.control
            control = next(controls, None)


class RecordingInfo(_Part):
    """The JSON document in a recording's metadata.

    schema 1; sensors by slot. For sessions: log, events (as given live), calibration, engine
    (versions that computed the events) and started_at.
    """

    layout: Annotated[int, Field(strict=True)] = Field(default=SCHEMA, alias="schema")
    sensors: dict[Slot, SensorInfo] = Field(min_length=1, max_length=MOST_SENSORS)
    id: str | None = None
    annotations: list[Annotation] = Field(default_factory=list)
    expected: Expected = Field(default_factory=Expected)
    source: str | None = None
    log: SessionLog | None = None
    events: list[dict[str, JsonValue]] | None = None
    calibration: dict[str, JsonValue] | None = None
    engine: dict[str, JsonValue] | None = None
    started_at: datetime | None = None

    @field_validator("layout")
    @classmethod
    def _known(cls, value: int) -> int:
        if value != SCHEMA:
            raise ValueError(f"schema {value} is not the one that this version reads, {SCHEMA}")
        return value

    @classmethod
    def from_json(cls, document: bytes, *, path: str) -> Self:
        """Parse the metadata of the file `path`; raises RecordingError naming the field."""
        try:
            info = cls.model_validate_json(document)
        except ValidationError as error:
            raise _metadata_error(error, path) from None
        if "layout" not in info.model_fields_set:
            raise _not_described(path, "schema", "it is missing")
        return info

    def to_json(self) -> bytes:
        """JSON with all that was set, unknown keys included; floats keep every bit."""
        return self.model_dump_json(by_alias=True, exclude_none=True).encode()

    def changed(self, changes: Mapping[str, Any]) -> Self:
        """A checked copy with top-level fields replaced; None removes a field.

        Raises pydantic.ValidationError when the changes do not fit.
        """
        fields = {name: getattr(self, name) for name in type(self).model_fields}
        fields |= self.model_extra or {}
        fields |= changes
        given = {name: value for name, value in fields.items() if value is not None}
        return self.model_validate(given)


def _quoted(value: object) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST_QUOTE else f"{text[:LONGEST_QUOTE]}..."


def _metadata_error(error: ValidationError, path: str) -> RecordingError:
    first = error.errors(include_url=False, include_input=False)[0]
    field = ".".join(str(part) for part in first["loc"]).replace("layout", "schema")
    field = field.encode("unicode_escape").decode()[:LONGEST_QUOTE]
    message = str(first["msg"]).removeprefix("Value error, ")[: 2 * LONGEST_QUOTE].rstrip(".")
    if first["type"] == "value_error" and field == "schema":
        return RecordingError(
            RecordingFault.METADATA,
            f"{path} was written in a layout that is unknown here ({message}); update gonio.",
            path=path,
            field=field,
        )
    return _not_described(path, field, message)


def _not_described(path: str, field: str, message: str) -> RecordingError:
    where = f"{field}: " if field else ""
    return RecordingError(
        RecordingFault.METADATA,
        f"{path}: the JSON document in the metadata key {METADATA_KEY.decode()!r} is not a "
        f"description of a recording ({where}{message}); correct it, or write the recording again.",
        path=path,
        field=field or None,
    )


@contextmanager
def _reading(path: str) -> Iterator[None]:
    """Turn what pyarrow raises on a broken file into one sentence."""
    try:
        yield
    except RecordingError:
        raise
    except _READ_ERRORS as error:
        detail = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise RecordingError(
            RecordingFault.DAMAGED,
            f"{path} is damaged, or uses a feature of Parquet that this reader lacks "
            f"({detail[: 2 * LONGEST_QUOTE]}); copy or convert the recording again.",
            path=path,
        ) from None


def _check_container(path: str) -> None:
    """Tell an empty, foreign or cut-off file from a Parquet file before pyarrow sees it."""
    try:
        mode = os.stat(path).st_mode
        if not stat.S_ISREG(mode):
            kind = "a folder" if stat.S_ISDIR(mode) else "not a regular file"
            raise RecordingError(
                RecordingFault.UNREADABLE,
                f"{path} is {kind}; give the path of a recording, a single Parquet file.",
                path=path,
            )
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            head = file.read(4)
            file.seek(max(0, size - 8))
            tail = file.read(8)
    except FileNotFoundError:
        raise RecordingError(
            RecordingFault.NOT_FOUND,
            f"{path} does not exist; check the path of the recording.",
            path=path,
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise RecordingError(
            RecordingFault.UNREADABLE,
            f"{_quoted(path)} cannot be read ({reason}); check the path and its permissions.",
            path=path,
        ) from None
    if size == 0:
        raise RecordingError(
            RecordingFault.EMPTY,
            f"{path} is empty (0 bytes); nothing was recorded, or the copy failed: copy it again.",
            path=path,
        )
    if head != b"PAR1":
        raise RecordingError(
            RecordingFault.NOT_PARQUET,
            f"{path} is not a Parquet file; give a recording, or convert the file to one.",
            path=path,
        )
    footer = int.from_bytes(tail[:4], "little")
    if size < 12 or tail[4:] != b"PAR1" or footer > size - 12:
        raise RecordingError(
            RecordingFault.TRUNCATED,
            f"{path} is a Parquet file whose end is missing; copy or download it again.",
            path=path,
        )
    if footer > LARGEST_FOOTER_BYTES:
        raise RecordingError(
            RecordingFault.METADATA,
            f"{path} has {footer / 2**20:.0f} MB of metadata, more than any recording "
            f"({LARGEST_FOOTER_BYTES / 2**20:.0f} MB); write the recording again.",
            path=path,
        )


def _is_text(kind: Any) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    kinds = pa.types
    return bool(kinds.is_string(kind) or kinds.is_large_string(kind) or kinds.is_string_view(kind))


def _check_columns(schema: Any, rows: int, path: str) -> bool:
    """Raise unless all columns are there with their types; True if a magnetometer is recorded."""
    names = list(schema.names)
    magnetometer = any(name in names for name in MAGNETOMETER_COLUMNS)
    needed = (*REQUIRED_COLUMNS, *MAGNETOMETER_COLUMNS) if magnetometer else REQUIRED_COLUMNS
    missing = tuple(name for name in needed if name not in names)
    if missing:
        raise RecordingError(
            RecordingFault.COLUMNS,
            f"{path} lacks the column{'s' if len(missing) > 1 else ''} {', '.join(missing)}; a "
            f"recording has {', '.join(REQUIRED_COLUMNS)} and may have "
            f"{', '.join(MAGNETOMETER_COLUMNS)}: rename or add them.",
            path=path,
            columns=missing,
        )
    doubled = tuple(name for name in needed if names.count(name) > 1)
    if doubled:
        raise RecordingError(
            RecordingFault.COLUMNS,
            f"{path} has more than one column named {', '.join(doubled)}; remove the surplus.",
            path=path,
            columns=doubled,
        )
    if rows == 0:
        # Before the types, which the tables of a file without rows often lack.
        raise _without_rows(path)
    for name in needed:
        kind = schema.field(name).type
        if name == "sensor":
            wanted, fits = "text (slot names)", _is_text(kind)
        elif name == "t_s":
            wanted, fits = "double (seconds)", bool(pa.types.is_float64(kind))
        else:
            wanted, fits = "float (32 bits)", bool(pa.types.is_float32(kind))
        if not fits:
            raise RecordingError(
                RecordingFault.COLUMN_TYPE,
                f"{path}: column {name} has the type {str(kind)[:LONGEST_QUOTE]}; store it as "
                f"{wanted}.",
                path=path,
                columns=(name,),
            )
    return magnetometer


def _without_rows(path: str) -> RecordingError:
    return RecordingError(
        RecordingFault.NO_ROWS,
        f"{path} holds no rows; record again, or give another recording.",
        path=path,
    )


@contextmanager
def _parquet(path: str, *, checked: bool = True) -> Iterator[Any]:
    """An open pyarrow ParquetFile that reads pages as they are needed and checks their sums.

    checked: the columns are known to be there.
    """
    with ExitStack() as stack:
        with _reading(path):
            source = stack.enter_context(pa.OSFile(path, "rb"))
            file = pq.ParquetFile(
                source,
                read_dictionary=["sensor"] if checked else None,
                buffer_size=READ_AHEAD_BYTES,
                pre_buffer=False,
                page_checksum_verification=True,
            )
        yield file


def _batches(file: Any, path: str, groups: list[int], columns: Sequence[str]) -> Iterator[Any]:
    with _reading(path):
        batches = file.iter_batches(
            batch_size=BATCH_ROWS, row_groups=groups, columns=list(columns), use_threads=False
        )
    while True:
        with _reading(path):
            batch = next(batches, None)
        if batch is None:
            return
        yield batch


def _slot_codes(batch: Any, path: str, base: int) -> tuple[NDArray[np.integer[Any]], list[str]]:
    """Index of the slot name of every row of a batch, and the names. base: row of the first."""
    with _reading(path):
        column = batch.column("sensor")
        names = column.dictionary.to_pylist()
        nulls = column.null_count
        codes = column.indices.to_numpy(zero_copy_only=False)
        if nulls:
            row = base + int(np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False))[0])
            raise RecordingError(
                RecordingFault.SENSOR,
                f"{path}: row {row} (counted from 0) names no sensor; fill the column sensor, or "
                "remove the row.",
                path=path,
                row=row,
                columns=("sensor",),
            )
    if len(set(names)) < len(names):
        # Nothing forbids a dictionary to hold a name twice.
        codes = np.array([names.index(name) for name in names])[codes]
    return codes, names


@dataclass(frozen=True, slots=True)
class _Share:
    """The rows of one sensor in one row group."""

    group: int
    first_s: float
    last_s: float


@dataclass(slots=True)
class _Extent:
    """The rows of one sensor in a file."""

    rows: int
    first_s: float
    last_s: float
    shares: list[_Share]


def _scan(file: Any, path: str, info: RecordingInfo) -> dict[str, _Extent]:
    """Check sensor and t_s of every row, and note where each sensor's rows are."""
    extents: dict[str, _Extent] = {}
    row = 0
    for group in range(file.num_row_groups):
        within: dict[str, _Share] = {}
        for batch in _batches(file, path, [group], ("sensor", "t_s")):
            codes, names = _slot_codes(batch, path, row)
            with _reading(path):
                times: Float64 = batch.column("t_s").to_numpy(zero_copy_only=False)
            for code in np.flatnonzero(np.bincount(codes)):
                slot = names[int(code)]
                rows = np.flatnonzero(codes == code)
                t_s = times[rows]
                rows += row
                if slot not in info.sensors:
                    raise RecordingError(
                        RecordingFault.SENSOR,
                        f"{path}: row {rows[0]} (counted from 0) is of the sensor {_quoted(slot)}, "
                        f"which the metadata do not describe; add it to `sensors` in "
                        f"{METADATA_KEY.decode()!r}, or remove its rows.",
                        path=path,
                        row=int(rows[0]),
                        columns=("sensor",),
                    )
                extent = extents.get(slot)
                _check_times(t_s, rows, extent.last_s if extent else None, slot, path)
                # Adding zero turns -0.0 into 0.0, which nobody should meet in a message.
                first_s, last_s = float(t_s[0]) + 0.0, float(t_s[-1]) + 0.0
                if extent is None:
                    extents[slot] = extent = _Extent(0, first_s, last_s, [])
                extent.rows += t_s.size
                extent.last_s = last_s
                share = within.get(slot)
                within[slot] = _Share(group, share.first_s if share else first_s, last_s)
            row += batch.num_rows
        for slot, share in within.items():
            extents[slot].shares.append(share)
    if not extents:
        raise _without_rows(path)
    first_s = min(extent.first_s for extent in extents.values())
    last_s = max(extent.last_s for extent in extents.values())
    if last_s - first_s > LONGEST_RECORDING_S:
        raise RecordingError(
            RecordingFault.TIME_SPAN,
            f"{path} lasts from {first_s:g} to {last_s:g} s, longer than "
            f"{LONGEST_RECORDING_S / 3600:g} hours; give t_s in seconds, and sensors a common "
            "start.",
            path=path,
            columns=("t_s",),
        )
    return extents


def _check_times(
    t_s: Float64, rows: NDArray[np.intp], before_s: float | None, slot: str, path: str
) -> None:
    """Raise unless times are finite and increase strictly; `before_s` is the time before them."""
    finite = np.isfinite(t_s)
    if not finite.all():
        row = int(rows[int(np.argmin(finite))])
        raise RecordingError(
            RecordingFault.TIME_NOT_FINITE,
            f"{path}: row {row} (counted from 0) of sensor {slot!r} has no valid time in t_s; "
            "give its time in seconds, or remove the row.",
            path=path,
            sensor=slot,
            row=row,
            columns=("t_s",),
        )
    previous = np.concatenate(([t_s[0] - 1.0 if before_s is None else before_s], t_s[:-1]))
    if before_s is None:
        # For times so large that subtracting a second changes nothing.
        previous[0] = -math.inf
    wrong = t_s <= previous
    if wrong.any():
        at = int(np.argmax(wrong))
        row, now_s, then_s = int(rows[at]), float(t_s[at]), float(previous[at])
        repeated = now_s == then_s
        fault = RecordingFault.TIME_REPEATED if repeated else RecordingFault.TIME_UNSORTED
        told = f"repeats the time {now_s!r} s" if repeated else f"is at {now_s!r} s, after a row at"
        told += "" if repeated else f" {then_s!r} s"
        remedy = "remove repeated rows" if repeated else "sort the sensor's rows by t_s"
        raise RecordingError(
            fault,
            f"{path}: row {row} (counted from 0) of sensor {slot!r} {told}; times of a sensor "
            f"must increase: {remedy}.",
            path=path,
            sensor=slot,
            row=row,
            columns=("t_s",),
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """Rows of one sensor, as in the file. mag_ut: (n, 3) float32 microtesla, where recorded."""

    t_s: Float64
    acc_mps2: Float32
    gyr_radps: Float32
    mag_ut: Float32 | None

    def part(self, start: int, stop: int) -> "_Rows":
        return _Rows(
            self.t_s[start:stop],
            self.acc_mps2[start:stop],
            self.gyr_radps[start:stop],
            None if self.mag_ut is None else self.mag_ut[start:stop],
        )

    def samples(self, slot: str) -> Samples:
        return Samples(slot, self.t_s, self.acc_mps2, self.gyr_radps)


def _joined(pieces: Sequence[_Rows]) -> _Rows:
    """The pieces as one; none give zero rows."""
    if len(pieces) == 1:
        return pieces[0]
    if not pieces:
        none = np.empty((0, 3), np.float32)
        return _Rows(np.empty(0), none, none, None)
    magnetometers = [piece.mag_ut for piece in pieces if piece.mag_ut is not None]
    return _Rows(
        np.concatenate([piece.t_s for piece in pieces]),
        np.concatenate([piece.acc_mps2 for piece in pieces]),
        np.concatenate([piece.gyr_radps for piece in pieces]),
        np.concatenate(magnetometers) if len(magnetometers) == len(pieces) else None,
    )


def _triple(batch: Any, names: Sequence[str], rows: NDArray[np.intp]) -> Float32:
    values = np.empty((rows.size, 3), np.float32)
    for axis, name in enumerate(names):
        values[:, axis] = batch.column(name).to_numpy(zero_copy_only=False)[rows]
    return values


class _Cursor:
    """The rows of one sensor in time order, read as they are needed.

    next_s: time of the next row; infinity after the last.
    """

    def __init__(
        self,
        file: Any,
        path: str,
        slot: str,
        groups: list[int],
        start_s: float,
        magnetometer: bool,
    ) -> None:
        self._path = path
        self._slot = slot
        self._magnetometer = magnetometer
        columns = (*REQUIRED_COLUMNS, *MAGNETOMETER_COLUMNS) if magnetometer else REQUIRED_COLUMNS
        self._batches = _batches(file, path, groups, columns)
        self._rows = _joined([])
        self._at = 0
        self._last_s = -math.inf
        self.next_s = -math.inf
        self._load()
        while self.next_s < start_s:
            if self._last_s < start_s:
                self._load()
            else:
                self._at = int(self._rows.t_s.searchsorted(start_s, "left"))
                self.next_s = float(self._rows.t_s[self._at])

    def _load(self) -> None:
        """Go to the next batch that holds rows of the sensor."""
        for batch in self._batches:
            codes, names = _slot_codes(batch, self._path, 0)
            if self._slot not in names:
                continue
            rows = np.flatnonzero(codes == names.index(self._slot))
            if rows.size == 0:
                continue
            with _reading(self._path):
                self._rows = _Rows(
                    batch.column("t_s").to_numpy(zero_copy_only=False)[rows],
                    _triple(batch, VALUE_COLUMNS[:3], rows),
                    _triple(batch, VALUE_COLUMNS[3:], rows),
                    _triple(batch, MAGNETOMETER_COLUMNS, rows) if self._magnetometer else None,
                )
            self._at = 0
            self.next_s = float(self._rows.t_s[0])
            self._last_s = float(self._rows.t_s[-1])
            return
        self._rows = _joined([])
        self._at = 0
        self.next_s = self._last_s = math.inf

    def take(self, until_s: float) -> list[_Rows]:
        """The rows up to and including `until_s` that were not taken before."""
        pieces: list[_Rows] = []
        while self.next_s <= until_s and self.next_s < math.inf:
            rows, at = self._rows, self._at
            if self._last_s <= until_s:
                pieces.append(rows.part(at, rows.t_s.size))
                self._load()
            else:
                stop = int(rows.t_s.searchsorted(until_s, "right"))
                pieces.append(rows.part(at, stop))
                self._at = stop
                self.next_s = float(rows.t_s[stop])
        return pieces


Input = Samples | Watermark | dict[str, JsonValue]
# Samples with their (n, 3) microtesla, None where no magnetometer was recorded.
SamplesAndField = tuple[Samples, Float32 | None]


class Recording:
    """A recording on disk whose columns, metadata and times were found sound by `open`.

    slots: sensors with rows, in the order of the metadata. rows: number of rows by slot.
    first_s, last_s, duration_s: seconds of session time. magnetometer: whether mag_x..z are there.
    """

    def __init__(
        self, path: str, info: RecordingInfo, extents: dict[str, _Extent], magnetometer: bool
    ) -> None:
        self.path = path
        self.info = info
        self.magnetometer = magnetometer
        self._extents = extents
        self.slots = tuple(slot for slot in info.sensors if slot in extents)
        self.rows = {slot: extents[slot].rows for slot in self.slots}
        self.first_s = min(extent.first_s for extent in extents.values())
        self.last_s = max(extent.last_s for extent in extents.values())
        self.duration_s = self.last_s - self.first_s

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Check the file, its columns, its metadata and every row's sensor and time.

        Raises RecordingError, which names file, column, sensor or row and the remedy. The file is
        not held open: each way of reading opens it anew.
        """
        text = str(path)
        magnetometer, info = _description(text)
        with _parquet(text) as file:
            return cls(text, info, _scan(file, text, info), magnetometer)

    def samples(
        self,
        slots: Sequence[str] | None = None,
        start_s: float | None = None,
        end_s: float | None = None,
    ) -> dict[str, Samples]:
        """All samples with start_s <= t_s <= end_s (seconds) by slot, in memory.

        A slot without samples in that time gets zero rows. Raises RecordingError when a slot is
        not there, holds nothing or a single sample, or when the file is damaged.
        """
        until_s = math.inf if end_s is None else end_s
        asked = self._asked(slots)
        with self._cursors(asked, start_s=start_s, end_s=end_s) as cursors:
            return {
                slot: _joined(cursor.take(until_s)).samples(slot)
                for slot, cursor in zip(asked, cursors, strict=True)
            }

    def chunks(
        self, slots: Sequence[str] | None = None, span_s: float = 1.0
    ) -> Iterator[list[Samples]]:
        """The recording in successive spans of `span_s` seconds, counted from the first sample.

        Each list holds the samples of one span, one `Samples` for every slot that has any; spans
        without samples are left out. Memory is bounded whatever the order of sensors in the file.
        Raises RecordingError as `samples` does.
        """
        asked = self._asked(slots)
        with self._cursors(asked) as cursors:
            for chunk in _spans(cursors, self._first_s(asked), span_s):
                yield [rows.samples(asked[index]) for index, rows in chunk]

    def chunks_with_field(
        self, slots: Sequence[str] | None = None, span_s: float = 1.0
    ) -> Iterator[list[SamplesAndField]]:
        """Like `chunks`, with the magnetic field beside the samples where it was recorded."""
        asked = self._asked(slots)
        with self._cursors(asked, magnetometer=self.magnetometer) as cursors:
            for chunk in _spans(cursors, self._first_s(asked), span_s):
                yield [(rows.samples(asked[index]), rows.mag_ut) for index, rows in chunk]

    def inputs(
        self, slots: Sequence[str] | None = None, rename: Mapping[str, str] | None = None
    ) -> Iterator[Input]:
        """The ordered inputs of a session: samples, watermarks and controls.

        With a `log`: the stored watermarks and controls in their order, each watermark after the
        samples up to it; samples newer than the last watermark come before the controls after it.
        Without: a watermark at every multiple of 100 ms from the first sample to the last.
        rename: slot of the file -> slot of the template. Raises RecordingError as `samples` does.
        """
        asked = self._asked(slots)
        names = [(rename or {}).get(slot, slot) for slot in asked]
        if len(set(names)) != len(names):
            raise ValueError(f"two sensors of {self.path} would both be called the same: {names}")
        log = self.info.log
        with self._cursors(asked) as cursors:
            left = 0 if log is None else len(log.watermarks_s)
            items = self._regular(asked) if log is None else log.items()
            for item in items:
                if isinstance(item, Watermark):
                    yield from _until(cursors, names, item.t_s)
                    left -= 1
                elif left == 0 and log is not None and log.watermarks_s:
                    yield from _until(cursors, names, math.inf)
                yield item
            yield from _until(cursors, names, math.inf)

    def _regular(self, asked: Sequence[str]) -> Iterator[Watermark]:
        """Watermarks of a recording without log."""
        first_s = self._first_s(asked)
        last_s = max(self._extents[slot].last_s for slot in asked)
        count = math.floor(first_s * WATERMARKS_PER_S)
        while count / WATERMARKS_PER_S <= first_s:
            count += 1
        while count / WATERMARKS_PER_S <= last_s:
            yield Watermark(count / WATERMARKS_PER_S)
            count += 1

    def _first_s(self, asked: Sequence[str]) -> float:
        return min(self._extents[slot].first_s for slot in asked)

    def _asked(self, slots: Sequence[str] | None) -> list[str]:
        asked = list(self.slots if slots is None else dict.fromkeys(slots))
        for slot in asked:
            extent = self._extents.get(slot)
            if extent is None and slot in self.info.sensors:
                raise RecordingError(
                    RecordingFault.NO_SAMPLES,
                    f"{self.path} holds no sample of the sensor {slot!r}; use another sensor "
                    f"({', '.join(self.slots)}), or record again.",
                    path=self.path,
                    sensor=slot,
                )
            if extent is None:
                raise RecordingError(
                    RecordingFault.UNKNOWN_SENSOR,
                    f"{self.path} has no sensor {_quoted(slot)}; it has {', '.join(self.slots)}.",
                    path=self.path,
                    sensor=slot,
                )
            if extent.rows == 1:
                raise RecordingError(
                    RecordingFault.SINGLE_SAMPLE,
                    f"{self.path} holds a single sample of the sensor {slot!r}; leave that sensor "
                    "out, or record again.",
                    path=self.path,
                    sensor=slot,
                )
        if not asked:
            raise ValueError("name at least one sensor")
        return asked

    @contextmanager
    def _cursors(
        self,
        asked: Sequence[str],
        start_s: float | None = None,
        end_s: float | None = None,
        magnetometer: bool = False,
    ) -> Iterator[list[_Cursor]]:
        """A cursor a slot, each with its own open file: they stand at different places."""
        from_s = -math.inf if start_s is None else start_s
        to_s = math.inf if end_s is None else end_s
        with ExitStack() as stack:
            cursors = []
            for slot in asked:
                groups = [
                    share.group
                    for share in self._extents[slot].shares
                    if share.last_s >= from_s and share.first_s <= to_s
                ]
                file = stack.enter_context(_parquet(self.path))
                cursors.append(_Cursor(file, self.path, slot, groups, from_s, magnetometer))
            yield cursors


def _description(path: str) -> tuple[bool, RecordingInfo]:
    """Whether there is a magnetometer, and the metadata, of a file whose columns are right."""
    _check_container(path)
    with _parquet(path, checked=False) as file, _reading(path):
        schema = file.schema_arrow
        footer = dict(file.metadata.metadata or {})
        magnetometer = _check_columns(schema, file.metadata.num_rows, path)
    document = footer.get(METADATA_KEY)
    if document is None:
        raise RecordingError(
            RecordingFault.METADATA,
            f"{path} lacks the metadata key {METADATA_KEY.decode()!r}; add it, at least "
            '{"schema": 1, "sensors": {SLOT: {"rate_hz": ...}}}.',
            path=path,
        )
    return magnetometer, RecordingInfo.from_json(document, path=path)


def _spans(
    cursors: Sequence[_Cursor], first_s: float, span_s: float
) -> Iterator[list[tuple[int, _Rows]]]:
    """Rows of successive spans, as (index of the cursor, rows); empty spans are left out."""
    if not span_s > 0.0:
        raise ValueError("span_s must be positive")
    count = 0
    while (next_s := min(cursor.next_s for cursor in cursors)) < math.inf:
        # Straight to the span that holds the next row: a gap costs nothing.
        count = max(count + 1, math.ceil((next_s - first_s) / span_s))
        until_s = first_s + count * span_s
        chunk = []
        for index, cursor in enumerate(cursors):
            pieces = cursor.take(until_s)
            if pieces:
                chunk.append((index, _joined(pieces)))
        if chunk:
            yield chunk


def _until(cursors: Sequence[_Cursor], names: Sequence[str], until_s: float) -> Iterator[Samples]:
    """Samples up to and including `until_s`, in pieces of bounded span."""
    while True:
        next_s = min(cursor.next_s for cursor in cursors)
        if next_s > until_s or next_s == math.inf:
            return
        piece_s = min(until_s, next_s + LONGEST_PIECE_S)
        for cursor, name in zip(cursors, names, strict=True):
            for rows in cursor.take(piece_s):
                yield rows.samples(name)


def read_info(path: str | Path) -> RecordingInfo:
    """Only the metadata of a recording, without reading its rows; raises RecordingError."""
    return _description(str(path))[1]


class RecordingWriter:
    """Writes a recording as it happens; a context manager.

    Rows go to a temporary file beside `path`, in row groups of at most a minute ordered by time,
    and only `close` gives it its name: a crash leaves no half recording, an exception within the
    `with` leaves nothing. Memory holds about a minute. A sensor's times must increase strictly;
    sensors may come in any interleaving.
    """

    def __init__(
        self, path: str | Path, info: RecordingInfo, *, magnetometer: bool = False
    ) -> None:
        """magnetometer: whether the file gets mag_x..z. Raises RecordingError if unwritable."""
        self.path = str(path)
        self.info = info
        self._magnetometer = magnetometer
        self._slots = list(info.sensors)
        self._held: dict[str, deque[_Rows]] = {slot: deque() for slot in self._slots}
        self._last_s = dict.fromkeys(self._slots, -math.inf)
        self._rows = 0
        self._closed = False
        target = Path(path)
        self._part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
        floats = [*VALUE_COLUMNS, *(MAGNETOMETER_COLUMNS if magnetometer else ())]
        self._schema = pa.schema(
            [
                pa.field("sensor", pa.dictionary(pa.int8(), pa.string())),
                pa.field("t_s", pa.float64()),
                *(pa.field(name, pa.float32()) for name in floats),
            ]
        )
        with self._writing():
            self._file = self._part.open("xb")
            self._parquet = pq.ParquetWriter(
                self._file,
                self._schema,
                compression="zstd",
                use_dictionary=["sensor"],
                use_byte_stream_split=["t_s", *floats],
                write_page_checksum=True,
                # `close` stores the schema, once the metadata that belong into it are complete.
                store_schema=False,
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

    def write(self, samples: Samples, mag_ut: ArrayLike | None = None) -> None:
        """Append samples of one sensor; mag_ut: (n, 3) microtesla, sensor frame, if recorded.

        Raises RecordingError when the sensor is not in the metadata, its times do not increase or
        the disk is full; ValueError when mag_ut does not fit or the writer is closed.
        """
        if self._closed:
            raise ValueError(f"{self.path} is closed; nothing more can be written")
        magnetometer = None
        if mag_ut is not None:
            if not self._magnetometer:
                raise ValueError("open the writer with magnetometer=True to store mag_ut")
            magnetometer = np.array(mag_ut, np.float32)
            if magnetometer.shape != (len(samples), 3):
                raise ValueError(f"mag_ut has shape {magnetometer.shape}, not ({len(samples)}, 3)")
        self._append(
            samples.sensor,
            _Rows(
                samples.t_s.copy(),
                samples.acc_mps2.copy(),
                samples.gyr_radps.copy(),
                magnetometer,
            ),
        )

    def update_info(self, **changes: Any) -> None:
        """Replace top-level fields of the metadata (log, events, engine ...); None removes one.

        Possible until `close`. `sensors` may get more details, not other slots. Raises
        RecordingError naming the field.
        """
        try:
            info = self.info.changed(changes)
        except ValidationError as error:
            raise _metadata_error(error, self.path) from None
        if list(info.sensors) != self._slots:
            raise ValueError("the slots of a recording are fixed when writing begins")
        self.info = info

    def close(self) -> None:
        """Write what is held and give the file its name; raises RecordingError if unwritable."""
        if self._closed:
            return
        if self._rows == 0 and not any(self._held.values()):
            self.abort()
            raise RecordingError(
                RecordingFault.NO_ROWS,
                f"{self.path} was not written because no sample came; check that a sensor streams.",
                path=self.path,
            )
        with self._writing():
            while any(self._held.values()):
                self._write_group()
            document = {METADATA_KEY: self.info.to_json()}
            # pyarrow shows metadata only as part of the stored schema, so they go there as well.
            schema = self._schema.with_metadata(document).serialize().to_pybytes()
            self._parquet.add_key_value_metadata(
                {**document, b"ARROW:schema": base64.b64encode(schema)}
            )
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
        self._held.clear()
        # The disk may be full; what is closed here is deleted in the next line but one.
        with suppress(*_READ_ERRORS):
            self._parquet.close()
        self._file.close()
        self._part.unlink(missing_ok=True)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except (OSError, pa.ArrowException, ValueError) as error:
            if hasattr(self, "_parquet"):
                self.abort()
            reason = getattr(error, "strerror", None) or str(error)
            raise RecordingError(
                RecordingFault.UNWRITABLE,
                f"{_quoted(self.path)} cannot be written ({reason[: 2 * LONGEST_QUOTE]}); check "
                "that the folder exists, allows writing and has room.",
                path=self.path,
            ) from None

    def _append(self, slot: str, rows: _Rows) -> None:
        if slot not in self._held:
            raise RecordingError(
                RecordingFault.UNKNOWN_SENSOR,
                f"{self.path}: the sensor {slot!r} is not among the recording's sensors "
                f"({', '.join(self._slots)}); describe it in the metadata first.",
                path=self.path,
                sensor=slot,
            )
        if rows.t_s.size == 0:
            return
        counted = np.arange(rows.t_s.size)
        _check_times(rows.t_s, counted, self._last_s[slot], slot, self.path)
        self._last_s[slot] = float(rows.t_s[-1])
        self._held[slot].append(rows)
        with self._writing():
            while any(
                held and held[-1].t_s[-1] - held[0].t_s[0] >= ROW_GROUP_S + HOLD_BACK_S
                for held in self._held.values()
            ):
                self._write_group()

    def _write_group(self) -> None:
        """Write the oldest minute of what is held as one row group."""
        cut_s = min(held[0].t_s[0] for held in self._held.values() if held) + ROW_GROUP_S
        codes, parts = [], []
        for code, slot in enumerate(self._slots):
            held = self._held[slot]
            while held and held[0].t_s[0] < cut_s:
                rows = held.popleft()
                stop = int(rows.t_s.searchsorted(cut_s, "left"))
                if stop < rows.t_s.size:
                    held.appendleft(rows.part(stop, rows.t_s.size))
                    rows = rows.part(0, stop)
                parts.append(rows)
                codes.append(np.full(rows.t_s.size, code, np.int8))
        if self._magnetometer:
            parts = [
                rows if rows.mag_ut is not None else replace(rows, mag_ut=_unknown(rows.t_s.size))
                for rows in parts
            ]
        group, sensors = _joined(parts), np.concatenate(codes)
        order = np.lexsort((sensors, group.t_s))
        columns = [
            pa.DictionaryArray.from_arrays(pa.array(sensors[order]), pa.array(self._slots)),
            pa.array(group.t_s[order]),
        ]
        for values in (group.acc_mps2, group.gyr_radps, group.mag_ut):
            if values is not None:
                columns += [pa.array(values[order, axis]) for axis in range(3)]
        table = pa.Table.from_arrays(columns, schema=self._schema)
        self._parquet.write_table(table, row_group_size=table.num_rows)
        self._rows += table.num_rows


def _unknown(count: int) -> Float32:
    return np.full((count, 3), np.nan, np.float32)


def copy_recording(
    source: str | Path,
    target: str | Path,
    slots: Sequence[str] | None = None,
    info_changes: Mapping[str, Any] | None = None,
    rename: Mapping[str, str] | None = None,
) -> None:
    """Copy a recording, streaming: its rows bit for bit (magnetometer included), ordered by time.

    slots: the sensors to keep (all that have rows by default). info_changes: top-level fields of
    the metadata to replace, None to remove. rename: slot of the source -> slot of the copy.
    Raises RecordingError for either file.
    """
    recording = Recording.open(source)
    asked = recording._asked(slots)
    names = [(rename or {}).get(slot, slot) for slot in asked]
    if len(set(names)) != len(names):
        raise ValueError(f"two sensors of {source} would both be called the same: {names}")
    sensors = {name: recording.info.sensors[slot] for slot, name in zip(asked, names, strict=True)}
    try:
        info = recording.info.changed({"sensors": sensors, **(info_changes or {})})
    except ValidationError as error:
        raise _metadata_error(error, str(target)) from None
    with (
        RecordingWriter(target, info, magnetometer=recording.magnetometer) as writer,
        recording._cursors(asked, magnetometer=recording.magnetometer) as cursors,
    ):
        for chunk in _spans(cursors, recording._first_s(asked), LONGEST_PIECE_S):
            for index, rows in chunk:
                writer._append(names[index], rows)
