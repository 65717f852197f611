"""What the engine says: msgspec structs, JSON on the wire, tagged by `type`.

Times are session time in seconds, angles degrees, unrounded; only displays round.
How a value is computed stands with `repetition` and `quality`, not here.
"""

from collections.abc import Iterable
from enum import StrEnum

import msgspec


class Verdict(StrEnum):
    CORRECT = "correct"
    INCORRECT = "incorrect"


class Fault(StrEnum):
    """Rules that make a repetition incorrect. Compensations are `compensation:<name>`."""

    RANGE_SHORT = "range_short"
    RANGE_OVER = "range_over"
    TOO_FAST = "too_fast"
    HOLD_SHORT = "hold_short"
    SAGGING = "sagging"


class Note(StrEnum):
    """What is told and never judged."""

    TOO_SLOW = "too_slow"
    JERKY = "jerky"
    INTERRUPTED = "interrupted"
    PAUSED = "paused"


class PhaseName(StrEnum):
    REST = "rest"
    OUT = "out"
    HOLD = "hold"
    BACK = "back"
    WALK = "walk"


class SensorState(StrEnum):
    STREAMING = "streaming"
    SILENT = "silent"
    ACCELEROMETER_OFF = "accelerometer_off"
    SLIPPED = "slipped"


class EndReason(StrEnum):
    """Why a session ended. The patient is asked when leaving early."""

    DONE = "done"
    PAIN = "pain"
    FATIGUE = "fatigue"
    OTHER = "other"
    END_OF_RECORDING = "end_of_recording"


class RepetitionEvent(msgspec.Struct, frozen=True, tag_field="type", tag="rep"):
    """One counted repetition, final when reported.

    `rom_deg` is peak minus the rest before, with its standard deviation; `out_s`, `hold_s` and
    `back_s` add up to `end_s - start_s`, but of a learned exercise only to the time out of the band
    of the rest, while start and end are told by the speed; `active_s` is the time above a fifth of
    the excursion; smoothness is SPARC (0 is smoothest, more negative is less smooth; null where it
    was not measured); `score_parts` add up to `score`, 0-100. `way`: the clinical direction, where
    the exercise goes both ways. `reach_deg`: how far the turning point lies beyond the demonstrated
    start, where the template judges that in place of the range. Where it is judged against the
    person's own first repetitions of the session, `range_reference_deg` is their median and
    `rom_share_own` what is judged as a share of it; null until there are enough, and elsewhere.
    """

    seq: int
    exercise: str
    side: str | None
    set_index: int
    index: int
    start_s: float
    peak_s: float
    end_s: float
    reported_s: float
    rom_deg: float
    rom_sd_deg: float
    goal_reached: bool
    out_s: float
    hold_s: float
    back_s: float
    active_s: float
    smoothness_out: float | None
    smoothness_back: float | None
    compensations: dict[str, float]
    score: float
    score_parts: dict[str, float]
    verdict: Verdict
    faults: list[str]
    borderline: list[str]
    notes: list[str]
    way: str | None = None
    reach_deg: float | None = None
    range_reference_deg: float | None = None
    rom_share_own: float | None = None

    @property
    def judged_range_deg(self) -> float:
        """What minimum, goal and limit are compared with: the reach, or the range."""
        return self.rom_deg if self.reach_deg is None else self.reach_deg


class SetEvent(msgspec.Struct, frozen=True, tag_field="type", tag="set"):
    """A finished set.

    mean_rom_deg: of the ranges as they are judged. Not counted: `partial` movements, which began
    and never came back, `unlike` ones, which did not begin and end in the pose of the exercise,
    `strides`, which were steps of walking, and whatever happened in `walked_s` seconds of walking.
    """

    seq: int
    exercise: str
    side: str | None
    set_index: int
    start_s: float
    end_s: float
    repetitions: int
    correct: int
    goal_reached: int
    partial: int
    unlike: int
    mean_rom_deg: float | None
    mean_score: float | None
    # Recordings made before gait was told lack them.
    strides: int = 0
    walked_s: float = 0.0


class SessionEvent(msgspec.Struct, frozen=True, tag_field="type", tag="session"):
    """The end of a session. `silences` are `{sensor, from_s, to_s, reason}`."""

    seq: int
    start_s: float
    end_s: float
    reason: EndReason
    sets: int
    repetitions: int
    correct: int
    late_samples: dict[str, int]
    silences: "list[Silence]"


class Silence(msgspec.Struct, frozen=True):
    """A span of session time in which a sensor gave nothing that can be trusted."""

    sensor: str
    from_s: float
    to_s: float
    reason: str


class RecognisedEvent(msgspec.Struct, frozen=True, tag_field="type", tag="recognised"):
    """A repetition under the name of its exercise, among those that were looked for.

    `sure` is how likely it is that exercise, 0 to 1; `likely` the same of each of them, and what
    they lack to 1 is none of them.
    """

    exercise: str
    start_s: float
    peak_s: float
    end_s: float
    reported_s: float
    sure: float
    likely: dict[str, float]


class LooksLikeEvent(msgspec.Struct, frozen=True, tag_field="type", tag="looks_like"):
    """Another exercise of the plan is done than the one under way, told once a stretch.

    `exercise` is the one under way, `looks_like` and `name` the other; from `start_s` to `end_s`
    lie its `repetitions` so far, each of them at least as likely as `sure`.
    """

    seq: int
    exercise: str
    set_index: int
    looks_like: str
    name: str
    start_s: float
    end_s: float
    reported_s: float
    repetitions: int
    sure: float


class CueEvent(msgspec.Struct, frozen=True, tag_field="type", tag="cue"):
    """One short encouragement for the patient; worthless after `expires_s`."""

    t_s: float
    expires_s: float
    code: str
    text: str


class PhaseEvent(msgspec.Struct, frozen=True, tag_field="type", tag="phase"):
    """The movement entered another phase."""

    t_s: float
    phase: PhaseName


class SensorEvent(msgspec.Struct, frozen=True, tag_field="type", tag="sensor"):
    """A sensor fell silent, came back, is badly calibrated, or has slipped on its strap.

    `since_s` is when that began.
    """

    t_s: float
    sensor: str
    state: SensorState
    since_s: float
    reason: str


class AngleEvent(msgspec.Struct, frozen=True, tag_field="type", tag="angle"):
    """The measured angle with its standard deviation. Given on request, never stored."""

    t_s: float
    angle_deg: float
    angle_sd_deg: float


Event = (
    RepetitionEvent
    | SetEvent
    | SessionEvent
    | LooksLikeEvent
    | RecognisedEvent
    | CueEvent
    | PhaseEvent
    | SensorEvent
    | AngleEvent
)

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


def encode(event: Event) -> bytes:
    """One event as JSON, without a line end. Floats keep every bit."""
    return _encoder.encode(event)


def decode(line: bytes | str) -> Event:
    """Inverse of `encode`; raises msgspec.ValidationError on anything else."""
    return _decoder.decode(line)


def encode_lines(events: Iterable[Event]) -> bytes:
    """Events as JSON lines."""
    return b"".join(_encoder.encode(event) + b"\n" for event in events)
