"""Sensors without a published packet: packets put together from the data sheets by hand."""

import math
import struct

import numpy as np
import pytest
from numpy.typing import ArrayLike

from devices.codec import Frame
from tests.devices.decoding import STANDARD_GRAVITY_MPS2 as G
from tests.devices.decoding import frames_of

DEG = math.pi / 180.0


def check(frame: Frame, quantity: str, expected: ArrayLike) -> None:
    expected = np.asarray(expected, np.float64)
    assert frame.values[quantity].shape == expected.shape
    assert frame.values[quantity] == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_xsens_dot_mode_21_is_time_acceleration_and_angular_rate() -> None:
    sent = struct.pack("<I3f3f", 4_294_967_295, 0.5, -9.75, 1.25, 10.0, -20.5, 0.125)
    (frame,) = frames_of("xsens-dot", "rate-quantities", ("medium_payload", sent))
    assert len(sent) == 28
    assert frame.ticks == 4_294_967_295
    check(frame, "acc", [[0.5, -9.75, 1.25]])
    check(frame, "gyr", np.array([[10.0, -20.5, 0.125]]) * DEG)


def test_xsens_dot_mode_20_has_the_magnetic_field_behind() -> None:
    sent = struct.pack("<I3f3f3h", 7, 0.5, -9.75, 1.25, 10.0, -20.5, 0.125, 4096, -2048, 1)
    (frame,) = frames_of("xsens-dot", "rate-quantities-mag", ("medium_payload", sent))
    assert len(sent) == 34
    check(frame, "mag_relative", [[1.0, -0.5, 1 / 4096]])


def test_xsens_dot_mode_26_has_the_orientation_in_front() -> None:
    sent = struct.pack("<I4f3f3f", 7, 0.5, 0.5, -0.5, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0)
    (frame,) = frames_of("xsens-dot", "custom-5", ("long_payload", sent))
    assert len(sent) == 44
    check(frame, "quaternion", [[0.5, 0.5, -0.5, 0.5]])
    check(frame, "acc", [[1.0, 2.0, 3.0]])
    check(frame, "gyr", np.array([[4.0, 5.0, 6.0]]) * DEG)


@pytest.mark.parametrize(
    ("mode", "characteristic", "layout", "size"),
    [
        ("extended-quaternion", "medium_payload", "<I4f3fHBB", 36),
        ("complete-quaternion", "medium_payload", "<I4f3f", 32),
        ("orientation-euler", "short_payload", "<I3f", 16),
        ("orientation-quaternion", "short_payload", "<I4f", 20),
        ("extended-euler", "medium_payload", "<I3f3fHBB", 32),
        ("complete-euler", "medium_payload", "<I3f3f", 28),
        ("delta-quantities-mag", "medium_payload", "<I4f3f3h", 38),
        ("delta-quantities", "medium_payload", "<I4f3f", 32),
        ("custom-1", "medium_payload", "<I3f3f3f", 40),
        ("custom-2", "medium_payload", "<I3f3f3h", 34),
        ("custom-3", "medium_payload", "<I4f3f", 32),
    ],
)
def test_other_modes_of_xsens_dot_have_the_sizes_of_its_specification(
    mode: str, characteristic: str, layout: str, size: int
) -> None:
    count = len(struct.unpack(layout, bytes(struct.calcsize(layout))))
    sent = struct.pack(layout, 9, *range(1, count))
    assert len(sent) == size
    (frame,) = frames_of("xsens-dot", mode, (characteristic, sent))
    assert frame.ticks == 9
    first = next(iter(frame.values.values()))[0]
    width = len(first)
    unit = DEG if "euler" in frame.values else 1.0
    assert first == pytest.approx(np.arange(1, width + 1) * unit)


def test_movesense_imu9_has_blocks_of_all_samples() -> None:
    acc = [(1.0, 2.0, 3.0), (4.0, 5.0, 6.0)]
    gyr = [(10.0, 20.0, 30.0), (40.0, 50.0, 60.0)]
    mag = [(0.5, -0.5, 48.0), (1.5, -1.5, 49.0)]
    sent = b"\x02\x63" + struct.pack("<I", 1234)
    for block in (acc, gyr, mag):
        for sample in block:
            sent += struct.pack("<3f", *sample)
    (frame,) = frames_of("movesense", "imu9", ("notification", sent), rate_hz=26)
    assert frame.ticks == 1234
    check(frame, "acc", acc)
    check(frame, "gyr", np.array(gyr) * DEG)
    check(frame, "mag", mag)


