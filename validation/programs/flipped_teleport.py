"""Teleportation whose two bits are flipped on the way, with probability `e_z` (the bit that asks for Z) and
`e_x`.

The state is one of |0>, |1>, |+>, |->, |+i>, |-i> at random, over which the mean fidelity is that over all
states."""

from __future__ import annotations

import math
from typing import Any

from apps.teleport import bob
from cnpu import Node, Qubit

HALF = math.pi / 2
STATES = ((0.0, 0.0), (math.pi, 0.0), (HALF, 0.0), (HALF, math.pi), (HALF, HALF), (HALF, -HALF))


async def alice(node: Node, e_z: float = 0.0, e_x: float = 0.0) -> dict[str, Any]:
    """Send a random state, and say something false now and then."""
    theta, phi = node.rng.choice(STATES)
    qubit = Qubit(node)
    qubit.rot_Y(angle=theta)
    qubit.rot_Z(angle=phi)
    (half,) = node.epr("bob").create_keep()
    qubit.cnot(half)
    qubit.H()
    m1, m2 = qubit.measure(), half.measure()
    await node.flush()
    told = int(m1) ^ (node.rng.random() < e_z), int(m2) ^ (node.rng.random() < e_x)
    node.socket("bob").send((*told, theta, phi))
    return {"m1": int(m1), "m2": int(m2)}


ROLES = {"alice": alice, "bob": bob}


def metrics(results: dict[str, dict[str, Any]]) -> dict[str, bool]:
    """Fidelity: whether Bob found the state that Alice prepared."""
    return {"fidelity": results["bob"]["outcome"] == 0}
