"""What ``qnos run`` does if several applications run: their options, and what it shows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from qnos.cli_options import split
from qnos.documents import scalar
from qnos.present import metrics_table, show_line
from qnos.units import duration, time_ns

if TYPE_CHECKING:
    from qnos.workload import Workload
    from qnos.workload_results import AppResult, WorkloadResult


def workload_of(
    app: str | None, file: Path | None, until: str | None, stagger: str | None, post_select: bool
) -> Workload | None:
    """The applications that are to run beside each other; None if it is one that runs in shots."""
    from qnos.workload import is_list, listed, load_workload

    if file is None and until is None and stagger is None and not is_list(app):
        return None
    if post_select:
        raise click.UsageError("--post-select is for one application: shots of several are not dropped")
    if file is not None:
        if stagger is not None:
            raise click.UsageError("--stagger is for a list of applications; a workload file has stagger_ns")
        return load_workload(file)
    assert app is not None
    stagger_ns = 0 if stagger is None else time_ns(stagger, "--stagger")
    return load_workload(app, stagger_ns) if is_list(app) else listed([(app, 1)], app, stagger_ns)


def inputs_of_copies(texts: Iterable[str]) -> dict[str, dict[str, Any]]:
    """``lgt.tomographer.axis=X`` and ``lgt[1].tomographer.axis=X`` texts as app.role -> name -> value."""
    inputs: dict[str, dict[str, Any]] = {}
    for text in texts:
        path, value = split(text, "--set", "APP.ROLE.NAME=VALUE")
        role, _, name = path.rpartition(".")
        if not (name and "." in role):
            raise click.UsageError(
                f"--set {text!r}: APP.ROLE.NAME=VALUE is expected for several applications"
            )
        inputs.setdefault(role, {})[name] = scalar(value)
    return inputs


def show_workload(result: WorkloadResult, noise: Sequence[str], console: Console) -> None:
    """What became of the instances, the metrics of each application, and how busy the nodes were."""
    shots = f"{result.shots:,} shot{'s' if result.shots != 1 else ''} from {result.first_shot}"
    how = shots if result.until_ns is None else f"until {duration(result.until_ns)}"
    console.print(
        f"[bold]{escape(result.name)}[/] on [bold]{escape(result.network)}[/], {how}, seed {result.seed}",
        highlight=False,
    )
    console.print(_apps(result))
    for name, app in result.apps.items():
        for number, reason in app.not_admitted.items():
            show_line("refused", f"{name}[{number}]: {reason}", console)
        if app.metrics:
            console.print(f"[bold]{escape(name)}[/] {escape(_where(app))}", highlight=False)
            console.print(metrics_table(app.metrics, "instances"))
    if result.utilisation:
        console.print(_busy(result))
    for line in noise:
        show_line("noise", line, console)
    if result.shots:
        mean = sum(result.makespan_ns) / result.shots
        show_line("time", f"last end at {duration(mean)} on average", console)
        rate = result.instances / result.wall_s if result.wall_s > 0 else math.inf
        show_line("speed", f"{rate:,.0f} instances per second", console)
    if result.path:
        show_line("saved", result.path, console)


def tell_failures(result: WorkloadResult) -> None:
    """The first failure with the application's own traceback; the others are in the result file."""
    from qnos.workload_results import failures, first_failure

    first = first_failure(result)
    if first is None:
        return
    click.echo(f"Error: {failures(result)}", err=True)
    if first[1].traceback:
        click.echo(first[1].traceback.rstrip(), err=True)


def _where(app: AppResult) -> str:
    """The placement, if it is that of all copies."""
    if any(placement != app.placement[0] for placement in app.placement):
        return ""
    return (
        "("
        + ", ".join(role if role == node else f"{role} on {node}" for role, node in app.placement[0].items())
        + ")"
    )


def _apps(result: WorkloadResult) -> Table:
    view = Table(box=None, header_style="bold")
    view.add_column("application")
    for heading in ("started", "finished", "failed", "unfinished", "late", "duration", "per s"):
        view.add_column(heading, justify="right")
    for name, app in result.apps.items():
        view.add_row(
            escape(name),
            f"{app.started:,}",
            f"{app.finished:,}",
            f"{app.failed:,}",
            f"{app.unfinished:,}",
            "" if app.deadline_ns is None else f"{app.deadline_misses:,}",
            "–" if math.isnan(app.duration.mean) else duration(app.duration.mean),
            f"{app.throughput_per_s:,.4g}",
        )
    return view


def _busy(result: WorkloadResult) -> Table:
    view = Table(box=None, header_style="bold")
    view.add_column("busy")
    for heading in ("processor", "with attempts", "device", "with attempts"):
        view.add_column(heading, justify="right")
    for node, busy in result.utilisation.items():
        shares = (busy.processor_local, busy.processor_all, busy.device_local, busy.device_all)
        view.add_row(escape(node), *(f"{share:.4f}" for share in shares))
    return view
