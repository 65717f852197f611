"""Exercises told apart: what was named is scored block by block, foreign repetitions are counted
with poses and without, and the gate is chosen without the person that it is tried on.
"""

from pathlib import Path

import pytest

from benchmarks import recognition
from benchmarks.report import untracked
from devices.recording import Recording
from motion.events import RecognisedEvent
from tests.benchmarks import made
from tests.motion.plans import BEND, LIFT, LYING, SWAY, done

STARTS_S = (0.0, 100.0, 160.0)


def told(exercise: str, peak_s: float, late_s: float = 0.1) -> RecognisedEvent:
    end_s = peak_s + 1.0
    return RecognisedEvent(exercise, peak_s - 1.0, peak_s, end_s, end_s + late_s, 0.9, {})


def blocks(count: int = 10) -> list[RecognisedEvent]:
    """Every block with so many repetitions named rightly."""
    return [told("e1", start + 3.0 * k + 2.0) for start in STARTS_S for k in range(count)]


def test_missed_and_misnamed_repetitions_are_wrong() -> None:
    assert recognition.Naming.of(blocks(), "e1").right == 30
    assert recognition.Naming.of(blocks()[1:], "e1").right == 29
    other = [told("e2", 2.0), *blocks()[1:]]
    naming = recognition.Naming.of(other, "e1")
    assert (naming.right, naming.first, dict(naming.instead)) == (29, False, {"e2": 1})


def test_only_the_first_ten_of_a_block_count() -> None:
    assert recognition.Naming.of(blocks(12), "e1").right == 30
    # A name too many pushes a right one out.
    early = [told("e2", 1.0), *blocks()]
    assert recognition.Naming.of(early, "e1").right == 29
    assert recognition.Naming.of([], "e1").right == 0


def _person(folder: Path, person: str) -> list[recognition.Tested]:
    tests = []
    for name, template in (("sway", SWAY), ("lying", LYING)):
        path = made.write(folder / f"{person}_{name}.parquet", done(["sway"] * 3), 50.0)
        tests.append(recognition.tested(f"{person}_{name}", template, Recording.open(path)))
    return tests


def test_foreign_repetitions_are_counted_with_poses_and_without(tmp_path: Path) -> None:
    # Both tests hold swaying: all that the lying exercise finds is foreign, or its own lost.
    tests = [each for person in ("s1", "s2") for each in _person(tmp_path, person)]
    report = recognition.of_tests(tests, untracked)
    figures = report.figures
    assert (figures["foreign_counted"], figures["foreign_ungated"]) == (6, 12)
    assert figures["tests"]["s1_sway"]["right"] == 3
    assert figures["tests"]["s1_lying"]["instead"] == {"s1-sway": 3}
    assert set(figures["left_out"]) == {"s1", "s2"}
    for row in figures["left_out"].values():
        assert (row["lost_in_use"], row["foreign_in_use"]) == (3, 3)
    assert "of 120" in " ".join(row[0] for row in report.tables[1].rows)


def test_what_the_pose_gate_takes_for_another_pose_can_be_tried(tmp_path: Path) -> None:
    samples = {one.sensor: one for one in done(["sway"] * 3)}
    # The lying exercise knows its bystander a right angle away, 1.41 apart.
    found = recognition.found(LYING, samples)
    assert (found.counted(1.3), found.counted(1.5)) == (0, 3)
    assert recognition.found(BEND, samples).counted() == 3
    assert recognition.found(LIFT, {"limb": samples["limb"]}).counted() == 3


def test_exercises_of_the_library_are_grouped_by_what_they_share() -> None:
    groups = recognition.groups()
    members = [sorted(each.id for each in group) for group in groups.values()]
    assert ["seated-forward-bend", "seated-hinge"] in members
    assert all(len(group) > 1 for group in members)
    assert not any(id.startswith("watch-") for group in members for id in group)


@pytest.mark.compiled
def test_a_simulated_person_is_told_apart() -> None:
    group = next(
        each for each in recognition.groups().values() if each[0].id == "seated-forward-bend"
    )
    for exercise in range(len(group)):
        true, naming = recognition.drawn(group, exercise, 3)
        assert (naming.right, naming.first) == (true, True)
