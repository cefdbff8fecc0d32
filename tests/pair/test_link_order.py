"""Several requests on one link: which is served first, what shares they get, and that both ends mean the same
one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netqasm_isa.epr import ArgsIndex
from qdriver.generic import GenericConfig
from qnpu.linkorder import PRIORITIES
from qnpu.settings import QnpuSettings
from qworld.links import DepolariseLink
from tests.pair.harness import (
    Bench,
    assert_quiet,
    assert_same_order,
    keep,
    lines,
    measure,
    read_out,
    receive,
)

DEVICE = GenericConfig(num_qubits=8, t1_ns=0, t2_ns=0, two_qubit_gate_depolarise=0)
LINK = DepolariseLink(fidelity=1, success_probability=0.2, cycle_ns=1000)
SCHEDULERS = ("fifo", "strict_priority", "weighted_fair")
STOP_NS = 10**9


def bench_of(scheduler: str, weights: tuple[int, ...] = (1, 3), **options: Any) -> Bench:
    settings = QnpuSettings(link_scheduler=scheduler, link_weights=list(weights))  # type: ignore[arg-type]
    return Bench(links={(0, 1): LINK}, device=DEVICE, settings=settings, **options)


def measured(bench: Bench, pid: int, priority: int, number: int, at_ns: int = 0, creator: int = 0) -> None:
    """A request of type M by programs `pid` at both ends, on sockets of their own."""
    args = {ArgsIndex.PRIORITY: priority}
    ask = measure(1 - creator, number, args=args, socket=pid, ret=False)
    offer = receive(creator, None, number=number, socket=pid, ret=False)
    bench.program(creator, pid, ask, socket=pid, at_ns=at_ns)
    bench.program(1 - creator, pid, offer, socket=pid, at_ns=at_ns)


def made(bench: Bench, node: int = 0) -> list[tuple[int, int]]:
    """(time, pid) of every measured pair that a node delivered, in order."""
    return [(emit.t_ns, emit.pid) for emit in bench.emits("EGP_ENM_OK", node)]


def heralds(bench: Bench, queue: int) -> list[int]:
    """When the pairs of one queue were made."""
    stretches = [emit for emit in bench.emits("LINK_ATTEMPTS", 0) if emit.data[0] == queue and emit.data[5]]
    return [emit.t_ns + int(emit.data[4]) for emit in stretches]


@pytest.mark.parametrize("weights", [(1, 3), (2, 1), (1, 1)])
def test_weighted_fair_shares_over_a_long_run_are_the_weights(weights: tuple[int, int]) -> None:
    # N = 4000 attempts' worth of pairs, seed 5; the attempts of one class vary by 1/sqrt(pairs): 5 sigma
    bench = bench_of("weighted_fair", weights, seed=5)
    for pid, priority in ((1, 0), (2, 1)):
        measured(bench, pid, priority, 1000)
    bench.run()
    pids = [pid for _, pid in made(bench)]
    both = min(len(pids) - 1 - pids[::-1].index(pid) for pid in (1, 2))  # while neither is through
    counts = [pids[:both].count(pid) for pid in (1, 2)]
    share = counts[0] / sum(counts)
    expected = weights[0] / sum(weights)
    sigma = (expected * (1 - expected) / sum(counts)) ** 0.5 * 2**0.5
    assert abs(share - expected) < 5 * sigma, (share, expected, counts)


def test_fifo_serves_the_older_request_to_its_end() -> None:
    bench = bench_of("fifo")
    for pid, priority in ((1, 0), (2, 5)):
        measured(bench, pid, priority, 20)
    bench.run()
    assert [pid for _, pid in made(bench)] == [1] * 20 + [2] * 20


def test_strict_priority_interrupts_a_lower_request_and_goes_back_to_it() -> None:
    bench = bench_of("strict_priority", latency_ns=500)
    measured(bench, 1, 0, 200)
    measured(bench, 2, 1, 20, at_ns=100_000)
    bench.run()
    low, high = (heralds(bench, PRIORITIES - 1 - priority) for priority in (0, 1))
    assert len(low) == 200 and len(high) == 20
    agreed_ns = 100_000 + 2 * 500
    assert not [t for t in low if agreed_ns < t < high[-1]]
    assert low[0] < 100_000 and low[-1] > high[-1]


@pytest.mark.parametrize("scheduler", SCHEDULERS)
@pytest.mark.parametrize("creator", [0, 1])
def test_atomic_request_in_service_is_not_interleaved(scheduler: str, creator: int) -> None:
    bench = bench_of(scheduler, latency_ns=2_000)
    ids = tuple(range(4))
    ask = keep(1 - creator, ids, args={ArgsIndex.ATOMIC: 1}, socket=1)
    bench.program(creator, 1, lines(ask, *(read_out(i, f"M{i}") for i in ids)), socket=1)
    offer = receive(creator, ids, socket=1)
    bench.program(1 - creator, 1, lines(offer, *(read_out(i, f"M{i}") for i in ids)), socket=1)
    measured(bench, 2, 9, 20, at_ns=8_000, creator=1 - creator)
    bench.run()
    atomic = [emit.t_ns for emit in bench.emits("EGP_ENT_OK", 0)]
    assert len(atomic) == 4
    other = [t for t, _ in made(bench)]
    assert len(other) == 20
    assert atomic[0] < min(other, default=0), "the atomic request was not in service first"
    assert not [t for t in other if atomic[0] < t < atomic[-1]]


REQUESTS = st.lists(
    st.tuples(
        st.integers(0, 1),  # creator
        st.integers(0, 4),  # priority
        st.integers(1, 6),  # pairs
        st.integers(0, 60_000),  # when
        st.booleans(),  # keep
    ),
    min_size=2,
    max_size=6,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(REQUESTS, st.sampled_from(SCHEDULERS), st.sampled_from([0, 700, 9_000]), st.integers(0, 9))
def test_both_ends_prefer_the_same_item_whenever_they_hold_the_same(
    asked: list[tuple[int, int, int, int, bool]], scheduler: str, latency_ns: int, seed: int
) -> None:
    bench = bench_of(scheduler, (1, 2, 0, 5), latency_ns=latency_ns, jitter_ns=300, seed=seed)
    compared = assert_same_order(bench)
    for pid, (creator, priority, number, at_ns, keeps) in enumerate(asked):
        if not keeps:
            measured(bench, pid, priority, number, at_ns, creator)
            continue
        rounds = [f"wait_all @0[{10 * i}:{10 * i + 10}]\n" + read_out(0, "M0") for i in range(number)]
        args = {ArgsIndex.PRIORITY: priority}
        same_id = (0,) * number
        ask = keep(1 - creator, same_id, args=args, socket=pid, wait=False, ret=False)
        offer = receive(creator, same_id, socket=pid, wait=False, ret=False)
        bench.program(creator, pid, lines(ask, *rounds), socket=pid, at_ns=at_ns)
        bench.program(1 - creator, pid, lines(offer, *rounds), socket=pid, at_ns=at_ns)
    for pid in range(len(asked)):
        bench.stop(0, pid, STOP_NS).stop(1, pid, STOP_NS)
    bench.run()
    assert not any(cnpu.faults for cnpu in bench.cnpus)
    assert compared[0] >= sum(number for _, _, number, _, _ in asked)
    assert_quiet(bench)


# --- not before both ends are sure to hold it ----------------------------------------


@pytest.mark.parametrize(
    ("latency_ns", "cycle_ns", "slack_ns"), [(1_000, 500, 0), (1_000, 500, 700), (10, 5_000, 30), (0, 800, 0)]
)
@pytest.mark.parametrize("creator", [0, 1])
def test_with_slack_attempts_begin_when_the_add_could_have_been_said_three_times(
    latency_ns: int, cycle_ns: int, slack_ns: int, creator: int
) -> None:
    def first_attempt_ns(slack_ns: int | None) -> int:
        bench = Bench(
            links={(0, 1): DepolariseLink(fidelity=1, success_probability=1, cycle_ns=cycle_ns)},
            device=DEVICE, settings=QnpuSettings(agreement_slack_ns=slack_ns), latency_ns=latency_ns,
        )  # fmt: skip
        measured(bench, 1, 0, 1, creator=creator)
        bench.run()
        assert not any(cnpu.faults for cnpu in bench.cnpus)
        return bench.emits("LINK_ATTEMPTS", 0)[0].t_ns

    # the receiver counts from when the ADD came
    assert first_attempt_ns(slack_ns) == latency_ns + max(18 * latency_ns, cycle_ns) + slack_ns
    assert first_attempt_ns(None) == 2 * latency_ns
