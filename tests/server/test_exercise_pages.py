"""Pages of the exercise library: as the generator gives them, whole, and without dead links."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from motion.template import ExerciseTemplate, library_ids
from server.exercise_pages import pages, write

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "exercises"
PAGES = pages()
COMMAND = "python -m server.exercise_pages docs/exercises"
each = pytest.mark.parametrize("id", library_ids())
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def test_the_committed_pages_are_those_of_the_library() -> None:
    there = {
        path.relative_to(FOLDER).as_posix()
        for path in (*FOLDER.glob("*.md"), *FOLDER.glob("figures/*.svg"))
    }
    assert there == set(PAGES), f"run {COMMAND}"


@pytest.mark.parametrize("path", [path for path in PAGES if path.endswith(".md")])
def test_a_committed_page_is_what_the_generator_gives(path: str) -> None:
    assert (FOLDER / path).read_text("utf-8") == PAGES[path], f"run {COMMAND}"


@each
def test_a_committed_figure_is_what_the_generator_gives(id: str) -> None:
    path = f"figures/{id}.svg"
    committed, drawn = (FOLDER / path).read_text("utf-8"), PAGES[path]
    assert _NUMBER.sub("0", committed) == _NUMBER.sub("0", drawn), f"run {COMMAND}"
    # Corners are rounded to whole units: another processor may round one the other way.
    for one, other in zip(_NUMBER.findall(committed), _NUMBER.findall(drawn), strict=True):
        assert abs(float(one) - float(other)) <= 2.0, f"run {COMMAND}"


@each
def test_a_page_says_all_that_its_template_does(id: str) -> None:
    template, page = ExerciseTemplate.load(id), PAGES[f"{id}.md"]
    both = template.direction == "both"
    each = f" ({template.dose.repetitions // 2} each way)" if both else ""
    for text in (
        template.name,
        template.cannot_see,
        *template.instructions,
        *template.sources,
        *(place.note for place in template.sensors.values()),
        *(compensation.cue for compensation in template.compensations),
        f"of {template.dose.repetitions}{each}, {template.dose.rest_s:g} s of rest",
        f"](figures/{id}.svg)",
    ):
        assert text in page
    assert "**Dose**: " in page or id == "side-plank-left"
    aim = template.range.goal_deg if template.band is None else template.band.target_deg
    assert f"{aim:g}°" in page


def test_every_link_leads_to_a_page_or_a_figure() -> None:
    for path, text in PAGES.items():
        if path.endswith(".md"):
            for link in re.findall(r"\]\(([^)]+)\)", text):
                assert link in PAGES, (path, link)


def test_the_index_has_every_exercise_and_every_strapping() -> None:
    regions, strappings = PAGES["index.md"].split("## What goes with one strapping")
    for id in library_ids():
        assert f"]({id}.md)" in regions
        assert f"]({id}.md)" in strappings
    row = next(line for line in strappings.splitlines() if "pelvis front, chest front" in line)
    assert row.count("](") >= 12


def test_a_table_has_as_many_cells_in_every_row() -> None:
    for path, text in PAGES.items():
        if path.endswith(".md"):
            for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
                rows = [len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()]
                assert len(set(rows)) == 1, path


def test_what_no_template_has_is_removed(tmp_path: Path) -> None:
    (tmp_path / "figures").mkdir()
    old = [tmp_path / "gone.md", tmp_path / "figures" / "gone.svg"]
    other = tmp_path / "notes.txt"
    for path in (*old, other):
        path.write_text("old")
    write(tmp_path)
    assert not any(path.exists() for path in old)
    assert other.exists()
    assert (tmp_path / "index.md").read_text("utf-8") == PAGES["index.md"]


def test_the_program_wants_one_folder() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "server.exercise_pages"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert COMMAND in done.stderr
