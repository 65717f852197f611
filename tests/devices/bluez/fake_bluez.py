"""A fake org.bluez on a private bus, with an emulated radio behind it.

bleak's own BlueZ backend then runs as on any Linux machine, over D-Bus, with StartNotify or
AcquireNotify. Only what bleak 3.1 calls is here.
"""

import asyncio
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Awaitable
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, Final, Self, TypeVar

import pytest
from bumble import att, core, hci
from bumble.device import Advertisement, Connection, Peer
from bumble.gatt_client import CharacteristicProxy, Client, DescriptorProxy, ServiceProxy
from dbus_fast import BusType, PropertyAccess, Variant
from dbus_fast.aio import MessageBus
from dbus_fast.annotations import (
    DBusBool,
    DBusBytes,
    DBusDict,
    DBusInt16,
    DBusObjectPath,
    DBusSignature,
    DBusStr,
    DBusUInt16,
)
from dbus_fast.errors import DBusError
from dbus_fast.service import ServiceInterface, dbus_method, dbus_property

from devices.emulation.backend import PROPERTY_NAMES, Central, merged, uuid_text

READ: Final = PropertyAccess.READ
FAILED: Final = "org.bluez.Error.Failed"
ADAPTER_PATH: Final = "/org/bluez/hci0"
# The daemon answers within a second on the slowest machine.
START_S: Final = 10.0
CONNECT_S: Final = 10.0
# Whoever gets the file descriptor of AcquireNotify has its own copy by then.
DESCRIPTOR_S: Final = 0.5
# Continuous integration sets this, and then fails where it would skip.
REQUIRED: Final = "GONIO_REQUIRE_DBUS"

_CONFIGURATION: Final = """<busconfig><type>custom</type><listen>unix:path={path}</listen>
<auth>EXTERNAL</auth><policy context="default"><allow send_destination="*" eavesdrop="true"/>
<allow eavesdrop="true"/><allow own="*"/></policy></busconfig>"""

Strings = Annotated[list[str], DBusSignature("as")]
ManufacturerData = Annotated[dict[int, Variant], DBusSignature("a{qv}")]
DescriptorAndMtu = Annotated[tuple[int, int], DBusSignature("hq")]

T = TypeVar("T")


def need_dbus_daemon() -> None:
    """Skip the test where there is no dbus-daemon; fail where it is required."""
    if shutil.which("dbus-daemon") is None:
        reason = "dbus-daemon is not installed (Debian: apt-get install dbus)"
        if os.environ.get(REQUIRED):
            pytest.fail(reason)
        pytest.skip(reason)


class FakeAdapter(ServiceInterface):
    def __init__(self, bluez: "FakeBluez") -> None:
        super().__init__("org.bluez.Adapter1")
        self.bluez = bluez
        self.discovering = False

    @dbus_property(READ)
    def Address(self) -> DBusStr:  # noqa: N802
        return "00:11:22:33:44:55"

    @dbus_property(READ)
    def Powered(self) -> DBusBool:  # noqa: N802
        return self.bluez.powered

    @dbus_property(READ)
    def Discovering(self) -> DBusBool:  # noqa: N802
        return self.discovering

    @dbus_property(READ)
    def Roles(self) -> Strings:  # noqa: N802
        return ["central"]

    @dbus_method()
    def SetDiscoveryFilter(self, _filter: DBusDict) -> None:  # noqa: N802
        pass

    @dbus_method()
    async def StartDiscovery(self) -> None:  # noqa: N802
        if self.bluez.busy:
            raise DBusError("org.bluez.Error.InProgress", "Operation already in progress")
        self.bluez.central.device.on("advertisement", self.bluez.on_advertisement)
        await self.bluez.central.scan(more=+1)
        self.discovering = True
        self.emit_properties_changed({"Discovering": True})

    @dbus_method()
    async def StopDiscovery(self) -> None:  # noqa: N802
        self.bluez.central.device.remove_listener("advertisement", self.bluez.on_advertisement)
        await self.bluez.central.scan(more=-1)
        self.discovering = False
        self.emit_properties_changed({"Discovering": False})

    @dbus_method()
    def RemoveDevice(self, _path: DBusObjectPath) -> None:  # noqa: N802
        pass


