"""Virtual time passes in order, and without waiting."""

import asyncio
import time
from collections.abc import Callable

from devices.emulation import virtual_time


def test_an_hour_passes_at_once_and_timers_keep_their_order() -> None:
    order: list[tuple[str, float]] = []

    async def main(clock_ns: Callable[[], int]) -> float:
        async def wait(name: str, seconds: float) -> None:
            await asyncio.sleep(seconds)
            order.append((name, clock_ns() / 1e9))

        await asyncio.gather(wait("hour", 3600.0), wait("second", 1.0), wait("minute", 60.0))
        return clock_ns() / 1e9

    began = time.monotonic()
    assert abs(virtual_time.run(main) - 3600.0) < 1e-6
    assert time.monotonic() - began < 60.0
    assert [name for name, _ in order] == ["second", "minute", "hour"]
    assert [round(at_s, 6) for _, at_s in order] == [1.0, 60.0, 3600.0]


def test_work_of_another_thread_is_waited_for() -> None:
    async def main(clock_ns: Callable[[], int]) -> str:
        return await asyncio.to_thread(lambda: "done")

    assert virtual_time.run(main) == "done"


def test_limits_hold_in_virtual_time() -> None:
    async def main(clock_ns: Callable[[], int]) -> int:
        try:
            async with asyncio.timeout(5.0):
                await asyncio.Event().wait()
        except TimeoutError:
            return clock_ns()
        return -1

    assert abs(virtual_time.run(main) - 5_000_000_000) < 1_000_000
