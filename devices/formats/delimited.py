"""Delimited text as programs and spreadsheets write it, read in batches of bounded size.

Knows encodings, separators, decimal commas and line numbers, and makes numbers of cells. Which
column means what is up to the formats beside it.
"""

import codecs
import csv
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any, Final, NamedTuple, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from devices.errors import SourceError, SourceFault
from devices.recording import REQUIRED_COLUMNS
from motion.samples import Float32, Float64

# Rows that may come before the samples: titles, settings of the program, the header itself.
HEAD_ROWS: Final = 64
# Rows taken at once: 16 000 rows of ten cells are some 12 MB of Python texts.
BATCH_ROWS: Final = 16_384
# A row of 64 sensors with nine long numbers each has 15 000 characters.
LONGEST_LINE: Final = 65_536
# Bytes by which encoding and separator are judged.
SAMPLE_BYTES: Final = 65_536
# Nobody reads more of a damaged value than this in a message.
LONGEST_QUOTE: Final = 40
# Columns listed in a message.
MOST_LISTED: Final = 24

_BYTE_ORDER_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# In this order: a file with decimal commas holds more commas than separators.
_SEPARATORS: Final = ("\t", ";")
# Spreadsheets are told their separator by a first line `sep=,`.
_SEPARATOR_LINE: Final = "sep="
# The first line of what `devices.exporting` writes.
_GONIO_HEADER: Final = ",".join(REQUIRED_COLUMNS)
# Cells that say that nothing was measured.
_NOTHING: Final = frozenset({"", "na", "n/a", "nan", "-nan", "null", "none"})


class Row(NamedTuple):
    """A row with the number of the (first) line it stands on, counted from 1."""

    line: int
    cells: list[str]


def quoted(text: str) -> str:
    """A cell or column as shown in a message."""
    shown = text.strip()
    return repr(shown if len(shown) <= LONGEST_QUOTE else shown[:LONGEST_QUOTE] + "...")


def listed(names: Sequence[str]) -> str:
    """Names of columns as shown in a message."""
    shown = [name.strip() for name in names if name.strip()]
    more = f" and {len(shown) - MOST_LISTED} more" if len(shown) > MOST_LISTED else ""
    return ", ".join(name[:LONGEST_QUOTE] for name in shown[:MOST_LISTED]) + more


def is_number(cell: str, *, decimal_comma: bool) -> bool:
    """Whether a cell holds a number, or says that nothing was measured."""
    return _cast([_tidy(cell, decimal_comma)], pa.float64()) is not None


def _tidy(cell: str, decimal_comma: bool) -> str | None:
    text = cell.strip()
    if text.casefold() in _NOTHING:
        return None
    return text.replace(",", ".") if decimal_comma else text


