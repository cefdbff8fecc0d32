"""Quotas: what a program may have of a node, and that reaching one concerns that program alone."""

from __future__ import annotations

from typing import Any

import pytest

from qnpu.quotas import NAMES, Quotas, quotas_of
from qnpu.settings import QnpuSettings
from qruntime.errors import ConfigError
from qruntime.messages import Aborted, Done, OpenEprSocket, Register
from tests.pair.harness import Bench, keep, lines, measure, read_out, receive

VICTIM = "set Q0 0\nqalloc Q0\ninit Q0\nx Q0\nmeas Q0 M0\nqfree Q0\narray 5 @0\nret_reg M0"
HOLDING_TWO = "set Q0 5\nqalloc Q0\nset Q1 6\nqalloc Q1"

OVERSTEPPING = {
    "qubits": (2, lines(HOLDING_TWO, "set Q2 7\nqalloc Q2"), "qalloc Q2"),
    "array_entries": (100, "array 60 @0\narray 60 @1", "array"),
    "open_requests": (
        2,
        lines(*(measure(results=10 * k, wait=False, ret=False) for k in range(3))),
        "create",
    ),
    "link_slots": (2, lines(*(measure(results=10 * k, wait=False, ret=False) for k in range(3))), "create"),
    "open_pairs": (5, measure(number=6, wait=False), "create"),
    "instruction_budget": (50, "AGAIN:\nset R0 1\njmp AGAIN", "jmp"),
}


def bench_with(quota: str, allowed: int) -> Bench:
    return Bench(settings=QnpuSettings(quotas=Quotas(**{quota: allowed})))


@pytest.mark.parametrize("quota", OVERSTEPPING)
def test_program_that_oversteps_is_told_what_where_and_which_option(quota: str) -> None:
    allowed, text, instruction = OVERSTEPPING[quota]
    bench = bench_with(quota, allowed).program(0, 1, text).program(1, 1, "").program(0, 2, VICTIM, socket=1)
    cnpu = bench.run().cnpus[0]
    (abort,) = cnpu.aborted
    assert (abort.pid, abort.fault.code) == (1, "QUOTA")
    assert f"allowed: {allowed} (os.qnpu.quotas.{quota})" in abort.fault.message
    data = abort.fault.data
    assert (data["quota"], data["allowed"], data["option"]) == (quota, allowed, f"os.qnpu.quotas.{quota}")
    assert str(data["instruction"]).startswith(instruction)
    (done,) = (message for message in cnpu.done if message.pid == 2)
    assert done.registers == ((3, 1),)


@pytest.mark.parametrize("quota", OVERSTEPPING)
def test_program_that_has_all_it_may_and_no_more_is_served(quota: str) -> None:
    _, text, _ = OVERSTEPPING[quota]
    enough = {"qubits": 3, "array_entries": 120, "open_requests": 3, "link_slots": 3, "open_pairs": 6}
    if quota not in enough:
        allowed = 50
        text = "set R1 0\nset R2 23\nset R4 1\nAGAIN:\nadd R1 R1 R4\nblt R1 R2 AGAIN"  # 3 + 2 * 23
    else:
        allowed = enough[quota]
    bench = bench_with(quota, allowed).program(0, 1, text).program(1, 1, "").run(until_ns=1_000_000)
    assert not bench.cnpus[0].aborted


def test_request_for_more_qubits_than_a_program_may_hold_is_refused_at_either_end() -> None:
    bench = bench_with("qubits", 1).program(0, 1, keep(ids=(0, 1))).program(1, 1, receive(ids=(0, 1)))
    bench.run(until_ns=1_000_000)
    for cnpu in bench.cnpus:
        (abort,) = cnpu.aborted
        assert "the request names 2 different virtual qubits; allowed: 1" in abort.fault.message


def test_pair_waits_for_a_program_that_has_all_qubits_it_may() -> None:
    """Its device has a third qubit, but that is not for it: the pair comes when it has given one up."""
    text = lines(HOLDING_TWO, keep(wait=False, ret=False), "qfree Q0", "wait_all @0[0:10]", read_out(0, "M0"))
    bench = (
        bench_with("qubits", 2).program(0, 1, text).program(1, 1, lines(receive(), read_out(0, "M0"))).run()
    )
    bits = [dict(done.registers)[3] for cnpu in bench.cnpus for done in cnpu.done]
    assert len(bits) == 2 and bits[0] == bits[1]


