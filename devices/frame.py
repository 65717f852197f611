"""What comes out of a decoder: samples that were measured together, or a reason for none.

When they were measured is the business of `clock`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]


class Refusal(StrEnum):
    """Why a packet, or a part of one, is not used."""

    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    CONSTANT = "constant"
    CHECKSUM = "checksum"
    UNKNOWN_CHARACTERISTIC = "unknown_characteristic"
    UNKNOWN_MESSAGE = "unknown_message"
    NOT_FINITE = "not_finite"
    INCOMPLETE = "incomplete"
    UNPAIRED = "unpaired"
    CODEC = "codec"


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """Samples that were measured together, one packet's usually.

    arrival_ns: of the packet that completed it. values: by `firmware_profiles.quantity` name,
    shape (n, components), SI units, sensor frame, read-only. ticks: device timestamp as sent, in
    units of the mode's timestamp. spacing_ticks: from sample to sample, where the packet says so.
    counter: as sent.
    """

    arrival_ns: int
    values: Mapping[str, Float64]
    ticks: int | None
    spacing_ticks: int | None
    counter: int | None

    @property
    def samples(self) -> int:
        """Number of samples."""
        return len(next(iter(self.values.values())))
