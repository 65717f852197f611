"""Encoders against decoders, and against bytes that the makers' own code is known for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.typing import NDArray

from devices.codec import Decoder, Frame, Refusal
from devices.codecs.polar_delta import unpacked
from devices.emulation.encoding import Encoder
from devices.emulation.polar import packed
from devices.packets import Packet
from firmware_profiles.library import profile_ids
from firmware_profiles.schema import Profile
from firmware_profiles.steps import Expect
from tests.devices.emulation.playing import resolution, waving

PROFILES = [Profile.load(profile_id) for profile_id in profile_ids()]
RATES = [
    pytest.param(profile, mode_id, rate_hz, id=f"{profile.id}-{mode_id}-{rate_hz:g}")
    for profile in PROFILES
    for mode_id, mode in profile.modes.items()
    for rate_hz in mode.rates_hz
    if mode.codec is None
]


def frames_of(decoder: Decoder, messages: list[tuple[str, bytes]]) -> list[Frame]:
    return decoder.decode([Packet(0, uuid, data) for uuid, data in messages])


@pytest.mark.parametrize(("profile", "mode", "rate_hz"), RATES)
@pytest.mark.parametrize("mtu", [23, 247])
def test_every_mode_and_rate_comes_back_as_it_was(
    profile: Profile, mode: str, rate_hz: float, mtu: int
) -> None:
    encoder = Encoder(profile, mode, rate_hz)
    rows = 3 * encoder.samples_per_packet
    values = {name: each[:rows] for name, each in waving().at(rate_hz).items()}
    messages = encoder.packets(values, mtu=max(mtu, profile.mtu))
    decoder = Decoder(profile, mode, rate_hz)
    frames = frames_of(decoder, messages)
    assert not decoder.refused
    for name in profile.mode(mode).quantities:
        decoded = np.concatenate([frame.values[name] for frame in frames])
        truth = values[name][: len(decoded)]
        # What a decoder may hold back is the last packet, in case a second part follows.
        assert len(decoded) >= rows - encoder.samples_per_packet
        allowed = resolution(profile, mode, rate_hz, name, float(np.abs(truth).max()))
        assert np.abs(decoded - truth).max() <= allowed


def test_ranges_that_are_chosen_scale_the_counts_and_hold_them_at_their_ends() -> None:
    profile = Profile.load("metamotion-r")
    values = {"acc": np.full((3, 3), 30.0), "gyr": np.full((3, 3), -1.0)}
    for range_g, expected in ((2.0, 2 * 9.80665), (16.0, 30.0)):
        parameters = {"acc_range_g": range_g}
        messages = Encoder(profile, parameters=parameters).packets(values)
        (frame,) = frames_of(Decoder(profile, parameters=parameters), messages)
        assert np.allclose(frame.values["acc"], expected, rtol=1e-3)


def test_a_packet_beyond_the_mtu_comes_in_two_parts() -> None:
    profile = Profile.load("movesense")
    values = waving().at(208.0)
    messages = Encoder(profile, rate_hz=208.0).packets(
        {name: each[:32] for name, each in values.items()}, mtu=247
    )
    assert [data[:2] for _, data in messages] == [b"\x02\x63", b"\x03\x63"] * 2
    assert all(len(data) <= 244 for _, data in messages)


def test_movesense_bytes_are_those_of_a_capture() -> None:
    # sensein/movesense-py, tests/fixtures: IMU6 at 52 Hz, first of four samples.
    capture = bytes.fromhex(
        "aca1020094b578bf399b8840cdb20d4155ff7cbf6a60884092c70c4182627cbfa2e988405da00c418bf871bf"
        "71248940c38c0c4148e17abf713daabf3333b3bec3f568bf713daabf3e0ad7beae4721bff628bcbf3e0ad7be"
        "ae4721bf3333b3bf3e0ad7be"
    )
    blocks = np.frombuffer(capture, "<f4", offset=4).reshape(2, 4, 3).astype(np.float64)
    encoder = Encoder(Profile.load("movesense"), rate_hz=52.0)
    track = encoder.track({"acc": blocks[0], "gyr": np.deg2rad(blocks[1])})
    (_, data), *rest = track.packets(0, ticks=172460, counter=0)
    assert not rest
    assert data[:2] == b"\x02\x63"
    sent = np.frombuffer(data, "<f4", offset=6)
    assert data[2:6] == capture[:4]
    assert np.allclose(sent, blocks.reshape(-1), rtol=1e-6)


@pytest.mark.parametrize(
    "changes",
    [
        {"axes": "+y -x +z"},
        {"axes": "-z +x -y", "endian": "big"},
        {"offset": 3.0},
        {"type": "i24", "scale": "1/100000"},
        {"type": "i24", "scale": "1/100000", "endian": "big"},
        {"type": "u16", "scale": "1/2000", "offset": -16.0},
        {"type": "f64"},
        {"unit": "mg", "scale": 1.0},
    ],
    ids=str,
)
def test_axes_offsets_types_and_units_are_those_of_the_layout(changes: dict[str, object]) -> None:
    document = Profile.load("thingy-52").document()
    # Wider numbers are no longer in the least notification.
    document["mtu"] = 64
    (layout,) = document["modes"]["raw"]["packets"]
    fields = layout["header"] if layout.get("header") else layout["repeat"]["fields"]
    acc = next(each for each in fields if each["field"] == "acc")
    acc.update(changes)
    profile = Profile.from_document(document)
    values = {"acc": waving().at(100.0)["acc"][:5]}
    frames = frames_of(Decoder(profile), Encoder(profile).packets(values))
    decoded = np.concatenate([frame.values["acc"] for frame in frames])
    allowed = resolution(profile, "raw", 100.0, "acc", 10.0)
    assert np.abs(decoded - values["acc"]).max() <= allowed
    # The device's own axes are another matter.
    if "axes" in changes:
        plain = Encoder(Profile.load("thingy-52")).packets(values)
        assert plain != Encoder(profile).packets(values)


@pytest.mark.parametrize(("profile_id", "stamped"), [("movesense", 0), ("polar-h10", 35)])
def test_the_time_in_a_packet_is_that_of_the_sample_that_it_refers_to(
    profile_id: str, stamped: int
) -> None:
    profile = Profile.load(profile_id)
    encoder = Encoder(profile)
    rows = 2 * encoder.samples_per_packet
    values = {name: each[:rows] for name, each in waving().at(encoder.rate_hz).items()}
    frames = frames_of(Decoder(profile), encoder.packets(values, first_ticks=5))
    period_ticks = 1.0 / (encoder.rate_hz * encoder.tick_s)
    assert frames[0].ticks == 5 + round(stamped * period_ticks)


@given(
    counts=npst.arrays(
        np.int64,
        st.tuples(st.integers(1, 60), st.just(3)),
        elements=st.integers(-(2**15), 2**15 - 1),
    )
)
def test_polar_differences_come_back_whatever_they_are(counts: NDArray[np.int64]) -> None:
    unpacked_counts = unpacked(packed(counts), 16)
    assert unpacked_counts is not None
    assert np.array_equal(unpacked_counts, counts)


def test_polar_differences_are_packed_as_in_the_makers_tests() -> None:
    # polarofficial/polar-ble-sdk, GyrDataTest: the frame's content.
    assert packed(np.array([[-22, 8, 13], [-23, 11, 16]])) == bytes.fromhex("eaff08000d000301df00")


def test_polar_frames_of_noise_come_in_halves_that_fit() -> None:
    profile = Profile.load("polar-verity-sense")
    rng = np.random.default_rng(1)
    acc = rng.uniform(-70.0, 70.0, (36, 3))
    encoder = Encoder(profile, "acc")
    messages = encoder.track({"acc": acc}).packets(0, ticks=10**12, counter=0, mtu=180)
    assert len(messages) > 1
    assert all(len(data) <= 177 for _, data in messages)
    decoder = Decoder(profile, "acc")
    frames = frames_of(decoder, messages)
    assert np.allclose(np.concatenate([each.values["acc"] for each in frames]), acc, atol=5e-3)
    assert frames[-1].ticks == 10**12
    assert frames[0].ticks is not None
    assert frames[0].ticks < 10**12


def test_openearable_packets_of_several_samples_tell_their_spacing() -> None:
    document = Profile.load("openearable-v2").document()
    document["modes"]["motion"]["samples_per_packet"] = 3
    profile = Profile.from_document(document)
    encoder = Encoder(profile)
    values = {name: each[:6] for name, each in waving().at(100.0).items()}
    decoder = Decoder(profile)
    scheme = next(step for step in profile.steps("start") if isinstance(step, Expect))
    decoder.push(Packet(0, scheme.characteristic, scheme.reply))
    frames = frames_of(decoder, encoder.packets(values))
    assert [frame.samples for frame in frames] == [3, 3]
    assert [frame.spacing_ticks for frame in frames] == [10_000, 10_000]
    assert np.allclose(frames[1].values["acc"], values["acc"][3:], atol=1e-5)


def test_what_the_motion_lacks_is_at_rest() -> None:
    profile = Profile.load("thingy-52")
    encoder = Encoder(profile)
    messages = encoder.packets({"acc": np.tile([0.0, 0.0, 9.80665], (4, 1))})
    frames = frames_of(Decoder(profile), messages)
    assert all(not frame.values["gyr"].any() for frame in frames)
    assert all(not frame.values["mag"].any() for frame in frames)


def test_a_wrong_checksum_would_be_noticed() -> None:
    profile = Profile.load("esense")
    encoder = Encoder(profile)
    (uuid, data), *_ = encoder.packets({"acc": np.ones((2, 3)), "gyr": np.ones((2, 3))})
    decoder = Decoder(profile)
    assert frames_of(decoder, [(uuid, data)])
    frames_of(decoder, [(uuid, data[:-1] + bytes([data[-1] ^ 1]))])
    assert decoder.refused == {Refusal.CHECKSUM: 1}
