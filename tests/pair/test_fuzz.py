"""Random bytes, mutated programs and random orders of system calls: nothing raises, hangs, leaks or mixes up
owners."""

from __future__ import annotations

import random
import resource
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from netqasm_isa import assemble, decode, instruction_set
from netqasm_isa.epr import EprType
from qdriver.generic import GenericConfig
from qdriver.ion import IonConfig
from qnpu.quotas import Quotas
from qnpu.settings import QnpuSettings
from qruntime.actors import Arrival, Effect, Event, Message
from qruntime.messages import (
    Cancel,
    LinkAbandon,
    LinkAck,
    LinkAdd,
    LinkClaim,
    LinkExpire,
    LinkExpireAck,
    LinkReceipt,
    LinkReject,
    LinkRequest,
    LinkWithdraw,
    OpenEprSocket,
    ReadMemory,
    Register,
    Status,
    Submit,
)
from qruntime.qdevice import Herald, Outcome
from qworld.links import DepolariseLink, Link, PerfectLink
from tests.pair.harness import (
    MILLISECOND_NS,
    Bench,
    DeviceParameters,
    assert_consistent,
    assert_quiet,
    keep,
    lines,
    measure,
    prepare,
    qubit,
    read_out,
    receive,
)
from tests.pair.test_sdk_streams import STREAMS

SETTINGS = QnpuSettings(
    quotas=Quotas(instruction_budget=300),
    request_timeout_ns=2 * MILLISECOND_NS,
    unclaimed_timeout_ns=MILLISECOND_NS // 2,
    accept_grace_ns=100_000,
)

GENERIC = GenericConfig(num_qubits=3, t1_ns=0, t2_ns=0)
VALID = [
    lines(
        qubit(0, "h {q}"), qubit(1, register="Q1"), "cnot Q0 Q1", read_out(0, "M0"), read_out(1, "M1", "Q1")
    ),
    keep(),
    keep(ids=(0, 0)),
    measure(number=2),
    prepare(),
    receive(1),
    receive(1, ids=None, number=2),
    lines(keep(wait=False, ret=False), "set Q0 0\nmeas Q0 M0\nqfree Q0\nret_reg M0"),
    "set R0 0\nset R1 9\nset R2 1\nLOOP:\nadd R0 R0 R2\nblt R0 R1 LOOP\nret_reg R0",
    lines("array 5 @3\nstore 1 @3[0]\nload R5 @3[0]\nundef @3[0]\nwait_any @3[0:5]"),
    lines(
        qubit(0), qubit(1, register="Q1"), "mov Q0 Q1\nswp Q0 Q1\nmeas_basis Q1 M3 1 2 3 4\nbreakpoint 1 0"
    ),
]
CORPUS = [assemble(text).encode() for text in VALID] + [
    bytes.fromhex(message["hex"])[1:]
    for stream in STREAMS.values()
    for message in stream["messages"]
    if message["type"] == "Subroutine"
]
ROWS = {flavour: list(instruction_set(flavour).values()) for flavour in ("vanilla", "trapped_ion")}


def random_subroutine(rng: random.Random, flavour: str = "vanilla") -> bytes:
    """Random instructions, operands mostly small, with branch targets inside."""
    length = rng.randrange(0, 24)
    instructions: list[tuple[int, ...]] = []
    for _ in range(length):
        row = rng.choice(ROWS[flavour])
        operands = []
        for position, field in enumerate(row.layout.fields, start=1):
            high = min(
                row.limits.get(row.names[position - 1], field.high), length if position == row.target else 8
            )
            low = field.low if rng.random() < 0.02 and position != row.target else max(field.low, 0)
            operands.append(rng.randint(low, max(high, low)))
        instructions.append((row.opcode, *operands))
    head = [(op, *rest) for op, *rest in ((4, register, rng.randint(-1, 4)) for register in range(0, 32, 3))]
    program = decode(assemble("", flavour).encode(), flavour)
    return replace(program, instructions=tuple(head + instructions)).encode()


