"""An NV centre shared by programs and by attempts: nothing overlaps, nothing is lost, everybody goes on."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

import pytest

from qdriver.nv import NvConfig
from qnpu.quotas import Quotas
from qnpu.settings import QnpuSettings
from qworld.links import DepolariseLink, Link, PerfectLink
from tests.pair.harness import (
    NOISELESS,
    Bench,
    assert_quiet,
    bits_of,
    keep,
    lines,
    qubit,
    read_out,
    receive,
)
from tests.pair.test_fuzz import random_calls, watch

QUICK = {
    "electron_t1_ns": 0, "electron_t2_ns": 0, "electron_init_ns": 100, "electron_init_depolarise": 0,
    "electron_gate_ns": 5, "measure_ns": 300, "readout_error_0": 0, "readout_error_1": 0,
    "carbon_t1_ns": 0, "carbon_t2_ns": 0, "carbon_init_ns": 900, "carbon_init_depolarise": 0,
    "carbon_rot_xy_ns": 400, "carbon_rot_xy_depolarise": 0, "carbon_rot_z_ns": 300,
    "carbon_rot_z_depolarise": 0, "electron_carbon_ns": 700, "electron_carbon_depolarise": 0,
}  # fmt: skip
HERALDED = "measure_pair"


def nv(num_qubits: int = 3, **parameters: float | str) -> NvConfig:
    return NvConfig(num_qubits=num_qubits, **(QUICK | parameters))  # type: ignore[arg-type]


def stretches(bench: Bench, node: int) -> list[tuple[int, int]]:
    """Begin and end of each stretch of attempts of a node that had come to its first attempt."""
    found = []
    for emit in bench.emits("LINK_ATTEMPTS", node):
        elapsed = int(emit.data[4])
        if elapsed > 0:
            found.append((emit.t_ns, emit.t_ns + elapsed))
    return sorted(found)


def operations(bench: Bench, node: int) -> list[tuple[int, int, str]]:
    """Begin, end and name of each operation of a node's device; what takes no time cannot overlap.

    The readout of a pair that is measured at once belongs to the attempt: an operation that the OS asked for
    just before it heard of the herald may overlap it.
    """
    found = [
        (emit.t_ns, emit.t_ns + int(emit.data[3]), str(emit.data[0]))
        for emit in bench.emits("QDEVICE_CONSUME_CMD", node)
    ]
    return sorted(
        found_one for found_one in found if found_one[1] > found_one[0] and found_one[2] != HERALDED
    )


def assert_exclusive(bench: Bench, node: int) -> int:
    """No operation of the device overlaps another, or a stretch of attempts, nor do two stretches; how many
    operations and stretches there were."""
    taken = [(begin, end, "attempts") for begin, end in stretches(bench, node)] + operations(bench, node)
    taken.sort()
    for (begin, end, what), (later, until, other) in pairwise(taken):
        assert later >= end, f"{what} {begin}..{end} overlaps {other} {later}..{until}"
    return len(taken)


def check(seed: int, count: int = 60, **os: Any) -> Bench:
    """Two to four programs on two or three nodes, most of them NV centres, with random calls; `os` are more
    settings of the QNPUs."""
    rng = random.Random(seed)
    nodes = ("alice", "bob", "charlie")[: rng.choice((2, 2, 3))]
    models: list[Link] = [
        PerfectLink(delay_ns=2_000),
        DepolariseLink(fidelity=0.9, success_probability=0.05, cycle_ns=700, random_bell_state=True),
        DepolariseLink(fidelity=0.9, success_probability=0.3, cycle_ns=1_300.7, bell_states=(1, 2)),
    ]
    link = rng.choice(models)
    links = {(a, b): link for a in range(len(nodes)) for b in range(a + 1, len(nodes))}
    settings = QnpuSettings(
        epr_start=rng.choice(["both", "create"]),
        correcting_side=rng.choice(["receiver", "creator", "none"]),
        gate_ns=rng.choice((0, 500)),
        measure_ns=rng.choice((0, 700)),
        request_ns=rng.choice((0, 3_000)),
        request_timeout_ns=300_000,
        unclaimed_timeout_ns=50_000,
        accept_grace_ns=40_000,
        quotas=Quotas(instruction_budget=500),
        **os,
    )
    device = nv(
        rng.choice((1, 2, 3, 4)),
        tick_ns=rng.choice((0, 0, 1_000)),
        mov=rng.choice(("directed", "cnots")),
    )
    mixed = {1: NOISELESS} if rng.random() < 0.3 else None
    bench = Bench(
        nodes, links, device=device, devices=mixed, settings=settings, seed=seed,
        latency_ns=rng.choice((0, 300, 2_000)), cnpu_latency_ns=rng.choice((0, 100)),
        jitter_ns=rng.choice((0, 5_000)), jitter_seed=seed, rank_seed=rng.choice((None, seed)),
    )  # fmt: skip
    random_calls(rng, bench, count, rng.choice((20_000, 200_000, 1_000_000)))
    watch(bench)
    bench.run(seed)
    for node in range(len(nodes)):
        if mixed is None or node not in mixed:
            assert_exclusive(bench, node)
    return bench


@pytest.mark.parametrize("block", range(5))
def test_no_operation_overlaps_attempts_whatever_programs_do(block: int) -> None:
    """250 runs of 60 random calls of three programs per node, seeds 0 to 249; jitter, clocks, permuted ranks
    and generic peers among them. The invariants of the OS hold after each event, and nothing is left."""
    pairs = done = moves = attempted = 0
    for seed in range(50 * block, 50 * block + 50):
        bench = check(seed)
        assert_quiet(bench)
        pairs += sum(link.serial for link in bench.world._links.values())
        done += sum(len(cnpu.done) for cnpu in bench.cnpus)
        moves += len(bench.emits("MEMORY_MOVE")) + len(bench.emits("MEMORY_SWAP"))
        attempted += sum(len(stretches(bench, node)) for node in range(len(bench.nodes)))
    assert pairs > 50 and done > 300 and moves > 50 and attempted > 100


# --- who has the device ---------------------------------------------------------------------------------


BUSY_NS = 900 + 500 * 400


def meanwhile(link: Link, bob_is_busy: bool = False) -> Bench:
    """Program 1 asks Bob for a pair; from 50 us on program 2 turns a carbon, without any need of Bob.

    Bob's device may be busy with gates at first, so that it cannot attempt.
    """
    bench = Bench(device=nv(3), links={(0, 1): link}, settings=QnpuSettings(epr_start="create"))
    if bob_is_busy:
        bench.program(1, 2, qubit(1, *["x {q}"] * 500), peers=(), at_ns=0)
    bench.program(0, 1, keep(), at_ns=1).program(1, 1, receive(), at_ns=1)
    return bench.program(0, 2, qubit(1, "x {q}"), peers=(), at_ns=50_000).run()


def begun_ns(bench: Bench) -> int:
    """When Alice's device took the first operation of program 2."""
    return min(emit.t_ns for emit in bench.emits("QDEVICE_CONSUME_CMD", 0))


