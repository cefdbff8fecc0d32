"""D: the shortest path of declared least latencies, where the world passes on nothing but heralds."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from qnos.assembly import channels, world_names
from qnos.loading import load_network
from qruntime.lookahead import NEVER, distances

ACTORS = ("a/cnpu", "a/qnpu", "b/cnpu", "b/qnpu", "world")
LOCAL_NS, CLASSICAL_NS, LINK_NS, ATTEMPT_NS = 100, 700, 300, 50
CHANNELS = {
    ("a/cnpu", "a/qnpu"): LOCAL_NS,
    ("a/qnpu", "a/cnpu"): LOCAL_NS,
    ("b/cnpu", "b/qnpu"): LOCAL_NS,
    ("b/qnpu", "b/cnpu"): LOCAL_NS,
    ("a/cnpu", "b/cnpu"): CLASSICAL_NS,
    ("a/qnpu", "b/qnpu"): LINK_NS,
    ("a/qnpu", "world"): 0,
    ("world", "a/qnpu"): 0,
    ("b/qnpu", "world"): 0,
    ("world", "b/qnpu"): 0,
}


def test_world_passes_on_heralds_only() -> None:
    without = distances(ACTORS, CHANNELS, ["world"], {})
    assert without["a/qnpu", "b/qnpu"] == LINK_NS  # not 0 by way of the world
    assert without["b/qnpu", "a/qnpu"] == NEVER
    heralds = {("a/qnpu", "b/qnpu"): ATTEMPT_NS, ("b/qnpu", "a/qnpu"): ATTEMPT_NS}
    d = distances(ACTORS, CHANNELS, ["world"], heralds)
    assert d["a/qnpu", "b/qnpu"] == ATTEMPT_NS
    assert d["a/cnpu", "b/cnpu"] == LOCAL_NS + ATTEMPT_NS + LOCAL_NS  # sooner than the message itself
    assert d["b/cnpu", "a/cnpu"] == LOCAL_NS + ATTEMPT_NS + LOCAL_NS


def test_world_itself_is_reached_and_reaches_at_once() -> None:
    d = distances(ACTORS, CHANNELS, ["world"], {})
    assert d["a/qnpu", "world"] == d["world", "b/qnpu"] == 0
    assert d["a/cnpu", "world"] == LOCAL_NS
    assert d["world", "b/cnpu"] == LOCAL_NS


def test_actor_reaches_itself_at_once_and_an_unrelated_one_never() -> None:
    d = distances(["a", "b", "c"], {("a", "b"): 5}, [], {})
    assert [d[x, x] for x in "abc"] == [0, 0, 0]
    assert d["a", "b"] == 5
    assert d["b", "a"] == d["a", "c"] == d["c", "b"] == NEVER


names = st.sampled_from("abcdw")
edges = st.dictionaries(st.tuples(names, names), st.integers(0, 9), max_size=12)


@given(edges, st.dictionaries(st.tuples(st.sampled_from("abcd"), st.sampled_from("abcd")), st.integers(0, 9)))
@settings(max_examples=150, deadline=None)
def test_distances_are_the_least_over_all_paths(
    ways: dict[tuple[str, str], int], heralds: dict[tuple[str, str], int]
) -> None:
    d = distances("abcdw", ways, "w", heralds)
    for src, dst in itertools.product("abcdw", repeat=2):
        shortest = 0 if src == dst else NEVER
        between = [name for name in "abcd" if name not in (src, dst)]
        for length in range(len(between) + 1):
            for via in itertools.permutations(between, length):
                path = [src, *via, dst]
                steps = [
                    min(ways.get(step, NEVER), heralds.get(step, NEVER)) for step in itertools.pairwise(path)
                ]
                if all(ns < NEVER for ns in steps):
                    shortest = min(shortest, sum(steps))
        assert d[src, dst] == shortest


def test_distances_of_a_shipped_network_are_no_longer_than_its_channels() -> None:
    network = load_network("two_generic")
    ways = channels(network)
    actors = [f"{node}/{unit}" for node in network.node_names for unit in ("cnpu", "qnpu")]
    worlds = list(dict.fromkeys(world_names(network)))
    d = distances([*actors, *worlds], ways, worlds, {})
    assert all(d[way] <= ns for way, ns in ways.items())
    assert all(d[a, b] > 0 for a in actors for b in actors if a != b)
