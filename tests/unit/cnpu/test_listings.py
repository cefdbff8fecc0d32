"""What SDK calls become, as assembly text."""

from __future__ import annotations

import math
from collections import deque
from textwrap import dedent
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnpu import Builder, EprSocket, Qubit, compiled
from netqasm_isa import check, decode, disassemble_instruction
from qruntime.errors import ProgramError
from tests.unit.cnpu.fake import Machine


class Desk:
    """As much of a node as the SDK needs to build; the peer is node 4, the EPR socket number 7."""

    def __init__(self) -> None:
        self.builder = Builder()

    def epr(self, min_fidelity: int = 100) -> EprSocket:
        return EprSocket(self, "bob", 7, 4, min_fidelity)

    def text(self) -> str:
        """The subroutine so far."""
        return "\n".join(disassemble_instruction(ins) for ins in self.builder.instructions())

    def __getattr__(self, name: str) -> Any:
        return getattr(self.builder, name)


@pytest.fixture
def node() -> Desk:
    return Desk()


def listing(text: str) -> str:
    return dedent(text).strip()


def body(node: Desk) -> str:
    """The subroutine without the settings of registers at its head."""
    lines = node.text().splitlines()
    while lines and lines[0].startswith("set "):
        lines.pop(0)
    return "\n".join(lines)


def qubits(node: Desk, number: int) -> list[Qubit]:
    made = [Qubit(node) for _ in range(number)]
    node.builder.finish()
    return made


def test_qubit_is_allocated_and_reset_under_the_lowest_unused_id(node: Desk) -> None:
    first, second = Qubit(node), Qubit(node)
    first.free()
    third = Qubit(node)
    assert (second.qubit_id, third.qubit_id) == (1, 0)
    assert node.text() == listing(
        """
        set Q0 0
        set Q1 1
        qalloc Q0
        init Q0
        qalloc Q1
        init Q1
        qfree Q0
        qalloc Q0
        init Q0
        """
    )


@pytest.mark.parametrize("gate", ["X", "Y", "Z", "H", "K", "S", "T"])
def test_one_qubit_gate_is_one_instruction(node: Desk, gate: str) -> None:
    (qubit,) = qubits(node, 1)
    getattr(qubit, gate)()
    assert node.text() == f"set Q0 0\n{gate.lower()} Q0"


def test_reset_is_init(node: Desk) -> None:
    (qubit,) = qubits(node, 1)
    qubit.reset()
    assert node.text() == "set Q0 0\ninit Q0"


@pytest.mark.parametrize("axis", "XYZ")
def test_rotation_by_numerator_and_exponent(node: Desk, axis: str) -> None:
    (qubit,) = qubits(node, 1)
    getattr(qubit, f"rot_{axis}")(3, 4)
    getattr(qubit, f"rot_{axis}")(n=255, d=255)
    assert body(node) == f"rot_{axis.lower()} Q0 3 4\nrot_{axis.lower()} Q0 255 255"


def test_rotation_by_an_angle_uses_one_instruction_where_one_is_exact_and_none_for_a_full_turn(
    node: Desk,
) -> None:
    (qubit,) = qubits(node, 1)
    qubit.rot_Z(angle=math.pi / 4)
    qubit.rot_X(angle=-math.pi / 2)
    qubit.rot_Y(angle=2 * math.pi)
    qubit.rot_Y(angle=0.3)
    assert body(node) == "rot_z Q0 1 2\nrot_x Q0 3 1\nrot_y Q0 3 5\nrot_y Q0 57 15"


@pytest.mark.parametrize(("call", "mnemonic"), [("cnot", "cnot"), ("cphase", "cphase"), ("swap", "swp")])
def test_two_qubit_gate_names_both(node: Desk, call: str, mnemonic: str) -> None:
    a, b = qubits(node, 2)
    getattr(b, call)(a)
    assert node.text() == f"set Q0 0\nset Q1 1\n{mnemonic} Q1 Q0"


def test_outcomes_stay_in_registers_and_are_returned_in_order(node: Desk) -> None:
    a, b = qubits(node, 2)
    a.measure()
    b.measure(inplace=True)
    assert node.text() == listing(
        """
        set Q0 0
        set Q1 1
        meas Q0 M0
        qfree Q0
        meas Q1 M1
        ret_reg M0
        ret_reg M1
        """
    )


