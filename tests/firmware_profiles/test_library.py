"""The profiles that come with Gonio: bytes that are written, and what each model is known by."""

import json

import pytest

from firmware_profiles.library import profile_ids
from firmware_profiles.schema import Profile
from firmware_profiles.steps import Action, Expect, Read, Subscribe, Unsubscribe, Wait, Write

REQUIRED = {
    "xsens-dot", "movesense", "metamotion-r", "metamotion-s", "thingy-52", "witmotion", "bluest",
    "openearable-v1", "openearable-v2", "arduino-nano-33", "polar-h10", "polar-verity-sense",
}  # fmt: skip


def test_every_required_sensor_has_a_profile() -> None:
    assert set(profile_ids()) >= REQUIRED


@pytest.mark.parametrize("profile_id", profile_ids())
def test_a_profile_survives_being_stored_as_json(profile_id: str) -> None:
    profile = Profile.load(profile_id)
    assert Profile.from_document(json.loads(json.dumps(profile.document()))) == profile


@pytest.mark.parametrize("profile_id", profile_ids())
def test_a_profile_stops_listening_to_all_that_it_listens_to(profile_id: str) -> None:
    profile = Profile.load(profile_id)
    for mode in profile.modes:
        start, stop = profile.steps("start", mode), profile.steps("stop", mode)
        heard = {each.characteristic for each in start if isinstance(each, Subscribe)}
        left = {each.characteristic for each in stop if isinstance(each, Unsubscribe)}
        assert heard == left


def short(profile_id: str, actions: list[Action]) -> list[str]:
    """Actions as lines, with the names of characteristics."""
    profile = Profile.load(profile_id)
    names = {each.uuid: name for name, each in profile.characteristics.items()}
    lines = []
    for action in actions:
        match action:
            case Write():
                lines.append(f"write {names[action.characteristic]} {action.data.hex(' ')}")
            case Expect():
                lines.append(f"expect {names[action.characteristic]} {action.pattern.hex(' ')}")
            case Wait():
                lines.append(f"wait {action.seconds:g}")
            case Subscribe() | Unsubscribe() | Read():
                kind = type(action).__name__.lower()
                lines.append(f"{kind} {names[action.characteristic]}")
    return lines


# As the data sheets and vendors' code have them, not as the profiles do.
STARTS: dict[tuple[str, str, float | None], list[str]] = {
    ("xsens-dot", "rate-quantities", 60): [
        "write device_control 10 " + "00 " * 23 + "3c 00 00 00 00 00 00 00",
        "subscribe medium_payload",
        "write measurement_control 01 01 15",
    ],
    ("xsens-dot", "rate-quantities-mag", 30): [
        "write device_control 10 " + "00 " * 23 + "1e 00 00 00 00 00 00 00",
        "subscribe medium_payload",
        "write measurement_control 01 01 14",
    ],
    ("movesense", "imu6", 104): [
        "subscribe notification",
        "write command 01 63 2f 4d 65 61 73 2f 49 4d 55 36 2f 31 30 34 00",
        "expect notification 01 63 c8 00",
    ],
    ("movesense", "imu9", 52): [
        "subscribe notification",
        "write command 01 63 2f 4d 65 61 73 2f 49 4d 55 39 2f 35 32 00",
        "expect notification 01 63 c8 00",
    ],
    ("metamotion-r", "packed", 100): [
        "subscribe notification",
        "write command 11 09 06 00 0c 00 00 00 58 02",
        "write command 03 03 28 0c",
        "write command 13 03 28 00",
        "write command 03 1c 01",
        "write command 13 07 01",
        "write command 03 02 01 00",
        "write command 13 02 01 00",
        "write command 03 01 01",
        "write command 13 01 01",
    ],
    ("metamotion-s", "packed", 100): [
        "subscribe notification",
        "write command 11 09 06 00 0c 00 00 00 58 02",
        "write command 03 03 a8 03",
        "write command 13 03 28 00",
        "write command 03 05 01",
        "write command 13 05 01",
        "write command 03 02 01 00",
        "write command 13 02 01 00",
        "write command 03 01 01",
        "write command 13 01 01",
    ],
    ("metamotion-s", "single", 50): [
        "subscribe notification",
        "write command 11 09 06 00 0c 00 00 00 58 02",
        "write command 03 03 a7 03",
        "write command 13 03 27 00",
        "write command 03 04 01",
        "write command 13 04 01",
        "write command 03 02 01 00",
        "write command 13 02 01 00",
        "write command 03 01 01",
        "write command 13 01 01",
    ],
    ("thingy-52", "raw", 200): [
        "write connection_parameters 06 00 0c 00 00 00 58 02",
        "write motion_configuration f4 01 f4 01 f4 01 c8 00 01",
        "subscribe raw",
    ],
    ("witmotion", "motion", 100): [
        "subscribe notification",
        "write command ff aa 69 88 b5",
        "wait 0.1",
        "write command ff aa 03 09 00",
        "wait 0.1",
    ],
    ("witmotion", "motion", 200): [
        "subscribe notification",
        "write command ff aa 69 88 b5",
        "wait 0.1",
        "write command ff aa 03 0b 00",
        "wait 0.1",
    ],
    ("bluest", "motion", None): ["subscribe motion"],
    ("polar-h10", "acc", 200): [
        "subscribe control",
        "subscribe data",
        "write control 02 02 00 01 c8 00 01 01 10 00 02 01 08 00",
        "expect control f0 02 02 00",
    ],
    ("polar-verity-sense", "motion", 52): [
        "subscribe control",
        "subscribe data",
        "write control 02 02 00 01 34 00 01 01 10 00 02 01 08 00 04 01 03",
        "expect control f0 02 02 00",
        "write control 02 05 00 01 34 00 01 01 10 00 02 01 d0 07 04 01 03",
        "expect control f0 02 05 00",
    ],
    ("openearable-v1", "motion", 50): [
        "read scheme",
        "subscribe sensor_data",
        "write sensor_configuration 00 00 00 48 42 00 00 00 00",
    ],
    ("openearable-v2", "motion", 100): [
        "subscribe scheme",
        "write scheme_request 00",
        "expect scheme 00",
        "subscribe sensor_data",
        "write sensor_configuration 00 02 01",
    ],
    ("arduino-nano-33", "motion", None): ["subscribe acceleration", "subscribe angular_rate"],
    ("arduino-nicla", "motion", None): ["subscribe acceleration", "subscribe angular_rate"],
    ("esense", "motion", 50): ["subscribe data", "write configuration 53 35 02 01 32"],
    ("muse", "motion", None): [
        "subscribe acceleration",
        "subscribe angular_rate",
        "write control 03 76 31 0a",
        "write control 04 70 32 31 0a",
        "write control 02 64 0a",
    ],
    ("myo", "motion", None): ["subscribe imu_data", "write command 01 03 00 01 00"],
    ("daydream", "motion", None): ["subscribe state"],
    ("sensortag-cc2650", "motion", 10): [
        "write period 0a",
        "subscribe data",
        "write configuration 7f 02",
    ],
}

