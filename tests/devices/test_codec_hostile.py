"""Whatever arrives, no profile's decoder raises: it decodes or counts, however it is fed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.codec import Decoder, Frame
from firmware_profiles.library import profile_ids
from firmware_profiles.quantity import QUANTITIES
from firmware_profiles.schema import Profile
from tests.devices.hostile import streams

MODES = [(each, mode) for each in profile_ids() for mode in Profile.load(each).modes]
# Enough for every kind of mutation of every mode; HYPOTHESIS_PROFILE=explore and the fuzz target
# search on.
EXAMPLES = 25


def identity(frame: Frame) -> tuple[object, ...]:
    """Everything of a frame, arrays to the last bit."""
    return (
        frame.arrival_ns,
        frame.ticks,
        frame.spacing_ticks,
        frame.counter,
        {name: (array.shape, array.tobytes()) for name, array in frame.values.items()},
    )


@pytest.mark.parametrize(("profile_id", "mode"), MODES)
@settings(max_examples=EXAMPLES)
@given(data=st.data())
def test_nothing_raises_and_one_by_one_is_all_at_once(
    profile_id: str, mode: str, data: st.DataObject
) -> None:
    profile = Profile.load(profile_id)
    packets = data.draw(streams(profile, mode))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(packets)), max_size=3)))
    at_once, singly, chunked = (Decoder(profile, mode) for _ in range(3))

    whole = at_once.decode(packets)
    one_by_one = [frame for packet in packets for frame in singly.push(packet)]
    in_chunks = []
    for start, stop in zip([0, *cuts], [*cuts, len(packets)], strict=True):
        in_chunks += chunked.decode(packets[start:stop])

    expected = [identity(frame) for frame in whole]
    assert [identity(frame) for frame in one_by_one] == expected
    assert [identity(frame) for frame in in_chunks] == expected
    assert at_once.refused == singly.refused == chunked.refused
    assert at_once.packets == singly.packets == chunked.packets == len(packets)
    for frame in whole:
        for name, array in frame.values.items():
            assert array.shape == (frame.samples, QUANTITIES[name].components)
            assert np.isfinite(array).all()
            assert not array.flags.writeable
    for decoder in (at_once, singly):
        decoder.reset()
    assert at_once.refused == singly.refused


SIMPLE = [
    (each, mode)
    for each, mode in MODES
    if (chosen := Profile.load(each).modes[mode]).codec is None
    and not chosen.joined
    and not any(
        layout.framing or layout.continuation or layout.ignored for layout in chosen.packets
    )
]


@pytest.mark.parametrize(("profile_id", "mode"), SIMPLE)
@settings(max_examples=EXAMPLES)
@given(data=st.data())
def test_every_packet_is_a_frame_or_counted(
    profile_id: str, mode: str, data: st.DataObject
) -> None:
    profile = Profile.load(profile_id)
    packets = data.draw(streams(profile, mode))
    decoder = Decoder(profile, mode)
    assert len(decoder.decode(packets)) + decoder.refused.total() == len(packets)
