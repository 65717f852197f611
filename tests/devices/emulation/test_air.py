"""The air and bleak's backend on it: what holds for every emulated radio."""

import asyncio
import itertools
import time
from typing import Any

import pytest
from bleak import BleakClient, BleakScanner
from bleak.backends.device import BLEDevice
from bleak.exc import (
    BleakCharacteristicNotFoundError,
    BleakDeviceNotFoundError,
    BleakError,
    BleakGATTProtocolError,
)

from devices.emulation.air import Air
from devices.emulation.backend import BumbleClient, BumbleScanner, Central
from tests.devices.emulation.plain import (
    CONTROL,
    DATA,
    SERVICE,
    PlainPeripheral,
    at_least,
    find,
    numbers,
    run,
    stream,
)


def client_of(
    device: BLEDevice, dropped: asyncio.Event | None = None, timeout_s: float = 10.0
) -> BleakClient:
    return BleakClient(
        device,
        None if dropped is None else lambda _: dropped.set(),
        timeout=timeout_s,
        backend=BumbleClient,
    )


@run
async def test_a_sensor_is_found_with_what_it_advertises_and_its_strength() -> None:
    air = Air()
    peripheral = await PlainPeripheral(air).start()
    air.set_strength(peripheral.address, -71)
    scanner = BleakScanner(backend=BumbleScanner, central=Central.on(air))
    async with scanner:
        while peripheral.address not in scanner.discovered_devices_and_advertisement_data:
            await asyncio.sleep(0.01)
        device, data = scanner.discovered_devices_and_advertisement_data[peripheral.address]
        while data.local_name is None:
            await asyncio.sleep(0.01)
            device, data = scanner.discovered_devices_and_advertisement_data[peripheral.address]
    assert device.name == data.local_name == "plain"
    assert data.service_uuids == [SERVICE]
    assert data.manufacturer_data == {0xFFFF: b"\x01"}
    assert data.rssi == -71


@run
async def test_packets_arrive_in_order_and_none_is_lost() -> None:
    air = Air()
    peripheral = await PlainPeripheral(air).start()
    async with client_of(await find(Central.on(air), "plain")) as client:
        packets = await stream(client)
        await at_least(packets, 50)
        await client.write_gatt_char(CONTROL, b"\x00", response=True)
    assert numbers(packets) == list(range(peripheral.sent))


@run
async def test_a_connection_interval_bundles_packets() -> None:
    air = Air(connection_interval_s=0.05)
    await PlainPeripheral(air, interval_s=0.01).start()
    async with client_of(await find(Central.on(air), "plain")) as client:
        times: list[float] = []
        packets: list[bytes] = []

        def on_packet(_: object, data: bytearray) -> None:
            times.append(time.perf_counter())
            packets.append(bytes(data))

        await client.start_notify(DATA, on_packet)
        await client.write_gatt_char(CONTROL, b"\x01", response=True)
        await at_least(packets, 40)
    together = sum(after - before < 0.004 for before, after in itertools.pairwise(times))
    assert together > len(times) / 2
    assert numbers(packets) == list(range(len(packets)))


@run
async def test_jitter_delays_and_keeps_the_order() -> None:
    air = Air(jitter_s=0.02, seed=3)
    await PlainPeripheral(air).start()
    async with client_of(await find(Central.on(air), "plain")) as client:
        packets = await stream(client)
        await at_least(packets, 60)
    assert numbers(packets) == list(range(len(packets)))


@run
async def test_a_sensor_that_drops_the_link_is_connected_again_by_the_same_client() -> None:
    air = Air()
    peripheral = await PlainPeripheral(air).start()
    dropped = asyncio.Event()
    client = client_of(await find(Central.on(air), "plain"), dropped)
    await client.connect()
    await at_least(await stream(client), 5)
    await peripheral.drop_link()
    await dropped.wait()
    assert not client.is_connected
    with pytest.raises(BleakError):
        await client.write_gatt_char(CONTROL, b"\x01", response=True)
    await client.connect()
    packets = await stream(client)
    await at_least(packets, 20)
    assert numbers(packets) == list(range(numbers(packets)[0], numbers(packets)[0] + len(packets)))
    await client.disconnect()


@run
async def test_several_sensors_stream_at_once() -> None:
    air = Air()
    names = [f"plain-{number}" for number in range(4)]
    for name in names:
        await PlainPeripheral(air, name).start()
    central = Central.on(air)
    clients = [client_of(await find(central, name)) for name in names]
    await asyncio.gather(*(client.connect() for client in clients))
    lists = [await stream(client) for client in clients]
    await asyncio.gather(*(at_least(packets, 100) for packets in lists))
    for packets in lists:
        assert numbers(packets) == list(range(len(packets)))
    await asyncio.gather(*(client.disconnect() for client in clients))


@run
async def test_scanning_does_not_disturb_a_stream() -> None:
    air = Air()
    await PlainPeripheral(air, "one").start()
    await PlainPeripheral(air, "two").start()
    central = Central.on(air)
    async with client_of(await find(central, "one")) as client:
        packets = await stream(client)
        await find(central, "two")
        await at_least(packets, 20)
    assert numbers(packets) == list(range(len(packets)))


