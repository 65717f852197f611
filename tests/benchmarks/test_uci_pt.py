"""Learned exercises: blocks are cut in the idle time and put back where they came from, and a
folder of synthetic recordings scores as it must.
"""

import math
from pathlib import Path

import numpy as np
import pytest

from benchmarks import margins, uci_pt
from benchmarks.errors import BenchmarkError, BenchmarkFault
from benchmarks.report import untracked
from devices.recording import Recording
from motion.samples import Samples
from motion.template import RangeOfMotion
from tests.benchmarks import made

RATE_HZ = 10.0


def moving(slot: str = "u1", last_s: float = 200.0, still: tuple[float, ...] = ()) -> Samples:
    """A sensor that never rests but for a second around each given time; z tells the sample."""
    t = np.arange(round(last_s * RATE_HZ)) / RATE_HZ
    rate = np.ones((len(t), 3))
    for at_s in still:
        rate[np.abs(t - at_s) <= 0.5 + 1e-9] = 0.0
    acc = np.stack([np.zeros_like(t), np.zeros_like(t), np.arange(len(t), dtype=float)], axis=1)
    return Samples.of(slot, t, acc, rate)


def rows(samples: Samples) -> list[int]:
    """Which samples of `moving` these are."""
    return [int(value) for value in samples.acc_mps2[:, 2]]


def test_blocks_are_cut_where_the_body_is_stillest_before_each_begins() -> None:
    first, second = uci_pt.cuts({"u1": moving(still=(60.0, 94.0, 157.5))})
    assert first == pytest.approx(94.0, abs=0.25)
    assert second == pytest.approx(157.5, abs=0.25)


def test_all_sensors_together_tell_where_it_is_stillest() -> None:
    samples = {"u1": moving("u1", still=(91.0, 95.0)), "u2": moving("u2", still=(95.0, 98.0))}
    assert uci_pt.cuts(samples)[0] == pytest.approx(95.0, abs=0.25)


def test_rearranged_blocks_follow_each_other_without_a_gap() -> None:
    samples = {"u1": moving(still=(95.0, 155.0))}
    cut = [int(np.ceil(at_s * RATE_HZ)) for at_s in uci_pt.cuts(samples)]
    moved, pieces = uci_pt.rearranged(samples, {"u1": RATE_HZ}, (2, 0, 1))
    parts = [range(cut[1], 2000), range(cut[0]), range(cut[0], cut[1])]
    assert rows(moved["u1"]) == [row for part in parts for row in part]
    assert np.diff(moved["u1"].t_s) == pytest.approx(1.0 / RATE_HZ)
    assert moved["u1"].t_s[0] == 0.0
    assert [begin for begin, _ in pieces] == pytest.approx(
        [0.0, len(parts[0]) / RATE_HZ, (len(parts[0]) + len(parts[1])) / RATE_HZ]
    )


def test_blocks_that_are_left_out_are_gone() -> None:
    samples = {"u1": moving(still=(95.0, 155.0))}
    moved, pieces = uci_pt.rearranged(samples, {"u1": RATE_HZ}, (1, 2))
    assert rows(moved["u1"])[0] == pytest.approx(950, abs=3)
    assert rows(moved["u1"])[-1] == 1999
    assert len(pieces) == 2


def test_rearranged_samples_know_when_they_were() -> None:
    samples = {"u1": moving(still=(95.0, 155.0))}
    moved, pieces = uci_pt.rearranged(samples, {"u1": RATE_HZ}, (1, 2, 0))
    one = moved["u1"]
    for at in range(0, len(one), 97):
        shift_s = [shift for begin, shift in pieces if begin <= one.t_s[at]][-1]
        assert one.t_s[at] + shift_s == pytest.approx(one.acc_mps2[at, 2] / RATE_HZ)


def test_repetitions_of_a_rearranged_recording_return_to_their_blocks() -> None:
    pieces = [(0.0, 160.0), (50.0, -50.0), (150.0, -45.0)]
    counted = [made.event(peak_s) for peak_s in (160.0, 60.0, 10.0, 40.0)]
    blocks = uci_pt.in_original_time(counted, pieces)
    assert [[one.peak_s for one in each] for each in blocks] == [[60.0], [160.0], [10.0, 40.0]]


def test_a_test_without_its_demonstration_is_refused(tmp_path: Path) -> None:
    folder = made.uci_pt(tmp_path)
    (folder / "s1_e1_demonstration.parquet").unlink()
    with pytest.raises(BenchmarkError, match=r"s1_e1_demonstration\.parquet is missing"):
        uci_pt.cases(folder)


def test_a_folder_without_tests_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match=r"\*_test\.parquet") as caught:
        uci_pt.cases(tmp_path)
    assert caught.value.reason is BenchmarkFault.NO_DATA


