"""What a benchmark prints and writes: numbers for machines, tables for people."""

import io
import json
import math
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.report import (
    Report,
    Table,
    number,
    percent,
    print_report,
    progress_on,
    seconds,
    untracked,
    write_json,
)

REPORT = Report(
    "made",
    [Table("made: a table", ["recording", "counted"], [["a_long_name_of_a_recording", "12"]])],
    ["Counted: by hand [not markup]."],
    {"nan": math.nan, "infinite": [math.inf, 1.5], "nested": {0.5: {"count": 3}}, "text": "yes"},
)


def printed(width: int = 60) -> str:
    out = io.StringIO()
    print_report(REPORT, Console(file=out, width=width, markup=False, emoji=False))
    return out.getvalue()


def test_what_is_no_number_becomes_null(tmp_path: Path) -> None:
    path = tmp_path / "figures.json"
    write_json([REPORT, Report("empty", [], [])], path)
    document = json.loads(path.read_text("utf-8"), parse_constant=pytest.fail)
    assert document == {
        "made": {
            "nan": None,
            "infinite": [None, 1.5],
            "nested": {"0.5": {"count": 3}},
            "text": "yes",
        },
        "empty": {},
    }


def test_a_report_prints_titles_heads_rows_and_definitions() -> None:
    shown = printed()
    for text in ("made: a table", "recording", "counted", "12", "Counted: by hand [not markup]."):
        assert text in shown


def test_names_of_recordings_are_never_cut_off() -> None:
    assert "a_long_name_of_a_recording" in printed(width=40)


def test_numbers_that_are_none_are_dashes() -> None:
    assert (number(1.256), number(1.2, 3), number(math.nan)) == ("1.26", "1.200", "-")
    assert (percent(93.456), percent(93.456, 2), percent(math.nan)) == ("93.5 %", "93.46 %", "-")
    assert (seconds(0.256), seconds(math.nan)) == ("0.26 s", "-")


def test_a_bar_is_shown_on_terminals_only() -> None:
    out = io.StringIO()
    with progress_on(Console(file=out)) as track:
        assert track is untracked
        assert list(track([1, 2, 3], "made")) == [1, 2, 3]
    assert out.getvalue() == ""
    with progress_on(Console(file=out, force_terminal=True, width=80)) as track:
        assert list(track([1, 2, 3], "made")) == [1, 2, 3]
    assert "made" in out.getvalue()
