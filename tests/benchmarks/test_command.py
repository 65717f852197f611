"""`python -m benchmarks`: what it runs, its exit codes, and one sentence for each bad input."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks import convert, peers, recognition, spar, speed
from benchmarks.report import Report, Table, Track
from tests.benchmarks import made
from tests.benchmarks.originals import original, some_spar


@pytest.fixture(autouse=True)
def _no_data_folder_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GONIO_DATA", raising=False)


def complaint(capsys: pytest.CaptureFixture[str]) -> str:
    """The one sentence on standard error, which nothing on standard output comes with."""
    out, err = capsys.readouterr()
    assert out == ""
    (line,) = err.splitlines()
    assert line.startswith("benchmarks: ")
    assert "Traceback" not in err
    return line.removeprefix("benchmarks: ")


def refused(arguments: Sequence[str | Path], capsys: pytest.CaptureFixture[str]) -> str:
    """Run what must end with exit code 2, and what it says."""
    assert command.main([str(argument) for argument in arguments]) == 2
    return complaint(capsys)


# --- accuracy


@pytest.mark.compiled
def test_a_folder_of_recordings_is_scored_from_end_to_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made.uci_pt(tmp_path / "data" / "uci_pt")
    file = tmp_path / "figures.json"
    assert command.main(["accuracy", "--data", str(tmp_path / "data"), "--json", str(file)]) == 0
    out, err = capsys.readouterr()
    assert "uci_pt: 1 recordings, 30 repetitions" in out
    assert "100.00 %" in out
    assert "left out: spar, broad, dfjimu" in err
    figures = json.loads(file.read_text())
    assert list(figures) == ["uci_pt"]
    assert figures["uci_pt"]["one_demonstration"]["verdict_percent"] == 100.0
    told_apart = figures["uci_pt"]["recognition"]
    assert (told_apart["right"], told_apart["first_right"]) == (30, 1)


@pytest.mark.compiled
def test_the_variable_names_the_folder_and_arguments_choose_the_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made.uci_pt(tmp_path / "uci_pt")
    (tmp_path / "broad").mkdir()
    monkeypatch.setenv("GONIO_DATA", str(tmp_path))
    assert command.main(["accuracy", "uci_pt"]) == 0
    out, err = capsys.readouterr()
    assert "uci_pt" in out
    assert "left out" not in err


def test_all_scores_the_unseen_people_of_spar(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []

    def run(folder: Path, track: Track, *, unseen: bool = False) -> Report:
        asked.append((folder, unseen))
        return Report("spar", [], [])

    monkeypatch.setattr(spar, "run", run)
    monkeypatch.setattr(command, "prepare_kernels", lambda console: 0.0)
    (tmp_path / "spar").mkdir()
    assert command.main(["accuracy", "--data", str(tmp_path)]) == 0
    assert command.main(["accuracy", "--data", str(tmp_path), "--all"]) == 0
    assert asked == [(tmp_path / "spar", False), (tmp_path / "spar", True)]


@pytest.mark.parametrize("verb", ["accuracy", "margins"])
def test_no_folder_is_told(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "--data or in GONIO_DATA" in refused([verb], capsys)


@pytest.mark.parametrize("verb", ["accuracy", "margins"])
def test_a_folder_that_is_none_is_told(
    verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nothing = tmp_path / "nothing"
    assert f"{nothing} does not exist" in refused([verb, "--data", nothing], capsys)
    nothing.touch()
    assert f"{nothing} is not a folder" in refused([verb, "--data", nothing], capsys)


def test_a_folder_without_any_set_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = refused(["accuracy", "--data", tmp_path], capsys)
    assert "holds no folder uci_pt or spar or broad or dfjimu" in told


def test_a_set_asked_for_that_is_not_there_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "spar").mkdir()
    told = refused(["accuracy", "--data", tmp_path, "spar", "broad"], capsys)
    assert "holds no folder broad;" in told


def test_an_unknown_set_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = refused(["accuracy", "--data", tmp_path, "squats"], capsys)
    assert "'squats' is not one of" in told
    assert told.endswith("see `python -m benchmarks --help`.")


@pytest.mark.compiled
@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("uci_pt", "no file named *_test.parquet"),
        ("spar", "holds no recording"),
        ("broad", "no file named *.reference.parquet"),
        ("dfjimu", "no file named *.reference.parquet"),
    ],
)
def test_a_set_without_recordings_is_told(
    name: str,
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(peers, "load", lambda name: None)
    (tmp_path / name).mkdir()
    assert told in refused(["accuracy", "--data", tmp_path, name], capsys)


@pytest.mark.compiled
@pytest.mark.parametrize("kept", [0, 3, 500, -30])
def test_a_truncated_recording_is_told(
    kept: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = made.uci_pt(tmp_path / "uci_pt") / "s1_e1_test.parquet"
    path.write_bytes(path.read_bytes()[:kept])
    assert str(path) in refused(["accuracy", "--data", tmp_path, "uci_pt"], capsys)


@pytest.mark.parametrize(("name", "peer"), [("broad", "vqf"), ("dfjimu", "dfjimu")])
def test_a_missing_peer_is_told_before_anything_runs(
    name: str,
    peer: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / name).mkdir()
    made.uci_pt(tmp_path / "uci_pt")
    monkeypatch.setitem(sys.modules, peer, None)
    told = refused(["accuracy", "--data", tmp_path, "uci_pt", name], capsys)
    assert f"The package {peer}" in told
    assert "pip install" in told


@pytest.mark.parametrize("arguments", [["accuracy", "--data", "."], ["speed"]])
def test_a_file_that_cannot_be_written_is_told_before_anything_runs(
    arguments: list[str | Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "spar").mkdir()
    monkeypatch.chdir(tmp_path)
    for file in (tmp_path, tmp_path / "nothing" / "figures.json"):
        told = refused(
            [*arguments, *(["spar"] if "." in arguments else []), "--json", file], capsys
        )
        assert f"{file} cannot be written" in told


# --- speed, convert and the rest


def test_speed_prints_its_table_and_writes_its_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    report = Report("speed", [Table("speed: made", ["a"], [["b"]])], ["c"], {"us": 4.5})
    monkeypatch.setattr(speed, "run", lambda track: report)
    monkeypatch.setattr(command, "prepare_kernels", lambda console: 0.0)
    file = tmp_path / "figures.json"
    assert command.main(["speed", "--json", str(file)]) == 0
    assert "speed: made" in capsys.readouterr().out
    assert json.loads(file.read_text()) == {"speed": {"us": 4.5}}


def test_recognition_prints_its_table_and_takes_the_people_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def made_up(draws: int, track: object, *, first: int) -> Report:
        return Report("recognition", [Table(f"{draws} from {first}", ["a"], [["b"]])], ["c"], {})

    monkeypatch.setattr(recognition, "of_library", made_up)
    monkeypatch.setattr(command, "prepare_kernels", lambda console: 0.0)
    assert command.main(["recognition", "--draws", "2", "--first", "7"]) == 0
    assert "2 from 7" in capsys.readouterr().out


def test_converted_recordings_lie_where_data_finds_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(convert, "load_spar", some_spar)
    source = original(tmp_path / "original")
    assert command.main(["convert", "uci_pt", str(source), "-o", str(tmp_path)]) == 0
    assert command.main(["convert", "spar", "-o", str(tmp_path)]) == 0
    assert "wrote 2 recordings to" in capsys.readouterr().out
    found = command.found_sets(tmp_path, [])
    assert {name: len(list(folder.iterdir())) for name, folder in found.items()} == {
        "uci_pt": 2, "spar": 2,
    }  # fmt: skip
    assert command.main(["convert", "spar", "--all", "-o", str(tmp_path)]) == 0
    assert len(list((tmp_path / "spar").iterdir())) == 4


def test_a_source_that_is_none_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nothing = tmp_path / "nothing"
    asked: list[tuple[list[str | Path], str]] = [
        (["broad"], "give their folder as SOURCE"),
        (["broad", nothing], "is not there"),
        (["spar", nothing], "cannot be read"),
        (["spar", __file__], "SHA-256 differs"),
        (["squats", tmp_path], "'squats' is not one of"),
    ]
    for arguments, told in asked:
        assert told in refused(["convert", *arguments, "-o", tmp_path / "out"], capsys)
    assert "Missing option '--output'" in refused(["convert", "uci_pt", tmp_path], capsys)
    assert not (tmp_path / "out").exists()


def test_an_output_folder_that_is_a_file_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = original(tmp_path / "original")
    (tmp_path / "file").touch()
    told = refused(["convert", "uci_pt", source, "-o", tmp_path / "file"], capsys)
    assert str(tmp_path / "file") in told


def test_an_unknown_verb_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert "No such command 'sprint'" in refused(["sprint"], capsys)


def test_help_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--help"]) == 0
    assert "accuracy" in capsys.readouterr().out


def test_without_a_verb_the_verbs_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([]) == 2
    assert "convert" in capsys.readouterr().err


def test_a_user_who_stops_it_sees_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(console: object) -> float:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "prepare_kernels", stopped)
    assert command.main(["speed"]) == 130
    assert capsys.readouterr().err.strip() == "benchmarks: stopped."
