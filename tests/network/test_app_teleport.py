"""Teleportation: exact without noise, and the fidelity of theory under the noise that theory covers."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import pytest

import qnos
from qnos.testing import assert_within
from qruntime.errors import ConfigError

WERNER = "two_generic_werner"
STATES = [(0.3, 1.1), (0.0, 0.0), (math.pi, 0.0), (math.pi / 2, math.pi / 2), (2.0, -2.5)]

GATES = {
    "nodes.*.device.init_depolarise": 0.05,
    "nodes.*.device.single_qubit_gate_depolarise": 0.02,
    "nodes.*.device.two_qubit_gate_depolarise": 0.05,
}
READOUT = {"nodes.*.device.readout_error_0": 0.08, "nodes.*.device.readout_error_1": 0.02}
MEMORY = {"nodes.*.device.t1_ns": 60_000_000, "nodes.*.device.t2_ns": 30_000_000}
FORGETFUL = {"nodes.*.device.depolarise_ns": 40_000_000}
UNLIKE = {
    "nodes.bob.device.t2_ns": 50_000_000,
    "nodes.bob.device.single_qubit_gate_ns": 20_000,
    "nodes.bob.device.single_qubit_gate_depolarise": 0.03,
    "nodes.alice.device.measure_ns": 500_000,
    "nodes.alice.device.readout_error_1": 0.1,
}
SLOW = {
    "nodes.*.device.t2_ns": 30_000_000,
    "nodes.*.device.two_qubit_gate_ns": 5_000_000,
    "nodes.*.device.single_qubit_gate_ns": 300_000,
    "nodes.*.device.measure_ns": 1_000_000,
}
FAR = {
    "os.latency.qnpu_qnpu_ns": 2_000_000,
    "os.latency.cnpu_cnpu_ns": 5_000_000,
    "os.qnpu.request_ns": 100_000,
}
RARE = {"links.*.success_probability": 0.01, "links.*.cycle_ns": 123_456.7}
NOISY: dict[str, tuple[str, dict[str, Any]]] = {
    "shipped network": ("two_generic", {}),
    "gates and readout, free OS": ("two_generic_werner", {**GATES, **READOUT}),
    "everything, OS of QNodeOS": ("two_generic", {**GATES, **READOUT, **MEMORY}),
    "far apart, attempts when both asked": (
        "two_generic",
        {**READOUT, **MEMORY, **FAR, "os.qnpu.epr_start": "both"},
    ),
    "nodes that differ": ("two_generic", {**GATES, **MEMORY, **UNLIKE}),
    "slow gates, slow link": ("two_generic", {**SLOW, **RARE}),
    "memories that depolarise": ("two_generic", {**SLOW, **RARE, **MEMORY, **FORGETFUL}),
}


def inputs(theta: float, phi: float) -> dict[str, dict[str, float]]:
    """What Alice prepares."""
    return {"alice": {"theta": theta, "phi": phi}}


@pytest.mark.parametrize(("theta", "phi"), STATES)
def test_perfect_network_teleports_every_state_exactly(theta: float, phi: float) -> None:
    result = qnos.run("teleport", "perfect", shots=60, seed=1, inputs=inputs(theta, phi))
    assert result.metrics["fidelity"].mean == 1
    assert result.metrics["fidelity"].expected == pytest.approx(1)
    alice = result.results["alice"]
    assert len(set(zip(alice["m1"], alice["m2"], strict=True))) == 4, "every correction was made"


def test_outcomes_of_alice_tell_nothing_of_the_state() -> None:
    """N = 1200, seed 2, 4 sigma: four pairs of bits, equally frequent."""
    alice = qnos.run("teleport", WERNER, shots=1200, seed=2, inputs=inputs(0.3, 0.0)).results["alice"]
    counts = Counter(zip(alice["m1"], alice["m2"], strict=True))
    assert all(abs(counts[a, b] - 300) < 4 * math.sqrt(225) for a in (0, 1) for b in (0, 1)), counts


@pytest.mark.parametrize(("theta", "phi"), STATES[:2])
def test_werner_pair_teleports_every_state_equally_well(theta: float, phi: float) -> None:
    """N = 1200, seed 3, 4 sigma: (2F + 1)/3 with F = 0.9."""
    metric = qnos.run("teleport", WERNER, shots=1200, seed=3, inputs=inputs(theta, phi)).metrics["fidelity"]
    assert metric.expected == pytest.approx(2.8 / 3)
    assert_within(metric)


def test_pair_of_any_bell_state_teleports_as_well() -> None:
    """N = 1200, seed 4, 4 sigma: (2F + 1)/3 with F = 0.8; `expected` leaves the corrections out."""
    values = {"links.*.random_bell_state": True, "links.*.fidelity": 0.8}
    metric = qnos.run("teleport", WERNER, shots=1200, seed=4, values=values).metrics["fidelity"]
    assert metric.expected is None
    assert_within(metric, 2.6 / 3)


def test_completely_mixed_pair_teleports_nothing() -> None:
    """N = 1200, seed 5, 4 sigma."""
    metric = qnos.run("teleport", WERNER, shots=1200, seed=5, values={"links.*.fidelity": 0.25}).metrics[
        "fidelity"
    ]
    assert metric.expected == pytest.approx(0.5)
    assert_within(metric)


@pytest.mark.parametrize("name", NOISY)
def test_noise_costs_the_fidelity_of_theory(name: str) -> None:
    """N = 1500, seed 6, 4 sigma: against the channels multiplied out along the timeline of both programs."""
    network, values = NOISY[name]
    result = qnos.run("teleport", network, shots=1500, seed=6, values=values, inputs=inputs(1.1, 0.7))
    assert not result.errors
    assert_within(result.metrics["fidelity"])


def test_theory_follows_the_placement() -> None:
    """N = 1200, seed 7, 4 sigma each: Alice and Bob on each other's node change theory and run together."""
    values = {"nodes.alice.device.t2_ns": 20_000_000, "nodes.bob.device.readout_error_0": 0.1}
    there, back = (
        qnos.run("teleport", "two_generic", shots=1200, seed=7, values=values, placement=placement).metrics[
            "fidelity"
        ]
        for placement in ({"alice": "alice", "bob": "bob"}, {"alice": "bob", "bob": "alice"})
    )
    assert there.expected is not None and back.expected is not None
    assert abs(there.expected - back.expected) > 0.02
    assert_within(there)
    assert_within(back)


