"""Exports of the Xsens DOT (Movella DOT) app: one CSV file a sensor, with a head of settings.

Microseconds that wrap, packets that are counted, and which sensors were synchronised. What of it is
confirmed by what stands in docs/importing.md.
"""

import math
import re
from collections.abc import Generator, Iterator
from pathlib import PurePath
from typing import Final

import numpy as np

from devices.errors import SourceError, SourceFault
from devices.formats.delimited import Batch, DelimitedFile, Row, listed
from devices.formats.source import Chunk, Clock, Options, Source, SourceSensor, TimeOrder, triple
from devices.formats.units import ACCELERATION, ANGULAR_RATE
from motion.samples import Float64, Samples

COUNTER: Final = "PacketCounter"
TIME: Final = "SampleTimeFine"
ACC: Final = ("Acc_X", "Acc_Y", "Acc_Z")
GYR: Final = ("Gyr_X", "Gyr_Y", "Gyr_Z")
# Both counters are unsigned and have 32 bits.
WRAPS_AT: Final = 2.0**32
# More than half of it is a step back, not a gap: 36 minutes without a packet.
LONGEST_STEP: Final = WRAPS_AT / 2.0
MICROSECONDS_PER_S: Final = 1e6
# Synchronised sensors start within the delays of the radio, and sample at the same microsecond.
SYNCED_WITHIN_S: Final = 5.0
SYNCED_PHASE_S: Final = 20e-6
# Intervals by which the period is known.
PERIOD_SAMPLES: Final = 64

# TAG_D4CA6EF17860_20210830_170505.csv
_ADDRESS: Final = re.compile(r"(?:^|_)([0-9A-Fa-f]{12})_\d{8}_")
_RATE: Final = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*Hz", re.IGNORECASE)


def find_header(file: DelimitedFile) -> Row | None:
    """The row that names the columns, if this is such an export."""
    return next((row for row in file.head if row.cells[0].strip() == COUNTER), None)


