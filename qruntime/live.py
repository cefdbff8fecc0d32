"""A network that stays up: one universe on one timeline, to which applications are submitted as they come.

An input from outside (submit, cancel) is admitted at a simulated time after everything granted so far, and
written to the journal with that time: feeding the journal to the same network again gives the same trace.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import msgspec

from qruntime.actors import Cancelled, Event, Start
from qruntime.control import (
    AskNetwork,
    AskSession,
    CancelSession,
    ControlMessage,
    EndedRow,
    Load,
    Loaded,
    NetworkState,
    SessionList,
    SessionState,
    SubmitApp,
)
from qruntime.errors import Fault, QnosError
from qruntime.trace import Trace

if TYPE_CHECKING:
    from qruntime.host import Host, Universe

JOURNAL_VERSION = 1


class Entry(msgspec.Struct, omit_defaults=True):
    """One line of a journal after the first: an input and the simulated time at which it was admitted."""

    t_ns: int
    submit: Load | None = None
    cancel: int | None = None


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
        self._write(header)

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
            session.ended.append(row)
            if len(session.ended) == len(session.load.roles):
                failed = any(ended.fault is not None for ended in session.ended)
                self._over(session, "failed" if failed else "done")

    def waiting_in_vain(self, universe: Universe) -> bool:
        """Whether any program is still under way."""
        return any(session.state == "running" for session in self._sessions.values())

    def stuck(self, universe: Universe) -> None:
        """Nobody can be told to give up; an input may still change that."""
        self._next_input()

    def answered(self) -> None:
        """Everybody has said how it is: tell the curious."""
        state = self._network_state()
        for address in self._curious:
            self._host.reply(address, state)
            self._host.drop_client(address)
        self._curious.clear()
        self._next_input()

    def crashed(self, error: QnosError) -> None:
        """A bug of ours ends every session."""
        for session in self._sessions.values():
            if session.state == "running":
                session.fault = Fault.of(error)
                self._over(session, "failed")

    def close(self) -> None:
        """Write what is left of the trace."""
        self._trace.end()

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
        while self._inputs and self._loading is None and universe is not None and universe.answers is None:
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
            self._loading = session
            self._to_load = list(self._host.cnpus)
            for actor in self._host.cnpus:
                self._host.send(actor, session.load)

    def _admit(self, session: _Session) -> None:
        address = session.waiting.pop(0)
        if session.fault is not None:
            session.state = "refused"
        else:
            session.state = "running"
            nodes = dict.fromkeys(session.load.placement[role] for role in session.load.roles)
            session.admitted_ns = self._inject([f"{node}/cnpu" for node in nodes], Start())
            self._write(Entry(session.admitted_ns, submit=session.load))
        self._host.reply(address, session.described())
        self._host.drop_client(address)
        if self._universe is not None:
            self._host.advance(self._universe)

    def _cancel(self, message: CancelSession) -> None:
        session = self._sessions.get(message.session)
        if session is not None and session.state == "running" and self._universe is not None:
            nodes = dict.fromkeys(session.load.placement[role] for role in session.load.roles)
            t_ns = self._inject([f"{node}/cnpu" for node in nodes], Cancelled(session.number))
            self._write(Entry(t_ns, cancel=session.number))
            session.waiting.append(message.reply_to)
            self._host.advance(self._universe)
        else:
            self._tell(AskSession(message.reply_to, message.session))

    def _inject(self, actors: list[str], event: Event) -> int:
        """Admit an input after all that was granted so far; returns when."""
        assert self._universe is not None
        authority = self._universe.authority
        t_ns = max(authority.latest_ns, authority.now_ns) + 1
        if authority.is_quiet:
            self._trace.flush(t_ns)
        for actor in actors:
            authority.inject(actor, event, t_ns)
        return t_ns

    def _write(self, line: Header | Entry) -> None:
        self._journal.write(msgspec.json.encode(line) + b"\n")
        self._journal.flush()

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
            self._host.refused,
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
