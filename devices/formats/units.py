"""Units in which other programs give times, accelerations and angular rates.

One table a quantity, with the spellings found in headers. Inside Gonio there are only SI units and
radians.
"""

import math
from collections.abc import Mapping
from typing import Final

STANDARD_GRAVITY_MPS2: Final = 9.80665

# A second in each unit: times are divided, so that whole milliseconds give the nearest double.
TIME: Final[Mapping[str, float]] = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
# Each unit in m/s2.
ACCELERATION: Final[Mapping[str, float]] = {
    "m/s2": 1.0,
    "g": STANDARD_GRAVITY_MPS2,
    "mg": STANDARD_GRAVITY_MPS2 / 1000.0,
}
# Each unit in rad/s.
ANGULAR_RATE: Final[Mapping[str, float]] = {
    "rad/s": 1.0,
    "deg/s": math.radians(1.0),
    "mdps": math.radians(0.001),
}
# The only unit of a magnetic field that is taken.
MICROTESLA: Final = "uT"

# Spellings without blanks, in lower case.
_SPELLINGS: Final[Mapping[str, tuple[str, ...]]] = {
    "s": ("s", "sec", "secs", "second", "seconds"),
    "ms": ("ms", "msec", "millis", "millisecond", "milliseconds"),
    "us": ("us", "µs", "μs", "usec", "micros", "microsecond", "microseconds"),
    "ns": ("ns", "nsec", "nanos", "nanosecond", "nanoseconds"),
    "m/s2": ("m/s2", "m/s^2", "m/s²", "m/s/s", "ms-2", "ms^-2", "mps2"),
    "g": ("g", "gs"),
    "mg": ("mg",),
    "rad/s": ("rad/s", "rad/sec", "rads", "rads-1", "radps", "rps"),
    "deg/s": ("deg/s", "deg/sec", "°/s", "°/sec", "º/s", "dps", "degps", "degrees/s", "degs"),
    "mdps": ("mdps", "mdeg/s"),
    MICROTESLA: ("ut", "µt", "μt", "microtesla"),
}


def unit_named(text: str, quantity: Mapping[str, float]) -> str | None:
    """The unit of a quantity that a header spells like this."""
    spelt = "".join(text.lower().split())
    return next((unit for unit in quantity if spelt in _SPELLINGS[unit]), None)


def is_microtesla(text: str) -> bool:
    """Whether a header's unit is that in which recordings keep magnetic fields."""
    return "".join(text.lower().split()) in _SPELLINGS[MICROTESLA]


def unit_nearest(scale: float, quantity: Mapping[str, float]) -> str:
    """The unit whose size is nearest to `scale`, by ratio."""
    return min(quantity, key=lambda unit: abs(math.log(quantity[unit] / scale)))
