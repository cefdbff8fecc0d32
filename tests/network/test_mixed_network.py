"""Two technologies in one network: what was written for none of them runs unchanged on all."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

import qnos
from cnpu import load_app
from qnos.loading import load_network
from qnos.testing import assert_within

NODES = ("alice", "bob", "charlie")
NV = {
    "kind": "nv", "num_qubits": 4, "electron_t1_ns": 0, "electron_t2_ns": 0, "electron_init_depolarise": 0,
    "readout_error_0": 0, "readout_error_1": 0, "carbon_t1_ns": 0, "carbon_t2_ns": 0,
    "carbon_init_depolarise": 0, "carbon_rot_xy_depolarise": 0, "carbon_rot_z_depolarise": 0,
    "electron_carbon_depolarise": 0,
}  # fmt: skip
ION = {
    name: 0 if name.endswith(("_depolarise", "t1_ns", "t2_ns")) or name.startswith("readout_error") else value
    for name, value in load_network("three_mixed").to_dict()["nodes"][2]["device"].items()
}


def noiseless() -> dict[str, Any]:
    """The shipped network with everything perfect, and links that herald any Bell state."""
    link = {"kind": "depolarise", "fidelity": 1, "success_probability": 0.1, "cycle_ns": 10_000}
    return {
        "os": "qnodeos",
        "nodes": [
            {"name": name, "device": device} for name, device in zip(NODES, (NV, NV, ION), strict=True)
        ],
        "links": [
            {"nodes": list(pair), **link, "random_bell_state": True}
            for pair in (("alice", "bob"), ("alice", "charlie"), ("bob", "charlie"))
        ],
    }


def test_three_parties_of_two_technologies_share_a_ghz_state() -> None:
    """N = 60, seed 1: without noise every shot is right."""
    result = qnos.run("ghz", noiseless(), shots=60, seed=1)
    assert not result.errors
    assert result.placement == {"party1": "alice", "party2": "bob", "party3": "charlie"}
    assert result.metrics["agreement"].mean == result.metrics["parity"].mean == 1


@pytest.mark.parametrize("nodes", [*permutations(NODES, 3)])
def test_entanglement_is_swapped_whoever_is_in_the_middle(nodes: tuple[str, ...]) -> None:
    """N = 25, seed 2."""
    placement = dict(zip(("alice", "bob", "charlie"), nodes, strict=True))
    result = qnos.run("swap", noiseless(), shots=25, seed=2, placement=placement)
    assert not result.errors
    assert result.metrics["fidelity"].mean == 1


@pytest.mark.parametrize("nodes", [*permutations(NODES, 2)])
@pytest.mark.parametrize("app", ["teleport", "bqc", "distributed_cnot", "dqc"])
def test_application_of_two_nodes_runs_between_any_two(app: str, nodes: tuple[str, str]) -> None:
    """N = 20, seed 3."""
    roles = load_app(app).roles(3)
    result = qnos.run(app, noiseless(), shots=20, seed=3, placement=dict(zip(roles, nodes, strict=True)))
    assert not result.errors
    exact = {"teleport": "fidelity", "bqc": "success", "distributed_cnot": "fidelity_z"}
    if app in exact:
        assert result.metrics[exact[app]].mean == 1
    else:
        assert_within(result.metrics["fidelity"], 1.0)


@pytest.mark.parametrize("app", ["ghz", "swap"])
def test_application_runs_on_the_shipped_network(app: str) -> None:
    """N = 100, seed 4: noise spoils something, not all."""
    result = qnos.run(app, "three_mixed", shots=100, seed=4)
    assert not result.errors
    metric = result.metrics["fidelity"]
    assert metric.mean + 4 * metric.stderr > 0.25
    assert metric.mean - 4 * metric.stderr < 1
