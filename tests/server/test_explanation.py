"""The words of an explanation: what decided, by how much, what was near, and every rule."""

import json
from typing import Any

import pytest

from motion.quality import Bound, Comparison, Unit
from motion.reference import OWN_SHARE, Reference, least_range
from server import wording
from server.explanation import State, figures, levels
from tests.motion.movement import template
from tests.server.explanations import exercise, explained


def said(**changes: Any) -> str:
    return " ".join(explained(**changes).sentences())


# --- sentences


def test_the_rule_that_decided_is_told_with_its_margin() -> None:
    sentences = explained(out_s=0.31).sentences()
    assert sentences[:2] == [
        "Repetition 1 is incorrect: too fast.",
        "It went out in 0.31 s; at least 0.50 s are asked, so 0.19 s too little.",
    ]


def test_of_a_correct_one_the_nearest_threshold_is_told() -> None:
    assert explained().sentences() == [
        "Repetition 1 is correct: no rule was broken.",
        "Nearest to its threshold of what was kept: the hold, 0.40 s where at least 0.20 s are "
        "asked (4.0 standard deviations above it).",
        "The goal of 55.0° was reached.",
    ]


def test_a_broken_rule_that_is_a_close_call_is_named_as_one() -> None:
    sentences = explained(rom_deg=44.0).sentences()
    assert sentences[1:3] == [
        "The range is 44.0°; at least 45.0° are asked, so 1.0° too little.",
        "That is a close call: 0.5 standard deviations below its threshold; another measurement "
        "of the same movement might have kept it.",
    ]
    assert sentences[-1] == "The goal of 55.0° was missed by 11.0°, which by itself is no fault."


def test_a_kept_rule_that_is_a_close_call_is_named_as_one() -> None:
    told = said(rom_deg=46.0)
    assert "is correct" in told
    assert (
        "A close call that was kept: the range, 46.0° where at least 45.0° are asked (0.5 "
        "standard deviations above it); another measurement of the same movement might have come "
        "out as range too small." in told
    )
    assert "Nearest" not in told


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"rom_deg": 110.0},
            "beyond the limit. The range is 110.0°; at most 100.0° are allowed, so 10.0° too much.",
        ),
        ({"back_s": 0.1}, "It came back in 0.10 s; at least 0.50 s are asked, so 0.40 s too"),
        (
            {"hold_s": 0.0},
            "held too briefly. It was held for 0.00 s; at least 0.20 s are asked, so 0.20 s too",
        ),
        (
            {"compensations": {"trunk_sway": (14.0, 1.0)}},
            "incorrect: trunk sway. The trunk sway reached 14.0°; at most 10.0° are allowed, so "
            "4.0° too much.",
        ),
        (
            {"hold_s": 3.0},
            "Noted, and no fault: slow. It was held for 3.00 s; at most 1.00 s are allowed, so "
            "2.00 s too much.",
        ),
        (
            {"smoothness_back": -4.0},
            "Noted, and no fault: jerky. The smoothness of the way back (0 is smoothest) is -4.00; "
            "at least -3.50 is asked, so 0.50 too little.",
        ),
        ({"interrupted": True}, "not fully recorded. A sensor fell silent meanwhile."),
        ({"whole": False}, "It was under way when the recording began, so that its start was not"),
        ({"paused": True}, "paused midway. It stood still midway and then came back."),
    ],
)
def test_every_rule_says_in_words_what_broke_it(changes: dict[str, Any], told: str) -> None:
    assert told in said(**changes)


def test_the_time_above_a_fifth_is_told_where_that_is_what_is_asked() -> None:
    asked = exercise(tempo={"active_s": [2.0, 6.0]})
    assert (
        "It stayed above a fifth of its range for 1.60 s; at least 2.00 s are asked, so 0.40 s "
        "too little." in said(asked=asked)
    )


def test_a_hold_that_sags_or_ends_early_says_so() -> None:
    held = template(
        {"kind": "hold", "segment": "pelvis", "axis": "flexion"},
        ("pelvis",),
        range={"target_deg": 40, "band_deg": 10},
        tempo={"hold_s": [4.0, 60.0]},
    )
    told = said(asked=held, rom_deg=41.0, sagging=True, hold_s=2.0, compensations={})
    assert "is incorrect: sagging and held too briefly." in told
    assert "It left its band for more than a second and came back." in told
    assert "It was held for 2.00 s; at least 4.00 s are asked, so 2.00 s too little." in told
    assert "goal" not in told


def test_all_parts_that_were_too_fast_are_told_the_worst_first() -> None:
    told = said(out_s=0.4, back_s=0.2)
    assert told.index("It came back in 0.20 s") < told.index("It went out in 0.40 s")


def test_several_faults_are_listed_as_people_list_them() -> None:
    told = explained(rom_deg=30.0, out_s=0.1, hold_s=0.0).sentences()[0]
    assert told == ("Repetition 1 is incorrect: range too small, too fast and held too briefly.")


def test_how_far_a_broken_value_is_from_its_other_threshold_is_not_told() -> None:
    assert "where at least 45.0°" not in said(rom_deg=110.0)


def test_the_set_is_named_where_there_are_several() -> None:
    assert explained(sets=2).name == "Repetition 1 of set 2"


@pytest.mark.parametrize(
    ("rules", "first"),
    [
        ({"too_slow": "fault"}, "Repetition 1 is incorrect: slow."),
        ({}, "Repetition 1 is correct: no rule was broken that makes it incorrect."),
    ],
)
def test_what_a_template_makes_of_a_rule_decides(rules: dict[str, str], first: str) -> None:
    assert explained(exercise(rules=rules), hold_s=3.0).sentences()[0] == first


