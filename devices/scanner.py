"""Which sensors are near: advertisements, told apart by firmware profile.

Scans and names what it hears. Connecting is `link`'s.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.exc import BleakError

from devices.adapter import Adapter
from firmware_profiles.schema import Profile

# The operating system answers within a second where there is a radio at all.
START_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Found:
    """A device that was heard.

    address: of the radio, as the operating system gives it. name: as advertised, or its address.
    profiles: ids of the firmware profiles that recognise it, the most particular first. rssi_dbm:
    strength of the newest advertisement. device: for bleak.
    """

    address: str
    name: str
    profiles: tuple[str, ...]
    rssi_dbm: int
    device: BLEDevice


async def scan(adapter: Adapter, profiles: Sequence[Profile], seconds: float) -> list[Found]:
    """Listen for so many seconds; sensors first, by strength, then devices of no profile.

    Raises AdapterError when the radio cannot be used.
    """
    heard: dict[str, Found] = {}

    def on_advertisement(device: BLEDevice, data: AdvertisementData) -> None:
        heard[device.address] = _found(profiles, device, data)

    await _listen(adapter, on_advertisement, lambda: asyncio.sleep(seconds), seconds)
    return sorted(heard.values(), key=lambda each: (not each.profiles, -each.rssi_dbm, each.name))


async def find_again(adapter: Adapter, known: Found, seconds: float) -> Found | None:
    """Look for a device by its address for at most so many seconds; None when it stays unheard."""
    again: list[Found] = []
    seen = asyncio.Event()

    def on_advertisement(device: BLEDevice, data: AdvertisementData) -> None:
        if device.address == known.address:
            again[:] = [
                Found(known.address, known.name, known.profiles, data.rssi, device),
            ]
            seen.set()

    await _listen(adapter, on_advertisement, seen.wait, seconds)
    return again[0] if again else None


async def _listen(
    adapter: Adapter,
    on_advertisement: Callable[[BLEDevice, AdvertisementData], None],
    enough: Callable[[], Coroutine[Any, Any, object]],
    seconds: float,
) -> None:
    """Scan until `enough` is done, or for so many seconds; no connection is made meanwhile."""
    async with adapter.lock:
        scanner = adapter.scanner(on_advertisement)
        try:
            async with asyncio.timeout(START_S):
                await scanner.start()
        except (BleakError, OSError, TimeoutError, EOFError) as error:
            raise adapter.unusable(error) from None
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await enough()
        finally:
            with suppress(BleakError, OSError, TimeoutError, EOFError):
                async with asyncio.timeout(START_S):
                    await scanner.stop()


def _found(profiles: Sequence[Profile], device: BLEDevice, data: AdvertisementData) -> Found:
    name = data.local_name or device.name
    ids = tuple(
        profile.id
        for profile in profiles
        if profile.recognises(name, data.service_uuids, tuple(data.manufacturer_data))
    )
    return Found(device.address, name or device.address, ids, data.rssi, device)
