"""What pydantic finds wrong with a profile, as one sentence with file, line and field."""

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from firmware_profiles.document import Where
from firmware_profiles.errors import ProfileError, ProfileFault
from firmware_profiles.part import ImpossibleError, Part


def refusal(error: ValidationError, path: str, lines: Mapping[Where, int]) -> ProfileError:
    """What pydantic found as one sentence that names file, line and field."""
    errors = error.errors(include_url=False)
    # A misspelt field is also missing under its right name; only the first tells why.
    first = next((each for each in errors if each["type"] == "extra_forbidden"), errors[0])
    where = _location(first["loc"], lines)
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, ImpossibleError):
        where = _location((*where, *cause.field.split(".")), lines)
    known = where
    while known and known not in lines:
        known = known[:-1]
    line = lines.get(known)
    field = ".".join(str(part) for part in where)
    missing = [str(each["loc"][-1]) for each in errors if each["type"] == "missing"]
    more = error.error_count() - 1
    also = f" (and {more} more)" if more else ""
    at = "" if line is None else f" line {line}"
    return ProfileError(
        ProfileFault.INVALID,
        f"{path}{at}: {field or 'profile'}: {_plain(first, missing)}{also}.",
        path=path,
        line=line,
        field=field or None,
    )


def _location(parts: Iterable[Any], lines: Mapping[Where, int]) -> Where:
    """pydantic's location as the document has it: numbers as list indices or numeric keys."""
    where: Where = ()
    for part in parts:
        digits = isinstance(part, str) and part.isdigit()
        candidates = [part, int(part)] if digits else [part]
        if part == "[key]":
            continue
        where = (*where, next((c for c in candidates if (*where, c) in lines), candidates[-1]))
    return where


def _plain(error: Any, missing: list[str]) -> str:
    """One plain sentence part from a pydantic error."""
    match error["type"]:
        case "extra_forbidden":
            name = str(error["loc"][-1])
            known = [each for model in Part.__subclasses__() for each in model.model_fields]
            near = difflib.get_close_matches(name, list(dict.fromkeys([*missing, *known])), 1)
            hint = f"perhaps {near[0]!r} is meant" if near else "check its spelling, or remove it"
            return f"there is no such field; {hint}"
        case "missing":
            return "this field is required; add it"
        case "literal_error":
            expected = re.findall(r"'([^']*)'", str(error["ctx"]["expected"]))
            near = difflib.get_close_matches(str(error.get("input")), expected, 1)
            hint = f"; perhaps {near[0]!r} is meant" if near else ""
            return f"{error.get('input')!r} is none of {', '.join(expected)}{hint}"
        case "string_type" if isinstance(error.get("input"), int | float):
            return f'this is text; put it in quotes, as "{error["input"]}"'
        case _:
            message = str(error["msg"]).removeprefix("Value error, ").rstrip(".")
            given = repr(error.get("input"))
            return message if len(given) > 60 else f"{message} (given: {given})"
