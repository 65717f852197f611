"""The angle of a calibrated joint, against SciPy and against movements of two sensors that were
strapped on anyhow and do not share a heading.
"""

import math

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from motion.calibration import Calibration
from motion.events import AngleEvent, Event
from motion.joint_angle import (
    ABDUCTION,
    ELEVATION,
    FLEXION,
    ROTATION,
    clinical_angle,
    joint_code,
)
from motion.joints import joint_direction, opposite, segment_direction
from motion.tracker import Tracker
from tests.motion.exercises import UPRIGHT
from tests.motion.movement import (
    Rep,
    Worn,
    even,
    feed,
    lines,
    product,
    record,
    repetitions,
    rotation,
    template,
)

STRAPS = {"pelvis": rotation((0.3, 1.0, 0.2), 170.0), "thorax": rotation((1.0, -0.2, 0.5), 75.0)}
UP = (0.0, 1.0, 0.0)  # of a segment
# Flexion of the trunk is negative about z, which points to the right.
AXES = {"flexion": (0.0, 0.0, -1.0), "bend_right": (1.0, 0.0, 0.0), "turn_left": UP}


def plain(quaternion: np.ndarray) -> Rotation:
    return Rotation.from_quat(np.roll(quaternion, -1))


@pytest.mark.parametrize("seed", range(50))
def test_angles_are_those_of_the_clinical_order(seed: int) -> None:
    noise = np.random.default_rng(seed)
    proximal = noise.normal(size=4)
    proximal /= np.linalg.norm(proximal)
    flexion, abduction, turn = noise.uniform(-1.4, 1.4, 3)
    joint = Rotation.from_euler("ZXY", [flexion, abduction, turn])
    x, y, z, w = joint.as_quat()
    distal = product(proximal, np.array([w, x, y, z]))
    ends = tuple(map(float, proximal)), tuple(map(float, distal))
    axes = plain(proximal).as_matrix()
    value, vertical = clinical_angle(FLEXION, *ends)  # type: ignore[arg-type]
    assert value == pytest.approx(flexion, abs=1e-12)
    assert vertical == pytest.approx(axes[2, 2], abs=1e-12)
    value, vertical = clinical_angle(ABDUCTION, *ends)  # type: ignore[arg-type]
    assert value == pytest.approx(abduction, abs=1e-7)
    floating = plain(proximal).apply([math.cos(flexion), math.sin(flexion), 0.0])
    assert vertical == pytest.approx(floating[2], abs=1e-12)
    value, vertical = clinical_angle(ROTATION, *ends)  # type: ignore[arg-type]
    assert value == pytest.approx(turn, abs=1e-12)
    assert vertical == pytest.approx(plain(distal).as_matrix()[2, 1], abs=1e-12)


@pytest.mark.parametrize("degrees", [-170.0, -100.0, -30.0, 10.0, 95.0, 160.0])
def test_a_shoulder_may_be_raised_sideways_beyond_level(degrees: float) -> None:
    raised = Rotation.from_euler("X", math.radians(degrees)).as_quat()
    distal = tuple(float(part) for part in np.roll(raised, 1))
    value, _ = clinical_angle(ELEVATION, (1.0, 0.0, 0.0, 0.0), distal)  # type: ignore[arg-type]
    assert math.degrees(value) == pytest.approx(degrees, abs=1e-9)


def test_directions_have_their_signs_and_opposites() -> None:
    assert joint_direction("pelvis", "thorax", "flexion").sign_on(None) == -1.0
    assert joint_direction("pelvis", "thigh", "flexion").sign_on("left") == 1.0
    assert joint_direction("thigh", "shank", "flexion").sign_on("right") == -1.0
    assert joint_direction("thorax", "upper_arm", "abduction").sign_on("right") == -1.0
    assert joint_direction("thorax", "upper_arm", "abduction").sign_on("left") == 1.0
    assert segment_direction("pelvis", "posterior_tilt").sign_on(None) == 1.0
    assert opposite("bend_left") == "bend_right"
    assert opposite("internal_rotation") == "external_rotation"
    assert joint_code("thorax", "upper_arm", "abduction") == ELEVATION
    assert joint_code("pelvis", "thigh", "abduction") == ABDUCTION
    with pytest.raises(ValueError, match="has no abduction"):
        joint_direction("thigh", "shank", "abduction")


