"""``qnos experiment``."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from qnos.cli import INTERRUPTED
from qnos.experiments import EXPERIMENTS, named, table
from qnos.experiments.experiment import Experiment, Options, Outcome, conduct, size_of
from qnos.experiments.panels import MissingPlotter, draw
from qnos.present import Bar, console_for, show_line
from qnos.units import time_ns
from qruntime.errors import ConfigError


@click.command()
@click.argument("name")
@click.option("--seed", "-s", default=0, show_default=True, type=int)
@click.option("--shots", "-k", type=click.IntRange(min=2), help="Per point, where the experiment has shots.")
@click.option("--until", metavar="TIME", help="Simulated time per point (20s), where it runs sessions.")
@click.option("--schedulers", metavar="A,B", help="Only these, where schedulers are compared; else all.")
@click.option("--jobs", "-j", default=1, show_default=True, type=click.IntRange(min=1), help="Processes.")
@click.option("--quick", is_flag=True, help="Fewer points and samples: under 30 s with one process.")
@click.option(
    "--out",
    default="qnos-results",
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory for the table (.csv) and the plot (.svg).",
)
@click.pass_context
def experiment(
    ctx: click.Context,
    name: str,
    seed: int,
    shots: int | None,
    until: str | None,
    schedulers: str | None,
    jobs: int,
    quick: bool,
    out: Path,
) -> None:
    """Measure an experiment that travels with qnos; NAME is one of qnos experiment list.

    Prints the table and what should have come out, and writes NAME.csv and NAME.svg. The table is the same
    for any number of processes. The status is 1 if something did not come out, and 130 after Ctrl-C.
    """
    console = console_for(sys.stdout)
    if name == "list":
        console.print(_overview())
        return
    subject = named(name)
    options = Options(
        seed=seed,
        shots=shots,
        until_ns=None if until is None else time_ns(until, "--until"),
        schedulers=None if schedulers is None else tuple(part.strip() for part in schedulers.split(",")),
        quick=quick,
    )
    size_of(subject, options)  # says what is wrong before a directory is made
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"--out {out}: cannot be made: {error.strerror}") from None
    errors = Console(stderr=True)
    with Bar(0, errors) as bar:
        outcome = conduct(subject, options, jobs, bar.of if errors.is_terminal else None)
    table.show(outcome.rows, subject.COLUMNS, console)
    table.show_checks(outcome.checks, console)
    _write(outcome, subject, out / name, console)
    if outcome.interrupted:
        ctx.exit(INTERRUPTED)
    if not all(check.holds for check in outcome.checks):
        ctx.exit(1)


def _write(outcome: Outcome, subject: Experiment, stem: Path, console: Console) -> None:
    """The table, and the plot if it can be drawn and all points are there."""
    rows, plot = stem.with_suffix(".csv"), stem.with_suffix(".svg")
    try:
        table.write(outcome.rows, subject.COLUMNS, rows)
        show_line("saved", str(rows), console)
        if not outcome.interrupted:
            draw(subject.panels(outcome.rows), plot)
            show_line("saved", str(plot), console)
    except MissingPlotter as error:
        click.echo(f"No plot: {error}", err=True)
    except OSError as error:
        raise ConfigError(f"{stem.parent}: results cannot be saved: {error.strerror}") from None


def _overview() -> Table:
    view = Table(box=None, header_style="bold")
    view.add_column("experiment")
    view.add_column("what it measures", overflow="fold")
    for name, what in EXPERIMENTS.items():
        view.add_row(escape(name), escape(what))
    return view
