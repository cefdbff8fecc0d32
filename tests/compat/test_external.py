"""`netqasm.sdk.external` is ours while the shim is in place; the SDK's own command then runs on it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from qnos.cli import main
from qnos.compat import install, uninstall
from qnos.compat.external.rounds import simulate_directory
from qruntime.errors import ConfigError, ProgramError
from qruntime.trace import Trace
from tests.compat.appdirs import simulated, write

APPS = Path(__file__).parent / "apps"
OPTIONS = ["num=2", "simulator=netsquid", "formalism=stab", "hardware=nv", "log-to-files=false", "timer"]
COIN = """
def main(app_config=None):
    with NetQASMConnection("alice") as conn:
        outcomes = []
        for _ in range(12):
            qubit = Qubit(conn)
            qubit.H()
            outcomes.append(qubit.measure())
            conn.flush()
    return {"bits": "".join(str(int(bit)) for bit in outcomes)}
"""


def test_module_is_answered_and_given_back() -> None:
    uninstall()
    import netqasm.sdk.external as before
    from netqasm import sdk

    real_sleep = time.sleep
    install()
    try:
        import netqasm.sdk.external as ours
        from netqasm.sdk.external import BroadcastChannel, NetQASMConnection, Socket, get_qubit_state

        assert ours is not before
        for each in (BroadcastChannel, NetQASMConnection, Socket, get_qubit_state):
            assert each.__module__.startswith("qnos.compat")
        with pytest.raises(ImportError, match="simulate_application"):
            from netqasm.sdk.external import nothing_of_that_name  # noqa: F401
    finally:
        uninstall()
    assert sys.modules["netqasm.sdk.external"] is before is sdk.external
    assert time.sleep is real_sleep


def test_calls_outside_of_an_application_say_where_they_work() -> None:
    from netqasm.sdk.external import NetQASMConnection, Socket

    with pytest.raises(ProgramError, match="qnos compat simulate DIR"):
        Socket("alice", "bob")
    with pytest.raises(ProgramError, match="works only in `main`"):
        NetQASMConnection("alice")


def test_application_may_be_made_in_python() -> None:
    from netqasm.runtime.application import default_app_instance
    from netqasm.sdk.external import Socket, simulate_application

    def hello() -> dict[str, str]:
        Socket("hello", "world").send("hi")
        return {}

    def world() -> dict[str, str]:
        return {"heard": Socket("world", "hello").recv()}

    instance = default_app_instance([("hello", hello), ("world", world)])
    results = simulate_application(instance, 2, enable_logging=False)
    assert results == [{"app_hello": {}, "app_world": {"heard": "hi"}}] * 2
    with pytest.raises(ConfigError, match="at least 1"):
        simulate_application(instance, 0, enable_logging=False)


def test_seed_decides_and_each_round_is_another(tmp_path: Path) -> None:
    directory = write(tmp_path / "app", alice=COIN)
    rounds = [each["app_alice"]["bits"] for each in simulated(directory, num=4, seed=5)]
    assert len(dict.fromkeys(rounds)) == 4
    assert [each["app_alice"]["bits"] for each in simulated(directory, num=2, seed=5)] == rounds[:2]
    assert simulated(directory, seed=6)[0]["app_alice"]["bits"] != rounds[0]


@pytest.mark.parametrize(
    "name",
    [
        "one_roof",
        pytest.param("blind", marks=pytest.mark.slow),
        pytest.param("background", marks=pytest.mark.slow),
        pytest.param("reconnect", marks=pytest.mark.slow),
        pytest.param("ghz_vote", marks=pytest.mark.slow),
    ],
)
def test_processes_change_nothing(name: str) -> None:
    options: dict[str, Any] = {"num": 2, "seed": 3, "log_to_files": False}
    traces = Trace(), Trace()
    alone = simulate_directory(APPS / name, trace=traces[0], **options)
    processes = simulate_directory(APPS / name, trace=traces[1], processes=True, **options)
    assert alone == processes
    assert traces[0].sha256() == traces[1].sha256()


def test_command_prints_results_and_takes_the_sdks_options(tmp_path: Path) -> None:
    directory = write(tmp_path / "app", alice=COIN)
    options = [f"--{option}" for option in OPTIONS]
    done = CliRunner().invoke(main, ["compat", "simulate", str(directory), *options, "--seed", "5"])
    assert done.exit_code == 0, done.output
    text, _, timing = done.output.partition("finished simulation in ")
    results = yaml.safe_load(text)
    assert [list(each) for each in results] == [["app_alice"]] * 2 and timing.endswith(" seconds\n")
    again = CliRunner().invoke(main, ["run", str(directory), "--shots", "2", "--seed", "5"])
    assert again.exit_code == 0 and len(yaml.safe_load(again.output)) == 2
    refused = CliRunner().invoke(main, ["run", str(directory), "--network", "two_nv"])
    assert refused.exit_code == 2 and "goes without --network" in refused.output


def test_command_says_whose_error_it_was(tmp_path: Path) -> None:
    directory = write(tmp_path / "app", alice="def main(app_config=None): raise KeyError('lost')")
    done = CliRunner().invoke(main, ["compat", "simulate", str(directory), "--log-to-files", "false"])
    assert done.exit_code == 1
    assert "KeyError: 'lost'\n  role alice, round 0, " in done.output and "app_alice.py:4" in done.output


def test_the_sdks_own_command_runs_on_ours(tmp_path: Path) -> None:
    directory = tmp_path / "one_roof"
    shutil.copytree(APPS / "one_roof", directory, ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "qnos.compat", "-m", "netqasm.runtime.cli", "simulate"]
    done = subprocess.run(
        [*command, "--app-dir", str(directory), "--num", "2", "--simulator", "netsquid"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    last = directory / "log" / "LAST"
    results = yaml.safe_load((last / "results.yaml").read_text())
    assert len(results) == 2 and list(results[0]) == ["app_ada", "app_bert", "app_cleo"]
    assert (last / "cleo_instrs.yaml").is_file() and (last / "ada_class_comm.yaml").is_file()
