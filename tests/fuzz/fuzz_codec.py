"""Fuzz target for atheris: no packets make a decoder raise, and one by one is all at once.

    python tests/fuzz/fuzz_codec.py [-max_total_time=300] [CORPUS]

atheris is no dependency of the tests; CONTRIBUTING.md says how it is installed. An input chooses a
profile and mode, then packets: random bytes, or a layout's constants in front of them.
"""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import atheris

with atheris.instrument_imports(include=["devices", "firmware_profiles"]):
    from devices.codec import Decoder, Frame
    from devices.packets import Packet
    from firmware_profiles.library import profile_ids
    from firmware_profiles.schema import Profile

PROFILES = {each: Profile.load(each) for each in profile_ids()}
MODES = [(profile, mode) for profile in PROFILES.values() for mode in profile.modes]

# Replies and schemes without which a codec would refuse everything.
FIRST = {
    "polar_delta": [
        ("control", bytes.fromhex("f002020000050100000040")),
        ("control", bytes.fromhex("f002050000050100007a3d")),
    ],
    "openearable": [],
}


def heard(profile: Profile, mode: str) -> list[tuple[str, list[tuple[int, bytes]], int]]:
    """What packets can be like: (UUID, constants, usual length)."""
    chosen = profile.mode(mode)
    if chosen.codec is not None:
        return [(profile.uuid(name), [], 60) for name in chosen.codec.characteristics]
    found = []
    for layout in chosen.packets:
        uuid = profile.uuid(layout.characteristic)
        found.append((uuid, layout.constants, layout.length(2)))
        if layout.continuation is not None:
            found.append((uuid, [(0, bytes.fromhex(layout.continuation))], 40))
    return found


def first_packets(profile: Profile, mode: str) -> list[Packet]:
    """What a sensor says before it sends samples."""
    chosen = profile.mode(mode)
    if chosen.codec is None:
        return []
    told = [(name, data) for name, data in FIRST[chosen.codec.name]]
    for step in profile.steps("start", mode):
        reply = getattr(step, "reply", b"")
        if chosen.codec.name == "openearable" and reply:
            told.append(("scheme", reply))
    for name in chosen.codec.characteristics:
        initial = profile.characteristics[name].initial
        if initial:
            told.append((name, initial))
    return [Packet(0, profile.uuid(name), data) for name, data in told]


def identity(frame: Frame) -> tuple[Any, ...]:
    """Everything of a frame, arrays to the last bit."""
    values = {name: (array.shape, array.tobytes()) for name, array in frame.values.items()}
    return (frame.arrival_ns, frame.ticks, frame.spacing_ticks, frame.counter, values)


def one_input(data: bytes) -> None:
    """Decode what an input chooses, both ways."""
    given = atheris.FuzzedDataProvider(data)
    profile, mode = MODES[given.ConsumeIntInRange(0, len(MODES) - 1)]
    kinds = heard(profile, mode)
    packets = first_packets(profile, mode) if given.ConsumeBool() else []
    now_ns = 0
    while given.remaining_bytes() and len(packets) < 64:
        now_ns += given.ConsumeIntInRange(-1_000_000, 600_000_000)
        uuid, constants, usual = kinds[given.ConsumeIntInRange(0, len(kinds) - 1)]
        formed = given.ConsumeBool()
        length = usual if formed else given.ConsumeIntInRange(0, 600)
        packet = bytearray(given.ConsumeBytes(length))
        if formed:
            packet = packet.ljust(usual, b"\x00")
            for offset, constant in constants:
                packet[offset : offset + len(constant)] = constant
        packets.append(Packet(now_ns, uuid, bytes(packet)))

    at_once, singly = Decoder(profile, mode), Decoder(profile, mode)
    whole = at_once.decode(packets)
    one_by_one = [frame for packet in packets for frame in singly.push(packet)]
    if [identity(each) for each in whole] != [identity(each) for each in one_by_one]:
        raise AssertionError(f"{profile.id} {mode}: one by one differs from all at once")
    if at_once.refused != singly.refused:
        raise AssertionError(f"{profile.id} {mode}: one by one counts otherwise")
    at_once.reset()


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
