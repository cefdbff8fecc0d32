"""The caller's end of a network of processes: orders runs, takes finished shots."""

from __future__ import annotations

from collections.abc import Callable

import trio
import zmq

from qruntime.actors import Message
from qruntime.control import (
    ControlMessage,
    Leave,
    Run,
    RunDone,
    ShotDone,
    decode_control,
    encode_control,
)
from qruntime.errors import NodeDown, error_of
from qruntime.sockets import Sockets

_LOOK_S = 0.2  # how often the caller looks whether all processes live


class Client:
    """Listens at `address` and speaks to the world at `world_address`."""

    def __init__(self, address: str, world_address: str) -> None:
        self._sockets = Sockets()
        self._inbox = self._sockets.bind(zmq.PULL, address)
        self._world = self._sockets.connect(zmq.PUSH, world_address)

    @property
    def address(self) -> str:
        """Where answers come."""
        return self._inbox.address

    def ask(self, question: Message, timeout_s: float | None) -> ControlMessage:
        """The answer to a question whose `reply_to` is our address.

        Raises `NodeDown` if none comes within `timeout_s` (None: wait as long as it takes).
        """
        return trio.run(self._ask, question, timeout_s)

    def run(self, order: Run, on_shot: Callable[[ShotDone], None], look: Callable[[], None]) -> RunDone:
        """Order a run, hand over its shots in order, return when it is over.

        `look` is called every now and then and raises if a process is gone. Raises the fault of a run that
        could not be finished.
        """
        return trio.run(self._run, order, on_shot, look)

    def leave(self) -> None:
        """Ask the network to end."""
        self._world.send([encode_control(Leave())])

    def close(self) -> None:
        """Close the sockets."""
        self._sockets.close()

    async def _ask(self, question: Message, timeout_s: float | None) -> ControlMessage:
        self._world.send([encode_control(question)])
        with trio.move_on_after(float("inf") if timeout_s is None else timeout_s):
            (frame,) = await self._inbox.receive()
            return decode_control(frame)
        raise NodeDown(f"the network did not answer within {timeout_s:g} s", process="world")

    async def _run(
        self, order: Run, on_shot: Callable[[ShotDone], None], look: Callable[[], None]
    ) -> RunDone:
        self._world.send([encode_control(order)])
        while True:
            with trio.move_on_after(_LOOK_S) as patience:
                (frame,) = await self._inbox.receive()
            if patience.cancelled_caught:
                look()
                continue
            message = decode_control(frame)
            if isinstance(message, ShotDone):
                on_shot(message)
            elif isinstance(message, RunDone):
                if message.fault is not None:
                    raise error_of(message.fault)
                return message
