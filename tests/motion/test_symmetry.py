"""Left against right: the same whichever comes first, and no difference that chance made."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motion.change import median_sd
from motion.events import RepetitionEvent
from motion.quantity import CHANCE, Quantity
from motion.symmetry import Symmetry, difference_of, side_of, symmetries
from tests.motion.repetitions import repetition, with_ranges

DRAWS = 200

ranges = st.lists(st.floats(5.0, 150.0), min_size=3, max_size=12)
OTHER = {"left": "right", "right": "left"}


def both(
    left_deg: list[float], right_deg: list[float], **fields: Any
) -> tuple[list[RepetitionEvent], list[RepetitionEvent]]:
    return (
        with_ranges(left_deg, side="left", **fields),
        with_ranges(right_deg, side="right", **fields),
    )


def only(repetitions: list[RepetitionEvent]) -> Symmetry:
    (found,) = symmetries(repetitions)
    return found


def performed(random: np.random.Generator, count: int, side: str, rom_deg: float) -> list[Any]:
    return [
        repetition(
            number,
            side=side,
            rom_deg=rom_deg * random.normal(1.0, 0.06),
            rom_sd_deg=1.0,
            out_s=1.5 * random.normal(1.0, 0.2),
            hold_s=abs(random.normal(1.0, 0.5)),
            back_s=1.5 * random.normal(1.0, 0.2),
        )
        for number in range(1, count + 1)
    ]


@given(ranges, ranges)
def test_swapping_the_sides_mirrors_the_result(left: list[float], right: list[float]) -> None:
    one = only([each for side in both(left, right) for each in side])
    other = only([each for side in both(right, left) for each in side])
    for quantity, each in one.differences.items():
        mirror = other.differences[quantity]
        assert (mirror.left, mirror.right) == (each.right, each.left)
        assert (mirror.low, mirror.high) == pytest.approx((-each.high, -each.low))
        assert mirror.index_percent == each.index_percent
        assert mirror.stated == each.stated
        if each.difference != 0.0:
            assert mirror.smaller == OTHER[each.smaller]


@given(ranges, ranges)
def test_the_index_is_the_smaller_side_of_the_larger(left: list[float], right: list[float]) -> None:
    difference = difference_of(Quantity.RANGE, *both(left, right))
    assert difference is not None
    assert difference.index_percent is not None
    assert 0.0 <= difference.index_percent <= 100.0
    low, high = sorted((np.median(left), np.median(right)))
    assert difference.index_percent == pytest.approx(100.0 * low / high)
    assert difference.asymmetry_percent == pytest.approx(100.0 * (high - low) / high)
    assert difference.low <= difference.difference <= difference.high


def test_a_planted_difference_is_found() -> None:
    random = np.random.default_rng(1)
    found = 0
    for _ in range(DRAWS):
        done = [*performed(random, 8, "left", 48.0), *performed(random, 8, "right", 60.0)]
        difference = only(done).differences[Quantity.RANGE]
        found += difference.stated
        assert difference.smaller == "left"
    assert found >= 0.95 * DRAWS


@pytest.mark.parametrize("count", [3, 6, 12])
def test_chance_alone_makes_a_statement_in_fewer_than_one_session_in_twenty(count: int) -> None:
    random = np.random.default_rng(count)
    stated = sum(
        bool(
            only(
                [*performed(random, count, "left", 60.0), *performed(random, count, "right", 60.0)]
            ).statements
        )
        for _ in range(DRAWS)
    )
    assert stated <= CHANCE * DRAWS


@pytest.mark.parametrize(("count", "covered"), [(3, 0.95), (5, 0.95), (12, 0.95)])
def test_the_interval_holds_the_difference(count: int, covered: float) -> None:
    random = np.random.default_rng(count)
    held = 0
    for _ in range(DRAWS):
        left, right = (random.normal(mean, 4.0, count).tolist() for mean in (60.0, 50.0))
        difference = difference_of(Quantity.RANGE, *both(left, right, rom_sd_deg=0.0))
        assert difference is not None
        held += difference.low <= 10.0 <= difference.high
    assert held >= covered * DRAWS


@pytest.mark.parametrize("count", [3, 4, 9, 25])
def test_the_deviation_of_a_median_is_near_that_of_many_medians(count: int) -> None:
    random = np.random.default_rng(count)
    draws = random.normal(size=(4000, count))
    told = np.mean([median_sd(each) for each in draws[:1000].tolist()])
    # Of four the widest pair must serve, which is too wide by a fifth.
    assert 0.9 < told / float(np.median(draws, axis=1).std()) < 1.3


def test_a_small_difference_is_measured_and_not_stated() -> None:
    left, right = both([60.0, 60.1, 59.9, 60.0], [57.0, 57.1, 56.9, 57.0], rom_sd_deg=0.1)
    found = only([*left, *right])
    assert found.differences[Quantity.RANGE].low > 0.0
    assert found.statements == []


def test_measuring_errors_do_not_average_out() -> None:
    left, right = [60.0, 60.1] * 10, [50.0, 50.1] * 10
    sure, unsure = (
        difference_of(Quantity.RANGE, *both(left, right, rom_sd_deg=sd)) for sd in (1.0, 6.0)
    )
    assert sure is not None
    assert sure.stated
    assert unsure is not None
    assert not unsure.stated
    unknown = difference_of(Quantity.RANGE, *both(left, right, rom_sd_deg=math.nan))
    assert unknown is not None
    assert (unknown.stated, unknown.low, unknown.high) == (False, -math.inf, math.inf)


def test_of_a_side_with_too_few_nothing_is_told() -> None:
    left, right = both([60.0] * 8, [30.0] * 2)
    found = only([*left, *right])
    assert (len(found.left), len(found.right), found.differences) == (8, 2, {})


def test_one_side_or_none_is_nothing_to_compare() -> None:
    assert symmetries([]) == []
    assert symmetries([repetition(1)]) == []
    assert symmetries(with_ranges([60.0] * 8, side="left")) == []
    ways = [repetition(k, way="flexion" if k % 2 else "extension") for k in range(1, 9)]
    assert symmetries(ways) == []


def test_identical_sides_are_alike() -> None:
    left, right = both([60.0] * 4, [60.0] * 4, rom_sd_deg=0.0)
    difference = only([*left, *right]).differences[Quantity.RANGE]
    assert (difference.difference, difference.low, difference.high) == (0.0, 0.0, 0.0)
    assert (difference.index_percent, difference.asymmetry_percent) == (100.0, 0.0)
    assert not difference.stated


def test_the_way_tells_the_side_before_the_exercise_does() -> None:
    assert side_of(repetition(1, way="bend_left", side="right")) == "left"
    assert side_of(repetition(1, way="turn_right")) == "right"
    assert side_of(repetition(1, way="abduction", side="right")) == "right"
    assert side_of(repetition(1, way="flexion")) is None


def test_both_ways_of_one_set_are_compared() -> None:
    done = [
        repetition(k, way="turn_left" if k % 2 else "turn_right", rom_deg=40.0 if k % 2 else 60.0)
        for k in range(1, 13)
    ]
    (stated,) = only(done).statements
    assert (stated.quantity, stated.smaller) == (Quantity.RANGE, "left")
    assert stated.index_percent == pytest.approx(66.7, abs=0.1)


def test_exercises_are_compared_each_with_itself() -> None:
    left, right = both([60.0] * 4, [40.0] * 4)
    other = with_ranges([20.0] * 4, side="left", exercise="other")
    assert [each.exercise for each in symmetries([*left, *other, *right])] == ["synthetic"]


def test_paused_repetitions_are_left_out() -> None:
    left, right = both([60.0] * 4, [60.0] * 4)
    paused = with_ranges([10.0] * 4, side="left", notes=["paused"])
    found = only([*left, *paused, *right])
    assert (len(found.left), found.statements) == (4, [])


def test_the_time_of_a_way_has_no_index() -> None:
    slow = [repetition(k, side="left", out_s=3.0, hold_s=0.0) for k in range(1, 6)]
    quick = [repetition(k, side="right", out_s=1.5, hold_s=0.0) for k in range(1, 6)]
    (stated,) = only([*slow, *quick]).statements
    assert stated.quantity is Quantity.OUT
    assert (stated.index_percent, stated.asymmetry_percent) == (None, None)
    assert Quantity.HOLD not in only([*slow, *quick]).differences
