"""A session is the same after a crash at any moment, and takes nothing that its state forbids."""

import random
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from devices.packet_file import Arrived, LinkChanged, Ticked, redecode
from devices.recorder import packets_path
from devices.recording import Recording
from motion.events import Event, SessionEvent, SetEvent, encode
from motion.samples import Watermark
from motion.session import (
    BeginSetControl,
    Control,
    EndSetControl,
    NeutralControl,
    PauseControl,
    ResumeControl,
    SkipControl,
    StartControl,
    StopControl,
)
from motion.template import ExerciseTemplate
from server.errors import JournalError, LiveError, LiveFault
from server.live import session_run
from server.live.journal import Journal
from server.live.packet_frame import PacketFrame
from server.live.session_run import SessionRun, SessionState
from server.replay import Outcome, Replay, first_difference
from tests.server.live.sessions import begun, bends, bits, feed, journal_in, undisturbed

START = StartControl(ExerciseTemplate.load("lumbar-bend").document())
SECOND_NS = 10**9


def never_lost(events: list[Event]) -> list[bytes]:
    return [encode(each) for each in events if hasattr(each, "seq")]


def frame(run: SessionRun, number: int, until_s: float) -> bytes:
    until_ns = bends().origin_ns + round(until_s * SECOND_NS)
    return run.layout.encode(PacketFrame(number, until_ns, []))


def feed_frames(run: SessionRun, until: int) -> None:
    """Frames without a packet, a tenth of a second each."""
    for number in range(run.number + 1, until):
        run.frame(frame(run, number, number / 10))


def earlier(event: Arrived | LinkChanged, by_ns: int) -> Arrived | LinkChanged:
    if isinstance(event, LinkChanged):
        return replace(event, at_ns=event.at_ns - by_ns)
    packet = event.packet
    return replace(event, packet=packet._replace(arrival_ns=packet.arrival_ns - by_ns))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("snapshots", [True, False])
def test_a_session_that_crashes_again_and_again_tells_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, snapshots: bool
) -> None:
    if not snapshots:
        monkeypatch.setattr(session_run, "SNAPSHOT_EVERY_S", 1e9)
    draw = random.Random(seed)
    whole = journal_in(tmp_path)
    undisturbed_events = bits(feed(begun(whole, "whole")))
    whole.close()
    journal = journal_in(tmp_path)
    run = begun(journal)
    told: dict[int, list[bytes]] = {}
    last = len(bends().inputs)
    for stop in [*sorted(draw.sample(range(1, last), 7)), last]:
        while run.number < stop:
            number = run.number + 1
            told[number] = bits(feed(run, number))
            if draw.random() < 0.3:
                journal.commit()
        if stop == last:
            break
        committed = journal.durable("morning").number
        journal.close()
        journal = journal_in(tmp_path)
        run = SessionRun.recover(journal, "morning")
        assert run.number == committed
        assert run.recovery is not None
        assert run.recovery.same
        assert run.recovery.inputs == committed
        if snapshots:
            # Ten seconds, and what a commit that never came would have held.
            assert run.recovery.replayed <= 130
    assert [event for number in sorted(told) for event in told[number]] == undisturbed_events
    journal.commit()
    assert never_lost(run.told(0)) == list(undisturbed())
    assert never_lost(run.told(3)) == list(undisturbed()[3:])
    journal.close()


def test_a_snapshot_that_cannot_be_read_costs_time_and_nothing_else(tmp_path: Path) -> None:
    journal = journal_in(tmp_path)
    run = begun(journal)
    before = bits(feed(run, 400))
    journal.commit()
    journal._base.execute("UPDATE snapshot SET state = x'00'")
    journal.close()
    with journal_in(tmp_path) as journal:
        run = SessionRun.recover(journal, "morning")
        assert run.recovery == session_run.Recovery(400, 400, True)
        after = bits(feed(run))
    with Journal(tmp_path / "other") as journal:
        assert before + after == bits(feed(begun(journal)))


