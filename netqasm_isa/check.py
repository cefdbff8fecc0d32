"""Checks of a subroutine before it runs.

Use: ``check(subroutine, limits)``. It passes exactly the subroutines that a processor can start: what is left
are faults that only the values in registers decide. ``value_fault`` is the part of it that the assembler
shares.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from netqasm_isa.encoder import encode_instructions
from netqasm_isa.errors import CheckError, EncodeError
from netqasm_isa.instructions import FLAVOURS, INT32_MAX, Instruction, instruction_set
from netqasm_isa.subroutine import Subroutine


@dataclass(frozen=True, slots=True)
class Limits:
    """How big a subroutine may be.

    ``max_instructions`` counts instructions, ``max_arrays`` the different array addresses that instructions
    name, and ``max_address`` is the highest of them that is allowed.
    """

    max_instructions: int = 65536
    max_arrays: int = 65536
    max_address: int = INT32_MAX


# Rows with an operand that can be wrong although it fits its field: only these are looked at one by one.
_WATCHED: Final[dict[str, dict[Any, Instruction]]] = {
    flavour: {
        code: row
        for code, row in instruction_set(flavour).items()
        if row.target is not None or row.limits or row.addresses
    }
    for flavour in FLAVOURS
}


def check(subroutine: Subroutine, limits: Limits | None = None) -> None:
    """Refuses a subroutine that must not be run.

    Raises CheckError, with instruction index, mnemonic and reason, for more instructions or arrays than
    ``limits`` (the defaults if None) allow, an opcode that the flavour does not have, a wrong number of
    operands, a register outside of 0..63, an immediate or address outside of its field, an open template or
    named address, a branch target outside of 0..length, or a breakpoint action or role that does not exist.
    """
    limits = limits or Limits()
    instructions = subroutine.instructions
    length = len(instructions)
    if length > limits.max_instructions:
        reason = f"{length} instructions, allowed 0..{limits.max_instructions}"
        raise CheckError(limits.max_instructions, _mnemonic(subroutine, limits.max_instructions), reason)
    try:
        encode_instructions(instructions, flavour=subroutine.flavour)
    except EncodeError as fault:
        assert fault.index is not None
        raise CheckError(fault.index, fault.mnemonic, fault.reason) from None

    watched = _WATCHED[subroutine.flavour]
    arrays: set[int] = set()
    for index, ins in enumerate(instructions):
        row = watched.get(ins[0])
        if row is None:
            continue
        found = value_fault(ins, row, length)
        if found is not None:
            raise CheckError(index, row.mnemonic, found[1])
        for position in row.addresses:
            _count_array(arrays, ins[position], limits, index, row)


def value_fault(ins: Sequence[Any], row: Instruction, length: int) -> tuple[int, str] | None:
    """The position and fault of an operand that fits its field but means nothing in so long a subroutine."""
    if row.target is not None:
        target = ins[row.target]
        if not 0 <= target <= length:
            return (
                row.target,
                f"operand target is {target}, allowed 0..{length}, the length of the subroutine",
            )
    for name, highest in row.limits.items():
        position = row.names.index(name) + 1
        if not 0 <= ins[position] <= highest:
            return position, f"operand {name} is {ins[position]}, allowed 0..{highest}"
    return None


def _count_array(arrays: set[int], address: Any, limits: Limits, index: int, row: Instruction) -> None:
    if address > limits.max_address:
        raise CheckError(index, row.mnemonic, f"array address {address}, allowed 0..{limits.max_address}")
    arrays.add(address)
    if len(arrays) > limits.max_arrays:
        raise CheckError(
            index,
            row.mnemonic,
            f"array number {len(arrays)}, allowed are {limits.max_arrays} in one subroutine",
        )


def _mnemonic(subroutine: Subroutine, index: int) -> str:
    rows: Mapping[Any, Instruction] = instruction_set(subroutine.flavour)
    ins = subroutine.instructions[index]
    return rows[ins[0]].mnemonic if ins and ins[0] in rows else "?"
