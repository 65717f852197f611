"""The device clock: session times from arrivals, timestamps and counters."""

import inspect
import math
import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.alignment import CASES, Stream, measured, rms, simulated
from devices import clock, envelope
from devices.clock import (
    LARGEST_ERROR_S,
    LARGEST_SLEW,
    DeviceClock,
    Timed,
    Timing,
)
from motion.errors import SnapshotError
from motion.samples import Float64

MICROSECONDS = Timing(rate_hz=100.0, tick_s=1e-6)
PLAIN = Timing(rate_hz=100.0)
COUNTED = Timing(rate_hz=100.0, counter_bits=8)


@dataclass(frozen=True)
class Sent:
    """A packet: when its last sample was measured, when it arrived, what it carries."""

    true_s: float
    arrival_s: float
    ticks: int | None = None
    counter: int | None = None
    n: int = 1


def stream(
    timing: Timing,
    start_s: float,
    end_s: float,
    *,
    least_s: float = 0.005,
    interval_s: float = 0.05,
    offset_s: float = 100.0,
    drift: float = 0.0,
    rate_error: float = 0.0,
    first: int = 0,
) -> list[Sent]:
    """A sensor between two session times, over a radio with events every `interval_s`.

    offset_s: device time at session time 0. first: number of its first packet.
    """
    size = timing.samples_per_packet
    period_s = (1.0 + rate_error) / timing.rate_hz
    sent = []
    for index in range(round((end_s - start_s) / (period_s * size))):
        last_s = start_s + period_s * (index * size + size - 1)
        arrival_s = math.ceil((last_s + least_s) / interval_s - 1e-9) * interval_s
        referred_s = last_s - (size - 1) * period_s if timing.refers_to == "first" else last_s
        ticks = counter = None
        if timing.tick_s is not None:
            device = Fraction(offset_s + referred_s * (1.0 + drift)) / Fraction(timing.tick_s)
            ticks = math.floor(device) % (1 << timing.tick_bits)
        if timing.counter_bits is not None:
            unit = 1 if timing.counter_counts == "packets" else size
            counter = (first + index * unit) % (1 << timing.counter_bits)
        sent.append(Sent(last_s, arrival_s, ticks, counter, size))
    return sent


def feed(clock: DeviceClock, sent: Iterable[Sent]) -> list[Timed]:
    return [
        clock.assign(round(each.arrival_s * 1e9), each.n, each.ticks, None, each.counter)
        for each in sent
    ]


def errors_s(sent: Sequence[Sent], timed: Sequence[Timed]) -> Float64:
    """By how much each packet's last sample is off; packets without a time are left out."""
    return np.array(
        [
            each.t_s[-1] - packet.true_s
            for packet, each in zip(sent, timed, strict=True)
            if each.t_s.size
        ]
    )


def all_times(timed: Iterable[Timed]) -> Float64:
    return np.concatenate([each.t_s for each in timed])


def packets_of(case_name: str, seed: int, duration_s: float) -> tuple[Timing, Stream]:
    case = next(case for case in CASES if case.name == case_name)
    return case.timing, simulated(case, duration_s, np.random.default_rng(seed))


def test_a_first_packet_gets_times_up_to_one_connection_interval_before_its_arrival() -> None:
    clock = DeviceClock(replace(PLAIN, samples_per_packet=4), 10_000_000_000)
    timed = clock.assign(12_000_000_000, 4)
    np.testing.assert_allclose(timed.t_s, [1.92, 1.93, 1.94, 1.95])
    assert (timed.segment, timed.lost, timed.late, timed.duplicate) == (0, 0, 0, False)


@pytest.mark.parametrize("name", ["timestamps", "stalls of 1 s", "no timestamps"])
def test_two_sensors_agree_to_three_milliseconds_after_twenty_seconds(name: str) -> None:
    case = next(case for case in CASES if case.name == name)
    outcome = measured(case, range(4), 20.0)
    assert rms(outcome.clock_ms)[1] < 3.0
    assert rms(outcome.arrival_ms)[1] > 10.0


