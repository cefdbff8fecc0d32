"""Notes of what user processes get done, for who wants to see programs run: one record for each instruction
that a device carries out, at the end of the operation, and one for each pair that is delivered.

They are taken only if the network says so (`testing.instructions_traced`) and somebody traces.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from qdriver.spec import VirtualQubit
from qnpu.process import Process

if TYPE_CHECKING:
    from qnpu.linklayer import Pair
    from qnpu.main import Qnpu

Taker = Callable[..., None]


class Notes:
    """Takes notes for one QNPU, if it is `wanted`."""

    def __init__(self, qnpu: Qnpu, wanted: bool) -> None:
        self._qnpu = qnpu
        self._wanted = wanted

    def taker(self) -> Taker | None:
        """Who is to be told (process, index of the instruction, registers with its qubits); None if nobody
        wants to know."""
        return self._take if self._wanted and self._qnpu.tracing else None

    def delivered(self, process: Process, peer: int, pair: Pair) -> None:
        """A process got a pair: peer, serial number, physical qubit (-1: it was measured), outcome, basis."""
        if self._wanted and self._qnpu.tracing:
            qubit = -1 if pair.qubit is None else pair.qubit
            data = (peer, pair.serial, qubit, pair.outcome, pair.basis)
            self._qnpu.trace("egp", "EGP_DELIVERED", process.pid, data)

    def _take(self, process: Process, pc: int, *registers: int) -> None:
        subroutine = process.current
        assert subroutine is not None
        data: list[int | str] = [subroutine.number, pc]
        for register in registers:
            virtual = process.registers[register]
            assert virtual is not None
            data += [register, virtual, process.virtual[VirtualQubit(virtual)]]
        end_ns, event = process.device_end_ns, "PROCESSOR_INSTRUCTION"
        self._qnpu.trace_at(end_ns, "processor", event, process.pid, tuple(data))