@pytest.mark.parametrize(
    ("arguments", "instruction"),
    [
        ({"basis": "X"}, "meas_basis Q0 M0 0 24 0 4"),
        ({"basis": "Y"}, "meas_basis Q0 M0 8 0 0 4"),
        ({"basis": "Y", "axes": "YZY"}, "meas_basis_yzy Q0 M0 8 24 24 4"),
        ({"basis": "X", "axes": "ZXZ"}, "meas_basis_zxz Q0 M0 24 24 8 4"),
        ({"rotations": (1, 2, 31)}, "meas_basis Q0 M0 1 2 31 4"),
        ({"rotations": (1, 0, 0), "axes": "ZXZ"}, "meas_basis_zxz Q0 M0 1 0 0 4"),
        ({"rotations": (0, 0, 0)}, "meas Q0 M0"),
        ({"basis": "Z", "axes": "YZY"}, "meas Q0 M0"),
    ],
)
def test_measurement_in_another_basis(node: Desk, arguments: dict[str, Any], instruction: str) -> None:
    (qubit,) = qubits(node, 1)
    qubit.measure(**arguments)
    assert body(node) == f"{instruction}\nqfree Q0\nret_reg M0"


def test_outcomes_beyond_the_registers_go_to_one_array(node: Desk) -> None:
    (qubit,) = qubits(node, 1)
    for _ in range(18):
        qubit.measure(inplace=True)
    lines = body(node).splitlines()
    assert lines[0] == "array C2 @0"
    assert lines[16:21] == [
        "meas Q0 M15",
        "meas Q0 R11",
        "store R11 @0[C0]",
        "meas Q0 R12",
        "store R12 @0[C1]",
    ]
    assert lines[-1] == "ret_arr @0"
    assert node.text().splitlines()[:4] == ["set Q0 0", "set C0 0", "set C1 1", "set C2 2"]


def test_qubit_ids_from_16_are_loaded_where_they_are_used(node: Desk) -> None:
    last = qubits(node, 17)[16]
    last.X()
    last.measure()
    assert node.text() == "set R11 16\nx R11\nset R12 16\nmeas R12 M0\nqfree R12\nret_reg M0"


def test_keeping_one_pair_takes_three_small_arrays(node: Desk) -> None:
    (qubit,) = node.epr().create_keep()
    assert qubit.qubit_id == 0 and qubit.entanglement_info is None
    assert node.text() == listing(
        """
        set Q0 0
        set C0 10
        set C1 1
        set C2 0
        set C3 22
        set C4 4
        set C5 7
        set C6 2
        array C0 @0
        array C1 @1
        store Q0 @1[C2]
        array C3 @2
        store C2 @2[C2]
        store C1 @2[C1]
        create_epr C4 C5 C1 C6 C2
        wait_all @0[C2:C0]
        """
    )


def test_receiving_one_pair_takes_no_arguments(node: Desk) -> None:
    node.epr().recv_keep()
    assert node.text() == listing(
        """
        set Q0 0
        set C0 10
        set C1 1
        set C2 0
        set C3 4
        set C4 7
        array C0 @0
        array C1 @1
        store Q0 @1[C2]
        recv_epr C3 C4 C1 C2
        wait_all @0[C2:C0]
        """
    )


def test_info_hands_the_results_over(node: Desk) -> None:
    (qubit,) = node.epr().create_keep(info=True)
    assert qubit.entanglement_info is not None
    assert node.text().splitlines()[-1] == "ret_arr @0"


def test_several_pairs_have_an_id_each_and_are_waited_for_together(node: Desk) -> None:
    pairs = node.epr().recv_keep(number=3)
    assert [qubit.qubit_id for qubit in pairs] == [0, 1, 2]
    assert body(node) == listing(
        """
        array C0 @0
        array C1 @1
        store Q0 @1[C2]
        store Q1 @1[C3]
        store Q2 @1[C4]
        recv_epr C5 C6 C3 C2
        wait_all @0[C2:C0]
        """
    )


def test_post_routine_follows_the_wait_for_its_pair(node: Desk) -> None:
    seen = []

    def routine(desk: Desk, qubit: Qubit, index: int) -> None:
        seen.append((desk, index))
        qubit.H()

    node.epr().recv_keep(number=2, post_routine=routine)
    assert [index for _, index in seen] == [0, 1] and seen[0][0] is node
    assert body(node).splitlines()[-4:] == ["wait_all @0[C2:C6]", "h Q0", "wait_all @0[C6:C0]", "h Q1"]


