"""Admission: requests that can never be met are refused when a program makes them, with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from netqasm_isa.epr import EprType
from qdriver.spec import LinkPoint
from qnpu.process import Process
from qnpu.quotas import exceeded
from qnpu.requests import ENTRIES_PER_PAIR, epr_trap
from qnpu.traps import Trap, trap
from qruntime.messages import LinkRequest

UNSTATED_FIDELITY = 100  # what SDKs send when a program says nothing


def qubit_ids_of(process: Process, address: int, number: int, qubits: int) -> list[int]:
    """The virtual id of each pair, from the program's array.

    `qubits` is the size of the device.
    """
    array = process.arrays.get(address)
    if array is None:
        raise trap(f"there is no qubit id array @{address}")
    if len(array) != number:
        raise trap(f"qubit id array @{address} has {len(array)} entries for {number} pairs")
    ids: list[int] = []
    for index, virtual in enumerate(array):
        if virtual is None or virtual < 0:
            raise trap(f"qubit id array @{address}[{index}] is {virtual}; a virtual qubit id is needed")
        ids.append(virtual)
    distinct = len(set(ids))
    if distinct > process.quotas.qubits:
        raise Trap(exceeded(process, "qubits", f"the request names {distinct} different virtual qubits"))
    if distinct > qubits:
        raise epr_trap("NORES", f"{distinct} different virtual qubits; the device has {qubits} qubits")
    return ids


def qubit_ids_if_any(process: Process, address: int, number: int, qubits: int) -> list[int]:
    """The receiver does not know yet whether it will keep qubits: no usable array means it gave no ids."""
    array = process.arrays.get(address)
    if array is None or len(array) != number or None in array:
        return []
    return qubit_ids_of(process, address, number, qubits)


def check_results(process: Process, address: int, number: int) -> None:
    """The results array must have room for every pair, and no other request may write it."""
    array = process.arrays.get(address)
    if array is None:
        raise trap(f"there is no results array @{address}")
    needed = number * ENTRIES_PER_PAIR
    if len(array) != needed:
        raise trap(f"results array @{address} has {len(array)} entries; {number} pairs need {needed}")
    if address in process.open_arrays:
        raise trap(f"results array @{address} is in use by another open request")


def check_feasible(wanted: LinkRequest, points: Sequence[LinkPoint], peer: str, latency_ns: int) -> None:
    """Fidelity within reach of the link's working points, and time for the least number of attempts.

    The points have the fidelity that is left when the pair is handed over (`fidelity.Estimator`);
    `latency_ns` is how long a message to the peer takes.
    """
    too_high = out_of_reach(wanted, points, peer)
    if too_high:
        raise epr_trap("UNSUPP", too_high)
    if not wanted.max_time_ns:
        return
    shortest = wanted.number * attempt_ns(wanted, points)
    if wanted.max_time_ns < shortest:
        least = f"{shortest:g} ns, the least for {wanted.number} pairs"
    elif wanted.max_time_ns < latency_ns:
        least = f"{latency_ns} ns, which a message to {peer} takes"
    else:
        return
    raise epr_trap("UNSUPP", f"max time {wanted.max_time_ns} ns is below {least}")


def attempt_ns(wanted: LinkRequest, points: Sequence[LinkPoint]) -> float:
    """The shortest time in which an attempt for a request can be made; 0 if nothing is known of the link."""
    measured = wanted.type == EprType.M
    return min((point.measure_cycle_ns if measured else point.cycle_ns for point in points), default=0.0)


def out_of_reach(wanted: LinkRequest, points: Sequence[LinkPoint], peer: str) -> str:
    """Why no working point has the minimum fidelity, empty if one has."""
    if not points or working_point(tuple(points), wanted.min_fidelity) is not None:
        return ""
    reachable = max(point.fidelity for point in points)
    return (
        f"minimum fidelity {wanted.min_fidelity} % is out of reach; pairs with {peer} have at most "
        f"{100 * reachable:.4g} % when they are handed over"
    )


@lru_cache(maxsize=1024)
def working_point(points: tuple[LinkPoint, ...], min_fidelity: int) -> LinkPoint | None:
    """Where the link is to be run for a minimum fidelity in percent: the default if none is stated, else the
    point of the highest rate that is good enough; None if none is."""
    if min_fidelity == UNSTATED_FIDELITY or not points:
        return points[0] if points else None
    good = [point for point in points if 100 * point.fidelity >= min_fidelity - 1e-9]
    return max(good, key=_rate, default=None)


def _rate(point: LinkPoint) -> float:
    return point.success_probability / point.cycle_ns if point.cycle_ns else float("inf")
