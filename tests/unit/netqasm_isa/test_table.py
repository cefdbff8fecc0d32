"""The rows of the table against each other and against what is derived from them."""

from typing import Any

import pytest

from netqasm_isa import (
    FLAVOURS,
    INSTRUCTIONS,
    Instruction,
    IsaError,
    Role,
    assemble_instruction,
    disassemble_instruction,
    instruction_set,
    lookup,
    mnemonics,
    opcodes,
)
from netqasm_isa.instructions import COMMAND_BYTES, LAYOUTS, SHAPES

ROWS = pytest.mark.parametrize("row", INSTRUCTIONS, ids=[row.mnemonic for row in INSTRUCTIONS])


def test_mnemonics_are_unique() -> None:
    names = [row.mnemonic for row in INSTRUCTIONS]
    assert len(names) == len(set(names)) == 57


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_no_flavour_has_an_opcode_twice(flavour: str) -> None:
    rows = [row for row in INSTRUCTIONS if flavour in row.flavours]
    assert len({row.opcode for row in rows}) == len(rows)
    assert len(instruction_set(flavour)) == len(mnemonics(flavour)) == len(rows)


def test_opcode_constants_are_exactly_the_mnemonics_in_upper_case() -> None:
    constants = {name: value for name, value in vars(opcodes).items() if name.isupper()}
    assert constants == {row.mnemonic.upper(): row.opcode for row in INSTRUCTIONS}


def test_core_is_in_every_flavour_and_is_all_of_reids() -> None:
    core = {row.mnemonic for row in INSTRUCTIONS if set(row.flavours) == set(FLAVOURS)}
    assert core == set(mnemonics("reids"))
    assert len(core) == 35


@ROWS
def test_every_row_is_used_in_a_known_flavour(row: Instruction) -> None:
    assert row.flavours
    assert set(row.flavours) <= set(FLAVOURS)
    assert len(set(row.flavours)) == len(row.flavours)
    assert 1 <= row.opcode <= 255


@pytest.mark.parametrize("name", LAYOUTS)
def test_layout_fills_a_command(name: str) -> None:
    layout = LAYOUTS[name]
    assert layout.struct.size == COMMAND_BYTES
    assert 1 + sum(field.size for field in layout.fields) <= COMMAND_BYTES
    assert [field.kind for field in layout.fields] == [
        kind for shape in layout.shape for kind in SHAPES[shape]
    ]


def test_every_layout_has_a_row() -> None:
    assert {row.layout.name for row in INSTRUCTIONS} == set(LAYOUTS)


@ROWS
def test_roles_fit_the_fields(row: Instruction) -> None:
    assert len(row.names) == len(row.roles) == len(row.layout.fields)
    assert len(set(row.names)) == len(row.names)
    kinds = {
        Role.READ: {"reg"},
        Role.WRITE: {"reg"},
        Role.QUBIT: {"reg"},
        Role.UNUSED: {"reg"},
        Role.ADDRESS: {"addr"},
        Role.TARGET: {"i32"},
        Role.VALUE: {"u8", "i32"},
        Role.PARAMETER: {"u8", "i32"},
    }
    for role, field in zip(row.roles, row.layout.fields, strict=True):
        assert field.kind in kinds[role]


@ROWS
def test_every_operand_is_in_exactly_one_group_of_positions(row: Instruction) -> None:
    unused = tuple(at for at, role in enumerate(row.roles, start=1) if role is Role.UNUSED)
    target = () if row.target is None else (row.target,)
    grouped = [*row.reads, *row.writes, *row.addresses, *row.immediates, *target, *unused]
    assert sorted(grouped) == list(range(1, len(row.names) + 1))
    assert set(row.qubits) <= set(row.reads)
    assert set(row.parameters) <= set(row.immediates)


def test_branches_are_the_seven_of_the_language() -> None:
    assert {row.mnemonic for row in INSTRUCTIONS if row.target is not None} == {
        "jmp",
        "bez",
        "bnz",
        "beq",
        "bne",
        "blt",
        "bge",
    }


def test_templates_are_allowed_in_set_and_in_uncontrolled_angles_only() -> None:
    assert {
        row.mnemonic: [row.names[at - 1] for at in row.parameters] for row in INSTRUCTIONS if row.parameters
    } == {
        "set": ["value"],
        **{
            name: ["n", "d"]
            for name in (
                "rot_x",
                "rot_y",
                "rot_z",
                "rot_x_all",
                "rot_y_all",
                "rot_z_all",
                "bichromatic",
            )
        },
    }


@ROWS
def test_limits_name_immediates_and_narrow_them(row: Instruction) -> None:
    for name, highest in row.limits.items():
        position = row.names.index(name) + 1
        assert position in row.immediates
        assert 0 <= highest < row.layout.fields[position - 1].high


@ROWS
def test_example_assembles_to_its_row_and_prints_as_itself(row: Instruction) -> None:
    for flavour in row.flavours:
        ins = assemble_instruction(row.example, flavour)
        assert ins[0] == row.opcode
        assert len(ins) == 1 + len(row.names)
        assert disassemble_instruction(ins, flavour) == row.example
        assert lookup(row.opcode, flavour) is row


@ROWS
def test_effect_is_one_line(row: Instruction) -> None:
    assert row.effect
    assert "\n" not in row.effect


@ROWS
def test_flavours_that_lack_a_row_do_not_assemble_it(row: Instruction) -> None:
    for flavour in set(FLAVOURS) - set(row.flavours):
        with pytest.raises(IsaError, match=rf"^line 1, column 1: {row.mnemonic} is not in flavour {flavour}"):
            assemble_instruction(row.example, flavour)


def test_unknown_flavour_is_named_with_those_there_are() -> None:
    for call in (instruction_set, mnemonics):
        with pytest.raises(IsaError, match="'ion': allowed vanilla, nv, trapped_ion, reids"):
            call("ion")


def test_unknown_opcode_says_who_has_it() -> None:
    with pytest.raises(IsaError, match=r"no opcode 23 in flavour reids \(h in vanilla\)"):
        lookup(23, "reids")
    with pytest.raises(IsaError, match=r"no opcode 254 in flavour vanilla$"):
        lookup(254, "vanilla")


def test_rows_cannot_be_changed() -> None:
    row: Any = INSTRUCTIONS[0]
    with pytest.raises(AttributeError):
        row.opcode = 7
    rows: Any = instruction_set("vanilla")
    with pytest.raises(TypeError):
        rows[1] = row