def test_sequential_pairs_share_one_id_in_a_loop(node: Desk) -> None:
    outcomes = node.new_array(5)

    def routine(desk: Desk, qubit: Qubit, index: Any) -> None:
        qubit.measure(future=outcomes[index])

    assert node.epr().create_keep(number=5, sequential=True, post_routine=routine) == []
    assert node.text() == listing(
        """
        set Q0 0
        set C0 5
        set C1 50
        set C2 1
        set C3 22
        set C4 0
        set C5 4
        set C6 7
        set C7 2
        set C8 3
        set C9 10
        array C0 @0
        array C1 @1
        array C0 @2
        set R0 0
        store Q0 @2[R0]
        add R0 R0 C2
        blt R0 C0 15
        array C3 @3
        store C4 @3[C4]
        store C0 @3[C2]
        create_epr C5 C6 C7 C8 C2
        set R0 0
        set R1 10
        set R2 0
        wait_all @1[R0:R1]
        meas Q0 R11
        store R11 @0[R2]
        qfree Q0
        add R0 R0 C9
        add R1 R1 C9
        add R2 R2 C2
        blt R2 C0 25
        ret_arr @0
        """
    )


def test_sequential_request_for_one_pair_gives_its_qubit(node: Desk) -> None:
    (qubit,) = node.epr().recv_keep(sequential=True)
    assert qubit.active


def arguments_of(node: Desk) -> dict[int, int]:
    """Entry -> value as the stores into the arguments array say."""
    constants: dict[str, int] = {}
    entries = {}
    lines = node.text().splitlines()
    create = next(line for line in lines if line.startswith("create_epr"))
    for line in lines:
        words = line.split()
        if words[0] == "set":
            constants[words[1]] = int(words[2])
    array = constants[create.split()[4]]
    for line in lines:
        words = line.split()
        if words[0] == "store" and words[2].startswith(f"@{array}["):
            entries[constants[words[2][len(f"@{array}[") : -1]]] = constants[words[1]]
    return entries


def test_measuring_both_halves_reads_no_id_array(node: Desk) -> None:
    (result,) = node.epr().create_measure()
    assert body(node) == listing(
        """
        array C0 @0
        array C1 @1
        store C2 @1[C3]
        store C2 @1[C2]
        create_epr C4 C5 C0 C2 C3
        wait_all @0[C3:C0]
        ret_arr @0
        """
    )
    assert arguments_of(node) == {0: 1, 1: 1}
    assert repr(result.measurement_outcome).endswith("no value yet>")


@pytest.mark.parametrize(
    ("call", "arguments", "entries"),
    [
        ("create_keep", {"number": 2}, {0: 0, 1: 2}),
        ("create_keep", {"max_time_ns": 1}, {0: 0, 1: 1, 5: 0, 6: 1}),
        ("create_keep", {"max_time_ns": 5_000_000}, {0: 0, 1: 1, 5: 0, 6: 5000}),
        ("create_keep", {"max_time_ns": 2**31 * 1000}, {0: 0, 1: 1, 5: 1, 6: 2147484}),
        ("create_keep", {"max_time_ns": 2**31 * 10**6}, {0: 0, 1: 1, 5: 2, 6: 2147484}),
        ("create_keep", {"priority": 3, "atomic": True, "consecutive": True}, {0: 0, 1: 1, 7: 3, 8: 1, 9: 1}),
        ("create_measure", {"basis_local": "X"}, {0: 1, 1: 1, 15: 24}),
        ("create_measure", {"basis_local": "Y", "basis_remote": "MZ"}, {0: 1, 1: 1, 14: 8, 17: 16}),
        ("create_measure", {"rotations_remote": (0, 5, 6)}, {0: 1, 1: 1, 18: 5, 19: 6}),
        (
            "create_measure",
            {"basis_local": "X", "axes_local": "ZXZ", "axes_remote": "YZY"},
            {0: 1, 1: 1, 14: 24, 15: 24, 16: 8, 20: 2},
        ),
        (
            "create_measure",
            {"random_basis_local": "XZ", "random_basis_remote": "CHSH"},
            {0: 1, 1: 1, 2: 1, 3: 3},
        ),
        (
            "create_measure",
            {"random_basis_local": "XYZ", "probabilities_local": (100, 55)},
            {0: 1, 1: 1, 2: 2, 10: 100, 11: 55},
        ),
        (
            "create_measure",
            {"random_basis_remote": "XZ", "probabilities_remote": (10,)},
            {0: 1, 1: 1, 3: 1, 12: 10},
        ),
        ("create_rsp", {"number": 4, "basis_local": "MY"}, {0: 2, 1: 4, 14: 24}),
        ("create_rsp", {"random_basis_local": "XYZ"}, {0: 2, 1: 1, 2: 2}),
    ],
)
def test_request_writes_only_what_differs_from_the_default(
    node: Desk, call: str, arguments: dict[str, Any], entries: dict[int, int]
) -> None:
    getattr(node.epr(), call)(**arguments)
    assert arguments_of(node) == entries


