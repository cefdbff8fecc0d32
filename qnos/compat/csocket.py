"""Classical sockets of SquidASM programs, whose receiving methods are generators."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from netqasm.sdk.classical_communication.message import StructuredMessage
from netqasm.sdk.classical_communication.socket import Socket

from cnpu.sockets import Socket as NativeSocket
from qnos.compat.guest import Guest
from qnos.compat.parcel import Parcels
from qruntime.errors import ProgramError, ProgramTimeout

Wait = Generator[Any, None, Any]


class ClassicalSocket(Socket):  # type: ignore[misc]
    """The way to one peer: first in, first out, never full.

    `timeout` of a receiving method is in simulated seconds (`TimeoutError`); with `block` False a message has
    to be there already (`RuntimeError`).
    """

    def __init__(
        self, guest: Guest, socket: NativeSocket, parcels: Parcels, app_name: str, remote_app_name: str
    ) -> None:
        super().__init__(app_name, remote_app_name, 0)
        self.app_name = app_name
        self.remote_app_name = remote_app_name
        self._guest = guest
        self._socket = socket
        self._parcels = parcels

    def send(self, msg: Any) -> None:
        """Send a copy of a value: text, or anything else."""
        self._socket.send(self._parcels.pack(msg))

    def recv(self, block: bool = True, timeout: float | None = None, maxsize: int | None = None) -> Wait:
        """The next value."""
        return self._next(block, timeout)
        yield

    def send_int(self, value: int) -> None:
        """Send a number as text."""
        self.send(str(value))

    def recv_int(self, block: bool = True, timeout: float | None = None, maxsize: int | None = None) -> Wait:
        """The next value as a number."""
        return int(self._next(block, timeout))
        yield

    def send_float(self, value: float) -> None:
        """Send a number as text."""
        self.send(str(value))

    def recv_float(
        self, block: bool = True, timeout: float | None = None, maxsize: int | None = None
    ) -> Wait:
        """The next value as a number."""
        return float(self._next(block, timeout))
        yield

    def send_structured(self, msg: StructuredMessage) -> None:
        """Send a header with a payload."""
        self.send(msg)

    def recv_structured(
        self, block: bool = True, timeout: float | None = None, maxsize: int | None = None
    ) -> Wait:
        """The next message, header and payload."""
        return self._next(block, timeout)
        yield

    send_silent = send
    recv_silent = recv

    def _next(self, block: bool, timeout: float | None) -> Any:
        if not block:
            timeout = 0.0
        limit_ns = None if timeout is None else round(timeout * 1e9)
        try:
            return self._parcels.unpack(self._guest.wait(self._socket.recv(limit_ns)))
        except ProgramTimeout as error:
            if not block:
                raise RuntimeError(f"no message from {self.remote_app_name} is there") from None
            raise TimeoutError(error.message) from None


class NoSocket:
    """Stands for a socket to a node to which there is no classical link: any use is an error."""

    def __init__(self, node: str, peer: str) -> None:
        self._what = f"there is no classical link between {node} and {peer}; add one to `clinks`"

    def __getattr__(self, name: str) -> Any:
        raise ProgramError(self._what)
