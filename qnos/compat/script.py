"""Running a script or a module as if SquidASM were installed: `run_script`, `run_module`."""

from __future__ import annotations

import os
import runpy
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from qnos.compat.chance import begin_all, fresh_seed
from qnos.compat.clock import set_random_state
from qnos.compat.shim import install, uninstall
from qruntime.errors import ConfigError


def run_script(
    path: str | os.PathLike[str], arguments: Sequence[str] = (), *, seed: int = 0, prefer_ours: bool = False
) -> None:
    """Run the file as `__main__`, with its directory as working directory and first on the path.

    The same seed gives the same results, as far as the script has no other source of chance.
    """
    script = Path(path)
    if not script.is_file():
        raise ConfigError(f"{script}: no such file; a Python script is needed")
    script = script.resolve()
    with _prepared([str(script), *arguments], seed, prefer_ours):
        os.chdir(script.parent)
        sys.path.insert(0, str(script.parent))
        runpy.run_path(str(script), run_name="__main__")


def run_module(name: str, arguments: Sequence[str] = (), *, seed: int = 0, prefer_ours: bool = False) -> None:
    """Run a module as `__main__`, as ``python -m`` does: where we are."""
    with _prepared([name, *arguments], seed, prefer_ours):
        sys.path.insert(0, os.getcwd())
        runpy.run_module(name, run_name="__main__", alter_sys=True)


@contextmanager
def _prepared(arguments: list[str], seed: int, prefer_ours: bool) -> Iterator[None]:
    install(prefer_ours)
    set_random_state(seed)
    begin_all(fresh_seed(seed, "script"))
    before = os.getcwd(), sys.argv, list(sys.path)
    try:
        sys.argv = arguments
        yield
    finally:
        os.chdir(before[0])
        sys.argv, sys.path[:] = before[1], before[2]
        uninstall()
