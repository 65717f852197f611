"""Shoulder exercises with a watch (seglearn): library templates, twenty repetitions each.

Nothing is learned from the recordings; each exercise has one template for everyone. Four of the ten
people stay unseen while the engine is built, and are scored on request.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from benchmarks import scoring
from benchmarks.errors import BenchmarkError, BenchmarkFault
from benchmarks.miscounts import Miscount
from benchmarks.replaying import repetitions
from benchmarks.report import Report, Table, Track, number, percent
from devices.recording import Recording
from motion.events import RepetitionEvent
from motion.template import ExerciseTemplate

NAME: Final = "spar"
PEERS: Final[tuple[str, ...]] = ()

TEMPLATES: Final = {
    "PEN": "watch-pendulum",
    "ABD": "watch-abduction",
    "FEL": "watch-forward-elevation",
    "IR": "watch-internal-rotation",
    "ER": "watch-external-rotation",
    "TRAP": "watch-trapezius",
    "ROW": "watch-row",
}
SLOT: Final = "wrist"
# The protocol, not a count: by eye some recordings hold one or two fewer, one holds one more.
EXPECTED: Final = 20
UNSEEN: Final = ("p07", "p08", "p09", "p10")

# The peer: D. Morris et al., "RecoFit: using a wearable sensor to find, recognize, and count
# repetitive exercises", CHI 2014. Sets whose count is off by at most one, percent; other people and
# exercises, one sensor on the arm.
PEER_WITHIN_ONE: Final = 93.0


def recordings(folder: Path, *, unseen: bool) -> list[tuple[str, str]]:
    """(exercise, path) of every recording PERSON_EXERCISE_SIDE.parquet; raises BenchmarkError."""
    found = []
    for path in sorted(folder.glob("*.parquet")):
        parts = path.stem.split("_")
        if len(parts) != 3 or parts[1] not in TEMPLATES:
            raise BenchmarkError(
                BenchmarkFault.DATA,
                f"{path} is not named PERSON_EXERCISE_SIDE.parquet with an exercise of "
                f"{', '.join(TEMPLATES)}; move it elsewhere or rename it.",
                path=str(path),
            )
        if unseen or parts[0] not in UNSEEN:
            found.append((parts[1], str(path)))
    if not found:
        raise BenchmarkError(
            BenchmarkFault.NO_DATA,
            f"{folder} holds no recording; convert the set as docs/benchmarks.md says.",
            path=str(folder),
        )
    return found


def run(folder: Path, track: Track, *, unseen: bool = False) -> Report:
    """Count every recording of the folder. unseen: people 7 to 10 too. Raises BenchmarkError."""
    found: dict[str, list[int]] = {exercise: [] for exercise in TEMPLATES}
    counted: dict[str, list[RepetitionEvent]] = {exercise: [] for exercise in TEMPLATES}
    per_recording: dict[str, int] = {}
    miscounts = []
    for exercise, path in track(recordings(folder, unseen=unseen), NAME):
        recording = Recording.open(path)
        template = ExerciseTemplate.load(TEMPLATES[exercise])
        events = repetitions(template, recording.inputs([SLOT]))
        found[exercise].append(len(events))
        counted[exercise] += events
        per_recording[Path(path).stem] = len(events)
        if len(events) != EXPECTED:
            again = partial(recording.inputs, [SLOT])
            name = Path(path).stem
            miscounts.append(Miscount(name, template, again, len(events), EXPECTED))
    figures: dict[str, Any] = {"recordings": per_recording, "exercises": {}}
    rows = []
    for exercise in TEMPLATES:
        if found[exercise]:
            row, figure = _scored(exercise, found[exercise], counted[exercise])
            rows.append(row)
            figures["exercises"][exercise] = figure
    everything = [events for one in counted.values() for events in one]
    row, figures["all"] = _scored("all", [n for one in found.values() for n in one], everything)
    rows += [row, ["published (1)", "", "", "", percent(PEER_WITHIN_ONE), "", "", ""]]
    figures["peer"] = {"within_one_percent": PEER_WITHIN_ONE}
    off = [f"{name} {n}" for name, n in per_recording.items() if abs(n - EXPECTED) > 1]
    columns = [
        "exercise", "recordings", "exact", "within one", "share", "MAE", "late p95", "late p99",
    ]  # fmt: skip
    definitions = [
        f"Every repetition counted, against {EXPECTED} by protocol. Exact, within one: recordings; "
        "share: of those within one. MAE: mean absolute error in repetitions. Late: reported_s - "
        "end_s in seconds, percentiles of repetitions. One library template for each exercise, for "
        "all people and both arms.",
        f"Off by more than one: {', '.join(off) if off else 'none'}.",
        "(1) RecoFit (Morris et al. 2014): sets of 114 people counted within one, other exercises, "
        "one sensor on the arm. No count has been published for this set.",
    ]
    table = Table("spar: repetitions of 20", columns, rows)
    return Report(NAME, [table], definitions, figures, miscounts)


def _scored(
    name: str, found: Sequence[int], counted: Sequence[RepetitionEvent]
) -> tuple[list[str], dict[str, Any]]:
    counts = scoring.score_counts(found, [EXPECTED] * len(found))
    latency = scoring.score_latency(counted)
    within = scoring.share(counts.within_one, counts.recordings)
    row = [
        name,
        str(counts.recordings),
        str(counts.exact),
        str(counts.within_one),
        percent(within),
        number(counts.mae),
        number(latency.p95_s),
        number(latency.p99_s),
    ]
    figure = {
        "recordings": counts.recordings,
        "exact": counts.exact,
        "within_one": counts.within_one,
        "within_one_percent": within,
        "mae": counts.mae,
        "latency_p50_s": latency.p50_s,
        "latency_p95_s": latency.p95_s,
        "latency_p99_s": latency.p99_s,
    }
    return row, figure
