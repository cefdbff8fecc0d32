"""`qnos.run`: what reaches the simulation, and what is refused before it."""

from __future__ import annotations

import io
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import qnos
from qnos import api
from qnos.results import WHOLE_RUN, RunResult, ShotError
from qruntime.errors import ConfigError
from tests.unit.qnos.conftest import Simulated

ROOT = Path(qnos.__file__).parents[1]


def test_defaults_are_a_hundred_shots_on_the_default_network(simulated: Simulated) -> None:
    result = qnos.run("teleport")
    (call,) = simulated.calls
    assert call["network"].name == "two_generic"
    assert (call["shots"], call["first_shot"], call["seed"]) == (100, 0, 0)
    assert (call["trace"], call["trace_file"]) == (False, None)
    assert result.shots == 100


def test_inputs_placement_and_changed_values_reach_the_simulation(simulated: Simulated) -> None:
    qnos.run(
        "teleport",
        "perfect",
        shots=3,
        seed=9,
        inputs={"alice": {"theta": 0.3}},
        placement={"alice": "bob"},
        values={"links.*.delay_ns": 5},
    )
    (call,) = simulated.calls
    assert call["inputs"] == {"alice": {"theta": 0.3}}
    assert call["placement"] == {"alice": "bob"}
    assert call["network"].links[0].model.delay_ns == 5
    assert call["seed"] == 9


def test_one_shot_is_run_alone_with_its_own_number(simulated: Simulated) -> None:
    qnos.run("teleport", shots=1000, shot=17)
    assert (simulated.calls[0]["first_shot"], simulated.calls[0]["shots"]) == (17, 1)


def test_trace_goes_to_a_path_a_file_or_only_into_the_digest(simulated: Simulated, tmp_path: Path) -> None:
    qnos.run("teleport", shots=1, trace=tmp_path / "t.jsonl")
    assert (tmp_path / "t.jsonl").read_bytes().startswith(b'{"shot":0}\n')
    memory = io.BytesIO()
    qnos.run("teleport", shots=1, trace=memory)
    assert memory.getvalue() == (tmp_path / "t.jsonl").read_bytes()
    assert qnos.run("teleport", shots=1, trace=True).trace_sha256 == "0" * 64


