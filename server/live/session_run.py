"""A live session as a state machine: numbered inputs in, events out, the same after any crash.

Drives `devices.intake` and `motion.session` from frames and controls, and keeps every input in the
journal. Connections and their messages are `conversation`'s business.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Final, Self

import msgspec
from pydantic import ValidationError

from devices.errors import RecordingError, RecordingFault
from devices.intake import Intake, SensorSetup
from devices.packet_file import (
    Arrived,
    LinkChanged,
    PacketEvent,
    PacketFileInfo,
    PacketSensor,
    Ticked,
    feed,
)
from devices.recorder import LiveRecorder
from devices.recording import Annotation, SensorInfo
from motion.errors import MotionError, SnapshotError
from motion.events import AngleEvent, Event, decode, encode
from motion.samples import Samples, Watermark
from motion.session import (
    BeginSetControl,
    Control,
    EndSetControl,
    NeutralControl,
    PauseControl,
    ResumeControl,
    Session,
    SkipControl,
    StartControl,
    StopControl,
    control_document,
)
from server.engine import engine_versions
from server.errors import LiveError, LiveFault
from server.live.journal import Input, InputKind, Journal, StoredEvent, StoredSession
from server.live.packet_frame import FrameEvent, FrameLayout, PacketFrame

# The hub's (devices.hub.TICK_NS): watermarks are asked for ten times a second.
TICK_NS: Final = 100_000_000
# A snapshot of two sensors is 70 kB; replaying ten seconds takes a tenth of one (docs/live.md).
SNAPSHOT_EVERY_S: Final = 10.0
# A tablet that slept for longer has no session to go on with; and so many ticks take a second.
LONGEST_SLEEP_NS: Final = 3600 * 10**9
GAP: Final = "gap"


class SessionState(StrEnum):
    """Where a session stands. Which control leads where is `TRANSITIONS`."""

    READY = "ready"
    IN_EXERCISE = "in_exercise"
    IN_SET = "in_set"
    RESTING = "resting"
    PAUSED = "paused"
    ENDED = "ended"


_S = SessionState
_UNDER_WAY: Final = (_S.IN_EXERCISE, _S.IN_SET, _S.RESTING)
# By kind of control, from which state to which. A resumed session goes on where it was paused.
TRANSITIONS: Final[Mapping[type[msgspec.Struct], Mapping[SessionState, SessionState]]] = {
    StartControl: dict.fromkeys((_S.READY, _S.IN_EXERCISE, _S.RESTING), _S.IN_EXERCISE),
    BeginSetControl: dict.fromkeys(_UNDER_WAY, _S.IN_SET),
    EndSetControl: {_S.IN_SET: _S.RESTING},
    NeutralControl: {state: state for state in _UNDER_WAY},
    PauseControl: dict.fromkeys(_UNDER_WAY, _S.PAUSED),
    ResumeControl: {_S.PAUSED: _S.IN_EXERCISE},
    SkipControl: dict.fromkeys((*_UNDER_WAY, _S.PAUSED), _S.READY),
    StopControl: dict.fromkeys((_S.READY, *_UNDER_WAY, _S.PAUSED), _S.ENDED),
}


@dataclass(frozen=True, slots=True)
class Recovery:
    """What a restart has done. inputs: in the journal. replayed: of them, after the snapshot.

    same: the events that they gave are those that were told before the crash.
    """

    inputs: int
    replayed: int
    same: bool


def setup_document(setups: Mapping[str, SensorSetup], origin_ns: int, session: str) -> bytes:
    """How the session's packets are read, as the journal keeps it."""
    info = PacketFileInfo(
        sensors={slot: PacketSensor.of(setup) for slot, setup in setups.items()},
        origin_ns=origin_ns,
        id=session,
    )
    return info.model_dump_json(by_alias=True, exclude_none=True).encode()


