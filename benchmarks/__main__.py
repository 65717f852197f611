"""The command `python -m benchmarks`: chooses what runs, shows it, tells what is wrong with input.

Exit codes: 0 fine, 2 bad input, told in one sentence, 130 stopped by the user. What is measured
and how stands in the modules that it calls.
"""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, Final, Protocol

import click
import pyarrow as pa

from benchmarks import (
    alignment,
    broad,
    convert,
    crash,
    decoding,
    dfjimu,
    library,
    margins,
    peers,
    radio,
    recognition,
    spar,
    speed,
    stress,
    uci_pt,
)
from benchmarks.errors import BenchmarkError, BenchmarkFault
from benchmarks.miscounts import write_miscounts
from benchmarks.report import Report, Track, print_report, progress_on, write_json
from devices.errors import DevicesError
from motion.errors import MotionError
from server.cli import BAD_INPUT, BROKEN_PIPE, INTERRUPTED
from server.errors import ServerError
from server.output import check_writable
from server.terminal import console, plain_text, prepare_kernels

PROGRAM: Final = "python -m benchmarks"
DATA_VARIABLE: Final = "GONIO_DATA"
# In the order of the tables.
SETS: Final[dict[str, ModuleType]] = {
    module.NAME: module for module in (uci_pt, spar, broad, dfjimu)
}


class Run(Protocol):
    """Scores the recordings of one folder."""

    def __call__(self, folder: Path, track: Track) -> Report: ...


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def benchmarks() -> None:
    """Accuracy and speed of the engine, beside peers in the same run."""


_data = click.option(
    "--data",
    type=click.Path(path_type=Path),
    envvar=DATA_VARIABLE,
    metavar="DIR",
    help=f"Folder that holds {', '.join(SETS)}; {DATA_VARIABLE} by default.",
)
_json = click.option(
    "--json",
    "json_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write every figure of the tables, unrounded.",
)


@benchmarks.command()
@click.argument("names", nargs=-1, metavar="[SET]...", type=click.Choice(tuple(SETS)))
@_data
@_json
@click.option(
    "--all", "everyone", is_flag=True, help="Also the people of spar that stay unseen otherwise."
)
@click.option(
    "--plots",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write a page with the angle of every recording whose count is off, and why.",
)
@click.option(
    "--stress",
    "stressed",
    is_flag=True,
    help=f"Disturb the recordings of {' and '.join(stress.SETS)} instead, and walk about.",
)
def accuracy(
    names: Sequence[str],
    data: Path | None,
    json_file: Path | None,
    everyone: bool,
    plots: Path | None,
    stressed: bool,
) -> None:
    """Score public recordings: every SET that is there, or those named."""
    folders = found_sets(data, names or (stress.SETS if stressed else ()))
    for written in (json_file, plots):
        if written is not None:
            check_writable(written)
    if stressed:
        with _ready() as track:
            reports = [stress.run(folders, track, unseen=everyone)]
        print_report(reports[0], console())
        _finish(reports, json_file)
        return
    for name in folders:
        for peer in SETS[name].PEERS:
            peers.load(peer)
    reports = []
    with _ready() as track:
        for name, folder in folders.items():
            run: Run = SETS[name].run
            if name == spar.NAME:
                run = partial(spar.run, unseen=everyone)
            reports.append(run(folder, track))
            print_report(reports[-1], console())
    _finish(reports, json_file)
    if plots is not None:
        write_miscounts(plots, [miscount for report in reports for miscount in report.miscounts])
        _tell(f"wrote {plots}")


@benchmarks.command("speed")
@_json
def speed_command(json_file: Path | None) -> None:
    """Time a sample takes, on signals that are made on the spot."""
    if json_file is not None:
        check_writable(json_file)
    with _ready() as track:
        report = speed.run(track)
    print_report(report, console())
    _finish([report], json_file)


@benchmarks.command("devices")
@click.option(
    "--seconds",
    type=click.FloatRange(min=5.0),
    default=radio.DURATION_S,
    show_default=True,
    help="How long eight sensors stream, in real time.",
)
@click.option(
    "--seeds",
    type=click.IntRange(min=1),
    default=radio.SEEDS,
    show_default=True,
    help="Draws of what is random in the alignment.",
)
@_json
def devices_command(seconds: float, seeds: int, json_file: Path | None) -> None:
    """Sensors over the emulated radio: losses, load, alignment in time; decoding alone."""
    if json_file is not None:
        check_writable(json_file)
    with progress_on(console(sys.stderr)) as track:
        reports = [
            radio.run(track, seconds=seconds, seeds=seeds),
            alignment.run(track, seeds),
            decoding.run(track),
        ]
    for report in reports:
        print_report(report, console())
    _finish(reports, json_file)


@benchmarks.command("crash")
@click.option(
    "--times",
    type=click.IntRange(min=1),
    default=crash.TIMES,
    show_default=True,
    help="How often the process is killed.",
)
@_json
def crash_command(times: int, json_file: Path | None) -> None:
    """Kill the process that runs a live session, again and again; fails if anything is lost."""
    if json_file is not None:
        check_writable(json_file)
    with _ready() as track:
        report = crash.run(track, times=times)
    print_report(report, console())
    _finish([report], json_file)
    crash.check(report)


