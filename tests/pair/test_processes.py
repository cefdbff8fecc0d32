"""Several programs on one node, the system calls, and memory that has to be waited for."""

from __future__ import annotations

import pytest

from netqasm_isa import assemble
from qdriver.generic import GenericConfig
from qnpu.settings import QnpuSettings
from qruntime.actors import Arrival, Emit, Start
from qruntime.limits import EPR_SOCKETS, PROCESSES, SUBROUTINES_QUEUED
from qruntime.messages import (
    Done,
    OpenEprSocket,
    ReadMemory,
    Register,
    Status,
    StatusReport,
    Submit,
)
from qworld.links import PerfectLink
from tests.pair.harness import (
    MILLISECOND_NS,
    Bench,
    bits_of,
    keep,
    lines,
    measure,
    qubit,
    read_out,
    receive,
)

ONE = GenericConfig(num_qubits=1, t1_ns=0, t2_ns=0)
TWO = GenericConfig(num_qubits=2, t1_ns=0, t2_ns=0)
EMPTY = assemble("").encode()


# --- order and isolation ----------------------------------------


def test_subroutines_of_one_process_run_in_the_order_they_were_submitted() -> None:
    texts = [f"set R0 {i}\nret_reg R0" for i in range(20)]
    cnpu = Bench(("alice",)).program(0, 1, *texts).run().cnpus[0]
    assert [bits_of(done) for done in cnpu.done] == [[i] for i in range(20)]


def test_processes_are_served_first_come_first_served() -> None:
    bench = Bench(("alice",), settings=QnpuSettings(classical_instruction_ns=100))
    for pid in (3, 1, 2):
        bench.program(0, pid, "set R0 1", "set R0 2")
    order = [(done.pid, done.subroutine) for done in bench.run().cnpus[0].done]
    assert order == [(3, 0), (1, 0), (2, 0), (3, 1), (1, 1), (2, 1)]


def test_waiting_process_gives_the_processor_up() -> None:
    bench = Bench(links={(0, 1): PerfectLink(delay_ns=500_000)})
    bench.program(0, 1, keep()).program(0, 2, lines(qubit(0, "x {q}"), read_out(0, "M0"))).program(
        1, 1, receive()
    )
    bench.run()
    assert [done.pid for done in bench.cnpus[0].done] == [2, 1]


def test_inversion_is_traced_when_the_network_process_waits_for_a_user() -> None:
    bench = (
        Bench().program(0, 2, measure(socket=1), socket=1).program(0, 1, lines(qubit(0), "x Q0"), at_ns=1_000)
    )
    bench.program(1, 1, receive(ids=None, number=1, socket=1), socket=1, at_ns=5_000).run()
    assert "SCHEDULER_HIGH_PRIO_PROCESS_WAITS_ON_LOWER_PRIO" in bench.events("scheduler")


def test_processes_see_no_registers_or_arrays_of_each_other() -> None:
    bench = Bench(("alice",)).program(0, 1, "set R0 5\narray R0 @0")
    bench.program(0, 2, "ret_reg R0").program(0, 3, "ret_arr @0")
    cnpu = bench.run().cnpus[0]
    assert sorted((a.pid, a.fault.message.split(": ")[1]) for a in cnpu.aborted) == [
        (2, "register R0 is undefined"),
        (3, "there is no array @0"),
    ]


def test_process_belongs_to_the_cnpu_that_registered_it() -> None:
    """Another CNPU can neither touch it nor take its number: its calls are ignored, with a record of each."""
    bench = Bench(("alice",))
    qnpu = bench.qnpus[0]
    bench.kernel.reset(0)
    qnpu.handle(Start(), 0)
    qnpu.handle(Arrival("alice/cnpu", Register(1, "a", 1)), 0)
    for call in (Submit(1, 0, EMPTY), Register(1, "b", 1), Register(2, "b", 1)):
        (ignored,) = qnpu.handle(Arrival("other/cnpu", call), 0)
        assert isinstance(ignored, Emit)
        assert (ignored.event, ignored.data) == ("PROCMGR_CALL_IGNORED", ("other/cnpu", type(call).__name__))
    assert list(qnpu.processes) == [("alice/cnpu", 1)]


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (Register(-2, "free", 1), "process id -2 is negative"),
        (Register(-1, "network", 1), "process id -1 is negative"),
        (Register(5, "p", 1, weight=0), "weight 0 of process 5; 1 or more is allowed"),
        (Register(5, "p", 1, sockets=((-1, 1, 0, 100),)), "socket ids are 0 or more"),
        (Register(5, "p", 1, sockets=((0, 99, 0, 100),)), "nodes 0..1"),
        (Register(5, "p", 1, sockets=((0, -5, 0, 100),)), "nodes 0..1"),
    ],
)
def test_ids_that_mean_nobody_are_refused(call: Register, why: str) -> None:
    (refused,) = Bench(("alice", "bob")).at(0, 0, call).run().cnpus[0].refused
    assert why in refused.fault.message


