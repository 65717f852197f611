"""The body against SciPy's rotations and against geometry: joints, positions, supports, and the
clinical angles read off its bones.
"""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from motion import body, quaternion
from motion.body import BODY_SEGMENTS, CHANNELS, FigureAngles, Side, WornSensor, plain_slots
from motion.joints import POSE_ANGLES, Direction, SegmentAxis
from motion.template import (
    Compensation,
    DominantMovement,
    ExerciseTemplate,
    HoldMovement,
    JointMovement,
    Movement,
    SegmentMovement,
    movement_slots,
)
from tests.motion.figured import DOCUMENTS, TEMPLATES

Float64 = NDArray[np.float64]
positions = pytest.mark.parametrize("position", body.BASE_POSES)
sides = pytest.mark.parametrize("side", body.SIDES)


def _joint(proximal: str, distal: str, axis: str) -> JointMovement:
    return JointMovement.model_validate(
        {"kind": "joint", "proximal": proximal, "distal": distal, "axis": axis}
    )


def _segment(segment: str, axis: str) -> SegmentMovement:
    return SegmentMovement.model_validate({"kind": "segment", "segment": segment, "axis": axis})


def _pose(**angles: float) -> Float64:
    return body.channels_deg(angles)


def _measured(
    movement: Movement, side: Side, angles_deg: Float64, position: str = "standing"
) -> Float64:
    found = body.orientations(angles_deg, body.base_pelvis(position, side))
    return body.bone_angle_deg(movement, side, body.by_slot(movement_slots(movement), side, found))


def _rotation(q: Float64) -> Rotation:
    return Rotation.from_quat(q, scalar_first=True)


def _changed(id: str, **fields: object) -> ExerciseTemplate:
    document = next(document for document in DOCUMENTS if document["id"] == id)
    return ExerciseTemplate.from_document({**document, **fields}, source=id)


# Poses ------------------------------------------------------------------------------------------


def test_every_angle_of_a_pose_has_a_place() -> None:
    assert len(CHANNELS) == len(set(CHANNELS)) == 31
    for name in POSE_ANGLES:
        assert np.count_nonzero(body.channels_deg({name: 10.0})) == (1 if name in CHANNELS else 2)


def test_of_an_angle_of_both_sides_and_one_of_one_side_the_latter_holds_for_its_side() -> None:
    for pose in (
        {"hip_flexion": 90.0, "left_hip_flexion": 10.0},
        {"left_hip_flexion": 10.0, "hip_flexion": 90.0},
    ):
        angles = dict(zip(CHANNELS, body.channels_deg(pose), strict=True))
        assert angles["left_hip_flexion"] == 10.0
        assert angles["right_hip_flexion"] == 90.0


def test_an_angle_that_a_body_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="no angle 'hip_twist'"):
        body.channels_deg({"hip_twist": 3.0})


def test_mirroring_twice_changes_nothing_and_once_exchanges_the_sides() -> None:
    angles = np.random.default_rng(1).uniform(-30.0, 30.0, (4, len(CHANNELS)))
    np.testing.assert_array_equal(body.mirrored(body.mirrored(angles)), angles)
    mirrored = dict(zip(CHANNELS, body.mirrored(angles)[0], strict=True))
    given = dict(zip(CHANNELS, angles[0], strict=True))
    assert mirrored["left_knee_flexion"] == given["right_knee_flexion"]
    assert mirrored["lumbar_turn_left"] == -given["lumbar_turn_left"]
    assert mirrored["pelvis_flexion"] == given["pelvis_flexion"]


# Joints -----------------------------------------------------------------------------------------


