"""Smoothness against its oracle and published values; every rule, note, score and cue."""

import dataclasses
import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from motion.events import Fault, Note, Verdict
from motion.quality import (
    COMPENSATION_POINTS,
    CUES,
    JERKY_SPARC,
    NO_SMOOTHNESS_SPARC,
    RANGE_POINTS,
    SMOOTHNESS_POINTS,
    TEMPO_POINTS,
    Bound,
    Comparison,
    Judgement,
    RepetitionMeasure,
    RuleOutcome,
    Unit,
    _spectral_arc_kernel,
    cue_for,
    goal,
    judge,
    limit_cue,
    rule_outcomes,
    sparc,
)
from motion.template import ExerciseTemplate, Judging, library_ids

Float64 = NDArray[np.float64]

# --- smoothness ---------------------------------------------------------------------------------


def spectral_arc(speed: Float64, rate_hz: float) -> float:
    """Oracle: the published definition on numpy's transform, the whole spectrum at once."""
    size = int(2 ** (math.ceil(math.log2(len(speed))) + 4))
    frequency = np.arange(size) * rate_hz / size
    amplitude = np.abs(np.fft.fft(speed, size))
    below = frequency <= min(10.0, rate_hz / 2)
    amplitude = amplitude[below] / amplitude.max()
    loud = np.flatnonzero(amplitude >= 0.05)
    chosen = slice(loud[0], loud[-1] + 1)
    f, m = frequency[below][chosen], amplitude[chosen]
    if len(f) < 2:
        return math.nan
    return -float(np.hypot(np.diff(f) / (f[-1] - f[0]), np.diff(m)).sum())


def minimum_jerk_speed(samples: int) -> Float64:
    """Speed of the smoothest movement from standstill to standstill, in excursions a duration."""
    x = np.linspace(0.0, 1.0, samples)
    return 30.0 * x**2 * (1.0 - x) ** 2


def pulses(count: int, rate_hz: int) -> Float64:
    """So many minimum-jerk pulses of one second that share their standstills."""
    one = minimum_jerk_speed(rate_hz + 1)
    return np.concatenate([one, *[one[1:]] * (count - 1)])


@pytest.mark.parametrize("rate_hz", [50, 100, 200])
@pytest.mark.parametrize(("count", "published"), [(1, -1.4058), (2, -2.2445), (5, -3.3018)])
def test_sparc_has_its_published_values(rate_hz: int, count: int, published: float) -> None:
    assert sparc(pulses(count, rate_hz), rate_hz) == pytest.approx(published, abs=5e-5)


def test_the_jerky_threshold_lies_between_five_and_six_stops() -> None:
    assert sparc(pulses(6, 100), 100) < JERKY_SPARC < sparc(pulses(5, 100), 100)


@settings(deadline=None)
@given(
    samples=st.integers(5, 400),
    rate_hz=st.sampled_from([12.5, 18.0, 25.0, 50.0, 52.0, 100.0, 286.0]),
    seed=st.integers(0, 2**32 - 1),
    roughness=st.floats(0.0, 1.0),
)
def test_sparc_equals_the_definition(
    samples: int, rate_hz: float, seed: int, roughness: float
) -> None:
    noise = np.random.default_rng(seed).normal(size=samples)
    speed = np.abs(minimum_jerk_speed(samples) + roughness * noise)
    expected = spectral_arc(speed, rate_hz)
    assert sparc(speed, rate_hz) == pytest.approx(expected, abs=1e-9, nan_ok=True)


def test_sparc_of_a_long_movement_equals_the_definition() -> None:
    noise = np.random.default_rng(0).normal(size=6000)
    speed = minimum_jerk_speed(6000) + 0.1 * np.abs(noise)
    assert sparc(speed, 100.0) == pytest.approx(spectral_arc(speed, 100.0), abs=1e-9)


def test_sparc_ignores_size_duration_and_unit() -> None:
    speed = minimum_jerk_speed(101)
    assert sparc(57.3 * speed, 100.0) == pytest.approx(sparc(speed, 100.0), abs=1e-12)
    assert sparc(minimum_jerk_speed(401), 100.0) == pytest.approx(sparc(speed, 100.0), abs=0.01)
    assert sparc(speed.astype(np.float32), 100.0) == pytest.approx(sparc(speed, 100.0), abs=1e-6)


