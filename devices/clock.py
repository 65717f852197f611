"""A sensor's clock: the session time of every sample, from arrivals, timestamps and counters.

Unwraps timestamps, finds what is lost or came twice, notices a clock that began anew, and assigns
each sample its time once. The line between both clocks is `envelope`'s; packets are `codec`'s.
"""

import math
from collections import deque
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, Self

import numpy as np

from devices.envelope import Envelope
from firmware_profiles.schema import Profile
from motion.samples import Float64
from motion.snapshot import pack, restored

# Times are corrected at no more than this, as a share of what passes (design, the way of a sample):
# a gyroscope's scale is known to 1 %, twenty times worse.
LARGEST_SLEW: Final = 500e-6
# What is off by more takes longer than 10 s to slew away, in which a person does two or three
# repetitions; one marked step costs less. It is half a sample at 100 Hz, so that even a step back
# drops none. When both clocks slip past each other, the freshest sample of a radio event comes up
# to one sample period earlier than any before: half of those first slips are steps.
LARGEST_ERROR_S: Final = 10.0 * LARGEST_SLEW
# Delays that have grown for good are no error of the times before: a device's clock that tells how
# much time has passed is brought to them within a minute without a step.
LARGEST_RISE_S: Final = 60.0 * LARGEST_SLEW
# Errors shrink with this time constant, while they are small enough.
CORRECTION_S: Final = 1.0

# The first packet may have waited for a whole connection interval (50 ms on the phones and hosts
# that wearables meet). Its samples are put that much before its arrival: what is learned next then
# moves times forwards, for which no sample has to be dropped.
FIRST_DELAY_S: Final = 0.05
# ... and is applied, as one step, after ten such intervals, and again once forty have told more,
ACQUIRE_S: Final = (0.5, 2.0)
# ... unless it is so small that it is slewed within 2 s.
ACQUIRED_ERROR_S: Final = 2.0 * LARGEST_SLEW

# Of the drift between a device's clock and the host's: crystals are good to 50 ppm each, RC
# oscillators to 250 ppm; what is beyond is told within a minute.
CLOCK_DRIFT_SD: Final = 100e-6
# Sampling by a sensor chip's own oscillator is off by up to 5 % from its nominal rate.
RATE_SD: Final = 0.02
# Radio events and samples slip past each other in 200 s at 100 Hz and 50 ppm: three such slips show
# the true rate. A crystal drifts by 2 ppm with the warmth of a body, 1 ms in this time.
CLOCK_HORIZON_S: Final = 600.0
# A sensor chip's oscillator drifts by about 50 ppm a kelvin: 0.5 K a minute bend its line by 0.4 ms
# within this time.
RATE_HORIZON_S: Final = 120.0

# A line's ends may be off by a sample period at 100 Hz, while both clocks slip past each other.
SLIP_S: Final = 0.01
# What arrives so much ahead of the envelope is either sent by a clock that has begun anew, or a
# start from a full buffer.
FURTHEST_AHEAD_S: Final = 0.5
# No wearable buffers more: 100 Hz of six values are 12 kB. Older ones are of another clock.
LONGEST_BACKLOG_S: Final = 10.0
# After a link loss a clock that has begun anew must not pass for one that is only late, by chance
# of its wrap: the share of the wrap that counts as late.
LONGEST_CHANCE: Final = 1.0 / 500.0
# One packet ahead of the envelope may be a damaged timestamp; a second one within this time is not.
CONFIRM_S: Final = 1.0
# Bluetooth's longest connection interval: no stream pauses longer and goes on.
LONGEST_INTERVAL_S: Final = 4.0
# So many packets older than the newest, each newer than the one before: the clock went back.
BACKWARD_PACKETS: Final = 3
# Timestamps remembered to tell a packet that came again from one that came late.
REMEMBERED: Final = 64

# The sampling period in device seconds is learned over a minute: a chip's oscillator follows the
# warmth of a body within several.
PERIOD_MEMORY_S: Final = 60.0
# Timestamps are taken this precisely at best: interrupt latency.
TIMESTAMP_SD_S: Final = 0.2e-3
# Sensors have been seen to send twice as fast as asked. One that is slower cannot be told from one
# that loses every other sample.
SHORTEST_PERIOD: Final = 0.25
LONGEST_PERIOD: Final = 1.25
# Ticks coarser than this share of the sampling period are smoothed, over so many packets.
COARSE_TICK: Final = 0.2
SMOOTHING_PACKETS: Final = 16
# Delays of a sensor that has neither timestamp nor counter are watched over windows of this length.
FLOOR_WINDOW_S: Final = 1.0
FLOOR_PACKETS: Final = 4

