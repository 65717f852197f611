"""The angle of a template and its standard deviation: every coordinate against SciPy, clinical
directions on segments that are known to move, and what heading adds to the uncertainty.
"""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from motion.angle import (
    AXIS_FOUND_SHARE,
    AXIS_KNOWN_SHARE,
    C_AXIS,
    C_BLOCK,
    C_KIND,
    C_REFERENCE,
    C_TILT_SD,
    C_UP,
    C_VERTICAL,
    C_WEIGHT,
    S_BLOCK,
    TILT_SD_DEG,
    AngleModel,
    Coordinate,
    angle_kernel,
    deviation_kernel,
    segment_axis,
    speed_kernel,
)
from motion.calibration import Calibration
from motion.course import angle_model
from motion.template import ExerciseTemplate
from tests.motion.exercises import OTHER_STRAP, STRAP
from tests.motion.movement import X, Y, Z, product, rotation, template

# Directions of the trunk as axes of the segment after ISB: x forward, y up along it, z right.
ISB_AXES = {
    "flexion": (0.0, 0.0, -1.0),
    "extension": (0.0, 0.0, 1.0),
    "bend_left": (-1.0, 0.0, 0.0),
    "bend_right": (1.0, 0.0, 0.0),
    "turn_left": (0.0, 1.0, 0.0),
    "turn_right": (0.0, -1.0, 0.0),
}

Float64 = NDArray[np.float64]

UP = np.array([0.0, 0.0, 1.0])
SEEDS = st.integers(0, 2**31 - 1)
# Standing: x forward, y up, z to the right, in an earth whose x points forward.
UPRIGHT = Rotation.from_euler("x", 90, degrees=True)


def wxyz(rotations: Rotation) -> Float64:
    return np.ascontiguousarray(np.roll(rotations.as_quat(), 1, axis=-1))


def about(axis: tuple[float, float, float] | Float64, degrees: Float64 | float) -> Rotation:
    unit = np.array(axis) / np.linalg.norm(axis)
    return Rotation.from_rotvec(np.radians(degrees)[..., None] * unit)


def seconds(count: int) -> Float64:
    """Times (n,) of a sensor at 50 Hz."""
    t: Float64 = np.linspace(0.0, 0.02 * (count - 1), count)
    return t


def evaluated(
    kind: Coordinate,
    axis: Float64,
    reference: Rotation,
    q: Rotation,
    *,
    weight: float = 1.0,
) -> tuple[Float64, Float64]:
    """`angle_kernel` for one sensor: angle and standard deviation (n,), degrees."""
    config = np.zeros((1, C_BLOCK))
    config[0, C_KIND] = float(kind)
    config[0, C_WEIGHT] = weight
    config[0, C_AXIS : C_AXIS + 3] = axis
    config[0, C_UP : C_UP + 3] = reference.inv().apply(UP)
    config[0, C_REFERENCE : C_REFERENCE + 4] = wxyz(reference)
    count = len(q)
    angle, sd, t = np.empty(count), np.empty(count), seconds(count)
    angle_kernel(config, np.zeros((1, S_BLOCK)), 0.0, t, wxyz(q), np.zeros(count), angle, sd)
    return angle, sd


def twist_deg(turned: Rotation, axis: Float64) -> Float64:
    """The part of rotations about `axis`, within a half-turn."""
    *vector, w = turned.as_quat().T
    angle: Float64 = np.degrees(2.0 * np.arctan(axis @ np.array(vector) / w))
    return angle


def joint(axis: str, **fields: Any) -> ExerciseTemplate:
    movement = {"kind": "joint", "proximal": "near", "distal": "far", "axis": axis}
    return template(movement, ["near", "far"], **fields)


def segment(axis: str) -> ExerciseTemplate:
    return template({"kind": "segment", "segment": "one", "axis": axis})


def calibrated(**straps: Float64) -> Calibration:
    rotations = {}
    for slot, strap in straps.items():
        w, x, y, z = (float(part) for part in strap)
        rotations[slot] = (w, x, y, z)
    return Calibration(rotations, 1.0)


