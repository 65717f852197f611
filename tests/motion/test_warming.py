"""After warming up no kernel is compiled any more, whatever the exercise: a server that says it is
ready is.
"""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from motion import warming
from motion.warming import warmup


def test_every_step_is_named_before_it_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[object] = []
    monkeypatch.setattr(warming, "_track", lambda template, *_: taken.append(template))
    steps = warmup()
    assert isinstance(steps, Iterator)
    names = [next(steps)]
    assert taken == []
    names += list(steps)
    assert names == [
        "orientation",
        "axis of a movement",
        "angles of two sensors",
        "calibrated joints and holds",
        "repetitions",
    ]
    assert len(taken) == 7


def test_warming_up_twice_does_no_harm() -> None:
    assert list(warmup()) == list(warmup())


_FRESH = """
import importlib, pkgutil
import numba
import motion
from motion.warming import warmup
from tests.motion.exercises import exercises
from tests.motion.movement import feed

def compiled():
    found = {}
    for module in pkgutil.iter_modules(motion.__path__):
        for name, value in vars(importlib.import_module(f"motion.{module.name}")).items():
            if isinstance(value, numba.core.registry.CPUDispatcher):
                found[value.py_func.__module__, value.py_func.__name__] = set(value.signatures)
    return found

for _ in warmup():
    pass
warm = compiled()
assert len(warm) > 10, warm
for kind, exercise in exercises().items():
    feed(exercise.tracker(), exercise.samples)
    cold = {name: sorted(new - warm[name]) for name, new in compiled().items() if new - warm[name]}
    assert not cold, f"{kind} compiles {cold}"
print("nothing was cold")
"""


@pytest.mark.compiled
def test_nothing_is_compiled_after_warming_up() -> None:
    # A process of its own: in this one other tests have warmed up already.
    done = subprocess.run(
        [sys.executable, "-c", _FRESH], capture_output=True, text=True, check=False
    )
    assert done.stdout == "nothing was cold\n", done.stderr
