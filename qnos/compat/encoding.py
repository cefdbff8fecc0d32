"""Subroutines of the NetQASM SDK to bytes that the QNPU takes.

Instructions go by their mnemonics, not by the SDK's own bytes: those of releases before 2.1 number `mov`
otherwise, and the header says the same in all of them.
"""

from __future__ import annotations

from typing import Any

from netqasm.lang.operand import Address, ArrayEntry, ArraySlice, Immediate, Register, Template
from netqasm.lang.subroutine import Subroutine

from netqasm_isa import IsaError, encode_instructions, mnemonics
from qruntime.errors import ProgramError


def encoded(subroutine: Subroutine, flavour: str) -> bytes:
    """The bytes of a subroutine whose templates are filled in.

    Raises `ProgramError` for a template that is open, and for what the flavour does not have.
    """
    rows = mnemonics(flavour)
    instructions = []
    for index, instruction in enumerate(subroutine.instructions):
        row = rows.get(instruction.mnemonic)
        if row is None:
            raise ProgramError(
                f"instruction {index} `{instruction.mnemonic}` is not one of the flavour {flavour}"
            )
        operands: list[Any] = [row.opcode]
        for operand in instruction.operands:
            add = _ADD.get(operand.__class__)
            if add is None:
                raise ProgramError(f"instruction {index} `{instruction.mnemonic}`: {_fault(operand)}")
            add(operands, operand)
        instructions.append(operands)
    try:
        return encode_instructions(instructions, flavour=flavour)
    except IsaError as error:
        raise ProgramError(f"the subroutine is refused: {error}") from None


def register_byte(register: Register) -> int:
    """The byte of a register, as the QNPU names it."""
    byte: int = register.index << 2 | register.name.value
    return byte


def _fault(operand: Any) -> str:
    if isinstance(operand, Template):
        return (
            f"the template {{{operand.name}}} has no value; compile(), instantiate() and commit_subroutine()"
        )
    return f"{operand!r} cannot be an operand"


def _add_register(operands: list[Any], operand: Any) -> None:
    operands.append(operand.index << 2 | operand.name.value)


def _add_immediate(operands: list[Any], operand: Any) -> None:
    operands.append(operand.value)


def _add_number(operands: list[Any], operand: Any) -> None:
    operands.append(int(operand))


def _add_address(operands: list[Any], operand: Any) -> None:
    address = operand.address
    operands.append(address if isinstance(address, int) else address.value)


def _add_entry(operands: list[Any], operand: Any) -> None:
    _add_address(operands, operand.address)
    _ADD[operand.index.__class__](operands, operand.index)


def _add_slice(operands: list[Any], operand: Any) -> None:
    _add_address(operands, operand.address)
    _ADD[operand.start.__class__](operands, operand.start)
    _ADD[operand.stop.__class__](operands, operand.stop)


_ADD: dict[type, Any] = {
    Register: _add_register,
    Immediate: _add_immediate,
    int: _add_number,
    Address: _add_address,
    ArrayEntry: _add_entry,
    ArraySlice: _add_slice,
}
