"""The memory manager: which physical qubit belongs to whom.

A physical qubit is free, owned by a user process (pid), or by the network process, which holds it for
attempts or for a pair that no program has asked for yet. Virtual ids are mapped per process; the map itself
lives in the process.
"""

from __future__ import annotations

from qdriver.spec import DeviceSpec, PhysicalQubit, VirtualQubit
from qnpu.process import Process

FREE = -2
NETWORK = -1


class MemoryManager:
    """Owner table of the device's qubits, and the queue of processes that wait for one."""

    def __init__(self, spec: DeviceSpec) -> None:
        self.communication = tuple(q.role == "communication" for q in spec.qubits)
        self.owners = [FREE] * len(spec.qubits)
        self.waiting: list[Process] = []  # in the order in which they began to wait

    def reset(self) -> None:
        """All free."""
        self.owners = [FREE] * len(self.owners)
        self.waiting.clear()

    def take(self, owner: int, communication: bool) -> PhysicalQubit | None:
        """A free qubit for `owner`, None if there is none.

        A pair needs a communication qubit; other uses prefer a memory qubit and leave those for pairs.
        """
        fallback = None
        for qubit, held_by in enumerate(self.owners):
            if held_by != FREE:
                continue
            if self.communication[qubit] == communication:
                self.owners[qubit] = owner
                return PhysicalQubit(qubit)
            if not communication and fallback is None:
                fallback = qubit
        if fallback is not None:
            self.owners[fallback] = owner
            return PhysicalQubit(fallback)
        return None

    def free(self, qubit: PhysicalQubit) -> None:
        """Nobody's any more."""
        self.owners[qubit] = FREE

    def bind(self, process: Process, virtual: int, qubit: PhysicalQubit) -> None:
        """`virtual` of `process` is now this qubit."""
        self.owners[qubit] = process.pid
        process.virtual[VirtualQubit(virtual)] = qubit

    def held_only_by(self, pid: int) -> bool:
        """Whether `pid` owns every qubit of the device."""
        return all(owner == pid for owner in self.owners)

    def count_free(self) -> int:
        """Free qubits."""
        return self.owners.count(FREE)
