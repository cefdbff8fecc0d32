"""What a run found: `RunResult`, and `Recorder`, which gathers it shot by shot.

Results are columns: `result.results["bob"]["m"][k]` is what the program in role bob returned under the key
m in the k-th shot. `to_json_dict()`, `to_pandas()`, `to_parquet(path)` and `save(directory)` hand them on.
"""

from __future__ import annotations

import math
import traceback
from array import array
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from qnos.statistics import Metric, Tally
from qruntime.errors import ConfigError, ProgramError

if TYPE_CHECKING:
    import pandas

INLINE_SHOTS: Final = 10_000  # up to here the JSON holds every shot, beyond it counts and a path
ERRORS_KEPT: Final = 100  # with their text; further ones are only counted
VALUES_COUNTED: Final = 32  # a column with more distinct values is summarised instead

Columns = dict[str, dict[str, list[Any]]]
PerShot = Callable[[dict[str, dict[str, Any]]], Mapping[str, float | bool | None] | None]


class ShotError(msgspec.Struct, frozen=True):
    """How the program of one role failed in one shot.

    `code` is that of the error class, `traceback` holds the application's own frames.
    """

    shot: int
    role: str
    code: str
    message: str
    traceback: str = ""


class RunResult(msgspec.Struct, kw_only=True):
    """The finished shots of one run.

    `results` is role -> key -> one value per shot, None where a program failed or left the key out.
    `shot_sim_time_ns` has the simulated duration of each shot, `time_split` the mean simulated time of a
    shot by cause. `calibration` is every parameter of the network in force, in the shape of a network file.
    `errors` are the first failures, `errors_total` counts all. `trace_sha256` is None if nothing was
    traced.
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
    shot_sim_time_ns: Sequence[int] = ()
    wall_s: float = 0.0
    trace_sha256: str | None = None
    time_split: dict[str, float] = {}
    calibration: dict[str, Any] = {}
    errors: list[ShotError] = []
    errors_total: int = 0
    interrupted: bool = False
    path: str | None = None

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
        per_shot: dict[str, Any] = {"results": self.results, "shot_sim_time_ns": list(self.shot_sim_time_ns)}
        counts = {
            "results": {
                "counts": {
                    role: {key: _summary(column) for key, column in columns.items()}
                    for role, columns in self.results.items()
                },
                "path": self.path,
            }
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
            "metrics": {name: _metric(metric) for name, metric in self.metrics.items()},
            "sim_time_ns": self.sim_time_ns,
            "time_split_ns": self.time_split,
            "wall_s": self.wall_s,
            "shots_per_s": self.shots_per_s,
            "traced": self.trace_sha256 is not None,
            "trace_sha256": self.trace_sha256,
            "interrupted": self.interrupted,
            "errors": [msgspec.to_builtins(error) for error in self.errors],
            "errors_total": self.errors_total,
            "path": self.path,
        }
        plain: dict[str, Any] = {key: _plain(value) for key, value in data.items()}
        plain["calibration"] = _settings(self.calibration)
        return plain

    def columns(self) -> dict[str, Sequence[Any]]:
        """All columns of one table with a row per shot: shot, sim_time_ns, then ``role.key``."""
        table: dict[str, Sequence[Any]] = {
            "shot": range(self.first_shot, self.first_shot + self.shots),
            "sim_time_ns": self.shot_sim_time_ns,
        }
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
        folder.mkdir(parents=True, exist_ok=True)
        stem = f"{_file_part(self.app)}-{_file_part(self.network)}-{self.seed}"
        n = 1
        while True:
            target = folder / f"{stem}-{n}.json"
            try:
                file = target.open("xb")  # taken at once, so that two runs never share a name
                break
            except FileExistsError:
                n += 1
        with file:
            self.path = str(target)
            if self.shots > INLINE_SHOTS:
                columns = target.with_suffix(".npz")
                _write_npz(columns, self.columns())
                self.path = str(columns)
            data = self.to_json_dict()
            self.path = data["path"] = str(target)
            file.write(msgspec.json.format(msgspec.json.encode(data), indent=1) + b"\n")
        return target


class Recorder:
    """Gathers the shots of a run.

    `per_shot` is the application's `metrics(results)`, which gives numbers, booleans or None per name.
    Without it every number or boolean that a program returns is a metric, ``role.key``.
    """

    def __init__(self, roles: Sequence[str], per_shot: PerShot | None = None, first_shot: int = 0) -> None:
        self.shots = 0
        self._columns: Columns = {role: {} for role in roles}
        self._sim_time_ns = array("q")
        self.errors: list[ShotError] = []
        self.errors_total = 0
        self._first_shot = first_shot
        self._per_shot = per_shot
        self._tallies: dict[str, Tally] = {}

    @property
    def results(self) -> Columns:
        """The columns of the finished shots; one that Ctrl-C cut off while it was taken is left out."""
        for columns in self._columns.values():
            for column in columns.values():
                del column[self.shots :]
        return self._columns

    @property
    def shot_sim_time_ns(self) -> Sequence[int]:
        """Simulated duration of each finished shot."""
        del self._sim_time_ns[self.shots :]
        return self._sim_time_ns

    def add(
        self, results: Mapping[str, dict[str, Any] | None], sim_time_ns: int, errors: Sequence[ShotError] = ()
    ) -> None:
        """Take one finished shot: what each role returned (None: it failed), how long it took, who failed.

        Metrics are taken of shots in which every role returned. Raises `ProgramError` if the application's
        `metrics` fails or gives anything but numbers.
        """
        shot = self._first_shot + self.shots
        whole = not errors
        for role, columns in self._columns.items():
            values = results.get(role)
            if values is None:
                whole, values = False, {}
            for key, value in values.items():
                column = columns.get(key)
                if column is None:
                    columns[key] = column = [None] * self.shots
                column.append(value)
            if len(values) < len(columns):
                for key, column in columns.items():
                    if key not in values:
                        column.append(None)
        self._sim_time_ns.append(sim_time_ns)
        for error in errors:
            self.errors_total += 1
            if len(self.errors) < ERRORS_KEPT:
                self.errors.append(error)
        if whole:
            self._measure({role: values or {} for role, values in results.items()}, shot)
        self.shots += 1

    def metrics(self, expected: Mapping[str, float] | None = None) -> dict[str, Metric]:
        """Every metric so far, with the value a theory expects.

        Raises `ProgramError` if `expected` names a metric that the application does not have.
        """
        expected = expected or {}
        unknown = [name for name in expected if name not in self._tallies]
        if unknown and self._tallies:
            raise ProgramError(
                f"expected() names {', '.join(unknown)}; metrics are {', '.join(self._tallies)}"
            )
        return {name: tally.metric(expected.get(name)) for name, tally in self._tallies.items()}

    def _measure(self, results: dict[str, dict[str, Any]], shot: int) -> None:
        for name, value in self._values(results, shot).items():
            tally = self._tallies.get(name)
            if tally is None:
                self._tallies[name] = tally = Tally()
            if value is not None:
                tally.add(value)

    def _values(self, results: dict[str, dict[str, Any]], shot: int) -> Mapping[str, float | None]:
        if self._per_shot is None:
            return {
                f"{role}.{key}": value
                for role, values in results.items()
                for key, value in values.items()
                if isinstance(value, int | float) and math.isfinite(value)
            }
        try:
            measured = self._per_shot(results) or {}
            bad = [name for name, value in measured.items() if not _is_number(value)]
        except Exception as error:
            frame = traceback.extract_tb(error.__traceback__)[-1]
            raise ProgramError(
                f"metrics() failed in shot {shot}: {type(error).__name__}: {error} "
                f"({Path(frame.filename).name} line {frame.lineno})",
                shot=shot,
            ) from error
        if bad:
            raise ProgramError(
                f"metrics() gave {bad[0]} = {measured[bad[0]]!r} in shot {shot}; allowed: a finite number, "
                "a boolean or None",
                shot=shot,
            )
        return measured


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and math.isfinite(value))


def _metric(metric: Metric) -> dict[str, Any]:
    data: dict[str, Any] = msgspec.to_builtins(metric)
    if metric.expected is None:
        del data["expected"]
    return data


def _plain(value: Any) -> Any:
    """`value` with what JSON lacks replaced: infinities and NaN by null, other keys than text by text."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, bytes):
        return value.hex()
    return value


