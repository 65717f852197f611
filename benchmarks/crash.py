"""`kill -9` of a process that runs a session over the journal, again and again: what is lost.

The process is this module run by itself: it speaks the live protocol over its pipes, as a server
does over a socket. What a session is made of is `server.live`'s business.
"""

import asyncio
import os
import random
import select
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

import msgspec
import numpy as np

from benchmarks.errors import BenchmarkError, BenchmarkFault
from benchmarks.report import Report, Table, Track, number
from devices.adapter import Adapter
from devices.emulation import virtual_time
from devices.emulation.air import Air
from devices.emulation.motion import Stage, motions_of
from devices.emulation.peripheral import EmulatedSensor
from devices.hub import Hub, Wanted
from devices.packet_file import Arrived, LinkChanged, PacketEvent, Ticked, redecode
from devices.recorder import packets_path
from devices.recording import Recording
from devices.scanner import scan
from firmware_profiles.schema import Profile
from motion.events import EndReason, SessionEvent, SetEvent, encode
from motion.performance import plan
from motion.session import (
    BeginSetControl,
    Control,
    EndSetControl,
    PauseControl,
    ResumeControl,
    StartControl,
    StopControl,
)
from motion.simulation import Exercise, simulate
from motion.template import ExerciseTemplate
from server.errors import JournalError
from server.live import messages
from server.live.conversation import Conversation, LiveSessions
from server.live.journal import COMMIT_EVERY_S, Journal
from server.live.messages import (
    AckMessage,
    ControlMessage,
    ErrorMessage,
    OpenedMessage,
    OpenMessage,
    SensorWish,
    ToClient,
)
from server.live.packet_frame import FrameLayout, PacketFrame

NAME: Final = "crash"
TIMES: Final = 100
TEMPLATE: Final = "lumbar-bend"
PROFILE: Final = "xsens-dot"
REPETITIONS: Final = 5
INTERVAL_S: Final = 0.03
SCAN_S: Final = 1.0
# Kills a session, on average: the later ones hit a process that has recovered before.
KILLS_A_SESSION: Final = 5
# A frame of 100 ms is sent every so often: a session of a minute takes two seconds and a half, in
# which the journal commits sixteen times.
FRAME_EVERY_S: Final = 0.004
# Longer than an import of the engine with its kernels in the cache, or a commit, ever took.
PATIENCE_S: Final = 120.0

MUST_BE_ZERO: Final = (
    "acknowledged_inputs_lost", "acknowledged_events_lost", "events_changed", "sets_miscounted",
    "recordings_that_differ",
)  # fmt: skip
# Longer than it takes to tell all events of a session again.
RESENDING_S: Final = 10.0

_LENGTH: Final = struct.Struct("<IB")
_TEXT: Final = 0
_BINARY: Final = 1


# --- the process that is killed


def serve(journal: Path, folder: Path) -> None:
    """Speak the protocol over standard input and output until the input ends."""
    sessions = LiveSessions(Journal(journal), folder)
    conversation = Conversation(sessions)
    source, target = sys.stdin.fileno(), sys.stdout.buffer
    buffer = bytearray()
    due_s = time.monotonic() + COMMIT_EVERY_S
    ended = False
    while not ended:
        ready, _, _ = select.select([source], [], [], max(0.0, due_s - time.monotonic()))
        answers: list[ToClient] = []
        if ready:
            data = os.read(source, 2**16)
            ended = not data
            buffer += data
            for kind, body in _taken(buffer):
                answers += conversation.binary(body) if kind else conversation.text(body)
        if time.monotonic() >= due_s or ended:
            due_s = time.monotonic() + COMMIT_EVERY_S
            try:
                sessions.commit()
            except JournalError as error:
                answers.append(ErrorMessage(str(error.reason), str(error)))
            acknowledged = conversation.acknowledgement()
            if acknowledged is not None:
                answers.append(acknowledged)
        for answer in answers:
            _put(target, _TEXT, messages.encode(answer))
        target.flush()


def _put(target: IO[bytes], kind: int, body: bytes) -> None:
    target.write(_LENGTH.pack(len(body), kind) + body)