@pytest.mark.parametrize("name", [case.name for case in CASES])
def test_within_a_segment_times_advance_at_the_learned_rate_within_the_slew(name: str) -> None:
    timing, sent = packets_of(name, 3, 15.0)
    clock = DeviceClock(timing, 0)
    size = timing.samples_per_packet
    before_s, segment, slewed, late = 0.0, -1, 0, 0
    for arrival_ns, ticks, counter in zip(sent.arrival_ns, sent.ticks, sent.counter, strict=True):
        timed = clock.assign(arrival_ns, size, ticks, None, counter)
        assert timed.t_s.size + timed.late == size
        if timed.segment == segment and timed.lost == 0 and late == timed.late == 0:
            spacing_s = np.diff(np.concatenate([[before_s], timed.t_s]))
            change = spacing_s / clock.period_s - 1.0
            assert np.all(np.abs(change) <= LARGEST_SLEW * (1.0 + 1e-6))
            slewed += bool(np.any(np.abs(change) > 1e-6))
        segment, late = timed.segment, timed.late
        if timed.t_s.size:
            before_s = float(timed.t_s[-1])
    assert slewed > 0


def test_times_in_ticks_of_eight_milliseconds_are_even() -> None:
    timing = Timing(rate_hz=100.0, tick_s=0.008, tick_bits=16)
    times = all_times(feed(DeviceClock(timing, 0), stream(timing, 0.0, 40.0)))
    spacing_s = np.diff(times[times > 5.0])
    assert np.ptp(np.diff([packet.ticks or 0 for packet in stream(timing, 0.0, 1.0)])) == 1
    np.testing.assert_allclose(spacing_s, 0.01, rtol=LARGEST_SLEW + 200e-6)


@pytest.mark.parametrize("tick_s", [1e-6, 0.001, 0.008])
def test_samples_within_a_packet_are_spaced_as_the_sensor_really_samples(tick_s: float) -> None:
    timing = Timing(
        rate_hz=100.0, samples_per_packet=4, tick_s=tick_s, tick_bits=32, refers_to="first"
    )
    sent = stream(timing, 0.0, 20.0, rate_error=-0.04)
    timed = feed(DeviceClock(timing, 0), sent)
    assert sum(each.lost for each in timed) == 0
    late = [each for each in timed if each.t_s[0] > 10.0]
    for each in late:
        np.testing.assert_allclose(np.diff(each.t_s), 0.0096, rtol=0.001)


@pytest.mark.parametrize("seed", range(3))
def test_timestamps_that_jitter_do_not_spoil_the_period(seed: int) -> None:
    timing, sent = packets_of("timestamps jitter 2 ms", seed, 60.0)
    clock = DeviceClock(timing, 0)
    lost = sum(
        clock.assign(arrival_ns, 1, ticks).lost
        for arrival_ns, ticks in zip(sent.arrival_ns, sent.ticks, strict=True)
    )
    assert lost <= 10
    assert clock.period_s == pytest.approx(0.01, rel=300e-6)


def test_what_a_packet_says_of_its_spacing_is_used() -> None:
    timing = Timing(rate_hz=100.0, samples_per_packet=5, tick_s=1e-6, tick_bits=64)
    clock = DeviceClock(replace(timing, refers_to="first"), 0)
    clock.assign(0, 5, 1_000_000, 10_400)
    # The first packet's last sample lies 4 x 10.4 ms after its timestamp.
    assert clock.assign(52_000_000, 5, 1_052_000, 10_400).lost == 0
    assert clock._device_s == pytest.approx(0.0936, abs=1e-3)


def test_lost_packets_are_found_from_timestamps() -> None:
    timing, sent = packets_of("5 % of packets lost", 1, 30.0)
    clock = DeviceClock(timing, 0)
    lost = [
        clock.assign(arrival_ns, 1, ticks).lost
        for arrival_ns, ticks in zip(sent.arrival_ns, sent.ticks, strict=True)
    ]
    missing = np.diff(np.array(sent.first)) - 1
    assert lost[1:] == missing.tolist()


