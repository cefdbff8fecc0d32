"""Bell pairs: the correlations of delivered pairs in three bases."""

from __future__ import annotations

import math
from typing import Any

import pytest

import qnos
from qnos.testing import assert_within
from qruntime.errors import ConfigError

WERNER = "two_generic_werner"


def test_perfect_pairs_have_no_error_in_any_basis() -> None:
    metrics = qnos.run("bell_pair", "perfect", shots=150, seed=1).metrics
    assert {name: metric.mean for name, metric in metrics.items()} == {
        "fidelity": 1, "error_x": 0, "error_y": 0, "error_z": 0,
    }  # fmt: skip
    assert all(metric.mean == metric.expected for metric in metrics.values())


def test_outcomes_of_each_end_are_fair_coins() -> None:
    """N = 600, seed 2, 4 sigma: half a pair alone is completely mixed, in every basis."""
    results = qnos.run("bell_pair", "perfect", shots=600, seed=2).results
    for role in ("alice", "bob"):
        for basis in "XYZ":
            assert abs(sum(results[role][basis]) - 300) < 4 * math.sqrt(150), (role, basis)


def test_werner_pairs_err_equally_in_every_basis() -> None:
    """N = 800, seed 3, 4 sigma: each basis errs with 2 (1 - F)/3, here F = 0.9."""
    metrics = qnos.run("bell_pair", WERNER, shots=800, seed=3).metrics
    assert metrics["fidelity"].expected == 0.9
    assert metrics["error_y"].expected == pytest.approx(0.2 / 3)
    for metric in metrics.values():
        assert_within(metric)


def test_completely_mixed_pairs_have_fidelity_a_quarter() -> None:
    """N = 800, seed 4, 4 sigma."""
    metrics = qnos.run("bell_pair", WERNER, shots=800, seed=4, values={"links.*.fidelity": 0.25}).metrics
    for name, metric in metrics.items():
        assert_within(metric, 0.25 if name == "fidelity" else 0.5)


@pytest.mark.parametrize("side", ["receiver", "creator"])
def test_whichever_bell_state_is_heralded_phi_plus_is_delivered(side: str) -> None:
    values = {
        "links.*.fidelity": 1, "links.*.random_bell_state": True, "os.qnpu.correcting_side": side
    }  # fmt: skip
    metrics = qnos.run("bell_pair", WERNER, shots=100, seed=5, values=values).metrics
    assert metrics["fidelity"].mean == metrics["fidelity"].expected == 1


def test_bell_state_that_nobody_corrects_stays() -> None:
    """N = 1000, seed 6, 4 sigma: over the four Bell states every basis is right half of the time."""
    values = {
        "links.*.fidelity": 1, "links.*.random_bell_state": True, "os.qnpu.correcting_side": "none"
    }  # fmt: skip
    metrics = qnos.run("bell_pair", WERNER, shots=1000, seed=6, values=values).metrics
    assert metrics["fidelity"].expected is None
    for name in ("error_x", "error_y", "error_z"):
        assert_within(metrics[name], 0.5)


def test_link_that_heralds_two_bell_states_gives_each_in_half_of_the_shots() -> None:
    """N = 1000, seed 6, 4 sigma: Psi+ and Psi- are both wrong in Z, and right in X and in Y in turn."""
    values = {"links.*.fidelity": 1, "links.*.bell_states": [1, 2], "os.qnpu.correcting_side": "none"}
    metrics = qnos.run("bell_pair", WERNER, shots=1000, seed=6, values=values).metrics
    assert metrics["error_z"].mean == 1
    for name in ("error_x", "error_y"):
        assert_within(metrics[name], 0.5)
    values["os.qnpu.correcting_side"] = "receiver"
    assert qnos.run("bell_pair", WERNER, shots=100, seed=6, values=values).metrics["fidelity"].mean == 1


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"links.*.bell_states": [1, 4]}, "bell_states.1. is 4"),
        ({"links.*.bell_states": []}, "bell_states is "),
        ({"links.*.bell_states": [1], "links.*.random_bell_state": True}, "and bell_states says which"),
    ],
)
def test_bell_states_that_there_are_not_are_refused(values: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        qnos.run("bell_pair", WERNER, shots=1, values=values)


def test_readout_errors_add_to_those_of_the_link() -> None:
    """N = 800, seed 7, 4 sigma: e = [1 - (s^2 w + d^2)]/2 with s = 1 - e0 - e1, d = e1 - e0; w turns its sign
    in Y. F = 0.8, e0 = 0.05, e1 = 0.005 at both ends."""
    values = {
        "links.*.fidelity": 0.8,
        "nodes.*.device.readout_error_0": 0.05,
        "nodes.*.device.readout_error_1": 0.005,
    }
    metrics = qnos.run("bell_pair", WERNER, shots=800, seed=7, values=values).metrics
    assert metrics["fidelity"].expected is None
    assert_within(metrics["error_x"], 0.171545)
    assert_within(metrics["error_z"], 0.171545)
    assert_within(metrics["error_y"], 0.171545 + 0.045**2)  # equal outcomes are the error there


def test_noisy_devices_have_no_closed_form_here() -> None:
    metrics = qnos.run("bell_pair", "two_generic", shots=5).metrics
    assert all(metric.expected is None and metric.n == 5 for metric in metrics.values())


def test_one_qubit_per_node_is_enough() -> None:
    result = qnos.run("bell_pair", "perfect", shots=20, values={"nodes.*.device.num_qubits": 1})
    assert not result.errors
    assert result.metrics["fidelity"].mean == 1


def test_same_seed_gives_same_results() -> None:
    one, two, other = (
        qnos.run("bell_pair", "two_generic", shots=20, seed=seed).results for seed in (8, 8, 9)
    )
    assert one == two != other


def test_it_has_no_inputs() -> None:
    with pytest.raises(ConfigError, match="role alice has no input 'basis'"):
        qnos.run("bell_pair", "perfect", shots=1, inputs={"alice": {"basis": "Z"}})
