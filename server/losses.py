"""Brief losses among a sensor's samples, too short for a silence: when, how long and why.

The engine bridges them; here they are only found, so that a person can be told. What makes a sample
doubtful stands in `motion.plausibility`, silences in `motion.stream`.
"""

import math
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from motion.plausibility import FLAG_STATE_SIZE, RowFlag, flag_rows
from motion.samples import Float64, Samples
from motion.stream import LOST_PERIODS, PERIOD_SAMPLES, SILENT_S, period_kernel

# More than these a person does not read one by one, and a count tells more.
MOST_KEPT: Final = 6


@dataclass(frozen=True, slots=True)
class Loss:
    """Between two samples that can be trusted, seconds of session time. VALID: none came."""

    from_s: float
    to_s: float
    reason: RowFlag

    @property
    def lasted_s(self) -> float:
        return self.to_s - self.from_s


@dataclass(slots=True)
class BriefLosses:
    """What one sensor lost. first: the first few, one by one; last_s: when the last one ended."""

    sensor: str
    count: int = 0
    total_s: float = 0.0
    last_s: float = -math.inf
    longest: Loss | None = None
    first: list[Loss] = field(default_factory=list)


class LossFinder:
    """Goes through one sensor's samples in order of time, in constant memory."""

    def __init__(self, sensor: str) -> None:
        self.found = BriefLosses(sensor)
        self._flags = np.zeros(FLAG_STATE_SIZE)
        self._period_s = math.nan
        self._valid_s = math.nan
        self._doubt = RowFlag.VALID

    def update(self, samples: Samples) -> None:
        """Take a chunk of any length; `samples.sensor` is not looked at."""
        flags = np.empty(len(samples), np.uint8)
        flag_rows(self._flags, samples.t_s, samples.acc_mps2, samples.gyr_radps, flags)
        valid = np.flatnonzero(flags == RowFlag.VALID)
        times = samples.t_s[valid]
        if math.isnan(self._period_s) and len(times) >= PERIOD_SAMPLES:
            self._period_s = period_kernel(times)
        # What came just before each valid sample: one that was not valid, or nothing.
        doubts = np.where(valid > 0, flags[valid - 1], self._doubt) if len(valid) else flags[:0]
        before: Float64 = np.concatenate([[self._valid_s], times[:-1]]) if len(times) else times
        lost = times - before
        brief = (lost > LOST_PERIODS * self._period_s) & (lost <= SILENT_S)
        for at in np.flatnonzero(brief):
            self._add(Loss(float(before[at]), float(times[at]), RowFlag(int(doubts[at]))))
        if len(times):
            self._valid_s = float(times[-1])
        if len(flags):
            self._doubt = RowFlag(int(flags[-1]))

    def _add(self, loss: Loss) -> None:
        found = self.found
        found.count += 1
        found.total_s += loss.lasted_s
        found.last_s = loss.to_s
        if found.longest is None or loss.lasted_s > found.longest.lasted_s:
            found.longest = loss
        if len(found.first) < MOST_KEPT:
            found.first.append(loss)
