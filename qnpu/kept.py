"""Kept pairs: those that were made and that no program has got yet.

Nobody may have asked for a pair; then it is given up when somebody needs its qubit, and made again later. Or
its program has asked, and its virtual id or a qubit of the right role is not free; then it waits.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from qdriver.spec import PhysicalQubit
from qnpu.linklayer import Item, Pair
from qnpu.memory import NETWORK
from qnpu.requests import Request

if TYPE_CHECKING:
    from qnpu.main import Qnpu
    from qnpu.netprocess import NetworkProcess
    from qnpu.netstack import NetworkStack


class KeptPairs:
    """Looks through the items of all links."""

    def __init__(self, qnpu: Qnpu, stack: NetworkStack, network: NetworkProcess) -> None:
        self._qnpu = qnpu
        self._stack = stack
        self._network = network
        self._memory = qnpu.memory

    def pair_in(self, qubit: PhysicalQubit) -> Pair | None:
        """The pair in that qubit that has not been handed over yet."""
        return next((pair for _, pair in self._kept() if pair.qubit == qubit), None)

    def pledged(self) -> dict[PhysicalQubit, int]:
        """Who will have the pairs that were asked for and could not be handed over yet."""
        return {
            pair.qubit: item.local.process.pid
            for item, pair in self._kept()
            if item.local is not None and pair.qubit is not None
        }

    def lacks(self, request: Request) -> list[int]:
        """The qubits of which one has to become free for a request that lacks nothing else; empty if it
        does."""
        item = request.item
        if item is None:
            return []
        if not item.made:
            return self._memory.wanted(True) if item.link.starving else []
        pair = item.made[0]
        process = request.process
        if pair.qubit is None or not process.can_bind(request.qubit_ids[pair.index]):
            return []
        role = self._memory.role_of(process, request.qubit_ids[pair.index])
        in_place = role is None or role == self._memory.communication[pair.qubit]
        return [] if in_place else self._memory.wanted(role)

    def _kept(self) -> Iterator[tuple[Item, Pair]]:
        for link in self._stack.links.values():
            for item in link.items.values():
                for pair in item.made:
                    yield item, pair

    def evict_from(self, qubit: PhysicalQubit) -> bool:
        """Give up the unclaimed pair in that qubit; False if there is none."""
        for item, pair in self._kept():
            if item.local is None and pair.qubit == qubit:
                self.expire(item)
                return True
        return False

    def evict_unclaimed(self, memory: bool = False) -> bool:
        """Give up the oldest unclaimed pair, or the oldest in memory, for a program that needs its qubit;
        False if there is none."""
        oldest: tuple[int, Item] | None = None
        for link in self._stack.links.values():
            for item in link.items.values():
                if item.local is not None or not item.made or item.made[0].qubit is None:
                    continue
                if not memory or any(
                    pair.qubit is not None and not self._memory.communication[pair.qubit]
                    for pair in item.made
                ):
                    candidate = (item.made[0].herald_ns, item)
                    if oldest is None or candidate[0] < oldest[0]:
                        oldest = candidate
        if oldest is None:
            return False
        self.expire(oldest[1])
        return True

    def expire(self, item: Item) -> None:
        """Drop the unclaimed pairs of an item and ask the creator to make them again."""
        first = item.made[0].index
        for pair in item.made:
            if pair.qubit is not None:
                self._network.discard(pair.qubit)
        item.made.clear()
        item.next_pair = first
        item.expiring = True
        item.move("expire")
        self._qnpu.cancel_timer(("unclaimed", item.link.peer, item.sequence))
        self._qnpu.trace("egp", "EGP_EXPIRE", NETWORK, (item.link.peer, item.sequence, first))
        self._stack.agreement.expire(item, first)
        self._network.refresh_soon(item.link)