class FakeDevice(ServiceInterface):
    def __init__(self, bluez: "FakeBluez", address: hci.Address) -> None:
        super().__init__("org.bluez.Device1")
        self.bluez = bluez
        self.address = address
        self.path = f"{ADAPTER_PATH}/dev_{address.to_string(False).replace(':', '_')}"
        self.heard: Any = None
        self.connection: Connection | None = None
        self.gatt: Client | None = None
        self.resolved = False
        self.exported: list[tuple[str, ServiceInterface]] = []

    @dbus_property(READ)
    def Address(self) -> DBusStr:  # noqa: N802
        return self.address.to_string(False)

    @dbus_property(READ)
    def AddressType(self) -> DBusStr:  # noqa: N802
        return "random"

    @dbus_property(READ)
    def Alias(self) -> DBusStr:  # noqa: N802
        return self.heard.local_name or self.address.to_string(False).replace(":", "-")

    @dbus_property(READ)
    def Name(self) -> DBusStr:  # noqa: N802
        return self.heard.local_name or self.address.to_string(False).replace(":", "-")

    @dbus_property(READ)
    def Adapter(self) -> DBusObjectPath:  # noqa: N802
        return ADAPTER_PATH

    @dbus_property(READ)
    def UUIDs(self) -> Strings:  # noqa: N802
        return list(self.heard.service_uuids)

    @dbus_property(READ)
    def RSSI(self) -> DBusInt16:  # noqa: N802
        return int(self.heard.rssi)

    @dbus_property(READ)
    def ManufacturerData(self) -> ManufacturerData:  # noqa: N802
        return {key: Variant("ay", value) for key, value in self.heard.manufacturer_data.items()}

    @dbus_property(READ)
    def Paired(self) -> DBusBool:  # noqa: N802
        return False

    @dbus_property(READ)
    def Connected(self) -> DBusBool:  # noqa: N802
        return self.connection is not None

    @dbus_property(READ)
    def ServicesResolved(self) -> DBusBool:  # noqa: N802
        return self.resolved

    def changes(self) -> dict[str, Any]:
        return {
            "RSSI": int(self.heard.rssi),
            "Name": self.heard.local_name or "",
            "Alias": self.heard.local_name or "",
            "UUIDs": list(self.heard.service_uuids),
            "ManufacturerData": {
                key: Variant("ay", value) for key, value in self.heard.manufacturer_data.items()
            },
        }

    @dbus_method()
    async def Connect(self) -> None:  # noqa: N802
        try:
            async with self.bluez.central.lock:
                connection = await self.bluez.central.device.connect(
                    self.address, timeout=CONNECT_S
                )
        except core.BaseBumbleError as error:
            raise DBusError(FAILED, repr(error)) from error
        self.connection = connection
        connection.on("disconnection", self._on_disconnection)
        self.emit_properties_changed({"Connected": True})
        # BlueZ answers before the services are resolved.
        self.bluez.spawn(self._resolve(connection))

    async def _resolve(self, connection: Connection) -> None:
        peer = Peer(connection)
        self.gatt = peer.gatt_client
        await peer.request_mtu(self.bluez.central.mtu)
        for service in await peer.discover_services():
            service_path = f"{self.path}/service{service.handle:04x}"
            self._export(service_path, FakeService(self, service))
            for each in await service.discover_characteristics():
                # BlueZ numbers characteristics by the handle of their declaration.
                path = f"{service_path}/char{each.handle - 1:04x}"
                self._export(path, FakeCharacteristic(self, service_path, each))
                for descriptor in await each.discover_descriptors():
                    self._export(
                        f"{path}/desc{descriptor.handle:04x}",
                        FakeDescriptor(self, path, descriptor),
                    )
        self.resolved = True
        self.emit_properties_changed({"ServicesResolved": True})

    def _export(self, path: str, interface: ServiceInterface) -> None:
        self.exported.append((path, interface))
        self.bluez.bus.export(path, interface)

    @dbus_method()
    async def Disconnect(self) -> None:  # noqa: N802
        if self.connection is not None:
            await self.connection.disconnect()

    def _on_disconnection(self, _reason: int) -> None:
        if self.connection is None:
            return
        self.connection, self.resolved = None, False
        self.emit_properties_changed({"ServicesResolved": False, "Connected": False})
        for path, interface in reversed(self.exported):
            if isinstance(interface, FakeCharacteristic):
                interface.close()
            self.bluez.bus.unexport(path, interface)
        self.exported.clear()

    async def ask(self, awaitable: Awaitable[T]) -> T:
        try:
            return await awaitable
        except att.ATT_Error as error:
            text = f"Operation failed with ATT error: 0x{error.error_code:02x}"
            raise DBusError(FAILED, text) from error
        except asyncio.CancelledError:
            raise DBusError(FAILED, "Not connected") from None

    @property
    def client(self) -> Client:
        if self.gatt is None:
            raise DBusError(FAILED, "Not connected")
        return self.gatt


