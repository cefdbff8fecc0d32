"""One timeline on which instances of several applications start and end: `Timeline`.

A workload without an end of its own lasts until a given time. Instances of arrivals that are known ahead are
handed to the CNPUs some at a time; the next of a row when the last has ended. Each is a session with a number
of its own, and is forgotten once no message for it can be under way.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

from cnpu.launch import Ended
from qnos.arrivals import in_order
from qnos.assembly import assemble
from qnos.utilisation import Meter
from qnos.workload_plan import Copy, WorkloadPlan
from qruntime.actors import Emit, Start
from qruntime.errors import ConfigError
from qruntime.kernel import Kernel

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


class Timeline:
    """The in-process runner of a workload; `shot` runs it from 0, on a fresh network."""

    def __init__(self, plan: WorkloadPlan) -> None:
        self.plan = plan
        network, seed = plan.network, plan.seed
        actors = assemble(network, seed)
        testing = network.testing
        self.kernel = Kernel(
            actors.in_rank_order(),
            actors.channels,
            jitter_ns=testing.jitter_ns,
            jitter_seed=seed,
            rank_seed=seed if testing.permute_ranks else None,
        )
        self.meter = Meter(network, actors)
        self.cnpus = dict(zip(network.node_names, actors.cnpus, strict=True))
        for cnpu in actors.cnpus:
            cnpu.on_ended = self._program_ended
        slowest_ns = max((network.cnpu_latency_ns(a, b) for a in self.cnpus for b in self.cnpus), default=0)
        self._settled_ns = 2 * slowest_ns + 1  # after its end nothing of an instance is under way: jitter
        self._on_instance: OnInstance = lambda instance: None
        self._running: dict[int, Instance] = {}
        self._leaving: deque[tuple[int, Instance]] = deque()
        self._sessions = 0
        self._makespan_ns = 0

    def shot(
        self, number: int, on_instance: OnInstance, on_record: Callable[[str, Emit], None] | None = None
    ) -> Span:
        """Run the timeline; `on_instance` gets each instance as it is over, in the order of their ends."""
        until_ns, kernel = self.plan.until_ns, self.kernel
        self._on_instance = on_instance
        self._running.clear()
        self._leaving.clear()
        self._sessions = self._makespan_ns = 0
        kernel.on_record = on_record
        kernel.reset(number)
        self.meter.begin()
        self._arrivals = in_order(self.plan, number)
        self._next = next(self._arrivals, None)
        try:
            while True:
                self._admit_some()
                kernel.run(until_ns if self._next is None else self._next[0] - 1)
                if self._next is None:
                    break
        finally:  # also after Ctrl-C what has ended is whole
            self._on_instance = lambda instance: None
        length_ns = self._makespan_ns if until_ns is None else until_ns
        self.meter.end(length_ns)
        unfinished = list(self._running.values())
        self._running.clear()
        for cnpu in self.cnpus.values():
            cnpu.reset(number)  # lets go of programs that had not ended
        return Span(length_ns, self._makespan_ns, unfinished)

    def cut_short(self) -> Span:
        """The timeline as far as it came, after a KeyboardInterrupt."""
        now_ns = self.kernel.now_ns
        self.meter.end(now_ns)
        begun = [instance for instance in self._running.values() if instance.arrival_ns <= now_ns]
        return Span(now_ns, self._makespan_ns, begun)

    # --- what starts ------------------------------------------------------------------------------

    def _admit_some(self) -> None:
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

    def _admit(self, copy: Copy, start_ns: int, left: int | None) -> Instance:
        instance = Instance(copy, self._sessions, start_ns, left)
        self._sessions += 1
        self._running[instance.session] = instance
        for launch in copy.launches(instance.session, start_ns):
            cnpu = self.cnpus[copy.placement[launch.role]]
            if not cnpu.joining:
                self.kernel.inject(cnpu.name, Start(), self.kernel.now_ns)
            cnpu.joining.append(launch)
        return instance

    # --- what ends --------------------------------------------------------------------------------

    def _program_ended(self, end: Ended) -> None:
        instance = self._running.get(end.session)
        if instance is None:
            return
        instance.ended.append(end)
        if not instance.is_over:
            return
        ended_ns = instance.ended_ns
        until_ns = self.plan.until_ns
        if until_ns is not None and ended_ns > until_ns:
            return  # its clock is beyond the end of the session: it has not ended by then
        del self._running[end.session]
        self._makespan_ns = max(self._makespan_ns, ended_ns)
        self._forget_settled()
        self._leaving.append((ended_ns + self._settled_ns, instance))
        self._on_instance(instance)
        instance.ended.clear()
        if instance.left != 0:
            self._repeat(instance, ended_ns + instance.copy.entry.think_ns)

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

    def _forget_settled(self) -> None:
        leaving = self._leaving
        while leaving and leaving[0][0] < self.kernel.now_ns:
            _, instance = leaving.popleft()
            for role, node in instance.copy.placement.items():
                self.cnpus[node].forget(instance.session, role)
