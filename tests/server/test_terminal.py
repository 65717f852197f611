"""What people read: words, times, tables of any width, and what the first run says."""

import io
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.console import Console

from motion.events import RepetitionEvent, SensorEvent, SensorState, SessionEvent
from motion.symmetry import symmetries
from motion.trend import trends_within_sets
from server import terminal, wording
from server.engine import gonio_version
from server.terminal import KernelWarmup
from tests.server.outcomes import faulty, outcome, plan, repetition


def console(width: int = 110, *, is_terminal: bool = False) -> Console:
    return Console(
        file=io.StringIO(), width=width, force_terminal=is_terminal, markup=False, emoji=False
    )


def shown(out: Console) -> str:
    assert isinstance(out.file, io.StringIO)
    return out.file.getvalue()


# --- words


@pytest.mark.parametrize(
    ("t_s", "words"),
    [
        (0.0, "0.0 s"),
        (12.34, "12.3 s"),
        (59.96, "1:00.0"),
        (125.0, "2:05.0"),
        (3599.96, "1:00:00"),
        (36_125.0, "10:02:05"),
        (-3.0, "-3.0 s"),
        (math.nan, "?"),
        (math.inf, "?"),
    ],
)
def test_session_time_reads_like_a_clock(t_s: float, words: str) -> None:
    assert wording.clock(t_s) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (35.6, "35.6 s"),
        (99.94, "99.9 s"),
        (99.96, "1 min 40 s"),
        (242.64, "4 min 3 s"),
        (36_000.0, "10 h 0 min"),
    ],
)
def test_durations_are_told_in_their_units(seconds: float, words: str) -> None:
    assert wording.duration(seconds) == words


def test_a_close_call_is_named_where_it_is_not_the_fault_itself() -> None:
    for event, words in (
        (repetition(1), ""),
        (faulty(1, "too_fast", borderline=["too_fast"]), "close call"),
        (repetition(1, borderline=["range_short"]), "close call: range too small"),
        (
            faulty(1, "too_fast", borderline=["too_fast", "range_over"], notes=["paused"]),
            "paused midway; close call: too fast, beyond the limit",
        ),
    ):
        assert wording.aside_words(event) == words


def test_unknown_rules_and_compensations_are_still_words() -> None:
    assert wording.rule_words("compensation:pelvis_tilt") == "pelvis tilt"
    assert wording.rule_words("later_rule") == "later rule"


def test_how_often_is_a_word() -> None:
    assert [wording.times(number) for number in range(4)] == ["never", "once", "twice", "3 times"]


# --- tables and summaries


@pytest.mark.parametrize("width", [60, 80, 110])
def test_rows_printed_one_by_one_line_up_with_the_header(width: int) -> None:
    out = console(width)
    out.print(terminal.repetition_table(out))
    for event in (repetition(1), faulty(222, "too_fast", rom_deg=123.4, rom_sd_deg=11.0)):
        table = terminal.repetition_table(out, header=False)
        table.add_row(*terminal.repetition_row(out, event))
        out.print(table)
    header, first, second = shown(out).splitlines()
    at = header.index("verdict")
    assert first.index("correct") == second.index("too fast") == at
    assert first.index("±") == second.index("±")
    assert ("smoothness" in header) == (width >= 100)
    assert ("score" in header) == (width >= 72)


def test_of_very_many_repetitions_the_first_are_shown() -> None:
    out = console()
    terminal.show_repetitions(out, [repetition(k) for k in range(1, 251)])
    lines = shown(out).splitlines()
    assert sum("correct" in line for line in lines) == 200
    assert lines[-1] == "... and 50 more; --report and --json show them all."


def test_late_samples_and_bad_calibration_are_told(tmp_path: Path) -> None:
    done = outcome([repetition(1)])
    (session,) = [event for event in done.events if isinstance(event, SessionEvent)]
    done.events[-1] = msgspec.structs.replace(session, late_samples={"one": 1, "two": 12})
    reason = "acceleration at rest 9.10 to 10.40 m/s2 with posture"
    done.events.append(SensorEvent(5.0, "two", SensorState.ACCELEROMETER_OFF, 5.0, reason))
    done.events.append(SensorEvent(6.0, "two", SensorState.SILENT, 5.0, "no samples"))
    assert terminal.sensor_lines(done) == [
        f"Sensor two at 5.0 s: {reason}; its angles are less certain.",
        "Sensor one: 1 sample came too late and was left out.",
        "Sensor two: 12 samples came too late and were left out.",
    ]
    out = console()
    terminal.show_outcome(out, plan(tmp_path), done, ["A warning."])
    assert "- A warning." in shown(out)


def sentences(repetitions: list[RepetitionEvent]) -> list[str]:
    return terminal.comparison_lines(repetitions)


