"""Tasks of a program and what they wait for.

A program begins as one task, a coroutine; `gather`, `first_of` and `timeout` make more. A task that awaits
yields a `Park` to the program that drives it (`program.py`) and goes on when the park is woken. A coroutine
that yields anything else awaits something foreign.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Coroutine, Generator
from typing import TYPE_CHECKING, Any

from qruntime.errors import ProgramError, ProgramTimeout

if TYPE_CHECKING:
    from cnpu.program import Program
    from cnpu.sockets import Mailbox
    from cnpu.submitted import Submitted


_EXITS = 16  # times that a cancelled task is told to exit before it is given up


class Task:
    """One coroutine of a program. `parent` is the join that waits for it, `index` its place in there."""

    __slots__ = ("coroutine", "index", "over", "parent", "park")

    def __init__(self, coroutine: Coroutine[Any, Any, Any], parent: Joining | None, index: int) -> None:
        self.coroutine = coroutine
        self.parent = parent
        self.index = index
        self.park: Park | None = None
        self.over = False


class Park(ABC):
    """Why a task does not go on. `await park` gives what it is woken with."""

    __slots__ = ("program", "task")

    program: Program
    task: Task  # set by the program when the park reaches it

    kind = ""  # as in `qruntime.actors.Wait`
    until_ns = -1  # when it goes on by itself

    def __await__(self) -> Generator[Park, Any, Any]:
        return (yield self)

    @abstractmethod
    def what(self) -> str:
        """What is waited for, to follow "waits for"."""

    @abstractmethod
    def disarm(self) -> None:
        """Nobody waits any more: whatever would wake this must forget it."""


class Sleeping(Park):
    """Until a time."""

    __slots__ = ("_timer", "until_ns")

    kind = "timer"

    def __init__(self, program: Program, at_ns: int) -> None:
        self.program = program
        self.until_ns = at_ns
        self._timer = program.set_timer(at_ns, self)

    def what(self) -> str:
        return f"{self.until_ns} ns"

    def expired(self) -> None:
        """The time has come."""
        self.program.resume(self, None, None)

    def disarm(self) -> None:
        self.program.cnpu.cancel_timer(self._timer)


class Receiving(Park):
    """Until a mailbox has a message, or `at_ns`, if that is not negative."""

    __slots__ = ("_mailbox", "_timer", "until_ns")

    kind = "message"

    def __init__(self, program: Program, mailbox: Mailbox, at_ns: int) -> None:
        self.program = program
        self._mailbox = mailbox
        self.until_ns = at_ns
        self._timer = program.set_timer(at_ns, self) if at_ns >= 0 else -1
        mailbox.waiting.append(self)

    @property
    def source(self) -> str:
        """The role from which a message is to come."""
        return self._mailbox.source

    def what(self) -> str:
        return f"a message from {self._mailbox.source}"

    def expired(self) -> None:
        """No message came in time."""
        self._mailbox.waiting.remove(self)
        error = ProgramTimeout(
            f"no message from {self._mailbox.source} until {self.until_ns} ns", peer=self._mailbox.source
        )
        self.program.resume(self, None, error)

    def disarm(self) -> None:
        self._mailbox.waiting.remove(self)
        self.forget_timer()

    def forget_timer(self) -> None:
        """A message is here in time."""
        if self._timer >= 0:
            self.program.cnpu.cancel_timer(self._timer)


class Completing(Park):
    """Until a subroutine is done or aborted."""

    __slots__ = ("_submitted",)

    kind = "subroutine"

    def __init__(self, program: Program, submitted: Submitted) -> None:
        self.program = program
        self._submitted = submitted
        submitted.waiting.append(self)

    @property
    def number(self) -> int:
        """Which subroutine of the program it is."""
        return self._submitted.number

    def what(self) -> str:
        return f"subroutine {self._submitted.number}"

    def disarm(self) -> None:
        self._submitted.waiting.remove(self)


class Asking(Park):
    """Until the QNPU answers a question."""

    __slots__ = ("ref",)

    kind = "subroutine"

    def __init__(self, program: Program, ref: int) -> None:
        self.program = program
        self.ref = ref
        program.questions[ref] = self

    def what(self) -> str:
        return "an answer of the QNPU"

    def disarm(self) -> None:
        self.program.questions.pop(self.ref, None)


class Joining(Park):
    """Until tasks are over: all of them, or the first with `only_first`, or a time limit.

    An error of one cancels the others. Wakes with the list of results, or with (index, result) of the first.
    """

    __slots__ = ("_limit_ns", "_only_first", "_results", "_timer", "_to_go", "children", "until_ns")

    def __init__(
        self,
        program: Program,
        coroutines: list[Coroutine[Any, Any, Any]],
        *,
        only_first: bool,
        limit_ns: int = -1,
    ) -> None:
        self.program = program
        self.children = [Task(coroutine, self, index) for index, coroutine in enumerate(coroutines)]
        self._results: list[Any] = [None] * len(coroutines)
        self._to_go = len(coroutines)
        self._only_first = only_first
        self._limit_ns = limit_ns
        self.until_ns = program.clock_ns + limit_ns if limit_ns >= 0 else -1
        self._timer = program.set_timer(self.until_ns, self) if limit_ns >= 0 else -1
        program.begin(self.children)

    def what(self) -> str:
        return "its tasks"

    def done(self, task: Task, value: Any, error: BaseException | None) -> None:
        """A child is over."""
        self._to_go -= 1
        if error is not None:
            self._end(None, error)
        elif self._only_first:
            self._end((task.index, value), None)
        else:
            self._results[task.index] = value
            if not self._to_go:
                self._end(self._results, None)

    def expired(self) -> None:
        """The time limit ran out."""
        self._timer = -1
        self._end(None, ProgramTimeout(f"not done within {self._limit_ns} ns"))
        self.program.run()

    def disarm(self) -> None:
        self._forget_timer()
        self._cancel()

    def _end(self, value: Any, error: BaseException | None) -> None:
        self._forget_timer()
        trouble = self._cancel()
        self.program.wake(self, value, error or trouble)

    def _forget_timer(self) -> None:
        if self._timer >= 0:
            self.program.cnpu.cancel_timer(self._timer)
            self._timer = -1

    def _cancel(self) -> BaseException | None:
        """End the children that are not over; the first error of their clean-up code."""
        first = None
        children, self.children = self.children, []  # no cycle is left for the collector
        for child in children:
            trouble = cancel(child)
            first = first or trouble
        return first


def cancel(task: Task) -> BaseException | None:
    """End a task where it awaits, with all it waits for; returns an error of its clean-up code.

    The coroutine gets GeneratorExit, so `finally` blocks run; they cannot await.
    """
    if task.over:
        return None
    task.over = True
    park, task.park = task.park, None
    if park is not None:
        park.disarm()
    if task.parent is not None:
        task.parent.program.end_tasks(1)
    trouble: BaseException | None = None
    for _ in range(_EXITS):
        try:
            awaited = task.coroutine.throw(GeneratorExit)
        except (GeneratorExit, StopIteration):
            return trouble
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            return error
        # `close` would lose what the clean-up code awaits, and with it a timer or a place in a queue.
        if isinstance(awaited, Park):
            awaited.disarm()
        trouble = ProgramError(
            "a cancelled task awaits in its clean-up code; only plain calls can be made there"
        )
    return trouble


def parks(task: Task) -> list[Park]:
    """What a task and its children wait for in the end, in the order of their making."""
    park = task.park
    if park is None:
        return []
    if isinstance(park, Joining):
        return [inner for child in park.children if not child.over for inner in parks(child)]
    return [park]


def waiting_for(task: Task) -> tuple[int, str, int]:
    """The first subroutine and the first role that a task and its children wait for, and the earliest time
    at which one of them goes on by itself; -1, "" and -1 where there is none."""
    subroutine, role, until_ns = -1, "", -1
    waiting = [task]
    while waiting:
        park = waiting.pop().park
        if park is None:
            continue
        if park.until_ns >= 0 and (until_ns < 0 or park.until_ns < until_ns):
            until_ns = park.until_ns
        if isinstance(park, Joining):
            waiting += [child for child in reversed(park.children) if not child.over]
        elif isinstance(park, Completing) and subroutine < 0:
            subroutine = park.number
        elif isinstance(park, Receiving) and not role:
            role = park.source
    return subroutine, role, until_ns


Ready = deque[tuple[Task, Any, BaseException | None]]
