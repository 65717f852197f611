"""An emulated sensor on the air: what it answers, and what goes wrong with it on purpose."""

import asyncio
from pathlib import Path

import numpy as np
import pytest
from bleak.exc import BleakError, BleakGATTProtocolError

from devices.adapter import Adapter
from devices.codec import Decoder
from devices.emulation.air import Air
from devices.emulation.faults import Faults
from devices.emulation.motion import Motion, Stage, motions_of
from devices.emulation.peripheral import EmulatedSensor, advertised_name
from devices.emulation.tcp import RadioServer
from devices.recording import Recording, RecordingInfo, RecordingWriter
from firmware_profiles.library import profile_ids
from firmware_profiles.schema import Profile
from firmware_profiles.steps import Write
from motion.samples import Samples
from tests.devices.emulation.following import Follower, heard, sensor_stopped
from tests.devices.emulation.plain import run
from tests.devices.emulation.playing import waving

DOT = Profile.load("xsens-dot")
ESENSE = Profile.load("esense")


async def streaming(
    profile: Profile, faults: Faults | None = None
) -> tuple[EmulatedSensor, Follower]:
    """A sensor and a client that has started it."""
    air = Air(supervision_s=0.1)
    sensor = await EmulatedSensor(air, profile, waving(), faults=faults).start()
    follower = await Follower.connected(await Adapter.emulated(air), sensor.address)
    await follower.follow(profile.steps("start"))
    return sensor, follower


def counters(follower: Follower, since: int = 0) -> list[int]:
    frames = Decoder(ESENSE).decode(follower.packets[since:])
    return [frame.counter for frame in frames if frame.counter is not None]


def ticks(follower: Follower, since: int = 0) -> list[int]:
    frames = Decoder(DOT).decode(follower.packets[since:])
    return [frame.ticks for frame in frames if frame.ticks is not None]


@pytest.mark.parametrize("profile_id", profile_ids())
def test_every_profile_gets_a_name_that_it_recognises(profile_id: str) -> None:
    profile = Profile.load(profile_id)
    name = advertised_name(profile, "F0:F1:00:00:12:34")
    if profile.advertisement.names:
        assert profile.recognises(name)
    assert len(name) <= 29


@run
async def test_the_rate_and_mode_that_the_client_asks_for_are_the_ones_that_stream() -> None:
    air = Air()
    sensor = await EmulatedSensor(air, DOT).start()
    follower = await Follower.connected(await Adapter.emulated(air), sensor.address)
    settings = [
        (mode, rate_hz)
        for mode in ("rate-quantities", "rate-quantities-mag")
        for rate_hz in DOT.mode(mode).rates_hz
    ]
    assert len(settings) > 4
    for mode, rate_hz in settings:
        await follower.follow(DOT.steps("start", mode, rate_hz))
        while sensor.streaming is None:
            await asyncio.sleep(0.005)
        assert (sensor.streaming.mode, sensor.streaming.rate_hz) == (mode, rate_hz)
        await follower.follow(DOT.steps("stop", mode, rate_hz))
        await sensor_stopped(sensor)
    await follower.client.disconnect()


@run
async def test_a_parameter_that_is_written_scales_the_stream() -> None:
    profile = Profile.load("metamotion-r")
    chosen = {"acc_range_g": 4.0, "gyr_range_dps": 500.0}
    air = Air()
    sensor = await EmulatedSensor(air, profile, waving()).start()
    follower = await Follower.connected(await Adapter.emulated(air), sensor.address)
    await follower.follow(profile.steps("start", parameters=chosen))
    await follower.at_least(10)
    assert sensor.streaming is not None
    assert sensor.streaming.parameters == chosen
    (frame, *_) = Decoder(profile, parameters=chosen).decode(follower.packets)
    assert np.allclose(frame.values["acc"], waving().at(100.0)["acc"][:3], atol=2e-3)
    await follower.client.disconnect()