@pytest.mark.parametrize("tick_s", [0.001, 0.008])
def test_lost_packets_are_found_from_coarse_timestamps(tick_s: float) -> None:
    timing = Timing(rate_hz=100.0, tick_s=tick_s, tick_bits=16)
    sent = stream(timing, 0.0, 30.0)
    gone = {700, 1500, 1501, 1502, 2200}
    timed = feed(DeviceClock(timing, 0), [each for at, each in enumerate(sent) if at not in gone])
    assert sum(each.lost for each in timed) == len(gone)


@pytest.mark.parametrize("counts", ["packets", "samples"])
def test_lost_packets_are_found_from_counters(counts: str) -> None:
    timing = Timing(100.0, 3, counter_bits=8, counter_counts=counts)  # type: ignore[arg-type]
    sent = stream(timing, 0.0, 30.0, first=250)
    gone = {5, 300, 301, 700}
    kept = [each for at, each in enumerate(sent) if at not in gone]
    timed = feed(DeviceClock(timing, 0), kept)
    assert sum(each.lost for each in timed) == 3 * len(gone)
    assert np.max(np.abs(errors_s(kept, timed)[100:])) < 0.011


def test_a_counter_tells_more_precisely_than_coarse_timestamps() -> None:
    timing = Timing(200.0, tick_s=0.008, tick_bits=16, counter_bits=16)
    sent = stream(timing, 0.0, 20.0)
    kept = [each for at, each in enumerate(sent) if at % 10 != 3]
    timed = feed(DeviceClock(timing, 0), kept)
    assert sum(each.lost for each in timed) == len(sent) - len(kept)


@pytest.mark.parametrize("timing", [MICROSECONDS, COUNTED])
def test_a_packet_that_comes_again_is_a_duplicate(timing: Timing) -> None:
    sent = stream(timing, 0.0, 3.0)
    once = feed(DeviceClock(timing, 0), sent)
    twice = feed(DeviceClock(timing, 0), [each for each in sent for _ in range(2)])
    assert all(each.duplicate and each.t_s.size == 0 for each in twice[1::2])
    np.testing.assert_array_equal(all_times(twice[0::2]), all_times(once))
    again = feed(DeviceClock(timing, 0), [*sent, *sent[-5:]])
    assert [each.duplicate for each in again[-5:]] == [True] * 5


@pytest.mark.parametrize("timing", [MICROSECONDS, COUNTED])
def test_a_packet_that_was_overtaken_is_late_and_changes_nothing(timing: Timing) -> None:
    sent = stream(timing, 0.0, 3.0)
    swapped = [*sent[:150], sent[151], sent[150], *sent[152:]]
    timed = feed(DeviceClock(timing, 0), swapped)
    assert (timed[150].lost, timed[151].late, timed[151].t_s.size) == (1, 1, 0)
    assert not timed[151].duplicate
    assert timed[-1].segment == feed(DeviceClock(timing, 0), sent)[-1].segment


@pytest.mark.parametrize(("tick_s", "bits"), [(0.008, 16), (1e-6, 32), (0.001, 32), (1e-9, 64)])
@pytest.mark.parametrize("gap_wraps", [0.0, 0.3, 2.3])
def test_timestamps_wrap_in_the_stream_and_over_long_silence(
    tick_s: float, bits: int, gap_wraps: float
) -> None:
    timing = Timing(rate_hz=100.0, tick_s=tick_s, tick_bits=bits)
    wrap_s = tick_s * 2.0**bits
    gap_s = gap_wraps * min(wrap_s, 20_000.0)
    # The wrap comes 30 s into the stream.
    offset_s = wrap_s - 30.0
    sent = stream(timing, 0.0, 60.0, offset_s=offset_s, drift=20e-6)
    if gap_s:
        sent += stream(timing, 60.0 + gap_s, 80.0 + gap_s, offset_s=offset_s, drift=20e-6)
    timed = feed(DeviceClock(timing, 0), sent)
    assert np.max(np.abs(errors_s(sent, timed)[300:])) < 0.061
    lost = sum(each.lost for each in timed)
    assert lost == pytest.approx(gap_s * 100.0, rel=1e-4, abs=1)
    if not gap_s:
        assert timed[-1].segment == timed[600].segment


