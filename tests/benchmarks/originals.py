"""Small originals in the formats that the sets are distributed in, made up. What becomes of them is
the tests' business.
"""

from pathlib import Path
from typing import Any

import numpy as np

from devices.public_data import SparRecording

HEAD = "time index;acc_x;acc_y;acc_z;gyr_x;gyr_y;gyr_z;mag_x;mag_y;mag_z\n"
TIMES = "execution type;start;end\n1;313.5;528.5\n2;1011;1116\n3;1688.5;1891\n"
BOUNDS = '"rep.number","execution.type","start","end"\n1,1,51,215\n11,2,2600,2650\n'


def units(count: int = 60) -> str:
    """A sensor's table; each value tells row and column."""
    lines = (
        ";".join([str(row), *(f"{column + row / 1000:.6f}" for column in range(1, 10))])
        for row in range(1, count + 1)
    )
    return HEAD + "\n".join(lines) + "\n"


def original(root: Path, *, bounds: bool = True) -> Path:
    """One exercise of one person, with two sensors."""
    exercise = root / "s1" / "e1"
    for unit in ("u1", "u2"):
        (exercise / unit).mkdir(parents=True)
        (exercise / unit / "template_session.txt").write_text(units())
        (exercise / unit / "test.txt").write_text(units(1200).replace("\n", "\r\n"))
    (exercise / "template_times.txt").write_text(TIMES)
    if bounds:
        (exercise / "test_times.csv").write_text(BOUNDS)
    (root / "Description.pdf").write_bytes(b"%PDF")
    return root


def some_spar(path: Path | None = None) -> list[SparRecording]:
    values = np.arange(60, dtype=np.float32).reshape(20, 3)
    return [
        SparRecording(subject, "ABD", side, np.arange(20) / 50.0, values, values[::-1].copy())
        for subject, side in ((1, "left"), (6, "right"), (7, "left"), (10, "right"))
    ]


def trial(count: int = 40, **changes: Any) -> dict[str, Any]:
    """The variables of a trial's file; None removes one."""
    random = np.random.default_rng(1)
    quaternions = random.normal(size=(count, 4))
    quaternions[3:6] = np.nan
    variables = {
        "imu_acc": random.normal(size=(count, 3)),
        "imu_gyr": random.normal(size=(count, 3)),
        "imu_mag": random.normal(size=(count, 3)),
        "opt_quat": quaternions,
        "opt_pos": random.normal(size=(count, 3)),
        "movement": (np.arange(count) >= 10)[:, None],
        "sampling_rate": 2000 / 7,
    }
    return {name: value for name, value in (variables | changes).items() if value is not None}
