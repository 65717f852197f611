"""`gonio templates figure`: a drawing of a template that has a figure, and a sentence for one that
has none.
"""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.server.conftest import Gonio

BEND = """\
id: bend
version: 1
name: Bend forward
region: low_back
position: standing
sensors: {pelvis: {placement: front}, thorax: {placement: front}}
movement: {kind: joint, proximal: pelvis, distal: thorax, axis: flexion}
range: {count_from_deg: 15, minimum_deg: 30, goal_deg: 45, limit_deg: 70}
"""
FIGURE = """\
figure:
  peak: {lumbar_flexion: 45, shoulder_flexion: 35}
"""


@pytest.mark.parametrize("still", [False, True])
def test_a_figure_is_drawn_as_one_self_contained_picture(
    gonio: Gonio, tmp_path: Path, still: bool
) -> None:
    template = tmp_path / "bend.yaml"
    template.write_text(BEND + FIGURE)
    out = tmp_path / "bend.svg"
    ran = gonio("templates", "figure", template, "-o", out, *(["--still"] if still else []))
    assert ran.code == 0, ran.err
    assert "Bend forward" in ran.out
    drawn = out.read_text("utf-8")
    assert ElementTree.fromstring(drawn).tag.endswith("svg")
    assert "<script" not in drawn
    assert drawn.count("http") == drawn.count("http://www.w3.org/2000/svg")


def test_a_template_without_a_figure_says_so(gonio: Gonio, tmp_path: Path) -> None:
    template = tmp_path / "bend.yaml"
    template.write_text(BEND)
    gonio("templates", "figure", template).refused("bend.yaml", "no figure", "docs/templates.md")


def test_the_picture_never_takes_the_place_of_the_template(gonio: Gonio, tmp_path: Path) -> None:
    template = tmp_path / "bend.yaml"
    template.write_text(BEND + FIGURE)
    gonio("templates", "figure", template, "-o", template).refused("bend.yaml")
    assert template.read_text() == BEND + FIGURE
