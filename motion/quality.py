"""What one repetition is worth: faults, notes, score, and the cue that helps.

Takes a measured repetition and its template; also holds the measure of smoothness (SPARC).
How a repetition is found stands in `repetition`, when a cue is given in `session`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from motion._jit import njit
from motion.events import Fault, Note, Verdict
from motion.reference import Reference, least_range
from motion.template import ExerciseTemplate, Judging, Tempo

Float64 = NDArray[np.float64]

# Spectral arc length as Balasubramanian et al. (2015) recommend it for human movement: nothing
# deliberate lies above 10 Hz, and what is below a twentieth of the largest amplitude is noise.
SPARC_CUT_OFF_HZ: Final = 10.0
SPARC_AMPLITUDE: Final = 0.05
# Their padlevel 4: the next power of two is padded 2**4 times, which makes the arc smooth.
SPARC_PADDING: Final = 16
# Five samples of a minimum-jerk pulse at 25 Hz still give -1.403 in place of -1.406; four give
# -1.24, which says more about the sampling than about the movement.
SPARC_FEWEST_SAMPLES: Final = 5
# A movement of five stops and starts has -3.30, of six -3.54; a smooth one has -1.41 in full and
# -1.75 between 5 and 95 % of its excursion. Of 2,275 repetitions of nine healthy people (shoulder
# with a watch, leg and arm with body sensors), each 5-95 % part by itself, the 5th percentile is
# -2.23 out and -2.35 back (-3.27 in the set whose long holds sag), the 1st -2.41 and -3.48:
# one part out in 2,000 and one part back in 100 lie below -3.5.
JERKY_SPARC: Final = -3.5
# Twice the threshold: far more broken than any movement above, no smoothness points are left.
NO_SMOOTHNESS_SPARC: Final = 2.0 * JERKY_SPARC

# A hundred points. Range is what the exercise is for, tempo what patients alone lose first;
# compensations and smoothness are shared by fewer sensors and templates.
RANGE_POINTS: Final = 40.0
TEMPO_POINTS: Final = 30.0
SMOOTHNESS_POINTS: Final = 15.0
COMPENSATION_POINTS: Final = 15.0
# Half as far again as the limit leaves no range points.
OVERSHOOT_SHARE: Final = 0.5
# Where ranges are measured from the demonstrated start: how much of the rest's departure from it is
# taken off. People rest anywhere and turn where they were shown to; but sensors that sit a little
# otherwise move rest and turning point alike. 0 to a half judges three people alike (the experiment
# log has the table); 1 would be the range above the rest.
REST_SHARE: Final = 0.25

_COMPENSATION: Final = "compensation:"
_NOTES: Final = frozenset(note.value for note in Note)

# What a patient hears or reads: by code, so that it can be translated. Short, and says what to do.
CUES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "limit": "That is far enough",
        "too_fast": "Take a little more time",
        "too_fast_out": "Start a little slower",
        "too_fast_back": "Come back a little slower",
        "hold_short": "Hold the end a little longer",
        "sagging": "Back into position, and hold",
        "range_short": "Go a little further",
        "too_slow": "A little quicker now",
        "jerky": "Smooth and steady",
        "paused": "Keep it flowing",
    }
)
# Which fault is cued when there are several: what could strain first, then how far. A silent
# sensor (`interrupted`) is no doing of the patient's and has no cue.
_CUE_ORDER: Final = (
    _COMPENSATION,
    Fault.TOO_FAST.value,
    Fault.SAGGING.value,
    Fault.HOLD_SHORT.value,
    Fault.RANGE_SHORT.value,
    Note.TOO_SLOW.value,
    Note.JERKY.value,
    Note.PAUSED.value,
)


@njit
def _spectral_arc_kernel(speed: Float64, rate_hz: float) -> float:
    """SPARC of `speed` (n,); NaN where it is not defined.

    The whole padded transform (radix 2) costs less than summing up the few bins below the cut-off
    one by one, and stays in milliseconds for a movement of five minutes.
    """
    n = len(speed)
    if n < SPARC_FEWEST_SAMPLES:
        return math.nan
    for i in range(n):
        if not math.isfinite(speed[i]):
            return math.nan
    size = 1
    while size < n:
        size *= 2
    size *= SPARC_PADDING
    real = np.zeros(size)
    imag = np.zeros(size)
    # Bit-reversed order; `reverse` counts with its highest bit as the lowest.
    reverse = 0
    for i in range(n):
        real[reverse] = speed[i]
        bit = size >> 1
        while bit > 0 and reverse & bit:
            reverse ^= bit
            bit >>= 1
        reverse |= bit
    half = size // 2
    cosine = np.empty(half)
    sine = np.empty(half)
    for i in range(half):
        angle = -2.0 * math.pi * i / size
        cosine[i] = math.cos(angle)
        sine[i] = math.sin(angle)
    span = 1
    while span < size:
        stride = half // span
        for block in range(0, size, 2 * span):
            for k in range(span):
                c = cosine[k * stride]
                s = sine[k * stride]
                low = block + k
                high = low + span
                x = real[high] * c - imag[high] * s
                y = real[high] * s + imag[high] * c
                real[high] = real[low] - x
                imag[high] = imag[low] - y
                real[low] += x
                imag[low] += y
        span *= 2
    bins = 0
    largest = 0.0
    # `half` is the Nyquist frequency, which comes first below 20 Hz of sampling rate.
    while bins <= half and bins * rate_hz / size <= SPARC_CUT_OFF_HZ:
        real[bins] = math.sqrt(real[bins] * real[bins] + imag[bins] * imag[bins])
        largest = max(largest, real[bins])
        bins += 1
    if largest <= 0.0:
        return math.nan
    first = -1
    last = -1
    for i in range(bins):
        real[i] /= largest
        if real[i] >= SPARC_AMPLITUDE:
            last = i
            if first < 0:
                first = i
    if last <= first:
        return math.nan
    step = 1.0 / (last - first)
    arc = 0.0
    for i in range(first, last):
        rise = real[i + 1] - real[i]
        arc += math.sqrt(step * step + rise * rise)
    return -arc


def sparc(speed: ArrayLike, rate_hz: float) -> float:
    """Spectral arc length of a speed profile: near -1.4 when smooth, lower the less smooth.

    speed: (n,) magnitude of a linear or angular velocity, not negative, evenly sampled; its unit
    does not matter. rate_hz: its sampling rate. The spectrum is looked at up to 10 Hz; below
    20 Hz of sampling rate only up to the Nyquist frequency, so that jerks faster than that go
    unseen and such values must not be compared with those of faster sensors.

    Returns NaN for fewer than 5 samples, for a value that is not finite and for no movement.
    Raises ValueError when `speed` has more than one dimension or `rate_hz` is not positive.

    Balasubramanian, Melendez-Calderon, Roby-Brami & Burdet, J NeuroEng Rehabil 12:112, 2015,
    equation 9, with the adaptive cut-off frequency. Gyroscope rates are used directly, as
    Melendez-Calderon et al. (2021) advise.
    """
    values = np.ascontiguousarray(speed, dtype=np.float64)
    if values.ndim != 1:
        raise ValueError(f"speed has shape {values.shape}; give one value a sample.")
    if not 0.0 < rate_hz < math.inf:
        raise ValueError(f"rate_hz is {rate_hz}; give the sampling rate in hertz.")
    return float(_spectral_arc_kernel(values, float(rate_hz)))


def reach_deg(rest_deg: float, rom_deg: float) -> float:
    """How far a turning point lies beyond the demonstrated start, degrees.

    rest_deg: the rest before on the scale whose zero is that start. rom_deg: range above that rest.
    REST_SHARE of the rest's departure from the start is taken off.
    """
    return rom_deg + (1.0 - REST_SHARE) * rest_deg


@dataclass(frozen=True, slots=True)
class RepetitionMeasure:
    """One repetition as measured, before any prescription.

    start_s, peak_s, end_s: session time. rom_deg: peak minus the rest before, rom_sd_deg its
    standard deviation. out_s, hold_s, back_s add up to end_s - start_s, but of a learned exercise
    only to the time out of the band of the rest; active_s is the time above a fifth of the
    excursion; time_sd_s is the standard deviation of each of these durations.
    smoothness_*: SPARC of each direction, None when it could not be measured. compensations: by
    name, the largest deviation in degrees and its standard deviation; what could not be measured is
    left out. interrupted: a sensor fell silent meanwhile. paused: stood still in mid-repetition.
    whole: False when it was under way before the recording began. sagging: a hold left its band for
    long and came back. reach_deg: `reach_deg` of the turning point, where the template measures
    ranges from the demonstrated start.
    """

    start_s: float
    peak_s: float
    end_s: float
    rom_deg: float
    rom_sd_deg: float
    out_s: float
    hold_s: float
    back_s: float
    active_s: float
    time_sd_s: float
    smoothness_out: float | None
    smoothness_back: float | None
    compensations: dict[str, tuple[float, float]]
    interrupted: bool
    paused: bool
    whole: bool
    sagging: bool = False
    reach_deg: float | None = None

    @property
    def judged_range_deg(self) -> float:
        """What minimum, goal and limit are compared with: the reach, or the range."""
        return self.rom_deg if self.reach_deg is None else self.reach_deg


@dataclass(frozen=True, slots=True)
class Judgement:
    """A repetition against its template; the fields are those of `events.RepetitionEvent`.

    `score` is range + tempo + smoothness + compensation of `score_parts`, added up from left to
    right. `faults`, `borderline` and `notes` are each in the order in which `judge` looks.
    """

    goal_reached: bool
    score: float
    score_parts: dict[str, float]
    verdict: Verdict
    faults: list[str]
    borderline: list[str]
    notes: list[str]


class Unit(StrEnum):
    """Of a compared value. A SPARC has none."""

    DEGREES = "deg"
    SECONDS = "s"
    SPARC = "sparc"


class Bound(StrEnum):
    """Which side of its threshold a value should be on."""

    LEAST = "least"
    MOST = "most"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One measured value against one threshold, both in `unit`.

    measured: the field of `RepetitionMeasure` it stands in, or the name of a compensation. sd: the
    value's standard deviation, None where none is known. threshold_sd: that of a threshold which
    was itself measured, a share of the person's own first repetitions.
    """

    measured: str
    unit: Unit
    value: float
    sd: float | None
    threshold: float
    bound: Bound
    threshold_sd: float = 0.0

    @property
    def margin_sd(self) -> float | None:
        """Standard deviation of the margin; None where none is known of the value."""
        if self.sd is None or self.threshold_sd == 0.0:
            return self.sd
        return math.sqrt(self.sd * self.sd + self.threshold_sd * self.threshold_sd)

    @property
    def margin(self) -> float:
        """Distance from the threshold, negative beyond it."""
        if self.bound is Bound.LEAST:
            return self.value - self.threshold
        return self.threshold - self.value

    @property
    def margin_sds(self) -> float | None:
        """The margin in its standard deviations; None where none is known."""
        sd = self.margin_sd
        if sd is None:
            return None
        if sd > 0.0:
            return self.margin / sd
        return math.copysign(math.inf, self.margin) if self.margin != 0.0 else 0.0

    @property
    def kept(self) -> bool:
        """Whether the value is on the right side of its threshold, or on it."""
        return self.margin >= 0.0


