"""Simulated sensors against physics, simulated truth against the definitions: what is integrated
comes back, what lies still weighs g, and errors stay within what was asked for.
"""

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from motion import body, quaternion
from motion.body import WornSensor
from motion.calibrating import calibrate
from motion.choreography import Choreography
from motion.imu import (
    SIDEWAYS,
    STANDARD_GRAVITY_MPS2,
    UPSIDE_DOWN,
    SensorErrors,
    StrappedSensor,
    direction,
)
from motion.performance import PlannedRepetition, minimum_jerk_time, plan, with_fault
from motion.samples import Samples
from motion.simulation import (
    Exercise,
    Simulation,
    simulate,
)
from motion.stream import SensorStream
from motion.template import movement_slots
from motion.tracker import Tracker
from tests.motion.figured import TEMPLATES
from tests.motion.movement import Rep, feed, repetitions, truth

Float64 = NDArray[np.float64]
each = pytest.mark.parametrize("id", TEMPLATES)
# Long recordings and filters over them.
pytestmark = pytest.mark.compiled

PERFECT = SensorErrors.none()
INVERSE = np.array([1.0, -1.0, -1.0, -1.0])
UP = np.array([0.0, 0.0, 1.0])


@cache
def _perfect(id: str, count: int = 2) -> Simulation:
    template = TEMPLATES[id]
    planned = plan(template, count, np.random.default_rng(1))
    return simulate(Exercise.of(template, planned), 1, errors=PERFECT, sway_deg=0.0)


def _within(samples: Samples, from_s: float, to_s: float) -> Samples:
    return samples.where((samples.t_s >= from_s) & (samples.t_s < to_s))


def _integrated(gyr: Float64, rate_hz: float) -> Float64:
    """Orientations (n, 4) from angular rates (n, 3), the first one the identity: midpoint rule with
    the coning term of the interval's linear rate."""
    a, b = gyr[:-1], gyr[1:]
    step = 0.5 * (a + b) / rate_hz + np.cross(a, b) / (12.0 * rate_hz**2)
    q = [np.array(quaternion.IDENTITY)]
    for turn in quaternion.from_rotation_vectors(step):
        q.append(quaternion.products(q[-1], turn))
    return np.array(q)


# Sensors ----------------------------------------------------------------------------------------


def _sensor(
    errors: SensorErrors = PERFECT, seed: int = 0, rate_hz: float = 100.0
) -> StrappedSensor:
    worn = WornSensor.of("thigh", "front", "right")
    return StrappedSensor.drawn("thigh", worn, errors, np.random.default_rng(seed), rate_hz)


def test_acceleration_and_rate_are_those_of_the_movement() -> None:
    """A turn to and fro about a fixed axis, and a point that goes to and fro, with known rates."""
    sensor = replace(_sensor(), at_m=np.array([0.1, -0.3, 0.05]))
    t = np.arange(0.0, 6.0, 1.0 / 200.0)
    axis = np.array([2.0, -1.0, 2.0]) / 3.0

    def angle(at: Float64, order: int) -> Float64:
        w = 2.0 * math.pi * 1.3
        return np.array(1.2 * w**order * np.sin(w * at + order * 0.5 * math.pi))

    def place(at: Float64, order: int) -> Float64:
        w = 2.0 * math.pi * 0.9
        along = 0.2 * w**order * np.sin(w * at + order * 0.5 * math.pi)
        return np.outer(along, [1.0, 0.5, -0.3])

    q = quaternion.from_rotation_vectors(angle(t, 0)[:, None] * axis)
    got = sensor.samples(t, q, place(t, 0), np.zeros(len(t)), np.random.default_rng(0))
    at = got.t_s
    turned = quaternion.from_rotation_vectors(angle(at, 0)[:, None] * axis)
    arm = quaternion.rotated(turned, sensor.at_m)
    rate = angle(at, 1)[:, None] * axis
    acc = place(at, 2) + STANDARD_GRAVITY_MPS2 * UP
    acc += np.cross(angle(at, 2)[:, None] * axis, arm) + np.cross(rate, np.cross(rate, arm))
    to_sensor = quaternion.products(turned, sensor.mounting) * INVERSE
    inner = slice(20, -20)  # the ends of a spline know less
    wanted_gyr = quaternion.rotated(to_sensor, rate)
    assert np.max(np.abs(got.gyr_radps - wanted_gyr)[inner]) < math.radians(0.02)
    wanted_acc = quaternion.rotated(to_sensor, acc)
    assert np.max(np.abs(got.acc_mps2 - wanted_acc)[inner]) < 0.02


