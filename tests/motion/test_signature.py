"""A repetition is compared with an exercise by its poses and its direction, sensor by sensor, and
by nothing else; who has no sensor there is not compared.
"""

import math

import numpy as np
import pytest

from motion.attitude import Attitudes
from motion.calibration import Calibration
from motion.signature import ALONG, POSE_APART, Moments, Signature, turned
from motion.template import ExerciseTemplate
from tests.motion.movement import Axis, Float64, Worn, X, Y, Z, lost, product, record, rotation
from tests.motion.movement import template as made

UP = [0.0, 0.0, 1.0]


def signature(axis: Axis = X, poses: int = 1, coordinate: str = "tilt") -> Signature:
    """Of a movement of `one`, with so many bystanders."""
    movement = {
        "kind": "learned",
        "coordinate": coordinate,
        "axes": {"one": {"axis": list(axis), "start_up": UP}},
        "poses": {f"aside_{k}": UP for k in range(poses)},
    }
    found = Signature.demonstrated(made(movement, ["one"]))
    assert found is not None
    return found


def moments(axis: Axis, deg: float, start: Float64 | None = None) -> Moments:
    """Out by an angle and back, from a pose."""
    pose = rotation(X, 0.0) if start is None else start
    return pose, product(pose, rotation(axis, deg)), pose


STILL = moments(X, 0.0)


def leaning(deg: float) -> Moments:
    return moments(X, 0.0, rotation(Y, deg))


def test_the_same_movement_has_no_distance_whatever_its_size() -> None:
    for deg in (10.0, 40.0, 100.0):
        seen = {"one": moments(X, deg), "aside_0": STILL}
        assert signature().distance(seen) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize(("axis", "cosine"), [(X, 1.0), (Y, 0.0), ((-1.0, 0.0, 0.0), -1.0)])
def test_directions_count_as_the_share_that_goes_another_way(axis: Axis, cosine: float) -> None:
    seen = {"one": moments(axis, 50.0), "aside_0": STILL}
    assert signature().along(seen) == pytest.approx(cosine, abs=1e-9)
    assert signature().distance(seen) == pytest.approx(0.5 * (1.0 - cosine), abs=1e-9)


def test_a_bystander_that_moves_takes_the_direction_along() -> None:
    seen = {"one": moments(X, 50.0), "aside_0": moments(Y, 50.0)}
    assert signature().along(seen) == pytest.approx(math.sqrt(0.5))


def test_poses_count_as_squares_over_all_sensors() -> None:
    seen = {"one": moments(X, 30.0), "aside_0": leaning(90.0)}
    # A right angle is the root of two apart; one of two sensors.
    assert signature().distance(seen) == pytest.approx(1.0)


def test_a_sensor_that_is_needed_and_not_seen_leaves_nothing_to_compare() -> None:
    assert signature().distance({"aside_0": STILL}) == math.inf
    assert math.isfinite(signature().distance({"one": moments(X, 30.0)}))


def test_turns_about_the_vertical_are_seen_where_the_movement_is_a_rotation() -> None:
    seen = {"one": moments(Z, 40.0)}
    assert signature(Z, 0, "rotation").along(seen) == pytest.approx(1.0)
    assert signature(Z, 0).along(seen) == pytest.approx(-1.0)


@pytest.mark.parametrize(
    ("axis", "elsewhere", "alike"),
    [
        ((), 0, True),
        ((), 1, True),  # an arm that rests otherwise
        ((), 2, False),  # two of three: another posture
        (Y, 0, True),  # the way is the angle's business
        (Y, 1, False),
    ],
)
def test_bystanders_in_another_pose_need_a_second_witness(
    axis: Axis | tuple[()], elsewhere: int, alike: bool
) -> None:
    seen = {"one": moments(axis or X, 50.0)}
    for k in range(3):
        seen[f"aside_{k}"] = leaning(80.0) if k < elsewhere else STILL
    assert signature(poses=3).alike(seen) == alike


