"""The exercise template: what is to be moved, how far, how fast, how often.

YAML written by a person, validated here, once, into typed objects. The library lies in
`templates/`. How a movement becomes an angle stands in `angle`, how it is judged in `quality`.
"""

import difflib
import math
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from motion.errors import TemplateError, TemplateFault
from motion.joints import (
    POSE_ANGLES,
    ClinicalAxis,
    furthest_deg,
    joint_direction,
    segment_direction,
)

# No part of a repetition is prescribed longer than this; longer ones are holds of their own.
LONGEST_PART_S: Final = 600.0
# What lasts longer is no repetition: `repetition` gives it up (its LONGEST_S).
LONGEST_REPETITION_S: Final = 300.0

# The longest template of the library has some 3 kB; a hundred times that is another kind of file.
LARGEST_TEMPLATE_BYTES: Final = 300_000

# A direction written with three decimals is this close to length 1, and no worse for it.
ROUNDED: Final = 1e-3

Vector = tuple[float, float, float]
# The lower edge of a hold's band stays a quarter of the target above the rest.
HIGHEST_BAND: Final = 0.75


def _interval(value: Any) -> Any:
    if isinstance(value, list | tuple) and len(value) == 2:
        return tuple(value)
    return value


Interval = Annotated[tuple[float, float], BeforeValidator(_interval)]
Slot = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]


