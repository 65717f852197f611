"""`gonio scan`, `stream` and `record`: sensors near this machine.

Reads options, shows what comes. Choosing sensors is `nearby`'s, the session `live.exercise_run`'s.
"""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypedDict, Unpack

import click
from rich.live import Live

from devices.hub import Hub, Wanted
from devices.playback import Playback
from devices.recorder import LiveRecorder, packets_path
from devices.recording import Recording
from devices.source import SensorChange, Source
from motion.events import Event, RepetitionEvent
from motion.samples import Samples
from motion.session import StartControl
from motion.template import ExerciseTemplate
from server import nearby, sensor_table, terminal, wording
from server.errors import OptionError
from server.live.exercise_run import ExerciseRun, record_only
from server.nearby import Nearby, Radio
from server.output import check_output, check_writable

# Often enough for a sparkline, seldom enough for a slow terminal.
REFRESH_S: Final = 0.25

_Option = Callable[[Callable[..., Any]], Callable[..., Any]]


class Asked(TypedDict):
    """The values of `radio_options`, as click hands them over."""

    adapter: str
    scan_s: float
    profile: str | None
    mode: str | None
    rate_hz: float | None


_RADIO: Final = (
    click.option(
        "--adapter",
        envvar="GONIO_ADAPTER",
        default=nearby.SYSTEM,
        show_default=True,
        metavar="NAME",
        help="The radio: system, emulated (what `gonio emulate` serves), or its HOST:PORT.",
    ),
    click.option(
        "--scan",
        "scan_s",
        type=click.FloatRange(0.1, 120.0),
        default=nearby.SCAN_S,
        show_default=True,
        metavar="S",
        help="Listen so long for sensors.",
    ),
)
_SENSOR: Final = (
    click.option(
        "--profile", metavar="P", help="Id or YAML file, where no profile fits by itself."
    ),
    click.option("--mode", metavar="MODE", help="A mode of the profile."),
    click.option("--rate", "rate_hz", type=float, metavar="HZ", help="A rate of the mode."),
)


def _with(options: Sequence[_Option]) -> _Option:
    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


async def _until_stopped(seconds: float | None, stopped: asyncio.Event) -> None:
    """Wait for the user's Ctrl-C, an end from outside, or the time that was asked for."""
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        # Not on Windows, where Ctrl-C raises KeyboardInterrupt instead.
        with suppress(NotImplementedError):
            loop.add_signal_handler(name, stopped.set)
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stopped.wait()


def _run(work: Coroutine[Any, Any, None]) -> None:
    terminal.show_at_once()
    asyncio.run(work)


# --- scan


@click.command()
@_with(_RADIO)
@click.option("--all", "every", is_flag=True, help="Also devices that no profile recognises.")
@click.option("--json", "as_json", is_flag=True, help="One device a line.")
def scan(adapter: str, scan_s: float, every: bool, as_json: bool) -> None:
    """Sensors near this machine, and the profiles that fit them."""
    _run(_scan(Radio(adapter, scan_s), every, as_json))


async def _scan(radio: Radio, every: bool, as_json: bool) -> None:
    adapter = await radio.open()
    try:
        near = await Nearby.heard(radio, adapter)
    finally:
        await adapter.close()
    shown = [*near.sensors, *(near.others if every else [])]
    if as_json:
        for each in shown:
            print(
                json.dumps(
                    {
                        "name": each.name,
                        "address": each.address,
                        "profiles": list(each.profiles),
                        "rssi_dbm": each.rssi_dbm,
                    }
                )
            )
        return
    out = terminal.console()
    if shown:
        out.print(sensor_table.found_table(shown, near.profiles))
    else:
        terminal.say(
            out,
            "No sensor was heard. Switch the sensors on, keep them within a few metres, and close "
            "other apps that hold them.",
        )
    if near.others and not every:
        count = wording.counted(len(near.others), "other device")
        terminal.say(out, f"{count} heard; --all shows them.", "dim")


# --- stream


@click.command()
@click.argument("sensors", metavar="[SENSOR]...", nargs=-1)
@_with((*_RADIO, *_SENSOR))
@click.option("--for", "seconds", type=click.FloatRange(0.1), metavar="S", help="Stop after S.")
@click.option("--json", "as_json", is_flag=True, help="The state of each sensor, once a second.")
def stream(
    sensors: Sequence[str], seconds: float | None, as_json: bool, **asked: Unpack[Asked]
) -> None:
    """Watch what sensors send: rates, losses, battery, and the movement as a line.

    SENSOR is a name or an address of `gonio scan`; all that are near by default.
    """
    _run(_stream(Radio(**asked), sensors, seconds, as_json))


