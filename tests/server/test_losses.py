"""Brief losses: found once, with time and reason, however the samples are cut."""

from collections.abc import Callable

import pytest

from motion.plausibility import RowFlag
from motion.samples import Samples
from server import wording
from server.losses import MOST_KEPT, BriefLosses, LossFinder
from tests.motion.movement import damaged, lost
from tests.server.recordings import swings


def found(samples: Samples, rows: int = 10_000) -> BriefLosses:
    finder = LossFinder("one")
    for start in range(0, len(samples), rows):
        finder.update(samples.rows(start, start + rows))
    return finder.found


@pytest.mark.parametrize(
    ("damage", "losses"),
    [
        (lambda one: one, []),
        (lambda one: lost(one, 9.99, 10.01), [(9.98, 10.02, RowFlag.VALID)]),
        (lambda one: lost(one, 9.99, 10.19), [(9.98, 10.2, RowFlag.VALID)]),
        (lambda one: damaged(one, 9.99, 10.19, "nan"), [(9.98, 10.2, RowFlag.NOT_FINITE)]),
        # The first two at the extreme may be chance.
        (lambda one: damaged(one, 9.99, 10.19, "saturated"), [(10.02, 10.2, RowFlag.SATURATED)]),
        # Flagged from half a second on.
        (lambda one: damaged(one, 9.99, 10.79, "frozen"), [(10.5, 10.8, RowFlag.FROZEN)]),
        # A silence, which the engine tells.
        (lambda one: lost(one, 9.99, 11.01), []),
        # Nothing comes after it.
        (lambda one: lost(one, 29.8, 99.0), []),
    ],
)
def test_a_loss_lies_between_the_samples_around_it(
    damage: Callable[[Samples], Samples], losses: list[tuple[float, float, RowFlag]]
) -> None:
    told = found(damage(swings())).first
    assert [(round(loss.from_s, 6), round(loss.to_s, 6), loss.reason) for loss in told] == losses


@pytest.mark.parametrize("rows", [1, 7, 100])
def test_losses_are_the_same_however_the_samples_are_cut(rows: int) -> None:
    samples = damaged(lost(lost(swings(), 3.0, 3.2), 8.0, 8.1), 20.0, 20.3, "nan")
    # The rate is known after a few samples, from whole chunks.
    finder = LossFinder("one")
    finder.update(samples.rows(0, 100))
    for start in range(100, len(samples), rows):
        finder.update(samples.rows(start, min(start + rows, len(samples))))
    assert finder.found == found(samples)
    assert finder.found.count == 3


def test_few_losses_are_told_one_by_one_and_many_together() -> None:
    samples = swings()
    for k in range(MOST_KEPT):
        samples = lost(samples, k + 1.01, k + 1.11)
    words = wording.losses_words(found(samples))
    assert words.startswith("Sensor one lost samples briefly, and the gaps were bridged: at 1.0 s")
    assert words.count("for 0.12 s (no samples)") == MOST_KEPT
    told = found(lost(samples, 20.01, 20.21))
    assert len(told.first) == MOST_KEPT
    assert wording.losses_words(told) == (
        "Sensor one lost samples briefly, and the gaps were bridged: 7 times from 1.0 s to 20.2 s, "
        "0.9 s in all, longest at 20.0 s for 0.22 s (no samples)."
    )


def test_a_sensor_of_a_few_samples_loses_nothing() -> None:
    assert found(swings(last_s=0.1)).count == 0
    assert found(swings().rows(0, 0)).count == 0
