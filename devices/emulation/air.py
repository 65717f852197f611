"""The air between emulated radios: connection intervals, jitter, radio shadow, lost links.

Built on bumble's virtual controllers, with what they leave out. Who is on the air lives elsewhere:
sensors in `peripheral`, the side of the client in `backend`, other processes in `tcp`.
"""

import asyncio
import dataclasses
import itertools
import logging
import random
import struct
from collections import deque
from collections.abc import Callable
from typing import Any, Final, cast

from bumble import hci, ll
from bumble.att import ATT_CID, Opcode
from bumble.controller import Connection, Controller
from bumble.core import PhysicalTransport
from bumble.device import Device
from bumble.host import Host
from bumble.link import LocalLink
from bumble.transport.common import AsyncPipeSink, TransportSink

# Links in use on phones and computers run out after 0.7 s (Android) to 5 s; the shorter keeps
# tests short.
SUPERVISION_TIMEOUT_S: Final = 0.7
# An HCI packet of data may carry this much (data length extension, Bluetooth 4.2).
ACL_DATA_LENGTH: Final = 251
# Flags of the first fragment that a controller hands to its host (Core 5.4, vol. 4, part E, 5.4.2).
_FIRST_FRAGMENT: Final = 0b10 << 12
_ACL_HEADER: Final = struct.Struct("<BHH")
_HANDLE: Final = 0x0FFF
# How the L2CAP frame of a notification goes on after its length: channel and opcode.
_NOTIFICATION: Final = struct.pack("<HB", ATT_CID, Opcode.ATT_HANDLE_VALUE_NOTIFICATION)
# "So many packets of a connection have been sent" (Core 5.4, vol. 4, part E, 7.7.19), for one
# connection: packet type, event, length, number of connections, handle, packets.
_COMPLETED: Final = struct.Struct("<BBBBHH")
_COMPLETED_HEAD: Final = (hci.HCI_EVENT_PACKET, hci.HCI_NUMBER_OF_COMPLETED_PACKETS_EVENT, 5, 1)
_COMPLETED_START: Final = bytes(_COMPLETED_HEAD[:3])

# Of what real radios do all the time (a packet for a link that has just gone), bumble warns.
logging.getLogger("bumble").setLevel(logging.ERROR)


def _is_whole(packet: bytes) -> bool:
    """Whether a packet of data is the first fragment and holds all of its L2CAP frame."""
    first = packet[2] & 0x30 in (0x00, 0x20)
    return first and len(packet) >= 9 and len(packet) == 9 + int.from_bytes(packet[5:7], "little")


