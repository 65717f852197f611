"""What a moving person sees, in a terminal: repetitions so far, the target zone and the needle.

Draws the newest events it was told and decides nothing. Rows of finished repetitions are
`terminal`'s.
"""

from collections import deque
from typing import Final

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from motion.events import AngleEvent, CueEvent, Event, PhaseEvent, PhaseName, RepetitionEvent
from motion.template import ExerciseTemplate
from server import wording

# Digits of three by five half-height blocks, as large as they can be beside a bar of three lines.
_DIGITS: Final = {
    "0": ("█▀█", "█ █", "▀▀▀"),
    "1": ("▀█ ", " █ ", "▀▀▀"),
    "2": ("▀▀█", "█▀▀", "▀▀▀"),
    "3": ("▀▀█", " ▀█", "▀▀▀"),
    "4": ("█ █", "▀▀█", "  ▀"),
    "5": ("█▀▀", "▀▀█", "▀▀▀"),
    "6": ("█▀▀", "█▀█", "▀▀▀"),
    "7": ("▀▀█", "  █", "  ▀"),
    "8": ("█▀█", "█▀█", "▀▀▀"),
    "9": ("█▀█", "▀▀█", "▀▀▀"),
}
_EIGHTHS: Final = " ▏▎▍▌▋▊▉"
_PHASES: Final = {
    PhaseName.REST: "at rest",
    PhaseName.OUT: "on the way out",
    PhaseName.HOLD: "holding",
    PhaseName.BACK: "on the way back",
    PhaseName.WALK: "walking, nothing is counted",
}

# The bar ends at twice the goal, or a little beyond the limit when that is nearer.
GOALS_SHOWN: Final = 2.0
LIMITS_SHOWN: Final = 1.1
# The needle shows the angle above the lowest one of so many seconds: a rest lies in them.
REST_WITHIN_S: Final = 6.0
# A bar longer than this is no easier to read.
LONGEST_BAR: Final = 72

SHORT_STYLE: Final = "cyan"
TARGET_STYLE: Final = "green"
OVER_STYLE: Final = "yellow"


class Gauge:
    """A renderable for `rich.live.Live`."""

    def __init__(self, template: ExerciseTemplate, lasts_s: float) -> None:
        self._target = template.range
        self._lasts_s = lasts_s
        self._top_deg = min(
            GOALS_SHOWN * self._target.goal_deg, LIMITS_SHOWN * self._target.limit_deg
        )
        self._angles: deque[AngleEvent] = deque()
        self._phase: PhaseName | None = None
        self._cue: CueEvent | None = None
        self._count = 0
        self.reached_s = 0.0

    def tell(self, event: Event) -> None:
        """Take the next event of the engine."""
        match event:
            case AngleEvent():
                self._angles.append(event)
                while event.t_s - self._angles[0].t_s > REST_WITHIN_S:
                    self._angles.popleft()
            case PhaseEvent():
                self._phase = event.phase
            case RepetitionEvent():
                self._count += 1
            case CueEvent():
                self._cue = event
            case _:
                pass

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        digits = _large(self._count)
        width = max(20, min(LONGEST_BAR, options.max_width - digits.cell_len // 3 - 4))
        right = Text("\n").join([self._labels(width), self._bar(width), self._words(width)])
        grid = Table.grid(padding=(0, 3, 0, 0))
        grid.add_column(no_wrap=True)
        grid.add_column(no_wrap=True, width=width)
        grid.add_row(digits, right)
        yield Text()
        yield grid
        yield self._cue_line()

    def _angle_deg(self) -> float | None:
        """Above the lowest angle of late; None before the axis is known."""
        if not self._angles:
            return None
        lowest = min(event.angle_deg for event in self._angles)
        return self._angles[-1].angle_deg - lowest

    def _cell(self, width: int, angle_deg: float) -> int:
        return min(width - 1, int(width * angle_deg / self._top_deg))

    def _labels(self, width: int) -> Text:
        """Minimum, goal and limit, each beside a mark over its place on the bar.

        What does not fit before the next one loses its word, then its number.
        """
        target = self._target
        if target.limit_deg > self._top_deg:
            limit = f"limit {target.limit_deg:g}°▸"
            end = width
        else:
            limit = f"limit {target.limit_deg:g}°▾"
            end = self._cell(width, target.limit_deg) + 1
        line = list(" " * width)
        line[end - len(limit) : end] = limit
        minimum, goal = (
            self._cell(width, angle_deg) for angle_deg in (target.minimum_deg, target.goal_deg)
        )
        for name, angle_deg, start, stop in (
            ("min", target.minimum_deg, minimum, goal),
            ("goal", target.goal_deg, goal, end - len(limit)),
        ):
            for label in (f"▾{name} {angle_deg:g}°", f"▾{angle_deg:g}°", "▾"):
                if start + len(label) < stop or label == "▾":
                    line[start : start + len(label)] = label
                    break
        return Text("".join(line)[:width], style=TARGET_STYLE)

    def _bar(self, width: int) -> Text:
        """Filled up to the needle; the target zone is shaded where it is not filled."""
        target = self._target
        angle_deg = self._angle_deg() or 0.0
        eighths = min(8 * width, max(0, round(8 * width * angle_deg / self._top_deg)))
        whole, part = divmod(eighths, 8)
        filled = "█" * whole + (_EIGHTHS[part] if part else "")
        zone = range(self._cell(width, target.minimum_deg), self._end_of_zone(width))
        style = self._style(angle_deg)
        bar = Text(filled, style=style)
        for cell in range(len(filled), width):
            if cell in zone:
                bar.append("░", style=TARGET_STYLE)
            else:
                bar.append("─", style="dim")
        return bar

    def _end_of_zone(self, width: int) -> int:
        limit_deg = self._target.limit_deg
        return width if limit_deg > self._top_deg else self._cell(width, limit_deg)

    def _style(self, angle_deg: float) -> str:
        target = self._target
        if angle_deg > target.limit_deg:
            return OVER_STYLE
        if angle_deg < target.minimum_deg:
            return SHORT_STYLE
        return f"bold {TARGET_STYLE}" if angle_deg >= target.goal_deg else TARGET_STYLE

    def _words(self, width: int) -> Text:
        """The angle in figures, the phase, and how far into the recording this is."""
        angle_deg = self._angle_deg()
        if angle_deg is None:
            left = "finding the direction of the movement"
        else:
            phase = _PHASES[self._phase] if self._phase is not None else ""
            left = f"{angle_deg:>3.0f}° ± {self._angles[-1].angle_sd_deg:.0f}  {phase}"
        clock = f"{self.reached_s:.0f} of {self._lasts_s:.0f} s"
        room = width - len(left) - len(clock)
        line = Text(left, style="bold" if angle_deg is not None else "")
        if room > 0:
            line.append(" " * room + clock, style="dim")
        return line

    def _cue_line(self) -> Text:
        """What the patient is told; gone when it has expired."""
        cue = self._cue
        if cue is None or cue.expires_s < self.reached_s:
            return Text(" ")
        return Text("cue to the patient: ", style="dim").append(
            wording.printable(cue.text), style="bold not dim"
        )


def _large(number: int) -> Text:
    """A number of two digits or more in large digits."""
    figures = f"{number:>2d}"
    rows = (
        " ".join(_DIGITS[figure][row] if figure != " " else "   " for figure in figures)
        for row in range(3)
    )
    return Text("\n".join(rows), style="bold")