class _ImpossibleError(ValueError):
    """What single fields allow and the whole template does not; `field` is to blame."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class SensorPlace(_Part):
    """Where a sensor is worn: `placement` in words of the strap, `note` for the patient."""

    placement: str = Field(min_length=1, max_length=60)
    note: str = ""


def _unit(vector: Vector) -> Vector:
    length = math.sqrt(sum(part * part for part in vector))
    if not 0.5 <= length <= 1.5:
        raise ValueError("give a direction of length 1")
    if abs(length - 1.0) <= ROUNDED:
        # Dividing again would move digits at every load, and with them a replay's events.
        return vector
    return (vector[0] / length, vector[1] / length, vector[2] / length)


class JointMovement(_Part):
    """Rotation of the distal against the proximal segment about a clinical axis."""

    kind: Literal["joint"]
    proximal: Slot
    distal: Slot
    axis: ClinicalAxis

    @model_validator(mode="after")
    def _exists(self) -> Self:
        joint_direction(self.proximal, self.distal, self.axis)
        return self


class SegmentMovement(_Part):
    """Rotation of one segment, against gravity (tilt) or about the vertical (turn)."""

    kind: Literal["segment"]
    segment: Slot
    axis: ClinicalAxis

    @model_validator(mode="after")
    def _exists(self) -> Self:
        segment_direction(self.segment, self.axis)
        return self


class HoldMovement(_Part):
    """A position to be held: the angle of one segment, or of a joint, stays in a band."""

    kind: Literal["hold"]
    segment: Slot | None = None
    proximal: Slot | None = None
    distal: Slot | None = None
    axis: ClinicalAxis

    @model_validator(mode="after")
    def _exists(self) -> Self:
        self.angle()
        return self

    def angle(self) -> JointMovement | SegmentMovement:
        """The movement whose angle is held."""
        if self.segment is not None and self.proximal is None and self.distal is None:
            return SegmentMovement(kind="segment", segment=self.segment, axis=self.axis)
        if self.segment is None and self.proximal is not None and self.distal is not None:
            return JointMovement(
                kind="joint", proximal=self.proximal, distal=self.distal, axis=self.axis
            )
        raise ValueError("give either segment, or proximal and distal")


class LearnedAxis(_Part):
    """One sensor's share in a learned movement, in the sensor's own frame.

    axis: the demonstrated rotation from start to turning point, in units of the main sensor's (so
    length 1 for the main sensor, less for the others). start_up: unit vector that points up at the
    start.
    """

    axis: Vector
    start_up: Vector

    @field_validator("axis")
    @classmethod
    def _at_most_unit_length(cls, value: Vector) -> Vector:
        if _length(value) > 1.001:
            raise ValueError("give an axis of length 1 for the main sensor, less for the others")
        return value

    @field_validator("start_up")
    @classmethod
    def _unit_length(cls, value: Vector) -> Vector:
        return _unit(value)


class LearnedMovement(_Part):
    """A movement along axes taken from a demonstration.

    coordinate: `tilt` reads the change of each sensor's inclination, which never drifts;
    `rotation` the whole rotation since rest, for movements about the vertical. poses: unit vectors
    that point up at the start, of sensors that were worn and hardly moved. No such sensor is
    needed; where it is worn, its pose helps to tell exercises apart.
    """

    kind: Literal["learned"]
    coordinate: Literal["tilt", "rotation"] = "tilt"
    axes: dict[Slot, LearnedAxis] = Field(min_length=1)
    poses: dict[Slot, Vector] = Field(default_factory=dict, max_length=16)

    @field_validator("poses")
    @classmethod
    def _unit_lengths(cls, value: dict[str, Vector]) -> dict[str, Vector]:
        return {slot: _unit(up) for slot, up in value.items()}

    @model_validator(mode="after")
    def _has_main(self) -> Self:
        if max(_length(learned.axis) for learned in self.axes.values()) < 0.999:
            raise ValueError("one sensor, the main one, needs an axis of length 1")
        twice = [slot for slot in self.poses if slot in self.axes]
        if twice:
            raise ValueError(f"the start pose of {twice[0]!r} stands in axes; remove it from poses")
        return self


class DominantMovement(_Part):
    """One sensor anywhere on the limb: the axis is found in the first movement and kept."""

    kind: Literal["dominant"]
    sensor: Slot


Movement = Annotated[
    JointMovement | SegmentMovement | LearnedMovement | DominantMovement | HoldMovement,
    Field(discriminator="kind"),
]


class RangeOfMotion(_Part):
    """Degrees. Below `count_from_deg` above the rest before, nothing happened.

    measured_from: what `minimum_deg`, `goal_deg` and `limit_deg` are compared with; `rest`: the
    range above the rest before; `start`: how far beyond the demonstrated start the turning point
    lies (`quality.reach_deg`), for learned tilts alone. reference: what a range is too small
    against, the prescribed `minimum_deg` or the person's own first repetitions of the session
    (`motion.reference`).
    """

    count_from_deg: float = Field(gt=0, le=360)
    minimum_deg: float = Field(gt=0, le=360)
    goal_deg: float = Field(gt=0, le=360)
    limit_deg: float = Field(gt=0, le=360)
    measured_from: Literal["rest", "start"] = "rest"
    reference: Literal["prescription", "own"] = "prescription"

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.count_from_deg <= self.minimum_deg <= self.goal_deg < self.limit_deg:
            raise ValueError(
                "count_from_deg <= minimum_deg <= goal_deg < limit_deg does not hold; "
                "no repetition could satisfy this range"
            )
        return self


class HoldBand(_Part):
    """Degrees above the rest before: the band from `target_deg` - `band_deg` to + `band_deg`."""

    target_deg: float = Field(gt=0, le=360)
    band_deg: float = Field(gt=0, le=90)

    @model_validator(mode="after")
    def _above_rest(self) -> Self:
        if self.band_deg > HIGHEST_BAND * self.target_deg:
            raise ValueError(
                f"band_deg is at most {HIGHEST_BAND:g} of target_deg, or the rest would lie in it"
            )
        return self

    def range(self) -> RangeOfMotion:
        """The range that holding in the band amounts to: nothing happened below it."""
        low_deg = self.target_deg - self.band_deg
        return RangeOfMotion(
            count_from_deg=low_deg,
            minimum_deg=low_deg,
            goal_deg=low_deg,
            limit_deg=self.target_deg + self.band_deg,
        )


class Tempo(_Part):
    """Shortest and longest time in seconds of each part, as `repetition` defines the parts.

    active_s: the time above a fifth of the excursion, which a creeping start or end does not
    stretch; the one that a template learned from a demonstration uses. What is left out is not
    judged.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=True)

    out_s: Interval | None = None
    hold_s: Interval | None = None
    back_s: Interval | None = None
    active_s: Interval | None = None

    @field_validator("out_s", "hold_s", "back_s", "active_s")
    @classmethod
    def _ordered(cls, value: tuple[float, float] | None) -> tuple[float, float] | None:
        if value is not None and not 0 <= value[0] < value[1] <= LONGEST_PART_S:
            raise ValueError(
                f"give [shortest, longest] in seconds with 0 <= shortest < longest "
                f"<= {LONGEST_PART_S:g}"
            )
        return value


