"""Scoring the exercise library on simulated people: what is matched, drawn and refused."""

import numpy as np
import pytest

from benchmarks import library
from benchmarks.errors import BenchmarkError
from benchmarks.report import untracked
from motion.performance import plan
from motion.simulation import Exercise, simulate
from motion.template import ExerciseTemplate

pytestmark = pytest.mark.compiled


def test_an_unknown_template_is_refused_with_where_to_look() -> None:
    with pytest.raises(BenchmarkError, match="gonio templates list"):
        library.run(["no-such-exercise"], 1, untracked)


def test_every_fault_that_can_be_made_has_a_set_of_its_own() -> None:
    template = ExerciseTemplate.load("lumbar-bend")
    sets = library.performances(template, np.random.default_rng(0))
    assert next(iter(sets)) == library.RIGHTLY
    assert {"range_short", "range_over", "compensation:pelvis_tilt"} <= set(sets)
    for kind, performance in sets.items():
        intended = {fault for planned in performance for fault in planned.intended}
        code = kind if kind.startswith("compensation") else kind.split(":")[0]
        assert intended == (set() if kind == library.RIGHTLY else {code})


def test_the_same_person_gives_the_same_figures_and_another_one_others() -> None:
    once, again, other = (library.draw("bridge", seed) for seed in (3, 3, 4))
    assert once == again
    assert once.range_errors_deg != other.range_errors_deg
    assert all(scored.exact == scored.sets == 1 for scored in once.kinds.values())
    # As good as what soft tissue leaves, and a peer that is told the bounds.
    assert len(once.vqf_errors_deg) == len(once.range_errors_deg)
    assert np.mean(np.abs(once.range_errors_deg)) < 3.0


def test_a_repetition_that_was_not_found_is_missed_and_one_too_many_false() -> None:
    template = ExerciseTemplate.load("bridge")
    planned = plan(template, 3, np.random.default_rng(1))
    simulation = simulate(Exercise.of(template, planned), 1)
    true = simulation.exercises[0].sets[0].repetitions
    events = library.by_set(
        library.replayed(simulation, library.calibration_of(simulation)), template
    )[1]
    assert [event for _, event in library.matched(true, events)] == events
    fewer = library.matched(true, events[1:])
    assert [event is None for _, event in fewer] == [True, False, False]
    more = library.matched(true[1:], events)
    assert [event for _, event in more] == events[1:]
