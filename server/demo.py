"""The demonstration: real repetitions through emulated Bluetooth, live, then a report.

Chooses a public recording and lets an emulated sensor play it; what follows is what happens with
real ones: scan, connect, stream, count, record, replay. Words and figures are every session's.
"""

import asyncio
import os
import shutil
import sys
import time
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.live import Live

from devices.adapter import Adapter
from devices.emulation import virtual_time
from devices.emulation.air import Air
from devices.emulation.motion import Motion
from devices.emulation.peripheral import EmulatedSensor
from devices.errors import PublicDataError, PublicDataFault
from devices.hub import Hub, Wanted
from devices.public_data import SPAR_RATE_HZ, SPAR_SOURCE, SparRecording, load_spar
from devices.recorder import LiveRecorder, packets_path
from devices.recording import Expected, Recording
from devices.scanner import scan
from devices.source import SensorChange
from firmware_profiles.schema import Profile
from motion.events import AngleEvent, Event, RepetitionEvent
from motion.samples import Samples
from motion.session import StartControl
from motion.template import ExerciseTemplate
from server import terminal, wording
from server.gauge import Gauge
from server.live.exercise_run import ExerciseRun
from server.output import check_writable
from server.replay import Outcome, Replay, first_difference
from server.report import write_report

# Of the people whom the engine was built on, one whose twenty repetitions differ: some fall short
# of the goal, some are too fast, and all of them are small beside what a watch can see.
SUBJECT: Final = 6
EXERCISE: Final = "TRAP"
SIDE: Final = "left"
TEMPLATE: Final = "watch-trapezius"
SLOT: Final = "wrist"
REPETITIONS: Final = 20
RECORDING_NAME: Final = "gonio-demo.parquet"

# A sensor that is worn on the wrist, at the watch's own rate.
PROFILE: Final = "metamotion-r"
INTERVAL_S: Final = 0.03
SCAN_S: Final = 1.0
# The last repetition is told within half a second of its end; a sensor that holds its last values
# for longer would be said to be stuck.
AFTER_S: Final = 0.5


def run_demo(out: Console, *, fast: bool, report: Path) -> None:
    """Count the demonstration, told on `out`; writes `report`, and the session beside it.

    fast: as fast as the machine allows, and no gauge; so it is, too, where `out` is no terminal.
    """
    recording = report.with_name(RECORDING_NAME)
    for file in (report, recording, packets_path(recording)):
        check_writable(file)
    samples = _samples(_chosen(load_spar()))
    template = ExerciseTemplate.load(TEMPLATE)
    terminal.say(out, f"{template.name}, {SIDE}", "bold")
    terminal.say(out, f"Target: {wording.target_words(template)}", "dim")
    terminal.say(out, f"Source: {SPAR_SOURCE}", "dim")
    terminal.prepare_kernels(out)
    if fast or not _animated(out):
        virtual_time.run(lambda clock_ns: _session(out, samples, recording, clock_ns, None))
    else:
        gauge = Gauge(template, float(samples.t_s[-1]))
        in_real_time(lambda clock_ns: _session(out, samples, recording, clock_ns, gauge))
    plan = Replay.plan(Recording.open(recording), None)
    found = plan.check()
    outcome = Outcome()
    for _ in plan.run(outcome, angles=True):
        pass
    terminal.show_summary(out, plan, outcome, terminal.first_pass_lines(plan, found))
    same = first_difference(plan.stored_events or [], outcome.events) is None
    terminal.say(
        out,
        "The replay of the recorded session gave the same events, to the last bit."
        if same
        else "The replay of the recorded session differs from what was told live.",
    )
    write_report(report, plan, outcome, terminal.first_pass_lines(plan, found))
    _say_what_next(out, report, recording)


def in_real_time(main: Callable[[Callable[[], int]], Coroutine[Any, Any, None]]) -> None:
    """Run a coroutine that is given the clock, as `virtual_time.run` does."""
    asyncio.run(main(time.perf_counter_ns))


