"""An emulated sensor: a Bluetooth peripheral that speaks a firmware profile and plays a motion.

Its services, its advertisement and its answers come from the profile alone. What it plays is
`motion`'s, its packets are `stream`'s, what it makes of commands is `answering`'s; here they are
sent over the air.
"""

import asyncio
import random
import re
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Final, Self

from bumble import att, core, hci
from bumble.core import UUID, AdvertisingData
from bumble.device import Connection, Device
from bumble.gatt import Characteristic, CharacteristicValue, Service

from devices.emulation.air import Air
from devices.emulation.answering import Answering, Event, Setting
from devices.emulation.encoding import Encoder
from devices.emulation.faults import Faults
from devices.emulation.messages import ATT_HEADER_BYTES
from devices.emulation.motion import Motion, Stage
from devices.emulation.stream import DeviceState, Stream
from firmware_profiles.part import BLUETOOTH_BASE
from firmware_profiles.schema import Profile
from firmware_profiles.steps import Subscribe, Unsubscribe, Write

# Small sensors advertise ten times a second at most; ours do it more often, to be found soon.
ADVERTISING_INTERVAL_MS: Final = 30
# What fits into one advertisement (Core 5.4, vol. 3, part C, 11).
ADVERTISEMENT_BYTES: Final = 31
# Bytes of a sensor's MTU, unless its profile needs more: that of Nordic's and ST's stacks.
SENSOR_MTU: Final = 247
# A clock that was switched on before the session, by less than so long.
LONGEST_UPTIME_S: Final = 3600.0
# After a stall at most so many packets go out before others get their turn.
MOST_AT_ONCE: Final = 64
APPLICATION_ERROR: Final = 0x80

_PROPERTIES: Final = {
    "read": Characteristic.Properties.READ,
    "write": Characteristic.Properties.WRITE,
    "write_without_response": Characteristic.Properties.WRITE_WITHOUT_RESPONSE,
    "notify": Characteristic.Properties.NOTIFY,
    "indicate": Characteristic.Properties.INDICATE,
}
_NOTIFICATION: Final = bytes([att.Opcode.ATT_HANDLE_VALUE_NOTIFICATION])


