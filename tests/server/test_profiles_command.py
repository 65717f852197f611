"""`gonio profiles`: what it lists, shows, refuses and decodes."""

from pathlib import Path

import pytest

from devices.frame import Refusal
from firmware_profiles.library import library_text, profile_ids
from server.sensor_wording import REFUSALS
from tests.server.conftest import Gonio


def test_list_says_which_can_track_and_which_are_experimental(gonio: Gonio) -> None:
    lines = gonio("profiles", "list").out.splitlines()
    told = {line.split()[0]: line for line in lines if not line.startswith("   ")}
    assert set(told) - {"id"} == set(profile_ids())
    assert "experimental" in told["esense"]
    assert "confirmed" in told["xsens-dot"]
    assert "no: no gyroscope" in told["polar-h10"]
    assert "no: slower than 25 Hz" in told["sensortag-cc2650"]
    assert "30 to 60 Hz" in told["xsens-dot"]


def test_show_tells_what_is_written_what_is_unconfirmed_and_why_not(gonio: Gonio) -> None:
    out = gonio("profiles", "show", "esense").out
    assert "not confirmed: That the accelerometer's range is 4 g" in out
    assert "start: write 53 35 02 01 32 to configuration" in out
    assert "parameter acc_range_g: Range of the accelerometer, g; 2, 4, 8, 16; 4 by default" in out
    assert "and this mode sends no angular rate" in gonio("profiles", "show", "polar-h10").out
    assert "start: wait 0.1 s" in gonio("profiles", "show", "witmotion").out
    assert "start: read scheme" in gonio("profiles", "show", "openearable-v1").out


def test_show_gives_the_file_to_start_ones_own_from(gonio: Gonio, tmp_path: Path) -> None:
    out = gonio("profiles", "show", "myo", "--yaml").out
    assert out == library_text("myo")
    own = tmp_path / "own.yaml"
    own.write_text(out, "utf-8")
    assert gonio("profiles", "show", own, "--yaml").out == out
    assert gonio("profiles", "check", own).out.startswith(f"{own}: fine")


def test_check_refuses_what_no_decoder_can_be_made_of(gonio: Gonio, tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(library_text("polar-verity-sense").replace("polar_delta", "polar_data"), "utf-8")
    gonio("profiles", "check", own).refused("there is no codec 'polar_data'")
    own.write_text(library_text("myo").replace("vendor:", "vender:"), "utf-8")
    gonio("profiles", "check", own).refused("own.yaml line 3: vender", "perhaps 'vendor' is meant")
    gonio("profiles", "show", "xsens-dto").refused("perhaps 'xsens-dot' is meant")


def test_decode_joins_packets_of_several_characteristics(gonio: Gonio) -> None:
    ran = gonio(
        "profiles", "decode", "arduino-nano-33",
        "acceleration=0000803f0000000000000000",
        "6fbe1da7-3002-44de-92c4-bb6e04fb0212=0000a0410000000000000000",
    )  # fmt: skip
    assert ran.code == 0
    acc, gyr = ran.out.splitlines()
    assert acc.split() == ["acc", "9.80665", "0", "0", "m/s2"]
    assert gyr.split() == ["gyr", "20", "0", "0", "deg/s"]


def test_decode_takes_modes_rates_parameters_and_spaces(gonio: Gonio) -> None:
    ran = gonio(
        "profiles", "decode", "metamotion-r", "03 04 00 10 00 00 00 00", "13:05:00:00:90:01:00:00",
        "--mode", "single", "--rate", "50", "--set", "acc_range_g=8", "--set", "gyr_range_dps=2000",
    )  # fmt: skip
    assert [line.split()[1:4] for line in ran.out.splitlines()] == [
        ["9.80665", "0", "0"],
        ["0", "24.3902", "0"],
    ]


def test_decode_tells_what_it_did_not_use(gonio: Gonio) -> None:
    ran = gonio("profiles", "decode", "myo", "00" * 20, "00" * 19)
    assert ran.code == 0
    assert ran.out.splitlines()[-1] == "not decoded: too short (1)"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["myo", "0"], ["'0' is no packet"]),
        (["myo", "xyz"], ["'xyz' is no packet"]),
        (["myo", "00"], ["No sample could be decoded: too short (1)"]),
        (["arduino-nano-33", "00"], ["acceleration and angular_rate", "acceleration=00"]),
        (
            ["arduino-nano-33", "acceleratio=00"],
            ["no characteristic 'acceleratio'", "perhaps 'acceleration' is meant"],
        ),
        (["arduino-nano-33", "acceleration=" + "00" * 12], ["more has to follow"]),
        (["myo", "00", "--mode", "x"], ["has no mode 'x'"]),
        (["myo", "00", "--rate", "99"], ["does not send at 99 Hz"]),
        (["esense", "00", "--set", "acc_range_g"], ["NAME=NUMBER"]),
        (["esense", "00", "--set", "acc_range_g=5"], ["choose one of 2, 4, 8, 16"]),
        (["nothing", "00"], ["does not exist"]),
    ],
)
def test_decode_refuses_with_a_sentence(
    gonio: Gonio, arguments: list[str], words: list[str]
) -> None:
    gonio("profiles", "decode", *arguments).refused(*words)


def test_every_refusal_has_its_words() -> None:
    assert set(REFUSALS) == set(Refusal)
