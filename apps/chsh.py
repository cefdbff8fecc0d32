"""The CHSH game: two players who may not talk win more often with entanglement than without.

Alice gets a random bit x, Bob a random bit y. They answer with bits a and b, and win if a XOR b = x AND y.
Whatever they agreed on before, without entanglement they win at most 3 games of 4. With |Phi+> Alice
measures Z for x = 0 and X for x = 1, Bob (Z + X)/sqrt(2) for y = 0 and (Z - X)/sqrt(2) for y = 1; whichever
the questions, they win with probability (2 + sqrt(2))/4 = 0.854, which is the most that quantum mechanics
allows (Clauser et al., PRL 23, 880, 1969; Tsirelson, Lett. Math. Phys. 4, 93, 1980).

In terms of correlators S = <A0 B0> + <A0 B1> + <A1 B0> - <A1 B1> = 8 (P(win) - 1/2): at most 2 without
entanglement, 2 sqrt(2) w with a Werner pair of fidelity F = (3 w + 1)/4, so that S > 2 needs F > 0.780.

The pair is of the type measure directly: the request names two sets of bases, each node draws one from its
set when the pair is heralded and measures at once. The bases are the questions. Nobody stores a qubit.
"""

from __future__ import annotations

import math
from typing import Any

from cnpu import Basis, Node


async def alice(node: Node) -> dict[str, Any]:
    """Ask for one measured pair; the basis set CHSH is Bob's two observables."""
    (result,) = node.epr("bob").create_measure(random_basis_local="XZ", random_basis_remote="CHSH")
    await node.flush()
    return {"x": int(result.measurement_basis == Basis.X), "a": result.measurement_outcome}


async def bob(node: Node) -> dict[str, Any]:
    """Take part."""
    (result,) = node.epr("alice").recv_measure()
    await node.flush()
    return {"y": int(result.measurement_basis == Basis.ZMINUSX), "b": result.measurement_outcome}


ROLES = {"alice": alice, "bob": bob}


RANGES = {"S": (-4, 4)}  # of one game


def metrics(results: dict[str, dict[str, Any]]) -> dict[str, float]:
    """Whether they won, and this game's sample of S, 4 or -4: only the mean over games has a meaning."""
    alice, bob = results["alice"], results["bob"]
    win = alice["a"] ^ bob["b"] == alice["x"] & bob["y"]
    return {"win": win, "S": 4.0 if win else -4.0}


def expected(facts: Any, inputs: dict[str, dict[str, Any]]) -> dict[str, float] | None:
    """P(win) = 1/2 + sqrt(2) w/4 and S = 2 sqrt(2) w, with w = (4 F - 1)/3.

    For a Werner (or perfect) link of fidelity F between noiseless devices; None for others.
    """
    fidelity = facts.werner_fidelity("alice", "bob")
    if fidelity is None or not facts.all_noiseless():
        return None
    w = (4 * fidelity - 1) / 3
    return {"win": 0.5 + math.sqrt(2) * w / 4, "S": 2 * math.sqrt(2) * w}