def test_sparc_is_lower_for_a_tremor_on_top() -> None:
    t = np.arange(0.0, 2.0, 0.01)
    smooth = minimum_jerk_speed(t.size)
    assert sparc(smooth + 0.4 * (1.0 + np.sin(2 * np.pi * 6.0 * t)), 100.0) < sparc(smooth, 100.0)


@pytest.mark.parametrize(
    "speed",
    [
        pytest.param([], id="empty"),
        pytest.param([1.0, 2.0, 2.0, 1.0], id="four samples"),
        pytest.param([0.0] * 50, id="no movement"),
        pytest.param([1.0] * 9 + [math.nan], id="nan"),
        pytest.param([1.0] * 9 + [math.inf], id="infinite"),
    ],
)
def test_sparc_is_nan_where_it_means_nothing(speed: list[float]) -> None:
    assert math.isnan(sparc(speed, 50.0))


def test_sparc_is_nan_when_the_cut_off_leaves_a_single_bin() -> None:
    assert math.isnan(sparc(np.ones(5), 10_000.0))


@pytest.mark.parametrize("rate_hz", [0.0, -50.0, math.nan, math.inf])
def test_sparc_refuses_an_impossible_rate(rate_hz: float) -> None:
    with pytest.raises(ValueError, match="sampling rate"):
        sparc(np.ones(10), rate_hz)


def test_sparc_refuses_rows_of_vectors() -> None:
    with pytest.raises(ValueError, match="one value a sample"):
        sparc(np.ones((10, 3)), 50.0)


def test_the_kernel_says_the_same_without_the_compiler() -> None:
    plain = getattr(_spectral_arc_kernel, "py_func", _spectral_arc_kernel)
    speed = pulses(3, 20)
    assert plain(speed, 20.0) == pytest.approx(_spectral_arc_kernel(speed, 20.0), abs=1e-12)


# --- a template and a correct repetition ---------------------------------------------------------


def template(**changes: Any) -> ExerciseTemplate:
    """Prescribes every part: goal 45, minimum 30, limit 70, and two compensations."""
    document: dict[str, Any] = {
        "id": "bend",
        "version": 1,
        "name": "Bend",
        "region": "low_back",
        "position": "standing",
        "sensors": {"pelvis": {"placement": "front"}, "thorax": {"placement": "front"}},
        "movement": {
            "kind": "joint",
            "proximal": "pelvis",
            "distal": "thorax",
            "axis": "flexion",
        },
        "range": {"count_from_deg": 15, "minimum_deg": 30, "goal_deg": 45, "limit_deg": 70},
        "tempo": {
            "out_s": [1.5, 4.0],
            "hold_s": [0.5, 2.0],
            "back_s": [1.5, 4.0],
            "active_s": [2.5, 8.0],
        },
        "compensations": [
            {"name": "pelvis_tilt", "segment": "pelvis", "limit_deg": 20, "cue": "Hips still"},
            {"name": "twist", "segment": "thorax", "limit_deg": 10, "cue": "Chest forward"},
        ],
    }
    return ExerciseTemplate.from_document(document | changes)


TEMPLATE = template()
BARE = template(tempo={}, compensations=[])


def measure(**changes: Any) -> RepetitionMeasure:
    """A correct repetition at the goal, far from every threshold."""
    good = RepetitionMeasure(
        start_s=10.0,
        peak_s=12.0,
        end_s=15.0,
        rom_deg=50.0,
        rom_sd_deg=2.0,
        out_s=2.0,
        hold_s=1.0,
        back_s=2.0,
        active_s=4.0,
        time_sd_s=0.05,
        smoothness_out=-1.6,
        smoothness_back=-1.7,
        compensations={"pelvis_tilt": (8.0, 1.0), "twist": (3.0, 1.0)},
        interrupted=False,
        paused=False,
        whole=True,
    )
    return dataclasses.replace(good, **changes)


def judged(**changes: Any) -> Judgement:
    return judge(measure(**changes), TEMPLATE)


def test_a_correct_repetition_at_the_goal_has_a_hundred_points() -> None:
    judgement = judged()
    assert judgement.score == 100.0
    assert judgement.verdict is Verdict.CORRECT
    assert judgement.goal_reached
    assert (judgement.faults, judgement.borderline, judgement.notes) == ([], [], [])


