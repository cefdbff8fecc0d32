"""Resident memory over 100,000 teleportation shots: it must not grow."""

from __future__ import annotations

import resource
from pathlib import Path

from benchmarks.table import Row, show
from cnpu.app import load_app
from qnos.loading import load_network
from qnos.simulate import Simulation

SHOTS = 100_000
MARKS = 5


def run(shots: int = SHOTS) -> list[Row]:
    """RSS at marks along the run, and its growth from the first mark to the last."""
    simulation = Simulation(load_app("teleport"), load_network("two_generic"))
    marks: list[tuple[int, float]] = []
    for number in range(shots + 1):
        if number % (shots // MARKS) == 0 and number:
            marks.append((number, _rss_mb()))
        simulation.shot(number)
    rows: list[Row] = [{"what": f"RSS after {n:,} shots", "value": mb, "unit": "MB"} for n, mb in marks]
    growth = marks[-1][1] - marks[0][1]
    return [
        *rows,
        {"what": f"growth from {marks[0][0]:,} shots on", "value": growth, "unit": "MB", "limit": 1.0},
    ]


def _rss_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


if __name__ == "__main__":
    show("Memory", run())