def test_errors_stay_within_their_bounds_and_fill_them() -> None:
    errors = SensorErrors()
    drawn = [_sensor(errors, seed) for seed in range(400)]
    nominal = np.array(WornSensor.of("thigh", "front", "right").mounting)
    off = np.degrees([quaternion.angles_between(nominal, one.mounting) for one in drawn])
    bias = np.degrees([one.bias_radps for one in drawn])
    offset = np.array([one.offset_mps2 for one in drawn])
    clock = 1e6 * (np.array([one.clock for one in drawn]) - 1.0)
    late = np.array([one.first_s for one in drawn])
    for values, low, high in (
        (off, 0.0, 25.0),
        (bias, -0.5, 0.5),
        (offset, -0.2, 0.2),
        (clock, -50.0, 50.0),
        (late, 0.0, 0.01),
    ):
        assert np.all(values >= low)
        assert np.all(values <= high)
        # Evenly drawn: the mean of so many lies within four of its deviations of the middle.
        margin = 4.0 * (high - low) / math.sqrt(12.0 * len(values))
        assert np.mean(values) == pytest.approx(0.5 * (low + high), abs=margin)
        assert np.ptp(values) > 0.9 * (high - low)
    soft = np.degrees([np.linalg.norm(one.soft) for one in drawn])
    np.testing.assert_allclose(soft, 1.5)
    assert np.max(np.abs(np.mean([one.soft for one in drawn], axis=0))) < 0.2 * math.radians(1.5)


def test_noise_has_its_density_at_any_rate() -> None:
    still = np.tile(np.array(quaternion.IDENTITY), (8001, 1))
    t = np.arange(8001) / 200.0
    for rate_hz in (50.0, 200.0):
        sensor = _sensor(SensorErrors(misplaced_deg=0.0), 1, rate_hz)
        got = sensor.samples(t, still, np.zeros((8001, 3)), 0.0 * t, np.random.default_rng(1))
        gyr_sd = np.degrees(np.std(got.gyr_radps, axis=0))
        acc_sd = np.std(got.acc_mps2, axis=0)
        band = math.sqrt(0.5 * rate_hz)
        np.testing.assert_allclose(gyr_sd, 0.01 * band, rtol=0.07)
        np.testing.assert_allclose(acc_sd, 1e-3 * STANDARD_GRAVITY_MPS2 * band, rtol=0.07)
        np.testing.assert_allclose(np.mean(got.gyr_radps, axis=0), sensor.bias_radps, atol=2e-4)


@pytest.mark.parametrize(("turned_deg", "dot"), [(0.0, 1.0), (SIDEWAYS, 0.0), (UPSIDE_DOWN, -1.0)])
def test_a_sensor_can_be_worn_turned_about_its_outward_side(turned_deg: float, dot: float) -> None:
    for turned in (turned_deg, {"thigh": turned_deg}):
        sensor = _sensor(replace(PERFECT, turned_deg=turned))
        out, up = quaternion.rotated(sensor.mounting, np.eye(3)[[2, 1]])
        np.testing.assert_allclose(out, [1.0, 0.0, 0.0], atol=1e-12)
        assert up[1] == pytest.approx(dot, abs=1e-12)
    untouched = _sensor(replace(PERFECT, turned_deg={"shank": 90.0}))
    np.testing.assert_allclose(untouched.mounting, _sensor().mounting)


