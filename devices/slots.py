"""Which sensor sits where: found by moving it, and remembered.

`SlotFinder` looks at samples and tells which sensor is being shaken; `SlotMemory` keeps the answer
on disk. Asking the person is up to those who call.
"""

import json
import math
import os
import secrets
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from devices.errors import SlotError, SlotFault
from motion.samples import Samples

# A hand that shakes a sensor turns it to and fro at 3 to 6 Hz by some 30 degrees: 6 rad/s RMS and
# more. Walking gives a sensor on the trunk 1, on the thigh 2, a gesture of the arm 2 rad/s.
SHAKEN_RADPS: Final = 3.0
# Whoever takes one sensor into the hand moves the straps of the others a little.
TIMES_THE_NEXT: Final = 2.5
# Long enough for two strokes, short enough that nobody has to shake for long.
WINDOW_S: Final = 1.0
# A finding must hold for so long: the first half-second of picking a sensor up is not shaking.
HELD_S: Final = 0.5
# Somebody who has a hundred sensors has them in a store, not on a body; the oldest is forgotten.
MOST_REMEMBERED: Final = 100


class SlotFinder:
    """Tells which of several sensors is being shaken.

    Push the samples of all of them; `shaken` names one sensor, once it has been turned to and fro
    for a second and a half at least so hard as a hand does, and 2.5 times as hard as the next.
    """

    def __init__(self, sensors: tuple[str, ...]) -> None:
        """sensors: their provisional names."""
        self._recent: dict[str, deque[tuple[float, float]]] = {name: deque() for name in sensors}
        self._leader: tuple[str, float] | None = None
        self._newest_s = -math.inf
        self.shaken: str | None = None

    def push(self, samples: Samples) -> None:
        """Look at samples of one sensor; those of unknown ones are ignored."""
        recent = self._recent.get(samples.sensor)
        if recent is None or len(samples) == 0:
            return
        squares = np.square(samples.gyr_radps.astype(np.float64)).sum(axis=1)
        for t_s, square in zip(samples.t_s.tolist(), squares.tolist(), strict=True):
            if math.isfinite(square):
                recent.append((t_s, square))
        self._newest_s = max(self._newest_s, float(samples.t_s[-1]))
        for each in self._recent.values():
            while each and each[0][0] < self._newest_s - WINDOW_S:
                each.popleft()
        self._judge()

    def speeds_radps(self) -> dict[str, float]:
        """Root mean square of the angular rate of each sensor over the last second, rad/s."""
        return {
            name: math.sqrt(sum(square for _, square in recent) / len(recent)) if recent else 0.0
            for name, recent in self._recent.items()
        }

    def _judge(self) -> None:
        speeds = self.speeds_radps()
        order = sorted(speeds, key=lambda name: speeds[name], reverse=True)
        first = order[0]
        next_radps = speeds[order[1]] if len(order) > 1 else 0.0
        if speeds[first] < max(SHAKEN_RADPS, TIMES_THE_NEXT * next_radps):
            self._leader = None
            return
        if self._leader is None or self._leader[0] != first:
            self._leader = (first, self._newest_s)
        elif self._newest_s - self._leader[1] >= HELD_S:
            self.shaken = first


@dataclass(frozen=True, slots=True)
class Remembered:
    """Where a sensor was last worn. profile: its id."""

    slot: str
    profile: str


class SlotMemory:
    """Sensors and their slots, by address, in a small JSON file."""

    def __init__(self, path: Path) -> None:
        """Read what is remembered; raises SlotError when the file is no such memory."""
        self.path = path
        self._sensors: dict[str, Remembered] = {}
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return
        except (OSError, UnicodeDecodeError) as error:
            raise self._unreadable(str(error)) from None
        try:
            document = json.loads(text)
            for address, entry in document["sensors"].items():
                self._sensors[address] = Remembered(_text(entry["slot"]), _text(entry["profile"]))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise self._unreadable("it is not a list of sensors") from None

    def _unreadable(self, why: str) -> SlotError:
        return SlotError(
            SlotFault.MEMORY,
            f"{self.path} cannot be used ({why}); delete it, and assign the sensors again.",
            path=str(self.path),
        )

    def get(self, address: str) -> Remembered | None:
        """What is remembered of a sensor."""
        return self._sensors.get(address)

    def slots(self) -> Mapping[str, Remembered]:
        """Everything that is remembered, by address."""
        return dict(self._sensors)

    def remember(self, address: str, slot: str, profile: str) -> None:
        """Keep that a sensor is worn in a slot, and write it down; raises SlotError.

        A sensor has one slot. A slot may be remembered of several sensors: clinics have spare ones.
        """
        self._sensors.pop(address, None)
        self._sensors[address] = Remembered(slot, profile)
        while len(self._sensors) > MOST_REMEMBERED:
            del self._sensors[next(iter(self._sensors))]
        document: dict[str, Any] = {
            "sensors": {
                address: {"slot": each.slot, "profile": each.profile}
                for address, each in self._sensors.items()
            }
        }
        part = self.path.with_name(f".{self.path.name}.{secrets.token_hex(4)}.part")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            part.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
            os.replace(part, self.path)
        except OSError as error:
            with suppress(OSError):
                part.unlink()
            raise SlotError(
                SlotFault.MEMORY,
                f"{self.path} cannot be written ({error.strerror}); check that its folder allows "
                "writing.",
                path=str(self.path),
            ) from None


def _text(value: object) -> str:
    if not isinstance(value, str) or not value or not value.isprintable():
        raise TypeError("not a name")
    return value
