"""What an emulated sensor plays: movement at any rate, and when it begins for several of them.

Motion comes from recordings, samples or simulations. Bytes are made of it in `encoding`, and sent
in time by `peripheral`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from devices.emulation.messages import Float64
from devices.recording import Recording
from firmware_profiles.quantity import QUANTITIES, STANDARD_GRAVITY_MPS2
from motion.samples import Samples

# Whoever comes back later than this sees the motion from its beginning.
FORGOTTEN_S: Final = 30.0


def at_rest(quantity: str, samples: int) -> Float64:
    """A quantity of a sensor that lies still with z up: (n, components), SI units."""
    values = np.zeros((samples, QUANTITIES[quantity].components))
    if quantity == "acc":
        values[:, 2] = STANDARD_GRAVITY_MPS2
    elif quantity in ("quaternion", "delta_quaternion"):
        values[:, 0] = 1.0
    return values


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """What one sensor measures, over time.

    t_s: (n,) strictly increasing seconds from 0. values: by quantity of `QUANTITIES`, (n,
    components) each, in its SI unit, sensor frame. A quantity that is missing is played at rest.
    """

    t_s: Float64
    values: Mapping[str, Float64]

    @classmethod
    def of(
        cls,
        samples: Samples,
        *,
        mag_ut: NDArray[np.floating] | None = None,
        more: Mapping[str, Float64] | None = None,
    ) -> Self:
        """Samples of one sensor, their first at 0. mag_ut: (n, 3). more: other quantities.

        Rows with NaN are bridged. Raises ValueError where no row is left.
        """
        values = {
            "acc": samples.acc_mps2.astype(np.float64),
            "gyr": samples.gyr_radps.astype(np.float64),
            **(more or {}),
        }
        if mag_ut is not None and not np.all(np.isnan(mag_ut)):
            values["mag"] = mag_ut.astype(np.float64)
        sound = np.all([np.isfinite(each).all(axis=1) for each in values.values()], axis=0)
        if not sound.any():
            raise ValueError(f"the sensor {samples.sensor!r} has no sample that could be played")
        t_s = samples.t_s[sound]
        return cls(t_s - t_s[0], {name: each[sound] for name, each in values.items()})

    @classmethod
    def still(cls, duration_s: float = 1.0) -> Self:
        """Lying with z up."""
        t_s = np.array([0.0, duration_s])
        return cls(t_s, {name: at_rest(name, 2) for name in ("acc", "gyr")})

    @property
    def duration_s(self) -> float:
        return float(self.t_s[-1])

    def at(self, rate_hz: float, first_s: float = 0.0) -> dict[str, Float64]:
        """Linearly interpolated at first_s + k / rate_hz, as far as it goes; at least one row."""
        count = max(1, math.floor((self.duration_s - first_s) * rate_hz + 1e-6) + 1)
        t_s = first_s + np.arange(count) / rate_hz
        return {
            name: np.column_stack(
                [np.interp(t_s, self.t_s, column) for column in np.asarray(each).T]
            )
            for name, each in self.values.items()
        }

    def cut(self, from_s: float, to_s: float) -> Self:
        """The rows of a span, which then begins at 0."""
        chosen = (self.t_s >= from_s) & (self.t_s <= to_s)
        t_s = self.t_s[chosen]
        return replace(
            self,
            t_s=t_s - from_s,
            values={name: each[chosen] for name, each in self.values.items()},
        )


def motions_of(
    source: Recording | Mapping[str, Samples], slots: Sequence[str] | None = None
) -> dict[str, Motion]:
    """What the sensors of a recording or a simulation measure, by slot, on one time axis.

    It covers what all of them cover. Raises RecordingError for a recording, ValueError where the
    sensors have no time in common.
    """
    fields: dict[str, list[NDArray[np.floating]]] = {}
    if isinstance(source, Recording):
        samples = source.samples(slots)
        if source.magnetometer:
            for chunk in source.chunks_with_field(slots):
                for part, mag_ut in chunk:
                    field = np.full((len(part), 3), np.nan) if mag_ut is None else mag_ut
                    fields.setdefault(part.sensor, []).append(field)
    else:
        samples = {slot: source[slot] for slot in (slots or source)}
    first_s = max(float(each.t_s[0]) for each in samples.values())
    last_s = min(float(each.t_s[-1]) for each in samples.values())
    if last_s <= first_s:
        raise ValueError("the sensors have no time in common; play one of them alone")
    motions = {}
    for slot, each in samples.items():
        mag_ut = np.concatenate(fields[slot]) if slot in fields else None
        motion = Motion.of(each, mag_ut=mag_ut)
        begins_s = float(each.t_s[0]) + (float(motion.t_s[0]))
        motions[slot] = motion.cut(first_s - begins_s, last_s - begins_s)
    return motions


class Stage:
    """When the motion begins, for sensors that play together: when all of them stream.

    Until then they hold their first pose. A link that drops leaves the stage as it is: the
    movement goes on meanwhile. origin_s: event loop's time at which it began, None before.
    """

    def __init__(self, sensors: int = 1) -> None:
        self.origin_s: float | None = None
        self._waits_for = sensors
        self._entered: set[object] = set()
        self._seen_s = -math.inf

    def enter(self, sensor: object, now_s: float) -> None:
        """The sensor begins to stream."""
        if now_s - self._seen_s > FORGOTTEN_S:
            self.origin_s = None
            self._entered.clear()
        self.seen(now_s)
        self._entered.add(sensor)
        if self.origin_s is None and len(self._entered) >= self._waits_for:
            self.origin_s = now_s

    def seen(self, now_s: float) -> None:
        """Somebody streams."""
        self._seen_s = now_s

    def leave(self, sensor: object) -> None:
        """The sensor was told to stop; when all were, the next begin anew."""
        self._entered.discard(sensor)
        if not self._entered:
            self.origin_s = None