class XsensDotSource(Source):
    """See `source.Source`. slot: the name for the sensor; by default the tag that it was given."""

    kind = "Xsens DOT export"
    magnetometer = False

    def __init__(self, file: DelimitedFile, slot: str | None, options: Options) -> None:
        """Read the head; raises SourceError."""
        header = find_header(file)
        if header is None:
            raise SourceError(
                SourceFault.FORMAT,
                f"{file.path} is no export of Xsens DOT: no line begins with {COUNTER}; leave "
                "--format out.",
                path=file.path,
            )
        self.paths = (file.path,)
        self.notes: list[str] = []
        self.acc_unit = options.acc_unit or "m/s2"
        self.gyr_unit = options.gyr_unit or "deg/s"
        self._file = file
        self._header = header
        self._columns = {name.strip(): at for at, name in enumerate(header.cells) if name.strip()}
        self._check_columns()
        told = self._told()
        name = slot or told.get("DeviceTag") or PurePath(file.path).stem
        rate = _RATE.match(told.get("OutputRate", ""))
        address = _ADDRESS.search(PurePath(file.path).name)
        self.rate_hz = options.rate_hz or (float(rate[1]) if rate else None)
        self.sensors = {
            name: SourceSensor(
                rate_hz=self.rate_hz,
                serial=address[1].upper() if address else None,
                firmware=told.get("FirmwareVersion") or None,
            )
        }
        self._slot = name
        status = told.get("SyncStatus", "").lower()
        # None: not told, as in recordings that were made on the sensor.
        self.synced = None if not status else status == "synced"
        first = next((row for row in file.head if row.line > header.line), None)
        if first is None:
            raise SourceError(
                SourceFault.NO_ROWS,
                f"{file.path} holds a header and no samples; export it again.",
                path=file.path,
            )
        at = self._columns.get(TIME)
        self._by_counter = at is None or at >= len(first.cells) or not first.cells[at].strip()
        if self._by_counter and self.rate_hz is None:
            raise SourceError(
                SourceFault.NO_TIME,
                f"{file.path} holds no {TIME} and no OutputRate; give --rate HZ.",
                path=file.path,
                column=TIME,
            )
        # A counter says nothing about other sensors.
        self.clock = Clock.OWN if self._by_counter or self.synced is False else Clock.SYNCED
        self.first_us, self.period_s = (0.0, 0.0) if self._by_counter else self._begin()
        self.start_s = self.first_us / MICROSECONDS_PER_S

    def _check_columns(self) -> None:
        missing = [name for name in (*ACC, *GYR) if name not in self._columns]
        if missing:
            raise SourceError(
                SourceFault.COLUMNS,
                f"{self._file.path} lacks the column {missing[0]}; it has "
                f"{listed(self._header.cells)}: measure in a mode with acceleration and angular "
                "rate (rate quantities), or export them too.",
                path=self._file.path,
                line=self._header.line,
                column=missing[0],
            )

    def _told(self) -> dict[str, str]:
        """The settings before the header."""
        return {
            row.cells[0].strip().rstrip(":").strip(): row.cells[1].strip()
            for row in self._file.head
            if row.line < self._header.line and len(row.cells) > 1
        }

    def _batches(self) -> Iterator[Batch]:
        return self._file.batches(self._header.line, max(self._columns.values()) + 1)

    def _begin(self) -> tuple[float, float]:
        """The first time in microseconds, and the usual interval of the next ones in seconds."""
        batch = next(self._batches())
        raw = batch.doubles(self._columns[TIME], TIME)[:PERIOD_SAMPLES]
        TimeOrder(self._file.path, "").check(self._slot, raw[:1], batch.lines[:1])
        intervals = np.diff(_Unwrapped().update(raw))
        usual = float(np.median(intervals)) if intervals.size else 0.0
        return float(raw[0]), usual / MICROSECONDS_PER_S

    def chunks(self) -> Generator[list[Chunk], None, None]:
        """See `source.Source`."""
        order = TimeOrder(self._file.path, "export the sensor's data again")
        times = _Unwrapped()
        counter = _Unwrapped()
        acc_scale, gyr_scale = ACCELERATION[self.acc_unit], ANGULAR_RATE[self.gyr_unit]
        received = lost = 0
        for batch in self._batches():
            counts = counter.update(batch.doubles(self._columns[COUNTER], COUNTER))
            if self._by_counter:
                t_s = counts / (self.rate_hz or 1.0)
            else:
                t_s = times.update(batch.doubles(self._columns[TIME], TIME)) / MICROSECONDS_PER_S
            order.check(self._slot, t_s, batch.lines)
            acc = triple(batch, self._at(ACC), ACC, acc_scale)
            gyr = triple(batch, self._at(GYR), GYR, gyr_scale)
            if not received and not acc[0].any() and not gyr[0].any():
                # The first packet of a recording may come before there is a measurement.
                acc[0] = gyr[0] = np.nan
            received += len(batch)
            lost += counter.missing
            yield [Chunk(Samples(self._slot, t_s, acc, gyr), None, batch.lines)]
        if lost:
            self.notes.append(
                f"Sensor {self._slot}: {lost} of {received + lost} packets were lost "
                f"({COUNTER}); they stay gaps."
            )

    def _at(self, names: tuple[str, str, str]) -> tuple[int, int, int]:
        x, y, z = (self._columns[name] for name in names)
        return x, y, z


class _Unwrapped:
    """A counter of 32 bits, counted on from its first value. missing: values left out at last."""

    def __init__(self) -> None:
        self.missing = 0
        self._raw: float | None = None
        self._count = 0.0

    def update(self, raw: Float64) -> Float64:
        """Take the next values (n,), n at least 1; (n,), from 0 on. Going back stays going back."""
        before = raw[0] if self._raw is None else self._raw
        with np.errstate(invalid="ignore"):
            steps = np.diff(raw, prepend=before) % WRAPS_AT
        steps[steps > LONGEST_STEP] -= WRAPS_AT
        ahead = steps[np.isfinite(steps) & (steps > 1.0)]
        self.missing = int((ahead - 1.0).sum())
        counts: Float64 = self._count + np.cumsum(steps)
        self._raw, self._count = float(raw[-1]), float(counts[-1])
        return counts


def synced_offsets(sources: list[XsensDotSource]) -> list[float] | None:
    """Seconds from the first start of any sensor to that of each; None if not synchronised."""
    if any(source.synced is False or source.clock is not Clock.SYNCED for source in sources):
        return None
    first_us = sources[0].first_us
    offsets = []
    for source in sources:
        ahead = (source.first_us - first_us) % WRAPS_AT
        offsets.append((ahead - WRAPS_AT if ahead > LONGEST_STEP else ahead) / MICROSECONDS_PER_S)
    earliest = min(offsets)
    offsets = [offset - earliest for offset in offsets]
    if all(source.synced for source in sources):
        return offsets
    for source, offset in zip(sources, offsets, strict=True):
        period_s = source.period_s
        if not 0.0 < period_s < math.inf:
            return None
        phase = offset % period_s
        if offset > SYNCED_WITHIN_S or min(phase, period_s - phase) > SYNCED_PHASE_S:
            return None
    return offsets
