"""The shoulder recordings of `seglearn`: read without trusting the file that holds them."""

import codecs
import io
import pickle
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.lib import format as npy_format

from devices.errors import PublicDataError, PublicDataFault
from devices.public_data import SPAR_RATE_HZ, load_spar, spar_file, unpickle_array


def npy_of(pickled: bytes) -> bytes:
    """A .npy file of one object, as numpy 1 wrote it."""
    stream = io.BytesIO()
    header = {"descr": "|O", "fortran_order": False, "shape": ()}
    npy_format.write_array_header_1_0(stream, header)
    return stream.getvalue() + pickled


class Calls:
    """Pickled, a call of `function`."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize(
    ("hostile", "named"),
    [
        (Calls(eval, "1"), "builtins.eval"),
        (Calls(getattr, "x", "upper"), "builtins.getattr"),
        (Calls(np.load, "x"), "numpy.load"),
        (Calls(codecs.open, "x"), "codecs.open"),
        (Calls(exec, "raise SystemExit"), "builtins.exec"),
    ],
)
def test_a_pickle_that_calls_something_is_refused(hostile: Calls, named: str) -> None:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        # Old protocols name the modules of Python 2.
        module, name = named.replace(
            "builtins", "__builtin__" if protocol < 3 else "builtins"
        ).split(".")
        with pytest.raises(pickle.UnpicklingError, match=f"{name} is not admitted") as refused:
            unpickle_array(npy_of(pickle.dumps([hostile], protocol)))
        assert module.strip("_") in str(refused.value)


def test_no_codec_but_latin1_is_let_in() -> None:
    assert (
        unpickle_array(npy_of(pickle.dumps(Calls(codecs.encode, "\xff", "latin1"), 2))) == b"\xff"
    )
    for codec in ("rot13", "zlib", "idna"):
        with pytest.raises(pickle.UnpicklingError, match="is not admitted"):
            unpickle_array(npy_of(pickle.dumps(Calls(codecs.encode, "x", codec), 2)))


def test_another_file_is_refused_before_it_is_unpickled(tmp_path: Path) -> None:
    content = bytearray(spar_file().read_bytes())
    content[-1000] ^= 1
    path = tmp_path / "data.npy"
    path.write_bytes(content)
    with pytest.raises(PublicDataError, match=r"SHA-256 differs.*pip install") as refused:
        load_spar(path)
    assert refused.value.reason is PublicDataFault.OTHER_CONTENT
    assert refused.value.path == str(path)


def test_a_file_that_cannot_be_read_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(PublicDataError, match=r"cannot be read.*make demo") as refused:
        load_spar(tmp_path / "none.npy")
    assert refused.value.reason is PublicDataFault.UNREADABLE


def test_a_package_that_is_not_installed_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(name: str) -> Any:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", nowhere)
    with pytest.raises(PublicDataError, match=r"seglearn are not installed.*make demo") as refused:
        load_spar()
    assert refused.value.reason is PublicDataFault.NOT_INSTALLED


def test_the_recordings_are_those_of_the_publication() -> None:
    recordings = load_spar()
    assert len(recordings) == 140
    assert {each.subject for each in recordings} == set(range(1, 11))
    assert {each.exercise for each in recordings} == {
        "PEN", "ABD", "FEL", "IR", "ER", "TRAP", "ROW",
    }  # fmt: skip
    assert len({(each.subject, each.exercise, each.side) for each in recordings}) == 140
    for each in recordings:
        assert each.acc_mps2.shape == each.gyr_radps.shape == (len(each.t_s), 3)
        assert each.acc_mps2.dtype == each.gyr_radps.dtype == np.float32
        assert np.isfinite(each.acc_mps2).all()
        assert np.isfinite(each.gyr_radps).all()
        np.testing.assert_allclose(np.diff(each.t_s), 1.0 / SPAR_RATE_HZ)
        # Gravity in m/s2, and movements of an arm in rad/s.
        assert 7.0 < np.median(np.linalg.norm(each.acc_mps2, axis=1)) < 25.0
        assert 0.2 < np.median(np.linalg.norm(each.gyr_radps, axis=1)) < 10.0
