"""Recordings made of public data sets, from the files that their authors distribute.

Reads each set's original format, checks it and writes the recording layout, with the reference
beside it where there is one. Fetching the originals is left to people; docs/benchmarks.md says how.
"""

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks import broad, dfjimu, scoring, spar, uci_pt
from benchmarks.errors import BenchmarkError, BenchmarkFault
from benchmarks.reference import PARTS
from benchmarks.report import Track
from devices.public_data import SPAR_RATE_HZ, SPAR_SOURCE, load_spar
from devices.recording import RecordingInfo, RecordingWriter
from motion.samples import Samples

Float64 = NDArray[np.float64]
# Source (None where none is named), folder to write to, progress; the number of recordings.
Converter = Callable[[Path | None, Path, Track], int]

UCI_PT_SOURCE: Final = (
    "Physical Therapy Exercises Dataset, A. Yurtman and B. Barshan; UCI Machine Learning "
    "Repository, CC BY 4.0"
)
UCI_PT_BOUNDS_SOURCE: Final = "; repetition bounds of subject 1 hand-labelled by L. Hayes"
UCI_PT_RATE_HZ: Final = 25.0
# The set numbers kinds of execution from 1; a test holds a block of each, a demonstration three
# repetitions of each.
UCI_PT_KINDS: Final = dict(enumerate(scoring.BLOCK_LABELS, start=1))
UCI_PT_DEMONSTRATED: Final = 3 * len(UCI_PT_KINDS)

BROAD_SOURCE: Final = "BROAD, D. Laidig et al., Data 6(7):72, 2021, CC BY 4.0"
# Sampled at 286 Hz; no sensor of movement is a hundred times faster.
FASTEST_HZ: Final = 30_000.0

DFJIMU_SOURCE: Final = "Two-segment recordings of dfjimu (I. Weygers and M. Kok, 2020), MIT"
DFJIMU_RATE_HZ: Final = 50.0
DFJIMU_NAME: Final = re.compile(r"data_(([1-3])D_\d+)")

# Rows that a sensor gets at once: at most 20 s of any set here, and a minute is full after a whole
# number of turns.
TURN_ROWS: Final = 500
# Nobody reads more of what a parser says about a damaged file.
LONGEST_DETAIL: Final = 120


# --- spar


def convert_spar(source: Path | None, folder: Path, track: Track, *, unseen: bool = False) -> int:
    """Shoulder exercises with a watch, from the data file of the package seglearn.

    source: that file; the installed package's by default. unseen: people 7 to 10 too. Raises
    PublicDataError when the file is missing or another.
    """
    everything = load_spar(source)
    chosen = [one for one in everything if unseen or f"p{one.subject:02}" not in spar.UNSEEN]
    folder.mkdir(parents=True, exist_ok=True)
    for one in track(chosen, "spar"):
        person = f"p{one.subject:02}"
        name = f"{person}_{one.exercise}_{one.side}"
        info = {
            "schema": 1,
            "id": f"spar/{name}",
            "subject": person,
            "exercise": one.exercise,
            "side": one.side,
            "source": SPAR_SOURCE,
            "sensors": {spar.SLOT: {"rate_hz": SPAR_RATE_HZ}},
            "annotations": [],
            "expected": {"repetitions": spar.EXPECTED},
        }
        samples = Samples.of(spar.SLOT, one.t_s, one.acc_mps2, one.gyr_radps)
        _write(folder / f"{name}.parquet", info, [samples])
    return len(chosen)


# --- uci_pt


