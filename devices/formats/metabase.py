"""Exports of the MetaBase app (MetaMotion sensors): one CSV file a quantity of each sensor.

Finds which accelerometer goes with which gyroscope, and brings the two on one time base. What of it
is confirmed by what stands in docs/importing.md.
"""

import re
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

import numpy as np
from numpy.typing import NDArray

from devices.errors import SourceError, SourceFault
from devices.formats.delimited import DelimitedFile
from devices.formats.source import (
    Chunk,
    Clock,
    Options,
    Source,
    SourceSensor,
    TimeOrder,
    is_epoch,
    triple,
)
from devices.formats.units import ACCELERATION, ANGULAR_RATE, TIME
from motion.samples import Float32, Float64, Samples

AXES: Final = ("x-axis", "y-axis", "z-axis")
TIME_COLUMN: Final = 0
VALUE_COLUMNS: Final = (3, 4, 5)
# Between accelerations further apart than this many of their intervals nothing is interpolated:
# one lost sample is bridged, with some room for times in whole milliseconds. At 100 Hz and a
# movement of 5 Hz the error is then (2 pi 5 Hz 20 ms)^2 / 8, 5 % of its acceleration.
MOST_INTERVALS: Final = 2.5
# Samples by which the accelerometer's interval is known.
INTERVAL_SAMPLES: Final = 256

# SESSION_NAME_2023-05-31T12.29.37.734_CCA00625B61F_Gyroscope_100.000Hz_1.3.6.csv, of which older
# versions of the app leave out parts.
_ADDRESS: Final = re.compile(r"(?:^|_)([0-9A-Fa-f]{12})(?:_|\.|$)")
_TIME: Final = re.compile(r"_?\d{4}-\d{2}-\d{2}T\d{2}[.:-]\d{2}[.:-]\d{2}[.\d]*")
_RATE: Final = re.compile(r"_(\d+(?:\.\d+)?)Hz", re.IGNORECASE)
_FIRMWARE: Final = re.compile(r"Hz_(\d+(?:\.\d+)*)(?:\.csv)?$", re.IGNORECASE)
_QUANTITY: Final = re.compile(r"accelerometer|gyroscope|acceleration|angular[ -_]?velocity", re.I)
# These have the accelerometer's columns, but not its values.
_WITHOUT_GRAVITY: Final = re.compile(r"linear[ -_]?accel|gravity", re.IGNORECASE)


def is_metabase(file: DelimitedFile) -> bool:
    """Whether a file begins as the app's files do."""
    cells = _cells(file)
    return (
        len(cells) > 3
        and cells[0] in ("epoc (ms)", "epoch (ms)")
        and cells[1].startswith(("time", "timestamp"))
        and cells[2] == "elapsed (s)"
    )


def _cells(file: DelimitedFile) -> list[str]:
    return [cell.strip().lower() for cell in file.head[0].cells]


def _has_columns(file: DelimitedFile, unit: str) -> bool:
    return _cells(file)[3:6] == [f"{axis} ({unit})" for axis in AXES]


