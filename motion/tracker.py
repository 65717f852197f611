"""One exercise tracked online: samples and watermarks in, repetitions and what goes with them out.

Joins the stages `stream`, `alignment`, `gait`, `neutral`, `course` and `assessment`; holds no
mathematics of its own. Several exercises, sets and pauses are `session`'s.
"""

import math
from itertools import pairwise
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from motion import repetition as rep
from motion.alignment import Alignment
from motion.assessment import CUE_LIFE_S, Assessment
from motion.attitude import Attitudes, oldest_of
from motion.body import TRUNK, plain_slots
from motion.calibration import Calibration, Vector
from motion.columns import Columns
from motion.course import Course, Found
from motion.errors import OrderError, OrderFault, SamplesError, SamplesFault
from motion.events import AngleEvent, CueEvent, Event, PhaseEvent, PhaseName, Silence
from motion.evidence import Witness
from motion.gait import GaitDetector
from motion.measure import RepetitionMeter
from motion.neutral import NeutralSearch
from motion.posture import Posture
from motion.quality import limit_cue
from motion.samples import Samples
from motion.sensor_state import SensorStates
from motion.signature import Signature
from motion.snapshot import pack, restored
from motion.stream import SILENT_S, SensorStream
from motion.template import DominantMovement, ExerciseTemplate, LearnedMovement

Float64 = NDArray[np.float64]
Flags = NDArray[np.uint8]

# Segments that rest in an exercise's position as its figure has them.
BEARING: Final = frozenset({*TRUNK, "thigh", "shank", "foot"})
_PHASES: Final = {
    rep.MARK_REST: PhaseName.REST,
    rep.MARK_OUT: PhaseName.OUT,
    rep.MARK_HOLD: PhaseName.HOLD,
    rep.MARK_BACK: PhaseName.BACK,
}


