"""Numbers for people: durations with a fitting unit."""

from __future__ import annotations

import math

_UNITS = ((1e9, "s"), (1e6, "ms"), (1e3, "us"), (1.0, "ns"))


def duration(time_ns: float) -> str:
    """A time in the largest unit of which there is at least one, with four digits: ``5.8 ms``."""
    if not math.isfinite(time_ns):
        return "for ever"
    for size, unit in _UNITS:
        if abs(time_ns) >= size:
            return f"{time_ns / size:.4g} {unit}"
    return f"{time_ns:.4g} ns"
