"""How a recording is to be replayed: the argument and options that `replay` and `explain` share.

Reads them into a plan. What the plan then does is `server.replay`'s.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self, TypedDict

import click

from devices.recording import Recording
from motion.calibrating import FUNCTIONAL_MOVEMENTS, UP_AXES, CalibrationSpan
from motion.template import ExerciseTemplate
from server.errors import OptionError
from server.replay import Replay

_RECORDING: Final = click.argument("recording", metavar="REC", type=click.Path(path_type=Path))
_TEMPLATE: Final = click.option("--template", "-t", metavar="T", help="Library id or YAML file.")
_AMONG: Final = click.option(
    "--among",
    multiple=True,
    metavar="T",
    help="Another exercise of the plan, which this one is told from; give it for each.",
)
_WORN: Final = (
    click.option(
        "--slot",
        "slots",
        multiple=True,
        metavar="SLOT=SENSOR",
        help="Which sensor of the recording serves as which slot of the template.",
    ),
    click.option("--side", type=click.Choice(["left", "right"]), help="Side that is exercised."),
)
_CALIBRATION: Final = (
    click.option(
        "--calibrate",
        multiple=True,
        metavar="FROM..TO[=MOVEMENT]",
        help="Calibrate from a still pose and a movement in these seconds: "
        f"{', '.join(FUNCTIONAL_MOVEMENTS)}, by default the one for all sensors. Give it again "
        "where sensors need different ones.",
    ),
    click.option(
        "--calibrated-in",
        "position",
        type=click.Choice(list(UP_AXES)),
        default="standing",
        show_default=True,
        help="The position in which that was done.",
    ),
)

_Option = Callable[[Callable[..., Any]], Callable[..., Any]]


def planning_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the parameters of `Asked`."""
    return _with(command, (_RECORDING, _TEMPLATE, _AMONG, *_WORN, *_CALIBRATION))


def exercise_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the parameters template, slots and side."""
    return _with(command, (_TEMPLATE, *_WORN))


def sensor_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the parameters of `AskedOfSensors`: all that no exercise is named with."""
    return _with(command, (_RECORDING, *_WORN, *_CALIBRATION))


def _with(command: Callable[..., Any], options: Sequence[_Option]) -> Callable[..., Any]:
    for option in reversed(options):
        command = option(command)
    return command


class AskedOfSensors(TypedDict):
    """The values of `sensor_options`, as click hands them over."""

    recording: Path
    slots: Sequence[str]
    side: str | None
    calibrate: Sequence[str]
    position: str


class Asked(AskedOfSensors):
    """The values of `planning_options`, as click hands them over."""

    template: str | None
    among: Sequence[str]


@dataclass(frozen=True, slots=True)
class Request:
    """What the options ask for, read. template_files: read too, so that they must not be written.

    own_log: whether the recording's own log says what was done when.
    """

    recording: Path
    template: ExerciseTemplate | None
    among: list[ExerciseTemplate]
    slots: dict[str, str]
    side: str | None
    spans: list[CalibrationSpan]
    template_files: list[Path]
    own_log: bool = True

    @classmethod
    def of(cls, asked: Asked) -> Self:
        """Read what was asked for; raises OptionError and TemplateError."""
        return cls._of(asked, asked["template"], asked["among"], "--among", own_log=True)

    @classmethod
    def of_several(cls, asked: AskedOfSensors, templates: Sequence[str]) -> Self:
        """The same of several exercises, whichever of them is done when."""
        return cls._of(asked, templates[0], templates[1:], "--template", own_log=False)

    @classmethod
    def _of(
        cls,
        asked: AskedOfSensors,
        template: str | None,
        among: Sequence[str],
        option: str,
        *,
        own_log: bool,
    ) -> Self:
        given = [] if template is None else [template]
        exercise = None if template is None else ExerciseTemplate.load(template)
        others = [ExerciseTemplate.load(other) for other in among]
        ids = [each.id for each in ([] if exercise is None else [exercise]) + others]
        for name, each in zip(among, others, strict=True):
            if ids.count(each.id) > 1:
                raise OptionError(
                    option,
                    f"{option} {name}: {each.id!r} is the id of two of these exercises; give each "
                    "file an id of its own.",
                )
        return cls(
            recording=asked["recording"],
            slots=_slot_pairs(asked["slots"]),
            template=exercise,
            among=others,
            side=asked["side"],
            spans=[_span(value, asked["position"]) for value in asked["calibrate"]],
            template_files=[Path(name) for name in [*given, *among]],
            own_log=own_log,
        )

    @property
    def files(self) -> list[Path]:
        """What is read and must not be written."""
        return [self.recording, *self.template_files]

    def plan(self, opened: Recording) -> Replay:
        """The replay that is asked for; raises ReplayError."""
        return Replay.plan(
            opened,
            self.template,
            slots=self.slots,
            side=self.side,
            calibrate_in=self.spans,
            among=self.among,
            own_log=self.own_log,
        )


def _slot_pairs(values: Sequence[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for value in values:
        slot, equals, sensor = value.partition("=")
        if not equals or not slot or not sensor:
            raise OptionError(
                "--slot", f"--slot {value}: give TEMPLATE_SLOT=RECORDING_SLOT, such as pelvis=u4."
            )
        if slot in pairs:
            raise OptionError("--slot", f"--slot gives {slot!r} twice; give each slot once.")
        pairs[slot] = sensor
    return pairs


def _span(value: str, position: str) -> CalibrationSpan:
    times, named, movement = value.partition("=")
    begin, dots, end = times.partition("..")
    try:
        from_s, to_s = float(begin), float(end)
    except ValueError:
        from_s = to_s = math.nan
    if not (dots and math.isfinite(from_s) and math.isfinite(to_s) and from_s < to_s):
        raise OptionError(
            "--calibrate", f"--calibrate {value}: give two times in seconds, such as 0..12.5."
        )
    if named and movement not in FUNCTIONAL_MOVEMENTS:
        raise OptionError(
            "--calibrate",
            f"--calibrate {value}: name one of the movements {', '.join(FUNCTIONAL_MOVEMENTS)}, "
            "such as 0..12.5=bow.",
        )
    return CalibrationSpan(from_s, to_s, movement or None, position)
