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