def test_pair_made_before_its_program_took_all_qubits_it_may_is_kept_for_it() -> None:
    text = lines(
        keep(wait=False, ret=False),
        HOLDING_TWO,
        "x Q0\n" * 50,
        "qfree Q0",
        "wait_all @0[0:10]",
        read_out(0, "M0"),
    )
    bench = (
        bench_with("qubits", 2).program(0, 1, text).program(1, 1, lines(receive(), read_out(0, "M0"))).run()
    )
    bits = [dict(done.registers)[3] for cnpu in bench.cnpus for done in cnpu.done]
    assert len(bits) == 2 and bits[0] == bits[1]


def test_program_that_waits_for_a_pair_with_all_qubits_it_may_hold_hears_so_at_once() -> None:
    bench = bench_with("qubits", 2).program(0, 1, lines(HOLDING_TWO, keep())).program(1, 1, receive()).run()
    for cnpu in bench.cnpus:
        (abort,) = cnpu.aborted
        assert abort.fault.data["epr"] == "NORES"
        assert cnpu.time_of(Aborted) < 1_000_000
    assert "holds 2 qubits, as many as it may" in bench.cnpus[0].aborted[0].fault.message


@pytest.mark.parametrize("waiting", [keep(ids=(9,)), receive(peer=1, ids=(9,))])
@pytest.mark.parametrize("start", ["both", "create"])
def test_program_that_holds_the_whole_device_and_waits_for_a_pair_hears_so_at_once(
    waiting: str, start: Any
) -> None:
    """Whatever the peer does: nobody has asked there, and nobody will."""
    text = lines(*(f"set Q{k} {k}\nqalloc Q{k}" for k in range(3)), waiting)
    bench = Bench(settings=QnpuSettings(epr_start=start)).program(0, 1, text).program(1, 1, "").run()
    (abort,) = bench.cnpus[0].aborted
    assert abort.fault.data["epr"] == "NORES"
    assert bench.cnpus[0].time_of(Aborted) == 0


def test_sockets_beyond_the_quota_are_refused_and_the_others_stay() -> None:
    bench = bench_with("epr_sockets", 2).program(0, 1, peers=[])
    bench.at(0, 1, *(OpenEprSocket(1, k, 1, k) for k in range(3))).run()
    (refused,) = bench.cnpus[0].refused
    assert "2 EPR sockets open; allowed: 2 (os.qnpu.quotas.epr_sockets)" in refused.fault.message
    assert list(bench.qnpus[0].processes["alice/cnpu", 1].sockets) == [0, 1]


def test_subroutines_beyond_the_quota_are_refused_and_the_others_run() -> None:
    bench = bench_with("queued_subroutines", 2).program(0, 1, *["set Q0 0\nqalloc Q0\ninit Q0\nqfree Q0"] * 5)
    cnpu = bench.run().cnpus[0]
    assert [abort.subroutine for abort in cnpu.aborted] == [3, 4]
    assert "2 subroutines queued; allowed: 2" in cnpu.aborted[0].fault.message
    assert [done.subroutine for done in cnpu.done] == [0, 1, 2]


def test_longer_subroutine_than_allowed_is_refused_and_the_next_one_runs() -> None:
    bench = bench_with("subroutine_instructions", 10).program(0, 1, "set R0 1\n" * 11, "set R0 1\n" * 10)
    cnpu = bench.run().cnpus[0]
    assert "the subroutine has 11 instructions; allowed: 10" in cnpu.aborted[0].fault.message
    assert [done.subroutine for done in cnpu.done] == [1]


def test_program_may_be_allowed_less_than_others() -> None:
    bench = Bench(("alice",)).at(0, 0, Register(1, "mean", 3, quotas={"qubits": 1}))
    bench.submit(0, 1, 0, HOLDING_TWO).program(0, 2, HOLDING_TWO).run()
    (abort,) = bench.cnpus[0].aborted
    assert "allowed: 1 (quotas.qubits of its application)" in abort.fault.message
    assert [done.pid for done in bench.cnpus[0].of(Done)] == [2]


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"qubits": 3}, "quota qubits is 3; allowed: 1 to 2"),
        ({"qubits": 0}, "quota qubits is 0; allowed: 1 to 2"),
        ({"memory": 1}, "there is no quota 'memory'; allowed: qubits, array_entries"),
    ],
)
def test_program_may_not_be_allowed_more_than_the_node_allows(said: dict[str, int], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        quotas_of(Quotas(qubits=2), said)
    bench = bench_with("qubits", 2).at(0, 0, Register(1, "greedy", 3, quotas=said)).run()
    (refused,) = bench.cnpus[0].refused
    assert (refused.call, refused.fault.code) == ("register", "CONFIG")
    assert why in refused.fault.message
    assert not bench.qnpus[0].processes


def test_every_quota_can_be_lowered_to_one() -> None:
    lowest = quotas_of(Quotas(), dict.fromkeys(NAMES, 1))
    assert all(getattr(lowest, name) == 1 for name in NAMES)
