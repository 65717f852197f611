"""A recording made of other programs' files: which format each is, one session time, one check.

What stands in a file is read in `devices.formats`; what a recording is, `devices.recording` knows.
"""

import heapq
from collections.abc import Generator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePath
from typing import Final

import numpy as np
from pydantic import TypeAdapter, ValidationError

from devices.errors import SourceError, SourceFault
from devices.formats import metabase, xsens_dot
from devices.formats.columns import ColumnsSource
from devices.formats.delimited import DelimitedFile, quoted
from devices.formats.source import Chunk, Clock, Format, Options, Source
from devices.formats.units import ACCELERATION, ANGULAR_RATE, TIME
from devices.formats.xsens_dot import XsensDotSource
from devices.recording import (
    HOLD_BACK_S,
    LONGEST_RECORDING_S,
    MOST_SENSORS,
    RecordingInfo,
    RecordingWriter,
    Slot,
)
from devices.vetting import PLAUSIBLE_RATE_HZ, VettedSensor, Vetting
from motion.samples import Samples

_SLOT: Final[TypeAdapter[str]] = TypeAdapter(Slot)


@dataclass(frozen=True, slots=True)
class Given:
    """A file, and the name for its sensor if one was given."""

    path: str | Path
    slot: str | None = None


@dataclass(frozen=True, slots=True)
class Imported:
    """What was written. duration_s: of session time. notes: what is to be told, in sentences."""

    path: str
    sensors: tuple[VettedSensor, ...]
    duration_s: float
    notes: tuple[str, ...]


def import_recording(
    files: Sequence[Given], target: str | Path, options: Options | None = None
) -> Imported:
    """Write the recording `target` from files of other programs, in one pass and bounded memory.

    Raises SourceError for files that cannot be used as they are, or whose samples are not
    plausible, and RecordingError if `target` cannot be written; nothing is left of it then.
    """
    asked = options or Options()
    _check_options(asked)
    sources, notes = _sources(files, asked)
    offsets, told = _offsets(sources)
    notes += told
    vettings = {slot: Vetting(source, slot) for source in sources for slot in source.sensors}
    info = RecordingInfo(
        id=_printable(Path(target).stem),
        sensors={slot: vetting.described() for slot, vetting in vettings.items()},
        source=_described(sources),
        started_at=_started_at(sources),
    )
    magnetometer = any(source.magnetometer for source in sources)
    with RecordingWriter(target, info, magnetometer=magnetometer) as writer, ExitStack() as stack:
        pieces = [
            stack.enter_context(closing(_pieces(source, offset)))
            for source, offset in zip(sources, offsets, strict=True)
        ]
        # Sensors take turns, so that the recording is ordered by time.
        for piece in heapq.merge(*pieces, key=lambda piece: float(piece.samples.t_s[0])):
            vettings[piece.samples.sensor].update(piece)
            writer.write(piece.samples, piece.mag_ut)
        sensors = tuple(vetting.result() for vetting in vettings.values())
        writer.update_info(
            sensors={slot: vetting.described() for slot, vetting in vettings.items()}
        )
    notes += [note for source in sources for note in source.notes]
    notes += [note for sensor in sensors for note in sensor.notes]
    duration_s = max(each.last_s for each in sensors) - min(each.first_s for each in sensors)
    return Imported(str(target), sensors, duration_s, tuple(notes))


# --- which format


def _check_options(options: Options) -> None:
    rate_hz = options.rate_hz
    if rate_hz is not None and not PLAUSIBLE_RATE_HZ[0] <= rate_hz <= PLAUSIBLE_RATE_HZ[1]:
        raise SourceError(
            SourceFault.OPTION,
            f"--rate {rate_hz:g} is not the rate of a motion sensor; give samples a second, from "
            f"{PLAUSIBLE_RATE_HZ[0]:g} to {PLAUSIBLE_RATE_HZ[1]:g}.",
            path="",
        )
    for option, unit, quantity in (
        ("--time-unit", options.time_unit, TIME),
        ("--acc-unit", options.acc_unit, ACCELERATION),
        ("--gyr-unit", options.gyr_unit, ANGULAR_RATE),
    ):
        if unit is not None and unit not in quantity:
            raise SourceError(
                SourceFault.OPTION,
                f"{option} {unit} is not known; give one of {', '.join(quantity)}.",
                path="",
            )


def _sources(files: Sequence[Given], options: Options) -> tuple[list[Source], list[str]]:
    """What the files hold, with distinct names for all sensors, and what is to be told."""
    sources: list[Source] = []
    bases: list[tuple[DelimitedFile, str | None]] = []
    seen: set[Path] = set()
    for given in files:
        path = str(given.path)
        file = DelimitedFile.open(path)
        resolved = Path(path).resolve()
        if resolved in seen:
            raise SourceError(
                SourceFault.SLOT, f"{path} is given twice; give each file once.", path=path
            )
        seen.add(resolved)
        kind = options.format or _recognise(file, options)
        if kind is not Format.CSV and options.columns.given:
            raise SourceError(
                SourceFault.OPTION,
                f"{path} is read as {kind.value}, whose columns are known; leave --time, --acc, "
                "--gyr, --mag and --sensor out, or give --format csv.",
                path=path,
            )
        match kind:
            case Format.METABASE:
                bases.append((file, given.slot))
            case Format.XSENS_DOT:
                sources.append(XsensDotSource(file, given.slot, options))
            case Format.CSV:
                sources.append(ColumnsSource(file, given.slot, options))
    notes: list[str] = []
    if bases:
        paired, notes = metabase.pair_files(bases, options)
        sources += paired
    _check_slots(sources)
    return sources, notes


