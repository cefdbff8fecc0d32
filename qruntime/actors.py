"""Events, effects and the actor interface.

An actor is pure: `handle(event, now_ns)` runs to completion and returns what should happen. Three effects
change the world (`Send`, `SetTimer`, `CancelTimer`), one records it (`Emit`). Nothing else leaves an actor.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Protocol

import msgspec


class Message(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Base of everything actors send each other; the concrete ones are in `messages`."""


class Start(msgspec.Struct, frozen=True):
    """The first event of every actor in a shot or session, at the time it joins."""


class Arrival(msgspec.Struct, frozen=True, gc=False):
    """A message from `src` is here."""

    src: str
    message: Message


class Expiry(msgspec.Struct, frozen=True, gc=False):
    """The timer that the actor set under this name ran out."""

    timer: Hashable


class Doomed(msgspec.Struct, frozen=True):
    """The program `pid` of this actor can never wake; `report` says who waits for what."""

    pid: int
    report: str


class Cancelled(msgspec.Struct, frozen=True):
    """An operator ends the programs of this session."""

    session: int


Event = Start | Arrival | Expiry | Doomed | Cancelled


class Send(msgspec.Struct, frozen=True, gc=False):
    """Deliver `message` to the actor `dst` after `delay_ns`, which is never below the channel's declared
    minimum."""

    dst: str
    message: Message
    delay_ns: int


class SetTimer(msgspec.Struct, frozen=True, gc=False):
    """Wake me at `at_ns` (not in the past).

    A timer of the same name is replaced.
    """

    timer: Hashable
    at_ns: int


class CancelTimer(msgspec.Struct, frozen=True, gc=False):
    """Forget the timer of this name; none of that name is no error."""

    timer: Hashable


class Emit(msgspec.Struct, frozen=True, gc=False):
    """A trace record, without the node, which the actor's name gives.

    `data` holds ints and short strings only.
    """

    t_ns: int
    unit: str
    event: str
    pid: int
    data: tuple[int | str, ...] = ()


Effect = Send | SetTimer | CancelTimer | Emit


class Wait(msgspec.Struct, frozen=True):
    """Why something cannot go on: `pid` of `actor`, begun at `started_ns`, waits for `what` (kind and a
    sentence).

    `kind` is one of memory, device, request, message, subroutine, timer.
    """

    actor: str
    pid: int
    started_ns: int
    kind: str
    what: str


class Actor(Protocol):
    """What the runners run.

    `tracing` is set by the runner; an actor emits nothing while it is False.
    """

    name: str
    tracing: bool

    def reset(self, shot: int) -> None:
        """Forget everything and be as new for `shot`.

        Called before `Start`, never while an event is handled.
        """

    def handle(self, event: Event, now_ns: int) -> Sequence[Effect]:
        """Take one event at simulated time `now_ns` and say what should happen.

        Never blocks, never raises for a fault of a user or a peer.
        """

    def waits(self) -> list[Wait]:
        """Who is blocked inside this actor and why; asked only when nothing is left to happen."""
