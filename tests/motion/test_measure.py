"""What is measured of a repetition: range and its deviation, times, smoothness, compensations and
the likeness of its poses, on movements whose truth is known.
"""

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from motion import repetition as rep
from motion.angle import (
    AXIS_FOUND_SHARE,
    AXIS_KNOWN_SHARE,
    C_TILT_SD,
    SOFT_TISSUE_SD_DEG,
    TILT_SD_DEG,
    AngleModel,
)
from motion.attitude import Attitudes
from motion.calibration import Calibration
from motion.columns import Columns
from motion.measure import EDGE_SD_S, RepetitionMeter
from motion.quality import JERKY_SPARC, sparc
from motion.signature import Signature
from motion.template import ExerciseTemplate
from motion.tracker import Tracker
from tests.motion.movement import (
    Motion,
    Rep,
    Worn,
    X,
    Y,
    Z,
    angle_deg,
    even,
    feed,
    minimum_jerk,
    path,
    product,
    record,
    repetitions,
    rotation,
    template,
    total,
    tremor,
)

Float64 = NDArray[np.float64]

PERIOD_S = 0.02
TILT: dict[str, Any] = {
    "kind": "learned",
    "coordinate": "tilt",
    "axes": {"one": {"axis": [1, 0, 0], "start_up": [0, 0, 1]}},
}


def tilting(**fields: Any) -> ExerciseTemplate:
    return template(TILT, **fields)


def compensation(name: str, axis: str = "tilt", segment: str = "one") -> dict[str, Any]:
    return {"name": name, "segment": segment, "axis": axis, "limit_deg": 20, "cue": "Keep still"}


def turned(*motions: tuple[tuple[float, float, float], Motion], last_s: float) -> Float64:
    """Orientations (n, 4) of a sensor that makes several movements at once, the first outermost."""
    t = np.arange(0.0, last_s, PERIOD_S)
    q = np.tile([1.0, 0.0, 0.0, 0.0], (len(t), 1))
    for axis, motion in motions:
        q = product(q, np.array([rotation(axis, float(angle)) for angle in motion(t)]))
    return q


def measured(
    exercise: ExerciseTemplate,
    q: Float64,
    row: dict[int, float],
    *,
    calibration: Calibration | None = None,
    speed: Float64 | None = None,
    whole: bool = True,
    dropped: int = 0,
) -> tuple[RepetitionMeter, Any, Float64, Columns]:
    """A meter on a history of which `dropped` rows have gone already, and what it measures."""
    count = len(q)
    history = Columns(
        t=(0, np.float64), q=(q.shape[1], np.float64), gap=(0, np.uint8), speed=(0, np.float64)
    )
    at = history.append(count)
    history.arrays["t"][at : at + count] = PERIOD_S * np.arange(count)
    history.arrays["q"][at : at + count] = q
    history.arrays["speed"][at : at + count] = 0.0 if speed is None else speed
    history.drop(dropped)
    model = AngleModel(exercise, calibration)
    model.begin(q[0])
    meter = RepetitionMeter(exercise, calibration, model)
    values = np.zeros(rep.ROW_SIZE)
    for column, value in row.items():
        values[column] = value
    return meter, meter.measure(values, history, PERIOD_S, whole=whole), values, history


ROW = {
    rep.ROW_START_T: 1.0,
    rep.ROW_PEAK_T: 2.1,
    rep.ROW_END_T: 3.5,
    rep.ROW_ROM: 60.0,
    rep.ROW_OUT: 1.0,
    rep.ROW_HOLD: 0.5,
    rep.ROW_BACK: 1.0,
    rep.ROW_ACTIVE: 2.2,
    rep.ROW_START: 50,
    rep.ROW_PEAK: 105,
    rep.ROW_END: 175,
    rep.ROW_PLATEAU_FROM: 100,
    rep.ROW_PLATEAU_TO: 125,
}
MOTION = path((1.0, 0.0), (2.0, 60.0), (2.5, 60.0), (3.5, 0.0))