@dataclass(frozen=True, slots=True)
class _Name:
    """What a file's name tells. pair: the same for the files of one sensor and session."""

    pair: str
    sensor: str
    serial: str | None
    rate_hz: float | None
    firmware: str | None

    @classmethod
    def of(cls, path: str) -> "_Name":
        name = PurePath(path).name
        stem = PurePath(path).stem if name.lower().endswith(".csv") else name
        address, rate, firmware = _ADDRESS.search(stem), _RATE.search(stem), _FIRMWARE.search(stem)
        without = _RATE.sub("", _QUANTITY.sub("", stem))
        # SESSION_NAME before the time, or nothing but SESSION.
        before = _TIME.split(_QUANTITY.split(stem)[0])[0].strip("_ ")
        sensor = before.rpartition("_")[2] or before
        if not sensor:
            sensor = address[1].upper() if address else "sensor"
        return cls(
            pair=f"{PurePath(path).parent}/{without}".lower(),
            sensor=sensor,
            serial=address[1].upper() if address else None,
            rate_hz=float(rate[1]) if rate else None,
            firmware=firmware[1] if firmware else None,
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """Successive rows of one file. t_ms: (n,) since 1970. values: (n, 3) m/s2 or rad/s."""

    t_ms: Float64
    values: Float32
    lines: NDArray[np.int64]

    def at(self, t_ms: Float64, longest_ms: float) -> Float64:
        """Values (m, 3) at times (m,) from the first to the last of these, by straight lines.

        NaN where two neighbours are further apart than `longest_ms`.
        """
        right = np.searchsorted(self.t_ms, t_ms, "right")
        left = right - 1
        right = np.minimum(right, len(self.t_ms) - 1)
        span_ms = self.t_ms[right] - self.t_ms[left]
        since_ms = t_ms - self.t_ms[left]
        share = np.divide(since_ms, span_ms, out=np.zeros_like(t_ms), where=span_ms > 0.0)
        # Infinite values give NaN, as they should.
        with np.errstate(invalid="ignore"):
            before = self.values[left].astype(np.float64)
            values: Float64 = before + share[:, None] * (self.values[right] - before)
        exact = since_ms == 0.0
        values[exact] = before[exact]
        values[~exact & (span_ms > longest_ms)] = np.nan
        return values

    def followed_by(self, part: "_Part") -> "_Part":
        """The next rows, with the last of these before them."""
        return _Part(
            np.concatenate((self.t_ms[-1:], part.t_ms)),
            np.concatenate((self.values[-1:], part.values)),
            np.concatenate((self.lines[-1:], part.lines)),
        )


@dataclass(slots=True)
class _Pair:
    slot: str | None
    acc: DelimitedFile | None = None
    gyr: DelimitedFile | None = None


def pair_files(
    files: Sequence[tuple[DelimitedFile, str | None]], options: Options
) -> tuple[list["MetaBaseSource"], list[str]]:
    """The sensors that files and the slots given for them make, and what is to be told.

    Files belong together that got the same slot, or else have the same name but for the quantity.
    Raises SourceError for one without its counterpart.
    """
    notes: list[str] = []
    pairs: dict[str, _Pair] = {}
    named = {_Name.of(file.path).pair: slot for file, slot in files if slot is not None}
    for file, slot in files:
        name = _Name.of(file.path)
        acc, gyr = _has_columns(file, "g"), _has_columns(file, "deg/s")
        if not (acc or gyr) or _WITHOUT_GRAVITY.search(PurePath(file.path).name):
            notes.append(
                f"{PurePath(file.path).name} was left out: it holds neither acceleration with "
                "gravity nor angular rate."
            )
            continue
        slot = slot if slot is not None else named.get(name.pair)
        pair = pairs.setdefault(f"={slot}" if slot is not None else name.pair, _Pair(slot))
        there = pair.acc if acc else pair.gyr
        if there is not None:
            raise SourceError(
                SourceFault.PAIR,
                f"{file.path} and {there.path} hold the same quantity of one sensor; give each "
                "sensor its own name, as in SLOT=FILE.",
                path=file.path,
            )
        if acc:
            pair.acc = file
        else:
            pair.gyr = file
    sources = [_source(pair, options) for pair in pairs.values()]
    if not sources:
        raise SourceError(
            SourceFault.PAIR,
            f"{files[0][0].path} holds neither acceleration with gravity nor angular rate; give "
            "the files of accelerometer and gyroscope.",
            path=files[0][0].path,
        )
    return _distinct(sources), notes


def _source(pair: _Pair, options: Options) -> "MetaBaseSource":
    if pair.acc is not None and pair.gyr is not None:
        return MetaBaseSource(pair.acc, pair.gyr, pair.slot, options)
    file = pair.acc or pair.gyr
    assert file is not None, "a pair begins with a file"
    what, other = ("accelerometer", "gyroscope") if pair.acc else ("gyroscope", "accelerometer")
    slot = pair.slot or "SLOT"
    raise SourceError(
        SourceFault.PAIR,
        f"{file.path} holds the {what} only; give the sensor's {other} too, as in "
        f"{slot}=FILE {slot}=FILE.",
        path=file.path,
    )


def _distinct(sources: list["MetaBaseSource"]) -> list["MetaBaseSource"]:
    """Sensors that were never named are all called alike; their addresses are not."""
    names = [source.slot for source in sources]
    for source in sources:
        if not source.named and names.count(source.slot) > 1 and source.serial is not None:
            source.call(source.serial)
    return sources


class MetaBaseSource(Source):
    """See `source.Source`. Accelerations are interpolated at the gyroscope's times.

    slot: the name for the sensor; by default the one that it has in the app. named: whether it was
    given.
    """

    kind = "MetaBase export"
    magnetometer = False

    def __init__(
        self, acc: DelimitedFile, gyr: DelimitedFile, slot: str | None, options: Options
    ) -> None:
        """Find the first time that both cover; raises SourceError."""
        if options.rate_hz is not None:
            raise SourceError(
                SourceFault.OPTION,
                f"{gyr.path} is an export of MetaBase, whose two files only their times bring "
                "together; leave --rate out.",
                path=gyr.path,
            )
        name = _Name.of(gyr.path)
        self.paths = (acc.path, gyr.path)
        self.notes: list[str] = []
        self.named = slot is not None
        self.serial = name.serial
        self._told = SourceSensor(name.rate_hz, name.serial, name.firmware)
        self.call(slot if slot is not None else name.sensor)
        self.acc_unit = options.acc_unit or "g"
        self.gyr_unit = options.gyr_unit or "deg/s"
        self._acc, self._gyr = acc, gyr
        self._origin_ms = self._begin_ms()
        self.start_s = self._origin_ms / TIME["ms"]
        self.clock = Clock.EPOCH if is_epoch(self.start_s) else Clock.OWN

    def call(self, slot: str) -> None:
        """Give the sensor this name."""
        self.slot = slot
        self.sensors = {slot: self._told}

    def _accelerations(self) -> Iterator[_Part]:
        return _parts(self._acc, "g", ACCELERATION[self.acc_unit], self.slot)

    def _rates(self) -> Iterator[_Part]:
        return _parts(self._gyr, "deg/s", ANGULAR_RATE[self.gyr_unit], self.slot)

    def _begin_ms(self) -> float:
        """The first time of the gyroscope at which there is an acceleration too."""
        first_ms = next(self._accelerations()).t_ms[0]
        for part in self._rates():
            at = int(np.searchsorted(part.t_ms, first_ms))
            if at < len(part.t_ms):
                return float(part.t_ms[at])
        raise self._apart()

    def _apart(self) -> SourceError:
        return SourceError(
            SourceFault.PAIR,
            f"{self._acc.path} and {self._gyr.path} have no time in common; give files of the "
            "same session.",
            path=self._acc.path,
        )

    def chunks(self) -> Generator[list[Chunk], None, None]:
        """See `source.Source`."""
        received = outside = bare = 0
        for rates, acc, begin, end in self._paired():
            outside += len(rates.t_ms) - (end - begin)
            if begin == end:
                continue
            received += end - begin
            bare += int(np.isnan(acc[begin:end]).any(axis=1).sum())
            with np.errstate(over="ignore"):
                t_s = (rates.t_ms[begin:end] - self._origin_ms) / TIME["ms"]
            samples = Samples(self.slot, t_s, acc[begin:end], rates.values[begin:end])
            yield [Chunk(samples, None, rates.lines[begin:end])]
        if not received:
            raise self._apart()
        told = f"Sensor {self.slot}: accelerations were interpolated at the gyroscope's times"
        if outside:
            told += f"; {outside} of its samples lie outside of them and were left out"
        if bare:
            told += f"; {bare} lie in gaps of the accelerometer and have no acceleration"
        self.notes.append(f"{told}.")

    def _paired(self) -> Iterator[tuple[_Part, Float32, int, int]]:
        """Angular rates, the accelerations at their times, and which rows have both in reach."""
        accelerations = self._accelerations()
        acc = next(accelerations)
        first_ms = acc.t_ms[0]
        usual = np.diff(acc.t_ms[:INTERVAL_SAMPLES])
        longest_ms = MOST_INTERVALS * float(np.median(usual)) if usual.size else 0.0
        for rates in self._rates():
            count = len(rates.t_ms)
            values = np.full((count, 3), np.nan, np.float32)
            begin = done = int(np.searchsorted(rates.t_ms, first_ms))
            while done < count:
                end = int(np.searchsorted(rates.t_ms, acc.t_ms[-1], "right"))
                if end > done:
                    values[done:end] = acc.at(rates.t_ms[done:end], longest_ms)
                    done = end
                if done < count:
                    following = next(accelerations, None)
                    if following is None:
                        break
                    acc = acc.followed_by(following)
            yield rates, values, begin, done


def _parts(file: DelimitedFile, unit: str, scale: float, slot: str) -> Iterator[_Part]:
    """The samples of one file, at least one; raises SourceError."""
    order = TimeOrder(file.path, "remove the line, or export the session again")
    names = tuple(f"{axis} ({unit})" for axis in AXES)
    empty = True
    for batch in file.batches(file.head[0].line, VALUE_COLUMNS[-1] + 1):
        empty = False
        t_ms = batch.doubles(TIME_COLUMN, file.head[0].cells[TIME_COLUMN])
        order.check(slot, t_ms, batch.lines)
        yield _Part(t_ms, triple(batch, VALUE_COLUMNS, names, scale), batch.lines)
    if empty:
        raise SourceError(
            SourceFault.NO_ROWS,
            f"{file.path} holds a header and no samples; export it again.",
            path=file.path,
        )
