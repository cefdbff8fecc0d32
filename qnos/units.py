"""Numbers for people: durations with a fitting unit, and back."""

from __future__ import annotations

import math
import re

from qruntime.errors import ConfigError
from qruntime.limits import LONGEST_NS

_TIME = re.compile(r"(?P<number>\d+\.?\d*(e\d+)?|\.\d+)\s*(?P<unit>ns|us|ms|s|)")
_UNITS = ((1e9, "s"), (1e6, "ms"), (1e3, "us"), (1.0, "ns"))


def duration(time_ns: float) -> str:
    """A time in the largest unit of which there is at least one, with four digits: ``5.8 ms``."""
    if not math.isfinite(time_ns):
        return "for ever"
    for size, unit in _UNITS:
        if abs(time_ns) >= size:
            return f"{time_ns / size:.4g} {unit}"
    return f"{time_ns:.4g} ns"


def time_ns(text: str, what: str) -> int:
    """``2000s``, ``1.5ms`` or a number of nanoseconds in ns; `ConfigError`, which says `what` it was for."""
    match = _TIME.fullmatch(text.strip())
    if match is not None:
        size = {unit: size for size, unit in _UNITS}.get(match["unit"], 1.0)
        found = float(match["number"]) * size
        if 0 < found <= LONGEST_NS:
            return round(found)
    raise ConfigError(
        f"{what} is {text!r}; allowed: a time such as 2000s, 50ms, 10us or 300 (ns), at most "
        f"{duration(LONGEST_NS)}"
    )
