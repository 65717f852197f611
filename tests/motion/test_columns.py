"""Rows in at one end and out at the other, against plain lists: nothing is lost, moved or aliased
wrongly, whatever is appended, dropped and cut, and whenever a snapshot is taken.
"""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from motion.columns import LEAST_ROWS, Columns

# What is done to the columns: append so many, drop or cut to a share, or go through a snapshot.
_STEP = st.one_of(
    st.tuples(st.just("append"), st.integers(0, 3 * LEAST_ROWS)),
    st.tuples(st.just("drop"), st.integers(0, 100)),
    st.tuples(st.just("cut"), st.integers(0, 100)),
    st.tuples(st.just("snapshot"), st.just(0)),
)


def _columns() -> Columns:
    return Columns(t=(0, np.float64), q=(4, np.float64), gap=(0, np.uint8))


def _append(columns: Columns, first: int, count: int) -> None:
    """Rows that can be told apart: numbered from `first` on."""
    at = columns.append(count)
    number = np.arange(first, first + count)
    columns.arrays["t"][at : at + count] = number
    columns.arrays["q"][at : at + count] = number[:, None] + [0.0, 0.25, 0.5, 0.75]
    columns.arrays["gap"][at : at + count] = number % 251


@given(st.lists(_STEP, max_size=30))
def test_holds_what_a_list_would_hold(steps: list[tuple[str, int]]) -> None:
    columns, rows, base, number = _columns(), list[int](), 0, 0
    for step, amount in steps:
        match step:
            case "append":
                _append(columns, number, amount)
                rows += range(number, number + amount)
                number += amount
            case "drop":
                count = len(rows) * amount // 100
                columns.drop(count)
                del rows[:count]
                base += count
            case "cut":
                length = len(rows) * amount // 100
                columns.cut(length)
                del rows[length:]
            case _:
                state = columns.state()
                columns = _columns()
                columns.restore(state)
        assert len(columns) == len(rows)
        assert columns.base == base
        assert columns["t"].tolist() == rows
        assert columns["q"].tolist() == [[n, n + 0.25, n + 0.5, n + 0.75] for n in rows]
        assert columns["gap"].tolist() == [n % 251 for n in rows]


def test_views_are_contiguous_so_that_no_kernel_is_compiled_a_second_time() -> None:
    columns = _columns()
    _append(columns, 0, 10)
    columns.drop(3)
    assert all(columns[name].flags.c_contiguous for name in columns.arrays)


def test_memory_follows_what_is_held_and_not_what_has_passed() -> None:
    columns = _columns()
    for step in range(1000):
        _append(columns, 50 * step, 50)
        columns.drop(len(columns) - 20)
    assert len(columns.arrays["t"]) <= 4 * LEAST_ROWS


def test_a_long_history_is_copied_a_constant_number_of_times_per_row() -> None:
    columns = _columns()
    moved = 0
    for step in range(20_000):
        before = columns.arrays["t"]
        _append(columns, step, 1)
        if columns.arrays["t"] is not before:
            moved += len(columns)
    assert moved <= 3 * 20_000


def test_a_snapshot_holds_the_rows_in_use_alone() -> None:
    columns = _columns()
    _append(columns, 0, 1000)
    columns.drop(990)
    base, held = columns.state()
    assert base == 990
    assert [len(held[name]) for name in ("t", "q", "gap")] == [10, 10, 10]


def test_a_restored_set_shares_no_memory_with_its_snapshot() -> None:
    columns, again = _columns(), _columns()
    _append(columns, 0, 5)
    again.restore(columns.state())
    again["t"][:] = -1.0
    assert columns["t"].tolist() == [0, 1, 2, 3, 4]
