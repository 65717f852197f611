"""CSV of any program: columns found by their names or told, units by header, option or default.

Takes one sensor, or several told apart by a column. Finding out that it is another format, and
what clocks mean, happens elsewhere.
"""

import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from devices.errors import SourceError, SourceFault
from devices.formats.delimited import Batch, DelimitedFile, Row, is_number, listed, quoted
from devices.formats.source import (
    Chunk,
    Clock,
    Columns,
    Options,
    Source,
    SourceSensor,
    TimeOrder,
    is_epoch,
    triple,
)
from devices.formats.units import (
    ACCELERATION,
    ANGULAR_RATE,
    TIME,
    is_microtesla,
    unit_named,
)
from devices.recording import MOST_SENSORS, REQUIRED_COLUMNS
from motion.samples import Float64, Samples

AXES: Final = ("x", "y", "z")
TIME_ROLE: Final = "time"
SENSOR_ROLE: Final = "sensor"
# Vectors, what they are called in messages, and the option that names their columns.
VECTORS: Final = {
    "acc": ("acceleration", "--acc X,Y,Z"),
    "gyr": ("angular rate", "--gyr X,Y,Z"),
    "mag": ("magnetic field", "--mag X,Y,Z"),
}

# Names that need no option, without case and punctuation.
_TIME_NAMES: Final = frozenset(
    {"t", "time", "timestamp", "timestamps", "epoch", "unixtime", "unixtimestamp", "elapsed",
     "elapsedtime", "secondselapsed", "sampletime"}
)  # fmt: skip
_SENSOR_NAMES: Final = frozenset({"sensor", "sensorid", "sensorname", "slot", "device", "deviceid"})
_VECTOR_NAMES: Final = {
    "acc": frozenset({"acc", "accel", "accelerometer", "acceleration", "a"}),
    "gyr": frozenset({"gyr", "gyro", "gyroscope", "angularvelocity", "angularrate", "g", "w",
                      "omega"}),
    "mag": frozenset({"mag", "magn", "magnetometer", "magneticfield", "m"}),
}  # fmt: skip
# name (unit) or name [unit]
_WITH_UNIT: Final = re.compile(r"^(?P<name>.*?)\s*[(\[]\s*(?P<unit>[^()\[\]]*?)\s*[)\]]$")
# time_ms, acc_x_g: a last word that is a unit
_LAST_WORD: Final = re.compile(r"^(?P<name>.+?)[_\s](?P<unit>[^_\s]+)$")
_AXIS: Final = re.compile(r"^(?P<name>.+?)(?P<axis>[xyz])$")
# Nobody names a column with more characters, and patterns on endless ones take endless time.
LONGEST_NAME: Final = 128


def _plain(name: str) -> str:
    return "".join(character for character in name.lower() if character.isalnum())


def _role(name: str) -> str | None:
    plain = _plain(name)
    if plain in _TIME_NAMES:
        return TIME_ROLE
    if plain in _SENSOR_NAMES:
        return SENSOR_ROLE
    found = _AXIS.match(plain)
    if found is not None:
        for vector, names in _VECTOR_NAMES.items():
            if found["name"] in names:
                return f"{vector}_{found['axis']}"
    return None


def _unit(role: str, text: str) -> str | None:
    """The unit that the header spells so for a column of this role."""
    if role == TIME_ROLE:
        return unit_named(text, TIME)
    if role.startswith("acc"):
        return unit_named(text, ACCELERATION)
    if role.startswith("gyr"):
        return unit_named(text, ANGULAR_RATE)
    return text if role.startswith("mag") and is_microtesla(text) else None


def meaning(header: str) -> str | None:
    """The role of a column whose name is an obvious one: time, sensor, or acc_x and so on."""
    text = header.strip()
    if len(text) > LONGEST_NAME:
        return None
    role = _role(text)
    if role is not None:
        return role
    found = _WITH_UNIT.match(text)
    if found is not None:
        return _role(found["name"])
    found = _LAST_WORD.match(text)
    if found is not None:
        role = _role(found["name"])
        if role is not None and _unit(role, found["unit"]) is not None:
            return role
    return None


@dataclass(frozen=True, slots=True)
class _Header:
    """Where the columns are. roles: column by role. units: by role, where the header tells."""

    row: Row
    roles: Mapping[str, int]
    units: Mapping[str, str]

    def name(self, role: str) -> str:
        return self.row.cells[self.roles[role]]

    @property
    def width(self) -> int:
        """Cells that a row must have: a separator at the end makes no column."""
        named = [at for at, cell in enumerate(self.row.cells) if cell.strip()]
        return named[-1] + 1


