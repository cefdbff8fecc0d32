"""The error budget of an application: what each source of noise costs a metric.

`budget(app, network, ...)` runs the same shots again with one source of noise switched off, for each source
in force (`noise.sources`), and once with all of them off. Random numbers are keyed by shot and purpose, so
the shots of two runs differ by that source alone, and the difference of the metric, shot by shot, has a far
smaller spread than the metric itself. Costs need not add up: sources act together, and which outcomes two of
them spoil may be the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec

from qnos.loading import Source, with_values
from qnos.noise import sources
from qnos.statistics import Metric, Tally
from qruntime.errors import ConfigError

if TYPE_CHECKING:
    from cnpu.app import App
    from qnos.config import NetworkConfig

PREFERRED: Final = ("fidelity", "success", "win")  # what a metric to look at begins with, the first first


class Cost(msgspec.Struct, frozen=True):
    """What one source costs: `difference` is the metric without it minus the metric with it, over the shots
    that have both; `without` the metric of the run without it."""

    where: str
    name: str
    strength: str
    without: Metric
    difference: Metric


class Budget(msgspec.Struct, frozen=True):
    """The costs of all sources, the largest first, and of all together (`everything`).

    `actual` is the metric with all noise. `failures` has the number of shots without the metric by run:
    "actual", "everything", or where and name of the source that was off.
    """

    app: str
    network: str
    metric: str
    shots: int
    seed: int
    actual: Metric
    costs: list[Cost]
    everything: Cost
    failures: dict[str, int]

    def to_json_dict(self) -> dict[str, Any]:
        """Plain data; undefined numbers become null."""
        plain: dict[str, Any] = _plain(msgspec.to_builtins(self))
        return plain


def budget(
    app: Any,
    network: Source = "two_generic",
    *,
    metric: str | None = None,
    shots: int = 100,
    seed: int = 0,
    inputs: Mapping[str, Mapping[str, Any]] | None = None,
    placement: Mapping[str, str] | None = None,
    values: Mapping[str, Any] | None = None,
    post_select: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Budget:
    """What each source of noise of `network` costs `app`, in `metric`.

    Without `metric` it is the first that begins with fidelity, success or win, else the first of all.
    `progress(done, of)` counts runs. Raises `ConfigError` for a metric that there is not, and if no shot has
    a value of it.
    """
    from cnpu.app import load_app

    found = load_app(app)
    loaded = with_values(network, values or {})

    def run(on: NetworkConfig) -> dict[int, Mapping[str, Any]]:
        return _values(found, on, shots, seed, inputs, placement, post_select)

    known = sources(loaded)
    actual = run(loaded)
    name = _choose(metric, actual, found.name)
    failures = {"actual": _lacking(actual, name, shots)}
    costs = []
    everything = with_values(loaded, {path: off for source in known for path, off in source.off.items()})
    variants = [(source.where, source.name, source.strength, source.off) for source in known]
    for index, (where, source_name, strength, off) in enumerate(variants, start=1):
        if progress is not None:
            progress(index, len(variants) + 2)
        without = run(with_values(loaded, off))
        failures[f"{where} {source_name}"] = _lacking(without, name, shots)
        costs.append(_cost(where, source_name, strength, name, actual, without))
    if progress is not None:
        progress(len(variants) + 1, len(variants) + 2)
    without = run(everything) if known else actual
    failures["everything"] = _lacking(without, name, shots)
    costs.sort(key=lambda cost: -abs(_known(cost.difference.mean)))
    return Budget(
        app=found.name,
        network=loaded.name,
        metric=name,
        shots=shots,
        seed=seed,
        actual=_tally(values[name] for values in actual.values() if values.get(name) is not None),
        costs=costs,
        everything=_cost("", "everything", "", name, actual, without),
        failures=failures,
    )


def _values(
    app: App,
    network: NetworkConfig,
    shots: int,
    seed: int,
    inputs: Mapping[str, Mapping[str, Any]] | None,
    placement: Mapping[str, str] | None,
    post_select: bool,
) -> dict[int, Mapping[str, Any]]:
    """Shot -> metrics of each shot that has some.

    Ctrl-C is told: a part of the shots is no run to compare with.
    """
    from qnos.simulate import simulate

    found: dict[int, Mapping[str, Any]] = {}
    result = simulate(
        app, network, shots=shots, seed=seed, inputs=inputs, placement=placement, time_split=False,
        post_select=post_select, on_values=found.__setitem__,
    )  # fmt: skip
    if result.interrupted:
        raise KeyboardInterrupt
    return found


def _choose(metric: str | None, values: Mapping[int, Mapping[str, Any]], app: str) -> str:
    names = dict.fromkeys(
        name for shot in values.values() for name, value in shot.items() if value is not None
    )
    if not names:
        raise ConfigError(f"{app}: no shot has a metric, so there is nothing to look at")
    if metric is not None:
        if metric not in names:
            raise ConfigError(f"{app} has no metric {metric!r}; allowed: {', '.join(names)}")
        return metric
    preferred = (name for start in PREFERRED for name in names if name.startswith(start))
    return next(preferred, next(iter(names)))


def _cost(
    where: str,
    source: str,
    strength: str,
    name: str,
    actual: Mapping[int, Mapping[str, Any]],
    without: Mapping[int, Mapping[str, Any]],
) -> Cost:
    kept = {shot: values[name] for shot, values in without.items() if values.get(name) is not None}
    pairs = [
        (kept[shot], values[name])
        for shot, values in actual.items()
        if shot in kept and values.get(name) is not None
    ]
    difference = _tally(float(off) - float(on) for off, on in pairs)
    return Cost(where, source, strength, _tally(kept.values()), difference)


def _tally(values: Any) -> Metric:
    tally = Tally()
    for value in values:
        tally.add(value)
    return tally.metric()


def _lacking(values: Mapping[int, Mapping[str, Any]], name: str, shots: int) -> int:
    return shots - sum(shot.get(name) is not None for shot in values.values())


def _known(value: float) -> float:
    return 0.0 if math.isnan(value) else value


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
