"""One exercise tracked online: samples and watermarks in, repetitions and what goes with them out.

Joins the stages `stream`, `alignment`, `rest`, `angle`, `first_movement`, `repetition`, `measure`
and `quality`; holds no mathematics of its own. Several exercises, sets and pauses are `session`'s.
"""

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from motion import repetition as rep
from motion.alignment import Alignment
from motion.angle import C_AXIS, C_TILT_SD, C_UP, AngleModel, speed_kernel
from motion.attitude import Attitudes, oldest_of
from motion.axis import up_vector
from motion.body import plain_slots
from motion.calibration import Calibration, Vector, angle_between_deg, vector
from motion.columns import Columns
from motion.errors import OrderError, OrderFault, SamplesError, SamplesFault
from motion.events import (
    AngleEvent,
    CueEvent,
    Event,
    PhaseEvent,
    PhaseName,
    RepetitionEvent,
    SensorEvent,
    SensorState,
    Silence,
)
from motion.evidence import Evidence, Witness
from motion.first_movement import LOOK_EVERY_S, FirstMovement
from motion.gait import GaitDetector
from motion.heading import JointHeading
from motion.joint_angle import JointAngle
from motion.joints import opposite
from motion.measure import RepetitionMeter
from motion.neutral import BELOW_SHARE, NeutralSearch
from motion.quality import REST_SHARE, RepetitionMeasure, cue_for, judge, limit_cue
from motion.reference import OwnReferences, Reference
from motion.rest import NEUTRAL_S, RestTracker
from motion.samples import Samples
from motion.signature import Signature, turned
from motion.snapshot import pack, restored
from motion.stream import SILENT_S, SensorStream
from motion.template import (
    LONGEST_PART_S,
    DominantMovement,
    ExerciseTemplate,
    JointMovement,
    LearnedMovement,
    SegmentMovement,
    measured_movement,
)

Float64 = NDArray[np.float64]
Flags = NDArray[np.uint8]

# A cue is worthless after this.
CUE_LIFE_S: Final = 2.0
# Gravity at the neutral pose further than this from where it was: the strap has slipped.
SLIPPED_DEG: Final = 10.0
# A norm of the acceleration at rest that varies with posture by more is a bad calibration.
NORM_VARIES: Final = 0.05

