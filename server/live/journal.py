"""The journal: what live sessions have been given and have told, on the disk before it is promised.

One SQLite file a server process, WAL, synchronous FULL; one transaction for all sessions at every
`commit`. What the inputs mean is `session_run`'s business; nothing of a finished session stays.
"""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Final

from server.errors import JournalError, JournalFault

# How often to commit (design, Storage: every 100 to 250 ms). A commit takes one fsync, 1 to 10 ms.
COMMIT_EVERY_S: Final = 0.15
# 300 sessions of two sensors at 100 Hz give 1.5 MB/s: 40 s of a disk that does not answer.
MOST_PENDING_BYTES: Final = 64 * 2**20
# What a row costs in memory besides its bytes.
ROW_BYTES: Final = 200
# Rows read at once.
READ_ROWS: Final = 1000
VERSION: Final = 1

_SCHEMA: Final = """
CREATE TABLE session (
    id TEXT PRIMARY KEY, started_at TEXT NOT NULL, setup BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE input (
    session TEXT NOT NULL REFERENCES session, number INTEGER NOT NULL, kind INTEGER NOT NULL,
    data BLOB NOT NULL, PRIMARY KEY (session, number)
) WITHOUT ROWID;
CREATE TABLE event (
    session TEXT NOT NULL REFERENCES session, number INTEGER NOT NULL, place INTEGER NOT NULL,
    seq INTEGER, data BLOB NOT NULL, PRIMARY KEY (session, number, place)
) WITHOUT ROWID;
CREATE TABLE snapshot (
    session TEXT PRIMARY KEY REFERENCES session, number INTEGER NOT NULL, state BLOB NOT NULL
) WITHOUT ROWID;
"""


class InputKind(IntEnum):
    """A frame of packets, a control, and the frame that marks a gap after a crash."""

    FRAME = 0
    CONTROL = 1
    GAP = 2


