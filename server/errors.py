"""What can go wrong in `server`, each with a reason that a program can translate.

Messages are one sentence for a person: what is wrong, in which file or option, and what to do.
"""

from enum import StrEnum


class ServerError(Exception):
    """Base of all errors of this package."""


class ReplayFault(StrEnum):
    NO_TEMPLATE = "no_template"
    SLOT = "slot"
    LOG = "log"
    IMPLAUSIBLE = "implausible"
    CALIBRATION = "calibration"
    NO_EVENTS = "no_events"
    NO_REPETITION = "no_repetition"
    TEMPLATES = "templates"


class ReplayError(ServerError):
    """A recording that cannot be replayed as asked. path: the recording; slot: a sensor slot."""

    def __init__(
        self, reason: ReplayFault, message: str, *, path: str, slot: str | None = None
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.path = path
        self.slot = slot


class OptionError(ServerError):
    """A command line that cannot be carried out. option: the one to blame."""

    def __init__(self, option: str, message: str) -> None:
        super().__init__(message)
        self.option = option


class OutputError(ServerError):
    """A file that cannot be written."""

    def __init__(self, path: str, detail: str) -> None:
        super().__init__(
            f"{path} cannot be written ({detail}); check that the folder exists and allows writing."
        )
        self.path = path


class RequestFault(StrEnum):
    NOT_SIGNED_IN = "not-signed-in"
    LOGIN_FAILED = "login-failed"
    CSRF = "csrf"
    ORIGIN = "origin"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not-found"
    CONFLICT = "conflict"
    INVALID = "invalid"
    INVITATION = "invitation"
    TOO_MANY_REQUESTS = "too-many-requests"


_STATUS = {
    RequestFault.NOT_SIGNED_IN: 401,
    RequestFault.LOGIN_FAILED: 401,
    RequestFault.CSRF: 403,
    RequestFault.ORIGIN: 403,
    RequestFault.FORBIDDEN: 403,
    RequestFault.NOT_FOUND: 404,
    RequestFault.CONFLICT: 409,
    RequestFault.INVALID: 422,
    RequestFault.INVITATION: 410,
    RequestFault.TOO_MANY_REQUESTS: 429,
}


class RequestError(ServerError):
    """A request that is refused. retry_after_s: when it may be tried again."""

    def __init__(
        self, reason: RequestFault, message: str, *, retry_after_s: float | None = None
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.retry_after_s = retry_after_s

    @property
    def status(self) -> int:
        """The HTTP status that goes with the reason."""
        return _STATUS[self.reason]


class StoreError(ServerError):
    """A database that cannot be used."""


class LiveFault(StrEnum):
    """Why a live session refuses an input. Clients translate these; the value never changes."""

    NOT_UNDERSTOOD = "not_understood"
    VERSION = "version"
    TOO_LARGE = "too_large"
    TRUNCATED = "truncated"
    SENSOR = "sensor"
    CHARACTERISTIC = "characteristic"
    TIME = "time"
    PROFILE = "profile"
    MISSING = "missing"
    NOT_OPEN = "not_open"
    OPEN = "open"
    OTHER_SENSORS = "other_sensors"
    ILLEGAL = "illegal"
    CONTROL = "control"
    BUSY = "busy"


class LiveError(ServerError):
    """An input that a live session does not take; the session stays as it was.

    expected: the number of the input that comes next, where another one came.
    """

    def __init__(self, reason: LiveFault, message: str, *, expected: int | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.expected = expected


class JournalFault(StrEnum):
    UNREADABLE = "unreadable"
    LOCKED = "locked"
    DAMAGED = "damaged"
    DISK_FULL = "disk_full"
    FULL = "full"
    KNOWN = "known"
    UNKNOWN = "unknown"


class JournalError(ServerError):
    """A journal that cannot be opened, written or read. path: its file."""

    def __init__(self, reason: JournalFault, message: str, *, path: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.path = path
