"""A client that follows a firmware profile's steps, no more: raw packets in, nothing supervised."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from bleak import BleakClient
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData

from devices.adapter import Adapter
from devices.emulation.peripheral import EmulatedSensor
from devices.packets import Packet
from firmware_profiles.steps import Action, Expect, Read, Subscribe, Unsubscribe, Wait, Write


async def heard(adapter: Adapter, address: str) -> tuple[BLEDevice, AdvertisementData]:
    """Scan until the device has told its name too; the test's own limit bounds it."""
    found: asyncio.Future[tuple[BLEDevice, AdvertisementData]] = (
        asyncio.get_running_loop().create_future()
    )

    def on_advertisement(device: BLEDevice, data: AdvertisementData) -> None:
        if device.address == address and data.local_name and not found.done():
            found.set_result((device, data))

    async with adapter.lock, adapter.scanner(on_advertisement):
        return await found


async def sensor_stopped(sensor: EmulatedSensor) -> None:
    """Wait until it streams no more."""
    while sensor.streaming is not None:
        await asyncio.sleep(0.005)


class Follower:
    """Connects to one sensor and carries out steps; packets: all that came, replies and reads too.

    dropped: set when the link ends.
    """

    def __init__(self, adapter: Adapter, device: BLEDevice) -> None:
        self.packets: list[Packet] = []
        self.dropped = asyncio.Event()
        self._adapter = adapter
        self.client: BleakClient = adapter.client(device, lambda _: self.dropped.set(), 10.0)

    @classmethod
    async def connected(cls, adapter: Adapter, address: str) -> "Follower":
        device, _ = await heard(adapter, address)
        follower = cls(adapter, device)
        await follower.connect()
        return follower

    async def connect(self) -> None:
        self.dropped.clear()
        async with self._adapter.lock:
            await self.client.connect()

    async def follow(self, steps: Sequence[Action], **notify: Any) -> None:
        """notify: options of `start_notify` in place of the adapter's own."""
        for step in steps:
            match step:
                case Write(characteristic, data, response):
                    await self.client.write_gatt_char(characteristic, data, response=response)
                case Subscribe(characteristic):
                    await self.listen(characteristic, **notify)
                case Unsubscribe(characteristic):
                    await self.client.stop_notify(characteristic)
                case Read(characteristic):
                    self._take(characteristic, await self.client.read_gatt_char(characteristic))
                case Wait(seconds):
                    await asyncio.sleep(seconds)
                case Expect():
                    async with asyncio.timeout(step.timeout_s):
                        while not any(self._answers(step, packet) for packet in self.packets):
                            await asyncio.sleep(0.005)

    async def listen(self, uuid: str, **notify: Any) -> None:
        def on_data(_: BleakGATTCharacteristic, data: bytearray) -> None:
            self._take(uuid, data)

        options = notify or self._adapter.notify_options
        await self.client.start_notify(uuid, on_data, **options)

    async def at_least(self, packets: int, uuid: str | None = None) -> None:
        """Wait until so many have come, of one characteristic or at all."""
        while len(self.of(uuid)) < packets:
            await asyncio.sleep(0.005)

    def of(self, uuid: str | None) -> list[bytes]:
        return [each.data for each in self.packets if uuid in (None, each.characteristic)]

    def _take(self, uuid: str, data: bytearray) -> None:
        self.packets.append(Packet(time.perf_counter_ns(), uuid, bytes(data)))

    @staticmethod
    def _answers(step: Expect, packet: Packet) -> bool:
        return packet.characteristic == step.characteristic and step.accepts(packet.data)
