"""One sensor's connection, supervised: connect, start, watch, and begin again when it breaks.

Packets are stamped and queued, nothing else; decoding them is `intake`'s. Several sensors and
session time are `hub`'s. What to write to a sensor comes from its firmware profile.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal, TypeVar

from bleak import BleakClient
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.device import BLEDevice
from bleak.exc import (
    BleakCharacteristicNotFoundError,
    BleakDeviceNotFoundError,
    BleakError,
    BleakGATTProtocolError,
)

from devices.adapter import Adapter
from devices.errors import AdapterError, LinkError, LinkFault
from devices.packets import Packet
from devices.scanner import Found, find_again
from firmware_profiles.schema import Profile
from firmware_profiles.steps import Action, Expect, Read, Subscribe, Unsubscribe, Wait, Write

# Ten seconds of the fastest sensor (a packet a sample at 400 Hz): a reader that lags that much is
# stuck, and what is lost is counted.
QUEUE_PACKETS: Final = 4_000
# A sensor advertises at least every 2 s or so; several chances, and time to discover services.
CONNECT_S: Final = 10.0
# A write is answered within two connection intervals, 4 s each at the very longest allowed.
WRITE_S: Final = 10.0
# Replies of firmware that must first start a chip: some answer after a second.
FIRST_PACKET_S: Final = 3.0
# Whoever waits for the end of a session does not wait for a sensor that has gone.
STOP_S: Final = 3.0
DISCONNECT_S: Final = 5.0
# The watchdog (reference: three packet periods would be shorter than a connection interval).
LEAST_SILENCE_S: Final = 1.0
PERIODS_OF_SILENCE: Final = 5.0
# A link that drops by chance comes back at once; later attempts leave the radio to others.
BACKOFF_S: Final = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
# Two sensors that dropped together must not go on colliding.
JITTER_SHARE: Final = 0.25
# Somebody who answered the door and comes back finds the session waiting.
PATIENCE_S: Final = 180.0
# Whoever waits for a session to begin is told sooner: this takes in looking for the sensor twice.
OPENING_S: Final = 30.0
# Attempts by the known address before the sensor is looked for again: the operating system forgets
# devices that have not advertised for a while.
BLIND_ATTEMPTS: Final = 2
LOOK_S: Final = 5.0
# What a sensor's own firmware refuses twice it will refuse for ever.
MOST_REFUSALS: Final = 2
BATTERY_EVERY_S: Final = 60.0


class LinkState(StrEnum):
    IDLE = "idle"
    CONNECTING = "connecting"
    STARTING = "starting"
    STREAMING = "streaming"
    SILENT = "silent"
    WAITING = "waiting"
    STOPPING = "stopping"
    CLOSED = "closed"
    FAILED = "failed"


T = TypeVar("T")
_S = LinkState
_NEXT: Final[dict[LinkState, frozenset[LinkState]]] = {
    _S.IDLE: frozenset({_S.CONNECTING, _S.CLOSED}),
    _S.CONNECTING: frozenset({_S.STARTING, _S.WAITING, _S.STOPPING, _S.FAILED}),
    _S.STARTING: frozenset({_S.STREAMING, _S.SILENT, _S.WAITING, _S.STOPPING, _S.FAILED}),
    _S.STREAMING: frozenset({_S.SILENT, _S.WAITING, _S.STOPPING}),
    _S.SILENT: frozenset({_S.STARTING, _S.STREAMING, _S.WAITING, _S.STOPPING}),
    _S.WAITING: frozenset({_S.CONNECTING, _S.STOPPING, _S.FAILED}),
    _S.STOPPING: frozenset({_S.CLOSED}),
    _S.FAILED: frozenset({_S.CONNECTING, _S.STOPPING}),
    _S.CLOSED: frozenset(),
}


@dataclass(frozen=True, slots=True)
class LinkMark:
    """Stands among a link's packets where it went up or down. at_ns: clock of the arrivals."""

    at_ns: int
    up: bool


