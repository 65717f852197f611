"""Optical references: how they are read, which samples of them are sound, and that an orientation
known exactly is found, by ours and by the peers.
"""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks import broad, dfjimu, reference
from benchmarks.errors import BenchmarkError, BenchmarkFault
from benchmarks.reference import inclination_errors_deg, tilt_errors_deg
from benchmarks.report import untracked
from motion import quaternion
from motion.heading import rotations_about_vertical
from motion.samples import Samples
from tests.benchmarks import made
from tests.motion.jointed import jointed

Float64 = NDArray[np.float64]

RATE_HZ = 50.0


def tumbling(last_s: float, phase: float = 0.0) -> tuple[Float64, Float64]:
    """Orientations (n, 4) of a smooth movement about all axes, and its angular rate (n, 3)."""
    t = np.arange(round(last_s * RATE_HZ)) / RATE_HZ
    fine = 20
    times = np.arange(len(t) * fine) / (RATE_HZ * fine)
    rate = np.stack(
        [
            1.2 * np.sin(1.9 * times + phase),
            0.9 * np.sin(1.3 * times + 1.0 + phase),
            0.7 * np.sin(0.7 * times + 2.0),
        ],
        axis=1,
    )
    steps = quaternion.from_rotation_vectors(rate / (RATE_HZ * fine))
    q = np.empty((len(times), 4))
    q[0] = (1.0, 0.0, 0.0, 0.0)
    for i in range(1, len(q)):
        q[i] = quaternion.products(q[i - 1], steps[i - 1])
    return q[::fine], rate[::fine]


def sensed(slot: str, q: Float64, rate: Float64) -> Samples:
    """What a sensor that turns on the spot delivers."""
    up = np.broadcast_to([0.0, 0.0, 9.81], (len(q), 3))
    return Samples.of(
        slot, np.arange(len(q)) / RATE_HZ, quaternion.rotated(reference.conjugate(q), up), rate
    )


def about(axis: tuple[float, float, float], angle_deg: float) -> Float64:
    vector = np.radians(angle_deg) * np.array([axis])
    return quaternion.from_rotation_vectors(vector)


# --- reading


def test_recordings_and_references_are_paired_by_name(tmp_path: Path) -> None:
    for name in ("b.parquet", "b.reference.parquet", "a.parquet", "a.reference.parquet", "c.txt"):
        (tmp_path / name).touch()
    assert [name for name, _, _ in reference.paired(tmp_path)] == ["a", "b"]


def test_a_reference_without_its_recording_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.reference.parquet").touch()
    with pytest.raises(BenchmarkError, match=r"a\.parquet is missing"):
        reference.paired(tmp_path)


def test_a_folder_without_references_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").touch()
    with pytest.raises(BenchmarkError, match="holds no file") as caught:
        reference.paired(tmp_path)
    assert caught.value.reason is BenchmarkFault.NO_DATA


def test_a_damaged_reference_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.reference.parquet"
    path.write_bytes(b"PAR1 and no more")
    with pytest.raises(BenchmarkError, match=r"a\.reference\.parquet cannot be read"):
        reference.orientations(path)


def test_a_reference_that_lacks_a_column_is_refused(tmp_path: Path) -> None:
    path = made.write_reference(tmp_path / "r", {"qw": [1.0], "qx": [0.0], "qy": [0.0]})
    with pytest.raises(BenchmarkError, match="lacks the column qz"):
        reference.orientations(path)


def test_orientations_are_normalised_and_gaps_stay(tmp_path: Path) -> None:
    rows = np.array([[2.0, 0.0, 0.0, 0.0], [np.nan] * 4, [0.0] * 4])
    columns = {f"far_q{part}": rows[:, at] for at, part in enumerate("wxyz")}
    path = made.write_reference(tmp_path / "r", columns)
    q = reference.orientations(path, "far_")
    assert q[0].tolist() == [1.0, 0.0, 0.0, 0.0]
    assert np.isnan(q[1:]).all()


def test_a_column_of_texts_is_refused(tmp_path: Path) -> None:
    path = made.write_reference(tmp_path / "r", {f"q{part}": ["a", "b"] for part in "wxyz"})
    with pytest.raises(BenchmarkError, match="column qw holds something else than numbers"):
        reference.orientations(path)


