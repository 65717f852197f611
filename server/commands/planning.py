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

_EXERCISE: Final = (
    click.option("--template", "-t", metavar="T", help="Library id or YAML file."),
    click.option(
        "--slot",
        "slots",
        multiple=True,
        metavar="SLOT=SENSOR",
        help="Which sensor of the recording serves as which slot of the template.",
    ),
    click.option("--side", type=click.Choice(["left", "right"]), help="Side that is exercised."),
)
_OPTIONS: Final = (
    click.argument("recording", metavar="REC", type=click.Path(path_type=Path)),
    *_EXERCISE,
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


def planning_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the parameters recording, template, slots, side, calibrate and position."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def exercise_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the parameters template, slots and side."""
    for option in reversed(_EXERCISE):
        command = option(command)
    return command


class Asked(TypedDict):
    """The values of `planning_options`, as click hands them over."""

    recording: Path
    template: str | None
    slots: Sequence[str]
    side: str | None
    calibrate: Sequence[str]
    position: str


@dataclass(frozen=True, slots=True)
class Request:
    """What the options ask for, read. template_file: read too, so that it must not be written."""

    recording: Path
    template: ExerciseTemplate | None
    slots: dict[str, str]
    side: str | None
    spans: list[CalibrationSpan]
    template_file: Path | None

    @classmethod
    def of(cls, asked: Asked) -> Self:
        """Read what was asked for; raises OptionError and TemplateError."""
        template, calibrate = asked["template"], asked["calibrate"]
        return cls(
            recording=asked["recording"],
            slots=_slot_pairs(asked["slots"]),
            template=None if template is None else ExerciseTemplate.load(template),
            side=asked["side"],
            spans=[_span(value, asked["position"]) for value in calibrate],
            template_file=None if template is None else Path(template),
        )

    @property
    def files(self) -> list[Path]:
        """What is read and must not be written."""
        return [self.recording, *([] if self.template_file is None else [self.template_file])]

    def plan(self, opened: Recording) -> Replay:
        """The replay that is asked for; raises ReplayError."""
        return Replay.plan(
            opened, self.template, slots=self.slots, side=self.side, calibrate_in=self.spans
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
