"""Templates from demonstrations of known axis, range and tempo. Only the demonstrated intervals
decide; what cannot be a demonstration is refused in one sentence.
"""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from motion.errors import LearningError, LearningFault
from motion.events import CueEvent, Verdict
from motion.learning import (
    COUNT_FROM_SHARE,
    FASTEST_SHARE,
    GOAL_SHARE,
    LEAST_MOVEMENT_DEG,
    LIMIT_SHARE,
    MINIMUM_SHARE,
    SLOWEST_SHARE,
    learn,
)
from motion.quality import REST_SHARE
from motion.samples import Samples
from motion.template import ExerciseTemplate, LearnedMovement, read_yaml
from motion.tracker import Tracker
from tests.motion.exercises import OTHER_STRAP, STRAP
from tests.motion.movement import (
    Motion,
    Rep,
    Worn,
    X,
    Y,
    Z,
    damaged,
    even,
    feed,
    keep,
    path,
    record,
    repetitions,
    rotation,
    template,
    total,
    truth,
)

Float64 = NDArray[np.float64]
Interval = tuple[float, float]

ONE = (Rep(2.0),)
INTERVAL: Interval = (1.8, 5.0)


def movement(learned: ExerciseTemplate) -> LearnedMovement:
    assert isinstance(learned.movement, LearnedMovement)
    return learned.movement


def axis_deg(learned: ExerciseTemplate, slot: str, axis: tuple[float, float, float]) -> float:
    """Angle between the learned and the true axis."""
    found = np.array(movement(learned).axes[slot].axis)
    cosine = float(found @ np.array(axis)) / float(np.linalg.norm(found) * np.linalg.norm(axis))
    return math.degrees(math.acos(min(1.0, abs(cosine)))) if cosine > 0 else 180.0


def demonstrated(
    motion: Motion | tuple[Rep, ...] = ONE,
    *worn: Worn,
    intervals: tuple[Interval, ...] = (INTERVAL,),
    last_s: float = 8.0,
) -> ExerciseTemplate:
    sensors = worn or (Worn(),)
    return learn({each.slot: record(motion, each, last_s) for each in sensors}, intervals)


# --- what is learned ----------------------------------------------------------------------------


@pytest.mark.parametrize("axis", [X, Y, (-1.0, 0.0, 0.0), (0.6, -0.8, 0.0)])
@pytest.mark.parametrize("strap", [(1.0, 0.0, 0.0, 0.0), STRAP, OTHER_STRAP])
def test_the_axis_of_the_demonstration_is_learned_in_its_direction(
    axis: tuple[float, float, float], strap: Float64
) -> None:
    worn = Worn(axis=axis, noise_dps=0.2).turned(np.array(strap))
    learned = demonstrated(ONE, worn)
    assert movement(learned).coordinate == "tilt"
    assert axis_deg(learned, "one", worn.axis) < 2.0
    assert np.linalg.norm(movement(learned).axes["one"].axis) == pytest.approx(1.0, abs=1e-3)


def test_the_pose_at_the_start_is_learned() -> None:
    worn = Worn(pose=(math.cos(0.3), 0.0, math.sin(0.3), 0.0))
    up = movement(demonstrated(ONE, worn)).axes["one"].start_up
    assert up == pytest.approx((-math.sin(0.6), 0.0, math.cos(0.6)), abs=0.01)


@pytest.mark.parametrize("range_deg", [12.0, 60.0, 120.0])
def test_the_range_is_learned_with_its_margins(range_deg: float) -> None:
    target = demonstrated((Rep(2.0, range_deg=range_deg),)).range
    assert target.count_from_deg == pytest.approx(COUNT_FROM_SHARE * range_deg, abs=0.3)
    assert target.minimum_deg == pytest.approx(MINIMUM_SHARE * range_deg, abs=0.8)
    assert target.goal_deg == pytest.approx(GOAL_SHARE * range_deg, abs=0.8)
    assert target.limit_deg == pytest.approx(LIMIT_SHARE * range_deg, abs=1.2)


