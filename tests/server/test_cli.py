"""The command as a whole: learning, the library, exit codes, terminals of every kind."""

import errno
import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel, ValidationError

from motion.template import ExerciseTemplate, library_ids
from server import cli
from server.engine import gonio_version
from tests.motion.movement import damaged, lost
from tests.server.conftest import Gonio
from tests.server.recordings import dead, swings, write

# --- learn

FIRST = ["--from", "1.5", "--to", "5.5"]
SECOND = ["--from", "5.5", "--to", "9.5"]


def test_a_demonstrated_repetition_becomes_a_template(
    gonio: Gonio, sound: Path, tmp_path: Path
) -> None:
    target = tmp_path / "Arm raise!.yaml"
    ran = gonio("learn", sound, *FIRST, *SECOND, "-o", target)
    assert (ran.code, ran.err) == (0, "")
    template = ExerciseTemplate.load(target)
    assert (template.id, template.name) == ("arm-raise", "Arm raise")
    assert template.range.goal_deg == pytest.approx(57.0, abs=1.5)
    assert f"{target}: Arm raise" in ran.out
    assert "goal 5" in ran.out
    assert "s above a fifth of the range" in ran.out
    assert "6 repetitions, 6 correct" in gonio("replay", sound, "-t", target).out


def test_id_and_name_are_what_the_options_say(gonio: Gonio, sound: Path, tmp_path: Path) -> None:
    target = tmp_path / "t.yaml"
    learn = ["learn", sound, *FIRST, "-o", target]
    assert gonio(*learn, "--id", "raise.2", "--name", "Hebe den Arm für 2 s").code == 0
    document = yaml.safe_load(target.read_text("utf-8"))
    assert (document["id"], document["name"]) == ("raise.2", "Hebe den Arm für 2 s")
    gonio(*learn, "--id", "Not an id").refused("--id Not an id", "lower-case letters")
    gonio(*learn, "--name", "n" * 200).refused("--name", "120 characters")


@pytest.mark.parametrize(
    ("intervals", "words"),
    [
        (["--from", "1", "--from", "5", "--to", "4"], ["--from is given 2 times", "--to 1 times"]),
        (["--from", "5", "--to", "1"], ["5-1 s", "too short or reversed"]),
        (["--from", "1", "--to", "1.2"], ["too short or reversed"]),
        (["--from", "1", "--to", "99"], ["outside the recording", "from 0.00 to 29.98 s"]),
        (["--from", "nan", "--to", "3"], ["two times in seconds"]),
        (["--from", "26", "--to", "29"], ["repetition", "begins and ends at rest"]),
    ],
)
def test_an_interval_that_is_no_repetition_is_refused(
    gonio: Gonio, sound: Path, tmp_path: Path, intervals: list[str], words: list[str]
) -> None:
    target = tmp_path / "t.yaml"
    gonio("learn", sound, *intervals, "-o", target).refused(*words)
    assert not target.exists()


def test_a_sensor_or_a_place_that_is_not_there_is_refused(
    gonio: Gonio, sound: Path, tmp_path: Path
) -> None:
    target = tmp_path / "t.yaml"
    unknown = gonio("learn", sound, *FIRST, "--sensor", "nine", "-o", target)
    unknown.refused(str(sound), "no sensor 'nine'; it has one")
    missing = tmp_path / "no" / "t.yaml"
    gonio("learn", sound, *FIRST, "-o", missing).refused(str(missing), "folder does not exist")


def test_learning_leaves_out_sensors_that_make_no_sense(gonio: Gonio, tmp_path: Path) -> None:
    recording = write(tmp_path / "r.parquet", dead(swings("two")), lost(swings(), 20.0, 20.2))
    target = tmp_path / "t.yaml"
    ran = gonio("learn", recording, *FIRST, "-o", target)
    assert ran.code == 0
    left_out, losses = ran.err.splitlines()
    assert left_out.startswith(f"left out: {recording}: ")
    assert "'two' gave the same values throughout" in left_out
    assert "at 20.0 s for 0.22 s" in losses
    assert ExerciseTemplate.load(target).slots == ("one",)
    alone = gonio("learn", recording, *FIRST, "--sensor", "two", "-o", target)
    alone.refused("'two' gave the same values throughout")
    all_dead = write(tmp_path / "d.parquet", dead(swings("two")), dead(swings("one")))
    ran = gonio("learn", all_dead, *FIRST, "-o", target)
    assert ran.code == 2
    assert "no sensor that a template can be learned from" in ran.err.splitlines()[-1]


