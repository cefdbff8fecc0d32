"""The simulated world: one actor that owns the quantum state, the devices and the links between them.

It hears `Operate` and `Entangle` from QNPUs and answers with `Outcome` and `Herald`. Nothing else can look
inside: a program learns about its qubits only by measuring them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from qruntime.actors import Arrival, CancelTimer, Effect, Emit, Event, Expiry, Send, SetTimer, Wait
from qruntime.errors import DriverError
from qruntime.inspection import Inspect, Inspected
from qruntime.limits import GROUP_QUBITS
from qruntime.qdevice import (
    Attempted,
    Entangle,
    EntangleItem,
    Herald,
    OpCode,
    Operate,
    Outcome,
    Response,
)
from qruntime.rng import Stream, Streams
from qworld.breakpoints import Breakpoints
from qworld.contained import asked, done_by, measured_at_once
from qworld.device import Device
from qworld.engine import Engine, Qubit
from qworld.gates import Tensor
from qworld.grouping import Grouping
from qworld.inspector import Inspector, refused
from qworld.links import Link, attempts
from qworld.linkstate import FirstAttempt, LinkState, Side, Stretch

_BREAKPOINT, _DISCARD, _SUCCESS = int(OpCode.BREAKPOINT), int(OpCode.DISCARD), int(Response.SUCCESS_ZERO)


class World:
    """The actor.

    `devices` by node id, `links` by pair of node ids, in the order in which the model names its ends. With
    `snapshot_idle` breakpoints show qubits with their decoherence since their last operations. Only with
    `states_readable` `Inspect` is answered with states.
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
        snapshot_idle: bool = False,
        states_readable: bool = False,
        groups_traced: bool = False,
    ) -> None:
        self.name = name
        self.tracing = False
        self.engine = Engine(GROUP_QUBITS) if engine is None else engine  # an empty one is falsy
        self._nodes = list(nodes)
        self._devices = dict(devices)
        self._streams = streams
        self._shot = 0
        self._drawn: dict[str, Stream] = {}
        self._ticks_ns = [(ticks_ns or {}).get(i, 0) for i in range(len(nodes))]
        self._links: dict[tuple[int, int], LinkState] = {}
        for (first, second), model in links.items():
            a, b = min(first, second), max(first, second)
            grid_ns = max(self._ticks_ns[a], self._ticks_ns[b])
            name = f"{nodes[a]}-{nodes[b]}"
            self._links[a, b] = LinkState(a, b, model, first > second, grid_ns, name)
        self._links_of: dict[int, list[LinkState]] = {i: [] for i in devices}
        for link in self._links.values():
            self._links_of[link.a].append(link)
            self._links_of[link.b].append(link)
        self._node_of = {f"{node}/qnpu": i for i, node in enumerate(nodes)}
        self._measure_streams = [f"measure/{node}" for node in nodes]
        self._halves: dict[tuple[int, int], Qubit] = {}  # what heralds put where
        self._inspector = Inspector(self._nodes, self._devices, self.engine) if states_readable else None
        self._breakpoints = Breakpoints(
            self._nodes, self._devices, self.engine, snapshot_idle, self._inspector
        )
        told = Grouping(self.name, self._nodes, self._devices, self.engine)
        self._grouping = told if groups_traced else None
        self.occupied: Callable[[str, bool, int, int], None] | None = None  # see `Occupied` in qnos

    # --- actor ----------------------------------------------------------------------------------------

    def reset(self, shot: int) -> None:
        """A fresh world at t = 0."""
        self._shot = shot
        self._drawn.clear()
        self.engine.clear()
        for node, device in self._devices.items():
            name = self._nodes[node]
            asked(name, "as a shot began", device.reset)
            asked(name, "as a shot began", device.begin_shot, partial(self._stream_of, name))
        for link in self._links.values():
            link.sides.clear()
            link.stretch = None
            link.serial = 0
        self._halves.clear()
        self._breakpoints.reset()
        if self._inspector is not None:
            self._inspector.reset()

    def handle(self, event: Event, now_ns: int) -> Sequence[Effect]:
        """Take a command of a QNPU or the end of a stretch of attempts."""
        if event.__class__ is Arrival:
            assert isinstance(event, Arrival)
            message = event.message
            node = self._node_of[event.src]
            if message.__class__ is Operate:
                return self._operate(node, event.src, message, now_ns)
            if message.__class__ is Inspect:
                return [Send(event.src, self._inspected(node, message, now_ns), 0)]
            assert isinstance(message, Entangle)
            return self._entangle(node, message, now_ns)
        if isinstance(event, Expiry):
            timer = event.timer
            if isinstance(timer, FirstAttempt):
                return self._answer(timer, now_ns)
            return self._herald(self._links[timer], now_ns)  # type: ignore[index]
        return ()

    def waits(self) -> list[Wait]:
        """The world waits for nobody."""
        return []

    def attempting_since(self) -> dict[str, int]:
        """Node -> since when its device has been making attempts; only those that are."""
        since: dict[str, int] = {}
        for link in self._links.values():
            if link.stretch is not None:
                for node in (self._nodes[link.a], self._nodes[link.b]):
                    since[node] = min(link.stretch.start_ns, since.get(node, link.stretch.start_ns))
        return since

    # --- operations -----------------------------------------------------------------------------------

    def _operate(self, node: int, src: str, message: Operate, now_ns: int) -> list[Effect]:
        device = self._devices[node]
        stream = self._stream(self._measure_streams[node])
        effects: list[Effect] = []
        for op in message.ops:
            if op.op == _BREAKPOINT:
                effects += self._breakpoints.reached(node, op, self.tracing)
                continue
            end, response, detail = done_by(device, op, stream)
            if self.occupied is not None and end > op.start_ns:
                self.occupied(self._nodes[node], False, op.start_ns, end)
            if self.tracing and op.op != _DISCARD:
                effects.append(
                    Emit(
                        op.start_ns,
                        f"{self._nodes[node]}/device",
                        "QDEVICE_CONSUME_CMD",
                        -2 - op.ref if op.ref < -1 else -1,
                        (op.gate, op.qubit, op.qubit2, end - op.start_ns, int(response)),
                    )
                )
                if self._grouping is not None:
                    effects.append(self._grouping.told(node, end))
            if op.ref >= 0 or response < _SUCCESS:  # a failure is never lost
                at = self._answered_at(node, end)
                effects.append(Send(src, Outcome(op.ref, int(response), detail), max(at - now_ns, 0)))
        return effects

    def _inspected(self, node: int, asked: Inspect, now_ns: int) -> Inspected:
        if self._inspector is None:
            return refused(asked, "this network keeps its quantum states to itself (testing.states_readable)")
        return self._inspector.answer(node, asked, now_ns)

    def _answered_at(self, node: int, t_ns: int) -> int:
        """When the device of a node can answer: at the next tick of its clock."""
        tick = self._ticks_ns[node]
        return t_ns if tick == 0 else -(-t_ns // tick) * tick

    # --- entanglement ---------------------------------------------------------------------------------

    def _entangle(self, node: int, message: Entangle, now_ns: int) -> list[Effect]:
        pair = (node, message.peer) if node < message.peer else (message.peer, node)
        link = self._links[pair]
        if message.heard < link.serial:
            return []  # said without knowing of the last pair; it will speak again
        if message.items:
            held = self._devices[node].qubits[message.qubit]
            if held is not None and held is self._halves.get((node, message.qubit)):
                return []  # likewise: the pair of another link is in that qubit by now
            items = {(item.queue, item.sequence, item.pair): item for item in message.items}
            start = max(message.start_ns, now_ns)
            link.sides[node] = Side(message.qubit, start, items, message.number)
        else:
            link.sides.pop(node, None)
        effects: list[Effect] = []
        self._attempt(link, now_ns, effects)
        self._tell(link, now_ns, effects)
        if link.stretch is None:
            self._let_others(link, now_ns, effects)
        return effects

    def _let_others(self, link: LinkState, now_ns: int, effects: list[Effect]) -> None:
        """Begin what waited for the devices of a link on which nothing is attempted."""
        for other in self._links_of[link.a] + self._links_of[link.b]:
            if other is not link and other.stretch is None and len(other.sides) == 2:
                self._attempt(other, now_ns, effects)
                self._tell(other, now_ns, effects)

    def _attempt(self, link: LinkState, now_ns: int, effects: list[Effect]) -> None:
        """Start, keep or cancel the stretch of attempts, so that it serves the first item that both sides
        hold, in the order of the side with the lower id."""
        side_a, side_b = link.sides.get(link.a), link.sides.get(link.b)
        item = None
        if side_a is not None and side_b is not None:
            item = next((key for key in side_a.items if key in side_b.items), None)
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
        if self._is_attempting(link.a, side_a.qubit, link) or self._is_attempting(link.b, side_b.qubit, link):
            return
        device_a, device_b = self._devices[link.a], self._devices[link.b]
        start = max(side_a.start_ns, side_b.start_ns, now_ns)
        for device in (device_a, device_b):
            if device.attempt_exclusive and device.busy_ns > start:
                start = device.busy_ns
        if link.grid_ns:
            start = -(-start // link.grid_ns) * link.grid_ns
        item_a, item_b = side_a.items[item], side_b.items[item]
        point = max(link.point(item_a), link.point(item_b), key=lambda at: at.fidelity)
        cycle_ns = point.measure_cycle_ns if item_a.measure and item_b.measure else point.cycle_ns
        n = attempts(self._stream(f"attempts/{link.name}").uniform(), point.success_probability)
        try:
            for end, device in ((link.a, device_a), (link.b, device_b)):
                if not asked(self._nodes[end], "before an attempt", getattr, device, "can_herald"):
                    n = 0
        except DriverError as error:
            self._fail(link, str(error), now_ns, effects)
            return
        link.stretch = Stretch(item, start, n, (side_a.qubit, side_b.qubit), point, cycle_ns)
        if n:
            effects.append(SetTimer((link.a, link.b), start + round(n * cycle_ns)))

    def _is_attempting(self, node: int, qubit: int, but: LinkState) -> bool:
        """Whether the device of `node` attempts on another link than `but` and so cannot use `qubit`."""
        for link in self._links_of[node]:
            stretch = link.stretch
            if stretch is None or link is but:
                continue
            if self._devices[node].attempt_exclusive or stretch.qubits[node == link.b] == qubit:
                return True
        return False

    def _tell(self, link: LinkState, now_ns: int, effects: list[Effect]) -> None:
        """Let exclusive devices know whether their attempts have company: after the first, as hardware would
        find out. One that is ready an attempt or more before its peer is alone at first."""
        stretch = link.stretch
        for node, side in link.sides.items():
            if not self._devices[node].attempt_exclusive:
                continue
            together = stretch is not None
            if side.together == together:
                continue
            side.together = together
            timer = FirstAttempt(node, link.b if node == link.a else link.a)
            point = link.point(next(iter(side.items.values())))
            at = max(side.start_ns, now_ns) + round(point.cycle_ns)
            if stretch is not None and (side.answered or at > stretch.start_ns):
                if side.answer_ns < 0 or side.answer_ns > stretch.start_ns:
                    at = stretch.start_ns + round(stretch.cycle_ns)
                    if stretch.attempts == 1:  # the herald will come instead
                        side.answer_ns = -1
                        effects.append(CancelTimer(timer))
                        continue
                else:
                    continue  # its first attempt is over before the peer's begins, and will be told
            side.answer_ns = self._answered_at(node, max(at, now_ns))
            effects.append(SetTimer(timer, side.answer_ns))

    def _answer(self, timer: FirstAttempt, now_ns: int) -> list[Effect]:
        """The first attempt is over, and the device knows whether it had company."""
        node, peer = timer.node, timer.peer
        link = self._links[min(node, peer), max(node, peer)]
        side = link.sides.get(node)
        if side is None:
            return []
        side.answered, side.answer_ns = True, -1
        stretch = link.stretch
        together = stretch is not None and stretch.start_ns + round(stretch.cycle_ns) <= now_ns
        response = Response.ENTANGLEMENT_FAILURE if together else Response.ENTANGLEMENT_SYNC_FAILURE
        effects: list[Effect] = [
            Send(f"{self._nodes[node]}/qnpu", Attempted(peer, side.number, int(response)), 0)
        ]
        if stretch is not None and not together and stretch.attempts != 1:  # the peer will join
            side.answer_ns = self._answered_at(node, stretch.start_ns + round(stretch.cycle_ns))
            effects.append(SetTimer(timer, side.answer_ns))
        return effects

    def _end_stretch(
        self, link: LinkState, stretch: Stretch, now_ns: int, success: bool, effects: list[Effect]
    ) -> None:
        """Close the books of a stretch: how many attempts really ran, and what they did to other qubits."""
        count = stretch.attempts
        if not success:
            cycle_ns = stretch.cycle_ns
            elapsed = max(now_ns - stretch.start_ns, 0)
            count = int(elapsed // cycle_ns) if cycle_ns else 0
        link.stretch = None
        if self.occupied is not None and now_ns > stretch.start_ns:
            for end in (link.a, link.b):
                self.occupied(self._nodes[end], True, stretch.start_ns, now_ns)
        if count:
            bright = stretch.point.bright
            for end, mine in ((link.a, bright[link.flipped]), (link.b, bright[not link.flipped])):
                name = self._nodes[end]
                try:
                    asked(name, "after attempts", self._devices[end].after_attempts, count, mine)
                except DriverError as error:  # it concerns every qubit of that device
                    outcome = Outcome(-1, int(Response.UNKNOWN_FAILURE), str(error))
                    at = self._answered_at(end, now_ns)
                    effects.append(Send(f"{name}/qnpu", outcome, at - now_ns))
        if self.tracing:
            queue, sequence, pair = stretch.item
            data = (queue, sequence, pair, count, max(now_ns - stretch.start_ns, 0), int(success))
            for node, peer in ((link.a, link.b), (link.b, link.a)):
                unit = f"{self._nodes[node]}/link:{self._nodes[peer]}"
                effects.append(Emit(stretch.start_ns, unit, "LINK_ATTEMPTS", -1, data))

    def _herald(self, link: LinkState, now_ns: int) -> list[Effect]:
        """An attempt succeeded: make the pair, tell both ends in the same nanosecond."""
        stretch = link.stretch
        assert stretch is not None
        effects: list[Effect] = []
        self._end_stretch(link, stretch, now_ns, True, effects)
        bell, tensor = stretch.point.herald(self._stream(f"state/{link.name}").uniform())
        if link.flipped:
            tensor = tensor.T
        places = stretch.qubits
        ends = (link.a, link.b)
        queue, sequence, pair = stretch.item
        items = [link.sides[end].items[stretch.item] for end in ends]
        try:
            self._place_halves(ends, places, tensor, now_ns)
            measured = [
                self._measured(end, place, item, now_ns)
                for end, place, item in zip(ends, places, items, strict=True)
            ]
        except DriverError as error:
            self._fail(link, str(error), now_ns, effects)
            self._let_others(link, now_ns, effects)
            return effects
        numbers = [link.sides[end].number for end in ends]
        for i in (0, 1):
            self._end_entangling(ends[i], places[i], link)
        heard_ns = now_ns if link.grid_ns == 0 else -(-now_ns // link.grid_ns) * link.grid_ns
        for i in (0, 1):
            measured_ns, outcome = measured[i]
            done = heard_ns
            if outcome >= 0:
                done = max(heard_ns, self._answered_at(ends[i], measured_ns))
                if self.occupied is not None and measured_ns > now_ns:
                    self.occupied(self._nodes[ends[i]], False, now_ns, measured_ns)
                if self.tracing:
                    unit = f"{self._nodes[ends[i]]}/device"
                    data = ("measure_pair", places[i], -1, measured_ns - now_ns, int(Response.SUCCESS_ZERO))
                    effects.append(Emit(now_ns, unit, "QDEVICE_CONSUME_CMD", -1, data))
            peer = ends[1 - i]
            herald = Herald(
                peer, queue, sequence, pair, places[i], bell, stretch.attempts, now_ns, link.serial, outcome,
                numbers[i],
            )  # fmt: skip
            effects.append(Send(f"{self._nodes[ends[i]]}/qnpu", herald, done - now_ns))
        if self._grouping is not None and self.tracing:
            effects.append(self._grouping.told(link.a, now_ns))
        link.serial += 1
        return effects

    def _place_halves(
        self, ends: tuple[int, int], places: tuple[int, int], tensor: Tensor, now_ns: int
    ) -> None:
        noises = [
            asked(self._nodes[end], "as a pair came", self._devices[end].idle, place)
            for end, place in zip(ends, places, strict=True)
        ]
        halves = self.engine.create_pair(tensor, now_ns, *noises)
        for end, place, half in zip(ends, places, halves, strict=True):
            asked(self._nodes[end], "as a pair came", self._devices[end].place, place, half)
            self._halves[end, place] = half

    def _measured(self, end: int, place: int, item: EntangleItem, now_ns: int) -> tuple[int, int]:
        """When the new half of a pair is ready, and what it read if it is to be measured at once, else -1."""
        if not item.measure:
            return now_ns, -1
        stream = self._stream(self._measure_streams[end])
        return measured_at_once(self._nodes[end], self._devices[end], place, item, now_ns, stream)

    def _fail(self, link: LinkState, detail: str, now_ns: int, effects: list[Effect]) -> None:
        """A device model at an end of a link is at fault: both leave the entangling state, and are told."""
        for node, side in link.sides.items():
            peer = link.b if node == link.a else link.a
            answer = Attempted(peer, side.number, int(Response.UNKNOWN_FAILURE), detail)
            at = self._answered_at(node, now_ns)
            effects.append(Send(f"{self._nodes[node]}/qnpu", answer, at - now_ns))
        link.sides.clear()

    def _end_entangling(self, node: int, qubit: int, link: LinkState) -> None:
        """A pair came into `qubit`: its device leaves the entangling state for that link, and for all that
        would use the qubit; an exclusive one for all. Its OS will speak again."""
        link.sides.pop(node)
        for other in self._links_of[node]:
            side = other.sides.get(node)
            if side is not None and (self._devices[node].attempt_exclusive or side.qubit == qubit):
                del other.sides[node]

    def _stream_of(self, node: str, purpose: str) -> Stream:
        return self._stream(f"{purpose}/{node}")

    def _stream(self, name: str) -> Stream:
        stream = self._drawn.get(name)
        if stream is None:
            stream = self._drawn[name] = self._streams.stream(name, self._shot)
        return stream