class AirController(Controller):
    """bumble's virtual controller, mended where it departs from real ones.

    A pending connection can be cancelled; the scan response is the peer's own; a reset leaves
    nothing behind; nobody is connected to who no longer advertises.
    """

    def on_hci_le_create_connection_cancel_command(
        self, _command: hci.HCI_LE_Create_Connection_Cancel_Command
    ) -> hci.HCI_StatusReturnParameters:
        """bumble answers "success" and leaves the connection pending, so that later ones fail."""
        pending, self.pending_le_connection = self.pending_le_connection, None
        if pending is None:
            return hci.HCI_StatusReturnParameters(hci.HCI_ErrorCode.COMMAND_DISALLOWED_ERROR)
        self.send_hci_packet(
            hci.HCI_LE_Connection_Complete_Event(
                status=hci.HCI_ErrorCode.UNKNOWN_CONNECTION_IDENTIFIER_ERROR,
                connection_handle=0,
                role=hci.Role.CENTRAL,
                peer_address_type=pending.peer_address.address_type,
                peer_address=pending.peer_address,
                connection_interval=0,
                peripheral_latency=0,
                supervision_timeout=0,
                central_clock_accuracy=0,
            )
        )
        return hci.HCI_StatusReturnParameters(hci.HCI_ErrorCode.SUCCESS)

    def on_hci_reset_command(
        self, _command: hci.HCI_Reset_Command
    ) -> hci.HCI_StatusReturnParameters:
        """End what an earlier host has left: scanning, advertising, connections."""
        self.le_scan_enable = False
        self.pending_le_connection = None
        self.le_legacy_advertiser.stop()
        self.drop_all()
        return hci.HCI_StatusReturnParameters(hci.HCI_ErrorCode.SUCCESS)

    def drop_all(self) -> None:
        """Tell every peer that the link is gone, as when a radio loses its power."""
        for connection in list(self.le_connections.values()):
            connection.send_ll_control_pdu(
                ll.TerminateInd(
                    hci.HCI_ErrorCode.REMOTE_DEVICE_TERMINATED_CONNECTION_DUE_TO_POWER_OFF_ERROR
                )
            )
        self.le_connections.clear()

    def create_le_connection(self, peer_address: hci.Address) -> None:
        peer = self._air.find_le_controller(peer_address)
        if peer is not None and peer.le_legacy_advertiser.enabled:
            super().create_le_connection(peer_address)

    def on_le_disconnected(self, connection: Connection, reason: int) -> None:
        if self.le_connections.get(connection.peer_address) is connection:
            super().on_le_disconnected(connection, reason)

    def send_hci_packet(self, packet: hci.HCI_Packet) -> None:
        if isinstance(packet, hci.HCI_LE_Advertising_Report_Event):
            # bumble repeats the advertising data as the scan response.
            report = packet.reports[0]
            if report.event_type == hci.HCI_LE_Advertising_Report_Event.EventType.SCAN_RSP:
                peer = self._air.find_le_controller(report.address)
                data = bytes(peer.le_legacy_advertiser.scan_response_data) if peer else b""
                if not data:
                    return
                packet = hci.HCI_LE_Advertising_Report_Event(
                    [
                        dataclasses.replace(
                            report, data=data, rssi=self._air.rssi_dbm(report.address)
                        )
                    ]
                )
            else:
                report.rssi = self._air.rssi_dbm(report.address)
        self._to_host(bytes(packet))

    def on_link_acl_data(
        self, sender_address: hci.Address, transport: PhysicalTransport, data: bytes
    ) -> None:
        # The same bytes as bumble's, without objects and log texts in between: this is the path
        # of every packet of every sensor.
        connection = self.le_connections.get(sender_address)
        if connection is not None:
            self._to_host(
                _ACL_HEADER.pack(
                    hci.HCI_ACL_DATA_PACKET, connection.handle | _FIRST_FRAGMENT, len(data)
                )
                + data
            )

    def on_packet(self, packet: bytes) -> None:
        """From the host; whole packets of data go their way as bytes, which is the common case."""
        if packet[0] == hci.HCI_ACL_DATA_PACKET and _is_whole(packet):
            handle = int.from_bytes(packet[1:3], "little") & _HANDLE
            connection = self.find_le_connection_by_handle(handle)
            if connection is not None:
                self._air.send_acl_data(
                    self, connection.peer_address, PhysicalTransport.LE, packet[5:]
                )
                self._to_host(_COMPLETED.pack(*_COMPLETED_HEAD, handle, 1))
            return
        super().on_packet(packet)

    def _to_host(self, packet: bytes) -> None:
        if self.host is not None:
            asyncio.get_running_loop().call_soon(self.host.on_packet, packet)

    @property
    def _air(self) -> "Air":
        return cast(Air, self.link)


