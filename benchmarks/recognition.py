"""Which exercise it is, and which repetitions of others are counted.

On the physiotherapy set all eight templates of a person are told apart in each test; on simulated
people those of the library that share sensors, position and side. How exercises are told apart is
`motion.recognition`'s.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from benchmarks import scoring
from benchmarks.library import calibration_of
from benchmarks.replaying import in_order
from benchmarks.report import Report, Table, Track, percent, seconds
from devices.recording import Recording
from motion.attitude import Attitudes
from motion.events import RecognisedEvent
from motion.evidence import Evidence
from motion.performance import plan
from motion.recognition import Recogniser
from motion.samples import Samples
from motion.signature import POSE_APART, Moments, Signature
from motion.simulation import Exercise, simulate
from motion.template import (
    DominantMovement,
    ExerciseTemplate,
    HoldMovement,
    LearnedMovement,
    library_ids,
)
from motion.tracker import Tracker

NAME: Final = "recognition"
# The peer's share of exercises recognised, by its own definitions; the paper stands in `uci_pt`.
PEER_PERCENT: Final = 93.46
# Thresholds of the pose that are tried with one person left out: 29 to 97 degrees.
APART: Final = tuple(round(0.5 + 0.05 * step, 2) for step in range(21))
# Repetitions of a set that a simulated person does.
REPETITIONS: Final = 6
HOLDS: Final = 3
DRAWS: Final = 3


@dataclass(frozen=True, slots=True)
class Tested:
    """One person's test of one exercise, with the template of its demonstration."""

    person: str
    name: str
    template: ExerciseTemplate
    recording: Recording


def tested(name: str, template: ExerciseTemplate, recording: Recording) -> Tested:
    """Under an id of its own, which a name such as s1_e1 becomes. The person stands before it."""
    own = ExerciseTemplate.from_document(
        {**template.document(), "id": name.lower().replace("_", "-")}, source=name
    )
    return Tested(name.partition("_")[0], name, own, recording)


def named(
    templates: Sequence[ExerciseTemplate], samples: Mapping[str, Samples]
) -> list[RecognisedEvent]:
    """Repetitions under their names, online."""
    recogniser = Recogniser(templates)
    events = []
    for one in in_order(samples):
        if isinstance(one, Samples):
            recogniser.push(one)
        else:
            events += recogniser.advance(one.t_s)
    return events + recogniser.finish()


@dataclass(frozen=True, slots=True)
class Naming:
    """How the repetitions of one test were named: of the first ten of each block, those named
    rightly; whether the very first was; what else was told instead."""

    right: int
    first: bool
    instead: Counter[str]
    late_s: tuple[float, ...]

    @classmethod
    def of(cls, events: Sequence[RecognisedEvent], exercise: str) -> "Naming":
        """Score what was told in a test of `exercise`."""
        blocks: list[list[RecognisedEvent]] = [[] for _ in scoring.BLOCK_STARTS_S]
        for event in events:
            blocks[scoring.block_of(event.peak_s)].append(event)
        first_ten = [event for block in blocks for event in block[: scoring.BLOCK_SIZE]]
        return cls(
            right=sum(event.exercise == exercise for event in first_ten),
            first=bool(events) and events[0].exercise == exercise,
            instead=Counter(event.exercise for event in events if event.exercise != exercise),
            late_s=tuple(event.reported_s - event.end_s for event in events),
        )


@dataclass(frozen=True, slots=True)
class Found:
    """Every repetition that a template's angle shows in a test, whatever its pose: the three
    moments of each, and the signature that it is compared with."""

    signature: Signature
    seen: tuple[dict[str, Moments], ...]

    def counted(self, apart: float = POSE_APART) -> int:
        """How many of them count, where poses further than `apart` are others."""
        return sum(self.signature.alike(seen, apart) for seen in self.seen)


def found(template: ExerciseTemplate, samples: Mapping[str, Samples]) -> Found:
    """Track a learned template without looking at poses; ValueError for another template."""
    signature = Signature.demonstrated(template)
    if signature is None:
        raise ValueError(f"{template.id} is no learned template")
    moments: list[tuple[float, float, float]] = []

    def note(evidence: Evidence) -> None:
        moments.append((evidence.left_s, evidence.event.peak_s, evidence.event.end_s))

    tracker = Tracker(template, witness=note, onsets=False)
    tracker.course.signature = None
    attitudes = Attitudes(template.watched_slots)
    for slot in template.watched_slots:
        if slot in samples:
            tracker.push(samples[slot])
            attitudes.push(samples[slot])
    tracker.finish()
    attitudes.advance(math.inf, last=True)
    seen = []
    for times in moments:
        at: dict[str, Moments] = {}
        for slot in template.watched_slots:
            start, peak, end = (attitudes.at(slot, t_s) for t_s in times)
            if start is not None and peak is not None and end is not None:
                at[slot] = (start, peak, end)
        seen.append(at)
    return Found(signature, tuple(seen))


