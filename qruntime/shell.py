"""The shell of one actor in a process of its own.

It contains no decisions. It takes a `Grant`, waits until the granted message's body is in hand, lets the
actor handle the event, sends the bodies of what the actor sends straight to their receivers, and reports
the rest to the time authority. Everything comes in on one socket, as a control message (or an empty frame)
and any number of bodies (two frames each: token, message); bodies between an actor and the world ride with
the report or grant that names them.

`serve_shell(...)` runs until the authority says `Leave`, or is gone.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Sequence
from typing import Any

import trio
import zmq

from qruntime.actors import (
    Actor,
    Arrival,
    Cancelled,
    CancelTimer,
    Doomed,
    Effect,
    Emit,
    Event,
    Expiry,
    Message,
    Send,
    SetTimer,
    Start,
)
from qruntime.control import (
    ARRIVAL,
    CANCELLED,
    EXPIRY,
    START,
    Answer,
    Ask,
    CancelTimerRow,
    EffectRow,
    EmitRow,
    Forget,
    Grant,
    Hello,
    Leave,
    Loaded,
    Report,
    SendRow,
    SetTimerRow,
    WaitRow,
    Welcome,
    encode_control,
)
from qruntime.errors import ConfigError, Fault, QnosError, WireError
from qruntime.intake import Refusals, at_actor, unpack
from qruntime.keys import LOCAL, Guard
from qruntime.limits import BODIES_WAITING
from qruntime.messages import ProcessStatus
from qruntime.orders import EndedRow, Load
from qruntime.sockets import Socket, Sockets
from qruntime.tokens import pack_token
from qruntime.watch import Watch, bound_to, hold_lifeline
from qruntime.wire import VERSION, encode


class Hosted:
    """What a process offers its shell: the actor's name and maker, and what only a CNPU does.

    `ended(actor, k)` gives the programs that ended after the first k, `status(actor)` the process table and
    the number of free qubits of a QNPU, `busy(actor)` when its processor was in use, as far as not told yet.
    """

    def __init__(
        self,
        name: str,
        make: Callable[[], Actor],
        load: Callable[[Load], None],
        ended: Callable[[Any, int], Sequence[EndedRow]] | None = None,
        status: Callable[[Any], tuple[Sequence[ProcessStatus], int]] | None = None,
        busy: Callable[[Any], Sequence[tuple[int, int]]] | None = None,
    ) -> None:
        self.name = name
        self.make = make
        self.load = load
        self.ended = ended
        self.status = status
        self.busy = busy


class _Universe:
    """One instance of the actor, with the numbers its timers go by on the wire."""

    __slots__ = ("actor", "numbers", "sent", "timers", "told")

    def __init__(self, actor: Actor) -> None:
        self.actor = actor
        self.sent = 0  # counts sends and timers, as the authority does
        self.timers: list[Any] = []
        self.numbers: dict[Any, int] = {}
        self.told = 0  # ended programs already reported

    def number(self, timer: Any) -> int:
        number = self.numbers.get(timer)
        if number is None:
            number = self.numbers[timer] = len(self.timers)
            self.timers.append(timer)
        return number


class Shell:
    """State of the process: universes, grants that wait for a body, bodies that wait for their grant."""

    def __init__(self, hosted: Hosted, sockets: Sockets, authority: Socket) -> None:
        self._hosted = hosted
        self._sockets = sockets
        self._authority = authority
        self._addresses: dict[str, str] = {}
        self._peers: dict[str, Socket] = {}
        self._universes: dict[int, _Universe] = {}
        self._bodies: dict[tuple[int, str, int], Message] = {}
        self._waiting: dict[tuple[int, str, int], Grant] = {}
        self.leaving = False
        self.refusals = Refusals(hosted.name)

    def take(self, frames: list[bytes], sender: str = "") -> None:
        """One thing that came in, from the holder of a key; empty without keys."""
        try:
            message, tokens, bodies = unpack(frames)
        except WireError as error:
            self.refusals.note(str(error))
            return
        refusal = at_actor(sender, message, tokens)
        if isinstance(message, Grant):
            refusal = refusal or self._groundless(message)
        elif bodies and len(self._bodies) >= BODIES_WAITING:
            refusal = refusal or "a message for which nobody was granted anything; there are too many"
        if refusal:
            self.refusals.note(refusal)
            return
        self._bodies.update(zip(tokens, bodies, strict=True))
        if message is None:
            for token in tokens:
                grant = self._waiting.pop(token, None)
                if grant is not None:
                    self._activate(grant)
        elif isinstance(message, Grant):
            token = (message.universe, message.src, message.n)
            if message.kind == ARRIVAL and token not in self._bodies:
                self._waiting[token] = message
            else:
                self._activate(message)
        elif isinstance(message, Ask):
            self._answer(message)
        elif isinstance(message, Forget):
            self._universes.pop(message.universe, None)
        elif isinstance(message, Load):
            self._load(message)
        elif isinstance(message, Welcome):
            self._addresses = message.addresses
        elif isinstance(message, Leave):
            self.leaving = True

    def _groundless(self, grant: Grant) -> str:
        """Why a grant cannot be followed, empty if it can."""
        universe = self._universes.get(grant.universe)
        if universe is None:
            first = grant.kind == START and grant.n == 0
            return "" if first else f"a grant in universe {grant.universe}, which never began here"
        if grant.kind == EXPIRY and not 0 <= grant.timer < len(universe.timers):
            return f"a grant of timer {grant.timer}, which was never set"
        return ""

    def _activate(self, grant: Grant) -> None:
        event: Event
        if grant.kind == START and grant.n == 0:
            universe = self._enter(grant)
            event = Start()
        else:
            universe = self._universes[grant.universe]
            if grant.kind == START:
                event = Start()
            elif grant.kind == ARRIVAL:
                event = Arrival(grant.src, self._bodies.pop((grant.universe, grant.src, grant.n)))
            elif grant.kind == EXPIRY:
                event = Expiry(universe.timers[grant.timer])
            elif grant.kind == CANCELLED:
                event = Cancelled(grant.pid)
            else:
                event = Doomed(grant.pid, grant.report)
        riders: list[bytes] = []
        try:
            effects = universe.actor.handle(event, grant.now_ns)
            rows = tuple([self._row(grant.universe, universe, effect, riders) for effect in effects])
            busy = () if self._hosted.busy is None else tuple(self._hosted.busy(universe.actor))
            ended = self._newly_ended(universe)
            report = Report(grant.universe, self._hosted.name, rows, ended, busy=busy)
            data = encode_control(report)
        except Exception as error:  # a user's fault has said what is wrong; of a bug one needs to know where
            known = isinstance(error, ConfigError)
            crash = str(error) if known else f"a bug in {self._hosted.name}:\n{traceback.format_exc()}"
            report = Report(grant.universe, self._hosted.name, (), (), crash)
            data = encode_control(report)
        self._authority.send([data, *riders])

    def _enter(self, grant: Grant) -> _Universe:
        known = self._universes.get(grant.universe)
        actor = self._hosted.make() if known is None else known.actor
        actor.tracing = grant.tracing
        actor.reset(grant.shot)
        universe = self._universes[grant.universe] = _Universe(actor)
        return universe

    def _newly_ended(self, universe: _Universe) -> tuple[EndedRow, ...]:
        if self._hosted.ended is None:
            return ()
        ended = self._hosted.ended(universe.actor, universe.told)
        universe.told += len(ended)
        return tuple(ended)

    def _row(self, number: int, universe: _Universe, effect: Effect, riders: list[bytes]) -> EffectRow:
        kind = effect.__class__
        if kind is Send:
            assert isinstance(effect, Send)
            frames = [pack_token(number, self._hosted.name, universe.sent), encode(effect.message)]
            universe.sent += 1
            if "/" in effect.dst:
                self._to(effect.dst).send([b"", *frames])
            else:
                riders += frames  # a world lives with the authority
            return SendRow(effect.dst, effect.delay_ns)
        if kind is SetTimer:
            assert isinstance(effect, SetTimer)
            universe.sent += 1
            return SetTimerRow(universe.number(effect.timer), effect.at_ns)
        if kind is CancelTimer:
            assert isinstance(effect, CancelTimer)
            return CancelTimerRow(universe.number(effect.timer))
        assert isinstance(effect, Emit)
        return EmitRow(effect.t_ns, effect.unit, effect.event, effect.pid, effect.data)

    def _to(self, actor: str) -> Socket:
        socket = self._peers.get(actor)
        if socket is None:
            socket = self._peers[actor] = self._sockets.connect(zmq.PUSH, self._addresses[actor])
        return socket

    def _answer(self, ask: Ask) -> None:
        universe = self._universes.get(ask.universe)
        waits = [] if universe is None else universe.actor.waits()
        rows = tuple(WaitRow(w.pid, w.started_ns, w.kind, w.what) for w in waits)
        answer = Answer(ask.universe, self._hosted.name, rows)
        if universe is not None and self._hosted.status is not None:
            processes, qubits_free = self._hosted.status(universe.actor)
            answer = Answer(ask.universe, self._hosted.name, rows, tuple(processes), qubits_free)
        self._authority.send([encode_control(answer)])

    def _load(self, load: Load) -> None:
        fault = None
        try:
            self._hosted.load(load)
            if not load.live:
                self._universes.clear()  # their actors carry what was loaded before
        except QnosError as error:
            fault = Fault.of(error)
        self._authority.send([encode_control(Loaded(self._hosted.name, fault))])


def serve_shell(hosted: Hosted, address: str, authority_address: str, guard: Guard = LOCAL) -> None:
    """Be the process of one actor: listen at `address`, follow the authority at `authority_address`."""
    hold_lifeline()
    trio.run(_serve, hosted, address, authority_address, guard)


async def _serve(hosted: Hosted, address: str, authority_address: str, guard: Guard) -> None:
    with Sockets(guard) as sockets, bound_to(Watch(sockets, authority_address), "the world"):
        await _take_part(hosted, sockets, address, authority_address)


async def be_beside(hosted: Hosted, address: str, authority_address: str, guard: Guard = LOCAL) -> None:
    """Be the process of an actor among other things that this process does, until the authority says
    `Leave`."""
    with Sockets(guard) as sockets:
        await _take_part(hosted, sockets, address, authority_address)


async def _take_part(hosted: Hosted, sockets: Sockets, address: str, authority_address: str) -> None:
    inbox = sockets.bind(zmq.PULL, address)
    authority = sockets.connect(zmq.PUSH, authority_address)
    authority.send([encode_control(Hello(hosted.name, inbox.address, VERSION, os.getpid()))])
    shell = Shell(hosted, sockets, authority)
    while not shell.leaving:
        shell.take(await inbox.receive(), inbox.sender)