_KIND: Final = "device clock"


@dataclass(frozen=True, slots=True)
class Timing:
    """What of a sensor's packets matters to time.

    rate_hz: nominal. samples_per_packet: nominal. tick_s: unit of the timestamp in seconds, None
    without one; tick_bits: its width; refers_to: the sample of a packet that it belongs to.
    counter_bits: width of the sequence counter, None without one.
    """

    rate_hz: float
    samples_per_packet: int = 1
    tick_s: float | None = None
    tick_bits: int = 32
    refers_to: Literal["first", "last"] = "last"
    counter_bits: int | None = None
    counter_counts: Literal["packets", "samples"] = "packets"

    @classmethod
    def of(cls, profile: Profile, mode: str | None = None, rate_hz: float | None = None) -> Self:
        """Of a profile's mode at a rate, both by default the profile's own; raises ProfileError."""
        chosen = profile.mode(mode)
        rate_hz = profile.rate_hz(mode, rate_hz)
        timing = cls(rate_hz, chosen.samples_at(rate_hz))
        if chosen.timestamp is not None:
            stamp = chosen.timestamp
            timing = replace(
                timing,
                tick_s=stamp.unit_s,
                tick_bits=stamp.width_bits,
                refers_to=stamp.refers_to,
            )
        if chosen.counter is not None:
            timing = replace(
                timing,
                counter_bits=chosen.counter.width_bits,
                counter_counts=chosen.counter.counts,
            )
        return timing

    def __post_init__(self) -> None:
        """Raises ValueError on what no sensor has."""
        tick_s = 1.0 if self.tick_s is None else self.tick_s
        if not (0.0 < self.rate_hz < math.inf and 0.0 < tick_s < math.inf):
            raise ValueError("rate_hz and tick_s must be positive and finite")
        counter_bits = 1 if self.counter_bits is None else self.counter_bits
        if self.samples_per_packet < 1 or self.tick_bits < 1 or counter_bits < 1:
            raise ValueError("samples_per_packet, tick_bits and counter_bits must be at least 1")


@dataclass(frozen=True, slots=True, eq=False)
class Timed:
    """Session times of a packet's samples.

    t_s: (k,) session seconds of the last k of the packet's samples, strictly increasing. segment:
    number of the stretch of time without a step that they belong to. lost: samples missing before
    them. duplicate: the packet had come before. late: samples without a time, because newer ones
    have theirs.
    """

    t_s: Float64
    segment: int
    lost: int = 0
    duplicate: bool = False
    late: int = 0


@dataclass(slots=True)
class _Floor:
    """The least delay of a window of arrivals."""

    start_s: float
    least_s: float = math.inf
    packets: int = 0


