"""What a sensor can measure, in how many components, and its units as factors to SI.

Magnetic fields are kept in microtesla, as recordings keep them.
"""

import math
from dataclasses import dataclass
from typing import Final

STANDARD_GRAVITY_MPS2: Final = 9.80665
DEG: Final = math.pi / 180.0

_ACCELERATION: Final = {
    "m/s2": 1.0, "g": STANDARD_GRAVITY_MPS2, "mg": 1e-3 * STANDARD_GRAVITY_MPS2,
}  # fmt: skip
_RATE: Final = {"rad/s": 1.0, "deg/s": DEG, "mdeg/s": 1e-3 * DEG}
_ANGLE: Final = {"rad": 1.0, "deg": DEG}
_FIELD: Final = {"uT": 1.0, "mT": 1e3, "gauss": 100.0, "mgauss": 0.1}
_ONE: Final = {"1": 1.0}


@dataclass(frozen=True, slots=True)
class Quantity:
    """What is measured. si: the unit that decoded values have. units: factors to it."""

    components: int
    si: str
    units: dict[str, float]
    words: str


QUANTITIES: Final[dict[str, Quantity]] = {
    "acc": Quantity(3, "m/s2", _ACCELERATION, "acceleration (specific force)"),
    "gyr": Quantity(3, "rad/s", _RATE, "angular rate"),
    "mag": Quantity(3, "uT", _FIELD, "magnetic field"),
    "mag_relative": Quantity(3, "1", _ONE, "magnetic field, relative to the local one"),
    "quaternion": Quantity(4, "1", _ONE, "orientation as a quaternion w, x, y, z"),
    "euler": Quantity(3, "rad", _ANGLE, "orientation as angles"),
    "rotation_vector": Quantity(3, "rad", _ANGLE, "orientation as a rotation vector"),
    "free_acc": Quantity(3, "m/s2", _ACCELERATION, "acceleration without gravity, earth frame"),
    "delta_quaternion": Quantity(4, "1", _ONE, "turn since the sample before, a quaternion"),
    "delta_velocity": Quantity(
        3, "m/s", {"m/s": 1.0}, "change of velocity since the sample before"
    ),
}
"""By the name that profiles use."""
