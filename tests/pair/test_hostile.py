"""Hostile programs beside one that is not: its results stay as they are, and it waits no longer than its
policy promises. Everything here speaks to the QNPU directly, so no SDK stands in the way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from netqasm_isa import assemble
from netqasm_isa.epr import ArgsIndex
from qdriver.generic import GenericConfig
from qnpu.quotas import Quotas
from qnpu.settings import QnpuSettings
from qruntime.actors import Arrival, Message
from qruntime.messages import (
    Aborted,
    Cancel,
    Done,
    OpenEprSocket,
    ReadMemory,
    Register,
    Status,
    Stop,
    Submit,
)
from qworld.links import DepolariseLink, PerfectLink
from tests.pair.harness import MILLISECOND_NS, Bench, keep, lines, measure, read_out, receive
from tests.pair.test_schedulers import changes

BUDGET = 400
INSTRUCTION_NS, GATE_NS, MEASURE_NS = 100, 300, 500  # what issuing costs
INIT_LASTS_NS, GATE_LASTS_NS, MEASURE_LASTS_NS = 2_000, 1_000, 5_000
DEVICE = GenericConfig(
    num_qubits=8, t1_ns=0, t2_ns=0, two_qubit_gate_depolarise=0, init_ns=INIT_LASTS_NS,
    single_qubit_gate_ns=GATE_LASTS_NS, measure_ns=MEASURE_LASTS_NS,
)  # fmt: skip
LONGEST_NS = max(MEASURE_NS + MEASURE_LASTS_NS, GATE_NS + INIT_LASTS_NS)  # of one instruction
STRETCH_NS = INIT_LASTS_NS + MEASURE_NS + MEASURE_LASTS_NS  # a measurement behind one operation
QUANTUM_NS = 8_000

SETUP = "set Q0 0\nqalloc Q0\ninit Q0"
ENDLESS = {
    "counts": "set R0 1\nAGAIN:\nadd R1 R0 R0\njmp AGAIN",
    "turns": "set Q0 0\nAGAIN:\nx Q0\nx Q0\njmp AGAIN",
    "resets": "set Q0 0\nAGAIN:\ninit Q0\njmp AGAIN",
    "measures": "set Q0 0\nAGAIN:\nmeas Q0 M0\njmp AGAIN",
    "allocates": "set Q1 1\nAGAIN:\nqalloc Q1\ninit Q1\nqfree Q1\njmp AGAIN",
}
LENGTH = 8  # of the longest of them
VICTIM = lines(
    "set Q0 0\nqalloc Q0\ninit Q0", "x Q0\n" * 7, "meas Q0 M0", "x Q0\n" * 6, "meas Q0 M1", "set R0 5\n" * 50,
    "ret_reg M0\nret_reg M1\nqfree Q0",
)  # fmt: skip
RESULT = ((3, 1), (7, 1))
POLICIES: dict[str, dict[str, Any]] = {
    "qnodeos": {},
    "round_robin": {"quantum_ns": QUANTUM_NS},
    "edf": {},
    "fair_share": {"min_slice_ns": QUANTUM_NS},
}


def longest_wait_ns(policy: str, others: int) -> int:
    """What a process that is ready waits for the processor at most beside so many others, all of weight 1."""
    turn_ns = QUANTUM_NS + STRETCH_NS
    return {
        "qnodeos": others * (BUDGET + LENGTH) * LONGEST_NS,  # one block of each
        "round_robin": others * turn_ns,
        "edf": STRETCH_NS,  # it has the earliest deadline
        "fair_share": others * 2 * turn_ns,  # a turn of each, after it has caught up with one of ours
    }[policy]


def settings(policy: str, **other: Any) -> QnpuSettings:
    values = {
        "classical_instruction_ns": INSTRUCTION_NS, "gate_ns": GATE_NS, "measure_ns": MEASURE_NS,
        "quotas": Quotas(instruction_budget=BUDGET), **other,
    }  # fmt: skip
    return QnpuSettings(scheduler=policy, scheduler_options=POLICIES[policy], **values)


def waited(bench: Bench, pid: int = 1) -> list[int]:
    """How long a process was ready and did not run, each time."""
    found, since_ns = [], 0
    for at_ns, what, who in changes(bench):
        if who == pid and what == "ready":
            since_ns = at_ns
        elif who == pid and what == "start":
            found.append(at_ns - since_ns)
    return found


class Relentless:
    """Submits the same subroutine again whenever it is aborted, for each of its processes."""

    def __init__(self, texts: dict[int, str]) -> None:
        self._codes = {pid: assemble(text).encode() for pid, text in texts.items()}
        self.blocks = 0

    def __call__(self, message: Message, now_ns: int) -> list[Message]:
        if not isinstance(message, Aborted) or message.pid not in self._codes:
            return []
        assert message.fault.data["quota"] == "instruction_budget"
        self.blocks += 1
        return [Submit(message.pid, message.subroutine + 1, self._codes[message.pid])]


def beside(policy: str, loops: Sequence[str], **other: Any) -> tuple[Bench, Relentless]:
    """One node with a victim, process 1, that begins at 50 us, and processes 10, 11 and so on that loop."""
    bench = Bench(("alice",), device=DEVICE, settings=settings(policy, **other))
    texts = {10 + k: ENDLESS[loop] for k, loop in enumerate(loops)}
    for pid, text in texts.items():
        bench.program(0, pid, SETUP, text)
    relentless = bench.cnpus[0].on_message = Relentless(texts)
    deadline_ns = 1_000_000 if policy == "edf" else None
    bench.at(0, 50_000, Register(1, "victim", 3, deadline_ns=deadline_ns))
    bench.submit(0, 1, 0, VICTIM, 50_000)
    return bench, relentless


CROWDS = [*([loop] for loop in ENDLESS), list(ENDLESS), ["measures"] * 4]


@pytest.mark.parametrize("crowd", CROWDS, ids=lambda crowd: "+".join(crowd))
@pytest.mark.parametrize("policy", POLICIES)
def test_endless_loops_cost_a_victim_no_more_than_its_policy_promises(policy: str, crowd: list[str]) -> None:
    alone_ns = beside(policy, [])[0].run().cnpus[0].time_of(Done) - 50_000
    bench, relentless = beside(policy, crowd)
    bench.run(until_ns=20 * MILLISECOND_NS)
    (done,) = (message for message in bench.cnpus[0].done if message.pid == 1)
    assert done.registers == RESULT
    assert not any(abort.pid == 1 for abort in bench.cnpus[0].aborted)
    assert relentless.blocks > 0, "those who loop were never stopped"
    bound_ns, spans = longest_wait_ns(policy, len(crowd)), waited(bench)
    assert spans and max(spans) <= bound_ns
    took_ns = next(t for t, message in bench.cnpus[0].got if message is done) - 50_000
    if policy == "qnodeos":
        assert len(spans) == 1, "nobody takes the processor from it"
        assert took_ns <= alone_ns + bound_ns  # the device being busy is in it
    else:  # whenever it comes back, the device may have one operation of somebody else's to do
        assert took_ns <= alone_ns + sum(spans) + len(spans) * INIT_LASTS_NS


def test_bound_without_preemption_is_one_block_of_each_of_the_others_and_not_less() -> None:
    """Where instructions cost time and do nothing else the wait is known to the instruction."""
    bench, _ = beside("qnodeos", ["counts"] * 3)
    bench.run(until_ns=5 * MILLISECOND_NS)
    (span,) = waited(bench)
    block_ns = (BUDGET + 2) * INSTRUCTION_NS  # its loop has two instructions, and the branch is where it ends
    assert 2 * block_ns < span <= 3 * block_ns
    assert span <= longest_wait_ns("qnodeos", 3)


def test_operations_of_stopped_loops_do_not_pile_up_on_the_device() -> None:
    """Issuing a gate is quicker here than the gate, so a loop leaves work behind when it is stopped; whoever
    comes after a hundred of them finds what one subroutine left."""
    alone_ns = beside("qnodeos", [])[0].run().cnpus[0].time_of(Done) - 50_000
    bench, relentless = beside("qnodeos", ["turns"])
    late_ns = 20 * MILLISECOND_NS
    bench.at(0, late_ns, Register(2, "late", 3)).submit(0, 2, 0, VICTIM, late_ns)
    bench.run(until_ns=2 * late_ns)
    assert relentless.blocks > 50
    took_ns = next(t for t, message in bench.cnpus[0].got if isinstance(message, Done) and message.pid == 2)
    assert took_ns - late_ns <= alone_ns + longest_wait_ns("qnodeos", 1)


def test_budget_of_the_network_is_what_bounds_the_wait_without_preemption() -> None:
    spans = []
    for budget in (400, 800, 1_600):
        bench, _ = beside("qnodeos", ["counts"], quotas=Quotas(instruction_budget=budget))
        bench.run(until_ns=5 * MILLISECOND_NS)
        (span,) = waited(bench)
        assert span <= (budget + 2) * INSTRUCTION_NS
        spans.append(span)
    assert spans[2] > spans[0]


# --- what belongs to others -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attempt", "why"),
    [
        *(
            (f"set Q0 {k}\nx Q0", f"virtual qubit {k} is not allocated")
            for k in (0, 1, 5, 6, 1_000, 2**31 - 1)
        ),
        ("set Q0 -1\nmeas Q0 M0", "virtual qubit -1 is not allocated"),
        ("set Q0 0\nqfree Q0", "virtual qubit 0 is not allocated"),
        ("set Q0 -1\nqalloc Q0", "virtual qubit -1 is negative"),
        ("set R0 0\nload R1 @0[R0]", "there is no array @0"),
        ("set R0 0\nload R1 @2147483647[R0]", "there is no array @2147483647"),
        ("set R0 2147483647\narray R0 @0", "array size 2147483647 is not in 0.."),
        ("set R0 -1\narray R0 @0", "array size -1 is not in 0.."),
        ("array 2 @7\nset R0 -1\nload R1 @7[R0]", "index -1 is outside array @7 of length 2"),
        ("array 2 @7\nset R0 99\nstore R0 @7[R0]", "index 99 is outside array @7 of length 2"),
        ("ret_arr @0", "there is no array @0"),
        ("ret_reg R15", "register R15 is undefined"),
        (measure(socket=0, wait=False), "no open EPR socket 0"),
        (measure(socket=1, wait=False), "no open EPR socket 1"),
        (measure(socket=-1, wait=False), "no open EPR socket -1"),
        (receive(peer=1, socket=0, wait=False), "no open EPR socket 0"),
        (measure(peer=0, socket=0, wait=False), "alice has no link to itself"),
        (measure(peer=77, socket=0, wait=False), "alice has no link to node 77"),
    ],
)
def test_guessing_what_others_have_fails_and_leaves_it_alone(attempt: str, why: str) -> None:
    """The victim holds virtual qubits 0 and 1, registers, array @0 and EPR socket 0 all the while."""
    mine = lines("set Q0 0\nqalloc Q0\ninit Q0\nx Q0\narray 3 @0\nset R15 7\nset R1 2\nstore R15 @0[R1]")
    bench = Bench().program(0, 1, mine, peers=[1]).program(1, 1, receive(ids=(0,)))
    bench.program(0, 2, attempt, peers=[], at_ns=100_000)
    after = lines(keep(ids=(1,), results=10), "ret_reg R15\nret_arr @0\nset Q0 0", "meas Q0 M0\nret_reg M0")
    bench.submit(0, 1, 1, after, 300_000).run()
    (abort,) = bench.cnpus[0].aborted
    assert abort.pid == 2 and why in abort.fault.message
    done = bench.cnpus[0].done[-1]
    assert (done.pid, dict(done.registers), dict(done.arrays)[0]) == (1, {60: 7, 3: 1}, (None, None, 7))
    assert len(bench.cnpus[1].done) == 1


def test_socket_that_somebody_else_has_is_refused_to_whoever_guesses_it() -> None:
    """Neither its own number nor that of the peer's end helps: a pair of numbers belongs to one program."""
    bench = Bench().program(0, 1, keep(ids=(0,))).program(1, 1, receive(ids=(0,)), at_ns=200_000)
    bench.program(0, 2, peers=[], at_ns=1)
    bench.at(0, 2, OpenEprSocket(2, 0, 1, 0), OpenEprSocket(2, 5, 1, 0))
    bench.submit(0, 2, 0, measure(socket=5), 3).run()
    (refused,) = bench.cnpus[0].refused
    assert "belongs to process 1" in refused.fault.message
    (abort,) = bench.cnpus[0].aborted  # bob has no socket 0 to alice's socket 5
    assert abort.pid == 2 and "has EPR socket 0 open" in abort.fault.message
    assert [done.pid for done in bench.cnpus[0].done] == [1]


