"""Converters: small originals written here in the formats that the sets are distributed in become
the recordings that they should, and what is not such an original is refused in one sentence.
"""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from benchmarks import convert, reference, uci_pt
from benchmarks.errors import BenchmarkError, BenchmarkFault
from benchmarks.report import untracked
from devices.recording import Recording
from tests.benchmarks import made
from tests.benchmarks.originals import BOUNDS, HEAD, TIMES, original, some_spar, trial, units


def as_stored(*values: float) -> list[float]:
    """What float32 makes of them."""
    stored: list[float] = np.array(values, np.float32).tolist()
    return stored


def refused(error: BenchmarkError, path: Path | str) -> bool:
    """Whether this is one sentence about `path` that says what to do."""
    text = str(error)
    assert error.reason is BenchmarkFault.SOURCE
    assert str(path) in text
    assert "\n" not in text
    return text.endswith(".") and ";" in text


# --- uci_pt


def test_exercises_become_a_demonstration_and_a_test(tmp_path: Path) -> None:
    assert convert.convert_uci_pt(original(tmp_path / "in"), tmp_path / "out", untracked) == 2
    shown = Recording.open(tmp_path / "out" / "s1_e1_demonstration.parquet")
    assert shown.info.id == "uci_pt/s1_e1_demonstration"
    assert shown.info.model_extra == {"subject": "s1", "exercise": "e1"}
    assert {slot: info.rate_hz for slot, info in shown.info.sensors.items()} == {
        "u1": 25.0, "u2": 25.0,
    }  # fmt: skip
    assert [(one.kind, one.label, one.start_s, one.end_s) for one in shown.info.annotations] == [
        ("template", "correct", 312.5 / 25, 527.5 / 25),
        ("template", "too_fast", 1010 / 25, 1115 / 25),
        ("template", "range_short", 1687.5 / 25, 1890 / 25),
    ]
    assert shown.info.expected.repetitions == 9
    for samples in shown.samples().values():
        assert samples.t_s.tolist() == (np.arange(60) / 25).tolist()
        assert samples.acc_mps2[4].tolist() == as_stored(1.005, 2.005, 3.005)
        assert samples.gyr_radps[59].tolist() == as_stored(4.06, 5.06, 6.06)


def test_a_test_has_its_order_and_the_bounds_that_someone_labelled(tmp_path: Path) -> None:
    convert.convert_uci_pt(original(tmp_path / "in"), tmp_path / "out", untracked)
    tested = Recording.open(tmp_path / "out" / "s1_e1_test.parquet")
    assert tested.rows == {"u1": 1200, "u2": 1200}
    assert tested.info.expected.in_order == [
        ("correct", 10), ("too_fast", 10), ("range_short", 10),
    ]  # fmt: skip
    assert [(one.kind, one.label, one.start_s, one.end_s) for one in tested.info.annotations] == [
        ("repetition", "correct", 2.0, 8.56),
        ("repetition", "too_fast", 2599 / 25, 2649 / 25),
    ]
    assert tested.info.source is not None
    assert "L. Hayes" in tested.info.source


def test_without_bounds_nobody_is_named_for_them(tmp_path: Path) -> None:
    source = original(tmp_path / "in", bounds=False)
    convert.convert_uci_pt(source, tmp_path / "out", untracked)
    tested = Recording.open(tmp_path / "out" / "s1_e1_test.parquet")
    assert tested.info.annotations == []
    assert tested.info.source is not None
    assert "Hayes" not in tested.info.source
    assert "CC BY 4.0" in tested.info.source


def test_what_is_converted_is_what_the_benchmark_reads(tmp_path: Path) -> None:
    convert.convert_uci_pt(original(tmp_path / "in"), tmp_path / "out", untracked)
    (case,) = uci_pt.cases(tmp_path / "out")
    assert set(uci_pt.template_intervals(case.demonstration)) == set(made.LABELS)


def test_row_groups_hold_all_sensors(tmp_path: Path) -> None:
    source = original(tmp_path / "in")
    for unit in ("u1", "u2"):
        (source / "s1" / "e1" / unit / "test.txt").write_text(units(4000))
    convert.convert_uci_pt(source, tmp_path / "out", untracked)
    times = [
        chunk[0].t_s[0]
        for chunk in Recording.open(tmp_path / "out" / "s1_e1_test.parquet").chunks(span_s=40.0)
        if {one.sensor for one in chunk} == {"u1", "u2"}
    ]
    assert times == [0.0, 40.04, 80.04, 120.04]


