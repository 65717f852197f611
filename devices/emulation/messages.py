"""What encoders make: messages on characteristics; and the names that they share."""

from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]
Bytes = NDArray[np.uint8]
Message = tuple[str, bytes]
"""What is sent on a characteristic, by its UUID."""

# Leaves room for everything where nobody says how much one notification takes.
WIDEST_MTU: Final = 517
# A notification of ATT has a byte of opcode and two of handle before its value.
ATT_HEADER_BYTES: Final = 3


class Track(Protocol):
    """A motion as the bytes of its samples, from which packets are cut.

    samples: how many the motion has; numbers beyond them begin anew.
    """

    samples: int

    def packets(self, first: int, ticks: int, counter: int, mtu: int = WIDEST_MTU) -> list[Message]:
        """What is sent for the samples from `first` on, as many as a packet has.

        ticks: device time of the sample that the mode's timestamp refers to, not wrapped. counter:
        of packets or samples, as the mode counts, not wrapped. mtu: of the link.
        """
        ...
