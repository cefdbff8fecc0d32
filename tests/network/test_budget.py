"""The error budget finds the source of noise that there is, and says what it costs."""

from __future__ import annotations

import json
import math
from types import ModuleType
from typing import Any

import pytest
from click.testing import CliRunner

from cnpu import Qubit
from qnos.budget import Budget, budget
from qnos.cli import main
from qnos.config import NetworkConfig
from qnos.loading import with_values
from qnos.noise import sources
from qruntime.errors import ConfigError

SHOTS = 1000
SIGMA = 4

SILENT = {
    "os": "ideal",
    "nodes.*.device": {
        "kind": "generic",
        "t1_ns": 0,
        "t2_ns": 0,
        "two_qubit_gate_depolarise": 0,
        "init_ns": 0,
        "single_qubit_gate_ns": 0,
        "measure_ns": 0,
    },
    "links.*.fidelity": 1.0,
}


def only(**noise: float) -> NetworkConfig:
    """Two nodes with no other noise than this."""
    paths = {name: f"links.*.{name}" if name == "fidelity" else f"nodes.*.device.{name}" for name in noise}
    quiet = with_values("two_generic", SILENT)
    return with_values(quiet, {paths[name]: value for name, value in noise.items()})


async def alice(node: Any, idle_ns: int = 0) -> dict[str, Any]:
    qubit = Qubit(node)
    qubit.H()
    await node.flush()
    await node.sleep_ns(idle_ns)
    qubit.H()
    bit = qubit.measure()
    half = node.epr("bob").create_keep()[0].measure()
    await node.flush()
    return {"bit": bit, "half": half}


async def bob(node: Any) -> dict[str, Any]:
    half = node.epr("alice").recv_keep()[0].measure()
    await node.flush()
    return {"half": half}


