"""The radio of this machine, real or emulated: which of bleak's backends, and one lock around it.

Everything that scans or connects goes through an `Adapter`. What is heard and how links are kept
lives in `scanner` and `link`.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final, Self

from bleak import BleakClient, BleakScanner
from bleak.args.bluez import BlueZNotifyArgs
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakBluetoothNotAvailableReason,
    BleakDBusError,
    BleakError,
)

from devices.emulation.air import Air
from devices.emulation.backend import BumbleClient, BumbleScanner, Central
from devices.emulation.tcp import HOST, PORT
from devices.errors import AdapterError, AdapterFault

_POINTER: Final = (
    "without a radio, start `gonio emulate PROFILE --play REC` and add `--adapter emulated`"
)
_REASONS: Final[Mapping[BleakBluetoothNotAvailableReason, AdapterFault]] = {
    BleakBluetoothNotAvailableReason.NO_BLUETOOTH: AdapterFault.NO_BLUETOOTH,
    BleakBluetoothNotAvailableReason.NO_BLE_CENTRAL_ROLE: AdapterFault.NO_BLUETOOTH,
    BleakBluetoothNotAvailableReason.POWERED_OFF: AdapterFault.OFF,
    BleakBluetoothNotAvailableReason.DENIED_BY_USER: AdapterFault.NOT_PERMITTED,
    BleakBluetoothNotAvailableReason.DENIED_BY_SYSTEM: AdapterFault.NOT_PERMITTED,
    BleakBluetoothNotAvailableReason.DENIED_BY_UNKNOWN: AdapterFault.NOT_PERMITTED,
    BleakBluetoothNotAvailableReason.UNKNOWN: AdapterFault.OTHER,
}
# Names of D-Bus errors on the way to BlueZ.
_DBUS_REASONS: Final[Mapping[str, AdapterFault]] = {
    "org.freedesktop.DBus.Error.ServiceUnknown": AdapterFault.NO_BLUETOOTH,
    "org.freedesktop.DBus.Error.NameHasNoOwner": AdapterFault.NO_BLUETOOTH,
    "org.freedesktop.DBus.Error.UnknownObject": AdapterFault.NO_BLUETOOTH,
    "org.freedesktop.DBus.Error.AccessDenied": AdapterFault.NOT_PERMITTED,
    "org.freedesktop.DBus.Error.NoReply": AdapterFault.NO_ANSWER,
    "org.bluez.Error.NotReady": AdapterFault.OFF,
    "org.bluez.Error.InProgress": AdapterFault.BUSY,
    "org.bluez.Error.NotAuthorized": AdapterFault.NOT_PERMITTED,
}
_SENTENCES: Final[Mapping[AdapterFault, str]] = {
    AdapterFault.NO_BLUETOOTH: "This machine has no Bluetooth that can be used; plug in an adapter "
    f"or start the Bluetooth service; {_POINTER}.",
    AdapterFault.OFF: f"Bluetooth is switched off; switch it on; {_POINTER}.",
    AdapterFault.BUSY: "Another program is using Bluetooth to search or connect; close it and try "
    "again.",
    AdapterFault.NOT_PERMITTED: "This program may not use Bluetooth; allow it in the system's "
    f"settings; {_POINTER}.",
    AdapterFault.NO_ANSWER: f"Bluetooth does not answer; switch it off and on; {_POINTER}.",
    AdapterFault.OTHER: f"Bluetooth cannot be used; switch it off and on; {_POINTER}.",
}


class Adapter:
    """One radio.

    name: for messages. lock: held by whoever scans or connects, for the two fail on most radios
    when done at once. notify_options: keywords for `BleakClient.start_notify`. is_emulated: whether
    its sensors are.
    """

    def __init__(
        self,
        name: str,
        *,
        central: Central | None = None,
    ) -> None:
        self.name = name
        self.is_emulated = central is not None
        self.lock = asyncio.Lock()
        # bleak has changed its default twice. Signals of D-Bus cannot overflow as the socket of
        # AcquireNotify does, and more than one program may listen to a sensor.
        self.notify_options: Mapping[str, Any] = {"bluez": BlueZNotifyArgs(use_start_notify=True)}
        self._central = central

    @classmethod
    def system(cls) -> Self:
        """The machine's own Bluetooth; whether there is one shows when it is used."""
        return cls("Bluetooth")

    @classmethod
    async def emulated(cls, where: Air | str) -> Self:
        """Emulated sensors: on the air of this process, or of another that serves at "HOST:PORT".

        Raises AdapterError when nobody serves there.
        """
        if isinstance(where, Air):
            central = Central.on(where)
            await central.power_on()
            return cls("emulated Bluetooth", central=central)
        host, _, port = where.rpartition(":")
        name = f"emulated Bluetooth at {where}"
        if not port.isdigit() or not 0 < int(port) < 65536:
            raise AdapterError(
                AdapterFault.NO_EMULATION,
                f"{where!r} is no address of an emulation; give HOST:PORT, for example "
                f"{HOST}:{PORT}.",
                adapter=name,
            )
        try:
            central = await Central.over_tcp(host or HOST, int(port))
        except (OSError, TimeoutError, BleakError) as error:
            raise AdapterError(
                AdapterFault.NO_EMULATION,
                f"No emulated sensors answer at {where}; start them in another terminal with "
                "`gonio emulate PROFILE --play REC`.",
                adapter=name,
                detail=_detail(error),
            ) from None
        return cls(name, central=central)

    def scanner(
        self, on_advertisement: Callable[[BLEDevice, AdvertisementData], None]
    ) -> BleakScanner:
        """A scanner that calls back for every advertisement; start and stop it under `lock`.

        Raises AdapterError on a system that bleak does not know.
        """
        if self._central is None:
            try:
                return BleakScanner(on_advertisement)
            except (BleakError, ImportError) as error:
                raise self.unusable(error) from None
        return BleakScanner(on_advertisement, backend=BumbleScanner, central=self._central)

    def client(
        self,
        device: BLEDevice,
        on_disconnect: Callable[[BleakClient], None] | None,
        timeout_s: float,
    ) -> BleakClient:
        """A client for a device that a scanner of this adapter found; connect it under `lock`."""
        if self._central is None:
            return BleakClient(device, on_disconnect, timeout=timeout_s)
        return BleakClient(
            device, on_disconnect, timeout=timeout_s, backend=BumbleClient, central=self._central
        )

    def unusable(self, error: BaseException) -> AdapterError:
        """What it means for this adapter that scanning or connecting failed so."""
        fault = AdapterFault.OTHER
        if self._central is not None:
            return AdapterError(
                AdapterFault.NO_EMULATION,
                "The emulated sensors have gone; start them again with "
                "`gonio emulate PROFILE --play REC`.",
                adapter=self.name,
                detail=_detail(error),
            )
        if isinstance(error, BleakBluetoothNotAvailableError):
            fault = _REASONS.get(error.reason, AdapterFault.OTHER)
        elif isinstance(error, BleakDBusError):
            fault = _DBUS_REASONS.get(error.dbus_error, AdapterFault.OTHER)
        elif isinstance(error, TimeoutError):
            fault = AdapterFault.NO_ANSWER
        elif isinstance(error, PermissionError):
            fault = AdapterFault.NOT_PERMITTED
        elif isinstance(error, (OSError, EOFError, ImportError)):
            # No system bus to talk to, or no backend for this system.
            fault = AdapterFault.NO_BLUETOOTH
        return AdapterError(fault, _SENTENCES[fault], adapter=self.name, detail=_detail(error))

    async def close(self) -> None:
        """Let an emulated radio go; its links end."""
        if self._central is not None:
            self._central.close()


def _detail(error: BaseException) -> str:
    return str(error).strip() or type(error).__name__
