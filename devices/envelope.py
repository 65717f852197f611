"""The lower envelope of arrival delay: a sensor's clock seen in session time.

Holds the points that bound arrivals from below, and the line of offset and rate under them. Which
packet is a point, and what becomes of a sample's time, is `clock`'s.
"""

import math
from typing import Any, Final, Self

# A packet is never early, and most are late by up to the connection interval. So much, on average,
# for intervals of 15 to 100 ms; it weighs what the packets say of the rate against what was known.
USUAL_DELAY_S: Final = 0.025
# Packets do not tell this independently: about five come with one connection event at 100 Hz and
# 50 ms, and one event in four comes early. Chosen on simulated streams (docs/experiments.md).
PACKETS_A_WITNESS: Final = 20.0
# The envelope forgets by blocks, this many to a horizon, which it keeps to within one.
BLOCKS: Final = 20
# The hull of a thousand random points has about fifteen vertices; only a made-up stream has more.
MOST_VERTICES: Final = 32

Point = tuple[float, float]


def _append(chain: list[Point], x: float, y: float) -> None:
    """Add a point at the right end of a lower convex chain (Andrew's monotone chain, 1979)."""
    if chain and x <= chain[-1][0]:
        if y >= chain[-1][1]:
            return
        chain.pop()
    while len(chain) >= 2:
        (x0, y0), (x1, y1) = chain[-2], chain[-1]
        if (x1 - x0) * (y - y0) > (y1 - y0) * (x - x0):
            break
        chain.pop()
    chain.append((x, y))


def _thin(chain: list[Point]) -> None:
    """Take out the inner vertex that the chain misses least."""

    def depth(index: int) -> float:
        (x0, y0), (x1, y1), (x2, y2) = chain[index - 1 : index + 2]
        return y0 + (y2 - y0) * (x1 - x0) / (x2 - x0) - y1

    del chain[min(range(1, len(chain) - 1), key=depth)]


