"""A recording through the engine: which sensor is which, is the data sound, what comes out.

Feeds `motion.session` from `devices.recording` in bounded memory, keeps the log, and compares with
the events that a recording stores. Showing the outcome is up to `terminal` and `report`.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

import msgspec

from devices.recording import Recording, SessionLog, copy_recording
from motion.calibrating import WARM_UP_S, CalibrationSpan, calibrate_spans
from motion.calibration import vector
from motion.errors import MotionError
from motion.events import (
    AngleEvent,
    EndReason,
    Event,
    LooksLikeEvent,
    RepetitionEvent,
    SensorEvent,
    SensorState,
    SessionEvent,
    SetEvent,
    Silence,
    encode,
)
from motion.evidence import Witness
from motion.plausibility import Plausibility, PlausibilityCheck
from motion.samples import Samples, Watermark
from motion.session import (
    BeginSetControl,
    Control,
    Session,
    StartControl,
    StopControl,
    control_document,
    control_from_document,
)
from motion.stream import SILENT_S
from motion.template import ExerciseTemplate, JointMovement, SegmentMovement
from server.curve import AngleCurve
from server.engine import engine_versions
from server.errors import ReplayError, ReplayFault
from server.losses import BriefLosses, LossFinder

# Chunks of the first pass: long enough to be quick, 16,000 rows at 1600 Hz.
CHECK_SPAN_S: Final = 10.0

Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class FirstPass:
    """What was found about the sensors that are used before anything was counted.

    begins_s: time of their first sample.
    """

    plausibility: list[Plausibility]
    losses: list[BriefLosses]
    begins_s: float


def no_progress(_: float) -> None:
    """For callers that show none; others get the session time reached, in seconds."""


@dataclass(slots=True)
class Outcome:
    """What a replay gave. events: all but angles, in order. curve: angles, where asked for."""

    events: list[Event] = field(default_factory=list)
    curve: AngleCurve | None = None
    log: SessionLog = field(default_factory=SessionLog)

    @property
    def repetitions(self) -> list[RepetitionEvent]:
        return [event for event in self.events if isinstance(event, RepetitionEvent)]

    @property
    def sets(self) -> list[SetEvent]:
        return [event for event in self.events if isinstance(event, SetEvent)]

    @property
    def looks_like(self) -> list[LooksLikeEvent]:
        return [event for event in self.events if isinstance(event, LooksLikeEvent)]

    @property
    def session(self) -> SessionEvent | None:
        found = [event for event in self.events if isinstance(event, SessionEvent)]
        return found[-1] if found else None

    @property
    def silences(self) -> list[Silence]:
        return self.session.silences if self.session is not None else []

    @property
    def sensor_findings(self) -> list[SensorEvent]:
        """What was found about sensors beyond their silences."""
        return [
            event
            for event in self.events
            if isinstance(event, SensorEvent) and event.state is SensorState.ACCELEROMETER_OFF
        ]

    def documents(self) -> list[dict[str, Any]]:
        """The events as a recording stores them."""
        return [_document(event) for event in self.events]


def _document(event: Event) -> dict[str, Any]:
    document: dict[str, Any] = msgspec.json.decode(encode(event))
    return document


@dataclass(frozen=True, slots=True)
class Difference:
    """The first event that is not as stored. None stands for an event that is missing."""

    number: int
    stored: dict[str, Any] | None
    given: dict[str, Any] | None

    def fields(self) -> list[str]:
        """Names of the fields that differ; empty when one of the two is missing."""
        if self.stored is None or self.given is None:
            return []
        names = dict.fromkeys([*self.stored, *self.given])
        return [
            name
            for name in names
            if _canonical(self.stored.get(name)) != _canonical(self.given.get(name))
            or (name in self.stored) != (name in self.given)
        ]


def _canonical(document: Any) -> bytes:
    """JSON that is equal exactly when every number is equal to the last bit."""
    return msgspec.json.encode(document, order="sorted")


def first_difference(stored: list[dict[str, Any]], given: Sequence[Event]) -> Difference | None:
    """Compare events bit for bit; None when all are equal."""
    for number in range(max(len(stored), len(given))):
        then = stored[number] if number < len(stored) else None
        now = _document(given[number]) if number < len(given) else None
        if then is None or now is None or _canonical(then) != _canonical(now):
            return Difference(number, then, now)
    return None


class Replay:
    """A recording with everything decided that its replay needs.

    template: of the (last) exercise. among: the plan's other exercises, that it is told from.
    rename: slot of the recording -> slot of the template; those of `spare` are read because they
    are there, not because they are needed.
    from_log: whether the recording's own log is replayed. notes: what was assumed, in sentences.
    """

    def __init__(
        self,
        recording: Recording,
        template: ExerciseTemplate,
        controls: list[Control],
        rename: Mapping[str, str],
        notes: list[str],
        *,
        side: str | None,
        from_log: bool,
    ) -> None:
        self.recording = recording
        self.template = template
        self.rename = dict(rename)
        self.notes = notes
        self.side = side
        self.from_log = from_log
        self.among: list[ExerciseTemplate] = []
        self.spare: frozenset[str] = frozenset()
        self._controls = controls
        # Those of the notes that are about the last exercise alone.
        self._notes_on_last: list[str] = []
        # Under the template's slots, as the exercise uses it and a session recording stores it.
        self.calibration: dict[str, Any] | None = None
        # Counting begins here, seconds.
        self.begins_s = -math.inf

    @classmethod
    def plan(
        cls,
        recording: Recording,
        template: ExerciseTemplate | None,
        *,
        slots: Mapping[str, str] | None = None,
        side: str | None = None,
        calibrate_in: Sequence[CalibrationSpan] = (),
        among: Sequence[ExerciseTemplate] = (),
        own_log: bool = True,
    ) -> Self:
        """Decide how to replay. slots: slot of the template -> slot of the recording.

        calibrate_in: where in the recording the sensors are to be calibrated. among: other
        exercises of the plan, that this one is to be told from; by default those of the log.
        own_log: whether the recording's own log, where it has one, says what was done when. Raises
        ReplayError when the template is missing, a slot cannot be filled, the calibration fails or
        the log does not hold together.
        """
        if own_log and recording.info.log is not None and recording.info.log.controls:
            return cls._plan_log(recording, template, slots or {}, side, calibrate_in, among)
        if template is None:
            raise ReplayError(
                ReplayFault.NO_TEMPLATE,
                f"{recording.path} holds samples only, no exercise; say which with --template, an "
                "id of `gonio templates list` or a YAML file.",
                path=recording.path,
            )
        others = [other for other in among if other.id != template.id]
        rename, notes, spare = _assign(recording, [template, *others], [], slots or {})
        calibration = _renamed_calibration(recording.info.calibration, rename)
        if calibrate_in:
            needed = {sensor: slot for sensor, slot in rename.items() if slot not in spare}
            calibration, told = _calibrated(
                recording, [template, *others], needed, side, calibrate_in
            )
            notes += told
        start = StartControl(
            template=template.document(),
            side=side,
            calibration=calibration,
            among=[other.document() for other in others] or None,
        )
        # The stop is held back until the recording ends.
        stop = StopControl(EndReason.END_OF_RECORDING)
        controls: list[Control] = [start, BeginSetControl(), stop]
        notes += _calibration_notes(template, calibration)
        plan = cls(recording, template, controls, rename, notes, side=side, from_log=False)
        plan.among, plan.spare = others, spare
        plan.calibration = calibration
        if calibrate_in:
            # The movements that calibrate are no repetitions.
            plan.begins_s = max(span.to_s for span in calibrate_in)
        return plan

    @classmethod
    def _plan_log(
        cls,
        recording: Recording,
        template: ExerciseTemplate | None,
        slots: Mapping[str, str],
        side: str | None,
        calibrate_in: Sequence[CalibrationSpan],
        among: Sequence[ExerciseTemplate],
    ) -> Self:
        path = recording.path
        logged = recording.info.log.controls if recording.info.log is not None else []
        try:
            controls = [control_from_document(entry.control) for entry in logged]
            starts = [control for control in controls if isinstance(control, StartControl)]
            own = [
                ExerciseTemplate.from_document(start.template, source="template in the log")
                for start in starts
            ]
            logged_among = [
                ExerciseTemplate.from_document(other, source="template in the log")
                for start in starts
                for other in start.among or []
            ]
        except MotionError as error:
            raise ReplayError(
                ReplayFault.LOG,
                f"{path}: the stored log cannot be replayed: {error}",
                path=path,
            ) from None
        if not own:
            raise ReplayError(
                ReplayFault.LOG,
                f"{path}: the stored log starts no exercise; replay another recording.",
                path=path,
            )
        used = list(own)
        notes: list[str] = []
        if template is not None:
            ids = list(dict.fromkeys(each.id for each in own))
            if template.id not in ids and len(ids) > 1:
                raise ReplayError(
                    ReplayFault.NO_TEMPLATE,
                    f"{path} holds several exercises ({', '.join(ids)}), and {template.id!r} is "
                    "none of them; give --template a template with one of these ids.",
                    path=path,
                )
            replaced = [len(ids) == 1 or each.id == template.id for each in own]
            used = [template if new else each for new, each in zip(replaced, own, strict=True)]
            notes.append(
                f"The template {template.id!r} of --template takes the place of the one in the log."
            )
        ids = list(dict.fromkeys(each.id for each in used))
        several = (
            [
                f"The session holds several exercises ({', '.join(ids)}); the target shown is that "
                "of the last."
            ]
            if len(ids) > 1
            else []
        )
        notes += several
        rename, assumed, spare = _assign(
            recording, [*used, *among], [] if among else logged_among, slots
        )
        anew: dict[str, Any] | None = None
        if calibrate_in:
            needed = {sensor: slot for sensor, slot in rename.items() if slot not in spare}
            anew, told = _calibrated(
                recording, [used[-1], *used, *among], needed, side, calibrate_in
            )
            notes += told
        number = 0
        for index, control in enumerate(controls):
            if isinstance(control, StartControl):
                own_id = used[number].id
                told_from = [other.document() for other in among if other.id != own_id]
                if not among:
                    told_from = [o for o in control.among or [] if o.get("id") != own_id]
                controls[index] = msgspec.structs.replace(
                    control,
                    among=told_from or None,
                    template=control.template
                    if used[number] is own[number]
                    else used[number].document(),
                    side=control.side if side is None else side,
                    calibration=control.calibration if anew is None else anew,
                )
                number += 1
        last = next(c for c in reversed(controls) if isinstance(c, StartControl))
        notes += assumed + _calibration_notes(used[-1], last.calibration)
        plan = cls(recording, used[-1], controls, rename, notes, side=last.side, from_log=True)
        plan._notes_on_last = several
        plan.spare = spare
        plan.calibration = (
            anew if anew is not None else _renamed_calibration(recording.info.calibration, rename)
        )
        return plan

    @property
    def notes_for_any(self) -> list[str]:
        """The notes that hold whichever exercise of the session is shown."""
        return [note for note in self.notes if note not in self._notes_on_last]

    @property
    def templates(self) -> dict[str, ExerciseTemplate]:
        """The template of every exercise of the session, by id; of one done twice the last."""
        starts = [each for each in self._controls if isinstance(each, StartControl)]
        used = [ExerciseTemplate.from_document(start.template) for start in starts]
        return {template.id: template for template in used}

    @property
    def stored_events(self) -> list[dict[str, Any]] | None:
        """Events given live, where the recording holds them."""
        return self.recording.info.events

    def check(self, progress: Progress = no_progress) -> FirstPass:
        """A first pass over the sensors that are used: is their data physically sensible?

        Raises ReplayError for data that no count can be made of. Where live events are stored the
        session did happen, so that its replay goes on and what was found is only told.
        """
        checks = {slot: PlausibilityCheck(slot) for slot in self.rename}
        finders = {slot: LossFinder(name) for slot, name in self.rename.items()}
        begins_s = math.inf
        for chunk in self.recording.chunks(list(self.rename), CHECK_SPAN_S):
            for samples in chunk:
                begins_s = min(begins_s, float(samples.t_s[0]))
                checks[samples.sensor].update(samples)
                finders[samples.sensor].update(samples)
            progress(float(chunk[0].t_s[-1]))
        results = [check.result() for check in checks.values()]
        if not (self.from_log and self.stored_events is not None):
            for result in results:
                if self.rename[result.sensor] in self.spare:
                    continue
                try:
                    result.raise_if_unusable(self.recording.path)
                except MotionError as error:
                    raise ReplayError(
                        ReplayFault.IMPLAUSIBLE,
                        str(error),
                        path=self.recording.path,
                        slot=result.sensor,
                    ) from None
        losses = [finder.found for finder in finders.values() if finder.found.count]
        return FirstPass(results, losses, begins_s)

    def run(
        self,
        outcome: Outcome,
        *,
        angles: bool = False,
        witness: Witness | None = None,
        progress: Progress = no_progress,
    ) -> Iterator[Event]:
        """Feed the engine; gives the events as they come and keeps them, and the log, in `outcome`.

        angles: AngleEvents too; they are given and drawn into `outcome.curve`, not kept. witness:
        handed the evidence of every repetition before its event.
        """
        session = Session(angles=angles, witness=witness)
        if angles and outcome.curve is None:
            outcome.curve = AngleCurve()
        try:
            for events in self._fed(session, outcome.log, progress):
                for event in events:
                    if not isinstance(event, AngleEvent):
                        outcome.events.append(event)
                    elif outcome.curve is not None:
                        outcome.curve.add(event)
                    yield event
        except MotionError as error:
            raise ReplayError(
                ReplayFault.LOG, f"{self.recording.path}: {error}", path=self.recording.path
            ) from None

    def _fed(self, session: Session, log: SessionLog, progress: Progress) -> Iterator[list[Event]]:
        controls = iter(self._controls)

        def apply(control: Control) -> list[Event]:
            log.add_control(control_document(control))
            return session.control(control)

        if not self.from_log:
            yield apply(next(controls))
            if self.begins_s == -math.inf:
                yield apply(next(controls))
        begun = self.begins_s == -math.inf
        newest_s = -math.inf
        for entry in self.recording.inputs(list(self.rename), self.rename):
            if isinstance(entry, Samples):
                newest_s = max(newest_s, float(entry.t_s[-1]))
                yield session.push(entry)
            elif isinstance(entry, Watermark):
                log.add_watermark(entry.t_s)
                yield session.advance(entry.t_s)
                if not begun and entry.t_s >= self.begins_s:
                    begun = True
                    yield apply(next(controls))
                progress(entry.t_s)
            else:
                yield apply(next(controls))
        if not self.from_log:
            last_s = self.recording.last_s
            if last_s - newest_s > SILENT_S:
                # Others went on: those that are used fell silent, which the session has to know.
                log.add_watermark(last_s)
                yield session.advance(last_s)
            yield apply(next(controls))
        yield session.finish()

    def write(self, outcome: Outcome, target: Path) -> None:
        """Write a session recording: the samples used, the log, the events, the engine."""
        copy_recording(
            self.recording.path,
            target,
            list(self.rename),
            {
                "log": outcome.log,
                "events": outcome.documents(),
                "engine": engine_versions(),
                "calibration": self.calibration,
            },
            self.rename,
        )


def _assign(
    recording: Recording,
    templates: Sequence[ExerciseTemplate],
    if_there: Sequence[ExerciseTemplate],
    asked: Mapping[str, str],
) -> tuple[dict[str, str], list[str], frozenset[str]]:
    """Which sensor of the recording serves as which slot: (recording -> template, notes, slots
    that are only read because they are there: bystanders, and those of the templates `if_there`).
    """
    path = recording.path
    there = list(recording.info.sensors)
    needed = list(dict.fromkeys(slot for each in templates for slot in each.slots))
    watched = [slot for each in (*templates, *if_there) for slot in each.watched_slots]
    spare = [slot for slot in dict.fromkeys(watched) if slot not in needed]
    notes: list[str] = []
    for slot, sensor in asked.items():
        if slot not in needed and slot not in spare:
            raise ReplayError(
                ReplayFault.SLOT,
                f"--slot {slot}={sensor}: the template has no slot {slot!r}; it has "
                f"{', '.join(needed)}.",
                path=path,
                slot=slot,
            )
        if sensor not in there:
            raise ReplayError(
                ReplayFault.SLOT,
                f"--slot {slot}={sensor}: {path} has no sensor {sensor!r}; it has "
                f"{', '.join(there)}.",
                path=path,
                slot=slot,
            )
    chosen = {slot: sensor for slot, sensor in asked.items() if slot in needed}
    for slot in needed:
        if slot in chosen:
            continue
        if slot in there:
            chosen[slot] = slot
        elif len(needed) == 1 and len(there) == 1:
            chosen[slot] = there[0]
            notes.append(f"The recording's only sensor, {there[0]!r}, serves as {slot!r}.")
        else:
            raise ReplayError(
                ReplayFault.SLOT,
                f"{path} has no sensor {slot!r}, which the template needs; it has "
                f"{', '.join(there)}: say which one it is with --slot, as in "
                f"--slot {slot}={there[0]}.",
                path=path,
                slot=slot,
            )
    rename: dict[str, str] = {}
    for slot in needed:
        sensor = chosen[slot]
        if sensor in rename:
            raise ReplayError(
                ReplayFault.SLOT,
                f"The sensor {sensor!r} of {path} cannot serve as both {rename[sensor]!r} and "
                f"{slot!r}; give each its own with --slot.",
                path=path,
                slot=slot,
            )
        rename[sensor] = slot
    for slot in spare:
        sensor = asked.get(slot, slot)
        if recording.rows.get(sensor, 0) > 1 and sensor not in rename:
            rename[sensor] = slot
    return rename, notes, frozenset(spare)


def _calibrated(
    recording: Recording,
    templates: Sequence[ExerciseTemplate],
    rename: Mapping[str, str],
    side: str | None,
    spans: Sequence[CalibrationSpan],
) -> tuple[dict[str, Any], list[str]]:
    """A calibration from the recording itself, and what is to be said about it."""
    for span in spans:
        if span.from_s > recording.last_s or span.to_s < recording.first_s:
            raise ReplayError(
                ReplayFault.CALIBRATION,
                f"--calibrate {span.from_s:g}..{span.to_s:g} lies outside the recording "
                f"{recording.path}, which lasts from {recording.first_s:.1f} to "
                f"{recording.last_s:.1f} s.",
                path=recording.path,
            )
    when = " and ".join(f"{span.from_s:g} to {span.to_s:g} s" for span in spans)
    first_s = min(span.from_s for span in spans)
    last_s = max(span.to_s for span in spans)
    samples = recording.samples(list(rename), first_s - WARM_UP_S, last_s)
    outward = {}
    for sensor, slot in rename.items():
        given = (recording.info.sensors[sensor].model_extra or {}).get("outward")
        if isinstance(given, list) and len(given) == 3:
            outward[slot] = vector([float(part) for part in given])
    worn: dict[str, str] = {}
    for template in templates:
        for slot, place in template.sensors.items():
            worn.setdefault(slot, place.placement)
    try:
        calibration = calibrate_spans(
            {slot: samples[sensor] for sensor, slot in rename.items()},
            spans,
            side=side,
            worn=worn,
            outward=outward,
        )
    except MotionError as error:
        raise ReplayError(
            ReplayFault.CALIBRATION,
            f"{recording.path}, {when}: {error}",
            path=recording.path,
        ) from None
    told = [f"Calibrated from {when}, to {calibration.quality_deg:.1f}°."]
    return calibration.document(), [*told, *calibration.advice]


def _renamed_calibration(
    document: dict[str, Any] | None, rename: Mapping[str, str]
) -> dict[str, Any] | None:
    """A stored calibration under the names of the template's slots."""
    if document is None or not isinstance(document.get("rotations"), dict):
        return document
    rotations = {
        rename[sensor]: rotation
        for sensor, rotation in document["rotations"].items()
        if sensor in rename
    }
    return {**document, "rotations": rotations}


def _calibration_notes(template: ExerciseTemplate, calibration: dict[str, Any] | None) -> list[str]:
    if calibration is None and isinstance(template.movement, JointMovement | SegmentMovement):
        return [
            "The recording holds no calibration, so the sensors' axes are taken from the first "
            "movement: angles are less certain, and their direction is not checked."
        ]
    return []
