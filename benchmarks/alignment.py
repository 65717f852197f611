"""How well two sensors come to one clock, over a simulated radio whose truth is known.

Samples wait for connection events, stall, get lost; device clocks drift. What is measured is the
time that `devices.clock` assigns, beside the time of arrival. No radio and no decoder take part.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from benchmarks.report import Report, Table, Track, number, untracked
from devices.clock import DeviceClock, Timing
from motion.samples import Float64

NAME: Final = "alignment"

SEEDS: Final = 10
DURATION_S: Final = 60.0
# The alignment is told over the second before each of these times.
TOLD_S: Final = (5.0, 20.0, 60.0)
WINDOW_S: Final = 1.0
# What is asked of two sensors with timestamps from 20 s on.
ASKED_S: Final = 20.0
ASKED_MS: Final = 3.0


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of sensor and radio.

    drift_ppm: of the device clock, drawn from plus or minus this. rate_error: share by which the
    sensor samples slower or faster than its nominal rate, drawn likewise. interval_s: between
    connection events. spread: packets wait for a random time up to the interval in place of events.
    jitter_s: mean of the exponential latency of the host. missed: share of events that fail and are
    repeated at the next. loss: share of packets that never come. stall_s, every_s: mean length of
    stalls and mean time between them; whatever waited comes in a burst.
    """

    name: str
    timing: Timing
    drift_ppm: float = 50.0
    rate_error: float = 0.0
    interval_s: float = 0.05
    spread: bool = False
    jitter_s: float = 0.001
    missed: float = 0.0
    loss: float = 0.0
    stall_s: float = 0.0
    every_s: float = 10.0
    timestamp_jitter_s: float = 0.0


_MICROSECONDS: Final = Timing(rate_hz=100.0, tick_s=1e-6)

CASES: Final = (
    Case("timestamps", _MICROSECONDS),
    Case("timestamps, random delay", _MICROSECONDS, spread=True),
    Case("host latency 5 ms", _MICROSECONDS, jitter_s=0.005),
    Case("1 of 5 events missed", _MICROSECONDS, missed=0.2),
    Case("5 % of packets lost", _MICROSECONDS, loss=0.05),
    Case("stalls of 1 s", _MICROSECONDS, stall_s=1.0),
    Case("timestamps in 8 ms", replace(_MICROSECONDS, tick_s=0.008, tick_bits=16)),
    Case("timestamps jitter 2 ms", _MICROSECONDS, timestamp_jitter_s=0.002),
    Case("rate 2 % off, 4 a packet",
         replace(_MICROSECONDS, samples_per_packet=4, refers_to="first"), rate_error=0.02),
    Case("no timestamps", Timing(rate_hz=100.0)),
    Case("no timestamps, rate 2 % off", Timing(rate_hz=100.0), rate_error=0.02),
    Case("no timestamps, rate 5 % off", Timing(rate_hz=100.0), rate_error=0.05),
    Case("no timestamps, stalls of 1 s", Timing(rate_hz=100.0), stall_s=1.0),
    Case("counter, 5 % lost, rate 2 % off",
         Timing(rate_hz=100.0, counter_bits=8), rate_error=0.02, loss=0.05),
)  # fmt: skip
# The one that the aim is about.
AIM: Final = CASES[0].name


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """What one simulated sensor sent.

    arrival_ns (m,) of each packet, first (m,) the number of its first sample, ticks (m,) and
    counter (m,) as sent; delay_s (m,) by which it came after its last sample. true_s (k,): session
    time of every sample.
    """

    arrival_ns: Sequence[int]
    first: Sequence[int]
    ticks: Sequence[int | None]
    counter: Sequence[int | None]
    true_s: Float64
    delay_s: Float64

    def least_delay_s(self, until_s: float = math.inf) -> float:
        """The least by which the newest sample of a packet came after its true time, so far."""
        arrived = np.array(self.arrival_ns) <= 1e9 * until_s
        return float(np.min(self.delay_s[arrived]))


