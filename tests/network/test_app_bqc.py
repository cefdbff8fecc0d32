"""Blind computation: right results, traps that notice noise, and a server that learns nothing."""

from __future__ import annotations

import cmath
import math
from typing import Any

import pytest

import qnos
from qnos.results import RunResult
from qnos.testing import assert_within
from qruntime.errors import ConfigError

HALF_PI = math.pi / 2
ONLY_COMPUTE: dict[str, Any] = {"trap_probability": 0.0}
ONLY_TRAPS: dict[str, Any] = {"trap_probability": 1.0}


def run(
    network: str, shots: int, seed: int, values: dict[str, Any] | None = None, **inputs: Any
) -> RunResult:
    """A run without failures; `inputs` are the client's."""
    result = qnos.run("bqc", network, shots=shots, seed=seed, values=values, inputs={"client": inputs})
    assert not result.errors
    return result


def test_perfect_network_computes_right_and_fails_no_trap() -> None:
    result = run("perfect", 200, 1)
    success, trap = result.metrics["success"], result.metrics["trap_failure"]
    assert success.mean == success.expected == 1
    assert trap.mean == trap.expected == 0
    assert success.n + trap.n == 200 and min(success.n, trap.n) > 60, "both kinds of round come up"


@pytest.mark.parametrize(("alpha", "beta"), [(HALF_PI, -HALF_PI), (-HALF_PI, HALF_PI)])
def test_opposite_angles_give_the_other_result(alpha: float, beta: float) -> None:
    assert run("perfect", 60, 2, alpha=alpha, beta=beta, **ONLY_COMPUTE).metrics["success"].mean == 0


def test_angles_of_any_size_give_the_closed_form() -> None:
    """N = 900, seed 3, 4 sigma: (1 + sin .7 sin 1.1)/2."""
    success = run("perfect", 900, 3, alpha=0.7, beta=1.1, **ONLY_COMPUTE).metrics["success"]
    assert success.expected == pytest.approx(0.78706577)
    assert_within(success)


@pytest.mark.parametrize("random_bell_state", [False, True])
def test_werner_link_spoils_results_and_the_traps_notice(random_bell_state: bool) -> None:
    """N = 1000, seed 4, 4 sigma: (1 + w^2)/2 and (1 - w^2)/2 with w = 0.7333.

    The traps measure the very noise that spoils the results.
    """
    values = {"links.0.fidelity": 0.8, "links.0.random_bell_state": random_bell_state}
    result = run("two_generic_werner", 1000, 4, values)
    success, trap = result.metrics["success"], result.metrics["trap_failure"]
    assert success.expected == pytest.approx(0.76888889)
    assert trap.expected == pytest.approx(1 - 0.76888889)
    assert_within(success)
    assert_within(trap)


@pytest.mark.parametrize("inputs", [ONLY_COMPUTE, ONLY_TRAPS])
def test_server_sees_uniform_angles_and_outcomes_in_every_kind_of_round(inputs: dict[str, Any]) -> None:
    """N = 600, seed 5, 4 sigma: harmonics of both angles, alone, joined with the outcomes and with each
    other, vanish as they do for uniform angles."""
    seen = run("perfect", 600, 5, **inputs).results["server"]
    n = len(seen["m1"])
    bound = 4 * math.sqrt(1 / (2 * n))  # real and imaginary parts have variance 1/2 each
    rounds = list(zip(seen["delta1"], seen["delta2"], seen["m1"], seen["m2"], strict=True))
    for first, second in [(1, 0), (2, 0), (0, 1), (0, 2), (1, 1), (1, -1), (2, 1), (1, 2)]:
        for signs in [(0, 0), (1, 0), (0, 1), (1, 1)]:
            mean = (
                sum(
                    cmath.exp(1j * (first * delta1 + second * delta2))
                    * (-1) ** (signs[0] * m1 + signs[1] * m2)
                    for delta1, delta2, m1, m2 in rounds
                )
                / n
            )
            assert abs(mean.real) < bound and abs(mean.imag) < bound, (first, second, signs)
    for outcomes in (seen["m1"], seen["m2"]):
        assert abs(sum(outcomes) / n - 0.5) < 4 * math.sqrt(1 / (4 * n))


def test_angles_stay_on_the_grid_that_hides_them() -> None:
    seen = run("perfect", 50, 6).results["server"]
    for delta in seen["delta1"] + seen["delta2"]:
        sixteenths = delta / (math.pi / 16)
        assert abs(sixteenths - round(sixteenths)) < 1e-9


def test_same_seed_gives_same_results() -> None:
    one, two, other = (run("two_generic", 30, seed).results for seed in (7, 7, 8))
    assert one == two != other


def test_bad_inputs_are_refused_with_what_is_allowed() -> None:
    result = qnos.run("bqc", "perfect", shots=1, inputs={"client": {"trap_probability": 1.5}})
    client = next(error for error in result.errors if error.role == "client")
    assert "trap_probability is 1.5; allowed: 0 to 1" in client.message
    with pytest.raises(ConfigError, match="input alpha of role client is 'a'; allowed: finite float"):
        qnos.run("bqc", "perfect", inputs={"client": {"alpha": "a"}})