async def _stream(radio: Radio, asked: Sequence[str], seconds: float | None, as_json: bool) -> None:
    adapter = await radio.open()
    try:
        near = await Nearby.heard(radio, adapter)
        if not asked:
            near.require()
        chosen = [near.named(text, "SENSOR") for text in asked] or near.sensors
        names = [each.name for each in chosen]
        wanted: dict[str, Wanted] = {}
        for each in chosen:
            unique = names.count(each.name) == 1
            wanted[each.name if unique else each.address] = radio.wanted(each, near.profiles)
        hub = Hub(adapter, wanted, tracking=False)
        await _watch(hub, seconds, as_json)
    finally:
        await adapter.close()


async def _watch(hub: Hub, seconds: float | None, as_json: bool) -> None:
    out = terminal.console()
    errors = terminal.console(sys.stderr)
    table = sensor_table.StreamTable(hub)
    stopped = asyncio.Event()
    waiting = asyncio.create_task(_until_stopped(seconds, stopped))
    opening = asyncio.create_task(hub.open())
    await asyncio.wait({waiting, opening}, return_when=asyncio.FIRST_COMPLETED)
    if not opening.done():
        opening.cancel()
        await hub.close()
        return
    opening.result()

    async def read() -> None:
        async for item in hub.items():
            if isinstance(item, Samples):
                table.take(item)
            elif isinstance(item, SensorChange) and item.message is not None:
                terminal.say(errors, item.message)

    reading = asyncio.create_task(read())
    try:
        if as_json or not out.is_terminal:
            while not waiting.done():
                await asyncio.wait({waiting, reading}, timeout=1.0)
                if reading.done():
                    break
                for line in table.lines() if as_json else table.sentences():
                    print(line, flush=True)
        else:
            with Live(table, console=out, auto_refresh=False) as live:
                while not waiting.done():
                    await asyncio.wait({waiting, reading}, timeout=REFRESH_S)
                    if reading.done():
                        break
                    live.refresh()
    finally:
        stopped.set()
        await hub.close()
    await reading


# --- record


@click.command()
@click.option(
    "--output", "-o", required=True, type=click.Path(path_type=Path), metavar="REC",
    help="The recording to write; the raw packets go beside it.",
)  # fmt: skip
@click.option(
    "--template", "-t", metavar="T", help="Library id or YAML file: count and judge live."
)
@click.option("--side", type=click.Choice(["left", "right"]), help="Side that is exercised.")
@click.option(
    "--slot",
    "slots",
    multiple=True,
    metavar="SLOT=SENSOR",
    help="Which sensor, by name or address, is worn where; otherwise remembered, or found by "
    "shaking it.",
)
@_with((*_RADIO, *_SENSOR))
@click.option("--for", "seconds", type=click.FloatRange(0.1), metavar="S", help="Stop after S.")
@click.option(
    "--play", type=click.Path(path_type=Path), metavar="REC0",
    help="A recording in place of sensors, at its own pace.",
)  # fmt: skip
@click.option(
    "--speed", type=click.FloatRange(0.01), default=1.0, show_default=True, metavar="TIMES",
    help="With --play: so many times as fast; inf for as fast as it goes.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One event a line on standard output.")
def record(
    output: Path,
    template: str | None,
    side: str | None,
    slots: Sequence[str],
    seconds: float | None,
    play: Path | None,
    speed: float,
    as_json: bool,
    **asked: Unpack[Asked],
) -> None:
    """Record sensors; with --template a live session, each repetition told as it ends.

    Ends with Ctrl-C. Samples, log and events go into REC, the packets as they were received into
    REC's name with .packets.parquet, for `gonio redecode`.
    """
    check_writable(output)
    check_writable(packets_path(output))
    exercise = None if template is None else ExerciseTemplate.load(template)
    given = nearby.parse_slots(slots)
    if exercise is None and side is not None:
        raise OptionError("--side", "--side belongs to an exercise; name it with --template.")
    if exercise is not None:
        terminal.prepare_kernels(terminal.console(sys.stderr))
    if play is not None:
        check_output("--output", output, [play])
        _run(_record_played(play, speed, output, exercise, side, given, seconds, as_json))
        return
    _run(_record(Radio(**asked), output, exercise, side, given, seconds, as_json))


