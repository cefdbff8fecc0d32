"""Simulated devices: physical qubits, native operations and their noise.

`Device` keeps the qubits and the clock of one node's hardware; a kind of hardware adds the noisy transfer
matrix of each native operation, mostly as tables (`tabled.py`). The order in which noise acts: each qubit
decoheres while it idles, from the end of its last operation to the start of the next; an operation's own
noise acts after its ideal action, whatever it lasts. Operations run one after another, but those of one gate
in `parallel` may begin together on different qubits.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

from qruntime.qdevice import ROTATION_GATES, DeviceOp, OpCode, Response
from qruntime.rng import Stream
from qworld.channels import IdleNoise
from qworld.engine import Engine, GroupTooLarge, Qubit
from qworld.gates import Ptm


class Device(ABC):
    """One node's hardware.

    Subclasses give durations and noisy maps; this class applies them in time.
    """

    attempt_exclusive = False  # nothing else runs while it attempts entanglement
    parallel: frozenset[str] = frozenset()  # gates that may begin together on different qubits
    readout_keeps_coherence = True  # a faulty readout is a weak measurement; else it is right and misreported

    def __init__(self, num_qubits: int, engine: Engine) -> None:
        self.engine = engine
        self.qubits: list[Qubit | None] = [None] * num_qubits
        self.busy_ns = 0  # end of the last operation
        self._last_gate, self._last_ns = "", -1  # of the last operation, and its start

    # --- what a kind of hardware says -----------------------------------------------------------------

    @abstractmethod
    def idle(self, qubit: int) -> IdleNoise | None:
        """Idle decoherence of physical qubit `qubit`, None for none."""

    @abstractmethod
    def duration_ns(self, op: DeviceOp) -> int:
        """How long `op` takes.

        Raises KeyError for an instruction the device does not have.
        """

    @abstractmethod
    def map1(self, gate: str, n: int, d: int, qubit: int) -> Ptm:
        """Noisy 4x4 transfer matrix of a native reset noise or one-qubit gate on `qubit`."""

    @abstractmethod
    def map2(self, gate: str, n: int, d: int, qubit: int, qubit2: int) -> Ptm:
        """Noisy 16x16 transfer matrix of a native two-qubit gate."""

    @abstractmethod
    def readout(self, qubit: int) -> tuple[float, float]:
        """P(read 1 | 0) and P(read 0 | 1) of `qubit`."""

    def begin_shot(self, stream: Callable[[str], Stream]) -> None:  # noqa: B027 - most have nothing to draw
        """A shot begins on a device as new; what varies from shot to shot is drawn here.

        `stream(purpose)` is this shot's random stream of the device for one purpose.
        """

    @property
    def can_herald(self) -> bool:
        """Whether attempts can succeed at all in this shot."""
        return True

    def collective(self, op: DeviceOp) -> None:
        """Do an operation on all qubits present, at `op.start_ns`.

        Raises KeyError for one the device does not have.
        """
        raise KeyError(op.gate)

    def after_attempts(self, count: int, bright: float) -> None:  # noqa: B027 - most are not disturbed
        """What `count` attempts to entangle did to the qubits that took no part.

        `bright` is the bright-state population of the one that did.
        """

    # --- what the world calls -------------------------------------------------------------------------

    def reset(self) -> None:
        """As new; the engine is cleared by its owner."""
        self.qubits = [None] * len(self.qubits)
        self.busy_ns = 0
        self._last_gate, self._last_ns = "", -1

    def operate(self, op: DeviceOp, stream: Stream) -> tuple[int, int]:
        """Do one native operation; returns (end in ns, response code).

        What the hardware cannot do is answered with a failure code and changes nothing.
        """
        kind = op.op
        start = op.start_ns
        qubit = op.qubit
        if kind == _DISCARD:
            self.place(qubit, None)
            return start, Response.SUCCESS_ZERO
        if kind == _ALL_QUBITS:
            return self._operate_all(op)
        if not 0 <= qubit < len(self.qubits) or op.qubit2 >= len(self.qubits) or op.qubit2 == qubit:
            return start, Response.INVALID_QUBIT
        gate = op.gate
        busy_ns = self.busy_ns
        if start < busy_ns and not (
            gate in self.parallel and self._last_gate == gate and self._last_ns == start
        ):
            return start, Response.HARDWARE_FAILURE
        try:
            end = start + self.duration_ns(op)
        except KeyError:
            return start, Response.UNSUPPORTED_REQUEST
        self.busy_ns = end if end > busy_ns else busy_ns
        self._last_gate, self._last_ns = gate, start
        engine = self.engine
        q = self.qubits[qubit] or self._fresh(qubit, start)
        if kind == _ONE_QUBIT:
            engine.idle_until(q, start)
            engine.apply1(q, self.map1(gate, op.n, op.d, qubit))
        elif kind == _TWO_QUBIT:
            q2 = self.qubits[op.qubit2] or self._fresh(op.qubit2, start)
            engine.idle_until(q, start)
            engine.idle_until(q2, start)
            try:
                engine.apply2(q, q2, self.map2(gate, op.n, op.d, qubit, op.qubit2))
            except GroupTooLarge:
                return start, Response.SIMULATION_LIMIT
            engine.touch(q2, end)
        elif kind == _MEASURE:
            outcome = self._measure(q, qubit, start, stream)
            engine.touch(q, end)
            return end, Response.SUCCESS_ONE if outcome else Response.SUCCESS_ZERO
        elif kind == _INIT:
            engine.reset(q)
            engine.touch(q, start)
            engine.apply1(q, self.map1("init", 0, 0, qubit))
        else:
            return start, Response.UNSUPPORTED_REQUEST
        engine.touch(q, end)
        return end, Response.SUCCESS_ZERO

    def _operate_all(self, op: DeviceOp) -> tuple[int, int]:
        start = op.start_ns
        if start < self.busy_ns:
            return start, Response.HARDWARE_FAILURE
        try:
            end = start + self.duration_ns(op)
            self.collective(op)
        except KeyError:
            return start, Response.UNSUPPORTED_REQUEST
        except GroupTooLarge:
            return start, Response.SIMULATION_LIMIT
        self.busy_ns = end
        self._last_gate, self._last_ns = op.gate, start
        for q in self.qubits:
            if q is not None:
                self.engine.touch(q, end)
        return end, Response.SUCCESS_ZERO

    def measure_pair_half(
        self, qubit: int, axes: int, rotations: tuple[int, int, int], start_ns: int, stream: Stream
    ) -> tuple[int, int]:
        """Rotate and measure a qubit that was just heralded, outside the device's queue; (end in ns,
        outcome)."""
        q = self.qubits[qubit]
        assert q is not None
        now = start_ns
        for gate, n in zip(ROTATION_GATES[axes], rotations, strict=True):
            if n:
                self.engine.idle_until(q, now)
                self.engine.apply1(q, self.map1(gate, n, 4, qubit))
                now += self.duration_ns(DeviceOp(OpCode.ONE_QUBIT, now, gate, qubit, -1, n, 4))
                self.engine.touch(q, now)
        outcome = self._measure(q, qubit, now, stream)
        now += self.duration_ns(DeviceOp(OpCode.MEASURE, now, "measure", qubit))
        self.engine.touch(q, now)
        return now, outcome

    def place(self, qubit: int, q: Qubit | None) -> None:
        """Put a new qubit (half of a pair) into a place, or leave it empty; the old one is traced out."""
        old = self.qubits[qubit]
        if old is not None:
            self.engine.discard(old)
        self.qubits[qubit] = q

    def _measure(self, q: Qubit, qubit: int, start_ns: int, stream: Stream) -> int:
        self.engine.idle_until(q, start_ns)
        e0, e1 = self.readout(qubit)
        return self.engine.measure(q, stream.uniform(), e0, e1, self.readout_keeps_coherence)

    def _fresh(self, qubit: int, t_ns: int) -> Qubit:
        """A place nobody has prepared holds |0>."""
        q = self.engine.create(t_ns, self.idle(qubit))
        self.qubits[qubit] = q
        return q


_DISCARD, _INIT, _MEASURE = (
    int(OpCode.DISCARD),
    int(OpCode.INIT),
    int(OpCode.MEASURE),
)  # plain ints: a hot path
_ONE_QUBIT, _TWO_QUBIT, _ALL_QUBITS = int(OpCode.ONE_QUBIT), int(OpCode.TWO_QUBIT), int(OpCode.ALL_QUBITS)
