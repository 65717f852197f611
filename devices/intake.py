"""Packets of all sensors of a session in, samples and watermarks in session time out.

Decodes, keeps time and drops what comes too late. No radio, no files and no clock of its own: the
same packets, links and ticks give the same samples and watermarks to the last bit, live, decoded
again or forwarded by an app.
"""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from devices.clock import DeviceClock, Timing
from devices.codec import Decoder
from devices.frame import Frame, Refusal
from devices.packets import Packet
from firmware_profiles.schema import Profile
from motion.samples import Samples, Watermark

# A watermark lies at most so much behind the newest sample (design, Order and time).
FURTHEST_BEHIND_S: Final = 0.25
# Where no sensor sends, time passes all the same, so that a silence is told and a rest ends. What
# was held up for longer than the watchdog waits (`link.LEAST_SILENCE_S`) comes too late.
SILENCE_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class SensorSetup:
    """What decoding and timing need to know of a sensor.

    mode, rate_hz, parameters: as it runs, by default the profile's own.
    """

    profile: Profile
    mode: str | None = None
    rate_hz: float | None = None
    parameters: Mapping[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class Counts:
    """What has become of a sensor's packets.

    packets: received. samples: with a session time. lost: samples that never came. duplicate:
    packets that came twice. late: samples behind a watermark, or behind newer ones. refused:
    packets by reason. links: how often a link was made. delay_s: by how much packets arrive later
    than the fastest of them, on average.
    """

    packets: int = 0
    samples: int = 0
    lost: int = 0
    duplicate: int = 0
    late: int = 0
    refused: Counter[Refusal] = field(default_factory=Counter)
    links: int = 0
    delay_s: float = 0.0


class _Sensor:
    """One sensor's way from packets to samples."""

    def __init__(self, slot: str, setup: SensorSetup, origin_ns: int) -> None:
        mode = setup.profile.mode(setup.mode)
        rate_hz = setup.profile.rate_hz(setup.mode, setup.rate_hz)
        self.slot = slot
        self.decoder = Decoder(setup.profile, setup.mode, rate_hz, setup.parameters)
        self.clock = DeviceClock(timing_of(setup), origin_ns)
        self.counts = Counts(refused=self.decoder.refused)
        self.tracked = {"acc", "gyr"} <= set(mode.quantities)
        self.newest_s = -math.inf
        self.up = True

    def timed(self, frame: Frame, watermark_s: float) -> Samples | None:
        """The samples of a frame that still count."""
        counts = self.counts
        timed = self.clock.assign(
            frame.arrival_ns, frame.samples, frame.ticks, frame.spacing_ticks, frame.counter
        )
        counts.duplicate += timed.duplicate
        counts.lost += timed.lost
        counts.late += timed.late
        counts.delay_s = self.clock.delay_s
        t_s = timed.t_s
        first = int(np.searchsorted(t_s, watermark_s, "left"))
        counts.late += first
        t_s = t_s[first:]
        if len(t_s) == 0 or not self.tracked or not {"acc", "gyr"} <= set(frame.values):
            return None
        counts.samples += len(t_s)
        self.newest_s = float(t_s[-1])
        rows = slice(frame.samples - len(t_s), None)
        return Samples.of(self.slot, t_s, frame.values["acc"][rows], frame.values["gyr"][rows])


def timing_of(setup: SensorSetup) -> Timing:
    """What of a sensor matters to its clock."""
    mode = setup.profile.mode(setup.mode)
    rate_hz = setup.profile.rate_hz(setup.mode, setup.rate_hz)
    stamp, counter = mode.timestamp, mode.counter
    return Timing(
        rate_hz=rate_hz,
        samples_per_packet=mode.samples_at(rate_hz),
        tick_s=None if stamp is None else stamp.unit_s,
        tick_bits=64 if stamp is None else stamp.width_bits,
        refers_to="first" if stamp is None else stamp.refers_to,
        counter_bits=None if counter is None else counter.width_bits,
        counter_counts="packets" if counter is None else counter.counts,
    )


class Intake:
    """Takes the packets of a session's sensors, by slot.

    origin_ns: session time 0 on the clock of the arrivals. counts: by slot.
    """

    def __init__(self, sensors: Mapping[str, SensorSetup], origin_ns: int) -> None:
        """Raises ProfileError for a mode, rate or parameter that a profile does not have."""
        self.origin_ns = origin_ns
        self.watermark_s = -math.inf
        self._sensors = {slot: _Sensor(slot, setup, origin_ns) for slot, setup in sensors.items()}
        self.counts = {slot: each.counts for slot, each in self._sensors.items()}

    def packet(self, slot: str, packet: Packet) -> list[Samples]:
        """The samples that a packet completes; never raises for what a packet holds."""
        sensor = self._sensors[slot]
        sensor.counts.packets += 1
        found = []
        for frame in sensor.decoder.push(packet):
            samples = sensor.timed(frame, self.watermark_s)
            if samples is not None:
                found.append(samples)
        return found

    def link(self, slot: str, up: bool, at_ns: int) -> None:
        """A link was made or lost."""
        sensor = self._sensors[slot]
        sensor.up = up
        if up:
            sensor.counts.links += 1
        else:
            sensor.decoder.reset()
            sensor.clock.link_down(at_ns)

    def tick(self, now_ns: int) -> Watermark | None:
        """A watermark, if there is a new one: as far as every sensor has come, and at most 250 ms
        behind the newest sample. now_ns: on the clock of the arrivals, never decreasing.
        """
        newest_s = max(each.newest_s for each in self._sensors.values())
        if newest_s == -math.inf:
            return None
        reached_s = min(each.newest_s for each in self._sensors.values())
        t_s = max(reached_s, newest_s - FURTHEST_BEHIND_S)
        t_s = max(t_s, (now_ns - self.origin_ns) / 1e9 - SILENCE_S)
        if t_s <= self.watermark_s:
            return None
        self.watermark_s = t_s
        return Watermark(t_s)