def convert_uci_pt(source: Path | None, folder: Path, track: Track) -> int:
    """Physiotherapy exercises, from the unpacked archive: folders s1 to s5 with e1 to e8 in each.

    An exercise has template_times.txt and, in a folder a sensor (u1 to u5), template_session.txt
    and test.txt: text with a head line, separated by semicolons, 25 rows a second, m/s2 and rad/s.
    Where someone has added test_times.csv (rep.number, execution.type, start, end), its bounds
    become annotations. All indices count from 1. Raises BenchmarkError.
    """
    root = _root(source, uci_pt.NAME)
    exercises = [
        path.parent
        for path in sorted(root.glob("s*/e*/template_times.txt"))
        if re.fullmatch(r"s\d+/e\d+", path.parent.relative_to(root).as_posix())
    ]
    if not exercises:
        raise _unlike(root, uci_pt.NAME, "the folders s1 to s5, each with e1 to e8")
    bounded = any((exercise / "test_times.csv").exists() for exercise in exercises)
    origin = UCI_PT_SOURCE + (UCI_PT_BOUNDS_SOURCE if bounded else "")
    folder.mkdir(parents=True, exist_ok=True)
    for exercise in track(exercises, uci_pt.NAME):
        subject = exercise.parent.name
        name = f"{subject}_{exercise.name}"
        units = sorted(path for path in exercise.iterdir() if re.fullmatch(r"u\d+", path.name))
        if not units:
            raise _unlike(exercise, uci_pt.NAME, "the folders u1 to u5")
        shared = {
            "schema": 1,
            "subject": subject,
            "exercise": exercise.name,
            "source": origin,
            "sensors": {unit.name: {"rate_hz": UCI_PT_RATE_HZ} for unit in units},
        }
        templates = _uci_pt_times(exercise / "template_times.txt", ";", "execution type")
        demonstration = {
            "id": f"uci_pt/{name}_demonstration",
            "annotations": [{"kind": "template", **one} for one in templates],
            "expected": {"repetitions": UCI_PT_DEMONSTRATED},
        }
        _write(
            folder / f"{name}_demonstration.parquet",
            shared | demonstration,
            [_uci_pt_samples(unit / "template_session.txt") for unit in units],
        )
        bounds = exercise / "test_times.csv"
        repetitions = _uci_pt_times(bounds, ",", "execution.type") if bounds.exists() else []
        test = {
            "id": f"uci_pt/{name}_test",
            "annotations": [{"kind": "repetition", **one} for one in repetitions],
            "expected": {
                "repetitions": scoring.BLOCK_SIZE * len(UCI_PT_KINDS),
                "in_order": [[label, scoring.BLOCK_SIZE] for label in UCI_PT_KINDS.values()],
            },
        }
        _write(
            folder / f"{name}_test.parquet",
            shared | test,
            [_uci_pt_samples(unit / "test.txt") for unit in units],
        )
    return 2 * len(exercises)


def _uci_pt_samples(path: Path) -> Samples:
    """One sensor's table; its slot is the name of the folder that holds the file."""
    wanted = ("time index", "acc_x", "acc_y", "acc_z", "gyr_x", "gyr_y", "gyr_z")
    values = _table(path, ";", wanted)
    if not np.array_equal(values[:, 0], np.arange(1, len(values) + 1)):
        raise _damaged(path, "its time index does not count 1, 2, 3 and so on")
    t_s = np.arange(len(values)) / UCI_PT_RATE_HZ
    return Samples.of(path.parent.name, t_s, values[:, 1:4], values[:, 4:7])


def _uci_pt_times(path: Path, delimiter: str, kind_column: str) -> list[dict[str, Any]]:
    """Spans of a table with one execution a row, as label, start_s and end_s."""
    found = []
    for kind, start, end in _table(path, delimiter, (kind_column, "start", "end")):
        if kind not in UCI_PT_KINDS:
            raise _damaged(path, f"{kind:g} is no kind of execution; 1, 2 and 3 are")
        if not 1 <= start < end < np.inf:
            raise _damaged(path, f"an execution from index {start:g} to {end:g}")
        found.append(
            {
                "label": UCI_PT_KINDS[int(kind)],
                "start_s": float(start - 1) / UCI_PT_RATE_HZ,
                "end_s": float(end - 1) / UCI_PT_RATE_HZ,
            }
        )
    return found