class Compensation(_Part):
    """A movement that should not happen, and the cue that helps.

    segment: what moves. axis: `tilt` is any change of inclination. against: the proximal segment,
    for the angle of a joint; without it the segment is seen from the room.
    """

    name: Slot
    segment: Slot
    against: Slot | None = None
    axis: Literal["tilt"] | ClinicalAxis = "tilt"
    limit_deg: float = Field(gt=0, le=180)
    cue: str = Field(min_length=1, max_length=60)

    @model_validator(mode="after")
    def _exists(self) -> Self:
        if self.axis == "tilt":
            if self.against is not None:
                raise ValueError("a tilt is seen from the room; leave out against, or give an axis")
        elif self.against is None:
            segment_direction(self.segment, self.axis)
        else:
            joint_direction(self.against, self.segment, self.axis)
        return self

    @property
    def slots(self) -> tuple[str, ...]:
        """Sensors that it is seen with."""
        return (self.segment,) if self.against is None else (self.segment, self.against)


Pose = dict[str, Annotated[float, Field(ge=-180, le=180)]]


class Figure(_Part):
    """The whole body in the exercise: what is drawn, and what a simulation of it moves.

    rest, peak: joint angles in degrees beyond those of the position, by the names of
    `joints.POSE_ANGLES`; at `peak` the angle of the movement has its goal. opposite: the other
    turning point of a movement that goes both ways; without it the mirror image. fixed: what stays
    where it is. view: from where it is drawn. support: what stands there to lean on or to hold, for
    the drawing alone: a wall behind the back, a table under the hand that is not exercised, a chair
    whose back both hands hold.
    """

    fixed: Literal["feet", "pelvis", "thorax", "hands_and_knees", "hands_and_feet"] = "feet"
    view: Literal["side", "front", "above"] = "side"
    support: Literal["wall", "table", "chair"] | None = None
    rest: Pose = Field(default_factory=dict)
    peak: Pose
    opposite: Pose | None = None

    @field_validator("rest", "peak", "opposite")
    @classmethod
    def _known(cls, value: Pose | None) -> Pose | None:
        unknown = [name for name in value or {} if name not in POSE_ANGLES]
        if unknown:
            near = difflib.get_close_matches(unknown[0], sorted(POSE_ANGLES), 1)
            hint = f"; is {near[0]} meant?" if near else ""
            raise ValueError(f"a pose has no angle {unknown[0]}{hint}")
        return value


class Dose(_Part):
    sets: int = Field(ge=1, le=20)
    repetitions: int = Field(ge=1, le=200)
    rest_s: float = Field(ge=0, le=900)


class Judging(StrEnum):
    FAULT = "fault"
    NOTE = "note"


JudgedRule = Literal[
    "range_short", "range_over", "too_fast", "hold_short", "sagging", "too_slow", "jerky",
    "interrupted", "paused",
]  # fmt: skip