def _taken(buffer: bytearray) -> list[tuple[int, bytes]]:
    """Whole messages at the front of `buffer`, which they leave."""
    found, at = [], 0
    while len(buffer) - at >= _LENGTH.size:
        size, kind = _LENGTH.unpack_from(buffer, at)
        if len(buffer) - at - _LENGTH.size < size:
            break
        at += _LENGTH.size
        found.append((kind, bytes(buffer[at : at + size])))
        at += size
    del buffer[:at]
    return found


# --- the session


@dataclass(frozen=True, slots=True)
class Script:
    """A session as a client hands it on: sensors, origin, and its inputs in order.

    An input is a frame, whose number is its place, or a control.
    """

    sensors: dict[str, SensorWish]
    origin_ns: int
    inputs: Sequence[PacketFrame | Control]
    layout: FrameLayout

    def open(self, session: str, ack: int) -> bytes:
        return messages.encode(OpenMessage(session, self.sensors, self.origin_ns, ack))

    def sent(self, index: int) -> tuple[int, bytes]:
        """Kind and bytes of an input; `index` counts from 0."""
        each = self.inputs[index]
        if isinstance(each, PacketFrame):
            return _BINARY, self.layout.encode(each)
        return _TEXT, messages.encode(ControlMessage(index + 1, each))


class _Kept:
    """What the hub hears, tick by tick."""

    def __init__(self) -> None:
        self.spans: list[tuple[list[Arrived | LinkChanged], int]] = []
        self._open: list[Arrived | LinkChanged] = []

    def write(self, event: PacketEvent) -> None:
        if isinstance(event, Ticked):
            self.spans.append((self._open, event.at_ns))
            self._open = []
        else:
            self._open.append(event)


def script(seed: int = 7) -> Script:
    """Bends of a simulated person with two emulated sensors, a pause among them."""
    return virtual_time.run(lambda clock_ns: _script(seed, clock_ns))


async def _script(seed: int, clock_ns: Callable[[], int]) -> Script:
    template = ExerciseTemplate.load(TEMPLATE)
    done = Exercise.of(template, plan(template, REPETITIONS, np.random.default_rng(seed)))
    motions = motions_of(simulate(done, seed, calibrated=False, rate_hz=200.0).samples)
    profile = Profile.load(PROFILE)
    air, stage = Air(connection_interval_s=INTERVAL_S, seed=seed), Stage(len(motions))
    sensors = {
        slot: await EmulatedSensor(air, profile, motion, stage=stage).start()
        for slot, motion in motions.items()
    }
    adapter = await Adapter.emulated(air)
    found = {each.address: each for each in await scan(adapter, [profile], SCAN_S)}
    kept = _Kept()
    wanted = {slot: Wanted(found[each.address], profile) for slot, each in sensors.items()}
    hub = Hub(adapter, wanted, sink=lambda _, __: kept, clock_ns=clock_ns)
    await hub.open()

    async def read() -> None:
        async for _ in hub.items():
            pass

    reading = asyncio.create_task(read())
    await next(iter(sensors.values())).ended.wait()
    await asyncio.sleep(1.0)
    await hub.close()
    await reading
    for sensor in sensors.values():
        await sensor.stop()
    await adapter.close()
    rate_hz = profile.rate_hz(None, None)
    uuids = [each.uuid for each in profile.characteristics.values()]
    inputs: list[PacketFrame | Control] = [StartControl(template.document()), BeginSetControl()]
    for events, until_ns in kept.spans:
        inputs.append(PacketFrame(len(inputs) + 1, until_ns, events))
    # At the end, when the last repetition is told, so that it costs none of the count.
    inputs += [PauseControl(), ResumeControl(), EndSetControl(), StopControl(EndReason.DONE)]
    return Script(
        {slot: SensorWish(PROFILE, rate_hz=rate_hz) for slot in wanted},
        hub.origin_ns,
        inputs,
        FrameLayout({slot: uuids for slot in wanted}),
    )


def expected(done: Script) -> list[bytes]:
    """What is never lost of the session, when nothing happens to it."""
    with tempfile.TemporaryDirectory() as folder, Journal(Path(folder) / "journal") as journal:
        conversation = Conversation(LiveSessions(journal, Path(folder)))
        told = conversation.text(done.open("whole", 0))
        for index in range(len(done.inputs)):
            kind, body = done.sent(index)
            told += conversation.binary(body) if kind else conversation.text(body)
    refused = [each for each in told if isinstance(each, ErrorMessage)]
    if refused:
        raise BenchmarkError(BenchmarkFault.FAILED, f"The session is refused: {refused[0].message}")
    return [_event(each) for each in told if _seq(each)]


