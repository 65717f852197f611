"""The packets of one emulated stream, in time: which is next, when it is due, what befalls it.

Knows no radio and no event loop: times are given, so that the same stream can be had again. Bytes
are made in `encoding`, sent by `peripheral`.
"""

import math
import random
from dataclasses import dataclass
from typing import Final

from devices.emulation.encoding import Encoder
from devices.emulation.faults import Faults, within
from devices.emulation.messages import Message, Track
from devices.emulation.motion import Motion, Stage, at_rest

# What is nothing while a pose is held.
MOVING: Final = frozenset({"gyr", "free_acc", "delta_quaternion", "delta_velocity"})


@dataclass(slots=True)
class DeviceState:
    """What a sensor's firmware keeps from one stream to the next.

    boot_s: when its clock began. first_stream_s: when it first streamed. counter: next number to
    send. packets: made so far, sent or not.
    """

    boot_s: float
    first_stream_s: float | None = None
    counter: int = 0
    packets: int = 0


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One packet's messages, which may have to wait for the next. twice: to be sent again."""

    messages: list[Message]
    twice: bool = False
    lost: bool = False


class Stream:
    """One start of a sensor at one setting.

    began_s: when its first sample is measured. due_s: when the next packet is sent. rate_hz: true
    samples a second. ended: whether the motion has been played to its end. Times are of the clock
    that `began_s` is of.
    """

    def __init__(
        self,
        encoder: Encoder,
        motion: Motion,
        stage: Stage,
        device: DeviceState,
        began_s: float,
        faults: Faults,
        chance: random.Random,
        *,
        loop: bool = False,
    ) -> None:
        if device.first_stream_s is None:
            device.first_stream_s = began_s
        self.began_s = began_s
        self.rate_hz = encoder.rate_hz * (1.0 + faults.drift_ppm * 1e-6) * faults.rate_factor
        self.ended = False
        self.due_s = 0.0
        self.samples_per_packet = encoder.samples_per_packet
        self._encoder = encoder
        self._motion = motion
        self._stage = stage
        self._device = device
        self._life_from_s = device.first_stream_s
        self._faults = faults
        self._chance = chance
        self._loop = loop
        self._index = 0
        self._base = 0
        # Bytes of a framed stream that have not filled a piece, by characteristic.
        self._waiting: dict[str, bytes] = {}
        self._first_pose = self._pose(0)
        self._last_pose = self._pose(-1)
        # Once the stage has begun.
        self._track: Track | None = None
        self._plan()

    def sampled_s(self, sample: int) -> float:
        """When a sample is measured, counted from 0."""
        return self.began_s + sample / self.rate_hz

    @property
    def begun(self) -> bool:
        """Whether a packet has been made."""
        return self._index > 0

    def next(self, mtu: int) -> Outgoing:
        """The packet that is due, and on to the one after it."""
        if self._track is None and self._stage.origin_s is not None:
            self._set_in(self._stage.origin_s)
        encoder, device, faults = self._encoder, self._device, self._faults
        first = self._index
        self._index += self.samples_per_packet
        ticks = self._ticks(encoder.stamped(first))
        counter = device.counter
        device.counter += self.samples_per_packet if encoder.counts_samples else 1
        number = device.packets
        device.packets += 1
        life_s = self.sampled_s(first) - self._life_from_s
        self._plan()
        track, row = self._played(first)
        if (
            number in faults.lost
            or within(faults.silences, life_s) is not None
            or (faults.loss > 0.0 and self._chance.random() < faults.loss)
        ):
            return Outgoing([], lost=True)
        twice = faults.duplicates > 0.0 and self._chance.random() < faults.duplicates
        messages = track.packets(row, ticks, counter, mtu)
        if faults.garbled > 0.0 and self._chance.random() < faults.garbled:
            messages = [(uuid, self._garbled(data)) for uuid, data in messages]
        if faults.cut_bytes > 0 and self._encoder.is_framed:
            messages = self._cut(messages)
        return Outgoing(messages, twice)

    def _garbled(self, data: bytes) -> bytes:
        place = self._chance.randrange(len(data))
        return data[:place] + self._chance.randbytes(self._chance.randrange(len(data)))

    def _cut(self, messages: list[Message]) -> list[Message]:
        """The next pieces of the stream; what is too short for one waits."""
        size = self._faults.cut_bytes
        pieces = []
        for uuid, data in messages:
            waiting = self._waiting.get(uuid, b"") + data
            while len(waiting) >= size:
                pieces.append((uuid, waiting[:size]))
                waiting = waiting[size:]
            self._waiting[uuid] = waiting
        return pieces

    def _ticks(self, sample: int) -> int:
        since_boot_s = self.sampled_s(sample) - self._device.boot_s
        drift = 1.0 + self._faults.drift_ppm * 1e-6
        return math.floor(since_boot_s * drift / self._encoder.tick_s)

    def _plan(self) -> None:
        """When the next packet is sent: its last sample is measured, and no fault holds it."""
        due_s = self.sampled_s(self._index + self.samples_per_packet - 1)
        until_s = within(self._faults.stalls, due_s - self._life_from_s)
        if until_s is not None:
            due_s = self._life_from_s + until_s
        if self._faults.jitter_s > 0.0:
            due_s += self._chance.random() * self._faults.jitter_s
        self.due_s = max(self.due_s, due_s)

    def _played(self, first: int) -> tuple[Track, int]:
        """Where the samples from `first` of the stream on stand: a track, and a number in it."""
        row = self._base + first
        if self._track is None or row < 0:
            return self._first_pose, 0
        if row + self.samples_per_packet > self._track.samples:
            self.ended = True
            if not self._loop:
                return self._last_pose, 0
        return self._track, row

    def _set_in(self, origin_s: float) -> None:
        """Encode the motion on the grid of this stream's samples."""
        position = (self.began_s - origin_s) * self.rate_hz
        # A stream that begins with the stage is on its grid, whatever rounding says.
        self._base = math.floor(position + 1e-6)
        phase_s = max(0.0, position - self._base) / self.rate_hz
        if phase_s > self._motion.duration_s:
            phase_s = 0.0
        self._track = self._encoder.track(self._motion.at(self.rate_hz, phase_s))

    def _pose(self, row: int) -> Track:
        """One pose of the motion, held still."""
        count = self.samples_per_packet
        return self._encoder.track(
            {
                name: at_rest(name, count) if name in MOVING else each[[row] * count]
                for name, each in self._motion.values.items()
            }
        )
