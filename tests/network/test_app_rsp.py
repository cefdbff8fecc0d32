"""Remote state preparation on the equator of the Bloch sphere."""

from __future__ import annotations

import math

import pytest

import qnos
from qnos.testing import assert_within
from qruntime.errors import ConfigError

WERNER = "two_generic_werner"


@pytest.mark.parametrize("k", [0, 1, 5, 8, 16, 23, 31, -3, 1000])
def test_perfect_pair_prepares_every_direction_exactly(k: int) -> None:
    result = qnos.run("rsp", "perfect", shots=40, seed=1, inputs={"alice": {"k": k}})
    assert result.metrics["fidelity"].mean == result.metrics["fidelity"].expected == 1
    assert set(result.results["alice"]["outcome"]) == {0, 1}, "with and without correction"


@pytest.mark.parametrize("side", ["receiver", "creator"])
def test_whichever_bell_state_is_heralded_the_state_is_the_same(side: str) -> None:
    """Alice's half is gone when the correction is made, so Bob makes it, whoever else may be set to."""
    values = {
        "links.*.fidelity": 1, "links.*.random_bell_state": True, "os.qnpu.correcting_side": side
    }  # fmt: skip
    metric = qnos.run("rsp", WERNER, shots=100, seed=2, values=values).metrics["fidelity"]
    assert metric.mean == metric.expected == 1


@pytest.mark.parametrize("k", [0, 5, 12])
def test_werner_pair_prepares_every_direction_equally_well(k: int) -> None:
    """N = 1200, seed 3, 4 sigma: (2F + 1)/3 with F = 0.9."""
    metric = qnos.run("rsp", WERNER, shots=1200, seed=3, inputs={"alice": {"k": k}}).metrics["fidelity"]
    assert metric.expected == pytest.approx(2.8 / 3)
    assert_within(metric)


def test_outcome_of_alice_is_a_fair_coin() -> None:
    """N = 1000, seed 4, 4 sigma."""
    outcomes = qnos.run("rsp", WERNER, shots=1000, seed=4).results["alice"]["outcome"]
    assert abs(sum(outcomes) - 500) < 4 * math.sqrt(250)


def test_waiting_for_the_bit_and_noisy_gates_cost_what_theory_says() -> None:
    """N = 2000, seed 5, 4 sigma: (1 + w c (1-p)^n)/2, n = 2 gates at Bob, or 3 with the correction.

    His qubit waits for two rotations and a measurement at Alice and for the message, c = exp(-t/T2).
    """
    values = {
        "links.*.fidelity": 0.8,
        "os.latency.cnpu_cnpu_ns": 488_000,
        "nodes.bob.device.t2_ns": 1_000_000,
        "nodes.bob.device.single_qubit_gate_depolarise": 0.05,
    }
    metric = qnos.run("rsp", WERNER, shots=2000, seed=5, values=values).metrics["fidelity"]
    w, c, kept = 2.2 / 3, math.exp(-0.5), 0.95
    assert metric.expected is None
    assert_within(metric, (1 + w * c * (kept**2 + kept**3) / 2) / 2)


def test_same_seed_gives_same_results() -> None:
    one, two, other = (qnos.run("rsp", "two_generic", shots=40, seed=seed).results for seed in (6, 6, 7))
    assert one == two != other


def test_direction_must_be_a_whole_number_of_sixteenths() -> None:
    with pytest.raises(ConfigError, match=r"input k of role alice is 0\.5; allowed: int"):
        qnos.run("rsp", "perfect", shots=1, inputs={"alice": {"k": 0.5}})