@benchmarks.command("library")
@click.argument("ids", nargs=-1, metavar="[TEMPLATE]...")
@click.option(
    "--draws",
    type=click.IntRange(min=1),
    default=library.DRAWS,
    show_default=True,
    help="Simulated people a template.",
)
@click.option(
    "--first",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Number of the first of them; constants were chosen while looking at 0 to 19.",
)
@_json
def library_command(ids: Sequence[str], draws: int, first: int, json_file: Path | None) -> None:
    """Score the exercise library on simulated people: every TEMPLATE, or those named."""
    if json_file is not None:
        check_writable(json_file)
    for peer in library.PEERS:
        peers.load(peer)
    with _ready() as track:
        report = library.run(ids, draws, track, first=first)
    print_report(report, console())
    _finish([report], json_file)


@benchmarks.command("recognition")
@click.option(
    "--draws",
    type=click.IntRange(min=1),
    default=recognition.DRAWS,
    show_default=True,
    help="Simulated people an exercise.",
)
@click.option(
    "--first",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Number of the first of them.",
)
@_json
def recognition_command(draws: int, first: int, json_file: Path | None) -> None:
    """Tell the library's exercises apart, done by simulated people."""
    if json_file is not None:
        check_writable(json_file)
    with _ready() as track:
        report = recognition.of_library(draws, track, first=first)
    print_report(report, console())
    _finish([report], json_file)


@benchmarks.command("margins")
@_data
@_json
def margins_command(data: Path | None, json_file: Path | None) -> None:
    """Margins of learned templates, chosen with one person left out (uci_pt)."""
    folders = found_sets(data, [uci_pt.NAME])
    if json_file is not None:
        check_writable(json_file)
    with _ready() as track:
        report = margins.run(folders[uci_pt.NAME], track)
    print_report(report, console())
    _finish([report], json_file)


@benchmarks.command("convert")
@click.argument("name", metavar="SET", type=click.Choice(tuple(convert.CONVERTERS)))
@click.argument("source", required=False, metavar="[SOURCE]", type=click.Path(path_type=Path))
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    required=True,
    metavar="DIR",
    help="Recordings are written to DIR/SET, so that DIR serves as --data.",
)
@click.option(
    "--all", "everyone", is_flag=True, help="Also the people of spar that stay unseen otherwise."
)
def convert_command(name: str, source: Path | None, output: Path, everyone: bool) -> None:
    """Make recordings from the original files of SET, which lie in the folder SOURCE.

    For spar SOURCE is its one data file, by default that of the installed package seglearn.
    """
    folder = output / name
    converter = convert.CONVERTERS[name]
    if name == spar.NAME:
        converter = partial(convert.convert_spar, unseen=everyone)
    with progress_on(console(sys.stderr)) as track:
        written = converter(source, folder, track)
    console().print(plain_text(f"wrote {written} recordings to {folder}"))


def found_sets(data: Path | None, names: Sequence[str]) -> dict[str, Path]:
    """Folders of the sets to run, in the order of the tables; raises BenchmarkError.

    data: the folder that holds them. names: the sets asked for; all that are there by default, and
    the missing ones are told on standard error.
    """
    if data is None:
        raise BenchmarkError(
            BenchmarkFault.NO_DATA,
            f"No recordings are given: name their folder with --data or in {DATA_VARIABLE}; "
            "docs/benchmarks.md says how to make one.",
        )
    if not data.is_dir():
        wrong = "is not a folder" if data.exists() else "does not exist"
        raise BenchmarkError(
            BenchmarkFault.NO_DATA,
            f"{data} {wrong}; name the folder that holds {', '.join(SETS)} with --data.",
            path=str(data),
        )
    wanted = [name for name in SETS if not names or name in names]
    missing = [name for name in wanted if not (data / name).is_dir()]
    if missing and (names or missing == wanted):
        raise BenchmarkError(
            BenchmarkFault.NO_DATA,
            f"{data} holds no folder {' or '.join(missing)}; convert the set"
            f"{'s' if len(missing) > 1 else ''} as docs/benchmarks.md says.",
            path=str(data),
        )
    if missing:
        _tell(f"not in {data}, left out: {', '.join(missing)}")
    return {name: data / name for name in wanted if name not in missing}


@contextmanager
def _ready() -> Iterator[Track]:
    """Kernels compiled, with a word when that takes long, and a bar for what follows."""
    errors = console(sys.stderr)
    prepare_kernels(errors)
    with progress_on(errors) as track:
        yield track


def _finish(reports: Sequence[Report], json_file: Path | None) -> None:
    if json_file is not None:
        write_json(reports, json_file)
        _tell(f"wrote {json_file}")


def _tell(line: str) -> None:
    """A line beside the tables."""
    console(sys.stderr).print(plain_text(line), soft_wrap=True)


def _sentence(error: BaseException) -> str:
    """One sentence for a person from any error that input can cause."""
    if isinstance(error, click.ClickException):
        return f"{error.format_message().rstrip('.')}; see `{PROGRAM} --help`."
    if isinstance(error, MemoryError):
        return "The recordings do not fit into memory; give fewer or shorter ones."
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or 'A file'}: {error.strerror}; check the path and permissions."
    return str(error) or type(error).__name__


_INPUT_ERRORS: Final = (
    BenchmarkError, MotionError, DevicesError, ServerError, click.ClickException,
    pa.ArrowException, OSError, MemoryError,
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
        _tell("benchmarks: stopped.")
        return INTERRUPTED
    except BrokenPipeError:
        # The interpreter would complain once more when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except _INPUT_ERRORS as error:
        _tell(f"benchmarks: {_sentence(error)}")
        return BAD_INPUT
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, by default the process's own; its exit code."""
    given = None if arguments is None else list(arguments)
    return run(lambda: benchmarks.main(given, prog_name=PROGRAM, standalone_mode=False))


if __name__ == "__main__":
    sys.exit(main())
