"""Codes of the engine in words for a therapist, and numbers and times as people write them.

The terminal and the report say the same thing with the same words. What a patient reads are the
cues, which `motion.quality` owns.
"""

import math
import unicodedata
from collections.abc import Sequence
from typing import Final

from motion.change import LEAST_REPETITIONS as LEAST_TO_COMPARE
from motion.change import Change, SessionChange
from motion.decline import Decline
from motion.events import LooksLikeEvent, RepetitionEvent, Silence
from motion.plausibility import RowFlag
from motion.quantity import Quantity
from motion.reference import FIRST, LOWEST_SHARE, OWN_SHARE, Reference, least_range
from motion.symmetry import Difference, Symmetry
from motion.template import ExerciseTemplate, RangeOfMotion
from motion.trend import LEAST_REPETITIONS as LEAST_FOR_TREND
from motion.trend import SetTrend, Trend
from server.losses import MOST_KEPT, BriefLosses, Loss

_RULES: Final = {
    "range_short": "range too small",
    "range_over": "beyond the limit",
    "too_fast": "too fast",
    "hold_short": "held too briefly",
    "too_slow": "slow",
    "jerky": "jerky",
    "interrupted": "not fully recorded",
    "paused": "paused midway",
}
_COMPENSATION: Final = "compensation:"
_REASONS: Final = {
    "saturated": "beyond what the sensor can measure",
    "frozen": "the same values over and over",
}
_LOSSES: Final = {
    RowFlag.VALID: "no samples",
    RowFlag.NOT_FINITE: "values that are no numbers",
    RowFlag.SATURATED: _REASONS["saturated"],
    RowFlag.FROZEN: _REASONS["frozen"],
}
_QUANTITIES: Final = {
    Quantity.RANGE: "range",
    Quantity.OUT: "time out",
    Quantity.HOLD: "time held",
    Quantity.BACK: "time back",
    Quantity.SMOOTHNESS: "smoothness",
    Quantity.SCORE: "score",
}
_UNITS: Final = {
    Quantity.RANGE: "°",
    Quantity.OUT: " s",
    Quantity.HOLD: " s",
    Quantity.BACK: " s",
    Quantity.SMOOTHNESS: "",
    Quantity.SCORE: " points",
}

# Under a comparison of two sessions.
SESSIONS_COMPARED: Final = (
    "Medians of both sessions. Detectable: what a change has to exceed to be beyond chance, all "
    "quantities together, and beyond the measuring uncertainty, which counts in full for each "
    "session. How much a person differs from day to day two sessions cannot tell."
)


def printable(text: str) -> str:
    """`text` on one line without control characters, which a file's texts may hold."""
    return "".join(
        " " if character.isspace() else character
        for character in text
        if character.isspace() or unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co")
    )


def rule_words(rule: str) -> str:
    """A fault or note in words; compensations by their name."""
    if rule.startswith(_COMPENSATION):
        return rule.removeprefix(_COMPENSATION).replace("_", " ")
    return _RULES.get(rule, rule.replace("_", " "))


def rules_words(rules: Sequence[str]) -> str:
    """Faults or notes in words, separated by commas."""
    return ", ".join(rule_words(rule) for rule in rules)


def borderline_words(event: RepetitionEvent) -> str:
    """Which rules might have come out differently, or nothing."""
    if event.borderline and event.borderline == event.faults:
        return "close call"
    return f"close call: {rules_words(event.borderline)}" if event.borderline else ""


def aside_words(event: RepetitionEvent) -> str:
    """What goes with verdict and faults: notes and close calls, or nothing."""
    parts = (rules_words(event.notes), borderline_words(event))
    return "; ".join(part for part in parts if part)


def looks_like_words(event: LooksLikeEvent) -> str:
    """Another exercise was done than the one under way, as a sentence."""
    return (
        f"From {clock(event.start_s)} on it looked like another exercise: {event.name} "
        f"({event.looks_like}), {round(100.0 * event.sure)} % sure."
    )


def silence_words(silence: Silence) -> str:
    """A silence with its times, as a sentence."""
    reason = _REASONS.get(silence.reason, silence.reason)
    if silence.from_s == silence.to_s:
        return f"Sensor {silence.sensor} gave nothing usable throughout: {reason}."
    return (
        f"Sensor {silence.sensor} gave nothing usable from {clock(silence.from_s)} to "
        f"{clock(silence.to_s)} ({silence.to_s - silence.from_s:.1f} s): {reason}."
    )


