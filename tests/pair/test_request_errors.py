"""Entanglement requests that cannot be met, each with its reason."""

from __future__ import annotations

from typing import Any

import pytest

from netqasm_isa.epr import (
    ArgsIndex,
    EprType,
    ReplyType,
    TimeUnit,
)
from qnpu.settings import QnpuSettings
from qruntime.limits import PAIRS_PER_REQUEST, REQUESTS_OPEN
from qruntime.messages import Aborted, OpenEprSocket
from qworld.links import DepolariseLink, PerfectLink
from tests.pair.harness import (
    BOTH_STARTS,
    MILLISECOND_NS,
    Bench,
    bits_of,
    create,
    epr_error,
    keep,
    lines,
    measure,
    only_fault,
    pairs_of,
    qubit,
    read_out,
    receive,
    requests,
)


@pytest.mark.parametrize("start", BOTH_STARTS)
@pytest.mark.parametrize("creator_first", [True, False])
def test_unequal_numbers_are_an_error_at_both_ends(start: Any, creator_first: bool) -> None:
    bench = Bench(settings=QnpuSettings(epr_start=start)).program(0, 1).program(1, 1)
    bench.submit(0, 1, 0, keep(ids=(0, 1)), at_ns=0 if creator_first else 100)
    bench.submit(1, 1, 0, receive(ids=(0,)), at_ns=100 if creator_first else 0).run()
    for node in (0, 1):
        assert epr_error(bench, node) == "OTHER"
        assert "2 pairs, the receiver for 1" in only_fault(bench, node).message


@pytest.mark.parametrize("kind", [EprType.K, EprType.R])
def test_receiver_without_qubit_ids_for_pairs_it_must_keep_is_an_error_at_both_ends(kind: EprType) -> None:
    bench = requests(
        create(kind, ids=(0,) if kind == EprType.K else None, number=1), receive(ids=None, number=1)
    )
    for node in (0, 1):
        assert epr_error(bench, node) == "OTHER"
        assert "qubit ids" in only_fault(bench, node).message


def test_receiver_may_give_qubit_ids_for_measured_pairs_and_keeps_them_free() -> None:
    """It cannot know the type. The ids stay its own: it may allocate one while the pairs are made."""
    link = PerfectLink(delay_ns=50_000)
    receiver = lines(
        receive(ids=(0, 1), wait=False, ret=False), "wait_all @0[0:10]", qubit(0, "x {q}"), read_out(0, "M0"),
        "wait_all @0[0:20]\nret_arr @0",
    )  # fmt: skip
    bench = requests(measure(number=2), receiver, links={(0, 1): link})
    assert bits_of(bench.cnpus[1].done[0]) == [1]
    assert pairs_of(bench.cnpus[1].done[0])[1][0] == ReplyType.OK_M


def test_operation_on_an_id_given_for_measured_pairs_does_not_wait_for_ever() -> None:
    receiver = lines(receive(ids=(0,), wait=False, ret=False), "set Q0 0\nx Q0")
    bench = requests(measure(number=1), receiver)
    (abort,) = bench.cnpus[1].aborted
    assert "virtual qubit 0 is not allocated" in abort.fault.message


def test_peer_without_the_socket_rejects_after_its_grace() -> None:
    settings = QnpuSettings(accept_grace_ns=20_000)
    bench = Bench(settings=settings, latency_ns=500).program(0, 1, keep()).run()
    fault = only_fault(bench)
    assert fault.data["epr"] == "REJECTED"
    assert "no program on bob has EPR socket 0 open" in fault.message
    assert bench.cnpus[0].time_of(Aborted) == 500 + 20_000 + 500


def test_socket_opened_within_the_grace_is_in_time() -> None:
    bench = Bench(settings=QnpuSettings(accept_grace_ns=20_000)).program(0, 1, keep())
    bench.program(1, 1, receive(), peers=[], at_ns=0)
    bench.cnpus[1].script.pop()
    bench.at(1, 19_000, OpenEprSocket(1, 0, 0, 0)).submit(1, 1, 0, receive(), at_ns=19_001).run()
    assert [len(cnpu.done) for cnpu in bench.cnpus] == [1, 1]


def test_request_to_a_node_without_a_link_names_those_there_are() -> None:
    bench = Bench(("alice", "bob", "charlie"), {(0, 1): PerfectLink()})
    bench.program(0, 1, keep(2, socket=1)).run()
    assert epr_error(bench) == "CREATE"
    assert "alice has no link to charlie; it has links to: bob" in only_fault(bench).message


@pytest.mark.parametrize(("peer", "who"), [(0, "itself"), (7, "node 7"), (-3, "node -3")])
def test_request_to_oneself_or_nobody_is_refused(peer: int, who: str) -> None:
    for text in (keep(peer), receive(peer)):
        bench = Bench().program(0, 1, text).program(1, 1, "").run()
        assert epr_error(bench) == "CREATE"
        assert who in only_fault(bench).message


