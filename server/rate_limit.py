"""How often somebody may ask: token buckets in memory, a bounded number of them.

Knows keys and a clock; who is counted by what is the caller's business.
"""

import time
from collections import OrderedDict
from collections.abc import Callable


class RateLimit:
    """per_minute: the lasting rate; as many at once after a minute of silence.

    most_keys: the one unseen longest is forgotten beyond it, as if it had been silent.
    """

    def __init__(
        self, per_minute: float, most_keys: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._burst = max(1.0, per_minute)
        self._per_s = per_minute / 60.0
        self._most_keys = most_keys
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def wait_s(self, key: str) -> float:
        """Count one; 0 when it is allowed, else the seconds until the next one would be."""
        now_s = self._clock()
        left, at_s = self._buckets.pop(key, (self._burst, now_s))
        left = min(self._burst, left + (now_s - at_s) * self._per_s)
        allowed = left >= 1.0
        self._buckets[key] = (left - 1.0 if allowed else left, now_s)
        if len(self._buckets) > self._most_keys:
            self._buckets.popitem(last=False)
        return 0.0 if allowed else (1.0 - left) / self._per_s