def test_the_points_of_the_parts_are_a_hundred() -> None:
    assert RANGE_POINTS + TEMPO_POINTS + SMOOTHNESS_POINTS + COMPENSATION_POINTS == 100.0
    parts = judged().score_parts
    assert list(parts.items()) == [
        ("range", RANGE_POINTS),
        ("tempo", TEMPO_POINTS),
        ("smoothness", SMOOTHNESS_POINTS),
        ("compensation", COMPENSATION_POINTS),
    ]


# --- rules --------------------------------------------------------------------------------------

BELOW = -1e-9
ABOVE = 1e-9

# (rule, what is measured, its threshold, on which side of it the rule is broken)
THRESHOLDS = [
    ("range_short", "rom_deg", 30.0, BELOW),
    ("range_over", "rom_deg", 70.0, ABOVE),
    ("too_fast", "out_s", 1.5, BELOW),
    ("too_fast", "back_s", 1.5, BELOW),
    ("too_fast", "active_s", 2.5, BELOW),
    ("hold_short", "hold_s", 0.5, BELOW),
    ("too_slow", "out_s", 4.0, ABOVE),
    ("too_slow", "hold_s", 2.0, ABOVE),
    ("too_slow", "back_s", 4.0, ABOVE),
    ("too_slow", "active_s", 8.0, ABOVE),
    ("jerky", "smoothness_out", JERKY_SPARC, BELOW),
    ("jerky", "smoothness_back", JERKY_SPARC, BELOW),
    ("compensation:pelvis_tilt", "pelvis_tilt", 20.0, ABOVE),
    ("compensation:twist", "twist", 10.0, ABOVE),
]
NOTES = {note.value for note in Note}


def change(field: str, value: float, sd: float = 0.0) -> dict[str, Any]:
    """Arguments of `measure` that put one value, with this standard deviation, in place."""
    if field in ("pelvis_tilt", "twist"):
        return {"compensations": measure().compensations | {field: (value, sd)}}
    if field.endswith("_deg"):
        return {field: value, "rom_sd_deg": sd}
    if field.endswith("_s"):
        return {field: value, "time_sd_s": sd}
    return {field: value}


def told(judgement: Judgement, rule: str) -> tuple[bool, bool]:
    return rule in judgement.faults, rule in judgement.notes


@pytest.mark.parametrize(("rule", "field", "threshold", "broken"), THRESHOLDS)
def test_a_rule_is_broken_on_one_side_of_its_threshold_only(
    rule: str, field: str, threshold: float, broken: float
) -> None:
    expected = (False, True) if rule in NOTES else (True, False)
    beyond = judged(**change(field, threshold + broken))
    assert told(beyond, rule) == expected
    assert (beyond.faults, beyond.notes) == (([], [rule]) if rule in NOTES else ([rule], []))
    for value in (threshold, threshold - broken):
        within = judged(**change(field, value))
        assert (within.faults, within.notes) == ([], [])
        assert within.verdict is Verdict.CORRECT


@pytest.mark.parametrize(("rule", "field", "threshold", "broken"), THRESHOLDS)
def test_a_value_within_one_deviation_is_borderline_on_both_sides(
    rule: str, field: str, threshold: float, broken: float
) -> None:
    outwards = math.copysign(1.0, broken)
    sd = 0.2
    near_broken = judged(**change(field, threshold + 0.9 * sd * outwards, sd))
    near_kept = judged(**change(field, threshold - 0.9 * sd * outwards, sd))
    clear_broken = judged(**change(field, threshold + 1.1 * sd * outwards, sd))
    clear_kept = judged(**change(field, threshold - 1.1 * sd * outwards, sd))
    expected = [] if rule == "jerky" else [rule]
    assert near_broken.borderline == near_kept.borderline == expected
    assert clear_broken.borderline == clear_kept.borderline == []
    # Faults, notes and verdict follow the value alone.
    for near, clear in ((near_broken, clear_broken), (near_kept, clear_kept)):
        assert near.faults == clear.faults
        assert near.notes == clear.notes
        assert near.verdict == clear.verdict


def test_the_most_hurried_part_decides_what_is_borderline() -> None:
    judgement = judged(out_s=0.5, back_s=1.49)
    assert judgement.faults == ["too_fast"]
    assert judgement.borderline == []


@pytest.mark.parametrize("field", ["interrupted", "paused"])
def test_what_happened_is_noted(field: str) -> None:
    judgement = judged(**{field: True})
    assert judgement.notes == [field]
    assert judgement.faults == judgement.borderline == []
    assert judgement.score == 100.0


