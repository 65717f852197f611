"""What goes wrong with sensors and people, done to samples: a recording in, a worse one out.

Pure functions of samples and random numbers. What is run on the outcome, and what it must hold,
stands in `stress`.
"""

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import make_interp_spline
from scipy.signal import resample_poly

from motion import quaternion
from motion.axis import up_vector
from motion.imu import STANDARD_GRAVITY_MPS2, direction
from motion.samples import Samples
from motion.stream import SensorStream

Float64 = NDArray[np.float64]

Recorded = Mapping[str, Samples]

# A noise floor is what is left in the stillest twentieth of the whole seconds of a recording: the
# very stillest second alone would be still by chance.
STILLEST_SHARE: Final = 0.05
# The second difference of white noise has six times its variance; of a movement nearly nothing.
SECOND_DIFFERENCE_GAIN: Final = math.sqrt(6.0)
# A link sends a few samples a packet, and loses several packets in a row, as a person turns away
# from the receiver. More than half a second without a sample is a silence.
PACKET_S: Final = 0.05
BURST_PACKETS: Final = 3.0
# A position is a cubic between samples, its derivatives are continuous.
SPLINE_ORDER: Final = 3


def turned(samples: Recorded, degrees: float, random: np.random.Generator) -> dict[str, Samples]:
    """Every sensor turned on its strap by `degrees` about a random axis of its own."""
    found = {}
    for slot, one in samples.items():
        turn = quaternion.from_rotation_vectors(math.radians(degrees) * direction(random))
        found[slot] = rotated(one, turn)
    return found


def rotated(one: Samples, turn: Float64) -> Samples:
    """The same in a sensor frame that `turn` (4,) takes the old one to."""
    acc, gyr = (
        quaternion.rotated(turn, part.astype(np.float64)) for part in (one.acc_mps2, one.gyr_radps)
    )
    return Samples.of(one.sensor, one.t_s, acc, gyr)


def biased(samples: Recorded, bias_dps: float, random: np.random.Generator) -> dict[str, Samples]:
    """A constant gyroscope bias in a random direction for each sensor."""
    return {
        slot: Samples.of(
            slot,
            one.t_s,
            one.acc_mps2,
            one.gyr_radps + math.radians(bias_dps) * direction(random),
        )
        for slot, one in samples.items()
    }


