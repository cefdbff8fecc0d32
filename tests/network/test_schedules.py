"""Whole runs on network schedules: packets come as often as the controller promised, applications keep to
their bins, and admission control keeps those who are in from those who are not."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

import qnos
from cnpu import Node
from qnos.controller import compute_schedule
from qnos.demands import Demand
from qnos.loading import load_network, with_values
from qnos.workload import Arrival, Entry, Workload, load_workload
from qnos.workload_results import WorkloadResult
from qruntime.errors import ConfigError
from tests.network.wiring import wired

MS = 1_000_000
PERIOD_NS = 2 * MS


async def asks(node: Node, pairs: int = 2) -> dict[str, Any]:
    """Pairs to measure at once; returns when it had the last."""
    node.epr("answers").create_measure(pairs)
    await node.flush()
    return {"at_ns": node.now_ns}


async def answers(node: Node, pairs: int = 2) -> dict[str, Any]:
    node.epr("asks").recv_measure(pairs)
    await node.flush()
    return {}


PACKET = {"asks": asks, "answers": answers}


def two_nodes(p: float = 0.05) -> Any:
    network = load_network(wired(("alice", "bob", 0.9)))
    return with_values(network, {"links.*.success_probability": p, "nodes.*.device.measure_ns": 0})


@pytest.mark.parametrize(("pairs", "p_packet"), [(1, 0.5), (2, 0.8), (5, 0.9)])
def test_packet_comes_in_its_bin_with_the_probability_asked_for(pairs: int, p_packet: float) -> None:
    """N = 400 packets, seed 3, 4 sigma; the last slot may add up to one attempt's probability."""
    network = two_nodes()
    wanted = Demand(
        name="packet", apps=[], nodes=["alice", "bob"], pairs=pairs, period_ns=PERIOD_NS, p_packet=p_packet
    )
    found = compute_schedule([wanted], network)
    packet_ns = found.decisions[0].packet_ns
    result = qnos.run(
        PACKET,
        with_values(network, {"schedule": found.schedule}),
        shots=400,
        seed=3,
        inputs={"asks": {"pairs": pairs}, "answers": {"pairs": pairs}},
    )
    assert not result.errors_total
    at_ns = [int(value) for value in result.results["asks"]["at_ns"]]
    assert all((at - 1) % PERIOD_NS < packet_ns for at in at_ns), "no pair is made outside of a bin"
    share = sum(at <= packet_ns for at in at_ns) / len(at_ns)
    sigma = math.sqrt(p_packet * (1 - p_packet) / len(at_ns))
    assert p_packet - 4 * sigma < share < p_packet + 0.05 + 4 * sigma


def workload(copies: int, admission: bool, app: Any = PACKET) -> Workload:
    entry = Entry(
        app=app,
        name="packet",
        count=copies,
        arrival=Arrival(every_ns=4 * MS, instances=50),
        demand={"pairs": 2, "p_packet": 0.95},
        deadline_ns=4 * MS,
    )
    return Workload("crowd", (entry, Entry(app="ping")), "computed", admission)


def crowded(copies: int, admission: bool) -> WorkloadResult:
    result = qnos.run(workload(copies, admission), two_nodes(), seed=1, shots=1)
    assert isinstance(result, WorkloadResult)
    assert not result.errors_total
    return result


def test_admission_control_refuses_what_it_cannot_serve_and_serves_the_rest() -> None:
    result = crowded(6, True)
    app = result.apps["packet"]
    assert list(app.not_admitted) == [4, 5]
    assert all("link alice-bob would be in use 1.1" in reason for reason in app.not_admitted.values())
    assert app.started == app.finished == 200
    assert sorted(set(app.copy)) == [0, 1, 2, 3]
    assert result.to_json_dict()["apps"]["packet"]["not_admitted"].keys() == {"4", "5"}
    assert result.calibration["schedule"]["name"] == "computed-crowd"
    assert result.apps["ping"].finished == 1


def test_without_admission_control_everybody_is_let_in_and_late() -> None:
    alone, crowd = crowded(4, True).apps["packet"], crowded(6, False).apps["packet"]
    assert not crowd.not_admitted
    assert crowd.started == 300
    assert crowd.deadline_misses / crowd.started > 2 * alone.deadline_misses / alone.started


def test_results_are_the_same_with_processes() -> None:
    both = [
        qnos.run(workload(1, True, "bell_pair"), two_nodes(), shots=1, trace=True, processes=processes)
        for processes in (False, True)
    ]
    assert both[0].trace_sha256 == both[1].trace_sha256 is not None


def test_session_that_is_shorter_than_the_schedule_has_one_of_its_own_length() -> None:
    entry = {"app": "bell_pair", "count": 2, "repetitions": None}
    demand = {"rate_per_s": 100, "p_packet": 0.5}
    for period_ns in (3_000_001, 3_000_000):
        apps = [{**entry, "demand": demand}, {**entry, "name": "b", "demand": {"period_ns": period_ns}}]
        said = load_workload({"name": "odd", "apps": apps, "schedule": "computed"})
        result = qnos.run(said, two_nodes(0.2), until_ns=20 * MS)
        schedule = result.calibration["schedule"]
        assert schedule["period_ns"] == (20 * MS if period_ns == 3_000_001 else 15 * MS)
        assert not result.errors_total


def test_theory_of_a_qubit_that_waits_for_attempts_keeps_silent_on_a_schedule() -> None:
    schedule = {"bin_ns": 300_000, "period_ns": 2 * MS, "bins": [{"nodes": ["alice", "bob"]}]}
    on_demand, in_bins = (
        qnos.run("teleport", "two_generic", shots=2, values=values) for values in ({}, {"schedule": schedule})
    )
    assert on_demand.metrics["fidelity"].expected is not None
    assert in_bins.metrics["fidelity"].expected is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"demand": {"pairs": 0}}, "w: bell_pair[0]: demand.pairs is 0; allowed: "),
        ({"demand": {"name": "x", "period_ns": 5}}, "demand.name is that of the application"),
        ({"demand": {}}, "no application says its demand"),
        ({"demand": {"pairs": 1}}, "demand says both period_ns and rate_per_s, or neither"),
        ({"app": "ghz", "demand": {"period_ns": 5}}, "demand.nodes is missing; ghz has 3 roles"),
    ],
)
def test_demand_that_cannot_be_read_is_told(changes: dict[str, Any], message: str) -> None:
    data = {"name": "w", "apps": [{"app": "bell_pair", **changes}], "schedule": "computed"}
    with pytest.raises(ConfigError) as caught:
        qnos.run(load_workload(data), "three_generic")
    assert message in str(caught.value)


def test_workload_file_may_name_a_schedule_beside_it(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text("bin_ns: 20_000\nbins: [{nodes: [alice, bob]}]\n")
    (tmp_path / "w.yaml").write_text("apps: [{app: bell_pair}]\nschedule: s.yaml\n")
    result = qnos.run(load_workload(tmp_path / "w.yaml"), two_nodes(), shots=1)
    assert result.calibration["schedule"]["name"] == "s"
    assert load_workload(result.workload).schedule == str(tmp_path / "s.yaml")
