"""Rows of a benchmark as a table, with the limit each must keep."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

Row = dict[str, Any]  # what, value, unit, and maybe limit (at most) or floor (at least)


def median_s(
    action: Callable[[], object], repeats: int = 7, clock: Callable[[], float] = time.perf_counter
) -> float:
    """Median time of `action` in seconds on the wall or by another clock, after one call to warm up."""
    action()
    times = []
    for _ in range(repeats):
        began = clock()
        action()
        times.append(clock() - began)
    return statistics.median(times)


def keeps(row: Row) -> bool:
    """Whether the figure is within its limit; True if it has none."""
    return not ("limit" in row and row["value"] > row["limit"]) and not (
        "floor" in row and row["value"] < row["floor"]
    )


def show(title: str, rows: Sequence[Row]) -> None:
    """Print one table."""
    table = Table(title=title, title_justify="left")
    for column, justify in (
        ("figure", "left"),
        ("value", "right"),
        ("unit", "left"),
        ("wanted", "right"),
        ("", "left"),
    ):
        table.add_column(column, justify=justify)  # type: ignore[arg-type]
    for row in rows:
        wanted = (
            f"<= {row['limit']:g}" if "limit" in row else f">= {row['floor']:g}" if "floor" in row else ""
        )
        value = row["value"]
        text = (
            f"{value:,.4g}"
            if isinstance(value, float)
            else f"{value:,}"
            if isinstance(value, int)
            else str(value)
        )
        table.add_row(row["what"], text, row["unit"], wanted, "" if keeps(row) else "MISSED")
    Console().print(table)
