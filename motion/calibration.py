"""How each sensor sits on its segment: sensor-to-segment rotations of one strapping.

A calibration is set once per strapping and lives in the frames of the sensors it names. Here it is
read, checked and looked up.
"""

import math
from typing import Any, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from motion.errors import SamplesError, SamplesFault

Quaternion = tuple[float, float, float, float]


class Calibration(msgspec.Struct, frozen=True):
    """Rotations (w, x, y, z) from sensor to ISB segment frame, by slot, and their quality.

    quality_deg: standard deviation of the rotations, degrees.
    """

    rotations: dict[str, Quaternion]
    quality_deg: float

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
        document: dict[str, Any] = msgspec.to_builtins(self)
        return document

    def sensor_to_segment(self, slot: str) -> NDArray[np.float64]:
        """Rotation (4,) of one slot; raises SamplesError when it was not calibrated."""
        if slot not in self.rotations:
            raise SamplesError(
                SamplesFault.CALIBRATION,
                f"The calibration does not cover the sensor {slot!r}; calibrate with it worn.",
                sensor=slot,
            )
        return np.array(self.rotations[slot])
