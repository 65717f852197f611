"""Rows that come at one end and go at the other: columns of equal length in growing arrays.

Appending and dropping cost amortised constant time, and views are contiguous. What the columns
mean is the owner's business.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import DTypeLike, NDArray

# Rows that an empty set of columns has room for: half a second of a fast sensor.
LEAST_ROWS: Final = 64


class Columns:
    """Named columns; each is (rows,) or, with a width, (rows, width).

    arrays: the columns with all the room they have; rows `start` to `stop` are in use. base: the
    absolute number of the first row in use, counted from the first ever appended.
    """

    __slots__ = ("arrays", "base", "start", "stop")

    def __init__(self, **kinds: tuple[int, DTypeLike]) -> None:
        self.arrays: dict[str, NDArray[Any]] = {
            name: np.zeros((LEAST_ROWS, width) if width else LEAST_ROWS, dtype)
            for name, (width, dtype) in kinds.items()
        }
        self.start = 0
        self.stop = 0
        self.base = 0

    def __len__(self) -> int:
        return self.stop - self.start

    def __getitem__(self, name: str) -> NDArray[Any]:
        """The rows of one column as a view, valid until rows are appended."""
        return self.arrays[name][self.start : self.stop]

    def append(self, count: int) -> int:
        """Make `count` rows at the end; the caller fills them, in `arrays` from the result on."""
        room = next(iter(self.arrays.values())).shape[0]
        if self.stop + count > room:
            self._move(room, len(self) + count)
        at = self.stop
        self.stop += count
        return at

    def drop(self, count: int) -> None:
        """Let go of the first `count` rows."""
        self.start += count
        self.base += count
        if self.start == self.stop:
            self.start = self.stop = 0

    def cut(self, length: int) -> None:
        """Let go of all rows but the first `length`."""
        self.stop = self.start + length

    def _move(self, room: int, needed: int) -> None:
        """Move the rows to the front, of larger arrays when they would soon have to move again."""
        larger = 2 * needed if 2 * needed > room else room
        used = len(self)
        for name, array in self.arrays.items():
            target = np.zeros((larger, *array.shape[1:]), array.dtype) if larger > room else array
            target[:used] = array[self.start : self.stop]
            self.arrays[name] = target
        self.start, self.stop = 0, used

    def state(self) -> list[Any]:
        """For snapshots; `restore` is the inverse."""
        return [self.base, {name: self[name] for name in self.arrays}]

    def restore(self, state: list[Any]) -> None:
        """Continue from `state`."""
        base, columns = state
        length = len(next(iter(columns.values())))
        self.start = self.stop = 0
        at = self.append(length)
        for name, values in columns.items():
            self.arrays[name][at : at + length] = values
        self.base = base