@sides
@pytest.mark.parametrize(
    ("inner", "outer", "names", "order"),
    [
        ("pelvis", "thorax", ("lumbar_flexion", "lumbar_bend_right", "lumbar_turn_left"), "ZXY"),
        ("thorax", "head", ("neck_flexion", "neck_bend_right", "neck_turn_left"), "ZXY"),
        ("pelvis", "thigh", ("hip_flexion", "hip_abduction", "hip_internal_rotation"), "ZXY"),
        (
            "thorax",
            "upper_arm",
            ("shoulder_flexion", "shoulder_abduction", "shoulder_internal_rotation"),
            "XZY",
        ),
    ],
)
def test_joints_turn_in_the_clinical_order(
    side: Side, inner: str, outer: str, names: tuple[str, str, str], order: str
) -> None:
    limb = f"{side}_" if outer in ("thigh", "upper_arm") else ""
    angles = np.random.default_rng(2).uniform(-80.0, 80.0, (50, 3))
    pose = np.zeros((50, len(CHANNELS)))
    for column, name in enumerate(names):
        pose[:, CHANNELS.index(limb + name)] = angles[:, column]
    found = body.orientations(pose, body.UPRIGHT)
    relative = _rotation(found[inner]).inv() * _rotation(found[limb + outer])
    flexes = -1.0 if outer in ("thorax", "head") else 1.0
    mirror = -1.0 if side == "left" else 1.0
    signs = (flexes, 1.0, 1.0) if not limb else (1.0, -mirror, mirror)
    z, x, y = (sign * angles[:, column] for column, sign in enumerate(signs))
    turns = {"Z": z, "X": x, "Y": y}
    wanted = Rotation.from_euler(order, np.stack([turns[axis] for axis in order], 1), degrees=True)
    assert np.max((relative.inv() * wanted).magnitude()) < 1e-9


@sides
@pytest.mark.parametrize(
    ("movement", "name", "to_deg", "position"),
    [
        (_joint("pelvis", "thorax", "flexion"), "lumbar_flexion", 80.0, "standing"),
        (_joint("pelvis", "thorax", "extension"), "lumbar_flexion", -40.0, "prone"),
        (_joint("pelvis", "thorax", "bend_left"), "lumbar_bend_right", -40.0, "seated"),
        (_joint("thorax", "head", "turn_right"), "neck_turn_left", -70.0, "seated"),
        (_joint("pelvis", "thigh", "flexion"), "hip_flexion", 120.0, "supine"),
        (_joint("pelvis", "thigh", "abduction"), "hip_abduction", 60.0, "side_lying"),
        (_joint("pelvis", "thigh", "internal_rotation"), "hip_internal_rotation", 50.0, "prone"),
        (_joint("thigh", "shank", "flexion"), "knee_flexion", 140.0, "prone"),
        (_joint("thigh", "shank", "extension"), "knee_flexion", -85.0, "seated"),
        (_joint("shank", "foot", "plantarflexion"), "ankle_dorsiflexion", -40.0, "standing"),
        (_joint("thorax", "upper_arm", "flexion"), "shoulder_flexion", 175.0, "standing"),
        (_joint("thorax", "upper_arm", "abduction"), "shoulder_abduction", 170.0, "standing"),
        (
            _joint("thorax", "upper_arm", "external_rotation"),
            "shoulder_internal_rotation",
            -80.0,
            "seated",
        ),
        (_joint("upper_arm", "forearm", "flexion"), "elbow_flexion", 140.0, "standing"),
        (_joint("upper_arm", "forearm", "supination"), "elbow_pronation", -80.0, "seated"),
        (_joint("forearm", "hand", "extension"), "wrist_flexion", -60.0, "seated"),
        (_segment("pelvis", "anterior_tilt"), "pelvis_flexion", 60.0, "standing"),
        (_segment("thigh", "flexion"), "hip_flexion", 100.0, "supine"),
        (_segment("thigh", "external_rotation"), "hip_internal_rotation", -45.0, "side_lying"),
        (_segment("thorax", "turn_left"), "lumbar_turn_left", 60.0, "seated"),
        (_segment("thorax", "turn_left"), "lumbar_turn_left", 80.0, "side_lying"),
        (DominantMovement(kind="dominant", sensor="wrist"), "shoulder_flexion", 170.0, "standing"),
    ],
)
def test_a_clinical_angle_is_the_angle_of_the_pose_on_either_side(
    side: Side, movement: Movement, name: str, to_deg: float, position: str
) -> None:
    column = CHANNELS.index(name if name in CHANNELS else f"{side}_{name}")
    angles = np.tile(body.base_deg(position, side), (60, 1))
    # Bends and turns of the trunk are left and right of the room, whichever side is exercised.
    angles[:, column] += np.linspace(0.0, to_deg, 60)
    got = _measured(movement, side, angles, position)
    # A hanging arm is abducted by 6 degrees, which the sagittal plane shows a little shortened.
    atol = 0.2 if name == "shoulder_flexion" else 1e-9
    np.testing.assert_allclose(got, np.linspace(0.0, abs(to_deg), 60), atol=atol)


