"""Online segmentation of an angle into repetitions: out, hold, back and rest.

Takes one angle over time and the least excursion that counts; knows no sensor, no prescription
beyond that. On request it also tells where the movement begins and ends by its speed. What a
repetition is worth stands in `quality`, how the angle comes about in `angle`.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion._jit import njit

Float64 = NDArray[np.float64]

# The band above the rest that a repetition leaves and re-enters, as a share of its excursion.
BAND: Final = 0.05
# Below this share of the excursion a turn or a standstill ends the repetition; above it the
# movement is still the same repetition. 30 % is 70 % of the way back.
RETURNED: Final = 0.30
# The plateau at the top: hold lasts from the first to the last crossing of this share.
PLATEAU: Final = 0.95
# A plateau is no narrower than what somebody sways while holding still, unless that were too large
# a share of a very small movement.
PLATEAU_LEAST_DEG: Final = 2.0
PLATEAU_MOST: Final = 0.15
# Between these crossings the movement is active, whatever creeps before and after.
ACTIVE: Final = 0.20
# A turn must be seen against noise and tremor: a share of the excursion and at least a degree,
# three times the noise of an inclination filtered over a few samples.
TURN_SHARE: Final = 0.05
TURN_LEAST_DEG: Final = 1.0
# Where the rest before showed a tremor, a turn exceeds it: from trough to crest it measures 2.8
# standard deviations. However much somebody trembles, half of the zone of the return is a turn.
TREMOR_SDS: Final = 4.0
TREMOR_SHARE: Final = 0.15
# Sinking no lower for this long, while returned, is a standstill, which begins where it stops. With
# a watermark every 100 ms this keeps the report within half a second of the end, once the axis is
# known. What breathing and settling down add does not count: a share of the excursion, at most what
# breathing moves.
STANDSTILL_S: Final = 0.35
SINKING: Final = 0.02
SINKING_MOST_DEG: Final = 0.5
# Half a second of stillness near the rest corrects it; two seconds set it anywhere. Who sways is
# never quite still: after four seconds that counts as a rest too.
REST_NEAR_S: Final = 0.5
REST_ANYWHERE_S: Final = 2.0
REST_SWAYING_S: Final = 4.0
# How much the angle may move and still be still, as a share of the least excursion that counts.
STILL_SHARE: Final = 0.3
# The level of the rest is the mean over half a second, looked for this far back from where the
# angle left it, among the stretches as quiet as the quietest: their variance is at most so many
# times as large, plus what a sensor's own noise adds. The latest of them counts, as rests drift.
LEVEL_S: Final = 0.5
LEVEL_BACK_S: Final = 3.0
QUIET_RATIO: Final = 1.5
QUIET_LEAST_DEG2: Final = 0.04
# Breathing moves a resting trunk by half a degree within a third of half a second.
PASSING_LEAST_DEG: Final = 0.5
# Between what a tremor and what a valley shows, in standard deviations (see `_passes`).
PASSING_SDS: Final = 1.35
# A movement has begun, or ended, where its speed passes this share of its fastest: what studies of
# reaching take for onset and end. The speed is that over 0.3 s, one to three periods of a tremor.
ONSET_SPEED: Final = 0.05
SPEED_HALF_S: Final = 0.15
# So much later than by the band a movement ends at most. Its speed is known half a window later, so
# that with a watermark every 100 ms the report comes within half a second of either end.
SETTLE_S: Final = 0.3
# For this long after an end the rest follows the angle down: the last part of the return.
SETTLING_S: Final = 1.0
# A standstill in mid-repetition is a pause from here on, and part of the repetition ...
PAUSE_S: Final = 3.0
# ... and up to here; a longer one is a new posture.
GIVE_UP_S: Final = 15.0
# Slow ends of a standstill look still too: so much more is allowed before it is given up.
STAND_EDGES_S: Final = 1.0
# Below so many times the least excursion that counts, fidgeting may pass for a movement.
HARDLY_COUNTS: Final = 2.0
# A repetition that lasts longer than this is none: the longest prescribed part is shorter.
LONGEST_S: Final = 300.0
# While resting, the start of the next repetition is looked for no further back than this.
LOOK_BACK_S: Final = 60.0
# Swings that show a wrong rest: back and forth over this share of what was taken for the excursion,
# without ever coming within RETURNED of the rest. A bounce at the turning point is smaller ...
SWING_SHARE: Final = 0.25
# ... and one over nearly half counts for more: at most 0.7 of the excursion lie above RETURNED.
WIDE_SWING_SHARE: Final = 0.45
# So many valleys at one level show that the rest lies there: fewer while no rest was seen yet.
VALLEYS_UNSEEN: Final = 2
WIDE_VALLEYS_SEEN: Final = 3
VALLEYS_SEEN: Final = 6
# Lost samples leave the angle off by what is not known of the movement between: a straight line of
# the rate misses about so much of the excursion a second squared, in two standard deviations, up to
# all of it in half a second. Less than a tenth of a second leaves no more than other errors do ...
DOUBT_PER_S2: Final = 3.0
DOUBT_LEAST_S: Final = 0.1
# ... and without a loss samples do not come this much later than the one before did.
DOUBT_PERIODS: Final = 1.5
# A new highest point this long ago, on the plateau, is a hold.
HOLD_AFTER_S: Final = 0.3

# State of the segmenter, one array. Indices of samples are absolute: counted from the first.
NEXT: Final = 0  # next sample to look at
OPEN: Final = 1
REST: Final = 2  # rest level, degrees
BOUND: Final = 3  # the next repetition starts no earlier than this sample
PEAK: Final = 4
LOW: Final = 5  # lowest sample since the angle came within RETURNED
IN_ZONE: Final = 6
FOLLOW: Final = 7
END_T: Final = 8
STILL_FROM: Final = 9
STILL_MIN: Final = 10
STILL_MAX: Final = 11
STAND_FROM: Final = 12
STAND_MIN: Final = 13
STAND_MAX: Final = 14
SEEN_REST: Final = 15
OPENED: Final = 16
VALLEYS: Final = 17
VALLEY: Final = 18
FALLING: Final = 19
TOP: Final = 20
DIP: Final = 21
PARTIAL: Final = 22
PAUSE_S_SEEN: Final = 23
PAUSE_LEVEL: Final = 24
LAST_GAP: Final = 25  # last sample that a silence precedes
PHASE: Final = 26
STARTED: Final = 27
OVER_LIMIT: Final = 28
WIDE_VALLEYS: Final = 29
DWELT: Final = 30  # stillness has set the rest since the last repetition
BELOW: Final = 31  # 1 while the angle lies far below the rest
BELOW_LOW: Final = 32  # its lowest sample there
BELOW_TOP: Final = 33  # the highest angle since then
NOISE: Final = 34  # standard deviation of the angle at the rest before, degrees
WAY: Final = 35  # sign by which the angle is looked at
WANDER_FROM: Final = 36  # since then the angle has stayed within what does not count
WANDER_MIN: Final = 37
WANDER_MAX: Final = 38
STALL: Final = 39  # sample since which it has hardly sunk any lower, while returned
DOUBT: Final = 40  # how far lost samples may have moved the rest, as a share of the excursion
HIDDEN: Final = 41  # how much of the fall lost samples may have hidden, as such a share
TOP_AT: Final = 42  # sample of TOP
FREE_T: Final = 43  # the next movement begins no earlier
SETTLES: Final = 44  # 1 while it is awaited where the movement of a finished row ends
SETTLE_AT: Final = 45  # the next sample whose speed is looked at
SETTLE_SPEED: Final = 46  # slower than this it has ended, degrees/s
SETTLE_BOUND: Final = 47  # no sample before this belongs to that row
SETTLE_ROW: Final = 48  # the row itself

# Parameters, one array.
COUNT_FROM: Final = 0
STILL: Final = 1
LONGEST_STAND: Final = 2
LIMIT: Final = 3
BOTH: Final = 4  # 1: excursions below the rest are repetitions too
SWINGS: Final = 5  # 1: swings far above the rest may show that the rest was wrong
REST_SHARE: Final = 6  # how much of the rest is taken off before the limit is looked at
ONSETS: Final = 7  # 1: rows wait until it is seen where their movement ends
PARAMETER_SIZE: Final = 8

# One row a repetition.
ROW_START_T: Final = 0
ROW_PEAK_T: Final = 1
ROW_END_T: Final = 2
ROW_ROM: Final = 3
ROW_OUT: Final = 4
ROW_HOLD: Final = 5
ROW_BACK: Final = 6
ROW_ACTIVE: Final = 7
ROW_REST: Final = 8
ROW_START: Final = 9
ROW_PEAK: Final = 10
ROW_END: Final = 11
ROW_PAUSED: Final = 12
ROW_INTERRUPTED: Final = 13
ROW_PLATEAU_FROM: Final = 14
ROW_PLATEAU_TO: Final = 15
ROW_WAY: Final = 16  # 1 above the rest, -1 below it
ROW_EARLIER: Final = 17  # s by which the movement begins before the start, by its speed
ROW_LATER: Final = 18  # s by which it ends after the end
ROW_SIZE: Final = 19

STATE_SIZE: Final = SETTLE_ROW + ROW_SIZE

# Marks: what else is told while a repetition is under way.
MARK_REST: Final = 0
MARK_OUT: Final = 1
MARK_HOLD: Final = 2
MARK_BACK: Final = 3
MARK_LIMIT: Final = 4


@njit
def plateau_deg(excursion_deg: float) -> float:
    """Above the rest: where the plateau of an excursion begins."""
    width = min(PLATEAU_LEAST_DEG, PLATEAU_MOST * excursion_deg)
    return excursion_deg - max((1.0 - PLATEAU) * excursion_deg, width)


@njit
def _crossing_time(t: Float64, a: Float64, below: int, above: int, level: float) -> float:
    """Time between two neighbouring samples at which the angle crosses `level`."""
    rise = a[above] - a[below]
    if rise <= 0.0:
        return float(t[above])
    return float(t[below] + (t[above] - t[below]) * ((level - a[below]) / rise))


@njit
def _last_rise(t: Float64, a: Float64, first: int, last: int, level: float) -> tuple[float, int]:
    """The last upward crossing of `level` before sample `last`, looking back to `first`."""
    i = last
    while i > first and a[i - 1] > level:
        i -= 1
    if i == first:
        return float(t[first]), i
    return _crossing_time(t, a, i - 1, i, level), i


@njit
def _first_rise(t: Float64, a: Float64, first: int, last: int, level: float) -> tuple[float, int]:
    """The first upward crossing of `level` from sample `first` on."""
    i = first
    while i < last and a[i] < level:
        i += 1
    if i == first:
        return float(t[first]), i
    return _crossing_time(t, a, i - 1, i, level), i


@njit
def _last_fall(t: Float64, a: Float64, first: int, last: int, level: float) -> tuple[float, int]:
    """The last downward crossing of `level` between the samples `first` and `last`."""
    i = last
    while i > first and a[i] < level:
        i -= 1
    if i == last:
        return float(t[last]), i
    return _crossing_time(t, a, i + 1, i, level), i


@njit
def _part_mean(a: Float64, first: int, stop: int) -> float:
    total = 0.0
    for k in range(first, stop):
        total += a[k]
    return total / (stop - first)


@njit
def _passes(a: Float64, first: int, last: int, sd: float) -> bool:
    """Whether the samples `first` to `last` show a movement rather than noise about a level.

    Thirds of a steady rise lie 2.3 of its standard deviations apart, the middle of a valley 1.5
    below its ends; thirds of noise or of a tremor of 4 Hz and more at most 1.2.
    """
    if last - first < 2:
        # Two samples around lost ones have no thirds.
        return False
    third = (last + 1 - first) // 3
    begin = _part_mean(a, first, first + third)
    middle = _part_mean(a, first + third, last + 1 - third)
    end = _part_mean(a, last + 1 - third, last + 1)
    apart = max(abs(end - begin), 0.5 * (begin + end) - middle)
    return apart > max(PASSING_SDS * sd, PASSING_LEAST_DEG)


@njit
def _last_half_second(t: Float64, a: Float64, first: int, last: int) -> tuple[float, bool]:
    """Mean of the half-second before sample `last`, not beyond `first`, and whether it shows a
    movement: one that is slow enough to look still would take the rest along."""
    begin = last
    while begin > first and t[last] - t[begin - 1] <= REST_NEAR_S:
        begin -= 1
    mean = _part_mean(a, begin, last + 1)
    squares = 0.0
    for k in range(begin, last + 1):
        squares += (a[k] - mean) * (a[k] - mean)
    return mean, _passes(a, begin, last, math.sqrt(squares / (last + 1 - begin)))


@njit
def _rest_level(
    t: Float64, a: Float64, first: int, last: int, rest: float, reach: float, both: bool
) -> tuple[float, float]:
    """Where the angle rested before it left for sample `last`, and by how much it varied there.

    `rest` is known to within `reach`. Mean over the latest of the quietest half-seconds before the
    angle last passed `rest`, and the standard deviation within the quietest.
    """
    stop = last
    while stop > first and a[stop] > rest:
        stop -= 1
    begin = stop
    while begin > first and t[stop] - t[begin - 1] <= LEVEL_BACK_S:
        begin -= 1
    least = math.inf
    level = rest
    quietest_from, quietest_to = begin, begin
    # The first round finds how quiet it gets, the second the latest stretch as quiet as that.
    for search in range(2):
        total, squares = 0.0, 0.0
        j = begin
        for k in range(begin, stop + 1):
            total += a[k] - rest
            squares += (a[k] - rest) * (a[k] - rest)
            while j + 1 < k and t[k] - t[j + 1] >= LEVEL_S:
                total -= a[j] - rest
                squares -= (a[j] - rest) * (a[j] - rest)
                j += 1
            if t[k] - t[j] < LEVEL_S:
                continue
            mean = total / (k - j + 1)
            variance = max(0.0, squares / (k - j + 1) - mean * mean)
            if abs(mean) > reach:
                continue
            if search == 0:
                if variance < least:
                    least = variance
                    quietest_from, quietest_to = j, k
            elif variance <= QUIET_RATIO * least + QUIET_LEAST_DEG2:
                level = rest + mean
    if both:
        # Below lies the other way, so that the lowest point is no rest.
        return level, math.sqrt(least) if least < math.inf else 0.0
    if least == math.inf or _passes(a, quietest_from, quietest_to, math.sqrt(least)):
        # No rest at all: the angle turned and went on, and where it turned is the rest.
        lowest = begin
        for k in range(begin, stop + 1):
            if a[k] < a[lowest]:
                lowest = k
        return a[lowest], 0.0
    return level, math.sqrt(least)


@njit
def _turn_deg(excursion: float, noise: float) -> float:
    """How far the angle must turn back outwards to end a repetition."""
    tremor = min(TREMOR_SDS * noise, TREMOR_SHARE * excursion)
    return max(TURN_SHARE * excursion, TURN_LEAST_DEG, tremor)


@njit
def _speed(t: Float64, a: Float64, at: int, first: int, last: int) -> float:
    """Mean speed about sample `at`, degrees/s, from samples `first` to `last` alone."""
    low = at
    while low > first and t[at] - t[low] < SPEED_HALF_S:
        low -= 1
    high = at
    while high < last and t[high] - t[at] < SPEED_HALF_S:
        high += 1
    if high == low:
        return 0.0
    return float((a[high] - a[low]) / (t[high] - t[low]))


@njit
def _speed_passes(
    t: Float64, slow: int, slow_speed: float, fast: int, fast_speed: float, limit: float
) -> float:
    """Time between two neighbouring samples at which the speed passes `limit`."""
    if fast_speed <= slow_speed:
        return float(t[slow])
    return float(t[slow] + (t[fast] - t[slow]) * ((limit - slow_speed) / (fast_speed - slow_speed)))


@njit
def _onset(t: Float64, a: Float64, bound: int, above: int, peak: int, last: int) -> float:
    """When the movement to `peak` began, which first lies above the active level at `above`."""
    fastest = 0.0
    for k in range(above, peak + 1):
        fastest = max(fastest, _speed(t, a, k, bound, last))
    limit = ONSET_SPEED * fastest
    i = above
    after = _speed(t, a, i, bound, last)
    if after <= limit:
        return float(t[i])
    while i > bound:
        now = _speed(t, a, i - 1, bound, last)
        if now <= limit:
            return _speed_passes(t, i - 1, now, i, after, limit)
        i -= 1
        after = now
    return float(t[bound])


@njit
def _await_end(
    state: Float64, t: Float64, a: Float64, base: int, bound: int, peak: int, below: int, end: int
) -> None:
    """Begin to look where the movement ends that is below the active level from `below` on."""
    fastest = 0.0
    for k in range(peak, end + 1):
        fastest = max(fastest, -_speed(t, a, k, bound, end))
    state[SETTLES] = 1.0
    state[SETTLE_AT] = below + base
    state[SETTLE_SPEED] = ONSET_SPEED * fastest
    state[SETTLE_BOUND] = bound + base


@njit
def _end_settled(
    state: Float64, t: Float64, a: Float64, base: int, newest: int, row: Float64, now: bool
) -> bool:
    """Write the awaited row when its end is seen by sample `newest`; with `now` in any case."""
    bound = int(state[SETTLE_BOUND]) - base
    end_t = state[SETTLE_ROW + ROW_END_T]
    at = int(state[SETTLE_AT]) - base
    to = end_t
    settled = False
    while not settled and at <= newest and t[newest] - t[at] >= SPEED_HALF_S:
        fall = -_speed(t, a, at, bound, newest)
        to = t[at]
        if fall <= state[SETTLE_SPEED]:
            settled = True
            if at > bound:
                before = -_speed(t, a, at - 1, bound, newest)
                if before > state[SETTLE_SPEED]:
                    to = _speed_passes(t, at, fall, at - 1, before, state[SETTLE_SPEED])
        elif t[at] >= end_t + SETTLE_S:
            settled = True
        at += 1
    state[SETTLE_AT] = at + base
    if not (settled or now):
        return False
    if not settled:
        to = max(end_t, t[max(bound, min(at, newest + 1) - 1)])
    to = min(max(to, state[SETTLE_ROW + ROW_PEAK_T]), end_t + SETTLE_S)
    for k in range(ROW_SIZE):
        row[k] = state[SETTLE_ROW + k]
    row[ROW_LATER] = to - end_t
    state[FREE_T] = to
    state[SETTLES] = 0.0
    return True


@njit
def _write_row(
    state: Float64,
    parameters: Float64,
    t: Float64,
    a: Float64,
    base: int,
    end: int,
    end_t: float,
    row: Float64,
) -> None:
    """Describe the repetition that ends at sample `end` (local index) by the definition."""
    rest = state[REST]
    peak = int(state[PEAK]) - base
    bound = max(0, int(state[BOUND]) - base)
    excursion = a[peak] - rest
    start_t, start = _last_rise(t, a, bound, peak, rest + BAND * excursion)
    plateau = rest + plateau_deg(excursion)
    first_t, first = _first_rise(t, a, start, peak, plateau)
    last_t, last = _last_fall(t, a, peak, end, plateau)
    active_from, above = _last_rise(t, a, bound, peak, rest + ACTIVE * excursion)
    # The end may lie above the active level when the return was not complete.
    active_to, active_last = _last_fall(t, a, peak, end, rest + ACTIVE * excursion)
    first_t = max(first_t, start_t)
    last_t = min(max(last_t, first_t), end_t)
    row[ROW_START_T] = start_t
    row[ROW_PEAK_T] = t[peak]
    row[ROW_END_T] = end_t
    row[ROW_ROM] = excursion
    row[ROW_OUT] = first_t - start_t
    row[ROW_HOLD] = last_t - first_t
    row[ROW_BACK] = end_t - last_t
    row[ROW_ACTIVE] = min(active_to, end_t) - active_from
    row[ROW_REST] = rest
    row[ROW_START] = start + base
    row[ROW_PEAK] = peak + base
    row[ROW_END] = end + base
    stand_t = t[end] - t[max(0, int(state[STAND_FROM]) - base)]
    longest, level = state[PAUSE_S_SEEN], state[PAUSE_LEVEL]
    if stand_t > longest:
        longest, level = stand_t, 0.5 * (state[STAND_MIN] + state[STAND_MAX])
    paused = longest >= PAUSE_S and level < rest + 0.9 * excursion
    row[ROW_PAUSED] = 1.0 if paused else 0.0
    # A silence before the repetition was open may still lie after its start.
    row[ROW_INTERRUPTED] = 1.0 if start <= state[LAST_GAP] - base <= end else 0.0
    row[ROW_PLATEAU_FROM] = first + base
    row[ROW_PLATEAU_TO] = last + base
    row[ROW_WAY] = 1.0
    row[ROW_EARLIER] = 0.0
    row[ROW_LATER] = 0.0
    if parameters[ONSETS] == 1.0:
        onset_t = _onset(t, a, bound, above, peak, end)
        row[ROW_EARLIER] = start_t - min(max(onset_t, state[FREE_T]), t[peak])
        for k in range(ROW_SIZE):
            state[SETTLE_ROW + k] = row[k]
        _await_end(state, t, a, base, bound, peak, min(active_last + 1, end), end)


@njit
def _begin_rest(state: Float64, level: float, index: int, value: float, end_t: float) -> None:
    """Close what was open: from here on the rest is looked for."""
    state[OPEN] = 0.0
    state[REST] = level
    state[FOLLOW] = 1.0
    state[DWELT] = 0.0
    state[BELOW] = 0.0
    state[DOUBT] = 0.0
    state[END_T] = end_t
    state[STILL_FROM] = index
    state[STILL_MIN] = value
    state[STILL_MAX] = value


@njit
def _doubt(
    state: Float64, lost_s: float, stood_s: float, index: int, x: float, count_from: float
) -> None:
    """Samples are lost for `lost_s` before sample `index` with the angle `x`; until then it had
    stood still for `stood_s`."""
    doubt = DOUBT_PER_S2 * lost_s * lost_s
    state[DOUBT] += doubt
    if state[OPEN] == 0.0:
        return
    excursion = state[TOP] - state[REST]
    if state[FALLING] == 1.0:
        state[HIDDEN] += doubt
    elif state[TOP_AT] < index - 1 and stood_s < REST_NEAR_S:
        # It was past the top and moving. How far back it came meanwhile is not known.
        swing = max(count_from, SWING_SHARE * excursion)
        if state[TOP] - x > swing - doubt * excursion:
            state[FALLING] = 1.0
            state[HIDDEN] = doubt
            state[DIP] = index


@njit
def _hid_return(
    state: Float64, excursion: float, fall: float, rise: float, above_rest: float
) -> bool:
    """Whether a valley after lost samples is the end of a repetition, though it does not look as
    low: there the angle went as far back, and lies as near the rest, as the doubt allows."""
    doubt = state[DOUBT]
    return (
        doubt > 0.0
        and fall > (WIDE_SWING_SHARE - state[HIDDEN]) * excursion
        and rise > SWING_SHARE * excursion
        and above_rest <= (RETURNED + doubt) * excursion
    )


@njit
def segment_kernel(
    state: Float64,
    parameters: Float64,
    t: Float64,
    a: Float64,
    gap: NDArray[np.uint8],
    base: int,
    rows: Float64,
    marks: Float64,
) -> tuple[int, int, bool]:
    """Look at the samples from state[NEXT] on; returns how many rows and marks were written.

    t, a, gap: history in seconds and degrees; gap is 1 where a silence precedes the sample. `base`
    is the absolute index of their first element. Stops early when `rows` or `marks` is full, or,
    where both ways count, before a sample that begins an excursion below the rest (returned as the
    third value): call again until state[NEXT] is base + len(t).
    """
    n_rows = 0
    n_marks = 0
    both = parameters[BOTH] == 1.0
    count_from = parameters[COUNT_FROM]
    still = parameters[STILL]
    stop = base + len(t)
    while int(state[NEXT]) < stop:
        # One sample may tell of a row that was awaited and end the next.
        if n_rows + 2 > rows.shape[0] or n_marks + 2 > marks.shape[0]:
            break
        index = int(state[NEXT])
        state[NEXT] = index + 1
        i = index - base
        x = a[i]
        now = t[i]
        # What comes after a silence says nothing of an end before it.
        if state[SETTLES] == 1.0 and _end_settled(
            state, t, a, base, i - 1 if gap[i] == 1 else i, rows[n_rows], gap[i] == 1
        ):
            n_rows += 1
        if state[STARTED] == 0.0:
            state[STARTED] = 1.0
            state[REST] = x
            # Below the rest is the other way where both count: the rest does not follow there.
            state[FOLLOW] = 0.0 if both else 1.0
            state[END_T] = now - 2.0 * SETTLING_S
            state[STILL_FROM] = index
            state[STILL_MIN] = x
            state[STILL_MAX] = x
            state[BOUND] = index
        if i > 1 and now - t[i - 1] > max(DOUBT_LEAST_S, DOUBT_PERIODS * (t[i - 1] - t[i - 2])):
            stood_s = t[i - 1] - t[max(0, int(state[STAND_FROM]) - base)]
            _doubt(state, now - t[i - 1], stood_s, index, x, count_from)
        if gap[i] == 1:
            # What happened in the silence is unknown: no stillness may span it.
            state[STILL_FROM] = index
            state[STILL_MIN] = x
            state[STILL_MAX] = x
            state[STAND_FROM] = index
            state[STAND_MIN] = x
            state[STAND_MAX] = x
            state[WANDER_FROM] = index
            state[WANDER_MIN] = x
            state[WANDER_MAX] = x
            state[LAST_GAP] = index
            # A heading may have moved, and the rest with it: few swings show where it lies now, and
            # what came before is no part of them.
            state[SEEN_REST] = 0.0
            state[OPENED] = index
            state[VALLEYS] = 0.0
            state[WIDE_VALLEYS] = 0.0
            if state[OPEN] == 0.0:
                state[FALLING] = 0.0
                state[TOP] = x
                state[TOP_AT] = index
        if state[OPEN] == 0.0:
            state[STILL_MIN] = min(state[STILL_MIN], x)
            state[STILL_MAX] = max(state[STILL_MAX], x)
            if state[STILL_MAX] - state[STILL_MIN] > still:
                state[STILL_FROM] = index
                state[STILL_MIN] = x
                state[STILL_MAX] = x
            while now - t[int(state[BOUND]) - base] > LOOK_BACK_S:
                state[BOUND] += 1
            still_s = now - t[int(state[STILL_FROM]) - base]
            if state[FOLLOW] == 1.0:
                if x < state[REST]:
                    state[REST] = x
                elif (
                    state[SEEN_REST] == 1.0
                    and x > state[REST] + 0.1 * count_from
                    and now - state[END_T] > SETTLING_S
                ):
                    state[FOLLOW] = 0.0
            near = abs(x - state[REST]) < 0.5 * count_from
            level, passing = x, True
            if still_s >= REST_ANYWHERE_S or (near and still_s >= REST_NEAR_S):
                level, passing = _last_half_second(t, a, int(state[STILL_FROM]) - base, i)
            if passing:
                level = 0.5 * (state[STILL_MIN] + state[STILL_MAX])
            if not passing or still_s >= REST_SWAYING_S:
                state[REST] = level
                state[FOLLOW] = 0.0
                state[SEEN_REST] = 1.0
                state[DWELT] = 1.0
                state[DOUBT] = 0.0
                state[BELOW] = 0.0
            if both:
                if state[REST] - x >= count_from:
                    state[NEXT] = index
                    return n_rows, n_marks, True
            elif state[BELOW] == 0.0:
                if x <= state[REST] - count_from:
                    state[BELOW] = 1.0
                    state[BELOW_LOW] = index
                    state[BELOW_TOP] = x
            else:
                # A dip that returns is none. A whole swing below the rest shows that the rest is
                # there: the person went down into position.
                lowest = max(int(state[BELOW_LOW]), int(state[BOUND]))
                low = a[lowest - base]
                if x < low:
                    lowest, low = index, x
                    state[BELOW_TOP] = x
                state[BELOW_LOW] = lowest
                state[BELOW_TOP] = max(state[BELOW_TOP], x)
                swing = state[BELOW_TOP] - low
                if x >= state[REST] - 0.5 * count_from:
                    state[BELOW] = 0.0
                elif swing >= count_from and x <= low + RETURNED * swing:
                    _begin_rest(state, low, lowest, low, t[lowest - base])
                    state[FOLLOW] = 0.0
                    state[SEEN_REST] = 1.0
                    state[BOUND] = lowest
                    state[NEXT] = lowest
                    continue
            if x - state[REST] >= count_from:
                if state[SETTLES] == 1.0:
                    _end_settled(state, t, a, base, i, rows[n_rows], True)
                    n_rows += 1
                state[NOISE] = 0.0
                if state[DWELT] == 1.0:
                    bound = int(state[BOUND]) - base
                    state[REST], state[NOISE] = _rest_level(
                        t, a, bound, i, state[REST], still, both
                    )
                state[OPEN] = 1.0
                state[PEAK] = index
                state[IN_ZONE] = 0.0
                state[OPENED] = index
                state[VALLEYS] = 0.0
                state[WIDE_VALLEYS] = 0.0
                state[FALLING] = 0.0
                state[TOP] = x
                state[TOP_AT] = index
                state[STAND_FROM] = index
                state[STAND_MIN] = x
                state[STAND_MAX] = x
                state[WANDER_FROM] = index
                state[WANDER_MIN] = x
                state[WANDER_MAX] = x
                state[PAUSE_S_SEEN] = 0.0
                state[PAUSE_LEVEL] = x
                state[OVER_LIMIT] = 0.0
                state[PHASE] = MARK_OUT
                marks[n_marks, 0] = now
                marks[n_marks, 1] = MARK_OUT
                n_marks += 1
            continue
        # A repetition is under way.
        if x > a[int(state[PEAK]) - base]:
            state[PEAK] = index
            state[IN_ZONE] = 0.0
        rest = state[REST]
        excursion = a[int(state[PEAK]) - base] - rest
        beyond = excursion + (1.0 - parameters[REST_SHARE]) * rest
        if beyond > parameters[LIMIT] and state[OVER_LIMIT] == 0.0:
            state[OVER_LIMIT] = 1.0
            marks[n_marks, 0] = now
            marks[n_marks, 1] = MARK_LIMIT
            n_marks += 1
        low_stand = min(state[STAND_MIN], x)
        high_stand = max(state[STAND_MAX], x)
        if high_stand - low_stand > max(still, 0.1 * excursion):
            stood_s = t[max(i - 1, 0)] - t[max(0, int(state[STAND_FROM]) - base)]
            if stood_s > state[PAUSE_S_SEEN]:
                state[PAUSE_S_SEEN] = stood_s
                state[PAUSE_LEVEL] = 0.5 * (state[STAND_MIN] + state[STAND_MAX])
            state[STAND_FROM] = index
            state[STAND_MIN] = x
            state[STAND_MAX] = x
        else:
            state[STAND_MIN] = low_stand
            state[STAND_MAX] = high_stand
        # Fidgeting by less than what counts is no movement, where the excursion hardly counts too.
        state[WANDER_MIN] = min(state[WANDER_MIN], x)
        state[WANDER_MAX] = max(state[WANDER_MAX], x)
        wandered = state[WANDER_MAX] - state[WANDER_MIN]
        if wandered > count_from or excursion > HARDLY_COUNTS * count_from:
            state[WANDER_FROM] = index
            state[WANDER_MIN] = x
            state[WANDER_MAX] = x
        # Swings far above the rest: perhaps the rest was not where we thought.
        swing = max(count_from, SWING_SHARE * excursion)
        if parameters[SWINGS] == 0.0:
            pass
        elif state[FALLING] == 0.0:
            if x > state[TOP]:
                state[TOP] = x
                state[TOP_AT] = index
            if state[TOP] - x > swing:
                state[FALLING] = 1.0
                state[HIDDEN] = 0.0
                state[DIP] = index
        else:
            if x < a[int(state[DIP]) - base]:
                state[DIP] = index
            valley = a[int(state[DIP]) - base]
            if x - valley > swing:
                fall = state[TOP] - valley
                # The way out of the next one may be higher already.
                peak = int(state[PEAK]) if state[PEAK] < state[DIP] else int(state[TOP_AT])
                state[FALLING] = 0.0
                state[TOP] = x
                state[TOP_AT] = index
                state[VALLEYS] += 1.0
                if _hid_return(state, a[peak - base] - rest, fall, x - valley, valley - rest):
                    state[PEAK] = peak
                    end = int(state[DIP])
                    _write_row(
                        state, parameters, t, a, base, end - base, t[end - base], rows[n_rows]
                    )
                    n_rows += 1
                    state[SEEN_REST] = 1.0
                    state[BOUND] = end
                    _begin_rest(state, valley, end, valley, t[end - base])
                    state[PHASE] = MARK_REST
                    marks[n_marks, 0] = now
                    marks[n_marks, 1] = MARK_REST
                    n_marks += 1
                    # Once more from there: the next one has begun.
                    state[NEXT] = end
                    continue
                if fall > WIDE_SWING_SHARE * excursion:
                    state[WIDE_VALLEYS] += 1.0
                if state[VALLEYS] == 1.0:
                    state[VALLEY] = valley
                shown = state[VALLEYS] >= VALLEYS_SEEN or state[WIDE_VALLEYS] >= WIDE_VALLEYS_SEEN
                if state[SEEN_REST] == 0.0:
                    shown = state[VALLEYS] >= VALLEYS_UNSEEN
                if shown and abs(valley - state[VALLEY]) < RETURNED * excursion:
                    # Begin again where this repetition began, with the valley as the rest.
                    restart = int(state[OPENED])
                    at_restart = a[restart - base]
                    _begin_rest(
                        state, min(valley, state[VALLEY]), restart, at_restart, t[restart - base]
                    )
                    state[FOLLOW] = 0.0
                    state[SEEN_REST] = 1.0
                    state[PHASE] = MARK_REST
                    state[NEXT] = restart
                    continue
        done = False
        end = i
        end_t = now
        if x <= rest + RETURNED * excursion:
            if state[IN_ZONE] == 0.0:
                state[IN_ZONE] = 1.0
                state[LOW] = index
                state[STALL] = index
            elif x < a[int(state[LOW]) - base]:
                state[LOW] = index
            if x < a[int(state[STALL]) - base] - min(SINKING_MOST_DEG, SINKING * excursion):
                state[STALL] = index
            low = int(state[LOW]) - base
            if x <= rest + BAND * excursion:
                done = True
                if i > 0 and a[i - 1] > x:
                    level = rest + BAND * excursion
                    end_t = _crossing_time(t, a, i, i - 1, min(level, a[i - 1]))
            elif x > a[low] + _turn_deg(excursion, state[NOISE]):
                done = True
                end = low
                end_t = t[low]
            elif now - t[int(state[STALL]) - base] >= STANDSTILL_S:
                done = True
                end = int(state[STALL]) - base
                end_t = t[end]
        elif state[IN_ZONE] == 1.0:
            done = True
            end = int(state[LOW]) - base
            end_t = t[end]
        elif (
            now - t[max(0, min(int(state[STAND_FROM]), int(state[WANDER_FROM])) - base)]
            > parameters[LONGEST_STAND] + STAND_EDGES_S
            or now - t[int(state[OPENED]) - base] > LONGEST_S
        ):
            # A new posture, not a repetition: rest here.
            state[PARTIAL] += 1.0
            state[BOUND] = index
            _begin_rest(state, x, index, x, now)
            if both:
                state[FOLLOW] = 0.0
            state[PHASE] = MARK_REST
            marks[n_marks, 0] = now
            marks[n_marks, 1] = MARK_REST
            n_marks += 1
            continue
        if done:
            _write_row(state, parameters, t, a, base, end, end_t, rows[n_rows])
            if state[SETTLES] == 0.0 or _end_settled(state, t, a, base, i, rows[n_rows], False):
                n_rows += 1
            state[SEEN_REST] = 1.0
            state[BOUND] = end + base
            if both:
                # Passing through to the other way, the angle says nothing new about the rest.
                passed = a[end] <= rest + BAND * excursion
                _begin_rest(state, rest if passed else a[end], index, x, end_t)
                state[FOLLOW] = 0.0
            else:
                _begin_rest(state, min(a[end], x), index, x, end_t)
            state[PHASE] = MARK_REST
            marks[n_marks, 0] = now
            marks[n_marks, 1] = MARK_REST
            n_marks += 1
            continue
        if state[PHASE] == MARK_OUT and now - t[int(state[PEAK]) - base] >= HOLD_AFTER_S:
            state[PHASE] = MARK_HOLD
            marks[n_marks, 0] = now
            marks[n_marks, 1] = MARK_HOLD
            n_marks += 1
        elif (
            state[PHASE] != MARK_BACK
            and x < rest + plateau_deg(excursion)
            and index > int(state[PEAK])
        ):
            state[PHASE] = MARK_BACK
            marks[n_marks, 0] = now
            marks[n_marks, 1] = MARK_BACK
            n_marks += 1
    return n_rows, n_marks, False


@njit
def turn_over_kernel(state: Float64) -> None:
    """Turn levels over, for an angle whose sign is turned: where both ways count, between two."""
    state[REST] = -state[REST]
    low, high = state[STILL_MIN], state[STILL_MAX]
    state[STILL_MIN], state[STILL_MAX] = -high, -low
    state[WAY] = -state[WAY]


@njit
def settle_kernel(state: Float64, t: Float64, a: Float64, base: int, rows: Float64) -> int:
    """Write the row whose end is still awaited, as far as it is seen; returns how many."""
    if state[SETTLES] == 0.0:
        return 0
    _end_settled(state, t, a, base, len(t) - 1, rows[0], True)
    return 1


@njit
def finish_kernel(
    state: Float64, parameters: Float64, t: Float64, a: Float64, base: int, rows: Float64
) -> int:
    """Close at the end of the stream: an unfinished repetition counts when it has returned."""
    written = settle_kernel(state, t, a, base, rows)
    if state[OPEN] == 0.0:
        return written
    if state[IN_ZONE] == 1.0:
        end = int(state[LOW]) - base
        _write_row(state, parameters, t, a, base, end, t[end], rows[written])
        if state[SETTLES] == 1.0:
            _end_settled(state, t, a, base, len(t) - 1, rows[written], True)
        written += 1
    else:
        state[PARTIAL] += 1.0
    state[OPEN] = 0.0
    return written


@dataclass(frozen=True, slots=True)
class SegmenterParameters:
    """What a segmenter needs to know.

    count_from_deg: below it nothing happened. limit_deg: crossing it is marked at once.
    longest_stand_s: a longer standstill in mid-repetition is a new posture. both: excursions below
    the rest are repetitions too. swings: whether swings far above the rest may show that the rest
    lies there. rest_share: how much of the rest is taken off an angle before `limit_deg` is looked
    at; 1 where ranges are measured from the rest. onsets: rows tell where the movement begins and
    ends by its speed, for which they wait up to half a second; not with `both`.
    """

    count_from_deg: float
    limit_deg: float = np.inf
    longest_stand_s: float = GIVE_UP_S
    both: bool = False
    swings: bool = True
    rest_share: float = 1.0
    onsets: bool = False

    def packed(self) -> Float64:
        """Array for `segment_kernel`."""
        return np.array(
            [
                self.count_from_deg,
                STILL_SHARE * self.count_from_deg,
                max(self.longest_stand_s, GIVE_UP_S),
                self.limit_deg,
                float(self.both),
                float(self.swings and not self.both),
                self.rest_share,
                float(self.onsets and not self.both),
            ]
        )


class Segmenter:
    """Repetitions of one angle, online; any chunking gives the same to the last bit.

    The history that a repetition is described from is the caller's: `t` and `a` handed to `update`
    must reach back to `keep_from`.
    """

    _ROWS: Final = 16

    def __init__(self, parameters: SegmenterParameters, first_index: int = 0) -> None:
        self._parameters = parameters.packed()
        self._rows = np.zeros((self._ROWS, ROW_SIZE))
        self._marks = np.zeros((4 * self._ROWS, 2))
        self.state = np.zeros(STATE_SIZE)
        self.state[NEXT] = first_index
        self.state[BOUND] = first_index
        self.state[LAST_GAP] = -np.inf
        self.state[WAY] = 1.0
        self.state[FREE_T] = -np.inf

    @property
    def keep_from(self) -> int:
        """Absolute index of the oldest sample that may still be needed."""
        if self.state[SETTLES] == 1.0:
            return int(min(self.state[BOUND], self.state[SETTLE_BOUND]))
        return int(self.state[BOUND])

    @property
    def under_way(self) -> bool:
        """Whether a repetition has begun and not ended."""
        return bool(self.state[OPEN])

    @property
    def rest_deg(self) -> float:
        """The rest level, degrees."""
        return float(self.state[WAY] * self.state[REST])

    @property
    def partial(self) -> int:
        """Movements that began and never came back, so far."""
        return int(self.state[PARTIAL])

    def update(
        self, t: Float64, a: Float64, gap: NDArray[np.uint8], base: int
    ) -> tuple[Float64, Float64]:
        """Rows (k, ROW_SIZE) of repetitions that ended and marks (m, 2) of (time, kind).

        t: (n,) seconds, a: (n,) degrees, gap: (n,) 1 where a silence precedes; `base` the absolute
        index of their first element. All samples from the last call's end on are looked at.
        """
        stop = base + len(t)
        all_rows: list[Float64] = []
        all_marks: list[Float64] = []
        seen = self._seen(a)
        while int(self.state[NEXT]) < stop:
            n_rows, n_marks, turned = segment_kernel(
                self.state, self._parameters, t, seen, gap, base, self._rows, self._marks
            )
            if n_rows:
                all_rows.append(self._described(n_rows))
            if n_marks:
                all_marks.append(self._marks[:n_marks].copy())
            if turned:
                turn_over_kernel(self.state)
                seen = self._seen(a)
        rows = np.concatenate(all_rows) if all_rows else np.empty((0, ROW_SIZE))
        marks = np.concatenate(all_marks) if all_marks else np.empty((0, 2))
        return rows, marks

    def settle(self, t: Float64, a: Float64, base: int) -> Float64:
        """Rows of the repetition that has returned and whose end was still awaited, if any."""
        written = settle_kernel(self.state, t, self._seen(a), base, self._rows)
        return self._described(written)

    def finish(self, t: Float64, a: Float64, base: int) -> Float64:
        """Rows of the repetition that the end of the stream closes, if any."""
        written = finish_kernel(self.state, self._parameters, t, self._seen(a), base, self._rows)
        return self._described(written)

    def _seen(self, a: Float64) -> Float64:
        return a if self.state[WAY] > 0.0 else -a

    def _described(self, count: int) -> Float64:
        """The rows that a kernel wrote, as of the angle itself."""
        rows: Float64 = self._rows[:count].copy()
        rows[:, ROW_WAY] = self.state[WAY]
        rows[:, ROW_REST] *= self.state[WAY]
        return rows
