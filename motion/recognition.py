"""Which exercise is it: repetitions of several exercises told apart, online.

Each exercise is tracked by itself; a repetition gets the name of the exercise whose signature it is
nearest to. What a signature is stands in `signature`; sets and counting are `session`'s.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, Final, Self

import msgspec

from motion.attitude import Attitudes
from motion.calibration import Calibration
from motion.errors import RecognitionError, RecognitionFault
from motion.events import RecognisedEvent
from motion.evidence import Evidence
from motion.samples import Samples
from motion.signature import Moments, Signature
from motion.snapshot import pack, restored
from motion.template import ExerciseTemplate, LearnedMovement
from motion.tracker import Tracker

# A repetition this far from every exercise is none of them: half-way between the farthest right
# repetition of three people, 0.41, and 0.8, which is a pose 50 degrees off at every sensor and the
# movement across.
UNKNOWN_DISTANCE: Final = 0.6
# Distances that differ by this much are e times as likely, so that a repetition 0.23 nearer to one
# exercise than to another is that one nine times in ten.
DISTANCE_SCALE: Final = 0.1
# The same movement told twice: intervals that share a quarter of the shorter one. From one turning
# point to the next a movement may look like its opposite, half a repetition later.
SAME_MOVEMENT: Final = 0.25
# What is less likely says nothing about what somebody is doing ...
SURE: Final = 0.9
# ... and one repetition may be a slip.
IN_A_ROW: Final = 2


class Recogniser:
    """Names the repetitions of several exercises, with the verbs of `Tracker`.

    templates: of one plan, so that their sensors are worn in one way; a neutral pose that is taken
    shows the start of the first. Raises RecognitionError for what cannot be told apart.
    """

    def __init__(
        self,
        templates: Sequence[ExerciseTemplate],
        calibration: Calibration | None = None,
        side: str | None = None,
        *,
        counting: bool = True,
    ) -> None:
        self.templates = tuple(templates)
        self.calibration = calibration
        self.side = side
        self.watermark_s = -math.inf
        self._noted: list[tuple[float, float, float, int]] = []
        self._last = (-math.inf, -math.inf)
        self._awaits_neutral = False
        self._trackers = [
            Tracker(template, calibration, side, witness=self._witness(number), onsets=False)
            for number, template in enumerate(templates)
        ]
        ids = [template.id for template in templates]
        twice = next((each for each in ids if ids.count(each) > 1), None)
        if twice is not None:
            raise RecognitionError(
                RecognitionFault.TWICE,
                f"Two exercises have the id {twice!r}; give each its own.",
                exercise=twice,
            )
        self._signatures: list[Signature] = []
        for template, tracker in zip(templates, self._trackers, strict=True):
            signature = Signature.of(template, calibration, tracker.side)
            if signature is None:
                raise RecognitionError(
                    RecognitionFault.NO_SIGNATURE,
                    f"What {template.id!r} looks like is not known: it needs a calibration of its "
                    "sensors and a figure, or to be learned from a demonstration.",
                    exercise=template.id,
                )
            self._signatures.append(signature)
            tracker.counting = counting
        self._attitudes = Attitudes(dict.fromkeys(self.slots))

    @property
    def slots(self) -> tuple[str, ...]:
        """All sensors that are read, where they are worn."""
        watched = (slot for template in self.templates for slot in template.watched_slots)
        return tuple(dict.fromkeys(watched))

    def push(self, samples: Samples) -> list[RecognisedEvent]:
        """Buffer samples. Samples of sensors that no exercise reads are ignored."""
        if samples.sensor in self._attitudes.streams:
            self._attitudes.push(samples)
            for tracker in self._trackers:
                if samples.sensor in tracker.template.watched_slots:
                    tracker.push(samples)
        return []

    def advance(self, watermark_s: float) -> list[RecognisedEvent]:
        """Nothing older than `watermark_s` will come: name what that releases."""
        return self._run(watermark_s, last=False)

    def finish(self) -> list[RecognisedEvent]:
        """The stream has ended: name what has returned."""
        return self._run(self.watermark_s, last=True)

    def count(self, counting: bool) -> None:
        """Pause or resume, as `Tracker.count`."""
        for tracker in self._trackers:
            tracker.count(counting)

    def take_neutral(self) -> None:
        """Take the next still half-second for the start pose of the first exercise.

        How sensors are worn otherwise than when it was demonstrated holds for the others as well.
        """
        for tracker in self._trackers:
            if not isinstance(tracker.template.movement, LearnedMovement):
                # Calibrated, so that it is known how the sensors are worn.
                tracker.take_neutral()
        if isinstance(self.templates[0].movement, LearnedMovement):
            self._trackers[0].take_neutral()
            self._awaits_neutral = True

    def _run(self, watermark_s: float, *, last: bool) -> list[RecognisedEvent]:
        self._attitudes.advance(watermark_s, last=last)
        for tracker in self._trackers:
            if last:
                tracker.finish()
                self.watermark_s = max(self.watermark_s, tracker.watermark_s)
            else:
                tracker.advance(watermark_s)
                self.watermark_s = watermark_s
            if self._awaits_neutral and self._trackers[0].course.worn:
                self._awaits_neutral = False
                for other in self._trackers[1:]:
                    if isinstance(other.template.movement, LearnedMovement):
                        other.wear(self._trackers[0].course.worn)
        noted, self._noted = sorted(self._noted), []
        events = [event for each in noted for event in self._named(each)]
        self._attitudes.trim(min(tracker.oldest_s for tracker in self._trackers))
        return events

    def _witness(self, number: int) -> Callable[[Evidence], None]:
        def note(evidence: Evidence) -> None:
            event = evidence.event
            self._noted.append((event.end_s, event.peak_s, evidence.left_s, number))

        return note

    def _named(self, noted: tuple[float, float, float, int]) -> list[RecognisedEvent]:
        """The repetition under its name, unless it is another exercise's, or told already."""
        end_s, peak_s, start_s, number = noted
        seen: dict[str, Moments] = {}
        for slot in self._attitudes.streams:
            start, peak, end = (
                self._attitudes.at(slot, t_s) for t_s in (start_s, peak_s, end_s)
            )  # fmt: skip
            if start is not None and peak is not None and end is not None:
                seen[slot] = (start, peak, end)
        distances = {
            tracker.template.id: (tracker.course.signature or drawn).distance(seen)
            for tracker, drawn in zip(self._trackers, self._signatures, strict=True)
        }
        name = min(distances, key=lambda each: distances[each])
        nearest = distances[name]
        if name != self.templates[number].id or nearest > UNKNOWN_DISTANCE:
            return []
        first_s, last_s = self._last
        shared_s = min(end_s, last_s) - max(start_s, first_s)
        if shared_s > SAME_MOVEMENT * min(end_s - start_s, last_s - first_s):
            return []
        self._last = (start_s, end_s)
        likely = {
            each: math.exp((nearest - distance) / DISTANCE_SCALE)
            for each, distance in distances.items()
        }
        none = math.exp((nearest - UNKNOWN_DISTANCE) / DISTANCE_SCALE)
        total = math.fsum([*likely.values(), none])
        return [
            RecognisedEvent(
                exercise=name,
                start_s=start_s,
                peak_s=peak_s,
                end_s=end_s,
                reported_s=self.watermark_s,
                sure=likely[name] / total,
                likely={each: share / total for each, share in likely.items()},
            )
        ]

    # --- snapshots

    def state(self) -> bytes:
        """Everything that the next input needs. `restore` continues to the last bit."""
        return pack("recogniser", self.state_document())

    def state_document(self) -> dict[str, Any]:
        """The state as plain values and arrays."""
        return {
            "calibration": None if self.calibration is None else self.calibration.document(),
            "plain": [self.side, self.watermark_s, list(self._last), self._awaits_neutral],
            "trackers": [tracker.state_document() for tracker in self._trackers],
            "attitudes": self._attitudes.state(),
        }

    @classmethod
    def restore(cls, snapshot: bytes) -> Self:
        """A recogniser that continues where `state` was taken; raises SnapshotError."""
        return restored("recogniser", snapshot, cls.from_state_document)

    @classmethod
    def from_state_document(cls, state: dict[str, Any]) -> Self:
        """Inverse of `state_document`."""
        trackers = [Tracker.from_state_document(each) for each in state["trackers"]]
        calibration = state["calibration"]
        side, watermark_s, last, awaits_neutral = state["plain"]
        recogniser = cls(
            [tracker.template for tracker in trackers],
            None if calibration is None else Calibration.from_document(calibration),
            side,
        )
        recogniser.watermark_s = watermark_s
        first_s, last_s = last
        recogniser._last = (first_s, last_s)
        recogniser._awaits_neutral = awaits_neutral
        recogniser._trackers = trackers
        for number, tracker in enumerate(trackers):
            tracker.assessment.witness = recogniser._witness(number)
        recogniser._attitudes.restore(state["attitudes"])
        return recogniser


