"""How each sensor sits on its segment: sensor-to-segment rotations of one strapping.

A calibration lives in the frames of the sensors it names, is made once per strapping and is valid
in any posture. How one is made of a pose and a movement stands in `calibrating`.
"""

import math
from collections.abc import Sequence
from typing import Any, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from motion.errors import SamplesError, SamplesFault

Float64 = NDArray[np.float64]
Quaternion = tuple[float, float, float, float]
Vector = tuple[float, float, float]


class Calibration(msgspec.Struct, frozen=True):
    """Rotations (w, x, y, z) from sensor to ISB segment frame, by slot, and their quality.

    quality_deg: standard deviation of the worst of the rotations, degrees; qualities_deg: of each.
    poses: by position and slot, the earth's up direction in the segment's frame when it was made,
    against which a strap that slips is noticed. advice: what would make it better, in sentences.
    """

    rotations: dict[str, Quaternion]
    quality_deg: float
    qualities_deg: dict[str, float] = {}
    poses: dict[str, dict[str, Vector]] = {}
    advice: list[str] = []

    @classmethod
    def from_document(cls, document: Any) -> Self:
        """From a stored document; raises SamplesError when it is not a calibration."""
        try:
            calibration = msgspec.convert(document, cls)
        except msgspec.ValidationError as error:
            raise SamplesError(
                SamplesFault.CALIBRATION, f"The stored calibration cannot be used: {error}."
            ) from None
        for slot, rotation in calibration.rotations.items():
            norm = math.sqrt(sum(part * part for part in rotation))
            if not abs(norm - 1.0) < 1e-3:
                raise SamplesError(
                    SamplesFault.CALIBRATION,
                    f"The stored calibration of {slot!r} is no rotation (length {norm:.3g}); "
                    "calibrate again.",
                    sensor=slot,
                )
        return calibration

    def document(self) -> dict[str, Any]:
        """JSON-able inverse of `from_document`."""
        document: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self))
        return document

    def sensor_to_segment(self, slot: str) -> Float64:
        """Rotation (4,) of one slot; raises SamplesError when it was not calibrated."""
        if slot not in self.rotations:
            raise SamplesError(
                SamplesFault.CALIBRATION,
                f"The calibration does not cover the sensor {slot!r}; calibrate with it worn.",
                sensor=slot,
            )
        return np.array(self.rotations[slot])

    def segment_up(self, slot: str, q: Float64) -> Vector:
        """The earth's up direction in a segment's frame, whose sensor has orientation q (4,)."""
        w, x, y, z = (float(part) for part in q)
        up = (2.0 * (x * z - w * y), 2.0 * (y * z + w * x), 1.0 - 2.0 * (x * x + y * y))
        return rotated(self.rotations[slot], up)


def vector(parts: Sequence[float]) -> Vector:
    """Three numbers as a vector."""
    x, y, z = parts
    return (x, y, z)


def rotated(q: Quaternion, v: Vector) -> Vector:
    """The vector `v` turned by the rotation `q`."""
    w, x, y, z = q
    # v + 2 u x (u x v + w v) with u the vector part.
    cx, cy, cz = (
        y * v[2] - z * v[1] + w * v[0],
        z * v[0] - x * v[2] + w * v[1],
        x * v[1] - y * v[0] + w * v[2],
    )
    return (
        v[0] + 2.0 * (y * cz - z * cy),
        v[1] + 2.0 * (z * cx - x * cz),
        v[2] + 2.0 * (x * cy - y * cx),
    )


def angle_between_deg(one: Vector, other: Vector) -> float:
    """Angle between two directions, degrees."""
    x = one[1] * other[2] - one[2] * other[1]
    y = one[2] * other[0] - one[0] * other[2]
    z = one[0] * other[1] - one[1] * other[0]
    cosine = one[0] * other[0] + one[1] * other[1] + one[2] * other[2]
    return math.degrees(math.atan2(math.sqrt(x * x + y * y + z * z), cosine))
