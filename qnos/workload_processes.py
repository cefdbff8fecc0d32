"""A workload with every CNPU and QNPU an operating-system process: `WorkloadRunner`.

The processes of a run load all instances before a shot begins, each with the time at which it starts. What
starts when something else has ended, and what lasts until a given time, is for the runner in one process.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING

from cnpu.launch import Ended
from qnos.arrivals import in_order
from qnos.processes import ProcessNetwork, ProcessRunner
from qnos.workload_plan import Copy, WorkloadPlan
from qruntime.control import Load
from qruntime.errors import ConfigError

if TYPE_CHECKING:
    from qnos.config import NetworkConfig
    from qnos.hosts import StandingNetwork
    from qnos.simulate import OnShot


class WorkloadRunner:
    """A plan on a network of processes; a context manager.

    Raises `ConfigError` for a workload that lasts until a given time, or that has repetitions.
    """

    def __init__(
        self, plan: WorkloadPlan, in_flight: int, started: ProcessNetwork | StandingNetwork | None = None
    ) -> None:
        if plan.until_ns is not None:
            raise ConfigError("processes run shots to their end; a session (--until) is for one process")
        repeated = next((copy for copy in plan.copies if copy.entry.repetitions != 1), None)
        if repeated is not None:
            raise ConfigError(
                f"{repeated.label} has repetitions: processes are told before a shot begins when instances "
                "start, not to start one when another has ended; run it without --processes"
            )
        self._plan = plan
        self._loaded = _Loaded(plan)
        self._runner = ProcessRunner(self._loaded, in_flight, started)

    def __enter__(self) -> WorkloadRunner:
        self._runner.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._runner.__exit__(kind, error, trace)

    def run(self, first_shot: int, shots: int, tracing: bool, on_shot: OnShot) -> None:
        """Run shots in order; those of random arrivals one by one, as each has instances of its own."""
        if not any(copy.entry.arrival.rate_per_s for copy in self._plan.copies):
            self._loaded.shot = first_shot
            self._runner.run(first_shot, shots, tracing, on_shot)
            return
        for number in range(first_shot, first_shot + shots):
            self._loaded.shot = number
            self._runner.run(number, 1, tracing, on_shot)

    def instances(self, shot: int, ended: list[Ended]) -> Iterator[tuple[Copy, int, list[Ended]]]:
        """How the programs of a shot ended, by instance: its copy, its arrival, its programs."""
        by_session: dict[int, list[Ended]] = {}
        for end in ended:
            by_session.setdefault(end.session, []).append(end)
        for session, (time_ns, copy) in enumerate(in_order(self._plan, shot)):
            yield copy, time_ns, by_session[session]


class _Loaded:
    """The instances of one shot, as CNPUs load them."""

    def __init__(self, plan: WorkloadPlan) -> None:
        self.shot = 0
        self._plan = plan

    @property
    def network(self) -> NetworkConfig:
        return self._plan.network

    def loads(self) -> list[Load]:
        found = []
        for session, (time_ns, copy) in enumerate(in_order(self._plan, self.shot)):
            app = copy.app
            found.append(
                Load(
                    app.file or app.name,
                    app.sha256,
                    self._plan.seed,
                    session,
                    tuple(copy.mains),
                    copy.inputs,
                    copy.placement,
                    live=session > 0,
                    start_ns=time_ns,
                    scheduling=copy.entry.scheduling,
                    quotas=copy.entry.quotas,
                )
            )
        return found