def moved(
    axis: str, reps: tuple[Rep, ...], *, pelvis: float = 0.3, last_s: float = 36.0, **worn: float
) -> list[Event]:
    """Pelvis and thorax turn about a common axis, the pelvis by a share of it."""
    exercise = template(
        {"kind": "joint", "proximal": "pelvis", "distal": "thorax", "axis": axis},
        ("pelvis", "thorax"),
        range={"count_from_deg": 8, "minimum_deg": 15, "goal_deg": 25, "limit_deg": 90},
    )
    samples = []
    for seed, (slot, share) in enumerate((("pelvis", pelvis), ("thorax", 1.0))):
        # Without magnetometers the two have unrelated headings.
        turned = product(rotation((0.0, 0.0, 1.0), 140.0 * seed), np.array(UPRIGHT))
        pose = tuple(float(part) for part in turned)
        one = Worn(slot, AXES[axis], pose, 100.0, share, seed=seed + 1)  # type: ignore[arg-type]
        samples.append(record(reps, one.turned(STRAPS[slot]), last_s))
    rotations = {slot: tuple(float(part) for part in strap) for slot, strap in STRAPS.items()}
    calibration = Calibration(rotations, quality_deg=2.0)  # type: ignore[arg-type]
    return feed(Tracker(exercise, calibration, angles=True), samples)


@pytest.mark.parametrize("axis", ["flexion", "bend_right", "turn_left"])
def test_the_range_of_a_joint_is_what_its_segments_part_by(axis: str) -> None:
    found = repetitions(moved(axis, even(7, first_s=4.0, range_deg=50.0)))
    assert [event.rom_deg for event in found] == pytest.approx([35.0] * 7, abs=0.7)


def test_the_other_direction_is_no_repetition() -> None:
    reps = tuple(Rep(4.0 + 4.0 * k, -50.0) for k in range(6))
    assert repetitions(moved("flexion", reps)) == []


def test_a_turn_about_the_vertical_is_known_less_well() -> None:
    deviations = {
        axis: max(
            event.angle_sd_deg
            for event in moved(axis, even(7, first_s=4.0, range_deg=50.0))
            if isinstance(event, AngleEvent)
        )
        for axis in ("flexion", "turn_left")
    }
    assert deviations["flexion"] < 2.5 < deviations["turn_left"]


def test_a_joint_is_the_same_to_the_last_bit_after_a_snapshot() -> None:
    exercise = template(
        {"kind": "joint", "proximal": "pelvis", "distal": "thorax", "axis": "turn_left"},
        ("pelvis", "thorax"),
    )
    rotations = {slot: tuple(float(part) for part in strap) for slot, strap in STRAPS.items()}
    calibration = Calibration(rotations, quality_deg=2.0)  # type: ignore[arg-type]
    samples = [
        record(
            even(4, first_s=4.0, range_deg=80.0),
            Worn(slot, UP, UPRIGHT, rate_hz, share, seed=seed).turned(STRAPS[slot]),
            22.0,
        )
        for seed, (slot, rate_hz, share) in enumerate(
            (("pelvis", 50.0, 0.1), ("thorax", 104.0, 1.0))
        )
    ]
    once = Tracker(exercise, calibration, angles=True)
    often = Tracker(exercise, calibration, angles=True)
    expected: list[Event] = []
    given: list[Event] = []
    for tenth in range(1, 221):
        for one in samples:
            chunk = one.rows(
                int(np.searchsorted(one.t_s, (tenth - 1) / 10.0)),
                int(np.searchsorted(one.t_s, tenth / 10.0)),
            )
            expected += once.push(chunk)
            half = len(chunk) // 2
            given += often.push(chunk.rows(half, len(chunk)))
            given += often.push(chunk.rows(0, half))
        if tenth % 7 == 0:
            often = Tracker.restore(often.state())
        expected += once.advance(tenth / 10.0)
        given += often.advance(tenth / 10.0)
    assert lines(given + often.finish()) == lines(expected + once.finish())
    assert len(repetitions(expected)) >= 3


@pytest.mark.parametrize(
    ("proximal", "distal", "axis"),
    [
        ("pelvis", "thigh", "abduction"),
        ("thorax", "upper_arm", "abduction"),
        ("shank", "foot", "plantarflexion"),
        ("upper_arm", "forearm", "supination"),
        ("thorax", "head", "turn_right"),
    ],
)
@pytest.mark.parametrize("worn", [True, False])
def test_every_direction_of_a_joint_can_be_tracked(
    proximal: str, distal: str, axis: str, worn: bool
) -> None:
    exercise = template(
        {"kind": "joint", "proximal": proximal, "distal": distal, "axis": axis}, (proximal, distal)
    )
    straps = dict(zip((proximal, distal), STRAPS.values(), strict=True))
    rotations = {slot: tuple(float(part) for part in strap) for slot, strap in straps.items()}
    calibration = Calibration(rotations, quality_deg=2.0) if worn else None  # type: ignore[arg-type]
    samples = [
        record(even(1), Worn(slot, UP, UPRIGHT, seed=seed).turned(strap), 6.0)
        for seed, (slot, strap) in enumerate(straps.items())
    ]
    tracker = Tracker(exercise, calibration, "left", angles=True)
    events = feed(tracker, samples)
    assert not worn or any(isinstance(event, AngleEvent) for event in events)
