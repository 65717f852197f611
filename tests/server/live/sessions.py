"""A session with two emulated sensors as numbered inputs, made once, and what comes of it."""

from functools import cache
from pathlib import Path

from benchmarks.crash import Script, expected, script
from devices.intake import SensorSetup
from firmware_profiles.schema import Profile
from motion.events import AngleEvent, Event, encode
from server.live.journal import Journal
from server.live.packet_frame import PacketFrame
from server.live.session_run import SessionRun


@cache
def bends() -> Script:
    return script()


@cache
def undisturbed() -> tuple[bytes, ...]:
    """Events that are never lost, when nothing happens."""
    return tuple(expected(bends()))


def setups() -> dict[str, SensorSetup]:
    return {
        slot: SensorSetup(Profile.load(wish.profile), wish.mode, wish.rate_hz)
        for slot, wish in bends().sensors.items()
    }


def begun(journal: Journal, name: str = "morning") -> SessionRun:
    return SessionRun.begin(journal, name, setups(), bends().origin_ns)


def feed(run: SessionRun, until: int | None = None) -> list[Event]:
    """Every input that the session lacks, up to number `until`; events without angles."""
    told: list[Event] = []
    inputs = bends().inputs
    for index in range(run.number, len(inputs) if until is None else until):
        each = inputs[index]
        if isinstance(each, PacketFrame):
            told += run.frame(run.layout.encode(each))
        else:
            told += run.control(index + 1, each)
    return [each for each in told if not isinstance(each, AngleEvent)]


def bits(events: list[Event]) -> list[bytes]:
    return [encode(each) for each in events]


def journal_in(folder: Path) -> Journal:
    return Journal(folder / "journal.sqlite")
