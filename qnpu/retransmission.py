"""Saying it again: what a lossy link may have swallowed is sent until the peer answers.

An ADD is sent at most three times with the same comms sequence, three round trips apart; then its request
ends with TIMEOUT, and the peer is told to forget it. What the two ends must agree on for good (a claim, a
withdrawal, an expired pair, an abandoned ADD) is sent much longer, since no program is there to be told when
it fails. On a link that loses nothing none of this happens: no timer is set, no receipt is sent.

    sent        a message went out that has to be answered
    answered    it was; nothing more is sent
    held        the peer has it, and will answer later
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from qruntime.messages import LinkAbandon, LinkAdd, LinkClaim, LinkExpire, LinkWithdraw

if TYPE_CHECKING:
    from qnpu.linklayer import LinkLayer
    from qnpu.main import Qnpu

ADD_ATTEMPTS: Final = 3
ATTEMPTS: Final = 64  # of everything else: at a loss of 0.6 one of 10**5 stays without receipt
ROUND_TRIPS: Final = 3  # between two attempts
RETRY_AT_ONCE_NS: Final = 10_000  # between two attempts where messages take no time

Reliable = LinkAdd | LinkClaim | LinkWithdraw | LinkExpire | LinkAbandon
Key = tuple[str, int]  # what kind of message, and the number that its answer will carry


class Unanswered:
    """A message that was sent, how often it may be sent yet, and what happens if nobody answers."""

    __slots__ = ("give_up", "interval_ns", "left", "message")

    def __init__(
        self, message: Reliable, left: int, interval_ns: int, give_up: Callable[[int], None]
    ) -> None:
        self.message = message
        self.left = left
        self.interval_ns = interval_ns
        self.give_up = give_up


class Retransmission:
    """The clocks of all messages of this node that wait for an answer."""

    def __init__(self, qnpu: Qnpu, send: Callable[[LinkLayer, object], None]) -> None:
        self._qnpu = qnpu
        self._send = send

    def retry_ns(self, link: LinkLayer) -> int:
        """How long an answer is waited for."""
        return ROUND_TRIPS * 2 * self._qnpu.neighbours.latency_ns(link.peer) or RETRY_AT_ONCE_NS

    def sent(
        self, link: LinkLayer, key: Key, message: Reliable, attempts: int, give_up: Callable[[int], None]
    ) -> None:
        """`message` went out for the first time; `give_up(now)` is called if nothing ever comes back."""
        link.unanswered[key] = Unanswered(message, attempts - 1, self.retry_ns(link), give_up)
        self._arm(link, key)

    def answered(self, link: LinkLayer, key: Key) -> None:
        """The peer has that message; nothing happens if it was not waited for."""
        if link.unanswered.pop(key, None) is not None:
            self._qnpu.cancel_timer(("resend", link.peer, *key))

    def held(self, link: LinkLayer, key: Key) -> None:
        """The peer has it and will answer: ask again, ever more rarely, in case the answer gets lost."""
        waiting = link.unanswered.get(key)
        if waiting is not None:
            waiting.left = ADD_ATTEMPTS
            waiting.interval_ns = min(2 * waiting.interval_ns, self.longest_ns(link))
            self._arm(link, key)

    def longest_ns(self, link: LinkLayer) -> int:
        """The longest pause between two attempts: a peer may hold an ADD for the grace time."""
        return max(self.retry_ns(link), self._qnpu.settings.accept_grace_ns)

    def _arm(self, link: LinkLayer, key: Key) -> None:
        at_ns = self._qnpu.now_ns + link.unanswered[key].interval_ns
        self._qnpu.set_timer(("resend", link.peer, *key), at_ns, lambda now: self._unheard(link, key, now))

    def _unheard(self, link: LinkLayer, key: Key, now_ns: int) -> None:
        waiting = link.unanswered.get(key)
        if waiting is None:
            return
        if waiting.left == 0:
            del link.unanswered[key]
            self._qnpu.trace("egp", "LINK_GIVES_UP", -1, (link.peer, type(waiting.message).__name__, key[1]))
            waiting.give_up(now_ns)
            return
        waiting.left -= 1
        self._send(link, waiting.message)
        self._arm(link, key)