def _settings(value: Any) -> Any:
    """Settings as JSON that loads again: an infinite time is the text ``inf``."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {key: _settings(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_settings(item) for item in value]
    return value


def _summary(column: Sequence[Any]) -> dict[str, Any]:
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
    return value if isinstance(value, str) else msgspec.json.encode(_plain(value)).decode()


def _one_type(column: Sequence[Any]) -> list[Any]:
    """A column for a typed table: itself if its values are None or of one simple type, else JSON texts."""
    kinds = {type(value) for value in column if value is not None}
    if len(kinds) <= 1 and kinds <= {bool, int, float, str}:
        return list(column)
    if kinds == {int, float}:
        return [None if value is None else float(value) for value in column]
    return [None if value is None else msgspec.json.encode(_plain(value)).decode() for value in column]


def _write_npz(path: Path, table: Mapping[str, Sequence[Any]]) -> None:
    import numpy

    arrays = {}
    for name, column in table.items():
        values = _one_type(column)
        if None in values:  # arrays have no None: such columns travel as JSON, one text per shot
            values = [msgspec.json.encode(_plain(value)).decode() for value in column]
        arrays[name] = numpy.array(values)
    with path.open("wb") as file:
        numpy.savez_compressed(file, allow_pickle=False, **arrays)


def _file_part(name: str) -> str:
    """A name as a part of a file name."""
    text = "".join(letter if letter.isalnum() or letter in "_-." else "_" for letter in Path(name).stem)
    return text or "run"
