"""Templates: what is accepted, what is refused and how that is said, and the library."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from motion.errors import TemplateError, TemplateFault
from motion.repetition import LONGEST_S
from motion.template import (
    LARGEST_TEMPLATE_BYTES,
    LONGEST_REPETITION_S,
    DominantMovement,
    ExerciseTemplate,
    JointMovement,
    Judging,
    LearnedMovement,
    library_ids,
    movement_slots,
)

BEND = """\
id: lumbar-bend
version: 1
name: Low back bend with a still pelvis
region: low_back
position: standing
side: none
direction: one
sensors: {pelvis: {placement: front}, thorax: {placement: front}}
movement: {kind: joint, proximal: pelvis, distal: thorax, axis: flexion}
range: {count_from_deg: 15, minimum_deg: 30, goal_deg: 45, limit_deg: 70}
tempo: {out_s: [1.5, 4.0], hold_s: [0.0, 2.0], back_s: [1.5, 4.0]}
compensations:
  - {name: pelvis_tilt, segment: pelvis, axis: tilt, limit_deg: 20, cue: Keep your hips still}
rules: {too_slow: fault}
dose: {sets: 2, repetitions: 10, rest_s: 45}
"""


def bend(**changes: Any) -> dict[str, Any]:
    """The template above as a document; a value of None removes its field."""
    document: dict[str, Any] = yaml.safe_load(BEND) | changes
    return {field: value for field, value in document.items() if value is not None}


def learned(pelvis: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A learned movement of the pelvis alone; the thorax watches for a compensation."""
    twist = {"name": "twist", "segment": "thorax", "limit_deg": 10, "cue": "Chest forward"}
    return bend(
        movement={"kind": "learned", "axes": {"pelvis": pelvis}}, compensations=[twist], **more
    )


def posed(poses: dict[str, Any]) -> dict[str, Any]:
    """The learned movement beside sensors that were worn and hardly moved."""
    document = learned({"axis": [1, 0, 0], "start_up": [0, 0, 1]})
    return document | {"movement": document["movement"] | {"poses": poses}}


def held(**more: Any) -> dict[str, Any]:
    """The bend as a hold."""
    movement = {"kind": "hold", "proximal": "pelvis", "distal": "thorax", "axis": "flexion"}
    band = {"target_deg": 40, "band_deg": 10}
    return bend(**({"movement": movement, "range": band, "tempo": {"hold_s": [5, 20]}} | more))


def file_of(folder: Path, text: str | bytes, name: str = "exercise.yaml") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def refusal(document: Any) -> TemplateError:
    """The error that this document causes; its message must be one plain sentence."""
    with pytest.raises(TemplateError) as caught:
        ExerciseTemplate.from_document(document, source="exercise.yaml")
    assert_plain(caught.value)
    return caught.value


def file_refusal(path: Path) -> TemplateError:
    with pytest.raises(TemplateError) as caught:
        ExerciseTemplate.load(path)
    assert_plain(caught.value)
    assert str(path) in str(caught.value)
    assert caught.value.source == str(path)
    return caught.value


def assert_plain(error: TemplateError) -> None:
    message = str(error)
    assert "\n" not in message
    assert message.endswith((".", "?"))
    assert len(message) < 400
    for jargon in ("Traceback", "pydantic", "type=", "Value error"):
        assert jargon not in message


# --- what is accepted ----------------------------------------------------------------------------


def test_a_file_becomes_typed_objects(tmp_path: Path) -> None:
    template = ExerciseTemplate.load(file_of(tmp_path, BEND))
    assert template.id == "lumbar-bend"
    assert isinstance(template.movement, JointMovement)
    assert template.range.goal_deg == 45.0
    assert template.tempo.out_s == (1.5, 4.0)
    assert template.tempo.active_s is None
    assert template.compensations[0].cue == "Keep your hips still"
    assert template.rules == {"too_slow": Judging.FAULT}
    assert template.slots == ("pelvis", "thorax")


def test_a_text_that_looks_like_a_file_is_one(tmp_path: Path) -> None:
    path = file_of(tmp_path, BEND)
    assert ExerciseTemplate.load(str(path)) == ExerciseTemplate.load(path)


