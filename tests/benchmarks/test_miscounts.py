"""Recordings whose count is off: what their plots and sentences say."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from benchmarks import __main__ as command
from benchmarks import uci_pt
from benchmarks.miscounts import Miscount, reasons, write_miscounts
from benchmarks.replaying import in_order
from benchmarks.report import untracked
from motion.events import Event, RepetitionEvent, SetEvent
from motion.samples import Samples, Watermark
from motion.template import ExerciseTemplate
from tests.benchmarks import made
from tests.motion.movement import Worn, even, record


def repetitions(count: int) -> list[RepetitionEvent]:
    return [
        msgspec.structs.replace(made.event(4.0 * number), index=number)
        for number in range(1, count + 1)
    ]


def ended(events: Sequence[Event], partial: int = 0, unlike: int = 0) -> list[Event]:
    """The events with the end of their set."""
    done = SetEvent(9, "made", None, 1, 0.0, 60.0, len(events), 0, 0, partial, unlike, 50.0, 90.0)
    return [*events, done]


def test_a_set_in_which_nothing_stands_out_gives_no_reason() -> None:
    assert reasons(ended(repetitions(5))) == []


def test_a_start_in_mid_movement_is_told_with_what_was_seen_of_it() -> None:
    first, *others = repetitions(5)
    first = msgspec.structs.replace(first, notes=["interrupted"], rom_deg=20.0)
    (reason,) = reasons(ended([first, *others]))
    assert "begins in mid-movement" in reason
    assert "40 %" in reason


def test_a_repetition_that_may_hold_two_is_named() -> None:
    *others, last = repetitions(5)
    long = msgspec.structs.replace(last, end_s=last.start_s + 4.1)
    (reason,) = reasons(ended([*others, long]))
    assert reason.startswith("repetition 5 lasts 4.1 s in place of 2.0")


def test_a_small_one_and_what_was_left_out_are_told() -> None:
    *others, last = repetitions(5)
    small = msgspec.structs.replace(last, rom_deg=20.0)
    told = reasons(ended([*others, small], partial=1, unlike=2))
    assert told[0] == "repetition 5 has 20° in place of 50°"
    assert told[1].startswith("1 movement began")
    assert told[2].startswith("2 movements began or ended in another pose")


def test_nothing_counted_is_a_reason() -> None:
    assert reasons(ended([])) == ["nothing was counted"]


@pytest.mark.compiled
def test_a_recording_that_is_miscounted_gets_its_plot_and_sentence(tmp_path: Path) -> None:
    reps = even(4, range_deg=120.0)
    samples = {"wrist": record(reps, Worn("wrist"), reps[-1].over_s + 2.0)}

    def inputs() -> list[Samples | Watermark]:
        return list(in_order(samples))

    template = ExerciseTemplate.load("watch-abduction")
    page = tmp_path / "page.html"
    write_miscounts(page, [Miscount("p<1>", template, inputs, 4, 5)])
    text = page.read_text("utf-8")
    assert "p&lt;1&gt;" in text
    assert "4 counted, 5 expected: nothing stands out." in text
    assert 'id="figure-recording-1"' in text


@pytest.mark.compiled
def test_the_page_is_written_on_request(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made.uci_pt(tmp_path / "uci_pt")
    page = tmp_path / "plots.html"
    monkeypatch.delenv("GONIO_DATA", raising=False)
    given = ["accuracy", "--data", str(tmp_path), "--plots", str(page)]
    assert command.main(given) == 0
    assert "0 recordings" in page.read_text("utf-8")
    assert f"wrote {page}" in " ".join(capsys.readouterr().err.split("\n"))
    assert command.main([*given[:-1], str(tmp_path / "none" / "page.html")]) == 2


@pytest.mark.compiled
def test_only_sound_bounds_are_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made.uci_pt(tmp_path)
    (case,) = uci_pt.cases(tmp_path)
    everything = uci_pt.sound_bounds(case)
    assert len(everything) == 30
    monkeypatch.setattr(uci_pt, "WRONG_BOUNDS", {case.name: (1, 30)})
    assert uci_pt.sound_bounds(case) == everything[1:-1]
    assert uci_pt.run(tmp_path, untracked).figures["bounds"]["annotated"] == 28