class Tracker:
    """Tracks one exercise.

    `push` only buffers; events come out of `advance` and `finish`. Samples older than the last
    watermark are dropped and counted. With `angles`, an AngleEvent comes for every sample of the
    template's first sensor once the axis is known. A `witness` is handed the evidence of every
    repetition just before its event; it is no part of a snapshot. A learned exercise's repetitions
    are told when it is seen where their movement ends (`repetition.SETTLE_S`), or without `onsets`
    as soon as the angle is back, with start and end by that. Between two watermarks samples
    may come in any chunks and any order; the events are the same to the last bit.
    """

    def __init__(
        self,
        template: ExerciseTemplate,
        calibration: Calibration | None = None,
        side: str | None = None,
        *,
        angles: bool = False,
        first_seq: int = 1,
        set_index: int = 1,
        witness: Witness | None = None,
        onsets: bool = True,
    ) -> None:
        self.template = template
        self.calibration = calibration
        self.side = side if side is not None else _fixed_side(template)
        self.angles = angles
        self.onsets = onsets and isinstance(template.movement, LearnedMovement)
        self.counting = True
        self.watermark_s = -math.inf
        self.finished = False
        self._slots = template.slots
        self._streams = {slot: SensorStream(slot) for slot in self._slots}
        self._alignment = Alignment(list(self._streams.values()))
        self._begun = False
        self._others = Attitudes(slot for slot in template.watched_slots if slot not in self._slots)
        self.sensor_states = SensorStates(
            self._slots, calibration, template.position, plain_slots(template, self.side)
        )
        # A watch on a limb that swings shows steps where there are none.
        limb = isinstance(template.movement, DominantMovement)
        self._gait = None if limb else GaitDetector(len(template.slots))
        self.strides = 0
        self.walked_s = 0.0
        self._walking_from_t = math.nan
        self.course = Course(template, calibration, self.side, self._streams, onsets=self.onsets)
        if self._gait is not None:
            self.course.awaited_s = self._gait.awaited_s
        self._neutral: NeutralSearch | None = None
        self._posture = self._new_posture()
        self._meter = RepetitionMeter(template, calibration, self.course.model, self.side)
        self.assessment = Assessment(
            template,
            self.side,
            self._meter,
            first_seq=first_seq,
            set_index=set_index,
            witness=witness,
        )

    def _new_posture(self) -> Posture | None:
        """None where limbs swing freely, and where a demonstration shows the pose."""
        if isinstance(self.template.movement, DominantMovement | LearnedMovement):
            return None
        drawn = Signature.of(self.template, self.calibration, self.side)
        if not set(self._slots) <= BEARING:
            # Where somebody lies or stands shows in trunk and legs; arms rest as they like.
            drawn = None
        ups = None if drawn is None else np.array([drawn.ups[slot] for slot in self._slots])
        return Posture(len(self._slots), ups)

    def follow_on(self, before: "Tracker", t_s: float) -> None:
        """Take over what `before`, which has finished, knew of the sensors that both use.

        Orientations go on with their known bias; so does the heading of the same joint.
        """
        for slot in self._slots:
            if slot in before._streams:
                stream = before._streams[slot]
                stream.rejoin(t_s)
                self._streams[slot] = stream
        self._others.follow_on({**before._others.streams, **before._streams}, t_s)
        self._alignment = Alignment([self._streams[slot] for slot in self._slots])
        self.course.follow_on(before.course)

    # --- what the caller may ask

    @property
    def silences(self) -> list[Silence]:
        """Spans in which a sensor gave nothing that can be trusted, so far."""
        found = [silence for slot in self._slots for silence in self._streams[slot].silences]
        return sorted(found, key=lambda silence: (silence.from_s, silence.sensor))

    @property
    def late_samples(self) -> dict[str, int]:
        """Samples that came behind the watermark, by sensor."""
        return {slot: self._streams[slot].late for slot in self._slots}

    @property
    def partial(self) -> int:
        """Movements that began and never came back."""
        return self.course.partial

    @property
    def axis_settled(self) -> bool:
        """Whether the axis is known for good: at once when template or calibration gives it."""
        return self.course.axis_settled

    @property
    def unlike(self) -> int:
        """Movements in another pose than the exercise was demonstrated in, not counted."""
        return self.course.unlike

    # --- the verbs

    def push(self, samples: Samples) -> list[Event]:
        """Buffer samples of one sensor. Raises SamplesError for a sensor the template lacks."""
        if self.finished:
            raise OrderError(OrderFault.FINISHED, "The exercise is finished; start a new one.")
        stream = self._streams.get(samples.sensor)
        if stream is None and samples.sensor in self._others.streams:
            self._others.push(samples)
            return []
        if stream is None:
            raise SamplesError(
                SamplesFault.UNKNOWN_SENSOR,
                f"The template {self.template.id} has no sensor {samples.sensor!r}; it has "
                f"{', '.join(self._slots)}.",
                sensor=samples.sensor,
            )
        stream.push(samples)
        return []

    def advance(self, watermark_s: float) -> list[Event]:
        """Nothing older than `watermark_s` (session time) will come: report what that releases."""
        if self.finished:
            raise OrderError(OrderFault.FINISHED, "The exercise is finished; start a new one.")
        if not watermark_s >= self.watermark_s:
            raise OrderError(
                OrderFault.WATERMARK_BACKWARDS,
                f"The watermark {watermark_s!r} lies before {self.watermark_s!r}; "
                "watermarks never go back.",
            )
        self.watermark_s = watermark_s
        return self._run(watermark_s, last=False)

    def finish(self) -> list[Event]:
        """The stream has ended: process what is buffered and close a repetition that returned."""
        if self.finished:
            return []
        newest_s = max(stream.newest_t for stream in self._streams.values())
        self.watermark_s = max(self.watermark_s, newest_s)
        events = self._run(self.watermark_s, last=True)
        self.finished = True
        for stream in self._streams.values():
            stream.close(self.watermark_s)
        return events

    def release(self) -> list[Event]:
        """Tell the repetitions that are kept back until it shows where they end or whether steps
        follow: what comes after is another matter, since a set ends."""
        return self._told(self.course.release())

    def count(self, counting: bool) -> list[Event]:
        """Pause or resume counting. Resumed, rest and neutral pose are looked for anew; an axis
        that was found for good is kept."""
        if counting and not self.counting:
            self._walking_from_t = math.nan
            self.course.look_anew()
            if self._posture is not None:
                self._posture.seek(sure=False)
            if self._neutral is not None:
                # What came before the pause is no part of what comes now.
                found = self._neutral.found
                self._neutral = None if found else NeutralSearch.of(self.template, self.course)
        events = [] if counting else self.release()
        self.counting = counting
        return events

    def take_neutral(self) -> list[Event]:
        """Take the neutral pose from the next still half-second, or from one that goes on; sensors
        may be worn anew."""
        still = self.course.still_rows()
        events = self.release()
        self._neutral = None
        self.course.look_anew(axes=True)
        if self._posture is not None:
            self._posture.forget()
        if self.course.written is not None:
            self._neutral = NeutralSearch.of(self.template, self.course)
            self._neutral.unlike = self.unlike
            self._neutral.keep(*still)
        return events

    def wear(self, worn: dict[str, tuple[Vector, Vector]]) -> None:
        """Take sensors to be worn as `worn` says, which another exercise's neutral pose has shown.

        Rest and axes are looked for anew, as after `take_neutral`.
        """
        self._neutral = None
        self.course.look_anew(axes=True)
        self.course.wear(worn)

    # --- the stages

    def _run(self, until_s: float, *, last: bool) -> list[Event]:
        if not self._begun:
            # Without any sample yet the first watermark begins it: such a silence is one too.
            first_s = min(until_s, *(stream.first_pending_t for stream in self._streams.values()))
            if first_s > -math.inf:
                self._begun = True
                for stream in self._streams.values():
                    stream.begin(first_s)
        events: list[Event] = []
        for slot, stream in self._streams.items():
            stream.advance(until_s, last=last)
            events += self.sensor_states.told(slot, stream, until_s)
        self._others.advance(until_s, last=last)
        self._alignment.advance(until_s, last=last)
        rows = self._alignment.rows
        if len(rows):
            self.course.begin_heading()
        # While nothing counts too: who walks as a set begins is known to.
        steps, walks = self._gait_of(rows)
        if self.counting:
            events += self._follow(rows, steps, walks, last=last)
        elif self._neutral is not None and not self._neutral.found:
            # The pose may be shown before the set begins.
            self._neutral.take(rows, steps)
            row = self._neutral.look()
            if row is not None:
                self._neutral.turn(self.course, self._others, row)
                self._neutral = None
        else:
            self.course.pass_by(rows, len(rows))
        rows.drop(len(rows))
        self._others.trim(self.oldest_s)
        return events

    @property
    def oldest_s(self) -> float:
        """No repetition that is told from now on begins before this time."""
        if self._neutral is not None and len(self._neutral.rows):
            return float(self._neutral.rows["t"][0])
        if not self.counting:
            return self.watermark_s - SILENT_S
        return oldest_of(self.course.history, self.watermark_s, rep.LONGEST_S + rep.LOOK_BACK_S)

    def _gait_of(self, rows: Columns) -> tuple[Flags, Flags]:
        """Whether each row shows steps, and whether it is gait by now."""
        if self._gait is None or not len(rows):
            return np.zeros(len(rows), np.uint8), np.zeros(len(rows), np.uint8)
        return self._gait.update(
            self.course.period_s, rows["t"], rows["q"], rows["acc"], rows["gap"]
        )

    def _follow(self, rows: Columns, steps: Flags, walks: Flags, *, last: bool) -> list[Event]:
        """Take aligned rows (t, q, acc, gap) of all sensors, with what `_gait_of` says of them."""
        events: list[Event] = []
        if self._neutral is not None:
            self._neutral.take(rows, steps)
            rows.drop(len(rows))
            count_from_deg = self.template.range.count_from_deg
            told, over = self._neutral.follow(self.course, self._others, count_from_deg, self._step)
            events += told
            if over:
                self._neutral = None
        edges = [0, *(np.flatnonzero(np.diff(walks)) + 1).tolist(), len(walks)]
        for begin, end in pairwise(edges):
            if not len(rows):
                break
            if walks[begin] == 1:
                events += self._walk(rows, end - begin)
            else:
                events += self._stand(rows) + self._exercise(rows, steps[begin:end])
        if last:
            events += self._told(self.course.close())
        return events

    @property
    def _walking(self) -> bool:
        return not math.isnan(self._walking_from_t)

    def _walk(self, rows: Columns, count: int) -> list[Event]:
        """The first `count` rows are gait: nothing counts, what was under way is given up."""
        events: list[Event] = []
        t = rows["t"]
        if not self._walking:
            # What is kept back for its steps was one; what has returned before them counts.
            self.strides += self.course.drop_brief()
            events += self.release()
            self._walking_from_t = float(t[0])
            events.append(PhaseEvent(float(t[0]), PhaseName.WALK))
        self.walked_s += float(t[count - 1]) - self._walking_from_t
        self._walking_from_t = float(t[count - 1])
        self.course.pass_by(rows, count)
        rows.drop(count)
        return events

    def _stand(self, rows: Columns) -> list[Event]:
        """No gait at the first of the rows: if there was, the rest is looked for anew."""
        if not self._walking:
            return []
        self._walking_from_t = math.nan
        self.course.look_anew()
        if self._posture is not None:
            self._posture.seek()
        return [PhaseEvent(float(rows["t"][0]), PhaseName.REST)]

    def _exercise(self, rows: Columns, steps: Flags) -> list[Event]:
        """The first rows, as many as `steps` (n,) has: those of the exercise."""
        events: list[Event] = []
        done = 0
        while done < len(steps):
            count = self.course.block(len(steps) - done)
            posture = self._posture
            if posture is not None and posture.sought:
                # One row at a time, so that nothing hangs on how many came at once.
                count = 1
            events += self._step(rows, count, steps=steps[done : done + count])
            if posture is not None and posture.sought:
                q, still_s = self.course.latest()
                if posture.arrives(q, still_s):
                    self.course.look_anew()
            rows.drop(count)
            done += count
        return events

    def _step(
        self, rows: Columns, count: int, first: int = 0, steps: Flags | None = None
    ) -> list[Event]:
        """`count` rows from `first` on follow the exercise's course; steps: (n,) whether they show
        steps, by default none does."""
        found = self.course.step(rows, count, first, steps)
        return self.sensor_states.pose_told(self.course.rest, self.watermark_s) + self._told(found)

    # --- what is told

    def _told(self, found: Found | None) -> list[Event]:
        if found is None:
            return []
        events: list[Event] = []
        for t, kind in found.marks:
            if int(kind) == rep.MARK_LIMIT:
                code, text = limit_cue()
                events.append(CueEvent(float(t), float(t) + CUE_LIFE_S, code, text))
            else:
                events.append(PhaseEvent(float(t), _PHASES[int(kind)]))
        for number, row in enumerate(found.rows):
            events += self._repetition(row, whole=not (found.unseen_start and number == 0))
        if self.angles and found.angles is not None:
            events += _angle_events(*found.angles)
        self.course.trim()
        return events

    def _repetition(self, row: Float64, *, whole: bool) -> list[Event]:
        course = self.course
        if not self._meter.like_demonstrated(
            row, course.history, course.signature, self._others, course.worn
        ):
            course.unlike += 1
            return []
        if self._is_stride(row):
            self.strides += 1
            return []
        if not self._returns(row, whole=whole):
            course.unlike += 1
            return []
        return self.assessment.told(
            row, course.history, course.period_s, self.watermark_s, whole=whole
        )

    def _returns(self, row: Float64, *, whole: bool) -> bool:
        """Whether a movement begins and ends in the rest pose: lying down and getting up do not.
        Of one that was under way at the first sample the end alone is looked at."""
        if self._posture is None:
            return True
        history = self.course.history
        start, end = (int(row[at]) - history.base for at in (rep.ROW_START, rep.ROW_END))
        if not whole:
            start = end
        # What was kept back for its steps shows beside where the person went next.
        end += self.course.awaited_rows(row)
        return self._posture.returns(history["q"][start], history["q"][end])

    def _is_stride(self, row: Float64) -> bool:
        """Whether what passes for a repetition is a step or two of somebody who sets off."""
        if self._gait is None:
            return False
        history = self.course.history
        times = (int(row[at]) - history.base for at in (rep.ROW_START, rep.ROW_END))
        start_s, end_s = (float(history["t"][max(0, at)]) for at in times)
        return self._gait.is_stride(history["t"], history["steps"], start_s, end_s)

    # --- snapshots

    def state(self) -> bytes:
        """Everything that the next input needs. `restore` continues to the last bit."""
        return pack("tracker", self.state_document())

    def state_document(self) -> dict[str, Any]:
        """The state as plain values and arrays."""
        return {
            "template": self.template.document(),
            "calibration": None if self.calibration is None else self.calibration.document(),
            "side": self.side,
            "plain": [
                self.angles, self.onsets, self.counting, self.watermark_s, self.finished,
                self._begun, self.strides, self.walked_s, self._walking_from_t,
            ],
            "sensors": self.sensor_states.state(),
            "assessment": self.assessment.state(),
            "others": self._others.state(),
            "streams": {slot: stream.state() for slot, stream in self._streams.items()},
            "alignment": self._alignment.state(),
            "gait": None if self._gait is None else self._gait.state,
            "course": self.course.state(),
            "neutral": None if self._neutral is None else self._neutral.state(),
            "posture": None if self._posture is None else self._posture.state(),
        }  # fmt: skip

    @classmethod
    def restore(cls, snapshot: bytes) -> Self:
        """A tracker that continues where `state` was taken; raises SnapshotError."""
        return restored("tracker", snapshot, cls.from_state_document)

    @classmethod
    def from_state_document(cls, state: dict[str, Any]) -> Self:
        """Inverse of `state_document`."""
        template = ExerciseTemplate.from_document(state["template"], source="snapshot")
        calibration = state["calibration"]
        tracker = cls(
            template,
            None if calibration is None else Calibration.from_document(calibration),
            state["side"],
            onsets=state["plain"][1],
        )
        (
            tracker.angles, tracker.onsets, tracker.counting, tracker.watermark_s, tracker.finished,
            tracker._begun, tracker.strides, tracker.walked_s, tracker._walking_from_t,
        ) = state["plain"]  # fmt: skip
        tracker.sensor_states.restore(state["sensors"])
        tracker.assessment.restore(state["assessment"])
        tracker._others.restore(state["others"])
        for slot, stream in state["streams"].items():
            tracker._streams[slot].restore(stream)
        tracker._alignment.restore(state["alignment"])
        gait = state["gait"]
        if tracker._gait is not None:
            tracker._gait.state[:] = gait
        tracker.course.restore(state["course"])
        if state["neutral"] is not None:
            tracker._neutral = NeutralSearch.of(template, tracker.course)
            tracker._neutral.restore(state["neutral"])
        posture = state["posture"]
        if tracker._posture is not None:
            tracker._posture.restore(posture)
        return tracker


def _angle_events(t: Float64, angle: Float64, sd: Float64) -> list[Event]:
    return [
        AngleEvent(*values) for values in zip(t.tolist(), angle.tolist(), sd.tolist(), strict=True)
    ]


def _fixed_side(template: ExerciseTemplate) -> str | None:
    return template.side if template.side in ("left", "right") else None