def test_inclination_errors_know_no_heading() -> None:
    truth = about((1.0, 0.0, 0.0), 30.0)
    tilted = quaternion.products(about((0.6, 0.8, 0.0), 7.0), truth)
    turned = quaternion.products(about((0.0, 0.0, 1.0), 50.0), tilted)
    for q in (tilted, turned, -turned):
        assert reference.inclination_errors_deg(q, truth) == pytest.approx(7.0)


# --- two segments


def test_a_sound_reference_is_sound_throughout() -> None:
    q, rate = tumbling(8.0)
    assert dfjimu.sound(q, rate, 1.0 / RATE_HZ).all()


def test_flips_of_the_reference_are_found_where_they_are() -> None:
    q, rate = tumbling(8.0)
    flipped = [60, 61, 200, 399]
    q[flipped] = quaternion.products(q[flipped], about((1.0, 0.0, 0.0), 40.0))
    assert np.flatnonzero(~dfjimu.sound(q, rate, 1.0 / RATE_HZ)).tolist() == flipped


def test_the_other_sign_of_a_quaternion_is_no_flip() -> None:
    q, rate = tumbling(4.0)
    q[50:60] *= -1.0
    assert dfjimu.sound(q, rate, 1.0 / RATE_HZ).all()


def test_gaps_of_the_reference_are_not_sound() -> None:
    q, rate = tumbling(4.0)
    q[100:103] = np.nan
    assert np.flatnonzero(~dfjimu.sound(q, rate, 1.0 / RATE_HZ)).tolist() == [100, 101, 102]


def test_the_heading_that_fits_the_reference_leaves_the_inclination_alone() -> None:
    ref1, _ = tumbling(2.0)
    ref2, _ = tumbling(2.0, phase=0.7)
    wrong = quaternion.products(about((0.0, 0.0, 1.0), -35.0), ref2)
    headings = dfjimu.heading_to_reference(ref1, wrong, ref1, ref2)
    assert np.degrees(headings) == pytest.approx(35.0)
    right = quaternion.products(rotations_about_vertical(headings), wrong)
    assert dfjimu.errors_deg(ref1, right, ref1, ref2) == pytest.approx(0.0, abs=1e-5)


def test_an_error_is_the_angle_between_relative_orientations() -> None:
    ref1, _ = tumbling(1.0)
    ref2, _ = tumbling(1.0, phase=0.7)
    off = quaternion.products(ref2, about((0.0, 1.0, 0.0), 12.0))
    both = about((0.0, 0.0, 1.0), 80.0)
    errors = dfjimu.errors_deg(
        quaternion.products(both, ref1), quaternion.products(both, off), ref1, ref2
    )
    assert errors == pytest.approx(12.0)


UPRIGHT = np.array([[1.0, 0.0, 0.0, 0.0]])
# Deviation of both inclinations together, degrees, and a joint that does not move.
PAIR_SD_DEG = 0.8
STANDING = np.zeros((1, 3))


@pytest.mark.parametrize(
    ("axis", "expected"),
    [
        # About the vertical an error counts against the heading, elsewhere against inclinations.
        ((0.0, 0.0, 1.0), (0.0, 0.0, 3.0 / 2.0)),
        ((1.0, 0.0, 0.0), (3.0 / PAIR_SD_DEG, 0.0, 0.0)),
    ],
)
def test_errors_are_scaled_by_the_deviation_about_their_axis(
    axis: tuple[float, float, float], expected: tuple[float, float, float]
) -> None:
    off = about(axis, 3.0)
    stated = np.radians([2.0]), np.array([PAIR_SD_DEG]), STANDING
    assert dfjimu.scaled_errors(UPRIGHT, off, UPRIGHT, UPRIGHT, *stated) == pytest.approx(
        np.array([expected])
    )
    # Lying on its side, the proximal sensor's y axis is the upright one; the true heading of the
    # two, and of the reference, does not matter.
    lying = about((1.0, 0.0, 0.0), 90.0)
    turned = quaternion.products(about((0.0, 0.0, 1.0), 70.0), lying)
    distal = quaternion.products(about((0.0, 0.0, 1.0), 3.0), turned)
    assert np.abs(dfjimu.scaled_errors(turned, distal, lying, lying, *stated)) == pytest.approx(
        np.array([[0.0, 1.5, 0.0]]), abs=1e-9
    )