def test_only_what_is_worth_a_statement_is_told_of_trends_and_sides(tmp_path: Path) -> None:
    steady = [repetition(k) for k in range(1, 11)]
    assert sentences(steady) == []
    assert sentences([]) == []
    tired = [repetition(k, rom_deg=60.0 - 2.0 * k) for k in range(1, 11)]
    (told,) = sentences(tired)
    assert told.startswith("The range fell by 31 % from the first to the last repetition (95 %")
    out = console()
    terminal.show_outcome(out, plan(tmp_path), outcome(tired), [])
    assert told in shown(out)


def test_sets_and_ways_are_named_where_there_are_several() -> None:
    def both(set_index: int, fall: float) -> list[RepetitionEvent]:
        return [
            repetition(
                k,
                set_index=set_index,
                way="bend_left" if k % 2 else "bend_right",
                rom_deg=60.0 - (fall * k if k % 2 else 20.0),
            )
            for k in range(1, 21)
        ]

    first, sides = sentences([*both(1, 0.0), *both(2, 2.0)])
    assert first.startswith("Set 2, bend left: The range fell by 62 %")
    assert sides.startswith("The range was 59° on the left and 40° on the right (symmetry index 68")


def test_exercises_are_named_where_several_were_done_on_both_sides() -> None:
    done = [
        repetition(k, exercise=exercise, side=side, rom_deg=40.0 if side == "left" else 60.0)
        for exercise in ("lunge", "clamshell")
        for side in ("left", "right")
        for k in range(1, 6)
    ]
    assert [line.split(":")[0] for line in sentences(done)] == ["Lunge", "Clamshell"]


def test_several_changes_are_one_sentence_and_fatigue_is_said_once() -> None:
    done = [
        repetition(k, rom_deg=60.0 - 2.0 * k, out_s=1.0 + 0.1 * k, score=100.0 - 3.0 * k)
        for k in range(1, 11)
    ]
    (told,) = sentences(done)
    assert told.count("from the first to the last") == 2
    tired, other = told.split(": signs of fatigue. ")
    assert " and the time out rose by 82 % (" in tired
    assert other.startswith("The score fell by 27 points")


def test_a_change_without_a_percentage_keeps_its_unit() -> None:
    rough = [repetition(k, smoothness_out=-1.5 - 0.2 * k) for k in range(1, 11)]
    (told,) = sentences(rough)
    assert told.startswith("The smoothness fell by 1.8 from the first to the last repetition (95 %")
    held = [repetition(k, hold_s=max(0.0, 0.3 * (k - 2))) for k in range(1, 11)]
    (told,) = sentences(held)
    assert told.startswith("The time held rose by")


def test_what_is_sure_and_small_is_not_called_chance() -> None:
    (small,) = trends_within_sets(
        [repetition(k, rom_deg=60.0 - 0.4 * k, rom_sd_deg=0.1) for k in range(1, 11)]
    )
    assert wording.trend_words(small) == (
        "No trend that is both beyond chance and large enough to matter."
    )
    sides = [
        repetition(k, side=side, rom_deg=60.0 if side == "left" else 57.0, rom_sd_deg=0.1)
        for side in ("left", "right")
        for k in range(1, 6)
    ]
    (alike,) = symmetries(sides)
    assert wording.symmetry_words(alike).startswith("No difference between left and right that is")
    (equal,) = symmetries([*sides[:5], *(repetition(k, side="right") for k in range(1, 6))])
    assert wording.symmetry_words(equal) == "No difference between left and right beyond chance."


# --- the first run


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Kernels whose second step takes long."""
    taken: list[str] = []

    def warmup() -> Iterator[str]:
        yield "orientation"
        taken.append("orientation")
        yield "repetitions"
        taken.append("repetitions")

    monkeypatch.setattr(terminal, "warmup", warmup)
    return taken


@pytest.mark.parametrize("is_terminal", [False, True])
def test_compiling_is_told_and_loading_is_not(steps: list[str], is_terminal: bool) -> None:
    out = console(is_terminal=is_terminal)
    assert terminal.prepare_kernels(out) >= 0.0
    assert shown(out) == ""
    assert steps == ["orientation", "repetitions"]
    with KernelWarmup(out) as kernels:
        # As its timer does when it takes long.
        kernels._announce()
        kernels.run()
    step = "repetitions" if is_terminal else "orientation"
    assert f"Preparing kernels (first run only): {step} ..." in shown(out)
    assert not is_terminal or "\x1b[?25h" in shown(out)


def test_a_bar_is_shown_for_long_recordings_in_a_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = plan(tmp_path)
    with terminal.progress_bar(console(is_terminal=True), "Replaying", short) as bar:
        assert bar is None
    monkeypatch.setattr(terminal, "LONG_RECORDING_S", 1.0)
    with terminal.progress_bar(console(), "Replaying", short) as bar:
        assert bar is None
    out = console(is_terminal=True)
    with terminal.progress_bar(out, "Replaying", short) as bar:
        assert bar is not None
        for t_s in (1.0, 1.5, 4.9):
            bar(t_s)
    assert "Replaying" in shown(out)


def test_a_checkout_that_is_not_installed_has_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib import metadata

    def nowhere(name: str) -> Any:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", nowhere)
    assert gonio_version() == "not installed"
