"""How the margins of a learned template were chosen: one person left out at a time.

Tracks every physiotherapy test once and judges the measured repetitions again under other margins;
the engine is not run again. Not part of the accuracy tables.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from benchmarks import scoring, uci_pt
from benchmarks.replaying import naming, repetitions
from benchmarks.report import Report, Table, Track, percent
from motion.learning import FASTEST_SHARE, MINIMUM_SHARE

NAME: Final = "margins"
# Steps of a hundredth would choose on differences of a few repetitions.
MINIMUM_SHARES: Final = tuple(share / 100 for share in range(65, 92, 3))
FASTEST_SHARES: Final = tuple(share / 100 for share in range(42, 75, 3))

# Block, range and active time of one repetition, the last two as shares of the demonstrated.
Measured = tuple[int, float, float]


def run(folder: Path, track: Track) -> Report:
    """Judge the set of physiotherapy exercises under a grid of margins."""
    measured: dict[str, list[Measured]] = {}
    expected: dict[str, int] = {}
    for case in track(uci_pt.cases(folder), NAME):
        intervals = uci_pt.template_intervals(case.demonstration)
        with naming(case.demonstration.path):
            template = uci_pt.from_one(case.demonstration.samples(), intervals)
        range_deg = template.range.minimum_deg / MINIMUM_SHARE
        shortest = template.tempo.active_s
        active_s = shortest[0] / FASTEST_SHARE if shortest is not None else 1.0
        person = case.name.split("_")[0]
        rows = measured.setdefault(person, [])
        blocks = scoring.by_block(repetitions(template, case.test.inputs()))
        for index, block in enumerate(blocks):
            for one in block[: scoring.BLOCK_SIZE]:
                rows.append((index, one.judged_range_deg / range_deg, one.active_s / active_s))
        expected[person] = expected.get(person, 0) + scoring.BLOCK_SIZE * len(blocks)
    return _report(measured, expected)


def verdict_percent(
    measured: Mapping[str, Sequence[Measured]],
    expected: Mapping[str, int],
    people: Sequence[str],
    minimum_share: float,
    fastest_share: float,
) -> float:
    """Share of expected repetitions of `people` judged as their block's kind, percent."""
    right = 0
    for person in people:
        for block, range_share, active_share in measured[person]:
            if active_share < fastest_share:
                kind = "too_fast"
            elif range_share < minimum_share:
                kind = "range_short"
            else:
                kind = "correct"
            right += kind == scoring.BLOCK_LABELS[block]
    return scoring.share(right, sum(expected[person] for person in people))


def _report(measured: Mapping[str, Sequence[Measured]], expected: Mapping[str, int]) -> Report:
    people = sorted(measured)
    rows = []
    left_out = {}
    for person in people:
        others = [other for other in people if other != person]
        if not others:
            continue
        best, minimum, fastest = max(
            (verdict_percent(measured, expected, others, minimum, fastest), minimum, fastest)
            for minimum in MINIMUM_SHARES
            for fastest in FASTEST_SHARES
        )
        theirs = verdict_percent(measured, expected, [person], minimum, fastest)
        in_use = verdict_percent(measured, expected, [person], MINIMUM_SHARE, FASTEST_SHARE)
        left_out[person] = {
            "minimum_share": minimum,
            "fastest_share": fastest,
            "others_percent": best,
            "left_out_percent": theirs,
            "in_use_percent": in_use,
        }
        chosen = f"{minimum:.2f} / {fastest:.2f}"
        rows.append([person, chosen, percent(best), percent(theirs), percent(in_use)])
    grid = {
        minimum: {
            fastest: verdict_percent(measured, expected, people, minimum, fastest)
            for fastest in FASTEST_SHARES
        }
        for minimum in MINIMUM_SHARES
    }
    tables = [
        Table(
            "Margins chosen without one person, and how that person is judged by them",
            [
                "left out",
                "range / time chosen",
                "verdicts, the others",
                "verdicts, left out",
                "by the margins in use",
            ],
            rows,
        ),
        Table(
            "Verdicts of all people by least range (down) and shortest time (across)",
            ["range", *(f"{share:.2f}" for share in FASTEST_SHARES)],
            [
                [f"{minimum:.2f}", *(percent(value) for value in row.values())]
                for minimum, row in grid.items()
            ],
        ),
    ]
    definitions = [
        "Both margins are shares of what the engine measures of the one demonstrated repetition; "
        f"in use are {MINIMUM_SHARE:g} and {FASTEST_SHARE:g}. Verdicts: of all expected "
        "repetitions those judged as their block's kind.",
    ]
    return Report(NAME, tables, definitions, {"left_out": left_out, "grid": grid})
