"""What the reference SDK sends for small programs runs to its end against a matching peer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netqasm_isa import decode
from netqasm_isa import opcodes as op
from netqasm_isa.epr import ArgsIndex, Basis, EprType, KeepIndex, MeasureIndex, ReplyType
from netqasm_isa.messages import InitNewApp, OpenEPRSocket, Subroutine, decode_host_message
from qdriver.generic import GenericConfig
from qdriver.spec import VirtualQubit
from qnpu.settings import QnpuSettings
from qruntime.messages import Done, Register, Stop, Submit
from qworld.links import DepolariseLink, Link, PerfectLink
from tests.pair.harness import (
    PHI,
    Bench,
    array_of,
    assert_quiet,
    bits_of,
    create,
    lines,
    pairs_of,
    read_out,
    receive,
)

VECTORS = Path(__file__).parents[1] / "unit" / "netqasm_isa" / "netqasm_vectors.json"
STREAMS: dict[str, dict[str, Any]] = {
    stream["name"]: stream for stream in json.loads(VECTORS.read_text())["sdk_streams"]
}
OURS, THEIRS = 0, 1  # the recorded program is node 0 and speaks of node 1
OUR_SOCKET, THEIR_SOCKET = 1, 2
LINKS: dict[str, Link] = {
    "phi": PerfectLink(),
    "bell": DepolariseLink(fidelity=1, success_probability=1, cycle_ns=1_000, random_bell_state=True),
}


def speak_of(remote: int, code: bytes) -> bytes:
    """A recorded subroutine, which speaks of node 1, turned to another node."""
    program = decode(code)
    instructions = list(program.instructions)
    for index, ins in enumerate(instructions):
        if ins[0] in (op.CREATE_EPR, op.RECV_EPR):
            place = max(i for i in range(index) if instructions[i][:2] == (op.SET, ins[1]))
            instructions[place] = (op.SET, ins[1], remote)
    return replace(program, instructions=tuple(instructions)).encode()


def replay(bench: Bench, name: str, node: int = OURS, remote: int | None = None, pid: int = 4) -> Bench:
    """The recorded messages of one program as system calls of `node`.

    With `remote` they are turned to another node than node 1: only the operand of its instruction changes.
    """
    sockets: list[tuple[int, int, int, int]] = []
    calls: list[Any] = []
    max_qubits = 0
    for recorded in STREAMS[name]["messages"]:
        message = decode_host_message(bytes.fromhex(recorded["hex"]))
        if isinstance(message, InitNewApp):
            max_qubits = message.max_qubits
        elif isinstance(message, OpenEPRSocket):
            peer = message.remote_node_id
            sockets.append((message.epr_socket_id, peer, message.remote_epr_socket_id, message.min_fidelity))
        elif isinstance(message, Subroutine):
            code = message.subroutine if remote is None else speak_of(remote, message.subroutine)
            calls.append(Submit(pid, len(calls), code))
    register = Register(pid, name, max_qubits, STREAMS[name]["flavour"], sockets=tuple(sockets))
    return bench.at(node, 0, register, *calls)


def against(name: str, peer: str, *, shot: int = 0, link: str = "phi", **options: Any) -> Bench:
    """A recorded program against one of ours with the mirrored socket."""
    bench = replay(Bench(links={(0, 1): LINKS[link]}, **options), name)
    sockets = ((THEIR_SOCKET, OURS, OUR_SOCKET, 100),)
    bench.at(THEIRS, 0, Register(1, "peer", 3, sockets=sockets)).submit(THEIRS, 1, 0, peer)
    bench.run(shot)
    assert not bench.cnpus[OURS].faults
    assert not bench.cnpus[THEIRS].faults
    return bench


def only_done(bench: Bench, node: int = OURS) -> Done:
    (done,) = bench.cnpus[node].done
    return done


def taking(ids: Sequence[int] | None, number: int | None = None, **options: Any) -> str:
    return receive(OURS, ids=ids, number=number, socket=THEIR_SOCKET, **options)


def making(kind: EprType, ids: Sequence[int] | None, number: int | None = None, **options: Any) -> str:
    return create(kind, OURS, ids=ids, number=number, socket=THEIR_SOCKET, **options)


def ones(values: Sequence[int | None]) -> int:
    assert set(values) <= {0, 1}
    return sum(int(value or 0) for value in values)


# --- local programs ----------------------------------------


def test_one_qubit_program_returns_its_outcome() -> None:
    outcomes = [
        ones(array_of(only_done(replay(Bench(), "one qubit, H, measure").run(shot)))) for shot in range(12)
    ]
    assert set(outcomes) == {0, 1}


def test_loop_program_fills_its_array() -> None:
    """rot_x by 3 pi / 4: P(1) = sin^2(3 pi / 8) = 0.854; 40 shots of 4, seed 0, within 5 sigma."""
    total = 0
    for shot in range(40):
        bench = replay(Bench(tracing=False), "loop over an array of outcomes").run(shot)
        total += ones(array_of(only_done(bench)))
    p = np.sin(3 * np.pi / 8) ** 2
    assert abs(total / 160 - p) < 5 * np.sqrt(p * (1 - p) / 160)


def test_branching_program_returns_array_and_register() -> None:
    done = only_done(replay(Bench(), "branch on a future, outcome in a register").run())
    assert array_of(done) == [0]
    assert bits_of(done) == [0]


def test_program_that_measures_in_other_bases_returns_two_arrays() -> None:
    outcomes = set()
    for shot in range(12):
        done = only_done(replay(Bench(), "measure in X, then with YZY rotations").run(shot))
        outcomes.add((array_of(done, 0)[0], array_of(done, 1)[0]))
    assert {first for first, _ in outcomes} == {0, 1}


# --- keep ----------------------------------------


@pytest.mark.parametrize("link", LINKS)
def test_teleport_sender_leaves_the_state_at_the_receiver_up_to_its_two_bits(link: str) -> None:
    """It teleports |0>: after the correction X^m2 the receiver holds |0>."""
    seen = set()
    for shot in range(10):
        bench = against("create_keep inside a teleport sender", taking((1,)), shot=shot, link=link)
        done = only_done(bench)
        assert pairs_of(done)[0][KeepIndex.LOGICAL_QUBIT_ID] == 1
        assert array_of(done, 1) == [1]
        flip = array_of(done, 4)[0]
        seen.add((array_of(done, 3)[0], flip))
        place = bench.qnpus[THEIRS].processes["bob/cnpu", 1].virtual[VirtualQubit(1)]
        assert np.allclose(bench.state((THEIRS, place)), np.diag([1 - (flip or 0), flip or 0]), atol=1e-12)
    assert len(seen) > 2


@pytest.mark.parametrize(
    ("creator", "receiver"),
    [
        ("create_keep(2) with max_time 3 s", None),
        (None, "recv_keep(2)"),
        (None, "recv_keep(2) with expect_phi_plus=False"),
    ],
)
@pytest.mark.parametrize("link", LINKS)
def test_kept_pairs_are_phi_plus(creator: str | None, receiver: str | None, link: str) -> None:
    """No correction of the SDK does harm, because the pairs come as |Phi+> and are reported so."""
    for shot in range(5):
        name = creator or receiver or ""
        peer = taking((2, 0)) if creator else making(EprType.K, (2, 0))
        bench = against(name, peer, shot=shot, link=link)
        ours = bench.qnpus[OURS].processes["alice/cnpu", 4].virtual
        theirs = bench.qnpus[THEIRS].processes["bob/cnpu", 1].virtual
        for mine, other in ((0, 2), (1, 0)):
            places = ((OURS, ours[VirtualQubit(mine)]), (THEIRS, theirs[VirtualQubit(other)]))
            assert np.allclose(bench.state(*places), PHI, atol=1e-12)
        directions = [pair[KeepIndex.DIRECTIONALITY_FLAG] for pair in pairs_of(only_done(bench))]
        assert directions == [0 if creator else 1] * 2


def test_one_qubit_connection_needs_no_wait() -> None:
    """The measurement itself waits for the pair; the outcomes of the two ends agree."""
    outcomes = set()
    for shot in range(10):
        peer = lines(taking((0,)), read_out(0, "M0"))
        done = only_done(bench := against("create_keep on a one-qubit connection: no wait", peer, shot=shot))
        (bit,) = array_of(done, 3)
        assert bit == bits_of(only_done(bench, THEIRS))[0]
        assert None not in array_of(done, 0)
        outcomes.add(bit)
    assert outcomes == {0, 1}


@pytest.mark.parametrize("qubits", [1, 3])
def test_sequential_program_measures_pair_after_pair_in_one_id(qubits: int) -> None:
    half = "wait_all @0[{}:{}]\nset Q0 0\nmeas Q0 {}\nqfree Q0\nret_reg {}"
    peer = lines(
        taking((0, 0), wait=False, ret=False), half.format(0, 10, "M0", "M0"), half.format(10, 20, "M1", "M1")
    )
    device = GenericConfig(num_qubits=qubits, t1_ns=0, t2_ns=0)
    outcomes = set()
    for shot in range(10):
        bench = against("create_keep(2) sequential with a post routine", peer, shot=shot, device=device)
        done = only_done(bench)
        bits = bits_of(only_done(bench, THEIRS))
        assert array_of(done, 3) == bits[1:]  # the routine keeps the last outcome only
        assert array_of(done, 1) == [0, 0]
        assert [pair[KeepIndex.SEQUENCE_NUMBER] for pair in pairs_of(done)] == [0, 1]
        outcomes.add(tuple(bits))
    assert len(outcomes) > 2


def test_program_with_a_fidelity_to_reach_tries_until_the_last_pair_was_quick_enough() -> None:
    """Limit 28000 us. Every try takes 40 ms, because the link is slow; the peer stays for all five."""
    name = "create_keep with min_fidelity_all_at_end 80, 5 tries"
    quick = only_done(against(name, taking((0,))))
    assert pairs_of(quick)[0][KeepIndex.GOODNESS] == 1
    again = lines(*(f"{taking((0,), results=4 * i)}\nset Q0 0\nqfree Q0" for i in range(5)))
    bench = replay(Bench(links={(0, 1): PerfectLink(delay_ns=40_000_000)}), name)
    bench.at(THEIRS, 0, Register(1, "peer", 3, sockets=((THEIR_SOCKET, OURS, OUR_SOCKET, 100),)))
    done = only_done(bench.submit(THEIRS, 1, 0, again).run())
    assert len(bench.emits("EGPD_CREATE", OURS)) == 5
    assert array_of(done, 0) == [None] * 10  # out of tries: results undone, qubit freed
    assert not bench.qnpus[OURS].processes["alice/cnpu", 4].virtual


# --- measure directly, state preparation ----------------------------------------


@pytest.mark.parametrize("link", LINKS)
def test_measured_pairs_have_the_bases_that_the_creator_asked_for(link: str) -> None:
    """X here, Y there: three results at each end, of type M, with no basis to report and Bell state 0."""
    bench = against("create_measure(3) in X here and Y there", taking(None, 3), link=link)
    for node in (OURS, THEIRS):
        for index, pair in enumerate(pairs_of(only_done(bench, node))):
            assert pair[MeasureIndex.TYPE] == ReplyType.OK_M
            assert pair[MeasureIndex.MEASUREMENT_OUTCOME] in (0, 1)
            assert pair[MeasureIndex.SEQUENCE_NUMBER] == index
            assert (pair[MeasureIndex.MEASUREMENT_BASIS], pair[MeasureIndex.BELL_STATE]) == (0, 0)


@pytest.mark.parametrize("link", LINKS)
def test_receiver_measures_as_the_creator_says(link: str) -> None:
    """The creator asks for X at both ends: bits are equal."""
    args = {ArgsIndex.ROTATION_LOCAL_2: 24, ArgsIndex.ROTATION_REMOTE_2: 24}
    for shot in range(5):
        bench = against("recv_measure(3)", making(EprType.M, None, 3, args=args), shot=shot, link=link)
        bits = [
            [pair[MeasureIndex.MEASUREMENT_OUTCOME] for pair in pairs_of(only_done(bench, n))] for n in (0, 1)
        ]
        assert bits[0] == bits[1]


def test_random_bases_come_back_with_the_outcome() -> None:
    bases: dict[int, set[int | None]] = {OURS: set(), THEIRS: set()}
    for shot in range(20):
        bench = against("create_measure with random bases", taking(None, 1), shot=shot, link="bell")
        for node, seen in bases.items():
            seen.add(pairs_of(only_done(bench, node))[0][MeasureIndex.MEASUREMENT_BASIS])
    assert bases == {OURS: {Basis.X, Basis.Z}, THEIRS: {Basis.ZPLUSX, Basis.ZMINUSX}}


@pytest.mark.parametrize("link", LINKS)
def test_prepared_state_in_y_is_the_conjugate_of_the_outcome(link: str) -> None:
    for shot in range(8):
        bench = against(
            "create_rsp in Y",
            lines(taking((0,)), "set Q0 0\nk Q0\nmeas Q0 M0\nret_reg M0"),
            shot=shot,
            link=link,
        )
        (pair,) = pairs_of(only_done(bench))
        assert pair[MeasureIndex.TYPE] == ReplyType.OK_R
        assert bits_of(only_done(bench, THEIRS)) == [1 - (pair[MeasureIndex.MEASUREMENT_OUTCOME] or 0)]


@pytest.mark.parametrize("link", LINKS)
def test_receiver_of_a_prepared_state_gets_it_in_its_qubit(link: str) -> None:
    """Z at the creator: the receiver holds the creator's bit."""
    for shot in range(6):
        bench = against("recv_rsp", making(EprType.R, None, 1), shot=shot, link=link)
        place = bench.qnpus[OURS].processes["alice/cnpu", 4].virtual[VirtualQubit(0)]
        bit = pairs_of(only_done(bench, THEIRS))[0][MeasureIndex.MEASUREMENT_OUTCOME] or 0
        assert np.allclose(bench.state((OURS, place)), np.diag([1 - bit, bit]), atol=1e-12)
        assert pairs_of(only_done(bench))[0][KeepIndex.TYPE] == ReplyType.OK_R