def test_a_clock_that_is_off_tells_other_times_than_the_true_ones() -> None:
    sensor = replace(_sensor(), clock=1.001)
    t = np.arange(0.0, 20.0, 1.0 / 200.0)
    q = quaternion.from_rotation_vectors(np.outer(np.sin(t), [0.0, 0.0, 1.0]))
    got = sensor.samples(t, q, np.zeros((len(t), 3)), 0.0 * t, np.random.default_rng(0))
    np.testing.assert_allclose(np.diff(got.t_s), 0.01, atol=1e-12)
    rate = np.linalg.norm(got.gyr_radps, axis=1)
    np.testing.assert_allclose(rate, np.abs(np.cos(1.001 * got.t_s)), atol=1e-4)


def test_directions_are_spread_over_the_sphere() -> None:
    random = np.random.default_rng(0)
    drawn = np.array([direction(random) for _ in range(2000)])
    np.testing.assert_allclose(np.linalg.norm(drawn, axis=1), 1.0)
    np.testing.assert_allclose(drawn.T @ drawn / 2000.0, np.eye(3) / 3.0, atol=0.04)


# Physics of a session ---------------------------------------------------------------------------


@each
def test_what_lies_still_weighs_g_and_turns_nowhere(id: str) -> None:
    simulation = _perfect(id)
    one = simulation.exercises[0].sets[0]
    for samples in simulation.samples.values():
        still = _within(samples, one.from_s + 0.1, one.from_s + 1.4)
        force = np.linalg.norm(still.acc_mps2.astype(float), axis=1)
        np.testing.assert_allclose(force, STANDARD_GRAVITY_MPS2, atol=0.005)
        assert np.max(np.abs(still.gyr_radps)) < math.radians(0.02)


@each
def test_integrated_signals_come_back_to_the_start_pose(id: str) -> None:
    """Orientation, velocity and place return with the body, from rest before to rest after."""
    simulation = _perfect(id)
    one = simulation.exercises[0].sets[0]
    for samples in simulation.samples.values():
        chosen = _within(samples, one.from_s + 1.0, one.to_s - 0.2)
        q = _integrated(chosen.gyr_radps.astype(float), 100.0)
        assert np.degrees(quaternion.angles_between(q[0], q[-1])) < 0.1
        up = chosen.acc_mps2[0] / np.linalg.norm(chosen.acc_mps2[0])
        force = quaternion.rotated(q, chosen.acc_mps2.astype(float))
        acc = force - STANDARD_GRAVITY_MPS2 * up
        # Single precision and a hundredth of a degree leave a few cm/s2 after a minute of nothing.
        velocity = np.cumsum(0.5 * (acc[1:] + acc[:-1]), axis=0) / 100.0
        assert np.max(np.abs(velocity[-1])) < 0.002 * len(acc) / 100.0 + 0.02
        duration_s = len(acc) / 100.0
        fading = velocity - np.linspace(0.0, 1.0, len(velocity))[:, None] * velocity[-1]
        place = np.sum(fading, axis=0) / 100.0
        assert np.max(np.abs(place)) < 0.001 * duration_s**2 + 0.02


def test_a_sensor_rises_as_far_as_its_thigh_does() -> None:
    """Double integration of the acceleration gives the height that geometry gives."""
    template = TEMPLATES["sit-to-stand"]
    planned = (PlannedRepetition(88.0, 1.2, 1.0, 1.2, 1.0),)
    simulation = simulate(Exercise.of(template, planned), 1, errors=PERFECT, sway_deg=0.0)
    one = simulation.exercises[0].sets[0]
    samples = _within(simulation.samples["thigh"], one.from_s + 1.4, one.from_s + 3.6)
    q = _integrated(samples.gyr_radps.astype(float), 100.0)
    up = samples.acc_mps2[0] / np.linalg.norm(samples.acc_mps2[0])
    upward = quaternion.rotated(q, samples.acc_mps2.astype(float)) @ up - STANDARD_GRAVITY_MPS2
    risen = float(np.sum(np.cumsum(upward)) / 100.0**2)
    figure = Choreography.of(template).figure
    posture = body.placed(np.stack([figure.rest, figure.peak]), "seated", fixed="feet")
    sensor = simulation.sensors["thigh"]
    heights = posture.origins["right_thigh"] + quaternion.rotated(
        posture.orientations["right_thigh"], sensor.at_m
    )
    assert risen == pytest.approx(float(np.diff(heights[:, 2])[0]), abs=0.01)