@pytest.mark.parametrize("timing", [MICROSECONDS, Timing(100.0, tick_s=0.008, tick_bits=16)])
@pytest.mark.parametrize("announced", [True, False])
def test_a_clock_that_begins_anew_opens_a_segment(timing: Timing, announced: bool) -> None:
    before = stream(timing, 0.0, 20.0, offset_s=200.0)
    after = stream(timing, 23.0, 43.0, offset_s=-23.0)
    clock = DeviceClock(timing, 0)
    first = feed(clock, before)
    if announced:
        clock.link_down()
    second = feed(clock, after)
    assert second[0].segment == first[-1].segment + 1
    assert second[0].lost == pytest.approx(300, abs=6)
    assert np.max(np.abs(errors_s(after, second)[250:])) < 0.011
    assert np.all(np.diff(all_times(first + second)) > 0.0)


def test_a_new_clock_after_a_link_loss_does_not_pass_for_one_that_is_late() -> None:
    timing = Timing(100.0, tick_s=0.008, tick_bits=16)
    before = stream(timing, 0.0, 20.0, offset_s=200.0)
    after = stream(timing, 30.0, 50.0, offset_s=195.0)
    clock = DeviceClock(timing, 0)
    feed(clock, before)
    clock.link_down()
    assert np.max(np.abs(errors_s(after, feed(clock, after))[250:])) < 0.011


def test_how_fast_clocks_drift_apart_is_known_after_a_new_start() -> None:
    clock = DeviceClock(MICROSECONDS, 0)
    feed(clock, stream(MICROSECONDS, 0.0, 200.0, drift=80e-6))
    feed(clock, stream(MICROSECONDS, 203.0, 204.0, drift=80e-6, offset_s=-203.0))
    assert clock._acquired == 1
    assert clock.drift == pytest.approx(-80e-6, abs=10e-6)


def test_a_clock_that_is_set_back_a_little_is_noticed() -> None:
    before = stream(MICROSECONDS, 0.0, 20.0, offset_s=200.0)
    after = stream(MICROSECONDS, 20.0, 40.0, offset_s=199.0)
    timed = feed(DeviceClock(MICROSECONDS, 0), before + after)
    assert sum(each.late for each in timed) <= 8
    assert timed[-1].segment > timed[1900].segment
    assert np.max(np.abs(errors_s(after, timed[2000:])[250:])) < 0.011


def test_a_clock_that_went_on_is_known_again_after_a_link_loss() -> None:
    sent = stream(MICROSECONDS, 0.0, 30.0)
    clock = DeviceClock(MICROSECONDS, 0)
    first = feed(clock, sent[:2000])
    clock.link_down()
    second = feed(clock, sent[2130:])
    assert second[0].segment == first[-1].segment + 1
    assert {each.segment for each in second} == {second[0].segment}
    assert second[0].lost == 130
    # At once, not after a new search for the least delay.
    np.testing.assert_allclose(errors_s(sent[2130:], second), 0.01, atol=1e-3)


@pytest.mark.parametrize("drifted_s", [-0.016, 0.016])
def test_clocks_that_drifted_apart_in_a_long_silence_are_brought_together(drifted_s: float) -> None:
    before = stream(MICROSECONDS, 0.0, 20.0)
    after = stream(MICROSECONDS, 220.0, 240.0, offset_s=100.0 + drifted_s)
    timed = feed(DeviceClock(MICROSECONDS, 0), before + after)
    assert np.max(np.abs(errors_s(after, timed[2000:])[250:])) < 0.011
    assert timed[2000].lost == pytest.approx(20_000, abs=5)
    assert sum(each.late for each in timed) == 0


@pytest.mark.parametrize("timing", [PLAIN, COUNTED])
def test_a_count_is_not_continued_over_a_link_loss(timing: Timing) -> None:
    before = stream(timing, 0.0, 10.0)
    after = stream(timing, 12.5, 20.0)
    clock = DeviceClock(timing, 0)
    first = feed(clock, before)
    clock.link_down()
    second = feed(clock, after)
    assert second[0].segment == first[-1].segment + 1
    assert second[0].lost == pytest.approx(250, abs=6)
    assert np.max(np.abs(errors_s(after, second)[250:])) < 0.011