class ExerciseTemplate(_Part):
    """One prescribed exercise, fully checked.

    rules: moves a rule from fault to note or back, e.g. `{too_slow: fault}`. cannot_see: what the
    sensors of this template cannot tell, in words for the therapist. derived_from: how a learned
    template came about.
    """

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")
    version: int = Field(ge=1)
    name: str = Field(min_length=1, max_length=120)
    region: Literal[
        "low_back", "neck", "shoulder", "elbow", "wrist", "hip", "knee", "ankle", "whole_body",
        "other",
    ]  # fmt: skip
    position: Literal[
        "standing", "seated", "supine", "prone", "side_lying", "quadruped", "kneeling", "any"
    ]
    side: Literal["none", "left", "right", "alternate"] = "none"
    direction: Literal["one", "both"] = "one"
    sensors: dict[Slot, SensorPlace] = Field(min_length=1, max_length=8)
    movement: Movement
    range: RangeOfMotion
    band: HoldBand | None = None
    tempo: Tempo = Tempo()
    compensations: list[Compensation] = Field(default_factory=list, max_length=8)
    rules: dict[JudgedRule, Judging] = Field(default_factory=dict)
    dose: Dose = Dose(sets=1, repetitions=10, rest_s=45)
    instructions: list[str] = Field(default_factory=list)
    cannot_see: str = ""
    sources: list[str] = Field(default_factory=list)
    figure: Figure | None = None
    derived_from: str = ""

    @model_validator(mode="before")
    @classmethod
    def _hold_in_a_band(cls, data: Any) -> Any:
        """A hold gives its band in place of a range, which follows from it."""
        if not isinstance(data, dict):
            return data
        if "band" in data:
            raise ValueError(
                "there is no field 'band'; a hold gives target_deg and band_deg in range"
            )
        movement = data.get("movement")
        if not (isinstance(movement, dict) and movement.get("kind") == "hold" and "range" in data):
            return data
        band = data["range"]
        try:
            derived = HoldBand.model_validate(band).range()
        except ValidationError:
            # The band is refused by its own field; any valid range keeps this one quiet.
            derived = HoldBand(target_deg=30.0, band_deg=10.0).range()
        return {**data, "band": band, "range": derived}

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        needed = [
            *movement_slots(self.movement),
            *(slot for each in self.compensations for slot in each.slots),
        ]
        for slot in needed:
            if slot not in self.sensors:
                raise ValueError(
                    f"the movement or a compensation names the sensor {slot!r}, which is not "
                    f"among sensors ({', '.join(self.sensors)})"
                )
        unused = [slot for slot in self.sensors if slot not in needed]
        if unused:
            raise ValueError(f"no movement or compensation uses the sensor {unused[0]!r}")
        names = [compensation.name for compensation in self.compensations]
        if len(set(names)) != len(names):
            raise ValueError("two compensations have the same name")
        if len(set(movement_slots(self.movement))) < len(movement_slots(self.movement)):
            raise ValueError("proximal and distal must be two different sensors")
        if self.direction == "both" and isinstance(
            self.movement, HoldMovement | DominantMovement | LearnedMovement
        ):
            raise ValueError(
                "direction both needs a movement of a joint or a segment, whose ways have names"
            )
        if self.range.measured_from == "start" and not (
            isinstance(self.movement, LearnedMovement) and self.movement.coordinate == "tilt"
        ):
            raise ValueError(
                "range.measured_from start needs a learned movement with the coordinate tilt, "
                "whose start was demonstrated; leave it out, or write rest"
            )
        return self

    @model_validator(mode="after")
    def _possible(self) -> Self:
        """Somebody could do a repetition that this template calls a good one."""
        angle = measured_movement(self.movement)
        if isinstance(angle, JointMovement):
            # From the other end of its way at best; half of it where it goes both ways.
            ways = 2.0 if self.direction == "both" else 1.0
            furthest = furthest_deg(angle.proximal, angle.distal, angle.axis) / ways
            held = self.band is not None
            aim_deg = self.band.target_deg if self.band is not None else self.range.goal_deg
            if aim_deg > furthest:
                raise _ImpossibleError(
                    "range.target_deg" if held else "range.goal_deg",
                    f"no {angle.axis} between {angle.proximal} and {angle.distal} reaches "
                    f"{aim_deg:g} degrees; give at most {furthest:g}",
                )
        tempo = self.tempo
        parts = {"out_s": tempo.out_s, "hold_s": tempo.hold_s, "back_s": tempo.back_s}
        given = {name: part for name, part in parts.items() if part is not None}
        if self.band is not None and tempo.out_s is not None:
            raise _ImpossibleError(
                "tempo.out_s", "a hold begins where its band does and has no way out; remove it"
            )
        active = () if tempo.active_s is None else (("tempo.active_s", tempo.active_s[0]),)
        for field, shortest in (("tempo", sum(p[0] for p in given.values())), *active):
            if shortest >= LONGEST_REPETITION_S:
                raise _ImpossibleError(
                    field,
                    f"its shortest times come to {shortest:g} s, and a repetition lasts less than "
                    f"{LONGEST_REPETITION_S:g} s in all; shorten them",
                )
        if tempo.active_s is not None:
            if len(given) == len(parts) and tempo.active_s[0] > sum(p[1] for p in given.values()):
                raise _ImpossibleError(
                    "tempo.active_s",
                    "its shortest is longer than out_s, hold_s and back_s together can last; "
                    "no repetition could satisfy both",
                )
            if tempo.hold_s is not None and tempo.hold_s[0] >= tempo.active_s[1]:
                raise _ImpossibleError(
                    "tempo.active_s",
                    "its longest is shorter than hold_s, which is part of it; no repetition "
                    "could satisfy both",
                )
        return self

    @property
    def slots(self) -> tuple[str, ...]:
        """Sensor slots as written; the angle is evaluated at the sample times of the first."""
        return tuple(self.sensors)

    @property
    def watched_slots(self) -> tuple[str, ...]:
        """`slots`, then those that are not needed and whose pose is read where they are worn."""
        movement = self.movement
        poses = movement.poses if isinstance(movement, LearnedMovement) else {}
        return (*self.slots, *(slot for slot in poses if slot not in self.sensors))

    @classmethod
    def load(cls, source: str | Path) -> Self:
        """A library template by id, or a YAML file (a Path, or a text that looks like one).

        Raises TemplateError, which names the file and the field.
        """
        text = str(source)
        if (
            isinstance(source, Path)
            or text.endswith((".yaml", ".yml"))
            or "/" in text
            or "\\" in text
        ):
            return cls._read(Path(source))
        if text not in library_ids():
            raise TemplateError(
                TemplateFault.NOT_FOUND,
                f"There is no template {text!r} in the library; run `gonio templates list`, or "
                "give the path of a YAML file.",
                source=text,
            )
        return cls._parse(library_folder().joinpath(f"{text}.yaml").read_text("utf-8"), text)

    @classmethod
    def _read(cls, path: Path) -> Self:
        try:
            if path.stat().st_size > LARGEST_TEMPLATE_BYTES:
                raise TemplateError(
                    TemplateFault.UNREADABLE,
                    f"{path} is larger than a template can be; is it the right file?",
                    source=str(path),
                )
            text = path.read_text("utf-8")
        except FileNotFoundError:
            raise TemplateError(
                TemplateFault.NOT_FOUND,
                f"{path} does not exist; give a YAML file or an id of `gonio templates list`.",
                source=str(path),
            ) from None
        except (OSError, ValueError) as error:
            raise TemplateError(
                TemplateFault.UNREADABLE,
                f"{path} cannot be read as UTF-8 text ({error}); give a YAML file.",
                source=str(path),
            ) from None
        return cls._parse(text, str(path))

    @classmethod
    def _parse(cls, text: str, source: str) -> Self:
        return cls.from_document(read_yaml(text, source), source=source)

    @classmethod
    def from_document(cls, document: Any, *, source: str = "template") -> Self:
        """Validate a parsed document; raises TemplateError naming the field."""
        if not isinstance(document, dict):
            raise TemplateError(
                TemplateFault.INVALID,
                f"{source}: a template is a mapping of fields such as id, name and range.",
                source=source,
            )
        try:
            return cls.model_validate(document)
        except ValidationError as error:
            raise refusal(error, source) from None

    def document(self) -> dict[str, Any]:
        """A JSON-able mapping from which `from_document` makes an equal template."""
        return self._as_written(exclude_defaults=False)

    def _as_written(self, *, exclude_defaults: bool) -> dict[str, Any]:
        document = self.model_dump(
            mode="json", exclude_none=True, exclude_defaults=exclude_defaults
        )
        if "band" in document:
            document["range"] = document.pop("band")
        return document

    def to_yaml(self, comments: Mapping[str, str] | None = None) -> str:
        """YAML for a person: fields in the order of the documentation, defaults left out.

        comments: by top-level field, a line or several to stand before it.
        """
        document = self._as_written(exclude_defaults=True)
        parts = []
        for field, value in document.items():
            told = (comments or {}).get(field)
            parts += [f"# {line}\n" for line in told.splitlines()] if told else []
            parts.append(
                yaml.dump(
                    {field: value},
                    Dumper=_ReadableDumper,
                    sort_keys=False,
                    allow_unicode=True,
                    width=96,
                )
            )
        return "".join(parts)