@each
def test_nothing_jumps(id: str) -> None:
    template = TEMPLATES[id]
    planned = plan(template, 2, np.random.default_rng(1))
    simulation = simulate(
        Exercise.of(template, planned, planned), 1, errors=PERFECT, walk_s=6.0, calibrated=True
    )
    for samples in simulation.samples.values():
        acc = np.linalg.norm(samples.acc_mps2, axis=1)
        assert np.max(np.abs(acc - STANDARD_GRAVITY_MPS2)) < 16.0
        assert np.max(np.abs(np.diff(samples.acc_mps2, axis=0))) < 2.5
        assert np.degrees(np.max(np.linalg.norm(samples.gyr_radps, axis=1))) < 500.0


@pytest.mark.parametrize("id", ["squat", "leg-raise", "clamshell", "back-extension", "bridge"])
def test_perfect_sensors_and_a_filter_give_the_bones_inclination(id: str) -> None:
    simulation = _perfect(id)
    exercise = simulation.exercises[0]
    one = exercise.sets[0]
    slot = movement_slots(exercise.template.movement)[0]
    stream = SensorStream(slot)
    stream.push(simulation.samples[slot])
    stream.advance(math.inf, last=True)
    t, q = stream.oriented["t"], stream.oriented["q"]
    chosen = (t >= one.t_s[0]) & (t < one.t_s[-1])
    bone = quaternion.products(q[chosen], simulation.sensors[slot].mounting * INVERSE)
    choreography = Choreography.of(exercise.template, exercise.side)
    got = choreography.angle_deg(
        {each: bone for each in movement_slots(exercise.template.movement)}
    )
    wanted = np.interp(t[chosen], one.t_s, one.angle_deg)
    assert np.max(np.abs(got - wanted)) < 0.5


def test_walking_keeps_the_body_upright_and_bounces_it() -> None:
    template = TEMPLATES["low-back-bend"]
    planned = plan(template, 1, np.random.default_rng(0))
    simulation = simulate(Exercise.of(template, planned), 2, errors=PERFECT, walk_s=30.0)
    to_s = simulation.calibrations[0].to_s
    for samples in simulation.samples.values():
        walking = _within(samples, to_s + 2.0, to_s + 28.0)
        acc = walking.acc_mps2.astype(float)
        mean = np.mean(acc, axis=0)
        # A sensor that stays upright has gravity where it always is.
        lean = mean / np.linalg.norm(mean) @ np.array([0.0, 1.0, 0.0])
        assert math.degrees(math.acos(lean)) < 8.0
        vertical = acc @ mean / np.linalg.norm(mean)
        spectrum = np.abs(np.fft.rfft(vertical - vertical.mean()))
        step_hz = np.fft.rfftfreq(len(vertical), 0.01)[np.argmax(spectrum)]
        assert step_hz == pytest.approx(1.8, abs=0.05)
        # Half of 36 mm, with the square of the steps' angular frequency.
        assert np.std(vertical) == pytest.approx(0.018 * (2 * math.pi * 1.8) ** 2 / 1.414, rel=0.3)
        turned = np.abs(walking.gyr_radps @ np.array([0.0, 1.0, 0.0])).sum() / 100.0
        assert turned > math.radians(90.0), "it looks about the room"


# Truth ------------------------------------------------------------------------------------------


@each
def test_the_truth_is_what_was_planned(id: str) -> None:
    simulation = _perfect(id)
    template = TEMPLATES[id]
    planned = plan(template, 2, np.random.default_rng(1))
    for true, wanted in zip(simulation.exercises[0].sets[0].repetitions, planned, strict=True):
        assert true.range_deg == pytest.approx(wanted.range_deg, abs=0.05)
        assert true.hold_s == pytest.approx(wanted.hold_s, abs=0.01)
        assert true.faults == ()
        if template.band is None:
            # Planned between 5 and 95 %; the plateau of a small movement begins before that.
            part = minimum_jerk_time(wanted.edge) - minimum_jerk_time(0.05)
            assert true.out_s == pytest.approx(part * wanted.moving_out_s, abs=0.01)
            assert true.back_s == pytest.approx(part * wanted.moving_back_s, abs=0.01)
            parts_s = true.out_s + true.hold_s + true.back_s
            assert parts_s == pytest.approx(true.end_s - true.start_s)
        assert true.start_s < true.peak_s < true.end_s
        assert (true.way, true.mirrored) == (wanted.way, wanted.mirrored)


