"""A workload gives the same trace and results in one process and in many."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import qnos
from qnos.loading import with_values
from qnos.processes import ProcessNetwork
from qnos.workload import Arrival, Entry, Workload
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
    one, other = here.to_json_dict(), there.to_json_dict()
    for told in (one, other):
        del told["wall_s"], told["utilisation"]
    assert one == other and here.errors_total == 0


def test_what_processes_cannot_do_is_refused_with_the_reason(started: ProcessNetwork) -> None:
    row = Workload("row", (Entry(app="lgt", repetitions=2),))
    with pytest.raises(ConfigError, match="lgt has repetitions: processes are told before a shot begins"):
        qnos.run(row, NETWORK, processes=started)
    with pytest.raises(ConfigError, match=r"a session \(--until\) is for one process"):
        qnos.run(MIX, NETWORK, until_ns=1000, processes=started)
