"""Packets that a sensor sends, that it should not send, and that no sensor would send."""

import struct
from collections.abc import Callable

from hypothesis import strategies as st

from devices.packets import Packet
from firmware_profiles.packet_layout import PacketLayout
from firmware_profiles.schema import Profile
from tests.devices.test_codec_by_hand import FREQUENCIES, INERTIAL, delta_frame, scheme

# The longest value, and a little more.
LONGEST = 520

FOREIGN = "00002a37-0000-1000-8000-00805f9b34fb"


def _formed(layout: PacketLayout, samples: int, content: bytes) -> bytes:
    """A packet of this layout: right length, constants and checksum, the rest from `content`."""
    length = layout.length(samples)
    packet = bytearray(
        (content * (length // max(len(content), 1) + 1))[:length].ljust(length, b"\0")
    )
    for offset, constant in layout.constants:
        packet[offset : offset + len(constant)] = constant
    if layout.checksum is not None:
        packet[layout.checksum.at] = sum(packet[layout.checksum.first :]) & 0xFF
    return bytes(packet)


def _of_layout(profile: Profile, layout: PacketLayout) -> st.SearchStrategy[tuple[str, bytes]]:
    uuid = profile.uuid(layout.characteristic)
    content = st.binary(min_size=1, max_size=60)
    formed = st.builds(
        lambda samples, content: (uuid, _formed(layout, samples, content)),
        st.integers(1, 4),
        content,
    )
    if layout.continuation is None:
        return formed
    second = bytes.fromhex(layout.continuation)
    return formed | content.map(lambda rest: (uuid, second + rest))


def _of_codec(profile: Profile, mode: str) -> st.SearchStrategy[tuple[str, bytes]]:
    choice = profile.mode(mode).codec
    assert choice is not None
    data, told = (profile.uuid(name) for name in choice.characteristics)
    if choice.name == "polar_delta":
        number = st.integers(-2048, 2047)
        triple = st.tuples(number, number, number)
        frame: st.SearchStrategy[bytes] = st.builds(
            lambda kind, index, first, deltas: delta_frame(
                kind, round(index * 1e9 / 52), first, [each for row in deltas for each in row]
            ),
            st.sampled_from([2, 5]),
            st.integers(1, 60),
            triple,
            st.lists(triple, min_size=1, max_size=8),
        )
        reply = st.sampled_from([2, 5]).map(
            lambda kind: bytes([0xF0, 2, kind, 0, 0, 5, 1]) + struct.pack("<f", 0.5)
        )
        return frame.map(lambda each: (data, each)) | reply.map(lambda each: (told, each))
    version_1 = choice.options.get("version") == 1
    known = scheme(0, INERTIAL)
    blob = b"\x01" + known if version_1 else known + FREQUENCIES
    header = struct.pack("<BBI", 0, 36, 7) if version_1 else struct.pack("<BBQ", 0, 0, 7)
    row = st.binary(min_size=36, max_size=36)
    rows = (
        row
        if version_1
        else row
        | st.lists(row, min_size=2, max_size=4).map(lambda each: b"".join(each) + b"\x10\x27")
    )
    return rows.map(lambda each: (data, header + each)) | st.just((told, blob))


def _mutations(sent: tuple[str, bytes]) -> st.SearchStrategy[tuple[str, bytes]]:
    uuid, data = sent
    bit = st.integers(0, max(8 * len(data) - 1, 0))
    flipped: Callable[[int], bytes] = lambda index: (  # noqa: E731
        (int.from_bytes(data, "big") ^ (1 << index)).to_bytes(len(data), "big") if data else data
    )
    return st.one_of(
        st.just(sent),
        st.integers(0, len(data)).map(lambda end: (uuid, data[:end])),
        st.binary(min_size=1, max_size=24).map(lambda more: (uuid, data + more)),
        bit.map(lambda index: (uuid, flipped(index))),
        st.just((uuid, data * 3)),
        st.just((FOREIGN, data)),
    )


def streams(profile: Profile, mode: str) -> st.SearchStrategy[list[Packet]]:
    """Packets of a mode in any order: right ones, mutated, repeated, and random bytes."""
    chosen = profile.mode(mode)
    if chosen.codec is not None:
        right = _of_codec(profile, mode)
        uuids = [profile.uuid(name) for name in chosen.codec.characteristics]
    else:
        right = st.one_of(*(_of_layout(profile, layout) for layout in chosen.packets))
        uuids = [profile.uuid(layout.characteristic) for layout in chosen.packets]
    random = st.tuples(st.sampled_from([*uuids, FOREIGN]), st.binary(max_size=LONGEST))
    each = st.one_of(right, right, right.flatmap(_mutations), random)
    gap_ns = st.integers(-5_000_000, 40_000_000) | st.just(2_000_000_000)

    def stamped(sent: list[tuple[tuple[str, bytes], int, bool]]) -> list[Packet]:
        packets: list[Packet] = []
        now_ns = 0
        for (uuid, data), apart_ns, twice in sent:
            now_ns += apart_ns
            packets += [Packet(now_ns, uuid, data)] * (2 if twice else 1)
        return packets

    return st.lists(st.tuples(each, gap_ns, st.booleans()), max_size=24).map(stamped)