def of_tests(tests: Sequence[Tested], track: Track) -> Report:
    """Name the repetitions of every test, and let every template of a person count in all of that
    person's tests."""
    people = sorted({test.person for test in tests})
    samples = {test.name: test.recording.samples() for test in tests}
    namings = {}
    for test in track(tests, NAME):
        plan_of = [other.template for other in tests if other.person == test.person]
        namings[test.name] = Naming.of(named(plan_of, samples[test.name]), test.template.id)
    pairs: dict[tuple[str, str], Found] = {}
    gated: dict[tuple[str, str], int] = {}
    for one in track(tests, "foreign exercises"):
        for other in tests:
            if one.person != other.person:
                continue
            pair = (one.name, other.name)
            pairs[pair] = found(one.template, samples[other.name])
            tracker = Tracker(one.template)
            for slot in one.template.watched_slots:
                if slot in samples[other.name]:
                    tracker.push(samples[other.name][slot])
            tracker.finish()
            gated[pair] = tracker.assessment.index
    return _report(tests, people, namings, pairs, gated)


def _report(
    tests: Sequence[Tested],
    people: Sequence[str],
    namings: Mapping[str, Naming],
    pairs: Mapping[tuple[str, str], Found],
    gated: Mapping[tuple[str, str], int],
) -> Report:
    of_person = {test.name: test.person for test in tests}
    foreign = [pair for pair in pairs if pair[0] != pair[1]]
    expected = scoring.BLOCK_SIZE * len(scoring.BLOCK_LABELS)
    rows = []
    figures: dict[str, Any] = {"tests": {}, "foreign": {}, "left_out": {}}
    for test in tests:
        naming = namings[test.name]
        others = [pair for pair in foreign if pair[0] == test.name]
        let_through = sum(gated[pair] for pair in others)
        ungated = sum(len(pairs[pair].seen) for pair in others)
        rows.append(
            [
                test.name,
                f"{naming.right}/{expected}",
                "yes" if naming.first else "no",
                ", ".join(f"{name} {count}" for name, count in naming.instead.items()) or "-",
                str(let_through),
                str(ungated),
            ]
        )
        figures["tests"][test.name] = {
            "right": naming.right,
            "first": naming.first,
            "instead": dict(naming.instead),
            "foreign_counted": let_through,
            "foreign_ungated": ungated,
        }
    total = expected * len(tests)
    right = sum(naming.right for naming in namings.values())
    firsts = sum(naming.first for naming in namings.values())
    late = [value for naming in namings.values() for value in naming.late_s]
    p95_s, most_s = (float(np.percentile(late, q)) if late else math.nan for q in (95.0, 100.0))
    let_through = sum(gated[pair] for pair in foreign)
    ungated = sum(len(pairs[pair].seen) for pair in foreign)
    figures |= {
        "expected": total,
        "right": right,
        "first_right": firsts,
        "late_p95_s": p95_s,
        "late_most_s": most_s,
        "foreign_counted": let_through,
        "foreign_ungated": ungated,
        "peer_percent": PEER_PERCENT,
    }
    most = max(len([test for test in tests if test.person == person]) for person in people)
    summary = Table(
        f"Exercises told apart: {len(tests)} recordings, {len(people)} people",
        ["measure", "ours", "published"],
        [
            [
                f"exercise named after each complete repetition, {most} templates, of {total}",
                f"{right} ({percent(scoring.share(right, total), 2)})",
                f"{PEER_PERCENT} %",
            ],
            ["first repetition of a recording named rightly", f"{firsts} of {len(tests)}", ""],
            ["told after the end, p95 and at most", f"{seconds(p95_s)}, {seconds(most_s)}", ""],
            ["foreign repetitions counted", str(let_through), ""],
            ["foreign repetitions counted without a look at poses", str(ungated), ""],
        ],
    )
    each = Table(
        "Exercises told apart, by recording",
        ["recording", "named", "first", "named otherwise", "counts of others", "without poses"],
        rows,
    )
    tables = [each, summary]
    if len(people) > 1:
        heads = ["left out", "chosen", "own lost", "foreign counted", "in use: lost, foreign"]
        chosen = _left_out(people, of_person, pairs, figures["left_out"])
        tables.append(Table("The pose gate chosen without one person", heads, chosen))
    definitions = [
        "Named: all templates of the person, each of one correct demonstration, over each of the "
        "person's tests, online. Of each block the first ten; one that is missed or named "
        "otherwise is wrong. Published: exercises recognised by the time warping of Yurtman "
        "and Barshan 2014, offline, on five people.",
        "Counts of others: repetitions that a template counts, as a session does, in the person's "
        "tests of other exercises; without poses: that its angle alone would count there.",
        "The pose gate: distance of unit vectors from which on a pose is another one, "
        f"{POSE_APART:g} in use. Chosen: the middle of those values between {APART[0]:g} and "
        f"{APART[-1]:g} with the fewest repetitions of other people lost or foreign.",
    ]
    return Report(NAME, tables, definitions, figures)


