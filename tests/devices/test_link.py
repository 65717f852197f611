"""A link keeps a sensor streaming, whatever homes do to it, and says why when it cannot."""

import asyncio
from collections.abc import Callable

import pytest

from devices.emulation.faults import Faults
from devices.errors import LinkError, LinkFault
from devices.link import QUEUE_PACKETS, Link, LinkChange, LinkMark, LinkState
from devices.packets import Packet
from devices.scanner import Found
from tests.devices.rigged import Rig, in_virtual_time, rig

Clock = Callable[[], int]


async def a_link(here: Rig, index: int = 0, **options: object) -> tuple[Link, list[LinkChange]]:
    changes: list[LinkChange] = []
    link = Link(
        here.adapter,
        await here.found(index),
        here.profiles[index],
        on_change=changes.append,
        clock_ns=here.clock_ns,
        **options,  # type: ignore[arg-type]
    )
    return link, changes


def states(changes: list[LinkChange]) -> list[LinkState]:
    return [change.state for change in changes]


def packets(taken: list[Packet | LinkMark]) -> list[Packet]:
    return [item for item in taken if isinstance(item, Packet)]


def data_only(here: Rig, taken: list[Packet | LinkMark]) -> list[bytes]:
    """Packets of the mode's own characteristics."""
    profile = here.profiles[0]
    wanted = {profile.uuid(layout.characteristic) for layout in profile.mode().packets}
    return [item.data for item in packets(taken) if item.characteristic in wanted]


def test_a_sensor_streams_until_the_link_is_closed() -> None:
    async def main(clock_ns: Clock) -> None:
        async with rig(clock_ns, ["xsens-dot"]) as here:
            link, changes = await a_link(here)
            await link.open()
            await asyncio.sleep(2.0)
            await link.close()
            taken = link.take()
            assert states(changes) == ["connecting", "starting", "streaming", "stopping", "closed"]
            assert len(data_only(here, taken)) == pytest.approx(120, abs=3)
            assert [item.up for item in taken if isinstance(item, LinkMark)] == [True, False]
            assert here.sensors[0].streaming is None
            assert not here.sensors[0].is_connected
            assert link.battery_percent == 87

    in_virtual_time(main)


def test_a_dropped_link_streams_again_within_a_second() -> None:
    async def main(clock_ns: Clock) -> None:
        faults = Faults(link_drops_s=(2.0,))
        # With a connection interval, as every radio has: else all happens in the same instant.
        async with rig(clock_ns, ["xsens-dot"], faults=[faults], interval_s=0.03) as here:
            link, changes = await a_link(here)
            await link.open()
            await asyncio.sleep(6.0)
            taken = link.take()
            marks = [item for item in taken if isinstance(item, LinkMark)]
            assert [mark.up for mark in marks] == [True, False, True]
            back = next(item for item in packets(taken) if item.arrival_ns > marks[2].at_ns)
            assert back.arrival_ns - marks[1].at_ns < 1_000_000_000
            dropped = next(change for change in changes if change.state is LinkState.WAITING)
            assert dropped.reason is LinkFault.DROPPED
            assert link.reconnects == 1
            data = data_only(here, taken)
            assert len(set(data)) == len(data)
            await link.close()

    in_virtual_time(main)


def test_a_sensor_that_walks_away_and_comes_back_streams_again() -> None:
    async def main(clock_ns: Clock) -> None:
        faults = Faults(link_drops_s=(2.0,), away_s=40.0)
        async with rig(clock_ns, ["xsens-dot"], faults=[faults]) as here:
            link, changes = await a_link(here)
            await link.open()
            await asyncio.sleep(90.0)
            assert link.state is LinkState.STREAMING
            assert LinkFault.NOT_FOUND in {change.reason for change in changes}
            await link.close()

    in_virtual_time(main)


def test_a_sensor_that_does_not_come_back_is_given_up_with_a_reason() -> None:
    async def main(clock_ns: Clock) -> None:
        faults = Faults(link_drops_s=(1.0,), away_s=10_000.0)
        async with rig(clock_ns, ["xsens-dot"], faults=[faults]) as here:
            link, changes = await a_link(here, patience_s=30.0)
            await link.open()
            await asyncio.sleep(120.0)
            assert link.state is LinkState.FAILED
            assert link.failure is not None
            assert link.failure.reason is LinkFault.GAVE_UP
            assert changes[-1].message is not None
            await link.close()
            assert states(changes)[-2:] == ["stopping", "closed"]

    in_virtual_time(main)


def test_a_stream_that_falls_silent_is_started_again() -> None:
    async def main(clock_ns: Clock) -> None:
        faults = Faults(silences=((2.0, 5.0),))
        async with rig(clock_ns, ["xsens-dot"], faults=[faults]) as here:
            link, changes = await a_link(here)
            await link.open()
            await asyncio.sleep(12.0)
            # The stream first, and only then the link.
            told = states(changes)
            first = told.index(LinkState.SILENT)
            assert told[first + 1] == LinkState.STARTING
            assert told[:first].count(LinkState.CONNECTING) == 1
            assert link.state is LinkState.STREAMING
            await link.close()

    in_virtual_time(main)


