"""Aborts, cancels, stops and withdrawals: what stays, what goes, and who is told."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from netqasm_isa.epr import ArgsIndex
from qdriver.generic import GenericConfig
from qnpu.memory import FREE
from qnpu.settings import QnpuSettings
from qruntime.messages import Aborted, Done, ReadMemory, Register
from qworld.links import DepolariseLink, PerfectLink
from tests.pair.harness import (
    MILLISECOND_NS,
    Bench,
    assert_quiet,
    bits_of,
    keep,
    lines,
    measure,
    prepare,
    qubit,
    read_out,
    receive,
    run_one,
)

SLOW = DepolariseLink(fidelity=1, success_probability=1e-9, cycle_ns=1_000)
PAIR_NS = 5_000


def codes(bench: Bench, node: int = 0) -> list[tuple[int, str]]:
    return [(abort.subroutine, abort.fault.code) for abort in bench.cnpus[node].aborted]


# --- aborts ----------------------------------------


def test_subroutines_behind_an_aborted_one_fail_with_it_and_later_ones_run() -> None:
    bench = Bench(("alice",)).program(
        0, 1, lines(qubit(0), "meas Q0 M0", "qalloc Q0"), "set R0 1", "set R0 2"
    )
    bench.submit(0, 1, 3, "set R0 7\nret_reg R0", at_ns=MILLISECOND_NS).run()
    assert codes(bench) == [(0, "SUBROUTINE"), (1, "PREDECESSOR_ABORTED"), (2, "PREDECESSOR_ABORTED")]
    assert [abort.fault.data.get("culprit") for abort in bench.cnpus[0].aborted] == [None, 0, 0]
    assert bits_of(bench.cnpus[0].done[0]) == [7]


def test_abort_keeps_registers_arrays_and_qubits_and_withdraws_requests() -> None:
    text = lines(qubit(1, "x {q}"), "set R4 4", keep(wait=False, ret=False), "div R0 R4 R9")
    bench = Bench(links={(0, 1): SLOW}).program(0, 1, text).program(1, 1, receive())
    bench.submit(0, 1, 1, read_out(1, "M0"), at_ns=MILLISECOND_NS)
    bench.at(0, MILLISECOND_NS, ReadMemory(1, 0, (0b010000,), (0,))).run()
    assert bits_of(bench.cnpus[0].done[0]) == [1]
    assert bench.cnpus[0].memory[0].registers == ((0b010000, 4),)
    assert bench.cnpus[0].memory[0].arrays == ((0, (None,) * 10),)
    (peer,) = bench.cnpus[1].aborted
    assert peer.fault.data["epr"] == "REJECTED"
    assert "a subroutine of p1 on alice was aborted" in peer.fault.message
    assert not bench.cnpus[0].failed  # the program heard of the abort; its requests ended with it


def test_abort_keeps_pairs_that_were_delivered_at_both_ends() -> None:
    creator = lines(keep(ids=(0, 0), wait=False, ret=False), "wait_all @0[0:10]\ndiv R0 R9 R9")
    bench = Bench().program(0, 1, creator).program(1, 1, lines(receive(ids=(0, 0), wait=False, ret=False)))
    bench.submit(0, 1, 1, read_out(0, "M0"), at_ns=MILLISECOND_NS)
    bench.submit(1, 1, 1, read_out(0, "M0"), at_ns=MILLISECOND_NS).run()
    assert bits_of(bench.cnpus[0].done[0]) == bits_of(bench.cnpus[1].done[1])
    (failure,) = bench.cnpus[1].failed
    assert failure.fault.data["delivered"] == 1


@pytest.mark.parametrize("flag", [ArgsIndex.ATOMIC, ArgsIndex.CONSECUTIVE])
def test_failure_of_pairs_that_must_coexist_frees_the_delivered_ones_at_both_ends(flag: ArgsIndex) -> None:
    creator = lines(
        keep(ids=(0, 1), args={flag: 1}, wait=False, ret=False), "wait_all @0[0:10]\ndiv R0 R9 R9"
    )
    bench = Bench(links={(0, 1): PerfectLink(delay_ns=PAIR_NS)})
    bench.program(0, 1, creator).program(1, 1, receive(ids=(0, 1), wait=False, ret=False))
    bench.submit(0, 1, 1, read_out(0, "M0"), at_ns=MILLISECOND_NS).run()
    assert [qnpu.memory.owners for qnpu in bench.qnpus] == [[FREE] * 3] * 2
    assert bench.cnpus[1].failed[0].fault.data["delivered"] == 0  # none of them is left
    assert "virtual qubit 0 is not allocated" in bench.cnpus[0].aborted[-1].fault.message or (
        bench.cnpus[0].aborted[-1].fault.code == "EPR"
    )


def test_outcome_of_an_aborted_measurement_is_dropped() -> None:
    """Cancelled while measuring: the register keeps its value, the next subroutine is not confused."""
    bench = Bench(("alice",)).program(0, 1, lines("set M0 9", qubit(0, "x {q}"), "meas Q0 M0"))
    bench.cancel(0, 1, 0, at_ns=15_000).submit(0, 1, 1, "ret_reg M0", at_ns=15_000)
    bench.submit(0, 1, 2, read_out(0, "M1"), at_ns=16_000).run()
    assert [bits_of(done) for done in bench.cnpus[0].done] == [[9], [1]]


def test_in_flight_operations_of_an_aborted_subroutine_still_finish() -> None:
    """Ten gates were issued ahead; the qubit has them all although the subroutine was cancelled at once."""
    bench = Bench(("alice",)).program(0, 1, lines(qubit(0), "\n".join(["x Q0"] * 9)))
    bench.cancel(0, 1, 0, at_ns=10_500).submit(0, 1, 1, read_out(0, "M0"), at_ns=11_000).run()
    assert [gate for gate, _ in bench.starts(0)].count("x") == 9
    assert bits_of(bench.cnpus[0].done[0]) == [1]


# --- cancel ----------------------------------------


def test_cancel_of_a_queued_subroutine_takes_those_behind_it_along() -> None:
    bench = Bench(("alice",)).program(0, 1, qubit(0), "set R0 1", "set R0 2", "set R0 3")
    bench.cancel(0, 1, 2, at_ns=100).run()
    assert [done.subroutine for done in bench.cnpus[0].done] == [0, 1]
    assert codes(bench) == [(2, "SUBROUTINE"), (3, "PREDECESSOR_ABORTED")]
    assert bench.cnpus[0].aborted[0].fault.data["cause"] == "CANCELLED"
    assert bench.cnpus[0].aborted[1].fault.data["culprit"] == 2


@pytest.mark.parametrize(
    ("text", "at_ns"),
    [
        (lines(qubit(0), "x Q0"), 5_000),  # sleeps until the device is done
        (lines(qubit(0), "meas Q0 M0"), 15_000),  # awaits an outcome
        (lines(keep()), 500),  # waits for a pair
        (lines(keep(wait=False, ret=False), "set Q0 0\nx Q0"), 500),  # waits for a qubit
    ],
)
def test_cancel_of_the_running_subroutine_comes_at_once_and_the_next_one_runs(text: str, at_ns: int) -> None:
    bench = Bench(links={(0, 1): SLOW}).program(0, 1, text).program(1, 1, "")
    bench.cancel(0, 1, 0, at_ns=at_ns).submit(0, 1, 1, "set R0 1\nret_reg R0", at_ns=at_ns + 1)
    bench.run()
    assert bench.cnpus[0].time_of(Aborted) == at_ns
    assert bench.cnpus[0].aborted[0].fault.data["cause"] == "CANCELLED"
    assert [done.subroutine for done in bench.cnpus[0].done] == [1]


def test_cancel_while_waiting_for_memory_leaves_the_queue_of_memory() -> None:
    bench = Bench(("alice",), device=GenericConfig(num_qubits=1, t1_ns=0, t2_ns=0))
    bench.program(0, 1, qubit(0)).program(0, 2, qubit(0), at_ns=1)
    bench.cancel(0, 2, 0, at_ns=50_000).stop(0, 1, 60_000).submit(0, 2, 1, qubit(0), at_ns=70_000).run()
    assert [(done.pid, done.subroutine) for done in bench.cnpus[0].done] == [(1, 0), (2, 1)]


def test_cancel_of_what_is_over_or_unknown_is_no_error() -> None:
    bench = run_one("set R0 1")
    bench.cancel(0, 1, 0, 10).cancel(0, 1, 7, 10).cancel(0, 9, 0, 10).run()
    assert [type(message) for _, message in bench.cnpus[0].got] == [Done]


# --- stop ----------------------------------------

STATES = {
    "idle": (lines(qubit(0)), 500_000),
    "sleeping": (lines(qubit(0), "\n".join(["x Q0"] * 50)), 20_000),
    "outcome": (lines(qubit(0), "meas Q0 M0"), 15_000),
    "waiting for a pair": (keep(), 500_000),
    "waiting for a qubit": (lines(keep(wait=False, ret=False), "set Q0 0\nx Q0"), 500_000),
    "request in backlog": (lines(keep(wait=False, ret=False), measure(results=4)), 100),
    "with delivered pairs": (keep(ids=(1, 2)), 500_000),
}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("start", ["both", "create"])
@pytest.mark.parametrize("peer", ["asks", "is there"])
@pytest.mark.parametrize("fast", [True, False])
def test_stop_frees_everything_in_every_state(state: str, start: Any, peer: str, fast: bool) -> None:
    text, at_ns = STATES[state]
    bench = Bench(
        links={(0, 1): PerfectLink(delay_ns=PAIR_NS) if fast else SLOW},
        settings=QnpuSettings(epr_start=start),
        latency_ns=150,
    )
    bench.program(0, 1, text)
    bench.program(
        1, 1, *([lines(receive(ids=(0, 1)[: 2 if "delivered" in state else 1]))] if peer == "asks" else [])
    )
    bench.stop(0, 1, at_ns).run(until_ns=at_ns + 2_000_000)
    assert not bench.qnpus[0].processes
    assert bench.qnpus[0].memory.owners == [FREE] * 3
    assert all(not link.backlog for link in bench.qnpus[0].netstack.links.values())
    after = [message for t_ns, message in bench.cnpus[0].got if t_ns > at_ns]
    assert not after
    bench.stop(1, 1, at_ns + 3_000_000).run()
    assert_quiet(bench)


def test_peer_of_a_stopped_program_is_rejected_with_the_reason() -> None:
    bench = Bench(links={(0, 1): SLOW}, latency_ns=150).program(0, 1, keep()).program(1, 1, receive())
    bench.stop(0, 1, 50_000).run()
    (abort,) = bench.cnpus[1].aborted
    assert abort.fault.data["epr"] == "REJECTED"
    assert "program p1 on alice ended" in abort.fault.message
    assert bench.cnpus[1].time_of(Aborted) == 50_150


def test_qubits_of_a_stopped_program_are_new_for_the_next_one() -> None:
    bench = Bench(("alice",), device=GenericConfig(num_qubits=1, t1_ns=0, t2_ns=0))
    bench.program(0, 1, qubit(0, "x {q}")).stop(0, 1, 50_000)
    bench.program(0, 2, "set Q0 5\nqalloc Q0\nmeas Q0 M0\nret_reg M0", at_ns=60_000).run()
    assert bits_of(bench.cnpus[0].done[1]) == [0]


def test_half_of_a_stopped_programs_pair_leaves_the_other_half_mixed() -> None:
    bench = Bench().program(0, 1, keep()).program(1, 1, receive()).stop(0, 1, 50_000)
    bench.program(0, 2, qubit(0), at_ns=60_000).run()
    assert np.allclose(bench.state((1, 0)), np.eye(2) / 2, atol=1e-12)


def test_stopped_program_is_forgotten_and_its_number_may_be_used_again() -> None:
    bench = Bench(("alice",)).program(0, 1, "set R0 5\narray R0 @0").stop(0, 1, 1_000)
    bench.at(0, 1_500, ReadMemory(1, 0, (0,), (0,)))
    bench.program(0, 1, "ret_arr @0", at_ns=2_000).run()
    assert bench.cnpus[0].memory[0].registers == ((0, None),)
    assert bench.cnpus[0].memory[0].arrays == ((0, None),)
    assert "no array @0" in bench.cnpus[0].aborted[0].fault.message


def test_stop_of_an_unknown_program_is_no_error() -> None:
    assert not Bench(("alice",)).stop(0, 5, 0).run().cnpus[0].got


def test_stop_lets_a_waiting_process_have_the_memory() -> None:
    bench = Bench(("alice",), device=GenericConfig(num_qubits=1, t1_ns=0, t2_ns=0))
    bench.program(0, 1, qubit(0)).program(0, 2, qubit(0), at_ns=1).stop(0, 1, 80_000).run()
    assert bench.cnpus[0].time_of(Done, 1) == 80_000 + 10_000


# --- withdrawals that cross heralds ----------------------------------------

CROSSINGS = [
    0,
    1,
    2,
    149,
    150,
    151,
    4_998,
    4_999,
    5_000,
    5_001,
    5_150,
    5_299,
    5_300,
    5_301,
    10_000,
    15_299,
    15_300,
]


@pytest.mark.parametrize("latency_ns", [0, 150])
@pytest.mark.parametrize("kind", ["keep", "measure", "prepare"])
@pytest.mark.parametrize("start", ["both", "create"])
def test_withdrawal_at_any_moment_frees_both_ends(latency_ns: int, kind: str, start: Any) -> None:
    """Alice's program ends around the herald; another program takes the qubit at once and keeps its state."""
    text = {"keep": keep(), "measure": measure(), "prepare": prepare()}[kind]
    one = GenericConfig(num_qubits=1, t1_ns=0, t2_ns=0)
    base = 2 * latency_ns
    for offset in CROSSINGS:
        for how in ("stop", "cancel"):
            bench = Bench(
                links={(0, 1): PerfectLink(delay_ns=PAIR_NS)}, latency_ns=latency_ns, device=one,
                settings=QnpuSettings(epr_start=start),
            )  # fmt: skip
            bench.program(0, 1, text).program(
                1, 1, receive(ids=None if kind == "measure" else (0,), number=1)
            )
            at_ns = base + offset
            if how == "stop":
                bench.stop(0, 1, at_ns)
            else:
                bench.cancel(0, 1, 0, at_ns)
            next_text = lines(qubit(0, "x {q}"), "x Q0\nx Q0", read_out(0, "M0"))
            bench.program(0, 2, next_text, at_ns=at_ns)
            bench.stop(0, 1, 300_000).stop(1, 1, 300_000).stop(0, 2, 400_000).run()
            (done,) = [message for message in bench.cnpus[0].done if message.pid == 2]
            assert bits_of(done) == [1], (offset, how)
            assert_quiet(bench)


