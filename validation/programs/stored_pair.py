"""A pair that waits: |Phi+>, or |Psi+> after an X on Bob's half, kept for `wait_ns` at both ends.

Then both halves are measured in the same random basis. Each of the two states makes the outcomes agree in
two of the bases X, Y, Z and disagree in the third, and 1 or -1/2 for what it would give has the fidelity as
its mean."""

from __future__ import annotations

from typing import Any

from cnpu import Node

ODD_BASIS = {"phi": "Y", "psi": "Z"}  # in which the outcomes disagree


async def alice(node: Node, wait_ns: int = 100_000_000) -> dict[str, Any]:
    """Keep one half; choose the basis."""
    (half,) = node.epr("bob").create_keep()
    await node.flush()
    await node.sleep_ns(wait_ns)
    basis = node.rng.choice("XYZ")
    node.socket("bob").send(basis)
    outcome = half.measure(basis=basis)
    await node.flush()
    return {"basis": basis, "outcome": int(outcome)}


async def bob(node: Node, bell: str = "phi") -> dict[str, Any]:
    """Keep the other half until Alice says how to measure."""
    odd_basis = ODD_BASIS[bell]
    (half,) = node.epr("alice").recv_keep()
    if bell == "psi":
        half.X()
    await node.flush()
    basis = await node.socket("alice").recv()
    outcome = half.measure(basis=basis)
    await node.flush()
    return {"outcome": int(outcome), "odd_basis": odd_basis}


ROLES = {"alice": alice, "bob": bob}


RANGES = {"fidelity": (-0.5, 1)}  # of one shot


def metrics(results: dict[str, dict[str, Any]]) -> dict[str, float]:
    """Fidelity with the state that was made, in the mean."""
    alice, bob = results["alice"], results["bob"]
    right = (alice["outcome"] == bob["outcome"]) != (alice["basis"] == bob["odd_basis"])
    return {"fidelity": 1.0 if right else -0.5}
