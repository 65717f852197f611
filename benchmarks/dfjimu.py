"""Two segments and a joint (dfjimu): relative orientation against optics, heading included.

Ours, online, with and without the joint's degrees of freedom told, beside dfjimu's own filter and
two plain ones whose headings the reference has aligned. The reference's flips are left out for all.
"""

import math
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks import scoring
from benchmarks.errors import BenchmarkError, BenchmarkFault
from benchmarks.orienting import oriented
from benchmarks.peers import mekf_acc, vqf_orientations
from benchmarks.reference import Float64, conjugate, orientations, paired, relative
from benchmarks.report import Report, Table, Track, number, percent
from devices.recording import Recording
from motion import quaternion
from motion.angle import READING_SHARE
from motion.heading import READING_SD_RAD, RelativeHeading, rotations_about_vertical
from motion.hinge import HingeFinder
from motion.samples import Samples
from motion.two_axes import TwoAxesFinder

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

# Axes found are told once a second, as a live session would.
TOLD_EVERY_S: Final = 1.0

# Deviations within which errors are counted.
DEVIATIONS: Final = (1, 2)

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


def moved_deg(q1: Float64, q2: Float64) -> Float64:
    """By what rotation vectors (n, 3), degrees, the distal sensor has turned since the last sample,
    seen from the proximal one and about its axes; zeros for the first."""
    between = relative(q1, q2)
    moved = np.zeros((len(between), 3))
    moved[1:] = np.degrees(
        quaternion.rotation_vectors(quaternion.products(between[1:], conjugate(between[:-1])))
    )
    return moved


def scaled_errors(
    q1: Float64,
    q2: Float64,
    ref1: Float64,
    ref2: Float64,
    heading_sd_rad: Float64,
    tilt_sd_deg: Float64,
    moved: Float64,
) -> Float64:
    """Errors of the relative orientation over their stated deviation, (n, 3), about the three axes
    of the proximal sensor.

    heading_sd_rad: (n,). tilt_sd_deg: (n,) of both inclinations together. moved: (n, 3) of
    `moved_deg`. A rotation about an axis whose vertical part is u has the deviation
    s^2 = (u heading_sd)^2 + (1 - u^2) tilt_sd^2 + moved^2 / 12, as `motion.angle` states it.
    """
    error = quaternion.products(relative(q1, q2), conjugate(relative(ref1, ref2)))
    turned = np.degrees(quaternion.rotation_vectors(error))
    upright = quaternion.rotated(conjugate(q1), np.array([0.0, 0.0, 1.0])) ** 2
    heading = np.degrees(heading_sd_rad)[:, np.newaxis] ** 2
    tilt = tilt_sd_deg[:, np.newaxis] ** 2
    timing = (READING_SHARE * moved) ** 2
    result: Float64 = turned / np.sqrt(upright * heading + (1.0 - upright) * tilt + timing)
    return result


def within_percent(scaled: Float64, deviations: float) -> float:
    """How many of scaled errors lie within so many deviations, percent; NaN of none."""
    return float(100.0 * (np.abs(scaled) <= deviations).mean()) if scaled.size else math.nan


def above_floor_deg(rmse_deg: float, floor_deg: float) -> float:
    """What the heading adds to what inclinations alone leave, degrees."""
    return math.sqrt(max(rmse_deg**2 - floor_deg**2, 0.0))


