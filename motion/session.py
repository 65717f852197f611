"""A session: one ordered log of inputs, and the events that follow from it and from nothing else.

Samples, watermarks and controls (start an exercise, begin a set, pause, stop ...) go in; controls
take effect at the last watermark, whichever newer samples have come already. Timers are watermarks,
never the wall clock. What happens within one exercise is `tracker`'s.
"""

import math
from typing import Any, Self

import msgspec

from motion.calibration import Calibration, Vector, vector
from motion.errors import OrderError, OrderFault
from motion.events import (
    EndReason,
    Event,
    LooksLikeEvent,
    RecognisedEvent,
    RepetitionEvent,
    SensorEvent,
    SessionEvent,
    SetEvent,
    Silence,
    Verdict,
)
from motion.evidence import Witness
from motion.recognition import ExerciseWatch, Recogniser
from motion.reference import OwnReferences
from motion.samples import Samples
from motion.snapshot import pack, restored
from motion.template import ExerciseTemplate
from motion.tracker import Tracker


class StartControl(msgspec.Struct, frozen=True, tag_field="control", tag="start"):
    """Start an exercise: its resolved template as a document, side and calibration.

    among: templates of the plan's other exercises, which the session then tells apart from this
    one; they are worn with the same calibration and done on the same side.
    """

    template: dict[str, Any]
    side: str | None = None
    calibration: dict[str, Any] | None = None
    among: list[dict[str, Any]] | None = None


class BeginSetControl(msgspec.Struct, frozen=True, tag_field="control", tag="begin_set"):
    """Repetitions count from here on, as a new set."""


class EndSetControl(msgspec.Struct, frozen=True, tag_field="control", tag="end_set"):
    """The set is over: nothing counts until the next one begins."""


class PauseControl(msgspec.Struct, frozen=True, tag_field="control", tag="pause"):
    """Nothing counts until `resume`; a repetition under way is given up."""


class ResumeControl(msgspec.Struct, frozen=True, tag_field="control", tag="resume"):
    """Count again; the rest is looked for anew."""


class NeutralControl(msgspec.Struct, frozen=True, tag_field="control", tag="neutral"):
    """Take the neutral pose from the next still half-second."""


class SkipControl(msgspec.Struct, frozen=True, tag_field="control", tag="skip"):
    """End the exercise, go on with the session."""


class StopControl(msgspec.Struct, frozen=True, tag_field="control", tag="stop"):
    """End the session."""

    reason: EndReason = EndReason.DONE


Control = (
    StartControl
    | BeginSetControl
    | EndSetControl
    | PauseControl
    | ResumeControl
    | NeutralControl
    | SkipControl
    | StopControl
)


def control_document(control: Control) -> dict[str, Any]:
    """JSON-able form of a control, as a recording's log stores it."""
    document: dict[str, Any] = msgspec.to_builtins(control)
    return document


def control_from_document(document: Any) -> Control:
    """Inverse of `control_document`; raises OrderError on anything else."""
    try:
        control: Control = msgspec.convert(document, Control)
    except msgspec.ValidationError as error:
        raise OrderError(
            OrderFault.CONTROL, f"The log holds a control that is none ({error})."
        ) from None
    return control