# --- system calls ----------------------------------------


def test_submit_for_an_unknown_process_is_aborted() -> None:
    cnpu = Bench(("alice",)).at(0, 0, Submit(4, 9, EMPTY)).run().cnpus[0]
    (abort,) = cnpu.aborted
    assert (abort.pid, abort.subroutine) == (4, 9)
    assert "process 4 is not registered" in abort.fault.message


def test_socket_for_an_unknown_process_is_refused() -> None:
    (refused,) = Bench(("alice",)).at(0, 0, OpenEprSocket(4, 0, 1, 0)).run().cnpus[0].refused
    assert (refused.pid, refused.call) == (4, "open EPR socket")


def test_registering_twice_is_refused_and_changes_nothing() -> None:
    bench = Bench(("alice",)).program(0, 1, "set R0 3").at(0, 10, Register(1, "again", 9))
    bench.submit(0, 1, 1, "ret_reg R0", at_ns=20).run()
    (refused,) = bench.cnpus[0].refused
    assert (refused.call, refused.pid) == ("register", 1)
    assert bits_of(bench.cnpus[0].done[1]) == [3]


@pytest.mark.parametrize("flavour", ["nv", "trapped_ion", "reids", "", "VANILLA"])
def test_flavour_the_device_does_not_run_is_refused_at_register(flavour: str) -> None:
    bench = Bench(("alice",)).at(0, 0, Register(1, "a", 1, flavour), Submit(1, 0, EMPTY)).run()
    (refused,) = bench.cnpus[0].refused
    assert refused.fault.message == f"flavour {flavour!r} does not run on this device; it takes vanilla"
    assert "not registered" in bench.cnpus[0].aborted[0].fault.message


def test_socket_that_is_open_already_is_refused() -> None:
    bench = Bench().program(0, 1).at(0, 1, OpenEprSocket(1, 0, 1, 3)).run()
    assert "EPR socket 0 is open already" in bench.cnpus[0].refused[0].fault.message


def test_socket_of_another_process_to_the_same_remote_socket_is_refused() -> None:
    bench = Bench().program(0, 1).program(0, 2).run()
    (refused,) = bench.cnpus[0].refused
    assert refused.pid == 2
    assert "belongs to process 1" in refused.fault.message
    assert bench.qnpus[0].processes["alice/cnpu", 2].sockets == {}


def test_socket_is_free_again_after_its_program_stopped() -> None:
    assert not Bench().program(0, 1).stop(0, 1, 5).program(0, 2, at_ns=6).run().cnpus[0].refused


@pytest.mark.parametrize("min_fidelity", [-1, 101])
def test_socket_with_an_impossible_fidelity_is_refused(min_fidelity: int) -> None:
    bench = Bench().program(0, 1, peers=[]).at(0, 1, OpenEprSocket(1, 0, 1, 0, min_fidelity)).run()
    assert f"{min_fidelity} is not in 0..100" in bench.cnpus[0].refused[0].fault.message


def test_sockets_of_a_process_have_a_limit() -> None:
    sockets = tuple((i, 1, i, 100) for i in range(EPR_SOCKETS + 1))
    bench = Bench().at(0, 0, Register(1, "a", 1, sockets=sockets)).run()
    assert len(bench.cnpus[0].refused) == 1
    assert len(bench.qnpus[0].processes["alice/cnpu", 1].sockets) == EPR_SOCKETS


def test_processes_of_a_node_have_a_limit() -> None:
    bench = Bench(("alice",), tracing=False)
    bench.at(0, 0, *(Register(pid, "a", 1) for pid in range(PROCESSES + 1))).run()
    (refused,) = bench.cnpus[0].refused
    assert refused.fault.code == "LIMIT"
    assert len(bench.qnpus[0].processes) == PROCESSES