@pytest.mark.parametrize(
    ("file", "content", "told"),
    [
        ("u1/test.txt", None, "it is missing"),
        ("u1/test.txt", "", "head line lacks time index"),
        ("u1/test.txt", HEAD, "no row"),
        ("u1/test.txt", units().replace(";gyr_z", ";gyr_w"), "lacks gyr_z"),
        ("u1/test.txt", units().replace("\n2;", "\n7;"), "does not count 1, 2, 3"),
        ("u1/test.txt", HEAD + "1;2;3\n", "index out of range"),
        ("u1/test.txt", HEAD + "1;a;3;4;5;6;7;8;9;10\n", "could not convert"),
        ("u1/test.txt", b"\xff\xfe\x00\x01", "codec can't decode"),
        ("u1/test.txt", HEAD + "1;" + "9" * 200_000, "field larger"),
        ("template_times.txt", TIMES.replace("2;1011", "4;1011"), "4 is no kind"),
        ("template_times.txt", TIMES.replace("1116", "1000"), "from index 1011 to 1000"),
        ("template_times.txt", TIMES.replace("1116", "inf"), "to inf"),
        ("template_times.txt", TIMES.replace("313.5", "nan"), "from index nan"),
        ("template_times.txt", TIMES.replace("313.5", "0"), "from index 0"),
        ("test_times.csv", BOUNDS.replace(",", ";"), "lacks execution.type"),
    ],
)
def test_a_file_that_is_not_as_distributed_is_refused(
    tmp_path: Path, file: str, content: str | bytes | None, told: str
) -> None:
    path = original(tmp_path / "in") / "s1" / "e1" / file
    if content is None:
        path.unlink()
    elif isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content)
    with pytest.raises(BenchmarkError, match=told) as caught:
        convert.convert_uci_pt(tmp_path / "in", tmp_path / "out", untracked)
    assert refused(caught.value, path)
    assert len(str(caught.value)) < 400


def test_an_exercise_without_sensors_is_refused(tmp_path: Path) -> None:
    exercise = tmp_path / "in" / "s1" / "e1"
    exercise.mkdir(parents=True)
    (exercise / "template_times.txt").write_text(TIMES)
    with pytest.raises(BenchmarkError, match="u1 to u5") as caught:
        convert.convert_uci_pt(tmp_path / "in", tmp_path / "out", untracked)
    assert refused(caught.value, exercise)


# --- spar


def test_watch_recordings_keep_samples_side_and_protocol(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(convert, "load_spar", some_spar)
    assert convert.convert_spar(None, tmp_path, untracked) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "p01_ABD_left.parquet",
        "p06_ABD_right.parquet",
    ]
    recording = Recording.open(tmp_path / "p06_ABD_right.parquet")
    assert recording.info.id == "spar/p06_ABD_right"
    assert recording.info.model_extra == {"subject": "p06", "exercise": "ABD", "side": "right"}
    assert recording.info.expected.repetitions == 20
    samples = recording.samples()["wrist"]
    truth = some_spar()[1]
    assert samples.t_s.tobytes() == truth.t_s.tobytes()
    assert samples.acc_mps2.tobytes() == truth.acc_mps2.tobytes()
    assert samples.gyr_radps.tobytes() == truth.gyr_radps.tobytes()


def test_unseen_people_are_converted_when_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(convert, "load_spar", some_spar)
    assert convert.convert_spar(None, tmp_path, untracked, unseen=True) == 4
    assert (tmp_path / "p10_ABD_right.parquet").exists()


# --- broad


def test_a_trial_becomes_a_recording_and_its_reference(tmp_path: Path) -> None:
    data = tmp_path / "broad" / "data_mat"
    data.mkdir(parents=True)
    variables = trial()
    savemat(data / "01_undisturbed_slow_rotation_A.mat", variables)
    (data / "trials.json").write_text("{}")
    assert convert.convert_broad(tmp_path / "broad", tmp_path / "out", untracked) == 1
    ((name, recording_path, reference_path),) = reference.paired(tmp_path / "out")
    assert name == "01_undisturbed_slow_rotation_A"
    recording = Recording.open(recording_path)
    assert recording.info.sensors["imu"].rate_hz == 2000 / 7
    samples = recording.samples()["imu"]
    assert samples.t_s.tolist() == (np.arange(40) / (2000 / 7)).tolist()
    assert samples.acc_mps2.tolist() == variables["imu_acc"].astype(np.float32).tolist()
    assert samples.gyr_radps.tolist() == variables["imu_gyr"].astype(np.float32).tolist()
    (t_s, moving, *parts) = reference.columns(
        reference_path, ["t_s", "moving", "qw", "qx", "qy", "qz"]
    )
    assert t_s.tolist() == samples.t_s.tolist()
    assert moving.tolist() == [False] * 10 + [True] * 30
    assert np.array_equal(
        np.stack(parts, axis=1), variables["opt_quat"].astype(np.float32), equal_nan=True
    )


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"imu_gyr": None}, "holds no imu_gyr"),
        ({"imu_acc": "nine"}, "imu_acc is not made of numbers"),
        ({"imu_acc": np.zeros((40, 3)) + 1j}, "imu_acc is not made of numbers"),
        ({"imu_acc": np.zeros((3, 40))}, r"imu_acc has the shape \(3, 40\)"),
        ({"opt_quat": np.zeros((39, 4))}, "40, 40, 39, 40 rows"),
        ({"movement": np.zeros((0, 1))}, "movement has the shape"),
        ({"sampling_rate": 0.0}, "sampling_rate of 0"),
        ({"sampling_rate": np.nan}, "sampling_rate of nan"),
        ({"sampling_rate": 1e9}, r"sampling_rate of 1e\+09"),
    ],
)
def test_a_trial_of_another_shape_is_refused(
    tmp_path: Path, changes: dict[str, Any], told: str
) -> None:
    path = tmp_path / "01_made.mat"
    savemat(path, trial(**changes))
    with pytest.raises(BenchmarkError, match=told) as caught:
        convert.convert_broad(tmp_path, tmp_path / "out", untracked)
    assert refused(caught.value, path)


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def empty(content: bytes) -> bytes:
    return b""


