"""The hardware boundary: `QDriver`, the one class a new hardware model implements.

The processor submits platform-independent operations with the time from which they may begin. A driver
translates each into native ones (`translate`), and this base class gives them their start on the device's
clock, batches them and keeps the books. Nothing is waited for here: results come back to the OS as
`Outcome` and `Herald` messages.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import msgspec

from qdriver.spec import DeviceSpec
from qruntime.actors import Message
from qruntime.errors import DriverError
from qruntime.limits import BATCH_OPS
from qruntime.messages import DeviceOp, Entangle, EntangleItem, OpCode, Operate


class Operation(msgspec.Struct, frozen=True, gc=False):
    """One operation on physical qubits, not yet in time.

    Angle n*pi/2^d. `gate` is the NetQASM mnemonic before translation and a native gate's name after it.
    `ref` >= 0 asks for an outcome; any other comes back only if the operation fails, and says whose it was.
    """

    op: int
    gate: str
    qubit: int = -1
    qubit2: int = -1
    n: int = 0
    d: int = 0
    ref: int = -1


class QDriver(ABC):
    """Timing and batching for every driver; a hardware model adds `translate`.

    The OS calls `submit`, `entangle` and `discard` while it handles an event and `take` at the end of it.
    Operations of one device run one after another (`free_ns` says from when the next may start).
    """

    def __init__(self, spec: DeviceSpec) -> None:
        self.spec = spec
        self.free_ns = 0
        self._tick_ns = spec.tick_ns
        self._ops: list[DeviceOp] = []
        self._urgent = False  # there is more to tell the device than discards
        self._messages: list[Message] = []
        self.qubit_free_ns = [0] * len(spec.qubits)  # end of the last operation that touched each qubit
        self._durations = {name: gate.duration_ns for name, gate in spec.gates.items()}

    @abstractmethod
    def translate(self, operation: Operation) -> Sequence[Operation]:
        """Native operations, in order, that do `operation`.

        Raises `DriverError` if the hardware cannot.
        """

    def reset(self) -> None:
        """As new: the device is free at time 0."""
        self.free_ns = 0
        self.qubit_free_ns = [0] * len(self.qubit_free_ns)
        self._ops.clear()
        self._urgent = False
        self._messages.clear()

    def submit(self, operation: Operation, at_ns: int) -> int:
        """Do `operation` as soon as the device is free, not before `at_ns`; returns when it will end.

        Raises `DriverError`, having done nothing, if the hardware cannot.
        """
        end = at_ns if at_ns > self.free_ns else self.free_ns
        natives = self.translate(operation)
        for native in natives:  # all or nothing: a refused operation leaves no half of itself behind
            if native.gate not in self._durations:
                raise DriverError(
                    f"{self.spec.kind} driver translated {operation.gate} into {native.gate}, which the "
                    f"device does not have; native are {', '.join(sorted(self._durations))}"
                )
        for native in natives:
            start = self.on_grid(end) if self._tick_ns else end
            ref = native.ref if native.ref >= 0 else min(operation.ref, -1)
            self._ops.append(
                DeviceOp(native.op, start, native.gate, native.qubit, native.qubit2, native.n, native.d, ref)
            )
            end = start + self._durations[native.gate]
            self.qubit_free_ns[native.qubit] = end
            if native.qubit2 >= 0:
                self.qubit_free_ns[native.qubit2] = end
        self.free_ns = end
        self._urgent = True
        if len(self._ops) >= BATCH_OPS:
            self.flush()
        return end

    def discard(self, qubit: int) -> None:
        """Nobody owns `qubit` any more: its state may be traced out.

        Travels with the next operations.
        """
        self._ops.append(DeviceOp(OpCode.DISCARD, self.free_ns, "", qubit))

    def breakpoint(self, action: int, role: int, qubits: Sequence[int], at_ns: int) -> None:
        """Ask for a dump of the state of `qubits` into the trace, at the end of what was submitted so
        far."""
        at = max(at_ns, self.free_ns)
        self._urgent = True
        for place, qubit in enumerate(qubits):
            self._ops.append(
                DeviceOp(OpCode.BREAKPOINT, at, "", qubit, len(qubits) - 1 - place, action, role)
            )

    def entangle(self, peer: int, qubit: int, items: Sequence[EntangleItem], at_ns: int, heard: int) -> None:
        """Be ready from `at_ns` to make the pairs `items` with `peer` on `qubit`; no items: leave that
        state.

        `heard` counts the heralds of this link that were taken so far.
        """
        self.flush()
        start = max(at_ns, self.qubit_free_ns[qubit]) if items else at_ns
        self._messages.append(Entangle(peer, qubit, self.on_grid(start), heard, tuple(items)))

    def on_grid(self, t_ns: int) -> int:
        """The first time from `t_ns` on at which the device takes an instruction."""
        tick = self._tick_ns
        return t_ns if tick == 0 else -(-t_ns // tick) * tick

    def flush(self) -> None:
        """Close the present batch of operations."""
        if self._ops:
            self._messages.append(Operate(tuple(self._ops)))
            self._ops = []
            self._urgent = False

    def take(self) -> list[Message]:
        """What the device must be told now, in order.

        Discards alone wait for company.
        """
        if self._ops and self._urgent:
            self.flush()
        if not self._messages:
            return []
        messages, self._messages = self._messages, []
        return messages
