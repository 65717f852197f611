"""The exercise library on simulated people: every template, rightly done and with each one fault.

The truth is that of the bones; the engine sees sensors that are strapped on anyhow and calibrates
them from the same recording, online. The body and its errors are `motion.simulation`'s.
"""

import math
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks import scoring
from benchmarks.errors import BenchmarkError, BenchmarkFault
from benchmarks.peers import vqf_orientations
from benchmarks.replaying import in_order
from benchmarks.report import Report, Table, Track, number, percent
from motion import quaternion
from motion.calibrating import calibrate_spans
from motion.calibration import Calibration
from motion.choreography import Choreography
from motion.events import Event, RepetitionEvent
from motion.imu import SIDEWAYS, UPSIDE_DOWN, SensorErrors
from motion.performance import Performance, plan, with_fault
from motion.samples import Samples
from motion.session import (
    BeginSetControl,
    Control,
    PauseControl,
    Session,
    SkipControl,
    StartControl,
    StopControl,
)
from motion.simulation import (
    Exercise,
    Simulation,
    TrueRepetition,
    range_of,
    simulate,
)
from motion.template import (
    DominantMovement,
    ExerciseTemplate,
    HoldMovement,
    LearnedMovement,
    library_ids,
)

Float64 = NDArray[np.float64]

NAME: Final = "library"
PEERS: Final[tuple[str, ...]] = ("vqf",)
DRAWS: Final = 20
# Repetitions of a set, rightly done and with one fault; holds last long.
RIGHT: Final = 6
FAULTY: Final = 4
RIGHT_HOLDS: Final = 3
FAULTY_HOLDS: Final = 2
RIGHTLY: Final = "right"
# One session with one strapping: standing, seated and lying on the back, walking about in between.
SESSION: Final = ("lumbar-bend", "seated-rotation", "bridge", "side-bend", "pelvic-tilt")
WALK_S: Final = 20.0
TURNED: Final = (0.0, UPSIDE_DOWN, SIDEWAYS, {"pelvis": UPSIDE_DOWN, "thorax": SIDEWAYS})
# An axis with more than this share upright says nothing about a heading.
LEVEL: Final = 0.7
_INVERSE: Final = np.array([1.0, -1.0, -1.0, -1.0])


