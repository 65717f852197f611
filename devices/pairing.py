"""Samples that are spread over several packets, put together in the order of arrival.

Without time or number in them, the first packet of one kind belongs to the first of the other, the
second to the second. One lost packet would shift all that follow; see `Pairing`.
"""

from collections import Counter, deque
from collections.abc import Mapping
from typing import Final, NamedTuple

from devices.frame import Float64, Frame, Refusal

# Packets of one sample arrive within a connection interval or two, at most 0.2 s.
PATIENCE_NS: Final = 500_000_000

# More packets of one kind than this in one burst come from no sensor: 0.1 s at 400 Hz.
LONGEST_QUEUE: Final = 64

# A burst holds at most what was measured in one connection interval: 10 packets of each kind at
# 100 Hz and 0.1 s. In three times as many the queues are empty once, unless a packet was lost.
PATIENCE_PAIRS: Final = 32


class Part(NamedTuple):
    """What one packet has of a sample or several."""

    arrival_ns: int
    samples: int
    values: Mapping[str, Float64]
    ticks: int | None
    counter: int | None


class Pairing:
    """Pairs parts by order and arrival, counts those that stay alone.

    A queue that has never been empty for a number of pairs holds a part whose partner was lost:
    it is dropped, so that the pairs that follow are those of one moment again.
    """

    def __init__(self, kinds: int, refused: Counter[Refusal]) -> None:
        self._queues: list[deque[Part]] = [deque() for _ in range(kinds)]
        self._refused = refused
        self._least = [LONGEST_QUEUE] * kinds
        self._pairs = 0

    def push(self, kind: int, part: Part) -> list[Frame]:
        """Frames that this part completes."""
        for queue in self._queues:
            while queue and not 0 <= part.arrival_ns - queue[0].arrival_ns <= PATIENCE_NS:
                self._drop(queue)
        own = self._queues[kind]
        own.append(part)
        if len(own) > LONGEST_QUEUE:
            self._drop(own)
        frames = []
        while all(self._queues):
            parts = [queue.popleft() for queue in self._queues]
            if len({each.samples for each in parts}) == 1:
                frames.append(_joined(part.arrival_ns, parts))
            else:
                self._refused[Refusal.UNPAIRED] += len(parts)
            self._balance()
        return frames

    def reset(self) -> None:
        """Forget what waits for its partner."""
        for queue in self._queues:
            self._refused[Refusal.UNPAIRED] += len(queue)
            queue.clear()
        self._start_over()

    def _balance(self) -> None:
        self._pairs += 1
        self._least = [
            min(least, len(queue)) for least, queue in zip(self._least, self._queues, strict=True)
        ]
        if self._pairs < PATIENCE_PAIRS:
            return
        for least, queue in zip(self._least, self._queues, strict=True):
            for _ in range(least):
                self._drop(queue)
        self._start_over()

    def _start_over(self) -> None:
        self._least = [LONGEST_QUEUE] * len(self._queues)
        self._pairs = 0

    def _drop(self, queue: deque[Part]) -> None:
        queue.popleft()
        self._refused[Refusal.UNPAIRED] += 1


def _joined(arrival_ns: int, parts: list[Part]) -> Frame:
    values: dict[str, Float64] = {}
    for part in parts:
        values.update(part.values)
    ticks = next((part.ticks for part in parts if part.ticks is not None), None)
    counter = next((part.counter for part in parts if part.counter is not None), None)
    return Frame(arrival_ns, values, ticks, None, counter)
