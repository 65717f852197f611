"""Memory does not grow with the length of a recording, so that ten hours replay anywhere.

Here an hour is held against ten minutes; ten hours differ from one as that does, nine times.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from devices.recording import RecordingInfo, RecordingWriter, SensorInfo
from motion.samples import Samples
from tests.motion.movement import Worn, even, record
from tests.server.recordings import write_template

RATE_HZ = 100.0
BLOCK_S = 600.0
SWINGS = 149

# Runs the command and tells the most memory that its own process ever held, in kB.
MEASURED = """
import sys
from server.cli import run, gonio
code = run(lambda: gonio.main(sys.argv[1:], prog_name="gonio", standalone_mode=False))
with open("/proc/self/status") as status:
    peak = next(line.split()[1] for line in status if line.startswith("VmHWM"))
print(peak, file=sys.stderr)
sys.exit(code)
"""

pytestmark = [
    pytest.mark.compiled,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc"),
]


def write_blocks(path: Path, blocks: int) -> Path:
    """Ten minutes of one still and one swinging sensor, again and again."""
    still = record((), Worn(slot="one", rate_hz=RATE_HZ, seed=1), BLOCK_S)
    swinging = record(even(SWINGS), Worn(slot="two", rate_hz=RATE_HZ, seed=2), BLOCK_S)
    sensors = {each.sensor: SensorInfo(rate_hz=RATE_HZ) for each in (still, swinging)}
    with RecordingWriter(path, RecordingInfo(sensors=sensors)) as writer:
        for block in range(blocks):
            for each in (still, swinging):
                t_s = each.t_s + BLOCK_S * block
                writer.write(Samples(each.sensor, t_s, each.acc_mps2, each.gyr_radps))
    return path


def peak_mb(expected: int, *arguments: str | Path) -> float:
    """Most memory of a replay, which must count the repetitions that there are."""
    command = [sys.executable, "-c", MEASURED, "replay", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    assert f"{expected} repetitions" in done.stdout
    return float(done.stderr.split()[-1]) / 1024


def test_memory_does_not_grow_with_length(tmp_path: Path) -> None:
    template = write_template(tmp_path / "t.yaml", ("one", "two"))
    peaks = []
    for blocks in (1, 6):
        recording = write_blocks(tmp_path / f"{blocks}.parquet", blocks)
        output, report = tmp_path / f"{blocks}-out.parquet", tmp_path / f"{blocks}.html"
        told: list[str | Path] = ["-t", template, "-o", output, "--report", report]
        peaks.append(peak_mb(SWINGS * blocks, recording, *told))
    ten_minutes, hour = peaks
    # The events, 1 MB an hour as JSON, are held and written; samples are not.
    ten_hours = ten_minutes + 59.0 * (hour - ten_minutes) / 5.0
    assert ten_hours < 600.0, peaks
