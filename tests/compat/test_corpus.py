"""Programs in SquidASM's style, each with what theory says of it: every file of the corpus is a script that
imports only what such scripts import, and has `expect()`, which runs it and checks."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from tests.compat.conftest import CORPUS

SCRIPTS = sorted(CORPUS.glob("[a-z]*.py"))


@pytest.mark.parametrize("script", SCRIPTS, ids=[script.stem for script in SCRIPTS])
def test_program_does_what_theory_says(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = importlib.util.spec_from_file_location(f"corpus_{script.stem}", script)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    module.expect()