def _recognise(file: DelimitedFile, options: Options) -> Format:
    if options.columns.given:
        return Format.CSV
    if xsens_dot.find_header(file) is not None:
        return Format.XSENS_DOT
    return Format.METABASE if metabase.is_metabase(file) else Format.CSV


def _check_slots(sources: Sequence[Source]) -> None:
    owners: dict[str, Source] = {}
    for source in sources:
        path = source.paths[-1]
        for slot in source.sensors:
            try:
                _SLOT.validate_python(slot)
            except ValidationError:
                raise SourceError(
                    SourceFault.SLOT,
                    f"{path}: the sensor cannot be called {quoted(_printable(slot))}; give it a "
                    "name of at most 64 printable characters, as in SLOT=FILE.",
                    path=path,
                    sensor=slot,
                ) from None
            if slot in owners:
                raise SourceError(
                    SourceFault.SLOT,
                    f"{owners[slot].paths[-1]} and {path} would both be the sensor {slot!r}; give "
                    "each its own name, as in SLOT=FILE.",
                    path=path,
                    sensor=slot,
                )
            owners[slot] = source
    if len(owners) > MOST_SENSORS:
        raise SourceError(
            SourceFault.SENSOR,
            f"{len(owners)} sensors are given; a recording holds at most {MOST_SENSORS}.",
            path=sources[-1].paths[-1],
        )


def _printable(text: str) -> str:
    """Without control characters and lone surrogates, which no recording may hold."""
    kept = "".join(c for c in text if not (ord(c) < 0x20 or ord(c) == 0x7F))
    return kept.encode("utf-8", "replace").decode()


def _described(sources: Sequence[Source]) -> str:
    names = [
        f"{PurePath(path).name} ({source.kind})" for source in sources for path in source.paths
    ]
    return _printable(f"imported from {', '.join(names)}")


# --- which time


def _offsets(sources: Sequence[Source]) -> tuple[list[float], list[str]]:
    """Session time at which each source starts, and what is to be told of it."""
    clocks = {source.clock for source in sources}
    dots = [source for source in sources if isinstance(source, XsensDotSource)]
    several = len(sources) > 1
    if clocks == {Clock.SESSION}:
        return [0.0] * len(sources), ["Times are session times, as Gonio wrote them."]
    if clocks == {Clock.EPOCH}:
        begin = min(sources, key=lambda source: source.start_s)
        # Doubles tell a quarter of a microsecond since 1970; more digits would be noise.
        offsets = [round(source.start_s - begin.start_s, 6) for source in sources]
        latest = max(offsets)
        if latest > LONGEST_RECORDING_S:
            late = sources[offsets.index(latest)]
            raise SourceError(
                SourceFault.TIME_SPAN,
                f"{late.paths[-1]} begins {latest / 3600:.0f} hours after {begin.paths[-1]}; "
                "import files of one session at a time.",
                path=late.paths[-1],
            )
        shared = "; the files share that clock" if several else ""
        at = _utc(begin.start_s).isoformat(sep=" ", timespec="milliseconds").replace("+00:00", "")
        return offsets, [f"Session time starts with the first sample, at {at} UTC{shared}."]
    if not several:
        return [0.0], ["Session time starts with the first sample."]
    if len(dots) == len(sources):
        synced = xsens_dot.synced_offsets(dots)
        if synced is not None:
            return synced, [
                "Session time starts with the first sample; the sensors were synchronised and "
                "share a clock."
            ]
    return [0.0] * len(sources), [
        "The files share no clock, so that each starts at 0: the sensors may be shifted against "
        "each other by as much as they were started apart."
    ]


def _utc(start_s: float) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=start_s)


def _started_at(sources: Sequence[Source]) -> datetime | None:
    """When session time is 0, where the files tell."""
    if any(source.clock is not Clock.EPOCH for source in sources):
        return None
    return _utc(min(source.start_s for source in sources))


def _pieces(source: Source, offset_s: float) -> Generator[Chunk, None, None]:
    """Samples in session time and in short spans, in order of time as far as the file is."""
    with closing(source.chunks()) as batches:
        for chunks in batches:
            pieces: list[Chunk] = []
            for chunk in chunks:
                samples = chunk.samples
                if offset_s != 0.0:
                    samples = Samples(
                        samples.sensor,
                        samples.t_s + offset_s,
                        samples.acc_mps2,
                        samples.gyr_radps,
                    )
                start = 0
                while start < len(samples):
                    until_s = samples.t_s[start] + HOLD_BACK_S
                    stop = int(np.searchsorted(samples.t_s, until_s, "right"))
                    mag = None if chunk.mag_ut is None else chunk.mag_ut[start:stop]
                    pieces.append(Chunk(samples.rows(start, stop), mag, chunk.lines[start:stop]))
                    start = stop
            yield from sorted(pieces, key=lambda piece: float(piece.samples.t_s[0]))