def test_the_truth_agrees_with_the_definition_of_a_repetition() -> None:
    planned = PlannedRepetition(50.0, 1.4, 2.0, 1.1, 1.0)
    simulation = simulate(
        Exercise.of(TEMPLATES["low-back-bend"], (planned,)), 1, errors=PERFECT, sway_deg=0.0
    )
    one = simulation.exercises[0].sets[0]
    got = one.repetitions[0]
    moving = Rep(0.0, 50.0, planned.moving_out_s, planned.plateau_s, planned.moving_back_s)
    wanted = truth(moving)
    assert got.range_deg == pytest.approx(wanted.range_deg, abs=0.02)
    assert got.out_s == pytest.approx(wanted.out_s, abs=0.003)
    assert got.hold_s == pytest.approx(wanted.hold_s, abs=0.003)
    assert got.back_s == pytest.approx(wanted.back_s, abs=0.003)
    assert got.active_s == pytest.approx(wanted.active_s, abs=0.003)
    assert got.end_s - got.start_s == pytest.approx(wanted.end_s - wanted.start_s, abs=0.003)


@each
def test_a_fault_that_was_put_in_is_there_and_alone(id: str) -> None:
    template = TEMPLATES[id]
    choreography = Choreography.of(template)
    right = plan(template, 2, np.random.default_rng(1))
    coupled = choreography.couplings()
    for fault in choreography.faults():
        faulty = (right[0], with_fault(right[1], fault, template))
        simulation = simulate(
            Exercise.of(template, faulty), 3, errors=PERFECT, sway_deg=0.0, calibrated=False
        )
        first, second = simulation.exercises[0].sets[0].repetitions
        assert first.faults == ()
        assert second.intended == faulty[1].intended
        assert set(second.intended) <= set(second.faults), fault
        # What the exercise brings along grows with its range; nothing else comes with a fault.
        for other in set(second.faults) - set(second.intended):
            assert other.startswith("compensation:")
            assert fault == "range_over"
            assert coupled[other.partition(":")[2]].own_deg > 0.0


def test_a_repetition_of_the_other_limb_is_not_seen() -> None:
    simulation = _perfect("bird-dog")
    own, other = simulation.exercises[0].sets[0].repetitions
    assert (own.seen, own.mirrored) == (True, False)
    assert (other.seen, other.mirrored) == (False, True)
    assert other.sensor_range_deg < 5.0
    assert other.range_deg > 60.0


def test_the_true_angle_runs_through_the_whole_set() -> None:
    simulation = _perfect("side-bend")
    one = simulation.exercises[0].sets[0]
    assert one.t_s[0] == pytest.approx(one.from_s)
    assert one.t_s[-1] == pytest.approx(one.to_s, abs=0.01)
    first, second = one.repetitions
    assert (first.way, second.way) == (1, -1)
    assert float(np.interp(first.peak_s, one.t_s, one.angle_deg)) == pytest.approx(first.range_deg)
    assert float(np.interp(second.peak_s, one.t_s, one.angle_deg)) == pytest.approx(
        -second.range_deg
    )


def test_soft_tissue_shows_in_the_range_by_no_more_than_both_sensors_have() -> None:
    template = TEMPLATES["low-back-bend"]
    planned = plan(template, 1, np.random.default_rng(1))
    gaps = []
    for seed in range(12):
        errors = replace(PERFECT, soft_deg=1.5)
        simulation = simulate(
            Exercise.of(template, planned), seed, errors=errors, sway_deg=0.0, calibrated=False
        )
        true = simulation.exercises[0].sets[0].repetitions[0]
        gaps.append(true.sensor_range_deg - true.range_deg)
        bound = 2.0 * 1.5 * true.range_deg / template.range.goal_deg
        assert abs(gaps[-1]) < 1.05 * bound
    assert np.std(gaps) > 0.4
    none = _perfect("low-back-bend").exercises[0].sets[0].repetitions[0]
    assert none.sensor_range_deg == none.range_deg


