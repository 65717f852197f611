"""The layout of a packet: its parts in order, their types, scales and units.

What the bytes are worth is worked out by `devices.layout`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Final, Literal, Self

from pydantic import Field, field_validator, model_validator

from firmware_profiles import byte_pattern, expression
from firmware_profiles.part import ImpossibleError, Name, Part, alternatives, constant, near
from firmware_profiles.quantity import QUANTITIES

WIDTHS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "i8": 1, "u8": 1, "i16": 2, "u16": 2, "i24": 3, "u24": 3, "i32": 4, "u32": 4,
        "i64": 8, "u64": 8, "f32": 4, "f64": 8,
    }
)  # fmt: skip
"""Bytes of every type but bit fields."""

_NUMBER_TYPE: Final = re.compile(r"[iu]([1-9]|[1-5][0-9]|6[0-4])|f32|f64")
_TABLE: Final = re.compile("[a-z][a-z0-9_]*")
_AXES: Final = re.compile(r"[+-]?[xyz](\s+[+-]?[xyz]){2}")


# Bits are gathered in 64-bit numbers, of which up to seven on either side belong to neighbours.
WIDEST_BIT_FIELD: Final = 48


class Value(Part):
    """One part of a packet: a `field`, a `constant` to match, or bytes to `skip`.

    field: a quantity of `quantity.QUANTITIES`, or any other name for a whole number that the mode's
    timestamp or counter refers to. type: i8 u8 i16 u16 i24 u24 i32 u32 i64 u64 f32 f64; in packets
    of bits any i1 to u64. endian: of this field, else the packet's. value = (raw * scale + offset)
    in `unit`; scale: number, quotient such as 16/32768, or a table. axes: which axis of the device
    is x, y and z, e.g. "+y -x +z". order: components of a quaternion as sent.
    """

    field: Name | None = None
    constant: str | None = None
    skip: int | None = Field(default=None, ge=1, le=4096)
    type: str = ""
    endian: Literal["little", "big"] | None = None
    scale: str | float = 1.0
    offset: float = Field(default=0.0, ge=-1e9, le=1e9)
    unit: str = ""
    axes: str = "+x +y +z"
    order: Literal["wxyz", "xyzw"] = "wxyz"

    @field_validator("constant")
    @classmethod
    def _is_constant(cls, value: str | None) -> str | None:
        return None if value is None else constant(value)

    @field_validator("axes")
    @classmethod
    def _is_axes(cls, value: str) -> str:
        if not _AXES.fullmatch(value) or len(set(re.findall("[xyz]", value))) != 3:
            raise ValueError("give three axes with their signs, each once, as +y -x +z")
        return value

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = [self.field is not None, self.constant is not None, self.skip is not None]
        if sum(given) != 1:
            raise ValueError("give exactly one of field, constant and skip")
        if self.field is None:
            return self
        if not _NUMBER_TYPE.fullmatch(self.type):
            raise ImpossibleError(
                "type", f"{self.type!r} is no type of a number{near(self.type, WIDTHS)}"
            )
        quantity = QUANTITIES.get(self.field)
        if quantity is None:
            if self.unit or self.scale != 1.0 or self.offset != 0.0:
                raise ImpossibleError(
                    "field",
                    f"{self.field!r} is no quantity that has a unit{near(self.field, QUANTITIES)}",
                )
            if self.type.startswith("f"):
                raise ImpossibleError("type", f"{self.field!r} is counted in whole numbers")
        elif self.unit not in quantity.units:
            raise ImpossibleError(
                "unit",
                f"{self.unit!r} is no unit of {self.field}; give {alternatives(quantity.units)}",
            )
        if self.scale_table is None:
            expression.value(self.scale)
        return self

    @property
    def scale_table(self) -> str | None:
        """Name of the table that holds the scale; None where the scale is given here."""
        named = isinstance(self.scale, str) and _TABLE.fullmatch(self.scale) and self.scale != "pi"
        return str(self.scale) if named else None

    @property
    def is_quantity(self) -> bool:
        """Whether it is measured, and not a time or number of the packet."""
        return self.field in QUANTITIES

    @property
    def components(self) -> int:
        """Numbers that follow each other in this field."""
        quantity = QUANTITIES.get(self.field or "")
        return 1 if quantity is None else quantity.components

    @property
    def constant_bytes(self) -> bytes:
        return byte_pattern.filled(self.constant, {})[0] if self.constant else b""

    @property
    def component_bits(self) -> int:
        """Width of one component."""
        return int(self.type[1:])

    @property
    def bits(self) -> int:
        """Width of the whole part; `skip` counts bytes."""
        if self.constant is not None:
            return 8 * len(self.constant_bytes)
        if self.skip is not None:
            return 8 * self.skip
        return self.component_bits * self.components

    @property
    def axis_map(self) -> tuple[tuple[int, int], ...]:
        """For x, y and z of the sensor frame: (component of the device, sign)."""
        return tuple(
            ("xyz".index(axis[-1]), -1 if axis.startswith("-") else 1) for axis in self.axes.split()
        )


class Repeat(Part):
    """Samples that follow each other in a packet.

    order: `interleaved` has all fields of a sample together, `blocks` all samples of a field.
    count: of samples; by default as many as the packet has room for.
    """

    order: Literal["interleaved", "blocks"] = "interleaved"
    count: int | None = Field(default=None, ge=1, le=256)
    fields: list[Value] = Field(min_length=1)


class Checksum(Part):
    """kind `sum8`: the byte at `at` is the sum of all others from `first` on, modulo 256.

    at: counted from 0, or from the end with -1 for the last byte.
    """

    kind: Literal["sum8"]
    at: int = Field(ge=-byte_pattern.LONGEST_VALUE, lt=byte_pattern.LONGEST_VALUE)
    first: int = Field(ge=0, lt=byte_pattern.LONGEST_VALUE)


class PacketLayout(Part):
    """One kind of packet of one characteristic.

    Its parts in order: header, repeat, trailer. Constants of the header tell the kinds of packets
    of one characteristic apart. packing: `bytes`, or `bits` for parts that follow each other from
    the highest bit on, in big-endian order. padding: zero bytes that may follow. continuation: how
    the second packet of a sample begins where one is not enough. framing: the characteristic is a
    stream of such packets, cut anywhere; each begins with the header's first constant. ignored: a
    packet that is known and holds nothing of interest.
    """

    characteristic: Name
    endian: Literal["little", "big"] = "little"
    packing: Literal["bytes", "bits"] = "bytes"
    header: list[Value] = Field(default_factory=list)
    repeat: Repeat | None = None
    trailer: list[Value] = Field(default_factory=list)
    padding: int = Field(default=0, ge=0, lt=byte_pattern.LONGEST_VALUE)
    continuation: str | None = None
    framing: bool = False
    checksum: Checksum | None = None
    ignored: bool = False

    @field_validator("continuation")
    @classmethod
    def _is_constant(cls, value: str | None) -> str | None:
        return None if value is None else constant(value)

    @model_validator(mode="after")
    def _possible(self) -> Self:
        values = list(self.values())
        if not values:
            raise ImpossibleError("header", "the packet has no parts; give header or repeat")
        names = [value.field for value in values if value.field is not None]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise ImpossibleError("header", f"{twice[0]!r} stands twice in one packet")
        if self.packing == "bits":
            if self.repeat is not None or self.trailer:
                raise ImpossibleError("packing", "a packet of bits has a header alone")
            wide = next(
                (v for v in values if v.field and v.component_bits > WIDEST_BIT_FIELD), None
            )
            if wide is not None:
                raise ImpossibleError(
                    "packing", f"{wide.field!r} has more than {WIDEST_BIT_FIELD} bits"
                )
            position = 0
            for value in values:
                if value.constant is not None and position % 8:
                    raise ImpossibleError("header", "a constant begins with a whole byte")
                position += value.bits
        else:
            odd = next((v for v in values if v.field is not None and v.type not in WIDTHS), None)
            if odd is not None:
                raise ImpossibleError(
                    "packing", f"{odd.type!r} is no whole number of bytes; say `packing: bits`"
                )
        if self.repeat is not None and any(value.constant for value in self.repeat.fields):
            raise ImpossibleError("repeat", "constants stand in header and trailer")
        for name in (value.field for value in (*self.header, *self.trailer)):
            if self.repeat is not None and name in QUANTITIES:
                raise ImpossibleError("repeat", f"{name!r} belongs into repeat, with the samples")
        if self.framing and not (
            self.header and self.header[0].constant and self.length(1) is not None
            and (self.repeat is None or self.repeat.count is not None)
        ):  # fmt: skip
            raise ImpossibleError(
                "framing", "packets in a stream begin with a constant and have one length"
            )
        if self.framing and (self.padding or self.continuation):
            raise ImpossibleError("framing", "packets in a stream have no padding or second part")
        if self.continuation is not None and not (self.header and self.header[0].constant):
            raise ImpossibleError("continuation", "the first part has to begin with a constant")
        checksum = self.checksum
        shortest = self.length(1)
        if checksum is not None and not (
            -shortest <= checksum.at < shortest and checksum.first < shortest
        ):
            raise ImpossibleError("checksum", "it lies outside the packet")
        if self.length(1) > byte_pattern.LONGEST_VALUE:
            raise ImpossibleError(
                "header", "the packet is longer than 512 bytes, the longest value"
            )
        return self

    def values(self) -> Iterator[Value]:
        """All parts in order, those of one repeat once."""
        yield from self.header
        if self.repeat is not None:
            yield from self.repeat.fields
        yield from self.trailer

    @property
    def quantities(self) -> list[str]:
        """Names of the quantities in it, in the order of the packet."""
        return [value.field for value in self.values() if value.field and value.is_quantity]

    @property
    def constants(self) -> list[tuple[int, bytes]]:
        """The header's constants, (offset in bytes, bytes): what tells this packet from others."""
        return constants(self.header)

    def length(self, samples: int) -> int:
        """Bytes of a packet with that many samples, without padding."""
        bits = sum(value.bits for value in (*self.header, *self.trailer))
        if self.repeat is not None:
            count = samples if self.repeat.count is None else self.repeat.count
            bits += count * sum(value.bits for value in self.repeat.fields)
        return (bits + 7) // 8


def constants(values: Iterable[Value]) -> list[tuple[int, bytes]]:
    """The constants among parts that follow each other, (offset in bytes, bytes)."""
    found, bits = [], 0
    for value in values:
        if value.constant is not None:
            found.append((bits // 8, value.constant_bytes))
        bits += value.bits
    return found
