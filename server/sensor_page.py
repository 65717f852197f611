"""The page of the documentation about supported sensors, from the profiles alone.

`python -m server.sensor_page docs/sensors.md` writes it; a test holds the written one equal.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from firmware_profiles.library import profile_ids
from firmware_profiles.quantity import QUANTITIES
from firmware_profiles.schema import Profile
from server import sensor_wording

_HEAD: Final = "<!-- Written by `python -m server.sensor_page docs/sensors.md`. -->\n\n"
_INTRODUCTION: Final = """\
# Supported sensors

Each sensor model is described by one YAML file, its firmware profile: how it is recognised,
started, stopped, and what its packets mean. `gonio profiles list` shows this table, `gonio
profiles show ID` all that is known of one model with every byte that is written to it, and `gonio
profiles decode ID HEX` what a packet says. [Adding a sensor](adding-a-sensor.md) makes a profile
from a data sheet.

No sensor was at hand when these were written. Packets are decoded as vendors' documents and code
have it, and where captures or vendors' own test vectors are public, they are decoded to their
values in the tests. *Experimental* means that a scale or a layout is not confirmed by any source;
what is written there may be wrong by a factor. Exercises are tracked from 25 samples a second
with accelerometer and gyroscope; other streams are decoded and refused for tracking, with the
reason.

"""


def page() -> str:
    """The page as Markdown."""
    profiles = [Profile.load(each) for each in profile_ids()]
    rows = [
        [
            f"[{profile.name}](#{profile.id})",
            profile.vendor,
            sensor_wording.tracked_words(profile),
            _time(profile),
            profile.status,
        ]
        for profile in profiles
    ]
    table = _table(["sensor", "vendor", "exercises tracked", "time in packets", "status"], rows)
    return _HEAD + _INTRODUCTION + table + "\n" + "\n".join(_section(each) for each in profiles)


def _time(profile: Profile) -> str:
    mode = profile.mode()
    parts = []
    if mode.timestamp is not None:
        parts.append("clock")
    if mode.counter is not None:
        parts.append("number")
    return ", ".join(parts) or "none"


def _section(profile: Profile) -> str:
    return "\n".join(_lines(profile)) + "\n"


def _lines(profile: Profile) -> Iterator[str]:
    yield f"## {profile.name} {{ #{profile.id} }}"
    yield ""
    yield f"`{profile.id}`, {profile.status}. Recognised by {_recognised(profile)}."
    if profile.note:
        yield ""
        yield profile.note.strip()
    if profile.unconfirmed:
        yield ""
        yield "Not confirmed:"
        yield ""
        yield from (f"- {each.strip()}" for each in profile.unconfirmed)
    yield ""
    rows = []
    for mode_id, mode in profile.modes.items():
        rates = ", ".join(f"{each:g}" for each in mode.rates_hz)
        measured = ", ".join(QUANTITIES[each].words for each in mode.quantities)
        default = " (default)" if mode_id == profile.default_mode else ""
        rows.append([f"`{mode_id}`{default}", measured, rates, "yes" if mode.tracking else "no"])
    yield _table(["mode", "measures", "rates, Hz", "tracked"], rows).rstrip("\n")
    yield ""
    yield "Sources: " + "; ".join(each.strip() for each in profile.sources) + "."


def _recognised(profile: Profile) -> str:
    known = profile.advertisement
    parts = [f"the name `{each}`" for each in known.names]
    parts += [f"service `{each}`" for each in known.services]
    parts += [f"manufacturer {each}" for each in known.manufacturer_ids]
    return " or ".join(parts)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines
    )


def _main(arguments: Sequence[str]) -> int:
    if len(arguments) != 1:
        sys.stderr.write("Give the file: python -m server.sensor_page docs/sensors.md\n")
        return 2
    Path(arguments[0]).write_text(page(), "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(_main(sys.argv[1:]))