def malformed(rng: random.Random, count: int) -> Iterator[bytes]:
    """`count` byte strings: noise, truncations, mutations and splices of valid ones, random instructions."""
    for _ in range(count):
        how = rng.randrange(6)
        code = bytearray(rng.choice(CORPUS))
        if how == 0:
            yield rng.randbytes(rng.randrange(0, 80))
        elif how == 1:
            yield bytes(code[: rng.randrange(len(code))])
        elif how == 2:
            for _ in range(rng.randrange(1, 6)):
                code[rng.randrange(4, len(code))] = rng.randrange(256)
            yield bytes(code)
        elif how == 3:  # whole instructions moved about: stays well formed
            commands = [code[i : i + 7] for i in range(4, len(code), 7)]
            other = bytearray(rng.choice(CORPUS))
            commands += [other[i : i + 7] for i in range(4, len(other), 7)][: rng.randrange(8)]
            rng.shuffle(commands)
            yield bytes(code[:4]) + b"".join(bytes(command) for command in commands)
        elif how == 4:  # one operand changed to a small number
            at = 4 + 7 * rng.randrange((len(code) - 4) // 7) + rng.randrange(1, 7)
            code[at] = rng.randrange(8)
            yield bytes(code)
        else:
            yield random_subroutine(rng)


def run_batch(
    codes: list[bytes],
    seed: int,
    device: DeviceParameters = GENERIC,
    flavours: tuple[str, str] = ("vanilla", "vanilla"),
) -> Bench:
    """Many subroutines in a handful of programs on two linked nodes, to the end; flavour of each by
    number."""
    rng = random.Random(seed)
    bench = Bench(
        links={
            (0, 1): DepolariseLink(fidelity=1, success_probability=0.3, cycle_ns=500, random_bell_state=True)
        },
        device=device,
        settings=QnpuSettings(
            quotas=Quotas(instruction_budget=300),
            request_timeout_ns=2 * MILLISECOND_NS,
            unclaimed_timeout_ns=MILLISECOND_NS // 2,
            accept_grace_ns=100_000,
            epr_start=rng.choice(["both", "create"]),
            gate_ns=rng.choice([0, 700]),
            classical_instruction_ns=rng.choice([0, 30]),
        ),
        seed=seed,
        latency_ns=rng.choice([0, 200]),
        tracing=rng.random() < 0.2,
    )
    for node in (0, 1):
        for pid in (1, 2):
            sockets = tuple((s, 1 - node, s, 100) for s in ((0, 1) if pid == 1 else (2,)))
            bench.at(node, 0, Register(pid, f"p{pid}", 3, flavours[pid - 1], sockets=sockets))
            bench.stop(node, pid, 60 * MILLISECOND_NS)
    for number, code in enumerate(codes):
        node, pid, at_ns = number % 2, rng.choice((1, 2)), rng.randrange(1, 50 * MILLISECOND_NS)
        bench.at(node, at_ns, Submit(pid, number, code)).cancel(node, pid, number, at_ns + 700_000)
    bench.run()
    assert_quiet(bench)
    for cnpu in bench.cnpus:
        told = [done.subroutine for done in cnpu.done] + [abort.subroutine for abort in cnpu.aborted]
        assert len(told) == len(set(told)), "a subroutine was answered twice"
    assert sum(len(cnpu.done) + len(cnpu.aborted) for cnpu in bench.cnpus) == len(codes)
    return bench


def check_fuzz(total: int, seed: int) -> int:
    """Runs `total` byte strings in batches; how many of them ran to their end."""
    rng = random.Random(seed)
    finished = 0
    for batch in range(total // 100):
        finished += sum(len(cnpu.done) for cnpu in run_batch(list(malformed(rng, 100)), seed + batch).cnpus)
    return finished


def test_malformed_and_mutated_subroutines_never_raise_or_hang() -> None:
    """3000 byte strings, seed 1. Mutations of valid programs execute too."""
    assert check_fuzz(3000, 1) > 120


def test_random_subroutines_on_traps_never_raise_or_hang() -> None:
    """1500 byte strings, seed 2: a vanilla program beside one of the native flavour, and two of that."""
    rng = random.Random(2)
    trap = IonConfig(num_qubits=3, all_ion_ns=1_000, ms_ns=1_000, rot_z_ns=300, measure_ns=5_000, init_ns=700)
    finished = 0
    for batch in range(15):
        flavours = ("vanilla" if batch % 2 else "trapped_ion", "trapped_ion")
        codes = [
            random_subroutine(rng, "trapped_ion") if rng.random() < 0.6 else code
            for code in malformed(rng, 100)
        ]
        device = msgspec.structs.replace(trap, tick_ns=rng.choice([0, 1_000]))
        finished += sum(len(cnpu.done) for cnpu in run_batch(codes, batch, device, flavours).cnpus)
    assert finished > 60


@pytest.mark.slow
def test_many_malformed_and_mutated_subroutines_never_raise_or_hang() -> None:
    """10^5 byte strings, seed 1000; the peak of memory stays where it was after 30000."""
    check_fuzz(30_000, 1000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert check_fuzz(70_000, 3000) > 2_000
    grown_kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown_kilobytes < 30_000


# --- system calls in any order ----------------------------------------

TEXTS = [
    "set R0 1\nret_reg R0",
    qubit(0, "h {q}"),
    lines(qubit(1), "meas Q0 M0\nqfree Q0"),
    "set Q0 0\nqfree Q0",
    "set Q0 1\nqfree Q0",
    "set Q0 0\nx Q0\nqfree Q0",
    "set Q0 0\nmeas Q0 M0\nqfree Q0\nret_reg M0",
    lines(qubit(0), qubit(1, register="Q1"), "cnot Q0 Q1"),
    "wait_all @0[0:10]\nset Q0 0\nmeas Q0 M0\nqfree Q0",
    "wait_any @4[0:10]",
]


def random_calls(rng: random.Random, bench: Bench, count: int, horizon_ns: int) -> None:
    """Registers, submissions, cancels, reads and stops at random times; every program stops in the end."""
    nodes = len(bench.nodes)
    for node in range(nodes):
        for pid in (1, 2, 3):
            sockets = tuple(
                (10 * pid + peer, peer, 10 * pid + node, 100) for peer in range(nodes) if peer != node
            )
            bench.at(node, rng.randrange(horizon_ns // 10), Register(pid, f"p{pid}", 3, sockets=sockets))
    for number in range(count):
        node, pid = rng.randrange(nodes), rng.choice((1, 2, 3))
        peer = rng.choice([other for other in range(nodes) if other != node])
        at_ns = rng.randrange(horizon_ns)
        kind = rng.randrange(12)
        options: dict[str, Any] = {
            "wait": rng.random() < 0.4,
            "ret": False,
            "results": rng.choice((0, 4, 8, 12)),
        }
        ids = tuple(rng.randrange(2) for _ in range(rng.choice((1, 1, 1, 2, 3))))
        if kind < 6:
            kept = rng.choice(list(EprType)) == EprType.K
            other = rng.choice((measure, prepare))
            mine = options | {"socket": 10 * pid + peer}
            if rng.random() < 0.95:
                text = keep(peer, ids, **mine) if kept else other(peer, len(ids), **mine)
                bench.submit(node, pid, number, text, at_ns)
            if rng.random() < 0.9:
                text = receive(node, ids, socket=10 * pid + node, **options)
                bench.submit(peer, pid, 1_000 + number, text, at_ns + rng.choice((0, 0, 1_000, 20_000)))
        elif kind == 6:
            bench.cancel(node, pid, rng.randrange(count), at_ns)
        elif kind == 7:
            bench.at(node, at_ns, ReadMemory(pid, number, (0,), (0,)), Status(number))
        elif kind == 8 and rng.random() < 0.15:
            bench.stop(node, pid, at_ns)
        elif kind == 9:
            bench.at(node, at_ns, OpenEprSocket(pid, rng.randrange(40), peer, rng.randrange(40)))
        else:
            bench.submit(node, pid, number, rng.choice(TEXTS), at_ns)
    for node in range(nodes):
        for pid in (1, 2, 3):
            bench.stop(node, pid, horizon_ns + rng.randrange(1_000))


def watch(bench: Bench) -> None:
    """Check the invariants of a QNPU after each of its events."""
    for qnpu in bench.qnpus:
        handle = qnpu.handle

        def checked(event: Event, now_ns: int, qnpu: Any = qnpu, handle: Any = handle) -> list[Effect]:
            effects = list(handle(event, now_ns))
            assert_consistent(qnpu)
            return effects

        qnpu.handle = checked  # type: ignore[method-assign]
        bench.kernel._by_name[qnpu.name].handle = checked


def check_interleaving(seed: int, count: int = 60) -> Bench:
    rng = random.Random(seed)
    nodes = ("alice", "bob", "charlie")[: rng.choice((2, 2, 3))]
    models: list[Link] = [
        PerfectLink(delay_ns=2_000),
        PerfectLink(delay_ns=0),
        DepolariseLink(fidelity=0.9, success_probability=0.05, cycle_ns=700, random_bell_state=True),
    ]
    link = rng.choice(models)
    links = {(a, b): link for a in range(len(nodes)) for b in range(a + 1, len(nodes))}
    latency_ns = rng.choice((0, 300, 2_000))
    settings = QnpuSettings(
        epr_start=rng.choice(["both", "create"]),
        correcting_side=rng.choice(["receiver", "creator", "none"]),
        gate_ns=rng.choice((0, 500)),
        request_ns=rng.choice((0, 3_000)),
        request_timeout_ns=300_000,
        unclaimed_timeout_ns=50_000,
        accept_grace_ns=40_000,
        quotas=Quotas(instruction_budget=500),
    )
    bench = Bench(
        nodes, links, settings=settings, seed=seed, latency_ns=latency_ns,
        cnpu_latency_ns=rng.choice((0, 100)),
        device=GenericConfig(num_qubits=rng.choice((1, 2, 3)), t1_ns=0, t2_ns=0),
        jitter_ns=rng.choice((0, 5_000)), jitter_seed=seed, rank_seed=rng.choice((None, seed)), tracing=False,
    )  # fmt: skip
    random_calls(rng, bench, count, rng.choice((20_000, 200_000, 1_000_000)))
    watch(bench)
    bench.run(seed)
    assert_quiet(bench)
    return bench


@pytest.mark.parametrize("block", range(5))
def test_random_orders_of_system_calls_keep_the_invariants_and_leave_nothing(block: int) -> None:
    """250 runs of 60 calls on two or three nodes, seeds 0 to 249; jitter and permuted ranks among them."""
    pairs = done = 0
    for seed in range(50 * block, 50 * block + 50):
        bench = check_interleaving(seed)
        pairs += sum(link.serial for link in bench.world._links.values())
        done += sum(len(cnpu.done) for cnpu in bench.cnpus)
    assert pairs > 100 and done > 500  # they did reach the interesting states


@pytest.mark.slow
def test_many_random_orders_of_system_calls_keep_the_invariants() -> None:
    """4000 runs, seeds from 10000."""
    for seed in range(10_000, 14_000):
        check_interleaving(seed, 90)


# --- messages out of the blue ----------------------------------------


def test_messages_about_nothing_are_ignored() -> None:
    """Late or wrong link-layer messages, outcomes and heralds do no harm to a running pair."""
    bench = Bench(links={(0, 1): PerfectLink(delay_ns=100_000)}, settings=SETTINGS)
    bench.program(0, 1, keep()).program(1, 1, receive())
    request = LinkRequest(0, 0, 0, 0, 1, 100, 0, 0, False, False, 0, 0, (), (), 0, (0, 0, 0), 0, (0, 0, 0))
    strays: list[tuple[str, Message]] = [
        ("alice/qnpu", LinkAck(0, 77, 0, 5, 1)),
        ("alice/qnpu", LinkReject(0, 77, 4, "no")),
        ("alice/qnpu", LinkClaim(0, 0, 99)),
        ("alice/qnpu", LinkWithdraw(0, 0, 99, 3, "late")),
        ("alice/qnpu", LinkExpire(0, 0, 99, 0, 0)),
        ("alice/qnpu", LinkExpireAck(0, 0, 99, 0, True)),
        ("alice/qnpu", LinkReceipt(0, 20, 77)),
        ("alice/qnpu", LinkReceipt(0, 28, 77)),
        ("alice/qnpu", LinkReceipt(0, 3, 77)),
        ("alice/qnpu", LinkAbandon(0, 77, 3, "late")),
        ("nobody/qnpu", LinkAdd(0, 0, 0, -1, request)),
        ("world", Outcome(1234, 8)),  # -1 would be an operation of the network process itself
        ("world", Outcome(-50, 1)),
        ("alice/cnpu", Cancel(1, 5)),
    ]
    bench.kernel.reset(0)
    for at_ns, (src, message) in enumerate(strays, start=1):
        bench.kernel.inject("bob/qnpu", Arrival(src, message), at_ns)
    bench.kernel.run()
    assert [len(cnpu.done) for cnpu in bench.cnpus] == [1, 1]
    for qnpu in bench.qnpus:
        assert_consistent(qnpu)


def test_herald_for_a_withdrawn_item_takes_no_qubit_from_anybody() -> None:
    """A herald names qubit 0, which belongs to a program by now."""
    bench = Bench().program(0, 1, qubit(0, "x {q}")).program(0, 2, "")
    bench.kernel.reset(0)
    stray = Herald(peer=1, queue=0, sequence=3, pair=0, qubit=0, bell=0, attempts=1, herald_ns=5, serial=0)
    bench.kernel.inject("alice/qnpu", Arrival("world", stray), 50_000)
    bench.kernel.run()
    assert_consistent(bench.qnpus[0])
    assert list(bench.qnpus[0].processes["alice/cnpu", 1].virtual.values()) == [0]