def test_what_is_left_out_has_its_default() -> None:
    template = ExerciseTemplate.from_document(
        bend(tempo=None, compensations=None, dose=None, rules=None, side=None, direction=None)
    )
    assert template.tempo.model_dump() == {
        "out_s": None, "hold_s": None, "back_s": None, "active_s": None
    }  # fmt: skip
    assert template.compensations == []
    assert template.rules == {}
    assert template.side == "none"
    assert template.dose.sets == 1


def test_a_template_cannot_be_changed_after_it_was_checked() -> None:
    template = ExerciseTemplate.from_document(bend())
    with pytest.raises(ValueError, match="frozen"):
        template.range.goal_deg = 5.0


def test_a_learned_movement_is_led_by_the_sensor_that_moves_most() -> None:
    still: dict[str, Any] = {"axis": [0.3, 0, 0], "start_up": [0, 0, 1]}
    template = ExerciseTemplate.from_document(
        bend(
            sensors={"shank": {"placement": "side"}, "thigh": {"placement": "front"}},
            movement={
                "kind": "learned",
                "axes": {"shank": still, "thigh": still | {"axis": [0, 1, 0]}},
            },
            compensations=None,
        )
    )
    assert movement_slots(template.movement) == ("thigh", "shank")
    # The angle's times are those of the sensor written first, whichever moves most.
    assert template.slots == ("shank", "thigh")


@pytest.mark.parametrize("up", [[0.7, 0.7, 0.3], [0.5, 0.5, 0.3], [0.0, 1.2, 0.0]])
def test_an_up_direction_is_made_one_long_once_and_then_kept(up: list[float]) -> None:
    template = ExerciseTemplate.from_document(learned({"axis": [1, 0, 0], "start_up": up}))
    assert isinstance(template.movement, LearnedMovement)
    assert math.hypot(*template.movement.axes["pelvis"].start_up) == pytest.approx(1.0, abs=1e-12)
    # A replay reads the template from a stored document: not even the last bit may change.
    assert ExerciseTemplate.from_document(template.document()) == template


# --- round trips ----------------------------------------------------------------------------------

# Texts of one line: YAML itself folds what Unicode counts as a line break.
words = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Zl", "Zp")),
    min_size=1,
    max_size=40,
)
slots = st.from_regex(r"[a-z][a-z0-9_]{0,31}", fullmatch=True)
angles = st.floats(1e-6, 180.0)
axes = st.sampled_from(["flexion", "extension", "bend_left", "bend_right", "turn_left"])


@st.composite
def vectors(draw: st.DrawFn) -> list[float]:
    a, b = draw(st.floats(0, math.pi)), draw(st.floats(-math.pi, math.pi))
    return [math.sin(a) * math.cos(b), math.sin(a) * math.sin(b), math.cos(a)]


