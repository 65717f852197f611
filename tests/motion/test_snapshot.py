"""Snapshots keep every bit, and bytes that are none, or damaged, or another's, are refused with a
SnapshotError whatever they hold.
"""

import hashlib
import math
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from motion.errors import SnapshotError
from motion.session import BeginSetControl, Session, StartControl
from motion.snapshot import VERSION, pack, restored
from motion.tracker import Tracker
from tests.motion.movement import Worn, even, feed, record, template

DOMINANT = template({"kind": "dominant", "sensor": "one"})


def unpack(data: bytes) -> dict[str, Any]:
    """The state in a snapshot, as it is."""
    return restored("kind", data, lambda state: state)


def sealed(body: bytes) -> bytes:
    """A body with the right digest: what only a forger, or another version, would make."""
    return hashlib.blake2b(body, digest_size=16).digest() + body


def document(state: Any, *, kind: str = "tracker", version: int = VERSION) -> bytes:
    return sealed(msgspec.msgpack.encode({"gonio": kind, "version": version, "state": state}))


@given(
    numbers=st.lists(st.floats()),
    text=st.text(),
    count=st.integers(-(2**63), 2**63 - 1),
    flag=st.booleans(),
)
def test_plain_values_keep_every_bit(
    numbers: list[float], text: str, count: int, flag: bool
) -> None:
    state = {"numbers": numbers, "text": text, "count": count, "flag": flag, "none": None}
    again = unpack(pack("kind", state))
    assert np.array(again.pop("numbers")).tobytes() == np.array(numbers).tobytes()
    del state["numbers"]
    assert again == state


@pytest.mark.parametrize(
    "array",
    [
        np.array([0.0, -0.0, 1e-320, math.nan, math.inf, -math.inf, 0.1]),
        np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4),
        np.arange(6, dtype=np.uint8),
        np.array([-(2**62)]),
        np.empty((0, 3)),
        np.arange(20.0).reshape(4, 5)[::2, 1:4],
    ],
    ids=["special", "float32", "uint8", "int64", "empty", "view"],
)
def test_arrays_keep_every_bit_shape_and_kind_and_can_be_written(array: NDArray[Any]) -> None:
    again = unpack(pack("kind", {"array": array}))["array"]
    assert (again.dtype, again.shape, again.tobytes()) == (
        array.dtype,
        array.shape,
        array.tobytes(),
    )
    again[...] = 0


def test_what_a_snapshot_cannot_hold_is_refused_when_it_is_taken() -> None:
    with pytest.raises(TypeError):
        pack("kind", {"set": object()})


# --- bytes from elsewhere -----------------------------------------------------------------------


def _snapshots() -> dict[str, bytes]:
    samples = record(even(2), Worn(rate_hz=25.0), 8.0)
    tracker, session = Tracker(DOMINANT), Session()
    session.control(StartControl(DOMINANT.document()))
    session.control(BeginSetControl())
    feed(tracker, [samples], finish=False)
    feed(session, [samples], finish=False)
    return {"tracker": tracker.state(), "session": session.state()}


SNAPSHOTS = _snapshots()


@given(data=st.data())
@pytest.mark.parametrize("kind", ["tracker", "session"])
def test_one_wrong_byte_anywhere_is_noticed(kind: str, data: st.DataObject) -> None:
    damaged = bytearray(SNAPSHOTS[kind])
    at = data.draw(st.integers(0, len(damaged) - 1))
    damaged[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(SnapshotError):
        (Tracker if kind == "tracker" else Session).restore(bytes(damaged))


@given(st.integers(1, 5000))
def test_a_snapshot_cut_short_is_noticed(missing: int) -> None:
    with pytest.raises(SnapshotError):
        Tracker.restore(SNAPSHOTS["tracker"][:-missing])


@given(st.binary(max_size=200))
def test_any_bytes_are_refused(data: bytes) -> None:
    for each in (data, sealed(data)):
        with pytest.raises(SnapshotError):
            Tracker.restore(each)
        with pytest.raises(SnapshotError):
            Session.restore(each)


_HOSTILE = {
    "nothing": b"",
    "no body": sealed(b""),
    "text": sealed(msgspec.msgpack.encode("gonio")),
    "list": sealed(msgspec.msgpack.encode([1, 2])),
    "nested too deep": sealed(b"\x91" * 100_000),
    "length that is not there": sealed(b"\xdd\xff\xff\xff\xff"),
    "no state": document(None),
    "empty state": document({}),
    "foreign extension": document({"template": msgspec.msgpack.Ext(7, b"")}),
    "array without a head": document({"template": msgspec.msgpack.Ext(1, b"\x00")}),
    "array of objects": document(
        {
            "template": msgspec.msgpack.Ext(
                1, (9).to_bytes(4, "little") + msgspec.msgpack.encode(("|O8", (1,))) + bytes(8)
            )
        }
    ),
    "array larger than its bytes": document(
        {
            "template": msgspec.msgpack.Ext(
                1, (11).to_bytes(4, "little") + msgspec.msgpack.encode(("<f8", (2**40,))) + bytes(8)
            )
        }
    ),
    "unknown template": document({"template": {"id": "x"}}),
}


@pytest.mark.parametrize("data", _HOSTILE.values(), ids=_HOSTILE.keys())
def test_hostile_bytes_raise_a_snapshot_error(data: bytes) -> None:
    with pytest.raises(SnapshotError, match="replay the log"):
        Tracker.restore(data)
    with pytest.raises(SnapshotError, match="replay the log"):
        Session.restore(data)


@pytest.mark.parametrize("kind", ["tracker", "session"])
def test_a_state_of_another_layout_is_refused(kind: str) -> None:
    state = restored(kind, SNAPSHOTS[kind], lambda state: state)
    for missing in state:
        rest = {name: value for name, value in state.items() if name != missing}
        with pytest.raises(SnapshotError):
            (Tracker if kind == "tracker" else Session).restore(pack(kind, rest))


def test_a_snapshot_of_another_kind_or_version_says_so() -> None:
    with pytest.raises(SnapshotError, match="of session version 1, not of tracker"):
        Tracker.restore(SNAPSHOTS["session"])
    with pytest.raises(SnapshotError, match="of tracker version 1, not of session"):
        Session.restore(SNAPSHOTS["tracker"])
    with pytest.raises(SnapshotError, match=f"version {VERSION + 1}, not"):
        Tracker.restore(document({}, version=VERSION + 1))


def test_an_error_of_our_own_while_restoring_is_not_hidden() -> None:
    def build(_: dict[str, Any]) -> None:
        raise MemoryError

    with pytest.raises(MemoryError):
        restored("kind", pack("kind", {}), build)
