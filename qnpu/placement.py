"""Placement: where a qubit has to be for an operation, and the moves that bring it there.

Not every device measures every qubit or joins every two. Programs in the vanilla flavour need not know: the
OS moves their qubits, and those in the way, whoever they belong to. A move is an operation of the device like
any other, so the maps change at once and the device follows. A qubit in the way goes to a free memory
qubit; if there is none the two change places. So does a pair that waits for the program that will have it.
What is pinned (see `MemoryManager.is_pinned`) is never moved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qdriver.driver import Operation
from qdriver.spec import PhysicalQubit
from qnpu.linklayer import Pair
from qnpu.memory import FREE, NETWORK, Binding
from qnpu.process import Process, WaitReason
from qnpu.traps import Trap, failure_tag
from qruntime.errors import SubroutineError
from qruntime.qdevice import OpCode

if TYPE_CHECKING:
    from qnpu.main import Qnpu
    from qnpu.netprocess import NetworkProcess


class Placement:
    """Moves qubits on one device. `matters` is False where every qubit can do everything, pairs included."""

    def __init__(self, qnpu: Qnpu) -> None:
        self._qnpu = qnpu
        self._driver = qnpu.driver
        self._memory = qnpu.memory
        self._line = qnpu.line
        self._gate_ns = qnpu.settings.gate_ns
        spec = qnpu.driver.spec
        every = range(len(spec.qubits))
        self.measurable = [spec.qubits[q].measurable for q in every]
        pairs = {(a, b) for a in every for b in every if a != b} if spec.pairs is None else set(spec.pairs)
        self.joined = pairs | {(b, a) for a, b in pairs}
        roles = {qubit.role for qubit in spec.qubits}
        self.matters = not all(self.measurable) or spec.pairs is not None or len(roles) > 1
        self._hubs = [q for q in every if self.measurable[q] and spec.qubits[q].role == "communication"]

    def to_measure(self, process: Process, qubit: PhysicalQubit, now_ns: int) -> int | None:
        """Bring a qubit of `process` to where it can be measured.

        Returns until when the OS is busy with it, None if the process has to wait (`process.wait` says for
        what). Raises `Trap` if waiting cannot help.
        """
        return self._to_hub(process, qubit, (), now_ns)

    def together(
        self, process: Process, first: PhysicalQubit, second: PhysicalQubit, now_ns: int
    ) -> int | None:
        """Bring two qubits of `process` to where one gate can act on both; as `to_measure`."""
        return self._to_hub(process, first, (second,), now_ns)

    def make_room(self, now_ns: int) -> PhysicalQubit | None:
        """A communication qubit for the network process that somebody has to move out of; None if nobody
        can."""
        for hub in map(PhysicalQubit, self._hubs):
            occupant = self._occupant(hub)
            if occupant is not None and self._vacate(hub, occupant, (), now_ns) is not None:
                self._memory.owners[hub] = NETWORK
                return hub
        return None

    def place_for(self, process: Process, communication: bool, now_ns: int) -> PhysicalQubit | None:
        """A qubit of one role for a process that insists on it; None if there is none and none can be made
        free."""
        qubit = self._memory.take(process.pid, communication, self._line.spared(process))
        while qubit is None and not communication and self._network.kept.evict_unclaimed(memory=True):
            qubit = self._memory.take(process.pid, communication, self._line.spared(process))
        if qubit is not None or not communication:
            return qubit
        if self._line.is_behind(process) or not self._network.sharing.lend(now_ns):
            return None
        for hub in map(PhysicalQubit, self._hubs):
            if self._make_free(hub, (), now_ns) is not None:
                self._memory.owners[hub] = process.pid
                return hub
        return None

    def put_away(self, binding: Binding, now_ns: int) -> bool:
        """Move a bound qubit into memory; False if no memory qubit is free."""
        return self._vacate(binding.qubit, binding, (), now_ns) is not None

    def fetch(self, binding: Binding, now_ns: int) -> bool:
        """Move a bound qubit out of memory into a communication qubit; False if none can be made free."""
        for hub in map(PhysicalQubit, self._hubs):
            if (hub, binding.qubit) in self.joined:
                busy_ns = self._make_free(hub, (binding.qubit,), now_ns)
                if busy_ns is not None:
                    self._move(binding, hub, busy_ns)
                    return True
        return False

    # --------------------------------------------------------------------------------------------------

    @property
    def _network(self) -> NetworkProcess:
        return self._qnpu.network

    def _to_hub(
        self, process: Process, qubit: PhysicalQubit, partners: tuple[PhysicalQubit, ...], now_ns: int
    ) -> int | None:
        binding = self._memory.bound[qubit]
        assert binding is not None
        hubs = [PhysicalQubit(hub) for hub in self._hubs if (hub, qubit) in self.joined]
        for hub in hubs:
            busy_ns = self._make_free(hub, (qubit, *partners), now_ns)
            if busy_ns is not None:
                self._line.leave(process)
                return self._move(binding, hub, busy_ns)
        for hub in hubs:
            occupant = self._occupant(hub)
            if occupant is not None and hub not in partners and not self._memory.is_pinned(hub):
                self._line.leave(process)
                return self._swap(binding, occupant, now_ns)
        holders = self._qnpu.holders()
        if all(holders[hub] == process.pid for hub in hubs):
            raise Trap(
                SubroutineError(
                    f"NO_QUBIT: virtual qubit {binding.virtual} has to come to a communication qubit, which "
                    "virtual qubit 0 of the program itself holds",
                    cause="NO_QUBIT",
                )
            )
        process.wait = WaitReason("memory", virtual=binding.virtual, communication=True)
        return None

    def _make_free(self, hub: PhysicalQubit, keep: tuple[PhysicalQubit, ...], now_ns: int) -> int | None:
        """Make `hub` free, whoever has it; returns until when the OS is busy with that, None if it cannot."""
        owner = self._memory.owners[hub]
        if owner == FREE:
            return now_ns
        if owner == NETWORK and self._network.give_back(hub, now_ns):
            return now_ns
        occupant = self._occupant(hub)
        if occupant is None:
            return None
        busy_ns = self._vacate(hub, occupant, keep, now_ns)
        if busy_ns is None and self._network.kept.evict_from(hub):
            return now_ns
        return busy_ns

    def _occupant(self, hub: PhysicalQubit) -> Binding | Pair | None:
        """What is in a communication qubit and could be moved."""
        return self._memory.bound[hub] or self._network.kept.pair_in(hub)

    def _vacate(
        self, hub: PhysicalQubit, occupant: Binding | Pair, keep: tuple[PhysicalQubit, ...], now_ns: int
    ) -> int | None:
        if hub in keep or self._memory.is_pinned(hub):
            return None
        for target, owner in enumerate(self._memory.owners):
            if owner == FREE and not self._memory.communication[target] and (hub, target) in self.joined:
                return self._move(occupant, PhysicalQubit(target), now_ns)
        return None

    def _move(self, held: Binding | Pair, target: PhysicalQubit, at_ns: int) -> int:
        source = held.qubit
        assert source is not None
        busy_ns = at_ns + self._gate_ns
        untouched = self._is_untouched(held)
        end_ns = self._submit("mov", held, source, target, busy_ns)
        self._memory.free(source)
        self._put(held, target)
        if untouched:
            held.untouched_ns = end_ns
        self._driver.discard(source)
        self._qnpu.memory_freed()
        return busy_ns

    def _swap(self, binding: Binding, occupant: Binding | Pair, at_ns: int) -> int:
        source, target = binding.qubit, occupant.qubit
        assert target is not None
        busy_ns = at_ns + self._gate_ns
        untouched = [one for one in (binding, occupant) if self._is_untouched(one)]
        end_ns = self._submit("swp", binding, source, target, busy_ns)
        self._put(occupant, source)
        self._put(binding, target)
        for one in untouched:
            one.untouched_ns = end_ns
        if isinstance(occupant, Pair):
            self._qnpu.memory_freed()  # it may have waited for just that place
        return busy_ns

    def _put(self, held: Binding | Pair, target: PhysicalQubit) -> None:
        if isinstance(held, Binding):
            self._memory.moved(held, target)
        else:
            held.qubit = target
            self._memory.owners[target] = NETWORK
            self._memory.bound[target] = None

    def _is_untouched(self, held: Binding | Pair) -> bool:
        """Whether nobody but the OS has done anything to it."""
        assert held.qubit is not None
        return self._driver.qubit_free_ns[held.qubit] <= held.untouched_ns

    def _submit(
        self, gate: str, held: Binding | Pair, source: PhysicalQubit, target: PhysicalQubit, at_ns: int
    ) -> int:
        pid, virtual = NETWORK, -1
        if isinstance(held, Binding):
            pid, virtual = held.process.pid, held.virtual
        end_ns = self._driver.submit(
            Operation(OpCode.TWO_QUBIT, gate, source, target, ref=failure_tag(pid)), at_ns
        )
        if isinstance(held, Binding):
            held.process.device_end_ns = max(held.process.device_end_ns, end_ns)
        if self._qnpu.tracing:
            event = "MEMORY_MOVE" if gate == "mov" else "MEMORY_SWAP"
            self._qnpu.trace("memory", event, pid, (virtual, source, target))
        return end_ns
