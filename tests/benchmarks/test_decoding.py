"""The decoding benchmark decodes what it times, and its peer gets the same numbers out."""

import struct

import numpy as np
import pytest

from benchmarks import decoding
from benchmarks.report import untracked
from devices.codec import Decoder
from firmware_profiles.library import profile_ids
from firmware_profiles.schema import Profile


@pytest.mark.parametrize("profile_id", profile_ids())
def test_all_made_packets_are_decoded(profile_id: str) -> None:
    given = decoding.stream(Profile.load(profile_id))
    decoder = Decoder(given.profile)
    decoder.decode(given.first)
    frames = decoder.decode(given.packets[:200])
    assert not decoder.refused
    mode = given.profile.mode()
    halves = mode.joined or (mode.codec is not None and mode.codec.name == "polar_delta")
    expected = 100 if halves else 200
    assert sum(frame.samples for frame in frames) == expected * given.samples


@pytest.mark.parametrize("profile_id", ["xsens-dot", "movesense", "esense", "thingy-52", "myo"])
def test_the_loop_unpacks_what_the_codec_decodes(profile_id: str) -> None:
    given = decoding.stream(Profile.load(profile_id))
    assert given.unpackers is not None
    (frame,) = Decoder(given.profile).push(given.packets[0])
    decoded = np.sort(np.concatenate([each.ravel() for each in frame.values.values()]))
    unpacked = np.asarray(given.unpackers[0](given.packets[0].data), np.float64)
    assert np.sort(unpacked) == pytest.approx(decoded, rel=1e-12)
    assert len(decoded) == len(unpacked)
    with pytest.raises(struct.error):
        given.unpackers[0](b"")


def test_the_report_has_a_row_for_every_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "PACKETS", 40)
    report = decoding.run(untracked, rounds=1)
    assert [row[0] for row in report.tables[0].rows] == profile_ids()
    assert report.figures["xsens-dot"]["at_once_packets_per_s"] > 0
    assert np.isnan(report.figures["daydream"]["struct_packets_per_s"])
