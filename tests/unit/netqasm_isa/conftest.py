"""Reference vectors, and strategies for random subroutines."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from netqasm_isa import Instruction, Subroutine, Template, instruction_set
from netqasm_isa.operands import template_names

VECTORS = Path(__file__).with_name("netqasm_vectors.json")

SubroutineStrategy = Callable[..., st.SearchStrategy[Subroutine]]


@pytest.fixture(scope="session")
def vectors() -> dict[str, Any]:
    """The reference vectors as one dict."""
    loaded: dict[str, Any] = json.loads(VECTORS.read_text())
    return loaded


def _operand(row: Instruction, position: int, length: int) -> st.SearchStrategy[int]:
    field = row.layout.fields[position - 1]
    if position == row.target:
        return st.integers(0, length)
    high = row.limits.get(row.names[position - 1], field.high)
    return st.integers(field.low, high)


@st.composite
def _instruction(draw: st.DrawFn, row: Instruction, length: int, templates: bool) -> tuple[Any, ...]:
    operands: list[Any] = []
    for position in range(1, len(row.names) + 1):
        if templates and position in row.parameters and draw(st.booleans()):
            operands.append(Template(draw(st.sampled_from(["n", "theta_2", "Q0", "a"]))))
        else:
            operands.append(draw(_operand(row, position, length)))
    return (row.opcode, *operands)


@st.composite
def _subroutine(draw: st.DrawFn, flavour: str, templates: bool = False, max_length: int = 25) -> Subroutine:
    rows = draw(st.lists(st.sampled_from(list(instruction_set(flavour).values())), max_size=max_length))
    instructions = tuple(draw(_instruction(row, len(rows), templates)) for row in rows)
    version = draw(st.tuples(st.integers(0, 255), st.integers(0, 255)))
    app_id = draw(st.integers(0, 65535))
    return Subroutine(version, app_id, flavour, instructions, template_names(instructions))


@pytest.fixture(scope="session")
def subroutines() -> SubroutineStrategy:
    """A function of a flavour: the strategy of all subroutines that pass the check, if without templates."""
    return _subroutine