def test_a_demonstration_within_a_gap_is_refused(gonio: Gonio, tmp_path: Path) -> None:
    recording = write(tmp_path / "r.parquet", damaged(swings(), 1.0, 6.0, "nan"))
    ran = gonio("learn", recording, *FIRST, "-o", tmp_path / "t.yaml")
    ran.refused("holds only 0 samples")


# --- templates


def test_the_library_is_listed_and_shown(gonio: Gonio) -> None:
    listed = gonio("templates", "list")
    assert listed.code == 0
    for name in library_ids():
        assert name in listed.out
        shown = gonio("templates", "show", name)
        document = yaml.safe_load(shown.out)
        assert ExerciseTemplate.from_document(document) == ExerciseTemplate.load(name)


def test_a_sound_template_is_called_fine(gonio: Gonio, exercise: Path) -> None:
    ran = gonio("templates", "check", exercise)
    assert ran.code == 0
    assert ran.out.splitlines() == [
        f"{exercise}: fine",
        "Synthetic (synthetic, version 1)",
        "sensors: one",
        "range: at least 45°, goal 55°, limit 100°",
    ]


# --- exit codes


def test_help_and_version(gonio: Gonio) -> None:
    assert gonio("--version").out == f"gonio, version {gonio_version()}\n"
    for command in ("demo", "replay", "learn", "templates"):
        assert command in gonio("--help").out
        assert "Usage: gonio" in gonio(command, "-h").out
    without = gonio()
    assert without.code == 2
    assert "Usage: gonio" in without.err


class _Model(BaseModel):
    field: int


def _invalid() -> None:
    _Model.model_validate({"field": "x"})


def _raising(error: BaseException) -> Any:
    def command() -> None:
        raise error

    return command


def test_every_error_of_input_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValidationError):
        _invalid()
    for command, told in (
        (_invalid, "field: Input should be a valid integer"),
        (_raising(MemoryError()), "The recording does not fit into memory"),
        (_raising(OSError(errno.ENOSPC, "No space left on device", "x")), "x: No space left"),
        (_raising(OSError("odd")), "odd"),
    ):
        assert cli.run(command) == 2
        (sentence,) = capsys.readouterr().err.splitlines()
        assert sentence.startswith(f"gonio: {told}")


def test_an_interrupt_ends_quietly(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(_raising(KeyboardInterrupt())) == 130
    assert capsys.readouterr().err == "gonio: stopped.\n"


def test_a_bug_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        cli.run(lambda: 1 // 0)


@pytest.mark.skipif(os.name == "nt", reason="pipes end differently there")
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_reader_that_stops_reading_is_no_error(
    sound: Path, exercise: Path, options: list[str]
) -> None:
    replay: list[str | Path] = ["replay", sound, "-t", exercise, *options]
    command = [sys.executable, "-m", "server.cli", *replay]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()
    _, told = process.communicate(timeout=120)
    assert process.returncode == 141
    assert b"Traceback" not in told
    assert b"Exception" not in told


# --- terminals


def test_a_terminal_without_a_degree_sign_is_served(
    monkeypatch: pytest.MonkeyPatch, sound: Path, exercise: Path
) -> None:
    for arguments in (["-t", str(exercise)], ["-t", str(exercise), "--json", "--side", "left"]):
        out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
        monkeypatch.setattr(sys, "stdout", out)
        with pytest.raises(SystemExit) as stop:
            cli.main(["replay", str(sound), *arguments])
        assert stop.value.code == 0
        out.flush()
        monkeypatch.undo()


def test_learning_takes_the_reference_that_is_asked_for(
    gonio: Gonio, sound: Path, tmp_path: Path
) -> None:
    target = tmp_path / "t.yaml"
    ran = gonio("learn", sound, *FIRST, "--reference", "own", "-o", target)
    assert "85 % of one's own first 3 repetitions" in ran.out
    assert ExerciseTemplate.load(target).range.reference == "own"
    assert gonio("learn", sound, *FIRST, "-o", target).code == 0
    assert ExerciseTemplate.load(target).range.reference == "prescription"
