"""The line of those who wait for a qubit: first come, first served among those whom it can serve.

Processes stand in it, links that have no qubit for attempts, and pairs that a program has asked for and that
have to move first. Whoever is in line keeps its place until it has what it waits for. When a qubit becomes
free all try again; until those ahead have tried, what they could take is spared for them, also from whoever
runs just then and is not in line. One that tried in vain can do nothing with what is free, so it
holds nobody up.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from qnpu.linklayer import Item, LinkLayer
from qnpu.memory import FREE
from qnpu.process import Process

if TYPE_CHECKING:
    from qnpu.main import Qnpu

Waiter = Process | LinkLayer | Item

TRYING: Final = "trying"  # it will try again without anything else having to happen
LACKING: Final = "lacking"  # it tried, and nothing that is free is of use to it
BEHIND: Final = "behind"  # it tried, and those ahead had not yet


class Place:
    """A place in line: who, and the role of the qubit it needs (None: any)."""

    __slots__ = ("alone", "communication", "state", "who")

    def __init__(self, who: Waiter) -> None:
        self.who = who
        self.communication: bool | None = None
        self.alone = False  # it waits until nobody else holds a qubit, and for none in particular
        self.state = LACKING

    def is_open(self) -> bool:
        """Whether it may still take a qubit before those behind it."""
        who = self.who
        if self.state == LACKING or self.alone:
            return False
        if isinstance(who, Item):
            return who.state == "queued" and who.local is not None and bool(who.made)
        return True


class MemoryLine:
    """`places` are in the order in which they were taken; empty if nobody waits."""

    def __init__(self, qnpu: Qnpu) -> None:
        self._qnpu = qnpu
        self._memory = qnpu.memory
        self.reset()

    def reset(self) -> None:
        """Nobody waits."""
        self.places: list[Place] = []

    # --- who may take what ----------------------------------------------------------------------------

    def is_behind(self, who: Waiter) -> bool:
        """Whether somebody ahead of `who`, or anybody if it is not in line, has still to try."""
        return any(place.is_open() for place in self._ahead(who))

    def spared(self, who: Waiter) -> list[int]:
        """The free qubits that those ahead of `who` will take, or all in line if it is not."""
        spared: list[int] = []
        for place in self._ahead(who):
            if place.is_open():
                qubit = self._memory.choose(self._usable(place.communication), spared)
                if qubit is not None:
                    spared.append(qubit)
        return spared

    def _usable(self, communication: bool | None) -> bool | None:
        """What one that needs that role would take now: a memory qubit does where the communication qubit
        can be moved out of."""
        owners, roles = self._memory.owners, self._memory.communication
        if not communication or any(
            owner == FREE and role for owner, role in zip(owners, roles, strict=True)
        ):
            return communication
        return None if len(self._memory.wanted(True)) == len(owners) else True

    def _ahead(self, who: Waiter) -> list[Place]:
        for index, place in enumerate(self.places):
            if place.who is who:
                return self.places[:index]
        return self.places

    # --- coming, trying and going ---------------------------------------------------------------------

    def stand(self, who: Waiter, communication: bool | None, alone: bool = False) -> None:
        """`who` tried and got none: it keeps its place, or goes to the end of the line."""
        place = self._place(who)
        if place is None:
            place = Place(who)
            self.places.append(place)
        place.communication, place.alone = communication, alone
        place.state = BEHIND if not alone and self.is_behind(who) else LACKING
        if place.state == LACKING:
            self._next()

    def rest(self, who: Waiter) -> None:
        """`who` waits for something else first, and keeps its place if it has one."""
        place = self._place(who)
        if place is not None and place.state != LACKING:
            place.state = LACKING
            self._next()

    def tries(self, who: Waiter) -> None:
        """`who` is about to try again, if it is in line."""
        place = self._place(who)
        if place is not None:
            place.state = TRYING

    def leave(self, who: Waiter) -> None:
        """`who` has its qubit, or will have none."""
        place = self._place(who)
        if place is not None:
            self.places.remove(place)
            self._next()

    def freed(self) -> None:
        """Something became free: the processes in line try again."""
        for place in self.places:
            if isinstance(place.who, Process):
                self._wake(place, place.who)

    def _next(self) -> None:
        """One who was ahead has tried: those who were held up try now."""
        for place in list(self.places):
            if place.state != BEHIND:
                continue
            who = place.who
            if isinstance(who, Process):
                self._wake(place, who)
                continue
            place.state = TRYING
            network = self._qnpu.network
            if isinstance(who, LinkLayer):
                network.refresh_soon(who)
            else:
                network.work_soon(partial(network.delivery.hand_over, who))

    def _wake(self, place: Place, process: Process) -> None:
        if process.state == "waiting":
            if process.wait is None or process.wait.kind != "memory":
                return  # the device comes first
            process.move("wake")
            self._qnpu.dispatcher.make_ready(process)
        place.state = TRYING

    def _place(self, who: Waiter) -> Place | None:
        for place in self.places:
            if place.who is who:
                return place
        return None
