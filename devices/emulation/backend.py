"""The client's side of the emulation: a bleak backend on bumble's host.

Scanner and client as bleak's own backends offer them, every wait with a limit. Which radio they
speak through is the `Central`; the air and the sensors are not looked at here.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, Self, TypeVar, cast

from bleak.args import SizedBuffer
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.client import BaseBleakClient, NotifyCallback
from bleak.backends.descriptor import BleakGATTDescriptor
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import (
    AdvertisementData,
    AdvertisementDataCallback,
    BaseBleakScanner,
)
from bleak.backends.service import BleakGATTService, BleakGATTServiceCollection
from bleak.exc import (
    BleakDeviceNotFoundError,
    BleakError,
    BleakGATTProtocolError,
    BleakGATTProtocolErrorCode,
)
from bumble import att, core, hci
from bumble.core import UUID, AdvertisingData
from bumble.device import Advertisement, Connection, Device, Peer
from bumble.gatt import Characteristic
from bumble.gatt_client import CharacteristicProxy, Client, DescriptorProxy, ServiceProxy
from bumble.transport.common import StreamPacketSink, StreamPacketSource

from devices.emulation.air import Air, AirHost

# The largest ATT MTU that operating systems ask for.
MTU: Final = 517
# What a local controller takes for a command at the very most; it answers within a millisecond.
COMMAND_S: Final = 5.0
# The tail of every 16-bit UUID (Core 5.4, vol. 3, part B, 2.5.1).
BASE_UUID_TAIL: Final = "-0000-1000-8000-00805f9b34fb"

PROPERTY_NAMES: Final = {
    Characteristic.Properties.BROADCAST: "broadcast",
    Characteristic.Properties.READ: "read",
    Characteristic.Properties.WRITE_WITHOUT_RESPONSE: "write-without-response",
    Characteristic.Properties.WRITE: "write",
    Characteristic.Properties.NOTIFY: "notify",
    Characteristic.Properties.INDICATE: "indicate",
    Characteristic.Properties.AUTHENTICATED_SIGNED_WRITES: "authenticated-signed-writes",
    Characteristic.Properties.EXTENDED_PROPERTIES: "extended-properties",
}

T = TypeVar("T")


def uuid_text(uuid: UUID) -> str:
    """bleak's normal form: lower case, 128 bits, with dashes."""
    digits = uuid.to_hex_str().lower()
    if len(digits) == 32:
        return uuid.to_hex_str("-").lower()
    return f"{digits:0>8}{BASE_UUID_TAIL}"


class Central:
    """The client's radio, shared by all its scanners and clients.

    mtu: asked for on every connection. lock: one connection is made at a time (bumble, like real
    controllers, has one pending). lost: why the radio has gone, None while it is there. services:
    of the devices that were connected, by address, so that they are asked once, as BlueZ does.
    """

    def __init__(self, device: Device, *, mtu: int = MTU) -> None:
        self.device = device
        self.mtu = mtu
        self.lock = asyncio.Lock()
        self.lost: str | None = None
        self.services: dict[str, list[ServiceProxy]] = {}
        self._scanners = 0
        self._powered = False
        self._power_lock = asyncio.Lock()
        self._close: Callable[[], None] = lambda: None
        if isinstance(device.host, AirHost):
            device.host.on_notification = self._on_notification

    @classmethod
    def on(cls, air: Air, *, mtu: int = MTU) -> Self:
        """A radio on the air of this process."""
        device = air.device("central")
        central = cls(device, mtu=mtu)
        central._close = lambda: air.remove(str(device.random_address))
        return central

    @classmethod
    async def over_tcp(cls, host: str, port: int, *, mtu: int = MTU) -> Self:
        """A radio on the air of another process, which `devices.emulation.tcp` serves.

        Raises OSError when nobody serves there, TimeoutError when nobody answers.
        """
        async with asyncio.timeout(COMMAND_S):
            transport, source = await asyncio.get_running_loop().create_connection(
                _HciSource, host, port
            )
        device = Device(
            name="central",
            address=hci.Address.generate_static_address(),
            host=AirHost(source, StreamPacketSink(transport)),
        )
        central = cls(device, mtu=mtu)
        source.on_lost = lambda: central._on_lost(f"the emulation at {host}:{port} has ended")
        central._close = transport.close
        try:
            await central.power_on()
        except BaseException:
            central.close()
            raise
        return central

    async def power_on(self) -> None:
        """Once; raises BleakError when the radio has gone."""
        async with self._power_lock:
            if not self._powered:
                await self.command(self.device.power_on())
                self._powered = True
        self.check()

    def check(self) -> None:
        if self.lost is not None:
            raise BleakError(self.lost)

    async def command(self, asked: Awaitable[T]) -> T:
        """What the controller is asked for; raises BleakError or TimeoutError."""
        try:
            async with asyncio.timeout(COMMAND_S):
                return await asked
        except (core.BaseBumbleError, hci.HCI_Error) as error:
            raise BleakError(f"the emulated radio refused: {error!r}") from error

    async def scan(self, *, more: int) -> None:
        """Scan while at least one scanner wants it. more: +1 to begin, -1 to end."""
        self._scanners += more
        if more > 0 and self._scanners == 1:
            await self.command(self.device.start_scanning(active=True, filter_duplicates=False))
        elif more < 0 and self._scanners == 0 and self.lost is None:
            await self.command(self.device.stop_scanning())

    def _on_notification(self, connection: int, attribute: int, value: bytes) -> None:
        """What bumble's GATT client does, without an object and a text for its log each."""
        link = self.device.connections.get(connection)
        if link is None:
            return
        for subscriber in list(link.gatt_client.notification_subscribers.get(attribute, ())):
            # bumble keeps the characteristic itself among those who listen to it.
            if callable(subscriber):
                subscriber(value)

    def _on_lost(self, why: str) -> None:
        self.lost = why
        # Nobody else tells the device that its links are gone.
        for handle in list(self.device.connections):
            self.device.on_disconnection(handle, hci.HCI_ErrorCode.CONNECTION_TIMEOUT_ERROR)

    def close(self) -> None:
        """Leave the air; links end, and clients are told."""
        self._close()
        if self.lost is None:
            self._on_lost("the emulated radio was closed")


