"""Scheduling policies: one decision among a hundred ready processes, and a whole turn of the processor with
all that the policy hears of it."""

from __future__ import annotations

import time
from typing import Any

from benchmarks.table import Row, median_s, show
from qnpu.process import Process
from qnpu.registry import policy, shipped
from qnpu.scheduler import View

PROCESSES = 100
DECISIONS = 5_000


def candidate(pid: int) -> Process:
    """A process with a deadline and a weight."""
    process = Process(pid, "node/cnpu", "app", 1, "vanilla", 0, 0, 10**9 - pid, 1 + pid % 7)
    process.arrival = pid
    return process


def decisions(name: str) -> float:
    """Seconds of a decision while a process runs, a hundred are ready, and things stay as they are (or, if
    the policy never preempts, of choosing one)."""
    subject: Any = policy(name)
    ready = [candidate(pid) for pid in range(PROCESSES)]
    for process in ready:
        getattr(subject, "arrived", _ignore)(process)
    running = None
    if subject.preemptive:
        running, _ = subject.decide(View(0, None, ready))
        ready.remove(running)
        getattr(subject, "left", _ignore)(running)

    def decide() -> None:
        for _ in range(DECISIONS):
            subject.decide(View(1, running, ready))

    return median_s(decide, clock=time.process_time) / DECISIONS


def turns(name: str) -> float:
    """Seconds of a turn: choose, leave, run, become ready again."""
    subject: Any = policy(name)
    arrived, left = getattr(subject, "arrived", None), getattr(subject, "left", None)
    ready = [candidate(pid) for pid in range(PROCESSES)]
    for process in ready:
        if arrived is not None:
            arrived(process)
    clock = PROCESSES

    def turn() -> None:
        nonlocal clock
        for _ in range(DECISIONS):
            chosen, _ = subject.decide(View(clock, None, ready))
            ready.remove(chosen)
            if left is not None:
                left(chosen)
            subject.ran(chosen, 1_000)
            clock += 1
            chosen.arrival = clock
            ready.append(chosen)
            if arrived is not None:
                arrived(chosen)

    return median_s(turn, clock=time.process_time) / DECISIONS


def _ignore(process: Any) -> None:
    """For policies that need not hear it."""


def run() -> list[Row]:
    """Medians in microseconds."""
    rows: list[Row] = []
    for name in shipped():
        rows.append(
            {
                "what": f"{name}: a decision, {PROCESSES} processes ready",
                "value": decisions(name) * 1e6,
                "unit": "us",
                "limit": 2.0,
            }
        )
        rows.append({"what": "  a turn, with the lists kept", "value": turns(name) * 1e6, "unit": "us"})
    return rows


if __name__ == "__main__":
    show("Scheduler", run())
