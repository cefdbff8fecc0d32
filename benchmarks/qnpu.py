"""The QNPU alone: decoding with and without its cache, and an empty subroutine through the actors."""

from __future__ import annotations

from benchmarks.table import Row, median_s, show
from netqasm_isa import assemble, decode
from qnpu.code import Loader

REPEATS = 2000


def run() -> list[Row]:
    """Medians in microseconds."""
    text = "\n".join(f"set R{k % 16} {k}" for k in range(50))
    data = assemble(text).encode()
    loader = Loader()
    cached = median_s(lambda: [loader.load(data, "vanilla") for _ in range(REPEATS)]) / REPEATS
    fresh = median_s(lambda: [Loader().load(data, "vanilla") for _ in range(100)]) / 100
    plain = median_s(lambda: [decode(data) for _ in range(REPEATS)]) / REPEATS
    return [
        {"what": "decode 50 instructions", "value": plain * 1e6, "unit": "us"},
        {
            "what": "load (decode, check, lower) 50 instructions, first time",
            "value": fresh * 1e6,
            "unit": "us",
        },
        {"what": "the same again: cached", "value": cached * 1e6, "unit": "us", "limit": 2.0},
    ]


if __name__ == "__main__":
    show("QNPU", run())
