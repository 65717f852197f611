"""What a sensor delivers, in session time and SI units.

Holds the chunk of samples and the watermark, the two inputs that drive the engine.
Reading files and decoding packets live in `devices`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from motion.errors import SamplesError, SamplesFault

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """A chunk of samples of one sensor.

    sensor: slot name. t_s: (n,) float64 session time in seconds. acc_mps2: (n, 3) float32 specific
    force in m/s2, sensor frame, about +9.81 on the axis that points up at rest. gyr_radps: (n, 3)
    float32 angular rate in rad/s, sensor frame. Rows may hold NaN; they count as not received.
    """

    sensor: str
    t_s: Float64
    acc_mps2: Float32
    gyr_radps: Float32

    @classmethod
    def of(
        cls, sensor: str, t_s: ArrayLike, acc_mps2: ArrayLike, gyr_radps: ArrayLike
    ) -> "Samples":
        """Convert and check shapes; raises SamplesError when they do not fit together."""
        t = np.ascontiguousarray(t_s, dtype=np.float64).reshape(-1)
        acc = np.ascontiguousarray(acc_mps2, dtype=np.float32)
        gyr = np.ascontiguousarray(gyr_radps, dtype=np.float32)
        for name, array in (("acc_mps2", acc), ("gyr_radps", gyr)):
            if array.shape != (t.size, 3):
                raise SamplesError(
                    SamplesFault.SHAPE,
                    f"{name} of sensor {sensor!r} has shape {array.shape}; give one row of three "
                    f"values for each of the {t.size} times.",
                    sensor=sensor,
                )
        return cls(sensor, t, acc, gyr)

    def __len__(self) -> int:
        return int(self.t_s.size)

    def rows(self, start: int, stop: int) -> "Samples":
        """The rows [start, stop) as views."""
        return Samples(
            self.sensor,
            self.t_s[start:stop],
            self.acc_mps2[start:stop],
            self.gyr_radps[start:stop],
        )

    def copy(self) -> "Samples":
        """The same in memory of its own."""
        return Samples(self.sensor, self.t_s.copy(), self.acc_mps2.copy(), self.gyr_radps.copy())

    def where(self, chosen: NDArray[np.bool_]) -> "Samples":
        """The chosen rows (n,), copied."""
        return Samples(self.sensor, self.t_s[chosen], self.acc_mps2[chosen], self.gyr_radps[chosen])


@dataclass(frozen=True, slots=True)
class Watermark:
    """Promise of the source that nothing older than `t_s` (session time, seconds) will come."""

    t_s: float
