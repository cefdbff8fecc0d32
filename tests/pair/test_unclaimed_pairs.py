"""Pairs that were made before the receiving program asked (`epr_start: create`): late claims, eviction,
expiry."""

from __future__ import annotations

import numpy as np
import pytest

from netqasm_isa.epr import KeepIndex
from qdriver.generic import GenericConfig
from qdriver.spec import VirtualQubit
from qnpu.memory import NETWORK
from qnpu.settings import QnpuSettings
from qruntime.messages import Done, RequestFailed
from qworld.bell import bell_tensor
from qworld.gates import density_of
from qworld.links import PerfectLink
from tests.pair.harness import (
    MILLISECOND_NS,
    PHI,
    Bench,
    assert_quiet,
    bits_of,
    keep,
    lines,
    measure,
    pairs_of,
    prepare,
    qubit,
    read_out,
    receive,
)

CREATE = QnpuSettings(epr_start="create", unclaimed_timeout_ns=10 * MILLISECOND_NS)
ONE = GenericConfig(num_qubits=1, t1_ns=0, t2_ns=0)
PAIR_NS = 5_000


def unclaimed(creator: str, *, bob: GenericConfig | None = None, settings: QnpuSettings = CREATE) -> Bench:
    """Alice creates at 0; bob's program is registered but has asked for nothing yet."""
    devices = {} if bob is None else {1: bob}
    bench = Bench(links={(0, 1): PerfectLink(delay_ns=PAIR_NS)}, settings=settings, devices=devices)
    return bench.program(0, 1, creator).program(1, 1)


def test_creator_gets_its_half_without_waiting_for_the_peers_program() -> None:
    bench = unclaimed(keep()).run(until_ns=MILLISECOND_NS)
    assert bench.cnpus[0].time_of(Done) == PAIR_NS
    assert NETWORK in bench.qnpus[1].memory.owners


def test_late_claim_gets_the_pair_that_is_there() -> None:
    bench = unclaimed(keep()).submit(1, 1, 0, receive(), at_ns=MILLISECOND_NS).run()
    assert bench.cnpus[1].time_of(Done) == MILLISECOND_NS
    here, there = (pairs_of(cnpu.done[0])[0] for cnpu in bench.cnpus)
    assert here[KeepIndex.SEQUENCE_NUMBER] == there[KeepIndex.SEQUENCE_NUMBER] == 0
    assert there[KeepIndex.GOODNESS] == 0
    assert there[KeepIndex.GOODNESS_TIME] == 5
    assert np.allclose(bench.state((0, 0), (1, 0)), PHI, atol=1e-12)
    assert not bench.emits("EGP_EXPIRE")


def test_late_claim_of_several_pairs_gets_them_all() -> None:
    bench = unclaimed(keep(ids=(0, 1, 2))).submit(1, 1, 0, receive(ids=(2, 0, 1)), at_ns=MILLISECOND_NS).run()
    assert bench.cnpus[1].time_of(Done) == MILLISECOND_NS
    assert np.allclose(bench.state((0, 1), (1, 1)), PHI, atol=1e-12)


def test_late_claim_in_the_middle_gets_old_and_new_pairs() -> None:
    bench = unclaimed(keep(ids=(0, 1, 2))).submit(1, 1, 0, receive(ids=(0, 1, 2)), at_ns=7_000).run()
    assert bench.cnpus[1].time_of(Done) == 3 * PAIR_NS


def test_late_claim_with_one_id_for_all_pairs_gets_them_one_by_one() -> None:
    rounds = lines(
        *(
            f"wait_all @0[{10 * i}:{10 * i + 10}]\nset Q0 0\nmeas Q0 M0\nqfree Q0\nret_reg M0"
            for i in range(3)
        )
    )
    bench = unclaimed(lines(keep(ids=(0, 1, 2)), *(read_out(i, f"M{i}") for i in range(3))))
    bench.submit(
        1, 1, 0, lines(receive(ids=(0, 0, 0), wait=False, ret=False), rounds), at_ns=MILLISECOND_NS
    ).run()
    assert bits_of(bench.cnpus[0].done[0]) == bits_of(bench.cnpus[1].done[0])


