"""Optical references beside recordings: NAME.reference.parquet, orientations at the sample times.

Reads them and measures rotations against them. The recordings themselves are `devices.recording`'s.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks.errors import BenchmarkError, BenchmarkFault
from motion import quaternion

Float64 = NDArray[np.float64]

PARTS = "wxyz"


def paired(folder: Path) -> list[tuple[str, Path, Path]]:
    """(name, recording, reference) of all in the folder; raises BenchmarkError for none."""
    found = []
    for reference in sorted(folder.glob("*.reference.parquet")):
        name = reference.name.removesuffix(".reference.parquet")
        recording = folder / f"{name}.parquet"
        if not recording.exists():
            raise BenchmarkError(
                BenchmarkFault.DATA,
                f"{recording} is missing, though its reference is there; convert the set again.",
                path=str(recording),
            )
        found.append((name, recording, reference))
    if not found:
        raise BenchmarkError(
            BenchmarkFault.NO_DATA,
            f"{folder} holds no file named *.reference.parquet; convert the set as "
            "docs/benchmarks.md says.",
            path=str(folder),
        )
    return found


def columns(path: Path, names: Sequence[str]) -> list[NDArray[np.generic]]:
    """Columns of numbers or truth values of a reference; raises BenchmarkError naming both."""
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        detail = (str(error).splitlines() or [type(error).__name__])[0]
        raise BenchmarkError(
            BenchmarkFault.DATA,
            f"{path} cannot be read ({detail[:120]}); convert the set again.",
            path=str(path),
        ) from None
    for name in names:
        if name not in table.column_names:
            raise BenchmarkError(
                BenchmarkFault.DATA,
                f"{path} lacks the column {name}; convert the set again.",
                path=str(path),
            )
    found = [table[name].to_numpy() for name in names]
    for name, values in zip(names, found, strict=True):
        if values.dtype.kind not in "fiub":
            raise BenchmarkError(
                BenchmarkFault.DATA,
                f"{path}: the column {name} holds something else than numbers; convert the set "
                "again.",
                path=str(path),
            )
    return found


def orientations(path: Path, prefix: str = "") -> Float64:
    """Quaternions (n, 4), sensor to earth, from the columns PREFIXqw to PREFIXqz, normalised.

    Rows without reference are NaN, as are rows of zeros. The file holds them as float32.
    """
    parts = columns(path, [f"{prefix}q{part}" for part in PARTS])
    q = np.stack([part.astype(np.float64) for part in parts], axis=1)
    lengths = np.linalg.norm(q, axis=1, keepdims=True)
    lengths[lengths == 0.0] = np.nan
    result: Float64 = q / lengths
    return result


def conjugate(q: Float64) -> Float64:
    """The opposite rotations (n, 4)."""
    result: Float64 = q * np.array([1.0, -1.0, -1.0, -1.0])
    return result


def relative(proximal: Float64, distal: Float64) -> Float64:
    """Orientations (n, 4) of the distal sensor seen from the proximal one."""
    return quaternion.products(conjugate(proximal), distal)


def inclination_errors_deg(q: Float64, reference: Float64) -> Float64:
    """Angles (n,) in degrees by which the vertical of `q` is off; heading does not matter."""
    error = quaternion.products(q, conjugate(reference))
    level = np.hypot(error[:, 0], error[:, 3])
    result: Float64 = np.degrees(2.0 * np.arctan2(np.hypot(error[:, 1], error[:, 2]), level))
    return result


def tilt_errors_deg(q: Float64, reference: Float64) -> Float64:
    """The same error as rotations about the two level axes (n, 2), degrees."""
    error = quaternion.products(q, conjugate(reference))
    w, x, y, z = error.T
    # Without the turn about the vertical w and z vanish into one number: tilt = conj(turn) error.
    level = np.hypot(w, z)
    parts = (
        np.stack([w * x + z * y, w * y - z * x], axis=1) / np.maximum(level, 1e-12)[:, np.newaxis]
    )
    sine = np.hypot(parts[:, 0], parts[:, 1])
    scale = np.where(sine > 0.0, 2.0 * np.arctan2(sine, level) / np.maximum(sine, 1e-300), 2.0)
    result: Float64 = np.degrees(parts * scale[:, np.newaxis])
    return result