def test_device_that_attempts_with_its_peer_is_not_to_be_had_before_the_herald() -> None:
    bench = meanwhile(DepolariseLink(fidelity=1, success_probability=1, cycle_ns=400_000))
    assert stretches(bench, 0) == [(1, 400_001)]
    assert begun_ns(bench) == 400_001


def test_device_whose_peer_does_not_attempt_is_to_be_had_after_the_first_attempt() -> None:
    """Alice hears with her first attempt, 20 us after it began, that Bob is busy with gates; program 2 then
    has her device at once, and the pair is made all the same."""
    link = DepolariseLink(fidelity=1, success_probability=1, cycle_ns=20_000)
    bench = meanwhile(link, bob_is_busy=True)
    assert begun_ns(bench) == 50_000
    assert stretches(bench, 0) == [(BUSY_NS, BUSY_NS + 20_000)]
    assert [len(cnpu.done) for cnpu in bench.cnpus] == [2, 2]


def test_device_that_does_not_know_yet_whether_it_has_company_is_not_to_be_had() -> None:
    """The first attempt lasts until 120 us; program 2 asks at 50 us and waits for its end."""
    link = DepolariseLink(fidelity=1, success_probability=1, cycle_ns=120_000)
    bench = meanwhile(link, bob_is_busy=True)
    assert begun_ns(bench) == 120_001
    assert stretches(bench, 0) == [(BUSY_NS, BUSY_NS + 120_000)]
    assert [len(cnpu.done) for cnpu in bench.cnpus] == [2, 2]


def test_peer_that_will_attempt_when_its_gates_are_done_is_no_company_until_then() -> None:
    """Bob's OS has asked for the pair, behind 500 gates: Alice's first attempts are alone all the same."""
    link = DepolariseLink(fidelity=1, success_probability=1, cycle_ns=20_000)
    bench = Bench(device=nv(3), links={(0, 1): link}, settings=QnpuSettings(epr_start="both"))
    bench.program(1, 1, lines(qubit(1, *["x {q}"] * 500), receive())).program(0, 1, keep())
    bench.program(0, 2, qubit(1, "x {q}"), peers=(), at_ns=50_000).run()
    assert begun_ns(bench) == 50_000
    assert stretches(bench, 0) == [(BUSY_NS, BUSY_NS + 20_000)]
    assert [len(cnpu.done) for cnpu in bench.cnpus] == [2, 1]


def test_device_that_gets_company_later_is_not_to_be_had_from_then_on() -> None:
    """Bob's device is free at last and attempts for 400 us: program 2, which comes in the middle, waits."""
    link = DepolariseLink(fidelity=1, success_probability=0.01, cycle_ns=40_000)
    bench = Bench(device=nv(3), links={(0, 1): link}, settings=QnpuSettings(epr_start="create"))
    bench.program(1, 2, qubit(1, *["x {q}"] * 500), peers=(), at_ns=0)
    bench.program(0, 1, keep(), at_ns=1).program(1, 1, receive(), at_ns=1)
    bench.program(0, 2, qubit(1, "x {q}"), peers=(), at_ns=BUSY_NS + 45_000).run()
    ((begin, end),) = stretches(bench, 0)
    assert begin == BUSY_NS and end > BUSY_NS + 80_000, "more than two attempts"
    assert begun_ns(bench) == end


def test_pair_waits_for_its_correction_like_any_gate() -> None:
    """Psi+ heralded at an NV centre: the correcting side turns its electron by native rotations."""
    link = DepolariseLink(fidelity=1, success_probability=1, cycle_ns=1_000, bell_states=(1,))
    bench = Bench(device=nv(2), links={(0, 1): link})
    bench.program(0, 1, keep(), read_out(0, "M0")).program(1, 1, receive(), read_out(0, "M0")).run()
    assert bench.starts(1)[0] == ("rot_x", 1_000)
    one, other = (bits_of(cnpu.done[1]) for cnpu in bench.cnpus)
    assert one == other
