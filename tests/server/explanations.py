"""Explanations of repetitions made by hand, for what puts them into words and figures."""

import dataclasses
from typing import Any

import numpy as np

from motion.events import SetEvent
from motion.evidence import Evidence
from motion.quality import RepetitionMeasure, judge
from motion.reference import Reference
from motion.template import ExerciseTemplate
from server.curve import AngleCurve
from server.explanation import Explanation
from server.replay import Outcome
from server.sought import Sought
from tests.motion.movement import template
from tests.server.outcomes import angles, repetition

TEMPO = {"out_s": [0.5, 2.0], "hold_s": [0.2, 1.0], "back_s": [0.5, 2.0]}
COMPENSATIONS = [{"name": "trunk_sway", "segment": "one", "limit_deg": 10, "cue": "Keep still"}]


def exercise(**fields: Any) -> ExerciseTemplate:
    """Asks for everything: minimum 45, goal 55, limit 100, every part, one compensation."""
    full = {"tempo": TEMPO, "compensations": COMPENSATIONS, **fields}
    return template({"kind": "dominant", "sensor": "one"}, **full)


def measure(**changes: Any) -> RepetitionMeasure:
    """A correct repetition, far from every threshold."""
    good = RepetitionMeasure(
        start_s=3.0, peak_s=4.0, end_s=5.0, rom_deg=60.0, rom_sd_deg=2.0, out_s=0.8, hold_s=0.4,
        back_s=0.8, active_s=1.6, time_sd_s=0.05, smoothness_out=-1.6, smoothness_back=-1.7,
        compensations={"trunk_sway": (2.0, 1.0)}, interrupted=False, paused=False, whole=True,
    )  # fmt: skip
    return dataclasses.replace(good, **changes)


def explained(
    asked: ExerciseTemplate | None = None,
    *,
    sets: int = 1,
    reference: Reference | None = None,
    **changes: Any,
) -> Explanation:
    """The explanation of a repetition that measured so. sets: how many the session has. reference:
    the person's own."""
    asked = asked or exercise()
    measured = measure(**changes)
    judgement = judge(measured, asked, reference)
    event = repetition(
        1,
        rom_deg=measured.rom_deg,
        verdict=judgement.verdict,
        faults=judgement.faults,
        borderline=judgement.borderline,
        notes=judgement.notes,
        score=judgement.score,
        goal_reached=judgement.goal_reached,
        range_reference_deg=None if reference is None else reference.range_deg,
        rom_share_own=None if reference is None else reference.share(measured.rom_deg),
    )
    told = angles(8.0)
    evidence = Evidence(
        event=event,
        template=asked,
        measure=measured,
        rest_deg=0.0,
        way=1.0,
        left_s=event.start_s,
        t_s=np.array([angle.t_s for angle in told]),
        angle_deg=np.array([angle.angle_deg for angle in told]),
        angle_sd_deg=np.array([angle.angle_sd_deg for angle in told]),
        reference=reference,
    )
    curve = AngleCurve()
    for angle in told:
        curve.add(angle)
    done = [
        SetEvent(
            seq=10 + number, exercise=asked.id, side=None, set_index=number, start_s=0.0,
            end_s=8.0, repetitions=1, correct=0, goal_reached=0, partial=0, unlike=0,
            mean_rom_deg=60.0, mean_score=90.0,
        )
        for number in range(1, sets + 1)
    ]  # fmt: skip
    return Explanation.of(Sought(evidence, sets, done, curve.points(), Outcome()))