def test_measured_pairs_wait_for_a_claim_as_long_as_it_takes() -> None:
    bench = unclaimed(measure(number=4)).submit(
        1, 1, 0, receive(ids=None, number=4), at_ns=500 * MILLISECOND_NS
    )
    bench.run()
    here, there = ([pair[2] for pair in pairs_of(cnpu.done[0])] for cnpu in bench.cnpus)
    assert here == there
    assert bench.cnpus[1].time_of(Done) == 500 * MILLISECOND_NS


def test_qalloc_evicts_an_unclaimed_pair_and_the_untouched_half_is_made_again() -> None:
    """Bob's only qubit goes to his program; when he frees it, the same request makes the pair anew."""
    bench = unclaimed(keep(), bob=ONE)
    bench.submit(1, 1, 0, lines(qubit(0, "x {q}"), read_out(0, "M0")), at_ns=100_000)
    bench.submit(1, 1, 1, lines(receive(), read_out(0, "M1")), at_ns=MILLISECOND_NS)
    bench.submit(0, 1, 1, read_out(0, "M1"), at_ns=2 * MILLISECOND_NS).run()
    assert len(bench.emits("EGP_EXPIRE")) == 1
    assert bits_of(bench.cnpus[1].done[0]) == [1]
    assert bits_of(bench.cnpus[1].done[1]) == bits_of(bench.cnpus[0].done[1])
    sequence = pairs_of(bench.cnpus[1].done[1])[0][KeepIndex.SEQUENCE_NUMBER]
    assert sequence == 1  # the first pair was number 0
    assert not bench.cnpus[0].faults


def test_gate_on_a_half_that_is_made_again_waits_for_it() -> None:
    """Alice touches her qubit while the pair is gone: the operation waits and acts on the new pair."""
    bench = unclaimed(keep(), bob=ONE)
    bench.submit(1, 1, 0, lines(qubit(0), "set R0 1\n" * 10, "qfree Q0"), at_ns=100_000)
    bench.submit(1, 1, 1, receive(), at_ns=MILLISECOND_NS)
    bench.submit(0, 1, 1, "set Q0 0\nx Q0", at_ns=105_000).run()
    assert [gate for gate, _ in bench.starts(0)] == ["x"]
    assert bench.starts(0)[0][1] > 110_000
    assert np.allclose(bench.state((0, 0), (1, 0)), density_of(bell_tensor(1)), atol=1e-12)
    assert not bench.cnpus[0].faults


def test_qalloc_evicts_an_unclaimed_pair_whose_other_half_was_used_and_both_ends_hear_it() -> None:
    bench = unclaimed(lines(keep(), "set Q0 0\nx Q0"), bob=ONE)
    bench.submit(1, 1, 0, qubit(0), at_ns=100_000).run()
    assert len(bench.cnpus[1].done) == 1
    (failure,) = bench.cnpus[0].failed
    assert failure.fault.data["epr"] == "EXPIRE"
    assert "bob gave up a pair that no program there had asked for" in failure.fault.message
    assert not bench.qnpus[1].netstack.links[0].items


def test_half_that_was_measured_and_freed_cannot_be_made_again() -> None:
    bench = unclaimed(lines(keep(), read_out(0, "M0")), bob=ONE)
    bench.submit(1, 1, 0, qubit(0), at_ns=100_000).run()
    assert bench.cnpus[0].failed[0].fault.data["epr"] == "EXPIRE"


def test_prepared_state_cannot_be_made_again() -> None:
    bench = unclaimed(prepare(), bob=ONE).submit(1, 1, 0, qubit(0), at_ns=100_000).run()
    assert bench.cnpus[0].failed[0].fault.data["epr"] == "EXPIRE"


def test_claim_that_crosses_the_news_of_a_lost_half_hears_of_it() -> None:
    """Bob claims while LinkExpire is on its way: he waits, and is told when alice cannot repeat it."""
    bench = Bench(
        links={(0, 1): PerfectLink(delay_ns=PAIR_NS)}, settings=CREATE, devices={1: ONE}, latency_ns=50_000
    )
    bench.program(0, 1, lines(keep(), read_out(0, "M0"))).program(1, 1)
    bench.submit(1, 1, 0, lines(qubit(0), "qfree Q0"), at_ns=200_000)
    bench.submit(1, 1, 1, receive(), at_ns=220_000).run()
    (abort,) = bench.cnpus[1].aborted
    assert abort.fault.data["epr"] == "EXPIRE"
    assert bench.cnpus[0].failed[0].fault.data["epr"] == "EXPIRE"


