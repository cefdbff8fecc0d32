"""What the terminal shows beyond the tables of results."""

from __future__ import annotations

import io
import math

import pytest
from rich.console import Console

from qnos import present
from qnos.present import Bar, console_for, show_result, show_sweep, show_trace
from qnos.results import RunResult
from qnos.statistics import Metric
from qnos.sweeping import Row, SweepTable


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
    assert any(line.split() == ["m", "–", "–", "0"] for line in text_of(console).splitlines())


def test_names_with_brackets_are_no_markup() -> None:
    metric = Metric(0.5, (0.4, 0.6), 100, 0.05)
    console = terminal()
    show_result(
        RunResult(app="a[b]", network="n", seed=0, shots=0, metrics={"[m]": metric}), ["[x]"], console
    )
    shown = text_of(console)
    assert all(name in shown for name in ("a[b]", "[m]", "[x]"))


def shown(metric: Metric, name: str = "m") -> str:
    console = terminal()
    show_result(RunResult(app="a", network="n", seed=0, shots=0, metrics={name: metric}), [], console)
    return text_of(console)


def test_times_are_given_with_their_digits_and_no_interval_without_a_spread() -> None:
    nothing = (math.nan, math.nan)
    text = shown(Metric(3_280_000.0, nothing, 5, 0.0, "none", 3_280_000.0), "round_trip_ns")
    line = next(line for line in text.splitlines() if "round_trip_ns" in line)
    assert line.split()[1:3] == ["3,280,000.0", "–"]
    assert "\x1b[32m3,280,000.0" in line  # what agrees is green all the same


def test_without_an_interval_a_difference_is_not_coloured() -> None:
    text = shown(Metric(2.0, (math.nan, math.nan), 1, math.nan, "none", 3.0))
    assert "3.0000" in text
    assert "\x1b[33m" not in text


def test_what_is_no_terminal_is_not_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    file = io.StringIO()
    console_for(file).print("x" * 500)
    assert file.getvalue() == "x" * 500 + "\n"
    monkeypatch.setenv("COLUMNS", "90")
    assert console_for(file).width == 90


def test_a_narrow_terminal_cuts_no_heading_and_no_number_of_a_sweep() -> None:
    names = [f"a_metric_with_a_long_name_{k}" for k in range(4)]
    metrics = {name: Metric(0.5, (0.4, 0.6), 100, 0.05, "wilson", 0.5) for name in names}
    row = Row({"links.*.fidelity": 0.7}, metrics, 100)
    console = Console(file=io.StringIO(), width=40)
    show_sweep(SweepTable("a", "n", 0, ("links.*.fidelity",), (row,)), console)
    heading, values = text_of(console).splitlines()
    assert heading.split("  ")[0].strip() == "links.*.fidelity"
    assert all(name in heading for name in names)
    assert values.count("[0.4000, 0.6000]") == 4


def test_data_of_a_trace_keep_some_columns_of_a_narrow_terminal() -> None:
    console = Console(file=io.StringIO(), width=40)
    show_trace([b'[1500,"alice","cnpu","SUBROUTINE_SEND_ATTEMPT",0,["teleport",1,"and","more"]]'], console)
    assert "teleport 1 and more" in text_of(console)
