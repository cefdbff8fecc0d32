"""The run of a workload: several applications on one timeline, shot by shot or for a session.

Without `until_ns` a shot is a fresh network at t = 0 on which the whole workload runs until it has ended, and
shots differ in their randomness as those of one application do. With `until_ns` there is one timeline, a
session, which ends at that simulated time. `simulate_workload` is the call.
"""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable, Mapping
from typing import IO, TYPE_CHECKING, Any, NoReturn

from cnpu.launch import Ended
from qnos.facts import Facts
from qnos.instances import Instance, Span
from qnos.session import Timeline
from qnos.tracefile import TraceFile
from qnos.workload import Workload
from qnos.workload_plan import Copy, WorkloadPlan
from qnos.workload_results import AppRecorder, WorkloadResult
from qruntime.errors import ConfigError, QnosError
from qruntime.trace import Record, Trace

if TYPE_CHECKING:
    from qnos.config import NetworkConfig
    from qnos.hosts import StandingNetwork
    from qnos.processes import ProcessNetwork


def simulate_workload(
    workload: Workload,
    network: NetworkConfig,
    *,
    shots: int = 1,
    seed: int = 0,
    inputs: Mapping[str, Mapping[str, Any]] | None = None,
    placement: Mapping[str, str] | None = None,
    first_shot: int = 0,
    until_ns: int | None = None,
    trace_file: IO[bytes] | None = None,
    trace: bool = False,
    progress: Callable[[int], None] | None = None,
    processes: bool | ProcessNetwork | StandingNetwork = False,
    in_flight: int = 8,
) -> WorkloadResult:
    """Run `shots` timelines from `first_shot` on, or with `until_ns` one session.

    A KeyboardInterrupt ends the run with what had ended so far; of a session the time up to it counts.
    """
    plan = WorkloadPlan(workload, network, seed=seed, inputs=inputs, placement=placement, until_ns=until_ns)
    if plan.network is not network and not isinstance(processes, bool):
        raise ConfigError(f"{workload.name} says a schedule, and the processes of {network.name} run already")
    network = plan.network
    recorders = {label: AppRecorder(copies, _theory(plan, copies)) for label, copies in plan.apps.items()}
    file = None if trace_file is None else TraceFile(trace_file)
    tracer = Trace(file) if trace or file is not None else None
    run = _Run(plan, recorders, tracer, progress)
    began = time.perf_counter()
    if processes:
        run.with_processes(first_shot, shots, None if processes is True else processes, in_flight)
    else:
        run.in_process(first_shot, shots)
    wall_s = time.perf_counter() - began
    if file is not None:
        file.flush()
        if file.fault:
            raise QnosError(f"trace {file.fault}")
    return WorkloadResult(
        workload=workload.to_dict(),
        network=network.name,
        seed=seed,
        shots=run.shots,
        first_shot=first_shot,
        until_ns=until_ns,
        apps={label: recorder.result(run.span_ns) for label, recorder in recorders.items()},
        utilisation=run.utilisation,
        makespan_ns=run.makespan_ns,
        sim_time_ns=run.span_ns,
        wall_s=wall_s,
        trace_sha256=None if tracer is None else tracer.sha256(),
        calibration=network.to_dict(),
        interrupted=run.interrupted,
    )


class _Run:
    """The timelines of one run, as they come in."""

    def __init__(
        self,
        plan: WorkloadPlan,
        recorders: dict[str, AppRecorder],
        tracer: Trace | None,
        progress: Callable[[int], None] | None,
    ) -> None:
        self.shots = 0
        self.span_ns = 0
        self.makespan_ns = array("q")
        self.utilisation: dict[str, Any] = {}
        self.interrupted = False
        self._plan = plan
        self._recorders = recorders
        self._tracer = tracer
        self._progress = progress
        self._number = 0  # of the timeline under way
        self._over: list[tuple[int, Copy, int, list[Ended]]] = []  # its instances that are over

    def in_process(self, first_shot: int, shots: int) -> None:
        """All actors on one heap."""
        timeline = Timeline(self._plan)
        tracer = self._tracer
        try:
            for number in range(first_shot, first_shot + shots):
                if tracer is not None:
                    tracer.begin(number)
                self._number = number
                span = timeline.shot(number, self._take, None if tracer is None else tracer.on_record)
                if tracer is not None:
                    tracer.end()
                self._close(number, span)
        except KeyboardInterrupt:
            self._cut_off(timeline.cut_short)
        self.utilisation = timeline.meter.shares()

    def with_processes(
        self, first_shot: int, shots: int, started: ProcessNetwork | StandingNetwork | None, in_flight: int
    ) -> None:
        """Every CNPU and QNPU an operating-system process."""
        from qnos.workload_processes import WorkloadRunner  # brings in the event loop and the sockets

        def on_timeline(number: int, span: Span, records: list[Record]) -> None:
            if self._tracer is not None:
                self._tracer.add(number, records)
            self._close(number, span)

        runner = WorkloadRunner(self._plan, in_flight, started)
        self._number = first_shot
        try:
            with runner:
                runner.run(first_shot, shots, self._tracer is not None, self._take, on_timeline)
        except KeyboardInterrupt:
            self._cut_off(runner.cut_short)
        self.utilisation = runner.shares()

    def _take(self, instance: Instance) -> None:
        """An instance is over."""
        ended = list(instance.ended)
        if self._plan.until_ns is not None:  # as it comes, so that memory stays flat
            self._recorders[instance.copy.label].add(self._number, instance.copy, instance.arrival_ns, ended)
        else:  # a timeline that Ctrl-C cuts off shall leave nothing
            self._over.append((instance.session, instance.copy, instance.arrival_ns, ended))

    def _cut_off(self, cut_short: Callable[[], Span]) -> None:
        """Ctrl-C: of a session the time up to it counts."""
        self.interrupted = True
        self._over.clear()
        if self._plan.until_ns is not None and not self.shots:
            self._close(self._number, cut_short())

    def _close(self, number: int, span: Span) -> None:
        """A timeline is over."""
        for _, copy, arrival_ns, ended in sorted(self._over, key=lambda item: item[0]):
            self._recorders[copy.label].add(number, copy, arrival_ns, ended)
        self._over.clear()
        for instance in span.unfinished:
            waited_ns = span.length_ns - instance.arrival_ns
            self._recorders[instance.copy.label].add_unfinished(instance.copy, waited_ns)
        self.span_ns += span.length_ns
        self.makespan_ns.append(span.makespan_ns)
        self.shots += 1
        if self._progress is not None:
            self._progress(self.shots)


def _theory(plan: WorkloadPlan, copies: list[Copy]) -> Callable[[], Any] | None:
    """What theory expects of an application alone, if all its copies are the same."""
    first = copies[0]
    expected = first.app.expected
    if expected is None or any(
        copy.placement != first.placement or copy.inputs != first.inputs for copy in copies
    ):
        return None
    facts = Facts(plan.network, first.placement)
    return lambda: expected(facts, first.inputs)


def refuse_shot() -> NoReturn:
    """A session has no shots."""
    raise ConfigError(
        "a session (--until) is one timeline, in which everything follows from what was before: it has no "
        "shot that could run alone"
    )
