"""E91: Bell's test and the key from the same pairs."""

from __future__ import annotations

import math

import pytest

import qnos
from qnos.results import RunResult
from qnos.testing import assert_within
from qruntime.errors import ConfigError

WERNER = "two_generic_werner"


@pytest.fixture(scope="module")
def perfect() -> RunResult:
    """N = 300 shots of 9 rounds, seed 1, on a network without noise."""
    return qnos.run("e91", "perfect", shots=300, seed=1)


def test_perfect_pairs_violate_bells_inequality_and_give_equal_keys(perfect: RunResult) -> None:
    """4 sigma."""
    metrics = perfect.metrics
    assert metrics["S"].expected == pytest.approx(2 * math.sqrt(2))
    assert_within(metrics["S"])
    assert metrics["S"].mean - 4 * metrics["S"].stderr > 2
    assert metrics["qber"].mean == metrics["qber"].expected == 0
    assert perfect.results["alice"]["key"] == perfect.results["bob"]["key"]


def test_two_ninths_of_the_rounds_are_key_and_four_test_bells_inequality(perfect: RunResult) -> None:
    """4 sigma."""
    assert perfect.metrics["sifted"].expected == 2 / 9
    assert_within(perfect.metrics["sifted"])
    tested = sum(len(products) for products in perfect.results["alice"]["products"])
    assert abs(tested - 1200) < 4 * math.sqrt(2700 * 20 / 81)


@pytest.mark.parametrize("random_bell_state", [False, True])
def test_werner_pairs_lower_s_and_raise_the_error_rate(random_bell_state: bool) -> None:
    """N = 300 shots of 9 rounds, seed 2, 4 sigma: F = 0.8."""
    values = {"links.*.fidelity": 0.8, "links.*.random_bell_state": random_bell_state}
    metrics = qnos.run("e91", WERNER, shots=300, seed=2, values=values).metrics
    assert metrics["S"].expected == pytest.approx(2.07417989)
    assert metrics["qber"].expected == pytest.approx(0.13333333)
    assert_within(metrics["S"])
    assert_within(metrics["qber"])


def test_dephasing_breaks_bells_test_by_half() -> None:
    """N = 300 shots of 9 rounds, seed 4, 4 sigma: without coherence E(a, b) = cos a cos b, which makes S
    sqrt(2) and the key wrong in (1 - 1/2)/2 of the rounds at 45 and half of those at 90 degrees."""
    values = {"nodes.*.device.t2_ns": 1, "os.qnpu.gate_ns": 1000, "links.*.fidelity": 1}
    metrics = qnos.run("e91", WERNER, shots=300, seed=4, values=values).metrics
    assert metrics["S"].expected is None
    assert_within(metrics["S"], math.sqrt(2))
    assert_within(metrics["qber"], (0.25 + 0.5) / 2)


def test_single_round_is_test_or_key_or_neither() -> None:
    result = qnos.run("e91", "perfect", shots=60, seed=5, inputs={"alice": {"rounds": 1}})
    metrics = result.metrics
    assert not result.errors
    assert metrics["S"].n > 0 and metrics["qber"].n > 0
    assert metrics["S"].n + metrics["qber"].n < 60


def test_more_rounds_than_registers_hold_outcomes_for() -> None:
    result = qnos.run("e91", "perfect", shots=2, seed=6, inputs={"alice": {"rounds": 60}})
    assert not result.errors
    assert result.results["alice"]["key"] == result.results["bob"]["key"]
    assert all(len(key) > 3 for key in result.results["bob"]["key"])


def test_same_seed_gives_same_results() -> None:
    one, two, other = (qnos.run("e91", "two_generic", shots=10, seed=seed).results for seed in (7, 7, 8))
    assert one == two != other


def test_rounds_below_one_are_refused_at_the_program() -> None:
    result = qnos.run("e91", "perfect", shots=1, inputs={"alice": {"rounds": -1}})
    assert "rounds is -1; allowed: 1 or more" in result.errors[0].message


def test_rounds_are_stated_at_alice() -> None:
    with pytest.raises(ConfigError, match="role bob has no input 'rounds'; its inputs are: none"):
        qnos.run("e91", "perfect", shots=1, inputs={"bob": {"rounds": 3}})
