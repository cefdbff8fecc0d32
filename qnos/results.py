"""What a run found: `RunResult`, which `recording.Recorder` gathers shot by shot.

Results are columns: `result.results["bob"]["m"][k]` is what the program in role bob returned under the key
m in the k-th shot (see `columns.Column`). `to_json_dict()`, `to_pandas()`, `to_parquet(path)` and
`save(directory)` hand them on.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from qnos.columns import Column
from qnos.statistics import Metric
from qruntime.errors import ConfigError

if TYPE_CHECKING:
    import pandas

INLINE_SHOTS: Final = 10_000  # up to here the JSON holds every shot, beyond it counts and a path
VALUES_COUNTED: Final = 32  # a column with more distinct values is summarised instead

WHOLE_RUN: Final = -1  # in place of a shot's number
METRICS_IN_REPR: Final = 3

Columns = dict[str, dict[str, Column]]


class ShotError(msgspec.Struct, frozen=True):
    """How the program of one role failed in one shot.

    `code` is that of the error class, `traceback` holds the application's own frames, `ended_ns` is when in
    the shot it ended. An error in the application's `metrics()` has that in place of a role; one in its
    `expected()` or `RANGES` too, and -1 in place of a shot, as it concerns the whole run; so has a trace file
    that could not be written, with the code ``STORAGE``.
    """

    shot: int
    role: str
    code: str
    message: str
    traceback: str = ""
    ended_ns: int = 0


class RunResult(msgspec.Struct, kw_only=True):
    """The finished shots of one run.

    `results` is role -> key -> one value per shot, None where a program failed or left the key out.
    `shot_sim_time_ns` has the simulated duration of each shot, `time_split` the mean simulated time of a
    shot by cause. `calibration` is every parameter of the network in force, in the shape of a network file.
    `errors` are the first failures, `errors_total` counts all, `shots_failed` the shots that had some.
    `cr_check` says per node whose device can be in a wrong charge state in which shots it passed the check;
    with `post_selected` the others, `shots_dropped` of them, are in the columns but neither in `metrics` nor
    in `errors`. `trace_sha256` is None if nothing was traced.
    """

    app: str
    network: str
    seed: int
    shots: int
    first_shot: int = 0
    inputs: dict[str, dict[str, Any]] = {}
    placement: dict[str, str] = {}
    results: Columns = {}
    metrics: dict[str, Metric] = {}
    cr_check: dict[str, Column] = {}
    post_selected: bool = False
    shots_dropped: int = 0
    shot_sim_time_ns: Sequence[int] = ()
    wall_s: float = 0.0
    trace_sha256: str | None = None
    time_split: dict[str, float] = {}
    calibration: dict[str, Any] = {}
    errors: list[ShotError] = []
    errors_total: int = 0
    shots_failed: int = 0
    interrupted: bool = False
    path: str | None = None

    def __repr__(self) -> str:
        """Two lines: what was run, and the first metrics."""
        cut = ", interrupted" if self.interrupted else ""
        head = (
            f"<RunResult of {self.app} on {self.network}: {self.shots:,} shots from {self.first_shot}, "
            f"{self.shots_failed:,} failed, seed {self.seed}{cut}"
        )
        shown = [metric_in_short(name, metric) for name, metric in self.metrics.items()]
        more = len(shown) - METRICS_IN_REPR
        rest = [f"{more} more"] if more > 0 else []
        return f"{head}\n {', '.join(shown[:METRICS_IN_REPR] + rest) or 'no metrics'}>"

    @property
    def sim_time_ns(self) -> int:
        """Simulated time of all shots together."""
        return sum(self.shot_sim_time_ns)

    @property
    def shots_per_s(self) -> float:
        """Finished shots per second of wall time; with a trace if `trace_sha256` is set."""
        return self.shots / self.wall_s if self.wall_s > 0 else 0.0

    def to_json_dict(self) -> dict[str, Any]:
        """Plain data that JSON can hold; infinite and undefined numbers become null.

        `calibration` in it loads again with `load_network`.

        Beyond 10,000 shots `results` has counts per column and the path of the saved columns instead of the
        values, and `shot_sim_time_ns` is left out.
        """
        inline = self.shots <= INLINE_SHOTS
        per_shot: dict[str, Any] = {
            "results": self.results,
            "cr_check": self.cr_check,
            "shot_sim_time_ns": list(self.shot_sim_time_ns),
        }
        counts = {
            "cr_check": {"counts": {node: summary(column) for node, column in self.cr_check.items()}},
            "results": {
                "counts": {
                    role: {key: summary(column) for key, column in columns.items()}
                    for role, columns in self.results.items()
                },
                "path": self.path,
            },
        }
        data = {
            "app": self.app,
            "network": self.network,
            "seed": self.seed,
            "shots": self.shots,
            "first_shot": self.first_shot,
            "inputs": self.inputs,
            "placement": self.placement,
            **(per_shot if inline else counts),
            "post_selected": self.post_selected,
            "shots_dropped": self.shots_dropped,
            "metrics": {name: metric_data(metric) for name, metric in self.metrics.items()},
            "sim_time_ns": self.sim_time_ns,
            "time_split_ns": self.time_split,
            "wall_s": self.wall_s,
            "shots_per_s": self.shots_per_s,
            "traced": self.trace_sha256 is not None,
            "trace_sha256": self.trace_sha256,
            "interrupted": self.interrupted,
            "errors": [msgspec.to_builtins(error) for error in self.errors],
            "errors_total": self.errors_total,
            "shots_failed": self.shots_failed,
            "path": self.path,
        }
        found: dict[str, Any] = {key: plain(value) for key, value in data.items()}
        found["calibration"] = settings(self.calibration)
        return found

    def columns(self) -> dict[str, Sequence[Any]]:
        """All columns of one table with a row per shot: shot, sim_time_ns, ``cr_check.node`` where there is
        one, then ``role.key``."""
        table: dict[str, Sequence[Any]] = {
            "shot": range(self.first_shot, self.first_shot + self.shots),
            "sim_time_ns": self.shot_sim_time_ns,
        }
        table |= {f"cr_check.{node}": column for node, column in self.cr_check.items()}
        for role, columns in self.results.items():
            for key, column in columns.items():
                table[f"{role}.{key}"] = column
        return table

    def to_pandas(self) -> pandas.DataFrame:
        """A data frame with a row per shot.

        `ConfigError` if pandas is not installed.
        """
        try:
            import pandas
        except ImportError:
            raise ConfigError("to_pandas needs pandas: pip install 'qnos[pandas]'") from None
        return pandas.DataFrame({name: list(column) for name, column in self.columns().items()})

    def to_parquet(self, path: str | Path) -> None:
        """Write a Parquet file with a row per shot; nested values become JSON text.

        `ConfigError` if pyarrow is not installed.
        """
        try:
            import pyarrow
            from pyarrow import parquet
        except ImportError:
            raise ConfigError("to_parquet needs pyarrow: pip install 'qnos[arrow]'") from None
        table = {name: _one_type(column) for name, column in self.columns().items()}
        parquet.write_table(pyarrow.table(table), str(path))

    def save(self, directory: str | Path = "qnos-results") -> Path:
        """Write the result as ``<app>-<network>-<seed>-<n>.json`` in `directory`, n the first free number.

        Beyond 10,000 shots the columns go into an ``.npz`` of the same name beside it (text columns as
        JSON). Sets and returns the path. `ConfigError` if the directory cannot be written.
        """
        try:
            return self._save(Path(directory))
        except OSError as error:
            self.path = None
            raise ConfigError(f"{directory}: results cannot be saved: {error.strerror}") from None

    def _save(self, folder: Path) -> Path:
        def write(target: Path, columns: Path) -> dict[str, Any]:
            self.path = str(target)
            if self.shots > INLINE_SHOTS:
                write_npz(columns, self.columns())
                self.path = str(columns)
            data = self.to_json_dict()
            self.path = data["path"] = str(target)
            return data

        return save_as(folder, f"{file_part(self.app)}-{file_part(self.network)}-{self.seed}", write)


def save_as(folder: Path, stem: str, write: Callable[[Path, Path], dict[str, Any]]) -> Path:
    """Write ``<stem>-<n>.json`` in `folder`, n the first free number.

    `write(target, columns)` gives the JSON for the file `target`; it may write a file `columns` beside it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    n = 1
    while True:
        target = folder / f"{stem}-{n}.json"
        try:
            file = target.open("xb")  # taken at once, so that two runs never share a name
            break
        except FileExistsError:
            n += 1
    columns = target.with_suffix(".npz")
    try:
        with file:
            data = write(target, columns)
            file.write(msgspec.json.format(msgspec.json.encode(data), indent=1) + b"\n")
    except BaseException:  # a full disk, Ctrl-C: half a result is worse than none
        for part in (target, columns):
            part.unlink(missing_ok=True)
        raise
    return target


