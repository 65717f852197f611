"""The profiles that come with Gonio: which there are, and their text."""

from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any


def library_folder() -> Any:
    """The folder of the profiles."""
    return resources.files("firmware_profiles") / "profiles"


@cache
def _ids() -> tuple[str, ...]:
    names = (entry.name for entry in library_folder().iterdir())
    return tuple(sorted(name.removesuffix(".yaml") for name in names if name.endswith(".yaml")))


def profile_ids() -> list[str]:
    """Ids of all profiles of the library, sorted."""
    return list(_ids())


def is_profile_id(name: str | Path) -> bool:
    """Whether the library has a profile of this id."""
    return isinstance(name, str) and name in _ids()


def library_text(profile_id: str) -> str:
    """The YAML text of a profile of the library."""
    return str((library_folder() / f"{profile_id}.yaml").read_text("utf-8"))
