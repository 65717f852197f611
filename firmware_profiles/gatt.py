"""How a sensor is recognised, what it offers, and what is read of it once."""

import re
from collections.abc import Iterable
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from firmware_profiles import byte_pattern
from firmware_profiles.packet_layout import WIDTHS
from firmware_profiles.part import Name, Part, Property, Uuid, constant, full_uuid


class Advertisement(Part):
    """What a sensor sends before it is connected; any one of them is enough.

    names: regular expressions for the whole name. services: UUIDs. manufacturer_ids: company ids
    of the Bluetooth SIG.
    """

    names: list[str] = Field(default_factory=list)
    services: list[Uuid] = Field(default_factory=list)
    manufacturer_ids: list[Annotated[int, Field(ge=0, le=0xFFFF)]] = Field(default_factory=list)

    @field_validator("names")
    @classmethod
    def _readable(cls, value: list[str]) -> list[str]:
        for each in value:
            try:
                re.compile(each)
            except re.error as error:
                raise ValueError(f"{each!r} is no regular expression ({error})") from None
        return value

    @model_validator(mode="after")
    def _recognisable(self) -> Self:
        if not (self.names or self.services or self.manufacturer_ids):
            raise ValueError("give names, services or manufacturer_ids, or no sensor is recognised")
        return self

    def recognises(
        self,
        name: str | None,
        service_uuids: Iterable[str] = (),
        manufacturer_ids: Iterable[int] = (),
    ) -> bool:
        """Whether an advertisement is one of this model. service_uuids: of any length and case."""
        if name is not None and any(re.fullmatch(each, name) for each in self.names):
            return True
        if {full_uuid(each) for each in service_uuids} & set(self.services):
            return True
        return bool(set(manufacturer_ids) & set(self.manufacturer_ids))


class Characteristic(Part):
    """value: what an emulated sensor answers when it is read, as bytes."""

    uuid: Uuid
    properties: list[Property] = Field(min_length=1)
    value: str = ""

    @field_validator("value")
    @classmethod
    def _is_constant(cls, value: str) -> str:
        return constant(value) if value else value

    @property
    def initial(self) -> bytes:
        """`value` as bytes, empty where there is none."""
        return byte_pattern.filled(self.value, {})[0] if self.value else b""


class Service(Part):
    uuid: Uuid
    characteristics: dict[Name, Characteristic] = Field(min_length=1)


class Reading(Part):
    """A value that is read once: battery (percent) or firmware version (text).

    offset: of its first byte. type: number type, or `text` for what is left of the value.
    """

    characteristic: Name
    offset: int = Field(default=0, ge=0, lt=byte_pattern.LONGEST_VALUE)
    type: Literal["u8", "u16", "text"] = "u8"

    def read(self, data: bytes) -> int | str | None:
        """The value in `data`; None where it is too short."""
        part = data[self.offset :]
        if self.type == "text":
            text = part.split(b"\x00")[0].decode("utf-8", "replace").strip()
            return text or None
        width = WIDTHS[self.type]
        return int.from_bytes(part[:width], "little") if len(part) >= width else None
