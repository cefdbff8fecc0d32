"""The gate of a process: decides which keys may connect to its CURVE sockets, and logs who was turned away.

libzmq asks it, by the ZeroMQ authentication protocol (RFC 27), for each connection before a message of that
connection is seen. It answers from a thread of its own, so a busy process keeps nobody waiting, and ends
when the context is terminated. Without it libzmq would let every key in, so it is there before any CURVE
socket is bound.
"""

from __future__ import annotations

import logging
from threading import Thread

import zmq
from zmq.utils.monitor import parse_monitor_message

from qruntime.keys import Keyring, show_public

_ZAP = "inproc://zeromq.zap.01"
_LOGGED = 100  # different strangers that are logged; the others are only counted
_BROKEN = zmq.Event.HANDSHAKE_FAILED_PROTOCOL | zmq.Event.HANDSHAKE_FAILED_NO_DETAIL

_log = logging.getLogger("qnos.gate")


class Gate:
    """Answers for `keyring`.

    `refused` counts connections turned away.
    """

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], keyring: Keyring) -> None:
        self.refused = 0
        self._context = context
        self._keyring = keyring
        self._strangers: dict[str, None] = {}
        self._questions = context.socket(zmq.REP)
        self._questions.bind(_ZAP)
        Thread(target=self._answer_questions, name="gate", daemon=True).start()

    def watch(self, raw: zmq.Socket[bytes]) -> None:
        """Log as well who does not get as far as a key: no CURVE at all, or made for another server."""
        events = raw.get_monitor_socket(int(_BROKEN))
        Thread(target=self._follow, args=(events,), name="gate events", daemon=True).start()

    def _answer_questions(self) -> None:
        try:
            while True:
                self._questions.send_multipart(self._answer(self._questions.recv_multipart()))
        except zmq.ContextTerminated:
            self._questions.close(0)

    def _answer(self, question: list[bytes]) -> list[bytes]:
        """Reply to [version, request, domain, address, identity, mechanism, key]."""
        version, request, _, address, _, mechanism, *credentials = question
        caller = None
        if mechanism == b"CURVE" and len(credentials) == 1:
            caller = self._keyring.caller_of(credentials[0])
        if caller is not None:
            return [version, request, b"200", b"", caller.encode(), b""]
        key = show_public(credentials[0]) if credentials else "no key"
        self._turn_away(f"{key} from {address.decode(errors='replace')}, which is not in the allow list")
        return [version, request, b"400", b"key not allowed", b"", b""]

    def _follow(self, events: zmq.Socket[bytes]) -> None:
        try:
            while True:
                message = parse_monitor_message(events.recv_multipart())
                if message["event"] == zmq.Event.MONITOR_STOPPED:
                    break
                self._turn_away("a connection without our public key, or without any")
        except zmq.ContextTerminated:
            pass
        events.close(0)

    def _turn_away(self, who: str) -> None:
        self.refused += 1
        if who not in self._strangers and len(self._strangers) < _LOGGED:
            self._strangers[who] = None
            _log.warning("%s turned away: %s", self._keyring.name, who)