FOREIGN: tuple[Message, ...] = (
    Submit(1, 9, assemble("set Q0 0\nx Q0").encode()),
    Cancel(1, 0),
    ReadMemory(1, 0, (0, 1), (0,)),
    Stop(1),
    OpenEprSocket(1, 3, 1, 3),
    Register(1, "double", 3),
    Register(8, "squatter", 3, sockets=((0, 1, 0, 100),)),
    Status(0),
)


def test_other_nodes_may_not_call_this_qnpu() -> None:
    """Their calls are ignored, with a record of each: there is no way back to who made them."""
    bench = Bench().program(0, 1, "x Q0\n".join(("set Q0 0\nqalloc Q0\ninit Q0\n", "meas Q0 M0\nret_reg M0")))
    bench.kernel.reset(0)
    for k, call in enumerate(FOREIGN):
        for src in ("bob/cnpu", "bob/qnpu", "world", "nobody"):
            bench.kernel.inject("alice/qnpu", Arrival(src, call), 1_000 + k)
    bench.kernel.run()
    ignored = [emit.data for emit in bench.emits("PROCMGR_CALL_IGNORED")]
    assert len(ignored) == 4 * len(FOREIGN)
    assert ignored[0] == ("bob/cnpu", "Submit")
    (done,) = bench.cnpus[0].done
    assert done.registers == ((3, 1),)
    assert list(bench.qnpus[0].processes) == [("alice/cnpu", 1)]


