"""Delegated quantum computation with one qubit at the server, as in the first demonstration of QNodeOS.

Client and server share a pair. The client measures its half in the equatorial basis of its secret angle
theta, which leaves the server with Rz(theta + m pi)|+>, and sends delta = alpha - theta + (m + r) pi, where r
is a secret bit. The server turns by delta, and then by pi/2 about Y: it holds Ry(pi/2) Rz(alpha + r pi)|+>,
the state that the client wanted, without having learned alpha, theta or r. The half of the server waits until
delta is known; that is what the network and both operating systems cost it.

Each shot measures the state along one axis. With n the Bloch vector wanted and s the sign found along axis
b, (1 + 3 n_b s)/2 is an estimate whose mean over shots is the fidelity. A Werner pair of parameter w, halves
that keep coherences c_client and c_server until they are measured, and nothing else give
1/2 + (w/2) c_client c_server.

See Delle Donne et al., Nature 639, 321 (2025)."""

from __future__ import annotations

import math
from typing import Any

from cnpu import Node

AXES = "XYZ"


async def client(node: Node, alpha: float = math.pi / 4, theta: float = math.pi / 2) -> dict[str, Any]:
    """Delegates the rotation by `alpha`, hidden behind `theta` (radians); returns what it hid."""
    r = node.rng.randrange(2)
    (half,) = node.epr("server").create_keep()
    half.rot_Z(angle=theta)
    half.rot_Y(angle=math.pi / 2)
    half.rot_X(angle=math.pi)
    outcome = half.measure()
    await node.flush()
    delta = (alpha - theta + (int(outcome) + r) * math.pi) % (2 * math.pi)
    node.socket("server").send(delta)
    return {"phi": alpha + r * math.pi}


async def server(node: Node, wait_ns: int = 0) -> dict[str, Any]:
    """Does what it is told, `wait_ns` after it was told, and measures along a random axis."""
    axis = node.rng.choice(AXES)
    (half,) = node.epr("client").recv_keep()
    await node.flush()
    delta = await node.socket("client").recv()
    await node.sleep_ns(wait_ns)
    half.rot_Z(angle=delta)
    half.rot_Y(angle=math.pi / 2)
    outcome = half.measure(basis=axis)
    await node.flush()
    return {"axis": axis, "outcome": int(outcome)}


ROLES = {"client": client, "server": server}
RANGES = {"fidelity": (-1, 2)}  # of one shot


def metrics(results: dict[str, Any]) -> dict[str, Any]:
    """The estimate of the fidelity from one shot."""
    phi, axis = results["client"]["phi"], results["server"]["axis"]
    wanted = {"X": 0.0, "Y": math.sin(phi), "Z": -math.cos(phi)}[axis]
    sign = 1 - 2 * results["server"]["outcome"]
    return {"fidelity": (1 + 3 * wanted * sign) / 2}


def expected(facts: Any, inputs: dict[str, Any]) -> dict[str, float] | None:
    """1/2 + w/2 for a Werner (or perfect) link between noiseless devices; None for others."""
    fidelity = facts.werner_fidelity("client", "server")
    if fidelity is None or not facts.all_noiseless():
        return None
    return {"fidelity": 0.5 + (4 * fidelity - 1) / 6}
