"""Bytes as a profile writes them: hexadecimal pairs, text in quotes, and names to be filled in.

    01 63 '/Meas/IMU6/' {rate:ascii} 00      a text with the rate in it
    03 03 {acc_odr} {acc_range}              bytes looked up in tables
    f0 02 02 00 ..                           any byte, in replies alone

A name may say how a number is packed: `u8 u16 u32 f32` (little-endian), `u16be u32be f32be`, or
`ascii`; without that the table's own entry is hexadecimal bytes.
"""

import re
import struct
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

_TOKEN: Final = re.compile(
    r"\s*(?:(?P<hex>[0-9A-Fa-f]{2})(?![0-9A-Fa-f])|(?P<any>\.\.)|'(?P<text>[^']*)'"
    r"|\{(?P<name>[a-z][a-z0-9_]*)(?::(?P<packing>[a-z0-9]+))?\})"
)
_PACKINGS: Final = {
    "u8": "<B", "u16": "<H", "u32": "<I", "f32": "<f", "u16be": ">H", "u32be": ">I", "f32be": ">f",
}  # fmt: skip

# A value attribute is at most 512 bytes long (Bluetooth Core 5.4, vol. 3, part F, 3.2.9).
LONGEST_VALUE: Final = 512


class BytePatternError(ValueError):
    """A pattern that stands for no bytes."""


def names(pattern: str) -> list[str]:
    """Names that `pattern` asks for; raises BytePatternError where it cannot be read."""
    return [match["name"] for match in _tokens(pattern) if match["name"] is not None]


def filled(pattern: str, values: Mapping[str, str | float]) -> tuple[bytes, bytes]:
    """The bytes of `pattern` and which of them count: (data, mask), mask 0xFF or 0 a byte.

    values: for every name a number, or the text of its bytes in hexadecimal. Raises
    BytePatternError for a name without value, a number that does not fit, and no bytes at all.
    """
    data, mask = bytearray(), bytearray()
    for match in _tokens(pattern):
        if match["any"]:
            data += b"\x00"
            mask += b"\x00"
            continue
        if match["hex"]:
            part = bytes.fromhex(match["hex"])
        elif match["text"] is not None:
            part = match["text"].encode("ascii", "strict")
        else:
            part = _value(match["name"], match["packing"], values)
        data += part
        mask += b"\xff" * len(part)
    if not data:
        raise BytePatternError("there are no bytes; give pairs of hexadecimal digits")
    if len(data) > LONGEST_VALUE:
        raise BytePatternError(f"at most {LONGEST_VALUE} bytes can be written at once")
    return bytes(data), bytes(mask)


@lru_cache(maxsize=1024)
def _tokens(pattern: str) -> tuple[re.Match[str], ...]:
    found, position = [], 0
    text = pattern.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise BytePatternError(
                f"{text[position:].strip()[:12]!r} cannot be read; write bytes as pairs of "
                f"hexadecimal digits such as 01 ff, text in '...', names in {{...}}"
            )
        if match["text"] is not None and not match["text"].isascii():
            raise BytePatternError(f"{match['text']!r} is not ASCII; write its bytes")
        if match["packing"] is not None and match["packing"] not in {*_PACKINGS, "ascii"}:
            raise BytePatternError(
                f"{match['packing']!r} packs no number; one of {', '.join(_PACKINGS)}, ascii does"
            )
        found.append(match)
        position = match.end()
    return tuple(found)


def _value(name: str, packing: str | None, values: Mapping[str, str | float]) -> bytes:
    if name not in values:
        raise BytePatternError(f"{{{name}}} is neither a table nor a parameter")
    value = values[name]
    if packing is None:
        if not isinstance(value, str):
            raise BytePatternError(f"say how {{{name}}} is packed, e.g. {{{name}:u16}}")
        return filled(value, {})[0]
    try:
        number = float(value)
        if packing == "ascii":
            return f"{number:g}".encode()
        return struct.pack(_PACKINGS[packing], number if "f" in packing else int(number))
    except (ValueError, OverflowError, struct.error):
        raise BytePatternError(f"{value!r} is no number that fits into {packing}") from None