class Ours:
    """Our orientations of both sensors, and the heading between them, online.

    tilt_sd_deg: (n,) deviation of both inclinations together.
    heading, told: (heading, deviation) in rad, (n,) each, without and with the joint's degrees of
    freedom told.
    """

    def __init__(self, proximal: Samples, distal: Samples, rate_hz: float, dof: int) -> None:
        self._rate_hz = rate_hz
        both = (proximal, distal)
        self._gyr = [one.gyr_radps.astype(np.float64) for one in both]
        self._acc = [one.acc_mps2.astype(np.float64) for one in both]
        found = [oriented(*each, rate_hz) for each in zip(self._gyr, self._acc, strict=True)]
        self.q = [q for q, _ in found]
        self.tilt_sd_deg = np.hypot(*(sd for _, sd in found))
        self.heading = RelativeHeading(rate_hz).update(*self.q, *self._acc)
        self.told = self._with_axes(dof) if dof in (1, 2) else self.heading

    def turned(self, heading_rad: Float64) -> Float64:
        """The distal sensor's orientation (n, 4) in the proximal one's earth."""
        return quaternion.products(rotations_about_vertical(heading_rad), self.q[1])

    def _with_axes(self, dof: int) -> tuple[Float64, Float64]:
        """With the axes that are found as it goes along: one of a hinge, or two."""
        estimator = RelativeHeading(self._rate_hz)
        hinge, pair = HingeFinder(self._rate_hz), TwoAxesFinder(self._rate_hz)
        ups = [quaternion.rotated(conjugate(q), np.array([0.0, 0.0, 1.0])) for q in self.q]
        piece = round(TOLD_EVERY_S * self._rate_hz)
        parts = []
        for start in range(0, len(self.q[0]), piece):
            now = slice(start, start + piece)
            gyr, q = [each[now] for each in self._gyr], [each[now] for each in self.q]
            parts.append(estimator.update(*q, *(each[now] for each in self._acc)))
            if dof == 1:
                one = hinge.update(*gyr, *(each[now] for each in ups))
                if one is not None and one.is_hinge:
                    estimator.constrain(
                        hinge=(one.proximal, one.distal), sd_rad=_reading_sd_rad(one.sd_deg)
                    )
            else:
                # The hint comes from the joint's centre alone: axes must not confirm themselves.
                two = pair.update(*q, *gyr, *(each[now] for each in self.heading))
                if two is not None and two.has_two_axes:
                    estimator.constrain(
                        two_axes=(two.proximal, two.distal, two.between_rad),
                        sd_rad=_reading_sd_rad(two.sd_deg),
                    )
        heading, sd = (np.concatenate(each) for each in zip(*parts, strict=True))
        return heading, sd


def _reading_sd_rad(axes_sd_deg: tuple[float, float]) -> float:
    return math.hypot(READING_SD_RAD, *(math.radians(sd) for sd in axes_sd_deg))