def test_a_sensor_that_starts_and_sends_nothing_is_tried_again() -> None:
    async def main(clock_ns: Clock) -> None:
        async with rig(clock_ns, ["xsens-dot"], faults=[Faults(silent_starts=1)]) as here:
            link, changes = await a_link(here)
            await link.open()
            assert LinkFault.SILENT in {change.reason for change in changes}
            assert link.state is LinkState.STREAMING
            await link.close()

    in_virtual_time(main)


def test_a_sensor_that_refuses_its_commands_fails_at_once_and_says_so() -> None:
    async def main(clock_ns: Clock) -> None:
        async with rig(clock_ns, ["xsens-dot"], faults=[Faults(refused_writes=1000)]) as here:
            link, _ = await a_link(here)
            with pytest.raises(LinkError, match="refused a command") as caught:
                await link.open()
            assert caught.value.reason is LinkFault.START_REFUSED
            await link.close()

    in_virtual_time(main)


def test_links_that_drop_while_they_start_are_no_refusals() -> None:
    async def main(clock_ns: Clock) -> None:
        async with rig(clock_ns, ["movesense"], interval_s=0.05) as here:
            link, changes = await a_link(here)

            async def meddle() -> None:
                for _ in range(3):
                    while not here.sensors[0].written:
                        await asyncio.sleep(0.001)
                    await here.sensors[0].drop_link()
                    here.sensors[0].written.clear()

            meddling = asyncio.create_task(meddle())
            await link.open()
            await meddling
            assert {change.reason for change in changes} <= {None, LinkFault.DROPPED}
            assert states(changes).count(LinkState.WAITING) == 3
            await link.close()

    in_virtual_time(main)


def test_a_device_of_another_kind_fails_and_names_the_characteristic() -> None:
    async def main(clock_ns: Clock) -> None:
        async with rig(clock_ns, ["xsens-dot", "movesense"]) as here:
            found = await here.found(0)
            link = Link(here.adapter, found, here.profiles[1], clock_ns=clock_ns)
            with pytest.raises(LinkError, match="characteristic 3480000") as caught:
                await link.open()
            assert caught.value.reason is LinkFault.OTHER_SERVICES
            await link.close()

    in_virtual_time(main)


def test_a_sensor_that_is_switched_off_is_not_waited_for_for_ever() -> None:
    async def main(clock_ns: Clock) -> None:
        async with rig(clock_ns, ["xsens-dot"]) as here:
            link, _ = await a_link(here)
            await here.sensors[0].stop()
            began_ns = clock_ns()
            with pytest.raises(LinkError, match="switch it on") as caught:
                await link.open()
            assert caught.value.reason is LinkFault.GAVE_UP
            assert clock_ns() - began_ns < 60_000_000_000
            await link.close()

    in_virtual_time(main)


def test_closing_while_connecting_ends_at_once() -> None:
    async def main(clock_ns: Clock) -> None:
        async with rig(clock_ns, ["xsens-dot"]) as here:
            link, _ = await a_link(here)
            await here.sensors[0].stop()
            opening = asyncio.create_task(link.open())
            await asyncio.sleep(0.1)
            began_ns = clock_ns()
            await link.close()
            opening.cancel()
            assert link.state is LinkState.CLOSED
            assert clock_ns() - began_ns < 6_000_000_000

    in_virtual_time(main)


def test_a_reader_that_stops_reading_costs_packets_that_are_counted() -> None:
    async def main(clock_ns: Clock) -> None:
        async with rig(clock_ns, ["xsens-dot"]) as here:
            link, _ = await a_link(here)
            await link.open()
            await asyncio.sleep(QUEUE_PACKETS / 60.0 + 10.0)
            assert len(link.queue) <= QUEUE_PACKETS + 2
            assert link.overflow > 0
            await link.close()

    in_virtual_time(main)


def test_a_sensor_shows_itself() -> None:
    async def main(clock_ns: Clock) -> None:
        async with rig(clock_ns, ["xsens-dot"]) as here:
            link, _ = await a_link(here)
            await link.open()
            await link.identify()
            assert here.sensors[0].identified == 1
            await link.close()

    in_virtual_time(main)


def test_what_an_ended_link_still_says_is_not_heard() -> None:
    async def main(clock_ns: Clock) -> None:
        async with rig(clock_ns, ["xsens-dot"]) as here:
            link, _ = await a_link(here)
            await link.open()
            stale = link._session
            await here.sensors[0].drop_link()
            await asyncio.sleep(1.0)
            assert link.state is LinkState.STREAMING
            link.take()
            link._on_packet("anything", bytearray(b"late"), stale)
            link._on_disconnect(stale)
            assert link.take() == []
            assert link.state is LinkState.STREAMING
            await link.close()

    in_virtual_time(main)


def test_an_illegal_transition_raises() -> None:
    async def main(clock_ns: Clock) -> None:
        async with rig(clock_ns, ["xsens-dot"]) as here:
            link, _ = await a_link(here)
            with pytest.raises(RuntimeError, match="cannot go from idle to streaming"):
                link._go(LinkState.STREAMING)

    in_virtual_time(main)


def test_two_sensors_with_one_name_are_told_apart_by_address() -> None:
    async def main(clock_ns: Clock) -> None:
        async with rig(clock_ns, ["xsens-dot", "xsens-dot"], name="Xsens DOT") as here:
            first: Found = await here.found(0)
            second = await here.found(1)
            assert first.name == second.name
            assert first.address != second.address

    in_virtual_time(main)