@dataclass(frozen=True, slots=True)
class RuleOutcome:
    """How one rule that applies came out.

    judging: what it is when broken. comparisons: every value that the rule looks at, the worst of
    which decides; none for a rule about what happened, of which `happened` tells.
    """

    rule: str
    judging: Judging
    comparisons: tuple[Comparison, ...] = ()
    happened: bool = False

    @property
    def decisive(self) -> Comparison | None:
        """The comparison with the smallest margin; None for a rule about what happened."""
        return min(self.comparisons, key=_margin, default=None)

    @property
    def broken(self) -> bool:
        decisive = self.decisive
        return self.happened if decisive is None else not decisive.kept

    @property
    def borderline(self) -> bool:
        """Whether another measurement of the same movement might have come out differently.

        What happened has no threshold to be near to.
        """
        decisive = self.decisive
        if decisive is None or decisive.margin_sd is None:
            return False
        return abs(decisive.margin) <= decisive.margin_sd


def _margin(comparison: Comparison) -> float:
    return comparison.margin


def _parts(measure: RepetitionMeasure, tempo: Tempo) -> list[tuple[str, float, float, float]]:
    """(field, measured, shortest, longest) in seconds of every prescribed part."""
    parts = (
        ("out_s", measure.out_s, tempo.out_s),
        ("hold_s", measure.hold_s, tempo.hold_s),
        ("back_s", measure.back_s, tempo.back_s),
        ("active_s", measure.active_s, tempo.active_s),
    )
    return [(name, value, *bounds) for name, value, bounds in parts if bounds is not None]


