"""What can go wrong in `benchmarks`, each with a reason that a program can translate.

Messages are one sentence for a person: what is wrong, in which folder or file, and what to do.
"""

from enum import StrEnum


class BenchmarkFault(StrEnum):
    NO_DATA = "no_data"
    NO_PEER = "no_peer"
    DATA = "data"
    SOURCE = "source"
    REPLAY = "replay"
    FAILED = "failed"


class BenchmarkError(Exception):
    """A benchmark or conversion that cannot run. path: the file or folder to blame."""

    def __init__(self, reason: BenchmarkFault, message: str, *, path: str | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.path = path
