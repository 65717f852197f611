"""The one way this package compiles a kernel.

Numba's decorator is untyped; this wrapper keeps the types of what it wraps, and pins the options
that bit identity rests on: cached to disk, no fastmath, no parallel loops.
"""

import hashlib
import os
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TypeVar, cast

import numba
from numba.core import config

Kernel = TypeVar("Kernel", bound=Callable[..., object])


@cache
def cache_folder() -> Path:
    """Where compiled kernels of exactly these sources are kept.

    Numba looks only at the file of the kernel it loads, not at those of the kernels inlined into
    it: after a change of one of these a stale kernel would run. Hence one folder for each state of
    the package's sources.
    """
    here = Path(__file__).parent
    digest = hashlib.sha256()
    for source in sorted(here.glob("*.py")):
        digest.update(source.read_bytes())
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = base / "gonio" / f"kernels-{digest.hexdigest()[:16]}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError:
        # A home that cannot be written: kernels are then compiled once a process. A fixed place
        # among the temporary files could be filled with code by somebody else.
        folder = Path(tempfile.mkdtemp(prefix="gonio-kernels-"))
    return folder


def njit(function: Kernel) -> Kernel:
    """Compile a module-level kernel in nopython mode, cached, with strict IEEE arithmetic.

    Kernels must live at module level: one made inside a function never hits the cache.
    """
    before = config.CACHE_DIR  # type: ignore[attr-defined]
    if not before:
        config.CACHE_DIR = str(cache_folder())  # type: ignore[attr-defined]
    try:
        return cast(Kernel, numba.njit(cache=True, fastmath=False)(function))
    finally:
        config.CACHE_DIR = before  # type: ignore[attr-defined]
