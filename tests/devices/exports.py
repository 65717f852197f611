"""Small files as other programs write them, made of samples: CSV, Xsens DOT, MetaBase.

Laid out after the vendors' own code and manuals; see docs/importing.md. What is read of them is the
tests' business.
"""

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from devices.formats.source import Columns, Format, Options
from devices.importing import Given, Imported, import_recording
from devices.recording import Recording
from motion.samples import Float64, Samples
from tests.motion.movement import Worn, even, record

GRAVITY_MPS2 = 9.80665
RATE_HZ = 50.0
LASTS_S = 12.0
WRAP = 2**32
XSENS_COLUMNS = ("Acc_X", "Acc_Y", "Acc_Z", "Gyr_X", "Gyr_Y", "Gyr_Z")
# Daylight saving ended in Europe at 01:00 UTC on this day.
CLOCKS_CHANGE_MS = 1_729_994_400_000 - 5_000


def moving(slot: str = "one", rate_hz: float = RATE_HZ, last_s: float = LASTS_S) -> Samples:
    """A limb that is moved, with rests: enough to tell every unit."""
    return record(even(2), Worn(slot=slot, rate_hz=rate_hz), last_s)


def digits(value: float) -> str:
    """Six digits after the point, as most programs write."""
    return f"{value:.6f}"


def table(
    header: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    separator: str = ",",
    decimal: str = ".",
    before: str = "",
) -> str:
    """CSV text; numbers with six digits."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, lineterminator="\n")
    writer.writerow(header)
    for row in rows:
        writer.writerow(
            [
                digits(cell).replace(".", decimal) if isinstance(cell, float) else cell
                for cell in row
            ]
        )
    return before + text.getvalue()


def rows_of(
    samples: Samples, *, time: Callable[[float], Any] = float, acc: float = 1.0, gyr: float = 1.0
) -> list[list[Any]]:
    """Time, acceleration and angular rate of each sample, in units of `acc` and `gyr`."""
    return [
        [
            time(float(t)),
            *(float(value) / acc for value in samples.acc_mps2[row]),
            *(float(value) / gyr for value in samples.gyr_radps[row]),
        ]
        for row, t in enumerate(samples.t_s)
    ]


PLAIN = ("time", "acc_x", "acc_y", "acc_z", "gyr_x", "gyr_y", "gyr_z")


def plain_csv(path: Path, samples: Samples, **ways: Any) -> Path:
    """The plainest file: seconds and SI units."""
    path.write_text(table(PLAIN, rows_of(samples), **ways), "utf-8")
    return path


def xsens_dot(
    path: Path,
    samples: Samples,
    *,
    tag: str = "bei",
    status: str | None = None,
    rate: str | None = None,
    first_us: int = 2_974_023_062,
    first_packet: int = 0,
    lost: Sequence[int] = (),
    trailing: bool = False,
    columns: Sequence[str] = ("SampleTimeFine", *XSENS_COLUMNS),
    encoding: str = "utf-8",
) -> Path:
    """As the app exports what was recorded on the sensor, or with `status` and `rate`, streamed.

    lost: numbers of samples that did not arrive. trailing: with a separator after the last cell,
    as the later versions write.
    """
    told = {"DeviceTag:": tag, "FirmwareVersion:": "1.6.0", "AppVersion:": "2021.0"}
    if status is not None:
        told["SyncStatus:"] = status
    if rate is not None:
        told["OutputRate:"] = rate
    told["StartTime: "] = "2021-08-30_17:05:05_000 GMT+8"
    end = ", " if trailing else ""
    lines = ["sep=,", *(f"{key},{value}" for key, value in told.items())]
    lines += ["© Xsens Technologies B. V. 2005-2021", ""]
    lines.append("PacketCounter," + ",".join(columns) + ("," if trailing else ""))
    gap = ", " if trailing else ","
    for number, t in enumerate(samples.t_s):
        if number in lost:
            continue
        values = {
            "SampleTimeFine": str((first_us + round(float(t) * 1e6)) % WRAP),
            **dict(
                zip(
                    XSENS_COLUMNS,
                    [
                        *(f"{value:.14f}" for value in samples.acc_mps2[number]),
                        *(f"{value:.14f}" for value in np.degrees(samples.gyr_radps[number])),
                    ],
                    strict=True,
                )
            ),
        }
        cells = [str((first_packet + number) % WRAP), *(values.get(name, "0") for name in columns)]
        lines.append(gap.join(cells) + end)
    path.write_bytes(("\n".join(lines) + "\n").encode(encoding))
    return path


def metabase(
    folder: Path,
    samples: Samples,
    *,
    session: str = "walk",
    name: str = "MetaWear",
    address: str = "CCA00625B61F",
    begin_ms: int = CLOCKS_CHANGE_MS,
    acc: Samples | None = None,
    ios: bool = False,
) -> tuple[Path, Path]:
    """The files of accelerometer and gyroscope. acc: accelerations at times of their own.

    ios: with the header of the app for iOS, otherwise that for Android.
    """
    files = []
    both = (
        ("Accelerometer", "g", acc or samples, GRAVITY_MPS2),
        ("Gyroscope", "deg/s", samples, float(np.radians(1.0))),
    )
    for what, unit, given, size in both:
        head = ["epoc (ms)", "timestamp (+0200)"] if ios else ["epoch (ms)", "time (01:00)"]
        head += ["elapsed (s)", *(f"{axis}-axis ({unit})" for axis in "xyz")]
        vectors = given.acc_mps2 if unit == "g" else given.gyr_radps
        rows = []
        for t, vector in zip(given.t_s, vectors, strict=True):
            local = f"2024-10-27T02.{int(t) // 60:02d}.{t % 60:06.3f}"
            at = [str(begin_ms + round(float(t) * 1e3)), local, f"{t:.3f}"]
            rows.append([*at, *(f"{float(value) / size:.3f}" for value in vector)])
        path = (
            folder / f"{session}_{name}_2024-10-27T04.00.00.000_{address}_{what}_50.000Hz_1.5.0.csv"
        )
        path.write_text(table(head, rows), "utf-8")
        files.append(path)
    return files[0], files[1]


def imported(
    target: Path,
    *files: Path | Given,
    format_name: str | None = None,
    columns: Columns | None = None,
    **options: Any,
) -> tuple[Imported, dict[str, Samples]]:
    """What an import tells, and what it wrote, by slot."""
    given = [each if isinstance(each, Given) else Given(each) for each in files]
    chosen = Options(
        format=None if format_name is None else Format(format_name),
        columns=columns or Columns(),
        **options,
    )
    told = import_recording(given, target, chosen)
    return told, Recording.open(target).samples()


def column(path: Path, name: str) -> Float64:
    """One column of a recording as it stands in the file."""
    values: Float64 = pq.read_table(path)[name].to_numpy()
    return values
