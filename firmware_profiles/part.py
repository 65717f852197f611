"""What the models of a profile share: names, UUIDs, and errors that name the field to blame."""

import difflib
import re
from collections.abc import Iterable
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from firmware_profiles import byte_pattern

BLUETOOTH_BASE: Final = "-0000-1000-8000-00805f9b34fb"
_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")]
Property = Literal["read", "write", "write_without_response", "notify", "indicate"]


def full_uuid(value: Any) -> Any:
    """A UUID of 16, 32 or 128 bits as 128 bits in lower case; other values as they are."""
    if not isinstance(value, str | int) or isinstance(value, bool):
        return value
    text = str(value).lower()
    if len(text) in (4, 8) and all(digit in "0123456789abcdef" for digit in text):
        return text.rjust(8, "0") + BLUETOOTH_BASE
    return text


def _is_uuid(value: str) -> str:
    if not _UUID.fullmatch(value):
        raise ValueError("a UUID has four or 32 hexadecimal digits, as 180f, or 8-4-4-4-12")
    return value


Uuid = Annotated[str, BeforeValidator(full_uuid), AfterValidator(_is_uuid)]


class Part(BaseModel):
    """A mapping in a profile: no unknown fields, nothing to be changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ImpossibleError(ValueError):
    """What single fields allow and the whole profile does not; `field` is to blame."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def pattern(value: str) -> str:
    """`value` where it is a byte pattern; raises ValueError."""
    byte_pattern.names(value)
    return value


def constant(value: str) -> str:
    """`value` where it is a byte pattern without names and gaps; raises ValueError."""
    _, mask = byte_pattern.filled(value, {})
    if 0 in mask:
        raise ValueError(".. stands for any byte, which is possible in `expect` alone")
    return value


def near(name: str, known: Iterable[str]) -> str:
    """A hint at what may be meant, or what there is."""
    known = list(known)
    near = difflib.get_close_matches(name, known, 1)
    if near:
        return f"; perhaps {near[0]!r} is meant"
    return f"; there is {', '.join(known)}" if known and len(known) <= 12 else ""


def alternatives(names: Iterable[str]) -> str:
    """Names as a choice: a, b or c."""
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last
