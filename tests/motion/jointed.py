"""Two sensors beside a joint with one, two or three axes, as rates, forces and orientations.

Nothing is accelerated but by gravity, so that the joint's centre tells nothing of the heading.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motion import quaternion
from motion.heading import rotations_about_vertical

Float64 = NDArray[np.float64]

RATE_HZ = 50.0
CONJUGATE = np.array([1.0, -1.0, -1.0, -1.0])
UP = np.array([0.0, 0.0, 1.0])
# How the distal sensor is worn on its segment.
WORN = quaternion.from_rotation_vectors([0.7, -0.4, 1.9])


def unit(*parts: float) -> Float64:
    vector = np.array(parts)
    result: Float64 = vector / np.linalg.norm(vector)
    return result


def apart_deg(one: Float64, other: Float64) -> float:
    """Degrees between two axes, whichever way round."""
    return math.degrees(math.acos(min(1.0, abs(float(one @ other)))))


@dataclass
class Jointed:
    """Readings, orientations without common heading, and the axes they were made with."""

    t_s: Float64
    q_proximal: Float64
    q_distal: Float64
    gyr_proximal: Float64
    gyr_distal: Float64
    axis_proximal: Float64
    axis_distal: Float64
    relative: Float64

    @property
    def acc(self) -> tuple[Float64, Float64]:
        return 9.81 * self.up[0], 9.81 * self.up[1]

    @property
    def up(self) -> tuple[Float64, Float64]:
        return (
            quaternion.rotated(self.q_proximal * CONJUGATE, UP),
            quaternion.rotated(self.q_distal * CONJUGATE, UP),
        )

    @property
    def oriented(self) -> tuple[Float64, Float64, Float64, Float64]:
        return (self.q_proximal, self.q_distal, *self.acc)


def wander(t: Float64, random: np.random.Generator, scale: float, channels: int) -> Float64:
    """Slow smooth curves (n, channels) of about this size, radians."""
    total = np.zeros((len(t), channels))
    for frequency in random.uniform(0.1, 0.6, 5):
        phase = random.uniform(0.0, 2.0 * math.pi, channels)
        total += np.sin(2.0 * math.pi * frequency * t[:, None] + phase)
    return total * scale / math.sqrt(2.5)


def _rates(q: Float64, random: np.random.Generator, noise: float) -> Float64:
    steps = quaternion.rotation_vectors(quaternion.products(q[:-1] * CONJUGATE, q[1:]))
    rates = np.concatenate([steps[:1], steps]) * RATE_HZ
    return rates + random.normal(scale=noise, size=rates.shape)


def jointed(
    seconds: float,
    axes: int,
    *,
    heading_rad: float = 0.0,
    seed: int = 0,
    level: bool = False,
    noise_radps: float = 0.005,
    second_scale: float = 0.6,
) -> Jointed:
    """A joint that bends by a radian or so while the proximal segment sways.

    heading_rad: what an estimator must find. level: the first axis stays level; the proximal
    segment turns about it and about the vertical only.
    """
    random = np.random.default_rng(seed)
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    axis = unit(1.0, 0.2, 0.0) if level else unit(0.3, 0.5, 0.8)
    sway = wander(t, random, 0.3 if axes < 3 else 0.5, 3)
    q1 = quaternion.from_rotation_vectors(sway)
    if level:
        pitch = quaternion.from_rotation_vectors(sway[:, :1] * axis)
        q1 = quaternion.products(rotations_about_vertical(sway[:, 2]), pitch)
    bent = wander(t, random, 0.7, 3)
    relative = quaternion.from_rotation_vectors(bent[:, :1] * axis)
    distal = quaternion.rotated(WORN * CONJUGATE, axis)
    if axes > 1:
        # At right angles to the first, in the proximal segment's frame; it moves with the distal.
        across = unit(*np.cross(axis, [0.0, 0.0, 1.0]))
        turn = second_scale * bent[:, 1:2]
        relative = quaternion.products(relative, quaternion.from_rotation_vectors(turn * across))
        distal = quaternion.rotated(WORN * CONJUGATE, across)
        if axes > 2:
            third = np.cross(axis, across)
            more = quaternion.from_rotation_vectors(0.6 * bent[:, 2:] * third)
            relative = quaternion.products(relative, more)
    relative = quaternion.products(relative, WORN)
    q2 = quaternion.products(q1, relative)
    gyr1, gyr2 = (_rates(q, random, noise_radps) for q in (q1, q2))
    q2 = quaternion.products(rotations_about_vertical(-heading_rad), q2)
    return Jointed(t, q1, q2, gyr1, gyr2, axis, distal, relative)