@pytest.mark.parametrize("out_s", [0.6, 1.2, 4.0])
def test_the_tempo_is_learned_with_its_margins(out_s: float) -> None:
    rep = Rep(2.0, out_s=out_s, back_s=1.5 * out_s)
    learned = demonstrated((rep,), intervals=((1.5, rep.over_s + 0.5),), last_s=rep.over_s + 3.0)
    active_s = truth(rep).active_s
    assert learned.tempo.active_s == pytest.approx(
        (FASTEST_SHARE * active_s, SLOWEST_SHARE * active_s), abs=0.06
    )
    assert (learned.tempo.out_s, learned.tempo.hold_s, learned.tempo.back_s) == (None, None, None)


def test_a_movement_about_the_vertical_gives_a_rotation() -> None:
    learned = demonstrated(ONE, Worn(axis=Z))
    assert movement(learned).coordinate == "rotation"
    assert axis_deg(learned, "one", Z) < 2.0
    assert learned.range.goal_deg == pytest.approx(GOAL_SHARE * 60.0, abs=0.8)


def test_a_leaning_axis_that_tilts_enough_stays_a_tilt() -> None:
    learned = demonstrated(ONE, Worn(axis=(0.8, 0.0, 0.6)))
    assert movement(learned).coordinate == "tilt"


def test_all_sensors_share_in_the_movement_by_how_much_they_turn() -> None:
    learned = demonstrated(
        ONE,
        Worn("thigh", X, share=0.5, rate_hz=100.0, seed=2),
        Worn("shank", Y, rate_hz=25.0, first_s=-0.011, seed=3),
        Worn("chest", X, share=0.02, seed=4),
    )
    axes = movement(learned).axes
    assert list(axes) == ["shank", "thigh"]
    assert np.linalg.norm(axes["shank"].axis) == pytest.approx(1.0, abs=1e-3)
    assert np.linalg.norm(axes["thigh"].axis) == pytest.approx(0.5, abs=0.02)
    assert axis_deg(learned, "shank", Y) < 2.0
    assert axis_deg(learned, "thigh", X) < 2.0
    assert learned.slots == ("shank", "thigh")


def test_a_single_sensor_can_be_chosen() -> None:
    samples = {slot: record(ONE, Worn(slot, share=share), 8.0) for slot, share in
               (("thigh", 0.5), ("shank", 1.0))}  # fmt: skip
    learned = learn(samples, [INTERVAL], sensor="thigh", template_id="mine", name="My exercise")
    assert learned.slots == ("thigh",)
    assert learned.range.goal_deg == pytest.approx(GOAL_SHARE * 30.0, abs=0.6)
    assert (learned.id, learned.name) == ("mine", "My exercise")


def test_several_demonstrations_are_taken_together() -> None:
    reps = (Rep(2.0, 50.0), Rep(6.0, 60.0), Rep(10.0, 90.0, 2.0, 1.0, 2.0))
    intervals = ((1.8, 5.2), (5.8, 9.2), (9.8, 15.4))
    learned = demonstrated(reps, intervals=intervals, last_s=17.0)
    # Medians of range and tempo; counted from what even the smallest shows.
    assert learned.range.goal_deg == pytest.approx(GOAL_SHARE * 60.0, abs=1.0)
    assert learned.range.count_from_deg == pytest.approx(COUNT_FROM_SHARE * 50.0, abs=0.5)
    assert learned.tempo.active_s is not None
    assert learned.tempo.active_s[0] == pytest.approx(
        FASTEST_SHARE * truth(reps[1]).active_s, abs=0.06
    )


@pytest.mark.parametrize("edge_s", [0.0, 0.3, 1.5])
def test_how_much_rest_the_interval_holds_makes_no_difference(edge_s: float) -> None:
    rep = Rep(4.0)
    learned = demonstrated((rep,), intervals=((4.0 - edge_s, rep.over_s + edge_s),), last_s=10.0)
    assert learned.range.goal_deg == pytest.approx(GOAL_SHARE * 60.0, abs=1.0)
    assert learned.tempo.active_s == pytest.approx(
        (FASTEST_SHARE * truth(rep).active_s, SLOWEST_SHARE * truth(rep).active_s), abs=0.1
    )


# --- only the intervals decide ------------------------------------------------------------------