def test_an_engine_that_tells_other_events_after_a_crash_is_noticed(tmp_path: Path) -> None:
    with journal_in(tmp_path) as journal:
        run = begun(journal)
        feed(run)
        journal.commit()
        journal._base.execute("DELETE FROM snapshot")
        journal._base.execute("UPDATE event SET data = data || ' ' WHERE seq = 2")
        again = SessionRun.recover(journal, "morning")
        assert again.recovery is not None
        assert not again.recovery.same


def test_an_input_sent_twice_counts_once_and_one_left_out_is_asked_for(tmp_path: Path) -> None:
    with journal_in(tmp_path) as journal:
        run = begun(journal)
        before = never_lost(feed(run, 300))
        state = run.state
        assert run.frame(frame(run, 300, 0.0)) == []
        assert run.control(2, StopControl()) == []
        assert (run.number, run.state) == (300, state)
        with pytest.raises(LiveError) as refused:
            run.frame(frame(run, 302, 40.0))
        assert (refused.value.reason, refused.value.expected) == (LiveFault.MISSING, 301)
        assert before + never_lost(feed(run)) == list(undisturbed())


def test_a_finished_session_is_a_recording_that_replays_to_the_last_bit(tmp_path: Path) -> None:
    with journal_in(tmp_path) as journal:
        run = begun(journal)
        with pytest.raises(LiveError, match="stop it"):
            run.finish(tmp_path)
        told = feed(run)
        path = run.finish(tmp_path)
        assert path is not None
        assert journal.sessions() == []
    recording = Recording.open(path)
    assert recording.info.events is not None
    assert len(recording.info.events) == len(told)
    outcome = Outcome()
    for _ in Replay.plan(recording, None).run(outcome):
        pass
    assert first_difference(recording.info.events, outcome.events) is None
    assert recording.info.log is not None
    marks = [each.t_s for each in redecode(packets_path(path)) if isinstance(each, Watermark)]
    assert marks == recording.info.log.watermarks_s
    (done,) = (each for each in told if isinstance(each, SetEvent))
    assert done.repetitions == 5
    assert isinstance(told[-1], SessionEvent)


def test_a_session_without_a_sample_leaves_no_recording(tmp_path: Path) -> None:
    with journal_in(tmp_path) as journal:
        run = begun(journal)
        run.control(1, StopControl())
        assert run.finish(tmp_path) is None
        assert journal.sessions() == []
    assert [each.name for each in tmp_path.glob("*.parquet")] == ["morning.packets.parquet"]


@pytest.mark.parametrize("rebooted", [False, True])
def test_a_hub_that_was_away_leaves_a_marked_gap(tmp_path: Path, rebooted: bool) -> None:
    inputs = bends().inputs
    frames = [each for each in inputs if isinstance(each, PacketFrame)]
    journal = journal_in(tmp_path)
    run = begun(journal)
    run.control(1, START)
    run.control(2, BeginSetControl())
    for each in frames[:200]:
        run.packets([*each.events, Ticked(each.until_ns)], each.until_ns)
    journal.commit()
    run.packets(frames[200].events, frames[200].until_ns)
    journal.close()
    with journal_in(tmp_path) as journal:
        run = SessionRun.recover(journal, "morning")
        assert run.number == 202
        lost_ns = frames[199].until_ns
        shift_ns = lost_ns + 5 * SECOND_NS if rebooted else 0
        run.mark_gap(frames[210].until_ns - shift_ns)
        for each in frames[211:]:
            moved = [earlier(event, shift_ns) for event in each.events]
            run.packets(moved, each.until_ns - shift_ns)
        run.control(run.number + 1, StopControl())
        path = run.finish(tmp_path)
    assert path is not None
    info = Recording.open(path).info
    (gap,) = info.annotations
    assert gap.kind == "gap"
    assert gap.start_s == (lost_ns - bends().origin_ns) / 1e9
    assert gap.end_s - gap.start_s == pytest.approx(0.1 if rebooted else 1.1)
    assert info.log is not None
    assert all(a < b for a, b in pairwise(info.log.watermarks_s))
    assert info.events is not None
    assert info.events[-1]["type"] == "session"