def test_a_silence_longer_than_any_connection_interval_ends_a_count() -> None:
    sent = stream(PLAIN, 0.0, 10.0) + stream(PLAIN, 14.5, 20.0)
    timed = feed(DeviceClock(PLAIN, 0), sent)
    assert timed[1000].segment == timed[999].segment + 1
    assert timed[1000].lost == pytest.approx(450, abs=6)


def test_samples_lost_unseen_are_found_by_the_delay_that_stays() -> None:
    sent = stream(PLAIN, 0.0, 40.0)
    kept = [each for each in sent if not 20.0 <= each.true_s < 20.8]
    timed = feed(DeviceClock(PLAIN, 0), kept)
    assert sum(each.lost for each in timed) == pytest.approx(80, abs=1)
    assert np.max(np.abs(errors_s(kept, timed)[-1500:])) < 0.011


def stalled(sent: Sequence[Sent], start_s: float, end_s: float) -> list[Sent]:
    """What would arrive in a stall comes at its end."""
    return [
        replace(each, arrival_s=end_s) if start_s <= each.arrival_s < end_s else each
        for each in sent
    ]


@pytest.mark.parametrize("timing", [MICROSECONDS, PLAIN, COUNTED])
def test_a_stall_that_ends_in_a_burst_moves_no_time(timing: Timing) -> None:
    sent = stream(timing, 0.0, 30.0)
    smooth = all_times(feed(DeviceClock(timing, 0), sent))
    broken = feed(DeviceClock(timing, 0), stalled(sent, 12.0, 14.0))
    np.testing.assert_allclose(all_times(broken), smooth, atol=0.5e-3)
    assert broken[-1].segment == broken[1000].segment
    assert sum(each.lost for each in broken) == 0


def test_a_backlog_that_drains_slowly_is_no_loss() -> None:
    sent = stream(PLAIN, 0.0, 30.0)
    # Two seconds behind at 12 s, nothing at 18 s.
    draining = [
        replace(each, arrival_s=max(each.arrival_s, 12.0 + 0.75 * (each.true_s - 10.0)))
        if each.true_s > 10.0
        else each
        for each in sent
    ]
    timed = feed(DeviceClock(PLAIN, 0), draining)
    assert sum(each.lost for each in timed) == 0
    assert timed[-1].segment == timed[900].segment


def test_a_delay_that_rises_for_good_is_followed_slowly() -> None:
    sent = stream(MICROSECONDS, 0.0, 1500.0, interval_s=0.01)
    risen = [
        replace(each, arrival_s=each.arrival_s + (0.025 if each.true_s > 300.0 else 0.0))
        for each in sent
    ]
    timed = feed(DeviceClock(MICROSECONDS, 0), risen)
    off_s = errors_s(sent, timed)
    start_s = off_s[29_000]
    assert abs(off_s[33_000] - start_s) < 0.002
    assert off_s[-1] - start_s == pytest.approx(0.025, abs=0.003)
    assert len({each.segment for each in timed[29_000:]}) == 1


def test_a_delay_that_falls_is_followed_at_once_in_a_new_segment() -> None:
    sent = stream(MICROSECONDS, 0.0, 20.0, interval_s=0.01, least_s=0.045)
    sent += stream(MICROSECONDS, 20.0, 30.0, interval_s=0.01, least_s=0.015)
    timed = feed(DeviceClock(MICROSECONDS, 0), sent)
    off_s = errors_s(sent, timed)
    assert off_s[1900] - off_s[-1] == pytest.approx(0.03, abs=1e-3)
    assert timed[1900].segment < timed[-1].segment == timed[2050].segment
    # No more than would stand where others stand already.
    assert sum(each.late for each in timed[1990:]) <= 3
    assert np.all(np.diff(all_times(timed)) > 0.0)


