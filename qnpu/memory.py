"""The memory manager: which physical qubit belongs to whom.

A physical qubit is free, owned by a user process (pid), or by the network process, which holds it for
attempts or for a pair that no program has asked for yet. Virtual ids are mapped per process; the map itself
lives in the process, and `bound` is its inverse. Where a qubit has to be for an operation is `placement`'s.
"""

from __future__ import annotations

from collections.abc import Collection

from qdriver.spec import DeviceSpec, PhysicalQubit, VirtualQubit
from qnpu.process import Process

FREE = -2
NETWORK = -1


class Binding:
    """A virtual qubit of a process, and the physical one it is on at present.

    `untouched_ns` is the end of the last thing that the OS itself did to it, as long as nobody else has done
    anything.
    """

    __slots__ = ("process", "qubit", "untouched_ns", "virtual")

    def __init__(
        self, process: Process, virtual: VirtualQubit, qubit: PhysicalQubit, untouched_ns: int
    ) -> None:
        self.process = process
        self.virtual = virtual
        self.qubit = qubit
        self.untouched_ns = untouched_ns


class MemoryManager:
    """Owner table of the device's qubits; who waits for one is in `memoryline`."""

    def __init__(self, spec: DeviceSpec, allocate: str = "memory") -> None:
        self._in_order = allocate == "first"
        self.communication = tuple(q.role == "communication" for q in spec.qubits)
        self.has_roles = not all(self.communication)
        self.owners = [FREE] * len(spec.qubits)
        self.bound: list[Binding | None] = [None] * len(spec.qubits)

    def reset(self) -> None:
        """All free."""
        self.owners = [FREE] * len(self.owners)
        self.bound = [None] * len(self.bound)

    def take(
        self, owner: int, communication: bool | None = None, spared: Collection[int] = ()
    ) -> PhysicalQubit | None:
        """A free qubit for `owner` that is not spared for others, as `choose` has it; None if there is
        none."""
        qubit = self.choose(communication, spared)
        if qubit is not None:
            self.owners[qubit] = owner
        return qubit

    def choose(self, communication: bool | None, spared: Collection[int]) -> PhysicalQubit | None:
        """The free qubit that one who needs that role would get, of those that are not spared.

        If the role does not matter a memory qubit comes before one that pairs need, unless qubits are
        allocated in their order.
        """
        in_order = communication is None and self._in_order
        fallback = None
        for qubit, held_by in enumerate(self.owners):
            if held_by != FREE or qubit in spared:
                continue
            if in_order or self.communication[qubit] == (communication or False):
                return PhysicalQubit(qubit)
            if communication is None and fallback is None:
                fallback = PhysicalQubit(qubit)
        return fallback

    def free(self, qubit: PhysicalQubit) -> None:
        """Nobody's any more."""
        self.owners[qubit] = FREE
        self.bound[qubit] = None

    def bind(self, process: Process, virtual: int, qubit: PhysicalQubit, untouched_ns: int = 0) -> Binding:
        """`virtual` of `process` is now this qubit."""
        binding = Binding(process, VirtualQubit(virtual), qubit, untouched_ns)
        self.owners[qubit] = process.pid
        self.bound[qubit] = binding
        process.virtual[binding.virtual] = qubit
        return binding

    def unbind(self, binding: Binding) -> None:
        """Take a qubit that was just bound back for the network process."""
        self.owners[binding.qubit] = NETWORK
        self.bound[binding.qubit] = None
        del binding.process.virtual[binding.virtual]

    def moved(self, binding: Binding, qubit: PhysicalQubit) -> None:
        """A bound qubit is somewhere else from now on; the owner of where it was stays as it is."""
        binding.qubit = qubit
        self.owners[qubit] = binding.process.pid
        self.bound[qubit] = binding
        binding.process.virtual[binding.virtual] = qubit

    def is_current(self, binding: Binding) -> bool:
        """Whether that virtual qubit has not been given up since."""
        return self.bound[binding.qubit] is binding

    def is_pinned(self, qubit: PhysicalQubit) -> bool:
        """Whether a bound qubit must stay where it is: a program in the device's own flavour calls its
        communication qubit virtual qubit 0, and relies on it."""
        binding = self.bound[qubit]
        if binding is None or not self.has_roles or not self.communication[qubit]:
            return False
        return binding.process.flavour != "vanilla" and binding.virtual == 0

    def role_of(self, process: Process, virtual: int) -> bool | None:
        """Whether `virtual` has to be a communication qubit (True) or a memory qubit (False); None: any."""
        if not self.has_roles or process.flavour == "vanilla":
            return None
        return virtual == 0

    def wanted(self, communication: bool | None) -> list[int]:
        """The qubits of which one has to become free for somebody who needs one of that role.

        A communication qubit that can be moved out of can also be had by way of a memory qubit.
        """
        every = range(len(self.owners))
        if communication is None:
            return list(every)
        if communication and any(
            self.bound[q] is not None and not self.is_pinned(PhysicalQubit(q))
            for q in every
            if self.communication[q]
        ):
            return list(every)
        return [q for q in every if self.communication[q] == communication]

    def leaves_none_for_pairs(self, pid: int) -> bool:
        """Whether a process holds every communication qubit."""
        owners = self.owners
        for qubit, communication in enumerate(self.communication):
            if communication and owners[qubit] != pid:
                return False
        return True

    def count_free(self) -> int:
        """Free qubits."""
        return self.owners.count(FREE)
