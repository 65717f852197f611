"""What sensors strapped to a moving body measure, with the errors that real ones have.

Takes the way of a segment over time; knows neither exercise nor truth. Where a sensor is put stands
in `body`, how the segments move in `simulation`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import make_interp_spline

from motion import quaternion
from motion.body import STATURE_M, WornSensor
from motion.samples import Samples

Float64 = NDArray[np.float64]

STANDARD_GRAVITY_MPS2: Final = 9.80665
# Through positions and quaternions: acceleration, their second derivative, is then smooth, and off
# by the fourth power of the grid's step.
SPLINE_ORDER: Final = 5
# Turns of a sensor about its outward normal, degrees.
UPSIDE_DOWN: Final = 180.0
SIDEWAYS: Final = 90.0
# Sensors are put on by eye, so far from the middle of the strap, metres.
SCATTER_M: Final = 0.02


@dataclass(frozen=True, slots=True)
class SensorErrors:
    """How far sensors and straps are from perfect; defaults are those of good consumer sensors.

    *_noise: white noise densities, per root hertz. gyroscope_bias_dps, accelerometer_offset_mps2:
    largest value on each axis. misplaced_deg: largest turn of the sensor against where it should
    sit, about any axis. turned_deg: a deliberate turn about its outward normal besides, of all or
    by slot (UPSIDE_DOWN, SIDEWAYS). soft_deg: turn of the sensor against the bone at the goal of
    the exercise, in proportion to the angle. clock_ppm: largest error of its clock. late_share:
    largest offset of the first sample, of a sampling period. scatter_m: of its place on the strap.
    """

    gyroscope_noise_dps: float = 0.01
    gyroscope_bias_dps: float = 0.5
    accelerometer_noise_mps2: float = 1e-3 * STANDARD_GRAVITY_MPS2
    accelerometer_offset_mps2: float = 0.2
    misplaced_deg: float = 25.0
    turned_deg: float | Mapping[str, float] = 0.0
    soft_deg: float = 1.5
    clock_ppm: float = 50.0
    late_share: float = 1.0
    scatter_m: float = SCATTER_M

    @classmethod
    def none(cls) -> "SensorErrors":
        """Perfect sensors, put on perfectly."""
        return cls(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class StrappedSensor:
    """One sensor on one body, drawn: what it has and where it sits.

    mounting: (4,) sensor to segment. at_m: its place in the segment's frame, metres. soft: rotation
    vector (3,) in rad of the sensor against the bone at the goal, segment frame. bias_radps,
    offset_mps2: (3,) sensor frame. clock: its seconds per second. first_s: time of its first
    sample.
    """

    slot: str
    segment: str
    rate_hz: float
    mounting: Float64
    at_m: Float64
    soft: Float64
    bias_radps: Float64
    offset_mps2: Float64
    gyroscope_sd_radps: float
    accelerometer_sd_mps2: float
    clock: float
    first_s: float

    @classmethod
    def drawn(
        cls,
        slot: str,
        worn: WornSensor,
        errors: SensorErrors,
        random: np.random.Generator,
        rate_hz: float,
        height_m: float = STATURE_M,
    ) -> "StrappedSensor":
        """A sensor and its strap, out of all that `errors` allows."""
        turned = errors.turned_deg
        about = math.radians(turned if isinstance(turned, int | float) else turned.get(slot, 0.0))
        turn = quaternion.from_rotation_vectors([0.0, 0.0, about])
        misplaced = math.radians(errors.misplaced_deg) * random.uniform(0.0, 1.0)
        slip = quaternion.from_rotation_vectors(misplaced * direction(random))
        mounting = quaternion.products(quaternion.products(worn.mounting, turn), slip)
        outward = np.array(worn.outward)
        aside = errors.scatter_m * random.uniform(-1.0, 1.0, 3)
        # White noise of a density, sampled: its band reaches to half the rate.
        band = math.sqrt(0.5 * rate_hz)
        return cls(
            slot=slot,
            segment=worn.segment,
            rate_hz=rate_hz,
            mounting=mounting,
            at_m=np.array(worn.at) * height_m + aside - np.dot(aside, outward) * outward,
            soft=math.radians(errors.soft_deg) * direction(random),
            bias_radps=np.radians(errors.gyroscope_bias_dps) * random.uniform(-1.0, 1.0, 3),
            offset_mps2=errors.accelerometer_offset_mps2 * random.uniform(-1.0, 1.0, 3),
            gyroscope_sd_radps=math.radians(errors.gyroscope_noise_dps) * band,
            accelerometer_sd_mps2=errors.accelerometer_noise_mps2 * band,
            clock=1.0 + 1e-6 * errors.clock_ppm * random.uniform(-1.0, 1.0),
            first_s=errors.late_share * random.uniform(0.0, 1.0) / rate_hz,
        )

    def carried(self, segment: Float64, softness: Float64) -> Float64:
        """Orientations (n, 4) of the skin under the sensor, of a segment's (n, 4).

        softness: (n,) of the excursion of the exercise, 1 at its goal.
        """
        if not self.soft.any():
            return segment
        give = quaternion.from_rotation_vectors(softness[:, None] * self.soft)
        return quaternion.products(segment, give)

    def samples(
        self,
        t_s: Float64,
        segment: Float64,
        origin_m: Float64,
        softness: Float64,
        random: np.random.Generator,
    ) -> Samples:
        """What it delivers while its segment moves.

        t_s: (n,) evenly spaced, fine enough for the movement. segment: (n, 4) to the room.
        origin_m: (n, 3) of the segment in the room, whose z points up. softness: see `carried`.
        """
        carried = self.carried(segment, softness)
        place = origin_m + quaternion.rotated(segment, self.at_m)
        orientation = _continuous(quaternion.products(carried, self.mounting))
        spline = make_interp_spline(t_s, np.hstack([orientation, place]), SPLINE_ORDER)
        count = int((t_s[-1] - self.first_s) * self.rate_hz / self.clock)
        told_s = self.first_s + np.arange(count) / self.rate_hz
        true_s = self.first_s + np.arange(count) * self.clock / self.rate_hz
        q = spline(true_s)[:, :4]
        q /= np.sqrt(np.sum(q * q, axis=1))[:, None]
        # Where q has unit length its rate is q (0, w) / 2.
        rate = quaternion.products(q * _INVERSE, spline(true_s, 1)[:, :4])[:, 1:]
        gravity = np.array([0.0, 0.0, STANDARD_GRAVITY_MPS2])
        force = quaternion.rotated(q * _INVERSE, spline(true_s, 2)[:, 4:] + gravity)
        gyr = 2.0 * rate + self.bias_radps
        acc = force + self.offset_mps2
        gyr += self.gyroscope_sd_radps * random.standard_normal((count, 3))
        acc += self.accelerometer_sd_mps2 * random.standard_normal((count, 3))
        return Samples.of(self.slot, told_s, acc, gyr)


_INVERSE: Final = np.array([1.0, -1.0, -1.0, -1.0])


def _continuous(q: Float64) -> Float64:
    """The same orientations (n, 4) without changes of sign, as a spline needs them."""
    same = np.sum(q[1:] * q[:-1], axis=1) >= 0.0
    signs = np.cumprod(np.concatenate([[1.0], np.where(same, 1.0, -1.0)]))
    continuous: Float64 = q * signs[:, None]
    return continuous


def direction(random: np.random.Generator) -> Float64:
    """A unit vector (3,) in any direction."""
    vector = random.standard_normal(3)
    unit: Float64 = vector / math.sqrt(float(np.dot(vector, vector)))
    return unit