def test_times_and_range_are_those_of_the_row() -> None:
    _, measure, _, _ = measured(tilting(), turned((X, MOTION), last_s=4.0), ROW)
    assert (measure.start_s, measure.peak_s, measure.end_s) == (1.0, 2.1, 3.5)
    assert (measure.out_s, measure.hold_s, measure.back_s) == (1.0, 0.5, 1.0)
    assert (measure.rom_deg, measure.active_s) == (60.0, 2.2)
    assert not measure.interrupted
    assert not measure.paused
    flags = {**ROW, rep.ROW_INTERRUPTED: 1.0, rep.ROW_PAUSED: 1.0}
    _, measure, _, _ = measured(tilting(), turned((X, MOTION), last_s=4.0), flags)
    assert measure.interrupted
    assert measure.paused


def test_rows_that_have_gone_do_not_shift_what_is_measured() -> None:
    q = turned((Y, path((0.9, 0.0), (2.0, 12.0), (3.5, 0.0))), (X, MOTION), last_s=4.0)
    speed = np.random.default_rng(0).uniform(0.0, 1.0, len(q))
    exercise = tilting(compensations=[compensation("sway")])
    _, whole, _, _ = measured(exercise, q, ROW, speed=speed)
    _, later, _, _ = measured(exercise, q, ROW, speed=speed, dropped=40)
    assert later == whole


@pytest.mark.parametrize("rate_hz", [25.0, 50.0, 200.0])
def test_the_deviation_of_a_time_is_that_of_two_edges(rate_hz: float) -> None:
    q = turned((X, MOTION), last_s=4.0)
    meter, _, row, history = measured(tilting(), q, ROW)
    time_sd_s = meter.measure(row, history, 1.0 / rate_hz, whole=True).time_sd_s
    assert time_sd_s == pytest.approx(math.sqrt(2.0 * (EDGE_SD_S**2 + (1.0 / rate_hz) ** 2 / 12.0)))


# --- the deviation of the range -----------------------------------------------------------------


# What one sensor sees of a bone's tilt, its axis apart.
ONE_SD_DEG = math.hypot(TILT_SD_DEG, SOFT_TISSUE_SD_DEG)


def rom_sd(exercise: ExerciseTemplate, q: Float64, rom_deg: float, lasts_s: float = 2.5) -> float:
    row = {**ROW, rep.ROW_ROM: rom_deg, rep.ROW_END_T: 1.0 + lasts_s}
    _, measure, _, _ = measured(exercise, q, row)
    return float(measure.rom_sd_deg)


def test_the_deviation_of_a_range_grows_with_the_range_by_the_error_of_the_axis() -> None:
    q = turned((X, MOTION), last_s=4.0)
    assert rom_sd(tilting(), q, 0.0) == pytest.approx(ONE_SD_DEG)
    assert rom_sd(tilting(), q, 90.0) == pytest.approx(
        math.hypot(ONE_SD_DEG, AXIS_KNOWN_SHARE * 90.0)
    )


def test_the_range_of_a_turn_grows_uncertain_with_its_duration_and_of_a_tilt_does_not() -> None:
    turn = template({"kind": "segment", "segment": "one", "axis": "turn_left"})
    q = turned((Z, MOTION), last_s=4.0)
    for lasts_s in (10.0, 120.0):
        assert rom_sd(turn, q, 0.0, lasts_s) == pytest.approx(
            math.hypot(0.5 + lasts_s * 3.0 / 60.0, SOFT_TISSUE_SD_DEG)
        )
    assert rom_sd(tilting(), q, 0.0, 120.0) == rom_sd(tilting(), q, 0.0, 1.0)


def test_two_sensors_are_less_certain_than_one_by_their_weights() -> None:
    axes = {
        "one": {"axis": [1, 0, 0], "start_up": [0, 0, 1]},
        "two": {"axis": [0.75, 0, 0], "start_up": [0, 0, 1]},
    }
    exercise = template({"kind": "learned", "coordinate": "tilt", "axes": axes}, ["one", "two"])
    one = turned((X, MOTION), last_s=4.0)
    q = np.concatenate([one, one], axis=1)
    # Weights 1 and 0.75 over the sum of their squares.
    assert rom_sd(exercise, q, 0.0) == pytest.approx(
        ONE_SD_DEG * math.hypot(1.0, 0.75) / (1.0 + 0.75**2)
    )


