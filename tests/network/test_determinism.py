"""One configuration and one seed: one trace, whatever else ran before, beside, or in which process."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

import qnos
from cnpu import Node, load_app
from qnos.loading import with_values
from qnos.results import RunResult
from qnos.simulate import Plan, Simulation
from qnos.testing import assert_within
from qruntime.actors import Emit
from qruntime.trace import Record, Trace
from tests.network.wiring import wired

RUNS = [
    ("teleport", "two_generic"),
    ("bqc", "two_generic"),
    ("distill", "two_generic_werner"),
    ("distributed_cnot", "perfect"),
    ("swap", "line3"),
    ("ghz", "star6"),
    ("lgt", "two_generic"),
]
JITTER = {"testing.jitter_ns": 200_000, "testing.permute_ranks": True}


def traced(app: Any, network: Any, **options: Any) -> tuple[bytes, RunResult]:
    """The trace file of a run, and its result."""
    file = io.BytesIO()
    result = qnos.run(app, network, trace=file, **options)
    assert result.trace_sha256 == hashlib.sha256(file.getvalue()).hexdigest()
    return file.getvalue(), result


def shots_of(trace: bytes) -> dict[int, bytes]:
    """Shot -> its lines in a trace file."""
    parts = trace.split(b'{"shot":')[1:]
    return {int(number): lines for number, _, lines in (part.partition(b"}\n") for part in parts)}


# --- one seed, one trace ------------------------------------------------------------------------------


@pytest.mark.parametrize(("app", "network"), RUNS)
def test_same_seed_writes_the_same_trace_file(app: str, network: str, tmp_path: Path) -> None:
    files = [tmp_path / "one.jsonl", tmp_path / "two.jsonl", tmp_path / "other.jsonl"]
    results = [
        qnos.run(app, network, shots=5, seed=seed, trace=file)
        for seed, file in zip((1, 1, 2), files, strict=True)
    ]
    one, two, other = (file.read_bytes() for file in files)
    assert one == two != other
    assert len(one) > 1_000
    assert results[0].trace_sha256 == hashlib.sha256(one).hexdigest()
    assert results[0].results == results[1].results


def test_trace_is_ordered_and_holds_integers_and_short_strings_only() -> None:
    trace, _ = traced("ghz", "star6", shots=3, seed=3)
    for lines in shots_of(trace).values():
        records = [Record(*msgspec.json.decode(line)) for line in lines.splitlines()]
        assert len(records) > 100
        assert [r[:3] for r in records] == sorted(r[:3] for r in records)
        for record in records:
            assert all(isinstance(value, int) or len(value) <= 200 for value in record.data)


def test_tracing_changes_nothing() -> None:
    _, watched = traced("bqc", "two_generic", shots=20, seed=4)
    alone = qnos.run("bqc", "two_generic", shots=20, seed=4)
    assert watched.results == alone.results
    assert list(watched.shot_sim_time_ns) == list(alone.shot_sim_time_ns)


def test_hash_seed_of_the_interpreter_changes_nothing() -> None:
    program = (
        "import qnos; values = {'testing.jitter_ns': 1000, 'testing.permute_ranks': True}; "
        "print(*(qnos.run(app, network, shots=5, seed=5, trace=True, values=values).trace_sha256"
        " for app, network in [('ghz', 'star6'), ('bqc', 'two_generic')]))"
    )
    digests = []
    for hash_seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        command = [sys.executable, "-c", program]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        digests.append(done.stdout.split())
    assert digests[0] == digests[1]
    assert len(digests[0]) == 2


# --- a shot alone -------------------------------------------------------------------------------------


@pytest.mark.parametrize("values", [{}, JITTER])
@pytest.mark.parametrize(("app", "network"), RUNS)
def test_shot_alone_equals_that_shot_of_the_run(app: str, network: str, values: dict[str, Any]) -> None:
    whole, run = traced(app, network, shots=8, seed=6, values=values)
    parts = shots_of(whole)
    assert list(parts) == list(range(8))
    for number in (0, 5, 7):
        alone, single = traced(app, network, shot=number, seed=6, values=values)
        assert shots_of(alone) == {number: parts[number]}
        for role, columns in single.results.items():
            assert columns == {key: [run.results[role][key][number]] for key in columns}
        assert list(single.shot_sim_time_ns) == [run.shot_sim_time_ns[number]]


def test_number_of_shots_does_not_change_the_first_ones() -> None:
    few, _ = traced("teleport", "two_generic", shots=3, seed=7)
    many, _ = traced("teleport", "two_generic", shots=9, seed=7)
    assert many.startswith(few)


# --- reset equals rebuild -----------------------------------------------------------------------------


def shot_trace(simulation: Simulation, number: int) -> list[Record]:
    trace = Trace()
    trace.begin(number)
    simulation.shot(number, trace.on_record)
    return trace.end()


@pytest.mark.parametrize(("app", "network"), RUNS)
def test_reset_network_equals_a_new_one_in_any_order_of_shots(app: str, network: str) -> None:
    def build() -> Simulation:
        return Simulation(Plan(load_app(app), qnos.load_network(network), seed=8))

    held = build()
    for number in (3, 0, 3, 11, 1):
        assert shot_trace(held, number) == shot_trace(build(), number)


async def flaky_alice(node: Node) -> dict[str, Any]:
    """In some shots gives up with qubits in hand and a subroutine under way."""
    pairs = node.epr("bob").create_keep(number=2)
    await node.flush()
    node.socket("bob").send("hello")
    outcomes = [half.measure() for half in pairs]
    node.submit()
    if node.rng.randrange(2):
        raise ValueError("on purpose")
    return {"outcomes": outcomes}


async def flaky_bob(node: Node) -> dict[str, Any]:
    """In some shots waits for a message that never comes."""
    pairs = node.epr("alice").recv_keep(number=2)
    outcome = pairs[0].measure()
    await node.flush()
    heard = await node.socket("alice").recv()
    if outcome:
        heard = await node.socket("alice").recv()
    return {"heard": heard}


def test_failed_shot_leaves_nothing_to_the_next() -> None:
    app = {"alice": flaky_alice, "bob": flaky_bob}
    result = qnos.run(app, "two_generic", shots=12, seed=9)
    assert {error.code for error in result.errors} == {"PROGRAM", "PEER_FAILED", "DEADLOCK"}
    assert len({error.shot for error in result.errors}) < 12, "some shots fail, others do not"

    held = Simulation(Plan(load_app(app), qnos.load_network("two_generic"), seed=9))
    for number in range(12):
        fresh = Simulation(Plan(load_app(app), qnos.load_network("two_generic"), seed=9))
        assert shot_trace(held, number) == shot_trace(fresh, number)


# --- disturbances -------------------------------------------------------------------------------------


def test_jitter_delays_messages_and_is_part_of_the_seed() -> None:
    calm, _ = traced("teleport", "two_generic", shots=5, seed=10)
    jitter = {"testing.jitter_ns": 200_000}
    one, late = traced("teleport", "two_generic", shots=5, seed=10, values=jitter)
    two, _ = traced("teleport", "two_generic", shots=5, seed=10, values=jitter)
    other, _ = traced("teleport", "two_generic", shots=5, seed=11, values=jitter)
    assert one == two
    assert len({calm, one, other}) == 3
    calm_result = qnos.run("teleport", "two_generic", shots=5, seed=10)
    assert all(a < b for a, b in zip(calm_result.shot_sim_time_ns, late.shot_sim_time_ns, strict=True)), (
        "messages are only ever late"
    )


def test_permuted_ranks_break_ties_in_another_order() -> None:
    """On a network without latencies everything ties, and ranks decide who is first."""
    orders = set()
    for seed in range(6):
        network = with_values("perfect", {"testing.permute_ranks": True})
        simulation = Simulation(Plan(load_app("teleport"), network, seed=seed))
        first: dict[str, None] = {}

        def note(actor: str, emit: Emit, first: dict[str, None] = first) -> None:
            first[actor] = None

        simulation.shot(0, note)
        orders.add(tuple(first))
    assert len(orders) > 1


@pytest.mark.parametrize("seed", [12, 13, 14])
@pytest.mark.parametrize("app", ["teleport", "distributed_cnot", "distill", "bqc", "ghz"])
def test_disturbances_leave_perfect_results_perfect(app: str, seed: int) -> None:
    values = {**JITTER, "os": "qnodeos"}
    result = qnos.run(app, "perfect", shots=20, seed=seed, values=values)
    assert not result.errors
    for name, metric in result.metrics.items():
        assert metric.n == 0 or metric.mean == (0 if name == "trap_failure" else 1), name


@pytest.mark.parametrize("preset", ["ideal", "qnodeos"])
@pytest.mark.parametrize("app", ["swap", "ghz", "distill"])
def test_disturbances_leave_closed_forms_true(app: str, preset: str) -> None:
    """N = 400, seed 15, 4 sigma: Werner pairs of F = 0.85 and 0.9 between noiseless nodes."""
    testing = {"jitter_ns": 200_000, "permute_ranks": True}
    network = wired(("alice", "bob", 0.85), ("bob", "charlie", 0.9), os=preset, testing=testing)
    result = qnos.run(app, network, shots=400, seed=15)
    assert not result.errors
    for metric in result.metrics.values():
        assert metric.expected is not None
        assert_within(metric)


# --- random streams by purpose ------------------------------------------------------------------------


def attempts_of(result_trace: bytes) -> list[Any]:
    lines = b"".join(shots_of(result_trace).values()).splitlines()
    return [record[5] for record in map(msgspec.json.decode, lines) if record[3] == "LINK_ATTEMPTS"]


def test_noise_of_gates_leaves_the_luck_of_the_link_alone() -> None:
    noisy, _ = traced("distill", "two_generic", shots=10, seed=16)
    values = {"nodes.*.device.two_qubit_gate_depolarise": 0.5, "nodes.*.device.t2_ns": 1e5}
    noisier, _ = traced("distill", "two_generic", shots=10, seed=16, values=values)
    counts = [[data[3] for data in attempts_of(trace)] for trace in (noisy, noisier)]
    assert counts[0] == counts[1]
    assert len(counts[0]) >= 20


def test_switching_readout_errors_on_by_nothing_changes_nothing() -> None:
    values = {"nodes.*.device.readout_error_0": 1e-15, "nodes.*.device.readout_error_1": 1e-15}
    off = qnos.run("bqc", "two_generic", shots=40, seed=17).results
    barely_on = qnos.run("bqc", "two_generic", shots=40, seed=17, values=values).results
    assert off == barely_on
