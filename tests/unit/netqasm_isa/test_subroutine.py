"""Subroutines as values: printing, instantiating, placeholders, registers."""

import pickle
from typing import Any

import pytest

from netqasm_isa import (
    EncodeError,
    IsaError,
    NamedAddress,
    Subroutine,
    Template,
    TemplateError,
    assemble,
    decode,
    disassemble_instruction,
    register,
    register_name,
)
from netqasm_isa import opcodes as op
from netqasm_isa.registers import C15, M2, Q0, Q7, R0, R1, R15

OPEN = assemble("# APPID 3\nset R0 {a}\nrot_x Q0 {n} {a}\nload R1 @input[R0]\nret_arr @output")


def test_text_begins_with_the_header() -> None:
    assert str(Subroutine((1, 0), 5, "vanilla", ((op.SET, R0, -1),))) == "# NETQASM 1.0\n# APPID 5\nset R0 -1"


def test_placeholders_print_as_they_are_written() -> None:
    assert str(OPEN).splitlines()[2:] == [
        "set R0 {a}",
        "rot_x Q0 {n} {a}",
        "load R1 @input[R0]",
        "ret_arr @output",
    ]


def test_subroutines_are_equal_by_value_and_can_be_keys() -> None:
    assert len({assemble("x Q0"), assemble("x  Q0"), assemble("y Q0")}) == 2
    assert len(OPEN) == 4


def test_subroutine_cannot_be_changed() -> None:
    made: Any = Subroutine()
    with pytest.raises(AttributeError):
        made.app_id = 4


def test_instantiate_fills_a_copy_and_leaves_the_original_open() -> None:
    before = str(OPEN)
    made = OPEN.instantiate(9, {"a": 4, "n": 255, "@input": 7, "output": 8})
    assert made.instructions == (
        (op.SET, R0, 4),
        (op.ROT_X, Q0, 255, 4),
        (op.LOAD, R1, 7, R0),
        (op.RET_ARR, 8),
    )
    assert (made.app_id, made.arguments, made.version, made.flavour) == (9, (), (0, 10), "vanilla")
    assert decode(made.encode()) == made
    assert str(OPEN) == before
    assert OPEN.arguments == ("a", "n", "a")


def test_template_and_named_address_of_one_name_are_told_apart() -> None:
    both = assemble("set R0 {input}\nret_arr @input")
    assert both.instantiate(0, {"input": 1, "@input": 2}).instructions == ((op.SET, R0, 1), (op.RET_ARR, 2))
    assert both.instantiate(0, {"input": 3}).instructions == ((op.SET, R0, 3), (op.RET_ARR, 3))


@pytest.mark.parametrize(
    ("values", "name", "reason"),
    [
        ({"n": 1, "@input": 1, "@output": 1}, "a", "no value given"),
        ({"a": 1, "n": 1, "@input": 1}, "@output", "no value given"),
        ({"a": 1, "n": 256, "@input": 1, "@output": 1}, "n", "256, allowed 0..255"),
        ({"a": -1, "n": 1, "@input": 1, "@output": 1}, "a", "-1, allowed 0..255"),
        ({"a": 1, "n": 1, "@input": -1, "@output": 1}, "@input", "-1, allowed 0..2147483647"),
        ({"a": 1, "n": 1.0, "@input": 1, "@output": 1}, "n", "1.0 is no int"),
        (
            {"a": 1, "n": 1, "@input": 1, "@output": 1, "b": 2},
            "b",
            "nothing of this name is open; open are: a, n, @input, @output",
        ),
        (
            {"a": 1, "n": 1, "@input": 1, "input": 1, "@output": 1},
            "input",
            "nothing of this name is open; open are: a, n, @input, @output",
        ),
    ],
)
def test_instantiate_refuses_values_that_do_not_match(values: dict[str, Any], name: str, reason: str) -> None:
    with pytest.raises(TemplateError) as caught:
        OPEN.instantiate(0, values)
    assert (caught.value.name, caught.value.reason) == (name, reason)
    assert str(caught.value) == f"{name}: {reason}"
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_instantiate_without_placeholders_sets_the_application() -> None:
    assert assemble("x Q0").instantiate(65535) == assemble("# APPID 65535\nx Q0")
    for app_id in (-1, 65536):
        with pytest.raises(EncodeError, match="application id"):
            assemble("x Q0").instantiate(app_id)


def test_open_subroutine_does_not_encode() -> None:
    with pytest.raises(EncodeError, match=r"template \{a\}"):
        OPEN.encode()


@pytest.mark.parametrize("name", ["", "1a", "a b", "a}", "ä"])
def test_template_needs_a_name_that_text_can_hold(name: str) -> None:
    with pytest.raises(IsaError, match="template name"):
        Template(name)


def test_named_addresses_are_input_and_output() -> None:
    assert repr(NamedAddress("input")) == "NamedAddress('input')"
    assert repr(Template("a")) == "Template('a')"
    with pytest.raises(IsaError, match="allowed input, output"):
        NamedAddress("elsewhere")


@pytest.mark.parametrize(
    ("ins", "message"),
    [
        ((), "is not an instruction"),
        ((Template("a"),), "is not an instruction"),
        ((99, R0), "no opcode 99"),
        ((op.ADD, R0), r"add: 3 operands \(dst a b\) needed, 1 given"),
        ((op.RET_REG, 64), "no register has the byte 64"),
        ((op.RET_REG, Template("a")), "cannot stand for a register"),
    ],
)
def test_printer_refuses_what_is_no_instruction(ins: tuple[Any, ...], message: str) -> None:
    with pytest.raises(IsaError, match=message):
        disassemble_instruction(ins)


def test_register_bytes_are_index_and_bank() -> None:
    assert (R0, R15, C15, Q7, M2) == (0x00, 0x3C, 0x3D, 0x1E, 0x0B)
    assert [register(register_name(byte)) for byte in range(64)] == list(range(64))


@pytest.mark.parametrize("name", ["", "R", "R16", "R-1", "r0", "X0", "R00", "R 0", "R0 "])
def test_other_names_are_no_registers(name: str) -> None:
    with pytest.raises(IsaError, match="no register"):
        register(name)


@pytest.mark.parametrize("byte", [-1, 64, 255])
def test_other_bytes_are_no_registers(byte: int) -> None:
    with pytest.raises(IsaError, match=r"allowed 0\.\.63"):
        register_name(byte)
