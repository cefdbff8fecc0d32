"""What an experiment is, and how one is conducted: `conduct(experiment, options)` gives an `Outcome`.

The points of an experiment are measured side by side in processes. Each has a seed of its own and rows come
in the order of the points, so a table is the same for any number of jobs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

import msgspec

from qnos.experiments.panels import Panel
from qnos.pool import each
from qnos.units import duration
from qruntime.errors import ConfigError, QnosError

Row = dict[str, Any]  # column -> text or number, None where there is none


class Column(msgspec.Struct, frozen=True):
    """A column of the table; `form` is how its numbers are printed, as in format strings."""

    name: str
    heading: str
    form: str = ""


class Check(msgspec.Struct, frozen=True):
    """Something that should come out, and whether it did; `found` says what was measured."""

    what: str
    found: str
    holds: bool


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What whoever asks for an experiment may choose; None leaves it to the experiment.

    An experiment counts in shots or in simulated time, and takes one of `shots` and `until_ns`.
    """

    seed: int = 0
    shots: int | None = None
    until_ns: int | None = None
    schedulers: tuple[str, ...] | None = None
    quick: bool = False


class Size(msgspec.Struct, frozen=True):
    """How much is measured at each point: so many `shots`, or sessions until `until_ns`; and how many points,
    which is the experiment's own affair."""

    shots: int = 0
    until_ns: int = 0
    points: tuple[float, ...] = ()


class Experiment(Protocol):
    """What the module of an experiment has. `measure` runs in other processes: points are plain data."""

    __doc__: str | None
    FULL: Size
    QUICK: Size
    COLUMNS: Sequence[Column]

    def points(self, size: Size, options: Options) -> list[dict[str, Any]]:
        """What is to be measured. Raises `ConfigError` for options that make no sense here."""

    def measure(self, point: dict[str, Any]) -> list[Row]:
        """The rows of one point."""

    def checks(self, rows: Sequence[Row]) -> list[Check]:
        """What should come out, and did or did not."""

    def panels(self, rows: Sequence[Row]) -> list[Panel]:
        """What to draw."""


class Outcome(msgspec.Struct, frozen=True):
    """The rows of a table, and what was checked; if `interrupted`, the rows of the points that were
    finished, and no checks."""

    rows: list[Row]
    checks: list[Check]
    interrupted: bool = False


def conduct(
    experiment: Experiment,
    options: Options,
    jobs: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Outcome:
    """Measure every point with `jobs` processes at once; `progress` gets the numbers of points done and of
    all.

    Raises `ConfigError` for options that make no sense, and what a point raised that failed.
    """
    points = experiment.points(size_of(experiment, options), options)
    found: list[list[Row] | None] = [None] * len(points)

    def take(index: int, outcome: list[Row] | Exception) -> None:
        if isinstance(outcome, QnosError):
            raise outcome
        if isinstance(outcome, Exception):
            raise QnosError(f"point {points[index]} failed: {type(outcome).__name__}: {outcome}")
        found[index] = outcome
        if progress is not None:
            progress(sum(rows is not None for rows in found), len(found))

    interrupted = False
    try:
        each(partial(_measured, experiment.__name__), points, jobs, take)  # type: ignore[attr-defined]
    except KeyboardInterrupt:
        interrupted = True
    rows = [row for of_point in found if of_point is not None for row in of_point]
    return Outcome(rows, [] if interrupted else experiment.checks(rows), interrupted)


def size_of(experiment: Experiment, options: Options) -> Size:
    """The size asked for; `ConfigError` for shots of what has none, or time."""
    size = experiment.QUICK if options.quick else experiment.FULL
    if options.shots is not None:
        if not size.shots:
            raise ConfigError(
                f"this experiment runs sessions of {duration(size.until_ns)}, not shots: --until"
            )
        size = msgspec.structs.replace(size, shots=options.shots)
    if options.until_ns is not None:
        if not size.until_ns:
            raise ConfigError(f"this experiment runs {size.shots} shots, not until a time: --shots")
        size = msgspec.structs.replace(size, until_ns=options.until_ns)
    return size


def _measured(module: str, point: dict[str, Any]) -> list[Row]:
    """In whatever process: the rows of one point."""
    from importlib import import_module

    rows: list[Row] = import_module(module).measure(point)
    return rows


def select(rows: Sequence[Row], **wanted: Any) -> list[Row]:
    """The rows with these values."""
    return [row for row in rows if all(row[name] == value for name, value in wanted.items())]


def values(rows: Sequence[Row], column: str) -> list[Any]:
    """The different values of a column, in the order in which they come."""
    return list(dict.fromkeys(row[column] for row in rows))


def mean_of(sampled: Sequence[float]) -> tuple[float, float]:
    """Mean and standard error of two or more independent samples."""
    mean = math.fsum(sampled) / len(sampled)
    squares = math.fsum((value - mean) ** 2 for value in sampled)
    return mean, math.sqrt(squares / (len(sampled) - 1) / len(sampled))


def pooled(rows: Sequence[Row], name: str) -> tuple[float, float]:
    """Mean and standard error of all samples of independent rows: ``name``, ``name_err`` and ``name_n`` are
    the mean, the error and the number of samples of each."""
    total = sum(row[f"{name}_n"] for row in rows)
    mean = sum(row[f"{name}_n"] * row[name] for row in rows) / total
    return mean, math.hypot(*(row[f"{name}_n"] * row[f"{name}_err"] for row in rows)) / total
