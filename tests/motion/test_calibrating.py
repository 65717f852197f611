"""Calibrating from a pose and movements of simulated people: how well the straps are found, in any
way that they are worn, and what is refused with what to do again.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from motion import quaternion
from motion.calibrating import (
    FUNCTIONAL_MOVEMENTS,
    CalibrationSpan,
    calibrate,
    calibrate_spans,
    movements_for,
)
from motion.calibration import Calibration
from motion.course import angle_model
from motion.errors import CalibrationError, CalibrationFault
from motion.imu import SIDEWAYS, UPSIDE_DOWN, SensorErrors
from motion.joint_angle import JointAngle
from motion.performance import plan
from motion.samples import Samples
from motion.simulation import Exercise, Simulation, simulate
from motion.template import ExerciseTemplate
from motion.tracker import Tracker
from tests.motion.movement import feed, repetitions

# What an accelerometer off by 0.2 m/s2 on each axis, soft tissue and a movement that is not quite
# straight leave of a calibration at worst, degrees.
FOUND_DEG = 8.0


def session(id: str, seed: int = 1, errors: SensorErrors | None = None) -> Simulation:
    template = ExerciseTemplate.load(id)
    planned = plan(template, 1, np.random.default_rng(seed))
    return simulate(Exercise.of(template, planned), seed, errors=errors)


def errors_deg(simulation: Simulation, found: Calibration) -> dict[str, float]:
    """By how much the rotations are off."""
    true = simulation.perfect_calibration().rotations
    return {
        slot: math.degrees(float(quaternion.angle_between(true[slot], found.rotations[slot])))
        for slot in true
    }


@pytest.mark.parametrize(
    ("slots", "movements"),
    [
        (["pelvis", "thorax"], {"bow": ("pelvis", "thorax")}),
        (["thigh", "pelvis"], {"squat": ("thigh", "pelvis")}),
        (["left_forearm"], {"arm_raise": ("left_forearm",)}),
        (["head", "thorax"], {"bow": ("head", "thorax")}),
        (["thorax", "upper_arm"], {"bow": ("thorax",), "arm_raise": ("upper_arm",)}),
        (["shank", "foot"], {"squat": ("shank",), "heel_raise": ("foot",)}),
    ],
)
def test_movements_show_the_axes_of_all_sensors(
    slots: list[str], movements: dict[str, tuple[str, ...]]
) -> None:
    assert movements_for(slots) == movements


def test_what_no_movement_calibrates_is_told_what_there_is() -> None:
    with pytest.raises(CalibrationError, match="No movement calibrates wrist") as caught:
        movements_for(["pelvis", "wrist"])
    assert caught.value.reason is CalibrationFault.SENSORS
    assert "pelvis, thorax, head (bow)" in str(caught.value)


@pytest.mark.parametrize("turned", [0.0, UPSIDE_DOWN, SIDEWAYS, {"thorax": UPSIDE_DOWN}])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_sensors_are_found_however_they_are_worn(
    turned: float | dict[str, float], seed: int
) -> None:
    simulation = session("lumbar-bend", seed, SensorErrors(turned_deg=turned))
    found = calibrate_spans(simulation.samples, simulation.calibrations)
    assert max(errors_deg(simulation, found).values()) < FOUND_DEG
    assert found.quality_deg < 6.0
    assert found.advice == []


def test_each_sensor_is_calibrated_by_the_movement_that_shows_it() -> None:
    template = ExerciseTemplate.from_document(
        {
            "id": "raise",
            "version": 1,
            "name": "Raise",
            "region": "shoulder",
            "position": "standing",
            "side": "right",
            "sensors": {"thorax": {"placement": "front"}, "upper_arm": {"placement": "outside"}},
            "movement": {
                "kind": "joint",
                "proximal": "thorax",
                "distal": "upper_arm",
                "axis": "flexion",
            },
            "range": {
                "count_from_deg": 20,
                "minimum_deg": 60,
                "goal_deg": 90,
                "limit_deg": 130,
            },
            "figure": {"peak": {"right_shoulder_flexion": 90.0}},
        },
        source="here",
    )
    planned = plan(template, 1, np.random.default_rng(0))
    simulation = simulate(Exercise.of(template, planned), 3)
    spans = simulation.calibrations
    assert [span.movement for span in spans] == ["bow", "arm_raise"]
    found = calibrate_spans(simulation.samples, spans)
    assert max(errors_deg(simulation, found).values()) < FOUND_DEG
    assert set(found.poses["standing"]) == {"thorax", "upper_arm"}
    for span, missing in ((spans[0], "upper_arm"), (spans[1], "thorax")):
        with pytest.raises(CalibrationError, match=f"calibrates {missing}; add"):
            calibrate_spans(simulation.samples, [span])
    with pytest.raises(CalibrationError, match="bow for thorax and arm_raise for upper_arm"):
        calibrate_spans(simulation.samples, [replace(spans[0], movement=None)])


def test_a_movement_that_is_repeated_takes_the_place_of_the_first() -> None:
    simulation = session("lumbar-bend")
    span = simulation.calibrations[0]
    spoiled = replace(span, to_s=span.from_s + 1.0)
    alone = calibrate_spans(simulation.samples, [span])
    assert calibrate_spans(simulation.samples, [spoiled, span]) == alone


def test_every_movement_calibrates_what_it_says() -> None:
    for name, functional in FUNCTIONAL_MOVEMENTS.items():
        for segment in functional.signs:
            assert name in movements_for([segment]) or segment in {"pelvis", "thorax", "head"}


def changed(simulation: Simulation, **samples: Samples) -> dict[str, Samples]:
    return {**simulation.samples, **samples}


def refused(
    samples: dict[str, Samples], spans: Sequence[CalibrationSpan]
) -> tuple[CalibrationFault, str]:
    with pytest.raises(CalibrationError) as caught:
        calibrate_spans(samples, spans)
    return caught.value.reason, str(caught.value)


def test_sensors_that_were_swapped_are_recognised() -> None:
    # A bow of the trunk: the breastbone turns further than the pelvis.
    simulation = session("lumbar-bend")
    pelvis, thorax = simulation.samples["pelvis"], simulation.samples["thorax"]
    swapped = {
        "pelvis": replace(thorax, sensor="pelvis"),
        "thorax": replace(pelvis, sensor="thorax"),
    }
    fault, told = refused(swapped, simulation.calibrations)
    assert fault is CalibrationFault.SWAPPED
    assert "exchange" in told


def test_a_dead_sensor_is_named() -> None:
    simulation = session("lumbar-bend")
    pelvis = simulation.samples["pelvis"]
    fault, told = refused(
        changed(simulation, pelvis=pelvis.where(pelvis.t_s > 1e6)), simulation.calibrations
    )
    assert fault is CalibrationFault.NO_SAMPLES
    assert "pelvis" in told
    still = pelvis.acc_mps2[:1].repeat(len(pelvis.t_s), axis=0)
    frozen = replace(pelvis, acc_mps2=still, gyr_radps=np.zeros_like(still))
    fault, told = refused(changed(simulation, pelvis=frozen), simulation.calibrations)
    assert fault in (CalibrationFault.NO_SAMPLES, CalibrationFault.NO_MOVEMENT)
    assert "pelvis" in told


def test_a_span_without_a_still_pose_is_refused() -> None:
    simulation = session("lumbar-bend")
    span = simulation.calibrations[0]
    moving = replace(span, from_s=span.from_s + 2.5, to_s=span.from_s + 5.5)
    fault, told = refused(simulation.samples, [moving])
    assert fault is CalibrationFault.MOVING
    assert "bow forward" in told


def test_a_sensor_on_the_wrong_side_is_told_where_its_outward_side_is_known() -> None:
    simulation = session("lumbar-bend", errors=SensorErrors(misplaced_deg=5.0))
    span = simulation.calibrations[0]
    outward = (0.0, 0.0, 1.0)
    worn = {"pelvis": "front", "thorax": "front"}
    calibrate(simulation.samples, span.from_s, span.to_s, worn=worn,
              outward=dict.fromkeys(worn, outward))  # fmt: skip
    with pytest.raises(CalibrationError, match="worn on the opposite side, not back"):
        calibrate(
            simulation.samples,
            span.from_s,
            span.to_s,
            worn={"pelvis": "back", "thorax": "front"},
            outward=dict.fromkeys(worn, outward),
        )


def test_a_turn_instead_of_a_bow_is_another_movement() -> None:
    simulation = session("seated-rotation", errors=SensorErrors(misplaced_deg=5.0))
    one = simulation.exercises[0].sets[0]
    turn = CalibrationSpan(one.from_s, one.to_s + 0.5, "bow")
    fault, _ = refused(simulation.samples, [turn])
    assert fault in (CalibrationFault.MOVEMENT, CalibrationFault.NO_MOVEMENT)


def test_a_knee_is_calibrated_about_its_own_axis_and_held_by_it() -> None:
    simulation = session("knee-bend-standing", 4)
    span = simulation.calibrations[0]
    found = calibrate_spans(simulation.samples, [span])
    alone = {
        slot: calibrate({slot: one}, span.from_s, span.to_s, movement="squat")
        for slot, one in simulation.samples.items()
    }
    true = simulation.perfect_calibration()

    def twisted_deg(rotations: dict[str, tuple[float, float, float, float]]) -> float:
        """By how much the axes of thigh and shank, which a knee shares, point apart."""
        apart = []
        for slot in ("thigh", "shank"):
            off = quaternion.products(
                rotations[slot], np.array(true.rotations[slot]) * [1.0, -1.0, -1.0, -1.0]
            )
            apart.append(quaternion.rotated(off, [0.0, 0.0, 1.0]))
        return math.degrees(math.acos(min(1.0, float(apart[0] @ apart[1]))))

    single = {slot: one.rotations[slot] for slot, one in alone.items()}
    assert twisted_deg(found.rotations) < 4.0
    assert found.rotations != single
    model = angle_model(ExerciseTemplate.load("knee-bend-standing"), found, "right")
    assert isinstance(model, JointAngle)
    assert model.hinge is not None
    for slot, axis in zip(("thigh", "shank"), model.hinge, strict=True):
        about = quaternion.rotated(found.rotations[slot], axis)
        assert about == pytest.approx([0.0, 0.0, 1.0], abs=1e-9)
    trunk = angle_model(
        ExerciseTemplate.load("lumbar-bend"),
        calibrate_spans(session("lumbar-bend").samples, session("lumbar-bend").calibrations),
        None,
    )
    assert isinstance(trunk, JointAngle)
    assert trunk.hinge is None


def test_an_elbow_is_held_by_the_two_axes_that_it_has() -> None:
    template = ExerciseTemplate.from_document(
        {
            "id": "turn",
            "version": 1,
            "name": "Turn the forearm",
            "region": "elbow",
            "position": "standing",
            "side": "right",
            "sensors": {
                "upper_arm": {"placement": "outside"},
                "forearm": {"placement": "outside"},
            },
            "movement": {
                "kind": "joint",
                "proximal": "upper_arm",
                "distal": "forearm",
                "axis": "pronation",
            },
            "range": {"count_from_deg": 15, "minimum_deg": 30, "goal_deg": 50, "limit_deg": 70},
            "figure": {
                "rest": {"right_elbow_flexion": 80.0},
                "peak": {"right_elbow_flexion": 80.0, "right_elbow_pronation": 60.0},
            },
        },
        source="here",
    )
    simulation = simulate(Exercise.of(template, plan(template, 4, np.random.default_rng(2))), 2)
    found = calibrate_spans(simulation.samples, simulation.calibrations)
    model = angle_model(template, found, "right")
    assert isinstance(model, JointAngle)
    assert model.hinge is None
    assert model.two_axes is not None
    inner, outer, between = model.two_axes
    assert quaternion.rotated(found.rotations["upper_arm"], inner) == pytest.approx([0, 0, 1])
    assert quaternion.rotated(found.rotations["forearm"], outer) == pytest.approx([0, 1, 0])
    assert between == pytest.approx(math.pi / 2.0)
    tracker = Tracker(template, found, "right")
    begins_s = simulation.exercises[0].sets[0].from_s
    events = feed(tracker, [one.where(one.t_s >= begins_s) for one in simulation.samples.values()])
    ranges = [event.rom_deg for event in repetitions(events)]
    true = [one.range_deg for one in simulation.exercises[0].sets[0].repetitions]
    assert ranges == pytest.approx(true, abs=4.0)
