"""The axis of a simulated hinge, what is no hinge, and the same result however samples come."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import least_squares

from motion.errors import SamplesError
from motion.hinge import HingeAxes, HingeFinder, hinge_axes
from tests.motion.jointed import RATE_HZ, Jointed, apart_deg, jointed

Float64 = NDArray[np.float64]


def found(joint: Jointed, *, relative: bool = False) -> HingeAxes:
    return hinge_axes(
        joint.t_s,
        joint.gyr_proximal,
        joint.gyr_distal,
        *joint.up,
        joint.relative if relative else None,
    )


def chunk(joint: Jointed, start: int, stop: int) -> tuple[Float64, ...]:
    up1, up2 = joint.up
    whole = (joint.gyr_proximal, joint.gyr_distal, up1, up2)
    return tuple(array[start:stop] for array in whole)


@pytest.mark.parametrize("seed", range(4))
def test_the_axis_of_a_hinge_is_found_in_both_frames(seed: int) -> None:
    joint = jointed(10.0, 1, seed=seed)
    axes = found(joint)
    assert axes.is_hinge
    assert apart_deg(axes.proximal, joint.axis_proximal) < 1.0
    assert apart_deg(axes.distal, joint.axis_distal) < 1.0
    # Both point the same way.
    assert float(axes.proximal @ joint.axis_proximal) * float(axes.distal @ joint.axis_distal) > 0.0


@pytest.mark.parametrize("seed", range(4))
def test_the_deviation_covers_the_error(seed: int) -> None:
    for seconds in (3.0, 6.0, 20.0):
        joint = jointed(seconds, 1, seed=seed, noise_radps=0.02)
        axes = found(joint)
        assert apart_deg(axes.proximal, joint.axis_proximal) < 3.0 * axes.sd_deg[0]
        assert apart_deg(axes.distal, joint.axis_distal) < 3.0 * axes.sd_deg[1]


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("seed", range(3))
def test_a_joint_with_more_axes_is_no_hinge(count: int, seed: int) -> None:
    axes = found(jointed(20.0, count, seed=seed))
    assert axes.residual_share > 0.1
    assert not axes.is_hinge


def test_little_movement_is_not_convergence() -> None:
    joint = jointed(3.0, 1)
    axes = hinge_axes(joint.t_s, 0.05 * joint.gyr_proximal, 0.05 * joint.gyr_distal, *joint.up)
    assert not axes.converged
    assert not axes.is_hinge


def test_no_movement_says_nothing() -> None:
    joint = jointed(5.0, 1)
    still = np.zeros_like(joint.gyr_proximal)
    axes = hinge_axes(joint.t_s, still, still, *joint.up)
    assert axes.sd_deg == (np.inf, np.inf)
    assert not axes.is_hinge


def test_a_level_axis_needs_the_relative_orientation_to_be_paired() -> None:
    joint = jointed(10.0, 1, level=True)
    alone = found(joint)
    assert alone.converged
    assert not alone.paired
    assert not alone.is_hinge
    axes = found(joint, relative=True)
    assert axes.is_hinge
    assert float(axes.proximal @ joint.axis_proximal) * float(axes.distal @ joint.axis_distal) > 0.0


def test_rows_with_nan_are_left_out() -> None:
    joint = jointed(10.0, 1)
    joint.gyr_distal[100:150] = np.nan
    axes = found(joint)
    assert axes.is_hinge
    assert apart_deg(axes.distal, joint.axis_distal) < 1.0


def test_the_fit_equals_scipys() -> None:
    joint = jointed(6.0, 1, noise_radps=0.05)
    axes = found(joint)
    kept = np.flatnonzero(np.diff(np.floor(joint.t_s * 25.0), prepend=-1.0))
    w1, w2 = joint.gyr_proximal[kept], joint.gyr_distal[kept]
    moving = np.maximum((w1**2).sum(axis=1), (w2**2).sum(axis=1)) >= 0.01
    w1, w2 = w1[moving], w2[moving]

    def residual(x: Float64) -> Float64:
        j1, j2 = x[:3] / np.linalg.norm(x[:3]), x[3:] / np.linalg.norm(x[3:])
        result: Float64 = np.linalg.norm(np.cross(w1, j1), axis=1) - np.linalg.norm(
            np.cross(w2, j2), axis=1
        )
        return result

    start = np.concatenate([joint.axis_proximal, joint.axis_distal]) + 0.1
    best = least_squares(residual, start, xtol=1e-14, ftol=1e-14, gtol=1e-14).x
    assert apart_deg(axes.proximal, best[:3] / np.linalg.norm(best[:3])) < 0.01
    assert apart_deg(axes.distal, best[3:] / np.linalg.norm(best[3:])) < 0.01


def test_online_it_is_known_within_five_seconds_and_stays_known() -> None:
    joint = jointed(30.0, 1)
    finder = HingeFinder(RATE_HZ)
    known = []
    for start in range(0, len(joint.t_s), 50):
        axes = finder.update(*chunk(joint, start, start + 50))
        known.append(axes is not None and axes.is_hinge)
    assert all(known[5:])
    assert finder.axes is not None
    assert apart_deg(finder.axes.proximal, joint.axis_proximal) < 0.5


def test_online_and_at_once_agree() -> None:
    joint = jointed(20.0, 1)
    finder = HingeFinder(RATE_HZ)
    online = finder.update(*chunk(joint, 0, len(joint.t_s)))
    assert online is not None
    assert apart_deg(online.proximal, found(joint).proximal) < 0.1


@pytest.mark.compiled
def test_a_sensor_worn_anew_is_found_anew() -> None:
    before, after = jointed(70.0, 1), jointed(70.0, 1, seed=5)
    finder = HingeFinder(RATE_HZ)
    finder.update(*chunk(before, 0, len(before.t_s)))
    turn = np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    turned = [array @ turn.T for array in chunk(after, 0, len(after.t_s))]
    axes = finder.update(*turned)
    assert axes is not None
    assert axes.is_hinge
    assert apart_deg(axes.proximal, turn @ after.axis_proximal) < 1.0


@settings(max_examples=20, deadline=None)
@given(cuts=st.lists(st.integers(0, 400), max_size=12))
def test_division_into_chunks_changes_no_bit(cuts: list[int]) -> None:
    joint = jointed(8.0, 1)
    joint.gyr_proximal[70] = np.nan
    whole = HingeFinder(RATE_HZ).update(*chunk(joint, 0, 400))
    finder = HingeFinder(RATE_HZ)
    for start, stop in pairwise([0, *sorted(cuts), 400]):
        finder.update(*chunk(joint, start, stop))
    assert whole is not None
    assert finder.axes is not None
    assert finder.axes.proximal.tobytes() == whole.proximal.tobytes()
    assert finder.axes.distal.tobytes() == whole.distal.tobytes()
    assert finder.axes.sd_deg == whole.sd_deg


def test_wrong_shapes_and_rates_are_refused() -> None:
    joint = jointed(3.0, 1)
    with pytest.raises(SamplesError, match="gyr_distal_radps has shape"):
        hinge_axes(joint.t_s, joint.gyr_proximal, joint.q_distal, *joint.up)
    with pytest.raises(SamplesError, match="as many of each"):
        hinge_axes(joint.t_s, joint.gyr_proximal, joint.gyr_distal[:9], *joint.up)
    with pytest.raises(SamplesError, match="t_s has shape"):
        hinge_axes(joint.t_s[:9], joint.gyr_proximal, joint.gyr_distal, *joint.up)
    with pytest.raises(ValueError, match="rate_hz"):
        HingeFinder(0.0)
