"""A recording that is played gives what a replay reads, at the pace that was asked for."""

import asyncio
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from devices.emulation import virtual_time
from devices.playback import Playback
from devices.recording import Recording, RecordingInfo, RecordingWriter, SensorInfo, SessionLog
from devices.source import Source
from motion.samples import Samples, Watermark

RATE_HZ = 50.0


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    path = tmp_path / "two.parquet"
    log = SessionLog()
    log.add_control({"control": "start"})
    for count in range(1, 31):
        log.add_watermark(count / 10)
    sensors = {name: SensorInfo(rate_hz=RATE_HZ) for name in ("pelvis", "thorax")}
    with RecordingWriter(path, RecordingInfo(sensors=sensors, log=log)) as writer:
        t_s = np.arange(150) / RATE_HZ
        for name in sensors:
            values = np.random.default_rng(3).normal(size=(2, 150, 3))
            writer.write(Samples.of(name, t_s, values[0], values[1]))
    return Recording.open(path)


def played(playback: Playback) -> tuple[list[Any], float]:
    """Everything that was given, and how many seconds it took."""

    async def main(clock_ns: object) -> tuple[list[Any], float]:
        loop = asyncio.get_running_loop()
        began = loop.time()
        await playback.open()
        items = [item async for item in playback.items()]
        await playback.close()
        return items, loop.time() - began

    return virtual_time.run(main)


def told(items: list[Any]) -> list[Any]:
    return [
        (item.sensor, item.t_s.tobytes(), item.acc_mps2.tobytes(), item.gyr_radps.tobytes())
        if isinstance(item, Samples)
        else item
        for item in items
    ]


def test_a_playback_gives_what_a_replay_reads(recording: Recording) -> None:
    playback = Playback(recording, rename={"thorax": "chest"})
    assert isinstance(playback, Source)
    assert list(playback.sensors) == ["pelvis", "chest"]
    items, _ = played(playback)
    assert told(items) == told(list(recording.inputs(rename={"thorax": "chest"})))


@pytest.mark.parametrize(("speed", "seconds"), [(1.0, 2.9), (2.0, 1.45), (math.inf, 0.0)])
def test_a_playback_keeps_its_pace(recording: Recording, speed: float, seconds: float) -> None:
    _, took_s = played(Playback(recording, speed=speed))
    assert took_s == pytest.approx(seconds, abs=1e-6)


def test_a_playback_can_be_ended(recording: Recording) -> None:
    async def main(clock_ns: object) -> float:
        playback = Playback(recording)
        last_s = -math.inf
        async for item in playback.items():
            if isinstance(item, Watermark):
                last_s = item.t_s
                if last_s >= 1.0:
                    await playback.close()
        return last_s

    assert virtual_time.run(main) == 1.0


@pytest.mark.parametrize("speed", [0.0, -1.0, math.nan])
def test_a_pace_that_is_none_is_refused(recording: Recording, speed: float) -> None:
    with pytest.raises(ValueError, match="positive number"):
        Playback(recording, speed=speed)