def _cast(cells: Sequence[str | None], kind: Any) -> NDArray[Any] | None:
    """Numbers, correctly rounded, NaN where there is nothing; None if one of them is none."""
    try:
        numbers: NDArray[Any] = (
            pa.array(cells, pa.string()).cast(kind).to_numpy(zero_copy_only=False)
        )
    except pa.ArrowInvalid:
        return None
    return numbers


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Successive rows of a file. lines: (n,) the line of each."""

    path: str
    decimal_comma: bool
    lines: NDArray[np.int64]
    rows: list[list[str]]

    def __len__(self) -> int:
        return len(self.rows)

    def texts(self, column: int) -> list[str]:
        """The cells of one column, as they stand in the file."""
        return [row[column] for row in self.rows]

    def doubles(self, column: int, name: str) -> Float64:
        """One column as float64 (n,); NaN where nothing was measured. name: for messages."""
        numbers: Float64 = self._numbers(column, name, pa.float64())
        return numbers

    def singles(self, column: int, name: str) -> Float32:
        """One column as float32 (n,), rounded once: what was printed from float32 comes back."""
        numbers: Float32 = self._numbers(column, name, pa.float32())
        return numbers

    def _numbers(self, column: int, name: str, kind: Any) -> NDArray[Any]:
        cells = self.texts(column)
        numbers = _cast(cells, kind)
        if numbers is None:
            tidy = [_tidy(cell, self.decimal_comma) for cell in cells]
            numbers = _cast(tidy, kind)
            if numbers is None:
                at = next(at for at, cell in enumerate(tidy) if _cast([cell], kind) is None)
                line = int(self.lines[at])
                raise SourceError(
                    SourceFault.NOT_A_NUMBER,
                    f"{self.path}: line {line}, column {name.strip()}: {quoted(cells[at])} is not "
                    "a number; correct it, or leave it empty where nothing was measured.",
                    path=self.path,
                    line=line,
                    column=name,
                )
        return numbers


class DelimitedFile:
    """A text file of rows and cells.

    head: the first rows that are not blank. decimal_comma: whether 0,5 is a half.
    """

    def __init__(self, path: str, encoding: str, separator: str) -> None:
        self.path = path
        self.separator = separator
        self.decimal_comma = separator != ","
        self._encoding = encoding
        self.head: list[Row] = []

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Self:
        """Find out encoding and separator, and read the head; raises SourceError.

        The file is not held open: each way of reading opens it anew.
        """
        text = os.fspath(path)
        sample = _sample(text)
        encoding = _encoding(text, sample)
        lines = [
            line
            for line in sample.decode(encoding, errors="ignore").splitlines()[:HEAD_ROWS]
            if line.strip()
        ]
        file = cls(text, encoding, _separator(lines))
        for row in file._rows():
            if not (row.line == 1 and row.cells[0].lower().startswith(_SEPARATOR_LINE)):
                file.head.append(row)
            if len(file.head) == HEAD_ROWS:
                break
        if not file.head:
            raise SourceError(
                SourceFault.EMPTY,
                f"{text} holds no rows; export it again.",
                path=text,
            )
        return file

    def batches(self, after_line: int, width: int) -> Iterator[Batch]:
        """The rows after a line, each with `width` cells; blank rows and cells beyond are left out.

        Raises SourceError for rows of another length, and for what is no text.
        """
        lines: list[int] = []
        rows: list[list[str]] = []
        for line, cells in self._rows():
            if line <= after_line:
                continue
            if len(cells) != width and (len(cells) < width or any(map(str.strip, cells[width:]))):
                raise SourceError(
                    SourceFault.ROW_LENGTH,
                    f"{self.path}: line {line} has {len(cells)} cells where the header has "
                    f"{width}; complete the line, or remove it.",
                    path=self.path,
                    line=line,
                )
            lines.append(line)
            rows.append(cells)
            if len(rows) == BATCH_ROWS:
                yield Batch(self.path, self.decimal_comma, np.array(lines), rows)
                lines, rows = [], []
        if rows:
            yield Batch(self.path, self.decimal_comma, np.array(lines), rows)

    def _rows(self) -> Iterator[Row]:
        """All rows that hold something."""
        line = 1
        try:
            with open(self.path, encoding=self._encoding, newline="") as file:
                reader = csv.reader(self._lines(file), delimiter=self.separator)
                for cells in reader:
                    if any(cells) and any(map(str.strip, cells)):
                        yield Row(line, cells)
                    line = reader.line_num + 1
        except UnicodeDecodeError:
            raise SourceError(
                SourceFault.ENCODING,
                f"{self.path} holds bytes that are no {self._encoding} text after line "
                f"{line - 1}; save it as UTF-8.",
                path=self.path,
                line=line - 1,
            ) from None
        except csv.Error as error:
            raise SourceError(
                SourceFault.FORMAT,
                f"{self.path}: line {line} cannot be split into cells ({error}); check its "
                "quotation marks.",
                path=self.path,
                line=line,
            ) from None
        except OSError as error:
            raise _unreadable(self.path, error) from None

    def _lines(self, file: IO[str]) -> Iterator[str]:
        count = 0
        while line := file.readline(LONGEST_LINE):
            count += 1
            if len(line) == LONGEST_LINE and not line.endswith(("\n", "\r")):
                raise SourceError(
                    SourceFault.FORMAT,
                    f"{self.path}: line {count} is longer than {LONGEST_LINE} characters; give a "
                    "file with one row a line.",
                    path=self.path,
                    line=count,
                )
            yield line


def _unreadable(path: str, error: OSError | ValueError) -> SourceError:
    if isinstance(error, FileNotFoundError):
        return SourceError(
            SourceFault.NOT_FOUND, f"{path} does not exist; check the path.", path=path
        )
    reason = getattr(error, "strerror", None) or str(error)
    return SourceError(
        SourceFault.UNREADABLE,
        f"{path!r} cannot be read ({reason}); check the path and its permissions.",
        path=path,
    )


def _sample(path: str) -> bytes:
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise SourceError(
                SourceFault.UNREADABLE,
                f"{path} is not a regular file; give CSV files one by one.",
                path=path,
            )
        with open(path, "rb") as file:
            sample = file.read(SAMPLE_BYTES)
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None
    if not sample.strip():
        raise SourceError(
            SourceFault.EMPTY,
            f"{path} is empty; nothing was recorded, or the copy failed: export it again.",
            path=path,
        )
    return sample


def _encoding(path: str, sample: bytes) -> str:
    for mark, encoding in _BYTE_ORDER_MARKS:
        if sample.startswith(mark):
            return encoding
    if b"\0" in sample:
        raise SourceError(
            SourceFault.NOT_TEXT,
            f"{path} is not a text file; give CSV (save a spreadsheet as CSV first).",
            path=path,
        )
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample, len(sample) < SAMPLE_BYTES)
    except UnicodeDecodeError:
        # Numbers are the same in all of them; a degree sign in a header is not.
        return "latin-1"
    return "utf-8"


def _separator(lines: Sequence[str]) -> str:
    if lines and lines[0].startswith(_GONIO_HEADER):
        # Names of sensors may hold anything that looks like a separator.
        return ","
    if lines and lines[0].lower().startswith(_SEPARATOR_LINE):
        told = lines[0].rstrip("\r\n")[len(_SEPARATOR_LINE) :][:1]
        if told and not told.isalnum() and told not in "\"'.+-\\ \r\n":
            return told
    for separator in _SEPARATORS:
        if 2 * sum(separator in line for line in lines) > len(lines):
            return separator
    return ","
