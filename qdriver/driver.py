"""The hardware boundary: `QDriver`, the one class a new hardware model implements.

The processor submits platform-independent operations with the time from which they may begin. A driver
translates each into native ones (`translate`), and this base class gives them their start on the device's
clock, batches them and keeps the books. Nothing is waited for here: results come back to the OS as
`Outcome` and `Herald` messages.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from qdriver.spec import DeviceSpec
from qruntime.actors import Message
from qruntime.errors import DriverError
from qruntime.limits import BATCH_OPS
from qruntime.qdevice import DeviceOp, Entangle, EntangleItem, OpCode, Operate

_REMEMBERED = 1 << 16  # translations kept
_NATIVE = (OpCode.INIT, OpCode.ONE_QUBIT, OpCode.TWO_QUBIT, OpCode.MEASURE, OpCode.ALL_QUBITS)


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


class _Native(NamedTuple):
    """A native operation with its duration; `answers` if the outcome asked for is its."""

    op: int
    gate: str
    qubit: int
    qubit2: int
    n: int
    d: int
    duration_ns: int
    answers: bool


class QDriver(ABC):
    """Timing and batching for every driver; a hardware model adds `translate`.

    The OS calls `submit`, `entangle` and `discard` while it handles an event and `take` at the end of it.
    Operations of one device run one after another (`free_ns` says from when the next may start), except for
    those that the spec lets begin together.
    """

    looks_at_present = False  # translations depend on which qubits hold something (`present`)

    def __init__(self, spec: DeviceSpec) -> None:
        self.spec = spec
        self.free_ns = 0
        self.present = 0  # bit q is set while qubit q holds something, where translations depend on it
        self._tick_ns = spec.tick_ns
        self._parallel = frozenset(spec.parallel)
        self._last_gate = ""
        self._last_start_ns = 0
        self._ops: list[DeviceOp] = []
        self._urgent = False  # there is more to tell the device than discards
        self._messages: list[Message] = []
        self.qubit_free_ns = [0] * len(spec.qubits)  # end of the last operation that touched each qubit
        self._known: dict[tuple[int, str, int, int, int, int, int], tuple[_Native, ...]] = {}

    @abstractmethod
    def translate(self, operation: Operation) -> Sequence[Operation]:
        """Native operations, in order, that do `operation`; the same for equal operations.

        The one that gives the outcome that `operation` asks for carries its `ref`. Raises `DriverError` if
        the hardware cannot.
        """

    def reset(self) -> None:
        """As new: the device is free at time 0."""
        self.free_ns = 0
        self.present = 0
        self._last_gate = ""
        self.qubit_free_ns = [0] * len(self.qubit_free_ns)
        self._ops.clear()
        self._urgent = False
        self._messages.clear()

    def submit(self, operation: Operation, at_ns: int) -> int:
        """Do `operation` as soon as the device is free, not before `at_ns`; returns when it will end.

        Raises `DriverError`, having done nothing, if the hardware cannot.
        """
        ref = operation.ref
        key = (
            operation.op, operation.gate, operation.qubit, operation.qubit2, operation.n, operation.d,
            self.present,
        )  # fmt: skip
        natives = self._known.get(key)
        if natives is None:
            natives = self._translated(operation, key)
        free = self.free_ns
        end = at_ns if at_ns > free else free
        no_ref = -1 if ref >= 0 else ref
        qubit_free_ns = self.qubit_free_ns
        for op, gate, qubit, qubit2, n, d, duration_ns, answers in natives:
            if (
                gate in self._parallel
                and gate == self._last_gate
                and at_ns <= self._last_start_ns
                and qubit_free_ns[qubit] <= self._last_start_ns
            ):
                start = self._last_start_ns
            else:
                start = self.on_grid(end) if self._tick_ns else end
                self._last_gate, self._last_start_ns = gate, start
            self._ops.append(DeviceOp(op, start, gate, qubit, qubit2, n, d, ref if answers else no_ref))
            ended = start + duration_ns
            if ended > end:
                end = ended
            if qubit >= 0:
                qubit_free_ns[qubit] = ended
                if qubit2 >= 0:
                    qubit_free_ns[qubit2] = ended
            else:
                self.qubit_free_ns = qubit_free_ns = [max(ended, free_ns) for free_ns in qubit_free_ns]
        self.free_ns = end
        self._urgent = True
        if self.looks_at_present:
            self._hold(operation)
        if len(self._ops) >= BATCH_OPS:
            self.flush()
        return ended

    def could_begin_ns(self, gate: str, qubit: int) -> int:
        """When the device has time for a gate: once it is free, or once `qubit` is if the gate may join the
        last one."""
        if gate == self._last_gate and gate in self._parallel:
            return self.qubit_free_ns[qubit]
        return self.free_ns

    def natives(self, operation: Operation) -> tuple[_Native, ...]:
        """What `operation` is made of if nothing else is on the device; nothing is done.

        Raises `DriverError` if the hardware cannot.
        """
        present, self.present = self.present, 0
        try:
            return tuple(self._translated(operation, None))
        finally:
            self.present = present

    def _translated(
        self, operation: Operation, key: tuple[int, str, int, int, int, int, int] | None
    ) -> tuple[_Native, ...]:
        """Translate for the first time: all or nothing, so that a refused operation leaves no half of itself
        behind."""
        rule = f"translate: the {self.spec.kind} driver translated {operation.gate}"
        if operation.op != OpCode.ALL_QUBITS:
            self._refuse_operands(operation, f"{operation.gate} was asked for")
        try:
            found = tuple(self.translate(operation))
        except DriverError:
            raise
        except Exception as error:  # a driver is other people's code
            raise DriverError(f"{rule} by raising {type(error).__name__}: {error}") from error
        natives = []
        for native in found:
            self._refuse_impossible(native, rule)
            gate = self.spec.gate(native.gate, max(native.qubit, 0))
            if gate is None:
                names = dict.fromkeys([*self.spec.gates, *self.spec.qubits[max(native.qubit, 0)].gates])
                raise DriverError(
                    f"{rule} into {native.gate}, which the device does not have; native are "
                    f"{', '.join(sorted(names))}"
                )
            natives.append(
                _Native(
                    native.op,
                    native.gate,
                    native.qubit,
                    native.qubit2,
                    native.n,
                    native.d,
                    gate.duration_ns,
                    operation.ref >= 0 and native.ref == operation.ref and native.op == OpCode.MEASURE,
                )
            )
        if not natives:
            raise DriverError(f"{rule} into nothing at all")
        if operation.ref >= 0 and sum(native.answers for native in natives) != 1:
            raise DriverError(f"{rule} into operations of which not exactly one measures and has its ref")
        known = tuple(natives)
        if key is not None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[key] = known
        return known

    def _refuse_impossible(self, native: Operation, rule: str) -> None:
        """Raise `DriverError` if there can be no such operation on this device."""
        if not isinstance(native, Operation):
            raise DriverError(f"{rule} into a {type(native).__name__}; allowed: Operation")
        numbers = (native.op, native.qubit, native.qubit2, native.n, native.d, native.ref)
        if not (isinstance(native.gate, str) and all(isinstance(number, int) for number in numbers)):
            raise DriverError(f"{rule} into {native}; allowed: a gate by name, all else integers")
        if native.op not in _NATIVE:
            raise DriverError(f"{rule} into {native.gate} with op {native.op}, which is not native")
        if native.op != OpCode.ALL_QUBITS:
            self._refuse_operands(native, f"{rule} into {native.gate}")

    def _refuse_operands(self, operation: Operation, what: str) -> None:
        operands = [operation.qubit]
        if operation.op == OpCode.TWO_QUBIT or operation.qubit2 != -1:
            operands.append(operation.qubit2)
        for qubit in operands:
            if not 0 <= qubit < len(self.spec.qubits):
                raise DriverError(f"{what} on qubit {qubit}, which there is not")
        if operation.qubit == operation.qubit2:
            raise DriverError(f"{what} on qubit {operation.qubit} twice")

    def _hold(self, operation: Operation) -> None:
        for qubit in (operation.qubit, operation.qubit2):
            if qubit >= 0:
                self.present |= 1 << qubit

    def received(self, qubit: int) -> None:
        """A half of a pair came into `qubit`."""
        if self.looks_at_present:
            self.present |= 1 << qubit

    def discard(self, qubit: int) -> None:
        """Nobody owns `qubit` any more: its state may be traced out.

        Travels with the next operations.
        """
        self._ops.append(DeviceOp(OpCode.DISCARD, self.free_ns, "", qubit))
        if self.looks_at_present:
            self.present &= ~(1 << qubit)

    def breakpoint(self, action: int, role: int, qubits: Sequence[int], at_ns: int) -> None:
        """Ask for a dump of the state of `qubits` into the trace, at the end of what was submitted so
        far."""
        at = max(at_ns, self.free_ns)
        self._urgent = True
        for place, qubit in enumerate(qubits):
            self._ops.append(
                DeviceOp(OpCode.BREAKPOINT, at, "", qubit, len(qubits) - 1 - place, action, role)
            )

    def entangle(
        self, peer: int, qubit: int, items: Sequence[EntangleItem], at_ns: int, heard: int, number: int = 0
    ) -> None:
        """Be ready from `at_ns` to make the pairs `items` with `peer` on `qubit`; no items: leave that
        state.

        `heard` counts the heralds of this link that were taken so far; `number` comes back with the answer.
        """
        self.flush()
        start = at_ns
        if items:
            start = max(at_ns, self.free_ns if self.spec.attempt_exclusive else self.qubit_free_ns[qubit])
        self._messages.append(Entangle(peer, qubit, self.on_grid(start), heard, tuple(items), number))

    def has(self, gate: str, qubit: int) -> bool:
        """Whether `gate` on `qubit` is native."""
        return self.spec.gate(gate, qubit) is not None

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
