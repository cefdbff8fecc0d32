"""Running an application on a network, from Python, notebooks and the command line alike: `run`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from qnos.loading import Source, with_values
from qruntime.errors import ConfigError

if TYPE_CHECKING:
    from types import ModuleType

    from cnpu.app import App
    from qnos.results import RunResult, ShotError

TraceSink = str | os.PathLike[str] | IO[bytes] | bool | None


def run(
    app: str | os.PathLike[str] | ModuleType | Mapping[str, Callable[..., Any]] | App,
    network: Source = "two_generic",
    shots: int = 100,
    seed: int = 0,
    inputs: Mapping[str, Mapping[str, Any]] | None = None,
    placement: Mapping[str, str] | None = None,
    trace: TraceSink = None,
    shot: int | None = None,
    values: Mapping[str, Any] | None = None,
    time_split: bool = True,
    progress: Callable[[int], None] | None = None,
    processes: bool = False,
    in_flight: int = 8,
) -> RunResult:
    """Run `app` on `network` for `shots` fresh shots and give what it found.

    `app` is the name of a shipped application, a path, a module, or a mapping of role to program. `network`
    is a shipped name, a path, a mapping, or a loaded network; `values` changes some of its values by path.
    `inputs` are keyword arguments by role, `placement` maps roles to nodes (those it leaves out are placed
    by their names, else in order). `trace` is a file to write, or True for the digest alone. `shot` runs
    that one shot of the run with this seed, and no other. `time_split` measures on some shots where
    simulated time went. `progress` gets the number of finished shots. With `processes` every CNPU and QNPU
    is an operating-system process and `in_flight` shots are under way at once; the results are the same.

    The same arguments give the same results. Ctrl-C gives the finished shots, marked `interrupted`. Raises
    `ConfigError` for whatever is wrong before the first shot; a program that fails is in `result.errors`.
    """
    _at_least(shots, "shots", 1)
    if not isinstance(seed, int):
        raise ConfigError(f"seed is {seed!r}; allowed: an integer")
    _at_least(in_flight, "in_flight", 1)
    if shot is not None:
        _at_least(shot, "shot", 0)
    from cnpu.app import load_app
    from qnos.simulate import simulate

    found = load_app(app)
    loaded = with_values(network, values or {})
    with ExitStack() as opened:
        file = _trace_file(trace, opened)
        return simulate(
            found,
            loaded,
            shots=shots if shot is None else 1,
            seed=seed,
            inputs={role: dict(given) for role, given in (inputs or {}).items()},
            placement=None if placement is None else dict(placement),
            first_shot=shot or 0,
            trace_file=file,
            trace=trace is True or file is not None,
            time_split=time_split,
            progress=progress,
            processes=processes,
            in_flight=in_flight,
        )


def first_cause(result: RunResult) -> ShotError:
    """The first error that is not merely the news of another program's."""
    causes = (error for error in result.errors if error.code != "PEER_FAILED")
    return next(causes, result.errors[0])


def failures(result: RunResult) -> str:
    """The programs that failed in one sentence; empty if none did."""
    if not result.errors:
        return ""
    first = first_cause(result)
    shots = len(dict.fromkeys(error.shot for error in result.errors))
    many = "at least " if result.errors_total > len(result.errors) else ""
    where = f"{first.role} in shot {first.shot}"
    return f"{many}{shots} of {result.shots} shots failed; first {where}: {first.message}"


def _at_least(value: object, name: str, low: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < low:
        raise ConfigError(f"{name} is {value!r}; allowed: an integer of at least {low}")


def _trace_file(trace: TraceSink, opened: ExitStack) -> IO[bytes] | None:
    if trace is None or isinstance(trace, bool):
        return None
    if not isinstance(trace, str | os.PathLike):
        return trace
    try:
        return opened.enter_context(Path(trace).open("wb"))
    except OSError as error:
        raise ConfigError(f"{os.fspath(trace)}: trace cannot be written: {error.strerror}") from None
