"""Is a sensor of another program's file fit for a recording: its rate, its span, its plausibility?

Judges what streams by and names the option of `gonio import` that puts it right. What is plausible
of samples in SI units is decided in `motion.plausibility`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from devices.errors import SourceError, SourceFault
from devices.formats.columns import ColumnsSource
from devices.formats.source import Chunk, Source
from devices.formats.units import ACCELERATION, ANGULAR_RATE, TIME, unit_nearest
from devices.recording import LONGEST_RECORDING_S, SensorInfo
from motion.plausibility import (
    RATIO_TOO_LARGE,
    RATIO_TOO_SMALL,
    REST_NORM_MPS2,
    Finding,
    FindingKind,
    Plausibility,
    PlausibilityCheck,
)
from motion.samples import Float64

# Intervals by which the rate of a sensor is known, as much as any sensor sends in a second.
RATE_INTERVALS: Final = 4096
# Intervals further from the usual one than this share of it are gaps, or late.
INTERVAL_SPREAD: Final = 0.5
# Nominal rates are whole numbers; clocks of sensors are off by less than this.
RATE_TOLERANCE: Final = 1e-3
# Below, no repetition can be followed; above, no wearable measures. Times in a wrong unit lie
# outside: a thousandth of 100 Hz, or a thousand times as much.
PLAUSIBLE_RATE_HZ: Final = (4.0, 10_000.0)
# The middle of what wearables send, by ratio, to tell which unit of time was meant.
USUAL_RATE_HZ: Final = 100.0
# Samples that arrive in packets have many short intervals and a few long ones.
BURST_RATIO: Final = 2.0
# An interval that is a silence says nothing about bursts.
SILENCE_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class VettedSensor:
    """A sensor found fit.

    kind, files: where it comes from. invalid: samples with a value that is no number. estimated:
    whether rate_hz was found from the times. notes: what is to be told, in sentences.
    """

    slot: str
    kind: str
    files: tuple[str, ...]
    rows: int
    invalid: int
    first_s: float
    last_s: float
    rate_hz: float
    estimated: bool
    notes: tuple[str, ...]


class Vetting:
    """One sensor on its way into the recording, in constant memory."""

    def __init__(self, source: Source, slot: str) -> None:
        self.slot = slot
        self._source = source
        self._told = source.sensors[slot]
        self._rate_hz = self._told.rate_hz
        self._rows = 0
        self._invalid = 0
        self._first_s = math.inf
        self._last_s = -math.inf
        self._intervals: list[Float64] = []
        self._known = 0
        self._plausibility = PlausibilityCheck(slot)

    @property
    def path(self) -> str:
        """The file to blame."""
        return self._source.paths[-1]

    def described(self) -> SensorInfo:
        """The recording's entry; before `result` its rate may be a stopgap."""
        return SensorInfo(
            rate_hz=self._rate_hz or USUAL_RATE_HZ,
            serial=self._told.serial,
            firmware=self._told.firmware,
        )

    def update(self, piece: Chunk) -> None:
        """Take the next samples, at least one; raises SourceError for a span that is too long."""
        samples = piece.samples
        t_s = samples.t_s
        if self._rows == 0:
            self._first_s = self._last_s = float(t_s[0])
        if self._known < RATE_INTERVALS:
            intervals = np.diff(t_s, prepend=self._last_s)
            # The first sample of all has none before it.
            self._intervals.append(intervals[intervals > 0.0])
            self._known += intervals.size
        self._rows += len(samples)
        self._last_s = float(t_s[-1])
        valid = np.isfinite(samples.acc_mps2).all(axis=1)
        valid &= np.isfinite(samples.gyr_radps).all(axis=1)
        self._invalid += int(valid.size - valid.sum())
        self._plausibility.update(samples)
        lasted_s = self._last_s - self._first_s
        if lasted_s > LONGEST_RECORDING_S:
            # Times in a wrong unit last too long as well, and then the unit is the remedy.
            self._measure_rate()
            at = int(np.searchsorted(t_s, self._first_s + LONGEST_RECORDING_S, "right"))
            line = int(piece.lines[min(at, len(t_s) - 1)])
            raise SourceError(
                SourceFault.TIME_SPAN,
                f"{self.path}: line {line} comes {lasted_s / 3600:.0f} hours after the first, "
                f"longer than any recording ({LONGEST_RECORDING_S / 3600:.0f}); check the times, "
                "or split the file.",
                path=self.path,
                line=line,
                sensor=self.slot,
            )

    def result(self) -> VettedSensor:
        """Judge what came; raises SourceError for what cannot be used as it is."""
        if self._rows < 2:
            raise SourceError(
                SourceFault.NO_ROWS,
                f"{self.path} holds {'one sample' if self._rows else 'no sample'} of the sensor "
                f"{self.slot!r}; leave it out, or export it again.",
                path=self.path,
                sensor=self.slot,
            )
        measured_hz, notes = self._measure_rate()
        self._rate_hz = self._told.rate_hz or measured_hz
        found = self._plausibility.result()
        unusable = [each for each in found.findings if each.kind is not _TOLERATED]
        if unusable:
            raise SourceError(
                SourceFault.IMPLAUSIBLE,
                f"{self.path}: {_refusal(unusable, found, self._source)}",
                path=self.path,
                sensor=self.slot,
            )
        notes += [finding.message[:1].upper() + finding.message[1:] for finding in found.findings]
        return VettedSensor(
            slot=self.slot,
            kind=self._source.kind,
            files=self._source.paths,
            rows=self._rows,
            invalid=self._invalid,
            first_s=self._first_s,
            last_s=self._last_s,
            rate_hz=self._rate_hz,
            estimated=self._told.rate_hz is None,
            notes=tuple(notes),
        )

    def _measure_rate(self) -> tuple[float, list[str]]:
        """Samples a second by the times, and a warning; raises SourceError if impossible."""
        intervals = np.concatenate(self._intervals)
        usual = float(np.median(intervals))
        near = intervals[np.abs(intervals - usual) <= INTERVAL_SPREAD * usual]
        measured_hz = 1.0 / float(near.mean())
        if not PLAUSIBLE_RATE_HZ[0] <= measured_hz <= PLAUSIBLE_RATE_HZ[1]:
            raise SourceError(
                SourceFault.RATE,
                f"{self.path}: the times of the sensor {self.slot!r} make {measured_hz:.4g} "
                "samples a second, which no motion sensor sends; "
                f"{self._rate_remedy(measured_hz)}.",
                path=self.path,
                sensor=self.slot,
            )
        notes = []
        heard = intervals[intervals < SILENCE_S]
        if heard.size and float(heard.mean()) > BURST_RATIO * usual:
            notes.append(
                f"The times of the sensor {self.slot} come in bursts, as packets arrive; --rate HZ "
                f"spaces its samples evenly (about {1.0 / float(heard.mean()):.0f} Hz)."
            )
        whole_hz = float(round(measured_hz))
        if abs(measured_hz - whole_hz) <= RATE_TOLERANCE * measured_hz:
            return whole_hz, notes
        return round(measured_hz, 3), notes

    def _rate_remedy(self, measured_hz: float) -> str:
        """Which unit of time explains the rate, where a file has times in some unit."""
        if not isinstance(self._source, ColumnsSource):
            return "export it again"
        per_second = self._source.per_second
        meant = unit_nearest(per_second * USUAL_RATE_HZ / measured_hz, TIME)
        if TIME[meant] == per_second:
            return "give --rate HZ to count samples instead"
        return f"give --time-unit {meant}"


