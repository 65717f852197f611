"""The journal keeps what it has acknowledged, and says what keeps it from it."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from server.errors import JournalError, JournalFault
from server.live.journal import (
    Durable,
    Input,
    InputKind,
    Journal,
    Snapshot,
    StoredEvent,
    StoredSession,
)

MORNING = StoredSession("morning", "2026-01-01T08:00:00+00:00", b"{}")


def entry(number: int, size: int = 10) -> Input:
    return Input(number, InputKind.FRAME, bytes([number % 256]) * size)


def begun(path: Path, **options: int) -> Journal:
    journal = Journal(path, **options)
    journal.begin(MORNING)
    return journal


def test_what_was_committed_is_read_back_in_order_by_the_next_process(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    with begun(path) as journal:
        told = [StoredEvent(2, None, b"cue"), StoredEvent(2, 1, b"rep")]
        journal.append("morning", entry(1))
        journal.append("morning", entry(2), told, b"state")
        assert journal.durable("morning") == Durable(0, 0)
        assert journal.commit() == {"morning": Durable(2, 1)}
        journal.append("morning", entry(3))
    with Journal(path) as journal:
        assert journal.sessions() == [MORNING]
        assert list(journal.inputs("morning")) == [entry(1), entry(2)]
        assert journal.events("morning") == told
        assert journal.events("morning", after_seq=0) == told[1:]
        assert journal.events("morning", after_seq=1) == []
        assert journal.snapshot("morning") == Snapshot(2, b"state")
        assert journal.durable("morning") == Durable(2, 1)


def test_more_inputs_than_are_read_at_once_come_in_order(tmp_path: Path) -> None:
    with begun(tmp_path / "journal") as journal:
        for number in range(1, 2002):
            journal.append("morning", entry(number))
        journal.commit()
        assert [each.number for each in journal.inputs("morning")] == list(range(1, 2002))


def test_what_comes_while_a_commit_is_under_way_waits_for_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with begun(tmp_path / "journal") as journal:
        journal.append("morning", entry(1), [StoredEvent(1, 1, b"rep")])
        write = journal._write

        def meanwhile(taken: Any) -> None:
            journal.append("morning", entry(2))
            write(taken)

        with monkeypatch.context() as during:
            during.setattr(journal, "_write", meanwhile)
            assert journal.commit() == {"morning": Durable(1, 1)}
        assert journal.durable("morning") == Durable(1, 1)
        assert journal.commit() == {"morning": Durable(2, 1)}


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    with begun(tmp_path / "journal"):
        with pytest.raises(JournalError) as refused:
            Journal(tmp_path / "journal")
        assert refused.value.reason is JournalFault.LOCKED


def test_a_full_disk_acknowledges_nothing_and_loses_nothing(tmp_path: Path) -> None:
    with begun(tmp_path / "journal") as journal:
        journal.append("morning", entry(1))
        journal.commit()
        (pages,) = journal._base.execute("PRAGMA page_count").fetchone()
        journal._base.execute(f"PRAGMA max_page_count = {pages}")
        journal.append("morning", entry(2, 100_000), [StoredEvent(2, 1, b"rep")], b"state")
        for _ in range(2):
            with pytest.raises(JournalError) as refused:
                journal.commit()
            assert refused.value.reason is JournalFault.DISK_FULL
            assert journal.durable("morning") == Durable(1, 0)
        journal.append("morning", entry(3))
        journal._base.execute("PRAGMA max_page_count = 1000000")
        assert journal.commit() == {"morning": Durable(3, 1)}
        assert list(journal.inputs("morning")) == [entry(1), entry(2, 100_000), entry(3)]
        assert journal.snapshot("morning") == Snapshot(2, b"state")


def test_memory_is_bounded_while_the_disk_does_not_answer(tmp_path: Path) -> None:
    with begun(tmp_path / "journal", most_pending_bytes=10_000) as journal:
        journal.check_room(9_000)
        journal.append("morning", entry(1, 9_000))
        with pytest.raises(JournalError) as refused:
            journal.check_room(1_000)
        assert refused.value.reason is JournalFault.FULL
        journal.commit()
        journal.check_room(9_000)


@pytest.mark.parametrize("where", [0, 4096])
def test_a_damaged_journal_is_refused_with_the_remedy(tmp_path: Path, where: int) -> None:
    path = tmp_path / "journal"
    with begun(path) as journal:
        for number in range(1, 100):
            journal.append("morning", entry(number, 1000))
        journal.commit()
    with path.open("r+b") as file:
        file.seek(where)
        file.write(b"\xff" * 4096)
    with pytest.raises(JournalError, match="move it") as refused:
        Journal(path)
    assert refused.value.reason is JournalFault.DAMAGED


def test_an_input_that_is_missing_is_not_passed_over(tmp_path: Path) -> None:
    with begun(tmp_path / "journal") as journal:
        for number in (1, 2, 3):
            journal.append("morning", entry(number))
        journal.commit()
        journal._base.execute("DELETE FROM input WHERE number = 2")
        with pytest.raises(JournalError, match="input 2"):
            list(journal.inputs("morning"))


def test_an_input_of_no_kind_is_damage(tmp_path: Path) -> None:
    with begun(tmp_path / "journal") as journal:
        journal.append("morning", entry(1))
        journal.commit()
        journal._base.execute("UPDATE input SET kind = 9")
        with pytest.raises(JournalError, match="no kind") as refused:
            list(journal.inputs("morning"))
        assert refused.value.reason is JournalFault.DAMAGED


def test_another_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE mine (x)")
    other.close()
    with pytest.raises(JournalError) as refused:
        Journal(path)
    assert refused.value.reason is JournalFault.UNREADABLE


def test_a_folder_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="folder") as refused:
        Journal(tmp_path / "none" / "journal")
    assert refused.value.reason is JournalFault.UNREADABLE


def test_an_id_is_given_once_and_free_again_when_its_session_is_removed(tmp_path: Path) -> None:
    with begun(tmp_path / "journal") as journal:
        with pytest.raises(JournalError) as refused:
            journal.begin(MORNING)
        assert refused.value.reason is JournalFault.KNOWN
        journal.append("morning", entry(1), [StoredEvent(1, 1, b"rep")], b"state")
        journal.commit()
        journal.append("morning", entry(2))
        journal.remove("morning")
        assert journal.commit() == {}
        assert journal.sessions() == []
        journal.begin(MORNING)
        assert list(journal.inputs("morning")) == []
        assert journal.durable("morning") == Durable()
        with pytest.raises(JournalError) as unknown:
            journal.session("evening")
        assert unknown.value.reason is JournalFault.UNKNOWN
