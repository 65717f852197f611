"""Left against right: the two sides of an exercise, compared over a session.

Looks back on finished repetitions; nothing here is part of the streaming path. Whether a difference
means something is decided in `change`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from motion.change import changed
from motion.events import RepetitionEvent
from motion.quantity import Quantity, comparable

# Smoothness and score have no zero that a ratio could start from.
COMPARED: Final = tuple(quantity for quantity in Quantity if quantity.has_ratio)


@dataclass(frozen=True, slots=True)
class Difference:
    """One quantity on both sides: medians, and the 95 % interval of left minus right.

    stated: whether the difference is beyond chance, all quantities together, and large enough to
    matter.
    """

    quantity: Quantity
    left: float
    right: float
    low: float
    high: float
    stated: bool

    @property
    def difference(self) -> float:
        """Left minus right, in the quantity's unit."""
        return self.left - self.right

    @property
    def index_percent(self) -> float | None:
        """Limb symmetry index: the smaller side in percent of the larger, 100 where both are alike.

        Noyes et al., Am J Sports Med 19:513, 1991, with the involved limb first; which one that is
        the sensors do not know, so that the smaller stands above (Bishop et al., Strength Cond J
        40(4):1, 2018). None for the time of a way, which is no capacity, and where neither side has
        any.
        """
        if not self.quantity.more_is_better:
            return None
        return self.quantity.percent(min(self.left, self.right), max(self.left, self.right))

    @property
    def asymmetry_percent(self) -> float | None:
        """What the index lacks to 100; None where there is no index."""
        index = self.index_percent
        return None if index is None else 100.0 - index

    @property
    def smaller(self) -> str:
        """The side with less of it; the right one where both are alike."""
        return "left" if self.left < self.right else "right"


@dataclass(frozen=True, slots=True)
class Symmetry:
    """Both sides of one exercise. left, right: repetitions that are compared.

    differences: none where a side has fewer than `change.LEAST_REPETITIONS`.
    """

    exercise: str
    left: tuple[RepetitionEvent, ...]
    right: tuple[RepetitionEvent, ...]
    differences: dict[Quantity, Difference] = field(default_factory=dict)

    @property
    def statements(self) -> list[Difference]:
        """What is beyond chance and matters."""
        return [each for each in self.differences.values() if each.stated]


def side_of(event: RepetitionEvent) -> str | None:
    """The side it was done to or with: that of its way, as in bend_left, else the exercise's."""
    for side in ("left", "right"):
        if event.way is not None and event.way.endswith(f"_{side}"):
            return side
    return event.side if event.side in ("left", "right") else None


def symmetries(repetitions: Iterable[RepetitionEvent]) -> list[Symmetry]:
    """Every exercise that was done on both sides, in the order of the first repetitions.

    All sets of a session count together. Interrupted and paused repetitions are left out. Nothing
    for no repetitions, or for one side only.
    """
    sides: dict[str, dict[str, list[RepetitionEvent]]] = {}
    for event in repetitions:
        side = side_of(event)
        if side is not None:
            both = sides.setdefault(event.exercise, {"left": [], "right": []})
            if comparable(event):
                both[side].append(event)
    found = []
    for exercise, both in sides.items():
        left, right = both["left"], both["right"]
        if not left or not right:
            continue
        differences = {}
        for quantity in COMPARED:
            difference = difference_of(quantity, left, right)
            if difference is not None:
                differences[quantity] = difference
        found.append(Symmetry(exercise, tuple(left), tuple(right), differences))
    return found


def difference_of(
    quantity: Quantity, left: list[RepetitionEvent], right: list[RepetitionEvent]
) -> Difference | None:
    """One quantity of the repetitions of both sides.

    None where a side has fewer than `change.LEAST_REPETITIONS` with it, or all are exactly zero.
    Medians differ by what their scatter explains and by measuring errors. Of the latter the whole
    counts: each side has its own strapping or its own way, and more repetitions do not lessen that.
    """
    change = changed(quantity, right, left)
    if change is None:
        return None
    return Difference(
        quantity=quantity,
        left=change.after,
        right=change.before,
        low=change.low,
        high=change.high,
        stated=change.stated,
    )
