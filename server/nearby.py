"""Sensors for a command: which radio, which sensors are near, which one sits where.

Turns what a person asked for into sensors to stream from. Scanning and streaming are `devices`'.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

import click

from devices.adapter import Adapter
from devices.emulation.tcp import HOST, PORT
from devices.errors import LinkError, SlotError, SlotFault
from devices.hub import MOST_SENSORS, Hub, Wanted
from devices.scanner import Found, scan
from devices.slots import SlotFinder, SlotMemory
from firmware_profiles.library import profile_ids
from firmware_profiles.schema import Profile
from motion.samples import Samples
from motion.template import ExerciseTemplate
from server.errors import OptionError

SYSTEM: Final = "system"
EMULATED: Final = "emulated"
# Sensors advertise every 20 ms to 2 s; three of the slowest intervals.
SCAN_S: Final = 6.0
# Time to take a sensor into the hand and shake it.
SHAKE_S: Final = 45.0


@dataclass(frozen=True, slots=True)
class Radio:
    """The options that every command with sensors has.

    adapter: "system", "emulated" or HOST:PORT. profile: an id or a YAML file, for sensors that no
    profile recognises or several do. mode, rate_hz: as the profile has them where None.
    """

    adapter: str = SYSTEM
    scan_s: float = SCAN_S
    profile: str | None = None
    mode: str | None = None
    rate_hz: float | None = None
    parameters: Mapping[str, float] = field(default_factory=dict)

    async def open(self) -> Adapter:
        """The radio; raises AdapterError."""
        if self.adapter == SYSTEM:
            return Adapter.system()
        return await Adapter.emulated(
            f"{HOST}:{PORT}" if self.adapter == EMULATED else self.adapter
        )

    def profiles(self) -> list[Profile]:
        """The library, and the one that was named; raises ProfileError."""
        library = [Profile.load(name) for name in profile_ids()]
        if self.profile is None:
            return library
        named = Profile.load(self.profile)
        return [named, *(each for each in library if each.id != named.id)]

    def wanted(self, found: Found, profiles: Sequence[Profile]) -> Wanted:
        """A sensor with the profile to use; raises OptionError when none is known."""
        id = profiles[0].id if self.profile is not None else next(iter(found.profiles), None)
        if id is None:
            raise OptionError(
                "--profile",
                f"No profile recognises {found.name} ({found.address}); name one with --profile, "
                "an id of `gonio profiles list` or a YAML file.",
            )
        profile = next(each for each in profiles if each.id == id)
        # Both refuse what the profile does not have.
        profile.rate_hz(self.mode, self.rate_hz)
        profile.substitutions(profile.rate_hz(self.mode, self.rate_hz), self.parameters)
        return Wanted(found, profile, self.mode, self.rate_hz, self.parameters)


@dataclass(frozen=True, slots=True)
class Nearby:
    """What was heard. sensors: those that a profile recognises, or all where one was named."""

    sensors: list[Found]
    others: list[Found]
    profiles: list[Profile]

    @classmethod
    async def heard(cls, radio: Radio, adapter: Adapter) -> Self:
        """Scan; raises AdapterError and ProfileError."""
        profiles = radio.profiles()
        found = await scan(adapter, profiles, radio.scan_s)
        return cls(
            [each for each in found if each.profiles],
            [each for each in found if not each.profiles],
            profiles,
        )

    def named(self, text: str, option: str) -> Found:
        """The sensor with this address or name; raises OptionError for none or several."""
        every = [*self.sensors, *self.others]
        for each in every:
            if each.address.lower() == text.lower():
                return each
        matches = [each for each in every if each.name == text]
        if len(matches) == 1:
            return matches[0]
        if matches:
            addresses = ", ".join(each.address for each in matches)
            raise OptionError(
                option, f"{len(matches)} sensors are called {text!r}; name an address: {addresses}."
            )
        near = ", ".join(f"{each.name} ({each.address})" for each in self.sensors) or "no sensor"
        raise OptionError(option, f"No sensor {text!r} is near; there is {near}.")

    def require(self) -> None:
        """Raise OptionError when no sensor is near."""
        if not self.sensors:
            others = f" {len(self.others)} other devices were heard;" if self.others else ""
            raise OptionError(
                "--adapter",
                f"No sensor was heard;{others} switch the sensors on, keep them within a few "
                "metres, and close other apps that hold them.",
            )


def memory() -> SlotMemory:
    """The slots that sensors were last worn in; raises SlotError."""
    return SlotMemory(Path(click.get_app_dir("gonio")) / "sensors.json")


def parse_slots(asked: Iterable[str]) -> dict[str, str]:
    """SLOT=SENSOR of each; raises OptionError."""
    slots: dict[str, str] = {}
    for text in asked:
        slot, equals, sensor = text.partition("=")
        if not slot or not equals or not sensor or slot in slots:
            raise OptionError(
                "--slot",
                f"--slot {text}: write SLOT=SENSOR, once for each slot.",
            )
        slots[slot] = sensor
    return slots


def places(template: ExerciseTemplate) -> dict[str, str]:
    """Where each slot of a template is worn, in words."""
    return {
        slot: slot if place.placement == slot else f"{slot} ({place.placement})"
        for slot, place in template.sensors.items()
    }


def recalled(
    slots: Sequence[str], near: Nearby, taken: Mapping[str, Found], known: SlotMemory
) -> dict[str, Found]:
    """Sensors that were worn in these slots before, and are the only ones near that were."""
    used = {each.address for each in taken.values()}
    chosen: dict[str, Found] = {}
    for slot in slots:
        candidates = [
            each
            for each in near.sensors
            if each.address not in used
            and (remembered := known.get(each.address)) is not None
            and remembered.slot == slot
        ]
        if len(candidates) == 1:
            chosen[slot] = candidates[0]
    return chosen


async def shaken(
    adapter: Adapter,
    radio: Radio,
    near: Nearby,
    candidates: Sequence[Found],
    asked: Mapping[str, str],
    tell: Callable[[str], None],
    *,
    clock_ns: Callable[[], int] = time.perf_counter_ns,
) -> dict[str, Found]:
    """Have the person shake one sensor after the other; raises SlotError and LinkError.

    asked: slots and where they are worn, in words. candidates: at most eight, those nearest.
    """
    names = {each.address: each for each in candidates[:MOST_SENSORS]}
    hub = Hub(
        adapter,
        {address: radio.wanted(each, near.profiles) for address, each in names.items()},
        clock_ns=clock_ns,
    )
    chosen: dict[str, Found] = {}
    try:
        await hub.open()
        items = hub.items()
        for slot, place in asked.items():
            left = tuple(address for address in names if names[address] not in chosen.values())
            finder = SlotFinder(left)
            tell(f"Shake the sensor that you wear here: {place}")
            try:
                async with asyncio.timeout(SHAKE_S):
                    while finder.shaken is None:
                        item = await anext(items)
                        if isinstance(item, Samples):
                            finder.push(item)
            except TimeoutError:
                raise SlotError(
                    SlotFault.NOT_FOUND,
                    f"No sensor was shaken for {place} within {SHAKE_S:.0f} s; shake one alone, "
                    "hard, for two seconds, or name it with --slot.",
                    slot=slot,
                ) from None
            chosen[slot] = names[finder.shaken]
            with suppress(LinkError):
                # A light tells more than a name, where the sensor has one.
                await hub.identify(finder.shaken)
            tell(f"{chosen[slot].name} is {place}.")
    finally:
        await hub.close()
    return chosen


async def assigned(
    adapter: Adapter,
    radio: Radio,
    near: Nearby,
    slots: Mapping[str, str],
    asked: Mapping[str, str],
    tell: Callable[[str], None],
    *,
    remember: bool,
) -> dict[str, Wanted]:
    """A sensor for every slot: as asked, else as remembered, else the one there is, else by
    shaking. slots: with where they are worn, in words. asked: slot -> name or address.
    """
    for slot in asked:
        if slot not in slots:
            raise OptionError(
                "--slot", f"There is no slot {slot!r}; the template has {', '.join(slots)}."
            )
    chosen = {slot: near.named(text, "--slot") for slot, text in asked.items()}
    missing = [slot for slot in slots if slot not in chosen]
    known = memory()
    if missing:
        near.require()
        chosen |= recalled(missing, near, chosen, known)
        missing = [slot for slot in slots if slot not in chosen]
    used = {each.address for each in chosen.values()}
    free = [each for each in near.sensors if each.address not in used]
    if len(free) < len(missing):
        raise SlotError(
            SlotFault.NOT_FOUND,
            f"{len(slots)} sensors are needed ({', '.join(slots)}), and {len(near.sensors)} are "
            "near; switch on the others.",
            slot=missing[-1],
        )
    if len(missing) == 1 and len(free) == 1:
        chosen[missing[0]] = free[0]
    elif missing:
        wanted = {slot: slots[slot] for slot in missing}
        chosen |= await shaken(adapter, radio, near, free, wanted, tell)
    found = {slot: radio.wanted(chosen[slot], near.profiles) for slot in slots}
    if remember:
        for slot, each in found.items():
            known.remember(each.found.address, slot, each.profile.id)
    return found
