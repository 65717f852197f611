"""Other programs' files become recordings: columns, units, clocks, and what is refused and how."""

import tracemalloc
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from devices.errors import DevicesError, SourceError, SourceFault
from devices.formats import delimited
from devices.formats.source import Columns, Options
from devices.importing import Given, import_recording
from devices.recording import Recording
from motion.samples import Samples
from tests.devices.exports import (
    CLOCKS_CHANGE_MS,
    GRAVITY_MPS2,
    PLAIN,
    RATE_HZ,
    column,
    imported,
    moving,
    plain_csv,
    rows_of,
    table,
    xsens_dot,
)

DEG = float(np.radians(1.0))
HEADER = "time,acc_x,acc_y,acc_z,gyr_x,gyr_y,gyr_z\n"


@pytest.fixture
def samples() -> Samples:
    return moving()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "made.parquet"


def assert_near(made: Samples, samples: Samples, *, acc: float = 1e-5, gyr: float = 1e-5) -> None:
    assert np.allclose(made.t_s, samples.t_s - samples.t_s[0], rtol=0, atol=1e-6)
    assert np.allclose(made.acc_mps2, samples.acc_mps2, rtol=0, atol=acc)
    assert np.allclose(made.gyr_radps, samples.gyr_radps, rtol=0, atol=gyr)


def refused(fault: SourceFault, target: Path, *files: Path | Given, **options: Any) -> SourceError:
    """One sentence with the remedy, and nothing is written."""
    with pytest.raises(SourceError) as caught:
        imported(target, *files, **options)
    assert caught.value.reason is fault, caught.value
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)
    assert not list(target.parent.glob(".*.part"))
    assert not target.exists()
    return caught.value


# --- columns and separators


def test_obvious_names_need_no_option(tmp_path: Path, target: Path, samples: Samples) -> None:
    told, made = imported(target, plain_csv(tmp_path / "wrist.csv", samples))
    assert_near(made["wrist"], samples)
    (sensor,) = told.sensors
    assert (sensor.rows, sensor.invalid) == (len(samples), 0)
    assert (sensor.rate_hz, sensor.estimated) == (RATE_HZ, True)
    info = Recording.open(target).info
    assert info.id == "made"
    assert info.source == "imported from wrist.csv (CSV)"
    assert info.sensors["wrist"].rate_hz == RATE_HZ