class DeviceClock:
    """Assigns the samples of one sensor their session times.

    What it does depends on arrival, ticks and counter alone: the same packets give the same times
    to the last bit, also from a snapshot. Times strictly increase over the life of the sensor.
    Within a segment they advance by `period_s` a sample, corrected by at most 500 ppm; where
    samples are missing, by the device time that has passed.
    """

    def __init__(self, timing: Timing, origin_ns: int) -> None:
        """origin_ns: the arrival that is session time 0."""
        self.timing = timing
        self._origin_ns = origin_ns
        self._arrival_ns: int | None = None
        self._segment = 0
        self._broken = False
        ticked = timing.tick_s is not None
        self._prior = (0.0, CLOCK_DRIFT_SD if ticked else RATE_SD)
        self._envelope: Envelope | None = None
        # Device time 0, in unwrapped ticks.
        self._epoch = 0
        self._newest = 0
        self._counter: int | None = None
        self._seen: deque[int] = deque(maxlen=REMEMBERED)
        self._older = 0
        self._older_at = 0
        self._doubt_s: float | None = None
        # Device time of the newest sample, and the device seconds from one to the next.
        self._device_s = 0.0
        self._nominal_s = 1.0 / timing.rate_hz
        self._period_s = self._nominal_s
        self._period_sd = RATE_SD
        self._told = False
        self._sums = (1.0, 0.0, 0.0, 0.0, 0.0)
        self._learned_s = 0.0
        self._blind_steps = 0
        self._smoothed = 0
        self._jitter_s = 0.0
        # Session time of the newest sample, and of the newest that was handed out.
        self._t_s = 0.0
        self._given_s = -math.inf
        self._error_s = 0.0
        self._since_s = 0.0
        self._acquired = 0
        self._delay_s = 0.0
        self._packets = 0
        self._floors: deque[_Floor] = deque(maxlen=2)

    # What is known

    @property
    def period_s(self) -> float:
        """Session seconds from one sample to the next, as learned."""
        return self._period_s * self._rate

    @property
    def drift(self) -> float:
        """Session seconds a device second, less one; 0 before the first packet."""
        return 0.0 if self._envelope is None else self._envelope.drift

    @property
    def delay_s(self) -> float:
        """By how much packets arrive later than the fastest of them, on average."""
        return self._delay_s

    @property
    def sd_s(self) -> float:
        """Standard deviation of the session time that is assigned, the least delay apart.

        How far samples may wait for a radio event that never comes right after one, how well the
        least of so many delays is known, and what is still to be corrected.
        """
        if self._envelope is None:
            return math.inf
        waiting = self.period_s * self.period_s / 12.0
        known = self._delay_s / self._packets
        return math.sqrt(waiting + known * known + self._error_s * self._error_s)

    @property
    def _rate(self) -> float:
        return 1.0 + self.drift

    @property
    def _tick_s(self) -> float:
        return 0.0 if self.timing.tick_s is None else self.timing.tick_s

    @property
    def _coarse(self) -> bool:
        return self._tick_s > COARSE_TICK * self._nominal_s

    # What comes in

    def link_down(self) -> None:
        """The link is lost: the next packet opens a new segment.

        A device clock that went on is recognised by its timestamps; a count cannot be continued.
        """
        self._broken = self._envelope is not None

    def assign(
        self,
        arrival_ns: int,
        n: int,
        ticks: int | None = None,
        spacing_ticks: int | None = None,
        counter: int | None = None,
    ) -> Timed:
        """Session times of the `n` samples of a packet.

        arrival_ns: on the host's steady clock. ticks, counter: as sent. spacing_ticks: from one
        sample to the next, where the packet says so.
        """
        if n < 1:
            return self._nothing()
        if self._arrival_ns is None or arrival_ns > self._arrival_ns:
            gap_s = 0.0 if self._arrival_ns is None else (arrival_ns - self._arrival_ns) / 1e9
            self._arrival_ns = arrival_ns
        else:
            gap_s = 0.0
        arrival_s = (self._arrival_ns - self._origin_ns) / 1e9
        if self.timing.tick_s is None:
            return self._counted(arrival_s, gap_s, n, counter)
        if ticks is None:
            # A packet that carries no time continues the count of samples.
            return self._blind(arrival_s, n, None)
        return self._ticked(arrival_s, gap_s, n, ticks, spacing_ticks, counter, self.timing.tick_s)

    def _nothing(self, late: int = 0, duplicate: bool = False) -> Timed:
        return Timed(np.empty(0), self._segment, late=late, duplicate=duplicate)

    def _ticked(
        self,
        arrival_s: float,
        gap_s: float,
        n: int,
        ticks: int,
        spacing_ticks: int | None,
        counter: int | None,
        tick_s: float,
    ) -> Timed:
        spacing_s = self._period_s
        if spacing_ticks is not None and spacing_ticks > 0:
            stated_s = spacing_ticks * tick_s
            if SHORTEST_PERIOD <= stated_s / self._nominal_s <= LONGEST_PERIOD:
                spacing_s = stated_s
        after_s = (n - 1) * spacing_s if self.timing.refers_to == "first" else 0.0
        envelope = self._envelope
        if envelope is None:
            return self._begin(arrival_s, n, ticks, after_s, counter)
        wrap = 1 << self.timing.tick_bits
        ahead_s = min(FURTHEST_AHEAD_S, 0.25 * wrap * tick_s)
        latest = self._epoch + math.floor((envelope.device_at(arrival_s) + ahead_s) / tick_s)
        unwrapped = latest - (latest - ticks) % wrap
        device_s = (unwrapped - self._epoch) * tick_s + after_s
        late_s = arrival_s - envelope.at(device_s)
        longest_s = LONGEST_BACKLOG_S
        if self._broken:
            longest_s = min(longest_s, LONGEST_CHANCE * wrap * tick_s)
        if late_s > longest_s:
            if self._doubtful(arrival_s, gap_s):
                return self._blind(arrival_s, n, counter)
            return self._begin(arrival_s, n, ticks, after_s, counter)
        # Ticks longer than a packet come twice without a packet that does.
        told_apart = tick_s < 0.9 * self.timing.samples_per_packet * self._nominal_s
        if unwrapped < self._newest or (told_apart and unwrapped == self._newest):
            if told_apart and unwrapped in self._seen:
                return self._nothing(duplicate=True)
            self._older = self._older + 1 if unwrapped > self._older_at or not self._older else 1
            self._older_at = unwrapped
            if self._older < BACKWARD_PACKETS:
                return self._nothing(late=n)
            return self._begin(arrival_s, n, ticks, after_s, counter)
        self._older = 0
        sooner = late_s < -LARGEST_ERROR_S and self._acquired > 0
        if sooner and self._doubtful(arrival_s, gap_s):
            return self._blind(arrival_s, n, counter)
        centre_s = device_s + 0.5 * tick_s
        missing = self._missing(n, centre_s, counter)
        lost = max(0, missing)
        self._newest = unwrapped
        self._seen.append(unwrapped)
        if self._outdated(gap_s):
            return self._begin(arrival_s, n, ticks, after_s, counter, lost=lost)
        if sooner:
            # Delays are less from now on: what came before does not bound them, and would tilt the
            # line.
            envelope = self._renew(device_s, arrival_s)
        else:
            envelope.add(device_s, arrival_s)
        before_s = self._device_s
        steps = n + missing
        self._learn(steps, centre_s)
        expected_s = before_s + steps * self._period_s
        off_s = centre_s - expected_s
        passed_s = (n + lost) * self._period_s
        if abs(off_s) < max(n * self._period_s, tick_s) and lost * self._period_s < 1.0:
            self._smoothed = min(self._smoothed + 1, SMOOTHING_PACKETS)
            self._jitter_s += (abs(off_s) - self._jitter_s) / SMOOTHING_PACKETS
            self._device_s = expected_s + off_s / self._smoothed
        else:
            self._smoothed = 1
            self._device_s = centre_s
            passed_s = centre_s - before_s
        return self._move(envelope, arrival_s, n, passed_s, lost)

    def _doubtful(self, arrival_s: float, gap_s: float) -> bool:
        """Whether a timestamp that fits nothing may be a damaged one: until a second one comes.

        Not after a pause, in which the device may well have begun anew.
        """
        alone = self._doubt_s is None or arrival_s - self._doubt_s > CONFIRM_S
        self._doubt_s = arrival_s if alone else None
        return alone and not self._broken and gap_s <= CONFIRM_S

    def _missing(self, n: int, centre_s: float, counter: int | None) -> int:
        """Samples lost between the newest one and a packet whose last sample is at `centre_s`.

        Negative where so many were taken for lost before and were not.
        """
        deviation = (centre_s - self._device_s) / self._period_s - n
        size = self.timing.samples_per_packet
        if counter is not None and self.timing.counter_bits is not None:
            before, self._counter = self._counter, counter
            if before is not None:
                wrap = 1 << self.timing.counter_bits
                unit = size if self.timing.counter_counts == "packets" else 1
                step = n if self.timing.counter_counts == "samples" else 1
                likely = max(0, round(deviation / unit))
                low = likely - wrap // 2
                return max(0, low + (counter - before - step - low) % wrap) * unit
        # What is missed by too high a threshold is found with the next packet.
        scatter = min(0.85, 5.0 * self._jitter_s / self._period_s)
        tolerance = max(0.5, 0.25 + 0.5 * self._tick_s / self._period_s, scatter)
        if not self._told:
            tolerance = max(tolerance, 0.85) + 2.0 * RATE_SD * n
        if deviation > tolerance:
            return round(deviation)
        # Timestamps that jitter have shown a loss that was none.
        return max(-n, round(deviation)) if self._told and deviation < -tolerance else 0

    def _learn(self, steps: int, centre_s: float) -> None:
        """Take a packet `steps` samples after the one before into the estimate of the period.

        Least squares of device time on sample number with exponential forgetting; the sums are
        about the newest sample, device time in what it differs from the nominal.
        """
        count, x, xx, v, xv = self._sums
        steps += self._blind_steps
        self._blind_steps = 0
        over_s = centre_s - self._learned_s - steps * self._nominal_s
        self._learned_s = centre_s
        if steps * self._nominal_s > LONGEST_INTERVAL_S or abs(over_s) > LONGEST_INTERVAL_S:
            # How many are missing is not known to one; start anew from what is known.
            self._restart_period()
            return
        xv += -over_s * x - steps * v + steps * over_s * count
        v -= over_s * count
        xx += steps * (steps * count - 2.0 * x)
        x -= steps * count
        kept = max(0.0, 1.0 - steps * self._nominal_s / PERIOD_MEMORY_S)
        count, x, xx, v, xv = kept * count + 1.0, kept * x, kept * xx, kept * v, kept * xv
        self._sums = (count, x, xx, v, xv)
        spread = xx - x * x / count
        if spread > 0.0:
            error_s = max(self._tick_s / math.sqrt(12.0), TIMESTAMP_SD_S, self._jitter_s)
            doubt = error_s / (self._period_sd * self._nominal_s)
            ratio = 1.0 + (xv - x * v / count) / (spread + doubt * doubt) / self._nominal_s
            ratio = max(SHORTEST_PERIOD, min(LONGEST_PERIOD, ratio))
            self._period_s = self._nominal_s * ratio
            self._told = spread > 100.0 * doubt * doubt

    def _restart_period(self) -> None:
        """Forget from what the period was learned, and keep it as the nominal one."""
        if self._told:
            self._period_sd = RATE_SD / 10.0
        self._nominal_s = self._period_s
        self._told = False
        self._sums = (1.0, 0.0, 0.0, 0.0, 0.0)

    def _counted(self, arrival_s: float, gap_s: float, n: int, counter: int | None) -> Timed:
        """A sensor without timestamps: the number of its samples is its clock."""
        envelope = self._envelope
        if envelope is None or self._broken:
            return self._begin(arrival_s, n, 0, 0.0, counter)
        lost = 0
        bits = self.timing.counter_bits
        if counter is not None and bits is not None and self._counter is not None:
            packets = self.timing.counter_counts == "packets"
            unit = self.timing.samples_per_packet if packets else 1
            ahead_s = min(FURTHEST_AHEAD_S, 0.25 * (1 << bits) * unit * self._nominal_s)
            expected_s = envelope.device_at(arrival_s) + ahead_s - self._device_s
            latest = self._newest + math.floor(expected_s / (unit * self._nominal_s))
            unwrapped = latest - (latest - counter) % (1 << bits)
            late_s = arrival_s - envelope.at(
                self._device_s + (unwrapped - self._newest) * unit * self._nominal_s
            )
            if late_s > LONGEST_BACKLOG_S:
                return self._begin(arrival_s, n, 0, 0.0, counter)
            if unwrapped <= self._newest:
                if unwrapped in self._seen:
                    return self._nothing(duplicate=True)
                self._older = (
                    self._older + 1 if unwrapped > self._older_at or not self._older else 1
                )
                self._older_at = unwrapped
                if self._older < BACKWARD_PACKETS:
                    return self._nothing(late=n)
                return self._begin(arrival_s, n, 0, 0.0, counter)
            self._older = 0
            lost = max(0, unwrapped - self._newest - (1 if packets else n)) * unit
            self._newest = unwrapped
            self._seen.append(unwrapped)
        elif gap_s > LONGEST_INTERVAL_S:
            return self._begin(arrival_s, n, 0, 0.0, counter)
        if self._outdated(gap_s):
            return self._begin(arrival_s, n, 0, 0.0, counter, lost=lost)
        steps = n + lost
        self._device_s += steps * self._period_s
        late_s = arrival_s - envelope.at(self._device_s)
        envelope.add(self._device_s, arrival_s)
        if bits is None and self._acquired:
            rise_s = self._risen(arrival_s, late_s)
            if rise_s > 0.0:
                # The count is behind by what got lost unseen.
                envelope = self._renew(self._device_s, arrival_s - late_s + rise_s)
                lost = round(rise_s / self.period_s)
        return self._move(envelope, arrival_s, n, steps * self._period_s, lost)

    def _risen(self, arrival_s: float, late_s: float) -> float:
        """By how much the least delay has risen for good, 0 if it has not.

        Samples that were buffered come in a burst, and the delay falls back; what was lost keeps it
        up. Two windows in a row that agree tell.
        """
        floors = self._floors
        if not floors or (
            arrival_s - floors[-1].start_s >= FLOOR_WINDOW_S and floors[-1].packets >= FLOOR_PACKETS
        ):
            if len(floors) == 2:
                before_s, now_s = floors[0].least_s, floors[1].least_s
                packet_s = self.timing.samples_per_packet * self._nominal_s
                least_s = min(before_s, now_s)
                if least_s > max(LARGEST_ERROR_S, 0.75 * packet_s) and (
                    now_s > before_s - 0.5 * LARGEST_ERROR_S
                ):
                    floors.clear()
                    return least_s
            floors.append(_Floor(arrival_s))
        floors[-1].least_s = min(floors[-1].least_s, late_s)
        floors[-1].packets += 1
        return 0.0

    # Where it goes

    def _outdated(self, gap_s: float) -> bool:
        """Whether the clocks may have drifted apart while nothing came."""
        if self._envelope is None or gap_s < LONGEST_INTERVAL_S:
            return False
        drift_sd = self._envelope.next_prior(SLIP_S)[1]
        return gap_s * drift_sd > 0.5 * LARGEST_ERROR_S

    def _renew(self, device_s: float, arrival_s: float) -> Envelope:
        """Start a new envelope, which knows of the old one how fast the clocks drift apart."""
        if self._envelope is not None:
            self._prior = self._envelope.next_prior(SLIP_S)
        ticked = self.timing.tick_s is not None
        horizon_s = CLOCK_HORIZON_S if ticked else RATE_HORIZON_S
        self._envelope = Envelope(*self._prior, horizon_s)
        self._envelope.add(device_s, arrival_s)
        return self._envelope

    def _begin(
        self,
        arrival_s: float,
        n: int,
        ticks: int,
        after_s: float,
        counter: int | None,
        lost: int | None = None,
    ) -> Timed:
        """The first packet of a device clock, or of a count.

        lost: samples missing before it, where timestamps tell; else by the time that has passed.
        """
        first = self._envelope is None
        self._epoch = ticks
        self._newest = ticks if self.timing.tick_s is not None else (counter or 0)
        self._counter = counter
        self._seen.clear()
        self._seen.append(self._newest)
        self._older = 0
        self._doubt_s = None
        self._floors.clear()
        self._renew(after_s, arrival_s)
        self._device_s = after_s + 0.5 * self._tick_s
        self._smoothed = 1
        self._jitter_s = 0.0
        self._restart_period()
        self._learned_s = self._device_s
        self._blind_steps = 0
        self._acquired = 0
        self._since_s = arrival_s
        self._broken = False
        self._error_s = 0.0
        self._packets = 1
        t_s = arrival_s - FIRST_DELAY_S
        if lost is None:
            passed = 0.0 if first else (t_s - self._t_s) / self.period_s
            lost = max(0, round(passed) - n)
        if not first:
            self._segment += 1
        self._t_s = t_s
        return self._give(n, self.period_s, lost)

    def _blind(self, arrival_s: float, n: int, counter: int | None) -> Timed:
        """A packet whose own time is missing or in doubt follows the one before."""
        envelope = self._envelope
        if envelope is None:
            # Its samples get no time: where the device's clock stands is not known yet.
            return self._nothing(late=n)
        lost = 0
        if counter is not None:
            lost = max(0, self._missing(n, self._device_s + n * self._period_s, counter))
        self._blind_steps += n + lost
        passed_s = (n + lost) * self._period_s
        self._device_s += passed_s
        return self._move(envelope, arrival_s, n, passed_s, lost)

    def _move(
        self, envelope: Envelope, arrival_s: float, n: int, passed_s: float, lost: int
    ) -> Timed:
        """Advance by `passed_s` device seconds, and towards the envelope."""
        late_s = arrival_s - envelope.at(self._device_s)
        self._packets += 1
        self._delay_s += (max(0.0, late_s) - self._delay_s) / min(self._packets, REMEMBERED)
        step_s = passed_s * self._rate
        before_s = self._t_s
        expected_s = before_s + step_s
        aim_s = envelope.at(self._device_s)
        error_s = aim_s - expected_s
        largest_s = LARGEST_ERROR_S
        if self._acquired < len(ACQUIRE_S) and not self._broken:
            if arrival_s - self._since_s >= ACQUIRE_S[self._acquired]:
                self._acquired += 1
                largest_s = ACQUIRED_ERROR_S
            elif self._acquired == 0 and error_s >= 0.0:
                # Times go on from the guess until enough is known for the step.
                self._t_s = expected_s
                self._error_s = error_s
                return self._give(n, step_s / (n + lost), lost)
        rise_s = largest_s
        if self.timing.tick_s is not None and largest_s == LARGEST_ERROR_S:
            rise_s = LARGEST_RISE_S
        if error_s > rise_s or error_s < -largest_s or self._broken:
            self._segment += 1
            self._broken = False
            self._t_s = aim_s
            self._error_s = 0.0
            return self._give(n, self.period_s, lost)
        change_s = error_s * min(1.0, step_s / CORRECTION_S)
        change_s = max(-LARGEST_SLEW * step_s, min(LARGEST_SLEW * step_s, change_s))
        self._t_s = expected_s + change_s
        self._error_s = error_s - change_s
        return self._give(n, (self._t_s - before_s) / (n + lost), lost)

    def _give(self, n: int, spacing_s: float, lost: int) -> Timed:
        """Times of the newest `n` samples, those left out that are not after what was given."""
        times = [self._t_s - spacing_s * back for back in range(n - 1, -1, -1)]
        given_s = self._given_s
        kept = []
        for t_s in times:
            if t_s > given_s:
                kept.append(t_s)
                given_s = t_s
        self._given_s = given_s
        return Timed(np.array(kept), self._segment, lost=lost, late=n - len(kept))

    # Snapshots

    def state(self) -> bytes:
        """Snapshot, from which `restore` continues to the last bit."""
        document = {name: getattr(self, name) for name in _PLAIN}
        document["_prior"] = list(self._prior)
        document["_envelope"] = None if self._envelope is None else self._envelope.state()
        for name in _WHOLE:
            # Unwrapped timestamps go beyond the 64 bits of a snapshot's numbers.
            value = getattr(self, name)
            document[name] = None if value is None else str(value)
        document["_seen"] = [str(value) for value in self._seen]
        document["_sums"] = list(self._sums)
        document["_floors"] = [[item.start_s, item.least_s, item.packets] for item in self._floors]
        return pack(_KIND, document)

    @classmethod
    def restore(cls, timing: Timing, snapshot: bytes) -> "DeviceClock":
        """The clock of a snapshot; raises motion.errors.SnapshotError on anything else."""

        def build(document: dict[str, Any]) -> DeviceClock:
            clock = cls(timing, 0)
            for name in _PLAIN:
                setattr(clock, name, document[name])
            clock._prior = (document["_prior"][0], document["_prior"][1])
            for name in _WHOLE:
                value = document[name]
                setattr(clock, name, None if value is None else int(value))
            if document["_envelope"] is not None:
                clock._envelope = Envelope.restore(document["_envelope"])
            clock._seen.extend(int(value) for value in document["_seen"])
            count, x, xx, v, xv = document["_sums"]
            clock._sums = (count, x, xx, v, xv)
            clock._floors.extend(_Floor(*item) for item in document["_floors"])
            return clock

        return restored(_KIND, snapshot, build)


_PLAIN: Final = (
    "_segment", "_broken", "_older", "_doubt_s", "_device_s", "_nominal_s", "_period_s",
    "_period_sd", "_smoothed", "_jitter_s", "_told", "_learned_s", "_blind_steps",
    "_t_s", "_given_s", "_error_s", "_since_s", "_acquired", "_delay_s", "_packets",
)  # fmt: skip
_WHOLE: Final = ("_origin_ns", "_arrival_ns", "_epoch", "_newest", "_counter", "_older_at")
