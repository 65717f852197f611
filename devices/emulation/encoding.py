"""Packets of a firmware profile from what a sensor measures: the inverse of `devices.codec`.

Whole motions are turned into the bytes of their samples at once; packets are then cut from those.
When they are sent is the business of `peripheral`.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from devices.emulation.messages import (
    ATT_HEADER_BYTES,
    WIDEST_MTU,
    Bytes,
    Float64,
    Message,
    Track,
)
from devices.emulation.motion import at_rest
from devices.emulation.openearable import OpenEarableTrack
from devices.emulation.polar import PolarTrack
from firmware_profiles import byte_pattern
from firmware_profiles.mode import Mode
from firmware_profiles.packet_layout import WIDTHS, PacketLayout, Value
from firmware_profiles.quantity import QUANTITIES
from firmware_profiles.schema import Profile

# What no layout describes, by the codec that the profile names.
CODECS: Final[Mapping[str, Callable[[Profile, str, float, Mapping[str, Float64], int], Track]]] = {
    "polar_delta": PolarTrack,
    "openearable": OpenEarableTrack,
}


class Encoder:
    """Encodes for one mode, rate and choice of parameters; raises ProfileError as `Profile` does.

    samples_per_packet: that one call of `Track.packets` sends.
    """

    def __init__(
        self,
        profile: Profile,
        mode: str | None = None,
        rate_hz: float | None = None,
        parameters: Mapping[str, float] | None = None,
    ) -> None:
        self.profile = profile
        self._mode_id = profile.default_mode if mode is None else mode
        self.mode: Mode = profile.mode(mode)
        self.rate_hz = profile.rate_hz(mode, rate_hz)
        self._substitutions = profile.substitutions(self.rate_hz, parameters)
        self._layouts = _needed(self.mode)
        counts = [each.repeat.count for each in self._layouts if each.repeat is not None]
        fixed = [count for count in counts if count is not None]
        self.samples_per_packet = max([self.mode.samples_at(self.rate_hz), *fixed])

    def track(self, values: Mapping[str, Float64]) -> Track:
        """values: (n, components) by quantity, SI units, sensor frame; missing ones are at rest."""
        samples = len(next(iter(values.values())))
        if samples < 1:
            raise ValueError("there is no sample to encode")
        given = {
            name: np.asarray(values[name], np.float64) if name in values else at_rest(name, samples)
            for name in self.mode.quantities
        }
        if self.mode.codec is not None:
            make = CODECS[self.mode.codec.name]
            return make(self.profile, self._mode_id, self.rate_hz, given, self.samples_per_packet)
        # So that a packet that begins near the end finds its rows in one piece.
        rows = np.arange(samples + self.samples_per_packet - 1) % samples
        scales = {
            value.field: self.profile.scale(value, self._substitutions)
            for layout in self._layouts
            for value in layout.values()
            if value.field is not None and value.is_quantity
        }
        parts = [
            _LayoutTrack(
                layout,
                self.profile.uuid(layout.characteristic),
                self.mode,
                {
                    value.field: _raw(value, given[value.field][rows], scales[value.field])
                    for value in layout.values()
                    if value.field is not None and value.is_quantity
                },
                self.samples_per_packet,
            )
            for layout in self._layouts
        ]
        return _LayoutTracks(samples, parts)

    def packets(
        self,
        values: Mapping[str, Float64],
        *,
        first_ticks: int = 0,
        first_counter: int = 0,
        mtu: int = WIDEST_MTU,
    ) -> list[Message]:
        """All samples as a sensor without faults would send them, in whole packets.

        first_ticks: device time of the first sample. first_counter: of the first packet.
        """
        track = self.track(values)
        messages = []
        of_packet = self.samples_per_packet
        for number in range(track.samples // of_packet):
            first = number * of_packet
            counter = first_counter + (first if self.counts_samples else number)
            ticks = first_ticks + round(self.stamped(first) / self.rate_hz / self.tick_s)
            messages += track.packets(first, ticks, counter, mtu)
        return messages

    @property
    def tick_s(self) -> float:
        """One tick of the mode's timestamp in seconds; 1 where there is none."""
        return 1.0 if self.mode.timestamp is None else self.mode.timestamp.unit_s

    @property
    def counts_samples(self) -> bool:
        return self.mode.counter is not None and self.mode.counter.counts == "samples"

    @property
    def is_framed(self) -> bool:
        """Whether packets are a stream that may be cut anywhere."""
        return any(layout.framing for layout in self._layouts)

    def stamped(self, first: int) -> int:
        """The sample whose time stands in the packet that begins with sample `first`."""
        last = self.mode.timestamp is not None and self.mode.timestamp.refers_to == "last"
        return first + (self.samples_per_packet - 1 if last else 0)