@pytest.mark.parametrize(
    "names",
    [
        ("t", "ax", "ay", "az", "gx", "gy", "gz"),
        ("Timestamp", "AccX", "AccY", "AccZ", "GyroX", "GyroY", "GyroZ"),
        ("seconds_elapsed", "accelerometer_x", "accelerometer_y", "accelerometer_z",
         "gyroscope_x", "gyroscope_y", "gyroscope_z"),
        ("Time (s)", "Acceleration x (m/s^2)", "Acceleration y (m/s^2)", "Acceleration z (m/s^2)",
         "Gyroscope x (rad/s)", "Gyroscope y (rad/s)", "Gyroscope z (rad/s)"),
    ],
)  # fmt: skip
def test_names_of_many_programs_are_known(
    tmp_path: Path, target: Path, samples: Samples, names: tuple[str, ...]
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(table(names, rows_of(samples)))
    assert_near(imported(target, path)[1]["a"], samples)


def test_columns_are_taken_as_told_whatever_they_are_called(
    tmp_path: Path, target: Path, samples: Samples
) -> None:
    path = tmp_path / "a.csv"
    rows = [[*reversed(row), "note"] for row in rows_of(samples)]
    path.write_text(table(["r3", "r2", "r1", "f3", "f2", "f,1", "when", "acc_x"], rows))
    columns = Columns(time="when", acc=("f,1", "f2", "f3"), gyr=("r1", "r2", "r3"))
    assert_near(imported(target, path, columns=columns)[1]["a"], samples)


@pytest.mark.parametrize(
    ("separator", "decimal"), [(",", "."), (";", ","), (";", "."), ("\t", "."), ("\t", ",")]
)
def test_separators_and_decimal_commas_are_found(
    tmp_path: Path, target: Path, samples: Samples, separator: str, decimal: str
) -> None:
    path = plain_csv(tmp_path / "a.csv", samples, separator=separator, decimal=decimal)
    assert_near(imported(target, path)[1]["a"], samples)


@pytest.mark.parametrize(
    "before", ["Logger 3000\nOwner: me, myself\n\n", "sep=,\n", "\ufeff", "# a,b\n# c;d\n"]
)
def test_what_stands_before_the_header_is_skipped(
    tmp_path: Path, target: Path, samples: Samples, before: str
) -> None:
    path = plain_csv(tmp_path / "a.csv", samples, before=before)
    assert_near(imported(target, path)[1]["a"], samples)


def test_a_row_of_units_and_blank_rows_are_skipped(
    tmp_path: Path, target: Path, samples: Samples
) -> None:
    path = tmp_path / "a.csv"
    text = table(PLAIN, rows_of(samples))
    text = text.replace("\n", "\ns,m/s2,m/s2,m/s2,rad/s,rad/s,rad/s\n\n,,,,,,\n", 1)
    path.write_text(text + ",,,,,,\n  \n")
    assert_near(imported(target, path)[1]["a"], samples)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_text_of_any_usual_encoding_is_read(
    tmp_path: Path, target: Path, samples: Samples, encoding: str
) -> None:
    header = ["time", "ax [m/s²]", "ay [m/s²]", "az [m/s²]", "gx [°/s]", "gy [°/s]", "gz [°/s]"]
    path = tmp_path / "a.csv"
    path.write_text(table(header, rows_of(samples, gyr=DEG)), encoding)
    assert_near(imported(target, path)[1]["a"], samples)


def test_a_file_of_several_sensors_is_taken_apart(
    tmp_path: Path, target: Path, samples: Samples
) -> None:
    late = Samples("two", samples.t_s + 0.25, samples.acc_mps2, samples.gyr_radps)
    rows = [[*row, " left "] for row in rows_of(samples)]
    rows += [[*row, "right"] for row in rows_of(late)]
    for number, order in enumerate((rows, sorted(rows, key=lambda row: row[0]))):
        path = tmp_path / f"{number}.csv"
        path.write_text(table([*PLAIN, "sensor"], order))
        _, made = imported(target, path)
        assert list(made) == ["left", "right"]
        assert_near(made["left"], samples)
        # The sensors of one file share a clock.
        assert np.allclose(made["right"].t_s, late.t_s)
        assert np.all(np.diff(column(target, "t_s")) >= 0.0) or number == 0


def test_a_slot_names_the_sensor(tmp_path: Path, target: Path, samples: Samples) -> None:
    path = plain_csv(tmp_path / "a.csv", samples)
    assert list(imported(target, Given(path, "pelvis"))[1]) == ["pelvis"]
    several = tmp_path / "b.csv"
    several.write_text(table([*PLAIN, "sensor"], [[*row, "u4"] for row in rows_of(samples)]))
    assert list(imported(target, Given(several, "pelvis"))[1]) == ["pelvis"]


def test_nothing_measured_becomes_nan(tmp_path: Path, target: Path, samples: Samples) -> None:
    rows = rows_of(samples)
    for row, cell in enumerate(["", " ", "NaN", "nan", "NA", "null"]):
        rows[row + 10][1 + row] = cell
    path = tmp_path / "a.csv"
    path.write_text(table(PLAIN, rows))
    told, made = imported(target, path)
    values = np.concatenate([made["a"].acc_mps2, made["a"].gyr_radps], axis=1)
    assert np.argwhere(np.isnan(values)).tolist() == [[row + 10, row] for row in range(6)]
    assert told.sensors[0].invalid == 6


def test_a_magnetometer_is_kept_where_its_unit_is_known(
    tmp_path: Path, target: Path, samples: Samples
) -> None:
    rows = [[*row, 20.0, -5.5, 40.25] for row in rows_of(samples)]
    header = [*PLAIN, "mag_x", "mag_y", "mag_z"]
    path = tmp_path / "a.csv"
    path.write_text(table(header, rows))
    imported(target, path)
    assert not Recording.open(target).magnetometer
    imported(target, path, columns=Columns(mag=("mag_x", "mag_y", "mag_z")))
    assert column(target, "mag_z").tolist() == [40.25] * len(samples)
    path.write_text(table([*PLAIN, "mx (uT)", "my (µT)", "mz (uT)"], rows))
    imported(target, path)
    assert column(target, "mag_y").tolist() == [-5.5] * len(samples)


# --- units


@pytest.mark.parametrize(
    ("acc_unit", "acc", "gyr_unit", "gyr"),
    [
        ("g", GRAVITY_MPS2, "deg/s", DEG),
        ("mg", GRAVITY_MPS2 / 1000.0, "mdps", DEG / 1000.0),
        ("m/s2", 1.0, "rad/s", 1.0),
    ],
)
def test_units_are_converted_as_told_or_as_the_header_says(
    tmp_path: Path,
    target: Path,
    samples: Samples,
    acc_unit: str,
    acc: float,
    gyr_unit: str,
    gyr: float,
) -> None:
    path = tmp_path / "a.csv"
    rows = rows_of(samples, acc=acc, gyr=gyr)
    path.write_text(table(PLAIN, rows))
    near = {"acc": 2e-5, "gyr": 1e-5}
    assert_near(
        imported(target, path, acc_unit=acc_unit, gyr_unit=gyr_unit)[1]["a"], samples, **near
    )
    units = [*([acc_unit] * 3), *([gyr_unit] * 3)]
    header = ["time_s", *(f"{name} ({unit})" for name, unit in zip(PLAIN[1:], units, strict=True))]
    path.write_text(table(header, rows))
    told, made = imported(target, path)
    assert_near(made["a"], samples, **near)
    assert any(f"acceleration in {acc_unit}" in note for note in told.notes)


@pytest.mark.parametrize(("unit", "size"), [("s", 1.0), ("ms", 1e3), ("us", 1e6), ("ns", 1e9)])
@pytest.mark.parametrize("begin_s", [0.0, -3.5, 812.25, CLOCKS_CHANGE_MS / 1e3])
def test_times_of_any_unit_and_any_start_give_the_same_session(
    tmp_path: Path, target: Path, samples: Samples, unit: str, size: float, begin_s: float
) -> None:
    path = tmp_path / "a.csv"

    def time(t: float) -> str:
        return f"{(begin_s + t) * size:.3f}" if unit == "s" else str(round((begin_s + t) * size))

    path.write_text(table(PLAIN, rows_of(samples, time=time)))
    made = imported(target, path, time_unit=unit)[1]["a"]
    assert np.allclose(made.t_s, samples.t_s, rtol=0, atol=1e-6)
    path.write_text(table([f"time_{unit}", *PLAIN[1:]], rows_of(samples, time=time)))
    assert imported(target, path)[1]["a"].t_s.tobytes() == made.t_s.tobytes()


def test_milliseconds_give_the_nearest_doubles(
    tmp_path: Path, target: Path, samples: Samples
) -> None:
    path = tmp_path / "a.csv"
    rows = rows_of(samples, time=lambda t: str(CLOCKS_CHANGE_MS + round(t * 1e3)))
    path.write_text(table(["time_ms", *PLAIN[1:]], rows))
    assert imported(target, path)[1]["a"].t_s.tolist() == [k / 50 for k in range(len(samples))]


@pytest.mark.parametrize(
    ("acc", "gyr", "words"),
    [
        (GRAVITY_MPS2, 1.0, ["acceleration", "give --acc-unit g."]),
        (GRAVITY_MPS2 / 1e3, 1.0, ["acceleration", "give --acc-unit mg."]),
        (1.0, DEG, ["angular rate", "give --gyr-unit deg/s."]),
        (1.0, DEG / 1e3, ["angular rate", "give --gyr-unit mdps."]),
        (GRAVITY_MPS2, DEG, ["give --acc-unit g and --gyr-unit deg/s."]),
    ],
)
def test_values_in_another_unit_are_refused_with_the_option(
    tmp_path: Path, target: Path, samples: Samples, acc: float, gyr: float, words: list[str]
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(table(PLAIN, rows_of(samples, acc=acc, gyr=gyr)))
    error = refused(SourceFault.IMPLAUSIBLE, target, path)
    for word in ["a.csv", "'a'", *words]:
        assert word in str(error)
    assert error.sensor == "a"


def test_a_wrong_option_is_refused_with_the_right_one(
    tmp_path: Path, target: Path, samples: Samples
) -> None:
    path = plain_csv(tmp_path / "a.csv", samples)
    error = refused(SourceFault.IMPLAUSIBLE, target, path, acc_unit="g", gyr_unit="deg/s")
    assert "give --acc-unit m/s2 and --gyr-unit rad/s." in str(error)


def test_swapped_columns_are_refused(tmp_path: Path, target: Path, samples: Samples) -> None:
    path = tmp_path / "a.csv"
    path.write_text(table([PLAIN[0], *PLAIN[4:], *PLAIN[1:4]], rows_of(samples)))
    assert "exchange the columns" in str(refused(SourceFault.IMPLAUSIBLE, target, path))


def test_acceleration_without_gravity_is_not_taken_for_a_unit(
    tmp_path: Path, target: Path, samples: Samples
) -> None:
    bare = Samples.of("a", samples.t_s, samples.acc_mps2 * 1e-4, samples.gyr_radps)
    path = plain_csv(tmp_path / "a.csv", bare)
    assert "--acc-unit" not in str(refused(SourceFault.IMPLAUSIBLE, target, path))


def test_a_dead_sensor_is_refused(tmp_path: Path, target: Path, samples: Samples) -> None:
    still = np.tile(samples.acc_mps2[:1], (len(samples), 1))
    path = plain_csv(tmp_path / "a.csv", Samples.of("a", samples.t_s, still, still))
    assert "the same values" in str(refused(SourceFault.IMPLAUSIBLE, target, path))


def test_a_badly_calibrated_accelerometer_is_told(
    tmp_path: Path, target: Path, samples: Samples
) -> None:
    off = Samples.of("a", samples.t_s, samples.acc_mps2 * 1.08, samples.gyr_radps)
    told, _ = imported(target, plain_csv(tmp_path / "a.csv", off))
    assert any("badly calibrated" in note for note in told.notes)


# --- clocks and rates


def shifted(samples: Samples, by_s: float) -> Samples:
    return Samples(samples.sensor, samples.t_s + by_s, samples.acc_mps2, samples.gyr_radps)


def test_times_since_1970_bring_files_together(
    tmp_path: Path, target: Path, samples: Samples
) -> None:
    begin_s = CLOCKS_CHANGE_MS / 1e3
    late = plain_csv(tmp_path / "late.csv", shifted(samples, begin_s + 1.5))
    early = plain_csv(tmp_path / "early.csv", shifted(samples, begin_s))
    told, made = imported(target, late, early)
    assert np.allclose(made["early"].t_s, samples.t_s, atol=1e-6)
    assert np.allclose(made["late"].t_s, samples.t_s + 1.5, atol=1e-6)
    assert "2024-10-27 01:59:55.000 UTC; the files share that clock" in told.notes[0]
    started = Recording.open(target).info.started_at
    assert started == datetime(2024, 10, 27, 1, 59, 55, tzinfo=UTC)
    assert told.duration_s == pytest.approx(samples.t_s[-1] + 1.5)
    assert np.all(np.diff(column(target, "t_s")) >= 0.0)


def test_other_clocks_each_start_at_zero_and_that_is_told(
    tmp_path: Path, target: Path, samples: Samples
) -> None:
    one = plain_csv(tmp_path / "one.csv", shifted(samples, 3.0))
    two = plain_csv(tmp_path / "two.csv", shifted(samples, 90.0))
    told, made = imported(target, one, two)
    assert made["one"].t_s[0] == made["two"].t_s[0] == 0.0
    assert "share no clock" in told.notes[0]
    assert Recording.open(target).info.started_at is None


def test_sessions_of_different_days_are_refused(
    tmp_path: Path, target: Path, samples: Samples
) -> None:
    one = plain_csv(tmp_path / "one.csv", shifted(samples, 1.7e9))
    two = plain_csv(tmp_path / "two.csv", shifted(samples, 1.7e9 + 4 * 86400))
    error = refused(SourceFault.TIME_SPAN, target, one, two)
    assert "two.csv begins 96 hours after" in str(error)


def test_without_times_samples_are_counted(tmp_path: Path, target: Path, samples: Samples) -> None:
    path = tmp_path / "a.csv"
    path.write_text(table(PLAIN[1:], [row[1:] for row in rows_of(samples)]))
    assert "--rate HZ" in str(refused(SourceFault.COLUMNS, target, path))
    told, made = imported(target, path, rate_hz=RATE_HZ)
    assert np.allclose(made["a"].t_s, samples.t_s)
    assert (told.sensors[0].rate_hz, told.sensors[0].estimated) == (RATE_HZ, False)


def test_counted_samples_begin_when_the_file_says(
    tmp_path: Path, target: Path, samples: Samples
) -> None:
    files = []
    for name, begin_s in (("one", 1.7e9), ("two", 1.7e9 + 2.0)):
        path = tmp_path / f"{name}.csv"
        # Ten samples a packet, all with the packet's time.
        rows = rows_of(samples)
        for number, row in enumerate(rows):
            row[0] = f"{begin_s + number // 10 / 5:.3f}"
        path.write_text(table(PLAIN, rows))
        files.append(path)
    assert "--rate HZ" in str(refused(SourceFault.TIME_REPEATED, target, *files))
    _, made = imported(target, *files, rate_hz=RATE_HZ)
    assert np.allclose(made["one"].t_s, samples.t_s)
    assert np.allclose(made["two"].t_s, samples.t_s + 2.0)


def test_times_in_bursts_are_told(tmp_path: Path, target: Path, samples: Samples) -> None:
    path = tmp_path / "a.csv"
    rows = rows_of(samples, time=lambda t: f"{t - (round(t * RATE_HZ) % 5) * 0.019:.4f}")
    path.write_text(table(PLAIN, rows))
    told, _ = imported(target, path)
    assert any("in bursts" in note and "about 50 Hz" in note for note in told.notes)


@pytest.mark.parametrize(
    ("size", "given_unit", "meant"), [(1e3, None, "ms"), (1e6, None, "us"), (1.0, "ms", "s")]
)
def test_times_in_another_unit_are_refused_with_the_option(
    tmp_path: Path, target: Path, samples: Samples, size: float, given_unit: str, meant: str
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(table(PLAIN, rows_of(samples, time=lambda t: f"{t * size:.3f}")))
    error = refused(SourceFault.RATE, target, path, time_unit=given_unit)
    assert f"give --time-unit {meant}." in str(error)


def test_a_file_that_lasts_too_long_is_refused(
    tmp_path: Path, target: Path, samples: Samples
) -> None:
    rows = rows_of(samples)
    rows[300:] = [[row[0] + 200_000.0, *row[1:]] for row in rows[300:]]
    path = tmp_path / "a.csv"
    path.write_text(table(PLAIN, rows))
    error = refused(SourceFault.TIME_SPAN, target, path)
    assert error.line == 302
    assert "56 hours" in str(error)


# --- what is refused


@pytest.mark.parametrize(
    ("text", "fault", "words"),
    [
        ("", SourceFault.EMPTY, ["is empty"]),
        ("\n \n", SourceFault.EMPTY, ["is empty"]),
        (HEADER, SourceFault.NO_ROWS, ["no samples"]),
        (HEADER + "0,1,2,3,4,5,6\n", SourceFault.NO_ROWS, ["one sample of the sensor 'a'"]),
        ("a,b\n1,2\n", SourceFault.COLUMNS, ["acceleration (acc_x)", "line 1 has a, b", "--acc"]),
        (
            "time,acc_x,acc_y,acc_z\n0,1,2,3\n",
            SourceFault.COLUMNS,
            ["angular rate (gyr_x)", "has time, acc_x, acc_y, acc_z", "--gyr X,Y,Z"],
        ),
        (HEADER + "0,1,2,3,4,5,6\n1,2,3,4,5,x,7\n", SourceFault.NOT_A_NUMBER,
         ["line 3", "column gyr_y", "'x' is not a number"]),
        (HEADER + "0,1,2,3,4,5,6\n1,2,3,4,5,1_0,7\n", SourceFault.NOT_A_NUMBER, ["'1_0'"]),
        (HEADER + "0,1,2,3,4,5,6\n1,2,3\n", SourceFault.ROW_LENGTH, ["line 3 has 3 cells", "7"]),
        (HEADER + "0,1,2,3,4,5,6\n1,2,3,4,5,6,7,8\n", SourceFault.ROW_LENGTH, ["8 cells"]),
        (HEADER + "0,1,2,3,4,5,6\n,2,3,4,5,6,7\n", SourceFault.NO_TIME, ["line 3 has no valid"]),
        (HEADER + "0,1,2,3,4,5,6\ninf,2,3,4,5,6,7\n", SourceFault.NO_TIME, ["line 3"]),
        (HEADER + "nan,1,2,3,4,5,6\n", SourceFault.NO_TIME, ["line 2"]),
        (HEADER + "0.2,1,2,3,4,5,6\n0.1,2,3,4,5,6,7\n", SourceFault.TIME_UNSORTED,
         ["line 3 goes back", "sort the rows"]),
        (HEADER + "0.1,1,2,3,4,5,6\n0.1,2,3,4,5,6,7\n", SourceFault.TIME_REPEATED,
         ["line 3 repeats", "--rate HZ"]),
        ("sensor," + HEADER + ",0,1,2,3,4,5,6\n", SourceFault.SENSOR, ["line 2 names no sensor"]),
        (HEADER.replace("acc_y", "acc_x"), SourceFault.COLUMNS, ["acceleration (acc_y)"]),
        (HEADER.replace("time,", "time,t,"), SourceFault.COLUMNS,
         ["more than one column for the time, 'time' and 't'", "--time COLUMN"]),
        ("sensor,device," + HEADER, SourceFault.COLUMNS, ["'sensor' and 'device'", "--sensor"]),
        ("time,acc_x (g),acc_y (mg),acc_z (g),gyr_x,gyr_y,gyr_z\n0,1,2,3,4,5,6\n",
         SourceFault.COLUMNS, ["several units", "--acc-unit"]),
        (HEADER + '0,1,2,3,4,5,"6\n' + "0,1,2,3,4,5,6\n" * 10_000, SourceFault.FORMAT,
         ["line 2 cannot be split"]),
        (HEADER + '0,1,2,3,4,5,"6\n7"\n0,1,2,3,4,5,6\n', SourceFault.NOT_A_NUMBER, ["line 2"]),
        (HEADER + "0" * 70_000, SourceFault.FORMAT, ["line 2 is longer"]),
    ],
)  # fmt: skip
def test_bad_text_is_refused_in_one_sentence(
    tmp_path: Path, target: Path, text: str, fault: SourceFault, words: list[str]
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text)
    error = refused(fault, target, path)
    assert error.path == str(path)
    for word in ["a.csv", *words]:
        assert word in str(error)


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        (b"PAR1\x00\x00\x01binary", SourceFault.NOT_TEXT),
        (b"PK\x03\x04\x00\x00sheet", SourceFault.NOT_TEXT),
        (HEADER.encode() + b"0,1,2,3,4,5,6\n" * 9000 + b"\xff\n", SourceFault.ENCODING),
        (b"\xff\xfe" + "t,ax\n".encode("utf-16-le") + b"\x00\xd8", SourceFault.ENCODING),
    ],
)
def test_what_is_no_text_is_refused(
    tmp_path: Path, target: Path, raw: bytes, fault: SourceFault
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(raw)
    refused(fault, target, path)


def test_files_that_are_not_there_are_told(tmp_path: Path, target: Path) -> None:
    refused(SourceFault.NOT_FOUND, target, tmp_path / "none.csv")
    refused(SourceFault.UNREADABLE, target, tmp_path)
    refused(SourceFault.UNREADABLE, target, Path("a\0b.csv"))


def test_columns_that_were_told_and_are_missing_are_named(
    tmp_path: Path, target: Path, samples: Samples
) -> None:
    path = plain_csv(tmp_path / "a.csv", samples)
    error = refused(SourceFault.COLUMNS, target, path, columns=Columns(time="when"))
    assert error.column == "when"
    assert "lacks the column 'when'" in str(error)
    assert "acc_x" in str(error)


def test_slots_must_be_distinct_and_printable(
    tmp_path: Path, target: Path, samples: Samples
) -> None:
    one = plain_csv(tmp_path / "one.csv", samples)
    (tmp_path / "b").mkdir()
    two = plain_csv(tmp_path / "b" / "one.csv", samples)
    assert "'one'" in str(refused(SourceFault.SLOT, target, one, two))
    refused(SourceFault.SLOT, target, Given(one, "arm"), Given(two, "arm"))
    refused(SourceFault.SLOT, target, one, one)
    refused(SourceFault.SLOT, target, Given(one, "a\nb"))
    refused(SourceFault.SLOT, target, Given(one, "a" * 65))
    several = tmp_path / "several.csv"
    rows = [[*row, name] for row in rows_of(samples) for name in ("u1", "u2")]
    several.write_text(table([*PLAIN, "sensor"], rows))
    assert "u1, u2" in str(refused(SourceFault.SLOT, target, Given(several, "arm")))
    assert set(imported(target, Given(one, "left"), Given(two, "right"))[1]) == {"left", "right"}


def test_a_column_that_names_no_sensors_is_found_out(
    tmp_path: Path, target: Path, samples: Samples
) -> None:
    path = tmp_path / "a.csv"
    rows = [[*row, number] for number, row in enumerate(rows_of(samples))]
    path.write_text(table([*PLAIN, "sensor"], rows))
    assert "more than 64 sensors" in str(refused(SourceFault.SENSOR, target, path))


def test_options_that_do_not_fit_the_format_are_refused(
    tmp_path: Path, target: Path, samples: Samples
) -> None:
    dot = xsens_dot(tmp_path / "dot.csv", samples)
    columns = Columns(time="SampleTimeFine")
    error = refused(SourceFault.OPTION, target, dot, format_name="xsens-dot", columns=columns)
    assert "--format csv" in str(error)
    refused(SourceFault.OPTION, target, dot, rate_hz=0.5)
    refused(SourceFault.OPTION, target, dot, rate_hz=float("nan"))
    refused(SourceFault.OPTION, target, dot, acc_unit="furlong")
    plain = plain_csv(tmp_path / "a.csv", samples)
    refused(SourceFault.FORMAT, target, plain, format_name="xsens-dot")


def test_what_was_there_before_stays_after_a_refusal(
    tmp_path: Path, target: Path, samples: Samples
) -> None:
    target.write_bytes(b"before")
    path = plain_csv(tmp_path / "a.csv", samples)
    with pytest.raises(SourceError):
        import_recording([Given(path)], target, Options(acc_unit="g"))
    assert target.read_bytes() == b"before"


# --- bounds and hostile text


def test_memory_does_not_grow_with_the_file(
    tmp_path: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delimited, "BATCH_ROWS", 256)
    peaks = []
    for last_s in (60.0, 240.0):
        path = plain_csv(tmp_path / f"{last_s}.csv", moving(last_s=last_s))
        imported(target, path)
        tracemalloc.start()
        import_recording([Given(path)], target)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # The longer one is held back for a minute, as is the shorter one.
    assert peaks[1] < 1.5 * peaks[0]


def test_chunks_hold_no_more_than_a_batch(
    tmp_path: Path, samples: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delimited, "BATCH_ROWS", 100)
    file = delimited.DelimitedFile.open(plain_csv(tmp_path / "a.csv", samples))
    sizes = [len(batch) for batch in file.batches(1, 7)]
    assert sizes == [100] * (len(samples) // 100)


CELLS = st.one_of(
    st.floats().map(repr),
    st.integers(-(10**20), 10**20).map(str),
    st.sampled_from(["", "nan", "x", '"', "0x1", "1e999", "-", "é", "\0", "1,5", "sensor", "0"]),
)
LINES = st.lists(st.lists(CELLS, min_size=6, max_size=8).map(",".join), max_size=8)
HEADS = st.sampled_from(
    [
        HEADER,
        "sensor," + HEADER,
        "sensor,t_s,acc_x,acc_y,acc_z,gyr_x,gyr_y,gyr_z\n",
        "PacketCounter,SampleTimeFine,Acc_X,Acc_Y,Acc_Z,Gyr_X,Gyr_Y,Gyr_Z\n",
        "DeviceTag:,\nPacketCounter,Acc_X,Acc_Y,Acc_Z,Gyr_X,Gyr_Y,Gyr_Z\n",
        "epoc (ms),time,elapsed (s),x-axis (g),y-axis (g),z-axis (g)\n",
        "epoch (ms),time,elapsed (s),x-axis (deg/s),y-axis (deg/s),z-axis (deg/s)\n",
        "",
    ]
)


def whole_or_nothing(files: list[Given], target: Path, options: Options) -> None:
    """Nothing but a DevicesError comes out, and then no file; else one that can be read."""
    target.unlink(missing_ok=True)
    told = "nothing."
    try:
        import_recording(files, target, options)
    except DevicesError as error:
        told = str(error)
    assert told.endswith(".")
    assert target.exists() == (told == "nothing.")
    if target.exists():
        recording = Recording.open(target)
        assert recording.samples(list(recording.info.sensors))


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(first=HEADS, second=HEADS, lines=LINES, more=LINES, rate_hz=st.none() | st.just(50.0))
@example(
    first=HEADER,
    second="",
    lines=["-1e300,1,2,3,4,5,6", "1e300,1,2,3,4,5,6"],
    more=[],
    rate_hz=None,
)
@example(first=HEADER, second="", lines=["0,1e39,2,3,4,5,6", "0.1,1,1e39,3,4,5,6"], more=[],
         rate_hz=None)  # fmt: skip
def test_no_text_gives_anything_but_a_devices_error(
    tmp_path: Path,
    first: str,
    second: str,
    lines: list[str],
    more: list[str],
    rate_hz: float | None,
) -> None:
    files = []
    for number, (head, body) in enumerate(((first, lines), (second, more))):
        path = tmp_path / f"{number}.csv"
        path.write_text(head + "\n".join(body))
        files.append(Given(path))
    for given_files in (files[:1], files):
        whole_or_nothing(given_files, tmp_path / "made.parquet", Options(rate_hz=rate_hz))


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(raw=st.binary(max_size=200), text=st.text(max_size=200))
def test_no_bytes_give_anything_but_a_devices_error(tmp_path: Path, raw: bytes, text: str) -> None:
    path = tmp_path / "a.csv"
    for content in (raw, HEADER.encode() + raw, text.encode(), HEADER.encode() + text.encode()):
        path.write_bytes(content)
        whole_or_nothing([Given(path)], tmp_path / "made.parquet", Options())