# --- recorded against recorded ----------------------------------------


@pytest.mark.parametrize(
    ("creator", "receiver"),
    [
        ("create_keep(2) with max_time 3 s", "recv_keep(2)"),
        ("create_keep(2) with max_time 3 s", "recv_keep(2) with expect_phi_plus=False"),
        ("create_measure(3) in X here and Y there", "recv_measure(3)"),
        ("create_rsp in Y", "recv_rsp"),
    ],
)
@pytest.mark.parametrize("start", ["both", "create"])
@pytest.mark.parametrize("link", LINKS)
def test_recorded_programs_run_against_each_other(creator: str, receiver: str, start: Any, link: str) -> None:
    bench = Bench(links={(0, 1): LINKS[link]}, settings=QnpuSettings(epr_start=start))
    replay(replay(bench, creator, OURS, remote=THEIRS), receiver, THEIRS, remote=OURS)
    for node, name in ((OURS, creator), (THEIRS, receiver)):  # both speak of node 1 and remote socket 2
        sockets = ((OUR_SOCKET, 1 - node, OUR_SOCKET, 70),)
        bench.cnpus[node].script[0] = (0, Register(4, name, 3, sockets=sockets))
    bench.at(OURS, 1_000_000, Stop(4)).at(THEIRS, 1_000_000, Stop(4)).run()
    assert [len(cnpu.done) for cnpu in bench.cnpus] == [1, 1]
    assert_quiet(bench)


@pytest.mark.parametrize("name", [name for name, stream in STREAMS.items() if stream["flavour"] == "nv"])
def test_nv_programs_are_refused_at_register_on_a_generic_device(name: str) -> None:
    bench = replay(Bench(), name).run()
    (refused,) = bench.cnpus[OURS].refused
    assert refused.call == "register"
    assert refused.fault.message == "flavour 'nv' does not run on this device; it takes vanilla"
    assert all("process 4 is not registered" in abort.fault.message for abort in bench.cnpus[OURS].aborted)


def test_every_recorded_stream_is_covered() -> None:
    source = Path(__file__).read_text()
    unused = [
        name for name, stream in STREAMS.items() if stream["flavour"] == "vanilla" and name not in source
    ]
    assert len(STREAMS) == 19
    assert not unused
