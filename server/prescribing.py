"""A template and what differs for one patient and side, as one valid template.

Knows documents; where they are kept is `store`'s. Validation is `motion.template`'s.
"""

from collections.abc import Mapping
from typing import Any

from motion.errors import TemplateError
from motion.template import ExerciseTemplate
from server.errors import RequestError, RequestFault


def sides(template: ExerciseTemplate) -> tuple[str, ...]:
    """Sides that a template is prescribed for; one that takes turns treats both alike."""
    if template.side in ("left", "right"):
        return (template.side,)
    return ("none",) if template.side == "alternate" else ("none", "left", "right")


def prescribed(
    document: Mapping[str, Any], overrides: Mapping[str, Any], side: str
) -> ExerciseTemplate:
    """The template as it is to be done; what is set for no side holds for a side too.

    Raises RequestError that names the field.
    """
    merged = dict(document)
    for each in dict.fromkeys(("none", side)):
        for name, fields in overrides.get(each, {}).items():
            merged[name] = {**merged.get(name, {}), **fields}
    try:
        return ExerciseTemplate.from_document(merged, source=f"overrides.{side}")
    except TemplateError as error:
        raise RequestError(RequestFault.INVALID, str(error)) from None


def checked(document: Mapping[str, Any], overrides: Mapping[str, Any]) -> None:
    """Raises RequestError where a side or a field of the overrides does not go with it."""
    allowed = sides(ExerciseTemplate.from_document(dict(document)))
    for side in overrides:
        if side not in allowed:
            raise RequestError(
                RequestFault.INVALID,
                f"overrides.{side}: this exercise is prescribed for {' or '.join(allowed)}.",
            )
    for side in allowed:
        prescribed(document, overrides, side)
