"""Exports of MetaBase: accelerometer and gyroscope in files of their own, brought together."""

from pathlib import Path

import numpy as np
import pytest

from devices.errors import SourceError, SourceFault
from devices.formats import delimited
from devices.importing import Given
from devices.recording import Recording
from motion.samples import Samples
from tests.devices.exports import CLOCKS_CHANGE_MS, RATE_HZ, imported, metabase, moving
from tests.motion.movement import lost

# Three digits after the point, of g and of deg/s.
ACC_NEAR = 0.006
GYR_NEAR = 2e-5


@pytest.fixture
def samples() -> Samples:
    return moving()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "made.parquet"


def assert_near(made: Samples, samples: Samples) -> None:
    assert np.allclose(made.t_s, samples.t_s, rtol=0, atol=5e-4)
    assert np.allclose(made.acc_mps2, samples.acc_mps2, rtol=0, atol=ACC_NEAR)
    assert np.allclose(made.gyr_radps, samples.gyr_radps, rtol=0, atol=GYR_NEAR)


def refused(fault: SourceFault, target: Path, *files: Path | Given) -> str:
    with pytest.raises(SourceError) as caught:
        imported(target, *files)
    assert caught.value.reason is fault, caught.value
    assert not target.exists()
    return str(caught.value)


@pytest.mark.parametrize("ios", [False, True])
def test_files_of_one_sensor_find_each_other_by_name(
    tmp_path: Path, target: Path, samples: Samples, ios: bool
) -> None:
    acc, gyr = metabase(tmp_path, samples, ios=ios)
    for files in ((acc, gyr), (gyr, acc)):
        told, made = imported(target, *files)
        assert_near(made["MetaWear"], samples)
        (sensor,) = told.sensors
        assert (sensor.kind, sensor.rate_hz, sensor.estimated) == ("MetaBase export", 50.0, False)
        assert sensor.files == (str(acc), str(gyr))
    info = Recording.open(target).info.sensors["MetaWear"]
    assert (info.serial, info.firmware) == ("CCA00625B61F", "1.5.0")


def test_slots_bring_together_what_names_do_not(
    tmp_path: Path, target: Path, samples: Samples
) -> None:
    acc, gyr = metabase(tmp_path, samples)
    acc, gyr = acc.rename(tmp_path / "up.csv"), gyr.rename(tmp_path / "turn.csv")
    refused(SourceFault.PAIR, target, acc, gyr)
    _, made = imported(target, Given(acc, "wrist"), Given(gyr, "wrist"))
    assert_near(made["wrist"], samples)


def test_one_slot_names_both_files(tmp_path: Path, target: Path, samples: Samples) -> None:
    acc, gyr = metabase(tmp_path, samples)
    assert list(imported(target, Given(acc, "wrist"), gyr)[1]) == ["wrist"]
    assert list(imported(target, acc, Given(gyr, "wrist"))[1]) == ["wrist"]


def test_sensors_that_were_never_named_go_by_their_address(
    tmp_path: Path, target: Path, samples: Samples
) -> None:
    one = metabase(tmp_path, samples, address="CCA00625B61F")
    two = metabase(tmp_path, samples, address="DE982C9EB595")
    assert set(imported(target, *one, *two)[1]) == {"CCA00625B61F", "DE982C9EB595"}


def test_the_clock_ignores_that_clocks_were_changed(
    tmp_path: Path, target: Path, samples: Samples
) -> None:
    told, made = imported(target, *metabase(tmp_path, samples, begin_ms=CLOCKS_CHANGE_MS))
    assert made["MetaWear"].t_s.tolist() == [k / 50 for k in range(len(samples))]
    assert "2024-10-27 01:59:55.000 UTC" in "".join(told.notes)


def test_sensors_come_together_by_the_time_since_1970(
    tmp_path: Path, target: Path, samples: Samples
) -> None:
    one = metabase(tmp_path, samples, name="one", begin_ms=CLOCKS_CHANGE_MS + 1240)
    two = metabase(tmp_path, samples, name="two")
    _, made = imported(target, *one, *two)
    assert (made["one"].t_s[0], made["two"].t_s[0]) == (1.24, 0.0)


