"""Motions whose every sample differs, and how near to them a decoder can come."""

from typing import Final

import numpy as np

from devices.emulation.messages import Float64
from devices.emulation.motion import Motion
from firmware_profiles.quantity import QUANTITIES
from firmware_profiles.schema import Profile

# Half a count of the coarsest frames of a codec: 1 mg, 1/16 deg/s, f32 of 10 g.
CODEC_RESOLUTION: Final[dict[str, float]] = {
    "acc": 0.5e-3 * 9.80665,
    "gyr": np.deg2rad(0.5 / 16.0),
    "mag": 1e-4,
}


def waving(duration_s: float = 10.0) -> Motion:
    """Every quantity moves in its own way, in ranges that all sensors have."""
    t_s = np.arange(0.0, duration_s, 0.005)
    values: dict[str, Float64] = {}
    for number, (name, quantity) in enumerate(QUANTITIES.items()):
        columns = [
            np.sin((1.0 + 0.3 * component + 0.1 * number) * t_s + number + component)
            for component in range(quantity.components)
        ]
        values[name] = np.column_stack(columns)
    values["acc"] = 9.0 * values["acc"]
    values["gyr"] = 3.0 * values["gyr"]
    values["mag"] = 40.0 * values["mag"]
    values["quaternion"] /= np.linalg.norm(values["quaternion"], axis=1, keepdims=True)
    return Motion(t_s, values)


def resolution(profile: Profile, mode: str, rate_hz: float, name: str, largest: float) -> float:
    """How far a decoded value may be from what was played, of at most `largest`, in SI units."""
    chosen = profile.mode(mode)
    if chosen.codec is not None:
        return CODEC_RESOLUTION[name]
    substitutions = profile.substitutions(rate_hz)
    values = [
        value for layout in chosen.packets for value in layout.values() if value.field == name
    ]
    steps = [
        2.0**-23 * largest
        if value.type.startswith("f")
        else 0.5 * abs(profile.scale(value, substitutions) * QUANTITIES[name].units[value.unit])
        for value in values
    ]
    # Beside the rounding of the encoder, that of the arithmetic on both sides.
    widest: float = max(steps)
    return widest + 2.0**-40 * largest
