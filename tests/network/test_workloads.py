"""Workloads: several applications on one timeline, and what is told of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import qnos
from cnpu import Node, Qubit
from qnos.cli import main
from qnos.experiments import block
from qnos.loading import load_network, with_values
from qnos.session import Timeline
from qnos.workload import Arrival, Entry, Workload
from qnos.workload_plan import WorkloadPlan
from qnos.workload_results import WorkloadResult, failures
from qruntime.errors import ConfigError

MS = 1_000_000
ROOMY = with_values("perfect", {"nodes.*.device.num_qubits": 12})


async def sleeper(node: Node, sleep_ns: int = MS) -> dict[str, Any]:
    await node.sleep_ns(sleep_ns)
    return {"began_ns": node.now_ns - sleep_ns}


SLEEP = {"sleeper": sleeper}


def session(*entries: Entry, until_ns: int, network: Any = ROOMY, **options: Any) -> WorkloadResult:
    return qnos.run(Workload("mix", entries), network, until_ns=until_ns, **options)


def began(result: WorkloadResult, app: str = "sleeper") -> list[int]:
    return list(result.apps[app].arrival_ns)


def test_list_runs_every_copy_in_every_shot() -> None:
    result = qnos.run(["bqc", ("lgt", 3)], ROOMY, shots=4)
    assert {name: (app.started, app.finished) for name, app in result.apps.items()} == {
        "bqc": (4, 4),
        "lgt": (12, 12),
    }
    assert list(result.apps["lgt"].copy) == [0, 1, 2] * 4
    assert list(result.apps["lgt"].shot) == [shot for shot in range(4) for _ in range(3)]
    metric = result.apps["bqc"].metrics["success"]
    assert metric.mean == 1 and metric.interval == "wilson"


def test_any_shot_runs_alone() -> None:
    whole = qnos.run(["bqc", ("lgt", 2)], "two_generic", shots=4, seed=3)
    alone = qnos.run(["bqc", ("lgt", 2)], "two_generic", shot=2, seed=3)
    for name in ("bqc", "lgt"):
        rows = [row for row in whole.apps[name].to_pandas().to_dict("records") if row["shot"] == 2]
        assert alone.apps[name].to_pandas().to_dict("records") == rows


def test_listening_for_utilisation_and_tracing_change_nothing() -> None:
    plain = qnos.run(["bqc", ("lgt", 2)], "two_generic", shots=3)
    traced = qnos.run(["bqc", ("lgt", 2)], "two_generic", shots=3, trace=True)
    assert plain.apps["bqc"].results == traced.apps["bqc"].results
    assert plain.utilisation == traced.utilisation
    assert traced.trace_sha256 and plain.trace_sha256 is None


def test_arrivals_are_when_they_are_said_to_be() -> None:
    entries = [
        Entry(app=SLEEP, name="times", arrival=Arrival(times_ns=[5 * MS, MS])),
        Entry(app=SLEEP, name="clock", arrival=Arrival(every_ns=3 * MS, start_ns=MS)),
        Entry(app=SLEEP, name="few", arrival=Arrival(every_ns=MS, instances=2)),
        Entry(app=SLEEP, name="row", repetitions=3, think_ns=MS),
        Entry(app=SLEEP, name="late", count=2, stagger_ns=2 * MS),
    ]
    result = session(*entries, until_ns=9 * MS)
    assert {
        name: sorted(time_ns // MS for time_ns in app.arrival_ns) for name, app in result.apps.items()
    } == {
        "times": [1, 5],
        "clock": [1, 4, 7],
        "few": [0, 1],
        "row": [0, 2, 4],
        "late": [0, 2],
    }
    for app in result.apps.values():
        assert list(app.results["sleeper"]["began_ns"]) == list(app.arrival_ns)


def test_random_arrivals_have_their_rate_and_a_stream_of_their_own() -> None:
    """N about 1000, seed 1, 4 sigma of a Poisson number."""
    entry = Entry(app=SLEEP, name="sleeper", arrival=Arrival(rate_per_s=1000))
    alone = session(entry, until_ns=1000 * MS, seed=1)
    beside = session(Entry(app="lgt", repetitions=5), entry, until_ns=1000 * MS, seed=1)
    assert began(alone) == began(beside) != began(session(entry, until_ns=1000 * MS, seed=2))
    assert abs(alone.apps["sleeper"].started - 1000) < 4 * 1000**0.5


def test_session_ends_at_its_time_and_what_still_runs_is_no_failure() -> None:
    result = session(Entry(app=SLEEP, repetitions=None, name="sleeper", count=2), until_ns=10 * MS + 1)
    app = result.apps["sleeper"]
    assert (app.started, app.finished, app.failed, app.unfinished) == (22, 20, 0, 2)
    assert not result.errors_total
    assert app.throughput_per_s == pytest.approx(2000, rel=1e-6)
    assert result.sim_time_ns == 10 * MS + 1 and list(result.makespan_ns) == [10 * MS]


def test_missed_deadlines_are_counted_also_of_what_has_not_ended() -> None:
    entries = [
        Entry(app=SLEEP, name="early", deadline_ns=MS),
        Entry(app=SLEEP, name="late", deadline_ns=MS - 1),
        Entry(
            app=SLEEP, name="unfinished", deadline_ns=MS, inputs={"sleeper": {"sleep_ns": 90 * MS}}, count=2
        ),
    ]
    apps = session(*entries, until_ns=50 * MS).apps
    assert {name: app.deadline_misses for name, app in apps.items()} == {
        "early": 0,
        "late": 1,
        "unfinished": 2,
    }


async def crash(node: Node) -> dict[str, Any]:
    Qubit(node)
    await node.flush()
    raise ValueError("on purpose")


async def stuck(node: Node) -> dict[str, Any]:
    await node.socket("other").recv()
    return {}


async def impatient(node: Node) -> dict[str, Any]:
    await node.socket("other").recv(timeout_ns=MS)
    return {}


async def other(node: Node) -> dict[str, Any]:
    await node.sleep_ns(2 * MS)
    return {}


@pytest.mark.parametrize(
    ("bad", "code"), [(crash, "PROGRAM"), (stuck, "PEER_FAILED"), (stuck, "DEADLOCK"), (impatient, "TIMEOUT")]
)
def test_failing_instance_leaves_the_results_of_the_others_unharmed(bad: Any, code: str) -> None:
    peer = {"PEER_FAILED": crash, "DEADLOCK": other}.get(code, other)
    result = qnos.run([{"bad": bad, "other": peer}, ("bqc", 2), "lgt"], ROOMY, shots=3, time_split=False)
    apps = result.apps
    failed = next(app for name, app in apps.items() if name not in ("bqc", "lgt"))
    assert (failed.started, failed.finished, failed.failed) == (3, 0, 3)
    assert code in {error.code for error in failed.errors}, failed.errors
    assert (apps["bqc"].finished, apps["lgt"].finished) == (6, 3)
    assert apps["bqc"].metrics["success"].mean == 1
    assert "3 of 3" in failures(result)


def test_row_goes_on_after_an_instance_that_failed() -> None:
    result = session(Entry(app={"a": crash}, name="bad", repetitions=4), until_ns=MS)
    assert (result.apps["bad"].started, result.apps["bad"].failed) == (4, 4)


async def at_once(node: Node) -> dict[str, Any]:
    return {}


def test_row_without_end_that_takes_no_time_is_refused_instead_of_going_on_for_ever() -> None:
    with pytest.raises(ConfigError, match="takes no simulated time and repeats without end at 0 ns"):
        session(Entry(app={"a": at_once}, name="a", repetitions=None), until_ns=MS)


def test_nothing_of_instances_that_are_over_stays_behind() -> None:
    """Ten times as many instances leave no more in the actors."""
    entries = (
        Entry(app="bell_pair", repetitions=None),
        Entry(app="lgt", repetitions=None, count=2),
        Entry(app={"a": crash}, name="bad", arrival=Arrival(rate_per_s=200)),
    )

    def left_after(until_ns: int) -> tuple[list[int], int]:
        network = with_values("two_generic", {"os.qnpu.request_timeout_ns": MS})
        timeline = Timeline(WorkloadPlan(Workload("mix", entries), network, until_ns=until_ns))
        held: list[int] = []
        count = 0

        def look(instance: Any) -> None:
            nonlocal count, held
            count += 1
            cnpus = timeline.cnpus.values()
            held = [len(part) for cnpu in cnpus for part in (cnpu.ended, cnpu._routes, cnpu._mailboxes)]
            held += [
                len(timeline.instances.running),
                len(timeline._leaving),
                len(timeline.kernel._heap) // 100,
            ]

        timeline.shot(0, look)
        return held, count

    short, some = left_after(200 * MS)
    long, many = left_after(2000 * MS)
    assert many > 8 * some
    assert all(a <= b + 8 for a, b in zip(long, short, strict=True)), (short, long)


def test_utilisation_of_a_device_that_attempts_alone_counts_attempts() -> None:
    result = session(
        Entry(app="dqc", repetitions=None, place={"client": "alice", "server": "bob"}),
        until_ns=20_000 * MS,
        network=load_network("qnodeos_nv"),
    )
    for busy in result.utilisation.values():
        assert 0 < busy.device_local <= busy.processor_local < 0.01
        assert 0.9 < busy.device_all <= busy.processor_all < 1


@pytest.mark.parametrize("scheduler", ["edf", "round_robin", "fair_share"])
def test_time_of_a_process_that_is_interrupted_counts_as_use(scheduler: str) -> None:
    """A reset and a hundred gates cost 90 us each, the outcome 300 us; deadlines shrink, so all interrupt."""
    network = with_values(ROOMY, {"os": "qnodeos", "nodes.*.device.measure_ns": 20_000})
    network = with_values(network, {"os.qnpu.scheduler": scheduler})
    gates = {"worker": {"gates": 100}}
    entries = [
        Entry(
            app=block,
            name=f"b{k}",
            inputs=gates,
            arrival=Arrival(start_ns=k * MS),
            deadline_ns=10**9 - k * 2 * MS,
        )
        for k in range(4)
    ]
    result = session(*entries, until_ns=100 * MS, network=network)
    assert sum(app.finished for app in result.apps.values()) == 4
    busy = sum(share.processor_local for share in result.utilisation.values())
    assert busy == pytest.approx(4 * (101 * 0.09 + 0.3) / 100)


def test_command_line_runs_a_file_and_saves_what_it_shows(tmp_path: Path) -> None:
    file = tmp_path / "mix.yaml"
    file.write_text(
        "apps:\n- app: lgt\n  count: 2\n  repetitions: null\n  deadline_ns: 5_000_000\n"
        "- app: bqc\n  arrival: {every_ns: 10_000_000}\n"
    )
    arguments = ["run", "--workload", str(file), "--until", "50ms", "--out", str(tmp_path)]
    shown = CliRunner().invoke(main, arguments)
    assert shown.exit_code == 0, shown.output
    assert "mix on two_generic, until 50 ms, seed 0" in shown.stdout
    saved = json.loads((tmp_path / "mix-two_generic-0-1.json").read_text())
    assert saved["apps"]["bqc"]["started"] == 6 and saved["until_ns"] == 50 * MS
    printed = json.loads(CliRunner().invoke(main, [*arguments, "--json"]).stdout)
    for told in (saved, printed):
        del told["wall_s"], told["path"]
    assert printed | {"columns_path": None} == saved | {"columns_path": None}
