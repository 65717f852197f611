"""How sensors stand at a moment: orientations kept by time, each sensor by itself.

For whoever looks at single moments of a repetition, where a sensor that is missing must hold up
nothing. Sensors side by side at common times are `alignment`'s.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motion.columns import Columns
from motion.samples import Samples
from motion.stream import SILENT_S, SensorStream

Float64 = NDArray[np.float64]


class Attitudes:
    """Orientations of some sensors, from the last `trim` on.

    What is read of a moment depends on samples up to it alone, so that it is the same however they
    are cut, once a watermark has passed it.
    """

    def __init__(self, slots: Iterable[str]) -> None:
        self.streams = {slot: SensorStream(slot) for slot in slots}
        self._kept = {slot: Columns(t=(0, np.float64), q=(4, np.float64)) for slot in self.streams}

    def push(self, samples: Samples) -> None:
        """Buffer samples of one of the sensors; raises KeyError for another one."""
        self.streams[samples.sensor].push(samples)

    def advance(self, until_s: float, *, last: bool) -> None:
        """Orient what is older than `until_s`; with `last` all that there is."""
        for slot, stream in self.streams.items():
            stream.advance(until_s, last=last)
            oriented, kept = stream.oriented, self._kept[slot]
            count = len(oriented)
            at = kept.append(count)
            for name in ("t", "q"):
                kept.arrays[name][at : at + count] = oriented[name]
            oriented.drop(count)

    def at(self, slot: str, t_s: float) -> Float64 | None:
        """Orientation (4,), sensor to earth, at the last sample up to `t_s`; None when silent."""
        kept = self._kept[slot]
        t = kept["t"]
        index = int(np.searchsorted(t, t_s, "right")) - 1
        if index < 0 or t_s - t[index] > SILENT_S:
            return None
        q: Float64 = kept["q"][index].copy()
        return q

    def trim(self, oldest_s: float) -> None:
        """Moments before `oldest_s` will not be asked for."""
        for kept in self._kept.values():
            passed = int(np.searchsorted(kept["t"], oldest_s, "right")) - 1
            if passed > 0:
                kept.drop(passed)

    def follow_on(self, known: Mapping[str, SensorStream], t_s: float) -> None:
        """Take over sensors that others have finished with: orientations go on from `t_s`."""
        for slot in self.streams:
            if slot in known:
                self.streams[slot] = known[slot]
                self.streams[slot].rejoin(t_s)

    def state(self) -> dict[str, Any]:
        """For snapshots; `restore` is the inverse."""
        return {
            slot: [stream.state(), self._kept[slot].state()]
            for slot, stream in self.streams.items()
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from `state`."""
        for slot, (stream, kept) in state.items():
            self.streams[slot].restore(stream)
            self._kept[slot].restore(kept)


def oldest_of(history: Columns, watermark_s: float, longest_s: float) -> float:
    """From when on moments may be asked for: the first row of a history, but no further back than
    `longest_s` before the watermark."""
    first_s = float(history["t"][0]) if len(history) else -math.inf
    return max(first_s, watermark_s - longest_s)