STOPS: dict[str, list[str]] = {
    "xsens-dot": ["write measurement_control 01 00 15", "unsubscribe medium_payload"],
    "movesense": ["write command 02 63", "unsubscribe notification"],
    "metamotion-r": [
        "write command 03 01 00",
        "write command 13 01 00",
        "write command 03 02 00 01",
        "write command 13 02 00 01",
        "write command 03 1c 00",
        "write command 13 07 00",
        "unsubscribe notification",
    ],
    "metamotion-s": [
        "write command 03 01 00",
        "write command 13 01 00",
        "write command 03 02 00 01",
        "write command 13 02 00 01",
        "write command 03 05 00",
        "write command 13 05 00",
        "unsubscribe notification",
    ],
    "thingy-52": ["unsubscribe raw"],
    "witmotion": ["unsubscribe notification"],
    "bluest": ["unsubscribe motion"],
    "polar-h10": [
        "write control 03 02",
        "expect control f0 03 02 00",
        "unsubscribe data",
        "unsubscribe control",
    ],
    "polar-verity-sense": [
        "write control 03 02",
        "expect control f0 03 02 00",
        "write control 03 05",
        "expect control f0 03 05 00",
        "unsubscribe data",
        "unsubscribe control",
    ],
    "openearable-v1": [
        "write sensor_configuration 00 00 00 00 00 00 00 00 00",
        "unsubscribe sensor_data",
    ],
    "openearable-v2": [
        "write sensor_configuration 00 02 00",
        "unsubscribe sensor_data",
        "unsubscribe scheme",
    ],
    "arduino-nano-33": ["unsubscribe acceleration", "unsubscribe angular_rate"],
    "arduino-nicla": ["unsubscribe acceleration", "unsubscribe angular_rate"],
    "esense": ["write configuration 53 02 02 00 00", "unsubscribe data"],
    "muse": ["write control 02 68 0a", "unsubscribe angular_rate", "unsubscribe acceleration"],
    "myo": ["write command 01 03 00 00 00", "unsubscribe imu_data"],
    "daydream": ["unsubscribe state"],
    "sensortag-cc2650": ["write configuration 00 00", "unsubscribe data"],
}


def test_every_profile_is_in_the_tables_of_bytes() -> None:
    assert {profile_id for profile_id, _, _ in STARTS} == set(profile_ids()) == set(STOPS)


@pytest.mark.parametrize(("profile_id", "mode", "rate_hz"), list(STARTS))
def test_start_writes_the_bytes_of_the_data_sheet(
    profile_id: str, mode: str, rate_hz: float | None
) -> None:
    profile = Profile.load(profile_id)
    expected = STARTS[profile_id, mode, rate_hz]
    assert short(profile_id, profile.steps("start", mode, rate_hz)) == expected


@pytest.mark.parametrize("profile_id", list(STOPS))
def test_stop_writes_the_bytes_of_the_data_sheet(profile_id: str) -> None:
    profile = Profile.load(profile_id)
    assert short(profile_id, profile.steps("stop")) == STOPS[profile_id]