def metric_data(metric: Metric) -> dict[str, Any]:
    """A metric without what it lacks."""
    data: dict[str, Any] = msgspec.to_builtins(metric)
    return {name: value for name, value in data.items() if value is not None}


def metric_in_short(name: str, metric: Metric) -> str:
    """``name mean [low, high]``."""
    low, high = metric.ci95
    interval = "" if math.isnan(low) else f" [{low:.4g}, {high:.4g}]"
    return f"{name} {metric.mean:.4g}{interval}"


def plain(value: Any) -> Any:
    """`value` with what JSON lacks replaced: infinities and NaN by null, other keys than text by text."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | Column):
        return [plain(item) for item in value]
    if isinstance(value, bytes):
        return value.hex()
    return value


def settings(value: Any) -> Any:
    """Settings as JSON that loads again: an infinite time is the text ``inf``."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {key: settings(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [settings(item) for item in value]
    return value


def summary(column: Sequence[Any]) -> dict[str, Any]:
    """Counts of a column's values if they are few, else its range and mean."""
    texts = Counter(_text(value) for value in column)
    if len(texts) <= VALUES_COUNTED:
        return dict(sorted(texts.items()))
    numbers = [value for value in column if isinstance(value, int | float)]
    if not numbers:
        return {"distinct": len(texts)}
    mean = math.fsum(numbers) / len(numbers)
    return {"distinct": len(texts), "min": min(numbers), "max": max(numbers), "mean": mean}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(plain(value)).decode()


def _one_type(column: Sequence[Any]) -> list[Any]:
    """A column for a typed table: itself if its values are None or of one simple type, else JSON texts."""
    kinds = {type(value) for value in column if value is not None}
    if len(kinds) <= 1 and kinds <= {bool, int, float, str}:
        return list(column)
    if kinds == {int, float}:
        return [None if value is None else float(value) for value in column]
    return [None if value is None else msgspec.json.encode(plain(value)).decode() for value in column]


def write_npz(path: Path, table: Mapping[str, Sequence[Any]]) -> None:
    """Columns as a compressed NumPy file."""
    import numpy

    arrays = {}
    for name, column in table.items():
        values = _one_type(column)
        if None in values:  # arrays have no None: such columns travel as JSON, one text per shot
            values = [msgspec.json.encode(plain(value)).decode() for value in column]
        arrays[name] = numpy.array(values)
    with path.open("wb") as file:
        numpy.savez_compressed(file, allow_pickle=False, **arrays)


def file_part(name: str) -> str:
    """A name as a part of a file name."""
    text = "".join(letter if letter.isalnum() or letter in "_-." else "_" for letter in Path(name).stem)
    return text or "run"
