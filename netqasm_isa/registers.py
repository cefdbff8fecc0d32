"""Registers: four banks of sixteen, named by one byte.

A register is the int ``index << 2 | bank``, 0..63, with banks R 0, C 1, Q 2, M 3. That is its byte in a
command, so nothing has to be converted between bytes, tuples and a register file of 64 entries. Which bank
holds what (R general, C constants, Q qubit ids, M outcomes) is a habit of programs; every instruction takes
any register.

Use: ``register("Q3")``, ``register_name(14)``, or the constants ``R0`` .. ``M15``.
"""

from typing import Final

from netqasm_isa.errors import IsaError

BANKS: Final = "RCQM"
BANK_SIZE: Final = 16
REGISTERS: Final = len(BANKS) * BANK_SIZE

R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, R10, R11, R12, R13, R14, R15 = range(0, 64, 4)
C0, C1, C2, C3, C4, C5, C6, C7, C8, C9, C10, C11, C12, C13, C14, C15 = range(1, 64, 4)
Q0, Q1, Q2, Q3, Q4, Q5, Q6, Q7, Q8, Q9, Q10, Q11, Q12, Q13, Q14, Q15 = range(2, 64, 4)
M0, M1, M2, M3, M4, M5, M6, M7, M8, M9, M10, M11, M12, M13, M14, M15 = range(3, 64, 4)

_NAMES: Final = tuple(f"{BANKS[byte & 3]}{byte >> 2}" for byte in range(REGISTERS))
_BYTES: Final = {name: byte for byte, name in enumerate(_NAMES)}


def register(name: str) -> int:
    """The byte of a register called like ``"R0"`` or ``"M15"``; IsaError for any other name."""
    byte = _BYTES.get(name)
    if byte is None:
        raise IsaError(f"no register {name!r}: a bank of R, C, Q, M and an index of 0..15 make one, like Q3")
    return byte


def register_name(byte: int) -> str:
    """The name of a register byte 0..63; IsaError outside of that."""
    if not 0 <= byte < REGISTERS:
        raise IsaError(f"no register has the byte {byte}: allowed 0..63 (index << 2 | bank)")
    return _NAMES[byte]
