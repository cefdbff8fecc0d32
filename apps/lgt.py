"""Local gate tomography: measure what a gate of one node really does. No entanglement, no peer.

The gate is a rotation by `angle` about `axis`. A shot prepares one of the six states |0>, |1>, |+>, |->,
|+i>, |-i> at random, that is the eigenstate s = +1 or -1 of a random Pauli P, applies the gate, and measures
a random Pauli Q, with outcome o = +1 or -1. The mean of s o over the shots with given P and Q is the element
(Q, P) of the gate's Pauli transfer matrix

    R_QP = tr(Q G(P))/2,        metrics r_xx, r_xy, ... (Q first)

All nine together are a picture of the Bloch sphere after the gate G (Chuang, Nielsen, J. Mod. Opt. 44, 2455,
1997). Preparation and measurement have errors of their own, which tomography of this kind cannot tell from
those of the gate.

Compared with the ideal rotation U, the process fidelity is F = (1 + sum_QP U_QP R_QP)/4. Each of the nine
pairs comes up in one of nine shots, so (1 + 9 U_QP s o)/4 is a guess of F from one shot whose mean is F
(Flammia, Liu, PRL 106, 230501, 2011). A gate whose only fault is to depolarise, with probability p, has R =
(1-p) U and F = 1 - 3p/4.
"""

from __future__ import annotations

import math
from typing import Any

from cnpu import Node, Qubit, rotations_of

PAULIS = ("X", "Y", "Z")
EXCHANGE = {"X": ["h"], "Y": ["k"], "Z": []}  # the gates of `exchange`, by their names in the lab


async def tomographer(node: Node, axis: str = "X", angle: float = math.pi / 2) -> dict[str, Any]:
    """One state, one gate, one measurement. `axis` is X, Y or Z, `angle` in rad."""
    if axis not in PAULIS:
        raise ValueError(f"axis is {axis!r}; allowed: X, Y, Z")
    prepared, measured = node.rng.choice(PAULIS), node.rng.choice(PAULIS)
    minus = node.rng.randrange(2)
    qubit = Qubit(node)
    if minus:
        qubit.X()
    exchange(qubit, prepared)
    rotate = {"X": qubit.rot_X, "Y": qubit.rot_Y, "Z": qubit.rot_Z}[axis]
    rotate(angle=angle)
    exchange(qubit, measured)
    outcome = qubit.measure()
    await node.flush()
    return {
        "prepared": prepared,
        "measured": measured,
        "agree": outcome == minus,
        "ideal": ideal(axis, angle, measured, prepared),
    }


def exchange(qubit: Qubit, pauli: str) -> None:
    """From eigenstates of Z to those of a Pauli, or back."""
    if pauli == "X":
        qubit.H()
    elif pauli == "Y":
        qubit.K()


def ideal(axis: str, angle: float, q: str, p: str) -> float:
    """U_QP of the rotation exp(-i angle axis/2), by which the Bloch sphere turns about its axis."""
    if q == p:
        return 1.0 if q == axis else math.cos(angle)
    if axis in (q, p):
        return 0.0
    forward = (PAULIS.index(q) - PAULIS.index(p)) % 3 == 1  # X to Y, Y to Z, Z to X
    return math.sin(angle) if forward else -math.sin(angle)


ROLES = {"tomographer": tomographer}


def name(q: str, p: str) -> str:
    """The metric of an element of R."""
    return f"r_{q}{p}".lower()


RANGES = {
    "process_fidelity": (-2, 2.5),  # of the guess from one shot: only its mean is a fidelity
    **{name(q, p): (-1, 1) for q in PAULIS for p in PAULIS},
}


def metrics(results: dict[str, dict[str, Any]]) -> dict[str, float | None]:
    """The element of R that this shot is about, and its guess of the process fidelity."""
    shot = results["tomographer"]
    sign = 1.0 if shot["agree"] else -1.0
    elements: dict[str, float | None] = {name(q, p): None for q in PAULIS for p in PAULIS}
    elements[name(shot["measured"], shot["prepared"])] = sign
    return {"process_fidelity": (1 + 9 * shot["ideal"] * sign) / 4, **elements}


def expected(facts: Any, inputs: dict[str, dict[str, Any]]) -> dict[str, float] | None:
    """R with the noise of reset, gates, readout and idling, for any generic device without a tick."""
    device, qnpu = facts.device("tomographer"), facts.os.qnpu
    axis, angle = inputs["tomographer"]["axis"], inputs["tomographer"]["angle"]
    if facts.kind("tomographer") != "generic" or device.tick_ns or qnpu.classical_instruction_ns:
        return None
    if axis not in PAULIS:
        return None
    elements = {(q, p): element(facts.lab, device, qnpu, axis, angle, q, p) for q in PAULIS for p in PAULIS}
    overlap = sum(ideal(axis, angle, q, p) * r for (q, p), r in elements.items())
    values = {"process_fidelity": (1 + overlap) / 4, **{name(q, p): r for (q, p), r in elements.items()}}
    return {metric: round(value, 12) for metric, value in values.items()}  # 1 + 4e-16 is no probability


def element(lab_of: Any, device: Any, qnpu: Any, axis: str, angle: float, q: str, p: str) -> float:
    """R_QP: the mean of s o, from the states over the timeline of the one subroutine of a shot."""
    total = 0.0
    for minus in (0, 1):
        lab = lab_of()
        qubit = lab.qubit()
        lab.depolarise(device.init_depolarise, qubit)
        issued = qnpu.gate_ns
        end = issued + device.init_ns
        rotations = [(axis.lower(), n * math.pi / 2**d) for n, d in rotations_of(angle)]
        for gate in [*["x"] * minus, *EXCHANGE[p], *rotations, *EXCHANGE[q]]:
            issued += qnpu.gate_ns
            lab.idle(qubit, max(issued - end, 0), device)
            end = max(issued, end) + device.single_qubit_gate_ns
            if isinstance(gate, str):
                lab.gate(gate, qubit, noise=device)
            else:
                lab.rotation(*gate, qubit, noise=device)
        lab.idle(qubit, max(issued + qnpu.measure_ns - end, 0), device)
        other = lab.copy()
        lab.project(qubit, 0, device)
        other.project(qubit, 1, device)
        total += (-1) ** minus * (lab.probability() - other.probability()) / 2
    return total
