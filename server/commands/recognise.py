"""`gonio recognise`: which exercise of several each repetition of a recording is.

Reads options and shows what comes out. Telling exercises apart is `motion.recognition`'s.
"""

import io
import sys
from collections.abc import Sequence
from typing import Unpack

import click

from devices.recording import Recording
from motion.events import encode
from server import terminal
from server.commands.planning import AskedOfSensors, Request, sensor_options
from server.errors import OptionError
from server.recognising import recognised
from server.replay import no_progress


@click.command()
@sensor_options
@click.option(
    "--template",
    "-t",
    "templates",
    multiple=True,
    required=True,
    metavar="T",
    help="Library id or YAML file of an exercise that may be done; give it for each of them.",
)
@click.option("--json", "as_json", is_flag=True, help="One event a line on standard output.")
def recognise(templates: Sequence[str], as_json: bool, **asked: Unpack[AskedOfSensors]) -> None:
    """Name the exercise of each repetition of the recording REC.

    Two exercises or more are learned templates, or of the library with a calibration. A session
    recording's own exercises are not looked at.
    """
    if len(templates) < 2:
        raise OptionError(
            "--template", "--template is given once; give every exercise that may be done."
        )
    errors = terminal.console(sys.stderr)
    plan = Request.of_several(asked, templates).plan(Recording.open(asked["recording"]))
    terminal.prepare_kernels(errors)
    with terminal.progress_bar(errors, "Checking", plan) as bar:
        found = plan.check(bar or no_progress)
    if as_json and isinstance(sys.stdout, io.TextIOWrapper):
        # JSON is UTF-8, whatever the terminal's encoding.
        sys.stdout.reconfigure(encoding="utf-8")
    events = []
    with terminal.progress_bar(errors, "Recognising", plan) as bar:
        for event in recognised(plan, bar or no_progress):
            events.append(event)
            if as_json:
                sys.stdout.write(encode(event).decode() + "\n")
    sys.stdout.flush()
    told = [*plan.notes, *terminal.first_pass_lines(plan, found)]
    if as_json:
        for line in told:
            terminal.say(errors, line)
        return
    out = terminal.console()
    terminal.show_recognised(out, plan, events)
    if told:
        out.print()
    for line in told:
        terminal.say(out, f"- {line}")
