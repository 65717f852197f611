"""Snapshots: the state of a tracker as bytes, and back.

Plain values and arrays in MessagePack behind a digest, which tells damage, not forgery: restore
only what this program has stored. No code is ever loaded from one.
"""

import hashlib
from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec
import numpy as np

from motion.errors import MotionError, SnapshotError

Restored = TypeVar("Restored")

# Raised whenever the meaning of any stored state changes.
VERSION: Final = 1

_ARRAY: Final = 1
_DIGEST_BYTES: Final = 16
_KINDS: Final = {"<f8": np.float64, "<f4": np.float32, "|u1": np.uint8, "<i8": np.int64}

# What reading a state of another shape raises.
_NOT_UNDERSTOOD: Final = (
    AttributeError, LookupError, TypeError, ValueError, RecursionError, MotionError,
    msgspec.MsgspecError,
)  # fmt: skip


def _digest(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=_DIGEST_BYTES).digest()


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
    body = msgspec.msgpack.encode(document, enc_hook=_encode)
    return _digest(body) + body


def restored(kind: str, data: bytes, build: Callable[[dict[str, Any]], Restored]) -> Restored:
    """What `build` makes of a packed state; raises SnapshotError on anything else."""
    body = data[_DIGEST_BYTES:]
    if data[:_DIGEST_BYTES] != _digest(body):
        raise SnapshotError("This is no snapshot, or a damaged one; replay the log instead.")
    try:
        document = msgspec.msgpack.decode(body, ext_hook=_decode)
        found, version = document["gonio"], document["version"]
        if found == kind and version == VERSION:
            return build(document["state"])
    except _NOT_UNDERSTOOD as error:
        raise SnapshotError(
            f"This snapshot holds something else than a state ({error!r}); replay the log instead."
        ) from None
    raise SnapshotError(
        f"This snapshot is of {found} version {version}, not of {kind} version {VERSION}; "
        "replay the log instead."
    )
