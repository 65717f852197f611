"""What cannot be used is counted by its reason, and costs nothing but itself."""

import math
import struct

import numpy as np
import pytest

from devices.codec import Decoder, Frame, Refusal
from devices.packets import Packet
from firmware_profiles.errors import ProfileError
from firmware_profiles.schema import Profile
from tests.devices.decoding import decoder, packets
from tests.devices.test_codec_by_hand import FREQUENCIES, INERTIAL, component, delta_frame, scheme
from tests.devices.test_codec_golden import MOVESENSE_IMU6

DOT = struct.pack("<I6f", 5, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0)


def refusals(profile_id: str, mode: str, *sent: tuple[str, bytes]) -> dict[Refusal, int]:
    fresh = decoder(profile_id, mode)
    assert fresh.decode(packets(profile_id, *sent)) == []
    return dict(fresh.refused)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", Refusal.TOO_SHORT),
        (DOT[:-1], Refusal.TOO_SHORT),
        (DOT + b"\x01", Refusal.TOO_LONG),
        (DOT + bytes(13), Refusal.TOO_LONG),
        (DOT * 40, Refusal.TOO_LONG),
        (DOT[:4] + struct.pack("<f", math.nan) + DOT[8:], Refusal.NOT_FINITE),
        (DOT[:24] + struct.pack("<f", -math.inf), Refusal.NOT_FINITE),
        # A signalling NaN, and the largest float, which overflows nothing in double precision.
        (DOT[:4] + b"\x01\x00\xa0\x7f" + DOT[8:], Refusal.NOT_FINITE),
    ],
)
def test_reasons_of_a_plain_packet(data: bytes, reason: Refusal) -> None:
    assert refusals("xsens-dot", "rate-quantities", ("medium_payload", data)) == {reason: 1}


def test_padding_with_zeros_is_no_fault() -> None:
    (frame,) = decoder("xsens-dot").decode(
        packets("xsens-dot", ("medium_payload", DOT + bytes(12)))
    )
    assert frame.values["gyr"][0, 2] == pytest.approx(math.radians(6.0))


def test_a_characteristic_of_another_stream_is_counted() -> None:
    counted = refusals("xsens-dot", "rate-quantities", ("long_payload", DOT))
    assert counted == {Refusal.UNKNOWN_CHARACTERISTIC: 1}


def test_constants_and_messages() -> None:
    esense = bytes.fromhex("5501010c") + bytes(12)
    assert refusals("esense", "motion", ("data", esense)) == {Refusal.CHECKSUM: 1}
    assert refusals("esense", "motion", ("data", b"\x56" + esense[1:])) == {Refusal.CONSTANT: 1}
    counted = refusals("movesense", "imu6", ("notification", b"\x09\x63" + bytes(28)))
    assert counted == {Refusal.UNKNOWN_MESSAGE: 1}
    assert refusals("movesense", "imu6", ("notification", b"\x01\x63\xc8\x00")) == {}


def test_a_bad_packet_leaves_those_around_it_alone() -> None:
    sent = [("medium_payload", DOT), ("medium_payload", DOT[:9]), ("medium_payload", DOT)]
    fresh = decoder("xsens-dot")
    assert [frame.arrival_ns for frame in fresh.decode(packets("xsens-dot", *sent))] == [
        0,
        2_000_000,
    ]
    assert fresh.refused == {Refusal.TOO_SHORT: 1}


# --- two parts

IMU6 = b"\x02\x63" + bytes.fromhex(MOVESENSE_IMU6)


def movesense(*sent: bytes, apart_ns: int = 1_000_000) -> tuple[list[Frame], Decoder]:
    fresh = decoder("movesense", "imu6", 52)
    given = packets("movesense", *(("notification", each) for each in sent), apart_ns=apart_ns)
    return fresh.decode(given), fresh


def parts(whole: bytes, first: int) -> tuple[bytes, bytes]:
    return whole[:first], b"\x03\x63" + whole[first:]


@pytest.mark.parametrize("first", [20, 6 + 24, 6 + 48, 6 + 72, 101])
def test_a_packet_in_two_parts_is_one(first: int) -> None:
    frames, fresh = movesense(*parts(IMU6, first), IMU6)
    (whole,), _ = movesense(IMU6)
    assert [frame.arrival_ns for frame in frames] == [1_000_000, 2_000_000]
    for frame in frames:
        assert frame.values["gyr"].tobytes() == whole.values["gyr"].tobytes()
    assert not fresh.refused


