"""The shipped application `swap` with a repeater that keeps both halves for `wait_ns`, then measures."""

from __future__ import annotations

from typing import Any

from apps.swap import RANGES, alice, charlie, metrics
from cnpu import Node


async def bob(node: Node, wait_ns: int = 0) -> dict[str, Any]:
    """A Bell measurement on his two halves, some time after the second has come."""
    (left,) = node.epr("alice").create_keep()
    (right,) = node.epr("charlie").create_keep()
    await node.flush()
    await node.sleep_ns(wait_ns)
    left.cnot(right)
    left.H()
    m1, m2 = left.measure(), right.measure()
    await node.flush()
    node.socket("charlie").send((m1, m2))
    return {"m1": m1, "m2": m2}


ROLES = {"alice": alice, "bob": bob, "charlie": charlie}

__all__ = ["RANGES", "ROLES", "metrics"]
