"""Physiotherapy exercises (UCI): learn from a demonstration, then count and judge its test.

Three kinds of execution in three blocks, five sensors on the body. The engine is told one annotated
repetition, or one of each kind; which block comes when is known to the scorer alone.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import permutations
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal

import numpy as np

from benchmarks import recognition, scoring
from benchmarks.errors import BenchmarkError, BenchmarkFault
from benchmarks.miscounts import Miscount
from benchmarks.replaying import in_order, naming, repetitions
from benchmarks.report import Report, Table, Track, number, percent, seconds
from devices.recording import Recording
from motion.events import RepetitionEvent
from motion.learning import learn
from motion.samples import Samples
from motion.template import ExerciseTemplate

NAME: Final = "uci_pt"
PEERS: Final[tuple[str, ...]] = ()

# The peer: A. Yurtman and B. Barshan, "Automated evaluation of physical therapy exercises using
# multi-template dynamic time warping on wearable sensor signals", Computer Methods and Programs in
# Biomedicine 117, 2014. Percent, by their own definitions (under the table).
PEER_MISSED: Final = 8.58
PEER_FALSE: Final = 4.91
PEER_EXERCISE: Final = recognition.PEER_PERCENT
PEER_EXERCISE_AND_KIND: Final = 88.65

# Blocks are cut where the body is stillest in the idle time before a block begins. A block begins
# within a second of its nominal time; the idle before it lasts for ten seconds at least.
CUT_FROM_S: Final = -10.0
CUT_TO_S: Final = 0.0
# Stillness is judged over a second, as a pause between two movements is shorter.
STILL_S: Final = 1.0


# Annotated bounds that contradict every sensor: by recording, the numbers of the repetitions. In
# s1_e3 one ends 3.5 s before the leg comes down; in s1_e5 the fast ones are out of phase, and the
# small ones are another movement.
WRONG_BOUNDS: Final[Mapping[str, Collection[int]]] = MappingProxyType(
    {"s1_e3": (28,), "s1_e5": range(11, 31)}
)


@dataclass(frozen=True, slots=True)
class Case:
    """One person's demonstration and test of one exercise."""

    name: str
    demonstration: Recording
    test: Recording


def cases(folder: Path) -> list[Case]:
    """All pairs in the folder; raises BenchmarkError when there are none or one lacks its half."""
    found = []
    for path in sorted(folder.glob("*_test.parquet")):
        name = path.name.removesuffix("_test.parquet")
        demonstration = folder / f"{name}_demonstration.parquet"
        if not demonstration.exists():
            raise BenchmarkError(
                BenchmarkFault.DATA,
                f"{demonstration} is missing; every test needs the demonstration it is learned "
                "from.",
                path=str(demonstration),
            )
        found.append(Case(name, Recording.open(demonstration), Recording.open(path)))
    if not found:
        raise BenchmarkError(
            BenchmarkFault.NO_DATA,
            f"{folder} holds no file named *_test.parquet; convert the set as docs/benchmarks.md "
            "says.",
            path=str(folder),
        )
    return found


def sound_bounds(case: Case) -> list[tuple[float, float]]:
    """Annotated repetitions of the test, without those whose bounds are known to be wrong."""
    annotated = [one for one in case.test.info.annotations if one.kind == "repetition"]
    wrong = WRONG_BOUNDS.get(case.name, ())
    return [
        (one.start_s, one.end_s)
        for number, one in enumerate(annotated, start=1)
        if number not in wrong
    ]


def template_intervals(recording: Recording) -> dict[str, tuple[float, float]]:
    """The annotated template of each kind; raises BenchmarkError when one is missing."""
    intervals = {
        annotation.label: (annotation.start_s, annotation.end_s)
        for annotation in recording.info.annotations
        if annotation.kind == "template" and annotation.label is not None
    }
    for label in scoring.BLOCK_LABELS:
        if label not in intervals:
            raise BenchmarkError(
                BenchmarkFault.DATA,
                f"{recording.path} has no annotation of kind template and label {label}; convert "
                "the recording again.",
                path=recording.path,
            )
    return intervals