class FakeService(ServiceInterface):
    def __init__(self, device: FakeDevice, service: ServiceProxy) -> None:
        super().__init__("org.bluez.GattService1")
        self.device = device
        self.service = service

    @dbus_property(READ)
    def UUID(self) -> DBusStr:  # noqa: N802
        return uuid_text(self.service.uuid)

    @dbus_property(READ)
    def Primary(self) -> DBusBool:  # noqa: N802
        return True

    @dbus_property(READ)
    def Device(self) -> DBusObjectPath:  # noqa: N802
        return self.device.path


class FakeCharacteristic(ServiceInterface):
    def __init__(
        self, device: FakeDevice, service_path: str, proxy: CharacteristicProxy[bytes]
    ) -> None:
        super().__init__("org.bluez.GattCharacteristic1")
        self.device = device
        self.service_path = service_path
        self.proxy = proxy
        self.value = b""
        self.socket: socket.socket | None = None
        self.notifying = False

    @dbus_property(READ)
    def UUID(self) -> DBusStr:  # noqa: N802
        return uuid_text(self.proxy.uuid)

    @dbus_property(READ)
    def Service(self) -> DBusObjectPath:  # noqa: N802
        return self.service_path

    @dbus_property(READ)
    def Flags(self) -> Strings:  # noqa: N802
        return [name for bit, name in PROPERTY_NAMES.items() if self.proxy.properties & bit]

    @dbus_property(READ)
    def MTU(self) -> DBusUInt16:  # noqa: N802
        return int(self.device.client.mtu)

    @dbus_property(READ)
    def Notifying(self) -> DBusBool:  # noqa: N802
        return self.notifying

    @dbus_property(READ)
    def NotifyAcquired(self) -> DBusBool:  # noqa: N802
        return self.socket is not None

    @dbus_property(READ)
    def Value(self) -> DBusBytes:  # noqa: N802
        return self.value

    @dbus_method()
    async def ReadValue(self, _options: DBusDict) -> DBusBytes:  # noqa: N802
        return bytes(await self.device.ask(self.device.client.read_value(self.proxy)))

    @dbus_method()
    async def WriteValue(self, value: DBusBytes, options: DBusDict) -> None:  # noqa: N802
        response = options["type"].value == "request" if "type" in options else True
        await self.device.ask(
            self.device.client.write_value(self.proxy, bytes(value), with_response=response)
        )

    def _on_value(self, value: bytes) -> None:
        self.value = bytes(value)
        self.emit_properties_changed({"Value": self.value})

    @dbus_method()
    async def StartNotify(self) -> None:  # noqa: N802
        self.device.bluez.started.append("StartNotify")
        await self.device.ask(self.device.client.subscribe(self.proxy, self._on_value))
        self.notifying = True
        self.emit_properties_changed({"Notifying": True})

    @dbus_method()
    async def StopNotify(self) -> None:  # noqa: N802
        await self.device.ask(self.device.client.unsubscribe(self.proxy, self._on_value))
        self.notifying = False
        self.emit_properties_changed({"Notifying": False})

    @dbus_method()
    async def AcquireNotify(self, _options: DBusDict) -> DescriptorAndMtu:  # noqa: N802
        self.device.bluez.started.append("AcquireNotify")
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        self.socket = ours
        await self.device.ask(self.device.client.subscribe(self.proxy, self._into_socket))
        descriptor = theirs.detach()
        asyncio.get_running_loop().call_later(DESCRIPTOR_S, os.close, descriptor)
        self.device.bluez.descriptors += 1
        # The other side closes its end when it wants no more.
        asyncio.get_running_loop().add_reader(ours, self._on_closed)
        return descriptor, int(self.device.client.mtu)

    def _on_closed(self) -> None:
        self.close()
        if self.device.connection is not None:
            self.device.bluez.spawn(
                self.device.ask(self.device.client.unsubscribe(self.proxy, self._into_socket))
            )

    def _into_socket(self, value: bytes) -> None:
        if self.socket is None:
            return
        try:
            self.socket.send(bytes(value))
        except BlockingIOError:
            self.device.bluez.dropped += 1  # as BlueZ does
        except OSError:
            self.close()

    def close(self) -> None:
        if self.socket is not None:
            asyncio.get_running_loop().remove_reader(self.socket)
            self.socket.close()
            self.socket = None