def test_metamotion_s_has_registers_of_its_own() -> None:
    acc = [(1, -2, 3), (4, -5, 6), (7, -8, 9)]
    gyr = [(10, -20, 30), (40, -50, 60), (70, -80, 90)]
    sent = (
        b"\x03\x05" + b"".join(struct.pack("<3h", *each) for each in acc),
        b"\x13\x05" + b"".join(struct.pack("<3h", *each) for each in gyr),
    )
    (frame,) = frames_of("metamotion-s", "packed", *(("notification", each) for each in sent))
    check(frame, "acc", np.array(acc) / 2048 * G)
    check(frame, "gyr", np.array(gyr) / 16.4 * DEG)
    sent = b"\x03\x04" + struct.pack("<3h", 1, 2, 3), b"\x13\x04" + struct.pack("<3h", 4, 5, 6)
    (frame,) = frames_of("metamotion-s", "single", *(("notification", each) for each in sent))
    check(frame, "acc", np.array([[1, 2, 3]]) / 2048 * G)
    check(frame, "gyr", np.array([[4, 5, 6]]) / 16.4 * DEG)


def test_thingy_52_has_fixed_point_numbers() -> None:
    sent = struct.pack("<9h", 1024, -512, 1, 32, -64, 1, 16, -32, 1)
    (frame,) = frames_of("thingy-52", "raw", ("raw", sent))
    check(frame, "acc", np.array([[1.0, -0.5, 1 / 1024]]) * G)
    check(frame, "gyr", np.array([[1.0, -2.0, 1 / 32]]) * DEG)
    check(frame, "mag", [[1.0, -2.0, 1 / 16]])
    sent = struct.pack("<4i", 2**30, -(2**29), 0, 1)
    (frame,) = frames_of("thingy-52", "quaternion", ("quaternion", sent))
    check(frame, "quaternion", [[1.0, -0.5, 0.0, 2.0**-30]])
    sent = struct.pack("<3i", 65536, -32768 * 90, 1)
    (frame,) = frames_of("thingy-52", "euler", ("euler", sent))
    check(frame, "euler", np.array([[1.0, -45.0, 1 / 65536]]) * DEG)


def test_sensortag_sends_the_angular_rate_first() -> None:
    sent = struct.pack("<9h", 65, -131, 1, 4096, -8192, 1, 32, -64, 1)
    (frame,) = frames_of("sensortag-cc2650", "motion", ("data", sent))
    check(frame, "gyr", np.array([[65, -131, 1]]) * 500 / 65536 * DEG)
    check(frame, "acc", np.array([[1.0, -2.0, 8 / 32768]]) * G)
    check(frame, "mag", np.array([[32, -64, 1]]) * 4912 / 32760)


def test_bluest_has_a_clock_of_eight_milliseconds() -> None:
    sent = struct.pack("<H9h", 65535, 1000, -500, 1, 10, -20, 1, 500, -250, 1)
    (frame,) = frames_of("bluest", "motion", ("motion", sent))
    assert len(sent) == 20
    assert frame.ticks == 65535
    check(frame, "acc", np.array([[1.0, -0.5, 0.001]]) * G)
    check(frame, "gyr", np.array([[1.0, -2.0, 0.1]]) * DEG)
    check(frame, "mag", [[50.0, -25.0, 0.1]])


def test_arduino_nano_33_is_joined_from_two_characteristics() -> None:
    (frame,) = frames_of(
        "arduino-nano-33",
        "motion",
        ("acceleration", struct.pack("<3f", 0.5, -0.25, 1.0)),
        ("angular_rate", struct.pack("<3f", 10.0, -20.0, 0.5)),
    )
    check(frame, "acc", np.array([[0.5, -0.25, 1.0]]) * G)
    check(frame, "gyr", np.array([[10.0, -20.0, 0.5]]) * DEG)
    (frame,) = frames_of(
        "arduino-nano-33", "magnetic-field", ("magnetic_field", struct.pack("<3f", 1.0, 2.0, 3.0))
    )
    check(frame, "mag", [[1.0, 2.0, 3.0]])


def test_arduino_nicla_sends_raw_numbers_as_floats_and_w_last() -> None:
    (frame,) = frames_of(
        "arduino-nicla",
        "motion",
        ("acceleration", struct.pack("<3f", 4096.0, -2048.0, 1.0)),
        ("angular_rate", struct.pack("<3f", 16384.0, -32768.0, 1.0)),
    )
    check(frame, "acc", np.array([[1.0, -0.5, 1 / 4096]]) * G)
    check(frame, "gyr", np.array([[1000.0, -2000.0, 2000 / 32768]]) * DEG)
    (frame,) = frames_of(
        "arduino-nicla", "quaternion", ("quaternion", struct.pack("<4f", 0.1, 0.2, 0.3, 0.9))
    )
    check(frame, "quaternion", np.array([[0.9, 0.1, 0.2, 0.3]], np.float32))


