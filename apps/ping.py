"""Ping: how long a classical message takes to Bob's program and back. No qubits.

Alice sends how many pings are left and Bob returns the number, until none are. Her clock tells the
round-trip time

    t = 2 latency + 2 after_message,

the latency of the channel between the two CNPUs each way, and what each CNPU computes when its program
takes a message (the OS costs `latency.cnpu_cnpu_ns` and `cnpu.after_message_ns` of the network file). Any
protocol that answers a measurement with a correction pays half of it while its qubits wait.
"""

from __future__ import annotations

from typing import Any

from cnpu import Node


async def alice(node: Node, count: int = 3) -> dict[str, Any]:
    """Send `count` pings (1 or more), each after the answer to the one before."""
    if count < 1:
        raise ValueError(f"count is {count}; allowed: 1 or more")
    bob = node.socket("bob")
    round_trips_ns = []
    for left in reversed(range(count)):
        sent_ns = node.now_ns
        bob.send(left)
        await bob.recv()
        round_trips_ns.append(node.now_ns - sent_ns)
    return {"round_trips_ns": round_trips_ns}


async def bob(node: Node) -> dict[str, Any]:
    """Return every ping."""
    alice = node.socket("alice")
    left = 1
    while left:
        left = await alice.recv()
        alice.send(left)
    return {}


ROLES = {"alice": alice, "bob": bob}


def metrics(results: dict[str, dict[str, Any]]) -> dict[str, float]:
    """The mean round-trip time of the shot."""
    round_trips_ns = results["alice"]["round_trips_ns"]
    return {"round_trip_ns": sum(round_trips_ns) / len(round_trips_ns)}


def expected(facts: Any, inputs: dict[str, dict[str, Any]]) -> dict[str, float] | None:
    """The round-trip time from the configured latencies and costs.

    None with jitter, which makes it random, and with a limited number of cores, for which programs may queue.
    """
    if facts.network.testing.jitter_ns or facts.os.cnpu.cores is not None:
        return None
    alice, bob = facts.placement["alice"], facts.placement["bob"]
    latency_ns = 0 if alice == bob else facts.network.cnpu_latency_ns(alice, bob)
    return {"round_trip_ns": 2 * latency_ns + 2 * facts.os.cnpu.after_message_ns}
