"""The intake: packets of all sensors of a session become samples and watermarks in session time.

Decodes, assigns times, drops what comes behind a watermark, and counts. A pure function of packets,
link changes and ticks in their order: no clock and no radio is read here.
"""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

import numpy as np

from devices.clock import DeviceClock, Timing
from devices.codec import Decoder, Frame, Refusal
from devices.packets import Packet
from firmware_profiles.schema import Profile
from motion.samples import Float32, Samples, Watermark

# How far the watermark may be behind the newest sample (design, Order and time).
FURTHEST_BEHIND_S: Final = 0.25
# When nothing comes from anyone, session time goes on so far behind the host's clock: a stall of
# the radio that is shorter loses nothing of a session with one sensor, and after a longer one the
# link is restarted. Pauses and the end of a session must not wait for a sensor that is gone.
PATIENCE_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class SensorSetup:
    """What a slot's packets are read with. By default the profile's own mode, rate, parameters."""

    profile: Profile
    mode: str | None = None
    rate_hz: float | None = None
    parameters: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(slots=True)
class Counts:
    """What became of a sensor's packets so far.

    packets: that came. samples: handed on. lost: that never came, by timestamps, counters or the
    time that passed. duplicate: frames that came before. late: samples dropped because a newer one
    or a watermark was out. segments: stretches of time without a step. reconnects: times the link
    came back. overflow: packets that a full queue has dropped before they came here. refused: by
    the decoder, by reason.
    """

    packets: int = 0
    samples: int = 0
    lost: int = 0
    duplicate: int = 0
    late: int = 0
    segments: int = 0
    reconnects: int = 0
    overflow: int = 0
    refused: Counter[Refusal] = field(default_factory=Counter)


@dataclass(slots=True)
class _Sensor:
    """One slot at work. newest_s: time of its newest sample."""

    decoder: Decoder
    clock: DeviceClock
    counts: Counts
    newest_s: float = -math.inf
    linked: bool = True


def _as_float32(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Float32:
    # What is too large for a float32 becomes infinite, which the engine takes for no sample.
    with np.errstate(over="ignore"):
        return values.astype(np.float32)


class Intake:
    """Packets, link changes and ticks go in; samples and watermarks in session time come out.

    Between two watermarks samples of different sensors come in any order, those of one sensor in
    theirs; nothing comes at or before a watermark that is out. counts: by slot.
    """

    def __init__(self, sensors: Mapping[str, SensorSetup], origin_ns: int) -> None:
        """origin_ns: the arrival that is session time 0. Raises firmware_profiles' ProfileError."""
        self.origin_ns = origin_ns
        self.watermark_s = -math.inf
        self._sensors = {}
        for slot, setup in sensors.items():
            decoder = Decoder(setup.profile, setup.mode, setup.rate_hz, setup.parameters or None)
            timing = Timing.of(setup.profile, setup.mode, setup.rate_hz)
            counts = Counts(refused=decoder.refused)
            self._sensors[slot] = _Sensor(decoder, DeviceClock(timing, origin_ns), counts)

    @property
    def counts(self) -> dict[str, Counts]:
        return {slot: sensor.counts for slot, sensor in self._sensors.items()}

    def delay_s(self, slot: str) -> float:
        """By how much a sensor's packets come later than the fastest of them, on average."""
        return self._sensors[slot].clock.delay_s

    def packet(self, slot: str, packet: Packet) -> list[Samples]:
        """Samples that a packet completes. Raises KeyError on a slot that is not there."""
        sensor = self._sensors[slot]
        sensor.counts.packets += 1
        given = []
        for frame in sensor.decoder.push(packet):
            samples = self._timed(slot, sensor, frame)
            if samples is not None:
                given.append(samples)
        return given

    def _timed(self, slot: str, sensor: _Sensor, frame: Frame) -> Samples | None:
        acc, gyr = frame.values.get("acc"), frame.values.get("gyr")
        if acc is None or gyr is None:
            return None
        counts = sensor.counts
        n = len(acc)
        timed = sensor.clock.assign(
            frame.arrival_ns, n, frame.ticks, frame.spacing_ticks, frame.counter
        )
        counts.lost += timed.lost
        counts.duplicate += timed.duplicate
        counts.segments = timed.segment + 1
        t_s = timed.t_s
        if t_s.size:
            sensor.newest_s = float(t_s[-1])
        behind = int(np.searchsorted(t_s, self.watermark_s, "right"))
        counts.late += timed.late + behind
        t_s = t_s[behind:]
        if not t_s.size:
            return None
        counts.samples += t_s.size
        rows = slice(n - t_s.size, n)
        return Samples(slot, t_s, _as_float32(acc[rows]), _as_float32(gyr[rows]))

    def link(self, slot: str, up: bool, at_ns: int) -> None:
        """The link of a sensor came up or went down, at `at_ns` on the host's steady clock.

        Raises KeyError on a slot that is not there.
        """
        sensor = self._sensors[slot]
        if up and not sensor.linked:
            sensor.counts.reconnects += 1
        if not up:
            sensor.clock.link_down()
        sensor.linked = up
        sensor.decoder.reset()

    def tick(self, now_ns: int) -> Watermark | None:
        """The next watermark, if it has advanced; to be called every 100 ms.

        It stands at the newest sample of the sensor that is furthest behind, since no older one of
        any can come, but at most 250 ms behind the newest of all: a sensor that is silent or late,
        or whose link is down, holds it back no longer.
        """
        newest_s = max((sensor.newest_s for sensor in self._sensors.values()), default=-math.inf)
        if newest_s == -math.inf:
            return None
        now_s = (now_ns - self.origin_ns) / 1e9
        newest_s = min(newest_s, now_s)
        safe_s = min(
            (sensor.newest_s for sensor in self._sensors.values() if sensor.linked),
            default=newest_s,
        )
        t_s = max(min(safe_s, newest_s), newest_s - FURTHEST_BEHIND_S, now_s - PATIENCE_S)
        if not t_s > self.watermark_s:
            return None
        self.watermark_s = t_s
        return Watermark(t_s)