class _HciSource(StreamPacketSource):
    """bumble's HCI stream, which also tells when it ends."""

    on_lost: Callable[[], None] = staticmethod(lambda: None)

    def connection_lost(self, exc: Exception | None) -> None:
        self.on_transport_lost()
        self.on_lost()


class BumbleScanner(BaseBleakScanner):
    """A bleak scanner: `BleakScanner(callback, backend=BumbleScanner, central=central)`."""

    def __init__(
        self,
        detection_callback: AdvertisementDataCallback | None,
        service_uuids: list[str] | None,
        scanning_mode: str,
        *,
        central: Central,
        **_: Any,
    ) -> None:
        super().__init__(detection_callback, service_uuids)
        self._central = central
        self._known: dict[str, AdvertisementData] = {}

    async def start(self) -> None:
        self.seen_devices = {}
        await self._central.power_on()
        self._central.device.on("advertisement", self._on_advertisement)
        await self._central.scan(more=+1)

    async def stop(self) -> None:
        self._central.device.remove_listener("advertisement", self._on_advertisement)
        await self._central.scan(more=-1)

    def _on_advertisement(self, heard: Advertisement) -> None:
        address = heard.address.to_string(False)
        data = merged(self._known.get(address), heard)
        self._known[address] = data
        device = self.create_or_update_device(
            address,
            address,
            data.local_name,
            {"central": self._central, "address": heard.address},
            data,
        )
        if self.is_allowed_uuid(data.service_uuids):
            self.call_detection_callbacks(device, data)


def merged(known: AdvertisementData | None, heard: Advertisement) -> AdvertisementData:
    """What is known of a device by its advertisements and scan responses together."""
    name = known.local_name if known else None
    manufacturer = dict(known.manufacturer_data) if known else {}
    services = list(known.service_uuids) if known else []
    power = known.tx_power if known else None
    for kind in (AdvertisingData.COMPLETE_LOCAL_NAME, AdvertisingData.SHORTENED_LOCAL_NAME):
        if (value := heard.data.get(kind)) is not None:
            name = value if isinstance(value, str) else bytes(value).decode(errors="replace")
            break
    for kind in (
        AdvertisingData.COMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS,
        AdvertisingData.INCOMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS,
        AdvertisingData.COMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS,
        AdvertisingData.INCOMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS,
    ):
        for uuid in cast(list[UUID], heard.data.get(kind) or []):
            if (text := uuid_text(uuid)) not in services:
                services.append(text)
    for company, payload in heard.data.get_all(AdvertisingData.MANUFACTURER_SPECIFIC_DATA):
        manufacturer[company] = bytes(payload)
    if (level := heard.data.get(AdvertisingData.TX_POWER_LEVEL)) is not None:
        power = level
    return AdvertisementData(name, manufacturer, {}, services, power, heard.rssi, (heard,))


