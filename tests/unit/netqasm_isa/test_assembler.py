"""The text language: what it accepts, what that means, and what it refuses where."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netqasm_isa import (
    AssemblyError,
    IsaError,
    NamedAddress,
    Subroutine,
    Template,
    assemble,
    assemble_instruction,
    disassemble_instruction,
)
from netqasm_isa import opcodes as op
from netqasm_isa.registers import M0, M15, Q0, R0, R1, R2, R3


def lines(text: str, flavour: str = "vanilla") -> list[str]:
    return [disassemble_instruction(ins, flavour) for ins in assemble(text, flavour).instructions]


def test_text_without_preamble_has_the_default_header() -> None:
    assert assemble("set R0 1") == Subroutine((0, 10), 0, "vanilla", ((op.SET, R0, 1),))


def test_empty_text_is_an_empty_subroutine() -> None:
    assert assemble("") == Subroutine()
    assert assemble("\n  // nothing\n#\n") == Subroutine()


@pytest.mark.parametrize("version", ["0.0", "0.10", "1.0", "255.255"])
def test_any_version_is_accepted(version: str) -> None:
    assert assemble(f"# NETQASM {version}").version == tuple(map(int, version.split(".")))


@pytest.mark.parametrize(
    "text",
    [
        "store R0  @0[R1]",
        "store\tR0\t@0[R1]",
        "  store R0 @0[R1]  // a comment",
        "store R0 @0[ R1 ]",
        "store R0 @0[R1]\r\n",
        "A: // the beginning\nstore R0 @0[R1]",
        "#\nstore R0 @0[R1]",
        "##\nstore R0 @0[R1]",
    ],
)
def test_blanks_comments_and_lone_hashes_do_not_matter(text: str) -> None:
    assert assemble(text).instructions == ((op.STORE, R0, 0, R1),)


def test_blanks_inside_a_slice_and_inside_round_brackets_do_not_matter() -> None:
    assert lines("wait_all @0[R1: R2]") == ["wait_all @0[R1:R2]"]
    assert (
        lines("create_epr( 1 , 0 ) 2 3 4") == lines("create_epr(1,0) 2 3 4") == lines("create_epr 1 0 2 3 4")
    )


def test_constants_go_into_the_lowest_registers_that_stand_nowhere() -> None:
    assert lines("ret_reg R1\nadd R0 5 6\nadd R0 7 8") == [
        "ret_reg R1",
        "set R2 5",
        "set R3 6",
        "add R0 R2 R3",
        "set R2 7",
        "set R3 8",
        "add R0 R2 R3",
    ]


def test_register_inside_brackets_alone_is_not_overwritten_by_a_constant() -> None:
    assert lines("store 7 @0[R0]") == ["set R1 7", "store R1 @0[R0]"]
    assert lines("wait_all @0[R0:R2]\nstore 7 @0[1]")[-3:] == ["set R1 7", "set R3 1", "store R1 @0[R3]"]


def test_constant_takes_any_int32() -> None:
    assert lines("store -2147483648 @0[2147483647]") == [
        "set R0 -2147483648",
        "set R1 2147483647",
        "store R0 @0[R1]",
    ]


def test_labels_and_numeric_targets_count_after_constants_are_expanded() -> None:
    assert lines("array 4 @0\nL:\nadd R0 R0 1\nbeq R0 9 L\njmp END\njmp 3\nEND:") == [
        "set R1 4",
        "array R1 @0",
        "set R1 1",
        "add R0 R0 R1",
        "set R1 9",
        "beq R0 R1 2",
        "jmp 8",
        "jmp 3",
    ]


def test_two_labels_may_name_one_place() -> None:
    assert lines("A:\nB:\njmp A\njmp B") == ["jmp 0", "jmp 0"]


def test_label_may_look_like_a_mnemonic_or_hold_a_register_name() -> None:
    assert lines("jmp set\nset:\njmp R1x\nR1x:") == ["jmp 1", "jmp 2"]


def test_macro_is_replaced_and_loses_its_braces() -> None:
    defines = "# DEFINE q Q3\n# DEFINE prepare {h Q3}\n# DEFINE res @12\n"
    assert lines(f"{defines}set $q 0\n$prepare\nx Q0\nstore M0 $res[R1]") == [
        "set Q3 0",
        "h Q3",
        "x Q0",
        "store M0 @12[R1]",
    ]


def test_macro_whose_name_begins_another_does_not_destroy_it() -> None:
    assert lines("# DEFINE a R1\n# DEFINE ab R2\nadd $a $ab $a") == ["add R1 R2 R1"]


def test_macro_may_be_followed_by_characters_of_a_name() -> None:
    assert lines("# DEFINE bank Q\nset $bank3 1") == ["set Q3 1"]


def test_macro_may_call_a_later_macro_but_not_an_earlier_one() -> None:
    assert lines("# DEFINE a $b\n# DEFINE b R4\nret_reg $a") == ["ret_reg R4"]
    with pytest.raises(AssemblyError, match=r"'\$a'"):
        assemble("# DEFINE a R4\n# DEFINE b $a\nret_reg $b")


def test_macro_may_hold_a_template_and_may_be_empty() -> None:
    assert lines("# DEFINE rotate {rot_x Q0 {n} 4}\n# DEFINE none {}\n$rotate\n$none") == ["rot_x Q0 {n} 4"]


def test_macro_that_calls_itself_is_not_expanded_again() -> None:
    with pytest.raises(AssemblyError, match=r"operand src is '\$a'"):
        assemble("# DEFINE a $a\nret_reg $a")


def test_macros_that_explode_are_refused() -> None:
    names = [f"m{chr(97 + number)}" for number in range(20)]
    defines = [f"# DEFINE {a} {{${b} ${b}}}" for a, b in pairwise(names)]
    with pytest.raises(AssemblyError, match="more than 10000 characters") as caught:
        assemble("\n".join([*defines, f"# DEFINE {names[-1]} x", f"${names[0]}"]))
    assert caught.value.line == 21


def test_templates_and_named_addresses_stay_open() -> None:
    made = assemble("set R0 {a}\nrot_x Q0 { n } {a}\nload R0 @input[R1]\nret_arr @output")
    assert made.instructions == (
        (op.SET, R0, Template("a")),
        (op.ROT_X, Q0, Template("n"), Template("a")),
        (op.LOAD, R0, NamedAddress("input"), R1),
        (op.RET_ARR, NamedAddress("output")),
    )
    assert made.arguments == ("a", "n", "a")


def test_single_instruction_is_assembled_without_a_subroutine_around_it() -> None:
    assert assemble_instruction("meas Q0 M0") == (op.MEAS, Q0, M0)
    assert assemble_instruction("jmp -1") == (op.JMP, -1)
    assert assemble_instruction("crot_x Q0 M15 255 0", "nv") == (op.CROT_X, Q0, M15, 255, 0)


@pytest.mark.parametrize("text", ["", "add R0 R0 1", "jmp L", "L:", "# APPID 1"])
def test_single_instruction_must_be_one_in_canonical_form(text: str) -> None:
    with pytest.raises(AssemblyError):
        assemble_instruction(text)


def test_numbers_may_have_leading_zeros() -> None:
    assert assemble("add R01 R002 R3\nset R0 -007").instructions == (
        (op.ADD, R1, R2, R3),
        (op.SET, R0, -7),
    )
    assert assemble(f"set R0 {'0' * 5000}7").instructions == ((op.SET, R0, 7),)


INT32 = r"-2147483648\.\.2147483647"
REFUSALS = [
    # text, line, column, message
    ("set R0 1\nset R16 1", 2, 5, r"operand dst is R16, register indices are 0\.\.15"),
    ("  set R-1 1", 1, 7, r"operand dst is R-1, .* 0\.\.15"),
    ("load R0 @0[R16]", 1, 12, r"operand index is R16, .* 0\.\.15"),
    ("wait_all @0[R0: R99]", 1, 17, r"operand stop is R99"),
    ("set R0 2147483648", 1, 8, rf"operand value is 2147483648, allowed {INT32}"),
    ("add R0 R0 -2147483649", 1, 11, rf"operand b is -2147483649, allowed {INT32}"),
    ("store R0 @0[5000000000]", 1, 13, rf"operand index is 5000000000, allowed {INT32}"),
    ("array(5000000000) @0", 1, 7, rf"operand size is 5000000000, allowed {INT32}"),
    ("array R0 @5000000000", 1, 10, r"operand address is 5000000000, allowed 0\.\.2147483647"),
    ("array R0 @-1", 1, 10, r"operand address is -1, allowed 0\.\.2147483647"),
    ("jmp 4294967296", 1, 5, "operand target is 4294967296"),
    ("jmp 2", 1, 5, r"operand target is 2, allowed 0\.\.1"),
    ("set R0 0\nbeq R0 R1 -1", 2, 11, r"operand target is -1, allowed 0\.\.2"),
    ("rot_x Q0 300 4", 1, 10, r"operand n is 300, allowed 0\.\.255"),
    ("rot_x Q0 1 -1", 1, 12, r"operand d is -1, allowed 0\.\.255"),
    ("meas_basis Q0 M0 0 0 256 4", 1, 22, r"operand x2 is 256, allowed 0\.\.255"),
    ("breakpoint 3 0", 1, 12, r"operand action is 3, allowed 0\.\.2"),
    ("breakpoint 0 2", 1, 14, r"operand role is 2, allowed 0\.\.1"),
    ("# APPID 65536", 1, 9, r"APPID is 65536, allowed 0\.\.65535"),
    ("#   APPID   x", 1, 13, "APPID is 'x'"),
    ("# APPID", 1, 8, "APPID is ''"),
    ("# NETQASM 0.256", 1, 11, r"allowed 0\.\.255"),
    ("# NETQASM 1", 1, 11, "two numbers"),
    ("# NETQASM 1.0\n# NETQASM 1.0", 2, 3, "NETQASM is given twice"),
    ("# FOO", 1, 3, "'FOO', allowed NETQASM, APPID, DEFINE"),
    ("A:\n# APPID 1", 2, 1, "must come before"),
    ("# DEFINE", 1, 9, "DEFINE ''"),
    ("# DEFINE 1a x", 1, 10, "DEFINE '1a'"),
    ("# DEFINE a", 1, 10, "has no value"),
    ("# DEFINE a x y", 1, 12, "stands in one pair of braces"),
    ("# DEFINE a {x} {y}", 1, 12, "stands in one pair of braces"),
    ("# DEFINE a {{x}", 1, 12, "stands in one pair of braces"),
    ("# DEFINE a {x", 1, 12, "stands in one pair of braces"),
    ("# DEFINE a x\n# DEFINE a y", 2, 10, "DEFINE a is given twice"),
    ("set $q 0", 1, 5, r"operand dst is '\$q', a register or a number is needed"),
    ("# DEFINE bad R77\nadd R0 $bad R1", 2, 8, "operand a is R77"),
    ("# DEFINE long R123\nadd $long R0 R99", 2, 5, "operand dst is R123"),
    ("# DEFINE long R5\nadd $long R0 R99", 2, 14, "operand b is R99"),
    ("A:\nA:", 2, 1, "label 'A' is given twice, first in line 1"),
    ("1A:", 1, 1, "label '1A'"),
    (":", 1, 1, "label ''"),
    ("A: set R0 1", 1, 1, "no mnemonic 'A:'"),
    ("jmp NOWHERE", 1, 5, "label 'NOWHERE' is not defined"),
    ("R1:\njmp R1", 2, 5, "'R1', which reads as a register"),
    ("A:\nset R0 A", 2, 8, "operand value is 'A', a number is needed"),
    ("A:\nadd R0 R0 A", 2, 11, "operand b is 'A', a register or a number is needed"),
    ("jmp @0", 1, 5, "operand target is '@0', a label or a number is needed"),
    ("foo R0", 1, 1, "no mnemonic 'foo'"),
    ("SET R0 1", 1, 1, "mnemonics are lower case"),
    ("crot_z Q0 Q1 8 4", 1, 1, "no mnemonic 'crot_z'"),
    ("crot_x Q0 Q1 8 4", 1, 1, "crot_x is not in flavour vanilla, only in nv"),
    ("add R0 R1", 1, 10, r"add takes 3 operands \(dst a b\), 2 given"),
    ("h Q0 Q1", 1, 6, r"h takes 1 operand \(qubit\), 2 given"),
    ("rot_x Q0 R1 4", 1, 10, "operand n is 'R1', a number is needed"),
    ("set R0 0x10", 1, 8, "operand value is '0x10'"),
    ("set R0 +1", 1, 8, r"operand value is '\+1'"),
    ("set R0 1_0", 1, 8, "operand value is '1_0'"),
    ("set R0 ١", 1, 8, "operand value is '١'"),
    ("set R0 {1x}", 1, 8, "template '{1x}'"),
    ("set R0 {", 1, 8, "operand value is '{'"),
    ("set {x} 1", 1, 5, "operand dst is '{x}', a register"),
    ("meas_basis Q0 M0 {x} 0 0 4", 1, 18, "x1 of meas_basis cannot be left open as {x}"),
    ("jmp {x}", 1, 5, "target of jmp cannot be left open"),
    ("array 4 3", 1, 9, "operand address is '3', an address like @3 is needed"),
    ("array R0 @0[R1]", 1, 10, "an address like @3 is needed"),
    ("load R0 @0", 1, 9, r"an array entry like @3\[R0\] is needed"),
    ("load R0 @0[R1:R2]", 1, 9, "an array entry like"),
    ("wait_all @0[R1]", 1, 10, "an array slice like"),
    ("wait_all @0[1:2:3]", 1, 10, "an array slice like"),
    ("load R0 @0[", 1, 9, "an array entry like"),
    ("load R0 @0[]", 1, 12, "operand index is ''"),
    ("load R0 @here[R0]", 1, 9, "'@here', allowed @0"),
    ("array(1 @0", 1, 6, "never closed"),
    ("array(1)@0", 1, 9, "a blank is needed"),
    ("array(R1) @0", 1, 7, "'R1' in brackets, a number is needed"),
    ("array() @0", 1, 7, "'' in brackets"),
]


@pytest.mark.parametrize(("text", "line", "column", "message"), REFUSALS, ids=[row[0] for row in REFUSALS])
def test_refusal_says_where_and_what(text: str, line: int, column: int, message: str) -> None:
    with pytest.raises(AssemblyError, match=message) as caught:
        assemble(text)
    assert (caught.value.line, caught.value.column) == (line, column)
    assert str(caught.value) == f"line {line}, column {column}: {caught.value.message}"


def test_number_of_ten_thousand_digits_is_out_of_range_and_quoted_short() -> None:
    with pytest.raises(AssemblyError) as caught:
        assemble(f"set R0 {'9' * 10000}")
    assert len(str(caught.value)) < 200


def test_constant_without_a_free_register_is_refused() -> None:
    text = "\n".join(f"set R{index} 0" for index in range(15))
    assert lines(f"{text}\nadd R0 R0 1")[-2:] == ["set R15 1", "add R0 R0 R15"]
    with pytest.raises(AssemblyError, match="no R register is left to load the number 2") as caught:
        assemble(f"{text}\nadd R0 1 2")
    assert (caught.value.line, caught.value.column) == (16, 10)


def test_unknown_flavour_is_refused() -> None:
    with pytest.raises(IsaError, match="no flavour 'ion'"):
        assemble("", "ion")


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_text_assembles_or_is_refused(text: str) -> None:
    try:
        assemble(text)
    except AssemblyError as error:
        assert error.line >= 1
        assert error.column >= 1


FRAGMENTS = [
    "set",
    "add",
    "load",
    "jmp",
    "array(",
    ")",
    "R0",
    "R16",
    "Q3",
    "@0",
    "@input",
    "[",
    "]",
    ":",
    "{",
    "}",
    "n",
]
FRAGMENTS += [
    "$a",
    "# DEFINE a ",
    "# APPID ",
    "# NETQASM 1.0",
    "-",
    "5",
    "4294967296",
    ",",
    " ",
    "\n",
    "//",
    "L:",
    "L",
]


@settings(deadline=None)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=25).map("".join))
def test_any_mix_of_fragments_of_the_language_assembles_or_is_refused(text: str) -> None:
    try:
        made = assemble(text)
    except AssemblyError as error:
        assert 1 <= error.line <= text.count("\n") + 1
        return
    assert assemble(str(made)) == made
