"""Arrays of a process: reading and making them, with traps for what is not there."""

from __future__ import annotations

from netqasm_isa import register_name
from qnpu.process import Process
from qnpu.traps import Trap, trap
from qruntime.errors import error_of
from qruntime.limits import ARRAY_ENTRIES, ARRAY_LENGTH, ARRAYS


def raise_failed(process: Process, address: int) -> None:
    """Trap if the request that writes this array failed."""
    fault = process.failed.get(address)
    if fault is not None:
        raise Trap(error_of(fault))


def array_at(process: Process, address: int) -> list[int | None]:
    """The array at an address.

    Traps if there is none.
    """
    try:
        return process.arrays[address]
    except KeyError:
        raise trap(f"there is no array @{address}") from None


def index_in(process: Process, address: int, array: list[int | None], register: int) -> int:
    """The index in a register, which must be inside the array."""
    index = process.registers[register]
    if index is None:
        raise trap(f"register {register_name(register)} is undefined")
    if not 0 <= index < len(array):
        raise trap(f"index {index} is outside array @{address} of length {len(array)}")
    return index


def new_array(process: Process, register: int, address: int) -> None:
    """Make an array of as many entries as a register says, replacing one of that address."""
    size = process.registers[register]
    if size is None:
        raise trap(f"register {register_name(register)} is undefined")
    if not 0 <= size <= ARRAY_LENGTH:
        raise trap(f"array size {size} is not in 0..{ARRAY_LENGTH}")
    if address in process.open_arrays:
        raise trap(f"array @{address} is in use by an open entanglement request")
    old = process.arrays.get(address)
    entries = process.array_entries + size - (0 if old is None else len(old))
    if entries > ARRAY_ENTRIES or (old is None and len(process.arrays) >= ARRAYS):
        raise trap(f"the arrays of a program may hold {ARRAY_ENTRIES} entries in {ARRAYS} arrays, no more")
    process.array_entries = entries
    process.arrays[address] = [None] * size
    process.failed.pop(address, None)


def is_there(array: list[int | None], start: int, stop: int, all_of: bool) -> bool:
    """Whether the awaited entries are set; an empty slice never blocks."""
    if start == stop:
        return True
    if all_of and array[stop - 1] is None:  # pairs come in order: mostly the last one is the one missing
        return False
    entries = array[start:stop]
    return None not in entries if all_of else any(entry is not None for entry in entries)
