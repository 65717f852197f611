"""The table of messages: complete, documented, and deaf to everything else."""

import json
import struct
from contextlib import suppress
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.packet_file import LONGEST_PACKET, Arrived, LinkChanged
from devices.packets import Packet
from motion.session import PauseControl
from server.errors import LiveError, LiveFault
from server.live import asyncapi
from server.live.messages import (
    LARGEST_TEXT_BYTES,
    MESSAGES,
    ControlMessage,
    Direction,
    OpenMessage,
    SensorWish,
    ToClient,
    ToServer,
    decode_to_client,
    decode_to_server,
    encode,
)
from server.live.packet_frame import (
    LARGEST_FRAME_BYTES,
    LINK,
    MOST_RECORDS,
    FrameEvent,
    FrameLayout,
    PacketFrame,
)

DOCS = Path(__file__).parents[3] / "docs"
LAYOUT = FrameLayout({"thorax": ["b", "a"], "pelvis": ["c"]})
PACKET = Arrived("thorax", Packet(5, "b", b"xyz"))
FRAME = PacketFrame(3, 9, [PACKET, LinkChanged("pelvis", False, 7)])


def test_every_message_that_can_be_sent_stands_in_the_table() -> None:
    for direction, union in (
        (Direction.TO_SERVER, ToServer),
        (Direction.TO_CLIENT, ToClient),
    ):
        listed = {each.struct for each in MESSAGES if each.direction is direction}
        unlisted = set(get_args(union)) - listed
        # `recognised` is `gonio recognise`'s; a live session never tells it.
        assert {each.__name__ for each in unlisted} <= {"RecognisedEvent"}
        assert listed <= set(get_args(union))


def test_the_documents_are_those_of_the_table() -> None:
    assert json.loads((DOCS / "asyncapi.json").read_text("utf-8")) == asyncapi.document()
    assert (DOCS / "live-protocol.md").read_text("utf-8") == asyncapi.page()


def test_every_reference_of_the_asyncapi_document_leads_somewhere() -> None:
    document = asyncapi.document()

    def references(part: Any) -> list[str]:
        if isinstance(part, dict):
            own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
            return own + [each for value in part.values() for each in references(value)]
        if isinstance(part, list):
            return [each for value in part for each in references(value)]
        return []

    found = references(document)
    assert len(found) > 30
    for reference in found:
        part = document
        for name in reference.removeprefix("#/").split("/"):
            part = part[name]


@pytest.mark.parametrize(
    "message",
    [
        OpenMessage("s1", {"pelvis": SensorWish("xsens-dot", rate_hz=60.0)}, 17, ack=3),
        ControlMessage(4, PauseControl()),
    ],
)
def test_a_message_comes_back_as_it_was_sent(message: ToServer) -> None:
    assert decode_to_server(encode(message)) == message


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "null", "[]", '"\ud800"', '{"type": "stop"}', '{"type": "control", "number": 0}',
        '{"type": "control", "number": 1, "control": {"control": "jump"}}',
        '{"type": "control", "number": 1e99, "control": {"control": "pause"}}',
        '{"type": "open", "session": "../x", "sensors": {"a": {"profile": "x"}}, "origin_ns": 0}',
        '{"type": "open", "session": "s", "sensors": {}, "origin_ns": 0}',
        '{"type": "open", "session": "s", "sensors": {"a": {"profile": "/x"}}, "origin_ns": 0}',
        "[" * 100_000,
    ],
)  # fmt: skip
def test_a_text_that_is_no_message_is_refused_with_a_reason(text: str) -> None:
    with pytest.raises(LiveError) as refused:
        decode_to_server(text)
    assert refused.value.reason is LiveFault.NOT_UNDERSTOOD
    assert len(str(refused.value)) < 300


def test_a_text_that_is_too_long_is_not_looked_into() -> None:
    with pytest.raises(LiveError) as refused:
        decode_to_server(b" " * (LARGEST_TEXT_BYTES + 1))
    assert refused.value.reason is LiveFault.TOO_LARGE


@given(st.binary(max_size=300))
def test_no_bytes_make_a_decoder_raise_anything_else(data: bytes) -> None:
    for decode in (decode_to_server, decode_to_client, LAYOUT.decode):
        with suppress(LiveError):
            decode(data)


EVENTS = st.one_of(
    st.builds(
        Arrived,
        st.just("thorax"),
        st.builds(
            Packet, st.integers(-(2**62), 2**62), st.sampled_from("ab"), st.binary(max_size=512)
        ),
    ),
    st.builds(
        LinkChanged,
        st.sampled_from(["thorax", "pelvis"]),
        st.booleans(),
        st.integers(-(2**62), 2**62),
    ),
)


@given(st.lists(EVENTS, max_size=20), st.integers(0, 2**32 - 1), st.integers(-(2**62), 2**62))
def test_a_frame_comes_back_as_it_was_sent(
    events: list[FrameEvent], number: int, until_ns: int
) -> None:
    frame = PacketFrame(number, until_ns, events)
    assert LAYOUT.decode(LAYOUT.encode(frame)) == frame


@given(st.data())
def test_a_frame_with_a_wrong_byte_is_a_frame_or_refused(data: st.DataObject) -> None:
    whole = bytearray(LAYOUT.encode(FRAME))
    whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    with suppress(LiveError):
        assert len(LAYOUT.decode(bytes(whole)).events) == 2


def changed(at: int, layout: str, value: int) -> bytes:
    whole = bytearray(LAYOUT.encode(FRAME))
    struct.pack_into(layout, whole, at, value)
    return bytes(whole)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", LiveFault.VERSION),
        (changed(0, "<B", 2), LiveFault.VERSION),
        (changed(1, "<B", 1), LiveFault.VERSION),
        (LAYOUT.encode(FRAME)[:-1], LiveFault.TRUNCATED),
        (LAYOUT.encode(FRAME)[:10], LiveFault.TRUNCATED),
        (LAYOUT.encode(FRAME)[:20], LiveFault.TRUNCATED),
        (LAYOUT.encode(FRAME) + b"x", LiveFault.NOT_UNDERSTOOD),
        (changed(2, "<H", MOST_RECORDS + 1), LiveFault.TOO_LARGE),
        (changed(8, "<q", 2**63 - 1), LiveFault.TIME),
        (changed(16, "<B", 2), LiveFault.SENSOR),
        (changed(17, "<B", 2), LiveFault.CHARACTERISTIC),
        (changed(20, "<q", -(2**63)), LiveFault.TIME),
        (changed(17, "<B", LINK), LiveFault.NOT_UNDERSTOOD),
        (b"\1" * (LARGEST_FRAME_BYTES + 1), LiveFault.TOO_LARGE),
    ],
)
def test_a_malformed_frame_is_refused_with_its_reason(data: bytes, reason: LiveFault) -> None:
    with pytest.raises(LiveError) as refused:
        LAYOUT.decode(data)
    assert refused.value.reason is reason


def test_a_packet_longer_than_bluetooth_has_is_refused_both_ways() -> None:
    long = Arrived("pelvis", Packet(0, "c", bytes(LONGEST_PACKET + 1)))
    with pytest.raises(LiveError, match="Bluetooth"):
        LAYOUT.encode(PacketFrame(1, 0, [long]))
    data = bytearray(LAYOUT.encode(PacketFrame(1, 0, [Arrived("pelvis", Packet(0, "c", b""))])))
    struct.pack_into("<H", data, 18, LONGEST_PACKET + 1)
    with pytest.raises(LiveError, match="Bluetooth"):
        LAYOUT.decode(bytes(data) + bytes(LONGEST_PACKET + 1))
