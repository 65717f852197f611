"""How results are scored: every figure of the tables on cases worked out by hand."""

import math

import pytest

from benchmarks import scoring
from benchmarks.scoring import (
    BlockScore,
    by_block,
    judged,
    overlap,
    score_blocks,
    score_bounds,
    score_changes,
    score_counts,
    score_latency,
)
from motion.events import RepetitionEvent
from tests.benchmarks.made import event


def block(count: int, *faults: str) -> list[RepetitionEvent]:
    return [event(float(number), faults) for number in range(count)]


@pytest.mark.parametrize(
    ("peak_s", "index"),
    [(-1.0, 0), (0.0, 0), (99.9, 0), (100.0, 1), (159.9, 1), (160.0, 2), (1e4, 2)],
)
def test_a_repetition_belongs_to_the_block_that_holds_its_peak(peak_s: float, index: int) -> None:
    assert scoring.block_of(peak_s) == index


def test_repetitions_are_put_into_their_blocks_in_time_order() -> None:
    blocks = by_block([event(170.0), event(20.0), event(110.0), event(10.0)])
    assert [[one.peak_s for one in each] for each in blocks] == [[10.0, 20.0], [110.0], [170.0]]


@pytest.mark.parametrize(
    ("faults", "kind"),
    [
        ([], "correct"),
        (["range_short"], "range_short"),
        (["too_fast"], "too_fast"),
        (["range_short", "too_fast"], "too_fast"),
        (["range_over", "compensation:sway"], "correct"),
    ],
)
def test_too_fast_goes_before_range_short_before_correct(faults: list[str], kind: str) -> None:
    assert judged(faults) == kind


def test_each_block_has_its_own_missed_and_false_repetitions() -> None:
    blocks = [block(7), block(12, "too_fast"), block(10, "range_short")]
    assert score_blocks(blocks) == BlockScore(expected=30, missed=3, false=2, right=27)


def test_a_repetition_missed_in_one_block_is_not_made_up_by_one_too_many_in_another() -> None:
    blocks = [block(9), block(11, "too_fast"), block(10, "range_short")]
    score = score_blocks(blocks)
    assert (score.missed, score.false) == (1, 1)


def test_a_missed_repetition_counts_as_judged_wrongly() -> None:
    blocks = [block(7), block(10, "too_fast"), block(10, "range_short")]
    assert score_blocks(blocks).right == 27


def test_only_the_first_ten_of_a_block_can_be_right() -> None:
    extra = [*block(2, "range_short"), *block(10)]
    assert score_blocks([extra, block(10), block(10)]).right == 8


def test_a_verdict_of_another_block_is_wrong() -> None:
    blocks = [block(10, "too_fast"), block(10), block(10, "too_fast")]
    assert score_blocks(blocks).right == 0


def test_scores_of_recordings_add_up() -> None:
    both = BlockScore(30, 1, 2, 25) + BlockScore(30, 0, 1, 30)
    assert both == BlockScore(60, 1, 3, 55)


def test_counts_tell_exact_within_one_and_mean_absolute_error() -> None:
    counts = score_counts([20, 19, 21, 17], [20, 20, 20, 20])
    assert (counts.recordings, counts.exact, counts.within_one) == (4, 1, 3)
    assert counts.mae == pytest.approx(5 / 4)


def test_no_recording_has_no_mean_error() -> None:
    assert math.isnan(score_counts([], []).mae)


def test_counts_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        score_counts([20, 20], [20])


@pytest.mark.parametrize(
    ("a", "b", "share"),
    [
        ((0.0, 2.0), (0.0, 2.0), 1.0),
        ((0.0, 2.0), (1.0, 3.0), 1 / 3),
        ((0.0, 4.0), (1.0, 3.0), 0.5),
        ((0.0, 1.0), (1.0, 2.0), 0.0),
        ((0.0, 1.0), (5.0, 6.0), 0.0),
    ],
)
def test_overlap_is_intersection_over_union(
    a: tuple[float, float], b: tuple[float, float], share: float
) -> None:
    assert overlap(a, b) == pytest.approx(share)
    assert overlap(b, a) == pytest.approx(share)


def test_bounds_that_overlap_by_half_agree_and_tell_their_errors() -> None:
    score = score_bounds([(0.5, 4.0), (12.0, 20.0)], [(0.0, 4.5), (10.0, 14.0), (30.0, 34.0)])
    assert (score.annotated, score.agreeing) == (3, 1)
    assert score.start_errors_s == (0.5, 2.0)
    assert score.end_errors_s == (-0.5, 6.0)


def test_a_found_interval_serves_one_annotation_only_the_one_it_covers_best() -> None:
    score = score_bounds([(0.0, 10.0)], [(0.0, 5.0), (5.0, 10.5)])
    assert score.agreeing == 1
    assert score.start_errors_s == (0.0,)
    assert score.end_errors_s == (5.0,)


def test_latency_is_told_from_the_end_to_the_report() -> None:
    late = [event(float(number), late_s=number / 100.0) for number in range(101)]
    score = score_latency(late)
    assert (score.p50_s, score.p95_s, score.p99_s) == pytest.approx((0.5, 0.95, 0.99))


def test_no_repetition_has_no_latency() -> None:
    assert math.isnan(score_latency([]).p95_s)


def test_changes_count_other_kinds_lost_and_added_repetitions() -> None:
    before = [block(3), block(2, "too_fast"), block(2)]
    after = [
        [*block(2), *block(1, "range_short")],  # one judged otherwise
        block(1, "too_fast"),  # one lost
        block(4),  # two added
    ]
    score = score_changes(before, after)
    assert (score.compared, score.changed) == (3 + 2 + 4, 1 + 1 + 2)


def test_another_fault_of_no_other_kind_is_no_change() -> None:
    score = score_changes([block(1)], [block(1, "range_over")])
    assert (score.compared, score.changed) == (1, 0)


def test_means_and_shares_of_nothing_are_no_numbers() -> None:
    of_nothing = (
        scoring.rms([]), scoring.mean([]), scoring.median([]), scoring.share(0, 0)
    )  # fmt: skip
    assert all(math.isnan(value) for value in of_nothing)


def test_means_and_shares() -> None:
    assert scoring.rms([3.0, -4.0]) == pytest.approx(math.sqrt(12.5))
    assert scoring.mean([1.0, 2.0, 6.0]) == 3.0
    assert scoring.median([1.0, 2.0, 6.0]) == 2.0
    assert scoring.share(1, 8) == 12.5
