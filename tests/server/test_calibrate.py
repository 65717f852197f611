"""Calibrating from a recording, as `gonio replay --calibrate` does it: what it makes possible, what
is said of it, and what is refused.
"""

from pathlib import Path

import pytest

from devices.recording import Recording, RecordingInfo, RecordingWriter, SensorInfo
from motion.template import ExerciseTemplate
from tests.motion.exercises import FLEXION, UPRIGHT
from tests.motion.movement import Rep, Worn, record, rotation
from tests.server.conftest import Gonio

BEND = """\
id: bend
version: 1
name: Bend
region: low_back
position: standing
sensors: {pelvis: {placement: front}, thorax: {placement: front}}
movement: {kind: joint, proximal: pelvis, distal: thorax, axis: flexion}
range: {count_from_deg: 8, minimum_deg: 15, goal_deg: 20, limit_deg: 60}
"""
STRAPS = {"pelvis": rotation((0.3, 1.0, 0.2), 170.0), "thorax": rotation((1.0, -0.2, 0.5), 75.0)}
# The bow that calibrates, and three bends of 30 degrees between pelvis and thorax.
MOVED = (
    Rep(3.0, 75.0, 2.0, 0.5, 2.0),
    *(Rep(12.0 + 6.0 * k, 75.0, 1.5, 0.5, 1.5) for k in range(3)),
)


@pytest.fixture
def bend(tmp_path: Path) -> Path:
    path = tmp_path / "bend.yaml"
    path.write_text(BEND)
    return path


def bent(path: Path, shares: dict[str, float] | None = None) -> Path:
    """A recording of MOVED; shares: how much of it each sensor turns by."""
    turns = {"pelvis": 0.6, "thorax": 1.0} if shares is None else shares
    info = RecordingInfo(id="bent", sensors={slot: SensorInfo(rate_hz=100.0) for slot in turns})
    with RecordingWriter(path, info) as writer:
        for seed, (slot, share) in enumerate(turns.items()):
            worn = Worn(slot, FLEXION, UPRIGHT, 100.0, share, seed=seed).turned(STRAPS[slot])
            writer.write(record(MOVED, worn, 32.0))
    return path


def test_sensors_strapped_on_anyhow_measure_the_joint(
    gonio: Gonio, bend: Path, tmp_path: Path
) -> None:
    out = tmp_path / "scored.parquet"
    ran = gonio(
        "replay", bent(tmp_path / "r.parquet"), "-t", bend, "--calibrate", "0..9", "-o", out
    )
    assert ran.code == 0, ran.err
    assert "Calibrated from 0 to 9 s, to 2" in ran.out
    stored = Recording.open(out).info
    assert stored.calibration is not None
    ranges = [event["rom_deg"] for event in stored.events or [] if event["type"] == "rep"]
    # The bow counts for nothing; pelvis and thorax part by 40 % of the movement.
    assert ranges == pytest.approx([30.0, 30.0, 30.0], abs=0.7)


def test_a_stored_calibration_is_used_again(gonio: Gonio, bend: Path, tmp_path: Path) -> None:
    out = tmp_path / "scored.parquet"
    gonio("replay", bent(tmp_path / "r.parquet"), "-t", bend, "--calibrate", "0..9", "-o", out)
    ran = gonio("replay", out, "--check")
    assert ran.code == 0
    assert ran.out.startswith("identical")


def test_without_it_the_output_says_what_is_less_certain(
    gonio: Gonio, bend: Path, tmp_path: Path
) -> None:
    ran = gonio("replay", bent(tmp_path / "r.parquet"), "-t", bend)
    assert ran.code == 0
    assert "no calibration" in ran.out


@pytest.mark.parametrize(
    ("span", "shares", "words"),
    [
        ("3.2..4.9", None, ("bow forward",)),
        ("3.2..7.4", None, ("ends", "off the pose", "bow forward")),
        ("0..2.8", None, ("turned by", "bow forward")),
        ("0..9", {"pelvis": 1.0, "thorax": 0.6}, ("swapped", "exchange")),
        ("40..50", None, ("outside the recording",)),
        ("9..3", None, ("--calibrate", "two times")),
        ("now", None, ("--calibrate", "two times")),
    ],
)
def test_what_cannot_calibrate_says_what_to_do(
    gonio: Gonio,
    bend: Path,
    tmp_path: Path,
    span: str,
    shares: dict[str, float] | None,
    words: tuple[str, ...],
) -> None:
    recording = bent(tmp_path / "r.parquet", shares)
    gonio("replay", recording, "-t", bend, "--calibrate", span).refused(*words)


def test_the_example_is_a_template(bend: Path) -> None:
    assert ExerciseTemplate.load(bend).slots == ("pelvis", "thorax")