_TOLERATED: Final = FindingKind.ACCELEROMETER_OFF


def _refusal(findings: Sequence[Finding], found: Plausibility, source: Source) -> str:
    """What is wrong, and the options that put it right where options can."""
    norms = found.rest_norm_mps2
    options: list[str] = []
    for finding in findings:
        option = None
        if finding.kind is FindingKind.UNITS_ACCELERATION:
            option = _unit_option(
                f"--acc-unit {source.acc_unit}",
                ACCELERATION,
                finding.factor,
                None if norms is None else 0.5 * (norms[0] + norms[1]),
                REST_NORM_MPS2,
            )
        elif finding.kind is FindingKind.UNITS_ANGULAR_RATE:
            option = _unit_option(
                f"--gyr-unit {source.gyr_unit}",
                ANGULAR_RATE,
                finding.factor,
                found.gyroscope_ratio,
                (RATIO_TOO_SMALL, RATIO_TOO_LARGE),
            )
        if option is None:
            return finding.message
        options.append(option)
    return f"{findings[0].message.rpartition('; ')[0]}; give {' and '.join(options)}."


def _unit_option(
    given: str,
    quantity: Mapping[str, float],
    factor: float | None,
    measured: float | None,
    plausible: tuple[float, float],
) -> str | None:
    """The option that makes values plausible which were read as `given`; None if there is none.

    measured: a figure proportional to the values, and plausible: where it should lie. factor: what
    the values should be multiplied by, if that figure is not known.
    """
    option, unit = given.split()
    others = {name: size for name, size in quantity.items() if name != unit}
    if measured is not None:
        low, high = plausible
        fitting = {
            name: size
            for name, size in others.items()
            if low <= measured * size / quantity[unit] <= high
        }
        if not fitting:
            return None
        middle = math.sqrt(low * high)
        return f"{option} {unit_nearest(quantity[unit] * middle / measured, fitting)}"
    if factor is None:
        return None
    return f"{option} {unit_nearest(quantity[unit] * factor, others)}"