def check_blocks(test: Recording, slots: Sequence[str]) -> None:
    """Raise BenchmarkError unless each sensor is there for the first block and for the last."""
    for slot, one in test.samples(slots).items():
        if one.t_s[0] > scoring.BLOCK_STARTS_S[1] + CUT_FROM_S or (
            one.t_s[-1] <= scoring.BLOCK_STARTS_S[-1]
        ):
            raise BenchmarkError(
                BenchmarkFault.DATA,
                f"{test.path} holds the sensor {slot} from {one.t_s[0]:.1f} to {one.t_s[-1]:.1f} "
                "s only, and the last block of a test begins at "
                f"{scoring.BLOCK_STARTS_S[-1]:g} s; convert the set again.",
                path=test.path,
            )


def from_one(
    samples: Mapping[str, Samples],
    intervals: Mapping[str, tuple[float, float]],
    reference: Literal["prescription", "own"] = "prescription",
) -> ExerciseTemplate:
    """A template from the demonstration called correct and nothing else.

    reference: whether ranges are judged against the demonstration or, as soon as there are three,
    against the person's own first repetitions of the session, whatever kind those are of.
    """
    return learn(samples, [intervals["correct"]], reference=reference)


def from_three(
    samples: Mapping[str, Samples], intervals: Mapping[str, tuple[float, float]]
) -> ExerciseTemplate:
    """A template from one demonstration of each kind: what the peer knows.

    Movement and goal come from the correct one; the engine measures all three. The least range
    lies half-way, in ratio, between the correct and the short one (who hurries reaches now less,
    now further), the shortest time between the fast one and the two others. That is one estimate;
    the share that learning takes of any demonstration is another. Neither is known to be better,
    so the threshold lies half-way between the two. Where the engine does not count a demonstration,
    or the ratio is the wrong way round, the threshold of one demonstration stays.
    """
    template = from_one(samples, intervals)
    counted = repetitions(template, in_order(samples))
    measured = [_at(counted, intervals[label]) for label in scoring.BLOCK_LABELS]
    if None in measured:
        return template
    correct, fast, short = (one for one in measured if one is not None)
    document = template.document()
    limits: dict[str, float] = document["range"]
    full_deg, short_deg = correct.judged_range_deg, short.judged_range_deg
    if short_deg < full_deg:
        minimum = _between(limits["minimum_deg"], _between(short_deg, full_deg))
        limits["minimum_deg"] = min(max(minimum, limits["count_from_deg"]), limits["goal_deg"])
    full_s = _between(correct.active_s, short.active_s)
    if fast.active_s < full_s:
        times: list[float] = document["tempo"]["active_s"]
        times[0] = _between(times[0], _between(fast.active_s, full_s))
    return ExerciseTemplate.from_document(document, source="three demonstrations")


def _between(a: float, b: float) -> float:
    """Half-way in ratio."""
    return math.sqrt(a * b)


def _at(
    counted: Sequence[RepetitionEvent], interval: tuple[float, float]
) -> RepetitionEvent | None:
    """The repetition that turns within an interval; the largest, if several do."""
    within = [one for one in counted if interval[0] <= one.peak_s <= interval[1]]
    return max(within, key=lambda one: one.judged_range_deg, default=None)


def cuts(samples: Mapping[str, Samples]) -> list[float]:
    """Times in seconds that part the blocks: the stillest moment of the idle before each."""
    times = []
    for start_s in scoring.BLOCK_STARTS_S[1:]:
        centres = np.arange(start_s + CUT_FROM_S, start_s + CUT_TO_S, STILL_S / 4)
        moved = np.zeros(len(centres))
        for one in samples.values():
            rate = np.abs(one.gyr_radps.astype(np.float64)).sum(axis=1)
            total = np.concatenate([[0.0], np.nancumsum(rate)])
            first = np.searchsorted(one.t_s, centres - STILL_S / 2)
            last = np.searchsorted(one.t_s, centres + STILL_S / 2)
            moved += (total[last] - total[first]) / np.maximum(last - first, 1)
        times.append(float(centres[int(np.argmin(moved))]))
    return times


