"""Opcodes by name: the first byte of a command and the first element of a decoded instruction.

Use: ``from netqasm_isa import opcodes as op; (op.QALLOC, Q0)``. The table in ``instructions.py`` takes its
opcode column from here. Two numbers have two meanings, told apart by the flavour: 30 and 31 are CNOT and
CPHASE in vanilla, CROT_X and CROT_Y in nv.
"""

from typing import Final

# Core
QALLOC: Final = 1
INIT: Final = 2
ARRAY: Final = 3
SET: Final = 4
STORE: Final = 5
LOAD: Final = 6
UNDEF: Final = 7
LEA: Final = 8
JMP: Final = 9
BEZ: Final = 10
BNZ: Final = 11
BEQ: Final = 12
BNE: Final = 13
BLT: Final = 14
BGE: Final = 15
ADD: Final = 16
SUB: Final = 17
ADDM: Final = 18
SUBM: Final = 19
MEAS: Final = 32
CREATE_EPR: Final = 33
RECV_EPR: Final = 34
WAIT_ALL: Final = 35
WAIT_ANY: Final = 36
WAIT_SINGLE: Final = 37
QFREE: Final = 38
RET_REG: Final = 39
RET_ARR: Final = 40
MEAS_BASIS: Final = 41
MEAS_BASIS_YZY: Final = 48
MEAS_BASIS_ZXZ: Final = 49
BREAKPOINT: Final = 100
MUL: Final = 200
DIV: Final = 201
REM: Final = 202

# Gates: vanilla, and those of them that nv and trapped_ion share
X: Final = 20
Y: Final = 21
Z: Final = 22
H: Final = 23
S: Final = 24
K: Final = 25
T: Final = 26
ROT_X: Final = 27
ROT_Y: Final = 28
ROT_Z: Final = 29
CNOT: Final = 30
CPHASE: Final = 31
MOV: Final = 51
SWP: Final = 52

# nv
CROT_X: Final = 30
CROT_Y: Final = 31

# trapped_ion
INIT_ALL: Final = 42
MEAS_ALL: Final = 43
ROT_X_ALL: Final = 44
ROT_Y_ALL: Final = 45
ROT_Z_ALL: Final = 46
BICHROMATIC: Final = 47