@run
async def test_it_shows_itself_and_tells_battery_and_firmware() -> None:
    air = Air()
    sensor = await EmulatedSensor(air, DOT, battery_percent=7).start()
    follower = await Follower.connected(await Adapter.emulated(air), sensor.address)
    await follower.follow(DOT.steps("identify"))
    assert sensor.identified == 1
    profile = Profile.load("metamotion-r")
    other = await EmulatedSensor(air, profile, battery_percent=7).start()
    follower = await Follower.connected(await Adapter.emulated(air), other.address)
    for reading, expected in ((profile.battery, 7), (profile.firmware, "1.5.0")):
        assert reading is not None
        uuid = profile.uuid(reading.characteristic)
        assert reading.read(bytes(await follower.client.read_gatt_char(uuid))) == expected
    await follower.client.disconnect()


@run
async def test_bytes_that_belong_to_no_step_change_nothing() -> None:
    sensor, follower = await streaming(DOT)
    before = sensor.streaming
    control = DOT.steps("stop")[0]
    assert isinstance(control, Write)
    await follower.client.write_gatt_char(control.characteristic, b"\x55\x55", response=True)
    await follower.at_least(5)
    assert sensor.streaming is before
    assert sensor.written[-1].data == b"\x55\x55"
    await follower.client.disconnect()


@run
async def test_two_sensors_of_the_same_name_are_told_apart_by_their_addresses() -> None:
    air = Air()
    sensors = [await EmulatedSensor(air, DOT, name="Xsens DOT").start() for _ in range(2)]
    adapter = await Adapter.emulated(air)
    found = [await heard(adapter, sensor.address) for sensor in sensors]
    assert {data.local_name for _, data in found} == {"Xsens DOT"}
    assert len({device.address for device, _ in found}) == 2


@run
async def test_lost_and_doubled_packets_are_counted_by_the_sensor_and_seen_by_the_client() -> None:
    sensor, follower = await streaming(ESENSE, Faults(lost=frozenset({3, 4}), duplicates=0.5))
    await follower.at_least(20)
    seen = counters(follower)
    assert [number for number in range(8) if number not in seen] == [3, 4]
    assert sensor.lost == 2
    assert len(seen) - len(set(seen)) == pytest.approx(sensor.duplicated, abs=1)
    await follower.client.disconnect()


@run
async def test_a_dropped_link_comes_back_with_its_clock_running_on() -> None:
    sensor, follower = await streaming(DOT, Faults(link_drops_s=(0.15,)))
    await follower.dropped.wait()
    assert sensor.streaming is None
    before = len(follower.packets)
    await follower.connect()
    await follower.follow(DOT.steps("start"))
    await follower.at_least(before + 5)
    assert ticks(follower, before)[0] > ticks(follower)[before - 1]
    await follower.client.disconnect()


@run
async def test_a_clock_that_resets_begins_at_zero_with_the_new_link() -> None:
    faults = Faults(link_drops_s=(0.15,), clock_resets=True, uptime_s=100.0)
    _sensor, follower = await streaming(DOT, faults)
    await follower.dropped.wait()
    assert ticks(follower)[0] >= 100_000_000
    before = len(follower.packets)
    await follower.connect()
    await follower.follow(DOT.steps("start"))
    await follower.at_least(before + 3)
    assert ticks(follower, before)[0] < 50_000_000
    await follower.client.disconnect()


@run
async def test_a_sensor_that_is_away_after_a_drop_is_not_heard_until_it_returns() -> None:
    sensor, follower = await streaming(DOT, Faults(link_drops_s=(0.1,), away_s=0.4))
    await follower.dropped.wait()
    assert not sensor.device.is_advertising
    await follower.connect()
    assert sensor.is_connected
    await follower.client.disconnect()


@run
async def test_a_radio_shadow_ends_the_link_and_passes() -> None:
    sensor, follower = await streaming(DOT, Faults(shadows=((0.1, 0.4),)))
    await follower.dropped.wait()
    assert not follower.client.is_connected
    heard = len(follower.packets)
    await follower.connect()
    assert sensor.is_connected
    await follower.follow(DOT.steps("start"))
    await follower.at_least(heard + 3)
    assert len(follower.packets) >= heard + 3
    await follower.client.disconnect()


