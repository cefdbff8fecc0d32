"""Every error of the link layer with the condition that brings it, and that both ends hear of it."""

from __future__ import annotations

import pytest

from netqasm_isa.epr import ArgsIndex, TimeUnit
from qdriver.generic import GenericConfig
from qnpu.settings import QnpuSettings
from qruntime.messages import Aborted
from qworld.links import DepolariseLink
from tests.pair.harness import (
    MILLISECOND_NS,
    Bench,
    assert_quiet,
    epr_error,
    keep,
    lines,
    measure,
    only_fault,
    qubit,
    receive,
    requests,
)

US_NS = 1_000
CYCLE_NS = 10 * US_NS
NEVER = DepolariseLink(fidelity=1, success_probability=1e-9, cycle_ns=CYCLE_NS)
AT_ONCE = DepolariseLink(fidelity=1, success_probability=1, cycle_ns=CYCLE_NS)


def within(max_time_us: int) -> dict[ArgsIndex, int]:
    return {ArgsIndex.TIME_UNIT: TimeUnit.MICRO_SECONDS, ArgsIndex.MAX_TIME: max_time_us}


@pytest.mark.parametrize(
    ("link", "latency_ns", "ask", "why"),
    [
        (AT_ONCE, 0, keep(ids=(0, 1), args=within(19)), "max time 19000 ns is below 20000 ns"),
        (AT_ONCE, 0, measure(number=3, args=within(29)), "below 30000 ns, the least for 3 pairs"),
        (AT_ONCE, 60 * US_NS, keep(args=within(50)), "below 60000 ns, which a message to bob takes"),
        (
            DepolariseLink(fidelity=0.8, success_probability=1, cycle_ns=CYCLE_NS), 0,
            keep(args={ArgsIndex.MINIMUM_FIDELITY: 81}), "81 % is out of reach",
        ),
    ],
)  # fmt: skip
def test_unsupp_what_the_link_can_never_do(link: DepolariseLink, latency_ns: int, ask: str, why: str) -> None:
    bench = Bench(links={(0, 1): link}, latency_ns=latency_ns).program(0, 1, ask).program(1, 1).run()
    assert epr_error(bench) == "UNSUPP"
    assert why in only_fault(bench).message
    assert bench.cnpus[0].time_of(Aborted) == 0, "at once, without a word to the peer"
    assert not bench.emits("LINK_MSG_SENT")


def test_notime_agreement_came_too_late_for_all_pairs() -> None:
    # the round trip of 40 us leaves 10 us of 50; two pairs take 20
    for max_time_us, error in ((50, "NOTIME"), (61, "")):
        bench = requests(
            keep(ids=(0, 1), args=within(max_time_us)), receive(ids=(0, 1)),
            links={(0, 1): AT_ONCE}, latency_ns=20 * US_NS,
        )  # fmt: skip
        if not error:
            assert bench.cnpus[0].done and bench.cnpus[1].done
            continue
        assert [epr_error(bench, node) for node in (0, 1)] == ["NOTIME", "NOTIME"]
        assert "10000 ns of its max time 50000 ns are left" in only_fault(bench).message
        assert bench.cnpus[0].time_of(Aborted) == 40 * US_NS
        assert bench.cnpus[1].time_of(Aborted) == 60 * US_NS


def test_timeout_of_attempts_at_the_time_limit() -> None:
    bench = requests(keep(args=within(55)), receive(), links={(0, 1): NEVER})
    assert [epr_error(bench, node) for node in (0, 1)] == ["TIMEOUT", "TIMEOUT"]
    assert bench.cnpus[0].time_of(Aborted) == 55 * US_NS


def test_timeout_at_the_head_of_the_queue_if_not_even_one_attempt_fits() -> None:
    # the receiver asks 46 us after the creator, so that 9 us are left of 55 for an attempt of 10
    bench = Bench(links={(0, 1): NEVER}).program(0, 1, keep(args=within(55))).program(1, 1)
    bench.submit(1, 1, 0, receive(), at_ns=46 * US_NS).run()
    assert bench.cnpus[0].time_of(Aborted) == 46 * US_NS
    assert epr_error(bench, 0) == "TIMEOUT"
    assert "9000 ns of its max time 55000 ns are left; 1 more with bob take at least 10000" in (
        only_fault(bench, 0).message
    )
    assert epr_error(bench, 1) == "TIMEOUT"
    assert not bench.emits("LINK_ATTEMPTS")


def test_nores_more_pairs_together_than_the_peer_has_qubits() -> None:
    few = GenericConfig(num_qubits=2, t1_ns=0, t2_ns=0)
    for flag in (ArgsIndex.ATOMIC, ArgsIndex.CONSECUTIVE):
        bench = Bench(links={(0, 1): AT_ONCE}, devices={1: few})
        bench.program(0, 1, keep(ids=(0, 1, 2), args={flag: 1})).program(1, 1).run()
        assert epr_error(bench) == "NORES"
        assert "the device of bob has 2 qubits" in only_fault(bench).message


def test_rejected_peer_has_no_such_socket() -> None:
    settings = QnpuSettings(accept_grace_ns=30 * US_NS)
    bench = Bench(links={(0, 1): AT_ONCE}, settings=settings).program(0, 1, keep()).run()
    assert epr_error(bench) == "REJECTED"
    assert bench.cnpus[0].time_of(Aborted) == 30 * US_NS


def test_rejected_request_of_a_queue_that_the_peer_does_not_have() -> None:
    each = {0: QnpuSettings(link_scheduler="strict_priority")}
    bench = Bench(links={(0, 1): AT_ONCE}, each=each).program(0, 1, keep()).program(1, 1, receive()).run()
    assert epr_error(bench, 0) == "REJECTED"
    assert "queue 15; the link has queues 0..0 at bob" in only_fault(bench, 0).message


def test_rejected_peer_withdraws() -> None:
    bench = Bench(links={(0, 1): NEVER}).program(0, 1, keep()).program(1, 1, receive())
    bench.stop(1, 1, MILLISECOND_NS).run()
    assert epr_error(bench) == "REJECTED"
    assert "ended" in only_fault(bench).message


def test_expire_a_used_half_lost_its_other_half() -> None:
    settings = QnpuSettings(epr_start="create", unclaimed_timeout_ns=50 * US_NS)
    bench = Bench(links={(0, 1): AT_ONCE}, settings=settings)
    use = lines(keep(), "set Q0 0\nh Q0")
    bench.program(0, 1, use).program(1, 1).run()
    assert bench.cnpus[0].failed[0].fault.data["epr"] == "EXPIRE"


@pytest.mark.parametrize("ask", [keep(peer=0), keep(peer=5), keep(socket=9)])
def test_create_nobody_to_ask(ask: str) -> None:
    bench = Bench().program(0, 1, ask).program(1, 1).run()
    assert epr_error(bench) == "CREATE"


def test_other_the_two_programs_ask_for_different_things() -> None:
    bench = requests(keep(ids=(0, 1)), receive(ids=(0,)))
    assert [epr_error(bench, node) for node in (0, 1)] == ["OTHER", "OTHER"]


def test_nothing_is_left_of_a_request_that_failed() -> None:
    busy = lines(qubit(0), keep(ids=(1,), args=within(55)))
    bench = Bench(links={(0, 1): NEVER}).program(0, 1, busy).program(1, 1, receive())
    bench.stop(0, 1, MILLISECOND_NS).stop(1, 1, MILLISECOND_NS).run()
    assert_quiet(bench)
