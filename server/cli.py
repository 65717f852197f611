"""The command `gonio`: reads options, calls what does the work, shows what comes out.

Exit codes: 0 fine, 1 `--check` found a difference, 2 bad input, told in one sentence, 130 stopped
by the user. No command shows a traceback for what a person gave it.
"""

import io
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Literal, TextIO, Unpack

import click
import msgspec
import pyarrow as pa
from pydantic import ValidationError

from devices.errors import DevicesError
from devices.recording import Recording
from firmware_profiles.errors import ProfileError
from motion.change import SessionChange
from motion.errors import MotionError, TemplateError
from motion.events import AngleEvent, encode
from motion.learning import COMMENTS
from motion.learning import learn as learn_template
from motion.plausibility import PlausibilityCheck
from motion.samples import Samples
from motion.template import ExerciseTemplate, library_ids
from server import terminal, wording
from server.commands import (
    compare,
    emulation,
    explain,
    files,
    profiles,
    recognise,
    redecode,
    sensors,
    serve,
)
from server.commands.planning import Asked, Request, planning_options
from server.drawing import animated_svg, static_svg
from server.engine import engine_differences, gonio_version
from server.errors import OptionError, ReplayError, ReplayFault, ServerError
from server.losses import LossFinder
from server.output import check_output, write_text
from server.replay import Outcome, Replay, first_difference, no_progress

DIFFERENT: Final = 1
BAD_INPUT: Final = 2
INTERRUPTED: Final = 130  # 128 + SIGINT, as shells do
BROKEN_PIPE: Final = 141  # 128 + SIGPIPE: whoever read the output has stopped reading


class ReaderGoneError(Exception):
    """Whoever read the output has stopped reading."""


class _Commands(click.Group):
    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; click would end it with code 1, which stands for a difference here."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise ReaderGoneError from None


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(gonio_version(), "--version", prog_name="gonio")
def gonio() -> None:
    """Count, measure and judge exercise repetitions from wearable motion sensors."""


gonio.add_command(files.import_)
gonio.add_command(files.export)
gonio.add_command(explain.explain)
gonio.add_command(compare.compare)
gonio.add_command(recognise.recognise)
gonio.add_command(sensors.scan)
gonio.add_command(sensors.stream)
gonio.add_command(sensors.record)
gonio.add_command(emulation.emulate)
gonio.add_command(redecode.redecode)
gonio.add_command(profiles.profiles)
gonio.add_command(serve.serve)

# --- demo


@gonio.command()
@click.option("--fast", is_flag=True, help="No pacing and no animation.")
def demo(fast: bool) -> None:
    """Real repetitions of a shoulder exercise, one by one, then an HTML report."""
    from server.demo import run_demo

    run_demo(terminal.console(), fast=fast, report=Path("gonio-demo-report.html"))


# --- replay


