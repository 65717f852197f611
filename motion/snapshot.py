"""Snapshots: the state of a tracker as bytes, and back.

Plain values and arrays in MessagePack with a version in front; no code is ever loaded from one.
"""

from typing import Any, Final

import msgspec
import numpy as np

from motion.errors import SnapshotError

# Raised whenever the meaning of any stored state changes.
VERSION: Final = 1

_ARRAY: Final = 1
_KINDS: Final = {"<f8": np.float64, "<f4": np.float32, "|u1": np.uint8, "<i8": np.int64}


def _encode(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        array = np.ascontiguousarray(value)
        head = msgspec.msgpack.encode((array.dtype.str, array.shape))
        return msgspec.msgpack.Ext(_ARRAY, len(head).to_bytes(4, "little") + head + array.tobytes())
    raise TypeError(f"a snapshot cannot hold {type(value).__name__}")


def _decode(code: int, data: memoryview) -> Any:
    if code != _ARRAY:
        raise ValueError("unknown content")
    raw = bytes(data)
    size = int.from_bytes(raw[:4], "little")
    kind, shape = msgspec.msgpack.decode(raw[4 : 4 + size], type=tuple[str, tuple[int, ...]])
    return np.frombuffer(raw[4 + size :], dtype=_KINDS[kind]).reshape(shape).copy()


def pack(kind: str, state: dict[str, Any]) -> bytes:
    """`state` of plain values and arrays as bytes."""
    document = {"gonio": kind, "version": VERSION, "state": state}
    return msgspec.msgpack.encode(document, enc_hook=_encode)


def unpack(kind: str, data: bytes) -> dict[str, Any]:
    """Inverse of `pack`; raises SnapshotError on anything else."""
    try:
        document = msgspec.msgpack.decode(data, ext_hook=_decode)
        found, version, state = document["gonio"], document["version"], document["state"]
    except (msgspec.DecodeError, ValueError, KeyError, TypeError) as error:
        raise SnapshotError(
            f"This is no snapshot, or a damaged one ({error}); replay the log instead."
        ) from None
    if found != kind or version != VERSION or not isinstance(state, dict):
        raise SnapshotError(
            f"This snapshot is of {found} version {version}, not of {kind} version {VERSION}; "
            "replay the log instead."
        )
    return state