def refusal(error: ValidationError, source: str) -> TemplateError:
    """What pydantic found as one sentence that names file and field."""
    errors = error.errors(include_url=False)
    # A misspelt field is also missing under its right name; only the first tells why.
    first = next((each for each in errors if each["type"] == "extra_forbidden"), errors[0])
    # What a hold calls range is kept as band.
    path = ".".join("range" if part == "band" else str(part) for part in first["loc"])
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, _ImpossibleError):
        path = cause.field
    more = error.error_count() - 1
    also = f" (and {more} more)" if more else ""
    return TemplateError(
        TemplateFault.INVALID,
        f"{source}: {path or 'template'}: {_plain(first)}{also}.",
        source=source,
        field=path,
    )


def read_yaml(text: str, source: str) -> Any:
    """A YAML text as plain values, keys given twice refused; raises TemplateError with the line."""
    try:
        return yaml.load(text, Loader=_StrictLoader)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}" if mark is not None else ""
        problem = (
            getattr(error, "problem", None)
            or getattr(error, "reason", None)
            or str(error)
            or "not valid YAML"
        )
        raise TemplateError(
            TemplateFault.UNREADABLE,
            f"{source}{line}: {problem}; correct the YAML there.",
            source=source,
        ) from None


def measured_movement(
    movement: Movement,
) -> JointMovement | SegmentMovement | LearnedMovement | DominantMovement:
    """The movement whose angle is measured: a hold's is that of its segment or joint."""
    return movement.angle() if isinstance(movement, HoldMovement) else movement


