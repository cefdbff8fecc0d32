"""Which qubits share a state, for who wants to see how entanglement spreads: a trace record after each
operation and each herald, if the network says so (`testing.instructions_traced`).

Its data: how many such records this world has made, the world's name, then for each group the number of its
qubits, (node, physical qubit) of each, and of one that is alone the density matrix as breakpoints show it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count

from qruntime.actors import Emit
from qworld.breakpoints import STATE_UNIT
from qworld.device import Device
from qworld.engine import Engine, Qubit
from qworld.gates import density_of
from qworld.inspector import joint_state


class Grouping:
    """Tells the groups of one world."""

    def __init__(
        self, world: str, nodes: Sequence[str], devices: Mapping[int, Device], engine: Engine
    ) -> None:
        self._world = world
        self._nodes = nodes
        self._devices = devices
        self._engine = engine
        self._numbers = count()

    def reset(self) -> None:
        """Nothing told yet."""
        self._numbers = count()

    def told(self, node: int, t_ns: int) -> Emit:
        """The record of all groups, after something on a device that ends at `t_ns`."""
        groups: dict[int, list[tuple[int, int, Qubit]]] = {}
        for owner, device in self._devices.items():
            for place, qubit in enumerate(device.qubits):
                if qubit is not None:
                    shared = qubit if qubit.group is None else qubit.group
                    groups.setdefault(id(shared), []).append((owner, place, qubit))
        data: list[int | str] = [next(self._numbers), self._world]
        for members in groups.values():
            data.append(len(members))
            for owner, place, _ in members:
                data += [self._nodes[owner], place]
            if len(members) == 1:
                for entry in density_of(joint_state(self._engine, [members[0][2]], t_ns)).ravel():
                    data += [round(entry.real * STATE_UNIT), round(entry.imag * STATE_UNIT)]
        return Emit(t_ns, f"{self._nodes[node]}/device", "QDEVICE_GROUPS", -1, tuple(data))
