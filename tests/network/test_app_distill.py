"""DEJMPS: how often two pairs become one, and how good that is."""

from __future__ import annotations

import math

import pytest

import qnos
from qnos.testing import assert_within
from qruntime.errors import ConfigError


def test_perfect_pairs_always_succeed_and_stay_perfect() -> None:
    result = qnos.run("distill", "perfect", shots=200, seed=1)
    assert not result.errors
    assert result.metrics["success"].mean == result.metrics["fidelity"].mean == 1
    assert set(result.results["alice"]["basis"]) == {"X", "Y", "Z"}


@pytest.mark.parametrize(
    ("fidelity", "success", "distilled"),
    [(0.9, 0.87555556, 0.92639594), (0.8, 0.76888889, 0.83815029), (0.5, 0.55555556, 0.5)],
)
def test_werner_pairs_follow_the_published_recurrence(
    fidelity: float, success: float, distilled: float
) -> None:
    """N = 1000, seed 2, 4 sigma.

    A fidelity of 1/2 is the fixed point: nothing is gained.
    """
    values = {"links.0.fidelity": fidelity}
    metrics = qnos.run("distill", "two_generic_werner", shots=1000, seed=2, values=values).metrics
    assert metrics["success"].expected == pytest.approx(success)
    assert metrics["fidelity"].expected == pytest.approx(distilled)
    assert_within(metrics["success"])
    assert_within(metrics["fidelity"])


def test_phase_flips_are_found_out_thanks_to_the_rotations() -> None:
    """N = 400, seed 6, 4 sigma: perfect pairs 100 ms apart; the first is dephased when the second comes.

    Its fidelity is (1+c)/2 with c = exp(-2 * 100 ms/T2). Comparing it with a perfect pair fails if it was
    flipped, and leaves a perfect one otherwise, but for the 0.1 ms that the gates take.
    """
    values = {"links.0.delay_ns": 1e8, "nodes.*.device.t2_ns": 2e8}
    result = qnos.run("distill", "perfect", shots=400, seed=6, values=values)
    assert not result.errors
    assert result.metrics["fidelity"].expected is None
    assert_within(result.metrics["success"], (1 + math.exp(-1)) / 2)
    assert result.metrics["fidelity"].mean > 0.98


def test_both_ends_know_whether_it_worked() -> None:
    results = qnos.run("distill", "two_generic", shots=100, seed=3).results
    assert results["alice"]["success"] == results["bob"]["success"]
    assert {True, False} == set(results["alice"]["success"])
    for end in results.values():
        measured = [outcome is not None for outcome in end["outcome"]]
        assert measured == end["success"], "a pair that failed is thrown away unmeasured"


def test_same_seed_gives_same_results() -> None:
    one, two, other = (qnos.run("distill", "two_generic", shots=30, seed=seed).results for seed in (4, 4, 5))
    assert one == two != other


def test_device_with_one_qubit_cannot_hold_two_pairs() -> None:
    result = qnos.run("distill", "perfect", shots=1, values={"nodes.alice.device.num_qubits": 1})
    error = next(error for error in result.errors if error.role == "alice")
    assert error.code == "EPR" and "NORES" in error.message


def test_inputs_it_does_not_have_are_refused() -> None:
    with pytest.raises(ConfigError, match="role alice has no input 'rounds'"):
        qnos.run("distill", "perfect", inputs={"alice": {"rounds": 2}})