def test_unclaimed_pair_is_given_up_after_its_time_and_made_again() -> None:
    bench = unclaimed(keep()).run(until_ns=35 * MILLISECOND_NS)
    expiries = [emit.t_ns for emit in bench.emits("EGP_EXPIRE")]
    period = 10 * MILLISECOND_NS + PAIR_NS
    assert expiries == [period, 2 * period, 3 * period]
    assert len(bench.emits("EGP_ENT_OK", 0)) == 4


def test_claim_after_some_expiries_gets_the_latest_pair() -> None:
    bench = unclaimed(keep()).submit(1, 1, 0, receive(), at_ns=25 * MILLISECOND_NS).run()
    assert pairs_of(bench.cnpus[1].done[0])[0][KeepIndex.SEQUENCE_NUMBER] == 2
    assert np.allclose(bench.state((0, 0), (1, 0)), PHI, atol=1e-12)
    assert len(bench.emits("EGP_EXPIRE")) == 2


def test_later_pairs_of_a_request_expire_without_the_earlier_ones() -> None:
    """Pairs 0 to 2 are unclaimed on three qubits; a qalloc takes one: all of the item are made again."""
    bench = unclaimed(keep(ids=(0, 1, 2)))
    bench.submit(1, 1, 0, lines(qubit(2), "qfree Q0"), at_ns=100_000)
    bench.submit(1, 1, 1, receive(ids=(0, 1, 2)), at_ns=MILLISECOND_NS).run()
    assert len(bench.cnpus[1].done) == 2
    numbers = [[pair[KeepIndex.SEQUENCE_NUMBER] for pair in pairs_of(cnpu.done[-1])] for cnpu in bench.cnpus]
    assert numbers[1] == [3, 4, 5]
    virtual = [bench.qnpus[node].processes[f"{bench.nodes[node]}/cnpu", 1].virtual for node in (0, 1)]
    for i in map(VirtualQubit, range(3)):
        assert np.allclose(bench.state((0, virtual[0][i]), (1, virtual[1][i])), PHI, atol=1e-12)


def test_pair_of_a_program_that_asked_evicts_one_that_nobody_asked_for() -> None:
    """Bob has one qubit, taken by alice's unclaimed pair. His own program's request comes first."""
    bench = Bench(links={(0, 1): PerfectLink(delay_ns=PAIR_NS)}, settings=CREATE, devices={1: ONE})
    bench.program(0, 1, keep(ids=(2,))).program(1, 1)
    bench.program(0, 2, receive(1, socket=1), socket=1).program(1, 2, socket=1)
    bench.submit(1, 2, 0, lines(keep(0, socket=1), read_out(0, "M0")), at_ns=100_000)
    bench.submit(1, 1, 0, receive(), at_ns=MILLISECOND_NS).run()
    assert [(done.pid, done.subroutine) for done in bench.cnpus[1].done] == [(2, 0), (1, 0)]
    assert len(bench.emits("EGP_EXPIRE")) == 1
    assert not bench.cnpus[0].faults


def test_unclaimed_pair_is_not_made_again_for_ever() -> None:
    """The request is over after its timeout: its creator is told, and the network comes to rest."""
    settings = QnpuSettings(
        epr_start="create", unclaimed_timeout_ns=MILLISECOND_NS, request_timeout_ns=10 * MILLISECOND_NS
    )
    bench = unclaimed(keep(), settings=settings).run()
    assert [failure.fault.data["epr"] for failure in bench.cnpus[0].failed] == ["EXPIRE"]
    assert bench.kernel.now_ns < 12 * MILLISECOND_NS
    assert not bench.qnpus[1].netstack.links[0].items
    assert not bench.qnpus[0].netstack.links[1].items