def test_process_id_that_is_taken_or_unknown_changes_nothing() -> None:
    bench = Bench(("alice",)).program(
        0, 1, "set R0 4\nret_reg R0", "set Q0 0\nqalloc Q0\ninit Q0", "ret_reg R0"
    )
    bench.at(0, 0, Register(1, "double", 3), *(call for pid in (2, -1, 2**31) for call in (
        Submit(pid, 0, b""), Cancel(pid, 0), ReadMemory(pid, 0, (0,), (0,)), Stop(pid),
        OpenEprSocket(pid, 0, 0, 0),
    ))).run()  # fmt: skip
    assert [done.subroutine for done in bench.cnpus[0].done] == [0, 1, 2]
    assert "process 1 exists already" in bench.cnpus[0].refused[0].fault.message
    assert all(abort.pid != 1 for abort in bench.cnpus[0].aborted)
    for memory in bench.cnpus[0].memory:
        assert (memory.registers, memory.arrays) == (((0, None),), ((0, None),))


# --- the link ---------------------------------------------------------------------------------------------


def many(count: int, socket: int) -> str:
    """So many requests for a pair to be measured directly, which nobody waits for."""
    return lines(*(measure(socket=socket, results=10 * k, wait=False, ret=False) for k in range(count)))


def test_program_cannot_fill_the_queue_of_a_link_for_others() -> None:
    """It has all the slots a program may have on that link, and nobody answers it; another is served."""
    most = Quotas(link_slots=20)
    bench = Bench(settings=QnpuSettings(quotas=most)).program(1, 2, "", socket=5)
    bench.program(0, 2, many(21, 5), socket=5).program(0, 3, many(20, 6), socket=6).program(
        1, 3, "", socket=6
    )
    bench.program(0, 1, measure(results=0), at_ns=1_000).program(
        1, 1, receive(ids=None, number=1), at_ns=1_000
    )
    bench.run(until_ns=MILLISECOND_NS)
    (abort,) = bench.cnpus[0].aborted
    assert (abort.pid, abort.fault.data["quota"]) == (2, "link_slots")
    assert [done.pid for done in bench.cnpus[0].done] == [3, 1]
    assert len(bench.cnpus[1].of(Done)) == 3


