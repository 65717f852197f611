"""Emulated sensors on an air of their own, in virtual time, for tests of links and hubs."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from devices.adapter import Adapter
from devices.emulation import virtual_time
from devices.emulation.air import Air
from devices.emulation.faults import Faults
from devices.emulation.motion import Motion, Stage
from devices.emulation.peripheral import EmulatedSensor
from devices.scanner import Found, scan
from firmware_profiles.schema import Profile

T = TypeVar("T")

# No test waits longer than this in virtual seconds; each takes a small part of it in real ones.
LIMIT_S = 900.0


@dataclass
class Rig:
    """An adapter with sensors that are switched on, and the clock of all."""

    air: Air
    adapter: Adapter
    sensors: list[EmulatedSensor]
    profiles: list[Profile]
    clock_ns: Callable[[], int]

    async def found(self, index: int = 0) -> Found:
        """What the scanner says of a sensor."""
        for each in await scan(self.adapter, self.profiles, 1.0):
            if each.address == self.sensors[index].address:
                return each
        raise AssertionError("the sensor was not heard")


@asynccontextmanager
async def rig(
    clock_ns: Callable[[], int],
    profiles: Sequence[str],
    *,
    faults: Sequence[Faults] = (),
    motions: Sequence[Motion] = (),
    interval_s: float = 0.0,
    **options: Any,
) -> AsyncIterator[Rig]:
    """Sensors of these profiles, with their faults and motions."""
    air = Air(connection_interval_s=interval_s)
    loaded = [Profile.load(name) for name in profiles]
    stage = Stage(len(loaded))
    sensors = [
        EmulatedSensor(
            air,
            profile,
            motions[index] if index < len(motions) else None,
            faults=faults[index] if index < len(faults) else None,
            stage=stage,
            **options,
        )
        for index, profile in enumerate(loaded)
    ]
    for sensor in sensors:
        await sensor.start()
    adapter = await Adapter.emulated(air)
    try:
        yield Rig(air, adapter, sensors, loaded, clock_ns)
    finally:
        for sensor in sensors:
            await sensor.stop()
        await adapter.close()


def in_virtual_time(work: Callable[[Callable[[], int]], Coroutine[Any, Any, T]]) -> T:
    """Run a test's coroutine; no longer than `LIMIT_S`."""

    async def limited(clock_ns: Callable[[], int]) -> T:
        async with asyncio.timeout(LIMIT_S):
            return await work(clock_ns)

    return virtual_time.run(limited)
