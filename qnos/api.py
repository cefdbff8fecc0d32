"""Running one application or several on a network, from Python, notebooks and the command line alike:
`run`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import IO, TYPE_CHECKING, Any, overload

from qnos.loading import Source, with_values
from qnos.results import WHOLE_RUN
from qnos.tracefile import open_trace
from qruntime.errors import ConfigError

if TYPE_CHECKING:
    from types import ModuleType

    from cnpu.app import App
    from qnos.hosts import StandingNetwork
    from qnos.perfetto import Perfetto
    from qnos.processes import ProcessNetwork
    from qnos.results import RunResult, ShotError
    from qnos.workload import Workload
    from qnos.workload_results import WorkloadResult

TraceSink = str | os.PathLike[str] | IO[bytes] | bool | None


@overload
def run(
    app: str | os.PathLike[str] | ModuleType | Mapping[str, Callable[..., Any]] | App,
    network: Source = ...,
    shots: int = ...,
    seed: int = ...,
    inputs: Mapping[str, Mapping[str, Any]] | None = ...,
    placement: Mapping[str, str] | None = ...,
    trace: TraceSink = ...,
    shot: int | None = ...,
    values: Mapping[str, Any] | None = ...,
    time_split: bool = ...,
    progress: Callable[[int], None] | None = ...,
    processes: bool | ProcessNetwork | StandingNetwork = ...,
    in_flight: int = ...,
    post_select: bool = ...,
    perfetto: str | os.PathLike[str] | None = ...,
    perfetto_shots: int = ...,
) -> RunResult:
    """One application."""


@overload
def run(
    app: Sequence[Any] | Workload,
    network: Source = ...,
    shots: int = ...,
    seed: int = ...,
    inputs: Mapping[str, Mapping[str, Any]] | None = ...,
    placement: Mapping[str, str] | None = ...,
    trace: TraceSink = ...,
    shot: int | None = ...,
    values: Mapping[str, Any] | None = ...,
    time_split: bool = ...,
    progress: Callable[[int], None] | None = ...,
    processes: bool | ProcessNetwork | StandingNetwork = ...,
    in_flight: int = ...,
    post_select: bool = ...,
    perfetto: str | os.PathLike[str] | None = ...,
    perfetto_shots: int = ...,
    until_ns: int | None = ...,
    stagger_ns: int = ...,
) -> WorkloadResult:
    """Several at once."""


def run(
    app: Any,
    network: Source = "two_generic",
    shots: int = 100,
    seed: int = 0,
    inputs: Mapping[str, Mapping[str, Any]] | None = None,
    placement: Mapping[str, str] | None = None,
    trace: TraceSink = None,
    shot: int | None = None,
    values: Mapping[str, Any] | None = None,
    time_split: bool = True,
    progress: Callable[[int], None] | None = None,
    processes: bool | ProcessNetwork | StandingNetwork = False,
    in_flight: int = 8,
    post_select: bool = False,
    perfetto: str | os.PathLike[str] | None = None,
    perfetto_shots: int = 10,
    until_ns: int | None = None,
    stagger_ns: int = 0,
) -> RunResult | WorkloadResult:
    """Run `app` on `network` for `shots` fresh shots and give what it found.

    `app` is the name of a shipped application, a path, a module, or a mapping of role to program. `network`
    is a shipped name, a path, a mapping, or a loaded network; `values` changes some of its values by path.
    `inputs` are keyword arguments by role, `placement` maps roles to nodes (those it leaves out are placed
    by their names, else in order). `trace` is a file to write, or True for the digest alone. `shot` runs
    that one shot of the run with this seed, and no other. `time_split` measures on some shots where
    simulated time went. `progress` gets the number of finished shots. With `processes` every CNPU and QNPU
    is an operating-system process (or those of a network that stands already, as `hosts.StandingNetwork`)
    and `in_flight` shots are under way at once; the results are the same. `post_select` drops the shots in
    which a device failed its charge-resonance check (`result.cr_check`) from metrics and errors. `perfetto`
    is a file for a timeline of the first `perfetto_shots` shots (see `qnos.perfetto`).

    A sequence as ``["bqc", ("lgt", 3)]``, or a `Workload`, has several applications run beside each other in
    every shot, and gives a `WorkloadResult`. `inputs` and `placement` then have keys as ``lgt.tomographer``,
    or ``lgt[1].tomographer`` for one copy. Those of a sequence start at 0, or each `stagger_ns` after the one
    before. With `until_ns` there is one timeline, whatever `shots` says, which ends at that simulated time.

    The same arguments give the same results. Ctrl-C gives the finished shots, marked `interrupted`. Raises
    `ConfigError` for whatever is wrong before the first shot; a program that fails is in `result.errors`, and
    so is a trace file that could not be written, which costs no shot.
    """
    _at_least(shots, "shots", 1)
    if not isinstance(seed, int):
        raise ConfigError(f"seed is {seed!r}; allowed: an integer")
    _at_least(in_flight, "in_flight", 1)
    several = _several(app, until_ns, stagger_ns, post_select)
    if several is None:
        _check_app(app)
    _mapping(inputs, "inputs", "role to a mapping of name to value")
    for role, given in (inputs or {}).items():
        _mapping(given, f"inputs[{role!r}]", "name to value")
    _mapping(placement, "placement", "role to node")
    _mapping(values, "values", "path to value")
    if shot is not None:
        _at_least(shot, "shot", 0)
    _at_least(perfetto_shots, "perfetto_shots", 1)
    if until_ns is not None and shot is not None:
        from qnos.workload_run import refuse_shot

        refuse_shot()
    loaded = with_values(network, values or {})
    if several is not None:
        from qnos.workload_run import simulate_workload

        with ExitStack() as files:
            file = files.enter_context(_trace_file(trace))
            if perfetto is not None:
                from qnos.perfetto import open_timeline, traced

                timeline = files.enter_context(open_timeline(perfetto, perfetto_shots))
                file = files.enter_context(traced(timeline, file))
            return simulate_workload(
                several,
                loaded,
                shots=shots if shot is None and until_ns is None else 1,
                seed=seed,
                inputs=inputs,
                placement=placement,
                first_shot=shot or 0,
                until_ns=until_ns,
                trace_file=file,
                trace=trace is True or file is not None,
                progress=progress,
                processes=processes,
                in_flight=in_flight,
            )
    from cnpu.app import load_app
    from qnos.simulate import simulate

    found = load_app(app)
    with _trace_file(trace) as file, _timeline(perfetto, perfetto_shots) as onlooker:
        return simulate(
            found,
            loaded,
            shots=shots if shot is None else 1,
            seed=seed,
            inputs={role: dict(given) for role, given in (inputs or {}).items()},
            placement=None if placement is None else dict(placement),
            first_shot=shot or 0,
            trace_file=file,
            trace=trace is True or file is not None,
            time_split=time_split,
            progress=progress,
            processes=processes,
            in_flight=in_flight,
            post_select=post_select,
            onlookers=() if onlooker is None else (onlooker,),
        )


def first_cause(result: RunResult) -> ShotError:
    """The error to show first: of the first shot that failed, the earliest in simulated time that is not
    merely the news of another program's."""
    causes = [error for error in result.errors if error.code != "PEER_FAILED"] or result.errors
    return min(causes, key=lambda error: (error.shot == WHOLE_RUN, error.shot, error.ended_ns))


