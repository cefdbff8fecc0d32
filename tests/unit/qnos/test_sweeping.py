"""Sweeps: grids, rows and tables, on one process and on several."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from qnos import sweeping
from qnos.results import ShotError
from qnos.sweeping import SweepTable, parse_vary, spaced, sweep
from qruntime.errors import ConfigError
from tests.unit.qnos.conftest import Simulated


@pytest.mark.parametrize(
    ("text", "path", "values"),
    [
        ("links.*.fidelity=0.7:1:4", "links.*.fidelity", [0.7, 0.8, 0.9, 1.0]),
        ("inputs.alice.n=1:5:3", "inputs.alice.n", [1, 3, 5]),
        ("a.b=1:2:3", "a.b", [1.0, 1.5, 2.0]),
        ("a.b=3:1:2", "a.b", [3, 1]),
        ("a.b=2:9:1", "a.b", [2]),
        ("a.b=0:1e-3:3", "a.b", [0.0, 0.0005, 0.001]),
        ("os=ideal,qnodeos", "os", ["ideal", "qnodeos"]),
        ("a.b=1e-3, 2,true", "a.b", [0.001, 2, True]),
        ("inputs.alice.bits=[0,1],[1,1]", "inputs.alice.bits", [[0, 1], [1, 1]]),
        (" a.b = 5 ", "a.b", [5]),
    ],
)
def test_vary_reads_ranges_and_lists(text: str, path: str, values: list[Any]) -> None:
    read = parse_vary(text)
    assert read == (path, values)
    assert [type(value) for value in read[1]] == [type(value) for value in values]


@pytest.mark.parametrize(
    "text", ["links.*.fidelity", "=1,2", "a.b=", "a.b=1:2:0", "a.b=1:2:2.5", "a.b=x:y:3"]
)
def test_vary_refuses_what_it_cannot_read(text: str) -> None:
    with pytest.raises(ConfigError, match="--vary"):
        parse_vary(text)


def test_spaced_values_are_free_of_rounding_noise() -> None:
    assert spaced(0.7, 1.0, 16)[:4] == [0.7, 0.72, 0.74, 0.76]
    assert spaced(0.1, 0.3, 3) == [0.1, 0.2, 0.3]


def test_grid_goes_through_every_combination_last_path_fastest(simulated: Simulated) -> None:
    table = sweep(
        "teleport", "two_generic", {"links.*.fidelity": [0.7, 0.8], "inputs.alice.n": [1, 2]}, shots=2
    )
    assert [row.values for row in table.rows] == [
        {"links.*.fidelity": 0.7, "inputs.alice.n": 1},
        {"links.*.fidelity": 0.7, "inputs.alice.n": 2},
        {"links.*.fidelity": 0.8, "inputs.alice.n": 1},
        {"links.*.fidelity": 0.8, "inputs.alice.n": 2},
    ]
    assert [call["network"].links[0].model.fidelity for call in simulated.calls] == [0.7, 0.7, 0.8, 0.8]
    assert [call["inputs"] for call in simulated.calls] == [{"alice": {"n": n}} for n in (1, 2, 1, 2)]


def test_every_point_keeps_the_other_inputs_the_seed_and_the_name(simulated: Simulated) -> None:
    given = {"alice": {"theta": 1}, "bob": {"x": 2}}
    sweep(
        "teleport",
        "perfect",
        {"inputs.alice.n": [1]},
        shots=2,
        seed=5,
        inputs=given,
        placement={"bob": "alice"},
    )
    (call,) = simulated.calls
    assert call["inputs"] == {"alice": {"theta": 1, "n": 1}, "bob": {"x": 2}}
    assert (call["seed"], call["network"].name, call["placement"]) == (5, "perfect", {"bob": "alice"})
    assert given == {"alice": {"theta": 1}, "bob": {"x": 2}}


def test_a_point_out_of_range_says_so_and_the_others_go_on(simulated: Simulated) -> None:
    table = sweep("teleport", "two_generic", {"links.*.fidelity": [0.1, 0.9]}, shots=2)
    bad, good = table.rows
    assert bad.error == (
        "two_generic with links.*.fidelity=0.1: links[0].fidelity is 0.1; allowed: a number from 0.25 to 1"
    )
    assert bad.metrics == {}
    assert good.error == ""
    assert good.metrics["alice.f"].mean == 0.9


def test_a_bug_at_a_point_is_in_its_row(simulated: Simulated) -> None:
    simulated.raises = ZeroDivisionError("division by zero")
    (row,) = sweep("teleport", "two_generic", {"os": ["ideal"]}, shots=2).rows
    assert row.error == "ZeroDivisionError: division by zero"


def test_failed_shots_are_counted_in_the_row(simulated: Simulated) -> None:
    simulated.fail = {1: ShotError(1, "alice", "PROGRAM", "broke")}
    (row,) = sweep("teleport", "two_generic", {"os": ["ideal"]}, shots=4).rows
    assert row.error == "1 of 4 shots failed; first alice in shot 1: broke"
    assert row.metrics["alice.m"].n == 3


def test_ctrl_c_keeps_the_finished_points(simulated: Simulated) -> None:
    seen: list[int] = []

    def stop_after_two(done: int, total: int) -> None:
        seen.append(done)
        if done == 2:
            raise KeyboardInterrupt

    table = sweep("teleport", "two_generic", {"links.*.fidelity": [0.5, 0.6, 0.7]}, progress=stop_after_two)
    assert table.interrupted
    assert [row.values["links.*.fidelity"] for row in table.rows] == [0.5, 0.6]
    assert seen == [1, 2]


def test_a_point_that_was_interrupted_is_no_finished_point(simulated: Simulated) -> None:
    simulated.interrupt_after = 1
    table = sweep("teleport", "two_generic", {"os": ["ideal", "qnodeos"]}, shots=5)
    assert table.interrupted
    assert table.rows == ()


@pytest.mark.parametrize(
    ("vary", "jobs", "message"),
    [
        ({}, 1, "a sweep varies something"),
        ({"os": ["ideal"]}, 0, "jobs is 0; allowed: at least 1"),
        ({"os": []}, 1, "os has no values to go through"),
        ({"nodes.carol.device": [1]}, 1, "nodes.carol.device: nodes has no 'carol'"),
        ({"inputs.alice": [1]}, 1, "'inputs.alice': an input is varied as inputs.<role>.<name>"),
    ],
)
def test_what_no_point_could_run_is_refused_at_once(
    simulated: Simulated, vary: dict[str, list[Any]], jobs: int, message: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        sweep("teleport", "two_generic", vary, jobs=jobs)
    assert str(raised.value).startswith(message)
    assert simulated.calls == []


def test_records_are_flat_and_tables_are_written(simulated: Simulated, tmp_path: Path) -> None:
    table = sweep(
        "teleport", "two_generic", {"os": ["ideal", "qnodeos"], "links.*.fidelity": [0.9, 0.1]}, shots=2
    )
    record = table.records()[0]
    assert list(record) == [
        "os", "links.*.fidelity",
        "alice.m", "alice.m_lo", "alice.m_hi", "alice.m_expected",
        "alice.f", "alice.f_lo", "alice.f_hi", "alice.f_expected",
        "shots", "error",
    ]  # fmt: skip
    assert (record["os"], record["alice.m"], record["alice.m_expected"], record["shots"]) == (
        "ideal",
        0.5,
        0.5,
        2,
    )
    table.write(tmp_path / "t.csv")
    with (tmp_path / "t.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["os"] for row in rows] == ["ideal", "ideal", "qnodeos", "qnodeos"]
    assert rows[1]["alice.m"] == ""
    assert rows[1]["error"].startswith("two_generic with")
    table.write(tmp_path / "t.parquet")
    columns = parquet.read_table(tmp_path / "t.parquet").to_pydict()
    assert columns["links.*.fidelity"] == [0.9, 0.1, 0.9, 0.1]
    assert columns["alice.m"] == [0.5, None, 0.5, None]


def test_table_formats_are_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = SweepTable("a", "n", 0, ("os",), ())
    with pytest.raises(ConfigError, match=r"the suffix is '\.xls'; allowed: \.csv, \.parquet"):
        table.write(tmp_path / "t.xls")
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(ConfigError, match=r"needs pyarrow: pip install 'qnos\[arrow\]'"):
        table.write(tmp_path / "t.parquet")


def test_table_is_the_same_for_any_number_of_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    root = str(Path(sweeping.__file__).parents[1])
    monkeypatch.setenv("PYTHONPATH", root)  # for the processes, which start afresh
    grid = {"links.*.fidelity": [0.7, 0.1, 1.0]}
    alone = sweep("teleport", "two_generic_werner", grid, shots=20, seed=3)
    together = sweep("teleport", "two_generic_werner", grid, shots=20, seed=3, jobs=2)
    assert [bool(row.error) for row in alone.rows] == [False, True, False]
    assert together == alone
