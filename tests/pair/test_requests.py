"""Entanglement requests: what both ends get back, and every way in which one cannot be met."""

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
    TimeUnit,
)
from qdriver.generic import GenericConfig
from qnpu.settings import QnpuSettings
from qruntime.errors import Fault
from qruntime.limits import PAIRS_PER_REQUEST, REQUESTS_OPEN
from qruntime.messages import Aborted, Done, OpenEprSocket, ReadMemory, Register, RequestFailed
from qworld.bell import bell_tensor
from qworld.gates import density_of
from qworld.links import DepolariseLink, PerfectLink
from tests.pair.harness import (
    MICROSECOND_NS,
    MILLISECOND_NS,
    Bench,
    assert_quiet,
    bits_of,
    create,
    keep,
    lines,
    measure,
    pairs_of,
    prepare,
    qubit,
    read_out,
    receive,
)

BOTH_STARTS = ("both", "create")
PHI = density_of(bell_tensor(0))


def requests(creator: str, receiver: str, **options: Any) -> Bench:
    """Alice creates, bob receives, both at time 0."""
    return Bench(**options).program(0, 1, creator).program(1, 1, receiver).run()


def only_fault(bench: Bench, node: int = 0) -> Fault:
    (fault,) = bench.cnpus[node].faults
    return fault


def epr_error(bench: Bench, node: int = 0) -> str:
    fault = only_fault(bench, node)
    assert fault.code == "EPR"
    return str(fault.data["epr"])


# --- results --------------------------------------------------------------------------------------------------


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
    """Rotating by (8, 0, 0) is Y in XYX; about YZY it turns Z to X: bits of |Phi+> in (X, Z) are not equal."""
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
    assert sorted(sequence for _, sequence in ends[0]) == list(range(5))


def test_both_ends_hold_phi_plus() -> None:
    for link in (
        PerfectLink(),
        DepolariseLink(fidelity=1, success_probability=0.5, cycle_ns=10, random_bell_state=True),
    ):
        for shot in range(6):
            bench = Bench(links={(0, 1): link}).program(0, 1, keep()).program(1, 1, receive()).run(shot)
            assert np.allclose(bench.state((0, 0), (1, 0)), PHI, atol=1e-12)


# --- who asks first -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("start", BOTH_STARTS)
@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("latency_ns", [0, 700])
def test_either_end_may_ask_long_before_the_other(start: Any, first: int, latency_ns: int) -> None:
    late = 5 * MILLISECOND_NS
    bench = Bench(settings=QnpuSettings(epr_start=start), latency_ns=latency_ns)
    bench.program(0, 1, at_ns=0).program(1, 1, at_ns=0)
    bench.submit(0, 1, 0, keep(), at_ns=late if first == 1 else 0)
    bench.submit(1, 1, 0, receive(), at_ns=late if first == 0 else 0).run()
    assert [len(cnpu.done) for cnpu in bench.cnpus] == [1, 1]
    times = [cnpu.time_of(Done) for cnpu in bench.cnpus]
    assert times[1] >= late
    assert (times[0] >= late) == (start == "both" or first == 1)
    assert np.allclose(bench.state((0, 0), (1, 0)), PHI, atol=1e-12)


@pytest.mark.parametrize("start", BOTH_STARTS)
def test_lone_receive_times_out_and_says_who_is_missing(start: Any) -> None:
    settings = QnpuSettings(epr_start=start, request_timeout_ns=3 * MILLISECOND_NS)
    bench = Bench(settings=settings).program(0, 1, "").program(1, 1, receive()).run()
    fault = only_fault(bench, 1)
    assert fault.data["epr"] == "TIMEOUT"
    assert "no program on alice asked for the other half (create_epr) within 3 ms" in fault.message
    assert bench.cnpus[1].time_of(Aborted) == 3 * MILLISECOND_NS
    assert not bench.cnpus[0].faults


def test_lone_create_times_out_and_says_who_is_missing() -> None:
    bench = Bench(settings=QnpuSettings(request_timeout_ns=3 * MILLISECOND_NS))
    bench.program(0, 1, keep()).program(1, 1, "").run()
    assert "no program on bob asked for the other half (recv_epr) within 3 ms" in only_fault(bench).message
    assert not bench.cnpus[1].faults


def test_timeout_is_raised_at_both_ends_that_asked() -> None:
    link = DepolariseLink(fidelity=1, success_probability=1e-9, cycle_ns=1000)
    settings = QnpuSettings(request_timeout_ns=2 * MILLISECOND_NS)
    bench = requests(keep(ids=(0, 1)), receive(ids=(0, 1)), links={(0, 1): link}, settings=settings)
    for node in (0, 1):
        fault = only_fault(bench, node)
        assert fault.data["epr"] == "TIMEOUT"
        assert fault.data["delivered"] == 0
        assert fault.data["number"] == 2
        assert "0 of 2 pairs" in fault.message


