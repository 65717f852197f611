"""A reference of one's own: how far a person's first repetitions in a session went.

Fixed by the first three of an exercise, each side and way by itself, and never moved afterwards, so
that a slow decline is seen. What is judged by it stands in `quality`; who keeps it is `session`.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from motion.template import RangeOfMotion

# One says nothing of the next, and more would leave half of a set without it.
FIRST: Final = 3
# Short is what stays below this share of the reference. Chosen on three people x eight exercises,
# one person left out at a time (`python -m benchmarks margins`): 0.85 each time.
OWN_SHARE: Final = 0.85
# Small first repetitions lower the bar to this share of the prescribed minimum and no further: by
# what two measurements of one movement differ by (`learning.GOAL_SHARE`). From 0.6 to 0.96 the
# verdicts of sets that begin well are the same; those of sets that begin badly get better with it.
LOWEST_SHARE: Final = 0.95
# Standard deviation of the median of three values, in theirs: the root of 1 - sqrt(3) / pi.
_MEDIAN_SD: Final = 0.6698


@dataclass(frozen=True, slots=True)
class Reference:
    """range_deg: the median range of the first repetitions; sd_deg: its measuring deviation."""

    range_deg: float
    sd_deg: float

    @classmethod
    def of(cls, first: Sequence[tuple[float, float]]) -> "Reference":
        """From range and standard deviation, in degrees, of each of the first repetitions.

        Their errors count as independent. Those that they share with all that follow, an askew
        strap's, change both sides of the comparison alike.
        """
        return cls(
            statistics.median(range_deg for range_deg, _ in first),
            _MEDIAN_SD * statistics.median(sd_deg for _, sd_deg in first),
        )

    def share(self, rom_deg: float) -> float | None:
        """A range as a share of the reference; None where that is nothing."""
        return rom_deg / self.range_deg if self.range_deg > 0.0 else None


def least_range(
    target: RangeOfMotion,
    reference: Reference | None,
    *,
    own_share: float = OWN_SHARE,
    lowest_share: float = LOWEST_SHARE,
) -> tuple[float, float]:
    """Below which range a repetition is short, and the deviation of that: both in degrees.

    `own_share` of the reference, but no less than `lowest_share` of the prescribed minimum and no
    more than the goal: who reaches the goal is never short. These bounds are exact, and so is the
    minimum, which holds as long as there is no reference.
    """
    if reference is None:
        return target.minimum_deg, 0.0
    own_deg = own_share * reference.range_deg
    lowest_deg = lowest_share * target.minimum_deg
    if own_deg <= lowest_deg:
        return lowest_deg, 0.0
    if own_deg >= target.goal_deg:
        return target.goal_deg, 0.0
    return own_deg, own_share * reference.sd_deg


class OwnReferences:
    """The references of one exercise, by side and way."""

    def __init__(self) -> None:
        self._first: dict[tuple[str | None, str | None], list[tuple[float, float]]] = {}

    def known(self, side: str | None, way: str | None) -> Reference | None:
        """The reference; None before there are `FIRST` repetitions."""
        first = self._first.get((side, way), [])
        return Reference.of(first) if len(first) == FIRST else None

    def add(self, side: str | None, way: str | None, rom_deg: float, sd_deg: float) -> None:
        """Take note of a repetition; of those after the first ones none."""
        first = self._first.setdefault((side, way), [])
        if len(first) < FIRST:
            first.append((rom_deg, sd_deg))

    def state(self) -> list[Any]:
        """As plain values, for a snapshot."""
        return [[side, way, first] for (side, way), first in self._first.items()]

    @classmethod
    def restore(cls, state: list[Any]) -> "OwnReferences":
        """Inverse of `state`."""
        references = cls()
        references._first = {
            (side, way): [(rom_deg, sd_deg) for rom_deg, sd_deg in first]
            for side, way, first in state
        }
        return references