@dataclass(frozen=True, slots=True)
class LinkChange:
    """The state that a link went into, when, and why if something went wrong."""

    at_ns: int
    state: LinkState
    reason: LinkFault | None = None
    message: str | None = None


class Link:
    """Keeps one sensor streaming.

    found: as the scanner saw it. name: for messages, its slot. queue: packets and marks in the
    order of arrival, for one reader; it holds `QUEUE_PACKETS`, `overflow` counts what did not fit.
    reconnects: how often the stream was started anew. battery_percent, firmware: as the sensor
    tells, None where it does not. patience_s: for how long a sensor that has gone is looked for.
    """

    def __init__(
        self,
        adapter: Adapter,
        found: Found,
        profile: Profile,
        *,
        mode: str | None = None,
        rate_hz: float | None = None,
        parameters: Mapping[str, float] | None = None,
        name: str | None = None,
        on_change: Callable[[LinkChange], None] | None = None,
        patience_s: float = PATIENCE_S,
        clock_ns: Callable[[], int] = time.perf_counter_ns,
        chance: random.Random | None = None,
    ) -> None:
        self.found = found
        self.profile = profile
        self.mode = profile.default_mode if mode is None else mode
        self.rate_hz = profile.rate_hz(self.mode, rate_hz)
        self.parameters = dict(parameters or {})
        self.name = found.name if name is None else name
        self.state = LinkState.IDLE
        self.failure: LinkError | None = None
        self.queue: deque[Packet | LinkMark] = deque()
        self.overflow = 0
        self.reconnects = 0
        self.battery_percent: int | None = None
        self.firmware: str | None = None
        self._adapter = adapter
        self._device: BLEDevice = found.device
        self._on_change = on_change
        self._patience_s = patience_s
        self._clock_ns = clock_ns
        self._chance = chance or random.Random()
        self._client: BleakClient | None = None
        self._session = 0
        self._dropped = asyncio.Event()
        self._arrived = asyncio.Event()
        self._streams = asyncio.Event()
        self._last_ns = 0
        self._marked_up = False
        self._heard: deque[tuple[str, bytes]] = deque(maxlen=64)
        self._told = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        period_s = profile.mode(self.mode).samples_at(self.rate_hz) / self.rate_hz
        self.silence_s = max(LEAST_SILENCE_S, PERIODS_OF_SILENCE * period_s)

    # --- for those who hold it

    async def open(self) -> None:
        """Connect and start; returns when the first packet is here.

        Raises LinkError when the sensor refuses, or has not streamed within `OPENING_S`.
        """
        if self._task is None or self._task.done():
            self.failure = None
            self._streams.clear()
            self._task = asyncio.create_task(self._supervise(), name=f"link {self.name}")
        streams = asyncio.create_task(self._streams.wait())
        try:
            await asyncio.wait({streams, self._task}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            streams.cancel()
        if self.failure is not None:
            raise self.failure
        if self._task.done():
            self._task.result()

    async def close(self) -> None:
        """Stop the stream and let the sensor go; does not wait longer than some seconds."""
        if self.state is LinkState.CLOSED:
            return
        if self.state is LinkState.IDLE:
            self._go(LinkState.CLOSED)
            return
        task, self._task = self._task, None
        if task is not None and not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=DISCONNECT_S)
        self._go(LinkState.STOPPING)
        await self._say_goodbye()
        self._go(LinkState.CLOSED)

    async def identify(self) -> None:
        """Make the sensor show itself, as by a blink; raises LinkError where it cannot."""
        steps = self._steps("identify")
        if not steps:
            raise self._error(
                LinkFault.NO_ANSWER,
                f"{self.profile.name} has no command to show itself; shake the sensor instead.",
            )
        await self._run(steps, self._session)

    def take(self) -> list[Packet | LinkMark]:
        """Everything that came since the last call, in order."""
        taken = list(self.queue)
        self.queue.clear()
        return taken

    # --- the callbacks, which do no more than they must

    def _on_packet(self, characteristic: str, data: bytearray, session: int) -> None:
        now_ns = self._clock_ns()
        if session != self._session:
            return
        self._last_ns = now_ns
        if len(self.queue) < QUEUE_PACKETS:
            self.queue.append(Packet(now_ns, characteristic, bytes(data)))
        else:
            self.overflow += 1
        self._heard.append((characteristic, bytes(data)))
        self._told.set()
        self._arrived.set()

    def _on_disconnect(self, session: int) -> None:
        if session == self._session:
            self._mark(up=False)
            self._dropped.set()

    def _mark(self, *, up: bool) -> None:
        """Marks always fit: there are two a session, and they cannot be spared."""
        if self._marked_up is not up:
            self._marked_up = up
            self.queue.append(LinkMark(self._clock_ns(), up))

    # --- supervision

    def _go(
        self, state: LinkState, reason: LinkFault | None = None, message: str | None = None
    ) -> None:
        if state is self.state:
            return
        if state not in _NEXT[self.state]:
            raise RuntimeError(f"a link cannot go from {self.state} to {state}")
        self.state = state
        if self._on_change is not None:
            self._on_change(LinkChange(self._clock_ns(), state, reason, message))

    async def _supervise(self) -> None:
        attempt = refusals = 0
        began_s = _now_s()
        while True:
            self._go(LinkState.CONNECTING)
            try:
                await self._connect(look=attempt > BLIND_ATTEMPTS)
                self._go(LinkState.STARTING)
                await self._start()
                self._go(LinkState.STREAMING)
                self._streams.set()
                attempt = refusals = 0
                trouble = await self._watch()
                began_s = _now_s()
            except LinkError as error:
                trouble = error
            except AdapterError as error:
                trouble = self._error(LinkFault.ADAPTER, str(error))
            await self._hang_up()
            refused = (LinkFault.OTHER_SERVICES, LinkFault.START_REFUSED)
            refusals += trouble.reason in refused
            waited_s = _now_s() - began_s
            limit_s = self._patience_s
            if not self._streams.is_set():
                limit_s = min(limit_s, OPENING_S)
            if refusals >= MOST_REFUSALS or waited_s > limit_s:
                if refusals < MOST_REFUSALS:
                    trouble = self._error(
                        LinkFault.GAVE_UP,
                        f"{trouble} It was tried for {limit_s:.0f} s; start again when "
                        "the sensor is near and charged.",
                    )
                self.failure = trouble
                self._go(LinkState.FAILED, trouble.reason, str(trouble))
                return
            self._go(LinkState.WAITING, trouble.reason, str(trouble))
            await asyncio.sleep(self._pause_s(attempt))
            attempt += 1
            self.reconnects += 1

    def _pause_s(self, attempt: int) -> float:
        base_s = BACKOFF_S[min(attempt, len(BACKOFF_S) - 1)]
        return base_s * (1.0 + JITTER_SHARE * self._chance.uniform(-1.0, 1.0))

    async def _connect(self, *, look: bool) -> None:
        self._session += 1
        session = self._session
        self._dropped.clear()
        self._arrived.clear()
        if look:
            again = await find_again(self._adapter, self.found, LOOK_S)
            if again is None:
                raise self._not_found()
            self._device = again.device
        client = self._adapter.client(
            self._device, lambda _: self._on_disconnect(session), CONNECT_S
        )
        self._client = client
        try:
            async with self._adapter.lock, asyncio.timeout(2.0 * CONNECT_S):
                await client.connect()
        except BleakDeviceNotFoundError:
            raise self._not_found() from None
        except (BleakError, OSError, TimeoutError, EOFError) as error:
            raise self._error(
                LinkFault.CONNECT_FAILED,
                f"The sensor {self.name} could not be connected ({_told(error)}); keep it within "
                "a few metres.",
            ) from None
        missing = [
            uuid for uuid in self._needed() if client.services.get_characteristic(uuid) is None
        ]
        if missing:
            raise self._error(
                LinkFault.OTHER_SERVICES,
                f"The sensor {self.name} does not offer what a {self.profile.name} does "
                f"(characteristic {missing[0]}); check that it has the maker's own firmware, or "
                "choose another profile.",
            )

    def _needed(self) -> list[str]:
        """UUIDs that starting and stopping cannot do without."""
        steps = [*self._steps("start"), *self._steps("stop")]
        named = (step.characteristic for step in steps if not isinstance(step, Wait))
        return list(dict.fromkeys(named))

    def _not_found(self) -> LinkError:
        return self._error(
            LinkFault.NOT_FOUND,
            f"The sensor {self.name} does not answer; switch it on and keep it within a few "
            "metres.",
        )

    async def _start(self) -> None:
        session = self._session
        self._mark(up=True)
        if self.reconnects == 0:
            # Later starts are in a hurry; the battery is asked about every minute.
            await self._ask_about_itself()
        await self._run(self._steps("start"), session)
        await self._first_packet()

    async def _first_packet(self) -> None:
        """Wait for what the start steps promised."""
        began_ns = self._clock_ns()
        while self._last_ns < began_ns:
            self._arrived.clear()
            if not await self._either(self._arrived, FIRST_PACKET_S):
                raise self._error(
                    LinkFault.SILENT,
                    f"The sensor {self.name} is connected but sends nothing; switch it off and on "
                    "again.",
                )

    async def _either(self, event: asyncio.Event, limit_s: float) -> bool:
        """Wait for the event; False when the limit passed. Raises LinkError when the link drops."""
        waits = [asyncio.create_task(each.wait()) for each in (event, self._dropped)]
        try:
            await asyncio.wait(waits, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waits:
                task.cancel()
        if self._dropped.is_set():
            raise self._lost()
        return event.is_set()

    def _lost(self) -> LinkError:
        return self._error(
            LinkFault.DROPPED,
            f"The link to the sensor {self.name} broke off; it comes back by itself when the "
            "sensor is within a few metres.",
        )

    async def _watch(self) -> LinkError:
        """Until the link must be made anew; returns why."""
        restarted = False
        asked_s = _now_s()
        while True:
            if self._dropped.is_set():
                return self._lost()
            quiet_s = (self._clock_ns() - self._last_ns) / 1e9
            if quiet_s < self.silence_s:
                if self.state is LinkState.SILENT:
                    self._go(LinkState.STREAMING)
                    restarted = False
                wait_s = self.silence_s - quiet_s
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._dropped.wait(), wait_s)
                if _now_s() - asked_s > BATTERY_EVERY_S and not self._dropped.is_set():
                    asked_s = _now_s()
                    with suppress(LinkError):
                        await self._ask_about_battery()
                continue
            silent = self._error(
                LinkFault.SILENT,
                f"The sensor {self.name} has sent nothing for {quiet_s:.1f} s; its stream is "
                "started again.",
            )
            self._go(LinkState.SILENT, silent.reason, str(silent))
            if restarted:
                return silent
            restarted = True
            self.reconnects += 1
            try:
                with suppress(LinkError):
                    await self._run(self._steps("stop"), self._session)
                self._mark(up=False)
                self._go(LinkState.STARTING)
                await self._start()
                self._go(LinkState.STREAMING)
            except LinkError as error:
                return error

    async def _hang_up(self) -> None:
        """Let go of the client: without it, BlueZ would deliver every packet twice next time."""
        self._mark(up=False)
        client, self._client = self._client, None
        self._session += 1
        if client is not None:
            with suppress(BleakError, OSError, TimeoutError, EOFError):
                async with asyncio.timeout(DISCONNECT_S):
                    await client.disconnect()

    async def _say_goodbye(self) -> None:
        if self._client is not None and not self._dropped.is_set():
            with suppress(LinkError, TimeoutError):
                async with asyncio.timeout(STOP_S):
                    await self._run(self._steps("stop"), self._session)
        await self._hang_up()

    def _steps(self, kind: Literal["start", "stop", "identify"]) -> Sequence[Action]:
        return self.profile.steps(kind, self.mode, self.rate_hz, self.parameters)

    # --- talking to the sensor

    async def _ask_about_itself(self) -> None:
        with suppress(LinkError):
            await self._ask_about_battery()
        reading = self.profile.firmware
        if self.firmware is None and reading is not None:
            with suppress(LinkError):
                told = reading.read(await self._read(self.profile.uuid(reading.characteristic)))
                self.firmware = told if told is None else str(told)

    async def _ask_about_battery(self) -> None:
        reading = self.profile.battery
        if reading is not None:
            level = reading.read(await self._read(self.profile.uuid(reading.characteristic)))
            self.battery_percent = level if isinstance(level, int) and level <= 100 else None

    async def _read(self, uuid: str) -> bytes:
        client = self._client
        if client is None or client.services.get_characteristic(uuid) is None:
            raise self._lost()
        return bytes(await self._within(client.read_gatt_char(uuid)))

    async def _within(self, asked: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout(WRITE_S):
                return await asked
        except TimeoutError:
            raise self._error(
                LinkFault.NO_ANSWER,
                f"The sensor {self.name} does not answer; switch it off and on again.",
            ) from None
        except BleakCharacteristicNotFoundError as error:
            raise self._error(
                LinkFault.OTHER_SERVICES,
                f"The sensor {self.name} lacks a characteristic that a {self.profile.name} has "
                f"({_told(error)}); choose another profile.",
            ) from None
        except (BleakError, OSError, EOFError) as error:
            client = self._client
            gone = self._dropped.is_set() or client is None or not client.is_connected
            if gone or not isinstance(error, BleakGATTProtocolError):
                # What fails without the sensor's own word is the link's fault, and tried again.
                raise self._lost() from None
            raise self._error(
                LinkFault.START_REFUSED,
                f"The sensor {self.name} refused a command ({_told(error)}); switch it off and on "
                "again, and check its firmware.",
            ) from None

    async def _run(self, steps: Sequence[Action], session: int) -> None:
        """Carry out steps in order; raises LinkError."""
        for step in steps:
            client = self._client
            if client is None or self._dropped.is_set():
                raise self._lost()
            match step:
                case Write():
                    self._heard.clear()
                    await self._within(
                        client.write_gatt_char(
                            step.characteristic, step.data, response=step.response
                        )
                    )
                case Subscribe():
                    await self._within(
                        client.start_notify(
                            step.characteristic,
                            self._callback(step.characteristic, session),
                            **self._adapter.notify_options,
                        )
                    )
                case Unsubscribe():
                    await self._within(client.stop_notify(step.characteristic))
                case Read():
                    data = await self._read(step.characteristic)
                    # What a sensor says of itself is decoded like everything else.
                    self._on_packet(step.characteristic, bytearray(data), session)
                case Wait():
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._dropped.wait(), step.seconds)
                case Expect():
                    await self._expect(step)

    def _callback(
        self, uuid: str, session: int
    ) -> Callable[[BleakGATTCharacteristic, bytearray], None]:
        return lambda _, data: self._on_packet(uuid, data, session)

    async def _expect(self, step: Expect) -> None:
        until_s = _now_s() + step.timeout_s
        while True:
            for characteristic, data in self._heard:
                if characteristic == step.characteristic and step.accepts(data):
                    return
            self._told.clear()
            left_s = until_s - _now_s()
            if left_s <= 0.0 or not await self._either(self._told, left_s):
                raise self._error(
                    LinkFault.START_REFUSED,
                    f"The sensor {self.name} did not confirm a command; switch it off and on "
                    "again, and check its firmware.",
                )

    def _error(self, reason: LinkFault, message: str) -> LinkError:
        return LinkError(reason, message, address=self.found.address, name=self.name)


def _now_s() -> float:
    return asyncio.get_running_loop().time()


def _told(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__).rstrip(".")[:160]
