"""A network that stays up: one universe on one timeline, to which applications are submitted as they come.

An input from outside (submit, cancel) is admitted at a simulated time after everything granted so far, and
written to the journal with that time: feeding the journal to the same network again gives the same trace.

The death of a process is such an input too (see `losses`). After it the network takes nothing new; it
answers questions until it is started again.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import msgspec

from qruntime.actors import Arrival, Cancelled, Event, Start
from qruntime.authority import Token
from qruntime.control import ControlMessage, Loaded
from qruntime.errors import ConfigError, Fault, QnosError
from qruntime.losses import FIRST_WORD, Loss, down_error, programs_under_way
from qruntime.orders import (
    AskNetwork,
    AskSession,
    CancelSession,
    EndedRow,
    Load,
    NetworkState,
    Run,
    RunDone,
    SessionList,
    SessionState,
    SubmitApp,
)
from qruntime.trace import Trace

if TYPE_CHECKING:
    from qruntime.host import Host
    from qruntime.service import Universe

JOURNAL_VERSION = 1
_MOURNING_S: Final = 0.5  # for programs to end with `NodeDown`; then their sessions are over in any case


class Entry(msgspec.Struct, omit_defaults=True):
    """One line of a journal after the first: an input and the simulated time at which it was admitted."""

    t_ns: int
    submit: Load | None = None
    cancel: int | None = None
    lost: Loss | None = None
    end: bool = False  # what was due up to this time happened, nothing later


class Header(msgspec.Struct):
    """The first line of a journal: what the inputs were given to."""

    journal: int
    seed: int
    network: dict[str, Any]


class _Session:
    """One submitted application."""

    def __init__(self, number: int, load: Load) -> None:
        self.number = number
        self.load = load
        self.state = "loading"
        self.admitted_ns = -1
        self.ended: list[EndedRow] = []
        self.fault: Fault | None = None
        self.waiting: list[str] = []  # clients that want to hear when it is over

    def described(self) -> SessionState:
        roles = self.load.roles
        return SessionState(
            self.number, self.load.app, self.state, self.admitted_ns, roles, tuple(self.ended), self.fault
        )


class LiveSessions:
    """The service of a network that is up.

    `trace` and `journal` are files in the making.
    """

    def __init__(self, host: Host, header: Header, journal: IO[bytes], trace: IO[bytes]) -> None:
        self._host = host
        self._seed = header.seed
        self._journal = journal
        self._trace = Trace(trace)
        self._universe: Universe | None = None
        self._sessions: dict[int, _Session] = {}
        self._to_load: list[str] = []
        self._loading: _Session | None = None
        self._inputs: list[SubmitApp | CancelSession] = []  # wait for their turn
        self._curious: list[str] = []  # clients that asked how the network is
        self._down: Fault | None = None  # why nothing new is taken
        self._unmourned: list[str] = []  # dead processes of which the others were not told yet
        self._words = FIRST_WORD
        self._put(header)

    # --- the host's calls -------------------------------------------------------------------------------

    def ready(self) -> None:
        """Seed every actor; the universe begins when all have answered."""
        self._to_load = list(self._host.actors)
        for actor in self._host.actors:
            self._host.send(actor, Load("", "", self._seed, -1, (), {}, {}))

    def client(self, message: ControlMessage) -> None:
        """A question is answered at once, an input takes its turn."""
        if isinstance(message, SubmitApp | CancelSession):
            self._inputs.append(message)
            self._next_input()
        elif isinstance(message, AskSession):
            self._tell(message)
        elif isinstance(message, AskNetwork):
            self._curious.append(message.reply_to)
            if self._universe is not None:
                self._host.ask(self._universe)
            elif self._down is not None:
                self.answered()
        elif isinstance(message, Run):
            fault = Fault.of(ConfigError("this network keeps one timeline (qnos submit); it runs no shots"))
            self._host.reply(message.reply_to, RunDone(fault, 0, 0))
            self._host.drop_client(message.reply_to)

    def loaded(self, message: Loaded) -> None:
        """All have loaded: the universe begins, or a session is admitted."""
        if message.actor not in self._to_load:
            return
        self._to_load.remove(message.actor)
        session = self._loading
        if session is not None and message.fault is not None:
            session.fault = session.fault or message.fault
        if self._to_load:
            return
        if session is None:
            self._begin()
        else:
            self._loading = None
            self._admit(session)
        self._next_input()

    def ended(self, universe: Universe, rows: Sequence[EndedRow]) -> None:
        """Programs of some sessions ended."""
        for row in rows:
            session = self._sessions[row.session]
            if session.state == "running":
                session.ended.append(row)
                self._look_for_end(session)

    def waiting_in_vain(self, universe: Universe) -> bool:
        """Whether any program is still under way."""
        return any(session.state == "running" for session in self._sessions.values())

    def stuck(self, universe: Universe) -> None:
        """Nobody can be told to give up; an input may still change that."""
        self._next_input()
        self._host.leaving = self._host.leaving or self._host.until_ns is not None

    def reached(self, universe: Universe) -> None:
        """Its universe has no limit of its own."""

    def answered(self) -> None:
        """Everybody who is not busy has said how it is: tell the curious, and the news of the dead."""
        while self._unmourned:
            self._mourn(self._unmourned.pop(0))
        state = self._network_state()
        for address in self._curious:
            self._host.reply(address, state)
            self._host.drop_client(address)
        self._curious.clear()
        self._next_input()

    def crashed(self, error: QnosError) -> None:
        """A bug of ours ends every session: its actor will not report any more."""
        self._go_down(Fault.of(error))
        self._end_all()

    def lost(self, actor: str) -> None:
        """Ask the survivors which programs are under way, then tell them."""
        self._go_down(Fault.of(down_error(actor)))
        if self._universe is None:
            self.answered()
            return
        self._unmourned.append(actor)
        self._host.ask(self._universe)

    def leave(self) -> None:
        """End at a time that the journal names, so that a replay ends there as well."""
        universe = self._universe
        if universe is None or self._down is not None or self._host.until_ns is not None:
            self._host.leaving = True
            return
        authority = universe.authority
        until_ns = max(authority.latest_ns, authority.now_ns)
        self._write(Entry(until_ns, end=True))
        self._inputs.clear()
        self._host.end_at(universe, until_ns)

    def close(self) -> None:
        """Write what is left of the trace.

        Raises `QnosError` if it cannot be written.
        """
        try:
            self._trace.end()
        except OSError as error:
            raise QnosError(f"the trace cannot be written: {error.strerror}") from error

    # --- inputs -----------------------------------------------------------------------------------------

    def _begin(self) -> None:
        universe = self._universe = self._host.open_universe(self._seed)
        self._trace.begin(0)
        universe.authority.on_record = self._trace.on_record
        universe.authority.begin(0)
        self._host.advance(universe)
        if self._curious:
            self._host.ask(universe)

    def _next_input(self) -> None:
        """Take the next input, unless one is being loaded or a deadlock verdict is on its way."""
        universe = self._universe
        while self._inputs and self._loading is None:
            if self._down is None and (universe is None or universe.answers is not None):
                return
            message = self._inputs.pop(0)
            if isinstance(message, CancelSession):
                self._cancel(message)
                continue
            session = _Session(len(self._sessions), message.load)
            session.load = msgspec.structs.replace(
                message.load, session=session.number, live=True, seed=self._seed
            )
            self._sessions[session.number] = session
            session.waiting.append(message.reply_to)
            if self._down is not None:
                self._refuse(session)
                continue
            self._loading = session
            self._to_load = list(self._host.cnpus)
            for actor in self._host.cnpus:
                self._host.send(actor, session.load)

    def _admit(self, session: _Session) -> None:
        if session.fault is None:
            t_ns = self._next_ns()
            self._write(Entry(t_ns, submit=session.load))
        if session.fault is not None or self._down is not None:
            self._refuse(session)
            return
        session.state = "running"
        session.admitted_ns = t_ns
        address = session.waiting.pop(0)
        self._host.reply(address, session.described())
        self._host.drop_client(address)
        self._inject(session, Start(), t_ns)

    def _refuse(self, session: _Session) -> None:
        session.fault = session.fault or self._down
        self._over(session, "refused")

    def _cancel(self, message: CancelSession) -> None:
        session = self._sessions.get(message.session)
        if session is not None and session.state == "running" and self._universe is not None:
            session.waiting.append(message.reply_to)
            t_ns = self._next_ns()
            self._write(Entry(t_ns, cancel=session.number))
            self._inject(session, Cancelled(session.number), t_ns)
        else:
            self._tell(AskSession(message.reply_to, message.session))

    def _next_ns(self) -> int:
        """When an input that comes now is admitted: after all that was granted so far."""
        assert self._universe is not None
        authority = self._universe.authority
        t_ns = max(authority.latest_ns, authority.now_ns) + 1
        if authority.is_quiet:
            try:
                self._trace.flush(t_ns)
            except OSError as error:
                self._cannot_write("trace", error)
        return t_ns

    def _inject(self, session: _Session, event: Event, t_ns: int) -> None:
        """Give an input to the CNPUs of a session."""
        assert self._universe is not None
        for node in dict.fromkeys(session.load.placement[role] for role in session.load.roles):
            self._universe.authority.inject(f"{node}/cnpu", event, t_ns)
        self._host.advance(self._universe)

    def _write(self, line: Entry) -> None:
        try:
            self._put(line)
        except OSError as error:
            self._cannot_write("journal", error)

    def _put(self, line: Header | Entry) -> None:
        self._journal.write(msgspec.json.encode(line) + b"\n")
        self._journal.flush()

    # --- the end before the end -------------------------------------------------------------------------

    def _cannot_write(self, what: str, error: OSError) -> None:
        """What happens from now on could not be repeated, so nothing may."""
        message = f"the {what} of the network cannot be written: {error.strerror or error}"
        self._go_down(Fault("STORAGE", f"{message}; qnos up starts the network again"))
        self._end_all()

    def _go_down(self, fault: Fault) -> None:
        """Take nothing new; whoever waits to be admitted is refused."""
        self._down = self._down or fault
        session, self._loading, self._to_load = self._loading, None, []
        if session is not None:
            self._refuse(session)
        self._next_input()

    def _mourn(self, actor: str) -> None:
        """Tell the survivors, as an input with its time."""
        assert self._universe is not None
        universe = self._universe
        loss = Loss(actor, universe.taken.get(actor, 0), programs_under_way(self._host.answers))
        t_ns = self._next_ns()
        self._write(Entry(t_ns, lost=loss))
        for dst, src, message in loss.news():
            self._words += 1
            self._host.hold_body(dst, (universe.number, src, self._words), message)
            universe.authority.inject(dst, Arrival(src, Token(self._words)), t_ns)
        node, _, unit = actor.partition("/")
        for session in self._sessions.values():
            if session.state != "running":
                continue
            session.fault = session.fault or loss.fault()
            there = [role for role in session.load.roles if session.load.placement[role] == node]
            for role in there if unit == "cnpu" else ():
                if all(row.role != role for row in session.ended):
                    times = session.admitted_ns, t_ns
                    session.ended.append(EndedRow(session.number, role, -1, {}, loss.fault(), "", *times))
            self._look_for_end(session)
        self._host.later(_MOURNING_S, self._end_all)
        self._host.advance(universe)

    def _end_all(self) -> None:
        """Whatever still runs is over."""
        for session in self._sessions.values():
            if session.state == "running":
                session.fault = session.fault or self._down
                self._over(session, "failed")

    # --- answers ----------------------------------------------------------------------------------------

    def _tell(self, question: AskSession) -> None:
        address = question.reply_to
        if question.session < 0:
            listed = tuple(session.described() for session in self._sessions.values())
            self._host.reply(address, SessionList(listed))
        else:
            session = self._sessions.get(question.session)
            if session is None:
                fault = Fault("SESSION", f"no session {question.session}; there are {len(self._sessions)}")
                self._host.reply(address, SessionState(question.session, "", "unknown", -1, (), (), fault))
            elif question.wait and session.state in ("loading", "running"):
                session.waiting.append(address)
                return
            else:
                self._host.reply(address, session.described())
        self._host.drop_client(address)

    def _look_for_end(self, session: _Session) -> None:
        if len(session.ended) == len(session.load.roles):
            failed = any(row.fault is not None for row in session.ended)
            self._over(session, "failed" if failed else "done")

    def _over(self, session: _Session, state: str) -> None:
        session.state = state
        for address in session.waiting:
            self._host.reply(address, session.described())
            self._host.drop_client(address)
        session.waiting.clear()

    def _network_state(self) -> NetworkState:
        authority = None if self._universe is None else self._universe.authority
        answers = {name: a for name, a in sorted(self._host.answers.items()) if a.qubits_free >= 0}
        return NetworkState(
            0 if authority is None else authority.now_ns,
            authority is None or authority.is_quiet,
            self._host.grants,
            self._host.refusals.count,
            sum(session.state == "running" for session in self._sessions.values()),
            {name.partition("/")[0]: answer.processes for name, answer in answers.items()},
            {name.partition("/")[0]: answer.qubits_free for name, answer in answers.items()},
        )


def read_journal(path: Path) -> tuple[Header, list[Entry]]:
    """What a journal says.

    Raises `QnosError` naming the line that cannot be read; a last line cut short is left out.
    """
    lines = path.read_bytes().split(b"\n")
    whole, rest = lines[:-1], lines[-1]  # a network that was killed may have left half a line
    if not whole:
        raise QnosError(f"{path}: no journal; its first line is missing" + (" its end" if rest else ""))
    try:
        header = msgspec.json.decode(whole[0], type=Header)
    except msgspec.MsgspecError as error:
        raise QnosError(f"{path}:1: not the head of a journal: {error}") from None
    if header.journal != JOURNAL_VERSION:
        raise QnosError(f"{path}:1: journal version {header.journal}; this release reads {JOURNAL_VERSION}")
    entries = []
    for number, line in enumerate(whole[1:], start=2):
        try:
            entries.append(msgspec.json.decode(line, type=Entry))
        except msgspec.MsgspecError as error:
            raise QnosError(f"{path}:{number}: not an entry of a journal: {error}") from None
    return header, entries
