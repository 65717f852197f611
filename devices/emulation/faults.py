"""What goes wrong with emulated sensors, on purpose and the same way for the same seed."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Faults:
    """Times are seconds since the sensor first streamed; packets are counted from then on, from 0.

    loss: share of packets that the sensor never sends, drawn one by one. lost: packets, by number.
    silences: (at, for) in which it sends nothing and drops what it measured. duplicates: share of
    packets sent twice. garbled: share of packets that are cut somewhere and end in other bytes.
    cut_bytes: a stream that a profile says may be cut anywhere comes in pieces of so many bytes, 0
    for whole packets. drift_ppm: by so much its clock, and with it its rate, is fast. rate_factor:
    samples come by so much faster than promised, by a clock that is right. jitter_s: a packet waits
    up to so long, order kept. stalls: (at, for) in which packets wait, to come all at once.
    link_drops_s: when the sensor ends the link; away_s: for how long it is then not heard.
    shadows: (at, for) in which the radio reaches nobody. clock_resets: with every new link the
    clock and the counter start at zero. uptime_s: of the clock when it is switched on, drawn
    below an hour by default. silent_starts: so many starts are answered, and no packet follows.
    refused_writes: so many writes are answered with an error. seed: of all that is drawn.
    """

    loss: float = 0.0
    lost: frozenset[int] = frozenset()
    silences: Sequence[tuple[float, float]] = ()
    duplicates: float = 0.0
    garbled: float = 0.0
    cut_bytes: int = 0
    drift_ppm: float = 0.0
    rate_factor: float = 1.0
    jitter_s: float = 0.0
    stalls: Sequence[tuple[float, float]] = ()
    link_drops_s: Sequence[float] = ()
    away_s: float = 0.0
    shadows: Sequence[tuple[float, float]] = ()
    clock_resets: bool = False
    uptime_s: float | None = None
    silent_starts: int = 0
    refused_writes: int = 0
    seed: int = 0


def within(spans: Sequence[tuple[float, float]], t_s: float) -> float | None:
    """The end of the span (at, for) that holds t_s, None where none does."""
    return next((at_s + for_s for at_s, for_s in spans if at_s <= t_s < at_s + for_s), None)