_PHASES: Final = {
    rep.MARK_REST: PhaseName.REST,
    rep.MARK_OUT: PhaseName.OUT,
    rep.MARK_HOLD: PhaseName.HOLD,
    rep.MARK_BACK: PhaseName.BACK,
}
_NO_MARKS: Final = np.empty((0, 2))


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
        # How segments stood in this position: by slot, the earth's up direction in their frames.
        self.known_poses: dict[str, Vector] = (
            {} if calibration is None else dict(calibration.poses.get(template.position, {}))
        )
        self.angles = angles
        self.witness = witness
        self.onsets = onsets and isinstance(template.movement, LearnedMovement)
        self.seq = first_seq
        self.set_index = set_index
        self.index = 0
        # Of the whole session, where a session keeps them from one start to the next.
        self.references = OwnReferences()
        self.unlike = 0
        # A watch on a limb that swings shows steps where there are none.
        limb = isinstance(template.movement, DominantMovement)
        self._gait = None if limb else GaitDetector(len(template.slots))
        self.strides = 0
        self.walked_s = 0.0
        self._walking_from_t = math.nan
        self._partial = 0
        self.counting = True
        self.watermark_s = -math.inf
        self.finished = False
        self._slots = template.slots
        self._streams = {slot: SensorStream(slot) for slot in self._slots}
        self._alignment = Alignment(list(self._streams.values()))
        self._begun = False
        self._silent_told: dict[str, bool] = dict.fromkeys(self._slots, False)
        self._norm_told: dict[str, bool] = dict.fromkeys(self._slots, False)
        self._parameters = rep.SegmenterParameters(
            count_from_deg=template.range.count_from_deg,
            limit_deg=template.range.limit_deg,
            longest_stand_s=_longest_stand_s(template),
            both=template.direction == "both",
            swings=template.band is None,
            rest_share=REST_SHARE if template.range.measured_from == "start" else 1.0,
            onsets=self.onsets,
        )
        # Where poses can be compared with those of other exercises in the position.
        self.plain_slots = plain_slots(template, self.side)
        self._model = angle_model(template, calibration, self.side)
        self._meter = RepetitionMeter(template, calibration, self._model, self.side)
        # What a learned exercise looks like; and how sensors are worn otherwise than when it was
        # demonstrated: by slot, what pointed up in the start pose then, and what does now.
        self._written = Signature.demonstrated(template)
        self.signature = self._written
        self.worn: dict[str, tuple[Vector, Vector]] = {}
        self._others = Attitudes(slot for slot in template.watched_slots if slot not in self._slots)
        self._heading: JointHeading | None = None
        self._rest = RestTracker(len(self._slots))
        self.poses: dict[str, Vector] = {}
        self._begin_angle()

    def _begin_angle(self) -> None:
        """Forget everything but the sensors: a new neutral pose, a new rest, a new first move."""
        self._model.reset()
        self.signature = self._written
        self.worn = {}
        self._first = FirstMovement(self._model, self._parameters) if self._model.sought else None
        self._neutral: NeutralSearch | None = None
        self._begin_rest()

    def _begin_rest(self) -> None:
        """Look for the rest and the neutral pose anew; an axis that was found is kept."""
        # A calibrated joint has a heading of its own, which the neutral pose corrects.
        self._rest = RestTracker(
            len(self._slots), rezero=not self._has_heading, drifts=self._rest.drifts
        )
        if self._heading is not None:
            self._heading.forget_neutral()
        self._segmenter = rep.Segmenter(self._parameters)
        self._model.begun = False
        self._history = Columns(
            t=(0, np.float64),
            q=(4 * len(self._slots), np.float64),
            gap=(0, np.uint8),
            speed=(0, np.float64),
            still_s=(0, np.float64),
            zero_t=(0, np.float64),
            angle=(0, np.float64),
            sd=(0, np.float64),
            steps=(0, np.uint8),
        )

    def follow_on(self, before: "Tracker", t_s: float) -> None:
        """Take over what `before`, which has finished, knew of the sensors that both use.

        Orientations go on with their known bias; so does the heading of the same joint.
        """
        shared = [slot for slot in self._slots if slot in before._streams]
        for slot in shared:
            stream = before._streams[slot]
            stream.rejoin(t_s)
            self._streams[slot] = stream
        self._others.follow_on({**before._others.streams, **before._streams}, t_s)
        self._alignment = Alignment([self._streams[slot] for slot in self._slots])
        drifts, known = self._rest.drifts, before._rest.drifts
        for slot in shared:
            drifts[self._slots.index(slot)] = known[before._slots.index(slot)]
        self._rest.drifts = drifts
        if (
            isinstance(self._model, JointAngle)
            and isinstance(before._model, JointAngle)
            and before._heading is not None
            and self._model.same_joint(before._model)
            and self._slots[0] == before._slots[0]
        ):
            self._heading = before._heading
            self._heading.forget_neutral()

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
        return self._partial + self._segmenter.partial

    @property
    def axis_settled(self) -> bool:
        """Whether the axis is known for good: at once when template or calibration gives it."""
        return self._first is None

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

    def count(self, counting: bool) -> list[Event]:
        """Pause or resume counting. Resumed, rest and neutral pose are looked for anew; an axis
        that was found for good is kept."""
        events = [] if counting else self.settle()
        if counting and not self.counting:
            self._walking_from_t = math.nan
            self._look_anew()
            if self._neutral is not None:
                # What came before the pause is no part of what comes now.
                self._neutral = None if self._neutral.found else self._new_search()
        self.counting = counting
        return events

    def take_neutral(self) -> list[Event]:
        """Take the neutral pose from the next still half-second, or from one that goes on; sensors
        may be worn anew."""
        events = self.settle()
        self._partial = self.partial
        still = self._still_rows()
        self._begin_angle()
        if self._written is not None:
            self._neutral = self._new_search()
            self._neutral.unlike = self.unlike
            self._neutral.keep(*still)
        return events

    def settle(self) -> list[Event]:
        """Tell a repetition that has returned and whose end is still awaited: a set ends here."""
        if self._first is not None:
            return []
        history = self._history
        rows = self._segmenter.settle(history["t"], history["angle"], history.base)
        return self._told(rows, _NO_MARKS)

    def _still_rows(self) -> tuple[Float64, Float64, NDArray[np.uint8]]:
        """t, q and gap of the last half-second, if the pose has been still for that long."""
        history = self._history
        count = 0
        if len(history) and history["still_s"][-1] >= NEUTRAL_S:
            t = history["t"]
            count = len(t) - int(np.searchsorted(t, t[-1] - NEUTRAL_S, "right")) + 1
        rows = slice(max(0, len(history) - count), len(history))
        return history["t"][rows].copy(), history["q"][rows].copy(), history["gap"][rows].copy()

    def _new_search(self) -> NeutralSearch:
        written = self._written
        if written is None:
            raise TypeError("only a learned exercise is looked for in another strapping")
        below_deg = BELOW_SHARE * self.template.range.minimum_deg
        # The zero of a rotation is where it began, so that nothing shows what lies below.
        below_deg = below_deg if written.tilt else math.inf
        return NeutralSearch(np.array([written.ups[slot] for slot in self._slots]), below_deg)

    def wear(self, worn: dict[str, tuple[Vector, Vector]]) -> None:
        """Take sensors to be worn as `worn` says, which another exercise's neutral pose has shown.

        Rest and axes are looked for anew, as after `take_neutral`.
        """
        self._partial = self.partial
        self._begin_angle()
        self._wear(worn)

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
            events += self._sensor_events(slot, stream, until_s)
        self._others.advance(until_s, last=last)
        self._alignment.advance(until_s, last=last)
        rows = self._alignment.rows
        if self._has_heading and self._heading is None and len(rows):
            self._heading = self._new_heading()
        # While nothing counts too: who walks as a set begins is known to.
        steps, walks = self._gait_of(rows)
        if self.counting:
            events += self._follow(rows, steps, walks, last=last)
        elif self._neutral is not None and not self._neutral.found:
            # The pose may be shown before the set begins.
            self._neutral.take(rows, steps)
            row = self._neutral.look()
            if row is not None:
                self._wear_anew(self._neutral, row)
                self._neutral = None
        elif self._heading is not None and len(rows):
            # Walking about between two sets tells the heading better than any exercise.
            self._headings(self._heading, rows, np.full(len(rows), -1.0), len(rows))
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
        return oldest_of(self._history, self.watermark_s, rep.LONGEST_S + rep.LOOK_BACK_S)

    @property
    def _has_heading(self) -> bool:
        return isinstance(self._model, JointAngle)

    def _new_heading(self) -> JointHeading:
        if not isinstance(self._model, JointAngle):
            raise TypeError("only a calibrated joint has a heading")
        return JointHeading(
            1.0 / self._period_s,
            self._model.bones,
            hinge=self._model.hinge,
            two_axes=self._model.two_axes,
        )

    def _headings(
        self, heading: JointHeading, rows: Columns, still_s: Float64, count: int
    ) -> tuple[Float64, Float64]:
        """Heading between the segments of the joint and its variance at the first rows."""
        pair = (self._model.against, self._model.main)
        q1, q2 = (np.ascontiguousarray(rows["q"][:count, 4 * s : 4 * s + 4]) for s in pair)
        acc1, acc2 = (np.ascontiguousarray(rows["acc"][:count, 3 * s : 3 * s + 3]) for s in pair)
        return heading.update(q1, q2, acc1, acc2, rows["gap"][:count], still_s)

    def _sensor_events(self, slot: str, stream: SensorStream, until_s: float) -> list[Event]:
        events: list[Event] = []
        valid_t = stream.valid_t
        silent = valid_t > -math.inf and until_s - valid_t > SILENT_S
        if silent != self._silent_told[slot]:
            self._silent_told[slot] = silent
            state = SensorState.SILENT if silent else SensorState.STREAMING
            reason = stream.doubt if silent else ""
            since = valid_t if silent else stream.since_t
            events.append(SensorEvent(until_s, slot, state, since, reason))
        if not self._norm_told[slot]:
            low, high = stream.rest_norms_mps2
            if high - low > NORM_VARIES * high:
                self._norm_told[slot] = True
                reason = f"acceleration at rest {low:.2f} to {high:.2f} m/s2 with posture"
                state = SensorState.ACCELEROMETER_OFF
                events.append(SensorEvent(until_s, slot, state, valid_t, reason))
        return events

    def _gait_of(self, rows: Columns) -> tuple[Flags, Flags]:
        """Whether each row shows steps, and whether it is gait by now."""
        if self._gait is None or not len(rows):
            return np.zeros(len(rows), np.uint8), np.zeros(len(rows), np.uint8)
        return self._gait.update(self._period_s, rows["t"], rows["q"], rows["acc"], rows["gap"])

    def _follow(self, rows: Columns, steps: Flags, walks: Flags, *, last: bool) -> list[Event]:
        """Take aligned rows (t, q, acc, gap) of all sensors, with what `_gait_of` says of them."""
        events: list[Event] = []
        if self._neutral is not None:
            self._neutral.take(rows, steps)
            rows.drop(len(rows))
            events += self._seek_neutral(self._neutral)
        edges = [0, *(np.flatnonzero(np.diff(walks)) + 1).tolist(), len(walks)]
        for begin, end in pairwise(edges):
            if not len(rows):
                break
            if walks[begin] == 1:
                events += self._walk(rows, end - begin)
            else:
                events += self._stand(rows) + self._exercise(rows, steps[begin:end])
        if last:
            events += self._close()
        return events

    @property
    def _walking(self) -> bool:
        return not math.isnan(self._walking_from_t)

    def _walk(self, rows: Columns, count: int) -> list[Event]:
        """The first `count` rows are gait: nothing counts, what was under way is given up."""
        events = self.settle()
        t = rows["t"]
        if not self._walking:
            self._walking_from_t = float(t[0])
            events.append(PhaseEvent(float(t[0]), PhaseName.WALK))
        self.walked_s += float(t[count - 1]) - self._walking_from_t
        self._walking_from_t = float(t[count - 1])
        if self._heading is not None:
            self._headings(self._heading, rows, np.full(count, -1.0), count)
        rows.drop(count)
        return events

    def _stand(self, rows: Columns) -> list[Event]:
        """No gait at the first of the rows: if there was, the rest is looked for anew."""
        if not self._walking:
            return []
        self._walking_from_t = math.nan
        self._look_anew()
        return [PhaseEvent(float(rows["t"][0]), PhaseName.REST)]

    def _look_anew(self) -> None:
        """Look for the rest anew; an axis that was found for good is kept."""
        self._partial = self.partial
        if self.axis_settled:
            self._begin_rest()
        else:
            self._begin_angle()

    def _exercise(self, rows: Columns, steps: Flags) -> list[Event]:
        """The first rows, as many as `steps` (n,) has: those of the exercise."""
        events: list[Event] = []
        done = 0
        for count in self._steps(len(steps)):
            events += self._step(rows, count, steps=steps[done : done + count])
            rows.drop(count)
            done += count
        return events

    def _seek_neutral(self, search: NeutralSearch) -> list[Event]:
        """Turn the learned axes to the neutral pose, and follow what came since it was asked for.

        The first repetition ends the search. Until then the movement may show that the pose was
        none; then a better one is taken, and everything is followed once more.
        """
        if not search.found:
            row = search.look()
            if row is None:
                return []
            self._wear_anew(search, row)
        told: list[Event] = []
        count_from = self.template.range.count_from_deg
        while search.fed < search.rows.base + len(search.rows):
            search.fed += 1
            row = search.fed - search.rows.base - 1
            events = self._step(search.rows, 1, row, search.rows["steps"][row : row + 1])
            told += self._new_only(search, events)
            if any(isinstance(event, RepetitionEvent) for event in events):
                self._neutral = None
                left = search.rows
                left.drop(search.fed - left.base)
                while len(left):
                    told += self._step(left, 1, steps=left["steps"][:1])
                    left.drop(1)
                return told
            angle_deg = float(self._history["angle"][-1])
            if search.leading and angle_deg >= count_from:
                # It had begun before: what is not seen from the rest on is no rest itself.
                self._begin_rest()
                continue
            search.leading = False
            lower = search.lower(angle_deg, count_from)
            if lower is not None:
                self._wear_anew(search, lower)
        search.forget()
        return told

    @staticmethod
    def _new_only(search: NeutralSearch, events: list[Event]) -> list[Event]:
        """Without the angles and phases of what had been followed before another pose was taken."""
        told_t = search.told_t
        search.told_t = max(told_t, float(search.rows["t"][search.fed - search.rows.base - 1]))
        if search.told_t > told_t:
            return events
        return [event for event in events if isinstance(event, RepetitionEvent | SensorEvent)]

    def _steps(self, count: int) -> Iterator[int]:
        """While the axis is sought: blocks that end where the history is looked at."""
        while count > 0:
            take = count if self._first is None else min(count, max(1, self._first.looks))
            yield take
            count -= take

    def _step(
        self, rows: Columns, count: int, first: int = 0, steps: Flags | None = None
    ) -> list[Event]:
        """`count` rows from `first` on into the history, with what follows from them; steps: (n,)
        whether they show steps, by default none does."""
        history = self._history
        at = history.append(count)
        new = slice(at, at + count)
        for name in ("t", "q", "gap"):
            history.arrays[name][new] = rows[name][first : first + count]
        history.arrays["steps"][new] = 0 if steps is None else steps
        t, q, gap, still_s, zero_t, angle, sd = (
            history.arrays[name][new]
            for name in ("t", "q", "gap", "still_s", "zero_t", "angle", "sd")
        )
        still_s[:], zero_t[:] = self._rest.update(t, q, gap)
        events = self._pose_events() if not self.poses and self._rest.has_neutral else []
        model = self._model
        speed_kernel(
            history["q"], history["t"], history["gap"], self._period_s, model.main, model.against,
            len(history) - count, history["speed"],
        )  # fmt: skip
        self._set_tilt_sd()
        if self._first is not None:
            self._first.looks -= count
            return events + (self._look(last=False) if self._first.looks <= 0 else [])
        if not model.begun:
            model.begin(q[0])
        if self._heading is not None:
            angle[:], sd[:] = model.evaluate(
                t, q, zero_t, *self._headings(self._heading, rows, still_s, count)
            )
        else:
            angle[:], sd[:] = model.evaluate(t, q, zero_t)
        found, marks = self._segmenter.update(
            history["t"], history["angle"], history["gap"], history.base
        )
        events += self._told(found, marks)
        if self.angles:
            events += _angle_events(t, angle, sd)
        self._trim(self._segmenter.keep_from)
        return events

    def _pose_events(self) -> list[Event]:
        """Note how the segments stand in the neutral pose; tell a strap that has slipped."""
        calibration = self.calibration
        if calibration is None:
            return []
        events: list[Event] = []
        for index, slot in enumerate(self._slots):
            if slot not in calibration.rotations:
                continue
            up = calibration.segment_up(slot, self._rest.neutral(index))
            self.poses[slot] = up
            known = self.known_poses.get(slot)
            if known is None or slot not in self.plain_slots:
                continue
            apart_deg = angle_between_deg(known, up)
            if apart_deg > SLIPPED_DEG:
                reason = (
                    f"worn {apart_deg:.0f} degrees otherwise than when it was calibrated; "
                    "calibrate again"
                )
                now = self.watermark_s
                events.append(SensorEvent(now, slot, SensorState.SLIPPED, now, reason))
        return events

    @property
    def _period_s(self) -> float:
        return self._streams[self._slots[0]].period_s

    def _look(self, *, last: bool) -> list[Event]:
        """One look of the first movement at the history."""
        first = self._first
        history = self._history
        if first is None or not len(history):
            return []
        first.looks = max(1, round(LOOK_EVERY_S / self._period_s))
        seen, angle, sd = first.look(history, self._period_s, last=last)
        history["angle"][:], history["sd"][:] = angle, sd
        events: list[Event] = []
        for number, row in enumerate(seen.rows):
            events += self._repetition(row, whole=not (seen.unseen_start and number == 0))
        if seen.segmenter is not None:
            self._segmenter = seen.segmenter
            self._first = None
            if self.angles:
                events += _angle_events(history["t"], angle, sd)
            self._trim(self._segmenter.keep_from)
        else:
            self._trim(first.oldest_needed(history))
        return events

    def _close(self) -> list[Event]:
        if self._first is not None:
            events = self._look(last=True)
            self._first = None
            return events
        history = self._history
        rows = self._segmenter.finish(history["t"], history["angle"], history.base)
        return self._told(rows, _NO_MARKS)

    def _trim(self, keep_from: int) -> None:
        # One row more than is needed, from which the next one's speed is told.
        drop = min(keep_from - self._history.base, len(self._history) - 1)
        if drop > 0:
            self._history.drop(drop)

    def _set_tilt_sd(self) -> None:
        quality_deg = self.calibration.quality_deg if self.calibration is not None else 0.0
        for index, stream in enumerate(self._streams.values()):
            low, high = stream.rest_norms_mps2
            # An error of the norm of this size turns the apparent vertical by as much.
            off = high - low > NORM_VARIES * high
            widened = math.degrees(0.5 * (high - low) / high) if off else 0.0
            self._model.config[index, C_TILT_SD] = math.sqrt(
                stream.inclination_sd_deg**2 + widened**2 + (0.1 * quality_deg) ** 2
            )

    def _wear_anew(self, search: NeutralSearch, row: int) -> None:
        """Take a row for the neutral pose: see how sensors are worn, and begin with that."""
        t_s, q = search.orientations(row)
        self._begin_angle()
        self._neutral = search
        self.unlike = search.unlike
        search.begin()
        if self._written is None:
            return
        worn = {}
        for slot, before in self._written.ups.items():
            if slot in self._slots:
                index = self._slots.index(slot)
                now: Float64 | None = q[4 * index : 4 * index + 4]
            else:
                now = self._others.at(slot, t_s)
            if now is not None:
                up = np.empty(3)
                up_vector(now, up)
                worn[slot] = (before, vector(up.tolist()))
        self._wear(worn)

    def _wear(self, worn: dict[str, tuple[Vector, Vector]]) -> None:
        """Turn the learned axes with sensors that are worn otherwise than when demonstrated."""
        if self.signature is None:
            return
        self.worn = worn
        self.signature = self.signature.worn_anew(worn)
        for index, slot in enumerate(self._slots):
            if slot in worn and slot in self.signature.moving:
                block = self._model.config[index]
                axis = vector(block[C_AXIS : C_AXIS + 3].tolist())
                block[C_AXIS : C_AXIS + 3] = turned(*worn[slot], axis)
                block[C_UP : C_UP + 3] = self.signature.ups[slot]

    # --- what is told

    def _told(self, rows: Float64, marks: Float64) -> list[Event]:
        events: list[Event] = []
        for t, kind in marks:
            if int(kind) == rep.MARK_LIMIT:
                code, text = limit_cue()
                events.append(CueEvent(float(t), float(t) + CUE_LIFE_S, code, text))
            else:
                events.append(PhaseEvent(float(t), _PHASES[int(kind)]))
        for row in rows:
            events += self._repetition(row, whole=True)
        return events

    def _repetition(self, row: Float64, *, whole: bool) -> list[Event]:
        if not self._meter.like_demonstrated(
            row, self._history, self.signature, self._others, self.worn
        ):
            self.unlike += 1
            return []
        if self._is_stride(row):
            self.strides += 1
            return []
        measure = self._meter.measure(row, self._history, self._period_s, whole=whole)
        way = self._way_of(row)
        self.index += 1
        side = self._side_of(way)
        reference = self._reference(measure, side, way)
        judgement = judge(measure, self.template, reference)
        event = RepetitionEvent(
            seq=self.seq,
            exercise=self.template.id,
            side=side,
            way=way,
            set_index=self.set_index,
            index=self.index,
            start_s=measure.start_s,
            peak_s=measure.peak_s,
            end_s=measure.end_s,
            reported_s=self.watermark_s,
            rom_deg=measure.rom_deg,
            rom_sd_deg=measure.rom_sd_deg,
            goal_reached=judgement.goal_reached,
            out_s=measure.out_s,
            hold_s=measure.hold_s,
            back_s=measure.back_s,
            active_s=measure.active_s,
            smoothness_out=measure.smoothness_out,
            smoothness_back=measure.smoothness_back,
            compensations={name: value for name, (value, _) in measure.compensations.items()},
            score=judgement.score,
            score_parts=judgement.score_parts,
            verdict=judgement.verdict,
            faults=judgement.faults,
            borderline=judgement.borderline,
            notes=judgement.notes,
            reach_deg=measure.reach_deg,
            range_reference_deg=None if reference is None else reference.range_deg,
            rom_share_own=None if reference is None else reference.share(measure.judged_range_deg),
        )
        self.seq += 1
        if self.witness is not None:
            self.witness(self._evidence(event, measure, row, reference))
        events: list[Event] = [event]
        cue = cue_for(judgement, measure, self.template)
        if cue is not None:
            events.append(CueEvent(self.watermark_s, self.watermark_s + CUE_LIFE_S, *cue))
        return events

    def _reference(
        self, measure: RepetitionMeasure, side: str | None, way: str | None
    ) -> Reference | None:
        """The person's own reference before this repetition, which becomes part of it while it is
        not yet known."""
        if self.template.range.reference == "prescription":
            return None
        reference = self.references.known(side, way)
        # Of what was not seen from its start, or had gaps, the range is not known well.
        if measure.whole and not measure.interrupted:
            self.references.add(side, way, measure.judged_range_deg, measure.rom_sd_deg)
        return reference

    def _is_stride(self, row: Float64) -> bool:
        """Whether what passes for a repetition is a step or two of somebody who sets off.

        A repetition that was told is never taken back, so that this must show in itself, long
        before it is sure that somebody walks.
        """
        if self._gait is None:
            return False
        base = self._history.base
        first, last = int(row[rep.ROW_START]) - base, int(row[rep.ROW_END]) - base
        steps = self._history["steps"][max(0, first) : last + 1]
        return bool(steps.sum() > self._gait.stride_share * len(steps))

    def _evidence(
        self,
        event: RepetitionEvent,
        measure: RepetitionMeasure,
        row: Float64,
        reference: Reference | None,
    ) -> Evidence:
        history = self._history
        return Evidence(
            event=event,
            template=self.template,
            measure=measure,
            rest_deg=float(row[rep.ROW_REST]),
            # The row of a repetition that was under way at the first sample leaves it out.
            way=-1.0 if row[rep.ROW_WAY] < 0.0 else 1.0,
            left_s=float(row[rep.ROW_START_T]),
            t_s=history["t"].copy(),
            angle_deg=history["angle"].copy(),
            angle_sd_deg=history["sd"].copy(),
            reference=reference,
        )

    def _way_of(self, row: Float64) -> str | None:
        """The clinical direction of a repetition, where the exercise goes both ways."""
        movement = self.template.movement
        if self.template.direction == "one" or not isinstance(
            movement, JointMovement | SegmentMovement
        ):
            return None
        return movement.axis if row[rep.ROW_WAY] > 0.0 else opposite(movement.axis)

    def _side_of(self, way: str | None) -> str | None:
        """The side of a repetition: where sides alternate, told by its way or its turn."""
        if self.template.side != "alternate":
            return self.side
        if way is not None and way.endswith(("_left", "_right")):
            return way.rsplit("_", 1)[1]
        first = self.side or "left"
        other = "right" if first == "left" else "left"
        return first if self.index % 2 == 1 else other

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
                self.angles, self.onsets, self.seq, self.set_index, self.index, self.unlike,
                self.counting,
                self.watermark_s, self.finished, self._begun, self._partial, self.strides,
                self.walked_s, self._walking_from_t,
            ],
            "told": [self._silent_told, self._norm_told],
            "poses": [self.known_poses, self.poses],
            "references": self.references.state(),
            "worn": [self.worn, None if self.signature is None else self.signature.state()],
            "others": self._others.state(),
            "neutral": None if self._neutral is None else self._neutral.state(),
            "heading": None
            if self._heading is None
            else [self._heading.memory, self._heading.pose],
            "streams": {slot: stream.state() for slot, stream in self._streams.items()},
            "alignment": self._alignment.state(),
            "history": self._history.state(),
            "rest": self._rest.state,
            "gait": None if self._gait is None else self._gait.state,
            "model": self._model.memory(),
            "segmenter": self._segmenter.state,
            "first": None if self._first is None else self._first.state(),
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
            tracker.angles, tracker.onsets, tracker.seq, tracker.set_index, tracker.index,
            tracker.unlike, tracker.counting, tracker.watermark_s, tracker.finished, tracker._begun,
            tracker._partial, tracker.strides, tracker.walked_s, tracker._walking_from_t,
        ) = state["plain"]  # fmt: skip
        tracker._silent_told, tracker._norm_told = state["told"]
        known, here = state["poses"]
        tracker.known_poses = {slot: vector(up) for slot, up in known.items()}
        tracker.poses = {slot: vector(up) for slot, up in here.items()}
        tracker.references = OwnReferences.restore(state["references"])
        worn, signature = state["worn"]
        tracker.worn = {slot: (vector(old), vector(new)) for slot, (old, new) in worn.items()}
        if tracker.signature is not None:
            tracker.signature = tracker.signature.restored(signature)
        tracker._others.restore(state["others"])
        if state["neutral"] is not None:
            tracker._neutral = tracker._new_search()
            tracker._neutral.restore(state["neutral"])
        for slot, stream in state["streams"].items():
            tracker._streams[slot].restore(stream)
        tracker._alignment.restore(state["alignment"])
        tracker._history.restore(state["history"])
        tracker._rest.state[:] = state["rest"]
        gait = state["gait"]
        if tracker._gait is not None:
            tracker._gait.state[:] = gait
        tracker._model.recall(state["model"])
        tracker._segmenter.state[:] = state["segmenter"]
        if state["heading"] is not None:
            tracker._heading = tracker._new_heading()
            tracker._heading.memory[:], tracker._heading.pose[:] = state["heading"]
        if state["first"] is None:
            tracker._first = None
        elif tracker._first is not None:
            tracker._first.restore(state["first"])
        return tracker


def _angle_events(t: Float64, angle: Float64, sd: Float64) -> list[Event]:
    return [
        AngleEvent(*values) for values in zip(t.tolist(), angle.tolist(), sd.tolist(), strict=True)
    ]


def _fixed_side(template: ExerciseTemplate) -> str | None:
    return template.side if template.side in ("left", "right") else None


def angle_model(
    template: ExerciseTemplate, calibration: Calibration | None, side: str | None
) -> AngleModel:
    """The angle of a template: of a calibrated joint, or of coordinates of its sensors."""
    movement = measured_movement(template.movement)
    if calibration is not None and isinstance(movement, JointMovement):
        return JointAngle(template, movement, calibration, side)
    return AngleModel(template, calibration, side)


def _longest_stand_s(template: ExerciseTemplate) -> float:
    """A prescribed hold is no new posture: half as long again is still this repetition."""
    if template.band is not None:
        return LONGEST_PART_S
    hold = template.tempo.hold_s
    if hold is None or math.isinf(hold[1]):
        return rep.GIVE_UP_S
    return max(rep.GIVE_UP_S, 1.5 * hold[1])