@pytest.mark.parametrize(
    ("rule", "field", "threshold", "broken"),
    [row for row in THRESHOLDS if not row[0].startswith("compensation")],
)
def test_a_template_moves_a_rule_to_the_other_side(
    rule: str, field: str, threshold: float, broken: float
) -> None:
    other = "fault" if rule in NOTES else "note"
    moved = template(rules={rule: other})
    beyond = measure(**change(field, threshold + broken))
    judgement = judge(beyond, moved)
    assert told(judgement, rule) == ((True, False) if other == "fault" else (False, True))
    assert judgement.verdict is (Verdict.INCORRECT if other == "fault" else Verdict.CORRECT)
    # The score is the same whichever side the rule stands on.
    assert judgement.score == judge(beyond, TEMPLATE).score
    kept = judge(measure(**change(field, threshold - broken)), moved)
    assert told(kept, rule) == (False, False)


@pytest.mark.parametrize("rule", ["interrupted", "paused"])
def test_a_template_can_make_a_happening_a_fault(rule: str) -> None:
    judgement = judge(measure(**{rule: True}), template(rules={rule: "fault"}))
    assert judgement.faults == [rule]
    assert judgement.notes == []
    assert judgement.verdict is Verdict.INCORRECT


def test_naming_the_side_on_which_a_rule_already_stands_changes_nothing() -> None:
    same = template(rules={"range_short": "fault", "too_slow": "note"})
    slow = measure(rom_deg=20.0, out_s=9.0)
    assert judge(slow, same) == judge(slow, TEMPLATE)


def outcome(rule: str, **changes: Any) -> RuleOutcome:
    (found,) = [each for each in rule_outcomes(measure(**changes), TEMPLATE) if each.rule == rule]
    return found


@pytest.mark.parametrize(("rule", "field", "threshold", "broken"), THRESHOLDS)
def test_an_outcome_holds_the_value_its_deviation_and_its_threshold(
    rule: str, field: str, threshold: float, broken: float
) -> None:
    value = threshold + math.copysign(0.25, broken)
    decisive = outcome(rule, **change(field, value, 0.1)).decisive
    assert decisive is not None
    assert (decisive.measured, decisive.value, decisive.threshold) == (field, value, threshold)
    assert decisive.bound is (Bound.LEAST if broken < 0.0 else Bound.MOST)
    assert decisive.margin == pytest.approx(-0.25)
    assert not decisive.kept
    if rule == "jerky":
        assert (decisive.unit, decisive.sd, decisive.margin_sds) == (Unit.SPARC, None, None)
    else:
        assert decisive.unit is (Unit.SECONDS if field.endswith("_s") else Unit.DEGREES)
        assert decisive.sd == 0.1
        assert decisive.margin_sds == pytest.approx(-2.5)


def test_every_part_that_a_rule_looks_at_is_told_and_the_worst_decides() -> None:
    hurried = outcome("too_fast", out_s=1.4, back_s=0.9)
    assert [(each.measured, each.value) for each in hurried.comparisons] == [
        ("out_s", 1.4),
        ("back_s", 0.9),
        ("active_s", 4.0),
    ]
    assert hurried.decisive == hurried.comparisons[1]
    assert hurried.broken
    assert not hurried.borderline


def test_a_rule_about_what_happened_has_nothing_to_be_compared_with() -> None:
    paused = outcome("paused", paused=True)
    assert (paused.comparisons, paused.decisive) == ((), None)
    assert (paused.broken, paused.borderline, paused.judging) == (True, False, Judging.NOTE)


def test_rules_that_do_not_apply_have_no_outcome() -> None:
    silent = measure(smoothness_out=None, smoothness_back=None, compensations={})
    rules = [each.rule for each in rule_outcomes(silent, template(tempo={"hold_s": [0.0, 2.0]}))]
    assert rules == ["range_short", "range_over", "too_slow", "interrupted", "paused"]
    without_start = [each.rule for each in rule_outcomes(measure(whole=False), BARE)]
    assert without_start == ["range_over", "interrupted", "paused"]


def test_without_a_deviation_any_margin_is_beyond_every_number_of_them() -> None:
    exact = Comparison("rom_deg", Unit.DEGREES, 31.0, 0.0, 30.0, Bound.LEAST)
    assert exact.margin_sds == math.inf
    assert dataclasses.replace(exact, bound=Bound.MOST).margin_sds == -math.inf
    assert dataclasses.replace(exact, value=30.0).margin_sds == 0.0