def rearranged(
    samples: Mapping[str, Samples], rates_hz: Mapping[str, float], order: Sequence[int]
) -> tuple[dict[str, Samples], list[tuple[float, float]]]:
    """Blocks of a recording in another order, times laid anew without a gap.

    rates_hz: nominal rate by slot. order: indices of the blocks to keep. Returns the samples and,
    for each piece that the first slot holds, when it begins and by how many seconds it was moved.
    """
    edges = [-math.inf, *cuts(samples), math.inf]
    moved: dict[str, Samples] = {}
    pieces: list[tuple[float, float]] = []
    for slot, one in samples.items():
        bounds = np.searchsorted(one.t_s, edges)
        parts = [one.rows(int(bounds[block]), int(bounds[block + 1])) for block in order]
        t_s = np.arange(sum(len(part) for part in parts)) / rates_hz[slot]
        moved[slot] = Samples.of(
            slot,
            t_s,
            np.concatenate([part.acc_mps2 for part in parts]),
            np.concatenate([part.gyr_radps for part in parts]),
        )
        if not pieces:
            at = 0
            for part in parts:
                if len(part):
                    pieces.append((float(t_s[at]), float(part.t_s[0] - t_s[at])))
                at += len(part)
    return moved, pieces


def in_original_time(
    counted: Sequence[RepetitionEvent], pieces: Sequence[tuple[float, float]]
) -> list[list[RepetitionEvent]]:
    """Repetitions of a rearranged recording by the block that they came from."""
    blocks: list[list[RepetitionEvent]] = [[] for _ in scoring.BLOCK_STARTS_S]
    for one in sorted(counted, key=lambda one: one.peak_s):
        shift_s = [shift for begin, shift in pieces if begin <= one.peak_s][-1]
        blocks[scoring.block_of(one.peak_s + shift_s)].append(one)
    return blocks


@dataclass(slots=True)
class _Tally:
    """What is added up over recordings for one way of learning."""

    score: scoring.BlockScore
    found: list[int]
    repetitions: list[RepetitionEvent]

    def add(self, counted: Sequence[RepetitionEvent]) -> scoring.BlockScore:
        score = scoring.score_blocks(scoring.by_block(counted))
        self.score += score
        self.found.append(len(counted))
        self.repetitions += counted
        return score


@dataclass(frozen=True, slots=True)
class _Orders:
    """How the blocks score in each order that is not the protocol's, by order."""

    fixed: dict[tuple[int, ...], scoring.BlockScore]
    own: dict[tuple[int, ...], scoring.BlockScore]


def _verdicts(orders: Mapping[tuple[int, ...], scoring.BlockScore]) -> dict[str, float]:
    """Verdicts in percent, on average over the orders and in the worst of them."""
    each = [scoring.share(score.right, score.expected) for score in orders.values()]
    return {"mean": math.fsum(each) / len(each), "least": min(each)}


def run(folder: Path, track: Track) -> Report:
    """Score every recording of the folder; raises BenchmarkError when the data do not fit."""
    one = _Tally(scoring.NOTHING_SCORED, [], [])
    three = _Tally(scoring.NOTHING_SCORED, [], [])
    own = _Tally(scoring.NOTHING_SCORED, [], [])
    orders = _Orders({}, {})
    bounds = scoring.BoundsScore(0, 0, (), ())
    changes = scoring.ChangeScore(0, 0)
    rows: list[list[str]] = []
    per_recording: dict[str, Any] = {}
    expected: list[int] = []
    miscounts: list[Miscount] = []
    tests: list[recognition.Tested] = []
    for case in track(cases(folder), NAME):
        intervals = template_intervals(case.demonstration)
        shown = case.demonstration.samples()
        with naming(case.demonstration.path):
            template = from_one(shown, intervals)
            template_of_three = from_three(shown, intervals)
            template_of_own = from_one(shown, intervals, "own")
        check_blocks(case.test, template.slots)
        counted = repetitions(template, case.test.inputs(_worn(template, case.test)))
        tests.append(recognition.tested(case.name, template, case.test))
        score = one.add(counted)
        worn = _worn(template_of_three, case.test)
        more = repetitions(template_of_three, case.test.inputs(worn))
        score_three = three.add(more)
        score_own = own.add(
            repetitions(template_of_own, case.test.inputs(_worn(template_of_own, case.test)))
        )
        if len(counted) != score.expected:
            again = partial(case.test.inputs, _worn(template, case.test))
            miscounts.append(Miscount(case.name, template, again, len(counted), score.expected))
        annotated = sound_bounds(case)
        bounds += scoring.score_bounds([(rep.start_s, rep.end_s) for rep in counted], annotated)
        changed = _changes(template, case.test, scoring.by_block(counted), orders.fixed)
        _changes(template_of_own, case.test, scoring.by_block(counted), orders.own)
        changes += changed
        expected.append(score.expected)
        rows.append(
            [
                case.name,
                str(len(counted)),
                " ".join(str(len(block)) for block in scoring.by_block(counted)),
                f"{score.right}/{score.expected}",
                f"{score_three.right}/{score_three.expected}",
                f"{score_own.right}/{score_own.expected}",
                f"{changed.changed}/{changed.compared}",
            ]
        )
        per_recording[case.name] = {
            "found": len(counted),
            "right": score.right,
            "right_three": score_three.right,
            "right_own": score_own.right,
            "expected": score.expected,
            "changed": changed.changed,
        }
    report = _report(one, three, own, orders, expected, bounds, changes, rows, per_recording)
    told = recognition.of_tests(tests, track)
    return replace(
        report,
        tables=[*report.tables, *told.tables],
        definitions=[*report.definitions, *told.definitions],
        figures={**report.figures, recognition.NAME: told.figures},
        miscounts=miscounts,
    )


