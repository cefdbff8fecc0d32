"""Runs over a grid of values, side by side in processes.

`sweep(app, network, vary)` runs every combination of the values in `vary` and gives a `SweepTable` with a
row per point. All points use the same seed, so one of them alone is ``qnos run`` with these values, and the
table is the same for any number of jobs. `parse_vary` reads the command line's ``path=start:stop:n`` and
``path=a,b,c``.
"""

from __future__ import annotations

import csv
import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from qnos import api
from qnos.documents import in_short, scalar, scalars
from qnos.loading import Source, load_network, set_path
from qnos.pool import each
from qnos.statistics import Metric
from qruntime.errors import ConfigError, QnosError

INPUTS: Final = "inputs."
_RANGE = re.compile(r"(?P<start>[^:,\[\]]+):(?P<stop>[^:,\[\]]+):(?P<count>[^:,\[\]]+)$")


class Point(msgspec.Struct, frozen=True):
    """One combination of values, with all that a process needs to run it."""

    app: str
    network: dict[str, Any]
    name: str
    values: dict[str, Any]
    inputs: dict[str, dict[str, Any]]
    placement: dict[str, str] | None
    shots: int
    seed: int
    post_select: bool = False


class Row(msgspec.Struct, frozen=True):
    """What one point gave.

    `error` says why it failed, or how many of its shots did; empty if all went well.
    """

    values: dict[str, Any]
    metrics: dict[str, Metric]
    shots: int
    error: str = ""


class SweepTable(msgspec.Struct, frozen=True):
    """All points, in the order of the grid; the last path varies fastest.

    `interrupted`: only the points that were finished are here.
    """

    app: str
    network: str
    seed: int
    varied: tuple[str, ...]
    rows: tuple[Row, ...]
    interrupted: bool = False

    @property
    def metric_names(self) -> list[str]:
        """Every metric that some point has, in order of appearance."""
        return list(dict.fromkeys(name for row in self.rows for name in row.metrics))

    def records(self) -> list[dict[str, Any]]:
        """A flat mapping per point: varied values, then mean, ``_lo``, ``_hi``, ``_expected`` of each
        metric, ``shots`` and ``error``."""
        records = []
        for row in self.rows:
            record: dict[str, Any] = dict(row.values)
            for name in self.metric_names:
                metric = row.metrics.get(name)
                record[name] = metric.mean if metric else None
                record[f"{name}_lo"] = metric.ci95[0] if metric else None
                record[f"{name}_hi"] = metric.ci95[1] if metric else None
                record[f"{name}_expected"] = metric.expected if metric else None
            record["shots"] = row.shots
            record["error"] = row.error
            records.append(record)
        return records

    def write(self, path: str | Path) -> None:
        """Write the table as ``.csv`` or ``.parquet``, whichever the name says.

        `ConfigError` for any other name, or if the file cannot be written.
        """
        suffix = check_table_name(path)
        try:
            if suffix == ".csv":
                self._write_csv(path)
            else:
                self._write_parquet(path)
        except OSError as error:
            raise ConfigError(f"{path}: cannot be written: {error.strerror}") from None

    def _columns(self, records: Sequence[Mapping[str, Any]]) -> list[str]:
        return list(records[0]) if records else [*self.varied, "shots", "error"]

    def _write_csv(self, path: str | Path) -> None:
        records = self.records()
        with Path(path).open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, self._columns(records), lineterminator="\n")
            writer.writeheader()
            writer.writerows(records)

    def _write_parquet(self, path: str | Path) -> None:
        import pyarrow
        from pyarrow import parquet

        records = self.records()
        columns = {name: _column([record[name] for record in records]) for name in self._columns(records)}
        parquet.write_table(pyarrow.table(columns), str(path))


