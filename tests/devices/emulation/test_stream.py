"""An emulated stream in time: rates, clocks, faults and stages, without a radio or a clock."""

import random

import numpy as np
import pytest

from devices.codec import Decoder, Frame
from devices.emulation.encoding import Encoder
from devices.emulation.faults import Faults
from devices.emulation.motion import Motion, Stage
from devices.emulation.stream import DeviceState, Stream
from devices.packets import Packet
from firmware_profiles.schema import Profile
from tests.devices.emulation.playing import waving

DOT = Profile.load("xsens-dot")
ESENSE = Profile.load("esense")
MOVESENSE = Profile.load("movesense")
BEGAN_S = 1000.0


class Played:
    """Packets of a stream up to `seconds` after its start, in the order in which they are sent."""

    def __init__(
        self,
        profile: Profile,
        seconds: float,
        faults: Faults,
        *,
        motion: Motion | None = None,
        state: DeviceState | None = None,
        stage: Stage | None = None,
        began_s: float = BEGAN_S,
        loop: bool = False,
    ) -> None:
        state = DeviceState(boot_s=BEGAN_S - 50.0) if state is None else state
        stage = Stage() if stage is None else stage
        stage.enter(self, began_s)
        self.stream = Stream(
            Encoder(profile),
            waving() if motion is None else motion,
            stage,
            state,
            began_s,
            faults,
            random.Random(faults.seed),
            loop=loop,
        )
        decoder = self.decoder = Decoder(profile)
        self.sent_s: list[float] = []
        self.frames: list[Frame] = []
        self.lost = 0
        while self.stream.due_s <= began_s + seconds:
            due_s = self.stream.due_s
            outgoing = self.stream.next(247)
            self.lost += outgoing.lost
            for _ in range(1 + outgoing.twice):
                for uuid, data in outgoing.messages:
                    self.sent_s.append(due_s)
                    self.frames += decoder.push(Packet(round(due_s * 1e9), uuid, data))

    @property
    def ticks(self) -> list[int]:
        return [frame.ticks for frame in self.frames if frame.ticks is not None]

    @property
    def counters(self) -> list[int]:
        return [frame.counter for frame in self.frames if frame.counter is not None]

    @property
    def acc(self) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        return np.concatenate([frame.values["acc"] for frame in self.frames])


def test_without_faults_packets_come_at_the_nominal_rate_with_the_devices_time() -> None:
    played = Played(DOT, 2.0, Faults())
    assert len(played.frames) == pytest.approx(120, abs=1)
    assert np.allclose(np.diff(played.sent_s), 1 / 60, atol=1e-9)
    assert played.ticks[0] == 50_000_000
    assert set(np.diff(played.ticks)) <= {16666, 16667}


def test_a_packet_is_sent_when_its_last_sample_is_measured() -> None:
    played = Played(MOVESENSE, 1.0, Faults())
    assert played.sent_s[0] - BEGAN_S == pytest.approx(7 / 104)
    # The timestamp is that of the first sample, in milliseconds.
    assert played.ticks[0] == 50_000


def test_lost_packets_leave_a_gap_in_counters_and_times() -> None:
    played = Played(ESENSE, 2.0, Faults(lost=frozenset({5, 6, 20})))
    gaps = np.flatnonzero(np.diff(played.counters) != 1)
    assert [(played.counters[i], played.counters[i + 1]) for i in gaps] == [(4, 7), (19, 21)]
    assert played.lost == 3
    assert np.array_equal(
        np.flatnonzero(np.diff(Played(DOT, 2.0, Faults(lost=frozenset({9}))).ticks) > 30_000), [8]
    )


def test_random_losses_have_their_share_and_are_the_same_for_the_same_seed() -> None:
    faults = Faults(loss=0.1, seed=4)
    played = Played(DOT, 30.0, faults)
    assert played.lost == pytest.approx(180, abs=45)
    assert played.ticks == Played(DOT, 30.0, faults).ticks
    assert played.ticks != Played(DOT, 30.0, Faults(loss=0.1, seed=5)).ticks


def test_in_a_silence_nothing_is_sent_and_time_goes_on() -> None:
    played = Played(DOT, 3.0, Faults(silences=((1.0, 0.5),)))
    assert max(np.diff(played.ticks)) == pytest.approx(0.5e6, abs=20_000)
    assert max(np.diff(played.sent_s)) == pytest.approx(0.5, abs=0.02)


def test_in_a_stall_packets_wait_and_none_is_lost() -> None:
    played = Played(DOT, 3.0, Faults(stalls=((1.0, 0.5),)))
    assert max(np.diff(played.ticks)) < 17_000
    assert max(np.diff(played.sent_s)) == pytest.approx(0.5, abs=0.02)
    assert played.sent_s.count(BEGAN_S + 1.5) >= 30


def test_jitter_delays_packets_and_keeps_their_order() -> None:
    played = Played(DOT, 5.0, Faults(jitter_s=0.03))
    nominal = BEGAN_S + np.arange(len(played.sent_s)) / 60
    late = np.array(played.sent_s) - nominal
    assert late.min() >= -1e-9
    assert late.max() > 0.02
    assert played.sent_s == sorted(played.sent_s)
    assert played.ticks == sorted(played.ticks)


def test_duplicates_are_the_same_packet_again() -> None:
    played = Played(ESENSE, 20.0, Faults(duplicates=0.2))
    again = np.diff(played.counters) == 0
    assert again.sum() == pytest.approx(200, abs=60)
    assert all(np.diff(played.counters)[~again] % 256 == 1)


