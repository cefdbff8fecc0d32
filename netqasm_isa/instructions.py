"""The instruction set: one row per instruction.

Encoder, decoder, assembler, printer, checks, documentation and tests all read ``INSTRUCTIONS``; adding an
instruction is adding a row. Look rows up with ``instruction_set(flavour)`` (by opcode),
``mnemonics(flavour)`` (by name) or ``lookup``.

A command is 7 bytes: the opcode, the operands packed little endian, zero padding. A decoded instruction is
the flat tuple ``(opcode, *operands)`` of ints, and every position in a row counts in that tuple: for
``store``, ``(5, src, address, index)``, the register that is read is at positions 1 and 3. In text an address
and its registers are written as one operand, ``@x[i]`` or ``@x[start:stop]``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from struct import Struct
from types import MappingProxyType
from typing import Final

from netqasm_isa import opcodes as op
from netqasm_isa.errors import IsaError

COMMAND_BYTES: Final = 7
HEADER_BYTES: Final = 4
INT32_MIN: Final = -(2**31)
INT32_MAX: Final = 2**31 - 1

FLAVOURS: Final = ("vanilla", "nv", "trapped_ion", "reids")


@dataclass(frozen=True, slots=True)
class Field:
    """One operand in the bytes: its ``struct`` code, its size, and the range an encoder accepts."""

    kind: str
    code: str
    size: int
    low: int
    high: int


FIELDS: Final = {
    field.kind: field
    for field in (
        Field("reg", "B", 1, 0, 63),
        Field("u8", "B", 1, 0, 255),
        Field("i32", "i", 4, INT32_MIN, INT32_MAX),
        Field("addr", "i", 4, 0, INT32_MAX),
    )
}

# What one operand of the text is made of in the bytes.
SHAPES: Final = {
    "reg": ("reg",),
    "u8": ("u8",),
    "i32": ("i32",),
    "addr": ("addr",),
    "entry": ("addr", "reg"),
    "slice": ("addr", "reg", "reg"),
}


@dataclass(frozen=True, slots=True)
class Layout:
    """How operands lie in a command.

    ``shape`` has one word per operand of the text, ``fields`` one per operand of the tuple. ``struct`` packs
    and unpacks ``(opcode, *operands)`` as 7 bytes.
    """

    name: str
    shape: tuple[str, ...]
    fields: tuple[Field, ...]
    struct: Struct

    @property
    def offsets(self) -> tuple[int, ...]:
        """The byte of the command at which each field begins."""
        offsets = []
        at = 1
        for field in self.fields:
            offsets.append(at)
            at += field.size
        return tuple(offsets)


def _layout(name: str, shape: str) -> Layout:
    fields = tuple(FIELDS[kind] for word in shape.split() for kind in SHAPES[word])
    code = "<B" + "".join(field.code for field in fields)
    padding = COMMAND_BYTES - Struct(code).size
    return Layout(name, tuple(shape.split()), fields, Struct(f"{code}{padding}x"))


LAYOUTS: Final = {
    layout.name: layout
    for layout in (
        _layout("none", ""),
        _layout("Reg", "reg"),
        _layout("RegReg", "reg reg"),
        _layout("Reg3", "reg reg reg"),
        _layout("Reg4", "reg reg reg reg"),
        _layout("Reg5", "reg reg reg reg reg"),
        _layout("RegImm", "reg i32"),
        _layout("RegRegImm", "reg reg i32"),
        _layout("RegImmImm", "reg u8 u8"),
        _layout("RegRegImmImm", "reg reg u8 u8"),
        _layout("RegRegImm4", "reg reg u8 u8 u8 u8"),
        _layout("RegAddr", "reg addr"),
        _layout("RegEntry", "reg entry"),
        _layout("Entry", "entry"),
        _layout("Slice", "slice"),
        _layout("Addr", "addr"),
        _layout("Imm", "i32"),
        _layout("ImmImm", "u8 u8"),
    )
}


class Role(StrEnum):
    """What an instruction does with an operand."""

    READ = "read"  # register whose value is used
    WRITE = "write"  # register that gets a value
    QUBIT = "qubit"  # register whose value is a virtual qubit id
    UNUSED = "unused"  # register that is neither read nor written
    ADDRESS = "address"  # array address
    TARGET = "target"  # index of the instruction to go to, 0..length
    VALUE = "value"  # number in the instruction
    PARAMETER = "parameter"  # number in the instruction that text may leave open as a {template}


_READ_ROLES: Final = (Role.READ, Role.QUBIT)
_IMMEDIATE_ROLES: Final = (Role.VALUE, Role.PARAMETER)


@dataclass(frozen=True, slots=True)
class Instruction:
    """One row of the table.

    ``names``, ``roles`` and ``layout.fields`` run in parallel over the operands of the decoded tuple. The
    groups of positions below count in the tuple, so that ``instruction[position]`` is the operand; ``qubits``
    is a part of ``reads``, ``parameters`` a part of ``immediates``. ``limits`` narrows values that fit their
    byte but mean nothing beyond: name -> highest allowed, from 0.
    """

    mnemonic: str
    opcode: int
    layout: Layout
    names: tuple[str, ...]
    roles: tuple[Role, ...]
    flavours: tuple[str, ...]
    effect: str
    example: str
    limits: Mapping[str, int]
    reads: tuple[int, ...]
    writes: tuple[int, ...]
    qubits: tuple[int, ...]
    addresses: tuple[int, ...]
    immediates: tuple[int, ...]
    parameters: tuple[int, ...]
    target: int | None


def _row(
    mnemonic: str,
    opcode: int,
    layout: str,
    operands: str,
    flavours: str,
    effect: str,
    example: str,
    limits: Mapping[str, int] | None = None,
) -> Instruction:
    """``operands`` has a word ``name=role`` per operand, ``flavours`` a word per flavour or ``core`` for all."""
    words = [word.split("=") for word in operands.split()]
    roles = tuple(Role(role) for _, role in words)

    def positions(*wanted: Role) -> tuple[int, ...]:
        return tuple(at for at, role in enumerate(roles, start=1) if role in wanted)

    targets = positions(Role.TARGET)
    return Instruction(
        mnemonic=mnemonic,
        opcode=opcode,
        layout=LAYOUTS[layout],
        names=tuple(name for name, _ in words),
        roles=roles,
        flavours=FLAVOURS if flavours == "core" else tuple(flavours.split()),
        effect=effect,
        example=example,
        limits=MappingProxyType(dict(limits or {})),
        reads=positions(*_READ_ROLES),
        writes=positions(Role.WRITE),
        qubits=positions(Role.QUBIT),
        addresses=positions(Role.ADDRESS),
        immediates=positions(*_IMMEDIATE_ROLES),
        parameters=positions(Role.PARAMETER),
        target=targets[0] if targets else None,
    )


_ANGLE: Final = "n=parameter d=parameter"
_EPR: Final = "remote_node=read epr_socket=read qubit_ids_array=read"
_TWO: Final = "a=read b=read target=target"
_OPERATION: Final = "dst=write a=read b=read"
_ENTRY: Final = "address=address index=read"
_SLICE: Final = "address=address start=read stop=read"

# fmt: off
# ruff: noqa: E501 - one instruction is one row
INSTRUCTIONS: Final = (
    # Core: qubits
    _row("qalloc", op.QALLOC, "Reg", "qubit=qubit", "core", "bind the virtual id to a free physical qubit; error if it is bound or none is free", "qalloc Q0"),
    _row("init", op.INIT, "Reg", "qubit=qubit", "core", "reset the qubit to |0>", "init Q0"),
    _row("qfree", op.QFREE, "Reg", "qubit=qubit", "core", "unbind the virtual id; error if it is not bound", "qfree Q0"),
    _row("meas", op.MEAS, "RegReg", "qubit=qubit outcome=write", "core", "measure Z, 0 or 1 to outcome; the qubit stays allocated", "meas Q0 M0"),
    _row("meas_basis", op.MEAS_BASIS, "RegRegImm4", "qubit=qubit outcome=write x1=value y=value x2=value d=value", "core", "rotate Rx(x1), Ry(y), Rx(x2), each n*pi/2^d, then measure Z", "meas_basis Q0 M0 8 0 0 4"),
    _row("meas_basis_yzy", op.MEAS_BASIS_YZY, "RegRegImm4", "qubit=qubit outcome=write y1=value z=value y2=value d=value", "core", "rotate Ry(y1), Rz(z), Ry(y2), each n*pi/2^d, then measure Z", "meas_basis_yzy Q0 M0 24 0 0 4"),
    _row("meas_basis_zxz", op.MEAS_BASIS_ZXZ, "RegRegImm4", "qubit=qubit outcome=write z1=value x=value z2=value d=value", "core", "rotate Rz(z1), Rx(x), Rz(z2), each n*pi/2^d, then measure Z", "meas_basis_zxz Q0 M0 24 24 8 4"),
    # Core: registers and arrays
    _row("set", op.SET, "RegImm", "dst=write value=parameter", "core", "dst := value", "set R0 -5"),
    _row("array", op.ARRAY, "RegAddr", "size=read address=address", "core", "new array of size undefined entries in place of any at the address", "array R0 @3"),
    _row("store", op.STORE, "RegEntry", f"src=read {_ENTRY}", "core", "@address[index] := src", "store R0 @3[R1]"),
    _row("load", op.LOAD, "RegEntry", f"dst=write {_ENTRY}", "core", "dst := @address[index]; error if the entry is undefined", "load R0 @3[R1]"),
    _row("undef", op.UNDEF, "Entry", _ENTRY, "core", "make @address[index] undefined", "undef @3[R1]"),
    _row("lea", op.LEA, "RegAddr", "dst=write address=address", "core", "dst := the number of the address", "lea R0 @3"),
    # Core: branches
    _row("jmp", op.JMP, "Imm", "target=target", "core", "go to target", "jmp 0"),
    _row("bez", op.BEZ, "RegImm", "a=read target=target", "core", "go to target if a == 0", "bez R0 0"),
    _row("bnz", op.BNZ, "RegImm", "a=read target=target", "core", "go to target if a != 0", "bnz R0 0"),
    _row("beq", op.BEQ, "RegRegImm", _TWO, "core", "go to target if a == b", "beq R0 R1 0"),
    _row("bne", op.BNE, "RegRegImm", _TWO, "core", "go to target if a != b", "bne R0 R1 0"),
    _row("blt", op.BLT, "RegRegImm", _TWO, "core", "go to target if a < b", "blt R0 R1 0"),
    _row("bge", op.BGE, "RegRegImm", _TWO, "core", "go to target if a >= b", "bge R0 R1 0"),
    # Core: arithmetic
    _row("add", op.ADD, "Reg3", _OPERATION, "core", "dst := a + b", "add R2 R0 R1"),
    _row("sub", op.SUB, "Reg3", _OPERATION, "core", "dst := a - b", "sub R2 R0 R1"),
    _row("mul", op.MUL, "Reg3", _OPERATION, "core", "dst := a * b", "mul R2 R0 R1"),
    _row("div", op.DIV, "Reg3", _OPERATION, "core", "dst := floor(a / b); error if b == 0", "div R2 R0 R1"),
    _row("rem", op.REM, "Reg3", _OPERATION, "core", "dst := a - b * floor(a / b); error if b == 0", "rem R2 R0 R1"),
    _row("addm", op.ADDM, "Reg4", f"{_OPERATION} mod=read", "core", "dst := (a + b) mod m, in 0..m-1; error if m < 1", "addm R3 R0 R1 R2"),
    _row("subm", op.SUBM, "Reg4", f"{_OPERATION} mod=read", "core", "dst := (a - b) mod m, in 0..m-1; error if m < 1", "subm R3 R0 R1 R2"),
    # Core: entanglement, waiting, results
    _row("create_epr", op.CREATE_EPR, "Reg5", f"{_EPR} args_array=read results_array=read", "core", "start a request for entangled pairs; does not block; the array operands hold addresses", "create_epr R0 R1 R2 R3 R4"),
    _row("recv_epr", op.RECV_EPR, "Reg4", f"{_EPR} results_array=read", "core", "offer to take part in the peer's request; does not block; the array operands hold addresses", "recv_epr R0 R1 R2 R3"),
    _row("wait_all", op.WAIT_ALL, "Slice", _SLICE, "core", "block while any entry from start to before stop is undefined", "wait_all @3[R0:R1]"),
    _row("wait_any", op.WAIT_ANY, "Slice", _SLICE, "core", "block while every entry from start to before stop is undefined", "wait_any @3[R0:R1]"),
    _row("wait_single", op.WAIT_SINGLE, "Entry", _ENTRY, "core", "block while @address[index] is undefined", "wait_single @3[R0]"),
    _row("ret_reg", op.RET_REG, "Reg", "src=read", "core", "copy the register to the memory the host sees", "ret_reg M0"),
    _row("ret_arr", op.RET_ARR, "Addr", "address=address", "core", "copy the array to the memory the host sees", "ret_arr @3"),
    _row("breakpoint", op.BREAKPOINT, "ImmImm", "action=value role=value", "core", "action 0 nothing, 1 dump the local state, 2 dump the global state; role 0 create, 1 receive", "breakpoint 1 0", {"action": 2, "role": 1}),
    # Gates
    _row("x", op.X, "Reg", "qubit=qubit", "vanilla", "Pauli X", "x Q0"),
    _row("y", op.Y, "Reg", "qubit=qubit", "vanilla", "Pauli Y", "y Q0"),
    _row("z", op.Z, "Reg", "qubit=qubit", "vanilla", "Pauli Z", "z Q0"),
    _row("h", op.H, "Reg", "qubit=qubit", "vanilla", "Hadamard, (X + Z)/sqrt(2)", "h Q0"),
    _row("s", op.S, "Reg", "qubit=qubit", "vanilla", "diag(1, i)", "s Q0"),
    _row("k", op.K, "Reg", "qubit=qubit", "vanilla", "(Y + Z)/sqrt(2), exchanges |0> and |+i>", "k Q0"),
    _row("t", op.T, "Reg", "qubit=qubit", "vanilla", "diag(1, exp(i pi/4))", "t Q0"),
    _row("rot_x", op.ROT_X, "RegImmImm", f"qubit=qubit {_ANGLE}", "vanilla nv", "exp(-i theta X/2), theta = n*pi/2^d", "rot_x Q0 8 4"),
    _row("rot_y", op.ROT_Y, "RegImmImm", f"qubit=qubit {_ANGLE}", "vanilla nv", "exp(-i theta Y/2), theta = n*pi/2^d", "rot_y Q0 8 4"),
    _row("rot_z", op.ROT_Z, "RegImmImm", f"qubit=qubit {_ANGLE}", "vanilla nv trapped_ion", "exp(-i theta Z/2), theta = n*pi/2^d", "rot_z Q0 8 4"),
    _row("cnot", op.CNOT, "RegReg", "control=qubit target=qubit", "vanilla", "X on the target if the control is |1>", "cnot Q0 Q1"),
    _row("cphase", op.CPHASE, "RegReg", "control=qubit target=qubit", "vanilla", "Z on the target if the control is |1>", "cphase Q0 Q1"),
    _row("crot_x", op.CROT_X, "RegRegImmImm", "control=qubit target=qubit n=value d=value", "nv", "Rx(theta) on the target if the control is |0>, Rx(-theta) if it is |1>, theta = n*pi/2^d", "crot_x Q0 Q1 8 4"),
    _row("crot_y", op.CROT_Y, "RegRegImmImm", "control=qubit target=qubit n=value d=value", "nv", "Ry(theta) on the target if the control is |0>, Ry(-theta) if it is |1>, theta = n*pi/2^d", "crot_y Q0 Q1 8 4"),
    _row("mov", op.MOV, "RegReg", "src=qubit dst=qubit", "vanilla nv", "move the state of src to dst, whose own is lost; src stays allocated in an unspecified state", "mov Q0 Q1"),
    _row("swp", op.SWP, "RegReg", "a=qubit b=qubit", "vanilla nv", "exchange two states", "swp Q0 Q1"),
    # Trapped ions: operations on every ion at once
    _row("init_all", op.INIT_ALL, "none", "", "trapped_ion", "reset every ion to |0>", "init_all"),
    _row("meas_all", op.MEAS_ALL, "RegAddr", "reg=unused address=address", "trapped_ion", "measure every ion, outcomes to the array", "meas_all R0 @3"),
    _row("rot_x_all", op.ROT_X_ALL, "ImmImm", _ANGLE, "trapped_ion", "exp(-i theta X/2) on every ion, theta = n*pi/2^d", "rot_x_all 8 4"),
    _row("rot_y_all", op.ROT_Y_ALL, "ImmImm", _ANGLE, "trapped_ion", "exp(-i theta Y/2) on every ion, theta = n*pi/2^d", "rot_y_all 8 4"),
    _row("rot_z_all", op.ROT_Z_ALL, "ImmImm", _ANGLE, "trapped_ion", "exp(-i theta Z/2) on every ion, theta = n*pi/2^d", "rot_z_all 8 4"),
    _row("bichromatic", op.BICHROMATIC, "ImmImm", _ANGLE, "trapped_ion", "Moelmer-Soerensen interaction of every ion, angle n*pi/2^d, phase 0", "bichromatic 8 4"),
)
# fmt: on

_BY_OPCODE: Final = {
    flavour: MappingProxyType({row.opcode: row for row in INSTRUCTIONS if flavour in row.flavours})
    for flavour in FLAVOURS
}
_BY_MNEMONIC: Final = {
    flavour: MappingProxyType({row.mnemonic: row for row in INSTRUCTIONS if flavour in row.flavours})
    for flavour in FLAVOURS
}


def instruction_set(flavour: str) -> Mapping[int, Instruction]:
    """The rows of a flavour by opcode. IsaError if there is no such flavour."""
    rows = _BY_OPCODE.get(flavour)
    if rows is None:
        raise unknown_flavour(flavour)
    return rows


def mnemonics(flavour: str) -> Mapping[str, Instruction]:
    """The rows of a flavour by mnemonic. IsaError if there is no such flavour."""
    instruction_set(flavour)
    return _BY_MNEMONIC[flavour]


def lookup(opcode: int, flavour: str) -> Instruction:
    """The row of one opcode. IsaError if the flavour has no such opcode."""
    row = instruction_set(flavour).get(opcode)
    if row is None:
        raise IsaError(unknown_opcode(opcode, flavour))
    return row


def unknown_flavour(flavour: object) -> IsaError:
    """The error that names the flavours there are."""
    return IsaError(f"no flavour {flavour!r}: allowed {', '.join(FLAVOURS)}")


def unknown_opcode(opcode: object, flavour: str) -> str:
    """Says that an opcode is not in a flavour, and whose it is if it has another."""
    elsewhere = [
        f"{row.mnemonic} in {', '.join(row.flavours)}" for row in INSTRUCTIONS if row.opcode == opcode
    ]
    hint = f" ({'; '.join(elsewhere)})" if elsewhere else ""
    return f"no opcode {opcode!r} in flavour {flavour}{hint}"