def movement_slots(movement: Movement) -> tuple[str, ...]:
    """Slots that a movement is measured with, first the one that moves most."""
    match movement:
        case JointMovement():
            return (movement.distal, movement.proximal)
        case SegmentMovement():
            return (movement.segment,)
        case LearnedMovement():
            main = max(movement.axes, key=lambda slot: _length(movement.axes[slot].axis))
            return (main, *(slot for slot in movement.axes if slot != main))
        case DominantMovement():
            return (movement.sensor,)
        case HoldMovement():
            return movement_slots(movement.angle())


def _length(vector: Vector) -> float:
    return math.sqrt(sum(part * part for part in vector))


def _plain(error: Any) -> str:
    """One plain sentence part from a pydantic error."""
    match error["type"]:
        case "extra_forbidden":
            return "there is no such field; check its spelling, or remove it"
        case "missing":
            return "this field is required; add it"
        case _:
            message = str(error["msg"]).removeprefix("Value error, ").rstrip(".")
            given = repr(error.get("input"))
            return message if len(given) > 60 else f"{message} (given: {given})"


class _ReadableDumper(yaml.SafeDumper):
    """Safe dumper that writes vectors and intervals on one line, as a person does."""

    def represent_list(self, data: Any) -> Any:
        flow = bool(data) and all(isinstance(item, int | float) for item in data)
        return self.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=flow)


_ReadableDumper.add_representer(list, _ReadableDumper.represent_list)


class _StrictLoader(yaml.SafeLoader):
    """Safe loader that refuses a key given twice and aliases, which can explode in size."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            mark = self.get_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(problem="aliases are not allowed", problem_mark=mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=deep)
            if not isinstance(key, str | int | float | bool):
                raise yaml.MarkedYAMLError(
                    problem="a field name must be text", problem_mark=key_node.start_mark
                )
            if key in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"the field {key!r} is given twice", problem_mark=key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


def library_folder() -> Any:
    """The folder of the exercise library."""
    return resources.files("motion") / "templates"


@cache
def library_ids() -> tuple[str, ...]:
    """Ids of the exercise library, sorted."""
    names = (entry.name for entry in library_folder().iterdir())
    return tuple(sorted(name.removesuffix(".yaml") for name in names if name.endswith(".yaml")))
