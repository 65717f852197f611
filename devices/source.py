"""What every source of samples looks like: real, emulated and played-back sensors alike.

Holds the interface and what comes out of it. The hub (`hub`) is one source, a recording that is
played (`playback`) another; what follows a source cannot tell them apart.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from devices.recording import SensorInfo
from motion.samples import Samples, Watermark


@dataclass(frozen=True, slots=True)
class SensorChange:
    """A sensor's link has changed.

    slot: of the sensor. t_s: session time in seconds. state: of the link (`link.LinkState`).
    reason: why, for programs (`errors.LinkFault`); None where nothing went wrong. message: the
    same in a sentence.
    """

    slot: str
    t_s: float
    state: str
    reason: str | None = None
    message: str | None = None


# A control is a document, as a recording's log stores it.
Item = Samples | Watermark | SensorChange | dict[str, Any]


@runtime_checkable
class Source(Protocol):
    """Samples of some sensors in session time, with watermarks.

    sensors: what is known of each by slot, complete once `open` has returned.
    """

    @property
    def sensors(self) -> Mapping[str, SensorInfo]: ...

    async def open(self) -> None:
        """Get every sensor to stream; raises DevicesError."""
        ...

    def items(self) -> AsyncIterator[Item]:
        """What comes, in order, until `close` or the end; for one reader."""
        ...

    async def close(self) -> None:
        """Let go of the sensors; may be called more than once."""
        ...
