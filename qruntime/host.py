"""The process of the world and the time authority: the other half of `shell`.

`Host` keeps the sockets and the universes of one network. It starts several shots at once, each a universe
of its own, carries grants out and reports in, and hands finished shots over in order. What may be granted
when is `authority`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import trio
import zmq

from qruntime.actors import Message, Wait
from qruntime.authority import Authority
from qruntime.control import (
    Answer,
    Ask,
    ControlMessage,
    EndedRow,
    Forget,
    Hello,
    Leave,
    Load,
    Loaded,
    Report,
    Run,
    RunDone,
    ShotDone,
    TraceRow,
    Welcome,
    decode_control,
    encode_control,
    pack_token,
    unpack_token,
)
from qruntime.errors import Fault, QnosError, WireError
from qruntime.sockets import Socket, Sockets
from qruntime.trace import Trace
from qruntime.wire import VERSION, decode, encode

SendBody = Callable[[str, tuple[int, str, int], Message], None]
MakeUniverse = Callable[[int, int, SendBody], Authority]  # (universe, seed, how the world's bodies leave)


class _Live:
    """A universe that is running one shot."""

    __slots__ = ("answers", "authority", "ended", "trace")

    def __init__(self, authority: Authority) -> None:
        self.authority = authority
        self.trace: Trace | None = None
        self.answers: dict[str, Answer] | None = None  # being asked who waits, None while things happen
        self.ended: list[EndedRow] = []


class _Job:
    """A client's run."""

    def __init__(self, request: Run) -> None:
        self.request = request
        self.next_shot = request.first_shot
        self.next_done = request.first_shot
        self.finished: dict[int, ShotDone] = {}
        self.to_load: list[str] = []
        self.fault: Fault | None = None

    @property
    def end_shot(self) -> int:
        return self.request.first_shot + self.request.shots