async def _record(
    radio: Radio,
    output: Path,
    template: ExerciseTemplate | None,
    side: str | None,
    given: Mapping[str, str],
    seconds: float | None,
    as_json: bool,
) -> None:
    errors = terminal.console(sys.stderr)

    def tell(line: str) -> None:
        terminal.say(errors, line)

    adapter = await radio.open()
    try:
        near = await Nearby.heard(radio, adapter)
        system = radio.adapter == nearby.SYSTEM
        if template is not None:
            wanted = await nearby.assigned(
                adapter, radio, near, nearby.places(template), given, tell, remember=system
            )
        elif given:
            places = {slot: slot for slot in given}
            wanted = await nearby.assigned(
                adapter, radio, near, places, given, tell, remember=system
            )
        else:
            near.require()
            names = [each.name for each in near.sensors]
            wanted = {
                each.name if names.count(each.name) == 1 else each.address: radio.wanted(
                    each, near.profiles
                )
                for each in near.sensors
            }
        # What a hub knows of its sensors before it is opened is what a recording begins with.
        recorder = LiveRecorder(output, Hub(adapter, wanted).sensors, datetime.now(UTC))
        hub = Hub(adapter, wanted, sink=recorder.sink)
        await record_session(hub, recorder, template, side, seconds, as_json)
    finally:
        await adapter.close()
    tell(f"wrote {output} and {packets_path(output)}")


async def _record_played(
    played: Path,
    speed: float,
    output: Path,
    template: ExerciseTemplate | None,
    side: str | None,
    given: Mapping[str, str],
    seconds: float | None,
    as_json: bool,
) -> None:
    """A recording in place of sensors: its samples come at its own pace, or faster."""
    recording = Recording.open(played)
    rename = {sensor: slot for slot, sensor in given.items()}
    if template is not None:
        for slot in template.slots:
            if slot not in given and slot not in recording.slots:
                raise OptionError(
                    "--slot",
                    f"{played} has no sensor {slot!r}; say which one serves as it with "
                    f"--slot {slot}=SENSOR, one of {', '.join(recording.slots)}.",
                )
    playback = Playback(recording, speed=speed, rename=rename)
    recorder = LiveRecorder(output, playback.sensors, datetime.now(UTC))
    await record_session(playback, recorder, template, side, seconds, as_json)
    terminal.say(terminal.console(sys.stderr), f"wrote {output}")


async def record_session(
    source: Source,
    recorder: LiveRecorder,
    template: ExerciseTemplate | None,
    side: str | None,
    seconds: float | None,
    as_json: bool,
) -> None:
    """Take from a source until it ends or is stopped: count where there is an exercise, keep all.

    seconds: for so long from the first sensor's start on.
    """
    out = terminal.console()
    errors = terminal.console(sys.stderr)
    stopped = asyncio.Event()
    with recorder:
        waiting = asyncio.create_task(_until_stopped(None, stopped))
        opening = asyncio.create_task(source.open())
        await asyncio.wait({waiting, opening}, return_when=asyncio.FIRST_COMPLETED)
        if not opening.done():
            opening.cancel()
            await source.close()
            return
        if opening.exception() is not None:
            waiting.cancel()
        opening.result()
        names = ", ".join(source.sensors)
        terminal.say(errors, f"Recording {names}. Ctrl-C ends it.")
        if template is not None and not as_json:
            out.print(terminal.repetition_table(out, template))

        async def end() -> None:
            await asyncio.wait({waiting}, timeout=seconds)
            await source.close()

        ending = asyncio.create_task(end())
        session: ExerciseRun | None = None
        items: AsyncIterator[Event | SensorChange]
        if template is None:
            items = record_only(source, recorder)
        else:
            session = ExerciseRun(source, StartControl(template.document(), side), recorder)
            items = session.run()
        try:
            async for item in items:
                if isinstance(item, SensorChange):
                    if item.message is not None:
                        terminal.say(errors, item.message)
                elif as_json:
                    sensor_table.print_event(item)
                elif isinstance(item, RepetitionEvent):
                    table = terminal.repetition_table(out, template, header=False)
                    table.add_row(*terminal.repetition_row(out, item, template))
                    out.print(table)
        finally:
            stopped.set()
            await source.close()
            await ending
    if session is not None and session.summary is not None:
        summary = session.summary
        if not as_json and any(
            event.goal_reached for event in session.events if isinstance(event, RepetitionEvent)
        ):
            terminal.say(out, "* goal reached", "dim")
        terminal.say(
            errors,
            f"{wording.counted(summary.repetitions, 'repetition')}, {summary.correct} correct.",
        )
    if isinstance(source, Hub):
        for line in sensor_table.loss_sentences(source):
            terminal.say(errors, line)
