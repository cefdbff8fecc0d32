"""What the terminal shows beyond the tables of results."""

from __future__ import annotations

import io
import math

import pytest
from rich.console import Console

from qnos import present
from qnos.present import Bar, show_result
from qnos.results import RunResult
from qnos.statistics import Metric


def terminal() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=100, color_system="standard")


def text_of(console: Console) -> str:
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def test_progress_is_shown_for_long_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(present, "PATIENCE_S", 0.0)
    console = terminal()
    with Bar(10, console) as bar:
        bar(7)
    assert "7/10" in text_of(console)


def test_progress_is_not_shown_for_short_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(present, "PATIENCE_S", math.inf)
    console = terminal()
    with Bar(10, console) as bar:
        bar(7)
    assert text_of(console) == ""


@pytest.mark.parametrize(
    ("expected", "colour"),
    [(0.5, "32"), (0.9, "33"), (0.6 + 1e-12, "32")],  # green within the interval, yellow outside
)
def test_colour_says_whether_theory_lies_in_the_interval(expected: float, colour: str) -> None:
    metric = Metric(0.5, (0.4, 0.6), 100, 0.05, "wilson", expected)
    console = terminal()
    show_result(RunResult(app="a", network="n", seed=0, shots=0, metrics={"m": metric}), [], console)
    assert f"\x1b[{colour}m{expected:.4f}" in text_of(console)


def test_a_metric_without_values_is_a_dash() -> None:
    metric = Metric(math.nan, (math.nan, math.nan), 0, math.nan)
    console = terminal()
    show_result(RunResult(app="a", network="n", seed=0, shots=0, metrics={"m": metric}), [], console)
    assert any(line.split() == ["m", "-", "0"] for line in text_of(console).splitlines())


def test_names_with_brackets_are_no_markup() -> None:
    metric = Metric(0.5, (0.4, 0.6), 100, 0.05)
    console = terminal()
    show_result(
        RunResult(app="a[b]", network="n", seed=0, shots=0, metrics={"[m]": metric}), ["[x]"], console
    )
    shown = text_of(console)
    assert all(name in shown for name in ("a[b]", "[m]", "[x]"))
