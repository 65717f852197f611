"""What a client and the server say to each other about one session, over any transport.

Also the sessions of this process by id, which outlive connections. Bytes are carried elsewhere;
what an input does is `session_run`'s business.
"""

from pathlib import Path
from typing import Any, Final

import msgspec

from devices.errors import DevicesError
from devices.intake import SensorSetup
from devices.recording import read_info
from firmware_profiles.errors import ProfileError
from firmware_profiles.library import is_profile_id
from firmware_profiles.schema import Profile
from motion.events import AngleEvent, Event, decode
from server.errors import JournalError, LiveError, LiveFault
from server.live.journal import Durable, Journal
from server.live.messages import (
    AckMessage,
    ControlMessage,
    ErrorMessage,
    OpenedMessage,
    OpenMessage,
    SensorWish,
    StateMessage,
    ToClient,
    decode_to_server,
)
from server.live.session_run import SessionRun, SessionState, setup_document

# `opened.number` of a session whose recording is written: nothing is to be sent.
NOTHING_TO_SEND: Final = 0


class LiveSessions:
    """The live sessions of a process, over one journal; those in it go on where they were.

    folder: where recordings of finished sessions go. unwritten: sessions whose recording could not
    be written, with the reason; they stay in the journal until the next start. unrecovered:
    sessions that cannot go on, with the reason; they stay in the journal, too, and their ids are
    taken.
    """

    def __init__(self, journal: Journal, folder: Path) -> None:
        """Recovers what the journal holds; raises JournalError where it cannot be read at all."""
        self.journal = journal
        self.folder = folder
        self.unwritten: dict[str, DevicesError] = {}
        self.runs: dict[str, SessionRun] = {}
        self._conversations: dict[str, Conversation] = {}
        self.unrecovered: dict[str, Exception] = {}
        for stored in journal.sessions():
            try:
                self.runs[stored.id] = SessionRun.recover(journal, stored.id)
            except (JournalError, LiveError, DevicesError) as error:
                # One that is spoilt must not keep the others from going on.
                self.unrecovered[stored.id] = error
        self._write_ended()

    def commit(self) -> None:
        """Commit what has come, and write the recordings of sessions that have ended.

        Raises JournalError: nothing is acknowledged, and the next call tries again.
        """
        self.journal.commit()
        for run in self.runs.values():
            run.durable = self.journal.durable(run.id)
        self._write_ended()

    def _write_ended(self) -> None:
        ended = [run for run in self.runs.values() if run.state is SessionState.ENDED]
        for run in ended:
            if run.id in self.unwritten or run.durable.number < run.number:
                continue
            try:
                run.finish(self.folder)
            except DevicesError as error:
                self.unwritten[run.id] = error
            else:
                del self.runs[run.id]

    def open(self, message: OpenMessage, by: "Conversation") -> tuple[SessionRun | None, bool]:
        """The session asked for, begun if need be, and whether it was there before.

        None where its recording is written. Whoever had it loses it. Raises LiveError,
        JournalError.
        """
        # What waits is told from the journal as well.
        self.commit()
        if self._path(message.session).exists() and message.session not in self.runs:
            return None, True
        setups = {slot: _setup(slot, wish) for slot, wish in message.sensors.items()}
        run = self.runs.get(message.session)
        there = run is not None
        if run is None:
            run = SessionRun.begin(self.journal, message.session, setups, message.origin_ns)
            self.runs[message.session] = run
        elif run.setup != setup_document(setups, message.origin_ns, message.session):
            raise LiveError(
                LiveFault.OTHER_SENSORS,
                f"The session {message.session!r} goes on with other sensors, modes or another "
                "origin; open it as it was, or begin a new one.",
            )
        self._conversations[message.session] = by
        return run, there

    def belongs_to(self, session: str, conversation: "Conversation") -> bool:
        """Whether a conversation is the last that has opened a session."""
        return self._conversations.get(session) is conversation

    def events_of_finished(self, session: str, after_seq: int) -> list[Event]:
        """What is never lost of a finished session, from its recording; raises RecordingError."""
        documents: list[dict[str, Any]] = read_info(self._path(session)).events or []
        wanted = [each for each in documents if each.get("seq", 0) > after_seq]
        return [decode(msgspec.json.encode(each)) for each in wanted]

    def _path(self, session: str) -> Path:
        return self.folder / f"{session}.parquet"