def _left_out(
    people: Sequence[str],
    of_person: Mapping[str, str],
    pairs: Mapping[tuple[str, str], Found],
    figures: dict[str, Any],
) -> list[list[str]]:
    """Rows of the table: for each person the threshold that the others would choose."""
    errors: dict[str, dict[float, tuple[int, int]]] = {}
    for person in people:
        own = [pair for pair in pairs if of_person[pair[0]] == person and pair[0] == pair[1]]
        other = [pair for pair in pairs if of_person[pair[0]] == person and pair[0] != pair[1]]
        errors[person] = {
            apart: (
                sum(len(pairs[pair].seen) - pairs[pair].counted(apart) for pair in own),
                sum(pairs[pair].counted(apart) for pair in other),
            )
            for apart in (*APART, POSE_APART)
        }
    rows = []
    for person in people:
        rest = [other for other in people if other != person]
        sums = {apart: sum(sum(errors[other][apart]) for other in rest) for apart in APART}
        best = [apart for apart in APART if sums[apart] == min(sums.values())]
        chosen = best[len(best) // 2]
        lost, foreign = errors[person][chosen]
        lost_in_use, foreign_in_use = errors[person][POSE_APART]
        rows.append(
            [
                person,
                f"{chosen:.2f} ({best[0]:.2f} to {best[-1]:.2f})",
                str(lost),
                str(foreign),
                f"{lost_in_use}, {foreign_in_use}",
            ]
        )
        figures[person] = {
            "chosen": chosen,
            "equal_from": best[0],
            "equal_to": best[-1],
            "lost": lost,
            "foreign": foreign,
            "lost_in_use": lost_in_use,
            "foreign_in_use": foreign_in_use,
        }
    return rows


# --- the library on simulated people


def groups() -> dict[str, list[ExerciseTemplate]]:
    """Exercises of the library that are calibrated and drawn, by sensors, position and side, where
    there are two or more."""
    found_: dict[str, list[ExerciseTemplate]] = {}
    for id in library_ids():
        template = ExerciseTemplate.load(id)
        calibrated = not isinstance(template.movement, DominantMovement | LearnedMovement)
        if calibrated and template.figure is not None:
            key = f"{', '.join(sorted(template.slots))}; {template.position}; {template.side}"
            found_.setdefault(key, []).append(template)
    return {key: templates for key, templates in found_.items() if len(templates) > 1}


def drawn(templates: Sequence[ExerciseTemplate], exercise: int, seed: int) -> tuple[int, Naming]:
    """One simulated person calibrates and does one of the exercises rightly: how many repetitions
    are true, and how they were named."""
    template = templates[exercise]
    random = np.random.default_rng((seed, exercise))
    held = isinstance(template.movement, HoldMovement)
    done = Exercise.of(template, plan(template, HOLDS if held else REPETITIONS, random))
    simulation = simulate(done, int(random.integers(2**31)))
    recogniser = Recogniser(
        templates, calibration_of(simulation), simulation.exercises[0].side, counting=False
    )
    from_s = simulation.exercises[0].sets[0].from_s
    events: list[RecognisedEvent] = []
    begun = False
    for one in in_order(simulation.samples):
        if isinstance(one, Samples):
            recogniser.push(one)
            continue
        events += recogniser.advance(one.t_s)
        if not begun and one.t_s >= from_s:
            begun = True
            recogniser.count(True)
    events += recogniser.finish()
    naming = Naming.of(events, template.id)
    true = len(simulation.exercises[0].sets[0].repetitions)
    told = sum(event.exercise == template.id for event in events)
    return true, Naming(min(told, true), naming.first, naming.instead, naming.late_s)


def of_library(draws: int, track: Track, *, first: int = 0) -> Report:
    """Let simulated people do every exercise that shares sensors, position and side with others."""
    rows = []
    figures: dict[str, Any] = {}
    all_true = all_right = 0
    for key, templates in track(list(groups().items()), NAME):
        for exercise, template in enumerate(templates):
            true = right = firsts = 0
            instead: Counter[str] = Counter()
            for seed in range(first, first + draws):
                expected, naming = drawn(templates, exercise, seed)
                true += expected
                right += naming.right
                firsts += naming.first
                instead += naming.instead
            all_true += true
            all_right += right
            others = ", ".join(f"{name} {count}" for name, count in instead.most_common())
            rows.append(
                [template.id, key, str(len(templates)), f"{right}/{true}", f"{firsts}/{draws}",
                 others or "-"]
            )  # fmt: skip
            figures[template.id] = {
                "group": key,
                "expected": true,
                "right": right,
                "first_right": firsts,
                "instead": dict(instead),
            }
    rows.append(["all", "", "", f"{all_right}/{all_true}", "", ""])
    table = Table(
        "Exercises of the library told apart, simulated people",
        ["exercise", "sensors; position; side", "among", "named", "first", "named otherwise"],
        rows,
    )
    definitions = [
        f"Each of {draws} people calibrates with sensors strapped on anyhow and does one set "
        "rightly; the exercise is one of all of the library that use the same sensors in the same "
        "position on the same side. Named: repetitions told under the right name, of all that are "
        "true.",
    ]
    return Report(NAME, [table], definitions, figures)
