"""Sensors are assigned by shaking them, and what was found is remembered."""

import math
from pathlib import Path

import numpy as np
import pytest

from devices.errors import SlotError, SlotFault
from devices.slots import MOST_REMEMBERED, SlotFinder, SlotMemory
from motion.samples import Samples

RATE_HZ = 60.0


def turning(sensor: str, seconds: float, radps: float, from_s: float = 0.0) -> Samples:
    """A sensor turned to and fro at 4 Hz with this root mean square."""
    t_s = from_s + np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    gyr = np.zeros((len(t_s), 3))
    gyr[:, 1] = math.sqrt(2.0) * radps * np.sin(2 * math.pi * 4.0 * t_s)
    acc = np.tile([0.0, 0.0, 9.81], (len(t_s), 1))
    return Samples.of(sensor, t_s, acc, gyr)


def shaken(finder: SlotFinder, *streams: Samples) -> str | None:
    """What the finder says after streams that came together, in tenths of a second."""
    step = int(RATE_HZ / 10)
    for start in range(0, max(len(each) for each in streams), step):
        for each in streams:
            finder.push(each.rows(start, start + step))
    return finder.shaken


def test_the_sensor_that_is_shaken_is_found() -> None:
    finder = SlotFinder(("one", "two"))
    assert shaken(finder, turning("one", 2.0, 0.5), turning("two", 2.0, 6.0)) == "two"


def test_a_single_sensor_is_found() -> None:
    assert shaken(SlotFinder(("one",)), turning("one", 2.0, 6.0)) == "one"


def test_walking_with_the_sensors_finds_none() -> None:
    finder = SlotFinder(("trunk", "thigh"))
    assert shaken(finder, turning("trunk", 10.0, 1.0), turning("thigh", 10.0, 2.0)) is None


def test_two_sensors_shaken_together_are_not_told_apart() -> None:
    finder = SlotFinder(("one", "two"))
    assert shaken(finder, turning("one", 5.0, 6.0), turning("two", 5.0, 5.0)) is None


def test_picking_a_sensor_up_is_no_shaking() -> None:
    assert shaken(SlotFinder(("one",)), turning("one", 0.3, 6.0)) is None


def test_samples_without_a_value_and_of_strangers_are_ignored() -> None:
    finder = SlotFinder(("one",))
    broken = turning("one", 2.0, 6.0)
    broken.gyr_radps[:] = math.nan
    assert shaken(finder, broken, turning("stranger", 2.0, 9.0)) is None


def test_a_slot_is_remembered_beyond_the_program(tmp_path: Path) -> None:
    path = tmp_path / "deeper" / "sensors.json"
    SlotMemory(path).remember("F0:01", "pelvis", "xsens-dot")
    remembered = SlotMemory(path).get("F0:01")
    assert remembered is not None
    assert (remembered.slot, remembered.profile) == ("pelvis", "xsens-dot")
    assert SlotMemory(path).get("F0:02") is None


def test_a_sensor_has_one_slot_and_the_oldest_are_forgotten(tmp_path: Path) -> None:
    memory = SlotMemory(tmp_path / "sensors.json")
    for number in range(MOST_REMEMBERED):
        memory.remember(f"{number}", "thorax", "movesense")
    memory.remember("0", "pelvis", "movesense")
    memory.remember("another", "pelvis", "movesense")
    slots = SlotMemory(memory.path).slots()
    assert slots["0"].slot == "pelvis"
    assert len(slots) == MOST_REMEMBERED
    assert "1" not in slots


@pytest.mark.parametrize(
    "text",
    [
        "", "no json", "[]", '{"sensors": 3}', '{"sensors": {"a": {"slot": 1, "profile": "p"}}}',
        '{"sensors": {"a": {"slot": "\\n", "profile": "p"}}}', "[" * 100_000,
    ],
)  # fmt: skip
def test_a_damaged_memory_is_told_by_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "sensors.json"
    path.write_text(text)
    with pytest.raises(SlotError, match=r"sensors\.json.*delete it") as caught:
        SlotMemory(path)
    assert caught.value.reason is SlotFault.MEMORY


def test_a_memory_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    memory = SlotMemory(tmp_path / "sensors.json")
    memory.path = tmp_path / "file" / "sensors.json"
    with pytest.raises(SlotError, match="cannot be written"):
        memory.remember("a", "pelvis", "movesense")
