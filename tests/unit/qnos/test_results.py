"""What a run found: gathering, JSON, tables and files."""

from __future__ import annotations

import errno
import json
import math
import re
import sys
from pathlib import Path
from typing import Any

import numpy
import pandas
import pytest
from pyarrow import parquet

from qnos import results
from qnos.loading import load_network, with_values
from qnos.recording import Recorder
from qnos.results import INLINE_SHOTS, WHOLE_RUN, RunResult, ShotError
from qnos.statistics import wilson
from qruntime.errors import ConfigError


def recorded(shots: int = 3, expected: dict[str, float] | None = None) -> Recorder:
    recorder = Recorder(
        ["alice", "bob"], lambda results: {"match": results["alice"]["m"] == results["bob"]["m"]}
    )
    recorder.expect(lambda: expected)
    for shot in range(shots):
        recorder.add({"alice": {"m": shot % 2}, "bob": {"m": 0, "basis": "XZ"[shot % 2]}}, 1000 + shot)
    return recorder


def result_of(recorder: Recorder, **more: Any) -> RunResult:
    facts: dict[str, Any] = {
        "app": "agree",
        "network": "two_generic",
        "seed": 7,
        "shots": recorder.shots,
        "results": recorder.results,
        "metrics": recorder.metrics(),
        "shot_sim_time_ns": recorder.shot_sim_time_ns,
        "wall_s": 0.5,
        "placement": {"alice": "alice", "bob": "bob"},
        "errors": recorder.errors,
        "errors_total": recorder.errors_total,
        "shots_failed": recorder.shots_failed,
    }
    return RunResult(**{**facts, **more})


def test_results_are_columns_per_role() -> None:
    assert recorded().results == {
        "alice": {"m": [0, 1, 0]},
        "bob": {"m": [0, 0, 0], "basis": ["X", "Z", "X"]},
    }


def test_metrics_come_from_the_application_with_what_is_expected() -> None:
    metric = recorded(expected={"match": 0.5}).metrics()["match"]
    assert (metric.mean, metric.n, metric.expected) == (2 / 3, 3, 0.5)
    assert metric.ci95 == wilson(2, 3)


def test_a_key_left_out_in_a_shot_is_none_there() -> None:
    recorder = Recorder(["alice"])
    recorder.add({"alice": {"a": 1}}, 0)
    recorder.add({"alice": {"b": 2}}, 0)
    recorder.add({"alice": {}}, 0)
    assert recorder.results == {"alice": {"a": [1, None, None], "b": [None, 2, None]}}


def test_without_metrics_every_number_returned_is_one() -> None:
    recorder = Recorder(["alice", "bob"])
    recorder.add({"alice": {"m": 1, "text": "x"}, "bob": {"ok": True, "list": [1]}}, 0)
    recorder.add({"alice": {"m": 5, "text": "x"}, "bob": {"ok": False, "list": [1]}}, 0)
    metrics = recorder.metrics()
    assert list(metrics) == ["alice.m", "bob.ok"]
    assert (metrics["alice.m"].mean, metrics["alice.m"].interval) == (3.0, "student")
    assert (metrics["bob.ok"].mean, metrics["bob.ok"].interval) == (0.5, "wilson")


def test_a_metric_of_none_counts_the_shot_out() -> None:
    recorder = Recorder(["alice"], lambda results: {"sifted": results["alice"]["m"]})
    for value in (None, True, None, False):
        recorder.add({"alice": {"m": value}}, 0)
    assert (recorder.metrics()["sifted"].n, recorder.metrics()["sifted"].mean) == (2, 0.5)


def test_failed_shots_have_no_results_and_enter_no_metric() -> None:
    recorder = recorded(2)
    recorder.add(
        {"alice": None, "bob": {"m": 0, "basis": "X"}}, 5, [ShotError(2, "alice", "PROGRAM", "broke")]
    )
    assert recorder.results["alice"] == {"m": [0, 1, None]}
    assert recorder.metrics()["match"].n == 2
    assert recorder.errors == [ShotError(2, "alice", "PROGRAM", "broke")]


