"""Who is still there: connections that tell when the process at their other end is gone, and the lifeline
that ties processes to the one that started them.

libzmq's own thread answers the pings of a watched connection, whatever the program above it does. So a
process that computes for minutes is alive, one that was killed is gone at once (its end of the connection
closes), and one that was stopped, or whose host is out of reach, is gone after `SILENCE_S`.

Watch(sockets, address)        whether the process that listens there is gone
bound_to(watch, name)          this process ends when the other one is gone
Lifeline, hold_lifeline()      the same between a launcher and what it starts
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import zmq
from zmq.utils.monitor import recv_monitor_message

from qruntime.sockets import Sockets

PING_S: Final = 0.5  # between two pings of a connection on which nothing else moves
SILENCE_S: Final = 2.0  # without an answer to a ping; a busy machine may keep a process waiting for a while
ORPHANED: Final = 3  # exit status of a process that ended because another one is gone
_GONE: Final = int(zmq.Event.DISCONNECTED)
_REFUSED: Final = int(
    zmq.Event.HANDSHAKE_FAILED_AUTH
    | zmq.Event.HANDSHAKE_FAILED_PROTOCOL
    | zmq.Event.HANDSHAKE_FAILED_NO_DETAIL
)  # followed by a disconnection of their own
_GRACE_S: Final = 1.0  # for the word to leave, which comes on another connection than the news of its end
_LIFELINE: Final = "QNOS_LIFELINE"  # environment variable: the descriptor of the lifeline's reading end


class Watch:
    """A connection of its own to `address` that carries nothing but pings; belongs to one task, or `wait`
    to one thread.

    `stop` must be called before the sockets are closed.
    """

    def __init__(self, sockets: Sockets, address: str) -> None:
        # pings only here: a terminal that was stopped with Ctrl-Z still finds its results
        defaults = sockets._context
        defaults.setsockopt(zmq.HEARTBEAT_IVL, round(PING_S * 1000))
        defaults.setsockopt(zmq.HEARTBEAT_TIMEOUT, round(SILENCE_S * 1000))
        try:
            self._raw = sockets.connect(zmq.PUSH, address)._raw
        finally:
            defaults.setsockopt(zmq.HEARTBEAT_IVL, 0)
        self._monitor = self._raw.get_monitor_socket(_REFUSED | _GONE | zmq.Event.MONITOR_STOPPED)
        self._refused = False
        self._gone = False

    def is_gone(self) -> bool:
        """Whether there was a process at the other end, and is none any more."""
        with suppress(zmq.Again):
            while not self._gone:
                self._gone = self._next(zmq.NOBLOCK) == _GONE
        return self._gone

    def wait(self) -> bool:
        """Wait until the process at the other end is gone (True), or until `interrupt` is called (False)."""
        return self._next(0) == _GONE

    def interrupt(self) -> None:
        """Make `wait`, in its thread, return."""
        self._raw.disable_monitor()

    def stop(self) -> None:
        """Watch no longer."""
        self._raw.disable_monitor()
        self._monitor.close(0)
        self._raw.close(0)

    def _next(self, flags: int) -> int:
        """The next event but for those of an attempt that a wrong key, say, brought to nothing: nobody was
        there yet."""
        while True:
            event = int(recv_monitor_message(self._monitor, flags)["event"])
            if event & _REFUSED:
                self._refused = True
            elif event == _GONE and self._refused:
                self._refused = False
            else:
                return event


@contextmanager
def bound_to(watch: Watch, name: str) -> Iterator[None]:
    """Within the context this process ends when the watched process `name` is gone, whatever else it is
    doing."""
    left = threading.Event()

    def guard() -> None:
        if watch.wait() and not left.wait(_GRACE_S):
            _end(f"{name} is gone, so this process ends")

    thread = threading.Thread(target=guard, daemon=True)
    thread.start()
    try:
        yield
    finally:
        left.set()
        watch.interrupt()
        thread.join()
        watch.stop()


class Lifeline:
    """The launcher's end of a pipe: while it is open, the processes started with `options()` may live.

    The operating system closes it when the launcher ends, however that comes about.
    """

    def __init__(self) -> None:
        self._reading, self._writing = os.pipe()

    def options(self) -> dict[str, Any]:
        """What `subprocess.Popen` needs to tie a process to us."""
        return {"pass_fds": (self._reading,), "env": os.environ | {_LIFELINE: str(self._reading)}}

    def release(self, processes: int) -> None:
        """Let that many processes stay when we end."""
        os.write(self._writing, b"." * processes)

    def close(self) -> None:
        """Let go: processes that were not released end."""
        os.close(self._reading)
        os.close(self._writing)


def hold_lifeline() -> None:
    """End this process when its launcher is gone, unless the launcher lets it stay or never asked for
    this."""
    given = os.environ.pop(_LIFELINE, None)
    if given is None:
        return
    descriptor = int(given)

    def hold() -> None:
        # each process takes one byte of a release
        if not os.read(descriptor, 1):
            _end("the launcher is gone, so this process ends")
        os.close(descriptor)

    threading.Thread(target=hold, daemon=True).start()


def _end(why: str) -> None:
    """End at once: the main thread may be in a program that never comes back."""
    with suppress(OSError):
        os.write(2, f"{why}\n".encode())
    os._exit(ORPHANED)
