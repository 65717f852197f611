"""Codes of the engine in words for a therapist, and numbers and times as people write them.

The terminal and the report say the same thing with the same words. What a patient reads are the
cues, which `motion.quality` owns.
"""

import math
import unicodedata
from collections.abc import Sequence
from typing import Final

from motion.events import RepetitionEvent, Silence
from motion.plausibility import RowFlag
from motion.template import ExerciseTemplate
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
    """The prescribed range."""
    target = template.range
    return (
        f"at least {target.minimum_deg:g}°, goal {target.goal_deg:g}°, limit {target.limit_deg:g}°"
    )


def counted(number: int, one: str, many: str | None = None) -> str:
    """A number with its noun."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def times(number: int) -> str:
    """How often."""
    return {0: "never", 1: "once", 2: "twice"}.get(number, f"{number} times")
