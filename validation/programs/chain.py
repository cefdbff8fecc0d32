"""Swapping along a line of four nodes: both inner nodes measure their halves in the Bell basis at once.

Dave collects the outcomes, turns his half by their sums, and he and Alice test the pair in a random basis,
as in the shipped application `swap`."""

from __future__ import annotations

from typing import Any

from cnpu import Node


async def repeater(node: Node, left: str, right: str) -> dict[str, Any]:
    """A Bell measurement between two neighbours."""
    (one,) = node.epr(left).recv_keep() if left == "bob" else node.epr(left).create_keep()
    (other,) = node.epr(right).create_keep()
    one.cnot(other)
    one.H()
    m1, m2 = one.measure(), other.measure()
    await node.flush()
    node.socket("dave").send((int(m1), int(m2)))
    return {"m1": int(m1), "m2": int(m2)}


async def alice(node: Node) -> dict[str, Any]:
    """One end: chooses the basis of the test."""
    basis = node.rng.choice("XYZ")
    node.socket("dave").send(basis)
    (half,) = node.epr("bob").recv_keep()
    outcome = half.measure(basis=basis)
    await node.flush()
    return {"basis": basis, "outcome": int(outcome)}


async def bob(node: Node) -> dict[str, Any]:
    """The first repeater."""
    return await repeater(node, "alice", "charlie")


async def charlie(node: Node) -> dict[str, Any]:
    """The second repeater."""
    return await repeater(node, "bob", "dave")


async def dave(node: Node) -> dict[str, Any]:
    """The other end: corrects the pair."""
    (half,) = node.epr("charlie").recv_keep()
    await node.flush()
    basis = await node.socket("alice").recv()
    first, second = await node.socket("bob").recv(), await node.socket("charlie").recv()
    if first[1] ^ second[1]:
        half.X()
    if first[0] ^ second[0]:
        half.Z()
    outcome = half.measure(basis=basis)
    await node.flush()
    return {"outcome": int(outcome)}


ROLES = {"alice": alice, "bob": bob, "charlie": charlie, "dave": dave}


RANGES = {"fidelity": (-0.5, 1)}  # of one shot


def metrics(results: dict[str, dict[str, Any]]) -> dict[str, float]:
    """Fidelity of the pair of Alice and Dave with |Phi+>, in the mean."""
    equal = results["alice"]["outcome"] == results["dave"]["outcome"]
    right = equal != (results["alice"]["basis"] == "Y")
    return {"fidelity": 1.0 if right else -0.5}
