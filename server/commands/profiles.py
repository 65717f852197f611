"""`gonio profiles`: which sensors are supported, one's own profile checked, packets decoded.

Reads options and shows what comes out. Profiles are `firmware_profiles.schema`'s business, bytes
`devices.codec`'s.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click
import numpy as np
from rich.table import Table

from devices.codec import Decoder, Frame
from devices.packets import Packet
from firmware_profiles.library import library_text, profile_ids
from firmware_profiles.part import full_uuid, near
from firmware_profiles.quantity import QUANTITIES
from firmware_profiles.schema import Mode, Profile
from firmware_profiles.steps import Action, Expect, Read, Subscribe, Unsubscribe, Wait, Write
from server import sensor_wording, terminal
from server.errors import OptionError

# Angles are shown in degrees, everything else in the unit that it is decoded to.
_IN_DEGREES: Final = {"rad": "deg", "rad/s": "deg/s"}


@click.group()
def profiles() -> None:
    """Sensors that are supported, profiles of one's own, and packets decoded by hand."""


@profiles.command("list")
def list_profiles() -> None:
    """All sensors that are supported."""
    table = Table(box=None, padding=(0, 1), header_style="bold", show_edge=False)
    table.add_column("id", no_wrap=True)
    table.add_column("sensor")
    table.add_column("exercises tracked")
    table.add_column("status", no_wrap=True)
    for profile_id in profile_ids():
        profile = Profile.load(profile_id)
        table.add_row(
            terminal.plain_text(profile.id, "bold"),
            terminal.plain_text(profile.name),
            terminal.plain_text(sensor_wording.tracked_words(profile)),
            terminal.plain_text(profile.status),
        )
    terminal.console().print(table)


@profiles.command("show")
@click.argument("profile_id", metavar="ID")
@click.option("--yaml", "as_yaml", is_flag=True, help="The YAML file, to start one's own from.")
def show_profile(profile_id: str, as_yaml: bool) -> None:
    """What is known of the sensor ID (or a YAML file): modes, rates, and what is written to it."""
    profile = Profile.load(profile_id)
    if as_yaml:
        known = profile_id in profile_ids()
        click.echo(
            library_text(profile_id) if known else Path(profile_id).read_text("utf-8"), nl=False
        )
        return
    _tell(profile)


@profiles.command("check")
@click.argument("file", type=click.Path(path_type=Path))
def check_profile(file: Path) -> None:
    """Whether FILE is a profile that a decoder can be made of, and what it says."""
    profile = Profile.load(file)
    for mode_id, mode in profile.modes.items():
        for rate_hz in mode.rates_hz:
            Decoder(profile, mode_id, rate_hz)
            profile.steps("start", mode_id, rate_hz)
    terminal.console().print(terminal.plain_text(f"{file}: fine"))
    _tell(profile)


@profiles.command("decode")
@click.argument("profile_id", metavar="PROFILE")
@click.argument("packets", metavar="[CHARACTERISTIC=]HEX...", nargs=-1, required=True)
@click.option("--mode", "-m", help="Mode of the sensor; the profile's own by default.")
@click.option("--rate", type=float, metavar="HZ", help="Rate; the mode's own by default.")
@click.option(
    "--characteristic",
    "-c",
    metavar="NAME",
    help="Name or UUID of the characteristic that the packets came from.",
)
@click.option(
    "--set", "chosen", multiple=True, metavar="NAME=NUMBER", help="A parameter, such as a range."
)
def decode_packets(
    profile_id: str,
    packets: Sequence[str],
    mode: str | None,
    rate: float | None,
    characteristic: str | None,
    chosen: Sequence[str],
) -> None:
    """Decode the packets HEX of the sensor PROFILE, in their order.

    PROFILE is an id of `gonio profiles list` or a YAML file. A packet is pairs of hexadecimal
    digits; where a mode hears several characteristics, put the name of its own before it.
    """
    profile = Profile.load(profile_id)
    decoder = Decoder(profile, mode, rate, dict(_parameter(each) for each in chosen))
    given = [
        _packet(profile, profile.mode(mode), index, text, characteristic)
        for index, text in enumerate(packets)
    ]
    out = terminal.console()
    frames = decoder.decode(given)
    for frame in frames:
        for line in _lines(frame):
            out.print(terminal.plain_text(line))
    why = sensor_wording.refused_words(decoder.refused)
    if not frames:
        raise OptionError("HEX", f"No sample could be decoded: {why or 'more has to follow'}.")
    if why:
        out.print(terminal.plain_text(f"not decoded: {why}"))


