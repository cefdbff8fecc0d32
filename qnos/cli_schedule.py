"""``qnos schedule``: compute, check and show network schedules."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click
import yaml
from rich.markup import escape
from rich.table import Table

from qnos.controller import Decision, compute_schedule
from qnos.demands import load_demands
from qnos.loading import load_network
from qnos.present import console_for, show_line
from qnos.schedule import Schedule
from qnos.schedule_file import load_schedule, shipped_schedules
from qnos.units import duration, time_ns
from qruntime.errors import ConfigError

_network = click.option("--network", "-n", required=True, help="Shipped name or file.")


@click.group()
def schedule() -> None:
    """Compute, check and show network schedules: when each link may attempt entanglement.

    `qnos run --schedule FILE` runs on one.
    """


@schedule.command()
@click.argument("demands", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_network
@click.option(
    "--out", "-o", type=click.Path(dir_okay=False, path_type=Path), help="Write the schedule here (YAML)."
)
@click.option("--no-admission", is_flag=True, help="Let in every demand; leave out attempts that are late.")
@click.option("--horizon", metavar="TIME", help="A schedule for this time, as 2000s, that does not repeat.")
def compute(demands: Path, network: str, out: Path | None, no_admission: bool, horizon: str | None) -> None:
    """Compute a schedule for the demands of a file.

    Prints how long an attempt at a packet of each demand is, what part of the time it takes, and whether it
    is admitted. Status 1 if nothing is.
    """
    found = compute_schedule(
        load_demands(demands),
        load_network(network),
        admission=not no_admission,
        horizon_ns=None if horizon is None else time_ns(horizon, "--horizon"),
    )
    console = console_for(sys.stdout)
    console.print(_decisions(found.decisions))
    for decision in found.decisions:
        if decision.reason:
            show_line("refused", f"{decision.demand.name}: {decision.reason}", console)
    if found.schedule is None:
        raise ConfigError(f"{demands}: no demand is admitted, so there is no schedule")
    show_line("schedule", found.schedule.in_words(), console)
    if out is not None:
        _write(out, found.schedule, demands, network)
        show_line("saved", str(out), console)


@schedule.command()
@click.argument("file")
@_network
def check(file: str, network: str) -> None:
    """Check that a schedule fits a network.

    FILE is a path or the name of a schedule that travels with qnos.
    """
    loaded = load_network(network)
    found = load_schedule(file, loaded)
    click.echo(f"{file}: fits {loaded.name}; {found.in_words()}")


@schedule.command()
@click.argument("file")
@_network
@click.option("--most", type=click.IntRange(min=1), default=40, show_default=True, help="Bins to print.")
def show(file: str, network: str, most: int) -> None:
    """Print the bins of a schedule, those of one period."""
    found = load_schedule(file, load_network(network))
    console = console_for(sys.stdout)
    show_line("schedule", found.in_words(), console)
    console.print(_bins(found, most))
    if len(found.bins) > most:
        show_line("", f"and {len(found.bins) - most} more", console)


@schedule.command(name="list")
def list_() -> None:
    """Print the names of the schedules that travel with qnos."""
    for name in shipped_schedules():
        click.echo(name)


def _decisions(decisions: Sequence[Decision]) -> Table:
    view = Table(box=None, header_style="bold")
    for heading in ("demand", "path"):
        view.add_column(heading, no_wrap=True)
    for heading in ("pairs", "every", "attempt", "use", "attempts"):
        view.add_column(heading, justify="right")
    view.add_column("admitted")
    for decision in decisions:
        demand = decision.demand
        view.add_row(
            escape(demand.name),
            escape("-".join(demand.nodes)),
            str(demand.pairs),
            duration(demand.every_ns),
            duration(decision.packet_ns) if decision.packet_ns else "none",
            f"{decision.utilisation:.4f}" if decision.packet_ns else "",
            f"{decision.attempts} of {decision.wanted}" if decision.admitted else "",
            "yes" if decision.admitted else "no",
        )
    return view


def _bins(found: Schedule, most: int) -> Table:
    view = Table(box=None, header_style="bold")
    for heading in ("start", "end"):
        view.add_column(heading, justify="right")
    for heading in ("link", "for"):
        view.add_column(heading)
    for row in found.bins[:most]:
        view.add_row(
            duration(row.start_ns), duration(row.end_ns), escape("-".join(row.nodes)),
            escape(", ".join(row.apps) or "all"),
        )  # fmt: skip
    return view


def _write(path: Path, found: Schedule, demands: Path, network: str) -> None:
    head = f"# Computed from the demands in {demands.name} for the network {Path(network).name}.\n"
    text = yaml.safe_dump(found.to_dict(), sort_keys=False, default_flow_style=None)
    try:
        path.write_text(head + text, "utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from None