@st.composite
def movements(draw: st.DrawFn, sensors: list[str]) -> dict[str, Any]:
    kinds = ["segment", "learned", "dominant"] + (["joint"] if len(sensors) > 1 else [])
    match draw(st.sampled_from(kinds)):
        case "joint":
            proximal, distal = sensors[:2]
            axis = draw(axes)
            return {"kind": "joint", "proximal": proximal, "distal": distal, "axis": axis}
        case "segment":
            return {"kind": "segment", "segment": sensors[0], "axis": draw(axes)}
        case "dominant":
            return {"kind": "dominant", "sensor": sensors[0]}
        case _:
            one = st.fixed_dictionaries({"axis": vectors(), "start_up": vectors()})
            learned_axes = {slot: draw(one) for slot in sensors}
            for slot in sensors[1:]:
                share = draw(st.floats(0.0, 1.0))
                learned_axes[slot]["axis"] = [share * part for part in learned_axes[slot]["axis"]]
            return {
                "kind": "learned",
                "coordinate": draw(st.sampled_from(["tilt", "rotation"])),
                "axes": learned_axes,
            }


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    sensors = draw(st.lists(slots, min_size=1, max_size=4, unique=True))
    range_deg = sorted(draw(st.lists(st.floats(1e-6, 359.0), min_size=3, max_size=3)))
    part = st.tuples(st.floats(0.0, 90.0), st.floats(300.5, 600.0)).map(list)
    names = draw(st.lists(slots, max_size=3, unique=True))
    # Every sensor serves a compensation, so that none is without use.
    compensations = [
        {
            "name": name,
            "segment": segment,
            "axis": draw(st.just("tilt") | axes),
            "limit_deg": draw(angles),
            "cue": draw(words),
        }
        for name, segment in zip([*names, *(f"{s[:30]}_{i}" for i, s in enumerate(sensors))],
                                 [sensors[0]] * len(names) + sensors, strict=True)
    ]  # fmt: skip
    if len({c["name"] for c in compensations}) < len(compensations):
        compensations = compensations[len(names) :]
    rules = st.sampled_from(["range_short", "range_over", "too_fast", "too_slow", "jerky"])
    return {
        "id": draw(st.from_regex(r"[a-z0-9][a-z0-9_.-]{0,63}", fullmatch=True)),
        "version": draw(st.integers(1, 10**6)),
        "name": draw(words),
        "region": draw(st.sampled_from(["low_back", "shoulder", "other"])),
        "position": draw(st.sampled_from(["standing", "prone", "any"])),
        "side": draw(st.sampled_from(["none", "left", "right"])),
        "sensors": {
            s: {"placement": draw(words), "note": draw(st.just("") | words)} for s in sensors
        },
        "movement": draw(movements(sensors)),
        "range": dict(
            zip(
                ("count_from_deg", "minimum_deg", "goal_deg", "limit_deg"),
                [*range_deg, draw(st.floats(range_deg[2], 360.0, exclude_min=True))],
                strict=True,
            )
        ),
        "tempo": draw(st.dictionaries(st.sampled_from(["out_s", "hold_s", "active_s"]), part)),
        "compensations": compensations[:8],
        "rules": draw(st.dictionaries(rules, st.sampled_from(["fault", "note"]))),
        "dose": {
            "sets": draw(st.integers(1, 20)),
            "repetitions": draw(st.integers(1, 200)),
            "rest_s": draw(st.floats(0.0, 900.0)),
        },
        "instructions": draw(st.lists(words, max_size=3)),
        "cannot_see": draw(st.just("") | words),
        "derived_from": draw(st.just("") | words),
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("templates")


@settings(deadline=None)
@given(document=documents())
def test_a_template_survives_document_json_and_yaml(folder: Path, document: dict[str, Any]) -> None:
    template = ExerciseTemplate.from_document(document)
    assert ExerciseTemplate.from_document(template.document()) == template
    assert ExerciseTemplate.from_document(json.loads(json.dumps(template.document()))) == template
    assert ExerciseTemplate.load(file_of(folder, template.to_yaml())) == template


def test_yaml_for_a_person_leaves_defaults_out_and_keeps_the_order() -> None:
    template = ExerciseTemplate.from_document(bend())
    fields = list(yaml.safe_load(template.to_yaml()))
    assert fields == [
        "id", "version", "name", "region", "position", "sensors", "movement", "range", "tempo",
        "compensations", "rules", "dose",
    ]  # fmt: skip


# --- what is refused ------------------------------------------------------------------------------

RANGE = {"count_from_deg": 15, "minimum_deg": 30, "goal_deg": 45, "limit_deg": 70}


@pytest.mark.parametrize(
    ("changes", "field", "says"),
    [
        ({"colour": "red"}, "colour", "no such field"),
        ({"range": RANGE | {"goal": 3}}, "range.goal", "no such field"),
        ({"dose": {"sets": 2}}, "dose.repetitions", "required"),
        ({"name": None}, "name", "required"),
        ({"sensors": None}, "sensors", "required"),
        ({"movement": {"kind": "swim"}}, "movement", "swim"),
        ({"movement": {"kind": "segment", "segment": "pelvis", "axis": "sway"}}, None, "sway"),
        ({"region": "tail"}, "region", "tail"),
        ({"side": "both"}, "side", "alternate"),
        ({"id": "Not An Id"}, "id", "Not An Id"),
        ({"version": 0}, "version", "0"),
        ({"version": 1.5}, "version", "1.5"),
        ({"name": ""}, "name", "at least 1"),
        ({"range": RANGE | {"minimum_deg": 50}}, "range", "no repetition could satisfy"),
        ({"range": RANGE | {"count_from_deg": 31}}, "range", "no repetition could satisfy"),
        ({"range": RANGE | {"goal_deg": 70}}, "range", "no repetition could satisfy"),
        ({"range": RANGE | {"count_from_deg": 0}}, "range.count_from_deg", "greater than 0"),
        ({"range": RANGE | {"limit_deg": 361}}, "range.limit_deg", "360"),
        ({"range": RANGE | {"measured_from": "floor"}}, "range.measured_from", "floor"),
        ({"range": RANGE | {"measured_from": "start"}}, "", "needs a learned movement"),
        ({"range": RANGE | {"goal_deg": math.nan}}, "range.goal_deg", "finite"),
        ({"range": RANGE | {"limit_deg": math.inf}}, "range.limit_deg", "finite"),
        ({"range": RANGE | {"limit_deg": "far"}}, "range.limit_deg", "far"),
        ({"range": RANGE | {"limit_deg": 10**400}}, "range.limit_deg", "valid number"),
        ({"tempo": {"out_s": [4.0, 1.5]}}, "tempo.out_s", "[shortest, longest]"),
        ({"tempo": {"out_s": [2.0, 2.0]}}, "tempo.out_s", "[shortest, longest]"),
        ({"tempo": {"back_s": [-1.0, 2.0]}}, "tempo.back_s", "[shortest, longest]"),
        ({"tempo": {"hold_s": [0.0, 601.0]}}, "tempo.hold_s", "600"),
        ({"tempo": {"hold_s": [0.0, math.nan]}}, "tempo.hold_s", "[shortest, longest]"),
        ({"tempo": {"hold_s": [math.nan, 1.0]}}, "tempo.hold_s", "[shortest, longest]"),
        ({"tempo": {"hold_s": [0.0, math.inf]}}, "tempo.hold_s", "[shortest, longest]"),
        ({"tempo": {"out_s": [1.0]}}, None, "out_s"),
        ({"tempo": {"out_s": 2.0}}, "tempo.out_s", "2.0"),
        ({"tempo": {"out": [1.0, 2.0]}}, "tempo.out", "no such field"),
        ({"rules": {"pelvis": "note"}}, None, "pelvis"),
        ({"rules": {"too_slow": "maybe"}}, "rules.too_slow", "maybe"),
        ({"dose": {"sets": 0, "repetitions": 5, "rest_s": 1}}, "dose.sets", "1"),
        ({"sensors": {}}, "sensors", "at least 1"),
        ({"sensors": {"Pelvis": {"placement": "front"}}}, None, "Pelvis"),
        ({"sensors": {"pelvis": {"placement": "front"}}}, "", "'thorax'"),
        (
            {"sensors": {s: {"placement": "x"} for s in ("pelvis", "thorax", "head")}},
            "",
            "no movement or compensation uses the sensor 'head'",
        ),
        (
            {"compensations": [{"name": "a", "segment": "head", "limit_deg": 5, "cue": "Still"}]},
            "",
            "'head'",
        ),
        (
            {"compensations": [{"name": "a", "segment": "pelvis", "limit_deg": 5, "cue": "x"}] * 2},
            "",
            "same name",
        ),
        (
            {"compensations": [{"name": "a", "segment": "pelvis", "limit_deg": 0, "cue": "x"}]},
            "compensations.0.limit_deg",
            "greater than 0",
        ),
        (
            {
                "movement": {
                    "kind": "joint", "proximal": "pelvis", "distal": "pelvis", "axis": "flexion"
                },
                "sensors": {"pelvis": {"placement": "front"}},
            },
            "",
            "two different sensors",
        ),
        ({"range": RANGE | {"goal_deg": 200, "limit_deg": 220}}, "range.goal_deg", "at most 170"),
        (
            {"range": RANGE | {"goal_deg": 100, "limit_deg": 120}, "direction": "both"},
            "range.goal_deg",
            "at most 85",
        ),
        (held(range={"target_deg": 175, "band_deg": 10}), "range.target_deg", "at most 170"),
        (held(tempo={"out_s": [0.5, 2.0]}), "tempo.out_s", "no way out"),
        (held(tempo={"hold_s": [300.0, 400.0]}), "tempo", "less than 300 s"),
        ({"tempo": {"out_s": [150.0, 200.0], "back_s": [150.0, 200.0]}}, "tempo", "300 s"),
        ({"tempo": {"active_s": [300.0, 400.0]}}, "tempo.active_s", "less than 300 s"),
        (
            {"tempo": {"hold_s": [10.0, 20.0], "active_s": [2.0, 9.0]}},
            "tempo.active_s",
            "no repetition could satisfy both",
        ),
        (
            {
                "tempo": {
                    "out_s": [1, 2], "hold_s": [0, 2], "back_s": [1, 2], "active_s": [7, 9]
                }
            },
            "tempo.active_s",
            "no repetition could satisfy both",
        ),
        (learned({"axis": [1, 0, 0], "start_up": [0, 0, 0]}), None, "direction of length 1"),
        (learned({"axis": [2, 0, 0], "start_up": [0, 0, 1]}), None, "axis of length 1"),
        (learned({"axis": [0.5, 0, 0], "start_up": [0, 0, 1]}), None, "axis of length 1"),
        (posed({"pelvis": [0, 0, 1]}), None, "stands in axes; remove it from poses"),
        (posed({"head": [0, 0, 0]}), None, "direction of length 1"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_by_field(
    changes: dict[str, Any], field: str | None, says: str
) -> None:
    error = refusal(bend(**changes))
    assert error.reason is TemplateFault.INVALID
    assert str(error).startswith("exercise.yaml: ")
    assert says in str(error)
    if field is not None:
        assert error.field == field
        assert field in str(error)


def test_a_sensor_whose_pose_is_known_is_watched_and_not_needed() -> None:
    template = ExerciseTemplate.from_document(posed({"head": [0, 0, 1], "thorax": [0, 1, 0]}))
    assert template.slots == ("pelvis", "thorax")
    # The thorax is needed already, for a compensation.
    assert template.watched_slots == ("pelvis", "thorax", "head")
    assert ExerciseTemplate.from_document(bend()).watched_slots == ("pelvis", "thorax")


def test_the_longest_repetition_is_the_one_that_segmentation_knows() -> None:
    assert LONGEST_REPETITION_S == LONGEST_S


def test_further_mistakes_are_counted() -> None:
    assert "(and 2 more)" in str(refusal(bend(colour="red", name=None, version=-1)))


@pytest.mark.parametrize("document", [None, [], "text", 3, True])
def test_a_document_that_is_no_mapping_is_refused(document: Any) -> None:
    error = refusal(document)
    assert error.reason is TemplateFault.INVALID
    assert "mapping of fields" in str(error)


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        pytest.param(BEND + "version: 2\n", 16, "'version' is given twice", id="twice"),
        pytest.param(
            BEND.replace("goal_deg: 45", "goal_deg: 45, goal_deg: 50"),
            10,
            "'goal_deg' is given twice",
            id="twice inside",
        ),
        pytest.param("a: &a [x]\nb: [*a, *a]\n", 2, "aliases are not allowed", id="alias"),
        pytest.param(
            "a: &a [x, x]\n" + "".join(f"a{i}: &a{i} [*a, *a]\n" for i in range(50)),
            2,
            "aliases are not allowed",
            id="alias bomb",
        ),
        pytest.param("id: [1, 2\nname: x\n", 2, "", id="unclosed"),
        pytest.param("id: x\n\tname: y\n", 2, "", id="tab"),
        pytest.param("id: x\nname: 'y\n", 3, "", id="quote"),
        pytest.param("? [a, b]\n: c\n", 1, "must be text", id="list as field"),
        pytest.param("id: !!python/object/apply:os.getcwd []\n", 1, "", id="object"),
        pytest.param("---\nid: a\n---\nid: b\n", 3, "", id="two documents"),
    ],
)
def test_a_mistake_in_the_yaml_is_told_with_its_line(
    tmp_path: Path, text: str, line: int, says: str
) -> None:
    error = file_refusal(file_of(tmp_path, text))
    assert error.reason is TemplateFault.UNREADABLE
    assert f" line {line}: " in str(error)
    assert says in str(error)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("# only a comment\n", id="comment"),
        pytest.param("- a\n- b\n", id="list"),
        pytest.param("just words\n", id="words"),
    ],
)
def test_a_file_without_fields_is_refused(tmp_path: Path, text: str) -> None:
    error = file_refusal(file_of(tmp_path, text))
    assert error.reason is TemplateFault.INVALID
    assert "mapping of fields" in str(error)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(bytes(range(256)), id="binary"),
        pytest.param("id: bend".encode("utf-16"), id="utf-16"),
        pytest.param(b"PAR1\x00\x01\x02", id="recording"),
        pytest.param(b"[" * 20_000, id="deep"),
        pytest.param(b"version: " + b"9" * 20_000, id="long number"),
        pytest.param(b"when: 2024-13-45\n", id="no date"),
    ],
)
def test_another_kind_of_file_is_refused(tmp_path: Path, content: bytes) -> None:
    error = file_refusal(file_of(tmp_path, content))
    assert error.reason is TemplateFault.UNREADABLE


