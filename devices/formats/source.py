"""What a format gives: samples of one or more sensors on a clock, and what is told beside them.

Holds what all formats share, the order of times above all. How clocks become session time is up to
`devices.importing`.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from devices.errors import SourceError, SourceFault
from devices.formats.delimited import Batch
from motion.samples import Float32, Float64, Samples

# Seconds since 1970 as of 2001 and of 2286: no wearable is older, and no other clock that counts
# from when it was switched on gets there.
EPOCH_S: Final = (1e9, 1e10)
# Larger times are no times: as milliseconds since 1970 they lie 30 000 years ahead.
LARGEST_TIME: Final = 1e15


class Format(StrEnum):
    CSV = "csv"
    XSENS_DOT = "xsens-dot"
    METABASE = "metabase"


class Clock(StrEnum):
    """What the times of a source count from."""

    SESSION = "session"  # the start of the session, written by Gonio
    EPOCH = "epoch"  # 1970
    SYNCED = "synced"  # anything, but the same for all sensors that were synchronised
    OWN = "own"  # anything


@dataclass(frozen=True, slots=True)
class Columns:
    """Names of the columns of a CSV file; None where the obvious name is to be found."""

    time: str | None = None
    acc: tuple[str, str, str] | None = None
    gyr: tuple[str, str, str] | None = None
    mag: tuple[str, str, str] | None = None
    sensor: str | None = None

    @property
    def given(self) -> bool:
        return any((self.time, self.acc, self.gyr, self.mag, self.sensor))


@dataclass(frozen=True, slots=True)
class Options:
    """What a person says about files; None where the file itself tells, or a default holds.

    format: which one it is. Units: see `units`. rate_hz: samples a second, for files without
    usable times.
    """

    format: Format | None = None
    columns: Columns = field(default_factory=Columns)
    time_unit: str | None = None
    acc_unit: str | None = None
    gyr_unit: str | None = None
    rate_hz: float | None = None


@dataclass(frozen=True, slots=True)
class SourceSensor:
    """What a file tells of a sensor. rate_hz: nominal."""

    rate_hz: float | None = None
    serial: str | None = None
    firmware: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """Successive samples of one sensor.

    samples: times in seconds of the source's clock, counted from its `start_s`. mag_ut: (n, 3)
    microtesla where it was measured. lines: (n,) where they stand in the file.
    """

    samples: Samples
    mag_ut: Float32 | None
    lines: NDArray[np.int64]


class Source(ABC):
    """A sensor, or several, of one file or of files that belong together.

    kind: for people. sensors: by slot. start_s: the first time on the clock, in seconds.
    acc_unit, gyr_unit: in which the file gives them. notes: what is to be told, complete once
    `chunks` has ended.
    """

    paths: tuple[str, ...]
    kind: str
    sensors: Mapping[str, SourceSensor]
    clock: Clock
    start_s: float
    acc_unit: str
    gyr_unit: str
    magnetometer: bool
    notes: list[str]

    @abstractmethod
    def chunks(self) -> Generator[list[Chunk], None, None]:
        """All samples in the order of the file; the chunks of a list cover the same rows.

        Raises SourceError. Memory is bounded however long the file is.
        """


class TimeOrder:
    """Sees to it that the times of each sensor of a file are there and increase."""

    def __init__(self, path: str, remedy: str) -> None:
        """remedy: what to do about times that do not increase, after a semicolon."""
        self._path = path
        self._remedy = remedy
        self._last_s: dict[str, float] = {}

    def check(self, slot: str, t_s: Float64, lines: NDArray[np.int64]) -> None:
        """Take the next times (n,), n at least 1, of a sensor; raises SourceError."""
        # Neither NaN nor infinity is smaller.
        valid = np.abs(t_s) < LARGEST_TIME
        if not valid.all():
            line = int(lines[int(np.argmin(valid))])
            raise SourceError(
                SourceFault.NO_TIME,
                f"{self._path}: line {line} has no valid time; give its time, or remove the line.",
                path=self._path,
                line=line,
                sensor=slot,
            )
        before: Float64 = np.concatenate(([self._last_s.get(slot, -math.inf)], t_s[:-1]))
        wrong = t_s <= before
        if wrong.any():
            at = int(np.argmax(wrong))
            line = int(lines[at])
            repeated = t_s[at] == before[at]
            told = "repeats the time of" if repeated else "goes back in time from"
            raise SourceError(
                SourceFault.TIME_REPEATED if repeated else SourceFault.TIME_UNSORTED,
                f"{self._path}: line {line} {told} the line before it of the sensor {slot!r}; "
                f"{self._remedy}.",
                path=self._path,
                line=line,
                sensor=slot,
            )
        self._last_s[slot] = float(t_s[-1])


def triple(
    batch: Batch, columns: tuple[int, int, int], names: tuple[str, ...], scale: float
) -> Float32:
    """Three columns (n, 3), in SI units; NaN where nothing was measured. scale: of their unit."""
    values = np.empty((len(batch), 3), np.float32)
    for axis, column in enumerate(columns):
        if scale == 1.0:
            values[:, axis] = batch.singles(column, names[axis])
        else:
            # What is too large for float32 becomes infinite, which counts as not received.
            with np.errstate(over="ignore"):
                values[:, axis] = batch.doubles(column, names[axis]) * scale
    return values


def is_epoch(t_s: float) -> bool:
    """Whether a time counts from 1970."""
    return EPOCH_S[0] <= t_s <= EPOCH_S[1]