class ExerciseWatch:
    """Notices that somebody does another exercise of the plan than the one prescribed.

    It takes two repetitions in a row, each of them sure; after that nothing more is said until the
    prescribed exercise, or yet another one, has been seen.
    """

    def __init__(self) -> None:
        self._exercise = ""
        self._seen: list[RecognisedEvent] = []

    def forget(self) -> None:
        """Begin anew: a new set."""
        self._exercise = ""
        self._seen = []

    def note(self, event: RecognisedEvent, prescribed: str) -> list[RecognisedEvent] | None:
        """The repetitions in a row that show another exercise, told once a stretch; else None."""
        if event.sure < SURE and event.exercise != prescribed:
            return None
        if event.exercise != self._exercise:
            self._exercise = event.exercise
            self._seen = []
        if event.exercise == prescribed or len(self._seen) >= IN_A_ROW:
            return None
        self._seen.append(event)
        return list(self._seen) if len(self._seen) == IN_A_ROW else None

    def state(self) -> list[Any]:
        """For snapshots; `restore` is the inverse."""
        return [self._exercise, msgspec.json.encode(self._seen)]

    def restore(self, state: list[Any]) -> None:
        """Continue from `state`."""
        self._exercise, seen = state
        self._seen = msgspec.json.decode(seen, type=list[RecognisedEvent])
