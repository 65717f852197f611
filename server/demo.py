"""The demonstration: real repetitions through the very path of `gonio replay`, then a report.

Chooses a public recording, writes it as a user's would be and plays it at a pace that one can
watch. Counting, words and figures are those of every replay.
"""

import os
import shutil
import sys
import time
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.live import Live

from devices.errors import PublicDataError, PublicDataFault
from devices.public_data import SPAR_RATE_HZ, SPAR_SOURCE, SparRecording, load_spar
from devices.recording import Expected, Recording, RecordingInfo, RecordingWriter, SensorInfo
from motion.events import Event, RepetitionEvent
from motion.samples import Samples
from motion.template import ExerciseTemplate
from server import terminal
from server.gauge import Gauge
from server.output import check_writable
from server.replay import Outcome, Replay
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

# Session seconds a second: half a minute of exercise in a quarter, slow enough for the eye.
PACE: Final = 2.0


def run_demo(out: Console, *, fast: bool, report: Path) -> None:
    """Count the demonstration, told on `out`; writes `report`, and the recording beside it.

    fast: no pacing and no gauge; so it is, too, where `out` is no terminal.
    """
    recording = report.with_name(RECORDING_NAME)
    for file in (report, recording):
        check_writable(file)
    _write_recording(_chosen(load_spar()), recording)
    plan = Replay.plan(Recording.open(recording), ExerciseTemplate.load(TEMPLATE), side=SIDE)
    live = not fast and _animated(out)
    terminal.show_head(out, plan)
    terminal.say(out, f"Source: {SPAR_SOURCE}", "dim")
    if live:
        terminal.say(out, f"Played {PACE:g} times as fast as it was recorded.", "dim")
    terminal.prepare_kernels(out)
    found = plan.check()
    outcome = Outcome()
    out.print()
    out.print(terminal.repetition_table(out))
    (_play if live else _run)(out, plan, outcome)
    terminal.show_summary(out, plan, outcome, terminal.first_pass_lines(plan, found))
    write_report(report, plan, outcome, terminal.first_pass_lines(plan, found))
    _say_what_next(out, report, recording)


def _chosen(recordings: list[SparRecording]) -> SparRecording:
    for each in recordings:
        if (each.subject, each.exercise, each.side) == (SUBJECT, EXERCISE, SIDE):
            return each
    raise PublicDataError(
        PublicDataFault.OTHER_CONTENT,
        f"The public recordings hold no {EXERCISE} of person {SUBJECT}; install gonio anew.",
        path=SPAR_SOURCE,
    )


def _write_recording(chosen: SparRecording, path: Path) -> None:
    info = RecordingInfo(
        sensors={SLOT: SensorInfo(rate_hz=SPAR_RATE_HZ, placement=SLOT)},
        id=f"spar-p{chosen.subject:02d}-{chosen.exercise.lower()}-{chosen.side}",
        expected=Expected(repetitions=REPETITIONS),
        source=SPAR_SOURCE,
    )
    with RecordingWriter(path, info) as writer:
        writer.write(Samples.of(SLOT, chosen.t_s, chosen.acc_mps2, chosen.gyr_radps))


def _animated(out: Console) -> bool:
    """Whether the cursor can be moved and blocks be drawn."""
    return (
        out.is_terminal
        and out.file.isatty()
        and not out.is_dumb_terminal
        and out.encoding.startswith("utf")
    )


def _run(out: Console, plan: Replay, outcome: Outcome) -> None:
    for event in plan.run(outcome, angles=True):
        _show_repetition(out, event)


def _play(out: Console, plan: Replay, outcome: Outcome) -> None:
    """Rows come above a gauge that moves with the recording."""
    first_s = plan.recording.first_s
    gauge = Gauge(plan.template, plan.recording.duration_s)
    with Live(gauge, console=out, auto_refresh=False, transient=True) as live:
        began = time.monotonic()

        def wait(t_s: float) -> None:
            gauge.reached_s = t_s - first_s
            live.refresh()
            time.sleep(max(0.0, began + gauge.reached_s / PACE - time.monotonic()))

        for event in plan.run(outcome, angles=True, progress=wait):
            gauge.tell(event)
            _show_repetition(out, event)


def _show_repetition(out: Console, event: Event) -> None:
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
            f"{_command()} replay {recording} --template {TEMPLATE} --json",
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
