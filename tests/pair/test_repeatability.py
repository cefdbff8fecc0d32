"""The same run twice, shot by shot, in any order of equals; and attempts that are drawn, not stepped."""

from __future__ import annotations

import hashlib
import math
from typing import Any

import pytest

from qdriver.generic import GenericConfig
from qnpu.settings import QnpuSettings
from qruntime.messages import Done
from qruntime.trace import Trace
from qworld.links import DepolariseLink, PerfectLink
from tests.pair.harness import (
    SECOND_NS,
    Bench,
    assert_quiet,
    bits_of,
    keep,
    lines,
    measure,
    pairs_of,
    qubit,
    read_out,
    receive,
)

NOISY = GenericConfig(num_qubits=3, t1_ns=1e6, t2_ns=5e5, readout_error_0=0.02, readout_error_1=0.05)
LINK = DepolariseLink(fidelity=0.9, success_probability=0.2, cycle_ns=1_500, random_bell_state=True)
SIGMAS = 5.0


def busy(seed: int = 0, **options: Any) -> Bench:
    """Two nodes, two programs each, pairs in both directions, gates, measurements and one abort."""
    bench = Bench(
        links={(0, 1): LINK}, device=NOISY, seed=seed, latency_ns=400, cnpu_latency_ns=100, **options
    )
    swap = lines(
        keep(1, ids=(0, 1)),
        "set Q0 0\nset Q1 1\ncnot Q0 Q1\nh Q0",
        read_out(0, "M0"),
        read_out(1, "M1", "Q1"),
    )
    other = lines(receive(0, ids=(0, 1)), "set Q0 0\nset Q1 1", read_out(0, "M0"), read_out(1, "M1", "Q1"))
    bench.program(0, 1, swap).program(1, 1, other)
    args = {2: 2, 3: 3}
    bench.program(1, 2, measure(0, 6, socket=1, args=args), "x Q9", socket=1, at_ns=2_000)
    bench.program(0, 2, receive(1, ids=None, number=6, socket=1), socket=1)
    for node in (0, 1):
        for pid in (1, 2):
            bench.stop(node, pid, SECOND_NS)
    return bench


def digest(bench: Bench, shot: int) -> str:
    """SHA-256 of the trace of one shot, together with everything the programs were told."""
    bench.run(shot)
    trace = Trace()
    trace.begin(0)
    for actor, emit in bench.records:
        trace.on_record(actor, emit)
    assert trace.end()
    told = repr([cnpu.got for cnpu in bench.cnpus])
    return trace.sha256() + hashlib.sha256(told.encode()).hexdigest()


def outcomes(bench: Bench) -> list[Any]:
    return [message for cnpu in bench.cnpus for message in cnpu.done]


def test_same_seed_gives_the_same_trace_and_another_seed_another_one() -> None:
    assert digest(busy(1), 0) == digest(busy(1), 0)
    assert digest(busy(1), 0) != digest(busy(2), 0)


def test_reset_equals_rebuild() -> None:
    bench = busy()
    used = [digest(bench, shot) for shot in (5, 0, 3, 0)]
    fresh = [digest(busy(), shot) for shot in (5, 0, 3, 0)]
    assert used == fresh
    assert used[1] == used[3]
    assert len(set(used)) == 3


def test_reset_equals_rebuild_after_a_run_that_was_cut_short() -> None:
    """Cut in the middle of everything: attempts, corrections, measurements, queues."""
    whole = digest(busy(), 1)
    for until_ns in (0, 401, 3_000, 9_500, 14_000, 33_333, 60_000):
        bench = busy()
        bench.run(7, until_ns=until_ns)
        assert digest(bench, 1) == whole


def test_one_shot_alone_equals_that_shot_in_a_run() -> None:
    run = busy()
    in_run = [digest(run, shot) for shot in range(6)]
    assert [digest(busy(), shot) for shot in (4, 2)] == [in_run[4], in_run[2]]


def test_tracing_changes_no_result() -> None:
    for shot in range(3):
        traced, silent = busy(tracing=True).run(shot), busy(tracing=False).run(shot)
        assert [cnpu.got for cnpu in traced.cnpus] == [cnpu.got for cnpu in silent.cnpus]
        assert not silent.records


def test_trace_holds_integers_and_short_strings_only() -> None:
    for _, emit in busy().run().records:
        assert all(type(x) is int or (type(x) is str and len(x) < 100) for x in emit.data), emit
        assert type(emit.t_ns) is int and type(emit.pid) is int


@pytest.mark.parametrize("start", ["both", "create"])
def test_order_of_equals_changes_no_protocol_outcome(start: Any) -> None:
    """Permuted ranks and jittered latencies: who is served may differ in time, never that all are served."""
    for seed in range(12):
        bench = busy(
            settings=QnpuSettings(epr_start=start),
            rank_seed=seed or None,
            jitter_ns=400 * (seed % 3),
            jitter_seed=seed,
        )
        assert_quiet(bench.run())
        assert [sorted((done.pid, done.subroutine) for done in cnpu.done) for cnpu in bench.cnpus] == [
            [(1, 0), (2, 0)],
            [(1, 0), (2, 0)],
        ]
        assert [abort.fault.code for abort in bench.cnpus[1].aborted] == ["SUBROUTINE"]


