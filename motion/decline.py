"""Decline from one's own first repetitions: the later sets of a session against its beginning.

For exercises whose range is judged against that reference (`reference`), so that it never hides how
the range becomes less. Within a set `trend` tells it; whether a change means something, `change`.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from motion.change import Change, changed
from motion.events import Note, RepetitionEvent
from motion.quantity import CHANCE, Quantity, comparable
from motion.reference import FIRST
from motion.trend import sets_of


@dataclass(frozen=True, slots=True)
class Decline:
    """The range of one set against the first repetitions of the session, of one side and way."""

    exercise: str
    side: str | None
    way: str | None
    set_index: int
    change: Change


def declines(repetitions: Iterable[RepetitionEvent]) -> list[Decline]:
    """Every set that was judged against one's own first repetitions, in their order.

    Of the set that these belong to, what follows them. Nothing where the range is judged against
    the prescription, or of sets with fewer than three repetitions to compare. All sets of a side
    and way together state a change by chance alone in no more than one session in twenty.
    """
    events = list(repetitions)
    first = _first(events)
    compared: dict[_Kind, list[tuple[int, list[RepetitionEvent]]]] = {kind: [] for kind in first}
    order: list[tuple[_Kind, int]] = []
    for done in sets_of(events):
        for kind in dict.fromkeys(_kind(event) for event in done):
            if kind not in first:
                continue
            later = [
                event
                for event in done
                if _kind(event) == kind
                and event.range_reference_deg is not None
                and comparable(event)
            ]
            order.append((kind, len(compared[kind])))
            compared[kind].append((done[0].set_index, later))
    found = []
    for kind, number in order:
        set_index, later = compared[kind][number]
        allowed = CHANCE / len(compared[kind])
        change = changed(Quantity.RANGE, first[kind], later, within=True, allowed=allowed)
        if change is not None:
            found.append(Decline(*kind, set_index, change))
    return found


_Kind = tuple[str, str | None, str | None]


def _kind(event: RepetitionEvent) -> _Kind:
    return event.exercise, event.side, event.way


def _first(events: Iterable[RepetitionEvent]) -> dict[_Kind, list[RepetitionEvent]]:
    """The repetitions that the reference was taken from, of every kind that has one."""
    before: dict[_Kind, list[RepetitionEvent]] = {}
    known: set[_Kind] = set()
    for event in events:
        kind = _kind(event)
        if event.range_reference_deg is not None:
            known.add(kind)
        elif kind not in known and Note.INTERRUPTED not in (*event.notes, *event.faults):
            before.setdefault(kind, []).append(event)
    return {kind: taken for kind, taken in before.items() if kind in known and len(taken) == FIRST}
