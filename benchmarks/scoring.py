"""How results are scored: pure functions of what was found and what is known.

Counts, verdicts, bounds, latencies and root mean squares. Only the scorer knows where the blocks of
a recording begin; running the engine and printing tables happen elsewhere.
"""

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from motion.events import Fault, RepetitionEvent

Float64 = NDArray[np.float64]

# Every test recording of the physiotherapy set holds three blocks of ten, in this order; they begin
# at 0, about 100 and about 160 s. No repetition has its peak where one block gives way to the next.
BLOCK_STARTS_S: Final = (0.0, 100.0, 160.0)
BLOCK_LABELS: Final = ("correct", "too_fast", "range_short")
BLOCK_SIZE: Final = 10
# Two intervals agree when they share at least half of what they cover together.
OVERLAP: Final = 0.5


def block_of(peak_s: float) -> int:
    """Index of the block that holds a repetition whose turning point is at `peak_s` seconds."""
    return max(0, sum(peak_s >= start_s for start_s in BLOCK_STARTS_S) - 1)


def judged(faults: Collection[str]) -> str:
    """The kind of execution that faults amount to: the set knows these three and no other."""
    if Fault.TOO_FAST in faults:
        return "too_fast"
    if Fault.RANGE_SHORT in faults:
        return "range_short"
    return "correct"


def by_block(repetitions: Iterable[RepetitionEvent]) -> list[list[RepetitionEvent]]:
    """Repetitions of each block, in time order."""
    blocks: list[list[RepetitionEvent]] = [[] for _ in BLOCK_STARTS_S]
    for repetition in sorted(repetitions, key=lambda repetition: repetition.peak_s):
        blocks[block_of(repetition.peak_s)].append(repetition)
    return blocks


@dataclass(frozen=True, slots=True)
class BlockScore:
    """Counts and verdicts over blocks, as numbers of repetitions; adds up over recordings."""

    expected: int
    missed: int
    false: int
    right: int

    def __add__(self, other: "BlockScore") -> "BlockScore":
        return BlockScore(
            self.expected + other.expected,
            self.missed + other.missed,
            self.false + other.false,
            self.right + other.right,
        )


NOTHING_SCORED: Final = BlockScore(0, 0, 0, 0)


def score_blocks(
    blocks: Sequence[Sequence[RepetitionEvent]],
    labels: Sequence[str] = BLOCK_LABELS,
    size: int = BLOCK_SIZE,
) -> BlockScore:
    """Missed, false and rightly judged repetitions of blocks of `size`, each of one label.

    A block of n: missed max(0, size - n), false max(0, n - size); of its first `size` repetitions
    those judged as its label are right, so that a missed one is wrong.
    """
    score = NOTHING_SCORED
    for found, label in zip(blocks, labels, strict=True):
        right = sum(judged(repetition.faults) == label for repetition in found[:size])
        n = len(found)
        score += BlockScore(size, max(0, size - n), max(0, n - size), right)
    return score


@dataclass(frozen=True, slots=True)
class CountScore:
    """How totals compare with what was expected. mae: mean absolute error in repetitions."""

    recordings: int
    exact: int
    within_one: int
    mae: float


def score_counts(found: Sequence[int], expected: Sequence[int]) -> CountScore:
    """Compare the totals of recordings; raises ValueError for different lengths."""
    errors = [abs(a - b) for a, b in zip(found, expected, strict=True)]
    return CountScore(
        recordings=len(errors),
        exact=sum(error == 0 for error in errors),
        within_one=sum(error <= 1 for error in errors),
        mae=math.fsum(errors) / len(errors) if errors else math.nan,
    )


Interval = tuple[float, float]


def overlap(a: Interval, b: Interval) -> float:
    """Intersection over union of two intervals in seconds, 0 to 1."""
    shared = min(a[1], b[1]) - max(a[0], b[0])
    return max(0.0, shared) / (max(a[1], b[1]) - min(a[0], b[0]))


