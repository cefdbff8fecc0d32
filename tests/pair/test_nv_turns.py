"""Programs that share an NV centre: whose turn the electron and the device are, what is moved for whom, and
what can never succeed."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from netqasm_isa.epr import ArgsIndex
from qdriver.generic import GenericConfig
from qnpu.settings import QnpuSettings
from qruntime.messages import Register
from qworld.links import DepolariseLink, PerfectLink
from tests.pair.harness import (
    MILLISECOND_NS,
    SECOND_NS,
    Bench,
    bits_of,
    epr_error,
    keep,
    lines,
    noiseless_nv,
    qubit,
    read_out,
    receive,
)

CREATE = QnpuSettings(epr_start="create", unclaimed_timeout_ns=10 * MILLISECOND_NS)
ONE = GenericConfig(num_qubits=1, t1_ns=0, t2_ns=0)
PAIR_NS = 5_000


def nv_bench(*qubits: int, settings: QnpuSettings | None = None, **options: Any) -> Bench:
    """NV centres in a line, with that many qubits each."""
    nodes = ("alice", "bob", "charlie")[: len(qubits)]
    links = options.pop("links", None) or {
        (i, i + 1): PerfectLink(delay_ns=PAIR_NS) for i in range(len(qubits) - 1)
    }
    devices = {i: noiseless_nv(n) for i, n in enumerate(qubits)}
    return Bench(
        nodes, links, devices={**devices, **options.pop("devices", {})}, settings=settings, **options
    )


# --- moved pairs ----------------------------------------


@pytest.mark.parametrize("touched", [False, True])
def test_moved_half_is_made_again_only_if_nobody_has_touched_it(touched: bool) -> None:
    """Bob drops an unclaimed pair. Alice's half was moved to a carbon meanwhile; before that she flipped it,
    or not."""
    bench = nv_bench(3, 1, devices={1: ONE}, settings=CREATE)
    flip = "set Q0 0\nx Q0" if touched else ""
    bench.program(0, 1, lines(keep(), flip)).program(1, 1)
    bench.submit(0, 1, 1, lines(qubit(1), read_out(1, "M0")), at_ns=100_000)
    bench.submit(1, 1, 0, lines(qubit(0), "qfree Q0"), at_ns=MILLISECOND_NS)
    bench.submit(1, 1, 1, lines(receive(), read_out(0, "M1")), at_ns=2 * MILLISECOND_NS)
    bench.submit(0, 1, 2, read_out(0, "M1"), at_ns=3 * MILLISECOND_NS).run(until_ns=SECOND_NS)
    assert bench.emits("MEMORY_MOVE", 0)
    if touched:
        assert bench.cnpus[0].faults[0].data["epr"] == "EXPIRE"
    else:
        assert not bench.cnpus[0].faults
        assert bits_of(bench.cnpus[0].done[2]) == bits_of(bench.cnpus[1].done[1])


def test_half_that_its_owner_corrected_is_made_again() -> None:
    """The creator's OS turns |Psi+> into |Phi+>; its program has done nothing."""
    link = DepolariseLink(fidelity=1, success_probability=1, cycle_ns=PAIR_NS, random_bell_state=True)
    settings = msgspec.structs.replace(CREATE, correcting_side="creator")
    bench = nv_bench(3, 1, devices={1: ONE}, settings=settings, links={(0, 1): link}, seed=2)
    bench.program(0, 1, keep()).program(1, 1)
    bench.submit(1, 1, 0, lines(qubit(0), "qfree Q0"), at_ns=MILLISECOND_NS)
    bench.submit(1, 1, 1, lines(receive(), read_out(0, "M1")), at_ns=2 * MILLISECOND_NS)
    bench.submit(0, 1, 1, read_out(0, "M1"), at_ns=3 * MILLISECOND_NS).run()
    assert bench.emits("EGP_EXPIRE") and bench.starts(0)[0][1] < MILLISECOND_NS, "it did correct"
    assert not bench.cnpus[0].faults
    assert bits_of(bench.cnpus[0].done[1]) == bits_of(bench.cnpus[1].done[1])


# --- pairs that nobody has asked for, and pairs that wait ----------------------------------------


@pytest.mark.parametrize("delay_ns", [0, PAIR_NS])
def test_two_ends_that_both_create_before_they_receive_get_both_pairs(delay_ns: int) -> None:
    """Each end waits for its own pair while the other's sits unclaimed in the electron: it goes to a
    carbon."""
    bench = nv_bench(2, 2, settings=CREATE, links={(0, 1): PerfectLink(delay_ns=delay_ns)})
    for node in (0, 1):
        mine = keep(1 - node, (0,), socket=node)
        other = receive(1 - node, (1,), socket=1 - node, results=4)
        read = lines(read_out(0, "M0"), read_out(1, "M1"))
        bench.program(node, 1, lines(mine, other, read), peers=[1 - node, 1 - node])
    bench.run()
    assert not any(cnpu.faults for cnpu in bench.cnpus)
    here, there = (bits_of(cnpu.done[0]) for cnpu in bench.cnpus)
    assert here == there[::-1]


