"""What a client hears: answers, acknowledgements, and what it missed while it was away."""

from pathlib import Path

import pytest

from motion.events import encode
from server.errors import JournalError, JournalFault
from server.live import messages
from server.live.conversation import Conversation, LiveSessions
from server.live.journal import Journal
from server.live.messages import (
    AckMessage,
    ErrorMessage,
    OpenedMessage,
    SensorWish,
    StateMessage,
    ToClient,
)
from tests.server.live.sessions import bends, journal_in, undisturbed


def send(conversation: Conversation, first: int, last: int) -> list[ToClient]:
    """Inputs from number `first` to `last`."""
    told: list[ToClient] = []
    for index in range(first - 1, last):
        kind, body = bends().sent(index)
        told += conversation.binary(body) if kind else conversation.text(body)
    return told


def never_lost(told: list[ToClient]) -> list[bytes]:
    others = OpenedMessage | AckMessage | StateMessage | ErrorMessage
    return [encode(e) for e in told if not isinstance(e, others) and hasattr(e, "seq")]


def refused(told: list[ToClient]) -> list[str]:
    return [each.reason for each in told if isinstance(each, ErrorMessage)]


def test_a_client_that_was_away_hears_what_it_missed_and_nothing_twice(tmp_path: Path) -> None:
    last = len(bends().inputs)
    with journal_in(tmp_path) as journal:
        sessions = LiveSessions(journal, tmp_path)
        first = Conversation(sessions)
        (opened,) = first.text(bends().open("morning", 0))
        assert isinstance(opened, OpenedMessage)
        assert (opened.state, opened.number, opened.resumed) == ("ready", 0, False)
        assert set(opened.sensors) == set(bends().sensors)
        assert first.acknowledgement() is None
        told = send(first, 1, 400)
        heard = never_lost(told)
        assert [each.state for each in told if isinstance(each, StateMessage)] == [
            "in_exercise",
            "in_set",
        ]
        sessions.commit()
        assert first.acknowledgement() == AckMessage(400, len(heard))
        assert first.acknowledgement() is None
        second = Conversation(sessions)
        opened, *missed = second.text(bends().open("morning", 1))
        assert isinstance(opened, OpenedMessage)
        assert (opened.state, opened.number, opened.resumed) == ("in_set", 400, True)
        assert never_lost(missed) == heard[1:]
        assert refused(send(first, 401, 401)) == ["open"]
        heard += never_lost(send(second, 390, last))
        assert heard == list(undisturbed())
        sessions.commit()
        assert second.acknowledgement() == AckMessage(last, len(heard))
        assert sessions.runs == {}
        third = Conversation(sessions)
        opened, *again = third.text(bends().open("morning", 2))
        assert isinstance(opened, OpenedMessage)
        assert (opened.state, opened.seq) == ("ended", len(heard))
        assert never_lost(again) == heard[2:]


def test_a_session_that_ended_as_the_process_died_is_recorded_at_the_next_start(
    tmp_path: Path,
) -> None:
    with journal_in(tmp_path) as journal:
        conversation = Conversation(LiveSessions(journal, tmp_path))
        conversation.text(bends().open("morning", 0))
        send(conversation, 1, len(bends().inputs))
        journal.commit()
    with journal_in(tmp_path) as journal:
        assert LiveSessions(journal, tmp_path).runs == {}
    assert (tmp_path / "morning.parquet").exists()


def test_a_recording_that_cannot_be_written_stays_in_the_journal(tmp_path: Path) -> None:
    with journal_in(tmp_path) as journal:
        sessions = LiveSessions(journal, tmp_path / "missing")
        conversation = Conversation(sessions)
        conversation.text(bends().open("morning", 0))
        send(conversation, 1, len(bends().inputs))
        sessions.commit()
        assert conversation.acknowledgement() is not None
        assert list(sessions.unwritten) == ["morning"]
        (tmp_path / "missing").mkdir()
        assert LiveSessions(journal, tmp_path / "missing").runs == {}
        assert (tmp_path / "missing" / "morning.parquet").exists()


