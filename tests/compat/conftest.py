"""Imports of programs in SquidASM's style are answered while a test of this directory runs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from qnos.compat import install, uninstall
from qnos.compat.clock import set_random_state
from qnos.compat.model import forget_warnings

CORPUS = Path(__file__).parent / "corpus"


@pytest.fixture(autouse=True)
def shim(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The stand-ins, a seed, and the neighbours of the scripts."""
    monkeypatch.syspath_prepend(str(CORPUS))
    install()
    set_random_state(1)
    forget_warnings()
    yield
    uninstall()
    sys.modules.pop("_short", None)
