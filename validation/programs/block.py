"""A block of operations on one qubit that takes the same time whatever comes out: a reset, three gates, a
measurement."""

from __future__ import annotations

from typing import Any

from cnpu import Node, Qubit


async def worker(node: Node) -> dict[str, Any]:
    """One block, in one subroutine."""
    qubit = Qubit(node)
    qubit.X()
    qubit.Y()
    qubit.Z()
    outcome = qubit.measure()
    await node.flush()
    return {"outcome": int(outcome)}


ROLES = {"worker": worker}
