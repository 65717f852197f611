"""How the margins of a learned template were chosen: one person left out at a time.

Tracks every physiotherapy test once and judges the measured repetitions again under other margins;
the engine is not run again. Not part of the accuracy tables.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import Final

from benchmarks import scoring, uci_pt
from benchmarks.replaying import naming, repetitions
from benchmarks.report import Report, Table, Track, percent
from motion.events import Fault, Note, RepetitionEvent
from motion.learning import FASTEST_SHARE, MINIMUM_SHARE
from motion.reference import FIRST, LOWEST_SHARE, OWN_SHARE, Reference, least_range
from motion.template import RangeOfMotion

NAME: Final = "margins"
# Steps of a hundredth would choose on differences of a few repetitions.
MINIMUM_SHARES: Final = tuple(share / 100 for share in range(65, 92, 3))
FASTEST_SHARES: Final = tuple(share / 100 for share in range(42, 75, 3))
OWN_SHARES: Final = tuple(share / 100 for share in range(70, 98, 3))
LOWEST_SHARES: Final = (0.0, 0.6, 0.7, 0.8, 0.9, 1.0)

# Block, range and active time of one repetition, the last two as shares of the demonstrated.
Measured = tuple[int, float, float]


@dataclass(frozen=True, slots=True)
class Tested:
    """One test: the prescribed range, and what was counted of each block, in order."""

    target: RangeOfMotion
    blocks: list[list[RepetitionEvent]]

    def right(self, order: Sequence[int], own_share: float, lowest_share: float) -> int:
        """How many are judged as their block's kind against the first three in this order."""
        first: list[tuple[float, float]] = []
        right = 0
        for block in order:
            for number, one in enumerate(self.blocks[block]):
                reference = Reference.of(first) if len(first) == FIRST else None
                least_deg, _ = least_range(
                    self.target, reference, own_share=own_share, lowest_share=lowest_share
                )
                if Note.INTERRUPTED not in one.notes and len(first) < FIRST:
                    first.append((one.judged_range_deg, one.rom_sd_deg))
                fast = [Fault.TOO_FAST] if Fault.TOO_FAST in one.faults else []
                short = [Fault.RANGE_SHORT] if one.judged_range_deg < least_deg else []
                kind = scoring.judged([*fast, *short])
                right += number < scoring.BLOCK_SIZE and kind == scoring.BLOCK_LABELS[block]
        return right


def run(folder: Path, track: Track) -> Report:
    """Judge the set of physiotherapy exercises under a grid of margins."""
    measured: dict[str, list[Measured]] = {}
    tests: dict[str, list[Tested]] = {}
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
        tests.setdefault(person, []).append(Tested(template.range, blocks))
        for index, block in enumerate(blocks):
            for one in block[: scoring.BLOCK_SIZE]:
                rows.append((index, one.judged_range_deg / range_deg, one.active_s / active_s))
        expected[person] = expected.get(person, 0) + scoring.BLOCK_SIZE * len(blocks)
    fixed, own = _report(measured, expected), _own_report(tests)
    return Report(
        NAME,
        [*fixed.tables, *own.tables],
        [*fixed.definitions, *own.definitions],
        {**fixed.figures, **own.figures},
    )


PROTOCOL: Final = tuple(range(len(scoring.BLOCK_LABELS)))
OTHER_ORDERS: Final = tuple(order for order in permutations(PROTOCOL) if order != PROTOCOL)


def own_percent(
    tests: Sequence[Tested],
    own_share: float,
    lowest_share: float,
    orders: Sequence[Sequence[int]] = (PROTOCOL,),
) -> float:
    """Verdicts against one's own first repetitions, percent, on average over `orders`."""
    right = sum(each.right(order, own_share, lowest_share) for each in tests for order in orders)
    expected = scoring.BLOCK_SIZE * len(PROTOCOL) * len(tests) * len(orders)
    return scoring.share(right, expected)


def _own_report(tests: Mapping[str, Sequence[Tested]]) -> Report:
    people = sorted(tests)
    rows = []
    left_out = {}
    for person in people:
        others = [test for other in people if other != person for test in tests[other]]
        if not others:
            continue
        best, share = max((own_percent(others, share, LOWEST_SHARE), share) for share in OWN_SHARES)
        theirs = own_percent(tests[person], share, LOWEST_SHARE)
        in_use = own_percent(tests[person], OWN_SHARE, LOWEST_SHARE)
        prescribed = own_percent(tests[person], 0.0, 1.0)
        left_out[person] = {
            "own_share": share,
            "others_percent": best,
            "left_out_percent": theirs,
            "in_use_percent": in_use,
            "prescribed_percent": prescribed,
        }
        told = [percent(each) for each in (best, theirs, in_use, prescribed)]
        rows.append([person, f"{share:.2f}", *told])
    every = [test for person in people for test in tests[person]]
    grid = {
        share: {
            lowest: {
                "protocol": own_percent(every, share, lowest),
                "other_orders": own_percent(every, share, lowest, OTHER_ORDERS),
            }
            for lowest in LOWEST_SHARES
        }
        for share in OWN_SHARES
    }
    tables = [
        Table(
            "Share of one's own first repetitions chosen without one person",
            [
                "left out",
                "chosen",
                "verdicts, the others",
                "verdicts, left out",
                "by the share in use",
                "by the prescription",
            ],
            rows,
        ),
        Table(
            "Verdicts by share of one's own (down) and least share of the minimum (across): "
            "protocol's order / mean of the five others",
            ["own", *(f"{share:.2f}" for share in LOWEST_SHARES)],
            [
                [
                    f"{share:.2f}",
                    *(
                        f"{each['protocol']:.1f} / {each['other_orders']:.1f}"
                        for each in row.values()
                    ),
                ]
                for share, row in grid.items()
            ],
        ),
    ]
    definitions = [
        "Own: a range is short below a share of the median of the first three repetitions counted, "
        "whatever kind they are of, no lower than a share of the prescribed minimum and no higher "
        f"than the goal; in use are {OWN_SHARE:g} and {LOWEST_SHARE:g}. Other orders: the measured "
        "repetitions judged again with the blocks in that order.",
    ]
    figures = {"own_left_out": left_out, "own_grid": grid}
    return Report(NAME, tables, definitions, figures)


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
