"""The assessment of a repetition: from the row that was found to the event that is told.

Numbers repetitions, knows sides and ways, keeps the person's own reference, and hands the evidence
on. How rules come out is `quality`'s, what is measured `measure`'s.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion import repetition as rep
from motion.columns import Columns
from motion.events import CueEvent, Event, RepetitionEvent
from motion.evidence import Evidence, Witness
from motion.joints import opposite
from motion.measure import RepetitionMeter
from motion.quality import RepetitionMeasure, cue_for, judge
from motion.reference import OwnReferences, Reference
from motion.template import ExerciseTemplate, JointMovement, SegmentMovement

Float64 = NDArray[np.float64]

# A cue is worthless after this.
CUE_LIFE_S: Final = 2.0


class Assessment:
    """Tells repetitions of one exercise, one after the other.

    seq: number of the next event of the log. set_index: of the set under way. index: repetitions
    told so far. references: of the whole session, where a session keeps them from one start to the
    next. A `witness` is handed the evidence of every repetition just before its event; it is no
    part of a snapshot.
    """

    def __init__(
        self,
        template: ExerciseTemplate,
        side: str | None,
        meter: RepetitionMeter,
        *,
        first_seq: int = 1,
        set_index: int = 1,
        witness: Witness | None = None,
    ) -> None:
        self._template = template
        self._side = side
        self._meter = meter
        self.seq = first_seq
        self.set_index = set_index
        self.index = 0
        self.references = OwnReferences()
        self.witness = witness

    def told(
        self, row: Float64, history: Columns, period_s: float, reported_s: float, *, whole: bool
    ) -> list[Event]:
        """The event of a repetition, with a cue where there is one.

        row: (ROW_SIZE,) of `repetition`, in `history`, whose rows come every `period_s`.
        reported_s: the watermark. whole: its start was seen.
        """
        measure = self._meter.measure(row, history, period_s, whole=whole)
        way = self._way_of(row)
        self.index += 1
        side = self._side_of(way)
        reference = self._reference(measure, side, way)
        judgement = judge(measure, self._template, reference)
        event = RepetitionEvent(
            seq=self.seq,
            exercise=self._template.id,
            side=side,
            way=way,
            set_index=self.set_index,
            index=self.index,
            start_s=measure.start_s,
            peak_s=measure.peak_s,
            end_s=measure.end_s,
            reported_s=reported_s,
            rom_deg=measure.rom_deg,
            rom_sd_deg=measure.rom_sd_deg,
            goal_reached=judgement.goal_reached,
            out_s=measure.out_s,
            hold_s=measure.hold_s,
            back_s=measure.back_s,
            active_s=measure.active_s,
            smoothness_out=measure.smoothness_out,
            smoothness_back=measure.smoothness_back,
            compensations={name: value for name, (value, _) in measure.compensations.items()},
            score=judgement.score,
            score_parts=judgement.score_parts,
            verdict=judgement.verdict,
            faults=judgement.faults,
            borderline=judgement.borderline,
            notes=judgement.notes,
            reach_deg=measure.reach_deg,
            range_reference_deg=None if reference is None else reference.range_deg,
            rom_share_own=None if reference is None else reference.share(measure.judged_range_deg),
        )
        self.seq += 1
        if self.witness is not None:
            self.witness(self._evidence(event, measure, row, history, reference))
        events: list[Event] = [event]
        cue = cue_for(judgement, measure, self._template)
        if cue is not None:
            events.append(CueEvent(reported_s, reported_s + CUE_LIFE_S, *cue))
        return events

    def _reference(
        self, measure: RepetitionMeasure, side: str | None, way: str | None
    ) -> Reference | None:
        """The person's own reference before this repetition, which becomes part of it while it is
        not yet known."""
        if self._template.range.reference == "prescription":
            return None
        reference = self.references.known(side, way)
        # Of what was not seen from its start, or had gaps, the range is not known well.
        if measure.whole and not measure.interrupted:
            self.references.add(side, way, measure.judged_range_deg, measure.rom_sd_deg)
        return reference

    def _evidence(
        self,
        event: RepetitionEvent,
        measure: RepetitionMeasure,
        row: Float64,
        history: Columns,
        reference: Reference | None,
    ) -> Evidence:
        return Evidence(
            event=event,
            template=self._template,
            measure=measure,
            rest_deg=float(row[rep.ROW_REST]),
            # The row of a repetition that was under way at the first sample leaves it out.
            way=-1.0 if row[rep.ROW_WAY] < 0.0 else 1.0,
            left_s=float(row[rep.ROW_START_T]),
            t_s=history["t"].copy(),
            angle_deg=history["angle"].copy(),
            angle_sd_deg=history["sd"].copy(),
            reference=reference,
        )

    def _way_of(self, row: Float64) -> str | None:
        """The clinical direction of a repetition, where the exercise goes both ways."""
        movement = self._template.movement
        if self._template.direction == "one" or not isinstance(
            movement, JointMovement | SegmentMovement
        ):
            return None
        return movement.axis if row[rep.ROW_WAY] > 0.0 else opposite(movement.axis)

    def _side_of(self, way: str | None) -> str | None:
        """The side of a repetition: where sides alternate, told by its way or its turn."""
        if self._template.side != "alternate":
            return self._side
        if way is not None and way.endswith(("_left", "_right")):
            return way.rsplit("_", 1)[1]
        first = self._side or "left"
        other = "right" if first == "left" else "left"
        return first if self.index % 2 == 1 else other

    def state(self) -> list[Any]:
        """For snapshots; `restore` is the inverse."""
        return [self.seq, self.set_index, self.index, self.references.state()]

    def restore(self, state: list[Any]) -> None:
        """Continue from `state`."""
        self.seq, self.set_index, self.index, references = state
        self.references = OwnReferences.restore(references)
