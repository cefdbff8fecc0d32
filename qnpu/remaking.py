"""Making lost pairs again: what the creator does when the receiver has given up halves that nobody asked for.

A lost pair is made again only if the creator's half is untouched, so that its program need not notice. The
same message may come twice where messages get lost; the second finds nothing to do, and is answered alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netqasm_isa.epr import EprType, LinkLayerError
from qnpu.linklayer import EPOCH, LinkLayer
from qnpu.requests import ENTRIES_PER_PAIR, Request
from qruntime.messages import LinkExpire, LinkExpireAck

if TYPE_CHECKING:
    from qnpu.agreement import Agreement
    from qnpu.main import Qnpu
    from qnpu.netstack import NetworkStack


class Remaking:
    """The creator's answer to LinkExpire."""

    def __init__(self, qnpu: Qnpu, stack: NetworkStack, agreement: Agreement) -> None:
        self._qnpu = qnpu
        self._stack = stack
        self._agreement = agreement

    def on_expire(self, link: LinkLayer, message: LinkExpire, now_ns: int) -> None:
        """The receiver lost pairs.

        Make them again if our halves are untouched, else the request fails at both ends.
        """
        item = link.items.get(message.queue_sequence)
        if item is None and link.is_lossy and link.is_over(message.queue_sequence):
            gone = LinkExpireAck(EPOCH, message.queue, message.queue_sequence, message.pair, False)
            self._agreement.to_peer(link, gone)
        if item is None or item.local is None:
            return
        request = item.local
        lost = request.pairs_bound[message.pair :]
        process = request.process
        reason = f"{self._qnpu.neighbours.name(link.peer)} gave up a pair that no program there had asked for"
        was_open = request.is_open
        if not was_open and not self._reopen(request):
            self._stack.drop_item(item, LinkLayerError.EXPIRE, reason, tell_peer=True)
            return
        in_time = now_ns < request.started_ns + self._qnpu.settings.request_timeout_ns
        again = (
            in_time
            and item.request.type == EprType.K
            and all(
                self._qnpu.memory.is_current(binding)
                and self._qnpu.driver.qubit_free_ns[binding.qubit] <= binding.untouched_ns
                for binding in lost
            )
        )
        if not again:
            self._stack.fail(request, LinkLayerError.EXPIRE, reason, now_ns)
            return
        for binding in lost:
            del process.virtual[binding.virtual]
            self._stack.process.release(process, binding.qubit)
        if not was_open:
            self._stack.arm_timeout(request, 0)
        del request.pairs_bound[message.pair :]
        while item.made and item.made[-1].index >= message.pair:
            unwanted = item.made.pop().qubit
            if unwanted is not None:
                self._stack.process.discard(unwanted)
        request.delivered = min(request.delivered, message.pair)
        item.next_pair = message.pair
        item.void_heralds = message.heard
        array = process.arrays[request.results_address]
        array[message.pair * ENTRIES_PER_PAIR :] = [None] * (len(array) - message.pair * ENTRIES_PER_PAIR)
        self._agreement.to_peer(link, LinkExpireAck(EPOCH, item.queue, item.sequence, message.pair, True))
        self._stack.process.refresh_soon(link)

    def _reopen(self, request: Request) -> bool:
        """Take a request up again whose pairs were all handed over; False if its program has gone on."""
        process = request.process
        address = request.results_address
        array = process.arrays.get(address)
        used_again = address in process.open_arrays or array is None or None in array
        if process.state == "gone" or used_again or len(array or ()) != request.number * ENTRIES_PER_PAIR:
            return False
        request.is_open = True
        process.requests.append(request)
        process.open_arrays[address] = 1
        return True