class EmulatedSensor:
    """One sensor on an air; `start` puts it there, `stop` takes it off.

    profile: what it speaks. motion: what it measures, by default lying still. name: as advertised;
    by default one that the profile recognises. mode, rate_hz, parameters: how it runs where the
    client's steps leave that open. stage: when the motion begins; by default when it first streams.
    loop: play it over and over; else the last pose is held. Raises ProfileError for a mode or rate
    that the profile does not have, ValueError where no name is given and none can be made up.

    sent, lost, duplicated: packets so far. samples: sent with them. streaming: how it runs now,
    None while it does not. stream: the newest, with the true times of its samples. identified: how
    often it was made to show itself. written: all writes so far. ended: set when the motion has
    been played to its end.
    """

    def __init__(
        self,
        air: Air,
        profile: Profile,
        motion: Motion | None = None,
        *,
        name: str | None = None,
        address: str | None = None,
        mode: str | None = None,
        rate_hz: float | None = None,
        parameters: Mapping[str, float] | None = None,
        faults: Faults | None = None,
        stage: Stage | None = None,
        loop: bool = False,
        battery_percent: int = 87,
        rssi_dbm: int = -50,
    ) -> None:
        self.air = air
        self.profile = profile
        self.motion = Motion.still() if motion is None else motion
        self.faults = Faults() if faults is None else faults
        self.battery_percent = battery_percent
        self.streaming: Setting | None = None
        self.stream: Stream | None = None
        self.sent = self.lost = self.duplicated = self.samples = self.identified = 0
        self.written: list[Write] = []
        self.ended = asyncio.Event()
        self.device: Device = air.device(name or profile.id, address)
        self.name = advertised_name(profile, self.address) if name is None else name
        air.set_strength(self.address, rssi_dbm)
        self._stage = Stage() if stage is None else stage
        self._loop_motion = loop
        self._chance = random.Random(self.faults.seed)
        chosen = profile.default_mode if mode is None else mode
        defaults = {each: value.default for each, value in profile.parameters.items()}
        preferred = Setting(
            chosen, profile.rate_hz(chosen, rate_hz), {**defaults, **(parameters or {})}
        )
        self._answering = Answering(profile, preferred)
        self._connection: Connection | None = None
        self._links = 0
        self._starts = 0
        self._refusals_left = self.faults.refused_writes
        self._tasks: set[asyncio.Task[None]] = set()
        self._characteristics: dict[str, Characteristic[bytes]] = {}
        self._values: dict[str, bytes] = {}
        self._listened: set[str] = set()
        self._offer_services()
        self._state = DeviceState(boot_s=0.0)
        self._timer: asyncio.TimerHandle | None = None

    # --- for those who hold it

    @property
    def address(self) -> str:
        """Of its radio, as scanners show it."""
        return str(self.device.random_address.to_string(False))

    @property
    def is_connected(self) -> bool:
        return self._connection is not None

    async def start(self) -> Self:
        """Switch it on: it advertises from now."""
        uptime_s = self.faults.uptime_s
        if uptime_s is None:
            uptime_s = self._chance.random() * LONGEST_UPTIME_S
        self._state.boot_s = asyncio.get_running_loop().time() - uptime_s
        advertisement, response = advertised(self.profile, self.name)
        self.device.advertising_data = advertisement
        self.device.scan_response_data = response
        self.device.gatt_server.max_mtu = max(SENSOR_MTU, self.profile.mtu)
        self.device.on("connection", self._on_connection)
        await self.device.power_on()
        await self._advertise()
        return self

    async def stop(self) -> None:
        """Switch it off, as an empty battery would."""
        self._halt()
        for task in list(self._tasks):
            task.cancel()
        self.air.remove(self.address)

    async def drop_link(self) -> None:
        """End the link from the sensor's side."""
        if self._connection is not None:
            with suppress(core.BaseBumbleError, hci.HCI_Error):
                await self._connection.disconnect()

    # --- services

    def _offer_services(self) -> None:
        for service in self.profile.services.values():
            characteristics = []
            for each in service.characteristics.values():
                properties = Characteristic.Properties(0)
                for name in each.properties:
                    properties |= _PROPERTIES[name]
                characteristic: Characteristic[bytes] = Characteristic(
                    UUID(short_uuid(each.uuid)),
                    properties,
                    Characteristic.READABLE | Characteristic.WRITEABLE,
                    CharacteristicValue(
                        read=self._reader(each.uuid), write=self._writer(each.uuid)
                    ),
                )
                characteristic.on("subscription", self._listener(each.uuid))
                self._characteristics[each.uuid] = characteristic
                self._values[each.uuid] = each.initial
                characteristics.append(characteristic)
            self.device.add_service(Service(UUID(short_uuid(service.uuid)), characteristics))

    def _reader(self, uuid: str) -> Callable[[Connection], bytes]:
        return lambda _: self.value(uuid)

    def value(self, uuid: str) -> bytes:
        """What is read of a characteristic now."""
        value = self._values[uuid]
        battery = self.profile.battery
        if battery is not None and self.profile.uuid(battery.characteristic) == uuid:
            at = battery.offset
            width = 2 if battery.type == "u16" else 1
            level = self.battery_percent.to_bytes(width, "little")
            value = value.ljust(at + width, b"\x00")
            value = value[:at] + level + value[at + width :]
        return value

    def _writer(self, uuid: str) -> Callable[[Connection, bytes], None]:
        def write(_connection: Connection, data: bytes) -> None:
            if self._refusals_left > 0:
                self._refusals_left -= 1
                raise att.ATT_Error(error_code=APPLICATION_ERROR)
            event = Write(uuid, bytes(data), response=True)
            self.written.append(event)
            if "read" in self._properties(uuid):
                self._values[uuid] = bytes(data)
            self._on_event(event)

        return write

    def _properties(self, uuid: str) -> list[str]:
        return next(
            list(each.properties)
            for each in self.profile.characteristics.values()
            if each.uuid == uuid
        )

    def _listener(self, uuid: str) -> Callable[[Connection, bool, bool], None]:
        def on_subscription(_connection: Connection, notify: bool, indicate: bool) -> None:
            listened = notify or indicate
            if listened != (uuid in self._listened):
                (self._listened.add if listened else self._listened.discard)(uuid)
                self._on_event(Subscribe(uuid) if listened else Unsubscribe(uuid))

        return on_subscription

    def _on_event(self, event: Event) -> None:
        answer = self._answering.on(event, self.streaming)
        loop = asyncio.get_running_loop()
        for reply in answer.replies:
            # After the acknowledgement of the write that it answers.
            loop.call_soon(self._notify, reply.characteristic, reply.reply)
        if answer.kind == "identify":
            self.identified += 1
        elif answer.kind == "stop":
            self._halt()
            self._stage.leave(self)
        elif answer.kind == "start" and answer.setting is not None:
            loop.call_soon(self._begin, answer.setting)

    # --- link

    async def _advertise(self) -> None:
        if not self.device.is_advertising:
            await self.device.start_advertising(
                advertising_interval_min=ADVERTISING_INTERVAL_MS,
                advertising_interval_max=ADVERTISING_INTERVAL_MS,
            )

    def _on_connection(self, connection: Connection) -> None:
        self._connection = connection
        self._links += 1
        self._listened.clear()
        self._answering.reset()
        if self.faults.clock_resets and self._links > 1:
            self._state.boot_s = asyncio.get_running_loop().time()
            self._state.counter = 0
        connection.on("disconnection", self._on_disconnection)

    def _on_disconnection(self, _reason: int) -> None:
        self._connection = None
        self._listened.clear()
        self._halt()
        self._spawn(self._come_back(self.faults.away_s))

    async def _come_back(self, after_s: float) -> None:
        await asyncio.sleep(after_s)
        with suppress(core.BaseBumbleError, hci.HCI_Error):
            await self._advertise()

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _notify(self, uuid: str, data: bytes) -> bool:
        """Send to whoever listens; False where nobody does."""
        connection = self._connection
        if connection is None:
            return False
        characteristic = self._characteristics[uuid]
        server = self.device.gatt_server
        wanted = server.subscribers.get(connection, {}).get(characteristic.handle, b"\x00\x00")
        if wanted[0] & 1:
            # What bumble's own call sends, without the objects in between.
            handle = characteristic.handle.to_bytes(2, "little")
            value = data[: connection.att_mtu - ATT_HEADER_BYTES]
            connection.send_l2cap_pdu(att.ATT_CID, _NOTIFICATION + handle + value)
            return True
        if wanted[0] & 2:
            self._spawn(self._indicate(connection, characteristic, data))
            return True
        return False

    async def _indicate(
        self, connection: Connection, characteristic: Characteristic[bytes], data: bytes
    ) -> None:
        with suppress(core.BaseBumbleError, asyncio.CancelledError):
            await self.device.gatt_server.indicate_subscriber(connection, characteristic, data)

    # --- stream

    def _begin(self, setting: Setting) -> None:
        if self._connection is None:
            return
        self._halt()
        self.streaming = setting
        self._starts += 1
        if self._starts <= self.faults.silent_starts:
            return
        now_s = asyncio.get_running_loop().time()
        if self._state.first_stream_s is None:
            self._plan_faults(now_s)
        if self.stream is not None and not self.stream.begun:
            # A start on the way to another, as of one of two streams, was none.
            self._stage.leave(self)
        self._stage.enter(self, now_s)
        self.stream = Stream(
            Encoder(self.profile, setting.mode, setting.rate_hz, setting.parameters),
            self.motion,
            self._stage,
            self._state,
            now_s,
            self.faults,
            self._chance,
            loop=self._loop_motion,
        )
        self._schedule(self.stream)

    def _halt(self) -> None:
        self.streaming = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _schedule(self, stream: Stream) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_at(stream.due_s, self._send_due, stream)

    def _send_due(self, stream: Stream) -> None:
        now_s = asyncio.get_running_loop().time()
        self._stage.seen(now_s)
        for _ in range(MOST_AT_ONCE):
            connection = self._connection
            if stream.due_s > now_s or connection is None:
                break
            outgoing = stream.next(connection.att_mtu)
            if outgoing.lost:
                self.lost += 1
                continue
            for _ in range(2 if outgoing.twice else 1):
                heard = [self._notify(uuid, data) for uuid, data in outgoing.messages]
            if any(heard) or not heard:
                self.sent += 1
                self.samples += stream.samples_per_packet
                self.duplicated += outgoing.twice
        if stream.ended:
            self.ended.set()
        self._schedule(stream)

    def _plan_faults(self, now_s: float) -> None:
        """What is to happen at its own time."""
        loop = asyncio.get_running_loop()
        for at_s in self.faults.link_drops_s:
            loop.call_at(now_s + at_s, lambda: self._spawn(self.drop_link()))
        for at_s, for_s in self.faults.shadows:
            loop.call_at(now_s + at_s, self.air.shadow, self.address)
            loop.call_at(now_s + at_s + for_s, self.air.clear, self.address)


