"""Shipped applications on trapped ions: the ideal ones give what generic nodes give, noisy ones all run."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

import qnos
from cnpu import App, Node, shipped_apps
from qnos.testing import assert_within
from qruntime.errors import ConfigError

QUIET = {"t2_ns": 0, "rot_z_depolarise": 0, "all_ion_depolarise": 0, "ms_depolarise": 0}
THREE_NODES = ("swap",)
TWO_NODE_APPS = sorted(name for name in shipped_apps() if name not in THREE_NODES)
HARDWARE = {"generic": {"t1_ns": 0, "t2_ns": 0, "two_qubit_gate_depolarise": 0}, "ion": QUIET}


def noiseless(
    kind: str, nodes: tuple[str, ...] = ("alice", "bob"), links: list[Any] | None = None, **values: Any
) -> dict[str, Any]:
    """A network without any noise, of one kind of device."""
    device = {"kind": kind, "num_qubits": 5, **HARDWARE[kind], **values}
    return {
        "name": "noiseless",
        "os": "ideal",
        "nodes": [{"name": node, "device": device} for node in nodes],
        "links": links or [{"nodes": list(pair), "kind": "perfect"} for pair in pairwise(nodes)],
    }


@pytest.mark.parametrize("app", TWO_NODE_APPS)
def test_noiseless_ions_give_the_results_of_noiseless_generic_nodes(app: str) -> None:
    """Bit by bit: outcomes are drawn from the same streams, with the same probabilities. Seed 3."""
    generic, ion = (qnos.run(app, noiseless(kind), shots=30, seed=3) for kind in ("generic", "ion"))
    assert not ion.errors
    assert ion.results == generic.results


@pytest.mark.parametrize("app", TWO_NODE_APPS)
def test_every_two_node_application_runs_on_the_shipped_traps(app: str) -> None:
    result = qnos.run(app, "two_ion", shots=10, seed=4)
    assert not result.errors


@pytest.mark.parametrize("tick_ns", [0, 20_000])
def test_three_traps_in_a_row_swap(tick_ns: int) -> None:
    network = noiseless("ion", ("alice", "bob", "charlie"), num_qubits=3, tick_ns=tick_ns)
    swap = qnos.run("swap", network, shots=30, seed=5)
    assert not swap.errors
    assert swap.metrics["fidelity"].mean == 1
    ghz = qnos.run("ghz", network, shots=30, seed=5)
    assert not ghz.errors
    assert all(metric.mean == 1 for metric in ghz.metrics.values())


def test_pairs_of_any_bell_state_are_corrected_beside_other_ions() -> None:
    link = {"kind": "depolarise", "fidelity": 1, "success_probability": 0.5, "cycle_ns": 10_000}
    links = [{"nodes": ["alice", "bob"], "random_bell_state": True, **link}]
    network = noiseless("ion", links=links, tick_ns=20_000)
    for app in ("teleport", "magic_square", "distributed_cnot", "rsp"):
        result = qnos.run(app, network, shots=40, seed=6)
        assert not result.errors
        assert all(metric.mean == 1 for metric in result.metrics.values()), app


def test_werner_pairs_teleport_as_on_any_device() -> None:
    """N = 1200, seed 7, 4 sigma: (2F + 1)/3 with F = 0.8."""
    link = {"kind": "depolarise", "fidelity": 0.8, "success_probability": 0.5, "cycle_ns": 10_000}
    network = noiseless("ion", links=[{"nodes": ["alice", "bob"], **link}])
    assert_within(qnos.run("teleport", network, shots=1200, seed=7).metrics["fidelity"], 2.6 / 3)


def test_dephasing_of_a_trap_is_drawn_anew_in_each_shot_and_can_be_repeated() -> None:
    values = {"nodes.*.device.dephasing": "collective", "nodes.*.device.t2_ns": 2e6}
    whole = qnos.run("teleport", "two_ion", shots=12, seed=8, values=values)
    alone = qnos.run("teleport", "two_ion", seed=8, shot=7, values=values)
    assert not whole.errors
    assert [whole.results["bob"][key][7] for key in whole.results["bob"]] == [
        alone.results["bob"][key][0] for key in alone.results["bob"]
    ]


AGREE = """
set Q0 0
qalloc Q0
set Q1 3
qalloc Q1
init_all
bichromatic 1 1
array 4 @0
meas_all R0 @0
ret_reg R0
ret_arr @0
"""


async def alice(node: Node) -> dict[str, Any]:
    registers, arrays = await node.run_subroutine(AGREE)
    return {"count": registers["R0"], "first": arrays[0][0], "second": arrays[0][3], "rest": arrays[0][1:3]}


def test_program_in_the_flavour_of_the_trap_runs_as_it_is() -> None:
    app = App("agree", {"alice": alice}, flavour="trapped_ion")
    found = qnos.run(app, noiseless("ion"), shots=40, seed=9).results["alice"]
    assert found["first"] == found["second"]
    assert set(found["first"]) == {0, 1}
    assert set(found["count"]) == {2}
    assert found["rest"][0] == [None, None]


def test_program_in_the_flavour_of_a_trap_is_refused_elsewhere() -> None:
    app = App("agree", {"alice": alice}, flavour="trapped_ion")
    (error,) = qnos.run(app, noiseless("generic"), shots=1, seed=9).errors
    assert "flavour 'trapped_ion' does not run on this device" in error.message


def test_flavour_that_there_is_not_is_refused_at_once() -> None:
    with pytest.raises(ConfigError, match="FLAVOUR is 'strawberry'; allowed: vanilla"):
        App("agree", {"alice": alice}, flavour="strawberry")
