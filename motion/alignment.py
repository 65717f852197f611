"""Several sensors at common times: those of the first sensor's samples, the others interpolated.

Knows timestamps only, no rates: sensors may be sampled at any. A time at which one of them is
silent is left out, and the next one marked. What one sensor delivers is `stream`'s.
"""

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion import quaternion
from motion._jit import njit
from motion.columns import Columns
from motion.stream import SILENT_S, SensorStream

Float64 = NDArray[np.float64]

# State, one array.
A_LAST_T: Final = 0  # last time that was kept
A_GAP: Final = 1  # 1 where times were left out since
A_SIZE: Final = 2


@njit
def align_kernel(
    t: Float64,
    other_t: Float64,
    other_q: Float64,
    other_acc: Float64,
    until_s: float,
    last: bool,
    out: Float64,
    keep: NDArray[np.uint8],
) -> int:
    """Orientation and specific force of another sensor at times t (n,), interpolated: out (n, 7).

    Clears `keep` where the other sensor is silent. Returns how many of `t` are decided; the rest
    waits for samples, or for the watermark to show that none will come.
    """
    m = len(other_t)
    k = 0
    for i in range(len(t)):
        now = t[i]
        while k + 1 < m and other_t[k + 1] <= now:
            k += 1
        if m == 0 or now < other_t[0]:
            # Not begun yet: wait until it is known whether it will.
            if m == 0 and not last and until_s - now <= SILENT_S:
                return i
            keep[i] = 0
        elif other_t[k] == now or (last and k + 1 == m and now - other_t[k] <= SILENT_S):
            # Met exactly; or the stream has ended less than a silence ago.
            for j in range(4):
                out[i, j] = other_q[k, j]
            for j in range(3):
                out[i, 4 + j] = other_acc[k, j]
        elif k + 1 == m:
            if not last and until_s - other_t[k] <= SILENT_S:
                return i
            keep[i] = 0
        elif other_t[k + 1] - other_t[k] > SILENT_S:
            keep[i] = 0
        else:
            share = (now - other_t[k]) / (other_t[k + 1] - other_t[k])
            before, after = other_q[k], other_q[k + 1]
            between = quaternion.nlerp(quaternion.read(before, 0), quaternion.read(after, 0), share)
            quaternion.write(out[i], 0, between)
            for j in range(3):
                rise = other_acc[k + 1, j] - other_acc[k, j]
                out[i, 4 + j] = other_acc[k, j] + share * rise
    return len(t)


@njit
def gather_kernel(
    state: Float64,
    t: Float64,
    sensed: Float64,
    keep: NDArray[np.uint8],
    out_t: Float64,
    out_q: Float64,
    out_acc: Float64,
    gap: NDArray[np.uint8],
) -> int:
    """Write the kept ones of times t (n,) and of what was sensed then (s, n, 7), and mark what
    follows a silence; returns how many were written."""
    at = 0
    for i in range(len(t)):
        if keep[i] == 0:
            state[A_GAP] = 1.0
            continue
        gap[at] = 1 if state[A_GAP] == 1.0 or t[i] - state[A_LAST_T] > SILENT_S else 0
        state[A_GAP] = 0.0
        state[A_LAST_T] = t[i]
        out_t[at] = t[i]
        for s in range(sensed.shape[0]):
            for j in range(4):
                out_q[at, 4 * s + j] = sensed[s, i, j]
            for j in range(3):
                out_acc[at, 3 * s + j] = sensed[s, i, 4 + j]
        at += 1
    return at


class Alignment:
    """Takes what `streams` have oriented and puts it side by side, in the order of `streams`."""

    def __init__(self, streams: Sequence[SensorStream]) -> None:
        self._streams = list(streams)
        self._state = np.zeros(A_SIZE)
        self._state[A_LAST_T] = -math.inf
        self.rows = Columns(
            t=(0, np.float64),
            q=(4 * len(self._streams), np.float64),
            acc=(3 * len(self._streams), np.float64),
            gap=(0, np.uint8),
        )

    def advance(self, until_s: float, *, last: bool) -> None:
        """Append to `rows` (t, q and acc of all sensors side by side, gap: 1 after a silence) what
        is decided now that nothing older than `until_s` will come."""
        first = self._streams[0].oriented
        count = len(first)
        if not count:
            self._drop_passed(min(until_s, self._streams[0].waiting_t))
            return
        t = first["t"]
        sensed = np.empty((len(self._streams), count, 7))
        sensed[0, :, :4] = first["q"]
        sensed[0, :, 4:] = first["acc"]
        keep = np.ones(count, np.uint8)
        decided = count
        for index, stream in enumerate(self._streams[1:], 1):
            other = stream.oriented
            known_s = min(until_s, stream.waiting_t)
            ready = align_kernel(
                t, other["t"], other["q"], other["acc"], known_s, last, sensed[index], keep
            )
            decided = min(decided, ready)
        if decided:
            at = self.rows.append(decided)
            arrays = self.rows.arrays
            written = gather_kernel(
                self._state, t[:decided], sensed, keep, arrays["t"][at:], arrays["q"][at:],
                arrays["acc"][at:], arrays["gap"][at:],
            )  # fmt: skip
            self.rows.cut(at - self.rows.start + written)
        oldest_t = float(t[decided]) if decided < count else float(t[-1])
        first.drop(decided)
        self._drop_passed(oldest_t)

    def _drop_passed(self, oldest_t: float) -> None:
        """Let go of other sensors' samples before `oldest_t`, but for one to interpolate from."""
        for stream in self._streams[1:]:
            passed = int(np.searchsorted(stream.oriented["t"], oldest_t, "right")) - 1
            if passed > 0:
                stream.oriented.drop(passed)

    def state(self) -> list[Any]:
        """For snapshots, beside the streams' own; `restore` is the inverse."""
        return [self._state, self.rows.state()]

    def restore(self, state: list[Any]) -> None:
        """Continue from `state`."""
        self._state[:], rows = state
        self.rows.restore(rows)
