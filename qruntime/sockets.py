"""ZeroMQ sockets under trio, through the socket's file descriptor.

One task owns one socket: libzmq's descriptor is edge-triggered, so a send by another task could swallow the
edge that the receiver waits for. The owner's loop is: receive without blocking until there is nothing, only
then wait for the descriptor. After each send the owner must come back to that loop.

An address is `ipc://PATH`, `tcp://HOST:PORT`, or, where keys are used, `HOLDER@tcp://HOST:PORT`: whose key
must be at that end. What a socket says of itself has that form, so addresses can be passed on as they are.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any

import trio
import zmq
from zmq.utils.monitor import parse_monitor_message

from qruntime.addresses import address_fault, is_loopback, split_holder
from qruntime.errors import ConfigError
from qruntime.gate import Gate
from qruntime.keys import LOCAL, Guard, Keyring
from qruntime.limits import CONTROL_BYTES, MESSAGE_BYTES

_HIGH_WATER = 100_000  # messages; above what one shot can have in flight, so a send never has to wait
# a little too long is refused and counted by who reads it; with more the connection ends at once
_FRAME_BYTES = CONTROL_BYTES + MESSAGE_BYTES
_SOON_MS = 2  # what `receive_soon` waits
_LINGER_MS = 300  # a last word goes out if its receiver takes it; a dead receiver costs no more than this
_RETRY_MS = 1000  # between attempts that fail again and again, as with a wrong key
_FAILED = int(zmq.Event.HANDSHAKE_FAILED_AUTH | zmq.Event.HANDSHAKE_FAILED_NO_DETAIL)
_FAILED |= int(zmq.Event.HANDSHAKE_FAILED_PROTOCOL)
_MET = int(zmq.Event.HANDSHAKE_SUCCEEDED)


class Sockets:
    """A ZeroMQ context and the sockets made in it; `guard` says who may be at the other ends of TCP.

    Closing it closes all.
    """

    def __init__(self, guard: Guard = LOCAL) -> None:
        self._context = zmq.Context()
        self._guard = guard
        self._open_sockets: list[zmq.Socket[bytes]] = []
        self._gate: Gate | None = None

    def __enter__(self) -> Sockets:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def turned_away(self) -> int:
        """Connections that a wrong or missing key did not get through."""
        return 0 if self._gate is None else self._gate.refused

    def close(self) -> None:
        """Close every socket; what was sent still goes out to a receiver that takes it at once."""
        if self._gate is None:
            self._context.destroy(_LINGER_MS)
            return
        for raw in self._open_sockets:  # the gate's sockets belong to its threads, which end with the context
            if not raw.closed:
                raw.close(_LINGER_MS)
        self._context.term()

    def bind(self, kind: int, address: str) -> Socket:
        """A bound socket; `address` may end in `:*` for any free port.

        Raises `OSError` if it is taken, `ConfigError` if it is none, or TCP beyond this machine is not
        protected.
        """
        _, plain = split_holder(_pinned(address))
        keyring = self._keyring(plain, plain)
        raw = self._open(kind)
        if keyring is not None:
            if self._gate is None:
                self._gate = Gate(self._context, keyring)
            raw.setsockopt(zmq.CURVE_SERVER, 1)
            raw.setsockopt(zmq.CURVE_SECRETKEY, keyring.pair.secret)
            raw.setsockopt(zmq.ZAP_DOMAIN, keyring.name.encode())
            self._gate.watch(raw)
        try:
            raw.bind(plain)
        except zmq.ZMQError as error:
            raise OSError(f"cannot bind {plain}: {error}") from error
        return Socket(raw, "" if keyring is None else f"{keyring.name}@")

    def connect(
        self, kind: int, address: str, identity: bytes | None = None, watched: bool = False
    ) -> Socket:
        """A connected socket, whether or not somebody is there already; `identity` is what a ROUTER at the
        other end sees.

        One that is `watched` has a `meeting`, which knows whether the peer is there.

        Raises `ConfigError` if the address is none, its holder has no key here, or TCP beyond this machine
        is not protected.
        """
        holder, plain = split_holder(_pinned(address))
        keyring = self._keyring(plain, address)
        raw = self._open(kind)
        if identity is not None:
            raw.setsockopt(zmq.IDENTITY, identity)
        if keyring is not None:
            server = keyring.public.get(holder)
            if server is None:
                raise ConfigError(
                    f"{address}: no key of {holder or 'its holder'} is known; known are keys of "
                    f"{', '.join(keyring.public)}"
                )
            raw.setsockopt(zmq.RECONNECT_IVL_MAX, _RETRY_MS)
            raw.setsockopt(zmq.CURVE_SERVERKEY, server)
            raw.setsockopt(zmq.CURVE_PUBLICKEY, keyring.pair.public)
            raw.setsockopt(zmq.CURVE_SECRETKEY, keyring.pair.secret)
        meeting = None
        if watched:
            meeting = Meeting(raw)
            self._open_sockets.append(meeting.events)
        try:
            raw.connect(plain)
        except zmq.ZMQError as error:
            raise ConfigError(f"{address}: cannot be connected to: {error}") from None
        return Socket(raw, meeting=meeting)

    def _keyring(self, plain: str, shown: str) -> Keyring | None:
        """What protects a socket of this address; None if nothing needs to."""
        fault = address_fault(plain)
        if fault:
            raise ConfigError(f"{shown!r} {fault}")
        if plain.startswith("ipc:"):
            return None
        if self._guard.keyring is not None or self._guard.insecure_tcp or is_loopback(plain):
            return self._guard.keyring
        raise ConfigError(
            f"{shown}: TCP beyond this machine needs keys, or insecure_tcp: true for a network that anybody "
            "may listen and speak to"
        )

    def _open(self, kind: int) -> zmq.Socket[bytes]:
        raw: zmq.Socket[bytes] = self._context.socket(kind)
        self._open_sockets = [known for known in self._open_sockets if not known.closed]
        self._open_sockets.append(raw)
        raw.setsockopt(zmq.LINGER, 0)
        raw.setsockopt(zmq.SNDHWM, _HIGH_WATER)
        raw.setsockopt(zmq.RCVHWM, _HIGH_WATER)
        raw.setsockopt(zmq.MAXMSGSIZE, _FRAME_BYTES)
        raw.setsockopt(zmq.IPV6, 1)
        return raw


class Socket:
    """One socket, to be used by one task only."""

    def __init__(self, raw: zmq.Socket[bytes], holder: str = "", meeting: Meeting | None = None) -> None:
        self.meeting = meeting
        self.sender = ""  # holder of the key that sent what was received last; empty without keys
        self._raw = raw
        self._holder = holder
        raw.setsockopt(zmq.RCVTIMEO, _SOON_MS)
        self._descriptor = int(raw.getsockopt(zmq.FD))

    @property
    def address(self) -> str:
        """Where it is bound or connected, with the port that was chosen and the holder of its key."""
        plain = self._raw.getsockopt(zmq.LAST_ENDPOINT).rstrip(b"\0").decode()  # type: ignore[union-attr]
        return f"{self._holder}{plain}"

    def receive_now(self) -> list[bytes] | None:
        """The frames of a message that is there, else None."""
        return self._receive(zmq.NOBLOCK)

    def receive_soon(self) -> list[bytes] | None:
        """The frames of a message that is there or comes within two milliseconds, else None; this thread does
        nothing else meanwhile."""
        return self._receive(0)

    async def receive(self) -> list[bytes]:
        """The frames of the next message."""
        while True:
            # in lockstep it is never far, and going to sleep in libzmq takes half as long as in trio
            frames = self.receive_soon()
            if frames is not None:
                return frames
            await self.stir()

    async def stir(self) -> None:
        """Wait until something may have come; nothing was there when last looked."""
        await trio.lowlevel.wait_readable(self._descriptor)

    def _receive(self, flags: int) -> list[bytes] | None:
        try:
            if not self._holder:
                return self._raw.recv_multipart(flags)
            frames: list[Any] = self._raw.recv_multipart(flags, copy=False)
        except zmq.Again:
            return None
        self.sender = str(frames[0].get("User-Id"))
        return [frame.bytes for frame in frames]

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


class Meeting:
    """Whether a connected socket has met its peer, to tell an absent peer from one that refuses us."""

    def __init__(self, raw: zmq.Socket[bytes]) -> None:
        self.events = raw.get_monitor_socket(_MET | _FAILED)
        self._why = "nobody answers there"

    def wait(self, timeout_s: float) -> str:
        """Empty once they have met, else why not: the first failure, or nobody there for `timeout_s`."""
        if self._why and self.events.poll(int(timeout_s * 1000)):
            event = int(parse_monitor_message(self.events.recv_multipart())["event"])
            if event == _MET:
                self._why = ""
            elif event == zmq.Event.HANDSHAKE_FAILED_AUTH:
                self._why = "our key is refused there"
            else:
                self._why = "the key there is not the one we know, or there is none"
        return self._why


def _pinned(address: str) -> str:
    """The two ends of a connection must mean the same by localhost, which may resolve to several
    addresses."""
    return address.replace("tcp://localhost:", "tcp://127.0.0.1:", 1)
