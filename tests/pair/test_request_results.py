"""Entanglement requests that are met: what both ends get back, whoever asks first and however many ask."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from netqasm_isa.epr import (
    ArgsIndex,
    BellState,
    EprType,
    KeepIndex,
    MeasureIndex,
    RandomBasis,
    ReplyType,
    RotationAxes,
)
from qnpu.settings import QnpuSettings
from qruntime.messages import Done, ReadMemory, Register
from qworld.bell import bell_tensor
from qworld.gates import density_of
from qworld.links import DepolariseLink, PerfectLink
from tests.pair.harness import (
    BOTH_STARTS,
    MICROSECOND_NS,
    MILLISECOND_NS,
    PHI,
    Bench,
    assert_quiet,
    bits_of,
    create,
    epr_error,
    keep,
    lines,
    measure,
    pairs_of,
    prepare,
    read_out,
    receive,
    requests,
)


@pytest.mark.parametrize("start", BOTH_STARTS)
@pytest.mark.parametrize("entries", [20, 22])
def test_keep_fills_ten_entries_at_both_ends(start: Any, entries: int) -> None:
    """Two pairs of 5 us each, asked for at 100 us; virtual ids differ at the two ends."""
    bench = Bench(links={(0, 1): PerfectLink(delay_ns=5_000)}, settings=QnpuSettings(epr_start=start))
    at = 100 * MICROSECOND_NS
    bench.program(0, 1, keep(ids=(2, 0), entries=entries, socket=3), socket=3, at_ns=at)
    bench.program(1, 1, receive(ids=(1, 2), socket=3), socket=3, at_ns=at).run()
    expected = [
        # type, create id, qubit, direction, sequence, purpose, remote, goodness, its time, Bell state
        [[0, 0, 2, 0, 0, 3, 1, 5, 105, 0], [0, 0, 0, 0, 1, 3, 1, 10, 110, 0]],
        [[0, 0, 1, 1, 0, 3, 0, 5, 105, 0], [0, 0, 2, 1, 1, 3, 0, 10, 110, 0]],
    ]
    for cnpu, pairs in zip(bench.cnpus, expected, strict=True):
        assert pairs_of(cnpu.done[0]) == pairs


@pytest.mark.parametrize("start", BOTH_STARTS)
@pytest.mark.parametrize("entries", [20, 22])
def test_measure_directly_fills_ten_entries_at_both_ends(start: Any, entries: int) -> None:
    bench = Bench(links={(0, 1): PerfectLink(delay_ns=5_000)}, settings=QnpuSettings(epr_start=start))
    bench.program(0, 1, measure(number=2, entries=entries)).program(1, 1, receive(ids=None, number=2)).run()
    for node, cnpu in enumerate(bench.cnpus):
        for index, pair in enumerate(pairs_of(cnpu.done[0])):
            assert pair[MeasureIndex.MEASUREMENT_OUTCOME] in (0, 1)
            del pair[MeasureIndex.MEASUREMENT_OUTCOME]
            # type, create id, basis, direction, sequence, purpose, remote, goodness, Bell state
            assert pair == [1, 0, 0, node, index, 0, 1 - node, 15 * (index + 1), 0]
    outcomes = [[pair[2] for pair in pairs_of(cnpu.done[0])] for cnpu in bench.cnpus]
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("start", BOTH_STARTS)
@pytest.mark.parametrize("entries", [20, 22])
def test_state_preparation_measures_at_the_creator_and_keeps_at_the_receiver(
    start: Any, entries: int
) -> None:
    bench = Bench(links={(0, 1): PerfectLink(delay_ns=5_000)}, settings=QnpuSettings(epr_start=start))
    bench.program(0, 1, prepare(entries=entries)).program(
        1, 1, lines(receive(ids=(1,)), read_out(1, "M0"))
    ).run()
    (creator,) = pairs_of(bench.cnpus[0].done[0])
    (receiver,) = pairs_of(bench.cnpus[1].done[0])
    assert creator[MeasureIndex.MEASUREMENT_OUTCOME] == bits_of(bench.cnpus[1].done[0])[0]
    del creator[MeasureIndex.MEASUREMENT_OUTCOME]
    assert creator == [ReplyType.OK_R, 0, 0, 0, 0, 0, 1, 15, 0]
    assert receiver == [ReplyType.OK_R, 0, 1, 1, 0, 0, 0, 5, 5, 0]


def test_rotation_axes_of_a_22_entry_array_count_and_a_20_entry_array_means_xyx() -> None:
    """Rotating by (8, 0, 0) measures Y with axes XYX, where |Phi+> gives unequal bits, and X with YZY."""
    rotated = {ArgsIndex.ROTATION_LOCAL_1: 8, ArgsIndex.ROTATION_REMOTE_1: 8}
    yzy = {ArgsIndex.ROTATION_AXES_LOCAL: RotationAxes.YZY, ArgsIndex.ROTATION_AXES_REMOTE: RotationAxes.YZY}
    for args, entries, equal in ((rotated, 20, False), (rotated, 22, False), (rotated | yzy, 22, True)):
        bench = requests(measure(number=20, args=args, entries=entries), receive(ids=None, number=20))
        bits = [[pair[2] for pair in pairs_of(cnpu.done[0])] for cnpu in bench.cnpus]
        assert [a == b for a, b in zip(*bits, strict=True)] == [equal] * 20  # YY = -1, XX = +1


def test_sequence_numbers_and_create_ids_are_the_same_at_both_ends() -> None:
    """Requests in both directions over one link, several pairs each."""
    bench = Bench()
    alice = lines(keep(ids=(0,)), receive(1, ids=(1,), results=4), measure(number=3, results=8))
    bob = lines(receive(ids=(0,)), keep(0, ids=(1,), results=4), receive(ids=None, number=3, results=8))
    bench.program(0, 1, alice).program(1, 1, bob).run()
    ends = []
    for cnpu in bench.cnpus:
        (done,) = cnpu.done
        keeps = [pairs_of(done, 0)[0], pairs_of(done, 4)[0]]
        ends.append(
            [(pair[KeepIndex.CREATE_ID], pair[KeepIndex.SEQUENCE_NUMBER]) for pair in keeps]
            + [(p[MeasureIndex.CREATE_ID], p[MeasureIndex.SEQUENCE_NUMBER]) for p in pairs_of(done, 8)]
        )
    assert ends[0] == ends[1]
    assert {sequence for _, sequence in ends[0]} == set(range(5))


def test_both_ends_hold_phi_plus() -> None:
    for link in (
        PerfectLink(),
        DepolariseLink(fidelity=1, success_probability=0.5, cycle_ns=10, random_bell_state=True),
    ):
        for shot in range(6):
            bench = Bench(links={(0, 1): link}).program(0, 1, keep()).program(1, 1, receive()).run(shot)
            assert np.allclose(bench.state((0, 0), (1, 0)), PHI, atol=1e-12)


def test_many_requests_on_one_link_are_served_in_the_same_order_at_both_ends() -> None:
    number = 40
    creator = lines(*(measure(results=4 * i, wait=False, ret=False) for i in range(number)))
    receiver = lines(
        *(receive(ids=None, number=1, results=4 * i, wait=False, ret=False) for i in range(number))
    )
    back = lines(*(f"wait_all @{4 * i}[0:10]\nret_arr @{4 * i}" for i in range(number)))
    bench = requests(lines(creator, back), lines(receiver, back), latency_ns=300)
    ends = []
    for cnpu in bench.cnpus:
        pairs = [pairs_of(cnpu.done[0], 4 * i)[0] for i in range(number)]
        ends.append(
            [(pair[MeasureIndex.SEQUENCE_NUMBER], pair[MeasureIndex.MEASUREMENT_OUTCOME]) for pair in pairs]
        )
    assert ends[0] == ends[1]
    assert [sequence for sequence, _ in ends[0]] == list(range(number))


def test_simultaneous_requests_in_both_directions_do_not_get_in_each_others_way() -> None:
    def both_ways(peer: int) -> str:
        return lines(
            keep(peer, ids=(0,), wait=False, ret=False),
            receive(peer, ids=(1,), results=4, wait=False, ret=False),
            "wait_all @0[0:10]\nwait_all @4[0:10]",
            read_out(0, "M0"),
            read_out(1, "M1", "Q1"),
        )

    for latency_ns in (0, 400):
        bench = requests(both_ways(1), both_ways(0), latency_ns=latency_ns)
        alice, bob = (bits_of(cnpu.done[0]) for cnpu in bench.cnpus)
        assert alice == bob[::-1]


def test_creates_at_both_ends_never_match_each_other() -> None:
    settings = QnpuSettings(request_timeout_ns=MILLISECOND_NS)
    bench = requests(keep(1), keep(0), settings=settings)
    assert [epr_error(bench, node) for node in (0, 1)] == ["TIMEOUT", "TIMEOUT"]


def test_three_nodes_share_entanglement_in_a_line() -> None:
    """Bob in the middle swaps: alice and charlie end with |Phi+> after his two bits."""
    links = {(0, 1): PerfectLink(delay_ns=5_000), (1, 2): PerfectLink(delay_ns=7_000)}
    bob = lines(
        receive(0, ids=(0,)), keep(2, ids=(1,), socket=1, results=4),
        "set Q0 0\nset Q1 1\ncnot Q0 Q1\nh Q0\nmeas Q0 M0\nmeas Q1 M1\nret_reg M0\nret_reg M1",
    )  # fmt: skip
    for shot in range(6):
        bench = Bench(("alice", "bob", "charlie"), links)
        bench.program(0, 1, keep(1), peers=[1]).program(1, 1, bob, peers=[0, 2])
        bench.program(2, 1, receive(1, socket=1), peers=[1], socket=1)
        bench.run(shot)
        z, x = bits_of(bench.cnpus[1].done[0])
        k = {(0, 0): 0, (0, 1): 1, (1, 1): 2, (1, 0): 3}[z, x]
        assert np.allclose(bench.state((0, 0), (2, 0)), density_of(bell_tensor(k)), atol=1e-12)


def test_pairs_of_two_processes_with_equal_socket_ids_do_not_get_mixed() -> None:
    """Both programs of each node own socket 0 to the other node; their remote sockets tell them apart."""
    bench = Bench()
    bench.at(
        0, 0, Register(1, "a", 1, sockets=((0, 1, 5, 100),)), Register(2, "b", 1, sockets=((0, 1, 6, 100),))
    )
    bench.at(
        1, 0, Register(1, "a", 1, sockets=((5, 0, 0, 100),)), Register(2, "b", 1, sockets=((6, 0, 0, 100),))
    )
    # bob creates on socket 6 for alice's program 2; alice's program 1 asked first, on a socket of the same id
    bench.submit(0, 1, 0, receive(1, wait=True), at_ns=10).submit(0, 2, 0, receive(1, wait=True), at_ns=20)
    bench.submit(1, 2, 0, keep(0, socket=6), at_ns=1_000).submit(1, 1, 0, keep(0, socket=5), at_ns=900_000)
    bench.run()
    done = {message.pid: at_ns for at_ns, message in bench.cnpus[0].got if isinstance(message, Done)}
    assert done[2] < 900_000 <= done[1]


def test_late_claim_goes_to_the_process_whose_socket_it_is() -> None:
    settings = QnpuSettings(epr_start="create")
    bench = Bench(settings=settings)
    bench.at(
        0, 0, Register(1, "a", 1, sockets=((0, 1, 5, 100),)), Register(2, "b", 1, sockets=((0, 1, 6, 100),))
    )
    bench.at(
        1, 0, Register(1, "a", 1, sockets=((5, 0, 0, 100),)), Register(2, "b", 1, sockets=((6, 0, 0, 100),))
    )
    bench.submit(1, 2, 0, keep(0, socket=6), at_ns=1_000)
    bench.submit(0, 1, 0, receive(1), at_ns=100_000).submit(0, 2, 0, receive(1), at_ns=200_000)
    bench.stop(0, 1, 500_000).run()
    assert [message.pid for message in bench.cnpus[0].done] == [2]


def test_read_memory_shows_pairs_as_they_come() -> None:
    bench = Bench(links={(0, 1): PerfectLink(delay_ns=5_000)}).program(
        0, 1, keep(ids=(0, 1), wait=False, ret=False)
    )
    bench.program(1, 1, receive(ids=(0, 1))).at(0, 7_000, ReadMemory(1, 0, (), (0,))).run()
    (memory,) = bench.cnpus[0].memory
    (address, entries) = memory.arrays[0]
    assert address == 0 and entries is not None
    assert None not in entries[:10]
    assert entries[10:] == (None,) * 10


@pytest.mark.parametrize("kind", [EprType.K, EprType.M, EprType.R])
@pytest.mark.parametrize("start", BOTH_STARTS)
def test_nothing_is_left_after_programs_that_asked_have_stopped(kind: EprType, start: Any) -> None:
    creator = create(kind, ids=(0, 1) if kind == EprType.K else None, number=2)
    bench = (
        Bench(settings=QnpuSettings(epr_start=start))
        .program(0, 1, creator)
        .program(1, 1, receive(ids=(0, 1)))
    )
    bench.stop(0, 1, MILLISECOND_NS).stop(1, 1, MILLISECOND_NS).run()
    assert [len(cnpu.done) for cnpu in bench.cnpus] == [1, 1]
    assert_quiet(bench)


def test_bell_state_is_reported_raw_if_nobody_corrects() -> None:
    link = DepolariseLink(fidelity=1, success_probability=1, cycle_ns=10, random_bell_state=True)
    seen = set()
    for shot in range(12):
        bench = Bench(links={(0, 1): link}, settings=QnpuSettings(correcting_side="none"))
        bench.program(0, 1, keep()).program(1, 1, receive()).run(shot)
        states = [pairs_of(cnpu.done[0])[0][KeepIndex.BELL_STATE] for cnpu in bench.cnpus]
        assert states[0] == states[1]
        assert states[0] is not None
        seen.add(BellState(states[0]))
        assert np.allclose(bench.state((0, 0), (1, 0)), density_of(bell_tensor(states[0])), atol=1e-12)
    assert len(seen) > 2


def test_chsh_without_randomness_is_refused_by_no_one() -> None:
    """A random set at one end only: the other end measures as its rotations say."""
    args = {ArgsIndex.RANDOM_BASIS_LOCAL: RandomBasis.CHSH}
    bench = requests(measure(number=5, args=args), receive(ids=None, number=5))
    assert {pair[3] for pair in pairs_of(bench.cnpus[0].done[0])} <= {3, 4}
    assert {pair[3] for pair in pairs_of(bench.cnpus[1].done[0])} == {0}
