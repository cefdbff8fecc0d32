"""The simulated world: one actor that owns the quantum state, the devices and the links between them.

It hears `Operate` and `Entangle` from QNPUs and answers with `Outcome` and `Herald`. Nothing else can look
inside: a program learns about its qubits only by measuring them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from qruntime.actors import Arrival, CancelTimer, Effect, Emit, Event, Expiry, Send, SetTimer, Wait
from qruntime.limits import DUMP_QUBITS, GROUP_QUBITS
from qruntime.messages import DeviceOp, Entangle, EntangleItem, Herald, OpCode, Operate, Outcome, Response
from qruntime.rng import Stream, Streams
from qworld.device import Device
from qworld.engine import Engine
from qworld.gates import Tensor, density_of
from qworld.links import Link, attempts

STATE_UNIT = 1_000_000_000  # density matrices go into the trace in units of 1e-9: traces hold no floats
_DUMP_NOTHING, _DUMP_GLOBAL = 0, 2
_BREAKPOINT, _DISCARD, _SUCCESS = int(OpCode.BREAKPOINT), int(OpCode.DISCARD), int(Response.SUCCESS_ZERO)
_KET0 = np.array([1.0, 0.0, 0.0, 1.0])


class _Side(msgspec.Struct):
    """One device's word on one link: from when, with which qubit, for which items."""

    qubit: int
    start_ns: int
    items: dict[tuple[int, int, int], EntangleItem]


class _Stretch(msgspec.Struct):
    """Attempts in progress on one link for one item; it ends at success unless somebody cancels."""

    item: tuple[int, int, int]
    start_ns: int
    attempts: int
    end_ns: int
    qubits: tuple[int, int]


class _LinkState:
    """A link between the devices of nodes `a` < `b`."""

    __slots__ = ("a", "b", "grid_ns", "model", "name", "serial", "sides", "stretch")

    def __init__(self, a: int, b: int, model: Link, grid_ns: int, name: str) -> None:
        self.a = a
        self.b = b
        self.model = model
        self.grid_ns = grid_ns
        self.name = name
        self.sides: dict[int, _Side] = {}
        self.stretch: _Stretch | None = None
        self.serial = 0


