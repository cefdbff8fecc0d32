"""Remote state preparation: Alice makes a state that she knows appear at Bob, with one pair and one bit.

Teleportation needs two bits because nobody knows the state. If Alice knows it she need not have it: she
measures her half of |Phi+> along the direction at azimuth -theta on the equator of the Bloch sphere, which
leaves Bob with |+theta> = (|0> + exp(i theta)|1>)/sqrt(2) if she reads 0 and with the opposite state if she
reads 1. Her bit tells him to apply Z (Bennett et al., PRL 87, 077902, 2001; Pati, PRA 63, 014302, 2000).
Blind computation prepares its qubits in this way.

The request is of its own type: Alice's half is measured at the herald, after the rotations Rz(pi/2 + theta)
and Rx(pi/2) that turn the wanted direction into Z; only Bob keeps a qubit. NetQASM states these rotations
in sixteenths of pi, so theta = k pi/16.

Bob undoes the preparation, Rz(-theta) and H, and measures: 0 with probability F = <+theta|rho|+theta>. With
a Werner pair of fidelity F_pair and perfect devices F = (2 F_pair + 1)/3, as in teleportation.
"""

from __future__ import annotations

from typing import Any

from cnpu import Node

HALF_PI = 8  # in sixteenths of pi


async def alice(node: Node, k: int = 5) -> dict[str, Any]:
    """Prepare |+theta> with theta = k pi/16 at Bob; any whole k."""
    turns = ((HALF_PI + k) % 32, HALF_PI, 0)
    (result,) = node.epr("bob").create_rsp(rotations_local=turns, axes_local="ZXZ")
    await node.flush()
    outcome = result.measurement_outcome
    node.socket("bob").send((outcome, k % 32))
    return {"outcome": outcome}


async def bob(node: Node) -> dict[str, Any]:
    """Receive the state and correct it; then undo it and measure: 0 means that it is as ordered."""
    (qubit,) = node.epr("alice").recv_rsp()
    await node.flush()
    outcome, k = await node.socket("alice").recv()
    if outcome:
        qubit.Z()
    qubit.rot_Z(n=-k % 32, d=4)
    qubit.H()
    read = qubit.measure()
    await node.flush()
    return {"outcome": read}


ROLES = {"alice": alice, "bob": bob}


def metrics(results: dict[str, dict[str, Any]]) -> dict[str, bool]:
    """Fidelity: whether Bob found the state that Alice ordered."""
    return {"fidelity": results["bob"]["outcome"] == 0}


def expected(facts: Any, inputs: dict[str, dict[str, Any]]) -> dict[str, float] | None:
    """(2 F + 1)/3 for a Werner (or perfect) link of fidelity F between noiseless devices; None for others."""
    fidelity = facts.werner_fidelity("alice", "bob")
    if fidelity is None or not facts.all_noiseless():
        return None
    return {"fidelity": (2 * fidelity + 1) / 3}
