"""Two axes of a simulated joint, what has one or three, and one result however samples come."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from motion.errors import SamplesError
from motion.two_axes import AxisPair, TwoAxesFinder
from tests.motion.jointed import RATE_HZ, Jointed, apart_deg, jointed

Float64 = NDArray[np.float64]


Chunk = tuple[Float64, Float64, Float64, Float64, Float64, Float64]


def chunk(
    joint: Jointed, start: int, stop: int, heading_rad: float = 0.0, sd_deg: float = 5.0
) -> Chunk:
    count = min(stop, len(joint.t_s)) - start
    return (
        joint.q_proximal[start:stop],
        joint.q_distal[start:stop],
        joint.gyr_proximal[start:stop],
        joint.gyr_distal[start:stop],
        np.full(count, heading_rad),
        np.full(count, math.radians(sd_deg)),
    )


def found(joint: Jointed, heading_rad: float = 0.0) -> AxisPair | None:
    return TwoAxesFinder(RATE_HZ).update(*chunk(joint, 0, len(joint.t_s), heading_rad))


def test_five_seconds_may_be_enough() -> None:
    joint = jointed(5.1, 2)
    axes = found(joint)
    assert axes is not None
    assert axes.converged
    assert apart_deg(axes.proximal, joint.axis_proximal) < 3.0 * axes.sd_deg[0]
    assert apart_deg(axes.distal, joint.axis_distal) < 3.0 * axes.sd_deg[1]


@pytest.mark.compiled
@pytest.mark.parametrize("seed", range(4))
def test_both_axes_are_found(seed: int) -> None:
    joint = jointed(30.0, 2, seed=seed)
    axes = found(joint)
    assert axes is not None
    assert axes.has_two_axes
    assert apart_deg(axes.proximal, joint.axis_proximal) < 1.5
    assert apart_deg(axes.distal, joint.axis_distal) < 1.5
    assert math.degrees(axes.between_rad) == pytest.approx(90.0, abs=2.0)


@pytest.mark.compiled
def test_a_hint_that_is_off_does_not_turn_the_axes_as_far() -> None:
    joint = jointed(30.0, 2, heading_rad=2.0)
    axes = found(joint, 2.0 + math.radians(8.0))
    assert axes is not None
    assert apart_deg(axes.proximal, joint.axis_proximal) < 3.0
    assert apart_deg(axes.distal, joint.axis_distal) < 3.0


@pytest.mark.compiled
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("seed", range(3))
def test_a_joint_with_one_or_three_axes_has_not_two(count: int, seed: int) -> None:
    axes = found(jointed(30.0, count, seed=seed))
    assert axes is not None
    assert not axes.has_two_axes


def test_without_movement_nothing_is_known() -> None:
    joint = jointed(10.0, 2)
    joint.gyr_proximal[:] = 0.0
    joint.gyr_distal[:] = 0.0
    assert found(joint) is None


@pytest.mark.compiled
def test_what_is_older_than_a_minute_is_forgotten() -> None:
    joint = jointed(10.0, 2)
    finder = TwoAxesFinder(RATE_HZ)
    before = finder.update(*chunk(joint, 0, 500))
    joint.gyr_proximal[:] = 0.0
    joint.gyr_distal[:] = 0.0
    for _ in range(7):
        finder.update(*chunk(joint, 0, 500))
    joint = jointed(10.0, 2)
    # A fit is due after a second, but less than five seconds of movement are left to it.
    assert finder.update(*chunk(joint, 0, 60)) is before


@pytest.mark.compiled
@settings(max_examples=15, deadline=None)
@given(cuts=st.lists(st.integers(0, 450), max_size=12))
def test_division_into_chunks_changes_no_bit(cuts: list[int]) -> None:
    joint = jointed(9.0, 2)
    joint.gyr_proximal[70] = np.nan
    whole = TwoAxesFinder(RATE_HZ).update(*chunk(joint, 0, 450))
    finder = TwoAxesFinder(RATE_HZ)
    for start, stop in pairwise([0, *sorted(cuts), 450]):
        finder.update(*chunk(joint, start, stop))
    assert whole is not None
    assert finder.axes is not None
    assert finder.axes.proximal.tobytes() == whole.proximal.tobytes()
    assert finder.axes.distal.tobytes() == whole.distal.tobytes()
    assert finder.axes.between_rad == whole.between_rad


def test_wrong_shapes_and_rates_are_refused() -> None:
    joint = jointed(3.0, 2)
    good = chunk(joint, 0, 150)
    with pytest.raises(SamplesError, match="q_distal has shape"):
        TwoAxesFinder(RATE_HZ).update(good[0], good[2], good[2], good[3], good[4], good[5])
    with pytest.raises(SamplesError, match="as many each"):
        TwoAxesFinder(RATE_HZ).update(*good[:4], good[4][:9], good[5])
    with pytest.raises(ValueError, match="rate_hz"):
        TwoAxesFinder(-1.0)