@gonio.command()
@planning_options
@click.option("--json", "as_json", is_flag=True, help="One event a line on standard output.")
@click.option(
    "--report",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write an HTML report that needs nothing but itself.",
)
@click.option(
    "--before",
    type=click.Path(path_type=Path),
    metavar="REC0",
    help="A session before, with which the report compares this one.",
)
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    metavar="REC",
    help="Write a session recording: samples, log, events, engine.",
)
@click.option(
    "--check",
    is_flag=True,
    help="Compare with the stored events, bit for bit; exit code 1 if different.",
)
def replay(
    as_json: bool,
    report: Path | None,
    before: Path | None,
    output: Path | None,
    check: bool,
    **asked: Unpack[Asked],
) -> None:
    """Count and judge the repetitions of the recording REC.

    A session recording replays its own log; --template then takes the place of its template.
    """
    errors = terminal.console(sys.stderr)
    request = Request.of(asked)
    recording = request.recording
    opened = Recording.open(recording)
    if check and opened.info.events is None:
        raise ReplayError(
            ReplayFault.NO_EVENTS,
            f"{recording} stores no events, so that there is nothing to compare with; write a "
            "session recording with `gonio replay ... -o FILE` first.",
            path=str(recording),
        )
    plan = request.plan(opened)
    if before is not None and report is None:
        raise OptionError(
            "--before", "--before is told in the report: give --report too, or use `gonio compare`."
        )
    earlier = None if before is None else compare.planned(before, asked)
    read = [*request.files, *([] if before is None else [before])]
    for option, file, others in (
        ("--report", report, read),
        ("--output", output, read if report is None else [*read, report]),
    ):
        if file is not None:
            check_output(option, file, others)
    terminal.prepare_kernels(errors)
    with terminal.progress_bar(errors, "Checking", plan) as bar:
        found = plan.check(bar or no_progress)
    outcome = Outcome()
    if as_json and isinstance(sys.stdout, io.TextIOWrapper):
        # JSON is UTF-8, whatever the terminal's encoding.
        sys.stdout.reconfigure(encoding="utf-8")
    with terminal.progress_bar(errors, "Replaying", plan) as bar:
        for event in plan.run(outcome, angles=report is not None, progress=bar or no_progress):
            if as_json and not isinstance(event, AngleEvent):
                sys.stdout.write(encode(event).decode() + "\n")
    sys.stdout.flush()
    warnings = terminal.first_pass_lines(plan, found)
    if as_json or check:
        looked = terminal.likeness_lines(outcome)
        for line in [*looked, *plan.notes, *warnings, *terminal.sensor_lines(outcome)]:
            _tell(line)
    else:
        terminal.show_outcome(terminal.console(), plan, outcome, warnings)
    if output is not None:
        plan.write(outcome, output)
        _tell(f"wrote the session recording {output}")
    if report is not None:
        from server.report import write_report

        since: list[SessionChange] = []
        if earlier is not None:
            run = compare.Run.of(earlier, request.template)
            since = compare.compared_sessions(run, compare.Run(plan, outcome.repetitions, []))
            warnings = [*warnings, *run.lines]
        write_report(report, plan, outcome, warnings, since)
        _tell(f"wrote the report {report}")
    if check and not _check(plan, outcome, sys.stderr if as_json else sys.stdout):
        raise SystemExit(DIFFERENT)


def _check(plan: Replay, outcome: Outcome, stream: TextIO) -> bool:
    """Compare with the stored events and tell the result; True if they are identical."""
    stored = plan.stored_events or []
    engine = engine_differences(plan.recording.info.engine)
    beside = f" (engine: {'; '.join(engine)})" if engine else ""
    difference = first_difference(stored, outcome.events)
    if difference is None:
        told = f"identical: {len(stored)} events{beside}"
    elif difference.given is None:
        told = f"different: stored event {difference.number + 1} is missing now{beside}"
    elif difference.stored is None:
        told = f"different: event {difference.number + 1} is not among the stored ones{beside}"
    else:
        told = f"different: event {difference.number + 1}, {', '.join(difference.fields())}{beside}"
    lines = [told]
    if difference is not None:
        for name, document in (("stored", difference.stored), ("now", difference.given)):
            if document is not None:
                lines.append(f"  {name:6} {msgspec.json.encode(document).decode()}")
    stream.write("".join(f"{wording.printable(line)}\n" for line in lines))
    stream.flush()
    return difference is None


# --- learn


