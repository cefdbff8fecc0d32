"""Who waits for what, and whether a circle of processes waits for each other's qubits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from qnpu.process import Process
from qnpu.traps import no_qubit
from qruntime.actors import Wait
from qruntime.errors import Deadlock, QnosError

if TYPE_CHECKING:
    from qnpu.main import Qnpu


def waits_of(qnpu: Qnpu) -> list[Wait]:
    """Processes that cannot go on, and what they lack."""
    waits = []
    for process in qnpu.processes.values():
        if process.state == "waiting" and process.wait is not None:
            kind, what = process.wait.kind, what_for(qnpu, process)
        elif process.outcome_ref >= 0:
            kind, what = "device", "the outcome of a measurement, which the device has not answered"
        else:
            continue
        waits.append(Wait(qnpu.name, process.pid, process.started_ns, kind, what))
    return waits


def lack_of(process: Process) -> tuple[str, int]:
    """What a waiting process lacks, for the trace: ``pair``, ``memory`` or ``device``, and with which node
    the pair is to be; -1 if no open request will bring it."""
    wait = process.wait
    assert wait is not None
    if wait.kind in ("memory", "device"):
        return wait.kind, -1
    peers = (request.peer for request in process.requests if request.results_address == wait.address)
    return "pair", next(peers, -1)


def what_for(qnpu: Qnpu, process: Process) -> str:
    """What a waiting process lacks, in words."""
    wait = process.wait
    assert wait is not None
    if wait.kind == "device":
        return "the device, which attempts entanglement"
    if wait.is_for_device:
        holders = ", ".join(str(owner) for owner in qnpu.memory.owners)
        return f"the device to itself (owners of the qubits: {holders})"
    if wait.kind == "memory":
        holders = ", ".join(str(owner) for owner in qnpu.memory.owners)
        return f"a free qubit for virtual qubit {wait.virtual} (owners of the qubits: {holders})"
    for request in process.requests:
        if request.results_address == wait.address:
            peer = qnpu.neighbours.name(request.peer)
            return f"pair {request.delivered + 1} of {request.number} with {peer}"
    return f"array @{wait.address}"


def who_must_give_way(qnpu: Qnpu) -> tuple[Process, QnosError] | None:
    """If processes wait for qubits that only they themselves have: the youngest that has one, and why."""
    stuck: dict[int, Process] = {}
    wanted: dict[int, list[int]] = {}
    for process in qnpu.processes.values():
        wait = process.wait
        if process.state != "waiting" or wait is None:
            continue
        if wait.kind == "memory":
            wanted[process.pid] = qnpu.memory.wanted(wait.communication)
        else:
            for request in process.requests:
                if request.results_address == wait.address:
                    wanted[process.pid] = qnpu.network.kept.lacks(request)
        if not wanted.get(process.pid):
            continue
        stuck[process.pid] = process
    if not stuck:
        return None
    owners = qnpu.holders()
    while helped := [pid for pid in stuck if _is_helped(stuck[pid], [owners[q] for q in wanted[pid]], stuck)]:
        for pid in helped:
            del stuck[pid]
    if not stuck:
        return None
    able = [process for process in stuck.values() if process.pid in owners]  # to give something up
    youngest = max(able, key=lambda p: (p.started_ns, p.pid))
    if len(stuck) > 1:
        report = "; ".join(f"process {p.pid} ({p.app}) waits for {what_for(qnpu, p)}" for p in stuck.values())
        return youngest, Deadlock(f"memory deadlock on {qnpu.node}: {report}")
    assert youngest.wait is not None
    if youngest.wait.kind == "memory":  # its last pair took the last qubit
        return youngest, no_qubit(len(owners), youngest.wait.communication)
    return None


def _is_helped(process: Process, owners: Sequence[int], stuck: Mapping[int, Process]) -> bool:
    """Whether a waiting process may come by what it lacks, if those in `stuck` give nothing up."""
    assert process.wait is not None
    if process.wait.is_for_device:
        return not any(owner in stuck for owner in owners if owner != process.pid)
    return any(owner not in stuck for owner in owners)
