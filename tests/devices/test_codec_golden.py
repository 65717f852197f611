"""Every vector of the reference that comes from a real sensor or a vendor's own test."""

import math

import numpy as np
import pytest

from devices.codecs.polar_delta import sample_times
from tests.devices.decoding import STANDARD_GRAVITY_MPS2, frames_of

DEG = math.pi / 180.0


@pytest.mark.parametrize(
    ("sent", "ticks", "free_acc"),
    [
        (
            "d8052244af9640406b2aa7405add14c000000000",
            1143080408,
            (3.009197, 5.223928, -2.3260102),
        ),
        (
            "f34622440da53c409c13a640f01009c000000000",
            1143097075,
            (2.947574, 5.1898937, -2.1416588),
        ),
    ],
)
def test_captures_of_xsens_dot_mode_6(
    sent: str, ticks: int, free_acc: tuple[float, float, float]
) -> None:
    (frame,) = frames_of("xsens-dot", "free-acceleration", ("short_payload", bytes.fromhex(sent)))
    assert frame.ticks == ticks
    assert frame.values["free_acc"] == pytest.approx(np.array([free_acc]), abs=1e-6)


MOVESENSE_ACC = (
    "03de010055ab8bbf69f78d4081dd0a412b1387bf975a8d4020840b41e79190bf076d8e401bf10a412b1387bf"
    "316e8d40b9660b41"
)
MOVESENSE_IMU6 = (
    "aca1020094b578bf399b8840cdb20d4155ff7cbf6a60884092c70c4182627cbfa2e988405da00c418bf871bf"
    "71248940c38c0c4148e17abf713daabf3333b3bec3f568bf713daabf3e0ad7beae4721bff628bcbf3e0ad7be"
    "ae4721bf3333b3bf3e0ad7be"
)


def test_capture_of_movesense_acceleration() -> None:
    sent = bytes.fromhex("0263" + MOVESENSE_ACC)
    (frame,) = frames_of("movesense", "acc", ("notification", sent), rate_hz=52)
    assert frame.ticks == 122371
    assert frame.values["acc"].shape == (4, 3)
    assert frame.values["acc"][0] == pytest.approx([-1.0911661, 4.4364514, 8.6790781], abs=1e-6)


def test_capture_of_movesense_imu6() -> None:
    sent = bytes.fromhex("0263" + MOVESENSE_IMU6)
    (frame,) = frames_of("movesense", "imu6", ("notification", sent), rate_hz=52)
    assert frame.ticks == 172460
    assert frame.values["acc"].shape == frame.values["gyr"].shape == (4, 3)
    assert frame.values["acc"][0] == pytest.approx([-0.9715207, 4.2689481, 8.8561525], abs=1e-6)
    # Single precision on air: what is printed as -0.98 is off by its rounding.
    assert frame.values["gyr"][0] == pytest.approx(np.array([-0.98, -1.33, -0.35]) * DEG, abs=1e-8)


MOVESENSE_MAG = (
    "de9cfe41708636c2a5026cc10a4a0a42750733c293a355c19bc8fd411b8938c287f75fc17cfef541ff742fc2"
    "475774c1"
)
MAG_UT = [
    [31.826595, -45.631287, -14.750646],
    [34.572304, -44.757282, -13.352435],
    [31.722952, -46.133892, -13.997931],
    [30.749260, -43.864254, -15.271308],
]


def test_capture_of_movesense_imu9() -> None:
    sent = bytes.fromhex("0263" + MOVESENSE_IMU6 + MOVESENSE_MAG)
    (frame,) = frames_of("movesense", "imu9", ("notification", sent), rate_hz=52)
    assert frame.ticks == 172460
    assert frame.values["acc"][3] == pytest.approx([-0.9451987, 4.2856984, 8.7843657], abs=1e-6)
    assert frame.values["gyr"][3] == pytest.approx(np.array([-0.63, -1.40, -0.42]) * DEG, abs=1e-8)
    assert frame.values["mag"] == pytest.approx(np.array(MAG_UT), abs=1e-5)


def test_capture_of_movesense_angular_rate() -> None:
    sent = bytes.fromhex(
        "026303de0100295c8f3f666606c03e0a57beae47a13f85eb01c0295c8fbeae47a13fc3f5e8bf295c8fbe"
        "295c8f3f85ebf1bf3e0a57be"
    )
    (frame,) = frames_of("movesense", "gyro", ("notification", sent), rate_hz=52)
    assert frame.ticks == 122371
    expected = [
        [1.12, -2.10, -0.21],
        [1.26, -2.03, -0.28],
        [1.26, -1.82, -0.28],
        [1.12, -1.89, -0.21],
    ]
    assert frame.values["gyr"] == pytest.approx(np.array(expected) * DEG, abs=1e-8)


