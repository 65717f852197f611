"""The radio of this machine: what is said when it cannot be used."""

import pytest
from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakBluetoothNotAvailableReason,
    BleakDBusError,
    BleakError,
)

from devices.adapter import Adapter
from devices.errors import AdapterFault
from tests.devices.emulation.plain import run


@run
async def test_a_machine_without_bluetooth_points_at_emulation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere/bus")
    adapter = Adapter.system()
    scanner = adapter.scanner(lambda device, data: None)
    with pytest.raises((BleakError, OSError, EOFError)) as failed:
        await scanner.start()
    error = adapter.unusable(failed.value)
    assert error.reason is AdapterFault.NO_BLUETOOTH
    assert "gonio emulate" in str(error)
    assert error.detail


@pytest.mark.parametrize(
    ("cause", "reason"),
    [
        (
            BleakBluetoothNotAvailableError("", BleakBluetoothNotAvailableReason.POWERED_OFF),
            AdapterFault.OFF,
        ),
        (
            BleakBluetoothNotAvailableError("", BleakBluetoothNotAvailableReason.NO_BLUETOOTH),
            AdapterFault.NO_BLUETOOTH,
        ),
        (
            BleakBluetoothNotAvailableError("", BleakBluetoothNotAvailableReason.DENIED_BY_USER),
            AdapterFault.NOT_PERMITTED,
        ),
        (BleakDBusError("org.bluez.Error.InProgress", []), AdapterFault.BUSY),
        (BleakDBusError("org.bluez.Error.NotReady", []), AdapterFault.OFF),
        (
            BleakDBusError("org.freedesktop.DBus.Error.ServiceUnknown", []),
            AdapterFault.NO_BLUETOOTH,
        ),
        (TimeoutError(), AdapterFault.NO_ANSWER),
        (PermissionError("bus"), AdapterFault.NOT_PERMITTED),
        (FileNotFoundError("bus"), AdapterFault.NO_BLUETOOTH),
        (BleakError("something"), AdapterFault.OTHER),
    ],
)
def test_each_failure_of_the_system_has_its_reason(
    cause: BaseException, reason: AdapterFault
) -> None:
    error = Adapter.system().unusable(cause)
    assert error.reason is reason
    assert str(error).endswith(".")


def test_the_notify_mode_is_pinned() -> None:
    assert Adapter.system().notify_options == {"bluez": {"use_start_notify": True}}