def test_the_goal_of_a_range_is_compared_like_a_rule() -> None:
    aim = goal(measure(rom_deg=43.0), TEMPLATE)
    assert aim == Comparison("rom_deg", Unit.DEGREES, 43.0, 2.0, 45.0, Bound.LEAST)


def test_all_rules_stand_in_one_order() -> None:
    everything = judged(
        rom_deg=20.0,
        out_s=0.5,
        hold_s=0.1,
        back_s=9.0,
        smoothness_out=-9.0,
        compensations={"twist": (30.0, 1.0), "pelvis_tilt": (30.0, 1.0)},
        interrupted=True,
        paused=True,
    )
    assert everything.faults == [
        "range_short",
        "too_fast",
        "hold_short",
        "compensation:pelvis_tilt",
        "compensation:twist",
    ]
    assert everything.notes == ["too_slow", "jerky", "interrupted", "paused"]
    assert judged(rom_deg=90.0, out_s=0.5).faults == ["range_over", "too_fast"]


def test_what_is_not_prescribed_is_not_judged() -> None:
    wild = measure(
        out_s=0.01, hold_s=0.0, back_s=500.0, active_s=0.01, compensations={"twist": (90.0, 1.0)}
    )
    judgement = judge(wild, BARE)
    assert (judgement.faults, judgement.borderline, judgement.notes) == ([], [], [])
    assert judgement.score == 100.0


def test_a_prescription_of_zero_cannot_be_missed_nor_nearly_missed() -> None:
    free = template(tempo={"out_s": [0.0, 4.0], "hold_s": [0.0, 2.0]})
    judgement = judge(measure(out_s=0.01, hold_s=0.0, time_sd_s=0.05), free)
    assert (judgement.faults, judgement.borderline, judgement.score) == ([], [], 100.0)


def test_what_could_not_be_measured_is_not_judged() -> None:
    judgement = judged(smoothness_out=None, smoothness_back=None, compensations={})
    assert (judgement.faults, judgement.borderline, judgement.notes) == ([], [], [])
    assert judgement.score == 100.0


def test_one_measured_direction_is_enough_to_be_jerky() -> None:
    assert judged(smoothness_out=None, smoothness_back=-4.0).notes == ["jerky"]


@pytest.mark.parametrize(("rom_deg", "reached"), [(45.0, True), (44.999, False)])
def test_the_goal_is_an_aim_and_no_fault(rom_deg: float, reached: bool) -> None:
    judgement = judged(rom_deg=rom_deg)
    assert judgement.goal_reached is reached
    assert judgement.verdict is Verdict.CORRECT


def test_a_repetition_without_its_beginning_is_judged_by_limit_and_compensation_only() -> None:
    unseen = judged(
        whole=False,
        rom_deg=5.0,
        rom_sd_deg=30.0,
        out_s=0.0,
        hold_s=0.0,
        back_s=9.0,
        active_s=0.0,
        smoothness_back=-9.0,
    )
    assert unseen.faults == []
    assert unseen.notes == ["interrupted"]
    assert unseen.borderline == []
    assert unseen.score == 100.0
    over = judged(whole=False, rom_deg=80.0, compensations={"twist": (15.0, 1.0)})
    assert over.faults == ["range_over", "compensation:twist"]
    assert over.borderline == []
    assert over.notes == ["interrupted"]
    assert over.score < 100.0


def test_a_missing_beginning_is_no_fault_even_where_interruptions_are() -> None:
    strict = template(rules={"interrupted": "fault", "paused": "fault"})
    judgement = judge(measure(whole=False, paused=True), strict)
    assert judgement.faults == []
    assert judgement.notes == ["interrupted", "paused"]