def worn(segments: Rotation, strap: Float64) -> Float64:
    """Orientations (n, 4) of a sensor that is strapped to a segment, sensor to segment."""
    return np.ascontiguousarray(product(wxyz(segments), np.broadcast_to(strap, (len(segments), 4))))


# --- every coordinate against SciPy -------------------------------------------------------------


@settings(deadline=None)
@given(SEEDS)
def test_tilt_is_the_smallest_rotation_of_the_vertical_along_the_axis(seed: int) -> None:
    random = np.random.default_rng(seed)
    reference, *_ = Rotation.random(1, random_state=seed)
    q = reference * Rotation.from_rotvec(random.normal(0.0, 0.5, (10, 3)))
    axis = random.normal(size=3)
    axis /= np.linalg.norm(axis)
    now, then = q.inv().apply(UP), reference.inv().apply(UP)
    cross = np.cross(now, then)
    sine = np.linalg.norm(cross, axis=1)
    tilt = cross * (np.arctan2(sine, now @ then) / sine)[:, None]
    angle, _ = evaluated(Coordinate.TILT, axis, reference, q)
    np.testing.assert_allclose(angle, np.degrees(tilt @ axis), rtol=0, atol=1e-9)


@settings(deadline=None)
@given(SEEDS)
def test_inclination_is_the_angle_of_the_vertical_about_the_axis(seed: int) -> None:
    random = np.random.default_rng(seed)
    reference, *_ = Rotation.random(1, random_state=seed)
    q = reference * Rotation.from_rotvec(random.normal(0.0, 0.4, (10, 3)))
    axis = random.normal(size=3)
    axis /= np.linalg.norm(axis)
    ups = np.concatenate([q.inv().apply(UP), [reference.inv().apply(UP)]])
    # About a vertical axis there is no inclination.
    assume(np.abs(ups @ axis).max() < 0.95)
    # Both verticals in the plane across the axis; the angle from the reference's to the present.
    first = np.cross(axis, [0.3, -0.8, 0.52])
    first /= np.linalg.norm(first)
    second = np.cross(axis, first)

    def polar(up: Float64) -> Float64:
        angle: Float64 = np.arctan2(up @ second, up @ first)
        return angle

    turned = polar(reference.inv().apply(UP)) - polar(q.inv().apply(UP))
    turned = np.unwrap(np.concatenate([[0.0], turned]))[1:]
    turned -= 2.0 * math.pi * np.round(turned[0] / (2.0 * math.pi))
    angle, _ = evaluated(Coordinate.INCLINATION, axis, reference, q)
    np.testing.assert_allclose(angle, np.degrees(turned), rtol=0, atol=1e-7)


@settings(deadline=None)
@given(SEEDS)
def test_turn_is_the_twist_about_the_vertical_and_twist_that_about_the_axis(seed: int) -> None:
    random = np.random.default_rng(seed)
    reference, *_ = Rotation.random(1, random_state=seed)
    q = reference * Rotation.from_rotvec(random.normal(0.0, 0.3, (10, 3)))
    axis = random.normal(size=3)
    axis /= np.linalg.norm(axis)
    turn, _ = evaluated(Coordinate.TURN, axis, reference, q)
    np.testing.assert_allclose(turn, twist_deg(q * reference.inv(), UP), rtol=0, atol=1e-9)
    twist, _ = evaluated(Coordinate.TWIST, axis, reference, q)
    np.testing.assert_allclose(twist, twist_deg(reference.inv() * q, axis), rtol=0, atol=1e-9)


