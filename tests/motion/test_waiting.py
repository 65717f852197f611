"""Brief movements of several sensors wait until it shows whether steps follow: they are told in
time, in order, when the set ends before, and the same from a snapshot.
"""

import pytest

from motion.events import RepetitionEvent
from motion.gait import SHOWN_S
from motion.repetition import SETTLE_S
from motion.tracker import Tracker
from tests.motion.movement import (
    Worn,
    even,
    feed,
    feed_restoring,
    keep,
    record,
    repetitions,
    template,
)

AXES = {"axis": [1, 0, 0], "start_up": [0, 0, 1]}
PAIR = template(
    {"kind": "learned", "coordinate": "tilt", "axes": {"one": AXES, "two": AXES}},
    ["one", "two"],
)
BRISK = even(4, every_s=2.5, out_s=0.5, hold_s=0.1, back_s=0.5)
SAMPLES = [record(BRISK, Worn(slot), 14.0) for slot in PAIR.slots]


def test_brief_repetitions_are_told_within_half_a_second_of_their_end() -> None:
    for onsets in (False, True):
        found = repetitions(feed(Tracker(PAIR, onsets=onsets), SAMPLES))
        assert [event.index for event in found] == [1, 2, 3, 4]
        late = [event.reported_s - event.end_s for event in found]
        # By its speed a movement ends later than by its band, from which the wait is counted.
        assert min(late) >= SHOWN_S - (SETTLE_S if onsets else 0.0)
        assert max(late) <= 0.5 + 1e-9


@pytest.mark.parametrize("ends", ["pause", "neutral", "set"])
def test_a_repetition_that_waits_is_told_when_the_set_ends(ends: str) -> None:
    whole = repetitions(feed(Tracker(PAIR), SAMPLES))
    # Seen to have ended, with its wait not over.
    until_s = whole[0].end_s + 0.2
    tracker = Tracker(PAIR)
    events = feed(tracker, [keep(one, one.t_s < until_s) for one in SAMPLES], finish=False)
    tracker.advance(until_s)
    assert repetitions(events) == []
    if ends == "pause":
        told = tracker.count(False)
    elif ends == "neutral":
        told = tracker.take_neutral()
    else:
        told = tracker.release()
    (event,) = (each for each in told if isinstance(each, RepetitionEvent))
    assert event.end_s == whole[0].end_s


def test_snapshots_keep_what_waits() -> None:
    assert feed_restoring(Tracker(PAIR), SAMPLES, each=7) == feed(Tracker(PAIR), SAMPLES)
