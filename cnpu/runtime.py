"""The CNPU: starts programs, hands them what arrives, reports how they ended.

`Cnpu(...)` is an actor. Set `launches` before `Start`; programs begin at their `start_ns`, and `ended`
fills as they end.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from typing import Any

from cnpu.launch import CnpuSettings, Ended, Launch
from cnpu.program import Program
from cnpu.routes import Routes
from cnpu.sockets import Mailbox
from qruntime.actors import (
    Arrival,
    Cancelled,
    CancelTimer,
    Doomed,
    Effect,
    Emit,
    Event,
    Expiry,
    Message,
    SetTimer,
    Start,
    Wait,
)
from qruntime.errors import ConfigError, Deadlock, ProgramCancelled, QnosError, error_of
from qruntime.inspection import Inspected
from qruntime.limits import MAILBOXES, ROUTES_KEPT
from qruntime.messages import (
    Aborted,
    ClassicalMessage,
    Done,
    Memory,
    ProgramEnded,
    Refused,
    Register,
    RequestFailed,
    Stop,
)
from qruntime.rng import Streams

_TEXT_CUT = 200  # characters of an error in the trace
_REASON_CUT = 1000  # characters of an error that a peer is told


class Cnpu:
    """The classical side of one node, as an actor named `<node>/cnpu`.

    `nodes` are all nodes in the order of the network file. `qnpu_latency_ns` is that of messages to our
    QNPU, `cnpu_latency_ns` those to the CNPUs of other nodes, by node name. `linked` are the nodes with
    which ours shares an entanglement link. `max_qubits` is what *register* announces.

    `launches` are the programs to run in every shot. `joining` are more, of one timeline: the next `Start`
    takes them out. `ended` has those that are over, by (session, role), until `forget`; `on_ended` hears of
    each.
    """

    def __init__(
        self,
        node: str,
        nodes: Sequence[str],
        settings: CnpuSettings,
        *,
        qnpu_latency_ns: int,
        cnpu_latency_ns: Mapping[str, int],
        linked: Collection[str],
        streams: Streams,
        max_qubits: int,
    ) -> None:
        if node not in nodes:
            raise ConfigError(f"node {node!r} is not among the nodes: {', '.join(nodes)}")
        self.node = node
        self.name = f"{node}/cnpu"
        self.qnpu = f"{node}/qnpu"
        self.tracing = False
        self.settings = settings
        self.qnpu_latency_ns = qnpu_latency_ns
        self.streams = streams
        self.launches: list[Launch] = []
        self.joining: list[Launch] = []
        self.on_ended: Callable[[Ended], None] | None = None
        self.ended: dict[tuple[int, str], Ended] = {}
        self.shot = 0
        self.now_ns = 0
        self.effects: list[Effect] = []
        self._nodes = tuple(nodes)
        self._latencies = dict(cnpu_latency_ns)
        self._linked = tuple(linked)
        self._max_qubits = max_qubits
        self._routes: dict[tuple[int, str], Routes] = {}
        self._programs: dict[int, Program] = {}
        self._mailboxes: dict[tuple[int, str, str], Mailbox] = {}
        self._timers: dict[Hashable, Any] = {}
        self._next_timer = 0
        self._next_pid = 0
        self._begun = 0
        self._cores: list[int] = []
        self._on_message: dict[type[Message], Callable[[Any], None]] = {
            Done: self._on_done,
            Aborted: self._on_aborted,
            RequestFailed: self._on_failure,
            Refused: self._on_failure,
            Memory: self._on_answer,
            Inspected: self._on_answer,
            ClassicalMessage: self._on_classical,
            ProgramEnded: self._on_program_ended,
        }

    # --- the actor --------------------------------------------------------------------------------

    def reset(self, shot: int) -> None:
        """Forget all programs and messages; `launches` stay."""
        self.effects = []
        for program in self._programs.values():
            program.abandon()
        self.effects = []
        self.shot = shot
        self.ended = {}
        self.joining.clear()
        self._programs.clear()
        self._mailboxes.clear()
        self._timers.clear()
        self._next_timer = 0
        self._next_pid = 0
        self._begun = 0
        self._cores = [0] * (self.settings.cores or 0)

    def handle(self, event: Event, now_ns: int) -> Sequence[Effect]:
        """Take one event; an error of a program ends that program only."""
        self.now_ns = now_ns
        effects: list[Effect] = []
        self.effects = effects
        if isinstance(event, Arrival):
            take = self._on_message.get(event.message.__class__)
            if take is not None:
                take(event.message)
        elif isinstance(event, Expiry):
            target = self._timers.pop(event.timer, None)
            if target is not None:
                target.expired()
        elif isinstance(event, Start):
            self._on_start()
        elif isinstance(event, Cancelled):
            self._on_cancelled(event)
        else:
            self._on_doomed(event)
        return effects

    def waits(self) -> list[Wait]:
        """One wait for each program that is blocked."""
        waits = (program.wait() for program in self._programs.values())
        return [wait for wait in waits if wait is not None]

    # --- programs ---------------------------------------------------------------------------------

    def _on_start(self) -> None:
        """Begin the launches that are due and set a timer for the others; those begun before go on."""
        launches = self.launches[self._begun :] + self.joining
        self._begun = len(self.launches)
        self.joining.clear()
        for launch in launches:
            if launch.start_ns <= self.now_ns:
                self._begin(launch)
            else:
                self.set_timer(launch.start_ns, _Later(self._begin, launch))

    def _begin(self, launch: Launch) -> None:
        pid = self._next_pid
        self._next_pid = pid + 1
        try:
            routes = self._routes_of(launch)
        except ConfigError as error:
            self._close_mailboxes(launch.session, launch.role, launch.placement)
            self._over(
                Ended(launch.session, launch.role, pid, {}, error, f"{error}\n", self.now_ns, self.now_ns)
            )
            return
        program = Program(self, launch, routes, pid)
        self._programs[pid] = program
        program.send(
            self.qnpu,
            Register(
                pid,
                launch.app,
                self._max_qubits,
                launch.flavour,
                launch.priority,
                routes.sockets,
                launch.deadline_ns,
                launch.weight,
                launch.quotas,
            ),
            self.qnpu_latency_ns,
        )
        if self.tracing:
            program.emit("PROGRAM_STARTED", launch.session, launch.role, self._nodes.index(self.node))
        program.start()

    def renew(
        self,
        program: Program,
        app: str,
        max_qubits: int,
        first_socket: int,
        sockets: tuple[tuple[int, int, int, int], ...],
    ) -> None:
        """Make a program another process of the QNPU."""
        launch = program.launch
        del self._programs[program.pid]
        program.send(self.qnpu, Stop(program.pid), self.qnpu_latency_ns)
        program.pid = self._next_pid
        self._next_pid += 1
        self._programs[program.pid] = program
        register = Register(
            program.pid,
            app,
            max_qubits,
            launch.flavour,
            launch.priority,
            sockets,
            launch.deadline_ns,
            launch.weight,
            launch.quotas,
            first_socket,
        )
        program.send(self.qnpu, register, self.qnpu_latency_ns)

    def _routes_of(self, launch: Launch) -> Routes:
        key = launch.session, launch.role
        routes = self._routes.get(key)
        if routes is None or not routes.serves(launch):
            if len(self._routes) >= ROUTES_KEPT:
                self._routes.clear()  # programs hold their own
            routes = Routes(launch, self.node, self._nodes, self._latencies, self._linked)
            self._routes[key] = routes
        return routes

    def program_ended(
        self, program: Program, value: dict[str, Any], error: QnosError | None, traceback: str
    ) -> None:
        """A program is over: tell the QNPU, and its peers if it failed."""
        session, role = program.session, program.role
        if error is not None:
            if self.tracing:
                program.emit("PROGRAM_FAILED", error.code, str(error)[:_TEXT_CUT])
            reason = str(error)[:_REASON_CUT] or error.code
            for peer in program.routes.reachable:
                program.post(peer, ProgramEnded(session, role, peer, reason))
        elif self.tracing:
            program.emit("PROGRAM_ENDED")
        program.send(self.qnpu, Stop(program.pid), self.qnpu_latency_ns)
        del self._programs[program.pid]
        self._close_mailboxes(session, role, program.routes.peers)
        self._over(
            Ended(
                session,
                role,
                program.pid,
                value,
                error,
                traceback,
                program.started_ns,
                program.clock_ns,
                program.log,
            )
        )

    def _over(self, end: Ended) -> None:
        self.ended[end.session, end.role] = end
        if self.on_ended is not None:
            self.on_ended(end)

    def forget(self, session: int, role: str) -> None:
        """Keep nothing of a program that is over, as no message for it is under way any more."""
        self.ended.pop((session, role), None)
        self._routes.pop((session, role), None)

    def _on_doomed(self, event: Doomed) -> None:
        program = self._programs.get(event.pid)
        if program is not None:
            program.throw(Deadlock(event.report))

    def _on_cancelled(self, event: Cancelled) -> None:
        for program in list(self._programs.values()):
            if program.session == event.session:
                program.throw(ProgramCancelled(f"session {event.session} was cancelled"))

    # --- what the QNPU says -----------------------------------------------------------------------

    def _on_done(self, message: Done) -> None:
        program = self._programs.get(message.pid)
        if program is not None:
            program.done(message)

    def _on_aborted(self, message: Aborted) -> None:
        program = self._programs.get(message.pid)
        if program is not None:
            program.aborted(message.subroutine, message.fault)

    def _on_failure(self, message: RequestFailed | Refused) -> None:
        program = self._programs.get(message.pid)
        if program is not None:
            program.throw(error_of(message.fault))

    def _on_answer(self, message: Memory | Inspected) -> None:
        program = self._programs.get(message.pid)
        if program is not None:
            program.answered(message)

    # --- what peers say ---------------------------------------------------------------------------

    def mailbox(self, session: int, role: str, source: str) -> Mailbox:
        """Where messages from `source` to `role` wait; made when first needed."""
        key = session, role, source
        mailbox = self._mailboxes.get(key)
        if mailbox is None:
            self._mailboxes[key] = mailbox = Mailbox(source)
        return mailbox

    def _mailbox_for(self, message: ClassicalMessage | ProgramEnded) -> Mailbox | None:
        """Where a message goes; None if its program is over, or if there are too many mailboxes."""
        session, role, source = message.session, message.destination, message.source
        if (session, role) in self.ended:
            return None
        mailbox = self._mailboxes.get((session, role, source))
        if mailbox is None and len(self._mailboxes) >= MAILBOXES:
            self._limit_hit(role, source)
            return None
        return mailbox or self.mailbox(session, role, source)

    def _close_mailboxes(self, session: int, role: str, sources: Iterable[str]) -> None:
        for source in sources:
            self._mailboxes.pop((session, role, source), None)

    def _limit_hit(self, role: str, source: str) -> None:
        if self.tracing:
            self.effects.append(Emit(self.now_ns, "cnpu", "CLAS_MSG_LIMIT", -1, (role, source)))

    def deliver_here(self, message: Message, at_ns: int) -> None:
        """A message between two programs of this node."""
        self.set_timer(at_ns, _Later(self._on_message[message.__class__], message))

    def _on_classical(self, message: ClassicalMessage) -> None:
        mailbox = self._mailbox_for(message)
        if mailbox is None:
            return
        was_open = mailbox.closed is None
        receiving = mailbox.put(message.value)
        if receiving is not None:
            receiving.forget_timer()
            receiving.program.resume(receiving, message.value, None)
        elif was_open and mailbox.closed is not None:
            self._limit_hit(message.destination, message.source)

    def _on_program_ended(self, message: ProgramEnded) -> None:
        mailbox = self._mailbox_for(message)
        if mailbox is None:
            return
        waiting = mailbox.close(message.error)
        for receiving in waiting:
            receiving.forget_timer()
            receiving.program.wake(receiving, None, mailbox.closed)
        for receiving in waiting:
            receiving.program.run()

    # --- services for programs --------------------------------------------------------------------

    def set_timer(self, at_ns: int, target: Any) -> int:
        """Call `target.expired()` at `at_ns`; returns the timer's name."""
        timer = self._next_timer
        self._next_timer = timer + 1
        self._timers[timer] = target
        self.effects.append(SetTimer(timer, at_ns))
        return timer

    def cancel_timer(self, timer: int) -> None:
        """Forget a timer; one that ran out already is no error."""
        if self._timers.pop(timer, None) is not None:
            self.effects.append(CancelTimer(timer))

    def compute(self, from_ns: int, cost_ns: int) -> int:
        """When computing that is ready at `from_ns` is done: on a core of its own, or on the first that is
        free."""
        cores = self._cores
        if not cores:
            return from_ns + cost_ns
        core = cores.index(min(cores))
        cores[core] = end_ns = max(from_ns, cores[core]) + cost_ns
        return end_ns


class _Later:
    """A call that a timer makes."""

    __slots__ = ("_argument", "_call")

    def __init__(self, call: Callable[[Any], None], argument: Any) -> None:
        self._call = call
        self._argument = argument

    def expired(self) -> None:
        """The time has come."""
        self._call(self._argument)