@pytest.mark.parametrize(
    ("before", "control", "after"),
    [
        ([], START, SessionState.IN_EXERCISE),
        ([START], BeginSetControl(), SessionState.IN_SET),
        ([START], NeutralControl(), SessionState.IN_EXERCISE),
        ([START, BeginSetControl()], EndSetControl(), SessionState.RESTING),
        ([START, BeginSetControl(), EndSetControl()], START, SessionState.IN_EXERCISE),
        ([START, BeginSetControl()], PauseControl(), SessionState.PAUSED),
        ([START, BeginSetControl(), PauseControl()], ResumeControl(), SessionState.IN_SET),
        ([START, PauseControl()], ResumeControl(), SessionState.IN_EXERCISE),
        ([START, PauseControl()], SkipControl(), SessionState.READY),
        ([START, PauseControl()], StopControl(), SessionState.ENDED),
        ([], BeginSetControl(), None),
        ([], SkipControl(), None),
        ([START], EndSetControl(), None),
        ([START], ResumeControl(), None),
        ([START, BeginSetControl()], START, None),
        ([START, PauseControl()], BeginSetControl(), None),
        ([START, PauseControl()], PauseControl(), None),
        ([StopControl()], START, None),
    ],
)
def test_a_control_leads_on_or_is_refused_and_changes_nothing(
    tmp_path: Path, before: list[Control], control: Control, after: SessionState | None
) -> None:
    with journal_in(tmp_path) as journal:
        run = begun(journal)
        for number, each in enumerate(before, start=1):
            run.control(number, each)
        stood, number = run.state, len(before) + 1
        if after is None:
            with pytest.raises(LiveError) as refused:
                run.control(number, control)
            assert refused.value.reason is LiveFault.ILLEGAL
            assert (run.state, run.number) == (stood, len(before))
        else:
            run.control(number, control)
            journal.commit()
            assert run.state is after
            assert SessionRun.recover(journal, "morning").state is after


def test_what_follows_a_set_is_not_counted_until_the_next(tmp_path: Path) -> None:
    script = bends().inputs
    half = len(script) // 2
    with journal_in(tmp_path) as journal:
        run = begun(journal)
        feed(run, half)
        (ended,) = (e for e in run.control(half + 1, EndSetControl()) if isinstance(e, SetEvent))
        assert 0 < ended.repetitions < 5
        told: list[Event] = []
        for each in script[half:]:
            if isinstance(each, PacketFrame):
                moved = replace(each, number=run.number + 1)
                told += run.frame(run.layout.encode(moved))
        assert never_lost(told) == []


def test_a_template_that_is_none_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    with journal_in(tmp_path) as journal:
        run = begun(journal)
        with pytest.raises(LiveError) as refused:
            run.control(1, StartControl({"id": "x"}))
        assert refused.value.reason is LiveFault.CONTROL
        assert (run.number, run.state) == (0, SessionState.READY)
        run.control(1, START)
        assert run.state is SessionState.IN_EXERCISE


def test_a_control_that_was_spoilt_in_the_journal_is_told(tmp_path: Path) -> None:
    with journal_in(tmp_path) as journal:
        begun(journal).control(1, START)
        journal.commit()
        journal._base.execute("UPDATE input SET data = x'7b'")
        with pytest.raises(LiveError, match="journal") as refused:
            SessionRun.recover(journal, "morning")
        assert refused.value.reason is LiveFault.NOT_UNDERSTOOD


def test_a_clock_that_leaps_is_refused(tmp_path: Path) -> None:
    with journal_in(tmp_path) as journal:
        run = begun(journal)
        with pytest.raises(LiveError) as refused:
            run.frame(frame(run, 1, 4000.0))
        assert refused.value.reason is LiveFault.TIME
        assert run.frame(frame(run, 1, 3000.0)) == []
        assert run.frame(frame(run, 2, 100.0)) == []


def test_an_input_for_which_the_journal_has_no_room_is_not_acted_upon(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal", most_pending_bytes=2000) as journal:
        run = begun(journal)
        with pytest.raises(JournalError):
            feed_frames(run, 20)
        taken = run.number
        assert 1 < taken < 20
        journal.commit()
        assert journal.durable("morning").number == taken
        run.frame(frame(run, taken + 1, 3.0))