class Host:
    """One network under one authority.

    `cnpus` and `others` are the actors in processes of their own.
    """

    def __init__(
        self,
        sockets: Sockets,
        inbox: Socket,
        cnpus: Sequence[str],
        others: Sequence[str],
        worlds: Iterable[str],
        make_universe: MakeUniverse,
    ) -> None:
        self._sockets = sockets
        self._inbox = inbox
        self._cnpus = list(cnpus)
        self._actors = [*cnpus, *others]
        self._worlds = list(worlds)
        self._make_universe = make_universe
        self._peers: dict[str, Socket] = {}
        self._addresses: dict[str, str] = {}
        self._universes: dict[int, _Live] = {}
        self._spare: list[Authority] = []
        self._held: dict[tuple[int, str, int], tuple[bytes, bytes]] = {}
        self._next_universe = 0
        self._job: _Job | None = None
        self._loaded_last: Load | None = None
        self._queue: list[Run] = []
        self._client: tuple[str, Socket] | None = None
        self.leaving = False
        self.refused = 0
        self.grants = 0

    async def serve(self) -> None:
        """Wait for all actors, then work until told to leave."""
        while len(self._addresses) < len(self._actors):
            self._take(await self._inbox.receive())
        addresses = self._addresses | dict.fromkeys(self._worlds, self._inbox.address)
        for actor in self._actors:
            self._send(actor, Welcome(addresses))
        while not self.leaving:
            self._go_on()
            self._take(await self._inbox.receive())
        for actor in self._actors:
            self._send(actor, Leave())

    # --- what comes in ----------------------------------------------------------------------------------

    def _take(self, frames: list[bytes]) -> None:
        try:
            touched = [self._keep_body(*frames[at : at + 2]) for at in range(1, len(frames) - 1, 2)]
            message = decode_control(frames[0]) if frames[0] else None
        except WireError:
            self.refused += 1
            return
        if isinstance(message, Report):
            self._report(message)
        elif isinstance(message, Answer):
            self._answered(message)
        elif isinstance(message, Loaded):
            self._loaded(message)
        elif isinstance(message, Run):
            self._queue.append(message)
        elif isinstance(message, Hello):
            self._hello(message)
        elif isinstance(message, Leave):
            self.leaving = True
        elif message is None:
            for live in touched:
                if live is not None:
                    self._advance(live)

    def _keep_body(self, token: bytes, body: bytes) -> _Live | None:
        universe, src, n = unpack_token(token)
        live = self._universes.get(universe)
        if live is not None:
            live.authority.bodies[src, n] = decode(body)
        return live

    def _hello(self, hello: Hello) -> None:
        if hello.actor not in self._actors or hello.wire_version != VERSION:
            self.refused += 1
            return
        self._addresses[hello.actor] = hello.address
        self._peers[hello.actor] = self._sockets.connect(zmq.PUSH, hello.address)

    def _report(self, report: Report) -> None:
        live = self._universes.get(report.universe)
        if live is None:
            return
        if report.crash:
            self._abandon(QnosError(f"a bug in {report.actor}:\n{report.crash}"))
            return
        live.ended += report.ended
        live.authority.reported(report.actor, report.effects)
        self._advance(live)

    # --- universes --------------------------------------------------------------------------------------

    def _advance(self, live: _Live) -> None:
        """Grant what may be granted.

        When nothing is left the shot is over, or somebody waits in vain.
        """
        authority = live.authority
        for actor, grant in authority.advance():
            self.grants += 1
            body = self._held.pop((grant.universe, grant.src, grant.n), ())
            self._peers[actor].send([encode_control(grant), *body])
        if not authority.is_quiet or live.answers is not None or self._job is None:
            return
        if len(live.ended) == len(self._job.request.load.roles):
            self._finish(live)
            return
        live.answers = {}
        for actor in self._actors:
            self._send(actor, Ask(authority.universe))

    def _answered(self, answer: Answer) -> None:
        live = self._universes.get(answer.universe)
        if live is None or live.answers is None:
            return
        live.answers[answer.actor] = answer
        if len(live.answers) < len(self._actors):
            return
        answers, live.answers = live.answers, None
        waits = [
            Wait(actor, row.pid, row.started_ns, row.kind, row.what)
            for actor in live.authority.names
            if actor in answers
            for row in answers[actor].waits
        ]
        if live.authority.doom(waits):
            self._advance(live)
        else:
            self._abandon(QnosError(f"programs neither end nor wait in shot {live.authority.shot}"))

    def _begin(self, job: _Job) -> None:
        """Start the next shot in a universe of its own."""
        shot = job.next_shot
        job.next_shot += 1
        if self._spare:
            authority = self._spare.pop()
        else:
            authority = self._make_universe(self._next_universe, job.request.load.seed, self._hold_body)
            self._next_universe += 1
        live = self._universes[authority.universe] = _Live(authority)
        authority.on_record = None
        if job.request.tracing:
            live.trace = Trace()
            live.trace.begin(shot)
            authority.on_record = live.trace.on_record
        authority.begin(shot)
        self._advance(live)

    def _finish(self, live: _Live) -> None:
        job = self._job
        assert job is not None
        authority = live.authority
        del self._universes[authority.universe]
        self._spare.append(authority)  # its number may be used again: nothing of the shot is under way
        records: tuple[TraceRow, ...] = ()
        if live.trace is not None:
            records = tuple(TraceRow(*record) for record in live.trace.end())
        job.finished[authority.shot] = ShotDone(authority.shot, tuple(live.ended), records)

    # --- runs -------------------------------------------------------------------------------------------

    def _go_on(self) -> None:
        """Take the next run if none is under way; keep its shots in flight; hand over what is finished."""
        if self._job is None and self._queue:
            self._job = _Job(self._queue.pop(0))
            load = self._job.request.load
            if load != self._loaded_last:
                self._loaded_last = load
                self._spare.clear()  # they draw from the streams of another seed
                self._job.to_load = list(self._actors)
                for actor in self._actors:
                    self._send(actor, load)
        job = self._job
        if job is None or job.to_load:
            return
        while job.next_done in job.finished:
            self._to_client(job, job.finished.pop(job.next_done))
            job.next_done += 1
        if job.fault is None and job.next_done < job.end_shot:
            while job.next_shot < job.end_shot and len(self._universes) < job.request.in_flight:
                self._begin(job)
            return
        overlapping = sum(a.overlapping for a in self._spare)
        self._to_client(job, RunDone(job.fault, self.grants, overlapping))
        self._job = None

    def _loaded(self, loaded: Loaded) -> None:
        job = self._job
        if job is None or loaded.actor not in job.to_load:
            return
        job.to_load.remove(loaded.actor)
        if loaded.fault is not None:
            job.fault = job.fault or loaded.fault
            self._loaded_last = None

    def _abandon(self, error: QnosError) -> None:
        """The run cannot go on: forget its universes and tell the client."""
        if self._job is not None:
            self._job.fault = Fault.of(error)
        self._held.clear()
        for number in list(self._universes):
            del self._universes[number]
            for actor in self._actors:
                self._send(actor, Forget(number))

    # --- sending ----------------------------------------------------------------------------------------

    def _send(self, actor: str, message: Message) -> None:
        self._peers[actor].send([encode_control(message)])

    def _hold_body(self, dst: str, token: tuple[int, str, int], message: Message) -> None:
        """Bodies of the world ride with the grant that names them."""
        self._held[token] = (pack_token(*token), encode(message))

    def _to_client(self, job: _Job, message: ControlMessage) -> None:
        address = job.request.reply_to
        if self._client is None or self._client[0] != address:
            if self._client is not None:
                self._client[1].close()
            self._client = (address, self._sockets.connect(zmq.PUSH, address))
        self._client[1].send([encode_control(message)])


def serve_host(
    address: str,
    cnpus: Sequence[str],
    others: Sequence[str],
    worlds: Iterable[str],
    make_universe: MakeUniverse,
) -> None:
    """Be the process of the world and the time authority: listen at `address` until told to leave."""

    async def serve() -> None:
        with Sockets() as sockets:
            inbox = sockets.bind(zmq.PULL, address)
            await Host(sockets, inbox, cnpus, others, worlds, make_universe).serve()

    trio.run(serve)
