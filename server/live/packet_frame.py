"""The binary frame: what sensors sent since the last one, as a client or the journal hands it on.

Layout and limits live here. What an input's number means is `session_run`'s business, what the
bytes of a packet mean that of `devices.codec`.

Little endian, no padding::

    version  u8      1
    zero     u8      0
    records  u16     how many follow
    number   u32     of this input; inputs of a session are counted from 1, controls among them
    until_ns i64     the sender's steady clock when it closed the frame

    then for every record, in the order of arrival:
        sensor         u8    index into the session's sensors
        characteristic u8    index into that sensor's characteristics; 255: its link changed
        length         u16   of its bytes; 1 for a link
        arrival_ns     i64   on the clock of `until_ns`

    then the bytes of all records, one after the other; of a link 1 for up, 0 for down

Sensors are in the order of their names, and characteristics in that of their UUIDs, as the message
`opened` tells them.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from devices.packet_file import LARGEST_NS, LONGEST_PACKET, Arrived, LinkChanged
from devices.packets import Packet
from server.errors import LiveError, LiveFault

VERSION: Final = 1
LINK: Final = 255
# Eight sensors at 100 Hz, a packet a sample, for five seconds: what a client holds back while its
# network is away goes into several frames.
MOST_RECORDS: Final = 4096
LARGEST_NUMBER: Final = 2**32 - 1

_HEAD: Final = struct.Struct("<BBHIq")
_RECORD: Final = struct.Struct("<BBHq")
# Every frame that keeps the other limits fits.
LARGEST_FRAME_BYTES: Final = _HEAD.size + MOST_RECORDS * (_RECORD.size + LONGEST_PACKET)

FrameEvent = Arrived | LinkChanged


@dataclass(frozen=True, slots=True)
class PacketFrame:
    """A frame. events: in the order of arrival. until_ns: the sender's clock at its end."""

    number: int
    until_ns: int
    events: Sequence[FrameEvent]


class FrameLayout:
    """Encodes and decodes the frames of one session.

    characteristics: by slot, the UUIDs that its packets can come from.
    """

    def __init__(self, characteristics: Mapping[str, Sequence[str]]) -> None:
        self.characteristics = {
            slot: tuple(sorted(characteristics[slot])) for slot in sorted(characteristics)
        }
        self._slots = tuple(self.characteristics)
        self._uuids = tuple(self.characteristics.values())
        self._codes = {
            slot: (index, {uuid: code for code, uuid in enumerate(uuids)})
            for index, (slot, uuids) in enumerate(self.characteristics.items())
        }

    def encode(self, frame: PacketFrame) -> bytes:
        """Bytes of a frame; raises LiveError for what the layout cannot hold."""
        heads, parts = [], []
        for event in frame.events:
            sensor, codes = self._code(event.sensor)
            if isinstance(event, LinkChanged):
                code, at_ns, data = LINK, event.at_ns, bytes([event.up])
            else:
                at_ns, uuid, data = event.packet
                if uuid not in codes:
                    raise _no_characteristic(uuid, event.sensor)
                code = codes[uuid]
            if len(data) > LONGEST_PACKET:
                raise _too_long(len(data))
            _check_time(at_ns)
            heads.append(_RECORD.pack(sensor, code, len(data), at_ns))
            parts.append(data)
        _check_records(len(heads))
        _check_time(frame.until_ns)
        if not 0 <= frame.number <= LARGEST_NUMBER:
            raise LiveError(LiveFault.TOO_LARGE, f"{frame.number} is no number of an input.")
        head = _HEAD.pack(VERSION, 0, len(heads), frame.number, frame.until_ns)
        return b"".join([head, *heads, *parts])

    def decode(self, data: bytes) -> PacketFrame:
        """The frame in `data`; raises LiveError with the reason, whatever comes."""
        if len(data) > LARGEST_FRAME_BYTES:
            raise LiveError(
                LiveFault.TOO_LARGE,
                f"A frame of {len(data)} bytes came; send at most {LARGEST_FRAME_BYTES}.",
            )
        if not data or data[0] != VERSION:
            found = data[0] if data else "nothing"
            raise LiveError(
                LiveFault.VERSION,
                f"The frame has version {found}; this server reads version {VERSION}.",
            )
        if len(data) < _HEAD.size:
            raise _cut_off(len(data), _HEAD.size)
        _, zero, records, number, until_ns = _HEAD.unpack_from(data)
        if zero:
            raise LiveError(LiveFault.VERSION, "The second byte of the frame is not 0; set it so.")
        _check_records(records)
        _check_time(until_ns)
        start = _HEAD.size + records * _RECORD.size
        if len(data) < start:
            raise _cut_off(len(data), start)
        events: list[FrameEvent] = []
        heads = memoryview(data)[_HEAD.size : start]
        for sensor, code, length, at_ns in _RECORD.iter_unpack(heads):
            if sensor >= len(self._slots):
                raise LiveError(
                    LiveFault.SENSOR,
                    f"A record is of sensor {sensor}, but the session has {len(self._slots)}.",
                )
            _check_time(at_ns)
            end = start + length
            part = data[start:end]
            if len(part) != length:
                raise _cut_off(len(data), end)
            start = end
            if code == LINK:
                if part not in (b"\0", b"\1"):
                    raise LiveError(
                        LiveFault.NOT_UNDERSTOOD, "A link's byte is neither 0, down, nor 1, up."
                    )
                events.append(LinkChanged(self._slots[sensor], part == b"\1", at_ns))
                continue
            if length > LONGEST_PACKET:
                raise _too_long(length)
            if code >= len(self._uuids[sensor]):
                raise _no_characteristic(str(code), self._slots[sensor])
            packet = Packet(at_ns, self._uuids[sensor][code], part)
            events.append(Arrived(self._slots[sensor], packet))
        if start != len(data):
            raise LiveError(
                LiveFault.NOT_UNDERSTOOD,
                f"{len(data) - start} bytes follow the last record of the frame; leave them out.",
            )
        return PacketFrame(number, until_ns, events)

    def _code(self, slot: str) -> tuple[int, dict[str, int]]:
        try:
            return self._codes[slot]
        except KeyError:
            raise LiveError(
                LiveFault.SENSOR, f"The session has no sensor {slot!r}; open it with that one."
            ) from None


def _check_records(records: int) -> None:
    if records > MOST_RECORDS:
        raise LiveError(
            LiveFault.TOO_LARGE,
            f"A frame of {records} records came; send at most {MOST_RECORDS} in one.",
        )


def _check_time(at_ns: int) -> None:
    if not -LARGEST_NS <= at_ns <= LARGEST_NS:
        raise LiveError(
            LiveFault.TIME, f"No steady clock shows {at_ns} ns; send nanoseconds since its start."
        )


def _cut_off(size: int, needed: int) -> LiveError:
    return LiveError(
        LiveFault.TRUNCATED, f"The frame ends after {size} bytes, before {needed}; send it whole."
    )


def _too_long(size: int) -> LiveError:
    return LiveError(
        LiveFault.TOO_LARGE,
        f"A packet of {size} bytes is none of Bluetooth LE, whose longest has {LONGEST_PACKET}.",
    )


def _no_characteristic(which: str, slot: str) -> LiveError:
    return LiveError(
        LiveFault.CHARACTERISTIC,
        f"The sensor {slot!r} has no characteristic {which[:40]}; `opened` tells which it has.",
    )