@gonio.command()
@click.argument("recording", metavar="REC", type=click.Path(path_type=Path))
@click.option(
    "--from",
    "starts",
    type=float,
    multiple=True,
    required=True,
    metavar="S",
    help="Start of a demonstrated repetition, seconds.",
)
@click.option(
    "--to",
    "ends",
    type=float,
    multiple=True,
    required=True,
    metavar="S",
    help="Its end; as many as --from.",
)
@click.option("--sensor", metavar="SLOT", help="Use this sensor alone.")
@click.option("--id", "template_id", metavar="ID", help="Id of the template.")
@click.option("--name", metavar="NAME", help="Name of the exercise.")
@click.option(
    "--reference",
    type=click.Choice(["prescription", "own"]),
    default="prescription",
    show_default=True,
    help="What a range is too small against: the demonstration, or the first three repetitions of "
    "whoever does the exercise.",
)
@click.option("--output", "-o", required=True, type=click.Path(path_type=Path), metavar="T.yaml")
def learn(
    recording: Path,
    starts: Sequence[float],
    ends: Sequence[float],
    sensor: str | None,
    template_id: str | None,
    name: str | None,
    reference: Literal["prescription", "own"],
    output: Path,
) -> None:
    """Make a template from repetitions demonstrated in the recording REC.

    Give --from and --to once for every demonstrated repetition, from rest to rest.
    """
    if len(starts) != len(ends):
        raise OptionError(
            "--to",
            f"--from is given {len(starts)} times and --to {len(ends)} times; give one of each for "
            "every demonstrated repetition.",
        )
    opened = Recording.open(recording)
    check_output("--output", output, [recording])
    chosen = None if sensor is None else [sensor]
    samples = opened.samples(chosen)
    terminal.prepare_kernels(terminal.console(sys.stderr))
    usable = _usable(opened, samples, alone=sensor is not None)
    stem = _identifier(output.stem)
    try:
        template = learn_template(
            usable,
            list(zip(starts, ends, strict=True)),
            sensor=sensor,
            template_id=template_id or stem,
            name=name or stem.replace("-", " ").capitalize(),
            reference=reference,
        )
    except TemplateError as error:
        raise _not_a_name(error, template_id, name) from None
    write_text(output, template.to_yaml(COMMENTS))
    out = terminal.console()
    target = template.range
    out.print(terminal.plain_text(f"{output}: {template.name}", "bold"))
    out.print(terminal.plain_text(f"sensors: {', '.join(template.slots)}"))
    out.print(f"range: counts from {target.count_from_deg:g}°, {wording.target_words(template)}")
    if template.tempo.active_s is not None:
        least, most = template.tempo.active_s
        out.print(f"tempo: {least:g} to {most:g} s above a fifth of the range")
    out.print("Read it and change what should be otherwise; then use it with gonio replay.")


def _not_a_name(error: TemplateError, template_id: str | None, name: str | None) -> Exception:
    """A learned template can be refused only for what --id or --name gave."""
    if error.field == "id" and template_id is not None:
        return OptionError(
            "--id",
            f"--id {template_id}: give up to 64 lower-case letters, digits, dots, hyphens and "
            "underscores, a letter or digit first.",
        )
    if error.field == "name" and name is not None:
        return OptionError("--name", "--name is too long; give up to 120 characters.")
    return error


def _usable(opened: Recording, samples: dict[str, Samples], *, alone: bool) -> dict[str, Samples]:
    """Sensors whose data make sense; the others are told and left out, or refused."""
    usable: dict[str, Samples] = {}
    for slot, each in samples.items():
        check = PlausibilityCheck(slot)
        check.update(each)
        result = check.result()
        try:
            result.raise_if_unusable(opened.path)
        except MotionError as error:
            if alone or len(samples) == 1:
                raise
            _tell(f"left out: {error}")
            continue
        finder = LossFinder(slot)
        finder.update(each)
        lines = terminal.plausibility_lines([result])
        if finder.found.count:
            lines.append(wording.losses_words(finder.found))
        for line in lines:
            _tell(line)
        usable[slot] = each
    if not usable:
        raise ReplayError(
            ReplayFault.IMPLAUSIBLE,
            f"{opened.path} holds no sensor that a template can be learned from; record again.",
            path=opened.path,
        )
    return usable


def _identifier(text: str) -> str:
    """A template id from a file name."""
    kept = "".join(c if c.isascii() and c.isalnum() else "-" for c in text.lower()).strip("-")
    return kept[:64] or "learned"


# --- templates


@gonio.group()
def templates() -> None:
    """The exercise library, and templates of one's own."""


