"""The packet: bytes of one characteristic, with the time at which they arrived.

What the bytes mean is the business of `codec`; when they were measured that of `clock`.
"""

from typing import NamedTuple


class Packet(NamedTuple):
    """One notification, or the value that was read.

    arrival_ns: host's monotonic clock. characteristic: UUID, 128 bit, lower case.
    """

    arrival_ns: int
    characteristic: str
    data: bytes