def simulated(case: Case, duration_s: float, random: np.random.Generator) -> Stream:
    """One sensor of a case."""
    timing = case.timing
    size = timing.samples_per_packet
    drift = 1e-6 * case.drift_ppm * random.uniform(-1.0, 1.0)
    # The device's clock paces its samples, too.
    period_s = (1.0 + case.rate_error * random.uniform(-1.0, 1.0)) / (1.0 + drift) / timing.rate_hz
    count = int(duration_s / period_s) // size * size
    true_s = np.asarray(random.uniform(0.0, period_s) + period_s * np.arange(count), np.float64)
    device_s = random.uniform(1.0, 400.0) + (1.0 + drift) * true_s
    device_s += case.timestamp_jitter_s * random.standard_normal(count)
    # The sensor's own work and the radio's: what even the freshest packet takes.
    ready_s = np.asarray(true_s[size - 1 :: size] + random.uniform(0.002, 0.008), np.float64)
    sent_s: Float64
    if case.spread:
        sent_s = np.asarray(ready_s + case.interval_s * random.random(ready_s.size), np.float64)
    else:
        sent_s = _at_events(case, ready_s, duration_s, random)
    sent_s += random.exponential(case.jitter_s, sent_s.size)
    kept = random.random(sent_s.size) >= case.loss
    arrival_s = np.maximum.accumulate(sent_s)[kept]
    numbers = np.flatnonzero(kept)
    first = numbers * size
    referred = first if timing.refers_to == "first" else first + size - 1
    ticks: list[int | None] = [None] * first.size
    if timing.tick_s is not None:
        wrap = 1 << timing.tick_bits
        ticks = [math.floor(value / timing.tick_s) % wrap for value in device_s[referred]]
    counter: list[int | None] = [None] * first.size
    if timing.counter_bits is not None:
        counter = [int(value) % (1 << timing.counter_bits) for value in numbers]
    return Stream(
        [round(value * 1e9) for value in arrival_s],
        [int(value) for value in first],
        ticks,
        counter,
        true_s,
        np.asarray(arrival_s - true_s[first + size - 1], np.float64),
    )


def _at_events(
    case: Case, ready_s: Float64, duration_s: float, random: np.random.Generator
) -> Float64:
    """When packets are sent: at the first event after they are ready that works."""
    events_s: Float64 = np.arange(0.0, duration_s + 30.0, case.interval_s)
    events_s += random.uniform(0.0, case.interval_s)
    works = random.random(events_s.size) >= case.missed
    if case.stall_s > 0.0:
        at_s = random.exponential(case.every_s)
        while at_s < duration_s:
            length_s = random.uniform(0.5, 1.5) * case.stall_s
            works[(events_s >= at_s) & (events_s < at_s + length_s)] = False
            at_s += length_s + random.exponential(case.every_s)
    events_s = events_s[works]
    at = np.searchsorted(events_s, ready_s)
    # A packet in one event follows the other by its time on air.
    place = np.arange(at.size) - np.searchsorted(at, at)
    return np.asarray(events_s[at] + 0.0004 * place)


def errors(case: Case, stream: Stream) -> tuple[Float64, Float64, int]:
    """(k,) seconds by which each sample's time is off, as assigned and as it arrived; NaN without.

    And the number of steps after the first of the times told.
    By arrival, the samples of a packet are spread before it at the nominal rate.
    """
    timing = case.timing
    size = timing.samples_per_packet
    clock = DeviceClock(timing, 0)
    segment = steps = 0
    assigned = np.full(stream.true_s.size, np.nan)
    arrived = np.full(stream.true_s.size, np.nan)
    before = np.arange(size - 1, -1, -1) / timing.rate_hz
    packets = zip(stream.arrival_ns, stream.first, stream.ticks, stream.counter, strict=True)
    for arrival_ns, first, ticks, counter in packets:
        timed = clock.assign(arrival_ns, size, ticks, None, counter)
        last = first + size
        assigned[last - timed.t_s.size : last] = timed.t_s
        arrived[first:last] = arrival_ns / 1e9 - before
        steps += timed.segment != segment and arrival_ns > 1e9 * TOLD_S[0]
        segment = timed.segment
    return assigned - stream.true_s, arrived - stream.true_s, steps


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """Alignment of two sensors in milliseconds, one row a seed.

    clock_ms, arrival_ms: (seeds, times told) RMS over the second before each time, less the
    difference of the least delays so far. final_ms: the same for the clock, less the difference of
    the least delays of the whole run. least_ms: (seeds, 2) least delays of the whole run. steps:
    (seeds, 2) segments that began after the first of the times told.
    """

    clock_ms: Float64
    arrival_ms: Float64
    final_ms: Float64
    least_ms: Float64
    steps: Float64


