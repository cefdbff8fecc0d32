"""Remote state preparation as the shipped application `rsp` does it, with three gates on every run.

Bob turns his half back by -theta in two steps if Alice read 0, and in one step after Z if she read 1, then
H: his device's gate noise acts three times. Between the herald and Alice's message his half waits."""

from __future__ import annotations

from typing import Any

from apps.rsp import alice, metrics
from cnpu import Node


async def bob(node: Node) -> dict[str, Any]:
    """Receive the state, correct it, undo it and measure."""
    (qubit,) = node.epr("alice").recv_rsp()
    await node.flush()
    outcome, k = await node.socket("alice").recv()
    if outcome:
        qubit.Z()
    else:
        qubit.rot_Z(n=1, d=4)
    qubit.rot_Z(n=(-k if outcome else -k - 1) % 32, d=4)
    qubit.H()
    read = qubit.measure()
    await node.flush()
    return {"outcome": int(read)}


ROLES = {"alice": alice, "bob": bob}

__all__ = ["ROLES", "metrics"]
