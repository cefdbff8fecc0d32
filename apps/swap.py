"""Entanglement swapping: Alice and Charlie, who share no link, get a pair through the repeater Bob.

Bob makes a pair with each of them and measures his two halves in the Bell basis: CNOT, H, and both in Z. That
leaves the outer two halves in the Bell state which his outcomes (m1, m2) name; Charlie turns it into |Phi+> =
(|00> + |11>)/sqrt(2) with X if m2 and Z if m1 (Zukowski, Zeilinger, Horne, Ekert, PRL 71, 4287, 1993). It is
teleportation of one half.

Alice and Charlie then measure in the same random basis. |Phi+> makes them agree in Z and X and disagree in Y,
and

    F = (1 + <XX> - <YY> + <ZZ>)/4 = (3 P - 1)/2

with P the probability that they find what |Phi+> would give, over the three bases. So a shot counts 1 if they
do and -1/2 if not: the mean is the fidelity. Werner pairs of parameters w = (4F-1)/3 swap into one of w = w1
w2, that is F = F1 F2 + (1-F1)(1-F2)/3.
"""

from __future__ import annotations

from typing import Any

from cnpu import Node


async def alice(node: Node) -> dict[str, Any]:
    """One end: chooses the basis of the test."""
    basis = node.rng.choice("XYZ")
    node.socket("charlie").send(basis)
    (half,) = node.epr("bob").recv_keep()
    outcome = half.measure(basis=basis)
    await node.flush()
    return {"basis": basis, "outcome": outcome}


async def bob(node: Node) -> dict[str, Any]:
    """The repeater: a Bell measurement on his two halves."""
    (left,) = node.epr("alice").create_keep()
    (right,) = node.epr("charlie").create_keep()
    left.cnot(right)
    left.H()
    m1, m2 = left.measure(), right.measure()
    await node.flush()
    node.socket("charlie").send((m1, m2))
    return {"m1": m1, "m2": m2}


async def charlie(node: Node) -> dict[str, Any]:
    """The other end: corrects the pair."""
    (half,) = node.epr("bob").recv_keep()
    await node.flush()
    basis = await node.socket("alice").recv()
    m1, m2 = await node.socket("bob").recv()
    if m2:
        half.X()
    if m1:
        half.Z()
    outcome = half.measure(basis=basis)
    await node.flush()
    return {"outcome": outcome}


ROLES = {"alice": alice, "bob": bob, "charlie": charlie}


RANGES = {"fidelity": (-0.5, 1)}  # of one shot


def metrics(results: dict[str, dict[str, Any]]) -> dict[str, float]:
    """Fidelity of the pair of Alice and Charlie with |Phi+>, in the mean."""
    equal = results["alice"]["outcome"] == results["charlie"]["outcome"]
    right = equal != (results["alice"]["basis"] == "Y")
    return {"fidelity": 1.0 if right else -0.5}


def expected(facts: Any, inputs: dict[str, dict[str, Any]]) -> dict[str, float] | None:
    """F1 F2 + (1-F1)(1-F2)/3 for Werner or perfect links and devices without noise, None otherwise."""
    first, second = facts.werner_fidelity("alice", "bob"), facts.werner_fidelity("bob", "charlie")
    if first is None or second is None or not facts.all_noiseless():
        return None
    return {"fidelity": first * second + (1 - first) * (1 - second) / 3}
