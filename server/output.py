"""Files that a command writes for a person: refused early, told plainly.

Recordings are written by `devices.recording`, which has its own checks.
"""

import os
from pathlib import Path

from server.errors import OutputError


def write_text(path: Path, text: str) -> None:
    """Write a text file as UTF-8; raises OutputError."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(str(path), error.strerror or str(error)) from None


def check_writable(path: Path) -> None:
    """Raise OutputError, before long work, for what could not be written after it."""
    if path.is_dir():
        raise OutputError(str(path), "it is a folder")
    if not path.parent.is_dir():
        raise OutputError(str(path), "the folder does not exist")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise OutputError(str(path), "permission denied")
