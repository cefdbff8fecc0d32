"""The benchmarks of `make bench` all give rows that its table can show."""

from __future__ import annotations

import importlib
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from benchmarks import table
from benchmarks.all import MODULES
from benchmarks.table import keeps, show

# What makes each quick enough for a test: constants of the module, and arguments of its `run`.
QUICK: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "teleport": ({"SHOTS": 20, "REPEATS": 1}, {}),
    "kernel": ({"EVENTS": 400, "CALLS": 100, "REPEATS": 1}, {}),
    "engine": ({"REPEATS": 2, "TELEPORTS": 5}, {}),
    "isa_decode": ({"ROUNDS": 1, "ROUND_S": 1e-5}, {}),
    "sdk": ({"ROUNDS": 1, "ROUND_S": 1e-5}, {}),
    "qnpu": ({"REPEATS": 5}, {}),
    "scheduler": ({"DECISIONS": 5}, {}),
    "startup": ({}, {}),
    "memory": ({}, {"shots": 20}),
    "compat": ({"ROUNDS": 1, "ITERATIONS": 2}, {}),
}


def test_every_benchmark_is_tried_here() -> None:
    assert list(QUICK) == list(MODULES)


@pytest.mark.parametrize("name", MODULES)
def test_rows_are_of_the_shape_of_the_table(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module(f"benchmarks.{name}")
    constants, arguments = QUICK[name]
    for constant, value in constants.items():
        assert hasattr(module, constant), f"benchmarks.{name} has no {constant}"
        monkeypatch.setattr(module, constant, value)
    rows = module.run(**arguments)
    assert rows
    for row in rows:
        assert {"what", "value", "unit"} <= set(row) <= {"what", "value", "unit", "limit", "floor"}, row
        assert isinstance(row["value"], int | float | str), row
        assert isinstance(keeps(row), bool)
    console = Console(file=StringIO(), width=200)
    monkeypatch.setattr(table, "Console", lambda: console)
    show(MODULES[name], rows)
    assert isinstance(console.file, StringIO)
    assert all(row["what"].strip() in console.file.getvalue() for row in rows)


def test_a_figure_beyond_its_limit_is_missed() -> None:
    assert keeps({"what": "a", "value": 1.0, "unit": "", "limit": 1.0})
    assert not keeps({"what": "a", "value": 1.1, "unit": "", "limit": 1.0})
    assert not keeps({"what": "a", "value": 0.9, "unit": "", "floor": 1.0})