async def _session(
    out: Console,
    samples: Samples,
    recording: Path,
    clock_ns: Callable[[], int],
    gauge: Gauge | None,
) -> None:
    """Emulate the sensor, find it, connect it, count what it sends, and keep everything."""
    profile = Profile.load(PROFILE)
    air = Air(connection_interval_s=INTERVAL_S)
    sensor = EmulatedSensor(air, profile, Motion.of(samples), rate_hz=SPAR_RATE_HZ)
    await sensor.start()
    adapter = await Adapter.emulated(air)
    try:
        near = [each for each in await scan(adapter, [profile], SCAN_S) if each.profiles]
        wanted = {SLOT: Wanted(near[0], profile, None, SPAR_RATE_HZ)}
        terminal.say(
            out,
            f"Emulated sensor {near[0].name} ({near[0].address}), a {profile.name}, found over "
            "Bluetooth LE.",
            "dim",
        )
        # Told before the hub is opened: what it knows of the sensors does not change.
        known = Hub(adapter, wanted).sensors
        template = ExerciseTemplate.load(TEMPLATE)
        with LiveRecorder(recording, known, datetime.now(UTC)) as recorder:
            hub = Hub(adapter, wanted, sink=recorder.sink, clock_ns=clock_ns)
            session = ExerciseRun(hub, StartControl(template.document(), SIDE), recorder)
            await hub.open()
            out.print()
            out.print(terminal.repetition_table(out))

            async def end() -> None:
                await sensor.ended.wait()
                await asyncio.sleep(AFTER_S)
                await hub.close()

            ending = asyncio.create_task(end())
            try:
                await _tell(out, session, gauge)
            finally:
                ending.cancel()
                await hub.close()
            recorder.tell(expected=Expected(repetitions=REPETITIONS), source=SPAR_SOURCE)
    finally:
        await sensor.stop()
        await adapter.close()


async def _tell(out: Console, session: ExerciseRun, gauge: Gauge | None) -> None:
    """Rows as they come, above a gauge that moves with the sensor."""
    if gauge is None:
        async for event in session.run():
            _show_repetition(out, event)
        return
    with Live(gauge, console=out, auto_refresh=False, transient=True) as live:
        async for event in session.run():
            if isinstance(event, AngleEvent):
                gauge.reached_s = event.t_s
            if not isinstance(event, SensorChange):
                gauge.tell(event)
            _show_repetition(out, event)
            if isinstance(event, AngleEvent):
                live.refresh()


def _chosen(recordings: list[SparRecording]) -> SparRecording:
    for each in recordings:
        if (each.subject, each.exercise, each.side) == (SUBJECT, EXERCISE, SIDE):
            return each
    raise PublicDataError(
        PublicDataFault.OTHER_CONTENT,
        f"The public recordings hold no {EXERCISE} of person {SUBJECT}; install gonio anew.",
        path=SPAR_SOURCE,
    )


def _samples(chosen: SparRecording) -> Samples:
    return Samples.of(SLOT, chosen.t_s, chosen.acc_mps2, chosen.gyr_radps)


def _animated(out: Console) -> bool:
    """Whether the cursor can be moved and blocks be drawn."""
    return (
        out.is_terminal
        and out.file.isatty()
        and not out.is_dumb_terminal
        and out.encoding.startswith("utf")
    )


def _show_repetition(out: Console, event: Event | SensorChange) -> None:
    if isinstance(event, RepetitionEvent):
        table = terminal.repetition_table(out, header=False)
        table.add_row(*terminal.repetition_row(out, event))
        out.print(table)


def _say_what_next(out: Console, report: Path, recording: Path) -> None:
    out.print()
    terminal.say(out, f"The person was asked for {REPETITIONS} repetitions.")
    # Never broken, so that they can be copied.
    for told, copied in (
        ("Open the report in a browser:", str(report.resolve())),
        (
            "See what a program gets, one event a line:",
            f"{_command()} replay {recording} --json",
        ),
    ):
        terminal.say(out, told)
        out.print(terminal.plain_text(f"  {copied}", "bold"), soft_wrap=True)


def _command() -> str:
    """How to call this program from here: `make demo` installs it where no PATH leads."""
    if shutil.which("gonio") is not None:
        return "gonio"
    beside = Path(sys.executable).with_name("gonio")
    return os.path.relpath(beside) if beside.exists() else "gonio"
