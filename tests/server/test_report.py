"""The report: complete, self-contained, and safe whatever a file's texts hold."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from motion.events import RepetitionEvent, Silence
from server import figure
from server.curve import MOST_SPANS
from server.errors import OutputError
from server.report import MOST_TREND_FIGURES, report_html, write_report
from tests.motion.movement import template
from tests.server.outcomes import faulty, outcome, plan, repetition

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&"
DOMINANT = {"kind": "dominant", "sensor": "one"}


class Page(HTMLParser):
    """The elements of a page, and the texts outside scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.documents: dict[str, Any] = {}
        self._within: tuple[str, dict[str, str | None]] = ("", {})
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._within = (tag, dict(attrs))

    def handle_data(self, data: str) -> None:
        tag, attributes = self._within
        if tag == "script" and attributes.get("type") == "application/json":
            self.documents[str(attributes["id"])] = json.loads(data)
        elif tag not in ("script", "style"):
            self.texts.append(data.strip().replace("\xa0", " "))

    def handle_endtag(self, tag: str) -> None:
        self._within = ("", {})

    def rows(self) -> int:
        """Repetitions in the table."""
        return sum(tag == "th" and attrs.get("scope") == "row" for tag, attrs in self.tags)


def test_the_report_fetches_nothing(tmp_path: Path) -> None:
    page = Page(report_html(plan(tmp_path), outcome([repetition(1)])))
    assert {tag for tag, _ in page.tags} <= {
        "html", "head", "meta", "title", "style", "body", "main", "header", "h1", "h2", "p",
        "span", "ul", "li", "section", "small", "svg", "path", "rect", "circle", "g", "div",
        "noscript", "dl", "dt", "dd", "table", "caption", "thead", "tbody", "tr", "th", "td",
        "script", "footer",
    }  # fmt: skip
    for _, attributes in page.tags:
        assert not {"src", "href", "srcset", "action", "background"} & set(attributes)
        assert not any(name.startswith("on") for name in attributes)
    policies = [
        str(attributes["content"])
        for tag, attributes in page.tags
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    assert len(policies) == 1
    assert policies[0].startswith("default-src 'none';")
    assert "http" not in policies[0]


def test_the_report_holds_every_repetition(tmp_path: Path) -> None:
    done = [repetition(1), faulty(2, "too_fast", borderline=["too_fast"], notes=["jerky"])]
    page = Page(report_html(plan(tmp_path, id="last week"), outcome(done)))
    assert page.rows() == 2
    assert "Recording last week" in page.texts
    for text in ("correct", "incorrect", "too fast;", "jerky; close call", "goal reached"):
        assert any(text == told or text in told for told in page.texts), text
    assert page.documents["figure-range"]["data"][0]["y"] == [60.0]
    assert page.documents["figure-tempo"]["data"][0]["x"] == [1, 2]


def test_texts_of_files_are_escaped(tmp_path: Path) -> None:
    exercise = template(
        DOMINANT,
        name=HOSTILE,
        cannot_see=HOSTILE,
        compensations=[
            {"name": "sway", "segment": "one", "limit_deg": 10, "cue": HOSTILE},
        ],
    )
    done = [faulty(1, "compensation:sway", f"odd{HOSTILE}", compensations={"sway": 20.0})]
    html = report_html(plan(tmp_path, exercise, id=HOSTILE), outcome(done), [HOSTILE])
    page = Page(html)
    assert page.texts.count(HOSTILE) == 2  # the title of the page and the heading
    assert f"Recording {HOSTILE}" in page.texts
    assert html.count("<script") == 4 + 2
    assert "<img" not in html.split("<script>")[0]
    hover = page.documents["figure-range"]["data"][1]["customdata"][0]
    assert "<script" not in hover
    assert "&lt;script&gt;" in hover


def test_nothing_in_the_data_can_end_its_element(tmp_path: Path) -> None:
    html = report_html(plan(tmp_path), outcome([faulty(1, "</script><b>")]))
    documents = re.findall(r'<script type="application/json" id="[a-z-]+">([^<]*)</script>', html)
    assert len(documents) == 4
    for document in documents:
        assert "<" not in document
        json.loads(document)


def test_a_report_without_repetitions_says_so(tmp_path: Path) -> None:
    nothing = outcome([])
    page = Page(report_html(plan(tmp_path), nothing))
    assert page.rows() == 0
    assert "No repetition was counted." in page.texts
    assert "Angle over time" in page.texts
    nothing.curve = None
    page = Page(report_html(plan(tmp_path), nothing))
    assert any("no angle to show" in text for text in page.texts)


def test_silences_are_shaded_and_listed(tmp_path: Path) -> None:
    silences = [Silence("one", 4.0, 6.5, "no samples"), Silence("one", 8.0, 9.0, "saturated")]
    page = Page(report_html(plan(tmp_path), outcome([repetition(1)], silences)))
    assert "sensor silent" in page.texts
    told = [text for text in page.texts if text.startswith("Sensor one")]
    assert told == [
        "Sensor one gave nothing usable from 4.0 s to 6.5 s (2.5 s): no samples.",
        "Sensor one gave nothing usable from 8.0 s to 9.0 s (1.0 s): beyond what the sensor can "
        "measure.",
    ]
    (shading,) = [
        trace
        for trace in page.documents["figure-angle"]["data"]
        if trace["name"] == "sensor silent"
    ]
    assert [x for x in shading["x"] if x is not None][::5] == [4.0, 8.0]
    without = Page(report_html(plan(tmp_path), outcome([repetition(1)])))
    assert "sensor silent" not in without.texts


def test_a_thousand_repetitions_are_all_there(tmp_path: Path) -> None:
    html = report_html(plan(tmp_path), outcome([repetition(k) for k in range(1, 1001)]))
    page = Page(html)
    assert page.rows() == 1000
    line = next(t for t in page.documents["figure-angle"]["data"] if t["name"] == "angle")
    assert 1000 < len(line["x"]) <= 2 * MOST_SPANS + 1
    assert len(html) < 12e6


def test_sets_and_exercises_are_told_apart(tmp_path: Path) -> None:
    names = ["Set 1", "Set 2"]
    sets = [repetition(1), repetition(2, set_index=2)]
    page = Page(report_html(plan(tmp_path), outcome(sets)))
    assert [text for text in page.texts if text in names] == names
    page = Page(report_html(plan(tmp_path), outcome([repetition(1), repetition(2)])))
    assert not [text for text in page.texts if text in names]


def tired(count: int = 10, **fields: Any) -> list[RepetitionEvent]:
    """A set whose range falls from 60 to 42 degrees."""
    return [
        repetition(k, **({"rom_deg": 60.0 - 18.0 * (k - 1) / (count - 1)} | fields))
        for k in range(1, count + 1)
    ]


def test_a_tired_set_is_told_and_drawn(tmp_path: Path) -> None:
    page = Page(report_html(plan(tmp_path), outcome(tired())))
    (told,) = [text for text in page.texts if text.startswith("The range")]
    assert told.startswith("The range fell by 30 % from the first to the last repetition (95 %")
    assert told.endswith("): a sign of fatigue.")
    ranges = page.documents["figure-trend-range-0"]["data"]
    assert ranges[0]["y"] == [event.rom_deg for event in tired()]
    line = ranges[-1]
    assert (line["x"], line["line"]["width"]) == ([1, 10], figure.STATED_WIDTH)
    assert line["y"] == pytest.approx([60.0, 42.0])
    times = page.documents["figure-trend-time-0"]["data"]
    assert [trace["name"] for trace in times if trace["mode"] == "markers"] == [
        "time out",
        "time back",
    ]
    assert {trace["line"]["width"] for trace in times if trace["mode"] == "lines"} == {
        figure.UNSTATED_WIDTH
    }
    assert "60° to 42°" in page.texts


def test_a_steady_set_and_a_short_one_say_so(tmp_path: Path) -> None:
    steady = [repetition(k) for k in range(1, 9)]
    short = [repetition(k, set_index=2) for k in range(1, 4)]
    short[2] = repetition(3, set_index=2, notes=["paused"])
    page = Page(report_html(plan(tmp_path), outcome(steady)))
    assert "No trend beyond chance." in page.texts
    page = Page(report_html(plan(tmp_path), outcome([*steady, *short])))
    assert "Trend within set 1" in page.texts
    assert "Trend within other sets" in page.texts
    assert (
        "Set 2: Too few repetitions to tell a trend: 2, 1 more paused or not fully recorded, where "
        "5 are needed." in page.texts
    )
    assert "figure-trend-range-1" not in page.documents


def test_a_hold_is_drawn_by_the_time_held(tmp_path: Path) -> None:
    held = [
        repetition(k, out_s=0.0, hold_s=30.0 - 3.0 * k, smoothness_out=None) for k in range(1, 8)
    ]
    page = Page(report_html(plan(tmp_path), outcome(held)))
    times = page.documents["figure-trend-time-0"]["data"]
    assert [trace["name"] for trace in times if trace["mode"] == "markers"] == [
        "time held",
        "time back",
    ]
    assert any(text.startswith("The time held fell by 67 %") for text in page.texts)


def test_only_the_first_of_very_many_sets_are_drawn(tmp_path: Path) -> None:
    many = [
        repetition(k, set_index=number)
        for number in range(1, MOST_TREND_FIGURES + 3)
        for k in range(1, 7)
    ]
    page = Page(report_html(plan(tmp_path), outcome(many)))
    drawn = [name for name in page.documents if name.startswith("figure-trend-range")]
    assert len(drawn) == MOST_TREND_FIGURES
    last = f"Set {MOST_TREND_FIGURES + 2}: No trend beyond chance."
    assert last in page.texts


def test_sides_are_told_apart_and_compared(tmp_path: Path) -> None:
    left = [repetition(k, side="left", rom_deg=40.0) for k in range(1, 7)]
    right = [repetition(k, side="right", rom_deg=60.0) for k in range(1, 7)]
    texts = Page(report_html(plan(tmp_path), outcome([*left, *right]))).texts
    assert "Trend within the set: left" in texts
    assert "Trend within the set: right" in texts
    assert "Left against right" in texts
    assert (
        "The range was 40° on the left and 60° on the right (symmetry index 67 %, 95 % interval of "
        "the difference 14 to 26°)." in texts
    )
    few = Page(report_html(plan(tmp_path), outcome([*left, *right[:2]]))).texts
    assert any(text.startswith("Too few repetitions to compare") for text in few)
    one = Page(report_html(plan(tmp_path), outcome(left))).texts
    assert "Left against right" not in one


def test_the_summary_counts_and_averages(tmp_path: Path) -> None:
    done = [
        repetition(1, rom_deg=50.0, score=90.0),
        faulty(2, "range_short", "too_fast", rom_deg=40.0, score=60.0),
        faulty(3, "range_short", rom_deg=30.0, score=70.0),
    ]
    texts = Page(report_html(plan(tmp_path), outcome(done))).texts
    for told in ("of 3", "twice range too small, once too fast", "40°", "60 to 90"):
        assert told in texts
    alike = Page(report_html(plan(tmp_path), outcome([repetition(1)]))).texts
    assert "each time" in alike
    assert "no faults" in alike


def test_every_colour_of_a_figure_has_one_for_dark_pages() -> None:
    colours = {
        value
        for name, value in vars(figure).items()
        if name.isupper() and isinstance(value, str) and value.startswith("#")
    }
    assert colours - set(figure.DARK) == {figure.HATCHING}


def test_a_report_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        write_report(tmp_path / "no" / "r.html", plan(tmp_path), outcome([]))
