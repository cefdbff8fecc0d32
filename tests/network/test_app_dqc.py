"""Delegated computation: the server's state is the one that the client wanted, whatever hides it."""

from __future__ import annotations

import math

import pytest

import qnos
from qnos.testing import assert_within


@pytest.mark.parametrize(("alpha", "theta"), [(0.0, 0.0), (math.pi / 4, 3.0), (2.5, 1.1), (-1.0, 6.0)])
def test_without_noise_every_outcome_is_as_likely_as_the_state_says(alpha: float, theta: float) -> None:
    """N = 1200, seed 1, 4 sigma; along an axis of the Bloch sphere there is no doubt at all."""
    inputs = {"client": {"alpha": alpha, "theta": theta}}
    result = qnos.run("dqc", "perfect", shots=1200, seed=1, inputs=inputs)
    assert_within(result.metrics["fidelity"], 1.0)
    for phi, axis, outcome in zip(
        result.results["client"]["phi"],
        result.results["server"]["axis"],
        result.results["server"]["outcome"],
        strict=True,
    ):
        along = {"X": 0.0, "Y": math.sin(phi), "Z": -math.cos(phi)}[axis]
        if abs(along) > 1 - 1e-12:
            assert outcome == int(along < 0)


@pytest.mark.parametrize("fidelity", [0.25, 0.8])
def test_a_werner_pair_gives_half_plus_half_its_parameter(fidelity: float) -> None:
    """N = 4000, seed 2, 4 sigma."""
    values = {"links.*.fidelity": fidelity, "links.*.random_bell_state": True}
    metric = qnos.run("dqc", "two_generic_werner", shots=4000, seed=2, values=values).metrics["fidelity"]
    assert metric.expected == pytest.approx(0.5 + (4 * fidelity - 1) / 6)
    assert_within(metric, metric.expected)


def test_what_the_server_is_told_says_nothing() -> None:
    """N = 2000, seed 3: delta is alpha - theta or the opposite, equally often, for any alpha."""
    phis = qnos.run("dqc", "perfect", shots=2000, seed=3).results["client"]["phi"]
    flipped = sum(phi > 2 for phi in phis)
    assert abs(flipped - 1000) < 4 * math.sqrt(500)