def test_a_hold_is_measured_as_the_movement_that_is_held() -> None:
    held = HoldMovement.model_validate({"kind": "hold", "segment": "pelvis", "axis": "flexion"})
    angles = np.linspace(0.0, 1.0, 20)[:, None] * _pose(pelvis_flexion=30.0)
    np.testing.assert_array_equal(
        _measured(held, "right", angles),
        _measured(_segment("pelvis", "flexion"), "right", angles),
    )


def test_angles_go_on_beyond_half_a_turn() -> None:
    angles = np.linspace(0.0, 1.0, 50)[:, None] * _pose(right_shoulder_flexion=240.0)
    got = _measured(_joint("thorax", "upper_arm", "flexion"), "right", angles)
    assert got[-1] == pytest.approx(240.0)
    assert np.all(np.diff(got) > 0.0)


def test_rotation_is_defined_for_an_arm_held_out_to_the_side() -> None:
    base = _pose(right_shoulder_abduction=90.0, right_elbow_flexion=90.0)
    angles = base + np.linspace(0.0, 1.0, 30)[:, None] * _pose(right_shoulder_internal_rotation=-70)
    got = _measured(_joint("thorax", "upper_arm", "external_rotation"), "right", angles)
    np.testing.assert_allclose(got, np.linspace(0.0, 70.0, 30), atol=1e-9)


def test_the_main_axis_of_a_watch_is_found_with_its_sign() -> None:
    away = np.linspace(0.0, 1.0, 40)[:, None] * _pose(right_shoulder_abduction=100.0)
    q = body.orientations(np.vstack([away, away[::-1]]), body.UPRIGHT)["right_forearm"]
    np.testing.assert_allclose(body.turning_axis(q), [-1.0, 0.0, 0.0], atol=1e-9)


def test_a_tilt_is_a_change_of_inclination_in_any_direction() -> None:
    tilt = Compensation.model_validate(
        {"name": "lean", "segment": "thorax", "limit_deg": 10, "cue": "-"}
    )
    turn = tilt.model_copy(update={"axis": "turn_left"})
    for name, tilted, turned in (
        ("lumbar_flexion", 20.0, 0.0),
        ("lumbar_bend_right", 20.0, 0.0),
        ("lumbar_turn_left", 0.0, 20.0),
    ):
        angles = np.linspace(0.0, 1.0, 9)[:, None] * _pose(**{name: 20.0})
        found = body.orientations(angles, body.UPRIGHT)
        assert body.compensation_deg(tilt, "right", found)[-1] == pytest.approx(tilted, abs=1e-6)
        assert body.compensation_deg(turn, "right", found)[-1] == pytest.approx(turned, abs=1e-6)


