"""Packets of OpenEarable, in the order of the scheme that the emulated device itself tells.

The inverse of `devices.codecs.openearable`. Source: OpenEarable/open_earable_flutter,
v2_sensor_value_parser.dart, edge_ml_sensor_value_parser.dart.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np

from devices.codecs.openearable import read_schemes
from devices.emulation.messages import WIDEST_MTU, Float64, Message
from firmware_profiles.schema import Profile
from firmware_profiles.steps import Expect

# Bytes of the time in a packet, by version.
_TIME_BYTES: Final = {1: 4, 2: 8}
_SPACING_BYTES: Final = 2


class OpenEarableTrack:
    """A motion as rows of the scheme; see `encoding.Track`."""

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
        options = chosen.codec.options
        data, scheme_name = chosen.codec.characteristics
        self._version = 1 if options.get("version") == 1 else 2
        sensor = options.get("sensor", 0)
        self._sensor = int(sensor) if isinstance(sensor, float) else 0
        blob = scheme_blob(profile, mode, rate_hz, scheme_name)
        scheme = (read_schemes(blob, self._version, chosen.quantities) or {}).get(self._sensor)
        if scheme is None:
            raise ValueError(f"{profile.id} has no scheme of its sensor {self._sensor}")
        self.samples = len(next(iter(values.values())))
        self._uuid = profile.uuid(data)
        self._of_packet = of_packet
        self._spacing = round(1.0 / (rate_hz * chosen.timestamp.unit_s))
        rows = np.zeros(self.samples + of_packet - 1, scheme.dtype)
        order = np.arange(len(rows)) % self.samples
        for quantity, (fields, factor) in scheme.columns.items():
            for column, name in enumerate(fields):
                numbers = values[quantity][order, column] / factor
                kind = scheme.dtype[name]
                if kind.kind in "iu":
                    limits = np.iinfo(kind)
                    numbers = np.clip(np.rint(numbers), limits.min, limits.max)
                rows[name] = numbers
        self._rows = rows

    def packets(self, first: int, ticks: int, counter: int, mtu: int = WIDEST_MTU) -> list[Message]:
        row = first % self.samples
        content = self._rows[row : row + self._of_packet].tobytes()
        width = _TIME_BYTES[self._version]
        time = (ticks & ((1 << 8 * width) - 1)).to_bytes(width, "little")
        trailer = b""
        if self._of_packet > 1:
            trailer = self._spacing.to_bytes(_SPACING_BYTES, "little")
        size = len(content) & 0xFF
        return [(self._uuid, bytes([self._sensor, size]) + time + content + trailer)]


def scheme_blob(profile: Profile, mode: str, rate_hz: float, characteristic: str) -> bytes:
    """The scheme that the device tells: read, or in answer to a request."""
    uuid = profile.uuid(characteristic)
    for step in profile.steps("start", mode, rate_hz):
        if isinstance(step, Expect) and step.characteristic == uuid:
            return step.reply
    return profile.characteristics[characteristic].initial
