"""``qnos calibration``: show, save and compare what a run ran on."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
from rich.markup import escape
from rich.table import Table

from qnos import calibration as calibrations
from qnos import fields
from qnos.calibration import ABSENT, Absent
from qnos.inforce import Section, sections
from qnos.present import console_for, show_line
from qruntime.errors import QnosError

TROUBLE = 2  # as of diff: 1 is an answer


@click.group()
def calibration() -> None:
    """Show, save and compare every parameter a run ran on.

    A SOURCE is a result that `qnos run` saved, a snapshot that `save` wrote, a network file or the name of a
    network that travels with qnos. `qnos run APP --calibration SOURCE` runs on it again.
    """


@calibration.command()
@click.argument("source")
def show(source: str) -> None:
    """Print every parameter in force, and what it amounts to."""
    network = calibrations.load(source)
    console_for(sys.stdout).print(_table(sections(network)))


@calibration.command()
@click.argument("source")
@click.argument("file", type=click.Path(path_type=Path))
def save(source: str, file: Path) -> None:
    """Write a snapshot of a source to FILE, a new file."""
    show_line("saved", str(calibrations.save(source, file)), console_for(sys.stdout))


@calibration.command()
@click.argument("a")
@click.argument("b")
@click.pass_context
def diff(ctx: click.Context, a: str, b: str) -> None:
    """Print every parameter that differs between two sources.

    The status is 0 if none does, 1 if some do, 2 if they cannot be compared.
    """
    try:
        found = calibrations.differences(a, b)
    except QnosError as error:
        click.echo(f"Error: {error}", err=True)
        ctx.exit(TROUBLE)
    if not found:
        return
    view = Table(box=None, header_style="bold")
    for heading in ("parameter", a, b):
        view.add_column(escape(heading), overflow="fold")
    for difference in found:
        view.add_row(escape(difference.path), _in_words(difference.a), _in_words(difference.b))
    console_for(sys.stdout).print(view)
    ctx.exit(1)


def _table(parts: list[Section]) -> Table:
    view = Table(box=None, show_header=False)
    for _ in ("parameter", "value", "meaning"):
        view.add_column(overflow="fold")
    for part in parts:
        view.add_row(f"[bold]{escape(part.title)}[/]")
        for row in part.rows:
            view.add_row(f"  {escape(row.name)}", _in_words(row.value), escape(row.meaning))
    return view


def _in_words(value: Any) -> str:
    if isinstance(value, Absent):
        return repr(ABSENT)
    if isinstance(value, list | tuple):
        return escape(", ".join(fields.exact(item) for item in value) or "none")
    return escape(fields.exact(value))
