"""The library's texts in other languages, and the engine's own cues.

Templates are written in English; `templates/texts/LANG.yaml` holds another language by template id
and field. Loaded and checked here, once and whole. Words of pages and terminals are `server`'s.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from motion.errors import TemplateError, TemplateFault
from motion.quality import CUES
from motion.template import (
    ExerciseTemplate,
    Slot,
    library_folder,
    library_ids,
    read_yaml,
    refusal,
)

ENGLISH: Final = "en"

Text = Annotated[str, Field(min_length=1)]
Cue = Annotated[str, Field(min_length=1, max_length=60)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ExerciseTexts(_Part):
    """One template in another language. sensors: notes by slot. compensations: cues by name."""

    name: str = Field(min_length=1, max_length=120)
    instructions: list[Text] = Field(min_length=1)
    cannot_see: Text
    sensors: dict[Slot, Text] = Field(default_factory=dict)
    compensations: dict[Slot, Cue] = Field(default_factory=dict)


class LanguageTexts(_Part):
    """All texts of a language. language: its code. name: what it calls itself. cues: by code."""

    language: str = Field(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")
    name: Text
    cues: dict[str, Cue]
    exercises: dict[str, ExerciseTexts]

    @classmethod
    def from_document(cls, document: Any, *, source: str) -> Self:
        """Validate a parsed document against the library; raises TemplateError naming file,
        template and field. Nothing may be missing, and nothing be there that no template has."""
        try:
            texts = cls.model_validate(document)
        except ValidationError as error:
            raise refusal(error, source) from None
        for field, problem in _problems(texts):
            raise TemplateError(
                TemplateFault.INVALID, f"{source}: {field}: {problem}.", source=source, field=field
            )
        return texts


def _problems(texts: LanguageTexts) -> Iterator[tuple[str, str]]:
    """(field, what is wrong and what to do) of all that does not go with the library."""
    yield from _unlike("cues", texts.cues, CUES, "cue of the engine")
    yield from _unlike("exercises", texts.exercises, dict.fromkeys(library_ids()), "template")
    for id, given in texts.exercises.items():
        if id not in library_ids():
            continue
        template = ExerciseTemplate.load(id)
        field = f"exercises.{id}"
        notes = {slot: place.note for slot, place in template.sensors.items() if place.note}
        cues = {each.name: each.cue for each in template.compensations}
        yield from _unlike(f"{field}.sensors", given.sensors, notes, "note on a sensor")
        yield from _unlike(f"{field}.compensations", given.compensations, cues, "cue")
        here, there = len(given.instructions), len(template.instructions)
        if here != there:
            yield (
                f"{field}.instructions",
                f"the template has {there} and this has {here}; translate one by one",
            )


def _unlike(
    field: str, given: Mapping[str, Any], wanted: Mapping[str, Any], what: str
) -> Iterator[tuple[str, str]]:
    for key in given:
        if key not in wanted:
            yield (
                f"{field}.{key}",
                f"there is no such {what}; check its spelling, or remove it",
            )
    for key in wanted:
        if key not in given:
            yield f"{field}.{key}", f"this {what} has no text; add it"


def languages() -> tuple[str, ...]:
    """Codes of the languages that the library speaks, English first."""
    names = (entry.name for entry in library_folder().joinpath("texts").iterdir())
    others = sorted(name.removesuffix(".yaml") for name in names if name.endswith(".yaml"))
    return (ENGLISH, *others)


@cache
def texts_in(language: str) -> LanguageTexts:
    """The texts of a language other than English; raises TemplateError when there are none."""
    if language == ENGLISH or language not in languages():
        raise TemplateError(
            TemplateFault.NOT_FOUND,
            f"There are no texts in {language!r} beside the English ones of the templates; choose "
            f"{', '.join(languages())}.",
            source=language,
        )
    source = f"{language}.yaml"
    text = library_folder().joinpath("texts", source).read_text("utf-8")
    texts = LanguageTexts.from_document(read_yaml(text, source), source=source)
    if texts.language != language:
        raise TemplateError(
            TemplateFault.INVALID,
            f"{source}: language: this is {texts.language!r}; a file is named after its language.",
            source=source,
            field="language",
        )
    return texts


def cues_in(language: str) -> Mapping[str, str]:
    """The engine's own cues by code; those of compensations stand in the template."""
    return CUES if language == ENGLISH else texts_in(language).cues


def in_language(template: ExerciseTemplate, language: str) -> ExerciseTemplate:
    """`template` with the library's texts in `language`.

    Where a prescription has other words than the library's template of that id, they stay; so does
    a template that is not of the library.
    """
    if language == ENGLISH:
        return template
    texts = texts_in(language).exercises.get(template.id)
    if texts is None:
        return template
    own = ExerciseTemplate.load(template.id)
    plain = {
        field: getattr(texts, field)
        for field in ("name", "instructions", "cannot_see")
        if getattr(template, field) == getattr(own, field)
    }
    cues = {each.name: each.cue for each in own.compensations}
    return template.model_copy(
        update={
            **plain,
            "sensors": {
                slot: place.model_copy(update={"note": texts.sensors[slot]})
                if slot in texts.sensors and place.note == own.sensors[slot].note
                else place
                for slot, place in template.sensors.items()
            },
            "compensations": [
                each.model_copy(update={"cue": texts.compensations[each.name]})
                if cues.get(each.name) == each.cue
                else each
                for each in template.compensations
            ],
        }
    )
