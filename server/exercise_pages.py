"""Pages of the documentation about the exercise library: one an exercise, and their index.

`python -m server.exercise_pages docs/exercises` writes them from the templates alone; a test holds
the written ones equal. How a figure is drawn is `drawing`'s.
"""

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from motion.body import FigureAngles, mirrored
from motion.joints import opposite
from motion.quality import CUES
from motion.template import (
    DominantMovement,
    ExerciseTemplate,
    HoldBand,
    HoldMovement,
    JointMovement,
    LearnedMovement,
    SegmentMovement,
    library_folder,
    library_ids,
    measured_movement,
)
from server.drawing import animated_svg

REGIONS: Final = {
    "low_back": "Low back",
    "neck": "Neck",
    "shoulder": "Shoulder",
    "elbow": "Elbow",
    "wrist": "Wrist",
    "hip": "Hip",
    "knee": "Knee",
    "ankle": "Ankle",
    "whole_body": "Whole body",
    "other": "Other",
}
POSITIONS: Final = {
    "standing": "standing",
    "seated": "sitting",
    "supine": "lying on the back",
    "prone": "lying on the belly",
    "side_lying": "lying on the side",
    "quadruped": "on all fours",
    "kneeling": "kneeling",
    "any": "in any position",
}
_SEGMENTS: Final = {"thorax": "chest", "shank": "lower leg", "upper_arm": "upper arm"}
_UPRIGHT: Final = frozenset({"standing", "seated", "kneeling", "any"})
# A paragraph about a number begins with what the number is.
_NUMBERS: Final = r"([A-Z][a-z]+(?: [a-z]+)?): "
_HEAD: Final = "<!-- Written by `python -m server.exercise_pages docs/exercises`. -->\n\n"


def pages() -> dict[str, str]:
    """What belongs into the folder, by path within it: pages in Markdown and their figures."""
    templates = [ExerciseTemplate.load(id) for id in library_ids()]
    written = {"index.md": _index(templates)}
    for template in templates:
        written[f"{template.id}.md"] = _page(template)
        written[f"figures/{template.id}.svg"] = animated_svg(template)
    return written


def write(folder: Path) -> None:
    """Write all pages into `folder`, and remove pages and figures that no template has."""
    written = pages()
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    for old in (*folder.glob("*.md"), *folder.glob("figures/*.svg")):
        if old.relative_to(folder).as_posix() not in written:
            old.unlink()
    for path, text in written.items():
        (folder / path).write_text(text, "utf-8", newline="\n")


# --- the index


def _index(templates: Sequence[ExerciseTemplate]) -> str:
    parts = [
        f"{_HEAD}# Exercises\n\n"
        f"The library has {len(templates)} exercises. Range, tempo and dose are what a therapist "
        "sets for each patient; what stands here is where to begin, and why. `gonio templates "
        "show ID` prints the template of one, to start an own from. The words for patients are "
        "there in English and German. The way out leads into the movement, the way back home; "
        "degrees count from the start position. How often in a week is for the therapist to say, "
        "and pain that grows is a reason to stop.\n\n",
    ]
    positions = list(POSITIONS)
    for region, title in REGIONS.items():
        here = [template for template in templates if template.region == region]
        here.sort(key=lambda each: (positions.index(each.position), each.id))
        if here:
            # Position below the name: four columns are wider than a phone.
            rows = [
                (f"{_link(each)}<br>{POSITIONS[each.position]}", _kind(each), _straps(each))
                for each in here
            ]
            parts.append(f"## {title}\n\n")
            parts.append(_table(("exercise", "measured", "sensors"), rows))
    parts.append(
        "## What goes with one strapping\n\n"
        "Sensors that are on serve every exercise in their row, with one strapping and one "
        "calibration. Most of a session for the low back needs two, and nobody lies on either.\n\n"
    )
    parts.append(_table(("sensors", "number", "exercises"), list(_strappings(templates))))
    return "".join(parts).rstrip("\n") + "\n"


