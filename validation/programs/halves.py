"""The quantum part of delegated computation alone: the client makes a pair and works on its half; the server
measures the other at once."""

from __future__ import annotations

from typing import Any

from cnpu import Node


async def client(node: Node) -> dict[str, Any]:
    """One pair, five gates, a measurement, in one subroutine."""
    (half,) = node.epr("server").create_keep()
    half.X()
    half.Y()
    half.Z()
    half.X()
    half.Y()
    outcome = half.measure()
    await node.flush()
    return {"outcome": int(outcome)}


async def server(node: Node) -> dict[str, Any]:
    """The other half."""
    (half,) = node.epr("client").recv_keep()
    outcome = half.measure()
    await node.flush()
    return {"outcome": int(outcome)}


ROLES = {"client": client, "server": server}