def test_what_happens_outside_the_intervals_changes_neither_axis_nor_range_nor_tempo() -> None:
    calm = demonstrated((Rep(12.0),), intervals=((11.8, 15.2),), last_s=26.0)
    # Larger, faster and about another axis, before and after.
    wild = total(
        path((2.0, 0.0), (2.6, 110.0), (3.2, 0.0), (5.0, 0.0), (5.5, -80.0), (6.0, 0.0)),
        (Rep(12.0),),
        path((18.0, 0.0), (18.5, 120.0), (19.0, 0.0)),
    )
    learned = demonstrated(wild, intervals=((11.8, 15.2),), last_s=26.0)
    assert axis_deg(learned, "one", X) < 1.0
    assert learned.range.goal_deg == pytest.approx(calm.range.goal_deg, abs=0.8)
    assert learned.tempo.active_s == pytest.approx(calm.tempo.active_s, abs=0.05)


def test_what_comes_after_the_interval_changes_nothing_at_all() -> None:
    # Filters only look back, so that the template is the same to the last digit.
    alone = record((Rep(2.0),), Worn(), 6.0)
    followed = record((Rep(2.0), Rep(7.0, 100.0)), Worn(), 6.0)
    assert learn({"one": followed}, [INTERVAL]) == learn({"one": alone}, [INTERVAL])


# --- the template is of use ---------------------------------------------------------------------


@settings(deadline=None, max_examples=15)
@given(
    strap=st.sampled_from([(1.0, 0.0, 0.0, 0.0), tuple(STRAP), tuple(OTHER_STRAP)]),
    # A slow turn about the vertical is another story, which `rest` tells.
    axis=st.sampled_from([X, Y, (0.5, 0.5, 0.7)]),
    range_deg=st.floats(20.0, 110.0),
    out_s=st.floats(0.7, 2.5),
)
def test_repetitions_like_the_demonstrated_one_are_counted_and_correct(
    strap: tuple[float, ...], axis: tuple[float, float, float], range_deg: float, out_s: float
) -> None:
    worn = Worn(axis=axis, noise_dps=0.1).turned(np.array(strap))
    reps = even(4, range_deg=range_deg, out_s=out_s, back_s=out_s, every_s=2.0 * out_s + 2.0)
    samples = record(reps, worn, reps[-1].over_s + 2.0)
    learned = learn({"one": samples}, [(reps[0].start_s - 0.5, reps[0].over_s + 0.5)])
    found = repetitions(feed(Tracker(learned), [samples]))
    assert len(found) == 4
    assert all(event.verdict is Verdict.CORRECT and event.goal_reached for event in found)


def test_turns_like_the_demonstrated_one_are_counted_and_correct() -> None:
    samples = record(even(5), Worn(axis=Z), 23.0)
    found = repetitions(feed(Tracker(learn({"one": samples}, [(1.5, 5.2)])), [samples]))
    assert len(found) == 5
    assert all(event.verdict is Verdict.CORRECT and event.goal_reached for event in found)


def test_shorter_faster_and_larger_ones_are_told_from_the_demonstrated() -> None:
    reps = (Rep(2.0), Rep(7.0, 40.0), Rep(12.0, 60.0, 0.5, 0.1, 0.5), Rep(17.0, 110.0, 1.8))
    samples = record(reps, Worn(), 24.0)
    learned = learn({"one": samples}, [(1.5, 5.5)])
    found = repetitions(feed(Tracker(learned), [samples]))
    assert [event.faults for event in found] == [[], ["range_short"], ["too_fast"], ["range_over"]]