def test_a_lost_second_part_costs_its_own_sample_alone() -> None:
    first, second = parts(IMU6, 60)
    frames, fresh = movesense(first, first, second, IMU6)
    assert [frame.arrival_ns for frame in frames] == [2_000_000, 3_000_000]
    assert fresh.refused == {Refusal.INCOMPLETE: 1}
    frames, fresh = movesense(second, IMU6)
    assert len(frames) == 1
    assert fresh.refused == {Refusal.INCOMPLETE: 1}


def test_a_second_part_that_comes_much_later_belongs_to_another_packet() -> None:
    frames, fresh = movesense(*parts(IMU6, 60), apart_ns=600_000_000)
    assert frames == []
    assert fresh.refused == {Refusal.INCOMPLETE: 2}


def test_fewer_samples_than_usual_wait_for_the_next_packet() -> None:
    short = IMU6[:6] + IMU6[6 : 6 + 12] + IMU6[6 + 48 : 6 + 60]
    frames, fresh = movesense(short)
    assert frames == []
    frames, fresh = movesense(short, IMU6)
    assert [frame.samples for frame in frames] == [1, 4]
    assert [frame.arrival_ns for frame in frames] == [0, 1_000_000]
    assert not fresh.refused


def test_a_new_link_drops_what_is_incomplete() -> None:
    first, second = parts(IMU6, 60)
    fresh = decoder("movesense", "imu6", 52)
    fresh.decode(packets("movesense", ("notification", first)))
    fresh.reset()
    assert fresh.decode(packets("movesense", ("notification", second))) == []
    assert fresh.refused == {Refusal.INCOMPLETE: 2}


# --- a stream that is cut anywhere


def wit(index: int) -> bytes:
    return b"\x55\x61" + struct.pack("<9h", index, *range(8))


WIT_REPLY = b"\x55\x71" + bytes(range(18))


def indices(frames: list[Frame]) -> list[float]:
    return [round(frame.values["acc"][0, 0] / 9.80665 * 32768 / 16) for frame in frames]


@pytest.mark.parametrize("cut", [1, 2, 7, 19, 20, 21, 33, 100])
def test_a_stream_may_be_cut_anywhere(cut: int) -> None:
    stream = b"".join(wit(index) for index in range(1, 8)) + WIT_REPLY + wit(8)
    sent = [("notification", stream[at : at + cut]) for at in range(0, len(stream), cut)]
    fresh = decoder("witmotion")
    assert indices(fresh.decode(packets("witmotion", *sent))) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert not fresh.refused


def test_bytes_before_the_sync_are_skipped_and_counted_once_a_gap() -> None:
    stream = b"\x00\x55\x00" + wit(1) + b"\x01\x02\x03" + wit(2)
    fresh = decoder("witmotion")
    assert indices(fresh.decode(packets("witmotion", ("notification", stream)))) == [1, 2]
    assert fresh.refused == {Refusal.CONSTANT: 2}


def test_a_lost_notification_does_not_glue_halves_together() -> None:
    fresh = decoder("witmotion")
    sent = packets("witmotion", ("notification", wit(1)[:11]), ("notification", wit(2)))
    assert indices(fresh.decode(sent)) == [2]
    assert fresh.refused == {Refusal.INCOMPLETE: 1}


def test_a_stream_without_sync_keeps_no_bytes() -> None:
    fresh = decoder("witmotion")
    sent = [("notification", b"\x00" * 500)] * 50 + [("notification", wit(3))]
    assert indices(fresh.decode(packets("witmotion", *sent))) == [3]
    assert fresh.refused == {Refusal.CONSTANT: 50}


# --- samples on several characteristics


def nano(kind: str, number: float) -> tuple[str, bytes]:
    return kind, struct.pack("<3f", number, 0.0, 0.0)


def joined(frames: list[Frame]) -> list[tuple[int, int]]:
    """Numbers of acceleration and angular rate that were paired."""
    return [
        (
            round(frame.values["acc"][0, 0] / 9.80665),
            round(math.degrees(frame.values["gyr"][0, 0])),
        )
        for frame in frames
    ]


