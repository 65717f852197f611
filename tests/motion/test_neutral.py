"""The neutral pose of sensors that were put on anew: which moment is taken for it, and that nothing
before that moment is lost. Which axes follow from it is tested with the tracker.
"""

import itertools

import numpy as np
import pytest

from motion.events import AngleEvent, Event, RepetitionEvent
from motion.neutral import NeutralSearch
from motion.samples import Samples
from motion.template import ExerciseTemplate
from motion.tracker import Tracker
from tests.motion.movement import (
    Rep,
    Worn,
    X,
    even,
    feed,
    path,
    record,
    repetitions,
    rotation,
    template,
)

TILT = template(
    movement={
        "kind": "learned",
        "coordinate": "tilt",
        "axes": {"one": {"axis": [1, 0, 0], "start_up": [0, 0, 1]}},
    },
    range={"count_from_deg": 12, "minimum_deg": 45, "goal_deg": 55, "limit_deg": 90},
)
# Turned in its strap by 30 degrees, about an axis across that of the movement.
TURNED = Worn(noise_dps=0.05).turned(rotation((0.0, 1.0, 0.0), 30.0))
# In motion from the first sample on: up, held, down to the rest; then three whole ones.
FROM_THE_TOP = path(
    (0, 60), (3, 60), (4.5, 0), (6, 0), (7.2, 60), (7.6, 60), (8.8, 0), (11, 0), (12.2, 60),
    (12.6, 60), (13.8, 0), (16, 0), (17.2, 60), (17.6, 60), (18.8, 0), (21, 0),
)  # fmt: skip


def searched(samples: Samples, *, angles: bool = False) -> tuple[Tracker, list[Event]]:
    """What a tracker tells that is asked for the neutral pose before anything came."""
    tracker = Tracker(TILT, angles=angles)
    tracker.take_neutral()
    return tracker, feed(tracker, [samples])


def test_a_hold_at_the_turning_point_is_not_taken_for_the_rest() -> None:
    # The first still half-second is the hold at 60 degrees.
    _, events = searched(record(FROM_THE_TOP, TURNED, 21.0))
    found = repetitions(events)
    assert [round(event.peak_s) for event in found] == [7, 12, 17]
    assert [event.rom_deg for event in found] == pytest.approx([60.0] * 3, abs=2.0)


def test_movements_before_the_first_stillness_are_counted() -> None:
    # Nobody stands still before the third one is over.
    hurried = path(
        (0, 0), (0.3, 0), (1.5, 60), (2.7, 0), (3.9, 60), (5.1, 0), (6.3, 60), (7.5, 0), (10, 0)
    )
    _, events = searched(record(hurried, TURNED, 10.0))
    assert [round(event.peak_s, 1) for event in repetitions(events)] == pytest.approx(
        [1.5, 3.9, 6.3], abs=0.2
    )


def test_stillness_far_from_the_start_pose_is_another_posture() -> None:
    # Lying down at first: 100 degrees from the start pose.
    motion = path((0, 100), (3, 100), (5, 0), (8, 0), (9.2, 60), (9.6, 60), (10.8, 0), (13, 0))
    _, events = searched(record(motion, TURNED, 13.0))
    assert [event.rom_deg for event in repetitions(events)][-1] == pytest.approx(60.0, abs=2.0)
    assert [round(event.peak_s) for event in repetitions(events)][-1] == 9


def test_who_stands_still_when_asked_is_neutral_at_once() -> None:
    # The movement begins a tenth of a second after the control; there is no half-second left.
    reps = (Rep(4.1), Rep(9.0))
    samples = record(reps, TURNED, 14.0)
    tracker = Tracker(TILT)
    early = samples.where(samples.t_s < 4.0)
    feed(tracker, [early], finish=False)
    tracker.take_neutral()
    found = repetitions(feed(tracker, [samples.where(samples.t_s >= 4.0)]))
    assert [event.rom_deg for event in found] == pytest.approx([60.0, 60.0], abs=2.0)


