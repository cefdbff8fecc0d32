"""The time of every program is accounted for to the nanosecond, and each cause is found where it is."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import qnos
from cnpu import Qubit
from cnpu.app import load_app, shipped_apps
from qnos.attribution import CAUSES, Stretch, attribute, totals
from qnos.cli import main
from qnos.explain import explain, explain_result, explain_trace
from qnos.loading import load_network, with_values
from qnos.simulate import Plan, Simulation
from qnos.timeline import Timeline
from qruntime.errors import ConfigError
from qruntime.trace import Trace

NETWORKS = ("two_generic", "two_nv", "two_ion", "three_generic", "three_mixed", "star6")


def runs(network: str) -> list[str]:
    found = []
    for app in shipped_apps():
        try:
            Plan(load_app(app), load_network(network))
        except ConfigError:
            continue
        found.append(app)
    return found


def stretches_of(
    app: Any, network: Any, seed: int = 5, shot: int = 0, **plan: Any
) -> Mapping[str, list[Stretch]]:
    """Role -> stretches, checked against the times that the CNPUs report."""
    simulation = Simulation(Plan(load_app(app), load_network(network), seed=seed, **plan))
    trace = Trace()
    trace.begin(shot)
    simulation.shot(shot, trace.on_record)
    timeline = Timeline(trace.end())
    found = attribute(timeline)
    ended = {end.role: end for end in simulation.ended()}
    by_role = {}
    for place, stretches in found.items():
        role = timeline.programs[place].role
        by_role[role] = stretches
        end = ended.pop(role)
        at = end.started_ns
        for stretch in stretches:
            assert stretch.start_ns == at < stretch.end_ns
            assert stretch.cause in CAUSES
            at = stretch.end_ns
        assert at == end.ended_ns
        assert sum(totals(stretches).values()) == end.ended_ns - end.started_ns
    assert not ended
    return by_role


def seconds(app: Any, network: Any = "two_generic", **plan: Any) -> dict[str, dict[str, int]]:
    """Role -> cause -> ns, of what took any."""
    found = stretches_of(app, network, **plan)
    return {role: {c: ns for c, ns in totals(s).items() if ns} for role, s in found.items()}


@pytest.mark.parametrize("network", NETWORKS)
def test_causes_of_every_app_add_up_exactly(network: str) -> None:
    apps = runs(network)
    assert apps
    for app in apps:
        for shot in range(2):
            stretches_of(app, network, shot=shot)


@pytest.mark.parametrize("network", ["two_generic", "two_nv"])
def test_causes_add_up_without_os_costs_and_with_jitter(network: str) -> None:
    for values in ({"os": "ideal"}, {"os": "qnodeos", "testing.jitter_ns": 20_000}):
        for app in runs(network):
            stretches_of(app, with_values(network, values))


QUIET = {"os": "ideal", "links.*.success_probability": 1.0, "links.*.cycle_ns": 1_000_000.0}


def quiet(**values: Any) -> Any:
    return with_values("two_generic", {**QUIET, **{k.replace("__", "."): v for k, v in values.items()}})


def test_attempts_are_entanglement_and_operations_are_gates() -> None:
    async def alice(node: Any) -> dict[str, Any]:
        (half,) = node.epr("bob").create_keep()
        bit = half.measure()
        await node.flush()
        return {"bit": bit}

    async def bob(node: Any) -> dict[str, Any]:
        (half,) = node.epr("alice").recv_keep()
        bit = half.measure()
        await node.flush()
        return {"bit": bit}

    found = seconds({"alice": alice, "bob": bob}, quiet())
    measure_ns = load_network("two_generic").nodes[0].device.parameters.measure_ns
    for role in ("alice", "bob"):
        assert found[role]["entanglement"] == 1_000_000
        assert found[role]["gates"] == measure_ns


def test_waiting_for_a_message_is_the_peer_until_it_is_sent() -> None:
    async def alice(node: Any) -> None:
        await node.sleep_ns(7_000)
        node.socket("bob").send(1)

    async def bob(node: Any) -> None:
        await node.socket("alice").recv()

    network = load_network("two_generic")
    found = seconds({"alice": alice, "bob": bob}, with_values(network, {"os.cnpu.after_message_ns": 0}))
    assert found["alice"] == {"sleep": 7_000}
    assert found["bob"] == {"peer": 7_000, "messages": network.cnpu_latency_ns("alice", "bob")}


def test_waits_that_time_ends_are_told_from_sleep() -> None:
    async def alice(node: Any) -> None:
        with pytest.raises(qnos.ProgramTimeout):
            await node.socket("bob").recv(timeout_ns=5_000)
        await node.sleep_ns(2_000)

    async def bob(node: Any) -> None:
        await node.sleep_ns(1)

    found = seconds({"alice": alice, "bob": bob}, quiet())
    assert found["alice"] == {"peer": 5_000, "sleep": 2_000}


def test_pair_that_the_peer_has_not_asked_for_is_the_peer() -> None:
    async def alice(node: Any) -> None:
        node.epr("bob").create_keep()[0].measure()
        await node.flush()

    async def bob(node: Any) -> None:
        await node.sleep_ns(30_000_000)
        node.epr("alice").recv_keep()[0].measure()
        await node.flush()

    found = seconds({"alice": alice, "bob": bob}, quiet())
    assert found["alice"]["peer"] >= 29_000_000
    assert found["bob"]["sleep"] == 30_000_000
    assert "peer" not in found["bob"]


def test_two_programs_of_a_node_wait_for_the_processor() -> None:
    async def busy(node: Any) -> None:
        qubits = [Qubit(node) for _ in range(2)]
        for qubit in qubits:
            for _ in range(20):
                qubit.X()
        outcomes = [qubit.measure() for qubit in qubits]
        await node.flush()
        assert len(outcomes) == 2

    roles = {"one": busy, "two": busy}
    placement = {"one": "alice", "two": "alice"}
    found = seconds(roles, placement=placement)
    waited = [of.get("processor", 0) for of in found.values()]
    assert max(waited) > 1_000_000 and min(waited) == 0


def test_program_that_finds_no_free_qubit_waits_for_memory() -> None:
    async def holds(node: Any) -> None:
        qubit = Qubit(node)
        qubit.X()
        await node.flush()
        await node.sleep_ns(50_000_000)

    placement = {"one": "alice", "two": "alice"}
    network = with_values("two_generic", {"nodes.*.device.num_qubits": 1})
    found = seconds({"one": holds, "two": holds}, network, placement=placement)
    assert "memory" not in found["one"]
    assert 45_000_000 < found["two"]["memory"] < 55_000_000


def test_trace_result_and_run_are_explained_alike(tmp_path: Path) -> None:
    trace = tmp_path / "t.jsonl"
    result = qnos.run("teleport", network="two_nv", shots=3, seed=4, trace=trace)
    kept = result.save(tmp_path)
    direct = explain("teleport", "two_nv", shots=3, seed=4)
    assert explain_trace(trace).roles == direct.roles
    assert explain_result(kept).roles == direct.roles
    assert explain_result(kept, shots=2).shots == 2
    assert direct.roles["bob"].total_ns == sum(result.shot_sim_time_ns)
    plain = direct.to_json_dict()
    causes = plain["roles"]["bob"]["causes"]
    assert sum(cause["ns"] for cause in causes.values()) == plain["roles"]["bob"]["total_ns"]
    assert sum(cause["share"] for cause in causes.values()) == pytest.approx(1)


def test_command_explains_runs_traces_and_results(tmp_path: Path) -> None:
    trace = str(tmp_path / "t.jsonl")
    run = ["run", "teleport", "--shots", "2", "--seed", "1", "--trace", trace, "--out", str(tmp_path)]
    assert CliRunner().invoke(main, run).exit_code == 0
    saved = str(next(tmp_path.glob("*.json")))
    tables = [
        CliRunner().invoke(main, ["explain", *args])
        for args in (["teleport", "--shots", "2", "--seed", "1"], [trace], [saved])
    ]
    assert [table.exit_code for table in tables] == [0, 0, 0]
    assert len({table.stdout.partition("\n")[2] for table in tables}) == 1
    assert "entanglement" in tables[0].stdout
    data = json.loads(CliRunner().invoke(main, ["explain", trace, "--json"]).stdout)
    assert data["shots"] == 2 and set(data["roles"]) == {"alice", "bob"}


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["teleport", "--metric", "fidelity"], "--metric goes with --budget"),
        (["teleport", "--post-select"], "--post-select goes with --budget"),
        (["{trace}", "--seed", "3"], "says what was run"),
        (["{trace}", "--budget"], "says what was run"),
    ],
)
def test_options_that_make_no_sense_are_refused(args: list[str], told: str, tmp_path: Path) -> None:
    trace = tmp_path / "t.jsonl"
    qnos.run("ping", shots=1, trace=trace)
    result = CliRunner().invoke(main, ["explain", *(arg.format(trace=trace) for arg in args)])
    assert result.exit_code == 2 and told in result.stderr


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    old, other = tmp_path / "old.jsonl", tmp_path / "other.json"
    file = io.BytesIO()
    qnos.run("teleport", shots=1, trace=file)
    lines = [line for line in file.getvalue().splitlines(True) if b"PROGRAM_WAITS" not in line]
    old.write_bytes(b"".join(lines))
    with pytest.raises(ConfigError, match="has no PROGRAM_WAITS"):
        explain_trace(old)
    other.write_text("{}")
    with pytest.raises(ConfigError, match="a result that qnos run saved"):
        explain_result(other)
    other = qnos.run(["ping", "ping"], "perfect", shots=1).save(tmp_path)
    with pytest.raises(ConfigError, match="is the result of several applications"):
        explain_result(other)
    with pytest.raises(ConfigError, match="a list of applications; allowed: one, or a trace"):
        explain("bqc,lgt*2")


def test_device_that_attempts_for_another_program_is_the_device() -> None:
    async def asks(node: Any) -> None:
        node.epr("bob").create_keep()[0].measure()
        await node.flush()

    async def answers(node: Any) -> None:
        node.epr("alice").recv_keep()[0].measure()
        await node.flush()

    async def local(node: Any) -> None:
        await node.sleep_ns(20_000_000)  # by then attempts go on
        qubit = Qubit(node)
        qubit.X()
        qubit.measure()
        await node.flush()

    values = {"links.*.efficiency_a": 1e-5, "links.*.efficiency_b": 1e-5}
    roles = {"alice": asks, "bob": answers, "third": local}
    placement = {"alice": "alice", "bob": "bob", "third": "alice"}
    found = seconds(roles, with_values("two_nv", values), placement=placement)
    assert found["third"]["sleep"] == 20_000_000
    assert found["third"]["device"] > 10_000_000
    assert found["alice"]["entanglement"] > 10_000_000