@dataclass(frozen=True, slots=True)
class BoundsScore:
    """How found intervals lie over annotated ones; adds up over recordings.

    agreeing: annotated intervals that overlap a found one by at least half. start_errors_s,
    end_errors_s: found minus annotated, seconds, of all that overlap at all.
    """

    annotated: int
    agreeing: int
    start_errors_s: tuple[float, ...]
    end_errors_s: tuple[float, ...]

    def __add__(self, other: "BoundsScore") -> "BoundsScore":
        return BoundsScore(
            self.annotated + other.annotated,
            self.agreeing + other.agreeing,
            self.start_errors_s + other.start_errors_s,
            self.end_errors_s + other.end_errors_s,
        )


def score_bounds(found: Sequence[Interval], annotated: Sequence[Interval]) -> BoundsScore:
    """Match intervals one to one, those that overlap most first."""
    pairs = sorted(
        (
            (overlap(a, b), i, j)
            for i, a in enumerate(annotated)
            for j, b in enumerate(found)
            if overlap(a, b) > 0.0
        ),
        key=lambda pair: (-pair[0], pair[1], pair[2]),
    )
    taken_annotated: set[int] = set()
    taken_found: set[int] = set()
    agreeing = 0
    starts, ends = [], []
    for share, i, j in pairs:
        if i in taken_annotated or j in taken_found:
            continue
        taken_annotated.add(i)
        taken_found.add(j)
        agreeing += share >= OVERLAP
        starts.append(found[j][0] - annotated[i][0])
        ends.append(found[j][1] - annotated[i][1])
    return BoundsScore(len(annotated), agreeing, tuple(starts), tuple(ends))


@dataclass(frozen=True, slots=True)
class LatencyScore:
    """Percentiles of the time from the end of a repetition to its report, seconds."""

    p50_s: float
    p95_s: float
    p99_s: float


def score_latency(repetitions: Iterable[RepetitionEvent]) -> LatencyScore:
    """`reported_s - end_s` of all repetitions; NaN where there are none."""
    late = [repetition.reported_s - repetition.end_s for repetition in repetitions]
    if not late:
        return LatencyScore(math.nan, math.nan, math.nan)
    p50, p95, p99 = (float(value) for value in np.percentile(late, [50.0, 95.0, 99.0]))
    return LatencyScore(p50, p95, p99)


@dataclass(frozen=True, slots=True)
class ChangeScore:
    """Verdicts compared with those of another run; adds up. changed includes lost and added."""

    compared: int
    changed: int

    def __add__(self, other: "ChangeScore") -> "ChangeScore":
        return ChangeScore(self.compared + other.compared, self.changed + other.changed)


def score_changes(
    before: Sequence[Sequence[RepetitionEvent]], after: Sequence[Sequence[RepetitionEvent]]
) -> ChangeScore:
    """Compare the kinds judged, repetition by repetition of each block; one too many or too few
    counts as changed."""
    compared = changed = 0
    for one, other in zip(before, after, strict=True):
        compared += max(len(one), len(other))
        changed += abs(len(one) - len(other))
        changed += sum(
            judged(a.faults) != judged(b.faults) for a, b in zip(one, other, strict=False)
        )
    return ChangeScore(compared, changed)


def rms(values: ArrayLike) -> float:
    """Root mean square; NaN of nothing."""
    array = np.asarray(values, dtype=np.float64)
    return float(np.sqrt(np.mean(array * array))) if array.size else math.nan


def mean(values: Sequence[float]) -> float:
    """Arithmetic mean; NaN of nothing."""
    return math.fsum(values) / len(values) if values else math.nan


def median(values: Sequence[float]) -> float:
    """The middle value; NaN of nothing."""
    return float(np.median(values)) if len(values) else math.nan


def share(part: int, whole: int) -> float:
    """Percent; NaN of nothing."""
    return 100.0 * part / whole if whole else math.nan
