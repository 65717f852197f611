"""Trends within a set: found where there is one, not where chance made it, and never NaN."""

import itertools
import math
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import kendalltau, theilslopes

from motion import trend as trend_module
from motion.events import RepetitionEvent
from motion.quantity import CHANCE, Quantity
from motion.trend import (
    COUNTED_UP_TO,
    LEAST_REPETITIONS,
    MOST_REPETITIONS,
    SetTrend,
    robust_line,
    sets_of,
    trends_within_sets,
)
from tests.motion.repetitions import repetition, with_ranges

DRAWS = 200
Float64 = np.typing.NDArray[np.float64]

values = arrays(
    np.float64,
    st.integers(LEAST_REPETITIONS, 14),
    elements=st.floats(-100.0, 100.0).map(lambda value: round(value, 3)),
)
ranges = st.lists(st.floats(5.0, 150.0), min_size=LEAST_REPETITIONS, max_size=14)


def only(repetitions: list[RepetitionEvent]) -> SetTrend:
    (found,) = trends_within_sets(repetitions)
    return found


def performed(
    random: np.random.Generator, count: int, *, fall: float = 0.0, slower: float = 0.0
) -> list[RepetitionEvent]:
    """A set as people do it: ranges scatter by 5 %, times by 15 %, holds by half."""
    done = []
    for number in range(count):
        share = number / (count - 1)
        done.append(
            repetition(
                number + 1,
                rom_deg=60.0 * (1.0 - fall * share) * random.normal(1.0, 0.05),
                out_s=1.5 * (1.0 + slower * share) * random.normal(1.0, 0.15),
                hold_s=abs(random.normal(1.0, 0.5)),
                back_s=1.5 * random.normal(1.0, 0.15),
                smoothness_out=random.normal(-1.7, 0.15),
                score=min(100.0, random.normal(92.0, 6.0)),
            )
        )
    return done


# --- the line


@given(values)
def test_the_line_is_that_of_scipy(value: Float64) -> None:
    number = np.arange(1.0, len(value) + 1.0)
    line = robust_line(number, value)
    wanted = theilslopes(value, number, method="joint")
    assert line.slope == pytest.approx(wanted.slope)
    assert line.offset == pytest.approx(wanted.intercept)
    assert line.low <= line.slope <= line.high


@given(st.permutations(range(9)))
def test_the_chance_is_that_of_the_orders(order: list[int]) -> None:
    number = np.arange(9.0)
    chance = robust_line(number, np.array(order, dtype=np.float64)).chance
    assert chance == pytest.approx(kendalltau(number, order, method="exact").pvalue)


