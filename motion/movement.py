"""The latest movement of two sensors, kept for fits: bounded in memory, the same however divided.

Stillness tells an axis nothing and would push out what does. What is fitted, and to which columns,
is `hinge`'s and `two_axes`'s.
"""

import math
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion._jit import njit

Float64 = NDArray[np.float64]

# Readings more often than limbs change their rate say the same again, and cost time.
READINGS_HZ: Final = 25.0
# A fit follows every second of movement.
REFIT_S: Final = 1.0
# Slower than this neither sensor moves, and noise is all there is: half a degree in a tenth of a
# second.
MOVING_RADPS: Final = 0.1

_SEEN: Final = 0
_KEPT: Final = 1
_FRESH: Final = 2  # kept since a fit was due
_STATE_SIZE: Final = 3


@njit
def _keep(
    rows: Float64, one: int, other: int, every: int, first: int, state: Float64, window: Float64
) -> tuple[int, bool]:
    """Take rows (n, m) until a fit is due: how many were taken, and whether one is.

    one, other: columns where the angular rates begin. window: (k, m), a ring.
    """
    for i in range(rows.shape[0]):
        seen = state[_SEEN]
        state[_SEEN] = seen + 1.0
        if seen % every != 0.0:
            continue
        squares, total = 0.0, 0.0
        for at in (one, other):
            square = 0.0
            for k in range(at, at + 3):
                square += rows[i, k] * rows[i, k]
            squares = max(squares, square)
        for k in range(rows.shape[1]):
            total += abs(rows[i, k])
        # A row with a NaN fails the comparison.
        if not (squares >= MOVING_RADPS * MOVING_RADPS and total < math.inf):
            continue
        at = int(state[_KEPT]) % window.shape[0]
        for k in range(rows.shape[1]):
            window[at, k] = rows[i, k]
        state[_KEPT] += 1.0
        state[_FRESH] += 1.0
        if state[_KEPT] >= first and state[_FRESH] >= REFIT_S * READINGS_HZ:
            state[_FRESH] = 0.0
            return i + 1, True
    return rows.shape[0], False


def moving(rows: Float64, one: int, other: int) -> NDArray[np.bool_]:
    """Which rows (n, m) are whole and not still; one, other: columns where the rates begin."""
    squares = [(rows[:, at : at + 3] ** 2).sum(axis=1) for at in (one, other)]
    result: NDArray[np.bool_] = np.maximum(*squares) >= MOVING_RADPS**2
    return result & np.isfinite(rows).all(axis=1)


class MovementWindow:
    """Rows of the latest movement.

    rate_hz: rows a second. window_s: as much movement as is kept. first_s: before this much no fit
    is due. width: of a row. rates: columns where the angular rates of both sensors begin. Raises
    ValueError when the rate is not a positive number.
    """

    def __init__(
        self, rate_hz: float, window_s: float, first_s: float, width: int, rates: tuple[int, int]
    ) -> None:
        if not (rate_hz > 0.0 and math.isfinite(rate_hz)):
            raise ValueError(f"rate_hz is {rate_hz}; give the samples a second.")
        self._every = max(1, round(rate_hz / READINGS_HZ))
        self._first = math.ceil(first_s * READINGS_HZ)
        self._rates = rates
        self._window = np.zeros((round(window_s * READINGS_HZ), width))
        self._state = np.zeros(_STATE_SIZE)

    @property
    def seen(self) -> int:
        """Rows taken so far, moving or not."""
        return int(self._state[_SEEN])

    @property
    def rows(self) -> Float64:
        """What is kept, (k, width), in no order but nearly that of time."""
        return self._window[: min(int(self._state[_KEPT]), len(self._window))]

    def take(self, rows: Float64) -> Iterator[int]:
        """Take rows (n, width); yields how many, each time that a fit to what is kept is due."""
        at = 0
        while at < len(rows):
            taken, due = _keep(
                rows[at:], *self._rates, self._every, self._first, self._state, self._window
            )
            at += taken
            if due:
                yield at
