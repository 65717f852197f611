"""The firmware profile: how a sensor model is recognised, started, stopped and read.

YAML written by a person from a data sheet, validated here, once, into typed objects. Bytes to
write are put together in `byte_pattern`; what the bytes of a packet are worth is worked out by
`devices.codec`.
"""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from firmware_profiles import byte_pattern, expression
from firmware_profiles.document import DocumentError, Where, read_document
from firmware_profiles.errors import ProfileError, ProfileFault
from firmware_profiles.library import is_profile_id, library_text
from firmware_profiles.quantity import QUANTITIES
from firmware_profiles.steps import Action, Expect, Read, Subscribe, Unsubscribe, Wait, Write

# A person's slow movements hold what matters below some 10 Hz; half a rate has to be above that.
LEAST_TRACKING_RATE_HZ: Final = 25.0

# The longest profile of the library has some 8 kB; a hundred times that is another kind of file.
LARGEST_PROFILE_BYTES: Final = 800_000

BLUETOOTH_BASE: Final = "-0000-1000-8000-00805f9b34fb"
_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")

WIDTHS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "i8": 1, "u8": 1, "i16": 2, "u16": 2, "i24": 3, "u24": 3, "i32": 4, "u32": 4,
        "i64": 8, "u64": 8, "f32": 4, "f64": 8,
    }
)  # fmt: skip
"""Bytes of every type but bit fields."""

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


def _check_uuid(value: str) -> str:
    if not _UUID.fullmatch(value):
        raise ValueError("a UUID has four or 32 hexadecimal digits, as 180f, or 8-4-4-4-12")
    return value


