"""The neutral pose of a learned exercise whose sensors were put on anew: which moment shows it.

Keeps what came since it was asked for, so that movements before that moment are not lost. How the
learned axes are turned to the pose is `course`'s, what follows from the rows `tracker`'s.
"""

import math
from typing import Any, Final, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from motion.attitude import Attitudes
from motion.axis import up_vector
from motion.columns import Columns
from motion.course import Course
from motion.events import Event, RepetitionEvent, SensorEvent
from motion.rest import NEUTRAL_S, RestTracker
from motion.signature import POSE_APART
from motion.template import ExerciseTemplate

Float64 = NDArray[np.float64]
Flags = NDArray[np.uint8]

# What came longer ago is no part of the exercise that the neutral pose was asked for.
LOOK_BACK_S: Final = 60.0
# Who was taken to be neutral and then goes below that by half of the least range was holding the
# other end of the movement: limbs that hang freely dip by a third at most.
BELOW_SHARE: Final = 0.5


class Step(Protocol):
    """Takes `count` rows from `first` on for the exercise and says what follows from them; steps:
    (count,) 1 where they show steps."""

    def __call__(
        self, rows: Columns, count: int, first: int = 0, steps: Flags | None = None
    ) -> list[Event]: ...


class NeutralSearch:
    """Looks for the first still half-second near the start pose of the exercise.

    A hold at the turning point is still too. It shows as such when the movement then goes below it;
    `lower` tells the pose to take in its place. Rows are numbered from the first one ever taken.
    """

    def __init__(self, ups: Float64, below_deg: float) -> None:
        """ups: (s, 3) what points up at the start, unit vectors in the sensors' frames as they
        were worn then. below_deg: what is further below the pose shows that it was none."""
        self._ups = ups
        self._below_deg = below_deg
        self._rest = RestTracker(len(ups))
        self._looked = 0
        self.rows = Columns(
            t=(0, np.float64),
            q=(4 * len(ups), np.float64),
            gap=(0, np.uint8),
            steps=(0, np.uint8),
        )
        self.found = False
        self.fed = 0  # the next row to be followed
        # A better pose was taken than a hold, and nothing near it was followed yet.
        self.leading = False
        self.told_t = -math.inf  # of the newest row that was ever followed
        self.unlike = 0  # movements in another pose that were told before
        self._low_deg = math.inf
        self._low_at = 0

    @classmethod
    def of(cls, template: ExerciseTemplate, course: Course) -> Self:
        """A search for the start pose of a learned exercise; TypeError for another one."""
        written = course.written
        if written is None:
            raise TypeError("only a learned exercise is looked for in another strapping")
        # The zero of a rotation is where it began, so that nothing shows what lies below.
        below_deg = BELOW_SHARE * template.range.minimum_deg if written.tilt else math.inf
        return cls(np.array([written.ups[slot] for slot in template.slots]), below_deg)

    def take(self, rows: Columns, steps: Flags) -> None:
        """Keep copies of all `rows` (t, q, gap); steps: (n,) 1 where they show steps."""
        self.keep(rows["t"], rows["q"], rows["gap"])
        self.rows["steps"][len(self.rows) - len(steps) :] = steps

    def keep(self, t: Float64, q: Float64, gap: Flags) -> None:
        """Rows without steps. t: (n,) s. q: (n, 4 s) sensor to earth. gap: (n,) 1 where a silence
        precedes."""
        at = self.rows.append(len(t))
        for name, values in (("t", t), ("q", q), ("gap", gap)):
            self.rows.arrays[name][at : at + len(t)] = values
        self.rows.arrays["steps"][at : at + len(t)] = 0

    def look(self) -> int | None:
        """The first row, not looked at before, that ends a still half-second near the start pose;
        None so far."""
        rows = self.rows
        first = self._looked - rows.base
        t, q, gap = (rows[name][first:] for name in ("t", "q", "gap"))
        up = np.empty(3)
        for i in range(len(t)):
            # One row at a time, so that nothing hangs on how many came at once.
            still_s, _ = self._rest.update(t[i : i + 1], q[i : i + 1].copy(), gap[i : i + 1])
            self._looked += 1
            if still_s[0] >= NEUTRAL_S and self._near(q[i], up):
                return first + i + rows.base
        self.forget()
        return None

    def turn(self, course: Course, others: Attitudes, row: int) -> None:
        """Take a row for the neutral pose: the learned axes are turned to how sensors are worn in
        it, and all rows are followed from it, from the oldest on. others: sensors beside those of
        the template."""
        at = row - self.rows.base
        course.begin_angle()
        course.unlike = self.unlike
        self.leading = self.found
        self.found = True
        self.fed = self.rows.base
        self._low_deg = math.inf
        course.wear(course.worn_at(float(self.rows["t"][at]), self.rows["q"][at], others))

    def follow(
        self, course: Course, others: Attitudes, count_from_deg: float, step: Step
    ) -> tuple[list[Event], bool]:
        """Turn the learned axes to the neutral pose, and follow what came since it was asked for.

        The first repetition ends the search, which is told beside the events. Until then the
        movement may show that the pose was none; then a better one is taken, and everything is
        followed once more.
        """
        if not self.found:
            row = self.look()
            if row is None:
                return [], False
            self.turn(course, others, row)
        told: list[Event] = []
        while self.fed < self.rows.base + len(self.rows):
            self.fed += 1
            row = self.fed - self.rows.base - 1
            events = step(self.rows, 1, row, self.rows["steps"][row : row + 1])
            told += self._new_only(events)
            if any(isinstance(event, RepetitionEvent) for event in events):
                left = self.rows
                left.drop(self.fed - left.base)
                while len(left):
                    told += step(left, 1, steps=left["steps"][:1])
                    left.drop(1)
                return told, True
            angle_deg = float(course.history["angle"][-1])
            if self.leading and angle_deg >= count_from_deg:
                # It had begun before: what is not seen from the rest on is no rest itself.
                course.begin_rest()
                continue
            self.leading = False
            lower = self.lower(angle_deg, count_from_deg)
            if lower is not None:
                self.turn(course, others, lower)
        self.forget()
        return told, False

    def _new_only(self, events: list[Event]) -> list[Event]:
        """Without the angles and phases of what had been followed before another pose was taken."""
        told_t = self.told_t
        self.told_t = max(told_t, float(self.rows["t"][self.fed - self.rows.base - 1]))
        if self.told_t > told_t:
            return events
        return [event for event in events if isinstance(event, RepetitionEvent | SensorEvent)]

    def lower(self, angle_deg: float, risen_deg: float) -> int | None:
        """The row of the pose to take in place of the one that was found; None while that stands.

        angle_deg: of the row that was followed last, zero at the pose. risen_deg: what the angle
        rises by when the next movement has begun.
        """
        at = self.fed - 1
        if angle_deg < self._low_deg:
            self._low_deg, self._low_at = angle_deg, at
        if self._low_deg > -self._below_deg:
            return None
        if angle_deg > self._low_deg + risen_deg:
            return self._low_at
        t = self.rows["t"]
        now, then = t[at - self.rows.base], t[self._low_at - self.rows.base]
        # Settled: the lowest point itself may be a dip.
        return at if now - then >= NEUTRAL_S else None

    def _near(self, q: Float64, up: Float64) -> bool:
        for index, start in enumerate(self._ups):
            up_vector(q[4 * index : 4 * index + 4], up)
            apart = up - start
            if math.sqrt(float((apart * apart).sum())) > POSE_APART:
                return False
        return True

    def forget(self) -> None:
        """Let go of what is long past."""
        t = self.rows["t"]
        if len(t):
            self.rows.drop(int(np.searchsorted(t, t[-1] - LOOK_BACK_S)))

    def state(self) -> list[Any]:
        """For snapshots; `restore` is the inverse."""
        return [
            self.rows.state(), self._rest.state, self._looked, self.found, self.fed, self.told_t,
            self.unlike, self.leading, self._low_deg, self._low_at,
        ]  # fmt: skip

    def restore(self, state: list[Any]) -> None:
        """Continue from `state`."""
        (
            rows, rest, self._looked, self.found, self.fed, self.told_t, self.unlike,
            self.leading, self._low_deg, self._low_at,
        ) = state  # fmt: skip
        self.rows.restore(rows)
        self._rest.state[:] = rest