def test_request_on_a_socket_that_is_not_open_is_refused() -> None:
    for text in (keep(socket=5), receive(1, socket=5)):
        bench = Bench().program(0, 1, text).program(1, 1, "").run()
        assert epr_error(bench) == "CREATE"
        assert "no open EPR socket 5 to bob" in only_fault(bench).message


def test_fidelity_out_of_reach_is_unsupported() -> None:
    link = DepolariseLink(fidelity=0.9, success_probability=1, cycle_ns=100)
    for percent, served in ((90, True), (91, False)):
        args = {ArgsIndex.MINIMUM_FIDELITY: percent}
        bench = requests(keep(args=args, wait=served), receive(wait=served), links={(0, 1): link})
        if served:
            assert len(bench.cnpus[0].done) == 1
        else:
            assert epr_error(bench) == "UNSUPP"
            assert "91 %" in only_fault(bench).message and "90 %" in only_fault(bench).message


def test_fidelity_of_the_socket_counts_where_the_request_says_nothing() -> None:
    link = DepolariseLink(fidelity=0.9, success_probability=1, cycle_ns=100)
    for percent, served in ((95, False), (100, True), (90, True)):
        bench = Bench(links={(0, 1): link}).program(0, 1, keep(), min_fidelity=percent)
        bench.program(1, 1, receive()).run(until_ns=MILLISECOND_NS)
        assert len(bench.cnpus[0].done) == int(served)
        assert served or epr_error(bench) == "UNSUPP"


@pytest.mark.parametrize(
    ("unit", "value", "served"),
    [
        (TimeUnit.MICRO_SECONDS, 9, False),
        (TimeUnit.MICRO_SECONDS, 10, True),
        (TimeUnit.MILLI_SECONDS, 1, True),
        (TimeUnit.SECONDS, 2**31 - 1, True),
    ],
)
def test_max_time_below_the_least_that_the_pairs_take_is_unsupported(
    unit: TimeUnit, value: int, served: bool
) -> None:
    """Two pairs of 5 us."""
    args = {ArgsIndex.TIME_UNIT: unit, ArgsIndex.MAX_TIME: value}
    bench = Bench(links={(0, 1): PerfectLink(delay_ns=5_000)}, settings=QnpuSettings(epr_start="create"))
    bench.program(0, 1, keep(ids=(0, 1), args=args)).program(1, 1, receive(ids=(0, 1))).run(
        until_ns=MILLISECOND_NS
    )
    if served:
        # 10 us are enough for the pairs, and the limit runs out in the nanosecond in which the last one comes
        assert value == 10 or len(bench.cnpus[0].done) == 1
    else:
        assert epr_error(bench) == "UNSUPP"
        assert "max time 9000 ns is below 10000 ns" in only_fault(bench).message


def test_max_time_that_runs_out_is_a_timeout_at_both_ends() -> None:
    link = DepolariseLink(fidelity=1, success_probability=1e-9, cycle_ns=1000)
    args = {ArgsIndex.TIME_UNIT: TimeUnit.MICRO_SECONDS, ArgsIndex.MAX_TIME: 700}
    bench = requests(keep(args=args), receive(), links={(0, 1): link}, latency_ns=50)
    assert [epr_error(bench, node) for node in (0, 1)] == ["TIMEOUT", "TIMEOUT"]
    assert [cnpu.time_of(Aborted) for cnpu in bench.cnpus] == [700_000, 700_050]
    (stretch,) = {emit.data for emit in bench.emits("LINK_ATTEMPTS")}
    assert stretch[3] == 699  # attempts of 1 us from 100 ns to 700.050 us, minus the one that was cut short


@pytest.mark.parametrize(
    ("entry", "value", "reason"),
    [
        (ArgsIndex.TYPE, 3, "TYPE is 3; allowed is 0..2"),
        (ArgsIndex.NUMBER, 0, "0 pairs; allowed is 1.."),
        (ArgsIndex.NUMBER, -4, "-4 pairs"),
        (ArgsIndex.NUMBER, PAIRS_PER_REQUEST + 1, f"allowed is 1..{PAIRS_PER_REQUEST}"),
        (ArgsIndex.NUMBER, 2, "2 pairs need 20"),
        (ArgsIndex.RANDOM_BASIS_LOCAL, 4, "RANDOM_BASIS_LOCAL is 4; allowed is 0..3"),
        (ArgsIndex.RANDOM_BASIS_REMOTE, -1, "RANDOM_BASIS_REMOTE is -1"),
        (ArgsIndex.MINIMUM_FIDELITY, 101, "MINIMUM_FIDELITY is 101; allowed is 0..100"),
        (ArgsIndex.TIME_UNIT, 3, "TIME_UNIT is 3; allowed is 0..2"),
        (ArgsIndex.MAX_TIME, -1, "MAX_TIME is -1"),
        (ArgsIndex.ATOMIC, 2, "ATOMIC is 2; allowed is 0..1"),
        (ArgsIndex.CONSECUTIVE, -1, "CONSECUTIVE is -1"),
        (ArgsIndex.ROTATION_REMOTE_2, 256, "ROTATION_REMOTE_2 is 256"),
        (ArgsIndex.ROTATION_AXES_LOCAL, 3, "ROTATION_AXES_LOCAL is 3; allowed is 0..2"),
        (ArgsIndex.PROBABILITY_DIST_LOCAL1, 256, "probabilities (256, 0)"),
        (ArgsIndex.PROBABILITY_DIST_REMOTE2, -1, "probabilities (0, -1)"),
    ],
)
def test_argument_out_of_range_is_named(entry: ArgsIndex, value: int, reason: str) -> None:
    check_refused(measure(args={entry: value}), reason)