def _table(path: Path, delimiter: str, names: Sequence[str]) -> Float64:
    """The named columns (n, columns) of a text table with a head line."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file, delimiter=delimiter)
            head = [name.strip() for name in next(rows, [])]
            missing = [name for name in names if name not in head]
            if missing:
                raise _damaged(path, f"its head line lacks {', '.join(missing)}")
            columns = [head.index(name) for name in names]
            values = np.array([[float(row[column]) for column in columns] for row in rows if row])
    except FileNotFoundError:
        raise _damaged(path, "it is missing") from None
    except (ValueError, IndexError, csv.Error) as error:
        raise _damaged(path, _detail(error)) from None
    if not len(values):
        raise _damaged(path, "it has no row below its head line")
    return values


# --- broad


def convert_broad(source: Path | None, folder: Path, track: Track) -> int:
    """Orientation with optical reference, from the repository's folder data_mat.

    A trial is one MATLAB file with imu_acc (n, 3) m/s2, imu_gyr (n, 3) rad/s, opt_quat (n, 4),
    movement (n,) and sampling_rate. Raises BenchmarkError.
    """
    root = _root(source, broad.NAME, inner="data_mat")
    files = sorted(root.glob("[0-9][0-9]_*.mat"))
    if not files:
        raise _unlike(
            root, broad.NAME, "files such as 01_undisturbed_slow_rotation_A.mat (folder data_mat)"
        )
    folder.mkdir(parents=True, exist_ok=True)
    for path in track(files, broad.NAME):
        shapes = {"imu_acc": 3, "imu_gyr": 3, "opt_quat": 4, "movement": 1, "sampling_rate": 1}
        values = _arrays(path, _matlab(path), shapes)
        rate_hz = float(values["sampling_rate"][0, 0])
        if not 1.0 <= rate_hz <= FASTEST_HZ:
            raise _damaged(path, f"a sampling_rate of {rate_hz:g}")
        _equal_rows(path, [values[name] for name in ("imu_acc", "imu_gyr", "opt_quat", "movement")])
        t_s = np.arange(len(values["imu_acc"])) / rate_hz
        info = {
            "schema": 1,
            "id": f"broad/{path.stem}",
            "source": BROAD_SOURCE,
            "sensors": {broad.SLOT: {"rate_hz": rate_hz}},
            "annotations": [],
            "expected": {},
        }
        samples = Samples.of(broad.SLOT, t_s, values["imu_acc"], values["imu_gyr"])
        _write(folder / f"{path.stem}.parquet", info, [samples])
        _write_reference(
            folder / f"{path.stem}.reference.parquet",
            t_s,
            {"": values["opt_quat"]},
            {"moving": values["movement"][:, 0] != 0.0},
        )
    return len(files)


# --- dfjimu


def convert_dfjimu(source: Path | None, folder: Path, track: Track) -> int:
    """Two segments and a joint with optical reference, from the repository's folder data.

    A recording is one MATLAB file, data_2D_01.mat and the like, with a struct data: sensorData
    (n, 12), acceleration (m/s2) and angular rate (rad/s) of the first sensor, then of the second,
    and ref (n, 8), both orientations; 50 rows a second. Raises BenchmarkError.
    """
    root = _root(source, dfjimu.NAME, inner="data")
    named = [(path, DFJIMU_NAME.fullmatch(path.stem)) for path in sorted(root.glob("*.mat"))]
    files = [(path, match[1], int(match[2])) for path, match in named if match is not None]
    if not files:
        raise _unlike(root, dfjimu.NAME, "files such as data_1D_01.mat (folder data)")
    folder.mkdir(parents=True, exist_ok=True)
    for path, name, joint_dof in track(files, dfjimu.NAME):
        data = _matlab(path).get("data")
        fields = data.__dict__ if hasattr(data, "_fieldnames") else {}
        values = _arrays(path, fields, {"sensorData": 12, "ref": 8})
        sensors, reference = values["sensorData"], values["ref"]
        _equal_rows(path, [sensors, reference])
        t_s = np.arange(len(sensors)) / DFJIMU_RATE_HZ
        info = {
            "schema": 1,
            "id": f"dfjimu/{name}",
            "source": DFJIMU_SOURCE,
            "joint_dof": joint_dof,
            "sensors": {slot: {"rate_hz": DFJIMU_RATE_HZ} for slot in dfjimu.SLOTS},
            "annotations": [],
            "expected": {},
        }
        samples = [
            Samples.of(slot, t_s, sensors[:, at : at + 3], sensors[:, at + 3 : at + 6])
            for slot, at in zip(dfjimu.SLOTS, (0, 6), strict=True)
        ]
        _write(folder / f"{name}.parquet", info, samples)
        _write_reference(
            folder / f"{name}.reference.parquet",
            t_s,
            {
                f"{slot}_": reference[:, at : at + 4]
                for slot, at in zip(dfjimu.SLOTS, (0, 4), strict=True)
            },
            {},
        )
    return len(files)


# --- what the sets share


def _root(source: Path | None, name: str, inner: str | None = None) -> Path:
    """The folder that holds the files: the source, or its folder `inner` if it has one."""
    if source is None:
        raise BenchmarkError(
            BenchmarkFault.SOURCE,
            f"The original files of {name} are not named; give their folder as SOURCE, "
            "docs/benchmarks.md says where to get them.",
        )
    if not source.is_dir():
        wrong = "is not a folder; unpack it, and give" if source.exists() else "is not there; give"
        raise BenchmarkError(
            BenchmarkFault.SOURCE,
            f"{source} {wrong} the folder with the original files of {name}.",
            path=str(source),
        )
    return source / inner if inner is not None and (source / inner).is_dir() else source


def _unlike(folder: Path, name: str, wanted: str) -> BenchmarkError:
    return BenchmarkError(
        BenchmarkFault.SOURCE,
        f"{folder} does not hold the original files of {name}: {wanted}; give the folder that "
        "does, docs/benchmarks.md says where to get it.",
        path=str(folder),
    )


def _damaged(path: Path, detail: str) -> BenchmarkError:
    return BenchmarkError(
        BenchmarkFault.SOURCE,
        f"{path} is not as its authors distribute it ({detail}); get it anew.",
        path=str(path),
    )


def _detail(error: Exception) -> str:
    """The first line of what a parser says."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:LONGEST_DETAIL]


