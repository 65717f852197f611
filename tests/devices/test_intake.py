"""The intake: packets of several sensors to samples and watermarks."""

import math
import struct
from collections.abc import Iterable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.codec import Refusal
from devices.intake import FURTHEST_BEHIND_S, PATIENCE_S, Intake, SensorSetup
from devices.packet_file import Arrived, LinkChanged, PacketEvent, Ticked, feed
from devices.packets import Packet
from firmware_profiles.errors import ProfileError
from firmware_profiles.schema import Profile
from motion.samples import Float64, Samples, Watermark
from motion.session import Session
from tests.devices.radio import (
    DOT,
    ORIGIN_NS,
    disturbed,
    dot,
    dot_bytes,
    link,
    sent,
    session,
    stalled,
    thingy,
    ticks,
)

Given = list[Samples | Watermark]


def run(intake: Intake, events: Iterable[PacketEvent]) -> Given:
    return [item for event in events for item in feed(intake, event)]


def times(items: Given, slot: str) -> Float64:
    parts = [item.t_s for item in items if isinstance(item, Samples) and item.sensor == slot]
    return np.concatenate([np.empty(0), *parts])


def watermarks(items: Given) -> list[float]:
    return [item.t_s for item in items if isinstance(item, Watermark)]


def check_promises(intake: Intake, events: Sequence[PacketEvent]) -> Given:
    """Run, and hold every watermark to what it promises."""
    items: Given = []
    newest: dict[str, float] = {}
    watermark_s = -math.inf
    for event in events:
        for item in feed(intake, event):
            items.append(item)
            if isinstance(item, Watermark):
                assert math.isfinite(item.t_s)
                assert item.t_s > watermark_s
                watermark_s = item.t_s
            else:
                assert item.acc_mps2.dtype == item.gyr_radps.dtype == np.float32
                assert len(item) == len(item.acc_mps2) == len(item.gyr_radps) > 0
                assert item.t_s[0] > watermark_s
                assert item.t_s[0] > newest.get(item.sensor, -math.inf)
                assert np.all(np.diff(item.t_s) > 0.0)
                newest[item.sensor] = float(item.t_s[-1])
        if isinstance(event, Ticked) and newest:
            now_s = (event.at_ns - ORIGIN_NS) / 1e9
            assert watermark_s >= min(max(newest.values()), now_s) - FURTHEST_BEHIND_S
    return items


def test_packets_become_samples_in_session_time_and_si_units() -> None:
    setup = dot()
    intake = Intake({"pelvis": setup}, ORIGIN_NS)
    items = run(intake, sent("pelvis", 0.0, 20.0, setup=setup))
    samples = [item for item in items if isinstance(item, Samples)]
    assert {each.sensor for each in samples} == {"pelvis"}
    for each in samples[300:]:
        # The accelerometer's x tells the true time.
        assert each.t_s[0] - each.acc_mps2[0, 0] == pytest.approx(0.01, abs=0.012)
    assert samples[-1].acc_mps2[0, 2] == np.float32(9.8)
    assert samples[-1].gyr_radps[0, 0] == pytest.approx(math.radians(10.0), rel=1e-6)
    counts = intake.counts["pelvis"]
    assert (counts.packets, counts.samples, counts.lost, counts.late) == (1200, 1200, 0, 0)
    assert 0.0 < intake.delay_s("pelvis") < 0.05


def test_a_watermark_stands_where_no_older_sample_can_come() -> None:
    setups = {"left": dot(), "right": thingy()}
    intake = Intake(setups, ORIGIN_NS)
    events = session(
        sent("left", 0.0, 20.0, setup=setups["left"], phase_s=0.01),
        sent("right", 0.1, 20.0, setup=setups["right"], phase_s=0.037),
        ticks(20.0),
    )
    items = check_promises(intake, events)
    marks = watermarks(items)
    # A new one with every tick once both stream, close to the newest samples.
    assert len(marks) > 195
    assert 20.0 - marks[-1] < 0.15
    assert intake.counts["left"].late == intake.counts["right"].late == 0


def test_a_silent_sensor_holds_the_watermark_back_a_quarter_of_a_second() -> None:
    setups = {"left": dot(), "right": dot()}
    intake = Intake(setups, ORIGIN_NS)
    events = session(
        sent("left", 0.0, 10.0, setup=setups["left"]),
        sent("right", 0.0, 4.0, setup=setups["right"]),
        ticks(10.0),
    )
    items = check_promises(intake, events)
    newest_s = times(items, "left")[-1]
    assert newest_s - watermarks(items)[-1] == pytest.approx(FURTHEST_BEHIND_S, abs=0.05)


