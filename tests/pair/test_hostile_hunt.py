"""A hunt with dice: programs of random hostile acts on both nodes of a link, beside two that share pairs and
compute. Those two get what they would get alone, under every policy, and nothing is left behind."""

from __future__ import annotations

import random

import pytest

from netqasm_isa import assemble
from qdriver.generic import GenericConfig
from qnpu.process import Process
from qnpu.quotas import Quotas
from qnpu.settings import QnpuSettings
from qruntime.actors import Arrival, Message
from qruntime.messages import Aborted, Cancel, Done, OpenEprSocket, ReadMemory, Register, Status, Stop, Submit
from qworld.links import DepolariseLink
from tests.pair.harness import (
    MILLISECOND_NS,
    SECOND_NS,
    Bench,
    assert_quiet,
    keep,
    lines,
    measure,
    prepare,
    read_out,
    receive,
)
from tests.pair.test_hostile import POLICIES

DEVICE = GenericConfig(num_qubits=10, t1_ns=0, t2_ns=0, two_qubit_gate_depolarise=0)
QUOTAS = Quotas(
    qubits=2, array_entries=2_000, epr_sockets=3, open_requests=6, link_slots=3, open_pairs=12,
    queued_subroutines=5, subroutine_instructions=200, instruction_budget=300,
)  # fmt: skip
HOSTILE = (10, 11)  # process ids of each node
ROUNDS = 6  # pairs of the victims


def victim(node: int) -> list[str]:
    """Share a pair and measure it, and one of two qubits that nobody else touches."""
    pair = keep(ids=(0,), ret=False) if node == 0 else receive(ids=(0,), ret=False)
    local = "set Q1 1\nqalloc Q1\ninit Q1\n" + "x Q1\n" * 7 + "meas Q1 M1\nqfree Q1\nret_reg M1"
    return [lines(pair, read_out(0, "M0"), local)] * ROUNDS


def act(dice: random.Random, peer: int) -> str:
    """One thing that a hostile program does; most abort its subroutine."""
    qubit, address, socket = (
        dice.randrange(-1, 4),
        dice.choice((0, 1, 7, 40)),
        dice.choice((0, 1, 5, 6, 99, -1)),
    )
    ten = dice.choice((1, 2, 5, 13))
    wanted = {"socket": socket, "results": address, "wait": dice.random() < 0.4, "ret": False}
    return dice.choice(
        (
            f"set Q0 {qubit}\nqalloc Q0\ninit Q0",
            f"set Q0 {qubit}\nqfree Q0",
            f"set Q0 {qubit}\nx Q0\nmeas Q0 M0",
            f"set Q0 {qubit}\nset Q1 {dice.randrange(4)}\ncnot Q0 Q1",
            f"set R0 {dice.choice((-1, 3, 1_999, 2**31 - 1))}\narray R0 @{address}",
            f"set R0 {dice.randrange(-1, 9)}\nload R1 @{address}[R0]",
            "set R0 0\nset R1 1\n" + "add R0 R0 R1\n" * dice.choice((1, 30, 250)),
            measure(peer=peer, number=ten, **wanted),
            keep(peer=peer, ids=[dice.randrange(4) for _ in range(dice.choice((1, 2, 3)))], **wanted),
            prepare(peer=peer, number=ten, **wanted),
            receive(peer=peer, ids=None, number=ten, **wanted),
            receive(peer=peer, ids=(dice.randrange(3),), **wanted),
            f"set Q0 {qubit}\nAGAIN:\nx Q0\njmp AGAIN",
            "AGAIN:\njmp AGAIN",
            f"set Q0 {qubit}\nAGAIN:\nqalloc Q0\nqfree Q0\njmp AGAIN",
            f"set Q0 {qubit}\nAGAIN:\nmeas Q0 M0\njmp AGAIN",
        )
    )


def subroutine(dice: random.Random, peer: int) -> bytes:
    """A few acts, with at most one loop, as branches have names."""
    acts: list[str] = []
    for _ in range(dice.randrange(1, 6)):
        chosen = act(dice, peer)
        if "AGAIN" not in chosen or not any("AGAIN" in one for one in acts):
            acts.append(chosen)
    return assemble(lines(*acts)).encode()


