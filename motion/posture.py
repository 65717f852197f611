"""Posture: how the sensors lie in the rest pose of an exercise, and whether they do at a moment.

Knows inclinations alone, not headings. Of learned exercises the demonstration gives the pose, which
is `signature`'s; what follows from another posture is `tracker`'s.
"""

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion.axis import up_vector
from motion.signature import POSE_APART

Float64 = NDArray[np.float64]

# One movement may be part of lying down. Two in a row that rest in the same pose show it.
SURE_TIMES: Final = 2
# Who is still for this long has arrived. A movement that came back from there has ended by then,
# since a standstill of a third of a second ends it, and has been told, so that it is not lost.
ARRIVED_S: Final = 1.0


class Posture:
    """The rest pose of one exercise, as its repetitions show it.

    Another posture is further away than `POSE_APART` in any one sensor: people whose rest differs
    by less from that of a moment ago, or from the figure of the template, are not disturbed.
    """

    def __init__(self, sensors: int, drawn: Float64 | None = None) -> None:
        """drawn: (s, 3) what points up in the start pose of the template's figure, unit vectors in
        the sensors' frames, where a calibration tells it."""
        self._ups = np.zeros((sensors, 3)) if drawn is None else drawn.copy()
        self._known = drawn is not None
        self._times = 0  # movements in a row that rested there; none of the figure's pose
        self._other = np.zeros((sensors, 3))
        self._other_times = 0
        # Looked for: the person may be elsewhere, and come back.
        self.sought = self._known
        self._furthest = 0.0  # since it is looked for

    def forget(self) -> None:
        """Sensors may be worn otherwise from now on."""
        self._known = self.sought = False
        self._times = self._other_times = 0

    def seek(self, *, sure: bool = True) -> None:
        """The person may have gone elsewhere. Not `sure`: and may choose another posture."""
        self.sought = self._known
        self._furthest = 0.0  # since it is looked for
        if not sure:
            self._times = self._other_times = 0

    def arrives(self, q: Float64, still_s: float) -> bool:
        """Whether somebody who was in another posture has come to rest in the known one, so that
        what was taken for the rest on the way there is none.

        q: (4 s,) sensor to earth at the next sample. still_s: seconds of stillness up to there.
        """
        apart = _apart(_ups(q), self._ups)
        self._furthest = max(self._furthest, apart)
        # Of the pose that the person took before, half-way there is elsewhere too.
        elsewhere = POSE_APART if self._times == 0 else 0.5 * POSE_APART
        if still_s < ARRIVED_S or self._furthest <= elsewhere or apart > 0.5 * self._furthest:
            return False
        self.sought = False
        return True

    def returns(self, start: Float64, end: Float64) -> bool:
        """Whether a movement begins and ends in the rest pose; start, end: (4 s,) sensor to earth.

        Who goes on in another posture all the same is believed the third time.
        """
        first, last = _ups(start), _ups(end)
        comes_back = _apart(first, last) <= POSE_APART
        if self._times >= SURE_TIMES:
            if max(_apart(first, self._ups), _apart(last, self._ups)) <= POSE_APART:
                self._other_times = 0
                self.sought = False
                return True
            again = (
                comes_back and self._other_times > 0 and _apart(first, self._other) <= POSE_APART
            )
            self._other_times = self._other_times + 1 if again else int(comes_back)
            self._other = first
            if self._other_times <= SURE_TIMES:
                return False
            self._times = 0
        if not comes_back:
            return False
        again = self._times > 0 and _apart(first, self._ups) <= POSE_APART
        self._times = self._times + 1 if again else 1
        self._ups = first
        self._known = True
        self.sought = False
        return True

    def state(self) -> list[Any]:
        """For snapshots; `restore` is the inverse."""
        return [
            self._ups, self._known, self._times, self._other, self._other_times, self.sought,
            self._furthest,
        ]  # fmt: skip

    def restore(self, state: list[Any]) -> None:
        """Continue from `state`."""
        (
            ups, self._known, self._times, other, self._other_times, self.sought,
            self._furthest,
        ) = state  # fmt: skip
        self._ups[:], self._other[:] = ups, other


def _ups(q: Float64) -> Float64:
    ups = np.empty((len(q) // 4, 3))
    for index in range(len(ups)):
        up_vector(q[4 * index : 4 * index + 4], ups[index])
    return ups


def _apart(ups: Float64, others: Float64) -> float:
    """Distance of two poses: that of the sensor that is furthest away, 0 to 2."""
    return max(
        math.sqrt(sum((a - b) * (a - b) for a, b in zip(one, other, strict=True)))
        for one, other in zip(ups.tolist(), others.tolist(), strict=True)
    )
