"""Gates, measurements and breakpoints on one node: what they do to the state, and what aborts them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from netqasm_isa import assemble
from netqasm_isa.instructions import instruction_set
from qdriver.generic import GenericConfig
from qnpu.settings import QnpuSettings
from qruntime.messages import ReadMemory, Status
from qworld.gates import controlled_rotation, rotation, unitary
from tests.pair.harness import (
    NOISELESS,
    Bench,
    bits_of,
    keep,
    lines,
    qubit,
    receive,
    run_one,
)
from tests.unit.qworld.dense import Array

SIGMAS = 5.0
KET0 = np.array([1, 0], dtype=complex)


def theta(n: int, d: int) -> float:
    return math.ldexp(n * math.pi, -d)


# A state without any symmetry, so that a wrong gate cannot look right.
START_ANGLES = (("rot_x", "x", 3), ("rot_z", "z", 5), ("rot_y", "y", 2))
START_GATES = tuple(f"{gate} {{q}} {n} 3" for gate, _, n in START_ANGLES)


def start_vector() -> Array:
    vector = KET0
    for _, axis, n in START_ANGLES:
        vector = rotation(axis, theta(n, 3)) @ vector
    return vector


def projector(vector: Any) -> Array:
    return np.outer(vector, vector.conj())


ONE_QUBIT = {name: unitary(name) for name in ("x", "y", "z", "h", "s", "k", "t")}


@pytest.mark.parametrize("gate", ONE_QUBIT)
def test_one_qubit_gate_is_its_unitary(gate: str) -> None:
    bench = run_one(qubit(0, *START_GATES, gate + " {q}"))
    assert np.allclose(bench.state((0, 0)), projector(ONE_QUBIT[gate] @ start_vector()), atol=1e-12)


@pytest.mark.parametrize("axis", "xyz")
@pytest.mark.parametrize(("n", "d"), [(0, 0), (1, 0), (3, 2), (31, 4), (255, 7), (1, 255), (255, 0)])
def test_rotation_turns_by_n_pi_over_two_to_the_d(axis: str, n: int, d: int) -> None:
    bench = run_one(qubit(0, *START_GATES, f"rot_{axis} {{q}} {n} {d}"))
    turned = rotation(axis, theta(n, d) % (4 * math.pi)) @ start_vector()
    assert np.allclose(bench.state((0, 0)), projector(turned), atol=1e-12)


def test_init_resets_an_allocated_qubit() -> None:
    bench = run_one(qubit(0, *START_GATES, "init {q}"))
    assert np.allclose(bench.state((0, 0)), projector(KET0), atol=1e-12)


TWO_QUBIT = {
    "cnot": unitary("cnot"),
    "cphase": unitary("cphase"),
    "swp": unitary("swap"),
}


@pytest.mark.parametrize("gate", TWO_QUBIT)
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_two_qubit_gate_is_its_unitary_with_the_control_first(gate: str, order: tuple[int, int]) -> None:
    first, second = order
    text = lines(
        qubit(0, *START_GATES),
        qubit(1, "h {q}", "t {q}", "rot_y {q} 1 3", register="Q1"),
        f"{gate} Q{first} Q{second}",
    )
    one = start_vector()
    two = rotation("y", theta(1, 3)) @ unitary("t") @ unitary("h") @ KET0
    vectors = (one, two)
    ideal = TWO_QUBIT[gate] @ np.kron(vectors[first], vectors[second])
    assert np.allclose(run_one(text).state((0, first), (0, second)), projector(ideal), atol=1e-12)


def test_mov_carries_the_state_and_leaves_the_source_allocated() -> None:
    text = lines(
        qubit(0, *START_GATES),
        qubit(1, "x {q}", register="Q1"),
        "mov Q0 Q1",
        "meas Q0 M0\nret_reg M0",
    )
    bench = run_one(text)
    assert len(bench.cnpus[0].done) == 1  # measuring the source would abort if it were free
    assert np.allclose(bench.state((0, 1)), projector(start_vector()), atol=1e-12)


def test_mov_carries_entanglement() -> None:
    text = lines(
        qubit(0, "h {q}"),
        qubit(1, register="Q1"),
        "cnot Q0 Q1",
        qubit(2, "x {q}", register="Q2"),
        "mov Q1 Q2",
        "qfree Q1",
    )
    bell = np.array([1, 0, 0, 1], dtype=complex) / math.sqrt(2)
    assert np.allclose(run_one(text).state((0, 0), (0, 2)), projector(bell), atol=1e-12)


def test_qubit_operands_may_be_in_any_register_bank() -> None:
    text = "set R3 4\nqalloc R3\ninit R3\nset C1 4\nx C1\nset M7 4\nmeas M7 R15\nret_reg R15\nqfree C1"
    (done,) = run_one(text).cnpus[0].done
    assert bits_of(done) == [1]


# --- measurement ----------------------------------------


def test_measured_qubit_stays_allocated_in_the_state_it_was_found_in() -> None:
    text = lines(
        qubit(0, "h {q}"), "meas Q0 M0\nmeas Q0 M1\nx Q0\nmeas Q0 M2", *(f"ret_reg M{i}" for i in range(3))
    )
    for shot in range(8):
        bench = Bench(("alice",)).program(0, 1, text).run(shot)
        first, second, third = bits_of(bench.cnpus[0].done[0])
        assert first == second == 1 - third


def test_measurement_follows_the_born_rule() -> None:
    """N = 2000 measurements, seed 0: the share of ones within 5 sigma of sin^2(3 pi / 16)."""
    count = 2000
    text = f"""
        array {count} @0
        set R0 0
        set R1 {count}
        set R2 1
        set Q0 0
        qalloc Q0
        LOOP:
        init Q0
        rot_x Q0 3 3
        meas Q0 M0
        store M0 @0[R0]
        add R0 R0 R2
        blt R0 R1 LOOP
        ret_arr @0
    """
    bench = Bench(("alice",), tracing=False).program(0, 1, text).run()
    ones = sum(bit or 0 for bit in bench.cnpus[0].done[0].arrays[0][1])
    p = math.sin(theta(3, 4)) ** 2
    assert abs(ones / count - p) < SIGMAS * math.sqrt(p * (1 - p) / count)


AXES = {"meas_basis": "xyx", "meas_basis_yzy": "yzy", "meas_basis_zxz": "zxz"}


@pytest.mark.parametrize("instruction", AXES)
def test_rotated_measurement_turns_about_its_three_axes_in_order(instruction: str) -> None:
    """The qubit is prepared so that exactly these rotations take it to |1>."""
    n1, n2, n3 = 3, 7, 5
    axes = AXES[instruction]
    undo = [f"rot_{axis} {{q}} {32 - n} 4" for axis, n in zip(reversed(axes), (n3, n2, n1), strict=True)]
    text = lines(qubit(0, "x {q}", *undo), f"{instruction} Q0 M3 {n1} {n2} {n3} 4\nret_reg M3")
    for shot in range(5):
        bench = Bench(("alice",)).program(0, 1, text).run(shot)
        assert bits_of(bench.cnpus[0].done[0]) == [1]


@pytest.mark.parametrize(
    ("basis", "prepare"),
    [("0 24 0", ("h {q}",)), ("8 0 0", ("k {q}",)), ("0 8 0", ("x {q}", "h {q}"))],
)
def test_pauli_bases_of_the_sdk_find_their_eigenstates(basis: str, prepare: tuple[str, ...]) -> None:
    text = lines(qubit(0, *prepare), f"meas_basis Q0 M0 {basis} 4\nret_reg M0")
    for shot in range(5):
        assert bits_of(Bench(("alice",)).program(0, 1, text).run(shot).cnpus[0].done[0]) == [0]


def test_rotated_measurement_leaves_an_eigenstate_of_z() -> None:
    text = lines(qubit(0, "h {q}"), "meas_basis Q0 M0 1 2 3 4\nmeas Q0 M1\nret_reg M0\nret_reg M1")
    for shot in range(6):
        first, second = bits_of(Bench(("alice",)).program(0, 1, text).run(shot).cnpus[0].done[0])
        assert first == second


# --- allocation ----------------------------------------


def test_virtual_ids_are_names_that_map_anywhere() -> None:
    bench = run_one(lines(qubit(1_000_000, "x {q}"), "meas Q0 M0\nret_reg M0"))
    assert bits_of(bench.cnpus[0].done[0]) == [1]


def test_freed_qubit_comes_back_as_new() -> None:
    text = lines(qubit(0, "x {q}"), "qfree Q0\nqalloc Q0\nmeas Q0 M0\nret_reg M0")
    assert bits_of(run_one(text).cnpus[0].done[0]) == [0]


def test_program_that_holds_all_qubits_is_told_so_at_once() -> None:
    text = "\n".join(f"set Q{i} {i}\nqalloc Q{i}" for i in range(4))
    bench = run_one(text)
    (only,) = bench.cnpus[0].aborted
    assert only.fault.data["cause"] == "NO_QUBIT"
    assert only.fault.data["instruction"] == "qalloc Q3"
    assert bench.kernel.now_ns == 0


@pytest.mark.parametrize(
    ("instruction", "reason"),
    [
        ("x Q0", "virtual qubit 5 is not allocated"),
        ("rot_z Q0 1 1", "virtual qubit 5 is not allocated"),
        ("init Q0", "virtual qubit 5 is not allocated"),
        ("meas Q0 M0", "virtual qubit 5 is not allocated"),
        ("meas_basis_yzy Q0 M0 0 0 0 4", "virtual qubit 5 is not allocated"),
        ("qfree Q0", "virtual qubit 5 is not allocated"),
        ("cnot Q0 Q1", "virtual qubit 5 is not allocated"),
        ("cnot Q1 Q0", "virtual qubit 5 is not allocated"),
        ("swp Q1 Q0", "virtual qubit 5 is not allocated"),
        ("mov Q1 Q0", "virtual qubit 5 is not allocated"),
        ("qalloc Q1", "virtual qubit 0 is already allocated"),
        ("cnot Q1 Q1", "both operands are virtual qubit 0"),
        ("cphase Q1 R1", "both operands are virtual qubit 0"),
        ("qalloc C0", "virtual qubit -1 is negative"),
        ("qalloc C1", "virtual qubit -2147483648 is negative"),
        ("x C0", "virtual qubit -1 is not allocated"),
    ],
)
def test_quantum_fault_aborts_with_index_and_text(instruction: str, reason: str) -> None:
    text = lines("set Q0 5\nset Q1 0\nset R1 0\nset C0 -1\nset C1 -2147483648\nqalloc Q1", instruction)
    bench = Bench(("alice",)).program(0, 1, text).at(0, 1, Status(0))
    (only,) = bench.run().cnpus[0].aborted
    assert reason in only.fault.message
    assert only.fault.data["index"] == 6
    assert only.fault.data["instruction"] == instruction


def test_subroutine_touching_a_foreign_qubit_is_aborted_alone() -> None:
    """Both processes name their qubit 0; the second one has none."""
    bench = Bench(("alice",))
    bench.program(0, 1, qubit(0, "x {q}"), "set Q0 0\nmeas Q0 M0\nret_reg M0")
    bench.program(0, 2, "set Q0 0\nmeas Q0 M0\nret_reg M0")
    cnpu = bench.run().cnpus[0]
    assert [(done.pid, done.subroutine) for done in cnpu.done] == [(1, 0), (1, 1)]
    assert bits_of(cnpu.done[1]) == [1]
    assert [(a.pid, a.fault.data["index"]) for a in cnpu.aborted] == [(2, 1)]


def test_two_processes_use_virtual_qubit_0_without_noticing_each_other() -> None:
    text = lines(qubit(0, "{{gate}} {q}"), "meas Q0 M0\nret_reg M0")
    bench = Bench(("alice",))
    bench.program(0, 1, text.replace("{gate}", "x")).program(0, 2, text.replace("{gate}", "z"))
    cnpu = bench.run().cnpus[0]
    assert {done.pid: bits_of(done) for done in cnpu.done} == {1: [1], 2: [0]}


def test_abort_keeps_the_qubits_of_the_process() -> None:
    bench = Bench(("alice",)).program(0, 1, lines(qubit(0, "x {q}"), "qalloc Q0"))
    bench.submit(0, 1, 1, "set Q0 0\nmeas Q0 M0\nret_reg M0", at_ns=50_000)
    cnpu = bench.run().cnpus[0]
    assert len(cnpu.aborted) == 1
    assert bits_of(cnpu.done[0]) == [1]


@pytest.mark.parametrize("instruction", ["init_all", "rot_x_all 1 1", "bichromatic 1 1", "meas_all R0 @0"])
def test_instructions_of_other_flavours_are_refused_before_they_run(instruction: str) -> None:
    code = assemble(instruction, flavour="trapped_ion").encode()
    (only,) = run_one(code).cnpus[0].aborted
    assert "refused" in only.fault.message
    assert only.fault.data["index"] == 0


def test_every_vanilla_instruction_runs_in_some_subroutine() -> None:
    """One subroutine that holds them all, so that none is unknown to the processor."""
    text = """
        set R0 1
        set R1 2
        set C9 0
        array R1 @0
        store R0 @0[R0]
        load R2 @0[R0]
        lea R3 @0
        add R4 R0 R1
        sub R4 R0 R1
        addm R4 R0 R1 R1
        subm R4 R0 R1 R1
        mul R4 R0 R1
        div R4 R0 R1
        rem R4 R0 R1
        wait_single @0[R0]
        wait_any @0[C9:R1]
        wait_all @0[R0:R1]
        undef @0[R0]
        jmp NEXT
        NEXT:
        bez R0 END
        bnz C9 END
        beq R0 R1 END
        bne R0 R0 END
        blt R1 R0 END
        bge R0 R1 END
        set Q0 0
        set Q1 1
        set Q2 2
        qalloc Q0
        qalloc Q1
        init Q0
        x Q0
        y Q0
        z Q0
        h Q0
        s Q0
        k Q0
        t Q0
        rot_x Q0 1 2
        rot_y Q0 1 2
        rot_z Q0 1 2
        cnot Q0 Q1
        cphase Q0 Q1
        mov Q0 Q1
        swp Q0 Q1
        meas Q0 M0
        meas_basis Q0 M0 1 2 3 4
        meas_basis_yzy Q0 M0 1 2 3 4
        meas_basis_zxz Q0 M0 1 2 3 4
        breakpoint 1 0
        qfree Q1
        END:
        ret_reg R0
        ret_arr @0
    """
    creator, receiver = lines(text, keep(ids=(2,), results=4)), receive()
    used = {line.split()[0] for line in creator.replace("recv", "").splitlines() if line.split()}
    used |= {line.split()[0] for line in receiver.splitlines()}
    assert {row.mnemonic for row in instruction_set("vanilla").values()} <= used
    bench = Bench().program(0, 1, creator).program(1, 1, receiver).run()
    assert [len(cnpu.done) for cnpu in bench.cnpus] == [1, 1], [cnpu.faults for cnpu in bench.cnpus]


# --- breakpoints ----------------------------------------


def test_local_breakpoint_dumps_each_qubit_of_the_process_in_integer_units() -> None:
    text = lines(
        qubit(0, *START_GATES),
        qubit(1, "x {q}", register="Q1"),
        "breakpoint 1 0\nmeas Q0 M0\nret_reg M0",
    )
    bench = run_one(text)
    emits = bench.emits("BREAKPOINT_LOCAL")
    assert [emit.data[:3] for emit in emits] == [(1, "alice", 0), (1, "alice", 1)]
    assert all(isinstance(x, int) for emit in emits for x in emit.data[3:])
    first, second = bench.states()
    assert np.allclose(first, projector(start_vector()), atol=1e-9)
    assert np.allclose(second, np.diag([0, 1]), atol=1e-9)


@pytest.mark.parametrize("idle", [False, True])
def test_breakpoint_shows_the_last_operation_or_the_moment_it_stands_at(idle: bool) -> None:
    """T1 = T2 = 1 ms; the qubit waits 1 ms of classical instructions before the dump."""
    device = GenericConfig(
        num_qubits=1, t1_ns=1e6, t2_ns=1e6, init_ns=0, single_qubit_gate_ns=0, two_qubit_gate_depolarise=0
    )
    text = lines(qubit(0, "x {q}"), "\n".join(["set R1 1"] * 10), "breakpoint 1 0")
    settings = QnpuSettings(classical_instruction_ns=100_000)
    bench = run_one(text, device=device, settings=settings, snapshot_idle=idle)
    (emit,) = bench.emits("BREAKPOINT_LOCAL")
    (rho,) = bench.states()
    gate_ns = next(t_ns for gate, t_ns in bench.starts(0) if gate == "x")
    assert emit.t_ns - gate_ns == 1_100_000  # ten instructions and the breakpoint's own
    assert rho[1, 1].real == pytest.approx(math.exp(-1.1) if idle else 1, abs=1e-8)


def test_breakpoint_disturbs_nothing() -> None:
    """The outcomes of 40 shots are the same with and without a look in between."""
    device = GenericConfig(num_qubits=2, t1_ns=1e5, t2_ns=5e4)
    look = lines(qubit(0, "rot_x {q} 3 4"), "{}", "rot_x Q0 5 4\nmeas Q0 M0\nret_reg M0")
    outcomes = []
    for text in (look.replace("{}", "breakpoint 1 0"), look.replace("{}", "breakpoint 0 0")):
        bench = Bench(("alice",), device=device, seed=5).program(0, 1, text)
        outcomes.append([bits_of(bench.run(shot).cnpus[0].done[0]) for shot in range(40)])
    assert outcomes[0] == outcomes[1]
    assert [0] in outcomes[0] and [1] in outcomes[0]


def test_nop_breakpoint_leaves_no_record() -> None:
    bench = run_one(lines(qubit(0), "breakpoint 0 0"))
    assert not [name for name in bench.events() if name.startswith("BREAKPOINT")]


def test_breakpoint_of_a_process_without_qubits_is_harmless() -> None:
    assert len(run_one("breakpoint 1 0\nbreakpoint 2 1").cnpus[0].done) == 1


def test_global_breakpoint_shows_both_ends_of_a_pair_together() -> None:
    bench = Bench()
    bench.program(0, 1, lines(keep(), "breakpoint 2 0")).program(1, 1, lines(receive(), "breakpoint 2 1"))
    bench.run()
    (emit,) = bench.emits("BREAKPOINT_GLOBAL")
    assert emit.data[0] == 2
    assert {emit.data[1], emit.data[3]} == {"alice", "bob"}
    bell = np.array([1, 0, 0, 1], dtype=complex) / math.sqrt(2)
    assert np.allclose(bench.states("BREAKPOINT_GLOBAL")[0], projector(bell), atol=1e-9)


def test_global_breakpoints_of_one_node_do_not_meet_each_other() -> None:
    """Both roles at one node: the later one replaces the earlier, which no other node has joined."""
    bench = Bench().program(0, 1, lines(keep(), "breakpoint 2 0\nbreakpoint 2 1"))
    bench.program(1, 1, lines(receive(), "breakpoint 2 0")).run()
    (emit,) = bench.emits("BREAKPOINT_GLOBAL")
    assert {emit.data[1], emit.data[3]} == {"alice", "bob"}


def test_breakpoint_action_or_role_that_does_not_exist_is_refused() -> None:
    code = bytearray(assemble("breakpoint 2 1").encode())
    for offset, value in ((5, 3), (6, 2)):
        bad = bytearray(code)
        bad[offset] = value
        (only,) = run_one(bytes(bad)).cnpus[0].aborted
        assert "refused" in only.fault.message


# --- devices that say no ----------------------------------------


def test_entangling_more_qubits_than_the_engine_holds_aborts_only_that_subroutine() -> None:
    device = GenericConfig(num_qubits=12, t1_ns=0, t2_ns=0, two_qubit_gate_depolarise=0)
    chain = "\n".join(f"cnot Q{i} Q{i + 1}" for i in range(11))
    ghz = lines(*(qubit(i, register=f"Q{i}") for i in range(12)), "h Q0", chain, "meas Q0 M0\nret_reg M0")
    bench = Bench(("alice",), device=device).program(0, 1, ghz)
    bench.submit(0, 1, 1, "set R0 1\nret_reg R0", at_ns=10_000_000)
    cnpu = bench.run().cnpus[0]
    (only,) = cnpu.aborted
    assert only.fault.code == "DRIVER"
    assert "at most 10 qubits entangled together" in only.fault.message
    assert [done.subroutine for done in cnpu.done] == [1]


def test_failed_operation_is_charged_to_the_process_that_owns_the_qubit() -> None:
    """The first process has already given up the processor when its gate fails."""
    device = GenericConfig(num_qubits=12, t1_ns=0, t2_ns=0, two_qubit_gate_depolarise=0)
    chain = "\n".join(f"cnot Q{i} Q{i + 1}" for i in range(10))
    ghz = lines(*(qubit(i, register=f"Q{i}") for i in range(11)), "h Q0", chain)
    waits = lines(ghz, "array 1 @0\nset R0 0\nwait_single @0[R0]")
    bench = Bench(("alice",), device=device).program(0, 1, waits)
    bench.program(0, 2, lines(qubit(0, "x {q}"), "meas Q0 M0\nret_reg M0"))
    cnpu = bench.run().cnpus[0]
    assert [(a.pid, a.fault.code) for a in cnpu.aborted] == [(1, "DRIVER")]
    assert [(done.pid, bits_of(done)) for done in cnpu.done] == [(2, [1])]


def test_nv_instructions_do_not_leak_into_vanilla() -> None:
    """Opcode 30 is crot_x in NV: its extra operands are padding to a vanilla decoder, which reads a cnot."""
    code = assemble("crot_x Q0 Q1 8 4", flavour="nv").encode()
    head = assemble("set Q0 0\nset Q1 1\nqalloc Q0\nqalloc Q1\nx Q0").encode()
    tail = assemble("meas Q1 M0\nret_reg M0").encode()
    (done,) = run_one(head + code[4:] + tail[4:]).cnpus[0].done
    assert bits_of(done) == [1]
    assert not np.allclose(controlled_rotation("x", math.pi / 2), unitary("cnot"))


def test_readout_error_flips_the_reported_bit() -> None:
    device = GenericConfig(num_qubits=1, t1_ns=0, t2_ns=0, readout_error_0=1.0, readout_error_1=1.0)
    assert bits_of(run_one(lines(qubit(0), "meas Q0 M0\nret_reg M0"), device=device).cnpus[0].done[0]) == [1]
    assert NOISELESS.readout_error_0 == 0


def test_read_memory_between_subroutines_sees_measured_bits() -> None:
    bench = Bench(("alice",)).program(0, 1, lines(qubit(0, "x {q}"), "meas Q0 M2"))
    bench.at(0, 1_000_000, ReadMemory(1, 3, (0b001011,)))
    assert bench.run().cnpus[0].memory[0].registers == ((0b001011, 1),)