def test_oldest_unclaimed_pair_goes_first() -> None:
    two = GenericConfig(num_qubits=2, t1_ns=0, t2_ns=0)
    links = {(0, 1): PerfectLink(delay_ns=PAIR_NS), (1, 2): PerfectLink(delay_ns=PAIR_NS)}
    bench = Bench(("alice", "bob", "charlie"), links, settings=CREATE, devices={1: two})
    bench.program(0, 1, keep(1), peers=[1], at_ns=20_000).program(
        2, 1, keep(1, socket=1), peers=[1], socket=1
    )
    bench.program(1, 1, peers=[0, 2]).submit(1, 1, 0, qubit(0), at_ns=100_000).run(until_ns=MILLISECOND_NS)
    assert [emit.data[0] for emit in bench.emits("EGP_EXPIRE")] == [2]


@pytest.mark.parametrize("stop_first", [0, 1])
@pytest.mark.parametrize("text", [keep(ids=(0, 1)), measure(number=2), prepare(number=2)])
def test_nothing_is_left_when_the_programs_stop_around_unclaimed_pairs(stop_first: int, text: str) -> None:
    bench = unclaimed(text).stop(stop_first, 1, MILLISECOND_NS).stop(1 - stop_first, 1, 2 * MILLISECOND_NS)
    assert_quiet(bench.run())


def test_receiver_that_stops_before_it_claims_ends_an_open_request_of_the_creator() -> None:
    """Pair 2 needs an id that alice still holds, so her request is open when bob's program ends."""
    bench = unclaimed(keep(ids=(0, 1, 0), wait=False, ret=False)).stop(1, 1, MILLISECOND_NS).run()
    (failure,) = bench.cnpus[0].failed
    assert failure.fault.data["epr"] == "REJECTED"
    assert "program p1 on bob ended" in failure.fault.message
    assert failure.fault.data["delivered"] == 2


def test_receiver_that_stops_before_it_claims_leaves_a_served_creator_in_peace() -> None:
    bench = (
        unclaimed(keep())
        .stop(1, 1, MILLISECOND_NS)
        .submit(0, 1, 1, read_out(0, "M0"), at_ns=2 * MILLISECOND_NS)
    )
    bench.run()
    assert len(bench.cnpus[0].done) == 2
    assert not bench.cnpus[0].faults


def test_expiry_waits_for_no_program_that_is_gone() -> None:
    """Alice has stopped: bob's unclaimed half is given up once, and the item ends."""
    bench = unclaimed(keep()).stop(0, 1, MILLISECOND_NS).run()
    assert len(bench.emits("EGP_EXPIRE")) == 1
    assert not bench.qnpus[1].netstack.links[0].items
    assert not bench.cnpus[0].of(RequestFailed)


def test_pair_given_up_before_its_creator_has_taken_it_is_made_again() -> None:
    """Alice's processor is busy when the pair comes, and still when bob gives his half up."""
    settings = QnpuSettings(epr_start="create", classical_instruction_ns=1_000)
    bench = Bench(
        links={(0, 1): PerfectLink(delay_ns=500_000)}, devices={1: ONE}, settings=settings, latency_ns=0
    )
    bench.program(0, 1, keep()).program(1, 1)
    bench.program(0, 2, "set R0 1\n" * 500, at_ns=400_000, peers=[])
    bench.program(1, 2, lines(qubit(0), "qfree Q0"), at_ns=600_000, peers=[])
    bench.submit(1, 1, 0, receive(), at_ns=2 * MILLISECOND_NS).run()
    assert len(bench.emits("EGP_EXPIRE", 1)) == 1
    assert not bench.cnpus[0].faults and not bench.cnpus[1].faults
    serials = [[emit.data[3] for emit in bench.emits("EGP_ENT_OK", node)] for node in (0, 1)]
    assert serials == [[1], [1]]
    assert np.allclose(bench.state((0, 0), (1, 0)), PHI, atol=1e-12)


@pytest.mark.parametrize("settings", [QnpuSettings(epr_start="both"), CREATE])
def test_process_that_follows_another_on_the_same_socket_takes_what_came_in_for_it(
    settings: QnpuSettings,
) -> None:
    bench = unclaimed(keep(), settings=settings).stop(1, 1, MILLISECOND_NS)
    bench.program(1, 2, receive(), at_ns=MILLISECOND_NS).run()
    assert not bench.cnpus[0].failed and not bench.cnpus[0].aborted
    assert len(bench.cnpus[0].done) == len(bench.cnpus[1].done) == 1
    assert np.allclose(bench.state((0, 0), (1, 0)), PHI, atol=1e-12)