@pytest.mark.parametrize("kind", [Coordinate.INCLINATION, Coordinate.TURN, Coordinate.TWIST])
@pytest.mark.parametrize("last_deg", [400.0, -400.0])
def test_no_jump_at_a_half_turn(kind: Coordinate, last_deg: float) -> None:
    true_deg = np.linspace(0.0, last_deg, 200)
    axis = Z if kind is Coordinate.TURN else X
    reference = about(Y, 20.0) if kind is Coordinate.TURN else Rotation.identity()
    q = about(axis, true_deg) * reference
    angle, _ = evaluated(kind, np.array(X), reference, q)
    np.testing.assert_allclose(angle, true_deg, rtol=0, atol=1e-6)


def test_weights_add_up() -> None:
    q = about(X, np.linspace(0.0, 50.0, 20))
    once, _ = evaluated(Coordinate.INCLINATION, np.array(X), Rotation.identity(), q)
    twice, _ = evaluated(Coordinate.INCLINATION, np.array(X), Rotation.identity(), q, weight=-2.0)
    assert twice == pytest.approx(-2.0 * once)
    both = np.concatenate([wxyz(q), wxyz(about(X, np.linspace(0.0, 30.0, 20)))], axis=1)
    model = AngleModel(joint("flexion"), calibrated(near=UP_DOWN, far=UP_DOWN))
    model.config[:, C_AXIS : C_AXIS + 3] = X
    model.begin(both[0])
    angle, _ = model.evaluate(seconds(20), both, np.zeros(20))
    # Distal less proximal: the first sensor is the proximal one.
    assert angle == pytest.approx(np.linspace(0.0, -20.0, 20), abs=1e-9)


UP_DOWN = np.array([1.0, 0.0, 0.0, 0.0])

# --- clinical directions ------------------------------------------------------------------------

# How a trunk moves, as rotations in an earth whose x points forward, y to the left, z up.
_TRUNK = {
    "flexion": about((0.0, 1.0, 0.0), np.linspace(0.0, 60.0, 31)),
    "extension": about((0.0, -1.0, 0.0), np.linspace(0.0, 60.0, 31)),
    "bend_left": about((-1.0, 0.0, 0.0), np.linspace(0.0, 60.0, 31)),
    "bend_right": about((1.0, 0.0, 0.0), np.linspace(0.0, 60.0, 31)),
    "turn_left": about((0.0, 0.0, 1.0), np.linspace(0.0, 60.0, 31)),
    "turn_right": about((0.0, 0.0, -1.0), np.linspace(0.0, 60.0, 31)),
}
TIMES: Float64 = np.linspace(0.0, 1.5, 31)


def test_the_movements_of_these_tests_are_what_their_names_say() -> None:
    head = np.array([0.0, 0.0, 1.0])
    nose = np.array([1.0, 0.0, 0.0])
    assert _TRUNK["flexion"][-1].apply(head)[0] > 0.8  # forward
    assert _TRUNK["extension"][-1].apply(head)[0] < -0.8
    assert _TRUNK["bend_left"][-1].apply(head)[1] > 0.8  # to the left
    assert _TRUNK["bend_right"][-1].apply(head)[1] < -0.8
    assert _TRUNK["turn_left"][-1].apply(nose)[1] > 0.8
    assert _TRUNK["turn_right"][-1].apply(nose)[1] < -0.8


@pytest.mark.parametrize("direction", list(_TRUNK))
def test_every_clinical_direction_is_positive_in_its_own_direction(direction: str) -> None:
    q = worn(_TRUNK[direction] * UPRIGHT, STRAP)
    model = AngleModel(segment(direction), calibrated(one=STRAP))
    model.begin(q[0])
    angle, _ = model.evaluate(TIMES, q, TIMES)
    assert angle == pytest.approx(np.linspace(0.0, 60.0, 31), abs=1e-6)


@pytest.mark.parametrize("direction", list(_TRUNK))
def test_a_joint_measures_the_distal_against_the_proximal_segment(direction: str) -> None:
    share = 0.25
    near = worn(Rotation.from_rotvec(share * _TRUNK[direction].as_rotvec()) * UPRIGHT, OTHER_STRAP)
    far = worn(_TRUNK[direction] * UPRIGHT, STRAP)
    model = AngleModel(joint(direction), calibrated(near=OTHER_STRAP, far=STRAP))
    q = np.concatenate([near, far], axis=1)
    model.begin(q[0])
    angle, _ = model.evaluate(TIMES, q, TIMES)
    assert angle == pytest.approx(np.linspace(0.0, 45.0, 31), abs=1e-6)


