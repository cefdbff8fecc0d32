"""Arrays of a process: making them, reading them, waiting for what comes into them; traps for what is not
there."""

from __future__ import annotations

from netqasm_isa import opcodes as op
from netqasm_isa import register_name
from qnpu.process import Process, WaitReason
from qnpu.quotas import exceeded
from qnpu.traps import Trap, trap
from qruntime.errors import error_of
from qruntime.limits import ARRAY_LENGTH, ARRAYS


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
    if entries > process.quotas.array_entries:
        what = f"the arrays of the program would have {entries} entries with array @{address}"
        raise Trap(exceeded(process, "array_entries", what))
    if old is None and len(process.arrays) >= ARRAYS:
        raise trap(f"the program has {ARRAYS} arrays, the most allowed")
    process.array_entries = entries
    process.arrays[address] = [None] * size
    process.failed.pop(address, None)


def lacking(process: Process, ins: tuple[int, ...], kind: int) -> WaitReason | None:
    """What a wait instruction has to wait for, None if it is there already.

    Traps if the request that writes the array failed, and for entries that the array does not have.
    """
    address = ins[1]
    raise_failed(process, address)
    array = array_at(process, address)
    if kind == op.WAIT_SINGLE:
        start = index_in(process, address, array, ins[2])
        stop = start + 1
    else:
        bounds = []
        for register in ins[2:4]:
            value = process.registers[register]
            if value is None:
                raise trap(f"register {register_name(register)} is undefined")
            bounds.append(value)
        start, stop = bounds
        if not 0 <= start <= stop <= len(array):
            raise trap(f"slice @{address}[{start}:{stop}] is outside the array of length {len(array)}")
    all_of = kind != op.WAIT_ANY
    if is_there(array, start, stop, all_of):
        return None
    return WaitReason("array", address, start, stop, all_of)


def is_there(array: list[int | None], start: int, stop: int, all_of: bool) -> bool:
    """Whether the awaited entries are set; an empty slice never blocks."""
    if start == stop:
        return True
    if all_of and array[stop - 1] is None:  # pairs come in order: mostly the last one is the one missing
        return False
    entries = array[start:stop]
    return None not in entries if all_of else any(entry is not None for entry in entries)
