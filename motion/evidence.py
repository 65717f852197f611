"""What one repetition was judged from, for whoever asks why: its measures and its angle.

Handed to a witness of `tracker` at the moment of the verdict, never stored and never on the wire.
How rules come out stands in `quality`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motion.events import RepetitionEvent
from motion.quality import REST_SHARE, RepetitionMeasure, RuleOutcome, rule_outcomes
from motion.reference import Reference
from motion.template import ExerciseTemplate

Float64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Evidence:
    """A repetition as its tracker saw it when it was judged.

    rest_deg: the level of the rest before, on the scale of `angle_deg`. way: 1 above the rest, -1
    below it. left_s: when the angle left the band of the rest, which is before the start of a hold
    and after that of a learned exercise; the way out, the hold and the way back follow it. t_s,
    angle_deg, angle_sd_deg: (n,) session time, angle and its standard deviation, from before the
    start to the newest sample. While the axis is still being sought, what is told of the angle
    later may differ; these values are the ones that were measured. reference: the person's own
    range, where it was judged by one.
    """

    event: RepetitionEvent
    template: ExerciseTemplate
    measure: RepetitionMeasure
    rest_deg: float
    way: float
    left_s: float
    t_s: Float64
    angle_deg: Float64
    angle_sd_deg: Float64
    reference: Reference | None = None

    @property
    def zero_deg(self) -> float:
        """Where the template measures ranges from, on the scale of `angle_deg`."""
        if self.template.range.measured_from == "start":
            return REST_SHARE * self.rest_deg
        return self.rest_deg

    def outcomes(self) -> list[RuleOutcome]:
        """How every rule that applies came out: what the verdict was made from."""
        return rule_outcomes(self.measure, self.template, self.reference)


Witness = Callable[[Evidence], None]