# Geometry ---------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.sampled_from(sorted(body.BASE_POSES)))
def test_bones_keep_their_lengths_in_every_pose(seed: int, position: str) -> None:
    angles = np.random.default_rng(seed).uniform(-90.0, 90.0, (6, len(CHANNELS)))
    posture = body.placed(angles, position)
    for inner, outer, length in (
        ("right_thigh", "right_shank", body.THIGH),
        ("left_shank", "left_foot", body.SHANK),
        ("right_upper_arm", "right_forearm", body.UPPER_ARM),
        ("left_forearm", "left_hand", body.FOREARM),
        ("pelvis", "thorax", body.LUMBAR),
    ):
        apart = posture.origins[inner] - posture.origins[outer]
        np.testing.assert_allclose(
            np.linalg.norm(apart, axis=1), length * posture.height_m, atol=1e-9
        )


def test_a_standing_body_has_the_heights_of_the_table() -> None:
    posture = body.placed(np.zeros((1, len(CHANNELS))), "standing", height_m=1.80)
    for segment, share in (("right_foot", 0.039), ("right_shank", 0.285), ("right_thigh", 0.530),
                           ("right_upper_arm", 0.818)):  # fmt: skip
        assert posture.origins[segment][0, 2] == pytest.approx(1.80 * share)
    vertex = posture.point("head", (0.0, body.VERTEX, 0.0))
    assert vertex[0, 2] == pytest.approx(1.80)
    right = posture.origins["right_thigh"][0] - posture.origins["left_thigh"][0]
    assert right[1] < 0.0, "it looks along x, so that its right is -y"


@positions
@sides
def test_in_every_position_the_body_lies_on_the_floor_and_not_in_it(
    position: str, side: Side
) -> None:
    posture = body.placed(body.base_deg(position, side)[None], position, side)
    bottoms = [
        float(point[0, 2]) - radius
        for name in body.CONTACTS
        for each in body.SIDES
        for point, radius in [posture.contact(name, each)]
    ]
    assert min(bottoms) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(
    ("position", "axis", "up"),
    [
        ("standing", SegmentAxis.Y, 1.0),
        ("seated", SegmentAxis.Y, 1.0),
        ("kneeling", SegmentAxis.Y, 1.0),
        ("supine", SegmentAxis.X, 1.0),
        ("prone", SegmentAxis.X, -1.0),
        ("side_lying", SegmentAxis.Z, 1.0),
    ],
)
def test_positions_point_the_pelvis_where_they_should(
    position: str, axis: SegmentAxis, up: float
) -> None:
    pointing = quaternion.rotated(body.base_pelvis(position), np.eye(3)[axis])
    assert pointing[2] == pytest.approx(up)


def test_the_exercised_side_is_on_top_when_lying_on_the_side() -> None:
    for side, other in (("left", "right"), ("right", "left")):
        posture = body.placed(body.base_deg("side_lying", side)[None], "side_lying", side)  # type: ignore[arg-type]
        high, low = (posture.origins[f"{each}_thigh"][0, 2] for each in (side, other))
        assert high > low


@positions
def test_the_left_side_is_the_mirror_image_of_the_right_one(position: str) -> None:
    angles = body.base_deg(position) + np.random.default_rng(3).uniform(-20, 20, (5, len(CHANNELS)))
    right = body.placed(angles, position, "right")
    left = body.placed(body.mirrored(angles), position, "left")
    for segment in BODY_SEGMENTS:
        other = segment.replace("left_", "<").replace("right_", "left_").replace("<", "right_")
        mirror = right.origins[segment] * [1.0, -1.0, 1.0]
        np.testing.assert_allclose(left.origins[other], mirror, atol=1e-12)


