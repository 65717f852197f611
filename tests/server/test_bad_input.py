"""Whatever is wrong with what a person gives: exit code 2 and one sentence, never a traceback."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from motion.samples import Samples
from tests.server.conftest import Gonio
from tests.server.recordings import (
    dead,
    rewrite,
    swings,
    with_column,
    with_metadata,
    with_units,
    write,
    write_template,
)

RANGE = "count_from_deg: 15.0\n  minimum_deg: 45.0\n  goal_deg: 55.0\n  limit_deg: 100.0"


def in_row_7(value: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Another time in row 7."""

    def change(times: Any) -> Any:
        times = times.copy()
        times[7] = value(times)
        return times

    return change


# --- the file


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda table: table.drop_columns(["acc_x", "gyr_z"]),
            ["lacks the columns acc_x, gyr_z", "add them"],
        ),
        (
            with_column("t_s", in_row_7(lambda times: times[6] - 0.01)),
            ["row 7", "sort the sensor's rows by t_s"],
        ),
        (
            with_column("t_s", in_row_7(lambda times: times[6])),
            ["row 7", "repeats the time 0.12 s", "remove repeated rows"],
        ),
        (with_column("t_s", in_row_7(lambda _: np.nan)), ["row 7", "no valid time", "remove"]),
        (with_column("t_s", lambda times: times * 1e6), ["longer than 48 hours", "in seconds"]),
        (lambda table: table.slice(0, 1), ["single sample", "record again"]),
        (lambda table: table.slice(0, 0), ["no rows", "record again"]),
        (lambda table: table.replace_schema_metadata({}), ["gonio.recording", "add it"]),
        (with_metadata(b"{"), ["gonio.recording", "correct it"]),
        (with_metadata(b'{"schema": 2, "sensors": {"one": {"rate_hz": 9}}}'), ["update gonio"]),
        (
            with_metadata(b'{"schema": 1, "sensors": {"one": {"rate_hz": -1}}}'),
            ["sensors.one.rate_hz", "correct it"],
        ),
        (
            lambda table: table.set_column(2, "acc_x", table.column("acc_x").cast(pa.float64())),
            ["column acc_x", "double", "float (32 bits)"],
        ),
    ],
)
def test_a_recording_that_is_none_is_refused(
    gonio: Gonio,
    sound: Path,
    exercise: Path,
    change: Callable[[pa.Table], pa.Table],
    words: list[str],
) -> None:
    gonio("replay", rewrite(sound, change), "-t", exercise).refused(str(sound), *words)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda _: b"", ["is empty", "copy it again"]),
        (lambda content: content[:-100], ["end is missing", "download it again"]),
        (lambda content: content[:2000] + content[2500:], ["is damaged", "again"]),
        (lambda _: b"sensor,t_s\none,0.0\n", ["not a Parquet file", "convert"]),
    ],
)
def test_a_file_that_is_cut_or_foreign_is_refused(
    gonio: Gonio, sound: Path, exercise: Path, spoil: Callable[[bytes], bytes], words: list[str]
) -> None:
    sound.write_bytes(spoil(sound.read_bytes()))
    gonio("replay", sound, "-t", exercise).refused(str(sound), *words)


def test_a_folder_and_a_missing_file_are_refused(
    gonio: Gonio, tmp_path: Path, exercise: Path
) -> None:
    gonio("replay", tmp_path, "-t", exercise).refused(str(tmp_path), "is a folder")
    gonio("replay", tmp_path / "none", "-t", exercise).refused("none does not exist", "check")


# --- what the sensors say


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (
            lambda one: Samples.of("one", one.t_s, one.gyr_radps, one.acc_mps2),
            ["'one' are swapped", "exchange the columns"],
        ),
        (
            lambda one: with_units(one, acc=1 / 9.80665),
            ["acceleration of the sensor 'one'", "given in g: multiply acc_x..z by 9.80665"],
        ),
        (
            lambda one: with_units(one, gyr=57.29578),
            ["angular rate of the sensor 'one'", "given in deg/s: multiply gyr_x..z by 0.0174533"],
        ),
        (dead, ["'one' gave the same values throughout", "record again"]),
        (lambda one: with_units(one, acc=np.nan), ["'one' gave no valid number throughout"]),
    ],
)
def test_samples_that_make_no_sense_are_refused(
    gonio: Gonio,
    tmp_path: Path,
    exercise: Path,
    spoil: Callable[[Samples], Samples],
    words: list[str],
) -> None:
    recording = write(tmp_path / "spoilt.parquet", spoil(swings()))
    gonio("replay", recording, "-t", exercise).refused(str(recording), *words)


def test_a_dead_sensor_is_refused_only_where_it_is_needed(
    gonio: Gonio, tmp_path: Path, exercise: Path
) -> None:
    recording = write(tmp_path / "two.parquet", swings(), dead(swings("two")))
    both = write_template(tmp_path / "both.yaml", ("one", "two"))
    gonio("replay", recording, "-t", both).refused("'two' gave the same values throughout")
    assert "6 repetitions" in gonio("replay", recording, "-t", exercise).out