def test_polar_h10_has_frames_of_one_and_three_bytes_too() -> None:
    header = struct.pack("<BQ", 2, 5)
    (frame,) = frames_of(
        "polar-h10", "acc", ("data", header + b"\x00" + struct.pack("<3b", 1, -2, 99))
    )
    check(frame, "acc", np.array([[1, -2, 99]]) * 1e-3 * G)
    content = b"".join(each.to_bytes(3, "little", signed=True) for each in (70_000, -1, -70_000))
    (frame,) = frames_of("polar-h10", "acc", ("data", header + b"\x02" + content))
    check(frame, "acc", np.array([[70_000, -1, -70_000]]) * 1e-3 * G)


def test_esense_is_big_endian_with_a_checksum_over_what_follows_it() -> None:
    content = b"\x0c" + struct.pack(">3h3h", 655, -131, 1, 8192, -4096, 1)
    sent = bytes([0x55, 200, sum(content) & 0xFF]) + content
    (frame,) = frames_of("esense", "motion", ("data", sent))
    assert len(sent) == 16
    assert frame.counter == 200
    check(frame, "gyr", np.array([[10.0, -2.0, 1 / 65.5]]) * DEG)
    check(frame, "acc", np.array([[1.0, -0.5, 1 / 8192]]) * G)


def test_muse_has_three_big_endian_samples_a_packet() -> None:
    acc = [(16384, -8192, 1), (1, 2, 3), (4, 5, 6)]
    gyr = [(100, -200, 1), (1, 2, 3), (4, 5, 6)]
    (frame,) = frames_of(
        "muse",
        "motion",
        ("acceleration", struct.pack(">H9h", 65535, *(each for row in acc for each in row))),
        ("angular_rate", struct.pack(">H9h", 17, *(each for row in gyr for each in row))),
    )
    assert frame.counter == 65535
    check(frame, "acc", np.array(acc) / 16384 * G)
    check(frame, "gyr", np.array(gyr) * 0.0074768 * DEG)


def test_myo_has_orientation_acceleration_and_angular_rate() -> None:
    sent = struct.pack("<4h3h3h", 16384, -8192, 0, 1, 2048, -1024, 1, 16, -32, 1)
    (frame,) = frames_of("myo", "motion", ("imu_data", sent))
    assert len(sent) == 20
    check(frame, "quaternion", [[1.0, -0.5, 0.0, 1 / 16384]])
    check(frame, "acc", np.array([[1.0, -0.5, 1 / 2048]]) * G)
    check(frame, "gyr", np.array([[1.0, -2.0, 1 / 16]]) * DEG)


def test_daydream_is_a_string_of_bits() -> None:
    fields = [(9, 300), (5, 21)]
    fields += [(13, value) for value in (4095, -4096, 1, 500, -500, 2, 1000, -1000, 3)]
    fields += [(8, 17), (8, 34), (5, 0b10101)]
    bits = "".join(format(value & ((1 << width) - 1), f"0{width}b") for width, value in fields)
    assert len(bits) == 19 * 8
    sent = int(bits, 2).to_bytes(19, "big") + b"\x00"
    (frame,) = frames_of("daydream", "motion", ("state", sent))
    assert frame.counter == 21
    check(frame, "rotation_vector", np.array([[4095, -4096, 1]]) * 2 * math.pi / 4095)
    check(frame, "acc", np.array([[500, -500, 2]]) * 8 * 9.8 / 4095)
    check(frame, "gyr", np.array([[1000, -1000, 3]]) * 2048 / 180 * math.pi / 4095)


def component(kind: int, group: str, name: str, unit: str) -> bytes:
    texts = [each.encode() for each in (group, name, unit)]
    return bytes([kind]) + b"".join(bytes([len(each)]) + each for each in texts)


def scheme(sensor: int, components: list[tuple[int, str, str, str]]) -> bytes:
    return (
        bytes([sensor, 3])
        + b"IMU"
        + bytes([len(components)])
        + b"".join(component(*each) for each in components)
    )


AXES = ("X", "Y", "Z")
INERTIAL = [
    *((6, "ACC", axis, "g") for axis in AXES),
    *((6, "GYRO", axis, "dps") for axis in AXES),
    *((6, "MAG", axis, "uT") for axis in AXES),
]


def test_openearable_v1_reads_its_scheme_from_the_device() -> None:
    sent = struct.pack("<BBI9f", 0, 36, 5000, 0.5, -0.25, 1.0, 10.0, -20.0, 0.5, 7.0, 8.0, 9.0)
    (frame,) = frames_of(
        "openearable-v1",
        "motion",
        ("scheme", b"\x02" + scheme(1, [(6, "PRESSURE", "Pressure", "kPa")]) + scheme(0, INERTIAL)),
        ("sensor_data", sent),
    )
    assert frame.ticks == 5000
    check(frame, "acc", np.array([[0.5, -0.25, 1.0]]) * G)
    check(frame, "gyr", np.array([[10.0, -20.0, 0.5]]) * DEG)
    check(frame, "mag", [[7.0, 8.0, 9.0]])