def test_errors_beyond_the_kept_ones_are_counted() -> None:
    recorder = Recorder(["alice"])
    for shot in range(150):
        recorder.add({"alice": None}, 0, [ShotError(shot, "alice", "PROGRAM", "broke")])
    assert len(recorder.errors) == 100
    assert (recorder.errors_total, recorder.shots_failed) == (150, 150)


def test_a_shot_cut_off_while_it_is_taken_is_left_out() -> None:
    def interrupted(results: dict[str, dict[str, Any]]) -> dict[str, float]:
        if results["alice"]["m"] == 2:
            raise KeyboardInterrupt
        return {"m": results["alice"]["m"]}

    recorder = Recorder(["alice"], interrupted)
    with pytest.raises(KeyboardInterrupt):
        for shot in range(5):
            recorder.add({"alice": {"m": shot}}, 10)
    assert recorder.shots == 2
    assert recorder.results == {"alice": {"m": [0, 1]}}
    assert list(recorder.shot_sim_time_ns) == [10, 10]


def test_failing_metrics_are_an_error_of_that_shot_which_keeps_its_results() -> None:
    recorder = Recorder(["alice"], lambda results: {"inverse": 1 / results["alice"]["m"]}, first_shot=40)
    for value in (2, 0, 4):
        recorder.add({"alice": {"m": value}}, 70)
    assert recorder.results == {"alice": {"m": [2, 0, 4]}}
    assert (recorder.shots, recorder.shots_failed, recorder.errors_total) == (3, 1, 1)
    metric = recorder.metrics()["inverse"]
    assert (metric.mean, metric.n) == (0.375, 2)
    (error,) = recorder.errors
    assert (error.shot, error.role, error.code, error.ended_ns) == (41, "metrics()", "PROGRAM", 70)
    assert re.fullmatch(r"ZeroDivisionError: division by zero \(test_results.py line \d+\)", error.message)
    assert "recording.py" not in error.traceback
    assert "ZeroDivisionError: division by zero" in error.traceback


@pytest.mark.parametrize("value", ["text", math.nan, [1]])
def test_metrics_must_be_finite_numbers(value: Any) -> None:
    recorder = Recorder(["alice"], lambda results: {"x": value})
    recorder.add({"alice": {"m": 1}}, 0)
    assert recorder.errors[0].message == f"it gave x = {value!r}; allowed: a finite number, a boolean or None"
    assert recorder.metrics() == {}


def test_metrics_must_be_a_mapping() -> None:
    recorder = Recorder(["alice"], lambda results: [1])
    recorder.add({"alice": {"m": 1}}, 0)
    assert recorder.errors[0].message == "it gave [1]; allowed: a dict of numbers by name"


def test_a_value_outside_its_declared_range_is_an_error_of_that_shot() -> None:
    recorder = Recorder(["alice"], lambda results: {"S": results["alice"]["s"]}, ranges={"S": (-4.0, 4.0)})
    for value in (4.0, 4.5, -4.0 - 1e-12):  # rounding is forgiven
        recorder.add({"alice": {"s": value}}, 0)
    assert [(error.shot, error.message) for error in recorder.errors] == [
        (1, "it gave S = 4.5; RANGES allows -4 to 4")
    ]
    metric = recorder.metrics()["S"]
    assert (metric.n, metric.interval, metric.limits) == (2, "bounded", (-4.0, 4.0))


def test_expecting_an_unknown_metric_is_told_once_and_loses_nothing() -> None:
    recorder = recorded(5, expected={"fidelity": 1.0, "match": 0.5})
    assert recorder.errors == [
        ShotError(WHOLE_RUN, "expected()", "PROGRAM", "it names fidelity; metrics are match")
    ]
    assert (recorder.shots, recorder.shots_failed) == (5, 0)
    assert recorder.metrics()["match"].expected == 0.5


