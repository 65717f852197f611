"""Two segments and a joint (dfjimu): relative orientation against optics, heading included.

Ours, online and with nothing from the reference, beside dfjimu's own filter and beside two plain
filters whose headings the reference has aligned. The reference's own flips are left out for all.
"""

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks import scoring
from benchmarks.errors import BenchmarkError, BenchmarkFault
from benchmarks.peers import mekf_acc, vqf_orientations
from benchmarks.reference import Float64, conjugate, orientations, paired, relative
from benchmarks.report import Report, Table, Track, number
from devices.recording import Recording
from motion import quaternion
from motion.heading import RelativeHeading, rotations_about_vertical
from motion.orientation import OrientationFilter
from motion.samples import Samples

NAME: Final = "dfjimu"
PEERS: Final[tuple[str, ...]] = ("vqf", "dfjimu")
SLOTS: Final = ("proximal", "distal")

# The start is not scored: every method has to find its heading first.
SCORED_FROM_S: Final = 10.0
# Two plain filters get their heading difference from this much of the reference.
ALIGNED_S: Final = 5.0
# The reference contradicts the gyroscope where its rotation since SPAN_S before and its rotation
# until SPAN_S after both differ from the integrated rate by more than CONTRADICTION_DEG: then it is
# this sample that is off, not its neighbour. Sound samples stay below: in a fifth of a second a
# gyroscope with 1 % error of scale at 400 deg/s is off by 0.8 degrees, its delay against the
# optics, known to a quarter of a sample, by 2, the reference's own noise by 1. Flips exceed 30.
SPAN_S: Final = 0.2
CONTRADICTION_DEG: Final = 5.0
# The sensors lag the reference by a quarter to half a sample; a reading stands for the period
# before it, whose middle lies half a sample earlier.
LAG_SAMPLES: Final = 0.35

# Published with this set by its authors' package, lever arms given, as measured by us over the
# eight recordings that the scores below are for.
MEKF_ARMS_GIVEN_DEG: Final = 2.81


def integrated(gyr_radps: Float64, period_s: float, lag_samples: float) -> Float64:
    """Orientations (n, 4) by the gyroscope alone, from the identity, delay removed."""
    n = len(gyr_radps)
    at = np.arange(1, n) + lag_samples
    rates = np.stack([np.interp(at, np.arange(n), gyr_radps[:, axis]) for axis in range(3)], axis=1)
    steps = quaternion.from_rotation_vectors(rates * period_s)
    q = np.empty((n, 4))
    q[0] = (1.0, 0.0, 0.0, 0.0)
    for i in range(1, n):
        q[i] = quaternion.products(q[i - 1], steps[i - 1])
    return q


def sound(reference: Float64, gyr_radps: Float64, period_s: float) -> NDArray[np.bool_]:
    """Which samples (n,) of a reference (n, 4) do not contradict the gyroscope (n, 3), rad/s."""
    span = round(SPAN_S / period_s)
    turned = integrated(gyr_radps, period_s, LAG_SAMPLES)
    told = quaternion.products(conjugate(reference[:-span]), reference[span:])
    felt = quaternion.products(conjugate(turned[:-span]), turned[span:])
    apart = np.degrees(quaternion.angles_between(told, felt))
    since = np.full(len(reference), np.inf)
    until = np.full(len(reference), np.inf)
    since[span:] = apart
    until[:-span] = apart
    result: NDArray[np.bool_] = ~(np.minimum(since, until) > CONTRADICTION_DEG)
    return result & np.isfinite(reference).all(axis=1)


def heading_to_reference(q1: Float64, q2: Float64, ref1: Float64, ref2: Float64) -> Float64:
    """By what angle (n,), radians, `q2` must be turned about the vertical to fit the reference.

    Of all such angles the one that leaves the smallest error of the relative orientation.
    """
    wanted = quaternion.products(q1, relative(ref1, ref2))
    turn = quaternion.products(wanted, conjugate(q2))
    result: Float64 = 2.0 * np.arctan2(turn[:, 3], turn[:, 0])
    return result


def errors_deg(q1: Float64, q2: Float64, ref1: Float64, ref2: Float64) -> Float64:
    """Angles (n,) between the estimated and the true relative orientation, degrees."""
    return np.degrees(quaternion.angles_between(relative(q1, q2), relative(ref1, ref2)))


def ours(proximal: Samples, distal: Samples, rate_hz: float) -> tuple[Float64, Float64, Float64]:
    """Orientations of both sensors in one earth, and the heading's standard deviation in rad."""
    q1 = OrientationFilter(1.0 / rate_hz).update(proximal.gyr_radps, proximal.acc_mps2)
    q2 = OrientationFilter(1.0 / rate_hz).update(distal.gyr_radps, distal.acc_mps2)
    heading, sd = RelativeHeading(rate_hz).update(q1, q2, proximal.acc_mps2, distal.acc_mps2)
    return q1, quaternion.products(rotations_about_vertical(heading), q2), sd