FREQUENCIES = bytes([0x13, 2, 0, 1]) + struct.pack("<2f", 25.0, 50.0)


def test_openearable_v2_has_any_number_of_samples_and_their_spacing_behind() -> None:
    rows = [
        (0.5, -0.25, 1.0, 10.0, -20.0, 0.5, 7.0, 8.0, 9.0),
        (1.5, -1.25, 2.0, 11.0, -21.0, 1.5, 17.0, 18.0, 19.0),
    ]
    told = ("scheme", scheme(0, INERTIAL) + FREQUENCIES)
    header = struct.pack("<BBQ", 0, 0, 2**40)
    content = b"".join(struct.pack("<9f", *row) for row in rows)
    (frame,) = frames_of(
        "openearable-v2",
        "motion",
        told,
        ("sensor_data", header + content + struct.pack("<H", 9901)),
    )
    assert frame.ticks == 2**40
    assert frame.spacing_ticks == 9901
    check(frame, "acc", np.array(rows)[:, :3] * G)
    check(frame, "gyr", np.array(rows)[:, 3:6] * DEG)
    (frame,) = frames_of("openearable-v2", "motion", told, ("sensor_data", header + content[:36]))
    assert frame.spacing_ticks is None
    check(frame, "mag", np.array(rows)[:1, 6:])


def test_openearable_takes_order_types_and_units_from_the_scheme() -> None:
    told = [
        *((2, "GYRO", axis, "rad/s") for axis in "ZYX"),
        *((7, "ACC", axis, "m/s²") for axis in AXES),
        (1, "STATE", "flags", ""),
    ]
    sent = struct.pack("<BBQ3h3dB", 0, 0, 1, 3, 2, 1, 0.1, 0.2, 9.8, 255)
    (frame,) = frames_of(
        "openearable-v2", "motion", ("scheme", scheme(0, told) + b"\x00"), ("sensor_data", sent)
    )
    check(frame, "gyr", [[1.0, 2.0, 3.0]])
    check(frame, "acc", [[0.1, 0.2, 9.8]])
    assert "mag" not in frame.values


def delta_frame(kind: int, ticks: int, first: tuple[int, int, int], deltas: list[int]) -> bytes:
    """A frame with deltas of 12 bits, packed by hand."""
    packed = sum((delta & 0xFFF) << (12 * place) for place, delta in enumerate(deltas))
    block = bytes([12, len(deltas) // 3]) + packed.to_bytes((12 * len(deltas) + 7) // 8, "little")
    frame_type = 0x81 if kind == 2 else 0x80
    return struct.pack("<BQB3h", kind, ticks, frame_type, *first) + block


def test_polar_verity_sense_pairs_two_streams_by_the_devices_time() -> None:
    period = round(1e9 / 52)
    reply = b"\xf0\x02\x05\x00\x00" + b"\x05\x01" + struct.pack("<f", 0.0625)
    frames = frames_of(
        "polar-verity-sense",
        "motion",
        ("control", b"\xf0\x02\x02\x00\x00\x05\x01" + struct.pack("<f", 1.0)),
        ("control", reply),
        ("data", delta_frame(2, 10 * period, (1, 2, 3), [1, 1, 1, 10, 10, -10])),
        ("data", delta_frame(5, 10 * period + 1_000_000, (160, -160, 16), [16, 16, 16] * 2)),
    )
    (frame,) = frames
    assert frame.ticks == 10 * period
    assert frame.spacing_ticks == pytest.approx(period, abs=1)
    check(frame, "acc", np.array([[1, 2, 3], [2, 3, 4], [12, 13, -6]]) * 1e-3 * G)
    check(frame, "gyr", np.array([[10, -10, 1], [11, -9, 2], [12, -8, 3]]) * DEG)


def test_polar_angular_rate_as_floats_whose_bits_are_counted() -> None:
    first = [struct.unpack("<i", struct.pack("<f", value))[0] for value in (1.0, -2.0, 0.5)]
    sent = struct.pack("<BQB3i", 5, 9, 0x81, *first) + bytes([8, 1, 1, 0xFF, 0])
    (frame,) = frames_of("polar-verity-sense", "gyro", ("data", sent))
    after = [
        struct.unpack("<f", struct.pack("<i", value))[0]
        for value in (first[0] + 1, first[1] - 1, first[2])
    ]
    check(frame, "gyr", np.array([[1.0, -2.0, 0.5], after]) * DEG)
