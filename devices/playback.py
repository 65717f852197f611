"""A recording as a source: at its own pace, faster, or as fast as it can be read.

Paces what `recording` reads. The same recording through an emulated radio is `emulation`'s.
"""

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Final

from devices.recording import Recording, SensorInfo
from devices.source import Item
from motion.samples import Watermark

# Without pacing others get a turn after so many inputs: 10 s of a recording's watermarks.
TURN_EVERY: Final = 100


class Playback:
    """Plays a recording's samples, watermarks and controls; a `source.Source`.

    speed: session seconds a second; math.inf: as fast as it goes. clock: seconds, for pacing
    alone: what comes out does not depend on it.
    """

    def __init__(
        self,
        recording: Recording,
        *,
        speed: float = 1.0,
        slots: Sequence[str] | None = None,
        rename: Mapping[str, str] | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        if not speed > 0.0:
            raise ValueError(f"the speed is {speed}; give a positive number, 1 for its own pace")
        self._recording = recording
        self._speed = speed
        self._slots = recording.slots if slots is None else tuple(slots)
        self._rename = dict(rename or {})
        self._clock = clock
        self._closed = False

    @property
    def sensors(self) -> Mapping[str, SensorInfo]:
        """What the recording knows of its sensors, by slot."""
        known = self._recording.info.sensors
        return {self._rename.get(slot, slot): known[slot] for slot in self._slots}

    async def open(self) -> None:
        """Nothing to wait for: the recording was checked when it was opened."""

    async def items(self) -> AsyncIterator[Item]:
        """The recording's inputs in order; raises RecordingError when the file is damaged."""
        clock = self._clock or asyncio.get_running_loop().time
        began: float | None = None
        first_s = 0.0
        for number, item in enumerate(self._recording.inputs(self._slots, self._rename)):
            if self._closed:
                return
            if isinstance(item, Watermark) and self._speed < math.inf:
                if began is None:
                    began, first_s = clock(), item.t_s
                due = began + (item.t_s - first_s) / self._speed
                # Also where it lags: others must get their turn.
                await asyncio.sleep(max(0.0, due - clock()))
            elif number % TURN_EVERY == 0:
                await asyncio.sleep(0.0)
            yield item

    async def close(self) -> None:
        """Nothing more is given."""
        self._closed = True
