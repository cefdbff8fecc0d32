"""Where the time of each program went, cause by cause, to the nanosecond.

`attribute(timeline)` gives for every program of a shot its stretches of time, each with one of `CAUSES`;
they fill the time from its start to its end without gap or overlap. Each nanosecond has the first cause of
these:

- the CNPU computes for the program: OS
- the program waits for a message: peer until it is sent, then messages; or only for a time: sleep
- it waits for a subroutine, and its process
    - is ready but has not the processor: processor
    - runs: gates while an operation of its own is on, device while another is, else OS
    - waits for a qubit: memory; for a device that attempts entanglement: device
    - waits for a pair: see `_pair`
    - has nothing to run, as subroutine or result are on their way: OS
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable
from typing import Final, NamedTuple

from qnos.timeline import Delivery, Message, Operation, Place, Program, Steps, Timeline

CAUSES: Final = (
    "entanglement",
    "gates",
    "processor",
    "memory",
    "device",
    "bin",
    "messages",
    "peer",
    "sleep",
    "OS",
)
_COUNTERPART: Final = {"EGPD_CREATE": "EGPD_RECEIVE", "EGPD_RECEIVE": "EGPD_CREATE"}


class Stretch(NamedTuple):
    """A stretch of time of a program, and what it went into."""

    start_ns: int
    end_ns: int
    cause: str


def attribute(timeline: Timeline) -> dict[Place, list[Stretch]]:
    """The stretches of every program of a shot, in order; neighbours have different causes."""
    return _Attribution(timeline).all()


def totals(stretches: Iterable[Stretch]) -> dict[str, int]:
    """ns by cause, all causes named; they add up to the time of the program."""
    sums = dict.fromkeys(CAUSES, 0)
    for stretch in stretches:
        sums[stretch.cause] += stretch.end_ns - stretch.start_ns
    return sums


class _Attribution:
    """What the causes of one shot are looked up in."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._ids = {name: number for number, name in timeline.names.items()}
        self._attempts = {link: _in_steps(found) for link, found in timeline.attempts.items()}
        self._heralded = {
            (*link, stretch.pair): stretch.end_ns
            for link, found in timeline.attempts.items()
            for stretch in found
            if stretch.success
        }
        self._in_flight = {way: _union(spans) for way, spans in timeline.link_messages.items()}
        self._own: dict[Place, Steps] = {}
        self._others: dict[Place, Steps] = {}
        self._busy = {node: _union((op[0], op[1]) for op in ops) for node, ops in timeline.operations.items()}
        self._split_operations()
        self._awaited: dict[tuple[Place, str], list[Message]] = defaultdict(list)
        for message in timeline.messages:
            sender = timeline.programs[message.sender]
            self._awaited[message.receiver, sender.role].append(message)
        self._edges = self._all_edges()

    def all(self) -> dict[Place, list[Stretch]]:
        return {place: self._of(program) for place, program in self._timeline.programs.items()}

    def _of(self, program: Program) -> list[Stretch]:
        start_ns, end_ns = program.start_ns, program.end_ns
        edges = self._edges[bisect_right(self._edges, start_ns) : bisect_left(self._edges, end_ns)]
        found: list[Stretch] = []
        for at, until in zip([start_ns, *edges], [*edges, end_ns], strict=True):
            if at == until:
                continue
            cause = self._cause(program, at)
            if found and found[-1].cause == cause:
                found[-1] = Stretch(found[-1].start_ns, until, cause)
            else:
                found.append(Stretch(at, until, cause))
        return found

    def _all_edges(self) -> list[int]:
        """Every time at which a cause may change."""
        timeline = self._timeline
        edges = {record.t_ns for record in timeline.records}
        for operations in timeline.operations.values():
            edges.update(operation.end_ns for operation in operations)
        for stretches in timeline.attempts.values():
            edges.update(stretch.end_ns for stretch in stretches)
        for ways in timeline.link_messages.values():
            edges.update(end_ns for _, end_ns in ways)
        for program in timeline.programs.values():
            edges.update(program.cpu.times)  # a timer that ran out leaves no record
        return sorted(edges)

    def _split_operations(self) -> None:
        """For each program when operations of its own are on, and when those of others are."""
        programs: dict[str, list[Program]] = defaultdict(list)
        for program in self._timeline.programs.values():
            programs[program.node].append(program)
        for node, present in programs.items():
            owned = [(_owner(op, present), op) for op in self._timeline.operations.get(node, ())]
            for program in present:
                own = [(op.start_ns, op.end_ns) for pid, op in owned if pid == program.pid]
                others = [(op.start_ns, op.end_ns) for pid, op in owned if pid not in (-1, program.pid)]
                self._own[program.place] = _union(own)
                self._others[program.place] = _union(others)

    def _cause(self, program: Program, at: int) -> str:
        kind, what = program.cpu.at(at)
        if kind == "message":
            return self._message(program, str(what), at)
        if kind == "sleeps":
            return "sleep"
        if kind != "subroutine":
            return "OS"
        state, peer = program.process.at(at)
        if state == "ready":
            return "processor"
        if state in ("memory", "device"):
            return str(state)
        if state == "pair":
            return self._pair(program, int(peer), at)
        if state == "running":
            if self._own[program.place].at(at):
                return "gates"
            return "device" if _is_on(self._busy, program.node, at) else "OS"
        return "OS"

    def _message(self, program: Program, role: str, at: int) -> str:
        """Messages if the next one from `role` is under way, peer if it is not sent yet."""
        messages = self._awaited[program.place, role]
        first = bisect_right(messages, at, key=lambda message: _taken(message))
        return "messages" if first < len(messages) and messages[first].sent_ns <= at else "peer"

    def _pair(self, program: Program, peer: int, at: int) -> str:
        """Why the next pair with node `peer` is not there yet.

        Attempts for it are entanglement, attempts for others on its link device. Once it is heralded, its
        correction is gates. Before: operations of the program itself are gates; the peer's program has not
        asked for it (peer), link-layer messages are on their way (messages), the network schedule has no bin
        for it now (bin), one end has no qubit for it (memory), one device is busy (device), the peer's
        program still has something else to do with the qubit (peer); else it is the OS that sets the
        request up.
        """
        node = program.node
        other = self._timeline.names.get(peer, "")
        link = node, other
        wanted = _next_delivery(program.deliveries.get(peer, ()), at)
        attempted = self._attempts[link].at(at) if link in self._attempts else None
        if attempted is not None:
            mine = wanted is None or attempted[0] == wanted.pair[0]
            return "entanglement" if mine else "device"
        if wanted is not None and self._heralded.get((*link, wanted.pair), at + 1) <= at:
            if self._others[program.place].at(at):
                return "device"
            return "gates" if _is_on(self._busy, node, at) else "OS"
        if self._own[program.place].at(at):
            return "gates"
        if not self._is_asked(program, peer, other, at):
            return "peer"
        own_id = self._ids.get(node, -1)
        ends = ((node, peer), (other, own_id))
        if any(way in self._in_flight and self._in_flight[way].at(at) for way in ends):
            return "messages"
        if any(self._timeline.awaits_bin[end].at(at) for end in ends if end in self._timeline.awaits_bin):
            return "bin"
        if any(self._timeline.lacks_qubit[end].at(at) for end in ends if end in self._timeline.lacks_qubit):
            return "memory"
        if _is_on(self._busy, node, at) or _is_on(self._busy, other, at):
            return "device"
        if wanted is None:
            return "OS"
        ready = [self._timeline.ready_ns.get((*end, wanted.pair), at + 1) <= at for end in ends]
        if all(ready):
            elsewhere = (end for end in self._attempts if end[0] in link and set(end) != set(link))
            return "device" if any(self._attempts[end].at(at) for end in elsewhere) else "OS"
        return "peer" if ready[0] and not self._waits_too(program, other, own_id, at) else "OS"

    def _is_asked(self, program: Program, peer: int, other: str, at: int) -> bool:
        """Whether the peer's program has asked for the pair: its n-th request with our node is the
        counterpart of our n-th with its node, among programs of one session."""
        own_id = self._ids.get(program.node, -1)
        for event, counterpart in _COUNTERPART.items():
            asked = bisect_right(program.requests.get((peer, event), ()), at)
            if not asked:
                continue
            theirs = sorted(
                t_ns
                for partner in self._timeline.programs.values()
                if partner.node == other and partner.session == program.session
                for t_ns in partner.requests.get((own_id, counterpart), ())
            )
            if bisect_right(theirs, at) < asked:
                return False
        return True

    def _waits_too(self, program: Program, other: str, own_id: int, at: int) -> bool:
        return any(
            partner.process.at(at) == ("pair", own_id)
            for partner in self._timeline.programs.values()
            if partner.node == other and partner.session == program.session
        )


