"""Two rounds of distillation: two pairs are made of four, and one of these two.

`protocol` is DEJMPS (Deutsch et al., PRL 77, 2818, 1996), which turns the halves by Rx(pi/2) and Rx(-pi/2)
before each CNOT, or BBPSSW (Bennett et al., PRL 76, 722, 1996), which does not but makes Werner states
again of what it keeps: a bilateral rotation, drawn at random, permutes the three Bell states other than
|Phi+>. The second round takes place if both of the first succeed; then `second_success`, and `fidelity` of
what that one keeps."""

from __future__ import annotations

import math
from typing import Any

from apps.distill import judge
from cnpu import Node, Qubit


async def alice(node: Node, protocol: str = "DEJMPS") -> dict[str, Any]:
    """Ask for four pairs; draw the twirls and the basis of the test."""
    pairs = node.epr("bob").create_keep(number=4)
    twirls = [node.rng.randrange(3), node.rng.randrange(3)]
    basis = node.rng.choice("XYZ")
    node.socket("bob").send((protocol, twirls, basis))
    return await distill(node, "bob", pairs, 1, protocol, twirls, basis)


async def bob(node: Node) -> dict[str, Any]:
    """The same from the other end."""
    pairs = node.epr("alice").recv_keep(number=4)
    protocol, twirls, basis = await node.socket("alice").recv()
    return await distill(node, "alice", pairs, -1, protocol, twirls, basis)


async def distill(
    node: Node, peer: str, pairs: list[Qubit], side: int, protocol: str, twirls: list[int], basis: str
) -> dict[str, Any]:
    """One end of both rounds; `side` is 1 for Alice, -1 for Bob."""
    checks = []
    for kept, spent in (pairs[:2], pairs[2:]):
        checks.append(check(kept, spent, side, protocol))
    if not await equal(node, peer, checks):
        pairs[0].free()
        pairs[2].free()
        return {"first": False}
    if protocol == "BBPSSW":
        for half, times in zip((pairs[0], pairs[2]), twirls, strict=True):
            twirl(half, times, side)
    last = check(pairs[0], pairs[2], side, protocol)
    return {"first": True, **await judge(node, pairs[0], basis, await equal(node, peer, [last]))}


def check(kept: Qubit, spent: Qubit, side: int, protocol: str) -> Any:
    """Spend one half on the other."""
    if protocol == "DEJMPS":
        kept.rot_X(angle=side * math.pi / 2)
        spent.rot_X(angle=side * math.pi / 2)
    kept.cnot(spent)
    return spent.measure()


def twirl(half: Qubit, times: int, side: int) -> None:
    """Turn X into Y, Y into Z and Z into X, so many times; the other side does the conjugate, and |Phi+>
    stays."""
    for _ in range(times):
        half.rot_X(angle=side * math.pi / 2)
        half.rot_Z(angle=side * math.pi / 2)


async def equal(node: Node, peer: str, checks: list[Any]) -> bool:
    """Whether both ends found the same everywhere."""
    await node.flush()
    own = [int(outcome) for outcome in checks]
    node.socket(peer).send(own)
    return own == list(await node.socket(peer).recv())


ROLES = {"alice": alice, "bob": bob}


RANGES = {"fidelity": (-0.5, 1)}  # of one shot


def metrics(results: dict[str, dict[str, Any]]) -> dict[str, float | bool | None]:
    """Success of the second round where there is one, and the fidelity where it succeeds."""
    alice, bob = results["alice"], results["bob"]
    if not alice["first"]:
        return {"second_success": None, "fidelity": None}
    if not alice["success"]:
        return {"second_success": False, "fidelity": None}
    right = (alice["outcome"] == bob["outcome"]) != (alice["basis"] == "Y")
    return {"second_success": True, "fidelity": 1.0 if right else -0.5}
