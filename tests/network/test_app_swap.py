"""Entanglement swapping at application level: what the repeater leaves to the two ends."""

from __future__ import annotations

import pytest

import qnos
from qnos.testing import assert_within
from qruntime.errors import ConfigError
from tests.network.wiring import wired


def test_perfect_links_swap_into_a_perfect_pair_for_every_bell_outcome() -> None:
    network = wired(("alice", "bob", 1.0), ("bob", "charlie", 1.0))
    result = qnos.run("swap", network, shots=250, seed=1)
    assert not result.errors
    assert result.metrics["fidelity"].mean == result.metrics["fidelity"].expected == 1
    bob, basis = result.results["bob"], result.results["alice"]["basis"]
    assert len(set(zip(bob["m1"], bob["m2"], basis, strict=True))) == 12, "each outcome met each basis"


def test_werner_pairs_swap_into_a_werner_pair_of_the_product_of_their_parameters() -> None:
    """N = 1500, seed 2, 4 sigma: F1 F2 + (1-F1)(1-F2)/3 at 0.9 and 0.8, and each basis errs with (1-w)/2."""
    network = wired(("alice", "bob", 0.9), ("bob", "charlie", 0.8))
    result = qnos.run("swap", network, shots=1500, seed=2)
    metric = result.metrics["fidelity"]
    assert metric.expected == pytest.approx(0.72666667)
    assert_within(metric)

    error = (1 - (2.6 / 3) * (2.2 / 3)) / 2
    alice, charlie = result.results["alice"], result.results["charlie"]
    shots = list(zip(alice["basis"], alice["outcome"], charlie["outcome"], strict=True))
    for basis in "XYZ":
        wrong = [(a == c) == (basis == "Y") for measured, a, c in shots if measured == basis]
        n = len(wrong)
        assert n > 400
        assert abs(sum(wrong) / n - error) < 4 * (error * (1 - error) / n) ** 0.5, basis


def test_noise_of_gates_and_memories_costs_fidelity_and_has_no_closed_form_here() -> None:
    """N = 800, seed 4, 4 sigma: a CNOT of p = 0.2 depolarises both halves of Bob, w = w1 w2 (1-p)^2.

    Memories of 1 s hardly matter.
    """
    values = {"nodes.*.device.two_qubit_gate_depolarise": 0.2}
    metric = qnos.run("swap", "line3", shots=800, seed=4, values=values).metrics["fidelity"]
    assert metric.expected is None
    assert_within(metric, (1 + 3 * (2.8 / 3) ** 2 * 0.8**2) / 4)


def test_same_seed_gives_same_results() -> None:
    one, two, other = (qnos.run("swap", "line3", shots=30, seed=seed).results for seed in (5, 5, 6))
    assert one == two != other


def test_two_nodes_are_too_few() -> None:
    with pytest.raises(ConfigError, match=r"swap has 3 roles .* only 2 nodes"):
        qnos.run("swap", "perfect")


def test_repeater_without_a_link_is_told_which() -> None:
    placement = {"alice": "bob", "bob": "alice", "charlie": "charlie"}
    result = qnos.run("swap", "line3", shots=1, placement=placement)
    repeater = next(error for error in result.errors if error.role == "bob")
    assert "no entanglement link from alice to charlie" in repeater.message