def _told(columns: Columns) -> dict[str, str]:
    """The names that options give, by role."""
    told = {}
    if columns.time is not None:
        told[TIME_ROLE] = columns.time
    if columns.sensor is not None:
        told[SENSOR_ROLE] = columns.sensor
    for vector in VECTORS:
        names = getattr(columns, vector)
        if names is not None:
            told |= {f"{vector}_{axis}": name for axis, name in zip(AXES, names, strict=True)}
    return told


def _find_header(file: DelimitedFile, options: Options) -> _Header:
    """The first row that names all columns that are needed; raises SourceError."""
    told = _told(options.columns)
    needed = [f"{vector}_{axis}" for vector in ("acc", "gyr") for axis in AXES]
    if options.rate_hz is None:
        needed.append(TIME_ROLE)
    best, most = file.head[0], -1
    found: dict[str, int] = {}
    for row in file.head:
        roles, doubled = _roles(row, told)
        if set(needed) | set(told) <= set(roles):
            for role, names in doubled.items():
                if role in needed or role in told or role == SENSOR_ROLE:
                    raise _ambiguous(file.path, row.line, role, names, told)
            return _with_units(row, roles)
        if len(roles) > most:
            best, most, found = row, len(roles), roles
    raise _missing(file, told, needed, best, found)


def _roles(row: Row, told: Mapping[str, str]) -> tuple[dict[str, int], dict[str, tuple[str, str]]]:
    """Columns by role, as told or else by their names, and the roles that several claim."""
    names = [cell.strip() for cell in row.cells]
    roles: dict[str, int] = {}
    doubled: dict[str, tuple[str, str]] = {}
    for role, name in told.items():
        if name in names:
            roles[role] = names.index(name)
            if names.count(name) > 1:
                doubled[role] = (name, name)
    taken = set(roles.values())
    for at, name in enumerate(names):
        found = meaning(name)
        if found is None or found in told or at in taken:
            continue
        if found in roles:
            doubled[found] = (names[roles[found]], name)
        else:
            roles[found] = at
    return roles, doubled


def _ambiguous(
    path: str, line: int, role: str, names: tuple[str, str], told: Mapping[str, str]
) -> SourceError:
    vector = role.partition("_")[0]
    what, option = VECTORS.get(vector, (role, f"--{role} COLUMN"))
    remedy = "rename one of them" if role in told else f"say which with {option}"
    return SourceError(
        SourceFault.COLUMNS,
        f"{path}: line {line} has more than one column for the {what}, {quoted(names[0])} and "
        f"{quoted(names[1])}; {remedy}.",
        path=path,
        line=line,
        column=names[1],
    )


def _missing(
    file: DelimitedFile,
    told: Mapping[str, str],
    needed: Sequence[str],
    row: Row,
    roles: Mapping[str, int],
) -> SourceError:
    absent = [name for role, name in told.items() if role not in roles]
    there = f"line {row.line} has {listed(row.cells)}"
    if absent:
        missing, remedy = f"the column {quoted(absent[0])}", "give the names as they stand there"
        column = absent[0]
    else:
        column = next(role for role in needed if role not in roles)
        what, option = VECTORS.get(
            column.partition("_")[0],
            ("time", "--time COLUMN, or --rate HZ if there is none"),
        )
        missing, remedy = f"a column known for the {what} ({column})", f"give {option}"
    return SourceError(
        SourceFault.COLUMNS,
        f"{file.path} lacks {missing}; {there}: {remedy}.",
        path=file.path,
        line=row.line,
        column=column,
    )


def _with_units(row: Row, roles: Mapping[str, int]) -> _Header:
    units = {}
    for role, at in roles.items():
        text = row.cells[at].strip()[:LONGEST_NAME]
        for pattern in (_WITH_UNIT, _LAST_WORD):
            found = pattern.match(text)
            unit = None if found is None else _unit(role, found["unit"])
            if unit is not None:
                units[role] = unit
                break
    return _Header(row, roles, units)


