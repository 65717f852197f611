"""What can go wrong in `devices`, each with a reason that a program can translate.

Messages are one sentence for a person: what is wrong, in which file or sensor, and what to do.
"""

from enum import StrEnum


class DevicesError(Exception):
    """Base of all errors of this package."""


class RecordingFault(StrEnum):
    NOT_FOUND = "not_found"
    UNREADABLE = "unreadable"
    EMPTY = "empty"
    NOT_PARQUET = "not_parquet"
    TRUNCATED = "truncated"
    DAMAGED = "damaged"
    COLUMNS = "columns"
    COLUMN_TYPE = "column_type"
    METADATA = "metadata"
    NO_ROWS = "no_rows"
    SENSOR = "sensor"
    TIME_NOT_FINITE = "time_not_finite"
    TIME_UNSORTED = "time_unsorted"
    TIME_REPEATED = "time_repeated"
    TIME_SPAN = "time_span"
    UNKNOWN_SENSOR = "unknown_sensor"
    NO_SAMPLES = "no_samples"
    SINGLE_SAMPLE = "single_sample"
    UNWRITABLE = "unwritable"
    NO_EVENTS = "no_events"


class RecordingError(DevicesError):
    """A recording that cannot be read or written.

    path: the file. sensor: the slot, when one is to blame. row: the row of the file, counted from
    0. columns: the columns to blame. field: dotted path within the metadata.
    """

    def __init__(
        self,
        reason: RecordingFault,
        message: str,
        *,
        path: str,
        sensor: str | None = None,
        row: int | None = None,
        columns: tuple[str, ...] = (),
        field: str | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.path = path
        self.sensor = sensor
        self.row = row
        self.columns = columns
        self.field = field


class SourceFault(StrEnum):
    NOT_FOUND = "not_found"
    UNREADABLE = "unreadable"
    EMPTY = "empty"
    NOT_TEXT = "not_text"
    ENCODING = "encoding"
    FORMAT = "format"
    COLUMNS = "columns"
    ROW_LENGTH = "row_length"
    NOT_A_NUMBER = "not_a_number"
    SENSOR = "sensor"
    NO_ROWS = "no_rows"
    NO_TIME = "no_time"
    TIME_UNSORTED = "time_unsorted"
    TIME_REPEATED = "time_repeated"
    TIME_SPAN = "time_span"
    RATE = "rate"
    SLOT = "slot"
    PAIR = "pair"
    IMPLAUSIBLE = "implausible"
    OPTION = "option"


class SourceError(DevicesError):
    """A file of another program that cannot be imported.

    path: the file, empty where options alone are to blame. line: counted from 1, as editors do.
    column: its name in the file. sensor: the slot. Where an option of `gonio import` helps, the
    message names it.
    """

    def __init__(
        self,
        reason: SourceFault,
        message: str,
        *,
        path: str,
        line: int | None = None,
        column: str | None = None,
        sensor: str | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.path = path
        self.line = line
        self.column = column
        self.sensor = sensor


class PublicDataFault(StrEnum):
    NOT_INSTALLED = "not_installed"
    UNREADABLE = "unreadable"
    OTHER_CONTENT = "other_content"


class PublicDataError(DevicesError):
    """A package's recordings that cannot be used. path: the file."""

    def __init__(self, reason: PublicDataFault, message: str, *, path: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.path = path


class PacketFileFault(StrEnum):
    NOT_FOUND = "not_found"
    UNREADABLE = "unreadable"
    NOT_PARQUET = "not_parquet"
    DAMAGED = "damaged"
    COLUMNS = "columns"
    METADATA = "metadata"
    PROFILE = "profile"
    ROW = "row"
    TOO_LARGE = "too_large"
    UNWRITABLE = "unwritable"


class PacketFileError(DevicesError):
    """A file of raw packets that cannot be read or written.

    path: the file. row: counted from 0. field: dotted path within the metadata.
    """

    def __init__(
        self,
        reason: PacketFileFault,
        message: str,
        *,
        path: str,
        row: int | None = None,
        field: str | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.path = path
        self.row = row
        self.field = field
