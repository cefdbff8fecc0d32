"""In which order a link serves the items of its queue: first come first served, by strict priority, or by
weighted fair queueing.

Both ends must prefer the same item without a word. What decides is therefore only what they share: queue and
sequence of an item, which the master gave it, and the heralds of the link, which both hear of in the same
order. Weighted fair queueing here is start-time fair queueing (Goyal, Vin, Cheng 1996): the queue with the
least virtual start goes first,

    start  = max(clock, finish of the queue's last pair)
    finish = start + attempts that the pair took / weight of the queue

and the clock is the start of the last pair that was made. It needs no common time of arrival, and no estimate
of what a pair will cost: the herald says how many attempts it took.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from qnpu.linklayer import Item

PRIORITIES: Final = 16  # queues of one link under strict priority
_VIRTUAL: Final = 1 << 20  # virtual time of an attempt at weight 1; whole numbers, equal on every machine


class LinkOrder:
    """The order of one link, as one end works it out.

    `scheduler` is fifo, strict_priority or weighted_fair; `weights` are those of the priorities from 0 up,
    0 for one that always goes first. A higher priority has a lower queue; one above all has the highest.
    """

    __slots__ = ("_clock", "_finish", "_weights", "queues")

    def __init__(self, scheduler: str, weights: tuple[int, ...]) -> None:
        self.queues = {"fifo": 1, "strict_priority": PRIORITIES, "weighted_fair": len(weights)}[scheduler]
        self._weights = tuple(reversed(weights)) if scheduler == "weighted_fair" else None  # by queue
        self.reset()

    def reset(self) -> None:
        """Nothing was served."""
        self._clock = 0
        self._finish = [0] * self.queues

    def queue_of(self, priority: int) -> int:
        """The queue of a request."""
        if self.queues == 1:
            return 0
        return self.queues - 1 - min(max(priority, 0), self.queues - 1)

    def rank(self, item: Item) -> tuple[int, int, int]:
        """What sorts the items of the link, the first to serve lowest."""
        queue = item.queue
        if self._weights is None:
            return 0, queue, item.sequence
        start = max(self._clock, self._finish[queue]) if self._weights[queue] else -1
        return start, queue, item.sequence

    def served(self, queue: int, attempts: int) -> None:
        """A pair of that queue was made; called once for every herald of the link."""
        if self._weights is None or not self._weights[queue]:
            return
        self._clock = max(self._clock, self._finish[queue])
        self._finish[queue] = self._clock + attempts * _VIRTUAL // self._weights[queue]