def test_timeout_names_the_request_and_the_pairs_that_came() -> None:
    """Pair 0 comes; pair 1 waits for an id that the receiver keeps busy elsewhere."""
    settings = QnpuSettings(request_timeout_ns=2 * MILLISECOND_NS)
    creator = lines(keep(ids=(0, 0), wait=False, ret=False), "wait_all @0[0:10]")
    bench = requests(
        creator, lines(receive(ids=(0, 0), wait=False, ret=False), "wait_all @0[0:10]"), settings=settings
    )
    for cnpu in bench.cnpus:
        assert len(cnpu.done) == 1
        (failure,) = cnpu.failed
        assert failure.fault.data["delivered"] == 1
        assert "delivered=1" in failure.fault.message


def test_failure_that_nobody_waits_for_reaches_the_program_once() -> None:
    settings = QnpuSettings(request_timeout_ns=MILLISECOND_NS)
    bench = Bench(settings=settings).program(0, 1, keep(wait=False, ret=False)).program(1, 1, "").run()
    assert [type(message) for _, message in bench.cnpus[0].got] == [Done, RequestFailed]
    assert bench.cnpus[0].time_of(RequestFailed) == MILLISECOND_NS


@pytest.mark.parametrize(
    "touch", ["wait_single @0[9]", "wait_any @0[0:10]", "load R9 @0[3]", "wait_all @0[0:1]"]
)
def test_wait_on_or_load_of_a_failed_array_aborts_with_the_cause(touch: str) -> None:
    settings = QnpuSettings(request_timeout_ns=MILLISECOND_NS)
    bench = Bench(settings=settings).program(0, 1, keep(wait=False, ret=False)).program(1, 1, "")
    bench.submit(0, 1, 1, touch, at_ns=2 * MILLISECOND_NS).run()
    (abort,) = bench.cnpus[0].aborted
    assert abort.fault.data["epr"] == "TIMEOUT"
    assert abort.fault.data["instruction"].split()[0] == touch.split()[0]


def test_failed_array_that_is_declared_again_is_forgiven() -> None:
    settings = QnpuSettings(request_timeout_ns=MILLISECOND_NS)
    bench = Bench(settings=settings).program(0, 1, keep(wait=False, ret=False)).program(1, 1, "")
    bench.submit(
        0, 1, 1, "array 10 @0\nstore 1 @0[0]\nload R0 @0[0]\nret_reg R0", at_ns=2 * MILLISECOND_NS
    ).run()
    assert bits_of(bench.cnpus[0].done[1]) == [1]


