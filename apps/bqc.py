"""Blind computation with trap rounds: a client has a server compute, hides what it computes, and checks the
server.

One round uses two qubits at the server in a row. The client prepares them remotely: it measures its half of a
pair in the basis |+_theta>, |-_theta> of a random angle and reads p, and the server holds |+_(theta + p pi)>,
not knowing theta or p. The server applies CZ, then measures each qubit by the angle delta it is told:
Rz(delta), H, Z. With

    delta1 = alpha - theta1 + (p1 + r1) pi
    delta2 = (-1)^(m1 + r1) beta - theta2 + (p2 + r2) pi

and r1, r2 random bits, this is measurement-based computation with the angles alpha and beta. Its result m2
xor r2 is 0 with probability (1 + sin(alpha) sin(beta))/2, and the angles and outcomes that the server sees
are uniformly random (Broadbent, Fitzsimons, Kashefi, FOCS 2009). The thetas are multiples of pi/16, so what
is hidden are multiples of pi/16.

Blindness makes checks possible: in a trap round the client prepares one qubit, the dummy, in |0> or |1> by
measuring its half in Z. CZ then gives the other qubit, the trap, no more than a phase flip that the client
knows, and measuring it along its own angle must give r. The server sees no difference, so the share of traps
that fail bounds what noise or malice can do to the computation rounds (Leichtle, Music, Kashefi, Ollivier,
PRX Quantum 2, 040302, 2021).

Werner pairs of parameter w = (4F-1)/3 leave each prepared state with weight w, else a random one, and one of
them is enough to make the result random. So the computation gives 0 with probability (1 + w^2 sin(alpha)
sin(beta))/2, and a trap fails with probability (1 - w^2)/2.
"""

from __future__ import annotations

import math
from typing import Any

from cnpu import Node

SIXTEENTH = math.pi / 16
TURN = 32  # sixteenths of pi
TO_X = 24  # Ry(-pi/2) in sixteenths: turns |+>, |-> into |0>, |1>


async def client(
    node: Node, alpha: float = math.pi / 2, beta: float = math.pi / 2, trap_probability: float = 0.5
) -> dict[str, Any]:
    """Prepare both qubits remotely, say the angles, judge the outcomes."""
    if not 0 <= trap_probability <= 1:
        raise ValueError(f"trap_probability is {trap_probability}; allowed: 0 to 1")
    rng, server = node.rng, node.socket("server")
    is_trap = rng.random() < trap_probability
    trap = rng.randrange(2)
    if is_trap:
        alpha = beta = 0.0  # every angle the server hears is random anyway
    theta = [rng.randrange(TURN), rng.randrange(TURN)]
    r = [rng.randrange(2), rng.randrange(2)]

    prepared = []
    for qubit in range(2):
        if is_trap and qubit != trap:
            prepared += node.epr("server").create_rsp()
        else:
            # Our half meets the conjugate of the state it prepares: theta with the other sign.
            rotations = (0, theta[qubit], TO_X)
            prepared += node.epr("server").create_rsp(rotations_local=rotations, axes_local="YZY")
    await node.flush()
    p = [int(half.measurement_outcome) for half in prepared]
    if is_trap:
        p[trap] += p[1 - trap]  # CZ with a dummy in |1> is the same as one more pi

    server.send(alpha - theta[0] * SIXTEENTH + (p[0] + r[0]) * math.pi)
    m1 = await server.recv()
    sign = -1 if m1 ^ r[0] else 1
    server.send(sign * beta - theta[1] * SIXTEENTH + (p[1] + r[1]) * math.pi)
    m2 = await server.recv()
    results = m1 ^ r[0], m2 ^ r[1]
    return {"trap": is_trap, "result": results[trap] if is_trap else results[1]}


async def server(node: Node) -> dict[str, Any]:
    """Compute blindly."""
    client = node.socket("client")
    qubits = [*node.epr("client").recv_rsp(), *node.epr("client").recv_rsp()]
    qubits[0].cphase(qubits[1])
    await node.flush()
    seen: dict[str, Any] = {}
    for name, qubit in zip(("1", "2"), qubits, strict=True):
        delta = await client.recv()
        qubit.rot_Z(angle=delta)
        qubit.H()
        outcome = qubit.measure()
        await node.flush()
        client.send(outcome)
        seen |= {"delta" + name: delta % math.tau, "m" + name: outcome}
    return seen


ROLES = {"client": client, "server": server}


def metrics(results: dict[str, dict[str, Any]]) -> dict[str, bool | None]:
    """Whether a computation gave 0, whether a trap failed; each in its own rounds."""
    wrong = results["client"]["result"] == 1
    if results["client"]["trap"]:
        return {"success": None, "trap_failure": wrong}
    return {"success": not wrong, "trap_failure": None}


def expected(facts: Any, inputs: dict[str, dict[str, Any]]) -> dict[str, float] | None:
    """The formulas above for a Werner or perfect link and devices without noise, None otherwise."""
    fidelity = facts.werner_fidelity("client", "server")
    if fidelity is None or not facts.all_noiseless():
        return None
    w = (4 * fidelity - 1) / 3
    angles = math.sin(inputs["client"]["alpha"]) * math.sin(inputs["client"]["beta"])
    return {"success": (1 + w**2 * angles) / 2, "trap_failure": (1 - w**2) / 2}