def test_capture_of_movesense_magnetic_field() -> None:
    sent = bytes.fromhex("0263aca10200" + MOVESENSE_MAG[:24])
    (frame,) = frames_of("movesense", "magn", ("notification", sent), rate_hz=13)
    assert frame.ticks == 172460
    assert frame.values["mag"] == pytest.approx(np.array(MAG_UT[:1]), abs=1e-5)


def test_metamotion_acceleration_at_4_g() -> None:
    sent = bytes.fromhex("030416c494a22ad0"), bytes.fromhex("13053e43ff7f0080")
    (frame,) = frames_of(
        "metamotion-r",
        "single",
        *(("notification", each) for each in sent),
        parameters={"acc_range_g": 4, "gyr_range_dps": 500},
    )
    assert frame.values["acc"] / STANDARD_GRAVITY_MPS2 == pytest.approx(
        np.array([[-1.872, -2.919, -1.495]]), abs=5e-4
    )
    assert frame.values["gyr"] / DEG == pytest.approx(
        np.array([[262.409, 499.497, -499.512]]), abs=5e-4
    )


def test_metamotion_packed_at_8_g_and_1000_dps() -> None:
    sent = (
        bytes.fromhex("031c62b7530de9fd16d04d0e57028affa1050a01"),
        bytes.fromhex("13070915ad2608de8a1a0d2665e48d20ac2773ec"),
    )
    (frame,) = frames_of(
        "metamotion-r",
        "packed",
        *(("notification", each) for each in sent),
        parameters={"acc_range_g": 8, "gyr_range_dps": 1000},
    )
    assert frame.values["acc"] / STANDARD_GRAVITY_MPS2 == pytest.approx(
        np.array([[-4.539, 0.833, -0.131], [-2.995, 0.894, 0.146], [-0.029, 0.352, 0.065]]),
        abs=5e-4,
    )
    assert frame.values["gyr"] / DEG == pytest.approx(
        np.array(
            [
                [164.177, 301.860, -265.122],
                [207.134, 296.982, -215.457],
                [254.055, 309.634, -152.591],
            ]
        ),
        abs=5e-4,
    )


def test_metamotion_fusion_quaternion() -> None:
    sent = bytes.fromhex("19071b9b703f8c5e4dbd077f1dbe78029abe")
    (frame,) = frames_of("metamotion-r", "fusion-quaternion", ("notification", sent))
    (quaternion,) = frame.values["quaternion"]
    # The floats of the packet, w first: 0x3f709b1b, 0xbd4d5e8c, 0xbe1d7f07, 0xbe9a0278.
    assert quaternion == pytest.approx([0.9398667, -0.0501390, -0.1538049, -0.3008001], abs=1e-6)
    assert math.hypot(*quaternion) == pytest.approx(1.0, abs=1e-6)


def test_capture_of_witmotion() -> None:
    sent = bytes.fromhex("55617702a8fe92fe060230fecdfff8f053fcabc4")
    (frame,) = frames_of("witmotion", "motion", ("notification", sent))
    assert frame.values["acc"] / STANDARD_GRAVITY_MPS2 == pytest.approx(
        np.array([[0.3081, -0.1680, -0.1787]]), abs=5e-5
    )
    assert frame.values["gyr"] / DEG == pytest.approx(
        np.array([[31.6162, -28.3203, -3.1128]]), abs=5e-5
    )
    assert frame.values["euler"] / DEG == pytest.approx(
        np.array([[-21.1377, -5.1691, -83.4357]]), abs=5e-5
    )


MILLI_G = 1e-3 * STANDARD_GRAVITY_MPS2


def test_polar_h10_raw_acceleration() -> None:
    sent = bytes.fromhex("02" + "0094357700000000" + "01" + "F7FFFFFFE703" + "F8FFFEFFE503")
    (frame,) = frames_of("polar-h10", "acc", ("data", sent))
    assert frame.ticks == 2_000_000_000
    assert frame.values["acc"] / MILLI_G == pytest.approx(
        np.array([[-9, -1, 999], [-8, -2, 997]]), abs=1e-9
    )


def test_polar_compressed_acceleration() -> None:
    sent = bytes.fromhex("02" + "6500000000000000" + "81" + "F1FF1400F003" + "0601" + "7B0F08")
    (frame,) = frames_of("polar-verity-sense", "acc", ("data", sent))
    assert frame.ticks == 101
    assert frame.values["acc"] / MILLI_G == pytest.approx(
        np.array([[-15, 20, 1008], [-20, 17, 1008]]), abs=1e-9
    )
    assert sample_times(101, 2, 100, 1e9 / 52) == [100, 101]


def test_polar_compressed_angular_rate() -> None:
    sent = bytes.fromhex("05" + "0100000000000000" + "80" + "EAFF08000D00" + "0301" + "DF00")
    (frame,) = frames_of("polar-verity-sense", "gyro", ("data", sent))
    assert frame.ticks == 1
    assert frame.values["gyr"] / DEG == pytest.approx(
        np.array([[-22, 8, 13], [-23, 11, 16]]), abs=1e-9
    )
