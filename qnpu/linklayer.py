"""The link layer: one distributed queue of entanglement requests per link, the same at both ends.

An item is one request of one side. Its creator sends ADD, the peer answers ACK or REJECT; the node with the
lower id is master and gives each item its queue sequence, so both ends hold the same order. At most one ADD
of each side is outstanding (window 1); channels lose nothing. After ACK an item lives until all its pairs
are made or one side withdraws.

    state     meaning                                      leaves by
    backlog   waits for its turn to be added               add, withdraw
    adding    ADD sent                                     ack, reject
    queued    in the queue at both ends                    finish, withdraw
    over      gone; late messages about it are ignored

This file keeps the queue and the messages. What a pair is for, and who gets it, is `netstack`'s.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from qdriver.spec import PhysicalQubit
from qruntime.messages import EntangleItem, LinkRequest

if TYPE_CHECKING:
    from qnpu.requests import Request

MOVES: dict[tuple[str, str], str] = {
    ("backlog", "add"): "adding",
    ("backlog", "withdraw"): "over",
    ("adding", "ack"): "queued",
    ("adding", "reject"): "over",
    ("queued", "finish"): "over",
    ("queued", "withdraw"): "over",
    ("queued", "expire"): "queued",
}

EPOCH = 0  # of the network's life; a restart counts it up
Bases = tuple[int, tuple[int, int, int], int]  # axes, rotations, and the basis that programs are told
QUEUE = 0  # one queue per link so far; the field is there for priorities


class Pair:
    """A pair that was made and waits for the program that will have it."""

    __slots__ = ("basis", "bell", "herald_ns", "index", "outcome", "qubit", "serial", "untouched_ns")

    def __init__(
        self,
        index: int,
        qubit: PhysicalQubit | None,
        bell: int,
        herald_ns: int,
        serial: int,
        outcome: int,
        basis: int,
    ) -> None:
        self.index = index
        self.qubit = qubit  # None if it was measured at once
        self.bell = bell
        self.herald_ns = herald_ns
        self.untouched_ns = herald_ns  # end of what the OS itself has done to it: correction, moves
        self.serial = serial
        self.outcome = outcome
        self.basis = basis


class Item:
    """One entry of a link's queue, as this end sees it."""

    __slots__ = (
        "bases",
        "claimed_by_peer",
        "earliest_ns",
        "expiring",
        "in_flight",
        "is_creator",
        "link",
        "local",
        "made",
        "next_pair",
        "parameter",
        "request",
        "sequence",
        "state",
        "withdrawn",
    )

    def __init__(self, link: LinkLayer, request: LinkRequest, is_creator: bool) -> None:
        self.link = link
        self.request = request
        self.is_creator = is_creator
        self.state = "backlog" if is_creator else "queued"
        self.sequence = -1
        self.local: Request | None = None  # the request of a program at this end, None while nobody has asked
        self.claimed_by_peer = not is_creator
        self.earliest_ns = 0
        self.next_pair = 0  # the pair that will be made next
        self.made: deque[Pair] = deque()  # made but not delivered
        self.in_flight = False  # a pair of it is being corrected or measured at this end
        self.expiring = False  # waiting to hear whether a dropped pair will be made again
        self.withdrawn: tuple[int, str] | None = (
            None  # to be withdrawn as soon as its place in the queue is known
        )
        self.parameter = -1  # of the link's working point, -1 until it is chosen
        self.bases: Bases | None = None  # how this end measures the next pair

    def move(self, event: str) -> None:
        """Change state by the table."""
        try:
            self.state = MOVES[self.state, event]
        except KeyError:
            raise AssertionError(
                f"link item {self.sequence} in state {self.state}: illegal {event}"
            ) from None


class LinkLayer:
    """This end of the queue of one link."""

    __slots__ = (
        "_next_comms", "_next_sequence", "backlog", "company", "heard", "held", "is_master", "items",
        "outstanding", "peer", "peer_actor", "qubit", "registered", "reserved_said", "said", "starving",
    )  # fmt: skip

    def __init__(self, node: int, peer: int, peer_actor: str) -> None:
        self.peer = peer
        self.peer_actor = peer_actor
        self.is_master = node < peer
        self.reset()

    def reset(self) -> None:
        """An empty queue."""
        self._next_comms = 0
        self._next_sequence = 0
        self.items: dict[int, Item] = {}  # by queue sequence, in that order
        self.backlog: deque[Item] = deque()
        self.outstanding: tuple[int, Item] | None = None
        self.held: dict[int, Any] = {}  # ADDs of the peer that wait for their socket, by comms sequence
        self.qubit: PhysicalQubit | None = None  # reserved for the next pair
        self.reserved_said = 0  # the number of the first word to the device since then
        self.registered: tuple[EntangleItem, ...] = ()  # what the device was told
        self.said = 0  # the number under which it was
        self.company: bool | None = None  # whether the peer attempts too, None while that is not known
        self.heard = 0  # heralds taken so far
        self.starving = False  # it has work but no communication qubit

    def next_to_add(self) -> tuple[int, Item] | None:
        """The item to send ADD for now, with its comms sequence; None if the window is full or nothing
        waits."""
        if self.outstanding is not None or not self.backlog:
            return None
        item = self.backlog.popleft()
        item.move("add")
        if self.is_master:
            self._enter(item, self.new_sequence())
        self.outstanding = (self._next_comms, item)
        self._next_comms = (self._next_comms + 1) % 256
        return self.outstanding

    def accept(self, item: Item, sequence: int) -> None:
        """Take the peer's item in; `sequence` is -1 if it is ours to assign."""
        self._enter(item, self.new_sequence() if sequence < 0 else sequence)

    def acknowledged(self, comms_sequence: int, sequence: int) -> Item | None:
        """The peer holds our outstanding item; it is queued now.

        None if that ACK belongs to nothing.
        """
        if self.outstanding is None or self.outstanding[0] != comms_sequence:
            return None
        item = self.outstanding[1]
        self.outstanding = None
        item.move("ack")
        if item.sequence < 0:
            self._enter(item, sequence)
        return item

    def rejected(self, comms_sequence: int) -> Item | None:
        """The peer refused our outstanding item."""
        if self.outstanding is None or self.outstanding[0] != comms_sequence:
            return None
        item = self.outstanding[1]
        self.outstanding = None
        item.move("reject")
        self.items.pop(item.sequence, None)
        return item

    def remove(self, item: Item, event: str) -> None:
        """The item is over."""
        item.move(event)
        self.items.pop(item.sequence, None)

    def new_sequence(self) -> int:
        """The master's next queue sequence."""
        self._next_sequence += 1
        return self._next_sequence - 1

    def _enter(self, item: Item, sequence: int) -> None:
        item.sequence = sequence
        self.items[sequence] = item
