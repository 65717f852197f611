"""What is known of sensors and their packets, in words for whoever sets them up."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from devices.frame import Refusal
from firmware_profiles.mode import LEAST_TRACKING_RATE_HZ, Mode
from firmware_profiles.schema import Profile

REFUSALS: Final[Mapping[Refusal, str]] = MappingProxyType(
    {
        Refusal.TOO_SHORT: "too short",
        Refusal.TOO_LONG: "too long",
        Refusal.CONSTANT: "other fixed bytes than the profile says",
        Refusal.CHECKSUM: "a wrong checksum",
        Refusal.UNKNOWN_CHARACTERISTIC: "of a characteristic that this mode does not hear",
        Refusal.UNKNOWN_MESSAGE: "of a kind that this mode does not know",
        Refusal.NOT_FINITE: "values that are no numbers",
        Refusal.INCOMPLETE: "a part is missing",
        Refusal.UNPAIRED: "the other half of the sample is missing",
        Refusal.CODEC: "the sensor has not yet told how to read them, or not understandably",
    }
)


def refused_words(refused: Mapping[Refusal, int]) -> str:
    """How many packets were not used, and why; empty for none."""
    return ", ".join(f"{REFUSALS[why]} ({refused[why]})" for why in Refusal if refused.get(why))


def tracked_words(profile: Profile) -> str:
    """Whether exercises can be tracked with a sensor, and at which rates."""
    rates = sorted(
        {
            rate_hz
            for mode in profile.modes.values()
            for rate_hz in mode.rates_hz
            if mode.why_not(rate_hz) is None
        }
    )
    if rates:
        return f"{rates[0]:g} Hz" if len(rates) == 1 else f"{rates[0]:g} to {rates[-1]:g} Hz"
    mode = profile.mode()
    if {"acc", "gyr"} <= set(mode.quantities):
        return f"no: slower than {LEAST_TRACKING_RATE_HZ:g} Hz"
    return "no: no gyroscope" if "acc" in mode.quantities else "no: no accelerometer"


def advertisement_words(profile: Profile) -> str:
    """What a sensor is recognised by before it is connected."""
    known = profile.advertisement
    parts = [f"name {name}" for name in known.names]
    parts += [f"service {uuid}" for uuid in known.services]
    parts += [f"manufacturer {number}" for number in known.manufacturer_ids]
    return ", ".join(parts)


def device_time_words(mode: Mode) -> str:
    """What a mode's packets say of time and loss."""
    parts = []
    if mode.timestamp is not None:
        clock = mode.timestamp
        parts.append(
            f"{clock.width_bits} bits of {clock.unit_s:g} s, of the {clock.refers_to} sample"
        )
    if mode.counter is not None:
        parts.append(f"{mode.counter.width_bits} bits count the {mode.counter.counts}")
    return "; ".join(parts) or "neither time nor number"