def test_switching_one_noise_off_leaves_the_draws_of_others_alone() -> None:
    """Readout error on or off: the same attempts, the same Bell states, the same times of heralds."""
    marks = []
    for device in (NOISY, GenericConfig(num_qubits=3, t1_ns=1e6, t2_ns=5e5)):
        bench = Bench(
            links={(0, 1): LINK}, device=device, seed=3, settings=QnpuSettings(correcting_side="none")
        )
        bench.program(0, 1, keep(ids=(0, 1, 2))).program(1, 1, receive(ids=(0, 1, 2))).run()
        marks.append([pair[8:] for pair in pairs_of(bench.cnpus[0].done[0])])
    assert marks[0] == marks[1]


# --- attempts ----------------------------------------


def attempts_bench(p: float, cycle_ns: float = 1_000, number: int = 1, **options: Any) -> Bench:
    link = DepolariseLink(fidelity=1, success_probability=p, cycle_ns=cycle_ns)
    settings = QnpuSettings(request_timeout_ns=10**15)
    bench = Bench(links={(0, 1): link}, settings=settings, **options)
    return bench.program(0, 1, measure(number=number)).program(1, 1, receive(ids=None, number=number))


def test_number_of_events_does_not_depend_on_the_success_probability() -> None:
    counts = set()
    for p in (1.0, 0.5, 1e-3, 1e-6, 1e-9):
        bench = attempts_bench(p, number=5, tracing=False).run()
        assert len(bench.cnpus[0].done) == 1
        counts.add(bench.kernel.events)
    assert len(counts) == 1


@pytest.mark.parametrize("p", [0.5, 0.02])
def test_attempts_are_geometric(p: float) -> None:
    """N = 3000 pairs, seed 11: mean within 5 sigma of 1/p, and the share of successes within the first 1/p
    attempts within 5 sigma."""
    count = 3_000
    bench = attempts_bench(p, number=count, seed=11).run()
    drawn = [int(emit.data[3]) for emit in bench.emits("LINK_ATTEMPTS") if emit.unit.startswith("alice")]
    assert len(drawn) == count
    mean, sigma = 1 / p, math.sqrt(1 - p) / p
    assert abs(sum(drawn) / count - mean) < SIGMAS * sigma / math.sqrt(count)
    within = 1 - (1 - p) ** round(1 / p)
    share = sum(n <= round(1 / p) for n in drawn) / count
    assert abs(share - within) < SIGMAS * math.sqrt(within * (1 - within) / count)
    assert min(drawn) == 1


def test_generation_takes_attempts_times_cycle() -> None:
    """N = 800 shots, seed 12, p = 0.01, cycle 700 ns: mean within 5 sigma, each a multiple of the cycle."""
    p, cycle_ns, count = 0.01, 700, 800
    bench = attempts_bench(p, cycle_ns, seed=12, tracing=False)
    times = []
    for shot in range(count):
        bench.run(shot)
        made_ns = bench.cnpus[0].time_of(Done) - 10_000  # without its measurement
        assert made_ns % cycle_ns == 0
        times.append(made_ns)
    mean, sigma = cycle_ns / p, cycle_ns * math.sqrt(1 - p) / p
    assert abs(sum(times) / count - mean) < SIGMAS * sigma / math.sqrt(count)


def test_attempts_of_a_fractional_cycle_are_rounded_once() -> None:
    """Attempt k ends at start + round(k * 333.4 ns)."""
    bench = attempts_bench(0.1, 333.4, number=40, seed=2).run()
    stretches = [emit for emit in bench.emits("LINK_ATTEMPTS") if emit.unit.startswith("alice")]
    assert all(int(emit.data[4]) == round(int(emit.data[3]) * 333.4) for emit in stretches)


def test_cancelled_stretch_counts_the_attempts_that_ended() -> None:
    """Attempts of 700 ns from t = 0; alice's program ends at 10 us: 14 of them had ended."""
    bench = attempts_bench(1e-9, 700).stop(0, 1, 10_000).run()
    counted = {emit.data[3:] for emit in bench.emits("LINK_ATTEMPTS")}
    assert counted == {(14, 10_000, 0)}


def test_pairs_are_heralded_in_the_same_nanosecond_at_both_ends() -> None:
    bench = (
        Bench(links={(0, 1): LINK}, latency_ns=900)
        .program(0, 1, keep(ids=(0, 1)))
        .program(1, 1, receive(ids=(0, 1)))
    )
    bench.run()
    ends = [
        [emit.t_ns for emit in bench.emits("QDEVICE_PRODUCE_OUTCOME", node) if emit.pid == -1]
        for node in (0, 1)
    ]
    assert ends[0] == ends[1]
    assert len(ends[0]) == 2


def test_engine_holds_no_qubit_after_a_shot_that_freed_them() -> None:
    """Memory stays flat: everything that was created in 30 shots is gone with the next reset."""
    bench = busy(tracing=False)
    for shot in range(30):
        bench.run(shot)
        assert len(bench.world.engine) <= 6
    bench.kernel.reset(0)
    assert len(bench.world.engine) == 0


def test_repeated_shots_differ_and_average_out() -> None:
    """H and measure, N = 600 shots, seed 0: the share of ones within 5 sigma of one half."""
    bench = Bench(("alice",), tracing=False).program(0, 1, lines(qubit(0, "h {q}"), read_out(0, "M0")))
    bits = [bits_of(bench.run(shot).cnpus[0].done[0])[0] for shot in range(600)]
    assert abs(sum(bits) - 300) < SIGMAS * math.sqrt(600) / 2


def test_perfect_link_without_delay_makes_pairs_in_no_time() -> None:
    bench = Bench(links={(0, 1): PerfectLink(delay_ns=0)}).program(0, 1, keep(ids=(0, 1, 2)))
    bench.program(1, 1, receive(ids=(0, 1, 2))).run()
    assert [cnpu.time_of(Done) for cnpu in bench.cnpus] == [0, 0]