@pytest.mark.parametrize("direction", ["flexion", "bend_left"])
def test_a_drift_of_heading_does_not_move_an_angle_about_a_horizontal_axis(direction: str) -> None:
    drift = about(Z, np.linspace(0.0, 50.0, 31))
    q = worn(drift * _TRUNK[direction] * UPRIGHT, STRAP)
    model = AngleModel(segment(direction), calibrated(one=STRAP))
    model.begin(q[0])
    angle, _ = model.evaluate(TIMES, q, TIMES)
    assert angle == pytest.approx(np.linspace(0.0, 60.0, 31), abs=1e-6)


def test_other_directions_do_not_leak_into_a_small_flexion() -> None:
    q = worn(about((1.0, 0.0, 0.0), np.linspace(0.0, 15.0, 31)) * UPRIGHT, STRAP)
    model = AngleModel(segment("flexion"), calibrated(one=STRAP))
    model.begin(q[0])
    angle, _ = model.evaluate(TIMES, q, TIMES)
    assert np.abs(angle).max() < 1e-6


# Limbs that hang down, flexed by 60 degrees: knee and elbow move the lower end of the distal
# segment back and forward, hip and shoulder that of the limb forward.
_LIMBS = {
    "knee": ((0.0, 1.0, 0.0), "thigh", "shank"),
    "elbow": ((0.0, -1.0, 0.0), "upper_arm", "forearm"),
    "hip": ((0.0, -1.0, 0.0), "pelvis", "thigh"),
    "shoulder": ((0.0, -1.0, 0.0), "thorax", "upper_arm"),
}


@pytest.mark.parametrize("limb", list(_LIMBS))
def test_flexion_of_every_joint_is_positive(limb: str) -> None:
    axis, proximal, distal = _LIMBS[limb]
    exercise = template(
        {"kind": "joint", "proximal": proximal, "distal": distal, "axis": "flexion"},
        [proximal, distal],
    )
    flexed = about(axis, np.linspace(0.0, 60.0, 31))
    near = worn(about(axis, np.zeros(31)) * UPRIGHT, OTHER_STRAP)
    q = np.concatenate([near, worn(flexed * UPRIGHT, STRAP)], axis=1)
    model = angle_model(exercise, calibrated(**{proximal: OTHER_STRAP, distal: STRAP}), None)
    model.begin(q[0])
    angle, _ = model.evaluate(TIMES, q, TIMES, np.zeros(31), np.zeros(31))
    assert angle == pytest.approx(np.linspace(0.0, 60.0, 31), abs=1e-6)


@pytest.mark.parametrize("direction", list(ISB_AXES))
def test_a_segments_axis_is_turned_into_the_frame_of_its_sensor(direction: str) -> None:
    strap = Rotation.from_quat(np.roll(STRAP, -1))
    axis = segment_axis(calibrated(one=STRAP), "one", direction)
    assert strap.apply(axis) == pytest.approx(ISB_AXES[direction], abs=1e-12)


# --- learned and dominant movements -------------------------------------------------------------


def learned(coordinate: str, **axes: tuple[list[float], list[float]]) -> ExerciseTemplate:
    return template(
        {
            "kind": "learned",
            "coordinate": coordinate,
            "axes": {slot: {"axis": axis, "start_up": up} for slot, (axis, up) in axes.items()},
        },
        list(axes),
    )