def test_a_sensor_whose_link_is_down_does_not_hold_the_watermark_back() -> None:
    setups = {"left": dot(), "right": dot()}
    intake = Intake(setups, ORIGIN_NS)
    events = session(
        sent("left", 0.0, 10.0, setup=setups["left"]),
        sent("right", 0.0, 4.0, setup=setups["right"]),
        [link("right", False, 5.0)],
        ticks(10.0),
    )
    items = check_promises(intake, events)
    assert watermarks(items)[-1] == pytest.approx(times(items, "left")[-1], abs=0.06)


def test_what_comes_behind_a_watermark_is_dropped_and_counted() -> None:
    setups = {"left": dot(), "right": dot()}
    intake = Intake(setups, ORIGIN_NS)
    right = stalled(sent("right", 0.0, 10.0, setup=setups["right"]), 5.0, 6.0)
    events = session(sent("left", 0.0, 10.0, setup=setups["left"]), right, ticks(10.0))
    items = check_promises(intake, events)
    counts = intake.counts["right"]
    # Of the second of the stall all but the last quarter.
    assert counts.late == pytest.approx(0.75 * 60.0, abs=8)
    assert counts.lost == 0
    assert counts.samples + counts.late == 600
    assert times(items, "right").size == counts.samples


def test_a_stall_of_the_only_sensor_loses_nothing() -> None:
    setup = dot()
    intake = Intake({"wrist": setup}, ORIGIN_NS)
    stream = stalled(sent("wrist", 0.0, 10.0, setup=setup), 5.0, 6.5)
    check_promises(intake, session(stream, ticks(10.0)))
    assert (intake.counts["wrist"].late, intake.counts["wrist"].samples) == (0, 600)


def test_session_time_goes_on_when_nothing_comes_any_more() -> None:
    setup = dot()
    intake = Intake({"wrist": setup}, ORIGIN_NS)
    events = session(sent("wrist", 0.0, 5.0, setup=setup), ticks(30.0))
    marks = watermarks(check_promises(intake, events))
    assert marks[-1] == pytest.approx(30.0 - PATIENCE_S)


def test_there_is_no_watermark_before_the_first_sample() -> None:
    intake = Intake({"wrist": dot()}, ORIGIN_NS)
    assert run(intake, ticks(5.0)) == []


def test_a_sensor_that_comes_back_with_a_new_clock_is_counted_and_goes_on() -> None:
    setup = dot()
    intake = Intake({"wrist": setup}, ORIGIN_NS)
    events = session(
        [link("wrist", True, 0.0)],
        sent("wrist", 0.0, 10.0, setup=setup),
        [link("wrist", False, 10.5), link("wrist", True, 11.0)],
        sent("wrist", 11.2, 20.0, setup=setup, offset_s=-11.0),
        ticks(20.0),
    )
    items = check_promises(intake, events)
    counts = intake.counts["wrist"]
    assert counts.reconnects == 1
    assert counts.lost == pytest.approx(72, abs=4)
    assert counts.late <= 1
    assert times(items, "wrist")[-1] == pytest.approx(20.0, abs=0.03)


def test_packets_that_come_twice_after_a_reconnect_give_no_sample_twice() -> None:
    setup = dot()
    intake = Intake({"wrist": setup}, ORIGIN_NS)
    stream = sent("wrist", 0.0, 5.0, setup=setup)
    run(intake, [event for event in stream for _ in range(3)])
    counts = intake.counts["wrist"]
    assert (counts.samples, counts.duplicate, counts.lost) == (300, 600, 0)


def test_what_the_decoder_refuses_is_counted_by_reason() -> None:
    intake = Intake({"wrist": dot()}, ORIGIN_NS)
    whole = dot_bytes(0.0, 0.0)
    for data, characteristic in ((whole[:-1], DOT), (whole, "unknown"), (whole, DOT)):
        intake.packet("wrist", Packet(ORIGIN_NS, characteristic, data))
    counts = intake.counts["wrist"]
    assert counts.packets == 3
    assert counts.samples == 1
    assert counts.refused == {Refusal.TOO_SHORT: 1, Refusal.UNKNOWN_CHARACTERISTIC: 1}


