"""What is done to a sensor, in order: plain data, with every byte already in its place.

A link carries the actions out, an emulated sensor answers them. How they are written in a profile
stands in `schema`, how their bytes are put together in `byte_pattern`.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Write:
    """Write `data`; response: whether the sensor acknowledges the write."""

    characteristic: str
    data: bytes
    response: bool


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Ask for notifications (or indications)."""

    characteristic: str


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """Ask for no more notifications."""

    characteristic: str


@dataclass(frozen=True, slots=True)
class Read:
    """Read the value. It is a packet of this characteristic, as a notification would be."""

    characteristic: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Leave the sensor alone."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Expect:
    """Wait for a notification of `characteristic` that begins as `pattern` where `mask` says so.

    It answers the write before it, so whoever carries the steps out listens before that write.
    pattern, mask: equally long; a byte of mask is 0xFF where the byte has to be equal and 0 where
    it may be any. reply: what a healthy sensor sends, `pattern` unless the profile says more.
    """

    characteristic: str
    pattern: bytes
    mask: bytes
    timeout_s: float
    reply: bytes

    def accepts(self, data: bytes) -> bool:
        """Whether `data` is the reply that is waited for."""
        return len(data) >= len(self.pattern) and all(
            (given ^ wanted) & care == 0
            for given, wanted, care in zip(data, self.pattern, self.mask, strict=False)
        )


Action = Write | Subscribe | Unsubscribe | Read | Wait | Expect
