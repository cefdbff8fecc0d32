"""What the check lets run and what it refuses."""

import pickle
from typing import Any

import pytest

from netqasm_isa import CheckError, IsaError, Limits, NamedAddress, Subroutine, Template, check
from netqasm_isa import opcodes as op
from netqasm_isa.registers import Q0, Q1, R0, R1


def refusal(
    *instructions: tuple[Any, ...], flavour: str = "vanilla", limits: Limits | None = None
) -> CheckError:
    with pytest.raises(CheckError) as caught:
        check(Subroutine(flavour=flavour, instructions=instructions), limits)
    return caught.value


def test_empty_subroutine_passes() -> None:
    check(Subroutine())


@pytest.mark.parametrize(
    "branch",
    [
        (op.JMP,),
        (op.BEZ, R0),
        (op.BNZ, R0),
        (op.BEQ, R0, R1),
        (op.BNE, R0, R1),
        (op.BLT, R0, R1),
        (op.BGE, R0, R1),
    ],
)
def test_branch_may_go_to_the_length_and_not_beyond(branch: tuple[int, ...]) -> None:
    first = (op.SET, R0, 1)
    for target in (0, 1, 2):
        check(Subroutine(instructions=(first, (*branch, target))))
    for target in (-1, 3, 2**31 - 1):
        error = refusal(first, (*branch, target))
        assert error.index == 1
        assert error.reason == f"operand target is {target}, allowed 0..2, the length of the subroutine"


def test_breakpoints_that_exist_pass_and_others_do_not() -> None:
    check(
        Subroutine(
            instructions=tuple((op.BREAKPOINT, action, role) for action in range(3) for role in range(2))
        )
    )
    assert refusal((op.BREAKPOINT, 3, 0)).reason == "operand action is 3, allowed 0..2"
    assert refusal((op.BREAKPOINT, 0, 2)).reason == "operand role is 2, allowed 0..1"


@pytest.mark.parametrize(
    ("ins", "mnemonic", "reason"),
    [
        ((op.SET, R0, Template("n")), "set", "operand value: the template {n} has no value yet"),
        (
            (op.LOAD, R0, NamedAddress("input"), R1),
            "load",
            "operand address: the address @input has no number yet",
        ),
        ((op.SET, 64, 1), "set", "operand dst: register byte 64, allowed 0..63 (R0 .. M15)"),
        ((op.RET_ARR, -1), "ret_arr", "operand address is -1, allowed 0..2147483647"),
        ((op.ROT_X, Q0, 256, 4), "rot_x", "operand n is 256, allowed 0..255"),
        ((op.ADD, R0, R1), "add", "3 operands (dst a b) needed, 2 given"),
        ((77, R0), "?", "no opcode 77 in flavour vanilla"),
        ((), "?", "an instruction without an opcode"),
    ],
)
def test_instruction_that_cannot_be_encoded_is_refused(
    ins: tuple[Any, ...], mnemonic: str, reason: str
) -> None:
    error = refusal((op.SET, R0, 1), ins)
    assert (error.index, error.mnemonic, error.reason) == (1, mnemonic, reason)
    assert str(error) == f"instruction 1 ({mnemonic}): {reason}"


def test_opcode_must_be_of_the_flavour() -> None:
    check(Subroutine(flavour="nv", instructions=((op.CROT_X, Q0, Q1, 8, 4),)))
    assert refusal((op.CROT_X, Q0, Q1, 8, 4)).mnemonic == "cnot"
    assert refusal((op.X, Q0), flavour="reids").reason == "no opcode 20 in flavour reids (x in vanilla)"
    with pytest.raises(IsaError, match="no flavour 'ion'"):
        check(Subroutine(flavour="ion"))


def test_number_of_instructions_is_limited() -> None:
    three = ((op.SET, R0, 1),) * 2 + ((op.RET_REG, R0),)
    check(Subroutine(instructions=three), Limits(max_instructions=3))
    error = refusal(*three, limits=Limits(max_instructions=2))
    assert (error.index, error.mnemonic) == (2, "ret_reg")
    assert error.reason == "3 instructions, allowed 0..2"


def test_number_of_arrays_is_limited_by_different_addresses() -> None:
    again = ((op.ARRAY, R0, 7), (op.RET_ARR, 7), (op.ARRAY, R0, 8), (op.LEA, R0, 8))
    check(Subroutine(instructions=again), Limits(max_arrays=2))
    error = refusal(*again, limits=Limits(max_arrays=1))
    assert (error.index, error.mnemonic) == (2, "array")


def test_array_addresses_are_limited() -> None:
    check(Subroutine(instructions=((op.WAIT_ALL, 9, R0, R1),)), Limits(max_address=9))
    error = refusal((op.WAIT_ALL, 10, R0, R1), limits=Limits(max_address=9))
    assert error.reason == "array address 10, allowed 0..9"


def test_check_error_survives_pickling() -> None:
    error = refusal((op.JMP, 5))
    again = pickle.loads(pickle.dumps(error))
    assert (again.index, again.mnemonic, again.reason) == (error.index, error.mnemonic, error.reason)
