"""Application directories of the NetQASM SDK, each with what theory says of it: every directory of `apps` has
programs that import only what such programs import, and `expect.py`, which says how it is run and checks."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

from qnos.compat.external.rounds import simulate_directory

APPS = Path(__file__).parent / "apps"
NAMES = sorted(path.parent.name for path in APPS.glob("*/expect.py"))


@pytest.mark.parametrize("name", NAMES)
def test_application_does_what_theory_says(name: str) -> None:
    said: dict[str, Any] = runpy.run_path(str(APPS / name / "expect.py"))
    options = {"num": said["ROUNDS"], "seed": 1, "log_to_files": False, **said.get("OPTIONS", {})}
    results = simulate_directory(APPS / name, **options)
    assert len(results) == said["ROUNDS"]
    said["expect"](results)
