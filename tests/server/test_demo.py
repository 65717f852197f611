"""The demo: real repetitions, in a terminal or not, and nothing that a user could not do."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from devices.emulation import virtual_time
from devices.recording import read_info
from server import demo, terminal
from server.demo import REPETITIONS, run_demo
from tests.server.conftest import Gonio

ESCAPE = "\x1b"


class Terminal(io.StringIO):
    """A terminal that remembers."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def console(file: io.StringIO, width: int = 80) -> Console:
    return Console(
        file=file, width=width, height=24, highlight=False, markup=False, force_terminal=None
    )


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, which the demo runs in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return tmp_path


def rows(text: str) -> list[str]:
    """Numbers of the repetitions in the table."""
    lines = [line.split() for line in text.splitlines() if "±" in line and "/" in line]
    return [line[0] for line in lines]


def test_fast_it_writes_plain_lines_a_recording_and_a_report(gonio: Gonio, here: Path) -> None:
    ran = gonio("demo", "--fast")
    assert (ran.code, ran.err) == (0, "")
    assert ESCAPE not in ran.out
    assert rows(ran.out) == [str(number) for number in range(1, REPETITIONS + 1)]
    assert f"{REPETITIONS} repetitions, " in ran.out
    assert f"asked for {REPETITIONS} repetitions" in ran.out
    assert str(here / "gonio-demo-report.html") in ran.out
    assert sorted(path.name for path in here.iterdir()) == [
        "gonio-demo-report.html",
        "gonio-demo.packets.parquet",
        "gonio-demo.parquet",
    ]
    page = (here / "gonio-demo-report.html").read_text("utf-8")
    assert page.count("<th scope='row'") == REPETITIONS
    info = read_info(here / "gonio-demo.parquet")
    assert info.expected.repetitions == REPETITIONS
    assert "seglearn" in (info.source or "")


def test_what_it_tells_to_try_next_works(gonio: Gonio, here: Path) -> None:
    told = gonio("demo", "--fast").out
    assert "same events, to the last bit" in told
    (command,) = [line for line in told.splitlines() if " replay gonio-demo.parquet " in line]
    ran = gonio(*command.split()[1:])
    kinds = [json.loads(line)["type"] for line in ran.out.splitlines()]
    assert ran.code == 0
    assert kinds.count("rep") == REPETITIONS


def never(_: Any) -> None:
    raise AssertionError("a file needs no pacing")


def test_in_a_file_it_is_as_fast_and_plain(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "in_real_time", never)
    file = io.StringIO()
    run_demo(terminal.console(file), fast=False, report=here / "gonio-demo-report.html")
    assert ESCAPE not in file.getvalue()
    assert rows(file.getvalue()) == [str(number) for number in range(1, REPETITIONS + 1)]


@pytest.mark.parametrize("width", [60, 120])
def test_in_a_terminal_it_takes_its_time(
    here: Path, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    took_s = []

    def sped_up(main: Any) -> None:
        async def timed(clock_ns: Any) -> None:
            await main(clock_ns)
            took_s.append(clock_ns() / 1e9)

        virtual_time.run(timed)

    monkeypatch.setattr(demo, "in_real_time", sped_up)
    file = Terminal()
    run_demo(console(file, width), fast=False, report=here / "gonio-demo-report.html")
    shown = file.getvalue()
    assert 20.0 < took_s[0] < 60.0
    assert "▾goal 35°" in shown
    assert "on the way out" in shown
    assert shown.count("\x1b[?25l") == shown.count("\x1b[?25h") == 1
    assert "20 repetitions" in shown


def test_an_interrupt_gives_the_cursor_back(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "in_real_time", virtual_time.run)
    monkeypatch.setattr(demo, "_show_repetition", interrupted)
    file = Terminal()
    with pytest.raises(KeyboardInterrupt):
        run_demo(console(file), fast=False, report=here / "gonio-demo-report.html")
    assert file.getvalue().rindex("\x1b[?25h") > file.getvalue().rindex("\x1b[?25l")
    assert not (here / "gonio-demo-report.html").exists()


@pytest.mark.parametrize(
    "change",
    [
        lambda patch: patch.setenv("TERM", "dumb"),
        lambda patch: patch.setattr(Terminal, "encoding", "ascii"),
    ],
)
def test_a_simple_terminal_gets_lines(
    here: Path, monkeypatch: pytest.MonkeyPatch, change: Any
) -> None:
    change(monkeypatch)
    file = Terminal()
    run_demo(console(file), fast=False, report=here / "gonio-demo-report.html")
    assert "▾" not in file.getvalue()
    assert "20 repetitions" in file.getvalue()


def test_a_folder_that_cannot_be_written_is_told_first(gonio: Gonio, here: Path) -> None:
    (here / "gonio-demo.parquet").mkdir()
    gonio("demo", "--fast").refused("gonio-demo.parquet cannot be written", "folder")


def test_recordings_without_the_chosen_one_are_refused(
    gonio: Gonio, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "load_spar", lambda: [])
    gonio("demo", "--fast").refused("hold no TRAP of person 6")
