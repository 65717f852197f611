"""Other people's software that runs beside ours: the `vqf` and `dfjimu` packages, when installed.

Each function feeds a peer what ours is fed. Published figures stand with the benchmark that shows
them.
"""

import importlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.errors import BenchmarkError, BenchmarkFault
from motion.samples import Samples

Float64 = NDArray[np.float64]


def load(name: str) -> Any:
    """The package of a peer; raises BenchmarkError when it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        raise BenchmarkError(
            BenchmarkFault.NO_PEER,
            f"The package {name}, which is measured beside ours, is not installed; run "
            "`pip install dfjimu vqf`.",
            path=name,
        ) from None


def readings(samples: Samples) -> tuple[Float64, Float64]:
    """Angular rate and specific force as float64 arrays in C order, (n, 3) each."""
    gyr = np.ascontiguousarray(samples.gyr_radps, dtype=np.float64)
    acc = np.ascontiguousarray(samples.acc_mps2, dtype=np.float64)
    return gyr, acc


def vqf_orientations(samples: Samples, period_s: float) -> Float64:
    """Orientations (n, 4), sensor to earth, by the package `vqf` (C++) with default parameters."""
    gyr, acc = readings(samples)
    result: Float64 = load("vqf").VQF(period_s).updateBatch(gyr, acc)["quat6D"]
    return result


def mekf_acc(proximal: Samples, distal: Samples, rate_hz: float) -> tuple[Float64, Float64]:
    """Orientations of two segments with a joint by dfjimu's filter (Weygers and Kok 2020).

    The package estimates the lever arms from the whole recording. It starts from any orientation:
    it knows no vertical, and only what the two share is of interest.
    """
    gyr1, acc1 = readings(proximal)
    gyr2, acc2 = readings(distal)
    start = np.array([1.0, 0.0, 0.0, 0.0])
    q1, q2 = load("dfjimu").mekf_acc(gyr1, gyr2, acc1, acc2, Fs=rate_hz, q_init=start)
    return q1, q2
