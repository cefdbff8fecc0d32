"""What the command line shows: tables of results, sweeps and traces."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Sequence
from typing import Any, Literal, TextIO

from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from qnos.results import RunResult
from qnos.statistics import Metric
from qnos.sweeping import Row, SweepTable
from qnos.units import duration

ROUNDING = 1e-9  # a theory's 1 may be 1.0000000000000002
UNLIMITED = 10_000  # columns of what is no terminal: a pipe or a file is not cut
ERROR_COLUMNS = 24  # at least, if a point of a sweep has one
DATA_COLUMNS = 32  # at least, for the data of a trace
PATIENCE_S = 1.0  # a run that is done before this shows no progress bar


def console_for(file: TextIO) -> Console:
    """A console on a file: as wide as the terminal, or as COLUMNS says, else as wide as any table needs."""
    if file.isatty() or os.environ.get("COLUMNS", "").isdecimal():
        return Console(file=file)
    return Console(file=file, width=UNLIMITED)


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
        console.print(metrics_table(result.metrics))
    if result.cr_check:
        show_line("charge", _charge(result), console)
    for line in noise:
        show_line("noise", line, console)
    if result.shots:
        show_line("time", _time(result), console)
        traced = ", traced" if result.trace_sha256 else ""
        show_line("speed", f"{result.shots_per_s:,.0f} shots per second{traced}", console)
    if result.path:
        show_line("saved", result.path, console)


def show_sweep(table: SweepTable, console: Console) -> None:
    """One row per point; intervals in brackets, expected values behind them.

    A terminal too narrow for it wraps the lines: no heading or number is cut.
    """
    headings = list(table.varied)
    for name in table.metric_names:
        headings += [name, "95 % interval", "expected"]
    rows = [_point(row, table) for row in table.rows]
    view = Table(box=None, header_style="bold")
    for column, heading in enumerate(headings):
        widest = max(len(heading), *(Text.from_markup(cells[column]).cell_len for cells in rows), 0)
        side: Literal["left", "right"] = "left" if heading.endswith("interval") else "right"
        view.add_column(escape(heading), justify=side, no_wrap=True, min_width=widest)
    view.add_column(
        "error", overflow="fold", min_width=ERROR_COLUMNS if any(map(_failed, table.rows)) else None
    )
    for cells, row in zip(rows, table.rows, strict=True):
        view.add_row(*cells, escape(row.error))
    print_whole(view, console)


def print_whole(view: Table, console: Console) -> None:
    """Print a table with every column at least as wide as its least width, wrapped by a narrower terminal."""
    least = Measurement.get(console, console.options.update(width=UNLIMITED), view).minimum
    if least > console.width:
        view.width = least
    console.print(view, crop=False)


def _point(row: Row, table: SweepTable) -> list[str]:
    cells = [escape(str(row.values[path])) for path in table.varied]
    for name in table.metric_names:
        metric = row.metrics.get(name)
        if metric is None:
            cells += ["", "", ""]
        else:
            cells += [_mean(name, metric), _interval(name, metric), _expected(name, metric)]
    return cells


def _failed(row: Row) -> bool:
    return bool(row.error)


def show_trace(lines: Sequence[bytes], console: Console) -> None:
    """The trace of one shot as a timeline: what happened when, where, for which process."""
    records = [record for record in map(json.loads, lines) if isinstance(record, list)]
    view = Table(box=None, header_style="bold")
    latest = max((len(f"{record[0]:,}") for record in records), default=0)
    view.add_column("time (ns)", justify="right", no_wrap=True, min_width=max(latest, len("time (ns)")))
    for place, heading in ((1, "node"), (2, "unit"), (3, "event")):
        widest = max((len(record[place]) for record in records), default=0)
        view.add_column(heading, no_wrap=True, min_width=widest)
    view.add_column("process", justify="right")
    view.add_column("data", overflow="fold", min_width=DATA_COLUMNS)
    for t_ns, node, unit, event, pid, data in records:
        words = escape(" ".join(str(item) for item in data))
        view.add_row(f"{t_ns:,}", node, unit, event, str(pid) if pid >= 0 else "", words)
    print_whole(view, console)


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

    def of(self, done: int, total: int) -> None:
        """`done` are finished of a total that was not known before."""
        self._total = total
        self(done)

    def __call__(self, done: int) -> None:
        """`done` of the total are finished."""
        if self._task is None:
            if time.monotonic() - self._since_s < PATIENCE_S:
                return
            self._task = self._progress.add_task("", total=self._total)
            self._progress.start()
        self._progress.update(self._task, completed=done)


def metrics_table(metrics: dict[str, Metric], of: str = "shots") -> Table:
    """A row per metric; `of` is what their number counts."""
    view = Table(box=None, header_style="bold")
    view.add_column("metric")
    view.add_column("mean", justify="right")
    view.add_column("95 % interval")
    view.add_column("expected", justify="right")
    view.add_column(of, justify="right")
    for name, metric in metrics.items():
        view.add_row(
            escape(name), _mean(name, metric), _interval(name, metric), _expected(name, metric), str(metric.n)
        )
    return view


def _charge(result: RunResult) -> str:
    """How many shots passed the check at each node, and what became of the others."""
    passed = ", ".join(f"{node} in {sum(column):,}" for node, column in result.cr_check.items())
    rest = (
        f"{_count(result.shots_dropped, 'shot')} dropped"
        if result.post_selected
        else "all are counted (--post-select drops the others)"
    )
    return f"right at {passed} of {_count(result.shots, 'shot')}; {rest}"


def _time(result: RunResult) -> str:
    mean_ns = result.sim_time_ns / result.shots
    parts = [f"{name} {duration(time_ns)}" for name, time_ns in result.time_split.items()]
    split = f": {', '.join(parts)}" if parts else ""
    return f"{duration(mean_ns)} simulated per shot{split}"


def _mean(name: str, metric: Metric) -> str:
    return _number(name, metric.mean)


def _interval(name: str, metric: Metric) -> str:
    low, high = metric.ci95
    return "–" if math.isnan(low) else escape(f"[{_number(name, low)}, {_number(name, high)}]")


def _expected(name: str, metric: Metric) -> str:
    if metric.expected is None:
        return ""
    low, high = metric.ci95
    if math.isnan(low):  # without an interval only agreement tells anything
        low = high = metric.mean
    slack = ROUNDING * max(1.0, abs(metric.expected))
    text = _number(name, metric.expected)
    if low - slack <= metric.expected <= high + slack:
        return f"[green]{text}[/]"
    return text if metric.interval == "none" else f"[yellow]{text}[/]"


def _number(name: str, value: float) -> str:
    """A value of the metric of this name: times are given to a tenth of a nanosecond."""
    if math.isnan(value):
        return "–"
    if name.endswith("_ns"):
        return f"{value:,.1f}"
    return f"{value:.4f}" if abs(value) < 1000 else f"{value:.6g}"


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"
