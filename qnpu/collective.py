"""Instructions on all qubits of a process at once: those of the trapped_ion flavour.

`init_all` and `meas_all` are done qubit by qubit and touch nobody else. A rotation or an interaction acts on
every ion of the trap, so the process that asks for one must have the device to itself: `has_device_alone`
says so, or what to wait for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from netqasm_isa import opcodes as op
from qdriver.driver import Operation
from qdriver.spec import PhysicalQubit
from qnpu.arrays import array_at
from qnpu.code import GATE_ALL
from qnpu.memory import FREE, MemoryManager
from qnpu.process import Process, WaitReason
from qnpu.traps import failure_tag, trap
from qruntime.qdevice import OpCode

if TYPE_CHECKING:
    from qnpu.main import Qnpu
    from qnpu.netstack import NetworkStack

COLLECTIVE: Final = (GATE_ALL, op.INIT_ALL, op.MEAS_ALL)


class Collective:
    """Runs one of these instructions for the processor.

    `measure(qubit, now)` measures and returns the reference of the outcome.
    """

    def __init__(self, qnpu: Qnpu, measure: Callable[[PhysicalQubit, int], int]) -> None:
        self._driver = qnpu.driver
        self._memory = qnpu.memory
        self._line = qnpu.line
        self._netstack = qnpu.netstack
        self._measure = measure

    def run(self, process: Process, ins: tuple[Any, ...], now_ns: int) -> bool:
        """Do `ins` now; False if the process must wait first (`process.wait` says for what).

        After `meas_all` the process awaits the outcomes. Raises `Trap`, having done nothing, if it cannot be.
        """
        tag = failure_tag(process.pid)
        if ins[0] == GATE_ALL:
            if not has_device_alone(process, self._memory, self._netstack):
                return False
            self._line.leave(process)
            everywhere = Operation(OpCode.ALL_QUBITS, ins[1], n=ins[2], d=ins[3], ref=tag)
            process.device_end_ns = self._driver.submit(everywhere, now_ns)
        elif ins[0] == op.INIT_ALL:
            for _, qubit in sorted(process.virtual.items()):
                end_ns = self._driver.submit(Operation(OpCode.INIT, "init", qubit, ref=tag), now_ns)
                process.device_end_ns = max(process.device_end_ns, end_ns)
        else:
            self._measure_all(process, ins[1], ins[2], now_ns)
        return True

    def _measure_all(self, process: Process, register: int, address: int, now_ns: int) -> None:
        held = sorted(process.virtual.items())
        array = array_at(process, address)
        if held and held[-1][0] >= len(array):
            raise trap(
                f"array @{address} of length {len(array)} has no entry for virtual qubit {held[-1][0]}"
            )
        process.registers[register] = len(held)
        process.outcome_array = address
        for virtual, qubit in held:
            ref = self._measure(qubit, now_ns)
            process.outcome_ref = ref
            process.outcome_entries[ref] = virtual
            process.device_end_ns = max(process.device_end_ns, self._driver.qubit_free_ns[qubit])


def has_device_alone(process: Process, memory: MemoryManager, netstack: NetworkStack) -> bool:
    """Whether no other process holds a qubit; else `process.wait` says that it waits until then.

    Pairs that no program has asked for are given up if they are all that is in the way. A qubit that is
    reserved for attempts holds nothing yet.
    """
    while others := _others(process, memory, netstack):
        if any(owner >= 0 for owner in others) or not netstack.process.kept.evict_unclaimed():
            process.wait = WaitReason("memory")
            return False
    return True


def _others(process: Process, memory: MemoryManager, netstack: NetworkStack) -> list[int]:
    """Owners of qubits that hold something and are not the process's."""
    reserved = [link.qubit for link in netstack.links.values()]
    return [
        owner
        for qubit, owner in enumerate(memory.owners)
        if owner not in (FREE, process.pid) and qubit not in reserved
    ]