# --- the template


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("tempo:", "temppo:", ["temppo", "no such field", "spelling"]),
        ("goal_deg", "gaol_deg", ["range.gaol_deg", "no such field", "spelling"]),
        ("minimum_deg: 45.0", "minimum_deg: 60.0", ["range", "no repetition could satisfy"]),
        ("count_from_deg: 15.0", "count_from_deg: -1", ["range.count_from_deg", "greater than 0"]),
        ("goal_deg: 55.0", "goal_deg: high", ["range.goal_deg", "number", "high"]),
        (RANGE, "minimum_deg: [", ["line", "correct the YAML"]),
        ("id: synthetic\n", "", ["id", "required; add it"]),
        ("version: 1\n", "version: 1\nversion: 2\n", ["line 3", "'version' is given twice"]),
    ],
)
def test_a_template_with_a_mistake_names_its_place(
    gonio: Gonio, sound: Path, exercise: Path, old: str, new: str, words: list[str]
) -> None:
    text = exercise.read_text("utf-8")
    assert old in text
    exercise.write_text(text.replace(old, new), "utf-8")
    for command in (["replay", sound, "-t", exercise], ["templates", "check", exercise]):
        gonio(*command).refused(str(exercise), *words)


def test_a_template_that_is_not_there_is_refused(gonio: Gonio, sound: Path) -> None:
    gonio("replay", sound, "-t", "no-such").refused("'no-such'", "gonio templates list")
    gonio("replay", sound, "-t", "no/such.yaml").refused("does not exist", "templates list")
    gonio("replay", sound).refused("no exercise", "--template")


# --- which sensor is which


def test_a_slot_that_cannot_be_filled_is_refused(
    gonio: Gonio, sound: Path, exercise: Path, tmp_path: Path
) -> None:
    both = write_template(tmp_path / "both.yaml", ("one", "two"))
    gonio("replay", sound, "-t", both).refused("no sensor 'two'", "--slot two=one")
    same = ["--slot", "one=one", "--slot", "two=one"]
    gonio("replay", sound, "-t", both, *same).refused("cannot serve as both", "each its own")
    for slot, word in (
        ("one=nine", "no sensor 'nine'; it has one"),
        ("nine=one", "no slot 'nine'; it has one"),
        ("nine", "TEMPLATE_SLOT=RECORDING_SLOT"),
        ("=one", "TEMPLATE_SLOT=RECORDING_SLOT"),
    ):
        gonio("replay", sound, "-t", exercise, "--slot", slot).refused(f"--slot {slot}", word)
    twice = ["--slot", "one=one", "--slot", "one=one"]
    gonio("replay", sound, "-t", exercise, *twice).refused("'one' twice")


# --- where the output goes


def test_output_that_cannot_be_written_is_refused_before_the_work(
    gonio: Gonio, sound: Path, exercise: Path, tmp_path: Path
) -> None:
    for option in ("--report", "--output"):
        missing = tmp_path / "no" / "file"
        gonio("replay", sound, "-t", exercise, option, missing).refused(str(missing), "folder")
        gonio("replay", sound, "-t", exercise, option, tmp_path).refused("it is a folder")


def test_output_never_takes_the_place_of_an_input(
    gonio: Gonio, sound: Path, exercise: Path, tmp_path: Path
) -> None:
    before = sound.read_bytes(), exercise.read_bytes()
    for option in ("--report", "--output"):
        for file in (sound, exercise):
            again = tmp_path / "." / file.name
            gonio("replay", sound, "-t", exercise, option, again).refused(option, "overwrite")
    gonio("learn", sound, "--from", 1, "--to", 5, "-o", sound).refused("--output", "overwrite")
    other = tmp_path / "other"
    both = ["--report", other, "--output", other]
    gonio("replay", sound, "-t", exercise, *both).refused("overwrite")
    assert (sound.read_bytes(), exercise.read_bytes()) == before


# --- the command line


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["dance"], ["No such command 'dance'", "gonio --help"]),
        (["replay"], ["Missing argument 'REC'", "gonio replay --help"]),
        (["replay", "x", "--sid", "left"], ["--sid", "gonio replay --help"]),
        (["replay", "x", "--side", "up"], ["--side", "'up'", "'left', 'right'"]),
        (["learn", "x", "--from", "a", "--to", "2", "-o", "y"], ["--from", "'a'"]),
        (["templates", "show", "no-such"], ["'no-such'", "gonio templates list"]),
        (["templates", "check", "none.yaml"], ["none.yaml does not exist"]),
    ],
)
def test_a_command_that_is_none_is_refused(
    gonio: Gonio, arguments: list[str], words: list[str]
) -> None:
    gonio(*arguments).refused(*words)


def test_texts_of_files_cannot_steer_a_terminal(
    gonio: Gonio, sound: Path, exercise: Path, tmp_path: Path
) -> None:
    hostile = tmp_path / "a\x1b[2Jb\u202ec.parquet"
    shutil.copy(sound, hostile)
    ran = gonio("replay", hostile, "-t", exercise)
    assert ran.code == 0
    assert "\x1b" not in ran.out + ran.err
    hostile.write_bytes(b"")
    gonio("replay", hostile, "-t", exercise).refused("a[2Jbc.parquet is empty")
