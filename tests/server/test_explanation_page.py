"""The page of an explanation: complete, safe, and its figures show what was judged."""

import dataclasses
import itertools
from pathlib import Path
from typing import Any

import msgspec
import pytest

from motion.template import ExerciseTemplate
from server import figure
from server.curve import CurvePoint
from server.errors import OutputError
from server.explanation import Explanation
from server.explanation_page import page_html, write_page
from tests.motion.movement import template
from tests.server.explanations import exercise, explained
from tests.server.outcomes import plan
from tests.server.test_report import HOSTILE, Page

HELD = template(
    {"kind": "hold", "segment": "pelvis", "axis": "flexion"},
    ("pelvis",),
    range={"target_deg": 40, "band_deg": 10},
    tempo={"hold_s": [4.0, 60.0]},
)


def page_of(folder: Path, explanation: Explanation) -> Page:
    return Page(page_html(plan(folder), explanation))


def texts(drawn: dict[str, Any]) -> list[str]:
    return [annotation["text"].strip() for annotation in drawn["layout"]["annotations"]]


def bars(page: Page, name: str) -> dict[str, Any]:
    found: dict[str, Any] = page.documents[f"figure-{name}"]["data"][0]
    return found


def test_the_page_says_why_and_fetches_nothing(tmp_path: Path) -> None:
    explanation = explained(out_s=0.31)
    page = page_of(tmp_path, explanation)
    for sentence in explanation.sentences():
        assert sentence in page.texts
    assert page.rows() == len(explanation.rows())
    for _, attributes in page.tags:
        assert not {"src", "href", "srcset", "action", "background"} & set(attributes)
        assert not any(name.startswith("on") for name in attributes)


def test_texts_of_files_are_escaped(tmp_path: Path) -> None:
    asked = exercise(name=HOSTILE, cannot_see=HOSTILE)
    html = page_html(plan(tmp_path, id=HOSTILE), explained(asked), [HOSTILE])
    assert f"Recording {HOSTILE}" in Page(html).texts
    assert html.count("<script") == 4 + 2
    assert "<img" not in html.split("<script>")[0]


def test_the_levels_of_the_template_and_the_moments_are_named(tmp_path: Path) -> None:
    drawn = page_of(tmp_path, explained()).documents["figure-angle"]
    named = texts(drawn)
    for told in ("rest", "counts 15°", "min 45°", "goal 55°", "limit 100°"):
        assert told in named
    heights = {shape["y0"] for shape in drawn["layout"]["shapes"] if shape["y0"] == shape["y1"]}
    assert heights == {0.0, 15.0, 45.0, 55.0, 100.0}
    (moments,) = [trace for trace in drawn["data"] if trace["name"] == "moments"]
    assert (moments["text"], moments["x"]) == (["start", "peak", "end"], [3.0, 4.0, 5.0])


def test_parts_are_named_where_there_is_room(tmp_path: Path) -> None:
    named = texts(page_of(tmp_path, explained()).documents["figure-angle"])
    assert not {"out", "hold", "back"} & set(named)
    slow = explained()
    event = msgspec.structs.replace(
        slow.sought.evidence.event, end_s=6.0, out_s=1.5, hold_s=0.1, back_s=1.4
    )
    evidence = dataclasses.replace(slow.sought.evidence, event=event)
    slow = dataclasses.replace(slow, sought=dataclasses.replace(slow.sought, evidence=evidence))
    named = texts(page_of(tmp_path, slow).documents["figure-angle"])
    assert {"out", "hold", "back"} & set(named) == {"out", "back"}


def test_names_of_levels_close_to_each_other_do_not_cover_each_other(tmp_path: Path) -> None:
    close = {"count_from_deg": 43, "minimum_deg": 44, "goal_deg": 45, "limit_deg": 46}
    drawn = page_of(tmp_path, explained(exercise(range=close))).documents["figure-angle"]
    low, high = drawn["layout"]["yaxis"]["range"]
    places = [
        262.0 * (each["y"] - low) / (high - low) + each["yshift"]
        for each in drawn["layout"]["annotations"]
        if each.get("xref") == "paper"
    ]
    assert all(after - before >= 12.9 for before, after in itertools.pairwise(places))


