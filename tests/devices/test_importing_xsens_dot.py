"""Exports of Xsens DOT: microseconds that wrap, lost packets, synchronised sensors."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from devices.errors import SourceError, SourceFault
from devices.formats import delimited
from devices.importing import Given
from devices.recording import Recording
from motion.samples import Samples
from tests.devices.exports import WRAP, XSENS_COLUMNS, imported, moving, xsens_dot

RATE_HZ = 60.0


@pytest.fixture
def samples() -> Samples:
    return moving(rate_hz=RATE_HZ)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "made.parquet"


def assert_near(made: Samples, samples: Samples) -> None:
    assert np.allclose(made.t_s, samples.t_s - samples.t_s[0], rtol=0, atol=1e-6)
    assert np.allclose(made.acc_mps2, samples.acc_mps2, rtol=0, atol=1e-6)
    assert np.allclose(made.gyr_radps, samples.gyr_radps, rtol=0, atol=1e-6)


def test_an_export_is_known_by_its_header(tmp_path: Path, target: Path, samples: Samples) -> None:
    path = xsens_dot(tmp_path / "bei_D4CA6EF17860_20210830_170505.csv", samples, rate="60Hz")
    told, made = imported(target, path)
    assert_near(made["bei"], samples)
    (sensor,) = told.sensors
    assert (sensor.kind, sensor.rate_hz, sensor.estimated) == ("Xsens DOT export", RATE_HZ, False)
    info = Recording.open(target).info.sensors["bei"]
    assert (info.serial, info.firmware, info.rate_hz) == ("D4CA6EF17860", "1.6.0", RATE_HZ)


def test_later_versions_end_lines_with_a_separator(
    tmp_path: Path, target: Path, samples: Samples
) -> None:
    path = xsens_dot(tmp_path / "a.csv", samples, trailing=True)
    told, made = imported(target, path)
    assert_near(made["bei"], samples)
    assert (told.sensors[0].rate_hz, told.sensors[0].estimated) == (RATE_HZ, True)


@pytest.mark.parametrize(
    "columns",
    [
        ("SampleTimeFine", "Euler_X", "Euler_Y", "Euler_Z", *XSENS_COLUMNS),
        ("SampleTimeFine", "Quat_W", *XSENS_COLUMNS, "Mag_X", "Mag_Y", "Mag_Z", "Status"),
        ("SampleTimeFine", *reversed(XSENS_COLUMNS)),
    ],
)
def test_columns_are_found_by_name_in_any_mode(
    tmp_path: Path, target: Path, samples: Samples, columns: Sequence[str]
) -> None:
    path = xsens_dot(tmp_path / "a.csv", samples, columns=columns)
    assert_near(imported(target, path)[1]["bei"], samples)


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_the_sign_of_copyright_is_no_obstacle(
    tmp_path: Path, target: Path, samples: Samples, encoding: str
) -> None:
    path = xsens_dot(tmp_path / "a.csv", samples, encoding=encoding)
    assert_near(imported(target, path)[1]["bei"], samples)


@pytest.mark.parametrize("batch_rows", [7, 16_384])
def test_microseconds_and_packets_go_on_when_they_wrap(
    tmp_path: Path,
    target: Path,
    samples: Samples,
    batch_rows: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(delimited, "BATCH_ROWS", batch_rows)
    path = xsens_dot(
        tmp_path / "a.csv", samples, first_us=WRAP - 3_000_000, first_packet=WRAP - 100
    )
    told, made = imported(target, path)
    assert_near(made["bei"], samples)
    assert not any("lost" in note for note in told.notes)


@pytest.mark.parametrize("batch_rows", [7, 16_384])
def test_lost_packets_stay_gaps_and_are_counted(
    tmp_path: Path,
    target: Path,
    samples: Samples,
    batch_rows: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(delimited, "BATCH_ROWS", batch_rows)
    lost = [50, 51, 52, 400]
    path = xsens_dot(tmp_path / "a.csv", samples, lost=lost)
    told, made = imported(target, path)
    kept = np.delete(np.arange(len(samples)), lost)
    assert np.allclose(made["bei"].t_s, samples.t_s[kept], atol=1e-6)
    assert f"4 of {len(samples)} packets were lost" in "".join(told.notes)


def test_the_first_packet_of_zeros_is_no_measurement(
    tmp_path: Path, target: Path, samples: Samples
) -> None:
    nothing = samples.copy()
    nothing.acc_mps2[0] = nothing.gyr_radps[0] = 0.0
    nothing.gyr_radps[5] = 0.0
    told, made = imported(target, xsens_dot(tmp_path / "a.csv", nothing))
    assert np.isnan(made["bei"].acc_mps2[0]).all()
    assert np.isnan(made["bei"].gyr_radps[0]).all()
    assert (made["bei"].gyr_radps[5] == 0.0).all()
    assert told.sensors[0].invalid == 1


@pytest.mark.parametrize(("told", "given"), [(None, RATE_HZ), ("60Hz", None)])
def test_without_times_packets_are_counted(
    tmp_path: Path, target: Path, samples: Samples, told: str | None, given: float | None
) -> None:
    path = xsens_dot(tmp_path / "a.csv", samples, columns=XSENS_COLUMNS, rate=told, lost=[9])
    _, made = imported(target, path, rate_hz=given)
    assert np.allclose(made["bei"].t_s, np.delete(samples.t_s, 9), atol=1e-9)


def test_without_times_and_rate_the_option_is_told(
    tmp_path: Path, target: Path, samples: Samples
) -> None:
    path = xsens_dot(tmp_path / "a.csv", samples, columns=XSENS_COLUMNS)
    with pytest.raises(SourceError, match="give --rate HZ") as caught:
        imported(target, path)
    assert caught.value.reason is SourceFault.NO_TIME


# --- several sensors


@pytest.mark.parametrize(("begin", "late"), [(WRAP // 2, 16_667 * 3), (WRAP - 20_000, 16_667 * 3)])
@pytest.mark.parametrize("status", ["Synced", None])
def test_synchronised_sensors_share_a_clock(
    tmp_path: Path, target: Path, samples: Samples, begin: int, late: int, status: str | None
) -> None:
    t_s = np.arange(float(len(samples))) * 0.016667
    exact = Samples("a", t_s, samples.acc_mps2, samples.gyr_radps)
    one = xsens_dot(tmp_path / "1.csv", exact, tag="one", status=status, first_us=begin)
    two = xsens_dot(
        tmp_path / "2.csv", exact, tag="two", status=status, first_us=(begin + late) % WRAP
    )
    for files in ((one, two), (two, one)):
        told, made = imported(target, *files)
        assert made["one"].t_s[0] == 0.0
        assert made["two"].t_s[0] == pytest.approx(late / 1e6)
        assert "synchronised" in told.notes[0]


@pytest.mark.parametrize(
    ("status", "late"), [("Un-synced", 16_667), (None, 9_000), (None, 3_000_000_000)]
)
def test_other_sensors_each_start_at_zero(
    tmp_path: Path, target: Path, samples: Samples, status: str | None, late: int
) -> None:
    one = xsens_dot(tmp_path / "1.csv", samples, tag="one", status=status, first_us=1000)
    two = xsens_dot(tmp_path / "2.csv", samples, tag="two", status=status, first_us=1000 + late)
    told, made = imported(target, one, two)
    assert made["one"].t_s[0] == made["two"].t_s[0] == 0.0
    assert "share no clock" in told.notes[0]


def test_sensors_with_the_same_tag_need_names(
    tmp_path: Path, target: Path, samples: Samples
) -> None:
    one = xsens_dot(tmp_path / "1.csv", samples)
    two = xsens_dot(tmp_path / "2.csv", samples)
    with pytest.raises(SourceError, match="SLOT=FILE"):
        imported(target, one, two)
    assert set(imported(target, Given(one, "pelvis"), two)[1]) == {"pelvis", "bei"}


# --- what is refused


def test_modes_without_acceleration_are_told_what_to_measure(
    tmp_path: Path, target: Path, samples: Samples
) -> None:
    path = xsens_dot(tmp_path / "a.csv", samples, columns=("SampleTimeFine", "Quat_W", "FreeAcc_X"))
    with pytest.raises(SourceError, match="lacks the column Acc_X; it has PacketCounter") as caught:
        imported(target, path)
    assert caught.value.reason is SourceFault.COLUMNS


@pytest.mark.parametrize(
    ("old", "new", "fault", "words"),
    [
        ("\n5,", "\n5x,", SourceFault.NOT_A_NUMBER, "column PacketCounter"),
        ("2974106395", "2974023062", SourceFault.TIME_UNSORTED, "goes back"),
        ("2974106395", "2974089729", SourceFault.TIME_REPEATED, "repeats"),
        ("2974106395", "", SourceFault.NO_TIME, "no valid time"),
    ],
)
def test_damage_is_told_with_the_line(
    tmp_path: Path, target: Path, samples: Samples, old: str, new: str, fault: SourceFault,
    words: str,
) -> None:  # fmt: skip
    path = xsens_dot(tmp_path / "a.csv", samples)
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))
    with pytest.raises(SourceError, match=words) as caught:
        imported(target, path)
    assert caught.value.reason is fault
    # Eight lines before the samples, and the sixth of them.
    assert caught.value.line == 14


def test_an_export_in_other_units_can_be_read(
    tmp_path: Path, target: Path, samples: Samples
) -> None:
    per_deg = Samples("a", samples.t_s, samples.acc_mps2, np.radians(samples.gyr_radps))
    path = xsens_dot(tmp_path / "a.csv", per_deg)
    with pytest.raises(SourceError, match="give --gyr-unit rad/s"):
        imported(target, path)
    assert_near(imported(target, path, gyr_unit="rad/s")[1]["bei"], samples)
