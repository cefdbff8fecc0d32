"""Books of which physical qubits are taken, as scripts may keep for themselves; the OS keeps its own."""

from __future__ import annotations


class AllocError(Exception):
    """There is no qubit left, or not this one."""


class PhysicalQuantumMemory:
    """Equal qubits, numbered from 0; all of them communicate."""

    def __init__(self, qubit_count: int) -> None:
        self._taken = [False] * qubit_count

    @property
    def qubit_count(self) -> int:
        """How many there are."""
        return len(self._taken)

    @property
    def comm_qubit_count(self) -> int:
        """How many of them communicate."""
        return len(self.comm_qubit_ids)

    @property
    def comm_qubit_ids(self) -> list[int]:
        """Those that communicate."""
        return list(range(self.qubit_count))

    def allocate(self) -> int:
        """Take the first that is free; `AllocError` if there is none."""
        return self._take(range(self.qubit_count))

    def allocate_comm(self) -> int:
        """Take the first free one that communicates."""
        return self._take(self.comm_qubit_ids)

    def allocate_mem(self) -> int:
        """Take the first free one that only stores."""
        return self._take(self._memory_ids())

    def _memory_ids(self) -> range:
        return range(self.qubit_count)

    def _take(self, choice: range | list[int]) -> int:
        for qubit in choice:
            if not self._taken[qubit]:
                self._taken[qubit] = True
                return qubit
        raise AllocError("no qubit is free")

    def free(self, id: int) -> None:
        """Give one back."""
        if not self.is_allocated(id):
            raise AllocError(f"qubit {id} is not taken")
        self._taken[id] = False

    def is_allocated(self, id: int) -> bool:
        """Whether one is taken."""
        if not 0 <= id < self.qubit_count:
            raise AllocError(f"there is no qubit {id}; there are 0..{self.qubit_count - 1}")
        return self._taken[id]

    def clear(self) -> None:
        """Give all back."""
        self._taken = [False] * self.qubit_count


class NVPhysicalQuantumMemory(PhysicalQuantumMemory):
    """Qubit 0 communicates, the others store."""

    @property
    def comm_qubit_ids(self) -> list[int]:
        """The electron."""
        return [0]

    def _memory_ids(self) -> range:
        return range(1, self.qubit_count)
