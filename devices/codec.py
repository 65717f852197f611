"""The decoder: packets of a sensor to frames of samples in SI units, as its profile says.

Vectorised over many packets; one at a time gives the same to the last bit. No bytes make it raise:
what it cannot use it counts, by reason. When a sample was measured is the business of `clock`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from devices.codecs.interface import Codec
from devices.codecs.known import codec_named
from devices.frame import Frame as Frame
from devices.frame import Refusal as Refusal
from devices.framing import Framing, Stream, TwoParts
from devices.layout import CompiledLayout, Decoded
from devices.packets import Packet
from devices.pairing import Pairing, Part
from firmware_profiles.schema import Profile

# What has become of a message: a frame, a part of one with its kind, or nothing.
_Found = Frame | tuple[int, Part] | None


class Decoder:
    """Decodes the packets of one sensor in one mode.

    packets: how many it was given. refused: how many of them, or of the parts that it made of
    them, it could not use, by reason. Deterministic in the packets and their order.
    """

    def __init__(
        self,
        profile: Profile,
        mode: str | None = None,
        rate_hz: float | None = None,
        parameters: Mapping[str, float] | None = None,
    ) -> None:
        """mode, rate_hz, parameters: by default the profile's own; raises ProfileError."""
        chosen = profile.mode(mode)
        rate_hz = profile.rate_hz(mode, rate_hz)
        substitutions = profile.substitutions(rate_hz, parameters)
        self.packets = 0
        self.refused: Counter[Refusal] = Counter()
        self._codec: Codec | None = None
        self._routes: dict[str, _Route] = {}
        self._pairing: Pairing | None = None
        if chosen.codec is not None:
            make = codec_named(chosen.codec.name, profile)
            self._codec = make(profile, chosen, rate_hz, self.refused)
            self._heard = {profile.uuid(name) for name in chosen.codec.characteristics}
            return
        ticks = None if chosen.timestamp is None else chosen.timestamp.field
        counter = None if chosen.counter is None else chosen.counter.field
        kinds = 0
        for layout in chosen.packets:
            compiled = CompiledLayout(layout, profile, substitutions, ticks, counter)
            route = self._routes.setdefault(profile.uuid(layout.characteristic), _Route())
            route.layouts.append(compiled)
            route.kinds.append(kinds)
            kinds += not layout.ignored
        for route in self._routes.values():
            route.frame(chosen.samples_at(rate_hz), self.refused)
        if chosen.joined:
            self._pairing = Pairing(kinds, self.refused)

    def push(self, packet: Packet) -> list[Frame]:
        """Frames that a packet completes."""
        return self.decode([packet])

    def decode(self, packets: Sequence[Packet]) -> list[Frame]:
        """Frames that these packets complete, in their order."""
        self.packets += len(packets)
        if self._codec is not None:
            return self._with_codec(self._codec, packets)
        arrivals: list[int] = []
        groups: dict[tuple[str, int], tuple[list[int], list[bytes]]] = {}
        for packet in packets:
            route = self._routes.get(packet.characteristic)
            if route is None:
                self.refused[Refusal.UNKNOWN_CHARACTERISTIC] += 1
                continue
            if route.framing is None:
                messages: Sequence[tuple[int, bytes]] = ((packet.arrival_ns, packet.data),)
            else:
                messages = route.framing.push(packet)
            for arrival_ns, data in messages:
                key = (packet.characteristic, len(data))
                indices, parts = groups.setdefault(key, ([], []))
                indices.append(len(arrivals))
                parts.append(data)
                arrivals.append(arrival_ns)
        found: list[_Found] = [None] * len(arrivals)
        for (characteristic, length), (indices, parts) in groups.items():
            self._decode_group(
                self._routes[characteristic], length, indices, parts, arrivals, found
            )
        frames: list[Frame] = []
        for each in found:
            if isinstance(each, Frame):
                frames.append(each)
            elif each is not None and self._pairing is not None:
                frames += self._pairing.push(*each)
        return frames

    def reset(self) -> None:
        """A new link: what is incomplete or waits for its partner is dropped."""
        if self._codec is not None:
            self._codec.reset()
        if self._pairing is not None:
            self._pairing.reset()
        for route in self._routes.values():
            if route.framing is not None:
                route.framing.reset()

    def _with_codec(self, codec: Codec, packets: Sequence[Packet]) -> list[Frame]:
        frames = []
        for packet in packets:
            if packet.characteristic in self._heard:
                frames += codec.push(packet)
            else:
                self.refused[Refusal.UNKNOWN_CHARACTERISTIC] += 1
        return frames

    def _decode_group(
        self,
        route: "_Route",
        length: int,
        indices: list[int],
        parts: list[bytes],
        arrivals: list[int],
        found: list[_Found],
    ) -> None:
        """Decode messages of one characteristic and length into their places in `found`."""
        only = len(route.layouts) == 1
        why = route.layouts[0].refusal(length) if only else None
        if length == 0:
            why = Refusal.TOO_SHORT
        if why is not None:
            self.refused[why] += len(parts)
            return
        packets = np.frombuffer(b"".join(parts), np.uint8).reshape(len(parts), length)
        places = np.asarray(indices)
        for kind, layout in zip(route.kinds, route.layouts, strict=True):
            fits = layout.matches(packets)
            if not fits.any():
                continue
            refusal = layout.refusal(length)
            mine = places if fits.all() else places[fits]
            if refusal is not None:
                self.refused[refusal] += len(mine)
            elif not layout.layout.ignored:
                chosen = packets if len(mine) == len(packets) else packets[fits]
                self._place(kind, layout.decode(chosen), mine.tolist(), arrivals, found)
            if len(mine) == len(packets):
                return
            packets, places = packets[~fits], places[~fits]
        self.refused[Refusal.CONSTANT if only else Refusal.UNKNOWN_MESSAGE] += len(packets)

    def _place(
        self,
        kind: int,
        decoded: Decoded,
        places: list[int],
        arrivals: list[int],
        found: list[_Found],
    ) -> None:
        for why in decoded.refused.values():
            self.refused[why] += 1
        names = tuple(decoded.values)
        rows = zip(*decoded.values.values(), strict=True)
        none = [None] * len(places)
        ticks = none if decoded.ticks is None else decoded.ticks
        counters = none if decoded.counters is None else decoded.counters
        samples, refused = decoded.samples, decoded.refused
        for index, (place, row, tick, counter) in enumerate(
            zip(places, rows, ticks, counters, strict=True)
        ):
            if index in refused:
                continue
            values = dict(zip(names, row, strict=True))
            if self._pairing is None:
                found[place] = Frame(arrivals[place], values, tick, None, counter)
            else:
                found[place] = kind, Part(arrivals[place], samples, values, tick, counter)


class _Route:
    """What is done with the packets of one characteristic."""

    def __init__(self) -> None:
        self.layouts: list[CompiledLayout] = []
        self.kinds: list[int] = []
        self.framing: Framing | None = None

    def frame(self, usual: int, refused: Counter[Refusal]) -> None:
        """Put together what comes in pieces. usual: samples of a packet."""
        if any(each.layout.framing for each in self.layouts):
            self.framing = Stream(self.layouts, refused)
        elif any(each.layout.continuation is not None for each in self.layouts):
            self.framing = TwoParts(self.layouts, usual, refused)
