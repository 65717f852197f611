"""Whether a change means something: the one place where that is decided.

A change is worth a statement when it is beyond chance, beyond what measuring errors explain, and
large enough to matter (`quantity`). Trends, left against right, declines and two sessions ask here.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Self

import msgspec
import numpy as np
from scipy.special import bdtr, ndtr, ndtri, stdtr, stdtrit

from motion.errors import ComparisonError, ComparisonFault
from motion.events import RepetitionEvent
from motion.quantity import CHANCE, Quantity, chance_of, comparable

# Two values say nothing of how they scatter.
LEAST_REPETITIONS: Final = 3
# The median of n values with independent errors has this times their deviation over the root of n:
# the limit of many, and a little too wide for few.
_MEDIAN_OF_NORMAL: Final = math.sqrt(math.pi / 2.0)


def means_something(
    quantity: Quantity,
    before: float,
    after: float,
    interval: tuple[float, float],
    chance: float,
    allowed: float,
) -> bool:
    """Whether a change is worth a statement.

    interval: of the change, 95 %, measuring errors included. chance: how often chance alone makes
    a change like this or a clearer one; allowed: how often it may.
    """
    low, high = interval
    return chance <= allowed and (low > 0.0 or high < 0.0) and quantity.matters(before, after)


@dataclass(frozen=True, slots=True)
class Measured:
    """A value with its uncertainty, in the unit of its quantity.

    sd: its measuring deviation, independent of that of what it is compared with. scatter_sd: what
    the scatter of the repetitions adds, known with so many degrees of `freedom`.
    """

    value: float
    sd: float
    scatter_sd: float = 0.0
    freedom: float = math.inf

    def __post_init__(self) -> None:
        if not (
            math.isfinite(self.value)
            and self.sd >= 0.0
            and self.scatter_sd >= 0.0
            and self.freedom > 0.0
        ):
            raise ValueError(
                f"{self}: give a finite value, deviations that are not negative and positive "
                "degrees of freedom"
            )

    @classmethod
    def of(
        cls, quantity: Quantity, repetitions: Iterable[RepetitionEvent], *, within: bool
    ) -> Self | None:
        """The median of a quantity; None for fewer than `LEAST_REPETITIONS` with it.

        within: it is compared within one session and side, where what all repetitions share, an
        askew strap's error say, changes nothing: measuring errors count as independent, and no
        less than their scatter shows. Otherwise the measuring deviation of one repetition counts in
        full, however many there are: each strapping, side and way has an error of its own. Ranges
        are then those above the rest, which hold whichever way a sensor sits; a reach would not.
        """
        if not within:
            repetitions = [msgspec.structs.replace(each, reach_deg=None) for each in repetitions]
        measured = [event for event in repetitions if math.isfinite(quantity.of(event))]
        if len(measured) < LEAST_REPETITIONS:
            return None
        values = [quantity.of(event) for event in measured]
        sd = float(np.median([quantity.sd_of(event) for event in measured]))
        scatter = median_sd(values)
        if within:
            # The scatter has the independent errors in it.
            sd *= _MEDIAN_OF_NORMAL / math.sqrt(len(values))
            sd = math.sqrt(max(0.0, sd * sd - scatter * scatter))
        return cls(float(np.median(values)), sd, scatter, len(values) - 1)


@dataclass(frozen=True, slots=True)
class Change:
    """From one value to another, in the unit of the quantity.

    low, high: 95 % interval of the change. detectable: the smallest change that would be beyond
    chance and measuring errors, at the chance that is allowed here. stated: whether this one is,
    and large enough to matter.
    """

    quantity: Quantity
    before: float
    after: float
    low: float
    high: float
    detectable: float
    stated: bool

    @property
    def change(self) -> float:
        """Negative where it became less."""
        return self.after - self.before

    @property
    def beyond_chance(self) -> bool:
        """Whether the 95 % interval leaves out no change at all."""
        return self.low > 0.0 or self.high < 0.0

    @property
    def percent(self) -> tuple[float, float, float] | None:
        """Change and its interval in percent of `before`; None where a percentage means nothing.

        `before` counts as known: what its own error adds is small beside the interval.
        """
        change = self.quantity.percent(self.change, self.before)
        low = self.quantity.percent(self.low, self.before)
        high = self.quantity.percent(self.high, self.before)
        return None if change is None or low is None or high is None else (change, low, high)


def change_between(
    quantity: Quantity, before: Measured, after: Measured, allowed: float = CHANCE
) -> Change:
    """The change from one measured value to another.

    allowed: how often chance alone may make a statement; where several quantities are looked at,
    less than the 5 % of one (`quantity.chance_of`). Welch's test (Biometrika 34:28, 1947), with
    medians and their deviation in place of means.
    """
    scatter = after.scatter_sd**2 + before.scatter_sd**2
    sd = math.sqrt(scatter + after.sd**2 + before.sd**2)
    # Degrees of freedom after Welch and Satterthwaite; the measuring deviation is known.
    known = after.scatter_sd**4 / after.freedom + before.scatter_sd**4 / before.freedom
    freedom = sd**4 / known if known > 0.0 else math.inf
    change = after.value - before.value
    half = _quantile(freedom, CHANCE) * sd
    low, high = change - half, change + half
    return Change(
        quantity=quantity,
        before=before.value,
        after=after.value,
        low=low,
        high=high,
        detectable=_quantile(freedom, allowed) * sd,
        stated=means_something(
            quantity, before.value, after.value, (low, high), _chance(freedom, change, sd), allowed
        ),
    )


def changed(
    quantity: Quantity,
    before: Sequence[RepetitionEvent],
    after: Sequence[RepetitionEvent],
    *,
    within: bool = False,
    allowed: float | None = None,
) -> Change | None:
    """The change of one quantity from some repetitions to others.

    None where either has fewer than `LEAST_REPETITIONS` with it, or where all are exactly zero: a
    hold has no way out. within: as `Measured.of` says. allowed: how often chance may make a
    statement, by default the quantity's part of 5 % for all.
    """
    one = Measured.of(quantity, before, within=within)
    other = Measured.of(quantity, after, within=within)
    if one is None or other is None:
        return None
    if one.value == other.value == 0.0 and one.scatter_sd == other.scatter_sd == 0.0:
        return None
    chance = chance_of(quantity, [*before, *after]) if allowed is None else allowed
    return change_between(quantity, one, other, chance)


# --- two sessions


@dataclass(frozen=True, slots=True)
class SessionChange:
    """One exercise, side and way in two sessions.

    before, after: repetitions that are compared. left_out: how many of both were interrupted or
    paused. changes: of the quantities measured often enough; none where repetitions are too few.
    """

    exercise: str
    side: str | None
    way: str | None
    before: tuple[RepetitionEvent, ...]
    after: tuple[RepetitionEvent, ...]
    left_out: int
    changes: dict[Quantity, Change] = field(default_factory=dict)

    @property
    def statements(self) -> list[Change]:
        """What means something."""
        return [change for change in self.changes.values() if change.stated]


Kind = tuple[str, str | None, str | None]


def changes_between(
    before: Iterable[RepetitionEvent],
    after: Iterable[RepetitionEvent],
    quantities: Iterable[Quantity] = tuple(Quantity),
) -> list[SessionChange]:
    """What differs between two sessions beyond chance and measuring errors.

    Every exercise, side and way that both have, in the order of the first. All sets of a session
    count together. quantities: leave out the score where the two were judged by different
    prescriptions. The measuring deviation of a repetition counts in full for each session: what a
    strapping or a calibration is off by does not average out. How much a person differs from day to
    day two sessions cannot tell. Raises ComparisonError where there is nothing to compare.
    """
    earlier, later = _by_kind(before), _by_kind(after)
    for kinds, which in ((earlier, "first"), (later, "second")):
        if not kinds:
            raise ComparisonError(
                ComparisonFault.NO_REPETITIONS,
                f"No repetition was counted in the {which} session, so that there is nothing to "
                "compare; check its template and sensors with `gonio replay`.",
            )
    shared = [kind for kind in earlier if kind in later]
    if not shared:
        raise _nothing_shared(list(earlier), list(later))
    chosen = tuple(quantities)
    return [_of_sessions(kind, earlier[kind], later[kind], chosen) for kind in shared]


def _by_kind(repetitions: Iterable[RepetitionEvent]) -> dict[Kind, list[RepetitionEvent]]:
    kinds: dict[Kind, list[RepetitionEvent]] = {}
    for event in repetitions:
        kinds.setdefault((event.exercise, event.side, event.way), []).append(event)
    return kinds


def _nothing_shared(earlier: Sequence[Kind], later: Sequence[Kind]) -> ComparisonError:
    names = [list(dict.fromkeys(exercise for exercise, _, _ in each)) for each in (earlier, later)]
    if not set(names[0]) & set(names[1]):
        one, other = (", ".join(each) for each in names)
        return ComparisonError(
            ComparisonFault.OTHER_EXERCISE,
            f"The first session has {one}, the second {other}; compare two sessions of one "
            "exercise, or replay both with the same template.",
        )
    one, other = (
        ", ".join(dict.fromkeys(way or side or "no side" for _, side, way in each))
        for each in (earlier, later)
    )
    return ComparisonError(
        ComparisonFault.OTHER_SIDE,
        f"The first session has {one}, the second {other}; compare the same side, or say which it "
        "was with --side.",
    )


def _of_sessions(
    kind: Kind,
    before: Sequence[RepetitionEvent],
    after: Sequence[RepetitionEvent],
    quantities: Sequence[Quantity],
) -> SessionChange:
    exercise, side, way = kind
    one = [event for event in before if comparable(event)]
    other = [event for event in after if comparable(event)]
    changes = {}
    for quantity in quantities:
        change = changed(quantity, one, other)
        if change is not None:
            changes[quantity] = change
    return SessionChange(
        exercise=exercise,
        side=side,
        way=way,
        before=tuple(one),
        after=tuple(other),
        left_out=len(before) + len(after) - len(one) - len(other),
        changes=changes,
    )


# --- chance


def median_sd(values: list[float]) -> float:
    """Standard deviation of the median of at least three values, from their order alone.

    Price & Bonett, J Stat Comput Simul 72:119, 2002: the width of the interval that two of the
    ordered values are for the median, over that of a normal distribution.
    """
    ordered = sorted(values)
    count = len(ordered)
    place = max(1, round((count + 1) / 2 - math.sqrt(count)))
    wide = ordered[count - place] - ordered[place - 1]
    return wide / (2.0 * float(ndtri(1.0 - bdtr(place - 1, count, 0.5))))


def _quantile(freedom: float, chance: float) -> float:
    """Half the width, in deviations, of the interval that leaves out `chance`."""
    if not math.isfinite(freedom):
        return float(ndtri(1.0 - chance / 2))
    return float(stdtrit(freedom, 1.0 - chance / 2))


def _chance(freedom: float, change: float, sd: float) -> float:
    """How often chance alone makes a change so large, either way."""
    if change == 0.0 or not math.isfinite(sd):
        return 1.0
    if sd == 0.0:
        return 0.0
    deviations = -abs(change) / sd
    if not math.isfinite(freedom):
        return 2.0 * float(ndtr(deviations))
    return 2.0 * float(stdtr(freedom, deviations))
