"""Several sensors come together in one session, live and from the raw packets alike."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from devices.emulation.faults import Faults
from devices.emulation.motion import Motion
from devices.errors import LinkError, LinkFault, SlotError, SlotFault
from devices.hub import Hub, Wanted
from devices.packet_file import redecode
from devices.recorder import LiveRecorder, packets_path
from devices.recording import Recording
from devices.source import SensorChange, Source
from motion.samples import Samples, Watermark
from tests.devices.rigged import Rig, in_virtual_time, rig

Clock = Callable[[], int]


def swinging(seconds: float, hz: float = 0.5) -> Motion:
    """A sensor that swings about its x axis."""
    t_s = np.arange(int(seconds * 200)) / 200.0
    gyr = np.zeros((len(t_s), 3))
    gyr[:, 0] = 2.0 * np.cos(2 * np.pi * hz * t_s)
    angle = 2.0 / (2 * np.pi * hz) * np.sin(2 * np.pi * hz * t_s)
    acc = 9.80665 * np.column_stack([np.zeros_like(angle), np.sin(angle), np.cos(angle)])
    return Motion(t_s, {"acc": acc, "gyr": gyr})


async def wanted(here: Rig) -> dict[str, Wanted]:
    return {
        f"slot{index}": Wanted(await here.found(index), profile)
        for index, profile in enumerate(here.profiles)
    }


async def given(hub: Hub, seconds: float) -> list[Any]:
    """Open, stream so long, close; everything that came."""
    await hub.open()
    items: list[Any] = []

    async def read() -> None:
        items.extend([item async for item in hub.items()])

    reading = asyncio.create_task(read())
    await asyncio.sleep(seconds)
    await hub.close()
    await reading
    return items


def samples_of(items: list[Any], slot: str) -> Samples:
    parts = [item for item in items if isinstance(item, Samples) and item.sensor == slot]
    return Samples.of(
        slot,
        np.concatenate([each.t_s for each in parts]),
        np.concatenate([each.acc_mps2 for each in parts]),
        np.concatenate([each.gyr_radps for each in parts]),
    )


def bytes_of(items: list[Any]) -> list[Any]:
    return [
        (item.sensor, item.t_s.tobytes(), item.acc_mps2.tobytes(), item.gyr_radps.tobytes())
        if isinstance(item, Samples)
        else item.t_s
        for item in items
        if isinstance(item, Samples | Watermark)
    ]


def test_two_sensors_stream_in_one_session_time() -> None:
    async def main(clock_ns: Clock) -> None:
        motions = [swinging(60.0), swinging(60.0)]
        async with rig(
            clock_ns, ["xsens-dot", "movesense"], motions=motions, interval_s=0.03
        ) as here:
            hub = Hub(here.adapter, await wanted(here), clock_ns=clock_ns)
            assert isinstance(hub, Source)
            items = await given(hub, 20.0)
            one, two = samples_of(items, "slot0"), samples_of(items, "slot1")
            for each, rate_hz in ((one, 60.0), (two, 104.0)):
                assert each.t_s[-1] - each.t_s[0] > 19.0
                assert np.mean(np.diff(each.t_s)) == pytest.approx(1.0 / rate_hz, rel=2e-3)
            # The same movement, seen by both at the same time: best shift by cross-correlation.
            t_s = np.arange(8.0, 18.0, 0.001)
            first = np.interp(t_s, one.t_s, one.gyr_radps[:, 0])
            shifts = np.arange(-60, 61)
            errors = [
                np.square(
                    first - np.interp(t_s + each / 1000.0, two.t_s, two.gyr_radps[:, 0])
                ).sum()
                for each in shifts
            ]
            assert abs(int(shifts[int(np.argmin(errors))])) <= 40

    in_virtual_time(main)


def test_watermarks_promise_what_comes() -> None:
    async def main(clock_ns: Clock) -> None:
        faults = [Faults(stalls=((3.0, 0.6),)), Faults(loss=0.05, duplicates=0.05)]
        async with rig(
            clock_ns, ["xsens-dot", "xsens-dot"], faults=faults, interval_s=0.05
        ) as here:
            hub = Hub(here.adapter, await wanted(here), clock_ns=clock_ns)
            items = await given(hub, 10.0)
            mark_s = newest_s = -np.inf
            for item in items:
                if isinstance(item, Watermark):
                    assert item.t_s > mark_s
                    mark_s = item.t_s
                    assert newest_s - mark_s <= 0.25 + 1e-9
                elif isinstance(item, Samples):
                    assert item.t_s[0] > mark_s
                    newest_s = max(newest_s, float(item.t_s[-1]))
            status = {each.slot: each for each in hub.status()}
            assert status["slot1"].counts.duplicate > 0
            assert status["slot1"].counts.lost == here.sensors[1].lost

    in_virtual_time(main)


def test_the_raw_packets_give_the_same_samples_and_watermarks(tmp_path: Path) -> None:
    async def main(clock_ns: Clock) -> None:
        faults = [Faults(loss=0.02, link_drops_s=(4.0,)), Faults(duplicates=0.1, drift_ppm=50.0)]
        async with rig(
            clock_ns, ["metamotion-r", "xsens-dot"], faults=faults,
            motions=[swinging(30.0), swinging(30.0)], interval_s=0.03,
        ) as here:  # fmt: skip
            chosen = await wanted(here)
            path = tmp_path / "session.parquet"
            sensors = Hub(here.adapter, chosen, clock_ns=clock_ns).sensors
            with LiveRecorder(path, sensors, datetime.now(UTC)) as recorder:
                hub = Hub(here.adapter, chosen, sink=recorder.sink, clock_ns=clock_ns)
                items = await given(hub, 12.0)
                for item in items:
                    if isinstance(item, Samples):
                        recorder.samples(item)
                    elif isinstance(item, Watermark):
                        recorder.watermark(item)
            again = list(redecode(packets_path(path)))
            assert bytes_of(again) == bytes_of(items)
            recording = Recording.open(path)
            for slot in ("slot0", "slot1"):
                stored = recording.samples([slot])[slot]
                assert stored.t_s.tobytes() == samples_of(items, slot).t_s.tobytes()
                assert np.all(np.diff(stored.t_s) > 0)

    in_virtual_time(main)


def test_a_dropped_link_leaves_a_gap_and_no_duplicate() -> None:
    async def main(clock_ns: Clock) -> None:
        faults = [Faults(link_drops_s=(4.0,), away_s=1.5)]
        async with rig(clock_ns, ["xsens-dot"], faults=faults, interval_s=0.03) as here:
            hub = Hub(here.adapter, await wanted(here), clock_ns=clock_ns)
            items = await given(hub, 12.0)
            samples = samples_of(items, "slot0")
            steps_s = np.diff(samples.t_s)
            assert np.all(steps_s > 0.0)
            assert np.count_nonzero(steps_s > 0.5) == 1
            assert 1.0 < steps_s.max() < 3.0
            states = [item.state for item in items if isinstance(item, SensorChange)]
            assert states.count("streaming") == 2
            assert hub.status()[0].counts.duplicate == 0
            assert hub.status()[0].reconnects >= 1

    in_virtual_time(main)


def test_time_goes_on_where_every_sensor_is_silent() -> None:
    async def main(clock_ns: Clock) -> None:
        faults = [Faults(link_drops_s=(3.0,), away_s=1000.0)]
        async with rig(clock_ns, ["xsens-dot"], faults=faults) as here:
            hub = Hub(here.adapter, await wanted(here), clock_ns=clock_ns)
            items = await given(hub, 20.0)
            marks = [item.t_s for item in items if isinstance(item, Watermark)]
            assert marks[-1] > 17.0

    in_virtual_time(main)


def test_a_reader_that_has_gone_does_not_hold_up_the_end() -> None:
    async def main(clock_ns: Clock) -> None:
        async with rig(clock_ns, ["xsens-dot"]) as here:
            hub = Hub(here.adapter, await wanted(here), clock_ns=clock_ns)
            await hub.open()
            await asyncio.sleep(300.0)
            began_ns = clock_ns()
            await hub.close()
            await hub.close()
            assert clock_ns() - began_ns < 10_000_000_000
            assert hub.status()[0].overflow > 0

    in_virtual_time(main)


def test_a_sensor_that_cannot_be_tracked_is_refused_with_a_sentence() -> None:
    async def main(clock_ns: Clock) -> None:
        async with rig(clock_ns, ["xsens-dot"]) as here:
            chosen = Wanted(await here.found(), here.profiles[0], "free-acceleration")
            with pytest.raises(LinkError, match="Tracking needs") as caught:
                Hub(here.adapter, {"pelvis": chosen})
            assert caught.value.reason is LinkFault.NOT_TRACKABLE

    in_virtual_time(main)


def test_a_sensor_in_two_slots_and_too_many_sensors_are_refused() -> None:
    async def main(clock_ns: Clock) -> None:
        async with rig(clock_ns, ["xsens-dot"]) as here:
            one = Wanted(await here.found(), here.profiles[0])
            with pytest.raises(SlotError, match="assigned twice") as caught:
                Hub(here.adapter, {"pelvis": one, "thorax": one})
            assert caught.value.reason is SlotFault.TWICE
            with pytest.raises(SlotError, match="choose one to 8"):
                Hub(here.adapter, {})

    in_virtual_time(main)


def test_a_sensor_that_refuses_ends_the_opening_for_all() -> None:
    async def main(clock_ns: Clock) -> None:
        faults = [Faults(), Faults(refused_writes=1000)]
        async with rig(clock_ns, ["xsens-dot", "xsens-dot"], faults=faults) as here:
            hub = Hub(here.adapter, await wanted(here), clock_ns=clock_ns)
            with pytest.raises(LinkError, match="slot1 refused"):
                await hub.open()
            assert not here.sensors[0].is_connected

    in_virtual_time(main)