def rms(values: Float64) -> Float64:
    """Over the seeds."""
    return np.asarray(np.sqrt(np.mean(values**2, axis=0)))


def measured(case: Case, seeds: Sequence[int], duration_s: float = DURATION_S) -> Outcome:
    """Two sensors of a case, once a seed."""
    told = [time_s for time_s in TOLD_S if time_s <= duration_s]
    outcome = Outcome(
        *(np.empty((len(seeds), len(told))) for _ in range(3)),
        *(np.empty((len(seeds), 2)) for _ in range(2)),
    )
    for row, seed in enumerate(seeds):
        random = np.random.default_rng(seed)
        streams = [simulated(case, duration_s, random) for _ in range(2)]
        assigned, arrived, steps = zip(*(errors(case, stream) for stream in streams), strict=True)
        outcome.steps[row] = steps
        outcome.least_ms[row] = [1e3 * stream.least_delay_s() for stream in streams]
        for column, time_s in enumerate(told):
            so_far = [stream.least_delay_s(time_s) for stream in streams]
            final = [stream.least_delay_s() for stream in streams]
            for table, values, least in (
                (outcome.clock_ms, assigned, so_far),
                (outcome.arrival_ms, arrived, so_far),
                (outcome.final_ms, assigned, final),
            ):
                apart = [
                    _interpolated(stream.true_s, value, time_s) - delay_s
                    for stream, value, delay_s in zip(streams, values, least, strict=True)
                ]
                table[row, column] = 1e3 * math.sqrt(np.mean((apart[0] - apart[1]) ** 2))
    return outcome


def _interpolated(true_s: Float64, error_s: Float64, time_s: float) -> Float64:
    """Errors at a hundred times within the second before `time_s`, for sensors of unlike rates."""
    known = np.isfinite(error_s) & (true_s > time_s - 2.0 * WINDOW_S) & (true_s < time_s + WINDOW_S)
    at_s = time_s - WINDOW_S + WINDOW_S * (np.arange(100) + 0.5) / 100
    return np.asarray(np.interp(at_s, true_s[known], error_s[known]))


def run(track: Track = untracked, seeds: int = SEEDS) -> Report:
    """Every case, over `seeds` seeds."""
    rows, figures = [], {}
    for case in track(CASES, "alignment"):
        outcome = measured(case, range(seeds))
        clock_ms, arrival_ms = rms(outcome.clock_ms), rms(outcome.arrival_ms)
        final_ms = rms(outcome.final_ms)
        spread_ms = float(rms(outcome.least_ms[:, 0] - outcome.least_ms[:, 1]))
        shown = (*clock_ms, *arrival_ms, final_ms[TOLD_S.index(ASKED_S)], spread_ms)
        steps = float(np.mean(outcome.steps))
        rows.append([case.name, *(number(value) for value in shown), number(steps)])
        figures[case.name] = {
            "told_s": list(TOLD_S),
            "clock_rms_ms": clock_ms.tolist(),
            "arrival_rms_ms": arrival_ms.tolist(),
            "final_rms_ms": final_ms.tolist(),
            "clock_ms": outcome.clock_ms.tolist(),
            "arrival_ms": outcome.arrival_ms.tolist(),
            "steps": outcome.steps.tolist(),
            "least_delay_ms": outcome.least_ms.tolist(),
        }
    heads = [f"{time_s:g} s" for time_s in TOLD_S]
    table = Table(
        f"Alignment of two sensors at 100 Hz, RMS in ms over {seeds} seeds",
        [
            "",
            *heads,
            *(f"arrival {head}" for head in heads),
            "20 s, final",
            "least delays",
            "steps",
        ],
        rows,
    )
    return Report(NAME, [table], _DEFINITIONS, figures)


_DEFINITIONS: Final = (
    "Two simulated sensors whose clocks drift by up to 50 ppm either way send over a radio with "
    "connection events every 50 ms. A figure is the difference of the errors of both sensors' "
    "times, less the difference of their least delays so far (the least by which a sample came "
    "after its true time), which no one-way stream shows: RMS over the second before the time in "
    "the head, then over the seeds.",
    "arrival: the same with the time at which a packet came as the time of its last sample. final: "
    "less the difference of the least delays of the whole minute, part of which is still to come. "
    "least delays: RMS of that difference. steps: segments that begin after 5 s, a sensor.",
    f"Asked of {AIM!r}: at most {ASKED_MS:g} ms at {ASKED_S:g} s.",
)