def test_programs_take_turns_in_being_added_to_the_queue_of_a_link() -> None:
    """Nobody opens the sockets that process 2 asks for at the other end, so its requests are held there for
    the grace time and fill the window; the victim waits for the first of them only."""
    grace_ns = 10 * MILLISECOND_NS
    bench = Bench(settings=QnpuSettings(accept_grace_ns=grace_ns), latency_ns=1_000)
    bench.program(0, 2, many(200, 5), socket=5)
    bench.program(0, 1, measure(results=0), at_ns=5_000).program(1, 1, receive(ids=None, number=1))
    bench.run(until_ns=50 * grace_ns)
    at_ns = next(t for t, message in bench.cnpus[0].got if isinstance(message, Done) and message.pid == 1)
    assert grace_ns < at_ns < grace_ns + 20 * 1_000


@pytest.mark.parametrize("holds_back", [0, 1])
def test_atomic_request_whose_program_lets_no_pair_come_holds_nobody_up(holds_back: int) -> None:
    """Process 2 has both pairs come into one virtual qubit, at one end, and never frees it."""

    def done_ns(atomic: int) -> int:
        bench = Bench(links={(0, 1): PerfectLink()}, latency_ns=500)
        ids = [(0, 0) if node == holds_back else (0, 1) for node in range(2)]
        ask = keep(ids=ids[0], socket=5, wait=False, ret=False, args={ArgsIndex.ATOMIC: atomic})
        bench.program(0, 2, ask, socket=5)
        bench.program(1, 2, receive(ids=ids[1], socket=5, wait=False, ret=False), socket=5)
        bench.program(0, 1, measure(), at_ns=100_000).program(1, 1, receive(ids=None, number=1))
        bench.run(until_ns=20 * MILLISECOND_NS)
        return next(t for t, got in bench.cnpus[0].got if isinstance(got, Done) and got.pid == 1)

    assert done_ns(1) == done_ns(0) < 200_000


