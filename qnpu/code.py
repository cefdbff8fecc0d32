"""Subroutine bytes to what the processor runs: decoded, checked, and lowered once per distinct content.

Lowering gathers the gates under four operation codes, so that the processor's loop does not depend on the
flavour:

    (GATE, qubit register, name, n, d)
    (GATE2, first register, second register, name, n, d)
    (MEASURE_ROTATED, qubit register, outcome register, axes, (n1, n2, n3), d)
    (GATE_ALL, name, n, d)

Everything else stays as decoded. `Loader.load(data, flavour)` is the call.
"""

from __future__ import annotations

from typing import Any, Final

from netqasm_isa import IsaError, Limits, check, decode, disassemble_instruction
from netqasm_isa import opcodes as op
from qruntime.errors import SubroutineError
from qruntime.limits import SUBROUTINE_INSTRUCTIONS

GATE: Final = 300
GATE2: Final = 301
MEASURE_ROTATED: Final = 302
GATE_ALL: Final = 303

_GATES: Final = {
    op.X: "x", op.Y: "y", op.Z: "z", op.H: "h", op.S: "s", op.K: "k", op.T: "t",
    op.ROT_X: "rot_x", op.ROT_Y: "rot_y", op.ROT_Z: "rot_z",
}  # fmt: skip
_GATES2: Final = {
    "vanilla": {op.CNOT: "cnot", op.CPHASE: "cphase", op.MOV: "mov", op.SWP: "swp"},
    "nv": {op.CROT_X: "crot_x", op.CROT_Y: "crot_y", op.MOV: "mov", op.SWP: "swp"},
}
_ROTATED: Final = {op.MEAS_BASIS: 0, op.MEAS_BASIS_YZY: 1, op.MEAS_BASIS_ZXZ: 2}
_GATES_ALL: Final = {
    op.ROT_X_ALL: "rot_x_all", op.ROT_Y_ALL: "rot_y_all", op.ROT_Z_ALL: "rot_z_all",
    op.BICHROMATIC: "bichromatic",
}  # fmt: skip

_CACHED: Final = 1 << 20  # instructions kept decoded, of all programs together


class Program:
    """A loaded subroutine: lowered code, and the decoded instructions for messages."""

    __slots__ = ("code", "flavour", "instructions")

    def __init__(self, instructions: tuple[tuple[Any, ...], ...], flavour: str) -> None:
        self.instructions = instructions
        self.flavour = flavour
        self.code = tuple(_lower(ins, flavour) for ins in instructions)

    def text(self, index: int) -> str:
        """Instruction `index` as text."""
        return disassemble_instruction(self.instructions[index], self.flavour)


class Loader:
    """Decodes and checks subroutines, keeping those it has seen."""

    def __init__(self) -> None:
        self._programs: dict[tuple[str, bytes], Program] = {}
        self._instructions = 0  # of those
        self._limits = Limits(max_instructions=SUBROUTINE_INSTRUCTIONS)

    def load(self, data: bytes, flavour: str) -> Program:
        """The program in `data`.

        Raises `SubroutineError` for anything that is not a runnable subroutine.
        """
        found = self._programs.get((flavour, data))
        if found is not None:
            return found
        try:
            subroutine = decode(data, flavour)
            check(subroutine, self._limits)
        except IsaError as error:
            index = getattr(error, "index", None)
            data_index = {} if index is None else {"index": index}
            raise SubroutineError(f"subroutine refused: {error}", **data_index) from None
        program = Program(subroutine.instructions, flavour)
        self._instructions += len(program.code) + 1
        if self._instructions > _CACHED:
            self._programs.clear()
            self._instructions = len(program.code) + 1
        self._programs[flavour, data] = program
        return program


def _lower(ins: tuple[Any, ...], flavour: str) -> tuple[Any, ...]:
    code = ins[0]
    if flavour in _GATES2 and code in _GATES2[flavour]:
        n, d = (ins[3], ins[4]) if len(ins) == 5 else (0, 0)
        return (GATE2, ins[1], ins[2], _GATES2[flavour][code], n, d)
    if code in _GATES:
        n, d = (ins[2], ins[3]) if len(ins) == 4 else (0, 0)
        return (GATE, ins[1], _GATES[code], n, d)
    if code in _ROTATED:
        return (MEASURE_ROTATED, ins[1], ins[2], _ROTATED[code], ins[3:6], ins[6])
    if code in _GATES_ALL:
        return (GATE_ALL, _GATES_ALL[code], ins[1], ins[2])
    return ins
