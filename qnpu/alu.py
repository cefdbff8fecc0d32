"""Classical arithmetic and branches: pure functions of registers, 32-bit signed, with an error for what
does not fit."""

from __future__ import annotations

from typing import Final

from netqasm_isa import opcodes as op
from netqasm_isa import register_name
from qnpu.traps import trap

ARITHMETIC: Final = frozenset((op.ADD, op.SUB, op.ADDM, op.SUBM, op.MUL, op.DIV, op.REM))

_INT_MIN: Final = -(2**31)
_INT_MAX: Final = 2**31 - 1


def branch(ins: tuple[int, ...], kind: int, pc: int, registers: list[int | None]) -> int:
    """The index of the next instruction after the branch at `pc`.

    Raises `Trap` for an undefined register.
    """
    if kind == op.JMP:
        return ins[1]
    a = registers[ins[1]]
    if a is None:
        raise trap(f"register {register_name(ins[1])} is undefined")
    if kind <= op.BNZ:
        return ins[2] if (a == 0) == (kind == op.BEZ) else pc + 1
    b = registers[ins[2]]
    if b is None:
        raise trap(f"register {register_name(ins[2])} is undefined")
    if kind == op.BEQ:
        taken = a == b
    elif kind == op.BNE:
        taken = a != b
    elif kind == op.BLT:
        taken = a < b
    else:
        taken = a >= b
    return ins[3] if taken else pc + 1


def compute(kind: int, ins: tuple[int, ...], registers: list[int | None]) -> int:
    """The value an arithmetic instruction gives.

    Division is floored. Raises `Trap` for an undefined register, a division by zero, a modulus below 1 and
    a result outside 32 bits.
    """
    operands: list[int] = []
    for register in ins[2:]:
        value = registers[register]
        if value is None:
            raise trap(f"register {register_name(register)} is undefined")
        operands.append(value)
    a, b = operands[:2]
    if kind == op.ADD:
        result = a + b
    elif kind == op.SUB:
        result = a - b
    elif kind == op.MUL:
        result = a * b
    elif kind == op.DIV or kind == op.REM:
        if b == 0:
            raise trap("division by zero")
        result = a // b if kind == op.DIV else a % b if b > 0 else a - b * (a // b)
    else:
        modulus = operands[2]
        if modulus < 1:
            raise trap(f"modulus {modulus} is below 1")
        result = (a + b if kind == op.ADDM else a - b) % modulus
    if not _INT_MIN <= result <= _INT_MAX:
        raise trap(f"result {result} does not fit 32 bits")
    return result