@run
async def test_the_mtu_is_the_smaller_of_both_sides() -> None:
    for peer, expected in ((23, 23), (65, 65), (247, 247), (517, 517)):
        air = Air()
        await PlainPeripheral(air, max_mtu=peer).start()
        async with client_of(await find(Central.on(air), "plain")) as client:
            assert client.mtu_size == expected
            characteristic = client.services.get_characteristic(DATA)
            assert characteristic is not None
            assert characteristic.max_write_without_response_size == expected - 3


@run
async def test_a_notification_beyond_the_mtu_is_cut_as_real_stacks_do() -> None:
    air = Air()
    await PlainPeripheral(air, size=54, max_mtu=23).start()
    async with client_of(await find(Central.on(air), "plain")) as client:
        packets = await stream(client)
        await at_least(packets, 5)
    assert {len(packet) for packet in packets} == {20}


@run
async def test_an_unreachable_sensor_is_told_within_the_limit_and_found_later() -> None:
    air = Air()
    peripheral = await PlainPeripheral(air).start()
    device = await find(Central.on(air), "plain")
    air.shadow(peripheral.address)
    client = client_of(device, timeout_s=0.3)
    with pytest.raises(BleakDeviceNotFoundError):
        await client.connect()
    air.clear(peripheral.address)
    later = client_of(device)
    await later.connect()
    with pytest.raises(BleakCharacteristicNotFoundError):
        await later.start_notify("0000ffff-0000-1000-8000-00805f9b34fb", lambda *_: None)
    await later.disconnect()


@run
async def test_a_link_in_radio_shadow_times_out_and_pending_requests_fail() -> None:
    air = Air(supervision_s=0.2)
    peripheral = await PlainPeripheral(air).start()
    dropped = asyncio.Event()
    client = client_of(await find(Central.on(air), "plain"), dropped)
    await client.connect()
    packets = await stream(client)
    await at_least(packets, 5)
    air.shadow(peripheral.address)
    with pytest.raises(BleakError, match="disconnected"):
        await client.write_gatt_char(CONTROL, b"\x00", response=True)
    await dropped.wait()
    air.clear(peripheral.address)
    await client.connect()
    assert client.is_connected
    await client.disconnect()


@run
async def test_a_request_that_nobody_answers_ends_at_the_limit() -> None:
    air = Air(supervision_s=60.0)
    peripheral = await PlainPeripheral(air).start()
    client = client_of(await find(Central.on(air), "plain"), timeout_s=0.3)
    await client.connect()
    air.shadow(peripheral.address)
    with pytest.raises(TimeoutError):
        await client.read_gatt_char(CONTROL)


@run
async def test_a_refused_command_carries_the_sensors_code() -> None:
    air = Air()
    await PlainPeripheral(air).start()
    async with client_of(await find(Central.on(air), "plain")) as client:
        with pytest.raises(BleakGATTProtocolError) as refused:
            await client.write_gatt_char(CONTROL, b"\x77", response=True)
        assert refused.value.code == 0x80
        assert await client.read_gatt_char(CONTROL) == b"\x2a"


@run
async def test_what_was_under_way_does_not_reach_the_next_connection() -> None:
    air = Air()
    peripheral = await PlainPeripheral(air).start()
    client = client_of(await find(Central.on(air), "plain"))
    await client.connect()
    await at_least(await stream(client), 1)
    # From now on packets are long under way, until the link drops.
    air.jitter_s = 0.5
    sent = peripheral.sent
    while peripheral.sent < sent + 20:
        await asyncio.sleep(0.002)
    await peripheral.drop_link()
    sent = peripheral.sent
    air.jitter_s = 0.0
    await client.connect()
    packets = await stream(client)
    await asyncio.sleep(0.6)
    assert numbers(packets) == list(range(sent, sent + len(packets)))
    await client.disconnect()


@run
async def test_closing_the_clients_radio_ends_its_links_on_both_sides() -> None:
    air = Air()
    peripheral = await PlainPeripheral(air).start()
    central = Central.on(air)
    dropped = asyncio.Event()
    client = client_of(await find(central, "plain"), dropped)
    await client.connect()
    central.close()
    await dropped.wait()
    while peripheral.connection is not None:
        await asyncio.sleep(0.005)
    with pytest.raises(BleakError, match="closed"):
        await client.connect()


@run
async def test_a_device_is_asked_for_its_services_once() -> None:
    air = Air()
    await PlainPeripheral(air).start()
    central = Central.on(air)
    client = client_of(await find(central, "plain"))
    asked = []
    for _ in range(2):
        sent: list[object] = []
        send = air.send_acl_data

        def noted(*arguments: Any, sent: list[object] = sent, send: Any = send) -> None:
            sent.append(arguments)
            send(*arguments)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(air, "send_acl_data", noted)
            await client.connect()
        asked.append(len(sent))
        # What was found the first time works the second.
        await at_least(await stream(client), 3)
        assert await client.read_gatt_char(CONTROL) == b"\x2a"
        await client.disconnect()
    assert asked[1] <= 2 < asked[0]  # the exchange of the MTU alone


@run
async def test_a_radio_taken_off_the_air_ends_its_links() -> None:
    air = Air()
    peripheral = await PlainPeripheral(air).start()
    dropped = asyncio.Event()
    client = client_of(await find(Central.on(air), "plain"), dropped)
    await client.connect()
    air.remove(peripheral.address)
    await dropped.wait()
    assert not client.is_connected