def _needed(mode: Mode) -> list[PacketLayout]:
    """The layouts that together carry all quantities, each once where they are not joined."""
    useful = [each for each in mode.packets if not each.ignored and each.quantities]
    if mode.joined:
        return useful
    chosen: list[PacketLayout] = []
    covered: set[str] = set()
    for layout in sorted(useful, key=lambda each: -len(each.quantities)):
        if not covered.issuperset(layout.quantities):
            chosen.append(layout)
            covered.update(layout.quantities)
    return chosen


def _raw(value: Value, si: Float64, scale: float) -> Float64:
    """(n, components) as the device counts them, in its axes and order, not yet rounded."""
    quantity = QUANTITIES[value.field or ""]
    device = si
    if quantity.components == 3:
        device = np.empty_like(si)
        for axis, (component, sign) in enumerate(value.axis_map):
            device[:, component] = sign * si[:, axis]
    elif quantity.components == 4 and value.order == "xyzw":
        device = si[:, [1, 2, 3, 0]]
    raw: Float64 = (device / quantity.units[value.unit] - value.offset) / scale
    return raw


def _counted(value: Value, raw: Float64) -> NDArray[np.int64]:
    """Rounded, and held at the ends of the type's range as a sensor's registers are."""
    bits = value.component_bits
    signed = value.type.startswith("i")
    # 2^63 - 1 is no double; the largest below it is near enough for the few 64-bit fields.
    least = -(2.0 ** (bits - 1)) if signed else 0.0
    most = 2.0 ** (bits - 1 if signed else bits) - 1.0 if bits < 54 else 2.0**62
    return np.clip(np.rint(raw), least, most).astype(np.int64)


def _field_bytes(value: Value, raw: Float64, layout: PacketLayout) -> Bytes:
    """(n, bytes of the field)."""
    big = (value.endian or layout.endian) == "big"
    width = WIDTHS[value.type]
    if value.type.startswith("f"):
        floats = np.ascontiguousarray(raw, dtype=f"<f{width}")
        cells = floats.view(np.uint8).reshape(*raw.shape, width)
    else:
        cells = (
            np.ascontiguousarray(_counted(value, raw), dtype="<i8")
            .view(np.uint8)
            .reshape(*raw.shape, 8)
        )
        cells = cells[:, :, :width]
    if big:
        cells = cells[:, :, ::-1]
    return np.ascontiguousarray(cells.reshape(len(raw), -1))


class _LayoutTracks:
    def __init__(self, samples: int, parts: "list[_LayoutTrack]") -> None:
        self.samples = samples
        self._parts = parts

    def packets(self, first: int, ticks: int, counter: int, mtu: int = WIDEST_MTU) -> list[Message]:
        row = first % self.samples
        return [
            message for part in self._parts for message in part.messages(row, ticks, counter, mtu)
        ]