class FakeDescriptor(ServiceInterface):
    def __init__(
        self, device: FakeDevice, characteristic_path: str, descriptor: DescriptorProxy
    ) -> None:
        super().__init__("org.bluez.GattDescriptor1")
        self.device = device
        self.characteristic_path = characteristic_path
        self.descriptor = descriptor

    @dbus_property(READ)
    def UUID(self) -> DBusStr:  # noqa: N802
        return uuid_text(self.descriptor.type)

    @dbus_property(READ)
    def Characteristic(self) -> DBusObjectPath:  # noqa: N802
        return self.characteristic_path

    @dbus_property(READ)
    def Flags(self) -> Strings:  # noqa: N802
        return ["read"]

    @dbus_method()
    async def ReadValue(self, _options: DBusDict) -> DBusBytes:  # noqa: N802
        return bytes(await self.device.ask(self.device.client.read_value(self.descriptor)))


class FakeBluez:
    """`async with FakeBluez(central): ...`: this process's system bus has an org.bluez meanwhile.

    powered: whether the radio is on. busy: whether another program is scanning. started: how
    notifications were asked for. dropped: notifications lost because nobody read the socket.
    """

    def __init__(self, central: Central, *, powered: bool = True, busy: bool = False) -> None:
        self.central = central
        self.powered = powered
        self.busy = busy
        self.devices: dict[hci.Address, FakeDevice] = {}
        self.started: list[str] = []
        self.descriptors = 0
        self.dropped = 0
        self._tasks: set[asyncio.Future[Any]] = set()

    async def __aenter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory()
        path = Path(self._folder.name) / "bus"
        configuration = path.with_suffix(".conf")
        configuration.write_text(_CONFIGURATION.format(path=path))
        self._daemon = subprocess.Popen(
            ["dbus-daemon", "--nofork", "--config-file", str(configuration)],
            stderr=subprocess.DEVNULL,
        )
        async with asyncio.timeout(START_S):
            while not path.exists():
                await asyncio.sleep(0.01)
        self._environment = pytest.MonkeyPatch()
        self._environment.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={path}")
        await self.central.power_on()
        self.bus = await MessageBus(bus_type=BusType.SYSTEM, negotiate_unix_fd=True).connect()
        self.adapter = FakeAdapter(self)
        self.bus.export(ADAPTER_PATH, self.adapter)
        await self.bus.request_name("org.bluez")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for task in self._tasks:
            task.cancel()
        if self.descriptors:
            await asyncio.sleep(DESCRIPTOR_S)
        self.bus.disconnect()
        self._environment.undo()
        self._daemon.terminate()
        self._daemon.wait(START_S)
        self._folder.cleanup()

    def spawn(self, work: Awaitable[Any]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def on_advertisement(self, heard: Advertisement) -> None:
        device = self.devices.get(heard.address)
        if device is None:
            device = self.devices[heard.address] = FakeDevice(self, heard.address)
            device.heard = merged(None, heard)
            self.bus.export(device.path, device)
            return
        device.heard = merged(device.heard, heard)
        device.emit_properties_changed(device.changes())