def _strappings(templates: Sequence[ExerciseTemplate]) -> Iterator[tuple[str, str, str]]:
    """(sensors, how many exercises, which) of the strappings that no other one includes."""
    worn = {each.id: _worn(each) for each in templates}
    largest = {one for one in worn.values() if not any(one < other for other in worn.values())}
    served = {one: [each for each in templates if worn[each.id] <= one] for one in largest}
    for one in sorted(largest, key=lambda each: (-len(served[each]), sorted(each))):
        straps = ", ".join(f"{_segment(slot)} {place}".strip() for slot, place in sorted(one))
        yield straps, str(len(served[one])), ", ".join(_link(each) for each in served[one])


def _worn(template: ExerciseTemplate) -> frozenset[tuple[str, str]]:
    return frozenset(
        (slot, "" if slot == place.placement else place.placement)
        for slot, place in template.sensors.items()
    )


def _straps(template: ExerciseTemplate) -> str:
    return ", ".join(
        f"{_segment(slot)} {'' if slot == place.placement else place.placement}".strip()
        for slot, place in template.sensors.items()
    )


def _link(template: ExerciseTemplate) -> str:
    return f"[{_cell(template.name)}]({template.id}.md)"


# --- one exercise


def _page(template: ExerciseTemplate) -> str:
    steps = "".join(f"{n}. {line}\n" for n, line in enumerate(template.instructions, 1))
    sensors = [
        (_segment(slot), place.placement, place.note) for slot, place in template.sensors.items()
    ]
    sources = "".join(f"- {source}\n" for source in template.sources)
    told, derived = _comments(template.id)
    return (
        f"{_HEAD}# {template.name}\n\n"
        f"{' · '.join((REGIONS[template.region], POSITIONS[template.position], *_sides(template)))}"
        f" · `{template.id}`\n\n"
        f"{told}\n\n"
        f"![{template.name}](figures/{template.id}.svg)\n\n"
        f"{steps}\n"
        "## Sensors\n\n"
        f"{_table(('sensor', 'worn', 'for the patient'), sensors)}"
        f"{_measured(template)}, {_seen_by(template)}.\n\n"
        "## To begin with\n\n"
        f"{_table(('what', 'prescribed'), list(_prescribed(template)))}"
        "A therapist sets these numbers for each patient; pain that grows is a reason to stop.\n\n"
        "## Mistakes and cues\n\n"
        f"{_table(('what', 'when', 'what the patient hears'), list(_mistakes(template)))}"
        f"## What the sensors cannot see\n\n{template.cannot_see}\n\n"
        f"{derived}"
        f"## Sources\n\n{sources}"
    )


def _comments(id: str) -> tuple[str, str]:
    """What the comment at the top of a template tells: of the exercise, and of each number."""
    text = library_folder().joinpath(f"{id}.yaml").read_text("utf-8")
    told: list[str] = []
    derived: list[str] = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        words = line.removeprefix("#").strip()
        if re.match(_NUMBERS, words):
            derived.append(re.sub(_NUMBERS, r"- **\1**: ", words, count=1))
        elif derived:
            derived[-1] += f" {words}"
        elif words:
            told.append(words)
    listed = "".join(f"{each}\n" for each in derived)
    title = "## Where the numbers come from\n\n"
    return " ".join(told), f"{title}{listed}\n" if derived else ""


def _sides(template: ExerciseTemplate) -> tuple[str, ...]:
    """Which side is exercised, where that is a question."""
    match template.side:
        case "left" | "right" as side:
            return (f"on the {side}",)
        case "alternate":
            return ("both sides in turn",)
    peak = FigureAngles.of(template).peak
    return () if np.allclose(mirrored(peak), peak) else ("one side at a time",)


def _kind(template: ExerciseTemplate) -> str:
    """Which angle is measured, in a few words, and whether it is held."""
    held = isinstance(template.movement, HoldMovement)
    return f"hold: {_angle(template)}" if held else _angle(template)


def _measured(template: ExerciseTemplate) -> str:
    held = isinstance(template.movement, HoldMovement)
    return f"Measured{' while held' if held else ''}: {_angle(template)}"


