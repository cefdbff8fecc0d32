"""A workload with every CNPU and QNPU an operating-system process: `WorkloadRunner`.

The processes load instances before a shot begins, each with the time at which it starts. If something
starts when something else has ended, or if the workload lasts until a given time, they tell of every
program that ends and stand still until they have heard what begins because of it: `Instances` decides, as
it does in one process."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING

from cnpu.launch import Ended
from qnos.instances import Instance, Instances, OnInstance, Span
from qnos.processes import ProcessNetwork, ProcessRunner
from qnos.utilisation import Meter, Utilisation
from qnos.workload_plan import WorkloadPlan
from qruntime.orders import Load
from qruntime.trace import Record

if TYPE_CHECKING:
    from qnos.config import NetworkConfig
    from qnos.hosts import StandingNetwork

OnTimeline = Callable[[int, Span, list[Record]], None]


class WorkloadRunner:
    """A plan on a network of processes; a context manager."""

    def __init__(
        self, plan: WorkloadPlan, in_flight: int, started: ProcessNetwork | StandingNetwork | None = None
    ) -> None:
        self._plan = plan
        self._shot = 0
        self._to_load: list[Load] = []
        self._instances = Instances(plan, self._start)
        self._on_instance: OnInstance = lambda instance: None
        self._now_ns = 0
        self._meter = Meter(plan.network.node_names, ())
        self._busy: Mapping[str, Sequence[int]] = {}
        self._runner = ProcessRunner(self, in_flight, started)

    def __enter__(self) -> WorkloadRunner:
        self._runner.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._runner.__exit__(kind, error, trace)

    def run(
        self, first_shot: int, shots: int, tracing: bool, on_instance: OnInstance, on_timeline: OnTimeline
    ) -> None:
        """Run timelines in order. `on_instance` gets each instance as it is over, then `on_timeline` the
        number of the timeline, what it came to and its trace.

        Those whose instances differ are run one by one, several of the others at once.
        """
        self._on_instance = on_instance

        def on_shot(number: int, ended: list[Ended], records: list[Record]) -> None:
            if not self.stepwise:
                self._begin(number)
                for end in ended:
                    self._instances.ended(end, on_instance)
            span = self._instances.span()
            self._meter.add(self._busy, span.length_ns)
            on_timeline(number, span, records)

        alike = not self.stepwise and not any(copy.entry.arrival.rate_per_s for copy in self._plan.copies)
        at_once = shots if alike else 1
        for number in range(first_shot, first_shot + shots, at_once):
            self._begin(number)
            self._runner.run(number, at_once, tracing, on_shot, self)

    def shares(self) -> dict[str, Utilisation]:
        """How busy each node was in the timelines that are over."""
        return self._meter.shares()

    def cut_short(self) -> Span:
        """The timeline as far as it came, after a KeyboardInterrupt."""
        return self._instances.cut_short(self._now_ns)

    # --- what processes ask ---------------------------------------------------------------------------

    @property
    def network(self) -> NetworkConfig:
        """The network it is for."""
        return self._plan.network

    def loads(self) -> list[Load]:
        """The instances that are known when a timeline begins."""
        nothing = Load("", "", self._plan.seed, -1, (), {}, {})
        found, self._to_load = self._to_load, []
        return found or [nothing]

    @property
    def stepwise(self) -> bool:
        """Whether anything starts later than is known when a timeline begins, or is cut off at its end."""
        repeats = any(copy.entry.repetitions != 1 for copy in self._plan.copies)
        return repeats or self._plan.until_ns is not None

    @property
    def limit_ns(self) -> int | None:
        """Up to when the timeline goes on at first."""
        return self._instances.limit_ns

    def halted(self, ended: list[Ended], now_ns: int) -> tuple[list[Load], int | None, int | None]:
        """What begins now, up to when the timeline goes on, and its length if it is over."""
        instances = self._instances
        self._now_ns = now_ns
        for end in ended:
            instances.ended(end, self._on_instance)
        if not ended:
            if instances.next_ns is None:
                return [], None, instances.span().length_ns
            instances.admit_some()
        found, self._to_load = self._to_load, []
        return found, instances.limit_ns, None

    def measured(self, busy: Mapping[str, Sequence[int]]) -> None:
        """How long nodes were busy in the timeline that comes next."""
        self._busy = busy

    # --- instances ------------------------------------------------------------------------------------

    def _begin(self, number: int) -> None:
        """Timeline `number` begins; several that are alike load what the first does."""
        self._now_ns = 0
        self._to_load = []
        self._instances.begin(number)
        self._instances.admit_some()

    def _start(self, instance: Instance) -> None:
        copy, app = instance.copy, instance.copy.app
        self._to_load.append(
            Load(
                app.file or app.name,
                app.sha256,
                self._plan.seed,
                instance.session,
                tuple(copy.mains),
                copy.inputs,
                copy.placement,
                live=instance.session > 0,
                start_ns=instance.arrival_ns,
                scheduling=copy.entry.scheduling,
                quotas=copy.entry.quotas,
            )
        )
