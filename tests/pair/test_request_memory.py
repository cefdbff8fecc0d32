"""Virtual ids and qubits of entanglement requests: what blocks, what waits, and what can never succeed."""

from __future__ import annotations

from typing import Any

import pytest

from netqasm_isa.epr import (
    ArgsIndex,
    KeepIndex,
)
from qdriver.generic import GenericConfig
from qnpu.settings import QnpuSettings
from qruntime.messages import Done
from qworld.links import PerfectLink
from tests.pair.harness import (
    BOTH_STARTS,
    MILLISECOND_NS,
    Bench,
    bits_of,
    epr_error,
    keep,
    lines,
    only_fault,
    pairs_of,
    qubit,
    read_out,
    receive,
    requests,
)


@pytest.mark.parametrize("start", BOTH_STARTS)
def test_sequential_pairs_reuse_one_id_and_wait_until_it_is_freed(start: Any) -> None:
    """Pair 1 is not attempted before both ends have freed the id: bob needs 40 us longer than alice."""
    settings = QnpuSettings(epr_start=start)
    bob = QnpuSettings(epr_start=start, classical_instruction_ns=5_000)
    half = "wait_all @0[{0}:{1}]\nset Q0 0\nmeas Q0 {2}\nqfree Q0\nret_reg {2}"
    rounds = lines(half.format(0, 10, "M0"), half.format(10, 20, "M1"), "ret_arr @0")
    bench = Bench(settings=settings, each={1: bob}).program(
        0, 1, lines(keep(ids=(0, 0), wait=False, ret=False), rounds)
    )
    bench.program(1, 1, lines(receive(ids=(0, 0), wait=False, ret=False), rounds)).run()
    (alice,), (other,) = (cnpu.done for cnpu in bench.cnpus)
    assert bits_of(alice) == bits_of(other)
    second = bench.emits("EGP_ENT_OK", 1)[1]
    freed = dict(reversed(bench.starts(1)))["measure"] + 10_000
    assert second.t_ns >= freed + 1_000
    assert [pair[KeepIndex.SEQUENCE_NUMBER] for pair in pairs_of(alice)] == [0, 1]


def test_operation_blocks_only_while_its_id_is_unbound() -> None:
    """One-qubit connections emit no wait: the measurement itself waits for the pair."""
    text = "set Q0 0\nmeas Q0 M0\nqfree Q0\nret_reg M0"
    bench = Bench(links={(0, 1): PerfectLink(delay_ns=30_000)})
    bench.program(0, 1, lines(keep(wait=False, ret=False), text))
    bench.program(1, 1, lines(receive(wait=False, ret=False), text)).run()
    assert [t_ns for gate, t_ns in bench.starts(0)] == [30_000]
    assert bits_of(bench.cnpus[0].done[0]) == bits_of(bench.cnpus[1].done[0])


@pytest.mark.parametrize(
    "operation",
    [
        "x Q0",
        "init Q0",
        "meas Q0 M0",
        "qfree Q0",
        "meas_basis Q0 M0 0 0 0 4",
        "cnot Q0 Q1",
        "cnot Q1 Q0",
        "rot_x Q0 1 1",
    ],
)
def test_every_operation_waits_for_the_id_that_a_request_will_bind(operation: str) -> None:
    text = lines(qubit(1, register="Q1"), keep(wait=False, ret=False), "set Q0 0", operation)
    bench = (
        Bench(links={(0, 1): PerfectLink(delay_ns=30_000)}).program(0, 1, text).program(1, 1, receive()).run()
    )
    assert bench.cnpus[0].time_of(Done) >= 30_000
    assert "PROCESSOR_WAIT_USER_PROCESS" in bench.events()


def test_bound_id_is_operated_on_although_a_later_pair_will_use_it_again() -> None:
    """Between pair 0 and pair 1 the id is bound, and gates on it do not wait."""
    text = lines(
        keep(ids=(0, 0), wait=False, ret=False), "wait_all @0[0:10]\nset Q0 0\nx Q0\nmeas Q0 M0\nret_reg M0"
    )
    bench = Bench().program(0, 1, text).program(1, 1, receive(ids=(0, 0), wait=False, ret=False))
    bench.run(until_ns=MILLISECOND_NS)
    assert bench.cnpus[0].time_of(Done) == 1_000 + 1_000 + 10_000


def test_qalloc_of_a_reserved_id_is_an_error() -> None:
    bench = requests(lines(keep(wait=False, ret=False), "set Q0 0\nqalloc Q0"), receive())
    (abort,) = bench.cnpus[0].aborted
    assert "virtual qubit 0 is reserved by an open entanglement request" in abort.fault.message


def test_operation_on_an_id_whose_request_failed_says_why() -> None:
    settings = QnpuSettings(request_timeout_ns=MILLISECOND_NS)
    bench = Bench(settings=settings).program(0, 1, lines(keep(wait=False, ret=False), "set Q0 0\nx Q0"))
    bench.program(1, 1, "").run()
    (abort,) = bench.cnpus[0].aborted
    assert abort.fault.data["epr"] == "TIMEOUT"
    assert abort.fault.data["instruction"] == "x Q0"


