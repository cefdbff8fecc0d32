"""The run of an application: a network and a seed give results, shot by shot.

Every shot is a fresh network at t = 0 whose random streams are keyed by the shot's number, so shot k of a run
can be repeated alone, and in any process. `simulate` is the call. `Simulation` is the in-process
runner, for those who want to hold the network between shots; `processes.ProcessRunner` is the other one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import IO, TYPE_CHECKING, Any, Protocol

from cnpu.launch import Ended, Launch
from qnos.assembly import assemble
from qnos.crcheck import CrCheck
from qnos.facts import Facts
from qnos.launching import launch_of
from qnos.placing import place
from qnos.recording import OnValues, Recorder
from qnos.results import WHOLE_RUN, RunResult, ShotError
from qnos.timesplit import TimeSplit
from qnos.tracefile import TraceFile
from qruntime.actors import Emit
from qruntime.kernel import Kernel
from qruntime.orders import Load
from qruntime.trace import Record, Trace

if TYPE_CHECKING:
    from cnpu.app import App
    from qnos.config import NetworkConfig
    from qnos.hosts import StandingNetwork
    from qnos.processes import ProcessNetwork, ProcessRunner

SPLIT_SHOTS = 50  # traced for the split of simulated time when the run itself is not traced
IN_FLIGHT = 8  # independent shots under way at once with processes
Inputs = Mapping[str, Mapping[str, Any]]
OnShot = Callable[[int, list[Ended], list[Record]], None]


class Onlooker(Protocol):
    """What looks at the records of the first `shots` shots; `fault` says why it could not keep what it made
    of them, and is empty otherwise."""

    shots: int

    @property
    def fault(self) -> str: ...

    def add(self, shot: int, records: list[Record], /) -> None:
        """Take a shot; one that was not traced has no records."""

    def close(self) -> None:
        """There are no more."""


class Plan:
    """What is to run: an application placed on a network, its inputs checked, and the seed."""

    def __init__(
        self,
        app: App,
        network: NetworkConfig,
        *,
        seed: int = 0,
        inputs: Inputs | None = None,
        placement: Mapping[str, str] | None = None,
    ) -> None:
        self.app = app
        self.network = network
        self.seed = seed
        self.placement, self.mains = place(app, network, placement or {})
        self.inputs = app.check_inputs(self.mains, inputs or {})

    @property
    def roles(self) -> list[str]:
        """The roles, in their order."""
        return list(self.mains)

    def launches(self, node: str) -> list[Launch]:
        """The programs of one node."""
        app = self.app
        return [
            launch_of(app.name, app.flavour, role, main, self.inputs[role], self.placement)
            for role, main in self.mains.items()
            if self.placement[role] == node
        ]

    def loads(self) -> list[Load]:
        """The same for CNPUs in other processes, which load the application themselves."""
        app = self.app
        source = app.file or app.name
        return [Load(source, app.sha256, self.seed, 0, tuple(self.roles), self.inputs, self.placement)]


class Simulation:
    """The in-process runner: a plan's network on one heap, run shot after shot."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        network, seed = plan.network, plan.seed
        self.actors = assemble(network, seed)
        testing = network.testing
        self.kernel = Kernel(
            self.actors.in_rank_order(),
            self.actors.channels,
            jitter_ns=testing.jitter_ns,
            jitter_seed=seed,
            rank_seed=seed if testing.permute_ranks else None,
        )
        for node, cnpu in zip(network.node_names, self.actors.cnpus, strict=True):
            cnpu.launches = plan.launches(node)

    def shot(self, number: int, on_record: Callable[[str, Emit], None] | None = None) -> int:
        """Run one shot on a fresh network; returns when its last program ended, in ns."""
        self.kernel.on_record = on_record
        self.kernel.reset(number)
        self.kernel.run()
        return max(end.ended_ns for end in self.ended())

    def ended(self) -> list[Ended]:
        """How the programs of the shot just run ended."""
        return [end for cnpu in self.actors.cnpus for end in cnpu.ended.values()]

    def run(self, first_shot: int, shots: int, tracing: bool, on_shot: OnShot) -> None:
        """Run shots in order; `on_shot(number, ended, records)` takes each."""
        for number in range(first_shot, first_shot + shots):
            records: list[Record] = []
            if tracing:
                trace = Trace()
                trace.begin(number)
                self.shot(number, trace.on_record)
                records = trace.end()
            else:
                self.shot(number)
            on_shot(number, self.ended(), records)