def text(content: bytes) -> bytes:
    return b"this is no MATLAB file, whatever its name says" * 10


def version_7_3(content: bytes) -> bytes:
    return b"MATLAB 7.3 MAT-file".ljust(124) + struct.pack("<H", 0x0200) + b"IM" + bytes(512)


def scrambled(content: bytes) -> bytes:
    return content[:128] + content[:127:-1]


@pytest.mark.parametrize("damage", [cut, empty, text, version_7_3, scrambled])
def test_a_damaged_matlab_file_is_refused(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "01_made.mat"
    savemat(path, trial())
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(BenchmarkError, match="not as its authors distribute it") as caught:
        convert.convert_broad(tmp_path, tmp_path / "out", untracked)
    assert refused(caught.value, path)


# --- dfjimu


def test_two_segments_become_a_recording_and_its_reference(tmp_path: Path) -> None:
    data = tmp_path / "dfjimu" / "data"
    data.mkdir(parents=True)
    sensors = np.arange(30 * 12, dtype=float).reshape(30, 12) / 7
    truth = np.arange(30 * 8, dtype=float).reshape(30, 8) / 3
    variables = {"sensorData": sensors, "ref": truth, "r_12": [0.1, 0, 0], "r_21": [0, 0.1, 0]}
    savemat(data / "data_2D_05.mat", {"data": variables})
    savemat(data / "calibration.mat", {"other": 1.0})
    assert convert.convert_dfjimu(tmp_path / "dfjimu", tmp_path / "out", untracked) == 1
    ((name, recording_path, reference_path),) = reference.paired(tmp_path / "out")
    assert name == "2D_05"
    recording = Recording.open(recording_path)
    assert recording.info.model_extra == {"joint_dof": 2}
    assert recording.slots == ("proximal", "distal")
    for slot, at in (("proximal", 0), ("distal", 6)):
        samples = recording.samples()[slot]
        assert samples.t_s.tolist() == (np.arange(30) / 50).tolist()
        assert samples.acc_mps2.tolist() == sensors[:, at : at + 3].astype(np.float32).tolist()
        assert samples.gyr_radps.tolist() == sensors[:, at + 3 : at + 6].astype(np.float32).tolist()
    for slot, at in (("proximal", 0), ("distal", 4)):
        parts = reference.columns(reference_path, [f"{slot}_q{part}" for part in "wxyz"])
        assert np.stack(parts, axis=1).tolist() == truth[:, at : at + 4].astype(np.float32).tolist()


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"other": 1.0}, "holds no sensorData"),
        ({"data": np.zeros((30, 12))}, "holds no sensorData"),
        ({"data": {"sensorData": np.zeros((30, 12))}}, "holds no ref"),
        ({"data": {"sensorData": np.zeros((30, 9)), "ref": np.zeros((30, 8))}}, "sensorData has"),
        ({"data": {"sensorData": np.zeros((30, 12)), "ref": np.zeros((29, 8))}}, "30, 29 rows"),
    ],
)
def test_another_struct_is_refused(tmp_path: Path, variables: dict[str, Any], told: str) -> None:
    path = tmp_path / "data_1D_01.mat"
    savemat(path, variables)
    with pytest.raises(BenchmarkError, match=told) as caught:
        convert.convert_dfjimu(tmp_path, tmp_path / "out", untracked)
    assert refused(caught.value, path)


# --- what the sets share


@pytest.mark.parametrize("name", ["uci_pt", "broad", "dfjimu"])
def test_a_source_that_is_none_is_refused(tmp_path: Path, name: str) -> None:
    archive = tmp_path / "archive.zip"
    archive.touch()
    (tmp_path / "empty").mkdir()
    converter = convert.CONVERTERS[name]
    for source, told in (
        (None, "are not named"),
        (archive, "unpack it"),
        (tmp_path / "nothing", "is not there"),
        (tmp_path / "empty", f"does not hold the original files of {name}"),
    ):
        with pytest.raises(BenchmarkError, match=told) as caught:
            converter(source, tmp_path / "out", untracked)
        assert refused(caught.value, name if source is None else source)
    assert not (tmp_path / "out").exists()
