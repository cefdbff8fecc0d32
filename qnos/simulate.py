"""The in-process run: an application, a network and a seed give results, shot by shot.

Every shot is a fresh network at t = 0 whose random streams are keyed by the shot's number, so shot k
of a run can be repeated alone. `simulate` is the call; `Simulation` is for those who want to hold the network between shots.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import IO, TYPE_CHECKING, Any

from cnpu.launch import Launch
from qnos.assembly import assemble
from qnos.facts import Facts
from qnos.placing import place
from qnos.results import Recorder, RunResult, ShotError
from qnos.timesplit import TimeSplit
from qruntime.actors import Emit
from qruntime.kernel import Kernel
from qruntime.trace import Trace

if TYPE_CHECKING:
    from cnpu.app import App

    from qnos.config import NetworkConfig

SPLIT_SHOTS = 50  # traced for the split of simulated time when the run itself is not traced
Inputs = Mapping[str, Mapping[str, Any]]


class Simulation:
    """A network with an application loaded, run shot after shot on one heap."""

    def __init__(
        self,
        app: App,
        network: NetworkConfig,
        *,
        seed: int = 0,
        inputs: Inputs | None = None,
        placement: Mapping[str, str] | None = None,
    ) -> None:
        self.network = network
        self.placement, roles = place(app, network, placement or {})
        self.inputs = app.check_inputs(roles, inputs or {})
        self.actors = assemble(network, seed)
        testing = network.testing
        self.kernel = Kernel(
            self.actors.in_rank_order(),
            self.actors.channels,
            jitter_ns=testing.jitter_ns,
            jitter_seed=seed,
            rank_seed=seed if testing.permute_ranks else None,
        )
        self._cnpus = dict(zip(network.node_names, self.actors.cnpus, strict=True))
        for role, main in roles.items():
            node = self.placement[role]
            launch = Launch(
                session=0,
                app=app.name,
                role=role,
                main=main,
                inputs=self.inputs[role],
                placement=self.placement,
            )
            self._cnpus[node].launches.append(launch)
        self.roles = list(roles)

    def shot(self, number: int, on_record: Callable[[str, Emit], None] | None = None) -> int:
        """Run one shot on a fresh network; returns when its last program ended, in ns."""
        self.kernel.on_record = on_record
        self.kernel.reset(number)
        self.kernel.run()
        return max(end.ended_ns for cnpu in self.actors.cnpus for end in cnpu.ended.values())

    def outcome(self, shot: int) -> tuple[dict[str, dict[str, Any] | None], list[ShotError]]:
        """What each role returned in the shot just run, and how those that failed did."""
        values: dict[str, dict[str, Any] | None] = {}
        errors: list[ShotError] = []
        for role in self.roles:
            end = self._cnpus[self.placement[role]].ended[0, role]
            if end.error is None:
                values[role] = end.value
            else:
                values[role] = None
                errors.append(ShotError(shot, role, end.error.code, end.error.message, end.traceback))
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
) -> RunResult:
    """Run `shots` shots from `first_shot` on.

    With `trace` (or a `trace_file`) every shot is traced and hashed. `time_split` measures where simulated
    time went, on all shots if they are traced, else on the first ones. `progress(n)` is called after each
    shot; a KeyboardInterrupt ends the run with the shots finished so far.
    """
    simulation = Simulation(app, network, seed=seed, inputs=inputs, placement=placement)
    recorder = Recorder(simulation.roles, app.metrics, first_shot)
    tracer = Trace(trace_file) if trace or trace_file is not None else None
    split = TimeSplit(network, simulation.placement) if time_split else None
    interrupted = False
    began = time.perf_counter()
    try:
        for number in range(first_shot, first_shot + shots):
            splitting = split is not None and (tracer is not None or number - first_shot < SPLIT_SHOTS)
            if tracer is None and not splitting:
                end_ns = simulation.shot(number)
            else:
                shot_trace = tracer or Trace()
                shot_trace.begin(number)
                end_ns = simulation.shot(number, shot_trace.on_record)
                records = shot_trace.end()
                if split is not None and splitting:
                    split.add(records, end_ns)
            values, errors = simulation.outcome(number)
            recorder.add(values, end_ns, errors)
            if progress is not None:
                progress(recorder.shots)
    except KeyboardInterrupt:
        interrupted = True
    wall_s = time.perf_counter() - began
    expected = app.expected(Facts(network, simulation.placement), simulation.inputs) if app.expected else None
    return RunResult(
        app=app.name,
        network=network.name,
        seed=seed,
        shots=recorder.shots,
        first_shot=first_shot,
        inputs=simulation.inputs,
        placement=simulation.placement,
        results=recorder.results,
        metrics=recorder.metrics(expected),
        shot_sim_time_ns=recorder.shot_sim_time_ns,
        wall_s=wall_s,
        trace_sha256=None if tracer is None else tracer.sha256(),
        time_split={} if split is None else split.means(),
        calibration=network.to_dict(),
        errors=recorder.errors,
        errors_total=recorder.errors_total,
        interrupted=interrupted,
    )