def noise_floor(one: Samples, rate_hz: float) -> tuple[Float64, Float64]:
    """Standard deviation of white noise by axis, (3,) m/s2 and (3,) rad/s.

    From second differences, which slow movements hardly reach, over whole seconds; the median of
    the stillest twentieth of them.
    """
    size = max(3, round(rate_hz))
    floors = []
    for part in (one.acc_mps2, one.gyr_radps):
        differences = np.diff(part.astype(np.float64), n=2, axis=0)
        count = max(1, len(differences) // size)
        seconds = [differences[k * size : (k + 1) * size] for k in range(count)]
        deviations = np.array([np.sqrt(np.mean(second**2, axis=0)) for second in seconds])
        keep = max(1, math.ceil(STILLEST_SHARE * count))
        stillest = np.sort(deviations, axis=0)[:keep]
        floors.append(np.median(stillest, axis=0) / SECOND_DIFFERENCE_GAIN)
    return floors[0], floors[1]


def noisier(
    samples: Recorded,
    rates_hz: Mapping[str, float],
    times: float,
    random: np.random.Generator,
) -> dict[str, Samples]:
    """White noise added until the sensors' own floor is so many times as large."""
    more = math.sqrt(times**2 - 1.0)
    found = {}
    for slot, one in samples.items():
        acc_sd, gyr_sd = noise_floor(one, rates_hz[slot])
        found[slot] = Samples.of(
            slot,
            one.t_s,
            one.acc_mps2 + more * acc_sd * random.standard_normal((len(one), 3)),
            one.gyr_radps + more * gyr_sd * random.standard_normal((len(one), 3)),
        )
    return found


def lossy(
    samples: Recorded,
    share: float,
    random: np.random.Generator,
    burst_packets: float = BURST_PACKETS,
) -> dict[str, Samples]:
    """Packets lost in bursts, by each sensor on its own: a Gilbert channel, whose bursts have a
    geometric length with the mean `burst_packets`."""
    end = 1.0 / burst_packets
    begin = share * end / (1.0 - share)
    found = {}
    for slot, one in samples.items():
        packet = np.floor((one.t_s - one.t_s[0]) / PACKET_S + 1e-9).astype(np.intp)
        draws = random.uniform(size=int(packet[-1]) + 1)
        lost = np.zeros(len(draws), np.bool_)
        losing = False
        for k, drawn in enumerate(draws):
            losing = drawn >= end if losing else drawn < begin
            lost[k] = losing
        found[slot] = one.where(~lost[packet])
    return found


def resampled(
    samples: Recorded, rates_hz: Mapping[str, float], rate_hz: float
) -> dict[str, Samples]:
    """At another rate: low-passed before it is thinned out, interpolated by a cubic upwards."""
    found = {}
    for slot, one in samples.items():
        own_hz = rates_hz[slot]
        values = np.hstack([one.acc_mps2, one.gyr_radps]).astype(np.float64)
        spline = make_interp_spline(one.t_s, values, SPLINE_ORDER)
        first_s, last_s = float(one.t_s[0]), float(one.t_s[-1])
        if rate_hz >= own_hz:
            t_s = first_s + np.arange(int((last_s - first_s) * rate_hz) + 1) / rate_hz
            values = spline(np.minimum(t_s, last_s))
        else:
            even_s = first_s + np.arange(int((last_s - first_s) * own_hz) + 1) / own_hz
            ratio = Fraction(rate_hz / own_hz).limit_denominator(100)
            values = resample_poly(
                spline(np.minimum(even_s, last_s)), ratio.numerator, ratio.denominator,
                padtype="line",
            )  # fmt: skip
            t_s = first_s + np.arange(len(values)) / rate_hz
        found[slot] = Samples.of(slot, t_s, values[:, :3], values[:, 3:])
    return found


def with_standstills(
    samples: Recorded,
    rates_hz: Mapping[str, float],
    at_s: Sequence[float],
    length_s: float,
    random: np.random.Generator,
) -> dict[str, Samples]:
    """The person stands still for `length_s` at each of the times, and goes on as if nothing had
    been: the gravity of the held orientation, no turn, and the sensors' own noise."""
    found = {}
    for slot, one in samples.items():
        rate_hz = rates_hz[slot]
        acc_sd, gyr_sd = noise_floor(one, rate_hz)
        oriented_t, oriented_q = oriented(one)
        count = round(length_s * rate_hz)
        t_s, acc, gyr = [], [], []
        done, shift_s = 0, 0.0
        for moment_s in sorted(at_s):
            stop = int(np.searchsorted(one.t_s, moment_s, "right"))
            held = int(np.clip(np.searchsorted(oriented_t, moment_s), 0, len(oriented_t) - 1))
            up = np.empty(3)
            up_vector(oriented_q[held], up)
            t_s += [one.t_s[done:stop] + shift_s]
            t_s += [one.t_s[stop - 1] + shift_s + np.arange(1, count + 1) / rate_hz]
            still = STANDARD_GRAVITY_MPS2 * up + acc_sd * random.standard_normal((count, 3))
            acc += [one.acc_mps2[done:stop], still]
            gyr += [one.gyr_radps[done:stop], gyr_sd * random.standard_normal((count, 3))]
            done, shift_s = stop, shift_s + count / rate_hz
        found[slot] = Samples.of(
            slot,
            np.concatenate([*t_s, one.t_s[done:] + shift_s]),
            np.concatenate([*acc, one.acc_mps2[done:]]),
            np.concatenate([*gyr, one.gyr_radps[done:]]),
        )
    return found


def oriented(one: Samples) -> tuple[Float64, Float64]:
    """Times (n,) and orientations (n, 4) of the valid samples, by the engine's own filter."""
    stream = SensorStream(one.sensor)
    stream.push(one)
    stream.advance(math.inf, last=True)
    return stream.oriented["t"], stream.oriented["q"]


def between(samples: Recorded, from_s: float, to_s: float) -> dict[str, Samples]:
    """The samples of a stretch of time."""
    return {
        slot: one.rows(*(int(k) for k in np.searchsorted(one.t_s, (from_s, to_s))))
        for slot, one in samples.items()
    }


def upright_as(one: Samples, up: Sequence[float], random: np.random.Generator) -> Samples:
    """The sensor turned so that its mean specific force points along the unit vector `up` (3,) of
    its own frame; how it is turned about that is random."""
    mean = one.acc_mps2.astype(np.float64).mean(axis=0)
    mean /= np.linalg.norm(mean)
    target = np.array(up) / np.linalg.norm(up)
    about = np.cross(mean, target)
    sine, cosine = float(np.linalg.norm(about)), float(mean @ target)
    if sine < 1e-9:
        # Any axis across will do.
        about = np.cross(mean, [1.0, 0.0, 0.0] if abs(mean[0]) < 0.9 else [0.0, 1.0, 0.0])
    axis = about / np.linalg.norm(about)
    onto = quaternion.from_rotation_vectors(math.atan2(sine, cosine) * axis)
    spin = quaternion.from_rotation_vectors(random.uniform(-math.pi, math.pi) * target)
    return rotated(one, quaternion.products(spin, onto))
