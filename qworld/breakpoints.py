"""Breakpoints: states of qubits, dumped into the trace for whoever looks at that, never for a program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from qruntime.actors import Emit
from qruntime.limits import DUMP_QUBITS
from qruntime.qdevice import DeviceOp
from qworld.device import Device
from qworld.engine import Engine
from qworld.gates import Tensor, density_of
from qworld.inspector import Inspector, joint_state

STATE_UNIT = 1_000_000_000  # density matrices go into the trace in units of 1e-9: traces hold no floats
_DUMP_NOTHING, _DUMP_GLOBAL = 0, 2


class Breakpoints:
    """Gathers the qubits of breakpoints as their operations come in."""

    def __init__(
        self,
        nodes: Sequence[str],
        devices: Mapping[int, Device],
        engine: Engine,
        idle: bool,
        inspector: Inspector | None = None,
    ) -> None:
        self._nodes = nodes
        self._devices = devices
        self._engine = engine
        self._inspector = inspector  # who is to keep what breakpoints show
        self._idle = idle  # whether the decoherence since a qubit's last operation is shown
        self._gathered: dict[int, list[int]] = {}
        self._waiting: tuple[int, int, list[int]] | None = None

    def reset(self) -> None:
        """Nothing reached."""
        self._gathered.clear()
        self._waiting = None

    def reached(self, node: int, op: DeviceOp, tracing: bool) -> list[Emit]:
        """One qubit of a breakpoint (one op each); with the last the state goes into the trace.

        A global dump (action 2) waits until a node of each role has reached one, and shows both nodes'
        qubits.
        """
        gathered = self._gathered.setdefault(node, [])
        if op.qubit >= 0:
            gathered.append(op.qubit)
        if op.qubit2 > 0:
            return []  # more to come
        places = self._gathered.pop(node)
        if op.n == _DUMP_NOTHING:
            return []
        event, groups = "BREAKPOINT_LOCAL", [[(node, place)] for place in places]
        if op.n == _DUMP_GLOBAL:
            first = self._waiting
            if first is None or first[0] == node or first[1] == op.d:
                self._waiting = (node, op.d, places)
                return []
            self._waiting = None
            event = "BREAKPOINT_GLOBAL"
            groups = [[(first[0], place) for place in first[2]] + [(node, place) for place in places]]
        if self._inspector is not None:
            self._inspector.keep(groups[0] if op.n == _DUMP_GLOBAL else None, op.start_ns)
        return [self._dump(node, op.start_ns, event, group) for group in groups] if tracing else []

    def _dump(self, node: int, t_ns: int, event: str, places: list[tuple[int, int]]) -> Emit:
        data: list[int | str] = [len(places)]
        for owner, place in places:
            data += [self._nodes[owner], place]
        if len(places) <= DUMP_QUBITS:
            for entry in density_of(self._look(places, t_ns)).ravel():
                data += [round(entry.real * STATE_UNIT), round(entry.imag * STATE_UNIT)]
        return Emit(t_ns, f"{self._nodes[node]}/device", event, -1, tuple(data))

    def _look(self, places: list[tuple[int, int]], t_ns: int) -> Tensor:
        """The joint state as the last operations left it, or at `t_ns`; leaves the qubits as they are."""
        qubits = [self._devices[owner].qubits[place] for owner, place in places]
        return joint_state(self._engine, qubits, t_ns if self._idle else None)
