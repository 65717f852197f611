"""An event loop whose time passes as fast as the work in it allows.

Everything emulated lives in one process and waits on the loop's timers alone, so that an hour of
an emulated radio need not take an hour, and comes out the same on a busy machine as on an idle one.
Not for real radios, which keep their own time.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Selector(selectors.DefaultSelector):
    """Instead of waiting for the next timer, says that its time has come."""

    def __init__(self) -> None:
        super().__init__()
        self.passed_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            # No timer is set: only another thread can bring news.
            return super().select(None)
        ready = super().select(0.0)
        if not ready and timeout > 0.0:
            self.passed_s += timeout
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """The loop. Its `time` begins at 0 and jumps to the next timer when nothing is left to do."""

    def __init__(self) -> None:
        self._waits = _Selector()
        super().__init__(self._waits)

    def time(self) -> float:
        """Seconds since the loop was made."""
        return self._waits.passed_s

    def time_ns(self) -> int:
        """The same in nanoseconds."""
        return round(self._waits.passed_s * 1e9)


def run(main: Callable[[Callable[[], int]], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine in virtual time; it is given the clock, in nanoseconds."""
    loop = VirtualTimeLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(main(loop.time_ns))
