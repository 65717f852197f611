"""A recording through the recogniser: which exercise of several each repetition is.

What is done when comes from the movements alone; of a session's log only its watermarks and its
neutral poses are kept. How exercises are told apart is `motion.recognition`'s.
"""

import math
from collections.abc import Iterator

from motion.calibration import Calibration
from motion.errors import MotionError
from motion.events import RecognisedEvent
from motion.recognition import Recogniser
from motion.samples import Samples, Watermark
from motion.session import NeutralControl, control_from_document
from server.errors import ReplayError, ReplayFault
from server.replay import Progress, Replay, no_progress


def recognised(plan: Replay, progress: Progress = no_progress) -> Iterator[RecognisedEvent]:
    """Repetitions under their names, in order, of a plan made without the recording's own log.

    Raises ReplayError when the plan's exercises cannot be told apart.
    """
    path = plan.recording.path
    try:
        calibration = (
            None if plan.calibration is None else Calibration.from_document(plan.calibration)
        )
        begun = plan.begins_s == -math.inf
        recogniser = Recogniser(
            [plan.template, *plan.among], calibration, plan.side, counting=begun
        )
        for entry in plan.recording.inputs(list(plan.rename), plan.rename):
            if isinstance(entry, Samples):
                recogniser.push(entry)
            elif isinstance(entry, Watermark):
                yield from recogniser.advance(entry.t_s)
                if not begun and entry.t_s >= plan.begins_s:
                    begun = True
                    recogniser.count(True)
                progress(entry.t_s)
            elif isinstance(control_from_document(entry), NeutralControl):
                recogniser.take_neutral()
        yield from recogniser.finish()
    except MotionError as error:
        raise ReplayError(ReplayFault.TEMPLATES, f"{path}: {error}", path=path) from None