def test_a_mode_without_gyroscope_gives_no_samples() -> None:
    setup = SensorSetup(dot().profile, "free-acceleration")
    intake = Intake({"wrist": setup}, ORIGIN_NS)
    data = bytes.fromhex("d8052244af9640406b2aa7405add14c000000000")
    short = "15172004-4947-11e9-8646-d663bd873d93"
    assert intake.packet("wrist", Packet(ORIGIN_NS, short, data)) == []
    assert not intake.counts["wrist"].refused


def test_values_beyond_a_float32_are_no_error() -> None:
    intake = Intake({"wrist": SensorSetup(Profile.load("arduino-nano-33"))}, ORIGIN_NS)
    # In units of gravity the largest float32 is beyond it in m/s2.
    largest = struct.pack("<3f", np.finfo(np.float32).max, 0.0, 1.0)
    acceleration, rate = (f"6fbe1da7-300{digit}-44de-92c4-bb6e04fb0212" for digit in (1, 2))
    intake.packet("wrist", Packet(ORIGIN_NS, acceleration, largest))
    (samples,) = intake.packet("wrist", Packet(ORIGIN_NS, rate, bytes(12)))
    assert samples.acc_mps2[0, 0] == np.inf


MOVESENSE = "34800002-7185-4d5d-b431-630e7050e8f0"


def movesense_bytes(first: int) -> bytes:
    """Four samples at 52 Hz, whose accelerations tell their numbers."""
    numbers = [value for index in range(first, first + 4) for value in (index, 0.0, 9.8)]
    stamp = round(1000 * first / 52.0)
    return struct.pack("<BBI24f", 2, 0x63, stamp, *numbers, *[0.0] * 12)


def movesense() -> SensorSetup:
    return SensorSetup(Profile.load("movesense"), rate_hz=52.0)


def test_of_a_packet_that_is_partly_behind_the_watermark_the_newer_samples_are_kept() -> None:
    intake = Intake({"ankle": movesense()}, ORIGIN_NS)
    step_ns = round(4e9 / 52.0)
    for packet in range(20):
        intake.packet(
            "ankle", Packet(ORIGIN_NS + packet * step_ns, MOVESENSE, movesense_bytes(4 * packet))
        )
    now_ns = ORIGIN_NS + 20 * step_ns
    intake.watermark_s = (now_ns - ORIGIN_NS) / 1e9 - 0.03
    (samples,) = intake.packet("ankle", Packet(now_ns, MOVESENSE, movesense_bytes(80)))
    assert 0 < len(samples) < 4
    np.testing.assert_array_equal(samples.acc_mps2[:, 0], np.arange(84 - len(samples), 84))
    assert intake.counts["ankle"].late == 4 - len(samples)


def test_halves_of_packets_from_before_and_after_a_link_loss_are_not_joined() -> None:
    whole = movesense_bytes(0)
    parts = [
        Packet(ORIGIN_NS, MOVESENSE, whole[:60]),
        Packet(ORIGIN_NS + 1_000_000, MOVESENSE, b"\x03\x63" + whole[60:]),
    ]
    joined, lost = (Intake({"ankle": movesense()}, ORIGIN_NS) for _ in range(2))
    assert [len(each) for part in parts for each in joined.packet("ankle", part)] == [4]
    lost.packet("ankle", parts[0])
    lost.link("ankle", False, ORIGIN_NS + 500_000)
    lost.link("ankle", True, ORIGIN_NS + 600_000)
    assert lost.packet("ankle", parts[1]) == []


def test_a_lost_link_opens_a_segment_though_the_device_clock_went_on() -> None:
    setup = dot()
    intake = Intake({"wrist": setup}, ORIGIN_NS)
    stream = sent("wrist", 0.0, 10.0, setup=setup)
    run(intake, stream[:400])
    before = intake.counts["wrist"].segments
    run(intake, [link("wrist", False, 7.0), link("wrist", True, 7.1), *stream[430:]])
    assert intake.counts["wrist"].segments == before + 1
    assert intake.counts["wrist"].lost == 30


def test_a_watermark_is_never_ahead_of_the_tick() -> None:
    setup = dot()
    intake = Intake({"wrist": setup}, ORIGIN_NS)
    run(intake, sent("wrist", 0.0, 5.0, setup=setup))
    mark = intake.tick(ORIGIN_NS + 3_000_000_000)
    assert mark is not None
    assert mark.t_s <= 3.0


