"""Packets by hand, for the tests of the codec."""

from collections.abc import Mapping

from devices.codec import Decoder, Frame
from devices.packets import Packet
from firmware_profiles.schema import Profile

STANDARD_GRAVITY_MPS2 = 9.80665


def decoder(
    profile_id: str,
    mode: str | None = None,
    rate_hz: float | None = None,
    parameters: Mapping[str, float] | None = None,
) -> Decoder:
    return Decoder(Profile.load(profile_id), mode, rate_hz, parameters)


def packets(
    profile_id: str, *sent: tuple[str, bytes], first_ns: int = 0, apart_ns: int = 1_000_000
) -> list[Packet]:
    """Packets (name of the characteristic, bytes), one after the other."""
    profile = Profile.load(profile_id)
    return [
        Packet(first_ns + index * apart_ns, profile.uuid(name), data)
        for index, (name, data) in enumerate(sent)
    ]


def frames_of(
    profile_id: str,
    mode: str | None,
    *sent: tuple[str, bytes],
    rate_hz: float | None = None,
    parameters: Mapping[str, float] | None = None,
) -> list[Frame]:
    """What a fresh decoder makes of these packets, none of which it refuses."""
    fresh = decoder(profile_id, mode, rate_hz, parameters)
    frames = fresh.decode(packets(profile_id, *sent))
    assert fresh.packets == len(sent)
    assert not fresh.refused
    return frames
