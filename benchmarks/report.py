"""What a benchmark has to say: tables, the definitions under them, and figures for machines.

Prints them with rich on standard output, and progress on standard error. How figures come about is
each benchmark's business.
"""

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from rich.console import Console
from rich.padding import Padding
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table as RichTable
from rich.text import Text

from benchmarks.miscounts import Miscount

Item = TypeVar("Item")


class Track(Protocol):
    """Goes through `items` and shows how far it has come."""

    def __call__(self, items: Sequence[Item], description: str) -> Iterable[Item]: ...


def untracked(items: Sequence[Item], description: str) -> Iterable[Item]:
    """A `Track` that shows nothing."""
    return items


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under column heads; the first column is aligned left, the others right."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Report:
    """One benchmark's results. figures: JSON-able, every number that the tables show, unrounded.

    miscounts: the recordings whose count is off.
    """

    name: str
    tables: Sequence[Table]
    definitions: Sequence[str]
    figures: dict[str, Any] = field(default_factory=dict)
    miscounts: Sequence[Miscount] = ()


def print_report(report: Report, console: Console) -> None:
    """Tables, each definition under them as a paragraph."""
    for table in report.tables:
        # Not as the table's own title, which is broken at the width of the table.
        console.print(Text(table.title, style="bold"))
        shown = RichTable()
        for index, column in enumerate(table.columns):
            # A name cut off by the width of the terminal would name nothing.
            shown.add_column(column, justify="left" if index == 0 else "right", no_wrap=index == 0)
        for row in table.rows:
            shown.add_row(*(Text(cell) for cell in row))
        console.print(shown)
    for definition in report.definitions:
        console.print(Padding(Text(definition), (0, 0, 0, 1), expand=False))
    console.print()


@contextmanager
def progress_on(console: Console) -> Iterator[Track]:
    """A `Track` with a bar on a terminal, which vanishes when done; nothing elsewhere."""
    if not console.is_terminal:
        yield untracked
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:

        def tracked(items: Sequence[Item], description: str) -> Iterable[Item]:
            return progress.track(items, description=description)

        yield tracked


def write_json(reports: Iterable[Report], path: Path) -> None:
    """Figures of all reports, by name; what is not a number becomes null."""
    document = {report.name: _plain(report.figures) for report in reports}
    path.write_text(json.dumps(document, indent=2, allow_nan=False) + "\n", "utf-8")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return value


def number(value: float, digits: int = 2) -> str:
    """A number with fixed digits, a dash for NaN."""
    return f"{value:.{digits}f}" if math.isfinite(value) else "-"


def percent(value: float, digits: int = 1) -> str:
    """A percentage that is one already, a dash for NaN."""
    return f"{value:.{digits}f} %" if math.isfinite(value) else "-"


def seconds(value: float) -> str:
    """A time in seconds with its unit, a dash for NaN."""
    return f"{value:.2f} s" if math.isfinite(value) else "-"
