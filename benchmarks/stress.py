"""What the engine still counts when sensors and people are worse than in the recordings.

Disturbs the recordings of `uci_pt` and `spar` in known ways, and lets people stand still, idle and
walk about with a set left open. Each row of the tables has a bar that it must hold. How a
disturbance is made stands in `disturbances`.
"""

import math
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np

from benchmarks import disturbances, library, scoring, spar, uci_pt
from benchmarks.disturbances import Recorded
from benchmarks.errors import BenchmarkError, BenchmarkFault
from benchmarks.replaying import in_order, naming, repetitions
from benchmarks.report import Report, Table, Track, number
from devices.recording import Recording
from motion.events import Event, Note, RepetitionEvent
from motion.evidence import Evidence
from motion.performance import plan
from motion.samples import Samples
from motion.session import BeginSetControl, Session, StartControl, StopControl
from motion.simulation import CHANGE_S, Exercise, simulate
from motion.template import DominantMovement, ExerciseTemplate, HoldMovement, library_ids

NAME: Final = "stress"
PEERS: Final[tuple[str, ...]] = ()
SETS: Final = (uci_pt.NAME, spar.NAME)

BIAS_DPS: Final = 1.0
NOISE_TIMES: Final = 3.0
RATES_HZ: Final = (25.0, 50.0, 100.0, 200.0)
STANDSTILL_S: Final = 10.0
WALK_S: Final = 120.0
# So many recordings may lose their exactness against the undisturbed run.
LITTLE: Final = 1.0
MORE: Final = 2.0
# However well the undisturbed run does: straps put on anew are an everyday thing.
TURNED_MOST_DEG: Final = 30.0
TURNED_MOST_SHARE: Final = 22.0 / 24.0
# Draws of what is random: what turns sensors differs most between draws.
DRAWS: Final = 3
TURNS: Final = 10
# Standstills go into one repetition in the middle of each block.
PAUSED_REPETITION: Final = scoring.BLOCK_SIZE // 2
# Counts do not depend on how often a watermark comes, the time that a replay takes does.
WATERMARKS_PER_S: Final = 2
# What each of the sensors of a learned exercise may be strapped to while its wearer walks.
WALKING: Final = ("knee-bend-standing", "lumbar-bend", "watch-row")

UNDISTURBED: Final = "undisturbed"
PAUSE: Final = f"standstill of {STANDSTILL_S:g} s, half-way back"
IDLE: Final = "idle between the blocks"
WALK: Final = f"walking for {WALK_S:g} s, set left open"


class Disturb(Protocol):
    """Makes a recording worse."""

    def __call__(
        self, samples: Recorded, rates_hz: Mapping[str, float], random: np.random.Generator
    ) -> Recorded: ...


@dataclass(frozen=True, slots=True)
class Condition:
    """One row: what is done to a recording, how often with other random numbers, and how many
    recordings it may cost; None where it is there to compare with. least_share: of all recordings
    that must be exact, however many the undisturbed run has.
    """

    name: str
    disturb: Disturb
    allowed: float | None
    draws: int = 1
    neutral: bool = False
    sets: tuple[str, ...] = SETS
    least_share: float = 0.0


def _turned(degrees: float) -> Disturb:
    return lambda samples, rates_hz, random: disturbances.turned(samples, degrees, random)


def _lossy(share: float) -> Disturb:
    return lambda samples, rates_hz, random: disturbances.lossy(samples, share, random)


def _resampled(rate_hz: float) -> Disturb:
    return lambda samples, rates_hz, random: disturbances.resampled(samples, rates_hz, rate_hz)


def _as_it_is(
    samples: Recorded, rates_hz: Mapping[str, float], random: np.random.Generator
) -> Recorded:
    return samples


