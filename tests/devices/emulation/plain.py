"""A peripheral of two characteristics on an emulated air, and the rig around it.

For tests of the air and of bleak's backend, which know of no sensor.
"""

import asyncio
import functools
from collections.abc import Awaitable, Callable
from typing import Any, Final, ParamSpec, Self

import pytest
from bleak import BleakClient, BleakScanner
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bumble.att import ATT_Error
from bumble.core import UUID, AdvertisingData
from bumble.device import Connection, Device
from bumble.gatt import Characteristic, CharacteristicValue, Service

from devices.emulation.air import Air
from devices.emulation.backend import BumbleScanner, Central

SERVICE: Final = "a5a50001-6c6f-4d6f-9a5b-0123456789ab"
CONTROL: Final = "a5a50002-6c6f-4d6f-9a5b-0123456789ab"
DATA: Final = "a5a50003-6c6f-4d6f-9a5b-0123456789ab"
COMPANY: Final = 0xFFFF
# No test of the rig takes longer on a machine that does something else besides.
LIMIT_S: Final = 30.0

P = ParamSpec("P")


def run(test: Callable[P, Awaitable[None]]) -> Callable[P, None]:
    """A test that is a coroutine, with a hard limit."""

    @functools.wraps(test)
    def limited(*args: P.args, **kwargs: P.kwargs) -> None:
        async def whole() -> None:
            test_task = asyncio.current_task()
            gone_wrong: list[str] = []

            def on_error(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
                # What goes wrong in a callback would else let the test wait for its limit.
                gone_wrong.append(repr(context.get("exception", context["message"])))
                if test_task is not None:
                    test_task.cancel()

            asyncio.get_running_loop().set_exception_handler(on_error)
            try:
                async with asyncio.timeout(LIMIT_S):
                    await test(*args, **kwargs)
            except asyncio.CancelledError:
                pass
            if gone_wrong:
                pytest.fail(f"in a callback: {gone_wrong[0]}")

        asyncio.run(whole())

    return limited


class PlainPeripheral:
    """Streams numbered packets of `size` bytes once 01 is written to CONTROL, until 00 is."""

    def __init__(
        self,
        air: Air,
        name: str = "plain",
        *,
        interval_s: float = 0.002,
        size: int = 20,
        max_mtu: int = 247,
    ) -> None:
        self.device: Device = air.device(name)
        self.device.gatt_server.max_mtu = max_mtu
        self.name = name
        self.connection: Connection | None = None
        self.sent = 0
        self._interval_s = interval_s
        self._size = size
        self._task: asyncio.Task[None] | None = None
        properties = Characteristic.Properties
        self._data: Characteristic[bytes] = Characteristic(
            DATA, properties.NOTIFY, Characteristic.READABLE, b""
        )
        control: Characteristic[bytes] = Characteristic(
            CONTROL,
            properties.WRITE | properties.READ,
            Characteristic.READABLE | Characteristic.WRITEABLE,
            CharacteristicValue(read=lambda _: b"\x2a", write=self._on_control),
        )
        self.device.add_service(Service(SERVICE, [control, self._data]))
        self.device.on("connection", self._on_connection)

    @property
    def address(self) -> str:
        return self.device.random_address.to_string(False)

    async def start(self) -> Self:
        self.device.advertising_data = bytes(
            AdvertisingData(
                [
                    (AdvertisingData.FLAGS, b"\x06"),
                    (
                        AdvertisingData.COMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS,
                        bytes(UUID(SERVICE)),
                    ),
                ]
            )
        )
        self.device.scan_response_data = bytes(
            AdvertisingData(
                [
                    (AdvertisingData.COMPLETE_LOCAL_NAME, self.name.encode()),
                    (
                        AdvertisingData.MANUFACTURER_SPECIFIC_DATA,
                        COMPANY.to_bytes(2, "little") + b"\x01",
                    ),
                ]
            )
        )
        await self.device.power_on()
        await self._advertise()
        return self

    async def _advertise(self) -> None:
        await self.device.start_advertising(
            advertising_interval_min=20, advertising_interval_max=20
        )

    def _on_connection(self, connection: Connection) -> None:
        self.connection = connection
        connection.on("disconnection", self._on_disconnection)

    def _on_disconnection(self, _reason: int) -> None:
        self.connection = None
        self._stop()
        self._again = asyncio.ensure_future(self._advertise())

    async def drop_link(self) -> None:
        if self.connection is not None:
            await self.connection.disconnect()

    def _on_control(self, _connection: Connection, value: bytes) -> None:
        self._stop()
        if value == b"\x01":
            self._task = asyncio.ensure_future(self._stream())
        elif value != b"\x00":
            raise ATT_Error(error_code=0x80)

    def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _stream(self) -> None:
        while True:
            number = self.sent.to_bytes(4, "little")
            self.sent += 1
            await self.device.notify_subscribers(self._data, number.ljust(self._size, b"\xff"))
            await asyncio.sleep(self._interval_s)


def numbers(packets: list[bytes]) -> list[int]:
    return [int.from_bytes(packet[:4], "little") for packet in packets]


async def find(central: Central, name: str) -> BLEDevice:
    """Scan until a device of that name is heard; the test's own limit bounds it."""
    found: asyncio.Future[BLEDevice] = asyncio.get_running_loop().create_future()

    def on_advertisement(device: BLEDevice, data: AdvertisementData) -> None:
        if data.local_name == name and not found.done():
            found.set_result(device)

    async with BleakScanner(on_advertisement, backend=BumbleScanner, central=central):
        return await found


async def at_least(packets: list[bytes], count: int) -> None:
    """Wait until so many have come; the test's own limit bounds it."""
    while len(packets) < count:
        await asyncio.sleep(0.005)


async def stream(client: BleakClient) -> list[bytes]:
    """Subscribe and start; what comes lands in the list."""
    packets: list[bytes] = []
    await client.start_notify(DATA, lambda _, data: packets.append(bytes(data)))
    await client.write_gatt_char(CONTROL, b"\x01", response=True)
    return packets