@pytest.mark.parametrize(
    ("acc_range_g", "gyr_range_dps", "configured"),
    [
        (2, 125, ["03 03 28 03", "13 03 28 04"]),
        (4, 250, ["03 03 28 05", "13 03 28 03"]),
        (8, 500, ["03 03 28 08", "13 03 28 02"]),
        (16, 1000, ["03 03 28 0c", "13 03 28 01"]),
    ],
)
def test_ranges_are_written_where_they_belong(
    acc_range_g: float, gyr_range_dps: float, configured: list[str]
) -> None:
    parameters = {"acc_range_g": acc_range_g, "gyr_range_dps": gyr_range_dps}
    steps = Profile.load("metamotion-r").steps("start", "packed", 100, parameters)
    assert [each.data.hex(" ") for each in steps if isinstance(each, Write)][1:3] == configured


def test_a_dot_blinks_when_it_is_told_to() -> None:
    (write,) = Profile.load("xsens-dot").steps("identify")
    assert isinstance(write, Write)
    assert write.data[:2] == b"\x01\x01"
    assert len(write.data) == 32


@pytest.mark.parametrize(
    ("profile_id", "name", "services", "manufacturer_ids"),
    [
        ("xsens-dot", "Xsens DOT", [], []),
        ("xsens-dot", "Movella DOT", [], []),
        ("xsens-dot", None, [], [2182]),
        ("movesense", "Movesense 123456789", [], []),
        ("movesense", None, ["FDF3"], []),
        ("movesense", None, ["0000fdf3-0000-1000-8000-00805f9b34fb"], []),
        ("metamotion-r", "MetaWear", [], []),
        ("thingy-52", "Thingy", [], []),
        ("witmotion", "WT901BLE67", [], []),
        ("witmotion", None, ["0000FFE5-0000-1000-8000-00805F9A34FB"], []),
        ("arduino-nano-33", "BLESense-1A2B", [], []),
        ("polar-h10", "Polar H10 12345678", [], []),
        ("polar-verity-sense", "Polar Sense 12345678", [], []),
        ("openearable-v2", "OpenEarable-4F2C", [], []),
        ("esense", "eSense-0123", [], []),
        ("sensortag-cc2650", "CC2650 SensorTag", [], []),
    ],
)
def test_a_sensor_is_recognised_by_its_advertisement(
    profile_id: str, name: str | None, services: list[str], manufacturer_ids: list[int]
) -> None:
    assert Profile.load(profile_id).recognises(name, services, manufacturer_ids)


@pytest.mark.parametrize("profile_id", profile_ids())
def test_other_peripherals_are_not_recognised(profile_id: str) -> None:
    profile = Profile.load(profile_id)
    assert not profile.recognises(None)
    assert not profile.recognises("", [], [])
    # A standard UUID that ends as WitMotion's own does not is another service.
    assert not profile.recognises("Heart", ["180d", "0000ffe5-0000-1000-8000-00805f9b34fb"], [76])


ALIKE = {
    frozenset({"metamotion-r", "metamotion-s"}),
    frozenset({"openearable-v1", "openearable-v2"}),
}


@pytest.mark.parametrize("profile_id", profile_ids())
def test_no_two_models_claim_the_same_sensor_but_those_that_advertise_alike(
    profile_id: str,
) -> None:
    advertisement = Profile.load(profile_id).advertisement
    for other in profile_ids():
        if other == profile_id or frozenset({other, profile_id}) in ALIKE:
            continue
        profile = Profile.load(other)
        assert not profile.recognises(None, advertisement.services, advertisement.manufacturer_ids)


@pytest.mark.parametrize(
    ("profile_id", "mode", "rate_hz", "reason"),
    [
        ("polar-h10", "acc", None, "sends no angular rate"),
        ("sensortag-cc2650", "motion", None, "these are 10"),
        ("bluest", "motion", 20, "choose 25 Hz or more"),
        ("xsens-dot", "free-acceleration", None, "no acceleration and angular rate"),
        ("movesense", "imu6", 13, "choose 26 Hz or more"),
    ],
)
def test_what_cannot_be_tracked_is_refused_with_a_sentence(
    profile_id: str, mode: str, rate_hz: float | None, reason: str
) -> None:
    why_not = Profile.load(profile_id).mode(mode).why_not(rate_hz)
    assert why_not is not None
    assert reason in why_not


@pytest.mark.parametrize("profile_id", sorted(REQUIRED - {"polar-h10"}))
def test_a_required_sensor_can_be_tracked_at_one_of_its_rates(profile_id: str) -> None:
    assert Profile.load(profile_id).mode().tracking


def test_values_that_are_read_once() -> None:
    dot = Profile.load("xsens-dot")
    assert dot.battery is not None
    assert dot.battery.read(b"\x49\x01") == 73
    assert dot.battery.read(b"") is None
    board = Profile.load("metamotion-r")
    assert board.firmware is not None
    assert board.firmware.read(b"1.5.0\x00") == "1.5.0"
    assert board.firmware.read(b"\xff\xfe") == "\ufffd\ufffd"
