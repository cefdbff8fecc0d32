"""Networks for tests of applications: noiseless nodes, so that results have closed forms in the links alone.

`wired(("a", "b", 0.9), ("b", "c", 0.8))` is the mapping that `qnos.run` takes as network: a Werner link of
that fidelity for each triple, nodes in the order in which they come up.
"""

from __future__ import annotations

from typing import Any

NOISELESS = {"t1_ns": 0, "t2_ns": 0, "two_qubit_gate_depolarise": 0}


def wired(
    *links: tuple[str, str, float], os: str = "ideal", qubits: int = 8, testing: dict[str, Any] | None = None
) -> dict[str, Any]:
    """A network of generic nodes without noise; `qubits` per node, `testing` as in a network file."""
    nodes = dict.fromkeys(node for a, b, _ in links for node in (a, b))
    device = {"kind": "generic", "num_qubits": qubits, **NOISELESS}
    return {
        "name": "wired",
        "os": os,
        "nodes": [{"name": node, "device": device} for node in nodes],
        "links": [
            {
                "nodes": [a, b],
                "kind": "depolarise",
                "fidelity": fidelity,
                "success_probability": 0.5,
                "cycle_ns": 10_000,
            }
            for a, b, fidelity in links
        ],
        "testing": testing or {},
    }
