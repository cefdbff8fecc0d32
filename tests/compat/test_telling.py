"""Errors of scripts that are run by the command: the script's lines are told, and none of ours."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from qnos.cli import main

SCRIPT = """
from netqasm.sdk.qubit import Qubit
from squidasm.run.stack.run import run
from squidasm.sim.stack.program import Program, ProgramMeta
from squidasm.util import create_two_node_network

class Fails(Program):
    meta = ProgramMeta("fails", ["Bob"], [], 1)

    def run(self, context):
        q = Qubit(context.connection)
        q.measure()
        yield from context.connection.flush()
        if context.app_id == 1:
            {what}

run(create_two_node_network(), {{"Alice": Fails()}}, num_times=3)
"""
LINE = 1 + SCRIPT.split("{what}")[0].count("\n")


@pytest.fixture
def ran(tmp_path: Path) -> Callable[[str], Result]:
    def ran(what: str) -> Result:
        (tmp_path / "script.py").write_text(SCRIPT.format(what=what))
        return CliRunner().invoke(main, ["compat", "run", str(tmp_path / "script.py")])

    return ran


def test_error_of_the_script_has_the_traceback_that_python_would_give(ran: Callable[[str], Result]) -> None:
    result = ran("raise ValueError('mine') from KeyError('deeper')")
    assert result.exit_code == 1
    told = result.stderr.splitlines()
    assert told[0] == "KeyError: 'deeper'" and "ValueError: mine" in told
    assert any(f'script.py", line {LINE}, in run' in line for line in told)
    assert "iteration 1 of the program of Alice" in told
    assert not [line for line in told if "/qnos/" in line or "/click/" in line]


def test_error_of_ours_says_iteration_node_file_and_line(ran: Callable[[str], Result]) -> None:
    result = ran("q.active = True; q.X(); yield from context.connection.flush()")
    assert result.exit_code == 1
    told = result.stderr.splitlines()
    assert told[0].startswith("Error: instruction") and told[0].endswith("is not allocated")
    assert told[1] == "  iteration 1 of the program of Alice"
    assert told[-1].endswith(f"script.py:{LINE}, in run") and len(told) == 4


def test_script_that_exits_does_so_with_its_own_code(ran: Callable[[str], Result]) -> None:
    assert ran("raise SystemExit(3)").exit_code == 3