class Conversation:
    """One connection's share: messages of the client in, messages for it out."""

    def __init__(self, sessions: LiveSessions) -> None:
        self._sessions = sessions
        self._run: SessionRun | None = None
        self._angles = False
        self._acked = Durable()

    def text(self, text: bytes | str) -> list[ToClient]:
        """Answers to a JSON message. Never raises: what is wrong is answered by an `error`."""
        try:
            message = decode_to_server(text)
            if isinstance(message, OpenMessage):
                return self._open(message)
            return self._control(message)
        except (LiveError, JournalError, DevicesError) as error:
            return [_refusal(error)]

    def binary(self, data: bytes) -> list[ToClient]:
        """Answers to a frame of packets, as `text`."""
        try:
            return list(self._wanted(self._own().frame(data)))
        except (LiveError, JournalError) as error:
            return [_refusal(error)]

    def acknowledgement(self) -> AckMessage | None:
        """What to say after a commit, if it has brought anything."""
        if self._run is None:
            return None
        durable = self._run.durable
        if durable == self._acked:
            return None
        self._acked = durable
        return AckMessage(durable.number, durable.seq)

    def _open(self, message: OpenMessage) -> list[ToClient]:
        if self._run is not None:
            raise LiveError(
                LiveFault.OPEN, "This connection has a session; open another on one of its own."
            )
        run, there = self._sessions.open(message, self)
        if run is None:
            events = self._sessions.events_of_finished(message.session, message.ack)
            seq = max((getattr(each, "seq", 0) for each in events), default=message.ack)
            ended = str(SessionState.ENDED)
            return [
                OpenedMessage(message.session, ended, NOTHING_TO_SEND, seq, True, {}),
                *events,
            ]
        self._run = run
        self._angles = message.angles
        self._acked = run.durable
        opened = OpenedMessage(
            run.id,
            str(run.state),
            run.number,
            self._acked.seq,
            there,
            {slot: list(uuids) for slot, uuids in run.layout.characteristics.items()},
        )
        return [opened, *run.told(message.ack)]

    def _control(self, message: ControlMessage) -> list[ToClient]:
        run = self._own()
        before = run.state
        told = self._wanted(run.control(message.number, message.control))
        if run.state is not before:
            told.append(StateMessage(str(run.state), run.number))
        return told

    def _own(self) -> SessionRun:
        if self._run is None:
            raise LiveError(LiveFault.NOT_OPEN, "No session is open; send `open` first.")
        if not self._sessions.belongs_to(self._run.id, self):
            raise LiveError(
                LiveFault.OPEN, "The session goes on over another connection; open it again."
            )
        return self._run

    def _wanted(self, events: list[Event]) -> list[ToClient]:
        return [each for each in events if self._angles or not isinstance(each, AngleEvent)]


def _setup(slot: str, wish: SensorWish) -> SensorSetup:
    # Of the library only: what else a profile can be loaded from are files of this machine.
    if not is_profile_id(wish.profile):
        raise LiveError(
            LiveFault.PROFILE,
            f"{slot}: there is no profile {wish.profile!r}; `gonio profiles list` tells them all.",
        )
    try:
        profile = Profile.load(wish.profile)
        rate_hz = profile.rate_hz(wish.mode, wish.rate_hz)
        why_not = profile.mode(wish.mode).why_not(rate_hz)
    except ProfileError as error:
        raise LiveError(LiveFault.PROFILE, f"{slot}: {error}") from None
    if why_not is not None:
        raise LiveError(LiveFault.PROFILE, f"{slot}: {profile.name}: {why_not}")
    return SensorSetup(profile, wish.mode, rate_hz, dict(wish.parameters))


def _refusal(error: LiveError | JournalError | DevicesError) -> ErrorMessage:
    reason = getattr(error, "reason", LiveFault.BUSY)
    return ErrorMessage(str(reason), str(error), getattr(error, "expected", None))
