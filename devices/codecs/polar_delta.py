"""Polar measurement data (PMD): acceleration and angular rate in delta-compressed frames.

A frame is one reference sample and blocks of bit-packed differences to the sample before. The
factor of the values is told in the reply to the start command. Both streams carry the device's
time, by which their samples are paired. Source: polarofficial/polar-ble-sdk, PmdDataFrame.kt,
AccData.kt, GyrData.kt, PmdTimeStampUtils.kt.
"""

import math
import struct
from collections import Counter, deque
from typing import Final

import numpy as np
from numpy.typing import NDArray

from devices.frame import Float64, Frame, Refusal
from devices.packets import Packet
from firmware_profiles.byte_pattern import LONGEST_VALUE
from firmware_profiles.quantity import QUANTITIES
from firmware_profiles.schema import Mode, Profile

ACC: Final = 2
GYRO: Final = 5
_QUANTITY: Final = {ACC: "acc", GYRO: "gyr"}

# (measurement, compressed frame type): bits of a channel of the reference sample, unit.
_FRAMES: Final = {
    (ACC, 0): (16, "g"), (ACC, 1): (16, "mg"), (GYRO, 0): (16, "deg/s"), (GYRO, 1): (32, "deg/s"),
}  # fmt: skip
_COMPRESSED: Final = 0x80
_CHANNELS: Final = 3
_HEADER: Final = struct.Struct("<BQB")
_BLOCK: Final = 2

# A reply: F0, command, measurement, status, whether more follows, then the settings.
_REPLY: Final = 0xF0
_START: Final = 2
_SUCCESS: Final = 0
_SETTINGS: Final = 5
_FACTOR: Final = 5
_SETTING_WIDTHS: Final = {0: 2, 1: 2, 2: 2, 3: 4, 4: 1, _FACTOR: 4}

# One bit for each of three channels fills the longest packet with so many samples.
MOST_SAMPLES: Final = 8 * LONGEST_VALUE // _CHANNELS

# Samples of one stream that wait for the other: two of the longest frames.
LONGEST_QUEUE: Final = 2 * MOST_SAMPLES

# A frame later than half as much again after the one before follows a lost one.
_LATEST: Final = 1.5


class PolarDelta:
    """Decodes the streams that the mode's quantities ask for.

    Its characteristics are the data and the control point, in this order. option
    `factor_from_reply`: 1 where values are refused until the reply to the start command has told
    their factor; otherwise it is 1 until then.
    """

    def __init__(
        self, profile: Profile, mode: Mode, rate_hz: float, refused: Counter[Refusal]
    ) -> None:
        choice = mode.codec
        names = [] if choice is None else choice.characteristics
        uuids = [profile.uuid(name) for name in names]
        self._data = uuids[0]
        self._refused = refused
        self._needs_reply = choice is not None and choice.options.get("factor_from_reply") == 1
        self._wanted = [kind for kind, name in _QUANTITY.items() if name in mode.quantities]
        self._period_ns = 1e9 / rate_hz
        self._factors: dict[int, float] = {}
        self._previous: dict[int, int] = {}
        self._waiting: dict[int, deque[tuple[int, Float64]]] = {
            kind: deque() for kind in self._wanted
        }

    def push(self, packet: Packet) -> list[Frame]:
        data = bytes(packet.data)
        if len(data) > LONGEST_VALUE:
            self._refused[Refusal.TOO_LONG] += 1
            return []
        if packet.characteristic != self._data:
            self._read_reply(data)
            return []
        if len(data) < _HEADER.size:
            self._refused[Refusal.TOO_SHORT] += 1
            return []
        kind_byte, ticks, frame_type = _HEADER.unpack_from(data)
        kind = kind_byte & 0x3F
        layout = _FRAMES.get((kind, frame_type & ~_COMPRESSED))
        if kind not in self._wanted or layout is None or not frame_type & _COMPRESSED:
            self._refused[Refusal.UNKNOWN_MESSAGE] += 1
            return []
        if self._needs_reply and kind not in self._factors:
            self._refused[Refusal.CODEC] += 1
            return []
        bits, unit = layout
        numbers = unpacked(data[_HEADER.size :], bits)
        if numbers is None:
            self._refused[Refusal.TOO_SHORT] += 1
            return []
        scale = self._factors.get(kind, 1.0) * QUANTITIES[_QUANTITY[kind]].units[unit]
        with np.errstate(all="ignore"):
            if bits == 32:
                numbers = (numbers & 0xFFFFFFFF).astype(np.uint32).view(np.float32)
            values = numbers.astype(np.float64) * scale
        if not np.isfinite(values).all():
            self._refused[Refusal.NOT_FINITE] += 1
            return []
        previous = self._previous.get(kind)
        self._previous[kind] = ticks
        if len(self._wanted) == 1:
            values.flags.writeable = False
            return [Frame(packet.arrival_ns, {_QUANTITY[kind]: values}, ticks, None, None)]
        times = sample_times(ticks, len(values), previous, self._period_ns)
        return self._paired(packet.arrival_ns, kind, times, values)

    def reset(self) -> None:
        for queue in self._waiting.values():
            self._refused[Refusal.UNPAIRED] += len(queue)
            queue.clear()
        self._previous.clear()

    def _paired(self, arrival_ns: int, kind: int, times: list[int], values: Float64) -> list[Frame]:
        """The samples that now have a partner, at most half a period away."""
        own = self._waiting[kind]
        own.extend(zip(times, values, strict=True))
        first, second = (self._waiting[each] for each in self._wanted)
        pairs: list[tuple[int, Float64, Float64]] = []
        while first and second:
            apart_ns = second[0][0] - first[0][0]
            if 2 * abs(apart_ns) <= self._period_ns:
                ticks, row = first.popleft()
                pairs.append((ticks, row, second.popleft()[1]))
            else:
                (first if apart_ns > 0 else second).popleft()
                self._refused[Refusal.UNPAIRED] += 1
        while len(own) > LONGEST_QUEUE:
            own.popleft()
            self._refused[Refusal.UNPAIRED] += 1
        if not pairs:
            return []
        joined = {
            _QUANTITY[each]: np.array([pair[column] for pair in pairs])
            for column, each in enumerate(self._wanted, 1)
        }
        for array in joined.values():
            array.flags.writeable = False
        last = pairs[-1][0]
        spacing = (last - pairs[0][0]) // (len(pairs) - 1) if len(pairs) > 1 else 0
        return [Frame(arrival_ns, joined, last, spacing if spacing > 0 else None, None)]

    def _read_reply(self, data: bytes) -> None:
        """Take the factor from the reply to a start command; other replies say nothing of it."""
        if len(data) < _SETTINGS or data[0] != _REPLY:
            return
        if data[1] != _START or data[2] not in self._wanted or data[3] != _SUCCESS:
            return
        factor, position = 1.0, _SETTINGS
        while position + 2 <= len(data):
            setting, count = data[position : position + 2]
            position += 2
            width = _SETTING_WIDTHS.get(setting)
            if width is None or position + count * width > len(data):
                self._refused[Refusal.CODEC] += 1
                return
            if setting == _FACTOR and count:
                factor = struct.unpack_from("<f", data, position)[0]
            position += count * width
        if np.isfinite(factor) and factor > 0.0:
            self._factors[data[2]] = factor
        else:
            self._refused[Refusal.NOT_FINITE] += 1


