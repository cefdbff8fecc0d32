"""Every limit is a positive number that some package enforces."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from qruntime import limits

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = ("netqasm_isa", "qruntime", "qworld", "qdriver", "qnpu", "cnpu", "qnos")
NAMES = [name for name in vars(limits) if name.isupper()]


def _used() -> set[str]:
    """Names that are read (not only imported) in the packages."""
    names: set[str] = set()
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            if path.name == "limits.py":
                continue
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                    names.add(node.id)
                elif isinstance(node, ast.Attribute):
                    names.add(node.attr)
    return names


USED = _used()


def test_there_are_limits() -> None:
    assert len(NAMES) > 10


@pytest.mark.parametrize("name", NAMES)
def test_limit_is_positive_and_used(name: str) -> None:
    assert type(getattr(limits, name)) is int
    assert getattr(limits, name) > 0
    assert name in USED, f"nothing enforces limits.{name}"


def test_value_leaves_room_in_its_message() -> None:
    assert limits.VALUE_BYTES < limits.MESSAGE_BYTES
