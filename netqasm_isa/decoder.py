"""Bytes to a subroutine.

Use: ``decode(data, flavour)``, or ``decode_cached`` where the same bytes come again and again. The device's
flavour must be told, the bytes do not name it. Whatever the bytes, the outcome is a subroutine or a
DecodeError.

Decoding is a table from opcode to ``struct.Struct.unpack_from``: one call per instruction, which skips
padding by itself. Bits 6 and 7 of a register are ignored; since they are zero in practice, they are cleared
for the whole subroutine at once, and only if a byte is there that might hold them.
"""

import struct
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, NoReturn

from netqasm_isa import opcodes as op
from netqasm_isa.encoder import zero_bits
from netqasm_isa.errors import DecodeError
from netqasm_isa.instructions import (
    COMMAND_BYTES,
    FLAVOURS,
    HEADER_BYTES,
    LAYOUTS,
    instruction_set,
    unknown_flavour,
    unknown_opcode,
)
from netqasm_isa.subroutine import Subroutine

_Unpack = Callable[[bytes, int], tuple[Any, ...]]

# Registers are below 64, so a subroutine of such bytes alone has nothing to clear.
_HARMLESS: Final = bytes(range(64))

_unpack_header: Final = struct.Struct("<BBH").unpack_from
_unpack_mov: Final = LAYOUTS["RegReg"].struct.unpack_from
_unpack_meas_basis: Final = LAYOUTS["RegRegImm4"].struct.unpack_from


def _refuser(opcode: int, flavour: str) -> _Unpack:
    def refuse(data: bytes, at: int) -> NoReturn:
        raise DecodeError((at - HEADER_BYTES) // COMMAND_BYTES, unknown_opcode(opcode, flavour))

    return refuse


def _legacy_mov(data: bytes, at: int) -> tuple[Any, ...]:
    """Opcode 41 of releases before 2.1: mov if only zeros follow the registers, else meas_basis (d is 4)."""
    if any(data[at + 3 : at + COMMAND_BYTES]):
        return _unpack_meas_basis(data, at)
    return (op.MOV, *_unpack_mov(data, at)[1:])


def _unpackers(flavour: str) -> tuple[_Unpack, ...]:
    rows = instruction_set(flavour)
    return tuple(
        rows[code].layout.struct.unpack_from if code in rows else _refuser(code, flavour)
        for code in range(256)
    )


def _legacy(table: tuple[_Unpack, ...]) -> tuple[_Unpack, ...]:
    return (*table[: op.MEAS_BASIS], _legacy_mov, *table[op.MEAS_BASIS + 1 :])


def _keep_masks(flavour: str) -> tuple[bytes, ...]:
    rows = instruction_set(flavour)
    nothing = bytes(COMMAND_BYTES)
    clear = [zero_bits(rows[code], ("reg",)) if code in rows else nothing for code in range(256)]
    return tuple(bytes(byte ^ 0xFF for byte in mask) for mask in clear)


_UNPACKERS: Final = {flavour: _unpackers(flavour) for flavour in FLAVOURS}
_LEGACY_UNPACKERS: Final = _UNPACKERS | {"vanilla": _legacy(_UNPACKERS["vanilla"])}
_KEEP: Final = {flavour: _keep_masks(flavour) for flavour in FLAVOURS}


def decode(
    data: bytes | bytearray | memoryview, flavour: str = "vanilla", legacy_mov: bool = False
) -> Subroutine:
    """The subroutine that the bytes are in this flavour.

    Non-zero padding and the upper two bits of registers are ignored. Operands may still be out of range for a
    program (targets, negative addresses): see ``check``. ``legacy_mov`` reads opcode 41 of vanilla as
    releases before 2.1 wrote it: mov (given as opcode 51) if the four bytes behind the registers are zero,
    else meas_basis; other flavours never had it and are not changed.

    Raises DecodeError for less than 4 bytes, a rest that is no whole number of commands, or an opcode that
    the flavour does not have; IsaError for an unknown flavour.
    """
    unpack = (_LEGACY_UNPACKERS if legacy_mov else _UNPACKERS).get(flavour)
    if unpack is None:
        raise unknown_flavour(flavour)
    if not isinstance(data, bytes):
        data = memoryview(data).tobytes()
    size = len(data)
    if size < HEADER_BYTES:
        raise DecodeError(None, f"{size} bytes, the header alone has {HEADER_BYTES}")
    if (size - HEADER_BYTES) % COMMAND_BYTES:
        raise DecodeError(
            None,
            f"{size} bytes: behind the header of {HEADER_BYTES} a multiple of {COMMAND_BYTES} is needed",
        )
    major, minor, app_id = _unpack_header(data, 0)
    if data.translate(None, _HARMLESS):
        data = _registers_cleared(data, flavour)
    instructions = tuple([unpack[data[at]](data, at) for at in range(HEADER_BYTES, size, COMMAND_BYTES)])
    return Subroutine((major, minor), app_id, flavour, instructions)


@lru_cache(maxsize=512)
def decode_cached(data: bytes, flavour: str = "vanilla", legacy_mov: bool = False) -> Subroutine:
    """``decode``, remembering the last 512 subroutines by content. They are values and may be shared."""
    return decode(data, flavour, legacy_mov)


def _registers_cleared(data: bytes, flavour: str) -> bytes:
    """The same bytes with bits 6 and 7 of every register at zero."""
    keep = _KEEP[flavour]
    mask = b"\xff" * HEADER_BYTES + b"".join([keep[code] for code in data[HEADER_BYTES::COMMAND_BYTES]])
    cleared = int.from_bytes(data, "little") & int.from_bytes(mask, "little")
    return cleared.to_bytes(len(data), "little")