def test_probabilities_of_three_bases_stay_below_one_together() -> None:
    first, second = ArgsIndex.PROBABILITY_DIST_REMOTE1, ArgsIndex.PROBABILITY_DIST_REMOTE2
    check_refused(measure(args={first: 200, second: 56}), "probabilities (200, 56)")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (keep(ids=(0, 1), number=1), "has 2 entries for 1 pairs"),
        (keep(args={ArgsIndex.NUMBER: 2}), "has 1 entries for 2 pairs"),
        (keep(ids=(-1,)), "@1[0] is -1"),
        (measure(entries=21), "arguments array has 21 entries; 20 or 22 are allowed"),
        (measure(entries=23), "arguments array has 23 entries"),
        (measure().replace("store 1 @2[0]", ""), "TYPE is not set"),
        (measure().replace("store 1 @2[1]", ""), "NUMBER is not set"),
        ("create_epr 1 0 1 2 0", "no arguments array @2"),
        (keep().replace("array 10 @0", "array 10 @7"), "no results array @0"),
        (keep().replace("array 10 @0", "array 11 @0"), "has 11 entries; 1 pairs need 10"),
        (keep().replace("store 0 @1[0]", "undef @1[0]"), "@1[0] is None"),
        (keep().replace("create_epr 1 0 1 ", "create_epr 1 0 9 "), "no qubit id array @9"),
        (receive(1).replace("array 10 @0", "array 0 @0"), "10 entries per pair"),
        (receive(1).replace("array 10 @0", "array 15 @0"), "10 entries per pair"),
        (receive(1).replace("array 10 @0", "array 10 @7"), "10 entries per pair"),
    ],
)
def test_request_with_arrays_that_do_not_fit_is_refused(text: str, reason: str) -> None:
    check_refused(text, reason)


@pytest.mark.parametrize("text", [keep(ids=(0, 1, 2, 3)), receive(1, ids=(4, 3, 2, 1))])
def test_more_ids_than_the_device_has_qubits_is_refused(text: str) -> None:
    check_refused(text, "4 different virtual qubits; the device has 3 qubits", "NORES")


def check_refused(text: str, reason: str, error: str | None = None) -> None:
    """The request aborts its subroutine at the very instruction, in no time."""
    bench = Bench().program(0, 1, text).program(1, 1, "").run()
    (abort,) = bench.cnpus[0].aborted
    assert reason in abort.fault.message
    assert str(abort.fault.data["instruction"]).split()[0] in ("create_epr", "recv_epr")
    assert abort.fault.data.get("epr") == error
    assert bench.kernel.now_ns == 0


def test_results_array_of_an_open_request_cannot_be_used_twice_or_replaced() -> None:
    opened = keep(wait=False, ret=False)
    for again, reason in (
        ("create_epr 1 0 1 2 0", "results array @0 is in use"),
        ("array 10 @0", "array @0 is in use"),
        ("recv_epr 1 0 1 0", "results array @0 is in use"),
    ):
        bench = Bench().program(0, 1, lines(opened, again)).program(1, 1, "").run()
        (abort,) = bench.cnpus[0].aborted
        assert reason in abort.fault.message


def test_open_requests_of_a_program_have_a_limit() -> None:
    text = lines(
        "array 22 @1\nstore 1 @1[0]\nstore 1 @1[1]\nset R0 10\nset R6 1\nset R1 0",
        *(
            f"array R0 @{10 + i}\nset R5 {10 + i}\ncreate_epr R6 R1 C0 R6 R5"
            for i in range(REQUESTS_OPEN + 1)
        ),
    )
    bench = Bench().program(0, 1, text).program(1, 1, "").run()
    (abort,) = bench.cnpus[0].aborted
    assert (abort.fault.code, abort.fault.data["quota"]) == ("QUOTA", "open_requests")
    assert bench.qnpus[0].processes["alice/cnpu", 1].requests == []
