"""The process of the world and the time authority: the other half of `shell`.

`Host` keeps the sockets and the universes of one network: it carries grants out and reports in. What may be
granted when is `authority`'s; what universes are for is a service's: `shots` runs applications shot by
shot, `live` keeps a network up on one timeline.

`serve_host(...)` runs until a client says `Leave`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

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
    Loaded,
    Report,
    Welcome,
    decode_control,
    encode_control,
    pack_token,
    unpack_token,
)
from qruntime.errors import QnosError, WireError
from qruntime.sockets import Socket, Sockets
from qruntime.wire import VERSION, decode, encode

SendBody = Callable[[str, tuple[int, str, int], Message], None]
MakeUniverse = Callable[[int, int, SendBody], Authority]  # (universe, seed, how the world's bodies leave)


class Service(Protocol):
    """What the universes of a host are for."""

    def ready(self) -> None:
        """All actors are up."""

    def client(self, message: ControlMessage) -> None:
        """A client wants something."""

    def loaded(self, message: Loaded) -> None:
        """An actor answered `Load`."""

    def ended(self, universe: Universe, rows: Sequence[EndedRow]) -> None:
        """Programs of a universe ended."""

    def waiting_in_vain(self, universe: Universe) -> bool:
        """Nothing is left to happen: True if somebody may be waiting in vain."""

    def stuck(self, universe: Universe) -> None:
        """Programs have not ended, and none of them waits for anything that could be told."""

    def answered(self) -> None:
        """Everybody has answered an `Ask`."""

    def crashed(self, error: QnosError) -> None:
        """An actor has a bug."""

    def close(self) -> None:
        """The network ends."""


class Universe:
    """One network on one timeline."""

    __slots__ = ("answers", "authority")

    def __init__(self, authority: Authority) -> None:
        self.authority = authority
        self.answers: dict[str, Answer] | None = None  # being asked who waits, None while things happen

    @property
    def number(self) -> int:
        """What it goes by on the wire."""
        return self.authority.universe


class Host:
    """One network under one authority.

    `cnpus` and `others` are the actors in processes of their own.     With `pace` F simulated time does not
    run ahead of F times the time on the wall.
    """

    def __init__(
        self,
        sockets: Sockets,
        inbox: Socket,
        cnpus: Sequence[str],
        others: Sequence[str],
        worlds: Iterable[str],
        make_universe: MakeUniverse,
        pace: float = 0.0,
    ) -> None:
        self.service: Service
        self.actors = [*cnpus, *others]
        self.cnpus = list(cnpus)
        self.answers: dict[str, Answer] = {}  # the last of every actor
        self.grants = 0
        self.refused = 0  # what came in and was no message
        self.leaving = False
        self._sockets = sockets
        self._inbox = inbox
        self._worlds = list(worlds)
        self._make_universe = make_universe
        self._pace = pace
        self._peers: dict[str, Socket] = {}
        self._addresses: dict[str, str] = {}
        self._universes: dict[int, Universe] = {}
        self._held: dict[tuple[int, str, int], tuple[bytes, bytes]] = {}
        self._next_universe = 0
        self._clock: tuple[float, int] | None = None  # wall time and simulated time when pacing began
        self._asked: dict[str, None] = {}

    async def serve(self) -> None:
        """Wait for all actors, then work until told to leave."""
        early: list[list[bytes]] = []
        while len(self._addresses) < len(self.actors):
            frames = await self._inbox.receive()
            if not self._hello(frames):
                early.append(frames)
        addresses = self._addresses | dict.fromkeys(self._worlds, self._inbox.address)
        for actor in self.actors:
            self.send(actor, Welcome(addresses))
        self.service.ready()
        for frames in early:
            self._take(frames)
        while not self.leaving:
            with trio.move_on_after(self._patience_s()) as patience:
                self._take(await self._inbox.receive())
            if patience.cancelled_caught:
                for universe in list(self._universes.values()):
                    self.advance(universe)
        self.service.close()
        for actor in self.actors:
            self.send(actor, Leave())

    # --- what comes in ----------------------------------------------------------------------------------

    def _hello(self, frames: list[bytes]) -> bool:
        try:
            message = decode_control(frames[0])
        except WireError:
            return False
        if not isinstance(message, Hello):
            return False
        if message.actor in self.actors and message.wire_version == VERSION:
            self._addresses[message.actor] = message.address
            self._peers[message.actor] = self._sockets.connect(zmq.PUSH, message.address)
        else:
            self.refused += 1
        return True

    def _take(self, frames: list[bytes]) -> None:
        try:
            touched = [self._keep_body(*frames[at : at + 2]) for at in range(1, len(frames) - 1, 2)]
            message = decode_control(frames[0]) if frames[0] else None
        except WireError:
            self.refused += 1
            return
        if isinstance(message, Report):
            self._report(message)
        elif message is None:
            for universe in touched:
                if universe is not None:
                    self.advance(universe)
        elif isinstance(message, Answer):
            self._answered(message)
        elif isinstance(message, Loaded):
            self.service.loaded(message)
        elif isinstance(message, Leave):
            self.leaving = True
        else:
            self.service.client(message)

    def _keep_body(self, token: bytes, body: bytes) -> Universe | None:
        number, src, n = unpack_token(token)
        universe = self._universes.get(number)
        if universe is not None:
            universe.authority.bodies[src, n] = decode(body)
        return universe

    def _report(self, report: Report) -> None:
        universe = self._universes.get(report.universe)
        if universe is None:
            return
        if report.crash:
            self.service.crashed(QnosError(f"a bug in {report.actor}:\n{report.crash}"))
            return
        universe.authority.reported(report.actor, report.effects)
        if report.ended:
            self.service.ended(universe, report.ended)
        self.advance(universe)

    # --- universes --------------------------------------------------------------------------------------

    def open_universe(self, seed: int, spare: Authority | None = None) -> Universe:
        """A universe that is not begun yet, on a fresh network or on a spare one of the same seed."""
        if spare is None:
            spare = self._make_universe(self._next_universe, seed, self._hold_body)
            self._next_universe += 1
        universe = Universe(spare)
        self._universes[universe.number] = universe
        return universe

    def close_universe(self, universe: Universe, forget: bool = False) -> None:
        """A universe is over.

        Its number may be used again unless it is to be forgotten in mid-flight.
        """
        del self._universes[universe.number]
        if forget:
            for actor in self.actors:
                self.send(actor, Forget(universe.number))
            for token in [token for token in self._held if token[0] == universe.number]:
                del self._held[token]

    def universes(self) -> list[Universe]:
        """Those that are open."""
        return list(self._universes.values())

    def advance(self, universe: Universe) -> None:
        """Grant what may be granted; if nothing is left to happen, look whether somebody waits in vain."""
        authority = universe.authority
        for actor, grant in authority.advance(self._limit_ns(authority)):
            self.grants += 1
            body = self._held.pop((grant.universe, grant.src, grant.n), ())
            self._peers[actor].send([encode_control(grant), *body])
        if authority.is_quiet and universe.answers is None and self.service.waiting_in_vain(universe):
            universe.answers = {}
            self.ask(universe)

    def ask(self, universe: Universe) -> None:
        """Ask every actor who waits, and how it is."""
        self._asked = dict.fromkeys(self.actors)
        for actor in self.actors:
            self.send(actor, Ask(universe.number))

    def _answered(self, answer: Answer) -> None:
        self.answers[answer.actor] = answer
        self._asked.pop(answer.actor, None)
        if not self._asked:
            self.service.answered()
        universe = self._universes.get(answer.universe)
        if universe is None or universe.answers is None:
            return
        universe.answers[answer.actor] = answer
        if len(universe.answers) < len(self.actors):
            return
        answers, universe.answers = universe.answers, None
        waits = [
            Wait(actor, row.pid, row.started_ns, row.kind, row.what)
            for actor in universe.authority.names
            if actor in answers
            for row in answers[actor].waits
        ]
        if universe.authority.doom(waits):
            self.advance(universe)
        else:
            self.service.stuck(universe)

    # --- time on the wall -------------------------------------------------------------------------------

    def _limit_ns(self, authority: Authority) -> int | None:
        """Up to where simulated time may go now."""
        if not self._pace:
            return None
        now_s = time.monotonic()
        if self._clock is None:
            self._clock = (now_s, authority.now_ns)
        began_s, began_ns = self._clock
        return began_ns + round((now_s - began_s) * self._pace * 1e9)

    def _patience_s(self) -> float:
        """How long nothing needs to be done unless something comes in."""
        if not self._pace or self._clock is None:
            return float("inf")
        due = [at for at in (u.authority.next_ns for u in self._universes.values()) if at is not None]
        if not due:
            return float("inf")
        began_s, began_ns = self._clock
        return max(0.0, began_s + (min(due) - began_ns) / (self._pace * 1e9) - time.monotonic())

    # --- sending ----------------------------------------------------------------------------------------

    def send(self, actor: str, message: Message) -> None:
        """A control message to an actor's process."""
        self._peers[actor].send([encode_control(message)])

    def reply(self, address: str, message: Message) -> None:
        """A message to a client; its socket stays open for more."""
        socket = self._peers.get(address)
        if socket is None:
            socket = self._peers[address] = self._sockets.connect(zmq.PUSH, address)
        socket.send([encode_control(message)])

    def drop_client(self, address: str) -> None:
        """A client has had its last answer."""
        socket = self._peers.pop(address, None)
        if socket is not None:
            socket.close_when_sent()

    def _hold_body(self, dst: str, token: tuple[int, str, int], message: Message) -> None:
        """Bodies of the world ride with the grant that names them."""
        self._held[token] = (pack_token(*token), encode(message))


def serve_host(
    address: str,
    cnpus: Sequence[str],
    others: Sequence[str],
    worlds: Iterable[str],
    make_universe: MakeUniverse,
    make_service: Callable[[Host], Service],
    pace: float = 0.0,
) -> None:
    """Be the process of the world and the time authority: listen at `address` until told to leave."""

    async def serve() -> None:
        with Sockets() as sockets:
            inbox = sockets.bind(zmq.PULL, address)
            host = Host(sockets, inbox, cnpus, others, worlds, make_universe, pace)
            host.service = make_service(host)
            await host.serve()

    trio.run(serve)
