"""What is acknowledged survives `kill -9`, and the benchmark says so when it does not."""

import pytest

from benchmarks import crash
from benchmarks.errors import BenchmarkError
from benchmarks.report import Report, untracked


@pytest.mark.compiled
def test_nothing_acknowledged_is_lost_when_the_process_is_killed() -> None:
    report = crash.run(untracked, times=2, seed=3)
    crash.check(report)
    assert report.figures["kills"] == 2
    assert report.figures["acknowledged_inputs"] > 0


@pytest.mark.parametrize("name", crash.MUST_BE_ZERO)
def test_a_loss_is_no_success(name: str) -> None:
    figures = dict.fromkeys(crash.MUST_BE_ZERO, 0)
    crash.check(Report(crash.NAME, [], [], figures))
    with pytest.raises(BenchmarkError, match=name.replace("_", " ")):
        crash.check(Report(crash.NAME, [], [], figures | {name: 1}))