def test_queue_of_a_process_has_a_limit() -> None:
    bench = Bench(("alice",), tracing=False).program(0, 1, qubit(0))
    bench.at(0, 1, *(Submit(1, i, EMPTY) for i in range(1, SUBROUTINES_QUEUED + 3))).run()
    assert [(a.subroutine, a.fault.code) for a in bench.cnpus[0].aborted] == [
        (SUBROUTINES_QUEUED + 1, "QUOTA"),
        (SUBROUTINES_QUEUED + 2, "QUOTA"),
    ]
    assert len(bench.cnpus[0].done) == SUBROUTINES_QUEUED + 1


@pytest.mark.parametrize(
    "code",
    [b"", b"\x00", b"\x00\x0a\x00", b"\x00\x0a\x00\x00\x04", EMPTY + bytes(6), EMPTY + b"\xff" + bytes(6)],
)
def test_bytes_that_are_no_subroutine_are_refused_and_the_next_one_runs(code: bytes) -> None:
    cnpu = Bench(("alice",)).program(0, 1, code, "set R0 1\nret_reg R0").run().cnpus[0]
    assert cnpu.aborted[0].fault.message.startswith("subroutine refused: ")
    assert [done.subroutine for done in cnpu.done] == [1]


def test_read_memory_of_an_unknown_process_or_register_gives_none() -> None:
    bench = (
        Bench(("alice",))
        .program(0, 1, "set R0 1")
        .at(0, 5, ReadMemory(9, 1, (0,), (0,)), ReadMemory(1, 2, (0, 64, -1, 255), (-1,)))
    )
    unknown, odd = bench.run().cnpus[0].memory
    assert (unknown.registers, unknown.arrays) == (((0, None),), ((0, None),))
    assert odd.registers == ((0, 1), (64, None), (-1, None), (255, None))
    assert odd.arrays == ((-1, None),)


def test_status_shows_the_process_table() -> None:
    bench = Bench(links={(0, 1): PerfectLink(delay_ns=10 * MILLISECOND_NS)})
    bench.program(0, 1, qubit(7)).program(0, 2, keep(socket=1), "", socket=1).program(
        1, 2, receive(socket=1), socket=1
    )
    bench.at(0, MILLISECOND_NS, Status(5)).run()
    (report,) = bench.cnpus[0].of(StatusReport)
    assert report.ref == 5
    assert [(p.pid, p.app, p.state, p.queued, p.qubits, p.requests) for p in report.processes] == [
        (1, "p1", "idle", 0, (0,), 0),
        (2, "p2", "waiting", 2, (), 1),
    ]
    assert report.qubits_free == 1  # one is the first program's, one is being entangled


def test_messages_that_are_not_for_a_qnpu_are_ignored() -> None:
    assert not Bench(("alice",)).at(0, 0, Done(1, 0, (), ())).run().cnpus[0].got


# --- memory ----------------------------------------


def test_qalloc_waits_for_a_qubit_of_another_process() -> None:
    bench = Bench(("alice",), device=ONE).program(0, 1, lines(qubit(0)), at_ns=0)
    bench.submit(0, 1, 1, "set Q0 0\nqfree Q0", at_ns=90_000).program(0, 2, qubit(3), at_ns=20_000)
    cnpu = bench.run().cnpus[0]
    assert [(done.pid, done.subroutine) for done in cnpu.done] == [(1, 0), (1, 1), (2, 0)]
    assert cnpu.time_of(Done, 2) == 90_000 + 10_000


def test_processes_that_wait_for_memory_are_served_in_order() -> None:
    bench = Bench(("alice",), device=ONE).program(0, 1, lines(qubit(0)))
    for pid in (5, 4, 3):
        bench.program(0, pid, lines(qubit(0), "x Q0", "qfree Q0"), at_ns=20_000 + 10 * (5 - pid))
    cnpu = bench.stop(0, 1, 90_000).run().cnpus[0]
    assert [done.pid for done in cnpu.done] == [1, 5, 4, 3]


def test_qubit_that_one_waiter_takes_leaves_the_next_one_waiting() -> None:
    bench = Bench(("alice",), device=ONE).program(0, 1, qubit(0))
    bench.program(0, 2, qubit(0), at_ns=10_001).program(0, 3, qubit(0), at_ns=10_002).stop(0, 1, 50_000).run()
    assert [done.pid for done in bench.cnpus[0].done] == [1, 2]
    assert bench.qnpus[0].processes["alice/cnpu", 3].state == "waiting"
    (wait,) = bench.kernel.waits()
    assert (wait.actor, wait.pid, wait.kind) == ("alice/qnpu", 3, "memory")
    assert "a free qubit for virtual qubit 0" in wait.what


