"""Tuples to bytes.

Use: ``encode_instructions(instructions, flavour="nv")``. Whoever has tuples already, a compiler, needs
nothing else.

The common case costs one ``struct`` call per instruction: ``struct`` itself refuses numbers that do not fit
and operands that are not numbers. What it cannot see, a register above 63 or a negative address, sets bits
that a canonical command has at zero; one test over all bytes finds those. Only when something is wrong does a
second, slow pass look for what it was.
"""

import struct
from collections.abc import Callable, Sequence
from operator import index
from typing import Any, Final, NoReturn

from netqasm_isa.errors import EncodeError, IsaError
from netqasm_isa.instructions import (
    COMMAND_BYTES,
    FLAVOURS,
    Field,
    Instruction,
    instruction_set,
    unknown_flavour,
    unknown_opcode,
)
from netqasm_isa.operands import NamedAddress, Template

DEFAULT_VERSION: Final = (0, 10)
VERSION_MAX: Final = 255
APP_ID_MAX: Final = 65535

# No bit of a register or an address that must be zero can be set in a byte below 64.
_HARMLESS: Final = bytes(range(64))
_ZERO_BITS: Final = {"reg": b"\xc0", "addr": b"\x00\x00\x00\x80"}

_pack_header: Final = struct.Struct("<BBH").pack


def _no_such_opcode(*_: object) -> NoReturn:
    raise struct.error("unknown opcode")


def _packers(flavour: str) -> tuple[Callable[..., bytes], ...]:
    rows = instruction_set(flavour)
    return tuple(rows[code].layout.struct.pack if code in rows else _no_such_opcode for code in range(256))


def zero_bits(row: Instruction, kinds: Sequence[str]) -> bytes:
    """The 7 bytes whose set bits must be zero in a command of this row, for fields of the given kinds."""
    mask = b"".join(
        _ZERO_BITS[field.kind] if field.kind in kinds else bytes(field.size) for field in row.layout.fields
    )
    return bytes(1) + mask.ljust(COMMAND_BYTES - 1, b"\0")


def _masks(flavour: str) -> tuple[bytes, ...]:
    rows = instruction_set(flavour)
    return tuple(
        zero_bits(rows[code], ("reg", "addr")) if code in rows else bytes(COMMAND_BYTES)
        for code in range(256)
    )


_PACKERS: Final = {flavour: _packers(flavour) for flavour in FLAVOURS}
_MASKS: Final = {flavour: _masks(flavour) for flavour in FLAVOURS}


def encode_instructions(
    instructions: Sequence[Sequence[Any]],
    version: tuple[int, int] = DEFAULT_VERSION,
    app_id: int = 0,
    *,
    flavour: str = "vanilla",
) -> bytes:
    """The 4 bytes of the header and 7 for each instruction ``(opcode, *operands)``.

    Raises EncodeError for an opcode the flavour does not have, a wrong number of operands, an operand out of
    the range of its field (registers 0..63, immediates of one byte 0..255, values and targets int32,
    addresses 0..2^31-1), an open template or named address, a version outside of 0..255 or an application id
    outside of 0..65535. Whether a branch target exists is for ``check`` to say.
    """
    pack = _PACKERS.get(flavour)
    if pack is None:
        raise unknown_flavour(flavour)
    header = encode_header(version, app_id)
    try:
        body = b"".join([pack[ins[0]](*ins) for ins in instructions])
    except (struct.error, IndexError, TypeError):
        _refuse(instructions, flavour)
    if body.translate(None, _HARMLESS) and _has_forbidden_bits(body, flavour):
        _refuse(instructions, flavour)
    return header + body


def encode_header(version: tuple[int, int], app_id: int) -> bytes:
    """The 4 bytes of the header; EncodeError if a number does not fit."""
    major, minor = version
    for name, value, high in (
        ("major version", major, VERSION_MAX),
        ("minor version", minor, VERSION_MAX),
        ("application id", app_id, APP_ID_MAX),
    ):
        if not isinstance(value, int) or not 0 <= value <= high:
            raise EncodeError(None, "header", f"{name} {value!r}, allowed 0..{high}")
    return _pack_header(major, minor, app_id)


def operand_fault(value: object, field: Field, name: str) -> str | None:
    """Why a value cannot be an operand, or None if it can."""
    if isinstance(value, Template):
        return f"operand {name}: the template {{{value}}} has no value yet"
    if isinstance(value, NamedAddress):
        return f"operand {name}: the address @{value} has no number yet"
    if not hasattr(value, "__index__"):
        return f"operand {name} is {value!r}, an integer is needed"
    value = index(value)
    if field.low <= value <= field.high:
        return None
    if field.kind == "reg":
        return f"operand {name}: register byte {value}, allowed 0..63 (R0 .. M15)"
    return f"operand {name} is {value}, allowed {allowed(field)}"


def allowed(field: Field) -> str:
    """The range of a field in words."""
    return f"{field.low}..{field.high}"


def instruction_fault(ins: Sequence[Any], flavour: str) -> tuple[str, str] | None:
    """The mnemonic of an instruction that cannot be encoded and the reason, or None if it can."""
    if not isinstance(ins, tuple | list):
        return "?", f"{ins!r} is not an instruction, a tuple is needed"
    if not ins:
        return "?", "an instruction without an opcode"
    row = instruction_set(flavour).get(ins[0])
    if row is None:
        return "?", unknown_opcode(ins[0], flavour)
    fields = row.layout.fields
    if len(ins) - 1 != len(fields):
        return row.mnemonic, wrong_count(row, len(ins) - 1)
    for value, field, name in zip(ins[1:], fields, row.names, strict=True):
        fault = operand_fault(value, field, name)
        if fault is not None:
            return row.mnemonic, fault
    return None


def wrong_count(row: Instruction, given: int) -> str:
    """Says how many operands a row has, and that others were given. Rows count operands of the tuple."""
    plural = "operand" if len(row.names) == 1 else "operands"
    wanted = f" ({' '.join(row.names)})" if row.names else ""
    return f"{len(row.names)} {plural}{wanted} needed, {given} given"


def _has_forbidden_bits(body: bytes, flavour: str) -> bool:
    masks = _MASKS[flavour]
    forbidden = b"".join([masks[code] for code in body[::COMMAND_BYTES]])
    return int.from_bytes(body, "little") & int.from_bytes(forbidden, "little") != 0


def _refuse(instructions: Sequence[Sequence[Any]], flavour: str) -> NoReturn:
    for position, ins in enumerate(instructions):
        fault = instruction_fault(ins, flavour)
        if fault is not None:
            raise EncodeError(position, *fault)
    raise IsaError(f"the instructions are a {type(instructions).__name__}, a sequence is needed")
