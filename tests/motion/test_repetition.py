"""Repetitions of one angle, against the definition applied by a plain loop to whole recordings and
against movements whose truth is known: where they start and end, how far and how long, what is one
repetition and what is none.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from motion.repetition import (
    GIVE_UP_S,
    LOOK_BACK_S,
    MARK_BACK,
    MARK_HOLD,
    MARK_LIMIT,
    MARK_OUT,
    MARK_REST,
    ROW_ACTIVE,
    ROW_BACK,
    ROW_EARLIER,
    ROW_END,
    ROW_END_T,
    ROW_HOLD,
    ROW_INTERRUPTED,
    ROW_LATER,
    ROW_OUT,
    ROW_PAUSED,
    ROW_PEAK,
    ROW_PEAK_T,
    ROW_ROM,
    ROW_SIZE,
    ROW_START,
    ROW_START_T,
    SETTLE_S,
    Segmenter,
    SegmenterParameters,
)
from tests.motion.movement import (
    Motion,
    Rep,
    angle_deg,
    even,
    minimum_jerk_time,
    path,
    total,
    tremor,
    truth,
)

Float64 = NDArray[np.float64]
Point = tuple[float, float]

COUNT_FROM_DEG = 15.0
RATE_HZ = 50.0


@dataclass
class Segmented:
    """What a segmenter made of an angle. rows: without and with `finish`."""

    ended: Float64
    rows: Float64
    marks: Float64
    segmenter: Segmenter
    seen_s: list[float]  # when each of `ended` was told

    @property
    def partial(self) -> int:
        return self.segmenter.partial

    @property
    def peaks(self) -> list[float]:
        return [round(float(row[ROW_PEAK_T]), 1) for row in self.rows]


def times(last_s: float, rate_hz: float = RATE_HZ) -> Float64:
    return np.arange(math.ceil(last_s * rate_hz)) / rate_hz


def segmented(
    motion: Motion | Sequence[Rep],
    last_s: float,
    *,
    rate_hz: float = RATE_HZ,
    step: int = 5,
    without: tuple[float, float] = (0.0, 0.0),
    limit_deg: float = math.inf,
    longest_stand_s: float = GIVE_UP_S,
    onsets: bool = False,
) -> Segmented:
    """`step` samples at a time; the samples of the span `without` are missing."""
    t = times(last_s, rate_hz)
    t = t[(t < without[0]) | (t >= without[1])]
    a = angle_deg(motion, t)
    gap = np.zeros(len(t), np.uint8)
    gap[1:] = np.diff(t) > 0.5
    segmenter = Segmenter(
        SegmenterParameters(COUNT_FROM_DEG, limit_deg, longest_stand_s, onsets=onsets)
    )
    rows: list[Float64] = []
    marks: list[Float64] = []
    seen_s: list[float] = []
    for stop in range(step, len(t) + step, step):
        new, more = segmenter.update(t[:stop], a[:stop], gap[:stop], 0)
        rows += list(new)
        marks += list(more)
        seen_s += [float(t[min(stop, len(t)) - 1])] * len(new)
    ended = np.array(rows).reshape(-1, ROW_SIZE)
    rows += list(segmenter.finish(t, a, 0))
    return Segmented(
        ended,
        np.array(rows).reshape(-1, ROW_SIZE),
        np.array(marks).reshape(-1, 2),
        segmenter,
        seen_s,
    )


# --- the definition -----------------------------------------------------------------------------


def crossing_s(t: Float64, a: Float64, i: int, j: int, level: float) -> float:
    """Time at which the angle crosses `level` between two samples."""
    return float(t[i] + (t[j] - t[i]) * (level - a[i]) / (a[j] - a[i]))


def ends_at(t: Float64, a: Float64, i: int, rest: float, excursion: float) -> int | None:
    """Where a return that comes within 30 percent at sample i ends above 5 percent: at its lowest
    point if it turns outwards, where it stops sinking if it stands still."""
    low = stall = i
    for k in range(i + 1, len(a)):
        if a[k] <= rest + 0.05 * excursion:
            return None
        low = k if a[k] < a[low] else low
        stall = k if a[k] < a[stall] - min(0.5, 0.02 * excursion) else stall
        if a[k] > rest + 0.3 * excursion or a[k] - a[low] > max(0.05 * excursion, 1.0):
            return low
        if t[k] - t[stall] >= 0.35:
            return stall
    return None


def plain(t: Float64, a: Float64) -> list[dict[int, float]]:
    """The definition, for an angle known from end to end whose rests are its lowest parts."""
    found: list[dict[int, float]] = []
    begin = i = 0
    while i < len(a):
        rest = float(a[begin : i + 1].min())
        if a[i] - rest < COUNT_FROM_DEG:
            i += 1
            continue
        peak = j = i
        end_s = math.nan
        while j < len(a):
            if a[j] > a[peak]:
                peak = j
            excursion = float(a[peak]) - rest
            if a[j] <= rest + 0.05 * excursion:
                end_s = crossing_s(t, a, j - 1, j, rest + 0.05 * excursion)
                break
            within = a[j] <= rest + 0.3 * excursion
            end = ends_at(t, a, j, rest, excursion) if within else None
            if end is not None:
                j, end_s = end, float(t[end])
                break
            if within:
                j += int(np.argmax(a[j:] <= rest + 0.05 * excursion)) - 1
            j += 1
        if math.isnan(end_s):
            break
        start = max(k for k in range(begin, peak) if a[k] <= rest + 0.05 * excursion)
        start_s = crossing_s(t, a, start, start + 1, rest + 0.05 * excursion)
        top = rest + excursion - max(0.05 * excursion, min(2.0, 0.15 * excursion))
        first = min(k for k in range(start, peak + 1) if a[k] >= top)
        last = max(k for k in range(peak, j + 1) if a[k] >= top)
        first_s = crossing_s(t, a, first - 1, first, top)
        last_s = crossing_s(t, a, last, last + 1, top)
        fifth = rest + 0.2 * excursion
        rise = max(k for k in range(begin, peak) if a[k] <= fifth)
        falls = [k for k in range(peak, j) if a[k + 1] < fifth <= a[k]]
        fall_s = crossing_s(t, a, falls[-1], falls[-1] + 1, fifth) if falls else end_s
        found.append(
            {
                ROW_START_T: start_s,
                ROW_PEAK_T: float(t[peak]),
                ROW_END_T: end_s,
                ROW_ROM: excursion,
                ROW_OUT: first_s - start_s,
                ROW_HOLD: last_s - first_s,
                ROW_BACK: end_s - last_s,
                ROW_ACTIVE: fall_s - crossing_s(t, a, rise, rise + 1, fifth),
            }
        )
        begin = i = j
    return found


@st.composite
def _movements(draw: st.DrawFn) -> tuple[list[Point], float]:
    """Points of a movement, and when it is over: repetitions that return wholly, in part, or turn
    early, with bounces, fidgets and rests of any length among them."""
    points: list[Point] = [(1.0, 0.0)]
    level = 0.0

    def to(after_s: float, angle: float) -> None:
        points.append((points[-1][0] + after_s, angle))

    for _ in range(draw(st.integers(1, 6))):
        peak = level + draw(st.floats(22.0, 90.0))
        excursion = peak - level
        to(draw(st.floats(0.4, 2.5)), peak)
        for _ in range(draw(st.integers(0, 2))):
            to(draw(st.floats(0.2, 0.8)), level + draw(st.floats(0.6, 0.85)) * excursion)
            # Touching 95 percent exactly may count as a crossing or not.
            share = draw(st.floats(0.88, 0.94) | st.floats(0.96, 0.98))
            to(draw(st.floats(0.2, 0.8)), level + share * excursion)
        to(draw(st.sampled_from([0.02, 0.3, 1.5])), points[-1][1])
        back = draw(st.sampled_from([0.0, 0.0, 0.0, 0.1, 0.17, 0.25]))
        level = 0.0 if back == 0.0 else level + back * excursion
        to(draw(st.floats(0.4, 2.5)), level)
        # A rest between a turn and a standstill could be taken for either.
        to(draw(st.sampled_from([0.02, 0.9, 2.5])), level)
        if points[-1][0] - points[-2][0] > 0.5 and draw(st.booleans()):
            to(0.25, level + draw(st.floats(2.0, 8.0)))
            to(0.25, level)
            to(0.8, level)
    return points, points[-1][0] + 1.0


@settings(deadline=None, max_examples=150, derandomize=True)
@given(_movements())
def test_equals_the_definition_applied_to_the_whole_recording(
    movement: tuple[list[Point], float],
) -> None:
    points, last_s = movement
    motion = path(*points)
    found = segmented(motion, last_s).rows
    t = times(last_s)
    expected = plain(t, motion(t))
    assert len(found) == len(expected)
    for row, wanted in zip(found, expected, strict=True):
        # The rest is a mean over half a second, also where the angle only passes through it slowly.
        assert row[ROW_ROM] == pytest.approx(wanted.pop(ROW_ROM), abs=1.25)
        for column, value in wanted.items():
            assert row[column] == pytest.approx(value, abs=0.25), column


@pytest.mark.parametrize("rate_hz", [25.0, 50.0, 100.0, 200.0])
@pytest.mark.parametrize(
    "rep",
    [
        pytest.param(Rep(2.0), id="as usual"),
        pytest.param(Rep(2.0, range_deg=20.0, out_s=0.6, hold_s=0.0, back_s=0.6), id="small, fast"),
        pytest.param(Rep(2.0, 140.0, out_s=4.0, hold_s=6.0, back_s=5.0), id="large, slow"),
        pytest.param(Rep(2.0, out_s=0.8, hold_s=0.0, back_s=3.0), id="fast out, slow back"),
    ],
)  # fmt: skip
def test_agrees_with_the_analytic_truth(rep: Rep, rate_hz: float) -> None:
    [row] = segmented([rep], rep.over_s + 1.0, rate_hz=rate_hz).rows
    true = truth(rep)
    assert row[ROW_ROM] == pytest.approx(true.range_deg, abs=0.3)
    for column, value in (
        (ROW_START_T, true.start_s), (ROW_END_T, true.end_s), (ROW_OUT, true.out_s),
        (ROW_HOLD, true.hold_s), (ROW_BACK, true.back_s), (ROW_ACTIVE, true.active_s),
    ):  # fmt: skip
        assert row[column] == pytest.approx(value, abs=0.03), column


@settings(deadline=None, max_examples=50)
@given(_movements(), st.integers(0, 99))
def test_out_hold_and_back_add_up_and_repetitions_never_overlap(
    movement: tuple[list[Point], float], seed: int
) -> None:
    points, last_s = movement
    noise = np.random.default_rng(seed).normal(0.0, 0.3, len(times(last_s)))
    rows = segmented(total(path(*points), lambda t: noise[: len(t)]), last_s).rows
    for row in rows:
        assert row[ROW_OUT] + row[ROW_HOLD] + row[ROW_BACK] == pytest.approx(
            row[ROW_END_T] - row[ROW_START_T], abs=1e-9
        )
        assert min(row[ROW_OUT], row[ROW_HOLD], row[ROW_BACK]) >= 0.0
        assert row[ROW_START_T] <= row[ROW_PEAK_T] <= row[ROW_END_T]
        assert row[ROW_START] <= row[ROW_PEAK] <= row[ROW_END]
        assert row[ROW_ROM] >= COUNT_FROM_DEG
    for before, after in pairwise(rows):
        assert before[ROW_END_T] <= after[ROW_START_T]


def test_the_start_is_where_the_last_way_out_leaves_the_band() -> None:
    # A fidget just before stays outside the repetition.
    found = segmented(path((2.0, 0.0), (2.3, 8.0), (2.6, 0.0), (3.6, 60.0), (4.6, 0.0)), 6.0)
    [row] = found.rows
    assert row[ROW_START_T] == pytest.approx(truth(Rep(2.6, out_s=1.0)).start_s, abs=0.03)


# --- where a repetition ends --------------------------------------------------------------------

ONE = ((2.0, 0.0), (3.0, 60.0), (4.0, 0.0), (6.0, 0.0))


@pytest.mark.parametrize("share", [0.08, 0.15, 0.28])
def test_a_return_that_turns_outwards_below_30_percent_ends_at_its_lowest_point(
    share: float,
) -> None:
    low = share * 60.0
    found = segmented(path(*ONE, (7.0, 60.0), (8.0, low), (9.0, 60.0), (10.0, 0.0)), 12.0)
    assert found.peaks == [3.0, 7.0, 9.0]
    _, second, third = found.rows
    assert second[ROW_END_T] == pytest.approx(8.0, abs=0.021)
    assert second[ROW_ROM] == pytest.approx(60.0, abs=0.3)
    # The rest before the third is that lowest point.
    assert third[ROW_ROM] == pytest.approx(60.0 - low, abs=0.3)


@pytest.mark.parametrize("share", [0.32, 0.5, 0.7])
def test_a_return_that_turns_outwards_above_30_percent_is_the_same_repetition(
    share: float,
) -> None:
    low = share * 60.0
    found = segmented(path(*ONE, (7.0, 60.0), (8.0, low), (9.0, 58.0), (10.0, 0.0)), 12.0)
    assert found.peaks == [3.0, 7.0]
    assert found.rows[1][ROW_END_T] == pytest.approx(9.81, abs=0.03)


@pytest.mark.parametrize("bounces", [1, 3, 8])
def test_however_often_it_bounces_above_30_percent_it_is_one_repetition(bounces: int) -> None:
    top: list[Point] = [(7.0, 60.0)]
    for _ in range(bounces):
        top += [(top[-1][0] + 0.5, 45.0), (top[-1][0] + 1.0, 60.0)]
    found = segmented(path(*ONE, *top, (top[-1][0] + 1.0, 0.0)), top[-1][0] + 3.0)
    assert len(found.rows) == 2
    assert found.rows[1][ROW_ROM] == pytest.approx(60.0, abs=0.3)


@pytest.mark.parametrize("share", [0.08, 0.2, 0.28])
def test_a_return_that_stands_still_below_30_percent_ends_where_it_came_to_stand(
    share: float,
) -> None:
    low = share * 60.0
    found = segmented(path(*ONE, (7.0, 60.0), (8.0, low), (11.0, low), (12.0, 60.0), (13.0, 0.0)),
                      15.0)  # fmt: skip
    assert found.peaks == [3.0, 7.0, 12.0]
    assert found.rows[1][ROW_END_T] == pytest.approx(8.0, abs=0.12)
    assert found.rows[2][ROW_ROM] == pytest.approx(60.0 - low, abs=0.3)


def test_continuous_swings_without_any_rest_are_told_apart() -> None:
    found = segmented(lambda t: 30.0 * (1.0 - np.cos(2.0 * math.pi * t / 1.4)), 21.0)
    assert len(found.rows) == 15
    assert np.diff(found.rows[:, ROW_PEAK_T]) == pytest.approx(1.4, abs=0.03)


def test_each_repetition_is_told_within_half_a_second_of_its_end() -> None:
    late: list[float] = []
    for share in (0.0, 0.07, 0.15, 0.25, 0.29):
        low = 60.0 * share
        found = segmented(path(*ONE, (7.0, 60.0), (8.0, low), (11.0, low)), 11.0)
        late += [seen - row[ROW_END_T] for seen, row in zip(found.seen_s, found.ended, strict=True)]
    assert len(late) == 10
    assert max(late) <= 0.5


def test_what_was_told_does_not_depend_on_what_follows() -> None:
    t = times(30.0)
    a = total(even(6), tremor(0.5))(t)
    gap = np.zeros(len(t), np.uint8)
    whole, _ = Segmenter(SegmenterParameters(COUNT_FROM_DEG)).update(t, a, gap, 0)
    for stop in range(200, len(t), 97):
        part, _ = Segmenter(SegmenterParameters(COUNT_FROM_DEG)).update(
            t[:stop], a[:stop], gap[:stop], 0
        )
        assert part.tobytes() == whole[: len(part)].tobytes()


# --- what is one repetition and what is none ----------------------------------------------------


@pytest.mark.parametrize(
    "points",
    [
        pytest.param([(7.0, 14.0), (8.0, 0.0)], id="below count_from"),
        pytest.param([(6.2, 5.0), (6.4, 0.0), (6.6, 9.0), (6.9, 2.0), (7.2, 0.0)], id="fidgeting"),
        pytest.param([(7.0, -25.0), (8.0, 0.0)], id="dip below the rest"),
        pytest.param([(7.0, -25.0), (7.5, -25.0), (8.5, 0.0)], id="dip with a short stay"),
    ],
)  # fmt: skip
def test_no_repetition(points: list[Point]) -> None:
    last_s = points[-1][0]
    found = segmented(
        path(*ONE, *points, (last_s + 2.0, 0.0), (last_s + 3.0, 60.0), (last_s + 4.0, 0.0)),
        last_s + 6.0,
    )
    assert found.peaks == [3.0, pytest.approx(last_s + 3.0, abs=0.11)]
    assert found.rows[1][ROW_ROM] == pytest.approx(60.0, abs=0.5)


@pytest.mark.parametrize("pause_s", [4.0, 10.0, 14.5])
@pytest.mark.parametrize("level", [24.0, 40.0, 50.0])
@pytest.mark.parametrize("way", ["out", "back"])
def test_a_pause_that_returns_is_one_repetition_and_noted(
    way: str, level: float, pause_s: float
) -> None:
    resumed_s = 7.0 + pause_s
    points = [(7.0, level), (resumed_s, level), (resumed_s + 1.0, 60.0), (resumed_s + 2.0, 0.0)]
    if way == "back":
        points = [(6.8, 60.0), (7.4, level), (resumed_s, level), (resumed_s + 1.0, 0.0)]
    found = segmented(path(*ONE, *points), resumed_s + 4.0)
    assert len(found.rows) == 2
    assert found.rows[:, ROW_PAUSED].tolist() == [0.0, 1.0]
    assert found.rows[1][ROW_ROM] == pytest.approx(60.0, abs=0.5)
    assert found.partial == 0


def test_a_hold_at_the_top_is_no_pause() -> None:
    [row] = segmented([Rep(2.0, hold_s=10.0)], 16.0).rows
    assert row[ROW_PAUSED] == 0.0
    assert row[ROW_HOLD] == pytest.approx(truth(Rep(2.0, hold_s=10.0)).hold_s, abs=0.03)


@pytest.mark.parametrize("level", [30.0, 60.0])
def test_a_standstill_of_more_than_15_s_is_a_new_posture(level: float) -> None:
    points = [(7.0, level), (23.0, level), (24.0, level + 60.0), (25.0, level)]
    found = segmented(path(*ONE, *points), 28.0)
    assert found.peaks == [3.0, 24.0]
    assert found.partial == 1
    assert found.rows[1][ROW_ROM] == pytest.approx(60.0, abs=0.5)


def test_a_prescribed_hold_moves_the_limit_of_a_standstill() -> None:
    found = segmented([Rep(2.0, hold_s=25.0)], 32.0, longest_stand_s=40.0)
    assert (len(found.rows), found.partial) == (1, 0)


def test_after_a_new_posture_counting_goes_on_even_when_it_is_left_again() -> None:
    found = segmented(
        path(*ONE, (7.0, 40.0), (24.0, 40.0), (26.0, 0.0), (28.0, 0.0), (29.0, 60.0), (30.0, 0.0)),
        33.0,
    )
    assert found.peaks[-1] == 29.0
    assert found.rows[-1][ROW_ROM] == pytest.approx(60.0, abs=0.5)


@pytest.mark.parametrize(
    "rest_s",
    [
        0.3,
        1.0,
        2.5,
    ],
)
def test_getting_down_into_position_costs_no_repetition(rest_s: float) -> None:
    points: list[Point] = [(1.5, 0.0), (3.0, -80.0)]
    for _ in range(6):
        at = points[-1][0] + rest_s
        points += [(at, -80.0), (at + 1.0, -20.0), (at + 2.0, -80.0)]
    found = segmented(path(*points), points[-1][0] + 3.0)
    assert len(found.rows) == 6
    # A first rest of a third of a second is known less well than those that follow.
    assert found.rows[0][ROW_ROM] == pytest.approx(60.0, abs=2.5)
    assert found.rows[1:, ROW_ROM] == pytest.approx(60.0, abs=0.5)


@pytest.mark.parametrize("rest_s", [0.3, 1.0, 2.5])
def test_getting_up_into_position_costs_at_most_the_first_repetitions(rest_s: float) -> None:
    points: list[Point] = [(1.5, 0.0), (3.0, 80.0)]
    for _ in range(8):
        at = points[-1][0] + rest_s
        points += [(at, 80.0), (at + 1.0, 140.0), (at + 2.0, 80.0)]
    found = segmented(path(*points), points[-1][0] + 3.0)
    assert len(found.rows) == 8
    assert found.rows[1:, ROW_ROM] == pytest.approx(60.0, abs=0.5)


@pytest.mark.parametrize("hz", [4.0, 6.0, 11.0])
@pytest.mark.parametrize("phase", [0.0, 0.4, 0.8])
def test_tremor_neither_adds_nor_hides_repetitions(hz: float, phase: float) -> None:
    trembling: Motion = lambda t: 1.5 * np.sin(2.0 * math.pi * (hz * t + phase))  # noqa: E731
    reps = (*even(5), *even(5, first_s=22.0, range_deg=25.0, hold_s=2.0, every_s=6.0))
    found = segmented(total(reps, trembling), 53.0)
    assert len(found.rows) == 10
    assert found.partial == 0
    for row, rep in zip(found.rows, reps, strict=True):
        assert row[ROW_ROM] == pytest.approx(rep.range_deg, abs=2.5)
        # Where a small movement ends, a trough of the tremor reaches the band before it.
        assert row[ROW_START_T] == pytest.approx(truth(rep).start_s, abs=0.15)
        assert row[ROW_END_T] == pytest.approx(truth(rep).end_s, abs=0.3)


@pytest.mark.parametrize("deg_per_min", [-30.0, -6.0, 6.0, 30.0])
def test_a_rest_that_drifts_slowly_is_followed(deg_per_min: float) -> None:
    found = segmented(total(even(40), lambda t: deg_per_min / 60.0 * t), 163.0)
    assert len(found.rows) == 40
    # While the limb moves out it drifts on by up to a degree.
    assert found.rows[:, ROW_ROM] == pytest.approx(60.0, abs=1.2)


def test_a_drift_during_a_long_rest_does_not_become_a_movement() -> None:
    found = segmented(path((1.0, 0.0), (600.0, 50.0)), 605.0)
    assert (len(found.rows), found.partial) == (0, 0)


# --- beginnings and ends ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("last", "counted"),
    [
        pytest.param([(7.0, 60.0)], False, id="on the way out"),
        pytest.param([(7.0, 60.0), (9.0, 60.0)], False, id="held"),
        pytest.param([(7.0, 60.0), (8.0, 21.0)], False, id="65 percent back"),
        pytest.param([(7.0, 60.0), (8.0, 15.0)], True, id="75 percent back"),
        pytest.param([(7.0, 60.0), (7.96, 0.0)], True, id="just back"),
        pytest.param([(7.0, 12.0)], None, id="nothing under way"),
    ],
)
def test_at_the_end_an_unfinished_repetition_counts_when_70_percent_back(
    last: list[Point], counted: bool | None
) -> None:
    found = segmented(path(*ONE, *last), last[-1][0])
    assert len(found.rows) == 1 + bool(counted)
    assert found.partial == (counted is False)
    if counted:
        # It ends with the recording, or where it comes within 5 percent of the rest before that.
        back_s = last[-1][0] - last[-2][0]
        within_s = last[-2][0] + (1.0 - minimum_jerk_time(0.05)) * back_s
        end_s = within_s if last[-1][1] == 0.0 else last[-1][0]
        assert found.rows[1][ROW_END_T] == pytest.approx(end_s, abs=0.07)


def test_an_end_closes_only_once() -> None:
    found = segmented(path(*ONE, (7.0, 60.0)), 7.0)
    t = times(7.0)
    assert len(found.segmenter.finish(t, t, 0)) == 0
    assert found.partial == 1


def test_a_recording_that_begins_on_the_way_back_finds_the_rest() -> None:
    found = segmented(path((-0.5, 60.0), (0.5, 0.0), (2.0, 0.0), (3.0, 60.0), (4.0, 0.0)), 6.0)
    assert found.peaks == [3.0]
    assert found.rows[0][ROW_ROM] == pytest.approx(60.0, abs=0.5)


# --- silences -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("without", "interrupted"),
    [
        pytest.param((6.5, 7.3), True, id="on the way out"),
        pytest.param((7.1, 7.7), True, id="at the top"),
        pytest.param((8.0, 8.9), True, id="over the end"),
        pytest.param((4.6, 5.7), False, id="at rest before"),
        pytest.param((8.7, 9.9), False, id="at rest after"),
        pytest.param(
            (6.24, 6.8),
            True,
            id="between start and count_from",
        ),
        pytest.param(
            (5.8, 6.6),
            True,
            id="over the start",
        ),
    ],
)
def test_a_silence_marks_the_repetition_under_way_and_no_other(
    without: tuple[float, float], interrupted: bool
) -> None:
    found = segmented(even(3), 15.0, without=without)
    assert [round((row[ROW_PEAK_T] - 3.35) / 4.0) for row in found.rows] == [0, 1, 2]
    assert found.rows[:, ROW_INTERRUPTED].tolist() == [0.0, float(interrupted), 0.0]


def test_no_stillness_spans_a_silence() -> None:
    # Two seconds of stillness would make this a new rest; there is one second on either side.
    found = segmented(
        path(*ONE, (7.0, 20.0), (11.0, 20.0), (12.0, 60.0), (13.0, 0.0)), 15.0, without=(8.0, 10.0)
    )
    assert len(found.rows) == 2
    assert found.rows[1][ROW_ROM] == pytest.approx(60.0, abs=0.5)
    assert found.rows[1][ROW_PAUSED] == 0.0


def test_a_return_that_lost_samples_lift_ends_its_repetition() -> None:
    # From the loss on the angle lies 30 degrees higher: the valley is at half the excursion.
    moved = path((1.0, 0.0), (2.0, 60.0), (3.0, 30.0), (4.0, 90.0), (5.0, 30.0), (6.0, 30.0))
    assert len(segmented(moved, 7.0, without=(2.3, 2.7)).rows) == 2
    assert len(segmented(moved, 7.0).rows) < 2


def test_a_standstill_with_a_loss_in_it_is_no_return() -> None:
    moved = path((1.0, 0.0), (2.0, 40.0), (5.0, 40.0), (6.0, 60.0), (7.0, 0.0))
    assert len(segmented(moved, 9.0, without=(4.0, 4.4)).rows) == 1


# --- equal to the last bit ----------------------------------------------------------------------


def _everything() -> tuple[Float64, Float64, NDArray[np.uint8]]:
    t = times(60.0)
    t = t[((t < 30.0) | (t > 30.8)) & ((t < 8.4) | (t > 8.7))]
    motion = total(
        path(
            *ONE, (7.0, 60.0), (8.0, 10.0), (9.0, 60.0), (10.0, 0.0), (12.0, 40.0), (16.0, 40.0),
            (17.0, 60.0), (18.0, 0.0), (19.0, 55.0), (36.0, 55.0), (37.0, 110.0), (38.0, 55.0),
            (40.0, -20.0), (43.0, -20.0), (44.0, 40.0), (44.5, 20.0), (45.0, 45.0), (46.0, -20.0),
            (50.0, -20.0), (51.0, 30.0),
        ),
        tremor(0.8),
    )  # fmt: skip
    gap = np.zeros(len(t), np.uint8)
    gap[1:] = np.diff(t) > 0.5
    return t, motion(t), gap


@pytest.mark.parametrize("onsets", [False, True])
def test_any_chunks_and_a_history_cut_short_give_the_same_to_the_last_bit(onsets: bool) -> None:
    t, a, gap = _everything()
    parameters = SegmenterParameters(COUNT_FROM_DEG, limit_deg=50.0, onsets=onsets)
    whole = Segmenter(parameters)
    rows, marks = whole.update(t, a, gap, 0)
    assert len(rows) >= 6
    for seed in range(20):
        random = np.random.default_rng(seed)
        segmenter = Segmenter(parameters)
        again, told = [rows[:0]], [marks[:0]]
        base = stop = 0
        while stop < len(t):
            stop = min(len(t), stop + int(random.integers(0, 40 * (1 + seed % 4))))
            new, more = segmenter.update(t[base:stop], a[base:stop], gap[base:stop], base)
            again.append(new)
            told.append(more)
            base = segmenter.keep_from
            state = segmenter.state.copy()
            segmenter = Segmenter(parameters)
            segmenter.state[:] = state
        assert np.concatenate(again).tobytes() == rows.tobytes()
        assert np.concatenate(told).tobytes() == marks.tobytes()
        end = segmenter.finish(t[base:], a[base:], base).tobytes()
        assert end == whole_end(parameters, t, a, gap)


def whole_end(
    parameters: SegmenterParameters, t: Float64, a: Float64, gap: NDArray[np.uint8]
) -> bytes:
    segmenter = Segmenter(parameters)
    segmenter.update(t, a, gap, 0)
    return segmenter.finish(t, a, 0).tobytes()


def test_more_repetitions_than_fit_into_one_go_are_all_found() -> None:
    t = times(320.0, 25.0)
    segmenter = Segmenter(SegmenterParameters(COUNT_FROM_DEG))
    rows, marks = segmenter.update(t, angle_deg(even(79), t), np.zeros(len(t), np.uint8), 0)
    assert len(rows) == 79
    assert int(np.count_nonzero(marks[:, 1] == MARK_OUT)) == 79


def test_a_long_rest_needs_no_long_history() -> None:
    found = segmented(even(1), 200.0)
    assert found.segmenter.keep_from >= (200.0 - LOOK_BACK_S - 1.0) * RATE_HZ


# --- onsets: where the movement begins and ends by its speed --------------------------------------


def speed_dps(t: Float64, a: Float64) -> Float64:
    """Mean speed over the first samples 0.15 s and more away on either side."""
    value = np.zeros(len(t))
    for i in range(len(t)):
        low = max(0, np.flatnonzero(t[i] - t >= 0.15)[-1]) if t[i] - t[0] >= 0.15 else 0
        later = np.flatnonzero(t - t[i] >= 0.15)
        high = int(later[0]) if len(later) else len(t) - 1
        value[i] = (a[high] - a[low]) / (t[high] - t[low])
    return value


def moved(t: Float64, a: Float64, peak_s: float) -> tuple[float, float]:
    """First and last time about `peak_s` at which the speed of a single movement from rest to rest
    is above a twentieth of its fastest, way out and way back each, linear between samples."""
    peak = int(np.searchsorted(t, peak_s))
    v = speed_dps(t, a)
    out, back = 0.05 * v[: peak + 1].max(), 0.05 * -v[peak:].min()
    first = int(np.argmax(v[: peak + 1]))
    while v[first] > out:
        first -= 1
    last = peak + int(np.argmin(v[peak:]))
    while -v[last] > back:
        last += 1
    return (
        float(np.interp(out, v[first : first + 2], t[first : first + 2])),
        float(np.interp(-back, v[last - 1 : last + 1], t[last - 1 : last + 1])),
    )


@pytest.mark.parametrize("rate_hz", [25.0, 50.0, 100.0, 200.0])
@pytest.mark.parametrize("out_s", [0.6, 1.2, 2.0])
def test_a_movement_begins_and_ends_at_a_twentieth_of_its_fastest_speed(
    rate_hz: float, out_s: float
) -> None:
    motion = [Rep(2.0, 60.0, out_s, 0.4, out_s)]
    [row] = segmented(motion, 10.0, rate_hz=rate_hz, onsets=True).ended
    t = times(10.0, rate_hz)
    begins_s, ends_s = moved(t, angle_deg(motion, t), float(row[ROW_PEAK_T]))
    assert row[ROW_START_T] - row[ROW_EARLIER] == pytest.approx(begins_s, abs=1e-6)
    # Nothing creeps on for longer than it waits.
    latest_s = float(row[ROW_END_T]) + SETTLE_S
    assert row[ROW_END_T] + row[ROW_LATER] == pytest.approx(min(ends_s, latest_s), abs=1e-6)
    # By a window of 0.3 s that is near where a minimum jerk has a twentieth of its speed.
    assert row[ROW_START_T] - row[ROW_EARLIER] == pytest.approx(2.0 + 0.06 * out_s, abs=0.15)


def test_onsets_change_nothing_else_of_a_repetition() -> None:
    # Fast, slow, with bounces and standstills, and one that is cut off by a silence.
    t, a, gap = _everything()
    rows = []
    for onsets in (False, True):
        segmenter = Segmenter(SegmenterParameters(COUNT_FROM_DEG, onsets=onsets))
        found, marks = segmenter.update(t, a, gap, 0)
        rows.append((np.concatenate([found, segmenter.finish(t, a, 0)]), marks))
    (plain, plain_marks), (settled, settled_marks) = rows
    assert settled[:, :ROW_EARLIER].tobytes() == plain[:, :ROW_EARLIER].tobytes()
    assert settled_marks.tobytes() == plain_marks.tobytes()
    assert not plain[:, ROW_EARLIER:].any()
    assert settled[:, ROW_EARLIER:].any()


def test_a_movement_begins_no_earlier_than_the_one_before_ends() -> None:
    # It turns at the rest at full speed, so that only a few samples know which movement is which.
    def bouncing(t: Float64) -> Float64:
        within = (t >= 2.0) & (t <= 2.0 + 6 * 2.4)
        return np.where(within, 60.0 * np.abs(np.sin(math.pi * (t - 2.0) / 2.4)), 0.0)

    rows = segmented(bouncing, 20.0, rate_hz=100.0, onsets=True).rows
    assert len(rows) == 6
    begins = rows[:, ROW_START_T] - rows[:, ROW_EARLIER]
    ends = rows[:, ROW_END_T] + rows[:, ROW_LATER]
    assert (begins[1:] >= ends[:-1]).all()
    assert (begins < rows[:, ROW_PEAK_T]).all()
    assert (rows[:, ROW_PEAK_T] < ends).all()


def test_an_end_is_awaited_for_half_a_second_at_most() -> None:
    # The last hundredth takes three seconds.
    motion = path((2.0, 0.0), (3.2, 60.0), (4.4, 2.4), (9.0, 0.0))
    found = segmented(motion, 12.0, step=1, onsets=True)
    [row], [seen_s] = found.ended, found.seen_s
    assert row[ROW_LATER] <= SETTLE_S
    assert 0.0 <= seen_s - (row[ROW_END_T] + row[ROW_LATER]) <= 0.5


def test_nothing_is_awaited_beyond_a_silence_or_the_next_movement() -> None:
    whole = segmented(even(2), 10.0, step=1, onsets=True)
    returned_s = float(whole.rows[0][ROW_END_T])
    lost = segmented(
        even(2), 10.0, step=1, onsets=True, without=(returned_s + 0.06, returned_s + 1.0)
    )
    [cut, _] = lost.rows
    assert cut[ROW_END_T] == whole.rows[0][ROW_END_T]
    assert 0.0 <= cut[ROW_LATER] <= 0.06
    assert whole.rows[0][ROW_LATER] > 0.06


def test_what_is_awaited_can_be_had_at_once() -> None:
    t = times(10.0)
    a = angle_deg(even(1), t)
    plain, _ = Segmenter(SegmenterParameters(COUNT_FROM_DEG)).update(
        t, a, np.zeros(len(t), np.uint8), 0
    )
    stop = int(np.searchsorted(t, plain[0][ROW_END_T])) + 2
    segmenter = Segmenter(SegmenterParameters(COUNT_FROM_DEG, onsets=True))
    rows, _ = segmenter.update(t[:stop], a[:stop], np.zeros(stop, np.uint8), 0)
    assert len(rows) == 0
    [row] = segmenter.settle(t[:stop], a[:stop], 0)
    assert row[ROW_ROM] == plain[0][ROW_ROM]
    assert len(segmenter.settle(t[:stop], a[:stop], 0)) == 0


# --- phases -------------------------------------------------------------------------------------


def test_phases_come_in_their_order() -> None:
    found = segmented([Rep(2.0, hold_s=1.5), Rep(8.0, hold_s=0.0)], 13.0)
    assert [int(kind) for kind in found.marks[:, 1]] == [
        MARK_OUT, MARK_HOLD, MARK_BACK, MARK_REST, MARK_OUT, MARK_BACK, MARK_REST,
    ]  # fmt: skip
    assert (np.diff(found.marks[:, 0]) > 0.0).all()


def test_the_limit_is_marked_once_at_its_crossing() -> None:
    found = segmented([Rep(2.0, range_deg=80.0), Rep(8.0, range_deg=60.0)], 13.0, limit_deg=70.0)
    [at] = [t for t, kind in found.marks if int(kind) == MARK_LIMIT]
    t = times(13.0)
    a = angle_deg([Rep(2.0, range_deg=80.0)], t)
    assert at == t[np.flatnonzero(a > 70.0)[0]]


def test_nothing_is_made_of_nothing() -> None:
    segmenter = Segmenter(SegmenterParameters(COUNT_FROM_DEG))
    empty: Any = np.empty(0)
    rows, marks = segmenter.update(empty, empty, np.empty(0, np.uint8), 0)
    assert (len(rows), len(marks)) == (0, 0)
    assert len(segmenter.finish(empty, empty, 0)) == 0
    assert (segmenter.partial, segmenter.under_way) == (0, False)


@pytest.mark.parametrize("out_s", [2.0, 4.0, 6.0])
def test_the_rest_does_not_go_along_with_a_slow_movement(out_s: float) -> None:
    # A fifth beyond what counts, as slowly as it may be asked for.
    range_deg = 1.2 * COUNT_FROM_DEG
    motion = [Rep(3.0, range_deg, out_s, 0.5, out_s), Rep(6.0 + 2.0 * out_s, range_deg, 1.0)]
    found = segmented(motion, 12.0 + 2.0 * out_s).rows
    assert found[:, ROW_ROM] == pytest.approx([range_deg, range_deg], abs=0.6)


def test_fidgeting_after_a_change_of_posture_is_no_repetition() -> None:
    wander = [(3.5, 1.2), (10.0, 1.6), (14.0, 0.8), (19.0, 1.5), (23.0, 0.9), (27.0, 1.2)]
    points = [(3.0, 0.0), *((t, share * COUNT_FROM_DEG) for t, share in wander), (27.5, 0.0)]
    found = segmented(path(*points), 32.0)
    assert len(found.rows) == 0
    assert found.partial == 1
