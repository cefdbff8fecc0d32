"""The dispatcher: who has the processor, who wants it, and how it changes hands as the policy says."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from qnpu.netprocess import NetworkProcess
from qnpu.process import Process
from qnpu.scheduler import Schedulable, View, policy

if TYPE_CHECKING:
    from qnpu.main import Qnpu

CLOCK = "clock"  # the timer of the process that has the processor
_RECHECK = "recheck"  # the timer of a policy that wants to be asked again


class Dispatcher:
    """Keeps the ready list. `run(process, now)` is called when a process gets the processor."""

    def __init__(self, qnpu: Qnpu, scheduler: str, run: Callable[[Process, int], None]) -> None:
        self._qnpu = qnpu
        self._scheduler = scheduler
        self._run = run
        self.occupied: Callable[[int, int], None] | None = None  # hears from when to when the processor was
        self.reset()

    def reset(self) -> None:
        """Nobody runs, nobody waits, and the policy is as new."""
        self.policy = policy(self._scheduler)
        self.running: Process | None = None
        self.ready: list[Schedulable] = []
        self._dispatched_ns = 0
        self._arrivals = 0

    def make_ready(self, process: Process) -> None:
        """A user process wants the processor."""
        self._arrive(process)
        if self._qnpu.tracing:
            self._qnpu.trace("scheduler", "SCHEDULER_ARRIVE_USER_PROCESS", process.pid)

    def network_ready(self, network: NetworkProcess) -> None:
        """The network process has work."""
        if network in self.ready:
            return
        self._arrive(network)
        qnpu = self._qnpu
        if qnpu.tracing:
            qnpu.trace("scheduler", "SCHEDULER_ARRIVE_NET_PROCESS", -1)
            running = self.running
            if running is not None:
                qnpu.trace("scheduler", "SCHEDULER_HIGH_PRIO_PROCESS_WAITS_ON_LOWER_PRIO", -1, (running.pid,))

    def schedule(self, now_ns: int) -> None:
        """Let the policy say who has the processor, until nobody wants it or things are to stay."""
        qnpu = self._qnpu
        while self.ready:
            running = self.running
            if running is not None and (not self.policy.preemptive or running.outcome_ref >= 0):
                return
            chosen, recheck_ns = self.policy.decide(View(now_ns, running, self.ready))
            if recheck_ns is not None:
                qnpu.set_timer(_RECHECK, recheck_ns, lambda now: None)
            if chosen is None or chosen is running:
                return
            if running is not None:
                self._preempt(running, now_ns)
            self.ready.remove(chosen)
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

    def release(self, process: Process, now_ns: int) -> None:
        """The processor is free; the policy hears how long the process had it."""
        self.running = None
        self.policy.ran(process, now_ns - self._dispatched_ns)
        if self.occupied is not None:
            self.occupied(self._dispatched_ns, now_ns)

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
            self.ready.remove(process)

    def _arrive(self, process: Schedulable) -> None:
        process.arrival = self._arrivals
        self._arrivals += 1
        self.ready.append(process)

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

    def _preempt(self, process: Process, now_ns: int) -> None:
        """Take the processor away at an instruction boundary; what it had still to spend stays with it."""
        self._qnpu.cancel_timer(CLOCK)
        process.left_ns = max(process.clock_ns - now_ns, 0)
        process.move("preempt")
        self.release(process, now_ns)
        self.make_ready(process)
        if self._qnpu.tracing:
            self._qnpu.trace("processor", "PROCESSOR_PREEMPT_USER_PROCESS", process.pid)
