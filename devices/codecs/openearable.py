"""OpenEarable: the device says itself what its packets hold, in a scheme that is read at the start.

A scheme lists a sensor's components with type, group, name and unit; packets are a header and
components in that order. Source: OpenEarable/open_earable_flutter, v2_sensor_scheme_reader.dart,
v2_sensor_value_parser.dart, edge_ml_sensor_value_parser.dart.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Final

import numpy as np

from devices.frame import Float64, Frame, Refusal
from devices.packets import Packet
from firmware_profiles.byte_pattern import LONGEST_VALUE
from firmware_profiles.quantity import QUANTITIES
from firmware_profiles.schema import Mode, Profile

# Types of components, by the number that the scheme has for them.
_TYPES: Final = ("<i1", "<u1", "<i2", "<u2", "<i4", "<u4", "<f4", "<f8")

_QUANTITY: Final = {"acc": "acc", "gyro": "gyr", "mag": "mag"}
_AXES: Final = ("x", "y", "z")
# Units as firmware spells them, lower case.
_UNITS: Final = {
    "g": "g", "mg": "mg", "m/s^2": "m/s2", "m/s²": "m/s2", "m/s2": "m/s2", "m/s/s": "m/s2",
    "dps": "deg/s", "deg/s": "deg/s", "°/s": "deg/s", "rad/s": "rad/s",
    "ut": "uT", "µt": "uT", "μt": "uT", "mt": "mT", "gauss": "gauss",
}  # fmt: skip

_SPACING_BYTES: Final = 2


@dataclass(frozen=True, slots=True)
class Scheme:
    """What a sensor's packets hold. dtype: one sample. columns: quantity to (fields, factor)."""

    dtype: np.dtype[np.void]
    columns: dict[str, tuple[tuple[str, str, str], float]]


class OpenEarable:
    """Decodes the inertial sensor.

    Its characteristics are the data and the scheme, in this order. options `version`: 1, a packet
    has one sample and its time in 32 bits, and one scheme lists all sensors; 2, any number of
    samples, 64 bits, a scheme a sensor. `sensor`: the number of the inertial sensor.
    """

    def __init__(
        self, profile: Profile, mode: Mode, rate_hz: float, refused: Counter[Refusal]
    ) -> None:
        choice = mode.codec
        names = [] if choice is None else choice.characteristics
        options = {} if choice is None else choice.options
        self._data = profile.uuid(names[0])
        self._version = 1 if options.get("version") == 1 else 2
        sensor = options.get("sensor", 0)
        self._sensor = int(sensor) if isinstance(sensor, float) else 0
        self._quantities = mode.quantities
        self._refused = refused
        self._scheme: Scheme | None = None

    def push(self, packet: Packet) -> list[Frame]:
        data = bytes(packet.data)
        if len(data) > LONGEST_VALUE:
            self._refused[Refusal.TOO_LONG] += 1
            return []
        if packet.characteristic != self._data:
            self._read_scheme(data)
            return []
        time_bytes = 4 if self._version == 1 else 8
        header = 2 + time_bytes
        if len(data) < header:
            self._refused[Refusal.TOO_SHORT] += 1
            return []
        if data[0] != self._sensor:
            self._refused[Refusal.UNKNOWN_MESSAGE] += 1
            return []
        if self._scheme is None:
            self._refused[Refusal.CODEC] += 1
            return []
        ticks = int.from_bytes(data[2:header], "little")
        content = data[header:]
        samples, spacing = self._samples(content, self._scheme.dtype.itemsize)
        if samples == 0:
            self._refused[Refusal.TOO_SHORT] += 1
            return []
        if samples < 0:
            self._refused[Refusal.TOO_LONG] += 1
            return []
        values = _values(self._scheme, content, samples)
        if not all(np.isfinite(each).all() for each in values.values()):
            self._refused[Refusal.NOT_FINITE] += 1
            return []
        return [Frame(packet.arrival_ns, values, ticks, spacing, None)]

    def reset(self) -> None:
        """Nothing is ever incomplete, and a device keeps its scheme."""

    def _samples(self, content: bytes, size: int) -> tuple[int, int | None]:
        """Samples in a packet, 0 where bytes are missing, -1 where there are too many."""
        if len(content) < size:
            return 0, None
        if len(content) == size:
            return 1, None
        if self._version == 1:
            return -1, None
        samples, rest = divmod(len(content) - _SPACING_BYTES, size)
        if rest:
            return 0, None
        spacing = int.from_bytes(content[-_SPACING_BYTES:], "little")
        return samples, spacing if samples > 1 and spacing > 0 else None

    def _read_scheme(self, data: bytes) -> None:
        try:
            schemes = read_schemes(data, self._version, self._quantities)
        except IndexError:
            self._refused[Refusal.TOO_SHORT] += 1
            return
        if schemes is None:
            self._refused[Refusal.CODEC] += 1
        elif (found := schemes.get(self._sensor)) is not None:
            self._scheme = found


def read_schemes(data: bytes, version: int, quantities: list[str]) -> dict[int, Scheme] | None:
    """Schemes by sensor; None where one is not understood. Raises IndexError for missing bytes."""
    position = 0

    def number() -> int:
        nonlocal position
        position += 1
        return data[position - 1]

    def text() -> str:
        nonlocal position
        length = number()
        part = data[position : position + length]
        if len(part) < length:
            raise IndexError
        position += length
        return part.decode("utf-8", "replace")

    found: dict[int, Scheme] = {}
    for _ in range(number() if version == 1 else 1):
        sensor = number()
        text()
        components = []
        for _ in range(number()):
            kind, group, name, unit = number(), text(), text(), text()
            if kind >= len(_TYPES):
                return None
            components.append((_TYPES[kind], group, name, unit))
        scheme = _scheme(components, quantities)
        if scheme is not None:
            found[sensor] = scheme
    return found


def _scheme(components: list[tuple[str, str, str, str]], quantities: list[str]) -> Scheme | None:
    """How to read a sample; None for a sensor without the quantities or with unknown units."""
    dtype = np.dtype([(str(index), kind) for index, (kind, *_) in enumerate(components)])
    places: dict[str, dict[str, tuple[str, str]]] = {}
    for index, (_, group, name, unit) in enumerate(components):
        quantity = _QUANTITY.get(group.strip().lower())
        if quantity is not None:
            places.setdefault(quantity, {})[name.strip().lower()] = (str(index), unit)
    columns = {}
    for quantity in quantities:
        axes = places.get(quantity, {})
        units = {_UNITS.get(unit.strip().lower(), "") for _, unit in axes.values()}
        unit = units.pop() if set(axes) == set(_AXES) and len(units) == 1 else ""
        factor = QUANTITIES[quantity].units.get(unit)
        if factor is None:
            # Nothing can be done without these two; a board may well lack a magnetometer.
            if quantity in ("acc", "gyr"):
                return None
            continue
        x, y, z = (axes[axis][0] for axis in _AXES)
        columns[quantity] = ((x, y, z), factor)
    return Scheme(dtype, columns)


def _values(scheme: Scheme, content: bytes, samples: int) -> dict[str, Float64]:
    rows = np.frombuffer(content, scheme.dtype, samples)
    values: dict[str, Float64] = {}
    with np.errstate(all="ignore"):
        for quantity, (fields, factor) in scheme.columns.items():
            array = np.empty((samples, len(fields)))
            for column, field in enumerate(fields):
                array[:, column] = rows[field]
            array *= factor
            array.flags.writeable = False
            values[quantity] = array
    return values
