"""`qnos driver`: what it lists, shows, writes, checks and refuses, and how it exits."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from qdriver import registry
from qnos.cli import main
from qnos.conformance import RULES

Invoke = Callable[..., Result]


@pytest.fixture
def invoke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Runs the command line in an empty directory, on a terminal wide enough for any table."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "240")
    return lambda *arguments: CliRunner().invoke(main, ["driver", *arguments])


def install(monkeypatch: pytest.MonkeyPatch, *points: EntryPoint) -> None:
    """Pretend that these plug-ins are installed."""

    def entry_points(*, group: str, name: str | None = None) -> EntryPoints:
        return EntryPoints(point for point in points if name is None or point.name == name)

    monkeypatch.setattr(registry, "entry_points", entry_points)


def test_list_has_every_kind_with_its_origin(invoke: Invoke) -> None:
    result = invoke("list")
    assert result.exit_code == 0
    rows = {line.split()[0]: line for line in result.stdout.splitlines()[1:]}
    assert {"generic", "ion", "nv"} <= set(rows)
    assert "built in" in rows["nv"] and "NV centre" in rows["nv"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("raise RuntimeError('no licence')", "cannot be loaded: RuntimeError: no licence"),
        ("Hardware = 5", "is no class with schema, spec and driver"),
        ("", "cannot be loaded: .*has no attribute 'Hardware'"),
        (
            "class Hardware:\n    schema = spec = driver = None\n    def __init__(self, n): pass",
            "cannot be made: TypeError",
        ),
    ],
)
def test_plugin_that_cannot_be_loaded_hides_no_other(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, said: str
) -> None:
    import re

    monkeypatch.syspath_prepend(tmp_path)
    Path("shaky.py").write_text(text)
    install(monkeypatch, EntryPoint("shaky", "shaky:Hardware", registry.GROUP))
    result = invoke("list")
    sys.modules.pop("shaky", None)
    assert result.exit_code == 0
    assert re.search(said, result.stdout)
    assert "generic" in result.stdout


def test_show_has_parameters_and_native_gates(invoke: Invoke) -> None:
    result = invoke("show", "nv", "--set", "num_qubits=3", "--set", "tick_ns=20")
    assert result.exit_code == 0, result.stderr
    assert "flavour nv; attempts take the whole device, two-qubit gates join 2 pairs" in result.stdout
    assert "instructions begin every 20 ns" in result.stdout
    assert "0 (communication)" in result.stdout and "1, 2 (memory)" in result.stdout


@pytest.mark.parametrize("command", ["show", "check"])
@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("toaster",), 1, "'toaster'"),
        (("no_such_module:Hardware",), 1, "No module named 'no_such_module'"),
        (("generic", "--set", "num_qubits=0"), 1, "num_qubits is 0; allowed: an integer from 1 to 1024"),
        (("generic", "--set", "slices=2"), 1, "slices is no field of a generic device"),
        (("generic", "--set", "slices"), 2, "--set 'slices': PARAMETER=VALUE is expected"),
        ((), 2, "Missing argument 'KIND'"),
    ],
)
def test_what_cannot_be_shown_or_checked_says_why(
    invoke: Invoke, command: str, arguments: tuple[str, ...], status: int, said: str
) -> None:
    result = invoke(command, *arguments)
    assert result.exit_code == status
    assert said in result.stderr
    assert isinstance(result.exception, SystemExit)


def test_show_of_an_unsound_plugin_names_the_rule(invoke: Invoke) -> None:
    kind = "tests.conformance.broken:GateOfNegativeDuration"
    result = invoke("show", kind)
    assert result.exit_code == 1
    assert f"{kind} breaks a rule: spec-gates: x lasts -5 ns" in result.stderr
    assert "breaks the rule schema" in invoke("show", "tests.conformance.broken:SchemaIsNone").stderr


def test_check_says_what_every_rule_demands(invoke: Invoke) -> None:
    result = invoke("check", "generic")
    assert result.exit_code == 0
    assert [line.split()[:2] for line in result.stdout.splitlines()[1:]] == [[r, "holds"] for r in RULES]
    assert result.stderr == ""


def test_check_of_a_broken_plugin_ends_with_status_1(invoke: Invoke) -> None:
    result = invoke("check", "tests.conformance.broken:InvertedT")
    assert result.exit_code == 1
    assert "t 0 alone is off by 0.5 in fidelity" in result.stdout
    assert result.stderr == "Error: tests.conformance.broken:InvertedT breaks translation\n"


def test_check_does_not_try_what_cannot_be_tried(invoke: Invoke) -> None:
    result = invoke("check", "tests.conformance.broken:SchemaIsNone")
    assert result.exit_code == 1
    assert result.stdout.count("not tried") == len(RULES) - 1


def test_new_plugin_of_the_working_directory_is_found_and_sound(invoke: Invoke) -> None:
    result = invoke("new", "fresh_atoms", ".")
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in Path().iterdir()) == [
        "fresh_atoms.py", "pyproject.toml", "test_fresh_atoms.py",
    ]  # fmt: skip
    assert not any("example_atoms" in path.read_text() for path in Path().iterdir())
    assert "pip install -e . && qnos driver check fresh_atoms" in result.stdout
    assert invoke("check", "fresh_atoms:Hardware", "--set", "num_qubits=3").exit_code == 0
    assert "3 qubits" not in invoke("show", "fresh_atoms:Hardware").stdout
    assert str(Path.cwd()) not in sys.path


@pytest.mark.parametrize("name", ["generic", "nv", "random", "Atoms", "2atoms", "my-atoms", "a/b", "..", ""])
def test_name_that_cannot_be_is_refused(invoke: Invoke, name: str) -> None:
    result = invoke("new", name)
    assert result.exit_code == 1
    assert f"name is {name!r}; allowed: lower case letters, digits and _" in result.stderr
    assert list(Path().iterdir()) == []


def test_name_of_an_installed_plugin_is_refused(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, EntryPoint("toaster", "toaster:Hardware", registry.GROUP))
    assert "taken are generic, ion, nv, toaster" in invoke("new", "toaster").stderr


def test_new_does_not_write_over_anything(invoke: Invoke) -> None:
    Path("atoms").mkdir()
    Path("atoms/notes.txt").write_text("mine")
    result = invoke("new", "atoms")
    assert result.exit_code == 1
    assert "atoms exists and is not empty; nothing was written" in result.stderr
    assert [path.name for path in Path("atoms").iterdir()] == ["notes.txt"]
    Path("file").write_text("")
    assert invoke("new", "atoms", "file").exit_code == 2


def test_new_fills_an_empty_directory(invoke: Invoke) -> None:
    Path("place/of/mine").mkdir(parents=True)
    assert invoke("new", "atoms", "place/of/mine").exit_code == 0
    assert Path("place/of/mine/atoms.py").exists()