def test_between_level_and_upright_both_deviations_count() -> None:
    tilted = about((1.0, 0.0, 0.0), 30.0)
    error = quaternion.products(about((0.0, 0.0, 1.0), 4.0), tilted)
    stated = np.radians([2.0]), np.array([PAIR_SD_DEG]), STANDING
    scaled = dfjimu.scaled_errors(tilted, error, tilted, tilted, *stated)[0]
    sine, cosine = 0.5, np.sqrt(0.75)
    pair = PAIR_SD_DEG
    assert scaled[0] == pytest.approx(0.0, abs=1e-9)
    assert scaled[1] == pytest.approx(4.0 * sine / np.hypot(sine * 2.0, cosine * pair))
    assert scaled[2] == pytest.approx(4.0 * cosine / np.hypot(cosine * 2.0, sine * pair))


def test_errors_that_are_as_large_as_stated_are_covered_as_a_normal_variable_is() -> None:
    random = np.random.default_rng(0)
    count = 20000
    q1 = random.normal(size=(count, 4))
    q1 /= np.linalg.norm(q1, axis=1, keepdims=True)
    heading_sd_deg = random.uniform(0.5, 5.0, count)
    pair = PAIR_SD_DEG
    earth = random.normal(size=(count, 3)) * np.stack(
        [np.full(count, pair), np.full(count, pair), heading_sd_deg], axis=1
    )
    q2 = quaternion.products(quaternion.from_rotation_vectors(np.radians(earth)), q1)
    scaled = dfjimu.scaled_errors(
        q1, q2, q1, q1, np.radians(heading_sd_deg), np.full(count, pair), np.zeros((count, 3))
    )
    assert dfjimu.within_percent(scaled, 1.0) == pytest.approx(68.3, abs=0.7)
    assert dfjimu.within_percent(scaled, 2.0) == pytest.approx(95.4, abs=0.4)
    # Half of what was needed is seen as such.
    assert dfjimu.within_percent(2.0 * scaled, 1.0) == pytest.approx(38.3, abs=0.7)


def test_while_a_joint_moves_the_time_of_a_reading_widens_the_axis_it_moves_about() -> None:
    q1 = np.tile(UPRIGHT, (2, 1))
    q2 = np.concatenate([UPRIGHT, about((0.0, 1.0, 0.0), 6.0)])
    moved = dfjimu.moved_deg(q1, q2)
    assert moved == pytest.approx(np.array([[0.0, 0.0, 0.0], [0.0, 6.0, 0.0]]))
    off = quaternion.products(about((1.0, 1.0, 0.0), 3.0), q2)
    stated = np.radians([2.0, 2.0]), np.full(2, PAIR_SD_DEG)
    still, moving = dfjimu.scaled_errors(q1, off, q1, q2, *stated, moved)[:, :2]
    assert still == pytest.approx(3.0 / PAIR_SD_DEG)
    assert moving[0] == pytest.approx(still[0])
    assert moving[1] == pytest.approx(still[1] * PAIR_SD_DEG / np.hypot(PAIR_SD_DEG, np.sqrt(3.0)))


def test_of_no_samples_nothing_is_within() -> None:
    assert np.isnan(dfjimu.within_percent(np.empty((0, 3)), 1.0))


def test_what_the_heading_adds_is_what_the_floor_does_not_hold() -> None:
    assert dfjimu.above_floor_deg(5.0, 4.0) == pytest.approx(3.0)
    assert dfjimu.above_floor_deg(1.0, 1.01) == 0.0


def test_the_error_of_an_inclination_is_told_about_both_level_axes() -> None:
    q, _ = tumbling(1.0)
    turned = quaternion.products(about((0.0, 0.0, 1.0), 70.0), q)
    assert tilt_errors_deg(turned, q) == pytest.approx(0.0, abs=1e-9)
    tilted = quaternion.products(about((1.0, 0.0, 0.0), 4.0), q)
    assert tilt_errors_deg(tilted, q) == pytest.approx(np.tile([4.0, 0.0], (len(q), 1)))
    tilted = quaternion.products(about((0.0, -1.0, 0.0), 120.0), -q)
    assert tilt_errors_deg(tilted, q) == pytest.approx(np.tile([0.0, -120.0], (len(q), 1)))
    both = quaternion.products(about((0.0, 0.0, 1.0), 70.0), tilted)
    off = np.hypot(*tilt_errors_deg(both, q).T)
    assert off == pytest.approx(inclination_errors_deg(both, q))


# --- whole sets


def trial(folder: Path) -> None:
    q, rate = tumbling(20.0)
    made.write(folder / "01_made.parquet", [sensed("imu", q, rate)], RATE_HZ)
    columns = {f"q{part}": q[:, at] for at, part in enumerate("wxyz")}
    moving = np.arange(len(q)) >= 300
    made.write_reference(folder / "01_made.reference.parquet", {**columns, "moving": moving})