def test_garbled_packets_are_refused_and_the_others_are_not() -> None:
    played = Played(ESENSE, 20.0, Faults(garbled=0.2))
    refused = sum(played.decoder.refused.values())
    assert refused == pytest.approx(200, abs=50)
    assert len(played.frames) + refused == played.decoder.packets


@pytest.mark.parametrize("size", [1, 7, 20, 33])
def test_a_stream_cut_anywhere_is_the_same_stream(size: int) -> None:
    witmotion = Profile.load("witmotion")
    whole = Played(witmotion, 2.0, Faults())
    pieces = Played(witmotion, 2.0, Faults(cut_bytes=size))
    assert len(pieces.frames) >= len(whole.frames) - 2
    assert np.array_equal(pieces.acc, whole.acc[: len(pieces.acc)])
    assert not pieces.decoder.refused


@pytest.mark.parametrize("drift_ppm", [-50.0, 50.0])
def test_a_drifting_clock_changes_the_rate_and_not_the_ticks_of_a_sample(drift_ppm: float) -> None:
    played = Played(DOT, 100.0, Faults(drift_ppm=drift_ppm))
    true_s = np.array(played.sent_s) - BEGAN_S
    device_s = (np.array(played.ticks) - played.ticks[0]) * 1e-6
    assert device_s[-1] - true_s[-1] == pytest.approx(drift_ppm * 1e-6 * true_s[-1], abs=2e-6)
    assert set(np.diff(played.ticks)) <= {16666, 16667}


def test_a_sensor_faster_than_promised_tells_the_right_time() -> None:
    played = Played(DOT, 2.0, Faults(rate_factor=1.5))
    assert len(played.frames) == pytest.approx(180, abs=1)
    assert np.diff(played.ticks).mean() == pytest.approx(1e6 / 90, rel=1e-4)


def test_the_clock_wraps_at_its_width() -> None:
    state = DeviceState(boot_s=BEGAN_S - (2**32 * 1e-6 - 1.0))
    played = Played(DOT, 2.0, Faults(), state=state)
    wrapped = np.flatnonzero(np.diff(played.ticks) < 0)
    assert len(wrapped) == 1
    assert (played.ticks[wrapped[0] + 1] - played.ticks[wrapped[0]]) % 2**32 in (16666, 16667)


def test_counters_go_on_from_one_stream_to_the_next() -> None:
    state = DeviceState(boot_s=0.0)
    first = Played(ESENSE, 1.0, Faults(), state=state)
    second = Played(ESENSE, 1.0, Faults(), state=state, began_s=BEGAN_S + 5.0)
    assert second.counters[0] == first.counters[-1] + 1


def test_what_is_played_begins_with_the_stage_and_is_held_at_the_end() -> None:
    motion = waving(1.0)
    played = Played(DOT, 3.0, Faults(), motion=motion)
    truth = motion.at(60.0)["acc"]
    assert np.allclose(played.acc[: len(truth)], truth, atol=1e-5)
    assert np.allclose(played.acc[len(truth) :], motion.values["acc"][-1], atol=1e-5)
    gyr = np.concatenate([frame.values["gyr"] for frame in played.frames])
    assert not gyr[len(truth) :].any()
    assert played.stream.ended


def test_a_looped_motion_begins_anew() -> None:
    motion = waving(1.0)
    played = Played(DOT, 3.0, Faults(), motion=motion, loop=True)
    rows = len(motion.at(60.0)["acc"])
    assert np.array_equal(played.acc[:rows], played.acc[rows : 2 * rows])


def test_sensors_on_one_stage_play_the_same_moment_whenever_they_began() -> None:
    # The second begins 0.3 s and a bit later; until then the first holds its pose.
    stage = Stage(sensors=2)
    motion = waving()
    later_s = BEGAN_S + 0.3 + 0.004
    first = Played(DOT, 0.0, Faults(), motion=motion, stage=stage)
    second = Played(DOT, 2.0, Faults(), motion=motion, stage=stage, began_s=later_s)
    assert stage.origin_s == later_s
    stream = first.stream
    rows = []
    decoder = Decoder(DOT)
    while stream.due_s <= later_s + 2.0:
        due_s = stream.due_s
        for uuid, data in stream.next(247).messages:
            for frame in decoder.push(Packet(0, uuid, data)):
                rows.append((due_s, frame.values["acc"][0]))
    held = [row for due_s, row in rows if due_s < later_s]
    assert len(held) >= 15
    assert np.allclose(held, motion.values["acc"][0], atol=1e-5)
    for due_s, row in rows:
        if due_s >= later_s:
            truth = [
                np.interp(due_s - later_s, motion.t_s, column) for column in motion.values["acc"].T
            ]
            assert np.allclose(row, truth, atol=2e-3)
    assert np.allclose(second.acc[0], motion.values["acc"][0], atol=1e-5)


def test_a_stage_begins_anew_when_all_were_stopped_or_after_a_long_absence() -> None:
    stage = Stage(sensors=1)
    stage.enter("a", 10.0)
    stage.enter("a", 12.0)
    assert stage.origin_s == 10.0  # a link that dropped goes on where the motion is
    stage.leave("a")
    stage.enter("a", 20.0)
    assert stage.origin_s == 20.0
    stage.enter("a", 60.0)
    assert stage.origin_s == 60.0