def _worn(template: ExerciseTemplate, test: Recording) -> list[str]:
    """The sensors that the template needs, and those of its bystanders that the test has."""
    return [slot for slot in template.watched_slots if slot in template.slots or slot in test.slots]


def _changes(
    template: ExerciseTemplate,
    test: Recording,
    before: Sequence[Sequence[RepetitionEvent]],
    orders: dict[tuple[int, ...], scoring.BlockScore],
) -> scoring.ChangeScore:
    """Verdicts that another order of blocks, or a start at the second, changes.

    orders: how the blocks score in each other order of all of them is added to it.
    """
    samples = test.samples(_worn(template, test))
    rates_hz = {slot: test.info.sensors[slot].rate_hz for slot in samples}
    every = tuple(range(len(scoring.BLOCK_STARTS_S)))
    changes = scoring.ChangeScore(0, 0)
    for order in [every[1:], *(order for order in permutations(every) if order != every)]:
        moved, pieces = rearranged(samples, rates_hz, order)
        after = in_original_time(repetitions(template, in_order(moved)), pieces)
        kept = [list(before[block]) if block in order else [] for block in every]
        changes += scoring.score_changes(kept, after)
        if len(order) == len(every):
            score = orders.get(order, scoring.NOTHING_SCORED)
            orders[order] = score + scoring.score_blocks(after)
    return changes