def test_a_trace_that_cannot_be_written_is_told_before_the_run(simulated: Simulated, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="trace cannot be written: No such file or directory"):
        qnos.run("teleport", trace=tmp_path / "no" / "t.jsonl")
    assert simulated.calls == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shots": 0}, "shots is 0; allowed: an integer of at least 1"),
        ({"shots": 2.0}, "shots is 2.0; allowed: an integer of at least 1"),
        ({"shots": True}, "shots is True; allowed: an integer of at least 1"),
        ({"shot": -1}, "shot is -1; allowed: an integer of at least 0"),
        ({"seed": "x"}, "seed is 'x'; allowed: an integer"),
        ({"network": "two_generik"}, "no network is called 'two_generik'; did you mean two_generic?"),
        ({"values": {"links.3.fidelity": 1}}, "links.3.fidelity: links has no '3'"),
        ({"app": 5}, "app is 5; allowed: a name, the path of a file, a module, a mapping"),
        ({"network": 5}, "network is 5; allowed: a shipped name, a path, a mapping"),
        ({"inputs": [1]}, "inputs is [1]; allowed: a mapping of role to a mapping of name to value"),
        ({"inputs": {"alice": 1}}, "inputs['alice'] is 1; allowed: a mapping of name to value"),
        ({"placement": "alice"}, "placement is 'alice'; allowed: a mapping of role to node"),
        ({"values": 3}, "values is 3; allowed: a mapping of path to value"),
        ({"trace": 3}, "trace is 3; allowed: a path, an open binary file, True or None"),
    ],
)
def test_bad_arguments_are_refused_with_what_is_allowed(
    simulated: Simulated, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        qnos.run(**{"app": "teleport", **options})
    assert str(raised.value).startswith(message)
    assert simulated.calls == []


def test_failures_are_summed_up_in_a_sentence(simulated: Simulated) -> None:
    assert api.failures(qnos.run("teleport", shots=2)) == ""
    simulated.fail = {1: ShotError(1, "alice", "PROGRAM", "broke"), 3: ShotError(3, "alice", "PROGRAM", "x")}
    assert api.failures(qnos.run("teleport", shots=5)) == (
        "2 of 5 shots failed; first alice in shot 1: broke"
    )


def failed(*errors: ShotError) -> RunResult:
    return RunResult(app="a", network="n", seed=0, shots=9, errors=list(errors), shots_failed=1)


def test_first_cause_is_the_earliest_in_simulated_time() -> None:
    late = ShotError(0, "alice", "EPR", "TIMEOUT", "", 60_000_000_000)
    news = ShotError(0, "charlie", "PEER_FAILED", "bob failed", "", 9_000)
    early = ShotError(0, "bob", "EPR", "no link", "", 8_000)
    other_shot = ShotError(1, "alice", "PROGRAM", "broke", "", 0)
    whole_run = ShotError(WHOLE_RUN, "expected()", "PROGRAM", "it names x; metrics are y")
    assert api.first_cause(failed(whole_run, late, early, news, other_shot)) is early
    assert api.first_cause(failed(late, news)) is late
    assert api.first_cause(failed(news)) is news
    assert api.failures(failed(whole_run)) == "expected(): it names x; metrics are y"


def test_failed_shots_are_counted_beyond_the_errors_that_are_kept(simulated: Simulated) -> None:
    simulated.fail = {shot: ShotError(shot, "alice", "PROGRAM", "broke") for shot in range(150)}
    assert api.failures(qnos.run("teleport", shots=200)).startswith("150 of 200 shots failed; first alice")


def test_every_error_is_reached_from_the_package() -> None:
    assert issubclass(qnos.EprError, qnos.SubroutineError)
    errors = [getattr(qnos, name) for name in qnos.__all__ if name.endswith("Error")]
    assert len(errors) > 7
    assert all(issubclass(error, qnos.QnosError) for error in errors)
    with pytest.raises(qnos.ConfigError):
        qnos.load_network("nowhere")


def test_unknown_names_of_the_package_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="module 'qnos' has no attribute 'rum'"):
        qnos.rum  # noqa: B018 - the access is the test
    assert set(qnos.__all__) <= set(dir(qnos))
    assert all(getattr(qnos, name) is not None for name in qnos.__all__)


def test_version_is_that_of_the_project() -> None:
    assert f'version = "{qnos.__version__}"' in (ROOT / "pyproject.toml").read_text()


def fresh_import(statement: str) -> dict[str, Any]:
    """Seconds that `statement` takes in a fresh interpreter, and the modules it leaves behind."""
    script = (
        "import sys, time, json; began = time.perf_counter(); "
        f"{statement}; took = time.perf_counter() - began; "
        "print(json.dumps({'s': took, 'modules': sorted(sys.modules)}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_importing_qnos_is_quick_and_loads_no_machinery() -> None:
    runs = [fresh_import("import qnos") for _ in range(3)]
    assert statistics.median(run["s"] for run in runs) < 0.6  # seconds; generous for a loaded machine
    heavy = ("click", "rich", "trio", "zmq", "pandas", "pyarrow", "numpy", "yaml", "netqasm", "qworld")
    assert [name for name in heavy if name in runs[0]["modules"]] == []


def test_using_qnos_from_python_needs_no_command_line_libraries() -> None:
    modules = fresh_import("import qnos; qnos.run; qnos.load_network('perfect')")["modules"]
    assert [name for name in ("click", "rich", "trio", "zmq", "pandas", "pyarrow") if name in modules] == []


def test_pytest_plugin_loads_nothing_but_pytest() -> None:
    modules = fresh_import("import qnos.testing")["modules"]
    assert [name for name in ("numpy", "yaml", "click", "rich", "msgspec", "qworld") if name in modules] == []


def test_the_package_runs_as_a_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "qnos", "--version"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.stdout == f"qnos, version {qnos.__version__}\n"
