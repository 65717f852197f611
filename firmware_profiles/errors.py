"""What can go wrong with a firmware profile, with a reason that a program can translate.

Messages are one sentence for a person: which file, line and field, what is wrong, what to do.
"""

from enum import StrEnum


class ProfileFault(StrEnum):
    NOT_FOUND = "not_found"
    UNREADABLE = "unreadable"
    INVALID = "invalid"
    UNKNOWN_MODE = "unknown_mode"
    UNKNOWN_RATE = "unknown_rate"
    UNKNOWN_PARAMETER = "unknown_parameter"


class ProfileError(Exception):
    """A profile that cannot be used, or a mode, rate or parameter that it does not have.

    path: its file or id. line: counted from 1, as editors do. field: dotted path in the document.
    """

    def __init__(
        self,
        reason: ProfileFault,
        message: str,
        *,
        path: str,
        line: int | None = None,
        field: str | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.path = path
        self.line = line
        self.field = field