class ColumnsSource(Source):
    """See `source.Source`. slot: the name for the sensor, where one is given."""

    kind = "CSV"

    def __init__(self, file: DelimitedFile, slot: str | None, options: Options) -> None:
        """Find the columns and sensors; raises SourceError."""
        self.paths = (file.path,)
        self.notes: list[str] = []
        self._file = file
        self._header = header = _find_header(file, options)
        self._own = (
            not options.columns.given
            and options.rate_hz is None
            and options.time_unit is None
            and {name.strip() for name in header.row.cells} >= set(REQUIRED_COLUMNS)
        )
        self._units(options)
        self.magnetometer = all(f"mag_{axis}" in header.roles for axis in AXES) and (
            self._own
            or options.columns.mag is not None
            or all(f"mag_{axis}" in header.units for axis in AXES)
        )
        self._rate_hz = options.rate_hz
        self._first_line = self._after_units()
        self._timed = self._has_times()
        first = self._firsts(slot)
        sensors = SourceSensor(rate_hz=options.rate_hz)
        self.sensors = dict.fromkeys(first, sensors)
        self._firsts_by_slot = first
        self._only = next(iter(first)) if SENSOR_ROLE not in header.roles or slot else None
        # Gonio's own times are session time, which never moves.
        self._origin = 0.0 if self._own else min(first.values())
        self.start_s = self._origin / self.per_second
        self.clock = Clock.OWN
        if self._own:
            self.clock = Clock.SESSION
        elif self._timed and is_epoch(self.start_s):
            self.clock = Clock.EPOCH

    def _units(self, options: Options) -> None:
        """Decide on units: option, then header, then SI."""
        header = self._header
        self.per_second = TIME[options.time_unit or header.units.get(TIME_ROLE, "s")]
        chosen = {}
        for vector, option, default in (
            ("acc", options.acc_unit, "m/s2"),
            ("gyr", options.gyr_unit, "rad/s"),
        ):
            there = {header.units.get(f"{vector}_{axis}") for axis in AXES}
            if option is None and len(there) > 1:
                what, _ = VECTORS[vector]
                raise SourceError(
                    SourceFault.COLUMNS,
                    f"{self._file.path}: line {header.row.line} gives the {what} in several "
                    f"units; say which it is with --{vector}-unit.",
                    path=self._file.path,
                    line=header.row.line,
                )
            chosen[vector] = option or there.pop() or default
        self.acc_unit, self.gyr_unit = chosen["acc"], chosen["gyr"]
        if self._own:
            return
        told = [
            f"acceleration in {self.acc_unit}",
            f"angular rate in {self.gyr_unit}",
        ]
        if TIME_ROLE in header.roles and options.rate_hz is None:
            unit = next(unit for unit, size in TIME.items() if size == self.per_second)
            told.insert(0, f"times in {unit}")
        self.notes.append(f"{PurePath(self._file.path).name} was read with {', '.join(told)}.")

    def _after_units(self) -> int:
        """The line after which samples begin: a row of units may follow the header."""
        line = self._header.row.line
        after = next((row for row in self._file.head if row.line > line), None)
        if after is None:
            return line
        cells = [
            after.cells[at]
            for role, at in self._header.roles.items()
            if role != SENSOR_ROLE and at < len(after.cells)
        ]
        comma = self._file.decimal_comma
        words = [cell for cell in cells if not is_number(cell, decimal_comma=comma)]
        return after.line if cells and len(words) == len(cells) else line

    def _firsts(self, slot: str | None) -> dict[str, float]:
        """The first time of each sensor, in the file's unit; raises SourceError."""
        name = slot or PurePath(self._file.path).stem
        firsts: dict[str, float] = {}
        several = SENSOR_ROLE in self._header.roles
        for batch in self._batches():
            times = self._times(batch)
            if not several:
                self._check_first(name, float(times[0]), batch, 0)
                return {name: float(times[0])}
            for sensor, rows in self._sensors(batch).items():
                if sensor not in firsts:
                    at = int(rows[0])
                    self._check_first(sensor, float(times[at]), batch, at)
                    firsts[sensor] = float(times[at])
            if len(firsts) > MOST_SENSORS:
                break
        if not firsts:
            raise SourceError(
                SourceFault.NO_ROWS,
                f"{self._file.path} holds a header and no samples; export it again.",
                path=self._file.path,
            )
        if len(firsts) > MOST_SENSORS:
            raise SourceError(
                SourceFault.SENSOR,
                f"{self._file.path} holds more than {MOST_SENSORS} sensors; check the column "
                f"{self._header.name(SENSOR_ROLE).strip()}, or name another with --sensor.",
                path=self._file.path,
            )
        if slot is not None and len(firsts) > 1:
            raise SourceError(
                SourceFault.SLOT,
                f"{self._file.path} holds the sensors {listed(list(firsts))}; leave {slot}= out.",
                path=self._file.path,
            )
        return {slot: next(iter(firsts.values()))} if slot is not None else firsts

    def _check_first(self, slot: str, first: float, batch: Batch, at: int) -> None:
        # Anything later is seen when it is read; this one places all others.
        first_s = np.array([first / self.per_second])
        TimeOrder(self._file.path, "").check(slot, first_s, batch.lines[at : at + 1])

    def _batches(self) -> Iterator[Batch]:
        return self._file.batches(self._first_line, self._header.width)

    def _has_times(self) -> bool:
        """Whether times are read: where samples are counted, only to know when they begin."""
        at = self._header.roles.get(TIME_ROLE)
        if at is None or self._rate_hz is None:
            return at is not None
        first = next((row for row in self._file.head if row.line > self._first_line), None)
        return (
            first is not None
            and at < len(first.cells)
            and is_number(first.cells[at], decimal_comma=self._file.decimal_comma)
        )

    def _times(self, batch: Batch) -> Float64:
        """Times in the file's unit; zeros where there are none."""
        if not self._timed:
            return np.zeros(len(batch))
        return batch.doubles(self._header.roles[TIME_ROLE], self._header.name(TIME_ROLE))

    def _sensors(self, batch: Batch) -> dict[str, NDArray[np.intp]]:
        """The rows of each sensor, in the order in which they come."""
        cells = batch.texts(self._header.roles[SENSOR_ROLE])
        if not self._own:
            cells = [cell.strip() for cell in cells]
        numbers = {name: number for number, name in enumerate(dict.fromkeys(cells))}
        if "" in numbers:
            line = int(batch.lines[cells.index("")])
            raise SourceError(
                SourceFault.SENSOR,
                f"{batch.path}: line {line} names no sensor; fill the column "
                f"{self._header.name(SENSOR_ROLE).strip()}, or remove the line.",
                path=batch.path,
                line=line,
            )
        codes = np.array([numbers[cell] for cell in cells])
        return {name: np.flatnonzero(codes == number) for name, number in numbers.items()}

    def chunks(self) -> Generator[list[Chunk], None, None]:
        """See `source.Source`."""
        order = TimeOrder(
            self._file.path,
            "sort the rows by time and remove repeated ones, or give --rate HZ to count samples "
            "instead",
        )
        counted = dict.fromkeys(self.sensors, 0)
        vectors = ["acc", "gyr", *(["mag"] if self.magnetometer else [])]
        scales = (ACCELERATION[self.acc_unit], ANGULAR_RATE[self.gyr_unit], 1.0)
        for batch in self._batches():
            raw = self._times(batch) if self._rate_hz is None else None
            values: list[Any] = [
                triple(batch, *self._vector(vector), scale)
                for vector, scale in zip(vectors, scales, strict=False)
            ]
            whole = np.arange(len(batch))
            rows_of = {self._only: whole} if self._only is not None else self._sensors(batch)
            chunks = []
            for slot, rows in rows_of.items():
                if raw is not None:
                    # Differences of huge times may overflow; they are found not to be finite.
                    with np.errstate(over="ignore", invalid="ignore"):
                        t_s = (raw[rows] - self._origin) / self.per_second
                elif self._rate_hz is not None:
                    begun = self._firsts_by_slot[slot] - self._origin
                    count = counted[slot] + np.arange(rows.size)
                    t_s = begun / self.per_second + count / self._rate_hz
                    counted[slot] += rows.size
                lines = batch.lines[rows]
                order.check(slot, t_s, lines)
                acc, gyr = values[0][rows], values[1][rows]
                mag = values[2][rows] if self.magnetometer else None
                chunks.append(Chunk(Samples(slot, t_s, acc, gyr), mag, lines))
            yield chunks

    def _vector(self, vector: str) -> tuple[tuple[int, int, int], tuple[str, ...]]:
        roles = [f"{vector}_{axis}" for axis in AXES]
        x, y, z = (self._header.roles[role] for role in roles)
        return (x, y, z), tuple(self._header.name(role) for role in roles)
