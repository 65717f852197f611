"""Repetitions made by hand, for what looks back on finished ones."""

from collections.abc import Sequence
from typing import Any

from motion.events import RepetitionEvent, Verdict

EVERY_S = 3.0


def repetition(number: int, **fields: Any) -> RepetitionEvent:
    """The repetition of that number, one every three seconds."""
    start_s = EVERY_S * number
    document: dict[str, Any] = {
        "seq": number,
        "exercise": "synthetic",
        "side": None,
        "set_index": 1,
        "index": number,
        "start_s": start_s,
        "peak_s": start_s + 1.0,
        "end_s": start_s + 2.0,
        "reported_s": start_s + 2.1,
        "rom_deg": 60.0,
        "rom_sd_deg": 2.0,
        "goal_reached": True,
        "out_s": 0.8,
        "hold_s": 0.4,
        "back_s": 0.8,
        "active_s": 1.6,
        "smoothness_out": -1.6,
        "smoothness_back": None,
        "compensations": {},
        "score": 100.0,
        "score_parts": {},
        "verdict": Verdict.CORRECT,
        "faults": [],
        "borderline": [],
        "notes": [],
    }
    return RepetitionEvent(**(document | fields))


def with_ranges(ranges_deg: Sequence[float], **fields: Any) -> list[RepetitionEvent]:
    """One repetition for each range, numbered from 1."""
    return [repetition(number, rom_deg=deg, **fields) for number, deg in enumerate(ranges_deg, 1)]
