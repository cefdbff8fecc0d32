"""The fidelity estimator: what a pair is worth when a program gets it, as far as the OS knows its hardware.

A link's calibrated points say how good a pair is at the herald. After that come the gates of the Bell
correction, the move into memory where pairs have to make room for the next, and, for pairs that are measured,
the readout. The estimate takes the pair for a Werner state about its Bell state with correlators
w = (4F - 1)/3, multiplies them by what each step leaves, and gives

    F' = (1 + w (x + y + z)) / 4

with x, y, z the factors of the three correlators: 1 - p for a gate that depolarises with p; exp(-t/T2) for x
and y and exp(-t/T1) for z while a half waits for a time t; 1 - e0 - e1 for a readout with these errors. A
QNPU knows no device but its own, so the peer's is taken to be alike. Time that a pair waits for a program is
not in it, nor are rotations before a measurement.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp
from typing import NamedTuple

import msgspec

from netqasm_isa.epr import BELL_CORRECTIONS, BellState, EprType
from qdriver.driver import Operation, QDriver
from qdriver.spec import LinkPoint, QubitSpec
from qnpu.settings import QnpuSettings
from qruntime.errors import DriverError
from qruntime.qdevice import OpCode


class Left(NamedTuple):
    """What is left of the correlators XX, YY and ZZ."""

    x: float = 1.0
    y: float = 1.0
    z: float = 1.0

    def times(self, other: Left) -> Left:
        """One after the other."""
        return Left(self.x * other.x, self.y * other.y, self.z * other.z)


class Estimator:
    """The working points of a node's links as its programs will see them."""

    def __init__(self, driver: QDriver, settings: QnpuSettings) -> None:
        self._driver = driver
        self._spec = driver.spec
        self._gate_ns = settings.gate_ns
        self._corrects = settings.correcting_side != "none"
        self._known: dict[tuple[int, int, bool], tuple[LinkPoint, ...]] = {}
        roles = [qubit.role for qubit in self._spec.qubits]
        self._hub = roles.index("communication") if "communication" in roles else 0
        self._memory = roles.index("memory") if "memory" in roles else None

    def points(self, peer: int, kind: int, moves: bool) -> tuple[LinkPoint, ...]:
        """The points of the link to `peer` with the fidelity that pairs of a type (`EprType`) will have.

        `moves` says whether pairs make room for each other, if the device has a memory to move them to.
        """
        moves = moves and self._memory is not None and kind != EprType.M
        found = self._known.get((peer, kind, moves))
        if found is None:
            found = tuple(
                msgspec.structs.replace(point, fidelity=self._estimate(point, kind, moves))
                for point in self._spec.links.get(peer, ())
            )
            self._known[peer, kind, moves] = found
        return found

    def _estimate(self, point: LinkPoint, kind: int, moves: bool) -> float:
        left = Left()
        e0, e1 = self._spec.readout_errors
        read = max(1 - e0 - e1, 0.0)
        readouts = {EprType.K: 0, EprType.R: 1, EprType.M: 2}[EprType(kind)]
        for _ in range(readouts):
            left = left.times(Left(read, read, read))
        if kind != EprType.M:  # there the bit is corrected
            left = left.times(self._correction(point.bell_states))
        if moves:
            assert self._memory is not None
            move, _ = self._operation("mov", self._hub, self._memory)
            left = left.times(move).times(move)  # at both ends at once
        w = (4 * point.fidelity - 1) / 3
        return (1 + w * (left.x + left.y + left.z)) / 4

    def _correction(self, bell_states: Sequence[int]) -> Left:
        """The mean over the Bell states that may be heralded, taken as equally likely."""
        if not self._corrects or not bell_states:
            return Left()
        each = []
        for bell in bell_states:
            left = Left()
            for pauli in BELL_CORRECTIONS[BellState(bell)]:
                gate, ns = self._operation(pauli.lower(), self._hub)
                left = left.times(gate).times(_waiting(self._spec.qubits[self._hub], ns))  # the other half
            each.append(left)
        return Left(*(sum(values) / len(each) for values in zip(*each, strict=True)))

    def _operation(self, gate: str, qubit: int, qubit2: int = -1) -> tuple[Left, float]:
        """What an operation leaves of the half that it acts on, and how long it takes in all."""
        op = OpCode.ONE_QUBIT if qubit2 < 0 else OpCode.TWO_QUBIT
        try:
            natives = self._driver.natives(Operation(op, gate, qubit, qubit2))
        except DriverError:
            return Left(), 0  # it will be refused when it is tried
        last_joint = max((i for i, native in enumerate(natives) if native.qubit2 >= 0), default=-1)
        kept, idle_ns, total_ns = 1.0, self._gate_ns, self._gate_ns
        for i, native in enumerate(natives):
            total_ns += native.duration_ns
            if native.op == OpCode.INIT and qubit2 < 0:
                continue  # of a qubit that the driver believes to be empty
            touched = (native.qubit, native.qubit2) if native.qubit2 >= 0 else (native.qubit,)
            place = qubit if i <= last_joint or qubit2 < 0 else qubit2
            if place not in touched and -1 not in touched:
                idle_ns += native.duration_ns
            spec = self._spec.gate(native.gate, max(native.qubit, 0))
            assert spec is not None
            counts = sum(i < last_joint or one in (-1, qubit if qubit2 < 0 else qubit2) for one in touched)
            kept *= (1 - spec.depolarise) ** counts
        return Left(kept, kept, kept).times(_waiting(self._spec.qubits[qubit], idle_ns)), total_ns


def _waiting(qubit: QubitSpec, t_ns: float) -> Left:
    """What waiting leaves of the correlators of one half."""
    mixed = exp(-t_ns / qubit.depolarise_ns)
    xy, z = exp(-t_ns / qubit.t2_ns) * mixed, exp(-t_ns / qubit.t1_ns) * mixed
    return Left(xy, xy, z)
