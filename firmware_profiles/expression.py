"""Scales as data sheets write them: numbers, pi, products and quotients, such as 16/32768."""

import math
import re
from typing import Final

_FACTOR: Final = re.compile(r"\s*([*/]?)\s*(pi|[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)")

# The finest scale in use is 2**-30; what lies far beyond is a slip, and could overflow.
SMALLEST: Final = 1e-15
LARGEST: Final = 1e15


def value(text: str | float) -> float:
    """The number that `text` stands for, from left to right; raises ValueError."""
    if not isinstance(text, str):
        return _checked(float(text), text)
    result, position = 1.0, 0
    sign = -1.0 if text.lstrip().startswith("-") else 1.0
    body = text.strip().removeprefix("-")
    while position < len(body):
        match = _FACTOR.match(body, position)
        if match is None or bool(match[1]) != (position > 0):
            break
        factor = math.pi if match[2] == "pi" else float(match[2])
        if match[1] == "/" and factor == 0.0:
            raise ValueError(f"{text!r} divides by zero")
        result = result / factor if match[1] == "/" else result * factor
        position = match.end()
    if not body or body[position:].strip():
        raise ValueError(f"{text!r} is no scale; write a number or a quotient such as 16/32768")
    return _checked(sign * result, text)


def _checked(scale: float, text: str | float) -> float:
    if not SMALLEST <= abs(scale) <= LARGEST:
        raise ValueError(f"the scale {text} is out of bounds; give one that is no mistake")
    return scale
