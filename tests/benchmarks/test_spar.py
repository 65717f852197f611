"""Library exercises with a watch: which recordings are scored, and that clear ones are counted."""

from pathlib import Path

import pytest

from benchmarks import spar
from benchmarks.errors import BenchmarkError, BenchmarkFault
from benchmarks.report import untracked
from motion.template import ExerciseTemplate
from tests.benchmarks import made
from tests.motion.movement import Worn, even, record


def recording(folder: Path, name: str, count: int) -> None:
    """A watch that is raised by 120 degrees `count` times."""
    reps = even(count, range_deg=120.0)
    samples = record(reps, Worn("wrist", rate_hz=50.0), reps[-1].over_s + 2.0)
    made.write(folder / f"{name}.parquet", [samples], 50.0)


def test_people_seven_to_ten_stay_unseen_unless_asked_for(tmp_path: Path) -> None:
    for name in ("p01_ABD_left", "p07_ABD_left", "p10_ROW_right"):
        (tmp_path / f"{name}.parquet").touch()
    assert [Path(path).stem for _, path in spar.recordings(tmp_path, unseen=False)] == [
        "p01_ABD_left"
    ]
    assert [exercise for exercise, _ in spar.recordings(tmp_path, unseen=True)] == [
        "ABD", "ABD", "ROW",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["p01_SQUAT_left", "p01_ABD", "p01_ABD_left_again"])
def test_a_file_of_another_name_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / f"{name}.parquet").touch()
    with pytest.raises(BenchmarkError, match=f"{name}.parquet is not named PERSON_EXERCISE_SIDE"):
        spar.recordings(tmp_path, unseen=False)


def test_a_folder_without_recordings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="holds no recording") as caught:
        spar.recordings(tmp_path, unseen=True)
    assert caught.value.reason is BenchmarkFault.NO_DATA


def test_every_exercise_has_its_template_in_the_library() -> None:
    for template in spar.TEMPLATES.values():
        assert ExerciseTemplate.load(template).slots == (spar.SLOT,)


@pytest.mark.compiled
def test_clear_repetitions_are_counted_and_compared_with_the_protocol(tmp_path: Path) -> None:
    recording(tmp_path, "p01_ABD_left", 20)
    recording(tmp_path, "p02_ABD_left", 17)
    recording(tmp_path, "p02_FEL_right", 19)
    recording(tmp_path, "p08_ABD_left", 20)
    report = spar.run(tmp_path, untracked)
    assert report.figures["recordings"] == {
        "p01_ABD_left": 20, "p02_ABD_left": 17, "p02_FEL_right": 19,
    }  # fmt: skip
    everything = report.figures["all"]
    assert (everything["exact"], everything["within_one"]) == (1, 2)
    assert everything["mae"] == pytest.approx(4 / 3)
    assert set(report.figures["exercises"]) == {"ABD", "FEL"}
    assert any("Off by more than one: p02_ABD_left 17." in text for text in report.definitions)
    assert "" not in report.tables[0].columns
    assert "p08_ABD_left" in spar.run(tmp_path, untracked, unseen=True).figures["recordings"]
