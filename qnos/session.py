"""One timeline on which instances of several applications start and end, in one process: `Timeline`.

What starts and when is decided by `instances`. An instance is forgotten once no message for it can be under
way, so that memory stays flat however long the timeline.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from cnpu.launch import Ended
from qnos.assembly import assemble
from qnos.instances import Instance, Instances, OnInstance, Span
from qnos.utilisation import Meter
from qnos.workload_plan import WorkloadPlan
from qruntime.actors import Emit, Start
from qruntime.kernel import Kernel


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
        self.meter = Meter(network.node_names, actors.worlds)
        self.meter.listen(actors.qnpus)
        self.cnpus = dict(zip(network.node_names, actors.cnpus, strict=True))
        self.instances = Instances(plan, self._start)
        for cnpu in actors.cnpus:
            cnpu.on_ended = self._program_ended
        slowest_ns = max((network.cnpu_latency_ns(a, b) for a in self.cnpus for b in self.cnpus), default=0)
        self._settled_ns = 2 * slowest_ns + 1  # after its end nothing of an instance is under way: jitter
        self._on_instance: OnInstance = lambda instance: None
        self._leaving: deque[tuple[int, Instance]] = deque()

    def shot(
        self, number: int, on_instance: OnInstance, on_record: Callable[[str, Emit], None] | None = None
    ) -> Span:
        """Run the timeline; `on_instance` gets each instance as it is over, in the order of their ends."""
        instances, kernel = self.instances, self.kernel
        self._on_instance = on_instance
        self._leaving.clear()
        kernel.on_record = on_record
        kernel.reset(number)
        self.meter.begin()
        instances.begin(number)
        try:
            while True:
                instances.admit_some()
                kernel.run(instances.limit_ns)
                if instances.next_ns is None:
                    break
        finally:  # also after Ctrl-C what has ended is whole
            self._on_instance = lambda instance: None
        span = instances.span()
        self.meter.end(span.length_ns)
        instances.running.clear()
        for cnpu in self.cnpus.values():
            cnpu.reset(number)  # lets go of programs that had not ended
        return span

    def cut_short(self) -> Span:
        """The timeline as far as it came, after a KeyboardInterrupt."""
        now_ns = self.kernel.now_ns
        self.meter.end(now_ns)
        return self.instances.cut_short(now_ns)

    def _start(self, instance: Instance) -> None:
        for launch in instance.copy.launches(instance.session, instance.arrival_ns):
            cnpu = self.cnpus[instance.copy.placement[launch.role]]
            if not cnpu.joining:
                self.kernel.inject(cnpu.name, Start(), self.kernel.now_ns)
            cnpu.joining.append(launch)

    def _program_ended(self, end: Ended) -> None:
        self.instances.ended(end, self._over)

    def _over(self, instance: Instance) -> None:
        self._forget_settled()
        self._leaving.append((instance.ended_ns + self._settled_ns, instance))
        self._on_instance(instance)

    def _forget_settled(self) -> None:
        leaving = self._leaving
        while leaving and leaving[0][0] < self.kernel.now_ns:
            _, instance = leaving.popleft()
            for role, node in instance.copy.placement.items():
                self.cnpus[node].forget(instance.session, role)
