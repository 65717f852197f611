"""The trend within a set: how range, tempo, smoothness and score change while it lasts.

Looks back on finished sets, as a report does; nothing here is part of the streaming path. Whether a
change means something is decided in `change`.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from motion.change import means_something
from motion.events import RepetitionEvent
from motion.quantity import CHANCE, Quantity, chance_of, comparable

Float64 = NDArray[np.float64]

# With four repetitions no order of them is rarer than one in twelve, so that chance is never out.
LEAST_REPETITIONS: Final = 5
# Of more than this every so manyth is taken: slopes of all pairs would be millions.
MOST_REPETITIONS: Final = 400
# Up to here the distribution of orders is counted; beyond, a normal one is as good to 1e-4.
COUNTED_UP_TO: Final = 50
# Half the width of an interval that holds 95 %, in standard deviations.
_Z95: Final = float(ndtri(1.0 - CHANCE / 2))


@dataclass(frozen=True, slots=True)
class Line:
    """A straight line through values by number, robust against some odd ones.

    slope: of a step of 1, with its 95 % interval from `low` to `high`; offset: at number 0.
    chance: how often an order like this, or a clearer one, comes about where there is no trend.
    """

    slope: float
    offset: float
    low: float
    high: float
    chance: float

    def at(self, number: float) -> float:
        """The value of the line at `number`."""
        return self.offset + self.slope * number


@dataclass(frozen=True, slots=True)
class Trend:
    """How one quantity changes from the first to the last repetition, in the quantity's unit.

    first, last: numbers of these repetitions in the set. before, after: the line's values there.
    low, high: 95 % interval of the change, from the scatter of the repetitions and never narrower
    than measuring errors alone make it. stated: whether the change is beyond chance, all quantities
    together, and large enough to matter.
    """

    quantity: Quantity
    first: int
    last: int
    slope: float
    before: float
    after: float
    low: float
    high: float
    stated: bool

    @property
    def change(self) -> float:
        """From first to last; negative where it became less."""
        return self.after - self.before

    @property
    def beyond_chance(self) -> bool:
        """Whether the interval leaves out no change at all."""
        return self.low > 0.0 or self.high < 0.0

    @property
    def percent(self) -> tuple[float, float, float] | None:
        """Change and its interval in percent of the first; None where a percentage means nothing.

        The first value counts as known: what its own error adds is small beside the interval.
        """
        change = self.quantity.percent(self.change, self.before)
        low = self.quantity.percent(self.low, self.before)
        high = self.quantity.percent(self.high, self.before)
        return None if change is None or low is None or high is None else (change, low, high)

    @property
    def of_fatigue(self) -> bool:
        """Whether it is stated and goes the way that fatigue makes it go.

        The score is made of the others and says nothing besides.
        """
        tiring = self.change < 0.0 if self.quantity.more_is_better else self.change > 0.0
        return self.stated and tiring and self.quantity is not Quantity.SCORE


@dataclass(frozen=True, slots=True)
class SetTrend:
    """The trends of one set; where it goes both ways or to both sides, of one of them.

    repetitions: those that are compared. left_out: how many were interrupted or paused. trends: of
    the quantities that were measured often enough; none where the repetitions are too few.
    """

    exercise: str
    set_index: int
    side: str | None
    way: str | None
    repetitions: tuple[RepetitionEvent, ...]
    left_out: int
    trends: dict[Quantity, Trend] = field(default_factory=dict)

    @property
    def statements(self) -> list[Trend]:
        """What is beyond chance and matters."""
        return [trend for trend in self.trends.values() if trend.stated]


def sets_of(repetitions: Iterable[RepetitionEvent]) -> Iterator[list[RepetitionEvent]]:
    """The repetitions of each set, given in their order.

    One exercise may be done again in a session, on the other side say, and numbers its sets anew:
    a set ends, too, where the number of the repetition does not rise.
    """
    current: list[RepetitionEvent] = []
    for event in repetitions:
        if current:
            last = current[-1]
            same = (event.exercise, event.set_index) == (last.exercise, last.set_index)
            if not same or event.index <= last.index:
                yield current
                current = []
        current.append(event)
    if current:
        yield current


def trends_within_sets(repetitions: Iterable[RepetitionEvent]) -> list[SetTrend]:
    """The trends of each set, each way and side by itself, in the order of the first repetitions.

    Interrupted and paused repetitions are left out. Nothing for no repetitions.
    """
    found = []
    for events in sets_of(repetitions):
        kinds = dict.fromkeys((event.side, event.way) for event in events)
        for kind in kinds:
            found.append(_within([each for each in events if (each.side, each.way) == kind]))
    return found


def _within(events: list[RepetitionEvent]) -> SetTrend:
    """events: one set, one way and side; at least one."""
    whole = [event for event in events if comparable(event)]
    trends = {}
    for quantity in Quantity:
        trend = trend_of(quantity, whole)
        if trend is not None:
            trends[quantity] = trend
    first = events[0]
    return SetTrend(
        exercise=first.exercise,
        set_index=first.set_index,
        side=first.side,
        way=first.way,
        repetitions=tuple(whole),
        left_out=len(events) - len(whole),
        trends=trends,
    )


def trend_of(quantity: Quantity, repetitions: list[RepetitionEvent]) -> Trend | None:
    """The trend of one quantity over repetitions of one set, in their order.

    None where fewer than `LEAST_REPETITIONS` have it, or where all are exactly zero: a hold has no
    way out. Measuring errors enter as independent ones: those that all repetitions of a set share,
    a tilted strap's say, change no trend.
    """
    measured = [event for event in repetitions if math.isfinite(quantity.of(event))]
    if len(measured) < LEAST_REPETITIONS or not any(quantity.of(event) for event in measured):
        return None
    if len(measured) > MOST_REPETITIONS:
        chosen = np.linspace(0, len(measured) - 1, MOST_REPETITIONS).round().astype(int)
        measured = [measured[at] for at in chosen]
    number = np.array([event.index for event in measured], dtype=np.float64)
    value = np.array([quantity.of(event) for event in measured])
    line = robust_line(number, value)
    first, last = measured[0].index, measured[-1].index
    span = last - first
    change = line.slope * span
    # Error of a slope through values of equal deviation, over the span.
    sd = float(np.median([quantity.sd_of(event) for event in measured]))
    spread = math.sqrt(float(((number - number.mean()) ** 2).sum()))
    measuring = _Z95 * sd * span / spread
    low = change - max(change - line.low * span, measuring)
    high = change + max(line.high * span - change, measuring)
    before, after = line.at(first), line.at(last)
    return Trend(
        quantity=quantity,
        first=first,
        last=last,
        slope=line.slope,
        before=before,
        after=after,
        low=low,
        high=high,
        stated=means_something(
            quantity, before, after, (low, high), line.chance, chance_of(quantity, measured)
        ),
    )


def robust_line(number: Float64, value: Float64) -> Line:
    """The Theil-Sen line: the median of the slopes of all pairs, and of what is left beside it.

    number: (n,) strictly increasing; value: (n,); finite, at least `LEAST_REPETITIONS`, otherwise
    ValueError. Theil, Proc K Ned Akad Wet A 53:386, 1950; interval after Sen, J Am Stat Assoc
    63:1379, 1968, from Kendall's distribution of orders, which needs no normal errors. A pair of
    equal values counts for neither way, which makes the chance larger than it is.
    """
    count = len(number)
    if count != len(value) or count < LEAST_REPETITIONS:
        raise ValueError(f"a line needs {LEAST_REPETITIONS} numbers and values, got {count}")
    if not (np.isfinite(value).all() and np.isfinite(number).all() and (np.diff(number) > 0).all()):
        raise ValueError("numbers must be finite and increase, and values be finite")
    i, j = np.triu_indices(count, 1)
    slopes = np.sort((value[j] - value[i]) / (number[j] - number[i]))
    slope = float(np.median(slopes))
    offset = float(np.median(value - slope * number))
    balance = abs(int((slopes > 0.0).sum()) - int((slopes < 0.0).sum()))
    # A tie counts half against the rise, an odd one whole.
    against = (len(slopes) - balance + 1) // 2
    beyond = _most_against(count, CHANCE / 2)
    return Line(
        slope=slope,
        offset=offset,
        low=float(slopes[beyond]),
        high=float(slopes[len(slopes) - 1 - beyond]),
        chance=min(1.0, 2.0 * _orders_up_to(count, against)),
    )


@lru_cache(maxsize=64)
def _orders(count: int) -> Float64:
    """Share of the orders of `count` values with at most k pairs against the rise, at index k."""
    shares = np.ones(1)
    for size in range(2, count + 1):
        # The size-th value stands before 0 to size - 1 smaller ones, each as often.
        shares = np.convolve(shares, np.full(size, 1.0 / size))
    return np.cumsum(shares)


def _normal(count: int) -> tuple[float, float]:
    """Mean and deviation of the pairs against the rise, for large `count` (Kendall, 1938)."""
    return count * (count - 1) / 4, math.sqrt(count * (count - 1) * (2 * count + 5) / 72)


def _orders_up_to(count: int, against: int) -> float:
    """Share of the orders with at most `against` pairs against the rise."""
    if count <= COUNTED_UP_TO:
        return float(_orders(count)[against])
    mean, sd = _normal(count)
    return float(ndtr((against + 0.5 - mean) / sd))


def _most_against(count: int, share: float) -> int:
    """The most pairs against the rise that at most `share` of the orders have."""
    if count <= COUNTED_UP_TO:
        # The shares are exact to rounding, 1 / 120 of five included.
        return int(np.searchsorted(_orders(count), share * (1.0 + 1e-12), side="right")) - 1
    mean, sd = _normal(count)
    return math.floor(mean + sd * float(ndtri(share)) - 0.5)
