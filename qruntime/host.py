"""The process of the world and the time authority: the other half of `shell`.

`Host` keeps the sockets and the universes of one network: it carries grants out and reports in. What may be
granted when is `authority`'s; what universes are for is a service's: `shots` runs applications shot by
shot, `live` keeps a network up on one timeline.

`serve_host(...)` runs until a client says `Leave`.
"""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import Final

import trio
import zmq

from qruntime.actors import Message, Wait
from qruntime.authority import Authority
from qruntime.control import (
    Answer,
    Ask,
    Forget,
    Grant,
    Hello,
    Leave,
    Loaded,
    Report,
    Welcome,
    decode_control,
    encode_control,
)
from qruntime.errors import ConfigError, QnosError, WireError
from qruntime.intake import WORLD, Refusals, at_world, unpack
from qruntime.keys import LOCAL, Guard
from qruntime.limits import BODIES_WAITING
from qruntime.pace import Pace
from qruntime.service import Service as Service  # makers of services find it beside the host
from qruntime.service import Universe
from qruntime.sockets import Socket, Sockets
from qruntime.tokens import pack_token
from qruntime.watch import Watch, hold_lifeline
from qruntime.wire import encode

_log = logging.getLogger("qnos.host")
_LOOK_S: Final = 0.2  # between two looks whether all processes are still there
_ANSWER_S: Final = 0.5  # for an actor to answer an `Ask`; one that is busy is not waited for any longer

SendBody = Callable[[str, tuple[int, str, int], Message], None]
MakeUniverse = Callable[[int, int, SendBody], Authority]  # (universe, seed, how the world's bodies leave)