def test_unclaimed_pair_in_the_last_qubit_is_not_made_again_and_again() -> None:
    """Bob's own request has no partner yet. An unclaimed pair gives way to it and waits until it is over."""
    settings = msgspec.structs.replace(CREATE, request_timeout_ns=MILLISECOND_NS)
    bench = nv_bench(1, 1, settings=settings, links={(0, 1): PerfectLink(delay_ns=0)})
    bench.program(0, 1, qubit(0), peers=[1, 1])  # alice's electron is taken, and comes free late
    bench.program(1, 1, lines(keep(0, socket=0, wait=False)), peers=[0, 0], at_ns=1_000)
    bench.program(0, 2, keep(1, socket=5), socket=5, at_ns=2_000).program(1, 2, socket=5, at_ns=1_000)
    bench.submit(0, 1, 1, "set Q0 0\nqfree Q0", at_ns=100_000).run()
    assert len(bench.emits("EGP_EXPIRE")) <= 1


def test_program_in_the_flavour_of_the_device_that_holds_every_carbon_hears_so_at_once() -> None:
    """A pair for virtual qubit 2 has to leave the electron, and the only carbon is the program's own."""
    text = lines("set Q0 1\nqalloc Q0\ninit Q0", keep(ids=(2,)))
    bench = nv_bench(2, 2).program(0, 1, text, flavour="nv").program(1, 1, receive()).run()
    assert epr_error(bench) == "NORES"
    assert bench.kernel.now_ns < MILLISECOND_NS


def test_qubit_to_be_measured_changes_places_with_a_pair_that_waits_for_a_carbon() -> None:
    """Program 2 has the only carbon; program 1 waits for a pair that is in the electron and belongs there."""
    bench = nv_bench(2, 2).program(
        0, 1, lines(keep(ids=(1,)), "set Q1 1\nmeas Q1 M0\nret_reg M0"), flavour="nv"
    )
    bench.program(1, 1, lines(receive(), read_out(0, "M0")))
    bench.program(0, 2, lines(qubit(0, "x {q}")), peers=[], at_ns=0)
    bench.submit(0, 2, 1, read_out(0, "M0"), at_ns=100_000).run()
    assert not any(cnpu.faults for cnpu in bench.cnpus)
    done = {(message.pid, message.subroutine): message for message in bench.cnpus[0].done}
    assert bits_of(done[2, 1]) == [1]
    assert bits_of(done[1, 0]) == bits_of(bench.cnpus[1].done[0])


def test_program_that_waits_for_the_electron_is_woken_when_the_pair_in_it_is_handed_over() -> None:
    """The pair is being corrected when program 2 wants to measure its carbon."""
    link = DepolariseLink(fidelity=1, success_probability=1, cycle_ns=PAIR_NS, random_bell_state=True)
    settings = QnpuSettings(gate_ns=20_000)
    for seed in range(8):
        bench = nv_bench(3, 3, settings=settings, links={(0, 1): link}, seed=seed)
        bench.program(0, 1, keep()).program(1, 1, receive())
        bench.program(1, 2, qubit(0, "x {q}"), peers=[])
        bench.submit(1, 2, 1, read_out(0, "M0"), at_ns=50_000).run(until_ns=SECOND_NS)
        assert [len(cnpu.done) for cnpu in bench.cnpus] == [1, 3]
        assert [bits_of(done) for done in bench.cnpus[1].done if done.subroutine == 1] == [[1]]


# --- the device ----------------------------------------


def test_three_nodes_with_an_electron_each_that_ask_in_a_circle_all_get_their_pairs() -> None:
    """A with B, B with C, C with A, all at once; nobody has room for two pairs at a time."""
    links = dict.fromkeys(((0, 1), (1, 2), (0, 2)), PerfectLink(delay_ns=PAIR_NS))
    bench = nv_bench(1, 1, 1, links=links)
    for node in range(3):
        after, before = (node + 1) % 3, (node - 1) % 3
        mine, other = (
            lines(keep(after, socket=0), read_out(0, "M0")),
            lines(receive(before, socket=1), read_out(0, "M0")),
        )
        bench.at(node, 0, Register(1, "one", 1, sockets=((0, after, 1, 100),)))
        bench.at(node, 0, Register(2, "two", 1, sockets=((1, before, 0, 100),)))
        bench.submit(node, 1, 0, mine).submit(node, 2, 0, other)
    bench.run()
    assert not any(cnpu.faults for cnpu in bench.cnpus)
    bits = [{done.pid: bits_of(done) for done in cnpu.done} for cnpu in bench.cnpus]
    assert all(bits[node][1] == bits[(node + 1) % 3][2] for node in range(3))
    assert bench.kernel.now_ns < MILLISECOND_NS