class Session:
    """Runs a session's log. The same verbs as `Tracker`, and `control`.

    A `witness` is handed the evidence of every repetition, as by `Tracker`.
    """

    def __init__(self, *, angles: bool = False, witness: Witness | None = None) -> None:
        self.angles = angles
        self.witness = witness
        self.watermark_s = -math.inf
        self.ended = False
        self._seq = 1
        self._tracker: Tracker | None = None
        # The exercise under way among those of its plan, where they are known.
        self._recogniser: Recogniser | None = None
        self._watch = ExerciseWatch()
        self._set_index = 0
        self._in_set = False
        self._set_start_s = -math.inf
        self._set_partial = 0
        self._set_unlike = 0
        self._set_strides = 0
        self._set_walked_s = 0.0
        self._set_repetitions: list[RepetitionEvent] = []
        self._start_s = math.inf
        self._repetitions = 0
        self._correct = 0
        self._sets = 0
        self._reason = EndReason.END_OF_RECORDING
        self._silences: list[Silence] = []
        self._late: dict[str, int] = {}
        self._findings: list[SensorEvent] = []
        self._calibration: Calibration | None = None
        self._poses: dict[str, dict[str, Vector]] = {}
        # By exercise and its version: a second set, or a second start, is judged against the same.
        self._references: dict[tuple[str, int], OwnReferences] = {}
        # The last exercise, for what it knew of the sensors.
        self._left: Tracker | None = None
        # Since the last watermark, in the order in which they came. The log does not tell which
        # of them came before a control, so that no exercise may have them before the next one.
        self._waiting: list[Samples] = []

    @property
    def tracker(self) -> Tracker | None:
        """The exercise under way."""
        return self._tracker

    @property
    def silences(self) -> list[Silence]:
        """Spans in which a sensor gave nothing that can be trusted."""
        current = [] if self._tracker is None else self._tracker.silences
        return [*self._silences, *current]

    @property
    def sensor_findings(self) -> list[SensorEvent]:
        """Everything that was told about sensors, in order."""
        return list(self._findings)

    def push(self, samples: Samples) -> list[Event]:
        """Buffer samples. Samples of sensors that the exercise does not use are ignored."""
        self._check_open()
        self._waiting.append(samples.copy())
        return []

    def advance(self, watermark_s: float) -> list[Event]:
        """Release what is older than `watermark_s`."""
        self._check_open()
        if not watermark_s >= self.watermark_s:
            raise OrderError(
                OrderFault.WATERMARK_BACKWARDS,
                f"The watermark {watermark_s!r} lies before {self.watermark_s!r}; "
                "watermarks never go back.",
            )
        self.watermark_s = watermark_s
        self._start_s = min(self._start_s, watermark_s)
        self._hand_over(watermark_s)
        if self._tracker is None:
            return []
        events = self._collect(self._tracker.advance(watermark_s))
        if self._recogniser is not None:
            events += self._compared(self._recogniser.advance(watermark_s))
        return events

    def _hand_over(self, until_s: float) -> None:
        """Give the exercise what is older than `until_s`; the other samples keep waiting."""
        waiting, self._waiting = self._waiting, []
        slots = () if self._tracker is None else self._tracker.template.watched_slots
        for samples in waiting:
            newer = samples.t_s >= until_s
            older = samples
            if newer.any():
                self._waiting.append(samples.where(newer))
                older = samples.where(~newer)
            if self._tracker is not None and samples.sensor in slots:
                self._tracker.push(older)
            if self._recogniser is not None:
                self._recogniser.push(older)

    def control(self, control: Control) -> list[Event]:
        """Apply a control at the last watermark; raises OrderError when the log forbids it."""
        self._check_open()
        match control:
            case StartControl():
                return self._start(control)
            case StopControl():
                self._reason = control.reason
                return self._end()
            case SkipControl():
                return self._end_exercise(last=False)
        tracker = self._tracker
        if tracker is None:
            raise OrderError(OrderFault.CONTROL, "There is no exercise under way; start one first.")
        match control:
            case BeginSetControl():
                events = self._collect(tracker.release()) + self._end_set()
                self._in_set = True
                self._set_index += 1
                self._set_start_s = self.watermark_s
                self._set_partial = tracker.partial
                self._set_unlike = tracker.unlike
                self._watch.forget()
                self._set_strides = tracker.strides
                self._set_walked_s = tracker.walked_s
                tracker.assessment.set_index = self._set_index
                tracker.assessment.index = 0
                return events + self._count(tracker, True)
            case EndSetControl():
                events = self._collect(tracker.release()) + self._end_set()
                return events + self._count(tracker, False)
            case PauseControl():
                return self._count(tracker, False)
            case ResumeControl():
                return self._count(tracker, self._in_set)
            case NeutralControl():
                if self._recogniser is not None:
                    self._recogniser.take_neutral()
                return self._collect(tracker.take_neutral())

    def _count(self, tracker: Tracker, counting: bool) -> list[Event]:
        if self._recogniser is not None:
            self._recogniser.count(counting)
        return self._collect(tracker.count(counting))

    def finish(self) -> list[Event]:
        """The log has ended: close what is open and say the session's summary."""
        if self.ended:
            return []
        return self._end()

    def _check_open(self) -> None:
        if self.ended:
            raise OrderError(OrderFault.FINISHED, "The session has ended; start a new one.")

    def _start(self, control: StartControl) -> list[Event]:
        template = ExerciseTemplate.from_document(control.template, source="the log's template")
        calibration = (
            None if control.calibration is None else Calibration.from_document(control.calibration)
        )
        # Whatever is wrong with it is found before the exercise under way ends.
        tracker = Tracker(
            template, calibration, control.side, angles=self.angles, witness=self.witness
        )
        recogniser = None
        if control.among:
            others = [
                ExerciseTemplate.from_document(other, source="the log's other templates")
                for other in control.among
            ]
            recogniser = Recogniser([template, *others], calibration, control.side, counting=False)
        events = self._end_exercise(last=False)
        if calibration != self._calibration:
            # Worn anew: how the segments stood before says nothing any more.
            self._calibration = calibration
            self._poses = {} if calibration is None else dict(calibration.poses)
        tracker.sensor_states.known_poses = dict(self._poses.get(template.position, {}))
        named = (template.id, template.version)
        assessment = tracker.assessment
        assessment.references = self._references.setdefault(named, assessment.references)
        if self._left is not None:
            tracker.follow_on(self._left, self.watermark_s)
            self._left = None
        tracker.assessment.seq = self._seq
        tracker.counting = False
        self._tracker = tracker
        self._set_index = 0
        self._recogniser = recogniser
        self._watch.forget()
        if recogniser is not None:
            recogniser.advance(self.watermark_s)
        return events + tracker.advance(self.watermark_s)

    def _collect(self, events: list[Event]) -> list[Event]:
        """Keep the books on events that pass."""
        tracker = self._tracker
        for event in events:
            if isinstance(event, RepetitionEvent):
                self._set_repetitions.append(event)
                self._repetitions += 1
                self._correct += event.verdict is Verdict.CORRECT
            elif isinstance(event, SensorEvent):
                self._findings.append(event)
        if tracker is not None:
            self._seq = tracker.assessment.seq
        return events

    def _compared(self, recognised: list[RecognisedEvent]) -> list[Event]:
        """What the names of repetitions say about the exercise under way."""
        tracker, recogniser = self._tracker, self._recogniser
        if tracker is None or recogniser is None:
            return []
        names = {template.id: template.name for template in recogniser.templates}
        events: list[Event] = []
        for event in recognised:
            seen = self._watch.note(event, tracker.template.id)
            if seen is None:
                continue
            events.append(
                LooksLikeEvent(
                    seq=self._seq,
                    exercise=tracker.template.id,
                    set_index=self._set_index,
                    looks_like=event.exercise,
                    name=names[event.exercise],
                    start_s=seen[0].start_s,
                    end_s=event.end_s,
                    reported_s=self.watermark_s,
                    repetitions=len(seen),
                    sure=min(each.sure for each in seen),
                )
            )
            self._seq += 1
            tracker.assessment.seq = self._seq
        return events

    def _end_set(self) -> list[Event]:
        tracker = self._tracker
        if not self._in_set or tracker is None:
            return []
        self._in_set = False
        done = self._set_repetitions
        self._set_repetitions = []
        self._sets += 1
        event = SetEvent(
            seq=self._seq,
            exercise=tracker.template.id,
            side=tracker.side,
            set_index=self._set_index,
            start_s=_finite(self._set_start_s, self._start_s),
            end_s=_finite(self.watermark_s, 0.0),
            repetitions=len(done),
            correct=sum(event.verdict is Verdict.CORRECT for event in done),
            goal_reached=sum(event.goal_reached for event in done),
            partial=tracker.partial - self._set_partial,
            unlike=tracker.unlike - self._set_unlike,
            mean_rom_deg=_mean([event.judged_range_deg for event in done]),
            mean_score=_mean([event.score for event in done]),
            strides=tracker.strides - self._set_strides,
            walked_s=tracker.walked_s - self._set_walked_s,
        )
        self._seq += 1
        tracker.assessment.seq = self._seq
        return [event]

    def _end_exercise(self, *, last: bool) -> list[Event]:
        tracker = self._tracker
        if tracker is None:
            return []
        self._hand_over(math.inf if last else self.watermark_s)
        events = self._collect(tracker.finish())
        if last:
            self.watermark_s = max(self.watermark_s, tracker.watermark_s)
        if self._recogniser is not None:
            events += self._compared(self._recogniser.finish())
            self._recogniser = None
        events += self._end_set()
        self._silences += tracker.silences
        for slot, late in tracker.late_samples.items():
            if late:
                self._late[slot] = self._late.get(slot, 0) + late
        # The first neutral pose in a position is what later ones are compared with.
        position = tracker.template.position
        states = tracker.sensor_states
        plain = {slot: up for slot, up in states.poses.items() if slot in states.plain_slots}
        self._poses[position] = {**plain, **self._poses.get(position, {})}
        self._tracker = None
        self._left = tracker
        return events

    def _end(self) -> list[Event]:
        events = self._end_exercise(last=True)
        self.ended = True
        summary = SessionEvent(
            seq=self._seq,
            start_s=_finite(self._start_s, 0.0),
            end_s=_finite(self.watermark_s, 0.0),
            reason=self._reason,
            sets=self._sets,
            repetitions=self._repetitions,
            correct=self._correct,
            late_samples=dict(self._late),
            silences=list(self._silences),
        )
        self._seq += 1
        return [*events, summary]

    # --- snapshots

    def state(self) -> bytes:
        """Everything that the next input needs; `restore` continues to the last bit."""
        return pack(
            "session",
            {
                "plain": [
                    self.angles, self.watermark_s, self.ended, self._seq, self._set_index,
                    self._in_set, self._set_start_s, self._set_partial, self._set_unlike,
                    self._start_s, self._repetitions, self._correct, self._sets, str(self._reason),
                    self._late, self._set_strides, self._set_walked_s,
                ],
                "events": [
                    msgspec.json.encode(self._set_repetitions),
                    msgspec.json.encode(self._silences),
                    msgspec.json.encode(self._findings),
                ],
                "waiting": [
                    [samples.sensor, samples.t_s, samples.acc_mps2, samples.gyr_radps]
                    for samples in self._waiting
                ],
                "tracker": None if self._tracker is None else self._tracker.state_document(),
                "recogniser": None
                if self._recogniser is None
                else self._recogniser.state_document(),
                "watch": self._watch.state(),
                "left": None if self._left is None else self._left.state_document(),
                "calibration": None
                if self._calibration is None
                else self._calibration.document(),
                "poses": self._poses,
                "references": [
                    [name, version, kept.state()]
                    for (name, version), kept in self._references.items()
                ],
            },
        )  # fmt: skip

    @classmethod
    def restore(cls, snapshot: bytes) -> Self:
        """A session that continues where `state` was taken; raises SnapshotError."""
        return restored("session", snapshot, cls._from_state_document)

    @classmethod
    def _from_state_document(cls, state: dict[str, Any]) -> Self:
        session = cls()
        (
            session.angles, session.watermark_s, session.ended, session._seq, session._set_index,
            session._in_set, session._set_start_s, session._set_partial, session._set_unlike,
            session._start_s, session._repetitions, session._correct, session._sets, reason,
            session._late, session._set_strides, session._set_walked_s,
        ) = state["plain"]  # fmt: skip
        session._reason = EndReason(reason)
        repetitions, silences, findings = state["events"]
        session._set_repetitions = msgspec.json.decode(repetitions, type=list[RepetitionEvent])
        session._silences = msgspec.json.decode(silences, type=list[Silence])
        session._findings = msgspec.json.decode(findings, type=list[SensorEvent])
        session._waiting = [Samples(*waiting) for waiting in state["waiting"]]
        session._references = {
            (name, version): OwnReferences.restore(kept)
            for name, version, kept in state["references"]
        }
        if state["tracker"] is not None:
            tracker = Tracker.from_state_document(state["tracker"])
            named = (tracker.template.id, tracker.template.version)
            tracker.assessment.references = session._references[named]
            session._tracker = tracker
        if state["recogniser"] is not None:
            session._recogniser = Recogniser.from_state_document(state["recogniser"])
        session._watch.restore(state["watch"])
        if state["left"] is not None:
            session._left = Tracker.from_state_document(state["left"])
        if state["calibration"] is not None:
            session._calibration = Calibration.from_document(state["calibration"])
        session._poses = {
            position: {slot: vector(up) for slot, up in poses.items()}
            for position, poses in state["poses"].items()
        }
        return session


def _mean(values: list[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None


def _finite(value: float, otherwise: float) -> float:
    if math.isfinite(value):
        return value
    return otherwise if math.isfinite(otherwise) else 0.0