def test_minimum_fidelity_travels_with_the_request(node: Desk) -> None:
    node.epr(min_fidelity=80).create_keep()
    assert arguments_of(node) == {0: 0, 1: 1, 4: 80}


def test_prepared_states_are_received_like_kept_pairs(node: Desk) -> None:
    (qubit,) = node.epr().recv_rsp()
    assert qubit.active and "recv_epr C3 C4 C1 C2" in node.text()


def test_prepared_states_may_share_one_qubit_in_turn(node: Desk) -> None:
    outcomes = node.new_array(2)

    def routine(desk: Desk, qubit: Qubit, index: Any) -> None:
        qubit.measure(future=outcomes[index])

    assert node.epr().recv_rsp(number=2, sequential=True, post_routine=routine) == []
    assert "set Q0 0" in node.text() and "set Q1 1" not in node.text()


def test_received_measurements_read_no_id_array(node: Desk) -> None:
    node.epr().recv_measure(number=2)
    assert body(node) == "array C0 @0\nrecv_epr C1 C2 C0 C3\nwait_all @0[C3:C0]\nret_arr @0"


def test_new_array_is_made_filled_and_returned(node: Desk) -> None:
    node.new_array(2, init=[5, -6])
    assert node.text() == listing(
        """
        set C0 2
        set C1 5
        set C2 0
        set C3 -6
        set C4 1
        array C0 @0
        store C1 @0[C2]
        store C3 @0[C4]
        ret_arr @0
        """
    )


def test_equal_entries_of_a_long_array_are_stored_in_a_loop(node: Desk) -> None:
    node.new_array(100, init=7)
    assert body(node) == listing(
        """
        array C0 @0
        set R0 0
        store C1 @0[R0]
        add R0 R0 C2
        blt R0 C0 5
        ret_arr @0
        """
    )


def test_address_of_an_array_for_one_subroutine_is_used_again_and_a_lasting_one_is_not(node: Desk) -> None:
    node.epr().create_keep()
    kept = node.new_array(1)
    assert kept.address == 3
    node.builder.finish()
    assert node.new_array(1).address == 0
    assert kept.is_live()


@pytest.mark.parametrize(
    ("condition", "branch"),
    [
        (lambda node, m: m.if_eq(1), "bne M0 C0 5"),
        (lambda node, m: m.if_eq(0), "bnz M0 4"),
        (lambda node, m: m.if_ne(1), "beq M0 C0 5"),
        (lambda node, m: m.if_ne(0), "bez M0 4"),
        (lambda node, m: m.if_lt(1), "bge M0 C0 5"),
        (lambda node, m: m.if_ge(1), "blt M0 C0 5"),
        (lambda node, m: m.if_ez(), "bnz M0 4"),
        (lambda node, m: m.if_nz(), "bez M0 4"),
        (lambda node, m: node.if_eq(1, m), "bne C0 M0 5"),
        (lambda node, m: node.if_lt(m, m), "bge M0 M0 4"),
    ],
)
def test_condition_is_the_opposite_branch_around_its_body(node: Desk, condition: Any, branch: str) -> None:
    (qubit,) = qubits(node, 1)
    outcome = qubit.measure(inplace=True)
    with condition(node, outcome):
        qubit.X()
    assert body(node) == f"meas Q0 M0\n{branch}\nx Q0\nret_reg M0"


def test_loop_with_constant_bounds_tests_behind_its_body(node: Desk) -> None:
    (qubit,) = qubits(node, 1)
    with node.loop(3):
        qubit.X()
    assert node.text() == listing(
        """
        set Q0 0
        set C0 1
        set C1 3
        set R0 0
        x Q0
        add R0 R0 C0
        blt R0 C1 4
        """
    )


def test_loop_that_never_runs_is_jumped_over(node: Desk) -> None:
    (qubit,) = qubits(node, 1)
    with node.loop(0):
        qubit.X()
    assert body(node) == "jmp 8\nx Q0\nadd R0 R0 C0\nblt R0 C1 5"