def _smoothness(measure: RepetitionMeasure) -> list[tuple[str, float]]:
    """(field, SPARC) of the directions whose smoothness was measured."""
    both = (
        ("smoothness_out", measure.smoothness_out),
        ("smoothness_back", measure.smoothness_back),
    )
    return [(name, value) for name, value in both if value is not None and not math.isnan(value)]


def goal(measure: RepetitionMeasure, template: ExerciseTemplate) -> Comparison | None:
    """What the repetition aimed at: a range reaches its goal, a hold lasts as long as it should.

    Missing it is no fault. None for a hold that has no prescribed time.
    """
    if template.band is None:
        return _range(measure, template.range.goal_deg, Bound.LEAST)
    if template.tempo.hold_s is None:
        return None
    return _time(measure, "hold_s", measure.hold_s, template.tempo.hold_s[0], Bound.LEAST)


def _range(
    measure: RepetitionMeasure, threshold_deg: float, bound: Bound, threshold_sd_deg: float = 0.0
) -> Comparison:
    measured = "rom_deg" if measure.reach_deg is None else "reach_deg"
    value, sd = measure.judged_range_deg, measure.rom_sd_deg
    return Comparison(measured, Unit.DEGREES, value, sd, threshold_deg, bound, threshold_sd_deg)