CONDITIONS: Final = (
    Condition(UNDISTURBED, _as_it_is, None),
    Condition(
        f"gyroscope bias {BIAS_DPS:g} deg/s",
        lambda samples, rates_hz, random: disturbances.biased(samples, BIAS_DPS, random),
        LITTLE,
        DRAWS,
    ),
    Condition(
        f"noise floor x {NOISE_TIMES:g}",
        lambda samples, rates_hz, random: disturbances.noisier(
            samples, rates_hz, NOISE_TIMES, random
        ),
        LITTLE,
        DRAWS,
    ),
    Condition("neutral taken, not turned", _as_it_is, None, neutral=True, sets=(uci_pt.NAME,)),
    *(
        Condition(
            f"turned by {degrees:g} deg, neutral taken",
            _turned(degrees),
            allowed,
            TURNS,
            neutral=True,
            sets=(uci_pt.NAME,),
            least_share=TURNED_MOST_SHARE if degrees == TURNED_MOST_DEG else 0.0,
        )
        for degrees, allowed in ((10.0, LITTLE), (20.0, MORE), (TURNED_MOST_DEG, MORE))
    ),
    Condition("turned by 30 deg, no neutral", _turned(30.0), None, TURNS, sets=(uci_pt.NAME,)),
    *(
        Condition(f"turned by {degrees:g} deg", _turned(degrees), allowed, DRAWS, sets=(spar.NAME,))
        for degrees, allowed in ((10.0, LITTLE), (20.0, MORE), (30.0, MORE))
    ),
    Condition("1 % of packets lost", _lossy(0.01), LITTLE, DRAWS),
    Condition("5 % of packets lost", _lossy(0.05), MORE, DRAWS),
    Condition(
        "5 % lost, bursts three times as long",
        lambda samples, rates_hz, random: disturbances.lossy(
            samples, 0.05, random, 3.0 * disturbances.BURST_PACKETS
        ),
        None,
        DRAWS,
    ),
    *(Condition(f"sampled at {rate:g} Hz", _resampled(rate), LITTLE) for rate in RATES_HZ),
)


@dataclass(slots=True)
class Counted:
    """What was made of one recording: totals by condition and draw, and whether standstills and
    stretches without a repetition were seen for what they are, by row: (right, how far off)."""

    name: str
    expected: int
    totals: dict[str, list[int]] = field(default_factory=dict)
    seen: dict[str, tuple[bool, int]] = field(default_factory=dict)


def counted_uci_pt(folder: Path, name: str) -> Counted:
    """One recording of uci_pt under everything, with the template of one demonstration."""
    (case,) = (one for one in uci_pt.cases(folder) if one.name == name)
    intervals = uci_pt.template_intervals(case.demonstration)
    with naming(case.demonstration.path):
        template = uci_pt.from_one(case.demonstration.samples(), intervals)
    uci_pt.check_blocks(case.test, template.slots)
    expected = scoring.BLOCK_SIZE * len(scoring.BLOCK_LABELS)
    counted = _counted(uci_pt.NAME, case.name, case.test, template, expected)
    samples = case.test.samples(template.slots)
    idle = 0
    for start_s in scoring.BLOCK_STARTS_S[1:]:
        stretch = disturbances.between(samples, start_s + uci_pt.CUT_FROM_S, start_s - 1.0)
        idle += len(repetitions(template, in_order(stretch, WATERMARKS_PER_S)))
    counted.seen[IDLE] = (idle == 0, idle)
    walked = len(repetitions(template, in_order(walking(template, name), WATERMARKS_PER_S)))
    counted.seen[WALK] = (walked == 0, walked)
    return counted


def counted_spar(path: str, exercise: str) -> Counted:
    """One recording of spar under everything, with the library's template."""
    template = ExerciseTemplate.load(spar.TEMPLATES[exercise])
    return _counted(spar.NAME, Path(path).stem, Recording.open(path), template, spar.EXPECTED)


