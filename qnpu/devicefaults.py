"""What becomes of pairs in the making when the device fails: their requests end, with the fault as reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netqasm_isa.epr import LinkLayerError
from qnpu.linklayer import Item, LinkLayer, Pair
from qruntime.errors import DriverError

if TYPE_CHECKING:
    from qnpu.netprocess import NetworkProcess
    from qnpu.netstack import NetworkStack


class DeviceFaults:
    """The part of the network process that answers for the device."""

    def __init__(self, network: NetworkProcess, stack: NetworkStack) -> None:
        self._network = network
        self._stack = stack

    def of_link(self, link: LinkLayer, reason: str, now_ns: int) -> None:
        """Nothing is attempted on a link any more: what was to be made there ends."""
        tried = [entry.sequence for entry in link.registered]
        for other in self._network.entangling.heard(link):
            self._network.refresh_soon(other)
        for item in [item for item in link.items.values() if item.sequence in tried]:
            self._end(item, reason, now_ns)

    def of_operation(self, ref: int, error: DriverError, now_ns: int) -> bool:
        """An operation of the network process failed; False if none is known by that reference.

        -1 stands for pairs that no program has asked for.
        """
        measured = self._network.measuring.pop(ref, None)
        if measured is not None:
            self.of_pair(*measured, error, now_ns)
            return True
        if ref != -1:
            return False
        unclaimed = [
            item
            for link in self._stack.links.values()
            for item in link.items.values()
            if item.local is None and (item.in_flight or item.made)
        ]
        for item in unclaimed:
            self._end(item, error.message, now_ns)
        return bool(unclaimed)

    def of_pair(self, item: Item, pair: Pair, error: DriverError, now_ns: int) -> None:
        """A pair cannot be brought into the form that was asked for."""
        if pair.qubit is not None:
            self._network.discard(pair.qubit)
        item.in_flight = False
        self._end(item, error.message, now_ns)

    def _end(self, item: Item, reason: str, now_ns: int) -> None:
        if item.local is not None:
            self._stack.fail(item.local, LinkLayerError.OTHER, reason, now_ns)
        elif item.state == "queued":
            self._stack.drop_item(item, LinkLayerError.OTHER, reason, tell_peer=True)
