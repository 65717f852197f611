"""What can go wrong in `motion`, each with a reason that a program can translate.

Messages are one sentence for a person: what is wrong, where, and what to do.
"""

from enum import StrEnum


class MotionError(Exception):
    """Base of all errors of this package."""


class SamplesFault(StrEnum):
    SHAPE = "shape"
    UNKNOWN_SENSOR = "unknown_sensor"
    UNITS_ACCELERATION = "units_acceleration"
    UNITS_ANGULAR_RATE = "units_angular_rate"
    SWAPPED = "swapped"
    DEAD = "dead"
    CALIBRATION = "calibration"


class SamplesError(MotionError):
    """Samples that cannot be used. `sensor` is the slot, when one is to blame."""

    def __init__(self, reason: SamplesFault, message: str, *, sensor: str | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.sensor = sensor


class TemplateFault(StrEnum):
    NOT_FOUND = "not_found"
    UNREADABLE = "unreadable"
    INVALID = "invalid"


class TemplateError(MotionError):
    """A template that cannot be used. `source` is its file or id, `field` the dotted path."""

    def __init__(
        self, reason: TemplateFault, message: str, *, source: str, field: str | None = None
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.source = source
        self.field = field


class LearningFault(StrEnum):
    INTERVAL = "interval"
    NO_MOVEMENT = "no_movement"
    NO_SENSOR = "no_sensor"


class LearningError(MotionError):
    """A demonstration from which no template can be made."""

    def __init__(self, reason: LearningFault, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class CalibrationFault(StrEnum):
    SENSORS = "sensors"
    POSITION = "position"
    SHORT = "short"
    NO_SAMPLES = "no_samples"
    MOVING = "moving"
    NO_MOVEMENT = "no_movement"
    MOVEMENT = "movement"
    SWAPPED = "swapped"
    WORN = "worn"


class CalibrationError(MotionError):
    """A calibration that has to be done again. `sensor` is the slot, when one is to blame."""

    def __init__(
        self, reason: CalibrationFault, message: str, *, sensor: str | None = None
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.sensor = sensor


class RecognitionFault(StrEnum):
    TWICE = "twice"
    NO_SIGNATURE = "no_signature"


class RecognitionError(MotionError):
    """Exercises that cannot be told apart; `exercise` is the id of the one to blame."""

    def __init__(self, reason: RecognitionFault, message: str, *, exercise: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.exercise = exercise


class OrderFault(StrEnum):
    WATERMARK_BACKWARDS = "watermark_backwards"
    FINISHED = "finished"
    CONTROL = "control"


class OrderError(MotionError):
    """Inputs of a session in an order that the log does not allow."""

    def __init__(self, reason: OrderFault, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class ComparisonFault(StrEnum):
    NO_REPETITIONS = "no_repetitions"
    OTHER_EXERCISE = "other_exercise"
    OTHER_SIDE = "other_side"


class ComparisonError(MotionError):
    """Two sessions that have nothing in common to be compared by."""

    def __init__(self, reason: ComparisonFault, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class SnapshotError(MotionError):
    """A snapshot of another version, or one that is damaged."""
