"""The link layer: one distributed queue of entanglement requests per link, the same at both ends.

An item is one request of one side. Its creator sends ADD, the peer answers ACK or REJECT; the node with the
lower id is master and gives each item its queue sequence, so both ends hold the same order. A quarter of the
comms sequences may be outstanding, the rest waits in the backlog. After ACK an item lives until all its pairs
are made or one side withdraws.

    state     meaning                                      leaves by
    backlog   waits for its turn to be added               add, withdraw
    adding    ADD sent                                     ack, reject, abandon
    queued    in the queue at both ends                    finish, withdraw
    over      gone; late messages about it are ignored

This file keeps the queue and the window. What a pair is for, and who gets it, is `netstack`'s; what is said
about items `agreement`'s, saying it again where it may get lost `retransmission`'s; which is served first
`linkorder`'s.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from qdriver.spec import PhysicalQubit
from qnpu.linkorder import LinkOrder
from qruntime.messages import LinkAck, LinkAdd, LinkReject, LinkRequest
from qruntime.qdevice import EntangleItem

if TYPE_CHECKING:
    from qnpu.requests import Request
    from qnpu.retransmission import Unanswered

MOVES: dict[tuple[str, str], str] = {
    ("backlog", "add"): "adding",
    ("backlog", "withdraw"): "over",
    ("adding", "ack"): "queued",
    ("adding", "reject"): "over",
    ("adding", "abandon"): "over",
    ("queued", "finish"): "over",
    ("queued", "withdraw"): "over",
    ("queued", "expire"): "queued",
}

EPOCH = 0  # of the network's life; a restart counts it up
Bases = tuple[int, tuple[int, int, int], int]  # axes, rotations, and the basis that programs are told
COMMS_SEQUENCES: Final = 256
WINDOW: Final = COMMS_SEQUENCES // 4  # ADDs from the oldest without an answer on


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
        "queue",
        "request",
        "sequence",
        "state",
        "void_heralds",
        "withdrawn",
    )

    def __init__(
        self, link: LinkLayer, request: LinkRequest, is_creator: bool, queue: int | None = None
    ) -> None:
        self.link = link
        self.queue = link.order.queue_of(request.priority) if queue is None else queue
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
        self.void_heralds = 0  # the link's first so many made no pair of it that is still to be taken
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
    """This end of the queue of one link.

    `is_lossy` says whether messages between the two QNPUs may get lost.
    """

    __slots__ = (
        "_next_comms", "_next_sequence", "answers", "backlog", "company", "heard", "held", "is_lossy",
        "is_master", "items", "order", "outstanding", "peer", "peer_actor", "qubit", "registered",
        "reserved_said", "said", "starving", "unanswered", "unheard", "withheld",
    )  # fmt: skip

    def __init__(
        self, node: int, peer: int, peer_actor: str, order: LinkOrder | None = None, is_lossy: bool = False
    ) -> None:
        self.peer = peer
        self.peer_actor = peer_actor
        self.is_master = node < peer
        self.is_lossy = is_lossy
        self.order = LinkOrder("fifo", ()) if order is None else order
        self.reset()

    def reset(self) -> None:
        """An empty queue."""
        self._next_comms = 0
        self._next_sequence = 0
        self.order.reset()
        self.items: dict[int, Item] = {}  # by queue sequence
        self.backlog: deque[Item] = deque()
        self.outstanding: dict[int, Item] = {}  # by the comms sequence of its ADD, oldest first
        self.held: dict[int, LinkAdd] = {}  # ADDs of the peer that wait for their socket, by comms sequence
        # On lossy links only: what was said and not answered; ADDs of ours that the peer is not known to
        # have; how ADDs of the peer were answered, in case they come again; ACKs that wait for `unheard`.
        self.unanswered: dict[tuple[str, int], Unanswered] = {}
        self.unheard: dict[int, None] = {}
        self.answers: dict[int, tuple[LinkAck | LinkReject, Item | None]] = {}
        self.withheld: dict[int, tuple[LinkAck, tuple[int, ...]]] = {}
        self.qubit: PhysicalQubit | None = None  # reserved for the next pair
        self.reserved_said = 0  # the number of the first word to the device since then
        self.registered: tuple[EntangleItem, ...] = ()  # what the device was told
        self.said = 0  # the number under which it was
        self.company: bool | None = None  # whether the peer attempts too, None while that is not known
        self.heard = 0  # heralds taken so far
        self.starving = False  # it has work but no communication qubit

    def next_to_add(self) -> tuple[int, Item] | None:
        """The item to send ADD for now, with its comms sequence; None if the window is full or nothing may
        go.

        Requests of one EPR socket meet their receivers in the order in which they were made, so where ADDs
        can overtake each other there is one outstanding per socket.
        """
        if not self.backlog:
            return None
        oldest = next(iter(self.outstanding), self._next_comms)
        if (self._next_comms - oldest) % COMMS_SEQUENCES >= WINDOW:
            return None
        item = self.backlog[0]
        if self.is_lossy:
            busy = {_sockets(other) for other in self.outstanding.values()}
            free = next((item for item in self.backlog if _sockets(item) not in busy), None)
            if free is None:
                return None
            item = free
        self.backlog.remove(item)
        item.move("add")
        if self.is_master:
            self._enter(item, self.new_sequence())
        comms = self._next_comms
        self.outstanding[comms] = item
        self._next_comms = (comms + 1) % COMMS_SEQUENCES
        return comms, item

    def accept(self, item: Item, sequence: int) -> None:
        """Take the peer's item in; `sequence` is -1 if it is ours to assign."""
        self._enter(item, self.new_sequence() if sequence < 0 else sequence)

    def acknowledged(self, comms_sequence: int, sequence: int) -> Item | None:
        """The peer holds an outstanding item; it is queued now.

        None if that ACK belongs to nothing.
        """
        item = self.outstanding.pop(comms_sequence, None)
        if item is None:
            return None
        item.move("ack")
        if item.sequence < 0:
            self._enter(item, sequence)
        return item

    def refused(self, comms_sequence: int, event: str) -> Item | None:
        """The peer refused an outstanding item (reject), or knows that it was taken back (abandon)."""
        item = self.outstanding.pop(comms_sequence, None)
        if item is None:
            return None
        item.move(event)
        self.items.pop(item.sequence, None)
        return item

    def remove(self, item: Item, event: str) -> None:
        """The item is over."""
        item.move(event)
        self.items.pop(item.sequence, None)

    def is_over(self, sequence: int) -> bool:
        """Whether an item that is not here was: a slave does not know yet what its ADDs will be called."""
        return self.is_master or all(item.sequence >= 0 for item in self.outstanding.values())

    def forget_answers(self, comms_sequence: int) -> None:
        """An ADD of that number came: those a window or more before it will not come again."""
        stale = [
            known
            for known in self.answers
            if WINDOW <= (comms_sequence - known) % COMMS_SEQUENCES <= COMMS_SEQUENCES - WINDOW
        ]
        for known in stale:
            del self.answers[known]

    def atomic_in_service(self) -> Item | None:
        """The atomic request of which some pairs are made: the others of it come before anything else.

        Unless its program does not let them come, by keeping the virtual qubit that they are for: what other
        programs wait for is not held up by that.
        """
        for item in self.items.values():
            if item.request.atomic and 0 < item.next_pair < item.request.number and item.state == "queued":
                return item
        return None

    def new_sequence(self) -> int:
        """The master's next queue sequence, of all queues of the link together."""
        self._next_sequence += 1
        return self._next_sequence - 1

    def _enter(self, item: Item, sequence: int) -> None:
        item.sequence = sequence
        self.items[sequence] = item


def _sockets(item: Item) -> tuple[int, int]:
    return item.request.socket, item.request.remote_socket