@dataclass(frozen=True, slots=True)
class Input:
    """One input of a session, as bytes, with its number."""

    number: int
    kind: InputKind
    data: bytes


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as JSON. number: of the input that it came of. seq: of those that are never lost."""

    number: int
    seq: int | None
    data: bytes


@dataclass(frozen=True, slots=True)
class Snapshot:
    """State of a session after the input `number`."""

    number: int
    state: bytes


@dataclass(frozen=True, slots=True)
class StoredSession:
    """What was known when a session began. started_at: ISO 8601. setup: JSON."""

    id: str
    started_at: str
    setup: bytes


@dataclass(frozen=True, slots=True)
class Durable:
    """What of a session is on the disk: the number of its last input, `seq` of its last event."""

    number: int = 0
    seq: int = 0


@dataclass(slots=True)
class _Pending:
    """What waits for the next commit."""

    inputs: list[tuple[str, int, int, bytes]] = field(default_factory=list)
    events: list[tuple[str, int, int, int | None, bytes]] = field(default_factory=list)
    snapshots: dict[str, tuple[str, int, bytes]] = field(default_factory=dict)
    durable: dict[str, Durable] = field(default_factory=dict)
    bytes: int = 0


class Journal:
    """An open journal; a context manager.

    `append` and `commit` may be called from two threads, so that an event loop never waits for the
    disk. A commit that fails keeps everything for the next one, and acknowledges nothing.
    """

    def __init__(self, path: str | Path, *, most_pending_bytes: int = MOST_PENDING_BYTES) -> None:
        """Open or make the file; raises JournalError.

        The file belongs to this process until it is closed: a second one is refused.
        """
        self.path = str(path)
        self._most_pending_bytes = most_pending_bytes
        self._pending = _Pending()
        self._adding = threading.Lock()
        self._using = threading.RLock()
        self._durable: dict[str, Durable] = {}
        # Of what has come, on the disk or not: a commit may be under way when the next comes.
        self._newest: dict[str, Durable] = {}
        self._closed = False
        with self._speaking():
            self._base = sqlite3.connect(
                self.path, timeout=1.0, isolation_level=None, check_same_thread=False
            )
        try:
            with self._speaking():
                self._set_up()
        except BaseException:
            self._base.close()
            raise

    def _set_up(self) -> None:
        # Held until the end: nobody else can lock it later, and two servers cannot share it.
        self._base.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._base.execute("PRAGMA journal_mode = WAL")
        self._base.execute("PRAGMA synchronous = FULL")
        self._base.execute("PRAGMA foreign_keys = ON")
        self._base.execute("BEGIN EXCLUSIVE")
        try:
            (version,) = self._base.execute("PRAGMA user_version").fetchone()
            (tables,) = self._base.execute("SELECT count(*) FROM sqlite_master").fetchone()
            if version == 0 and tables == 0:
                for statement in _SCHEMA.split(";"):
                    self._base.execute(statement)
                self._base.execute(f"PRAGMA user_version = {VERSION}")
            elif version != VERSION:
                raise JournalError(
                    JournalFault.UNREADABLE,
                    f"{self.path} is a journal of version {version}, or another database; this "
                    f"program reads version {VERSION}: give another file.",
                    path=self.path,
                )
            elif self._base.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
                raise self._damaged("its pages do not fit together")
            self._base.execute("COMMIT")
        except BaseException:
            if self._base.in_transaction:
                self._base.execute("ROLLBACK")
            raise
        last = "SELECT session, max(number) FROM input GROUP BY session"
        seqs = dict(self._base.execute("SELECT session, max(seq) FROM event GROUP BY session"))
        for session, number in self._base.execute(last):
            self._durable[session] = Durable(number, seqs.get(session) or 0)
        self._newest = dict(self._durable)

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file. What was not committed is lost, as after a crash."""
        with self._using:
            if not self._closed:
                self._closed = True
                self._base.close()

    # --- writing

    def begin(self, session: StoredSession) -> None:
        """Keep a new session, at once; raises JournalError, also when its id is in use."""
        with self._using, self._speaking():
            try:
                self._base.execute(
                    "INSERT INTO session VALUES (?, ?, ?)",
                    (session.id, session.started_at, session.setup),
                )
            except sqlite3.IntegrityError:
                raise JournalError(
                    JournalFault.KNOWN,
                    f"The journal has a session {session.id!r} already; go on with it, or give "
                    "the new one another id.",
                    path=self.path,
                ) from None

    def check_room(self, size: int) -> None:
        """Raises JournalError when `size` bytes more would not fit before the next commit."""
        with self._adding:
            if self._pending.bytes + size + ROW_BYTES > self._most_pending_bytes:
                raise JournalError(
                    JournalFault.FULL,
                    f"The journal waits for the disk with {self._pending.bytes / 2**20:.0f} MB; "
                    "send this once more in a while.",
                    path=self.path,
                )

    def append(
        self,
        session: str,
        entry: Input,
        events: Sequence[StoredEvent] = (),
        state: bytes | None = None,
    ) -> None:
        """Keep an input with its events, and the state after it, for the next commit.

        Ask `check_room` before the input is acted upon: this takes it in any case.
        """
        with self._adding:
            pending = self._pending
            pending.inputs.append((session, entry.number, int(entry.kind), entry.data))
            pending.bytes += len(entry.data) + ROW_BYTES
            seq = self._newest.get(session, Durable()).seq
            for place, event in enumerate(events):
                pending.events.append((session, event.number, place, event.seq, event.data))
                pending.bytes += len(event.data) + ROW_BYTES
                seq = seq if event.seq is None else event.seq
            if state is not None:
                before = pending.snapshots.get(session)
                pending.bytes += len(state) - (len(before[2]) if before else -ROW_BYTES)
                pending.snapshots[session] = (session, entry.number, state)
            pending.durable[session] = self._newest[session] = Durable(entry.number, seq)

    def commit(self) -> dict[str, Durable]:
        """Put on the disk what waits; sessions with what of them is durable now.

        Raises JournalError when that fails: what waits goes on waiting, nothing is acknowledged.
        """
        with self._using:
            with self._adding:
                taken, self._pending = self._pending, _Pending()
                # What is being written still fills memory.
                self._pending.bytes = taken.bytes
            written = False
            try:
                with self._speaking():
                    if taken.inputs:
                        self._write(taken)
                written = True
            finally:
                with self._adding:
                    newer = self._pending
                    if written:
                        newer.bytes -= taken.bytes
                    else:
                        newer.inputs = taken.inputs + newer.inputs
                        newer.events = taken.events + newer.events
                        newer.snapshots = taken.snapshots | newer.snapshots
                        newer.durable = taken.durable | newer.durable
            self._durable |= taken.durable
            return taken.durable

    def _write(self, taken: _Pending) -> None:
        self._base.execute("BEGIN IMMEDIATE")
        try:
            self._base.executemany("INSERT INTO input VALUES (?, ?, ?, ?)", taken.inputs)
            self._base.executemany("INSERT INTO event VALUES (?, ?, ?, ?, ?)", taken.events)
            self._base.executemany(
                "INSERT OR REPLACE INTO snapshot VALUES (?, ?, ?)", taken.snapshots.values()
            )
            self._base.execute("COMMIT")
        except BaseException:
            if self._base.in_transaction:
                self._base.execute("ROLLBACK")
            raise

    def remove(self, session: str) -> None:
        """Forget a session, whose recording is elsewhere by now; raises JournalError.

        What of it waits for a commit is dropped.
        """
        with self._using:
            with self._adding:
                pending = self._pending
                pending.inputs = [each for each in pending.inputs if each[0] != session]
                pending.events = [each for each in pending.events if each[0] != session]
                pending.snapshots.pop(session, None)
                pending.durable.pop(session, None)
                pending.bytes = sum(
                    len(row[-1]) + ROW_BYTES
                    for rows in (pending.inputs, pending.events, pending.snapshots.values())
                    for row in rows
                )
            with self._speaking():
                self._base.execute("BEGIN IMMEDIATE")
                try:
                    for table in ("snapshot", "event", "input"):
                        self._base.execute(f"DELETE FROM {table} WHERE session = ?", (session,))
                    self._base.execute("DELETE FROM session WHERE id = ?", (session,))
                    self._base.execute("COMMIT")
                except BaseException:
                    if self._base.in_transaction:
                        self._base.execute("ROLLBACK")
                    raise
            self._durable.pop(session, None)
            self._newest.pop(session, None)

    # --- reading: what has been committed

    def durable(self, session: str) -> Durable:
        """What of a session is on the disk."""
        return self._durable.get(session, Durable())

    def sessions(self) -> list[StoredSession]:
        """All sessions, in the order of their ids; raises JournalError."""
        with self._using, self._speaking():
            rows = self._base.execute("SELECT id, started_at, setup FROM session ORDER BY id")
            return [StoredSession(*row) for row in rows]

    def session(self, session: str) -> StoredSession:
        """One session; raises JournalError."""
        for stored in self.sessions():
            if stored.id == session:
                return stored
        raise JournalError(
            JournalFault.UNKNOWN,
            f"The journal has no session {session!r}; it was never begun, or has been finished.",
            path=self.path,
        )

    def inputs(self, session: str) -> Iterator[Input]:
        """Inputs in their order, streaming; raises JournalError."""
        after = 0
        while True:
            with self._using, self._speaking():
                rows = self._base.execute(
                    "SELECT number, kind, data FROM input WHERE session = ? AND number > ? "
                    "ORDER BY number LIMIT ?",
                    (session, after, READ_ROWS),
                ).fetchall()
            for number, kind, data in rows:
                if number != after + 1:
                    raise self._damaged(f"input {after + 1} of the session {session!r} is missing")
                if kind not in InputKind.__members__.values():
                    raise self._damaged(f"input {number} of the session {session!r} is of no kind")
                after = number
                yield Input(number, InputKind(kind), data)
            if len(rows) < READ_ROWS:
                return

    def events(self, session: str, *, after_seq: int | None = None) -> list[StoredEvent]:
        """Events in their order; raises JournalError.

        after_seq: of those that are never lost, only what follows.
        """
        chosen = "" if after_seq is None else "AND seq > ?"
        values = (session,) if after_seq is None else (session, after_seq)
        with self._using, self._speaking():
            rows = self._base.execute(
                f"SELECT number, seq, data FROM event WHERE session = ? {chosen} "
                "ORDER BY number, place",
                values,
            )
            return [StoredEvent(*row) for row in rows]

    def snapshot(self, session: str) -> Snapshot | None:
        """The last state that was kept; raises JournalError."""
        with self._using, self._speaking():
            row = self._base.execute(
                "SELECT number, state FROM snapshot WHERE session = ?", (session,)
            ).fetchone()
            return None if row is None else Snapshot(*row)

    # --- what goes wrong

    def _damaged(self, what: str) -> JournalError:
        return JournalError(
            JournalFault.DAMAGED,
            f"The journal {self.path} is damaged ({what}); move it and {self.path}-wal to another "
            "folder, where they can be looked into, and start again.",
            path=self.path,
        )

    @contextmanager
    def _speaking(self) -> Iterator[None]:
        """Turn what SQLite raises into one sentence with a reason."""
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                raise self._damaged(str(error)) from None
            if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise JournalError(
                    JournalFault.LOCKED,
                    f"The journal {self.path} is in use by another program; end that, or give "
                    "another file.",
                    path=self.path,
                ) from None
            if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
                raise JournalError(
                    JournalFault.DISK_FULL,
                    f"The journal {self.path} cannot be written ({error}); make room on its disk. "
                    "What has come waits in memory until then.",
                    path=self.path,
                ) from None
            raise JournalError(
                JournalFault.UNREADABLE,
                f"The journal {self.path} cannot be used ({error}); check that the folder exists "
                "and allows writing.",
                path=self.path,
            ) from None