# --- requests that cannot be ----------------------------------------------------------------------------------


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
    ("make", "error", "reason"),
    [
        (lambda: keep(ids=(0, 1, 2, 3)), "NORES", "4 different virtual qubits; the device has 3 qubits"),
        (lambda: keep(ids=(0, 1), number=1), None, "has 2 entries for 1 pairs"),
        (lambda: keep(args={ArgsIndex.TYPE: 3}), None, "TYPE is 3; allowed is 0..2"),
        (lambda: keep(args={ArgsIndex.NUMBER: 0}), None, "0 pairs; allowed is 1.."),
        (lambda: keep(args={ArgsIndex.NUMBER: -4}), None, "-4 pairs"),
        (lambda: keep(args={ArgsIndex.NUMBER: PAIRS_PER_REQUEST + 1}), None, f"allowed is 1..{PAIRS_PER_REQUEST}"),
        (lambda: keep(args={ArgsIndex.NUMBER: 2}), None, "has 1 entries for 2 pairs"),
        (lambda: measure(args={ArgsIndex.NUMBER: 2}), None, "2 pairs need 20"),
        (lambda: measure(args={ArgsIndex.RANDOM_BASIS_LOCAL: 4}), None, "RANDOM_BASIS_LOCAL is 4; allowed is 0..3"),
        (lambda: measure(args={ArgsIndex.RANDOM_BASIS_REMOTE: -1}), None, "RANDOM_BASIS_REMOTE is -1"),
        (lambda: measure(args={ArgsIndex.MINIMUM_FIDELITY: 101}), None, "MINIMUM_FIDELITY is 101; allowed is 0..100"),
        (lambda: measure(args={ArgsIndex.TIME_UNIT: 3}), None, "TIME_UNIT is 3; allowed is 0..2"),
        (lambda: measure(args={ArgsIndex.MAX_TIME: -1}), None, "MAX_TIME is -1"),
        (lambda: measure(args={ArgsIndex.ATOMIC: 2}), None, "ATOMIC is 2; allowed is 0..1"),
        (lambda: measure(args={ArgsIndex.CONSECUTIVE: -1}), None, "CONSECUTIVE is -1"),
        (lambda: measure(args={ArgsIndex.ROTATION_REMOTE_2: 256}), None, "ROTATION_REMOTE_2 is 256"),
        (lambda: measure(args={ArgsIndex.ROTATION_AXES_LOCAL: 3}), None, "ROTATION_AXES_LOCAL is 3; allowed is 0..2"),
        (lambda: measure(args={ArgsIndex.PROBABILITY_DIST_LOCAL1: 256}), None, "probabilities (256, 0)"),
        (
            lambda: measure(args={ArgsIndex.PROBABILITY_DIST_REMOTE1: 200, ArgsIndex.PROBABILITY_DIST_REMOTE2: 56}),
            None,
            "probabilities (200, 56)",
        ),
        (lambda: measure(entries=21), None, "arguments array has 21 entries; 20 or 22 are allowed"),
        (lambda: measure(entries=23), None, "arguments array has 23 entries"),
        (lambda: keep(ids=(-1,)), None, "@1[0] is -1"),
        (lambda: lines("array 22 @2\narray 10 @0\ncreate_epr 1 0 C0 2 0"), None, "TYPE is not set"),
        (lambda: lines("array 22 @2\nstore 1 @2[0]\narray 10 @0\ncreate_epr 1 0 C0 2 0"), None, "NUMBER is not set"),
        (lambda: "create_epr 1 0 1 2 0", None, "no arguments array @2"),
        (lambda: keep().replace("array 10 @0", "array 10 @7"), None, "no results array @0"),
        (lambda: keep().replace("array 10 @0", "array 11 @0"), None, "has 11 entries; 1 pairs need 10"),
        (lambda: keep().replace("store 0 @1[0]", "undef @1[0]"), None, "@1[0] is None"),
        (lambda: keep().replace("create_epr 1 0 1 ", "create_epr 1 0 9 "), None, "no qubit id array @9"),
        (lambda: receive(1).replace("array 10 @0", "array 0 @0"), None, "10 entries per pair"),
        (lambda: receive(1).replace("array 10 @0", "array 15 @0"), None, "10 entries per pair"),
        (lambda: receive(1).replace("array 10 @0", "array 10 @7"), None, "10 entries per pair"),
    ],
)  # fmt: skip
def test_request_that_can_never_be_met_aborts_at_the_instruction(
    make: Any, error: str | None, reason: str
) -> None:
    bench = Bench().program(0, 1, make()).program(1, 1, "").run()
    (abort,) = bench.cnpus[0].aborted
    assert reason in abort.fault.message
    assert abort.fault.data["instruction"].split()[0] in ("create_epr", "recv_epr")
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
        f"array 22 @1\nstore 1 @1[0]\nstore 1 @1[1]\nset R0 10\nset R6 1\nset R1 0\nset R2 {REQUESTS_OPEN + 1}",
        *(
            f"array R0 @{10 + i}\nset R5 {10 + i}\ncreate_epr R6 R1 C0 R6 R5"
            for i in range(REQUESTS_OPEN + 1)
        ),
    )
    bench = Bench().program(0, 1, text).program(1, 1, "").run()
    (abort,) = bench.cnpus[0].aborted
    assert abort.fault.data["epr"] == "REJECTED"
    assert bench.qnpus[0].processes["alice/cnpu", 1].requests == []


# --- memory ---------------------------------------------------------------------------------------------------


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
    first, second = bench.emits("EGP_ENT_OK", 1)
    freed = [t_ns for gate, t_ns in bench.starts(1) if gate == "measure"][0] + 10_000
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
        "wait_all @0[0:10]\nset Q0 0\nmeas Q0 M0\nqfree Q0\nwait_all @4[0:10]\nmeas Q0 M1\nret_reg M0\nret_reg M1",
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


# --- many -----------------------------------------------------------------------------------------------------


def test_many_requests_on_one_link_are_served_in_the_same_order_at_both_ends() -> None:
    number = 40
    creator = lines(*(measure(results=4 * i, wait=False, ret=False) for i in range(number)))
    receiver = lines(
        *(receive(ids=None, number=1, results=4 * i, wait=False, ret=False) for i in range(number))
    )
    back = lines(*(f"wait_all @{4 * i}[0:10]\nret_arr @{4 * i}" for i in range(number)))
    bench = requests(lines(creator, back), lines(receiver, back), latency_ns=300)
    ends = [
        [(pairs_of(cnpu.done[0], 4 * i)[0][MeasureIndex.SEQUENCE_NUMBER], pairs_of(cnpu.done[0], 4 * i)[0][2]) for i in range(number)]
        for cnpu in bench.cnpus
    ]  # fmt: skip
    assert ends[0] == ends[1]
    assert [sequence for sequence, _ in ends[0]] == list(range(number))


def test_simultaneous_requests_in_both_directions_do_not_get_in_each_others_way() -> None:
    def both_ways(peer: int) -> str:
        return lines(
            keep(peer, ids=(0,), wait=False, ret=False),
            receive(peer, ids=(1,), results=4, wait=False, ret=False),
            "wait_all @0[0:10]\nwait_all @4[0:10]\nset Q0 0\nset Q1 1\nmeas Q0 M0\nmeas Q1 M1\nret_reg M0\nret_reg M1",
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
