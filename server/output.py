"""Files that a command writes for a person: refused early, told plainly.

Recordings are written by `devices.recording`, which has its own checks.
"""

import os
import secrets
from collections.abc import Iterable, Sequence
from pathlib import Path

from server.errors import OptionError, OutputError


def write_text(path: Path, text: str) -> None:
    """Write a text file as UTF-8, as `write_parts` does; raises OutputError."""
    write_parts(path, [text])


def write_parts(path: Path, parts: Iterable[str]) -> None:
    """Write a text file as UTF-8 part by part; raises OutputError.

    It gets its name at the end: a failure leaves what was there before. Links and devices, such as
    /dev/null, are written to, not replaced.
    """
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        if path.is_symlink() or (path.exists() and not path.is_file()):
            with path.open("w", encoding="utf-8", newline="") as file:
                file.writelines(parts)
            return
        with unfinished.open("x", encoding="utf-8", newline="") as file:
            file.writelines(parts)
        os.replace(unfinished, path)
    except OSError as error:
        raise OutputError(str(path), error.strerror or str(error)) from None
    finally:
        unfinished.unlink(missing_ok=True)


def check_output(option: str, file: Path, others: Sequence[Path]) -> None:
    """Refuse, before long work, what cannot be written or would destroy what is read."""
    check_writable(file)
    for other in others:
        if file.resolve() == other.resolve():
            raise OptionError(
                option, f"{option} {file} would overwrite {other}; give it another name."
            )


def check_writable(path: Path) -> None:
    """Raise OutputError, before long work, for what could not be written after it."""
    if path.is_dir():
        raise OutputError(str(path), "it is a folder")
    if not path.parent.is_dir():
        raise OutputError(str(path), "the folder does not exist")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise OutputError(str(path), "permission denied")
