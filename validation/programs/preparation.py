"""Remote state preparation with a second pair behind it, as in Fig. 14 of the NetQASM paper.

The client prepares a state at the server by measuring its half of pair A, and one more by measuring its half
of pair B. The server keeps both halves, in one subroutine, and then has its qubits looked at."""

from __future__ import annotations

from typing import Any

from cnpu import Node


async def client(node: Node, theta: float) -> dict[str, Any]:
    """Measures A in the equatorial basis of angle theta, B in Z."""
    outcomes = node.new_array(2)

    def measure(node: Node, half: Any, index: Any) -> None:
        with node.if_eq(index, 0):
            half.rot_Z(angle=theta)
            half.H()
        half.measure(future=outcomes[index])

    node.epr("server").create_keep(2, sequential=True, post_routine=measure)
    await node.flush()
    return {"p": int(outcomes[0]), "q": int(outcomes[1])}


async def server(node: Node) -> dict[str, Any]:
    """Keeps both halves: the OS moves the first out of the way of the second."""
    node.epr("client").recv_keep(2)
    node.insert_breakpoint()
    await node.flush()
    return {}


ROLES = {"client": client, "server": server}