def _matlab(path: Path) -> dict[str, Any]:
    """The variables of a MATLAB file of version 7.2 or earlier."""
    # scipy takes half a second to import, and only two of the sets need it.
    from scipy.io import loadmat

    content = io.BytesIO(path.read_bytes())
    try:
        variables: dict[str, Any] = loadmat(content, squeeze_me=True, struct_as_record=False)
    except MemoryError:
        raise
    except Exception as error:
        # A damaged file makes scipy raise nearly anything, from OSError to zlib.error.
        raise _damaged(path, _detail(error)) from None
    return variables


def _arrays(
    path: Path, variables: Mapping[str, Any], widths: Mapping[str, int]
) -> dict[str, Float64]:
    """Variables as float64 arrays (n, width), n at least 1."""
    arrays = {}
    for name, width in widths.items():
        if name not in variables:
            raise _damaged(path, f"it holds no {name}")
        values = np.asarray(variables[name])
        if values.dtype.kind not in "fiub":
            raise _damaged(path, f"{name} is not made of numbers")
        # MATLAB knows no vectors, and those that read it leave out dimensions of length 1.
        if values.ndim < 2:
            values = values.reshape(-1, width) if values.size % width == 0 else values[None]
        if values.ndim != 2 or values.shape[1] != width or not len(values):
            raise _damaged(path, f"{name} has the shape {values.shape}, not (n, {width})")
        arrays[name] = values.astype(np.float64)
    return arrays


def _equal_rows(path: Path, arrays: Sequence[Float64]) -> None:
    lengths = [len(array) for array in arrays]
    if len(set(lengths)) > 1:
        raise _damaged(path, f"its arrays have {', '.join(map(str, lengths))} rows")


def _write(path: Path, info: Mapping[str, Any], sensors: Sequence[Samples]) -> None:
    """A recording of all sensors, in turns, so that its row groups hold all of them."""
    longest = max(len(samples) for samples in sensors)
    with RecordingWriter(path, RecordingInfo.model_validate(info)) as writer:
        for start in range(0, longest, TURN_ROWS):
            for samples in sensors:
                part = samples.rows(start, start + TURN_ROWS)
                if len(part):
                    writer.write(part)


def _write_reference(
    path: Path,
    t_s: Float64,
    orientations: Mapping[str, Float64],
    more: Mapping[str, NDArray[np.bool_]],
) -> None:
    """A reference beside a recording: quaternions (n, 4) by prefix of their columns, then more."""
    columns: dict[str, Any] = {"t_s": t_s}
    for prefix, q in orientations.items():
        for part, name in enumerate(PARTS):
            columns[f"{prefix}q{name}"] = q[:, part].astype(np.float32)
    columns |= more
    pq.write_table(pa.table(columns), path, compression="zstd")


CONVERTERS: Final[dict[str, Converter]] = {
    uci_pt.NAME: convert_uci_pt,
    spar.NAME: convert_spar,
    broad.NAME: convert_broad,
    dfjimu.NAME: convert_dfjimu,
}