class Host:
    """One network under one authority.

    `cnpus` and `others` are the actors in processes of their own. With `pace` F simulated time does not
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
        self.refusals = Refusals(WORLD)
        self.leaving = False
        self.until_ns: int | None = None  # the end of simulated time, when it is known
        self.lost: dict[str, None] = {}  # actors whose process is gone, in the order in which it was noticed
        self._sockets = sockets
        self._inbox = inbox
        self._worlds = list(worlds)
        self._make_universe = make_universe
        self._pace = Pace(pace)
        self._peers: dict[str, Socket] = {}
        self._addresses: dict[str, str] = {}
        self._universes: dict[int, Universe] = {}
        self._held: dict[tuple[int, str, int], tuple[bytes, bytes]] = {}
        self._next_universe = 0
        self._asked: dict[str, None] = {}
        self._asks = 0
        self._gathering = True  # not all actors are here yet
        self._watches: dict[str, Watch] = {}
        self._look_s = 0.0  # when to look next
        self._due: list[tuple[float, Callable[[], None]]] = []

    async def serve(self) -> None:
        """Wait for all actors, then work until told to leave."""
        try:
            await self._gather()
            await self._work()
            self.service.close()
        finally:
            for watch in self._watches.values():
                watch.stop()
            for actor in self._addresses:
                self.send(actor, Leave())

    def leave(self, *_: object) -> None:
        """End soon, for whatever reason."""
        self.leaving = True

    async def _gather(self) -> None:
        early: list[tuple[list[bytes], str]] = []
        told: list[str] = []
        while (awaited := [a for a in self.actors if a not in self._addresses]) and not self.leaving:
            if awaited != told:
                _log.info("waiting for %s", ", ".join(awaited))
                told = awaited
            frames = await self._next()
            if frames is not None and not self._hello(frames, self._inbox.sender):
                early.append((frames, self._inbox.sender))
        if self.leaving:
            return
        _log.info("all are here")
        self._gathering = False
        addresses = self._addresses | dict.fromkeys(self._worlds, self._inbox.address)
        for actor in self.actors:
            self.send(actor, Welcome(addresses))
        self.service.ready()
        for frames, sender in early:
            self._take(frames, sender)

    async def _work(self) -> None:
        while not self.leaving:
            frames = await self._next()
            if frames is not None:
                self._take(frames, self._inbox.sender)
            elif self._pace.is_set:
                for universe in self.universes():
                    if universe.authority.next_ns is not None:
                        self.advance(universe)

    async def _next(self) -> list[bytes] | None:
        """What comes in next; None if it is time for something else."""
        if trio.current_time() >= self._look_s:
            self._look()
        frames = self._inbox.receive_now() if self._pace.is_set else self._inbox.receive_soon()
        if frames is not None:
            return frames
        due = [universe.authority.next_ns for universe in self.universes()] if self._pace.is_set else []
        patience_s = self._pace.patience_s(time.monotonic(), due)
        with trio.move_on_after(min(patience_s, _LOOK_S)):
            await self._inbox.stir()
        return self._inbox.receive_now()

    # --- who is still there -----------------------------------------------------------------------------

    def later(self, delay_s: float, call: Callable[[], None]) -> None:
        """Call this after `delay_s` on the wall, or a little later."""
        self._due.append((trio.current_time() + delay_s, call))

    def _look(self) -> None:
        now_s = trio.current_time()
        self._look_s = now_s + _LOOK_S
        for actor, watch in list(self._watches.items()):
            if watch.is_gone():
                self._lose(actor)
        due = [call for at_s, call in self._due if at_s <= now_s]
        self._due = [(at_s, call) for at_s, call in self._due if at_s > now_s]
        for call in due:
            call()

    def _lose(self, actor: str) -> None:
        """The process of an actor is gone: what was granted to it has no effect, it gets and says nothing
        more."""
        self._watches.pop(actor).stop()
        if self._gathering:  # its place may be taken by another process that says Hello
            del self._addresses[actor]
            self._peers.pop(actor).close_when_sent()
            return
        self.lost[actor] = None
        for universe in self.universes():
            with suppress(QnosError):  # nothing was granted to it
                universe.authority.reported(actor, ())
        self.answers.pop(actor, None)
        if actor in self._asked:
            del self._asked[actor]
            if not self._asked:
                self.service.answered()
        self.service.lost(actor)
        for universe in self.universes():
            self._settle(universe)
            self.advance(universe)

    # --- what comes in ----------------------------------------------------------------------------------

    def _hello(self, frames: list[bytes], sender: str) -> bool:
        try:
            message = decode_control(frames[0])
        except WireError:
            return False
        if isinstance(message, Leave) and not at_world(sender, message, (), self.actors):
            self.leaving = True
            return True
        if not isinstance(message, Hello):
            return False
        refusal = at_world(sender, message, (), self.actors)
        if not refusal:
            try:
                self._peers[message.actor] = self._sockets.connect(zmq.PUSH, message.address)
                self._watch(message)
            except ConfigError as error:
                refusal = f"Hello of {message.actor}: {error}"
        if refusal:
            self.refusals.note(refusal)
        return True

    def _watch(self, hello: Hello) -> None:
        known = self._watches.pop(hello.actor, None)
        if known is not None:
            known.stop()
        self._watches[hello.actor] = Watch(self._sockets, hello.address)
        self._addresses[hello.actor] = hello.address

    def _take(self, frames: list[bytes], sender: str) -> None:
        try:
            message, tokens, bodies = unpack(frames)
        except WireError as error:
            self.refusals.note(str(error))
            return
        refusal = at_world(sender, message, tokens, self.actors)
        if refusal:
            self.refusals.note(refusal)
            return
        touched = [self._keep_body(*kept) for kept in zip(tokens, bodies, strict=True)]
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
            self.service.leave()
        else:
            self.service.client(message)

    def _keep_body(self, token: tuple[int, str, int], body: Message) -> Universe | None:
        number, src, n = token
        universe = self._universes.get(number)
        if universe is not None and len(universe.authority.bodies) < BODIES_WAITING:
            universe.authority.bodies[src, n] = body
        return universe

    def _report(self, report: Report) -> None:
        universe = self._universes.get(report.universe)
        if universe is None or report.actor in self.lost:
            return
        if not universe.authority.is_granted(report.actor):
            self.refusals.note(f"a report of {report.actor}, to which nothing was granted")
            return
        if report.crash:
            self.service.crashed(QnosError(report.crash))
            return
        try:
            universe.authority.reported(report.actor, report.effects)
        except QnosError as error:
            self.service.crashed(error)
            return
        universe.taken[report.actor] = universe.taken.get(report.actor, 0) + 1
        if report.busy and universe.authority.meter is not None:
            node = report.actor.partition("/")[0]
            universe.authority.meter.processor(node, report.busy, universe.authority.safe_ns)
        if report.ended:
            self.service.ended(universe, report.ended)
        self.advance(universe)

    # --- universes --------------------------------------------------------------------------------------

    def open_universe(self, seed: int, spare: Authority | None = None) -> Universe:
        """A universe that is not begun yet, on a fresh network or on a spare one of the same seed."""
        if spare is None:
            spare = self._make_universe(self._next_universe, seed, self.hold_body)
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
        if universe.is_held:
            return
        authority = universe.authority
        again = True
        while again:
            again = False
            limit_ns = self.until_ns if universe.limit_ns is None else universe.limit_ns
            if limit_ns is None and self._pace.is_set:
                limit_ns = self._pace.limit_ns(time.monotonic(), authority.now_ns)
            for actor, grant in authority.advance(limit_ns):
                if actor in self.lost:
                    authority.reported(actor, ())
                    again = True
                else:
                    self._carry_out(actor, grant)
        if authority.is_quiet and universe.answers is None and self.service.waiting_in_vain(universe):
            universe.answers = {}
            self.ask(universe)
        elif universe.is_at_limit:
            self.service.reached(universe)
        elif self.until_ns is not None and universe.answers is None and authority.is_over(self.until_ns):
            self.leaving = True

    def end_at(self, universe: Universe, until_ns: int) -> None:
        """Let what is due up to `until_ns` happen, and nothing later; then leave."""
        self.until_ns = until_ns
        self.advance(universe)

    def _carry_out(self, actor: str, grant: Grant) -> None:
        self.grants += 1
        body = self._held.pop((grant.universe, grant.src, grant.n), ())
        self._peers[actor].send([encode_control(grant), *body])

    def ask(self, universe: Universe) -> None:
        """Ask every actor who waits, and how it is."""
        self._asks += 1
        self._asked = {actor: None for actor in self.actors if actor not in self.lost}
        if not self._asked:
            self.service.answered()
        for actor in self._asked:
            self.send(actor, Ask(universe.number))
        self.later(_ANSWER_S, partial(self._ask_no_longer, self._asks))

    def _ask_no_longer(self, asks: int) -> None:
        """Those that have not answered are busy, with a program that takes long, say."""
        if self._asked and asks == self._asks:
            self._asked.clear()
            self.service.answered()

    def _answered(self, answer: Answer) -> None:
        if answer.actor in self.lost:
            return
        self.answers[answer.actor] = answer
        self._asked.pop(answer.actor, None)
        if not self._asked:
            self.service.answered()
        universe = self._universes.get(answer.universe)
        if universe is not None and universe.answers is not None:
            universe.answers[answer.actor] = answer
            self._settle(universe)

    def _settle(self, universe: Universe) -> None:
        """When all have said who waits, tell the youngest of those that wait in vain."""
        if universe.answers is None:
            return
        if any(actor not in universe.answers for actor in self.actors if actor not in self.lost):
            return
        answers, universe.answers = universe.answers, None
        waits = [
            Wait(actor, row.pid, row.started_ns, row.kind, row.what)
            for actor in universe.authority.names
            if actor in answers and actor not in self.lost
            for row in answers[actor].waits
        ]
        if universe.authority.doom(waits):
            self.advance(universe)
        else:
            self.service.stuck(universe)

    # --- sending ----------------------------------------------------------------------------------------

    def send(self, actor: str, message: Message) -> None:
        """A control message to an actor's process."""
        if actor not in self.lost:
            self._peers[actor].send([encode_control(message)])

    def reply(self, address: str, message: Message) -> None:
        """A message to a client; its socket stays open for more."""
        socket = self._peers.get(address)
        if socket is None:
            try:
                socket = self._peers[address] = self._sockets.connect(zmq.PUSH, address)
            except ConfigError as error:
                self.refusals.note(f"an answer cannot be sent: {error}")
                return
        socket.send([encode_control(message)])

    def drop_client(self, address: str) -> None:
        """A client has had its last answer."""
        socket = self._peers.pop(address, None)
        if socket is not None:
            socket.close_when_sent()

    def hold_body(self, dst: str, token: tuple[int, str, int], message: Message) -> None:
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
    guard: Guard = LOCAL,
) -> None:
    """Be the process of the world and the time authority: listen at `address` until told to leave, by a
    client or by a signal."""
    hold_lifeline()

    async def serve() -> None:
        with Sockets(guard) as sockets:
            inbox = sockets.bind(zmq.PULL, address)
            host = Host(sockets, inbox, cnpus, others, worlds, make_universe, pace)
            host.service = make_service(host)
            for number in (
                signal.SIGINT,
                signal.SIGTERM,
            ):  # it ends as by a client's word: between two events
                signal.signal(number, host.leave)
            await host.serve()

    trio.run(serve)
