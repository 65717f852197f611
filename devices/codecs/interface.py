"""What a codec is: packets of its characteristics in, frames out."""

from collections import Counter
from typing import Protocol

from devices.frame import Frame, Refusal
from devices.packets import Packet
from firmware_profiles.schema import Mode, Profile


class Codec(Protocol):
    """Decodes one sensor. Never raises for any bytes; counts what it cannot use in `refused`."""

    def __init__(
        self, profile: Profile, mode: Mode, rate_hz: float, refused: Counter[Refusal]
    ) -> None: ...

    def push(self, packet: Packet) -> list[Frame]:
        """Frames that a packet completes."""
        ...

    def reset(self) -> None:
        """A new link: forget what is incomplete."""
        ...