class Villain:
    """The CNPU of a node under siege: whenever a hostile program hears of an end, it does something else."""

    def __init__(self, seed: int, node: int, acts: int) -> None:
        self.dice = random.Random(seed)
        self.peer = 1 - node
        self.left = acts

    def calls(self, pid: int) -> list[Message]:
        """What comes next, from one call to a burst of them."""
        dice, found = self.dice, list[Message]()
        for _ in range(dice.choice((1, 1, 2, 9))):
            number = dice.randrange(1 << 20)
            call: Message = Submit(pid, number, subroutine(dice, self.peer))
            rare = dice.random()
            if rare < 0.06:
                call = Cancel(pid, dice.randrange(1 << 20))
            elif rare < 0.1:
                call = OpenEprSocket(pid, dice.choice((-1, 1, 2)), self.peer, dice.randrange(-1, 3))
            elif rare < 0.13:
                call = ReadMemory(pid, number, (0, 1, 200), (0, 1))
            elif rare < 0.15:
                call = Register(dice.choice((1, pid, -1)), "double", 3, quotas={"qubits": dice.randrange(3)})
            elif rare < 0.17:
                found += [Stop(pid), Register(pid, "again", 3, sockets=((5, self.peer, 5, 100),))]
            found.append(call)
        return found

    def __call__(self, message: Message, now_ns: int) -> list[Message]:
        if isinstance(message, Aborted | Done) and message.pid in HOSTILE and self.left > 0:
            self.left -= 1
            return self.calls(message.pid)
        return []


def hunt(policy: str, seed: int, acts: int) -> Bench:
    """Run one; the victims must come out as if alone."""
    dice = random.Random(seed)
    options = POLICIES[policy]
    settings = QnpuSettings(
        scheduler=policy, scheduler_options=options, quotas=QUOTAS, classical_instruction_ns=50, gate_ns=300,
        measure_ns=500, epr_start=dice.choice(("both", "create")), request_timeout_ns=50 * MILLISECOND_NS,
        accept_grace_ns=dice.choice((5_000, 100_000)), unclaimed_timeout_ns=MILLISECOND_NS,
    )  # fmt: skip
    link = DepolariseLink(fidelity=1.0, success_probability=0.5, cycle_ns=1_000)
    bench = Bench(
        links={(0, 1): link}, device=DEVICE, settings=settings, seed=seed, latency_ns=dice.choice((0, 700)),
        cnpu_latency_ns=200, tracing=False,
    )  # fmt: skip
    for node, cnpu in enumerate(bench.cnpus):
        villain = cnpu.on_message = Villain(2 * seed + node, node, acts)
        # process ids and sockets are the CNPU's to give: nobody can take what the victim has
        bench.at(node, 0, Register(1, "victim", 3, sockets=((0, 1 - node, 0, 100),), deadline_ns=1))
        for pid in HOSTILE:
            bench.at(node, 0, Register(pid, "hostile", 3, sockets=((pid - 5, 1 - node, pid - 5, 100),)))
            bench.at(node, 1, *villain.calls(pid), Submit(pid, 0, b""))
        for number, text in enumerate(victim(node)):
            bench.submit(node, 1, number, text, 20_000)
        bench.at(node, 500, Status(0))
    bench.run(until_ns=20 * SECOND_NS)
    bits = []
    for cnpu in bench.cnpus:
        assert [fault for fault in cnpu.aborted if fault.pid == 1] == []
        done = [message for message in cnpu.done if message.pid == 1]
        assert [message.subroutine for message in done] == list(range(ROUNDS))
        assert all(dict(message.registers)[7] == 1 for message in done)  # seven X
        bits.append([dict(message.registers)[3] for message in done])
    assert bits[0] == bits[1], "its pairs are its own"
    for qnpu in bench.qnpus:
        assert all(_is_within(process) for process in qnpu.processes.values())
    return bench


def _is_within(process: Process) -> bool:
    """Whether a process has no more than it may."""
    quotas = process.quotas
    return (
        len(process.virtual) <= quotas.qubits
        and sum(map(len, process.arrays.values())) == process.array_entries <= quotas.array_entries
        and len(process.sockets) <= quotas.epr_sockets
        and len(process.requests) <= quotas.open_requests
        and sum(request.number for request in process.requests) <= quotas.open_pairs
        and len(process.queue) <= quotas.queued_subroutines
    )


def assert_leaves_nothing(bench: Bench) -> None:
    """All programs end, and nothing of them is left."""
    for node in bench.nodes:
        for pid in (1, *HOSTILE):
            bench.kernel.inject(f"{node}/qnpu", Arrival(f"{node}/cnpu", Stop(pid)), bench.kernel.now_ns + 1)
    bench.kernel.run()
    assert_quiet(bench)


@pytest.mark.parametrize("policy", POLICIES)
def test_random_hostile_programs_leave_the_victims_alone(policy: str) -> None:
    for seed in range(3):
        assert_leaves_nothing(hunt(policy, seed, 30))


@pytest.mark.slow
@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("block", range(5))
def test_long_hunt_finds_nothing(policy: str, block: int) -> None:
    for seed in range(100 + 20 * block, 120 + 20 * block):
        assert_leaves_nothing(hunt(policy, seed, 200))