class Envelope:
    """Line under the arrivals of one run of a device's clock.

    Delay is one-sided, so that the line lies under every point (x, device seconds; y, seconds by
    which arrival is ahead of x). Among those lines it is the one that leaves the least delay on
    average (Moon, Skelly and Towsley 1999: it passes through the edge of the lower hull under the
    mean of x), with a normal prior on the rate, since a few seconds tell nothing of it. Points
    older than the horizon are forgotten; memory is bounded.

    drift: seconds gained by session time a device second, less one. at(x): session seconds.
    """

    def __init__(self, drift: float, drift_sd: float, horizon_s: float) -> None:
        self.drift = drift
        self._prior = drift
        self._prior_sd = drift_sd
        self._horizon_s = horizon_s
        # Each: number of points, sums of x and y, x of the first point, hull.
        self._blocks: list[tuple[int, float, float, float, list[Point]]] = []
        self._count = 0
        self._sum_x = 0.0
        self._sum_y = 0.0
        self._first_x = 0.0
        self._recent: list[Point] = []
        self._hull: list[Point] = []
        self._older = (0, 0.0, 0.0)
        self._touch = (0.0, 0.0)

    @property
    def span_s(self) -> float:
        """Device seconds from the oldest to the newest point that is remembered."""
        return self._hull[-1][0] - self._hull[0][0] if self._hull else 0.0

    def at(self, device_s: float) -> float:
        """Session seconds of a device time."""
        x, y = self._touch
        return device_s + (y + self.drift * (device_s - x))

    def device_at(self, session_s: float) -> float:
        """Device time of session seconds."""
        x, y = self._touch
        return x + (session_s - x - y) / (1.0 + self.drift)

    def next_prior(self, resolution_s: float) -> tuple[float, float]:
        """Mean and deviation of the drift, for a run to come.

        resolution_s: how far a line's ends may be off, which is told apart by the span.
        """
        span_s = self.span_s
        told = resolution_s / span_s if span_s > 0.0 else math.inf
        return self.drift, min(self._prior_sd, told)

    def add(self, device_s: float, arrival_s: float) -> None:
        """A packet whose newest sample has the device time `device_s` arrived.

        Device times that go back are ignored.
        """
        x, y = device_s, arrival_s - device_s
        if self._hull and x <= self._hull[-1][0]:
            return
        if self._count and x - self._first_x >= self._horizon_s / BLOCKS:
            self._close_block(x)
        if not self._count:
            self._first_x = x
        self._count += 1
        self._sum_x += x
        self._sum_y += y
        _append(self._recent, x, y)
        if len(self._recent) > MOST_VERTICES:
            _thin(self._recent)
        _append(self._hull, x, y)
        if len(self._hull) > MOST_VERTICES * (BLOCKS + 1):
            _thin(self._hull)
        self._fit()

    def _close_block(self, x: float) -> None:
        self._blocks.append((self._count, self._sum_x, self._sum_y, self._first_x, self._recent))
        self._count, self._sum_x, self._sum_y, self._recent = 0, 0.0, 0.0, []
        while self._blocks and (
            x - self._blocks[0][3] > self._horizon_s or len(self._blocks) > BLOCKS
        ):
            del self._blocks[0]
        self._hull = []
        for block in self._blocks:
            for point in block[4]:
                _append(self._hull, *point)
        self._older = (
            sum(block[0] for block in self._blocks),
            math.fsum(block[1] for block in self._blocks),
            math.fsum(block[2] for block in self._blocks),
        )

    def _fit(self) -> None:
        hull = self._hull
        count = self._older[0] + self._count
        mean_x = (self._older[1] + self._sum_x) / count
        # Minus the logarithm of the posterior, for exponential delays: weight times the mean
        # distance from the line, and half the square of the standardised drift. Convex in drift;
        # at vertex i its slope is that of `gradient`, valid between the slopes of both edges.
        weight = count / (PACKETS_A_WITNESS * USUAL_DELAY_S)
        variance = self._prior_sd * self._prior_sd

        def edge(index: int) -> float:
            (x0, y0), (x1, y1) = hull[index], hull[index + 1]
            return (y1 - y0) / (x1 - x0)

        low, high = 0, len(hull) - 1
        while low < high:
            middle = (low + high) // 2
            gradient = weight * (hull[middle][0] - mean_x) * variance
            if gradient + edge(middle) - self._prior >= 0.0:
                high = middle
            else:
                low = middle + 1
        drift = self._prior + weight * (mean_x - hull[low][0]) * variance
        if low > 0:
            drift = max(drift, edge(low - 1))
        if low < len(hull) - 1:
            drift = min(drift, edge(low))
        self.drift = drift
        self._touch = hull[low]

    def state(self) -> list[Any]:
        """Plain values, from which `restore` continues to the last bit."""
        return [
            self.drift, self._prior, self._prior_sd, self._horizon_s,
            [[*block[:4], [list(point) for point in block[4]]] for block in self._blocks],
            [self._count, self._sum_x, self._sum_y, self._first_x],
            [list(point) for point in self._recent],
            [list(point) for point in self._hull],
            list(self._older), list(self._touch),
        ]  # fmt: skip

    @classmethod
    def restore(cls, state: list[Any]) -> Self:
        """The envelope of a state."""
        drift, prior, prior_sd, horizon_s, blocks, current, recent, hull, older, touch = state
        envelope = cls(prior, prior_sd, horizon_s)
        envelope.drift = drift
        envelope._blocks = [
            (count, sum_x, sum_y, first_x, [(x, y) for x, y in points])
            for count, sum_x, sum_y, first_x, points in blocks
        ]
        envelope._count, envelope._sum_x, envelope._sum_y, envelope._first_x = current
        envelope._recent = [(x, y) for x, y in recent]
        envelope._hull = [(x, y) for x, y in hull]
        envelope._older = (older[0], older[1], older[2])
        envelope._touch = (touch[0], touch[1])
        return envelope
