"""Experiments: what every one of them has, tables that do not depend on the number of jobs, checks that can
fail, and what is written where."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from qnos.cli import main
from qnos.experiments import EXPERIMENTS, named, table
from qnos.experiments.experiment import Options, Size, conduct, pooled, size_of
from qnos.experiments.panels import MissingPlotter, draw
from qruntime.errors import ConfigError

TINY = {
    "delegation": Options(quick=True, shots=60, seed=4),
    "multitasking": Options(quick=True, shots=60, schedulers=("edf",), seed=4),
    "admission": Options(quick=True, until_ns=800_000_000, seed=4),
    "deadlines": Options(quick=True, until_ns=40_000_000, schedulers=("edf", "qnodeos"), seed=4),
}
ROWS: dict[str, list[dict[str, Any]]] = {}


def rows_of(name: str) -> list[dict[str, Any]]:
    """A tiny run of an experiment, made once."""
    if name not in ROWS:
        ROWS[name] = conduct(named(name), TINY[name]).rows
    return [dict(row) for row in ROWS[name]]


def failing(name: str, rows: list[dict[str, Any]]) -> list[str]:
    return [check.what for check in named(name).checks(rows) if not check.holds]


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_rows_have_the_columns_that_are_declared(name: str) -> None:
    subject = named(name)
    assert subject.__doc__ and all(len(line) <= 110 for line in subject.__doc__.splitlines())
    for row in rows_of(name):
        assert list(row) == [column.name for column in subject.COLUMNS]
    assert subject.checks(rows_of(name)) and subject.panels(rows_of(name))
    for panel in subject.panels(rows_of(name)):
        for series in panel.series:
            assert len(series.x) == len(series.y) and len(series.errors) in (0, len(series.x))


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_points_are_plain_and_have_seeds_of_their_own(name: str) -> None:
    subject = named(name)
    points = subject.points(size_of(subject, TINY[name]), TINY[name])
    assert msgspec.json.decode(msgspec.json.encode(points)) == points
    seeds = [point["seed"] for point in points]
    assert len(seeds) == len(set(seeds))
    other = subject.points(subject.QUICK, msgspec.structs.replace(TINY[name], seed=5))
    assert not set(seeds) & {point["seed"] for point in other}


def test_table_is_the_same_for_any_number_of_jobs() -> None:
    assert conduct(named("multitasking"), TINY["multitasking"], jobs=2).rows == rows_of("multitasking")


def test_table_is_another_for_another_seed() -> None:
    other = msgspec.structs.replace(TINY["multitasking"], seed=3)
    assert conduct(named("multitasking"), other).rows != rows_of("multitasking")


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda row: row.update(u_local=0.2 / row["programs"]), "U_local does not fall"),
        (lambda row: row.update(u_all=1.01), "U_all does not fall"),
        (lambda row: row.update(makespan_s=1e6), "makespan"),
        (lambda row: row.update(dqc=row["dqc"] - 9), "F of DQC"),
        (lambda row: row.update(lgt=row["lgt"] + 9), "F of LGT"),
    ],
)
def test_checks_of_multitasking_can_fail(change: Any, what: str) -> None:
    rows = rows_of("multitasking")
    before = failing("multitasking", rows)
    assert not any(what in check for check in before if "F of" not in what)
    for row in rows:
        if row["mode"] == "side by side":
            change(row)
    assert any(what in check for check in failing("multitasking", rows))


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda row: row.update(missed=1 - row["load"], missed_err=0.01), "misses grow"),
        (lambda row: row.update(u_local=0.01 * len(row["scheduler"])), "U_local"),
        (lambda row: row.update(excess=-0.1, excess_err=0.01), "edf misses fewest"),
        (lambda row: row.update(excess=0.1, excess_err=0.1), "edf without preemption"),
    ],
)
def test_checks_of_deadlines_can_fail(change: Any, what: str) -> None:
    rows = rows_of("deadlines")
    assert not any(what in check for check in failing("deadlines", rows))
    for row in rows:
        change(row)
    assert any(what in check for check in failing("deadlines", rows))


@pytest.mark.parametrize("kind", ["latency", "angles", "storage"])
def test_checks_of_delegation_can_fail(kind: str) -> None:
    rows = rows_of("delegation")
    assert failing("delegation", rows) == []
    for row in rows:
        if row["kind"] == kind:
            row["difference"] += 1.1 * row["tolerance"] * (1 if row["difference"] > 0 else -1)
    assert [what.partition(":")[0] for what in failing("delegation", rows)] == [kind]


def test_fidelities_of_delegation_that_are_all_a_little_high_are_noticed() -> None:
    rows = rows_of("delegation")
    for row in rows:
        row["sigma"] = None if row["sigma"] is None else 1.5
    assert failing("delegation", rows) == ["all fidelities together within 3 sigma of the formula"]


@pytest.mark.parametrize("name", ["delegation", "admission"])
def test_experiment_that_compares_no_schedulers_says_so(name: str) -> None:
    with pytest.raises(ConfigError, match="compares no schedulers"):
        named(name).points(named(name).QUICK, Options(schedulers=("edf",)))


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda row: row.update(missed=0.3, missed_err=0.01), "with admission control at most"),
        (lambda row: row.update(missed=0.01, missed_err=0.01), "misses more without"),
        (lambda row: row.update(in_time_per_s=2.0 * row["programs"]), "it gets less done"),
    ],
)
def test_checks_of_admission_can_fail(change: Any, what: str) -> None:
    rows = rows_of("admission")
    for row in rows:
        change(row)
    assert any(what in check for check in failing("admission", rows))


def test_admission_control_refuses_from_full_load_on() -> None:
    for row in rows_of("admission"):
        refused = row["programs"] - row["admitted"]
        assert row["admission"] == "on" or not refused
        assert row["offered"] > 1 or not refused
    assert any(row["admitted"] < row["programs"] for row in rows_of("admission"))


def test_loads_of_deadlines_are_what_the_processor_does() -> None:
    """Six sessions of 40 ms at three loads, all work done: the share of time in use is the load, within the
    spread of so few arrivals."""
    for row in rows_of("deadlines"):
        assert abs(row["u_local"] - row["load"]) < 0.3
        assert row["missed"] <= 1 and row["instances"] > 50


def test_pooled_mean_weighs_samples_alike() -> None:
    rows = [{"f": 1.0, "f_err": 0.3, "f_n": 10}, {"f": 2.0, "f_err": 0.1, "f_n": 30}]
    mean, error = pooled(rows, "f")
    assert (mean, error) == pytest.approx((1.75, (3**2 + 3**2) ** 0.5 / 40))


def test_size_is_what_was_asked_for_and_of_the_right_kind() -> None:
    subject = named("multitasking")
    assert size_of(subject, Options()) == subject.FULL
    assert size_of(subject, Options(quick=True, shots=7)) == Size(shots=7, points=subject.QUICK.points)
    with pytest.raises(ConfigError, match="not until a time: --shots"):
        size_of(subject, Options(until_ns=5))


def test_schedulers_are_those_asked_for() -> None:
    subject = named("multitasking")
    points = subject.points(subject.QUICK, Options(schedulers=("edf", "qnodeos")))
    assert list(dict.fromkeys(point["scheduler"] for point in points)) == ["edf", "qnodeos"]
    with pytest.raises(ConfigError, match="unknown scheduler 'edv'"):
        subject.points(subject.QUICK, Options(schedulers=("edv",)))


def test_unknown_experiment_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match="did you mean multitasking"):
        named("multitaskin")


def test_command_writes_a_table_and_says_how_to_get_the_plot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    out = tmp_path / "new" / "out"
    called = CliRunner().invoke(
        main,
        [
            *[
                "experiment",
                "multitasking",
                "--quick",
                "--shots",
                "60",
                "--schedulers",
                "edf",
                "--seed",
                "4",
                "--out",
            ],
            str(out),
        ],
    )
    checks = named("multitasking").checks(rows_of("multitasking"))
    assert called.exit_code == (0 if all(check.holds for check in checks) else 1), called.output
    assert "pip install 'qnos[plot]'" in called.output
    with (out / "multitasking.csv").open() as file:
        read = list(csv.DictReader(file))
    assert [row["makespan_s"] for row in read] == [str(row["makespan_s"]) for row in rows_of("multitasking")]
    assert not (out / "multitasking.svg").exists()


def test_command_lists_experiments() -> None:
    called = CliRunner().invoke(main, ["experiment", "list"])
    assert called.exit_code == 0
    for name in EXPERIMENTS:
        assert name in called.output


def test_plot_is_refused_without_matplotlib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingPlotter, match="pip install"):
        draw(named("multitasking").panels(rows_of("multitasking")), tmp_path / "x.svg")


def test_plot_is_drawn_the_same_twice(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    panels = named("multitasking").panels(rows_of("multitasking"))
    drawn = []
    for name in ("one.svg", "two.svg"):
        draw(panels, tmp_path / name)
        drawn.append((tmp_path / name).read_bytes())
    assert drawn[0] == drawn[1] and drawn[0].startswith(b"<?xml")


def test_missing_value_is_an_empty_cell(tmp_path: Path) -> None:
    columns = [table.Column("a", "a", ".2f"), table.Column("b", "b")]
    table.write([{"a": None, "b": "x"}], columns, tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text() == "a,b\n,x\n"