def test_a_badly_calibrated_accelerometer_widens_range_and_compensation() -> None:
    exercise = tilting(compensations=[compensation("sway")])
    meter, measure, row, history = measured(exercise, turned((X, MOTION), last_s=4.0), ROW)
    meter._model.config[0, C_TILT_SD] = 5.0
    wider = meter.measure(row, history, PERIOD_S, whole=True)
    assert wider.rom_sd_deg**2 - measure.rom_sd_deg**2 == pytest.approx(25.0 - TILT_SD_DEG**2)
    assert (measure.compensations["sway"][1], wider.compensations["sway"][1]) == pytest.approx(
        (ONE_SD_DEG, math.hypot(5.0, SOFT_TISSUE_SD_DEG))
    )


def test_a_range_about_an_axis_that_was_found_is_less_certain() -> None:
    events = feed(
        Tracker(template({"kind": "dominant", "sensor": "one"})), [record(even(1), Worn(), 6.0)]
    )
    [found] = repetitions(events)
    assert found.rom_sd_deg >= AXIS_FOUND_SHARE * found.rom_deg


# --- compensations ------------------------------------------------------------------------------


def swaying(deg: float) -> Motion:
    """Out and back while the limb moves, with a little before."""
    return path((0.2, 0.0), (0.5, 2.0), (0.9, 0.0), (1.5, 0.0), (2.2, deg), (3.4, 0.0))


def test_a_compensation_is_the_largest_departure_from_the_start() -> None:
    exercise = template(
        {"kind": "learned", "coordinate": "tilt", "axes": {
            "arm": {"axis": [1, 0, 0], "start_up": [0, 0, 1]}}},
        ["arm", "trunk"],
        compensations=[compensation("lean", "tilt", "trunk"),
                       compensation("twist", "turn_left", "trunk")],
    )  # fmt: skip
    arm = turned((X, MOTION), last_s=4.0)
    trunk = turned((Z, swaying(9.0)), ((0.6, 0.8, 0.0), swaying(14.0)), last_s=4.0)
    _, measure, _, _ = measured(exercise, np.concatenate([arm, trunk], axis=1), ROW)
    assert measure.compensations["lean"][0] == pytest.approx(14.0, abs=0.1)
    assert measure.compensations["twist"][0] == pytest.approx(9.0, abs=0.2)


def test_only_what_happens_during_the_repetition_is_a_compensation() -> None:
    exercise = tilting(compensations=[compensation("twist", "turn_right")])
    before_and_after = path((0.1, 30.0), (0.9, 0.0), (3.6, 0.0), (3.9, 30.0))
    q = turned((Z, before_and_after), (X, MOTION), last_s=4.0)
    _, measure, _, _ = measured(exercise, q, ROW)
    assert measure.compensations["twist"][0] == pytest.approx(0.0, abs=0.05)


def test_a_calibrated_sensor_tells_a_bend_from_a_flexion_and_any_other_takes_the_tilt() -> None:
    # The segment's axes are the sensor's, its y axis along the segment.
    upright = rotation(X, 90.0)
    flexing = turned(((0.0, 0.0, -1.0), MOTION), last_s=4.0)
    q = product(np.broadcast_to(upright, flexing.shape), flexing)
    exercise = template(
        {"kind": "segment", "segment": "one", "axis": "flexion"},
        compensations=[compensation("lean", "bend_left"), compensation("bow", "flexion")],
    )
    known = Calibration({"one": (1.0, 0.0, 0.0, 0.0)}, 1.0)
    _, measure, _, _ = measured(exercise, q, ROW, calibration=known)
    assert measure.compensations["lean"][0] == pytest.approx(0.0, abs=0.1)
    assert measure.compensations["bow"][0] == pytest.approx(60.0, abs=0.1)
    _, measure, _, _ = measured(exercise, q, ROW)
    assert measure.compensations["lean"][0] == pytest.approx(60.0, abs=0.1)


