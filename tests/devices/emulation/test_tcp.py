"""Emulated radios for other processes: clients come, go and vanish, in turn and at once."""

import asyncio
import socket
import subprocess
import sys
import textwrap

import pytest
from bleak import BleakClient
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.exc import BleakError

from devices.adapter import Adapter
from devices.emulation.air import Air
from devices.emulation.tcp import HOST, RadioServer
from devices.errors import AdapterError, AdapterFault
from tests.devices.emulation.plain import DATA, PlainPeripheral, at_least, numbers, run, stream


async def found_by(adapter: Adapter, name: str) -> BLEDevice:
    found: asyncio.Future[BLEDevice] = asyncio.get_running_loop().create_future()

    def on_advertisement(device: BLEDevice, data: AdvertisementData) -> None:
        if data.local_name == name and not found.done():
            found.set_result(device)

    async with adapter.lock, adapter.scanner(on_advertisement):
        return await found


@run
async def test_clients_stream_over_tcp_at_the_same_time_and_one_after_another() -> None:
    air = Air()
    await PlainPeripheral(air, "one").start()
    await PlainPeripheral(air, "two").start()
    async with RadioServer(air, port=0) as server:
        for _ in range(2):
            adapters = [await Adapter.emulated(server.address) for _ in range(2)]
            clients: list[BleakClient] = []
            for adapter, name in zip(adapters, ("one", "two"), strict=True):
                client = adapter.client(await found_by(adapter, name), None, 10.0)
                await client.connect()
                clients.append(client)
            lists = [await stream(client) for client in clients]
            for packets in lists:
                await at_least(packets, 30)
                first = numbers(packets)[0]
                assert numbers(packets) == list(range(first, first + len(packets)))
            await clients[0].disconnect()
            for adapter in adapters:  # the second without a goodbye
                await adapter.close()
            while server.radios:
                await asyncio.sleep(0.01)


@run
async def test_a_client_in_another_process_meets_the_sensor() -> None:
    air = Air()
    peripheral = await PlainPeripheral(air).start()
    program = textwrap.dedent(
        """
        import asyncio, sys
        from devices.adapter import Adapter
        from tests.devices.emulation.plain import stream, at_least
        from tests.devices.emulation.test_tcp import found_by

        async def main():
            adapter = await Adapter.emulated(sys.argv[1])
            client = adapter.client(await found_by(adapter, "plain"), None, 10.0)
            await client.connect()
            packets = await stream(client)
            await at_least(packets, 20)
            print(len(packets) >= 20)

        async def limited():
            async with asyncio.timeout(20):
                await main()

        asyncio.run(limited())
        """
    )
    async with RadioServer(air, port=0) as server:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, server.address, stdout=subprocess.PIPE
        )
        output, _ = await process.communicate()
        assert output.strip() == b"True"
        # The process has gone without disconnecting: the sensor is free again.
        while peripheral.connection is not None:
            await asyncio.sleep(0.01)


@run
async def test_an_emulation_that_ends_drops_the_links_and_says_so() -> None:
    air = Air()
    await PlainPeripheral(air).start()
    dropped = asyncio.Event()
    async with RadioServer(air, port=0) as server:
        adapter = await Adapter.emulated(server.address)
        device = await found_by(adapter, "plain")
        client = adapter.client(device, lambda _: dropped.set(), 10.0)
        await client.connect()
        await at_least(await stream(client), 5)
    await dropped.wait()
    with pytest.raises(BleakError, match="has ended"):
        await client.connect()
    error = adapter.unusable(BleakError("gone"))
    assert error.reason is AdapterFault.NO_EMULATION
    assert "gonio emulate" in str(error)


@run
async def test_nobody_at_the_address_is_a_sentence_that_says_what_to_start() -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        port = taken.getsockname()[1]
        with pytest.raises(AdapterError, match="gonio emulate") as refused:
            await Adapter.emulated(f"{HOST}:{port}")
    assert refused.value.reason is AdapterFault.NO_EMULATION
    with pytest.raises(AdapterError, match="HOST:PORT"):
        await Adapter.emulated("somewhere")


@run
async def test_only_this_machine_can_connect() -> None:
    async with RadioServer(Air(), port=0) as server:
        assert server.address.startswith("127.0.0.1:")
        assert server._server is not None
        for listening in server._server.sockets:
            assert listening.getsockname()[0] == "127.0.0.1"


@run
async def test_bytes_that_are_not_hci_end_that_client_alone() -> None:
    air = Air()
    await PlainPeripheral(air).start()
    async with RadioServer(air, port=0) as server:
        adapter = await Adapter.emulated(server.address)
        reader, writer = await asyncio.open_connection(*server.address.split(":"))
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        assert await reader.read() == b""
        writer.close()
        client = adapter.client(await found_by(adapter, "plain"), None, 10.0)
        await client.connect()
        assert client.services.get_characteristic(DATA) is not None
        await client.disconnect()