@pytest.mark.parametrize("ahead", [300_000, 3_000_000, 2**31])
def test_one_damaged_timestamp_moves_no_time(ahead: int) -> None:
    sent = stream(MICROSECONDS, 0.0, 10.0)
    ticks = sent[500].ticks
    assert ticks is not None
    damaged = [*sent]
    damaged[500] = replace(sent[500], ticks=(ticks + ahead) % 2**32)
    whole = feed(DeviceClock(MICROSECONDS, 0), sent)
    timed = feed(DeviceClock(MICROSECONDS, 0), damaged)
    np.testing.assert_allclose(all_times(timed), all_times(whole), atol=1e-3)
    assert timed[-1].segment == whole[-1].segment
    assert sum(each.lost for each in timed) == 0


@pytest.mark.parametrize("timing", [MICROSECONDS, PLAIN])
def test_a_sensor_twice_as_fast_as_promised_is_followed(timing: Timing) -> None:
    sent = stream(timing, 0.0, 30.0, rate_error=-0.5)
    timed = feed(DeviceClock(timing, 0), sent)
    assert np.max(np.abs(errors_s(sent, timed)[-2000:])) < 0.011
    assert timed[-1].segment == timed[-2000].segment


def test_a_backlog_at_the_start_leaves_no_time_in_the_future() -> None:
    sent = stalled(stream(MICROSECONDS, 0.0, 10.0), 0.0, 1.0)
    timed = feed(DeviceClock(MICROSECONDS, 0), sent)
    for packet, each in zip(sent, timed, strict=True):
        assert np.all(each.t_s <= packet.arrival_s + LARGEST_ERROR_S)
    assert np.max(np.abs(errors_s(sent, timed)[-500:])) < 0.011


def test_a_packet_without_its_timestamp_follows_the_one_before() -> None:
    sent = stream(MICROSECONDS, 0.0, 5.0)
    without = [*sent]
    without[300] = replace(sent[300], ticks=None)
    whole = feed(DeviceClock(MICROSECONDS, 0), sent)
    timed = feed(DeviceClock(MICROSECONDS, 0), without)
    np.testing.assert_allclose(all_times(timed), all_times(whole), atol=1e-4)


@pytest.mark.parametrize("name", [case.name for case in CASES])
def test_a_clock_continues_from_its_snapshot_to_the_last_bit(name: str) -> None:
    timing, sent = packets_of(name, 5, 45.0)
    # A packet without its timestamp now and then, right before a snapshot.
    packets = [
        (arrival_ns, None if index % 388 == 96 else ticks, counter)
        for index, (arrival_ns, ticks, counter) in enumerate(
            zip(sent.arrival_ns, sent.ticks, sent.counter, strict=True)
        )
    ]
    size = timing.samples_per_packet

    def run(clock: DeviceClock, part: Sequence[tuple[int, int | None, int | None]]) -> list[object]:
        given: list[object] = []
        for arrival_ns, ticks, counter in part:
            timed = clock.assign(arrival_ns, size, ticks, None, counter)
            given.append((timed.t_s.tobytes(), timed.segment, timed.lost, timed.late))
        return given

    whole = run(DeviceClock(timing, 7), packets)
    clock = DeviceClock(timing, 7)
    pieces: list[object] = []
    for start in range(0, len(packets), 97):
        pieces += run(clock, packets[start : start + 97])
        clock = DeviceClock.restore(timing, clock.state())
    assert pieces == whole


def test_a_damaged_snapshot_is_refused() -> None:
    clock = DeviceClock(PLAIN, 0)
    with pytest.raises(SnapshotError):
        DeviceClock.restore(PLAIN, clock.state()[:-1])