class SessionRun:
    """One live session. Made by `begin`, or by `recover` after a restart.

    state: of the machine. number: of the last input taken; the next has one more. layout: of the
    session's frames. durable: what of it was on the disk at the last commit. recovery: what the
    restart did, if there was one.
    """

    def __init__(self, journal: Journal, stored: StoredSession) -> None:
        """Use `begin` or `recover`. Raises LiveError where the setup cannot be used."""
        self.id = stored.id
        self.state = SessionState.READY
        self.number = 0
        self.durable = journal.durable(stored.id)
        self.recovery: Recovery | None = None
        self._stored = stored
        self._journal = journal
        try:
            self._info = PacketFileInfo.model_validate_json(stored.setup)
        except ValidationError:
            raise LiveError(
                LiveFault.PROFILE,
                f"How the session {stored.id!r} reads its packets is not known; the journal was "
                "written by another version: use that one.",
            ) from None
        self.setups = self._info.setups(path=f"session {stored.id}")
        self.layout = FrameLayout(
            {
                slot: [each.uuid for each in setup.profile.characteristics.values()]
                for slot, setup in self.setups.items()
            }
        )
        self._drive = _Drive(self.setups, self._info.origin_ns)
        self._paused_from = SessionState.IN_EXERCISE
        self._session = Session(angles=True)
        self._snapshot_s: float | None = None
        self._shift_ns = 0

    @classmethod
    def begin(
        cls, journal: Journal, session: str, setups: Mapping[str, SensorSetup], origin_ns: int
    ) -> Self:
        """A new session; it is in the journal at once. Raises JournalError, LiveError."""
        stored = StoredSession(
            session, datetime.now(UTC).isoformat(), setup_document(setups, origin_ns, session)
        )
        run = cls(journal, stored)
        journal.begin(stored)
        return run

    @classmethod
    def recover(cls, journal: Journal, session: str) -> Self:
        """A session as it was at the journal's last commit; raises JournalError, LiveError.

        All packets are decoded again, which is cheap; the engine goes on from its last snapshot.
        """
        run = cls(journal, journal.session(session))
        snapshot = journal.snapshot(session)
        after = 0
        if snapshot is not None:
            try:
                run._session = Session.restore(snapshot.state)
                run._snapshot_s = run._session.watermark_s
                after = snapshot.number
            except SnapshotError:
                # Of another version: the whole log gives the same.
                run._session = Session(angles=True)
        replayed, again = 0, []
        for entry in journal.inputs(session):
            if entry.number <= after:
                run._follow(entry)
            else:
                replayed += 1
                events = run._apply(entry)
                again += [stored.data for stored in _stored(entry.number, events)]
            run.number = entry.number
        told = [each.data for each in journal.events(session) if each.number > after]
        run.recovery = Recovery(run.number, replayed, told == again)
        return run

    @property
    def setup(self) -> bytes:
        """How packets are read, as the journal keeps it."""
        return self._stored.setup

    # --- inputs

    def frame(self, data: bytes) -> list[Event]:
        """Take a frame of packets; events that come of it. One that was taken before gives none.

        Raises LiveError and JournalError; the session is as before then.
        """
        frame = self.layout.decode(data)
        if not self._is_next(frame.number):
            return []
        self._check_time(frame)
        return self._take(Input(frame.number, InputKind.FRAME, data))

    def packets(self, events: Sequence[PacketEvent], until_ns: int) -> list[Event]:
        """Take what a hub of this machine was sent until `until_ns`, as the next input.

        Raises LiveError and JournalError; the session is as before then.
        """
        data = self.layout.encode(self._shifted(events, until_ns))
        self._check_time(self.layout.decode(data))
        return self._take(Input(self.number + 1, InputKind.FRAME, data))

    def control(self, number: int, control: Control) -> list[Event]:
        """Take a control; events that come of it. One that was taken before gives none.

        Raises LiveError, with reason `illegal` where the state forbids it, and JournalError.
        """
        if not self._is_next(number):
            return []
        self._next_state(control)
        return self._take(Input(number, InputKind.CONTROL, msgspec.json.encode(control)))

    def mark_gap(self, now_ns: int) -> None:
        """Say, of a hub, that nothing was heard since the last input until now, after a crash.

        The links are down for that time, and the recording is marked. now_ns: the hub's clock; it
        may have begun anew with the machine. Raises JournalError.
        """
        last_ns = self._drive.until_ns
        if now_ns < last_ns:
            self._shift_ns = last_ns + TICK_NS - now_ns
        now_ns += self._shift_ns
        slots = self._info.sensors
        links = [LinkChanged(slot, False, last_ns) for slot in slots]
        links += [LinkChanged(slot, True, now_ns) for slot in slots]
        number = self.number + 1
        data = self.layout.encode(PacketFrame(number, now_ns, links))
        self._take(Input(number, InputKind.GAP, data))

    def _shifted(self, events: Sequence[PacketEvent], until_ns: int) -> PacketFrame:
        shift_ns = self._shift_ns
        moved: list[FrameEvent] = []
        for event in events:
            if isinstance(event, Ticked):
                continue
            if isinstance(event, LinkChanged):
                moved.append(LinkChanged(event.sensor, event.up, event.at_ns + shift_ns))
            else:
                packet = event.packet
                packet = packet._replace(arrival_ns=packet.arrival_ns + shift_ns)
                moved.append(Arrived(event.sensor, packet))
        return PacketFrame(self.number + 1, until_ns + shift_ns, moved)

    def _is_next(self, number: int) -> bool:
        """Whether an input is new; raises LiveError where one before it is missing."""
        if number <= self.number:
            return False
        if number > self.number + 1:
            raise LiveError(
                LiveFault.MISSING,
                f"Input {number} came, but {self.number + 1} has not; send from there on.",
                expected=self.number + 1,
            )
        return True

    def _check_time(self, frame: PacketFrame) -> None:
        ahead_ns = max([frame.until_ns, *(_at_ns(event) for event in frame.events)])
        if ahead_ns - self._drive.until_ns > LONGEST_SLEEP_NS:
            raise LiveError(
                LiveFault.TIME,
                "The clock of this frame is more than an hour ahead of the last one's; begin a "
                "new session.",
            )

    def _next_state(self, control: Control) -> SessionState:
        """Where a control leads; raises LiveError where it is illegal."""
        after = TRANSITIONS[type(control)].get(self.state)
        if after is None:
            name = control_document(control)["control"]
            allowed = [
                str(kind.__struct_config__.tag)
                for kind, ways in TRANSITIONS.items()
                if self.state in ways
            ]
            raise LiveError(
                LiveFault.ILLEGAL,
                f"The session is {self.state}, where {name!r} is not possible; possible "
                f"{'are ' + ', '.join(allowed) if allowed else 'is nothing more'}.",
            )
        return self._paused_from if isinstance(control, ResumeControl) else after

    def _take(self, entry: Input) -> list[Event]:
        if self.state is SessionState.ENDED:
            raise LiveError(LiveFault.ILLEGAL, "The session has ended; begin a new one.")
        self._journal.check_room(len(entry.data))
        events = self._apply(entry)
        self.number = entry.number
        self._journal.append(self.id, entry, _stored(entry.number, events), self._state_if_due())
        return events

    def _state_if_due(self) -> bytes | None:
        at_s = self._session.watermark_s
        if self._session.ended or at_s < 0:
            return None
        if self._snapshot_s is not None and at_s - self._snapshot_s < SNAPSHOT_EVERY_S:
            return None
        self._snapshot_s = at_s
        return self._session.state()

    # --- what inputs do: the same live and after a crash

    def _apply(self, entry: Input) -> list[Event]:
        if entry.kind is InputKind.CONTROL:
            control = _control(entry.data)
            after = self._next_state(control)
            try:
                events = self._session.control(control)
            except MotionError as error:
                raise LiveError(LiveFault.CONTROL, str(error)) from None
            self._enter(after)
            return events
        events = []
        for item in self._drive.items(self.layout.decode(entry.data)):
            if isinstance(item, Samples):
                events += self._session.push(item)
            elif isinstance(item, Watermark):
                events += self._session.advance(item.t_s)
        return events

    def _follow(self, entry: Input) -> None:
        """Do what an input does, but for the engine, whose state is known."""
        if entry.kind is InputKind.CONTROL:
            self._enter(self._next_state(_control(entry.data)))
            return
        for _ in self._drive.items(self.layout.decode(entry.data)):
            pass

    def _enter(self, state: SessionState) -> None:
        if state is SessionState.PAUSED:
            self._paused_from = self.state
        self.state = state

    # --- afterwards

    def told(self, after_seq: int) -> list[Event]:
        """Events that are never lost and follow `after_seq`, of those committed."""
        return [decode(each.data) for each in self._journal.events(self.id, after_seq=after_seq)]

    def finish(self, folder: Path) -> Path | None:
        """Write the ended session's recording and packets into `folder`, and leave the journal.

        None where no sample ever came: its packets alone are kept then. May be done again after a
        crash. Raises LiveError where the session goes on; JournalError and the errors of writing,
        with everything still in the journal.
        """
        if self.state is not SessionState.ENDED:
            raise LiveError(LiveFault.ILLEGAL, "The session has not ended; stop it first.")
        self._journal.commit()
        path: Path | None = folder / f"{self.id}.parquet"
        try:
            self._record(folder / f"{self.id}.parquet")
        except RecordingError as error:
            if error.reason is not RecordingFault.NO_ROWS:
                raise
            path = None
        self._journal.remove(self.id)
        return path

    def _record(self, path: Path) -> None:
        known = {
            slot: SensorInfo(
                rate_hz=setup.profile.rate_hz(setup.mode, setup.rate_hz), profile=setup.profile.id
            )
            for slot, setup in self.setups.items()
        }
        drive = _Drive(self.setups, self._info.origin_ns)
        started_at = datetime.fromisoformat(self._stored.started_at)
        calibration, gaps = None, []
        with LiveRecorder(path, known, started_at) as recorder:
            drive.sink = recorder.sink(self.setups, self._info.origin_ns).write
            for entry in self._journal.inputs(self.id):
                if entry.kind is InputKind.CONTROL:
                    control = _control(entry.data)
                    recorder.control(control_document(control))
                    if isinstance(control, StartControl):
                        calibration = control.calibration
                    continue
                before_ns = drive.until_ns
                for item in drive.items(self.layout.decode(entry.data)):
                    if isinstance(item, Samples):
                        recorder.samples(item)
                    else:
                        recorder.watermark(item)
                if entry.kind is InputKind.GAP:
                    from_s, to_s = (
                        (at_ns - self._info.origin_ns) / 1e9
                        for at_ns in (before_ns, drive.until_ns)
                    )
                    gaps.append(Annotation(kind=GAP, start_s=from_s, end_s=to_s))
            recorder.tell(
                events=[msgspec.json.decode(each.data) for each in self._journal.events(self.id)],
                engine=engine_versions(),
                calibration=calibration,
                annotations=gaps,
            )