# --- score --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "part", "points"),
    [
        ({"rom_deg": 36.0}, "range", 32.0),
        ({"rom_deg": 70.0}, "range", 40.0),
        ({"rom_deg": 87.5}, "range", 20.0),
        ({"rom_deg": 105.0}, "range", 0.0),
        ({"rom_deg": 300.0}, "range", 0.0),
        ({"out_s": 1.2}, "tempo", 24.0),
        ({"back_s": 5.0}, "tempo", 24.0),
        ({"hold_s": 0.25}, "tempo", 15.0),
        ({"active_s": 16.0}, "tempo", 15.0),
        ({"out_s": 1.2, "hold_s": 0.25}, "tempo", 15.0),
        ({"smoothness_out": JERKY_SPARC}, "smoothness", 15.0),
        ({"smoothness_back": 1.5 * JERKY_SPARC}, "smoothness", 7.5),
        ({"smoothness_back": NO_SMOOTHNESS_SPARC}, "smoothness", 0.0),
        ({"smoothness_back": -50.0}, "smoothness", 0.0),
        ({"compensations": {"pelvis_tilt": (24.0, 1.0)}}, "compensation", 12.0),
        (
            {"compensations": {"pelvis_tilt": (24.0, 1.0), "twist": (15.0, 1.0)}},
            "compensation",
            7.5,
        ),
        ({"compensations": {"pelvis_tilt": (99.0, 1.0)}}, "compensation", 0.0),
    ],
)
def test_the_score_formula(changes: dict[str, Any], part: str, points: float) -> None:
    judgement = judged(**changes)
    assert judgement.score_parts[part] == pytest.approx(points, abs=1e-9)
    assert judgement.score == pytest.approx(100.0 - judged().score_parts[part] + points, abs=1e-9)


seconds = st.floats(0.0, 700.0)
degrees = st.floats(0.0, 400.0)
smoothness = st.none() | st.floats(-40.0, 0.0)
deviations = st.floats(0.0, 50.0)
compensations = st.dictionaries(
    st.sampled_from(["pelvis_tilt", "twist"]), st.tuples(st.floats(0.0, 180.0), deviations)
)


@st.composite
def measures(draw: st.DrawFn) -> RepetitionMeasure:
    return measure(
        rom_deg=draw(degrees),
        rom_sd_deg=draw(deviations),
        out_s=draw(seconds),
        hold_s=draw(seconds),
        back_s=draw(seconds),
        active_s=draw(seconds),
        time_sd_s=draw(st.floats(0.0, 1.0)),
        smoothness_out=draw(smoothness),
        smoothness_back=draw(smoothness),
        compensations=draw(compensations),
        interrupted=draw(st.booleans()),
        paused=draw(st.booleans()),
        whole=draw(st.booleans()),
    )


@st.composite
def ranges(draw: st.DrawFn) -> dict[str, float]:
    # The joint of the template goes no further.
    values = sorted(draw(st.lists(st.floats(1.0, 170.0), min_size=3, max_size=3)))
    limit = draw(st.floats(values[2], 360.0, exclude_min=True))
    return dict(
        zip(
            ("count_from_deg", "minimum_deg", "goal_deg", "limit_deg"),
            [*values, limit],
            strict=True,
        )
    )


@st.composite
def intervals(draw: st.DrawFn) -> list[float]:
    shortest = draw(st.floats(0.0, 10.0))
    return [shortest, draw(st.floats(shortest, 600.0, exclude_min=True))]


@st.composite
def templates(draw: st.DrawFn) -> ExerciseTemplate:
    rules = [*(f.value for f in Fault), *NOTES]
    # Beside the hold, which is part of it, the active time could be impossible.
    parts = draw(st.sampled_from([["out_s", "hold_s", "back_s"], ["out_s", "back_s", "active_s"]]))
    return template(
        range=draw(ranges()),
        tempo=draw(st.dictionaries(st.sampled_from(parts), intervals())),
        rules=draw(st.dictionaries(st.sampled_from(rules), st.sampled_from(["fault", "note"]))),
    )


@given(measure=measures(), template=templates())
def test_a_judgement_is_what_the_outcomes_of_its_rules_say(
    measure: RepetitionMeasure, template: ExerciseTemplate
) -> None:
    judgement = judge(measure, template)
    outcomes = rule_outcomes(measure, template)
    assert judgement.borderline == [each.rule for each in outcomes if each.borderline]
    for judging, rules in ((Judging.FAULT, judgement.faults), (Judging.NOTE, judgement.notes)):
        assert rules == [each.rule for each in outcomes if each.broken and each.judging is judging]
    for each in outcomes:
        assert type(each.rule) is str
        if each.decisive is not None:
            assert each.decisive.margin == min(other.margin for other in each.comparisons)


