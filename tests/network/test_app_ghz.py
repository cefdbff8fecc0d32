"""GHZ states over networks of any shape."""

from __future__ import annotations

import math
from typing import Any

import pytest

import qnos
from apps.ghz import children_of, tree
from qnos.testing import assert_within
from qruntime.errors import ConfigError
from tests.network.wiring import wired

LINE = ("a b", "b c", "c d")
STAR = ("hub a", "hub b", "hub c", "hub d")
BRANCHED = ("a b", "b c", "b d", "d e", "e f")
RING = ("a b", "b c", "c d", "d a")


def network(links: tuple[str, ...], fidelity: float, **more: Any) -> dict[str, Any]:
    return wired(*((*link.split(), fidelity) for link in links), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("links", [("a b",), LINE, STAR, BRANCHED, RING])
def test_perfect_links_give_a_perfect_state_whatever_their_shape(links: tuple[str, ...]) -> None:
    result = qnos.run("ghz", network(links, 1.0), shots=80, seed=1)
    assert not result.errors
    assert result.metrics["fidelity"].mean == result.metrics["fidelity"].expected == 1
    assert min(result.metrics["agreement"].n, result.metrics["parity"].n) > 20


def test_line_of_nine_nodes() -> None:
    chain = tuple(f"n{i} n{i + 1}" for i in range(8))
    result = qnos.run("ghz", network(chain, 1.0), shots=30, seed=2)
    assert not result.errors
    assert result.metrics["fidelity"].mean == 1


def test_single_outcomes_are_random() -> None:
    """N = 400, seed 3, 4 sigma: no party alone sees anything."""
    results = qnos.run("ghz", network(LINE, 1.0), shots=400, seed=3).results
    for party in results.values():
        assert abs(sum(party["outcome"]) / 400 - 0.5) < 4 * math.sqrt(1 / (4 * 400))


@pytest.mark.parametrize("links", [LINE, ("hub a", "hub b", "hub c"), RING])
def test_werner_links_cost_the_same_in_every_tree(links: tuple[str, ...]) -> None:
    """N = 600, seed 4, 4 sigma: three pairs of F = 0.9, w = 0.8667."""
    metrics = qnos.run("ghz", network(links, 0.9), shots=600, seed=4).metrics
    w = 2.6 / 3
    assert metrics["agreement"].expected == pytest.approx(((1 + w) / 2) ** 3)
    assert metrics["parity"].expected == pytest.approx(w**3)
    assert metrics["fidelity"].expected == pytest.approx((((1 + w) / 2) ** 3 + w**3) / 2)
    for metric in metrics.values():
        assert_within(metric)


def test_two_nodes_share_their_pair_unchanged() -> None:
    """N = 1000, seed 5, 4 sigma."""
    metric = qnos.run("ghz", "two_generic_werner", shots=1000, seed=5).metrics["fidelity"]
    assert metric.expected == pytest.approx(0.9)
    assert_within(metric)


def test_links_of_different_fidelity_multiply() -> None:
    """N = 600, seed 6, 4 sigma."""
    wires = wired(("a", "b", 0.95), ("b", "c", 0.7))
    metrics = qnos.run("ghz", wires, shots=600, seed=6).metrics
    first, second = 2.8 / 3, 1.8 / 3
    assert metrics["parity"].expected == pytest.approx(first * second)
    assert metrics["agreement"].expected == pytest.approx((1 + first) * (1 + second) / 4)
    for metric in metrics.values():
        assert_within(metric)


def test_shipped_noisy_networks_run_without_a_closed_form() -> None:
    for name in ("line3", "star6", "complete4"):
        result = qnos.run("ghz", name, shots=20, seed=7)
        assert not result.errors
        assert result.metrics["fidelity"].expected is None


def test_tree_is_found_breadth_first_from_the_first_party() -> None:
    links = {"a": ["b", "c"], "b": ["a", "c", "d"], "c": ["a", "b"], "d": ["b"], "e": []}
    parents = tree(links)
    assert parents == {"b": "a", "c": "a", "d": "b"}, "e is out of reach"
    assert children_of("a", parents) == ["b", "c"] and children_of("c", parents) == []


def test_same_seed_gives_same_results() -> None:
    one, two, other = (qnos.run("ghz", "star6", shots=10, seed=seed).results for seed in (8, 8, 9))
    assert one == two != other


def test_network_in_two_parts_is_refused_by_name() -> None:
    result = qnos.run("ghz", network(("a b", "c d"), 1.0), shots=1)
    root = next(error for error in result.errors if error.role == "party1")
    assert "no chain of links from party1 to party3, party4" in root.message
    assert {error.code for error in result.errors if error is not root} == {"PEER_FAILED"}


def test_one_node_is_too_few() -> None:
    alone = {"os": "ideal", "nodes": [{"name": "alone", "device": {"kind": "generic"}}]}
    with pytest.raises(ConfigError, match="at least 2 nodes, the network has 1"):
        qnos.run("ghz", alone)