def burst(first: int, count: int) -> list[tuple[str, bytes]]:
    return [nano("acceleration", each) for each in range(first, first + count)] + [
        nano("angular_rate", each) for each in range(first, first + count)
    ]


def test_bursts_are_paired_by_order() -> None:
    sent = [each for first in range(0, 40, 4) for each in burst(first, 4)]
    fresh = decoder("arduino-nano-33")
    frames = fresh.decode(packets("arduino-nano-33", *sent))
    assert joined(frames) == [(each, each) for each in range(40)]
    assert not fresh.refused


def test_a_lost_partner_shifts_the_pairs_for_a_moment_only() -> None:
    sent = [each for number in range(200) for each in burst(number, 1)]
    sent.remove(nano("angular_rate", 50))
    fresh = decoder("arduino-nano-33")
    pairs = joined(fresh.decode(packets("arduino-nano-33", *sent, apart_ns=4_200_000)))
    assert pairs[:50] == [(each, each) for each in range(50)]
    shifted = [pair for pair in pairs if pair[0] != pair[1]]
    assert len(shifted) <= 64
    assert pairs[-80:] == [(each, each) for each in range(120, 200)]
    assert fresh.refused == {Refusal.UNPAIRED: 1}


def test_a_partner_that_stays_away_is_counted_and_not_kept() -> None:
    sent = [nano("acceleration", each) for each in range(300)]
    fresh = decoder("arduino-nano-33")
    assert fresh.decode(packets("arduino-nano-33", *sent, apart_ns=8_400_000)) == []
    assert fresh.refused[Refusal.UNPAIRED] > 230
    late = packets("arduino-nano-33", *burst(7, 1), first_ns=10_000_000_000)
    assert joined(fresh.decode(late)) == [(7, 7)]
    assert fresh.refused == {Refusal.UNPAIRED: 300}


def test_a_new_link_drops_what_waits_for_its_partner() -> None:
    fresh = decoder("arduino-nano-33")
    fresh.decode(packets("arduino-nano-33", nano("acceleration", 1)))
    fresh.reset()
    assert fresh.refused == {Refusal.UNPAIRED: 1}
    assert joined(fresh.decode(packets("arduino-nano-33", *burst(2, 1)))) == [(2, 2)]


# --- codecs


def test_openearable_data_before_the_scheme_is_counted() -> None:
    sample = struct.pack("<BBQ9f", 0, 0, 1, *range(9))
    counted = refusals("openearable-v2", "motion", ("sensor_data", sample))
    assert counted == {Refusal.CODEC: 1}


@pytest.mark.parametrize(
    ("blob", "reason"),
    [
        (b"", Refusal.TOO_SHORT),
        (scheme(0, INERTIAL)[:-20], Refusal.TOO_SHORT),
        (scheme(0, [(8, "ACC", "X", "g"), *INERTIAL[1:]]), Refusal.CODEC),
        (bytes(600), Refusal.TOO_LONG),
    ],
)
def test_openearable_schemes_that_cannot_be_read(blob: bytes, reason: Refusal) -> None:
    assert refusals("openearable-v2", "motion", ("scheme", blob)) == {reason: 1}


def test_openearable_with_units_nobody_knows_is_not_decoded() -> None:
    told = scheme(0, [(6, "ACC", axis, "furlong") for axis in "XYZ"] + INERTIAL[3:])
    sample = struct.pack("<BBQ9f", 0, 0, 1, *range(9))
    sent = ("scheme", told + FREQUENCIES), ("sensor_data", sample)
    assert refusals("openearable-v2", "motion", *sent) == {Refusal.CODEC: 1}
    assert component(6, "ACC", "X", "g") == b"\x06\x03ACC\x01X\x01g"


def test_openearable_packets_of_other_lengths_and_sensors() -> None:
    known = ("scheme", scheme(0, INERTIAL) + FREQUENCIES)
    header = struct.pack("<BBQ", 0, 0, 1)
    for data, reason in (
        (header[:5], Refusal.TOO_SHORT),
        (header + bytes(35), Refusal.TOO_SHORT),
        (header + bytes(40), Refusal.TOO_SHORT),
        (struct.pack("<BBQ", 4, 0, 1) + bytes(36), Refusal.UNKNOWN_MESSAGE),
        (header + struct.pack("<9f", math.nan, *range(8)), Refusal.NOT_FINITE),
    ):
        assert refusals("openearable-v2", "motion", known, ("sensor_data", data)) == {reason: 1}