def run(folder: Path, track: Track) -> Report:
    """Score every recording of the folder; raises BenchmarkError when data or peers are missing."""
    rows: list[list[str]] = []
    recordings: dict[str, Any] = {}
    for name, recording_path, reference_path in track(paired(folder), NAME):
        recording = Recording.open(recording_path)
        samples = recording.samples(SLOTS)
        proximal, distal = (samples[slot] for slot in SLOTS)
        rate_hz = recording.info.sensors[SLOTS[0]].rate_hz
        ref1, ref2 = (orientations(reference_path, f"{slot}_") for slot in SLOTS)
        if not len(ref1) == len(proximal) == len(distal):
            raise BenchmarkError(
                BenchmarkFault.DATA,
                f"{reference_path} and the two sensors have different numbers of rows; convert the "
                "set again.",
                path=str(reference_path),
            )
        t_s = proximal.t_s - proximal.t_s[0]
        late = t_s >= SCORED_FROM_S
        trusted = late.copy()
        for reference, one in ((ref1, proximal), (ref2, distal)):
            trusted &= sound(reference, one.gyr_radps.astype(np.float64), 1.0 / rate_hz)
        q1, q2, sd = ours(proximal, distal, rate_hz)
        plain1 = vqf_orientations(proximal, 1.0 / rate_hz)
        plain2 = vqf_orientations(distal, 1.0 / rate_hz)
        headings = heading_to_reference(plain1, plain2, ref1, ref2)
        start = headings[t_s < ALIGNED_S]
        fixed = np.arctan2(np.sin(start).mean(), np.cos(start).mean())
        turned = quaternion.products(rotations_about_vertical(fixed), plain2)
        perfect = quaternion.products(rotations_about_vertical(headings), plain2)
        errors = {
            "ours": errors_deg(q1, q2, ref1, ref2),
            "mekf_acc": errors_deg(*mekf_acc(proximal, distal, rate_hz), ref1, ref2),
            "two_vqf": errors_deg(plain1, turned, ref1, ref2),
            "floor": errors_deg(plain1, perfect, ref1, ref2),
        }
        figure: dict[str, Any] = {
            "joint_dof": (recording.info.model_extra or {}).get("joint_dof"),
            "left_out": int(late.sum() - trusted.sum()),
            "heading_sd_deg": float(np.degrees(np.median(sd[late]))),
        }
        for method, error in errors.items():
            figure[f"{method}_rmse_deg"] = scoring.rms(error[trusted])
            figure[f"{method}_rmse_all_deg"] = scoring.rms(error[late])
        recordings[name] = figure
        rows.append([name, str(figure["left_out"]), *_cells(figure, errors)])
    methods = ("ours", "mekf_acc", "two_vqf", "floor")
    means = {
        f"{method}_{key}": scoring.mean(
            [recording[f"{method}_{key}"] for recording in recordings.values()]
        )
        for method in methods
        for key in ("rmse_deg", "rmse_all_deg")
    }
    rows.append(["mean", "", *_cells(means, methods)])
    rows.append(
        [
            "mean, none left out",
            "",
            *(number(means[f"{method}_rmse_all_deg"]) for method in methods),
        ]
    )
    figures = {"recordings": recordings, **means}
    table = Table(
        f"dfjimu: relative orientation, RMSE in degrees, {len(recordings)} recordings",
        ["recording", "left out", "ours", "mekf_acc (1)", "two vqf (2)", "floor (3)"],
        rows,
    )
    definitions = [
        "Root mean square angle between estimated and optical relative orientation, heading "
        f"included, from {SCORED_FROM_S:g} s on, over samples whose reference agrees with the "
        f"gyroscope: left out are those whose rotation over the {SPAN_S:g} s before and over the "
        f"{SPAN_S:g} s after both differ from the integrated rate by more than "
        f"{CONTRADICTION_DEG:g} degrees, by either sensor, for all methods alike.",
        "Ours: online; arms, starting heading and kind of joint unknown, nothing from the "
        "reference.",
        "(1) dfjimu (Weygers and Kok 2020), lever arms omitted: the package estimates them from "
        f"the whole recording. With arms given: {MEKF_ARMS_GIVEN_DEG} over eight recordings of the "
        "set, by an earlier measurement.",
        f"(2) Two filters of the package vqf; the reference's first {ALIGNED_S:g} s tell their "
        "heading difference. (3) The same with the best heading at every sample, told by the "
        "reference: what inclination alone leaves.",
    ]
    return Report(NAME, [table], definitions, figures)


def _cells(figure: dict[str, Any], methods: Any) -> list[str]:
    return [number(figure[f"{method}_rmse_deg"]) for method in methods]
