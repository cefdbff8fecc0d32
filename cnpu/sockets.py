"""Classical sockets: structured values between the programs of a session, first in first out.

A `Mailbox` belongs to the CNPU and takes what arrives, also before its program starts. A `Socket` is what the
program holds.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from cnpu.checks import duration
from cnpu.source import caller, place_of
from cnpu.tasks import Receiving
from qruntime.errors import LimitError, PeerFailed, QnosError
from qruntime.limits import SENDS_PER_RESUME, SOCKET_BACKLOG
from qruntime.messages import ClassicalMessage
from qruntime.values import normalise

if TYPE_CHECKING:
    from cnpu.program import Program


class Mailbox:
    """Unread messages from one role, and the tasks that wait for the next."""

    __slots__ = ("closed", "source", "unread", "waiting")

    def __init__(self, source: str) -> None:
        self.source = source
        self.unread: deque[Any] = deque()
        self.waiting: deque[Receiving] = deque()
        self.closed: QnosError | None = None  # raised once everything unread is read

    def put(self, value: Any) -> Receiving | None:
        """Take a message; returns the task to wake with it, if one waits.

        A message beyond the limit closes the box: the reader gets what is in it and then a `LimitError`.
        """
        if self.closed is not None:
            return None
        if self.waiting:
            return self.waiting.popleft()
        if len(self.unread) >= SOCKET_BACKLOG:
            self.closed = LimitError(
                f"more than {SOCKET_BACKLOG} unread messages from {self.source}; the later ones are lost",
                peer=self.source,
            )
            return None
        self.unread.append(value)
        return None

    def close(self, error: str) -> list[Receiving]:
        """The peer is over; returns the tasks that wait in vain."""
        if self.closed is None:
            how = f"failed: {error}" if error else "returned"
            self.closed = PeerFailed(f"the program of {self.source} {how}", peer=self.source)
        waiting = list(self.waiting)
        self.waiting.clear()
        return waiting


class Socket:
    """The classical way to one peer."""

    __slots__ = ("_mailbox", "_program", "peer")

    def __init__(self, program: Program, peer: str, mailbox: Mailbox) -> None:
        self._program = program
        self._mailbox = mailbox
        self.peer = peer

    def send(self, value: Any) -> None:
        """Send a copy of `value`: None, bool, int, float, str, bytes, list, tuple and dict of such, or a
        future that has a value.

        Not awaited. Raises `ProgramError` for what cannot travel, and `LimitError` for more than
        `SENDS_PER_RESUME` messages, to all peers together, before the program waits for something.
        """
        program = self._program
        if program.sends >= SENDS_PER_RESUME:
            place = place_of(caller(1))
            raise LimitError(
                f"more than {SENDS_PER_RESUME} messages sent in one go ({place}); "
                "wait for something in between, like an answer, or sleep",
                file=place.file,
                line=place.line,
            )
        program.sends += 1
        message = ClassicalMessage(
            program.session, program.role, self.peer, normalise(value, "the value sent")
        )
        program.post(self.peer, message)
        if program.cnpu.tracing:
            program.emit("CLAS_MSG_SENT", self.peer)

    async def recv(self, timeout_ns: int | None = None) -> Any:
        """The next value from the peer.

        Raises `ProgramTimeout` when `timeout_ns` have passed, `PeerFailed` when the peer's program failed and
        all it sent is read.
        """
        program, mailbox = self._program, self._mailbox
        limit_ns = duration(timeout_ns, "timeout_ns") if timeout_ns is not None else -1
        if mailbox.unread:
            value = mailbox.unread.popleft()
        elif mailbox.closed is not None:
            raise mailbox.closed
        else:
            value = await Receiving(program, mailbox, program.clock_ns + limit_ns if limit_ns >= 0 else -1)
        if program.cnpu.tracing:
            program.emit("CLAS_MSG_RCVD", self.peer)
        program.spend(program.cnpu.settings.after_message_ns)
        return value