class _Way:
    """One direction of one connection: what is on its way, in order.

    phase: of its connection events, as a share of the interval.
    """

    def __init__(self, peer: Controller, connection: Connection, phase: float) -> None:
        self._peer = peer
        self._connection = connection
        self._phase = phase
        self._waiting: deque[tuple[float, bytes]] = deque()
        self._last_s = 0.0

    def leads_to_a_peer(self) -> bool:
        """Whether the connection is still the one that it was made for."""
        return self._peer.le_connections.get(self._connection.peer_address) is self._connection

    def send(self, data: bytes, interval_s: float, jitter_s: float, chance: random.Random) -> None:
        loop = asyncio.get_running_loop()
        release_s = loop.time()
        if interval_s > 0.0:
            phase_s = self._phase * interval_s
            release_s = (int((release_s - phase_s) / interval_s) + 1) * interval_s + phase_s
        if jitter_s > 0.0:
            release_s += chance.random() * jitter_s
        release_s = self._last_s = max(release_s, self._last_s)
        if interval_s <= 0.0 and jitter_s <= 0.0 and not self._waiting:
            loop.call_soon(self._deliver, data)
            return
        # asyncio keeps no order among timers of the same time, so that one runs for all.
        if not self._waiting:
            loop.call_at(release_s, self._release)
        self._waiting.append((release_s, data))

    def _release(self) -> None:
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        # The first is due even where the clock's resolution woke us a little early.
        self._deliver(self._waiting.popleft()[1])
        while self._waiting and self._waiting[0][0] <= now_s:
            self._deliver(self._waiting.popleft()[1])
        if self._waiting:
            loop.call_at(self._waiting[0][0], self._release)

    def _deliver(self, data: bytes) -> None:
        # What was sent on a connection never reaches the next one between the same two.
        if self.leads_to_a_peer():
            self._peer.on_link_acl_data(self._connection.peer_address, PhysicalTransport.LE, data)


class AirHost(Host):
    """bumble's host, without the texts for its log that it makes of every packet.

    on_notification: gets (connection handle, attribute handle, value) of each notification where it
    is given; else they go bumble's way.
    """

    on_notification: Callable[[int, int, bytes], None] | None = None

    def on_packet(self, packet: bytes) -> None:
        if self.ready and packet[0] == hci.HCI_ACL_DATA_PACKET and _is_whole(packet):
            connection = self.connections.get(int.from_bytes(packet[1:3], "little") & _HANDLE)
            if connection is None:
                return
            if self.on_notification is not None and packet[7:10] == _NOTIFICATION:
                attribute = int.from_bytes(packet[10:12], "little")
                self.on_notification(connection.handle, attribute, packet[12:])
            else:
                connection.on_acl_pdu(packet[5:])
            return
        if packet[:3] == _COMPLETED_START and len(packet) == _COMPLETED.size:
            *_, handle, count = _COMPLETED.unpack(packet)
            connection = self.connections.get(handle)
            if connection is not None:
                connection.acl_packet_queue.on_packets_completed(count, handle)
            return
        super().on_packet(packet)

    def on_command_processed(
        self, event: hci.HCI_Command_Complete_Event[Any] | hci.HCI_Command_Status_Event
    ) -> None:
        # Whoever asked may have given up meanwhile, which bumble does not expect.
        if self.pending_response is None or not self.pending_response.done():
            super().on_command_processed(event)