def _time(
    measure: RepetitionMeasure, part: str, value: float, threshold_s: float, bound: Bound
) -> Comparison:
    return Comparison(part, Unit.SECONDS, value, measure.time_sd_s, threshold_s, bound)


def rule_outcomes(
    measure: RepetitionMeasure, template: ExerciseTemplate, reference: Reference | None = None
) -> list[RuleOutcome]:
    """Every rule that applies to this repetition, in the order in which `judge` names them.

    reference: the person's own, where the template asks for one and there is one already.
    What the template leaves out, or the sensors could not measure, has no outcome. A repetition
    whose start was not seen has a range that is at least so large, and no times.
    """
    overrides: dict[str, Judging] = {str(rule): side for rule, side in template.rules.items()}

    def outcome(rule: str, *comparisons: Comparison, happened: bool = False) -> RuleOutcome:
        note = rule in _NOTES
        judging = overrides.get(rule, Judging.NOTE if note else Judging.FAULT)
        if note and not measure.whole:
            judging = Judging.NOTE
        return RuleOutcome(str(rule), judging, comparisons, happened)

    target, tempo = template.range, template.tempo
    parts = _parts(measure, tempo) if measure.whole else []
    found: list[RuleOutcome] = []
    if template.band is not None:
        # What is held has no range of its own: it is in the band, or it sags.
        found.append(outcome(Fault.SAGGING, happened=measure.sagging))
    else:
        if measure.whole:
            least_deg, least_sd_deg = least_range(target, reference)
            least = _range(measure, least_deg, Bound.LEAST, least_sd_deg)
            found.append(outcome(Fault.RANGE_SHORT, least))
        found.append(outcome(Fault.RANGE_OVER, _range(measure, target.limit_deg, Bound.MOST)))
    # A shortest time of zero cannot be missed, so nothing is near to it either.
    hurried = [
        _time(measure, part, value, shortest, Bound.LEAST)
        for part, value, shortest, _ in parts
        if shortest > 0.0
    ]
    moving = [each for each in hurried if each.measured != "hold_s"]
    held = [each for each in hurried if each.measured == "hold_s"]
    if moving:
        found.append(outcome(Fault.TOO_FAST, *moving))
    if held:
        found.append(outcome(Fault.HOLD_SHORT, *held))
    for compensation in template.compensations:
        measured = measure.compensations.get(compensation.name)
        if measured is not None:
            value_deg, sd_deg = measured
            most = Comparison(
                compensation.name,
                Unit.DEGREES,
                value_deg,
                sd_deg,
                compensation.limit_deg,
                Bound.MOST,
            )
            found.append(outcome(_COMPENSATION + compensation.name, most))
    if parts:
        slow = [
            _time(measure, part, value, longest, Bound.MOST) for part, value, _, longest in parts
        ]
        found.append(outcome(Note.TOO_SLOW, *slow))
    smoothness = _smoothness(measure) if measure.whole else []
    if smoothness:
        # No deviation is known of a SPARC: jerky is never borderline.
        least_smooth = [
            Comparison(way, Unit.SPARC, value, None, JERKY_SPARC, Bound.LEAST)
            for way, value in smoothness
        ]
        found.append(outcome(Note.JERKY, *least_smooth))
    found.append(outcome(Note.INTERRUPTED, happened=measure.interrupted or not measure.whole))
    found.append(outcome(Note.PAUSED, happened=measure.paused))
    return found


def _range_share(measure: RepetitionMeasure, template: ExerciseTemplate) -> float:
    target = template.range
    if template.band is not None:
        return 1.0
    range_deg = measure.judged_range_deg
    if range_deg > target.limit_deg:
        beyond = (range_deg - target.limit_deg) / (OVERSHOOT_SHARE * target.limit_deg)
        return max(0.0, 1.0 - beyond)
    if not measure.whole:
        return 1.0
    return min(1.0, max(0.0, range_deg / target.goal_deg))


