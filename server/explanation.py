"""Why a repetition was judged as it was: sentences, a row for every rule, a document for programs.

Puts into words what `motion.quality` found, and decides nothing. Where it is shown: `terminal`,
`explanation_page`.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import msgspec

from motion.events import Fault, Verdict, encode
from motion.quality import Bound, Comparison, RepetitionMeasure, RuleOutcome, Unit, goal
from motion.reference import Reference, least_range
from motion.template import ExerciseTemplate, Judging
from server import wording
from server.sought import Sought

# Digits behind the point that a person reads; more where value and threshold would look equal.
_DIGITS: Final = {Unit.DEGREES: 1, Unit.SECONDS: 2, Unit.SPARC: 2}
_MOST_DIGITS: Final = 9
_SUFFIX: Final = {Unit.DEGREES: "°", Unit.SECONDS: " s", Unit.SPARC: ""}
# What is compared: as a sentence begins, as a noun, as a table has room for.
_BEGINNINGS: Final = {
    "rom_deg": "The range is",
    "reach_deg": "The reach beyond the demonstrated start is",
    "out_s": "It went out in",
    "hold_s": "It was held for",
    "back_s": "It came back in",
    "active_s": "It stayed above a fifth of its range for",
    "smoothness_out": "The smoothness of the way out (0 is smoothest) is",
    "smoothness_back": "The smoothness of the way back (0 is smoothest) is",
}
_NOUNS: Final = {
    "rom_deg": "the range",
    "reach_deg": "the reach beyond the demonstrated start",
    "out_s": "the way out",
    "hold_s": "the hold",
    "back_s": "the way back",
    "active_s": "the time above a fifth of the range",
    "smoothness_out": "the smoothness of the way out",
    "smoothness_back": "the smoothness of the way back",
}
_PARTS: Final = {
    "out_s": "out",
    "hold_s": "hold",
    "back_s": "back",
    "active_s": "above a fifth",
    "smoothness_out": "out",
    "smoothness_back": "back",
}
_HAPPENED: Final = {
    "sagging": "It left its band for more than a second and came back.",
    "interrupted": "A sensor fell silent meanwhile.",
    "paused": "It stood still midway and then came back.",
}
_UNSEEN_START: Final = "It was under way when the recording began, so that its start was not seen."


class State(StrEnum):
    """How a row of the table came out."""

    KEPT = "kept"
    BROKEN = "broken"
    NOTED = "noted"


@dataclass(frozen=True, slots=True)
class Row:
    """One value against one threshold, in words. decisive: whether it decided about its rule."""

    rule: str
    measured: str
    asked: str
    margin: str
    margin_sds: str
    outcome: str
    state: State
    decisive: bool


@dataclass(frozen=True, slots=True)
class Figures:
    """Value, threshold and the difference of the two as a person reads them, with their unit."""

    value: str
    threshold: str
    apart: str


def figures(comparison: Comparison) -> Figures:
    """With so many digits that a difference is seen, and that what is read adds up."""
    suffix = _SUFFIX[comparison.unit]
    digits = _DIGITS[comparison.unit]
    differ = comparison.value != comparison.threshold
    while (
        differ
        and digits < _MOST_DIGITS
        and round(comparison.value, digits) == round(comparison.threshold, digits)
    ):
        digits += 1
    value, threshold = round(comparison.value, digits), round(comparison.threshold, digits)
    shown = (value, threshold, abs(value - threshold))
    return Figures(*(f"{number:.{digits}f}{suffix}" for number in shown))


@dataclass(frozen=True, slots=True)
class Explanation:
    """A repetition that was sought, with the outcome of every rule that applies to it."""

    sought: Sought
    outcomes: list[RuleOutcome]
    aim: Comparison | None

    @classmethod
    def of(cls, sought: Sought) -> "Explanation":
        """What the evidence says, by the rules that judged it."""
        evidence = sought.evidence
        return cls(sought, evidence.outcomes(), goal(evidence.measure, evidence.template))

    @property
    def name(self) -> str:
        """Which repetition this is; the set where there are several."""
        index = self.sought.evidence.event.index
        if len(self.sought.sets) < 2:
            return f"Repetition {index}"
        return f"Repetition {index} of set {self.sought.set_number}"

    @property
    def faults(self) -> list[RuleOutcome]:
        """The rules that made it incorrect."""
        return [each for each in self.outcomes if each.broken and each.judging is Judging.FAULT]

    @property
    def notes(self) -> list[RuleOutcome]:
        """The rules that were broken and only noted."""
        return [each for each in self.outcomes if each.broken and each.judging is Judging.NOTE]

    def sentences(self) -> list[str]:
        """What decided, by how much; what came near to it. The first one is the verdict."""
        measure = self.sought.evidence.measure
        told = [self._verdict()]
        for outcome in self.faults:
            told += _broken_sentences(outcome, measure)
        for outcome in self.notes:
            head = f"Noted, and no fault: {wording.rule_words(outcome.rule)}."
            told.append(" ".join([head, *_broken_sentences(outcome, measure)]))
        evidence = self.sought.evidence
        if measure.whole and (
            words := wording.reference_words(evidence.event, evidence.template, evidence.reference)
        ):
            told.append(words)
        near = [each for each in self.outcomes if each.borderline and not each.broken]
        for outcome in near:
            if outcome.decisive is not None:
                told.append(
                    f"A close call that was kept: {_standing(outcome.decisive)}; another "
                    "measurement of the same movement might have come out as "
                    f"{wording.rule_words(outcome.rule)}."
                )
        if not near and (nearest := self._nearest()) is not None:
            told.append(f"Nearest to its threshold of what was kept: {_standing(nearest)}.")
        if self.aim is not None and self.sought.evidence.template.band is None:
            shown = figures(self.aim)
            told.append(
                f"The goal of {shown.threshold} was reached."
                if self.aim.kept
                else f"The goal of {shown.threshold} was missed by {shown.apart}, "
                "which by itself is no fault."
            )
        return told

    def _verdict(self) -> str:
        if self.sought.evidence.event.verdict is Verdict.CORRECT:
            more = " that makes it incorrect" if self.notes else ""
            return f"{self.name} is correct: no rule was broken{more}."
        words = [wording.rule_words(each.rule) for each in self.faults]
        listed = " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]
        return f"{self.name} is incorrect: {listed}."

    def _nearest(self) -> Comparison | None:
        """Of the rules that were kept, by what decided about each, in standard deviations.

        A range that is too large is not worth telling to be far from too small.
        """
        told = {
            comparison.measured
            for each in self.outcomes
            for comparison in each.comparisons
            if not comparison.kept
        }
        kept = [
            each.decisive
            for each in self.outcomes
            if not each.broken
            and each.decisive is not None
            and each.decisive.sd
            and each.decisive.measured not in told
        ]
        return min(kept, key=_sds, default=None)

    def rows(self) -> list[Row]:
        """A row for every value that a rule looks at, and for every rule about what happened."""
        return [row for outcome in self.outcomes for row in _rows(outcome)]

    def document(self) -> dict[str, Any]:
        """For programs: the event, every outcome with unrounded values, and the sentences."""
        event = self.sought.evidence.event
        return {
            "type": "explanation",
            "set": self.sought.set_number,
            "repetition": msgspec.json.decode(encode(event)),
            "rules": [_outcome_document(each) for each in self.outcomes],
            "goal": None if self.aim is None else _comparison_document(self.aim),
            "sentences": self.sentences(),
        }


def _sds(comparison: Comparison) -> float:
    sds = comparison.margin_sds
    return math.inf if sds is None else sds


def _noun(measured: str) -> str:
    return _NOUNS.get(measured) or f"the {wording.rule_words(measured)}"


def _broken_sentences(outcome: RuleOutcome, measure: RepetitionMeasure) -> Iterator[str]:
    """What broke a rule: every value beyond its threshold, the decisive one first."""
    decisive = outcome.decisive
    if decisive is None:
        unseen = outcome.rule == "interrupted" and not measure.whole
        yield _UNSEEN_START if unseen else _HAPPENED.get(outcome.rule, "It happened.")
        return
    others = [each for each in outcome.comparisons if each is not decisive and not each.kept]
    for comparison in (decisive, *others):
        shown = figures(comparison)
        beginning = _BEGINNINGS.get(comparison.measured) or (
            f"The {wording.rule_words(comparison.measured)} reached"
        )
        yield f"{beginning} {shown.value}; {_asked(comparison, shown)}, so {shown.apart} too " + (
            "little." if comparison.bound is Bound.LEAST else "much."
        )
    if outcome.borderline:
        yield (
            f"That is a close call: {_sds_words(decisive)} its threshold; another measurement of "
            "the same movement might have kept it."
        )


def _asked(comparison: Comparison, shown: Figures) -> str:
    verb = "is" if comparison.unit is Unit.SPARC else "are"
    if comparison.bound is Bound.LEAST:
        return f"at least {shown.threshold} {verb} asked"
    return f"at most {shown.threshold} {verb} allowed"


def _standing(comparison: Comparison) -> str:
    """Where a value stands to its threshold."""
    shown = figures(comparison)
    noun = f"{_noun(comparison.measured)}, {shown.value} where {_asked(comparison, shown)}"
    return f"{noun} ({_sds_words(comparison)} it)"


def _sds_words(comparison: Comparison) -> str:
    """How far from its threshold, in standard deviations: above or below."""
    if comparison.value == comparison.threshold:
        return "exactly at"
    side = "above" if comparison.value > comparison.threshold else "below"
    sds = abs(_sds(comparison))
    if not math.isfinite(sds):
        return f"clearly {side}"
    number = f"{sds:.1f}" if sds >= 0.05 else "less than 0.1"
    return f"{number} standard deviation{'' if number == '1.0' else 's'} {side}"


def _rows(outcome: RuleOutcome) -> Iterator[Row]:
    name = wording.rule_words(outcome.rule)
    if outcome.judging is Judging.NOTE:
        name += " (note)"
    decisive = outcome.decisive
    if decisive is None:
        state = _state(outcome, broken=outcome.broken)
        measured = "it happened" if outcome.broken else "did not happen"
        yield Row(name, measured, "", "", "", state.value, state, True)
        return
    for comparison in outcome.comparisons:
        decides = comparison is decisive
        part = _PARTS.get(comparison.measured) if outcome.rule != Fault.HOLD_SHORT else None
        state = _state(outcome, broken=not comparison.kept)
        close = ", close call" if decides and outcome.borderline else ""
        yield Row(
            f"{name}: {part}" if part else name,
            _measured(comparison),
            f"{'min' if comparison.bound is Bound.LEAST else 'max'} "
            f"{figures(comparison).threshold}",
            _signed_margin(comparison),
            _signed_sds(comparison),
            f"{state.value}{close}",
            state,
            decides,
        )


def _state(outcome: RuleOutcome, *, broken: bool) -> State:
    if not broken:
        return State.KEPT
    return State.BROKEN if outcome.judging is Judging.FAULT else State.NOTED


def _measured(comparison: Comparison) -> str:
    value = figures(comparison).value
    if comparison.sd is None:
        return value
    suffix = _SUFFIX[comparison.unit]
    return f"{value.removesuffix(suffix)} ± {comparison.sd:.{_DIGITS[comparison.unit]}f}{suffix}"


def _signed_margin(comparison: Comparison) -> str:
    apart = figures(comparison).apart
    return f"{'+' if comparison.kept else '-'}{apart}"


def _signed_sds(comparison: Comparison) -> str:
    sds = comparison.margin_sds
    if sds is None or not math.isfinite(sds):
        return ""
    return f"{sds:+.1f}" if abs(sds) >= 0.05 else f"{sds:+.2f}"


def _outcome_document(outcome: RuleOutcome) -> dict[str, Any]:
    return {
        "rule": outcome.rule,
        "judging": outcome.judging.value,
        "broken": outcome.broken,
        "borderline": outcome.borderline,
        "comparisons": [
            {**_comparison_document(each), "decisive": each is outcome.decisive}
            for each in outcome.comparisons
        ],
    }


def _comparison_document(comparison: Comparison) -> dict[str, Any]:
    sds = comparison.margin_sds
    return {
        "measured": comparison.measured,
        "unit": comparison.unit.value,
        "value": comparison.value,
        "sd": comparison.sd,
        "bound": comparison.bound.value,
        "threshold": comparison.threshold,
        "threshold_sd": comparison.threshold_sd,
        "margin": comparison.margin,
        # Infinite where the deviation is zero, which JSON cannot say.
        "margin_sds": sds if sds is not None and math.isfinite(sds) else None,
    }


def levels(
    template: ExerciseTemplate, reference: Reference | None = None
) -> list[tuple[str, float]]:
    """The heights above the rest that the template names, from the lowest on: (name, degrees).

    reference: the person's own, from which the least range follows where there is one.
    """
    if template.band is not None:
        target, band = template.band.target_deg, template.band.band_deg
        return [("from", target - band), ("target", target), ("to", target + band)]
    asked = template.range
    return [
        ("counts", asked.count_from_deg),
        ("min", least_range(asked, reference)[0]),
        ("goal", asked.goal_deg),
        ("limit", asked.limit_deg),
    ]
