"""Networks in which only what is asked for disturbs: everything else is perfect and takes no time."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from qnos.config import NetworkConfig
from qnos.loading import load_network

CYCLE_NS = 1000.0

PERFECT = {
    "kind": "generic",
    "num_qubits": 8,
    "t1_ns": 0,
    "t2_ns": 0,
    "two_qubit_gate_depolarise": 0,
    "init_ns": 0,
    "single_qubit_gate_ns": 0,
    "two_qubit_gate_ns": 0,
    "measure_ns": 0,
}


def line(
    names: Sequence[str],
    fidelities: Sequence[float] = (),
    devices: Mapping[str, Mapping[str, Any]] | None = None,
    link: Mapping[str, Any] | None = None,
    latency_ns: int = 0,
) -> NetworkConfig:
    """Nodes `names` in a line, a Werner link of its own fidelity between each and the next.

    `devices` has what differs from a perfect device by node, or for all under "*", `link` what differs in
    all links from success at the first attempt, `latency_ns` is that of messages between programs.
    """
    differs = devices or {}
    pairs = zip(itertools.pairwise(names), fidelities, strict=False)
    return load_network(
        {
            "name": "validation",
            "os": {"preset": "ideal", "latency": {"cnpu_cnpu_ns": latency_ns}},
            "nodes": [
                {"name": name, "device": {**PERFECT, **differs.get("*", {}), **differs.get(name, {})}}
                for name in names
            ],
            "links": [
                {
                    "nodes": list(ends),
                    "kind": "depolarise",
                    "fidelity": fidelity,
                    "success_probability": 1,
                    "cycle_ns": CYCLE_NS,
                    **(link or {}),
                }
                for ends, fidelity in pairs
            ],
        }
    )
