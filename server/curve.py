"""The angle over a whole recording in bounded memory: what a report draws.

Keeps the lowest and the highest sample of every span of time, so that no peak is lost; when the
spans become too many, neighbours are joined. The angle itself comes from `motion.course`.
"""

import math
from dataclasses import dataclass
from typing import Final

from motion.events import AngleEvent
from motion.stream import SILENT_S

# Two points a span: 20,000 points are ten times what a wide screen can show, and 1.5 MB of HTML.
MOST_SPANS: Final = 10_000
# Short enough to keep every sample of a minute at 100 Hz apart.
FIRST_SPAN_S: Final = 0.01


@dataclass(slots=True)
class _Span:
    number: int
    first_s: float
    last_s: float
    lowest: AngleEvent
    highest: AngleEvent


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One point: seconds, degrees and their standard deviation. after_gap: draw no line to it."""

    t_s: float
    angle_deg: float
    angle_sd_deg: float
    after_gap: bool


class AngleCurve:
    """Collects angle events in order of time; samples that come twice are taken once."""

    def __init__(self, most_spans: int = MOST_SPANS) -> None:
        self._most = most_spans
        self._span_s = FIRST_SPAN_S
        self._spans: list[_Span] = []
        self._newest_s = -math.inf

    def __len__(self) -> int:
        return len(self._spans)

    def add(self, event: AngleEvent) -> None:
        """Take one sample; one that is not newer than the last is left out."""
        if not event.t_s > self._newest_s:
            return
        self._newest_s = event.t_s
        number = math.floor(event.t_s / self._span_s)
        span = self._spans[-1] if self._spans else None
        if span is not None and span.number == number and event.t_s - span.last_s <= SILENT_S:
            _widen(span, event, event, event.t_s)
            return
        self._spans.append(_Span(number, event.t_s, event.t_s, event, event))
        if len(self._spans) > self._most:
            self._join()

    def points(self) -> list[CurvePoint]:
        """At most two points a span, in order of time."""
        points: list[CurvePoint] = []
        before_s = math.inf
        for span in self._spans:
            pair = [span.lowest, span.highest]
            if span.lowest is span.highest:
                pair = [span.lowest]
            elif span.highest.t_s < span.lowest.t_s:
                pair.reverse()
            gap = span.first_s - before_s > SILENT_S
            for event in pair:
                points.append(CurvePoint(event.t_s, event.angle_deg, event.angle_sd_deg, gap))
                gap = False
            before_s = span.last_s
        return points

    def _join(self) -> None:
        """Double the span until a third fewer are left, so that joining is rare."""
        while 3 * len(self._spans) > 2 * self._most:
            self._span_s *= 2.0
            joined: list[_Span] = []
            for span in self._spans:
                span.number = math.floor(span.first_s / self._span_s)
                last = joined[-1] if joined else None
                if last is not None and last.number == span.number:
                    _widen(last, span.lowest, span.highest, span.last_s)
                else:
                    joined.append(span)
            self._spans = joined


def _widen(span: _Span, lowest: AngleEvent, highest: AngleEvent, last_s: float) -> None:
    if lowest.angle_deg < span.lowest.angle_deg:
        span.lowest = lowest
    if highest.angle_deg > span.highest.angle_deg:
        span.highest = highest
    span.last_s = last_s