def _angle(template: ExerciseTemplate) -> str:
    movement = measured_movement(template.movement)
    match movement:
        case JointMovement():
            way = _way(template, movement.axis)
            what = f"{way}, {_segment(movement.distal)} against {_segment(movement.proximal)}"
        case SegmentMovement():
            what = f"{_way(template, movement.axis)}, {_segment(movement.segment)}"
        case _:
            what = "turn in the direction of the first movement"
    return what


def _seen_by(template: ExerciseTemplate) -> str:
    """What shows the angle."""
    movement = measured_movement(template.movement)
    match movement:
        case JointMovement():
            return "as the difference between two sensors"
        case SegmentMovement():
            turning = movement.axis.startswith("turn_") and template.position in _UPRIGHT
            return "as a turn about the vertical" if turning else "as a slope against gravity"
        case DominantMovement():
            return "which the engine finds by itself"
        case LearnedMovement():
            return "as it was demonstrated"


def _prescribed(template: ExerciseTemplate) -> Iterator[tuple[str, str]]:
    target, band = template.range, template.band
    if band is not None:
        low_deg, high_deg = _held_within(band)
        yield "held at", f"{band.target_deg:g}°, from {low_deg:g}° to {high_deg:g}°"
    else:
        yield "goal", f"{target.goal_deg:g}°"
        yield (
            "range",
            f"from {target.minimum_deg:g}° to {target.limit_deg:g}°; "
            f"counts from {target.count_from_deg:g}° on",
        )
    tempo = template.tempo
    for words, part in (
        ("way out", tempo.out_s),
        ("hold", tempo.hold_s),
        ("way back", tempo.back_s),
    ):
        if part is not None:
            shortest = "up to" if part[0] == 0.0 else f"{part[0]:g} to"
            yield words, f"{shortest} {part[1]:g} s"
    dose = template.dose
    sets = "one set" if dose.sets == 1 else f"{dose.sets} sets"
    evenly = template.direction == "both" and dose.repetitions % 2 == 0
    each = f" ({dose.repetitions // 2} each way)" if evenly else ""
    yield "dose", f"{sets} of {dose.repetitions}{each}, {dose.rest_s:g} s of rest"


def _held_within(band: HoldBand) -> tuple[float, float]:
    return band.target_deg - band.band_deg, band.target_deg + band.band_deg


def _mistakes(template: ExerciseTemplate) -> Iterator[tuple[str, str, str]]:
    for each in template.compensations:
        yield each.name.replace("_", " "), f"beyond {each.limit_deg:g}°", each.cue
    target, tempo = template.range, template.tempo
    if template.band is None:
        yield "not far enough", f"below {target.minimum_deg:g}°", CUES["range_short"]
        yield "too far", f"beyond {target.limit_deg:g}°", CUES["limit"]
    else:
        low_deg, high_deg = _held_within(template.band)
        away = f"below {low_deg:g}° or beyond {high_deg:g}° for more than a second"
        yield "out of position", away, CUES["sagging"]
    for words, part, code in (
        ("too fast on the way out", tempo.out_s, "too_fast_out"),
        ("too fast on the way back", tempo.back_s, "too_fast_back"),
        ("held too briefly", tempo.hold_s, "hold_short"),
    ):
        if part is not None and part[0] > 0.0:
            yield words, f"in less than {part[0]:g} s", CUES[code]


# --- words


def _segment(slot: str) -> str:
    return _SEGMENTS.get(slot, slot.replace("_", " "))


def _way(template: ExerciseTemplate, axis: str) -> str:
    """A direction in words, or two where an exercise goes both ways."""
    both = template.direction == "both"
    way, _, side = axis.rpartition("_")
    if side in ("left", "right"):
        return f"{way} to both sides" if both else f"{way} to the {side}"
    words = axis.replace("_", " ")
    return f"{words} and {opposite(axis).replace('_', ' ')}" if both else words


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(_cell(c) for c in line)} |\n" for line in lines) + "\n"


def _main(arguments: Sequence[str]) -> int:
    if len(arguments) != 1:
        sys.stderr.write("Give the folder: python -m server.exercise_pages docs/exercises\n")
        return 2
    write(Path(arguments[0]))
    return 0


if __name__ == "__main__":
    raise SystemExit(_main(sys.argv[1:]))