@templates.command("list")
def list_templates() -> None:
    """All exercises of the library."""
    terminal.console().print(
        terminal.template_table(ExerciseTemplate.load(name) for name in library_ids())
    )


@templates.command("show")
@click.argument("template", metavar="ID")
def show_template(template: str) -> None:
    """The exercise ID as YAML, to read or to start one's own from."""
    click.echo(ExerciseTemplate.load(template).to_yaml(), nl=False)


@templates.command("check")
@click.argument("file", type=click.Path(path_type=Path))
def check_template(file: Path) -> None:
    """Whether FILE is a template, and what it asks for."""
    template = ExerciseTemplate.load(file)
    out = terminal.console()
    out.print(terminal.plain_text(f"{file}: fine"))
    out.print(terminal.plain_text(f"{template.name} ({template.id}, version {template.version})"))
    out.print(terminal.plain_text(f"sensors: {', '.join(template.slots)}"))
    out.print(terminal.plain_text(f"range: {wording.target_words(template)}"))


@templates.command("figure")
@click.argument("template", metavar="T")
@click.option("--side", type=click.Choice(["left", "right"]), help="The side that is shown.")
@click.option("--still", is_flag=True, help="Rest and turning point beside each other, no motion.")
@click.option(
    "--output", "-o", type=click.Path(path_type=Path), metavar="FILE.svg", help="Default: ID.svg."
)
def draw_template(
    template: str, side: Literal["left", "right"] | None, still: bool, output: Path | None
) -> None:
    """Draw the exercise T, a library id or a YAML file: a body in motion, as SVG."""
    exercise = ExerciseTemplate.load(template)
    if exercise.figure is None:
        raise OptionError(
            "T", f"{template} has no figure to draw; add one, as docs/templates.md says."
        )
    file = Path(f"{exercise.id}.svg") if output is None else output
    check_output("--output", file, [Path(template)])
    write_text(file, static_svg(exercise, side) if still else animated_svg(exercise, side))
    terminal.console().print(terminal.plain_text(f"{file}: {exercise.name}"))


# --- files and errors


def _tell(line: str) -> None:
    """A line beside the output proper."""
    print(wording.printable(line), file=sys.stderr)


def _sentence(error: BaseException) -> str:
    """One sentence for a person from any error that input can cause."""
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        return f"{where + ': ' if where else ''}{first['msg']}; correct this field."
    if isinstance(error, click.ClickException):
        context = getattr(error, "ctx", None)
        command = "gonio" if context is None else context.command_path
        return f"{error.format_message().rstrip('.')}; see `{command} --help`."
    if isinstance(error, MemoryError):
        return "The recording does not fit into memory; give one of fewer sensors or less time."
    if isinstance(error, OSError) and error.strerror:
        where = error.filename or "A file"
        return f"{where}: {error.strerror}; check the path, its permissions and free space."
    return str(error) or type(error).__name__


_INPUT_ERRORS: Final = (
    MotionError, DevicesError, ProfileError, ServerError, click.ClickException, ValidationError,
    msgspec.MsgspecError, pa.ArrowException, OSError, MemoryError,
)  # fmt: skip


def run(command: Callable[[], Any]) -> int:
    """Run a command; its exit code. What input can cause is told in one sentence."""
    try:
        command()
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else BAD_INPUT
    except click.exceptions.Exit as stop:
        return int(stop.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return BAD_INPUT
    except (KeyboardInterrupt, click.Abort):
        print("gonio: stopped.", file=sys.stderr)
        return INTERRUPTED
    except ReaderGoneError:
        # The interpreter would complain once more when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except _INPUT_ERRORS as error:
        print(f"gonio: {wording.printable(_sentence(error))}", file=sys.stderr)
        return BAD_INPUT
    return 0


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of the command."""
    given = None if arguments is None else list(arguments)
    for stream in (sys.stdout, sys.stderr):
        # A degree sign must not end a program in a terminal that has none.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    sys.exit(run(lambda: gonio.main(given, prog_name="gonio", standalone_mode=False)))


if __name__ == "__main__":
    main()
