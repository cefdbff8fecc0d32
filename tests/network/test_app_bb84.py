"""BB84 by remote state preparation: sifting, error rates and keys."""

from __future__ import annotations

import math
from typing import Any

import pytest

import qnos
from qnos.testing import assert_within
from qruntime.errors import ConfigError

WERNER = "two_generic_werner"


def test_perfect_pairs_give_equal_keys() -> None:
    result = qnos.run("bb84", "perfect", shots=60, seed=1)
    alice, bob = result.results["alice"], result.results["bob"]
    assert alice["key"] == bob["key"]
    assert result.metrics["qber"].mean == result.metrics["key_error"].mean == 0
    assert result.metrics["qber"].expected == 0


def test_every_sifted_bit_is_either_revealed_or_key() -> None:
    alice = qnos.run("bb84", WERNER, shots=60, seed=2, inputs={"alice": {"rounds": 9}}).results["alice"]
    for sifted, sample, key in zip(alice["sifted"], alice["sample"], alice["key"], strict=True):
        assert sample == sifted // 2
        assert len(key) == sifted - sample
    assert len(set(alice["sifted"])) > 2


def test_half_of_the_rounds_are_sifted_and_the_key_is_fair() -> None:
    """N = 300 shots of 16 rounds, seed 3, 4 sigma."""
    result = qnos.run("bb84", "perfect", shots=300, seed=3)
    sifted = sum(result.results["alice"]["sifted"])
    assert abs(sifted - 2400) < 4 * math.sqrt(4800 / 4)
    key = [bit for key in result.results["alice"]["key"] for bit in key]
    assert abs(sum(key) - len(key) / 2) < 4 * math.sqrt(len(key)) / 2


@pytest.mark.parametrize("random_bell_state", [False, True])
def test_werner_pairs_err_at_the_rate_of_theory(random_bell_state: bool) -> None:
    """N = 300 shots of 16 rounds, seed 4, 4 sigma: 2 (1 - F)/3 for F = 0.8, in the sample and in the key."""
    values = {"links.*.fidelity": 0.8, "links.*.random_bell_state": random_bell_state}
    metrics = qnos.run("bb84", WERNER, shots=300, seed=4, values=values).metrics
    assert metrics["qber"].expected == pytest.approx(0.13333333)
    for metric in metrics.values():
        assert_within(metric)


def test_readout_errors_add_to_those_of_the_link() -> None:
    """N = 300 shots of 16 rounds, seed 5, 4 sigma: [1 - (s^2 w + d^2)]/2, F = 0.8, e0 = 0.05, e1 = 0.005."""
    values = {
        "links.*.fidelity": 0.8,
        "nodes.*.device.readout_error_0": 0.05,
        "nodes.*.device.readout_error_1": 0.005,
    }
    metrics = qnos.run("bb84", WERNER, shots=300, seed=5, values=values).metrics
    assert metrics["qber"].expected is None
    assert_within(metrics["qber"], 0.171545)
    assert_within(metrics["key_error"], 0.171545)


def test_state_measured_on_its_way_is_seen_in_a_quarter_of_the_rounds() -> None:
    """N = 300 shots of 16 rounds, seed 6, 4 sigma: losing all coherence is what a listener who measures Z
    does; the rounds in Z do not feel it, those in X become random."""
    values = {"nodes.bob.device.t2_ns": 1, "os.qnpu.gate_ns": 1000, "links.*.fidelity": 1}
    metrics = qnos.run("bb84", WERNER, shots=300, seed=6, values=values).metrics
    assert_within(metrics["qber"], 0.25)


def test_single_round_has_no_sample() -> None:
    result = qnos.run("bb84", "perfect", shots=40, seed=7, inputs={"alice": {"rounds": 1}})
    assert not result.errors
    assert result.metrics["qber"].n == 0
    assert 0 < result.metrics["key_error"].n < 40
    assert result.metrics["key_error"].mean == 0


def test_one_qubit_at_bob_serves_all_rounds() -> None:
    values = {"nodes.*.device.num_qubits": 1}
    result = qnos.run("bb84", "perfect", shots=3, inputs={"alice": {"rounds": 200}}, values=values)
    assert not result.errors
    assert result.results["alice"]["key"] == result.results["bob"]["key"]


def test_same_seed_gives_same_results() -> None:
    one, two, other = (qnos.run("bb84", "two_generic", shots=10, seed=seed).results for seed in (8, 8, 9))
    assert one == two != other


def test_rounds_below_one_are_refused_at_the_program() -> None:
    result = qnos.run("bb84", "perfect", shots=1, inputs={"alice": {"rounds": 0}})
    assert "rounds is 0; allowed: 1 or more" in result.errors[0].message


@pytest.mark.parametrize("inputs", [{"alice": {"rounds": 2.5}}, {"bob": {"rounds": 16}}])
def test_other_inputs_are_refused_before_the_run(inputs: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="input"):
        qnos.run("bb84", "perfect", shots=1, inputs=inputs)