def test_compensations_of_a_recording_agree_with_the_truth() -> None:
    exercise = template(
        {"kind": "learned", "coordinate": "tilt", "axes": {
            "arm": {"axis": [1, 0, 0], "start_up": [0, 0, 1]}}},
        ["arm", "trunk"],
        compensations=[compensation("lean", "tilt", "trunk")],
    )  # fmt: skip
    reps = even(4)
    leaning = (Rep(2.0, 8.0), Rep(6.0, 26.0), Rep(10.0, 0.5), Rep(14.0, 15.0))
    samples = [
        record(reps, Worn("arm", noise_dps=0.05), 19.0),
        record(leaning, Worn("trunk", Y, rate_hz=100.0, noise_dps=0.05), 19.0),
    ]
    found = repetitions(feed(Tracker(exercise), samples))
    # Measured from where the limb starts, when the trunk has made 5 percent of its way.
    assert [event.compensations["lean"] for event in found] == pytest.approx(
        [0.95 * each.range_deg for each in leaning], abs=0.8
    )
    assert [event.faults for event in found] == [[], ["compensation:lean"], [], []]


# --- smoothness ---------------------------------------------------------------------------------


def test_smoothness_is_the_sparc_of_the_speed_of_each_way() -> None:
    t = np.arange(0.0, 4.0, PERIOD_S)
    speed = np.abs(np.gradient(MOTION(t), PERIOD_S)) + 0.2 * np.random.default_rng(0).random(len(t))
    _, measure, _, _ = measured(tilting(), turned((X, MOTION), last_s=4.0), ROW, speed=speed)
    assert measure.smoothness_out == sparc(speed[50:101], 50.0)
    assert measure.smoothness_back == sparc(speed[125:176], 50.0)


def test_a_way_that_was_not_seen_has_no_smoothness() -> None:
    speed = np.abs(np.gradient(minimum_jerk(np.arange(0.0, 4.0, PERIOD_S) - 1.0)))
    q = turned((X, MOTION), last_s=4.0)
    _, measure, _, _ = measured(tilting(), q, ROW, speed=speed, whole=False)
    assert measure.smoothness_out is None
    assert not measure.whole
    _, measure, _, _ = measured(tilting(), q, ROW)
    assert (measure.smoothness_out, measure.smoothness_back) == (None, None)


@pytest.mark.parametrize("rate_hz", [25.0, 50.0, 100.0, 200.0])
def test_a_smooth_movement_is_smooth_at_any_rate_and_a_halting_one_is_not(rate_hz: float) -> None:
    halting = path(*((1.0 + 0.3 * k, 8.0 * k) for k in range(9)), (5.0, 64.0), (6.5, 0.0))
    values = []
    for motion in (path((1.0, 0.0), (3.4, 64.0), (5.0, 64.0), (6.5, 0.0)), halting):
        worn = Worn(rate_hz=rate_hz, noise_dps=0.05)
        [found] = repetitions(feed(Tracker(tilting()), [record(motion, worn, 8.0)]))
        assert found.smoothness_out is not None
        values.append(found.smoothness_out)
    # A whole minimum-jerk movement has -1.41; cutting away its slow ends costs a third.
    assert values[0] == pytest.approx(-1.75, abs=0.05)
    assert values[1] < JERKY_SPARC


def test_a_tremor_makes_a_movement_less_smooth() -> None:
    values = []
    for motion in (total(even(2)), total(even(2), tremor(1.5, 6.0))):
        found = repetitions(feed(Tracker(tilting()), [record(motion, Worn(), 11.0)]))
        values.append([event.smoothness_out for event in found])
    for calm, trembling in zip(*values, strict=True):
        assert calm is not None
        assert trembling is not None
        assert trembling < calm - 0.2


# --- the poses of a learned exercise ------------------------------------------------------------