def unpacked(content: bytes, bits: int) -> NDArray[np.int64] | None:
    """Samples of a compressed frame, shape (n, 3), as whole numbers; None where bytes are missing.

    content: what follows the frame's header. bits: of one channel of the reference sample.
    """
    width = bits // 8
    start = _CHANNELS * width
    if len(content) < start:
        return None
    reference = [
        int.from_bytes(content[channel * width : (channel + 1) * width], "little", signed=True)
        for channel in range(_CHANNELS)
    ]
    blocks = [np.array([reference], np.int64)]
    samples = 1
    while start < len(content):
        if start + _BLOCK > len(content):
            return None
        delta_bits, count = content[start], content[start + 1]
        start += _BLOCK
        used = (delta_bits * count * _CHANNELS + 7) // 8
        samples += count
        if delta_bits > 32 or start + used > len(content) or samples > MOST_SAMPLES:
            return None
        blocks.append(_deltas(content[start : start + used], delta_bits, count))
        start += used
    return np.cumsum(np.concatenate(blocks), axis=0)


def _deltas(packed: bytes, bits: int, count: int) -> NDArray[np.int64]:
    numbers = np.zeros(count * _CHANNELS, np.int64)
    if bits:
        stream = np.unpackbits(np.frombuffer(packed, np.uint8), bitorder="little")
        each = stream[: count * _CHANNELS * bits].reshape(-1, bits)
        for bit in range(bits):
            numbers |= each[:, bit].astype(np.int64) << bit
        sign = np.int64(1 << (bits - 1))
        numbers = (numbers ^ sign) - sign
    return numbers.reshape(count, _CHANNELS)


def sample_times(ticks: int, samples: int, previous: int | None, period_ns: float) -> list[int]:
    """Device times of a frame's samples, of which the last has the time `ticks`, nanoseconds.

    Evenly spread since the frame before, whose time is `previous`; at the nominal period where
    there is none or one was lost between them.
    """
    step = period_ns
    if previous is not None and 0 < ticks - previous <= _LATEST * samples * period_ns:
        step = (ticks - previous) / samples
    # From the end, as the time of the last sample is exact and a large float is not.
    return [ticks - math.ceil((samples - 1 - index) * step) for index in range(samples)]
