"""Packets of a characteristic before they are decoded: taken out of a stream, or put together.

Whole messages in, whole messages out: `Plain`. A stream of packets cut anywhere: `Stream`. A
packet in two parts: `TwoParts`. What a message means is the business of `layout`.
"""

from collections import Counter
from typing import Final, NamedTuple, Protocol

from devices.frame import Refusal
from devices.layout import CompiledLayout
from devices.packets import Packet
from firmware_profiles.byte_pattern import LONGEST_VALUE

# The parts of a packet are sent one after the other; a second part later than several of the
# longest connection intervals in use (0.1 s) belongs to another packet.
PART_PATIENCE_NS: Final = 500_000_000


class Message(NamedTuple):
    """A whole message, with the arrival of the packet that completed it."""

    arrival_ns: int
    data: bytes


class Framing(Protocol):
    """Turns packets of one characteristic into whole messages."""

    def push(self, packet: Packet) -> list[Message]:
        """Messages that this packet completes."""
        ...

    def reset(self) -> None:
        """Forget what is incomplete."""
        ...


class Stream:
    """Packets of fixed lengths that begin with sync bytes, concatenated and cut anywhere.

    A notification that is whole packets itself is taken as such, and an incomplete one before it
    is dropped, so that a lost notification does not glue halves of two packets together.
    """

    def __init__(self, layouts: list[CompiledLayout], refused: Counter[Refusal]) -> None:
        self._kinds = [(each.constants[0][1], each.layout.length(1)) for each in layouts]
        self._refused = refused
        self._buffer = b""

    def push(self, packet: Packet) -> list[Message]:
        data = bytes(packet.data)
        if len(data) > LONGEST_VALUE:
            self._refused[Refusal.TOO_LONG] += 1
            return []
        if self._buffer and self._whole(data):
            self._refused[Refusal.INCOMPLETE] += 1
            self._buffer = b""
        stream = self._buffer + data
        found, position, skipping = [], 0, False
        while position < len(stream):
            length = self._length_at(stream, position)
            if length is None:
                if self._may_begin(stream, position):
                    break
                position += 1
                if not skipping:
                    self._refused[Refusal.CONSTANT] += 1
                skipping = True
                continue
            skipping = False
            if position + length > len(stream):
                break
            found.append(Message(packet.arrival_ns, stream[position : position + length]))
            position += length
        self._buffer = stream[position:]
        return found

    def reset(self) -> None:
        if self._buffer:
            self._refused[Refusal.INCOMPLETE] += 1
        self._buffer = b""

    def _length_at(self, stream: bytes, position: int) -> int | None:
        for sync, length in self._kinds:
            if stream.startswith(sync, position):
                return length
        return None

    def _may_begin(self, stream: bytes, position: int) -> bool:
        rest = stream[position:]
        return any(len(rest) < len(sync) and sync.startswith(rest) for sync, _ in self._kinds)

    def _whole(self, data: bytes) -> bool:
        position = 0
        while position < len(data):
            length = self._length_at(data, position)
            if length is None:
                return False
            position += length
        return position == len(data) > 0


class TwoParts:
    """Packets of which those longer than the connection allows come in two parts.

    A first part cannot be told from a whole packet by its bytes. It is whole if it has room for
    whole samples, and at least as many as usual; with fewer it waits for the next packet, which
    shows whether a second part follows.
    """

    def __init__(
        self, layouts: list[CompiledLayout], usual: int, refused: Counter[Refusal]
    ) -> None:
        self._kinds = [
            (each, each.constants[0][1], bytes.fromhex(each.layout.continuation))
            for each in layouts
            if each.layout.continuation is not None
        ]
        self._usual = usual
        self._refused = refused
        self._waiting: tuple[Message, CompiledLayout] | None = None

    def push(self, packet: Packet) -> list[Message]:
        arrival_ns, data = packet.arrival_ns, bytes(packet.data)
        for layout, first, second in self._kinds:
            if data.startswith(first):
                return self._first(Message(arrival_ns, data), layout)
            if data.startswith(second):
                return self._second(arrival_ns, data[len(second) :], layout)
        return [Message(arrival_ns, data)]

    def reset(self) -> None:
        if self._waiting is not None:
            self._refused[Refusal.INCOMPLETE] += 1
        self._waiting = None

    def _first(self, message: Message, layout: CompiledLayout) -> list[Message]:
        before = self._released()
        samples = layout.samples(len(message.data))
        if len(message.data) > LONGEST_VALUE or (samples is not None and samples >= self._usual):
            return [*before, message]
        self._waiting = (message, layout)
        return before

    def _second(self, arrival_ns: int, rest: bytes, layout: CompiledLayout) -> list[Message]:
        if self._waiting is None or self._waiting[1] is not layout:
            self._refused[Refusal.INCOMPLETE] += 1
            return []
        first, _ = self._waiting
        if not 0 <= arrival_ns - first.arrival_ns <= PART_PATIENCE_NS:
            self._refused[Refusal.INCOMPLETE] += 1
            return self._released()
        self._waiting = None
        return [Message(arrival_ns, first.data + rest)]

    def _released(self) -> list[Message]:
        """What waited for a second part that did not come: whole after all, or dropped."""
        if self._waiting is None:
            return []
        message, layout = self._waiting
        self._waiting = None
        if layout.samples(len(message.data)) is None:
            self._refused[Refusal.INCOMPLETE] += 1
            return []
        return [message]
