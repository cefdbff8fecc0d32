"""Random workloads on random time bins, devices, clocks and scheduling policies: no attempt outside of a bin,
no pair lost, no timer or qubit left."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from qdriver.generic import GenericConfig
from qnpu.quotas import Quotas
from qnpu.settings import QnpuSettings
from qnpu.timetable import LinkBin, LinkBins
from qworld.links import DepolariseLink
from tests.pair.harness import Bench, assert_quiet, noiseless_nv
from tests.pair.test_fuzz import random_calls, watch

CYCLE_NS = 700
PERIOD_NS = 60_000
Bins = dict[tuple[int, int], LinkBins]


def random_bins(rng: random.Random, pairs: list[tuple[int, int]], grid_ns: int) -> Bins:
    """The period cut into stretches, each for one link or for none; some name an application."""
    edges = sorted(rng.sample(range(0, PERIOD_NS + 1, 100), rng.randrange(2, 12)))
    rows: dict[tuple[int, int], list[LinkBin]] = {pair: [] for pair in pairs}
    for start, end in pairwise(edges):
        apps = rng.choice(((), (), (), ("p1", "p2"), ("p3",)))
        if rng.random() < 0.8:
            rows[rng.choice(pairs)].append(LinkBin(start, end, apps))
    period = rng.choice((PERIOD_NS, PERIOD_NS, PERIOD_NS, None))
    first = rng.choice((0, 12_345))
    return {pair: LinkBins(first, period, found, grid_ns) for pair, found in rows.items()}


def random_bench(rng: random.Random, seed: int) -> tuple[Bench, Bins]:
    nodes = ("alice", "bob", "charlie")[: rng.choice((2, 3))]
    pairs = [(0, 1), (1, 2), (0, 2)][: 1 if len(nodes) == 2 else rng.choice((2, 3))]
    ticks = [rng.choice((0, 0, 1_000, 1_500)) for _ in nodes]

    def device(tick_ns: int) -> GenericConfig:
        qubits = rng.choice((1, 2, 3))
        if rng.random() < 0.4:
            return GenericConfig(
                num_qubits=qubits, t1_ns=0, t2_ns=0, two_qubit_gate_depolarise=0, tick_ns=tick_ns
            )
        return noiseless_nv(qubits, tick_ns=tick_ns)  # type: ignore[return-value]

    settings = QnpuSettings(
        epr_start=rng.choice(["both", "create"]),
        correcting_side=rng.choice(["receiver", "creator"]),
        gate_ns=rng.choice((0, 500)),
        measure_ns=rng.choice((0, 500)),
        request_ns=rng.choice((0, 3_000)),
        request_timeout_ns=400_000,
        unclaimed_timeout_ns=50_000,
        accept_grace_ns=40_000,
        quotas=Quotas(instruction_budget=500),
        scheduler=rng.choice(["qnodeos", "round_robin", "edf", "fair_share"]),
        attempt_batch=rng.choice((None, None, 3)),
    )
    bins = random_bins(rng, pairs, max(ticks))
    success = rng.choice((1, 0.3, 0.02))
    model = DepolariseLink(
        fidelity=1, success_probability=success, cycle_ns=CYCLE_NS, random_bell_state=rng.random() < 0.5
    )
    bench = Bench(
        nodes, dict.fromkeys(pairs, model), settings=settings, seed=seed,
        devices={i: device(tick) for i, tick in enumerate(ticks)},
        latency_ns=rng.choice((0, 300, 2_000)), cnpu_latency_ns=rng.choice((0, 100)),
        jitter_ns=rng.choice((0, 5_000)), jitter_seed=seed, rank_seed=rng.choice((None, seed)), bins=bins,
    )  # fmt: skip
    return bench, bins


def check(seed: int, count: int = 90) -> tuple[int, int]:
    """Run it; (stretches of attempts, pairs)."""
    rng = random.Random(seed)
    bench, bins = random_bench(rng, seed)
    random_calls(rng, bench, count, rng.choice((20_000, 200_000, 1_000_000)))
    watch(bench)
    bench.run(seed)
    assert_quiet(bench)
    heralds = 0
    records = [emit for _, emit in bench.records if emit.event == "LINK_ATTEMPTS"]
    for emit in records:
        node, peer = (bench.nodes.index(name.removeprefix("link:")) for name in emit.unit.split("/"))
        table = bins[min(node, peer), max(node, peer)]
        start_ns, end_ns = emit.t_ns, emit.t_ns + int(emit.data[4])
        heralds += int(emit.data[5])
        if start_ns == end_ns and not emit.data[5]:
            continue  # it was to begin after the bin, or was given up as it began
        found = [table.of(app) for app in ("p1", "p3", "")]
        assert any(each.look(start_ns) and end_ns <= each.end_ns for each in found), (seed, emit)
    lost = [
        fault for cnpu in bench.cnpus for fault in cnpu.faults if "given to somebody else" in fault.message
    ]
    assert not lost, seed
    return len(records) // 2, heralds // 2


@pytest.mark.parametrize("block", range(2))
def test_random_bins_keep_the_invariants(block: int) -> None:
    """50 runs of 90 calls, seeds 0 to 49."""
    found = [check(seed) for seed in range(25 * block, 25 * block + 25)]
    assert sum(stretches for stretches, _ in found) > 40
    assert sum(pairs for _, pairs in found) > 10


@pytest.mark.slow
def test_many_random_bins_keep_the_invariants() -> None:
    """4000 runs, seeds from 10000."""
    for seed in range(10_000, 14_000):
        check(seed, 90)
