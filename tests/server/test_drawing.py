"""Figures as SVG: they stand by themselves, move as the body does, and say what they show."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from motion import body
from motion.template import ExerciseTemplate
from server.drawing import COLOURS, animated_svg, static_svg
from tests.motion.figured import DOCUMENTS, TEMPLATES

SVG = "{http://www.w3.org/2000/svg}"
each = pytest.mark.parametrize("id", TEMPLATES)


def _parsed(svg: str) -> ET.Element:
    return ET.fromstring(svg)


def _numbers(path: str) -> int:
    return len(re.findall(r"-?\d+", path))


def _changed(id: str, **fields: object) -> ExerciseTemplate:
    document = next(document for document in DOCUMENTS if document["id"] == id)
    return ExerciseTemplate.from_document({**document, **fields}, source=id)


@each
@pytest.mark.parametrize("side", [None, "left"])
def test_a_figure_needs_nothing_from_outside_and_runs_no_script(
    id: str, side: body.Side | None
) -> None:
    for svg in (animated_svg(TEMPLATES[id], side), static_svg(TEMPLATES[id], side)):
        root = _parsed(svg)
        assert root.tag == f"{SVG}svg"
        assert "script" not in svg
        assert "href" not in svg
        assert "url(" not in svg
        assert "@import" not in svg
        assert svg.count("http") == 1  # the namespace
        assert not re.search(r"\son[a-z]+=", svg)
        assert "nan" not in svg


@each
def test_a_figure_says_what_it_shows(id: str) -> None:
    root = _parsed(animated_svg(TEMPLATES[id]))
    title, described = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert title is not None
    assert described is not None
    assert title.text == TEMPLATES[id].name
    assert described.text
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == f"{title.get('id')} {described.get('id')}"


def test_what_a_template_says_is_text_and_never_markup() -> None:
    template = _changed("squat", name="<script>a</script> & b", instructions=["c < d"])
    root = _parsed(animated_svg(template))
    title = root.find(f"{SVG}title")
    assert title is not None
    assert title.text == "<script>a</script> & b"
    assert root.find(f".//{SVG}script") is None


@each
def test_every_outline_keeps_its_corners_through_the_loop(id: str) -> None:
    root = _parsed(animated_svg(TEMPLATES[id]))
    moving = root.find(f"{SVG}g[@class='moving']")
    assert moving is not None
    animations = list(moving.iter(f"{SVG}animate"))
    assert animations
    for animation in animations:
        times = [float(time) for time in (animation.get("keyTimes") or "").split(";")]
        frames = (animation.get("values") or "").split(";")
        assert len(times) == len(frames)
        assert times[0] == 0.0
        assert times[-1] == 1.0
        assert times == sorted(times)
        assert frames[0] == frames[-1], "the loop ends where it begins"
        shape = re.sub(r"-?\d+", "0", frames[0])
        assert all(re.sub(r"-?\d+", "0", frame) == shape for frame in frames)
        assert _numbers(frames[0]) > 0


def test_what_does_not_move_is_not_animated() -> None:
    root = _parsed(animated_svg(TEMPLATES["learned-curl"]))
    moving = root.find(f"{SVG}g[@class='moving']")
    assert moving is not None
    paths = list(moving.iter(f"{SVG}path"))
    assert sum(path.find(f"{SVG}animate") is not None for path in paths) < 0.5 * len(paths)


@each
def test_reduced_motion_shows_poses_that_stand_still(id: str) -> None:
    svg = animated_svg(TEMPLATES[id])
    root = _parsed(svg)
    still = root.find(f"{SVG}g[@class='still']")
    assert still is not None
    assert not list(still.iter(f"{SVG}animate"))
    assert re.search(r"prefers-reduced-motion:reduce\){#\S+ \.moving{display:none}", svg)


@each
def test_all_that_is_drawn_lies_within_the_picture(id: str) -> None:
    for svg in (animated_svg(TEMPLATES[id]), static_svg(TEMPLATES[id])):
        root = _parsed(svg)
        left, top, width, height = (float(part) for part in (root.get("viewBox") or "").split())
        moved = (0.0, 0.0)
        for element in root.iter():
            shift = re.match(r"translate\((\S+) (\S+)\)", element.get("transform") or "")
            if shift:
                moved = (float(shift[1]), float(shift[2]))
            for path in (element.get("d") or "").split("z"):
                if element.get("class") == "way" or not path:
                    continue
                numbers = np.array(re.findall(r"-?\d+", path), dtype=float).reshape(-1, 2)
                corners = np.cumsum(numbers, axis=0) + moved
                assert np.all(corners >= [left, top])
                assert np.all(corners <= [left + width, top + height])


@each
def test_every_sensor_is_drawn_where_it_is_worn(id: str) -> None:
    template = TEMPLATES[id]
    moving = _parsed(animated_svg(template)).find(f"{SVG}g[@class='moving']")
    assert moving is not None
    drawn = [path for path in moving.iter(f"{SVG}path") if path.get("class") == "sensor"]
    assert len(drawn) == len(template.sensors)


def test_a_sensor_on_the_belly_is_not_hidden_by_thighs_that_hang_beside_it() -> None:
    svg = animated_svg(ExerciseTemplate.load("side-bend")).partition('<g class="still">')[0]
    assert svg.rindex('class="sensor"') > svg.rindex('class="shorts"')


def test_a_support_is_drawn_and_changes_no_pose() -> None:
    bare = _changed("squat")
    figure = bare.figure
    assert figure is not None
    for support in ("wall", "table", "chair"):
        stands = figure.model_copy(update={"support": support})
        with_it = bare.model_copy(update={"figure": stands})
        assert animated_svg(with_it).count("<path") > animated_svg(bare).count("<path")
        np.testing.assert_array_equal(
            body.FigureAngles.of(with_it).peak, body.FigureAngles.of(bare).peak
        )


def test_the_left_side_is_the_mirror_image_of_the_right_one() -> None:
    template = TEMPLATES["arm-abduction"]
    right, left = _parsed(static_svg(template, "right")), _parsed(static_svg(template, "left"))

    def reach(root: ET.Element) -> tuple[float, float]:
        paths = [path.get("d") or "" for path in root.iter(f"{SVG}path")]
        skin = [d for path in paths if "l" in path for d in path.split("z") if d]
        sets = [
            np.cumsum(np.array(re.findall(r"-?\d+", d), dtype=float).reshape(-1, 2), axis=0)
            for d in skin
        ]
        return min(float(s[:, 0].min()) for s in sets), max(float(s[:, 0].max()) for s in sets)

    (low, high), (low_left, high_left) = reach(right), reach(left)
    assert -low == pytest.approx(high_left, abs=2.0)
    assert high == pytest.approx(-low_left, abs=2.0)


def test_pictures_of_one_page_do_not_share_ids_or_styles() -> None:
    svgs = [animated_svg(t, side) for t in TEMPLATES.values() for side in body.SIDES]
    svgs += [static_svg(t) for t in TEMPLATES.values()]
    ids = [found for svg in svgs for found in re.findall(r'\sid="([^"]+)"', svg)]
    assert len(set(ids)) == len(ids)
    for svg in svgs:
        name = re.search(r'\sid="([^"]+)"', svg)
        assert name is not None
        style = re.search(r"<style>(.*)</style>", svg)
        assert style is not None
        for selector in re.findall(r"(?:^|[{}])([^{}@]+){", style[1]):
            assert all(part.startswith(f"#{name[1]}") for part in selector.split(","))


def test_a_page_can_set_every_colour_and_dark_pages_have_their_own() -> None:
    svg = animated_svg(TEMPLATES["squat"])
    for key, (day, night) in COLOURS.items():
        assert f"--{key}:var(--figure-{key},{day});" in svg
        assert f"--{key}:var(--figure-{key},{night});" in svg


def test_a_figure_is_light_enough_for_a_page_of_thirty() -> None:
    sizes = [len(animated_svg(template)) for template in TEMPLATES.values()]
    assert max(sizes) < 200_000
    assert np.mean(sizes) < 100_000


def test_a_template_without_a_figure_is_refused_with_what_to_do() -> None:
    with pytest.raises(ValueError, match="write one"):
        animated_svg(_changed("squat", figure=None))
