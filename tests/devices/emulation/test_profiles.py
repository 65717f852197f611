"""Every firmware profile, end to end: what an emulated sensor plays is what a decoder gets."""

import asyncio

import numpy as np
import pytest

from devices.adapter import Adapter
from devices.codec import Decoder, Frame, Refusal
from devices.emulation.air import Air
from devices.emulation.answering import stream_characteristics
from devices.emulation.faults import Faults
from devices.emulation.peripheral import EmulatedSensor
from firmware_profiles.library import profile_ids
from firmware_profiles.schema import Profile
from tests.devices.emulation.following import Follower, heard, sensor_stopped
from tests.devices.emulation.plain import run
from tests.devices.emulation.playing import resolution, waving

PROFILES = [Profile.load(profile_id) for profile_id in profile_ids()]
MODES = [
    pytest.param(profile, mode, id=f"{profile.id}-{mode}")
    for profile in PROFILES
    for mode in profile.modes
]
# Clocks that run faster save time and change nothing in the bytes of the samples.
HASTE = 4.0
SAMPLES = 8


@pytest.mark.parametrize(("profile", "mode"), MODES)
@run
async def test_what_is_played_is_decoded_and_a_stop_ends_it(profile: Profile, mode: str) -> None:
    air = Air()
    adapter = await Adapter.emulated(air)
    motion = waving()
    faults = Faults(rate_factor=HASTE)
    sensor = await EmulatedSensor(air, profile, motion, mode=mode, faults=faults).start()
    device, data = await heard(adapter, sensor.address)
    assert profile.recognises(data.local_name, data.service_uuids, data.manufacturer_data)

    follower = Follower(adapter, device)
    await follower.connect()
    start = profile.steps("start", mode)
    await follower.follow(start)
    if not start:
        for uuid in stream_characteristics(profile, mode):
            await follower.listen(uuid)
    decoder = Decoder(profile, mode)
    frames: list[Frame] = []
    seen = 0
    while sum(frame.samples for frame in frames) < SAMPLES:
        await asyncio.sleep(0.01)
        fresh = follower.packets[seen:]
        seen += len(fresh)
        frames += decoder.decode(fresh)
    assert sensor.streaming is not None
    assert sensor.streaming.mode == mode
    assert set(decoder.refused) <= {Refusal.UNKNOWN_CHARACTERISTIC}

    rate_hz = profile.rate_hz(mode)
    played = motion.at(rate_hz * HASTE)
    for name in profile.mode(mode).quantities:
        decoded = np.concatenate([frame.values[name] for frame in frames])
        truth = played[name][: len(decoded)]
        allowed = resolution(profile, mode, rate_hz, name, float(np.abs(truth).max()))
        assert np.abs(decoded - truth).max() <= allowed, name

    stop = profile.steps("stop", mode)
    await follower.follow(stop)
    if stop:
        await sensor_stopped(sensor)
        sent = sensor.sent
        await asyncio.sleep(0.1)
        assert sensor.sent == sent
    await follower.client.disconnect()
