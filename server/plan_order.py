"""The order of a plan's exercises: by position and strap, so that a person in pain lies down once.

A pure function of what the exercises need. A therapist who fixes the order does without it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from motion.template import ExerciseTemplate

# From the feet to the floor, and there from the knees over the belly to the back, so that each
# position is taken once and the last is left once. `any` goes with whoever still stands.
POSITIONS: Final = (
    "any", "standing", "seated", "kneeling", "quadruped", "prone", "side_lying", "supine",
)  # fmt: skip

Strap = tuple[str, str, str]


@dataclass(frozen=True)
class Needs:
    """What an exercise needs of a person. straps: (segment, placement, side)."""

    position: str
    straps: frozenset[Strap]

    @classmethod
    def of(cls, template: ExerciseTemplate, side: str) -> "Needs":
        """Of a template, done with a side."""
        straps = frozenset(
            (slot, place.placement, side) for slot, place in template.sensors.items()
        )
        return cls(template.position, straps)


def by_position_and_strap(exercises: Sequence[Needs]) -> list[int]:
    """Indices of `exercises` in the order to do them.

    Within a position exercises with equal straps follow one another, and next come the straps that
    share most with those worn; otherwise the given order stays.
    """
    order: list[int] = []
    worn: frozenset[Strap] = frozenset()
    for position in sorted({each.position for each in exercises}, key=POSITIONS.index):
        left = [at for at, each in enumerate(exercises) if each.position == position]
        while left:
            nearest = min(left, key=lambda at: (_changes(worn, exercises[at].straps), at))
            worn = exercises[nearest].straps
            block = [at for at in left if exercises[at].straps == worn]
            order += block
            left = [at for at in left if at not in block]
    return order


def _changes(worn: Iterable[Strap], wanted: Iterable[Strap]) -> int:
    """Straps to take off and to put on."""
    return len(set(worn) ^ set(wanted))