def test_a_range_of_an_unknown_metric_is_told_once() -> None:
    recorder = Recorder(["alice"], lambda results: {"x": 1}, ranges={"y": (0.0, 1.0)})
    for _ in range(3):
        recorder.add({"alice": {}}, 0)
    assert [(error.role, error.message) for error in recorder.errors] == [
        ("RANGES", "it names y; metrics are x")
    ]


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"match": math.inf}, "match is inf; allowed: a finite number or None"),
        ({"match": "high"}, "match is 'high'; allowed: a finite number or None"),
        (7, "TypeError: 'int' object is not iterable"),
    ],
)
def test_a_wrong_expectation_is_told_and_left_out(told: Any, message: str) -> None:
    recorder = recorded(0)
    recorder.expect(lambda: told)
    recorder.add({"alice": {"m": 1}, "bob": {"m": 1}}, 0)
    assert recorder.errors[0].message.startswith(message)
    assert recorder.metrics()["match"].expected is None


def test_the_text_of_a_result_is_two_lines() -> None:
    recorder = Recorder(["alice"])
    for shot in range(1000):
        recorder.add({"alice": dict.fromkeys("abcde", shot % 2 == 0)}, 0)
    lines = repr(result_of(recorder, interrupted=True)).splitlines()
    assert lines == [
        "<RunResult of agree on two_generic: 1,000 shots from 0, 0 failed, seed 7, interrupted",
        " alice.a 0.5 [0.4691, 0.5309], alice.b 0.5 [0.4691, 0.5309], alice.c 0.5 [0.4691, 0.5309], 2 more>",
    ]
    assert repr(RunResult(app="a", network="n", seed=0, shots=0)).endswith("\n no metrics>")


def test_json_has_what_was_promised_and_is_valid() -> None:
    result = result_of(recorded(expected={"match": 0.5}), trace_sha256="ab" * 32, time_split={"gates": 10.0})
    data = json.loads(json.dumps(result.to_json_dict(), allow_nan=False))
    assert data["app"] == "agree"
    assert data["network"] == "two_generic"
    assert data["seed"] == 7
    assert data["shots"] == 3
    assert data["results"] == {"alice": {"m": [0, 1, 0]}, "bob": {"m": [0, 0, 0], "basis": ["X", "Z", "X"]}}
    assert data["metrics"]["match"]["mean"] == 2 / 3
    assert data["metrics"]["match"]["ci95"] == list(wilson(2, 3))
    assert data["metrics"]["match"]["expected"] == 0.5
    assert data["sim_time_ns"] == 3003
    assert data["shot_sim_time_ns"] == [1000, 1001, 1002]
    assert data["wall_s"] == 0.5
    assert data["shots_per_s"] == 6.0
    assert data["trace_sha256"] == "ab" * 32
    assert data["traced"] is True
    assert data["interrupted"] is False


def test_json_leaves_out_an_expectation_nobody_has() -> None:
    recorder = recorded()
    data = result_of(recorder, metrics=recorder.metrics()).to_json_dict()
    assert "expected" not in data["metrics"]["match"]


def test_json_has_null_for_what_is_no_number() -> None:
    recorder = Recorder(["alice"], lambda results: {"x": None})
    recorder.add({"alice": {"ratio": math.inf, "raw": b"\x01\xff"}}, 0)
    data = json.loads(
        json.dumps(result_of(recorder, metrics=recorder.metrics()).to_json_dict(), allow_nan=False)
    )
    assert data["results"] == {"alice": {"ratio": [None], "raw": ["01ff"]}}
    assert data["metrics"]["x"]["mean"] is None


def test_calibration_in_the_json_loads_as_the_same_network() -> None:
    network = load_network("two_generic")
    ideal = with_values(network, {"nodes.*.device.t1_ns": math.inf})
    data = result_of(recorded(), calibration=ideal.to_dict()).to_json_dict()
    assert load_network(json.loads(json.dumps(data["calibration"], allow_nan=False))) == ideal