def _parameter(text: str) -> tuple[str, float]:
    name, _, number = text.partition("=")
    try:
        return name, float(number)
    except ValueError:
        raise OptionError("--set", f"--set {text}: give NAME=NUMBER, as acc_range_g=8.") from None


def _packet(
    profile: Profile, mode: Mode, index: int, text: str, characteristic: str | None
) -> Packet:
    name, equals, digits = text.rpartition("=")
    if not equals:
        name = characteristic or ""
    heard = (
        [layout.characteristic for layout in mode.packets]
        if mode.codec is None
        else list(mode.codec.characteristics)
    )
    heard = list(dict.fromkeys(heard))
    if not name and len(heard) > 1:
        raise OptionError(
            "--characteristic",
            f"This mode hears {' and '.join(heard)}; say which one with {heard[0]}={text}.",
        )
    try:
        data = bytes.fromhex(digits.replace(":", " "))
    except ValueError:
        raise OptionError(
            "HEX", f"{digits!r} is no packet; give pairs of hexadecimal digits, as 0263ac01."
        ) from None
    name = name or heard[0]
    known = profile.characteristics
    uuid = known[name].uuid if name in known else str(full_uuid(name))
    if uuid not in {each.uuid for each in known.values()}:
        raise OptionError(
            "--characteristic", f"{profile.id} has no characteristic {name!r}{near(name, known)}."
        )
    return Packet(index, uuid, data)


def _lines(frame: Frame) -> list[str]:
    lines = []
    told = [("time", frame.ticks), ("spacing", frame.spacing_ticks), ("number", frame.counter)]
    head = ", ".join(f"{name} {value}" for name, value in told if value is not None)
    if head:
        lines.append(head)
    for name, array in frame.values.items():
        unit = QUANTITIES[name].si
        # Adding nothing makes -0 a 0.
        shown = 0.0 + (np.degrees(array) if unit in _IN_DEGREES else array)
        unit = _IN_DEGREES.get(unit, unit)
        for row in shown:
            numbers = " ".join(f"{number:12.6g}" for number in row)
            lines.append(f"{name:<16}{numbers} {'' if unit == '1' else unit}".rstrip())
    return lines


def _tell(profile: Profile) -> None:
    """Everything that a person wants to know of a sensor, line by line."""
    out = terminal.console()

    def line(text: str) -> None:
        out.print(terminal.plain_text(text))

    line(f"{profile.name}, by {profile.vendor} ({profile.id}, {profile.status})")
    for each in profile.unconfirmed:
        line(f"not confirmed: {each}")
    if profile.note:
        line(profile.note.strip())
    line(f"recognised by: {sensor_wording.advertisement_words(profile)}")
    for source in profile.sources:
        line(f"source: {source}")
    for name, parameter in profile.parameters.items():
        choices = ", ".join(f"{each:g}" for each in parameter.choices)
        line(f"parameter {name}: {parameter.title}; {choices}; {parameter.default:g} by default")
    for mode_id, mode in profile.modes.items():
        default = ", the default" if mode_id == profile.default_mode else ""
        line("")
        line(f"mode {mode_id}{default}: {mode.title}")
        rates = ", ".join(f"{each:g}" for each in mode.rates_hz)
        line(f"  rates: {rates} Hz; {mode.default_rate_hz:g} by default")
        line(f"  measures: {', '.join(QUANTITIES[each].words for each in mode.quantities)}")
        line(f"  time: {sensor_wording.device_time_words(mode)}")
        line(f"  tracking: {mode.why_not() or 'yes'}")
        names = {each.uuid: name for name, each in profile.characteristics.items()}
        for kind, steps in (
            ("start", profile.steps("start", mode_id)),
            ("stop", profile.steps("stop", mode_id)),
        ):
            for step in steps:
                line(f"  {kind}: {_step(step, names)}")


def _step(step: Action, names: dict[str, str]) -> str:
    match step:
        case Write():
            return f"write {step.data.hex(' ')} to {names[step.characteristic]}"
        case Subscribe():
            return f"listen to {names[step.characteristic]}"
        case Unsubscribe():
            return f"leave {names[step.characteristic]}"
        case Read():
            return f"read {names[step.characteristic]}"
        case Expect():
            shown = " ".join(
                f"{byte:02x}" if care else ".."
                for byte, care in zip(step.pattern, step.mask, strict=True)
            )
            return f"within {step.timeout_s:g} s expect {shown} from {names[step.characteristic]}"
        case Wait():
            return f"wait {step.seconds:g} s"
