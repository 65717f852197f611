"""Which engine computed a recording's events: the versions that bit identity rests on.

A recording stores them beside its events; a replay compares them with its own.
"""

import platform
from collections.abc import Mapping
from importlib import metadata
from typing import Any

import llvmlite.binding as llvm


def gonio_version() -> str:
    """Version of the installed distribution, or that it runs from a checkout not installed."""
    try:
        return metadata.version("gonio")
    except metadata.PackageNotFoundError:
        return "not installed"


def engine_versions() -> dict[str, str]:
    """Versions and CPU target as a recording stores them, JSON-able."""
    return {
        "gonio": gonio_version(),
        "python": platform.python_version(),
        "numpy": metadata.version("numpy"),
        "numba": metadata.version("numba"),
        "cpu": f"{platform.machine()} {llvm.get_host_cpu_name()}",
        "cpu_features": str(llvm.get_host_cpu_features().flatten()),
    }


def engine_differences(stored: Mapping[str, Any] | None) -> list[str]:
    """What differs between a stored engine and this one, each in words for a person."""
    if stored is None:
        return ["the recording does not say which engine computed its events"]
    told = []
    for name, here in engine_versions().items():
        there = stored.get(name)
        if there != here:
            if name == "cpu_features":
                told.append("other CPU features")
            else:
                told.append(f"{name} {there or 'unknown'} then, {here} now")
    return told