class World:
    """The actor.

    `devices` by node id, `links` by pair of node ids (lower first).
    """

    def __init__(
        self,
        nodes: Sequence[str],
        devices: Mapping[int, Device],
        links: Mapping[tuple[int, int], Link],
        streams: Streams,
        engine: Engine | None = None,
        ticks_ns: Mapping[int, int] | None = None,
        name: str = "world",
    ) -> None:
        self.name = name
        self.tracing = False
        self.engine = Engine(GROUP_QUBITS) if engine is None else engine  # an empty one is falsy
        self._nodes = list(nodes)
        self._devices = dict(devices)
        self._streams = streams
        self._shot = 0
        self._drawn: dict[str, Stream] = {}
        ticks = ticks_ns or {}
        self._links = {
            (a, b): _LinkState(a, b, model, max(ticks.get(a, 0), ticks.get(b, 0)), f"{nodes[a]}-{nodes[b]}")
            for (a, b), model in links.items()
        }
        self._node_of = {f"{node}/qnpu": i for i, node in enumerate(nodes)}
        self._measure_streams = [f"measure/{node}" for node in nodes]
        self._dump: dict[int, list[int]] = {}
        self._waiting_dump: tuple[int, int, list[int]] | None = None

    # --- actor ----------------------------------------------------------------------------------------

    def reset(self, shot: int) -> None:
        """A fresh world at t = 0."""
        self._shot = shot
        self._drawn.clear()
        self.engine.clear()
        for device in self._devices.values():
            device.reset()
        for link in self._links.values():
            link.sides.clear()
            link.stretch = None
            link.serial = 0
        self._dump.clear()
        self._waiting_dump = None

    def handle(self, event: Event, now_ns: int) -> Sequence[Effect]:
        """Take a command of a QNPU or the end of a stretch of attempts."""
        if event.__class__ is Arrival:
            assert isinstance(event, Arrival)
            message = event.message
            node = self._node_of[event.src]
            if message.__class__ is Operate:
                return self._operate(node, event.src, message, now_ns)
            assert isinstance(message, Entangle)
            return self._entangle(node, message, now_ns)
        if isinstance(event, Expiry):
            return self._herald(self._links[event.timer], now_ns)  # type: ignore[index]
        return ()

    def waits(self) -> list[Wait]:
        """The world waits for nobody."""
        return []

    # --- operations -----------------------------------------------------------------------------------

    def _operate(self, node: int, src: str, message: Operate, now_ns: int) -> list[Effect]:
        device = self._devices[node]
        stream = self._stream(self._measure_streams[node])
        effects: list[Effect] = []
        for op in message.ops:
            if op.op == _BREAKPOINT:
                self._breakpoint(node, op, effects)
                continue
            end, response = device.operate(op, stream)
            if self.tracing and op.op != _DISCARD:
                effects.append(
                    Emit(
                        op.start_ns,
                        f"{self._nodes[node]}/device",
                        "QDEVICE_CONSUME_CMD",
                        -1,
                        (op.gate, op.qubit, op.qubit2, end - op.start_ns, int(response)),
                    )
                )
            if op.ref >= 0 or response < _SUCCESS:  # a failure is never lost
                effects.append(Send(src, Outcome(op.ref, int(response)), max(end - now_ns, 0)))
        return effects

    # --- entanglement ---------------------------------------------------------------------------------

    def _entangle(self, node: int, message: Entangle, now_ns: int) -> list[Effect]:
        pair = (node, message.peer) if node < message.peer else (message.peer, node)
        link = self._links[pair]
        if message.heard < link.serial:
            return []  # said without knowing of the last pair; it will speak again
        if message.items:
            items = {(item.queue, item.sequence, item.pair): item for item in message.items}
            link.sides[node] = _Side(message.qubit, max(message.start_ns, now_ns), items)
        else:
            link.sides.pop(node, None)
        effects: list[Effect] = []
        self._attempt(link, now_ns, effects)
        return effects

    def _attempt(self, link: _LinkState, now_ns: int, effects: list[Effect]) -> None:
        """Start, keep or cancel the stretch of attempts, so that it serves the lowest item both sides
        hold."""
        side_a, side_b = link.sides.get(link.a), link.sides.get(link.b)
        item = None
        if side_a is not None and side_b is not None:
            item = min((key for key in side_a.items if key in side_b.items), default=None)
        stretch = link.stretch
        if stretch is not None:
            if (
                item == stretch.item
                and side_a is not None
                and side_b is not None
                and stretch.qubits == (side_a.qubit, side_b.qubit)
            ):
                return
            self._end_stretch(link, stretch, now_ns, False, effects)
            effects.append(CancelTimer((link.a, link.b)))
        if item is None:
            return
        assert side_a is not None and side_b is not None
        start = max(side_a.start_ns, side_b.start_ns, now_ns)
        if link.grid_ns:
            start = -(-start // link.grid_ns) * link.grid_ns
        model = link.model
        n = attempts(self._stream(f"attempts/{link.name}").uniform(), model.success_probability)
        end = start + round(n * model.cycle_ns)
        link.stretch = _Stretch(item, start, n, end, (side_a.qubit, side_b.qubit))
        effects.append(SetTimer((link.a, link.b), end))

    def _end_stretch(
        self, link: _LinkState, stretch: _Stretch, now_ns: int, success: bool, effects: list[Effect]
    ) -> None:
        """Close the books of a stretch: how many attempts really ran."""
        count = stretch.attempts
        if not success:
            cycle_ns = link.model.cycle_ns
            elapsed = max(now_ns - stretch.start_ns, 0)
            count = int(elapsed // cycle_ns) if cycle_ns else 0
        link.stretch = None
        if self.tracing:
            queue, sequence, pair = stretch.item
            data = (queue, sequence, pair, count, max(now_ns - stretch.start_ns, 0), int(success))
            for node, peer in ((link.a, link.b), (link.b, link.a)):
                unit = f"{self._nodes[node]}/link:{self._nodes[peer]}"
                effects.append(Emit(stretch.start_ns, unit, "LINK_ATTEMPTS", -1, data))

    def _herald(self, link: _LinkState, now_ns: int) -> list[Effect]:
        """An attempt succeeded: make the pair, tell both ends in the same nanosecond."""
        stretch = link.stretch
        assert stretch is not None
        effects: list[Effect] = []
        self._end_stretch(link, stretch, now_ns, True, effects)
        bell, tensor = link.model.herald(self._stream(f"state/{link.name}").uniform())
        places = stretch.qubits
        ends = (link.a, link.b)
        devices = (self._devices[link.a], self._devices[link.b])
        halves = self.engine.create_pair(
            tensor, now_ns, devices[0].idle(places[0]), devices[1].idle(places[1])
        )
        for device, place, half in zip(devices, places, halves, strict=True):
            device.place(place, half)
        queue, sequence, pair = stretch.item
        for i in (0, 1):
            item = link.sides.pop(ends[i]).items[stretch.item]
            done, outcome = now_ns, -1
            if item.measure:
                stream = self._stream(self._measure_streams[ends[i]])
                done, outcome = devices[i].measure_pair_half(
                    places[i], item.axes, item.rotations, now_ns, stream
                )
                if self.tracing:
                    unit = f"{self._nodes[ends[i]]}/device"
                    data = ("measure_pair", places[i], -1, done - now_ns, int(Response.SUCCESS_ZERO))
                    effects.append(Emit(now_ns, unit, "QDEVICE_CONSUME_CMD", -1, data))
            peer = ends[1 - i]
            herald = Herald(
                peer, queue, sequence, pair, places[i], bell, stretch.attempts, now_ns, link.serial, outcome
            )
            effects.append(Send(f"{self._nodes[ends[i]]}/qnpu", herald, done - now_ns))
        link.serial += 1
        return effects

    # --- breakpoints ----------------------------------------------------------------------------------

    def _breakpoint(self, node: int, op: DeviceOp, effects: list[Effect]) -> None:
        """Gather the qubits of a breakpoint (one op each), then dump their state into the trace.

        A global dump (action 2) waits until a node of each role has reached one, and shows both nodes'
        qubits.
        """
        gathered = self._dump.setdefault(node, [])
        if op.qubit >= 0:
            gathered.append(op.qubit)
        if op.qubit2 > 0:
            return  # more to come
        places = self._dump.pop(node)
        if op.n == _DUMP_NOTHING:
            return
        if op.n != _DUMP_GLOBAL:
            for place in places:
                self._emit_state(node, op.start_ns, "BREAKPOINT_LOCAL", [(node, place)], effects)
            return
        first = self._waiting_dump
        if first is None or first[0] == node or first[1] == op.d:
            self._waiting_dump = (node, op.d, places)
            return
        self._waiting_dump = None
        qubits = [(first[0], place) for place in first[2]] + [(node, place) for place in places]
        self._emit_state(node, op.start_ns, "BREAKPOINT_GLOBAL", qubits, effects)

    def _emit_state(
        self, node: int, t_ns: int, event: str, places: list[tuple[int, int]], effects: list[Effect]
    ) -> None:
        if not self.tracing:
            return
        data: list[int | str] = [len(places)]
        for owner, place in places:
            data += [self._nodes[owner], place]
        if len(places) <= DUMP_QUBITS:
            for entry in density_of(self._look(places, t_ns)).ravel():
                data += [round(entry.real * STATE_UNIT), round(entry.imag * STATE_UNIT)]
        effects.append(Emit(t_ns, f"{self._nodes[node]}/device", event, -1, tuple(data)))

    def _look(self, places: list[tuple[int, int]], t_ns: int) -> Tensor:
        """The joint state at `t_ns`, with the decoherence until then, leaving the qubits as they are."""
        qubits = [self._devices[owner].qubits[place] for owner, place in places]
        held = [q for q in qubits if q is not None]
        tensor = self.engine.pauli_tensor(held) if held else np.ones(())
        for axis, q in enumerate(held):
            if q.idle is not None and t_ns > q.t_ns:
                waited = np.tensordot(q.idle.ptm(t_ns - q.t_ns), tensor, axes=([1], [axis]))
                tensor = np.moveaxis(waited, 0, axis)
        for axis, held_or_not in enumerate(qubits):
            if held_or_not is None:  # nobody has prepared it, so it holds |0>
                tensor = np.moveaxis(np.multiply.outer(_KET0, tensor), 0, axis)
        return tensor

    def _stream(self, name: str) -> Stream:
        stream = self._drawn.get(name)
        if stream is None:
            stream = self._drawn[name] = self._streams.stream(name, self._shot)
        return stream