@given(measure=measures(), template=templates())
def test_a_judgement_never_contradicts_itself(
    measure: RepetitionMeasure, template: ExerciseTemplate
) -> None:
    judgement = judge(measure, template)
    parts = list(judgement.score_parts.values())
    assert list(judgement.score_parts) == ["range", "tempo", "smoothness", "compensation"]
    assert judgement.score == list(itertools.accumulate(parts))[-1]
    most = (RANGE_POINTS, TEMPO_POINTS, SMOOTHNESS_POINTS, COMPENSATION_POINTS)
    assert all(0.0 <= part <= full for part, full in zip(parts, most, strict=True))
    assert (judgement.verdict is Verdict.INCORRECT) == bool(judgement.faults)
    assert not set(judgement.faults) & set(judgement.notes)
    for listed in (judgement.faults, judgement.borderline, judgement.notes):
        assert len(set(listed)) == len(listed)
    names = [f"compensation:{c.name}" for c in template.compensations]
    known = {*(f.value for f in Fault), *NOTES, *names}
    assert {*judgement.faults, *judgement.borderline, *judgement.notes} <= known
    assert all(type(rule) is str for rule in judgement.faults + judgement.borderline)
    assert judgement == judge(measure, template)


@given(measure=measures(), template=templates(), deviation=deviations)
def test_faults_notes_and_score_do_not_depend_on_deviations(
    measure: RepetitionMeasure, template: ExerciseTemplate, deviation: float
) -> None:
    other = dataclasses.replace(
        measure,
        rom_sd_deg=deviation,
        time_sd_s=deviation,
        compensations={k: (value, deviation) for k, (value, _) in measure.compensations.items()},
    )
    judgement, again = judge(measure, template), judge(other, template)
    assert dataclasses.replace(judgement, borderline=[]) == dataclasses.replace(
        again, borderline=[]
    )


@given(measure=measures(), template=templates(), rom_deg=degrees)
def test_more_range_up_to_the_limit_never_lowers_the_score(
    measure: RepetitionMeasure, template: ExerciseTemplate, rom_deg: float
) -> None:
    low, high = sorted((measure.rom_deg, rom_deg))
    less = judge(dataclasses.replace(measure, rom_deg=low), template).score
    more = judge(dataclasses.replace(measure, rom_deg=high), template).score
    if high <= template.range.limit_deg:
        assert less <= more
    if low >= template.range.goal_deg:
        assert less >= more


@given(
    measure=measures(),
    template=templates(),
    part=st.sampled_from(["out_s", "hold_s", "back_s", "active_s"]),
    other_s=seconds,
)
def test_a_part_nearer_to_its_prescription_never_lowers_the_score(
    measure: RepetitionMeasure, template: ExerciseTemplate, part: str, other_s: float
) -> None:
    interval = getattr(template.tempo, part)
    low, high = sorted((getattr(measure, part), other_s))
    shorter = judge(dataclasses.replace(measure, **{part: low}), template).score
    longer = judge(dataclasses.replace(measure, **{part: high}), template).score
    if interval is None:
        assert shorter == longer
    elif high <= interval[1]:
        assert shorter <= longer
    elif low >= interval[0]:
        assert shorter >= longer


@given(measure=measures(), template=templates(), other=st.floats(-40.0, 0.0))
def test_a_smoother_movement_never_lowers_the_score(
    measure: RepetitionMeasure, template: ExerciseTemplate, other: float
) -> None:
    low, high = sorted((measure.smoothness_out or 0.0, other))
    rough = judge(dataclasses.replace(measure, smoothness_out=low), template).score
    smooth = judge(dataclasses.replace(measure, smoothness_out=high), template).score
    assert rough <= smooth


@given(measure=measures(), template=templates(), values=st.tuples(degrees, degrees))
def test_less_compensation_never_lowers_the_score(
    measure: RepetitionMeasure, template: ExerciseTemplate, values: tuple[float, float]
) -> None:
    scores = [
        judge(
            dataclasses.replace(
                measure, compensations=measure.compensations | {"twist": (value, 1.0)}
            ),
            template,
        ).score
        for value in sorted(values)
    ]
    assert scores[0] >= scores[1]


@given(
    measure=measures(),
    field=st.sampled_from(
        ["rom_deg", "out_s", "hold_s", "back_s", "active_s", "smoothness_out", "twist"]
    ),
    value=st.floats(0.0, 200.0),
)
def test_the_score_never_jumps(measure: RepetitionMeasure, field: str, value: float) -> None:
    step = 1e-6
    # The steepest slope: 30 points for half a second of holding.
    steepest = 60.0 * step + 1e-9
    if field == "smoothness_out":
        value = -value

    def score(at: float) -> float:
        if field == "twist":
            changed = dataclasses.replace(measure, compensations={"twist": (at, 1.0)})
        else:
            changes: dict[str, Any] = {field: at}
            changed = dataclasses.replace(measure, **changes)
        return judge(changed, TEMPLATE).score

    assert abs(score(value + step) - score(value)) <= steepest


