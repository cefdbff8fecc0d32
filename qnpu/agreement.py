"""Agreement between QNPUs: what the two ends of a link say to each other about the items of their queue.

A peer's ADD is acknowledged iff a program here has the mirror image of its socket open (or opens it within
the grace time) and the request could ever fit. A message about an item that is over is ignored. Where
messages may get lost each is answered, also if it comes again: an ADD as it was answered first, the others
with a receipt. `claim`, `withdraw` and `expire` say these things; they stay said until they are heard.
"""

from __future__ import annotations

from functools import partial
from math import ceil
from typing import TYPE_CHECKING

from netqasm_isa.epr import EprType, LinkLayerError
from qnpu.admission import UNSTATED_FIDELITY, attempt_ns, out_of_reach
from qnpu.linklayer import EPOCH, Item, LinkLayer
from qnpu.process import Process
from qnpu.remaking import Remaking
from qnpu.retransmission import ADD_ATTEMPTS, ATTEMPTS, ROUND_TRIPS, Retransmission
from qruntime.messages import (
    LinkAbandon,
    LinkAck,
    LinkAdd,
    LinkClaim,
    LinkExpire,
    LinkExpireAck,
    LinkReceipt,
    LinkReject,
    LinkRequest,
    LinkWithdraw,
)

if TYPE_CHECKING:
    from qnpu.main import Qnpu
    from qnpu.netstack import NetworkStack

_ADD, _CLAIM, _WITHDRAW, _EXPIRE, _ABANDON = "add", "claim", "withdraw", "expire", "abandon"
_RECEIPT_OF = {_ADD: 20, _CLAIM: 23, _WITHDRAW: 24, _ABANDON: 28}  # the tags of these messages
_KIND_OF = {tag: kind for kind, tag in _RECEIPT_OF.items()}