@pytest.mark.parametrize("coordinate", ["tilt", "rotation"])
def test_a_learned_angle_is_in_degrees_of_the_main_sensor(coordinate: str) -> None:
    exercise = learned(
        coordinate,
        one=([1.0, 0.0, 0.0], [0.0, 0.0, 1.0]),
        two=([0.0, 0.5, 0.0], [0.0, 0.0, 1.0]),
    )
    true_deg = np.linspace(0.0, 60.0, 31)
    q = np.concatenate([wxyz(about(X, true_deg)), wxyz(about(Y, 0.5 * true_deg))], axis=1)
    model = AngleModel(exercise, None)
    model.begin(q[0])
    angle, _ = model.evaluate(TIMES, q, TIMES)
    assert angle == pytest.approx(true_deg, abs=1e-6)


def test_a_learned_tilt_is_measured_from_the_demonstrated_start() -> None:
    model = AngleModel(learned("tilt", one=([1.0, 0.0, 0.0], [0.0, 0.0, 1.0])), None)
    q = wxyz(about(X, np.linspace(20.0, 60.0, 31)))
    model.begin(q[0])
    angle, _ = model.evaluate(TIMES, q, TIMES)
    assert angle == pytest.approx(np.linspace(20.0, 60.0, 31), abs=1e-6)


def test_a_learned_rotation_begins_in_the_demonstrated_inclination() -> None:
    # Begun with the limb ten degrees out already: the demonstrated vertical tells.
    model = AngleModel(learned("rotation", one=([1.0, 0.0, 0.0], [0.0, 0.0, 1.0])), None)
    q = wxyz(about(X, np.linspace(10.0, 60.0, 31)))
    model.begin(q[0])
    angle, _ = model.evaluate(TIMES, q, TIMES)
    assert angle == pytest.approx(np.linspace(10.0, 60.0, 31), abs=1e-6)


def test_axes_that_nobody_gave_are_sought_and_less_certain() -> None:
    assert not AngleModel(segment("flexion"), calibrated(one=STRAP)).sought
    assert not AngleModel(segment("turn_left"), None).sought
    assert AngleModel(segment("flexion"), None).sought
    assert AngleModel(joint("flexion"), None).sought
    dominant = AngleModel(template({"kind": "dominant", "sensor": "one"}), None)
    assert dominant.sought
    assert dominant.share == AXIS_FOUND_SHARE
    assert AngleModel(segment("turn_left"), None).share == AXIS_KNOWN_SHARE


def test_memory_continues_to_the_last_bit() -> None:
    exercise = learned("rotation", one=([0.0, 0.0, 1.0], [0.0, 0.0, 1.0]))
    q = wxyz(about(Z, np.linspace(0.0, 500.0, 400)))
    t = seconds(400)
    whole, parts = AngleModel(exercise, None), AngleModel(exercise, None)
    whole.begin(q[0])
    parts.begin(q[0])
    expected = np.array(whole.evaluate(t, q, t))
    told = []
    for at in range(0, 400, 37):
        rows = slice(at, at + 37)
        told.append(np.array(parts.evaluate(t[rows], q[rows], t[rows])))
        again = AngleModel(exercise, None)
        again.recall(parts.memory())
        parts = again
    assert np.concatenate(told, axis=1).tobytes() == expected.tobytes()


# --- uncertainty --------------------------------------------------------------------------------


def deviations(exercise: ExerciseTemplate, calibration: Calibration | None = None) -> Float64:
    """Standard deviation at rest after 0, 1, 5 and 20 minutes without zeroing."""
    t = np.array([0.0, 60.0, 300.0, 1200.0])
    count = len(exercise.slots)
    q = np.tile(wxyz(UPRIGHT), (4, count))
    model = AngleModel(exercise, calibration)
    model.begin(q[0])
    _, sd = model.evaluate(t, q, np.zeros(4))
    return sd


def test_a_turn_is_less_certain_the_longer_heading_was_not_zeroed() -> None:
    minutes = np.array([0.0, 1.0, 5.0, 20.0])
    expected = np.sqrt(1.0 + 3.0 * minutes + (3.0 * minutes) ** 2)
    assert deviations(segment("turn_left")) == pytest.approx(expected)
    # Two sensors drift each for itself.
    assert deviations(joint("turn_right")) == pytest.approx(math.sqrt(2.0) * expected)


