"""What a layout can be, beyond what the sensors of the library need."""

import math
import struct
from typing import Any

import numpy as np
import pytest

from devices.codec import Decoder, Refusal
from devices.packets import Packet
from firmware_profiles.schema import Profile

DATA = "12340002-0000-1000-8000-00805f9b34fb"


def made(packets: list[dict[str, Any]], **mode: Any) -> Profile:
    """A profile whose only mode has these packets, all of the characteristic `data`."""
    return Profile.from_document(
        {
            "id": "made", "name": "Made", "vendor": "Nobody", "status": "confirmed",
            "sources": ["this test"], "advertisement": {"names": ["x"]}, "default_mode": "motion",
            "mtu": 128,
            "services": {
                "motion": {
                    "uuid": "1234",
                    "characteristics": {"data": {"uuid": DATA, "properties": ["notify"]}},
                }
            },
            "modes": {
                "motion": {
                    "title": "Motion", "rates_hz": [100], "default_rate_hz": 100,
                    "packets": [{"characteristic": "data", **each} for each in packets], **mode,
                }
            },
        }
    )  # fmt: skip


def pushed(profile: Profile, data: bytes) -> tuple[Any, dict[Refusal, int]]:
    """The only frame of a packet, or None, and what was refused."""
    decoder = Decoder(profile)
    frames = decoder.push(Packet(0, DATA, data))
    assert len(frames) < 2
    return (frames[0] if frames else None), dict(decoder.refused)


@pytest.mark.parametrize(
    ("kind", "code", "numbers"),
    [
        ("i8", "b", (-128, 127, -1)),
        ("u8", "B", (0, 255, 1)),
        ("i16", "h", (-(2**15), 2**15 - 1, -1)),
        ("u16", "H", (0, 2**16 - 1, 1)),
        ("i32", "i", (-(2**31), 2**31 - 1, -1)),
        ("u32", "I", (0, 2**32 - 1, 1)),
        ("i64", "q", (-(2**63), 2**53, -1)),
        ("u64", "Q", (0, 2**63, 1)),
        ("f32", "f", (-0.5, 1.5, 2.0**100)),
        ("f64", "d", (-0.5, 1 / 3, 1e300)),
    ],
)
@pytest.mark.parametrize("endian", ["little", "big"])
def test_every_type_in_either_order(
    kind: str, code: str, numbers: tuple[float, ...], endian: str
) -> None:
    field = {"field": "acc", "type": kind, "unit": "m/s2"}
    sent = struct.pack(("<" if endian == "little" else ">") + 3 * code, *numbers)
    for layout in (
        {"header": [field], "endian": endian},
        {"header": [{**field, "endian": endian}]},
    ):
        frame, refused = pushed(made([layout]), sent)
        assert refused == {}
        assert frame.values["acc"].tolist() == [[float(each) for each in numbers]]


@pytest.mark.parametrize("endian", ["little", "big"])
@pytest.mark.parametrize("signed", [True, False])
def test_numbers_of_three_bytes(endian: str, signed: bool) -> None:
    numbers = (-(2**23), 2**23 - 1, -2) if signed else (0, 2**24 - 1, 2**23)
    order: Any = endian
    sent = b"".join(each.to_bytes(3, order, signed=signed) for each in numbers)
    field = {"field": "acc", "type": "i24" if signed else "u24", "unit": "m/s2"}
    frame, _ = pushed(made([{"header": [field], "endian": endian}]), sent)
    assert frame.values["acc"].tolist() == [[float(each) for each in numbers]]


def test_scale_and_offset_are_in_the_unit() -> None:
    field = {"field": "gyr", "type": "u16", "scale": "1/10", "offset": -100, "unit": "deg/s"}
    frame, _ = pushed(made([{"header": [field]}]), struct.pack("<3H", 0, 1000, 2000))
    assert np.degrees(frame.values["gyr"]) == pytest.approx(np.array([[-100.0, 0.0, 100.0]]))


def test_axes_are_those_of_the_sensor() -> None:
    field = {"field": "acc", "type": "i16", "unit": "m/s2", "axes": "-z +x -y"}
    frame, _ = pushed(made([{"header": [field]}]), struct.pack("<3h", 1, 2, 3))
    assert frame.values["acc"].tolist() == [[-3.0, 1.0, -2.0]]