def short_uuid(uuid: str) -> str:
    """Sixteen bits where the UUID is one of the Bluetooth SIG, as sensors declare them."""
    assigned = uuid.endswith(BLUETOOTH_BASE) and uuid.startswith("0000")
    return uuid[4:8] if assigned else uuid


def advertised(profile: Profile, name: str) -> tuple[bytes, bytes]:
    """Advertisement and scan response by which the profile recognises the sensor.

    The flags and one service in the first, the name in the second, the manufacturer where there is
    room.
    """
    first = AdvertisingData([(AdvertisingData.FLAGS, b"\x06")])
    if profile.advertisement.services:
        uuid = UUID(short_uuid(profile.advertisement.services[0]))
        wide = len(bytes(uuid)) > 2
        kind = (
            AdvertisingData.INCOMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS
            if wide
            else AdvertisingData.INCOMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS
        )
        first.ad_structures.append((kind, bytes(uuid)))
    response = AdvertisingData([])
    text = name.encode()[: ADVERTISEMENT_BYTES - 2]
    response.ad_structures.append((AdvertisingData.COMPLETE_LOCAL_NAME, text))
    if profile.advertisement.manufacturer_ids:
        company = profile.advertisement.manufacturer_ids[0].to_bytes(2, "little")
        structure = (AdvertisingData.MANUFACTURER_SPECIFIC_DATA, company + b"\x00\x00")
        for data in (first, response):
            if len(bytes(data)) + 6 <= ADVERTISEMENT_BYTES:
                data.ad_structures.append(structure)
                break
    return bytes(first), bytes(response)


def advertised_name(profile: Profile, address: str) -> str:
    """A name that the profile recognises, with the end of the address where it leaves room.

    Raises ValueError where none can be made up and the profile is recognised by nothing else.
    """
    digits = f"{int(address.replace(':', '')[-4:], 16) % 10_000:04d}"
    for pattern in profile.advertisement.names:
        name = re.sub(r"\(\?:|\)|\(|\^|\$", "", pattern.split("|")[0])
        name = re.sub(
            r"(\\d|\[[^\]]*\])(\{(\d+)(,\d*)?\}|\+|\*|\?)?",
            lambda match: (digits * 4)[: int(match[3] or 4) if match[2] else 1],
            name,
        )
        name = re.sub(r"\.[*+]", f" {digits}", name)
        name = re.sub(r"(.)\?", r"\1", name)
        name = re.sub(r"\\(.)", r"\1", name)
        for candidate in (name, name.strip(), profile.name):
            if re.fullmatch(pattern, candidate):
                return candidate
    if profile.advertisement.services or profile.advertisement.manufacturer_ids:
        return profile.name
    raise ValueError(f"give a name that {profile.id} recognises; none can be made up")