def losses_words(losses: BriefLosses) -> str:
    """Brief losses with their times, as a sentence."""
    head = f"Sensor {losses.sensor} lost samples briefly, and the gaps were bridged"
    if losses.longest is None or losses.count <= MOST_KEPT:
        return f"{head}: {', '.join(_loss_words(loss) for loss in losses.first)}."
    return (
        f"{head}: {losses.count} times from {clock(losses.first[0].from_s)} to "
        f"{clock(losses.last_s)}, {losses.total_s:.1f} s in all, longest "
        f"{_loss_words(losses.longest)}."
    )


def _loss_words(loss: Loss) -> str:
    return f"at {clock(loss.from_s)} for {loss.lasted_s:.2f} s ({_LOSSES[loss.reason]})"


def clock(t_s: float) -> str:
    """Session time: 12.3 s, 2:05.0 or 1:02:05."""
    if not math.isfinite(t_s):
        return "?"
    sign = "-" if t_s < 0 else ""
    tenths = round(abs(t_s) * 10)
    minutes, tenths = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{sign}{hours}:{minutes:02d}:{tenths // 10:02d}"
    if minutes:
        return f"{sign}{minutes}:{tenths // 10:02d}.{tenths % 10}"
    return f"{sign}{tenths // 10}.{tenths % 10} s"


def duration(seconds: float) -> str:
    """How long something lasted: 35.6 s, 4 min 3 s or 1 h 2 min."""
    if seconds < 99.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def tempo_words(event: RepetitionEvent) -> str:
    """Out, hold and back in seconds."""
    return f"{event.out_s:.1f} / {event.hold_s:.1f} / {event.back_s:.1f}"


def smoothness_words(event: RepetitionEvent) -> str:
    """SPARC of both ways; a dash for what was not measured."""
    values = (event.smoothness_out, event.smoothness_back)
    return " / ".join("-" if value is None else f"{value:.1f}" for value in values)


def target_words(template: ExerciseTemplate) -> str:
    """The prescribed range; where it is measured from, if that is not the rest."""
    target = template.range
    told = f"at least {least_words(target)}, goal {target.goal_deg:g}°, limit {target.limit_deg:g}°"
    return told if target.measured_from == "rest" else f"{told}, {measured_from(template)}"


def least_words(target: RangeOfMotion) -> str:
    """The least range; where one's own is the reference, between what it may lie."""
    if target.reference == "prescription":
        return f"{target.minimum_deg:g}°"
    return (
        f"{100.0 * OWN_SHARE:.0f} % of one's own first {FIRST} repetitions, from "
        f"{LOWEST_SHARE * target.minimum_deg:.3g}° up to the goal ({target.minimum_deg:g}° before "
        f"there are {FIRST})"
    )


def shares_words(event: RepetitionEvent, template: ExerciseTemplate) -> str:
    """The range in percent of the prescribed goal and of one's own first repetitions."""
    if event.exercise != template.id:
        return ""
    own = "-" if event.rom_share_own is None else f"{100.0 * event.rom_share_own:.0f}"
    return f"{100.0 * event.judged_range_deg / template.range.goal_deg:.0f} / {own} %"


def reference_words(
    event: RepetitionEvent, template: ExerciseTemplate, reference: Reference | None
) -> str:
    """What a range was judged against, where that is one's own: nothing elsewhere."""
    target = template.range
    if target.reference == "prescription":
        return ""
    share = 100.0 * event.judged_range_deg / target.goal_deg
    goal = f"{share:.0f} % of the goal of {target.goal_deg:g}°"
    if reference is None:
        return (
            f"It reached {goal}. There were fewer than {FIRST} repetitions to take one's own "
            f"reference from, so that the prescribed minimum of {target.minimum_deg:g}° holds."
        )
    least_deg, least_sd_deg = least_range(target, reference)
    own = f"{100.0 * OWN_SHARE:.0f} % of one's own"
    if least_sd_deg > 0.0:
        asked = f"{least_deg:.1f}° are asked, {own}"
    elif least_deg >= target.goal_deg:
        asked = f"the goal is asked, where {own} would be more"
    else:
        asked = (
            f"{least_deg:.1f}° are asked, {100.0 * LOWEST_SHARE:.0f} % of the prescribed minimum "
            f"of {target.minimum_deg:g}°, where {own} would be less"
        )
    share_own = "-" if event.rom_share_own is None else f"{100.0 * event.rom_share_own:.0f}"
    return (
        f"It reached {goal} and {share_own} % of one's own first {FIRST} repetitions, "
        f"{reference.range_deg:.1f} ± {reference.sd_deg:.1f}°; {asked}."
    )


def range_axis(template: ExerciseTemplate) -> str:
    """Short enough for the axis of a small plot: the ranges that are judged."""
    return "reach, °" if template.range.measured_from == "start" else "range, °"


def angle_axis(template: ExerciseTemplate) -> str:
    """Where the shown angle is measured from, short enough for an axis."""
    start = template.range.measured_from == "start"
    return "angle from the start, °" if start else "angle above rest, °"


def measured_from(template: ExerciseTemplate) -> str:
    """Where the template measures ranges from."""
    if template.range.measured_from == "start":
        return "beyond the demonstrated start"
    return "above the rest before"


def counted(number: int, one: str, many: str | None = None) -> str:
    """A number with its noun."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def walking(strides: int, walked_s: float) -> list[str]:
    """What was left out because somebody walked: nothing, or one phrase for each."""
    told = [f"{counted(strides, 'stride')} not counted"] if strides else []
    return told + ([f"walked for {walked_s:.0f} s"] if walked_s else [])


def times(number: int) -> str:
    """How often."""
    return {0: "never", 1: "once", 2: "twice"}.get(number, f"{number} times")


def quantity_words(quantity: Quantity) -> str:
    """What is compared within a set or between sides."""
    return _QUANTITIES[quantity]


def value_words(quantity: Quantity, value: float) -> str:
    """A value with its unit."""
    match quantity:
        case Quantity.RANGE:
            return f"{value:.0f}°"
        case Quantity.OUT | Quantity.HOLD | Quantity.BACK:
            return f"{value:.1f} s"
        case Quantity.SMOOTHNESS:
            return f"{value:.1f}"
        case Quantity.SCORE:
            # The line of a trend may lead beyond what a score can be.
            return f"{min(100.0, max(0.0, value)):.0f}"


def trend_names(trends: Sequence[SetTrend]) -> list[str]:
    """What tells them apart: exercise, set, way or side; nothing where there is only one."""
    if len(trends) < 2:
        return [""] * len(trends)
    exercises = {trend.exercise for trend in trends}
    kinds = [(trend.exercise, trend.side, trend.way) for trend in trends]
    several_sets = len(set(kinds)) < len(kinds)
    several_kinds = len({(trend.side, trend.way) for trend in trends}) > 1
    names = []
    for trend in trends:
        parts = [trend.exercise] if len(exercises) > 1 else []
        parts += [f"set {trend.set_index}"] if several_sets else []
        if several_kinds:
            parts += [(trend.way or trend.side or "").replace("_", " ")]
        names.append(", ".join(part for part in parts if part))
    return names


def trend_words(trend: SetTrend) -> str:
    """What became of a set while it lasted, in a sentence or two."""
    if not trend.trends:
        left_out = f", {trend.left_out} more paused or not fully recorded" if trend.left_out else ""
        return (
            f"Too few repetitions to tell a trend: {len(trend.repetitions)}{left_out}, where "
            f"{LEAST_FOR_TREND} are needed."
        )
    if not trend.statements:
        if any(each.beyond_chance for each in trend.trends.values()):
            return "No trend that is both beyond chance and large enough to matter."
        return "No trend beyond chance."
    tired = [each for each in trend.statements if each.of_fatigue]
    others = [each for each in trend.statements if not each.of_fatigue]
    sign = "a sign of fatigue" if len(tired) == 1 else "signs of fatigue"
    told = []
    if tired:
        told.append(f"{_changes_words(tired)}: {sign}.")
    if others:
        told.append(f"{_changes_words(others)}.")
    return " ".join(told)


def _changes_words(
    trends: Sequence[Trend | Change], since: str = "from the first to the last repetition"
) -> str:
    """Changes as a clause; since when and which interval is said once."""
    parts = []
    for number, trend in enumerate(trends):
        when = f" {since}" if number == 0 else ""
        level = "95 % interval " if number == 0 else ""
        verb = "rose" if trend.change > 0.0 else "fell"
        by, low, high, unit = _change_numbers(trend)
        parts.append(
            f"the {quantity_words(trend.quantity)} {verb} by {by}{unit}{when} "
            f"({level}{low} to {high}{unit})"
        )
    text = parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
    return text[:1].upper() + text[1:]


def _change_numbers(trend: Trend | Change) -> tuple[str, str, str, str]:
    """Size of a change, its interval and its unit; the interval lies on one side of zero."""
    percent = trend.percent
    values = percent if percent is not None else (trend.change, trend.low, trend.high)
    by, low, high = (abs(value) for value in values)
    digits = 1 if percent is None and trend.quantity is not Quantity.SCORE else 0
    unit = " %" if percent is not None else _UNITS[trend.quantity]
    low, high = sorted((low, high))
    return f"{by:.{digits}f}", f"{low:.{digits}f}", f"{high:.{digits}f}", unit


def change_words(trend: Trend | Change) -> str:
    """A change with its interval, signed, stated or not: -20 % (-26 to -13)."""
    percent = trend.percent
    if percent is not None:
        change, low, high = percent
        return f"{_signed(change, 0)} % ({_signed(low, 0)} to {_signed(high, 0)})"
    digits = 0 if trend.quantity is Quantity.SCORE else 1
    return (
        f"{_signed(trend.change, digits)} "
        f"({_signed(trend.low, digits)} to {_signed(trend.high, digits)})"
    )


def _signed(value: float, digits: int) -> str:
    """A number with its sign; nothing has none."""
    text = f"{value:+.{digits}f}"
    return text[1:] if float(text) == 0.0 else text


def decline_name(decline: Decline, among: Sequence[Decline]) -> str:
    """What tells it apart: exercise, set, way or side; nothing of what all have in common."""
    parts = [decline.exercise] if len({each.exercise for each in among}) > 1 else []
    parts += [f"set {decline.set_index}"] if len({each.set_index for each in among}) > 1 else []
    if len({(each.side, each.way) for each in among}) > 1:
        parts += [(decline.way or decline.side or "").replace("_", " ")]
    return ", ".join(part for part in parts if part)


def decline_words(decline: Decline) -> str:
    """A set against one's own first repetitions, as a sentence."""
    change = decline.change
    values = (
        f"{value_words(Quantity.RANGE, change.after)} in the middle, "
        f"{value_words(Quantity.RANGE, change.before)} in the first {FIRST} repetitions"
    )
    if change.stated:
        return f"{_changes_words([change], f'against the first {FIRST} repetitions')}: {values}."
    return f"No difference from the first {FIRST} repetitions that means something: {values}."


def session_change_words(compared: SessionChange) -> str:
    """What became of an exercise from one session to another, in a sentence or two."""
    if not compared.changes:
        left_out = (
            f", {compared.left_out} more paused or not fully recorded" if compared.left_out else ""
        )
        return (
            f"Too few repetitions to compare the sessions: {len(compared.before)} and "
            f"{len(compared.after)}{left_out}, where {LEAST_TO_COMPARE} of each are needed."
        )
    if compared.statements:
        return f"{_changes_words(compared.statements, 'from the first session to the second')}."
    if any(change.beyond_chance for change in compared.changes.values()):
        return "No change that is both beyond chance and large enough to matter."
    return "No change beyond chance and the measuring uncertainty."


def session_change_name(compared: SessionChange) -> str:
    """Which exercise, side or way is compared."""
    kind = (compared.way or compared.side or "").replace("_", " ")
    return f"{compared.exercise}, {kind}" if kind else compared.exercise


def detectable_words(change: Change) -> str:
    """The smallest change that would be beyond chance and measuring uncertainty.

    A dash where that is not known, or where the values do not scatter at all, as at 100 points.
    """
    if not 0.0 < change.detectable < math.inf:
        return "-"
    match change.quantity:
        case Quantity.RANGE:
            return f"{change.detectable:.1f}°"
        case Quantity.OUT | Quantity.HOLD | Quantity.BACK:
            return f"{change.detectable:.2f} s"
        case Quantity.SMOOTHNESS:
            return f"{change.detectable:.2f}"
        case Quantity.SCORE:
            return f"{change.detectable:.1f}"


def symmetry_words(symmetry: Symmetry) -> str:
    """Left against right, in a sentence or more."""
    if not symmetry.differences:
        return (
            "Too few repetitions to compare left and right: "
            f"{len(symmetry.left)} and {len(symmetry.right)}, where {LEAST_TO_COMPARE} of each are "
            "needed."
        )
    if symmetry.statements:
        return " ".join(_difference_words(each) for each in symmetry.statements)
    if any(each.low > 0.0 or each.high < 0.0 for each in symmetry.differences.values()):
        return (
            "No difference between left and right that is both beyond chance and large enough to "
            "matter."
        )
    return "No difference between left and right beyond chance."


def _difference_words(difference: Difference) -> str:
    quantity = difference.quantity
    left, right = (value_words(quantity, each) for each in (difference.left, difference.right))
    low, high = sorted((abs(difference.low), abs(difference.high)))
    low_text = value_words(quantity, low).removesuffix(" s").removesuffix("°")
    index = difference.index_percent
    told = "" if index is None else f"symmetry index {index:.0f} %, "
    return (
        f"The {quantity_words(quantity)} was {left} on the left and {right} on the right "
        f"({told}95 % interval of the difference {low_text} to {value_words(quantity, high)})."
    )


def gap_words(difference: Difference) -> str:
    """The difference of left and right with its interval, signed: -6° (-9 to -3)."""
    quantity = difference.quantity
    digits, unit = (0, "°") if quantity is Quantity.RANGE else (1, " s")
    numbers = (difference.difference, difference.low, difference.high)
    apart, low, high = (_signed(value, digits) for value in numbers)
    return f"{apart}{unit} ({low} to {high})"