def test_many_shots_are_counts_and_a_path(tmp_path: Path) -> None:
    shots = INLINE_SHOTS + 1
    recorder = Recorder(["alice"])
    for shot in range(shots):
        recorder.add({"alice": {"m": shot % 2, "time": shot * 0.5, "maybe": None if shot % 2 else 3}}, shot)
    result = result_of(recorder, metrics={})
    path = result.save(tmp_path)
    data = json.loads(path.read_text())
    assert data["results"]["counts"]["alice"] == {
        "m": {"0": 5001, "1": 5000},
        "maybe": {"3": 5001, "null": 5000},
        "time": {"distinct": shots, "min": 0.0, "max": 5000.0, "mean": 2500.0},
    }
    assert "shot_sim_time_ns" not in data
    columns = data["results"]["path"]
    with numpy.load(columns, allow_pickle=False) as arrays:
        assert arrays["alice.m"].tolist() == recorder.results["alice"]["m"]
        assert arrays["sim_time_ns"][-1] == shots - 1
        assert arrays["alice.maybe"][:2].tolist() == ["3", "null"]
    assert data["path"] == result.path == str(path)


def test_saved_files_never_overwrite_each_other(tmp_path: Path) -> None:
    first, second = result_of(recorded()).save(tmp_path), result_of(recorded()).save(tmp_path)
    assert [first.name, second.name] == ["agree-two_generic-7-1.json", "agree-two_generic-7-2.json"]
    assert json.loads(first.read_text())["path"] == str(first)


@pytest.mark.parametrize("reason", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_half_a_saved_result_does_not_stay(
    reason: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(path: Path, table: object) -> None:
        path.write_bytes(b"half")
        raise reason

    monkeypatch.setattr(results, "INLINE_SHOTS", 0)
    monkeypatch.setattr(results, "write_npz", half)
    with pytest.raises((ConfigError, KeyboardInterrupt)) as caught:
        result_of(recorded()).save(tmp_path)
    if isinstance(reason, OSError):
        assert str(caught.value) == f"{tmp_path}: results cannot be saved: No space left on device"
    assert list(tmp_path.iterdir()) == []


def test_odd_names_make_plain_file_names(tmp_path: Path) -> None:
    path = result_of(recorded(), app="../my app.py", network="a/b").save(tmp_path)
    assert path.name == "my_app-b-7-1.json"
    assert path.parent == tmp_path


def test_pandas_table_has_a_row_per_shot() -> None:
    table = result_of(recorded(), first_shot=10).to_pandas()
    assert list(table.columns) == ["shot", "sim_time_ns", "alice.m", "bob.m", "bob.basis"]
    assert table["shot"].tolist() == [10, 11, 12]
    assert table["bob.basis"].tolist() == ["X", "Z", "X"]
    assert isinstance(table, pandas.DataFrame)


def test_parquet_keeps_numbers_typed_and_nested_values_as_json(tmp_path: Path) -> None:
    recorder = Recorder(["alice"])
    recorder.add({"alice": {"m": 1, "bits": [0, 1], "mixed": 1, "gone": None}}, 5)
    recorder.add({"alice": {"m": 0, "bits": [], "mixed": 0.5, "gone": None}}, 6)
    result_of(recorder, metrics={}).to_parquet(tmp_path / "r.parquet")
    table = parquet.read_table(tmp_path / "r.parquet").to_pydict()
    assert table == {
        "shot": [0, 1],
        "sim_time_ns": [5, 6],
        "alice.m": [1, 0],
        "alice.bits": ["[0,1]", "[]"],
        "alice.mixed": [1.0, 0.5],
        "alice.gone": [None, None],
    }


@pytest.mark.parametrize(("module", "method"), [("pandas", "to_pandas"), ("pyarrow", "to_parquet")])
def test_a_missing_library_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, module: str, method: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    arguments = [tmp_path / "r.parquet"] if method == "to_parquet" else []
    with pytest.raises(ConfigError, match=rf"{method} needs {module}: pip install 'qnos\["):
        getattr(result_of(recorded()), method)(*arguments)
