"""Gathering a run shot by shot: `Recorder`, which holds what becomes a `RunResult`.

What an application's own `metrics()` and `expected()` do wrong costs no shot: it is an error beside those of
the programs, and the results stay.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from cnpu.source import app_traceback, failing
from qnos.columns import Column
from qnos.results import WHOLE_RUN, Columns, ShotError
from qnos.statistics import Limits, Metric, Tally
from qruntime.errors import ProgramError

ERRORS_KEPT: Final = 100  # with their text; further ones are only counted
_ROUNDING: Final = 1e-9  # of a range, by which a value may lie outside

PerShot = Callable[[dict[str, dict[str, Any]]], Any]
OnValues = Callable[[int, Mapping[str, Any]], None]


class Recorder:
    """Gathers the shots of a run.

    `per_shot` is the application's `metrics(results)`, which gives numbers, booleans or None per name.
    Without it every number or boolean that a program returns is a metric, ``role.key``. `ranges` are the
    limits of one shot's values for the metrics that have some. With `post_select` a shot in which a device
    failed its check has its results and times, but no metrics and no errors: it is dropped. `on_values` gets
    the number and the metrics of every shot that has some.
    """

    def __init__(
        self,
        roles: Sequence[str],
        per_shot: PerShot | None = None,
        first_shot: int = 0,
        ranges: Mapping[str, Limits] | None = None,
        *,
        post_select: bool = False,
        on_values: OnValues | None = None,
    ) -> None:
        self.shots = 0
        self.shots_dropped = 0
        self.shots_failed = 0
        self.errors: list[ShotError] = []
        self.errors_total = 0
        self._columns: dict[str, dict[str, Column]] = {role: {} for role in roles}
        self._checks: dict[str, Column] = {}
        self._sim_time_ns = array("q")
        self._first_shot = first_shot
        self._per_shot = per_shot
        self._ranges = dict(ranges or {})
        self._expected: dict[str, float] = {}
        self._tallies: dict[str, Tally] = {}
        self._names_checked = False
        self._post_select = post_select
        self._on_values = on_values

    def expect(self, ask: Callable[[], Any]) -> None:
        """Take what the application expects of its metrics: `ask()` gives numbers by name, or None."""
        try:
            told = ask()
            expected = {} if told is None else dict(told)
            bad = [name for name, value in expected.items() if not _is_number(value)]
            if bad:
                raise ProgramError(f"{bad[0]} is {expected[bad[0]]!r}; allowed: a finite number or None")
        except Exception as error:
            self._fault(WHOLE_RUN, "expected()", error)
            return
        self._expected = {name: value for name, value in expected.items() if value is not None}

    @property
    def results(self) -> Columns:
        """The columns of the finished shots; one that Ctrl-C cut off while it was taken is left out."""
        for columns in self._columns.values():
            for column in columns.values():
                column.cut(self.shots)
        return {role: dict(columns) for role, columns in self._columns.items()}

    @property
    def cr_check(self) -> dict[str, Column]:
        """Per device with a check, whether it passed in each finished shot."""
        for column in self._checks.values():
            column.cut(self.shots)
        return dict(self._checks)

    @property
    def shot_sim_time_ns(self) -> Sequence[int]:
        """Simulated duration of each finished shot."""
        del self._sim_time_ns[self.shots :]
        return self._sim_time_ns

    def add(
        self,
        results: Mapping[str, dict[str, Any] | None],
        sim_time_ns: int,
        errors: Sequence[ShotError] = (),
        passed: Mapping[str, bool] | None = None,
    ) -> None:
        """Take one finished shot: what each role returned (None: it failed), how long it took, who failed,
        and which nodes passed a check of their device.

        Metrics are taken of shots in which every role returned. If `metrics()` fails, or gives anything but
        numbers within their ranges, that is an error of the shot.
        """
        whole = not errors
        for role, columns in self._columns.items():
            values = results.get(role)
            if values is None:
                whole, values = False, {}
            for key, value in values.items():
                column = columns.get(key)
                if column is None:
                    columns[key] = column = Column(missing=self.shots)
                column.append(value)
            if len(values) < len(columns):
                for key, column in columns.items():
                    if key not in values:
                        column.append(None)
        self._sim_time_ns.append(sim_time_ns)
        for node, right in (passed or {}).items():
            self._checks.setdefault(node, Column()).append(right)
        if self._post_select and not all((passed or {}).values()):
            self.shots_dropped += 1
            self.shots += 1
            return
        for error in errors:
            self.keep(error)
        measured = not whole or self._measure({role: values or {} for role, values in results.items()})
        self.shots_failed += bool(errors) or not measured
        self.shots += 1

    def keep(self, error: ShotError) -> None:
        """Take an error; beyond the first ones they are only counted."""
        self.errors_total += 1
        if len(self.errors) < ERRORS_KEPT:
            self.errors.append(error)

    def metrics(self) -> dict[str, Metric]:
        """Every metric so far, with the value a theory expects."""
        return {
            name: tally.metric(self._expected.get(name), self._ranges.get(name))
            for name, tally in self._tallies.items()
        }

    def _measure(self, results: dict[str, dict[str, Any]]) -> bool:
        """Whether the metrics of a shot could be taken."""
        try:
            measured = self._values(results)
        except Exception as error:
            self._fault(self._first_shot + self.shots, "metrics()", error)
            return False
        for name, value in measured.items():
            tally = self._tallies.get(name)
            if tally is None:
                self._tallies[name] = tally = Tally()
            if value is not None:
                tally.add(value)
        if self._on_values is not None:
            self._on_values(self._first_shot + self.shots, measured)
        if not self._names_checked:
            self._names_checked = True
            self._check_names("expected()", self._expected)
            self._check_names("RANGES", self._ranges)
        return True

    def _values(self, results: dict[str, dict[str, Any]]) -> Mapping[str, Any]:
        if self._per_shot is None:
            return {
                f"{role}.{key}": value
                for role, values in results.items()
                for key, value in values.items()
                if isinstance(value, int | float) and math.isfinite(value)
            }
        measured = self._per_shot(results)
        if measured is None:
            return {}
        if not isinstance(measured, Mapping):
            raise ProgramError(f"it gave {measured!r}; allowed: a dict of numbers by name")
        for name, value in measured.items():
            if not _is_number(value):
                raise ProgramError(f"it gave {name} = {value!r}; allowed: a finite number, a boolean or None")
            limits = self._ranges.get(name)
            if limits is not None and value is not None and not _within(value, limits):
                raise ProgramError(
                    f"it gave {name} = {value!r}; RANGES allows {limits[0]:g} to {limits[1]:g}"
                )
        return measured

    def _check_names(self, what: str, named: Mapping[str, object]) -> None:
        """What names a metric that the application does not have is wrong for the whole run, once."""
        unknown = [name for name in named if name not in self._tallies]
        if unknown:
            known = ", ".join(self._tallies) or "none"
            self._fault(WHOLE_RUN, what, ProgramError(f"it names {', '.join(unknown)}; metrics are {known}"))

    def _fault(self, shot: int, role: str, error: Exception) -> None:
        """Keep an error of the application's own `metrics()`, `expected()` or `RANGES`."""
        text, frames = str(error), ""
        if not isinstance(error, ProgramError):
            place = failing(error)
            text = f"{type(error).__name__}: {error}" + (f" ({place})" if place is not None else "")
            if error.__traceback__ is not None:
                ours = 2 if role == "metrics()" else 1  # frames of this file, which tell a user nothing
                error.with_traceback(_inner(error.__traceback__, ours))
                frames = app_traceback(error, self._per_shot)
        self.keep(ShotError(shot, role, ProgramError.code, text, frames, self._now_ns(shot)))

    def _now_ns(self, shot: int) -> int:
        return 0 if shot == WHOLE_RUN else self._sim_time_ns[-1]


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and math.isfinite(value))


def _within(value: float, limits: Limits) -> bool:
    low, high = limits
    slack = _ROUNDING * (high - low)
    return low - slack <= value <= high + slack


def _inner(trace: Any, frames: int) -> Any:
    """A traceback without its outermost frames, but never without all."""
    for _ in range(frames):
        if trace.tb_next is None:
            break
        trace = trace.tb_next
    return trace