def _counted(
    of: str, name: str, recording: Recording, template: ExerciseTemplate, expected: int
) -> Counted:
    samples = recording.samples(template.slots)
    rates_hz = {slot: recording.info.sensors[slot].rate_hz for slot in samples}
    found = Counted(name, expected)
    for number_, condition in enumerate(CONDITIONS):
        if of not in condition.sets:
            continue
        totals = found.totals[condition.name] = []
        for draw in range(condition.draws):
            random = np.random.default_rng([number_, draw, *name.encode()])
            disturbed = condition.disturb(samples, rates_hz, random)
            with naming(f"{recording.path} ({condition.name})"):
                totals.append(
                    len(
                        repetitions(
                            template,
                            in_order(disturbed, WATERMARKS_PER_S),
                            neutral=condition.neutral,
                        )
                    )
                )
    found.seen[PAUSE] = _paused(name, samples, rates_hz, template)
    return found


def _paused(
    name: str, samples: Recorded, rates_hz: Mapping[str, float], template: ExerciseTemplate
) -> tuple[bool, int]:
    """Whether repetitions with a standstill are each counted once, with a note, and no other is;
    how many more or fewer are counted."""
    evidence: list[Evidence] = []
    before = repetitions(template, in_order(samples, WATERMARKS_PER_S), witness=evidence.append)
    at_s = []
    for block in scoring.by_block(before) if len(before) > spar.EXPECTED + 5 else [before]:
        if block:
            at_s.append(half_way_back_s(evidence[before.index(block[len(block) // 2])]))
    random = np.random.default_rng([1, *name.encode()])
    disturbed = disturbances.with_standstills(samples, rates_hz, at_s, STANDSTILL_S, random)
    after = repetitions(template, in_order(disturbed, WATERMARKS_PER_S))
    seen = 0
    for index, moment_s in enumerate(sorted(at_s)):
        middle_s = moment_s + (index + 0.5) * STANDSTILL_S
        over = [one for one in after if one.start_s <= middle_s <= one.end_s]
        seen += len(over) == 1 and Note.PAUSED in over[0].notes
    more = len(after) - len(before)
    return more == 0 and seen == len(at_s), more


def half_way_back_s(evidence: Evidence) -> float:
    """When the angle last fell through half of a repetition's excursion."""
    event = evidence.event
    above = evidence.way * (evidence.angle_deg - evidence.rest_deg)
    within = (evidence.t_s >= event.peak_s) & (evidence.t_s <= event.end_s)
    upper = np.flatnonzero(within & (above >= 0.5 * event.rom_deg))
    return float(evidence.t_s[upper[-1]]) if len(upper) else event.peak_s


def walking(template: ExerciseTemplate, name: str) -> dict[str, Samples]:
    """Somebody stands for a second and walks, with each sensor of a learned template on another
    segment of the body, turned so that gravity lies on average as in the template's start pose."""
    random = np.random.default_rng([2, *name.encode()])
    exercises = []
    for id in WALKING:
        each = ExerciseTemplate.load(id)
        exercises.append(Exercise.of(each, plan(each, 1, random), worn=library.worn_of(each)))
    simulation = simulate(
        exercises, int(random.integers(2**31)), rate_hz=RATES_HZ[0], calibrated=False, walk_s=WALK_S
    )
    worn = list(random.permutation(sorted(simulation.samples)))
    found = {}
    for index, (slot, axis) in enumerate(learned_ups(template).items()):
        one = simulation.samples[worn[index % len(worn)]]
        part = disturbances.between({slot: one}, 0.0, 1.0 + WALK_S)[slot]
        moved = disturbances.upright_as(part, axis, random)
        found[slot] = Samples.of(slot, moved.t_s, moved.acc_mps2, moved.gyr_radps)
    return found


def learned_ups(template: ExerciseTemplate) -> dict[str, Sequence[float]]:
    """Up in the frame of each sensor of a learned template as it starts."""
    movement: dict[str, Any] = template.document()["movement"]
    return {slot: axes["start_up"] for slot, axes in movement["axes"].items()}


def calibrated_ids() -> list[str]:
    """Library exercises whose sensors sit on known segments, as a watch does not."""
    movements = {id: ExerciseTemplate.load(id).movement for id in library_ids()}
    return [id for id, movement in movements.items() if not isinstance(movement, DominantMovement)]


def counted_walk(id: str, seed: int) -> tuple[int, int]:
    """Repetitions that a set left open counts while its person walks between two sets of a library
    exercise, and by how many the whole is off: (in the walk, all but the repetitions done)."""
    template = ExerciseTemplate.load(id)
    random = np.random.default_rng([seed, *id.encode()])
    held = isinstance(template.movement, HoldMovement)
    sets = [
        plan(template, library.RIGHT_HOLDS if held else library.RIGHT, random) for _ in range(2)
    ]
    chosen = Exercise.of(template, *sets, worn=library.worn_of(template))
    exercise = Exercise(chosen.choreography, chosen.sets, walk_s=WALK_S)
    simulation = simulate(exercise, int(random.integers(2**31)))
    calibration = library.calibration_of(simulation)
    first, second = simulation.exercises[0].sets
    session = Session()
    events: list[Event] = []
    begun = False
    for one in in_order(simulation.samples, WATERMARKS_PER_S):
        if isinstance(one, Samples):
            events += session.push(one)
            continue
        events += session.advance(one.t_s)
        if not begun and one.t_s >= first.from_s:
            begun = True
            document = None if calibration is None else calibration.document()
            side = simulation.exercises[0].side
            events += session.control(StartControl(template.document(), side, document))
            events += session.control(BeginSetControl())
    events += session.control(StopControl())
    events += session.finish()
    told = [one for one in events if isinstance(one, RepetitionEvent)]
    # Getting up and into position is no walking; how long that takes is CHANGE_S at most.
    from_s, to_s = first.to_s + CHANGE_S[1], second.from_s - CHANGE_S[1]
    walked = sum(from_s <= one.peak_s <= to_s for one in told)
    done = sum(true.seen for each in (first, second) for true in each.repetitions)
    return walked, len(told) - done


def run(folders: Mapping[str, Path], track: Track, *, unseen: bool = False) -> Report:
    """Score the recordings of the folders by set; raises BenchmarkError for a set that has no
    stress test, or when the data do not fit. unseen: people 7 to 10 of spar too."""
    refused = [name for name in folders if name not in SETS]
    if refused:
        raise BenchmarkError(
            BenchmarkFault.DATA,
            f"There is no stress test of {' and '.join(refused)}; choose {' or '.join(SETS)}.",
        )
    tables: list[Table] = []
    figures: dict[str, Any] = {}
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for name, folder in folders.items():
            found: list[Counted]
            if name == uci_pt.NAME:
                cases = [case.name for case in uci_pt.cases(folder)]
                results = pool.map(counted_uci_pt, [folder] * len(cases), cases)
                found = [one for _, one in zip(track(cases, name), results, strict=True)]
            else:
                recordings = spar.recordings(folder, unseen=unseen)
                paths = [path for _, path in recordings]
                results = pool.map(counted_spar, paths, [exercise for exercise, _ in recordings])
                found = [one for _, one in zip(track(paths, name), results, strict=True)]
            table, figures[name] = _table(name, found)
            tables.append(table)
        ids = calibrated_ids()
        walks = pool.map(counted_walk, ids, [0] * len(ids))
        walked = dict(one for one in zip(track(ids, WALK), walks, strict=True))
    table, figures[library.NAME] = _walked(walked)
    return Report(NAME, [*tables, table], _DEFINITIONS, figures)


def _table(name: str, found: Sequence[Counted]) -> tuple[Table, dict[str, Any]]:
    rows: list[list[str]] = []
    figures: dict[str, Any] = {}
    whole = 0.0
    for condition in CONDITIONS:
        if name not in condition.sets:
            continue
        draws = range(condition.draws)
        scores = [
            scoring.score_counts(
                [one.totals[condition.name][draw] for one in found],
                [one.expected for one in found],
            )
            for draw in draws
        ]
        exact = scoring.mean([float(score.exact) for score in scores])
        within = scoring.mean([float(score.within_one) for score in scores])
        if condition.name == UNDISTURBED:
            whole = exact
        least = None
        if condition.allowed is not None:
            least = max(whole - condition.allowed, condition.least_share * len(found))
        holds = None if least is None else exact >= least - 1e-9
        rows.append(_row(condition.name, exact, within, exact - whole, least, holds))
        figures[condition.name] = {
            "draws": condition.draws,
            "exact": exact,
            "within_one": within,
            "change": exact - whole,
            "must_hold": least,
            "holds": holds,
            "recordings": {one.name: one.totals[condition.name] for one in found},
        }
    for row in (PAUSE, IDLE, WALK):
        known = {one.name: one.seen[row] for one in found if row in one.seen}
        if not known:
            continue
        right = float(sum(good for good, _ in known.values()))
        within = float(sum(abs(off) <= 1 for _, off in known.values()))
        least = float(len(known))
        rows.append(_row(row, right, within, math.nan, least, right == least))
        figures[row] = {
            "exact": right,
            "within_one": within,
            "must_hold": least,
            "holds": right == least,
            "off": {name: off for name, (_, off) in known.items()},
            "wrong": [name for name, (good, _) in known.items() if not good],
        }
    return Table(f"{name} under stress: {len(found)} recordings", _COLUMNS, rows), figures


def _walked(walked: Mapping[str, tuple[int, int]]) -> tuple[Table, dict[str, Any]]:
    none = float(sum(count == 0 for count, _ in walked.values()))
    right = float(sum(off == 0 for _, off in walked.values()))
    few = float(sum(abs(off) <= 1 for _, off in walked.values()))
    all_ = float(len(walked))
    rows = [
        _row(WALK, none, math.nan, math.nan, all_, none == all_),
        _row("the same, with the sets before and after", right, few, math.nan, None, None),
    ]
    wrong = {id: count for id, (count, _) in walked.items() if count}
    figures = {
        "none_counted": none,
        "must_hold": all_,
        "holds": none == all_,
        "exact": right,
        "walking": wrong,
        "off": {id: off for id, (_, off) in walked.items() if off},
    }
    return Table(f"library under stress: {len(walked)} templates", _COLUMNS, rows), figures


def _row(
    name: str, exact: float, within: float, change: float, least: float | None, holds: bool | None
) -> list[str]:
    return [
        name,
        number(exact, 1),
        number(within, 1),
        f"{change:+.1f}" if math.isfinite(change) else "-",
        "" if least is None else f">= {number(least, 1)}",
        "" if holds is None else "yes" if holds else "NO",
    ]


_COLUMNS: Final = ["condition", "exact", "within one", "change", "must hold", "holds"]
_DEFINITIONS: Final = [
    "Exact, within one: recordings whose total is right, or off by at most one; the mean of "
    f"{TURNS} draws where sensors of uci_pt are turned, of {DRAWS} where else something is random. "
    "Change: of the exact ones, against the undisturbed run. Templates are learned from, or made "
    "for, undisturbed sensors. Each sensor of a recording is disturbed by itself.",
    "Bias: in a random direction. Noise: white, added until the floor that the stillest seconds "
    "of each sensor show is three times as large. Turned: about a random axis. Neutral: the set "
    "begins with the control that takes the neutral pose. Lost: in bursts of three packets of "
    "0.05 s on average, in one row of nine. Sampled: low-passed where "
    "thinned out, a cubic where made denser.",
    "Standstill: in the middle repetition of each block, or of the recording; right where each is "
    "counted once, with the note paused, and the total stays. Idle: the nine seconds before the "
    "second and the third block, each as a set of its own; right where nothing is counted.",
    "Walking: of a simulated person. uci_pt: its sensors lie on trunk, leg and arm so that gravity "
    "is on average that of the template's start pose. Library: walking between two sets, in what "
    "is one set for the engine; right where nothing is counted in the walk.",
]