# Sessions ---------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_session_to_the_last_bit() -> None:
    template = TEMPLATES["squat"]
    exercise = Exercise.of(template, plan(template, 2, np.random.default_rng(0)))
    first, second = (simulate(exercise, 5, walk_s=3.0) for _ in range(2))
    other = simulate(exercise, 6, walk_s=3.0)
    for slot, samples in first.samples.items():
        np.testing.assert_array_equal(samples.acc_mps2, second.samples[slot].acc_mps2)
        np.testing.assert_array_equal(samples.gyr_radps, second.samples[slot].gyr_radps)
        np.testing.assert_array_equal(samples.t_s, second.samples[slot].t_s)
        count = min(len(samples), len(other.samples[slot]))
        assert np.any(samples.gyr_radps[:count] != other.samples[slot].gyr_radps[:count])
    assert first.exercises[0].sets[0].repetitions == second.exercises[0].sets[0].repetitions


def test_the_movement_is_the_same_whatever_the_sensors_errors() -> None:
    template = TEMPLATES["low-back-bend"]
    exercise = Exercise.of(template, plan(template, 2, np.random.default_rng(0)))
    real, perfect = simulate(exercise, 5), simulate(exercise, 5, errors=PERFECT)
    assert real.duration_s == perfect.duration_s
    for one, other in zip(
        real.exercises[0].sets[0].repetitions,
        perfect.exercises[0].sets[0].repetitions,
        strict=True,
    ):
        assert replace(one, sensor_range_deg=0.0) == replace(other, sensor_range_deg=0.0)


@pytest.mark.parametrize("rate_hz", [25.0, 60.0, 208.0])
def test_any_rate_gives_its_number_of_samples(rate_hz: float) -> None:
    template = TEMPLATES["watch-flexion"]
    exercise = Exercise.of(template, plan(template, 1, np.random.default_rng(0)))
    simulation = simulate(exercise, 5, rate_hz=rate_hz)
    samples = simulation.samples["wrist"]
    assert len(samples) == pytest.approx(simulation.duration_s * rate_hz, abs=3)
    np.testing.assert_allclose(np.diff(samples.t_s), 1.0 / rate_hz)
    assert samples.acc_mps2.dtype == np.float32


def test_a_session_of_several_exercises_has_one_strapping_and_spans_in_order() -> None:
    chosen = [TEMPLATES[id] for id in ("cat-camel", "back-extension", "side-bend")]
    random = np.random.default_rng(0)
    exercises = [Exercise.of(t, plan(t, 2, random), plan(t, 1, random)) for t in chosen]
    simulation = simulate(exercises, 4, walk_s=5.0)
    assert set(simulation.samples) == {"pelvis", "thorax"}
    assert [each.template.id for each in simulation.exercises] == [each.id for each in chosen]
    spans = [(one.from_s, one.to_s) for one in simulation.calibrations]
    spans += [(one.from_s, one.to_s) for done in simulation.exercises for one in done.sets]
    assert len(spans) == 1 + 6
    times = [time for span in spans for time in span]
    assert times == sorted(times)
    assert times[-1] < simulation.duration_s
    for done in simulation.exercises:
        assert [len(one.repetitions) for one in done.sets] == [2, 1]
        assert [each.set_index for one in done.sets for each in one.repetitions] == [1, 1, 2]


