"""What a workload came to: `WorkloadResult`, with an `AppResult` for each application.

Rows are instances. `to_json_dict()`, `to_pandas()` and `save(directory)` hand them on as those of a
`RunResult` do. `AppRecorder` gathers the instances of one application.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from cnpu.launch import Ended
from qnos.columns import Column
from qnos.recording import Recorder
from qnos.results import (
    INLINE_SHOTS,
    Columns,
    ShotError,
    file_part,
    metric_data,
    metric_in_short,
    plain,
    save_as,
    settings,
    summary,
    write_npz,
)
from qnos.statistics import Metric, Tally
from qnos.utilisation import Utilisation
from qnos.workload_plan import Copy
from qruntime.errors import ConfigError

if TYPE_CHECKING:
    import pandas

METRICS_IN_REPR = 2


class AppResult(msgspec.Struct, kw_only=True):
    """The instances of one application in all timelines of a run.

    `started` is `finished` (every program returned) and `failed` and `unfinished`, those that had not ended
    when the session did. `deadline_misses` counts instances that took longer than `deadline_ns` from their
    arrival, failed and unfinished ones too. The columns have a row for each instance that ended: `shot`,
    `copy`, `arrival_ns`, `duration_ns`, `failed` and `results`, role -> key -> value. `errors` name an
    instance by its row in place of a shot. `expected` of a metric is that of the application run alone.
    `not_admitted` has the copies that a computed schedule has no room for, which were not started, and why.
    """

    app: str
    copies: int
    placement: list[dict[str, str]]
    inputs: list[dict[str, dict[str, Any]]]
    started: int
    finished: int
    failed: int
    unfinished: int
    deadline_ns: int | None
    deadline_misses: int
    throughput_per_s: float
    duration: Metric
    metrics: dict[str, Metric]
    results: Columns
    shot: Column
    copy: Column
    arrival_ns: Sequence[int]
    duration_ns: Sequence[int]
    was_failed: Column
    errors: list[ShotError]
    errors_total: int
    not_admitted: dict[int, str] = {}

    def columns(self) -> dict[str, Sequence[Any]]:
        """All columns of a table with a row per instance that ended."""
        table: dict[str, Sequence[Any]] = {
            "shot": self.shot,
            "copy": self.copy,
            "arrival_ns": self.arrival_ns,
            "duration_ns": self.duration_ns,
            "failed": self.was_failed,
        }
        for role, columns in self.results.items():
            for key, column in columns.items():
                table[f"{role}.{key}"] = column
        return table

    def to_pandas(self) -> pandas.DataFrame:
        """A data frame with a row per instance that ended; `ConfigError` if pandas is not installed."""
        return _pandas().DataFrame({name: list(column) for name, column in self.columns().items()})

    def to_json_dict(self, inline: bool = True) -> dict[str, Any]:
        """Plain data; without `inline` counts per column in place of the values."""
        columns = self.columns()
        data = {
            "app": self.app,
            "copies": self.copies,
            "placement": self.placement,
            "inputs": self.inputs,
            "started": self.started,
            "finished": self.finished,
            "failed": self.failed,
            "unfinished": self.unfinished,
            "deadline_ns": self.deadline_ns,
            "deadline_misses": self.deadline_misses,
            "throughput_per_s": self.throughput_per_s,
            "duration_ns": metric_data(self.duration),
            "metrics": {name: metric_data(metric) for name, metric in self.metrics.items()},
            "columns": {name: list(column) for name, column in columns.items()}
            if inline
            else {"counts": {name: summary(column) for name, column in columns.items()}},
            "errors": [msgspec.to_builtins(error) for error in self.errors],
            "errors_total": self.errors_total,
            "not_admitted": {str(number): reason for number, reason in self.not_admitted.items()},
        }
        return {name: plain(value) for name, value in data.items()}


class WorkloadResult(msgspec.Struct, kw_only=True):
    """The finished timelines of one run of a workload.

    `apps` is the result of each application by name. `utilisation` says per node how busy its processor and
    device were. `makespan_ns` has for each timeline when its last
    instance ended, `sim_time_ns` is the length of all together. `until_ns` is the end of a session, None if
    the workload ended by itself. `workload` has the shape of a workload file.
    """

    workload: dict[str, Any]
    network: str
    seed: int
    shots: int
    first_shot: int = 0
    until_ns: int | None = None
    apps: dict[str, AppResult] = {}
    utilisation: dict[str, Utilisation] = {}
    makespan_ns: Sequence[int] = ()
    sim_time_ns: int = 0
    wall_s: float = 0.0
    trace_sha256: str | None = None
    calibration: dict[str, Any] = {}
    interrupted: bool = False
    path: str | None = None

    def __repr__(self) -> str:
        """A line for the run, and one for each application."""
        cut = ", interrupted" if self.interrupted else ""
        lines = [
            f"<WorkloadResult of {self.name} on {self.network}: {self.sim_time_ns / 1e9:.6g} s simulated, "
            f"seed {self.seed}{cut}"
        ]
        for name, app in self.apps.items():
            shown = [metric_in_short(key, metric) for key, metric in app.metrics.items()][:METRICS_IN_REPR]
            counts = f"{app.finished:,} of {app.started:,} finished, {app.failed:,} failed"
            lines.append(f" {name}: {', '.join([counts, *shown])}")
        return "\n".join(lines) + ">"

    @property
    def name(self) -> str:
        """Name of the workload."""
        return str(self.workload["name"])

    @property
    def instances(self) -> int:
        """How many ended, of all applications."""
        return sum(len(app.duration_ns) for app in self.apps.values())

    @property
    def errors_total(self) -> int:
        """How many programs and metrics failed."""
        return sum(app.errors_total for app in self.apps.values())

    @property
    def shots_per_s(self) -> float:
        """Finished timelines per second of wall time."""
        return self.shots / self.wall_s if self.wall_s > 0 else 0.0

    def to_json_dict(self) -> dict[str, Any]:
        """Plain data that JSON can hold; infinite and undefined numbers become null.

        Beyond 10,000 instances columns have counts instead of the values, and `path` names the saved columns.
        """
        inline = self.instances <= INLINE_SHOTS
        data = {
            "workload": self.workload,
            "network": self.network,
            "seed": self.seed,
            "shots": self.shots,
            "first_shot": self.first_shot,
            "until_ns": self.until_ns,
            "apps": {name: app.to_json_dict(inline) for name, app in self.apps.items()},
            "utilisation": msgspec.to_builtins(self.utilisation),
            "makespan_ns": list(self.makespan_ns) if self.shots <= INLINE_SHOTS else None,
            "sim_time_ns": self.sim_time_ns,
            "wall_s": self.wall_s,
            "traced": self.trace_sha256 is not None,
            "trace_sha256": self.trace_sha256,
            "interrupted": self.interrupted,
            "path": self.path,
        }
        found: dict[str, Any] = {key: plain(value) for key, value in data.items()}
        found["calibration"] = settings(self.calibration)
        return found

    def to_pandas(self) -> pandas.DataFrame:
        """A data frame with a row per instance of all applications, in the order of the workload.

        It has the columns that all share; those of one application are in ``apps[name].to_pandas()``.
        `ConfigError` if pandas is not installed.
        """
        table: dict[str, list[Any]] = {
            "app": [name for name, app in self.apps.items() for _ in app.duration_ns]
        }
        for column in ("shot", "copy", "arrival_ns", "duration_ns", "failed"):
            table[column] = [value for app in self.apps.values() for value in app.columns()[column]]
        return _pandas().DataFrame(table)

    def save(self, directory: str | Path = "qnos-results") -> Path:
        """Write the result as ``<workload>-<network>-<seed>-<n>.json`` in `directory`, n the first free
        number.

        Beyond 10,000 instances the columns go into an ``.npz`` of the same name beside it, as
        ``app/column``. Sets and returns the path. `ConfigError` if the directory cannot be written.
        """

        def write(target: Path, columns: Path) -> dict[str, Any]:
            self.path = str(target)
            if self.instances > INLINE_SHOTS:
                write_npz(
                    columns,
                    {
                        f"{name}/{column}": values
                        for name, app in self.apps.items()
                        for column, values in app.columns().items()
                    },
                )
                self.path = str(columns)
            data = self.to_json_dict()
            data["columns_path"] = str(columns) if self.instances > INLINE_SHOTS else None
            self.path = data["path"] = str(target)
            return data

        stem = f"{file_part(self.name)}-{file_part(self.network)}-{self.seed}"
        try:
            return save_as(Path(directory), stem, write)
        except OSError as error:
            self.path = None
            raise ConfigError(f"{directory}: results cannot be saved: {error.strerror}") from None


class AppRecorder:
    """Gathers the instances of one application."""

    def __init__(self, copies: Sequence[Copy], expected: Callable[[], Any] | None) -> None:
        first = copies[0]
        self._copies = copies
        self._recorder = Recorder(list(first.mains), first.app.metrics, 0, first.app.ranges)
        if expected is not None:
            self._recorder.expect(expected)
        self._duration = Tally()
        self._shot, self._copy, self._failed = Column(), Column(), Column()
        self._arrival_ns = array("q")
        self._unfinished = 0
        self._misses = 0

    def add(self, shot: int, copy: Copy, arrival_ns: int, ended: Sequence[Ended]) -> None:
        """Take an instance that is over."""
        row = self._recorder.shots
        by_role = {end.role: end for end in ended}
        values: dict[str, Any] = {}
        errors = []
        for role in copy.mains:
            end = by_role[role]
            values[role] = end.value if end.error is None else None
            if end.error is not None:
                fault = end.error
                errors.append(ShotError(row, role, fault.code, fault.message, end.traceback, end.ended_ns))
        duration_ns = max(end.ended_ns for end in ended) - arrival_ns
        self._arrival_ns.append(arrival_ns)
        self._shot.append(shot)
        self._copy.append(copy.number)
        self._failed.append(bool(errors))
        if not errors:
            self._duration.add(duration_ns)
        self._judge(copy, duration_ns)
        self._recorder.add(values, duration_ns, errors)

    def add_unfinished(self, copy: Copy, for_ns: int) -> None:
        """Take an instance that has not ended `for_ns` after its arrival."""
        self._unfinished += 1
        self._judge(copy, for_ns)

    def result(self, span_ns: int) -> AppResult:
        """What it came to in so much simulated time."""
        recorder, first = self._recorder, self._copies[0]
        failed = sum(self._failed)
        finished = recorder.shots - failed
        return AppResult(
            app=first.app.name,
            copies=len(self._copies),
            placement=[copy.placement for copy in self._copies],
            inputs=[copy.inputs for copy in self._copies],
            started=recorder.shots + self._unfinished,
            finished=finished,
            failed=failed,
            unfinished=self._unfinished,
            deadline_ns=first.entry.deadline_ns,
            deadline_misses=self._misses,
            throughput_per_s=finished / span_ns * 1e9 if span_ns else 0.0,
            duration=self._duration.metric(),
            metrics=recorder.metrics(),
            results=recorder.results,
            shot=self._shot,
            copy=self._copy,
            arrival_ns=self._arrival_ns,
            duration_ns=recorder.shot_sim_time_ns,
            was_failed=self._failed,
            errors=recorder.errors,
            errors_total=recorder.errors_total,
            not_admitted={copy.number: copy.refused for copy in self._copies if copy.refused},
        )

    def _judge(self, copy: Copy, took_ns: int) -> None:
        deadline_ns = copy.entry.deadline_ns
        self._misses += deadline_ns is not None and took_ns > deadline_ns


def first_failure(result: WorkloadResult) -> tuple[str, ShotError] | None:
    """The error to show first, with the name of its application: the earliest that is not merely the news of
    another program's; None if there is none."""
    found = [(name, error) for name, app in result.apps.items() for error in app.errors]
    causes = [item for item in found if item[1].code != "PEER_FAILED"] or found
    return min(
        causes, key=lambda item: (_shot_of(result.apps[item[0]], item[1]), item[1].ended_ns), default=None
    )


def failures(result: WorkloadResult) -> str:
    """What failed in one sentence; empty if nothing did."""
    first = first_failure(result)
    if first is None:
        return ""
    name, error = first
    counts = ", ".join(
        f"{app.failed:,} of {app.started:,} {label}" for label, app in result.apps.items() if app.errors
    )
    app = result.apps[name]
    if error.shot < 0:
        where = error.role
    else:
        copy = f"{name}[{app.copy[error.shot]}]" if app.copies > 1 else name
        where = f"{error.role} of {copy} that arrived at {app.arrival_ns[error.shot]} ns"
        if result.until_ns is None:
            where += f" in shot {app.shot[error.shot]}"
    return f"{counts} failed; first {where}: {error.message}"


def _shot_of(app: AppResult, error: ShotError) -> int:
    return int(app.shot[error.shot]) if error.shot >= 0 else 1 << 62  # what concerns the whole run comes last


def _pandas() -> Any:
    try:
        import pandas
    except ImportError:
        raise ConfigError("to_pandas needs pandas: pip install 'qnos[pandas]'") from None
    return pandas
