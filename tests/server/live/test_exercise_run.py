"""A live session over emulated Bluetooth counts what a patient does, whatever the link does."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from devices.emulation.faults import Faults
from devices.emulation.motion import Motion, motions_of
from devices.hub import Hub, Wanted
from devices.packet_file import redecode
from devices.recorder import LiveRecorder, packets_path
from devices.recording import Recording
from devices.source import SensorChange
from motion.events import Note, RepetitionEvent, SetEvent
from motion.performance import plan
from motion.samples import Samples, Watermark
from motion.session import StartControl
from motion.simulation import Exercise, Simulation, simulate
from motion.template import ExerciseTemplate
from server.live.exercise_run import ExerciseRun
from server.replay import Outcome, Replay, first_difference
from tests.devices.rigged import in_virtual_time, rig

REPETITIONS = 6
TEMPLATE = ExerciseTemplate.load("lumbar-bend")


def bends() -> Simulation:
    done = Exercise.of(TEMPLATE, plan(TEMPLATE, REPETITIONS, np.random.default_rng(7)))
    return simulate(done, 7, calibrated=False, rate_hz=200.0)


def session(path: Path, profiles: list[str], faults: list[Faults]) -> tuple[list[Any], Hub]:
    """Everything that a live session tells, recorded at `path`, and the hub that it came from."""
    motions: dict[str, Motion] = motions_of(bends().samples)
    kept: list[Hub] = []

    async def main(clock_ns: Callable[[], int]) -> list[Any]:
        async with rig(
            clock_ns, profiles, faults=faults, motions=list(motions.values()), interval_s=0.03
        ) as here:
            wanted = {
                slot: Wanted(await here.found(index), here.profiles[index])
                for index, slot in enumerate(motions)
            }
            known = Hub(here.adapter, wanted).sensors
            with LiveRecorder(path, known, datetime.now(UTC)) as recorder:
                hub = Hub(here.adapter, wanted, sink=recorder.sink, clock_ns=clock_ns)
                kept.append(hub)
                await hub.open()

                async def end() -> None:
                    await here.sensors[0].ended.wait()
                    await asyncio.sleep(1.0)
                    await hub.close()

                ending = asyncio.create_task(end())
                live = ExerciseRun(hub, StartControl(TEMPLATE.document()), recorder)
                told = [event async for event in live.run()]
                await ending
                return told

    return in_virtual_time(main), kept[0]


def repetitions(told: list[Any]) -> list[RepetitionEvent]:
    return [event for event in told if isinstance(event, RepetitionEvent)]


@pytest.mark.parametrize(
    "profiles",
    [["xsens-dot", "xsens-dot"], ["movesense", "metamotion-r"], ["openearable-v2", "witmotion"]],
)
def test_a_session_is_replayed_from_samples_and_from_packets_to_the_last_bit(
    tmp_path: Path, profiles: list[str]
) -> None:
    path = tmp_path / "session.parquet"
    faults = [Faults(loss=0.01, drift_ppm=40.0, seed=1), Faults(duplicates=0.02, seed=2)]
    told, _ = session(path, profiles, faults)
    assert len(repetitions(told)) == REPETITIONS
    recording = Recording.open(path)
    stored = recording.info.events
    assert stored is not None
    outcome = Outcome()
    for _ in Replay.plan(recording, None).run(outcome):
        pass
    assert first_difference(stored, outcome.events) is None
    again = list(redecode(packets_path(path)))
    marks = [item.t_s for item in again if isinstance(item, Watermark)]
    assert recording.info.log is not None
    assert marks == recording.info.log.watermarks_s
    for slot in recording.slots:
        parts = [item for item in again if isinstance(item, Samples) and item.sensor == slot]
        one = recording.samples([slot])[slot]
        assert np.concatenate([part.t_s for part in parts]).tobytes() == one.t_s.tobytes()
        assert np.concatenate([part.acc_mps2 for part in parts]).tobytes() == one.acc_mps2.tobytes()
        assert (
            np.concatenate([part.gyr_radps for part in parts]).tobytes() == one.gyr_radps.tobytes()
        )


@pytest.mark.parametrize("drop_s", [12.0, 20.0, 27.5, 33.0])
def test_a_link_that_drops_in_mid_exercise_costs_no_count(tmp_path: Path, drop_s: float) -> None:
    faults = [Faults(link_drops_s=(drop_s,)), Faults()]
    told, hub = session(tmp_path / "session.parquet", ["xsens-dot", "xsens-dot"], faults)
    assert len(repetitions(told)) == REPETITIONS
    (done,) = (event for event in told if isinstance(event, SetEvent))
    assert done.repetitions == REPETITIONS
    changes = [each for each in told if isinstance(each, SensorChange) and each.slot == "pelvis"]
    lost = next(each for each in changes if each.state == "waiting")
    back = next(each for each in changes if each.state == "streaming" and each.t_s > lost.t_s)
    assert back.t_s - lost.t_s < 1.0
    status = {each.slot: each for each in hub.status()}["pelvis"]
    assert status.counts.duplicate == 0
    assert status.counts.reconnects == 1
    assert 1 <= status.counts.lost <= 60


def test_a_sensor_that_is_away_in_mid_repetition_leaves_a_mark(tmp_path: Path) -> None:
    whole, _ = session(tmp_path / "whole.parquet", ["xsens-dot", "xsens-dot"], [])
    third = repetitions(whole)[2]
    # The sensor's own time begins when it streams, a moment after the session does.
    faults = [Faults(link_drops_s=(third.peak_s - 1.0,), away_s=0.6, clock_resets=True), Faults()]
    told, _ = session(tmp_path / "session.parquet", ["xsens-dot", "xsens-dot"], faults)
    found = repetitions(told)
    assert len(found) == REPETITIONS
    assert any(Note.INTERRUPTED in event.notes for event in found)


def test_a_sensor_that_sends_faster_than_promised_is_followed(tmp_path: Path) -> None:
    faults = [Faults(rate_factor=1.04), Faults()]
    told, _ = session(tmp_path / "session.parquet", ["witmotion", "xsens-dot"], faults)
    assert len(repetitions(told)) == REPETITIONS
