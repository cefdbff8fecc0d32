"""What comes in at the classical sockets of a program, until somebody takes it.

Programs of an application share one native socket per peer. What travels there is (socket id, kind, text); a
`Mail` keeps apart what is for which socket, in the order in which it came.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final

from qnos.compat.guest import Guest
from qruntime.errors import ProgramTimeout

Key = tuple[str, int]  # peer, socket id
_OPENS, _SAYS, _ENDS = 0, 1, 2
_NS: Final = 1_000_000_000


class Mail:
    """The mail of one program; its calls block, and are for that program only."""

    def __init__(self, guest: Guest) -> None:
        self._guest = guest
        self._unread: dict[Key, deque[tuple[int, str]]] = {}  # (how many came before it, text)
        self._came = 0
        self._opened: dict[Key, None] = {}  # by the peer
        self._own: dict[Key, None] = {}
        self._ended: dict[str, None] = {}  # peers that send nothing more
        self.listeners: dict[Key, Callable[[str | None], None]] = {}  # called with a text, or None at the end

    # --- what goes out ------------------------------------------------------------------------------------

    def send(self, key: Key, text: str) -> None:
        """Send a text to the socket of the same id of a peer."""
        self._post(key[0], key[1], _SAYS, text)

    def open(self, key: Key, timeout: float | None) -> None:
        """Open a socket, and wait until the peer has opened its side; `TimeoutError` after so many simulated
        seconds."""
        self.announce(key)
        self._until(lambda: key in self._opened or key[0] in self._ended, (key[0],), timeout)

    def announce(self, key: Key) -> None:
        """Open a socket without waiting for the peer."""
        if key not in self._own:
            self._own[key] = None
            self._unread.setdefault(key, deque())
            self._post(key[0], key[1], _OPENS, "")

    def end(self) -> None:
        """The program is over: tell every peer it had a socket to."""
        for peer in dict.fromkeys(peer for peer, _ in self._own):
            self._post(peer, 0, _ENDS, "")

    def _post(self, peer: str, number: int, kind: int, text: str) -> None:
        self._guest.node.socket(peer).send((number, kind, text))

    # --- what comes in ------------------------------------------------------------------------------------

    def take(self, keys: Sequence[Key], timeout: float | None) -> tuple[str, str]:
        """The first text that came for any of these sockets, and its sender.

        `TimeoutError` after so many simulated seconds, `ConnectionError` if no peer will send any more.
        """
        peers = tuple(dict.fromkeys(peer for peer, _ in keys))

        def found() -> bool:
            return any(self._unread[key] for key in keys) or all(peer in self._ended for peer in peers)

        self._until(found, peers, timeout)
        full = [key for key in keys if self._unread[key]]
        if not full:
            raise ConnectionError(
                f"no message, and none will come: the program of {' and '.join(peers)} is over"
            )
        key = min(full, key=lambda key: self._unread[key][0])
        return key[0], self._unread[key].popleft()[1]

    def wait_for_end(self, peer: str) -> None:
        """Wait until a peer's program is over."""
        self._until(lambda: peer in self._ended, (peer,), None)

    def sleep(self, seconds: float) -> None:
        """Wait for so many simulated seconds; listeners hear what comes meanwhile."""
        node = self._guest.node
        peers = tuple(dict.fromkeys(peer for peer, _ in self.listeners))
        if not peers:
            self._guest.wait(node.sleep_ns(round(seconds * _NS)))
            return
        try:
            self._until(lambda: False, peers, seconds)
        except TimeoutError:
            return

    def _until(self, found: Callable[[], bool], peers: tuple[str, ...], timeout: float | None) -> None:
        """Take what comes from these peers until `found()`."""
        node = self._guest.node
        deadline_ns = None if timeout is None else node.now_ns + round(timeout * _NS)
        while not found():
            left_ns = None if deadline_ns is None else max(deadline_ns - node.now_ns, 0)
            open_peers = [peer for peer in peers if peer not in self._ended]
            try:
                if len(open_peers) == 1:
                    (peer,) = open_peers
                    message = self._guest.wait(node.socket(peer).recv(left_ns))
                elif open_peers:
                    any_of = node.first_of(*[node.socket(peer).recv() for peer in open_peers])
                    waited = any_of if left_ns is None else node.timeout(left_ns, any_of)
                    index, message = self._guest.wait(waited)
                    peer = open_peers[index]
                else:
                    assert left_ns is not None  # else nothing more could be found
                    self._guest.wait(node.sleep_ns(left_ns))
                    raise TimeoutError("nobody is there who could send anything")
            except ProgramTimeout:
                raise TimeoutError(f"nothing came from {' or '.join(open_peers)} in {timeout:g} s") from None
            self._came_in(peer, message)

    def _came_in(self, peer: str, message: Any) -> None:
        number, kind, text = message
        key = peer, number
        if kind == _ENDS:
            self._ended[peer] = None
            for (other, _), listener in list(self.listeners.items()):
                if other == peer:
                    listener(None)
        elif kind == _OPENS:
            self._opened[key] = None
        elif key in self.listeners:
            self.listeners[key](text)
        else:
            self._unread.setdefault(key, deque()).append((self._came, text))
            self._came += 1