def outcome(
    shot: int, roles: Iterable[str], ended: Iterable[Ended]
) -> tuple[dict[str, Any], list[ShotError]]:
    """What each role returned in a shot (None: it failed), and how those that failed did."""
    by_role = {end.role: end for end in ended}
    values: dict[str, Any] = {}
    errors: list[ShotError] = []
    for role in roles:
        end = by_role[role]
        if end.error is None:
            values[role] = end.value
        else:
            values[role] = None
            fault = end.error
            errors.append(ShotError(shot, role, fault.code, fault.message, end.traceback, end.ended_ns))
    return values, errors


def simulate(
    app: App,
    network: NetworkConfig,
    *,
    shots: int = 100,
    seed: int = 0,
    inputs: Inputs | None = None,
    placement: Mapping[str, str] | None = None,
    first_shot: int = 0,
    trace_file: IO[bytes] | None = None,
    trace: bool = False,
    time_split: bool = True,
    progress: Callable[[int], None] | None = None,
    processes: bool | ProcessNetwork | StandingNetwork = False,
    in_flight: int = IN_FLIGHT,
    post_select: bool = False,
    onlookers: Sequence[Onlooker] = (),
    on_values: OnValues | None = None,
) -> RunResult:
    """Run `shots` shots from `first_shot` on.

    With `trace` (or a `trace_file`) every shot is traced and hashed. `time_split` measures where simulated
    time went, on all shots if they are traced, else on the first ones. `progress(n)` is called after each
    shot; a KeyboardInterrupt ends the run with the shots finished so far. With `processes` every CNPU and
    QNPU is an operating-system process (or those of a network that is up already), and `in_flight` shots
    are under way at once; the results are the same. With `post_select` shots in which a device failed its
    charge-resonance check count neither in the metrics nor as failures. `onlookers` see the records of
    the first shots, which are traced for them. `on_values` gets the metrics of each shot in which no program
    failed.
    """
    plan = Plan(app, network, seed=seed, inputs=inputs, placement=placement)
    if processes:
        from qnos.processes import ProcessRunner  # brings in the event loop and the sockets

        started = None if processes is True else processes
        opened: AbstractContextManager[Simulation | ProcessRunner] = ProcessRunner(plan, in_flight, started)
    else:
        opened = nullcontext(Simulation(plan))
    recorder = Recorder(
        plan.roles, app.metrics, first_shot, app.ranges, post_select=post_select, on_values=on_values
    )
    check = CrCheck(network, seed, plan.placement.values())
    if app.expected is not None:
        theory, facts = app.expected, Facts(network, plan.placement)
        recorder.expect(lambda: theory(facts, plan.inputs))
    file = None if trace_file is None else TraceFile(trace_file)
    tracer = Trace(file) if trace or file is not None else None
    split = TimeSplit(network, plan.placement) if time_split else None

    def on_shot(number: int, ended: list[Ended], records: list[Record]) -> None:
        end_ns = max(end.ended_ns for end in ended)
        if tracer is not None:
            tracer.add(number, records)
        for onlooker in onlookers:
            onlooker.add(number, records)
        if split is not None and records:
            split.add(records, end_ns)
        values, errors = outcome(number, plan.roles, ended)
        recorder.add(values, end_ns, errors, check.passed(number))
        if progress is not None:
            progress(recorder.shots)

    interrupted = False
    began = time.perf_counter()
    try:
        with opened as runner:
            began = time.perf_counter()
            looked_at = max([SPLIT_SHOTS if split is not None else 0, *(one.shots for one in onlookers)])
            traced = shots if tracer is not None else min(shots, looked_at)
            if traced:
                runner.run(first_shot, traced, True, on_shot)
            if shots > traced:
                runner.run(first_shot + traced, shots - traced, False, on_shot)
    except KeyboardInterrupt:
        interrupted = True
    wall_s = time.perf_counter() - began
    if file is not None:
        file.flush()
        if file.fault:
            recorder.keep(ShotError(WHOLE_RUN, "trace", "STORAGE", file.fault))
    for onlooker in onlookers:
        onlooker.close()
        if onlooker.fault:
            recorder.keep(ShotError(WHOLE_RUN, "timeline", "STORAGE", onlooker.fault))
    return RunResult(
        app=app.name,
        network=network.name,
        seed=seed,
        shots=recorder.shots,
        first_shot=first_shot,
        inputs=plan.inputs,
        placement=plan.placement,
        results=recorder.results,
        metrics=recorder.metrics(),
        cr_check=recorder.cr_check,
        post_selected=post_select,
        shots_dropped=recorder.shots_dropped,
        shot_sim_time_ns=recorder.shot_sim_time_ns,
        wall_s=wall_s,
        trace_sha256=None if tracer is None else tracer.sha256(),
        time_split={} if split is None else split.means(),
        calibration=network.to_dict(),
        errors=recorder.errors,
        errors_total=recorder.errors_total,
        shots_failed=recorder.shots_failed,
        interrupted=interrupted,
    )