def test_messages_that_come_late_at_random_have_no_closed_form() -> None:
    result = qnos.run("teleport", "two_generic", shots=5, values={"testing.jitter_ns": 1000})
    assert not result.errors
    assert result.metrics["fidelity"].expected is None


def test_same_seed_gives_same_results_and_any_shot_can_be_repeated_alone() -> None:
    one, two, other = (qnos.run("teleport", "two_generic", shots=40, seed=seed) for seed in (8, 8, 9))
    assert one.results == two.results != other.results
    again = qnos.run("teleport", "two_generic", seed=8, shot=17)
    assert again.results["alice"]["m1"] == [one.results["alice"]["m1"][17]]
    assert list(again.shot_sim_time_ns) == [one.shot_sim_time_ns[17]]


def test_one_qubit_at_alice_is_too_few() -> None:
    result = qnos.run("teleport", "perfect", shots=1, values={"nodes.alice.device.num_qubits": 1})
    by_role = {error.role: error for error in result.errors}
    assert by_role["alice"].code == "EPR"
    assert "NORES" in by_role["alice"].message
    assert "bob" in by_role, "the peer is told"


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"alice": {"theta": "up"}}, "input theta of role alice is 'up'; allowed: finite float"),
        ({"alice": {"theta": math.inf}}, "input theta of role alice is inf; allowed: finite float"),
        ({"alice": {"theata": 0.1}}, "no input 'theata'; did you mean theta"),
        ({"bob": {"theta": 0.1}}, "role bob has no input 'theta'"),
    ],
)
def test_bad_inputs_are_refused_before_the_run(given: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        qnos.run("teleport", "perfect", shots=1, inputs=given)