class Air(LocalLink):
    """What emulated radios hear each other through; one per process, made within its event loop.

    connection_interval_s: data waits for the next event of its connection, on a grid of its own
    for each direction of each connection; 0 delivers at once. jitter_s: added on top, uniformly
    from 0, order kept. supervision_s: a link on which nothing gets through ends after so long.
    seed: of jitter and of the phases of the grids.
    """

    controllers: set[Controller]

    def __init__(
        self,
        *,
        connection_interval_s: float = 0.0,
        jitter_s: float = 0.0,
        supervision_s: float = SUPERVISION_TIMEOUT_S,
        seed: int = 0,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.connection_interval_s = connection_interval_s
        self.jitter_s = jitter_s
        self.supervision_s = supervision_s
        self._random = random.Random(seed)
        self._shadowed: set[str] = set()
        self._strength_dbm: dict[str, int] = {}
        self._ways: dict[tuple[str, str], _Way] = {}
        self._serial = itertools.count(1)

    # --- who is on the air

    def next_address(self) -> str:
        """A static random address that nobody else on this air has."""
        number = next(self._serial)
        return f"F0:F1:00:00:{number >> 8:02X}:{number & 0xFF:02X}"

    def controller(self, name: str, host_sink: TransportSink | None = None) -> AirController:
        """A radio of its own, driven through HCI."""
        # The public address must differ and stays unused: emulated radios speak from random ones.
        number = next(self._serial)
        controller = AirController(
            name,
            host_sink=host_sink,
            link=self,
            public_address=f"00:00:00:00:{number >> 8:02X}:{number & 0xFF:02X}/P",
        )
        # Legacy advertising, 31 bytes and a scan response, as small sensors do. BlueZ rejects
        # bumble's controller with these features on.
        controller.le_features &= ~(
            hci.LeFeatureMask.LL_PRIVACY | hci.LeFeatureMask.LE_EXTENDED_ADVERTISING
        )
        controller.le_acl_data_packet_length = ACL_DATA_LENGTH
        return controller

    def device(self, name: str, address: str | None = None) -> Device:
        """A controller with bumble's host on it, speaking from `address` or the next free one."""
        controller = self.controller(name)
        host = AirHost(controller, AsyncPipeSink(controller))
        return Device(name=name, address=hci.Address(address or self.next_address()), host=host)

    def remove(self, address: str) -> None:
        """Take a radio off the air; its links end."""
        controller = self._find(address)
        if controller is not None:
            self.remove_controller(controller)

    def remove_controller(self, controller: Controller) -> None:
        if controller in self.controllers:
            controller.le_legacy_advertiser.stop()
            if isinstance(controller, AirController):
                controller.drop_all()
            controller.host = None
            super().remove_controller(controller)

    def _find(self, address: str) -> Controller | None:
        return self.find_le_controller(hci.Address(address))

    # --- what happens on the way

    def set_strength(self, address: str, rssi_dbm: int) -> None:
        """How strongly others hear this radio."""
        self._strength_dbm[str(hci.Address(address))] = rssi_dbm

    def rssi_dbm(self, address: hci.Address) -> int:
        return self._strength_dbm.get(str(address), -50)

    def shadow(self, address: str) -> None:
        """Nothing reaches this radio or comes from it, until `clear`; its links time out."""
        key = str(hci.Address(address))
        if key not in self._shadowed:
            self._shadowed.add(key)
            asyncio.get_running_loop().call_later(self.supervision_s, self._time_out, key)

    def clear(self, address: str) -> None:
        """The radio is heard again."""
        self._shadowed.discard(str(hci.Address(address)))

    def _time_out(self, key: str) -> None:
        if key not in self._shadowed:
            return
        for controller in self.controllers:
            for connection in list(controller.le_connections.values()):
                if key in (str(connection.self_address), str(connection.peer_address)):
                    controller.on_le_disconnected(
                        connection, hci.HCI_ErrorCode.CONNECTION_TIMEOUT_ERROR
                    )

    def send_acl_data(
        self,
        sender_controller: Controller,
        destination_address: hci.Address,
        transport: PhysicalTransport,
        data: bytes,
    ) -> None:
        # bumble names the sender by its current random address; BlueZ connects from its public one
        # and goes on changing the random one, so the connection's own is used.
        connection = sender_controller.le_connections.get(destination_address)
        if connection is None:
            return
        key = (str(connection.self_address), str(destination_address))
        if self._shadowed and not self._shadowed.isdisjoint(key):
            return
        way = self._ways.get(key)
        if way is None or not way.leads_to_a_peer():
            peer = self.find_le_controller(destination_address)
            there = None if peer is None else peer.le_connections.get(connection.self_address)
            if peer is None or there is None:
                return
            way = self._ways[key] = _Way(peer, there, self._random.random())
        way.send(data, self.connection_interval_s, self.jitter_s, self._random)

    def send_advertising_pdu(
        self, sender_controller: Controller, packet: ll.AdvertisingPdu
    ) -> None:
        if str(sender_controller.random_address) not in self._shadowed:
            super().send_advertising_pdu(sender_controller, packet)

    def send_ll_control_pdu(
        self, sender_address: hci.Address, receiver_address: hci.Address, packet: ll.ControlPdu
    ) -> None:
        shadowed = not self._shadowed.isdisjoint((str(sender_address), str(receiver_address)))
        # bumble raises where the receiver has left the air.
        if not shadowed and self.find_le_controller(receiver_address) is not None:
            super().send_ll_control_pdu(sender_address, receiver_address, packet)