@run
async def test_a_silent_start_is_answered_and_nothing_follows_until_the_next() -> None:
    profile = Profile.load("movesense")
    _sensor, follower = await streaming(profile, Faults(silent_starts=1))
    answers = len(follower.packets)
    await asyncio.sleep(0.3)
    assert answers == len(follower.packets) == 1
    await follower.follow(profile.steps("stop"))
    await follower.follow(profile.steps("start"))
    await follower.at_least(answers + 3)
    await follower.client.disconnect()


@run
async def test_a_refused_write_is_an_error_of_the_sensor() -> None:
    with pytest.raises(BleakGATTProtocolError):
        await streaming(DOT, Faults(refused_writes=1))


@run
async def test_a_sensor_that_is_switched_off_drops_its_link() -> None:
    sensor, follower = await streaming(DOT)
    assert follower.client.is_connected
    await sensor.stop()
    await follower.dropped.wait()
    assert not follower.client.is_connected


@run
async def test_pairing_is_refused_with_a_sentence() -> None:
    _sensor, follower = await streaming(DOT)
    for asked in (follower.client.pair, follower.client.unpair):
        with pytest.raises(BleakError, match="connect without it"):
            await asked()
    await follower.client.disconnect()


@run
async def test_a_recordings_sensors_play_together_over_tcp(tmp_path: Path) -> None:
    path = tmp_path / "two.parquet"
    t_s = 5.0 + np.arange(0.0, 4.0, 0.01)
    truth = {
        slot: np.column_stack([np.sin(t_s + shift), np.cos(t_s), 9.0 + 0.0 * t_s])
        for slot, shift in (("pelvis", 0.0), ("thorax", 1.0))
    }
    sensors_info = {slot: {"rate_hz": 100.0} for slot in truth}
    info = RecordingInfo.model_validate({"schema": 1, "id": "two", "sensors": sensors_info})
    with RecordingWriter(path, info) as writer:
        for slot, acc in truth.items():
            # One of them begins a little later, as real ones do.
            rows = slice(20, None) if slot == "thorax" else slice(None)
            writer.write(Samples.of(slot, t_s[rows], acc[rows], 0.1 * acc[rows]))
    motions = motions_of(Recording.open(path))
    assert motions["pelvis"].duration_s == pytest.approx(motions["thorax"].duration_s, abs=0.011)
    air = Air()
    stage = Stage(sensors=2)
    sensors = {
        slot: await EmulatedSensor(air, DOT, motion, name=f"Xsens DOT {slot}", stage=stage).start()
        for slot, motion in motions.items()
    }
    async with RadioServer(air, port=0) as server:
        adapter = await Adapter.emulated(server.address)
        followers = {
            slot: await Follower.connected(adapter, sensor.address)
            for slot, sensor in sensors.items()
        }
        for follower in followers.values():
            await follower.follow(DOT.steps("start"))
        for follower in followers.values():
            await follower.at_least(40)
        for slot, follower in followers.items():
            frames = Decoder(DOT).decode(follower.packets)
            acc = np.concatenate([frame.values["acc"] for frame in frames])
            # The last of the two to start began the motion; both show the same moments since.
            origin_s, began_s = stage.origin_s, sensors[slot].stream
            assert origin_s is not None
            assert began_s is not None
            for row in range(25, 40):
                at_s = began_s.sampled_s(row) - origin_s
                if at_s < 0.0:
                    continue
                expected = [np.interp(5.2 + at_s, t_s, column) for column in truth[slot].T]
                assert np.allclose(acc[row], expected, atol=1e-3)
        for follower in followers.values():
            await follower.client.disconnect()


def test_a_motion_bridges_rows_that_were_not_received() -> None:
    acc = np.ones((5, 3), np.float32)
    acc[2] = np.nan
    acc[3:] = 3.0
    played = Motion.of(Samples.of("s", np.arange(5.0), acc, np.zeros((5, 3))))
    assert played.at(1.0)["acc"][:, 0] == pytest.approx([1.0, 1.0, 2.0, 3.0, 3.0])
    with pytest.raises(ValueError, match="no sample"):
        Motion.of(Samples.of("s", [0.0], np.full((1, 3), np.nan), np.zeros((1, 3))))