def test_a_moving_sensor_in_another_pose_is_enough() -> None:
    near, far = (2.0 * math.degrees(math.asin(0.5 * (POSE_APART + d))) for d in (-0.02, 0.02))
    for deg, alike in ((near, True), (far, False)):
        assert signature(poses=0).alike({"one": moments(Y, 0.0, rotation(Y, deg))}) == alike


def test_directions_more_than_45_degrees_apart_are_different_ones() -> None:
    for deg, alike in ((40.0, True), (50.0, False)):
        angle = math.radians(deg)
        seen = {"one": moments((math.cos(angle), math.sin(angle), 0.0), 30.0)}
        seen["aside_0"] = leaning(80.0)
        assert signature().alike(seen) == alike
    assert pytest.approx(math.cos(math.radians(45.0)), abs=0.01) == ALONG


def test_sensors_worn_anew_turn_with_their_poses_and_directions() -> None:
    strap = rotation(X, 50.0)
    before = signature(Y, 0)
    up = product(product(strap * [1, -1, -1, -1], np.array([0.0, *UP])), strap)[1:]
    now = before.worn_anew({"one": ((0.0, 0.0, 1.0), (up[0], up[1], up[2]))})
    seen = {"one": tuple(product(q, strap) for q in moments(Y, 40.0))}
    start, peak, end = seen["one"]
    assert before.distance({"one": (start, peak, end)}) > 0.5
    assert now.distance({"one": (start, peak, end)}) == pytest.approx(0.0, abs=1e-9)
    assert before.restored(now.state()) == now


def test_an_opposite_direction_is_turned_by_half_a_turn() -> None:
    assert turned((0.0, 0.0, 1.0), (0.0, 0.0, -1.0), (0.3, 0.4, 0.5)) == (-0.3, -0.4, -0.5)


def test_the_figure_of_a_calibrated_exercise_tells_poses_and_ways() -> None:
    # Worn along the segments: the trunk stands on y, bends forward about -z.
    straight = Calibration(
        {slot: (1.0, 0.0, 0.0, 0.0) for slot in ("pelvis", "thorax")}, quality_deg=1.0
    )
    found = Signature.of(ExerciseTemplate.load("lumbar-bend"), straight, None)
    assert found is not None
    assert found.ups["thorax"] == pytest.approx((0.0, 1.0, 0.0), abs=0.02)
    x, y, z = found.ways[0]["thorax"]
    assert z < -0.5
    assert math.hypot(x, y) < 0.1
    assert len(found.ways) == 1
    both = Signature.of(ExerciseTemplate.load("side-bend"), straight, None)
    assert both is not None
    assert len(both.ways) == 2
    left, right = both.ways
    assert left["thorax"][0] * right["thorax"][0] < 0.0


def test_without_calibration_or_figure_nothing_is_known() -> None:
    bend = ExerciseTemplate.load("lumbar-bend")
    assert Signature.of(bend, None, None) is None
    half = Calibration({"pelvis": (1.0, 0.0, 0.0, 0.0)}, quality_deg=1.0)
    assert Signature.of(bend, half, None) is None
    assert Signature.of(ExerciseTemplate.load("watch-row"), None, None) is None


def test_an_attitude_is_that_of_the_last_sample_and_none_in_a_silence() -> None:
    samples = lost(record((), Worn("one", rate_hz=50.0), 6.0), 3.0, 4.0)
    attitudes = Attitudes(["one"])
    attitudes.push(samples)
    attitudes.advance(5.0, last=False)
    assert attitudes.at("one", -0.1) is None
    assert attitudes.at("one", 2.0) is not None
    assert attitudes.at("one", 3.4) is not None
    assert attitudes.at("one", 3.7) is None
    assert attitudes.at("one", 5.6) is None
    attitudes.trim(4.5)
    assert attitudes.at("one", 2.0) is None
    assert attitudes.at("one", 4.5) is not None