def test_the_pose_may_be_shown_before_the_set_begins() -> None:
    samples = record(even(3, first_s=6.0), TURNED, 24.0)
    tracker = Tracker(TILT)
    tracker.count(False)
    tracker.take_neutral()
    feed(tracker, [samples.where(samples.t_s < 5.9)], finish=False)
    tracker.count(True)
    found = repetitions(feed(tracker, [samples.where(samples.t_s >= 5.9)]))
    assert [event.rom_deg for event in found] == pytest.approx([60.0] * 3, abs=2.0)


def test_no_angle_is_told_twice() -> None:
    _, events = searched(record(FROM_THE_TOP, TURNED, 21.0), angles=True)
    times = [event.t_s for event in events if isinstance(event, AngleEvent)]
    assert len(times) > 900
    assert all(a < b for a, b in itertools.pairwise(times))


@pytest.mark.parametrize("until_s", [0.4, 2.0, 4.4, 5.2, 7.9])
def test_a_snapshot_within_the_search_continues_to_the_last_bit(until_s: float) -> None:
    samples = record(FROM_THE_TOP, TURNED, 21.0)
    tracker = Tracker(TILT)
    tracker.take_neutral()
    before = feed(tracker, [samples.where(samples.t_s < until_s)], finish=False)
    again = Tracker.restore(tracker.state())
    rest = samples.where(samples.t_s >= until_s)
    expected = feed(tracker, [rest])
    assert feed(again, [rest]) == expected
    assert len(repetitions([*before, *expected])) == 3


def test_how_the_stream_is_cut_changes_nothing() -> None:
    samples = record(FROM_THE_TOP, TURNED, 21.0)
    _, whole = searched(samples, angles=True)
    cut = Tracker(TILT, angles=True)
    cut.take_neutral()
    edges = [0, 1, 7, 100, 101, 230, 400, len(samples)]
    parts = [samples.rows(a, b) for a, b in itertools.pairwise(edges)]
    events = feed(cut, parts)
    assert [e for e in events if isinstance(e, RepetitionEvent)] == [
        e for e in whole if isinstance(e, RepetitionEvent)
    ]


def test_what_is_long_past_is_let_go() -> None:
    search = NeutralSearch(np.array([[0.0, 0.0, 1.0]]), 20.0)
    # Never still: ten degrees to and fro, for two minutes.
    t = np.arange(6000) / 50.0
    half = np.radians(5.0) * np.sin(4.0 * t)
    q = np.stack([np.cos(half), np.sin(half), 0.0 * t, 0.0 * t], axis=1)
    search.keep(t, q, np.zeros(len(t), np.uint8))
    assert search.look() is None
    assert search.rows["t"][0] == pytest.approx(60.0, abs=0.1)


def test_a_template_without_a_demonstration_ignores_strapping() -> None:
    tracker = Tracker(ExerciseTemplate.load("watch-abduction"))
    tracker.take_neutral()
    reps = even(4, range_deg=120.0)
    samples = record(reps, Worn("wrist", axis=X), reps[-1].over_s + 2.0)
    assert len(repetitions(feed(tracker, [samples]))) == 4


def test_steps_are_kept_beside_what_waits_for_the_pose() -> None:
    # Who walks before the pose is known must not have the strides counted afterwards.
    search = NeutralSearch(np.array([[0.0, 0.0, 1.0]]), 20.0)
    upright = np.tile([1.0, 0.0, 0.0, 0.0], (4, 1))
    search.keep(np.arange(4.0), upright, np.zeros(4, np.uint8))
    rows = NeutralSearch(np.array([[0.0, 0.0, 1.0]]), 20.0).rows
    at = rows.append(4)
    rows.arrays["t"][at : at + 4] = 4.0 + np.arange(4.0)
    rows.arrays["q"][at : at + 4] = upright
    search.take(rows, np.array([0, 1, 1, 0], np.uint8))
    assert search.rows["steps"].tolist() == [0, 0, 0, 0, 0, 1, 1, 0]
