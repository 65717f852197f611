"""One to eight sensors as one source: links, decoding and session time come together here.

Drains the links' queues into the intake every few milliseconds and gives what it makes of them, in
order, to one reader. Assigning slots by shaking is `slots`', writing to disk is `recorder`'s.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Protocol

from devices.adapter import Adapter
from devices.errors import LinkError, LinkFault, SlotError, SlotFault
from devices.intake import Counts, Intake, SensorSetup
from devices.link import PATIENCE_S, Link, LinkChange, LinkMark, LinkState
from devices.packet_file import Arrived, LinkChanged, PacketEvent, Ticked, feed
from devices.recording import SensorInfo
from devices.scanner import Found
from devices.source import Item, SensorChange
from firmware_profiles.schema import Profile

# A connection of Bluetooth LE holds seven to ten peripherals on common adapters; eight sensors are
# the most that is measured here.
MOST_SENSORS: Final = 8
# Short beside the 100 ms of a watermark and beside what an eye notices, long beside the cost of
# looking at eight empty queues.
DRAIN_S: Final = 0.02
TICK_NS: Final = 100_000_000
# Ten seconds of eight sensors, a packet a sample: a reader that lags more holds up the draining,
# the links' own queues fill, and what does not fit is counted there.
READER_LAG: Final = 10_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """A sensor to stream from: found by the scanner, with the profile, mode and rate to use.

    mode, rate_hz, parameters: the profile's own where they are not given.
    """

    found: Found
    profile: Profile
    mode: str | None = None
    rate_hz: float | None = None
    parameters: Mapping[str, float] = field(default_factory=dict)


class PacketSink(Protocol):
    """Is told everything that the intake is told, in the same order."""

    def write(self, event: PacketEvent) -> None: ...


@dataclass(slots=True)
class SensorStatus:
    """What is known of a sensor at this moment, for tables and pages.

    counts: since `open`. overflow: packets that came faster than they were read. delay_s: by how
    much packets come later than the fastest of them, on average.
    """

    slot: str
    name: str
    profile: str
    state: LinkState
    message: str | None
    counts: Counts
    delay_s: float
    overflow: int
    reconnects: int
    rssi_dbm: int
    battery_percent: int | None
    firmware: str | None


@dataclass(slots=True)
class _Slot:
    wanted: Wanted
    link: Link
    changes: list[LinkChange] = field(default_factory=list)
    message: str | None = None


class Hub:
    """Streams from sensors by slot; a `source.Source`.

    origin_ns: session time 0, on the clock of the arrivals; set by `open`. tracking: refuse modes
    that cannot be tracked.
    """

    def __init__(
        self,
        adapter: Adapter,
        sensors: Mapping[str, Wanted],
        *,
        sink: Callable[[Mapping[str, SensorSetup], int], PacketSink] | None = None,
        tracking: bool = True,
        patience_s: float = PATIENCE_S,
        clock_ns: Callable[[], int] = time.perf_counter_ns,
    ) -> None:
        """sink: makes what is told every packet, from the setups and the origin.

        Raises SlotError for none, too many or the same sensor twice; LinkError for a mode that
        cannot be tracked.
        """
        if not 1 <= len(sensors) <= MOST_SENSORS:
            raise SlotError(
                SlotFault.NOT_FOUND,
                f"{len(sensors)} sensors were asked for; choose one to {MOST_SENSORS}.",
            )
        addresses = [wanted.found.address for wanted in sensors.values()]
        for slot, wanted in sensors.items():
            if addresses.count(wanted.found.address) > 1:
                raise SlotError(
                    SlotFault.TWICE,
                    f"The sensor {wanted.found.name} ({wanted.found.address}) was assigned twice; "
                    "assign each to one place.",
                    slot=slot,
                )
        self._clock_ns = clock_ns
        self._adapter = adapter
        self._make_sink = sink
        self._sink: PacketSink | None = None
        self._slots: dict[str, _Slot] = {}
        for slot, wanted in sensors.items():
            rate_hz = wanted.profile.rate_hz(wanted.mode, wanted.rate_hz)
            why_not = wanted.profile.mode(wanted.mode).why_not(rate_hz) if tracking else None
            if why_not is not None:
                raise LinkError(
                    LinkFault.NOT_TRACKABLE,
                    f"{wanted.profile.name}: {why_not}",
                    address=wanted.found.address,
                    name=slot,
                )
            link = Link(
                adapter,
                wanted.found,
                wanted.profile,
                mode=wanted.mode,
                rate_hz=rate_hz,
                parameters=wanted.parameters,
                name=slot,
                on_change=partial(self._note, slot),
                patience_s=patience_s,
                clock_ns=clock_ns,
            )
            self._slots[slot] = _Slot(wanted, link)
        self.origin_ns = 0
        self._intake: Intake | None = None
        self._given: asyncio.Queue[Item | BaseException | None] = asyncio.Queue(READER_LAG)
        self._pump: asyncio.Task[None] | None = None
        self._next_tick_ns = 0
        self._closed = False

    # --- the source

    @property
    def sensors(self) -> Mapping[str, SensorInfo]:
        """What a recording keeps of each sensor."""
        return {
            slot: SensorInfo(
                rate_hz=each.link.rate_hz,
                profile=each.wanted.profile.id,
                serial=each.wanted.found.address,
                firmware=each.link.firmware,
            )
            for slot, each in self._slots.items()
        }

    @property
    def setups(self) -> dict[str, SensorSetup]:
        """Profile, mode and rate by slot: all that decoding needs besides the packets."""
        return {
            slot: SensorSetup(
                each.wanted.profile, each.link.mode, each.link.rate_hz, each.wanted.parameters
            )
            for slot, each in self._slots.items()
        }

    async def open(self) -> None:
        """Connect and start every sensor; raises LinkError for the first that will not stream.

        Session time begins now: what the first sensors send while others connect is kept.
        """
        self.origin_ns = self._clock_ns()
        self._next_tick_ns = self.origin_ns + TICK_NS
        self._intake = Intake(self.setups, self.origin_ns)
        if self._make_sink is not None:
            self._sink = self._make_sink(self.setups, self.origin_ns)
        self._pump = asyncio.create_task(self._run(), name="hub")
        results = await asyncio.gather(
            *(each.link.open() for each in self._slots.values()), return_exceptions=True
        )
        for result in results:
            if isinstance(result, BaseException):
                await self.close()
                raise result

    async def items(self) -> AsyncIterator[Item]:
        """Samples, watermarks and changes of sensors, in order, until `close`."""
        while True:
            item = await self._given.get()
            if item is None:
                return
            if isinstance(item, BaseException):
                raise item
            yield item

    async def close(self) -> None:
        """Stop every sensor; what has arrived is still given."""
        if self._closed:
            return
        self._closed = True
        await asyncio.gather(
            *(each.link.close() for each in self._slots.values()), return_exceptions=True
        )
        if self._pump is not None:
            # One more round takes what came until now; a reader that has gone holds nobody up.
            await asyncio.wait({self._pump}, timeout=1.0)
            self._pump.cancel()
        if self._given.full():
            self._given.get_nowait()
        self._given.put_nowait(None)

    # --- for people

    async def identify(self, slot: str) -> None:
        """Make a sensor blink; raises LinkError where it cannot."""
        await self._slots[slot].link.identify()

    def status(self) -> list[SensorStatus]:
        """Where every sensor stands, by slot in the order in which they were given."""
        intake = self._intake
        return [
            SensorStatus(
                slot=slot,
                name=each.wanted.found.name,
                profile=each.wanted.profile.id,
                state=each.link.state,
                message=each.message,
                counts=Counts() if intake is None else intake.counts[slot],
                delay_s=0.0 if intake is None else intake.delay_s(slot),
                overflow=each.link.overflow,
                reconnects=each.link.reconnects,
                rssi_dbm=each.wanted.found.rssi_dbm,
                battery_percent=each.link.battery_percent,
                firmware=each.link.firmware,
            )
            for slot, each in self._slots.items()
        ]

    # --- the pump

    def _note(self, slot: str, change: LinkChange) -> None:
        each = self._slots[slot]
        each.changes.append(change)
        each.message = change.message

    async def _run(self) -> None:
        try:
            while not self._closed:
                await self._drain()
                await asyncio.sleep(DRAIN_S)
            await self._drain()
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            await self._given.put(error)

    async def _drain(self) -> None:
        """Everything that has come, in the order of its arrival, with the ticks between."""
        intake = self._intake
        if intake is None:
            return
        came: list[tuple[int, int, PacketEvent]] = []
        now_ns = self._clock_ns()
        for slot, each in self._slots.items():
            for item in each.link.take():
                if isinstance(item, LinkMark):
                    event: PacketEvent = LinkChanged(slot, item.up, item.at_ns)
                    came.append((item.at_ns, len(came), event))
                else:
                    came.append((item.arrival_ns, len(came), Arrived(slot, item)))
        for at_ns, _, event in sorted(came, key=lambda each: each[:2]):
            await self._tick_until(intake, at_ns)
            await self._tell(intake, event)
        await self._tick_until(intake, now_ns)
        for slot, each in self._slots.items():
            changes, each.changes = each.changes, []
            for change in changes:
                t_s = (change.at_ns - self.origin_ns) / 1e9
                await self._given.put(
                    SensorChange(slot, t_s, change.state, change.reason, change.message)
                )

    async def _tick_until(self, intake: Intake, now_ns: int) -> None:
        while self._next_tick_ns <= now_ns:
            at_ns = self._next_tick_ns
            self._next_tick_ns += TICK_NS
            await self._tell(intake, Ticked(at_ns))

    async def _tell(self, intake: Intake, event: PacketEvent) -> None:
        if self._sink is not None:
            self._sink.write(event)
        for item in feed(intake, event):
            await self._given.put(item)
