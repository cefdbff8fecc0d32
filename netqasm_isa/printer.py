"""Tuples to text, in the canonical form: one instruction per line, single blanks, numeric targets.

Use: ``disassemble_instruction(ins, flavour)``; for a whole subroutine ``str(subroutine)``.
"""

from collections.abc import Iterator, Sequence

from netqasm_isa.encoder import wrong_count
from netqasm_isa.errors import IsaError
from netqasm_isa.instructions import Instruction, lookup
from netqasm_isa.operands import Ins, Operand, Template
from netqasm_isa.registers import register_name


def disassemble_instruction(ins: Ins, flavour: str = "vanilla") -> str:
    """One instruction as text, like ``store R0 @3[R1]``; templates print as ``{name}``, named addresses as
    ``@input``.

    Raises IsaError for an opcode the flavour does not have, a wrong number of operands or a register outside
    of 0..63.
    """
    if not ins or not isinstance(ins[0], int):
        raise IsaError(f"{ins!r} is not an instruction: the first element is the opcode, an int")
    row = lookup(ins[0], flavour)
    if len(ins) - 1 != len(row.names):
        raise IsaError(f"{row.mnemonic}: {wrong_count(row, len(ins) - 1)}")
    return " ".join([row.mnemonic, *_words(row, ins[1:])])


def _words(row: Instruction, operands: Sequence[Operand]) -> Iterator[str]:
    rest = iter(operands)
    for shape in row.layout.shape:
        if shape == "reg":
            yield _register(next(rest))
        elif shape == "addr":
            yield _address(next(rest))
        elif shape == "entry":
            yield f"{_address(next(rest))}[{_register(next(rest))}]"
        elif shape == "slice":
            yield f"{_address(next(rest))}[{_register(next(rest))}:{_register(next(rest))}]"
        else:
            yield _number(next(rest))


def _register(operand: Operand) -> str:
    if not isinstance(operand, int):
        raise IsaError(f"{operand!r} cannot stand for a register")
    return register_name(operand)


def _address(operand: Operand) -> str:
    return f"@{operand:d}" if isinstance(operand, int) else f"@{operand}"


def _number(operand: Operand) -> str:
    return f"{{{operand}}}" if isinstance(operand, Template) else f"{operand}"