def metrics(results: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {
        "zero": results["alice"]["bit"] == 0,
        "success_of_pair": results["alice"]["half"] == results["bob"]["half"],
    }


APP = ModuleType("noisy")
APP.__dict__.update(ROLES={"alice": alice, "bob": bob}, metrics=metrics, __file__=__file__)
IDLE = {"alice": {"idle_ns": 1_000_000}}


def costs(network: NetworkConfig, metric: str) -> Budget:
    return budget(APP, network, metric=metric, shots=SHOTS, seed=11, inputs=IDLE)


# One qubit is prepared in |+>, idle for 1 ms and measured in X; both ends of a Werner pair are measured in Z.
CASES = [
    ("t2_ns", 2e6, "zero", (1 - math.exp(-0.5)) / 2),
    ("depolarise_ns", 2e6, "zero", (1 - math.exp(-0.5)) / 2),
    ("t1_ns", 1e6, "zero", (1 - math.exp(-0.5)) / 2),
    ("readout_error_0", 0.1, "zero", 0.1),
    ("init_depolarise", 0.2, "zero", 0.1),
    ("single_qubit_gate_depolarise", 0.1, "zero", (1 - 0.9**2) / 2),
    ("fidelity", 0.8, "success_of_pair", 2 * 0.2 / 3),
]


@pytest.mark.parametrize(("name", "value", "metric", "expected"), CASES)
def test_the_one_source_is_named_and_costs_what_theory_says(
    name: str, value: float, metric: str, expected: float
) -> None:
    # N = 1000, seed 11, 4 sigma of the paired differences
    found = costs(only(**{name: value}), metric)
    assert [cost.name for cost in found.costs] == [name]
    (cost,) = found.costs
    assert cost.where == ("alice-bob" if name == "fidelity" else "generic")
    assert abs(cost.difference.mean - expected) < SIGMA * cost.difference.stderr
    assert cost.without.mean == 1
    assert cost.difference.n == SHOTS
    assert found.everything.difference == cost.difference
    assert found.failures == {"actual": 0, "everything": 0, f"{cost.where} {name}": 0}


def test_sources_are_sorted_by_cost_and_one_leaves_the_draws_of_others_alone() -> None:
    network = only(readout_error_0=0.05, fidelity=0.8, t2_ns=1e9)
    found = costs(network, "success_of_pair")
    assert found.costs[0].name == "fidelity"
    sizes = [abs(cost.difference.mean) for cost in found.costs]
    assert sizes == sorted(sizes, reverse=True)
    dephasing = next(cost for cost in found.costs if cost.name == "t2_ns")
    assert dephasing.difference.mean == 0 == dephasing.difference.stderr  # no shot came out differently
    readout = next(cost for cost in found.costs if cost.name == "readout_error_0")
    apart = math.hypot(found.actual.stderr, readout.without.stderr)
    assert readout.difference.stderr < 0.7 * apart  # of the same runs with other seeds


def test_network_without_noise_has_no_costs() -> None:
    found = budget(APP, only(), shots=5, inputs=IDLE)
    assert found.costs == [] and found.everything.difference.mean == 0
    assert found.metric == "success_of_pair"  # what begins with success comes first


def test_unknown_metric_is_refused() -> None:
    with pytest.raises(ConfigError, match="has no metric 'speed'; allowed: zero, success_of_pair"):
        budget(APP, only(), metric="speed", shots=2)
    with pytest.raises(ConfigError, match="no shot has a metric"):
        budget({"alice": _fails}, "two_generic", shots=2)


async def _fails(node: Any) -> dict[str, Any]:
    raise ValueError("broken")


@pytest.mark.parametrize("name", ["two_generic", "two_nv", "two_ion", "three_mixed", "qnodeos_nv", "star6"])
def test_nothing_is_left_when_every_source_is_off(name: str) -> None:
    network = with_values(name, {})
    known = sources(network)
    assert known
    off = {path: value for source in known for path, value in source.off.items()}
    assert sources(with_values(network, off)) == []
    for source in known:
        left = [(other.where, other.name) for other in sources(with_values(network, source.off))]
        assert left == [(other.where, other.name) for other in known if other is not source]


def test_sources_of_single_carbons_count_with_those_of_all() -> None:
    device = {
        "kind": "nv",
        "num_qubits": 3,
        "carbon_t2_ns": 0,
        "carbons": [{"t2_ns": 1e7}, {"coupling_hz": 3e4, "attempt_dephasing": 0.01}],
        "electron_reset_time_ns": 100,
        "ionised_probability": 0.1,
    }
    network = with_values("two_generic", {"nodes.alice.device": device})
    found = {source.name: source for source in sources(network) if source.where == "nv"}
    at = "nodes.alice.device.carbons"
    assert found["carbon_t2_ns"].off == {f"{at}.0.t2_ns": math.inf}
    assert found["carbon_coupling_hz"].off == {f"{at}.1.coupling_hz": 0.0}
    assert found["carbon_attempt_dephasing"].off == {f"{at}.1.attempt_dephasing": 0.0}
    assert "ionised_probability" in found and "ionised_reads_one" not in found
    harmless = with_values(network, {"nodes.alice.device.electron_reset_time_ns": 0})
    assert "carbon_coupling_hz" not in {source.name for source in sources(harmless)}


def test_command_prints_a_table_and_json() -> None:
    args = ["explain", "bell_pair", "--budget", "--shots", "20", "--seed", "2"]
    table = CliRunner().invoke(main, args)
    assert table.exit_code == 0
    assert "alice-bob fidelity" in table.stdout and "need not add up" in table.stdout
    data = json.loads(CliRunner().invoke(main, [*args, "--metric", "error_x", "--json"]).stdout)
    assert data["metric"] == "error_x"
    assert {cost["name"] for cost in data["costs"]} >= {"t2_ns", "fidelity"}
    quiet = CliRunner().invoke(main, ["explain", "bell_pair", "--budget", "-n", "perfect", "-k", "2"])
    assert "There is no noise." in quiet.stdout