@dataclass(slots=True)
class Scored:
    """What was made of repetitions of one kind (right, or one fault); adds up.

    named: with the faults of the truth and no other. coupled: true faults beside the intended one.
    wrongly: what was named instead, and how often.
    """

    sets: int = 0
    exact: int = 0
    expected: int = 0
    missed: int = 0
    false: int = 0
    named: int = 0
    coupled: Counter[str] = field(default_factory=Counter)
    wrongly: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Scored") -> None:
        """Take what another run found too."""
        for name in ("sets", "exact", "expected", "missed", "false", "named"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.coupled += other.coupled
        self.wrongly += other.wrongly


@dataclass(slots=True)
class Draw:
    """One simulated session of one template. range_errors_deg and rom_sds_deg go together;
    soft_errors_deg, vqf_errors_deg: of the same repetitions. late_s: from end to report."""

    kinds: dict[str, Scored] = field(default_factory=dict)
    range_errors_deg: list[float] = field(default_factory=list)
    rom_sds_deg: list[float] = field(default_factory=list)
    soft_errors_deg: list[float] = field(default_factory=list)
    vqf_errors_deg: list[float] = field(default_factory=list)
    calibration_errors_deg: list[float] = field(default_factory=list)
    late_s: list[float] = field(default_factory=list)

    def add(self, other: "Draw") -> None:
        """Take another draw of the same template."""
        for kind, scored in other.kinds.items():
            self.kinds.setdefault(kind, Scored()).add(scored)
        for name in (
            "range_errors_deg", "rom_sds_deg", "soft_errors_deg", "vqf_errors_deg",
            "calibration_errors_deg", "late_s",
        ):  # fmt: skip
            getattr(self, name).extend(getattr(other, name))


def performances(template: ExerciseTemplate, random: np.random.Generator) -> dict[str, Performance]:
    """A set rightly done, and one with each fault that the template judges and a body can make."""
    held = isinstance(template.movement, HoldMovement)
    sets = {RIGHTLY: plan(template, RIGHT_HOLDS if held else RIGHT, random)}
    for fault in Choreography.of(template).faults():
        planned = plan(template, FAULTY_HOLDS if held else FAULTY, random)
        sets[fault] = tuple(with_fault(each, fault, template) for each in planned)
    return sets


def worn_of(template: ExerciseTemplate) -> Mapping[str, str] | None:
    """Where a watch is worn: its slots name no segment."""
    movement = template.movement
    if isinstance(movement, DominantMovement | LearnedMovement):
        return dict.fromkeys(template.slots, "forearm")
    return None


def calibration_of(simulation: Simulation) -> Calibration | None:
    """Calibrated as a person would, from the simulated movements."""
    if not simulation.calibrations:
        return None
    return calibrate_spans(simulation.samples, simulation.calibrations)


def replayed(simulation: Simulation, calibration: Calibration | None) -> list[Event]:
    """What a live session makes of it: an app that starts exercises and sets when they begin, and
    pauses when they are over."""
    session = Session()
    todo = list(_controls(simulation, calibration))
    events: list[Event] = []
    for one in in_order(simulation.samples):
        if isinstance(one, Samples):
            events += session.push(one)
            continue
        events += session.advance(one.t_s)
        while todo and todo[0][0] <= one.t_s:
            events += session.control(todo.pop(0)[1])
    for _, control in todo:
        events += session.control(control)
    return events + session.finish()


def _controls(
    simulation: Simulation, calibration: Calibration | None
) -> Iterator[tuple[float, Control]]:
    """Controls with the time from which they hold. An exercise starts when the one before ends."""
    document = None if calibration is None else calibration.document()
    begins_s = max((span.to_s for span in simulation.calibrations), default=0.0)
    for number_, exercise in enumerate(simulation.exercises):
        if number_:
            yield begins_s, SkipControl()
        yield begins_s, StartControl(exercise.template.document(), exercise.side, document)
        for one in exercise.sets:
            yield one.from_s, BeginSetControl()
            # The last report comes half a second late at most.
            yield one.to_s + 0.5, PauseControl()
        begins_s = exercise.sets[-1].to_s + 1.0
    yield math.inf, StopControl()


def by_set(events: Sequence[Event], template: ExerciseTemplate) -> dict[int, list[RepetitionEvent]]:
    """Repetitions by number of the set."""
    found: dict[int, list[RepetitionEvent]] = {}
    for event in events:
        if isinstance(event, RepetitionEvent) and event.exercise == template.id:
            found.setdefault(event.set_index, []).append(event)
    return found


def matched(
    true: Sequence[TrueRepetition], found: Sequence[RepetitionEvent]
) -> list[tuple[TrueRepetition, RepetitionEvent | None]]:
    """To each true repetition the one found that covers most of it; each found one serves once."""
    pairs = sorted(
        (
            (scoring.overlap((one.start_s, one.end_s), (other.start_s, other.end_s)), i, j)
            for i, one in enumerate(true)
            for j, other in enumerate(found)
        ),
        key=lambda pair: (-pair[0], pair[1], pair[2]),
    )
    chosen: dict[int, int] = {}
    for share, i, j in pairs:
        if share > 0.0 and i not in chosen and j not in chosen.values():
            chosen[i] = j
    return [(one, found[chosen[i]] if i in chosen else None) for i, one in enumerate(true)]


def draw(id: str, seed: int) -> Draw:
    """One session of a template: calibration, a set rightly done, one with each fault."""
    template = ExerciseTemplate.load(id)
    # Each template and draw has numbers of its own.
    random = np.random.default_rng([seed, *id.encode()])
    sets = performances(template, random)
    exercise = Exercise.of(template, *sets.values(), worn=worn_of(template))
    simulation = simulate(exercise, int(random.integers(2**31)))
    calibration = calibration_of(simulation)
    found = by_set(replayed(simulation, calibration), template)
    true = simulation.exercises[0]
    result = Draw()
    if calibration is not None:
        exact = simulation.perfect_calibration()
        result.calibration_errors_deg = [
            math.degrees(float(quaternion.angle_between(exact.rotations[slot], rotation)))
            for slot, rotation in calibration.rotations.items()
        ]
    peer = vqf_ranges(exercise, simulation, calibration)
    for index, (kind, one) in enumerate(zip(sets, true.sets, strict=True)):
        expected = [each for each in one.repetitions if each.seen]
        result.kinds[kind] = _scored(expected, found.get(index + 1, []), result, peer)
    return result


def session(seed: int) -> dict[str, Draw]:
    """One person does the exercises of SESSION with one calibration, walking about in between;
    sensors upside down and turned take turns."""
    random = np.random.default_rng([seed, *b"session"])
    templates = [ExerciseTemplate.load(id) for id in SESSION]
    todo = [Exercise.of(template, plan(template, RIGHT, random)) for template in templates]
    errors = SensorErrors(turned_deg=TURNED[seed % len(TURNED)])
    simulation = simulate(todo, int(random.integers(2**31)), errors=errors, walk_s=WALK_S)
    calibration = calibration_of(simulation)
    events = replayed(simulation, calibration)
    found = {}
    for template, exercise in zip(templates, simulation.exercises, strict=True):
        result = Draw()
        counted = [one for done in by_set(events, template).values() for one in done]
        done = exercise.sets[0].repetitions
        result.kinds[RIGHTLY] = _scored(done, counted, result, {})
        found[template.id] = result
    return found


def _scored(
    expected: Sequence[TrueRepetition],
    found: Sequence[RepetitionEvent],
    result: Draw,
    peer: Mapping[tuple[int, int], float],
) -> Scored:
    pairs = matched(expected, found)
    known = [(true, event) for true, event in pairs if event is not None]
    scored = Scored(
        sets=1,
        exact=len(known) == len(expected) == len(found),
        expected=len(expected),
        missed=len(expected) - len(known),
        false=len(found) - len(known),
    )
    for true, _ in pairs:
        scored.coupled.update(set(true.faults) - set(true.intended))
    for true, event in known:
        if set(event.faults) == set(true.faults):
            scored.named += 1
        else:
            scored.wrongly[" ".join(event.faults) or "none"] += 1
        result.range_errors_deg.append(event.rom_deg - true.range_deg)
        result.rom_sds_deg.append(event.rom_sd_deg)
        result.soft_errors_deg.append(true.sensor_range_deg - true.range_deg)
        result.late_s.append(event.reported_s - event.end_s)
        theirs = peer.get((true.set_index, true.index))
        if theirs is not None:
            result.vqf_errors_deg.append(theirs - true.range_deg)
    return scored


def vqf_ranges(
    exercise: Exercise, simulation: Simulation, calibration: Calibration | None
) -> dict[tuple[int, int], float]:
    """Ranges by set and repetition that two orientations of the package vqf give, which is told
    when each begins and ends, is calibrated alike, and whose headings agree as each set begins."""
    if calibration is None:
        return {}
    choreography = exercise.choreography
    slots = list(choreography.segments)
    first = simulation.samples[slots[0]]
    oriented = {}
    for slot in slots:
        samples = simulation.samples[slot]
        q = vqf_orientations(samples, 1.0 / simulation.sensors[slot].rate_hz)
        bones = quaternion.products(q, np.array(calibration.rotations[slot]) * _INVERSE)
        nearest = np.clip(np.searchsorted(samples.t_s, first.t_s), 0, len(samples.t_s) - 1)
        oriented[slot] = bones[nearest]
    ranges = {}
    for one in simulation.exercises[0].sets:
        origin = int(np.searchsorted(first.t_s, one.from_s + 1.0))
        facing = {slot: _facing(q, q[origin]) for slot, q in oriented.items()}
        for true in one.repetitions:
            begin, end = np.searchsorted(first.t_s, (true.start_s - 0.2, true.end_s))
            band = choreography.template.band
            # A hold starts when its band is entered, and is measured from the start pose.
            rest = int(begin) if band is None else origin
            rows = [rest, *range(int(begin), int(end))]
            angle = choreography.angle_deg({slot: q[rows] for slot, q in facing.items()})
            ranges[true.set_index, true.index] = range_of(
                math.copysign(1.0, true.way) * angle, band
            )
    return ranges


def _facing(q: Float64, origin: Float64) -> Float64:
    """Orientations (n, 4) turned about the vertical so that in the pose `origin` (4,) the axis to
    the right, or the long one where that is upright, points along x."""
    for axis in ([0.0, 0.0, 1.0], [0.0, 1.0, 0.0]):
        x, y, up = (float(part) for part in quaternion.rotated(origin, axis))
        if abs(up) < LEVEL:
            break
    half = -0.5 * math.atan2(y, x)
    return quaternion.products(np.array([math.cos(half), 0.0, 0.0, math.sin(half)]), q)


def run(ids: Sequence[str], draws: int, track: Track, *, first: int = 0) -> Report:
    """Score templates of the library, by default all; raises BenchmarkError for an unknown one.

    first: number of the first person. Constants were chosen while looking at the first twenty.
    """
    everything = library_ids()
    unknown = [id for id in ids if id not in everything]
    if unknown:
        raise BenchmarkError(
            BenchmarkFault.DATA,
            f"The library has no template {unknown[0]!r}; `gonio templates list` shows all.",
            path=unknown[0],
        )
    chosen = [id for id in everything if not ids or id in ids]
    todo = [(id, seed) for id in chosen for seed in range(first, first + draws)]
    found = {id: Draw() for id in chosen}
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        results = pool.map(draw, *zip(*todo, strict=True), chunksize=1)
        for (id, _), result in zip(track(todo, NAME), results, strict=True):
            found[id].add(result)
        together = {id: Draw() for id in SESSION}
        for one in pool.map(session, range(first, first if ids else first + draws)):
            for id, result in one.items():
                together[id].add(result)
    return _report(found, {} if ids else together, draws)


def _report(found: Mapping[str, Draw], together: Mapping[str, Draw], draws: int) -> Report:
    total = Draw()
    for one in found.values():
        total.add(one)
    figures: dict[str, Any] = {
        "draws": draws,
        "templates": {id: _figures(one) for id, one in found.items()},
        "all": _figures(total),
        "sessions": {id: _figures(one) for id, one in together.items()},
    }
    counted = [_counted(id, figure) for id, figure in figures["templates"].items()]
    measured = [_measured(id, figure) for id, figure in figures["templates"].items()]
    counted.append(_counted("all", figures["all"]))
    measured.append(_measured("all", figures["all"]))
    figures["stated"] = _spread(figures["templates"])
    measured += _worst_stated(figures["stated"])
    kinds = [
        [
            id, kind, str(scored.expected), str(scored.missed), str(scored.false),
            percent(_named_percent(scored)),
            ", ".join(f"{name} ({count})" for name, count in scored.wrongly.most_common(3)),
        ]
        for id, one in found.items()
        for kind, scored in one.kinds.items()
        if scored.exact < scored.sets or scored.named < scored.expected
    ]  # fmt: skip
    couplings = sorted(
        f"{id} {kind}: {' and '.join(scored.coupled)}"
        for id, one in found.items()
        for kind, scored in one.kinds.items()
        if scored.coupled
    )
    definitions = [
        f"{draws} simulated people a template: a calibration, a set rightly done, and one with "
        "each single fault that the template judges and a body can make, beyond its threshold by a "
        "fifth of it and at least 6 degrees (times: 30 %, at least 0.3 s). Sensors misplaced by up "
        "to 25 degrees, with noise, bias, offset, soft tissue and drifting clocks.",
        "Exact: sets whose every repetition was found, and no other. Right: rightly done "
        "repetitions found and judged correct. Named: faulty repetitions found whose faults are "
        "those of the truth and no other; worst: the fault for which that holds least.",
        "Error: mean absolute error of the range against the bones; soft: what is left with "
        "perfect orientations, since sensors move against bones; vqf: two orientations of the "
        "package vqf that are told when repetitions begin and end, under the same calibration. "
        "Calib: mean error of the calibration, degrees. 1 sd, 2 sd: ranges within one and two "
        "stated deviations of the truth (68 and 95 % would be right), and in the last rows the "
        "templates where that holds least and most. Late: 95th percentile from "
        "the end of a repetition to its report, seconds.",
    ]
    if couplings:
        definitions.append(
            "Faults that bring another with them, in the truth too: " + "; ".join(couplings) + "."
        )
    tables = [
        Table(
            "library: counted and judged",
            ["template", "sets", "exact", "right", "faults", "named", "worst"],
            counted,
        ),
        Table(
            "library: range of motion, degrees",
            ["template", "error", "soft", "vqf", "calib", "1 sd", "2 sd", "late"],
            measured,
        ),
    ]
    if together:
        rows = [
            [
                id,
                ExerciseTemplate.load(id).position,
                str(figure["sets"]),
                str(figure["exact_sets"]),
                str(figure["false"]),
                percent(figure["right_percent"]),
                number(figure["range_mae_deg"]),
            ]
            for id, figure in figures["sessions"].items()
        ]
        heads = ["exercise", "position", "sets", "exact", "false", "right", "error"]
        tables.append(Table("library: sessions with one calibration, walking between", heads, rows))
        definitions.append(
            f"Sessions: {draws} people do these five with one calibration, in this order, and "
            f"walk about for {WALK_S:g} s before each; every fourth wears both sensors upside "
            "down, every fourth turned by 90 degrees, every fourth one so and one so. Sets begin "
            "and end as an app begins and ends them. False: repetitions counted that were none."
        )
    if kinds:
        heads = ["template", "done", "of", "missed", "false", "named", "named instead"]
        tables.append(Table("library: what is not found or not named", heads, kinds))
    return Report(NAME, tables, definitions, figures)


def _named_percent(scored: Scored) -> float:
    return scoring.share(scored.named, scored.expected)


def _figures(one: Draw) -> dict[str, Any]:
    faults = {kind: scored for kind, scored in one.kinds.items() if kind != RIGHTLY}
    right = one.kinds.get(RIGHTLY, Scored())
    errors = np.array(one.range_errors_deg)
    sds = np.array(one.rom_sds_deg)
    within = [
        scoring.share(int(np.sum(np.abs(errors) <= k * sds)), len(errors)) for k in (1.0, 2.0)
    ]
    return {
        "sets": sum(scored.sets for scored in one.kinds.values()),
        "exact_sets": sum(scored.exact for scored in one.kinds.values()),
        "missed": sum(scored.missed for scored in one.kinds.values()),
        "false": sum(scored.false for scored in one.kinds.values()),
        "right_percent": _named_percent(right),
        "named_percent": scoring.share(
            sum(scored.named for scored in faults.values()),
            sum(scored.expected for scored in faults.values()),
        ),
        "faults": {
            kind: {
                "repetitions": scored.expected,
                "named_percent": _named_percent(scored),
                "named_instead": dict(scored.wrongly),
                "coupled": dict(scored.coupled),
            }
            for kind, scored in one.kinds.items()
        },
        "range_mae_deg": _mae(one.range_errors_deg),
        "range_bias_deg": scoring.mean(one.range_errors_deg),
        "soft_mae_deg": _mae(one.soft_errors_deg),
        "vqf_mae_deg": _mae(one.vqf_errors_deg),
        "calibration_deg": scoring.mean(one.calibration_errors_deg),
        "within_one_sd_percent": within[0],
        "within_two_sds_percent": within[1],
        "late_p95_s": float(np.percentile(one.late_s, 95.0)) if one.late_s else math.nan,
    }


def _spread(templates: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Templates whose stated deviations are the most often too small and too large: id and share of
    ranges within one deviation, percent, and their standard deviation over templates."""
    shares = {
        id: figure["within_one_sd_percent"]
        for id, figure in templates.items()
        if math.isfinite(figure["within_one_sd_percent"])
    }
    if not shares:
        return {}
    least, most = min(shares, key=lambda id: shares[id]), max(shares, key=lambda id: shares[id])
    return {
        "least": [least, shares[least], templates[least]["within_two_sds_percent"]],
        "most": [most, shares[most], templates[most]["within_two_sds_percent"]],
        "spread_percent": float(np.std(list(shares.values()))),
    }


def _worst_stated(spread: Mapping[str, Any]) -> list[list[str]]:
    return [
        [f"{word}: {spread[key][0]}", *[""] * 4, *(percent(x, 0) for x in spread[key][1:]), ""]
        for key, word in (("least", "least covered"), ("most", "most covered"))
        if key in spread
    ]


def _mae(errors: Sequence[float]) -> float:
    return scoring.mean([abs(error) for error in errors])


def _counted(id: str, figure: Mapping[str, Any]) -> list[str]:
    faults = {k: v["named_percent"] for k, v in figure["faults"].items() if k != RIGHTLY}
    worst = min(faults, key=lambda kind: faults[kind], default="")
    return [
        id,
        str(figure["sets"]),
        str(figure["exact_sets"]),
        percent(figure["right_percent"]),
        str(len(faults)),
        percent(figure["named_percent"]),
        percent(faults[worst]) if worst else "-",
    ]


def _measured(id: str, figure: Mapping[str, Any]) -> list[str]:
    return [
        id,
        number(figure["range_mae_deg"]),
        number(figure["soft_mae_deg"]),
        number(figure["vqf_mae_deg"]),
        number(figure["calibration_deg"], 1),
        percent(figure["within_one_sd_percent"], 0),
        percent(figure["within_two_sds_percent"], 0),
        number(figure["late_p95_s"]),
    ]