@pytest.mark.parametrize("batch_rows", [16, 16_384])
@pytest.mark.parametrize("rate_hz", [25.0, 100.0])
def test_accelerations_are_interpolated_at_the_gyroscopes_times(
    tmp_path: Path,
    target: Path,
    samples: Samples,
    rate_hz: float,
    batch_rows: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(delimited, "BATCH_ROWS", batch_rows)
    acc = moving(rate_hz=rate_hz)
    acc = Samples("a", acc.t_s + 0.007, acc.acc_mps2, acc.gyr_radps)
    told, made = imported(target, *metabase(tmp_path, samples, acc=acc))
    begin = int(np.searchsorted(samples.t_s, acc.t_s[0]))
    end = int(np.searchsorted(samples.t_s, acc.t_s[-1], "right"))
    t_s = samples.t_s[begin:end]
    expected = np.stack(
        [np.interp(t_s, acc.t_s, acc.acc_mps2[:, axis]) for axis in range(3)], axis=1
    )
    assert len(made["MetaWear"]) == end - begin
    assert np.allclose(made["MetaWear"].t_s, t_s - t_s[0])
    assert np.allclose(made["MetaWear"].acc_mps2, expected, atol=ACC_NEAR)
    assert np.allclose(made["MetaWear"].gyr_radps, samples.gyr_radps[begin:end], atol=GYR_NEAR)
    left_out = len(samples) - (end - begin)
    assert f"{left_out} of its samples lie outside" in "".join(told.notes)


def test_nothing_is_interpolated_across_gaps(
    tmp_path: Path, target: Path, samples: Samples
) -> None:
    acc = lost(lost(samples, 4.0, 4.5), 7.0, 7.0 + 0.9 / RATE_HZ)
    told, made = imported(target, *metabase(tmp_path, samples, acc=acc))
    bare = np.isnan(made["MetaWear"].acc_mps2).any(axis=1)
    # The longer gap stays one, the single sample is bridged.
    assert samples.t_s[bare].tolist() == samples.t_s[200:225].tolist()
    assert np.isfinite(made["MetaWear"].gyr_radps).all()
    assert "25 lie in gaps" in "".join(told.notes)


def test_other_files_of_the_app_are_left_out(
    tmp_path: Path, target: Path, samples: Samples
) -> None:
    acc, gyr = metabase(tmp_path, samples)
    bare = tmp_path / acc.name.replace("Accelerometer", "LinearAcceleration")
    bare.write_bytes(acc.read_bytes())
    magnetic = tmp_path / acc.name.replace("Accelerometer", "Magnetometer")
    magnetic.write_text(acc.read_text().replace("(g)", "(T)"))
    told, made = imported(target, acc, bare, gyr, magnetic)
    assert_near(made["MetaWear"], samples)
    assert sum("was left out" in note for note in told.notes) == 2
    assert "neither" in refused(SourceFault.PAIR, tmp_path / "none.parquet", magnetic)


# --- what is refused


def test_one_file_alone_is_not_enough(tmp_path: Path, target: Path, samples: Samples) -> None:
    acc, gyr = metabase(tmp_path, samples)
    assert "accelerometer only; give the sensor's gyroscope" in refused(
        SourceFault.PAIR, target, acc
    )
    assert "gyroscope only" in refused(SourceFault.PAIR, target, Given(gyr, "wrist"))
    assert "own name" in refused(
        SourceFault.PAIR, target, Given(acc, "a"), Given(_copy(acc), "a"), Given(gyr, "a")
    )


def _copy(path: Path) -> Path:
    copy = path.with_name(f"copy_{path.name}")
    copy.write_bytes(path.read_bytes())
    return copy


def test_files_of_different_sessions_are_refused(
    tmp_path: Path, target: Path, samples: Samples
) -> None:
    acc, _ = metabase(tmp_path, samples, session="one", begin_ms=CLOCKS_CHANGE_MS)
    for begin_ms in (CLOCKS_CHANGE_MS - 60_000, CLOCKS_CHANGE_MS + 60_000):
        _, gyr = metabase(tmp_path, samples, session="two", begin_ms=begin_ms)
        told = refused(SourceFault.PAIR, target, Given(acc, "a"), Given(gyr, "a"))
        assert "no time in common" in told


@pytest.mark.parametrize("which", [0, 1])
def test_damage_is_told_with_file_and_line(
    tmp_path: Path, target: Path, samples: Samples, which: int
) -> None:
    files = metabase(tmp_path, samples)
    text = files[which].read_text()
    lines = text.splitlines()
    files[which].write_text("\n".join([*lines[:9], lines[5], *lines[9:]]))
    told = refused(SourceFault.TIME_UNSORTED, target, *files)
    assert files[which].name in told
    assert "line 10" in told
    files[which].write_text(lines[0])
    assert files[which].name in refused(SourceFault.NO_ROWS, target, *files)


def test_a_rate_is_no_option_for_two_files(tmp_path: Path, target: Path, samples: Samples) -> None:
    with pytest.raises(SourceError, match="leave --rate out"):
        imported(target, *metabase(tmp_path, samples), rate_hz=50.0)
