"""What of repetitions is set against each other, within a set or left against right.

The values, their measuring deviations, and from which change on one matters. Whether a change means
something is `change`'s; against the prescription a repetition is judged in `quality`.
"""

import math
from enum import StrEnum
from typing import Final

from motion.events import Note, RepetitionEvent
from motion.measure import EDGE_SD_S

# A range matters where the smaller one is at most this share of the larger. For two sides this is
# the limb symmetry index of 90 % from which on rehabilitation calls limbs alike (Grindem et al., Br
# J Sports Med 50:804, 2016). Within a set it is 4.5 of 45 degrees: by 3 to 4 degrees two
# measurements of one joint by one examiner must differ to show a change (Boone et al., Phys Ther
# 58:1355, 1978).
RANGE_SHARE: Final = 0.9
# The same for times: at equal range, a way that takes 25 % longer has lost 20 % of its speed. The
# speed lost within a set is a measure of fatigue where every repetition is done as fast as possible
# (Sanchez-Medina & Gonzalez-Badillo, Med Sci Sports Exerc 43:1725, 2011), and sets are ended at 10
# to 20 % to keep it moderate (Pareja-Blanco et al., Scand J Med Sci Sports 27:724, 2017). At a
# prescribed tempo times vary more than that: the upper end.
TIME_SHARE: Final = 0.8
# Shorter differences of a hold are within what the slow ends of the two ways add to it.
LEAST_HOLD_S: Final = 0.5
# One stop more on a way: -1.75 for one smooth movement, -2.24 for two joined (`quality`).
LEAST_SMOOTHNESS: Final = 0.5
# A quarter of the goal's range, or a third of the prescribed time.
LEAST_SCORE: Final = 10.0
# Both edges of a part, as `measure` knows them.
TIME_SD_S: Final = math.sqrt(2.0) * EDGE_SD_S
# The smallest range that a percentage is taken of; times have their deviation. Below it all is a
# multiple of nothing.
LEAST_BASE_DEG: Final = 1.0
# How often one statement or more may come from chance alone.
CHANCE: Final = 0.05


class Quantity(StrEnum):
    """Range in degrees; way out, hold and way back in seconds; smoothness (SPARC of the worse way);
    score, 0 to 100."""

    RANGE = "range"
    OUT = "out"
    HOLD = "hold"
    BACK = "back"
    SMOOTHNESS = "smoothness"
    SCORE = "score"

    def of(self, event: RepetitionEvent) -> float:
        """The value of one repetition; NaN where it was not measured."""
        match self:
            case Quantity.RANGE:
                return event.judged_range_deg
            case Quantity.OUT:
                return event.out_s
            case Quantity.HOLD:
                return event.hold_s
            case Quantity.BACK:
                return event.back_s
            case Quantity.SMOOTHNESS:
                ways = (event.smoothness_out, event.smoothness_back)
                return min((each for each in ways if each is not None), default=math.nan)
            case Quantity.SCORE:
                return event.score

    def sd_of(self, event: RepetitionEvent) -> float:
        """Measuring deviation of the value, in its unit; infinite where it is not known."""
        match self:
            case Quantity.RANGE:
                sd = event.rom_sd_deg
                return sd if math.isfinite(sd) else math.inf
            case Quantity.OUT | Quantity.HOLD | Quantity.BACK:
                return TIME_SD_S
            case Quantity.SMOOTHNESS | Quantity.SCORE:
                return 0.0

    @property
    def has_ratio(self) -> bool:
        """Whether a percentage means something: its zero is nothing at all."""
        return self not in (Quantity.SMOOTHNESS, Quantity.SCORE)

    def percent(self, value: float, base: float) -> float | None:
        """`value` in percent of `base`; None where that means nothing."""
        least = LEAST_BASE_DEG if self is Quantity.RANGE else TIME_SD_S
        return 100.0 * (value / base) if self.has_ratio and base >= least else None

    @property
    def more_is_better(self) -> bool:
        """Whether fatigue makes it smaller; of a way's seconds it makes more."""
        return self not in (Quantity.OUT, Quantity.BACK)

    def matters(self, one: float, other: float) -> bool:
        """Whether two values differ by enough to matter, whichever is the larger."""
        apart = abs(one - other)
        match self:
            case Quantity.RANGE:
                return _share(one, other) <= RANGE_SHARE
            case Quantity.OUT | Quantity.BACK:
                return _share(one, other) <= TIME_SHARE
            case Quantity.HOLD:
                return _share(one, other) <= TIME_SHARE and apart >= LEAST_HOLD_S
            case Quantity.SMOOTHNESS:
                return apart >= LEAST_SMOOTHNESS
            case Quantity.SCORE:
                return apart >= LEAST_SCORE


def _share(one: float, other: float) -> float:
    """The smaller of two values as a share of the larger; 1 where there is nothing to compare."""
    smaller, larger = min(one, other), max(one, other)
    return smaller / larger if larger > 0.0 else 1.0


def chance_of(quantity: Quantity, repetitions: list[RepetitionEvent]) -> float:
    """How often chance alone may make a statement about `quantity`.

    All quantities together make one in no more than `CHANCE` of the cases: half of that is the
    main quantity's, the others have equal parts of the rest (Bonferroni's inequality, weighted).
    The main quantity is the range, of holds the time held.
    """
    held = all(event.out_s == 0.0 for event in repetitions)
    if quantity is (Quantity.HOLD if held else Quantity.RANGE):
        return CHANCE / 2
    return CHANCE / 2 / (len(Quantity) - 1)


def comparable(event: RepetitionEvent) -> bool:
    """Whether it was fully recorded and done in one go; a template may make a note a fault."""
    told = (*event.notes, *event.faults)
    return Note.INTERRUPTED not in told and Note.PAUSED not in told
