"""Distillation: Alice and Bob turn two noisy pairs into one better pair, by local operations and two bits.

DEJMPS (Deutsch, Ekert, Jozsa, Macchiavello, Popescu, Sanpera, PRL 77, 2818, 1996): Alice turns both of her
halves by Rx(pi/2), Bob his by Rx(-pi/2); each does a CNOT from the first half to the second, measures the
second in Z, and they compare. Equal outcomes: the first pair is kept, and it is better than before if both
were better than 1/2. Else it is thrown away. One measured pair pays for finding out whether the other was
flipped.

The pair that is kept is measured in the same random basis at both ends. |Phi+> makes the outcomes agree in Z
and X and disagree in Y, and F = (1 + <XX> - <YY> + <ZZ>)/4, so a shot counts 1 if they do as |Phi+> would and
-1/2 if not: the mean is the fidelity.

Two Werner pairs of fidelity F and b = (1-F)/3 succeed with P = F^2 + 2 F b + 5 b^2 and leave fidelity (F^2 +
b^2)/P: from F = 0.8 that is 0.838 in 77 % of the tries.
"""

from __future__ import annotations

import math
from typing import Any

from cnpu import Node, Qubit


async def alice(node: Node) -> dict[str, Any]:
    """Ask for the pairs, choose the basis of the test."""
    pairs = node.epr("bob").create_keep(number=2)
    bob = node.socket("bob")
    basis = node.rng.choice("XYZ")
    bob.send(basis)
    check = await purify(node, pairs, math.pi / 2)
    bob.send(check)
    return await judge(node, pairs[0], basis, check == await bob.recv())


async def bob(node: Node) -> dict[str, Any]:
    """The same from the other end, with the opposite rotation."""
    pairs = node.epr("alice").recv_keep(number=2)
    alice = node.socket("alice")
    check = await purify(node, pairs, -math.pi / 2)
    alice.send(check)
    basis = await alice.recv()
    return await judge(node, pairs[0], basis, check == await alice.recv())


async def purify(node: Node, pairs: list[Qubit], angle: float) -> int:
    """One end of the circuit: returns what the half of the second pair was found in."""
    kept, spent = pairs
    kept.rot_X(angle=angle)
    spent.rot_X(angle=angle)
    kept.cnot(spent)
    check = spent.measure()
    await node.flush()
    return int(check)


async def judge(node: Node, half: Qubit, basis: str, success: bool) -> dict[str, Any]:
    """Measure this half if the pair is kept, throw it away if not."""
    if not success:
        half.free()
        return {"success": False}
    outcome = half.measure(basis=basis)
    await node.flush()
    return {"success": True, "basis": basis, "outcome": outcome}


ROLES = {"alice": alice, "bob": bob}


RANGES = {"fidelity": (-0.5, 1)}  # of one shot


def metrics(results: dict[str, dict[str, Any]]) -> dict[str, float | bool | None]:
    """Success, and the fidelity of the pair in the mean over the successes."""
    alice, bob = results["alice"], results["bob"]
    if not alice["success"]:
        return {"success": False, "fidelity": None}
    right = (alice["outcome"] == bob["outcome"]) != (alice["basis"] == "Y")
    return {"success": True, "fidelity": 1.0 if right else -0.5}


def expected(facts: Any, inputs: dict[str, dict[str, Any]]) -> dict[str, float] | None:
    """The formulas above for a Werner or perfect link and devices without noise, None otherwise."""
    fidelity = facts.werner_fidelity("alice", "bob")
    if fidelity is None or not facts.all_noiseless():
        return None
    b = (1 - fidelity) / 3
    success = fidelity**2 + 2 * fidelity * b + 5 * b**2
    return {"success": success, "fidelity": (fidelity**2 + b**2) / success}
