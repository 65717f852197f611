"""What is told of the sensors themselves: silent, accelerometer off, strap slipped.

When a sensor counts as silent or doubtful is `stream`'s and `plausibility`'s.
"""

import math
from collections.abc import Iterable
from typing import Any, Final

from motion.calibration import Calibration, Vector, angle_between_deg, vector
from motion.events import Event, SensorEvent, SensorState
from motion.rest import RestTracker
from motion.stream import NORM_VARIES, SILENT_S, SensorStream

# Gravity at the neutral pose further than this from where it was: the strap has slipped.
SLIPPED_DEG: Final = 10.0


class SensorStates:
    """Says once what changes about a sensor.

    known_poses: how segments stood in this position before, poses: in this exercise; by slot, the
    earth's up direction in the segments' frames. plain_slots: where poses can be compared with
    those of other exercises in the position.
    """

    def __init__(
        self,
        slots: tuple[str, ...],
        calibration: Calibration | None,
        position: str,
        plain_slots: Iterable[str],
    ) -> None:
        self._slots = slots
        self._calibration = calibration
        self.known_poses: dict[str, Vector] = (
            {} if calibration is None else dict(calibration.poses.get(position, {}))
        )
        self.poses: dict[str, Vector] = {}
        self.plain_slots = frozenset(plain_slots)
        self._silent_told: dict[str, bool] = dict.fromkeys(slots, False)
        self._norm_told: dict[str, bool] = dict.fromkeys(slots, False)

    def told(self, slot: str, stream: SensorStream, until_s: float) -> list[Event]:
        """What the stream of a sensor shows up to the watermark `until_s`."""
        events: list[Event] = []
        valid_t = stream.valid_t
        silent = valid_t > -math.inf and until_s - valid_t > SILENT_S
        if silent != self._silent_told[slot]:
            self._silent_told[slot] = silent
            state = SensorState.SILENT if silent else SensorState.STREAMING
            reason = stream.doubt if silent else ""
            since = valid_t if silent else stream.since_t
            events.append(SensorEvent(until_s, slot, state, since, reason))
        if not self._norm_told[slot]:
            low, high = stream.rest_norms_mps2
            if high - low > NORM_VARIES * high:
                self._norm_told[slot] = True
                reason = f"acceleration at rest {low:.2f} to {high:.2f} m/s2 with posture"
                state = SensorState.ACCELEROMETER_OFF
                events.append(SensorEvent(until_s, slot, state, valid_t, reason))
        return events

    def pose_told(self, rest: RestTracker, now_s: float) -> list[Event]:
        """Note once how the segments stand in the neutral pose; tell a strap that has slipped."""
        calibration = self._calibration
        if calibration is None or self.poses or not rest.has_neutral:
            return []
        events: list[Event] = []
        for index, slot in enumerate(self._slots):
            if slot not in calibration.rotations:
                continue
            up = calibration.segment_up(slot, rest.neutral(index))
            self.poses[slot] = up
            known = self.known_poses.get(slot)
            if known is None or slot not in self.plain_slots:
                continue
            apart_deg = angle_between_deg(known, up)
            if apart_deg > SLIPPED_DEG:
                reason = (
                    f"worn {apart_deg:.0f} degrees otherwise than when it was calibrated; "
                    "calibrate again"
                )
                events.append(SensorEvent(now_s, slot, SensorState.SLIPPED, now_s, reason))
        return events

    def state(self) -> list[Any]:
        """For snapshots; `restore` is the inverse."""
        return [self._silent_told, self._norm_told, self.known_poses, self.poses]

    def restore(self, state: list[Any]) -> None:
        """Continue from `state`."""
        self._silent_told, self._norm_told, known, here = state
        self.known_poses = {slot: vector(up) for slot, up in known.items()}
        self.poses = {slot: vector(up) for slot, up in here.items()}