def _taken(message: Message) -> int:
    """When a message was taken; one that never was comes after all others."""
    return message.received_ns if message.received_ns >= 0 else 1 << 62


def _is_on(steps: dict[str, Steps], node: str, at: int) -> bool:
    return node in steps and bool(steps[node].at(at))


def _owner(operation: Operation, programs: Iterable[Program]) -> int:
    """Whose operation it is; where the trace does not say, of the process that had the processor then, which
    keeps it until a measurement is over."""
    if operation.pid >= 0:
        return operation.pid
    for program in programs:
        if program.process.at(operation.start_ns)[0] == "running":
            return program.pid
    return -1


def _next_delivery(deliveries: list[Delivery] | tuple[()], at: int) -> Delivery | None:
    """The next pair that the program gets after `at`."""
    index = bisect_right(deliveries, at, key=lambda delivery: delivery.t_ns)
    return deliveries[index] if index < len(deliveries) else None


def _in_steps(found: Iterable[tuple[int, int, tuple[int, int], int, bool]]) -> Steps:
    """Which pair is attempted when, on one link."""
    steps = Steps()
    for start_ns, end_ns, pair, _, _ in sorted(found):
        steps.set(start_ns, pair)
        steps.set(end_ns, None)
    return steps


def _union(spans: Iterable[tuple[int, int]]) -> Steps:
    """Whether any of the spans is on."""
    steps = Steps(False)
    end_ns = -1
    for start, stop in sorted(spans):
        if start == stop:
            continue
        if start > end_ns:
            if end_ns >= 0:
                steps.set(end_ns, False)
            steps.set(start, True)
        end_ns = max(end_ns, stop)
    if end_ns >= 0:
        steps.set(end_ns, False)
    return steps
