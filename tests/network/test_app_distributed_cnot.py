"""The CNOT between two nodes: both truth tables, without and with a noisy link."""

from __future__ import annotations

import math

import pytest

import qnos
from qnos.testing import assert_within
from qruntime.errors import ConfigError


def test_perfect_network_gives_both_truth_tables_without_error() -> None:
    result = qnos.run("distributed_cnot", "perfect", shots=200, seed=1)
    assert not result.errors
    assert result.metrics["fidelity_z"].mean == result.metrics["fidelity_x"].mean == 1
    alice, bob = result.results["alice"], result.results["bob"]
    cases = set(zip(alice["basis"], alice["prepared"], bob["prepared"], strict=True))
    assert len(cases) == 8, "every line of both tables was tried"


@pytest.mark.parametrize("basis", ["Z", "X"])
def test_one_table_can_be_asked_for(basis: str) -> None:
    result = qnos.run("distributed_cnot", "perfect", shots=20, seed=1, inputs={"alice": {"basis": basis}})
    assert set(result.results["alice"]["basis"]) == {basis}
    other = {"Z": "fidelity_x", "X": "fidelity_z"}[basis]
    assert result.metrics[other].n == 0 and math.isnan(result.metrics[other].mean)


@pytest.mark.parametrize("random_bell_state", [False, True])
def test_werner_link_costs_both_tables_the_same(random_bell_state: bool) -> None:
    """N = 1000, seed 2, 4 sigma: (2F+1)/3 at F = 0.8, whichever Bell state was heralded."""
    values = {"links.0.fidelity": 0.8, "links.0.random_bell_state": random_bell_state}
    result = qnos.run("distributed_cnot", "two_generic_werner", shots=1000, seed=2, values=values)
    for metric in result.metrics.values():
        assert metric.expected == pytest.approx(0.86666667)
        assert_within(metric)


def test_no_closed_form_is_claimed_for_noisy_devices() -> None:
    result = qnos.run("distributed_cnot", "two_generic", shots=2, seed=3)
    assert all(metric.expected is None for metric in result.metrics.values())


def test_same_seed_gives_same_results() -> None:
    one, two, other = (
        qnos.run("distributed_cnot", "two_generic", shots=30, seed=seed).results for seed in (4, 4, 5)
    )
    assert one == two != other


def test_unknown_basis_is_refused_with_those_allowed() -> None:
    result = qnos.run("distributed_cnot", "perfect", shots=1, inputs={"alice": {"basis": "Y"}})
    alice, bob = result.errors
    assert alice.role == "alice" and "basis is 'Y'; allowed: Z, X, random" in alice.message
    assert bob.code == "PEER_FAILED"
    with pytest.raises(ConfigError, match="has no input 'base'; did you mean basis"):
        qnos.run("distributed_cnot", "perfect", inputs={"alice": {"base": "Z"}})
