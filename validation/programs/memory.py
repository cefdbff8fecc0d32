"""One qubit that waits: prepared in |1> or |+>, kept for `wait_ns`, then looked at.

`fidelity` is the share of shots in which it is still found in the state it was prepared in.
"""

from __future__ import annotations

from typing import Any

from cnpu import Node, Qubit


async def keeper(node: Node, state: str = "1", wait_ns: int = 100_000_000) -> dict[str, Any]:
    """Prepare, wait, undo the preparation, measure."""
    qubit = Qubit(node)
    prepare = {"1": qubit.X, "+": qubit.H}[state]
    prepare()
    await node.flush()
    await node.sleep_ns(wait_ns)
    prepare()
    outcome = qubit.measure()
    await node.flush()
    return {"outcome": int(outcome)}


ROLES = {"keeper": keeper}


def metrics(results: dict[str, dict[str, Any]]) -> dict[str, bool]:
    """Whether the state was kept."""
    return {"fidelity": results["keeper"]["outcome"] == 0}
