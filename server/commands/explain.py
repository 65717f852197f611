"""`gonio explain`: why one repetition of a recording was judged as it was.

Reads options and shows what comes out. Finding the repetition is `server.sought`'s, the words are
`server.explanation`'s.
"""

import io
import sys
from pathlib import Path
from typing import Unpack

import click
import msgspec

from devices.recording import Recording
from server import terminal
from server.commands.planning import Asked, Request, planning_options
from server.errors import OptionError
from server.explanation import Explanation
from server.output import check_output
from server.replay import no_progress
from server.sought import seek


@click.command()
@planning_options
@click.option(
    "--rep", "index", type=int, required=True, metavar="N",
    help="Its number within its set, as gonio replay lists it.",
)  # fmt: skip
@click.option(
    "--set", "set_number", type=int, metavar="S",
    help="Which set, where there are several: numbered as they follow each other, from 1.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    metavar="FILE.html",
    help="Write a page with the plot that needs nothing but itself.",
)
def explain(
    index: int,
    set_number: int | None,
    as_json: bool,
    output: Path | None,
    **asked: Unpack[Asked],
) -> None:
    """Say why repetition N of the recording REC was judged as it was.

    Which rule decided and by what margin, and what came near to its threshold; then every rule that
    applies. A session recording replays its own log; --template then takes the place of its
    template.
    """
    for option, number, what in (("--rep", index, "repetitions"), ("--set", set_number, "sets")):
        if number is not None and number < 1:
            raise OptionError(option, f"{option} {number}: {what} are numbered from 1; give one.")
    errors = terminal.console(sys.stderr)
    request = Request.of(asked)
    plan = request.plan(Recording.open(request.recording))
    if output is not None:
        check_output("--output", output, request.files)
    terminal.prepare_kernels(errors)
    with terminal.progress_bar(errors, "Checking", plan) as bar:
        found = plan.check(bar or no_progress)
    with terminal.progress_bar(errors, "Replaying", plan) as bar:
        sought = seek(plan, index, set_number, bar or no_progress)
    explanation = Explanation.of(sought)
    warnings = terminal.first_pass_lines(plan, found)
    if as_json:
        if isinstance(sys.stdout, io.TextIOWrapper):
            # JSON is UTF-8, whatever the terminal's encoding.
            sys.stdout.reconfigure(encoding="utf-8")
        sys.stdout.write(msgspec.json.encode(explanation.document()).decode() + "\n")
        sys.stdout.flush()
        for line in [*plan.notes_for_any, *warnings, *terminal.sensor_lines(sought.outcome)]:
            terminal.say(errors, line)
    else:
        terminal.show_explanation(terminal.console(), plan, explanation, warnings)
    if output is not None:
        from server.explanation_page import write_page

        write_page(output, plan, explanation, warnings)
        terminal.say(errors, f"wrote the page {output}")
