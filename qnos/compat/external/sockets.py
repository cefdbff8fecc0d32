"""Classical communication of programs that block: `Socket` and `BroadcastChannel`.

Times are simulated seconds. What is sent is text; messages with header and payload travel as JSON, so tuples
arrive as lists.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from netqasm.sdk.classical_communication import broadcast_channel, socket
from netqasm.sdk.classical_communication.message import StructuredMessage

from qnos.compat.external.party import here


class Socket(socket.Socket):  # type: ignore[misc]
    """A socket to another role; the constructor waits until that has opened its side.

    With `use_callbacks` messages go to `recv_callback`, and `conn_lost_callback` hears that the peer's
    program is over; both are called while this program waits at a socket or sleeps. `log_config` is taken
    and not needed: what travels is logged where the round is logged.
    """

    def __init__(
        self,
        app_name: str,
        remote_app_name: str,
        socket_id: int = 0,
        timeout: float | None = None,
        use_callbacks: bool = False,
        log_config: Any = None,
    ) -> None:
        if app_name == remote_app_name:
            raise ValueError(f"a socket of {app_name!r} to itself; name another role")
        self._party = party = here("Socket")
        party.check_own(app_name, "socket")
        party.check_peer(remote_app_name, "socket")
        self.app_name = app_name
        self.remote_app_name = remote_app_name
        self.id = int(socket_id)
        self._key = remote_app_name, self.id
        self.use_callbacks = use_callbacks
        party.mail.open(self._key, timeout)

    @property
    def use_callbacks(self) -> bool:
        """Whether messages go to `recv_callback`."""
        return self._key in self._party.mail.listeners

    @use_callbacks.setter
    def use_callbacks(self, value: bool) -> None:
        if value:
            self._party.mail.listeners[self._key] = self._heard
        else:
            self._party.mail.listeners.pop(self._key, None)

    def _heard(self, text: str | None) -> None:
        if text is None:
            self.conn_lost_callback()
        else:
            self._log("RECV", text)
            self.recv_callback(text)

    @property
    def key(self) -> tuple[str, str, int]:
        """Own role, the peer's, socket id."""
        return self.app_name, self.remote_app_name, self.id

    @property
    def remote_key(self) -> tuple[str, str, int]:
        """As the peer's socket has it."""
        return self.remote_app_name, self.app_name, self.id

    # --- sending ------------------------------------------------------------------------------------------

    def send(self, msg: str) -> None:
        """Send a text; `TypeError` for anything else."""
        self._log("SEND", msg)
        self.send_silent(msg)

    def send_silent(self, msg: str) -> None:
        """Send a text that is not logged."""
        if not isinstance(msg, str):
            raise TypeError(f"a message is {msg!r}; it has to be text (str)")
        self._party.mail.send(self._key, msg)

    def send_structured(self, msg: StructuredMessage) -> None:
        """Send a header with a payload of what JSON knows."""
        text = json.dumps(msg.__dict__)
        self._log("SEND", f"{msg.header}: {msg.payload}")
        self._party.mail.send(self._key, text)

    # --- receiving ----------------------------------------------------------------------------------------

    def recv(self, block: bool = True, timeout: float | None = None, maxsize: int | None = None) -> str:
        """The next text.

        `TimeoutError` after so many simulated seconds; without `block` it has to be there already, else
        `RuntimeError`. `maxsize` means nothing.
        """
        self._log("WAIT_RECV", None)
        text = self.recv_silent(block, timeout, maxsize)
        self._log("RECV", text)
        return text

    def recv_silent(
        self, block: bool = True, timeout: float | None = None, maxsize: int | None = None
    ) -> str:
        """The next text, which is not logged."""
        try:
            return self._party.mail.take([self._key], timeout if block else 0.0)[1]
        except TimeoutError:
            if block:
                raise
            raise RuntimeError(f"no message from {self.remote_app_name} is there") from None

    def recv_structured(
        self, block: bool = True, timeout: float | None = None, maxsize: int | None = None
    ) -> StructuredMessage:
        """The next message, header and payload."""
        self._log("WAIT_RECV", None)
        message = StructuredMessage(**json.loads(self.recv_silent(block, timeout, maxsize)))
        self._log("RECV", f"{message.header}: {message.payload}")
        return message

    def wait(self) -> None:
        """Wait until the peer's program is over."""
        self._party.mail.wait_for_end(self.remote_app_name)

    def _log(self, operation: str, text: str | None) -> None:
        log = self._party.log
        if log is not None:
            ends = self.app_name, self.remote_app_name
            sender, receiver = ends if operation == "SEND" else ends[::-1]
            log.message(self.app_name, operation, text, sender, receiver, self.id)


class BroadcastChannel(broadcast_channel.BroadcastChannel):  # type: ignore[misc]
    """Sockets to several roles at once; `options` are those of `Socket`."""

    def __init__(self, app_name: str, remote_app_names: Sequence[str], **options: Any) -> None:
        self._party = party = here("BroadcastChannel")
        party.check_own(app_name, "broadcast channel")
        for peer in remote_app_names:  # all at once: they may wait for each other in a circle
            party.check_peer(peer, "broadcast channel")
            party.mail.announce((peer, int(options.get("socket_id", 0))))
        self._sockets = {peer: Socket(app_name, peer, **options) for peer in remote_app_names}

    def send(self, msg: str) -> None:
        """Send a text to all of them."""
        for each in self._sockets.values():
            each.send(msg)

    def recv(self, block: bool = True, timeout: float | None = None) -> tuple[str, str]:
        """Sender and text of the first message that came from any of them.

        `TimeoutError` after so many simulated seconds; without `block` it has to be there already, else
        `RuntimeError`.
        """
        keys = [each.key[1:] for each in self._sockets.values()]
        try:
            peer, text = self._party.mail.take(keys, timeout if block else 0.0)
        except TimeoutError:
            if block:
                raise
            raise RuntimeError("no message is there") from None
        self._sockets[peer]._log("RECV", text)
        return peer, text
