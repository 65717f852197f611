"""`gonio import` and `gonio export`: other programs' files in, CSV out.

Reads options and tells what was done. Formats, clocks and units are the business of
`devices.importing` and `devices.exporting`.
"""

import csv
import io
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import click

from devices.exporting import repetition_rows, sample_rows
from devices.formats.source import Columns, Format, Options
from devices.formats.units import ACCELERATION, ANGULAR_RATE, TIME
from devices.importing import Given, Imported, import_recording
from devices.recording import Recording
from server import terminal, wording
from server.errors import OptionError
from server.output import check_output, write_parts

STDOUT: Final = Path("-")


@click.command("import")
@click.argument("files", metavar="[SLOT=]FILE...", nargs=-1, required=True)
@click.option(
    "--output",
    "-o",
    required=True,
    type=click.Path(path_type=Path),
    metavar="REC",
    help="The recording to write.",
)
@click.option(
    "--format",
    "format_name",
    type=click.Choice([each.value for each in Format]),
    help="What the files are; found out by default.",
)
@click.option("--time", metavar="COLUMN", help="CSV: the column of times.")
@click.option("--acc", metavar="X,Y,Z", help="CSV: the columns of the acceleration.")
@click.option("--gyr", metavar="X,Y,Z", help="CSV: the columns of the angular rate.")
@click.option("--mag", metavar="X,Y,Z", help="CSV: the columns of the magnetic field, microtesla.")
@click.option("--sensor", metavar="COLUMN", help="CSV: the column that names the sensor.")
@click.option(
    "--time-unit",
    type=click.Choice(list(TIME)),
    help="CSV: unit of the times; as its header says, or s.",
)
@click.option(
    "--acc-unit",
    type=click.Choice(list(ACCELERATION)),
    help="Unit of the acceleration; for CSV as its header says, or m/s2.",
)
@click.option(
    "--gyr-unit",
    type=click.Choice(list(ANGULAR_RATE)),
    help="Unit of the angular rate; for CSV as its header says, or rad/s.",
)
@click.option(
    "--rate", "rate_hz", type=float, metavar="HZ",
    help="Count samples at this rate instead of reading times.",
)  # fmt: skip
def import_(
    files: Sequence[str],
    output: Path,
    format_name: str | None,
    time: str | None,
    acc: str | None,
    gyr: str | None,
    mag: str | None,
    sensor: str | None,
    time_unit: str | None,
    acc_unit: str | None,
    gyr_unit: str | None,
    rate_hz: float | None,
) -> None:
    """Make the recording REC of CSV files, or of exports of Xsens DOT or MetaBase.

    SLOT is the name that a file's sensor gets. A MetaBase sensor has two files, one of its
    accelerometer and one of its gyroscope.
    """
    given = [_given(text) for text in files]
    check_output("--output", output, [Path(each.path) for each in given])
    options = Options(
        format=None if format_name is None else Format(format_name),
        columns=Columns(
            time=time,
            acc=_names("--acc", acc),
            gyr=_names("--gyr", gyr),
            mag=_names("--mag", mag),
            sensor=sensor,
        ),
        time_unit=time_unit,
        acc_unit=acc_unit,
        gyr_unit=gyr_unit,
        rate_hz=rate_hz,
    )
    imported = import_recording(given, output, options)
    out = terminal.console()
    for line in _told(imported):
        terminal.say(out, line)


def _given(text: str) -> Given:
    """SLOT=FILE or FILE, whose name may hold an equals sign."""
    slot, equals, path = text.partition("=")
    if not equals or Path(text).exists():
        return Given(text)
    if not slot or not path:
        raise OptionError("FILE", f"{text}: give FILE or SLOT=FILE, as in pelvis=lower-back.csv.")
    return Given(path, slot)


def _names(option: str, text: str | None) -> tuple[str, str, str] | None:
    """The columns of three axes; names that hold commas stand in quotation marks."""
    if text is None:
        return None
    try:
        cells = next(csv.reader([text], skipinitialspace=True), [])
    except csv.Error:
        cells = []
    names = [name.strip() for name in cells]
    if len(names) != 3 or not all(names):
        raise OptionError(option, f"{option} {text}: give three columns, as in {option} x,y,z.")
    return names[0], names[1], names[2]


def _told(imported: Imported) -> list[str]:
    count = wording.counted(len(imported.sensors), "sensor")
    lines = [f"{imported.path}: {count}, {wording.duration(imported.duration_s)}"]
    for sensor in imported.sensors:
        by = "by its times" if sensor.estimated else "nominal"
        names = " and ".join(Path(file).name for file in sensor.files)
        lines.append(
            f"{sensor.slot}: {wording.counted(sensor.rows, 'sample')}, {sensor.rate_hz:g} Hz "
            f"({by}), from {names} ({sensor.kind})"
        )
        if sensor.invalid:
            lines.append(
                f"- Sensor {sensor.slot}: {wording.counted(sensor.invalid, 'sample')} without a "
                f"valid number; {'it counts' if sensor.invalid == 1 else 'they count'} as not "
                "received."
            )
    return lines + [f"- {note}" for note in imported.notes]


@click.command()
@click.argument("recording", metavar="REC", type=click.Path(path_type=Path))
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="CSV file, or the folder for it; standard output by default.",
)
@click.option(
    "--events",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the repetitions that the recording stores as CSV; the samples then need -o.",
)
def export(recording: Path, output: Path | None, events: Path | None) -> None:
    """Write the samples of the recording REC as CSV, without losing a bit."""
    samples = STDOUT if output is None and events is None else output
    if samples is not None and samples.is_dir():
        samples /= f"{recording.stem}.csv"
    others = [recording]
    for option, file in (("--output", samples), ("--events", events)):
        if file is not None and file != STDOUT:
            check_output(option, file, others)
            others.append(file)
    opened = Recording.open(recording)
    if events is not None:
        _write(events, repetition_rows(opened), "repetitions")
    if samples is not None:
        _write(samples, sample_rows(opened), "samples")
        for slot, rows in opened.rows.items():
            if rows == 1:
                _tell(f"left out: sensor {slot}, of which there is a single sample")


def _write(file: Path, parts: Iterable[str], what: str) -> None:
    if file != STDOUT:
        write_parts(file, parts)
        _tell(f"wrote the {what} {file}")
        return
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Names of sensors are kept, whatever the terminal's encoding.
        sys.stdout.reconfigure(encoding="utf-8")
    for part in parts:
        sys.stdout.write(part)
    sys.stdout.flush()


def _tell(line: str) -> None:
    """A line beside the output proper."""
    terminal.say(terminal.console(sys.stderr), line)
