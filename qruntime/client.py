"""The caller's end of a network of processes: orders runs, takes finished shots."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import trio
import zmq

from qruntime.actors import Message
from qruntime.control import (
    ControlMessage,
    Leave,
    Run,
    RunDone,
    ShotDone,
    ShotTrace,
    decode_control,
    encode_control,
)
from qruntime.errors import NodeDown, error_of
from qruntime.keys import LOCAL, Guard
from qruntime.sockets import Sockets
from qruntime.trace import Record
from qruntime.watch import Watch

_LOOK_S = 0.2  # how often the caller looks whether all processes live


class Client:
    """Listens at `address` and speaks to the world at `world_address`."""

    def __init__(self, address: str, world_address: str, guard: Guard = LOCAL) -> None:
        self._sockets = Sockets(guard)
        self._inbox = self._sockets.bind(zmq.PULL, address)
        self._world = self._sockets.connect(zmq.PUSH, world_address, watched=True)
        self._world_address = world_address
        self._runs = 0  # ordered and not answered to the end
        self._heed_s = 0.0  # when to heed a Ctrl-C next
        self._watch = Watch(self._sockets, world_address)

    @property
    def address(self) -> str:
        """Where answers come."""
        return self._inbox.address

    def meet(self, timeout_s: float) -> None:
        """Wait until the network's world is there and lets us in.

        Raises `NodeDown` that says why not, after `timeout_s` if it is not there.
        """
        assert self._world.meeting is not None
        why = self._world.meeting.wait(timeout_s)
        if why:
            raise NodeDown(f"no network at {self._world_address}: {why}", process="world")

    def ask(
        self, question: Message, timeout_s: float | None, look: Callable[[], None] | None = None
    ) -> ControlMessage:
        """The answer to a question whose `reply_to` is our address.

        Raises `NodeDown` if none comes within `timeout_s` (None: wait as long as it takes), and as soon as
        the world is gone; `look` is called every now and then and may raise to end the waiting.
        """
        return trio.run(self._ask, question, timeout_s, look)

    def run(
        self,
        order: Run,
        on_shot: Callable[[ShotDone], None],
        look: Callable[[], None],
        beside: Sequence[Callable[[], Awaitable[None]]] = (),
    ) -> RunDone:
        """Order a run, hand over its shots in order, return when it is over.

        `look` is called every now and then and raises if a process is gone. Raises the fault of a run that
        could not be finished. `beside` is done meanwhile in this process, and ended with the run; what one of
        them raises ends the run.
        """
        if not beside:
            return trio.run(self._run, order, on_shot, look)
        try:
            return trio.run(self._run_beside, order, on_shot, look, beside)
        except BaseExceptionGroup as group:
            if group.subgroup(KeyboardInterrupt) is None:
                raise
            raise KeyboardInterrupt from None

    async def _run_beside(
        self,
        order: Run,
        on_shot: Callable[[ShotDone], None],
        look: Callable[[], None],
        beside: Sequence[Callable[[], Awaitable[None]]],
    ) -> RunDone:
        done: list[RunDone] = []
        failed: list[BaseException] = []
        async with trio.open_nursery() as nursery:

            async def work(task: Callable[[], Awaitable[None]]) -> None:
                try:
                    await task()
                except trio.Cancelled:
                    raise
                except BaseException as error:  # as it is, not in a group
                    failed.append(error)
                    nursery.cancel_scope.cancel()

            async def run() -> None:
                done.append(await self._run(order, on_shot, look))
                nursery.cancel_scope.cancel()

            for task in beside:
                nursery.start_soon(work, task)
            nursery.start_soon(work, run)
        if failed:
            raise failed[0]
        return done[0]

    def leave(self) -> None:
        """Ask the network to end."""
        self._world.send([encode_control(Leave())])

    def close(self) -> None:
        """Close the sockets."""
        self._watch.stop()
        self._sockets.close()

    async def _ask(
        self, question: Message, timeout_s: float | None, look: Callable[[], None] | None
    ) -> ControlMessage:
        self._world.send([encode_control(question)])
        with trio.move_on_after(float("inf") if timeout_s is None else timeout_s):
            return await self._next(look)
        raise NodeDown(f"the network did not answer within {timeout_s:g} s", process="world")

    async def _next(self, look: Callable[[], None] | None) -> ControlMessage:
        """What the world says next.

        Raises `NodeDown` if it is gone.
        """
        while True:
            await self._heed()
            with trio.move_on_after(_LOOK_S):
                (frame,) = await self._inbox.receive()
                return decode_control(frame)
            if look is not None:
                look()
            if self._watch.is_gone():
                raise NodeDown("process world is gone, or gives no sign of life", process="world")

    async def _heed(self) -> None:
        """Notice a Ctrl-C however busy the world keeps us.

        One that comes while trio itself is at work waits for a checkpoint, and there is none as long as
        there always is another message.
        """
        now_s = trio.current_time()
        if now_s >= self._heed_s:
            self._heed_s = now_s + _LOOK_S
            await trio.lowlevel.checkpoint()

    async def _run(
        self, order: Run, on_shot: Callable[[ShotDone], None], look: Callable[[], None]
    ) -> RunDone:
        self._heed_s = trio.current_time()  # which begins anew with every run of trio
        given_up, self._runs = self._runs, self._runs + 1  # answers to those come first
        self._world.send([encode_control(order)])
        early: tuple[Record, ...] = ()
        while True:
            message = await self._next(look)
            if given_up:
                given_up -= isinstance(message, RunDone)
            elif isinstance(message, ShotTrace):
                early += message.records
            elif isinstance(message, ShotDone):
                on_shot(ShotDone(message.shot, message.ended, early + message.records))
                early = ()
            elif isinstance(message, RunDone):
                self._runs = 0
                if message.fault is not None:
                    raise error_of(message.fault)
                return message