def test_samples_between_header_and_trailer_as_many_as_there_are() -> None:
    profile = made(
        [
            {
                "header": [{"constant": "a5"}, {"skip": 2}, {"field": "number", "type": "u16"}],
                "repeat": {
                    "fields": [
                        {"field": "acc", "type": "i8", "unit": "m/s2"},
                        {"skip": 1},
                        {"field": "temperature", "type": "u8"},
                        {"field": "gyr", "type": "i16", "unit": "rad/s", "endian": "big"},
                    ]
                },
                "trailer": [{"field": "time", "type": "u32"}, {"constant": "5a 5b"}],
            }
        ],
        timestamp={"field": "time", "unit_s": 0.001, "width_bits": 32, "refers_to": "last"},
        counter={"field": "number", "width_bits": 16, "counts": "samples"},
    )
    rows = [(1, 2, 3, 99, 20, 4, 5, 6), (-1, -2, -3, 99, 21, -4, -5, -6), (7, 8, 9, 9, 9, 1, 2, 3)]
    body = b"".join(struct.pack("<3bBB", *row[:5]) + struct.pack(">3h", *row[5:]) for row in rows)
    head, tail = b"\xa5\x00\x00" + struct.pack("<H", 513), struct.pack("<I", 77) + b"\x5a\x5b"
    frame, refused = pushed(profile, head + body + tail)
    assert refused == {}
    assert (frame.ticks, frame.counter) == (77, 513)
    assert frame.values["acc"].tolist() == [[float(each) for each in row[:3]] for row in rows]
    assert frame.values["gyr"].tolist() == [[float(each) for each in row[5:]] for row in rows]
    assert pushed(profile, head + body[:-1] + tail)[1] == {Refusal.TOO_SHORT: 1}
    assert pushed(profile, head + tail)[1] == {Refusal.TOO_SHORT: 1}
    assert pushed(profile, head + body + tail[:-1] + b"\x00")[1] == {Refusal.CONSTANT: 1}


@pytest.mark.parametrize(("at", "first"), [(-1, 0), (-1, 1), (0, 1), (0, 0), (3, 2)])
def test_a_checksum_leaves_itself_out(at: int, first: int) -> None:
    fields: list[dict[str, Any]] = [{"field": "acc", "type": "i8", "unit": "m/s2"}]
    fields.insert(at % 4, {"field": "sum", "type": "u8"})
    checksum = {"kind": "sum8", "at": at, "first": first}
    profile = made([{"header": fields, "checksum": checksum, "padding": 3}])
    sent = bytearray([200, 100, 50])
    sent.insert(at % 4, 0)
    sent[at] = sum(sent[first:]) & 0xFF
    assert pushed(profile, bytes(sent))[0] is not None
    assert pushed(profile, bytes(sent) + bytes(3))[0] is not None
    sent[-2 if at == -1 else -1] ^= 1
    assert pushed(profile, bytes(sent))[1] == {Refusal.CHECKSUM: 1}


def test_bit_fields_with_constants_and_signs() -> None:
    profile = made(
        [
            {
                "packing": "bits",
                "header": [
                    {"constant": "c0"},
                    {"field": "number", "type": "u3"},
                    {"field": "acc", "type": "i7", "unit": "m/s2"},
                    {"field": "gyr", "type": "u40", "unit": "rad/s"},
                ],
            }
        ],
        counter={"field": "number", "width_bits": 3},
    )
    big = (2**40 - 1, 1, 2**39)
    bits = f"{5:03b}" + "".join(f"{each & 127:07b}" for each in (-64, 63, -1))
    bits += "".join(f"{each:040b}" for each in big)
    sent = b"\xc0" + int(bits, 2).to_bytes(len(bits) // 8, "big")
    frame, _ = pushed(profile, sent)
    assert frame.counter == 5
    assert frame.values["acc"].tolist() == [[-64.0, 63.0, -1.0]]
    assert frame.values["gyr"].tolist() == [[float(each) for each in big]]
    assert pushed(profile, b"\xc1" + sent[1:])[1] == {Refusal.CONSTANT: 1}


def test_overflow_of_a_float_is_refused() -> None:
    field = {"field": "acc", "type": "f64", "scale": 1000.0, "unit": "g"}
    sent = struct.pack("<3d", 1e308, 0.0, 0.0)
    assert pushed(made([{"header": [field]}]), sent)[1] == {Refusal.NOT_FINITE: 1}
    assert math.isinf(1e308 * 1000.0)