@pytest.mark.parametrize(
    ("id", "segment", "at"),
    [
        ("squat", "right_foot", (0.02, -body.ANKLE_HEIGHT, 0.0)),
        ("hip-march", "left_foot", (0.02, -body.ANKLE_HEIGHT, 0.0)),
        ("heel-raise", "right_foot", (0.078, -body.ANKLE_HEIGHT, 0.0)),
        ("leg-raise", "pelvis", (0.0, 0.0, 0.0)),
        ("bridge", "thorax", (0.0, body.SHOULDERS, 0.0)),
        ("bird-dog", "right_hand", (0.0, 0.0, 0.0)),
    ],
)
def test_what_is_fixed_keeps_its_place(id: str, segment: str, at: body.Point) -> None:
    figure = FigureAngles.of(TEMPLATES[id])
    way = figure.rest + np.linspace(0.0, 1.0, 20)[:, None] * (figure.peak - figure.rest)
    posture = body.placed(way, figure.position, figure.side, figure.fixed)
    place = posture.point(segment, at)
    assert np.max(np.abs(place - place[0])) < 0.002


def test_a_body_rises_over_its_toes_and_sinks_in_a_squat() -> None:
    heights = {}
    for id in ("heel-raise", "squat"):
        figure = FigureAngles.of(TEMPLATES[id])
        posture = body.placed(np.stack([figure.rest, figure.peak]), "standing")
        heights[id] = float(np.diff(posture.origins["pelvis"][:, 2])[0])
    # Half the length from ankle to ball of the foot, times the height.
    assert heights["heel-raise"] == pytest.approx(0.5 * 0.078 * 1.75, abs=0.02)
    assert heights["squat"] < -0.2


def test_a_part_of_a_body_is_where_it_is_in_the_whole_one() -> None:
    angles = np.random.default_rng(4).uniform(-60.0, 60.0, (3, len(CHANNELS)))
    whole = body.orientations(angles, body.UPRIGHT)
    part = body.orientations(angles, body.UPRIGHT, ["left_hand"])
    assert set(part) == {"pelvis", "thorax", "left_upper_arm", "left_forearm", "left_hand"}
    for segment, q in part.items():
        np.testing.assert_array_equal(q, whole[segment])


def test_a_turning_pelvis_leaves_the_legs_where_they_are() -> None:
    for about in SegmentAxis:
        each = body.excursion("pelvis", Direction(about, 1.0), "right", both_stay=False)
        both = body.excursion("pelvis", Direction(about, 1.0), "right", both_stay=True)
        found = body.orientations(np.stack([0.0 * each, 15.0 * each, 15.0 * both]), body.UPRIGHT)
        turned = quaternion.angles_between(found["pelvis"][0], found["pelvis"])
        np.testing.assert_allclose(np.degrees(turned), [0.0, 15.0, 15.0], atol=1e-9)
        for side in body.SIDES:
            thigh = found[f"{side}_thigh"]
            np.testing.assert_allclose(quaternion.angles_between(thigh[0], thigh), 0.0, atol=1e-9)
        thorax = quaternion.angles_between(found["thorax"][0], found["thorax"])
        np.testing.assert_allclose(np.degrees(thorax), [0.0, 15.0, 0.0], atol=1e-9)


def test_joints_that_cannot_turn_that_way_say_so() -> None:
    assert not body.turns("right_shank", SegmentAxis.X)
    with pytest.raises(ValueError, match="right_shank does not turn about its x"):
        body.excursion("right_shank", Direction(SegmentAxis.X, 1.0), "right", both_stay=False)


# Figures ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("id", TEMPLATES)
@sides
def test_figures_reach_their_goal_on_either_side(id: str, side: Side) -> None:
    template = TEMPLATES[id]
    goal_deg = template.band.target_deg if template.band else template.range.goal_deg
    peak, opposite = body.figure_range_deg(template, side)
    trunk_sideways = template.direction == "both" and opposite is not None and peak < 0.0
    assert abs(peak) == pytest.approx(goal_deg, abs=0.5)
    assert peak > 0.0 or (trunk_sideways and side == "left")
    if opposite is not None:
        assert opposite * peak < 0.0


@pytest.mark.parametrize("id", TEMPLATES)
def test_figures_do_not_slide(id: str) -> None:
    assert body.slip_m(TEMPLATES[id]) < 0.03


