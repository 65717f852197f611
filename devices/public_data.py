"""Public recordings that packages ship: the shoulder exercises within `seglearn`.

Finds the package's data file, checks it and reads it, without importing the package. Making
recordings of it, and choosing among them, is up to those who ask.
"""

import hashlib
import io
import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.lib import format as npy_format

from devices.errors import PublicDataError, PublicDataFault
from motion.samples import Float32, Float64

# Burns et al., "Shoulder physiotherapy exercise recognition" (Physiol. Meas. 39:075007, 2018):
# ten people, seven exercises, both sides, twenty repetitions each, a smartwatch on the wrist.
SPAR_DISTRIBUTION: Final = "seglearn"
SPAR_VERSION: Final = "1.2.5"
SPAR_FILE: Final = "seglearn/data/watch_dataset.npy"
SPAR_SHA256: Final = "eb122f23cdf06ef6bd6c6c5312958ec5cf9d038e2e6d457b8081662c75a42537"
SPAR_SOURCE: Final = "Shoulder physiotherapy watch data of seglearn 1.2.5 (D. Burns), BSD-3-Clause"
SPAR_RATE_HZ: Final = 50.0
# The file gives accelerations in multiples of standard gravity (CGPM 1901).
STANDARD_GRAVITY_MPS2: Final = 9.80665

_INSTALL: Final = (
    f"`make demo` installs it, as does `pip install --no-deps {SPAR_DISTRIBUTION}=={SPAR_VERSION}`"
)


@dataclass(frozen=True, slots=True, eq=False)
class SparRecording:
    """One person doing one exercise with one arm.

    subject: 1 to 10. exercise: PEN, ABD, FEL, IR, ER, TRAP or ROW. side: left or right. t_s: (n,)
    seconds from the first sample. acc_mps2: (n, 3) specific force in m/s2. gyr_radps: (n, 3) rad/s;
    both in the watch's frame.
    """

    subject: int
    exercise: str
    side: str
    t_s: Float64
    acc_mps2: Float32
    gyr_radps: Float32


def spar_file() -> Path:
    """The data file of the installed package; raises PublicDataError when it is not there."""
    try:
        found = metadata.distribution(SPAR_DISTRIBUTION).locate_file(SPAR_FILE)
    except metadata.PackageNotFoundError:
        raise PublicDataError(
            PublicDataFault.NOT_INSTALLED,
            f"The recordings of the package {SPAR_DISTRIBUTION} are not installed; {_INSTALL}.",
            path=SPAR_FILE,
        ) from None
    return Path(str(found))


def load_spar(path: Path | None = None) -> list[SparRecording]:
    """All recordings, in the order of the file.

    path: the data file; the installed package's by default. Raises PublicDataError when it is
    missing or is not, byte for byte, the file of version 1.2.5.
    """
    file = spar_file() if path is None else path
    try:
        content = file.read_bytes()
    except OSError as error:
        raise PublicDataError(
            PublicDataFault.UNREADABLE,
            f"{file} cannot be read ({error.strerror or error}); {_INSTALL}.",
            path=str(file),
        ) from None
    if hashlib.sha256(content).hexdigest() != SPAR_SHA256:
        raise PublicDataError(
            PublicDataFault.OTHER_CONTENT,
            f"{file} is not the file of {SPAR_DISTRIBUTION} {SPAR_VERSION} (its SHA-256 differs); "
            f"{_INSTALL}.",
            path=str(file),
        )
    return list(_recordings(unpickle_array(content).item()))


def _recordings(data: dict[str, Any]) -> Iterator[SparRecording]:
    names = [str(name) for name in data["y_labels"]]
    for values, kind, side, subject in zip(
        data["X"], data["y"], data["side"], data["subject"], strict=True
    ):
        rows = np.asarray(values, dtype=np.float32)
        yield SparRecording(
            subject=int(subject),
            exercise=names[int(kind)],
            side="right" if int(side) == 1 else "left",
            t_s=np.arange(len(rows)) / SPAR_RATE_HZ,
            acc_mps2=rows[:, 0:3] * np.float32(STANDARD_GRAVITY_MPS2),
            gyr_radps=np.ascontiguousarray(rows[:, 3:6]),
        )


def unpickle_array(content: bytes) -> Any:
    """The numpy object array in `content` (a .npy file), admitting nothing but numpy arrays.

    Raises pickle.UnpicklingError when the pickle asks for anything else.
    """
    stream = io.BytesIO(content)
    npy_format.read_magic(stream)
    npy_format.read_array_header_1_0(stream)
    return _ArrayUnpickler(stream, encoding="latin1").load()


def _encode(text: str, encoding: str) -> bytes:
    """How Python 2 wrote bytes; no other codec is let in."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"the codec {encoding!r} is not admitted")
    return text.encode("latin1")


_ADMITTED: Final[dict[tuple[str, str], Any]] = {
    # The name by which arrays of any numpy before 2 rebuild themselves.
    ("numpy.core.multiarray", "_reconstruct"): np.ndarray((0,)).__reduce__()[0],
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): _encode,
}


class _ArrayUnpickler(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str) -> Any:
        found = _ADMITTED.get((module_name, global_name))
        if found is None:
            raise pickle.UnpicklingError(f"{module_name}.{global_name} is not admitted")
        return found
