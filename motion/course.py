"""The course of one exercise's angle: aligned rows of all sensors in, the movements found out.

Joins rest, heading, angle, first movement and segmentation, and keeps what repetitions are measured
from. What of a movement is a repetition, and what is told of it, is `tracker`'s and `assessment`'s.
"""

import math
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from motion import repetition as rep
from motion.angle import C_AXIS, C_TILT_SD, C_UP, AngleModel, speed_kernel
from motion.attitude import Attitudes
from motion.axis import up_vector
from motion.calibration import Calibration, Vector, vector
from motion.columns import Columns
from motion.first_movement import LOOK_EVERY_S, FirstMovement
from motion.heading import JointHeading
from motion.joint_angle import JointAngle
from motion.quality import REST_SHARE
from motion.rest import NEUTRAL_S, RestTracker
from motion.signature import Signature, turned
from motion.stream import NORM_VARIES, SensorStream
from motion.template import (
    LONGEST_PART_S,
    ExerciseTemplate,
    JointMovement,
    measured_movement,
)

Float64 = NDArray[np.float64]
Flags = NDArray[np.uint8]

_NO_MARKS: Final = np.empty((0, 2))


class Found(NamedTuple):
    """What new rows have shown.

    rows: (k, ROW_SIZE) and marks: (m, 2) of `repetition`. unseen_start: the first of the rows was
    under way at the first sample. angles: time in s, angle and its standard deviation in degrees,
    (n,) each, of what is known for good now; None while the axis is sought.
    """

    rows: Float64
    marks: Float64
    unseen_start: bool = False
    angles: tuple[Float64, Float64, Float64] | None = None