def _report(
    one: _Tally,
    three: _Tally,
    own: _Tally,
    orders: _Orders,
    expected: Sequence[int],
    bounds: scoring.BoundsScore,
    changes: scoring.ChangeScore,
    rows: Sequence[Sequence[str]],
    per_recording: dict[str, Any],
) -> Report:
    figures: dict[str, Any] = {"recordings": per_recording}
    columns: list[dict[str, str]] = []
    for key, tally in (
        ("one_demonstration", one),
        ("own_reference", own),
        ("three_demonstrations", three),
    ):
        counts = scoring.score_counts(tally.found, expected)
        latency = scoring.score_latency(tally.repetitions)
        score = tally.score
        missed, false, right = (
            scoring.share(part, score.expected) for part in (score.missed, score.false, score.right)
        )
        figures[key] = {
            "expected": score.expected,
            "missed_percent": missed,
            "false_percent": false,
            "verdict_percent": right,
            "recordings": counts.recordings,
            "exact": counts.exact,
            "within_one": counts.within_one,
            "mae": counts.mae,
            "latency_p50_s": latency.p50_s,
            "latency_p95_s": latency.p95_s,
            "latency_p99_s": latency.p99_s,
        }
        columns.append(
            {
                "missed": percent(missed, 2),
                "false": percent(false, 2),
                "exact": f"{counts.exact} of {counts.recordings}",
                "within one": f"{counts.within_one} of {counts.recordings}",
                "mean absolute error": number(counts.mae),
                "verdict": percent(right, 2),
                "reported after the end, p50": seconds(latency.p50_s),
                "reported after the end, p95": seconds(latency.p95_s),
                "reported after the end, p99": seconds(latency.p99_s),
            }
        )
    agreeing = scoring.share(bounds.agreeing, bounds.annotated)
    start = scoring.median([abs(error) for error in bounds.start_errors_s])
    end = scoring.median([abs(error) for error in bounds.end_errors_s])
    changed = scoring.share(changes.changed, changes.compared)
    figures["bounds"] = {
        "annotated": bounds.annotated,
        "overlap_half_percent": agreeing,
        "median_start_error_s": start,
        "median_end_error_s": end,
    }
    figures["order"] = {"compared": changes.compared, "changed_percent": changed}
    figures["peer"] = {
        "missed_percent": PEER_MISSED,
        "false_percent": PEER_FALSE,
        "exercise_percent": PEER_EXERCISE,
        "exercise_and_kind_percent": PEER_EXERCISE_AND_KIND,
    }
    for column, key, by_order in (
        (0, "one_demonstration", orders.fixed),
        (1, "own_reference", orders.own),
    ):
        verdicts = _verdicts(by_order)
        figures[key]["other_orders"] = verdicts
        columns[column] |= {
            "verdict, mean of the five other orders": percent(verdicts["mean"], 2),
            "verdict, worst of these": percent(verdicts["least"], 2),
        }
    columns[0] |= {
        "bounds overlap by half": percent(agreeing),
        "median error of start": seconds(start),
        "median error of end": seconds(end),
        "changed by order of blocks": percent(changed, 2),
    }
    peer = {
        "missed": f"{PEER_MISSED} %",
        "false": f"{PEER_FALSE} %",
        "verdict": f"{PEER_EXERCISE_AND_KIND} %",
    }
    names = list(dict.fromkeys([*columns[0], *peer]))
    summary = Table(
        f"uci_pt: {len(rows)} recordings, {one.score.expected} repetitions",
        ["measure", "one demonstration", "own reference", "three", "published (1)"],
        [[name, *(column.get(name, "") for column in (*columns, peer))] for name in names],
    )
    each = Table(
        "uci_pt by recording",
        [
            "recording",
            "counted",
            "by block",
            "verdicts",
            "with three",
            "own reference",
            "changed by order",
        ],
        rows,
    )
    definitions = [
        "Ours, online: of a block with n found, missed max(0, 10 - n) and false max(0, n - 10), "
        "over all expected; a repetition belongs to the block that holds its turning point. Exact, "
        "within one and mean absolute error: totals of recordings against 30. Verdict: of the "
        "first ten of a block those judged as its label (too_fast before range_short before "
        "correct), over all expected, so that a missed one is wrong. Latency: reported_s - end_s.",
        "One demonstration: the template comes from the annotated correct repetition and nothing "
        "else. Three: also from one of each other kind, thresholds half-way in ratio between "
        "those of one demonstration and what the engine measures of the three kinds.",
        "Own reference: the template of one demonstration; as soon as three repetitions of the "
        "session are counted, a range is short below a share of their median, whatever kind they "
        "are of. Other orders: the same with the blocks rearranged, so that these three may be "
        "hurried or short.",
        f"Bounds: {bounds.annotated} annotated repetitions of person 1, without those whose bounds "
        "contradict the sensors (s1_e3 the 28th, s1_e5 from the 11th on), whose overlap over union "
        "with a found one is at least 0.5; median absolute errors of those that overlap at all. "
        "Order: kinds judged that change, appear or vanish when the recording starts at its second "
        "block or its blocks come in the five other orders.",
        "(1) Yurtman and Barshan 2014, five people, offline, one template of each kind: missed as "
        "a share of repetitions; false alarms as a share of idle intervals; "
        f"{PEER_EXERCISE_AND_KIND} % is exercise and kind of execution jointly, {PEER_EXERCISE} % "
        "the exercise alone, which ours is told here. By their definitions, on more people: a "
        "landmark, not a race on equal terms.",
    ]
    return Report(NAME, [each, summary], definitions, figures)