@pytest.mark.parametrize("at_ns", [2_000, 50_000])
def test_gates_go_on_while_two_peers_are_not_ready(at_ns: int) -> None:
    """Bob attempts on both his links, in vain. His gates wait at most for the first attempt."""
    bench = nv_bench(1, 3, 1, settings=msgspec.structs.replace(CREATE, request_timeout_ns=MILLISECOND_NS))
    for node in (0, 2):
        bench.program(node, 1, lines(qubit(0), "array 1 @9\nwait_all @9[0:1]"), peers=[1], socket=node)
    bench.at(1, 0, Register(1, "p", 3, sockets=((0, 0, 0, 100), (2, 2, 2, 100))))
    bench.submit(
        1, 1, 0, lines(keep(0, (0,), socket=0, wait=False), keep(2, (1,), socket=2, results=4, wait=False))
    )
    bench.program(1, 2, lines(qubit(0, "x {q}"), read_out(0, "M0")), peers=[], at_ns=at_ns).run(
        until_ns=900_000
    )
    (done,) = [done for done in bench.cnpus[1].done if done.pid == 2]
    assert bits_of(done) == [1]
    waited_ns = max(PAIR_NS - at_ns, 0)
    assert bench.starts(1)[0][1] <= at_ns + waited_ns


def test_gate_waits_while_both_devices_attempt_and_goes_on_when_the_request_is_over() -> None:
    """The link never succeeds: the request ends at its timeout, and the device is free."""
    link = DepolariseLink(fidelity=1, success_probability=1e-12, cycle_ns=1_000)
    settings = QnpuSettings(request_timeout_ns=MILLISECOND_NS)
    bench = nv_bench(3, 3, settings=settings, links={(0, 1): link})
    bench.program(0, 1, keep()).program(1, 1, receive())
    bench.program(0, 2, lines(qubit(0, "x {q}"), read_out(0, "M0")), peers=[], at_ns=100_000)
    bench.run(until_ns=500_000)
    assert [wait.kind for wait in bench.qnpus[0].waits()] == ["array", "device"]
    bench.run()
    assert epr_error(bench) == "TIMEOUT"
    assert bits_of(bench.cnpus[0].done[0]) == [1]
    assert bench.starts(0)[0][1] == MILLISECOND_NS


# --- the same on any device ----------------------------------------


def test_id_that_a_failed_request_gives_back_goes_to_the_pair_that_waits_for_it() -> None:
    """Both requests bind id 0. The atomic one fails after its first pair, which is freed with it."""
    links = {(0, 1): PerfectLink(delay_ns=5_000), (0, 2): PerfectLink(delay_ns=8_000)}
    settings = QnpuSettings(request_timeout_ns=SECOND_NS)
    atomic = {ArgsIndex.ATOMIC: 1, ArgsIndex.MAX_TIME: 100}
    text = lines(
        keep(1, (0, 1), results=0, wait=False, ret=False, args=atomic),
        keep(2, (0,), results=4, socket=1, wait=False, ret=False),
    )
    bench = Bench(("alice", "bob", "charlie"), links, settings=settings).program(0, 1, text)
    one = receive(ids=(0, 0), wait=False, ret=False)  # never frees it, so there is no second pair
    bench.program(1, 1, one, peers=[0]).program(2, 1, receive(socket=1), peers=[0], socket=1)
    bench.submit(0, 1, 1, "wait_all @4[0:10]\nret_arr @4", at_ns=500_000).run(until_ns=SECOND_NS // 2)
    assert {done.subroutine for done in bench.cnpus[0].done} == {0, 1}


def test_deadlock_costs_a_program_that_holds_a_qubit_not_one_that_only_waits() -> None:
    """Two programs have one of the two qubits each and want another; a younger third one has none."""
    two = GenericConfig(num_qubits=2, t1_ns=0, t2_ns=0)
    bench = Bench(("alice",), device=two, settings=QnpuSettings(gate_ns=1_000))
    more = lines(qubit(0, "x {q}", "x {q}"), "ret_reg Q0", qubit(1))
    for pid in (1, 2):
        bench.program(0, pid, qubit(0), qubit(1), at_ns=pid)
    bench.program(0, 3, more, at_ns=5).run()
    assert [(abort.pid, abort.fault.code) for abort in bench.cnpus[0].aborted] == [(2, "DEADLOCK")]