def _seq(message: ToClient) -> int:
    """Of an event that is never lost, else 0."""
    if isinstance(message, OpenedMessage | AckMessage):
        return 0
    return getattr(message, "seq", 0)


def _event(message: Any) -> bytes:
    return encode(message)


# --- the client


@dataclass(slots=True)
class Tally:
    """What was found after the kills."""

    kills: int = 0
    sessions: int = 0
    inputs_acked: int = 0
    inputs_lost: int = 0
    events_acked: int = 0
    events_lost: int = 0
    events_changed: int = 0
    counts_wrong: int = 0
    recordings_wrong: int = 0
    recovery_s: list[float] = field(default_factory=list)


class _Process:
    """The process at the other end of two pipes."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.crash", str(folder / "journal"), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the process has no pipes")
        self._to, self._from = self._process.stdin, self._process.stdout
        self._buffer = bytearray()

    def put(self, kind: int, body: bytes) -> None:
        _put(self._to, kind, body)
        self._to.flush()

    def heard(self, wait_s: float) -> list[ToClient]:
        """What it has said, waiting so long for the first word."""
        ready, _, _ = select.select([self._from], [], [], wait_s)
        if not ready:
            return []
        data = os.read(self._from.fileno(), 2**16)
        if not data:
            raise BenchmarkError(
                BenchmarkFault.FAILED, "The process that runs the session has ended by itself."
            )
        self._buffer += data
        return [messages.decode_to_client(body) for _, body in _taken(self._buffer)]

    def kill(self) -> list[ToClient]:
        """`kill -9`; what it had said before."""
        self._process.send_signal(signal.SIGKILL)
        rest = self._from.read()
        self._to.close()
        self._from.close()
        self._process.wait()
        self._buffer += rest
        return [messages.decode_to_client(body) for _, body in _taken(self._buffer)]


def _session(done: Script, whole: Sequence[bytes], folder: Path, kills: int, tally: Tally,
             draw: random.Random, killed: Callable[[], object]) -> None:  # fmt: skip
    """One session through so many kills; what was acknowledged is looked for after each."""
    name = "session"
    acked = AckMessage(0, 0)
    told: dict[int, bytes] = {}

    def note(said: Sequence[ToClient]) -> None:
        nonlocal acked
        for each in said:
            if isinstance(each, AckMessage):
                acked = each
            elif isinstance(each, ErrorMessage):
                raise BenchmarkError(BenchmarkFault.FAILED, f"The session says: {each.message}")
            elif _seq(each):
                first = told.setdefault(_seq(each), _event(each))
                tally.events_changed += first != _event(each)

    at = sorted(draw.sample(range(len(done.inputs)), kills))
    while True:
        process = _Process(folder)
        began_s = time.monotonic()
        process.put(_TEXT, done.open(name, 0))
        said: list[ToClient] = []
        said = process.heard(PATIENCE_S)
        if not said:
            raise BenchmarkError(BenchmarkFault.FAILED, "The process does not start.")
        opened = said[0]
        if not isinstance(opened, OpenedMessage):
            raise BenchmarkError(BenchmarkFault.FAILED, f"The session does not open: {opened}")
        finished = opened.state == "ended" and not opened.sensors
        tally.recovery_s.append(time.monotonic() - began_s)
        if not finished:
            tally.inputs_lost += max(0, acked.number - opened.number)
        # Everything is asked for from the first event on, so that what is missing shows.
        there = {_seq(each) for each in said}
        until_s = time.monotonic() + RESENDING_S
        while max(there) < max(opened.seq, acked.ack) and time.monotonic() < until_s:
            said += process.heard(1.0)
            there = {_seq(each) for each in said}
        tally.events_lost += sum(seq not in there for seq in range(1, acked.ack + 1))
        note(said)
        stop = at.pop(0) if at else None
        for index in range(len(done.inputs) if finished else opened.number, len(done.inputs)):
            process.put(*done.sent(index))
            note(process.heard(FRAME_EVERY_S))
            if stop is not None and index >= stop:
                break
        if stop is None:
            until_s = time.monotonic() + PATIENCE_S
            while acked.number < len(done.inputs) and not finished:
                note(process.heard(1.0))
                if time.monotonic() > until_s:
                    raise BenchmarkError(
                        BenchmarkFault.FAILED, "The end of a session is not acknowledged."
                    )
            note(process.kill())
            break
        wait_until_s = time.monotonic() + draw.uniform(0.0, 1.5 * COMMIT_EVERY_S)
        while time.monotonic() < wait_until_s:
            note(process.heard(wait_until_s - time.monotonic()))
        note(process.kill())
        tally.kills += 1
        tally.inputs_acked += acked.number
        tally.events_acked += acked.ack
        killed()
    tally.sessions += 1
    final = [told[seq] for seq in sorted(told)]
    tally.events_changed += final != list(whole)
    sets = [each for each in map(_decoded, final) if isinstance(each, SetEvent)]
    tally.counts_wrong += [each.repetitions for each in sets] != [REPETITIONS]
    tally.recordings_wrong += not _recorded(folder / f"{name}.parquet", whole)


def _decoded(event: bytes) -> ToClient:
    return messages.decode_to_client(event)


def _recorded(path: Path, whole: Sequence[bytes]) -> bool:
    """Whether the recording holds every event, and the packets beside it give its samples."""
    recording = Recording.open(path)
    stored = [each for each in recording.info.events or [] if "seq" in each]
    if stored != [msgspec.json.decode(each) for each in whole]:
        return False
    log = recording.info.log
    marks = [item.t_s for item in redecode(packets_path(path)) if not hasattr(item, "acc_mps2")]
    return log is not None and marks == log.watermarks_s


def run(track: Track, *, times: int = TIMES, seed: int = 1) -> Report:
    """Sessions until `times` kills are done."""
    done = script()
    whole = expected(done)
    summary = _decoded(whole[-1])
    if not isinstance(summary, SessionEvent) or summary.repetitions != REPETITIONS:
        raise BenchmarkError(
            BenchmarkFault.FAILED, "The session is miscounted when nothing happens to it."
        )
    tally, draw = Tally(), random.Random(seed)
    steps = iter(track(range(times), "kills"))
    next(steps)
    while tally.kills < times:
        kills = min(KILLS_A_SESSION, times - tally.kills)
        with tempfile.TemporaryDirectory() as folder:
            _session(done, whole, Path(folder), kills, tally, draw, lambda: next(steps, None))
    return _report(tally, len(done.inputs), len(whole))


def _report(tally: Tally, inputs: int, events: int) -> Report:
    figures: dict[str, Any] = {
        "kills": tally.kills,
        "sessions": tally.sessions,
        "acknowledged_inputs": tally.inputs_acked,
        "acknowledged_inputs_lost": tally.inputs_lost,
        "acknowledged_events": tally.events_acked,
        "acknowledged_events_lost": tally.events_lost,
        "events_changed": tally.events_changed,
        "sets_miscounted": tally.counts_wrong,
        "recordings_that_differ": tally.recordings_wrong,
        "start_median_s": float(np.median(tally.recovery_s)),
        "start_longest_s": max(tally.recovery_s),
    }
    rows = [
        [name.replace("_", " "), str(value) if isinstance(value, int) else number(value)]
        for name, value in figures.items()
    ]
    title = f"kill -9 at {tally.kills} random moments of {tally.sessions} sessions"
    definitions = [
        f"A session: {REPETITIONS} bends of a simulated person with two emulated sensors, "
        f"{inputs} inputs of 100 ms, {events} events that are never lost; sent 25 times as fast as "
        "life, and whatever was not acknowledged once more after a kill.",
        "Acknowledged: summed over the kills, all until then. Changed: another event under the "
        "same number, or other events at the end than without a kill.",
        "Start: from the start of the process to the answer to `open`, importing the engine "
        "included.",
    ]
    return Report(NAME, [Table(title, ["", "found"], rows)], definitions, figures)


def check(report: Report) -> None:
    """Raises BenchmarkError where anything that was acknowledged is lost, or anything differs."""
    wrong = [name for name in MUST_BE_ZERO if report.figures[name]]
    if wrong:
        raise BenchmarkError(
            BenchmarkFault.FAILED,
            f"What survives a kill is not what was promised: {', '.join(wrong).replace('_', ' ')}.",
        )


def _main(arguments: Sequence[str]) -> int:
    journal, folder = map(Path, arguments)
    serve(journal, folder)
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
