"""`gonio import` and `gonio export` as a person meets them."""

import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from devices.recording import Recording
from motion.samples import Samples
from tests.devices.exports import metabase, moving, plain_csv, xsens_dot
from tests.server.conftest import Gonio
from tests.server.recordings import swings, write


@pytest.fixture
def wrist(tmp_path: Path) -> Path:
    return plain_csv(tmp_path / "wrist.csv", moving())


def test_an_import_tells_what_was_written(tmp_path: Path, gonio: Gonio, wrist: Path) -> None:
    target = tmp_path / "arm.parquet"
    ran = gonio("import", wrist, "-o", target)
    assert (ran.code, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert lines[0] == f"{target}: 1 sensor, 12.0 s"
    assert lines[1] == "wrist: 600 samples, 50 Hz (by its times), from wrist.csv (CSV)"
    assert "- Session time starts with the first sample." in lines
    assert len(Recording.open(target).samples()["wrist"]) == 600


def test_several_files_get_their_slots(tmp_path: Path, gonio: Gonio) -> None:
    one = xsens_dot(tmp_path / "1.csv", moving(), tag="same", status="Synced")
    two = xsens_dot(tmp_path / "2.csv", moving(), tag="same", status="Synced")
    target = tmp_path / "two.parquet"
    ran = gonio("import", f"pelvis={one}", f"thorax={two}", "-o", target)
    assert ran.code == 0
    assert Recording.open(target).slots == ("pelvis", "thorax")
    assert "Xsens DOT export" in ran.out


def test_a_metabase_sensor_has_two_files(tmp_path: Path, gonio: Gonio) -> None:
    files = metabase(tmp_path, moving())
    ran = gonio("import", *files, "-o", tmp_path / "a.parquet")
    assert ran.code == 0
    assert "MetaWear: 600 samples, 50 Hz (nominal), from walk_MetaWear" in ran.out
    assert "interpolated at the gyroscope's times" in ran.out


def test_columns_and_units_are_options(tmp_path: Path, gonio: Gonio) -> None:
    samples = moving()
    path = tmp_path / "odd.csv"
    head = 'when,"f,1",f2,f3,r1,r2,r3,who,b1,b2,b3\n'
    rows = [
        ",".join(map(str, [t * 1e3, *(acc / 9.80665), *np.degrees(gyr), "u4", 1, 2, 3]))
        for t, acc, gyr in zip(samples.t_s, samples.acc_mps2, samples.gyr_radps, strict=True)
    ]
    path.write_text(head + "\n".join(rows))
    target = tmp_path / "a.parquet"
    ran = gonio(
        "import", path, "-o", target, "--format", "csv", "--time", "when", "--acc", '"f,1", f2,f3',
        "--gyr", "r1,r2,r3", "--sensor", "who", "--mag", "b1,b2,b3", "--time-unit", "ms",
        "--acc-unit", "g", "--gyr-unit", "deg/s",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    made = Recording.open(target)
    assert made.magnetometer
    assert np.allclose(made.samples()["u4"].acc_mps2, samples.acc_mps2, atol=1e-4)
    assert np.allclose(made.samples()["u4"].gyr_radps, samples.gyr_radps, atol=1e-4)


def test_what_does_not_count_is_told(tmp_path: Path, gonio: Gonio) -> None:
    samples = moving()
    samples.gyr_radps[7] = np.nan
    ran = gonio("import", plain_csv(tmp_path / "a.csv", samples), "-o", tmp_path / "a.parquet")
    assert "- Sensor a: 1 sample without a valid number; it counts as not received." in ran.out


def test_an_equals_sign_in_a_name_is_no_slot(tmp_path: Path, gonio: Gonio) -> None:
    path = plain_csv(tmp_path / "a=b.csv", moving())
    assert gonio("import", path, "-o", tmp_path / "a.parquet").code == 0
    assert Recording.open(tmp_path / "a.parquet").slots == ("a=b",)


def test_bad_input_is_one_sentence_and_code_2(tmp_path: Path, gonio: Gonio, wrist: Path) -> None:
    target = tmp_path / "a.parquet"
    gonio("import", "-o", target).refused("FILE")
    gonio("import", wrist).refused("--output")
    gonio("import", tmp_path / "none.csv", "-o", target).refused("none.csv does not exist")
    gonio("import", "=x.csv", "-o", target).refused("SLOT=FILE")
    gonio("import", wrist, "-o", target, "--acc", "x,y").refused("--acc x,y", "three columns")
    gonio("import", wrist, "-o", target, "--acc", "x\ny,z,w").refused("three columns")
    gonio("import", wrist, "-o", target, "--acc-unit", "stone").refused("--acc-unit")
    gonio("import", wrist, "-o", target, "--acc-unit", "g").refused("give --acc-unit m/s2")
    gonio("import", wrist, "-o", target, "--time", "when").refused("'when'", "acc_x")
    gonio("import", wrist, "-o", wrist).refused("would overwrite", "another name")
    gonio("import", wrist, "-o", tmp_path / "no" / "a.parquet").refused("folder does not exist")
    gonio("import", wrist, wrist, "-o", target).refused("given twice")
    assert not target.exists()


# --- export


def test_an_export_is_imported_bit_for_bit(tmp_path: Path, gonio: Gonio) -> None:
    source = write(tmp_path / "a.parquet", swings("one"), swings("two"))
    text, copy = tmp_path / "a.csv", tmp_path / "b.parquet"
    ran = gonio("export", source, "-o", text)
    assert (ran.code, ran.out, ran.err) == (0, "", f"wrote the samples {text}\n")
    assert gonio("import", text, "-o", copy).code == 0
    before, after = Recording.open(source).samples(), Recording.open(copy).samples()
    assert list(before) == list(after)
    for slot, samples in before.items():
        assert samples.t_s.tobytes() == after[slot].t_s.tobytes()
        assert samples.acc_mps2.tobytes() == after[slot].acc_mps2.tobytes()
        assert samples.gyr_radps.tobytes() == after[slot].gyr_radps.tobytes()


def test_without_a_file_the_export_goes_to_standard_output(
    tmp_path: Path, gonio: Gonio, sound: Path
) -> None:
    ran = gonio("export", sound)
    assert ran.code == 0
    assert ran.err == ""
    assert ran.out.startswith("sensor,t_s,acc_x,acc_y,acc_z,gyr_x,gyr_y,gyr_z\none,0,")
    assert gonio("export", sound, "-o", "-").out == ran.out
    assert gonio("export", sound, "-o", tmp_path / "a.csv").out == ""
    assert (tmp_path / "a.csv").read_text() == ran.out


def test_names_survive_a_terminal_without_them(
    tmp_path: Path, gonio: Gonio, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = swings()
    path = write(
        tmp_path / "a.parquet",
        Samples("Hüfte", samples.t_s, samples.acc_mps2, samples.gyr_radps),
    )
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    assert gonio("export", path).code == 0
    sys.stdout.flush()
    assert "\nHüfte,0," in raw.getvalue().decode("utf-8")


def test_a_folder_gets_a_file_of_the_recordings_name(
    tmp_path: Path, gonio: Gonio, sound: Path
) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    assert gonio("export", sound, "-o", folder).code == 0
    assert [path.name for path in folder.iterdir()] == ["sound.csv"]


def test_repetitions_are_a_file_of_their_own(tmp_path: Path, gonio: Gonio) -> None:
    events = [{"type": "rep", "index": 1, "rom_deg": 43.1}, {"type": "set"}]
    session = write(tmp_path / "session.parquet", swings(), events=events)
    reps = tmp_path / "reps.csv"
    ran = gonio("export", session, "--events", reps)
    assert (ran.code, ran.out, ran.err) == (0, "", f"wrote the repetitions {reps}\n")
    both = gonio("export", session, "--events", reps, "-o", tmp_path / "samples.csv")
    assert both.err.splitlines()[1] == f"wrote the samples {tmp_path / 'samples.csv'}"
    assert gonio("export", session, "--events", "-").out == reps.read_text()
    lines = reps.read_text().splitlines()
    assert lines[0].startswith("exercise,side,set_index,index,start_s,")
    assert len(lines) == 2


def test_exports_that_cannot_be_are_refused(
    tmp_path: Path, gonio: Gonio, sound: Path, wrist: Path
) -> None:
    gonio("export", tmp_path / "none.parquet").refused("none.parquet does not exist")
    gonio("export", wrist).refused("not a Parquet file")
    gonio("export", sound, "-o", sound).refused("would overwrite")
    gonio("export", sound, "--events", tmp_path / "r.csv").refused("stores no events")
    assert not (tmp_path / "r.csv").exists()
    same = tmp_path / "same.csv"
    gonio("export", sound, "-o", same, "--events", same).refused("would overwrite")
    gonio("export", sound, "-o", tmp_path / "no" / "a.csv").refused("folder does not exist")


def test_a_link_is_written_to_and_not_replaced(tmp_path: Path, gonio: Gonio, sound: Path) -> None:
    file, link = tmp_path / "file.csv", tmp_path / "link.csv"
    link.symlink_to(file)
    assert gonio("export", sound, "-o", link).code == 0
    assert link.is_symlink()
    assert file.read_text().startswith("sensor,t_s,")


def test_a_full_disk_leaves_what_was_there(
    tmp_path: Path, gonio: Gonio, sound: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    target = tmp_path / "a.csv"
    target.write_text("before")
    monkeypatch.setattr("os.replace", full)
    gonio("export", sound, "-o", target).refused("No space left")
    assert target.read_text() == "before"
    assert not list(tmp_path.glob(".*.part"))