@pytest.mark.parametrize("count", [5, 6])
def test_the_orders_are_counted_as_by_hand(count: int) -> None:
    against = [
        sum(a > b for a, b in itertools.combinations(order, 2))
        for order in itertools.permutations(range(count))
    ]
    for most in range(count * (count - 1) // 2 + 1):
        share = sum(each <= most for each in against) / len(against)
        assert trend_module._orders_up_to(count, most) == pytest.approx(share)


def test_beyond_the_counted_orders_the_normal_ones_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    count = COUNTED_UP_TO
    pairs = range(0, count * (count - 1) // 2, 7)
    counted = [trend_module._orders_up_to(count, each) for each in pairs]
    most = trend_module._most_against(count, CHANCE / 2)
    monkeypatch.setattr(trend_module, "COUNTED_UP_TO", 0)
    assert counted == pytest.approx(
        [trend_module._orders_up_to(count, each) for each in pairs], abs=1e-3
    )
    assert abs(trend_module._most_against(count, CHANCE / 2) - most) <= 1


@given(values)
def test_the_interval_leaves_out_zero_exactly_where_chance_is_small(value: Float64) -> None:
    line = robust_line(np.arange(len(value), dtype=np.float64), value)
    zero_left_out = line.low > 0.0 or line.high < 0.0
    assert not zero_left_out or line.chance <= CHANCE
    if len(set(value.tolist())) == len(value):
        assert zero_left_out == (line.chance <= CHANCE)


def test_ties_never_make_chance_smaller_than_it_is() -> None:
    number = np.arange(6.0)
    for value in ([0, 1, 1, 2, 3, 4], [0, 0, 1, 1, 2, 2], [0, 0, 0, 1, 1, 1], [0, 0, 0, 0, 0, 1]):
        orders = [np.array(order, dtype=np.float64) for order in itertools.permutations(value)]
        rises = np.array([_rise(order) for order in orders])
        told = robust_line(number, np.array(value, dtype=np.float64)).chance
        assert told >= np.mean(abs(rises) >= _rise(np.array(value)))


def _rise(order: Float64) -> int:
    return sum(int(np.sign(b - a)) for a, b in itertools.combinations(order, 2))


@given(values)
def test_the_opposite_values_have_the_opposite_line(value: Float64) -> None:
    number = np.arange(1.0, len(value) + 1.0)
    line, mirror = robust_line(number, value), robust_line(number, -value)
    assert (mirror.slope, mirror.low, mirror.high) == (-line.slope, -line.high, -line.low)
    assert mirror.offset == pytest.approx(-line.offset)
    assert mirror.chance == line.chance


@pytest.mark.parametrize(
    ("number", "value"),
    [
        ([1.0, 2.0, 3.0, 4.0], [1.0] * 4),
        ([1.0, 2.0, 3.0, 4.0, 5.0], [1.0] * 4),
        ([1.0, 2.0, 2.0, 4.0, 5.0], [1.0] * 5),
        ([1.0, 2.0, 3.0, 4.0, 5.0], [1.0, 1.0, math.nan, 1.0, 1.0]),
    ],
)
def test_a_line_through_what_is_none_is_refused(number: list[float], value: list[float]) -> None:
    with pytest.raises(ValueError, match="numbers"):
        robust_line(np.array(number), np.array(value))


# --- what is stated


def test_a_planted_fall_of_the_range_is_found() -> None:
    random = np.random.default_rng(1)
    found = [only(performed(random, 12, fall=0.25)).statements for _ in range(DRAWS)]
    ranges = [s for stated in found for s in stated if s.quantity is Quantity.RANGE]
    assert len(ranges) >= 0.9 * DRAWS
    assert all(each.of_fatigue for each in ranges)
    percents = [each.percent[0] for each in ranges if each.percent is not None]
    assert np.median(percents) == pytest.approx(-25.0, abs=1.5)


def test_a_planted_slowing_is_found() -> None:
    random = np.random.default_rng(2)
    sets = [only(performed(random, 15, slower=1.0)) for _ in range(DRAWS)]
    found = [each.trends[Quantity.OUT] for each in sets if each.trends[Quantity.OUT].stated]
    assert len(found) >= 0.8 * DRAWS
    assert all(each.of_fatigue and each.change > 0.0 for each in found)


@pytest.mark.parametrize("count", [5, 8, 12, 25])
def test_chance_alone_makes_a_statement_in_fewer_than_one_set_in_twenty(count: int) -> None:
    random = np.random.default_rng(count)
    stated = sum(bool(only(performed(random, count)).statements) for _ in range(DRAWS))
    assert stated <= CHANCE * DRAWS


def test_one_odd_repetition_makes_no_trend() -> None:
    ranges_deg = [60.0, 61.0, 60.5, 59.5, 60.2, 60.8, 59.9, 20.0]
    trend = only(with_ranges(ranges_deg)).trends[Quantity.RANGE]
    assert not trend.stated
    assert abs(trend.change) < 2.0


def test_a_small_trend_is_measured_and_not_stated() -> None:
    trend = only(with_ranges([60.0 - 0.4 * k for k in range(10)], rom_sd_deg=0.1))
    assert trend.trends[Quantity.RANGE].beyond_chance
    assert trend.trends[Quantity.RANGE].change == pytest.approx(-3.6)
    assert trend.statements == []


def test_what_lies_within_measuring_errors_is_not_stated() -> None:
    ranges_deg = [40.0 - 0.6 * k for k in range(10)]
    sure, unsure, unknown = (
        only(with_ranges(ranges_deg, rom_sd_deg=sd)).trends[Quantity.RANGE]
        for sd in (0.5, 5.0, math.nan)
    )
    assert sure.stated
    assert (unsure.stated, unknown.stated) == (False, False)
    assert unsure.low < sure.low < sure.high < unsure.high
    assert (unknown.low, unknown.high) == (-math.inf, math.inf)


def test_hurrying_is_stated_and_no_fatigue() -> None:
    done = [repetition(k, out_s=3.0 - 0.2 * k, back_s=2.0) for k in range(1, 11)]
    (stated,) = only(done).statements
    assert (stated.quantity, stated.of_fatigue) == (Quantity.OUT, False)


def test_a_falling_score_says_nothing_besides_what_it_is_made_of() -> None:
    done = [repetition(k, score=100.0 - 5.0 * k) for k in range(1, 11)]
    (stated,) = only(done).statements
    assert (stated.quantity, stated.of_fatigue, stated.percent) == (Quantity.SCORE, False, None)


def test_of_holds_the_time_held_is_what_counts() -> None:
    # Five in order are rare enough for the main quantity alone.
    def held(**fields: Any) -> list[RepetitionEvent]:
        return [repetition(k, hold_s=30.0 - 4.0 * k, back_s=0.5, **fields) for k in range(1, 6)]

    trends = only(held(out_s=0.0, smoothness_out=None)).trends
    assert Quantity.OUT not in trends
    assert Quantity.SMOOTHNESS not in trends
    assert trends[Quantity.HOLD].of_fatigue
    assert not only(held(out_s=1.0)).trends[Quantity.HOLD].stated


# --- what it does not depend on


@given(ranges, st.floats(-1e4, 1e4))
def test_when_the_set_was_done_makes_no_difference(ranges_deg: list[float], by_s: float) -> None:
    done = with_ranges(ranges_deg)
    later = [
        msgspec.structs.replace(
            each, start_s=each.start_s + by_s, peak_s=each.peak_s + by_s, end_s=each.end_s + by_s
        )
        for each in done
    ]
    assert only(later).trends == only(done).trends


@given(ranges)
def test_backwards_the_change_is_the_opposite(ranges_deg: list[float]) -> None:
    forth = only(with_ranges(ranges_deg)).trends[Quantity.RANGE]
    back = only(with_ranges(ranges_deg[::-1])).trends[Quantity.RANGE]
    assert back.change == pytest.approx(-forth.change, abs=1e-9)
    assert (back.low, back.high) == pytest.approx((-forth.high, -forth.low), abs=1e-9)
    assert back.stated == forth.stated


# --- sets, ways, what is left out


@pytest.mark.parametrize("count", range(LEAST_REPETITIONS))
def test_of_too_few_nothing_is_told(count: int) -> None:
    found = trends_within_sets(with_ranges([60.0, 50.0, 40.0, 30.0][:count]))
    assert [each.trends for each in found] == ([{}] if count else [])


@given(st.floats(0.0, 180.0), st.integers(LEAST_REPETITIONS, 12))
def test_identical_repetitions_have_no_trend(rom_deg: float, count: int) -> None:
    found = only(with_ranges([rom_deg] * count))
    assert found.statements == []
    for each in found.trends.values():
        assert each.change == 0.0
        assert each.low <= 0.0 <= each.high
        assert all(map(math.isfinite, (each.before, each.after, *(each.percent or ()))))


def test_each_way_is_a_set_by_itself() -> None:
    done = [
        repetition(k, way="bend_left", side="left", rom_deg=60.0 - 2.0 * k)
        if k % 2
        else repetition(k, way="bend_right", side="right", rom_deg=30.0)
        for k in range(1, 21)
    ]
    left, right = trends_within_sets(done)
    assert (left.way, right.way) == ("bend_left", "bend_right")
    (stated,) = left.statements
    assert (stated.quantity, stated.first, stated.last) == (Quantity.RANGE, 1, 19)
    assert stated.change == pytest.approx(-36.0)
    assert right.statements == []


def test_an_exercise_that_is_done_again_numbers_its_sets_anew() -> None:
    done = [
        *(repetition(k, side="left") for k in (1, 2, 3)),
        *(repetition(k, side="right") for k in (1, 2)),
        *(repetition(k, side="right", set_index=2) for k in (3, 4)),
        *(repetition(k, exercise="other", set_index=2) for k in (5, 6)),
    ]
    assert [len(each) for each in sets_of(done)] == [3, 2, 2, 2]


@pytest.mark.parametrize("where", ["notes", "faults"])
@pytest.mark.parametrize("what", ["interrupted", "paused"])
def test_interrupted_and_paused_repetitions_are_left_out(where: str, what: str) -> None:
    done = [
        repetition(k, rom_deg=60.0 - k, **({where: [what]} if k in (1, 4) else {}))
        for k in range(1, 9)
    ]
    found = only(done)
    assert [each.index for each in found.repetitions] == [2, 3, 5, 6, 7, 8]
    assert found.left_out == 2
    assert (found.trends[Quantity.RANGE].first, found.trends[Quantity.RANGE].last) == (2, 8)


def test_a_value_that_was_not_measured_is_left_out() -> None:
    done = [repetition(k, smoothness_out=None if k < 3 else -1.5 - 0.2 * k) for k in range(1, 13)]
    trend = only(done).trends[Quantity.SMOOTHNESS]
    assert (trend.first, trend.last) == (3, 12)
    assert trend.stated
    assert only(with_ranges([math.nan] * 8)).trends.keys().isdisjoint({Quantity.RANGE})


def test_very_many_repetitions_are_thinned() -> None:
    done = with_ranges([90.0 - 0.01 * k for k in range(10 * MOST_REPETITIONS)])
    trend = only(done).trends[Quantity.RANGE]
    assert (trend.first, trend.last) == (1, len(done))
    assert trend.slope == pytest.approx(-0.01)
    assert trend.stated


def test_a_percentage_of_nothing_is_none() -> None:
    done = [repetition(k, hold_s=0.0 if k < 6 else 0.1) for k in range(1, 8)]
    assert only(done).trends[Quantity.HOLD].percent is None