REPLY = b"\xf0\x02\x02\x00\x00\x05\x01" + struct.pack("<f", 1.0)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x02\x00", Refusal.TOO_SHORT),
        (struct.pack("<BQB", 2, 1, 0x81), Refusal.TOO_SHORT),
        (struct.pack("<BQB3h", 2, 1, 0x81, 1, 2, 3) + b"\x06", Refusal.TOO_SHORT),
        (struct.pack("<BQB3h", 2, 1, 0x81, 1, 2, 3) + b"\x06\x05\x00", Refusal.TOO_SHORT),
        (struct.pack("<BQB3h", 2, 1, 0x81, 1, 2, 3) + b"\x21\x01" + bytes(20), Refusal.TOO_SHORT),
        (struct.pack("<BQB3h", 2, 1, 0x81, 1, 2, 3) + b"\x00\xff" * 200, Refusal.TOO_SHORT),
        (struct.pack("<BQB3h", 2, 1, 0x01, 1, 2, 3), Refusal.UNKNOWN_MESSAGE),
        (struct.pack("<BQB3h", 1, 1, 0x80, 1, 2, 3), Refusal.UNKNOWN_MESSAGE),
        (bytes(600), Refusal.TOO_LONG),
    ],
)
def test_polar_frames_that_cannot_be_unpacked(data: bytes, reason: Refusal) -> None:
    sent = ("control", REPLY), ("data", data)
    assert refusals("polar-verity-sense", "motion", *sent) == {reason: 1}


def test_polar_values_wait_for_their_factor() -> None:
    frame = delta_frame(2, 1, (1, 2, 3), [1, 1, 1])
    counted = refusals("polar-verity-sense", "motion", ("data", frame))
    assert counted == {Refusal.CODEC: 1}
    refused_start = b"\xf0\x02\x02\x06\x00"
    sent = ("control", refused_start), ("data", frame)
    assert refusals("polar-verity-sense", "motion", *sent) == {Refusal.CODEC: 1}
    no_number = ("control", REPLY[:-4] + struct.pack("<f", math.nan))
    counted = refusals("polar-verity-sense", "motion", no_number, ("data", frame))
    assert counted == {Refusal.NOT_FINITE: 1, Refusal.CODEC: 1}


def test_polar_streams_that_start_apart_are_paired_from_where_both_run() -> None:
    period = round(1e9 / 52)
    gyro_reply = b"\xf0\x02\x05\x00\x00"
    acc = [delta_frame(2, (2 + 2 * each) * period, (each, 0, 0), [0, 0, 0]) for each in range(10)]
    gyr = [
        delta_frame(5, (2 + 2 * each) * period, (each, 0, 0), [0, 0, 0]) for each in range(3, 10)
    ]
    sent = [("control", REPLY), ("control", gyro_reply), *(("data", each) for each in acc + gyr)]
    fresh = decoder("polar-verity-sense")
    frames = fresh.decode(packets("polar-verity-sense", *sent))
    assert sum(frame.samples for frame in frames) == 14
    assert fresh.refused == {Refusal.UNPAIRED: 6}
    for frame in frames:
        ratio = frame.values["acc"][:, 0] / (1e-3 * 9.80665) - np.degrees(frame.values["gyr"][:, 0])
        assert ratio == pytest.approx(np.zeros(frame.samples), abs=1e-9)


# --- a profile that no decoder can be made of


def test_a_codec_that_does_not_exist_is_named_with_a_hint() -> None:
    document = Profile.load("polar-verity-sense").document()
    document["modes"]["motion"]["codec"]["name"] = "polar_dleta"
    with pytest.raises(ProfileError, match="perhaps 'polar_delta' is meant"):
        Decoder(Profile.from_document(document))


def test_hostile_packets_need_not_even_be_bytes_of_a_known_length() -> None:
    fresh = decoder("thingy-52")
    raw = Profile.load("thingy-52").uuid("raw")
    assert fresh.push(Packet(0, raw, b"\xff" * 100_000)) == []
    assert fresh.push(Packet(0, raw.upper(), bytes(18))) == []
    assert fresh.refused == {Refusal.TOO_LONG: 1, Refusal.UNKNOWN_CHARACTERISTIC: 1}