class Course:
    """One angle over time and the movements in it, online.

    Whoever has read what was found calls `trim`. Rows are numbered from the first one since the
    rest was last looked for anew.
    """

    def __init__(
        self,
        template: ExerciseTemplate,
        calibration: Calibration | None,
        side: str | None,
        streams: Mapping[str, SensorStream],
        *,
        onsets: bool = False,
    ) -> None:
        """streams: of the template's sensors in its order; whoever replaces one does it there.
        onsets: as `repetition.SegmenterParameters` has it."""
        self._quality_deg = calibration.quality_deg if calibration is not None else 0.0
        self._slots = template.slots
        self._streams = streams
        self._parameters = rep.SegmenterParameters(
            count_from_deg=template.range.count_from_deg,
            limit_deg=template.range.limit_deg,
            longest_stand_s=_longest_stand_s(template),
            both=template.direction == "both",
            swings=template.band is None,
            rest_share=REST_SHARE if template.range.measured_from == "start" else 1.0,
            onsets=onsets,
        )
        self.model = angle_model(template, calibration, side)
        # What a learned exercise looks like; and how sensors are worn otherwise than when it was
        # demonstrated: by slot, what pointed up in the start pose then, and what does now.
        self.written = Signature.demonstrated(template)
        self.signature = self.written
        self.worn: dict[str, tuple[Vector, Vector]] = {}
        self.unlike = 0
        self.heading: JointHeading | None = None
        self.rest = RestTracker(len(self._slots))
        self._partial = 0
        # Of a movement that lasts no longer, the row is kept back for so long after its end.
        self.awaited_s = (0.0, 0.0)
        self.begin_angle()

    # --- beginning anew

    def begin_angle(self) -> None:
        """Forget everything but the sensors: a new neutral pose, a new rest, a new first move."""
        self.model.reset()
        self.signature = self.written
        self.worn = {}
        self._first = FirstMovement(self.model, self._parameters) if self.model.sought else None
        self.begin_rest()

    def begin_rest(self) -> None:
        """Look for the rest and the neutral pose anew; an axis that was found is kept."""
        # A calibrated joint has a heading of its own, which the neutral pose corrects.
        self.rest = RestTracker(
            len(self._slots), rezero=not self.has_heading, drifts=self.rest.drifts
        )
        if self.heading is not None:
            self.heading.forget_neutral()
        self._segmenter = rep.Segmenter(self._parameters)
        self._waiting = np.empty((0, rep.ROW_SIZE))
        self.model.begun = False
        self.history = Columns(
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

    def look_anew(self, *, axes: bool = False) -> None:
        """Look for the rest anew; an axis that was found for good is kept, but for `axes`."""
        self._partial = self.partial
        if self.axis_settled and not axes:
            self.begin_rest()
        else:
            self.begin_angle()

    def follow_on(self, before: "Course") -> None:
        """Take over the drift of sensors that `before` knew too, and the same joint's heading."""
        drifts, known = self.rest.drifts, before.rest.drifts
        for index, slot in enumerate(self._slots):
            if slot in before._slots:
                drifts[index] = known[before._slots.index(slot)]
        self.rest.drifts = drifts
        if (
            isinstance(self.model, JointAngle)
            and isinstance(before.model, JointAngle)
            and before.heading is not None
            and self.model.same_joint(before.model)
            and self._slots[0] == before._slots[0]
        ):
            self.heading = before.heading
            self.heading.forget_neutral()

    # --- how sensors are worn

    def worn_at(
        self, t_s: float, q: Float64, others: Attitudes
    ) -> dict[str, tuple[Vector, Vector]]:
        """How sensors are worn, seen in the start pose: as `wear` takes it.

        t_s: when. q: (4 s,) the template's own sensors to earth. others: the other sensors.
        """
        worn: dict[str, tuple[Vector, Vector]] = {}
        if self.written is None:
            return worn
        for slot, before in self.written.ups.items():
            if slot in self._slots:
                index = self._slots.index(slot)
                now: Float64 | None = q[4 * index : 4 * index + 4]
            else:
                now = others.at(slot, t_s)
            if now is not None:
                up = np.empty(3)
                up_vector(now, up)
                worn[slot] = (before, vector(up.tolist()))
        return worn

    def wear(self, worn: dict[str, tuple[Vector, Vector]]) -> None:
        """Turn the learned axes with sensors that are worn otherwise than when demonstrated."""
        if self.signature is None:
            return
        self.worn = worn
        self.signature = self.signature.worn_anew(worn)
        for index, slot in enumerate(self._slots):
            if slot in worn and slot in self.signature.moving:
                block = self.model.config[index]
                axis = vector(block[C_AXIS : C_AXIS + 3].tolist())
                block[C_AXIS : C_AXIS + 3] = turned(*worn[slot], axis)
                block[C_UP : C_UP + 3] = self.signature.ups[slot]

    # --- what may be asked

    @property
    def partial(self) -> int:
        """Movements that began and never came back."""
        return self._partial + self._segmenter.partial

    @property
    def axis_settled(self) -> bool:
        """Whether the axis is known for good: at once when template or calibration gives it."""
        return self._first is None

    @property
    def has_heading(self) -> bool:
        """Whether the angle is one of a calibrated joint, which has a heading of its own."""
        return isinstance(self.model, JointAngle)

    @property
    def period_s(self) -> float:
        """Nominal time between rows: between samples of the template's first sensor."""
        return self._streams[self._slots[0]].period_s

    def still_rows(self) -> tuple[Float64, Float64, Flags]:
        """t, q and gap of the last half-second, if the pose has been still for that long."""
        history = self.history
        count = 0
        if len(history) and history["still_s"][-1] >= NEUTRAL_S:
            t = history["t"]
            count = len(t) - int(np.searchsorted(t, t[-1] - NEUTRAL_S, "right")) + 1
        rows = slice(max(0, len(history) - count), len(history))
        return history["t"][rows].copy(), history["q"][rows].copy(), history["gap"][rows].copy()

    # --- the way of the rows

    def new_heading(self) -> JointHeading:
        """A heading that knows nothing yet; TypeError where the angle has none."""
        if not isinstance(self.model, JointAngle):
            raise TypeError("only a calibrated joint has a heading")
        return JointHeading(
            1.0 / self.period_s,
            self.model.bones,
            hinge=self.model.hinge,
            two_axes=self.model.two_axes,
        )

    def begin_heading(self) -> None:
        """Rows have come, so that the rate is known: a joint's heading begins, if it has not."""
        if self.has_heading and self.heading is None:
            self.heading = self.new_heading()

    def pass_by(self, rows: Columns, count: int) -> None:
        """The first `count` rows are no part of the exercise. Walking about tells the heading
        between two sensors better than any exercise."""
        if self.heading is not None and count:
            self._headings(self.heading, rows, np.full(count, -1.0), count)

    def _headings(
        self, heading: JointHeading, rows: Columns, still_s: Float64, count: int
    ) -> tuple[Float64, Float64]:
        """Heading between the segments of the joint and its variance at the first rows."""
        pair = (self.model.against, self.model.main)
        q1, q2 = (np.ascontiguousarray(rows["q"][:count, 4 * s : 4 * s + 4]) for s in pair)
        acc1, acc2 = (np.ascontiguousarray(rows["acc"][:count, 3 * s : 3 * s + 3]) for s in pair)
        return heading.update(q1, q2, acc1, acc2, rows["gap"][:count], still_s)

    def block(self, count: int) -> int:
        """How many of `count` rows are taken in the next step: while the axis is sought, up to
        where the history is looked at."""
        return count if self._first is None else min(count, max(1, self._first.looks))

    def latest(self) -> tuple[Float64, float]:
        """Orientations (4 s,) at the newest row, and seconds of stillness up to there."""
        return self.history["q"][-1], float(self.history["still_s"][-1])

    def step(
        self, rows: Columns, count: int, first: int = 0, steps: Flags | None = None
    ) -> Found | None:
        """`count` rows from `first` on into the history, with what follows from them; steps: (n,)
        whether they show steps, by default none does. None where nothing was looked at."""
        history = self.history
        at = history.append(count)
        new = slice(at, at + count)
        for name in ("t", "q", "gap"):
            history.arrays[name][new] = rows[name][first : first + count]
        history.arrays["steps"][new] = 0 if steps is None else steps
        t, q, gap, still_s, zero_t, angle, sd = (
            history.arrays[name][new]
            for name in ("t", "q", "gap", "still_s", "zero_t", "angle", "sd")
        )
        still_s[:], zero_t[:] = self.rest.update(t, q, gap)
        model = self.model
        speed_kernel(
            history["q"], history["t"], history["gap"], self.period_s, model.main, model.against,
            len(history) - count, history["speed"],
        )  # fmt: skip
        self._set_tilt_sd()
        if self._first is not None:
            self._first.looks -= count
            return self._look(self._first, last=False) if self._first.looks <= 0 else None
        if not model.begun:
            model.begin(q[0])
        if self.heading is not None:
            angle[:], sd[:] = model.evaluate(
                t, q, zero_t, *self._headings(self.heading, rows, still_s, count)
            )
        else:
            angle[:], sd[:] = model.evaluate(t, q, zero_t)
        found, marks = self._segmenter.update(
            history["t"], history["angle"], history["gap"], history.base
        )
        self._waiting = np.concatenate([self._waiting, found])
        return Found(self._ripe(), marks, angles=(t, angle, sd))

    def _ripe(self) -> Float64:
        """Rows whose time to be told has come; each waits for those before it."""
        now = self.history["t"][-1]
        count = 0
        for row in self._waiting:
            if self._is_brief(row) and now - row[rep.ROW_END_T] < self.awaited_s[1]:
                break
            count += 1
        ripe, self._waiting = self._waiting[:count], self._waiting[count:]
        return ripe

    def _is_brief(self, row: Float64) -> bool:
        return bool(row[rep.ROW_END_T] - row[rep.ROW_START_T] <= self.awaited_s[0])

    def awaited_rows(self, row: Float64) -> int:
        """How many rows beyond its end a repetition was kept back for, as far as there are any."""
        if not self._is_brief(row):
            return 0
        t = self.history["t"]
        until_t = row[rep.ROW_END_T] + self.awaited_s[1]
        return max(
            0,
            int(np.searchsorted(t, until_t, "right"))
            - 1
            - int(row[rep.ROW_END])
            + self.history.base,
        )

    def release(self) -> Found:
        """What waits to be told, although its time has not come."""
        rows, self._waiting = self._waiting, self._waiting[:0]
        if self._first is None and len(self.history):
            history = self.history
            awaited = self._segmenter.settle(history["t"], history["angle"], history.base)
            rows = np.concatenate([rows, awaited])
        return Found(rows, _NO_MARKS)

    def drop_brief(self) -> int:
        """Forget what is kept back until it shows whether steps follow; how many that was."""
        brief = [self._is_brief(row) for row in self._waiting]
        self._waiting = self._waiting[~np.array(brief, np.bool_)]
        return sum(brief)

    def _look(self, first: FirstMovement, *, last: bool) -> Found | None:
        """One look of the first movement at the history."""
        history = self.history
        if not len(history):
            return None
        first.looks = max(1, round(LOOK_EVERY_S / self.period_s))
        seen, angle, sd = first.look(history, self.period_s, last=last)
        history["angle"][:], history["sd"][:] = angle, sd
        if seen.segmenter is None:
            return Found(seen.rows, _NO_MARKS, seen.unseen_start)
        self._segmenter = seen.segmenter
        self._first = None
        return Found(seen.rows, _NO_MARKS, seen.unseen_start, (history["t"], angle, sd))

    def close(self) -> Found | None:
        """The stream has ended: what was under way counts where it has returned."""
        if self._first is not None:
            found = self._look(self._first, last=True)
            self._first = None
            return found
        history = self.history
        rows = self._segmenter.finish(history["t"], history["angle"], history.base)
        return Found(np.concatenate([self.release().rows, rows]), _NO_MARKS)

    def trim(self) -> None:
        """What was found has been read: let go of what will not be needed."""
        first, history = self._first, self.history
        keep_from = self._segmenter.keep_from if first is None else first.oldest_needed(history)
        if len(self._waiting):
            # A start lies between two rows, of which the first is needed too.
            keep_from = min(keep_from, int(self._waiting[0, rep.ROW_START]) - 1)
        # One row more than is needed, from which the next one's speed is told.
        drop = min(keep_from - history.base, len(history) - 1)
        if drop > 0:
            history.drop(drop)

    def _set_tilt_sd(self) -> None:
        for index, stream in enumerate(self._streams.values()):
            low, high = stream.rest_norms_mps2
            # An error of the norm of this size turns the apparent vertical by as much.
            off = high - low > NORM_VARIES * high
            widened = math.degrees(0.5 * (high - low) / high) if off else 0.0
            self.model.config[index, C_TILT_SD] = math.sqrt(
                stream.inclination_sd_deg**2 + widened**2 + (0.1 * self._quality_deg) ** 2
            )

    # --- snapshots

    def state(self) -> dict[str, Any]:
        """For snapshots; `restore` is the inverse. Streams are the caller's."""
        return {
            "plain": [self.unlike, self._partial],
            "waiting": self._waiting,
            "worn": [self.worn, None if self.signature is None else self.signature.state()],
            "heading": None if self.heading is None else [self.heading.memory, self.heading.pose],
            "history": self.history.state(),
            "rest": self.rest.state,
            "model": self.model.memory(),
            "segmenter": self._segmenter.state,
            "first": None if self._first is None else self._first.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from `state`; the streams have been restored before."""
        self.unlike, self._partial = state["plain"]
        worn, signature = state["worn"]
        self.worn = {slot: (vector(old), vector(new)) for slot, (old, new) in worn.items()}
        if self.signature is not None:
            self.signature = self.signature.restored(signature)
        self.history.restore(state["history"])
        self._waiting = np.array(state["waiting"]).reshape(-1, rep.ROW_SIZE)
        self.rest.state[:] = state["rest"]
        self.model.recall(state["model"])
        self._segmenter.state[:] = state["segmenter"]
        if state["heading"] is not None:
            self.heading = self.new_heading()
            self.heading.memory[:], self.heading.pose[:] = state["heading"]
        if state["first"] is None:
            self._first = None
        elif self._first is not None:
            self._first.restore(state["first"])


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
