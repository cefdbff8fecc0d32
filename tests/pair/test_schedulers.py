"""What every scheduling policy keeps, and what each promises, over random workloads: nobody is lost, the
processor is never idle while somebody is ready, results are right, and a run repeats."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from qdriver.generic import GenericConfig
from qnpu.registry import policy, shipped
from qnpu.scheduler import NoOptions, Schedulable, View
from qnpu.settings import QnpuSettings
from qruntime.messages import Register
from qworld.links import DepolariseLink
from tests.pair.harness import Bench, assert_quiet, bits_of, keep, lines, read_out, receive
from tests.pair.test_nv_sharing import check

TICK_NS = 1_000  # cost of a classical instruction here: programs of those can be interrupted at any time
GATE_NS, MEASURE_NS = 700, 1_100
QUICK = GenericConfig(num_qubits=8, t1_ns=0, t2_ns=0, two_qubit_gate_depolarise=0)


class Fickle:
    """A plug-in of somebody else: after the network process anybody, for 2 us at a time."""

    schema = NoOptions
    preemptive = True

    def __init__(self, options: NoOptions) -> None:
        self._dice = random.Random(5)
        self._end_ns = 0

    def decide(self, view: View) -> tuple[Schedulable | None, int | None]:
        if view.ready[0].is_network:
            return view.ready[0], None
        if view.running is not None and view.now_ns < self._end_ns:
            return None, self._end_ns
        self._end_ns = view.now_ns + 2_000
        return self._dice.choice(list(view.ready)), None

    def ran(self, process: Schedulable, ns: int) -> None:
        pass


OPTIONS: dict[str, dict[str, Any]] = {
    "round_robin": {"quantum_ns": 5_000},
    "fair_share": {"min_slice_ns": 5_000},
}
POLICIES = [*shipped(), f"{__name__}:Fickle"]


def settings(name: str, **other: Any) -> QnpuSettings:
    costs = {"classical_instruction_ns": TICK_NS, "gate_ns": GATE_NS, "measure_ns": MEASURE_NS, **other}
    return QnpuSettings(scheduler=name, scheduler_options=OPTIONS.get(name, {}), **costs)


def alone(name: str, **other: Any) -> Bench:
    """One node; its device takes no time for gates."""
    device = msgspec.structs.replace(QUICK, single_qubit_gate_ns=0, init_ns=0, measure_ns=4_000)
    return Bench(("alice",), device=device, settings=settings(name, **other))


def busy(instructions: int) -> str:
    """A subroutine that has the processor for so many ticks."""
    return "set R3 5\n" * instructions


def add(bench: Bench, pid: int, text: str, at_ns: int = 0, **more: Any) -> None:
    """A process of one subroutine."""
    bench.at(0, at_ns, Register(pid, f"p{pid}", 3, **more))
    bench.submit(0, pid, 0, text, at_ns)


def changes(bench: Bench, node: int = 0) -> list[tuple[int, str, int]]:
    """(time, what, pid) of everything that changes who is ready and who runs."""
    kinds = {
        "SCHEDULER_ARRIVE_USER_PROCESS": "ready", "PROCESSOR_START_USER_PROCESS": "start",
        "PROCESSOR_WAIT_USER_PROCESS": "stop", "PROCESSOR_PREEMPT_USER_PROCESS": "displaced",
        "PROCESSOR_FINISH_USER_PROCESS": "stop", "PROCMGR_SUBROUTINE_ABORTED": "stop",
    }  # fmt: skip
    mine = bench.nodes[node] + "/qnpu"
    emits = [emit for actor, emit in bench.records if actor == mine and emit.event in kinds]
    return [(emit.t_ns, kinds[emit.event], emit.pid) for emit in emits]


def turns(bench: Bench, node: int = 0) -> list[tuple[int, int, int]]:
    """(begin, end, pid) of every time that somebody had the processor."""
    found: list[tuple[int, int, int]] = []
    begun: tuple[int, int] | None = None
    for t_ns, what, pid in changes(bench, node):
        if what == "start":
            assert begun is None, "two processes run"
            begun = t_ns, pid
        elif what != "ready" and begun is not None and begun[1] == pid:
            found.append((begun[0], t_ns, pid))
            begun = None
    assert begun is None
    return found


def waits(bench: Bench, node: int = 0) -> list[tuple[int, int, int]]:
    """(begin, end, pid) of every time that somebody was ready and did not run."""
    found = []
    since: dict[int, int] = {}
    for t_ns, what, pid in changes(bench, node):
        if what == "ready":
            since[pid] = t_ns
        elif what == "start":
            found.append((since.pop(pid), t_ns, pid))
        elif what == "stop":
            since.pop(pid, None)
    assert not since, "a process is ready and never runs"
    return found


def assert_conserves_work(bench: Bench, node: int) -> None:
    """While somebody is ready, somebody runs."""
    busy_until = 0
    spans = sorted(turns(bench, node))
    for begin, end, pid in sorted(waits(bench, node)):
        if begin == end:
            continue
        at_ns = begin
        for start, stop, _ in spans:
            if start <= at_ns < stop:
                at_ns = stop
        assert at_ns >= end, f"process {pid} is ready at {at_ns} and nobody runs"
        busy_until = max(busy_until, at_ns)


def mixed(name: str, seed: int) -> tuple[Bench, dict[tuple[int, int], int]]:
    """Up to four local programs per node whose outcome is known, and two pairs of programs that share
    entanglement; what the local ones must measure, by node and pid."""
    rng = random.Random(seed)
    link = DepolariseLink(fidelity=1.0, success_probability=0.3, cycle_ns=3_000)
    bench = Bench(
        device=QUICK, links={(0, 1): link}, settings=settings(name, request_timeout_ns=10**12), seed=seed,
        latency_ns=rng.choice((0, 500)), jitter_ns=rng.choice((0, 700)), jitter_seed=seed,
    )  # fmt: skip
    wanted = {}
    for node in (0, 1):
        for pid in range(10, 10 + rng.randrange(1, 5)):
            flips = rng.randrange(12)
            text = "set Q0 0\nqalloc Q0\ninit Q0\n"
            text += "x Q0\n" * flips + busy(rng.randrange(8)) + "meas Q0 M0\nqfree Q0\nret_reg M0"
            at_ns = rng.randrange(40_000)
            deadline = rng.choice((None, at_ns + rng.randrange(200_000)))
            bench.at(node, at_ns, Register(pid, "local", 3, deadline_ns=deadline, weight=rng.randrange(1, 9)))
            for number in range(2):
                bench.submit(node, pid, number, text, at_ns)
            wanted[node, pid] = flips % 2
    for socket in (0, 1):
        for node, text in ((0, keep(socket=socket)), (1, receive(socket=socket))):
            at_ns = rng.randrange(40_000)
            bench.program(node, socket, lines(text, read_out(0, "M0")), socket=socket, at_ns=at_ns)
    for node in (0, 1):
        for pid in (0, 1, *(p for n, p in wanted if n == node)):
            bench.stop(node, pid, 10**9)
    return bench, wanted


@pytest.mark.parametrize("name", POLICIES)
def test_nobody_is_lost_results_are_right_and_the_processor_is_never_idle(name: str) -> None:
    """30 workloads, seeds 0 to 29."""
    interrupted = 0
    for seed in range(30):
        bench, wanted = mixed(name, seed)
        bench.run(seed)
        assert_quiet(bench)
        for (node, pid), bit in wanted.items():
            done = [m for m in bench.cnpus[node].done if m.pid == pid]
            assert [bits_of(m) for m in done] == [[bit], [bit]]
        for socket in (0, 1):
            ends = [[bits_of(m) for m in cnpu.done if m.pid == socket] for cnpu in bench.cnpus]
            assert ends[0] == ends[1] and len(ends[0]) == 1, "a noiseless pair gives equal bits"
        for node in (0, 1):
            assert_conserves_work(bench, node)
        interrupted += len(bench.emits("PROCESSOR_PREEMPT_USER_PROCESS"))
    assert (interrupted > 0) == policy(name).preemptive


@pytest.mark.parametrize("name", POLICIES)
def test_network_process_waits_only_for_an_outcome_or_under_the_policy_that_never_preempts(name: str) -> None:
    late = 0
    for seed in range(30):
        bench, _ = mixed(name, seed)
        bench.run(seed)
        for node in (0, 1):
            arrived = [emit.t_ns for emit in bench.emits("SCHEDULER_ARRIVE_NET_PROCESS", node)]
            chosen = [emit.t_ns for emit in bench.emits("SCHEDULER_SCHEDULE_NET_PROCESS", node)]
            waited = len(bench.emits("SCHEDULER_HIGH_PRIO_PROCESS_WAITS_ON_LOWER_PRIO", node))
            assert len(arrived) == len(chosen)
            late_here = sum(begin < end for begin, end in zip(arrived, chosen, strict=True))
            assert late_here <= waited
            late += late_here
            if policy(name).preemptive:
                longest_ns = QUICK.measure_ns + 20 * QUICK.single_qubit_gate_ns
                assert all(end - begin <= longest_ns for begin, end in zip(arrived, chosen, strict=True))
    assert late > 0 or policy(name).preemptive


@pytest.mark.parametrize("name", POLICIES)
def test_run_repeats(name: str) -> None:
    first, again, other = (mixed(name, seed)[0].run(seed).records for seed in (3, 3, 4))
    assert first == again != other


@pytest.mark.parametrize("batch", [None, 1, 3])
@pytest.mark.parametrize("name", POLICIES)
def test_shared_nv_centre_stays_consistent(name: str, batch: int | None) -> None:
    """20 runs of random calls on NV centres, seeds 0 to 19: nothing overlaps, nothing is left."""
    done = 0
    for seed in range(20):
        options = {"quantum_ns": 700} if name == "round_robin" else {}
        bench = check(seed, scheduler=name, scheduler_options=options, attempt_batch=batch)
        assert_quiet(bench)
        done += sum(len(cnpu.done) for cnpu in bench.cnpus)
    assert done > 200


# --- what each promises -----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(20))
def test_first_come_is_first_served_by_default(seed: int) -> None:
    rng = random.Random(seed)
    bench = alone("qnodeos")
    arrivals = rng.sample(range(60_000), 6)
    for pid, at_ns in enumerate(arrivals):
        add(bench, pid, busy(rng.randrange(1, 30)), at_ns)
    bench.run()
    order = [pid for _, _, pid in sorted(turns(bench))]
    assert order == sorted(range(6), key=lambda pid: arrivals[pid])


@pytest.mark.parametrize("measures", [False, True])
@pytest.mark.parametrize("seed", range(10))
def test_round_robin_bounds_every_wait(seed: int, measures: bool) -> None:
    """n - 1 turns of a quantum, and what cannot be interrupted at the end of each."""
    rng = random.Random(seed)
    bench = alone("round_robin")
    n = rng.randrange(2, 7)
    outcome_ns = 4_000 if measures else 0
    measure = "meas Q0 M0\n" if measures else ""
    for pid in range(n):
        text = "set Q0 0\nqalloc Q0\ninit Q0\n"
        text += "".join(busy(rng.randrange(9)) + measure for _ in range(rng.randrange(1, 12)))
        add(bench, pid, text + "qfree Q0", rng.randrange(20_000))
    bench.run()
    assert len(bench.cnpus[0].done) == n
    longest = max(end - begin for begin, end, _ in waits(bench))
    assert longest <= (n - 1) * (5_000 + outcome_ns)


@pytest.mark.parametrize("seed", range(40))
def test_edf_meets_every_deadline_of_a_feasible_set(seed: int) -> None:
    """Deadlines are the times at which some order of running, by random priorities, is done; what an
    interruption costs is nothing."""
    rng = random.Random(seed)
    tasks = [(rng.randrange(80) * TICK_NS, rng.randrange(1, 25)) for _ in range(rng.randrange(2, 9))]
    deadlines = witness(tasks, rng)
    bench = alone("edf")
    for pid, (at_ns, ticks) in enumerate(tasks):
        add(bench, pid, busy(ticks), at_ns, deadline_ns=deadlines[pid])
    background = len(tasks)  # no deadline: after all others
    add(bench, background, busy(300))
    bench.run()
    done = {message.pid: t_ns for t_ns, message in bench.cnpus[0].got}
    assert all(done[pid] <= deadline for pid, deadline in enumerate(deadlines))
    assert max(done, key=lambda pid: done[pid]) == background


def witness(tasks: list[tuple[int, int]], rng: random.Random) -> list[int]:
    """When each task is done if the processor is given, tick by tick, to the first of a random order."""
    order = rng.sample(range(len(tasks)), len(tasks))
    left = [ticks for _, ticks in tasks]
    done = [0] * len(tasks)
    t_ns = 0
    while any(left):
        chosen = next((k for k in order if left[k] and tasks[k][0] <= t_ns), None)
        t_ns += TICK_NS
        if chosen is not None:
            left[chosen] -= 1
            done[chosen] = t_ns
    return done


def test_edf_orders_equal_deadlines_by_priority_and_lets_those_without_one_starve() -> None:
    bench = alone("edf")
    add(bench, 1, busy(5))
    add(bench, 2, busy(5), priority=1)
    add(bench, 3, busy(5), deadline_ns=10**9)
    add(bench, 4, busy(50), 2_000, deadline_ns=10**8)
    bench.run()
    assert [message.pid for message in bench.cnpus[0].done] == [4, 3, 2, 1]


@pytest.mark.parametrize("seed", range(20))
def test_fair_share_gives_time_in_the_ratio_of_weights(seed: int) -> None:
    """At any end of a turn while all are ready, processor time over weight differs by at most the longest
    turn of each over its weight."""
    rng = random.Random(seed)
    bench = alone("fair_share")
    weights = [rng.randrange(1, 10) for _ in range(rng.randrange(2, 6))]
    for pid, weight in enumerate(weights):
        add(bench, pid, busy(150 * weight), weight=weight)
    bench.run()
    had = [0] * len(weights)
    longest = [max(end - begin for begin, end, p in turns(bench) if p == pid) for pid in range(len(weights))]
    first_done_ns = min(t_ns for t_ns, _ in bench.cnpus[0].got)
    for begin, end, pid in turns(bench):
        had[pid] += end - begin
        if end >= first_done_ns:
            break
        for a in range(len(weights)):
            for b in range(a):
                bound = longest[a] / weights[a] + longest[b] / weights[b] + 1
                assert abs(had[a] / weights[a] - had[b] / weights[b]) <= bound
    assert max(longest) < 3 * 5_000 * max(weights)


def test_fair_share_lets_nobody_save_up() -> None:
    """Process 2 comes after 200 us: from then on both get half, instead of all for the newcomer."""
    bench = alone("fair_share")
    add(bench, 1, busy(300))
    add(bench, 2, busy(100), 200_000)
    bench.run()
    done = {message.pid: t_ns for t_ns, message in bench.cnpus[0].got}
    assert 200_000 + 2 * 100_000 - 15_000 <= done[2] <= 200_000 + 2 * 100_000 + 15_000
    assert all(end - begin <= 10_000 for begin, end, pid in turns(bench) if begin > 200_000 and pid == 2)


@pytest.mark.parametrize("name", ["round_robin", "fair_share"])
def test_short_program_is_not_starved_by_long_ones(name: str) -> None:
    bench = alone(name)
    for pid in range(5):
        add(bench, pid, busy(2_000))
    add(bench, 9, busy(3), 50_000)
    bench.run()
    done = {message.pid: t_ns for t_ns, message in bench.cnpus[0].got}
    assert done[9] <= 50_000 + 6 * 10_000


def test_process_interrupted_by_the_network_process_goes_on_with_its_turn() -> None:
    """Bob's classical program is displaced only at the ends of its quanta, whatever pairs come meanwhile."""
    link = DepolariseLink(fidelity=1.0, success_probability=1.0, cycle_ns=1_300)
    bench = Bench(device=QUICK, links={(0, 1): link}, settings=settings("round_robin"))
    bench.program(0, 0, keep(ids=(0, 1, 2))).program(1, 0, receive(ids=(0, 1, 2)))
    bench.program(1, 5, busy(40), peers=()).program(1, 6, busy(40), peers=())
    bench.run()
    spans = sorted(span for span in turns(bench, 1) if span[2] in (5, 6))
    merged = [list(spans[0])]
    for begin, end, pid in spans[1:]:
        if begin == merged[-1][1] and pid == merged[-1][2]:
            merged[-1][1] = end
        else:
            merged.append([begin, end, pid])
    assert len(merged) < len(spans), "it was interrupted"
    lengths = [end - begin for begin, end, _ in merged]
    assert lengths[:-2] and set(lengths[:-2]) == {5_000}
    assert all(later[2] != earlier[2] for earlier, later in pairwise(merged[:-1]))
