"""Programs that block, on the runtime of programs that await.

A program in another style runs in a greenlet of its own, and calls plain functions. Where one of them has
to wait, `Guest.wait(awaitable)` hands over what is to be awaited to the native program around it, which
awaits it on simulated time and comes back with the value, or with the error. So blocking programs are
deterministic, and need no threads.

    async def main(node):                       # a native program, as `cnpu` runs them
        guest = Guest(node)
        await guest.run(body)                   # body() is plain Python; inside of it:

        value = current().wait(node.socket("bob").recv())
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

from greenlet import GreenletExit, getcurrent, greenlet

from cnpu.node import Node
from cnpu.program import Program
from qnos.compat.chance import Chances
from qruntime.errors import ProgramError

_EXITS: Final = 16  # times that an abandoned program is told to exit before it is given up


class _Body(greenlet):  # type: ignore[misc]
    """The greenlet of a guest."""

    def __init__(self, function: Callable[[], Any], guest: Guest) -> None:
        super().__init__(function)
        self.guest = guest


class Guest:
    """One blocking program on a native node.

    With `chances` it has random states of its own, which nothing else draws from. `place` is for the style of
    the program: what its calls need to know of where they are.
    """

    __slots__ = ("_body", "_chances", "node", "place")

    def __init__(self, node: Node, chances: Chances | None = None) -> None:
        self.node = node
        self.place: Any = None
        self._chances = chances
        self._body: _Body | None = None

    @property
    def program(self) -> Program:
        """The native program around it."""
        return self.node.program

    async def run(self, function: Callable[[], Any]) -> Any:
        """Call `function` in a greenlet; what it returns. An error of its own comes out as it is.

        If this coroutine is closed the function is told to exit where it waits.
        """
        body = self._body = _Body(function, self)
        value: Any = None
        error: Exception | None = None
        try:
            while True:
                asked = self._go_on(body, value, error)
                if body.dead:
                    return asked
                value = error = None
                try:
                    value = await asked
                except Exception as trouble:
                    error = trouble
        finally:
            self._end(body)

    def _go_on(self, body: _Body, value: Any, error: Exception | None) -> Any:
        """Let the program run until it waits or ends; what it waits for, or returns."""
        body.parent = getcurrent()
        if self._chances is not None:
            self._chances.enter(f"{self.program.session}/{self.node.role}")
        if error is not None:
            return body.throw(error)
        return body.switch(value) if body else body.switch()

    def _end(self, body: _Body) -> None:
        for _ in range(_EXITS):
            if body.dead or not body:
                return
            body.parent = getcurrent()
            with suppress(Exception):
                asked = body.throw(GreenletExit)
                if hasattr(asked, "close"):
                    asked.close()

    def wait(self, awaitable: Awaitable[Any]) -> Any:
        """Wait for anything that a native program may await; called by the program itself."""
        body = getcurrent()
        if not isinstance(body, _Body) or body is not self._body:
            if hasattr(awaitable, "close"):
                awaitable.close()
            raise ProgramError("only a program that runs can wait, and each only for itself")
        return body.parent.switch(awaitable)


def current() -> Guest | None:
    """The program that runs, None if none does."""
    body = getcurrent()
    return body.guest if isinstance(body, _Body) else None
