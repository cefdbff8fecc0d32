"""``qnos sets``."""

from __future__ import annotations

import sys

import click
from rich.markup import escape
from rich.table import Table

from qnos import fields
from qnos.present import console_for, show_line
from qnos.sets import SHIPPED, ParameterSet, load_set, shipped_sets

UNSAID = "(default of the kind)"


@click.command()
@click.argument("name", required=False)
def sets(name: str | None) -> None:
    """List the parameter sets of devices and links, or all values of one.

    NAME is that of a set in the list, or a file of yours. A network file uses one as `device: {set: NAME}`.
    """
    console = console_for(sys.stdout)
    if name is None:
        console.print(_list())
        return
    found = load_set(name)
    show_line("set", f"{found.name}, a {found.family} of kind {found.kind}", console)
    show_line("about", found.about, console)
    console.print(_values(found))


def _list() -> Table:
    view = Table(box=None, header_style="bold")
    for heading in ("set", "of a", "kind", "about"):
        view.add_column(heading, overflow="fold")
    for family in SHIPPED:
        for name in shipped_sets(family):
            found = load_set(name, family)
            view.add_row(escape(name), family, escape(found.kind), escape(found.about))
    return view


def _values(found: ParameterSet) -> Table:
    """Every parameter of the kind, those that the set leaves out at their defaults."""
    view = Table(box=None, header_style="bold")
    for heading in ("parameter", "value", "source"):
        view.add_column(heading, overflow="fold")
    for row in fields.rows(found.schema):
        if row.name in found.parameters:
            cells = (row.name, fields.exact(found.parameters[row.name]), found.source(row.name))
        else:
            cells = (row.name, row.default, UNSAID)
        view.add_row(*map(escape, cells))
    return view