def run(folder: Path, track: Track) -> Report:
    """Score every recording of the folder; raises BenchmarkError when data or peers are missing."""
    rows: list[list[str]] = []
    stated: list[list[str]] = []
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
        dof = (recording.info.model_extra or {}).get("joint_dof")
        ours = Ours(proximal, distal, rate_hz, dof if isinstance(dof, int) else 3)
        plain1 = vqf_orientations(proximal, 1.0 / rate_hz)
        plain2 = vqf_orientations(distal, 1.0 / rate_hz)
        headings = heading_to_reference(plain1, plain2, ref1, ref2)
        start = headings[t_s < ALIGNED_S]
        fixed = np.arctan2(np.sin(start).mean(), np.cos(start).mean())
        turned = quaternion.products(rotations_about_vertical(fixed), plain2)
        perfect = quaternion.products(rotations_about_vertical(headings), plain2)
        errors = {
            "ours": errors_deg(ours.q[0], ours.turned(ours.heading[0]), ref1, ref2),
            "told": errors_deg(ours.q[0], ours.turned(ours.told[0]), ref1, ref2),
            "mekf_acc": errors_deg(*mekf_acc(proximal, distal, rate_hz), ref1, ref2),
            "two_vqf": errors_deg(plain1, turned, ref1, ref2),
            "floor": errors_deg(plain1, perfect, ref1, ref2),
        }
        figure: dict[str, Any] = {
            "joint_dof": dof,
            "left_out": int(late.sum() - trusted.sum()),
            "samples": int(trusted.sum()),
        }
        for method, error in errors.items():
            figure[f"{method}_rmse_deg"] = scoring.rms(error[trusted])
            figure[f"{method}_rmse_all_deg"] = scoring.rms(error[late])
        for method, (heading, sd) in (("ours", ours.heading), ("told", ours.told)):
            q1, q2 = ours.q[0], ours.turned(heading)
            scaled = scaled_errors(q1, q2, ref1, ref2, sd, ours.tilt_sd_deg, moved_deg(q1, q2))[
                trusted
            ]
            figure[f"{method}_heading_sd_deg"] = float(np.degrees(np.median(sd[trusted])))
            figure[f"{method}_above_deg"] = above_floor_deg(
                figure[f"{method}_rmse_deg"], figure["floor_rmse_deg"]
            )
            for deviations in DEVIATIONS:
                figure[f"{method}_within_{deviations}_sd"] = within_percent(scaled, deviations)
        recordings[name] = figure
        rows.append([name, str(figure["left_out"]), *_cells(figure, errors)])
        stated.append([name, *_stated(figure)])
    methods = ("ours", "told", "mekf_acc", "two_vqf", "floor")
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
    weights = [recording["samples"] for recording in recordings.values()]
    pooled: dict[str, float] = {}
    for method in ("ours", "told"):
        for key in ("above_deg", *(f"within_{deviations}_sd" for deviations in DEVIATIONS)):
            values = [recording[f"{method}_{key}"] for recording in recordings.values()]
            means[f"{method}_{key}"] = scoring.mean(values)
            if key != "above_deg" and sum(weights):
                pooled[f"{method}_{key}"] = float(np.average(values, weights=weights))
    stated.append(["mean", *_stated(means)])
    stated.append(["all samples", *_stated({**dict.fromkeys(means, math.nan), **pooled})])
    figures = {"recordings": recordings, **means, "all_samples": pooled}
    table = Table(
        f"dfjimu: relative orientation, RMSE in degrees, {len(recordings)} recordings",
        ["recording", "left out", "ours", "told (1)", "mekf_acc (2)", "two vqf (3)", "floor (4)"],
        rows,
    )
    table_stated = Table(
        "dfjimu: what the heading adds, in degrees, and how often the stated deviation holds",
        [
            "recording", "added", "told: added", "within 1 sd", "2 sd", "told: within 1 sd", "2 sd",
        ],
        stated,
    )  # fmt: skip
    definitions = [
        "Root mean square angle between estimated and optical relative orientation, heading "
        f"included, from {SCORED_FROM_S:g} s on, over samples whose reference agrees with the "
        f"gyroscope: left out are those whose rotation over the {SPAN_S:g} s before and over the "
        f"{SPAN_S:g} s after both differ from the integrated rate by more than "
        f"{CONTRADICTION_DEG:g} degrees, by either sensor, for all methods alike.",
        "Ours: online; arms, starting heading and kind of joint unknown, nothing from the "
        "reference.",
        "(1) Ours, told how many degrees of freedom the joint has, and no more: one, and a hinge's "
        "axis is found as the recording goes on; two, and both axes are; three say nothing.",
        "(2) dfjimu (Weygers and Kok 2020), lever arms omitted: the package estimates them from "
        f"the whole recording. With arms given: {MEKF_ARMS_GIVEN_DEG} over eight recordings of the "
        "set, by an earlier measurement.",
        f"(3) Two filters of the package vqf; the reference's first {ALIGNED_S:g} s tell their "
        "heading difference. (4) The same with the best heading at every sample, told by the "
        "reference: what inclination alone leaves.",
        "Added: root of the difference of the squares of ours and the floor. Within: share of the "
        "three components of the error, about the axes of the proximal sensor, that lie within one "
        "and two stated deviations; of a normal error it is 68 and 95 %. The deviation about an "
        "axis is that of the heading, by the axis's vertical part, of both inclinations, which "
        "follows how far gyroscope and gravity disagree, by its level part, and of a time known to "
        "one sampling interval. Mean: of the recordings; all samples: of all of them together.",
    ]
    return Report(NAME, [table, table_stated], definitions, figures)


def _cells(figure: dict[str, Any], methods: Any) -> list[str]:
    return [number(figure[f"{method}_rmse_deg"]) for method in methods]


def _stated(figure: dict[str, Any]) -> list[str]:
    added = [number(figure[f"{method}_above_deg"]) for method in ("ours", "told")]
    return added + [
        percent(figure[f"{method}_within_{deviations}_sd"])
        for method in ("ours", "told")
        for deviations in DEVIATIONS
    ]