def test_an_inclination_is_as_certain_after_an_hour() -> None:
    assert deviations(segment("flexion"), calibrated(one=STRAP)) == pytest.approx(TILT_SD_DEG)
    both = calibrated(near=STRAP, far=STRAP)
    assert deviations(joint("flexion"), both) == pytest.approx(math.sqrt(2.0) * TILT_SD_DEG)


def test_a_twist_is_as_uncertain_as_its_axis_is_vertical() -> None:
    for axis, vertical in ((Z, 1.0), (X, 0.0), ((0.0, 0.6, 0.8), 0.64)):
        exercise = learned("rotation", one=(list(axis), [0.0, 0.0, 1.0]))
        model = AngleModel(exercise, None)
        q = np.tile([1.0, 0.0, 0.0, 0.0], (2, 1))
        model.begin(q[0])
        assert model.config[0, C_VERTICAL] == pytest.approx(vertical)
        _, sd = model.evaluate(np.array([0.0, 300.0]), q, np.zeros(2))
        heading = 1.0 + 3.0 * 5.0 + 15.0**2
        assert sd[1] ** 2 == pytest.approx((1.0 - vertical) * TILT_SD_DEG**2 + vertical * heading)


def test_a_poor_accelerometer_widens_an_inclination_and_no_turn() -> None:
    for direction, wider in (("flexion", True), ("turn_left", False)):
        model = AngleModel(segment(direction), calibrated(one=STRAP))
        model.config[0, C_TILT_SD] = 4.0
        q = worn(about(Z, np.zeros(1)) * UPRIGHT, STRAP)
        model.begin(q[0])
        _, sd = model.evaluate(np.zeros(1), q, np.zeros(1))
        assert (sd[0] == pytest.approx(4.0)) == wider


def test_a_large_angle_is_less_certain_by_the_error_of_its_axis() -> None:
    q = worn(_TRUNK["flexion"] * UPRIGHT, STRAP)
    model = AngleModel(segment("flexion"), calibrated(one=STRAP))
    model.begin(q[0])
    angle, sd = model.evaluate(TIMES, q, TIMES)
    moved = np.diff(angle, prepend=angle[0])
    assert sd == pytest.approx(
        np.sqrt(TILT_SD_DEG**2 + (AXIS_KNOWN_SHARE * angle) ** 2 + moved**2 / 12.0)
    )


@pytest.mark.parametrize("coordinate", ["tilt", "rotation"])
def test_while_the_angle_moves_it_is_less_certain_by_the_time_of_a_reading(coordinate: str) -> None:
    """A uniform share of what it moves in one sampling interval, over all sensors by their weights,
    as far as they move against each other."""
    sensors = {slot: ([1.0, 0.0, 0.0], [0.0, 0.0, 1.0]) for slot in ("one", "two")}
    still_deg, fast_deg = np.zeros(4), np.array([0.0, 6.0, 12.0, 12.0])
    for second_deg, moved_deg in ((still_deg, 3.0), (fast_deg, 6.0), (-fast_deg, 0.0)):
        model = AngleModel(learned(coordinate, **sensors), None)
        q = np.concatenate(
            [
                wxyz(Rotation.from_euler("x", deg[:, None], degrees=True))
                for deg in (fast_deg, second_deg)
            ],
            axis=1,
        )
        model.begin(q[0])
        angle, sd = model.evaluate(np.arange(4.0) / 50.0, q, np.arange(4.0) / 50.0)
        assert np.abs(np.diff(angle)) == pytest.approx([moved_deg, moved_deg, 0.0])
        timing = sd**2 - sd[0] ** 2 - (AXIS_KNOWN_SHARE * angle) ** 2
        assert timing == pytest.approx(
            np.array([0.0, moved_deg**2, moved_deg**2, 0.0]) / 12.0, abs=1e-9
        )
        # The same wherever the samples are cut.
        model.begin(q[0])
        parts = [
            model.evaluate(np.arange(4.0)[row] / 50.0, q[row], np.arange(4.0)[row] / 50.0)
            for row in (slice(0, 1), slice(1, 2), slice(2, 4))
        ]
        assert (np.concatenate([part[1] for part in parts]) == sd).all()


