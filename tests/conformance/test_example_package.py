"""The example package, installed as anybody would, is found by its entry points; the template is sound."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from qnos.cli import main
from qnos.conformance import check, holds

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "neutral_atoms"

# what pip does, by the setuptools that is here: no index, and no wheel package, is needed
INSTALL = [sys.executable, "-c", "from setuptools import setup; setup()", "-q"]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with nothing but the example installed in it."""
    source, site = tmp_path_factory.mktemp("source") / "neutral_atoms", tmp_path_factory.mktemp("site")
    shutil.copytree(EXAMPLE, source, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info", "build"))
    command = [*INSTALL, "egg_info", "--egg-base", str(site), "install_lib", "--install-dir", str(site)]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return site


def run_qnos(site: Path, directory: Path, *arguments: str) -> str:
    """What the command line prints where the package is installed."""
    environment = {**os.environ, "PYTHONPATH": f"{site}{os.pathsep}{ROOT}", "COLUMNS": "240"}
    command = [sys.executable, "-m", "qnos", *arguments]
    done = subprocess.run(
        command, cwd=directory, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_installed_example_is_listed_checked_and_run(site: Path, tmp_path: Path) -> None:
    listed = run_qnos(site, tmp_path, "driver", "list")
    assert "(neutral_atoms:Hardware)" in next(row for row in listed.splitlines() if "neutral" in row)
    checked = run_qnos(site, tmp_path, "driver", "check", "neutral_atoms", "--set", "num_qubits=3")
    assert "BROKEN" not in checked and "not tried" not in checked
    network = str(EXAMPLE / "network.yaml")
    said = run_qnos(site, tmp_path, "run", "teleport", "--network", network, "--shots", "20")
    assert "teleport on network (alice, bob), 20 shots" in said


def test_package_that_cannot_be_loaded_hides_no_other(site: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    information = broken / "toaster.egg-info"
    information.mkdir(parents=True)
    (broken / "toaster.py").write_text("raise SyntaxError('no bread')\n")
    (information / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: toaster\nVersion: 1\n")
    (information / "entry_points.txt").write_text("[qdriver.hardware]\ntoaster = toaster:Hardware\n")
    both = Path(f"{broken}{os.pathsep}{site}")
    lines = run_qnos(both, tmp_path, "driver", "list").splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["generic", "ion", "neutral_atoms", "nv", "toaster"]
    assert "device kind 'toaster' cannot be loaded: SyntaxError: no bread" in lines[-1]


def test_example_keeps_every_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(EXAMPLE)
    for size in (1, 2, 3, 6):
        assert holds(check("neutral_atoms:Hardware", {"num_qubits": size}))


@pytest.mark.slow
def test_tests_of_the_example_pass(site: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": f"{site}{os.pathsep}{ROOT}"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", str(EXAMPLE)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout.decode()


def test_example_is_short_enough_to_read() -> None:
    assert len((EXAMPLE / "neutral_atoms.py").read_text().splitlines()) < 150


def test_template_is_a_sound_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made = CliRunner().invoke(main, ["driver", "new", "kit_template"])
    assert made.exit_code == 0, made.output
    monkeypatch.syspath_prepend(tmp_path / "kit_template")
    for size in (1, 2, 4):
        assert holds(check("kit_template:Hardware", {"num_qubits": size}))
