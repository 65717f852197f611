"""Packets a second that the codec decodes, for each profile, beside a loop around `struct.unpack`.

Packets are made here. The loop is what one writes first in Python: it knows which packet it has and
checks nothing, and is written from the profile by the few lines of `_unpacker`.
"""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any, Final

import numpy as np

from benchmarks.report import Report, Table, Track, number
from benchmarks.speed import Stopwatch
from devices.codec import Decoder, Frame
from devices.packets import Packet
from firmware_profiles.library import profile_ids
from firmware_profiles.packet_layout import PacketLayout, Value
from firmware_profiles.quantity import QUANTITIES
from firmware_profiles.schema import Profile
from firmware_profiles.steps import Expect

NAME: Final = "decoding"

PACKETS: Final = 20_000
# Made packets are repeated, as making them takes longer than decoding them.
DIFFERENT: Final = 1_000
ROUNDS: Final = 5
# Decoded together where all is decoded at once: some seconds of one sensor.
TOGETHER: Final = 1_000

_CODES: Final = {
    "i8": "b", "u8": "B", "i16": "h", "u16": "H", "i32": "i", "u32": "I", "i64": "q", "u64": "Q",
    "f32": "f", "f64": "d",
}  # fmt: skip

Unpack = Callable[[bytes], object]


@dataclass(frozen=True, slots=True)
class Stream:
    """Packets of one profile's default mode.

    first: what the sensor says before them. unpackers: for each packet its own loop body, None
    where `struct` cannot describe them.
    """

    profile: Profile
    first: list[Packet]
    packets: list[Packet]
    unpackers: list[Unpack] | None
    samples: int


def _format(layout: PacketLayout, samples: int) -> str | None:
    """The packet for `struct`; None for bit fields, mixed byte orders and blocks of many fields."""

    def code(value: Value) -> str | None:
        if value.constant is not None:
            return f"{len(value.constant_bytes)}x"
        if value.skip is not None:
            return f"{value.skip}x"
        if value.type not in _CODES or value.endian not in (None, layout.endian):
            return None
        return _CODES[value.type] * value.components

    repeat = layout.repeat
    if layout.packing == "bits":
        return None
    parts = [code(value) for value in layout.header]
    if repeat is not None:
        fields = [code(value) for value in repeat.fields]
        if None in fields:
            return None
        texts = [field or "" for field in fields]
        parts.append(
            "".join(text * samples for text in texts)
            if repeat.order == "blocks"
            else "".join(texts) * samples
        )
    parts += [code(value) for value in layout.trailer]
    if None in parts:
        return None
    return ("<" if layout.endian == "little" else ">") + "".join(part or "" for part in parts)


def _unpacker(profile: Profile, layout: PacketLayout, samples: int, rate_hz: float) -> Unpack:
    """The body of the loop: unpack, and scale what is measured."""
    packet = struct.Struct(_format(layout, samples) or "")
    substitutions = profile.substitutions(rate_hz)
    scales: list[float | None] = []

    def scaled(value: Value) -> list[float | None]:
        if value.field is None:
            return []
        if not value.is_quantity:
            return [None]
        unit = QUANTITIES[value.field].units[value.unit]
        return [profile.scale(value, substitutions) * unit] * value.components

    for value in layout.header:
        scales += scaled(value)
    if layout.repeat is not None:
        each = [scaled(value) for value in layout.repeat.fields]
        if layout.repeat.order == "blocks":
            for one in each:
                scales += one * samples
        else:
            scales += [scale for one in each for scale in one] * samples
    for value in layout.trailer:
        scales += scaled(value)
    measured = [(index, scale) for index, scale in enumerate(scales) if scale is not None]

    def unpack(data: bytes) -> object:
        raw = packet.unpack_from(data)
        return [raw[index] * scale for index, scale in measured]

    return unpack


def _made(layout: PacketLayout, samples: int, noise: np.random.Generator) -> bytes:
    """A packet of this layout with numbers that a sensor might send."""
    data = bytearray(noise.bytes(layout.length(samples)))
    form = _format(layout, samples)
    if form is not None:
        numbers = noise.integers(-100, 100, len(data))
        codes = [code for code in _spelled(form) if code != "x"]
        values = [
            float(each) if code in "fd" else abs(int(each)) if code.isupper() else int(each)
            for code, each in zip(codes, numbers, strict=False)
        ]
        data = bytearray(struct.pack(form, *values))
    for offset, constant in layout.constants:
        data[offset : offset + len(constant)] = constant
    if layout.checksum is not None:
        data[layout.checksum.at] = 0
        data[layout.checksum.at] = sum(data[layout.checksum.first :]) & 0xFF
    return bytes(data)


def _spelled(form: str) -> list[str]:
    """Codes of a format; a number stands before `x` alone."""
    return [each for each in form[1:] if not each.isdigit()]


def stream(profile: Profile) -> Stream:
    """`PACKETS` packets of the profile's default mode, after what the sensor says before them."""
    mode = profile.mode()
    rate_hz = mode.default_rate_hz
    samples = mode.samples_at(rate_hz)
    noise = np.random.default_rng(1)
    if mode.codec is not None:
        return _codec_stream(profile, noise)
    layouts = [layout for layout in mode.packets if not layout.ignored]
    if not mode.joined:
        layouts = layouts[:1]
    made, unpackers = [], []
    known = all(_format(layout, samples) for layout in layouts)
    for index in range(DIFFERENT):
        layout = layouts[index % len(layouts)]
        made.append((profile.uuid(layout.characteristic), _made(layout, samples, noise)))
        if known:
            unpackers.append(_unpacker(profile, layout, samples, rate_hz))
    packets = _at_rate(made, rate_hz * len(layouts) / samples)
    return Stream(
        profile,
        [],
        packets,
        list(islice(cycle(unpackers), PACKETS)) if known else None,
        samples,
    )