def test_measuring_in_a_branch_leaves_the_register_bank_alone(node: Desk) -> None:
    a, b = qubits(node, 2)
    first = a.measure()
    with first.if_eq(1):
        b.measure()
    assert body(node) == listing(
        """
        array C0 @0
        meas Q0 M0
        qfree Q0
        bne M0 C0 11
        meas Q1 R11
        store R11 @0[C1]
        qfree Q1
        ret_reg M0
        ret_arr @0
        """
    )


def test_array_made_in_a_branch_is_made_at_the_head_too_so_that_it_can_be_returned(node: Desk) -> None:
    (qubit,) = qubits(node, 1)
    with qubit.measure().if_eq(0):
        node.new_array(3)
    assert body(node).splitlines()[0] == "array C0 @0"
    assert node.text().count("array C0 @0") == 2


def test_constants_beyond_the_bank_are_loaded_where_they_are_used(node: Desk) -> None:
    array = node.new_array(30, init=list(range(100, 130)))
    lines = node.text().splitlines()
    assert [line.split()[1] for line in lines if line.startswith("set C")] == [f"C{k}" for k in range(16)]
    assert lines[-4:] == ["set R12 129", "set R13 29", "store R12 @0[R13]", "ret_arr @0"]
    done = Machine(deque()).run(node.builder.instructions())
    assert done.arrays == ((array.address, tuple(range(100, 130))),)


def test_long_sequential_request_with_a_high_id_stores_it_from_a_register_that_lasts(node: Desk) -> None:
    qubits(node, 16)
    outcomes = node.new_array(6)

    def routine(desk: Desk, qubit: Qubit, index: Any) -> None:
        qubit.measure(future=outcomes[index])

    node.epr().recv_keep(number=6, sequential=True, post_routine=routine)
    machine = Machine(deque([1, 0, 0, 1, 1, 1]))
    done = machine.run(node.builder.instructions())
    assert machine.requests[0]["ids"] == [16] * 6
    assert done.arrays == ((outcomes.address, (1, 0, 0, 1, 1, 1)),)


@given(st.lists(st.sampled_from("XYZHKST"), max_size=20), st.integers(0, 40))
def test_every_subroutine_passes_the_checks_of_the_instruction_set(gates: list[str], number: int) -> None:
    node = Desk()
    register = [Qubit(node) for _ in range(number + 1)]
    outcome = register[0].measure(inplace=True)
    for k, gate in enumerate(gates):
        with outcome.if_eq(k):
            getattr(register[k % len(register)], gate)()
    for qubit in register:
        qubit.measure()
    code = node.builder.finish().code
    subroutine = decode(code)
    check(subroutine)
    assert subroutine.encode() == code


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda node: node.epr().create_keep(0), "number is 0; allowed 1..65536"),
        (lambda node: node.epr().create_keep(1.5), "number is 1.5; an int"),
        (lambda node: node.epr().create_keep(True), "number is True; an int"),
        (lambda node: node.epr().create_keep(2, sequential=True), "needs a post_routine"),
        (lambda node: node.epr().create_keep(priority=-1), "priority is -1; allowed 0..2147483647"),
        (lambda node: node.epr().create_keep(max_time_ns=-1), "max_time_ns is -1"),
        (lambda node: node.epr().create_keep(max_time_ns=2**62), "max_time_ns is"),
        (lambda node: node.epr().create_measure(basis_local="Q"), "basis_local is 'Q'; allowed X, Y, Z"),
        (
            lambda node: node.epr().create_measure(axes_local="XYZ"),
            "axes_local is 'XYZ'; allowed XYX, YZY, ZXZ",
        ),
        (
            lambda node: node.epr().create_measure(random_basis_local="XX"),
            "random_basis_local is 'XX'; allowed XZ, XYZ, CHSH",
        ),
        (
            lambda node: node.epr().create_measure(random_basis_local="XZ", basis_local="X"),
            "random_basis_local excludes basis_local",
        ),
        (
            lambda node: node.epr().create_rsp(basis_local="X", rotations_local=(1, 2, 3)),
            "basis_local excludes rotations_local",
        ),
        (lambda node: node.epr().create_rsp(rotations_local=(1, 2)), "rotations_local is (1, 2); three ints"),
        (
            lambda node: node.epr().create_rsp(rotations_local=(1, 2, 32)),
            "rotations_local[2] is 32; allowed 0..31",
        ),
        (lambda node: node.epr().create_rsp(probabilities_local=(1,)), "goes with random_basis_local only"),
        (
            lambda node: node.epr().create_rsp(random_basis_local="XYZ", probabilities_local=(1,)),
            "set XYZ has 3 bases, so 2 ints are needed",
        ),
        (
            lambda node: node.epr().create_rsp(random_basis_local="XYZ", probabilities_local=(200, 100)),
            "probabilities_local add up to 300; allowed 0..255",
        ),
        (lambda node: Qubit(node).rot_X(n=256, d=4), "n is 256; allowed 0..255"),
        (lambda node: Qubit(node).rot_X(n=1, angle=0.3), "n and d, or angle, not both"),
        (lambda node: Qubit(node).rot_X(angle="pi"), "angle is 'pi'"),
        (lambda node: Qubit(node).rot_X(angle=math.nan), "angle is nan"),
        (lambda node: Qubit(node).measure(basis="W"), "basis is 'W'; allowed Z, X, Y"),
        (lambda node: Qubit(node).measure(basis="X", rotations=(1, 2, 3)), "not both"),
        (lambda node: Qubit(node).measure(rotations=(1, 2, 3), axes="XXX"), "axes is 'XXX'"),
        (lambda node: Qubit(node).measure(future=3), "an array entry is needed"),
        (lambda node: Qubit(node).cnot(3), "target is 3; a Qubit is needed"),
        (lambda node: Qubit(node).cnot(Qubit(Desk())), "target is a qubit of another program"),
        (lambda node: node.new_array(0), "length is 0; allowed 1.."),
        (lambda node: node.new_array(2, init=[1]), "init has 1 entries; the array has 2"),
        (lambda node: node.new_array(2, init=2**31), "init is 2147483648"),
        (lambda node: node.new_array(2)[2], "array index is 2; allowed 0..1"),
        (lambda node: node.new_array(2)[-1], "array index is -1; allowed 0..1"),
        (lambda node: node.loop(2.5), "stop is 2.5"),
        (lambda node: node.loop(2, step=0), "step is 0; allowed 1.."),
    ],
)
def test_wrong_argument_is_refused_at_the_call(node: Desk, wrong: Any, says: str) -> None:
    with pytest.raises(ProgramError) as caught:
        wrong(node)
    assert says in caught.value.message