def test_a_huge_file_is_not_even_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.yaml"
    with path.open("wb") as file:
        file.truncate(LARGEST_TEMPLATE_BYTES + 1)
    error = file_refusal(path)
    assert error.reason is TemplateFault.UNREADABLE
    assert "larger than a template can be" in str(error)


def test_a_missing_file_is_told_with_its_remedy(tmp_path: Path) -> None:
    error = file_refusal(tmp_path / "nowhere.yaml")
    assert error.reason is TemplateFault.NOT_FOUND
    assert "gonio templates list" in str(error)


def test_a_folder_is_no_template(tmp_path: Path) -> None:
    assert file_refusal(tmp_path).reason is TemplateFault.UNREADABLE


def test_an_unknown_id_is_told_with_its_remedy() -> None:
    with pytest.raises(TemplateError, match="gonio templates list") as caught:
        ExerciseTemplate.load("no-such-exercise")
    assert caught.value.reason is TemplateFault.NOT_FOUND
    assert caught.value.source == "no-such-exercise"


@pytest.mark.parametrize("value", [".nan", ".inf", "-.inf", "1e400"])
def test_numbers_that_are_none_are_refused(tmp_path: Path, value: str) -> None:
    for old in ("goal_deg: 45", "rest_s: 45", "limit_deg: 20"):
        text = BEND.replace(old, old.split()[0] + " " + value)
        assert file_refusal(file_of(tmp_path, text)).reason is TemplateFault.INVALID