def test_a_limit_far_beyond_what_was_reached_does_not_squeeze_the_curve(tmp_path: Path) -> None:
    far = {"count_from_deg": 15, "minimum_deg": 45, "goal_deg": 55, "limit_deg": 350}
    drawn = page_of(tmp_path, explained(exercise(range=far))).documents["figure-angle"]
    assert drawn["layout"]["yaxis"]["range"][1] < 100.0
    assert "limit 350°" not in texts(drawn)


def test_each_part_is_drawn_against_what_is_asked(tmp_path: Path) -> None:
    page = page_of(tmp_path, explained(out_s=0.31, hold_s=3.0))
    drawn = page.documents["figure-tempo"]
    assert texts(drawn) == [
        "<b>0.31 s</b>, asked 0.5 to 2 s",
        "<b>3.00 s</b>, asked 0.2 to 1 s",
        "<b>0.80 s</b>, asked 0.5 to 2 s",
        "<b>1.60 s</b>",
    ]
    colours = bars(page, "tempo")["marker"]["color"]
    assert colours == [figure.INCORRECT, figure.INCORRECT, figure.CORRECT, figure.MUTED]
    assert "not asked for" in page.texts


def test_compensations_are_drawn_against_their_limits(tmp_path: Path) -> None:
    page = page_of(tmp_path, explained(compensations={"trunk_sway": (14.0, 1.0)}))
    assert texts(page.documents["figure-compensations"]) == ["<b>14.0°</b>, at most 10°"]
    assert bars(page, "compensations")["marker"]["color"] == [figure.INCORRECT]
    without = page_of(tmp_path, explained(exercise(compensations=[]), compensations={}))
    assert "figure-compensations" not in without.documents


def test_of_a_repetition_without_a_start_only_what_was_seen_is_shown(tmp_path: Path) -> None:
    page = page_of(tmp_path, explained(whole=False, out_s=0.0))
    assert texts(page.documents["figure-tempo"]) == ["<b>0.80 s</b>"]
    assert bars(page, "tempo")["marker"]["color"] == [figure.MUTED]
    (moments,) = [
        trace for trace in page.documents["figure-angle"]["data"] if trace["name"] == "moments"
    ]
    assert moments["text"] == ["peak", "end"]


def test_of_a_hold_the_stretches_in_the_band_are_shaded(tmp_path: Path) -> None:
    explanation = explained(HELD, rom_deg=40.0, hold_s=1.0, compensations={}, sagging=True)
    at = [(3.0, 40.0), (3.2, 40.0), (3.3, 20.0), (4.4, 40.0), (4.5, 20.0), (4.6, 40.0), (5.0, 0.0)]
    points = [CurvePoint(t_s, deg, 1.0, False) for t_s, deg in at]
    sought = dataclasses.replace(explanation.sought, points=points)
    drawn = page_of(tmp_path, dataclasses.replace(explanation, sought=sought))
    bands = [
        (shape["x0"], shape["x1"])
        for shape in drawn.documents["figure-angle"]["layout"]["shapes"]
        if shape.get("yref") == "paper"
    ]
    # The absence of 0.2 s is part of the hold, that of 1.2 s is not.
    assert bands == [(3.0, 3.2), (4.4, 4.6)]
    assert "in the band" in drawn.texts


@pytest.mark.parametrize("asked", [exercise(), exercise(compensations=[]), HELD])
def test_every_colour_has_one_for_dark_pages(tmp_path: Path, asked: ExerciseTemplate) -> None:
    page = page_of(tmp_path, explained(asked))
    known = {*figure.DARK, figure.HATCHING}

    def colours(node: Any) -> set[str]:
        if isinstance(node, dict):
            return set().union(*(colours(each) for each in node.values()))
        if isinstance(node, list):
            return set().union(*(colours(each) for each in node))
        return {node} if isinstance(node, str) and node.startswith("#") else set()

    for name, document in page.documents.items():
        if name.startswith("figure-"):
            assert colours(document) <= known


def test_a_page_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        write_page(tmp_path / "no" / "e.html", plan(tmp_path), explained())