def sweep(
    app: str,
    network: Source,
    vary: Mapping[str, Sequence[Any]],
    *,
    shots: int = 100,
    seed: int = 0,
    inputs: Mapping[str, Mapping[str, Any]] | None = None,
    placement: Mapping[str, str] | None = None,
    jobs: int = 1,
    post_select: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> SweepTable:
    """Run `app` (a name or path) at every point of the grid.

    `vary` maps a path of the network (see `loading.set_path`) or ``inputs.<role>.<name>`` to its values.
    `jobs` processes work at once. `post_select` is that of `qnos.run`. `progress` gets the numbers of
    finished and of all points. A path that is not there raises `ConfigError`; a point that fails has the
    reason in its row.
    """
    if not vary:
        raise ConfigError("a sweep varies something: at least one path with its values is needed")
    if jobs < 1:
        raise ConfigError(f"jobs is {jobs}; allowed: at least 1")
    if not isinstance(vary, Mapping):
        raise ConfigError(f"vary is {vary!r}; allowed: a mapping of path to values")
    loaded = load_network(network)
    data = loaded.to_dict()
    for path, values in vary.items():
        _check_path(data, path, values)
    given = {role: dict(named) for role, named in (inputs or {}).items()}
    points = [
        Point(
            app,
            data,
            loaded.name,
            dict(zip(vary, combination, strict=True)),
            given,
            None if placement is None else dict(placement),
            shots,
            seed,
            post_select,
        )
        for combination in itertools.product(*vary.values())
    ]
    rows: list[Row | None] = [None] * len(points)
    interrupted = False

    def take(index: int, outcome: Row | Exception) -> None:
        if isinstance(outcome, Exception):  # the process died, or the row could not travel
            outcome = Row(points[index].values, {}, 0, f"{type(outcome).__name__}: {outcome}")
        rows[index] = outcome
        if progress is not None:
            progress(sum(row is not None for row in rows), len(rows))

    try:
        each(run_point, points, jobs, take)
    except KeyboardInterrupt:
        interrupted = True
    done = tuple(row for row in rows if row is not None)
    return SweepTable(app, loaded.name, seed, tuple(vary), done, interrupted)


def parse_vary(text: str) -> tuple[str, list[Any]]:
    """The path and values of ``path=start:stop:n`` (n values, both ends included) or ``path=a,b,c``.

    `ConfigError` if it is neither.
    """
    path, equals, values = text.partition("=")
    path, values = path.strip(), values.strip()
    if not (path and equals and values):
        raise ConfigError(f"--vary {text!r}: allowed are path=start:stop:n and path=a,b,c")
    match = _RANGE.match(values)
    if match is None:
        return path, scalars(values)
    start, stop, count = (scalar(match[name].strip()) for name in ("start", "stop", "count"))
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (start, stop))
    if not numbers or not isinstance(count, int) or count < 1:
        raise ConfigError(
            f"--vary {text!r}: in start:stop:n the first two are numbers and n is an integer of at least 1"
        )
    return path, spaced(start, stop, count)


def spaced(start: float, stop: float, count: int) -> list[float]:
    """`count` evenly spaced values from `start` to `stop`, both included, free of rounding noise; integers
    where all of them are."""
    if count == 1:
        return [start]
    step = (stop - start) / (count - 1)
    values = [float(f"{start + i * step:.12g}") for i in range(count - 1)] + [float(stop)]
    if isinstance(start, int) and isinstance(stop, int) and all(value.is_integer() for value in values):
        return [int(value) for value in values]
    return values


def check_table_name(path: str | Path) -> str:
    """The suffix of a table's file name; `ConfigError` if it is no format we write, or its library
    lacks."""
    suffix = Path(path).suffix
    if suffix not in (".csv", ".parquet"):
        raise ConfigError(f"{path}: the suffix is {suffix!r}; allowed: .csv, .parquet")
    if suffix == ".parquet":
        try:
            import pyarrow  # noqa: F401 - only whether it is there
        except ImportError:
            raise ConfigError("a .parquet table needs pyarrow: pip install 'qnos[arrow]'") from None
    return suffix


def run_point(point: Point) -> Row:
    """Run one point; whatever goes wrong is in the row.

    Ctrl-C raises KeyboardInterrupt.
    """
    changes = {path: value for path, value in point.values.items() if not path.startswith(INPUTS)}
    inputs = {role: dict(named) for role, named in point.inputs.items()}
    for path, value in point.values.items():
        if path.startswith(INPUTS):
            _, role, name = path.split(".", 2)
            inputs.setdefault(role, {})[name] = value
    try:
        result = api.run(
            point.app,
            {**point.network, "name": point.name},
            shots=point.shots,
            seed=point.seed,
            inputs=inputs,
            placement=point.placement,
            values=changes,
            time_split=False,
            post_select=point.post_select,
        )
    except QnosError as error:
        return Row(point.values, {}, 0, str(error))
    except Exception as error:  # a bug at one point must not cost the others
        return Row(point.values, {}, 0, f"{type(error).__name__}: {error}")
    if result.interrupted:
        raise KeyboardInterrupt
    return Row(point.values, result.metrics, result.shots, api.failures(result))


def _check_path(data: dict[str, Any], path: str, values: Sequence[Any]) -> None:
    if isinstance(values, str) or not isinstance(values, Sequence):
        raise ConfigError(f"{path} is {values!r}; allowed: a list of values to go through")
    if not values:
        raise ConfigError(f"{path} has no values to go through")
    if not path.startswith(INPUTS):
        try:
            set_path(data, path, values[0])
        except ConfigError as error:
            first, _, name = path.partition(".")
            if first in data or not name or "." in name:
                raise
            raise ConfigError(f"{error}; an input of a program is varied as {INPUTS}{path}") from None
        return
    if len([step for step in path.split(".") if step]) != 3:
        raise ConfigError(f"{path!r}: an input is varied as inputs.<role>.<name>")


def _column(values: list[Any]) -> list[Any]:
    """Values that one typed column can hold; mixed or nested ones become text."""
    kinds = {type(value) for value in values if value is not None}
    if len(kinds) <= 1 and kinds <= {bool, int, float, str}:
        return values
    if kinds == {int, float}:
        return [None if value is None else float(value) for value in values]
    return [None if value is None else in_short(value) for value in values]