class BumbleClient(BaseBleakClient):
    """A bleak client: `BleakClient(device, backend=BumbleClient)`.

    The device found by `BumbleScanner` knows its central; where only an address is given, pass
    `central` too.
    """

    def __init__(
        self,
        address_or_ble_device: BLEDevice | str,
        *,
        disconnected_callback: Callable[[], None] | None,
        timeout: float,
        central: Central | None = None,
        services: set[str] | None = None,
        **_: Any,
    ) -> None:
        super().__init__(
            address_or_ble_device, disconnected_callback=disconnected_callback, timeout=timeout
        )
        details: dict[str, Any] = {}
        self._name: str | None = None
        if isinstance(address_or_ble_device, BLEDevice):
            details = address_or_ble_device.details
            self._name = address_or_ble_device.name
        found = central or details.get("central")
        if found is None:
            raise BleakError("BumbleClient needs a device that BumbleScanner found, or `central`")
        self._central: Central = found
        self._peer_address: hci.Address = details.get("address") or hci.Address(self.address)
        self._wanted = services
        self._connection: Connection | None = None
        self._gatt: Client | None = None
        self._subscribed: dict[int, Callable[[bytes], None]] = {}

    @property
    def name(self) -> str:
        return self._name or self.address.replace(":", "-")

    @property
    def mtu_size(self) -> int:
        return int(self._gatt.mtu) if self._gatt is not None else att.ATT_DEFAULT_MTU

    @property
    def is_connected(self) -> bool:
        return self._connection is not None

    async def connect(self, pair: bool, **_: Any) -> None:
        """Raises BleakDeviceNotFoundError when nobody answers within the timeout."""
        if self._connection is not None:
            raise BleakError("Client is already connected")
        try:
            async with asyncio.timeout(self._timeout):
                await self._central.power_on()
                await self._central.lock.acquire()
        except TimeoutError:
            raise BleakError("another connection is being made for too long") from None
        try:
            # bumble's own limit cancels the connection that is pending in the controller.
            connection = await self._central.device.connect(
                self._peer_address, timeout=self._timeout
            )
        except core.TimeoutError:
            raise BleakDeviceNotFoundError(
                self.address, f"Device with address {self.address} was not found."
            ) from None
        except (core.BaseBumbleError, hci.HCI_Error) as error:
            raise BleakError(f"failed to connect: {error!r}") from error
        except asyncio.CancelledError:
            if _cancelled():
                raise
            raise BleakError(self._central.lost or "the emulated radio was reset") from None
        finally:
            self._central.lock.release()
        connection.on("disconnection", self._on_disconnection)
        self._connection = connection
        try:
            async with asyncio.timeout(self._timeout):
                peer = Peer(connection)
                self._gatt = peer.gatt_client
                # Operating systems exchange the MTU by themselves.
                await self._answered(peer.request_mtu(self._central.mtu))
                self.services = await self._answered(self._discover(peer))
        except TimeoutError:
            await self.disconnect()
            raise BleakError("the device does not tell its services") from None
        except BaseException:
            await self.disconnect()
            raise

    async def _discover(self, peer: Peer) -> BleakGATTServiceCollection:
        known = self._central.services.get(self.address)
        if known is None:
            known = await peer.discover_services()
            for service in known:
                for characteristic in await service.discover_characteristics():
                    await characteristic.discover_descriptors()
            self._central.services[self.address] = known
        else:
            known = [_renewed(service, peer.gatt_client) for service in known]
        return self._collection(known)

    def _collection(self, known: list[ServiceProxy]) -> BleakGATTServiceCollection:
        services = BleakGATTServiceCollection()
        for found in known:
            if self._wanted and uuid_text(found.uuid) not in self._wanted:
                continue
            service = BleakGATTService(found, found.handle, uuid_text(found.uuid))
            services.add_service(service)
            for proxy in found.characteristics:
                properties = [
                    name for bit, name in PROPERTY_NAMES.items() if proxy.properties & bit
                ]
                characteristic = BleakGATTCharacteristic(
                    proxy,
                    proxy.handle,
                    uuid_text(proxy.uuid),
                    properties,  # type: ignore[arg-type]
                    lambda: self.mtu_size - 3,
                    service,
                )
                services.add_characteristic(characteristic)
                for each in proxy.descriptors:
                    services.add_descriptor(
                        BleakGATTDescriptor(each, each.handle, uuid_text(each.type), characteristic)
                    )
        return services

    def _on_disconnection(self, _reason: int) -> None:
        if self._connection is None:
            return
        self._connection, self._gatt, self.services = None, None, None
        self._subscribed.clear()
        if self._disconnected_callback is not None:
            self._disconnected_callback()

    async def disconnect(self) -> None:
        """Returns within `COMMAND_S`, whether the peer answers or not."""
        connection = self._connection
        if connection is None:
            return
        try:
            async with asyncio.timeout(COMMAND_S):
                await connection.disconnect()
        except (core.BaseBumbleError, hci.HCI_Error, TimeoutError):
            pass  # gone all the same
        except asyncio.CancelledError:
            if _cancelled():
                raise
        finally:
            self._on_disconnection(0)

    async def pair(self, *_: Any, **__: Any) -> None:
        raise BleakError("emulated sensors are not paired; connect without it")

    async def unpair(self) -> None:
        raise BleakError("emulated sensors are not paired; connect without it")

    async def _answered(self, asked: Awaitable[T]) -> T:
        """Raises BleakError when the link drops, BleakGATTProtocolError when the peer refuses."""
        try:
            async with asyncio.timeout(self._timeout):
                return await asked
        except att.ATT_Error as error:
            raise BleakGATTProtocolError(BleakGATTProtocolErrorCode(error.error_code)) from error
        except core.BaseBumbleError as error:
            raise BleakError(f"the device does not answer: {error!r}") from error
        except asyncio.CancelledError:
            # bumble cancels what is pending when the link drops.
            if _cancelled():
                raise
            raise BleakError("disconnected") from None

    @property
    def _client(self) -> Client:
        if self._gatt is None:
            raise BleakError("Not connected")
        return self._gatt

    async def read_gatt_char(
        self, characteristic: BleakGATTCharacteristic, *, use_cached: bool = False, **_: Any
    ) -> bytearray:
        return bytearray(await self._answered(self._client.read_value(characteristic.obj)))

    async def read_gatt_descriptor(
        self, descriptor: BleakGATTDescriptor, *, use_cached: bool = False, **_: Any
    ) -> bytearray:
        return bytearray(await self._answered(self._client.read_value(descriptor.obj)))

    async def write_gatt_char(
        self, characteristic: BleakGATTCharacteristic, data: SizedBuffer, response: bool
    ) -> None:
        await self._answered(
            self._client.write_value(characteristic.obj, bytes(data), with_response=response)
        )

    async def write_gatt_descriptor(
        self, descriptor: BleakGATTDescriptor, data: SizedBuffer
    ) -> None:
        await self._answered(
            self._client.write_value(descriptor.obj, bytes(data), with_response=True)
        )

    async def start_notify(
        self, characteristic: BleakGATTCharacteristic, callback: NotifyCallback, **_: Any
    ) -> None:
        if characteristic.handle in self._subscribed:
            raise BleakError("notifications have already been started")

        def on_value(value: bytes) -> None:
            callback(bytearray(value))

        proxy: CharacteristicProxy[bytes] = characteristic.obj
        client = self._client
        self._subscribed[characteristic.handle] = on_value
        try:
            await self._answered(client.subscribe(proxy, on_value))
        except BaseException:
            self._subscribed.pop(characteristic.handle, None)
            raise

    async def stop_notify(self, characteristic: BleakGATTCharacteristic) -> None:
        on_value = self._subscribed.pop(characteristic.handle, None)
        if on_value is None:
            raise BleakError("notifications have not been started")
        await self._answered(self._client.unsubscribe(characteristic.obj, on_value))


def _renewed(service: ServiceProxy, client: Client) -> ServiceProxy:
    """What was found on an earlier connection, for this one."""
    again = ServiceProxy(client, service.handle, service.end_group_handle, service.uuid)  # type: ignore[no-untyped-call]
    for each in service.characteristics:
        characteristic: CharacteristicProxy[bytes] = CharacteristicProxy(
            client, each.handle, each.end_group_handle, each.uuid, each.properties
        )
        characteristic.descriptors = [
            DescriptorProxy(client, descriptor.handle, descriptor.type)
            for descriptor in each.descriptors
        ]
        characteristic.descriptors_discovered = True
        again.characteristics.append(characteristic)
    return again


def _cancelled() -> bool:
    """Whether somebody cancels this task; bumble also cancels the futures that it waits for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