def test_pairs_of_others_that_come_first_are_bounded_by_their_quota() -> None:
    """Two programs flood the link from both ends; between the request of the victim and its pair come no more
    pairs of theirs than they may have open."""
    link = DepolariseLink(fidelity=1.0, success_probability=1.0, cycle_ns=1_000)
    most = Quotas(open_pairs=30)
    ten: dict[str, Any] = {"number": 10, "socket": 5, "wait": False, "ret": False}
    flood = lines(*(measure(results=10 * k, **ten) for k in (1, 2, 3)), "wait_all @30[0:100]")
    catch = lines(*(receive(ids=None, results=10 * k, **ten) for k in (1, 2, 3)), "wait_all @30[0:100]")
    bench = Bench(links={(0, 1): link}, settings=QnpuSettings(quotas=most))
    bench.program(0, 2, *[flood] * 40, socket=5)
    bench.program(1, 2, *[catch] * 40, socket=5)
    bench.program(0, 1, measure(results=0), at_ns=100_500).program(
        1, 1, receive(ids=None, number=1), at_ns=100_500
    )
    bench.run()
    pids = [emit.pid for emit in bench.emits("EGP_ENM_OK", 0) if emit.t_ns > 100_500]
    assert pids.index(1) <= 30
    assert len(pids) > 500, "the flood went on"


def test_storm_of_requests_that_are_made_and_withdrawn_lets_others_through() -> None:
    """A request is withdrawn at both ends when its subroutine is aborted; a thousand in a row."""
    storm = assemble(lines(measure(socket=5, wait=False, ret=False), "set Q0 99\nx Q0")).encode()
    bench = Bench(links={(0, 1): PerfectLink()}, latency_ns=500, cnpu_latency_ns=100, tracing=False)
    bench.program(0, 2, peers=[1], socket=5).program(1, 2, "", socket=5)
    bench.at(0, 0, Submit(2, 0, storm))
    count = 0

    def again(message: Message, now_ns: int) -> list[Message]:
        nonlocal count
        if isinstance(message, Aborted) and message.pid == 2 and count < 1_000:
            count += 1
            return [Submit(2, count, storm)]
        return []

    bench.cnpus[0].on_message = again
    pairs = 20
    ids = list(range(1))
    create = lines(keep(ids=ids, ret=False), read_out(0, "M0"))
    take = lines(receive(ids=ids, ret=False), read_out(0, "M0"))
    bench.program(0, 1, *[create] * pairs, at_ns=1_000).program(1, 1, *[take] * pairs, at_ns=1_000).run()
    assert count == 1_000
    ours = [
        [bits for done in cnpu.done if done.pid == 1 for _, bits in done.registers] for cnpu in bench.cnpus
    ]
    assert len(ours[0]) == pairs and ours[0] == ours[1]
    for qnpu in bench.qnpus:
        (link,) = qnpu.netstack.links.values()
        assert not link.items and not link.backlog
        assert len(qnpu._timers) == 0