@pytest.mark.parametrize("role", ["creator", "receiver"])
def test_waiting_for_a_pair_that_only_ones_own_bound_id_blocks_is_hopeless_at_once(role: str) -> None:
    if role == "creator":
        bench = requests(lines(qubit(0), keep(ids=(0,))), receive())
    else:
        bench = requests(keep(), lines(qubit(0), receive(ids=(0,))))
    node = 0 if role == "creator" else 1
    assert epr_error(bench, node) == "NORES"
    assert (
        "pair 0 goes to virtual qubit 0, which the program holds while it waits"
        in only_fault(bench, node).message
    )
    assert bench.kernel.now_ns < MILLISECOND_NS
    assert epr_error(bench, 1 - node) == "NORES"  # the other end hears why


def test_waiting_for_all_pairs_of_a_sequential_request_is_hopeless_at_once() -> None:
    """Pair 1 needs the id that holds pair 0, and nobody can free it while the program waits for both."""
    bench = requests(keep(ids=(0, 0)), receive(ids=(0, 0)))
    assert [epr_error(bench, node) for node in (0, 1)] == ["NORES", "NORES"]
    assert only_fault(bench).data["delivered"] == 1
    assert bench.kernel.now_ns < MILLISECOND_NS


def test_waiting_for_a_pair_while_holding_every_qubit_is_hopeless_at_once() -> None:
    fill = lines(*(qubit(i, register=f"Q{i}") for i in range(1, 4)))
    bench = requests(lines(fill, keep(ids=(0,))), receive())
    assert epr_error(bench) == "NORES"
    assert "holds every qubit of the device" in only_fault(bench).message
    assert bench.kernel.now_ns < MILLISECOND_NS


def test_qubit_that_is_freed_later_makes_a_starving_request_go_on() -> None:
    fill = lines(*(qubit(i, register=f"Q{i}") for i in range(1, 4)))
    text = lines(fill, keep(ids=(0,), wait=False, ret=False), "qfree Q3\nwait_all @0[0:10]\nret_arr @0")
    bench = requests(text, receive())
    assert [len(cnpu.done) for cnpu in bench.cnpus] == [1, 1]


def test_two_requests_for_one_id_are_served_one_after_the_other() -> None:
    """Pairs of both wait for id 0; the second one is bound when the first one is freed."""
    links = {(0, 1): PerfectLink(delay_ns=5_000), (0, 2): PerfectLink(delay_ns=8_000)}
    text = lines(
        keep(1, ids=(0,), results=0, wait=False, ret=False),
        keep(2, ids=(0,), results=4, socket=1, wait=False, ret=False),
        "wait_all @0[0:10]\nset Q0 0\nmeas Q0 M0\nqfree Q0",
        "wait_all @4[0:10]\nmeas Q0 M1\nret_reg M0\nret_reg M1",
    )
    bench = Bench(("alice", "bob", "charlie"), links).program(0, 1, text)
    for node, socket in ((1, 0), (2, 1)):
        bench.program(
            node, 1, lines(receive(ids=(0,), socket=socket), read_out(0, "M0")), peers=[0], socket=socket
        )
    bench.run()
    mine = bits_of(bench.cnpus[0].done[0])
    assert mine == [bits_of(bench.cnpus[1].done[0])[0], bits_of(bench.cnpus[2].done[0])[0]]


def test_waiting_for_a_pair_that_another_pair_of_the_program_blocks_is_hopeless() -> None:
    """Both requests bind id 0. The pair of the slow link can never be handed over while the program waits."""
    links = {(0, 1): PerfectLink(delay_ns=5_000), (0, 2): PerfectLink(delay_ns=8_000)}
    text = lines(
        keep(1, ids=(0,), results=0, wait=False, ret=False),
        keep(2, ids=(0,), results=4, socket=1, wait=False, ret=False),
        "wait_all @4[0:10]",
    )
    bench = Bench(("alice", "bob", "charlie"), links).program(0, 1, text)
    for node, socket in ((1, 0), (2, 1)):
        bench.program(node, 1, receive(ids=(0,), socket=socket), peers=[0], socket=socket)
    bench.run(until_ns=MILLISECOND_NS)
    assert [abort.fault.data["epr"] for abort in bench.cnpus[0].aborted] == ["NORES"]


def test_number_of_pairs_may_exceed_the_qubits_if_ids_are_reused() -> None:
    rounds = lines(
        *(
            f"wait_all @0[{10 * i}:{10 * i + 10}]\nset Q0 0\nmeas Q0 M0\nqfree Q0\nret_reg M0"
            for i in range(7)
        )
    )
    creator = lines(keep(ids=(0,) * 7, wait=False, ret=False), rounds)
    bench = requests(creator, lines(receive(ids=(0,) * 7, wait=False, ret=False), rounds))
    assert bits_of(bench.cnpus[0].done[0]) == bits_of(bench.cnpus[1].done[0])


@pytest.mark.parametrize("flag", [ArgsIndex.ATOMIC, ArgsIndex.CONSECUTIVE])
def test_pairs_that_must_coexist_and_cannot_at_the_peer_are_refused(flag: ArgsIndex) -> None:
    small = GenericConfig(num_qubits=1, t1_ns=0, t2_ns=0)
    bench = requests(keep(ids=(0, 1), args={flag: 1}), receive(ids=(0, 0)), devices={1: small})
    assert epr_error(bench) == "NORES"
    assert "the device of bob has 1 qubits" in only_fault(bench).message
