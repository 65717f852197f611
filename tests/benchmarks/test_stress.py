"""The stress test: what it runs, which bars it sets, and that it says when one does not hold."""

from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks import stress, uci_pt
from benchmarks.errors import BenchmarkError
from benchmarks.report import untracked
from motion.template import ExerciseTemplate
from tests.benchmarks import made


def counted(name: str, worse: int) -> stress.Counted:
    """A recording that is exact but in the condition number `worse`, where two are missed."""
    totals = {
        condition.name: [28 if index == worse else 30] * condition.draws
        for index, condition in enumerate(stress.CONDITIONS)
        if "uci_pt" in condition.sets
    }
    return stress.Counted(name, 30, totals, {stress.PAUSE: (True, 0), stress.WALK: (False, 3)})


def test_a_bar_holds_until_a_condition_costs_more_recordings_than_allowed() -> None:
    bias = 1
    assert stress.CONDITIONS[bias].allowed == stress.LITTLE
    for lost, holds in ((1, True), (2, False)):
        found = [counted(f"r{k}", bias if k < lost else -1) for k in range(5)]
        table, figures = stress._table("uci_pt", found)
        figure = figures[stress.CONDITIONS[bias].name]
        assert (figure["change"], figure["must_hold"], figure["holds"]) == (-lost, 4.0, holds)
        rows = {row[0]: row for row in table.rows}
        assert rows[stress.CONDITIONS[bias].name][-1] == ("yes" if holds else "NO")
        assert rows[stress.UNDISTURBED][-1] == ""
        assert rows[stress.PAUSE][-1] == "yes"
        assert rows[stress.WALK][-1] == "NO"
        assert figures[stress.WALK]["off"] == {f"r{k}": 3 for k in range(5)}
        assert stress.IDLE not in figures


def test_sets_without_a_stress_test_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="no stress test of broad; choose uci_pt or spar"):
        stress.run({"broad": tmp_path}, untracked)


def test_only_exercises_with_sensors_on_known_segments_are_walked_with() -> None:
    ids = stress.calibrated_ids()
    assert "side-bend" in ids
    assert not any(id.startswith("watch") for id in ids)


@pytest.mark.compiled
def test_walking_is_laid_onto_the_sensors_of_a_learned_template(tmp_path: Path) -> None:
    made.uci_pt(tmp_path)
    (case,) = uci_pt.cases(tmp_path)
    template = uci_pt.from_one(
        case.demonstration.samples(), uci_pt.template_intervals(case.demonstration)
    )
    samples = stress.walking(template, case.name)
    assert set(samples) == set(template.slots)
    for slot, up in stress.learned_ups(template).items():
        mean = samples[slot].acc_mps2.mean(axis=0)
        assert mean / 9.81 == pytest.approx(up, abs=0.1)
        assert samples[slot].t_s[-1] == pytest.approx(stress.WALK_S + 1.0, abs=0.1)


@pytest.mark.compiled
def test_a_walk_between_two_sets_is_scored_apart_from_the_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stress, "WALK_S", 15.0)
    assert ExerciseTemplate.load("squat").position == "standing"
    assert stress.counted_walk("squat", 0) == (0, 0)


@pytest.mark.compiled
def test_the_command_prints_every_row_with_its_bar(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made.uci_pt(tmp_path / "uci_pt")
    chosen = [stress.CONDITIONS[0], stress.CONDITIONS[1]]
    monkeypatch.setattr(stress, "CONDITIONS", chosen)
    monkeypatch.setattr(stress, "calibrated_ids", lambda: ["squat"])
    monkeypatch.setattr(stress, "WALK_S", 15.0)
    assert command.main(["accuracy", "uci_pt", "--stress", "--data", str(tmp_path)]) == 0
    out, _ = capsys.readouterr()
    for row in (*(one.name for one in chosen), stress.PAUSE, stress.IDLE):
        assert row in out
    assert "uci_pt under stress: 1 recordings" in out
    assert "library under stress: 1 templates" in out
    assert "NO" not in out