def test_who_walks_between_sets_comes_back_to_the_start_pose() -> None:
    template = TEMPLATES["back-extension"]
    planned = plan(template, 1, np.random.default_rng(0))
    exercise = replace(Exercise.of(template, planned, planned), walk_s=10.0)
    simulation = simulate(exercise, 4, errors=PERFECT, sway_deg=0.0)
    first, second = simulation.exercises[0].sets
    assert second.from_s - first.to_s > 10.0 + 2.0 * 2.5
    poses = [
        _within(simulation.samples["thorax"], s.from_s + 0.2, s.from_s + 1.2)
        for s in (first, second)
    ]
    before, after = (np.mean(pose.acc_mps2, axis=0) for pose in poses)
    np.testing.assert_allclose(before, after, atol=0.01)
    assert second.repetitions[0].range_deg == pytest.approx(first.repetitions[0].range_deg)


def test_sides_that_take_turns_from_different_start_poses_change_over_at_rest() -> None:
    document = TEMPLATES["leg-raise"].document() | {"side": "alternate"}
    template = type(TEMPLATES["leg-raise"]).from_document(document)
    planned = plan(template, 3, np.random.default_rng(0))
    simulation = simulate(Exercise.of(template, planned), 4, errors=PERFECT, calibrated=False)
    seen = [each.seen for each in simulation.exercises[0].sets[0].repetitions]
    assert seen == [True, False, True]
    for samples in simulation.samples.values():
        assert np.max(np.abs(np.diff(samples.acc_mps2, axis=0))) < 2.5


def test_a_sensor_that_would_have_to_move_is_refused() -> None:
    random = np.random.default_rng(0)
    exercises = [
        Exercise.of(TEMPLATES[id], plan(TEMPLATES[id], 1, random))
        for id in ("low-back-bend", "back-extension")
    ]
    with pytest.raises(ValueError, match="wears the sensor 'thorax' elsewhere"):
        simulate(exercises, 1)


@pytest.mark.parametrize("id", ["low-back-bend", "squat", "knee-extension"])
def test_a_simulated_calibration_finds_how_the_sensors_sit(id: str) -> None:
    template = TEMPLATES[id]
    exercise = Exercise.of(template, plan(template, 1, np.random.default_rng(0)))
    simulation = simulate(exercise, 7, sloppy_deg=0.0, sway_deg=0.0, errors=SensorErrors())
    span = simulation.calibrations[0]
    found = calibrate(simulation.samples, span.from_s, span.to_s, movement=span.movement)
    for slot, rotation in simulation.perfect_calibration().rotations.items():
        off = quaternion.angle_between(rotation, found.rotations[slot])
        assert math.degrees(off) < 4.0


def test_watches_are_not_calibrated_unless_asked() -> None:
    template = TEMPLATES["watch-flexion"]
    exercise = Exercise.of(template, plan(template, 1, np.random.default_rng(0)))
    assert simulate(exercise, 1).calibrations == ()
    asked = simulate(exercise, 1, calibrated=True).calibrations
    assert [span.movement for span in asked] == ["arm_raise"]


def test_a_slot_of_any_name_can_be_told_where_it_is_worn() -> None:
    document = TEMPLATES["watch-flexion"].document()
    document["sensors"] = {"u4": {"placement": "wrist"}}
    document["movement"] = {"kind": "dominant", "sensor": "u4"}
    template = type(TEMPLATES["watch-flexion"]).from_document(document)
    planned = plan(template, 1, np.random.default_rng(0))
    exercise = Exercise.of(template, planned, side="left", worn={"u4": "forearm"})
    simulation = simulate(exercise, 1)
    assert simulation.sensors["u4"].segment == "left_forearm"
    assert simulation.exercises[0].side == "left"


def test_the_engine_counts_and_measures_what_perfect_sensors_saw() -> None:
    simulation = _perfect("squat", 4)
    one = simulation.exercises[0].sets[0]
    tracker = Tracker(TEMPLATES["squat"], simulation.perfect_calibration())
    samples = [_within(each, one.from_s, one.to_s + 0.5) for each in simulation.samples.values()]
    told = repetitions(feed(tracker, samples))
    assert len(told) == 4
    for event, true in zip(told, one.repetitions, strict=True):
        assert event.rom_deg == pytest.approx(true.range_deg, abs=1.0)
        assert event.start_s == pytest.approx(true.start_s, abs=0.05)
        assert event.end_s == pytest.approx(true.end_s, abs=0.05)
        assert event.faults == []