# --- cues ---------------------------------------------------------------------------------------


def cue(changes: dict[str, Any], prescription: ExerciseTemplate = TEMPLATE) -> str | None:
    repetition = measure(**changes)
    found = cue_for(judge(repetition, prescription), repetition, prescription)
    if found is None:
        return None
    code, text = found
    assert CUES.get(code, text) == text
    return code


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, None),
        ({"out_s": 1.0}, "too_fast_out"),
        ({"back_s": 1.0}, "too_fast_back"),
        ({"out_s": 1.0, "back_s": 1.0}, "too_fast"),
        ({"active_s": 1.0}, "too_fast"),
        ({"hold_s": 0.1}, "hold_short"),
        ({"rom_deg": 20.0}, "range_short"),
        ({"compensations": {"twist": (30.0, 1.0)}}, "compensation:twist"),
    ],
)
def test_a_fault_has_its_cue(changes: dict[str, Any], code: str | None) -> None:
    assert cue(changes) == code


def test_a_compensation_speaks_with_the_cue_of_the_template() -> None:
    tilted = measure(compensations={"pelvis_tilt": (30.0, 1.0)})
    assert cue_for(judge(tilted, TEMPLATE), tilted, TEMPLATE) == (
        "compensation:pelvis_tilt",
        "Hips still",
    )


def test_the_most_important_fault_is_cued_first() -> None:
    changes: dict[str, Any] = {
        "compensations": {"twist": (30.0, 1.0)},
        "out_s": 1.0,
        "hold_s": 0.1,
        "rom_deg": 20.0,
    }
    codes = []
    for field in list(changes):
        codes.append(cue(changes))
        del changes[field]
    assert codes == ["compensation:twist", "too_fast_out", "hold_short", "range_short"]


def test_a_borderline_fault_is_never_cued_and_gives_way_to_a_clear_one() -> None:
    assert cue({"rom_deg": 29.0, "rom_sd_deg": 2.0}) is None
    assert cue({"out_s": 1.49, "time_sd_s": 0.05}) is None
    assert cue({"compensations": {"twist": (10.5, 1.0)}, "rom_deg": 20.0}) == "range_short"


def test_a_repetition_beyond_the_limit_has_had_its_cue_at_the_crossing() -> None:
    assert limit_cue() == ("limit", CUES["limit"])
    assert cue({"rom_deg": 80.0, "out_s": 1.0}) is None
    assert cue({"rom_deg": 71.0, "rom_sd_deg": 2.0, "out_s": 1.0}) is None


@pytest.mark.parametrize(
    ("rule", "changes", "code"),
    [
        ("too_slow", {"out_s": 9.0}, "too_slow"),
        ("jerky", {"smoothness_out": -9.0}, "jerky"),
        ("paused", {"paused": True}, "paused"),
        ("interrupted", {"interrupted": True}, None),
    ],
)
def test_a_note_is_cued_only_where_the_template_makes_it_a_fault(
    rule: str, changes: dict[str, Any], code: str | None
) -> None:
    assert cue(changes) is None
    assert cue(changes, template(rules={rule: "fault"})) == code


def test_a_fault_that_the_template_makes_a_note_is_not_cued() -> None:
    assert cue({"rom_deg": 20.0}, template(rules={"range_short": "note"})) is None


@given(measure=measures(), template=templates())
def test_a_cue_always_belongs_to_a_clear_fault(
    measure: RepetitionMeasure, template: ExerciseTemplate
) -> None:
    judgement = judge(measure, template)
    found = cue_for(judgement, measure, template)
    if found is None:
        return
    rule = "too_fast" if found[0].startswith("too_fast") else found[0]
    assert rule in judgement.faults
    assert rule not in judgement.borderline


def test_no_text_for_a_patient_blames() -> None:
    library = [ExerciseTemplate.load(name) for name in library_ids()]
    texts = [*CUES.values(), *(c.cue for loaded in library for c in loaded.compensations)]
    for text in texts:
        words = text.lower().replace("'", " ").split()
        assert not {"not", "t", "wrong", "incorrect", "bad", "fault", "error", "fail"} & set(words)
        assert len(text) <= 60
