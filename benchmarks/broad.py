"""Orientation of one sensor (BROAD): inclination against optics, beside the package `vqf`.

Ours claims to be the same filter, so the table says how far the two part. Heading is free without a
magnetometer, and not scored.
"""

from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks import scoring
from benchmarks.errors import BenchmarkError, BenchmarkFault
from benchmarks.orienting import oriented
from benchmarks.peers import vqf_orientations
from benchmarks.reference import (
    columns,
    inclination_errors_deg,
    orientations,
    paired,
    tilt_errors_deg,
)
from benchmarks.report import Report, Table, Track, number, percent
from devices.recording import Recording

NAME: Final = "broad"
PEERS: Final[tuple[str, ...]] = ("vqf",)
SLOT: Final = "imu"
# Deviations within which errors are counted.
DEVIATIONS: Final = (1, 2)


def run(folder: Path, track: Track) -> Report:
    """Score every trial of the folder; raises BenchmarkError when data or peer are missing."""
    rows: list[list[str]] = []
    trials: dict[str, Any] = {}
    for name, recording_path, reference_path in track(paired(folder), NAME):
        recording = Recording.open(recording_path)
        samples = recording.samples([SLOT])[SLOT]
        period_s = 1.0 / recording.info.sensors[SLOT].rate_hz
        reference = orientations(reference_path)
        (moving,) = columns(reference_path, ["moving"])
        if len(reference) != len(samples):
            raise BenchmarkError(
                BenchmarkFault.DATA,
                f"{reference_path} has {len(reference)} rows and the recording {len(samples)}; "
                "convert the set again.",
                path=str(reference_path),
            )
        gyr, acc = (each.astype(np.float64) for each in (samples.gyr_radps, samples.acc_mps2))
        ours, sd_deg = oriented(gyr, acc, 1.0 / period_s)
        theirs = vqf_orientations(samples, period_s)
        scored = moving.astype(bool) & np.isfinite(reference).all(axis=1)
        apart = np.minimum(
            np.abs(ours - theirs).max(axis=1), np.abs(ours + theirs).max(axis=1)
        ).max()
        rmse = scoring.rms(inclination_errors_deg(ours[scored], reference[scored]))
        peer = scoring.rms(inclination_errors_deg(theirs[scored], reference[scored]))
        off = np.abs(tilt_errors_deg(ours[scored], reference[scored]))
        stated = sd_deg[scored, np.newaxis]
        within = [float(100.0 * (off <= k * stated).mean()) for k in DEVIATIONS]
        rows.append(
            [
                name, str(int(scored.sum())), number(rmse), number(peer), f"{apart:.1e}",
                number(float(np.median(stated))), *(percent(share) for share in within),
            ]
        )  # fmt: skip
        trials[name] = {
            "scored": int(scored.sum()),
            "rmse_deg": rmse,
            "vqf_rmse_deg": peer,
            "largest_difference": float(apart),
            **{f"within_{k}_sd": share for k, share in zip(DEVIATIONS, within, strict=True)},
        }
    all_ours = scoring.mean([trial["rmse_deg"] for trial in trials.values()])
    all_peer = scoring.mean([trial["vqf_rmse_deg"] for trial in trials.values()])
    largest = max(trial["largest_difference"] for trial in trials.values())
    covered = {
        f"within_{k}_sd": scoring.mean([trial[f"within_{k}_sd"] for trial in trials.values()])
        for k in DEVIATIONS
    }
    rows.append(
        [
            "mean of trials", "", number(all_ours), number(all_peer), f"{largest:.1e}", "",
            *(percent(share) for share in covered.values()),
        ]
    )  # fmt: skip
    figures = {
        "trials": trials,
        "rmse_deg": all_ours,
        "vqf_rmse_deg": all_peer,
        "largest_difference": largest,
        **covered,
    }
    table = Table(
        f"broad: inclination, RMSE in degrees, {len(trials)} trials",
        ["trial", "samples", "ours", "vqf", "furthest apart", "stated", "1 sd", "2 sd"],
        rows,
    )
    definitions = [
        "Root mean square of the angle between the estimated and the optical vertical, degrees, "
        "over the rows that the set marks as moving and whose reference is there. vqf: the C++ "
        "filter of Laidig and Seel, six axes, default parameters, the same samples in the same "
        "run. Furthest apart: the largest difference over all samples and components of the "
        "quaternions, up to sign. Stated: the median deviation of ours about one level axis; 1 sd, "
        "2 sd: errors about either level axis that lie within one and two of it (68 and 95 % would "
        "be right).",
    ]
    return Report(NAME, [table], definitions, figures)
