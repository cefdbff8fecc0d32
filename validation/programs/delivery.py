"""Deterministic delivery: a pair every `period_ns`, whatever happens (Humphreys et al., Nature 558, 268,
2018).

Both ends ask for a pair when a period begins and keep it until the period ends. If none came in time each
end delivers something of its own: for `fallback` "mixed" |0> or |1> at random, so that the two together are
maximally mixed, for "zero" a fresh |0>. No run is left out. At the end of a period both halves are measured,
in X, Y and Z in turn, which gives the fidelity F = (1 + <XX> - <YY> + <ZZ>)/4: a delivery counts 1 if it is
found as |Phi+> would be, and -1/2 if not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cnpu import Node, Qubit
from qnos import EprError

BASES = "XYZ"


async def alice(
    node: Node, deliveries: int = 30, period_ns: int = 100_000_000, fallback: str = "mixed"
) -> dict[str, Any]:
    """Ask for a pair in each period; it must come before the period ends."""
    epr = node.epr("bob")
    return await deliver(
        node, lambda: epr.create_keep(max_time_ns=period_ns), deliveries, period_ns, fallback
    )


async def bob(
    node: Node, deliveries: int = 30, period_ns: int = 100_000_000, fallback: str = "mixed"
) -> dict[str, Any]:
    """Take part."""
    return await deliver(node, node.epr("alice").recv_keep, deliveries, period_ns, fallback)


async def deliver(
    node: Node, request: Callable[[], list[Qubit]], deliveries: int, period_ns: int, fallback: str
) -> dict[str, Any]:
    """One end: what it found in each period, when its pair came (None: not in time), when it delivered."""
    found: dict[str, list[Any]] = {"outcomes": [], "herald_ns": [], "delivered_ns": []}
    for number in range(deliveries):
        began_ns = number * period_ns
        (half,) = request()
        try:
            await node.flush()
            found["herald_ns"].append(node.now_ns - began_ns)
        except EprError:
            found["herald_ns"].append(None)
            half = Qubit(node)
            if fallback == "mixed" and node.rng.randrange(2):
                half.X()
        await node.sleep_ns(began_ns + period_ns - node.now_ns)
        outcome = half.measure(basis=BASES[number % len(BASES)])
        await node.flush()
        found["outcomes"].append(int(outcome))
        found["delivered_ns"].append(node.now_ns - began_ns)
    return found


ROLES = {"alice": alice, "bob": bob}


def metrics(results: dict[str, dict[str, Any]]) -> dict[str, float]:
    """Means over the deliveries of a shot: the fidelity, and the share with a pair in time."""
    alice, bob = results["alice"], results["bob"]
    values = [
        1.0 if (a == b) != (BASES[number % len(BASES)] == "Y") else -0.5
        for number, (a, b) in enumerate(zip(alice["outcomes"], bob["outcomes"], strict=True))
    ]
    heralded = [herald_ns is not None for herald_ns in alice["herald_ns"]]
    return {"fidelity": sum(values) / len(values), "success": sum(heralded) / len(heralded)}