def _codec_stream(profile: Profile, noise: np.random.Generator) -> Stream:
    mode = profile.mode()
    choice = mode.codec
    if choice is None:
        raise ValueError(f"{profile.id} has no codec")
    data = profile.uuid(choice.characteristics[0])
    told = profile.uuid(choice.characteristics[1])
    first = [
        Packet(0, told, step.reply)
        for step in profile.steps("start")
        if isinstance(step, Expect) and step.characteristic == told
    ]
    initial = profile.characteristics[choice.characteristics[1]].initial
    if initial:
        first.append(Packet(0, told, initial))
    if choice.name == "openearable":
        version_1 = choice.options.get("version") == 1
        packet = struct.Struct("<BBI9f" if version_1 else "<BBQ9f")

        def unpack(data: bytes) -> object:
            raw = packet.unpack_from(data)
            return [each * 9.80665 for each in raw[3:6]] + list(raw[6:])

        rows = noise.normal(size=(DIFFERENT, 9))
        made = [(data, packet.pack(0, 36, index, *row)) for index, row in enumerate(rows)]
        return Stream(profile, first, _at_rate(made, mode.default_rate_hz), [unpack] * PACKETS, 1)
    # Every packet has its own time, as both streams are paired by it.
    samples = 36
    frames = []
    for index in range(PACKETS):
        kind = (2, 5)[index % 2]
        ticks = round((index // 2 + 1) * samples * 1e9 / mode.default_rate_hz)
        header = struct.pack("<BQB3h", kind, ticks, 0x81 if kind == 2 else 0x80, 1, -2, 1000)
        frames.append(
            (data, header + bytes([6, samples - 1]) + noise.bytes((samples - 1) * 9 // 4))
        )
    frames = [(uuid, frame.ljust(16 + 2 + 79, b"\x00")) for uuid, frame in frames]
    return Stream(
        profile, first, _at_rate(frames, 2 * mode.default_rate_hz / samples), None, samples
    )


def _at_rate(made: Sequence[tuple[str, bytes]], packets_hz: float) -> list[Packet]:
    period_ns = 1e9 / packets_hz
    return [
        Packet(round(index * period_ns), uuid, data)
        for index, (uuid, data) in enumerate(islice(cycle(made), PACKETS))
    ]


def at_once(given: Stream) -> int:
    """Samples decoded, `TOGETHER` packets at a time."""
    decoder = _ready(given)
    frames: list[Frame] = []
    for start in range(0, len(given.packets), TOGETHER):
        frames += decoder.decode(given.packets[start : start + TOGETHER])
    return sum(frame.samples for frame in frames)


def singly(given: Stream) -> int:
    """Samples decoded, one packet at a time, as they arrive from a sensor."""
    decoder = _ready(given)
    return sum(frame.samples for packet in given.packets for frame in decoder.push(packet))


def looped(given: Stream) -> int:
    """Packets unpacked by the loop."""
    unpackers = given.unpackers or []
    return len([unpack(packet.data) for packet, unpack in zip(given.packets, unpackers)])  # noqa: B905


def _ready(given: Stream) -> Decoder:
    decoder = Decoder(given.profile)
    decoder.decode(given.first)
    return decoder


def run(track: Track, *, rounds: int = ROUNDS) -> Report:
    """Time every profile's default mode `rounds` times."""
    stopwatch = Stopwatch()
    streams = [stream(Profile.load(each)) for each in profile_ids()]
    for given in track(streams, NAME):
        for _ in range(rounds):
            for name, task in (("at_once", at_once), ("singly", singly), ("struct", looped)):
                if name != "struct" or given.unpackers is not None:
                    stopwatch.time(f"{given.profile.id}/{name}", lambda t=task, g=given: t(g))  # type: ignore[misc]
    rows, figures = [], {}
    for given in streams:
        figure: dict[str, Any] = {"samples_a_packet": given.samples}
        for name in ("at_once", "singly", "struct"):
            took_s = stopwatch.fastest_s.get(f"{given.profile.id}/{name}", float("nan"))
            figure[f"{name}_packets_per_s"] = len(given.packets) / took_s
        figure["times_struct"] = figure["at_once_packets_per_s"] / figure["struct_packets_per_s"]
        figures[given.profile.id] = figure
        rows.append(
            [
                given.profile.id,
                str(given.samples),
                number(figure["at_once_packets_per_s"] / 1e3, 0),
                number(figure["singly_packets_per_s"] / 1e3, 0),
                number(figure["struct_packets_per_s"] / 1e3, 0),
                number(figure["times_struct"], 2),
            ]
        )
    table = Table(
        "decoding: thousands of packets a second",
        ["profile", "samples a packet", "at once", "one by one", "struct loop", "times struct"],
        rows,
    )
    definitions = [
        f"The fastest of {rounds} rounds over {PACKETS} made packets of the default mode. At once: "
        f"{TOGETHER} packets a call; one by one: as they arrive from a sensor.",
        "Struct loop: struct.unpack and a multiplication a number, in a loop that knows which "
        "packet it has; it checks no length, constant, checksum or NaN, pairs nothing and makes "
        "no arrays. None for packets that struct cannot describe. Times struct: at once by it.",
    ]
    return Report(NAME, [table], definitions, figures)
