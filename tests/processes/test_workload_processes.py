"""A workload gives the same trace and results in one process and in many."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import qnos
from cnpu.launch import Ended
from qnos.loading import with_values
from qnos.processes import ProcessNetwork
from qnos.workload import Arrival, Entry, Workload
from qnos.workload_processes import WorkloadRunner
from qnos.workload_results import WorkloadResult
from qruntime.errors import ConfigError

NETWORK = with_values("two_generic", {"testing.jitter_ns": 20_000, "testing.permute_ranks": True})
MIX = Workload(
    "mix",
    (
        Entry(app="bqc", count=2, stagger_ns=1_000),
        Entry(app="lgt", arrival=Arrival(every_ns=3_000_000, instances=4), priority=1),
        Entry(app="bell_pair", arrival=Arrival(rate_per_s=500, instances=3)),
    ),
)


@pytest.fixture(scope="module")
def started() -> Iterator[ProcessNetwork]:
    with ProcessNetwork(NETWORK) as processes:
        yield processes


@pytest.mark.parametrize("workload", [["bqc", ("lgt", 3)], MIX])
def test_workload_is_the_same_in_one_process_and_in_many(started: ProcessNetwork, workload: Workload) -> None:
    here = qnos.run(workload, NETWORK, shots=3, seed=5, trace=True)
    there = qnos.run(workload, NETWORK, shots=3, seed=5, trace=True, processes=started)
    assert here.trace_sha256 == there.trace_sha256
    same(here, there)
    assert here.errors_total == 0


def same(here: WorkloadResult, there: WorkloadResult) -> None:
    one, other = here.to_json_dict(), there.to_json_dict()
    for told in (one, other):
        del told["wall_s"]
    assert one == other


ROWS = Workload(
    "rows",
    (
        Entry(app="dqc", count=2, repetitions=4),
        Entry(app="lgt", count=2, repetitions=5, think_ns=300_000, priority=2),
        Entry(app="lgt", name="other", place={"tomographer": "bob"}, repetitions=3, deadline_ns=4_000_000),
        Entry(app="teleport", arrival=Arrival(rate_per_s=100, instances=2), repetitions=2),
    ),
)
SESSION = Workload(
    "session",
    (
        Entry(app="dqc", repetitions=None, place={"client": "bob", "server": "alice"}),
        Entry(app="lgt", count=2, repetitions=None, think_ns=1_000),
        Entry(app="lgt", name="busy", arrival=Arrival(rate_per_s=8_000), place={"tomographer": "bob"}),
        Entry(app="bell_pair", arrival=Arrival(every_ns=7_000_000), repetitions=2),
    ),
)


@pytest.mark.parametrize("preset", ["qnodeos", "ideal"])
def test_what_starts_when_something_has_ended_does_so_in_many_processes_too(
    started: ProcessNetwork, preset: str
) -> None:
    if preset == "ideal":  # no cost, hardly any latency: much happens in the same nanosecond
        with ProcessNetwork(with_values("perfect", {"nodes.*.device.num_qubits": 8})) as network:
            here = qnos.run(ROWS, network.network, shots=2, seed=5, trace=True)
            there = qnos.run(ROWS, network.network, shots=2, seed=5, trace=True, processes=network)
    else:
        here = qnos.run(ROWS, NETWORK, shots=2, seed=5, trace=True)
        there = qnos.run(ROWS, NETWORK, shots=2, seed=5, trace=True, processes=started)
    assert here.trace_sha256 == there.trace_sha256
    same(here, there)
    assert here.errors_total == 0 and here.apps["dqc"].finished == 16


def test_session_is_the_same_in_one_process_and_in_many(started: ProcessNetwork) -> None:
    """More than 256 instances arrive, so that not all are handed over at the beginning."""
    here = qnos.run(SESSION, NETWORK, until_ns=50_000_000, seed=6, trace=True)
    there = qnos.run(SESSION, NETWORK, until_ns=50_000_000, seed=6, trace=True, processes=started)
    assert here.trace_sha256 == there.trace_sha256
    same(here, there)
    assert here.apps["busy"].started > 300 and here.apps["busy"].unfinished > 0
    assert there.utilisation["bob"].processor_local > 0.5


def test_network_goes_on_with_other_runs_after_a_session(started: ProcessNetwork) -> None:
    again = qnos.run(["bqc", ("lgt", 3)], NETWORK, shots=3, seed=5, trace=True, processes=started)
    here = qnos.run(["bqc", ("lgt", 3)], NETWORK, shots=3, seed=5, trace=True)
    assert here.trace_sha256 == again.trace_sha256
    one = qnos.run("teleport", NETWORK, shots=3, trace=True, processes=started)
    assert one.trace_sha256 == qnos.run("teleport", NETWORK, shots=3, trace=True).trace_sha256


def test_session_without_arrivals_is_empty(started: ProcessNetwork) -> None:
    late = Workload("late", (Entry(app="lgt", arrival=Arrival(start_ns=2_000)),))
    here = qnos.run(late, NETWORK, until_ns=1_000, trace=True)
    there = qnos.run(late, NETWORK, until_ns=1_000, trace=True, processes=started)
    same(here, there)
    assert there.apps["lgt"].started == 0


def test_programs_that_wait_in_vain_end_alike(started: ProcessNetwork, tmp_path: Path) -> None:
    (tmp_path / "vain.py").write_text(
        "async def alice(node):\n    await node.socket('bob').recv()\n    return {}\n\n\n"
        "async def bob(node):\n    await node.sleep_ns(1000)\n    return {}\n\n\n"
        "ROLES = {'alice': alice, 'bob': bob}\n"
    )
    vain = Workload("vain", (Entry(app=str(tmp_path / "vain.py"), repetitions=3), Entry(app="lgt")))
    here = qnos.run(vain, NETWORK, shots=1, trace=True)
    there = qnos.run(vain, NETWORK, shots=1, trace=True, processes=started)
    assert here.trace_sha256 == there.trace_sha256
    same(here, there)
    assert here.apps["vain"].failed == 3


def test_session_that_is_given_up_leaves_the_network_to_others(
    started: ProcessNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The 40th time that it is asked how to go on, the caller is interrupted; the time up to then counts."""
    asked = 0
    halted = WorkloadRunner.halted

    def interrupted(runner: WorkloadRunner, ended: list[Ended], now_ns: int) -> Any:
        nonlocal asked
        asked += 1
        if asked == 40:
            raise KeyboardInterrupt
        return halted(runner, ended, now_ns)

    with monkeypatch.context() as patch:
        patch.setattr(WorkloadRunner, "halted", interrupted)
        cut = qnos.run(SESSION, NETWORK, until_ns=50_000_000, seed=6, processes=started)
    assert cut.interrupted and 0 < cut.sim_time_ns < 50_000_000
    assert sum(app.finished for app in cut.apps.values()) > 10
    whole = qnos.run(ROWS, NETWORK, shots=1, seed=7, trace=True, processes=started)
    assert whole.trace_sha256 == qnos.run(ROWS, NETWORK, shots=1, seed=7, trace=True).trace_sha256


def test_application_that_processes_cannot_load_later_ends_the_run_with_the_reason(
    started: ProcessNetwork, tmp_path: Path
) -> None:
    """Its file is another when the second instance is to begin."""
    file = tmp_path / "changing.py"
    text = (
        "async def alice(node):\n    await node.sleep_ns(10)\n    return {}\n\n\nROLES = {'alice': alice}\n"
    )
    file.write_text(text)
    changing = Workload("changing", (Entry(app=str(file), repetitions=3),))
    changed = False
    halted = WorkloadRunner.halted

    def with_change(runner: WorkloadRunner, ended: list[Ended], now_ns: int) -> Any:
        nonlocal changed
        if not changed:
            changed = True
            file.write_text(text + "# another\n")
        return halted(runner, ended, now_ns)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WorkloadRunner, "halted", with_change)
        with pytest.raises(ConfigError, match="has sha256"):
            qnos.run(changing, NETWORK, processes=started)
    after = qnos.run("teleport", NETWORK, shots=2, trace=True, processes=started)
    assert after.trace_sha256 == qnos.run("teleport", NETWORK, shots=2, trace=True).trace_sha256
