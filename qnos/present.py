"""What the command line shows: tables of results, sweeps and traces."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from qnos.results import RunResult
from qnos.statistics import Metric
from qnos.sweeping import SweepTable
from qnos.units import duration

ROUNDING = 1e-9  # a theory's 1 may be 1.0000000000000002
PATIENCE_S = 1.0  # a run that is done before this shows no progress bar


def show_line(label: str, text: str, console: Console) -> None:
    """A fact on a line of its own, however long, as it is."""
    console.print(f"{label:<8} {text}", markup=False, highlight=False, soft_wrap=True)


def show_result(result: RunResult, noise: Sequence[str], console: Console) -> None:
    """Metrics beside what is expected, the noise in force, where simulated time went, and the speed."""
    placed = ", ".join(
        role if role == node else f"{role} on {node}" for role, node in result.placement.items()
    )
    console.print(
        f"[bold]{escape(result.app)}[/] on [bold]{escape(result.network)}[/] ({escape(placed)}), "
        f"{_count(result.shots, 'shot')} from {result.first_shot}, seed {result.seed}",
        highlight=False,
    )
    if result.metrics:
        console.print(_metrics(result.metrics))
    for line in noise:
        show_line("noise", line, console)
    if result.shots:
        show_line("time", _time(result), console)
        traced = ", traced" if result.trace_sha256 else ""
        show_line("speed", f"{result.shots_per_s:,.0f} shots per second{traced}", console)
    if result.path:
        show_line("saved", result.path, console)


def show_sweep(table: SweepTable, console: Console) -> None:
    """One row per point; intervals in brackets, expected values behind them."""
    view = Table(box=None, header_style="bold")
    for path in table.varied:
        view.add_column(escape(path), justify="right")
    for name in table.metric_names:
        view.add_column(escape(name), justify="right")
        view.add_column("95 % interval")
        view.add_column("expected", justify="right")
    view.add_column("error", overflow="fold")
    for row in table.rows:
        cells = [escape(str(row.values[path])) for path in table.varied]
        for name in table.metric_names:
            metric = row.metrics.get(name)
            cells += [_number(metric.mean), _interval(metric), _expected(metric)] if metric else [""] * 3
        view.add_row(*cells, escape(row.error))
    console.print(view)


def show_trace(lines: Sequence[bytes], console: Console) -> None:
    """The trace of one shot as a timeline: what happened when, where, for which process."""
    records = [record for record in map(json.loads, lines) if isinstance(record, list)]
    view = Table(box=None, header_style="bold")
    view.add_column("time (ns)", justify="right", no_wrap=True)
    for place, heading in ((1, "node"), (2, "unit"), (3, "event")):
        widest = max((len(record[place]) for record in records), default=0)
        view.add_column(heading, no_wrap=True, min_width=widest)
    view.add_column("process", justify="right")
    view.add_column("data", overflow="fold")
    for t_ns, node, unit, event, pid, data in records:
        words = escape(" ".join(str(item) for item in data))
        view.add_row(f"{t_ns:,}", node, unit, event, str(pid) if pid >= 0 else "", words)
    console.print(view)


class Bar:
    """A progress bar that appears only when a run takes long; use as a context and call with the count."""

    def __init__(self, total: int, console: Console) -> None:
        self._total = total
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )
        self._task: Any = None
        self._since_s = time.monotonic()

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        if self._task is not None:
            self._progress.stop()

    def __call__(self, done: int) -> None:
        """`done` of the total are finished."""
        if self._task is None:
            if time.monotonic() - self._since_s < PATIENCE_S:
                return
            self._task = self._progress.add_task("", total=self._total)
            self._progress.start()
        self._progress.update(self._task, completed=done)


def _metrics(metrics: dict[str, Metric]) -> Table:
    view = Table(box=None, header_style="bold")
    view.add_column("metric")
    view.add_column("mean", justify="right")
    view.add_column("95 % interval")
    view.add_column("expected", justify="right")
    view.add_column("shots", justify="right")
    for name, metric in metrics.items():
        view.add_row(escape(name), _number(metric.mean), _interval(metric), _expected(metric), str(metric.n))
    return view


def _time(result: RunResult) -> str:
    mean_ns = result.sim_time_ns / result.shots
    parts = [f"{name} {duration(time_ns)}" for name, time_ns in result.time_split.items()]
    split = f": {', '.join(parts)}" if parts else ""
    return f"{duration(mean_ns)} simulated per shot{split}"


def _interval(metric: Metric) -> str:
    low, high = metric.ci95
    return "" if math.isnan(low) else escape(f"[{_number(low)}, {_number(high)}]")


def _expected(metric: Metric) -> str:
    if metric.expected is None:
        return ""
    low, high = metric.ci95
    inside = low - ROUNDING <= metric.expected <= high + ROUNDING
    colour = "green" if inside else "yellow"
    return f"[{colour}]{_number(metric.expected)}[/]"


def _number(value: float) -> str:
    if math.isnan(value):
        return "-"
    return f"{value:.4f}" if abs(value) < 1000 else f"{value:.6g}"


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"
