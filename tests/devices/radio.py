"""Packets of real sensor types, put together by hand, as a radio would deliver them."""

import math
import random
import struct
from collections.abc import Callable

from devices.intake import SensorSetup
from devices.packet_file import Arrived, LinkChanged, PacketEvent, Ticked
from devices.packets import Packet
from firmware_profiles.schema import Profile

ORIGIN_NS = 5_000_000_000
DOT = "15172003-4947-11e9-8646-d663bd873d93"
THINGY = "ef680406-9b35-4933-9b10-52ffa9740042"


def dot() -> SensorSetup:
    """60 Hz, one sample a packet, microseconds."""
    return SensorSetup(Profile.load("xsens-dot"))


def thingy(rate_hz: float = 50.0) -> SensorSetup:
    """One sample a packet, neither timestamp nor counter."""
    return SensorSetup(Profile.load("thingy-52"), rate_hz=rate_hz)


def dot_bytes(t_s: float, device_s: float) -> bytes:
    ticks = round(1e6 * device_s) % 2**32
    return struct.pack("<I6f", ticks, t_s, 0.0, 9.8, 10.0, math.sin(t_s), 0.0)


def thingy_bytes(t_s: float, device_s: float) -> bytes:
    return struct.pack("<9h", round(100 * math.sin(t_s)), 0, 1024, round(320 * t_s) % 999, *[0] * 5)


def sent(
    slot: str,
    start_s: float,
    end_s: float,
    *,
    setup: SensorSetup,
    offset_s: float = 40.0,
    interval_s: float = 0.05,
    phase_s: float = 0.0,
    least_s: float = 0.004,
) -> list[PacketEvent]:
    """A sensor's packets between two session times, at connection events `interval_s` apart.

    offset_s: device time at session time 0.
    """
    make: Callable[[float, float], bytes] = dot_bytes
    characteristic = DOT
    if setup.profile.id == "thingy-52":
        make, characteristic = thingy_bytes, THINGY
    rate_hz = setup.profile.rate_hz(setup.mode, setup.rate_hz)
    events: list[PacketEvent] = []
    for index in range(round((end_s - start_s) * rate_hz)):
        t_s = start_s + index / rate_hz
        arrival_s = math.ceil((t_s + least_s - phase_s) / interval_s) * interval_s + phase_s
        arrival_ns = ORIGIN_NS + round(1e9 * arrival_s)
        data = make(t_s, t_s + offset_s)
        events.append(Arrived(slot, Packet(arrival_ns, characteristic, data)))
    return events


def at_ns(event: PacketEvent) -> int:
    return event.packet.arrival_ns if isinstance(event, Arrived) else event.at_ns


def ticks(end_s: float) -> list[PacketEvent]:
    return [Ticked(ORIGIN_NS + 100_000_000 * index) for index in range(1, round(10 * end_s) + 1)]


def link(slot: str, up: bool, t_s: float) -> PacketEvent:
    return LinkChanged(slot, up, ORIGIN_NS + round(1e9 * t_s))


def session(*streams: list[PacketEvent]) -> list[PacketEvent]:
    """All events in the order of time."""
    return sorted((event for stream in streams for event in stream), key=at_ns)


def stalled(events: list[PacketEvent], start_s: float, end_s: float) -> list[PacketEvent]:
    """What would arrive in between comes at its end."""
    first, last = (ORIGIN_NS + round(1e9 * each) for each in (start_s, end_s))
    return [
        Arrived(event.sensor, event.packet._replace(arrival_ns=last))
        if isinstance(event, Arrived) and first <= event.packet.arrival_ns < last
        else event
        for event in events
    ]


def disturbed(events: list[PacketEvent], seed: int) -> list[PacketEvent]:
    """Some packets lost, some twice, some cut short, some of random bytes."""
    generator = random.Random(seed)
    given: list[PacketEvent] = []
    for event in events:
        draw = generator.random()
        if not isinstance(event, Arrived):
            given.append(event)
            continue
        data = event.packet.data
        if draw < 0.03:
            continue
        if draw < 0.06:
            given.append(event)
        elif draw < 0.07:
            data = data[: generator.randrange(len(data))]
        elif draw < 0.08:
            data = generator.randbytes(len(data))
        given.append(Arrived(event.sensor, event.packet._replace(data=data)))
    return given