def test_gate_on_one_qubit_twice_is_refused(node: Desk) -> None:
    qubit = Qubit(node)
    with pytest.raises(ProgramError, match="target is the same qubit"):
        qubit.cnot(qubit)


def test_use_of_a_gone_qubit_names_the_line_at_which_it_went(node: Desk) -> None:
    measured, freed = Qubit(node), Qubit(node)
    measured.measure()  # MEASURED HERE
    freed.free()  # FREED HERE
    with open(__file__) as file:
        lines = file.read().splitlines()
    for qubit, word, mark in ((measured, "measured", "# MEASURED HERE"), (freed, "freed", "# FREED HERE")):
        line = next(i for i, text in enumerate(lines, 1) if text.endswith(f"  {mark}"))
        with pytest.raises(ProgramError, match=f"this qubit was {word} at test_listings.py line {line}"):
            qubit.X()


def test_post_routine_of_a_sequential_request_must_end_the_qubit(node: Desk) -> None:
    with pytest.raises(ProgramError, match="must measure or free the qubit"):
        node.epr().create_keep(2, sequential=True, post_routine=lambda desk, qubit, index: qubit.H())


def test_loop_must_find_the_same_qubits_in_every_turn(node: Desk) -> None:
    outside = Qubit(node)
    with pytest.raises(ProgramError, match=r"is freed in it"), node.loop(2):
        outside.measure()
    with pytest.raises(ProgramError, match=r"still in use at its end"), node.loop(2):
        Qubit(node)


def test_subroutine_is_not_sent_from_inside_a_block(node: Desk) -> None:
    with (
        node.loop(2),
        pytest.raises(ProgramError, match="cannot be sent inside of the loop"),
    ):
        node.builder.finish()


def test_cache_of_codes_is_bounded(monkeypatch: pytest.MonkeyPatch, node: Desk) -> None:
    monkeypatch.setattr(compiled, "_CACHED_CODES", 3)
    compiled.forget_codes()
    (qubit,) = qubits(node, 1)
    for n in range(10):
        qubit.rot_X(n, 4)
        node.builder.finish()
        assert 0 < len(compiled._codes) <= 3


def test_equal_code_is_encoded_once(node: Desk) -> None:
    def build() -> bytes:
        desk = Desk()
        Qubit(desk).measure()
        return desk.builder.finish().code

    assert build() is build()
