"""A GHZ state (|00...0> + |11...1>)/sqrt(2) over all nodes of a network, whatever its links: line, star or
anything joined.

The parties first find out who is linked to whom, and the first of them picks a tree of links that reaches
all. Along every link of the tree runs one entangled pair, from a parent to a child; a parent fuses its pairs
into one state (Bose, Vedral, Knight, PRA 57, 822, 1998): CNOT from its own qubit to its half, measure the
half in Z. The child's half then is one more qubit of the GHZ state, flipped if the outcome was 1. n nodes
cost n-1 pairs and n-2 fusions, as the first pair is a GHZ state of two already.

The fidelity needs no more than local measurements. GHZ is the state on which all Z outcomes agree and in
which every product of X and an even number k of Y has the parity (-1)^(k/2), and

    F = (P(all agree) + <signed parity, averaged over the products>)/2

(Sackett et al., Nature 404, 256, 2000). In each shot the parties measure either all in Z, which counts 1 if
they agree and 0 if not, or a random product, which counts 1 for the right parity and -1 for the wrong one;
the mean is F.

A Werner pair of parameter w = (4F-1)/3 flips its whole branch of the tree with probability (1-w)/2, and the
phase of the state likewise. So P(all agree) is the product of all (1+w)/2, the parity that of all w.
"""

from __future__ import annotations

import math
from typing import Any

from cnpu import Node

Links = dict[str, list[str]]


async def party(node: Node) -> dict[str, Any]:
    """Take a place in the tree, make one's part of the state, measure it."""
    parent, children, basis = await join(node)
    halves = []
    if parent:
        halves += node.epr(parent).recv_keep()
    for child in children:
        halves += node.epr(child).create_keep()
    await node.flush()
    own = halves.pop(0)
    if parent and await node.socket(parent).recv():
        own.X()
    flips: list[Any] = [] if parent else [0]  # the first pair of the root needs no fusion
    for half in halves:
        own.cnot(half)
        flips.append(half.measure())
    # Measurements of different parties commute, so nobody waits until the state is whole.
    outcome = own.measure(basis=basis)
    await node.flush()
    for child, flip in zip(children, flips, strict=True):
        node.socket(child).send(flip)
    return {"basis": basis, "outcome": outcome}


async def join(node: Node) -> tuple[str, list[str], str]:
    """Parent ("" for the root), children and basis of this party: the root, the first party, decides."""
    linked = node.linked
    root = name(0)
    if node.role != root:
        node.socket(root).send(linked)
        parent, children, basis = await node.socket(root).recv()
        return parent, children, basis
    links = {root: linked}
    for peer in node.peers:
        links[peer] = await node.socket(peer).recv()
    parents = tree(links)
    lost = [peer for peer in node.peers if peer not in parents]
    if lost:
        raise ValueError(
            f"no chain of links from {root} to {', '.join(lost)}: a GHZ state needs one to every node"
        )
    bases = draw_bases(node)
    for peer in node.peers:
        node.socket(peer).send((parents[peer], children_of(peer, parents), bases.pop()))
    return "", children_of(root, parents), bases.pop()


def tree(links: Links) -> dict[str, str]:
    """Parent of every party that links lead to from the first, by breadth-first search."""
    root = next(iter(links))
    parents: dict[str, str] = {}
    reached = [root]
    for here in reached:  # grows while it is read
        for there in links[here]:
            if there != root and there not in parents:
                parents[there] = here
                reached.append(there)
    return parents


def children_of(party: str, parents: dict[str, str]) -> list[str]:
    """In the order in which the search found them."""
    return [child for child, parent in parents.items() if parent == party]


def draw_bases(node: Node) -> list[str]:
    """Z for all, or a random product of X and an even number of Y; each kind with probability 1/2."""
    n = 1 + len(node.peers)
    if node.rng.randrange(2):
        return ["Z"] * n
    bases = [node.rng.choice("XY") for _ in range(n - 1)]
    return [*bases, "Y" if bases.count("Y") % 2 else "X"]


def name(number: int) -> str:
    """Role of a party."""
    return f"party{number + 1}"


def ROLES(n: int) -> dict[str, Any]:
    """One party per node."""
    if n < 2:
        raise ValueError(f"a GHZ state needs at least 2 nodes, the network has {n}")
    return {name(i): party for i in range(n)}


RANGES = {"parity": (-1, 1), "fidelity": (-1, 1)}  # of one shot


def metrics(results: dict[str, dict[str, Any]]) -> dict[str, float | bool | None]:
    """Agreement or signed parity, whichever the shot measured, and what it says about the fidelity."""
    bases = [result["basis"] for result in results.values()]
    ones = sum(result["outcome"] for result in results.values())
    if bases[0] == "Z":
        agree = ones in (0, len(bases))
        return {"agreement": agree, "parity": None, "fidelity": float(agree)}
    parity = float((-1) ** (bases.count("Y") // 2 + ones))
    return {"agreement": None, "parity": parity, "fidelity": parity}


def expected(facts: Any, inputs: dict[str, dict[str, Any]]) -> dict[str, float] | None:
    """The formulas above for Werner or perfect links and devices without noise, None otherwise."""
    roles = list(facts.placement)
    linked = {a: [b for b in roles if b != a and facts.link(a, b) is not None] for a in roles}
    pairs = [facts.werner_fidelity(parent, child) for child, parent in tree(linked).items()]
    if None in pairs or len(pairs) < len(roles) - 1 or not facts.all_noiseless():
        return None
    w = [(4 * fidelity - 1) / 3 for fidelity in pairs]
    agreement, parity = math.prod((1 + each) / 2 for each in w), math.prod(w)
    return {"agreement": agreement, "parity": parity, "fidelity": (agreement + parity) / 2}