def _tempo_share(measure: RepetitionMeasure, template: ExerciseTemplate) -> float:
    if not measure.whole:
        return 1.0
    share = 1.0
    for _, value, shortest, longest in _parts(measure, template.tempo):
        if value < shortest:
            share = min(share, max(0.0, value / shortest))
        elif value > longest:
            share = min(share, longest / value)
    return share


def _smoothness_share(measure: RepetitionMeasure) -> float:
    worst = min((value for _, value in _smoothness(measure)), default=0.0)
    if not measure.whole or worst >= JERKY_SPARC:
        return 1.0
    return max(0.0, (worst - NO_SMOOTHNESS_SPARC) / (JERKY_SPARC - NO_SMOOTHNESS_SPARC))


def _compensation_share(measure: RepetitionMeasure, template: ExerciseTemplate) -> float:
    share = 1.0
    for compensation in template.compensations:
        measured = measure.compensations.get(compensation.name)
        if measured is not None:
            beyond = (measured[0] - compensation.limit_deg) / compensation.limit_deg
            share = min(share, max(0.0, 1.0 - max(0.0, beyond)))
    return share


def judge(
    measure: RepetitionMeasure, template: ExerciseTemplate, reference: Reference | None = None
) -> Judgement:
    """Judge one repetition by its values alone, its range against the person's own `reference`
    where one is given.

    Faults: range_short (below the minimum, or a share of the reference), range_over (above the
    limit), too_fast (out, back or active below its prescribed shortest), hold_short, sagging (a
    hold that left its band and came back), compensation:<name>. Notes: too_slow (any part above its
    longest), jerky (SPARC of either direction below JERKY_SPARC), interrupted,
    paused. `template.rules` moves a rule to the other side. What the template leaves out or the
    sensors could not measure is not judged.

    A repetition that was under way when the recording began (`whole` False) can only have
    range_over and compensations as faults; it is noted as interrupted.

    borderline: rules whose value lies within one standard deviation of the threshold, on either
    side; of several parts the worst one decides. The score is described in docs/scoring.md; it
    depends on the values, never on `template.rules`.
    """
    outcomes = rule_outcomes(measure, template, reference)
    broken = [outcome for outcome in outcomes if outcome.broken]
    faults = [outcome.rule for outcome in broken if outcome.judging is Judging.FAULT]
    aim = goal(measure, template)
    parts = {
        "range": RANGE_POINTS * _range_share(measure, template),
        "tempo": TEMPO_POINTS * _tempo_share(measure, template),
        "smoothness": SMOOTHNESS_POINTS * _smoothness_share(measure),
        "compensation": COMPENSATION_POINTS * _compensation_share(measure, template),
    }
    score = parts["range"] + parts["tempo"] + parts["smoothness"] + parts["compensation"]
    return Judgement(
        goal_reached=aim is None or aim.kept,
        score=score,
        score_parts=parts,
        verdict=Verdict.INCORRECT if faults else Verdict.CORRECT,
        faults=faults,
        borderline=[outcome.rule for outcome in outcomes if outcome.borderline],
        notes=[outcome.rule for outcome in broken if outcome.judging is Judging.NOTE],
    )


def limit_cue() -> tuple[str, str]:
    """(code, text) for the moment in which the angle crosses the limit."""
    return "limit", CUES["limit"]


def cue_for(
    judgement: Judgement, measure: RepetitionMeasure, template: ExerciseTemplate
) -> tuple[str, str] | None:
    """The one cue, (code, text), that helps the next repetition most, or None.

    Faults only, the most important first, and none that is borderline. A repetition that went
    beyond the limit has had its cue at the crossing (`limit_cue`) and gets no second one.
    Compensations speak with the template's own cue; their code is `compensation:<name>`.
    """
    if template.band is None and measure.judged_range_deg > template.range.limit_deg:
        return None
    clear = [rule for rule in judgement.faults if rule not in judgement.borderline]
    for kind in _CUE_ORDER:
        for rule in clear:
            if kind == _COMPENSATION and rule.startswith(_COMPENSATION):
                name = rule.removeprefix(_COMPENSATION)
                return rule, next(c.cue for c in template.compensations if c.name == name)
            if rule == kind:
                code = _too_fast_code(measure, template.tempo) if kind == "too_fast" else rule
                return code, CUES[code]
    return None


def _too_fast_code(measure: RepetitionMeasure, tempo: Tempo) -> str:
    """Which way was hurried, when it was only one."""
    out = tempo.out_s is not None and measure.out_s < tempo.out_s[0]
    back = tempo.back_s is not None and measure.back_s < tempo.back_s[0]
    if out == back:
        return "too_fast"
    return "too_fast_out" if out else "too_fast_back"
