"""Ping: the classical path between two programs costs what the network file says, to the nanosecond."""

from __future__ import annotations

from typing import Any

import pytest

import qnos
from qruntime.errors import ConfigError


def round_trips_ns(**options: Any) -> list[int]:
    """The distinct round-trip times of a run in which nothing failed."""
    result = qnos.run("ping", **options)
    assert not result.errors
    shots = result.results["alice"]["round_trips_ns"]
    return sorted({time_ns for shot in shots for time_ns in shot})


def test_free_network_answers_at_once() -> None:
    result = qnos.run("ping", "perfect", shots=2)
    assert result.metrics["round_trip_ns"].mean == result.metrics["round_trip_ns"].expected == 0


def test_round_trip_is_two_latencies_and_two_messages_taken() -> None:
    result = qnos.run("ping", "two_generic", shots=3)
    metric = result.metrics["round_trip_ns"]
    assert metric.mean == metric.expected == 2 * 320_000 + 2 * 1_320_000
    assert set(result.shot_sim_time_ns) == {3 * 3_280_000}, "one ping after the other, nothing else"


def test_every_ping_of_a_shot_takes_the_same_time() -> None:
    inputs = {"alice": {"count": 7}}
    assert round_trips_ns(network="two_generic", shots=2, inputs=inputs) == [3_280_000]


def test_channel_of_two_nodes_wins_over_the_latency_of_all() -> None:
    perfect = qnos.load_network("perfect").to_dict()
    channel = {"nodes": ["bob", "alice"], "cnpu_cnpu_ns": 1_234_567}
    values = {"os.latency.cnpu_cnpu_ns": 1000}
    network = {**perfect, "channels": [channel]}
    assert round_trips_ns(network=network, values=values, shots=1) == [2 * 1_234_567]
    assert round_trips_ns(network=perfect, values=values, shots=1) == [2000]


def test_message_waits_for_a_program_that_computes() -> None:
    values = {"os.cnpu.after_message_ns": 500_000, "os.latency.cnpu_cnpu_ns": 10}
    assert round_trips_ns(network="perfect", values=values, shots=1) == [2 * 500_010]


def test_programs_of_one_node_need_no_channel() -> None:
    placement = {"alice": "alice", "bob": "alice"}
    result = qnos.run("ping", "two_generic", shots=1, placement=placement)
    assert result.metrics["round_trip_ns"].mean == result.metrics["round_trip_ns"].expected == 2 * 1_320_000


def test_jitter_makes_messages_late_but_never_early_and_leaves_no_expectation() -> None:
    options: dict[str, Any] = {
        "network": "two_generic",
        "shots": 1,
        "seed": 1,
        "values": {"testing.jitter_ns": 50_000},
        "inputs": {"alice": {"count": 40}},
    }
    assert qnos.run("ping", **options).metrics["round_trip_ns"].expected is None
    times = round_trips_ns(**options)
    assert len(times) > 20
    assert 3_280_000 <= times[0] < times[-1] <= 3_280_000 + 2 * 50_000


def test_same_seed_gives_same_results() -> None:
    options: dict[str, Any] = {"network": "two_generic", "shots": 5, "values": {"testing.jitter_ns": 50_000}}
    one, two, other = (qnos.run("ping", seed=seed, **options).results for seed in (3, 3, 4))
    assert one == two != other


def test_count_below_one_is_refused_at_the_program() -> None:
    result = qnos.run("ping", "perfect", shots=1, inputs={"alice": {"count": 0}})
    by_role = {error.role: error.message for error in result.errors}
    assert "count is 0; allowed: 1 or more (ping.py line" in by_role["alice"]
    assert "the program of alice failed" in by_role["bob"]


@pytest.mark.parametrize(
    ("inputs", "reason"),
    [
        ({"alice": {"count": "many"}}, "input count of role alice is 'many'; allowed: int"),
        ({"alice": {"counts": 3}}, "role alice has no input 'counts'; did you mean count"),
        ({"bob": {"count": 3}}, "role bob has no input 'count'"),
        ({"carol": {}}, "ping has no role 'carol'; its roles are alice, bob"),
    ],
)
def test_inputs_that_are_none_are_refused_before_the_run(inputs: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        qnos.run("ping", "perfect", shots=1, inputs=inputs)
