"""What a person sets out to do: repetitions with their range, tempo and compensations, done rightly
or with one fault.

Which poses that takes is `choreography`'s; what sensors and truth make of it is `simulation`'s.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from motion.events import Fault
from motion.repetition import plateau_deg
from motion.template import ExerciseTemplate, HoldMovement, Interval

Float64 = NDArray[np.float64]

# A fault lies beyond its threshold by a fifth of it and at least so much: three times what two
# sensors' inclinations may be off (2 degrees), and six sampling periods of a slow sensor.
FAULT_SHARE: Final = 0.2
FAULT_LEAST_DEG: Final = 6.0
FAULT_TIME_SHARE: Final = 0.3
FAULT_LEAST_S: Final = 0.3
# A part of a movement shorter than this is beyond a person.
QUICKEST_S: Final = 0.2
# What is too short must still be counted, by this margin above `count_from_deg`.
COUNTED_SHARE: Final = 1.1
# An absence from the band of a hold that is longer than this is a sag (design, Exercise template).
LONGEST_ABSENCE_S: Final = 1.0
# Rightly done, compensations stay below this share of their limits.
RIGHT_SHARE: Final = 0.3
# Mid-range: the middle two fifths of a prescribed interval.
MIDDLE: Final = (0.3, 0.7)
# Where nothing is prescribed: calm, with a short stop at the turning point. Seconds.
USUAL_OUT_S: Final = (1.0, 1.8)
USUAL_HOLD_S: Final = (0.7, 1.4)
USUAL_REST_S: Final = (1.0, 2.0)
# An exercise is aimed beyond its goal, towards the middle of what is allowed, but no further than
# this: who reaches the goal does not go to the limit.
BEYOND_GOAL: Final = 1.25
# Dipping out of a band takes so long, and coming back as much.
DIP_S: Final = 0.8
# A sag that comes closer to the rest than this share would end the repetition (30 %).
STILL_HELD: Final = 0.4
# A sag of less than this below the band, the error of an inclination three times, could be none.
LEAST_SAG_DEG: Final = 3.0
# Slow ends of the movements take up no more of the longest prescribed hold than this.
MOST_OF_HOLD: Final = 0.9
# Movements that must be quick keep this far from the shortest time prescribed, of the interval.
UNHURRIED: Final = 0.15
# No part of a body leans further and comes back.
FURTHEST_TILT_DEG: Final = 90.0


def minimum_jerk(share: ArrayLike) -> Float64:
    """Way made, 0 to 1, at shares (n,) of the time of a smooth movement.

    Flash & Hogan, J Neurosci 5:1688, 1985, equation 3.
    """
    x = np.clip(np.asarray(share, dtype=np.float64), 0.0, 1.0)
    way: Float64 = x**3 * (10.0 - 15.0 * x + 6.0 * x**2)
    return way


def minimum_jerk_time(way: float) -> float:
    """Share of the time at which a smooth movement has made `way`: the inverse, by halving."""
    low, high = 0.0, 1.0
    for _ in range(60):
        x = 0.5 * (low + high)
        if x**3 * (10.0 - 15.0 * x + 6.0 * x**2) < way:
            low = x
        else:
            high = x
    return 0.5 * (low + high)


# Of the time of a smooth movement, the share between its crossings of 5 and 95 %, and that above a
# fifth, which counts as active.
ACTIVE_FROM: Final = 0.20
PART_SHARE: Final = minimum_jerk_time(0.95) - minimum_jerk_time(0.05)
ACTIVE_SHARE: Final = 1.0 - minimum_jerk_time(ACTIVE_FROM)


@dataclass(frozen=True, slots=True)
class PlannedRepetition:
    """One repetition as intended.

    range_deg: measured angle at the turning point. out_s, back_s: between the crossings of 5 and
    95 % of it. hold_s: above `edge`, a share of it; of a hold the lower edge of its band. rest_s:
    standing still afterwards. way: 1 or -1, the opposite one. mirrored: done by the other limb, or
    to the other side. compensations: their true values in degrees; what the exercise itself brings
    along cannot be taken away. sag_s: seconds out of the band in mid-hold, at sag_to_deg.
    intended: the faults that were put in, by the engine's names.
    """

    range_deg: float
    out_s: float
    hold_s: float
    back_s: float
    rest_s: float
    way: int = 1
    mirrored: bool = False
    edge: float = 0.95
    compensations: Mapping[str, float] = field(default_factory=dict)
    sag_s: float = 0.0
    sag_to_deg: float = 0.0
    intended: tuple[str, ...] = ()

    @property
    def moving_out_s(self) -> float:
        """Seconds from standing still to the turning point."""
        return self.out_s / PART_SHARE

    @property
    def moving_back_s(self) -> float:
        """Seconds from the turning point to standing still."""
        return self.back_s / PART_SHARE

    @property
    def slow_ends_s(self) -> float:
        """The part of the hold that lies in the movements: a hold is never shorter."""
        moving_s = self.moving_out_s + self.moving_back_s
        return (1.0 - minimum_jerk_time(self.edge)) * moving_s

    @property
    def plateau_s(self) -> float:
        """Seconds at the turning point itself, a sag included."""
        return max(0.0, self.hold_s - self.slow_ends_s) + self.sag_s

    @property
    def whole_s(self) -> float:
        """Seconds until the next repetition."""
        return self.moving_out_s + self.plateau_s + self.moving_back_s + self.rest_s

    def shares(self, t: Float64) -> Float64:
        """The share (n,) of the range at times (n,) since the start, seconds."""
        back_from = self.moving_out_s + self.plateau_s
        share = minimum_jerk(t / self.moving_out_s)
        share -= minimum_jerk((t - back_from) / self.moving_back_s)
        if self.sag_s > 0.0:
            depth = 1.0 - self.sag_to_deg / self.range_deg
            leaving = minimum_jerk_time((1.0 - self.edge) / depth)
            stay_s = max(0.0, self.sag_s - 2.0 * (1.0 - leaving) * DIP_S)
            dip_from = self.moving_out_s + 0.5 * (self.plateau_s - stay_s) - DIP_S
            down = minimum_jerk((t - dip_from) / DIP_S)
            up = minimum_jerk((t - dip_from - DIP_S - stay_s) / DIP_S)
            share -= depth * (down - up)
        return share


Performance = tuple[PlannedRepetition, ...]


def plan(
    template: ExerciseTemplate,
    count: int,
    random: np.random.Generator,
    *,
    range_deg: Interval | None = None,
    out_s: Interval | None = None,
    hold_s: Interval | None = None,
    back_s: Interval | None = None,
    rest_s: Interval = USUAL_REST_S,
) -> Performance:
    """`count` repetitions rightly done: beyond the goal, in the middle of every prescribed time,
    with compensations far below their limits. Both ways, or both sides, take turns.

    Intervals draw evenly from what they give, in place of what the template prescribes.
    """
    return tuple(
        _right(template, number, random, range_deg, out_s, hold_s, back_s, rest_s)
        for number in range(count)
    )


def _right(
    template: ExerciseTemplate,
    number: int,
    random: np.random.Generator,
    range_deg: Interval | None,
    out_s: Interval | None,
    hold_s: Interval | None,
    back_s: Interval | None,
    rest_s: Interval,
) -> PlannedRepetition:
    tempo = template.tempo
    low_deg, high_deg = range_deg or aimed_deg(template)
    aimed = random.uniform(low_deg, high_deg)
    out = random.uniform(*(out_s or _middle(tempo.out_s, USUAL_OUT_S)))
    back = random.uniform(*(back_s or _middle(tempo.back_s, USUAL_OUT_S)))
    if tempo.active_s is not None and tempo.out_s is None and out_s is None:
        # Moving and active are proportional where nothing is held.
        moving_s = random.uniform(*_middle(tempo.active_s, USUAL_OUT_S)) / ACTIVE_SHARE
        out = back = 0.5 * moving_s * PART_SHARE
        hold = 0.0
    else:
        hold = random.uniform(*(hold_s or _middle(tempo.hold_s, USUAL_HOLD_S)))
    planned = PlannedRepetition(
        range_deg=aimed,
        out_s=out,
        hold_s=hold,
        back_s=back,
        rest_s=random.uniform(*rest_s),
        way=-1 if template.direction == "both" and number % 2 else 1,
        # Where both ways are done, the other way is the other side.
        mirrored=template.side == "alternate" and template.direction == "one" and bool(number % 2),
        edge=_edge(template, aimed),
        compensations={
            each.name: random.uniform(0.0, RIGHT_SHARE * each.limit_deg)
            for each in template.compensations
        },
    )
    if tempo.hold_s is not None:
        planned = _quick_enough(planned, template, MOST_OF_HOLD * tempo.hold_s[1])
    return replace(planned, hold_s=max(planned.hold_s, planned.slow_ends_s))


def aimed_deg(template: ExerciseTemplate) -> Interval:
    """Between the goal and the middle of what is allowed; well within the band of a hold."""
    band, target = template.band, template.range
    if band is not None:
        inner = RIGHT_SHARE * band.band_deg
        return (band.target_deg - inner, band.target_deg + inner)
    middle = 0.5 * (target.minimum_deg + target.limit_deg)
    # A goal at the very minimum, or just below the limit, is no place to be sure of.
    goal = max(target.goal_deg, min(middle, target.minimum_deg + FAULT_LEAST_DEG))
    goal = min(goal, max(middle, target.limit_deg - FAULT_LEAST_DEG))
    beyond = min(middle, BEYOND_GOAL * goal)
    return (min(goal, beyond), max(goal, beyond))


def _edge(template: ExerciseTemplate, range_deg: float) -> float:
    """The share of a range above which it is held."""
    band = template.band
    low_deg = plateau_deg(range_deg) if band is None else band.target_deg - band.band_deg
    return low_deg / range_deg


def _middle(prescribed: Interval | None, usual: Interval) -> Interval:
    if prescribed is None:
        return usual
    low, high = prescribed
    return (low + MIDDLE[0] * (high - low), low + MIDDLE[1] * (high - low))


def _quick_enough(
    planned: PlannedRepetition, template: ExerciseTemplate, hold_s: float
) -> PlannedRepetition:
    """The same with movements so quick that it is held for no longer than `hold_s`."""
    if planned.slow_ends_s <= hold_s:
        return planned
    shorter = hold_s / planned.slow_ends_s
    out_s, back_s = (
        max(
            shorter * now, QUICKEST_S if part is None else part[0] + UNHURRIED * (part[1] - part[0])
        )
        for now, part in (
            (planned.out_s, template.tempo.out_s),
            (planned.back_s, template.tempo.back_s),
        )
    )
    return replace(planned, out_s=min(out_s, planned.out_s), back_s=min(back_s, planned.back_s))


def possible_faults(template: ExerciseTemplate) -> tuple[str, ...]:
    """The faults that `with_fault` can put in: those whose threshold leaves room for one.

    too_fast comes by part: too_fast:out_s, too_fast:back_s, too_fast:active_s. Whether the body
    of the figure gets there is for `Choreography.reaches` to say.
    """
    random = np.random.default_rng(0)
    right = plan(template, 1, random)[0]
    found = []
    for fault in (
        Fault.RANGE_SHORT,
        Fault.RANGE_OVER,
        *(f"{Fault.TOO_FAST}:{part}" for part in ("out_s", "back_s", "active_s")),
        Fault.HOLD_SHORT,
        Fault.SAGGING,
        *(f"compensation:{each.name}" for each in template.compensations),
    ):
        try:
            with_fault(right, str(fault), template)
        except ValueError:
            continue
        found.append(str(fault))
    return tuple(found)


def with_fault(
    planned: PlannedRepetition, fault: str, template: ExerciseTemplate
) -> PlannedRepetition:
    """The same repetition with one fault, clearly beyond its threshold; all else as it was.

    Raises ValueError where the template does not judge it, or leaves no room for it.
    """
    rule, _, part = fault.partition(":")
    target, tempo = template.range, template.tempo
    held = isinstance(template.movement, HoldMovement)
    match rule:
        case Fault.RANGE_SHORT if not held:
            short_deg = target.minimum_deg - _beyond_deg(target.minimum_deg)
            if short_deg < COUNTED_SHARE * target.count_from_deg:
                raise ValueError(f"{template.id} does not count what is clearly too short.")
            faulty = replace(planned, range_deg=short_deg)
        case Fault.RANGE_OVER if not held:
            faulty = replace(planned, range_deg=target.limit_deg + _beyond_deg(target.limit_deg))
        case Fault.TOO_FAST if not held:
            faulty = _hurried(planned, part, template)
        case Fault.HOLD_SHORT if tempo.hold_s is not None and tempo.hold_s[0] > 0.0:
            short_s = tempo.hold_s[0] - _beyond_s(tempo.hold_s[0])
            faulty = replace(_quick_enough(planned, template, short_s), hold_s=short_s)
            if short_s < QUICKEST_S or faulty.slow_ends_s > short_s + 1e-9:
                raise ValueError(f"{template.id} leaves no room for a hold that is too short.")
        case Fault.SAGGING if template.band is not None:
            low_deg = template.band.target_deg - template.band.band_deg
            sag_deg = max(low_deg - _beyond_deg(low_deg), STILL_HELD * aimed_deg(template)[1])
            if sag_deg > low_deg - LEAST_SAG_DEG:
                raise ValueError(f"{template.id} leaves no room to sag.")
            faulty = replace(
                planned,
                sag_s=LONGEST_ABSENCE_S + _beyond_s(LONGEST_ABSENCE_S),
                sag_to_deg=sag_deg,
                hold_s=max(planned.hold_s, planned.slow_ends_s + 2.0 * DIP_S),
            )
        case "compensation":
            limits = {each.name: each.limit_deg for each in template.compensations}
            if part not in limits:
                raise ValueError(f"{template.id} has no compensation {part!r}.")
            value_deg = limits[part] + _beyond_deg(limits[part])
            if value_deg > FURTHEST_TILT_DEG:
                raise ValueError(f"nobody leans by {value_deg:.0f} degrees.")
            faulty = replace(planned, compensations={**planned.compensations, part: value_deg})
        case _:
            raise ValueError(f"{template.id} does not judge {fault!r}.")
    code = fault if rule == "compensation" else rule
    return replace(
        faulty,
        edge=_edge(template, faulty.range_deg),
        intended=(*planned.intended, code),
    )


def _hurried(
    planned: PlannedRepetition, part: str, template: ExerciseTemplate
) -> PlannedRepetition:
    prescribed: Interval | None = {
        "out_s": template.tempo.out_s,
        "back_s": template.tempo.back_s,
        "active_s": template.tempo.active_s,
    }.get(part)
    if prescribed is None:
        raise ValueError(f"{template.id} does not prescribe {part or 'that part'}.")
    quick_s = prescribed[0] - _beyond_s(prescribed[0])
    if part == "active_s":
        quick_s *= 0.5 * PART_SHARE / ACTIVE_SHARE
    if quick_s < QUICKEST_S:
        raise ValueError(f"nobody does {part} of {template.id} in {quick_s:.2f} s.")
    if part == "out_s":
        return replace(planned, out_s=quick_s)
    if part == "back_s":
        return replace(planned, back_s=quick_s)
    return replace(planned, out_s=quick_s, back_s=quick_s, hold_s=0.0)


def _beyond_deg(threshold_deg: float) -> float:
    return max(FAULT_SHARE * threshold_deg, FAULT_LEAST_DEG)


def _beyond_s(threshold_s: float) -> float:
    return max(FAULT_TIME_SHARE * threshold_s, FAULT_LEAST_S)