@pytest.mark.parametrize("latency_ns", [0, 150])
def test_receiver_that_ends_at_any_moment_frees_both_ends(latency_ns: int) -> None:
    for offset in CROSSINGS:
        bench = Bench(links={(0, 1): PerfectLink(delay_ns=PAIR_NS)}, latency_ns=latency_ns)
        bench.program(0, 1, keep(ids=(0, 1))).program(1, 1, receive(ids=(0, 1))).stop(
            1, 1, 2 * latency_ns + offset
        )
        bench.stop(0, 1, 200 * MILLISECOND_NS).run()
        assert len(bench.cnpus[0].done) + len(bench.cnpus[0].aborted) == 1
        assert_quiet(bench)


def test_second_request_on_a_link_does_not_repeat_a_pair_that_is_being_measured() -> None:
    """The queue changes while a heralded pair is still being read out: serial numbers have no gap."""
    bench = Bench(links={(0, 1): PerfectLink(delay_ns=1_000)}, latency_ns=3_000)
    creator = lines(*(measure(results=4 * i, wait=False, ret=False) for i in range(6)))
    bench.program(0, 1, creator)
    bench.program(
        1, 1, lines(*(receive(ids=None, number=1, results=4 * i, wait=False, ret=False) for i in range(6)))
    )
    bench.run()
    for node in (0, 1):
        assert [emit.data[3] for emit in bench.emits("EGP_ENM_OK", node)] == list(range(6))
    heralds = [emit for emit in bench.emits("LINK_ATTEMPTS") if emit.data[5] == 1]
    assert len(heralds) == 2 * 6


def test_registering_the_same_process_in_two_networks_needs_no_stop() -> None:
    """A reset forgets the programs of the shot before."""
    bench = Bench(("alice",)).at(0, 0, Register(1, "a", 1))
    for shot in range(3):
        assert not bench.run(shot).cnpus[0].refused
