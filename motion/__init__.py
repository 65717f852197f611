"""The mathematics of Gonio: from samples of motion sensors to judged repetitions.

Reads no files but its own templates, knows no device and no network.
"""

from motion.calibration import Calibration
from motion.samples import Samples, Watermark
from motion.session import Session
from motion.template import ExerciseTemplate
from motion.tracker import Tracker
from motion.warming import warmup

__all__ = [
    "Calibration",
    "ExerciseTemplate",
    "Samples",
    "Session",
    "Tracker",
    "Watermark",
    "warmup",
]
