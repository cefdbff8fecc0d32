"""A program that is nothing but work for the QNPU: reset a qubit, turn it so many times, measure it.

The block takes the same time whatever comes out.
"""

from __future__ import annotations

from typing import Any

from cnpu import Node, Qubit


async def worker(node: Node, gates: int = 3) -> dict[str, Any]:
    """One block of `gates` gates, 0 or more, in one subroutine."""
    qubit = Qubit(node)
    for _ in range(gates):
        qubit.X()
    outcome = qubit.measure()
    await node.flush()
    return {"outcome": int(outcome)}


ROLES = {"worker": worker}