def test_a_session_that_cannot_go_on_keeps_no_other_from_it(tmp_path: Path) -> None:
    with journal_in(tmp_path) as journal:
        sessions = LiveSessions(journal, tmp_path)
        for name in ("morning", "evening"):
            conversation = Conversation(sessions)
            conversation.text(bends().open(name, 0))
            send(conversation, 1, 100)
        sessions.commit()
        journal._base.execute("DELETE FROM input WHERE session = 'evening' AND number = 50")
    with journal_in(tmp_path) as journal:
        sessions = LiveSessions(journal, tmp_path)
        assert list(sessions.runs) == ["morning"]
        assert "input 50" in str(sessions.unrecovered["evening"])
        assert refused(Conversation(sessions).text(bends().open("evening", 0))) == ["known"]
        assert [each.id for each in journal.sessions()] == ["evening", "morning"]


def test_what_is_no_message_is_answered_and_costs_nothing(tmp_path: Path) -> None:
    with journal_in(tmp_path) as journal:
        conversation = Conversation(LiveSessions(journal, tmp_path))
        assert refused(send(conversation, 1, 1)) == ["not_open"]
        assert refused(send(conversation, 3, 3)) == ["not_open"]
        assert refused(conversation.text(b"{")) == ["not_understood"]
        conversation.text(bends().open("morning", 0))
        assert refused(conversation.text(bends().open("morning", 0))) == ["open"]
        assert refused(conversation.binary(b"\1")) == ["truncated"]
        assert refused(send(conversation, 3, 3)) == ["missing"]
        assert never_lost(send(conversation, 1, len(bends().inputs))) == list(undisturbed())


@pytest.mark.parametrize(
    ("wish", "reason"),
    [
        (SensorWish("no-such-sensor"), "profile"),
        (SensorWish("xsens-dot", mode="none"), "profile"),
        (SensorWish("xsens-dot", rate_hz=1.5), "profile"),
    ],
)
def test_a_sensor_that_cannot_be_read_is_refused(
    tmp_path: Path, wish: SensorWish, reason: str
) -> None:
    with journal_in(tmp_path) as journal:
        conversation = Conversation(LiveSessions(journal, tmp_path))
        message = messages.OpenMessage("morning", {"pelvis": wish}, 0)
        assert refused(conversation.text(messages.encode(message))) == [reason]
        assert journal.sessions() == []


def test_a_session_goes_on_with_its_own_sensors_only(tmp_path: Path) -> None:
    with journal_in(tmp_path) as journal:
        sessions = LiveSessions(journal, tmp_path)
        Conversation(sessions).text(bends().open("morning", 0))
        message = messages.OpenMessage("morning", {"pelvis": SensorWish("xsens-dot")}, 0)
        other = Conversation(sessions)
        assert refused(other.text(messages.encode(message))) == ["other_sensors"]


def test_a_full_disk_stops_acknowledgements_and_then_inputs(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal", most_pending_bytes=50_000) as journal:
        sessions = LiveSessions(journal, tmp_path)
        conversation = Conversation(sessions)
        conversation.text(bends().open("morning", 0))
        (pages,) = journal._base.execute("PRAGMA page_count").fetchone()
        journal._base.execute(f"PRAGMA max_page_count = {pages}")
        told = send(conversation, 1, 300)
        with pytest.raises(JournalError) as full:
            sessions.commit()
        assert full.value.reason is JournalFault.DISK_FULL
        assert conversation.acknowledgement() is None
        taken = sessions.runs["morning"].number
        assert 2 < taken < 300
        assert refused(told)[0] == "full"
        journal._base.execute("PRAGMA max_page_count = 1000000")
        sessions.commit()
        assert conversation.acknowledgement() == AckMessage(taken, 0)