def test_who_turns_where_it_was_shown_is_correct_wherever_the_rest_lies() -> None:
    # Shown from 0 to 60 degrees. From a rest at 15 degrees the same turning point is 45 degrees of
    # range; from a rest 15 degrees below, 45 degrees of range turn well before it.
    shown = learn({"one": record(ONE, Worn(), 8.0)}, [INTERVAL])
    assert shown.range.measured_from == "start"
    corners = [(0, 15), (4, 15), (5.5, 60), (6, 60), (7.5, 15), (12, 15), (14, -15), (18, -15)]
    corners += [(20, 30), (20.5, 30), (22.5, -15), (26, -15)]
    found = repetitions(feed(Tracker(shown), [record(path(*corners), Worn(), 26.0)]))
    assert [round(event.rom_deg) for event in found] == pytest.approx([45, 45], abs=2)
    assert [event.faults for event in found] == [[], ["range_short"]]
    tops = [45 + (1 - REST_SHARE) * 15, 45 - (1 - REST_SHARE) * 15]
    assert [event.reach_deg for event in found] == pytest.approx(tops, abs=2.0)


def test_the_limit_of_a_learned_exercise_is_cued_where_it_is_judged() -> None:
    # 70 degrees of range from a rest at 40 turn at 110: beyond 1.6 times 60 less a quarter of 40.
    shown = learn({"one": record(ONE, Worn(), 8.0)}, [INTERVAL])
    corners = [(0, 40), (4, 40), (6, 112), (6.5, 112), (8.5, 40), (12, 40)]
    events = feed(Tracker(shown), [record(path(*corners), Worn(), 12.0)])
    (found,) = repetitions(events)
    assert found.faults == ["range_over"]
    (cue,) = (event for event in events if isinstance(event, CueEvent))
    assert cue.code == "limit"
    assert cue.t_s < found.peak_s


def test_a_turn_is_judged_by_its_range_above_the_rest() -> None:
    # Heading is free, so that no start pose is known of a turn about the vertical.
    learned = demonstrated(ONE, Worn(axis=Z))
    assert learned.range.measured_from == "rest"
    (found,) = repetitions(feed(Tracker(learned), [record(ONE, Worn(axis=Z), 8.0)]))
    assert found.reach_deg is None
    assert found.judged_range_deg == found.rom_deg


def test_a_learned_template_is_readable_and_comes_back_from_yaml(tmp_path: Path) -> None:
    learned = demonstrated(
        ONE, Worn("thigh", share=0.5), Worn("shank"), intervals=(INTERVAL, (1.9, 5.1))
    )
    text = learned.to_yaml()
    path_ = tmp_path / "mine.yaml"
    path_.write_text(text, "utf-8")
    assert ExerciseTemplate.load(path_) == learned
    assert max(len(line) for line in text.splitlines()) <= 110
    assert "!!" not in text
    assert "demonstration at 1.8-5 s, 1.9-5.1 s: reach " in " ".join(text.split())
    assert "carry no sensor" in learned.cannot_see
    # A person may read it: no value with more digits than it is worth.
    assert all(len(f"{part:g}") <= 7 for a in movement(learned).axes.values() for part in a.axis)


def test_a_demonstration_gives_the_same_template_every_time() -> None:
    assert demonstrated().to_yaml() == demonstrated().to_yaml()


# --- what is no demonstration -------------------------------------------------------------------

SAMPLES = {"one": record(ONE, Worn(), 8.0)}


@pytest.mark.parametrize(
    ("intervals", "said"),
    [
        pytest.param([], "at least one interval", id="none"),
        pytest.param([(5.0, 1.8)], "reversed", id="reversed"),
        pytest.param([(1.8, 1.9)], "too short", id="short"),
        pytest.param([(2.0, 2.0)], "too short", id="empty"),
        pytest.param([(-3.0, 4.0)], "outside the recording", id="before"),
        pytest.param([(6.0, 60.0)], "outside the recording", id="after"),
        pytest.param([(100.0, 104.0)], "outside the recording", id="far after"),
        pytest.param([(math.nan, 4.0)], "two times in seconds", id="nan"),
        pytest.param([(1.8, math.inf)], "two times in seconds", id="endless"),
        pytest.param([INTERVAL, (9.0, 8.0)], "reversed", id="second one"),
    ],
)
def test_intervals_that_cannot_be_are_refused(intervals: list[Interval], said: str) -> None:
    with pytest.raises(LearningError, match=said) as caught:
        learn(SAMPLES, intervals)
    assert caught.value.reason is LearningFault.INTERVAL