class _Drive:
    """Frames to samples and watermarks, with the ticks between, as the hub has them.

    until_ns: the latest end of a frame so far. sink: is told everything that the intake is told.
    """

    def __init__(self, setups: Mapping[str, SensorSetup], origin_ns: int) -> None:
        self.until_ns = origin_ns
        self.sink: Callable[[PacketEvent], None] = _ignore
        self._intake = Intake(setups, origin_ns)
        self._next_tick_ns = origin_ns + TICK_NS

    def items(self, frame: PacketFrame) -> Iterator[Samples | Watermark]:
        for event in frame.events:
            yield from self._ticks(_at_ns(event))
            yield from self._told(event)
        yield from self._ticks(frame.until_ns)
        self.until_ns = max(self.until_ns, frame.until_ns)

    def _ticks(self, until_ns: int) -> Iterator[Samples | Watermark]:
        while self._next_tick_ns <= until_ns:
            at_ns = self._next_tick_ns
            self._next_tick_ns += TICK_NS
            yield from self._told(Ticked(at_ns))

    def _told(self, event: PacketEvent) -> Iterator[Samples | Watermark]:
        self.sink(event)
        yield from feed(self._intake, event)


def _ignore(_: PacketEvent) -> None:
    """No file is written."""


def _at_ns(event: PacketEvent) -> int:
    return event.at_ns if isinstance(event, LinkChanged | Ticked) else event.packet.arrival_ns


def _control(data: bytes) -> Control:
    try:
        control: Control = msgspec.json.decode(data, type=Control)
    except msgspec.MsgspecError as error:
        raise LiveError(
            LiveFault.NOT_UNDERSTOOD, f"The journal holds a control that is none ({error})."
        ) from None
    return control


def _stored(number: int, events: Sequence[Event]) -> list[StoredEvent]:
    """Events as the journal keeps them: all but angles."""
    return [
        StoredEvent(number, getattr(event, "seq", None), encode(event))
        for event in events
        if not isinstance(event, AngleEvent)
    ]
