"""The rest pose of an exercise: movements that go elsewhere are none of its repetitions, and who
comes back to it from elsewhere is noticed; people whose pose differs a bit are left in peace.
"""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from motion.posture import ARRIVED_S, Posture

Float64 = NDArray[np.float64]

DT_S = 0.02


def tilted(*degrees: float) -> Float64:
    """Sensors turned about their x axes by so much from lying level."""
    halves = [math.radians(0.5 * each) for each in degrees]
    return np.concatenate([[math.cos(half), math.sin(half), 0.0, 0.0] for half in halves])


LYING = tilted(0.0, 90.0)
UPRIGHT = tilted(90.0, 90.0)


def known() -> Posture:
    posture = Posture(2)
    assert posture.returns(LYING, LYING)
    assert posture.returns(LYING, LYING)
    return posture


def arrives(posture: Posture, q: Float64, seconds: float) -> bool:
    """Whether an arrival is told within so many seconds of stillness."""
    return any(posture.arrives(q, step * DT_S) for step in range(1, round(seconds / DT_S) + 1))


def test_a_movement_that_ends_in_another_pose_does_not_return() -> None:
    posture = Posture(2)
    assert not posture.returns(LYING, UPRIGHT)
    assert posture.returns(LYING, LYING)


def test_a_movement_in_another_pose_than_two_before_is_none_of_the_exercise() -> None:
    posture = known()
    assert not posture.returns(UPRIGHT, UPRIGHT)
    assert posture.returns(LYING, LYING)


def test_one_movement_alone_shows_no_pose() -> None:
    # It may have been part of lying down.
    posture = Posture(2)
    assert posture.returns(UPRIGHT, UPRIGHT)
    assert posture.returns(LYING, LYING)
    assert posture.returns(LYING, LYING)
    assert not posture.returns(UPRIGHT, UPRIGHT)


def test_who_goes_on_in_another_pose_is_believed_the_third_time() -> None:
    posture = known()
    assert [posture.returns(UPRIGHT, UPRIGHT) for _ in range(5)] == [False, False, True, True, True]
    assert posture.returns(LYING, LYING) is False


def test_a_rest_that_differs_by_fifty_degrees_is_the_same() -> None:
    posture = known()
    assert posture.returns(tilted(50.0, 90.0), tilted(0.0, 140.0))


def test_who_comes_back_from_another_pose_arrives_once() -> None:
    posture = known()
    posture.seek()
    assert not arrives(posture, UPRIGHT, 5.0)
    assert not arrives(posture, LYING, ARRIVED_S - DT_S)
    assert arrives(posture, LYING, ARRIVED_S)
    assert not posture.sought


def test_who_never_left_does_not_arrive() -> None:
    posture = known()
    posture.seek()
    assert not arrives(posture, LYING, 5.0)
    assert not arrives(posture, tilted(20.0, 90.0), 5.0)
    assert not arrives(posture, LYING, 5.0)


def test_a_repetition_ends_the_search() -> None:
    posture = known()
    posture.seek()
    assert posture.returns(LYING, LYING)
    assert not posture.sought


@pytest.mark.parametrize(("away_deg", "seen"), [(60.0, False), (80.0, True)])
def test_the_pose_of_a_figure_is_taken_less_exactly(away_deg: float, seen: bool) -> None:
    ups = np.array([[0.0, 0.0, 1.0]])
    posture = Posture(1, ups)
    assert posture.sought
    assert not arrives(posture, tilted(away_deg), 2.0)
    assert arrives(posture, tilted(5.0), 2.0) is seen


def test_sensors_worn_anew_have_no_known_pose() -> None:
    posture = known()
    posture.forget()
    posture.seek()
    assert not posture.sought
    assert posture.returns(UPRIGHT, UPRIGHT)


def test_another_set_may_be_done_in_another_pose() -> None:
    posture = known()
    posture.seek(sure=False)
    assert posture.returns(UPRIGHT, UPRIGHT)


def test_a_state_goes_on_where_it_was_taken() -> None:
    posture = known()
    posture.seek()
    posture.arrives(UPRIGHT, 2.0)
    assert not posture.returns(UPRIGHT, UPRIGHT)
    other = Posture(2)
    other.restore(posture.state())
    for each in (posture, other):
        assert each.arrives(LYING, 2.0)
        assert [each.returns(UPRIGHT, UPRIGHT) for _ in range(2)] == [False, True]