def test_an_interval_without_samples_is_refused() -> None:
    gappy = keep(SAMPLES["one"], (SAMPLES["one"].t_s < 1.8) | (SAMPLES["one"].t_s > 5.0))
    with pytest.raises(LearningError, match="holds only") as caught:
        learn({"one": gappy}, [(1.9, 4.9)])
    assert caught.value.reason is LearningFault.INTERVAL


@pytest.mark.parametrize(
    "motion",
    [
        pytest.param((Rep(99.0),), id="still"),
        pytest.param((Rep(2.0, LEAST_MOVEMENT_DEG - 1.5),), id="too small"),
        pytest.param(path((2.0, 0.0), (3.5, 60.0)), id="never comes back"),
    ],
)
def test_an_interval_without_a_whole_repetition_is_refused(
    motion: Motion | tuple[Rep, ...],
) -> None:
    with pytest.raises(LearningError) as caught:
        demonstrated(motion, Worn(noise_dps=0.05))
    assert caught.value.reason is LearningFault.NO_MOVEMENT
    assert "choose" in str(caught.value)


def test_a_sensor_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(LearningError, match="no sensor 'two'; it has one") as caught:
        learn(SAMPLES, [INTERVAL], sensor="two")
    assert caught.value.reason is LearningFault.NO_SENSOR
    with pytest.raises(LearningError, match="holds no sensor"):
        learn({}, [INTERVAL])


def test_a_sensor_without_valid_samples_is_named() -> None:
    dead = damaged(record(ONE, Worn("dead"), 8.0), -1.0, 9.0, "nan")
    empty = Samples.of("empty", [], np.empty((0, 3)), np.empty((0, 3)))
    for bad in (dead, empty):
        with pytest.raises(LearningError, match=f"'{bad.sensor}' holds no usable") as caught:
            learn({**SAMPLES, bad.sensor: bad}, [INTERVAL])
        assert caught.value.reason is LearningFault.NO_SENSOR
        assert learn({**SAMPLES, bad.sensor: bad}, [INTERVAL], sensor="one").slots == ("one",)


def test_the_recording_is_not_changed() -> None:
    samples = record(ONE, Worn(), 8.0)
    before = samples.copy()
    learn({"one": samples}, [INTERVAL])
    assert samples.t_s.tobytes() == before.t_s.tobytes()
    assert samples.acc_mps2.tobytes() == before.acc_mps2.tobytes()
    assert samples.gyr_radps.tobytes() == before.gyr_radps.tobytes()


def test_a_learned_template_needs_nothing_that_a_written_one_does_not() -> None:
    written = template(
        {"kind": "learned", "coordinate": "tilt", "axes": {
            "one": {"axis": [1, 0, 0], "start_up": [0, 0, 1]}}}
    )  # fmt: skip
    assert type(demonstrated()) is type(written)


def test_a_template_may_judge_against_the_persons_own_range() -> None:
    samples = record(even(1), Worn(), 8.0)
    learned = learn({"one": samples}, [(1.5, 5.5)], reference="own")
    assert learned.range.reference == "own"
    prescribed = learn({"one": samples}, [(1.5, 5.5)])
    assert prescribed.range.reference == "prescription"
    assert learned.range.model_dump(exclude={"reference"}) == prescribed.range.model_dump(
        exclude={"reference"}
    )


def test_sensors_that_hardly_move_leave_their_pose_and_are_not_needed() -> None:
    still = Worn("aside", seed=8).turned(rotation(X, 70.0))
    samples = {
        "limb": record(even(1), Worn("limb"), 8.0),
        "aside": record((), still, 8.0),
    }
    learned = learn(samples, [(1.5, 6.0)])
    assert learned.slots == ("limb",)
    assert learned.watched_slots == ("limb", "aside")
    movement = learned.movement
    assert isinstance(movement, LearnedMovement)
    tilt = math.radians(70.0)
    up = (0.0, math.sin(tilt), math.cos(tilt))
    assert movement.poses["aside"] == pytest.approx(up, abs=0.02)
    again = ExerciseTemplate.from_document(read_yaml(learned.to_yaml(), "test"), source="test")
    assert again == learned
    assert learn(samples, [(1.5, 6.0)], sensor="limb").watched_slots == ("limb",)
