"""Bell pairs: how good is the entanglement between Alice and Bob?

Three pairs arrive one after the other, each as |Phi+> = (|00> + |11>)/sqrt(2). Both halves of the first are
measured in X, of the second in Y, of the third in Z. |Phi+> gives equal outcomes in X and in Z and opposite
ones in Y; anything else counts as an error. The three error rates tell the fidelity of any pair without
further assumptions, because |Phi+><Phi+| = (II + XX - YY + ZZ)/4:

    F = 1 - (e_x + e_y + e_z)/2.

Each shot yields one sample of every quantity; only the mean over shots is an error rate or a fidelity. A
Werner pair of fidelity F has e_x = e_y = e_z = 2 (1 - F)/3.
"""

from __future__ import annotations

from typing import Any

from cnpu import Node

BASES = ("X", "Y", "Z")


async def alice(node: Node) -> dict[str, Any]:
    """Make one pair per basis and measure this half."""
    outcomes = {}
    for basis in BASES:
        (half,) = node.epr("bob").create_keep()
        outcomes[basis] = half.measure(basis=basis)
    await node.flush()
    return outcomes


async def bob(node: Node) -> dict[str, Any]:
    """Take part, and measure the other half in the same basis."""
    outcomes = {}
    for basis in BASES:
        (half,) = node.epr("alice").recv_keep()
        outcomes[basis] = half.measure(basis=basis)
    await node.flush()
    return outcomes


ROLES = {"alice": alice, "bob": bob}


RANGES = {"fidelity": (-0.5, 1)}  # of one shot


def metrics(results: dict[str, dict[str, Any]]) -> dict[str, float]:
    """The error in each basis, and the estimate of the fidelity that they give."""
    alice, bob = results["alice"], results["bob"]
    error_x = alice["X"] != bob["X"]
    error_y = alice["Y"] == bob["Y"]
    error_z = alice["Z"] != bob["Z"]
    fidelity = 1 - (error_x + error_y + error_z) / 2
    return {"fidelity": fidelity, "error_x": error_x, "error_y": error_y, "error_z": error_z}


def expected(facts: Any, inputs: dict[str, dict[str, Any]]) -> dict[str, float] | None:
    """Fidelity and error rates for a Werner (or perfect) link between noiseless devices; None for others."""
    fidelity = facts.werner_fidelity("alice", "bob")
    if fidelity is None or not facts.all_noiseless():
        return None
    error = 2 * (1 - fidelity) / 3
    return {"fidelity": fidelity, "error_x": error, "error_y": error, "error_z": error}