def failures(result: RunResult) -> str:
    """What failed in one sentence; empty if nothing did."""
    if not result.errors:
        return ""
    first = first_cause(result)
    if first.shot == WHOLE_RUN:
        return f"{first.role}: {first.message}"
    where = f"{first.role} in shot {first.shot}"
    return f"{result.shots_failed} of {result.shots} shots failed; first {where}: {first.message}"


def _several(app: Any, until_ns: int | None, stagger_ns: int, post_select: bool) -> Workload | None:
    """The workload, if `app` is several applications; None if it is one."""
    from qnos.workload import Workload, load_workload

    if not isinstance(app, Workload) and (not isinstance(app, Sequence) or isinstance(app, str | bytes)):
        if until_ns is not None or stagger_ns:
            raise ConfigError("until_ns and stagger_ns are for several applications: a list, or a Workload")
        return None
    _at_least(stagger_ns, "stagger_ns", 0)
    if until_ns is not None:
        _at_least(until_ns, "until_ns", 1)
    if post_select:
        raise ConfigError("post_select is for one application: shots of several are not dropped")
    return load_workload(app, stagger_ns)


def _at_least(value: object, name: str, low: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < low:
        raise ConfigError(f"{name} is {value!r}; allowed: an integer of at least {low}")


def _mapping(value: object, name: str, of: str) -> None:
    if value is not None and not isinstance(value, Mapping):
        raise ConfigError(f"{name} is {value!r}; allowed: a mapping of {of}")


def _check_app(app: object) -> None:
    from types import ModuleType

    from cnpu.app import App

    if not isinstance(app, str | os.PathLike | ModuleType | Mapping | App):
        raise ConfigError(
            f"app is {app!r}; allowed: a name, the path of a file, a module, a mapping of role to program"
        )


def _trace_file(trace: TraceSink) -> AbstractContextManager[IO[bytes] | None]:
    if trace is None or isinstance(trace, bool):
        return nullcontext()
    if not isinstance(trace, str | os.PathLike):
        if not (hasattr(trace, "write") and hasattr(trace, "flush")):
            raise ConfigError(f"trace is {trace!r}; allowed: a path, an open binary file, True or None")
        return nullcontext(trace)
    return open_trace(trace)


def _timeline(path: str | os.PathLike[str] | None, shots: int) -> AbstractContextManager[Perfetto | None]:
    if path is None:
        return nullcontext()
    from qnos.perfetto import open_timeline

    return open_timeline(path, shots)
