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


class AdapterFault(StrEnum):
    """Why this machine's radio cannot be used."""

    NO_BLUETOOTH = "no_bluetooth"
    OFF = "off"
    BUSY = "busy"
    NOT_PERMITTED = "not_permitted"
    NO_ANSWER = "no_answer"
    NO_EMULATION = "no_emulation"
    OTHER = "other"


class AdapterError(DevicesError):
    """A radio that cannot be used. adapter: its name. detail: what the system said."""

    def __init__(
        self, reason: AdapterFault, message: str, *, adapter: str, detail: str | None = None
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.adapter = adapter
        self.detail = detail


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


class SlotFault(StrEnum):
    MEMORY = "memory"
    NOT_FOUND = "not_found"
    TWICE = "twice"


class SlotError(DevicesError):
    """Sensors that cannot be told apart or assigned. path: the memory's file. slot: to blame."""

    def __init__(
        self, reason: SlotFault, message: str, *, path: str | None = None, slot: str | None = None
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.path = path
        self.slot = slot


class LinkFault(StrEnum):
    """Why a sensor does not stream; an app translates these for the patient."""

    NOT_FOUND = "not_found"
    CONNECT_FAILED = "connect_failed"
    OTHER_SERVICES = "other_services"
    START_REFUSED = "start_refused"
    NO_ANSWER = "no_answer"
    SILENT = "silent"
    DROPPED = "dropped"
    NOT_DECODABLE = "not_decodable"
    GAVE_UP = "gave_up"
    NOT_TRACKABLE = "not_trackable"
    ADAPTER = "adapter"


class LinkError(DevicesError):
    """A sensor that cannot be reached or does not stream.

    address: of the sensor. name: as it advertises itself, or its slot.
    """

    def __init__(self, reason: LinkFault, message: str, *, address: str, name: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.address = address
        self.name = name


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
