"""Looking at quantum states without disturbing them: what breakpoints show, and the answers to `Inspect`.

`joint_state` is the look itself. An `Inspector` belongs to a world whose states programs may read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from qruntime.inspection import Inspect, Inspected, Picture, Scope
from qruntime.limits import INSPECTED_QUBITS
from qworld.device import Device
from qworld.engine import Engine, Qubit
from qworld.gates import Tensor, density_of

_KET0 = np.array([1.0, 0.0, 0.0, 1.0])

Place = tuple[int, int]  # node, physical qubit


def joint_state(engine: Engine, qubits: Sequence[Qubit | None], t_ns: int | None) -> Tensor:
    """The Pauli tensor of qubits together, at `t_ns` or (None) as their last operations left them.

    One that nobody has prepared (None) is in |0>.
    """
    held = [q for q in qubits if q is not None]
    tensor = engine.pauli_tensor(held) if held else np.ones(())
    for axis, q in enumerate(held):
        if t_ns is not None and q.idle is not None and t_ns > q.t_ns:
            waited = np.tensordot(q.idle.ptm(t_ns - q.t_ns), tensor, axes=([1], [axis]))
            tensor = np.moveaxis(waited, 0, axis)
    for axis, held_or_not in enumerate(qubits):
        if held_or_not is None:
            tensor = np.moveaxis(np.multiply.outer(_KET0, tensor), 0, axis)
    return tensor


def refused(asked: Inspect, why: str) -> Inspected:
    """The answer without pictures."""
    return Inspected(asked.pid, asked.ref, (), why)


class Inspector:
    """Answers `Inspect`, and keeps the pictures of the last breakpoint."""

    def __init__(self, nodes: Sequence[str], devices: Mapping[int, Device], engine: Engine) -> None:
        self._nodes = nodes
        self._devices = devices
        self._engine = engine
        self._kept: tuple[Picture, ...] = ()

    def reset(self) -> None:
        """No breakpoint was reached."""
        self._kept = ()

    def keep(self, places: list[Place] | None, t_ns: int) -> None:
        """A breakpoint was reached: keep the state of these qubits together, or (None) of every qubit there
        is by itself."""
        if places is not None:
            groups = [places] if len(places) <= INSPECTED_QUBITS else []
        else:
            groups = [
                [(node, place)]
                for node, device in self._devices.items()
                for place, qubit in enumerate(device.qubits)
                if qubit is not None
            ]
        self._kept = tuple(self._picture(group, t_ns) for group in groups)

    def answer(self, node: int, asked: Inspect, now_ns: int) -> Inspected:
        """What was asked for of qubits of `node`; qubits entangled with them follow in the order of nodes and
        places."""
        if asked.scope == Scope.BREAKPOINT:
            return Inspected(asked.pid, asked.ref, self._kept)
        places = [(node, place) for place in asked.qubits]
        if asked.scope == Scope.ENTANGLED:
            places += self._entangled_with(places)
        if len(places) > INSPECTED_QUBITS:
            return refused(asked, f"{len(places)} qubits together; {INSPECTED_QUBITS} are shown at most")
        return Inspected(asked.pid, asked.ref, (self._picture(places, now_ns),))

    def _entangled_with(self, places: list[Place]) -> list[Place]:
        groups = [self._group(place) for place in places]
        return [
            (node, place)
            for node, device in self._devices.items()
            for place in range(len(device.qubits))
            if (node, place) not in places
            and (group := self._group((node, place))) is not None
            and any(group is other for other in groups)
        ]

    def _group(self, place: Place) -> object:
        qubit = self._devices[place[0]].qubits[place[1]]
        return None if qubit is None else qubit.group

    def _picture(self, places: list[Place], t_ns: int) -> Picture:
        qubits = [self._devices[node].qubits[place] for node, place in places]
        matrix = density_of(joint_state(self._engine, qubits, t_ns))
        parts = np.stack((matrix.real, matrix.imag), axis=-1).ravel()
        return Picture(tuple((self._nodes[node], place) for node, place in places), tuple(parts.tolist()))
