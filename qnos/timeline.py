"""A shot read off its trace: programs, processes, devices and links, each as what it did from when to when.

`Timeline(records)` sorts the records of one shot into tracks. What it was that a program waited for is
`attribution`'s business; how tracks are drawn is `perfetto`'s.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from qruntime.trace import Record

Place = tuple[str, int]  # a node and a process id there
State = tuple[str, int | str]  # what goes on, and with whom or of which number

COMPUTES: Final[State] = ("computes", "")
IDLE: Final[State] = ("idle", "")


class Steps:
    """A value that changes at some times: `steps.at(t_ns)`."""

    def __init__(self, first: Any = None) -> None:
        self.times: list[int] = []
        self.values: list[Any] = [first]

    def set(self, t_ns: int, value: Any) -> None:
        """From `t_ns` on, not before the last such time, the value is `value`."""
        if self.times and self.times[-1] == t_ns:
            self.values[-1] = value
        elif value != self.values[-1]:
            self.times.append(t_ns)
            self.values.append(value)

    def at(self, t_ns: int) -> Any:
        """The value at a time, after what changed then."""
        return self.values[bisect_right(self.times, t_ns)]

    def spans(self, start_ns: int, end_ns: int) -> Iterator[tuple[int, int, Any]]:
        """(start, end, value) of every stretch of time within these ends."""
        at = start_ns
        for time_ns, value in zip([*self.times, end_ns], self.values, strict=True):
            stop = min(time_ns, end_ns)
            if stop > at:
                yield at, stop, value
                at = stop


class Operation(NamedTuple):
    """An operation of a device; `pid` is -1 for the network process and where the trace does not say."""

    start_ns: int
    end_ns: int
    gate: str
    qubits: tuple[int, int]
    pid: int


class Attempts(NamedTuple):
    """A stretch of attempts on a link."""

    start_ns: int
    end_ns: int
    pair: tuple[int, int]  # sequence of the request, number of the pair
    attempts: int
    success: bool


class Delivery(NamedTuple):
    """A pair that a program got."""

    t_ns: int
    pair: tuple[int, int]
    serial: int


class Subroutine(NamedTuple):
    """When a subroutine left the CNPU, reached the QNPU, was over there, and its result known; -1: never."""

    number: int
    sent_ns: int
    added_ns: int
    over_ns: int
    known_ns: int


class Message(NamedTuple):
    """A classical message between programs; `received_ns` is -1 if its receiver never took it."""

    sender: Place
    receiver: Place
    sent_ns: int
    received_ns: int


class Program:
    """A program: its CNPU side (`cpu`) and its process on the QNPU (`process`), each in steps of `State`.

    `cpu`: computes, waits for a subroutine (number) or a message (role), sleeps. `process`: idle, ready,
    running, or what it waits for: a pair (node id), memory, device.
    """

    def __init__(self, node: str, pid: int, session: int, role: str, start_ns: int) -> None:
        self.node, self.pid = node, pid
        self.session, self.role = session, role
        self.start_ns, self.end_ns = start_ns, -1
        self.failed = False
        self.cpu = Steps(COMPUTES)
        self.process = Steps(IDLE)
        self.subroutines: list[Subroutine] = []
        self.deliveries: dict[int, list[Delivery]] = defaultdict(list)  # by the peer's node id
        self.requests: dict[tuple[int, str], list[int]] = defaultdict(list)  # (peer, event) -> when asked

    @property
    def place(self) -> Place:
        """Node and pid."""
        return self.node, self.pid


class Timeline:
    """All tracks of one shot.

    `nodes` has the nodes in the order of their numbers, as far as they run programs; `end_ns` is when the
    last thing on record ended.
    """

    def __init__(self, records: Sequence[Record]) -> None:
        self.records = records
        self.end_ns = 0
        self.programs: dict[Place, Program] = {}
        self.names: dict[int, str] = {}  # node id -> name
        self.operations: dict[str, list[Operation]] = defaultdict(list)
        self.attempts: dict[tuple[str, str], list[Attempts]] = defaultdict(list)  # node, peer
        self.link_messages: dict[tuple[str, int], list[tuple[int, int]]] = defaultdict(list)
        self.ready_ns: dict[tuple[str, int, tuple[int, int]], int] = {}  # node, peer, pair: first ENT_CMD
        self.lacks_qubit: dict[tuple[str, int], Steps] = defaultdict(lambda: Steps(False))
        self.awaits_bin: dict[tuple[str, int], Steps] = defaultdict(lambda: Steps(False))
        self.heralds: list[tuple[int, str, int, tuple[int, int]]] = []  # time, node, peer, pair
        self.messages: list[Message] = []
        self._read()
        self.nodes = [self.names[number] for number in sorted(self.names)]
        self.nodes += sorted({record.node for record in records} - set(self.nodes))

    def _read(self) -> None:
        cpu: dict[Place, list[Record]] = defaultdict(list)
        process: dict[Place, list[Record]] = defaultdict(list)
        for record in self.records:
            self.end_ns = max(self.end_ns, record.t_ns)
            if record.unit == "cnpu":
                if record.event == "PROGRAM_STARTED":
                    self._start(record)
                cpu[record.node, record.pid].append(record)
            elif record.unit in ("procmgr", "processor", "scheduler") and record.pid >= 0:
                process[record.node, record.pid].append(record)
            elif record.unit == "device":
                self._device(record)
            elif record.unit.startswith("link:"):
                self._link(record)
            else:
                self._network(record)
        for program in self.programs.values():
            if not _read_cpu(program, cpu[program.place]):
                program.end_ns = max(self.end_ns, program.start_ns)  # the trace was cut
            _read_process(program, process[program.place])
            program.subroutines = _subroutines(cpu[program.place], process[program.place])
        self._match_messages(cpu)

    def _start(self, record: Record) -> None:
        session, role, *number = record.data
        self.programs[record.node, record.pid] = Program(
            record.node, record.pid, int(session), str(role), record.t_ns
        )
        if number:
            self.names[int(number[0])] = record.node

    def _device(self, record: Record) -> None:
        if record.event == "QDEVICE_CONSUME_CMD":
            gate, qubit, qubit2, duration_ns, _ = record.data
            end_ns = record.t_ns + int(duration_ns)
            self.end_ns = max(self.end_ns, end_ns)
            qubits = (int(qubit), int(qubit2))
            self.operations[record.node].append(Operation(record.t_ns, end_ns, str(gate), qubits, record.pid))

    def _link(self, record: Record) -> None:
        _, sequence, pair, count, duration_ns, success = map(int, record.data)
        end_ns = record.t_ns + duration_ns
        self.end_ns = max(self.end_ns, end_ns)
        self.attempts[record.node, record.unit.removeprefix("link:")].append(
            Attempts(record.t_ns, end_ns, (sequence, pair), count, bool(success))
        )

    def _network(self, record: Record) -> None:
        """A record of the units egp and qdriver, all of which name the peer first."""
        event, data = record.event, record.data
        program = self.programs.get((record.node, record.pid))
        if event == "LINK_MSG_SENT":
            span = record.t_ns, record.t_ns + int(data[2])
            self.link_messages[record.node, int(data[0])].append(span)
        elif event == "QDEVICE_PRODUCE_ENT_CMD":
            peer, sequence, pair = map(int, data)
            self.ready_ns.setdefault((record.node, peer, (sequence, pair)), record.t_ns)
        elif event == "QDEVICE_PRODUCE_OUTCOME" and record.pid < 0:
            peer, sequence, pair = map(int, data)
            self.heralds.append((record.t_ns, record.node, peer, (sequence, pair)))
        elif event in ("EGP_LACKS_QUBIT", "EGP_HAS_QUBIT"):
            self.lacks_qubit[record.node, int(data[0])].set(record.t_ns, event == "EGP_LACKS_QUBIT")
        elif event in ("EGP_AWAITS_BIN", "EGP_BIN_START"):
            self.awaits_bin[record.node, int(data[0])].set(record.t_ns, event == "EGP_AWAITS_BIN")
        elif program is not None and event in ("EGP_ENT_OK", "EGP_ENM_OK"):
            peer, sequence, pair, serial = map(int, data)
            program.deliveries[peer].append(Delivery(record.t_ns, (sequence, pair), serial))
        elif program is not None and event in ("EGPD_CREATE", "EGPD_RECEIVE"):
            program.requests[int(data[0]), event].append(record.t_ns)

    def _match_messages(self, cpu: dict[Place, list[Record]]) -> None:
        """The n-th message that a program sends to a role is the n-th that this role takes from it."""
        by_role = {(program.session, program.role): program for program in self.programs.values()}
        taken: dict[tuple[Place, Place], list[int]] = defaultdict(list)
        for program in self.programs.values():
            for record in cpu[program.place]:
                if record.event == "CLAS_MSG_RCVD":
                    sender = by_role.get((program.session, str(record.data[0])))
                    if sender is not None:
                        taken[sender.place, program.place].append(record.t_ns)
        for program in self.programs.values():
            count: dict[Place, int] = defaultdict(int)
            for record in cpu[program.place]:
                receiver = by_role.get((program.session, str(record.data[0]))) if record.data else None
                if record.event == "CLAS_MSG_SENT" and receiver is not None:
                    known = taken[program.place, receiver.place]
                    at = count[receiver.place]
                    count[receiver.place] = at + 1
                    received_ns = known[at] if at < len(known) else -1
                    self.messages.append(Message(program.place, receiver.place, record.t_ns, received_ns))


def _read_cpu(program: Program, records: Sequence[Record]) -> bool:
    """Fill in the CNPU side of a program; False if its end is not on record."""
    until_ns = -1
    for record in records:
        if 0 <= until_ns < record.t_ns:  # it went on by itself, and what it did left no record at once
            program.cpu.set(until_ns, COMPUTES)
        until_ns = -1
        state = COMPUTES
        if record.event == "PROGRAM_WAITS":
            number, role, until = record.data
            until_ns = int(until)
            if int(number) >= 0:
                state = ("subroutine", number)
            else:
                state = ("message", role) if role else ("sleeps", "")
        program.cpu.set(record.t_ns, state)
        if record.event in ("PROGRAM_ENDED", "PROGRAM_FAILED"):
            program.end_ns = record.t_ns
            program.failed = record.event == "PROGRAM_FAILED"
            return True
    return False


def _read_process(program: Program, records: Iterable[Record]) -> None:
    """Fill in the QNPU side of a program.

    Records of one nanosecond are ordered by unit, not by cause; what holds after all of them is told by the
    last of the processor's, unless the process came to the ready list more often than it left.
    """
    groups: dict[int, list[Record]] = defaultdict(list)
    for record in records:
        groups[record.t_ns].append(record)
    queued = False
    for t_ns, group in groups.items():
        state: State | None = None
        arrived = int(queued)
        for record in group:
            if record.event == "SCHEDULER_ARRIVE_USER_PROCESS":
                arrived += 1
            elif record.event == "PROCESSOR_START_USER_PROCESS":
                arrived -= 1
                state = ("running", "")
            elif record.event == "PROCESSOR_WAIT_USER_PROCESS":
                kind, peer = record.data or ("pair", -1)
                state = (str(kind), peer)
            elif record.event == "PROCESSOR_FINISH_USER_PROCESS":
                state = IDLE
        if any(record.event == "PROCMGR_SUBROUTINE_ABORTED" for record in group):
            arrived, state = 0, IDLE
        queued = arrived > 0
        if queued:
            state = ("ready", "")
        if state is not None:
            program.process.set(t_ns, state)


def _subroutines(cpu: Iterable[Record], process: Iterable[Record]) -> list[Subroutine]:
    """The subroutines of a program in the order in which they were sent."""
    times: dict[int, dict[str, int]] = {}
    for record in [*cpu, *process]:
        if record.event.startswith(("SUBROUTINE_SENT", "PROCMGR_SUBROUTINE", "RESULT_RCVD")):
            times.setdefault(int(record.data[0]), {})[record.event] = record.t_ns
    return [
        Subroutine(
            number,
            of.get("SUBROUTINE_SENT", -1),
            of.get("PROCMGR_SUBROUTINE_ADDED", -1),
            of.get("PROCMGR_SUBROUTINE_DONE", of.get("PROCMGR_SUBROUTINE_ABORTED", -1)),
            of.get("RESULT_RCVD", -1),
        )
        for number, of in times.items()
    ]
