"""The import shim: which imports are answered, how long, and what is said where they are not."""

from __future__ import annotations

import importlib
import importlib.machinery
import subprocess
import sys
import types
from pathlib import Path

import pytest

from qnos.compat import install, uninstall
from qnos.compat import shim as shim_module
from qnos.compat.standins import PACKAGES, STANDINS
from qruntime.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]


def test_every_name_of_the_table_is_there() -> None:
    for module, names in STANDINS.items():
        found = importlib.import_module(module)
        for name in names:
            assert getattr(found, name) is not None, f"{module}.{name}"
        assert set(names) <= set(dir(found))


def test_stand_ins_are_gone_after_uninstall() -> None:
    importlib.import_module("squidasm.util")
    uninstall()
    assert not [name for name in sys.modules if name.partition(".")[0] in PACKAGES]
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("squidasm.util")
    install()


def test_installing_twice_is_no_mistake() -> None:
    install()
    assert sum(type(finder).__name__ == "_Finder" for finder in sys.meta_path) == 1


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("import squidasm.sim.stack.stack", "the OS itself is qnos's"),
        ("from netsquid.components import QuantumProcessor", "the simulation below the OS is qnos's own"),
        ("from squidasm.run.stack.config import NVLinkConfig", "NVLinkConfig is not provided"),
        ("import netsquid as ns; ns.nodes", "netsquid.nodes is not provided"),
        ("from squidasm.run.multithread.runtime_mgr import SquidAsmRuntimeManager", "qnos compat simulate"),
    ],
)
def test_what_is_not_provided_says_what_to_use_instead(statement: str, said: str) -> None:
    with pytest.raises(ImportError, match=said):
        exec(statement, {})


def test_really_installed_package_is_not_mixed_with(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    uninstall()
    (tmp_path / "netsquid").mkdir()
    (tmp_path / "netsquid" / "__init__.py").write_text("real = True")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ConfigError, match="netsquid is really installed"):
        install()
    install(prefer_ours=True)
    assert importlib.import_module("netsquid").sim_time() == 0


def test_placeholder_of_a_package_index_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    uninstall()
    spec = importlib.machinery.ModuleSpec("pydynaa", None)
    monkeypatch.setattr(
        shim_module.importlib.util, "find_spec", lambda name: spec if name == "pydynaa" else None
    )
    monkeypatch.setattr(shim_module, "version", lambda name: "0.0.1")
    install()


def test_package_that_is_imported_already_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    uninstall()
    monkeypatch.setitem(sys.modules, "squidasm", types.ModuleType("squidasm"))
    with pytest.raises(ConfigError, match="squidasm is imported already"):
        install()
    monkeypatch.undo()
    install()


def test_missing_sdk_is_told_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.metadata import PackageNotFoundError

    from qnos.compat import requirement

    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(requirement, "version", missing)
    with pytest.raises(ConfigError, match=r'pip install "qnos\[netqasm\]"'):
        requirement.netqasm_version()
    monkeypatch.setattr(requirement, "version", lambda name: "1.0.0")
    with pytest.raises(ConfigError, match=r"netqasm 1\.0\.0 is installed"):
        requirement.netqasm_version()


SCRIPT = """
import os, random, sys
import neighbour
import numpy as np
from squidasm.run.stack.config import StackConfig, StackNetworkConfig
print(__name__, sys.argv[1:], os.path.basename(os.getcwd()), neighbour.VALUE, random.random(), end=" ")
print(np.random.rand())
assert sys.path[0] == os.getcwd()
"""


def test_command_runs_a_script_as_python_would(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    (tmp_path / "neighbour.py").write_text("VALUE = 7")
    command = [sys.executable, "-m", "qnos", "compat", "run", "--seed", "3", str(tmp_path / "script.py")]
    outputs = [
        subprocess.run(
            [*command, "--x", "y"],
            env={"PYTHONPATH": str(ROOT), "PATH": ""},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout
        for _ in range(2)
    ]
    assert outputs[0].startswith(f"__main__ ['--x', 'y'] {tmp_path.name} 7 0.")
    assert outputs[0] == outputs[1]


def test_importing_qnos_brings_in_none_of_this() -> None:
    code = (
        "import sys, qnos, qnos.compat; "
        "print([m for m in sys.modules if m.startswith(('netqasm.', 'qnos.compat.', 'squidasm'))])"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert found.stdout.strip() == "[]"