@given(text=st.text(max_size=200) | st.binary(max_size=200).map(lambda b: b.decode("latin-1")))
def test_no_text_breaks_the_reader(folder: Path, text: str) -> None:
    path = file_of(folder, text.encode("utf-8", "surrogatepass"), "fuzz.yaml")
    with pytest.raises(TemplateError) as caught:
        ExerciseTemplate.load(path)
    assert_plain(caught.value)


# --- the library ----------------------------------------------------------------------------------

LIBRARY = library_ids()
WATCH = [name for name in LIBRARY if name.startswith("watch-")]


@pytest.mark.parametrize("name", LIBRARY)
def test_the_library_loads_whole(name: str) -> None:
    template = ExerciseTemplate.load(name)
    assert template.id == name
    assert template.instructions
    assert template.cannot_see
    assert ExerciseTemplate.from_document(template.document()) == template


def test_the_watch_library_has_its_seven_exercises() -> None:
    assert WATCH == [
        "watch-abduction",
        "watch-external-rotation",
        "watch-forward-elevation",
        "watch-internal-rotation",
        "watch-pendulum",
        "watch-row",
        "watch-trapezius",
    ]


@pytest.mark.parametrize("name", WATCH)
def test_a_watch_template_needs_one_sensor_and_says_what_that_cannot_tell(name: str) -> None:
    template = ExerciseTemplate.load(name)
    assert template.slots == ("wrist",)
    assert isinstance(template.movement, DominantMovement)
    assert template.region == "shoulder"
    assert "direction" in template.cannot_see
    assert template.tempo.out_s is not None
    assert template.tempo.back_s is not None
