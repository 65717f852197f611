"""One exercise over a source: samples in, events out, everything kept as it comes.

Feeds `motion.session` from `devices.source`, for the commands on this machine. A whole session that
survives a crash is `session_run`'s; a session of the past is `replay`'s.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec

from devices.recorder import LiveRecorder
from devices.source import SensorChange, Source
from motion.events import AngleEvent, EndReason, Event, SessionEvent, encode
from motion.samples import Samples, Watermark
from motion.session import (
    BeginSetControl,
    Control,
    Session,
    StartControl,
    StopControl,
    control_document,
)
from server.engine import engine_versions


class ExerciseRun:
    """One exercise over a source of samples, from its start until the source is closed.

    events: all that were given, without angles. recorder: keeps samples, log and events.
    """

    def __init__(
        self, source: Source, start: StartControl, recorder: LiveRecorder | None = None
    ) -> None:
        self.events: list[Event] = []
        self._source = source
        self._start = start
        self._recorder = recorder
        self._session = Session(angles=True)

    async def run(self, reason: EndReason = EndReason.DONE) -> AsyncIterator[Event | SensorChange]:
        """Events and changes of sensors as they come; ends when the source has been closed.

        reason: why the session ends, as its last event says. Raises what the source raises.
        """
        for control in (self._start, BeginSetControl()):
            for event in self._control(control):
                yield event
        async for item in self._source.items():
            match item:
                case Samples():
                    if self._recorder is not None:
                        self._recorder.samples(item)
                    self._session.push(item)
                case Watermark():
                    if self._recorder is not None:
                        self._recorder.watermark(item)
                    for event in self._kept(self._session.advance(item.t_s)):
                        yield event
                case SensorChange():
                    yield item
        for event in self._control(StopControl(reason)):
            yield event
        for event in self._kept(self._session.finish()):
            yield event
        if self._recorder is not None:
            self._recorder.tell(
                events=self.documents(),
                engine=engine_versions(),
                calibration=self._start.calibration,
                sensors=self._source.sensors,
            )

    def documents(self) -> list[dict[str, Any]]:
        """The events as a recording stores them."""
        return [msgspec.json.decode(encode(event)) for event in self.events]

    @property
    def summary(self) -> SessionEvent | None:
        """What the session ended with."""
        last = self.events[-1] if self.events else None
        return last if isinstance(last, SessionEvent) else None

    def _control(self, control: Control) -> Sequence[Event]:
        if self._recorder is not None:
            self._recorder.control(control_document(control))
        return self._kept(self._session.control(control))

    def _kept(self, events: Sequence[Event]) -> Sequence[Event]:
        self.events += [event for event in events if not isinstance(event, AngleEvent)]
        return events


async def record_only(source: Source, recorder: LiveRecorder) -> AsyncIterator[SensorChange]:
    """Keep what a source gives, without an exercise, until it is closed."""
    async for item in source.items():
        match item:
            case Samples():
                recorder.samples(item)
            case Watermark():
                recorder.watermark(item)
            case SensorChange():
                yield item
    recorder.tell(sensors=source.sensors)
