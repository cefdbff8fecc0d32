"""Which instances of a workload are under way on a timeline, and what starts when one of them has ended.

`Instances` decides, whatever runs it: it hands instances to `start` and hears with `ended` how their
programs ended. Those of arrivals that are known ahead are handed over some at a time, the next of a row
when the last has ended. Each is a session with a number of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from cnpu.launch import Ended
from qnos.arrivals import in_order
from qnos.workload_plan import Copy, WorkloadPlan
from qruntime.errors import ConfigError

AHEAD: Final = 256  # instances handed over before they start, in a session that ends at a given time
STANDING: Final = 1000  # instances of a row in one nanosecond, then it is taken for endless


class Instance:
    """One run of an application: its copy, its number in the timeline, and its programs that have ended.

    `left` is how many more are to follow in its row, None for no end, `standing` how many before it in its
    row took no time.
    """

    __slots__ = ("arrival_ns", "copy", "ended", "left", "session", "standing")

    def __init__(self, copy: Copy, session: int, arrival_ns: int, left: int | None) -> None:
        self.copy = copy
        self.session = session
        self.arrival_ns = arrival_ns
        self.left = left
        self.standing = 0
        self.ended: list[Ended] = []

    @property
    def is_over(self) -> bool:
        """Whether all its programs have ended."""
        return len(self.ended) == len(self.copy.mains)

    @property
    def ended_ns(self) -> int:
        """When the last program that has ended did."""
        return max(end.ended_ns for end in self.ended)


class Span(NamedTuple):
    """What a timeline came to: its length, when the last instance ended, what had not ended."""

    length_ns: int
    makespan_ns: int
    unfinished: list[Instance]


OnInstance = Callable[[Instance], None]


class Instances:
    """The instances of one timeline at a time. `start(instance)` is to begin its programs at `arrival_ns`."""

    def __init__(self, plan: WorkloadPlan, start: Callable[[Instance], None]) -> None:
        self.plan = plan
        self.makespan_ns = 0
        self.running: dict[int, Instance] = {}
        self._start = start
        self._sessions = 0
        self._arrivals: Iterator[tuple[int, Copy]] = iter(())
        self._next: tuple[int, Copy] | None = None

    def begin(self, number: int) -> None:
        """Timeline `number` begins at 0, with nothing under way."""
        self.running.clear()
        self._sessions = self.makespan_ns = 0
        self._arrivals = in_order(self.plan, number)
        self._next = next(self._arrivals, None)

    @property
    def next_ns(self) -> int | None:
        """When the first of those arrives that were not handed over yet, None if all were."""
        return None if self._next is None else self._next[0]

    @property
    def limit_ns(self) -> int | None:
        """Up to when the timeline may go on before more is handed over, None for as long as it lasts."""
        return self.plan.until_ns if self._next is None else self._next[0] - 1

    def admit_some(self) -> None:
        """Hand over the next arrivals: all if the workload ends by itself."""
        admitted, last_ns = 0, -1
        while self._next is not None:
            time_ns, copy = self._next
            # those of one moment go together, as the run stops before the next that is not handed over
            if self.plan.until_ns is not None and admitted >= AHEAD and time_ns > last_ns:
                return
            left = copy.entry.repetitions
            self._admit(copy, time_ns, None if left is None else left - 1)
            admitted, last_ns = admitted + 1, time_ns
            self._next = next(self._arrivals, None)

    def ended(self, end: Ended, on_over: OnInstance) -> None:
        """A program ended; `on_over` gets its instance if that is over with it, before the next begins."""
        instance = self.running.get(end.session)
        if instance is None:
            return
        instance.ended.append(end)
        if not instance.is_over:
            return
        ended_ns = instance.ended_ns
        until_ns = self.plan.until_ns
        if until_ns is not None and ended_ns > until_ns:
            return  # its clock is beyond the end of the session: it has not ended by then
        del self.running[end.session]
        self.makespan_ns = max(self.makespan_ns, ended_ns)
        on_over(instance)
        instance.ended.clear()
        if instance.left != 0:
            self._repeat(instance, ended_ns + instance.copy.entry.think_ns)

    def span(self) -> Span:
        """The timeline as a whole, when nothing is left to happen in it."""
        until_ns = self.plan.until_ns
        length_ns = self.makespan_ns if until_ns is None else until_ns
        return Span(length_ns, self.makespan_ns, list(self.running.values()))

    def cut_short(self, now_ns: int) -> Span:
        """The timeline as far as it came, after a KeyboardInterrupt."""
        begun = [instance for instance in self.running.values() if instance.arrival_ns <= now_ns]
        return Span(now_ns, self.makespan_ns, begun)

    def _admit(self, copy: Copy, start_ns: int, left: int | None) -> Instance:
        instance = Instance(copy, self._sessions, start_ns, left)
        self._sessions += 1
        self.running[instance.session] = instance
        self._start(instance)
        return instance

    def _repeat(self, instance: Instance, next_ns: int) -> None:
        """Start the next of a row, unless the session is over by then."""
        if self.plan.until_ns is not None and next_ns > self.plan.until_ns:
            return
        left = instance.left
        following = self._admit(instance.copy, next_ns, None if left is None else left - 1)
        if next_ns == instance.arrival_ns:
            following.standing = instance.standing + 1
            if left is None and following.standing > STANDING:
                raise ConfigError(
                    f"{instance.copy.label} takes no simulated time and repeats without end at {next_ns} ns; "
                    "give it a think_ns"
                )
