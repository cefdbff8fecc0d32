"""The memory of an application as SDK programs see it: every register and array, read when asked for.

What a subroutine returned is here at once; anything else is fetched from the QNPU when a program looks at
it, which takes no simulated time. After the application is over, what was known of it stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from netqasm_isa import encode_instructions, opcodes, register
from netqasm_isa.registers import R0, R1
from qruntime.errors import ProgramError
from qruntime.messages import Done

if TYPE_CHECKING:
    from qnos.compat.application import Application

Values = list[int | None]


class AppMemory:
    """Registers and arrays of one application.

    A register is named like ``"M0"``, or is a `Register` of the SDK. Values are ints, None where nothing was
    written.
    """

    def __init__(self, application: Application) -> None:
        self._application = application
        self._registers: dict[int, tuple[int, int | None]] = {}  # byte -> (as of which subroutine, value)
        self._arrays: dict[int, tuple[int, Values]] = {}
        self._version = 0

    # --- what comes in ------------------------------------------------------------------------------------

    def took(self, done: Done) -> None:
        """A subroutine is done: this is what it returned, and all else may have changed."""
        self._version += 1
        for byte, value in done.registers:
            self._registers[byte] = self._version, value
        for address, values in done.arrays:
            self._arrays[address] = self._version, list(values)

    def refresh(self) -> None:
        """Bring all that is known up to date, as it is about to become all there is."""
        old_registers = [byte for byte, (version, _) in self._registers.items() if version != self._version]
        old_arrays = [address for address, (version, _) in self._arrays.items() if version != self._version]
        if (old_registers or old_arrays) and self._application.can_ask:
            self._fetch(tuple(old_registers), tuple(old_arrays))

    def _fetch(self, registers: tuple[int, ...], arrays: tuple[int, ...]) -> None:
        memory = self._application.read(registers, arrays)
        for byte, value in memory.registers:
            self._registers[byte] = self._version, value
        for address, values in memory.arrays:
            if values is None:
                self._arrays.pop(address, None)
            else:
                self._arrays[address] = self._version, list(values)

    # --- registers ----------------------------------------------------------------------------------------

    def get_register(self, register: Any) -> int | None:
        """The value of a register, None if nothing was ever written to it."""
        byte = _byte(register)
        known = self._registers.get(byte)
        if (known is None or known[0] != self._version) and self._application.can_ask:
            self._fetch((byte,), ())
            known = self._registers.get(byte)
        return None if known is None else known[1]

    get_reg_value = get_register

    def set_register(self, register: Any, value: int) -> None:
        """Write a register at the QNPU."""
        self._write([(opcodes.SET, _byte(register), int(value))])

    set_reg_value = set_register

    # --- arrays -------------------------------------------------------------------------------------------

    def get_array(self, address: int) -> Values:
        """A copy of an array; IndexError if there is none."""
        return list(self._array(address))

    def get_array_part(self, address: int, index: int | slice) -> int | Values | None:
        """An entry or a slice; None if there is no such array, IndexError if it has no such entry."""
        try:
            array = self._array(address)
        except IndexError:
            return None
        return array[index]

    def get_array_entry(self, entry: Any, index: int | None = None) -> int | None:
        """The value at an `ArrayEntry` of the SDK, or at (address, index)."""
        if index is not None:
            return self.get_array_value(entry, index)
        return self.get_array_value(_number(entry.address), self._index(entry.index))

    def get_array_slice(self, part: Any) -> Values | None:
        """The values at an `ArraySlice` of the SDK."""
        return self.get_array_values(_number(part.address), self._index(part.start), self._index(part.stop))

    def get_array_value(self, address: int, index: int) -> int | None:
        """One entry."""
        return self._array(address)[index]

    def get_array_values(self, address: int, start: int, stop: int) -> Values:
        """Entries from start up to stop, which is not among them."""
        return list(self._array(address)[start:stop])

    def init_new_array(self, address: int, length: int) -> None:
        """Make an array of None, in place of one that is there."""
        self._write([(opcodes.SET, R0, int(length)), (opcodes.ARRAY, R0, int(address))])

    def set_array_part(self, address: int, index: int | slice, value: Any) -> None:
        """Write an entry, or as many as a slice has."""
        if isinstance(index, slice):
            places = range(len(self._array(address)))[index]
            if len(places) != len(value):
                raise IndexError(f"{len(value)} values for {len(places)} entries of array @{address}")
            self._store(address, list(zip(places, value, strict=True)))
        else:
            self._store(address, [(index, value)])

    def set_array_value(self, address: int, index: int, value: int | None) -> None:
        """Write one entry."""
        self._store(address, [(index, value)])

    def set_array_entry(self, entry: Any, value: int | None) -> None:
        """Write the entry at an `ArrayEntry` of the SDK."""
        self._store(_number(entry.address), [(self._index(entry.index), value)])

    def set_array_slice(self, part: Any, values: Sequence[int | None]) -> None:
        """Write the entries at an `ArraySlice` of the SDK."""
        self.set_array_part(
            _number(part.address), slice(self._index(part.start), self._index(part.stop)), list(values)
        )

    def _array(self, address: int) -> Values:
        address = int(address)
        known = self._arrays.get(address)
        if (known is None or known[0] != self._version) and self._application.can_ask:
            self._fetch((), (address,))
            known = self._arrays.get(address)
        if known is None:
            raise IndexError(f"there is no array @{address}")
        return known[1]

    def _store(self, address: int, entries: list[tuple[int, int | None]]) -> None:
        before = [self.get_register(name) for name in ("R0", "R1")]
        code: list[tuple[int, ...]] = []
        for index, value in entries:
            code.append((opcodes.SET, R1, int(index)))
            if value is None:
                code.append((opcodes.UNDEF, int(address), R1))
            else:
                code += [(opcodes.SET, R0, int(value)), (opcodes.STORE, R0, int(address), R1)]
        code += [
            (opcodes.SET, byte, old) for byte, old in zip((R0, R1), before, strict=True) if old is not None
        ]
        self._write(code)

    def _write(self, instructions: list[tuple[int, ...]]) -> None:
        if not self._application.can_ask:
            raise ProgramError("memory can be written only by the program whose it is, while it runs")
        self._application.run(encode_instructions(instructions))

    def _index(self, index: Any) -> int:
        if isinstance(index, int):
            return index
        if hasattr(index, "value"):
            return int(index.value)
        value = self.get_register(index)
        if value is None:
            raise IndexError(f"register {index} has no value")
        return value

    # --- qubits -------------------------------------------------------------------------------------------

    @property
    def qubit_mapping(self) -> dict[int, int | None]:
        """Virtual to physical qubit, None for one that is not bound; as many as the SDK hands out."""
        found = {virtual: self._physical(virtual) for virtual in range(_VIRTUALS)}
        last = max((virtual for virtual, place in found.items() if place is not None), default=-1)
        return {virtual: found[virtual] for virtual in range(last + 1)}

    def phys_id_for(self, virt_id: int) -> int | None:
        """The physical qubit of a virtual one, None if it is not bound."""
        return self._physical(virt_id)

    def virt_id_for(self, phys_id: int) -> int | None:
        """The virtual qubit in a physical one, None if it holds none of this application."""
        return next((virtual for virtual, place in self.qubit_mapping.items() if place == phys_id), None)

    def _physical(self, virtual: int) -> int | None:
        try:
            pictures = self._application.inspect(0, (int(virtual),))
        except ProgramError:
            if not self._application.can_ask:
                raise
            return None
        return pictures[0].places[0][1]


_VIRTUALS = 16  # virtual qubits that are looked through for `qubit_mapping`


def _byte(name: Any) -> int:
    if isinstance(name, str):
        return register(name)
    byte: int = name.index << 2 | name.name.value
    return byte


def _number(address: Any) -> int:
    while not isinstance(address, int):
        address = address.address if hasattr(address, "address") else address.value
    return address