def test_a_demonstration_that_lacks_a_kind_is_refused(tmp_path: Path) -> None:
    annotations = [{"kind": "template", "label": "correct", "start_s": 1.0, "end_s": 2.0}]
    path = made.write(tmp_path / "r.parquet", [moving()], RATE_HZ, annotations=annotations)
    with pytest.raises(BenchmarkError, match="label too_fast"):
        uci_pt.template_intervals(Recording.open(path))


def test_a_test_that_ends_before_its_last_block_is_refused(tmp_path: Path) -> None:
    path = made.write(tmp_path / "r.parquet", [moving(last_s=150.0)], RATE_HZ)
    with pytest.raises(BenchmarkError, match=r"0\.0 to 149\.9 s only"):
        uci_pt.check_blocks(Recording.open(path), ["u1"])


def test_a_sensor_that_starts_after_the_first_block_is_refused(tmp_path: Path) -> None:
    late = moving()
    path = made.write(tmp_path / "r.parquet", [late.rows(1200, 2000)], RATE_HZ)
    with pytest.raises(BenchmarkError, match=r"from 120\.0"):
        uci_pt.check_blocks(Recording.open(path), ["u1"])


def test_a_demonstration_that_moves_nothing_is_told_with_its_file(tmp_path: Path) -> None:
    folder = made.uci_pt(tmp_path)
    path = folder / "s1_e1_demonstration.parquet"
    annotations = [
        {"kind": "template", "label": label, "start_s": 0.5, "end_s": 3.0} for label in made.LABELS
    ]
    still = Recording.open(path).samples()
    path.unlink()
    made.write(path, still.values(), made.RATE_HZ, annotations=annotations)
    with pytest.raises(BenchmarkError, match="s1_e1_demonstration") as caught:
        uci_pt.run(folder, untracked)
    assert caught.value.reason is BenchmarkFault.REPLAY


@pytest.mark.compiled
def test_clean_movements_are_all_counted_and_judged_as_what_they_are(tmp_path: Path) -> None:
    figures = uci_pt.run(made.uci_pt(tmp_path), untracked).figures
    assert figures["recordings"]["s1_e1"]["found"] == 30
    for key in ("one_demonstration", "own_reference", "three_demonstrations"):
        assert figures[key]["expected"] == 30
        assert figures[key]["missed_percent"] == 0.0
        assert figures[key]["false_percent"] == 0.0
        assert figures[key]["verdict_percent"] == 100.0
        assert figures[key]["exact"] == 1
    assert figures["bounds"]["annotated"] == 30
    assert figures["bounds"]["overlap_half_percent"] == 100.0
    assert 0.0 <= figures["bounds"]["median_start_error_s"] < 0.3
    # Five orders of all blocks, and one that starts at the second.
    assert figures["order"] == {"compared": 5 * 30 + 20, "changed_percent": 0.0}


@pytest.mark.compiled
def test_margins_are_chosen_on_the_others(tmp_path: Path) -> None:
    for person in ("s1", "s2"):
        made.uci_pt(tmp_path, f"{person}_e1")
    figures = margins.run(tmp_path, untracked).figures
    assert set(figures["left_out"]) == {"s1", "s2"}
    for figure in figures["left_out"].values():
        assert figure["others_percent"] == figure["left_out_percent"] == 100.0
        # A half of the range is short by any margin, and a full one by none.
        assert figure["in_use_percent"] == 100.0
    assert set(figures["own_left_out"]) == {"s1", "s2"}
    for figure in figures["own_left_out"].values():
        assert figure["in_use_percent"] == figure["prescribed_percent"] == 100.0


def test_a_share_of_ones_own_is_judged_in_the_order_of_the_blocks() -> None:
    target = RangeOfMotion(count_from_deg=10, minimum_deg=40, goal_deg=60, limit_deg=90)
    ranges = (50.0, 50.0, 41.0)
    faults: tuple[list[str], ...] = ([], ["too_fast"], [])
    blocks = [
        [made.event(float(k), told, rom_deg=deg) for k in range(10)]
        for deg, told in zip(ranges, faults, strict=True)
    ]
    tested = margins.Tested(target, blocks)
    # 41 of 50 degrees is short by a share of 0.85, and by no prescription.
    assert tested.right((0, 1, 2), 0.85, 0.9) == 30
    assert tested.right((0, 1, 2), 0.0, 1.0) == 20
    # Where the small ones come first they are the person's own.
    assert tested.right((2, 0, 1), 0.85, 0.9) == 20


def test_a_margin_judges_speed_before_range() -> None:
    measured = {"s1": [(0, 1.0, 1.0), (1, 1.0, 0.5), (1, 0.5, 0.5), (2, 0.7, 1.0), (2, 0.9, 1.0)]}
    expected = {"s1": 5}
    assert margins.verdict_percent(measured, expected, ["s1"], 0.8, 0.6) == 80.0
    assert margins.verdict_percent(measured, expected, ["s1"], 0.95, 0.6) == 100.0
    assert margins.verdict_percent(measured, expected, ["s1"], 0.8, 0.4) == 40.0
    assert math.isnan(margins.verdict_percent(measured, expected, [], 0.8, 0.6))
