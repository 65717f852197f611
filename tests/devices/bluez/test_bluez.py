"""bleak's own BlueZ backend, over D-Bus, with emulated sensors behind it."""

import asyncio

import numpy as np
import pytest
from bleak.exc import BleakError

from devices.adapter import Adapter
from devices.codec import Decoder
from devices.emulation.air import Air
from devices.emulation.backend import Central
from devices.emulation.faults import Faults
from devices.emulation.peripheral import EmulatedSensor
from devices.errors import AdapterFault
from firmware_profiles.schema import Profile
from tests.devices.bluez.fake_bluez import FakeBluez, need_dbus_daemon
from tests.devices.emulation.following import Follower, heard, sensor_stopped
from tests.devices.emulation.plain import run
from tests.devices.emulation.playing import resolution, waving

SAMPLES = 20


@pytest.fixture(autouse=True)
def _dbus_daemon() -> None:
    need_dbus_daemon()


# A sensor that answers, one that joins packets, one on several services, one whose replies are
# indications.
@pytest.mark.parametrize("profile_id", ["movesense", "metamotion-r", "xsens-dot", "polar-h10"])
@pytest.mark.parametrize("notify", ["StartNotify", "AcquireNotify"])
@run
async def test_the_whole_path_through_bluez(profile_id: str, notify: str) -> None:
    profile = Profile.load(profile_id)
    air = Air()
    async with FakeBluez(Central.on(air)) as bluez:
        motion = waving()
        sensor = await EmulatedSensor(air, profile, motion).start()
        adapter = Adapter.system()
        device, data = await heard(adapter, sensor.address)
        assert profile.recognises(data.local_name, data.service_uuids, data.manufacturer_data)
        follower = Follower(adapter, device)
        await follower.connect()
        options = {"use_start_notify": notify == "StartNotify"}
        await follower.follow(profile.steps("start"), bluez=options)
        while sensor.samples < SAMPLES:
            await asyncio.sleep(0.01)
        await follower.follow(profile.steps("stop"))
        await sensor_stopped(sensor)
        await follower.client.disconnect()
        assert set(bluez.started) == {notify}
        assert bluez.dropped == 0

    frames = Decoder(profile).decode(follower.packets)
    rate_hz = profile.rate_hz()
    mode = profile.default_mode
    played = motion.at(rate_hz)
    for name in profile.mode().quantities:
        decoded = np.concatenate([frame.values[name] for frame in frames])
        assert len(decoded) >= SAMPLES - profile.mode().samples_at(rate_hz)
        truth = played[name][: len(decoded)]
        allowed = resolution(profile, mode, rate_hz, name, float(np.abs(truth).max()))
        assert np.abs(decoded - truth).max() <= allowed, name


@run
async def test_the_adapters_own_notify_mode_reaches_bluez() -> None:
    profile = Profile.load("xsens-dot")
    air = Air()
    async with FakeBluez(Central.on(air)) as bluez:
        sensor = await EmulatedSensor(air, profile).start()
        follower = await Follower.connected(Adapter.system(), sensor.address)
        await follower.follow(profile.steps("start"))
        await follower.client.disconnect()
        assert bluez.started == ["StartNotify"]


@run
async def test_a_dropped_link_is_told_and_the_sensor_streams_again_without_duplicates() -> None:
    profile = Profile.load("xsens-dot")
    air = Air()
    async with FakeBluez(Central.on(air)):
        faults = Faults(link_drops_s=(0.2,))
        sensor = await EmulatedSensor(air, profile, faults=faults).start()
        follower = await Follower.connected(Adapter.system(), sensor.address)
        await follower.follow(profile.steps("start"))
        await follower.dropped.wait()
        # Without this, BlueZ would deliver every packet twice from now on.
        await follower.client.disconnect()
        await follower.connect()
        before = len(follower.packets)
        await follower.follow(profile.steps("start"))
        await follower.at_least(before + 10)
        packets = [each.data for each in follower.packets[before:]]
        assert len(set(packets)) == len(packets)
        await follower.client.disconnect()


@pytest.mark.parametrize(
    ("powered", "busy", "reason"),
    [(False, False, AdapterFault.OFF), (True, True, AdapterFault.BUSY)],
)
@run
async def test_a_radio_that_is_off_or_busy_has_its_reason(
    powered: bool, busy: bool, reason: AdapterFault
) -> None:
    async with FakeBluez(Central.on(Air()), powered=powered, busy=busy):
        adapter = Adapter.system()
        scanner = adapter.scanner(lambda device, data: None)
        with pytest.raises(BleakError) as failed:
            await scanner.start()
        assert adapter.unusable(failed.value).reason is reason