@pytest.mark.parametrize(
    ("value", "threshold", "shown"),
    [
        (44.0, 45.0, ("44.0°", "45.0°", "1.0°")),
        # More digits where the two would look equal, and none that do not add up.
        (44.996, 45.0, ("44.996°", "45.000°", "0.004°")),
        (44.949, 45.04, ("44.9°", "45.0°", "0.1°")),
        (45.0, 45.0, ("45.0°", "45.0°", "0.0°")),
    ],
)
def test_what_is_read_adds_up(value: float, threshold: float, shown: tuple[str, str, str]) -> None:
    made = figures(Comparison("rom_deg", Unit.DEGREES, value, 2.0, threshold, Bound.LEAST))
    assert (made.value, made.threshold, made.apart) == shown


def test_a_value_exactly_at_its_threshold_is_kept_and_close() -> None:
    told = said(rom_deg=45.0)
    assert "45.0° where at least 45.0° are asked (exactly at it)" in told


# --- the table and the document


def test_every_value_has_its_row() -> None:
    rows = explained(out_s=0.45, hold_s=3.0).rows()
    named = {row.rule: row for row in rows}
    assert list(named) == [
        "range too small", "beyond the limit", "too fast: out", "too fast: back",
        "held too briefly", "trunk sway", "slow (note): out", "slow (note): hold",
        "slow (note): back", "jerky (note): out", "jerky (note): back",
        "not fully recorded (note)", "paused midway (note)",
    ]  # fmt: skip
    fast = named["too fast: out"]
    assert (fast.measured, fast.asked, fast.margin, fast.margin_sds) == (
        "0.45 ± 0.05 s",
        "min 0.50 s",
        "-0.05 s",
        "-1.0",
    )
    assert (fast.outcome, fast.state, fast.decisive) == ("broken, close call", State.BROKEN, True)
    assert not named["too fast: back"].decisive
    slow = named["slow (note): hold"]
    assert (slow.outcome, slow.state) == ("noted", State.NOTED)
    assert (named["jerky (note): out"].measured, named["jerky (note): out"].margin_sds) == (
        "-1.60",
        "",
    )
    assert named["paused midway (note)"].measured == "did not happen"


def test_the_document_for_programs_is_unrounded_and_says_the_same() -> None:
    explanation = explained(rom_deg=44.96875, rom_sd_deg=0.0)
    document = explanation.document()
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert document["repetition"]["faults"] == ["range_short"]
    short = document["rules"][0]
    assert (short["rule"], short["judging"], short["broken"], short["borderline"]) == (
        "range_short",
        "fault",
        True,
        False,
    )
    assert short["comparisons"] == [
        {
            "measured": "rom_deg", "unit": "deg", "value": 44.96875, "sd": 0.0, "bound": "least",
            "threshold": 45.0, "threshold_sd": 0.0, "margin": -0.03125, "margin_sds": None,
            "decisive": True,
        }
    ]  # fmt: skip
    assert document["sentences"] == explanation.sentences()
    assert document["goal"]["threshold"] == 55.0


def test_every_rule_has_words_of_its_own() -> None:
    rows = explained(paused=True, interrupted=True, out_s=0.1, hold_s=0.0, rom_deg=1.0).rows()
    assert all("_" not in row.rule for row in rows)
    assert wording.rule_words("range_short") in rows[0].rule


# --- one's own reference


OWN = exercise(
    range={
        "count_from_deg": 15,
        "minimum_deg": 45,
        "goal_deg": 60,
        "limit_deg": 100,
        "reference": "own",
    }
)


@pytest.mark.parametrize(
    ("reference", "told"),
    [
        (
            Reference(62.0, 1.3),
            "It reached 83 % of the goal of 60° and 81 % of one's own first 3 repetitions, "
            "62.0 ± 1.3°; 52.7° are asked, 85 % of one's own.",
        ),
        (
            Reference(80.0, 1.3),
            "It reached 83 % of the goal of 60° and 62 % of one's own first 3 repetitions, "
            "80.0 ± 1.3°; the goal is asked, where 85 % of one's own would be more.",
        ),
        (
            Reference(40.0, 1.3),
            "It reached 83 % of the goal of 60° and 125 % of one's own first 3 repetitions, "
            "40.0 ± 1.3°; 42.8° are asked, 95 % of the prescribed minimum of 45°, where 85 % of "
            "one's own would be less.",
        ),
        (
            None,
            "It reached 83 % of the goal of 60°. There were fewer than 3 repetitions to take one's "
            "own reference from, so that the prescribed minimum of 45° holds.",
        ),
    ],
    ids=["own", "goal", "lowest", "not yet"],
)
def test_both_figures_of_a_range_are_told_and_what_was_asked(
    reference: Reference | None, told: str
) -> None:
    explanation = explained(OWN, rom_deg=50.0, reference=reference)
    assert told in explanation.sentences()
    least_deg, _ = least_range(OWN.range, reference)
    assert dict(levels(OWN, reference))["min"] == least_deg
    (rule,) = [each for each in explanation.document()["rules"] if each["rule"] == "range_short"]
    assert rule["comparisons"][0]["threshold"] == least_deg
    assert rule["comparisons"][0]["threshold_sd"] == pytest.approx(
        OWN_SHARE * 1.3 if reference is not None and reference.range_deg == 62.0 else 0.0
    )


def test_where_the_prescription_is_the_reference_nothing_is_said_of_ones_own() -> None:
    assert not any("one's own" in sentence for sentence in explained(rom_deg=50.0).sentences())
