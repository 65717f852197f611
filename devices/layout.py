"""A packet layout compiled to strided views: bytes of many packets to arrays in one go.

Which packets have this layout, and what belongs together, is the business of `codec`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from devices.frame import Float64, Refusal
from firmware_profiles.byte_pattern import LONGEST_VALUE
from firmware_profiles.packet_layout import PacketLayout, Value, constants
from firmware_profiles.quantity import QUANTITIES
from firmware_profiles.schema import Profile

Bytes = NDArray[np.uint8]

# A packet in two parts is two of the longest values.
LONGEST_MESSAGE: Final = 2 * LONGEST_VALUE


@dataclass(frozen=True, slots=True)
class Decoded:
    """k packets of one layout and length.

    values: (k, n, components) each, SI units. ticks, counters: k numbers. fine: whether each of
    the packets can be used; reasons: why not, by index.
    """

    samples: int
    values: dict[str, Float64]
    ticks: list[int] | None
    counters: list[int] | None
    refused: dict[int, Refusal]


@dataclass(frozen=True, slots=True)
class _Field:
    """One field, ready to be read. offset: in bits from the start of header, repeat or trailer."""

    name: str
    value: Value
    offset: int
    dtype: np.dtype[Any]
    width: int
    components: int
    is_quantity: bool
    may_be_infinite: bool
    turned: bool
    factor: float
    added: float


class CompiledLayout:
    """Reads packets of one layout."""

    def __init__(
        self,
        layout: PacketLayout,
        profile: Profile,
        substitutions: Mapping[str, str | float],
        ticks: str | None,
        counter: str | None,
    ) -> None:
        """ticks, counter: names of the fields with the device's time and number."""
        self.layout = layout
        self.constants = constants(layout.header)
        self._bits = layout.packing == "bits"
        self._ticks, self._counter = ticks, counter

        def compiled(values: list[Value]) -> tuple[list[_Field], int]:
            fields, bits = [], 0
            for value in values:
                if value.field is not None:
                    fields.append(self._compiled(value, bits, profile, substitutions))
                bits += value.bits
            return fields, bits

        self._header, bits = compiled(layout.header)
        self._header_length = (bits + 7) // 8
        self._trailer, bits = compiled(layout.trailer)
        self._trailer_length = bits // 8
        self._trailer_constants = constants(layout.trailer)
        self._repeat, bits = compiled([] if layout.repeat is None else layout.repeat.fields)
        self._block_length = bits // 8
        self._blocks = layout.repeat is not None and layout.repeat.order == "blocks"
        every = (*self._header, *self._repeat, *self._trailer)
        # Whole numbers, scaled by what a profile can say, are always finite.
        self._floats = [each.name for each in every if each.is_quantity and each.may_be_infinite]

    def _compiled(
        self, value: Value, offset: int, profile: Profile, substitutions: Mapping[str, str | float]
    ) -> _Field:
        factor, added = 1.0, 0.0
        if value.is_quantity:
            unit = QUANTITIES[value.field or ""].units[value.unit]
            factor = profile.scale(value, substitutions) * unit
            added = value.offset * unit
        order = ">" if (value.endian or self.layout.endian) == "big" else "<"
        width = value.component_bits // 8
        if self._bits or width == 3:
            dtype = np.dtype(np.uint8)
        else:
            dtype = np.dtype(f"{order}{value.type[0]}{width}")
        return _Field(
            name=value.field or "",
            value=value,
            offset=offset,
            dtype=dtype,
            width=width,
            components=value.components,
            is_quantity=value.is_quantity,
            may_be_infinite=value.type.startswith("f"),
            turned=value.axes != "+x +y +z" or value.order != "wxyz",
            factor=factor,
            added=added,
        )

    def samples(self, length: int) -> int | None:
        """Samples in a packet of that many bytes; None where that is no whole number."""
        content = length - self._header_length - self._trailer_length
        repeat = self.layout.repeat
        if repeat is None:
            return 1 if 0 <= content <= self.layout.padding else None
        if repeat.count is not None:
            spare = content - repeat.count * self._block_length
            return repeat.count if 0 <= spare <= self.layout.padding else None
        whole, rest = divmod(content, self._block_length)
        return whole if whole >= 1 and rest == 0 else None

    def matches(self, packets: Bytes) -> NDArray[np.bool_]:
        """Which packets, (k, length), have the header's constants."""
        fits = np.ones(len(packets), np.bool_)
        for offset, constant in self.constants:
            part = packets[:, offset : offset + len(constant)]
            if part.shape[1] < len(constant):
                return np.zeros(len(packets), np.bool_)
            fits &= (part == np.frombuffer(constant, np.uint8)).all(axis=1)
        return fits

    def refusal(self, length: int) -> Refusal | None:
        """Why no packet of that many bytes has this layout; None where one can."""
        if length > LONGEST_MESSAGE:
            return Refusal.TOO_LONG
        if self.samples(length) is not None:
            return None
        repeat = self.layout.repeat
        if repeat is not None and repeat.count is None:
            return Refusal.TOO_SHORT
        return Refusal.TOO_SHORT if length < self.layout.length(1) else Refusal.TOO_LONG

    def decode(self, packets: Bytes) -> Decoded:
        """packets: (k, length), contiguous, with a length that `refusal` has nothing against."""
        length = packets.shape[1]
        samples = self.samples(length)
        if samples is None:
            raise ValueError(f"packets of {length} bytes do not have this layout")
        refused: dict[int, Refusal] = {}
        used = self._header_length + self._trailer_length
        used += 0 if self.layout.repeat is None else samples * self._block_length
        if used < length:
            self._refuse(refused, packets[:, used:].max(axis=1) != 0, Refusal.TOO_LONG)
        after = used - self._trailer_length
        for offset, constant in self._trailer_constants:
            part = packets[:, after + offset : after + offset + len(constant)]
            wrong = (part != np.frombuffer(constant, np.uint8)).any(axis=1)
            self._refuse(refused, wrong, Refusal.CONSTANT)
        checksum = self.layout.checksum
        if checksum is not None:
            place = checksum.at % used
            told = packets[:, place]
            total = packets[:, checksum.first :].sum(axis=1, dtype=np.uint64)
            if place >= checksum.first:
                total -= told
            wrong = np.not_equal(total & np.uint64(0xFF), told, dtype=np.bool_)
            self._refuse(refused, wrong, Refusal.CHECKSUM)

        values: dict[str, Float64] = {}
        whole: dict[str, list[int]] = {}
        for start, fields in ((0, self._header), (after, self._trailer)):
            for field in fields:
                raw = self._raw(packets, field, 8 * start + field.offset, 1, 0)
                if field.is_quantity:
                    values[field.name] = self._scaled(field, raw)
                elif field.name in (self._ticks, self._counter):
                    whole[field.name] = raw[:, 0, 0].tolist()
        for field in self._repeat:
            if not field.is_quantity:
                continue
            width = field.width * field.components
            offset = field.offset // 8
            step = width if self._blocks else self._block_length
            offset *= samples if self._blocks else 1
            raw = self._raw(packets, field, 8 * (self._header_length + offset), samples, step)
            values[field.name] = self._scaled(field, raw)
        for array in values.values():
            array.flags.writeable = False
        for name in self._floats:
            finite = np.isfinite(values[name])
            if not finite.all():
                self._refuse(refused, ~finite.all(axis=(1, 2)), Refusal.NOT_FINITE)
        return Decoded(
            samples,
            values,
            whole.get(self._ticks or ""),
            whole.get(self._counter or ""),
            refused,
        )

    @staticmethod
    def _refuse(refused: dict[int, Refusal], bad: ArrayLike, why: Refusal) -> None:
        for index in np.flatnonzero(bad).tolist():
            refused.setdefault(index, why)

    def _raw(
        self, packets: Bytes, field: _Field, bit: int, samples: int, step: int
    ) -> NDArray[Any]:
        """Numbers of a field as sent, (k, samples, components)."""
        count, length = packets.shape
        if self._bits:
            return _bit_field(packets, bit, field.value)
        width = field.width
        shape = (count, samples, field.components)
        strides = (length, step, width)
        if width == 3:
            value = field.value
            view = np.ndarray((*shape, 3), np.uint8, packets, bit // 8, (*strides, 1))
            big = (value.endian or self.layout.endian) == "big"
            return _three_bytes(view, big, value.type.startswith("i"))
        return np.ndarray(shape, field.dtype, packets, bit // 8, strides)

    @staticmethod
    def _scaled(field: _Field, raw: NDArray[Any]) -> Float64:
        numbers: Float64
        if field.may_be_infinite:
            # Hostile bytes are infinite or no numbers; the caller refuses them without a warning.
            with np.errstate(all="ignore"):
                numbers = raw.astype(np.float64)
                numbers *= field.factor
                if field.added != 0.0:
                    numbers += field.added
        else:
            numbers = raw.astype(np.float64)
            numbers *= field.factor
            if field.added != 0.0:
                numbers += field.added
        if not field.turned:
            return numbers
        if field.components == 4:
            return np.ascontiguousarray(numbers[..., [3, 0, 1, 2]])
        mapped = np.empty_like(numbers)
        for axis, (component, sign) in enumerate(field.value.axis_map):
            mapped[..., axis] = sign * numbers[..., component]
        return mapped


def _three_bytes(view: NDArray[np.uint8], big: bool, signed: bool) -> NDArray[np.int32]:
    low, middle, high = (view[..., index].astype(np.int32) for index in range(3))
    if big:
        low, high = high, low
    whole = low | (middle << 8) | (high << 16)
    return (whole ^ 0x800000) - 0x800000 if signed else whole


def _bit_field(packets: Bytes, bit: int, value: Value) -> NDArray[Any]:
    """Numbers whose bits follow each other from the highest on, (k, 1, components)."""
    width = value.component_bits
    numbers = np.empty((len(packets), 1, value.components), np.int64)
    for component in range(value.components):
        first = bit + component * width
        last = first + width
        held = np.zeros(len(packets), np.int64)
        for index in range(first // 8, (last + 7) // 8):
            held = (held << 8) | packets[:, index]
        held = (held >> (-last % 8)) & ((1 << width) - 1)
        if value.type.startswith("i"):
            sign = 1 << (width - 1)
            held = (held ^ sign) - sign
        numbers[:, 0, component] = held
    return numbers