@pytest.mark.compiled
def test_the_inclination_of_a_known_movement_is_found_and_equals_vqf(tmp_path: Path) -> None:
    trial(tmp_path)
    figures = broad.run(tmp_path, untracked).figures
    assert figures["trials"]["01_made"]["scored"] == 700
    assert figures["rmse_deg"] < 1.0
    assert figures["largest_difference"] < 1e-9


def test_a_reference_of_another_length_is_refused(tmp_path: Path) -> None:
    trial(tmp_path)
    path = tmp_path / "01_made.reference.parquet"
    made.write_reference(
        path, {name: np.zeros(5) for name in ("qw", "qx", "qy", "qz")} | {"moving": [True] * 5}
    )
    with pytest.raises(BenchmarkError, match="has 5 rows and the recording 1000"):
        broad.run(tmp_path, untracked)


def two_segments(folder: Path) -> None:
    columns: dict[str, Float64] = {}
    sensors = []
    for slot, phase in (("proximal", 0.0), ("distal", 0.7)):
        q, rate = tumbling(16.0, phase)
        sensors.append(sensed(slot, q, rate))
        columns |= {f"{slot}_q{part}": q[:, at] for at, part in enumerate("wxyz")}
    made.write(folder / "3D_01.parquet", sensors, RATE_HZ, joint_dof=3)
    made.write_reference(folder / "3D_01.reference.parquet", columns)


@pytest.mark.compiled
def test_two_segments_are_scored_by_every_method(tmp_path: Path) -> None:
    pytest.importorskip("dfjimu")
    two_segments(tmp_path)
    figures = dfjimu.run(tmp_path, untracked).figures
    recording = figures["recordings"]["3D_01"]
    assert recording["joint_dof"] == 3
    assert recording["left_out"] == 0
    # Turning on the spot: nothing tells the heading, but inclinations are right.
    assert recording["floor_rmse_deg"] < 1.0
    assert recording["floor_rmse_deg"] <= recording["two_vqf_rmse_deg"] < 5.0
    assert np.isfinite([recording["ours_rmse_deg"], recording["mekf_acc_rmse_deg"]]).all()
    # Three degrees of freedom say nothing.
    assert recording["told_rmse_deg"] == recording["ours_rmse_deg"]
    assert recording["told_within_1_sd"] == recording["ours_within_1_sd"]


@pytest.mark.compiled
@pytest.mark.parametrize("dof", [1, 2])
def test_degrees_of_freedom_tell_the_heading_of_a_joint_that_is_not_accelerated(
    tmp_path: Path, dof: int
) -> None:
    pytest.importorskip("dfjimu")
    joint = jointed(40.0, dof, seed=1)
    gyr = (joint.gyr_proximal, joint.gyr_distal)
    sensors = [
        Samples.of(slot, joint.t_s, acc, rate)
        for slot, acc, rate in zip(dfjimu.SLOTS, joint.acc, gyr, strict=True)
    ]
    columns = {
        f"{slot}_q{part}": q[:, at]
        for slot, q in (("proximal", joint.q_proximal), ("distal", joint.q_distal))
        for at, part in enumerate("wxyz")
    }
    made.write(tmp_path / f"{dof}D.parquet", sensors, RATE_HZ, joint_dof=dof)
    made.write_reference(tmp_path / f"{dof}D.reference.parquet", columns)
    recording = dfjimu.run(tmp_path, untracked).figures["recordings"][f"{dof}D"]
    if dof == 1:
        assert recording["told_rmse_deg"] < 1.5
        assert recording["told_heading_sd_deg"] < 3.0
        assert recording["told_within_2_sd"] > 90.0
        assert recording["ours_heading_sd_deg"] > 60.0
    else:
        # Two axes wait for a heading that is nearly known.
        assert recording["told_rmse_deg"] == recording["ours_rmse_deg"]


def test_segments_of_other_lengths_than_the_reference_are_refused(tmp_path: Path) -> None:
    two_segments(tmp_path)
    path = tmp_path / "3D_01.reference.parquet"
    slots = ("proximal", "distal")
    made.write_reference(path, {f"{slot}_q{part}": [0.5] for slot in slots for part in "wxyz"})
    with pytest.raises(BenchmarkError, match="different numbers of rows"):
        dfjimu.run(tmp_path, untracked)