class _LayoutTrack:
    """One layout's part: constant bytes prepared, the rows of samples beside them."""

    def __init__(
        self,
        layout: PacketLayout,
        uuid: str,
        mode: Mode,
        raw: Mapping[str, Float64],
        of_packet: int,
    ) -> None:
        self._layout = layout
        self._uuid = uuid
        self._of_packet = of_packet
        # Samples of one packet of this layout; another may need several for as many.
        self._count = 1
        if layout.repeat is not None:
            self._count = layout.repeat.count or of_packet
        self._numbers: list[tuple[int, Value, str]] = []
        roles = {}
        if mode.timestamp is not None:
            roles[mode.timestamp.field] = "ticks"
        if mode.counter is not None:
            roles[mode.counter.field] = "counter"
        self._roles = roles
        self._raw = raw
        if layout.packing == "bits":
            self._whole = {
                value.field: _counted(value, raw[value.field])
                for value in layout.header
                if value.field is not None and value.field in raw
            }
            return
        self._head, self._head_rows = self._prepared(layout.header, 0)
        self._blocks: list[Bytes] = []
        length = len(self._head)
        if layout.repeat is not None:
            cells = [
                np.zeros((len(next(iter(raw.values()))), value.skip), np.uint8)
                if value.skip is not None
                else _field_bytes(value, raw[value.field or ""], layout)
                for value in layout.repeat.fields
            ]
            if layout.repeat.order == "interleaved":
                cells = [np.ascontiguousarray(np.hstack(cells))]
            self._blocks = cells
            length += self._count * sum(cell.shape[1] for cell in cells)
        self._tail, self._tail_rows = self._prepared(layout.trailer, length)
        self._second = b""
        if layout.continuation is not None:
            self._second = byte_pattern.filled(layout.continuation, {})[0]

    def _prepared(self, values: list[Value], offset: int) -> tuple[bytes, list[tuple[int, Bytes]]]:
        """Constant bytes, and (offset, rows) of the quantities that stand among them."""
        constant = bytearray()
        rows = []
        for value in values:
            if value.is_quantity and value.field is not None:
                cells = _field_bytes(value, self._raw[value.field], self._layout)
                rows.append((offset + len(constant), cells))
            elif (role := self._roles.get(value.field or "")) is not None:
                self._numbers.append((offset + len(constant), value, role))
            constant += value.constant_bytes or bytes((value.bits + 7) // 8)
        return bytes(constant), rows

    def messages(self, row: int, ticks: int, counter: int, mtu: int) -> Iterator[Message]:
        for first in range(row, row + self._of_packet, self._count):
            if self._layout.packing == "bits":
                yield self._uuid, self._bits(first, ticks, counter)
                continue
            packet = self._packet(first, ticks, counter)
            room = mtu - ATT_HEADER_BYTES
            if self._second and len(packet) > room:
                yield self._uuid, packet[:room]
                yield self._uuid, self._second + packet[room:]
            else:
                yield self._uuid, packet

    def _packet(self, first: int, ticks: int, counter: int) -> bytes:
        packet = bytearray(self._head)
        for cells in self._blocks:
            packet += cells[first : first + self._count].tobytes()
        packet += self._tail
        for offset, cells in self._head_rows:
            packet[offset : offset + cells.shape[1]] = cells[first].tobytes()
        for offset, cells in self._tail_rows:
            packet[offset : offset + cells.shape[1]] = cells[first].tobytes()
        for offset, value, role in self._numbers:
            number = ticks if role == "ticks" else counter
            width = WIDTHS[value.type]
            order = value.endian or self._layout.endian
            wrapped = number & ((1 << 8 * width) - 1)
            packet[offset : offset + width] = wrapped.to_bytes(width, order)
        if self._layout.checksum is not None:
            sum8 = self._layout.checksum
            packet[sum8.at] = 0
            packet[sum8.at] = sum(packet[sum8.first :]) & 0xFF
        return bytes(packet) + bytes(self._layout.padding)

    def _bits(self, first: int, ticks: int, counter: int) -> bytes:
        """From the highest bit on, as the schema counts them."""
        number = bits = 0
        for value in self._layout.header:
            role = self._roles.get(value.field or "")
            if value.constant is not None:
                number = number << value.bits | int.from_bytes(value.constant_bytes, "big")
            elif value.field is None:
                number <<= value.bits
            elif value.is_quantity:
                mask = (1 << value.component_bits) - 1
                for component in self._whole[value.field][first]:
                    number = number << value.component_bits | int(component) & mask
            else:
                plain = {"ticks": ticks, "counter": counter}.get(role or "", 0)
                number = number << value.bits | plain & ((1 << value.bits) - 1)
            bits += value.bits
        length = self._layout.length(1)
        return (number << (8 * length - bits)).to_bytes(length, "big")
