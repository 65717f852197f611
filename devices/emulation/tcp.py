"""Emulated radios for other processes: virtual controllers, served as HCI over TCP.

Each connection gets a radio of its own on the air; when it closes, the radio is gone and its links
with it. Only this machine can connect. The client's side is `backend.Central.over_tcp`.
"""

import asyncio
from types import TracebackType
from typing import Final, Self, cast

from bumble import core
from bumble.transport.common import PacketParser

from devices.emulation.air import Air

# Nobody but this machine: HCI has no passwords.
HOST: Final = "127.0.0.1"
# Where `gonio emulate` serves unless told otherwise; not assigned by IANA.
PORT: Final = 9709
# A client that reads nothing any more holds at most this much memory here: 40 s of eight sensors
# at 100 packets a second of 64 bytes.
MOST_UNREAD_BYTES: Final = 2**21


class _Radio(asyncio.Protocol):
    """One client: its controller, and the stream of HCI packets between them."""

    def __init__(self, server: "RadioServer") -> None:
        self._server = server
        self._transport: asyncio.Transport | None = None
        self._controller = server.air.controller("client", host_sink=self)
        self._parser = PacketParser(self._controller)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._server.radios.add(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (core.BaseBumbleError, ValueError, LookupError):
            # Whoever speaks something else than HCI is not worth a guess.
            self.close()

    def on_packet(self, packet: bytes) -> None:
        """From the controller to the client."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if transport.get_write_buffer_size() > MOST_UNREAD_BYTES:
            self.close()
            return
        transport.write(packet)

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.radios.discard(self)
        self._server.air.remove_controller(self._controller)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()


class RadioServer:
    """Serves radios on an air: `async with RadioServer(air, port) as server: ...`.

    port: 0 lets the system choose; `address` then says what it chose. radios: of the clients that
    are connected now. Opening raises OSError when the port is taken.
    """

    def __init__(self, air: Air, port: int = PORT) -> None:
        self.air = air
        self.radios: set[_Radio] = set()
        self._port = port
        self._server: asyncio.Server | None = None

    @property
    def address(self) -> str:
        """HOST:PORT, for `Adapter.emulated`."""
        return f"{HOST}:{self._port}"

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Radio(self), HOST, self._port)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._server is not None:
            self._server.close()
            for radio in list(self.radios):
                radio.close()
            await self._server.wait_closed()
