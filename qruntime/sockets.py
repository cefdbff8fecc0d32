"""ZeroMQ sockets under trio, through the socket's file descriptor.

One task owns one socket: libzmq's descriptor is edge-triggered, so a send by another task could swallow the
edge that the receiver waits for. The owner's loop is: receive without blocking until there is nothing, only
then wait for the descriptor. After each send the owner must come back to that loop.
"""

from __future__ import annotations

from types import TracebackType

import trio
import zmq

from qruntime.limits import MESSAGE_BYTES

_HIGH_WATER = 100_000  # messages; above what one shot can have in flight, so a send never has to wait


class Sockets:
    """A ZeroMQ context and the sockets made in it; closing it closes all, without lingering."""

    def __init__(self) -> None:
        self._context = zmq.Context()

    def __enter__(self) -> Sockets:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every socket at once; what was not sent is dropped."""
        self._context.destroy(linger=0)

    def bind(self, kind: int, address: str) -> Socket:
        """A bound socket; `address` may end in `:*` for any free port.

        Raises `OSError` if it is taken.
        """
        raw = self._open(kind)
        try:
            raw.bind(address)
        except zmq.ZMQError as error:
            raise OSError(f"cannot bind {address}: {error}") from error
        return Socket(raw)

    def connect(self, kind: int, address: str, identity: bytes | None = None) -> Socket:
        """A connected socket; `identity` is what a ROUTER at the other end sees."""
        raw = self._open(kind)
        if identity is not None:
            raw.setsockopt(zmq.IDENTITY, identity)
        raw.connect(address)
        return Socket(raw)

    def _open(self, kind: int) -> zmq.Socket[bytes]:
        raw: zmq.Socket[bytes] = self._context.socket(kind)
        raw.setsockopt(zmq.LINGER, 0)
        raw.setsockopt(zmq.SNDHWM, _HIGH_WATER)
        raw.setsockopt(zmq.RCVHWM, _HIGH_WATER)
        raw.setsockopt(zmq.MAXMSGSIZE, 2 * MESSAGE_BYTES)
        raw.setsockopt(zmq.IPV6, 1)
        return raw


class Socket:
    """One socket, to be used by one task only."""

    def __init__(self, raw: zmq.Socket[bytes]) -> None:
        self._raw = raw
        self._descriptor = int(raw.getsockopt(zmq.FD))

    @property
    def address(self) -> str:
        """Where it is bound or connected, with the port that was chosen."""
        return self._raw.getsockopt(zmq.LAST_ENDPOINT).rstrip(b"\0").decode()  # type: ignore[union-attr]

    def receive_now(self) -> list[bytes] | None:
        """The frames of a message that is there, else None."""
        try:
            return self._raw.recv_multipart(zmq.NOBLOCK)
        except zmq.Again:
            return None

    async def receive(self) -> list[bytes]:
        """The frames of the next message."""
        while True:
            frames = self.receive_now()
            if frames is not None:
                return frames
            await trio.lowlevel.wait_readable(self._descriptor)

    def send(self, frames: list[bytes]) -> bool:
        """Send; False if the peer is gone or its queue is full (nothing is sent then)."""
        try:
            self._raw.send_multipart(frames, zmq.NOBLOCK)
        except zmq.ZMQError:
            return False
        return True

    def close_when_sent(self) -> None:
        """Close; what was sent still goes out if the peer takes it within a second."""
        self._raw.close(1000)
