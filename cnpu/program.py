"""A running program: its clock, its tasks, its subroutines.

The clock runs ahead of the event that woke the program by what computing costs; effects leave with that much
more delay, so costs need no timers. `run` drives the tasks until all of them wait. Whatever a program raises,
but for a KeyboardInterrupt, ends that program only, and so does going on for ever without time passing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Coroutine
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from cnpu.builder import Builder
from cnpu.checks import with_article
from cnpu.compiled import Compiled
from cnpu.ending import explained, result_of
from cnpu.launch import Launch
from cnpu.node import Node
from cnpu.source import app_traceback, awaiting
from cnpu.submitted import SETTLED, Submitted
from cnpu.tasks import Asking, Park, Ready, Task, cancel, parks, waiting_for
from qruntime.actors import Emit, Message, Send, Wait
from qruntime.errors import Fault, LimitError, ProgramError, QnosError
from qruntime.inspection import Inspect, Inspected, Picture
from qruntime.limits import PROGRAM_RESUMES, PROGRAM_TASKS, SUBROUTINES_QUEUED, ZERO_WAIT_RESUMES
from qruntime.messages import (
    Done,
    Memory,
    ReadMemory,
    Submit,
)
from qruntime.values import normalise

if TYPE_CHECKING:
    from cnpu.routes import Routes
    from cnpu.runtime import Cnpu


class Program:
    """One program of a CNPU from its start to its end.

    `clock_ns` is its own time, never before the event it is woken by.
    """

    __slots__ = (
        "_asked",
        "_counted_ns",
        "_ended",
        "_endless",
        "_failed",
        "_main",
        "_outstanding",
        "_ready",
        "_resumes",
        "_submitted",
        "_tasks",
        "builder",
        "clock_ns",
        "cnpu",
        "launch",
        "log",
        "pid",
        "questions",
        "role",
        "routes",
        "sends",
        "session",
        "started_ns",
    )

    def __init__(self, cnpu: Cnpu, launch: Launch, routes: Routes, pid: int) -> None:
        self.cnpu = cnpu
        self.launch = launch
        self.routes = routes
        self.pid = pid
        self.session = launch.session
        self.role = launch.role
        self.started_ns = self.clock_ns = cnpu.now_ns
        self.log: list[tuple[int, str]] = []
        self.builder = Builder(launch.flavour)
        self._main: Task | None = None
        self._ready: Ready = deque()
        self._tasks = 0
        self.sends = 0  # messages since the program was last woken
        self._counted_ns = self.clock_ns
        self._resumes = 0  # in the nanosecond `_counted_ns`
        self._endless: ProgramError | None = None  # what it was told about going on in that nanosecond
        self._submitted = 0
        self._outstanding: dict[int, Submitted] = {}
        self._failed: list[Submitted] = []  # aborted, and not as a consequence of an earlier one
        self.questions: dict[int, Asking] = {}
        self._asked = 0
        self._ended = False

    # --- life -------------------------------------------------------------------------------------

    def start(self) -> None:
        """Call the program's function and run it until it waits."""
        launch = self.launch
        try:
            inputs = {name: normalise(value, f"input {name}") for name, value in launch.inputs.items()}
            coroutine: Any = launch.main(Node(self), **inputs)
            if coroutine.__class__ is not CoroutineType and not isinstance(coroutine, Coroutine):
                raise ProgramError(
                    f"the program of role {launch.role} is no coroutine function; write it as `async def`"
                )
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            self._finish(None, error)
            return
        self._main = main = Task(coroutine, None, 0)
        self._ready.append((main, None, None))
        self.run()

    def run(self) -> None:
        """Drive the tasks that can go on, in the order in which they were woken."""
        now_ns = self.cnpu.now_ns
        if self.clock_ns < now_ns:
            self.clock_ns = self._counted_ns = now_ns
            self._resumes = 0
            self._endless = None
        self.sends = 0
        ready = self._ready
        while ready:
            task, value, error = ready.popleft()
            if task.over:
                continue
            self._resumes += 1
            if self._resumes > PROGRAM_RESUMES and self._loops(task):
                if self._endless is not None:
                    self._give_up(self._endless)
                    return
                self._endless = error = _endless(task, self.clock_ns)
            park = None
            try:
                if error is None:
                    park = task.coroutine.send(value)
                else:
                    park = task.coroutine.throw(error)
            except StopIteration as stop:
                value, error = stop.value, None
            except KeyboardInterrupt:
                raise
            except BaseException as trouble:
                value, error = None, trouble
            else:
                if isinstance(park, Park) and park.program is self:
                    park.task = task
                    task.park = park
                else:
                    ready.appendleft((task, None, self._foreign(task, park)))
                continue
            self._over(task, value, error)  # out here: what it raises shall not have the above as context
            error = None  # its traceback leads to this frame
        if self.cnpu.tracing and self._main is not None and not self._ended:
            self.emit("PROGRAM_WAITS", *waiting_for(self._main))

    def begin(self, tasks: list[Task]) -> None:
        """New tasks that run as soon as the present one waits."""
        self._tasks += len(tasks)
        if self._tasks > PROGRAM_TASKS:
            for task in tasks:
                task.coroutine.close()
            self._tasks -= len(tasks)
            raise LimitError(f"more than {PROGRAM_TASKS} tasks of one program at a time")
        for task in tasks:
            self._ready.append((task, None, None))

    def end_tasks(self, number: int) -> None:
        """So many tasks are over."""
        self._tasks -= number

    def wake(self, park: Park, value: Any, error: BaseException | None) -> None:
        """The task that waits in `park` goes on with `value`, or with `error` raised at its await."""
        task = park.task
        task.park = None
        self._ready.append((task, value, error))

    def resume(self, park: Park, value: Any, error: BaseException | None) -> None:
        """Wake a task and run."""
        self.wake(park, value, error)
        self.run()

    def throw(self, error: QnosError) -> None:
        """Raise `error` where the program waits, in the oldest task that does."""
        blocked = self.blocked()
        if not blocked:
            return
        blocked[0].disarm()
        self.resume(blocked[0], None, error)

    def blocked(self) -> list[Park]:
        """All that the program waits for."""
        return parks(self._main) if self._main is not None and not self._ended else []

    def wait(self) -> Wait | None:
        """Why the program does not go on, in one line."""
        blocked = self.blocked()
        if not blocked:
            return None
        # A deadlock report needs to know of a wait that only others can end.
        first = next((park for park in blocked if park.kind != "timer"), blocked[0])
        what = " and ".join(dict.fromkeys(park.what() for park in blocked))
        who = f"{self.role}, session {self.session}"
        return Wait(self.cnpu.name, self.pid, self.started_ns, first.kind, f"{what} ({who})")

    def abandon(self) -> None:
        """The shot is over: close what is still suspended."""
        self._ended = True
        if self._main is not None:
            cancel(self._main)
        for task, _, _ in self._ready:
            cancel(task)

    # --- time and effects -------------------------------------------------------------------------

    def spend(self, cost_ns: int) -> None:
        """Compute for so long."""
        if not cost_ns:
            return
        self.clock_ns = self.cnpu.compute(self.clock_ns, cost_ns)

    def set_timer(self, at_ns: int, park: Park) -> int:
        """Call `park.expired()` at `at_ns`; returns the timer's name."""
        cnpu = self.cnpu
        if at_ns <= cnpu.now_ns:
            self._resumes += ZERO_WAIT_RESUMES - 1
        return cnpu.set_timer(at_ns, park)

    def send(self, actor: str, message: Message, latency_ns: int) -> None:
        """A message leaves at the program's time."""
        cnpu = self.cnpu
        cnpu.effects.append(Send(actor, message, self.clock_ns - cnpu.now_ns + latency_ns))

    def post(self, role: str, message: Message) -> None:
        """A message for the program of another role of the session."""
        actor, latency_ns = self.routes.classical(role)
        if actor:
            self.send(actor, message, latency_ns)
        else:
            self.cnpu.deliver_here(message, self.clock_ns)

    def emit(self, event: str, *data: int | str) -> None:
        """A trace record at the program's time; call it only while tracing."""
        self.cnpu.effects.append(Emit(self.clock_ns, "cnpu", event, self.pid, data))

    # --- subroutines ------------------------------------------------------------------------------

    def submit(self) -> Submitted:
        """Send what the SDK calls emitted since the last time."""
        if not self.builder.pending:
            return Submitted(self, SETTLED, None)
        compiled = self.builder.finish()
        return self.submit_code(compiled.code, compiled)

    def submit_code(self, code: bytes, compiled: Compiled | None = None) -> Submitted:
        """Send the bytes of a subroutine."""
        if len(self._outstanding) >= SUBROUTINES_QUEUED:
            raise LimitError(f"more than {SUBROUTINES_QUEUED} subroutines of one program on their way")
        cnpu = self.cnpu
        number = self._submitted
        self._submitted = number + 1
        settings = cnpu.settings
        if cnpu.tracing:
            self.emit("SUBROUTINE_SEND_ATTEMPT", number)
        self.spend(settings.submit_ns if number else settings.submit_first_ns)
        if cnpu.tracing:
            self.emit("SUBROUTINE_SENT", number)
        submitted = Submitted(self, number, compiled)
        self._outstanding[number] = submitted
        self.send(cnpu.qnpu, Submit(self.pid, number, code), cnpu.qnpu_latency_ns)
        return submitted

    def done(self, result: Done) -> None:
        """A subroutine is done."""
        submitted = self._returned(result.subroutine)
        if submitted is not None:
            submitted.settle(result)
            self._wake_waiting(submitted)

    def aborted(self, number: int, fault: Fault) -> None:
        """A subroutine was refused or aborted."""
        submitted = self._returned(number)
        if submitted is None:
            return
        submitted.fail(fault, self._failed[-1] if self._failed else None)
        if submitted.root is None:
            self._failed.append(submitted)
        self._wake_waiting(submitted)

    def _returned(self, number: int) -> Submitted | None:
        submitted = self._outstanding.pop(number, None)
        if submitted is not None and self.cnpu.tracing:
            cnpu = self.cnpu
            at_ns = max(self.clock_ns, cnpu.now_ns)
            cnpu.effects.append(Emit(at_ns, "cnpu", "RESULT_RCVD", self.pid, (number,)))
        return submitted

    def _wake_waiting(self, submitted: Submitted) -> None:
        for park in submitted.waiting:
            self.wake(park, None, None)
        submitted.waiting.clear()
        self.run()

    # --- for runtimes of programs that were not written for ours -------------------------------------------

    async def read_memory(self, registers: tuple[int, ...], arrays: tuple[int, ...]) -> Memory:
        """Registers (by register byte) and arrays (by address) as they are, when no subroutine runs."""
        answer: Memory = await self._ask(ReadMemory(self.pid, self._asked, registers, arrays))
        return answer

    async def inspect(self, scope: int, qubits: tuple[int, ...]) -> tuple[Picture, ...]:
        """States of virtual qubits; `ProgramError` with the reason if they are not to be had."""
        answer: Inspected = await self._ask(Inspect(self.pid, self._asked, scope, qubits))
        if answer.refusal:
            raise ProgramError(f"the state cannot be shown: {answer.refusal}")
        return answer.pictures

    async def _ask(self, question: ReadMemory | Inspect) -> Any:
        self._asked += 1
        self.send(self.cnpu.qnpu, question, self.cnpu.qnpu_latency_ns)
        return await Asking(self, question.ref)

    def answered(self, message: Memory | Inspected) -> None:
        """The QNPU answers a question."""
        asking = self.questions.pop(message.ref, None)
        if asking is not None:
            self.resume(asking, message, None)

    def renew(
        self, app: str, max_qubits: int, first_socket: int, sockets: tuple[tuple[int, int, int, int], ...]
    ) -> None:
        """Go on as a new process of the QNPU, with nothing of the old one's memory, qubits and requests.

        `sockets` are as in *register*. What was sent to other programs is not touched. Nobody may be waiting
        for a subroutine of the old one; those that are on their way end with it.
        """
        assert not any(submitted.waiting for submitted in self._outstanding.values())
        self._outstanding.clear()
        self._failed.clear()
        self._submitted = 0
        self.cnpu.renew(self, app, max_qubits, first_socket, sockets)

    # --- the end ----------------------------------------------------------------------------------

    def _over(self, task: Task, value: Any, error: BaseException | None) -> None:
        task.over = True
        parent = task.parent
        if parent is not None:
            self._tasks -= 1
            parent.done(task, value, error)
        elif error is None and (self.builder.pending or self._outstanding or self._failed):
            self._main = main = Task(self._settle(value), None, 0)
            self._ready.append((main, None, None))
        else:
            self._finish(value, error)

    async def _settle(self, value: Any) -> Any:
        """A program that returned ends when all it emitted was run, so that returned futures have values."""
        failed, self._failed = self._failed, []
        for submitted in failed:
            if not submitted.heard:
                await submitted
        if self.builder.pending:
            self.submit()
        for submitted in list(self._outstanding.values()):
            await submitted
        return value

    def _finish(self, value: Any, error: BaseException | None) -> None:
        result: dict[str, Any] = {}
        main = self.launch.main
        if error is None:
            try:
                result = result_of(value, main)
            except KeyboardInterrupt:
                raise
            except BaseException as trouble:
                error = trouble
        self._ended = True
        if error is None:
            self.cnpu.program_ended(self, result, None, "")
        else:
            self.cnpu.program_ended(self, result, explained(error, main), app_traceback(error, main))

    def _loops(self, task: Task) -> bool:
        """Whether `task` is to blame for resumes beyond the limit."""
        if self.clock_ns != self._counted_ns:
            self._counted_ns = self.clock_ns
            self._resumes = 1
            self._endless = None
            return False
        begun: bool = getattr(task.coroutine, "cr_suspended", True)
        return begun  # one that has not is the doing of another

    def _give_up(self, error: ProgramError) -> None:
        """It was told that it loops, and goes on."""
        assert self._main is not None
        cancel(self._main)
        self._ready.clear()
        self._finish(None, error)

    def _foreign(self, task: Task, awaited: Any) -> ProgramError:
        """The error for a coroutine that awaits what is not ours."""
        if isinstance(awaited, Park):
            awaited.disarm()
            what = "something of another program"
        else:
            kind = type(awaited).__qualname__
            what = with_article(kind) if awaited is not None else "something foreign"
        place = awaiting(task.coroutine)
        at = f"{place} awaits " if place is not None else "the program awaits "
        data: dict[str, int | str] = {"file": place.file, "line": place.line} if place is not None else {}
        return ProgramError(f"{at}{what}; a program can await only what `node` offers", **data)


def _endless(task: Task, clock_ns: int) -> ProgramError:
    """The error for a program that goes on and on in one nanosecond."""
    place = awaiting(task.coroutine)
    at = f"{place}: " if place is not None else ""
    data: dict[str, int | str] = {"file": place.file, "line": place.line} if place is not None else {}
    return ProgramError(
        f"{at}the program loops without simulated time passing, at {clock_ns} ns; allowed are "
        f"{PROGRAM_RESUMES} resumes in one nanosecond, of which a wait of 0 ns counts as {ZERO_WAIT_RESUMES}",
        **data,
    )
