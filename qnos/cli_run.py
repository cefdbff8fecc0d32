"""``qnos run``."""

from __future__ import annotations

import io
import json
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource
from rich.console import Console

from qnos import api
from qnos import calibration as calibrations
from qnos.cli import INTERRUPTED
from qnos.cli_options import inputs_of, placement_of, run_options, values_of
from qnos.cli_workload import inputs_of_copies, show_workload, tell_failures, workload_of
from qnos.loading import with_values
from qnos.noise import effective_noise
from qnos.present import Bar, console_for, show_line, show_result, show_trace
from qnos.results import RunResult
from qnos.schedule import Schedule
from qnos.schedule_file import with_schedule
from qnos.tracefile import TraceFile, open_trace
from qnos.units import time_ns
from qruntime.errors import ConfigError, QnosError

if TYPE_CHECKING:
    from qnos.config import NetworkConfig
    from qnos.hosts import StandingNetwork
    from qnos.workload_results import WorkloadResult


@click.command()
@click.argument("app", required=False)
@run_options
@click.option(
    "--calibration",
    metavar="SOURCE",
    help="On the parameters of a saved result, a snapshot or a network, instead of --network.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
@click.option(
    "--trace", type=click.Path(dir_okay=False, path_type=Path), help="Write the trace here (JSONL)."
)
@click.option(
    "--perfetto",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a timeline for ui.perfetto.dev here (JSON).",
)
@click.option(
    "--perfetto-shots",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    help="With --perfetto: so many shots, from the first on.",
)
@click.option("--shot", type=click.IntRange(min=0), help="Run this one shot of the run alone.")
@click.option("--processes", is_flag=True, help="Every CNPU and QNPU a process; the results are the same.")
@click.option(
    "--in-flight",
    type=click.IntRange(min=1),
    default=8,
    show_default=True,
    help="With --processes: independent shots under way at once.",
)
@click.option(
    "--at",
    metavar="FILE",
    help="On the processes that were started by hand from this network file.",
)
@click.option(
    "--secret",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="With --at: file of an operator's secret key; default: that among the user's keys.",
)
@click.option(
    "--replay",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="JOURNAL",
    help="Repeat in one process what a network that was up did; prints the SHA-256 of its trace.",
)
@click.option("--explain", is_flag=True, help="Run one shot and print what happened when, and where.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("qnos-results"),
    show_default=True,
    help="Directory of the result file.",
)
@click.option(
    "--workload",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Run the applications of this file beside each other, in place of APP.",
)
@click.option("--until", metavar="TIME", help="One timeline, which ends at this simulated time, as 2000s.")
@click.option(
    "--schedule",
    metavar="NAME",
    help="Time bins of links: a shipped schedule, a file, or on-demand; in place of what the network says.",
)
@click.option("--stagger", metavar="TIME", help="Each of several applications starts so much later.")
@click.pass_context
def run(
    ctx: click.Context,
    app: str | None,
    network: str,
    shots: int,
    seed: int,
    inputs: tuple[str, ...],
    values: tuple[str, ...],
    post_select: bool,
    placement: tuple[str, ...],
    calibration: str | None,
    as_json: bool,
    trace: Path | None,
    perfetto: Path | None,
    perfetto_shots: int,
    shot: int | None,
    processes: bool,
    in_flight: int,
    at: str | None,
    secret: Path | None,
    replay: Path | None,
    explain: bool,
    out: Path,
    workload: Path | None,
    until: str | None,
    stagger: str | None,
    schedule: str | None,
) -> None:
    """Run APP, a shipped name or a file, on a network; or several as bqc,lgt*3. A directory with programs
    app_<role>.py of the NetQASM SDK runs as `qnos compat simulate` does it, --shots times.

    Prints every metric with its 95 % interval and the value a theory expects, the noise in force, where
    simulated time went, and the path of the result file. Status 1 if a program failed, 130 after Ctrl-C.
    """
    if replay is not None:
        if any(given is not None for given in (app, calibration, perfetto, workload)):
            raise click.UsageError(
                "--replay takes everything from the journal; it goes without APP, --workload, --calibration "
                "and --perfetto (qnos perfetto makes a timeline from --trace)"
            )
        click.echo(_replay(replay, trace))
        return
    if app is None and workload is None:
        raise click.UsageError("Missing argument 'APP'.")
    if app is not None and any(Path(app).glob("app_*.py")):
        _simulate(ctx, Path(app), shots, seed, processes)
        return
    if app is not None and workload is not None:
        raise click.UsageError("--workload says which applications run; it goes without APP")
    if until is not None and _is_given(ctx, "shots"):
        raise click.UsageError("--until runs one timeline; it goes without --shots")
    if explain and (as_json or trace is not None):
        raise click.UsageError("--explain prints the trace of one shot; it goes without --json and --trace")
    if shot is not None and _is_given(ctx, "shots") and shot >= shots:
        raise click.UsageError(f"--shot {shot} is not in a run of --shots {shots}: their numbers begin at 0")
    if _is_given(ctx, "in_flight") and not processes and at is None:
        raise click.UsageError("--in-flight goes with --processes: in one process shots run one by one")
    if at is not None and (values or _is_given(ctx, "network")):
        raise click.UsageError("--at names the network, which stands as its file says")
    if at is not None and schedule is not None:
        raise click.UsageError("--at names the network, which stands as its file says: without --schedule")
    if calibration is not None and (at is not None or _is_given(ctx, "network")):
        raise click.UsageError("--calibration says what to run on; it goes without --network and --at")
    if _is_given(ctx, "perfetto_shots") and perfetto is None:
        raise click.UsageError("--perfetto-shots goes with --perfetto")
    source = at or network if calibration is None else calibrations.load(calibration)
    loaded = with_values(source, values_of(values))
    if schedule is not None:
        loaded = with_schedule(loaded, schedule)
    timeline = io.BytesIO() if explain else None
    errors = Console(stderr=True)
    several = workload_of(app, workload, until, stagger, post_select)
    total = shots if shot is None and not explain and until is None else 1
    show_bar = errors.is_terminal and not as_json and not explain
    with Bar(total, errors) as bar, nullcontext() if at is None else _standing(loaded, secret) as stands:
        options: dict[str, Any] = {
            "shots": shots,
            "seed": seed,
            "placement": placement_of(placement),
            "shot": 0 if explain and shot is None and until is None else shot,
            "progress": bar if show_bar else None,
            "processes": stands or processes,
            "in_flight": in_flight,
        }
        result: RunResult | WorkloadResult
        if several is None:
            assert app is not None
            result = api.run(
                app,
                loaded,
                inputs=inputs_of(inputs),
                trace=timeline or trace or as_json,
                post_select=post_select,
                perfetto=perfetto,
                perfetto_shots=perfetto_shots,
                **options,
            )
        else:
            result = api.run(
                several,
                loaded,
                inputs=inputs_of_copies(inputs),
                trace=timeline or trace or (as_json and until is None),  # that of a session may be endless
                until_ns=None if until is None else time_ns(until, "--until"),
                perfetto=perfetto,
                perfetto_shots=perfetto_shots,
                **options,
            )
    unsaved = _save(result, out)
    if as_json:
        click.echo(json.dumps(result.to_json_dict(), allow_nan=False))
    else:
        console = console_for(sys.stdout)
        if timeline is not None:
            show_trace(timeline.getvalue().splitlines(), console)
        if calibration is not None:
            show_line("values", ", ".join([calibration, *(f"but {text}" for text in values)]), console)
        if "schedule" in result.calibration:
            show_line("schedule", Schedule.of_dict(result.calibration["schedule"]).in_words(), console)
        if isinstance(result, RunResult):
            show_result(result, effective_noise(loaded), console)
        else:
            show_workload(result, effective_noise(loaded), console)
    if unsaved:
        click.echo(f"Error: {unsaved}", err=True)
    if isinstance(result, RunResult):
        _tell_failures(result)
    else:
        tell_failures(result)
    if result.interrupted:
        click.echo(f"Interrupted after {result.shots} shots", err=True)
        ctx.exit(INTERRUPTED)
    if result.errors_total or unsaved:
        ctx.exit(1)


def _simulate(ctx: click.Context, directory: Path, shots: int, seed: int, processes: bool) -> None:
    """An application directory, with what can be said here."""
    others = [name for name in ctx.params if name not in ("app", "shots", "seed", "processes")]
    given = [f"--{name.replace('_', '-')}" for name in others if _is_given(ctx, name)]
    if given:
        raise click.UsageError(
            f"{directory} is an application directory, which goes without {', '.join(given)}; see `qnos "
            "compat simulate --help` for what can be said"
        )
    from qnos.cli_compat import simulate  # what other applications do not need

    num = shots if _is_given(ctx, "shots") else 1
    ctx.invoke(simulate, directory=directory, num=num, seed=seed, processes=processes)


def _is_given(ctx: click.Context, option: str) -> bool:
    """Whether an option was written on the command line, rather than left at its default."""
    return ctx.get_parameter_source(option) is ParameterSource.COMMANDLINE


def _standing(network: NetworkConfig, secret: Path | None) -> StandingNetwork:
    from qnos.hosts import StandingNetwork  # brings in the event loop and the sockets

    return StandingNetwork(network, secret)


def _replay(journal: Path, trace: Path | None) -> str:
    from qnos import live

    if trace is None:
        return live.replay(journal)
    with open_trace(trace) as opened:
        file = TraceFile(opened)
        digest = live.replay(journal, file)
        file.flush()
    if file.fault:
        raise QnosError(f"{trace}: trace {file.fault}")
    return digest


def _save(result: RunResult | WorkloadResult, out: Path) -> str:
    """Why the result could not be saved, empty if it was: what was found is shown in any case."""
    try:
        result.save(out)
    except ConfigError as error:
        return str(error)
    return ""


def _tell_failures(result: RunResult) -> None:
    """The first failure with the application's own traceback; the others are in the result file."""
    if not result.errors:
        return
    first = api.first_cause(result)
    click.echo(f"Error: {api.failures(result)}", err=True)
    if first.traceback:
        click.echo(first.traceback.rstrip(), err=True)
