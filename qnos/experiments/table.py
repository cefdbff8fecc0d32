"""The table of an experiment: as a CSV file, and for people."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from qnos.experiments.experiment import Check, Column, Row
from qnos.present import print_whole


def write(rows: Sequence[Row], columns: Sequence[Column], path: Path) -> None:
    """All columns, numbers with all their digits; what a row does not have is empty."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [column.name for column in columns], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def show(rows: Sequence[Row], columns: Sequence[Column], console: Console) -> None:
    """Rounded; a column ``x_err`` stands behind its ``x``, after a plus-minus sign."""
    by_name = {column.name: column for column in columns}
    shown = [column for column in columns if not column.name.endswith("_err")]
    cells = [[_cell(row, column, by_name) for column in shown] for row in rows]
    view = Table(box=None, header_style="bold")
    for place, column in enumerate(shown):
        widest = max((len(line[place]) for line in cells), default=0)
        view.add_column(
            escape(column.heading),
            justify="right" if column.form else "left",
            no_wrap=True,
            min_width=max(widest, len(column.heading)),
        )
    for line in cells:
        view.add_row(*map(escape, line))
    print_whole(view, console)


def show_checks(checks: Sequence[Check], console: Console) -> None:
    """A line for each."""
    for check in checks:
        verdict = "holds" if check.holds else "[bold]FAILS[/]"
        console.print(
            f"{verdict}  {escape(check.what)}: {escape(check.found)}", highlight=False, soft_wrap=True
        )


def _cell(row: Row, column: Column, by_name: dict[str, Column]) -> str:
    value = row[column.name]
    if value is None:
        return ""
    text = format(value, column.form)
    error = row.get(f"{column.name}_err") if f"{column.name}_err" in by_name else None
    return text if error is None else f"{text} ±{format(error, column.form)}"