@pytest.mark.parametrize(
    "change",
    [{"rate_hz": 0.0}, {"rate_hz": math.nan}, {"tick_s": 0.0}, {"samples_per_packet": 0},
     {"tick_bits": 0}, {"counter_bits": 0}],
)  # fmt: skip
def test_a_timing_that_no_sensor_has_is_refused(change: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be"):
        replace(MICROSECONDS, **change)  # type: ignore[arg-type]


def test_the_deviation_tells_what_is_still_to_be_corrected() -> None:
    clock = DeviceClock(MICROSECONDS, 0)
    assert clock.sd_s == math.inf
    feed(clock, stream(MICROSECONDS, 0.0, 0.3))
    early_s = clock.sd_s
    feed(clock, stream(MICROSECONDS, 0.3, 10.0))
    assert clock.sd_s == pytest.approx(0.01 / math.sqrt(12.0), abs=1e-3)
    assert early_s > 2.0 * clock.sd_s
    assert clock.delay_s == pytest.approx(0.02, abs=0.005)


TIMINGS = st.builds(
    Timing,
    rate_hz=st.sampled_from([0.5, 25.0, 104.0, 1666.0]),
    samples_per_packet=st.sampled_from([1, 4, 30]),
    tick_s=st.sampled_from([None, 1e-9, 1e-6, 0.001, 0.008, 1.0]),
    tick_bits=st.sampled_from([4, 9, 16, 32, 64]),
    refers_to=st.sampled_from(["first", "last"]),
    counter_bits=st.sampled_from([None, 2, 8, 32, 64]),
    counter_counts=st.sampled_from(["packets", "samples"]),
)
# Steps of arrival and device time in nanoseconds: plausible ones, and any.
STEPS = st.one_of(
    st.integers(0, 100_000_000), st.integers(-(10**9), 10**13), st.integers(-(2**63), 2**63)
)
HOSTILE = st.tuples(
    STEPS,
    st.integers(0, 40),
    st.one_of(st.none(), STEPS, st.integers(-(2**66), 2**66)),
    st.one_of(st.none(), st.integers(-1, 10**6)),
    st.one_of(st.none(), st.integers(0, 10), st.integers(-(2**66), 2**66)),
    st.booleans(),
)


@settings(max_examples=300, deadline=None)
@given(timing=TIMINGS, steps=st.lists(HOSTILE, max_size=60))
def test_hostile_packets_never_raise_and_times_stay_finite_and_increasing(
    timing: Timing, steps: list[tuple[int, int, int | None, int | None, int | None, bool]]
) -> None:
    clock = DeviceClock(timing, 0)
    arrival_ns = device_ns = counter = 0
    last_s, segment = -math.inf, 0
    for arrival_step, n, device_step, spacing, counter_step, down in steps:
        arrival_ns = max(-(2**63), min(2**63 - 1, arrival_ns + arrival_step))
        ticks = None
        if device_step is not None:
            device_ns += device_step
            ticks = device_ns // round(1e9 * (timing.tick_s or 1.0))
        counter += counter_step or 0
        if down:
            clock.link_down()
        timed = clock.assign(
            arrival_ns, n, ticks, spacing, None if counter_step is None else counter
        )
        assert timed.t_s.size + timed.late + (n if timed.duplicate else 0) == n
        assert np.all(np.isfinite(timed.t_s))
        assert np.all(np.diff(np.concatenate([[last_s], timed.t_s])) > 0.0)
        assert timed.lost >= 0
        assert timed.segment >= segment
        segment = timed.segment
        if timed.t_s.size:
            last_s = float(timed.t_s[-1])
        clock = DeviceClock.restore(timing, clock.state())


def test_what_a_clock_remembers_is_bounded() -> None:
    generator = random.Random(1)
    timing = replace(MICROSECONDS, rate_hz=10.0)
    clock = DeviceClock(timing, 0)
    sizes = []
    arrival_ns = 0
    for index in range(30_000):
        # Delays that fall ever more slowly: every packet is a vertex of the hull.
        delay_s = 0.5 * math.exp(-index / 10_000) + 1e-9 * generator.random()
        arrival_ns = round((index * 0.1 + delay_s) * 1e9)
        clock.assign(arrival_ns, 1, index * 100_000)
        if index % 1000 == 999:
            sizes.append(len(clock.state()))
    assert max(sizes[15:]) <= 1.2 * max(sizes[:15])
    assert max(sizes) < 40_000


def test_no_time_depends_on_how_a_platform_computes_transcendentals() -> None:
    source = inspect.getsource(clock) + inspect.getsource(envelope)
    assert set(re.findall(r"(?:math|np)\.(\w+)", source)) <= {
        "array", "empty", "floor", "fsum", "inf", "sqrt"
    }  # fmt: skip