def test_a_figure_written_for_the_left_is_mirrored_for_the_right() -> None:
    peak = {"left_shoulder_abduction": 120}
    written = _changed("arm-abduction", side="left", figure={"peak": peak})
    np.testing.assert_array_equal(
        FigureAngles.of(written, "right").peak, FigureAngles.of(TEMPLATES["arm-abduction"]).peak
    )
    assert FigureAngles.of(written).side == "left"


def test_figures_that_cannot_be_drawn_say_what_to_write() -> None:
    with pytest.raises(ValueError, match="has no figure; write one"):
        FigureAngles.of(_changed("squat", figure=None))
    with pytest.raises(ValueError, match="its own mirror image; give its opposite"):
        FigureAngles.of(_changed("cat-camel", figure={"peak": {"lumbar_flexion": 25}}))


# Sensors ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("slot", "placement", "side", "segment", "outward"),
    [
        ("pelvis", "back", "right", "pelvis", (-1.0, 0.0, 0.0)),
        ("thorax", "front", "left", "thorax", (1.0, 0.0, 0.0)),
        ("thigh", "outside", "right", "right_thigh", (0.0, 0.0, 1.0)),
        ("thigh", "Outside of the thigh", "left", "left_thigh", (0.0, 0.0, -1.0)),
        ("shank", "inside", "left", "left_shank", (0.0, 0.0, 1.0)),
        ("left_foot", "top", "right", "left_foot", (0.0, 1.0, 0.0)),
        ("wrist", "wrist", "right", "right_forearm", (-1.0, 0.0, 0.0)),
        ("pelvis", "right", "left", "pelvis", (0.0, 0.0, 1.0)),
        ("shank", "below the knee", "right", "right_shank", (1.0, 0.0, 0.0)),
    ],
)
def test_sensors_point_away_from_the_body_where_they_are_worn(
    slot: str, placement: str, side: Side, segment: str, outward: body.Point
) -> None:
    worn = WornSensor.of(slot, placement, side)
    assert worn.segment == segment
    assert worn.outward == outward
    np.testing.assert_allclose(
        quaternion.rotate(worn.mounting, (0.0, 0.0, 1.0)), outward, atol=1e-12
    )
    up = (1.0, 0.0, 0.0) if outward[1] else (0.0, 1.0, 0.0)
    np.testing.assert_allclose(quaternion.rotate(worn.mounting, (0.0, 1.0, 0.0)), up, atol=1e-12)
    assert math.hypot(*quaternion.rotate(worn.mounting, (1.0, 0.0, 0.0))) == pytest.approx(1.0)


def test_a_slot_that_is_no_segment_is_told_where_it_is_worn() -> None:
    assert body.segment_of("u4", "left", {"u4": "forearm"}) == "left_forearm"
    with pytest.raises(ValueError, match="'u4' is not named after a segment"):
        body.segment_of("u4", "left")


@pytest.mark.parametrize(
    ("id", "plain"),
    [
        # Arms that are crossed leave the trunk where it was, bent knees those above them.
        ("seated-rotation", {"pelvis", "thorax"}),
        ("bridge", {"pelvis", "thorax"}),
        ("lumbar-bend", {"pelvis", "thorax"}),
        ("lunge", {"thorax"}),
        ("clamshell", {"pelvis"}),
        ("plank", set()),
        ("watch-row", set()),
        ("watch-abduction", {"wrist"}),
    ],
)
def test_poses_are_compared_where_the_start_pose_leaves_them(id: str, plain: set[str]) -> None:
    assert plain_slots(ExerciseTemplate.load(id)) == plain


def test_the_start_pose_is_that_of_the_side_that_is_exercised() -> None:
    # The leg that is not raised is bent, and none of the sensors is on it, whichever it is.
    template = ExerciseTemplate.load("straight-leg-raise")
    assert plain_slots(template, "left") == plain_slots(template, "right") == {"thigh", "shank"}
