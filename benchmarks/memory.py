"""Resident memory over 100,000 teleportation shots: it grows by the results that are kept, and no more."""

from __future__ import annotations

import resource
from pathlib import Path

import qnos
from benchmarks.table import Row, show
from cnpu.app import load_app
from qnos.loading import load_network
from qnos.simulate import Plan, Simulation

SHOTS = 100_000
MARKS = 5
GROWTH_MB = 1.0  # of a network that is run again and again
RESULT_BYTES = 24.0  # per shot of `qnos.run`: three outcomes of one byte each, the simulated time, and room


def run(shots: int = SHOTS) -> list[Row]:
    """RSS at marks along the run, and its growth from the first mark to the last.

    First the simulation alone, then `qnos.run`, which keeps every result and grows by no more than these.
    """
    simulation = Simulation(Plan(load_app("teleport"), load_network("two_generic")))
    marks: list[tuple[int, float]] = []
    for number in range(shots):
        simulation.shot(number)
        _mark(marks, number + 1, shots)
    rows = _along(marks)
    rows.append(
        {
            "what": "growth from the first of these to the last",
            "value": _growth(marks),
            "unit": "MB",
            "limit": GROWTH_MB,
        }
    )

    marks = []
    result = qnos.run("teleport", shots=shots, progress=lambda done: _mark(marks, done, shots))
    rows += [{**row, "what": f"with qnos.run: {row['what']}"} for row in _along(marks)]
    kept = sum(column.nbytes for columns in result.results.values() for column in columns.values())
    per_shot = _growth(marks) * 1e6 / (marks[-1][0] - marks[0][0])
    rows += [
        {"what": "with qnos.run: growth per shot", "value": per_shot, "unit": "B", "limit": RESULT_BYTES},
        {"what": "values kept per shot", "value": kept / shots, "unit": "B"},
    ]
    return rows


def _mark(marks: list[tuple[int, float]], done: int, shots: int) -> None:
    if done % (shots // MARKS) == 0:
        marks.append((done, _rss_mb()))


def _along(marks: list[tuple[int, float]]) -> list[Row]:
    return [{"what": f"RSS after {done:,} shots", "value": mb, "unit": "MB"} for done, mb in marks]


def _growth(marks: list[tuple[int, float]]) -> float:
    return marks[-1][1] - marks[0][1]


def _rss_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


if __name__ == "__main__":
    show("Memory", run())