class Agreement:
    """This node's voice in the link layer."""

    def __init__(self, qnpu: Qnpu, stack: NetworkStack) -> None:
        self._qnpu = qnpu
        self._stack = stack
        self._slack_ns = qnpu.settings.agreement_slack_ns
        self._again = Retransmission(qnpu, self.to_peer)
        self._remaking = Remaking(qnpu, stack, self)

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
            self._on_reject(link, message, now_ns)
        elif isinstance(message, LinkClaim):
            self._on_claim(link, message)
        elif isinstance(message, LinkWithdraw):
            self._on_withdraw(link, message, now_ns)
        elif isinstance(message, LinkExpire):
            self._remaking.on_expire(link, message, now_ns)
        elif isinstance(message, LinkExpireAck):
            self._on_expire_ack(link, message, now_ns)
        elif isinstance(message, LinkAbandon):
            self._on_abandon(link, message, now_ns)
        elif isinstance(message, LinkReceipt):
            self._on_receipt(link, message)

    # --- what this end says ---------------------------------------------------------------------------

    def pump(self, link: LinkLayer) -> None:
        """Send the ADDs that the window has room for."""
        while link.backlog and (sending := link.next_to_add()) is not None:
            comms, item = sending
            if self._slack_ns is not None:
                item.earliest_ns = max(item.earliest_ns, self._agreed_ns(item, self._slack_ns))
            message = LinkAdd(EPOCH, comms, item.queue, item.sequence, item.request)
            self.to_peer(link, message)
            if link.is_lossy:
                link.unheard[comms] = None
                give_up = partial(self._abandon, link, comms)
                self._again.sent(link, (_ADD, comms), message, ADD_ATTEMPTS, give_up)

    def claim(self, item: Item) -> None:
        """A program here has asked for the pairs of an item."""
        link = item.link
        message = LinkClaim(EPOCH, item.queue, item.sequence)
        self.to_peer(link, message)
        if link.is_lossy:
            self._again.sent(link, (_CLAIM, item.sequence), message, ATTEMPTS, _nothing)

    def withdraw(self, item: Item, error: int, reason: str) -> None:
        """An item is over at this end, and has to be at the other."""
        link = item.link
        message = LinkWithdraw(EPOCH, item.queue, item.sequence, error, reason)
        self.to_peer(link, message)
        if link.is_lossy:
            self._again.sent(link, (_WITHDRAW, item.sequence), message, ATTEMPTS, _nothing)

    def expire(self, item: Item, pair: int) -> None:
        """This end lost the pairs of an item from `pair` on."""
        link = item.link
        message = LinkExpire(EPOCH, item.queue, item.sequence, pair, link.heard)
        self.to_peer(link, message)
        if link.is_lossy:
            reason = f"{self._qnpu.neighbours.name(link.peer)} did not answer that a pair was given up"

            def give_up(now_ns: int) -> None:
                if item.state == "queued":
                    self._end(item, LinkLayerError.EXPIRE, reason, now_ns, tell_peer=True)

            self._again.sent(link, (_EXPIRE, item.sequence), message, ATTEMPTS, give_up)

    def fall_silent(self, item: Item) -> None:
        """An item was dropped: what was said about it need not be said again."""
        if item.link.is_lossy:
            self._again.answered(item.link, (_CLAIM, item.sequence))
            self._again.answered(item.link, (_EXPIRE, item.sequence))

    def linger(self, item: Item, now_ns: int) -> None:
        """All pairs of an item are handed over here, and the peer's program has not asked.

        It is kept, as they may come back. On a lossy link the claim itself may never come.
        """
        link = item.link
        if not link.is_lossy:
            return
        at_ns = now_ns + self._qnpu.settings.unclaimed_timeout_ns + 2 * ATTEMPTS * self._again.retry_ns(link)

        def forget(_now_ns: int) -> None:
            if item.state == "queued" and item.local is not None and not item.local.is_open:
                link.remove(item, "finish")

        self._qnpu.set_timer(("linger", link.peer, item.sequence), at_ns, forget)

    def to_peer(self, link: LinkLayer, message: object) -> None:
        """Say something to the stack at the other end."""
        self._qnpu.send_peer(link.peer_actor, link.peer, message)

    def _receipt(self, link: LinkLayer, kind: str, number: int) -> None:
        if link.is_lossy:
            self.to_peer(link, LinkReceipt(EPOCH, _RECEIPT_OF[kind], number))

    # --- ADD at the peer ------------------------------------------------------------------------------

    def sockets_opened(self, process: Process, now_ns: int) -> None:
        """New sockets: requests of peers that waited for one may go on."""
        for peer in {peer: None for peer, _, _ in process.sockets.values()}:
            link = self._stack.links.get(peer)
            if link is None:
                continue
            for add in list(link.held.values()):
                if self.has_socket(link.peer, add.request):
                    del link.held[add.comms_sequence]
                    self._qnpu.cancel_timer(("grace", link.peer, add.comms_sequence))
                    self._accept(link, add, now_ns)

    def _on_add(self, link: LinkLayer, add: LinkAdd, now_ns: int) -> None:
        comms = add.comms_sequence
        if link.is_lossy:
            link.forget_answers(comms)
            if comms in link.held or comms in link.withheld:
                self._receipt(link, _ADD, comms)
                return
            if comms in link.answers:
                self.to_peer(link, link.answers[comms][0])
                return
        if self.has_socket(link.peer, add.request):
            self._accept(link, add, now_ns)
            return
        link.held[comms] = add
        at_ns = now_ns + self._qnpu.settings.accept_grace_ns
        if at_ns > now_ns:
            self._receipt(link, _ADD, comms)
        self._qnpu.set_timer(("grace", link.peer, comms), at_ns, lambda now: self._grace_over(link, add))

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
        if not 0 <= add.queue < link.order.queues:
            reason = f"queue {add.queue}; the link has queues 0..{link.order.queues - 1} at {self._qnpu.node}"
            self._reject(link, add, LinkLayerError.REJECTED, reason)
            return
        if wanted.type != EprType.M and (wanted.consecutive or wanted.atomic) and wanted.number > qubits:
            reason = f"{wanted.number} pairs together; the device of {self._qnpu.node} has {qubits} qubits"
            self._reject(link, add, LinkLayerError.NORES, reason)
            return
        if wanted.min_fidelity != UNSTATED_FIDELITY:
            points = self._stack.estimator.points(link.peer, wanted.type, False)
            too_high = out_of_reach(wanted, points, self._qnpu.neighbours.name(link.peer))
            if too_high:
                self._reject(link, add, LinkLayerError.UNSUPP, f"{too_high} at {self._qnpu.node}")
                return
        waiting = self._stack.receives.get((link.peer, wanted.remote_socket, wanted.socket))
        request = waiting.popleft() if waiting else None
        if request is not None:
            fault = self._stack.mismatch(request, wanted)
            if fault:
                self._reject(link, add, LinkLayerError.OTHER, fault)
                self._stack.fail(request, LinkLayerError.OTHER, fault, now_ns)
                return
        item = Item(link, wanted, is_creator=False, queue=add.queue)
        link.accept(item, add.queue_sequence)
        if self._slack_ns is not None:
            item.earliest_ns = self._agreed_ns(item, self._slack_ns)
            self._wake_at_earliest(item)
        claimed = 0 if request is None else request.number
        ack = LinkAck(EPOCH, add.comms_sequence, item.queue, item.sequence, claimed)
        if link.is_lossy:
            link.answers[add.comms_sequence] = ack, item
        if link.is_master and link.unheard:
            # The slave must not use its item before it knows of ours that are older.
            link.withheld[add.comms_sequence] = ack, tuple(link.unheard)
            self._receipt(link, _ADD, add.comms_sequence)
        else:
            self.to_peer(link, ack)
        if request is not None:
            self._stack.join(item, request)
        self._stack.process.refresh_soon(link)

    def _agreed_ns(self, item: Item, slack_ns: int) -> int:
        """When both ends are sure to hold an item whose ADD goes or comes now, and the slack after it."""
        link = item.link
        attempt = attempt_ns(item.request, self._qnpu.driver.spec.links.get(link.peer, ()))
        agreed_ns = ADD_ATTEMPTS * ROUND_TRIPS * 2 * self._qnpu.neighbours.latency_ns(link.peer)
        return self._qnpu.now_ns + max(ceil(attempt), agreed_ns) + slack_ns

    def _wake_at_earliest(self, item: Item) -> None:
        timer = ("earliest", item.link.peer, item.sequence)
        self._qnpu.set_timer(timer, item.earliest_ns, lambda now: self._stack.process.refresh_soon(item.link))

    def _reject(self, link: LinkLayer, add: LinkAdd, error: int, reason: str) -> None:
        answer = LinkReject(EPOCH, add.comms_sequence, int(error), reason)
        if link.is_lossy:
            link.answers[add.comms_sequence] = answer, None
        self.to_peer(link, answer)

    def _on_abandon(self, link: LinkLayer, message: LinkAbandon, now_ns: int) -> None:
        comms = message.comms_sequence
        self._receipt(link, _ABANDON, comms)
        if link.held.pop(comms, None) is not None:
            self._qnpu.cancel_timer(("grace", link.peer, comms))
        link.withheld.pop(comms, None)
        _, item = link.answers.get(comms, (None, None))
        if item is not None and item.state == "queued":
            self._end(item, message.error, message.reason, now_ns)

    def has_socket(self, peer: int, wanted: LinkRequest) -> bool:
        """Whether a program here has the mirror image of the creator's socket open."""
        return any(
            process.sockets.get(wanted.remote_socket, (-1, -1, 0))[:2] == (peer, wanted.socket)
            for process in self._qnpu.processes.values()
        )

    # --- its answers ----------------------------------------------------------------------------------

    def _on_ack(self, link: LinkLayer, ack: LinkAck, now_ns: int) -> None:
        if link.is_lossy:
            self._heard(link, ack.comms_sequence)
        item = link.acknowledged(ack.comms_sequence, ack.queue_sequence)
        if item is None:
            return
        if item.withdrawn is not None:
            link.remove(item, "withdraw")
            self.withdraw(item, *item.withdrawn)
        elif item.request.max_time_ns and (
            too_late := self._stack.too_late(item, item.request.number, now_ns)
        ):
            assert item.local is not None
            self._stack.fail(item.local, LinkLayerError.NOTIME, too_late, now_ns)
        else:
            item.claimed_by_peer = item.claimed_by_peer or ack.claimed > 0
            if item.earliest_ns > now_ns:
                self._wake_at_earliest(item)
            self._stack.process.refresh_soon(link)
        self.pump(link)

    def _on_reject(self, link: LinkLayer, message: LinkReject, now_ns: int) -> None:
        if link.is_lossy:
            self._heard(link, message.comms_sequence)
        item = link.refused(message.comms_sequence, "reject")
        if item is not None and item.local is not None:
            self._stack.fail(item.local, message.error, message.reason, now_ns, tell_peer=False)
        self.pump(link)

    def _on_receipt(self, link: LinkLayer, message: LinkReceipt) -> None:
        kind = _KIND_OF.get(message.of)
        if kind == _ADD:
            self._again.held(link, (_ADD, message.number))
            self._release(link, message.number)
        elif kind is not None:
            self._again.answered(link, (kind, message.number))
            if kind == _ABANDON:
                self._forgotten(link, message.number)

    def _heard(self, link: LinkLayer, comms: int) -> None:
        """An ADD was answered for good."""
        self._again.answered(link, (_ADD, comms))
        self._again.answered(link, (_ABANDON, comms))
        self._release(link, comms)

    def _release(self, link: LinkLayer, comms: int) -> None:
        """The peer is known to have an ADD of ours: send what waited for that."""
        link.unheard.pop(comms, None)
        for theirs, (ack, after) in list(link.withheld.items()):
            if not any(unheard in link.unheard for unheard in after):
                del link.withheld[theirs]
                self.to_peer(link, ack)

    def _abandon(self, link: LinkLayer, comms: int, now_ns: int) -> None:
        """An ADD was never answered: its request ends here, and at the peer if it came that far."""
        item = link.outstanding[comms]
        if item.withdrawn is None:
            peer = self._qnpu.neighbours.name(link.peer)
            reason = f"{peer} did not answer the request, which was sent {ADD_ATTEMPTS} times"
            assert item.local is not None
            self._stack.fail(item.local, LinkLayerError.TIMEOUT, reason, now_ns)
        assert item.withdrawn is not None
        message = LinkAbandon(EPOCH, comms, *item.withdrawn)
        self.to_peer(link, message)
        self._again.sent(link, (_ABANDON, comms), message, ATTEMPTS, lambda now: self._forgotten(link, comms))
        self._release(link, comms)

    def _forgotten(self, link: LinkLayer, comms: int) -> None:
        """The peer knows that an ADD was taken back, or never will: its number is free."""
        link.refused(comms, "abandon")
        self.pump(link)

    # --- claims, withdrawals, lost pairs --------------------------------------------------------------

    def _on_claim(self, link: LinkLayer, claim: LinkClaim) -> None:
        item = link.items.get(claim.queue_sequence)
        if item is None and not link.is_over(claim.queue_sequence):
            return  # it will be said again, when we know what it is about
        self._receipt(link, _CLAIM, claim.queue_sequence)
        if item is None:
            return
        item.claimed_by_peer = True
        if item.local is not None and not item.local.is_open:
            link.remove(item, "finish")  # it was only kept because its pairs might have come back
            self._qnpu.cancel_timer(("linger", link.peer, item.sequence))
        self._stack.process.refresh_soon(link)

    def _on_withdraw(self, link: LinkLayer, message: LinkWithdraw, now_ns: int) -> None:
        item = link.items.get(message.queue_sequence)
        if item is None and not link.is_over(message.queue_sequence):
            return
        self._receipt(link, _WITHDRAW, message.queue_sequence)
        if item is not None:
            self._end(item, message.error, message.reason, now_ns)

    def _end(self, item: Item, error: int, reason: str, now_ns: int, tell_peer: bool = False) -> None:
        """An item is over, mostly because the peer has ended it."""
        if item.local is not None and item.local.is_open:
            self._stack.fail(item.local, error, reason, now_ns, tell_peer=tell_peer)
        else:
            self._stack.drop_item(item, error, reason, tell_peer=tell_peer)

    def _on_expire_ack(self, link: LinkLayer, message: LinkExpireAck, now_ns: int) -> None:
        self._again.answered(link, (_EXPIRE, message.queue_sequence))
        item = link.items.get(message.queue_sequence)
        if item is None:
            return
        if message.again:
            item.expiring = False
            self._stack.process.refresh_soon(link)
        else:
            reason = f"{self._qnpu.neighbours.name(link.peer)} has no such request any more"
            self._end(item, LinkLayerError.EXPIRE, reason, now_ns)


def _nothing(_now_ns: int) -> None:
    """Nobody is there to be told."""