# --- compensations and speed --------------------------------------------------------------------


def test_the_deviation_is_the_largest_departure_from_the_first_pose() -> None:
    way = np.concatenate([np.linspace(0.0, 25.0, 20), np.linspace(25.0, -10.0, 20)])
    start = about((0.2, 1.0, 0.4), 50.0)
    work = np.empty(6)
    tilted = wxyz(about((0.6, 0.8, 0.0), way) * start)
    assert deviation_kernel(0, np.zeros(3), tilted, work) == pytest.approx(25.0)
    turned = wxyz(about(Z, way) * start)
    assert deviation_kernel(2, np.zeros(3), turned, work) == pytest.approx(25.0)
    # A tilt is no turn and a turn no tilt.
    assert deviation_kernel(0, np.zeros(3), turned, work) == pytest.approx(0.0, abs=1e-5)
    flexed = wxyz(about(X, way))
    assert deviation_kernel(1, np.array(X), flexed, work) == pytest.approx(25.0)
    assert deviation_kernel(1, np.array(Y), flexed, work) < 1e-6


def test_speed_is_that_of_the_rotation_whatever_the_jitter_of_the_times() -> None:
    random = np.random.default_rng(0)
    q = wxyz(about((0.3, 0.5, 0.8), np.cumsum(np.full(50, 2.0))))
    t: Float64 = 0.02 * (np.arange(50) + random.uniform(-0.2, 0.2, 50))
    gap = np.zeros(50, np.uint8)
    gap[30] = 1
    speed = np.full(50, -1.0)
    speed_kernel(q, t, gap, 0.02, 0, -1, 0, speed)
    expected = np.full(50, math.radians(2.0) / 0.02)
    expected[[0, 30]] = 0.0
    assert speed == pytest.approx(expected, rel=1e-9)


def test_speed_over_lost_samples_is_their_mean() -> None:
    q = wxyz(about(X, np.array([0.0, 2.0, 8.0, 10.0])))
    t = np.array([0.0, 0.02, 0.08, 0.10])
    speed = np.empty(4)
    speed_kernel(q, t, np.zeros(4, np.uint8), 0.02, 0, -1, 0, speed)
    assert speed[1:] == pytest.approx(math.radians(2.0) / 0.02)


def test_speed_of_a_joint_is_that_of_one_sensor_seen_from_the_other() -> None:
    both = about(Z, np.linspace(0.0, 90.0, 40))
    far = both * about(X, np.linspace(0.0, 39.0, 40))
    q = np.concatenate([wxyz(both), wxyz(far)], axis=1)
    speed = np.empty(40)
    speed_kernel(q, seconds(40), np.zeros(40, np.uint8), 0.02, 1, 0, 0, speed)
    assert speed[1:] == pytest.approx(math.radians(1.0) / 0.02, rel=1e-9)


def test_rows_before_the_start_keep_their_speed() -> None:
    q = wxyz(about(X, np.arange(10.0)))
    t, gap = seconds(10), np.zeros(10, np.uint8)
    whole, parts = np.empty(10), np.full(10, -1.0)
    speed_kernel(q, t, gap, 0.02, 0, -1, 0, whole)
    speed_kernel(q, t, gap, 0.02, 0, -1, 4, parts)
    assert parts[:4].tolist() == [-1.0] * 4
    assert parts[4:].tobytes() == whole[4:].tobytes()


def test_a_reference_is_a_rotation_of_the_sensor() -> None:
    assert rotation(X, 90.0) == pytest.approx(wxyz(UPRIGHT))