Uuid = Annotated[str, BeforeValidator(full_uuid), Field(min_length=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ImpossibleError(ValueError):
    """What single fields allow and the whole profile does not; `field` is to blame."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def _pattern(value: str) -> str:
    byte_pattern.names(value)
    return value


def _constant(value: str) -> str:
    _, mask = byte_pattern.filled(value, {})
    if 0 in mask:
        raise ValueError("?? stands for any byte, which is possible in `expect` alone")
    return value


# --- how it is recognised, what it offers


class Advertisement(_Part):
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

    @field_validator("services")
    @classmethod
    def _uuids(cls, value: list[str]) -> list[str]:
        return [_check_uuid(each) for each in value]

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


class Characteristic(_Part):
    """value: what an emulated sensor answers when it is read, as bytes."""

    uuid: Uuid
    properties: list[Property] = Field(min_length=1)
    value: str = ""

    @field_validator("uuid")
    @classmethod
    def _is_uuid(cls, value: str) -> str:
        return _check_uuid(value)

    @field_validator("value")
    @classmethod
    def _is_constant(cls, value: str) -> str:
        return _constant(value) if value else value

    @property
    def initial(self) -> bytes:
        """`value` as bytes, empty where there is none."""
        return byte_pattern.filled(self.value, {})[0] if self.value else b""


class Service(_Part):
    uuid: Uuid
    characteristics: dict[Name, Characteristic] = Field(min_length=1)

    @field_validator("uuid")
    @classmethod
    def _is_uuid(cls, value: str) -> str:
        return _check_uuid(value)


class Reading(_Part):
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


# --- what is written


class Step(_Part):
    """One thing to do; exactly one of subscribe, unsubscribe, read, write, expect and wait_s.

    bytes: of a write, or with ?? for any byte of an expected reply, which may go on after them.
    response: whether a write is acknowledged; by default as the characteristic allows. reply: what
    an emulated sensor sends, where `bytes` does not say everything.
    """

    subscribe: Name | None = None
    unsubscribe: Name | None = None
    read: Name | None = None
    write: Name | None = None
    expect: Name | None = None
    wait_s: float | None = Field(default=None, gt=0, le=30)
    bytes: str | None = None
    response: bool | None = None
    timeout_s: float = Field(default=2.0, gt=0, le=30)
    reply: str | None = None

    @field_validator("bytes", "reply")
    @classmethod
    def _readable(cls, value: str | None) -> str | None:
        return None if value is None else _pattern(value)

    @model_validator(mode="after")
    def _one(self) -> Self:
        verbs = ("subscribe", "unsubscribe", "read", "write", "expect", "wait_s")
        given = [verb for verb in verbs if getattr(self, verb) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of {', '.join(verbs)}")
        if (self.bytes is not None) != (given[0] in ("write", "expect")):
            raise ImpossibleError("bytes", "bytes belong to write and expect, and to nothing else")
        if self.response is not None and self.write is None:
            raise ImpossibleError("response", "only a write has a response")
        if self.reply is not None and self.expect is None:
            raise ImpossibleError("reply", "only an expected reply has one")
        return self

    @property
    def characteristic(self) -> str | None:
        """Name of the characteristic that it is about."""
        return self.subscribe or self.unsubscribe or self.read or self.write or self.expect


class Parameter(_Part):
    """A choice that a person has beside mode and rate, such as a range."""

    title: str = Field(min_length=1, max_length=100)
    choices: list[float] = Field(min_length=1)
    default: float

    @model_validator(mode="after")
    def _among(self) -> Self:
        if self.default not in self.choices:
            raise ImpossibleError("default", "the default is none of the choices")
        return self


class Table(_Part):
    """What stands for each choice of a parameter, or each rate: bytes or a scale.

    by: `rate`, or a parameter. values: bytes as hexadecimal text, or a number or quotient.
    """

    by: Name
    values: dict[float, str | float] = Field(min_length=1)


# --- packets

_NUMBER_TYPE: Final = re.compile(r"[iu]([1-9]|[1-5][0-9]|6[0-4])|f32|f64")
_AXES: Final = re.compile(r"[+-]?[xyz](\s+[+-]?[xyz]){2}")


class Value(_Part):
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
    offset: float = 0.0
    unit: str = ""
    axes: str = "+x +y +z"
    order: Literal["wxyz", "xyzw"] = "wxyz"

    @field_validator("constant")
    @classmethod
    def _is_constant(cls, value: str | None) -> str | None:
        return None if value is None else _constant(value)

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
                "type", f"{self.type!r} is no type of a number{_near(self.type, WIDTHS)}"
            )
        quantity = QUANTITIES.get(self.field)
        if quantity is None:
            if self.unit or self.scale != 1.0 or self.offset != 0.0:
                raise ImpossibleError(
                    "field",
                    f"{self.field!r} is no quantity that has a unit{_near(self.field, QUANTITIES)}",
                )
            if self.type.startswith("f"):
                raise ImpossibleError("type", f"{self.field!r} is counted in whole numbers")
        elif self.unit not in quantity.units:
            raise ImpossibleError(
                "unit",
                f"{self.unit!r} is no unit of {self.field}; give {' or '.join(quantity.units)}",
            )
        if isinstance(self.scale, str) and not re.fullmatch("[a-z][a-z0-9_]*", self.scale):
            expression.value(self.scale)
        return self

    @property
    def is_quantity(self) -> bool:
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


class Repeat(_Part):
    """Samples that follow each other in a packet.

    order: `interleaved` has all fields of a sample together, `blocks` all samples of a field.
    count: of samples; by default as many as the packet has room for.
    """

    order: Literal["interleaved", "blocks"] = "interleaved"
    count: int | None = Field(default=None, ge=1, le=256)
    fields: list[Value] = Field(min_length=1)


class Checksum(_Part):
    """kind `sum8`: the byte at `at` is the sum of all bytes from `first` on, modulo 256."""

    kind: Literal["sum8"]
    at: int = Field(ge=0, lt=byte_pattern.LONGEST_VALUE)
    first: int = Field(ge=0, lt=byte_pattern.LONGEST_VALUE)


class PacketLayout(_Part):
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
        return None if value is None else _constant(value)

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
        """The header's constants as (offset in bytes, bytes): what tells this packet from others."""
        found, bits = [], 0
        for value in self.header:
            if value.constant is not None:
                found.append((bits // 8, value.constant_bytes))
            bits += value.bits
        return found

    def length(self, samples: int) -> int:
        """Bytes of a packet with that many samples, without padding."""
        bits = sum(value.bits for value in (*self.header, *self.trailer))
        if self.repeat is not None:
            count = samples if self.repeat.count is None else self.repeat.count
            bits += count * sum(value.bits for value in self.repeat.fields)
        return (bits + 7) // 8


class Timestamp(_Part):
    """The device's clock in a packet. unit_s: of one tick. width_bits: after which it wraps.

    refers_to: the sample of the packet that it belongs to.
    """

    field: Name
    unit_s: float = Field(gt=0, le=1)
    width_bits: int = Field(ge=4, le=64)
    refers_to: Literal["first", "last"] = "first"


class SequenceCounter(_Part):
    """A number in a packet that grows by one a packet, or by one a sample."""

    field: Name
    width_bits: int = Field(ge=2, le=64)
    counts: Literal["packets", "samples"] = "packets"


class CodecChoice(_Part):
    """Code that decodes what no layout can describe: a module of `devices.codecs`.

    characteristics: those whose packets it gets. quantities: what it decodes.
    """

    name: Name
    characteristics: list[Name] = Field(min_length=1)
    quantities: list[Name] = Field(min_length=1)
    options: dict[Name, str | float | list[float]] = Field(default_factory=dict)

    @field_validator("quantities")
    @classmethod
    def _known(cls, value: list[str]) -> list[str]:
        for each in value:
            if each not in QUANTITIES:
                raise ValueError(f"{each!r} is no quantity{_near(each, QUANTITIES)}")
        return value


class Mode(_Part):
    """One way to run the sensor.

    rates_hz: samples a second that can be asked for. joined: a sample is spread over one packet of
    every layout, which are paired in the order of arrival. samples_per_packet: nominal, one number
    or one a rate. decode_only: its packets are understood, but no exercise is tracked with it.
    """

    title: str = Field(min_length=1, max_length=120)
    rates_hz: list[Annotated[float, Field(gt=0, le=10_000)]] = Field(min_length=1)
    default_rate_hz: float
    packets: list[PacketLayout] = Field(default_factory=list)
    joined: bool = False
    codec: CodecChoice | None = None
    timestamp: Timestamp | None = None
    counter: SequenceCounter | None = None
    samples_per_packet: int | dict[float, int] = 1
    start: list[Step] = Field(default_factory=list)
    stop: list[Step] = Field(default_factory=list)
    decode_only: bool = False
    note: str = ""

    @field_validator("samples_per_packet")
    @classmethod
    def _positive(cls, value: int | dict[float, int]) -> int | dict[float, int]:
        if min(value.values() if isinstance(value, dict) else [value], default=0) < 1:
            raise ValueError("a packet has at least one sample")
        return value

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.default_rate_hz not in self.rates_hz:
            raise ImpossibleError("default_rate_hz", "the default is none of rates_hz")
        if bool(self.packets) == (self.codec is not None):
            raise ImpossibleError("packets", "give either packets or a codec")
        if isinstance(self.samples_per_packet, dict):
            missing = set(self.rates_hz) - set(self.samples_per_packet)
            if missing:
                raise ImpossibleError(
                    "samples_per_packet", f"no number for {min(missing):g} Hz; give one a rate"
                )
        if self.codec is None:
            self._check_packets()
        return self

    def _check_packets(self) -> None:
        if not self.quantities:
            raise ImpossibleError("packets", "no packet has a quantity; name a field acc or gyr")
        useful = [layout for layout in self.packets if not layout.ignored]
        for field, wanted in (("timestamp", self.timestamp), ("counter", self.counter)):
            if wanted is None:
                continue
            held = [
                {v.field for v in (*layout.header, *layout.trailer) if v.field} for layout in useful
            ]
            if self.joined and any(wanted.field in names for names in held):
                continue
            if not all(wanted.field in names for names in held):
                known = sorted(set().union(*held) - set(QUANTITIES))
                raise ImpossibleError(
                    field, f"no field {wanted.field!r} in the packet{_near(wanted.field, known)}"
                )
        if self.joined:
            names = [name for layout in useful for name in layout.quantities]
            if len(useful) < 2 or len(set(names)) != len(names):
                raise ImpossibleError(
                    "joined", "two or more packets with different quantities can be joined"
                )

    @property
    def quantities(self) -> list[str]:
        """Names of what it measures."""
        if self.codec is not None:
            return list(self.codec.quantities)
        return list(dict.fromkeys(name for each in self.packets for name in each.quantities))

    @property
    def tracking(self) -> bool:
        """Whether exercises can be tracked with it, at one of its rates at least."""
        return any(self.why_not(rate_hz) is None for rate_hz in self.rates_hz)

    def why_not(self, rate_hz: float | None = None) -> str | None:
        """Why exercises cannot be tracked with it, in a sentence; None where they can."""
        rate_hz = self.default_rate_hz if rate_hz is None else rate_hz
        missing = [name for name in ("acc", "gyr") if name not in self.quantities]
        if missing:
            words = " and ".join(
                {"acc": "acceleration", "gyr": "angular rate"}[name] for name in missing
            )
            return (
                f"Tracking needs acceleration and angular rate, and this mode sends no {words}; "
                f"choose a mode with both, or another sensor."
            )
        if rate_hz < LEAST_TRACKING_RATE_HZ:
            faster = [rate for rate in self.rates_hz if rate >= LEAST_TRACKING_RATE_HZ]
            hint = f"choose {min(faster):g} Hz or more" if faster else "choose another sensor"
            return (
                f"Tracking needs {LEAST_TRACKING_RATE_HZ:g} samples a second, and these are "
                f"{rate_hz:g}; {hint}."
            )
        if self.decode_only:
            return (
                "This mode is decoded for whoever looks at its packets, and exercises are not "
                "tracked with it; choose another mode."
            )
        return None

    def samples_at(self, rate_hz: float) -> int:
        """Nominal samples of a packet at a rate."""
        if isinstance(self.samples_per_packet, dict):
            return self.samples_per_packet[rate_hz]
        return self.samples_per_packet


# --- the whole


class Profile(_Part):
    """One sensor model, fully checked.

    status: `experimental` where a scale or layout is not confirmed; `unconfirmed` says what, in
    sentences. services: everything of the device that is used, by names that steps and packets
    refer to. mtu: least that its packets need.
    """

    id: Id
    name: str = Field(min_length=1, max_length=80)
    vendor: str = Field(min_length=1, max_length=80)
    status: Literal["confirmed", "experimental"]
    unconfirmed: list[str] = Field(default_factory=list)
    sources: list[str] = Field(min_length=1)
    note: str = ""
    advertisement: Advertisement
    mtu: int = Field(default=23, ge=23, le=517)
    services: dict[Name, Service] = Field(min_length=1)
    parameters: dict[Name, Parameter] = Field(default_factory=dict)
    tables: dict[Name, Table] = Field(default_factory=dict)
    modes: dict[Id, Mode] = Field(min_length=1)
    default_mode: Id
    battery: Reading | None = None
    firmware: Reading | None = None
    identify: list[Step] = Field(default_factory=list)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.status == "experimental") != bool(self.unconfirmed):
            raise ImpossibleError(
                "unconfirmed", "an experimental profile, and no other, says what is unconfirmed"
            )
        if self.default_mode not in self.modes:
            raise ImpossibleError(
                "default_mode", f"there is no mode {self.default_mode!r}"
                f"{_near(self.default_mode, self.modes)}",
            )  # fmt: skip
        names = [name for service in self.services.values() for name in service.characteristics]
        uuids = [each.uuid for each in self.characteristics.values()]
        for kind, given in (("name", names), ("UUID", uuids)):
            twice = next((each for each in given if given.count(each) > 1), None)
            if twice is not None:
                raise ImpossibleError("services", f"the {kind} {twice!r} is given twice")
        self._check_tables()
        for where, name in self._referred():
            if name not in self.characteristics:
                raise ImpossibleError(
                    where, f"there is no characteristic {name!r}{_near(name, self.characteristics)}"
                )
        for where, steps in self._all_steps():
            self._check_steps(where, steps)
        self._check_scales()
        return self

    # --- checks

    def _check_tables(self) -> None:
        clash = set(self.tables) & ({"rate"} | set(self.parameters))
        if clash:
            raise ImpossibleError(
                f"tables.{min(clash)}", "a parameter has this name already; choose another"
            )
        for name, table in self.tables.items():
            if table.by != "rate" and table.by not in self.parameters:
                known = ["rate", *self.parameters]
                raise ImpossibleError(
                    f"tables.{name}.by",
                    f"there is no parameter {table.by!r}{_near(table.by, known)}",
                )
            if table.by in self.parameters:
                missing = set(self.parameters[table.by].choices) - set(table.values)
                if missing:
                    raise ImpossibleError(
                        f"tables.{name}.values", f"nothing stands for {min(missing):g}; add it"
                    )

    def _referred(self) -> Iterator[tuple[str, str]]:
        for part in ("battery", "firmware"):
            reading = getattr(self, part)
            if reading is not None:
                yield f"{part}.characteristic", reading.characteristic
        for where, steps in self._all_steps():
            for index, step in enumerate(steps):
                if step.characteristic is not None:
                    verb = next(
                        verb
                        for verb in ("subscribe", "unsubscribe", "read", "write", "expect")
                        if getattr(step, verb) is not None
                    )
                    yield f"{where}.{index}.{verb}", step.characteristic
        for mode_id, mode in self.modes.items():
            for index, layout in enumerate(mode.packets):
                yield f"modes.{mode_id}.packets.{index}.characteristic", layout.characteristic
            for index, name in enumerate(mode.codec.characteristics if mode.codec else ()):
                yield f"modes.{mode_id}.codec.characteristics.{index}", name

    def _all_steps(self) -> Iterator[tuple[str, list[Step]]]:
        yield "identify", self.identify
        for mode_id, mode in self.modes.items():
            yield f"modes.{mode_id}.start", mode.start
            yield f"modes.{mode_id}.stop", mode.stop

    def _check_steps(self, where: str, steps: list[Step]) -> None:
        allowed = {
            "subscribe": {"notify", "indicate"}, "read": {"read"},
            "write": {"write", "write_without_response"}, "expect": {"notify", "indicate"},
        }  # fmt: skip
        for index, step in enumerate(steps):
            for verb, properties in allowed.items():
                name = getattr(step, verb)
                if name is not None and not properties & set(self.characteristics[name].properties):
                    raise ImpossibleError(
                        f"{where}.{index}.{verb}",
                        f"{name!r} has none of the properties {' or '.join(sorted(properties))}",
                    )
            mode_id = where.split(".")[1] if where.startswith("modes.") else self.default_mode
            for field in ("bytes", "reply"):
                pattern = getattr(step, field)
                if pattern is None:
                    continue
                for rate_hz in self.modes[mode_id].rates_hz:
                    for values in self._every_choice(rate_hz):
                        try:
                            _, mask = byte_pattern.filled(pattern, values)
                        except byte_pattern.BytePatternError as error:
                            raise ImpossibleError(f"{where}.{index}.{field}", str(error)) from None
                        if 0 in mask and (step.write is not None or field == "reply"):
                            raise ImpossibleError(
                                f"{where}.{index}.{field}", "?? is possible in `expect` alone"
                            )

    def _every_choice(self, rate_hz: float) -> Iterator[dict[str, str | float]]:
        """Each choice of each parameter once, the others at their defaults."""
        yield self.substitutions(rate_hz)
        for name, parameter in self.parameters.items():
            for choice in parameter.choices:
                yield self.substitutions(rate_hz, {name: choice})

    def _check_scales(self) -> None:
        for mode_id, mode in self.modes.items():
            for index, layout in enumerate(mode.packets):
                for value in layout.values():
                    if not isinstance(value.scale, str) or "/" in value.scale:
                        continue
                    where = f"modes.{mode_id}.packets.{index}"
                    if value.scale not in self.tables:
                        raise ImpossibleError(
                            where,
                            f"the scale {value.scale!r} is no table"
                            f"{_near(value.scale, self.tables)}",
                        )
                    try:
                        for entry in self.tables[value.scale].values.values():
                            expression.value(entry)
                    except ValueError as error:
                        raise ImpossibleError(f"tables.{value.scale}", str(error)) from None

    # --- lookups

    @property
    def characteristics(self) -> dict[str, Characteristic]:
        """All characteristics by name."""
        return {
            name: each
            for service in self.services.values()
            for name, each in service.characteristics.items()
        }

    def uuid(self, characteristic: str) -> str:
        """UUID of a characteristic by its name."""
        return self.characteristics[characteristic].uuid

    def recognises(
        self,
        name: str | None,
        service_uuids: Iterable[str] = (),
        manufacturer_ids: Iterable[int] = (),
    ) -> bool:
        """Whether an advertisement is one of this model."""
        return self.advertisement.recognises(name, service_uuids, manufacturer_ids)

    def mode(self, mode: str | None = None) -> Mode:
        """A mode by its id, by default the profile's own; raises ProfileError."""
        chosen = self.default_mode if mode is None else mode
        if chosen not in self.modes:
            raise ProfileError(
                ProfileFault.UNKNOWN_MODE,
                f"{self.id} has no mode {chosen!r}; choose one of {', '.join(self.modes)}.",
                path=self.id,
            )
        return self.modes[chosen]

    def rate_hz(self, mode: str | None = None, rate_hz: float | None = None) -> float:
        """A rate of a mode, by default the mode's own; raises ProfileError where it has none such."""
        chosen = self.mode(mode)
        if rate_hz is None:
            return chosen.default_rate_hz
        if rate_hz not in chosen.rates_hz:
            known = ", ".join(f"{each:g}" for each in chosen.rates_hz)
            raise ProfileError(
                ProfileFault.UNKNOWN_RATE,
                f"{self.id} does not send at {rate_hz:g} Hz in this mode; choose one of {known}.",
                path=self.id,
            )
        return float(rate_hz)

    def substitutions(
        self, rate_hz: float, parameters: Mapping[str, float] | None = None
    ) -> dict[str, str | float]:
        """What stands for each name in bytes and scales; raises ProfileError."""
        chosen: dict[str, float] = {name: each.default for name, each in self.parameters.items()}
        for name, value in (parameters or {}).items():
            if name not in self.parameters:
                raise ProfileError(
                    ProfileFault.UNKNOWN_PARAMETER,
                    f"{self.id} has no parameter {name!r}"
                    f"{_near(name, self.parameters) or '; see `gonio profiles show`'}.",
                    path=self.id,
                )
            if value not in self.parameters[name].choices:
                known = ", ".join(f"{each:g}" for each in self.parameters[name].choices)
                raise ProfileError(
                    ProfileFault.UNKNOWN_PARAMETER,
                    f"{self.id} has no {name} {value:g}; choose one of {known}.",
                    path=self.id,
                )
            chosen[name] = float(value)
        values: dict[str, str | float] = {"rate": rate_hz, **chosen}
        for name, table in self.tables.items():
            key = rate_hz if table.by == "rate" else chosen[table.by]
            if key in table.values:
                values[name] = table.values[key]
        return values

    def scale(self, value: Value, substitutions: Mapping[str, str | float]) -> float:
        """Factor of a field, before its unit."""
        if isinstance(value.scale, str) and value.scale in substitutions:
            return expression.value(substitutions[value.scale])
        return expression.value(value.scale)

    def steps(
        self,
        kind: Literal["start", "stop", "identify"],
        mode: str | None = None,
        rate_hz: float | None = None,
        parameters: Mapping[str, float] | None = None,
    ) -> list[Action]:
        """What to do, in order, with every byte in its place; raises ProfileError."""
        chosen = self.mode(mode)
        values = self.substitutions(self.rate_hz(mode, rate_hz), parameters)
        steps = {"start": chosen.start, "stop": chosen.stop, "identify": self.identify}[kind]
        return [self._action(step, values) for step in steps]

    def _action(self, step: Step, values: Mapping[str, str | float]) -> Action:
        if step.wait_s is not None:
            return Wait(step.wait_s)
        characteristic = self.characteristics[step.characteristic or ""]
        if step.subscribe is not None:
            return Subscribe(characteristic.uuid)
        if step.unsubscribe is not None:
            return Unsubscribe(characteristic.uuid)
        if step.read is not None:
            return Read(characteristic.uuid)
        data, mask = byte_pattern.filled(step.bytes or "", values)
        if step.write is not None:
            with_response = "write" in characteristic.properties
            return Write(
                characteristic.uuid,
                data,
                with_response if step.response is None else step.response,
            )
        reply = data if step.reply is None else byte_pattern.filled(step.reply, values)[0]
        return Expect(characteristic.uuid, data, mask, step.timeout_s, reply)

    # --- files

    @classmethod
    def load(cls, id_or_path: str | Path) -> Self:
        """A profile of the library by id, or any YAML file; raises ProfileError."""
        if is_profile_id(id_or_path):
            return cls.parse(library_text(str(id_or_path)), path=f"{id_or_path}.yaml")
        path = Path(id_or_path)
        try:
            if path.stat().st_size > LARGEST_PROFILE_BYTES:
                raise ProfileError(
                    ProfileFault.UNREADABLE,
                    f"{path} is larger than a profile can be; is it the right file?",
                    path=str(path),
                )
            text = path.read_text("utf-8")
        except FileNotFoundError:
            raise ProfileError(
                ProfileFault.NOT_FOUND,
                f"{path} does not exist; give a YAML file or an id of `gonio profiles list`.",
                path=str(path),
            ) from None
        except (OSError, ValueError) as error:
            raise ProfileError(
                ProfileFault.UNREADABLE,
                f"{path} cannot be read as UTF-8 text ({error}); give a YAML file.",
                path=str(path),
            ) from None
        return cls.parse(text, path=str(path))

    @classmethod
    def parse(cls, text: str, *, path: str) -> Self:
        """A profile from its YAML text; raises ProfileError with line and field."""
        try:
            document, lines = read_document(text)
        except DocumentError as error:
            where = "" if error.line is None else f" line {error.line}"
            raise ProfileError(
                ProfileFault.UNREADABLE,
                f"{path}{where}: {error}; correct the YAML there.",
                path=path,
                line=error.line,
            ) from None
        return cls.from_document(document, path=path, lines=lines)

    @classmethod
    def from_document(
        cls, document: Any, *, path: str = "profile", lines: Mapping[Where, int] | None = None
    ) -> Self:
        """Validate a parsed document; raises ProfileError naming the field."""
        if not isinstance(document, dict):
            raise ProfileError(
                ProfileFault.INVALID,
                f"{path}: a profile is a mapping of fields such as id, services and modes.",
                path=path,
            )
        try:
            return cls.model_validate(document)
        except ValidationError as error:
            raise _refusal(error, path, lines or {}) from None

    def document(self) -> dict[str, Any]:
        """A JSON-able mapping from which `from_document` makes an equal profile."""
        return self.model_dump(mode="json", exclude_none=True, exclude_defaults=True)


def _near(name: str, known: Iterable[str]) -> str:
    """A hint at what may be meant, or what there is."""
    known = list(known)
    near = difflib.get_close_matches(name, known, 1)
    if near:
        return f"; is {near[0]!r} meant?"
    return f"; there is {', '.join(known)}" if known and len(known) <= 12 else ""


def _field_names(model: type[BaseModel]) -> Sequence[str]:
    return list(model.model_fields)


_MODELS: Final = (
    Profile, Advertisement, Service, Characteristic, Reading, Step, Parameter, Table, Mode,
    PacketLayout, Repeat, Value, Checksum, Timestamp, SequenceCounter, CodecChoice,
)  # fmt: skip


def _refusal(error: ValidationError, path: str, lines: Mapping[Where, int]) -> ProfileError:
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
            names = missing + [each for model in _MODELS for each in _field_names(model)]
            near = difflib.get_close_matches(name, list(dict.fromkeys(names)), 1)
            hint = f"is {near[0]!r} meant?" if near else "check its spelling, or remove it"
            return f"there is no such field; {hint}"
        case "missing":
            return "this field is required; add it"
        case "literal_error":
            expected = re.findall(r"'([^']*)'", str(error["ctx"]["expected"]))
            near = difflib.get_close_matches(str(error.get("input")), expected, 1)
            hint = f"; is {near[0]!r} meant?" if near else ""
            return f"{error.get('input')!r} is none of {', '.join(expected)}{hint}"
        case _:
            message = str(error["msg"]).removeprefix("Value error, ").rstrip(".")
            given = repr(error.get("input"))
            return message if len(given) > 60 else f"{message} (given: {given})"
