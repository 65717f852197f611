"""Texts in other languages: every one whole, and what is amiss told by file, template and field."""

import re
from typing import Any

import pytest

from motion.errors import TemplateError, TemplateFault
from motion.quality import CUES
from motion.template import ExerciseTemplate, library_folder, library_ids, read_yaml
from motion.texts import ENGLISH, LanguageTexts, cues_in, in_language, languages, texts_in

OTHERS = [language for language in languages() if language != ENGLISH]
every = pytest.mark.parametrize("language", OTHERS)


def document(language: str = "de") -> dict[str, Any]:
    text = library_folder().joinpath("texts", f"{language}.yaml").read_text("utf-8")
    parsed: dict[str, Any] = read_yaml(text, language)
    return parsed


def refusal(changed: dict[str, Any]) -> TemplateError:
    with pytest.raises(TemplateError) as caught:
        LanguageTexts.from_document(changed, source="xx.yaml")
    message = str(caught.value)
    assert message.startswith("xx.yaml: ")
    assert "\n" not in message
    assert message.endswith(".")
    assert caught.value.field
    assert caught.value.field in message
    return caught.value


def test_there_is_german() -> None:
    assert languages()[0] == ENGLISH
    assert "de" in OTHERS


@every
def test_a_language_is_whole(language: str) -> None:
    texts = texts_in(language)
    assert tuple(sorted(texts.exercises)) == library_ids()
    assert cues_in(language).keys() == CUES.keys()
    for id in library_ids():
        told = in_language(ExerciseTemplate.load(id), language)
        assert told.name == texts.exercises[id].name


@every
@pytest.mark.parametrize("id", library_ids())
def test_a_template_in_another_language_differs_in_its_words_alone(id: str, language: str) -> None:
    english = ExerciseTemplate.load(id)
    told = in_language(english, language)
    assert ExerciseTemplate.from_document(told.document()) == told
    for one, other in (
        (english.name, told.name),
        (english.cannot_see, told.cannot_see),
        *zip(english.instructions, told.instructions, strict=True),
        *((english.sensors[s].note, told.sensors[s].note) for s in english.sensors),
        *((a.cue, b.cue) for a, b in zip(english.compensations, told.compensations, strict=True)),
    ):
        assert one != other or one in ("Clamshell",), one

    def numbers(template: ExerciseTemplate) -> dict[str, Any]:
        whole = template.document()
        for field in ("name", "instructions", "cannot_see"):
            del whole[field]
        for place in whole["sensors"].values():
            del place["note"]
        for compensation in whole["compensations"]:
            del compensation["cue"]
        return whole

    assert numbers(told) == numbers(english)


def test_german_is_polite_and_speaks_plainly() -> None:
    texts = texts_in("de")
    for id, exercise in texts.exercises.items():
        for line in exercise.instructions:
            assert not re.search(r"\b(du|dein|deine|dich|dir)\b", line.lower()), id
            for sentence in re.split(r"(?<=\.) ", line):
                assert len(sentence.split()) <= 22, sentence
    for cue in (*texts.cues.values(), *(c for e in texts.exercises.values()
                                        for c in e.compensations.values())):  # fmt: skip
        assert not {"nicht", "kein", "keine", "nie", "falsch"} & set(cue.lower().split()), cue


def test_words_that_a_therapist_has_changed_stay() -> None:
    english = ExerciseTemplate.load("bridge")
    own = english.model_copy(
        update={
            "instructions": ["Do it as last week."],
            "compensations": [english.compensations[0].model_copy(update={"cue": "Ribs in"})],
        }
    )
    told = in_language(own, "de")
    assert told.name == texts_in("de").exercises["bridge"].name
    assert told.instructions == ["Do it as last week."]
    assert told.compensations[0].cue == "Ribs in"


def test_a_template_that_is_not_of_the_library_stays_as_it_is() -> None:
    own = ExerciseTemplate.load("bridge").model_copy(update={"id": "my-bridge"})
    assert in_language(own, "de") is own
    assert in_language(ExerciseTemplate.load("bridge"), ENGLISH).name == "Bridge"


def test_an_unknown_language_is_told_with_those_there_are() -> None:
    for language in ("tlh", "../de", ENGLISH):
        with pytest.raises(TemplateError, match="choose en, de") as caught:
            texts_in(language)
        assert caught.value.reason is TemplateFault.NOT_FOUND


@pytest.mark.parametrize("field", ["name", "instructions", "cannot_see"])
def test_a_missing_field_is_told_by_template(field: str) -> None:
    changed = document()
    del changed["exercises"]["bridge"][field]
    error = refusal(changed)
    assert error.field == f"exercises.bridge.{field}"
    assert "add it" in str(error)


@pytest.mark.parametrize(
    ("path", "value", "field", "says"),
    [
        (("exercises", "brigde"), {"name": "x", "instructions": ["y"], "cannot_see": "z"},
         "exercises.brigde", "check its spelling"),
        (("exercises", "bridge"), None, "exercises.bridge", "add it"),
        (("exercises", "bridge", "nmae"), "x", "exercises.bridge.nmae", "check its spelling"),
        (("exercises", "bridge", "name"), "", "exercises.bridge.name", "at least 1"),
        (("exercises", "bridge", "sensors", "pelvis"), None, "exercises.bridge.sensors.pelvis",
         "add it"),
        (("exercises", "bridge", "sensors", "head"), "x", "exercises.bridge.sensors.head",
         "check its spelling"),
        (("exercises", "bridge", "compensations", "hollow_back"), None,
         "exercises.bridge.compensations.hollow_back", "add it"),
        (("exercises", "bridge", "compensations", "hollow_back"), "x" * 61,
         "exercises.bridge.compensations.hollow_back", "at most 60"),
        (("exercises", "bridge", "instructions"), ["x"], "exercises.bridge.instructions",
         "one by one"),
        (("cues", "too_fast"), None, "cues.too_fast", "add it"),
        (("cues", "hurry"), "x", "cues.hurry", "check its spelling"),
        (("language",), "Deutsch", "language", "Deutsch"),
    ],
)  # fmt: skip
def test_what_is_amiss_is_told_by_field(
    path: tuple[str, ...], value: Any, field: str, says: str
) -> None:
    changed = document()
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    if value is None:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    error = refusal(changed)
    assert error.field == field
    assert says in str(error)
