"""Orientations of one sensor, and the deviation a live session states for their inclination."""

import numpy as np

from benchmarks.reference import Float64
from benchmarks.replaying import WATERMARKS_PER_S
from motion.orientation import OrientationFilter


def oriented(gyr_radps: Float64, acc_mps2: Float64, rate_hz: float) -> tuple[Float64, Float64]:
    """Orientations (n, 4), sensor to earth, of readings (n, 3) and (n, 3), and the deviation (n,)
    of their inclination about one level axis, degrees, as it stands at the next watermark."""
    one = OrientationFilter(1.0 / rate_hz)
    piece = max(1, round(rate_hz / WATERMARKS_PER_S))
    q = np.empty((len(gyr_radps), 4))
    sd = np.empty(len(gyr_radps))
    for start in range(0, len(gyr_radps), piece):
        now = slice(start, start + piece)
        q[now] = one.update(gyr_radps[now], acc_mps2[now])
        sd[now] = np.degrees(one.inclination_sd_rad)
    return q, sd
