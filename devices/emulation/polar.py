"""Frames of Polar's measurement data, as the Verity Sense sends them: bit-packed differences.

The inverse of `devices.codecs.polar_delta`; the factor of the values is what the profile's own
replies to the start commands say. Source: polarofficial/polar-ble-sdk, PmdDataFrame.kt.
"""

import struct
from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from devices.emulation.messages import ATT_HEADER_BYTES, WIDEST_MTU, Bytes, Float64, Message
from firmware_profiles.quantity import QUANTITIES
from firmware_profiles.schema import Profile
from firmware_profiles.steps import Expect

ACC: Final = 2
GYRO: Final = 5
# Measurement, compressed frame type and unit by quantity: 16 bits of mg, 16 bits of deg/s.
_FRAMES: Final = {"acc": (ACC, 1, "mg"), "gyr": (GYRO, 0, "deg/s")}
_COMPRESSED: Final = 0x80
_HEADER: Final = struct.Struct("<BQB")
_LEAST, _MOST = -(2**15), 2**15 - 1
# A reply to a start: F0 02, measurement, status, more, then settings; the factor's is 05 01 f32.
_SETTINGS: Final = 5
_FACTOR: Final = b"\x05\x01"


class PolarTrack:
    """A motion in counts of the device; see `encoding.Track`."""

    def __init__(
        self,
        profile: Profile,
        mode: str,
        rate_hz: float,
        values: Mapping[str, Float64],
        of_packet: int,
    ) -> None:
        chosen = profile.mode(mode)
        if chosen.codec is None or chosen.timestamp is None:
            raise ValueError(f"the mode {mode} of {profile.id} has no codec with a timestamp")
        self.samples = len(next(iter(values.values())))
        self._uuid = profile.uuid(chosen.codec.characteristics[0])
        self._of_packet = of_packet
        self._period_ticks = 1.0 / (rate_hz * chosen.timestamp.unit_s)
        factors = _factors(profile, mode, rate_hz)
        self._counts: list[tuple[int, int, NDArray[np.int64]]] = []
        rows = np.arange(self.samples + of_packet - 1) % self.samples
        for name in chosen.quantities:
            kind, frame_type, unit = _FRAMES[name]
            scale = factors.get(kind, 1.0) * QUANTITIES[name].units[unit]
            counts = np.clip(np.rint(values[name][rows] / scale), _LEAST, _MOST)
            self._counts.append((kind, frame_type, counts.astype(np.int64)))

    def packets(self, first: int, ticks: int, counter: int, mtu: int = WIDEST_MTU) -> list[Message]:
        row = first % self.samples
        messages = []
        for kind, frame_type, counts in self._counts:
            messages += self._frames(
                kind, frame_type, counts[row : row + self._of_packet], ticks, mtu
            )
        return messages

    def _frames(
        self, kind: int, frame_type: int, counts: NDArray[np.int64], ticks: int, mtu: int
    ) -> list[Message]:
        """One frame, or halves where one notification does not hold it. ticks: of the last."""
        content = packed(counts)
        frame = _HEADER.pack(kind, ticks, _COMPRESSED | frame_type) + content
        if len(frame) <= mtu - ATT_HEADER_BYTES or len(counts) == 1:
            return [(self._uuid, frame)]
        half = len(counts) // 2
        earlier = ticks - round((len(counts) - half) * self._period_ticks)
        return [
            *self._frames(kind, frame_type, counts[:half], earlier, mtu),
            *self._frames(kind, frame_type, counts[half:], ticks, mtu),
        ]


def packed(counts: NDArray[np.int64]) -> bytes:
    """Samples (n, 3): the first in full, then the differences with as few bits as they need."""
    reference = bytes(counts[0].astype("<i2").tobytes())
    deltas = np.diff(counts, axis=0)
    if len(deltas) == 0:
        return reference
    # Signed: n bits hold -2^(n-1) to 2^(n-1) - 1.
    largest = int(np.max(np.where(deltas < 0, -deltas - 1, deltas)))
    bits = largest.bit_length() + 1
    cells: Bytes = ((deltas.reshape(-1, 1) >> np.arange(bits)) & 1).astype(np.uint8)
    stream = bytes(np.packbits(cells.reshape(-1), bitorder="little").tobytes())
    return reference + bytes([bits, len(deltas)]) + stream


def _factors(profile: Profile, mode: str, rate_hz: float) -> dict[int, float]:
    """Factor of the values by measurement, as the replies to the start commands tell it."""
    factors = {}
    for step in profile.steps("start", mode, rate_hz):
        if isinstance(step, Expect) and step.reply[:2] == b"\xf0\x02":
            settings = step.reply[_SETTINGS:]
            if settings[:2] == _FACTOR:
                factors[step.reply[2]] = float(struct.unpack_from("<f", settings, 2)[0])
    return factors