@pytest.mark.parametrize(
    ("start_deg", "end_deg", "like"),
    [(0.0, 0.0, True), (40.0, 0.0, True), (80.0, 0.0, False), (0.0, -80.0, False)],
)
def test_a_learned_repetition_begins_and_ends_near_its_pose(
    start_deg: float, end_deg: float, like: bool
) -> None:
    t = np.arange(0.0, 4.0, PERIOD_S)
    way = np.interp(t, [1.0, 3.5], [start_deg, end_deg])
    q = np.array([rotation(Y, float(angle)) for angle in way])
    meter, _, row, history = measured(tilting(), q, ROW)
    signature = Signature.demonstrated(tilting())
    assert meter.like_demonstrated(row, history, signature, Attitudes(())) == like


def test_every_sensor_of_a_learned_exercise_must_be_in_its_pose() -> None:
    axes = {slot: {"axis": [1, 0, 0], "start_up": [0, 0, 1]} for slot in ("one", "two")}
    exercise = template({"kind": "learned", "coordinate": "tilt", "axes": axes}, ["one", "two"])
    fine = turned((X, MOTION), last_s=4.0)
    upside_down = product(np.broadcast_to(rotation(Y, 170.0), fine.shape), fine)
    for second, like in ((fine, True), (upside_down, False)):
        meter, _, row, history = measured(exercise, np.concatenate([fine, second], axis=1), ROW)
        signature = Signature.demonstrated(exercise)
        assert meter.like_demonstrated(row, history, signature, Attitudes(())) == like


def test_a_sensor_whose_inclination_is_doubtful_is_held_to_its_pose_less_strictly() -> None:
    # 75 degrees off at the start: too far for a sound sensor, not for one that is off by 20.
    way = np.interp(np.arange(0.0, 4.0, PERIOD_S), [1.0, 3.5], [75.0, 0.0])
    q = np.array([rotation(Y, float(angle)) for angle in way])
    meter, _, row, history = measured(tilting(), q, ROW)
    signature = Signature.demonstrated(tilting())
    assert not meter.like_demonstrated(row, history, signature, Attitudes(()))
    meter._model.config[:, C_TILT_SD] = 20.0
    assert meter.like_demonstrated(row, history, signature, Attitudes(()))


def test_a_pose_that_the_doubtful_sensor_showed_itself_is_as_doubtful() -> None:
    # 90 degrees off is 1.41, a gate of 1.05 and two deviations of 11 degrees 1.43 without and 1.59
    # with the second reading; 100 degrees off is 1.53.
    signature = Signature.demonstrated(tilting())
    for start_deg, without in ((90.0, True), (100.0, False)):
        way = np.interp(np.arange(0.0, 4.0, PERIOD_S), [1.0, 3.5], [start_deg, 0.0])
        q = np.array([rotation(Y, float(angle)) for angle in way])
        meter, _, row, history = measured(tilting(), q, ROW)
        meter._model.config[:, C_TILT_SD] = 11.0
        others = Attitudes(())
        assert meter.like_demonstrated(row, history, signature, others) == without
        assert meter.like_demonstrated(row, history, signature, others, {"one"})
        assert meter.like_demonstrated(row, history, signature, others, {"other"}) == without


def test_other_movements_have_no_pose_to_be_like() -> None:
    exercise = template({"kind": "segment", "segment": "one", "axis": "turn_left"})
    q = np.tile(rotation(Y, 170.0), (200, 1))
    meter, _, row, history = measured(exercise, q, ROW)
    assert meter.like_demonstrated(row, history, Signature.demonstrated(exercise), Attitudes(()))


def test_the_movement_of_these_tests_lies_where_the_row_says() -> None:
    angle = angle_deg(MOTION, np.arange(0.0, 4.0, PERIOD_S))
    assert angle[50] == pytest.approx(0.0, abs=0.01)
    assert angle[175] == pytest.approx(0.0, abs=0.01)
    assert angle[100:126] == pytest.approx(60.0, abs=0.01)
