"""Agreement between QNPUs: what the two ends of a link say to each other about the items of their queue.

A peer's ADD is acknowledged iff a program here has the mirror image of its socket open (or opens it within
the grace time) and the request could ever fit. A message about an item that is over is ignored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netqasm_isa.epr import EprType, LinkLayerError
from qnpu.linklayer import EPOCH, QUEUE, Item, LinkLayer
from qnpu.process import Process
from qnpu.requests import ENTRIES_PER_PAIR, Request
from qruntime.messages import (
    LinkAck,
    LinkAdd,
    LinkClaim,
    LinkExpire,
    LinkExpireAck,
    LinkReject,
    LinkRequest,
    LinkWithdraw,
)

if TYPE_CHECKING:
    from qnpu.main import Qnpu
    from qnpu.netstack import NetworkStack


class Agreement:
    """This node's voice in the link layer."""

    def __init__(self, qnpu: Qnpu, stack: NetworkStack) -> None:
        self._qnpu = qnpu
        self._stack = stack

    def take(self, peer: int, message: object, now_ns: int) -> None:
        """A message of the peer's stack; one about an item that is over is ignored."""
        link = self._stack.links.get(peer)
        if link is None:
            return
        if isinstance(message, LinkAdd):
            self._on_add(link, message, now_ns)
        elif isinstance(message, LinkAck):
            self._on_ack(link, message, now_ns)
        elif isinstance(message, LinkReject):
            item = link.rejected(message.comms_sequence)
            if item is not None and item.local is not None:
                self._stack.fail(item.local, message.error, message.reason, now_ns, tell_peer=False)
            self.pump(link)
        elif isinstance(message, LinkClaim):
            self._on_claim(link, message)
        elif isinstance(message, LinkWithdraw):
            self._on_withdraw(link, message, now_ns)
        elif isinstance(message, LinkExpire):
            self._on_expire(link, message, now_ns)
        elif isinstance(message, LinkExpireAck):
            item = link.items.get(message.queue_sequence)
            if item is not None and message.again:
                item.expiring = False
                self._stack.process.refresh_soon(link)

    def sockets_opened(self, process: Process, now_ns: int) -> None:
        """New sockets: requests of peers that waited for one may go on."""
        for peer in {peer: None for peer, _, _ in process.sockets.values()}:
            link = self._stack.links.get(peer)
            if link is None:
                continue
            for add in list(link.held.values()):
                if self._find_socket(link.peer, add.request):
                    del link.held[add.comms_sequence]
                    self._qnpu.cancel_timer(("grace", link.peer, add.comms_sequence))
                    self._accept(link, add, now_ns)

    def _on_add(self, link: LinkLayer, add: LinkAdd, now_ns: int) -> None:
        if self._find_socket(link.peer, add.request):
            self._accept(link, add, now_ns)
            return
        grace = self._qnpu.settings.accept_grace_ns
        link.held[add.comms_sequence] = add
        timer = ("grace", link.peer, add.comms_sequence)
        self._qnpu.set_timer(timer, now_ns + grace, lambda now: self._grace_over(link, add))

    def _grace_over(self, link: LinkLayer, add: LinkAdd) -> None:
        if link.held.pop(add.comms_sequence, None) is None:
            return
        reason = (
            f"no program on {self._qnpu.node} has EPR socket {add.request.remote_socket} open to this node"
        )
        self._reject(link, add, LinkLayerError.REJECTED, reason)

    def _accept(self, link: LinkLayer, add: LinkAdd, now_ns: int) -> None:
        wanted = add.request
        qubits = len(self._qnpu.memory.owners)
        if wanted.type != EprType.M and (wanted.consecutive or wanted.atomic) and wanted.number > qubits:
            reason = f"{wanted.number} pairs together; the device of {self._qnpu.node} has {qubits} qubits"
            self._reject(link, add, LinkLayerError.NORES, reason)
            return
        waiting = self._stack.receives.get((link.peer, wanted.remote_socket, wanted.socket))
        request = waiting.popleft() if waiting else None
        if request is not None:
            fault = self._stack.mismatch(request, wanted)
            if fault:
                self._reject(link, add, LinkLayerError.OTHER, fault)
                self._stack.fail(request, LinkLayerError.OTHER, fault, now_ns)
                return
        item = Item(link, wanted, is_creator=False)
        link.accept(item, add.queue_sequence)
        claimed = 0 if request is None else request.number
        self.to_peer(link, LinkAck(EPOCH, add.comms_sequence, QUEUE, item.sequence, claimed))
        if request is not None:
            self._stack.join(item, request)
        self._stack.process.refresh_soon(link)

    def _reject(self, link: LinkLayer, add: LinkAdd, error: int, reason: str) -> None:
        self.to_peer(link, LinkReject(EPOCH, add.comms_sequence, int(error), reason))

    def _find_socket(self, peer: int, wanted: LinkRequest) -> bool:
        """Whether a program here has the mirror image of the creator's socket open."""
        return any(
            process.sockets.get(wanted.remote_socket, (-1, -1, 0))[:2] == (peer, wanted.socket)
            for process in self._qnpu.processes.values()
        )

    def _on_ack(self, link: LinkLayer, ack: LinkAck, now_ns: int) -> None:
        item = link.acknowledged(ack.comms_sequence, ack.queue_sequence)
        if item is None:
            return
        if item.withdrawn is not None:
            error, reason = item.withdrawn
            link.remove(item, "withdraw")
            self.to_peer(link, LinkWithdraw(EPOCH, QUEUE, item.sequence, error, reason))
        else:
            item.claimed_by_peer = item.claimed_by_peer or ack.claimed > 0
            if item.earliest_ns > now_ns:
                timer = ("earliest", link.peer, item.sequence)
                self._qnpu.set_timer(
                    timer, item.earliest_ns, lambda now: self._stack.process.refresh_soon(link)
                )
            self._stack.process.refresh_soon(link)
        self.pump(link)

    def _on_claim(self, link: LinkLayer, claim: LinkClaim) -> None:
        item = link.items.get(claim.queue_sequence)
        if item is None:
            return
        item.claimed_by_peer = True
        if item.local is not None and not item.local.is_open:
            link.remove(item, "finish")  # it was only kept because its pairs might have come back
        self._stack.process.refresh_soon(link)

    def _on_withdraw(self, link: LinkLayer, message: LinkWithdraw, now_ns: int) -> None:
        item = link.items.get(message.queue_sequence)
        if item is None:
            return
        if item.local is not None and item.local.is_open:
            self._stack.fail(item.local, message.error, message.reason, now_ns, tell_peer=False)
        else:
            self._stack.drop_item(item, message.error, message.reason, tell_peer=False)

    def _on_expire(self, link: LinkLayer, message: LinkExpire, now_ns: int) -> None:
        """The receiver lost pairs.

        Make them again if our halves are untouched, else the request fails at both ends.
        """
        item = link.items.get(message.queue_sequence)
        if item is None or item.local is None:
            return
        request = item.local
        lost = request.pairs_bound[message.pair :]
        process = request.process
        reason = f"{self._qnpu.node_name(link.peer)} gave up a pair that no program there had asked for"
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
        array = process.arrays[request.results_address]
        array[message.pair * ENTRIES_PER_PAIR :] = [None] * (len(array) - message.pair * ENTRIES_PER_PAIR)
        self.to_peer(link, LinkExpireAck(EPOCH, QUEUE, item.sequence, message.pair, True))
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

    def pump(self, link: LinkLayer) -> None:
        """Send the next ADD if the window is open."""
        sending = link.next_to_add()
        if sending is not None:
            comms, item = sending
            self.to_peer(link, LinkAdd(EPOCH, comms, QUEUE, item.sequence, item.request))

    def to_peer(self, link: LinkLayer, message: object) -> None:
        """Say something to the stack at the other end."""
        self._qnpu.send_peer(link.peer_actor, link.peer, message)
