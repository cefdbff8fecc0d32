"""What a subroutine costs if twenty programs share a node, compared with one program; and a decision of
each scheduler among a hundred ready processes.

A subroutine is a reset, three gates and a measurement with the OS costs of QNodeOS; a program submits one
after the other. Times are of the process, not of the wall, and medians over pairs of runs, one right after
the other: their ratio does not feel what else the machine does."""

from __future__ import annotations

import statistics
import time
from typing import Any

from benchmarks import scheduler
from benchmarks.table import Row, show
from cnpu import Node, Qubit
from qnos.loading import load_network, with_values
from qnos.session import Timeline
from qnos.workload import Entry, Workload
from qnos.workload_plan import WorkloadPlan
from qnpu.registry import shipped

PROGRAMS = 20
SUBROUTINES = 50  # of each program
REPEATS = 9


async def worker(node: Node) -> dict[str, Any]:
    """Subroutines one after another."""
    for _ in range(SUBROUTINES):
        qubit = Qubit(node)
        qubit.X()
        qubit.Y()
        qubit.Z()
        qubit.measure()
        await node.flush()
    return {}


async def asker(node: Node) -> dict[str, Any]:
    """Pairs one after another, measured at once."""
    for _ in range(SUBROUTINES):
        (half,) = node.epr("answerer").create_keep()
        half.measure()
        await node.flush()
    return {}


async def answerer(node: Node) -> dict[str, Any]:
    """The other halves."""
    for _ in range(SUBROUTINES):
        (half,) = node.epr("asker").recv_keep()
        half.measure()
        await node.flush()
    return {}


ALONE = {"worker": worker}
WITH_PAIRS = {"asker": asker, "answerer": answerer}


def timeline(roles: dict[str, Any], programs: int, policy: str) -> Timeline:
    """So many copies of a program from 0 on, on nodes with a qubit for each."""
    network = with_values(
        load_network("two_generic"),
        {"nodes.*.device.num_qubits": 2 * PROGRAMS, "os.qnpu.scheduler": policy},
    )
    return Timeline(WorkloadPlan(Workload("programs", (Entry(app=roles, count=programs),)), network))


def compared(roles: dict[str, Any], policy: str) -> tuple[float, float]:
    """Process seconds per subroutine with one program; and how many times that with `PROGRAMS`."""
    one, many = timeline(roles, 1, policy), timeline(roles, PROGRAMS, policy)
    singles, ratios = [], []
    for repeat in range(REPEATS + 1):
        single = sum(_seconds(one, repeat) for _ in range(5)) / 5
        shared = _seconds(many, repeat) / PROGRAMS
        if repeat:  # the first run warms up
            singles.append(single / SUBROUTINES)
            ratios.append(shared / single)
    return statistics.median(singles), statistics.median(ratios)


def _seconds(timeline: Timeline, shot: int) -> float:
    began = time.process_time()
    timeline.shot(shot, lambda instance: None)
    return time.process_time() - began


def run() -> list[Row]:
    """Per scheduler: the cost of a subroutine, the ratio, and a decision."""
    rows: list[Row] = []
    for policy in shipped():
        for roles, what, limit in ((ALONE, "subroutine", 1.3), (WITH_PAIRS, "subroutine with a pair", None)):
            cost_s, ratio = compared(roles, policy)
            rows.append({"what": f"{policy}: {what}, one program", "value": cost_s * 1e6, "unit": "us"})
            row: Row = {"what": f"  {PROGRAMS} programs, times that", "value": ratio, "unit": ""}
            rows.append(row if limit is None else {**row, "limit": limit})
        rows.append(
            {
                "what": f"  a decision, {scheduler.PROCESSES} processes ready",
                "value": scheduler.decisions(policy) * 1e6,
                "unit": "us",
                "limit": 2.0,
            }
        )
    return rows


if __name__ == "__main__":
    show("Multitasking", run())