def test_memory_deadlock_aborts_the_youngest() -> None:
    """Each of two processes holds one of two qubits and wants the other's."""
    bench = Bench(("alice",), device=TWO).program(0, 7, qubit(0)).program(0, 3, qubit(0), at_ns=100)
    for pid in (3, 7):
        bench.submit(0, pid, 1, qubit(1), at_ns=50_000)
    bench.stop(0, 3, MILLISECOND_NS).run()
    (abort,) = bench.cnpus[0].aborted
    assert (abort.pid, abort.fault.code) == (3, "DEADLOCK")
    assert "memory deadlock on alice" in abort.fault.message
    assert "process 7" in abort.fault.message and "process 3" in abort.fault.message
    assert [(done.pid, done.subroutine) for done in bench.cnpus[0].done] == [(7, 0), (3, 0), (7, 1)]


def test_memory_deadlock_includes_a_pair_that_starves() -> None:
    """One process waits for a qubit, the other for a pair; they hold everything."""
    bench = Bench(devices={0: TWO}).program(0, 1, qubit(1)).program(0, 2, qubit(1), socket=1, at_ns=10)
    bench.submit(0, 1, 1, qubit(2), at_ns=50_000).submit(0, 2, 1, keep(socket=1), at_ns=60_000)
    bench.program(1, 2, receive(socket=1), socket=1).run()
    assert [(abort.pid, abort.fault.code) for abort in bench.cnpus[0].aborted] == [(2, "DEADLOCK")]
    assert bench.cnpus[0].got[-1][0] == 60_000
    assert bench.cnpus[1].aborted[0].fault.data["epr"] == "REJECTED"  # its request went with the subroutine


def test_deadlock_that_a_delivered_pair_completes_is_seen() -> None:
    """Both wait for memory while the last qubit is busy with attempts; then the pair goes to one of them."""
    bench = Bench(links={(0, 1): PerfectLink(delay_ns=200_000)}).program(1, 1, receive())
    bench.program(0, 1, lines(keep(ids=(0,), wait=False, ret=False), qubit(1)))
    bench.program(0, 2, qubit(1), peers=[], at_ns=10)
    for pid in (1, 2):
        bench.submit(0, pid, 1, qubit(3), at_ns=50_000)
    bench.run(until_ns=10 * MILLISECOND_NS)
    assert [(abort.pid, abort.fault.code) for abort in bench.cnpus[0].aborted] == [(2, "DEADLOCK")]
    assert bench.cnpus[0].got[-1][0] == bench.emits("EGP_ENT_OK", 0)[0].t_ns > 200_000


def test_qalloc_that_waits_for_what_its_own_pair_takes_is_told_so() -> None:
    """One qubit, busy with attempts for this very process: when the pair comes, waiting is vain."""
    bench = Bench(links={(0, 1): PerfectLink(delay_ns=200_000)}, devices={0: ONE}).program(1, 1, receive())
    bench.program(0, 1, keep(wait=False, ret=False)).submit(0, 1, 1, "set Q1 1\nqalloc Q1", at_ns=100_000)
    bench.run(until_ns=10 * MILLISECOND_NS)
    (abort,) = bench.cnpus[0].aborted
    assert abort.fault.data["cause"] == "NO_QUBIT"
    assert bench.cnpus[0].got[-1][0] == 200_000


def test_program_that_announced_fewer_qubits_than_it_uses_is_served() -> None:
    text = "\n".join(f"set Q{i} {i}\nqalloc Q{i}" for i in range(3))
    assert len(Bench(("alice",)).program(0, 1, text, max_qubits=1).run().cnpus[0].done) == 1


def test_waits_say_what_a_process_needs() -> None:
    bench = Bench(links={(0, 1): PerfectLink(delay_ns=MILLISECOND_NS)})
    bench.program(0, 1, keep(ids=(0, 1))).program(1, 1, receive(ids=(0, 1)))
    bench.program(0, 2, "array 1 @5\nset R0 0\nwait_single @5[R0]", socket=1)
    bench.run(until_ns=1_500_000)
    waits = {(wait.actor, wait.pid): (wait.kind, wait.what) for wait in bench.kernel.waits()}
    assert waits["alice/qnpu", 1] == ("array", "pair 2 of 2 with bob")
    assert waits["bob/qnpu", 1] == ("array", "pair 2 of 2 with alice")
    assert waits["alice/qnpu", 2] == ("array", "array @5")
