"""The exercise library, in a language, with the figure of each exercise."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel

from motion.template import ExerciseTemplate, library_ids
from motion.texts import in_language
from server.access import SIGNED_IN, Visit
from server.api import allowed
from server.api.accounts import Language
from server.drawing import animated_svg
from server.errors import RequestError, RequestFault

router = APIRouter(prefix="/api/exercises", tags=["exercises"])


class Exercise(BaseModel):
    """range, tempo, dose: the template's targets, in degrees and seconds."""

    id: str
    version: int
    name: str
    region: str
    position: str
    side: str
    sensors: list[str]
    range: dict[str, Any]
    tempo: dict[str, Any]
    dose: dict[str, Any]
    instructions: list[str]
    cannot_see: str
    figure: str | None


def _shown(template: ExerciseTemplate) -> Exercise:
    document = template.document()
    return Exercise(
        **{
            name: document[name]
            for name in (
                "id", "version", "name", "region", "position", "side", "range", "tempo", "dose",
                "instructions", "cannot_see",
            )
        },
        sensors=list(template.slots),
        figure=None if template.figure is None else f"/api/exercises/{template.id}/figure.svg",
    )  # fmt: skip


def _of_library(exercise_id: str) -> ExerciseTemplate:
    if exercise_id not in library_ids():
        raise RequestError(
            RequestFault.NOT_FOUND, "There is no such exercise; see /api/exercises for all ids."
        )
    return ExerciseTemplate.load(exercise_id)


Wanted = Annotated[Language | None, Query(description="The user's own language by default.")]


@router.get("")
def list_exercises(
    visit: Annotated[Visit, allowed(SIGNED_IN)], language: Wanted = None
) -> list[Exercise]:
    """All exercises of the library."""
    wanted = language or visit.user.language
    return [_shown(in_language(ExerciseTemplate.load(each), wanted)) for each in library_ids()]


@router.get("/{exercise_id}")
def read_exercise(
    visit: Annotated[Visit, allowed(SIGNED_IN)], exercise_id: str, language: Wanted = None
) -> Exercise:
    """One exercise of the library."""
    return _shown(in_language(_of_library(exercise_id), language or visit.user.language))


@router.get(
    "/{exercise_id}/figure.svg",
    response_class=Response,
    responses={200: {"content": {"image/svg+xml": {}}}},
)
def draw_exercise(visit: Annotated[Visit, allowed(SIGNED_IN)], exercise_id: str) -> Response:
    """The exercise as a moving figure."""
    template = _of_library(exercise_id)
    if template.figure is None:
        raise RequestError(RequestFault.NOT_FOUND, "This exercise has no figure; show its texts.")
    return Response(animated_svg(template), media_type="image/svg+xml")