def test_a_sample_at_the_very_watermark_is_late() -> None:
    setup = dot()
    intake = Intake({"left": setup, "right": setup}, ORIGIN_NS)
    intake.link("right", False, ORIGIN_NS)
    packet = Packet(ORIGIN_NS + 10**9, DOT, dot_bytes(0.0, 0.0))
    (samples,) = intake.packet("left", packet)
    assert intake.tick(ORIGIN_NS + 10**9) == Watermark(samples.t_s[0])
    assert intake.packet("right", packet) == []
    assert intake.counts["right"].late == 1


def test_a_mode_that_the_profile_lacks_is_refused() -> None:
    with pytest.raises(ProfileError, match="no-such-mode"):
        Intake({"wrist": SensorSetup(dot().profile, "no-such-mode")}, ORIGIN_NS)


def test_an_unknown_slot_is_a_key_error() -> None:
    intake = Intake({"wrist": dot()}, ORIGIN_NS)
    with pytest.raises(KeyError):
        intake.packet("ankle", Packet(0, DOT, b""))
    with pytest.raises(KeyError):
        intake.link("ankle", True, 0)


def bits(items: Given) -> list[object]:
    return [
        (item.sensor, item.t_s.tobytes(), item.acc_mps2.tobytes(), item.gyr_radps.tobytes())
        if isinstance(item, Samples)
        else item.t_s.hex()
        for item in items
    ]


def test_the_same_events_give_the_same_to_the_last_bit() -> None:
    setups = {"left": dot(), "right": thingy()}
    events = disturbed(
        session(
            sent("left", 0.0, 15.0, setup=setups["left"]),
            sent("right", 0.0, 15.0, setup=setups["right"], phase_s=0.02),
            [link("right", False, 7.0), link("right", True, 7.5)],
            ticks(15.0),
        ),
        seed=4,
    )
    first = bits(check_promises(Intake(setups, ORIGIN_NS), events))
    assert bits(run(Intake(setups, ORIGIN_NS), events)) == first
    assert len(first) > 1500


def test_the_engine_takes_what_the_intake_gives_without_a_late_sample() -> None:
    setups = {"left": dot(), "right": thingy()}
    intake = Intake(setups, ORIGIN_NS)
    events = session(
        sent("left", 0.0, 8.0, setup=setups["left"]),
        stalled(sent("right", 0.0, 8.0, setup=setups["right"], phase_s=0.02), 3.0, 4.0),
        ticks(8.0),
    )
    tracking = Session()
    for item in run(intake, events):
        if isinstance(item, Samples):
            tracking.push(item)
        else:
            tracking.advance(item.t_s)
    tracking.finish()
    assert not tracking._late


NANOSECONDS = st.one_of(
    st.integers(0, 200_000_000), st.integers(-(10**10), 10**11), st.integers(-(2**62), 2**62)
)
EVENT = st.one_of(
    st.tuples(st.just("tick"), NANOSECONDS),
    st.tuples(st.just("link"), NANOSECONDS, st.booleans()),
    st.tuples(st.just("dot"), NANOSECONDS, st.floats(0.0, 1e9), st.integers(0, 30)),
    st.tuples(st.just("raw"), NANOSECONDS, st.binary(max_size=40)),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(EVENT, max_size=60))
def test_hostile_events_never_raise_and_every_promise_is_kept(
    events: list[tuple[object, ...]],
) -> None:
    intake = Intake({"wrist": dot(), "ankle": thingy()}, ORIGIN_NS)
    now_ns = ORIGIN_NS
    given_events: list[PacketEvent] = []
    for event in events:
        step = event[1]
        assert isinstance(step, int)
        now_ns = max(-(2**62), min(2**62, now_ns + step))
        if event[0] == "tick":
            given_events.append(Ticked(now_ns))
        elif event[0] == "link":
            given_events.append(LinkChanged("wrist", bool(event[2]), now_ns))
        elif event[0] == "dot":
            data = dot_bytes(0.0, float(event[2]))  # type: ignore[arg-type]
            given_events.append(Arrived("wrist", Packet(now_ns, DOT, data)))
        else:
            data = bytes(event[2])  # type: ignore[call-overload]
            given_events.append(Arrived("ankle", Packet(now_ns, DOT, data)))
    check_promises(intake, given_events)
