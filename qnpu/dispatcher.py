"""The dispatcher: who has the processor, who wants it, and how it changes hands as the policy says."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING

from qnpu.netprocess import NetworkProcess
from qnpu.process import Process
from qnpu.registry import maker
from qnpu.scheduler import Schedulable, View
from qruntime.errors import ConfigError
from qruntime.limits import PROCESSES

if TYPE_CHECKING:
    from qnpu.main import Qnpu

CLOCK = "clock"  # the timer of the process that has the processor
_RECHECK = "recheck"  # the timer of a policy that wants to be asked again


_arrival = attrgetter("arrival")


class Dispatcher:
    """Keeps the ready list, in the order that `View` promises.

    `run(process, now)` is called when a process gets the processor.
    """

    def __init__(self, qnpu: Qnpu, run: Callable[[Process, int], None]) -> None:
        self._qnpu = qnpu
        self._run = run
        self._make = maker(qnpu.settings.scheduler, qnpu.settings.scheduler_options)
        self.occupied: Callable[[int, int], None] | None = None  # hears from when to when the processor was
        self.reset()

    def reset(self) -> None:
        """Nobody runs, nobody waits, and the policy is as new."""
        self.policy = self._make()
        self._preemptive = self.policy.preemptive
        self._told_arrived = getattr(self.policy, "arrived", None)
        self._told_left = getattr(self.policy, "left", None)
        self.running: Process | None = None
        self.ready: list[Schedulable] = []
        self._dispatched_ns = 0
        self._arrivals = 0
        self._recheck_ns = -1  # when the policy will be asked again; -1: when something happens

    def make_ready(self, process: Process) -> None:
        """A user process wants the processor."""
        process.arrival = self._arrivals
        self._arrivals += 1
        self.ready.append(process)
        if self._told_arrived is not None:
            self._told_arrived(process)
        if self._qnpu.tracing:
            self._qnpu.trace("scheduler", "SCHEDULER_ARRIVE_USER_PROCESS", process.pid)

    def network_ready(self, network: NetworkProcess) -> None:
        """The network process has work."""
        if network in self.ready:
            return
        network.arrival = self._arrivals
        self._arrivals += 1
        self.ready.insert(0, network)
        if self._told_arrived is not None:
            self._told_arrived(network)
        qnpu = self._qnpu
        if qnpu.tracing:
            qnpu.trace("scheduler", "SCHEDULER_ARRIVE_NET_PROCESS", -1)
            running = self.running
            if running is not None and not self._may_interrupt(running):
                qnpu.trace("scheduler", "SCHEDULER_HIGH_PRIO_PROCESS_WAITS_ON_LOWER_PRIO", -1, (running.pid,))

    def goes_on(self, now_ns: int) -> bool:
        """Whether the running process, which could not be interrupted until now, is to keep the processor.

        It has to be asked before it goes on: the next it does may be to await an outcome again.
        """
        return not (self._preemptive and self.schedule(now_ns))

    def schedule(self, now_ns: int) -> bool:
        """Let the policy say who has the processor, until nobody wants it or things are to stay.

        Gives whether somebody was displaced.
        """
        qnpu = self._qnpu
        recheck_ns: int | None = None
        displaced = 0
        while self.ready:
            running = self.running
            if running is not None and not self._may_interrupt(running):
                break
            answer = self.policy.decide(View(now_ns, running, self.ready))
            try:
                chosen, recheck_ns = answer
            except (TypeError, ValueError):
                what = f"answers {answer!r:.200}; allowed: a process or None, and a time or None"
                raise self._wrong(what, now_ns) from None
            if chosen is None or chosen is running:
                break
            recheck_ns = None  # whoever it was to be asked about has the processor now
            self._leave(chosen)
            if running is not None:
                displaced += 1
                if displaced > PROCESSES:
                    raise self._wrong("displaces one process by another without end", now_ns)
                self._preempt(running, chosen.is_network, now_ns)
            if isinstance(chosen, Process):
                self._dispatch(chosen, now_ns)
                continue
            assert isinstance(chosen, NetworkProcess)
            if qnpu.tracing:
                qnpu.trace("scheduler", "SCHEDULER_SCHEDULE_NET_PROCESS", -1)
                qnpu.trace("processor", "PROCESSOR_START_NET_PROCESS", -1)
            chosen.perform(now_ns)
            if qnpu.tracing:
                qnpu.trace("processor", "PROCESSOR_FINISH_NET_PROCESS", -1)
        if recheck_ns is not None or self._recheck_ns >= 0:
            self._ask_again(recheck_ns, now_ns)
        return displaced > 0

    def release(self, process: Process, now_ns: int) -> None:
        """The processor is free; the policy hears how long the process had it."""
        self._had_it(process, now_ns)
        self._qnpu.network.sharing.turn_over(process)

    @property
    def occupied_since_ns(self) -> int | None:
        """Since when the running process has had the processor; None if there is none."""
        return None if self.running is None else self._dispatched_ns

    def take_away(self, process: Process, now_ns: int) -> None:
        """A process that is to end or to be aborted leaves the processor or the ready list."""
        if process is self.running:
            self.release(process, now_ns)
            process.outcome_ref = -1
            process.outcome_entries.clear()
            process.clock_ns = 0
            self._qnpu.cancel_timer(CLOCK)
        elif process in self.ready:
            self._leave(process)
            self._qnpu.network.sharing.turn_over(process)

    def _may_interrupt(self, running: Process) -> bool:
        """Whether the policy may take the processor from it now."""
        return self._preemptive and running.outcome_ref < 0

    def _leave(self, process: Schedulable) -> None:
        try:
            self.ready.remove(process)
        except ValueError:
            what = f"chose process {process.pid}, which is not ready"
            raise self._wrong(what, self._qnpu.now_ns) from None
        if self._told_left is not None:
            self._told_left(process)

    def _wrong(self, what: str, now_ns: int) -> ConfigError:
        """The error of a policy that cannot be followed."""
        name = self._qnpu.settings.scheduler
        return ConfigError(f"scheduler {name!r} at {now_ns} ns: it {what}", scheduler=name)

    def _ask_again(self, at_ns: int | None, now_ns: int) -> None:
        """Set or forget the timer of a policy that wants to be asked again."""
        if at_ns == self._recheck_ns:
            return
        if at_ns is not None and at_ns <= now_ns:
            raise self._wrong(f"wants to be asked again at {at_ns} ns, which is over", now_ns)
        self._recheck_ns = -1
        if at_ns is None:
            self._qnpu.cancel_timer(_RECHECK)
            return
        self._recheck_ns = at_ns
        self._qnpu.set_timer(_RECHECK, at_ns, self._asked_again)

    def _asked_again(self, now_ns: int) -> None:
        self._recheck_ns = -1  # the event that this is will end with `schedule`

    def _dispatch(self, process: Process, now_ns: int) -> None:
        if self._qnpu.tracing:
            self._qnpu.trace("scheduler", "SCHEDULER_SCHEDULE_USER_PROCESS", process.pid)
            self._qnpu.trace("processor", "PROCESSOR_START_USER_PROCESS", process.pid)
        process.move("dispatch")
        process.wait = None
        if process.left_ns:
            process.clock_ns, process.left_ns = now_ns + process.left_ns, 0
        self.running = process
        self._dispatched_ns = now_ns
        self._run(process, now_ns)

    def _had_it(self, process: Process, now_ns: int) -> None:
        """Nobody has the processor now; who keeps account of it hears how long the process had it."""
        self.running = None
        self.policy.ran(process, now_ns - self._dispatched_ns)
        if self.occupied is not None:
            self.occupied(self._dispatched_ns, now_ns)

    def _preempt(self, process: Process, by_network: bool, now_ns: int) -> None:
        """Take the processor away at an instruction boundary; what it had still to spend stays with it.

        One that the network process interrupts keeps its place.
        """
        qnpu = self._qnpu
        qnpu.cancel_timer(CLOCK)
        process.left_ns = max(process.clock_ns - now_ns, 0)
        process.move("preempt")
        self._had_it(process, now_ns)
        if by_network:
            insort(self.ready, process, key=_arrival)
            if self._told_arrived is not None:
                self._told_arrived(process)
            if qnpu.tracing:
                qnpu.trace("scheduler", "SCHEDULER_ARRIVE_USER_PROCESS", process.pid)
        else:
            self.make_ready(process)
            qnpu.network.sharing.turn_over(process)
        if qnpu.tracing:
            qnpu.trace("processor", "PROCESSOR_PREEMPT_USER_PROCESS", process.pid)
